//! A program of etcd, for tests and for a cluster on this machine.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::sh;

/// The release that is built where the system has no package.
const VERSION: &str = "v3.7.3";
/// How long a download or a build may write nothing.
const LIMIT: Duration = Duration::from_secs(20 * 60);

/// Where the program is: `CONSORT_ETCD`, the path's, Debian's package (unpacked, not installed: the package would start a
/// service), or built with Go.
///
/// # Errors
/// When there is none and none can be had.
pub fn program() -> Result<PathBuf, String> {
    if let Some(program) = std::env::var_os("CONSORT_ETCD") {
        return Ok(program.into());
    }
    if Command::new("etcd").arg("--version").output().is_ok_and(|out| out.status.success()) {
        return Ok("etcd".into());
    }
    let home = sh::scratch("etcd")?;
    let (unpacked, built) = (home.join("debian/usr/bin/etcd"), home.join("bin/etcd"));
    if let Some(program) = [&unpacked, &built].into_iter().find(|program| program.exists()) {
        return Ok(program.clone());
    }
    println!("     etcd is fetched");
    let packaged = package(&home);
    if packaged.is_ok() && unpacked.exists() {
        return Ok(unpacked);
    }
    build(&home).map_err(|error| {
        let packaged = packaged.err().unwrap_or_default();
        format!("no etcd: set CONSORT_ETCD to its program\n{packaged}\n{error}")
    })?;
    Ok(built)
}

fn package(home: &Path) -> Result<(), String> {
    let script = "rm -rf debian && apt-get download etcd-server && dpkg-deb -x etcd-server_*.deb debian";
    let mut command = Command::new("sh");
    command.args(["-ec", script]).current_dir(home);
    sh::logged("etcd-package", &mut command, LIMIT).map(drop)
}

/// Builds a program that is etcd's server and nothing else.
fn build(home: &Path) -> Result<(), String> {
    let write = |name: &str, text: &str| {
        let path = home.join(name);
        std::fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
    };
    write("go.mod", "module local/etcd\n\ngo 1.24\n")?;
    let main = "package main\n\nimport (\n\t\"os\"\n\n\t\"go.etcd.io/etcd/server/v3/etcdmain\"\n)\n\nfunc main() { etcdmain.Main(os.Args) }\n";
    write("main.go", main)?;
    let script = format!("go get go.etcd.io/etcd/server/v3@{VERSION} && go build -mod=mod -o bin/etcd .");
    let mut command = Command::new("sh");
    command.args(["-ec", &script]).current_dir(home);
    sh::logged("etcd-build", &mut command, LIMIT).map(drop)
}
