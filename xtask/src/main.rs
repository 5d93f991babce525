//! Tasks of the project, run as `cargo xtask TASK`.
//!
//! Owns what surrounds the product: building and starting it for a person, running every test, the
//! repository's own rules (`tidy`) and the benches. It drives the shipped binary from outside, over its
//! public API only, and never links to one of its crates.
#![allow(clippy::print_stdout, reason = "a command line tool speaks on its standard output")]

use std::process::ExitCode;

mod api;
mod args;
mod bench;
mod cassandra;
mod cluster;
mod conformance;
mod crash;
mod etcd;
mod gateway;
mod libraries;
mod permissions;
mod prepare;
mod run;
mod s3;
mod server;
mod sh;
mod sim;
mod telling;
mod test;
mod tidy;
mod web;

const USAGE: &str = "\
cargo xtask TASK

  run [--release] [--port N] [--data DIR]   build everything and serve it on 127.0.0.1
  test [--keep-going] [--only SECTION,…]    install what the tests need and run all of them
  ci                                        the same as test
  tidy [--bless]                            the repository's own rules
  conformance [--bless] [SUITE …]           client libraries against a fresh server
  libraries [--bless] [--only STEP] [NAME …] bots of further client libraries, each against a fresh server
  crash [--rounds N] [--seed N]             kill the server under load and look for what it acknowledged
  cluster [--nodes N] [--store embedded-rpc|cassandra]
                                            start etcd and a cluster of nodes on this machine
  chaos kill|hang|rolling [--people N] [--guilds N] [--blows N] [--store embedded-rpc|cassandra]
                                            strike nodes of a cluster under load and look for what was promised
  chaos gateway [--people N] [--sessions N] [--rounds N]
                                            cut sockets, drain and kill a gateway, and look for every session
  chaos etcd|partition|store [--seconds N] [--people N] [--guilds N] [--store embedded-rpc|cassandra]
                                            take away what nodes stand on, or part them, under load
  sim [--seed N] [--seeds N] [--nodes N] [--seconds N] [--keep-going] [--planted]
                                            simulated clusters with faults, one a seed
  permissions [--seed N | --seeds K | --planted]  random acts, judged by a model of permissions
  bench rest [--seconds N]                  rate and cost of REST calls
  bench fanout [--sessions N,N] [--events N] cost of delivering an event to many sessions
  bench offered|churn|slow [--sessions N,N] fixed rates, sessions that are cut off, clients that do not read
  bench passive                              bytes of those who do not look at a guild
  bench placement                            cost of finding the owner of a key
  bench compression                          bytes and time of each way to compress a guild's events
";

fn main() -> ExitCode {
    let mut args = args::Args::from_env();
    let outcome = match args.task().as_deref() {
        Some("run") => run::run(&mut args),
        Some("test" | "ci") => test::run(&mut args),
        Some("tidy") => tidy::run(&mut args),
        Some("conformance") => conformance::run(&mut args),
        Some("libraries") => libraries::run(&mut args),
        Some("crash") => crash::run(&mut args),
        Some("cluster") => cluster::run(&mut args),
        Some("chaos") => cluster::chaos(&mut args),
        Some("sim") => sim::run(&mut args),
        Some("permissions") => permissions::run(&mut args),
        Some("bench") => bench::run(&mut args),
        Some("help" | "--help" | "-h") | None => {
            print!("{USAGE}");
            Ok(())
        }
        Some(other) => Err(format!("no task {other:?}\n\n{USAGE}")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::FAILURE
        }
    }
}
