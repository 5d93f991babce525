//! Registration, login, logout.

use http::Method;
use serde_json::{Value, json};

use crate::world::{Answer, World, with, world};

async fn register(world: &World, body: Value) -> Answer {
    world.call(Method::POST, "/api/v10/auth/register", None, Some(body)).await
}

async fn login(world: &World, name: &str, password: &str) -> Answer {
    let body = json!({"login": name, "password": password});
    world.call(Method::POST, "/api/v10/auth/login", None, Some(body)).await
}

#[tokio::test]
async fn a_person_registers_and_logs_in_by_name_and_by_address() {
    let world = world();
    let (id, token) = world.person("ada").await;
    assert!(token.len() >= 58);
    for name in ["ada", "ADA", "ada@mail.test", "Ada@Mail.Test"] {
        let answer = login(&world, name, "long enough").await;
        assert_eq!(answer.status, 200, "{name}: {}", answer.body);
        assert_eq!(answer.body["user_id"], id.to_string());
        assert_eq!(answer.body["user_settings"]["locale"], "en-US");
        assert_ne!(answer.body["token"], token);
    }
    for (name, password) in [("ada", "wrong password"), ("nobody", "long enough")] {
        let answer = login(&world, name, password).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (400, 50035));
        assert_eq!(answer.error_at("login"), "INVALID_LOGIN");
    }
}

#[tokio::test]
async fn the_first_account_runs_the_installation_and_no_other() {
    let world = world();
    let (first, _) = world.person("ada").await;
    let (second, _) = world.person("bob").await;
    assert!(world.app.account(first).await.unwrap().admin);
    assert!(!world.app.account(second).await.unwrap().admin);
}

#[tokio::test]
async fn names_and_addresses_are_unique_whatever_their_case() {
    let world = world();
    world.person("ada").await;
    let taken = register(&world, json!({"username": "ADA", "password": "long enough"})).await;
    assert_eq!(taken.error_at("username"), "USERNAME_ALREADY_TAKEN");
    let eve = |email: Value| {
        register(&world, json!({"username": "eve", "password": "long enough", "email": email}))
    };
    assert_eq!(eve(json!("ADA@mail.test")).await.error_at("email"), "EMAIL_ALREADY_REGISTERED");
    // Nothing of the refused account is left behind.
    assert_eq!(eve(Value::Null).await.status, 201);
}

#[tokio::test]
async fn a_token_cannot_be_read_from_what_is_kept_of_it() {
    let world = world();
    let (_, token) = world.person("ada").await;
    let secret = token.rsplit('.').next().unwrap();
    let row = format!("{:?}", world.app.tokens.find(&token).await.unwrap());
    assert!(!row.contains(secret) && row.contains("hash"));
}

#[tokio::test]
async fn a_login_ends_by_logout_and_nobody_elses_does() {
    let world = world();
    let (_, token) = world.person("ada").await;
    let other = login(&world, "ada", "long enough").await.body["token"].as_str().unwrap().to_owned();
    let answer = world.post("/api/v10/auth/logout", &token, json!({"provider": null})).await;
    assert_eq!((answer.status.as_u16(), answer.body), (204, Value::Null));
    assert_eq!(world.get("/api/v10/auth/sessions", &token).await.status, 401);
    let list = world.get("/api/v10/auth/sessions", &other).await;
    assert_eq!(list.body["user_sessions"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn logins_are_ended_by_their_hash_with_the_password() {
    let world = world();
    let (_, token) = world.person("ada").await;
    let other = login(&world, "ada", "long enough").await.body["token"].as_str().unwrap().to_owned();
    let list = world.get("/api/v10/auth/sessions", &token).await;
    let hash = list.body["user_sessions"][0]["id_hash"].clone();
    let path = "/api/v10/auth/sessions/logout";
    let wrong = world.post(path, &token, json!({"session_id_hashes": [hash], "password": "wrong one"})).await;
    assert_eq!(wrong.error_at("password"), "PASSWORD_DOES_NOT_MATCH");
    let ended =
        world.post(path, &token, json!({"session_id_hashes": [hash], "password": "long enough"})).await;
    assert_eq!(ended.status, 204);
    assert_eq!(world.get("/api/v10/auth/sessions", &other).await.status, 401);
    assert_eq!(world.get("/api/v10/auth/sessions", &token).await.status, 200);
}

#[tokio::test]
async fn schemes_must_fit_the_token() {
    let world = world();
    let (_, token) = world.person("ada").await;
    let status = async |header: &str| world.get("/api/v10/auth/sessions", header).await.status.as_u16();
    assert_eq!(status(&token).await, 200);
    assert_eq!(status(&format!("Bot {token}")).await, 401);
    assert_eq!(status(&format!("Bearer {token}")).await, 401);
    assert_eq!(status("").await, 401);
    let answer = world.get("/api/v10/auth/sessions", "nonsense").await;
    assert_eq!(answer.body, json!({"message": "401: Unauthorized", "code": 0}));
}

#[tokio::test]
async fn a_server_may_be_closed_to_newcomers() {
    let config = consort_rest::Config { registration: false, dev: true, ..consort_rest::Config::default() };
    let world = with(config);
    world.person("ada").await;
    let refused = register(&world, json!({"username": "bob", "password": "long enough"})).await;
    assert_eq!(refused.status, 403);
}

#[tokio::test]
async fn what_would_need_mail_says_so() {
    let world = world();
    let answer = world.call(Method::POST, "/api/v10/auth/forgot", None, Some(json!({"login": "ada"}))).await;
    assert_eq!(answer.status, 501);
    let answer = world.call(Method::POST, "/api/v10/auth/reset", None, Some(json!({"token": "x"}))).await;
    assert_eq!(answer.error_at("token"), "INVALID_TOKEN");
}
