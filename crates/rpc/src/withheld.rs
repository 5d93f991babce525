//! What sessions that do not look at a large guild get in the place of its stream.
//!
//! Such a session is passive: of messages, typing and members it needs no more than its unread marks and the list of those in
//! voice show. The guild's owner marks an event of the stream with what it changes of that; the slices hand the changes on,
//! gathered, as PASSIVE_UPDATE_V2 (Gateway, capability `1 << 14`). An event without a mark comes at once to everybody.

use std::sync::Arc;

use bytes::Bytes;
use consort_model::{ChannelId, Member, MessageId, Timestamp, UserId, VoiceState};
use serde::{Deserialize, Serialize};

use crate::View;
use crate::answer::encode;

/// Says that an event does not come to passive sessions, and what comes instead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withheld {
    /// Of those who see the event, these users, each named once, get it at once all the same: who wrote a message, and whom it
    /// mentions. [`crate::Audience::always`] do in any case.
    pub users: Arc<[UserId]>,
    /// And these classes: everybody when everybody is mentioned, those who hold a mentioned role.
    pub classes: View,
    /// What passive sessions hear of it later.
    pub change: Option<Change>,
}

impl Withheld {
    /// Nothing is heard of the event.
    pub fn wholly() -> Self {
        Self { users: Arc::default(), classes: View::None, change: None }
    }

    /// A change is heard of later.
    pub fn but(change: Change) -> Self {
        Self { change: Some(change), ..Self::wholly() }
    }
}

/// What passive sessions are told. The later of two about the same thing takes the place of the earlier one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// A channel or thread has a newer message; for those who see the event.
    Message {
        /// The channel or thread.
        channel: ChannelId,
        /// The message.
        id: MessageId,
    },
    /// A channel or thread has other pins; for those who see the event.
    Pins {
        /// The channel or thread.
        channel: ChannelId,
        /// Its newest message, which changes of channels are always told with.
        last_message_id: Option<MessageId>,
        /// The time of the newest pin.
        at: Option<Timestamp>,
    },
    /// Somebody's voice state changed; for those who see the event.
    Voice {
        /// Who.
        user: UserId,
        /// The JSON of the state without the member; `None` when the user is in no channel that is seen.
        state: Option<Bytes>,
        /// The JSON of the member, for those who may not know it yet.
        member: Option<Bytes>,
    },
    /// Somebody in voice looks different now.
    Member {
        /// Who.
        user: UserId,
        /// The JSON of the member.
        member: Bytes,
        /// Who sees it in voice.
        seen_by: View,
    },
}

impl Change {
    /// A voice state as it is now; with the member for those who may not know it yet.
    pub fn voice(state: &VoiceState, with_member: bool) -> Self {
        let inside = state.channel_id.is_some();
        let listed = VoiceState { member: None, ..state.clone() };
        Self::Voice {
            user: state.user_id,
            state: inside.then(|| encode(&listed)),
            member: state.member.as_ref().filter(|_| inside && with_member).map(encode),
        }
    }

    /// A member in voice, for those who see it there.
    pub fn member(user: UserId, member: &Member, seen_by: View) -> Self {
        Self::Member { user, member: encode(member), seen_by }
    }
}
