//! Interactions: begun by a person, answered by the application. What may race (two answers) is decided here.

use std::collections::BTreeMap;
use std::ops::Bound;

use consort_actor::{Cx, Outcome, Stop};
use consort_model::limits::{INTERACTION_ANSWER_MS, INTERACTION_TOKEN_MS};
use consort_model::snowflake::{self, EPOCH_MS};
use consort_model::{ApiError, GuildId, Intents, InteractionId, MessageId, UserId};
use consort_rpc::application::{Interaction, InteractionOp as Op, Settled, State};
use consort_rpc::{Audience, Event};
use consort_store::{Error, Range, StoreExt as _, StoreRef, Table};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{Application, keys};

/// What more than [`INTERACTION_ANSWER_MS`] is let through, in milliseconds.
const ANSWER_GRACE_MS: u64 = 2000;
/// Between two times that what is over is forgotten.
const SWEEP_MS: u64 = 60_000;
/// Rows of a kind that one interaction sweeps away.
const SWEPT_MAX: usize = 128;
/// Interactions that wait for an answer and are looked for when the owner is loaded.
const WAITING_MAX: usize = 1000;
/// The kind of those that nobody waits for: a command is typed.
const AUTOCOMPLETE: u8 = 4;

/// Who waits for the first answer to an interaction.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Waiting {
    user: UserId,
    nonce: Option<Value>,
}

/// The row of a message that one person sees.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct ShownRow {
    user: UserId,
    message: Value,
}

/// The interactions that wait for their first answer, from the rows.
pub(crate) async fn load(
    application: u64,
    store: &StoreRef,
    now_ms: u64,
) -> Result<BTreeMap<InteractionId, Waiting>, Error> {
    let since = snowflake::at(now_ms.saturating_sub(2 * INTERACTION_ANSWER_MS).max(EPOCH_MS));
    let range = Range {
        from: Bound::Included(keys::numbered(keys::INTERACTIONS, since)),
        ..Range::prefix(keys::INTERACTIONS, WAITING_MAX)
    };
    let rows = store.scan_rows::<Interaction>(Table::Applications, application, range).await?;
    let waiting = rows.into_iter().map(|(_, row)| row).filter(waits);
    Ok(waiting.map(|row| (row.id, Waiting { user: row.user, nonce: row.nonce })).collect())
}

fn waits(row: &Interaction) -> bool {
    row.state == State::Pending && row.kind != AUTOCOMPLETE
}

/// An event for every session of somebody; for those of a bot, the shard of the guild.
fn event(name: &'static str, guild: Option<GuildId>, d: &Value) -> Event {
    let mut event = Event::new(name, Intents::empty(), Audience::all(), d);
    event.guild = guild;
    event
}

/// What a person is told of its interaction.
fn outcome(id: InteractionId, nonce: Option<&Value>) -> Value {
    json!({"id": id, "nonce": nonce, "reason_code": null})
}

impl Application {
    pub(crate) fn handle_interaction(&mut self, cx: &mut Cx<'_>, op: &Op) -> Result<Outcome, Stop> {
        match op {
            Op::Begin { interaction, payload, over_http } => self.begin(cx, interaction, payload, *over_http),
            Op::Get { interaction, hash } => {
                Outcome::json(&self.interaction(cx, *interaction, hash.as_deref())?)
            }
            Op::Claim { interaction, hash } => {
                let row = self.interaction(cx, *interaction, Some(hash))?;
                if row.state != State::Pending {
                    return Err(ApiError::interaction_already_answered().into());
                }
                if cx.now_ms > row.id.timestamp_ms() + INTERACTION_ANSWER_MS + ANSWER_GRACE_MS {
                    return Err(ApiError::unknown_interaction().into());
                }
                self.claim(cx, row)
            }
            Op::ClaimDeferred { interaction, hash } => {
                let row = self.interaction(cx, *interaction, Some(hash))?;
                if row.state != State::Deferred {
                    return Err(ApiError::interaction_already_answered().into());
                }
                self.claim(cx, row)
            }
            Op::Unclaim { interaction, state } => {
                let row = self.interaction(cx, *interaction, None)?;
                self.keep_interaction(cx, &Interaction { state: *state, ..row });
                Outcome::EMPTY
            }
            Op::Settle { interaction, settled, choices } => {
                self.settle(cx, *interaction, settled, choices.as_ref())
            }
            Op::Show { interaction, message, body, shown, is_new } => {
                let name = if *is_new { "MESSAGE_CREATE" } else { "MESSAGE_UPDATE" };
                self.show(cx, *interaction, *message, body, event(name, None, shown))
            }
            Op::Shown { message, user } => {
                let row = self.shown(cx, *message)?.filter(|row| row.user == *user);
                Outcome::json(&row.map(|row| row.message))
            }
            Op::Hide { interaction, message } => {
                let row = self.interaction(cx, *interaction, None)?;
                cx.delete(Table::Applications, self.id.get(), keys::message(*message));
                let gone = json!({"id": message, "channel_id": row.channel, "guild_id": row.guild});
                cx.deliver(row.user, event("MESSAGE_DELETE", None, &gone));
                Outcome::EMPTY
            }
        }
    }

    fn begin(
        &mut self,
        cx: &mut Cx<'_>,
        row: &Interaction,
        payload: &Value,
        over_http: bool,
    ) -> Result<Outcome, Stop> {
        self.sweep(cx)?;
        self.keep_interaction(cx, row);
        if row.kind != AUTOCOMPLETE {
            let made = json!({"id": row.id, "nonce": row.nonce});
            cx.deliver(row.user, event("INTERACTION_CREATE", None, &made));
        }
        if !over_http {
            cx.deliver(self.id.cast(), event("INTERACTION_CREATE", row.guild, payload));
        }
        Outcome::EMPTY
    }

    /// Forgets some of what is over, row by row: ranges that are deleted again and again are a burden to the reads of a
    /// distributed store. With more than [`SWEPT_MAX`] rows the next interaction goes on.
    fn sweep(&mut self, cx: &mut Cx<'_>) -> Result<(), Stop> {
        if cx.now_ms < self.swept_ms + SWEEP_MS {
            return Ok(());
        }
        // By whole minutes, so that the ranges are the same when the call comes again with what they hold.
        let minute = cx.now_ms - cx.now_ms % SWEEP_MS;
        let over = snowflake::at(minute.saturating_sub(INTERACTION_TOKEN_MS + SWEEP_MS).max(EPOCH_MS));
        let mut rows = Vec::new();
        for prefix in [keys::INTERACTIONS, keys::MESSAGES] {
            let range = Range::between(keys::numbered(prefix, 0), keys::numbered(prefix, over), SWEPT_MAX);
            rows.push(cx.scan(Table::Applications, self.id.get(), range)?);
        }
        if rows.iter().all(|rows| rows.len() < SWEPT_MAX) {
            self.swept_ms = cx.now_ms;
        }
        for row in rows.into_iter().flatten() {
            cx.delete(Table::Applications, self.id.get(), row.key);
        }
        Ok(())
    }

    fn interaction(
        &self,
        cx: &mut Cx<'_>,
        id: InteractionId,
        hash: Option<&str>,
    ) -> Result<Interaction, Stop> {
        let row: Option<Interaction> = cx.row(Table::Applications, self.id.get(), keys::interaction(id))?;
        let fits = |row: &Interaction| {
            hash.is_none_or(|hash| row.token_hash == hash)
                && cx.now_ms <= id.timestamp_ms() + INTERACTION_TOKEN_MS
        };
        Ok(row.filter(fits).ok_or_else(ApiError::unknown_interaction)?)
    }

    fn keep_interaction(&mut self, cx: &mut Cx<'_>, row: &Interaction) {
        cx.put(Table::Applications, self.id.get(), keys::interaction(row.id), row);
        if waits(row) {
            self.waiting.insert(row.id, Waiting { user: row.user, nonce: row.nonce.clone() });
        } else {
            self.waiting.remove(&row.id);
        }
    }

    /// Answers the interaction as it was, and marks it as answered.
    fn claim(&mut self, cx: &mut Cx<'_>, row: Interaction) -> Result<Outcome, Stop> {
        let claimed = Interaction { state: State::Answered, ..row.clone() };
        self.keep_interaction(cx, &claimed);
        Outcome::json(&row)
    }

    fn settle(
        &mut self,
        cx: &mut Cx<'_>,
        id: InteractionId,
        settled: &Settled,
        choices: Option<&Value>,
    ) -> Result<Outcome, Stop> {
        let row = self.interaction(cx, id, None)?;
        let Settled { state, ephemeral, original, form, told } = settled.clone();
        let shows = form.is_some();
        let row = Interaction { state, ephemeral, original, form: form.or(row.form), ..row };
        self.keep_interaction(cx, &row);
        if let Some(choices) = choices {
            let offered = json!({"choices": choices, "nonce": row.nonce});
            cx.deliver(row.user, event("APPLICATION_COMMAND_AUTOCOMPLETE_RESPONSE", None, &offered));
        }
        if let Some(form) = row.form.as_ref().filter(|_| shows) {
            let shown = json!({
                "id": row.id,
                "channel_id": row.channel,
                "title": form.title,
                "custom_id": form.custom_id,
                "components": form.components,
                "application": {"id": row.application},
                "nonce": row.nonce,
            });
            cx.deliver(row.user, event("INTERACTION_MODAL_CREATE", None, &shown));
        }
        if told && row.kind != AUTOCOMPLETE {
            let done = outcome(row.id, row.nonce.as_ref());
            cx.deliver(row.user, event("INTERACTION_SUCCESS", None, &done));
        }
        Outcome::EMPTY
    }

    fn show(
        &mut self,
        cx: &mut Cx<'_>,
        id: InteractionId,
        message: MessageId,
        body: &Value,
        event: Event,
    ) -> Result<Outcome, Stop> {
        let row = self.interaction(cx, id, None)?;
        let kept = ShownRow { user: row.user, message: body.clone() };
        cx.put(Table::Applications, self.id.get(), keys::message(message), &kept);
        cx.deliver(row.user, event);
        Outcome::EMPTY
    }

    fn shown(&self, cx: &mut Cx<'_>, message: MessageId) -> Result<Option<ShownRow>, Stop> {
        cx.row(Table::Applications, self.id.get(), keys::message(message))
    }

    /// When the next person is to be told that the application did not answer.
    pub(crate) fn next_failure_ms(&self) -> Option<u64> {
        self.waiting.first_key_value().map(|(id, _)| id.timestamp_ms() + INTERACTION_ANSWER_MS)
    }

    pub(crate) fn fail_unanswered(&mut self, cx: &mut Cx<'_>) {
        while let Some(first) = self.waiting.first_entry() {
            if first.key().timestamp_ms() + INTERACTION_ANSWER_MS > cx.now_ms {
                return;
            }
            let (id, Waiting { user, nonce }) = first.remove_entry();
            let failed = outcome(id, nonce.as_ref());
            cx.deliver(user, event("INTERACTION_FAILURE", None, &failed));
        }
    }
}
