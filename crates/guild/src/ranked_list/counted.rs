//! An ordered set that knows the index of everything in it: a B+ tree whose inner nodes count what is below them.
//!
//! Insertion and removal return the index, a window is read from any index on; all are O(log n) with nodes of a few
//! kilobytes, so a million entries are three levels. Keys are small and copied. Nodes live in two arenas and are reused.

use std::ops::Range;

/// Keys in a leaf; a split leaves half in each.
const LEAF_KEYS_MAX: usize = 128;
/// Children of an inner node.
const CHILDREN_MAX: usize = 64;
/// How full a tree is built from sorted keys, in quarters: room for what comes, before nodes are split.
const FILLED_QUARTERS: usize = 3;

type Index = u32;

#[derive(Debug, Clone)]
struct Leaf<K> {
    keys: Vec<K>,
}

#[derive(Debug, Clone)]
struct Inner<K> {
    /// The smallest key below each child; the first is not consulted.
    firsts: Vec<K>,
    children: Vec<Index>,
    /// Keys below each child.
    counts: Vec<u32>,
}

/// The set.
#[derive(Debug, Clone)]
pub struct Counted<K> {
    leaves: Vec<Leaf<K>>,
    inners: Vec<Inner<K>>,
    free_leaves: Vec<Index>,
    free_inners: Vec<Index>,
    root: Index,
    /// Levels of inner nodes above the leaves.
    height: u32,
    len: usize,
}

impl<K: Copy> Leaf<K> {
    /// A leaf with room for as many as it will ever hold, so that it never grows to twice that.
    fn of(keys: &[K]) -> Self {
        let mut room = Vec::with_capacity(LEAF_KEYS_MAX + 1);
        room.extend_from_slice(keys);
        Self { keys: room }
    }
}

/// A node that was split: the smallest key of the right half, the half itself, and its count.
struct Split<K> {
    first: K,
    right: Index,
    count: u32,
}

impl<K: Ord + Copy> Default for Counted<K> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: Ord + Copy> Counted<K> {
    /// An empty set.
    pub fn new() -> Self {
        Self {
            leaves: vec![Leaf::of(&[])],
            inners: Vec::new(),
            free_leaves: Vec::new(),
            free_inners: Vec::new(),
            root: 0,
            height: 0,
            len: 0,
        }
    }

    /// A set of keys that are in order already, none of them twice.
    pub fn from_sorted(keys: &[K]) -> Self {
        debug_assert!(keys.windows(2).all(|pair| pair[0] < pair[1]), "keys come in order");
        let mut set = Self::new();
        if keys.is_empty() {
            return set;
        }
        let mut level: Vec<Split<K>> = Vec::new();
        set.leaves.clear();
        for keys in keys.chunks(LEAF_KEYS_MAX * FILLED_QUARTERS / 4) {
            let right = set.new_leaf(Leaf::of(keys));
            level.push(Split { first: keys[0], right, count: keys.len() as u32 });
        }
        while level.len() > 1 {
            let nodes = level.chunks(CHILDREN_MAX * FILLED_QUARTERS / 4);
            level = nodes.map(|below| set.new_parent(below)).collect();
            set.height += 1;
        }
        set.root = level[0].right;
        set.len = keys.len();
        set
    }

    /// An inner node above these nodes.
    fn new_parent(&mut self, below: &[Split<K>]) -> Split<K> {
        let (first, count) = (below[0].first, below.iter().map(|node| node.count).sum());
        let right = self.new_inner(Inner {
            firsts: below.iter().map(|node| node.first).collect(),
            children: below.iter().map(|node| node.right).collect(),
            counts: below.iter().map(|node| node.count).collect(),
        });
        Split { first, right, count }
    }

    /// How many keys it holds.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many keys are smaller than `key`.
    pub fn rank(&self, key: &K) -> usize {
        let (mut node, mut rank) = (self.root, 0);
        for _ in 0..self.height {
            let inner = &self.inners[node as usize];
            let child = inner.child_of(key);
            rank += inner.before(child);
            node = inner.children[child];
        }
        rank + self.leaves[node as usize].keys.partition_point(|other| other < key)
    }

    /// The key at an index.
    pub fn get(&self, index: usize) -> Option<K> {
        self.window(index..index + 1).next()
    }

    /// Adds a key and returns its index; `None` when it was there.
    pub fn insert(&mut self, key: K) -> Option<usize> {
        let mut index = 0;
        let split = self.insert_at(self.root, self.height, key, &mut index)?;
        if let Some(split) = split {
            self.grow(split);
        }
        self.len += 1;
        Some(index)
    }

    /// Takes a key out and returns the index it had; `None` when it was not there.
    pub fn remove(&mut self, key: &K) -> Option<usize> {
        let mut index = 0;
        self.remove_at(self.root, self.height, key, &mut index)?;
        self.len -= 1;
        while self.height > 0 && self.inners[self.root as usize].children.len() == 1 {
            let old = self.root;
            self.root = self.inners[old as usize].children[0];
            self.free_inners.push(old);
            self.height -= 1;
        }
        Some(index)
    }

    /// The keys at a range of indexes, as far as there are any.
    pub fn window(&self, range: Range<usize>) -> impl Iterator<Item = K> + '_ {
        self.runs(range).flatten().copied()
    }

    /// The same in the runs that lie side by side.
    pub fn runs(&self, range: Range<usize>) -> impl Iterator<Item = &[K]> + '_ {
        let mut wanted = range.end.min(self.len).saturating_sub(range.start);
        let mut path = Vec::with_capacity(self.height as usize);
        let (leaf, mut offset) = self.seek(range.start, &mut path);
        let mut next = Some(leaf);
        std::iter::from_fn(move || {
            let leaf = next.filter(|_| wanted > 0)?;
            let keys = &self.leaves[leaf as usize].keys;
            let run = &keys[offset.min(keys.len())..];
            let run = &run[..run.len().min(wanted)];
            wanted -= run.len();
            offset = 0;
            next = if wanted > 0 { self.next_leaf(&mut path) } else { None };
            Some(run)
        })
    }

    /// The leaf and the offset of an index; `path` remembers the way.
    fn seek(&self, mut index: usize, path: &mut Vec<(Index, usize)>) -> (Index, usize) {
        let mut node = self.root;
        for _ in 0..self.height {
            let inner = &self.inners[node as usize];
            let mut child = 0;
            while child + 1 < inner.children.len() && index >= inner.counts[child] as usize {
                index -= inner.counts[child] as usize;
                child += 1;
            }
            path.push((node, child));
            node = inner.children[child];
        }
        (node, index)
    }

    fn next_leaf(&self, path: &mut Vec<(Index, usize)>) -> Option<Index> {
        let levels = path.len();
        loop {
            let (node, child) = path.pop()?;
            let inner = &self.inners[node as usize];
            if child + 1 >= inner.children.len() {
                continue;
            }
            path.push((node, child + 1));
            let mut below = inner.children[child + 1];
            while path.len() < levels {
                path.push((below, 0));
                below = self.inners[below as usize].children[0];
            }
            return Some(below);
        }
    }

    fn insert_at(&mut self, node: Index, height: u32, key: K, index: &mut usize) -> Option<Option<Split<K>>> {
        if height == 0 {
            return self.insert_in_leaf(node, key, index);
        }
        let inner = &self.inners[node as usize];
        let child = inner.child_of(&key);
        *index += inner.before(child);
        let below = inner.children[child];
        let split = self.insert_at(below, height - 1, key, index)?;
        let inner = &mut self.inners[node as usize];
        inner.counts[child] += 1;
        let Some(split) = split else { return Some(None) };
        inner.counts[child] -= split.count;
        inner.firsts.insert(child + 1, split.first);
        inner.children.insert(child + 1, split.right);
        inner.counts.insert(child + 1, split.count);
        Some((inner.children.len() > CHILDREN_MAX).then(|| self.split_inner(node)))
    }

    fn insert_in_leaf(&mut self, node: Index, key: K, index: &mut usize) -> Option<Option<Split<K>>> {
        let keys = &mut self.leaves[node as usize].keys;
        let at = keys.binary_search(&key).err()?;
        *index += at;
        keys.insert(at, key);
        if keys.len() <= LEAF_KEYS_MAX {
            return Some(None);
        }
        // Keys that come in order fill their leaves instead of leaving them half empty.
        let cut = if at == keys.len() - 1 { keys.len() - 1 } else { keys.len() / 2 };
        let right = Leaf::of(&keys[cut..]);
        keys.truncate(cut);
        let (first, count) = (right.keys[0], right.keys.len() as u32);
        let right = self.new_leaf(right);
        Some(Some(Split { first, right, count }))
    }

    fn split_inner(&mut self, node: Index) -> Split<K> {
        let inner = &mut self.inners[node as usize];
        let cut = inner.children.len() / 2;
        let right = Inner {
            firsts: inner.firsts.split_off(cut),
            children: inner.children.split_off(cut),
            counts: inner.counts.split_off(cut),
        };
        let (first, count) = (right.firsts[0], right.counts.iter().sum());
        let right = self.new_inner(right);
        Split { first, right, count }
    }

    /// Puts a new root above the halves of the old one.
    fn grow(&mut self, split: Split<K>) {
        let left = (self.len as u32 + 1) - split.count;
        let root = Inner {
            firsts: vec![split.first, split.first],
            children: vec![self.root, split.right],
            counts: vec![left, split.count],
        };
        self.root = self.new_inner(root);
        self.height += 1;
    }

    fn remove_at(&mut self, node: Index, height: u32, key: &K, index: &mut usize) -> Option<()> {
        if height == 0 {
            let keys = &mut self.leaves[node as usize].keys;
            let at = keys.binary_search(key).ok()?;
            *index += at;
            keys.remove(at);
            return Some(());
        }
        let inner = &self.inners[node as usize];
        let child = inner.child_of(key);
        *index += inner.before(child);
        let below = inner.children[child];
        self.remove_at(below, height - 1, key, index)?;
        self.inners[node as usize].counts[child] -= 1;
        self.mend(node, height, child);
        Some(())
    }

    /// Joins a child that has become small with its neighbour, if both fit in one node.
    fn mend(&mut self, node: Index, height: u32, child: usize) {
        let inner = &self.inners[node as usize];
        if inner.children.len() < 2 {
            return;
        }
        let left = if child + 1 < inner.children.len() { child } else { child - 1 };
        let (a, b) = (inner.children[left], inner.children[left + 1]);
        if height == 1 {
            if self.leaves[a as usize].keys.len() + self.leaves[b as usize].keys.len() > LEAF_KEYS_MAX / 2 {
                return;
            }
            let mut moved = std::mem::take(&mut self.leaves[b as usize].keys);
            self.leaves[a as usize].keys.append(&mut moved);
            self.free_leaves.push(b);
        } else {
            if self.inners[a as usize].children.len() + self.inners[b as usize].children.len()
                > CHILDREN_MAX / 2
            {
                return;
            }
            let first = self.inners[node as usize].firsts[left + 1];
            let right = std::mem::replace(
                &mut self.inners[b as usize],
                Inner { firsts: Vec::new(), children: Vec::new(), counts: Vec::new() },
            );
            let into = &mut self.inners[a as usize];
            let joint = into.firsts.len();
            into.firsts.extend(right.firsts);
            // What was the first child's key was never kept up to date.
            into.firsts[joint] = first;
            into.children.extend(right.children);
            into.counts.extend(right.counts);
            self.free_inners.push(b);
        }
        let inner = &mut self.inners[node as usize];
        inner.firsts.remove(left + 1);
        inner.children.remove(left + 1);
        let count = inner.counts.remove(left + 1);
        inner.counts[left] += count;
    }

    fn new_leaf(&mut self, leaf: Leaf<K>) -> Index {
        reuse(&mut self.leaves, &mut self.free_leaves, leaf)
    }

    fn new_inner(&mut self, inner: Inner<K>) -> Index {
        reuse(&mut self.inners, &mut self.free_inners, inner)
    }
}

impl<K: Ord> Inner<K> {
    /// The child whose range a key falls in.
    fn child_of(&self, key: &K) -> usize {
        self.firsts[1..].partition_point(|first| first <= key)
    }

    /// Keys in the children before one.
    fn before(&self, child: usize) -> usize {
        self.counts[..child].iter().map(|count| *count as usize).sum()
    }
}

fn reuse<T>(arena: &mut Vec<T>, free: &mut Vec<Index>, node: T) -> Index {
    if let Some(index) = free.pop() {
        arena[index as usize] = node;
        return index;
    }
    arena.push(node);
    Index::try_from(arena.len() - 1)
        .unwrap_or_else(|_| unreachable!("four billion nodes do not fit in memory"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_behaves_as_a_sorted_list(
            start in prop::collection::btree_set(0u32..9000, 0..9000),
            ops in prop::collection::vec((any::<bool>(), 0u32..9000), 1..3000),
        ) {
            let mut list: Vec<u32> = start.into_iter().collect();
            let mut set = Counted::from_sorted(&list);
            for (insert, key) in ops {
                let found = list.binary_search(&key);
                if insert {
                    prop_assert_eq!(set.insert(key), found.err());
                    if let Err(at) = found { list.insert(at, key); }
                } else {
                    prop_assert_eq!(set.remove(&key), found.ok());
                    if let Ok(at) = found { list.remove(at); }
                }
                prop_assert_eq!(set.rank(&key), list.partition_point(|k| *k < key));
            }
            prop_assert_eq!(set.window(0..usize::MAX).collect::<Vec<_>>(), list.clone());
            let (from, to) = (list.len() / 3, list.len() / 2);
            prop_assert_eq!(set.window(from..to).collect::<Vec<_>>(), list[from..to].to_vec());
            prop_assert_eq!(set.window(list.len()..list.len() + 1).next(), None);
        }
    }

    #[test]
    fn it_shrinks_to_nothing_and_grows_again() {
        let mut set = Counted::new();
        for round in 0..2 {
            for key in 0..50_000u32 {
                assert_eq!(set.insert(key), Some(key as usize), "round {round}");
            }
            assert_eq!(set.get(49_999), Some(49_999));
            for key in (0..50_000u32).rev() {
                assert_eq!(set.remove(&key), Some(key as usize));
            }
            assert!(set.is_empty());
            assert_eq!(set.get(0), None);
        }
    }
}
