//! What one account may see of another.

use std::collections::BTreeSet;

use consort_actor::{Cx, Outcome, Stop};
use consort_model::object::account::UserRow;
use consort_model::{ApiError, User as UserObject, UserId};
use consort_store::limits::ROWS_MAX;
use consort_store::{Range, Table};
use serde_json::{Value, json};

use super::User;
use crate::limits::MUTUALS_MAX;
use crate::reads::{account_of, guilds_of};
use crate::rows::{RelationshipKind, RelationshipRow};

fn friends_of(cx: &mut Cx<'_>, user: UserId) -> Result<Vec<UserObject>, Stop> {
    let rows = cx.scan_rows::<RelationshipRow>(Table::Relationships, user.get(), Range::all(ROWS_MAX))?;
    let friends =
        rows.into_iter().map(|(_, row)| row).filter(|row| row.kind == Some(RelationshipKind::Friend));
    Ok(friends.map(|row| row.user).collect())
}

impl User {
    /// Answers another account's profile to those who share a guild with it, or know it otherwise.
    pub(super) fn profile(
        &mut self,
        cx: &mut Cx<'_>,
        of: UserId,
        with_guilds: bool,
        with_friends: bool,
    ) -> Result<Outcome, Stop> {
        self.require_self(cx)?;
        if of == self.id {
            return Outcome::json(&profile(&self.row));
        }
        let row = account_of(cx, of)?;
        let theirs = guilds_of(cx, of)?;
        let shared = self.guilds.keys().filter(|guild| theirs.contains(guild));
        let mutual: Vec<_> = shared.take(MUTUALS_MAX).copied().collect();
        let kind = self.relations.get(&of).and_then(|row| row.kind);
        let known = kind.is_some_and(|kind| kind != RelationshipKind::Blocked)
            || self.channels.values().any(|channel| channel.recipients.contains(&of));
        if mutual.is_empty() && !known {
            return Err(ApiError::missing_access().into());
        }
        let friends = friends_of(cx, of)?;
        let own: BTreeSet<_> = self.friend_ids().collect();
        let friends: Vec<_> =
            friends.into_iter().filter(|user| own.contains(&user.id)).take(MUTUALS_MAX).collect();
        let mut profile = profile(&row);
        profile["mutual_friends_count"] = json!(friends.len());
        if with_guilds {
            let shown: Vec<_> = mutual.iter().map(|id| json!({ "id": id, "nick": null })).collect();
            profile["mutual_guilds"] = json!(shown);
        }
        if with_friends {
            profile["mutual_friends"] = json!(friends);
        }
        Outcome::json(&profile)
    }
}

/// A profile without what depends on who looks.
fn profile(row: &UserRow) -> Value {
    let (current, user) = (&row.current, row.user());
    let mut profile = json!({
        "user": user,
        "connected_accounts": [],
        "premium_type": null,
        "premium_since": null,
        "premium_guild_since": null,
        "user_profile": {
            "bio": current.bio,
            "accent_color": user.accent_color,
            "banner": user.banner,
            "pronouns": current.pronouns,
            "theme_colors": null,
            "popout_animation_particle_id": null,
            "emoji": null,
            "profile_effect": null,
        },
        "badges": [],
        "guild_badges": [],
        "legacy_username": null,
    });
    // The bio is also where older clients look for it.
    profile["user"]["bio"] = json!(current.bio);
    if let Some(application) = row.application {
        profile["application"] = json!({ "id": application, "verified": false });
    }
    profile
}
