//! Objects that remember their JSON.
//!
//! GUILD_CREATE is made for every session that attaches, and nearly all of it is the same for all of them. What is behind
//! these types is encoded when first asked for, and forgotten whenever somebody gets hold of it to change it: it cannot be
//! out of date.

use std::collections::{BTreeMap, btree_map};
use std::fmt;
use std::ops::{Deref, DerefMut, Index};
use std::sync::OnceLock;

use bytes::Bytes;
use serde::Serialize;

use crate::json::encode;

/// One object.
#[derive(Debug, Default)]
pub(crate) struct Shown<T> {
    object: T,
    json: OnceLock<Bytes>,
}

impl<T> Shown<T> {
    pub(crate) fn new(object: T) -> Self {
        Self { object, json: OnceLock::new() }
    }

    /// Its JSON as `encode` makes it; every call must come with the same one.
    pub(crate) fn json(&self, encode: impl FnOnce(&T) -> Bytes) -> &Bytes {
        self.json.get_or_init(|| encode(&self.object))
    }
}

impl<T> Deref for Shown<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.object
    }
}

impl<T> DerefMut for Shown<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.json.take();
        &mut self.object
    }
}

/// Objects by id.
#[derive(Debug)]
pub(crate) struct ShownMap<K, V> {
    objects: BTreeMap<K, Shown<V>>,
    /// The JSON of all of them, an array.
    list: OnceLock<Bytes>,
}

impl<K, V> Default for ShownMap<K, V> {
    fn default() -> Self {
        Self { objects: BTreeMap::new(), list: OnceLock::new() }
    }
}

impl<K: Ord + Copy, V> ShownMap<K, V> {
    pub(crate) fn len(&self) -> usize {
        self.objects.len()
    }

    pub(crate) fn contains_key(&self, key: &K) -> bool {
        self.objects.contains_key(key)
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.objects.get(key).map(Deref::deref)
    }

    pub(crate) fn keys(&self) -> btree_map::Keys<'_, K, Shown<V>> {
        self.objects.keys()
    }

    pub(crate) fn values(&self) -> impl DoubleEndedIterator<Item = &V> + Clone {
        self.objects.values().map(Deref::deref)
    }

    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.list.take();
        self.objects.get_mut(key).map(DerefMut::deref_mut)
    }

    /// Everything, to be changed: all JSON is forgotten.
    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut V> {
        self.list.take();
        self.objects.values_mut().map(DerefMut::deref_mut)
    }

    pub(crate) fn insert(&mut self, key: K, object: V) -> Option<V> {
        self.list.take();
        self.objects.insert(key, Shown::new(object)).map(|old| old.object)
    }

    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        self.list.take();
        self.objects.remove(key).map(|old| old.object)
    }
}

impl<K: Ord + Copy, V: Serialize> ShownMap<K, V> {
    /// Everything with its JSON.
    pub(crate) fn shown(&self) -> impl Iterator<Item = (K, &V, &Bytes)> {
        self.objects.iter().map(|(key, shown)| (*key, &shown.object, shown.json(encode)))
    }

    /// The JSON of all objects, an array.
    pub(crate) fn list(&self) -> &Bytes {
        self.list.get_or_init(|| {
            let mut list = Vec::new();
            put_list(&mut list, self.shown().map(|(_, _, json)| json));
            list.into()
        })
    }
}

impl<K: Ord + fmt::Debug, V> Index<&K> for ShownMap<K, V> {
    type Output = V;

    fn index(&self, key: &K) -> &V {
        &self.objects[key]
    }
}

/// Adds an array of objects that are JSON already.
pub(crate) fn put_list<'a>(out: &mut Vec<u8>, objects: impl IntoIterator<Item = &'a Bytes>) {
    out.push(b'[');
    let start = out.len();
    for json in objects {
        if out.len() > start {
            out.push(b',');
        }
        out.extend_from_slice(json);
    }
    out.push(b']');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_shown_is_what_is_there(
            steps in prop::collection::vec((0u8..6, 0u8..4, 0u16..100, any::<bool>()), 1..60),
        ) {
            let (mut map, mut plain) = (ShownMap::default(), BTreeMap::new());
            for (key, step, value, look) in steps {
                match step {
                    0 => prop_assert_eq!(map.insert(key, value), plain.insert(key, value)),
                    1 => prop_assert_eq!(map.remove(&key), plain.remove(&key)),
                    2 => prop_assert_eq!(
                        map.get_mut(&key).map(|v| *v = value), plain.get_mut(&key).map(|v| *v = value)
                    ),
                    _ => {
                        map.values_mut().for_each(|v| *v += 1);
                        plain.values_mut().for_each(|v| *v += 1);
                    }
                }
                if look {
                    let list = serde_json::to_vec(&plain.values().collect::<Vec<_>>()).unwrap();
                    prop_assert_eq!(map.list().as_ref(), list.as_slice());
                }
            }
            for (key, value, json) in map.shown() {
                prop_assert_eq!(plain.get(&key), Some(value));
                prop_assert_eq!(json.as_ref(), serde_json::to_vec(value).unwrap());
            }
            prop_assert_eq!(map.len(), plain.len());
        }
    }
}
