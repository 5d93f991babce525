use std::sync::Arc;

use consort_model::{GuildId, Intents, UserId};
use consort_rpc::NodeId;
use consort_rpc::relay::{Question, SessionKey};
use proptest::prelude::*;

use crate::*;

const SUPPLEMENTAL: u64 = 1 << 5;

fn identity(bot: bool, capabilities: u64) -> Identity {
    Identity {
        key: SessionKey { node: NodeId(1), generation: 7, slice: 0, number: 1, user: UserId::new(1) },
        id: SessionId { node: NodeId(1), slice: 0, number: 1, secret: 1 },
        viewer: Viewer { user: UserId::new(1), intents: Intents::all(), bot: false },
        bot,
        shard: None,
        auth_session: 0,
        token_hash: [0; 32],
        capabilities,
        large_threshold: 50,
    }
}

fn opened(guilds: impl IntoIterator<Item = u64>) -> Opened {
    Opened {
        opening: b"{\"v\":10".to_vec(),
        supplemental: None,
        guilds: guilds.into_iter().map(GuildId::new).collect(),
        owner_since_ms: 0,
        heard: None,
    }
}

fn event(body: &str) -> Arc<Dispatch> {
    Arc::new(Dispatch::new("E", body.to_owned()))
}

fn live_bot() -> Session {
    let mut session = Session::new(identity(true, 0));
    assert_eq!(session.opened(opened([])), Step::Ready);
    session
}

fn unsent(session: &Session) -> Vec<(u64, String)> {
    session.unsent().map(|(seq, entry)| (seq, entry.dispatch.name().to_owned())).collect()
}

fn names(session: &Session) -> Vec<String> {
    unsent(session).into_iter().map(|(_, name)| name).collect()
}

#[test]
fn nothing_is_unsent_before_ready_and_what_came_meanwhile_follows_it() {
    let mut session = Session::new(identity(false, SUPPLEMENTAL));
    session.push(event("1"), Choice::Full);
    assert!(!session.has_unsent() && unsent(&session).is_empty());
    assert_eq!(session.opened(opened([4])), Step::None);
    session.push(event("2"), Choice::Full);
    assert!(!session.has_unsent());
    assert_eq!(session.next_attach(), Some(GuildId::new(4)));
    assert_eq!(session.attached(GuildId::new(4), 0, "{\"id\":\"4\"}".into()), Step::Ready);
    assert_eq!(names(&session), ["READY", "READY_SUPPLEMENTAL", "E", "E"]);
    assert_eq!(unsent(&session)[3].0, 4);
}

#[test]
fn a_user_is_ready_when_every_guild_has_answered_somehow() {
    let mut session = Session::new(identity(false, 0));
    session.opened(opened([1, 2, 3, 4]));
    while session.next_attach().is_some() {}
    let [a, b, c, d] = [1, 2, 3, 4].map(GuildId::new);
    assert_eq!(session.attached(a, 0, "{\"id\":\"1\"}".into()), Step::None);
    assert_eq!(session.refused(b, false), Step::None);
    assert_eq!(session.refused(c, true), Step::None);
    assert!(session.forget_guild(d).is_some_and(Attachment::is_awaited));
    assert_eq!(session.ready_if_all_answered(), Step::Ready);
    let (_, ready) = session.unsent().next().unwrap();
    let ready: serde_json::Value = serde_json::from_slice(ready.dispatch.d(Choice::Full)).unwrap();
    assert_eq!(ready["guilds"], serde_json::json!([{"id": "1"}, {"id": "3", "unavailable": true}]));
    // The unavailable one is asked again, and comes with a GUILD_CREATE.
    assert!(session.question(c).is_some());
    session.attached(c, 0, "{\"id\":\"3\"}".into());
    assert_eq!(names(&session), ["READY", "GUILD_CREATE"]);
}

#[test]
fn ready_has_a_bound_and_the_other_guilds_follow_as_the_client_reads() {
    let mut session = Session::new(identity(false, 0));
    session.opened(opened(1..=40));
    let large =
        || crate::GuildCreate::from(format!("{{\"x\":\"{}\"}}", "y".repeat(READY_GUILDS_BYTES_MAX / 4)));
    let mut asked: Vec<_> = std::iter::from_fn(|| session.next_attach()).collect();
    assert_eq!(asked.len(), ATTACH_WINDOW);
    let last = asked.pop().unwrap();
    asked.iter().for_each(|guild| assert_eq!(session.attached(*guild, 0, large()), Step::None));
    assert_eq!(session.next_attach(), None);
    assert_eq!(
        session.attached(last, 0, large()),
        Step::Ready,
        "it does not wait for those that were not asked"
    );
    let (_, ready) = session.unsent().next().unwrap();
    let ready: serde_json::Value = serde_json::from_slice(ready.dispatch.d(Choice::Full)).unwrap();
    let is_stub = |guild: &&serde_json::Value| guild["unavailable"] == true;
    let guilds = ready["guilds"].as_array().unwrap();
    assert_eq!((guilds.len(), guilds.iter().filter(is_stub).count()), (40, 40 - ATTACH_WINDOW));
    for n in 1..=40 - ATTACH_WINDOW {
        assert_eq!(session.next_attach(), None, "the client has not read the last one");
        session.mark_sent(session.seq());
        let guild = session.next_attach().unwrap();
        session.attached(guild, 0, large());
        assert_eq!(names(&session), ["GUILD_CREATE"], "guild {n} after READY");
    }
    session.mark_sent(session.seq());
    assert!(session.next_attach().is_none() && !session.has_queued());
}

#[test]
fn a_guild_joined_while_ready_waits_for_others_comes_after_it() {
    let mut session = Session::new(identity(false, 0));
    session.opened(opened([1]));
    while session.next_attach().is_some() {}
    let (slow, joined) = (GuildId::new(1), GuildId::new(2));
    session.await_guild(joined);
    assert_eq!(session.attached(joined, 0, "{\"id\":\"2\"}".into()), Step::None);
    session.push(event("1"), Choice::Full);
    assert_eq!(session.attached(slow, 0, "{\"id\":\"1\"}".into()), Step::Ready);
    assert_eq!(names(&session), ["READY", "GUILD_CREATE", "E"]);
    let (_, ready) = session.unsent().next().unwrap();
    let ready: serde_json::Value = serde_json::from_slice(ready.dispatch.d(Choice::Full)).unwrap();
    assert_eq!(ready["guilds"], serde_json::json!([{"id": "1"}]));
}

#[test]
fn a_guild_whose_owner_is_new_before_ready_comes_again_after_what_was_told_of_it() {
    let mut session = Session::new(identity(false, 0));
    session.opened(opened([1, 2, 3]));
    while session.next_attach().is_some() {}
    let [moved, lost, slow] = [1, 2, 3].map(GuildId::new);
    for guild in [moved, lost] {
        session.attached(guild, 0, format!("{{\"id\":\"{guild}\",\"n\":1}}").into());
    }
    session.push(event("1"), Choice::Full);
    // Both owners are new. One has what was told already, the other does not know the user any more.
    session.await_guild(moved);
    session.await_guild(lost);
    session.attached(moved, 0, "{\"id\":\"1\",\"n\":2}".into());
    session.refused(lost, false);
    session.push(event("2"), Choice::Full);
    assert_eq!(session.attached(slow, 0, "{\"id\":\"3\"}".into()), Step::Ready);
    assert_eq!(names(&session), ["READY", "E", "GUILD_CREATE", "GUILD_DELETE", "E"]);
    let (_, ready) = session.unsent().next().unwrap();
    let ready: serde_json::Value = serde_json::from_slice(ready.dispatch.d(Choice::Full)).unwrap();
    assert_eq!(ready["guilds"], serde_json::json!([{"id": "1", "n": 1}, {"id": "2", "n": 1}, {"id": "3"}]));
}

#[test]
fn a_guild_joined_again_before_its_turn_is_attached_once() {
    let mut session = Session::new(identity(true, 0));
    session.opened(opened(1..=20));
    let first: Vec<_> = std::iter::from_fn(|| session.next_attach()).collect();
    let last = GuildId::new(20);
    assert!(!first.contains(&last));
    session.await_guild(last);
    session.attached(last, 7, "{}".into());
    first.iter().for_each(|guild| assert_eq!(session.attached(*guild, 0, "{}".into()), Step::None));
    let rest: Vec<_> = std::iter::from_fn(|| session.next_attach()).collect();
    assert_eq!(rest, [17, 18, 19].map(GuildId::new));
    assert_eq!(session.attachment(last), Some(Attachment::At(7)));
}

#[test]
fn a_guild_attached_before_the_owner_answers_is_not_waited_for() {
    let mut session = Session::new(identity(false, 0));
    let joined = GuildId::new(1);
    session.await_guild(joined);
    session.attached(joined, 3, "{\"id\":\"1\"}".into());
    assert_eq!(session.opened(opened([1])), Step::Ready);
    assert_eq!(names(&session), ["READY", "GUILD_CREATE"]);
    assert_eq!((session.next_attach(), session.attachment(joined)), (None, Some(Attachment::At(3))));
}

#[test]
fn a_bot_attaches_a_window_at_a_time_and_at_its_own_pace() {
    let mut session = Session::new(identity(true, 0));
    session.opened(opened(1..=100));
    session.mark_sent(1);
    let first: Vec<_> = std::iter::from_fn(|| session.next_attach()).collect();
    assert_eq!(first.len(), ATTACH_WINDOW);
    let large = format!("\"{}\"", "x".repeat(BACKLOG_ATTACH_BYTES));
    session.attached(first[0], 0, large.into());
    assert_eq!(session.next_attach(), None, "the client has not read the last one");
    session.mark_sent(session.seq());
    assert_eq!(session.next_attach(), Some(GuildId::new(17)));
}

#[test]
fn a_guild_that_goes_away_is_told_once() {
    let mut session = live_bot();
    let guild = GuildId::new(4);
    session.await_guild(guild);
    session.attached(guild, 0, "{}".into());
    session.await_guild(guild);
    session.refused(guild, true);
    session.refused(guild, true);
    session.attached(guild, 0, "{}".into());
    session.await_guild(guild);
    session.refused(guild, false);
    assert_eq!(names(&session), ["READY", "GUILD_CREATE", "GUILD_DELETE", "GUILD_CREATE", "GUILD_DELETE"]);
    assert_eq!((session.attachment(guild), session.awaited()), (None, 0));
}

#[test]
fn a_resume_replays_what_is_behind_the_number_and_no_more() {
    let mut session = live_bot();
    (0..5).for_each(|_| assert!(session.push(event("1"), Choice::Full) > 1));
    session.mark_sent(4);
    assert_eq!(session.resume(2), Ok(4));
    assert_eq!(unsent(&session).iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), [3, 4, 5, 6, 7]);
    assert_eq!(names(&session).last().unwrap(), "RESUMED");
    assert_eq!(session.backlog(), 4 + "{\"_trace\":[]}".len());
}

#[test]
fn what_a_client_resumes_from_is_kept_though_it_had_acknowledged_more() {
    let mut session = live_bot();
    (0..1000).for_each(|_| assert!(session.push(event("1"), Choice::Full) > 1));
    session.mark_sent(session.seq());
    session.acknowledge(session.seq());
    // It has lost what it knew since, be it that it was restarted.
    let from = session.journal().first() - 1;
    assert_eq!(session.resume(from), Ok(JOURNAL_EVENTS_KEPT as u64));
    session.push(event("2"), Choice::Full);
    assert!(!session.has_lost_unsent());
    // Nor does an old number of its change that, before it has been sent again what is behind it.
    session.acknowledge(1001);
    assert!(!session.has_lost_unsent());
    assert_eq!(unsent(&session).len(), JOURNAL_EVENTS_KEPT + 2);
}

#[test]
fn a_number_that_was_never_sent_or_is_forgotten_is_refused() {
    let mut session = live_bot();
    session.push(event("1"), Choice::Full);
    session.mark_sent(1);
    assert_eq!(session.resume(2), Err(ResumeError::Ahead), "2 exists but was not sent");
    assert_eq!(session.resume(0), Err(ResumeError::Gone), "READY is not kept");
    for _ in 0..=JOURNAL_EVENTS_MAX {
        session.push(event("1"), Choice::Full);
    }
    assert!(session.has_lost_unsent());
    assert_eq!(session.resume(1), Err(ResumeError::Gone));
}

#[test]
fn bulk_waits_until_the_client_has_read() {
    let mut session = live_bot();
    session.mark_sent(1);
    let chunk = event(&format!("\"{}\"", "x".repeat(BACKLOG_ATTACH_BYTES)));
    assert!(session.takes_bulk());
    session.push(chunk, Choice::Full);
    assert!(!session.takes_bulk());
    session.mark_sent(2);
    assert!(session.takes_bulk());
}

#[test]
fn of_what_the_client_has_only_some_bytes_are_kept() {
    let mut session = live_bot();
    let chunk = event(&format!("\"{}\"", "x".repeat(JOURNAL_BYTES_KEPT / 4)));
    for _ in 0..8 {
        session.push(chunk.clone(), Choice::Full);
    }
    session.mark_sent(9);
    assert!(session.journal().bytes() > JOURNAL_BYTES_KEPT, "the client may not have them");
    session.acknowledge(7);
    assert!(session.journal().bytes() <= JOURNAL_BYTES_KEPT);
    assert_eq!(session.resume(7), Ok(2));
    session.mark_sent(session.seq());
    session.acknowledge(1);
    session.push(chunk, Choice::Full);
    assert_eq!(session.resume(6), Err(ResumeError::Gone));
}

/// What may happen to a session and its client.
#[derive(Debug, Clone)]
enum Happening {
    Event,
    /// The socket takes so many dispatches.
    Send(u64),
    /// The client reads so many of those the socket took.
    Read(usize),
    /// The socket breaks, what is in it is lost, and the client resumes.
    Resume,
    /// The client tells its number.
    Heartbeat,
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        6 => Just(Happening::Event),
        4 => (1..6u64).prop_map(Happening::Send),
        4 => (1..6usize).prop_map(Happening::Read),
        1 => Just(Happening::Resume),
        1 => Just(Happening::Heartbeat),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_the_client_reads_every_number_once_and_in_order(
        happenings in proptest::collection::vec(happening(), 1..400)
    ) {
        let mut session = live_bot();
        // READY arrives: before that there is nothing to resume.
        session.mark_sent(1);
        let mut wire: std::collections::VecDeque<(u64, String)> = Default::default();
        let mut read: Vec<String> = vec!["READY".to_owned()];
        let mut events = 0u64;
        for happening in happenings {
            match happening {
                Happening::Event => {
                    events += 1;
                    session.push(event(&events.to_string()), Choice::Full);
                }
                Happening::Send(count) => {
                    let batch: Vec<_> = session
                        .unsent()
                        .take(count as usize)
                        .map(|(seq, e)| (seq, String::from_utf8(e.dispatch.d(Choice::Full).to_vec()).unwrap()))
                        .collect();
                    if let Some((last, _)) = batch.last() {
                        session.mark_sent(*last);
                    }
                    wire.extend(batch);
                }
                Happening::Read(count) => {
                    for (seq, body) in wire.drain(..count.min(wire.len())).collect::<Vec<_>>() {
                        prop_assert_eq!(seq, read.len() as u64 + 1);
                        read.push(body);
                    }
                }
                Happening::Resume => {
                    wire.clear();
                    prop_assert!(session.resume(read.len() as u64).is_ok());
                }
                Happening::Heartbeat => session.acknowledge(read.len() as u64),
            }
        }
        wire.extend(session.unsent().map(|(seq, e)| (seq, String::from_utf8(e.dispatch.d(Choice::Full).to_vec()).unwrap())));
        for (seq, body) in wire {
            prop_assert_eq!(seq, read.len() as u64 + 1);
            read.push(body);
        }
        let numbers: Vec<u64> = read.iter().filter_map(|body| body.parse().ok()).collect();
        prop_assert_eq!(numbers, (1..=events).collect::<Vec<_>>());
    }
}

// ---- moving --------------------------------------------------------------------------------------------------

fn elsewhere() -> SessionKey {
    SessionKey { node: NodeId(2), generation: 9, slice: 3, number: 44, user: UserId::new(1) }
}

fn move_on(session: &Session) -> Session {
    Session::import(&session.export().expect("live"), elsewhere()).expect("its own bytes")
}

/// What is to be written, byte for byte in both encodings.
fn frames(session: &Session) -> Vec<(u64, bytes::Bytes, bytes::Bytes)> {
    use consort_wire::gateway::Encoding;
    let tail = |entry: &Entry<'_>, encoding| entry.dispatch.encoded(entry.choice, encoding).tail().clone();
    let frame =
        |(seq, entry): (u64, Entry<'_>)| (seq, tail(&entry, Encoding::Json), tail(&entry, Encoding::Etf));
    session.unsent().map(frame).collect()
}

/// One thing that happens to a session and, in the same way, to the one that has moved.
#[derive(Debug, Clone)]
enum Act {
    Event(usize, bool),
    Logged(bool),
    Sent(u64),
    Heartbeat(u64),
    Resume(u64),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        8 => (1..2_000usize, any::<bool>()).prop_map(|(len, whole)| Act::Event(len, whole)),
        1 => (100_000..3_000_000usize).prop_map(|len| Act::Event(len, true)),
        8 => any::<bool>().prop_map(Act::Logged),
        4 => (1..9u64).prop_map(Act::Sent),
        2 => (0..9u64).prop_map(Act::Heartbeat),
        2 => (0..20u64).prop_map(Act::Resume),
    ]
}

fn apply(session: &mut Session, log: &mut Log, step: &Act) -> Option<Result<u64, ResumeError>> {
    match step {
        Act::Event(len, whole) => {
            let mut event =
                consort_rpc::Event::new("E", Intents::empty(), consort_rpc::Audience::all(), "whole");
            event.body = format!("\"{}\"", "x".repeat(*len)).into();
            event.redacted = Some("\"redacted\"".into());
            let choice = if *whole { Choice::Full } else { Choice::Redacted };
            session.push(Arc::new(Dispatch::direct(Arc::new(event))), choice);
            None
        }
        Act::Logged(wanted) => {
            let place = log.append(event("\"logged\""));
            if *wanted {
                session.push_logged(&place, Choice::Full);
            }
            None
        }
        Act::Sent(count) => {
            let upto = session.seq().min(session.sent() + count);
            if !session.has_lost_unsent() {
                session.mark_sent(upto);
            }
            None
        }
        Act::Heartbeat(back) => {
            session.acknowledge(session.sent().saturating_sub(*back));
            None
        }
        Act::Resume(back) => Some(session.resume(session.sent().saturating_sub(*back))),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_session_that_has_moved_goes_on_exactly_as_it_would_have(
        before in proptest::collection::vec(act(), 0..120),
        after in proptest::collection::vec(act(), 0..60),
    ) {
        let (mut log, mut logs) = (Log::default(), (Log::default(), Log::default()));
        let mut stayed = live_bot();
        stayed.mark_sent(1);
        for step in &before {
            apply(&mut stayed, &mut log, step);
        }
        let mut moved = move_on(&stayed);
        prop_assert_eq!(moved.identity().id, stayed.identity().id);
        for step in std::iter::once(&Act::Sent(0)).chain(&after) {
            let outcomes = (apply(&mut stayed, &mut logs.0, step), apply(&mut moved, &mut logs.1, step));
            prop_assert_eq!(outcomes.0, outcomes.1, "{:?}", step);
            prop_assert_eq!(frames(&stayed), frames(&moved));
            prop_assert_eq!((stayed.seq(), stayed.sent(), stayed.backlog()), (moved.seq(), moved.sent(), moved.backlog()));
            prop_assert_eq!(stayed.journal().first(), moved.journal().first());
            prop_assert_eq!(stayed.has_lost_unsent(), moved.has_lost_unsent());
        }
    }

    #[test]
    fn other_bytes_are_no_session_and_no_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..400), at in 0..2_000usize) {
        let _no = Session::import(&bytes, elsewhere());
        // One that was damaged on the way.
        let mut session = live_bot();
        session.mark_sent(1);
        session.push(event("1"), Choice::Full);
        let mut damaged = session.export().unwrap();
        let at = at % damaged.len();
        damaged[at] = bytes.pop().unwrap_or(0);
        if let Ok(mut session) = Session::import(&damaged, elsewhere()) {
            session.push(event("2"), Choice::Full);
            let _either = session.resume(1);
            prop_assert!(session.journal().first() <= session.seq());
        }
    }
}

#[test]
fn a_session_takes_its_guilds_along_and_asks_for_them_again() {
    let mut session = live_bot();
    assert_eq!(session.export(), None, "nobody knows of it yet");
    session.mark_sent(1);
    let [known, awaited] = [1, 2].map(GuildId::new);
    for guild in [known, awaited] {
        session.await_guild(guild);
    }
    session.attached(known, 7, "{}".into());
    let mut moved = move_on(&session);
    let attachments: Vec<_> = moved.attachments().collect();
    let asked = |number| Attachment::Awaited(Question(number));
    assert_eq!(attachments, [(known, asked(1)), (awaited, asked(2))]);
    assert_eq!(moved.awaited(), 2);
    moved.mark_sent(moved.seq());
    // The client hears that one it had is gone, and of one that it was still to get.
    moved.refused(known, true);
    moved.attached(awaited, 0, "{}".into());
    assert_eq!(names(&moved), ["GUILD_DELETE", "GUILD_CREATE"]);
    assert!(
        Session::import(&session.export().unwrap(), SessionKey { user: UserId::new(2), ..elsewhere() })
            .is_err()
    );
}
