//! What accounts say to their sessions, with numbers.

use super::*;

fn said(bench: &mut Bench, session: SessionKey, n: u64) {
    let event = Event::new("WORD", Intents::empty(), Audience::all(), &json!({ "n": n }));
    let op = Box::new(Op::Direct { sessions: vec![session], event: Arc::new(event) });
    bench.slice.input(bench.now, Input::Relay(Op::Said { n, op }));
    bench.settle();
}

fn heard(bench: &mut Bench, far: &mut Far) -> Vec<u64> {
    bench.read(far);
    let words = far.payloads.iter().filter(|payload| payload["t"] == "WORD");
    words.filter_map(|payload| payload["d"]["n"].as_u64()).collect()
}

/// What the owners of accounts were told of sessions that they may not know.
fn told_again(bench: &mut Bench) -> Vec<Option<u64>> {
    let told = std::mem::take(&mut bench.effects).into_iter().filter_map(|effect| match effect {
        Effect::Tell { fact, .. } => match *fact {
            Fact::User { op: user::Op::Gateway(user::gateway::Op::Open(open)), .. } if open.again => {
                Some(open.heard)
            }
            _ => None,
        },
        _ => None,
    });
    told.collect()
}

#[test]
fn each_word_of_an_account_is_taken_once_and_after_a_gap_the_session_ends() {
    let mut bench = Bench::new();
    let mut far = bench.connect("v=10");
    let id = bench.identify(&far, 1, &[]);
    let key = bench.key(id);
    for n in [5, 6, 6, 5, 7] {
        said(&mut bench, key, n);
    }
    assert_eq!(heard(&mut bench, &mut far), [5, 6, 7]);
    said(&mut bench, key, 9);
    assert_eq!(heard(&mut bench, &mut far), [5, 6, 7]);
    assert_eq!((far.ops().last(), far.closed), (Some(&9), Some(4000)));
}

#[test]
fn the_next_owner_of_an_account_is_told_how_far_its_sessions_are() {
    let mut bench = Bench::new();
    let far = bench.connect("v=10");
    let id = bench.identify(&far, 1, &[]);
    let key = bench.key(id);
    said(&mut bench, key, 5);
    let restarted = Op::UserRestarted { user: UserId::new(1), since_ms: 9 };
    bench.slice.input(bench.now, Input::Relay(restarted));
    bench.settle();
    assert_eq!(told_again(&mut bench), [Some(5)]);
    bench.slice.input(bench.now, Input::Relay(Op::Behind { sessions: vec![key], heard: Some(5) }));
    assert_eq!(bench.slice.figures().sessions, 0);
}

#[test]
fn who_joins_again_before_the_departure_has_arrived_is_attached_again() {
    let mut bench = Bench::new();
    let mut far = bench.connect("v=10");
    let id = bench.identify(&far, 1, &[GUILD]);
    let key = bench.key(id);
    // The account's owner and the guild's are on two other nodes: what they say arrives in any order.
    bench.slice.input(bench.now, Input::Relay(Op::Join { sessions: vec![key], guild: GUILD }));
    bench.slice.input(bench.now, Input::Relay(Op::Detach { guild: GUILD, user: UserId::new(1) }));
    bench.settle();
    bench.publish(7, 0);
    bench.read(&mut far);
    let told: Vec<_> = far.payloads.iter().filter_map(|payload| payload["t"].as_str()).collect();
    assert_eq!(told, ["READY", "GUILD_CREATE", "GUILD_CREATE", "E"]);
}

#[test]
fn a_session_that_has_got_further_is_not_ended_by_an_answer_to_where_it_was() {
    let mut bench = Bench::new();
    let far = bench.connect("v=10");
    let id = bench.identify(&far, 1, &[]);
    let key = bench.key(id);
    said(&mut bench, key, 5);
    told_again(&mut bench);
    // One owner has said again what was missed, another one that was asked the same does not have it.
    said(&mut bench, key, 6);
    bench.slice.input(bench.now, Input::Relay(Op::Behind { sessions: vec![key], heard: Some(5) }));
    bench.settle();
    assert_eq!(told_again(&mut bench), [Some(6)]);
    assert_eq!(bench.slice.figures().sessions, 1);
}

#[test]
fn a_late_refusal_does_not_reach_a_session_whose_user_has_joined_since() {
    let mut bench = Bench::new();
    let mut far = bench.connect("v=10");
    let id = bench.identify(&far, 1, &[GUILD]);
    let session = bench.key(id);
    let restarted = Op::GuildRestarted { guild: GUILD, line: Epoch::default() };
    bench.slice.input(bench.now, Input::Relay(restarted));
    bench.slice.take_effects();
    let before = bench.question(session);
    // The user has left, the guild refuses the session, the user joins again, and that is heard first.
    bench.slice.input(bench.now, Input::Relay(Op::Join { sessions: vec![session], guild: GUILD }));
    bench.slice.take_effects();
    let stands = bench.question(session);
    assert_ne!(stands, before);
    let refused = |question| Op::Refused { session, guild: GUILD, question, unavailable: false };
    let attached = |question| {
        let (guild_create, late) = ("{\"n\":0}".into(), Vec::new());
        Op::Attached { session, guild: GUILD, question, class: 0, guild_create, late }
    };
    for late in [refused(before), attached(before)] {
        bench.slice.input(bench.now, Input::Relay(late));
        assert_eq!(bench.question(session), stands);
    }
    bench.slice.input(bench.now, Input::Relay(attached(stands)));
    bench.slice.input(bench.now, Input::Relay(refused(before)));
    bench.settle();
    bench.publish(7, 0);
    bench.read(&mut far);
    let told: Vec<_> = far.payloads.iter().filter_map(|payload| payload["t"].as_str()).collect();
    assert_eq!(told, ["READY", "GUILD_CREATE", "GUILD_CREATE", "E"]);
    bench.check();
}

#[test]
fn a_question_that_nobody_answers_is_asked_again_under_its_number() {
    let mut bench = Bench::new();
    let far = bench.connect("v=10");
    let id = bench.identify(&far, 1, &[GUILD]);
    let session = bench.key(id);
    let restarted = Op::GuildRestarted { guild: GUILD, line: Epoch::default() };
    bench.slice.input(bench.now, Input::Relay(restarted));
    let stands = bench.question(session);
    bench.slice.take_effects();
    bench.slice.input(bench.now, Input::Moved);
    bench.now += bench.slice.config.attach_retry;
    bench.slice.tick(bench.now);
    let asked = bench.slice.take_effects().into_iter().filter_map(|effect| match effect {
        Effect::Attach { news, .. } => match *news {
            consort_rpc::guild::News::Attach { question, .. } => Some(question),
            consort_rpc::guild::News::Replay { .. } | consort_rpc::guild::News::Sounds { .. } => None,
        },
        _ => None,
    });
    assert_eq!(asked.collect::<Vec<_>>(), [stands, stands]);
}
