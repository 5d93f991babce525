//! Metrics in the format of Prometheus, on a port of their own. They are made when they are asked for, from the figures that operators
//! see too; nothing is counted for them alone. docs/operating/metrics.md lists them.
//!
//! No label names an actor, an account or an address: there are as many series as kinds of actors and types of messages, some
//! hundreds, whatever people do.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use consort_rpc::operate::{GatewayInfo, NodeInfo};
use consort_runtime::{ActorInfo, AtWork, OpName, OpTotal, spawn};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::host::Console;

/// Who asks at once; more wait.
const SCRAPES_MAX: usize = 8;
/// How long somebody may take to ask.
const ASKING_MAX: Duration = Duration::from_secs(10);

/// What is counted of each kind of actor, and what it is at a moment.
#[derive(Debug, Default)]
struct Kind {
    states: BTreeMap<&'static str, u64>,
    queue: u64,
    queue_us: u64,
    handling_us: u64,
    commit_us: u64,
    read_us: u64,
    commits: u64,
    reads: u64,
    effects: u64,
    rows: u64,
}

/// All figures of a node at a moment.
#[derive(Debug)]
pub(crate) struct Figures {
    pub(crate) node: NodeInfo,
    pub(crate) actors: Vec<ActorInfo>,
    pub(crate) totals: BTreeMap<(&'static str, OpName), OpTotal>,
}

impl Collector for Figures {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let mut out = Out(encoder);
        self.process(&mut out)?;
        self.kinds(&mut out)?;
        self.messages(&mut out)?;
        match &self.node.gateway {
            Some(gateway) => gateway_figures(gateway, &mut out),
            None => Ok(()),
        }
    }
}

/// Writes metrics: name, help, and values by labels.
struct Out<'a>(DescriptorEncoder<'a>);

type Series<'a, const LABELS: usize> = ([(&'a str, &'a str); LABELS], f64);

impl Out<'_> {
    fn gauge<const LABELS: usize>(
        &mut self,
        name: &str,
        help: &str,
        series: &[Series<'_, LABELS>],
    ) -> fmt::Result {
        let mut encoder = self.0.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (labels, value) in series {
            ConstGauge::new(*value).encode(encoder.encode_family(labels)?)?;
        }
        Ok(())
    }

    /// `name` without `_total`.
    fn counter<const LABELS: usize>(
        &mut self,
        name: &str,
        help: &str,
        series: &[Series<'_, LABELS>],
    ) -> fmt::Result {
        let mut encoder = self.0.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (labels, value) in series {
            ConstCounter::new(*value).encode(encoder.encode_family(labels)?)?;
        }
        Ok(())
    }
}

fn seconds(us: u64) -> f64 {
    us as f64 / 1e6
}

impl Figures {
    fn process(&self, out: &mut Out<'_>) -> fmt::Result {
        let NodeInfo { version, cpu_us, rss_bytes, descriptors, descriptors_max, warnings, .. } = &self.node;
        out.gauge("consort_build_info", "The version that runs; always 1", &[([("version", version)], 1.0)])?;
        let cpu = seconds(*cpu_us);
        out.counter("consort_process_cpu_seconds", "Processor time of the process", &[([], cpu)])?;
        let (rss, open, max) = (*rss_bytes as f64, *descriptors as f64, *descriptors_max as f64);
        out.gauge("consort_process_resident_bytes", "Memory of the process", &[([], rss)])?;
        out.gauge("consort_process_open_files", "Files and sockets that are open", &[([], open)])?;
        out.gauge("consort_process_open_files_max", "How many may be", &[([], max)])?;
        let subject = |warning: &String| {
            let warning = warning.trim_start_matches("warning: ");
            warning.split(':').next().unwrap_or("").to_owned()
        };
        let subjects: Vec<_> = warnings.iter().map(subject).collect();
        let series: Vec<_> = subjects.iter().map(|subject| ([("subject", &**subject)], 1.0)).collect();
        out.gauge("consort_health_warning", "A warning of /healthz, by its subject; always 1", &series)
    }

    fn by_kind(&self) -> BTreeMap<&str, Kind> {
        let mut kinds: BTreeMap<&str, Kind> = BTreeMap::new();
        let longest = |most: &mut u64, at_work: &Option<AtWork>| {
            *most = (*most).max(at_work.as_ref().map_or(0, |at_work| at_work.for_us));
        };
        for actor in &self.actors {
            let kind = kinds.entry(&actor.kind).or_default();
            *kind.states.entry(actor.state.name()).or_default() += 1;
            kind.queue += actor.queue;
            kind.queue_us = kind.queue_us.max(actor.oldest_us.unwrap_or(0));
            longest(&mut kind.handling_us, &actor.handling);
            longest(&mut kind.commit_us, &actor.oldest_commit);
            longest(&mut kind.read_us, &actor.oldest_parked);
            kind.commits += actor.commits_pending;
            kind.reads += actor.parked;
            kind.effects += actor.effects_pending;
            kind.rows += actor.rows;
        }
        kinds
    }

    fn kinds(&self, out: &mut Out<'_>) -> fmt::Result {
        let kinds = self.by_kind();
        let states = kinds.iter().flat_map(|(name, kind)| {
            kind.states
                .iter()
                .map(move |(state, count)| ([("kind", *name), ("state", *state)], *count as f64))
        });
        out.gauge("consort_actors", "Actors, by kind and state", &states.collect::<Vec<_>>())?;
        type Figure = (&'static str, &'static str, fn(&Kind) -> f64);
        let figures: [Figure; 9] = [
            ("consort_actor_queue", "Messages that wait in mailboxes", |kind| kind.queue as f64),
            ("consort_actor_queue_oldest_seconds", "How long the oldest has waited", |kind| {
                seconds(kind.queue_us)
            }),
            ("consort_actor_handling_seconds", "How long the longest handler that runs has run", |kind| {
                seconds(kind.handling_us)
            }),
            ("consort_actor_commits", "Turns whose commits are on their way", |kind| kind.commits as f64),
            ("consort_actor_commit_oldest_seconds", "How long the oldest has been", |kind| {
                seconds(kind.commit_us)
            }),
            ("consort_actor_reads", "Calls that wait for rows", |kind| kind.reads as f64),
            ("consort_actor_read_oldest_seconds", "How long the oldest has waited", |kind| {
                seconds(kind.read_us)
            }),
            ("consort_actor_effects", "Effects that other owners have not acknowledged", |kind| {
                kind.effects as f64
            }),
            ("consort_actor_rows", "Rows in the caches of actors", |kind| kind.rows as f64),
        ];
        for (name, help, figure) in figures {
            let series: Vec<_> = kinds.iter().map(|(kind, of)| ([("kind", *kind)], figure(of))).collect();
            out.gauge(name, help, &series)?;
        }
        Ok(())
    }

    fn messages(&self, out: &mut Out<'_>) -> fmt::Result {
        let named: Vec<_> =
            self.totals.iter().map(|((kind, op), total)| (*kind, op.to_string(), total)).collect();
        let labels = |kind: &'static str, op| [("kind", kind), ("op", op)];
        let counts: Vec<_> =
            named.iter().map(|(kind, op, total)| (labels(kind, &**op), total.count as f64)).collect();
        out.counter("consort_messages", "Messages handled, by kind of actor and type of message", &counts)?;
        // Slices do not time each of their inputs.
        let timed = named.iter().filter(|(_, _, total)| total.total_ns > 0);
        let times: Vec<_> =
            timed.map(|(kind, op, total)| (labels(kind, &**op), total.total_ns as f64 / 1e9)).collect();
        out.counter("consort_message_seconds", "Time in their handlers", &times)
    }
}

fn gateway_figures(gateway: &GatewayInfo, out: &mut Out<'_>) -> fmt::Result {
    let gauges = [
        ("consort_gateway_connections", "Sockets of clients", gateway.connections),
        ("consort_gateway_sessions", "Sessions, with and without a socket", gateway.sessions),
        ("consort_gateway_sessions_detached", "Sessions that wait for their client", gateway.detached),
        ("consort_gateway_guilds", "Guilds with sessions here", gateway.guilds),
        ("consort_gateway_identifies", "IDENTIFYs at work or waiting", gateway.identifies),
        ("consort_gateway_queue", "Inputs that wait for slices", gateway.queued),
        (
            "consort_gateway_journal_bytes",
            "Bytes held for RESUMEs, as if nobody shared them",
            gateway.journal_bytes,
        ),
    ];
    for (name, help, value) in gauges {
        out.gauge(name, help, &[([], value as f64)])?;
    }
    let counters = [
        ("consort_gateway_deliveries", "Guild events taken by sessions", gateway.deliveries),
        ("consort_gateway_sessions_resumed", "Sessions resumed", gateway.resumed),
        (
            "consort_gateway_sessions_invalidated",
            "Sessions ended because they had a gap",
            gateway.invalidated,
        ),
    ];
    for (name, help, value) in counters {
        out.counter(name, help, &[([], value as f64)])?;
    }
    let shed = [
        ([("what", "volatile")], gateway.dropped_volatile as f64),
        ([("what", "events")], gateway.lost_events as f64),
    ];
    out.counter("consort_gateway_shed", "Events dropped for want of room, by what they were", &shed)?;
    let cut =
        [([("why", "slow")], gateway.cut_slow as f64), ([("why", "silent")], gateway.cut_zombie as f64)];
    out.counter("consort_gateway_cut", "Connections cut: too slow to read, or without heartbeats", &cut)
}

/// The text that is answered.
fn text(figures: Figures) -> Result<String, fmt::Error> {
    let (mut registry, mut text) = (Registry::default(), String::new());
    registry.register_collector(Box::new(figures));
    encode(&mut text, &registry)?;
    Ok(text)
}

/// Answers at an address, until it is dropped.
#[derive(Debug)]
pub(crate) struct Metrics(JoinHandle<Option<()>>);

impl Drop for Metrics {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Metrics {
    /// Listens.
    ///
    /// # Errors
    /// When the address cannot be taken.
    pub(crate) async fn start(address: SocketAddr, console: Arc<Console>) -> io::Result<(Self, SocketAddr)> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok((Self(spawn("metrics", accept(listener, console))), address))
    }
}

async fn accept(listener: TcpListener, console: Arc<Console>) {
    let places = Arc::new(Semaphore::new(SCRAPES_MAX));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let console = console.clone();
                spawn("metrics", async move {
                    let _place = place;
                    serve(stream, console).await;
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection for metrics could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// One answer for each connection: whoever asks every some seconds holds no place in between.
async fn serve(stream: TcpStream, console: Arc<Console>) {
    let service = service_fn(move |request| {
        let answer = answer(&request, &console);
        async { Ok::<_, Infallible>(answer) }
    });
    let mut connection = http1::Builder::new();
    connection.timer(TokioTimer::new()).header_read_timeout(ASKING_MAX).keep_alive(false);
    let served = connection.serve_connection(TokioIo::new(stream), service);
    // Whoever goes away in between is no error.
    let _over = tokio::time::timeout(2 * ASKING_MAX, served).await;
}

fn answer(request: &Request<Incoming>, console: &Console) -> Response<Full<Bytes>> {
    let refused = |status| {
        let mut response = Response::new(Full::default());
        *response.status_mut() = status;
        response
    };
    if request.uri().path() != "/metrics" {
        return refused(StatusCode::NOT_FOUND);
    }
    if request.method() != Method::GET {
        return refused(StatusCode::METHOD_NOT_ALLOWED);
    }
    let Ok(text) = text(console.figures()) else { return refused(StatusCode::INTERNAL_SERVER_ERROR) };
    let mut response = Response::new(Full::new(Bytes::from(text)));
    let format = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(format));
    response
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use consort_runtime::{Live, Registry};

    use super::*;

    fn figures() -> Figures {
        let registry = Registry::default();
        let gauge = registry.add("guild", 1, 0);
        let live = Live::new(None);
        registry.wakes("guild", &gauge, live.clone());
        live.begin(live.op(OpName { outer: "Message", inner: "Create" }), tokio::time::Instant::now());
        live.done(tokio::time::Instant::now());
        let node = NodeInfo {
            node: 0,
            name: String::new(),
            version: "1.2.3".to_owned(),
            roles: Vec::new(),
            started_ms: 0,
            now_ms: 0,
            map: 1,
            actors: Vec::new(),
            queued: 0,
            cpu_us: 2_500_000,
            rss_bytes: 1,
            descriptors: 1,
            descriptors_max: 1,
            warnings: vec!["warning: disk: 3 MiB left: little".to_owned()],
            gateway: Some(GatewayInfo { cut_slow: 3, ..GatewayInfo::default() }),
        };
        Figures { node, actors: registry.list(None), totals: registry.totals() }
    }

    /// Names and types as they are told.
    fn told(text: &str) -> BTreeSet<(String, String)> {
        let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
        let split = types.filter_map(|line| line.split_once(' '));
        split
            .map(|(name, kind)| {
                let total = if kind == "counter" { "_total" } else { "" };
                (format!("{name}{total}"), kind.to_owned())
            })
            .collect()
    }

    #[test]
    fn every_metric_is_documented_with_its_type_and_every_one_that_is_documented_exists() {
        let page = include_str!("../../../docs/operating/metrics.md");
        let documented: BTreeSet<_> = page
            .lines()
            .filter_map(|line| {
                let mut cells = line.strip_prefix("| `consort_")?.split('|').map(str::trim);
                let name = cells.next()?.trim_end_matches('`');
                Some((format!("consort_{name}"), cells.next()?.to_owned()))
            })
            .collect();
        assert_eq!(told(&text(figures()).unwrap()), documented);
    }

    #[test]
    fn values_are_in_the_units_of_their_names() {
        let text = text(figures()).unwrap();
        for line in [
            "consort_build_info{version=\"1.2.3\"} 1.0",
            "consort_process_cpu_seconds_total 2.5",
            "consort_actors{kind=\"guild\",state=\"loading\"} 1.0",
            "consort_messages_total{kind=\"guild\",op=\"Message.Create\"} 1.0",
            "consort_health_warning{subject=\"disk\"} 1.0",
            "consort_gateway_cut_total{why=\"slow\"} 3.0",
        ] {
            assert!(text.lines().any(|told| told == line), "{line} in {text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }
}
