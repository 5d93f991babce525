//! Members of a guild.

use consort_model::{ApplicationId, ChannelId, Patch, Permissions, RoleId, Timestamp, User, UserId};
use serde::{Deserialize, Serialize};

/// What can be asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Op {
    /// Members by rising user id. Answers an array.
    List { limit: u32, after: UserId },
    /// Members whose name or nick begins with `query`. Answers an array.
    Search { query: String, limit: u32 },
    /// One member.
    Get { user: UserId },
    /// Somebody else's nick, roles, voice, timeout. Answers the member.
    Update { user: UserId, update: Box<Update> },
    /// The caller's own nick, avatar, banner, bio. Answers the member.
    UpdateSelf(Box<UpdateSelf>),
    /// MANAGE_ROLES: gives a role.
    AddRole { user: UserId, role: RoleId },
    /// MANAGE_ROLES: takes a role.
    RemoveRole { user: UserId, role: RoleId },
    /// KICK_MEMBERS.
    Kick { user: UserId },
    /// The caller leaves. Owners cannot.
    Leave,
    /// The caller joins through an invite of this guild. Answers the invite, with `new_member`.
    JoinByInvite { code: String, user: Box<User> },
    /// A bot (CREATE_INSTANT_INVITE) makes a user a member who has allowed it to. Answers the member, created; nothing when it
    /// is one already.
    Add(Box<Add>),
    /// A bot is added by the caller (MANAGE_GUILD), with a managed role of these rights (only such as the caller has).
    AddBot { bot: Box<User>, application: ApplicationId, name: String, permissions: Permissions },
    /// MANAGE_GUILD and KICK_MEMBERS: members without a role who were away for `days`. Answers `{pruned}`.
    Prune { days: u32, include_roles: Vec<RoleId>, compute: bool, dry: bool },
    /// Answers the caller's view: member object for `/users/@me/guilds/{id}/member`.
    Own,
    /// What `/users/@me/guilds` shows of this guild to the caller. Answers a partial guild, or unknown guild.
    Summary { with_counts: bool },
}

/// A user to be made a member, and how it begins.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Add {
    pub user: User,
    pub nick: Option<String>,
    pub roles: Vec<RoleId>,
    pub mute: bool,
    pub deaf: bool,
}

/// A change of another member.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Update {
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub nick: Patch<String>,
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub roles: Patch<Vec<RoleId>>,
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub mute: Patch<bool>,
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub deaf: Patch<bool>,
    /// A voice channel to be moved to; null disconnects.
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub channel_id: Patch<ChannelId>,
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub communication_disabled_until: Patch<Timestamp>,
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub flags: Patch<u64>,
}

/// A change of oneself in this guild. Images are hashes of what was stored already.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct UpdateSelf {
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub nick: Patch<String>,
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub avatar: Patch<String>,
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub banner: Patch<String>,
    #[serde(skip_serializing_if = "Patch::is_absent")]
    pub bio: Patch<String>,
}
