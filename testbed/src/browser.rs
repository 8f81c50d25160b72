//! Pages in a real Chromium.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::{Error, fetch};

const NAME: &str = "the browser";

/// What became of a visit.
#[derive(Clone, Debug)]
pub struct Visit {
    /// What the scenario gave.
    pub found: Value,
    /// Errors that the page or the browser wrote to its console, breaches of its content policy among them.
    pub faults: Vec<String>,
    /// What was asked of anybody but `site`.
    pub elsewhere: Vec<String>,
}

/// Runs `scenario`, a module of JavaScript whose default export drives pages of `site`; see `browser/drive.mjs` for what it
/// is handed. Whatever it asks for on the way is `answer`ed.
///
/// # Errors
/// When Chromium can't be had or started, or the scenario throws: its words are in the error.
pub fn drive(scenario: &Path, site: SocketAddr, mut answer: impl FnMut(&Value) -> Value) -> Result<Visit, Error> {
    fetch::run("install-tools.sh", &["chromium"])?;
    fetch::run("fetch-node-modules.sh", &["browser"])?;
    let testbed = Path::new(env!("CARGO_MANIFEST_DIR"));
    let stderr = tempfile::tempfile().map_err(Error::io("make a file"))?;
    let mut child = Command::new(testbed.join("../.local/node/bin/node"))
        .arg(testbed.join("browser/drive.mjs"))
        .arg(scenario)
        .arg(format!("http://{site}"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(stderr.try_clone().map_err(Error::io("share a file"))?)
        .spawn()
        .map_err(Error::io("run node"))?;
    let mut end = Value::Null;
    if let (Some(stdout), Some(stdin)) = (child.stdout.take(), &mut child.stdin) {
        for line in BufReader::new(stdout).lines() {
            let line = line.map_err(Error::io("read of the browser"))?;
            let said: Value = serde_json::from_str(&line)
                .map_err(|_| Error::Unreadable { name: NAME.to_owned(), found: line.clone() })?;
            match said.get("ask") {
                Some(asked) => writeln!(stdin, "{}", answer(asked)).map_err(Error::io("answer the browser"))?,
                None => end = said,
            }
        }
    }
    let status = child.wait().map_err(Error::io("wait for node"))?;
    if !status.success() {
        let stderr = read(stderr)?;
        return Err(Error::Ended { name: NAME.to_owned(), status: status.to_string(), stderr });
    }
    let list = |name: &str| {
        let items = end.get(name).and_then(Value::as_array);
        items.into_iter().flatten().map(|item| item.as_str().unwrap_or_default().to_owned()).collect()
    };
    Ok(Visit {
        found: end.get("found").cloned().unwrap_or(json!(null)),
        faults: list("faults"),
        elsewhere: list("elsewhere"),
    })
}

fn read(mut file: std::fs::File) -> Result<String, Error> {
    use std::io::{Read as _, Seek as _};
    let mut text = String::new();
    file.rewind().and_then(|()| file.read_to_string(&mut text)).map_err(Error::io("read its stderr"))?;
    Ok(text)
}
