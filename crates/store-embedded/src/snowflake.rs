//! Keys of the tables whose primary key is the snowflake itself, a 64-bit signed integer in SQLite.

use consort_store::{Bound, Key};

/// The row id of a key, or `None` when no row can have this key.
pub(crate) fn row_id(key: &Key) -> Option<i64> {
    i64::try_from(key.to_id()?).ok()
}

/// The row ids in an interval of keys as inclusive ends; the interval is empty when the first is greater.
///
/// Bounds may be of any length: a key is above a shorter bound that it begins with, and below a longer one.
pub(crate) fn row_ids(from: &Bound<Key>, to: &Bound<Key>) -> (i64, i64) {
    let first = match from {
        Bound::Unbounded => Some(0),
        Bound::Included(key) => first_at(key.as_bytes(), true),
        Bound::Excluded(key) => first_at(key.as_bytes(), false),
    };
    let end = match to {
        Bound::Unbounded => None,
        // The last that is not greater is the one before the first that is.
        Bound::Included(key) => first_at(key.as_bytes(), false),
        Bound::Excluded(key) => first_at(key.as_bytes(), true),
    };
    let first = first.map_or(i64::MAX as u64 + 1, |first| first.min(i64::MAX as u64 + 1));
    let last = end.map_or(i64::MAX as i128, |end| i128::from(end) - 1).min(i64::MAX as i128);
    match i64::try_from(first) {
        Ok(first) => (first, last as i64),
        Err(_) => (1, 0),
    }
}

/// The smallest id whose 8 bytes are greater than `bytes`, or equal to them if that is asked for.
fn first_at(bytes: &[u8], or_equal: bool) -> Option<u64> {
    let mut id = [0; 8];
    let length = bytes.len().min(8);
    id[..length].copy_from_slice(&bytes[..length]);
    let id = u64::from_be_bytes(id);
    match bytes.len() {
        // A shorter bound, filled up with zeros, is below the id of that number.
        0..8 => Some(id),
        8 if or_equal => Some(id),
        _ => id.checked_add(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_agree_with_the_order_of_keys() {
        let ids = [0, 1, 255, 256, 1 << 62, i64::MAX as u64];
        let mut ends: Vec<Key> = [0, 1, 2, 256, i64::MAX as u64, 1 << 63, u64::MAX].map(Key::id).to_vec();
        ends.extend([
            Key::empty(),
            Key::bytes(&[0; 9]),
            Key::bytes(&[0xff; 9]),
            Key::bytes(&[0; 3]),
            Key::text("@"),
        ]);
        let mut bounds = vec![Bound::Unbounded];
        bounds.extend(ends.iter().cloned().map(Bound::Included));
        bounds.extend(ends.into_iter().map(Bound::Excluded));
        for (from, to) in bounds.iter().flat_map(|from| bounds.iter().map(move |to| (from, to))) {
            let (first, last) = row_ids(from, to);
            for id in ids {
                let range = consort_store::Range {
                    from: from.clone(),
                    to: to.clone(),
                    ..consort_store::Range::all(1)
                };
                let inside = (first..=last).contains(&(id as i64));
                assert_eq!(
                    inside,
                    range.contains(&Key::id(id)),
                    "{id} in {from:?}..{to:?} as {first}..={last}"
                );
            }
        }
    }

    #[test]
    fn only_snowflakes_are_row_ids() {
        assert_eq!(row_id(&Key::id(i64::MAX as u64)), Some(i64::MAX));
        assert_eq!([Key::id(1 << 63), Key::empty(), Key::text("x")].map(|key| row_id(&key)), [None; 3]);
    }
}
