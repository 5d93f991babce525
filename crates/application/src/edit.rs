//! Changes of an application's settings.

use serde_json::{Map, Value, json};

use consort_model::limits::URL_CHARS_MAX;
use consort_model::validate::Named;
use consort_model::{ApiError, Application, ApplicationFlags as Flags, Form, Image, Patch};

/// The bits an owner may set: the privileged intents, limited or not.
const SETTABLE: u64 = Flags::GATEWAY_PRESENCE
    | Flags::GATEWAY_PRESENCE_LIMITED
    | Flags::GATEWAY_GUILD_MEMBERS
    | Flags::GATEWAY_GUILD_MEMBERS_LIMITED
    | Flags::GATEWAY_MESSAGE_CONTENT
    | Flags::GATEWAY_MESSAGE_CONTENT_LIMITED;
/// Bytes of an icon.
const ICON_BYTES_MAX: usize = 10 << 20;

/// A change of an application; what is absent stays.
#[derive(Debug, Default)]
pub struct Edit {
    /// The new icon, kept before the change is written.
    pub icon: Patch<Image>,
    name: Option<String>,
    description: Patch<String>,
    flags: Option<u64>,
    tags: Patch<Vec<String>>,
    redirect_uris: Patch<Vec<String>>,
    bot_public: Option<bool>,
    bot_require_code_grant: Option<bool>,
    custom_install_url: Patch<String>,
    terms_of_service_url: Patch<String>,
    privacy_policy_url: Patch<String>,
    role_connections_verification_url: Patch<String>,
    /// Where interactions are posted to; the edge has seen that it answers.
    pub interactions_endpoint_url: Patch<String>,
    install_params: Patch<Value>,
    integration_types_config: Patch<Value>,
}

fn url(form: &Form<'_>, name: &str) -> Patch<String> {
    let url = form.patch_str(name, 0..=URL_CHARS_MAX);
    match url {
        Patch::Value(url) if url.is_empty() => Patch::Null,
        Patch::Value(url) if !is_url(&url) => {
            form.error(name, "URL_TYPE_INVALID_URL", "Not a well formed URL.");
            Patch::Absent
        }
        url => url,
    }
}

/// Whether a text may be given to a browser as a link of an application. Apps have schemes of their own; those that run
/// in the page are out.
pub fn is_url(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once(':') else { return false };
    let plain = scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b));
    let runs = ["javascript", "data", "vbscript", "blob"].contains(&scheme.to_ascii_lowercase().as_str());
    plain && !runs && !scheme.is_empty() && !rest.is_empty() && text.bytes().all(|b| b > b' ' && b != 0x7f)
}

/// Scopes of an invitation.
const SCOPES_MAX: usize = 25;

/// Scopes and rights of an invitation.
fn install_params(f: &Form<'_>) -> Option<Value> {
    let scopes = f.required("scopes", f.strings("scopes", SCOPES_MAX, 1..=64));
    let permissions = f.required("permissions", f.permissions("permissions"));
    Some(json!({"scopes": scopes?, "permissions": permissions?}))
}

/// Invitations by the kind of installation: 0 into a guild, 1 for a person.
fn integration_types(f: &Form<'_>) -> Option<Value> {
    let mut kinds = Map::new();
    for kind in ["0", "1"] {
        let config = f.object(kind, |f| {
            let params = f.object("oauth2_install_params", install_params);
            Some(params.map_or_else(|| json!({}), |params| json!({"oauth2_install_params": params})))
        });
        kinds.extend(config.map(|config| (kind.to_owned(), config)));
    }
    Some(Value::Object(kinds))
}

impl Edit {
    /// Reads the body of a change.
    ///
    /// # Errors
    /// 400/50035 by field.
    pub fn read(body: &Value) -> Result<Self, ApiError> {
        Form::root(body)?.check(|f| {
            let redirect_uris =
                f.patch("redirect_uris", |f| f.strings("redirect_uris", 10, 1..=URL_CHARS_MAX));
            for (index, uri) in redirect_uris.as_option().into_iter().flatten().enumerate() {
                if !is_url(uri) {
                    f.error(
                        &format!("redirect_uris.{index}"),
                        "URL_TYPE_INVALID_URL",
                        "Not a well formed URL.",
                    );
                }
            }
            Some(Self {
                icon: f.patch_image("icon", ICON_BYTES_MAX),
                name: f.name("name", Named::Application),
                description: f.patch_lines("description", 0..=400),
                flags: f.int("flags", 0..=i64::MAX).map(|flags| flags as u64),
                tags: f.patch("tags", |f| f.strings("tags", 5, 1..=20)),
                redirect_uris,
                bot_public: f.bool("bot_public").or_else(|| f.bool("integration_public")),
                bot_require_code_grant: f
                    .bool("bot_require_code_grant")
                    .or_else(|| f.bool("integration_require_code_grant")),
                custom_install_url: url(f, "custom_install_url"),
                terms_of_service_url: url(f, "terms_of_service_url"),
                privacy_policy_url: url(f, "privacy_policy_url"),
                interactions_endpoint_url: url(f, "interactions_endpoint_url"),
                role_connections_verification_url: url(f, "role_connections_verification_url"),
                install_params: f.patch_object("install_params", install_params),
                integration_types_config: f.patch_object("integration_types_config", integration_types),
            })
        })
    }

    /// Applies the change. `icon` is the hash of the new icon, which was stored before.
    pub fn apply(&self, application: &mut Application, icon: &Patch<String>) {
        icon.clone().apply(&mut application.icon);
        if let Some(name) = &self.name {
            application.name.clone_from(name);
        }
        if let Some(flags) = self.flags {
            application.flags = (application.flags & !SETTABLE) | (flags & SETTABLE);
            application.flags_new = application.flags.to_string();
        }
        if let Some(public) = self.bot_public {
            application.bot_public = public;
        }
        if let Some(require) = self.bot_require_code_grant {
            application.bot_require_code_grant = require;
        }
        set(&mut application.description, &self.description);
        set(&mut application.tags, &self.tags);
        set(&mut application.redirect_uris, &self.redirect_uris);
        set(&mut application.custom_install_url, &some(&self.custom_install_url));
        set(&mut application.terms_of_service_url, &some(&self.terms_of_service_url));
        set(&mut application.interactions_endpoint_url, &some(&self.interactions_endpoint_url));
        set(&mut application.privacy_policy_url, &some(&self.privacy_policy_url));
        set(
            &mut application.role_connections_verification_url,
            &some(&self.role_connections_verification_url),
        );
        set(&mut application.install_params, &some(&self.install_params));
        set(&mut application.integration_types_config, &some(&self.integration_types_config));
    }
}

/// Sets a field to the value sent, or to nothing for null.
fn set<T: Clone + Default>(field: &mut T, patch: &Patch<T>) {
    match patch {
        Patch::Absent => {}
        Patch::Null => *field = T::default(),
        Patch::Value(value) => field.clone_from(value),
    }
}

fn some<T: Clone>(patch: &Patch<T>) -> Patch<Option<T>> {
    match patch {
        Patch::Absent => Patch::Absent,
        Patch::Null => Patch::Null,
        Patch::Value(value) => Patch::Value(Some(value.clone())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use consort_model::{ApplicationId, User, UserId};

    fn edited(body: Value) -> Application {
        let owner = User::person(UserId::new(1), "ada");
        let mut application = Application::new(ApplicationId::new(2), "before", owner, String::new());
        application.flags = 1 << 23;
        Edit::read(&body).unwrap().apply(&mut application, &Patch::Absent);
        application
    }

    #[test]
    fn only_the_bits_of_privileged_intents_can_be_set() {
        let application = edited(json!({"flags": (1u64 << 13) | (1 << 15) | (1 << 19) | (1 << 6)}));
        assert_eq!(application.flags, (1 << 23) | (1 << 13) | (1 << 15) | (1 << 19));
        assert_eq!(application.flags_new, application.flags.to_string());
        assert_eq!(edited(json!({"flags": 0})).flags, 1 << 23);
    }

    #[test]
    fn absent_fields_stay_and_null_clears() {
        let application =
            edited(json!({"description": "x", "tags": ["a"], "custom_install_url": "https://a.test/x"}));
        assert_eq!((application.name.as_str(), application.description.as_str()), ("before", "x"));
        assert_eq!(application.custom_install_url.as_deref(), Some("https://a.test/x"));
        assert_eq!(edited(json!({"description": null, "name": "after"})).name, "after");
    }

    #[test]
    fn links_that_run_in_the_page_and_endpoints_that_are_no_addresses_are_refused() {
        for body in [
            json!({"redirect_uris": ["javascript:alert(1)"]}),
            json!({"terms_of_service_url": "no url"}),
            json!({"interactions_endpoint_url": "no url"}),
            json!({"name": ""}),
        ] {
            assert_eq!(Edit::read(&body).unwrap_err().code, 50035, "{body}");
        }
        assert!(is_url("myapp://callback") && is_url("http://localhost:3000/x"));
    }
}
