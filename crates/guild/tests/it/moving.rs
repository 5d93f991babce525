//! A guild that moves from owner to owner in the middle of its history tells and shows what one that stays does.

use std::time::Duration;

use consort_actor::{Core, Cx, Outcome, Stop};
use consort_guild::Guild;
use consort_model::ApiError;
use consort_rpc::guild::{Op, gateway};
use consort_rpc::{Fact, NodeId, guild};
use consort_store::{BoxFuture, Error, Row, Scan, StoreRef};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::permissions::Trial;
use crate::permissions::acts::{self, Act, USERS};
use crate::world::{Dispatch, Session};

/// A guild that is frozen, dropped, loaded and thawed whenever nobody has called for a moment.
pub struct Moving(Guild);

impl Core for Moving {
    type Service = guild::Guild;

    const RUNNING_MAX: usize = 0;

    const HAS_ALARMS: bool = Guild::HAS_ALARMS;

    const FROZEN_FORMAT: Option<u16> = Guild::FROZEN_FORMAT;

    fn first_scans(key: u64) -> Vec<Scan> {
        Guild::first_scans(key)
    }

    fn load(
        key: u64,
        first: Vec<Vec<Row>>,
        store: StoreRef,
        now_ms: u64,
    ) -> BoxFuture<'static, Result<Option<Self>, Error>> {
        Box::pin(async move { Ok(Guild::load(key, first, store, now_ms).await?.map(Self)) })
    }

    fn vacant(key: u64) -> Option<Self> {
        Guild::vacant(key).map(Self)
    }

    fn not_found() -> ApiError {
        Guild::not_found()
    }

    fn started(&self, nodes: &[NodeId]) -> Vec<Fact> {
        self.0.started(nodes)
    }

    fn newest_id(&self) -> Option<u64> {
        self.0.newest_id()
    }

    fn handle(&mut self, cx: &mut Cx<'_>, op: &Op) -> Result<Outcome, Stop> {
        self.0.handle(cx, op)
    }

    fn next_deadline_ms(&self) -> Option<u64> {
        self.0.next_deadline_ms()
    }

    fn alarm_ms(&self) -> Option<u64> {
        self.0.alarm_ms()
    }

    fn tick(&mut self, cx: &mut Cx<'_>) {
        self.0.tick(cx);
    }

    fn node_gone(&mut self, cx: &mut Cx<'_>, node: NodeId) {
        self.0.node_gone(cx, node);
    }

    fn listeners(&self) -> Vec<NodeId> {
        self.0.listeners()
    }

    fn is_idle(&self) -> bool {
        false
    }

    fn freeze(&self) -> Option<Box<[u8]>> {
        self.0.freeze()
    }

    fn thaw(&mut self, frozen: &[u8], now_ms: u64) -> bool {
        self.0.thaw(frozen, now_ms)
    }

    fn is_over(&self) -> bool {
        self.0.is_over()
    }
}

#[derive(Debug, Clone)]
enum Step {
    Act(Act),
    /// Somebody comes online, goes offline or does something.
    Present(usize, u8),
    /// A session looks at the member list of a channel.
    Look(usize, usize, u8),
    /// Both guilds are left alone for a moment; one of them moves.
    Move,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => acts::act().prop_map(Step::Act),
        2 => (0..USERS.len(), 0..5u8).prop_map(|(user, status)| Step::Present(user, status)),
        2 => (0..USERS.len(), 0..32usize, 0..6u8).prop_map(|(user, n, from)| Step::Look(user, n, from)),
        3 => Just(Step::Move),
    ]
}

fn take(trial: &mut Trial, step: &Step) -> Result<(), String> {
    match step {
        Step::Act(act) => trial.take(act),
        Step::Move => {
            trial.world.advance(Duration::from_millis(300));
            trial.rules.now_ms = trial.world.now_ms();
            Ok(())
        }
        Step::Present(n, status) => {
            let user = USERS[*n];
            let activities = if *status == 4 { json!([{"name": "chess", "type": 0}]) } else { json!([]) };
            let status = ["offline", "online", "idle", "dnd", "online"][usize::from(*status)];
            let presence = json!({
                "user": {"id": user.to_string()}, "status": status, "activities": activities,
                "client_status": {"web": status},
            });
            let presence = Box::new(serde_json::from_value(presence).expect("a presence"));
            let op = Op::Gateway(gateway::Op::Presence { presence });
            trial.world.call(user, op).map(drop).map_err(|error| format!("{error:?}"))
        }
        Step::Look(n, channel, from) => {
            let user = USERS[*n];
            let channels: Vec<_> = trial.rules.channels.keys().copied().collect();
            let Some(channel) = (!channels.is_empty()).then(|| channels[channel % channels.len()]) else {
                return Ok(());
            };
            let ranges = json!([[from, usize::from(*from) + 3], [10, 20]]);
            let request = Box::new(json!({"channels": {channel.to_string(): ranges}}));
            let session = trial.session(user).key();
            let op = Op::Gateway(gateway::Op::Subscribe { session, request });
            trial.world.call(user, op).map(drop).map_err(|error| format!("{error:?}"))
        }
    }
}

/// What all sessions were told, but for tokens, which are random.
fn told(trial: &Trial) -> Vec<(Session, Vec<Dispatch>)> {
    let seen = |(session, state): (Session, crate::world::FakeSession)| {
        let plain = |(name, body): Dispatch| match name.as_str() {
            "VOICE_SERVER_UPDATE" => (name, Value::Null),
            _ => (name, body),
        };
        (session, state.seen.into_iter().map(plain).collect())
    };
    trial.world.sessions().into_iter().map(seen).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 2000, ..ProptestConfig::default() })]

    #[test]
    fn a_guild_that_moves_tells_and_shows_what_one_that_stays_does(
        steps in proptest::collection::vec(step(), 10..60),
    ) {
        let (mut stays, mut moves) = (Trial::new(), Trial::moving());
        for step in &steps {
            take(&mut stays, step).map_err(TestCaseError::fail)?;
            take(&mut moves, step).map_err(TestCaseError::fail)?;
            let (one, other) = (told(&stays), told(&moves));
            prop_assert_eq!(one, other, "{:?}", step);
        }
        for user in USERS {
            prop_assert_eq!(stays.world.guild_create(user), moves.world.guild_create(user));
        }
    }
}
