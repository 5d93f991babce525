//! Names of blobs: made of kinds, ids and hashes only, never of what a client sent.

/// What an image belongs to; decides its path (API Reference, "CDN Endpoints").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A user's or a webhook's avatar.
    Avatar,
    /// A user's or a guild's banner.
    Banner,
    /// A guild's icon.
    Icon,
    /// A guild's invite background.
    Splash,
    /// A guild's background in discovery.
    DiscoverySplash,
    /// A role's icon.
    RoleIcon,
    /// An application's icon or cover.
    AppIcon,
    /// A group DM's icon.
    ChannelIcon,
    /// A scheduled event's cover.
    EventCover,
    /// A member's avatar in a guild; the owner is the user.
    MemberAvatar {
        /// The guild.
        guild: u64,
    },
    /// A member's banner in a guild; the owner is the user.
    MemberBanner {
        /// The guild.
        guild: u64,
    },
}

impl Kind {
    /// The directory of an owner's images.
    pub fn directory(self, owner: u64) -> String {
        match self {
            Self::MemberAvatar { guild } => format!("guilds/{guild}/users/{owner}/avatars"),
            Self::MemberBanner { guild } => format!("guilds/{guild}/users/{owner}/banners"),
            // A role gets its id with its icon, so the icon cannot be kept under it.
            Self::RoleIcon => self.segment().to_owned(),
            kind => format!("{}/{owner}", kind.segment()),
        }
    }

    fn segment(self) -> &'static str {
        match self {
            Self::Avatar | Self::MemberAvatar { .. } => "avatars",
            Self::Banner | Self::MemberBanner { .. } => "banners",
            Self::Icon => "icons",
            Self::Splash => "splashes",
            Self::DiscoverySplash => "discovery-splashes",
            Self::RoleIcon => "role-icons",
            Self::AppIcon => "app-icons",
            Self::ChannelIcon => "channel-icons",
            Self::EventCover => "guild-events",
        }
    }

    /// The kind of a path's first segment.
    pub fn of_segment(segment: &str) -> Option<Self> {
        Some(match segment {
            "avatars" => Self::Avatar,
            "banners" => Self::Banner,
            "icons" => Self::Icon,
            "splashes" => Self::Splash,
            "discovery-splashes" => Self::DiscoverySplash,
            "role-icons" => Self::RoleIcon,
            "app-icons" => Self::AppIcon,
            "channel-icons" => Self::ChannelIcon,
            "guild-events" => Self::EventCover,
            _ => return None,
        })
    }
}

/// An image of an owner, by the hash that objects show.
pub fn image(kind: Kind, owner: u64, hash: &str) -> String {
    format!("{}/{hash}", kind.directory(owner))
}

/// The file of an attachment.
pub fn attachment(channel: u64, attachment: u64) -> String {
    format!("attachments/{channel}/{attachment}")
}

/// All files of a channel's messages.
pub fn attachments_of(channel: u64) -> String {
    format!("attachments/{channel}")
}

/// All images of a guild's members.
pub fn members_of(guild: u64) -> String {
    format!("guilds/{guild}")
}

/// The image of an emoji.
pub fn emoji(emoji: u64) -> String {
    format!("emojis/{emoji}")
}

/// The file of a sticker.
pub fn sticker(sticker: u64) -> String {
    format!("stickers/{sticker}")
}

/// The file of a soundboard sound.
pub fn sound(sound: u64) -> String {
    format!("soundboard-sounds/{sound}")
}

/// What was uploaded to a slot and waits for a message.
pub fn upload(key: &str) -> String {
    format!("uploads/{key}")
}
