//! Hash maps and sets that are looked up and never walked in the order of their hashes, which is another one in each process: so
//! no such order reaches an answer, an event or a row. Whoever wants all of one gets them in their own order.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;

/// A map for looking up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup<K, V>(HashMap<K, V>)
where
    K: Eq + Hash;

impl<K: Eq + Hash, V> Default for Lookup<K, V> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Eq + Hash, V> FromIterator<(K, V)> for Lookup<K, V> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        Self(entries.into_iter().collect())
    }
}

impl<K: Eq + Hash, V, Q: Eq + Hash + ?Sized> std::ops::Index<&Q> for Lookup<K, V>
where
    K: Borrow<Q>,
{
    type Output = V;

    /// The value of a key that is there.
    fn index(&self, key: &Q) -> &V {
        &self.0[key]
    }
}

impl<K: Eq + Hash, V> Extend<(K, V)> for Lookup<K, V> {
    fn extend<I: IntoIterator<Item = (K, V)>>(&mut self, entries: I) {
        self.0.extend(entries);
    }
}

impl<K: Eq + Hash, V> Lookup<K, V> {
    /// An empty map with room.
    pub fn with_capacity(capacity: usize) -> Self {
        Self(HashMap::with_capacity(capacity))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of a key.
    pub fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.0.get(key)
    }

    /// The value of a key, to be changed.
    pub fn get_mut<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        self.0.get_mut(key)
    }

    /// Whether a key is there.
    pub fn contains_key<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.0.contains_key(key)
    }

    /// The place of a key.
    pub fn entry(&mut self, key: K) -> Entry<'_, K, V> {
        self.0.entry(key)
    }

    /// Sets the value of a key; gives the one before.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        self.0.insert(key, value)
    }

    /// Takes a key out.
    pub fn remove<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.0.remove(key)
    }

    /// Takes everything out.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// All keys, rising.
    pub fn keys(&self) -> Vec<&K>
    where
        K: Ord,
    {
        let mut keys: Vec<_> = self.0.keys().collect();
        keys.sort_unstable();
        keys
    }

    /// Everything, by rising key.
    pub fn entries(&self) -> Vec<(&K, &V)>
    where
        K: Ord,
    {
        let mut entries: Vec<_> = self.0.iter().collect();
        entries.sort_unstable_by_key(|(key, _)| *key);
        entries
    }
}

/// A set for looking up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookupSet<K: Eq + Hash>(Lookup<K, ()>);

impl<K: Eq + Hash> Default for LookupSet<K> {
    fn default() -> Self {
        Self(Lookup::default())
    }
}

impl<K: Eq + Hash> FromIterator<K> for LookupSet<K> {
    fn from_iter<I: IntoIterator<Item = K>>(keys: I) -> Self {
        Self(keys.into_iter().map(|key| (key, ())).collect())
    }
}

impl<K: Eq + Hash> Extend<K> for LookupSet<K> {
    fn extend<I: IntoIterator<Item = K>>(&mut self, keys: I) {
        self.0.extend(keys.into_iter().map(|key| (key, ())));
    }
}

impl<K: Eq + Hash> LookupSet<K> {
    /// An empty set with room.
    pub fn with_capacity(capacity: usize) -> Self {
        Self(Lookup::with_capacity(capacity))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a key is in it.
    pub fn contains<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.0.contains_key(key)
    }

    /// Puts a key in; whether it was not there.
    pub fn insert(&mut self, key: K) -> bool {
        self.0.insert(key, ()).is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_comes_by_rising_key_however_it_went_in() {
        let mut map: Lookup<u64, u64> = (0..100).rev().map(|n| (n * 7919 % 101, n)).collect();
        map.insert(500, 0);
        assert!(map.keys().is_sorted() && map.entries().is_sorted_by_key(|(key, _)| *key));
        assert_eq!((map.len(), map.remove(&500), map.get(&500)), (101, Some(0), None));
        let mut set: LookupSet<u64> = [3, 1].into_iter().collect();
        assert!(!set.insert(3) && set.insert(2) && set.contains(&2));
    }
}
