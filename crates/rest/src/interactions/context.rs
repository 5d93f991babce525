//! Where an interaction happens and who may do what there: asked of the owners, as the person who interacts.

use consort_model::{
    ApiError, Application, ApplicationId, Channel, ChannelId, Guild, GuildId, Member, Permissions, User,
    UserId,
};
use consort_rpc::guild::Rights;
use consort_rpc::{Answer, Caller, guild, private};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{App, Auth, ChannelOwner, Failure};

/// Who asks whom where, for the data of one interaction.
#[derive(Clone, Copy)]
pub struct Asking<'a> {
    /// The edge.
    pub app: &'a App,
    /// Who asks.
    pub auth: &'a Auth,
    /// Where.
    pub context: &'a Context,
}

/// The place of an interaction.
#[derive(Debug)]
pub struct Context {
    /// The application.
    pub application: Application,
    /// The person.
    pub user: User,
    /// The person's language.
    pub locale: String,
    /// The channel, as the person sees it.
    pub channel: Channel,
    /// The guild and the person's membership.
    pub guild: Option<InGuild>,
    /// The person's rights in the channel.
    pub permissions: Permissions,
    /// The application's rights in the channel.
    pub app_permissions: Permissions,
}

/// The part of a context that only guilds have.
#[derive(Debug)]
pub struct InGuild {
    /// The guild.
    pub guild: Guild,
    /// The person in it.
    pub member: Member,
    /// Whether the person may say nothing there for now.
    pub silenced: bool,
}

/// Rights in a DM: there are no roles, so this set is fixed (Permissions).
fn dm_permissions() -> Permissions {
    Permissions::VIEW_CHANNEL
        | Permissions::SEND_MESSAGES
        | Permissions::READ_MESSAGE_HISTORY
        | Permissions::EMBED_LINKS
        | Permissions::ATTACH_FILES
        | Permissions::ADD_REACTIONS
        | Permissions::USE_EXTERNAL_EMOJIS
        | Permissions::USE_APPLICATION_COMMANDS
}

/// Reads an owner's answer.
pub(super) fn read<T: DeserializeOwned>(answer: &Answer) -> Result<T, Failure> {
    crate::reply::read(answer).map_err(Failure)
}

/// A channel or thread of a guild.
///
/// # Errors
/// As the guild refuses.
pub(super) async fn channel_of(
    app: &App,
    caller: Caller,
    guild: GuildId,
    channel: ChannelId,
) -> Result<Channel, Failure> {
    let op = guild::Op::Channel(guild::channel::Op::Get { channel });
    let mut reply = app.guilds.call(guild.get(), caller.clone(), op).await;
    // Threads are asked for by an operation of their own.
    if reply.as_ref().is_err_and(|error| error.code == ApiError::unknown_channel().code) {
        let op = guild::Op::Thread { channel, op: guild::thread::Op::Get };
        reply = app.guilds.call(guild.get(), caller, op).await;
    }
    read(&reply?)
}

impl Context {
    /// Asks the owners.
    ///
    /// # Errors
    /// The owners' refusals; 404/10002 when the application is not there.
    pub async fn load(
        app: &App,
        auth: &Auth,
        application: ApplicationId,
        channel: ChannelId,
    ) -> Result<Self, Failure> {
        let application = app.application(application).await?;
        let account = app.account(auth.user_id()).await?.current;
        let (user, locale) = (account.user, account.locale);
        match app.place(channel).await? {
            ChannelOwner::Guild(guild) => {
                Self::in_guild(app, auth, application, (user, locale), guild, channel).await
            }
            ChannelOwner::Private => {
                let reply = app.privates.call(channel.get(), auth.caller(), private::Op::Get).await?;
                let channel: Channel = read(&reply)?;
                let bot: UserId = application.id.cast();
                if !channel.recipients.iter().flatten().any(|recipient| recipient.id == bot) {
                    return Err(Failure(ApiError::unknown_application()));
                }
                let (permissions, app_permissions) = (dm_permissions(), dm_permissions());
                Ok(Self { application, user, locale, channel, guild: None, permissions, app_permissions })
            }
        }
    }

    async fn in_guild(
        app: &App,
        auth: &Auth,
        application: Application,
        (user, locale): (User, String),
        id: GuildId,
        channel: ChannelId,
    ) -> Result<Self, Failure> {
        let bot = Caller::user(application.id.cast(), true);
        let ask = |caller: Caller, op| app.guilds.call(id.get(), caller, op);
        let own = || guild::Op::Member(guild::member::Op::Own);
        let guild = guild::Op::Settings(guild::settings::Op::Get { with_counts: false });
        let guild: Guild = read(&ask(auth.caller(), guild).await?)?;
        let channel = channel_of(app, auth.caller(), id, channel).await?;
        let member: Member = read(&ask(auth.caller(), own()).await?)?;
        ask(bot.clone(), own()).await.map_err(|_| ApiError::unknown_application())?;
        let own = rights(app, id, auth.caller(), channel.id).await?;
        let of_bot = rights(app, id, bot, channel.id).await?;
        let (permissions, app_permissions) = (own.permissions, of_bot.permissions);
        let guild = Some(InGuild { guild, member, silenced: own.silenced });
        Ok(Self { application, user, locale, channel, guild, permissions, app_permissions })
    }

    /// What somebody may do now in a channel of the guild; in a DM all have the same.
    ///
    /// # Errors
    /// 404/10003 when there is no such channel.
    pub async fn rights(&self, app: &App, caller: Caller, channel: ChannelId) -> Result<Rights, Failure> {
        match self.guild_id() {
            Some(guild) => rights(app, guild, caller, channel).await,
            None => Ok(Rights { permissions: self.permissions, silenced: false }),
        }
    }

    /// Refuses what is used in a locked thread by who does not manage it, since the answer would be written there.
    ///
    /// # Errors
    /// 400/160005.
    pub(super) fn not_locked(&self) -> Result<(), ApiError> {
        let locked = self.channel.thread_metadata.as_ref().is_some_and(|metadata| metadata.locked);
        let manages = self.permissions.contains(Permissions::MANAGE_THREADS);
        if locked && !manages { Err(ApiError::thread_locked()) } else { Ok(()) }
    }

    /// The guild's id.
    pub fn guild_id(&self) -> Option<GuildId> {
        self.guild.as_ref().map(|of| of.guild.id)
    }

    /// For whom the application is installed there.
    pub fn integration_owners(&self) -> Value {
        json!({"0": self.guild_id().map_or("0".to_owned(), |guild| guild.to_string())})
    }

    /// The payload of INTERACTION_CREATE without what the kind adds.
    pub fn payload(&self) -> Value {
        let mut channel = json!(self.channel);
        if let Some(fields) = channel.as_object_mut() {
            fields.shift_remove("permission_overwrites");
            fields.insert("permissions".to_owned(), json!(self.permissions));
        }
        let mut payload = json!({
            "application_id": self.application.id,
            "version": 1,
            "channel_id": self.channel.id,
            "channel": channel,
            "locale": self.locale,
            "entitlements": [],
            "authorizing_integration_owners": self.integration_owners(),
            "context": if self.guild.is_some() { 0 } else { 1 },
            "app_permissions": self.app_permissions,
            "attachment_size_limit": consort_model::limits::FILE_BYTES_MAX,
        });
        match &self.guild {
            Some(InGuild { guild, member, .. }) => {
                let mut member = json!(member);
                member["user"] = json!(self.user);
                member["permissions"] = json!(self.permissions);
                payload["member"] = member;
                payload["guild_id"] = json!(guild.id);
                payload["guild_locale"] = json!(guild.preferred_locale);
                payload["guild"] =
                    json!({"id": guild.id, "locale": guild.preferred_locale, "features": guild.features});
            }
            None => payload["user"] = json!(self.user),
        }
        payload
    }
}

/// What somebody may do now in a channel of a guild.
async fn rights(app: &App, guild: GuildId, caller: Caller, channel: ChannelId) -> Result<Rights, Failure> {
    read(&app.guilds.call(guild.get(), caller, guild::Op::Rights { channel }).await?)
}
