//! A server in a box.

use std::sync::Arc;

use axum::body::Body;
use axum::{Router, response::Response};
use consort_actor::{Env, Owners, Work};
use consort_cdn::blobs::Memory as Blobs;
use consort_cdn::{Cdn, Links, Media};
use consort_model::UserId;
use consort_rest::{App, Config, Parts, router};
use consort_rpc::{InProcess, Mesh, MeshRef, NodeId, Static, account, application, name, user};
use consort_runtime::{Ids, Manual, Registry};
use consort_store::StoreRef;
use consort_store::memory::Memory;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

pub const NOW_MS: u64 = 1_790_000_000_000;

pub struct World {
    pub app: Arc<App>,
    pub clock: Arc<Manual>,
    pub mesh: MeshRef,
    router: Router,
}

/// What a request was answered.
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Answer {
    pub fn code(&self) -> u64 {
        self.body["code"].as_u64().unwrap_or_else(|| panic!("no code in {}", self.body))
    }

    /// Code of the first form error at a dotted path.
    pub fn error_at(&self, path: &str) -> &str {
        let leaf = path.split('.').fold(&self.body["errors"], |value, key| &value[key]);
        leaf["_errors"][0]["code"].as_str().unwrap_or_else(|| panic!("no error at {path} in {}", self.body))
    }
}

pub fn world() -> World {
    // Tests of anything but limits register more people than an address may.
    with(Config { dev: true, ..Config::default() })
}

pub fn with(config: Config) -> World {
    let clock = Manual::new(NOW_MS);
    let node = NodeId(1);
    let mesh = Mesh::new(node, Arc::new(Static::new(vec![node])), Arc::new(InProcess::new()));
    let store: StoreRef = Arc::new(Memory::new());
    let ids = Arc::new(Ids::new(1));
    let links = Links::new([7; 32], "http://listening.test");
    let media = Media::new(links.clone(), clock.clone(), Arc::new(Blobs::default()), true);
    let cdn = Cdn::new(Arc::new(Blobs::default()), links, store.clone(), clock.clone());
    let env = Env {
        clock: clock.clone(),
        store: store.clone(),
        mesh: mesh.clone(),
        ids: ids.clone(),
        registry: Registry::default(),
        work: Work::default(),
        links: cdn.links().clone(),
    };
    mesh.host::<account::Account>(Owners::<consort_account::Account>::new(env.clone()));
    mesh.host::<application::Application>(Owners::<consort_application::Application>::new(env.clone()));
    mesh.host::<name::Name>(Owners::<consort_account::Names>::new(env.clone()));
    mesh.host::<user::User>(Owners::<consort_user::User>::new(env));
    let app = App::new(Parts {
        mesh: mesh.clone(),
        store,
        cdn,
        media,
        clock: clock.clone(),
        ids,
        registry: Registry::default(),
        health: consort_runtime::Health::default(),
        room: Arc::new(true.into()),
        config,
    });
    World { router: router(app.clone(), None), app, clock, mesh }
}

impl World {
    pub async fn send(&self, request: Request<Body>) -> Response {
        self.router.clone().oneshot(request).await.unwrap()
    }

    pub async fn call(&self, method: Method, path: &str, token: Option<&str>, body: Option<Value>) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header("host", "chat.test");
        if let Some(token) = token {
            request = request.header("authorization", token);
        }
        let body = match body {
            Some(body) => {
                request = request.header("content-type", "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        let response = self.send(request.body(body).unwrap()).await;
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        let body = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap() };
        Answer { status, headers, body }
    }

    pub async fn get(&self, path: &str, token: &str) -> Answer {
        self.call(Method::GET, path, Some(token), None).await
    }

    pub async fn post(&self, path: &str, token: &str, body: Value) -> Answer {
        self.call(Method::POST, path, Some(token), Some(body)).await
    }

    /// Registers somebody and returns id and token.
    pub async fn person(&self, name: &str) -> (UserId, String) {
        let body = json!({"username": name, "password": "long enough", "email": format!("{name}@mail.test")});
        let answer = self.call(Method::POST, "/api/v10/auth/register", None, Some(body)).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        let token = answer.body["token"].as_str().unwrap().to_owned();
        (answer.body["user_id"].as_str().unwrap().parse().unwrap(), token)
    }
}
