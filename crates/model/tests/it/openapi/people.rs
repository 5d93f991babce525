//! Accounts, members, roles, applications.

use consort_model::object::*;
use serde_json::json;

use super::samples::*;
use super::{answers, conforms};

#[test]
fn users_conform() {
    for user in [User::person(USER, "anna"), User::bot(BOT, "helper"), user(), bot()] {
        conforms("UserResponse", &user, &[]);
    }
    assert!(
        User::bot(BOT, "helper").discriminator.len() == 4,
        "bots keep four digits, which libraries read as a number"
    );
}

#[test]
fn people_see_more_of_themselves() {
    // Official clients read these four of `/users/@me`.
    let beyond = ["bio", "phone", "nsfw_allowed", "pronouns"];
    let mut own = CurrentUser {
        user: user(),
        mfa_enabled: true,
        locale: "en-US".to_owned(),
        premium_type: 0,
        email: Some("anna@example.org".to_owned()),
        verified: true,
        bio: "hello".to_owned(),
        phone: None,
        nsfw_allowed: Some(true),
        pronouns: "she/her".to_owned(),
    };
    conforms("UserPIIResponse", &own, &beyond);
    own.user = bot();
    own.email = None;
    conforms("UserPIIResponse", &own, &beyond);
}

#[test]
fn members_conform() {
    conforms("GuildMemberResponse", &Member::new(User::person(USER, "anna"), time()), &[]);
    conforms("GuildMemberResponse", &member(), &[]);
    answers("PrivateGuildMemberResponse", &member(), &[]);
    let beside_an_author = serde_json::to_value(member().without_user()).unwrap();
    assert!(beside_an_author.get("user").is_none());
}

#[test]
fn bans_conform() {
    for reason in [None, Some("spam".to_owned())] {
        conforms("GuildBanResponse", &Ban { reason, user: user() }, &[]);
    }
}

#[test]
fn roles_conform() {
    // Upstream answers `description` too, null unless a linked role has one.
    let beyond = ["description"];
    conforms("GuildRoleResponse", &Role::everyone(GUILD), &beyond);
    let role = conforms("GuildRoleResponse", &role(), &beyond);
    assert!(role["permissions"].is_string(), "permission sets are text");
}

#[test]
fn applications_conform() {
    // Older libraries read `summary`.
    let beyond = ["summary"];
    let bare = Application::new(application(), "helper", user(), "ab".repeat(32));
    conforms("PrivateApplicationResponse", &bare, &beyond);
    let full = Application {
        icon: hash(),
        description: "helps".to_owned(),
        bot: Some(bot()),
        flags: ApplicationFlags::GATEWAY_MESSAGE_CONTENT_LIMITED,
        flags_new: ApplicationFlags::GATEWAY_MESSAGE_CONTENT_LIMITED.to_string(),
        redirect_uris: vec!["https://example.org/back".to_owned()],
        interactions_endpoint_url: Some("https://example.org/interactions".to_owned()),
        role_connections_verification_url: Some("https://example.org/link".to_owned()),
        approximate_guild_count: 3,
        approximate_user_install_count: 2,
        approximate_user_authorization_count: 1,
        eligible_oauth2_scopes: vec!["identify".to_owned(), "bot".to_owned()],
        bot_require_code_grant: true,
        terms_of_service_url: Some("https://example.org/terms".to_owned()),
        privacy_policy_url: Some("https://example.org/privacy".to_owned()),
        custom_install_url: Some("https://example.org/install".to_owned()),
        install_params: Some(json!({"scopes": ["bot"], "permissions": "8"})),
        integration_types_config: Some(json!({"0": {}})),
        tags: vec!["fun".to_owned()],
        ..bare
    };
    conforms("PrivateApplicationResponse", &full, &beyond);
    answers(
        "ApplicationResponse",
        &full,
        &[
            "summary",
            "redirect_uris",
            "interactions_endpoint_url",
            "role_connections_verification_url",
            "owner",
            "approximate_guild_count",
            "approximate_user_install_count",
            "approximate_user_authorization_count",
            "explicit_content_filter",
            "team",
            "eligible_oauth2_scopes",
        ],
    );
}

#[test]
fn integrations_conform() {
    let integration = Integration {
        id: consort_model::Id::new(9),
        kind: "discord".to_owned(),
        name: "helper".to_owned(),
        account: IntegrationAccount { id: BOT.to_string(), name: "helper".to_owned() },
        enabled: true,
        application: IntegrationApplication {
            id: application(),
            name: "helper".to_owned(),
            icon: hash(),
            description: "helps".to_owned(),
            kind: None,
            bot: Some(bot()),
        },
        scopes: vec!["bot".to_owned(), "applications.commands".to_owned()],
        user: Some(user()),
    };
    conforms("DiscordIntegrationResponse", &integration, &[]);
}
