//! Every table that lists something of the program lists exactly that.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::LazyLock;

use envoy_types::pb::envoy::service::auth::v3::CheckResponse;
use envoy_types::pb::envoy::service::auth::v3::check_response::HttpResponse;
use hopgate::audit::Redaction;
use hopgate::authz::{Answer, Check, Findings, Operation, Outcome, Protocol, Reason, RequestId, Trail, VerifiedTokens};
use hopgate::config;
use hopgate::envoy::decode::{Decoded, OVERRIDES};
use hopgate::envoy::encode::{self, Told};
use hopgate::jwks::KeyKeeper;
use hopgate::lint::{NEEDED_HEADERS, Rule};
use hopgate::live::{Live, State};
use hopgate::metrics::Metrics;
use serde_json::{Map, Value, json};

use crate::fixture::{Fixture, written};
use crate::page::{blocks_of, codes, read, table};
use crate::record_schema;

#[test]
fn reasons_are_listed_with_their_check_and_answer() {
    let rows = table("docs/decisions.md", "reason | check | answer | what happened");
    let found: Vec<_> = rows.iter().map(|row| row.get(..3).unwrap().join(" | ")).collect();
    let expected: Vec<_> = Reason::ALL
        .iter()
        .map(|reason| format!("`{}` | `{}` | {}", reason.code(), reason.check().name(), answer(*reason)))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn annotations_of_a_pod_are_listed() {
    let rows = table("docs/injection.md", "annotation | value | meaning");
    let found: Vec<_> = rows.iter().map(|row| row.first().unwrap().trim_matches('`')).collect();
    assert_eq!(found, hopgate::inject::ANNOTATIONS);
}

#[test]
fn checks_are_listed_in_order_with_what_may_be_observed() {
    let rows = table("docs/decisions.md", "# | check | what it asks | can be observed");
    let found: Vec<_> = rows.iter().map(|row| (row.get(1).unwrap().clone(), row.get(3).unwrap() == "yes")).collect();
    let expected: Vec<_> = Check::ALL.into_iter().map(|c| (format!("`{}`", c.name()), c.can_observe())).collect();
    assert_eq!(found, expected);
}

#[test]
fn attacks_of_the_readme_have_their_reason_and_answer_and_are_played_by_the_demo() {
    let story: String = fs::read_dir("demo/src/story")
        .unwrap()
        .map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect();
    for row in table("README.md", "attack | reason | answer") {
        let [_, reasons, answered] = row.as_slice() else { panic!("{row:?}") };
        for code in codes(reasons).into_iter().filter(|code| !code.starts_with("x-")) {
            assert!(story.contains(&format!("\"{code}\"")), "the demo does not play `{code}`");
            let reason = Reason::ALL.iter().find(|reason| reason.code() == code);
            assert_eq!(
                reason.map(|reason| answer(*reason).split(' ').next().unwrap().to_owned()).as_ref(),
                Some(answered)
            );
        }
    }
}

#[test]
fn record_fields_are_all_explained() {
    let rows = table("docs/decisions.md", "fields | say");
    let found: BTreeSet<_> = rows.iter().flat_map(|row| codes(row.first().unwrap())).map(str::to_owned).collect();
    assert_eq!(found, record_schema::fields());
}

#[test]
fn configuration_fields_are_those_of_the_schema_with_their_defaults() {
    let rows = table("docs/configuration.md", "field | default | meaning");
    let schema = schema_paths();
    let listed: BTreeSet<_> = rows.iter().map(|row| codes(row.first().unwrap()).concat()).collect();
    assert_eq!(listed, schema.keys().cloned().collect());
    for row in &rows {
        let [field, default, _] = row.as_slice() else { panic!("{row:?}") };
        let path = codes(field).concat();
        let known = schema.get(&path).unwrap();
        match default.as_str() {
            "required" => assert!(known.required, "{path}"),
            "–" => assert!(!known.required && known.default.as_ref().is_none_or(Value::is_null), "{path}"),
            code => {
                assert!(!known.required, "{path}");
                let value: Value = serde_saphyr::from_str(&codes(code).concat()).unwrap();
                assert_eq!(with(&path, None), with(&path, Some(value)), "{path} is by default something else");
            }
        }
    }
}

#[test]
fn metrics_are_listed_with_their_type_and_labels() {
    let folder = tempfile::tempdir().unwrap();
    let key = hopgate::dev::keys::SigningKey::generate(jsonwebtoken::Algorithm::ES256).unwrap();
    fs::write(folder.path().join("keys.json"), key.jwks().to_string()).unwrap();
    let mut config = least();
    *config.pointer_mut("/issuers/0/jwks").unwrap() = json!({ "file": "keys.json" });
    let settings = config::load_text(&config.to_string(), folder.path()).unwrap();
    let metrics = Arc::new(Metrics::new());
    let state = State::first(&settings, Arc::new(VerifiedTokens::with_capacity(1))).unwrap();
    KeyKeeper::new(Arc::new(Live::new(state)), Arc::clone(&metrics), 1).follow(&settings);

    let text = metrics.render().unwrap();
    let mut expected = BTreeMap::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').unwrap();
        let suffix = if kind == "counter" { "_total" } else { "" };
        let sample = text.lines().find(|line| line.starts_with(name)).unwrap();
        let labels = sample.split_once('{').map_or("", |(_, rest)| rest.split_once('}').unwrap().0);
        let labels: Vec<_> = labels
            .split(',')
            .filter_map(|label| label.split_once('='))
            .map(|(name, _)| name)
            .filter(|n| *n != "le")
            .collect();
        expected.insert(format!("{name}{suffix}"), (kind.to_owned(), labels.join(" ")));
    }
    let rows = table("docs/operations.md", "metric | type | labels | meaning");
    let found: BTreeMap<_, _> = rows
        .iter()
        .map(|row| {
            let [name, kind, labels, _] = row.as_slice() else { panic!("{row:?}") };
            (codes(name).concat(), (kind.clone(), codes(labels).join(" ")))
        })
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn identity_headers_and_metadata_are_listed() {
    let allowed = allowed();
    let Some(HttpResponse::OkResponse(ok)) = &allowed.http_response else { panic!("refused") };
    let set: BTreeSet<_> = ok.headers.iter().filter_map(|o| o.header.as_ref()).map(|h| h.key.clone()).collect();
    assert_eq!(listed("docs/envoy.md", "header | value"), set);

    let operation = Operation { name: Some("search".into()), ..json_rpc_call(Protocol::Mcp) };
    let findings = Findings { operation: Some(operation), ..Findings::default() };
    let told = Told {
        decision_id: "1",
        findings: &findings,
        trail: &Trail::default(),
        proof_algorithms: &[],
        redaction: &Redaction::default(),
    };
    let refused = encode::deny(Reason::CallerNotActor, told, false);
    let names = |response: CheckResponse| response.dynamic_metadata.unwrap().fields.into_keys();
    assert_eq!(listed("docs/envoy.md", "name | value"), names(allowed).chain(names(refused)).collect());
}

#[test]
fn a_refusal_to_json_rpc_is_as_shown() {
    for block in blocks_of("json json-rpc") {
        let shown: Value = serde_json::from_str(&block.text).unwrap();
        let id = shown.pointer("/error/data/decision_id").and_then(Value::as_str).unwrap();
        assert_eq!(shown, json_rpc_answer(Reason::ToolUnknown, Protocol::Mcp, id), "{}", block.place);
    }
}

#[test]
fn codes_of_json_rpc_are_listed_with_their_reasons() {
    let rows = table("docs/decisions.md", "reason | MCP | A2A");
    let unavailable = rows.last().unwrap();
    for reason in Reason::ALL {
        let row = rows.iter().find(|row| codes(row.first().unwrap()).contains(&reason.code()));
        let row = if reason.answer() == Answer::Unavailable { Some(unavailable) } else { row };
        for (column, protocol) in [(1, Protocol::Mcp), (2, Protocol::A2a)] {
            let listed = row.map_or("-32010", |row| row.get(column).unwrap().as_str());
            let code = json_rpc_answer(*reason, protocol, "1").pointer("/error/code").unwrap().to_string();
            // A2A repeats nothing of its bodies in headers.
            assert!(listed == code || listed == "–", "`{}` of {}: {code}", reason.code(), protocol.name());
        }
    }
}

#[test]
fn rules_of_the_lint_are_listed_in_order() {
    let rows = table("docs/lint-envoy.md", "rule | severity | why | fix");
    let rules = Rule::ALL.iter();
    let expected: Vec<_> = rules
        .map(|rule| {
            vec![format!("`{}`", rule.id()), rule.severity().to_string(), rule.why().to_owned(), rule.fix().to_owned()]
        })
        .collect();
    assert_eq!(rows, expected);
}

#[test]
fn headers_that_hopgate_needs_are_those_that_the_lint_asks_for() {
    let text = read("docs/envoy.md");
    let sentence =
        text.split("`allowed_headers`, if set, must let").nth(1).unwrap().split("and everything").next().unwrap();
    let expected: Vec<_> = NEEDED_HEADERS.into_iter().chain(OVERRIDES).collect();
    assert_eq!(codes(sentence), expected);
}

#[test]
fn exit_codes_are_as_listed() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("good.yaml"), least().to_string()).unwrap();
    fs::write(folder.path().join("bad.yaml"), "listen: nowhere").unwrap();
    let explain = ["explain", "--jwks", "https://as.example.com=none.json", "--config", "good.yaml"];
    let runs: [(&str, &[&str]); 5] = [
        ("0", &["check", "good.yaml"]),
        ("1", &[explain.as_slice(), &["--request", "missing.yaml"]].concat()),
        ("2", &["check"]),
        ("3", &["check", "bad.yaml"]),
        ("4", &[explain.as_slice(), &["--method", "GET", "--path", "/"]].concat()),
    ];
    for (code, arguments) in runs {
        let output =
            Command::new(env!("CARGO_BIN_EXE_hopgate")).args(arguments).current_dir(folder.path()).output().unwrap();
        assert_eq!(output.status.code().map(|code| code.to_string()).as_deref(), Some(code), "{arguments:?}");
    }
    let rows = table("docs/operations.md", "code | when");
    assert!(rows.iter().filter_map(|row| row.first()).eq(runs.iter().map(|(code, _)| code)));
}

/// Status and error, as they are sent.
fn answer(reason: Reason) -> String {
    let told = Told {
        decision_id: "1",
        findings: &Findings::default(),
        trail: &Trail::default(),
        proof_algorithms: &[],
        redaction: &Redaction::default(),
    };
    let Some(HttpResponse::DeniedResponse(denied)) = encode::deny(reason, told, false).http_response else {
        panic!("`{reason}` is no denial");
    };
    let body: Value = serde_json::from_str(&denied.body).unwrap();
    assert_eq!(
        reason.answer() == Answer::Unavailable,
        denied.headers.iter().any(|o| { o.header.as_ref().is_some_and(|header| header.key == "retry-after") })
    );
    format!("{} `{}`", denied.status.unwrap().code, body.get("error").and_then(Value::as_str).unwrap())
}

/// A request whose `id` is 7.
fn json_rpc_call(protocol: Protocol) -> Operation {
    let id = Some(RequestId::Number(7.into()));
    Operation { protocol, method: "tools/call".into(), id, json_rpc: true, ..Operation::default() }
}

/// The body of a refusal, for a caller that speaks JSON-RPC.
fn json_rpc_answer(reason: Reason, protocol: Protocol, decision_id: &str) -> Value {
    let findings = Findings { operation: Some(json_rpc_call(protocol)), ..Findings::default() };
    let told = Told {
        decision_id,
        findings: &findings,
        trail: &Trail::default(),
        proof_algorithms: &[],
        redaction: &Redaction::default(),
    };
    let Some(HttpResponse::DeniedResponse(denied)) = encode::deny(reason, told, false).http_response else {
        panic!("`{reason}` is no denial");
    };
    serde_json::from_str(&denied.body).unwrap()
}

/// An allow that has everything an answer can have: also something that is only observed.
fn allowed() -> CheckResponse {
    let fixture = Fixture::new("enforcement: { audience: observe }");
    let token = Fixture::token().audiences(["https://b.example"]).sign(&fixture.key).unwrap();
    let evaluation = fixture.ask(&token);
    let Outcome::Permitted(permit) = &evaluation.outcome else { panic!("{:?}", evaluation.outcome) };
    let (receipt, _) = written(b"{}".to_vec());
    let told = Told {
        decision_id: "1",
        findings: &evaluation.findings,
        trail: &evaluation.trail,
        proof_algorithms: &[],
        redaction: &Redaction::default(),
    };
    encode::allow(permit, &receipt, told, &Decoded::default(), fixture.state.upstream)
}

fn listed(page: &str, head: &str) -> BTreeSet<String> {
    table(page, head).iter().flat_map(|row| codes(row.first().unwrap())).map(str::to_owned).collect()
}

/// A field of the configuration.
pub(crate) struct FieldSchema {
    required: bool,
    default: Option<Value>,
}

/// Every field that `hopgate schema` knows, `[]` for each item of a list. A route's `delegation` is the service's again, and
/// what stands in a map (`tools`, `methods`, `risk` and the like) has the fields of a route again.
pub(crate) fn schema_paths() -> BTreeMap<String, FieldSchema> {
    paths_of(&config::schema().to_value())
}

/// The fields of another schema.
pub(crate) fn paths_of(root: &Value) -> BTreeMap<String, FieldSchema> {
    let mut found = BTreeMap::new();
    walk(root, root, "", &mut found);
    found
}

fn walk(root: &Value, node: &Value, path: &str, found: &mut BTreeMap<String, FieldSchema>) {
    if path == "services[].routes[].delegation" {
        return;
    }
    if let Some(name) = node.get("$ref").and_then(Value::as_str) {
        walk(root, root.pointer(name.trim_start_matches('#')).unwrap(), path, found);
    }
    for branch in node.get("anyOf").and_then(Value::as_array).into_iter().flatten() {
        walk(root, branch, path, found);
    }
    if let Some(items) = node.get("items") {
        walk(root, items, &format!("{path}[]"), found);
    }
    let required = |name: &str| {
        let names = node.get("required").and_then(Value::as_array);
        names.is_some_and(|names| names.iter().any(|required| required == name))
    };
    for (name, field) in node.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let known = FieldSchema { required: required(name), default: field.get("default").cloned() };
        walk(root, field, &path, found);
        found.insert(path, known);
    }
}

/// The least that is a configuration.
fn least() -> Value {
    json!({
        "listen": "unix:/run/hopgate/check.sock",
        "issuers": [{ "issuer": "https://as.example.com", "jwks": { "uri": "https://as.example.com/keys" } }],
        "agents": [{ "id": "a", "scopes": [] }],
        "services": [{
            "name": "s",
            "audience": "https://s.example.com",
            "routes": [{ "name": "r", "match": { "method": "GET", "path": "/" } }],
        }],
    })
}

static CHECKPOINT_KEY: LazyLock<String> = LazyLock::new(|| rcgen::KeyPair::generate().unwrap().serialize_pem());

/// What the program makes of the least configuration with `value` at `path`, or nothing there.
fn with(path: &str, value: Option<Value>) -> String {
    let mut config = least();
    if path.starts_with("replay.redis.") {
        let server = json!({ "store": "redis", "redis": { "url": "unix:///run/redis.sock" } });
        config.as_object_mut().unwrap().insert("replay".to_owned(), server);
    }
    // What goes only with something else.
    if path.starts_with("otlp.") {
        let collector = json!({ "endpoint": "https://collector.example:4317" });
        config.as_object_mut().unwrap().insert("otlp".to_owned(), collector);
    }
    if path.starts_with("audit.checkpoint.") {
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("checkpoint.pem");
        fs::write(&file, &*CHECKPOINT_KEY).unwrap();
        let checkpoint = json!({ "checkpoint": { "key_file": file } });
        config.as_object_mut().unwrap().insert("audit".to_owned(), checkpoint);
    }
    if path.starts_with("policy.") {
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("permit.cedar");
        fs::write(&file, "permit(principal, action, resource);").unwrap();
        config.as_object_mut().unwrap().insert("policy".to_owned(), json!({ "files": [file] }));
    }
    if path.contains(".match.a2a.") {
        let agent = json!({ "name": "r", "match": { "a2a": { "json_rpc": "/" } }, "methods": { "GetTask": {} } });
        *config.pointer_mut("/services/0/routes/0").unwrap() = agent;
    }
    let mut at = &mut config;
    let (parents, name) = path.rsplit_once('.').unwrap_or(("", path));
    for parent in parents.split('.').filter(|parent| !parent.is_empty()) {
        let (parent, is_list) = parent.strip_suffix("[]").map_or((parent, false), |parent| (parent, true));
        at = at.as_object_mut().unwrap().entry(parent).or_insert_with(|| Value::Object(Map::new()));
        if is_list {
            at = at.get_mut(0).unwrap();
        }
    }
    let fields = at.as_object_mut().unwrap();
    match value {
        Some(value) => fields.insert(name.to_owned(), value),
        None => fields.remove(name),
    };
    let settings = config::load_text(&config.to_string(), Path::new("."));
    let shown = format!("{:?}", settings.unwrap_or_else(|faults| panic!("{path}: {faults:?}")));
    // Every load has its own.
    shown.split("generation: ").map(|part| part.trim_start_matches(|c: char| c.is_ascii_digit())).collect()
}
