//! The voice of a node: its settings, and how its parts are put together.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use clap::Args;
use consort_rpc::MeshRef;
use consort_sfu::Media;
use consort_voice::dave::{ExternalSender, Policy};
use consort_voice::tls::Tls;
use consort_voice::{Config, Limits, Server};
use tokio::net::TcpListener;

use crate::Settings;
use crate::http::Listener;
use crate::roles::Role;

/// The directory of the authority, in that of all data.
const TLS: &str = "tls";

/// Arguments of `consort serve` about voice.
#[derive(Debug, Clone, Default, Args)]
pub struct VoiceArgs {
    /// Address of the voice gateway, which is TLS [default: the port after that of --listen, or a free one]
    #[arg(long, env = "CONSORT_VOICE_LISTEN")]
    pub voice_listen: Option<SocketAddr>,
    /// Address for packets of voice, over UDP [default: that of --voice-listen]
    #[arg(long, env = "CONSORT_MEDIA_LISTEN")]
    pub media_listen: Option<SocketAddr>,
    /// Where clients send packets, ADDRESS or ADDRESS:PORT, if that is not where this machine listens
    #[arg(long, env = "CONSORT_MEDIA_ANNOUNCE")]
    pub media_announce: Option<Announce>,
    /// Encryption of voice from end to end: require, prefer or off [default: prefer]
    #[arg(long, env = "CONSORT_VOICE_DAVE")]
    pub voice_dave: Option<Policy>,
}

/// An address that clients are told, with a port if that is another than is listened at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Announce {
    /// The address.
    pub ip: IpAddr,
    /// The port.
    pub port: Option<u16>,
}

impl FromStr for Announce {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(ip) = text.parse() {
            return Ok(Self { ip, port: None });
        }
        let whole: Result<SocketAddr, _> = text.parse();
        whole
            .map(|whole| Self { ip: whole.ip(), port: Some(whole.port()) })
            .map_err(|_| format!("{text}: neither an IP address nor one with a port"))
    }
}

/// The settings of voice in force.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VoiceSettings {
    /// Where the voice gateway listens; `None` is the port after the main one.
    pub listen: Option<SocketAddr>,
    /// Where packets arrive; `None` is the number of the voice gateway's port.
    pub media_listen: Option<SocketAddr>,
    /// Where clients send them, if not there.
    pub media_announce: Option<Announce>,
    /// Host, or host and port, that clients are told of the voice gateway; `None` is the host of the public address.
    pub endpoint: Option<String>,
    /// Certificate and key in PEM; `None` is a certificate of the server's own authority.
    pub certificate: Option<(PathBuf, PathBuf)>,
    /// Whether calls are encrypted from end to end.
    pub dave: Policy,
}

/// A voice server that runs.
#[derive(Debug)]
pub(crate) struct Voice {
    pub(crate) server: Arc<Server>,
    /// What whoever runs bots has to know.
    pub(crate) notice: String,
}

/// Starts the voice server of a node, if that is one of its roles; `main`, where the node serves, serves its gateway, too.
///
/// # Errors
/// A text that says what is wrong with an address or the certificate.
pub(crate) async fn start(
    settings: &Settings,
    main: &Listener,
    mesh: &MeshRef,
) -> Result<Option<Voice>, String> {
    if !settings.roles.has(Role::Voice) {
        return Ok(None);
    }
    let voice = &settings.voice;
    let listener = listen(settings, main.address()).await?;
    let listen = listener.local_addr().map_err(|error| error.to_string())?;
    let media = start_media(voice, listen)?;
    let media_address = media_address(settings, media.address()).await;
    let endpoint = endpoint(settings, listen, media_address.ip);
    let tls = match &voice.certificate {
        Some((certificate, key)) => Tls::of_files(certificate, key)?,
        None => Tls::of_authority(&settings.data.join(TLS), names(&endpoint, listen, media_address.ip))?,
    };
    let notice = notice(&endpoint, &tls);
    let config = Config {
        tls,
        endpoint,
        media_address: (media_address.ip.to_string(), media_address.port.unwrap_or(media.address().port())),
        limits: Limits::default(),
        dave: (voice.dave, ExternalSender::generate()?),
    };
    let server = Server::start(config, listener, media, mesh);
    main.serve_voice(server.clone());
    Ok(Some(Voice { server, notice }))
}

async fn listen(settings: &Settings, main: SocketAddr) -> Result<TcpListener, String> {
    if let Some(address) = settings.voice.listen {
        return TcpListener::bind(address).await.map_err(|error| format!("{address}: {error}"));
    }
    let next = if settings.listen.port() == 0 { 0 } else { main.port().checked_add(1).unwrap_or(0) };
    let next = SocketAddr::new(main.ip(), next);
    match TcpListener::bind(next).await {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            tracing::warn!(address = %next, "the voice gateway takes a free port, since its own is taken");
            let free = SocketAddr::new(next.ip(), 0);
            TcpListener::bind(free).await.map_err(|error| format!("{free}: {error}"))
        }
        bound => bound.map_err(|error| format!("{next}: {error}")),
    }
}

fn start_media(voice: &VoiceSettings, listen: SocketAddr) -> Result<Media, String> {
    if let Some(address) = voice.media_listen {
        return Media::start(address).map_err(|error| format!("{address}: {error}"));
    }
    // The same number over UDP is free, or another does as well.
    let same = Media::start(listen).or_else(|_| Media::start(SocketAddr::new(listen.ip(), 0)));
    same.map_err(|error| format!("{}: {error}", listen.ip()))
}

/// Where clients reach the media plane. A server that listens at every address is where its public name leads.
async fn media_address(settings: &Settings, listen: SocketAddr) -> Announce {
    if let Some(announce) = settings.voice.media_announce {
        return announce;
    }
    let here = Announce { ip: listen.ip(), port: None };
    if !listen.ip().is_unspecified() {
        return here;
    }
    if let Some(host) = public_host(settings)
        && let Ok(mut found) = tokio::net::lookup_host((host.as_str(), 0)).await
        && let Some(address) = found.find(|address| address.is_ipv4() == listen.is_ipv4())
    {
        return Announce { ip: address.ip(), ..here };
    }
    tracing::warn!("clients of other machines do not find the media server: --media-announce is not set");
    Announce { ip: Ipv4Addr::LOCALHOST.into(), ..here }
}

/// What sessions are told, host and port.
fn endpoint(settings: &Settings, listen: SocketAddr, media: IpAddr) -> String {
    let with_port = |host: &str| format!("{host}:{}", listen.port());
    if let Some(endpoint) = &settings.voice.endpoint {
        let has_port = endpoint.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        return if has_port { endpoint.clone() } else { with_port(endpoint) };
    }
    if let Some(host) = public_host(settings) {
        return with_port(&host);
    }
    let ip = if listen.ip().is_unspecified() { media } else { listen.ip() };
    SocketAddr::new(ip, listen.port()).to_string()
}

fn public_host(settings: &Settings) -> Option<String> {
    let url: http::Uri = settings.public_url.as_ref()?.parse().ok()?;
    url.host().map(str::to_owned)
}

/// What the certificate is for: what clients are told, and this machine.
fn names(endpoint: &str, listen: SocketAddr, media: IpAddr) -> Vec<String> {
    let host = endpoint.rsplit_once(':').map_or(endpoint, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let local = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let addresses = [listen.ip(), media].into_iter().filter(|ip| !ip.is_unspecified());
    let mut names: Vec<_> =
        local.into_iter().chain(addresses.map(|ip| ip.to_string())).chain([host]).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn notice(endpoint: &str, tls: &Tls) -> String {
    match &tls.authority {
        None => format!("voice at {endpoint}"),
        Some(authority) => {
            // Whoever copies it stands elsewhere.
            let authority = authority.canonicalize().unwrap_or_else(|_| authority.clone());
            let path = authority.display();
            format!("voice at {endpoint}; bots trust it with NODE_EXTRA_CA_CERTS={path} SSL_CERT_FILE={path}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_announced_with_a_port_or_without() {
        let of = |text: &str| text.parse::<Announce>();
        assert_eq!(of("192.0.2.1").unwrap(), Announce { ip: [192, 0, 2, 1].into(), port: None });
        assert_eq!(of("[::1]:5").unwrap().port, Some(5));
        assert!(of("media.example").is_err());
    }

    #[test]
    fn clients_are_told_a_name_they_can_reach_and_the_certificate_is_for_it() {
        let mut settings = Settings::new("data");
        let (listen, media) = (SocketAddr::from(([0, 0, 0, 0], 8081)), [192, 0, 2, 7].into());
        let told = |settings: &Settings| endpoint(settings, listen, media);
        assert_eq!(told(&settings), "192.0.2.7:8081");
        settings.public_url = Some("https://chat.example".into());
        assert_eq!(told(&settings), "chat.example:8081");
        assert_eq!(
            names("chat.example:8081", listen, media),
            ["127.0.0.1", "192.0.2.7", "::1", "chat.example", "localhost"]
        );
        settings.voice.endpoint = Some("voice.example".into());
        assert_eq!(told(&settings), "voice.example:8081");
        settings.voice.endpoint = Some("voice.example:443".into());
        assert_eq!(told(&settings), "voice.example:443");
        let here = SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], 9));
        assert_eq!(endpoint(&Settings::new("data"), here, here.ip()), "[::1]:9");
        assert!(names("[::1]:9", here, here.ip()).contains(&"::1".to_owned()));
    }
}
