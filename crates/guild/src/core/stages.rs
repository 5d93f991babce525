//! Stages that go on in stage channels (Stage Instance page), as rows of `Table::GuildMisc`. Who may speak on one is in its
//! voice state: see `voice`.

use std::collections::BTreeMap;

use consort_actor::{Cx, Outcome, Stop};
use consort_conversation::{Draft, blank, post};
use consort_model::stage::GUILD_ONLY;
use consort_model::{
    ApiError, AuditLogChange, AuditLogEvent, ChannelId, ChannelType, EventId, Intents, MessageType,
    Permissions, StageId, StageInstance, UserId,
};
use consort_rpc::guild::stage::Op;
use consort_rpc::{Audience, Event};
use consort_store::{Key, Table};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Guild;
use super::audit::Note;
use crate::planted::Leak;

/// Keys in `Table::GuildMisc` of stages, each followed by its channel.
pub(super) const STAGE: &[u8] = b"stage/";
/// How long nobody speaks on a stage before it closes, in milliseconds. Upstream "on the order of minutes".
const SILENT_MS: u64 = 3 * 60_000;
/// Properties that the audit log follows.
const AUDITED: &[&str] = &["topic", "privacy_level"];

/// A stage that goes on: the row.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Stage {
    instance: StageInstance,
    /// Since when nobody is there who may speak, Unix milliseconds.
    silent_since_ms: Option<u64>,
}

/// The stages of a guild.
#[derive(Debug, Default)]
pub(crate) struct Stages(BTreeMap<ChannelId, Stage>);

impl Stages {
    /// Takes up a stored stage.
    pub(super) fn restore(&mut self, stage: Stage) {
        self.0.insert(stage.instance.channel_id, stage);
    }

    /// When the next one closes by itself, Unix milliseconds.
    pub(super) fn next_ms(&self) -> Option<u64> {
        self.0.values().filter_map(|stage| stage.silent_since_ms).min().map(|since| since + SILENT_MS)
    }

    fn due(&self, now_ms: u64) -> Vec<ChannelId> {
        let due = |stage: &Stage| stage.silent_since_ms.is_some_and(|since| since + SILENT_MS <= now_ms);
        self.0.iter().filter(|(_, stage)| due(stage)).map(|(channel, _)| *channel).collect()
    }

    fn get(&self, channel: ChannelId) -> Option<&StageInstance> {
        self.0.get(&channel).map(|stage| &stage.instance)
    }

    fn of_event(&self, event: EventId) -> Option<ChannelId> {
        let of_event = |stage: &&Stage| stage.instance.guild_scheduled_event_id == Some(event);
        self.0.values().find(of_event).map(|stage| stage.instance.channel_id)
    }
}

fn key(channel: ChannelId) -> Key {
    Key::bytes(&[STAGE, &channel.get().to_be_bytes()].concat())
}

impl Guild {
    pub(crate) fn handle_stage(&mut self, cx: &mut Cx<'_>, op: &Op) -> Result<Outcome, Stop> {
        match op {
            Op::Get { channel } => {
                self.require_in(cx, *channel, Permissions::VIEW_CHANNEL)?;
                Outcome::json(self.stages.get(*channel).ok_or_else(ApiError::unknown_stage)?)
            }
            Op::Open { channel, topic, notify, event } => {
                self.may_moderate_stage(cx, *channel)?;
                if *notify {
                    self.require_in(cx, *channel, Permissions::MENTION_EVERYONE)?;
                }
                if self.is_stage_open(*channel) {
                    return Err(ApiError::stage_already_open().into());
                }
                if let Some(event) = event {
                    self.may_begin_stage_event(cx, *event, *channel)?;
                }
                let stage = self.open_stage(cx, *channel, topic, *notify, *event);
                if let Some(event) = event {
                    self.begin_stage_event(cx, *event, stage);
                }
                Outcome::json(self.stages.get(*channel).ok_or_else(ApiError::unknown_stage)?)
            }
            Op::Update { channel, topic } => self.update_stage(cx, *channel, topic.as_deref()),
            Op::Close { channel } => {
                self.may_moderate_stage(cx, *channel)?;
                self.stages.get(*channel).ok_or_else(ApiError::unknown_stage)?;
                self.close_stage(cx, *channel);
                Outcome::EMPTY
            }
        }
    }

    /// A stage channel that the caller moderates (Permissions, "Stage moderators").
    pub(super) fn may_moderate_stage(&self, cx: &Cx<'_>, channel: ChannelId) -> Result<(), Stop> {
        let rights = Permissions::MANAGE_CHANNELS | Permissions::MUTE_MEMBERS | Permissions::MOVE_MEMBERS;
        let rights = if Leak::Stages.is_planted() { Permissions::VIEW_CHANNEL } else { rights };
        self.require_in(cx, channel, rights)?;
        match self.channel(channel)?.kind {
            ChannelType::GuildStageVoice => Ok(()),
            _ => Err(ApiError::wrong_channel_type().into()),
        }
    }

    /// Whether something goes on in a stage channel.
    pub(super) fn is_stage_open(&self, channel: ChannelId) -> bool {
        self.stages.get(channel).is_some()
    }

    /// Opens a stage in a channel where none is; its id.
    pub(super) fn open_stage(
        &mut self,
        cx: &mut Cx<'_>,
        channel: ChannelId,
        topic: &str,
        notify: bool,
        event: Option<EventId>,
    ) -> StageId {
        let instance = StageInstance {
            id: cx.next_id().into(),
            guild_id: self.id,
            channel_id: channel,
            topic: topic.to_owned(),
            privacy_level: GUILD_ONLY,
            discoverable_disabled: true,
            guild_scheduled_event_id: event,
        };
        let id = instance.id;
        let silent_since_ms = (!self.is_spoken_on(channel)).then_some(cx.now_ms);
        self.put_stage(cx, Stage { instance: instance.clone(), silent_since_ms });
        let audience = self.audience_of(channel);
        self.publish_stage(cx, audience, "STAGE_INSTANCE_CREATE", &instance);
        self.audit_stage(cx, AuditLogEvent::StageInstanceCreate, None, Some(&instance));
        self.say_on_stage(cx, (channel, cx.caller.user), MessageType::StageStart, topic, notify);
        id
    }

    fn update_stage(
        &mut self,
        cx: &mut Cx<'_>,
        channel: ChannelId,
        topic: Option<&str>,
    ) -> Result<Outcome, Stop> {
        self.may_moderate_stage(cx, channel)?;
        let old = self.stages.get(channel).ok_or_else(ApiError::unknown_stage)?.clone();
        let Some(topic) = topic.filter(|topic| *topic != old.topic) else { return Outcome::json(&old) };
        let new = StageInstance { topic: topic.to_owned(), ..old.clone() };
        let silent_since_ms = self.stages.0.get(&channel).and_then(|stage| stage.silent_since_ms);
        self.put_stage(cx, Stage { instance: new.clone(), silent_since_ms });
        let audience = self.audience_of(channel);
        self.publish_stage(cx, audience, "STAGE_INSTANCE_UPDATE", &new);
        self.audit_stage(cx, AuditLogEvent::StageInstanceUpdate, Some(&old), Some(&new));
        self.say_on_stage(cx, (channel, cx.caller.user), MessageType::StageTopic, topic, false);
        Outcome::json(&new)
    }

    /// The caller closes a stage, if it is open.
    fn close_stage(&mut self, cx: &mut Cx<'_>, channel: ChannelId) {
        if let Some(instance) = self.drop_stage(cx, channel) {
            self.audit_stage(cx, AuditLogEvent::StageInstanceDelete, Some(&instance), None);
            self.say_on_stage(cx, (channel, cx.caller.user), MessageType::StageEnd, &instance.topic, false);
        }
    }

    /// Ends a stage, if it is open, and the event that it is.
    pub(super) fn drop_stage(&mut self, cx: &mut Cx<'_>, channel: ChannelId) -> Option<StageInstance> {
        let instance = self.stages.0.remove(&channel)?.instance;
        cx.delete(Table::GuildMisc, self.id.get(), key(channel));
        let audience = self.audience_of(channel);
        self.publish_stage(cx, audience, "STAGE_INSTANCE_DELETE", &instance);
        if let Some(event) = instance.guild_scheduled_event_id {
            self.end_stage_event(cx, event);
        }
        Some(instance)
    }

    /// An event on a stage is over: so is the stage.
    pub(super) fn drop_stage_of_event(&mut self, cx: &mut Cx<'_>, event: EventId) {
        if let Some(channel) = self.stages.of_event(event) {
            self.drop_stage(cx, channel);
        }
    }

    /// Closes stages on which nobody has spoken for long.
    pub(super) fn close_silent_stages(&mut self, cx: &mut Cx<'_>) {
        for channel in self.stages.due(cx.now_ms) {
            self.drop_stage(cx, channel);
        }
    }

    /// Somebody has come to a channel, left it, or may now speak there, or not any more.
    pub(super) fn note_speakers(&mut self, cx: &mut Cx<'_>, channel: ChannelId) {
        let Some(mut stage) = self.stages.0.get(&channel).cloned() else { return };
        let silent = !self.is_spoken_on(channel);
        if silent != stage.silent_since_ms.is_some() {
            stage.silent_since_ms = silent.then_some(cx.now_ms);
            self.put_stage(cx, stage);
        }
    }

    fn is_spoken_on(&self, channel: ChannelId) -> bool {
        self.voice.states().any(|state| state.channel_id == Some(channel) && !state.suppress)
    }

    fn put_stage(&mut self, cx: &mut Cx<'_>, stage: Stage) {
        cx.put(Table::GuildMisc, self.id.get(), key(stage.instance.channel_id), &stage);
        self.stages.restore(stage);
    }

    /// Stages as GUILD_CREATE has them, of those channels that `sees`.
    pub(super) fn shown_stages(&self, sees: impl Fn(ChannelId) -> bool) -> Vec<&StageInstance> {
        self.stages
            .0
            .iter()
            .filter(|(channel, _)| sees(**channel))
            .map(|(_, stage)| &stage.instance)
            .collect()
    }

    /// Tells those who begin, or cease, to see a channel of its stage.
    pub(super) fn sync_stage(&self, cx: &mut Cx<'_>, channel: ChannelId, audience: &Audience, gone: bool) {
        let name = if gone { "STAGE_INSTANCE_DELETE" } else { "STAGE_INSTANCE_CREATE" };
        if let Some(instance) = self.stages.get(channel) {
            self.publish_stage(cx, audience.clone(), name, instance);
        }
    }

    fn publish_stage(
        &self,
        cx: &mut Cx<'_>,
        audience: Audience,
        name: &'static str,
        instance: &StageInstance,
    ) {
        self.publish(cx, Event::new(name, Intents::GUILDS, audience, instance));
    }

    fn audit_stage(
        &self,
        cx: &mut Cx<'_>,
        action: AuditLogEvent,
        old: Option<&StageInstance>,
        new: Option<&StageInstance>,
    ) {
        let Some(instance) = new.or(old) else { return };
        let value = |instance: Option<&StageInstance>| instance.map_or(Value::Null, |stage| json!(stage));
        let changes = AuditLogChange::between(&value(old), &value(new), AUDITED);
        let note = Note::of(instance.id, changes).with("channel_id", instance.channel_id);
        self.audit(cx, action, note);
    }

    /// Somebody speaks on a stage who did not before; that stands in the talk of one that goes on.
    pub(super) fn say_who_speaks(&mut self, cx: &mut Cx<'_>, channel: ChannelId, user: UserId) {
        if self.is_stage_open(channel) {
            self.say_on_stage(cx, (channel, user), MessageType::StageSpeaker, "", false);
        }
    }

    /// What happens on a stage stands in its talk, in the name of who did it.
    fn say_on_stage(
        &mut self,
        cx: &mut Cx<'_>,
        (channel, user): (ChannelId, UserId),
        kind: MessageType,
        content: &str,
        notify: bool,
    ) {
        let Some(author) = self.account(user) else { return };
        let mut message = blank(cx, channel, author, kind);
        content.clone_into(&mut message.content);
        message.mention_everyone = notify;
        post(self, cx, Draft { message, silent: !notify });
    }
}
