//! Applications, bots, OAuth2.

use std::sync::{Arc, Mutex};

use axum::body::Body;
use consort_model::Intents;
use consort_rpc::{Answer as Reply, Call, Caller, Host, guild};
use http::{Method, Request};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

use crate::world::{World, world};

/// Guilds that say yes to everything and remember it.
#[derive(Default)]
struct Guilds(Mutex<Vec<(u64, Caller, guild::Op)>>);

impl Host<guild::Guild> for Guilds {
    fn deliver(&self, key: u64, call: Call<guild::Guild>) {
        self.0.lock().unwrap().push((key, call.caller, call.op));
        call.respond.send(Ok(Reply::Empty));
    }
}

async fn application(world: &World, token: &str) -> String {
    let answer = world.post("/api/v10/applications", token, json!({"name": "Helper"})).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    answer.body["id"].as_str().unwrap().to_owned()
}

async fn bot(world: &World, token: &str, id: &str) -> String {
    let answer = world.post(&format!("/api/v10/applications/{id}/bot"), token, json!({})).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    format!("Bot {}", answer.body["token"].as_str().unwrap())
}

#[tokio::test]
async fn a_bot_has_the_id_of_its_application_and_one_token() {
    let world = world();
    let (_, ada) = world.person("ada").await;
    let id = application(&world, &ada).await;
    let first = bot(&world, &ada, &id).await;
    let mine = world.get("/api/v10/oauth2/applications/@me", &first).await;
    assert_eq!((mine.body["id"].as_str(), mine.body["bot"]["id"].as_str()), (Some(&*id), Some(&*id)));
    assert_eq!((&mine.body["bot"]["bot"], &mine.body["owner"]["username"]), (&json!(true), &json!("ada")));
    assert_eq!(mine.body["bot"]["discriminator"].as_str().unwrap().len(), 4);
    let again = world.post(&format!("/api/v10/applications/{id}/bot"), &ada, json!({})).await;
    assert_eq!(again.status, 400);
    let reset = world.post(&format!("/api/v10/applications/{id}/bot/reset"), &ada, json!({})).await;
    let second = format!("Bot {}", reset.body["token"].as_str().unwrap());
    assert_eq!(world.get("/api/v10/applications/@me", &first).await.status, 401);
    assert_eq!(world.get("/api/v10/applications/@me", &second).await.status, 200);
    assert_eq!(world.get("/api/v10/applications", &second).await.code(), 20001);
    assert_eq!(world.get("/api/v10/applications/@me", &ada).await.code(), 20002);
}

#[tokio::test]
async fn an_application_is_changed_by_its_owner_and_seen_in_part_by_others() {
    let world = world();
    let ((_, ada), (_, bob)) = (world.person("ada").await, world.person("bob").await);
    let path = format!("/api/v10/applications/{}", application(&world, &ada).await);
    let patch = |token: &str, body: Value| {
        let (world, path, token) = (&world, &path, token.to_owned());
        async move { world.call(Method::PATCH, path, Some(&token), Some(body)).await }
    };
    let changed =
        patch(&ada, json!({"flags": (1u64 << 13) | (1 << 15) | (1 << 19), "description": "x"})).await;
    assert_eq!((changed.status.as_u16(), &changed.body["description"]), (200, &json!("x")));
    assert_eq!(changed.body["flags"], (1u64 << 13) | (1 << 15) | (1 << 19));
    assert_eq!(patch(&bob, json!({"name": "mine"})).await.code(), 20012);
    let seen = world.get(&path, &bob).await;
    assert_eq!((&seen.body["name"], &seen.body["redirect_uris"]), (&json!("Helper"), &Value::Null));
    assert_eq!(world.get("/api/v10/applications/1", &bob).await.code(), 10002);
    assert_eq!(world.post(&format!("{path}/delete"), &bob, json!({})).await.code(), 20012);
    assert_eq!(world.post(&format!("{path}/delete"), &ada, json!({})).await.status, 204);
    assert_eq!(world.get(&path, &ada).await.code(), 10002);
    assert_eq!(world.get("/api/v10/applications", &ada).await.body, json!([]));
}

#[tokio::test]
async fn a_new_application_has_the_privileged_intents_and_without_them_lists_of_people_are_refused() {
    let world = world();
    let guilds = Arc::new(Guilds::default());
    world.mesh.host::<guild::Guild>(guilds.clone());
    let (_, ada) = world.person("ada").await;
    let id = application(&world, &ada).await;
    let bot = bot(&world, &ada, &id).await;
    let path = format!("/api/v10/applications/{id}");
    assert_eq!(world.get(&path, &ada).await.body["flags"], (1u64 << 13) | (1 << 15) | (1 << 19));
    assert_eq!(world.get("/api/v10/guilds/77/members", &bot).await.status, 204);
    let off = world.call(Method::PATCH, &path, Some(&ada), Some(json!({"flags": 1u64 << 13}))).await;
    assert_eq!(off.body["flags"], 1u64 << 13);
    assert_eq!(world.get("/api/v10/guilds/77/members", &bot).await.code(), 50001);
    assert_eq!(world.get("/api/v10/guilds/77/members/5", &bot).await.status, 204);
    assert_eq!(world.get("/api/v10/guilds/77/members", &ada).await.status, 204);
    let asked = guilds.0.lock().unwrap();
    assert_eq!(asked[1].1.lacks, Intents::GUILD_MEMBERS | Intents::MESSAGE_CONTENT);
    assert!(asked[0].1.lacks.is_empty() && asked[2].1.lacks.is_empty());
}

#[tokio::test]
async fn a_bot_is_added_to_a_guild_by_consent() {
    let world = world();
    let guilds = Arc::new(Guilds::default());
    world.mesh.host::<guild::Guild>(guilds.clone());
    let (user, ada) = world.person("ada").await;
    let id = application(&world, &ada).await;
    let link = format!("/api/v10/oauth2/authorize?client_id={id}&scope=bot%20applications.commands");
    let body = json!({"authorize": true, "guild_id": "77", "permissions": "8192", "integration_type": 0});
    assert_eq!(world.post(&link, &ada, body.clone()).await.code(), 50010);
    bot(&world, &ada, &id).await;
    let page = world.get(&link, &ada).await;
    assert_eq!((&page.body["application"]["id"], &page.body["bot"]["id"]), (&json!(id), &json!(id)));
    let missing = world.post(&link, &ada, json!({"authorize": true})).await;
    assert_eq!(missing.error_at("guild_id"), "BASE_TYPE_REQUIRED");
    let done = world.post(&link, &ada, body).await;
    assert_eq!(
        (done.status.as_u16(), &done.body["location"]),
        (200, &json!("http://chat.test/oauth2/authorized"))
    );
    let asked = guilds.0.lock().unwrap();
    let [(77, caller, guild::Op::Member(guild::member::Op::AddBot { bot, permissions, .. }))] = &asked[..]
    else {
        panic!("{asked:?}");
    };
    assert_eq!((caller.user, bot.id.to_string()), (user, id));
    // MANAGE_MESSAGES and what was split off it.
    assert_eq!(permissions.bits(), (1 << 13) | (1 << 51) | (1 << 52));
}

async fn form(world: &World, path: &str, fields: &[(&str, &str)]) -> (u16, Value) {
    let body: Vec<String> = fields.iter().map(|(k, v)| format!("{k}={}", v.replace(':', "%3A"))).collect();
    let request = Request::post(path).header("content-type", "application/x-www-form-urlencoded");
    let response = world.send(request.body(Body::from(body.join("&"))).unwrap()).await;
    let status = response.status().as_u16();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&bytes).unwrap())
}

#[tokio::test]
async fn a_code_is_exchanged_once_for_tokens_that_do_what_was_granted() {
    let world = world();
    let (_, ada) = world.person("ada").await;
    let id = application(&world, &ada).await;
    let path = format!("/api/v10/applications/{id}");
    let uri = "https://app.test/back";
    world.call(Method::PATCH, &path, Some(&ada), Some(json!({"redirect_uris": [uri]}))).await;
    let reset = world.post(&format!("{path}/reset"), &ada, json!({})).await;
    let secret = reset.body["secret"].as_str().unwrap().to_owned();
    let link = |uri: &str| {
        format!(
            "/api/v10/oauth2/authorize?client_id={id}&scope=identify&response_type=code&state=s&redirect_uri={uri}"
        )
    };
    let refused = world.post(&link("https://evil.test"), &ada, json!({"authorize": true})).await;
    assert_eq!(refused.error_at("redirect_uri"), "REDIRECT_URI_INVALID");
    let consent = world.post(&link(uri), &ada, json!({"authorize": true})).await;
    let location = consent.body["location"].as_str().unwrap().to_owned();
    let code = location
        .split("code=")
        .nth(1)
        .unwrap()
        .split('&')
        .next()
        .unwrap()
        .replace("%2E", ".")
        .replace("%2D", "-");
    let code = code.replace("%5F", "_");
    assert!(location.starts_with(uri) && location.ends_with("state=s"), "{location}");
    let exchange = |secret: &str, code: &str| {
        let fields = [
            ("grant_type", "authorization_code".to_owned()),
            ("client_id", id.clone()),
            ("client_secret", secret.to_owned()),
            ("code", code.to_owned()),
            ("redirect_uri", uri.to_owned()),
        ];
        let world = &world;
        async move {
            let fields: Vec<_> = fields.iter().map(|(k, v)| (*k, v.as_str())).collect();
            form(world, "/api/oauth2/token", &fields).await
        }
    };
    assert_eq!(
        exchange("wrong", &code).await,
        (401, json!({"error": "invalid_client", "error_description": "Invalid client credentials."}))
    );
    let (status, tokens) = exchange(&secret, &code).await;
    assert_eq!(
        (status, &tokens["token_type"], &tokens["scope"]),
        (200, &json!("Bearer"), &json!("identify")),
        "{tokens}"
    );
    assert_eq!(exchange(&secret, &code).await.1["error"], "invalid_grant");
    let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    let current = world.get("/api/v10/oauth2/@me", &bearer).await;
    assert_eq!(
        (&current.body["scopes"], &current.body["user"]["username"]),
        (&json!(["identify"]), &json!("ada"))
    );
    assert_eq!(world.get("/api/v10/users/@me/connections", &bearer).await.code(), 50026);
    assert_eq!(world.get("/api/v10/auth/sessions", &bearer).await.code(), 50026);
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let fields = [
        ("grant_type", "refresh_token"),
        ("client_id", &id),
        ("client_secret", &secret),
        ("refresh_token", refresh),
    ];
    let (status, renewed) = form(&world, "/api/oauth2/token", &fields).await;
    assert_eq!(status, 200);
    assert_eq!(form(&world, "/api/oauth2/token", &fields).await.1["error"], "invalid_grant");
    let token = renewed["access_token"].as_str().unwrap();
    let fields = [("client_id", id.as_str()), ("client_secret", &secret), ("token", token)];
    assert_eq!(form(&world, "/api/oauth2/token/revoke", &fields).await.0, 200);
    for token in [&bearer, &format!("Bearer {token}")] {
        assert_eq!(world.get("/api/v10/oauth2/@me", token).await.status, 401);
    }
}

#[tokio::test]
async fn the_gateway_is_where_the_client_found_the_server() {
    let world = world();
    let (_, ada) = world.person("ada").await;
    let id = application(&world, &ada).await;
    let bot = bot(&world, &ada, &id).await;
    assert_eq!(world.get("/api/v10/gateway", "").await.body, json!({"url": "ws://chat.test"}));
    let answer = world.get("/api/v10/gateway/bot", &bot).await;
    assert_eq!(
        (&answer.body["shards"], &answer.body["session_start_limit"]["max_concurrency"]),
        (&json!(1), &json!(16))
    );
    assert_eq!(world.get("/api/v10/soundboard-default-sounds", &bot).await.body, json!([]));
    assert_eq!(world.get("/api/v10/sticker-packs", "").await.body, json!({"sticker_packs": []}));
}

#[tokio::test]
async fn commands_are_upserted_by_name_and_replaced_as_a_list() {
    let world = world();
    let (_, ada) = world.person("ada").await;
    let id = application(&world, &ada).await;
    let bot = bot(&world, &ada, &id).await;
    let path = format!("/api/v10/applications/{id}/commands");
    let echo = json!({"name": "echo", "description": "again"});
    let first = world.post(&path, &bot, echo.clone()).await;
    assert_eq!((first.status.as_u16(), &first.body["name"]), (201, &json!("echo")));
    let second = world.post(&path, &bot, json!({"name": "echo", "description": "and again"})).await;
    assert_eq!((second.status.as_u16(), &second.body["id"]), (200, &first.body["id"]));
    assert_ne!(second.body["version"], first.body["version"]);
    let list = json!([echo, {"name": "Look", "type": 2}]);
    let replaced = world.call(Method::PUT, &path, Some(&bot), Some(list)).await;
    assert_eq!((replaced.status.as_u16(), &replaced.body[0]["id"]), (200, &first.body["id"]));
    let bad =
        world.call(Method::PUT, &path, Some(&bot), Some(json!([{"name": "BAD", "description": "x"}]))).await;
    assert_eq!(bad.error_at("0.name"), "APPLICATION_COMMAND_INVALID_NAME");
    let one = format!("{path}/{}", first.body["id"].as_str().unwrap());
    let edited = world.call(Method::PATCH, &one, Some(&bot), Some(json!({"description": "new"}))).await;
    assert_eq!((&edited.body["name"], &edited.body["description"]), (&json!("echo"), &json!("new")));
    assert_eq!(world.call(Method::DELETE, &one, Some(&bot), None).await.status, 204);
    assert_eq!(world.get(&one, &bot).await.code(), 10063);
    assert_eq!(world.get(&path, &bot).await.body.as_array().unwrap().len(), 1);
    let elsewhere = format!("/api/v10/applications/{id}/guilds/5/commands");
    assert_eq!(world.get(&elsewhere, &bot).await.code(), 50001);
    let (_, bob) = world.person("bob").await;
    assert_eq!(world.get(&path, &bob).await.code(), 20012);
}
