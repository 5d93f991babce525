//! What a guild tells the world: events to the relays of subscribed nodes, entries of the audit log.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use consort_actor::Cx;
use consort_model::{Channel, ChannelId, ChannelType, Intents, UserId};
use consort_rpc::{Audience, ClassId, ClassSet, Event, NodeId, View, relay};
use serde::Serialize;

use super::Guild;
use super::access::Seen;
use crate::planted::Leak;

/// In a guild of so many members sessions that do not look at it are spared its stream ([`consort_rpc::Withheld`]). A smaller
/// one's clients have everything at hand when they turn to it, and its stream costs little.
const PASSIVE_MEMBERS_MIN: usize = 2_500;

/// Users who changed class, and the class they were in.
pub(crate) type Moved = BTreeMap<UserId, ClassId>;

impl Guild {
    /// Whether sessions that do not look at the guild are spared its stream.
    pub(crate) fn withholds(&self) -> bool {
        self.members.len() >= PASSIVE_MEMBERS_MIN
    }

    /// Sends an event to every node with sessions of this guild: one message a node, whatever the number of sessions.
    pub(crate) fn publish(&self, cx: &mut Cx<'_>, event: Event) {
        self.publish_to(cx, &self.nodes, event);
    }

    /// As [`Guild::publish`]; a volatile event goes to these nodes only.
    pub(crate) fn publish_to(&self, cx: &mut Cx<'_>, nodes: &BTreeSet<NodeId>, mut event: Event) {
        event.guild = Some(self.id);
        if !self.withholds() {
            event.withheld = None;
        }
        let is_volatile = event.volatile;
        let word = relay::Op::Publish(Arc::new(event));
        if is_volatile {
            self.say_aside(cx, nodes, &word);
        } else {
            self.say(cx, &word);
        }
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

    /// Those who see a channel or thread. In private threads: those of its members who see the channel, and who manages
    /// threads.
    pub(crate) fn audience_of(&mut self, channel: ChannelId) -> Audience {
        let mut audience = Audience::view(self.view_of(channel));
        if let Some(thread) = self.thread(channel)
            && thread.channel.kind == ChannelType::PrivateThread
        {
            let members = thread.members.keys().copied().collect();
            audience.users = self.who_see_parent(channel, members).into();
        }
        audience
    }

    /// Those of some users with sessions who see the channel of a thread. Membership of a thread outlasts the sight of its
    /// channel, and gives none of it.
    pub(crate) fn who_see_parent(&mut self, thread: ChannelId, mut users: Vec<UserId>) -> Vec<UserId> {
        let parent = self.thread(thread).and_then(|thread| thread.channel.parent_id);
        let Some(parent) = parent else { return Vec::new() };
        if Leak::LostChannels.is_planted() {
            return users;
        }
        let seen = self.seen_by(parent);
        users.retain(|user| self.classes.of(*user).is_some_and(|class| seen.contains(class)));
        users
    }

    /// Sends every relay with sessions of this guild a message.
    pub(crate) fn tell_relays(&self, cx: &mut Cx<'_>, message: impl Fn() -> relay::Op) {
        self.say(cx, &message());
    }

    /// Tells those who gained or lost sight of channels, after a change of roles or overwrites: `before` is
    /// [`Guild::seen`] from before it. Gains are CHANNEL_CREATE (and THREAD_LIST_SYNC if there are active threads), losses
    /// CHANNEL_DELETE, so that no session keeps or misses a channel.
    pub(crate) fn announce_views(&mut self, cx: &mut Cx<'_>, before: &Seen) {
        self.classes.invalidate();
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
        let after = self.seen();
        let one_by_one: Arc<[UserId]> = moved.keys().copied().collect();
        for (channel, now) in &after.channels {
            let Some(then) = before.channels.get(channel) else { continue };
            if Arc::ptr_eq(then, now) && moved.is_empty() && updated != Some(*channel) {
                continue;
            }
            let Some(object) = self.channels.get(channel).cloned() else { continue };
            // Of a class that is new in this step there are only users who moved.
            let gained = now.minus(then).below(before.classes);
            let changed = [("CHANNEL_DELETE", then.minus(now)), ("CHANNEL_CREATE", gained)];
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
        self.announce_threads(cx, before, &after, moved);
    }

    fn publish_sight(&mut self, cx: &mut Cx<'_>, name: &'static str, audience: Audience, channel: &Channel) {
        if name == "CHANNEL_DELETE" {
            self.sync_events(cx, channel.id, &audience, true);
            self.sync_stage(cx, channel.id, &audience, true);
        }
        self.publish(cx, Event::new(name, Intents::GUILDS, audience.clone(), channel));
        if name == "CHANNEL_CREATE" {
            self.sync_events(cx, channel.id, &audience, false);
            self.sync_stage(cx, channel.id, &audience, false);
            self.sync_voice(cx, channel.id, &audience);
            self.sync_threads(cx, channel.id, audience);
        }
    }

    /// The threads that came or went with channels, where they differ from one to the next: the memberships of those in
    /// public threads, and private threads. Who loses a channel loses its threads with it and is not told of each.
    fn announce_threads(&mut self, cx: &mut Cx<'_>, before: &Seen, after: &Seen, moved: &Moved) {
        for id in self.threads.keys().copied().collect::<Vec<_>>() {
            let Some(thread) = self.threads.get(&id) else { continue };
            let Some(parent) = thread.channel.parent_id else { continue };
            let (Some(then), Some(now)) = (before.channels.get(&parent), after.channels.get(&parent)) else {
                continue;
            };
            let private = before.private.get(&id).zip(after.private.get(&id));
            if Arc::ptr_eq(then, now) && private.is_none_or(|(then, now)| then == now) && moved.is_empty() {
                continue;
            }
            let was = |user: &UserId| moved.get(user).copied().or_else(|| self.classes.of(*user));
            let gained = |user: &UserId| {
                !was(user).is_some_and(|class| then.contains(class))
                    && self.classes.of(*user).is_some_and(|class| now.contains(class))
            };
            let inside: Vec<UserId> = thread.members.keys().copied().filter(gained).collect();
            let Some((then_managed, managed)) = private else {
                for user in inside {
                    self.publish_thread_member(cx, &self.threads[&id].members[&user], user);
                }
                continue;
            };
            for user in inside {
                self.publish_thread_shown(cx, &self.threads[&id], user);
            }
            self.announce_private(cx, id, (then_managed, managed), (then, now), (before.classes, moved));
        }
    }

    /// A private thread for those who are not in it: they see it while they manage threads.
    fn announce_private(
        &self,
        cx: &mut Cx<'_>,
        id: ChannelId,
        (then, now): (&ClassSet, &ClassSet),
        (then_channel, channel): (&ClassSet, &ClassSet),
        (classes, moved): (usize, &Moved),
    ) {
        let thread = &self.threads[&id];
        let inside = thread.members.keys().copied();
        let others: Arc<[UserId]> = inside.chain(moved.keys().copied()).collect();
        let gained = now.minus(then).below(classes);
        if !gained.is_empty() {
            let audience = Audience::view(View::Classes(Arc::new(gained))).without(others.clone());
            self.publish(cx, Event::new("THREAD_CREATE", Intents::GUILDS, audience, &thread.channel));
        }
        // Whoever sees the channel no more has lost the thread with it.
        let lost = then.minus(now).and(channel);
        if !lost.is_empty() {
            let audience = Audience::view(View::Classes(Arc::new(lost))).without(others);
            self.publish_thread_delete(cx, audience, &thread.channel);
        }
        for (user, was) in moved.iter().filter(|(user, _)| !thread.members.contains_key(user)) {
            let Some(class) = self.classes.of(*user) else { continue };
            let (saw, sees) = (then.contains(*was) && then_channel.contains(*was), now.contains(class));
            if !saw && sees {
                self.publish_thread_shown(cx, thread, *user);
            } else if saw && !sees && channel.contains(class) {
                self.publish_thread_delete(cx, Audience::users([*user]), &thread.channel);
            }
        }
    }

    /// Puts attached users in their present classes and tells the relays, but not the sessions; the classes they were in.
    pub(crate) fn move_classes(&mut self, cx: &mut Cx<'_>, users: impl IntoIterator<Item = UserId>) -> Moved {
        let mut moved = Moved::new();
        for user in users {
            let Some(before) = self.classes.of(user) else { continue };
            let Some(class) = self.classify(user).filter(|class| *class != before) else { continue };
            let guild = self.id;
            self.numbers.leaves_class(cx.now_ms, user, before);
            self.tell_relays(cx, || relay::Op::Class { guild, user, class });
            moved.insert(user, before);
        }
        moved
    }

    /// Puts attached members in the classes of their present roles and tells their sessions what they gained and lost.
    pub(crate) fn reclassify(&mut self, cx: &mut Cx<'_>, users: impl IntoIterator<Item = UserId>) {
        let before = self.seen();
        let moved = self.move_classes(cx, users);
        if !moved.is_empty() {
            self.announce_change(cx, &before, &moved, None);
        }
    }
}
