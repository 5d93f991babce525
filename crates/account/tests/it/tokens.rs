//! Passwords and tokens.

use consort_account::LOGINS_MAX;
use consort_model::{ApplicationId, AuthSessionId};
use consort_rpc::Answer;
use consort_rpc::account::{Kind, Op, TokenRow};

use crate::world::{NOW_MS, World, read, token, world};

fn add(tokens: Vec<TokenRow>) -> Op {
    Op::Add { tokens, using: None, alone: false }
}

fn find(session: u64) -> Op {
    Op::Find { hash: format!("hash{session}") }
}

async fn sessions(world: &World) -> Vec<u64> {
    let list: Vec<TokenRow> = read(world.account(Op::List).await);
    list.iter().map(|token| token.session.get()).collect()
}

fn code() -> Kind {
    let application = ApplicationId::new(5);
    Kind::Code { application, scopes: Vec::new(), redirect_uri: "https://a.test".into(), challenge: None }
}

#[tokio::test]
async fn what_was_acknowledged_is_there_for_the_next_owner() {
    let world = world();
    let open = || Op::Open { password: "$argon2id$1".into(), token: Box::new(token(1, Kind::User)) };
    world.account(open()).await.unwrap();
    assert_eq!(world.account(open()).await.unwrap_err().status, 400);
    world.account(add(vec![token(2, Kind::User), token(3, code())])).await.unwrap();
    world.account(Op::End { sessions: vec![AuthSessionId::new(2)] }).await.unwrap();
    let world = world.restart();
    assert_eq!(sessions(&world).await, [1, 3]);
    assert_eq!(read::<String>(world.account(Op::Password).await), "$argon2id$1");
    let found = world.account(find(1)).await;
    assert!(matches!(found, Ok(Answer::Token(token)) if token.session.get() == 1));
    assert_eq!(world.account(find(2)).await.unwrap_err().status, 401);
}

#[tokio::test]
async fn what_ends_is_told_to_every_node_and_closes_sockets() {
    let world = world();
    world.account(add(vec![token(1, Kind::User), token(2, code())])).await.unwrap();
    let both = vec![AuthSessionId::new(1), AuthSessionId::new(2), AuthSessionId::new(9)];
    world.account(Op::End { sessions: both }).await.unwrap();
    assert_eq!(world.nodes.take(), [r#"1: Revoked { hashes: ["hash1", "hash2"] }"#]);
    assert_eq!(world.users.take(), ["7: Account(LoggedOut { auth_sessions: [1] })"]);
    world.account(Op::End { sessions: vec![AuthSessionId::new(1)] }).await.unwrap();
    assert!(world.nodes.take().is_empty());
}

#[tokio::test]
async fn a_code_works_once_even_when_two_come_at_once() {
    let world = world();
    world.account(add(vec![token(1, code())])).await.unwrap();
    let using = Some(AuthSessionId::new(1));
    let exchange = |session| Op::Add { tokens: vec![token(session, Kind::User)], using, alone: false };
    let (first, second) = tokio::join!(world.account(exchange(2)), world.account(exchange(3)));
    assert_eq!([first.is_ok(), second.is_ok()].iter().filter(|ok| **ok).count(), 1);
    assert_eq!(sessions(&world).await.len(), 1);
}

#[tokio::test]
async fn the_oldest_logins_end_and_so_does_what_has_expired() {
    let world = world();
    let many = (1..=LOGINS_MAX as u64).map(|session| token(session, Kind::User)).collect();
    world.account(add(many)).await.unwrap();
    let brief = TokenRow { expires_ms: Some(NOW_MS + 1000), ..token(500, code()) };
    world.account(add(vec![brief])).await.unwrap();
    world.clock.advance(2000);
    assert_eq!(world.account(find(500)).await.unwrap_err().status, 401);
    let using = Some(AuthSessionId::new(500));
    let late = Op::Add { tokens: vec![token(501, Kind::User)], using, alone: false };
    assert_eq!(world.account(late).await.unwrap_err().status, 401);
    world.account(add(vec![token(600, Kind::User)])).await.unwrap();
    let left = sessions(&world).await;
    assert_eq!((left.len(), left[0], left[left.len() - 1]), (LOGINS_MAX, 2, 600));
}

#[tokio::test]
async fn another_password_ends_the_other_logins_and_a_bot_has_one_token() {
    let world = world();
    world.account(add(vec![token(1, Kind::User), token(2, Kind::User), token(3, code())])).await.unwrap();
    let keep = AuthSessionId::new(2);
    world.account(Op::SetPassword { password: "$2".into(), keep }).await.unwrap();
    assert_eq!(sessions(&world).await, [2, 3]);
    world.account(Op::Add { tokens: vec![token(4, Kind::User)], using: None, alone: true }).await.unwrap();
    assert_eq!(sessions(&world).await, [4]);
    world.account(Op::Close).await.unwrap();
    assert!(sessions(&world).await.is_empty());
    assert_eq!(world.account(Op::Password).await.unwrap_err().status, 401);
}

#[tokio::test]
async fn a_person_has_fifty_applications() {
    let world = world();
    for id in 1..=50 {
        world.account(Op::AddApplication { application: ApplicationId::new(id) }).await.unwrap();
    }
    let more = |id| Op::AddApplication { application: ApplicationId::new(id) };
    assert!(world.account(more(51)).await.is_err());
    world.account(more(50)).await.unwrap();
    world.account(Op::RemoveApplication { application: ApplicationId::new(3) }).await.unwrap();
    world.account(more(51)).await.unwrap();
    let list: Vec<ApplicationId> = read(world.account(Op::Applications).await);
    assert_eq!((list.len(), list[2].get()), (50, 4));
}

#[tokio::test]
async fn a_token_is_looked_up_without_starting_its_owner_and_as_it_was_acknowledged_last() {
    let world = world();
    world.account(add(vec![token(1, Kind::User), token(2, Kind::User)])).await.unwrap();
    let world = world.restart();
    for _ in 0..2 {
        assert!(matches!(world.account(find(1)).await, Ok(Answer::Token(_))));
        assert_eq!(world.account(find(9)).await.unwrap_err().status, 401);
        assert!(world.registry.list(None).is_empty(), "nobody was loaded for it");
    }
    world.account(Op::End { sessions: vec![AuthSessionId::new(1)] }).await.unwrap();
    assert_eq!(world.account(find(1)).await.unwrap_err().status, 401);
    assert_eq!(world.restart().account(find(1)).await.unwrap_err().status, 401);
}
