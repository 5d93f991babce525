//! `consort top`, `actor`, `sessions`, `shell` and `operator`.

mod actor;
mod line;
mod top;

use std::io::{self, Write as _};
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use consort_model::UserId;
use consort_rpc::operate::SessionInfo;

use crate::client::Client;
use crate::command::Command;
use crate::operators::{Operators, Role};
use crate::table::{size, table, time};

/// The node that is asked; it shows the whole cluster.
#[derive(Debug, Clone, Args)]
struct At {
    /// Directory of all data of a server that runs on this machine
    #[arg(long, env = "CONSORT_DATA", default_value = "data")]
    data: PathBuf,
    /// Token of an operator, for what changes something
    #[arg(long, env = "CONSORT_OPERATOR_TOKEN", hide_env_values = true)]
    token: Option<String>,
}

impl At {
    async fn connect(&self) -> Result<Client, String> {
        Client::connect(&self.data, self.token.clone()).await
    }
}

/// What operators run.
#[derive(Debug, Subcommand)]
pub enum Tool {
    /// Shows nodes and actors, those with the longest queue first
    Top(top::TopArgs),
    /// Shows all about one actor: its queue, what it is at, its messages by type
    Actor(actor::ActorArgs),
    /// Shows the gateway sessions of an account
    Sessions(SessionsArgs),
    /// Evaluates expressions on a live node
    Shell(line::ShellArgs),
    /// Makes and takes away tokens of operators, who may change something
    #[command(subcommand)]
    Operator(OperatorCommand),
}

/// Arguments of `consort sessions`.
#[derive(Debug, Args)]
pub struct SessionsArgs {
    /// The account's id
    user: u64,
    /// As JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    at: At,
}

/// What `consort operator` does.
#[derive(Debug, Subcommand)]
pub enum OperatorCommand {
    /// Makes an operator; prints the token, which is kept nowhere
    Add {
        /// As the log calls the operator
        name: String,
        /// What the operator may do
        #[arg(long, value_enum, default_value = "read")]
        role: RoleArg,
        /// Directory of all data
        #[arg(long, env = "CONSORT_DATA", default_value = "data")]
        data: PathBuf,
    },
    /// Lists the operators
    List {
        /// Directory of all data
        #[arg(long, env = "CONSORT_DATA", default_value = "data")]
        data: PathBuf,
    },
    /// Takes an operator off; the token does not work any more
    Remove {
        /// The operator's name
        name: String,
        /// Directory of all data
        #[arg(long, env = "CONSORT_DATA", default_value = "data")]
        data: PathBuf,
    },
}

/// A role on the command line.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum RoleArg {
    /// Looks at everything
    Read,
    /// Also drains nodes and sets what is logged
    Write,
}

impl Tool {
    /// Does it.
    ///
    /// # Errors
    /// A text that says what is wrong.
    pub async fn run(&self) -> Result<(), String> {
        match self {
            Self::Top(args) => top::run(args).await,
            Self::Actor(args) => actor::run(args).await,
            Self::Sessions(args) => sessions(args).await,
            Self::Shell(args) => line::run(args).await,
            Self::Operator(command) => operator(command),
        }
    }
}

fn print(text: &str) -> Result<(), String> {
    let mut out = io::stdout();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| error.to_string())
}

fn tell(silent: &[String]) {
    for silent in silent {
        // Standard error may be closed; there is nobody left to tell.
        let _told = writeln!(io::stderr(), "consort: {silent}");
    }
}

fn operator(command: &OperatorCommand) -> Result<(), String> {
    match command {
        OperatorCommand::Add { name, role, data } => {
            let role = match role {
                RoleArg::Read => Role::Read,
                RoleArg::Write => Role::Write,
            };
            let token = Operators::of(data).add(name, role)?;
            print(&format!("{token}\n"))
        }
        OperatorCommand::List { data } => {
            let row = |operator: crate::Operator| {
                let role = if operator.role == Role::Write { "write" } else { "read" };
                vec![operator.name, role.to_owned()]
            };
            let rows: Vec<_> = Operators::of(data).list()?.into_iter().map(row).collect();
            print(&table(&["NAME", "ROLE"], &rows))
        }
        OperatorCommand::Remove { name, data } => Operators::of(data).remove(name),
    }
}

async fn sessions(args: &SessionsArgs) -> Result<(), String> {
    let command = Command::Sessions { user: UserId::new(args.user) };
    let mut client = args.at.connect().await?;
    if args.json {
        return print(&format!("{}\n", client.ask(&command).await?));
    }
    let (sessions, silent): (Vec<SessionInfo>, _) = client.list(&command, "sessions").await?;
    tell(&silent);
    if sessions.is_empty() {
        return print(&format!("account {} has no session\n", args.user));
    }
    let rows: Vec<_> = sessions.iter().map(session_row).collect();
    let titles = [
        "NODE", "SLICE", ">NUMBER", "PHASE", "SHARD", ">INTENTS", ">SEQ", ">SENT", ">JOURNAL", ">UNSENT",
        ">GUILDS", "SOCKET",
    ];
    print(&table(&titles, &rows))
}

fn session_row(session: &SessionInfo) -> Vec<String> {
    let socket = match (&session.socket, session.detached_s) {
        (Some(socket), _) => {
            let blocked = if socket.blocked { ", full" } else { "" };
            let stalled = socket.stalled_ms.map(|ms| format!(", stalled for {}", time(ms * 1_000)));
            format!(
                "open {}, heartbeat {} ago{blocked}{}",
                time(socket.open_s * 1_000_000),
                time(socket.heartbeat_ms * 1_000),
                stalled.unwrap_or_default()
            )
        }
        (None, Some(s)) => format!("none for {}", time(s * 1_000_000)),
        (None, None) => "none".to_owned(),
    };
    let guilds = match session.guilds_awaited {
        0 => session.guilds.to_string(),
        awaited => format!("{} ({awaited} awaited)", session.guilds),
    };
    vec![
        session.node.to_string(),
        session.slice.to_string(),
        session.number.to_string(),
        session.phase.clone(),
        session.shard.map_or_else(String::new, |(id, count)| format!("{id}/{count}")),
        session.intents.to_string(),
        session.seq.to_string(),
        session.sent.to_string(),
        format!("{} ({})", session.journal_events, size(session.journal_bytes)),
        size(session.unsent_bytes),
        guilds,
        socket,
    ]
}
