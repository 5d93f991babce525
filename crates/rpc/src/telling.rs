//! How facts are told: one queue after the other, again and again until they are taken; see `tell.rs`.

use std::sync::{Arc, Weak};
use std::time::Duration;

use consort_runtime::spawn;
use futures_util::future::BoxFuture;

use crate::relay::SessionKey;
use crate::tell::{About, QueueId, Waiting};
use crate::{
    Answer, Caller, Fact, Mesh, Owner, Placement, Reply, Service, guild, name, private, relay, user, voice,
};

/// Pause after the first refusal; it doubles with each further one.
const PAUSE_MIN: Duration = Duration::from_millis(100);
/// Longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// A fact that has broken its receiver so often is given up.
const BREAKS_MAX: u32 = 8;

impl Mesh {
    /// Tells a fact. Sent by this call if nothing else about the same thing waits, so the order of what one caller sends to one
    /// actor is kept; sent again until it is taken, as long as this node lives.
    pub fn tell(self: &Arc<Self>, caller: Caller, fact: Fact) {
        if let Some((queue, first)) = self.facts.add(caller, fact) {
            spawn("tell", work_off(Arc::downgrade(self), queue, self.tell_once(&first)));
        }
    }

    /// Waits until the owner of an account has taken what it was told of a session so far.
    pub fn told_of_session(&self, session: SessionKey) -> impl Future<Output = ()> + use<> {
        let queue = (Owner::of::<user::User>(session.user.get()), About::Session(session.number));
        let end = self.facts.end_of(&queue);
        async move {
            if let Some(end) = end {
                // Nobody answers: that it is dropped says it.
                let _ended = end.await;
            }
        }
    }

    /// Facts that are not taken yet.
    pub fn facts_waiting(&self) -> usize {
        self.facts.waiting()
    }

    fn tell_once(self: &Arc<Self>, waiting: &Waiting) -> BoxFuture<'static, Reply> {
        let caller = waiting.caller.clone();
        match waiting.fact.clone() {
            Fact::User { user, op } => self.client::<user::User>().tell_once(user.get(), caller, op),
            Fact::Guild { guild, op } => self.client::<guild::Guild>().tell_once(guild.get(), caller, op),
            Fact::Private { channel, op } => {
                self.client::<private::Private>().tell_once(channel.get(), caller, op)
            }
            Fact::Name { key, op } => self.client::<name::Name>().tell_once(key, caller, op),
            // Where no node runs voice there is nobody to tell; who waits for a voice server is told that there is none.
            Fact::Voice { guild, op } if self.nodes_of::<voice::Voice>().is_empty() => {
                if let voice::Op::Put(place) = op {
                    self.publish(voice::server_update(guild, &place, None));
                }
                Box::pin(std::future::ready(Ok(Answer::Empty)))
            }
            Fact::Voice { guild, op } => self.client::<voice::Voice>().tell_once(guild.get(), caller, op),
            Fact::Relay { node, message } => {
                self.client::<relay::Relay>().tell_once(u64::from(node.0), caller, message)
            }
        }
    }

    /// Whether another node tells this by now: the account has moved there.
    fn is_anothers(&self, about: About) -> bool {
        let About::Presence(user) = about else { return false };
        self.owner_of::<user::User>(user) != Some(self.node())
    }

    /// Whether a receiver will never take anything: the relay of a node that is gone.
    fn is_gone(&self, receiver: &Owner) -> bool {
        let is_relay = receiver.service == relay::Relay::NAME && relay::Relay::PLACEMENT == Placement::Node;
        is_relay && !self.nodes_of::<relay::Relay>().iter().any(|node| u64::from(node.0) == receiver.key)
    }
}

/// Tells what is in a queue, one after the other. `answer` is that to its first, which is under way.
async fn work_off(mesh: Weak<Mesh>, queue: QueueId, mut answer: BoxFuture<'static, Reply>) {
    let (mut failures, mut breaks) = (0, 0);
    loop {
        let reply = answer.await;
        let Some(living) = mesh.upgrade() else { return };
        let refused = reply.err().filter(|error| error.status >= 500 && !living.is_gone(&queue.0));
        failures += 1;
        breaks += u32::from(refused.as_ref().is_some_and(|error| error.status == 500));
        let next = match refused {
            Some(_) if breaks < BREAKS_MAX => {
                let moved = living.facts.moved();
                drop(living);
                tokio::select! {
                    () = tokio::time::sleep(pause(failures, queue.1)) => {}
                    () = moved.notified() => {}
                }
                let Some(living) = mesh.upgrade() else { return };
                match living.is_anothers(queue.1) {
                    true => living.facts.done(&queue),
                    false => living.facts.again(&queue),
                }
            }
            refused => {
                if refused.is_some() {
                    tracing::error!(receiver = %queue.0, "a fact is given up: it has broken its receiver too often");
                }
                (failures, breaks) = (0, 0);
                living.facts.done(&queue)
            }
        };
        let Some((next, living)) = next.zip(mesh.upgrade()) else { return };
        answer = living.tell_once(&next);
    }
}

/// How long to wait after so many refusals. Those of one receiver come back spread out over half as long again.
fn pause(failures: u32, about: About) -> Duration {
    let pause = PAUSE_MIN.saturating_mul(1 << (failures - 1).min(10)).min(PAUSE_MAX);
    let (About::Session(id)
    | About::MemberLists(id)
    | About::Voice(id)
    | About::Presence(id)
    | About::Account(id)) = about
    else {
        return pause;
    };
    pause + pause.mul_f64((id % 64) as f64 / 128.0)
}
