//! The state machine of an application.

use std::collections::BTreeMap;

use consort_actor::{Core, Cx, Outcome, Stop};
use consort_files::{Kind, name, orphans};
use consort_model::{ApiError, Application as Model, ApplicationId, InteractionId};
use consort_rpc::application::{self, Op};
use consort_rpc::{Publication, identity};
use consort_store::{BoxFuture, Error, Key, Range, Row, Scan, StoreRef, Table, row};
use serde::{Deserialize, Serialize};

use crate::edit::Edit;
use crate::interactions::{self, Waiting};
use crate::keys;

/// Applications that stay on a node.
const RUNNING_MAX: usize = 4096;

/// The row of a client secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct SecretRow {
    /// Its SHA-256 in hexadecimal.
    hash: String,
}

/// The owner of an application.
#[derive(Debug)]
pub struct Application {
    pub(crate) id: ApplicationId,
    /// `None` until it is made, and when it is gone.
    pub(crate) model: Option<Model>,
    /// Interactions that wait for their first answer.
    pub(crate) waiting: BTreeMap<InteractionId, Waiting>,
    /// When interactions whose time is over were forgotten last, Unix milliseconds.
    pub(crate) swept_ms: u64,
}

impl Core for Application {
    type Service = application::Application;

    const RUNNING_MAX: usize = RUNNING_MAX;

    fn first_scans(key: u64) -> Vec<Scan> {
        vec![Scan { table: Table::Applications, partition: key, range: Range::one(Key::empty()) }]
    }

    fn load(
        key: u64,
        first: Vec<Vec<Row>>,
        store: StoreRef,
        now_ms: u64,
    ) -> BoxFuture<'static, Result<Option<Self>, Error>> {
        Box::pin(async move {
            let Some(row) = first.first().and_then(|rows| rows.first()) else { return Ok(None) };
            let model: Model = row::decode(&row.value)?;
            let waiting = interactions::load(key, &store, now_ms).await?;
            Ok(Some(Self { model: Some(model), waiting, ..Self::empty(key) }))
        })
    }

    fn vacant(key: u64) -> Option<Self> {
        Some(Self::empty(key))
    }

    fn not_found() -> ApiError {
        ApiError::unknown_application()
    }

    fn handle(&mut self, cx: &mut Cx<'_>, op: &Op) -> Result<Outcome, Stop> {
        if !cx.caller.system {
            return Err(ApiError::missing_access().into());
        }
        let Some(model) = &self.model else {
            return match op {
                Op::Found { application } => self.found(cx, application),
                // Gone already.
                Op::Delete => Outcome::EMPTY,
                _ => Err(Self::not_found().into()),
            };
        };
        match op {
            Op::Get | Op::Found { .. } => Outcome::json(model),
            Op::Change { body, icon } => {
                let edit = Edit::read(body)?;
                let mut model = model.clone();
                edit.apply(&mut model, icon);
                self.become_model(cx, model)
            }
            Op::SetBot { bot } => {
                let model = Model { bot: Some((**bot).clone()), ..model.clone() };
                self.become_model(cx, model)
            }
            Op::Delete => self.delete(cx),
            Op::SetSecret { hash } => {
                let row = SecretRow { hash: hash.clone() };
                cx.put(Table::Applications, self.id.get(), Key::text(keys::SECRET), &row);
                Outcome::EMPTY
            }
            Op::CheckSecret { hash } => {
                let row: Option<SecretRow> =
                    cx.row(Table::Applications, self.id.get(), Key::text(keys::SECRET))?;
                // Hashes are compared, so the time it takes says nothing of the secret.
                Outcome::json(&row.is_some_and(|row| row.hash == *hash))
            }
            Op::SigningKey { seed, verify_key } => self.signing_key(cx, seed, verify_key),
            Op::Connection(op) => self.handle_connection(cx, op),
            Op::Emoji(op) => self.handle_emoji(cx, op),
            Op::Command(op) => self.handle_command(cx, op),
            Op::Interaction(op) => self.handle_interaction(cx, op),
        }
    }

    fn next_deadline_ms(&self) -> Option<u64> {
        self.next_failure_ms()
    }

    fn tick(&mut self, cx: &mut Cx<'_>) {
        self.fail_unanswered(cx);
    }

    fn is_idle(&self) -> bool {
        self.waiting.is_empty()
    }

    fn is_over(&self) -> bool {
        self.model.is_none()
    }
}

impl Application {
    fn empty(key: u64) -> Self {
        Self { id: ApplicationId::new(key), model: None, waiting: BTreeMap::new(), swept_ms: 0 }
    }

    fn found(&mut self, cx: &mut Cx<'_>, model: &Model) -> Result<Outcome, Stop> {
        cx.put(Table::Applications, self.id.get(), Key::empty(), model);
        self.model = Some(model.clone());
        Outcome::json(model)
    }

    fn become_model(&mut self, cx: &mut Cx<'_>, model: Model) -> Result<Outcome, Stop> {
        if self.model.as_ref() != Some(&model) {
            let old = self.model.as_ref().and_then(|model| model.icon.as_deref());
            let of = (Kind::AppIcon, self.id.get());
            orphans::replace_image(&mut cx.batch, cx.now_ms, of, old, model.icon.as_deref());
            cx.put(Table::Applications, self.id.get(), Key::empty(), &model);
            cx.publish(Publication::Everywhere(identity::Op::Changed { application: self.id }));
        }
        let outcome = Outcome::json(&model);
        self.model = Some(model);
        outcome
    }

    /// Applications of before have a public key without its other half; they get both.
    fn signing_key(&mut self, cx: &mut Cx<'_>, seed: &str, verify_key: &str) -> Result<Outcome, Stop> {
        let key = || Key::text(keys::SIGNING);
        let kept: Option<String> = cx.row(Table::Applications, self.id.get(), key())?;
        if let Some(kept) = kept {
            return Outcome::json(&kept);
        }
        cx.put(Table::Applications, self.id.get(), key(), seed);
        if let Some(model) = self.model.clone() {
            self.become_model(cx, Model { verify_key: verify_key.to_owned(), ..model })?;
        }
        Outcome::json(seed)
    }

    fn delete(&mut self, cx: &mut Cx<'_>) -> Result<Outcome, Stop> {
        for emoji in self.emojis(cx)? {
            orphans::release(&mut cx.batch, &name::emoji(emoji.id.get()), cx.now_ms);
        }
        let icon = self.model.as_ref().and_then(|model| model.icon.as_deref());
        orphans::replace_image(&mut cx.batch, cx.now_ms, (Kind::AppIcon, self.id.get()), icon, None);
        cx.batch.delete_partition(Table::Applications, self.id.get());
        cx.batch.delete_partition(Table::Commands, self.id.get());
        cx.publish(Publication::Everywhere(identity::Op::Changed { application: self.id }));
        self.model = None;
        self.waiting.clear();
        Outcome::EMPTY
    }
}
