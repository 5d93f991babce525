//! The account's row: names, pictures, address, password.

use consort_actor::{Cx, Outcome, Stop};
use consort_files::{Kind, orphans};
use consort_model::object::account::{
    AccountIndexRow, CredentialsRow, UserRow, index_partition, username_key,
};
use consort_model::{ApiError, Timestamp};
use consort_rpc::user::account::{Op, Update};
use consort_rpc::{Effect, guild, private};
use consort_store::{Key, Range, Table};

use super::User;

impl User {
    pub(super) fn handle_account(&mut self, cx: &mut Cx<'_>, op: &Op) -> Result<Outcome, Stop> {
        self.require_self(cx)?;
        match op {
            Op::Get => Outcome::json(&self.row.current),
            Op::Guilds => Outcome::json(&self.guilds),
            Op::Profile { user, mutual_guilds, mutual_friends } => {
                self.profile(cx, *user, *mutual_guilds, *mutual_friends)
            }
            Op::Update(update) => self.update(cx, update),
            Op::LoggedOut { auth_sessions } => {
                self.log_out(cx, |session| auth_sessions.contains(&session));
                if let Some(grace) = &mut self.grace {
                    grace.ended.extend(auth_sessions);
                }
                Outcome::EMPTY
            }
            Op::Disable => self.disable(cx),
        }
    }

    fn update(&mut self, cx: &mut Cx<'_>, update: &Update) -> Result<Outcome, Stop> {
        let mut row = self.row.clone();
        apply(&mut row, update);
        let names = (name_key(&self.row), name_key(&row));
        let emails = (self.row.current.email.clone(), row.current.email.clone());
        if names.0 != names.1 {
            check_free(cx, Table::UsernameIndex, &names.1, username_taken)?;
        }
        if let (before, Some(after)) = (&emails.0, &emails.1)
            && before.as_ref() != Some(after)
        {
            check_free(cx, Table::EmailIndex, after, email_taken)?;
        }
        let index = AccountIndexRow { user: self.id };
        if names.0 != names.1 {
            cx.on_conflict(username_taken());
            move_index(cx, Table::UsernameIndex, Some(&names.0), &names.1, &index);
        }
        if let (before, Some(after)) = (&emails.0, &emails.1)
            && before.as_ref() != Some(after)
        {
            if names.0 == names.1 {
                cx.on_conflict(email_taken());
            }
            move_index(cx, Table::EmailIndex, before.as_deref(), after, &index);
        }
        if let Some(password) = &update.password {
            let changed_at = Timestamp::from_ms(cx.now_ms);
            let credentials = CredentialsRow { password: password.clone(), changed_at };
            cx.put(Table::Credentials, self.id.get(), Key::empty(), &credentials);
        }
        self.become_row(cx, row);
        Outcome::json(&self.row.current)
    }

    /// Takes a changed row and tells everybody who shows the account.
    fn become_row(&mut self, cx: &mut Cx<'_>, row: UserRow) {
        if row == self.row {
            return;
        }
        cx.put(Table::Users, self.id.get(), Key::empty(), &row);
        let (now_ms, id, old, new) = (cx.now_ms, self.id.get(), self.row.user(), row.user());
        for (kind, old, new) in
            [(Kind::Avatar, &old.avatar, &new.avatar), (Kind::Banner, &old.banner, &new.banner)]
        {
            orphans::replace_image(&mut cx.batch, now_ms, (kind, id), old.as_deref(), new.as_deref());
        }
        let shown_changed = row.user() != self.row.user();
        let own_changed = row.current != self.row.current;
        self.row = row;
        if own_changed {
            let current = self.row.current.clone();
            self.tell(cx, "USER_UPDATE", &current);
        }
        if !shown_changed {
            return;
        }
        let user = self.row.user().clone();
        for guild in &self.guilds {
            let op = guild::gateway::Op::UserChanged { user: Box::new(user.clone()) };
            cx.effect(Effect::Guild { guild: *guild, op: guild::Op::Gateway(op) });
        }
        self.tell_channels(cx, |_| Some(private::Op::UserChanged { user: Box::new(user.clone()) }));
        self.tell_related(cx);
    }

    fn disable(&mut self, cx: &mut Cx<'_>) -> Result<Outcome, Stop> {
        Self::require_system(cx)?;
        let row = UserRow { disabled: true, ..self.row.clone() };
        self.become_row(cx, row);
        self.log_out(cx, |_| true);
        Outcome::EMPTY
    }
}

fn apply(row: &mut UserRow, update: &Update) {
    let current = &mut row.current;
    let user = &mut current.user;
    if let Some(username) = &update.username {
        user.username.clone_from(username);
    }
    update.global_name.clone().apply(&mut user.global_name);
    update.avatar.clone().apply(&mut user.avatar);
    update.banner.clone().apply(&mut user.banner);
    update.accent_color.apply(&mut user.accent_color);
    update.bio.clone().apply_or(&mut current.bio, String::new());
    update.pronouns.clone().apply_or(&mut current.pronouns, String::new());
    if let Some(email) = &update.email {
        current.email = Some(email.clone());
        // No mail is sent, so there is nothing to wait for.
        current.verified = true;
    }
    if let Some(locale) = &update.locale {
        current.locale.clone_from(locale);
    }
}

fn name_key(row: &UserRow) -> String {
    username_key(&row.user().username, &row.user().discriminator)
}

/// Refuses a name or address that somebody has. The precondition of the batch decides should two take it at once.
fn check_free(cx: &mut Cx<'_>, table: Table, key: &str, taken: fn() -> ApiError) -> Result<(), Stop> {
    let key = Key::text(key);
    let only = Range::between(&key, key.successor(), 1);
    let partition = index_partition(key.to_text().unwrap_or_default());
    if cx.scan(table, partition, only)?.is_empty() { Ok(()) } else { Err(taken().into()) }
}

fn move_index(cx: &mut Cx<'_>, table: Table, from: Option<&str>, to: &str, index: &AccountIndexRow) {
    cx.batch.require_absent(table, index_partition(to), Key::text(to));
    cx.put(table, index_partition(to), Key::text(to), index);
    if let Some(from) = from {
        cx.delete(table, index_partition(from), Key::text(from));
    }
}

fn username_taken() -> ApiError {
    let message = "Username is unavailable. Try adding numbers, letters, underscores _ , or periods.";
    ApiError::invalid_field("username", "USERNAME_ALREADY_TAKEN", message)
}

fn email_taken() -> ApiError {
    ApiError::invalid_field("email", "EMAIL_ALREADY_REGISTERED", "Email is already registered.")
}
