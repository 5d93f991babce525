//! Which list a channel has, and who is where in it.

use std::sync::Arc;

use consort_model::{Channel, ChannelId, OverwriteKind, Permissions, RoleId, UserId};
use consort_model::{LookupSet, permissions::compute_channel};

use super::super::Guild;
use super::Listed;
use crate::ranked_list::{Group, Key, List};
use crate::roster::Packed;

/// What members with the same roles have in common.
#[derive(Debug, Clone, Copy)]
struct Standing {
    /// The group when online.
    online: Group,
    /// Whether they see the list's channel.
    sees: bool,
}

impl Guild {
    /// The list of a channel (a thread's is its parent's), built if nobody has looked yet; its id.
    pub(super) fn open_list(&mut self, channel: ChannelId) -> Arc<str> {
        let thread = self.threads.get(&channel).and_then(|thread| thread.channel.parent_id);
        let channel = thread.unwrap_or(channel);
        let shared = self.channels.get(&channel).is_none_or(|channel| self.everybody_sees(channel));
        let id: Arc<str> = match self.channels.get(&channel) {
            Some(channel) if !shared => list_id(channel).into(),
            _ => "everyone".into(),
        };
        if !self.lists.lists.contains_key(&id) {
            let channel = (!shared).then_some(channel);
            let list = self.build_list(channel);
            self.lists.lists.insert(id.clone(), Listed::new(list, channel));
        }
        id
    }

    fn everybody_sees(&self, channel: &Channel) -> bool {
        let base = self.roles.get(&self.id.cast()).map(|role| role.permissions).unwrap_or_default();
        let overwrites = channel.permission_overwrites.as_deref().unwrap_or_default();
        let denied = overwrites.iter().any(|o| o.deny.contains(Permissions::VIEW_CHANNEL));
        !denied && base.contains(Permissions::VIEW_CHANNEL)
    }

    /// Looks at each member, but at each set of roles only once.
    pub(super) fn build_list(&self, channel: Option<ChannelId>) -> List {
        let mut hoisted: Vec<_> = self.roles.values().filter(|role| role.hoist).collect();
        hoisted.sort_by_key(|role| (std::cmp::Reverse(role.position), role.id));
        let groups = hoisted.iter().map(|role| Group::Role(role.id)).chain([Group::Online, Group::Offline]);
        let groups: Vec<_> = groups.collect();
        let index = |group| groups.iter().position(|other| *other == group).unwrap_or(groups.len() - 1);
        let overwrites = channel.and_then(|id| self.channels.get(&id)?.permission_overwrites.as_deref());
        let overwrites = overwrites.unwrap_or_default();
        let overwrites = overwrites.iter().filter(|overwrite| overwrite.kind == OverwriteKind::Member);
        let owner = channel.map(|_| self.info.owner_id);
        let alone: LookupSet<UserId> = overwrites.map(|overwrite| overwrite.id.cast()).chain(owner).collect();
        let mut standings: Vec<Option<(usize, bool)>> = Vec::new();
        let mut keys = Vec::with_capacity(self.members.len());
        for member in self.members.iter() {
            let number = member.role_set() as usize;
            if standings.len() <= number {
                standings.resize(number + 1, None);
            }
            let (online, mut sees) = *standings[number].get_or_insert_with(|| {
                let standing = self.standing_in_list(member.roles(), channel);
                (index(standing.online), standing.sees)
            });
            if !alone.is_empty() && alone.contains(&member.id()) {
                sees = self.sees_list(member.id(), channel);
            }
            if sees {
                let group = if self.presences.contains(member.id()) { online } else { groups.len() - 1 };
                keys.push(Key::new(group, member.display_name(), member.id()));
            }
        }
        List::of(groups, keys)
    }

    fn standing_in_list(&self, roles: &[RoleId], channel: Option<ChannelId>) -> Standing {
        let nobody = UserId::new(0);
        let sees = channel.is_none_or(|id| {
            let Some(channel) = self.channels.get(&id) else { return false };
            let overwrites = channel.permission_overwrites.as_deref().unwrap_or_default();
            let held = compute_channel(self.base_of(roles, nobody), self.id, roles, nobody, overwrites);
            held.contains(Permissions::VIEW_CHANNEL)
        });
        Standing { online: self.hoisted_role(roles).map_or(Group::Online, Group::Role), sees }
    }

    fn sees_list(&self, user: UserId, channel: Option<ChannelId>) -> bool {
        let held = channel.and_then(|channel| self.permissions_in(user, channel, 0));
        channel.is_none() || held.is_some_and(|held| held.contains(Permissions::VIEW_CHANNEL))
    }

    /// The group of a member in a list, and the member; `None` when it is not in it.
    pub(super) fn place_in_list(
        &self,
        user: UserId,
        channel: Option<ChannelId>,
    ) -> Option<(Group, Packed<'_>)> {
        let member = self.members.get(user)?;
        if !self.sees_list(user, channel) {
            return None;
        }
        let group = match self.presences.contains(user) {
            true => self.hoisted_role(member.roles()).map_or(Group::Online, Group::Role),
            false => Group::Offline,
        };
        Some((group, member))
    }

    fn hoisted_role(&self, roles: &[RoleId]) -> Option<RoleId> {
        let hoisted = roles.iter().filter_map(|id| self.roles.get(id)).filter(|role| role.hoist);
        hoisted.max_by_key(|role| (role.position, std::cmp::Reverse(role.id))).map(|role| role.id)
    }
}

/// The id of a list that not everybody is in: a hash of who is let in and kept out, as clients compute it too.
fn list_id(channel: &Channel) -> String {
    let mut tokens: Vec<String> = Vec::new();
    for overwrite in channel.permission_overwrites.iter().flatten() {
        debug_assert!(matches!(overwrite.kind, OverwriteKind::Role | OverwriteKind::Member));
        if overwrite.allow.contains(Permissions::VIEW_CHANNEL) {
            tokens.push(format!("allow:{}", overwrite.id));
        } else if overwrite.deny.contains(Permissions::VIEW_CHANNEL) {
            tokens.push(format!("deny:{}", overwrite.id));
        }
    }
    tokens.sort_unstable();
    murmur3_32(tokens.join(",").as_bytes()).to_string()
}

/// MurmurHash3, 32 bits, seed 0 (Austin Appleby, public domain).
fn murmur3_32(data: &[u8]) -> u32 {
    let scramble = |k: u32| k.wrapping_mul(0xcc9e_2d51).rotate_left(15).wrapping_mul(0x1b87_3593);
    let mut hash = 0u32;
    let mut chunks = data.chunks_exact(4);
    for chunk in &mut chunks {
        let k = u32::from_le_bytes([chunk[0], chunk[1], chunk[2], chunk[3]]);
        hash = (hash ^ scramble(k)).rotate_left(13).wrapping_mul(5).wrapping_add(0xe654_6b64);
    }
    let tail = chunks.remainder();
    if !tail.is_empty() {
        let k = tail.iter().rev().fold(0u32, |k, byte| k << 8 | u32::from(*byte));
        hash ^= scramble(k);
    }
    hash ^= data.len() as u32;
    hash ^= hash >> 16;
    hash = hash.wrapping_mul(0x85eb_ca6b);
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(0xc2b2_ae35);
    hash ^ hash >> 16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_murmur3() {
        // Values of the reference implementation with seed 0.
        assert_eq!(murmur3_32(b""), 0);
        assert_eq!(murmur3_32(b"test"), 0xba6b_d213);
        assert_eq!(murmur3_32(b"Hello, world!"), 0xc036_3e43);
        assert_eq!(murmur3_32(b"The quick brown fox jumps over the lazy dog"), 0x2e4f_f723);
    }
}
