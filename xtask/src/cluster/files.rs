//! A cluster whose files are in a bucket: each node reaches them by itself, also once the node is gone through which they came.

use super::rig::{Kept, Plan, Rig};
use crate::api::{Api, text};
use crate::s3::ObjectStore;
use crate::{server, sh};
use serde_json::Value;
use std::time::Duration;

/// How long a deleted file may stay in the bucket. It is not served from the deletion on.
const SWEPT_LIMIT: Duration = Duration::from_secs(60);
/// More than one part of an upload.
const LARGE_BYTES: usize = 7 << 20;

/// Posts files at one node, and fetches them at another, while the first lives and after its end.
///
/// # Errors
/// With what does not hold.
pub fn check(store: &ObjectStore) -> Result<(), String> {
    let plan = Plan { files: Some(store.url()), ..Plan::of(4, Kept::EmbeddedRpc) };
    let mut rig = Rig::start(&server::build(false)?, "cluster-files", plan)?;
    // The second edge: the first one has the store.
    let (here, there) = (Api::new(&rig.server(1)?.api()), Api::new(&rig.server(0)?.api()));
    let person = here.user("filer", "f")?;
    let (_, channel) = here.guild(&person, "Files")?;
    let small = b"a few bytes".to_vec();
    let large: Vec<u8> = (0..LARGE_BYTES).map(|at| (at / 251) as u8).collect();
    let mut posted = Vec::new();
    for (name, bytes) in [("small.txt", &small), ("large.bin", &large), ("empty.txt", &Vec::new())] {
        let path = format!("/channels/{channel}/messages");
        let message = here.upload("POST", &path, &person.token, &[], ("files[0]", name, bytes))?;
        posted.push((text(&message, "id")?, path_of(&message["attachments"][0])?, bytes.clone()));
    }
    let served = |api: &Api, who: &str| {
        posted.iter().try_for_each(|(_, path, bytes)| match api.file(path)? {
            Some(found) if found == *bytes => Ok(()),
            found => Err(format!("{path} is {:?} bytes at {who}", found.map(|found| found.len()))),
        })
    };
    served(&here, "the node that took it")?;
    served(&there, "another node")?;
    // Others may have left something there.
    let before = store.count()?;
    if before < posted.len() {
        return Err(format!("{before} files are in the bucket"));
    }
    rig.kill(1);
    served(&there, "another node after the end of the one that took it")?;
    let (id, path, _) = &posted[1];
    there.ok("DELETE", &format!("/channels/{channel}/messages/{id}"), &person.token, None::<Value>)?;
    if there.file(path)?.is_some() {
        return Err("a file is served though its message was deleted".to_owned());
    }
    let swept = sh::poll(SWEPT_LIMIT, || store.count().is_ok_and(|count| count < before));
    if swept { Ok(()) } else { Err("a deleted file stays in the bucket".to_owned()) }
}

/// The path of an attachment's address.
fn path_of(attachment: &Value) -> Result<String, String> {
    let url = text(attachment, "url")?;
    let path = url.splitn(4, '/').nth(3).map(|path| format!("/{path}"));
    path.ok_or_else(|| format!("{url}: no path"))
}
