//! The account's row: names, pictures, address.

use consort_actor::{Cx, Outcome, Stop};
use consort_files::{Kind, orphans};
use consort_model::ApiError;
use consort_model::object::account::{UserRow, username_key};
use consort_rpc::name::MARGIN_MS;
use consort_rpc::user::account::{Op, Update};
use consort_rpc::{Effect, guild, private};
use consort_store::{Key, Table};

use super::User;

impl User {
    pub(super) fn handle_account(&mut self, cx: &mut Cx<'_>, op: &Op) -> Result<Outcome, Stop> {
        self.require_self(cx)?;
        match op {
            Op::Row => {
                Self::require_system(cx)?;
                Outcome::json(&self.row)
            }
            Op::Found { .. } => {
                Self::require_system(cx)?;
                Outcome::json(&self.row)
            }
            Op::Get => Outcome::json(&self.row.current),
            Op::Guilds => Outcome::json(&self.guilds.keys().collect::<Vec<_>>()),
            Op::Profile { user, mutual_guilds, mutual_friends } => {
                self.profile(cx, *user, *mutual_guilds, *mutual_friends)
            }
            Op::Update(update) => self.update(cx, update),
            Op::LoggedOut { auth_sessions } => {
                self.end_logins(cx, auth_sessions);
                Outcome::EMPTY
            }
            Op::Disable => self.disable(cx),
        }
    }

    /// Makes an account that is not there yet.
    pub(super) fn found(&mut self, cx: &mut Cx<'_>, row: &UserRow, until_ms: u64) -> Result<Outcome, Stop> {
        Self::require_system(cx)?;
        if cx.now_ms + MARGIN_MS > until_ms {
            return Err(ApiError::overloaded().into());
        }
        cx.put(Table::Users, self.id.get(), Key::empty(), row);
        *self = super::load::blank(self.id, row.clone(), cx.now_ms);
        Outcome::json(&self.row)
    }

    fn update(&mut self, cx: &mut Cx<'_>, update: &Update) -> Result<Outcome, Stop> {
        let mut row = self.row.clone();
        apply(&mut row, update);
        let takes = name_key(&self.row) != name_key(&row) || self.row.current.email != row.current.email;
        if takes && cx.now_ms + MARGIN_MS > update.reserved_until_ms {
            return Err(ApiError::overloaded().into());
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
        for guild in self.guilds.keys() {
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
