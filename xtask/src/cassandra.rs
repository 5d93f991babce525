//! A ring of Cassandra on this machine, for tests and for a cluster to hold in the hand.
//!
//! Its program comes as jars from Maven Central, once, and runs on Java 17. Every node has an address of the loopback; all begin
//! at the same time, each with a part of the ring of its own.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::sh;

/// The release.
const VERSION: &str = "5.0.9";
/// The port of the native protocol, and that of the ring.
const PORTS: (u16, u16) = (9042, 7000);
/// How long a download may write nothing.
const FETCH_LIMIT: Duration = Duration::from_secs(20 * 60);
/// How long the ring may take until all nodes answer.
const START_LIMIT: Duration = Duration::from_secs(300);
/// Memory of a node's heap: answers of 64 MiB are made in it.
const HEAP: &str = "1g";

/// What the module system of Java must let through, as the script of Cassandra's own distribution does.
const EXPORTS: [&str; 9] = [
    "java.base/jdk.internal.misc",
    "java.base/jdk.internal.ref",
    "java.base/java.lang.ref",
    "java.base/sun.nio.ch",
    "java.management.rmi/com.sun.jmx.remote.internal.rmi",
    "java.rmi/sun.rmi.registry",
    "java.rmi/sun.rmi.server",
    "java.sql/java.sql",
    "jdk.unsupported/sun.misc",
];
const OPENS: [&str; 17] = [
    "java.base/java.io",
    "java.base/java.lang",
    "java.base/java.lang.module",
    "java.base/java.lang.reflect",
    "java.base/java.net",
    "java.base/java.nio",
    "java.base/java.util",
    "java.base/java.util.concurrent",
    "java.base/java.util.concurrent.atomic",
    "java.base/jdk.internal.loader",
    "java.base/jdk.internal.math",
    "java.base/jdk.internal.module",
    "java.base/jdk.internal.ref",
    "java.base/jdk.internal.reflect",
    "java.base/jdk.internal.util.jar",
    "java.base/sun.nio.ch",
    "jdk.management/com.sun.management.internal",
];

/// A running ring; ended when dropped.
pub struct Ring {
    nodes: Vec<Node>,
    jars: PathBuf,
    home: PathBuf,
    net: String,
}

struct Node {
    address: String,
    child: Child,
}

impl Ring {
    /// Starts a ring of so many nodes with empty folders in `home`.
    ///
    /// # Errors
    /// When Java or the jars are missing, or a node does not answer.
    pub fn start(home: &Path, nodes: usize) -> Result<Self, String> {
        let jars = jars()?;
        let net = free_net(nodes)?;
        let mut ring = Self { nodes: Vec::new(), jars, home: home.to_owned(), net };
        for number in 1..=nodes {
            let child = ring.spawn((number, nodes))?;
            ring.nodes.push(Node { address: format!("{}.{number}", ring.net), child });
        }
        for (number, node) in ring.nodes.iter_mut().enumerate() {
            let child = &mut node.child;
            let mut ended = false;
            let up = sh::poll(START_LIMIT, || {
                ended = child.try_wait().is_ok_and(|status| status.is_some());
                ended || answers(&node.address)
            });
            if ended || !up {
                let log = sh::read(&home.join(format!("cassandra-{}/log", number + 1)));
                return Err(format!("Cassandra does not answer:\n{}", sh::tail(&log)));
            }
        }
        Ok(ring)
    }

    fn spawn(&self, (number, nodes): (usize, usize)) -> Result<Child, String> {
        let dir = self.home.join(format!("cassandra-{number}"));
        start_node(&self.jars, &dir, &self.net, (number, nodes))
    }

    /// Ends all its nodes without warning; their data stay.
    pub fn kill(&mut self) {
        for node in &mut self.nodes {
            // Both fail only when it is gone already.
            let _ = node.child.kill();
            let _ = node.child.wait();
        }
    }

    /// Starts all nodes again, with their data.
    ///
    /// # Errors
    /// When a node cannot be started. It is not waited for.
    pub fn start_again(&mut self) -> Result<(), String> {
        self.kill();
        let count = self.nodes.len();
        for number in 1..=count {
            self.nodes[number - 1].child = self.spawn((number, count))?;
        }
        Ok(())
    }

    /// Has all its nodes stand still, or go on.
    pub fn signal(&self, name: &str) {
        let pids: Vec<u32> = self.nodes.iter().map(|node| node.child.id()).collect();
        sh::signal(name, &pids);
    }

    /// Where its nodes are, separated by commas.
    pub fn hosts(&self) -> String {
        let hosts = self.nodes.iter().map(|node| format!("{}:{}", node.address, PORTS.0));
        hosts.collect::<Vec<_>>().join(",")
    }

    /// The process of a node that the ring can do without, if it has one.
    pub fn victim(&self) -> Option<u32> {
        self.nodes.last().filter(|_| self.nodes.len() >= 3).map(|node| node.child.id())
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The folder of jars: `CONSORT_CASSANDRA_JARS`, or in the user's cache, fetched when missing.
fn jars() -> Result<PathBuf, String> {
    sh::output(Command::new("java").arg("--version"))
        .map_err(|error| format!("Cassandra needs Java 17 (Debian's openjdk-17-jre-headless): {error}"))?;
    if let Some(jars) = std::env::var_os("CONSORT_CASSANDRA_JARS") {
        return Ok(jars.into());
    }
    let cache = sh::cache()?;
    let jars = cache.join(format!("cassandra-{VERSION}"));
    if !jars.exists() {
        println!("     Cassandra is fetched");
        fetch(&cache, &jars)?;
    }
    Ok(jars)
}

fn fetch(cache: &Path, jars: &Path) -> Result<(), String> {
    let work = cache.join(format!("fetching-{}", std::process::id()));
    let failed = |error: std::io::Error| format!("{}: {error}", work.display());
    std::fs::create_dir_all(&work).map_err(failed)?;
    let pom = format!(
        "<project><modelVersion>4.0.0</modelVersion><groupId>local</groupId><artifactId>run</artifactId><version>1</version>\
         <packaging>pom</packaging><dependencies><dependency><groupId>org.apache.cassandra</groupId>\
         <artifactId>cassandra-all</artifactId><version>{VERSION}</version></dependency></dependencies></project>"
    );
    std::fs::write(work.join("pom.xml"), pom).map_err(failed)?;
    let mut maven = Command::new("mvn");
    maven.args([
        "-q",
        "-B",
        "dependency:copy-dependencies",
        "-DincludeScope=runtime",
        "-DoutputDirectory=lib",
    ]);
    let fetched = sh::logged("cassandra-jars", maven.current_dir(&work), FETCH_LIMIT);
    // Another process may have been first; its folder is as good.
    if fetched.is_ok() && !jars.exists() {
        std::fs::rename(work.join("lib"), jars).map_err(failed)?;
    }
    std::fs::remove_dir_all(&work).map_err(failed)?;
    fetched.map(drop).map_err(|error| format!("Cassandra's jars come by Maven (Debian's maven): {error}"))
}

/// The first three numbers of addresses of the loopback at which nobody listens.
fn free_net(nodes: usize) -> Result<String, String> {
    let free = |net: &String| {
        let free = |number, port| TcpListener::bind((format!("{net}.{number}"), port)).is_ok();
        (1..=nodes).all(|number| free(number, PORTS.0) && free(number, PORTS.1))
    };
    let first = std::process::id() % 200;
    let mut nets = (0..200).map(|number| format!("127.0.{}", 20 + (first + number) % 200));
    nets.find(free).ok_or_else(|| "no free addresses for Cassandra".to_owned())
}

fn start_node(jars: &Path, dir: &Path, net: &str, (number, nodes): (usize, usize)) -> Result<Child, String> {
    let failed = |error: std::io::Error| format!("{}: {error}", dir.display());
    std::fs::create_dir_all(dir.join("conf")).map_err(failed)?;
    std::fs::write(dir.join("conf/cassandra.yaml"), configuration(dir, net, (number, nodes)))
        .map_err(failed)?;
    std::fs::write(dir.join("conf/logback.xml"), LOGGING).map_err(failed)?;
    let out = File::create(dir.join("log")).map_err(failed)?;
    let both = out.try_clone().map_err(failed)?;
    let names = std::fs::read_dir(jars).map_err(|error| format!("{}: {error}", jars.display()))?;
    let mut names = names.flatten().map(|entry| entry.path());
    let is_agent =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("jamm-"));
    let agent = names.find(is_agent).ok_or_else(|| format!("{} has no jamm", jars.display()))?;
    let home = dir.display();
    let mut java = Command::new("java");
    java.args([format!("-Xms{HEAP}"), format!("-Xmx{HEAP}"), format!("-javaagent:{}", agent.display())])
        // The quick compiler alone: half the work until a node is warm.
        .args(["-Xss256k", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData"])
        .args([
            "-XX:+ExitOnOutOfMemoryError",
            "-XX:MaxDirectMemorySize=512m",
            "-Djdk.attach.allowAttachSelf=true",
        ])
        .arg(format!("-Dcassandra.config=file://{home}/conf/cassandra.yaml"))
        .arg(format!("-Dlogback.configurationFile={home}/conf/logback.xml"))
        .args([format!("-Dcassandra.storagedir={home}"), format!("-Dcassandra.logdir={home}")])
        .args(["-Dcassandra-foreground=yes", "-Dcassandra.ring_delay_ms=1000"])
        .arg("-Dcassandra.skip_wait_for_gossip_to_settle=0")
        .args(EXPORTS.map(|name| format!("--add-exports={name}=ALL-UNNAMED")))
        .args(OPENS.map(|name| format!("--add-opens={name}=ALL-UNNAMED")))
        .arg("-cp")
        .arg(format!("{home}/conf:{}/*", jars.display()))
        .arg("org.apache.cassandra.service.CassandraDaemon")
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(both)
        // Not in the terminal's group: nodes that end on Ctrl-C still need it.
        .process_group(0);
    java.spawn().map_err(|error| format!("java: {error}"))
}

const LOGGING: &str = r#"<configuration>
  <appender name="out" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%d{HH:mm:ss.SSS} %-5level [%thread] %F:%L - %msg%n</pattern></encoder>
  </appender>
  <root level="INFO"><appender-ref ref="out"/></root>
</configuration>
"#;

/// Sizes are those the store needs: a batch of it has 16 MiB, which go through the log of its owner as one row.
const SETTINGS: &str = r#"auto_bootstrap: false
num_tokens: 1
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
endpoint_snitch: SimpleSnitch
commitlog_sync: batch
commitlog_segment_size: 64MiB
commitlog_total_space: 512MiB
memtable_heap_space: 64MiB
memtable_offheap_space: 64MiB
memtable_allocation_type: offheap_objects
concurrent_reads: 16
concurrent_writes: 16
paxos_variant: v2
native_transport_max_frame_size: 32MiB
native_transport_max_request_data_in_flight: 128MiB
native_transport_max_request_data_in_flight_per_ip: 128MiB
phi_convict_threshold: 12
read_request_timeout: 10s
range_request_timeout: 20s
write_request_timeout: 10s
cas_contention_timeout: 5s
auto_snapshot: false
"#;

fn configuration(dir: &Path, net: &str, (number, nodes): (usize, usize)) -> String {
    let home = dir.display();
    let (native, ring) = PORTS;
    // Evenly spaced, and every node a seed, so that none waits for another.
    let step = (u64::MAX / nodes as u64) as i128;
    let token = i128::from(i64::MIN) + step * (number as i128 - 1);
    let seeds: Vec<String> = (1..=nodes).map(|number| format!("{net}.{number}:{ring}")).collect();
    let mut text = format!("cluster_name: consort\ninitial_token: {token}\n{SETTINGS}");
    let _ = write!(
        text,
        "seed_provider:\n  - class_name: org.apache.cassandra.locator.SimpleSeedProvider\n    parameters: [{{seeds: \"{}\"}}]\n\
         listen_address: {net}.{number}\nrpc_address: {net}.{number}\nstorage_port: {ring}\nnative_transport_port: {native}\n\
         data_file_directories: [\"{home}/data\"]\ncommitlog_directory: \"{home}/commitlog\"\n\
         saved_caches_directory: \"{home}/caches\"\nhints_directory: \"{home}/hints\"\ncdc_raw_directory: \"{home}/cdc\"\n",
        seeds.join(",")
    );
    text
}

/// Whether a node answers the question what it can do, an OPTIONS of the native protocol.
fn answers(address: &str) -> bool {
    let ask = || -> std::io::Result<u8> {
        let mut socket = TcpStream::connect((address, PORTS.0))?;
        socket.set_read_timeout(Some(Duration::from_secs(2)))?;
        socket.write_all(&[4, 0, 0, 0, 5, 0, 0, 0, 0])?;
        let mut head = [0; 5];
        socket.read_exact(&mut head)?;
        Ok(head[4])
    };
    // SUPPORTED.
    ask().is_ok_and(|kind| kind == 6)
}
