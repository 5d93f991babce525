//! The guards in front of every route.

use axum::body::Body;
use consort_rest::Config;
use http::{Method, Request};
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
