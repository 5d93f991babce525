//! How a library's bot is installed from its registry, built and started: by the file that pins its versions.

use crate::{prepare, sh, web};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// How long an installation or a build may write nothing.
const LIMIT: Duration = Duration::from_secs(10 * 60);

/// Why a bot is not there.
pub enum Unready {
    /// A tool is missing on this machine; the library is passed over with this word.
    Missing(String),
    /// Installing or building failed.
    Failed(String),
}

/// Installs and builds the bot in `dir`; the command that starts it.
///
/// # Errors
/// See [`Unready`].
pub fn bot(name: &str, dir: &Path) -> Result<Command, Unready> {
    let has = |file: &str| dir.join(file).exists();
    let mut command = if has("requirements.txt") {
        python(name, dir)?
    } else if has("package-lock.json") {
        node(name, dir)?
    } else if has("go.sum") {
        go(name, dir)?
    } else if has("pom.xml") {
        java(name, dir)?
    } else if has("Cargo.lock") {
        rust(name, dir)?
    } else {
        return Err(Unready::Failed(format!("{}: nothing that pins versions", dir.display())));
    };
    command.current_dir(dir);
    Ok(command)
}

fn failed(error: String) -> Unready {
    Unready::Failed(error)
}

/// True when a tool answers; some know only `version`, without dashes.
fn answers(tool: &str, word: &str) -> bool {
    sh::output(Command::new(tool).arg(word)).is_ok()
}

fn python(name: &str, dir: &Path) -> Result<Command, Unready> {
    if !sh::has("python3") {
        return Err(Unready::Missing("no Python: apt-get install python3 python3-venv".to_owned()));
    }
    let venv = PathBuf::from(format!("libraries/{name}"));
    let python = prepare::environment(&venv, &[dir.join("requirements.txt")]).map_err(failed)?;
    let mut command = Command::new(python);
    command.arg("bot.py").env("PYTHONDONTWRITEBYTECODE", "1");
    Ok(command)
}

fn node(name: &str, dir: &Path) -> Result<Command, Unready> {
    if !web::has_node() {
        return Err(Unready::Missing("no Node.js: apt-get install nodejs npm".to_owned()));
    }
    web::install(&format!("npm-{name}"), dir).map_err(failed)?;
    let mut command = Command::new("node");
    command.arg("bot.mjs");
    Ok(command)
}

fn go(name: &str, dir: &Path) -> Result<Command, Unready> {
    if !answers("go", "version") {
        return Err(Unready::Missing("no Go: apt-get install golang".to_owned()));
    }
    let binary = sh::scratch("libraries").map_err(failed)?.join(name);
    let mut build = Command::new("go");
    build.args(["build", "-mod=readonly", "-o"]).arg(&binary).arg(".").current_dir(dir);
    sh::logged(&format!("go-{name}"), &mut build, LIMIT).map_err(failed)?;
    Ok(Command::new(binary))
}

/// Maven has no lock file; the versions in a `pom.xml` are exact.
fn java(name: &str, dir: &Path) -> Result<Command, Unready> {
    if !(answers("javac", "--version") && answers("mvn", "--version")) {
        return Err(Unready::Missing(
            "no JDK with Maven: apt-get install default-jdk-headless maven".to_owned(),
        ));
    }
    let out = sh::scratch(&format!("libraries/{name}")).map_err(failed)?;
    let path = out.join("classpath");
    let mut build = Command::new("mvn");
    build
        .args(["--batch-mode", "--quiet", "compile", "dependency:build-classpath"])
        .arg(format!("-Dbot.target={}", out.display()))
        .arg(format!("-Dmdep.outputFile={}", path.display()))
        .current_dir(dir);
    sh::logged(&format!("mvn-{name}"), &mut build, LIMIT).map_err(failed)?;
    let mut command = Command::new("java");
    command
        .arg("-cp")
        .arg(format!("{}:{}", out.join("classes").display(), sh::read(&path).trim()))
        .arg("Bot");
    Ok(command)
}

fn rust(name: &str, dir: &Path) -> Result<Command, Unready> {
    let target = sh::scratch("libraries/rust").map_err(failed)?;
    let mut build = sh::cargo();
    build.args(["build", "--locked"]).current_dir(dir).env("CARGO_TARGET_DIR", &target);
    sh::logged(&format!("cargo-{name}"), &mut build, LIMIT).map_err(failed)?;
    Ok(Command::new(target.join("debug").join(format!("library-{name}"))))
}
