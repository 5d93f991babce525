//! Emojis and stickers of a guild. Their images are stored by the edge.

use consort_actor::{Cx, Outcome, Stop};
use consort_files::{name, orphans};
use consort_model::{
    ApiError, AuditLogChange, AuditLogEvent, Emoji, EmojiId, Intents, PartialEmoji, Patch, Permissions,
    RoleId, Sticker, StickerId, UserId, limits,
};
use consort_rpc::guild::emoji::{EMOJI_INDEX_KEY, INDEX_KEY, IndexRow, Op};
use consort_store::{Key, Table};
use serde::Serialize;
use serde_json::{Value, json};

use super::Guild;
use super::audit::Note;
use crate::planted::Leak;

/// Properties of an emoji that the audit log follows.
const AUDITED: &[&str] = &["name", "roles"];
/// Properties of a sticker that the audit log follows.
const AUDITED_STICKER: &[&str] =
    &["name", "description", "tags", "type", "format_type", "available", "guild_id", "id"];
/// A guild's own sticker (Sticker, Sticker Types).
const GUILD_STICKER: u8 = 2;

impl Guild {
    pub(crate) fn handle_emoji(&mut self, cx: &mut Cx<'_>, op: &Op) -> Result<Outcome, Stop> {
        match op {
            Op::List => {
                self.require_member(cx)?;
                let maker = self.sees_makers(cx);
                Outcome::json(&self.emojis.values().map(|emoji| shown(emoji, maker)).collect::<Vec<_>>())
            }
            Op::Get { emoji } => {
                self.require_member(cx)?;
                let found = self.emojis.get(emoji).ok_or_else(ApiError::unknown_emoji)?;
                Outcome::json(&shown(found, self.sees_makers(cx)))
            }
            Op::Usable { emoji } => {
                self.require_member(cx)?;
                let found = self.emojis.get(emoji).filter(|emoji| self.may_use(cx.caller.user, emoji));
                let found = found.ok_or_else(ApiError::unknown_emoji)?;
                let (id, name) = (Some(found.id), Some(found.name.clone()));
                Outcome::json(&PartialEmoji { id, name, animated: found.animated })
            }
            Op::Create { id, name, animated, roles } => self.create_emoji(cx, *id, name, *animated, roles),
            Op::Update { emoji, name, roles } => self.update_emoji(cx, *emoji, name.as_deref(), roles),
            Op::Delete { emoji } => self.delete_emoji(cx, *emoji),
            Op::ListStickers => {
                self.require_member(cx)?;
                let maker = self.sees_makers(cx);
                Outcome::json(&self.stickers.values().map(|s| shown_sticker(s, maker)).collect::<Vec<_>>())
            }
            Op::GetSticker { sticker } => {
                self.require_member(cx)?;
                let found = self.stickers.get(sticker).ok_or_else(ApiError::unknown_sticker)?;
                Outcome::json(&shown_sticker(found, self.sees_makers(cx)))
            }
            Op::CreateSticker { id, name, description, tags, format } => {
                self.create_sticker(cx, *id, name, description.clone(), tags, *format)
            }
            Op::UpdateSticker { sticker, name, description, tags } => {
                self.update_sticker(cx, *sticker, name.as_deref(), description, tags.as_deref())
            }
            Op::DeleteSticker { sticker } => self.delete_sticker(cx, *sticker),
        }
    }

    /// Whether a user may use an emoji of this guild: one with roles is for who has one of them (Emoji, Emoji Object).
    pub(crate) fn may_use(&self, user: UserId, emoji: &Emoji) -> bool {
        let held = self.members.roles(user);
        emoji.roles.is_empty()
            || Leak::Emojis.is_planted()
            || emoji.roles.iter().any(|role| held.contains(role))
    }

    /// Who made an emoji, sticker or sound is shown to those who may make some themselves (Emoji, List Guild Emojis).
    pub(super) fn sees_makers(&self, cx: &Cx<'_>) -> bool {
        let held = self.permissions(cx.caller.user, cx.now_ms);
        let may_make =
            held.intersects(Permissions::CREATE_GUILD_EXPRESSIONS | Permissions::MANAGE_GUILD_EXPRESSIONS);
        !cx.caller.system && (may_make || Leak::Makers.is_planted())
    }

    fn may_manage_sticker(&self, cx: &Cx<'_>, sticker: &Sticker) -> Result<(), Stop> {
        let maker = sticker.user.as_ref().map(|user| user.id);
        self.may_manage_expression(cx, if Leak::Stickers.is_planted() { Some(cx.caller.user) } else { maker })
    }

    /// MANAGE_GUILD_EXPRESSIONS, or CREATE_GUILD_EXPRESSIONS for what the caller has made itself.
    pub(super) fn may_manage_expression(&self, cx: &Cx<'_>, maker: Option<UserId>) -> Result<(), Stop> {
        let own = maker == Some(cx.caller.user);
        let held = self.permissions(cx.caller.user, cx.now_ms);
        if own && held.contains(Permissions::CREATE_GUILD_EXPRESSIONS) {
            return Ok(());
        }
        self.require(cx, Permissions::MANAGE_GUILD_EXPRESSIONS)
    }

    pub(super) fn may_create_expression(&self, cx: &Cx<'_>) -> Result<(), Stop> {
        self.require_member(cx)?;
        self.may_manage_expression(cx, Some(cx.caller.user))
    }

    pub(super) fn tier(&self) -> usize {
        usize::from(self.info.premium_tier).min(limits::EMOJIS_MAX_BY_TIER.len() - 1)
    }

    fn require_roles(&self, roles: &[RoleId]) -> Result<(), Stop> {
        match roles.iter().all(|role| self.roles.contains_key(role)) {
            true => Ok(()),
            false => Err(ApiError::unknown_role().into()),
        }
    }

    fn create_emoji(
        &mut self,
        cx: &mut Cx<'_>,
        id: EmojiId,
        called: &str,
        animated: bool,
        roles: &[RoleId],
    ) -> Result<Outcome, Stop> {
        self.may_create_expression(cx)?;
        let equal = self.emojis.values().filter(|emoji| emoji.animated == animated).count();
        if equal >= limits::EMOJIS_MAX_BY_TIER[self.tier()] {
            let error = if animated { ApiError::max_animated_emojis() } else { ApiError::max_emojis() };
            return Err(error.into());
        }
        self.require_roles(roles)?;
        let emoji = Emoji {
            id,
            name: called.to_owned(),
            roles: roles.to_vec(),
            user: self.account(cx.caller.user),
            require_colons: true,
            managed: false,
            animated,
            available: true,
        };
        orphans::claim(&mut cx.batch, &name::emoji(id.get()));
        cx.put(Table::GuildMisc, id.get(), Key::text(EMOJI_INDEX_KEY), &IndexRow { guild: self.id });
        self.put_emoji(cx, emoji.clone());
        let changes = AuditLogChange::between(&Value::Null, &value(&emoji), AUDITED);
        self.audit(cx, AuditLogEvent::EmojiCreate, Note::of(id, changes));
        Outcome::created(&emoji)
    }

    fn update_emoji(
        &mut self,
        cx: &mut Cx<'_>,
        id: EmojiId,
        name: Option<&str>,
        roles: &Patch<Vec<RoleId>>,
    ) -> Result<Outcome, Stop> {
        self.require_member(cx)?;
        let old = self.emojis.get(&id).ok_or_else(ApiError::unknown_emoji)?.clone();
        self.may_manage_expression(cx, old.user.as_ref().map(|user| user.id))?;
        self.require_roles(roles.as_option().map(Vec::as_slice).unwrap_or_default())?;
        let mut emoji = old.clone();
        emoji.name = name.unwrap_or(&old.name).to_owned();
        roles.clone().apply_or(&mut emoji.roles, Vec::new());
        if emoji != old {
            self.put_emoji(cx, emoji.clone());
            let changes = AuditLogChange::between(&value(&old), &value(&emoji), AUDITED);
            self.audit(cx, AuditLogEvent::EmojiUpdate, Note::of(id, changes));
        }
        Outcome::json(&emoji)
    }

    fn delete_emoji(&mut self, cx: &mut Cx<'_>, id: EmojiId) -> Result<Outcome, Stop> {
        self.require_member(cx)?;
        let old = self.emojis.get(&id).ok_or_else(ApiError::unknown_emoji)?.clone();
        self.may_manage_expression(cx, old.user.as_ref().map(|user| user.id))?;
        self.emojis.remove(&id);
        cx.delete(Table::Emojis, self.id.get(), id.get());
        let now_ms = cx.now_ms;
        orphans::release(&mut cx.batch, &name::emoji(id.get()), now_ms);
        cx.delete(Table::GuildMisc, id.get(), Key::text(EMOJI_INDEX_KEY));
        self.publish_emojis(cx);
        self.forget_emoji_of_sounds(cx, id);
        let changes = AuditLogChange::between(&value(&old), &Value::Null, AUDITED);
        self.audit(cx, AuditLogEvent::EmojiDelete, Note::of(id, changes));
        Outcome::EMPTY
    }

    fn put_emoji(&mut self, cx: &mut Cx<'_>, emoji: Emoji) {
        cx.put(Table::Emojis, self.id.get(), emoji.id.get(), &emoji);
        self.emojis.insert(emoji.id, emoji);
        self.publish_emojis(cx);
    }

    fn publish_emojis(&self, cx: &mut Cx<'_>) {
        let emojis: Vec<_> = self.emojis.values().collect();
        let body = json!({"guild_id": self.id, "emojis": emojis});
        self.publish_all(cx, "GUILD_EMOJIS_UPDATE", Intents::GUILD_EXPRESSIONS, &body);
    }

    fn create_sticker(
        &mut self,
        cx: &mut Cx<'_>,
        id: StickerId,
        called: &str,
        description: Option<String>,
        tags: &str,
        format_type: u8,
    ) -> Result<Outcome, Stop> {
        self.may_create_expression(cx)?;
        if self.stickers.len() >= limits::STICKERS_MAX_BY_TIER[self.tier()] {
            return Err(ApiError::max_stickers().into());
        }
        let sticker = Sticker {
            id,
            name: called.to_owned(),
            description,
            tags: tags.to_owned(),
            kind: GUILD_STICKER,
            format_type,
            available: true,
            guild_id: self.id,
            user: self.account(cx.caller.user),
        };
        cx.put(Table::GuildMisc, id.get(), Key::text(INDEX_KEY), &IndexRow { guild: self.id });
        orphans::claim(&mut cx.batch, &name::sticker(id.get()));
        self.put_sticker(cx, sticker.clone());
        let changes = AuditLogChange::between(&Value::Null, &value(&sticker), AUDITED_STICKER);
        self.audit(cx, AuditLogEvent::StickerCreate, Note::of(id, changes));
        Outcome::created(&sticker)
    }

    fn update_sticker(
        &mut self,
        cx: &mut Cx<'_>,
        id: StickerId,
        name: Option<&str>,
        description: &Patch<String>,
        tags: Option<&str>,
    ) -> Result<Outcome, Stop> {
        self.require_member(cx)?;
        let old = self.stickers.get(&id).ok_or_else(ApiError::unknown_sticker)?.clone();
        self.may_manage_sticker(cx, &old)?;
        let mut sticker = old.clone();
        sticker.name = name.unwrap_or(&old.name).to_owned();
        sticker.tags = tags.unwrap_or(&old.tags).to_owned();
        description.clone().apply(&mut sticker.description);
        if sticker != old {
            self.put_sticker(cx, sticker.clone());
            let changes = AuditLogChange::between(&value(&old), &value(&sticker), AUDITED_STICKER);
            self.audit(cx, AuditLogEvent::StickerUpdate, Note::of(id, changes));
        }
        Outcome::json(&sticker)
    }

    fn delete_sticker(&mut self, cx: &mut Cx<'_>, id: StickerId) -> Result<Outcome, Stop> {
        self.require_member(cx)?;
        let old = self.stickers.get(&id).ok_or_else(ApiError::unknown_sticker)?.clone();
        self.may_manage_sticker(cx, &old)?;
        self.stickers.remove(&id);
        cx.delete(Table::Stickers, self.id.get(), id.get());
        let now_ms = cx.now_ms;
        orphans::release(&mut cx.batch, &name::sticker(id.get()), now_ms);
        cx.delete(Table::GuildMisc, id.get(), Key::text(INDEX_KEY));
        self.publish_stickers(cx);
        let changes = AuditLogChange::between(&value(&old), &Value::Null, AUDITED_STICKER);
        self.audit(cx, AuditLogEvent::StickerDelete, Note::of(id, changes));
        Outcome::EMPTY
    }

    fn put_sticker(&mut self, cx: &mut Cx<'_>, sticker: Sticker) {
        cx.put(Table::Stickers, self.id.get(), sticker.id.get(), &sticker);
        self.stickers.insert(sticker.id, sticker);
        self.publish_stickers(cx);
    }

    fn publish_stickers(&self, cx: &mut Cx<'_>) {
        let stickers: Vec<_> = self.stickers.values().collect();
        let body = json!({"guild_id": self.id, "stickers": stickers});
        self.publish_all(cx, "GUILD_STICKERS_UPDATE", Intents::GUILD_EXPRESSIONS, &body);
    }
}

fn shown(emoji: &Emoji, maker: bool) -> Emoji {
    Emoji { user: emoji.user.clone().filter(|_| maker), ..emoji.clone() }
}

fn shown_sticker(sticker: &Sticker, maker: bool) -> Sticker {
    Sticker { user: sticker.user.clone().filter(|_| maker), ..sticker.clone() }
}

fn value<T: Serialize>(object: &T) -> Value {
    serde_json::to_value(object).unwrap_or_default()
}
