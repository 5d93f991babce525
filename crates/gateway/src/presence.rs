//! A client's presence in the form in which owners know it.

use consort_model::{ClientStatus, Presence, Status, UserId, UserRef};
use consort_wire::gateway::{PresenceUpdate, Status as Word};

/// Opcode 3, or `presence` of IDENTIFY. The kind of client is the owner's to add.
pub(crate) fn presence_of(user: UserId, update: &PresenceUpdate) -> Presence {
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
        activities: update.activities.clone(),
        client_status: ClientStatus::default(),
    }
}
