//! What people do besides founding, joining and writing.

use consort_model::request::thread::StartThread;
use consort_model::validate::ReactionEmoji;
use consort_model::{ChannelId, MessageId, Overwrite, Patch, Permissions, RoleId, Timestamp, UserId};
use consort_rpc::{guild, message, private, user};

use super::{Founded, Outcome, Person, id_of};

/// What people react with.
const EMOJIS: [&str; 2] = ["\u{1f44d}", "\u{1f389}"];
/// Threads of a community at most.
const THREADS_MAX: usize = 4;

impl Person {
    /// Reacts to somebody's message, or takes the reaction back.
    pub(super) async fn react(&mut self) {
        let posts: Vec<(ChannelId, MessageId)> = {
            let facts = self.people.facts();
            facts.posts.values().filter_map(|posted| Some((posted.channel, posted.id?))).collect()
        };
        let Some((channel, id)) = self.chance.pick(&posts).copied() else { return };
        let Some(life) = self.life() else { return };
        let emoji = ReactionEmoji::Unicode(self.chance.pick(&EMOJIS).copied().unwrap_or_default().to_owned());
        let op = match self.chance.per_mille(700) {
            true => message::Op::React { message: id, emoji, external: None },
            false => message::Op::Unreact { message: id, emoji, user: None },
        };
        match self.some_guild(|guild| guild.has(channel)) {
            Some(guild) => {
                let op = guild::Op::Message { channel, op };
                self.ask::<guild::Guild>(&life, guild.id.get(), op).await;
            }
            None => {
                let op = private::Op::Message { channel, op };
                self.ask::<private::Private>(&life, channel.get(), op).await;
            }
        }
    }

    /// Starts a thread, or writes in one.
    pub(super) async fn talk_in_thread(&mut self) {
        if self.is_listener() {
            return;
        }
        let Some(guild) = self.some_guild(|_| true) else { return };
        if let Some(thread) = self.chance.pick(&guild.threads).copied().filter(|_| self.chance.per_mille(700))
        {
            let wrap = move |op| guild::Op::Message { channel: thread, op };
            return self.write::<guild::Guild>(guild.id.get(), thread, None, wrap).await;
        }
        let Some(life) = self.life().filter(|_| guild.threads.len() < THREADS_MAX) else { return };
        let name = format!("thread-{}", self.chance.of(0..1_000));
        let thread = Box::new(StartThread { name, kind: Some(11), ..StartThread::default() });
        let parent = guild.hall.filter(|_| self.chance.per_mille(500)).unwrap_or(guild.channel);
        let op = guild::thread::Op::Start { thread, post: None };
        let op = guild::Op::Thread { channel: parent, op };
        let (outcome, shown) = self.ask::<guild::Guild>(&life, guild.id.get(), op).await;
        if let Some(thread) = id_of(&shown).filter(|_| outcome == Outcome::Acknowledged) {
            self.note(&guild, |founded| founded.threads.push(ChannelId::new(thread)));
        }
    }

    /// Gives or takes a role, a name or a timeout, or lets a role see what is hidden.
    pub(super) async fn moderate(&mut self) {
        let id = self.id;
        let Some(guild) = self.some_guild(|guild| guild.owner == id) else { return };
        let Some(life) = self.life() else { return };
        let member = UserId::new(self.other());
        let role = self.chance.pick(&guild.roles).copied();
        let update =
            |update| guild::Op::Member(guild::member::Op::Update { user: member, update: Box::new(update) });
        let op = match (self.chance.of(0..6), role) {
            (0 | 1, Some(role)) => guild::Op::Member(guild::member::Op::AddRole { user: member, role }),
            (2, Some(role)) => guild::Op::Member(guild::member::Op::RemoveRole { user: member, role }),
            (3, Some(role)) => {
                let Some(channel) = guild.hall else { return };
                let overwrite = Overwrite::role(role, Permissions::VIEW_CHANNEL, Permissions::empty());
                guild::Op::Channel(guild::channel::Op::SetOverwrite { channel, overwrite })
            }
            (4, _) => update(guild::member::Update {
                nick: Patch::Value(format!("nick-{}", self.chance.of(0..1_000))),
                ..guild::member::Update::default()
            }),
            _ => {
                let until = self.world.wall_ms() + self.chance.of(5_000..60_000);
                update(guild::member::Update {
                    communication_disabled_until: Patch::Value(Timestamp::from_ms(until)),
                    ..guild::member::Update::default()
                })
            }
        };
        self.ask::<guild::Guild>(&life, guild.id.get(), op).await;
    }

    /// Blocks somebody.
    pub(super) async fn block(&mut self) {
        // Who blocks somebody is not told of mentions.
        if self.is_listener() {
            return;
        }
        let Some(life) = self.life() else { return };
        let other = self.other();
        let op = user::relationship::Op::Block { user: UserId::new(other) };
        self.ask::<user::User>(&life, self.id, user::Op::Relationship(op)).await;
    }

    /// Makes a group with two others, and writes in it.
    pub(super) async fn write_in_group(&mut self) {
        let Some(life) = self.life() else { return };
        let channel = ChannelId::new(life.ids.next(self.world.wall_ms()));
        let recipients = vec![UserId::new(self.other()), UserId::new(self.other())];
        let op = private::Op::Found { group: true, recipients };
        let (outcome, _) = self.ask::<private::Private>(&life, channel.get(), op).await;
        if outcome == Outcome::Acknowledged {
            let wrap = move |op| private::Op::Message { channel, op };
            self.write::<private::Private>(channel.get(), channel, None, wrap).await;
        }
    }

    /// Changes what is known of a guild.
    pub(super) fn note(&self, guild: &Founded, change: impl FnOnce(&mut Founded)) {
        let mut facts = self.people.facts();
        if let Some(founded) = facts.guilds.iter_mut().find(|other| other.id == guild.id) {
            change(founded);
        }
    }

    /// A role was made.
    pub(super) fn note_role(&self, guild: &Founded, role: u64) {
        self.note(guild, |founded| founded.roles.push(RoleId::new(role)));
    }
}
