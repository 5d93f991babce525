//! Fetching from hosts of the test's own: over TLS, by redirects, slowly.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use super::*;
use crate::blobs::Memory;

const PICTURE: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 20\r\n\r\nGIF89a01234567890123";

#[test]
fn the_least_used_pictures_leave_when_there_is_no_room() {
    let mut kept = Kept::default();
    let picture = Some::<u64>;
    assert!(kept.add("a", picture(BYTES_MAX / 2), 10).is_empty());
    assert!(kept.add("b", picture(BYTES_MAX / 2), 10).is_empty());
    assert!(kept.find("a", 5).is_some());
    assert_eq!(kept.add("c", picture(1), 10), ["b"]);
    assert!(kept.find("b", 5).is_none() && kept.find("a", 5).is_some());
    assert!(kept.find("a", 10).is_none(), "its time is over");
    assert!(kept.add("a", None, 20).is_empty());
    assert_eq!((kept.bytes, kept.entries.len(), kept.order.len()), (1, 2, 2));
}

/// A host that answers every request alike.
struct Host {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
}

impl Host {
    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

async fn answer<S: AsyncRead + AsyncWrite + Unpin>(mut socket: S, answer: &str) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if socket.read_buf(&mut head).await.unwrap_or(0) == 0 {
            return;
        }
    }
    // Whoever asked may have gone.
    let _gone = socket.write_all(answer.as_bytes()).await;
    let _gone = socket.shutdown().await;
}

/// Serves `text`, over TLS when there is a way to accept it; an empty one is never sent.
async fn host(text: impl Into<String>, tls: Option<TlsAcceptor>) -> Host {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (asked, text) = (Arc::new(AtomicUsize::new(0)), Arc::new(text.into()));
    let count = asked.clone();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            let (text, tls) = (text.clone(), tls.clone());
            tokio::spawn(async move {
                let text: &String = &text;
                match tls {
                    _ if text.is_empty() => std::future::pending().await,
                    None => answer(socket, text).await,
                    Some(tls) => {
                        if let Ok(socket) = tls.accept(socket).await {
                            answer(socket, text).await;
                        }
                    }
                }
            });
        }
    });
    Host { address, asked }
}

fn moved(to: &str) -> String {
    format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n")
}

/// A certificate for 127.0.0.1, and who believes it.
fn certificate() -> (TlsAcceptor, RootCertStore) {
    let key = rcgen::KeyPair::generate().unwrap();
    let signed = rcgen::CertificateParams::new(["127.0.0.1".to_owned()]).unwrap().self_signed(&key).unwrap();
    let certificate: CertificateDer<'static> = signed.der().clone();
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate], key);
    (TlsAcceptor::from(Arc::new(config.unwrap())), roots)
}

async fn fetch(fetcher: &Fetcher, address: &str) -> Result<u64, Refusal> {
    fetcher.fetch(address, &Memory::default(), "aa/x").await
}

fn plain(allowed: Allowed) -> Fetcher {
    Fetcher::trusting(Places::new(allowed), RootCertStore::empty())
}

#[tokio::test]
async fn pictures_come_over_tls_from_hosts_that_prove_who_they_are() {
    let (tls, roots) = certificate();
    let host = host(PICTURE, Some(tls)).await;
    let address = format!("https://{}/a.gif", host.address);
    let fetcher = Fetcher::trusting(Places::new(Allowed::Any), roots);
    assert!(matches!(fetch(&fetcher, &address).await, Ok(20)));
    let strange = certificate().1;
    let fetcher = Fetcher::trusting(Places::new(Allowed::Any), strange);
    assert!(matches!(fetch(&fetcher, &address).await, Err(Refusal::Connection)));
}

#[tokio::test]
async fn redirects_lead_to_other_hosts_and_schemes_but_not_without_end() {
    let (tls, roots) = certificate();
    let last = host(PICTURE, Some(tls)).await;
    let second = host(moved(&format!("https://{}/b", last.address)), None).await;
    let first = host(moved(&format!("//{}/a?x=1#y", second.address)), None).await;
    let fetcher = Fetcher::trusting(Places::new(Allowed::Any), roots);
    assert!(matches!(fetch(&fetcher, &format!("http://{}/", first.address)).await, Ok(20)));
    assert_eq!((first.asked(), second.asked(), last.asked()), (1, 1, 1));
    let circle = host(moved("/again"), None).await;
    let refused = fetch(&fetcher, &format!("http://{}/", circle.address)).await;
    assert!(matches!(refused, Err(Refusal::Answer)));
    assert_eq!(circle.asked(), 4, "the first time and three redirects");
    for nowhere in ["file:///etc/passwd", "gopher://127.0.0.1/", "http://a:b@127.0.0.1/", "http://"] {
        let host = host(moved(nowhere), None).await;
        let refused = fetch(&fetcher, &format!("http://{}/", host.address)).await;
        assert!(matches!(refused, Err(Refusal::Address)), "{nowhere}");
    }
}

#[tokio::test]
async fn every_hop_is_looked_at_before_it_is_gone_to() {
    let inside = host(PICTURE, None).await;
    // By number, by name, and as addresses that stand for it.
    let port = inside.address.port();
    for place in ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "0"] {
        let open = host(moved(&format!("http://{place}:{port}/secret")), None).await;
        let fetcher = plain(Allowed::Only(vec![open.address]));
        let refused = fetch(&fetcher, &format!("http://{}/", open.address)).await;
        assert!(matches!(refused, Err(Refusal::Place)), "{place}: {refused:?}");
        assert_eq!(open.asked(), 1);
    }
    assert_eq!(inside.asked(), 0);
    let refused = fetch(&plain(Allowed::Any), "http://127.0.0.1:22/").await;
    assert!(matches!(refused, Err(Refusal::Place)), "no service of the web");
}

#[tokio::test(start_paused = true)]
async fn one_host_has_few_fetches_at_once_and_the_others_theirs() {
    let places = Places::new(Allowed::Any);
    let busy: IpAddr = "192.0.2.1".parse().unwrap();
    let mut there = Vec::new();
    for _ in 0..4 {
        there.push(places.visit(busy).await.unwrap());
    }
    let waits: Vec<_> = (0..4)
        .map(|_| {
            tokio::spawn({
                let places = places.clone();
                async move { places.visit(busy).await.is_some() }
            })
        })
        .collect();
    tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    assert!(places.visit(busy).await.is_none(), "enough wait already");
    assert!(places.visit("192.0.2.2".parse().unwrap()).await.is_some(), "another host");
    drop(there);
    for waits in waits {
        assert!(waits.await.unwrap());
    }
    for _ in 0..4 {
        assert!(places.visit(busy).await.is_some());
    }
}
