//! The guards in front of every route.

use axum::body::Body;
use bytes::Bytes;
use consort_rest::{Config, Peer};
use futures_util::FutureExt as _;
use http::{Method, Request};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

use crate::world::{NOW_MS, with, world};

#[tokio::test]
async fn unrouted_paths_methods_and_versions_have_their_documented_answers() {
    let world = world();
    let answer = world.get("/api/v10/nowhere", "").await;
    assert_eq!((answer.status.as_u16(), answer.body), (404, json!({"message": "404: Not Found", "code": 0})));
    assert_eq!(answer.headers["content-type"], "application/json");
    let answer = world.call(Method::DELETE, "/api/v10/auth/login", None, None).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (405, 0));
    let answer = world.get("/api/v3/gateway", "").await;
    assert_eq!((answer.status.as_u16(), answer.code()), (400, 50041));
    for path in ["/api/v9//auth/sessions/", "/api/auth/sessions", "/api/v10/auth/sessions"] {
        assert_eq!(world.get(path, "").await.status, 401, "{path}");
    }
}

#[tokio::test]
async fn operations_that_are_not_built_are_told_from_mistyped_paths() {
    let world = world();
    let unbuilt = world.get("/api/v10/lobbies/1", "").await;
    assert_eq!((unbuilt.status.as_u16(), unbuilt.code()), (501, 0));
    assert!(unbuilt.body["message"].as_str().unwrap().contains("not built"), "{}", unbuilt.body);
    assert_eq!(world.get("/api/v10/lobbys/1", "").await.status, 404);
    let wrong = world.call(Method::PUT, "/api/v10/lobbies/1", None, None).await;
    assert_eq!(wrong.status, 404);
}

#[tokio::test]
async fn answers_are_compressed_for_who_asks() {
    let world = with(Config { dev: true, rate_limits: false, ..Config::default() });
    let (_, token) = world.person("ada").await;
    let call = |path: &str, coding: &str| {
        let request = Request::get(path).header("authorization", &token).header("accept-encoding", coding);
        world.send(request.body(Body::empty()).unwrap())
    };
    let sessions = "/api/v10/auth/sessions";
    for _ in 0..12 {
        let body = json!({"login": "ada@mail.test", "password": "long enough"});
        world.call(Method::POST, "/api/v10/auth/login", None, Some(body)).await;
    }
    let plain = call(sessions, "identity").await;
    assert!(!plain.headers().contains_key("content-encoding"));
    let packed = call(sessions, "br, gzip").await;
    assert_eq!(packed.headers()["content-encoding"], "gzip");
    assert_eq!(packed.headers()["content-type"], "application/json");
    let length = |response: axum::response::Response| async {
        response.into_body().collect().await.unwrap().to_bytes().len()
    };
    assert!(length(packed).await * 2 < length(plain).await);
    let small = call("/api/v10/gateway", "gzip").await;
    assert!(!small.headers().contains_key("content-encoding"));
}

#[tokio::test]
async fn other_origins_may_call() {
    let world = world();
    let preflight = Request::builder()
        .method(Method::OPTIONS)
        .uri("/api/v10/channels/1/messages")
        .header("access-control-request-headers", "authorization,x-whatever")
        .body(Body::empty())
        .unwrap();
    let response = world.send(preflight).await;
    assert_eq!(response.status(), 204);
    assert_eq!(response.headers()["access-control-allow-headers"], "authorization,x-whatever");
    assert!(response.headers()["access-control-allow-methods"].to_str().unwrap().contains("PATCH"));
    let answer = world.get("/api/v10/nowhere", "").await;
    assert_eq!(answer.headers["access-control-allow-origin"], "*");
}

#[tokio::test]
async fn bodies_are_checked_before_handlers_see_them() {
    let world = world();
    let post = |kind: &'static str, body: String| {
        let request =
            Request::post("/api/v10/auth/login").header("content-type", kind).body(Body::from(body));
        world.send(request.unwrap())
    };
    assert_eq!(post("application/json", "{".to_owned()).await.status(), 400);
    assert_eq!(post("text/plain", "{}".to_owned()).await.status(), 400);
    assert_eq!(post("application/json", " ".repeat(300 << 10)).await.status(), 413);
}

#[tokio::test]
async fn limited_answers_carry_the_five_headers_and_429_the_rest() {
    let world = with(Config::default());
    let body = json!({"login": "x", "password": "y"});
    let call = || world.call(Method::POST, "/api/v10/auth/login", None, Some(body.clone()));
    for remaining in (0..10).rev() {
        let answer = call().await;
        assert_eq!(answer.status, 400);
        assert_eq!(answer.headers["x-ratelimit-limit"], "10");
        assert_eq!(answer.headers["x-ratelimit-remaining"], remaining.to_string());
    }
    let answer = call().await;
    assert_eq!(answer.status, 429);
    assert_eq!(answer.body["global"], Value::Bool(false));
    assert_eq!((answer.body["retry_after"].as_f64(), answer.code()), (Some(60.0), 0));
    assert_eq!(answer.headers["retry-after"], "60");
    assert_eq!(answer.headers["x-ratelimit-scope"], "user");
    assert_eq!(answer.headers["x-ratelimit-reset"], format!("{}.000", NOW_MS / 1000 + 60));
    assert!(answer.headers.contains_key("x-ratelimit-bucket") && answer.headers.contains_key("via"));
    world.clock.advance(60_000);
    assert_eq!(call().await.status, 400);
}

#[tokio::test]
async fn fifty_requests_a_second_are_the_global_limit() {
    let world = with(Config::default());
    let (_, token) = world.person("ada").await;
    for _ in 0..50 {
        assert_eq!(world.get("/api/v10/auth/sessions", &token).await.status, 200);
    }
    let answer = world.get("/api/v10/auth/sessions", &token).await;
    assert_eq!((answer.status.as_u16(), &answer.body["global"]), (429, &Value::Bool(true)));
    assert_eq!(answer.headers["x-ratelimit-scope"], "global");
    world.clock.advance(1000);
    assert_eq!(world.get("/api/v10/auth/sessions", &token).await.status, 200);
}

#[tokio::test]
async fn an_account_has_one_global_limit_however_often_it_logged_in() {
    let world = with(Config::default());
    let (_, first) = world.person("ada").await;
    let body = json!({"login": "ada@mail.test", "password": "long enough"});
    let login = world.call(Method::POST, "/api/v10/auth/login", None, Some(body)).await;
    let second = login.body["token"].as_str().unwrap().to_owned();
    for n in 0..50 {
        let token = if n % 2 == 0 { &first } else { &second };
        assert_eq!(world.get("/api/v10/auth/sessions", token).await.status, 200);
    }
    assert_eq!(world.get("/api/v10/auth/sessions", &second).await.status, 429);
}

#[tokio::test]
async fn no_spelling_of_an_id_has_a_bucket_of_its_own() {
    let world = with(Config::default());
    let (_, token) = world.person("ada").await;
    let send = |zeros: usize| {
        let path = format!("/api/v10/channels/{}7/messages", "0".repeat(zeros));
        let (world, token) = (&world, &token);
        async move { world.post(&path, token, json!({"content": "x"})).await }
    };
    assert_eq!(send(0).await.status, 404);
    for zeros in 1..6 {
        let answer = send(zeros).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (400, 50035));
        assert_eq!(answer.error_at("channel_id"), "NUMBER_TYPE_COERCE");
    }
    assert_eq!(send(6).await.status, 429);
}

#[tokio::test]
async fn whoever_guesses_tokens_of_webhooks_counts_as_any_caller() {
    let world = with(Config::default());
    let execute = |n: usize| {
        let path = format!("/api/v10/webhooks/{}7/token{n}", "0".repeat(n % 3));
        let world = &world;
        async move { world.call(Method::POST, &path, None, Some(json!({"content": "x"}))).await }
    };
    for n in 0..50 {
        assert!([400, 404].contains(&execute(n).await.status.as_u16()));
    }
    let answer = execute(50).await;
    assert_eq!((answer.status.as_u16(), &answer.body["global"]), (429, &Value::Bool(true)));
}

#[tokio::test]
async fn callbacks_of_interactions_do_not_tell_their_limit() {
    let world = with(Config::default());
    let answer = world
        .call(Method::POST, "/api/v10/interactions/1/token/callback", None, Some(json!({"type": 5})))
        .await;
    assert_eq!(answer.status, 404);
    assert!(!answer.headers.keys().any(|name| name.as_str().starts_with("x-ratelimit")));
}

#[tokio::test]
async fn an_address_that_is_always_refused_is_not_heard_for_a_while() {
    let world = with(Config { invalid_requests_max: 3, ..Config::default() });
    let from = |ip: &str| {
        let mut request = Request::get("/api/v10/auth/sessions").body(Body::empty()).unwrap();
        request.extensions_mut().insert(Peer(format!("{ip}:1000").parse().unwrap()));
        world.send(request)
    };
    for _ in 0..3 {
        assert_eq!(from("10.0.0.1").await.status(), 401);
    }
    let refused = from("10.0.0.1").await;
    assert_eq!(
        (refused.status().as_u16(), &refused.headers()["retry-after"]),
        (429, &"600".parse().unwrap())
    );
    assert_eq!(from("10.0.0.2").await.status(), 401);
    world.clock.advance(600_000);
    assert_eq!(from("10.0.0.1").await.status(), 401);
    // What comes from this machine may be many people behind a proxy.
    for _ in 0..5 {
        assert_eq!(from("127.0.0.1").await.status(), 401);
    }
}

#[tokio::test]
async fn edits_of_messages_older_than_an_hour_are_rationed() {
    let world = with(Config { dev: true, ..Config::default() });
    let (_, token) = world.person("ada").await;
    let edit = async |channel: u64, age_ms: u64| {
        let message = consort_model::snowflake::at(NOW_MS - age_ms);
        let path = format!("/api/v10/channels/{channel}/messages/{message}");
        world.call(Method::PATCH, &path, Some(&token), Some(json!({"content": "x"}))).await
    };
    let (old, new) = (3_600_001, 3_599_000);
    for _ in 0..3 {
        assert_eq!(edit(1, old).await.status, 404);
    }
    let refused = edit(1, old).await;
    assert_eq!((refused.status.as_u16(), refused.code()), (429, 30046));
    assert!(refused.body["retry_after"].as_f64().unwrap() > 0.0);
    assert_eq!(edit(1, new).await.status, 404);
    world.clock.advance(1_500);
    assert_eq!(edit(2, old).await.status, 404, "another channel");
    world.clock.advance(6_000);
    assert_eq!(edit(1, old).await.status, 404);
}

#[tokio::test]
async fn limits_can_be_switched_off() {
    let world = with(Config { rate_limits: false, ..Config::default() });
    let body = json!({"login": "x", "password": "y"});
    for _ in 0..12 {
        let answer = world.call(Method::POST, "/api/v10/auth/login", None, Some(body.clone())).await;
        assert_eq!(answer.status, 400);
        assert!(!answer.headers.contains_key("x-ratelimit-limit"));
    }
}

#[tokio::test]
async fn too_many_requests_at_once_are_shed() {
    let world = with(Config { requests_max: 0, ..Config::default() });
    let answer = world.get("/api/v10/auth/sessions", "").await;
    assert_eq!((answer.status.as_u16(), answer.code()), (503, 130000));
    assert_eq!(answer.headers["retry-after"], "1");
}

/// A request whose body never ends.
fn endless(token: &str) -> Request<Body> {
    let body = Body::from_stream(futures_util::stream::pending::<Result<Bytes, std::io::Error>>());
    let request = Request::post("/api/v10/guilds")
        .header("authorization", token)
        .header("content-type", "application/json");
    request.body(body).unwrap()
}

#[tokio::test]
async fn under_load_those_are_refused_who_have_the_most_under_way() {
    let world = with(Config { requests_max: 10, rate_limits: false, ..Config::default() });
    let (_, flooder) = world.person("flo").await;
    let (_, quiet) = world.person("quiet").await;
    // The node knows both tokens, so that a request has its place when it is looked at once.
    for token in [&flooder, &quiet] {
        assert_eq!(world.get("/api/v10/auth/sessions", token).await.status, 200);
    }
    let mut flood: Vec<_> = (0..8).map(|_| Box::pin(world.send(endless(&flooder)))).collect();
    let mut refused = 0;
    for request in &mut flood {
        if let Some(response) = request.as_mut().now_or_never() {
            assert_eq!(response.status(), 503);
            refused += 1;
        }
    }
    assert_eq!(refused, 3, "half of all places are one account's");
    assert_eq!(world.get("/api/v10/auth/sessions", &flooder).await.status, 503);
    assert_eq!(world.get("/api/v10/auth/sessions", &quiet).await.status, 200);
    drop(flood);
    assert_eq!(world.get("/api/v10/auth/sessions", &flooder).await.status, 200);
}

#[tokio::test]
async fn health_is_told_when_every_place_is_taken() {
    let world = with(Config { requests_max: 0, ..Config::default() });
    let request = Request::get("/healthz").body(Body::empty()).unwrap();
    assert_eq!(world.send(request).await.status(), 200);
}

#[tokio::test]
async fn an_upload_takes_memory_for_what_has_come_and_not_for_what_it_promises() {
    let world = with(Config { rate_limits: false, ..Config::default() });
    let (_, one) = world.person("one").await;
    let (_, other) = world.person("other").await;
    let promise = || {
        let kind = "multipart/form-data; boundary=x";
        let request = Request::post("/api/v10/channels/1/messages").header("content-type", kind);
        let pending = Body::from_stream(futures_util::stream::pending::<Result<Bytes, std::io::Error>>());
        request.header("authorization", &one).header("content-length", 26_000_000).body(pending).unwrap()
    };
    let mut promises: Vec<_> = (0..40).map(|_| Box::pin(world.send(promise()))).collect();
    assert!(promises.iter_mut().all(|request| request.as_mut().now_or_never().is_none()));
    let name = "n".repeat(200 << 10);
    let answer = world.post("/api/v10/guilds", &other, json!({"name": name})).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (400, 50035));
}

#[tokio::test]
async fn health_and_cdn_need_no_token() {
    let world = world();
    let get = |path: &str| world.send(Request::get(path).body(Body::empty()).unwrap());
    assert_eq!(get("/healthz").await.status(), 200);
    let avatar = get("/cdn/embed/avatars/0.png?size=64").await;
    assert_eq!(avatar.headers()["content-type"], "image/png");
    assert_eq!(get("/cdn/avatars/1/00000000000000000000000000000000.png").await.status(), 404);
}

#[tokio::test]
async fn on_a_full_disk_only_reading_and_deleting_go_on() {
    let world = with(Config::default());
    world.app.room.store(false, std::sync::atomic::Ordering::Relaxed);
    let status = async |method: &str, path: &str| {
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        world.send(request).await.status().as_u16()
    };
    for method in ["POST", "PUT", "PATCH"] {
        assert_eq!(status(method, "/api/v10/channels/1/messages").await, 507);
    }
    assert_eq!(status("PUT", "/cdn/upload/1").await, 507);
    assert_ne!(status("GET", "/api/v10/gateway").await, 507);
    assert_ne!(status("DELETE", "/api/v10/channels/1").await, 507);
    assert_ne!(status("POST", "/api/v10/auth/login").await, 507, "to delete something");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_end_is_answered_408_whatever_of_it_comes() {
    let world = world();
    let drip = || {
        futures_util::stream::unfold((), |()| async {
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            Some((Ok::<_, std::io::Error>(Bytes::from_static(b" ")), ()))
        })
    };
    let silent = || futures_util::stream::pending::<Result<Bytes, std::io::Error>>();
    for (body, seconds) in [(Body::from_stream(drip()), 30), (Body::from_stream(silent()), 15)] {
        let request = Request::post("/api/v10/auth/login").header("content-type", "application/json");
        let begun = tokio::time::Instant::now();
        let answer = world.send(request.body(body).unwrap()).await;
        assert_eq!((answer.status().as_u16(), begun.elapsed().as_secs()), (408, seconds));
    }
}
