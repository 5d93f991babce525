//! Entries of the audit log.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::numeric;
use crate::UserId;
use crate::id::{AuditLogEntryId, Id};

numeric! {
    /// What was done (Audit Log, Audit Log Events).
    AuditLogEvent {
        /// Guild changed.
        GuildUpdate = 1,
        /// Channel made.
        ChannelCreate = 10,
        /// Channel changed.
        ChannelUpdate = 11,
        /// Channel deleted.
        ChannelDelete = 12,
        /// Overwrite made.
        ChannelOverwriteCreate = 13,
        /// Overwrite changed.
        ChannelOverwriteUpdate = 14,
        /// Overwrite deleted.
        ChannelOverwriteDelete = 15,
        /// Member kicked.
        MemberKick = 20,
        /// Members pruned.
        MemberPrune = 21,
        /// Member banned.
        MemberBanAdd = 22,
        /// Ban lifted.
        MemberBanRemove = 23,
        /// Member changed.
        MemberUpdate = 24,
        /// Roles of a member changed.
        MemberRoleUpdate = 25,
        /// Member moved in voice.
        MemberMove = 26,
        /// Member disconnected from voice.
        MemberDisconnect = 27,
        /// Bot added.
        BotAdd = 28,
        /// Role made.
        RoleCreate = 30,
        /// Role changed.
        RoleUpdate = 31,
        /// Role deleted.
        RoleDelete = 32,
        /// Invite made.
        InviteCreate = 40,
        /// Invite changed.
        InviteUpdate = 41,
        /// Invite deleted.
        InviteDelete = 42,
        /// Webhook made.
        WebhookCreate = 50,
        /// Webhook changed.
        WebhookUpdate = 51,
        /// Webhook deleted.
        WebhookDelete = 52,
        /// Emoji made.
        EmojiCreate = 60,
        /// Emoji changed.
        EmojiUpdate = 61,
        /// Emoji deleted.
        EmojiDelete = 62,
        /// Somebody else's message deleted.
        MessageDelete = 72,
        /// Messages deleted in bulk.
        MessageBulkDelete = 73,
        /// Message pinned.
        MessagePin = 74,
        /// Message unpinned.
        MessageUnpin = 75,
        /// Integration added.
        IntegrationCreate = 80,
        /// Integration changed.
        IntegrationUpdate = 81,
        /// Integration removed.
        IntegrationDelete = 82,
        /// Stage begun.
        StageInstanceCreate = 83,
        /// Stage changed.
        StageInstanceUpdate = 84,
        /// Stage ended.
        StageInstanceDelete = 85,
        /// Sticker made.
        StickerCreate = 90,
        /// Sticker changed.
        StickerUpdate = 91,
        /// Sticker deleted.
        StickerDelete = 92,
        /// Scheduled event made.
        EventCreate = 100,
        /// Scheduled event changed.
        EventUpdate = 101,
        /// Scheduled event deleted.
        EventDelete = 102,
        /// Thread made.
        ThreadCreate = 110,
        /// Thread changed.
        ThreadUpdate = 111,
        /// Thread deleted.
        ThreadDelete = 112,
        /// Sound of the soundboard made.
        SoundboardSoundCreate = 130,
        /// Sound of the soundboard changed.
        SoundboardSoundUpdate = 131,
        /// Sound of the soundboard deleted.
        SoundboardSoundDelete = 132,
        /// Rule of the automatic moderation made.
        AutoModerationRuleCreate = 140,
        /// Rule of the automatic moderation changed.
        AutoModerationRuleUpdate = 141,
        /// Rule of the automatic moderation deleted.
        AutoModerationRuleDelete = 142,
        /// The automatic moderation blocked a message.
        AutoModerationBlockMessage = 143,
        /// The automatic moderation told of a message.
        AutoModerationFlagToChannel = 144,
        /// The automatic moderation gave a timeout.
        AutoModerationTimeout = 145,
        /// The automatic moderation blocked a member.
        AutoModerationQuarantine = 146,
        /// Question of the onboarding made.
        OnboardingPromptCreate = 163,
        /// Question of the onboarding changed.
        OnboardingPromptUpdate = 164,
        /// Question of the onboarding deleted.
        OnboardingPromptDelete = 165,
        /// Onboarding set up.
        OnboardingCreate = 166,
        /// Onboarding changed.
        OnboardingUpdate = 167,
        /// Status of a voice channel set.
        VoiceChannelStatusUpdate = 192,
        /// Status of a voice channel cleared.
        VoiceChannelStatusDelete = 193,
    }
}

/// One thing somebody did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditLogEntry {
    /// Its id, and so when.
    pub id: AuditLogEntryId,
    /// To what; a generic id.
    pub target_id: Option<Id<()>>,
    /// By whom.
    pub user_id: Option<UserId>,
    /// What.
    pub action_type: AuditLogEvent,
    /// What changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<AuditLogChange>,
    /// More, by action; values are strings, counts too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub options: Option<BTreeMap<String, String>>,
    /// Why, as the caller said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A changed property.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AuditLogChange {
    /// Its key; `$add` and `$remove` for roles of a member.
    pub key: String,
    /// Before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_value: Option<Value>,
    /// After.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_value: Option<Value>,
}

impl AuditLogChange {
    /// A change between two values, if they differ. `null` counts as not being there.
    pub fn of<T: Serialize>(key: &str, old: Option<&T>, new: Option<&T>) -> Option<Self> {
        let value = |v: Option<&T>| v.and_then(|v| serde_json::to_value(v).ok()).filter(|v| !v.is_null());
        let (old_value, new_value) = (value(old), value(new));
        (old_value != new_value).then(|| Self { key: key.to_owned(), old_value, new_value })
    }

    /// The differences between two objects over the named keys.
    pub fn between(old: &Value, new: &Value, keys: &[&str]) -> Vec<Self> {
        keys.iter().filter_map(|key| Self::of(key, old.get(*key), new.get(*key))).collect()
    }
}
