//! Trials of what nodes stand on: etcd is away, the store is away, nodes are parted from these and from each other, while people talk.
//!
//! What must hold, beside what every trial looks for: who is refused is told so by 503 with `Retry-After`, and everything goes on by
//! itself once what was away is back. How soon is measured and not judged: that depends on the machine. So is how often a client had
//! to identify again.

use super::links::ETCD;
use super::people::Ear;
use super::rig::{Kept, Plan, Rig};
use super::trial::{self, BACK_LIMIT, BETWEEN, Outcome, Size, Talk};
use crate::args::Args;
use crate::{server, sh};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// The node with the store; see [`Plan::apart`].
const STORE: usize = 4;
/// How long what is away is away in a part of all tests: longer than a lease, so that everybody has noticed.
const SHORT: Duration = Duration::from_secs(4);
/// After so long everything is to be as before.
const AIM: Duration = Duration::from_secs(5);

/// What befalls a cluster.
#[derive(Clone, Copy, PartialEq)]
enum Outage {
    /// etcd stands still.
    EtcdHangs,
    /// It ends without warning, and is started again.
    EtcdDies,
    /// A node with owners, and etcd, do not hear each other.
    OwnerFromEtcd,
    /// A gateway, and etcd, do not hear each other.
    GatewayFromEtcd,
    /// A node with owners, and the one with the store, do not hear each other.
    OwnerFromStore,
    /// One half, without etcd and without the store, is alone.
    Halves,
    /// Nobody but etcd hears a node with owners, which hears all.
    MuteOwner,
    /// The store stands still: its node, or Cassandra.
    StoreHangs,
    /// It ends without warning, and is started again.
    StoreDies,
}

impl Outage {
    const ALL: [Self; 9] = [
        Self::EtcdHangs,
        Self::EtcdDies,
        Self::OwnerFromEtcd,
        Self::GatewayFromEtcd,
        Self::OwnerFromStore,
        Self::Halves,
        Self::MuteOwner,
        Self::StoreHangs,
        Self::StoreDies,
    ];

    /// In words, and what it belongs to.
    fn name(self) -> (&'static str, &'static str) {
        match self {
            Self::EtcdHangs => ("etcd", "etcd stands still"),
            Self::EtcdDies => ("etcd", "etcd is killed"),
            Self::OwnerFromEtcd => ("partition", "an owner from etcd"),
            Self::GatewayFromEtcd => ("partition", "a gateway from etcd"),
            Self::OwnerFromStore => ("partition", "an owner from the store"),
            Self::Halves => ("partition", "half from half"),
            Self::MuteOwner => ("partition", "an owner that no node hears"),
            Self::StoreHangs => ("store", "the store stands still"),
            Self::StoreDies => ("store", "the store is killed"),
        }
    }

    fn begin(self, rig: &mut Rig) -> Result<(), String> {
        let links = &rig.links;
        match self {
            Self::EtcdHangs => rig.etcd.signal("STOP"),
            Self::EtcdDies => rig.etcd.kill(),
            Self::OwnerFromEtcd => links.part(&["owner-1"], &[ETCD]),
            Self::GatewayFromEtcd => links.part(&["edge-2"], &[ETCD]),
            Self::OwnerFromStore => links.part(&["owner-1"], &["store-1"]),
            Self::Halves => links.part(&["edge-2", "owner-2"], &["edge-1", "owner-1", "store-1", ETCD]),
            Self::MuteOwner => {
                ["edge-1", "edge-2", "owner-2", "store-1"].iter().for_each(|node| links.cut("owner-1", node));
            }
            Self::StoreHangs => match &rig.ring {
                Some(ring) => ring.signal("STOP"),
                None => sh::signal("STOP", &[rig.server(STORE)?.pid()]),
            },
            Self::StoreDies => match &mut rig.ring {
                Some(ring) => ring.kill(),
                None => rig.kill(STORE),
            },
        }
        Ok(())
    }

    fn end(self, rig: &mut Rig) -> Result<(), String> {
        match self {
            Self::EtcdHangs => rig.etcd.signal("CONT"),
            Self::EtcdDies => rig.etcd.start_again()?,
            Self::OwnerFromEtcd
            | Self::GatewayFromEtcd
            | Self::OwnerFromStore
            | Self::Halves
            | Self::MuteOwner => rig.links.mend(),
            Self::StoreHangs => match &rig.ring {
                Some(ring) => ring.signal("CONT"),
                None => sh::signal("CONT", &[rig.server(STORE)?.pid()]),
            },
            Self::StoreDies => match &mut rig.ring {
                Some(ring) => ring.start_again()?,
                None => rig.bring(STORE)?,
            },
        }
        Ok(())
    }
}

/// What came of one outage.
struct Row {
    outage: Outage,
    length: Duration,
    /// Messages acknowledged meanwhile, and refusals before those that were acknowledged since it began.
    meanwhile: usize,
    refused: usize,
    again: usize,
    /// How long each voice stood still after its end, sorted.
    back: Vec<Duration>,
}

impl Row {
    fn back(&self, part: usize) -> u64 {
        let at = (self.back.len() * part / 100).min(self.back.len().saturating_sub(1));
        self.back.get(at).map_or(0, |back| back.as_millis() as u64)
    }

    /// In one line.
    fn tell(&self) {
        let Self { outage, length, meanwhile, refused, again, .. } = self;
        println!(
            "     {} for {} s: {meanwhile} messages meanwhile, {refused} refusals, {again} identified again, back after {} to {} ms",
            outage.name().1,
            length.as_secs(),
            self.back(50),
            self.back(100)
        );
    }

    fn json(&self) -> Value {
        json!({
            "outage": self.outage.name().1, "seconds": self.length.as_secs(), "acknowledged_meanwhile": self.meanwhile,
            "refused": self.refused, "identified_again": self.again, "back_p50_ms": self.back(50),
            "back_max_ms": self.back(100), "back_in_5_s": self.back.last().is_none_or(|last| *last <= AIM),
        })
    }
}

/// All outages, short ones, as a part of all tests.
///
/// # Errors
/// When the cluster does not start, or does not go on.
pub fn check() -> Result<Outcome, String> {
    let size = Size { people: 2, guilds: 2, apart: true };
    let (outcome, _) = on("cluster-outages", Kept::EmbeddedRpc, size, &Outage::ALL, SHORT)?;
    println!("     {}", outcome.tell());
    Ok(outcome)
}

/// `cargo xtask chaos etcd|partition|store [--seconds N] [--people N] [--guilds N] [--store embedded-rpc|cassandra]`: prints what
/// came of it.
///
/// # Errors
/// With what did not hold.
pub fn chaos(kind: &str, args: &mut Args) -> Result<(), String> {
    // Those who are parted for longer miss more than is kept for them.
    let usual = match kind {
        "etcd" => 60,
        "partition" => 8,
        _ => 20,
    };
    let length = Duration::from_secs(args.option("--seconds")?.unwrap_or(usual));
    let people = args.option("--people")?.unwrap_or(4usize).max(2);
    let guilds = args.option("--guilds")?.unwrap_or(6);
    let kept: Kept = args.option("--store")?.unwrap_or_default();
    args.rest()?;
    let size = Size { people, guilds, apart: true };
    let outages: Vec<_> = Outage::ALL.into_iter().filter(|outage| outage.name().0 == kind).collect();
    let (outcome, rows) = on(&format!("chaos-{kind}"), kept, size, &outages, length)?;
    println!("{kind}: 5 nodes, {guilds} guilds, {people} people, {} messages", outcome.acknowledged);
    println!("| away | s | messages meanwhile | refusals | back: 50 % ms | last ms | identified again |");
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: |");
    for row in &rows {
        let Row { outage, length, meanwhile, refused, again, .. } = row;
        println!(
            "| {} | {} | {meanwhile} | {refused} | {} | {} | {again} |",
            outage.name().1,
            length.as_secs(),
            row.back(50),
            row.back(100)
        );
    }
    let rows: Vec<_> = rows.iter().map(Row::json).collect();
    let Outcome { acknowledged, broken, .. } = &outcome;
    println!(
        "{}",
        json!({"chaos": kind, "acknowledged": acknowledged, "outages": rows, "broken": broken.len()})
    );
    if broken.is_empty() { Ok(()) } else { Err(broken.join("\n")) }
}

/// Has these outages befall a new cluster, one after the other.
fn on(
    name: &str,
    kept: Kept,
    size: Size,
    outages: &[Outage],
    length: Duration,
) -> Result<(Outcome, Vec<Row>), String> {
    let rig = Rig::start(&server::build(false)?, name, Plan::apart(kept))?;
    let mut rows = Vec::new();
    let (outcome, _rig) = trial::run(rig, size, |rig, talk, ears, outcome| {
        talk.goes_on(Instant::now(), BETWEEN, BACK_LIMIT)?;
        for outage in outages {
            let row = befall(rig, talk, ears, *outage, length)?;
            row.tell();
            outcome.back.extend(&row.back);
            rows.push(row);
        }
        Ok(())
    })?;
    Ok((outcome, rows))
}

fn befall(rig: &mut Rig, talk: &Talk, ears: &[Ear], outage: Outage, length: Duration) -> Result<Row, String> {
    let again = || ears.iter().map(|ear| ear.with(|heard| heard.again)).sum::<usize>();
    let before = again();
    let began = Instant::now();
    println!("     {} from {} ms on", outage.name().1, talk.began.elapsed().as_millis());
    outage.begin(rig)?;
    // That something is away has a length.
    std::thread::sleep(length);
    let ended = Instant::now();
    outage.end(rig)?;
    let went_on = talk.goes_on(ended, BETWEEN, BACK_LIMIT);
    went_on.map_err(|error| format!("after {:?}: {error}", outage.name().1))?;
    let mut back = talk.back_after(ended);
    back.sort_unstable();
    let (meanwhile, _) = talk.between(began, ended);
    let (_, refused) = talk.between(began, Instant::now());
    Ok(Row { outage, length, meanwhile, refused, again: again() - before, back })
}
