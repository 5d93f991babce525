//! An application that has its interactions posted to an address: what is signed, what the answer does.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use ring::signature::{ED25519, UnparsedPublicKey};
use serde_json::{Value, json};

use crate::interactions::{Stage, dispatch, text};

/// What an application has at its address.
#[derive(Debug, Default)]
struct Endpoint {
    verify_key: Mutex<Vec<u8>>,
    /// Whether it looks at signatures.
    careless: bool,
    seen: Mutex<Vec<Value>>,
}

impl Endpoint {
    fn accepts(&self, headers: &HeaderMap, body: &[u8]) -> bool {
        let header =
            |name: &str| headers.get(name).map(|value| value.as_bytes().to_vec()).unwrap_or_default();
        let signed = [header("x-signature-timestamp"), body.to_vec()].concat();
        let signature = unhex(&header("x-signature-ed25519"));
        let key = self.verify_key.lock().unwrap().clone();
        self.careless || UnparsedPublicKey::new(&ED25519, key).verify(&signed, &signature).is_ok()
    }
}

fn unhex(text: &[u8]) -> Vec<u8> {
    let digit = |digit: u8| (digit as char).to_digit(16).unwrap() as u8;
    text.chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

async fn interaction(State(endpoint): State<Arc<Endpoint>>, headers: HeaderMap, body: Bytes) -> Response {
    if !endpoint.accepts(&headers, &body) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let sent: Value = serde_json::from_slice(&body).unwrap();
    let answer = match sent["type"].as_u64() {
        Some(1) => json!({"type": 1}),
        _ => json!({"type": 4, "data": {"content": "by post"}}),
    };
    endpoint.seen.lock().unwrap().push(sent);
    ([(CONTENT_TYPE, "application/json")], answer.to_string()).into_response()
}

async fn serve(endpoint: Arc<Endpoint>) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().route("/interactions", post(interaction)).with_state(endpoint);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let service = hyper_util::service::TowerToHyperService::new(router.clone());
            let stream = hyper_util::rt::TokioIo::new(stream);
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(stream, service));
        }
    });
    format!("http://{address}/interactions")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interaction_is_posted_signed_and_answered_in_the_same_breath() {
    let mut stage = Stage::new().await;
    let command = stage.command().await;
    let (_, application) = stage.world.call("GET", "/applications/@me", &stage.bot, Value::Null).await;
    let endpoint = Arc::new(Endpoint::default());
    *endpoint.verify_key.lock().unwrap() = unhex(text(&application["verify_key"]).as_bytes());
    let url = serve(endpoint.clone()).await;
    let set = |url: Value| json!({ "interactions_endpoint_url": url });
    let (status, changed) = stage.world.call("PATCH", "/applications/@me", &stage.bot, set(json!(url))).await;
    assert_eq!((status, &changed["interactions_endpoint_url"]), (200, &json!(url)), "{changed}");
    assert_eq!(endpoint.seen.lock().unwrap()[0]["type"], 1, "a ping first");

    stage.use_command(json!({"id": command, "name": "echo", "type": 1})).await;
    let seen = dispatch(&mut stage.person_socket, "MESSAGE_CREATE").await;
    assert_eq!((&seen["content"], &seen["webhook_id"]), (&json!("by post"), &json!(stage.application)));
    assert_eq!(dispatch(&mut stage.person_socket, "INTERACTION_SUCCESS").await["nonce"], "7");
    let posted = endpoint.seen.lock().unwrap()[1].clone();
    assert_eq!(
        (&posted["data"]["name"], &posted["member"]["user"]["username"]),
        (&json!("echo"), &json!("ada"))
    );
    // What comes later comes by the token, as ever.
    let hook = format!("/webhooks/{}/{}", stage.application, text(&posted["token"]));
    let (status, _) = stage.world.call("POST", &hook, "", json!({"content": "more"})).await;
    assert_eq!(status, 200);

    // Back to the gateway.
    let (status, _) = stage.world.call("PATCH", "/applications/@me", &stage.bot, set(Value::Null)).await;
    assert_eq!(status, 200);
    let used = stage.interact(2, json!({"id": command, "name": "echo", "type": 1}), None).await;
    assert_eq!(used["data"]["name"], "echo");
    assert_eq!(endpoint.seen.lock().unwrap().len(), 2, "never both");
    stage.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_does_not_look_at_signatures_is_refused() {
    let stage = Stage::new().await;
    let careless = serve(Arc::new(Endpoint { careless: true, ..Endpoint::default() })).await;
    for url in [careless, "http://127.0.0.1:9/interactions".to_owned()] {
        let body = json!({ "interactions_endpoint_url": url });
        let (status, error) = stage.world.call("PATCH", "/applications/@me", &stage.bot, body).await;
        let code = error.pointer("/errors/interactions_endpoint_url/_errors/0/code");
        assert_eq!(
            (status, code),
            (400, Some(&json!("APPLICATION_INTERACTIONS_ENDPOINT_INVALID"))),
            "{error}"
        );
    }
    stage.end().await;
}
