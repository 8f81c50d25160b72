//! A configuration with a table beside it, and the command run on both.

use std::fs;
use std::path::PathBuf;
use std::process::Output;

use crate::support::Plan;
use crate::support::gate::command;

pub(super) const DONE: i32 = 0;
pub(super) const USAGE: i32 = 2;
pub(super) const FAULTS: i32 = 3;
pub(super) const OTHERWISE: i32 = 4;

/// What a command said and how it ended.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) code: i32,
    pub(super) out: String,
    pub(super) err: String,
}

/// Runs `hopgate test` with `args`, in the folder of the sources.
pub(super) fn run(args: &[&str]) -> Said {
    let Output { status, stdout, stderr } = command().arg("test").args(args).output().expect("an end");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Said { code: status.code().expect("no signal"), out: text(stdout), err: text(stderr) }
}

pub(super) struct Stage {
    pub(super) plan: Plan,
}

impl Stage {
    /// The table in front of the usual configuration, whose keys are fetched from where nobody is.
    pub(super) fn new() -> Self {
        let nowhere = serde_json::json!({ "uri": "http://127.0.0.1:1/jwks" });
        Self { plan: Plan::new().set("/issuers/0/jwks", nowhere) }
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.plan.dir.root().join(name)
    }

    /// Runs the table `text`; its file and folder are left out of what is said.
    pub(super) fn table(&self, text: &str, more: &[&str]) -> Said {
        let file = self.file("table.yaml");
        fs::write(&file, text).expect("written");
        self.command(&[&[file.to_str().unwrap()], more].concat())
    }

    pub(super) fn command(&self, more: &[&str]) -> Said {
        self.plan.write();
        let config = self.plan.file();
        let said = run(&[&["--config", config.to_str().unwrap()], more].concat());
        let folder = format!("{}/", self.plan.dir.root().display());
        Said { out: said.out.replace(&folder, ""), err: said.err.replace(&folder, ""), ..said }
    }
}

/// A table of `cases`, each an item of a YAML list, with a token of alice's to start from.
pub(super) fn table(cases: &str) -> String {
    format!(
        "at: 2026-11-24T12:00:00Z\n\
         defaults:\n  request: {{ path: /invoices }}\n  token: {{ claims: {{ sub: alice, client_id: console, scope: invoices:read }} }}\n\
         cases:\n{cases}"
    )
}
