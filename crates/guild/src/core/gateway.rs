//! What sessions ask, but for attaching and member chunks: presence, names.

use consort_actor::{Cx, Outcome, Stop};
use consort_model::{Intents, Member, Presence, Status, User, UserId};
use consort_rpc::guild::gateway::Op;
use consort_rpc::{Audience, Change, Event, NodeId, Withheld};
use consort_store::Table;
use serde::Serialize;

use super::Guild;
use crate::roster::Packed;

/// Members above which people (not bots) are told of presences only through the member lists they look at. As `large_threshold`
/// at its most.
pub(super) const PRESENCES_TOLD_MAX: usize = 250;
/// GUILD_MEMBER_UPDATE: a member with the guild it is in.
#[derive(Serialize)]
pub(crate) struct MemberEvent<'a> {
    pub(crate) guild_id: consort_model::GuildId,
    #[serde(flatten)]
    pub(crate) member: &'a Member,
}

impl Guild {
    pub(crate) fn handle_gateway(&mut self, cx: &mut Cx<'_>, op: &Op) -> Result<Outcome, Stop> {
        match op {
            Op::Attach { session, question, large_threshold, presences, heard } => {
                let wanted = (usize::from(*large_threshold), *presences);
                self.attach(cx, (*session, *question), wanted, *heard)
            }
            Op::Detached { node } => {
                self.node_has_left(cx, *node);
                Outcome::EMPTY
            }
            Op::Replay { node, line, after } if cx.caller.system => self.replay(cx, *node, *line, *after),
            Op::Replay { .. } => Err(consort_model::ApiError::missing_access().into()),
            Op::Presence { presence } => self.set_presence(cx, presence),
            Op::Chunk(request) => self.chunk(cx, request),
            Op::UserChanged { user } => self.user_changed(cx, user),
            Op::Subscribe { session, request } => self.watch_lists(cx, *session, request),
            Op::Unsubscribe { session } => {
                self.unwatch_lists(*session);
                Outcome::EMPTY
            }
            Op::Sounds { session } => self.tell_sounds(cx, *session),
            Op::BasePermissions { user } => Outcome::json(&self.base_permissions(*user)),
        }
    }

    /// A node has no session of the guild any more, or is gone with all it had.
    pub(super) fn node_has_left(&mut self, cx: &mut Cx<'_>, node: NodeId) {
        self.nodes.remove(&node);
        self.presence_nodes.remove(&node);
        self.unwatch_lists_of(node);
        self.end_voice_of_node(cx, node);
    }

    /// The guild object with its lists.
    pub(crate) fn object(&self) -> consort_model::Guild {
        let mut object = self.info.clone();
        object.roles = self.roles.values().cloned().collect();
        object.emojis = self.emojis.values().cloned().collect();
        object.stickers = self.stickers.values().cloned().collect();
        object
    }

    fn set_presence(&mut self, cx: &mut Cx<'_>, presence: &Presence) -> Result<Outcome, Stop> {
        let user = presence.user.id;
        if !self.members.contains(user) {
            return Outcome::EMPTY;
        }
        let shown = Presence { guild_id: Some(self.id), ..presence.clone() };
        match presence.status {
            Status::Offline | Status::Invisible => {
                if self.presences.remove(user) {
                    self.went_offline(cx, user);
                }
                if !self.members.contains(user) {
                    return Outcome::EMPTY;
                }
            }
            _ => self.presences.insert(&shown),
        }
        self.tell_presence(cx, &shown);
        self.relist(cx, user);
        Outcome::EMPTY
    }

    fn tell_presence(&self, cx: &mut Cx<'_>, shown: &Presence) {
        let large = self.members.len() > PRESENCES_TOLD_MAX;
        if large && self.presence_nodes.is_empty() {
            return;
        }
        let audience = Audience::all().without([shown.user.id]);
        let mut event = Event::new("PRESENCE_UPDATE", Intents::GUILD_PRESENCES, audience, shown);
        event.volatile = true;
        event = event.withhold(Withheld::wholly());
        event.bots_only = large;
        let nodes = if large { &self.presence_nodes } else { &self.nodes };
        self.publish_to(cx, nodes, event);
    }

    fn user_changed(&mut self, cx: &mut Cx<'_>, user: &User) -> Result<Outcome, Stop> {
        let Some(member) = self.members.get(user.id) else { return Outcome::EMPTY };
        let mut member = Member { user: Some(user.clone()), ..member.unpack() };
        let found = self.screen_profile(&mut member);
        self.members.insert(&member);
        cx.put(Table::Members, self.id.get(), user.id.get(), &member);
        self.publish_member_update(cx, &member);
        self.act_on_profile(cx, &member, &found);
        Outcome::EMPTY
    }

    /// Tells those who follow members, and the member itself whatever its intents.
    pub(crate) fn publish_member_update(&mut self, cx: &mut Cx<'_>, member: &Member) {
        let user = member.user.as_ref().map_or(UserId::new(0), |user| user.id);
        let audience = Audience::all().and_always([user]);
        let body = MemberEvent { guild_id: self.id, member };
        let event = Event::new("GUILD_MEMBER_UPDATE", Intents::GUILD_MEMBERS, audience, &body);
        let voice = self.voice_channel_of(user);
        let change = voice.map(|channel| Change::member(user, member, self.view_of(channel)));
        self.publish(cx, event.withhold(Withheld { change, ..Withheld::wholly() }));
        self.relist(cx, user);
    }

    pub(super) fn presences_of(&self, members: &[Packed<'_>]) -> Vec<Presence> {
        members.iter().filter_map(|member| self.presences.get(self.id, member.id())).collect()
    }
}
