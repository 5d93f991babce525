//! Pictures: which layer of whose each browser gets.

use super::Plane;
use super::Transmit;
use super::session::Session;
use crate::rtc::{Media, Sight};

/// Layers of a picture.
pub const LAYERS_MAX: usize = 4;
/// Streams of which a client may say what it wants.
pub const WANTS_MAX: usize = 256;
/// The best quality, and what is wanted of whom nothing is said.
const BEST: u8 = 100;
/// A layer of several is there as long as something of it has come within this time: browsers stop those that the way has no room for.
const LAYER_MS: u64 = 2_000;
/// A picture that stands alone is asked for at most so often: it is large, and takes a while to come.
const ASK_MS: u64 = 300;

/// What somebody shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Under what others get it; one of the session's own SSRCs.
    pub ssrc: u32,
    /// The SSRCs of its layers, with their quality from 0 to 100; at most [`LAYERS_MAX`] count.
    pub layers: Vec<(u32, u8)>,
}

/// What somebody wants to see, from 0, nothing, to 100.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wants {
    /// Of whom nothing else is said.
    pub any: u8,
    /// By SSRC; at most [`WANTS_MAX`].
    pub by_ssrc: Vec<(u32, u8)>,
}

impl Default for Wants {
    fn default() -> Self {
        Self { any: BEST, by_ssrc: Vec::new() }
    }
}

impl Wants {
    fn of(&self, ssrc: u32) -> Option<u8> {
        self.by_ssrc.iter().find(|(of, _)| *of == ssrc).map(|(_, quality)| *quality)
    }
}

#[derive(Debug, Clone, Copy)]
struct Layer {
    ssrc: u32,
    quality: u8,
    /// When something of it last came.
    heard_ms: Option<u64>,
    /// When a picture that stands alone was last asked for.
    asked_ms: Option<u64>,
}

/// What somebody shows, and how it comes in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Showing {
    ssrc: u32,
    layers: [Option<Layer>; LAYERS_MAX],
}

impl Showing {
    fn new(shown: &Shown) -> Self {
        let mut layers = shown.layers.iter().map(|(ssrc, quality)| Layer {
            ssrc: *ssrc,
            quality: *quality,
            heard_ms: None,
            asked_ms: None,
        });
        Self { ssrc: shown.ssrc, layers: std::array::from_fn(|_| layers.next()) }
    }

    fn layer(&mut self, ssrc: u32) -> Option<&mut Layer> {
        self.layers.iter_mut().flatten().find(|layer| layer.ssrc == ssrc)
    }

    /// The layer for somebody: the best that is not better than is wanted, or the least; `None` when nothing is.
    fn choose(&self, wants: &Wants, now_ms: u64) -> Option<u32> {
        let wanted = wants.of(self.ssrc).unwrap_or(wants.any);
        let all = || self.layers.iter().flatten().filter(|layer| wants.of(layer.ssrc) != Some(0));
        let is_alone = all().count() == 1;
        let comes = |layer: &&Layer| {
            is_alone || layer.heard_ms.is_some_and(|heard_ms| now_ms < heard_ms.saturating_add(LAYER_MS))
        };
        let fitting = all().filter(comes).filter(|layer| layer.quality <= wanted);
        let chosen = fitting.max_by_key(|layer| layer.quality);
        let chosen = chosen.or_else(|| all().filter(comes).min_by_key(|layer| layer.quality));
        chosen.filter(|_| wanted > 0).map(|layer| layer.ssrc)
    }
}

impl Plane {
    /// A session shows something, or no longer.
    pub(super) fn show(&mut self, index: usize, shown: Option<&Shown>, now_ms: u64, out: &mut impl Transmit) {
        let session = &mut self.sessions[index];
        let room = session.room;
        let before = std::mem::replace(&mut session.shows, shown.map(Showing::new));
        let ended = before.filter(|before| shown.is_none_or(|shown| shown.ssrc != before.ssrc));
        let Some(ended) = ended else { return };
        for other in self.rooms.get(&room).cloned().unwrap_or_default() {
            self.end_streams(other, std::iter::once(ended.ssrc), now_ms, out);
        }
    }

    /// A packet of somebody's picture goes to the browsers of the room that are to see its layer.
    pub(super) fn forward_video(
        &mut self,
        index: usize,
        media: &Media,
        now_ms: u64,
        out: &mut impl Transmit,
    ) {
        let Some(session) = self.sessions.get_mut(index) else { return };
        let (bound, room) = (session.bound, session.room);
        let layer = session.shows.as_mut().and_then(|shows| shows.layer(media.ssrc)).filter(|_| bound);
        let Some(layer) = layer else { return self.counts.silenced += 1 };
        layer.heard_ms = Some(now_ms);
        let Some(shows) = session.shows else { return };
        self.counts.forwarded += 1;
        let begins = media.begins_keyframe();
        let mut wants_keyframe = false;
        let Some(inside) = self.rooms.get_mut(&room).map(std::mem::take) else { return };
        for other in inside.iter().copied().filter(|other| *other != index) {
            wants_keyframe |= self.show_to(other, &shows, (media, begins), now_ms, out);
        }
        if let Some(place) = self.rooms.get_mut(&room) {
            *place = inside;
        }
        if wants_keyframe {
            self.ask_for_keyframe(index, media.ssrc, now_ms, out);
        }
    }

    /// Sends a packet to one who is to see it; whether its layer can only begin with a picture that stands alone.
    fn show_to(
        &mut self,
        other: usize,
        shows: &Showing,
        (media, begins): (&Media, bool),
        now_ms: u64,
        out: &mut impl Transmit,
    ) -> bool {
        let session = &mut self.sessions[other];
        let target = shows.choose(&session.wants, now_ms);
        let Some((browser, ..)) = session.browser() else { return false };
        if !browser.sees() {
            return false;
        }
        let Some(target) = target else {
            if browser.layer_of(shows.ssrc).is_some() {
                self.act(other, now_ms, out, |browser, _| browser.look_away(shows.ssrc));
            }
            return false;
        };
        if !browser.has_stream(shows.ssrc) {
            self.act(other, now_ms, out, |browser, _| browser.begin_video(shows.ssrc));
        }
        let sight = Sight { ssrc: shows.ssrc, target, begins };
        let wrote =
            self.act(other, now_ms, out, |browser, now| browser.write_picture(sight, media, now_ms, now));
        wrote.unwrap_or(false)
    }

    /// A browser cannot see somebody's picture.
    pub(super) fn pass_request(&mut self, index: usize, ssrc: u32, now_ms: u64, out: &mut impl Transmit) {
        let layer = self.sessions.get_mut(index).and_then(Session::browser);
        let layer = layer.and_then(|(browser, ..)| browser.layer_of(ssrc));
        if let (Some(layer), Some(shower)) = (layer, self.by_ssrc.get(&ssrc).copied()) {
            self.ask_for_keyframe(shower, layer, now_ms, out);
        }
    }

    fn ask_for_keyframe(&mut self, index: usize, layer: u32, now_ms: u64, out: &mut impl Transmit) {
        let shows = self.sessions.get_mut(index).and_then(|session| session.shows.as_mut());
        let Some(shown) = shows.and_then(|shows| shows.layer(layer)) else { return };
        if shown.asked_ms.is_some_and(|asked_ms| now_ms < asked_ms.saturating_add(ASK_MS)) {
            return;
        }
        shown.asked_ms = Some(now_ms);
        self.act(index, now_ms, out, |browser, _| browser.request_keyframe(layer));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_layers_that_come_the_best_is_chosen_that_is_not_better_than_wanted() {
        let mut showing = Showing::new(&Shown { ssrc: 2, layers: vec![(2, 100), (4, 50)] });
        let wants = |any, by_ssrc: &[(u32, u8)]| Wants { any, by_ssrc: by_ssrc.to_vec() };
        assert_eq!(showing.choose(&wants(100, &[]), 0), None, "nothing has come");
        showing.layer(4).unwrap().heard_ms = Some(0);
        assert_eq!(showing.choose(&wants(100, &[]), 0), Some(4));
        showing.layer(2).unwrap().heard_ms = Some(0);
        assert_eq!(showing.choose(&wants(100, &[]), 0), Some(2));
        assert_eq!(showing.choose(&wants(50, &[(2, 50)]), 0), Some(4));
        assert_eq!(showing.choose(&wants(10, &[]), 0), Some(4), "the least there is");
        assert_eq!(showing.choose(&wants(100, &[(2, 0)]), 0), None, "not this picture");
        assert_eq!(showing.choose(&wants(100, &[(4, 0)]), 0), Some(2));
        assert_eq!(showing.choose(&wants(100, &[]), LAYER_MS), None, "all have ended");
        let alone = Showing::new(&Shown { ssrc: 2, layers: vec![(2, 100)] });
        assert_eq!(alone.choose(&wants(100, &[]), 0), Some(2), "there is nothing to choose");
    }
}
