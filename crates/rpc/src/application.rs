//! The contract of an application: its settings and secret, its emojis, its commands, and the interactions with it.
//!
//! Only the system asks: edges have found out who calls and what of it that one may do.

use consort_model::command::{Command, CommandPermissions};
use consort_model::request::command::Draft;
use consort_model::request::modal::Modal;
use consort_model::request::role_connection::{ConnectionMetadata, RoleConnection};
use consort_model::{
    Application as Model, ApplicationId, ChannelId, CommandId, Emoji, EmojiId, GuildId, InteractionId,
    MessageId, Patch, User, UserId,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Nothing, Service};

/// The service; its key is the application.
#[derive(Debug)]
pub enum Application {}

impl Service for Application {
    const NAME: &'static str = "application";
    type Op = Op;
    type News = Nothing;
}

impl From<Nothing> for Op {
    fn from(nothing: Nothing) -> Self {
        match nothing {}
    }
}

/// What can be asked. Where there is no application, everything but [`Op::Found`] is answered 404/10002.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Op {
    /// Answers the application.
    Get,
    /// Makes the application. Answers it, or the one there is.
    Found { application: Box<Model> },
    /// Changes settings: `body` as it was sent, without the picture; `icon` is the hash of that, which is stored. Answers the
    /// application.
    Change {
        body: Value,
        #[serde(default, skip_serializing_if = "Patch::is_absent")]
        icon: Patch<String>,
    },
    /// Says that the bot's account is made. Answers the application.
    SetBot { bot: Box<User> },
    /// Removes the application with all that is its own.
    Delete,
    /// Sets the client secret, by the hash of it.
    SetSecret { hash: String },
    /// Whether this is the hash of the client secret. Answers true or false.
    CheckSecret { hash: String },
    /// Keeps the key with which what is posted to the application is signed, and shows its public half, unless there is one.
    /// Answers the seed of the key that is kept, in hexadecimal.
    SigningKey { seed: String, verify_key: String },
    /// What guilds may ask of connections, and what is said of people.
    Connection(ConnectionOp),
    /// Emojis.
    Emoji(EmojiOp),
    /// Commands.
    Command(CommandOp),
    /// Interactions.
    Interaction(InteractionOp),
}

/// What can be asked of an application's role connections.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum ConnectionOp {
    /// Answers the records.
    Records,
    /// Replaces all records. Answers them.
    SetRecords { records: Vec<ConnectionMetadata> },
    /// Answers what is said of a person; with nothing said, an empty one.
    Of { user: UserId },
    /// Replaces what is said of a person. Answers it.
    Say { user: UserId, connection: Box<RoleConnection> },
    /// Takes back what is said of a person.
    Forget { user: UserId },
}

/// What can be asked of an application's emojis, which its bot can use anywhere.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum EmojiOp {
    /// Answers all, oldest first.
    List,
    /// Answers one; 404/10014.
    Get { emoji: EmojiId },
    /// Adds one, whose picture is stored. 400/30008 when there are too many.
    Add { emoji: Box<Emoji> },
    /// Answers the renamed one.
    Rename { emoji: EmojiId, name: String },
    /// Removes one.
    Remove { emoji: EmojiId },
}

/// What can be asked of the commands of a scope: a guild's, or those for everywhere.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum CommandOp {
    /// Answers all of a scope, oldest first.
    List { guild: Option<GuildId> },
    /// Answers one of a scope; 404/10063.
    Get { guild: Option<GuildId>, command: CommandId },
    /// Makes a command, or replaces the one of that name and type. Answers [`Put`]; 400/30032 when there are too many.
    Put { guild: Option<GuildId>, draft: Box<Draft> },
    /// Replaces all of a scope; those whose name and type stay keep their id. Answers all; 400/40041 when two have one name.
    Replace { guild: Option<GuildId>, drafts: Vec<Draft> },
    /// Changes one: `body` as [`Draft::edit`] reads it. Answers it.
    Edit { guild: Option<GuildId>, command: CommandId, body: Value },
    /// Deletes one.
    Delete { guild: Option<GuildId>, command: CommandId },
    /// Answers who may use the commands in a guild, where that was set.
    Permissions { guild: GuildId },
    /// Answers who may use one command in a guild; 404/10066 when that was not set.
    PermissionsOf { guild: GuildId, command: CommandId },
    /// Sets who may use one command in a guild.
    SetPermissions(Box<CommandPermissions>),
}

/// A command that was put.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Put {
    /// The command.
    pub command: Command,
    /// Whether there was none of its name and type.
    pub is_new: bool,
}

/// What can be asked of an application's interactions. Their ids are drawn by the edge.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum InteractionOp {
    /// Makes one, and tells the application (`payload`) and the person.
    /// `over_http`: the edge posts the payload to the application, which is not told over the gateway.
    Begin {
        interaction: Box<Interaction>,
        payload: Value,
        #[serde(default)]
        over_http: bool,
    },
    /// Answers one by its id, with the hash of its token unless the edge knows whom it is for. 404/10062 when there is none,
    /// the token is not its, or its time is over.
    Get { interaction: InteractionId, hash: Option<String> },
    /// Takes the first answer in hand, so that of two one does nothing: 400/40060 for the other, 404/10062 when it is too late.
    Claim { interaction: InteractionId, hash: String },
    /// Takes the promised message in hand: 400/40060 when that was done.
    ClaimDeferred { interaction: InteractionId, hash: String },
    /// The answer that was taken in hand has come to nothing: it may be tried again.
    Unclaim { interaction: InteractionId, state: State },
    /// The answer is given. `choices` are shown to the person that types.
    Settle { interaction: InteractionId, settled: Box<Settled>, choices: Option<Value> },
    /// Keeps a message that only the interaction's person sees (`body`, without addresses of files), and shows it (`shown`, with
    /// them).
    Show { interaction: InteractionId, message: MessageId, body: Value, shown: Value, is_new: bool },
    /// Answers such a message, or null when there is none of that id for this person.
    Shown { message: MessageId, user: UserId },
    /// Takes such a message away.
    Hide { interaction: InteractionId, message: MessageId },
}

/// How far an interaction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// Nothing came yet.
    Pending,
    /// The application has asked for time for a message.
    Deferred,
    /// It has answered.
    Answered,
}

/// What became of an interaction by an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settled {
    /// How far it is now.
    pub state: State,
    /// Whether the deferred message is for the person alone.
    pub ephemeral: bool,
    /// The message that answers.
    pub original: Option<MessageId>,
    /// The form that is shown.
    pub form: Option<Modal>,
    /// Whether the person is told that the application has answered.
    pub told: bool,
}

/// The row of an interaction (`Table::Applications`, partition: the application, key: `i` and the id).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Interaction {
    /// Its id.
    pub id: InteractionId,
    /// 2 a command is used, 3 a component, 4 a command is typed, 5 a form is sent.
    pub kind: u8,
    /// Who is asked.
    pub application: ApplicationId,
    /// Who asks.
    pub user: UserId,
    /// Where, if in a guild.
    pub guild: Option<GuildId>,
    /// Where.
    pub channel: ChannelId,
    /// SHA-256 of the token in hexadecimal.
    pub token_hash: String,
    /// As the client sent it.
    pub nonce: Option<Value>,
    /// `interaction_metadata` of the messages that come of it.
    pub metadata: Value,
    /// The old `interaction` of them, for commands.
    pub old: Option<Value>,
    /// The type of the message that answers: 20, 23, or an ordinary one.
    pub message_kind: Option<u16>,
    /// Whether the application may mention everybody there.
    pub may_mention_all: bool,
    /// The message whose component was used.
    pub source: Option<MessageId>,
    /// The form that was shown.
    #[serde(default)]
    pub form: Option<Modal>,
    /// How far it is.
    pub state: State,
    /// Whether the deferred message is for the person alone.
    pub ephemeral: bool,
    /// The message that answers.
    pub original: Option<MessageId>,
}
