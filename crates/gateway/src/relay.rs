//! The relay of the node: hands what owners say to the slices, in order and without waiting.

use std::sync::Arc;

use consort_rpc::relay::{Op, Relay, SessionKey};
use consort_rpc::{Answer, Call, Host};
use consort_session::Dispatch;

use crate::inbox::InboxRef;
use crate::interest::{Interest, Slices};
use crate::slice::Input;

/// Routes operations to inboxes. What one owner says one after the other reaches each slice in that order, since each
/// call puts its inputs into the inboxes before it returns.
pub(crate) struct Router {
    pub(crate) inboxes: Vec<InboxRef>,
    pub(crate) interest: Arc<Interest>,
}

impl Router {
    fn put(&self, slice: usize, input: Input) {
        if let Some(inbox) = self.inboxes.get(slice) {
            // Only sockets are ever given back.
            let _lost = inbox.push(input);
        }
    }

    fn to(&self, slices: Slices, op: &Op) {
        slices.iter().for_each(|slice| self.put(slice, Input::Relay(op.clone())));
    }

    /// Groups sessions by slice.
    fn by_slice(&self, sessions: &[SessionKey]) -> impl Iterator<Item = (usize, Vec<SessionKey>)> {
        let mut groups = vec![Vec::new(); self.inboxes.len()];
        for session in sessions {
            if let Some(group) = groups.get_mut(usize::from(session.slice)) {
                group.push(*session);
            }
        }
        groups.into_iter().enumerate().filter(|(_, group)| !group.is_empty())
    }

    fn route(&self, op: Op) {
        match op {
            Op::Publish(event) => {
                let Some(guild) = event.guild else {
                    tracing::error!(event = %event.name, "published without a guild");
                    return;
                };
                let slices = self.interest.slices(guild);
                let dispatch = Arc::new(Dispatch::published(event));
                slices.iter().for_each(|slice| self.put(slice, Input::Publish(dispatch.clone())));
            }
            Op::Direct { sessions, event } => {
                let dispatch = Arc::new(Dispatch::direct(event));
                for (slice, sessions) in self.by_slice(&sessions) {
                    self.put(slice, Input::Direct(sessions, dispatch.clone()));
                }
            }
            Op::Attached { session, .. } | Op::Refused { session, .. } => {
                self.put(usize::from(session.slice), Input::Relay(op));
            }
            Op::Class { guild, .. }
            | Op::Detach { guild, .. }
            | Op::Drop { guild }
            | Op::GuildRestarted { guild } => {
                self.to(self.interest.slices(guild), &op);
            }
            Op::UserRestarted { user, .. } => self.to(self.interest.slices_of_user(user), &op),
            Op::Join { sessions, guild } => {
                for (slice, sessions) in self.by_slice(&sessions) {
                    self.put(slice, Input::Relay(Op::Join { sessions, guild }));
                }
            }
            Op::Close { sessions, code } => {
                for (slice, sessions) in self.by_slice(&sessions) {
                    self.put(slice, Input::Relay(Op::Close { sessions, code }));
                }
            }
        }
    }
}

impl Host<Relay> for Router {
    fn deliver(&self, _node: u64, call: Call<Relay>) {
        self.route(call.op);
        call.respond.send(Ok(Answer::Empty));
    }
}
