//! Applications as others see them.

use consort_model::Application;
use serde_json::{Value, json};

/// What anybody may see of an application.
pub fn public(application: &Application) -> Value {
    let mut view = json!({
        "id": application.id,
        "name": application.name,
        "icon": application.icon,
        "description": application.description,
        "summary": application.summary,
        "type": application.kind,
        "verify_key": application.verify_key,
        "flags": application.flags,
        "flags_new": application.flags_new,
        "bot_public": application.bot_public,
        "bot_require_code_grant": application.bot_require_code_grant,
        "hook": true,
    });
    let optional = [
        ("bot", application.bot.as_ref().map(|bot| json!(bot))),
        ("terms_of_service_url", application.terms_of_service_url.clone().map(Value::from)),
        ("privacy_policy_url", application.privacy_policy_url.clone().map(Value::from)),
        ("custom_install_url", application.custom_install_url.clone().map(Value::from)),
        ("install_params", application.install_params.clone()),
        ("integration_types_config", application.integration_types_config.clone()),
        ("tags", (!application.tags.is_empty()).then(|| json!(application.tags))),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            view[name] = value;
        }
    }
    view
}
