//! A client's presence in the form in which owners know it.

use consort_model::{Activity, ClientStatus, Presence, Status, UserId, UserRef};
use consort_wire::gateway::{PresenceUpdate, Status as Word};

/// Opcode 3, or `presence` of IDENTIFY. The kind of client is the owner's to add, and what activities need besides.
pub(crate) fn presence_of(user: UserId, bot: bool, update: &PresenceUpdate) -> Presence {
    Presence {
        user: UserRef { id: user },
        guild_id: None,
        status: match update.status {
            Word::Online => Status::Online,
            Word::DoNotDisturb => Status::Dnd,
            Word::Idle => Status::Idle,
            Word::Invisible => Status::Invisible,
            Word::Offline => Status::Offline,
        },
        activities: update.activities.iter().filter_map(|said| Activity::from_client(said, bot)).collect(),
        client_status: ClientStatus::default(),
    }
}
