//! The guild's state machine. One file per area; each adds `handle_*` methods to [`Guild`].

mod access;
mod attach;
mod audit;
mod automod;
mod ban;
mod channels;
mod chunk;
mod emojis;
mod events;
mod everyone;
mod files;
mod follow;
mod gateway;
mod invites;
mod load;
mod may;
mod member_list;
mod members;
mod messages;
mod moving;
mod numbers;
mod onboarding;
mod publish;
mod roles;
mod searchable;
mod settings;
mod shown;
mod sounds;
mod stages;
mod tags;
mod template;
mod threads;
mod views;
mod voice;
mod voice_server;
mod webhooks;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use consort_actor::{Core, Cx, Outcome, Stop};
use consort_model::{
    ApiError, Channel, ChannelId, Emoji, EmojiId, GuildId, Lookup, MessageId, Role, RoleId, SoundId,
    SoundboardSound, Sticker, StickerId, ThreadMember, UserId, Webhook, WebhookId,
};
use consort_rpc::guild::Op;
use consort_rpc::{Fact, NodeId, Publication, guild, relay};
use consort_store::{BoxFuture, Error, Row, StoreRef};
use serde::{Serialize, Serializer};

use crate::roster::{Presences, Roster};
use access::Classes;
use shown::{Shown, ShownMap};

/// A thread that is not archived, with its members.
#[derive(Debug, Clone)]
pub(crate) struct Thread {
    pub(crate) channel: Channel,
    pub(crate) members: BTreeMap<UserId, ThreadMember>,
}

/// As its channel.
impl Serialize for Thread {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.channel.serialize(serializer)
    }
}

/// One guild. Everything in memory but messages, bans, the audit log and archived threads, which are rows read when needed.
#[derive(Debug)]
pub struct Guild {
    pub(crate) id: GuildId,
    /// Settings; its lists of roles, emojis and stickers are empty here, see the maps.
    pub(crate) info: Shown<consort_model::Guild>,
    pub(crate) roles: ShownMap<RoleId, Role>,
    pub(crate) channels: ShownMap<ChannelId, Channel>,
    pub(crate) threads: ShownMap<ChannelId, Thread>,
    /// Members, with their user objects.
    pub(crate) members: Roster,
    pub(crate) emojis: ShownMap<EmojiId, Emoji>,
    pub(crate) stickers: ShownMap<StickerId, Sticker>,
    pub(crate) invites: BTreeMap<String, invites::InviteRow>,
    pub(crate) webhooks: BTreeMap<WebhookId, Webhook>,
    /// Webhooks in other guilds that follow announcement channels of this one.
    pub(crate) followers: BTreeMap<(ChannelId, WebhookId), GuildId>,
    /// The newest messages to everybody, by channel, where members are not told one by one.
    pub(crate) everyone: BTreeMap<ChannelId, guild::everyone::Row>,
    /// Who is in a voice channel.
    pub(crate) voice: voice::Voice,
    /// Presences of members who are not offline.
    pub(crate) presences: Presences,
    /// Members who leave when they are offline, unless they get a role.
    pub(crate) temporary: BTreeSet<UserId>,
    /// The day (since 1970) members were last seen online, for pruning.
    pub(crate) last_seen: Lookup<UserId, u32>,
    /// Of what is said to relays.
    pub(crate) numbers: numbers::Numbers,
    /// Nodes with attached sessions.
    pub(crate) nodes: BTreeSet<NodeId>,
    /// Those of them where a bot has asked for presences.
    pub(crate) presence_nodes: BTreeSet<NodeId>,
    pub(crate) classes: Classes,
    pub(crate) lists: member_list::Lists,
    pub(crate) automod: automod::AutoMod,
    pub(crate) events: events::Events,
    pub(crate) stages: stages::Stages,
    pub(crate) sounds: ShownMap<SoundId, SoundboardSound>,
    pub(crate) talk: messages::Talk,
    /// The day (since 1970) on which entries of the audit log were deleted last.
    pub(crate) audit_swept_day: Cell<u64>,
    pub(crate) phase: Phase,
}

/// Whether the guild exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Not founded yet: only [`guild::settings::Op::Create`] is understood.
    Vacant,
    /// Alive.
    Live,
    /// Deleted.
    Gone,
}

impl Core for Guild {
    type Service = guild::Guild;

    const HAS_ALARMS: bool = true;

    const FROZEN_FORMAT: Option<u16> = Some(2);

    fn load(
        key: u64,
        _first: Vec<Vec<Row>>,
        store: StoreRef,
        now_ms: u64,
    ) -> BoxFuture<'static, Result<Option<Self>, Error>> {
        Box::pin(load::load(GuildId::new(key), store, now_ms))
    }

    fn vacant(key: u64) -> Option<Self> {
        Some(Self::empty(GuildId::new(key)))
    }

    fn not_found() -> ApiError {
        ApiError::unknown_guild()
    }

    fn started(&self, nodes: &[NodeId]) -> Vec<Fact> {
        if self.phase != Phase::Live {
            return Vec::new();
        }
        let message = relay::Op::GuildLoaded { guild: self.id };
        nodes.iter().map(|node| Fact::Relay { node: *node, message: message.clone() }).collect()
    }

    fn newest_id(&self) -> Option<u64> {
        let threads = self.threads.values().map(|thread| &thread.channel);
        let channels = self.channels.values().chain(threads);
        let ids = channels
            .flat_map(|channel| [Some(channel.id.get()), channel.last_message_id.map(MessageId::get)]);
        ids.flatten().chain(self.roles.keys().map(|role| role.get())).max()
    }

    fn handle(&mut self, cx: &mut Cx<'_>, op: &Op) -> Result<Outcome, Stop> {
        let founding = matches!(
            op,
            Op::Settings(guild::settings::Op::Create { .. } | guild::settings::Op::CreateFrom { .. })
        );
        if self.phase != Phase::Live && !founding {
            return self.handle_absent(cx, op);
        }
        if cx.shared && self.numbers.expects_late(cx.now_ms) {
            self.expect_classes();
        }
        let outcome = match op {
            Op::Settings(op) => self.handle_settings(cx, op),
            Op::Channel(op) => self.handle_channel(cx, op),
            Op::Role(op) => self.handle_role(cx, op),
            Op::Member(op) => self.handle_member(cx, op),
            Op::Ban(op) => self.handle_ban(cx, op),
            Op::Invite(op) => self.handle_invite(cx, op),
            Op::Emoji(op) => self.handle_emoji(cx, op),
            Op::Webhook(op) => self.handle_webhook(cx, op),
            Op::AutoMod(op) => self.handle_automod(cx, op),
            Op::Onboarding(op) => self.handle_onboarding(cx, op),
            Op::Template(op) => self.handle_template(cx, op),
            Op::Event(op) => self.handle_event(cx, op),
            Op::Thread { channel, op } => self.handle_thread(cx, *channel, op),
            Op::Message { channel, op } => self.handle_message(cx, *channel, op),
            Op::Searchable { nsfw } => self.searchable(cx, *nsfw),
            Op::Voice(op) => self.handle_voice(cx, op),
            Op::Stage(op) => self.handle_stage(cx, op),
            Op::Sound(op) => self.handle_sound(cx, op),
            Op::Gateway(op) => self.handle_gateway(cx, op),
            Op::May(what) => {
                self.handle_may(cx, what)?;
                Outcome::EMPTY
            }
            Op::Rights { channel } => self.rights(cx, *channel),
        }?;
        self.follow_voice_rights(cx, op);
        Ok(outcome)
    }

    fn next_deadline_ms(&self) -> Option<u64> {
        let polls = self.talk.conversation.next_deadline_ms();
        let lists = self.lists.next_deadline_ms();
        let voice = self.voice.next_deadline_ms();
        let events = self.next_event_ms();
        let stages = self.stages.next_ms();
        let threads = self.next_thread_deadline_ms().into_iter();
        threads.chain(polls).chain(events).chain(stages).chain(lists).chain(voice).min()
    }

    fn alarm_ms(&self) -> Option<u64> {
        let polls = self.talk.conversation.next_deadline_ms();
        let events = self.next_event_ms();
        self.next_thread_deadline_ms()
            .into_iter()
            .chain(polls)
            .chain(events)
            .chain(self.stages.next_ms())
            .min()
            .filter(|_| self.phase == Phase::Live)
    }

    fn tick(&mut self, cx: &mut Cx<'_>) {
        self.archive_due_threads(cx);
        self.tick_voice(cx);
        self.step_events(cx);
        self.close_silent_stages(cx);
        consort_conversation::tick(self, cx);
        self.tell_lists_if_due(cx);
    }

    fn node_gone(&mut self, cx: &mut Cx<'_>, node: NodeId) {
        if self.nodes.contains(&node) {
            self.node_has_left(cx, node);
        }
    }

    fn is_idle(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Loading many members takes long, and threads and polls have their times.
    fn may_rest(&self) -> bool {
        false
    }

    fn freeze(&self) -> Option<Box<[u8]>> {
        self.frozen()
    }

    fn thaw(&mut self, frozen: &[u8], _now_ms: u64) -> bool {
        self.thawed(frozen)
    }

    fn inspect(&self) -> serde_json::Value {
        serde_json::json!({
            "phase": format!("{:?}", self.phase),
            "members": self.members.len(),
            "online": self.presences.len(),
            "channels": self.channels.len(),
            "threads": self.threads.len(),
            "roles": self.roles.len(),
            "emojis": self.emojis.len(),
            "stickers": self.stickers.len(),
            "webhooks": self.webhooks.len(),
            "invites": self.invites.len(),
            "nodes_with_sessions": self.nodes.iter().map(|node| node.0).collect::<Vec<_>>(),
            "nodes_with_presences": self.presence_nodes.iter().map(|node| node.0).collect::<Vec<_>>(),
        })
    }

    fn is_over(&self) -> bool {
        self.phase != Phase::Live
    }
}

impl Guild {
    /// Answers a call to a guild that is not there. A session that wants to attach is told through its relay; so are those that
    /// have not heard that it is gone.
    fn handle_absent(&self, cx: &mut Cx<'_>, op: &Op) -> Result<Outcome, Stop> {
        use guild::gateway::Op::{Attach, Replay};
        let guild = self.id;
        let (node, message) = match op {
            Op::Gateway(Attach { session, question, .. }) => {
                let (session, question) = (*session, *question);
                (session.node, relay::Op::Refused { session, guild, question, unavailable: false })
            }
            Op::Gateway(Replay { node, line, .. }) => {
                (*node, relay::Op::GuildRestarted { guild, line: *line })
            }
            _ => return Err(Self::not_found().into()),
        };
        cx.confirm();
        cx.publish(Publication::Relay { node, message });
        Outcome::EMPTY
    }
}
