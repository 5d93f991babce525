//! How members' names begin: a search looks at six bytes of a member, and at the names of few.

/// The first two bytes of a member's three names, whatever their case; zeros for a name that it has not.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Heads([u16; 3]);

impl Heads {
    pub(super) fn of(names: [Option<&str>; 3]) -> Self {
        Self(names.map(|name| name.map_or(0, |name| head(folded(name)))))
    }

    /// Whether one of the names may begin so.
    pub(super) fn may_begin(self, beginning: Beginning) -> bool {
        // Without `any`, which would branch at each.
        self.0.into_iter().fold(false, |found, head| found | (head & beginning.mask == beginning.head))
    }
}

/// The first two bytes of what names are to begin with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Beginning {
    head: u16,
    mask: u16,
}

impl Beginning {
    /// Of a query in lower case.
    pub(super) fn of(query: &str) -> Self {
        let mask = match query.len() {
            0 => 0,
            1 => 0xff00,
            _ => 0xffff,
        };
        Self { head: head(query.chars()), mask }
    }
}

fn head(chars: impl Iterator<Item = char>) -> u16 {
    let mut buffer = [0; 4];
    let (mut bytes, mut filled) = ([0; 2], 0);
    for char in chars.take(bytes.len()) {
        for byte in char.encode_utf8(&mut buffer).bytes() {
            if let Some(place) = bytes.get_mut(filled) {
                *place = byte;
                filled += 1;
            }
        }
    }
    u16::from_be_bytes(bytes)
}

fn folded(name: &str) -> impl Iterator<Item = char> {
    name.chars().flat_map(char::to_lowercase)
}

/// Whether a name begins with a query in lower case, whatever the name's case.
pub(super) fn begins_with(name: &str, query: &str) -> bool {
    let mut folded = folded(name);
    query.chars().all(|wanted| folded.next() == Some(wanted))
}
