//! Who holds a right, for all classes at once.
//!
//! A guild with many sets of roles among its sessions has many classes. Asking each of them about each overwrite is the
//! product of the two; here roles are sets of classes, and the rules of permissions are unions and differences of sets, 64
//! classes a step. One right at a time: a right is held by whoever the rules leave it to, whatever becomes of the others.

use consort_model::{Lookup, Overwrite, OverwriteKind, Permissions, RoleId, UserId};
use consort_rpc::{ClassId, ClassSet};

use super::Guild;

/// The classes of each role and of each user who is a class alone.
#[derive(Debug, Default)]
pub(super) struct Holders {
    roles: Lookup<RoleId, ClassSet>,
    alone: Lookup<UserId, ClassSet>,
    classes: usize,
}

impl Holders {
    /// Notes a class; they come in the order of their numbers.
    pub(super) fn add(&mut self, class: ClassId, roles: &[RoleId], alone: Option<UserId>) {
        for role in roles {
            self.roles.entry(*role).or_default().insert(class);
        }
        if let Some(user) = alone {
            self.alone.entry(user).or_default().insert(class);
        }
        self.classes = self.classes.max(class as usize + 1);
    }

    fn all(&self) -> ClassSet {
        ClassSet::first(self.classes)
    }

    /// Adds the classes that an overwrite is for.
    fn add_targets(&self, set: &mut ClassSet, overwrite: &Overwrite) {
        let classes = match overwrite.kind {
            OverwriteKind::Role => self.roles.get(&overwrite.id.cast()),
            OverwriteKind::Member => self.alone.get(&overwrite.id.cast()),
        };
        classes.into_iter().for_each(|classes| set.add_all(classes));
    }
}

impl Guild {
    /// The classes that hold all of `wanted` where these overwrites count; without overwrites, in the whole guild.
    pub(super) fn classes_holding(&self, wanted: Permissions, overwrites: &[Overwrite]) -> ClassSet {
        let admins = self.classes_with_role_right(Permissions::ADMINISTRATOR);
        let mut holding = self.classes.holders().all();
        for right in wanted.iter() {
            holding = holding.and(&self.classes_holding_one(right, overwrites, &admins));
        }
        holding
    }

    fn classes_holding_one(
        &self,
        right: Permissions,
        overwrites: &[Overwrite],
        admins: &ClassSet,
    ) -> ClassSet {
        // An administrator by roles ignores overwrites, and nobody is one by an overwrite.
        if right == Permissions::ADMINISTRATOR {
            return admins.clone();
        }
        let holders = self.classes.holders();
        let mut holding = self.classes_with_role_right(right);
        let everyone = |o: &&Overwrite| o.kind == OverwriteKind::Role && o.id == self.id.cast();
        if overwrites.iter().filter(everyone).any(|o| o.deny.contains(right)) {
            holding = ClassSet::default();
        }
        if overwrites.iter().filter(everyone).any(|o| o.allow.contains(right)) {
            holding = holders.all();
        }
        for kind in [OverwriteKind::Role, OverwriteKind::Member] {
            let of_kind = || overwrites.iter().filter(|o| o.kind == kind && o.id != self.id.cast());
            let mut denied = ClassSet::default();
            of_kind().filter(|o| o.deny.contains(right)).for_each(|o| holders.add_targets(&mut denied, o));
            holding.remove_all(&denied);
            of_kind().filter(|o| o.allow.contains(right)).for_each(|o| holders.add_targets(&mut holding, o));
        }
        holding.add_all(admins);
        holding
    }

    /// The classes that have a right by a role, and the owner's.
    fn classes_with_role_right(&self, right: Permissions) -> ClassSet {
        let holders = self.classes.holders();
        let everyone = self.roles.get(&self.id.cast());
        if everyone.is_some_and(|role| role.permissions.contains(right)) {
            return holders.all();
        }
        let mut holding = holders.alone.get(&self.info.owner_id).cloned().unwrap_or_default();
        for role in self.roles.values().filter(|role| role.permissions.contains(right)) {
            holders.roles.get(&role.id).into_iter().for_each(|classes| holding.add_all(classes));
        }
        holding
    }
}

#[cfg(test)]
mod tests {
    use consort_model::permissions::compute_channel;
    use consort_model::{GuildId, Role};
    use proptest::prelude::*;

    use super::super::access::ClassKey;
    use super::*;

    const GUILD: GuildId = GuildId::new(1);
    const OWNER: UserId = UserId::new(100);

    fn rights() -> impl Strategy<Value = Permissions> {
        let one = || {
            prop::sample::select(vec![
                Permissions::empty(),
                Permissions::VIEW_CHANNEL,
                Permissions::MANAGE_THREADS,
                Permissions::SEND_MESSAGES,
            ])
        };
        (one(), one(), prop::bool::weighted(0.05)).prop_map(|(a, b, admin)| {
            a | b | if admin { Permissions::ADMINISTRATOR } else { Permissions::empty() }
        })
    }

    fn overwrites() -> impl Strategy<Value = Overwrite> {
        let target = prop_oneof![(1u64..8).prop_map(Ok), (100u64..104).prop_map(Err)];
        (target, rights(), rights()).prop_map(|(target, allow, deny)| match target {
            Ok(role) => Overwrite::role(RoleId::new(role), allow, deny),
            Err(user) => Overwrite::member(UserId::new(user), allow, deny),
        })
    }

    proptest! {
        #[test]
        fn sets_of_classes_follow_the_rules_for_each_class(
            roles in prop::collection::vec(rights(), 7),
            classes in prop::collection::vec(
                (prop::collection::btree_set(2u64..8, 0..5), prop::option::of(100u64..104)), 1..90,
            ),
            overwrites in prop::collection::vec(overwrites(), 0..6),
            wanted in rights(),
        ) {
            let mut guild = Guild::empty(GUILD);
            guild.info.owner_id = OWNER;
            for (id, permissions) in (1..).zip(roles) {
                let role = Role { id: RoleId::new(id), permissions, ..Role::everyone(GUILD) };
                guild.roles.insert(role.id, role);
            }
            let keys = classes.into_iter().map(|(roles, alone)| ClassKey {
                roles: roles.into_iter().map(RoleId::new).collect(),
                alone: alone.map(UserId::new),
            });
            let keys: Vec<_> = keys.map(|key| (guild.classes.intern(key.clone()), key)).collect();
            let holding = guild.classes_holding(wanted, &overwrites);
            let guild_wide = guild.classes_holding(wanted, &[]);
            for (class, key) in keys {
                let user = key.alone.unwrap_or(UserId::new(0));
                let base = guild.base_of(&key.roles, user);
                let held = compute_channel(base, GUILD, &key.roles, user, &overwrites);
                prop_assert_eq!(holding.contains(class), held.contains(wanted), "{:?}", key);
                prop_assert_eq!(guild_wide.contains(class), base.contains(wanted), "{:?}", key);
            }
        }
    }
}
