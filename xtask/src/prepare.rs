//! What the tests need beside Rust: npm packages, a Python environment, a browser. Installs what it can
//! and says plainly what to install where it cannot.

use crate::{sh, web};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// How long one installation may take.
const LIMIT: Duration = Duration::from_secs(10 * 60);
/// Names under which the browser may be found.
const BROWSERS: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// Installs the npm packages of the web client and of the JavaScript suite.
///
/// # Errors
/// When Node is missing or npm fails.
pub fn npm() -> Result<(), String> {
    if !web::has_node() {
        return Err(
            "Node.js 20 or later with npm is needed: apt-get install nodejs npm, or https://nodejs.org/"
                .to_owned(),
        );
    }
    if web::dir().join("package.json").exists() {
        web::install("npm-web", &web::dir())?;
    }
    web::install("npm-discordjs", &sh::root().join("tests/conformance/discordjs"))
}

/// Makes a virtual environment under the target directory with what the Python suites need.
///
/// # Errors
/// When Python is missing or pip fails.
pub fn python() -> Result<PathBuf, String> {
    let suites = sh::root().join("tests/conformance");
    let requirements = ["discordpy", "http"].map(|suite| suites.join(suite).join("requirements.txt"));
    environment(Path::new("venv"), &requirements)
}

/// Makes a virtual environment in `name` under the target directory with what these lists ask for; its interpreter.
///
/// # Errors
/// When Python is missing or pip fails.
pub fn environment(name: &Path, requirements: &[PathBuf]) -> Result<PathBuf, String> {
    let wanted: String = requirements.iter().map(|list| sh::read(list)).collect();
    let venv = sh::scratch(&name.to_string_lossy())?;
    let stamp = venv.join("installed");
    let python = venv.join("bin/python");
    if python.exists() && sh::read(&stamp) == wanted {
        return Ok(python);
    }
    let mut make = Command::new("python3");
    make.args(["-m", "venv", "--clear"]).arg(&venv);
    sh::logged("venv", &mut make, LIMIT).map_err(|error| {
        format!("Python 3.11 or later with venv is needed (apt-get install python3 python3-venv):\n{error}")
    })?;
    let mut pip = Command::new(&python);
    pip.args(["-m", "pip", "install", "--quiet"]);
    for list in requirements {
        pip.arg("--requirement").arg(list);
    }
    sh::logged("pip", &mut pip, LIMIT)?;
    std::fs::write(&stamp, wanted).map_err(|error| format!("{}: {error}", stamp.display()))?;
    Ok(python)
}

/// Finds Chromium, installing Debian's when this runs as root.
///
/// # Errors
/// When it is missing and cannot be installed.
pub fn chromium() -> Result<String, String> {
    if let Some(found) = find_chromium() {
        return Ok(found);
    }
    let root = sh::output(Command::new("id").arg("-u")).is_ok_and(|id| id == "0");
    if !(root && sh::has("apt-get")) {
        return Err(
            "Chromium is needed for the browser tests: apt-get install chromium, or set CHROMIUM to its \
                    path"
                .to_owned(),
        );
    }
    sh::logged("apt-update", Command::new("apt-get").arg("update"), LIMIT)?;
    let mut install = Command::new("apt-get");
    install
        .args(["install", "--yes", "--no-install-recommends", "chromium"])
        .env("DEBIAN_FRONTEND", "noninteractive");
    sh::logged("apt-chromium", &mut install, LIMIT)?;
    find_chromium().ok_or_else(|| "Chromium was installed but is not found".to_owned())
}

fn find_chromium() -> Option<String> {
    if let Ok(path) = std::env::var("CHROMIUM") {
        return Some(path);
    }
    let dirs = std::env::var("PATH").unwrap_or_default();
    dirs.split(':')
        .flat_map(|dir| BROWSERS.iter().map(move |name| format!("{dir}/{name}")))
        .find(|path| std::path::Path::new(path).is_file())
}
