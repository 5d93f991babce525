//! A person starts an interaction.

use std::sync::Arc;

use consort_model::{
    ApiError, ApplicationId, ChannelId, Form, InteractionId, MessageId, MessageType, Permissions,
};
use consort_rpc::application::{Interaction, InteractionOp, State};
use serde_json::{Value, json};

use super::context::{Asking, Context};
use super::data::Sent;
use super::named::id_of;
use super::options::Purpose;
use super::{data, kind, mint, token_hash};
use crate::reply::read;
use crate::{App, Auth, Failure, UploadedFile};
use consort_model::command::{Command, kind as command_kind};

/// A request to interact.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    kind: u8,
    application: ApplicationId,
    channel: ChannelId,
    message: Option<MessageId>,
    nonce: Option<Value>,
    data: Value,
}

impl Request {
    /// Reads the body.
    ///
    /// # Errors
    /// 400/50035 by field.
    pub fn read(body: &Value) -> Result<Self, ApiError> {
        Form::root(body)?.check(|f| {
            let kinds = [kind::COMMAND, kind::COMPONENT, kind::AUTOCOMPLETE, kind::MODAL];
            let kind = f.required("type", f.choice_u8("type", &kinds));
            let application = f.required("application_id", f.id("application_id"));
            let channel = f.required("channel_id", f.id("channel_id"));
            let message = f.id("message_id");
            if kind == Some(kind::COMPONENT) {
                f.required("message_id", message);
            }
            let data = f.required("data", f.value("data").filter(Value::is_object));
            let nonce = f
                .value("nonce")
                .filter(|nonce| nonce.is_number() || nonce.as_str().is_some_and(|n| n.len() <= 25));
            Some(Self {
                kind: kind?,
                application: application?,
                channel: channel?,
                message,
                nonce,
                data: data?,
            })
        })
    }
}

/// What a kind adds to the payload, and what is remembered of it.
struct Particular {
    data: Value,
    command: Option<Command>,
    message: Option<Value>,
    /// The interaction whose form is sent.
    triggering: Option<Interaction>,
}

impl App {
    /// Makes an interaction and hands it to the application.
    ///
    /// # Errors
    /// 400/50035 for what does not fit, 403/50001 and 50013, 404 for what there is not.
    pub async fn interact(
        self: &Arc<Self>,
        auth: &Auth,
        request: Request,
        files: Vec<UploadedFile>,
    ) -> Result<(), Failure> {
        let context = Context::load(self, auth, request.application, request.channel).await?;
        // What is pressed or filled in speaks as well as what is typed.
        if context.guild.as_ref().is_some_and(|of| of.silenced) {
            return Err(Failure(ApiError::missing_permissions()));
        }
        let sent = Sent { data: &request.data, files };
        context.not_locked()?;
        let particular =
            self.particular(Asking { app: self, auth, context: &context }, &request, sent).await?;
        let id = InteractionId::new(self.next_id());
        let token = mint(context.application.id, id);
        let row = remember(&context, &request, &particular, id, &token);
        let mut payload = context.payload();
        payload["id"] = json!(id);
        payload["type"] = json!(request.kind);
        payload["token"] = json!(token);
        payload["data"] = particular.data;
        if let Some(message) = particular.message {
            payload["message"] = message;
        }
        let application = row.application;
        let endpoint = context.application.interactions_endpoint_url.clone();
        let (interaction, over_http) = (Box::new(row), endpoint.is_some());
        let op = InteractionOp::Begin { interaction, payload: payload.clone(), over_http };
        self.ask_interaction(application, op).await?;
        if let Some(url) = endpoint {
            let app = self.clone();
            // The person is answered at once; what becomes of the interaction it hears over the gateway.
            consort_runtime::spawn("interaction", async move {
                let delivered = app.deliver_over_http(application, &url, &token, &payload).await;
                if let Err(Failure(error)) = delivered {
                    tracing::debug!(%application, %error, "an answer to an interaction was refused");
                }
            });
        }
        Ok(())
    }

    async fn particular(
        &self,
        asking: Asking<'_>,
        request: &Request,
        sent: Sent<'_>,
    ) -> Result<Particular, Failure> {
        let nothing = Particular { data: Value::Null, command: None, message: None, triggering: None };
        Ok(match request.kind {
            kind::COMMAND | kind::AUTOCOMPLETE => {
                let purpose = if request.kind == kind::COMMAND { Purpose::Use } else { Purpose::Complete };
                let (data, command) = asking.command(sent, purpose).await?;
                Particular { data, command: Some(command), ..nothing }
            }
            kind::COMPONENT => {
                let message = request.message.ok_or_else(ApiError::unknown_message)?;
                let message = data::source(self, asking.auth, asking.context, message).await?;
                let data = asking.component(&message, sent).await?;
                Particular { data, message: Some(message), ..nothing }
            }
            _ => self.form(asking, sent).await?,
        })
    }

    /// A form that is sent: it must have been shown to this person.
    async fn form(&self, asking: Asking<'_>, sent: Sent<'_>) -> Result<Particular, Failure> {
        let Asking { auth, context, .. } = asking;
        let shown =
            id_of(&sent.data["id"]).map(InteractionId::new).ok_or_else(ApiError::unknown_interaction)?;
        let op = InteractionOp::Get { interaction: shown, hash: None };
        let triggering: Interaction = read(&self.ask_interaction(context.application.id, op).await?)?;
        let is_here = triggering.user == auth.user_id()
            && triggering.application == context.application.id
            && triggering.channel == context.channel.id;
        let custom_id = sent.data["custom_id"].as_str();
        let modal = triggering.form.as_ref().filter(|form| Some(form.custom_id.as_str()) == custom_id);
        let Some(modal) = modal.filter(|_| is_here) else {
            return Err(Failure(ApiError::unknown_interaction()));
        };
        let data = asking.form(modal, sent).await?;
        let message = match triggering.source {
            Some(source) => data::source(self, auth, context, source).await.ok(),
            None => None,
        };
        Ok(Particular { data, command: None, message, triggering: Some(triggering) })
    }
}

fn remember(
    context: &Context,
    request: &Request,
    particular: &Particular,
    id: InteractionId,
    token: &str,
) -> Interaction {
    let mut metadata = json!({
        "id": id,
        "type": request.kind,
        "user": context.user,
        "authorizing_integration_owners": context.integration_owners(),
    });
    if let Some(command) = &particular.command {
        metadata["name"] = json!(command.name);
        metadata["command_type"] = json!(command.kind);
    }
    let source = request.message.or_else(|| particular.triggering.as_ref()?.source);
    if let (kind::COMPONENT, Some(source)) = (request.kind, source) {
        metadata["interacted_message_id"] = json!(source);
    }
    if let Some(triggering) = &particular.triggering {
        metadata["triggering_interaction_metadata"] = triggering.metadata.clone();
    }
    let old = particular
        .command
        .as_ref()
        .map(|command| json!({"id": id, "type": request.kind, "name": command.name, "user": context.user}));
    let message_kind = particular.command.as_ref().map(|command| match command.kind {
        command_kind::CHAT => MessageType::ChatInputCommand.number(),
        _ => MessageType::ContextMenuCommand.number(),
    });
    Interaction {
        id,
        kind: request.kind,
        application: context.application.id,
        user: context.user.id,
        guild: context.guild_id(),
        channel: context.channel.id,
        token_hash: token_hash(token),
        nonce: request.nonce.clone(),
        metadata,
        old,
        message_kind,
        may_mention_all: context.app_permissions.contains(Permissions::MENTION_EVERYONE),
        source,
        form: None,
        state: State::Pending,
        ephemeral: false,
        original: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_names_application_channel_and_data() {
        let error = Request::read(&json!({"type": 9})).unwrap_err();
        let errors = error.errors.unwrap();
        for field in ["type", "application_id", "channel_id", "data"] {
            assert_eq!(errors.get(field).len(), 1, "{field}");
        }
        let body = json!({"type": 3, "application_id": "1", "channel_id": "2", "data": {}});
        assert_eq!(Request::read(&body).unwrap_err().errors.unwrap().get("message_id").len(), 1);
    }
}
