//! Attaching a session: the guild as its user may see it, GUILD_CREATE.
//!
//! A guild of 500 channels and 250 roles is a quarter of a megabyte of JSON, the same for every session but for the
//! channels that its class does not see and a few fields. Each object's JSON is kept (see [`super::shown`]); what is left to do
//! for a session is to copy what it may see and to encode what is its own.

use std::collections::BTreeSet;

use bytes::Bytes;
use consort_actor::{Cx, Outcome, Stop};
use consort_model::{
    ChannelId, ChannelType, LookupSet, OverwriteKind, Permissions, ThreadMember, UserId, VoiceState,
};
use consort_rpc::relay::{Heard, Question, SessionKey};
use consort_rpc::{ClassId, Publication, relay, user as account};
use serde::Serialize;
use serde_json::Value;

use super::gateway::PRESENCES_TOLD_MAX;
use super::shown::put_list;
use super::{Guild, Thread};
use crate::json::encode;
use crate::planted::Leak;
use crate::roster::Packed;

/// Members above which not even online ones are listed in GUILD_CREATE (Gateway Events, Guild Create).
const ONLINE_LISTED_MAX: usize = 75_000;
/// Bytes of GUILD_CREATE besides the fragments, for an allocation that need not grow.
const REST_BYTES: usize = 2_048;

impl Guild {
    pub(super) fn attach(
        &mut self,
        cx: &mut Cx<'_>,
        (session, question): (SessionKey, Question),
        (large_threshold, presences): (usize, bool),
        heard: Option<Heard>,
    ) -> Result<Outcome, Stop> {
        let user = cx.caller.user;
        let before = self.classes.of(user);
        let Some(class) = self.classify(user) else {
            // The session would take it for the last word, also from an owner that does not know who has joined since.
            cx.confirm();
            let message = relay::Op::Refused { session, guild: self.id, question, unavailable: false };
            cx.publish(Publication::Relay { node: session.node, message });
            return Outcome::EMPTY;
        };
        self.nodes.insert(session.node);
        self.hear_of_session(cx, session);
        if presences && cx.caller.bot {
            self.presence_nodes.insert(session.node);
        }
        let guild_create = self.guild_create((user, class), large_threshold, presences);
        let late = heard.map_or_else(Vec::new, |heard| self.said_since(cx, class, heard));
        let message = relay::Op::Attached { session, guild: self.id, question, class, guild_create, late };
        self.say_aside(cx, [&session.node], &message);
        if before.is_some_and(|before| before != class) {
            let guild = self.id;
            self.tell_relays(cx, || relay::Op::Class { guild, user, class });
        }
        // Presences live in memory: after this owner was loaded again it learns them from those who come back.
        if !self.presences.contains(user) {
            cx.publish(Publication::User { user, news: account::News::PresenceWanted { guild: self.id } });
        }
        Outcome::EMPTY
    }

    /// The guild as a member may see it: hidden channels and threads are left out. An object with the fields of
    /// [`consort_model::GatewayGuild`]; `voice_states` comes first, as the gateway reads it out of there.
    fn guild_create(&mut self, viewer: (UserId, ClassId), large_threshold: usize, presences: bool) -> Bytes {
        let (user, class) = viewer;
        self.see_all_channels();
        let own = self.members.get(user);
        let bot = own.is_some_and(Packed::is_bot);
        let large = self.members.len() > if bot { large_threshold } else { PRESENCES_TOLD_MAX };
        let channels = self.channels.shown().filter(|(id, ..)| self.classes.sees(class, *id));
        let channels: Vec<_> = channels.map(|(_, _, json)| json).collect();
        let lists = [
            ("roles", self.roles.list()),
            ("emojis", self.emojis.list()),
            ("stickers", self.stickers.list()),
        ];
        let info = self.info.json(info);
        let fixed: usize =
            lists.iter().map(|(_, list)| list.len()).chain(channels.iter().map(|c| c.len() + 1)).sum();
        let mut out = Vec::with_capacity(fixed + info.len() + REST_BYTES);

        out.extend_from_slice(b"{\"voice_states\":");
        put(&mut out, &self.voice_states_for(viewer));
        out.push(b',');
        out.extend_from_slice(info);
        for (name, list) in lists {
            put_name(&mut out, name);
            out.extend_from_slice(list);
        }
        put_name(&mut out, "channels");
        put_list(&mut out, channels);
        put_name(&mut out, "threads");
        self.put_threads(&mut out, viewer);
        self.put_members(&mut out, user, large, presences && (bot || !large), presences);
        for (name, value) in [
            ("joined_at", encode(&own.map(Packed::joined_at).unwrap_or_default())),
            ("large", encode(&large)),
            ("unavailable", encode(&false)),
            ("member_count", encode(&self.members.len())),
        ] {
            put_name(&mut out, name);
            out.extend_from_slice(&value);
        }
        put_name(&mut out, "guild_scheduled_events");
        put(&mut out, &self.shown_events(|channel| self.classes.sees(class, channel)));
        put_name(&mut out, "stage_instances");
        put(&mut out, &self.shown_stages(|channel| self.classes.sees(class, channel)));
        put_name(&mut out, "soundboard_sounds");
        out.extend_from_slice(self.sounds.list());
        out.push(b'}');
        out.into()
    }

    /// `members` and `presences`: all members of a small guild. Of a large one those online (if presences may be told at all
    /// and they are not too many), those in voice, and oneself.
    fn put_members(&self, out: &mut Vec<u8>, user: UserId, large: bool, listed: bool, presences: bool) {
        put_name(out, "members");
        if !large && listed {
            out.extend_from_slice(self.members.list());
            put_name(out, "presences");
            out.extend_from_slice(self.presences.list(self.id));
            return;
        }
        let online = (listed && self.members.len() <= ONLINE_LISTED_MAX).then(|| self.presences.users());
        let online = online.into_iter().flatten();
        let shown: BTreeSet<_> = self.voice.users().chain(online).chain([user]).collect();
        let shown: Vec<_> = shown.into_iter().filter_map(|id| self.members.get(id)).collect();
        put(out, &shown);
        put_name(out, "presences");
        put(out, &if presences { self.presences_of(&shown) } else { Vec::new() });
    }

    fn voice_states_for(&self, (user, class): (UserId, ClassId)) -> Vec<VoiceState> {
        let sees = |state: &VoiceState| {
            let seen = |channel| self.classes.sees(class, channel) || Leak::Voice.is_planted();
            state.user_id == user || state.channel_id.is_some_and(seen)
        };
        let states = self.voice.states().filter(|state| sees(state));
        // The members of those in voice stand in `members`.
        states.map(|state| VoiceState { member: None, ..state.clone() }).collect()
    }

    /// The active threads that a member sees, each with its own membership.
    fn put_threads(&self, out: &mut Vec<u8>, (user, class): (UserId, ClassId)) {
        out.push(b'[');
        let start = out.len();
        for (_, thread, json) in self.threads.shown() {
            if !self.sees_thread(user, class, thread) {
                continue;
            }
            if out.len() > start {
                out.push(b',');
            }
            match thread.members.get(&user) {
                Some(own) => put_with_member(out, json, own),
                None => out.extend_from_slice(json),
            }
        }
        out.push(b']');
    }

    fn sees_thread(&self, user: UserId, class: ClassId, thread: &Thread) -> bool {
        let Some(parent) = thread.channel.parent_id else { return false };
        if !self.classes.sees(class, parent) {
            return false;
        }
        thread.channel.kind != ChannelType::PrivateThread
            || thread.members.contains_key(&user)
            || self.class_holds(class, parent, Permissions::MANAGE_THREADS)
    }

    /// The users with an overwrite of their own in some channel.
    pub(super) fn find_singled_out(&self) -> LookupSet<UserId> {
        self.singled_out().collect()
    }

    /// The same, in the order of channels; some are named more than once.
    pub(super) fn singled_out(&self) -> impl Iterator<Item = UserId> {
        let overwrites =
            self.channels.values().filter_map(|channel| channel.permission_overwrites.as_deref());
        let members = overwrites.flatten().filter(|overwrite| overwrite.kind == OverwriteKind::Member);
        members.map(|overwrite| overwrite.id.cast())
    }

    fn see_all_channels(&mut self) {
        if self.classes.views() < self.channels.len() {
            let channels: Vec<ChannelId> = self.channels.keys().copied().collect();
            channels.into_iter().for_each(|channel| drop(self.seen_by(channel)));
        }
    }
}

/// The settings without their lists, as the fields of an object.
fn info(guild: &consort_model::Guild) -> Bytes {
    let Ok(Value::Object(mut fields)) = serde_json::to_value(guild) else {
        unreachable!("settings are an object")
    };
    fields.retain(|name, _| !["roles", "emojis", "stickers"].contains(&name.as_str()));
    let object = encode(&fields);
    object.slice(1..object.len() - 1)
}

fn put_name(out: &mut Vec<u8>, name: &str) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

fn put<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    out.extend_from_slice(&encode(value));
}

/// Adds a thread with the receiver's membership, which the thread itself has not.
fn put_with_member(out: &mut Vec<u8>, thread: &Bytes, own: &ThreadMember) {
    out.extend_from_slice(&thread[..thread.len() - 1]);
    put_name(out, "member");
    put(out, own);
    out.push(b'}');
}
