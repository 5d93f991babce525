//! Routes of the area `guilds`: the guild itself, its widget, welcome screen, integrations.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::{get, patch, post, put as put_route};
use consort_cdn::Kind;
use consort_model::request::onboarding::OnboardingForm;
use consort_model::validate::Named;
use consort_model::{ApiError, ChannelId, Form, GuildId, Image, IntegrationId, Patch, User, UserId, limits};
use consort_rpc::Caller;
use consort_rpc::guild::may::May;
use consort_rpc::guild::onboarding;
use consort_rpc::guild::settings::{Op, Update};
use consort_rpc::user::seat::Seat;
use serde_json::{Value, json};

use crate::extract::{Auth, Ids, InGuild, JsonBody, MaybeAuth, Query, UnreadJson, UserAuth};
use crate::files::Kept;
use crate::{Answered, App, Failure, answer};

/// The area's routes.
pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/guilds", post(create))
        .route("/guilds/{guild_id}", get(show).patch(update).delete(remove))
        .route("/guilds/{guild_id}/delete", post(remove_by_post))
        .route("/guilds/{guild_id}/preview", get(preview))
        .route("/guilds/{guild_id}/widget", get(widget_settings).patch(update_widget))
        .route("/guilds/{guild_id}/widget.json", get(widget))
        .route("/guilds/{guild_id}/welcome-screen", get(welcome_screen).patch(update_welcome_screen))
        .route("/guilds/{guild_id}/vanity-url", get(vanity_url).patch(no_vanity_url))
        .route("/guilds/{guild_id}/integrations", get(integrations))
        .route(
            "/guilds/{guild_id}/integrations/{integration_id}",
            patch(no_integration).delete(remove_integration),
        )
        .route("/guilds/{guild_id}/onboarding", get(show_onboarding).put(set_onboarding))
        .route(
            "/guilds/{guild_id}/onboarding-responses",
            put_route(answer_onboarding).post(answer_onboarding),
        )
        .route("/guilds/{guild_id}/incident-actions", put_route(incident_actions))
}

/// The account behind a request, as everybody sees it.
pub(crate) async fn account(app: &App, user: UserId) -> Result<User, Failure> {
    Ok(app.account(user).await?.current.user)
}

async fn create(State(app): State<Arc<App>>, auth: UserAuth, body: UnreadJson) -> Answered {
    let body = body.read().await?;
    let (name, icon, channels) = body.check(|f| {
        let name = f.required("name", f.name("name", Named::Guild));
        let icon = f.image("icon", limits::IMAGE_BYTES_MAX);
        let channels = f.array("channels", limits::GUILD_CHANNELS_MAX, super::channels::create_form);
        Some((name?, icon, channels.unwrap_or_default()))
    })?;
    let id = GuildId::new(app.next_id());
    let owner = Box::new(account(&app, auth.user_id()).await?);
    let icon = icon.map_or(Patch::Absent, Patch::Value);
    let founded = async {
        let mut kept = Kept::default();
        let icon = kept.put_image(&app, Kind::Icon, id.get(), icon).await?.value();
        let op = Op::Create { owner, name, icon, channels };
        let reply = app.guilds.call(id.get(), auth.caller(), op.into()).await;
        kept.settle(&app, &reply).await;
        Ok(reply)
    };
    Ok(answer(app.with_seat(auth.user_id(), Seat::Guild(id), founded).await?))
}

async fn show(guild: InGuild, query: Query) -> Answered {
    let with_counts = query.check(|f| Some(f.flag("with_counts")))?;
    guild.ask(Op::Get { with_counts }).await
}

/// Images of a change, to be stored once the rest of it is known to be right.
struct Images {
    icon: Patch<Image>,
    splash: Patch<Image>,
    discovery_splash: Patch<Image>,
    banner: Patch<Image>,
}

async fn update(guild: InGuild, body: UnreadJson) -> Answered {
    let body = guild.read(body, May::ChangeGuild).await?;
    let (mut update, images) = body.check(|f| Some(update_form(f)))?;
    let (app, id, mut kept) = (&guild.app, guild.id.get(), Kept::default());
    update.icon = kept.put_image(app, Kind::Icon, id, images.icon).await?;
    update.splash = kept.put_image(app, Kind::Splash, id, images.splash).await?;
    update.discovery_splash = kept.put_image(app, Kind::DiscoverySplash, id, images.discovery_splash).await?;
    update.banner = kept.put_image(app, Kind::Banner, id, images.banner).await?;
    guild.ask_with(kept, Op::Update(Box::new(update))).await
}

fn update_form(f: &Form<'_>) -> (Update, Images) {
    let image = |name| f.patch_image(name, limits::IMAGE_BYTES_MAX);
    let images = Images {
        icon: image("icon"),
        splash: image("splash"),
        discovery_splash: image("discovery_splash"),
        banner: image("banner"),
    };
    let afk_timeout = f.patch_int("afk_timeout", 0..=3600);
    if let Patch::Value(seconds) = afk_timeout
        && !limits::AFK_TIMEOUT_SECS.contains(&seconds)
    {
        f.error("afk_timeout", "BASE_TYPE_CHOICES", "Value must be one of (60, 300, 900, 1800, 3600).");
    }
    let update = Update {
        name: f.name("name", Named::Guild),
        description: f.patch_lines("description", 0..=limits::GUILD_DESCRIPTION_CHARS_MAX),
        owner_id: f.patch_id("owner_id"),
        afk_channel_id: f.patch_id("afk_channel_id"),
        afk_timeout,
        system_channel_id: f.patch_id("system_channel_id"),
        system_channel_flags: f.patch_int("system_channel_flags", 0..=u64::from(u32::MAX)),
        rules_channel_id: f.patch_id("rules_channel_id"),
        public_updates_channel_id: f.patch_id("public_updates_channel_id"),
        safety_alerts_channel_id: f.patch_id("safety_alerts_channel_id"),
        verification_level: f.patch_int("verification_level", 0..=4),
        default_message_notifications: f.patch_int("default_message_notifications", 0..=1),
        explicit_content_filter: f.patch_int("explicit_content_filter", 0..=2),
        preferred_locale: f.patch("preferred_locale", |f| f.locale("preferred_locale")),
        premium_progress_bar_enabled: f.patch_bool("premium_progress_bar_enabled"),
        features: f.strings("features", 100, 1..=64),
        ..Update::default()
    };
    (update, images)
}

async fn remove(guild: InGuild) -> Answered {
    guild.ask(Op::Delete).await
}

async fn remove_by_post(guild: InGuild, _body: JsonBody) -> Answered {
    guild.ask(Op::Delete).await
}

async fn preview(guild: InGuild) -> Answered {
    guild.ask(Op::Preview).await
}

async fn widget_settings(guild: InGuild) -> Answered {
    guild.ask(Op::WidgetSettings).await
}

async fn update_widget(guild: InGuild, body: JsonBody) -> Answered {
    let op = body.check(|f| {
        Some(Op::UpdateWidget { enabled: f.bool("enabled"), channel: f.patch_id("channel_id") })
    })?;
    guild.ask(op).await
}

async fn widget(State(app): State<Arc<App>>, _auth: MaybeAuth, Ids(guild): Ids<GuildId>) -> Answered {
    app.ask_guild(guild, Caller::system(), Op::Widget).await
}

async fn welcome_screen(guild: InGuild) -> Answered {
    guild.ask(Op::WelcomeScreen).await
}

async fn update_welcome_screen(guild: InGuild, body: JsonBody) -> Answered {
    let op = body.check(|f| {
        let channels = f.array("welcome_channels", limits::WELCOME_CHANNELS_MAX, welcome_channel);
        Some(Op::UpdateWelcomeScreen {
            enabled: f.bool("enabled"),
            description: f.patch_lines("description", 0..=140),
            channels,
        })
    })?;
    guild.ask(op).await
}

fn welcome_channel(f: &Form<'_>) -> Option<Value> {
    let channel: ChannelId = f.required("channel_id", f.id("channel_id"))?;
    let description = f.required("description", f.line("description", 1..=50))?;
    let (emoji_id, emoji_name) = f.emoji_reference();
    Some(json!({
        "channel_id": channel, "description": description, "emoji_id": emoji_id,
        "emoji_name": emoji_name,
    }))
}

async fn vanity_url(guild: InGuild) -> Answered {
    guild.ask(Op::VanityUrl).await
}

async fn no_vanity_url(_auth: Auth, Ids(_guild): Ids<GuildId>, _body: JsonBody) -> Answered {
    Err(ApiError::not_implemented().into())
}

async fn integrations(guild: InGuild) -> Answered {
    guild.ask(Op::Integrations).await
}

async fn no_integration(_auth: Auth, _body: JsonBody) -> Answered {
    Err(ApiError::method_not_allowed().into())
}

async fn remove_integration(InGuild(guild, integration): InGuild<IntegrationId>) -> Answered {
    guild.ask(Op::DeleteIntegration { integration: integration.get() }).await
}

async fn incident_actions(guild: InGuild, body: JsonBody) -> Answered {
    let op = body.check(|f| {
        Some(Op::IncidentActions {
            invites_disabled_until: f.patch_timestamp("invites_disabled_until"),
            dms_disabled_until: f.patch_timestamp("dms_disabled_until"),
        })
    })?;
    guild.ask(op).await
}

async fn show_onboarding(guild: InGuild) -> Answered {
    guild.ask(onboarding::Op::Get).await
}

async fn set_onboarding(guild: InGuild, body: JsonBody) -> Answered {
    let form = body.check(OnboardingForm::read)?;
    guild.ask(onboarding::Op::Set(Box::new(form))).await
}

async fn answer_onboarding(
    State(app): State<Arc<App>>,
    auth: UserAuth,
    Ids(guild): Ids<GuildId>,
    body: JsonBody,
) -> Answered {
    let max = limits::ONBOARDING_PROMPTS_MAX * *limits::ONBOARDING_OPTIONS.end();
    let chosen = body.check(|f| f.required("onboarding_responses", f.ids("onboarding_responses", max)))?;
    app.ask_guild(guild, auth.caller(), onboarding::Op::Answer { chosen }).await
}
