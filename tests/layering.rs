//! Arrows point down only: main → cli → server → edges → authz, and `authz` imports nothing of ours.
//!
//! What `authz` could do beyond computing (wait, read a clock or a file) is also denied by clippy's `disallowed_methods`
//! there; this test sees what a lint of methods can't: whole crates and modules.

#![expect(clippy::expect_used, reason = "a test that can't read the sources has nothing to say")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Every module of the library, the highest first. A module may use those below it and none above.
const LAYERS: [&str; 26] = [
    "cli",
    "tables",
    "dev",
    "lint",
    "logs",
    "server",
    "offline",
    "inject",
    "watch",
    "otlp",
    "admin",
    "reload",
    "kill_switch",
    "readiness",
    "envoy",
    "tls",
    "jwks",
    "live",
    "metrics",
    "listener",
    "replay",
    "telemetry",
    "config",
    "audit",
    "clock",
    "authz",
];

/// The crates the decision core is made of. None of them waits, and none speaks a protocol.
const CORE_CRATES: [&str; 15] = [
    "std",
    "aws_lc_rs",
    "base64",
    "cedar_policy",
    "form_urlencoded",
    "jsonwebtoken",
    "matchit",
    "miette",
    "percent_encoding",
    "quick_cache",
    "rustls_pki_types",
    "serde",
    "serde_json",
    "thiserror",
    "url",
];

/// What no line of the core may say.
const NOT_IN_CORE: [&str; 19] = [
    "crate::",
    "tokio",
    "tonic",
    "prost",
    "reqwest",
    "axum",
    "hyper",
    "envoy_types",
    "futures_util",
    "arc_swap",
    "tracing",
    "std::fs",
    "std::env",
    "std::net",
    "std::process",
    "std::thread",
    "std::io",
    "::now(",
    "async ",
];

#[test]
fn authz_imports_nothing_of_ours_and_knows_no_outside_world() {
    let mut faults = Vec::new();
    for (file, code) in sources(Path::new("src/authz")) {
        for (at, line) in code.lines().enumerate() {
            for word in NOT_IN_CORE {
                if line.contains(word) {
                    faults.push(format!("{}:{}: `{word}`", file.display(), at.saturating_add(1)));
                }
            }
            if let Some(root) = imported_crate(line)
                && !CORE_CRATES.contains(&root)
            {
                faults.push(format!("{}:{}: crate `{root}`", file.display(), at.saturating_add(1)));
            }
        }
    }
    assert!(faults.is_empty(), "src/authz is a pure function:\n{}", faults.join("\n"));
}

#[test]
fn arrows_point_down_only() {
    let uses = uses();
    let known: BTreeSet<_> = LAYERS.into_iter().map(str::to_owned).collect();
    let found: BTreeSet<_> = uses.keys().cloned().collect();
    assert_eq!(found, known, "give every module its place in LAYERS");
    for (at, module) in LAYERS.into_iter().enumerate() {
        let below: BTreeSet<_> = LAYERS.into_iter().skip(at).map(str::to_owned).collect();
        let above: Vec<_> = uses.get(module).into_iter().flatten().filter(|used| !below.contains(*used)).collect();
        assert!(above.is_empty(), "`{module}` uses what stands above it: {above:?}");
    }
}

#[test]
fn only_the_command_line_and_tables_know_the_dev_tools() {
    let users: Vec<_> = uses().into_iter().filter(|(_, used)| used.contains("dev")).map(|(module, _)| module).collect();
    assert!(users.iter().all(|module| ["cli", "tables", "dev"].contains(&module.as_str())), "{users:?}");
}

/// Module → the modules of ours that it names.
fn uses() -> BTreeMap<String, BTreeSet<String>> {
    let mut uses: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (file, code) in sources(Path::new("src")) {
        let inside = file.strip_prefix("src").expect("a file of src");
        let first = inside.components().next().expect("a name").as_os_str().to_string_lossy().into_owned();
        let module = first.trim_end_matches(".rs").to_owned();
        if module == "main" || module == "lib" {
            continue;
        }
        let named = uses.entry(module).or_default();
        for rest in code.split("crate::").skip(1) {
            // `crate::a::b`, or `crate::{a, b::{c, d}}` with only the outer names meant.
            let group = rest.strip_prefix('{').map(outer_names);
            let single = || vec![rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()];
            named.extend(group.unwrap_or_else(single));
        }
    }
    uses
}

/// The names at the first level of a `{…}` group whose brace was taken already.
fn outer_names(group: &str) -> Vec<String> {
    let mut names = vec![String::new()];
    let (mut depth, mut in_name) = (0_u32, true);
    for c in group.chars() {
        match c {
            '}' if depth == 0 => break,
            '}' => depth = depth.saturating_sub(1),
            '{' => depth = depth.saturating_add(1),
            ',' if depth == 0 => {
                names.push(String::new());
                in_name = true;
            }
            ':' => in_name &= depth > 0,
            c if depth == 0 && in_name && (c.is_alphanumeric() || c == '_') => {
                if let Some(name) = names.last_mut() {
                    name.push(c);
                }
            }
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

/// The crate a `use` line takes from; none for `super`, `self`, `crate` and the module's own children.
fn imported_crate(line: &str) -> Option<&str> {
    let line = line.trim_start();
    // What is made public again is a child of this module.
    let root = line.strip_prefix("use ")?.split("::").next()?;
    (!matches!(root, "super" | "self" | "crate")).then_some(root)
}

/// Every Rust file under `folder` with its code: no comments, and nothing from its tests on.
fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() && path.file_name().is_some_and(|name| name != "tests") {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && path.file_name().is_some_and(|name| name != "tests.rs")
        {
            let text = fs::read_to_string(&path).expect("UTF-8");
            // House style: tests last.
            let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
            let lines: Vec<_> = code.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
            files.push((path, lines.join("\n")));
        }
    }
    files
}
