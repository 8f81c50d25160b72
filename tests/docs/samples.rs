//! Every sample works: configurations load, Envoy accepts its own, commands parse, and the story of the README happens.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use clap::{CommandFactory as _, Parser as _};
use hopgate::audit::CheckpointKey;
use hopgate::cli::Cli;
use hopgate::config;
use hopgate::dev::certs::MeshCa;
use hopgate::dev::keys::SigningKey;
use hopgate::{inject, logs};
use jsonwebtoken::Algorithm;
use serde_json::Value;
use tempfile::TempDir;

use crate::page::{PAGES, blocks, blocks_of, codes, read};
use crate::record_schema;
use crate::tables::schema_paths;

const CONFIG: &str = "yaml hopgate";
const EVERY_FIELD: &str = "yaml hopgate every-field";
/// A part of a configuration, to be put to the rest.
const SECTION: &str = "yaml hopgate section";
const POLICIES: &str = "yaml hopgate policies";
const SCOPES: &str = "yaml hopgate scopes";
const INJECTOR: &str = "yaml injector";
const REVOCATIONS: &str = "yaml revocations";

/// What a section is put to.
const REST: &str = "
listen: unix:/run/hopgate/check.sock
issuers: [{ issuer: https://as.example, jwks: { file: keys.json } }]
services: [{ name: s, audience: a, routes: [{ name: r, match: { method: GET, path: / } }] }]
";

/// The connection manager of the whole file.
const CONNECTIONS: &str = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";

#[test]
fn every_configuration_loads() {
    let folder = folder();
    for block in [CONFIG, EVERY_FIELD, POLICIES, SCOPES].into_iter().flat_map(blocks_of) {
        if let Err(faults) = config::load_text(&block.text, folder.path()) {
            panic!("{}: {faults:?}", block.place);
        }
    }
    for block in blocks_of(SECTION) {
        if let Err(faults) = config::load_text(&format!("{REST}{}", block.text), folder.path()) {
            panic!("{}: {faults:?}", block.place);
        }
    }
}

#[test]
fn the_sample_of_every_field_has_every_field() {
    let [block] = blocks_of(EVERY_FIELD).try_into().ok().unwrap();
    let mut found = BTreeSet::new();
    paths("", &serde_saphyr::from_str(&block.text).unwrap(), &mut found);
    let missing: Vec<_> = schema_paths()
        .into_keys()
        // One of the two, in a route.
        .filter(|path| path != "services[].routes[].match.method" && !found.contains(path))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn every_setting_of_the_injector_loads() {
    let folder = folder();
    for block in blocks_of(INJECTOR) {
        let file = folder.path().join("inject.yaml");
        fs::write(&file, &block.text).unwrap();
        if let Err(faults) = inject::load(&file) {
            panic!("{}: {faults:?}", block.place);
        }
    }
}

#[test]
fn every_revocation_list_loads() {
    let folder = folder();
    for block in blocks_of(REVOCATIONS) {
        let file = folder.path().join("list.yaml");
        fs::write(&file, &block.text).unwrap();
        match config::load_revocations(&file) {
            Ok(list) => assert_eq!(list.len(), block.text.matches("  - {").count(), "{}", block.place),
            Err(faults) => panic!("{}: {faults:?}", block.place),
        }
    }
}

#[test]
fn no_kind_of_block_goes_unseen() {
    let known = [
        "cedar limits",
        "cedar policy",
        "cedar policy alone",
        "json entities",
        "text explain-policy",
        "yaml envoy",
        "yaml envoy-filter",
        "yaml envoy-route",
        "yaml envoy-tracing",
        "yaml env",
        // Of tests/chart.
        "sh helm",
        "yaml values",
        "yaml envoy-cluster",
        // Of tests/inject.
        "yaml pod",
        "yaml hopgate-sidecar",
        "json record",
        "json json-rpc",
        "sh",
        "sh openssl",
        "text",
        "text explain",
        "text lint-envoy",
        "text logs",
        // Of testing.rs.
        "yaml table",
        "yaml table failing",
        "text test",
        "text bypass",
        "mermaid",
    ];
    for block in blocks() {
        let seen = [CONFIG, EVERY_FIELD, SECTION, POLICIES, SCOPES, INJECTOR, REVOCATIONS]
            .contains(&block.kind.as_str())
            || known.contains(&block.kind.as_str());
        assert!(seen, "{}: no test reads `{}` blocks", block.place, block.kind);
    }
}

#[test]
fn envoy_accepts_its_sample() {
    let mesh = folder();
    let at = |name: &str| mesh.path().join(name).to_str().unwrap().to_owned();
    for block in blocks_of("yaml envoy") {
        let text = block
            .text
            .replace("/etc/mesh/cert.pem", &at("invoices.pem"))
            .replace("/etc/mesh/key.pem", &at("invoices-key.pem"))
            .replace("/etc/mesh/ca.pem", &at("ca.pem"));
        let mut whole: Value = serde_saphyr::from_str(&text).unwrap();
        let routes = format!("{CONNECTIONS}/route_config/virtual_hosts/0/routes");
        let Some(Value::Array(routes)) = whole.pointer_mut(&routes) else { panic!("{}: no routes", block.place) };
        for route in blocks_of("yaml envoy-route") {
            routes.insert(0, serde_saphyr::from_str(&route.text).unwrap());
        }
        let [tracing] = blocks_of("yaml envoy-tracing").try_into().ok().unwrap();
        let tracing: Value = serde_saphyr::from_str(&tracing.text).unwrap();
        whole.pointer_mut(CONNECTIONS).unwrap()["tracing"] = tracing["tracing"].clone();
        // The cluster that the text asks for, like the one of the service.
        let clusters = whole.pointer_mut("/static_resources/clusters").and_then(Value::as_array_mut).unwrap();
        let mut collector = clusters[0].clone();
        collector["name"] = "collector".into();
        collector["load_assignment"]["cluster_name"] = "collector".into();
        clusters.push(collector);
        let file = mesh.path().join("envoy.json");
        fs::write(&file, whole.to_string()).unwrap();
        let output = Command::new(testbed::envoy::binary().unwrap())
            .args(["--mode", "validate", "--log-level", "error", "--config-path"])
            .arg(&file)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}: {}", block.place, String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn the_lint_says_of_the_sample_what_its_page_shows() {
    let folder = tempfile::tempdir().unwrap();
    let [sample] = blocks_of("yaml envoy").try_into().ok().unwrap();
    let lax = sample.text.replace("failure_mode_allow: false", "failure_mode_allow: true");
    fs::write(folder.path().join("envoy.yaml"), lax).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_hopgate"));
    let output = command.args(["lint-envoy", "envoy.yaml"]).current_dir(folder.path()).output().unwrap();
    let [shown] = blocks_of("text lint-envoy").try_into().ok().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), shown.text);
}

#[test]
fn what_logs_prints_is_as_shown() {
    let bin = Path::new(env!("CARGO_BIN_EXE_hopgate")).parent().unwrap();
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap());
    let run = |command: &str| {
        let output = Command::new("sh").args(["-c", command]).env("PATH", &path).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    for block in blocks_of("text logs") {
        let (command, shown) = block.text.split_once('\n').unwrap();
        assert_eq!(run(command.strip_prefix("$ ").unwrap()), shown, "{}", block.place);
    }
    let [graph] = blocks_of("mermaid").try_into().ok().unwrap();
    assert_eq!(run("hopgate logs graph --format mermaid examples/decisions.jsonl"), graph.text, "{}", graph.place);
    assert_eq!(run("hopgate logs graph --format svg examples/decisions.jsonl"), run("cat docs/graph.svg"));
}

#[test]
fn the_filter_of_the_readme_is_part_of_the_whole_file() {
    let [whole] = blocks_of("yaml envoy").try_into().ok().unwrap();
    let [filter] = blocks_of("yaml envoy-filter").try_into().ok().unwrap();
    let whole: Value = serde_saphyr::from_str(&whole.text).unwrap();
    let filter: Value = serde_saphyr::from_str(&filter.text).unwrap();
    let chain = whole.pointer(&format!("{CONNECTIONS}/http_filters/0/typed_config")).unwrap();
    for (name, value) in filter.get("typed_config").and_then(Value::as_object).unwrap() {
        assert_eq!(chain.get(name), Some(value), "{name}");
    }
}

#[test]
fn records_are_of_the_schema() {
    for block in blocks_of("json record") {
        let record: Value = serde_json::from_str(&block.text).unwrap();
        record_schema::message(&record);
        let mut fields = record_schema::fields();
        fields.remove("claimed");
        let found: BTreeSet<_> = record.as_object().unwrap().keys().cloned().collect();
        assert_eq!(found, fields, "{}", block.place);
    }
}

#[test]
fn every_command_of_a_shell_block_parses() {
    let makefile = read("Makefile");
    for block in blocks_of("sh") {
        for line in block.text.lines() {
            let command = line.split(" #").next().unwrap_or_default().trim();
            // Of a pipe the part that is ours, or the first.
            let ours = command.find(" | hopgate ").and_then(|at| command.get(at + 3..));
            let command = ours.or(command.split(" | ").next()).unwrap_or_default();
            let command = command.strip_prefix("TOKEN=$(").and_then(|rest| rest.strip_suffix(')')).unwrap_or(command);
            let words: Vec<_> = command.split_whitespace().map(|word| word.trim_matches('"')).collect();
            match words.as_slice() {
                ["hopgate", ..] => {
                    if let Err(error) = Cli::try_parse_from(&words) {
                        panic!("{}: `{command}`: {error}", block.place);
                    }
                }
                ["make", target] => assert!(makefile.contains(&format!("\n{target}: ")), "{}: {target}", block.place),
                ["helm", "template", chart, ..] | ["helm", "template", _, chart, ..] if Path::new(chart).is_dir() => {}
                ["helm", "uninstall", ..] | ["docker", "build" | "push", ..] | ["kubectl", ..] => {}
                _ => panic!("{}: nothing checks `{command}`", block.place),
            }
        }
    }
}

#[test]
fn the_keys_of_checkpoints_are_made_as_told() {
    let folder = tempfile::tempdir().unwrap();
    let [block] = blocks_of("sh openssl").try_into().ok().unwrap();
    let made = Command::new("sh").args(["-ec", &block.text]).current_dir(folder.path()).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    CheckpointKey::from_pem(&fs::read(folder.path().join("checkpoint.pem")).unwrap()).unwrap();
    logs::Keys::from_pem(&fs::read(folder.path().join("checkpoint.pub")).unwrap()).unwrap();
}

#[test]
fn commands_and_flags_named_in_the_text_exist() {
    let cli = Cli::command();
    for page in PAGES {
        for code in read(page).lines().flat_map(|line| codes(line).into_iter().map(str::to_owned).collect::<Vec<_>>()) {
            let mut words = code.split_whitespace();
            if words.next() != Some("hopgate") {
                continue;
            }
            let mut command = &cli;
            for word in words {
                if let Some(flag) = word.strip_prefix("--") {
                    let known = command.get_arguments().any(|argument| argument.get_long() == Some(flag));
                    assert!(known, "{page}: `{code}`: no flag `{word}`");
                } else if let Some(next) = command.find_subcommand(word) {
                    command = next;
                } else {
                    let named = command.get_name() != "hopgate" || word == "…";
                    assert!(named, "{page}: `{code}`: no subcommand `{word}`");
                }
            }
        }
    }
}

#[test]
fn links_lead_somewhere() {
    for page in PAGES {
        let folder = Path::new(page).parent().unwrap();
        for link in read(page).split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let (file, heading) = link.split_once('#').map_or((link, None), |(file, heading)| (file, Some(heading)));
            let target = if file.is_empty() { Path::new(page).to_owned() } else { folder.join(file) };
            assert!(target.exists(), "{page}: `{link}`");
            if let Some(heading) = heading {
                let text = fs::read_to_string(&target).unwrap();
                let mut headings = text.lines().filter_map(|line| line.strip_prefix('#')).map(anchor);
                assert!(headings.any(|known| known == heading), "{page}: `{link}`");
            }
        }
    }
}

/// The anchor that readers of Markdown give a heading.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    text.chars().filter(|c| c.is_alphanumeric() || " -".contains(*c)).map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// The last shell block of the README, with the configuration above it, in a folder of its own.
#[test]
fn trying_it_by_hand_goes_as_the_readme_says() {
    let folder = tempfile::tempdir().unwrap();
    let of_readme = |kind: &str| blocks_of(kind).into_iter().filter(|block| block.place.starts_with("README.md"));
    let config = of_readme(CONFIG).next().unwrap().text;
    fs::write(folder.path().join("hopgate.yaml"), config).unwrap();
    let script = of_readme("sh").next_back().unwrap().text;
    let hopgate = Path::new(env!("CARGO_BIN_EXE_hopgate")).parent().unwrap();
    let path = format!("{}:{}", hopgate.display(), std::env::var("PATH").unwrap_or_default());
    let output =
        Command::new("sh").args(["-c", &script]).current_dir(folder.path()).env("PATH", path).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(4), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let [explained] = blocks_of("text explain").try_into().ok().unwrap();
    let mut lines = said.lines();
    for line in explained.text.lines() {
        assert!(lines.any(|said| said == line), "`{line}` is missing from:\n{said}");
    }
}

/// A folder with every file that a sample names.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    fs::write(folder.path().join("keys.json"), key.jwks().to_string()).unwrap();
    for name in ["redis-user", "redis-password"] {
        fs::write(folder.path().join(name), "hopgate\n").unwrap();
    }
    fs::write(folder.path().join("otlp-headers"), "x-api-key: k\n").unwrap();
    fs::write(folder.path().join("checkpoint.pem"), rcgen::KeyPair::generate().unwrap().serialize_pem()).unwrap();
    for name in ["nonce.key", "hash.key"] {
        fs::write(folder.path().join(name), [7; 32]).unwrap();
    }
    fs::write(folder.path().join("revocations.yaml"), "revoked: []").unwrap();
    fs::create_dir(folder.path().join("policies")).unwrap();
    fs::write(folder.path().join("policies/base.cedar"), "permit(principal, action, resource);").unwrap();
    fs::write(folder.path().join("limits.cedar"), "permit(principal, action, resource);").unwrap();
    fs::write(folder.path().join("invoices.cedar"), "permit(principal, action, resource);").unwrap();
    fs::write(folder.path().join("people.json"), "[]").unwrap();
    let ids = ["spiffe://demo.local/ns/agents/sa/invoices".to_owned()];
    MeshCa::generate("demo.local").unwrap().write(folder.path(), &ids).unwrap();
    folder
}

/// The paths of every field in `value`, `[]` for each item of a list.
fn paths(path: &str, value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                paths(&path, value, found);
                found.insert(path);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| paths(&format!("{path}[]"), item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
