//! An event for many sessions: encoded once, compressed once for each way in which their streams end.

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;

use super::Transport;
use super::parts::Parts;
use super::past::{LOOK_BACKS, Past, Trail};
use super::shared::Compressor;
use crate::gateway::{Encoding, outbound};

/// A broadcast of more bytes gains little from what was before it, and would push much of that out of the others' reach:
/// none is compressed after it, nor it after others.
pub const JOIN_BYTES_MAX: usize = 16 * 1024;
/// How many forms that look back a broadcast has for one transport. The first is made for the first session that asks,
/// each further one when twice as many could have used it as with the one before; sessions with yet another past get a
/// form that looks back less far. So who has written what to whom, and in which order, costs little however much it
/// differs, and what most sessions share is found.
pub const LOOKING_BACK_MAX: usize = 8;

/// The tail of a dispatch, shared by all sessions of one encoding, and its compressed forms, made when first asked for.
#[derive(Debug)]
pub struct Broadcast {
    encoding: Encoding,
    /// Told apart from every other broadcast of this process by it; `None` when nothing is compressed after it.
    id: Option<NonZeroU64>,
    tail: Bytes,
    zlib: Forms,
    zstd: Forms,
    /// What it is made of in the place of `tail`.
    parts: Option<Box<Parts>>,
}

impl Broadcast {
    /// Makes the broadcast of event `name` whose `d` is the JSON given; for ETF it is transcoded here.
    ///
    /// # Errors
    ///
    /// With ETF, `d` is not JSON.
    pub fn new(encoding: Encoding, name: &str, d: &[u8]) -> Result<Self, serde_json::Error> {
        outbound::tail(encoding, name, d).map(|tail| Self::from_tail(encoding, tail))
    }

    /// Makes the broadcast of a tail made by [`outbound::tail`].
    pub fn from_tail(encoding: Encoding, tail: Bytes) -> Self {
        let (zlib, zstd) = (Forms::default(), Forms::default());
        Broadcast { encoding, id: None, tail, zlib, zstd, parts: None }
    }

    /// Makes the JSON broadcast whose tail is these parts one after the other, each a number of whole JSON tokens. A part
    /// may stand in any number of broadcasts, and is held and compressed once for all of them.
    pub fn in_parts(parts: Vec<Arc<Broadcast>>) -> Self {
        debug_assert!(parts.iter().all(|part| part.encoding == Encoding::Json && part.parts.is_none()));
        Broadcast {
            parts: Some(Box::new(Parts::new(parts))),
            ..Self::from_tail(Encoding::Json, Bytes::new())
        }
    }

    /// Says that many get this broadcast, and others before and after it, so that they are compressed after one another.
    #[must_use]
    pub fn joined(mut self) -> Self {
        static LAST: AtomicU64 = AtomicU64::new(0);
        if self.parts.is_none() && self.tail.len() <= JOIN_BYTES_MAX {
            // 2^64 are never reached.
            self.id = NonZeroU64::new(LAST.fetch_add(1, Ordering::Relaxed) + 1);
        }
        self
    }

    /// Returns the encoding that the tail is in.
    pub fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// Returns the tail as it is; one that is in parts is put together for it.
    pub fn tail(&self) -> &Bytes {
        self.parts.as_ref().map_or(&self.tail, |parts| parts.whole())
    }

    /// Returns the length of the tail.
    pub fn tail_len(&self) -> usize {
        self.parts.as_ref().map_or(self.tail.len(), |parts| parts.len())
    }

    /// Tells whether what is sent of it is several pieces.
    pub fn is_in_parts(&self) -> bool {
        self.parts.is_some()
    }

    pub(super) fn id(&self) -> Option<NonZeroU64> {
        self.id
    }

    fn forms(&self, transport: Transport) -> Option<&Forms> {
        match transport {
            Transport::Plain => None,
            Transport::Zlib => Some(&self.zlib),
            Transport::Zstd => Some(&self.zstd),
        }
    }

    /// Returns the form that refers to nothing before it, compressed now if nobody asked before; for plain transports
    /// the tail.
    pub fn alone(&self, transport: Transport, compressor: &mut Compressor) -> &Bytes {
        let Some(forms) = self.forms(transport) else { return self.tail() };
        forms.alone.get_or_init(|| match transport {
            Transport::Zstd => compressor.zstd_padded(self.tail()),
            _ => compressor.zlib(self.tail()).into_bytes(),
        })
    }

    /// Returns the smallest form that may follow `trail`, compressed now if nobody asked before, and its number.
    pub(super) fn after(
        &self,
        trail: &Trail<'_>,
        transport: Transport,
        compressor: &mut Compressor,
    ) -> (u8, &Bytes) {
        if let Some(forms) = self.forms(transport) {
            for past in LOOK_BACKS.into_iter().filter_map(|length| trail.past(length)) {
                let make = || match compressor.after(transport, self.encoding, &past, &self.tail) {
                    Some(bytes) => bytes,
                    None => self.alone(transport, compressor).clone(),
                };
                if let Some(form) = forms.after.get_or_init(Box::default).after(&past, make) {
                    return form;
                }
            }
        }
        (0, self.alone(transport, compressor))
    }

    /// Returns what is sent of the form of this number, given by [`Broadcast::after`].
    pub(super) fn pieces(&self, number: u8, transport: Transport, compressor: &mut Compressor) -> &[Bytes] {
        match &self.parts {
            Some(parts) => parts.forms(transport, compressor),
            None => std::slice::from_ref(self.form(number, transport, compressor)),
        }
    }

    fn form(&self, number: u8, transport: Transport, compressor: &mut Compressor) -> &Bytes {
        let after = self.forms(transport).and_then(|forms| forms.after.get());
        let index = usize::from(number).checked_sub(1);
        match after.zip(index).and_then(|(after, index)| after.forms.get(index)?.get()) {
            Some(form) => &form.bytes,
            None => self.alone(transport, compressor),
        }
    }

    /// Returns the bytes of heap memory that the tail and the forms made so far take.
    pub fn heap_bytes(&self) -> usize {
        let forms = [&self.zlib, &self.zstd].into_iter().map(Forms::heap_bytes);
        let parts = self.parts.as_ref().map_or(0, |parts| parts.heap_bytes());
        self.tail.len() + parts + forms.sum::<usize>()
    }
}

/// The forms for one transport.
#[derive(Debug, Default)]
struct Forms {
    alone: OnceLock<Bytes>,
    after: OnceLock<Box<After>>,
}

/// The forms that look back. Made one after the other and never changed; who reads them takes no lock.
#[derive(Debug, Default)]
struct After {
    asks: Asks,
    forms: [OnceLock<Box<Form>>; LOOKING_BACK_MAX],
}

#[derive(Debug)]
struct Form {
    /// The broadcasts right before it, by id.
    past: Box<[u64]>,
    bytes: Bytes,
}

impl After {
    /// Finds the form after `past`, or makes it if enough have asked. Gives its number, from 1 on.
    fn after(&self, past: &Past<'_, '_>, make: impl FnOnce() -> Bytes) -> Option<(u8, &Bytes)> {
        let made = self.forms.iter().map_while(OnceLock::get);
        let made = made.enumerate().find(|(_, form)| *form.past == *past.ids);
        if let Some((index, form)) = made {
            return Some((index as u8 + 1, &form.bytes));
        }
        let asked = self.asks.count(past.ids);
        let mut make = Some(make);
        for (index, form) in self.forms.iter().enumerate().filter(|(_, form)| form.get().is_none()) {
            if asked < 1 << index {
                return None;
            }
            // Should another thread make a form here first, it may be the same or another.
            let form = form.get_or_init(|| {
                let bytes = make.take().map_or_else(Bytes::new, |make| make());
                Box::new(Form { past: past.ids.into(), bytes })
            });
            if *form.past == *past.ids {
                return Some((index as u8 + 1, &form.bytes));
            }
        }
        None
    }
}

impl Forms {
    fn heap_bytes(&self) -> usize {
        let of_form = |form: &Form| size_of::<Form>() + size_of_val(&*form.past) + form.bytes.len();
        let of_after = |after: &After| {
            let forms = after.forms.iter().filter_map(OnceLock::get);
            size_of::<After>() + forms.map(|form| of_form(form)).sum::<usize>()
        };
        self.alone.get().map_or(0, Bytes::len) + self.after.get().map_or(0, |after| of_after(after))
    }
}

/// Roughly, how many asked for which past: what is asked for most is counted, however many others there are (each place
/// keeps what asked for more than half of the time). Threads may lose a count to each other.
#[derive(Debug, Default)]
struct Asks([AtomicU32; 16]);

impl Asks {
    const COUNT: u32 = 0xFF;

    /// Counts an ask and gives how many there were; 0 when others are counted in its place.
    fn count(&self, past: &[u64]) -> u32 {
        let mut hash = past.len() as u64;
        for id in past {
            hash = (hash ^ id).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29);
        }
        let tag = hash as u32 & !Self::COUNT;
        let place = &self.0[(hash >> 60) as usize];
        let old = place.load(Ordering::Relaxed);
        let (old_tag, old_count) = (old & !Self::COUNT, old & Self::COUNT);
        let count = match old_count {
            count if old_tag == tag => (count + 1).min(Self::COUNT),
            0 | 1 => 1,
            count => {
                place.store(old_tag | (count - 1), Ordering::Relaxed);
                return 0;
            }
        };
        place.store(tag | count, Ordering::Relaxed);
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asks for the form after `past`; its bytes tell what it was made after.
    fn ask(after: &After, past: &[u64]) -> Option<u8> {
        let form = after.after(&Past { broadcasts: &[], ids: past }, || format!("{past:?}").into());
        form.map(|(number, bytes)| {
            assert_eq!(bytes, format!("{past:?}").as_bytes());
            number
        })
    }

    #[test]
    fn the_first_form_is_made_at_once_and_others_when_more_and_more_ask() {
        let after = After::default();
        assert_eq!(ask(&after, &[1, 2]), Some(1));
        assert_eq!(ask(&after, &[3]), None);
        assert_eq!(ask(&after, &[3]), Some(2));
        assert_eq!((ask(&after, &[1, 2]), ask(&after, &[3])), (Some(1), Some(2)));
        for _ in 0..3 {
            assert_eq!(ask(&after, &[2]), None);
        }
        assert_eq!(ask(&after, &[2]), Some(3));
    }

    #[test]
    fn what_most_share_is_found_among_many_others() {
        let after = After::default();
        for odd in 0..500 {
            ask(&after, &[odd, 7]);
            ask(&after, &[7, odd]);
            ask(&after, &[7, 7]);
        }
        assert!(ask(&after, &[7, 7]).is_some());
        let made = after.forms.iter().filter_map(OnceLock::get).count();
        assert!(made <= 3, "{made} forms for 1000 who share nothing");
    }

    #[test]
    fn the_forms_have_a_bound() {
        let after = After::default();
        for past in 0..20 {
            (0..300).for_each(|_| assert!(ask(&after, &[past]) <= Some(8)));
        }
        assert!(after.forms.iter().all(|form| form.get().is_some()));
        assert_eq!((ask(&after, &[0]), ask(&after, &[7]), ask(&after, &[8])), (Some(1), Some(8), None));
    }

    #[test]
    fn what_is_large_joins_no_others() {
        let of = |len| Broadcast::from_tail(Encoding::Json, vec![b'x'; len].into()).joined();
        assert!(of(JOIN_BYTES_MAX).id().is_some() && of(JOIN_BYTES_MAX + 1).id().is_none());
        assert_ne!(of(1).id(), of(1).id());
    }
}
