//! Makes sure that there is something to embed: when the web client has not been built, a page that says how.

use std::path::Path;
use std::{fs, io};

const PLACEHOLDER: &str = "<!doctype html>
<html lang=\"en\">
<meta charset=\"utf-8\">
<title>Consort</title>
<body style=\"font: 1rem/1.5 system-ui; max-width: 40rem; margin: 4rem auto; padding: 0 1rem\">
<h1>Consort is running</h1>
<p>The API is at <code>/api/v10</code>. This binary was built without the web client; to have it, build the client
and then the server again:</p>
<pre>cd web &amp;&amp; npm ci &amp;&amp; npm run build
cargo build --release --package consort-server</pre>
</body>
</html>
";

fn main() -> io::Result<()> {
    let dist = Path::new("../../web/dist");
    println!("cargo:rerun-if-changed=../../web/dist");
    println!("cargo:rerun-if-changed=build.rs");
    let index = dist.join("index.html");
    if !index.exists() {
        fs::create_dir_all(dist)?;
        fs::write(index, PLACEHOLDER)?;
    }
    Ok(())
}
