//! A client that reads every encoding and transport, and checks sequence numbers as it goes.

use std::io::Write as _;
use std::net::SocketAddr;

use consort_wire::etf;
use consort_wire::json::Limits;
use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::rig::PATIENCE;

enum Inflate {
    Plain,
    Zlib(flate2::Decompress),
    Zstd(zstd::stream::write::Decoder<'static, Vec<u8>>),
}

pub struct Client {
    socket: WebSocketStream<TcpStream>,
    inflate: Inflate,
    etf: bool,
    pub seq: u64,
}

/// What a client gets.
#[derive(Debug, PartialEq)]
pub enum Got {
    Payload(Value),
    Closed(u16),
    /// The socket ended without a close frame.
    Cut,
}

impl Client {
    pub async fn connect(addr: SocketAddr, query: &str) -> Self {
        let socket = TcpStream::connect(addr).await.unwrap();
        Self::over(socket, addr, query).await
    }

    pub async fn over(socket: TcpStream, addr: SocketAddr, query: &str) -> Self {
        let url = format!("ws://{addr}/?{query}");
        let (socket, _) = tokio_tungstenite::client_async(url, socket).await.unwrap();
        let inflate = if query.contains("compress=zlib-stream") {
            Inflate::Zlib(flate2::Decompress::new(true))
        } else if query.contains("compress=zstd-stream") {
            Inflate::Zstd(zstd::stream::write::Decoder::new(Vec::new()).unwrap())
        } else {
            Inflate::Plain
        };
        Self { socket, inflate, etf: query.contains("encoding=etf"), seq: 0 }
    }

    pub async fn send(&mut self, payload: Value) {
        if self.etf {
            let mut term = vec![etf::VERSION];
            term.extend(etf::from_json(payload.to_string().as_bytes()).unwrap());
            self.socket.send(Message::Binary(term.into())).await.unwrap();
        } else {
            self.send_text(payload.to_string()).await;
        }
    }

    pub async fn send_text(&mut self, text: impl Into<String>) {
        self.socket.send(Message::Text(text.into().into())).await.unwrap();
    }

    /// Sends several payloads at once.
    pub async fn send_many(&mut self, payloads: &[Value]) {
        for payload in payloads {
            self.socket.feed(Message::Text(payload.to_string().into())).await.unwrap();
        }
        self.socket.flush().await.unwrap();
    }

    /// A payload, and whether it came in a binary frame.
    pub async fn frame(&mut self) -> (bool, Value) {
        let message = tokio::time::timeout(PATIENCE, self.socket.next()).await.unwrap().unwrap().unwrap();
        let binary = message.is_binary();
        let bytes = self.inflate(&message.into_data());
        (binary, serde_json::from_slice(&bytes).unwrap())
    }

    pub async fn close(&mut self, code: u16) {
        let frame = CloseFrame { code: CloseCode::from(code), reason: "".into() };
        self.socket.close(Some(frame)).await.unwrap();
    }

    /// Drops the socket as a broken network does.
    pub async fn cut(self) {
        let socket = self.socket.into_inner();
        socket2::SockRef::from(&socket).set_linger(Some(std::time::Duration::ZERO)).unwrap();
    }

    pub async fn next(&mut self) -> Got {
        let message =
            tokio::time::timeout(PATIENCE, self.socket.next()).await.expect("the gateway says something");
        let bytes = match message {
            Some(Ok(Message::Text(text))) => text.as_bytes().to_vec(),
            Some(Ok(Message::Binary(bytes))) => self.inflate(&bytes),
            Some(Ok(Message::Close(Some(frame)))) => return Got::Closed(frame.code.into()),
            Some(Ok(other)) => panic!("unexpected message: {other:?}"),
            Some(Err(_)) | None => return Got::Cut,
        };
        let payload: Value = if self.etf {
            let limits = Limits { bytes: 10_000_000, depth: 64, values: 1_000_000 };
            etf::read(&bytes, limits).unwrap()
        } else {
            serde_json::from_slice(&bytes).unwrap()
        };
        if let Some(seq) = payload["s"].as_u64() {
            assert_eq!(seq, self.seq + 1, "a gap or a double: {payload}");
            self.seq = seq;
        }
        Got::Payload(payload)
    }

    fn inflate(&mut self, bytes: &[u8]) -> Vec<u8> {
        match &mut self.inflate {
            // ETF, or one payload compressed by itself.
            Inflate::Plain if bytes.first() == Some(&0x78) => {
                let mut out = Vec::new();
                std::io::Read::read_to_end(&mut flate2::read::ZlibDecoder::new(bytes), &mut out).unwrap();
                out
            }
            Inflate::Plain => bytes.to_vec(),
            Inflate::Zlib(stream) => {
                assert!(bytes.ends_with(&[0, 0, 0xff, 0xff]));
                let mut out = Vec::new();
                let before = stream.total_in();
                while (stream.total_in() - before) < bytes.len() as u64 {
                    out.reserve(64 * 1024);
                    let rest = &bytes[(stream.total_in() - before) as usize..];
                    stream.decompress_vec(rest, &mut out, flate2::FlushDecompress::Sync).unwrap();
                }
                loop {
                    out.reserve(64 * 1024);
                    let len = out.len();
                    stream.decompress_vec(&[], &mut out, flate2::FlushDecompress::Sync).ok();
                    if out.len() == len {
                        return out;
                    }
                }
            }
            Inflate::Zstd(stream) => {
                stream.write_all(bytes).unwrap();
                stream.flush().unwrap();
                std::mem::take(stream.get_mut())
            }
        }
    }

    pub async fn payload(&mut self) -> Value {
        match self.next().await {
            Got::Payload(payload) => payload,
            other => panic!("expected a payload, got {other:?}"),
        }
    }

    /// The next payload with this opcode, which must be the very next.
    pub async fn op(&mut self, op: u64) -> Value {
        let mut payload = self.payload().await;
        assert_eq!(payload["op"], op, "{payload}");
        payload["d"].take()
    }

    /// The next dispatch: name and body.
    pub async fn dispatch(&mut self) -> (String, Value) {
        let mut payload = self.payload().await;
        assert_eq!(payload["op"], 0, "{payload}");
        (payload["t"].as_str().unwrap().to_owned(), payload["d"].take())
    }

    pub async fn close_code(&mut self) -> u16 {
        match self.next().await {
            Got::Closed(code) => code,
            other => panic!("expected a close frame, got {other:?}"),
        }
    }

    pub async fn identify(&mut self, token: &str) -> Value {
        self.identify_as(json!({"token": token, "intents": 33347 & !(1 << 1 | 1 << 8 | 1 << 15)})).await
    }

    /// HELLO, IDENTIFY, READY.
    pub async fn identify_as(&mut self, mut d: Value) -> Value {
        assert_eq!(self.op(10).await["heartbeat_interval"], 41_250);
        d["properties"] = json!({"os": "linux", "browser": "test", "device": "test"});
        self.send(json!({"op": 2, "d": d})).await;
        let (name, ready) = self.dispatch().await;
        assert_eq!(name, "READY");
        ready
    }

    pub async fn resume(&mut self, token: &str, session_id: &Value, seq: u64) {
        assert_eq!(self.payload().await["op"], 10);
        self.seq = seq;
        self.send(json!({"op": 6, "d": {"token": token, "session_id": session_id, "seq": seq}})).await;
    }

    /// A heartbeat and its answer: everything the gateway had queued before it has arrived after it.
    pub async fn settle(&mut self) {
        self.send(json!({"op": 1, "d": self.seq})).await;
        self.op(11).await;
    }
}
