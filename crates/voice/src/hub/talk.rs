//! What a session says once it has begun.

use consort_model::{GuildId, UserId};
use consort_sfu as sfu;

use super::session::{Transport, Video};
use super::{ConnId, Hub};
use crate::protocol::{self, Beat, CloseCode, Inbound, Message, Speaking};

impl Hub {
    pub(super) fn receive_of(
        &mut self,
        who: (GuildId, UserId),
        conn: ConnId,
        message: Inbound,
        now_ms: u64,
    ) -> Result<(), CloseCode> {
        match message {
            Inbound::Heartbeat(beat) => {
                if let Some(session) = self.session_mut(who) {
                    session.heard_ms = now_ms;
                    if let Beat::Numbered { seq_ack, .. } = beat {
                        session.log.acknowledge(seq_ack);
                    }
                }
                self.acknowledge(conn, &beat);
            }
            Inbound::Select(select) => self.select(who, conn, &select, now_ms)?,
            Inbound::Speaking(speaking) => self.speak(who, speaking),
            Inbound::Video(video) => self.show(who, video),
            Inbound::Wants(wants) => {
                if let Some(ssrc) = self.session_mut(who).map(|session| session.ssrc) {
                    self.media(ssrc, sfu::Order::Want(wants));
                }
            }
            Inbound::Versions => self.send(conn, &Message::versions()),
            Inbound::TransitionReady(id) => self.in_group(who, now_ms, |group| group.ready(who.1, id)),
            Inbound::Invalid => self.in_group(who, now_ms, |group| group.invalid(who.1, now_ms)),
            Inbound::KeyPackage(Some(key_package)) => self.take_key_package(who, *key_package, now_ms)?,
            Inbound::Commit(Some(commit)) => self.take_commit(who, *commit, now_ms),
            Inbound::KeyPackage(None) | Inbound::Commit(None) => return Err(CloseCode::DecodeError),
            Inbound::Ignored => {}
            Inbound::Identify(_) | Inbound::Resume(_) => return Err(CloseCode::AlreadyAuthenticated),
        }
        Ok(())
    }

    /// The first of these says that the SSRC is in use. The others learn from it whose the SSRC is.
    fn speak(&mut self, who: (GuildId, UserId), speaking: Speaking) {
        let Some(rights) = self.seat(who).map(|seat| seat.participant.rights) else { return };
        let Some(session) = self.session_mut(who) else { return };
        let is_browser = matches!(session.transport, Some(Transport::Browser));
        let is_first = session.speaking.replace(speaking.how).is_none();
        let (ssrc, shown) = (session.ssrc, session.shown_speaking(rights).unwrap_or(0));
        if let Some(chosen) = speaking.ssrc.filter(|chosen| is_browser && *chosen != ssrc) {
            self.media(ssrc, sfu::Order::Name(sfu::Name { given: ssrc, chosen, again: None }));
        }
        if is_first {
            self.media(ssrc, sfu::Order::Bind);
        }
        self.tell_others(who, &Message::speaking(who.1, ssrc, shown));
    }

    /// Cameras and screens. Others know them by the SSRCs that READY has given out, whatever a browser sends them under.
    fn show(&mut self, who: (GuildId, UserId), video: protocol::Video) {
        let Some(said) = video.video_ssrc else { return };
        let may = self.seat(who).is_some_and(|seat| seat.participant.rights.video);
        let Some(session) = self.session_mut(who) else { return };
        let is_browser = matches!(session.transport, Some(Transport::Browser));
        let (own, mut ssrc) = (session.ssrc, said);
        let (mut streams, mut names) = (Vec::new(), Vec::new());
        for (mut stream, given) in video.streams.into_iter().zip(session.stream_ssrcs()) {
            let number = |name: &str| stream.get(name).and_then(serde_json::Value::as_u64);
            let (chosen, again) = (number("ssrc"), number("rtx_ssrc"));
            if [chosen, again].into_iter().all(|ssrc| ssrc.is_some_and(|ssrc| session.has_stream(ssrc))) {
                streams.push(stream);
                continue;
            }
            let Some(chosen) = chosen.and_then(|chosen| u32::try_from(chosen).ok()).filter(|_| is_browser)
            else {
                continue;
            };
            if chosen == said {
                ssrc = given;
            }
            let again = again.and_then(|again| u32::try_from(again).ok());
            names.push(sfu::Name { given, chosen, again });
            stream["ssrc"] = given.into();
            stream["rtx_ssrc"] = (given + 1).into();
            streams.push(stream);
        }
        let shows = may && session.has_stream(u64::from(ssrc));
        names.into_iter().for_each(|name| self.media(own, sfu::Order::Name(name)));
        self.set_video(who, shows.then_some(Video { ssrc, streams }));
    }

    pub(super) fn set_video(&mut self, who: (GuildId, UserId), video: Option<Video>) {
        let Some(session) = self.session_mut(who) else { return };
        if session.video == video {
            return;
        }
        session.video.clone_from(&video);
        let shown =
            video.as_ref().map(|video| sfu::Shown { ssrc: video.ssrc, layers: session.layers(video) });
        let own = session.ssrc;
        self.media(own, sfu::Order::Show(shown));
        let (audio, Video { ssrc, streams }) = (own, video.unwrap_or(Video { ssrc: 0, streams: Vec::new() }));
        self.tell_others(who, &Message::video(who.1, (audio, ssrc), &streams));
    }
}
