//! The sets of roles that members have, each kept once.

use std::sync::Arc;

use consort_model::{Lookup, RoleId};

/// The number of a set.
pub(super) type SetId = u32;

#[derive(Debug)]
struct Set {
    roles: Arc<[RoleId]>,
    /// Members who have it; with none the number is free.
    members: u32,
}

/// Roles in the order that members have them in. Members with the same ones share a set.
#[derive(Debug, Default)]
pub(super) struct RoleSets {
    sets: Vec<Set>,
    /// Where new holders of these roles go. After a role was taken out there may be further sets with the same roles.
    ids: Lookup<Arc<[RoleId]>, SetId>,
    free: Vec<SetId>,
}

impl RoleSets {
    /// The roles of a set.
    pub(super) fn roles(&self, id: SetId) -> &[RoleId] {
        self.sets.get(id as usize).map(|set| &*set.roles).unwrap_or_default()
    }

    /// Counts one more member with these roles.
    pub(super) fn hold(&mut self, roles: &[RoleId]) -> SetId {
        if let Some(id) = self.ids.get(roles) {
            self.sets[*id as usize].members += 1;
            return *id;
        }
        let set = Set { roles: roles.into(), members: 1 };
        let id = self.free.pop().unwrap_or(self.sets.len() as SetId);
        self.ids.insert(set.roles.clone(), id);
        match self.sets.get_mut(id as usize) {
            Some(free) => *free = set,
            None => self.sets.push(set),
        }
        id
    }

    /// Counts one member less.
    pub(super) fn release(&mut self, id: SetId) {
        let Some(set) = self.sets.get_mut(id as usize) else { return };
        set.members -= 1;
        if set.members > 0 {
            return;
        }
        let roles = std::mem::take(&mut set.roles);
        if self.ids.get(&roles) == Some(&id) {
            self.ids.remove(&roles);
        }
        self.free.push(id);
    }

    /// Takes a role out of every set.
    pub(super) fn remove_role(&mut self, role: RoleId) {
        for (id, set) in self.sets.iter_mut().enumerate() {
            if !set.roles.contains(&role) {
                continue;
            }
            if self.ids.get(&set.roles) == Some(&(id as SetId)) {
                self.ids.remove(&set.roles);
            }
            set.roles = set.roles.iter().copied().filter(|other| *other != role).collect();
            self.ids.entry(set.roles.clone()).or_insert(id as SetId);
        }
    }

    /// Each set in use with the number of its members.
    pub(super) fn counted(&self) -> impl Iterator<Item = (&[RoleId], u32)> {
        self.sets.iter().filter(|set| set.members > 0).map(|set| (&*set.roles, set.members))
    }
}
