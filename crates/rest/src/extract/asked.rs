//! Who is asked: the guild or the channel that a path names, by who calls.

use std::ops::Deref;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use consort_model::{ApiError, ChannelId, GuildId};
use consort_rpc::guild::may::May;
use consort_rpc::{Reply, guild, message, private};
use http::request::Parts;

use super::{Auth, Ids, JsonBody, Segments, UnreadJson};
use crate::files::Kept;
use crate::{Answered, App, ChannelOwner, Failure, answer};

/// The guild of a path, and what else the path names: `guild: InGuild` for `/guilds/{guild_id}/…`,
/// `InGuild(guild, role): InGuild<RoleId>` for `/guilds/{guild_id}/…/{role_id}`.
#[derive(Debug)]
pub struct InGuild<T = ()>(pub AskGuild, pub T);

/// The channel of a path, and what else the path names, as [`InGuild`] has a guild.
#[derive(Debug)]
pub struct InChannel<T = ()>(pub AskChannel, pub T);

/// A guild, to be asked by who calls and for the reason that the audit log is given.
#[derive(Debug)]
pub struct AskGuild {
    /// What handlers share.
    pub app: Arc<App>,
    /// Who calls.
    pub auth: Auth,
    /// The guild.
    pub id: GuildId,
}

impl AskGuild {
    /// Asks it.
    pub async fn call(&self, op: impl Into<guild::Op>) -> Reply {
        self.app.guilds.call(self.id.get(), self.auth.caller(), op.into()).await
    }

    /// Asks it and passes its reply on.
    ///
    /// # Errors
    /// Never; the type is that of handlers. The owner's refusal is in the response.
    pub async fn ask(&self, op: impl Into<guild::Op>) -> Answered {
        Ok(answer(self.call(op).await))
    }

    /// Asks it about something that files were stored for, and passes its reply on.
    ///
    /// # Errors
    /// As [`AskGuild::ask`].
    pub(crate) async fn ask_with(&self, kept: Kept, op: impl Into<guild::Op>) -> Answered {
        let reply = self.call(op).await;
        kept.settle(&self.app, &reply).await;
        Ok(answer(reply))
    }

    /// Another guild, to be asked by the same.
    pub fn other(&self, id: GuildId) -> Self {
        Self { app: self.app.clone(), auth: self.auth.clone(), id }
    }

    /// Reads a body that may be large, of who may do what it asks for.
    ///
    /// # Errors
    /// As those of the act, and those of reading.
    pub async fn read(&self, body: UnreadJson, act: May) -> Result<JsonBody, Failure> {
        self.call(act).await?;
        body.read().await
    }
}

/// A channel, to be asked by who calls.
#[derive(Debug)]
pub struct AskChannel {
    /// What handlers share.
    pub app: Arc<App>,
    /// Who calls.
    pub auth: Auth,
    /// The channel.
    pub id: ChannelId,
}

impl AskChannel {
    /// Asks its conversation, whoever owns it.
    ///
    /// # Errors
    /// 404/10003 when there is no such channel, or the owner's refusal.
    pub async fn call(&self, op: message::Op) -> Result<Reply, Failure> {
        self.app.call_message(self.id, self.auth.caller(), op).await
    }

    /// Asks its conversation and passes the reply on.
    ///
    /// # Errors
    /// As [`AskChannel::call`].
    pub async fn ask(&self, op: message::Op) -> Answered {
        self.call(op).await.map(answer)
    }

    /// Asks its conversation about something that files were stored for, and passes the reply on.
    ///
    /// # Errors
    /// As [`AskChannel::call`].
    pub(crate) async fn ask_with(&self, kept: Kept, op: message::Op) -> Answered {
        let reply = self.call(op).await?;
        kept.settle(&self.app, &reply).await;
        Ok(answer(reply))
    }

    /// Another channel, to be asked by the same.
    pub fn other(&self, id: ChannelId) -> Self {
        Self { app: self.app.clone(), auth: self.auth.clone(), id }
    }

    /// The guild that it is in; `None` for a private channel.
    ///
    /// # Errors
    /// 404/10003 when there is no such channel.
    pub async fn owner(&self) -> Result<Option<AskGuild>, Failure> {
        Ok(match self.app.place(self.id).await? {
            ChannelOwner::Guild(id) => Some(AskGuild { app: self.app.clone(), auth: self.auth.clone(), id }),
            ChannelOwner::Private => None,
        })
    }

    /// The guild that it is in.
    ///
    /// # Errors
    /// 404/10003 when there is no such channel, 400/50024 when it is a private one.
    pub async fn guild(&self) -> Result<AskGuild, Failure> {
        Ok(self.owner().await?.ok_or_else(ApiError::cannot_execute_on_dm)?)
    }

    /// Asks the guild that it is in, and passes the reply on.
    ///
    /// # Errors
    /// As [`AskChannel::guild`].
    pub async fn ask_guild(&self, op: impl Into<guild::Op>) -> Answered {
        self.guild().await?.ask(op).await
    }

    /// Asks it as the private channel that it is.
    pub async fn call_private(&self, op: private::Op) -> Reply {
        self.app.privates.call(self.id.get(), self.auth.caller(), op).await
    }

    /// Asks it as the private channel that it is, and passes the reply on.
    ///
    /// # Errors
    /// Never, as [`AskGuild::ask`].
    pub async fn ask_private(&self, op: private::Op) -> Answered {
        Ok(answer(self.call_private(op).await))
    }
}

macro_rules! asked {
    ($($name:ident $asked:ident $id:ident,)+) => {$(
        impl<T> Deref for $name<T> {
            type Target = $asked;

            fn deref(&self) -> &$asked {
                &self.0
            }
        }

        impl<T: Segments> FromRequestParts<Arc<App>> for $name<T> {
            type Rejection = Failure;

            async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Failure> {
                let auth = Auth::from_request_parts(parts, app).await?;
                let Ids((id, rest)) = Ids::<($id, T)>::from_request_parts(parts, app).await?;
                Ok(Self($asked { app: app.clone(), auth, id }, rest))
            }
        }
    )+};
}
asked! {
    InGuild AskGuild GuildId,
    InChannel AskChannel ChannelId,
}
