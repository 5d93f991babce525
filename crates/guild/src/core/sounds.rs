//! The soundboard of a guild (Soundboard page). Its files are stored by the edge.

use std::sync::Arc;

use consort_actor::{Cx, Outcome, Stop};
use consort_files::{name, orphans};
use consort_model::{
    ApiError, AuditLogChange, AuditLogEvent, ChannelId, EmojiId, Intents, Patch, Permissions, SoundId,
    SoundboardSound, UserId, limits,
};
use consort_rpc::guild::sound::{Op, SoundForm};
use consort_rpc::relay::{self, SessionKey};
use consort_rpc::{Audience, Event, Publication};
use consort_store::Table;
use serde_json::{Value, json};

use super::Guild;
use super::audit::Note;
use crate::planted::Leak;

/// Properties of a sound that the audit log follows.
const AUDITED: &[&str] = &["name", "volume", "emoji_id", "emoji_name"];

impl Guild {
    pub(crate) fn handle_sound(&mut self, cx: &mut Cx<'_>, op: &Op) -> Result<Outcome, Stop> {
        match op {
            Op::List => {
                self.require_member(cx)?;
                let maker = self.sees_makers(cx);
                let items: Vec<_> = self.sounds.values().map(|sound| shown(sound, maker)).collect();
                Outcome::json(&json!({ "items": items }))
            }
            Op::Get { sound } => {
                self.require_member(cx)?;
                let found = self.sounds.get(sound).ok_or_else(ApiError::unknown_sound)?;
                Outcome::json(&shown(found, self.sees_makers(cx)))
            }
            Op::Create { id, form } => self.create_sound(cx, *id, form),
            Op::Update { sound, form } => self.update_sound(cx, *sound, form),
            Op::Delete { sound } => self.delete_sound(cx, *sound),
            Op::Send { channel, sound, external } => {
                self.send_sound(cx, *channel, *sound, external.as_deref())
            }
        }
    }

    fn create_sound(&mut self, cx: &mut Cx<'_>, id: SoundId, form: &SoundForm) -> Result<Outcome, Stop> {
        self.may_create_expression(cx)?;
        if self.sounds.len() >= limits::SOUNDS_MAX_BY_TIER[self.tier()] {
            return Err(ApiError::max_sounds().into());
        }
        let blank = SoundboardSound {
            name: String::new(),
            sound_id: id,
            volume: 1.0,
            emoji_id: None,
            emoji_name: None,
            guild_id: Some(self.id),
            available: true,
            user: self.account(cx.caller.user),
        };
        let sound = self.changed_sound(blank, form)?;
        orphans::claim(&mut cx.batch, &name::sound(id.get()));
        self.put_sound(cx, sound.clone());
        self.publish_all(cx, "GUILD_SOUNDBOARD_SOUND_CREATE", Intents::GUILD_EXPRESSIONS, &sound);
        self.audit_sound(cx, AuditLogEvent::SoundboardSoundCreate, None, Some(&sound));
        Outcome::created(&sound)
    }

    fn update_sound(&mut self, cx: &mut Cx<'_>, id: SoundId, form: &SoundForm) -> Result<Outcome, Stop> {
        let old = self.managed_sound(cx, id)?;
        let sound = self.changed_sound(old.clone(), form)?;
        if sound != old {
            self.put_sound(cx, sound.clone());
            self.publish_all(cx, "GUILD_SOUNDBOARD_SOUND_UPDATE", Intents::GUILD_EXPRESSIONS, &sound);
            self.audit_sound(cx, AuditLogEvent::SoundboardSoundUpdate, Some(&old), Some(&sound));
        }
        Outcome::json(&sound)
    }

    fn delete_sound(&mut self, cx: &mut Cx<'_>, id: SoundId) -> Result<Outcome, Stop> {
        let old = self.managed_sound(cx, id)?;
        self.sounds.remove(&id);
        cx.delete(Table::Sounds, self.id.get(), id.get());
        let now_ms = cx.now_ms;
        orphans::release(&mut cx.batch, &name::sound(id.get()), now_ms);
        let body = json!({"sound_id": id, "guild_id": self.id});
        self.publish_all(cx, "GUILD_SOUNDBOARD_SOUND_DELETE", Intents::GUILD_EXPRESSIONS, &body);
        self.audit_sound(cx, AuditLogEvent::SoundboardSoundDelete, Some(&old), None);
        Outcome::EMPTY
    }

    /// A sound that the caller may change.
    fn managed_sound(&self, cx: &Cx<'_>, id: SoundId) -> Result<SoundboardSound, Stop> {
        self.require_member(cx)?;
        let found = self.sounds.get(&id).ok_or_else(ApiError::unknown_sound)?;
        self.may_manage_expression(cx, found.user.as_ref().map(|user| user.id))?;
        Ok(found.clone())
    }

    /// A sound with a change applied. It is shown with one emoji: a new one of either kind takes the place of the other.
    fn changed_sound(&self, mut sound: SoundboardSound, form: &SoundForm) -> Result<SoundboardSound, Stop> {
        if let Some(name) = &form.name {
            sound.name.clone_from(name);
        }
        form.volume.apply_or(&mut sound.volume, 1.0);
        if let Patch::Value(emoji) = &form.emoji_id
            && !self.emojis.contains_key(emoji)
        {
            return Err(ApiError::unknown_emoji().into());
        }
        match (&form.emoji_id, &form.emoji_name) {
            (Patch::Value(emoji), _) => (sound.emoji_id, sound.emoji_name) = (Some(*emoji), None),
            (_, Patch::Value(name)) => (sound.emoji_id, sound.emoji_name) = (None, Some(name.clone())),
            (id, name) => {
                id.apply(&mut sound.emoji_id);
                name.clone().apply(&mut sound.emoji_name);
            }
        }
        Ok(sound)
    }

    fn put_sound(&mut self, cx: &mut Cx<'_>, sound: SoundboardSound) {
        cx.put(Table::Sounds, self.id.get(), sound.sound_id.get(), &sound);
        self.sounds.insert(sound.sound_id, sound);
    }

    /// An emoji is gone, and sounds are shown with it no more.
    pub(super) fn forget_emoji_of_sounds(&mut self, cx: &mut Cx<'_>, emoji: EmojiId) {
        let shown = self.sounds.values().filter(|sound| sound.emoji_id == Some(emoji));
        let bare: Vec<_> = shown.map(|sound| SoundboardSound { emoji_id: None, ..sound.clone() }).collect();
        for sound in &bare {
            self.put_sound(cx, sound.clone());
        }
        match bare.as_slice() {
            [] => {}
            [one] => {
                self.publish_all(cx, "GUILD_SOUNDBOARD_SOUND_UPDATE", Intents::GUILD_EXPRESSIONS, one);
            }
            many => {
                let body = json!({"soundboard_sounds": many, "guild_id": self.id});
                self.publish_all(cx, "GUILD_SOUNDBOARD_SOUNDS_UPDATE", Intents::GUILD_EXPRESSIONS, &body);
            }
        }
    }

    /// Opcode 31: a session asks for all sounds.
    pub(super) fn tell_sounds(&self, cx: &mut Cx<'_>, session: SessionKey) -> Result<Outcome, Stop> {
        self.require_member(cx)?;
        let sounds: Vec<_> = self.sounds.values().collect();
        let body = json!({"soundboard_sounds": sounds, "guild_id": self.id});
        let event = Event::new("SOUNDBOARD_SOUNDS", Intents::empty(), Audience::all(), &body);
        let message = relay::Op::Direct { sessions: vec![session], event: Arc::new(event) };
        cx.publish(Publication::Relay { node: session.node, message });
        Outcome::EMPTY
    }

    fn send_sound(
        &self,
        cx: &mut Cx<'_>,
        channel: ChannelId,
        sound: SoundId,
        external: Option<&SoundboardSound>,
    ) -> Result<Outcome, Stop> {
        let user = cx.caller.user;
        self.require_voice_channel(channel)?;
        let besides = match external {
            Some(_) if !Leak::Sounds.is_planted() => Permissions::USE_EXTERNAL_SOUNDS,
            _ => Permissions::empty(),
        };
        self.require_in(cx, channel, Permissions::SPEAK | Permissions::USE_SOUNDBOARD | besides)?;
        let inside = self.voice.get(user).filter(|speaker| speaker.state.channel_id == Some(channel));
        let state = &inside.ok_or_else(ApiError::unknown_voice_state)?.state;
        let suppressed = state.suppress && !Leak::Sounds.is_planted();
        if state.deaf || state.self_deaf || state.mute || suppressed {
            return Err(ApiError::missing_permissions().into());
        }
        let own = self.sounds.get(&sound).filter(|sound| sound.available);
        let sound = external.or(own).ok_or_else(ApiError::unknown_sound)?;
        self.publish_sound(cx, channel, user, sound);
        Outcome::EMPTY
    }

    /// VOICE_CHANNEL_EFFECT_SEND goes to those in the channel. Clients play the file themselves.
    fn publish_sound(&self, cx: &mut Cx<'_>, channel: ChannelId, user: UserId, sound: &SoundboardSound) {
        let own = sound.emoji_id.and_then(|emoji| self.emojis.get(&emoji));
        let name = own.map(|emoji| emoji.name.clone()).or_else(|| sound.emoji_name.clone());
        let animated = own.is_some_and(|emoji| emoji.animated);
        let emoji = (sound.emoji_id.is_some() || name.is_some())
            .then(|| json!({"id": sound.emoji_id, "name": name, "animated": animated}));
        let body = json!({
            "channel_id": channel, "guild_id": self.id, "user_id": user, "emoji": emoji, "animation_type": null,
            "sound_id": sound.sound_id, "sound_volume": sound.volume,
        });
        let inside = self.voice.states().filter(|state| state.channel_id == Some(channel));
        let sees = |user: &UserId| self.holds(*user, channel, Permissions::VIEW_CHANNEL, cx.now_ms);
        let audience = Audience::users(inside.map(|state| state.user_id).filter(sees).collect::<Vec<_>>());
        let mut event = Event::new("VOICE_CHANNEL_EFFECT_SEND", Intents::GUILD_VOICE_STATES, audience, &body);
        event.volatile = true;
        self.publish(cx, event);
    }

    fn audit_sound(
        &self,
        cx: &mut Cx<'_>,
        action: AuditLogEvent,
        old: Option<&SoundboardSound>,
        new: Option<&SoundboardSound>,
    ) {
        let Some(sound) = new.or(old) else { return };
        let value = |sound: Option<&SoundboardSound>| sound.map_or(Value::Null, |sound| json!(sound));
        let changes = AuditLogChange::between(&value(old), &value(new), AUDITED);
        self.audit(cx, action, Note::of(sound.sound_id, changes));
    }
}

fn shown(sound: &SoundboardSound, maker: bool) -> SoundboardSound {
    SoundboardSound { user: sound.user.clone().filter(|_| maker), ..sound.clone() }
}
