//! Measures the index of messages: how long it takes to make, and how fast it answers while people write.
//!
//! `cargo xtask bench search [--messages N] [--guilds N] [--seconds N] [--queries RATE] [--writes RATE]`. The communities' sizes,
//! the words of messages and what is searched follow Zipf's law. Rows are written straight into an embedded store: what is
//! measured is the index, not the owners before it.

#![allow(clippy::print_stdout, clippy::expect_used, reason = "a measuring program")]

mod options;
mod run;
mod world;

use options::Options;
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    run::run(&options).await;
    ExitCode::SUCCESS
}
