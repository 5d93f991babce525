//! What an operator can set: on the command line, in the environment, in a file. The command line wins, then the
//! environment, then the file.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::{Args, ValueEnum};
use serde::Deserialize;

use consort_cdn::blobs::{BucketAddress, BucketAddressError};
use consort_store_cassandra::{Address, AddressError};

use crate::roles::Roles;
use crate::voice::{VoiceArgs, VoiceSettings};

/// Arguments of `consort serve`.
#[derive(Debug, Clone, Default, Args)]
pub struct ServeArgs {
    /// Address to serve web page, API and gateway on [default: 127.0.0.1:8080]
    #[arg(long, env = "CONSORT_LISTEN")]
    pub listen: Option<SocketAddr>,
    /// Directory of all data, made if it is missing [default: data]
    #[arg(long, env = "CONSORT_DATA")]
    pub data: Option<PathBuf>,
    /// A developer's machine: no limits on registration and login
    #[arg(long)]
    pub dev: bool,
    /// Runs so many seconds ahead of the machine's clock, to see what happens later; with --dev only [default: 0]
    #[arg(long, requires = "dev")]
    pub clock_ahead: Option<u32>,
    /// Whether rate limits of REST and of a connection's commands apply; off for measurements only [default: on]
    #[arg(long, value_enum)]
    pub rate_limits: Option<Switch>,
    /// Goes on without acknowledged writes that a damaged disk has lost; a copy of the damaged log is kept
    #[arg(long)]
    pub accept_data_loss: bool,
    /// Settings in TOML; the command line goes before them
    #[arg(long, env = "CONSORT_CONFIG")]
    pub config: Option<PathBuf>,
    /// Base of the URLs given out, such as https://chat.example [default: what the first person to register used]
    #[arg(long, env = "CONSORT_PUBLIC_URL")]
    pub public_url: Option<String>,
    /// Threads that own gateway sockets [default: one a core]
    #[arg(long)]
    pub slices: Option<usize>,
    /// Address of the gateway alone, where those threads accept connections themselves [default: only at --listen]
    #[arg(long, env = "CONSORT_GATEWAY_LISTEN")]
    pub gateway_listen: Option<SocketAddr>,
    /// How those threads send: by a system call for each connection, or many at once by io_uring [default: auto]
    #[arg(long, value_enum, env = "CONSORT_GATEWAY_IO")]
    pub gateway_io: Option<GatewayIo>,
    /// Where files are: `folder` is in --data, in a cluster in that of the node with the role store, which serves it to the others;
    /// `s3://BUCKET[/PREFIX][?endpoint=URL][&region=NAME]` is a bucket of an object store, with keys in AWS_ACCESS_KEY_ID and
    /// AWS_SECRET_ACCESS_KEY [default: folder]
    #[arg(long, env = "CONSORT_BLOBS")]
    pub blobs: Option<BlobsKind>,
    /// Address of metrics for Prometheus, which asks for no password [default: none]
    #[arg(long, env = "CONSORT_METRICS_LISTEN")]
    pub metrics_listen: Option<SocketAddr>,
    /// What this node does, such as gateway,rest [default: all]
    #[arg(long, env = "CONSORT_ROLES")]
    pub roles: Option<Roles>,
    /// Voice.
    #[command(flatten)]
    pub voice: VoiceArgs,
    /// The node's place in a cluster.
    #[command(flatten)]
    pub cluster: ClusterArgs,
}

/// Where a node stands in a cluster. Without `--etcd` it is alone, and none of the others is taken.
#[derive(Debug, Clone, Default, Args)]
pub struct ClusterArgs {
    /// Addresses of etcd, such as http://127.0.0.1:2379; the node is then one of a cluster
    #[arg(long, value_delimiter = ',', env = "CONSORT_ETCD_URL")]
    pub etcd: Vec<String>,
    /// The node's name, unique in the cluster; the one in its certificate
    #[arg(long, env = "CONSORT_NODE")]
    pub node: Option<String>,
    /// The store of the cluster: `embedded` (or `embedded-rpc`) is on the node with the role store, and reached by the others;
    /// `cassandra://HOST[:PORT][,HOST…]/KEYSPACE` is in a ring that all nodes reach
    #[arg(long, env = "CONSORT_STORE")]
    pub store: Option<StoreKind>,
    /// Address at which other nodes are listened to
    #[arg(long, env = "CONSORT_MESH_LISTEN")]
    pub mesh_listen: Option<SocketAddr>,
    /// Address at which other nodes reach this one, HOST:PORT [default: that of --mesh-listen]
    #[arg(long, env = "CONSORT_MESH_ADDRESS")]
    pub mesh_address: Option<String>,
    /// Directory with ca.pem, node.pem and node-key.pem, as `consort cert` makes them
    #[arg(long, env = "CONSORT_MESH_CERTS")]
    pub mesh_certs: Option<PathBuf>,
    /// The region the node stands in
    #[arg(long, env = "CONSORT_REGION")]
    pub region: Option<String>,
}

/// What keeps the rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreKind {
    /// The embedded store. In a cluster one node has it, that with the role store, and serves it to the others.
    Embedded,
    /// A keyspace in a ring of Cassandra, which each node of the cluster reaches by itself.
    Cassandra(Address),
}

impl FromStr for StoreKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "embedded" | "embedded-rpc" => Ok(Self::Embedded),
            _ if text.starts_with("cassandra://") => {
                text.parse().map(Self::Cassandra).map_err(|error: AddressError| error.to_string())
            }
            _ => Err("neither embedded nor embedded-rpc nor cassandra://HOST/KEYSPACE".to_owned()),
        }
    }
}

/// What keeps the files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum BlobsKind {
    /// A folder in the data directory. In a cluster one node has it, that with the role store, and serves it to the others.
    #[default]
    Folder,
    /// A bucket of an object store, which each node reaches by itself.
    Bucket(BucketAddress),
}

impl FromStr for BlobsKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "folder" => Ok(Self::Folder),
            _ if text.starts_with("s3://") => {
                text.parse().map(Self::Bucket).map_err(|error: BucketAddressError| error.to_string())
            }
            _ => Err("neither folder nor s3://BUCKET".to_owned()),
        }
    }
}

/// A node's place in a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterSettings {
    /// Addresses of etcd.
    pub etcd: Vec<String>,
    /// The node's name.
    pub node: String,
    /// What keeps the rows.
    pub store: StoreKind,
    /// Where other nodes are listened to.
    pub mesh_listen: SocketAddr,
    /// Where they reach this one, if not there.
    pub mesh_address: Option<String>,
    /// Directory of certificates.
    pub mesh_certs: PathBuf,
    /// The region.
    pub region: Option<String>,
}

impl ClusterSettings {
    /// The place that the arguments say; `None` without etcd.
    fn of(args: ClusterArgs) -> Result<Option<Self>, String> {
        let ClusterArgs { etcd, node, store, mesh_listen, mesh_address, mesh_certs, region } = args;
        let needs = |name: &str| format!("{name} is needed with --etcd");
        if etcd.is_empty() {
            let given = [
                ("--node", node.is_some()),
                ("--mesh-listen", mesh_listen.is_some()),
                ("--mesh-address", mesh_address.is_some()),
                ("--mesh-certs", mesh_certs.is_some()),
                ("--region", region.is_some()),
                ("--store cassandra", matches!(store, Some(StoreKind::Cassandra(_)))),
            ];
            return match given.iter().find(|(_, given)| *given) {
                Some((name, _)) => Err(format!("{name} is for a node of a cluster, which needs --etcd")),
                None => Ok(None),
            };
        }
        Ok(Some(Self {
            etcd,
            node: node.ok_or_else(|| needs("--node"))?,
            store: store.unwrap_or(StoreKind::Embedded),
            mesh_listen: mesh_listen.ok_or_else(|| needs("--mesh-listen"))?,
            mesh_address,
            mesh_certs: mesh_certs.ok_or_else(|| needs("--mesh-certs"))?,
            region,
        }))
    }
}

/// How the threads that own gateway sockets send.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GatewayIo {
    /// By io_uring where the system has it, else as `epoll`.
    #[default]
    Auto,
    /// By a system call for each connection.
    Epoll,
    /// By io_uring, many connections at once; that the system has none is a warning.
    Uring,
}

/// On or off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// On.
    On,
    /// Off.
    Off,
}

/// The settings file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct File {
    listen: Option<SocketAddr>,
    data: Option<PathBuf>,
    public_url: Option<String>,
    gateway_url: Option<String>,
    rate_limits: Option<bool>,
    registration: Option<bool>,
    media_proxy_allow_private: Option<bool>,
    trust_proxy: Option<bool>,
    trusted_proxies: Option<usize>,
    invalid_requests_max: Option<u32>,
    requests_max: Option<usize>,
    connections_max: Option<usize>,
    connections_per_address: Option<usize>,
    slices: Option<usize>,
    gateway_listen: Option<SocketAddr>,
    gateway_io: Option<GatewayIo>,
    blobs: Option<String>,
    metrics_listen: Option<SocketAddr>,
    voice_listen: Option<SocketAddr>,
    media_listen: Option<SocketAddr>,
    media_announce: Option<String>,
    voice_endpoint: Option<String>,
    voice_certificate: Option<PathBuf>,
    voice_key: Option<PathBuf>,
    voice_dave: Option<String>,
}

impl File {
    /// Takes what is said of voice.
    fn voice(&mut self, args: VoiceArgs) -> Result<VoiceSettings, String> {
        let announce = self.media_announce.take().map(|text| text.parse()).transpose();
        let announce = announce.map_err(|error| format!("media_announce: {error}"))?;
        let dave = self.voice_dave.take().map(|text| text.parse()).transpose();
        let dave = dave.map_err(|error| format!("voice_dave: {error}"))?;
        let certificate = match (self.voice_certificate.take(), self.voice_key.take()) {
            (None, None) => None,
            (Some(certificate), Some(key)) => Some((certificate, key)),
            _ => return Err("voice_certificate and voice_key are set together, or neither".to_owned()),
        };
        Ok(VoiceSettings {
            listen: args.voice_listen.or(self.voice_listen),
            media_listen: args.media_listen.or(self.media_listen),
            media_announce: args.media_announce.or(announce),
            endpoint: self.voice_endpoint.take(),
            certificate,
            dave: args.voice_dave.or(dave).unwrap_or_default(),
        })
    }
}

/// The settings in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Directory of all data.
    pub data: PathBuf,
    /// Base of the URLs given out; `None` takes what the first person to register called the server, or where it listens.
    pub public_url: Option<String>,
    /// Base of gateway URLs; `None` takes that of `public_url`, or what the client used.
    pub gateway_url: Option<String>,
    /// A developer's machine.
    pub dev: bool,
    /// Seconds by which its clock is ahead of the machine's.
    pub clock_ahead_s: u32,
    /// Whether to go on without acknowledged writes that a damaged disk has lost.
    pub accept_data_loss: bool,
    /// Whether rate limits of REST and of a connection's commands apply.
    pub rate_limits: bool,
    /// Whether anybody may register.
    pub registration: bool,
    /// Whether the media proxy may fetch pictures from private addresses and from this machine: for tests.
    pub media_proxy_allow_private: bool,
    /// Reverse proxies in front, each of which adds an entry to `X-Forwarded-For`; 0 believes no such header.
    pub trusted_proxies: usize,
    /// Answers of 401, 403 and 429 that an address gets in ten minutes before it gets nothing else.
    pub invalid_requests_max: u32,
    /// Requests handled at once.
    pub requests_max: usize,
    /// HTTP connections at once, and WebSockets that have not identified. When there are more, those that keep the server
    /// waiting are closed.
    pub connections_max: usize,
    /// Of these, for one address, which also opens no more in a second. `None` is a sixteenth, and no limit for this machine.
    pub connections_per_address: Option<usize>,
    /// Threads that own gateway sockets; 0 is one a core.
    pub slices: usize,
    /// Where those threads accept connections themselves, each with a descriptor table of its own.
    pub gateway_listen: Option<SocketAddr>,
    /// How those threads send.
    pub gateway_io: GatewayIo,
    /// Where metrics are told; nowhere by default.
    pub metrics_listen: Option<SocketAddr>,
    /// Voice.
    pub voice: VoiceSettings,
    /// What keeps the files.
    pub blobs: BlobsKind,
    /// What the node does.
    pub roles: Roles,
    /// Its place in a cluster; `None` for a node that is alone.
    pub cluster: Option<ClusterSettings>,
}

impl Settings {
    /// The defaults, with data in a directory.
    pub fn new(data: impl Into<PathBuf>) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            data: data.into(),
            public_url: None,
            gateway_url: None,
            dev: false,
            clock_ahead_s: 0,
            accept_data_loss: false,
            rate_limits: true,
            registration: true,
            media_proxy_allow_private: false,
            trusted_proxies: 0,
            invalid_requests_max: consort_model::limits::BAD_REQUESTS_MAX,
            requests_max: 4096,
            connections_max: 16_384,
            connections_per_address: None,
            slices: 0,
            gateway_listen: None,
            gateway_io: GatewayIo::default(),
            metrics_listen: None,
            voice: VoiceSettings::default(),
            blobs: BlobsKind::default(),
            roles: Roles::default(),
            cluster: None,
        }
    }

    /// Whether something is kept by one node for the others: rows or files.
    pub(crate) fn needs_store(&self) -> bool {
        let elsewhere = |place: &ClusterSettings| matches!(place.store, StoreKind::Cassandra(_));
        !(self.cluster.as_ref().is_some_and(elsewhere) && matches!(self.blobs, BlobsKind::Bucket(_)))
    }

    /// Puts command line and file together.
    ///
    /// # Errors
    /// When the file cannot be read or says something unknown; the text names it.
    pub fn resolve(args: ServeArgs) -> Result<Self, String> {
        let mut file = match &args.config {
            Some(path) => read(path)?,
            None => File::default(),
        };
        let defaults = Self::new("data");
        let voice = file.voice(args.voice)?;
        let gateway_url = file.gateway_url;
        let blobs = file.blobs.map(|text| text.parse()).transpose();
        let blobs = blobs.map_err(|error| format!("blobs: {error}"))?;
        for (name, url) in [
            ("public_url", &args.public_url),
            ("public_url", &file.public_url),
            ("gateway_url", &gateway_url),
        ] {
            if let Some(url) = url {
                check_url(name, url)?;
            }
        }
        Ok(Self {
            listen: args.listen.or(file.listen).unwrap_or(defaults.listen),
            data: args.data.or(file.data).unwrap_or(defaults.data),
            public_url: args.public_url.or(file.public_url),
            gateway_url,
            dev: args.dev,
            clock_ahead_s: args.clock_ahead.unwrap_or(0),
            accept_data_loss: args.accept_data_loss,
            rate_limits: args.rate_limits.map(|s| s == Switch::On).or(file.rate_limits).unwrap_or(true),
            registration: file.registration.unwrap_or(true),
            media_proxy_allow_private: file.media_proxy_allow_private.unwrap_or(false),
            trusted_proxies: file.trusted_proxies.unwrap_or(usize::from(file.trust_proxy.unwrap_or(false))),
            invalid_requests_max: file.invalid_requests_max.unwrap_or(defaults.invalid_requests_max),
            requests_max: file.requests_max.unwrap_or(defaults.requests_max),
            connections_max: file.connections_max.unwrap_or(defaults.connections_max).max(1),
            connections_per_address: file.connections_per_address,
            slices: args.slices.or(file.slices).unwrap_or(0),
            gateway_listen: args.gateway_listen.or(file.gateway_listen),
            gateway_io: args.gateway_io.or(file.gateway_io).unwrap_or(defaults.gateway_io),
            metrics_listen: args.metrics_listen.or(file.metrics_listen),
            voice,
            blobs: args.blobs.or(blobs).unwrap_or_default(),
            roles: args.roles.unwrap_or_default(),
            cluster: ClusterSettings::of(args.cluster)?,
        })
    }
}

fn read(path: &Path) -> Result<File, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    toml::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
}

fn check_url(name: &str, url: &str) -> Result<(), String> {
    let schemes = if name == "gateway_url" { ["ws://", "wss://"] } else { ["http://", "https://"] };
    if schemes.iter().any(|scheme| url.starts_with(scheme)) {
        return Ok(());
    }
    Err(format!("{name} must begin with {} or {}: {url}", schemes[0], schemes[1]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_goes_before_the_file_and_the_file_before_the_defaults() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("consort.toml");
        std::fs::write(
            &path,
            "listen = \"127.0.0.1:1\"\ndata = \"/a\"\nrate_limits = false\nregistration = false\n",
        )
        .unwrap();
        let args = ServeArgs { config: Some(path), data: Some("/b".into()), ..ServeArgs::default() };
        let settings = Settings::resolve(args).unwrap();
        assert_eq!((settings.listen.port(), settings.data), (1, PathBuf::from("/b")));
        assert!(!settings.rate_limits && !settings.registration);
        assert_eq!(Settings::resolve(ServeArgs::default()).unwrap(), Settings::new("data"));
    }

    #[test]
    fn a_place_in_a_cluster_is_whole_or_none() {
        let of = |cluster| Settings::resolve(ServeArgs { cluster, ..ServeArgs::default() });
        let region = ClusterArgs { region: Some("here".to_owned()), ..ClusterArgs::default() };
        assert!(of(region).unwrap_err().contains("--etcd"));
        let etcd = ClusterArgs { etcd: vec!["http://127.0.0.1:2379".to_owned()], ..ClusterArgs::default() };
        assert!(of(etcd.clone()).unwrap_err().contains("--node"));
        let whole = ClusterArgs {
            node: Some("a".to_owned()),
            mesh_listen: Some(SocketAddr::from(([127, 0, 0, 1], 0))),
            mesh_certs: Some("certs".into()),
            ..etcd
        };
        assert_eq!(of(whole.clone()).unwrap().cluster.unwrap().store, StoreKind::Embedded);
        assert!("cassandra://a".parse::<StoreKind>().unwrap_err().contains("keyspace"));
        let shared =
            ClusterArgs { store: Some("cassandra://a,b/c".parse().unwrap()), ..ClusterArgs::default() };
        assert!(of(shared.clone()).unwrap_err().contains("--etcd"), "a node that is alone has its own store");
        let whole = ClusterArgs { store: shared.store, ..whole };
        let StoreKind::Cassandra(address) = of(whole).unwrap().cluster.unwrap().store else {
            panic!("the store is a ring")
        };
        assert_eq!((address.hosts.len(), &*address.keyspace), (2, "c"));
    }

    #[test]
    fn mistakes_are_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("consort.toml");
        std::fs::write(&path, "lisen = \"x\"\n").unwrap();
        let refused = |args| Settings::resolve(args).unwrap_err();
        assert!(refused(ServeArgs { config: Some(path.clone()), ..ServeArgs::default() }).contains("lisen"));
        std::fs::write(&path, "blobs = \"s3://a:b@c\"\n").unwrap();
        assert!(refused(ServeArgs { config: Some(path.clone()), ..ServeArgs::default() }).contains("AWS_"));
        std::fs::write(&path, "voice_key = \"key.pem\"\n").unwrap();
        assert!(
            refused(ServeArgs { config: Some(path), ..ServeArgs::default() }).contains("voice_certificate")
        );
        assert!(
            refused(ServeArgs { config: Some("/nowhere".into()), ..ServeArgs::default() })
                .contains("/nowhere")
        );
        assert!(
            refused(ServeArgs { public_url: Some("chat".into()), ..ServeArgs::default() })
                .contains("public_url")
        );
    }
}
