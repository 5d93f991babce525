//! An event shared by every session that gets it.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use consort_rpc::relay::Heard;
use consort_rpc::{Event, View};
use consort_wire::compress::broadcast::Broadcast;
use consort_wire::gateway::{Encoding, outbound};

use crate::Choice;

/// An event: its bodies, encoded once for each encoding and compressed once for each transport, when first needed.
#[derive(Debug)]
pub struct Dispatch {
    event: Option<Arc<Event>>,
    name: Cow<'static, str>,
    /// Whether many sessions get it, and others of its kind before and after it.
    joined: bool,
    full: Body,
    redacted: Option<Box<Body>>,
    /// Where it stands in what its guild says.
    place: Option<Heard>,
}

/// A body of more bytes is a [part](Dispatch::part) of its dispatch: it is not copied behind the event's name.
pub(crate) const PART_BYTES: usize = 16 * 1024;

/// A JSON text that may stand in several broadcasts.
pub(crate) type Part = Arc<Broadcast>;

#[derive(Debug)]
struct Body {
    d: D,
    json: OnceLock<Broadcast>,
    etf: OnceLock<Box<Broadcast>>,
}

/// The JSON of a body.
#[derive(Debug)]
enum D {
    /// In one place; with it as a part, if it was asked for as one.
    Whole(Bytes, OnceLock<Part>),
    /// One behind the other; and put together, if that was asked for.
    Parts(Box<[Part]>, OnceLock<Bytes>),
}

impl D {
    fn len(&self) -> usize {
        match self {
            Self::Whole(d, _) => d.len(),
            Self::Parts(parts, _) => parts.iter().map(|part| part.tail_len()).sum(),
        }
    }

    fn whole(&self) -> &Bytes {
        match self {
            Self::Whole(d, _) => d,
            Self::Parts(parts, whole) => whole.get_or_init(|| put_together(parts)),
        }
    }
}

fn put_together(parts: &[Part]) -> Bytes {
    let mut whole = Vec::with_capacity(parts.iter().map(|part| part.tail_len()).sum());
    parts.iter().for_each(|part| whole.extend_from_slice(part.tail()));
    whole.into()
}

/// A part that nobody else has.
pub(crate) fn part(json: impl Into<Bytes>) -> Part {
    Arc::new(Broadcast::from_tail(Encoding::Json, json.into()))
}

impl Body {
    fn new(d: Bytes) -> Self {
        Self::of(D::Whole(d, OnceLock::new()))
    }

    fn of(d: D) -> Self {
        Self { d, json: OnceLock::new(), etf: OnceLock::new() }
    }

    fn encoded(&self, name: &str, joined: bool, encoding: Encoding) -> &Broadcast {
        let make = || {
            let broadcast = match (&self.d, encoding) {
                (D::Parts(parts, _), Encoding::Json) => in_parts(name, parts),
                // For few; and then in one place no longer than it takes.
                (D::Parts(parts, _), Encoding::Etf) => broadcast(encoding, name, &put_together(parts)),
                (D::Whole(d, own), Encoding::Json) if d.len() > PART_BYTES => {
                    in_parts(name, std::slice::from_ref(own.get_or_init(|| part(d.clone()))))
                }
                (D::Whole(d, _), _) => broadcast(encoding, name, d),
            };
            if joined { broadcast.joined() } else { broadcast }
        };
        match encoding {
            Encoding::Json => self.json.get_or_init(make),
            Encoding::Etf => self.etf.get_or_init(|| Box::new(make())),
        }
    }
}

/// The event with these parts as its `d`.
fn in_parts(name: &str, d: &[Part]) -> Broadcast {
    let (begin, end) = outbound::json_tail_around(name);
    let parts = std::iter::once(part(begin)).chain(d.iter().cloned()).chain([part(end)]);
    Broadcast::in_parts(parts.collect())
}

fn broadcast(encoding: Encoding, name: &str, d: &[u8]) -> Broadcast {
    Broadcast::new(encoding, name, d).unwrap_or_else(|error| {
        // An owner's mistake: the number must not be lost for it.
        tracing::error!(event = name, %error, "the body of an event is not JSON");
        Broadcast::from_tail(encoding, outbound::etf_tail(name, b"\x73\x03nil"))
    })
}

impl Dispatch {
    /// An event of the gateway itself, for one session. `d` is JSON.
    pub fn new(name: impl Into<Cow<'static, str>>, d: impl Into<Bytes>) -> Self {
        Self {
            event: None,
            name: name.into(),
            joined: false,
            full: Body::new(d.into()),
            redacted: None,
            place: None,
        }
    }

    /// An event of the gateway itself, for many sessions. `d` is JSON.
    pub fn shared(name: impl Into<Cow<'static, str>>, d: impl Into<Bytes>) -> Self {
        Self { joined: true, ..Self::new(name, d) }
    }

    /// An event of the gateway itself, for one session, whose `d` is made of these texts.
    pub(crate) fn in_parts(name: &'static str, d: Vec<Part>) -> Self {
        let full = Body::of(D::Parts(d.into(), OnceLock::new()));
        Self { event: None, name: name.into(), joined: false, full, redacted: None, place: None }
    }

    /// The JSON of `d` for broadcasts that it is a part of: held once, and compressed once, for all of them.
    pub(crate) fn part(&self) -> Part {
        match &self.full.d {
            D::Whole(d, own) => own.get_or_init(|| part(d.clone())).clone(),
            D::Parts(..) => part(self.full.d.whole().clone()),
        }
    }

    /// An owner's event for the sessions of a guild.
    pub fn published(event: Arc<Event>) -> Self {
        // What is for few users only would make their streams' ends differ from all others'.
        Self { joined: event.audience.view != View::None, ..Self::direct(event) }
    }

    /// As [`Dispatch::published`], of a guild whose words have numbers: who has it has heard the guild up to there.
    pub fn published_at(event: Arc<Event>, place: Heard) -> Self {
        Self { place: Some(place), ..Self::published(event) }
    }

    /// See [`Dispatch::published_at`].
    pub fn place(&self) -> Option<Heard> {
        self.place
    }

    /// An owner's event for sessions it names.
    pub fn direct(event: Arc<Event>) -> Self {
        Self {
            name: event.name.clone(),
            joined: false,
            full: Body::new(event.body.clone()),
            redacted: event.redacted.clone().map(|d| Box::new(Body::new(d))),
            event: Some(event),
            place: None,
        }
    }

    /// Its name, `t`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The owner's event, with its audience; `None` for what the gateway made itself.
    pub fn event(&self) -> Option<&Arc<Event>> {
        self.event.as_ref()
    }

    /// The JSON of `d`. One that is in parts is put together for it, and kept.
    pub fn d(&self, choice: Choice) -> &Bytes {
        self.body(choice).d.whole()
    }

    /// Bytes of the JSON of `d`: the measure of every limit.
    pub fn len(&self, choice: Choice) -> usize {
        self.body(choice).d.len()
    }

    /// The encoded body, encoded now if nobody asked before.
    pub fn encoded(&self, choice: Choice, encoding: Encoding) -> &Broadcast {
        self.body(choice).encoded(&self.name, self.joined, encoding)
    }

    fn body(&self, choice: Choice) -> &Body {
        match (choice, &self.redacted) {
            (Choice::Redacted, Some(redacted)) => redacted,
            _ => &self.full,
        }
    }
}

#[cfg(test)]
mod tests {
    use consort_model::Intents;
    use consort_rpc::Audience;

    use super::*;

    #[test]
    fn an_event_is_encoded_once_for_each_encoding_and_body() {
        let mut event = Event::new("MESSAGE_CREATE", Intents::GUILD_MESSAGES, Audience::all(), "secret");
        event.redacted = Some(r#""""#.into());
        let dispatch = Dispatch::published(Arc::new(event));
        let full = dispatch.encoded(Choice::Full, Encoding::Json);
        assert_eq!(&full.tail()[..], br#""t":"MESSAGE_CREATE","op":0,"d":"secret"}"#);
        assert!(std::ptr::eq(full, dispatch.encoded(Choice::Full, Encoding::Json)));
        assert_eq!(
            &dispatch.encoded(Choice::Redacted, Encoding::Json).tail()[..],
            br#""t":"MESSAGE_CREATE","op":0,"d":""}"#
        );
        assert_eq!(dispatch.encoded(Choice::Redacted, Encoding::Etf).encoding(), Encoding::Etf);
        assert_eq!((dispatch.len(Choice::Full), dispatch.len(Choice::Redacted)), (8, 2));
    }

    #[test]
    fn a_body_that_is_no_json_costs_only_its_content() {
        let dispatch = Dispatch::new("X", "{");
        assert!(dispatch.encoded(Choice::Full, Encoding::Etf).tail().ends_with(b"\x73\x03nil"));
    }
}
