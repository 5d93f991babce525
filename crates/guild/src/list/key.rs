//! The compact key a member is ordered by.

use consort_model::UserId;

/// Group, the beginning of the folded name, and the id, in 24 bytes that compare as numbers. Names that agree in their
/// first [`NAME_BYTES`] bytes are ordered by id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// 16 bits of group above [`NAME_BYTES`] bytes of name.
    head: u128,
    user: u64,
}

/// Bytes of the folded name that count.
pub const NAME_BYTES: usize = 14;

impl Key {
    /// The key of a member; `name` is as [`fold_name`] makes it. Groups beyond 65 535 fall together with the last.
    pub fn new(group: usize, name: &str, user: UserId) -> Self {
        let mut head = [0; 16];
        head[..2].copy_from_slice(&u16::try_from(group).unwrap_or(u16::MAX).to_be_bytes());
        let name = &name.as_bytes()[..name.len().min(NAME_BYTES)];
        head[2..2 + name.len()].copy_from_slice(name);
        Self { head: u128::from_be_bytes(head), user: user.get() }
    }

    /// The group's index.
    pub fn group(&self) -> usize {
        (self.head >> (8 * NAME_BYTES)) as usize
    }

    /// The member.
    pub fn user(&self) -> UserId {
        UserId::new(self.user)
    }
}

/// A name as it is ordered: lower case, so that `anna` stands beside `Anna`.
pub fn fold_name(name: &str) -> String {
    name.chars().flat_map(char::to_lowercase).take(NAME_BYTES).collect()
}
