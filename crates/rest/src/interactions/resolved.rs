//! What the ids of an interaction stand for, as the person sees it ("Resolved Data Structure").

use consort_model::{ChannelId, Member, UserId};
use consort_rpc::guild::Rights;
use consort_rpc::{Caller, guild};
use serde_json::{Map, Value, json};

use super::context::{Asking, Context, InGuild, channel_of, read};
use super::named::{Findings, Named, What};
use crate::Failure;

/// Looks up what is named. What there is not, or cannot be seen, is noted as wrong if `strict`, and left out otherwise.
///
/// # Errors
/// 503 when it cannot be looked up.
pub async fn resolve(
    asking: Asking<'_>,
    found: &mut Findings,
    strict: bool,
    resolved: &mut Map<String, Value>,
) -> Result<(), Failure> {
    for Named { path, what, id } in std::mem::take(&mut found.named) {
        let known = match &what {
            What::User => user(asking, id, resolved).await?,
            What::Role => role(asking.context, id, resolved),
            What::Mentionable => role(asking.context, id, resolved) || user(asking, id, resolved).await?,
            What::Channel(types) => channel(asking, id, types, resolved).await?,
            What::File => true,
        };
        if !known && strict {
            found.wrong(&path, "BASE_TYPE_CHOICES", "Value is not one of those allowed.");
        }
        found.named.push(Named { path, what, id });
    }
    Ok(())
}

fn put(resolved: &mut Map<String, Value>, kind: &str, id: u64, value: Value) {
    let of_kind = resolved.entry(kind).or_insert_with(|| json!({}));
    of_kind[id.to_string()] = value;
}

/// Whether a lookup said that there is none, or none for this person.
fn none_if_refused<T>(found: Result<T, Failure>) -> Result<Option<T>, Failure> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(Failure(error)) if error.status < 500 => Ok(None),
        Err(failure) => Err(failure),
    }
}

async fn user(asking: Asking<'_>, id: u64, resolved: &mut Map<String, Value>) -> Result<bool, Failure> {
    let Asking { app, auth, context } = asking;
    let user = UserId::new(id);
    let Some(account) = none_if_refused(app.account(user).await)? else { return Ok(false) };
    put(resolved, "users", id, json!(account.current.user));
    let Some(InGuild { guild, .. }) = &context.guild else { return Ok(true) };
    let op = guild::Op::Member(guild::member::Op::Get { user });
    let member = app.guilds.call(guild.id.get(), auth.caller(), op).await.map_err(Failure);
    if let Some(answer) = none_if_refused(member)? {
        let member: Member = read(&answer)?;
        let caller = Caller::user(user, account.current.user.bot);
        let rights = context.rights(app, caller, context.channel.id).await?;
        put(resolved, "members", id, partial_member(&member, rights));
    }
    Ok(true)
}

fn role(context: &Context, id: u64, resolved: &mut Map<String, Value>) -> bool {
    let roles = context.guild.as_ref().map(|of| &of.guild.roles[..]).unwrap_or_default();
    let Some(role) = roles.iter().find(|role| role.id.get() == id) else { return false };
    put(resolved, "roles", id, json!(role));
    true
}

async fn channel(
    asking: Asking<'_>,
    id: u64,
    types: &[u8],
    resolved: &mut Map<String, Value>,
) -> Result<bool, Failure> {
    let Asking { app, auth, context } = asking;
    let Some(InGuild { guild, .. }) = &context.guild else { return Ok(false) };
    let found = channel_of(app, auth.caller(), guild.id, ChannelId::new(id)).await;
    let Some(channel) = none_if_refused(found)? else { return Ok(false) };
    if !types.is_empty() && !types.iter().any(|kind| u16::from(*kind) == channel.kind.number()) {
        return Ok(false);
    }
    let mut shown = json!(channel);
    let rights = context.rights(app, auth.caller(), channel.id).await?;
    shown["permissions"] = json!(rights.permissions);
    put(resolved, "channels", id, shown);
    Ok(true)
}

/// A member without what stands beside it, with its rights where the interaction is.
fn partial_member(member: &Member, rights: Rights) -> Value {
    let mut shown = json!(member);
    if let Some(fields) = shown.as_object_mut() {
        for beside in ["user", "deaf", "mute"] {
            fields.shift_remove(beside);
        }
    }
    shown["permissions"] = json!(rights.permissions);
    shown
}
