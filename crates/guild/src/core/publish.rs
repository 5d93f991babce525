//! What a guild tells the world: events to the relays of subscribed nodes, entries of the audit log.

use std::collections::BTreeMap;
use std::sync::Arc;

use consort_actor::Cx;
use consort_model::{Channel, ChannelId, ChannelType, Intents, UserId};
use consort_rpc::{Audience, ClassId, Effect, Event, View, relay};
use serde::Serialize;

use super::Guild;
use super::access::Seen;

/// Users who changed class, and the class they were in.
pub(crate) type Moved = BTreeMap<UserId, ClassId>;

impl Guild {
    /// Sends an event to every node with sessions of this guild: one message a node, whatever the number of sessions.
    pub(crate) fn publish(&self, cx: &mut Cx<'_>, mut event: Event) {
        event.guild = Some(self.id);
        let event = Arc::new(event);
        self.tell_relays(cx, || relay::Op::Publish(event.clone()));
    }

    /// Sends an event to everyone in the guild who has one of the intents.
    pub(crate) fn publish_all<T: Serialize + ?Sized>(
        &self,
        cx: &mut Cx<'_>,
        name: &'static str,
        intents: Intents,
        d: &T,
    ) {
        self.publish(cx, Event::new(name, intents, Audience::all(), d));
    }

    /// Sends an event to those who see a channel or thread and have one of the intents.
    pub(crate) fn publish_in<T: Serialize + ?Sized>(
        &mut self,
        cx: &mut Cx<'_>,
        channel: ChannelId,
        name: &'static str,
        intents: Intents,
        d: &T,
    ) {
        let audience = self.audience_of(channel);
        self.publish(cx, Event::new(name, intents, audience, d));
    }

    /// Those who see a channel or thread. In private threads: its members, and who manages threads.
    pub(crate) fn audience_of(&mut self, channel: ChannelId) -> Audience {
        let mut audience = Audience::view(self.view_of(channel));
        if let Some(thread) = self.thread(channel)
            && thread.channel.kind == ChannelType::PrivateThread
        {
            audience.users = thread.members.keys().copied().collect();
        }
        audience
    }

    /// Sends every relay with sessions of this guild a message.
    pub(crate) fn tell_relays(&self, cx: &mut Cx<'_>, message: impl Fn() -> relay::Op) {
        for node in &self.nodes {
            cx.effect(Effect::Relay { node: *node, message: message() });
        }
    }

    /// Tells those who gained or lost sight of channels, after a change of roles or overwrites: `before` is
    /// [`Guild::seen`] from before it. Gains are CHANNEL_CREATE (and THREAD_LIST_SYNC if there are active threads), losses
    /// CHANNEL_DELETE, so that no session keeps or misses a channel.
    pub(crate) fn announce_views(&mut self, cx: &mut Cx<'_>, before: &Seen) {
        self.announce_change(cx, before, &Moved::new(), None);
    }

    /// As [`Guild::announce_views`]. `moved` are users who changed class in the same step, with the class they were in;
    /// they are told one by one. Whoever saw `updated` before and sees it still gets CHANNEL_UPDATE.
    pub(crate) fn announce_change(
        &mut self,
        cx: &mut Cx<'_>,
        before: &Seen,
        moved: &Moved,
        updated: Option<ChannelId>,
    ) {
        self.classes.invalidate();
        let after = self.seen();
        let one_by_one: Arc<[UserId]> = moved.keys().copied().collect();
        for (channel, now) in &after {
            let Some(then) = before.get(channel) else { continue };
            let Some(object) = self.channels.get(channel).cloned() else { continue };
            let changed = [("CHANNEL_DELETE", then.minus(now)), ("CHANNEL_CREATE", now.minus(then))];
            let kept = (updated == Some(*channel)).then(|| ("CHANNEL_UPDATE", then.and(now)));
            for (name, classes) in changed.into_iter().chain(kept).filter(|(_, classes)| !classes.is_empty())
            {
                let audience = Audience::view(View::Classes(Arc::new(classes))).without(one_by_one.clone());
                self.publish_sight(cx, name, audience, &object);
            }
            for (user, was) in moved {
                let sees = self.classes.of(*user).is_some_and(|class| now.contains(class));
                let name = match (then.contains(*was), sees) {
                    (true, true) if updated == Some(*channel) => "CHANNEL_UPDATE",
                    (false, true) => "CHANNEL_CREATE",
                    (true, false) => "CHANNEL_DELETE",
                    _ => continue,
                };
                self.publish_sight(cx, name, Audience::users([*user]), &object);
            }
        }
    }

    fn publish_sight(&mut self, cx: &mut Cx<'_>, name: &'static str, audience: Audience, channel: &Channel) {
        self.publish(cx, Event::new(name, Intents::GUILDS, audience.clone(), channel));
        if name == "CHANNEL_CREATE" {
            self.sync_voice(cx, channel.id, &audience);
            self.sync_threads(cx, channel.id, audience);
        }
    }

    /// Puts attached users in their present classes and tells the relays, but not the sessions; the classes they were in.
    pub(crate) fn move_classes(&mut self, cx: &mut Cx<'_>, users: impl IntoIterator<Item = UserId>) -> Moved {
        let mut moved = Moved::new();
        for user in users {
            let Some(before) = self.classes.of(user) else { continue };
            let Some(class) = self.classify(user).filter(|class| *class != before) else { continue };
            let guild = self.id;
            self.tell_relays(cx, || relay::Op::Class { guild, user, class });
            moved.insert(user, before);
        }
        moved
    }

    /// Puts an attached member in the class of its present roles and tells its sessions what they gained and lost.
    pub(crate) fn reclassify(&mut self, cx: &mut Cx<'_>, user: UserId) {
        let Some(before) = self.classes.of(user) else { return };
        let Some(after) = self.classify(user) else { return };
        if before == after {
            return;
        }
        let guild = self.id;
        self.tell_relays(cx, || relay::Op::Class { guild, user, class: after });
        for (channel, view) in self.seen() {
            let (then, now) = (view.contains(before), view.contains(after));
            let Some(object) = self.channels.get(&channel).filter(|_| then != now).cloned() else { continue };
            let name = if now { "CHANNEL_CREATE" } else { "CHANNEL_DELETE" };
            let audience = Audience::users([user]);
            self.publish(cx, Event::new(name, Intents::GUILDS, audience.clone(), &object));
            if now {
                self.sync_voice(cx, channel, &audience);
                self.sync_threads(cx, channel, audience);
            }
        }
    }
}
