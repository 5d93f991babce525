//! Clients that are slow, or speak something else, on real sockets. The clock is the test's: it goes on when nobody has anything to do.

use axum::Router;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::{HEAD_TIMEOUT, Limits, Listener};

async fn listener() -> Listener {
    let limits = Limits { seats: 64, per_network: 64, limits_local: false };
    let edge = Router::new().fallback(|body: String| async move { body });
    Listener::start(([127, 0, 0, 1], 0).into(), limits, edge, None).await.unwrap()
}

/// What is answered to the bytes of a client that sends no more and waits, and after how many seconds the connection is closed.
async fn said(bytes: &[u8]) -> (String, u64) {
    let listener = listener().await;
    let mut socket = TcpStream::connect(listener.address()).await.unwrap();
    let begun = Instant::now();
    socket.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await.unwrap();
    (String::from_utf8(answer).unwrap().to_lowercase(), begun.elapsed().as_secs())
}

#[tokio::test(start_paused = true)]
async fn a_head_that_does_not_end_is_answered_and_an_idle_connection_closed_without_a_word() {
    let patience = HEAD_TIMEOUT.as_secs();
    for begun in ["G", "GET / HTTP/1.1\r\nhost: a\r\nx: "] {
        let (answer, seconds) = said(begun.as_bytes()).await;
        assert!(answer.starts_with("http/1.1 408 request timeout\r\n"), "{answer}");
        assert!(answer.contains("connection: close"), "{answer}");
        assert_eq!(seconds, patience);
    }
    assert_eq!(said(b"").await, (String::new(), patience));
    let (answer, seconds) = said(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!((answer.matches("http/1.1").count(), seconds), (1, patience), "kept, then closed: {answer}");
}

#[tokio::test(start_paused = true)]
async fn other_protocols_are_told_that_this_is_not_theirs() {
    let hello = [&[0x16, 3, 1, 0, 0xa5, 1, 0, 0, 0xa1, 3, 3][..], &[7; 160]].concat();
    for (bytes, status) in [
        (&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], "505 http version not supported"),
        (b"GET / HTTP/3.0\r\nhost: a\r\n\r\n", "400 bad request"),
        (&hello, "400 bad request"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "400 bad request"),
        (b"CONNECT a.example:443 HTTP/1.1\r\nhost: a.example:443\r\n\r\n", "405 method not allowed"),
    ] {
        let (answer, seconds) = said(bytes).await;
        assert!(answer.starts_with(&format!("http/1.1 {status}\r\n")), "{status}: {answer}");
        assert!(answer.contains("connection: close") && seconds < HEAD_TIMEOUT.as_secs(), "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_none_ends_the_connection_with_its_answer() {
    let head = "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
    for body in ["zz\r\n", "5\r\nhello!\r\n", "fffffffffffffffff\r\n"] {
        let (answer, _) = said(format!("{head}{body}").as_bytes()).await;
        assert!(answer.starts_with("http/1.1 400 "), "{body:?}: {answer}");
        assert!(answer.contains("connection: close"), "{body:?}: {answer}");
    }
    // Extensions and trailers are read and mean nothing.
    let (answer, _) = said(format!("{head}5;a=b\r\nhello\r\n0\r\nhost: b\r\n\r\n").as_bytes()).await;
    assert!(answer.starts_with("http/1.1 200 ") && answer.contains("hello"), "{answer}");
    let (answer, _) = said(format!("{head}5;{}\r\nhello\r\n0\r\n\r\n", "a".repeat(100_000)).as_bytes()).await;
    assert!(answer.starts_with("http/1.1 400 "), "{answer}");
}
