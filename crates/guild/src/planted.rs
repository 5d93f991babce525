//! Leaks that tests plant, to see that the model of permissions finds them (`cargo xtask permissions --planted`). Each leaves one
//! check out. A build without the feature `planted` has none of this, and asking costs nothing.

/// A check that can be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leak {
    /// Members of private threads hear of them though they lost the channel.
    LostChannels,
    /// Channels move into categories that are not the mover's to manage.
    Destinations,
    /// Channels move, and open, that the mover does not see.
    UnseenMoves,
    /// Leaving ends a timeout.
    Timeouts,
    /// Leaving ends no membership of archived threads.
    Archives,
    /// Overwrites give and deny what their author has not.
    Overwrites,
    /// Whoever may kick or ban may kick and ban everybody.
    Ranks,
    /// Locked threads are open.
    Locks,
    /// Lists of channels have the hidden ones.
    ChannelLists,
    /// Cached views outlive a change of overwrites.
    StaleViews,
    /// Private threads come with their channel.
    ThreadLists,
    /// Roles are given rights that their author has not.
    RoleRights,
    /// Everybody hears of the audit log.
    AuditLog,
    /// Voice states of hidden channels stand in GUILD_CREATE.
    Voice,
    /// The banned come back.
    Bans,
    /// Whoever is added to a private thread is not told.
    Unannounced,
    /// Everybody hears of the rules of the automatic moderation.
    Rules,
    /// Emojis for roles are for everybody.
    Emojis,
    /// Whoever makes stickers manages those of everybody.
    Stickers,
    /// Who made an emoji or sticker is shown to everybody.
    Makers,
    /// Events of hidden channels are read.
    Events,
    /// Everybody manages the template.
    Templates,
    /// Answers of newcomers give roles that their author may not give.
    Answers,
    /// Everybody opens and closes stages.
    Stages,
    /// Everybody lets everybody speak on stages.
    Speakers,
    /// Sounds of other guilds are for everybody, and the audience of a stage plays sounds.
    Sounds,
}

impl Leak {
    /// All of them.
    pub const ALL: [Self; 26] = [
        Self::LostChannels,
        Self::Destinations,
        Self::UnseenMoves,
        Self::Timeouts,
        Self::Archives,
        Self::Overwrites,
        Self::Ranks,
        Self::Locks,
        Self::ChannelLists,
        Self::StaleViews,
        Self::ThreadLists,
        Self::RoleRights,
        Self::AuditLog,
        Self::Voice,
        Self::Bans,
        Self::Unannounced,
        Self::Rules,
        Self::Emojis,
        Self::Stickers,
        Self::Makers,
        Self::Events,
        Self::Templates,
        Self::Answers,
        Self::Stages,
        Self::Speakers,
        Self::Sounds,
    ];

    /// Whether the check is left out on this thread.
    #[cfg(feature = "planted")]
    pub(crate) fn is_planted(self) -> bool {
        PLANTED.get() == Some(self)
    }

    /// Whether the check is left out: it never is.
    #[cfg(not(feature = "planted"))]
    pub(crate) const fn is_planted(self) -> bool {
        false
    }
}

#[cfg(feature = "planted")]
thread_local! {
    static PLANTED: std::cell::Cell<Option<Leak>> = const { std::cell::Cell::new(None) };
}

/// Leaves a check out of every guild that runs on this thread, in place of the one before.
#[cfg(feature = "planted")]
pub fn plant(leak: Option<Leak>) {
    PLANTED.set(leak);
}
