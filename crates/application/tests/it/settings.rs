//! Settings, secret, emojis, the end.

use consort_model::{Application, Emoji, EmojiId, Patch, User};
use consort_rpc::application::{EmojiOp, Op};
use serde_json::json;

use crate::world::{APPLICATION, world};

fn emoji(id: u64, name: &str) -> Box<Emoji> {
    Box::new(Emoji {
        id: EmojiId::new(id),
        name: name.into(),
        roles: Vec::new(),
        user: None,
        require_colons: true,
        managed: false,
        animated: false,
        available: true,
    })
}

#[tokio::test]
async fn what_was_acknowledged_is_there_for_the_next_owner() {
    let world = world().await;
    let change = Op::Change { body: json!({"name": "Other", "flags": 0}), icon: Patch::Value("hash".into()) };
    let changed: Application = world.read(change).await;
    assert_eq!((changed.name.as_str(), changed.flags, changed.icon.as_deref()), ("Other", 0, Some("hash")));
    assert_eq!(*world.nodes.0.lock().unwrap(), 1, "every node is told that the intents may be others");
    world.ask(Op::SetBot { bot: Box::new(User::bot(APPLICATION.cast(), "helper")) }).await.unwrap();
    world.ask(Op::SetSecret { hash: "abc".into() }).await.unwrap();
    world.ask(Op::Emoji(EmojiOp::Add { emoji: emoji(9, "wave") })).await.unwrap();
    let world = world.restart();
    let read: Application = world.read(Op::Get).await;
    assert_eq!((read.name.as_str(), read.bot.unwrap().username.as_str()), ("Other", "helper"));
    assert!(world.read::<bool>(Op::CheckSecret { hash: "abc".into() }).await);
    assert!(!world.read::<bool>(Op::CheckSecret { hash: "abd".into() }).await);
    let list: Vec<Emoji> = world.read(Op::Emoji(EmojiOp::List)).await;
    assert_eq!(list[0].name, "wave");
}

#[tokio::test]
async fn an_application_is_made_once_and_leaves_nothing_behind() {
    let world = world().await;
    let other = Application::new(APPLICATION, "Mine", User::person(9.into(), "eve"), String::new());
    let found: Application = world.read(Op::Found { application: Box::new(other) }).await;
    assert_eq!(found.owner.username, "ada");
    world.ask(Op::Emoji(EmojiOp::Add { emoji: emoji(9, "wave") })).await.unwrap();
    world.ask(Op::Delete).await.unwrap();
    assert_eq!(world.refused(Op::Get).await, 10002);
    assert_eq!(world.rows().await, 0);
    world.ask(Op::Delete).await.unwrap();
}

#[tokio::test]
async fn emojis_are_renamed_and_removed() {
    let world = world().await;
    world.ask(Op::Emoji(EmojiOp::Add { emoji: emoji(9, "wave") })).await.unwrap();
    let rename = |id| Op::Emoji(EmojiOp::Rename { emoji: EmojiId::new(id), name: "hello".into() });
    assert_eq!(world.read::<Emoji>(rename(9)).await.name, "hello");
    assert_eq!(world.refused(rename(8)).await, 10014);
    let remove = || Op::Emoji(EmojiOp::Remove { emoji: EmojiId::new(9) });
    world.ask(remove()).await.unwrap();
    assert_eq!(world.refused(remove()).await, 10014);
}

#[tokio::test]
async fn settings_that_do_not_fit_are_refused_by_field() {
    let world = world().await;
    let error = world.ask(Op::Change { body: json!({"name": ""}), icon: Patch::Absent }).await.unwrap_err();
    assert_eq!((error.code, error.errors.unwrap().get("name").len()), (50035, 1));
}
