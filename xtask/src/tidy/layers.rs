//! The arrows between crates: a crate may depend only on crates listed before it.
//!
//! The order is that of our own crates in the root manifest's `[workspace.dependencies]`.

use crate::sh;
use serde_json::Value;

/// Packages that must not come into the tree, and why.
const UNWANTED: [(&str, &str); 3] = [
    ("aws-lc-sys", "one cryptography library for TLS is enough, and ring builds with a C compiler alone"),
    ("openssl-sys", "the build needs nothing but Rust and a C compiler"),
    ("cmake", "the build needs nothing but Rust and a C compiler"),
];

/// Compares every crate's dependencies with the order of layers.
///
/// # Errors
/// When cargo cannot read the workspace.
pub fn check() -> Result<Vec<String>, String> {
    let manifest = sh::read(&sh::root().join("Cargo.toml"));
    let order = order(&manifest);
    let metadata =
        sh::output(sh::cargo().args(["metadata", "--no-deps", "--format-version", "1", "--offline"]))?;
    let metadata: Value = serde_json::from_str(&metadata).map_err(|error| error.to_string())?;
    let mut found = arrows(&order, metadata["packages"].as_array().map_or(&[][..], Vec::as_slice));
    let lock = sh::read(&sh::root().join("Cargo.lock"));
    for (name, why) in UNWANTED {
        if lock.lines().any(|line| line == format!("name = \"{name}\"")) {
            found.push(format!("Cargo.lock: {name} came into the tree: {why}"));
        }
    }
    Ok(found)
}

/// Our crates, lowest layer first.
fn order(manifest: &str) -> Vec<String> {
    let ours = manifest.lines().skip_while(|line| *line != "[workspace.dependencies]").skip(1);
    ours.take_while(|line| !line.starts_with('['))
        .filter(|line| line.contains("path = "))
        .filter_map(|line| line.split_once(' '))
        .map(|(name, _)| name.to_owned())
        .collect()
}

fn arrows(order: &[String], packages: &[Value]) -> Vec<String> {
    let layer = |name: &str| order.iter().position(|crate_name| crate_name == name);
    let mut found = Vec::new();
    for package in packages {
        let name = package["name"].as_str().unwrap_or_default();
        let Some(own) = layer(name) else { continue };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            // tests may look anywhere
            if dependency["kind"] == "dev" {
                continue;
            }
            let on = dependency["name"].as_str().unwrap_or_default();
            if layer(on).is_some_and(|other| other >= own) {
                found.push(format!(
                    "{name} depends on {on}, which is not below it; the order is in Cargo.toml"
                ));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_arrow_upwards_is_found_unless_for_tests() {
        let manifest =
            "[workspace.dependencies]\nlow = { path = \"a\" }\nhigh = { path = \"b\" }\nserde = \"1\"\n";
        let order = order(manifest);
        assert_eq!(order, ["low", "high"]);
        let package = |kind: Value| json!({"name": "low", "dependencies": [{"name": "high", "kind": kind}]});
        assert_eq!(arrows(&order, &[package(Value::Null)]).len(), 1);
        assert!(arrows(&order, &[package(json!("dev"))]).is_empty());
    }
}
