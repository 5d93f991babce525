//! `consort`.

fn main() -> std::process::ExitCode {
    consort_server::cli::main()
}
