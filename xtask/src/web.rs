//! The web client's build: `npm ci` and `npm run build` in `web/`, only when its sources changed.

use crate::sh;
use std::hash::{DefaultHasher, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// How a person gets Node, when it is missing.
const GET_NODE: &str = "Node.js 20 or later is not installed, so the web client is not built (bots and the API work \
without it).\nGet it from https://nodejs.org/ or with your system's packages (apt-get install nodejs npm, brew install \
node), then run this again.";

/// The web client's folder.
pub fn dir() -> PathBuf {
    sh::root().join("web")
}

/// True when Node and npm can be run.
pub fn has_node() -> bool {
    sh::has("node") && sh::has("npm")
}

/// Builds the web client unless what was built is of these very sources; without Node says how to get it.
///
/// # Errors
/// When the build fails.
pub fn build() -> Result<(), String> {
    if !dir().join("package.json").exists() {
        return Ok(());
    }
    let stamp = sh::scratch("web")?.join("built");
    let sources = hash_sources(&dir())?;
    if dir().join("dist").exists() && sh::read(&stamp) == sources {
        return Ok(());
    }
    if !has_node() {
        println!("{GET_NODE}");
        return Ok(());
    }
    println!("    npm ci, if need be");
    install("npm-web", &dir())?;
    println!("    npm run build");
    let mut build = Command::new("npm");
    build.args(["run", "build"]).current_dir(dir());
    sh::logged("web-build", &mut build, Duration::from_secs(10 * 60))?;
    std::fs::write(&stamp, sources).map_err(|error| format!("{}: {error}", stamp.display()))
}

/// Runs `npm ci` in a folder, unless it was done already for its present lock file.
///
/// # Errors
/// When it fails.
pub fn install(name: &str, dir: &Path) -> Result<(), String> {
    let lock = sh::read(&dir.join("package-lock.json"));
    let stamp = dir.join("node_modules").join(".installed-lock");
    if !lock.is_empty() && sh::read(&stamp) == lock {
        return Ok(());
    }
    let mut install = Command::new("npm");
    install.args(["ci", "--no-audit", "--no-fund"]).current_dir(dir);
    sh::logged(name, &mut install, Duration::from_secs(10 * 60))?;
    std::fs::write(&stamp, lock).map_err(|error| format!("{}: {error}", stamp.display()))
}

/// A digest over names and contents of everything that goes into the build.
fn hash_sources(dir: &Path) -> Result<String, String> {
    let mut files = Vec::new();
    collect(dir, &mut files)?;
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in &files {
        hasher.write(file.as_os_str().as_encoded_bytes());
        hasher.write(&std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?);
    }
    Ok(format!("{:016x}", hasher.finish()))
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) -> Result<(), String> {
    let entries = std::fs::read_dir(dir).map_err(|error| format!("{}: {error}", dir.display()))?;
    for entry in entries {
        let path = entry.map_err(|error| format!("{}: {error}", dir.display()))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if matches!(name, "node_modules" | "dist" | "test-results" | "e2e") || name.starts_with('.') {
            continue;
        }
        if path.is_dir() {
            collect(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}
