//! Channels, threads and private channels.

use serde::ser::SerializeMap as _;
use serde::{Deserialize, Serialize, Serializer};

use super::{Member, User, numeric};
use crate::{
    ApplicationId, ChannelId, EmojiId, GuildId, MessageId, Overwrite, Permissions, Timestamp, UserId, id::Id,
};

numeric! {
    /// Kind of a channel (Channel, Channel Types).
    ChannelType {
        /// Text in a guild.
        GuildText = 0,
        /// Between two people.
        Dm = 1,
        /// Voice in a guild.
        GuildVoice = 2,
        /// Between several people.
        GroupDm = 3,
        /// A heading that holds channels.
        GuildCategory = 4,
        /// Text that others may follow.
        GuildAnnouncement = 5,
        /// A thread of an announcement channel.
        AnnouncementThread = 10,
        /// A thread for all who see its parent.
        PublicThread = 11,
        /// A thread for its members.
        PrivateThread = 12,
        /// Voice with a stage.
        GuildStageVoice = 13,
        /// A hub's list of guilds.
        GuildDirectory = 14,
        /// A forum: only threads.
        GuildForum = 15,
        /// A forum of media.
        GuildMedia = 16,
    }
}

impl ChannelType {
    /// Whether it is a thread.
    pub const fn is_thread(self) -> bool {
        matches!(self, Self::AnnouncementThread | Self::PublicThread | Self::PrivateThread)
    }

    /// Whether it is a DM or a group DM.
    pub const fn is_private(self) -> bool {
        matches!(self, Self::Dm | Self::GroupDm)
    }

    /// Whether people speak there.
    pub const fn is_voice(self) -> bool {
        matches!(self, Self::GuildVoice | Self::GuildStageVoice)
    }

    /// Whether it only holds threads.
    pub const fn is_forum(self) -> bool {
        matches!(self, Self::GuildForum | Self::GuildMedia)
    }

    /// Whether messages can be written there directly.
    pub const fn has_messages(self) -> bool {
        !matches!(self, Self::GuildCategory | Self::GuildDirectory | Self::GuildForum | Self::GuildMedia)
    }
}

/// A channel of any kind. Which keys it has on the wire depends on its kind: those that the documented schema of the kind
/// requires always, as `null` where allowed; those of other kinds never.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Channel {
    /// Its id; a thread from a message has the message's.
    pub id: ChannelId,
    /// Its kind.
    #[serde(rename = "type")]
    pub kind: ChannelType,
    /// Bits; 1<<1 pinned post, 1<<4 tag required.
    #[serde(default)]
    pub flags: u64,
    /// The guild, for all but private channels.
    #[serde(default)]
    pub guild_id: Option<GuildId>,
    /// Null for DMs, and for groups without a name.
    #[serde(default)]
    pub name: Option<String>,
    /// Order among its siblings.
    #[serde(default)]
    pub position: i64,
    /// The category, or a thread's channel.
    #[serde(default)]
    pub parent_id: Option<ChannelId>,
    /// Overwrites; `None` for threads and private channels.
    #[serde(default)]
    pub permission_overwrites: Option<Vec<Overwrite>>,
    /// Text under the name.
    #[serde(default)]
    pub topic: Option<String>,
    /// Age-restricted.
    #[serde(default)]
    pub nsfw: bool,
    /// The newest message, or a forum's newest thread.
    #[serde(default)]
    pub last_message_id: Option<MessageId>,
    /// When something was pinned last.
    #[serde(default)]
    pub last_pin_timestamp: Option<Timestamp>,
    /// Seconds between messages of one person.
    #[serde(default)]
    pub rate_limit_per_user: u32,
    /// Bits a second.
    #[serde(default)]
    pub bitrate: Option<u32>,
    /// 0 without limit.
    #[serde(default)]
    pub user_limit: Option<u32>,
    /// Null: chosen by the system.
    #[serde(default)]
    pub rtc_region: Option<String>,
    /// 1 automatic, 2 720p.
    #[serde(default)]
    pub video_quality_mode: Option<u8>,
    /// Text shown beside a voice channel.
    #[serde(default)]
    pub status: Option<String>,
    /// Minutes, for new threads.
    #[serde(default)]
    pub default_auto_archive_duration: Option<u32>,
    /// Seconds, copied to new threads.
    #[serde(default)]
    pub default_thread_rate_limit_per_user: Option<u32>,
    /// Tags of a forum.
    #[serde(default)]
    pub available_tags: Option<Vec<ForumTag>>,
    /// Emoji offered on posts.
    #[serde(default)]
    pub default_reaction_emoji: Option<DefaultReaction>,
    /// 0 by activity, 1 by creation.
    #[serde(default)]
    pub default_sort_order: Option<u8>,
    /// 0 none, 1 list, 2 gallery.
    #[serde(default)]
    pub default_forum_layout: Option<u8>,
    /// Who started a thread, or owns a group.
    #[serde(default)]
    pub owner_id: Option<UserId>,
    /// State of a thread.
    #[serde(default)]
    pub thread_metadata: Option<ThreadMetadata>,
    /// Messages in a thread now, its first not counted in forums.
    #[serde(default)]
    pub message_count: Option<u32>,
    /// Members of a thread, counted to 50.
    #[serde(default)]
    pub member_count: Option<u32>,
    /// Messages ever sent in a thread.
    #[serde(default)]
    pub total_message_sent: Option<u32>,
    /// Tags of a post.
    #[serde(default)]
    pub applied_tags: Option<Vec<Id<()>>>,
    /// The receiver's own membership in a thread.
    #[serde(default)]
    pub member: Option<ThreadMember>,
    /// In an event about a new thread.
    #[serde(default)]
    pub newly_created: Option<bool>,
    /// The receiver's rights, in interactions.
    #[serde(default)]
    pub permissions: Option<Permissions>,
    /// People of a private channel, without the receiver.
    #[serde(default)]
    pub recipients: Option<Vec<User>>,
    /// Hash of a group's icon.
    #[serde(default)]
    pub icon: Option<String>,
    /// A bot that made the group.
    #[serde(default)]
    pub application_id: Option<ApplicationId>,
}

impl Channel {
    /// A channel with nothing but an id and a kind.
    pub fn new(id: ChannelId, kind: ChannelType) -> Self {
        Self {
            id,
            kind,
            flags: 0,
            guild_id: None,
            name: None,
            position: 0,
            parent_id: None,
            permission_overwrites: None,
            topic: None,
            nsfw: false,
            last_message_id: None,
            last_pin_timestamp: None,
            rate_limit_per_user: 0,
            bitrate: None,
            user_limit: None,
            rtc_region: None,
            video_quality_mode: None,
            status: None,
            default_auto_archive_duration: None,
            default_thread_rate_limit_per_user: None,
            available_tags: None,
            default_reaction_emoji: None,
            default_sort_order: None,
            default_forum_layout: None,
            owner_id: None,
            thread_metadata: None,
            message_count: None,
            member_count: None,
            total_message_sent: None,
            applied_tags: None,
            member: None,
            newly_created: None,
            permissions: None,
            recipients: None,
            icon: None,
            application_id: None,
        }
    }

    /// A channel of a guild.
    pub fn guild(id: ChannelId, kind: ChannelType, guild: GuildId, name: impl Into<String>) -> Self {
        Self {
            guild_id: Some(guild),
            name: Some(name.into()),
            permission_overwrites: (!kind.is_thread()).then(Vec::new),
            ..Self::new(id, kind)
        }
    }
}

/// Writes the entries of a map, those that are always there and those that are only there when set.
macro_rules! entries {
    ($map:ident, $self:ident: $($field:ident),*) => { $($map.serialize_entry(stringify!($field), &$self.$field)?;)* };
    ($map:ident, $self:ident if set: $($field:ident),*) => {
        $(if let Some(value) = &$self.$field { $map.serialize_entry(stringify!($field), value)?; })*
    };
}

impl Serialize for Channel {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("type", &self.kind)?;
        map.serialize_entry("flags", &self.flags)?;
        entries!(map, self: last_message_id);
        if self.kind.is_private() {
            map.serialize_entry("recipients", self.recipients.as_deref().unwrap_or_default())?;
            if self.kind == ChannelType::GroupDm {
                entries!(map, self: name, icon, owner_id);
            }
            entries!(map, self if set: last_pin_timestamp, application_id);
            return map.end();
        }
        entries!(map, self if set: guild_id);
        map.serialize_entry("name", self.name.as_deref().unwrap_or_default())?;
        entries!(map, self: parent_id, rate_limit_per_user);
        if self.kind.is_thread() {
            entries!(map, self: owner_id, thread_metadata);
            map.serialize_entry("message_count", &self.message_count.unwrap_or(0))?;
            map.serialize_entry("member_count", &self.member_count.unwrap_or(0))?;
            map.serialize_entry("total_message_sent", &self.total_message_sent.unwrap_or(0))?;
            entries!(map, self if set: last_pin_timestamp, applied_tags, member, newly_created, permissions);
            return map.end();
        }
        entries!(map, self: position, topic, nsfw);
        map.serialize_entry(
            "permission_overwrites",
            self.permission_overwrites.as_deref().unwrap_or_default(),
        )?;
        if self.kind.is_voice() {
            map.serialize_entry("bitrate", &self.bitrate.unwrap_or(64_000))?;
            map.serialize_entry("user_limit", &self.user_limit.unwrap_or(0))?;
            entries!(map, self: rtc_region);
            entries!(map, self if set: video_quality_mode, status);
        }
        if self.kind.is_forum() {
            map.serialize_entry("available_tags", self.available_tags.as_deref().unwrap_or_default())?;
            entries!(map, self: default_reaction_emoji, default_sort_order);
            map.serialize_entry("default_forum_layout", &self.default_forum_layout.unwrap_or(0))?;
        }
        entries!(map, self if set: last_pin_timestamp, default_auto_archive_duration,
            default_thread_rate_limit_per_user, permissions);
        map.end()
    }
}

/// State of a thread.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ThreadMetadata {
    /// Put away.
    pub archived: bool,
    /// When `archived` changed last; what archived lists are ordered by.
    pub archive_timestamp: Timestamp,
    /// Minutes without activity after which it is put away: 60, 1440, 4320, 10080.
    pub auto_archive_duration: u32,
    /// Only those who manage threads may take it out of the archive.
    pub locked: bool,
    /// Of private threads: whether members may bring others in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invitable: Option<bool>,
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create_timestamp: Option<Timestamp>,
}

/// Membership in a thread.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ThreadMember {
    /// The thread.
    pub id: ChannelId,
    /// Who.
    pub user_id: UserId,
    /// Since when.
    pub join_timestamp: Timestamp,
    /// Notification bits.
    #[serde(default)]
    pub flags: u64,
    /// The member of the guild, where asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<Member>,
}

/// A tag of a forum.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ForumTag {
    /// Its id.
    pub id: Id<()>,
    /// 1 to 20 characters.
    pub name: String,
    /// Only those who manage threads may set it.
    #[serde(default)]
    pub moderated: bool,
    /// A custom emoji.
    #[serde(default)]
    pub emoji_id: Option<EmojiId>,
    /// A character.
    #[serde(default)]
    pub emoji_name: Option<String>,
}

/// The emoji offered on the posts of a forum.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DefaultReaction {
    /// A custom emoji.
    #[serde(default)]
    pub emoji_id: Option<EmojiId>,
    /// A character.
    #[serde(default)]
    pub emoji_name: Option<String>,
}
