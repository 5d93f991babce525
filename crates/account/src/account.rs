//! The secrets of one account.

use std::collections::BTreeMap;

use consort_actor::{Core, Cx, Later, Outcome, Stop};
use consort_model::object::account::CredentialsRow;
use consort_model::{ApiError, ApplicationId, AuthSessionId, Timestamp, UserId};
use consort_rpc::account::{self, Kind, Op, TokenRow};
use consort_rpc::{Answer, Caller, Effect, Publication, Reply, identity, user};
use consort_store::{BoxFuture, Error, Key, Range, Row, Scan, StoreExt as _, StoreRef, Table, row};

/// Logins of one account; the oldest beyond it ends.
pub const LOGINS_MAX: usize = 100;
/// Other tokens of one account; the oldest beyond it ends.
const GRANTS_MAX: usize = 400;
/// Applications of one account.
const APPLICATIONS_MAX: usize = 50;
/// Accounts whose secrets stay on a node. Nodes remember tokens themselves, so most accounts are asked once in a while.
const RUNNING_MAX: usize = 4096;
/// Rows read at once.
const PAGE_ROWS: usize = 1000;

/// The owner of an account's secrets.
#[derive(Debug)]
pub struct Account {
    id: UserId,
    tokens: BTreeMap<AuthSessionId, TokenRow>,
}

impl Core for Account {
    type Service = account::Account;

    const RUNNING_MAX: usize = RUNNING_MAX;

    fn first_scans(key: u64) -> Vec<Scan> {
        vec![Scan { table: Table::UserTokens, partition: key, range: Range::all(PAGE_ROWS) }]
    }

    fn load(
        key: u64,
        first: Vec<Vec<Row>>,
        store: StoreRef,
        _now_ms: u64,
    ) -> BoxFuture<'static, Result<Option<Self>, Error>> {
        Box::pin(async move {
            let mut tokens = BTreeMap::new();
            let first = first.into_iter().next().unwrap_or_default();
            for row in &first {
                let token: TokenRow = row::decode(&row.value)?;
                tokens.insert(token.session, token);
            }
            if let Some(last) = first.last().filter(|_| first.len() >= PAGE_ROWS) {
                let rest = Range::after(last.key.clone(), PAGE_ROWS);
                let mut pages = store.pages(Table::UserTokens, key, rest);
                while let Some(page) = pages.next_rows::<TokenRow>().await? {
                    tokens.extend(page.into_iter().map(|(_, token)| (token.session, token)));
                }
            }
            // An account without secrets is one all the same: it may be given some.
            Ok(Some(Self { id: UserId::new(key), tokens }))
        })
    }

    /// A token that is looked up: nearly all are those of sessions that begin, once each.
    fn beside(key: u64, caller: &Caller, op: &Op, now_ms: u64) -> Option<Later> {
        let Op::Find { hash } = op else { return None };
        let hash = caller.system.then(|| hash.clone())?;
        Some(Box::new(move |store| {
            Box::pin(async move {
                let rows = store.scan_rows::<TokenRow>(Table::UserTokens, key, Range::all(PAGE_ROWS)).await;
                let rows = rows.map_err(|error| {
                    tracing::warn!(%error, "a token could not be looked up");
                    ApiError::overloaded()
                })?;
                found(rows.into_iter().map(|(_, token)| token).find(|token| token.hash == hash), now_ms)
            })
        }))
    }

    fn not_found() -> ApiError {
        ApiError::unauthorized()
    }

    fn handle(&mut self, cx: &mut Cx<'_>, op: &Op) -> Result<Outcome, Stop> {
        if !cx.caller.system {
            return Err(ApiError::missing_access().into());
        }
        match op {
            Op::Open { password, token } => self.open(cx, password, token),
            Op::Password => {
                let found: Option<CredentialsRow> =
                    cx.row(Table::Credentials, self.id.get(), Key::empty())?;
                Outcome::json(&found.ok_or_else(ApiError::unauthorized)?.password)
            }
            Op::SetPassword { password, keep } => {
                self.write_password(cx, password);
                let others = self.tokens.values().filter(|token| token.kind == Kind::User);
                let others = others.map(|token| token.session).filter(|session| session != keep).collect();
                self.end(cx, others);
                Outcome::EMPTY
            }
            Op::Add { tokens, using, alone } => self.add(cx, tokens, *using, *alone),
            Op::Find { hash } => {
                let token = self.tokens.values().find(|token| token.hash == *hash).cloned();
                Ok(Outcome::Answer(found(token, cx.now_ms)?))
            }
            Op::List => Outcome::json(&self.tokens.values().collect::<Vec<_>>()),
            Op::End { sessions } => {
                self.end(cx, sessions.clone());
                Outcome::EMPTY
            }
            Op::Close => {
                cx.delete(Table::Credentials, self.id.get(), Key::empty());
                self.end(cx, self.tokens.keys().copied().collect());
                Outcome::EMPTY
            }
            Op::Applications => Outcome::json(&self.applications(cx)?),
            Op::AddApplication { application } => {
                let own = self.applications(cx)?;
                if own.len() >= APPLICATIONS_MAX && !own.contains(application) {
                    return Err(ApiError::application_limit().into());
                }
                cx.put(Table::UserApplications, self.id.get(), application.get(), &());
                Outcome::EMPTY
            }
            Op::RemoveApplication { application } => {
                cx.delete(Table::UserApplications, self.id.get(), application.get());
                Outcome::EMPTY
            }
        }
    }
}

/// What is answered to whoever looks a token up.
fn found(token: Option<TokenRow>, now_ms: u64) -> Reply {
    let token = token.filter(|token| token.works_at(now_ms)).ok_or_else(ApiError::unauthorized)?;
    Ok(Answer::Token(Box::new(token)))
}

impl Account {
    fn open(&mut self, cx: &mut Cx<'_>, password: &str, token: &TokenRow) -> Result<Outcome, Stop> {
        if cx.has_row(Table::Credentials, self.id.get(), Key::empty())? {
            return Err(ApiError::bad_request().message("The account has a password.").into());
        }
        self.write_password(cx, password);
        self.write_token(cx, token.clone());
        Outcome::EMPTY
    }

    fn write_password(&self, cx: &mut Cx<'_>, password: &str) {
        let changed_at = Timestamp::from_ms(cx.now_ms);
        let row = CredentialsRow { password: password.to_owned(), changed_at };
        cx.put(Table::Credentials, self.id.get(), Key::empty(), &row);
    }

    fn write_token(&mut self, cx: &mut Cx<'_>, token: TokenRow) {
        cx.put(Table::UserTokens, self.id.get(), token.session.get(), &token);
        self.tokens.insert(token.session, token);
    }

    fn add(
        &mut self,
        cx: &mut Cx<'_>,
        tokens: &[TokenRow],
        using: Option<AuthSessionId>,
        alone: bool,
    ) -> Result<Outcome, Stop> {
        if let Some(using) = using {
            let used = self.tokens.get(&using).filter(|token| token.works_at(cx.now_ms));
            used.ok_or_else(ApiError::unauthorized)?;
        }
        let mut ended: Vec<AuthSessionId> = using.into_iter().collect();
        if alone {
            ended = self.tokens.keys().copied().collect();
        }
        self.end(cx, ended);
        for token in tokens {
            self.write_token(cx, token.clone());
        }
        self.end_surplus(cx);
        Outcome::EMPTY
    }

    /// Ends what has expired, and the oldest beyond the limits.
    fn end_surplus(&mut self, cx: &mut Cx<'_>) {
        let (mut logins, mut grants, mut ended) = (Vec::new(), Vec::new(), Vec::new());
        for token in self.tokens.values() {
            match token.kind {
                _ if !token.works_at(cx.now_ms) => ended.push(token.session),
                Kind::User => logins.push(token.session),
                _ => grants.push(token.session),
            }
        }
        ended.extend(&logins[..logins.len().saturating_sub(LOGINS_MAX)]);
        ended.extend(&grants[..grants.len().saturating_sub(GRANTS_MAX)]);
        self.end(cx, ended);
    }

    fn end(&mut self, cx: &mut Cx<'_>, sessions: Vec<AuthSessionId>) {
        let ended: Vec<TokenRow> =
            sessions.iter().filter_map(|session| self.tokens.remove(session)).collect();
        if ended.is_empty() {
            return;
        }
        for token in &ended {
            cx.delete(Table::UserTokens, self.id.get(), token.session.get());
        }
        let hashes = ended.iter().map(|token| token.hash.clone()).collect();
        cx.publish(Publication::Everywhere(identity::Op::Revoked { hashes }));
        // Sockets are opened with logins and with tokens of bots only.
        let opens = |token: &&TokenRow| matches!(token.kind, Kind::User | Kind::Bot { .. });
        let auth_sessions: Vec<u64> = ended.iter().filter(opens).map(|token| token.session.get()).collect();
        if !auth_sessions.is_empty() {
            let op = user::Op::Account(user::account::Op::LoggedOut { auth_sessions });
            cx.effect(Effect::User { user: self.id, op });
        }
    }

    fn applications(&self, cx: &mut Cx<'_>) -> Result<Vec<ApplicationId>, Stop> {
        let rows = cx.scan(Table::UserApplications, self.id.get(), Range::all(2 * APPLICATIONS_MAX))?;
        Ok(rows.iter().filter_map(|row| row.key.to_id()).map(ApplicationId::new).collect())
    }
}
