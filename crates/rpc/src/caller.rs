//! On whose behalf an operation is asked for.

use consort_model::{ApplicationId, Intents, UserId};
use serde::{Deserialize, Serialize};

/// The authenticated origin of a call. Edges fill it in; owners check permissions against it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    /// The account. Zero for the system itself.
    pub user: UserId,
    /// Whether the account is a bot.
    pub bot: bool,
    /// The application behind a bot, or behind an OAuth2 token.
    pub application: Option<ApplicationId>,
    /// The decoded `X-Audit-Log-Reason`, 1 to 512 characters.
    pub reason: Option<String>,
    /// Whether the call comes from another owner and needs no permission.
    pub system: bool,
    /// The privileged intents that the caller's application does not have: owners leave out of answers, or refuse, what those
    /// guard (Gateway, "HTTP Restrictions").
    #[serde(default = "Intents::empty")]
    pub lacks: Intents,
}

impl Caller {
    /// A person or a bot, without a reason.
    pub fn user(user: UserId, bot: bool) -> Self {
        Self { user, bot, application: None, reason: None, system: false, lacks: Intents::empty() }
    }

    /// Another owner of this system.
    pub fn system() -> Self {
        Self { system: true, ..Self::user(UserId::new(0), false) }
    }
}
