//! Bugs that are planted on purpose, to see that the simulator finds them. Only builds with the feature `planted` have them, and
//! only a thread that asks for one ([`plant`]): a server never does.

use std::cell::Cell;

/// A bug that can be planted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Planted {
    /// A call is answered, and its effects are sent, before its batch is durable.
    AnswerBeforeCommit,
    /// An effect on another owner is sent, but its row is not written.
    EffectWithoutRow,
    /// A receiver applies an effect without writing how far its sender has come.
    EffectWithoutMark,
    /// An effect that was refused for now counts as done.
    EffectNotSentAgain,
    /// Effects are numbered by the clock of their owner alone, whoever owned it before.
    NumberWithoutEpoch,
    /// Nobody wakes the owners that a process which died has left with pending effects.
    NoCourier,
    /// Batches do not carry the epoch of their owner.
    BatchWithoutEpoch,
    /// An owner reads its rows before the epoch of the last one is shut out.
    LoadWithoutFence,
    /// A new owner draws ids by its own clock, whatever ids its rows have.
    IdsByClockAlone,
    /// The nonce of a message is remembered in memory alone.
    NonceWithoutRow,
    /// A session that is resumed is not sent the first of what it has missed.
    ResumeSkips,
    /// A session that is resumed is sent once more what its client had last.
    ResumeRepeats,
    /// A relay takes a word that it has heard.
    WordTwice,
    /// A relay does not notice that words are missing.
    GapUnnoticed,
    /// A session keeps its place among a community's listeners when the owner is another one.
    OldOwnerHeard,
    /// READY has the newest answer of a community, although events since the first stand after it.
    ReadyAhead,
    /// A session is opened without a look whether its login is there still.
    LoginUnchecked,
}

impl Planted {
    /// All of them.
    pub const ALL: [Planted; 17] = [
        Planted::AnswerBeforeCommit,
        Planted::EffectWithoutRow,
        Planted::EffectWithoutMark,
        Planted::EffectNotSentAgain,
        Planted::NumberWithoutEpoch,
        Planted::NoCourier,
        Planted::BatchWithoutEpoch,
        Planted::LoadWithoutFence,
        Planted::IdsByClockAlone,
        Planted::NonceWithoutRow,
        Planted::ResumeSkips,
        Planted::ResumeRepeats,
        Planted::WordTwice,
        Planted::GapUnnoticed,
        Planted::OldOwnerHeard,
        Planted::ReadyAhead,
        Planted::LoginUnchecked,
    ];

    /// Whether this thread has the bug. Always false, and known to the compiler, without the feature.
    #[inline]
    pub fn is_here(self) -> bool {
        cfg!(feature = "planted") && PLANTED.get() == Some(self)
    }
}

thread_local! {
    static PLANTED: Cell<Option<Planted>> = const { Cell::new(None) };
}

/// Plants a bug in this thread in place of the last one.
pub fn plant(bug: Option<Planted>) {
    PLANTED.set(bug);
}
