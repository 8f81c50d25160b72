//! The policy guide: every policy of it loads and decides its cases as they say, no part of one is idle, and its tables are
//! those of the schema.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, LazyLock};

use hopgate::authz::{
    self, Body, Evaluation, Field, Outcome, PolicySchema, ProtocolHeaders, Reason, Request, UnixTime, VerifiedTokens,
    a2a,
};
use hopgate::config;
use hopgate::dev::keys::SigningKey;
use hopgate::dev::mint::TokenBuilder;
use hopgate::live::State;
use jsonwebtoken::Algorithm;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::page::{blocks_of, codes, read, table};

const PAGE: &str = "docs/policies.md";
/// Asked beside [`EVERYTHING`].
const POLICY: &str = "cedar policy";
/// Asked alone.
const ALONE: &str = "cedar policy alone";
/// A configuration of its own.
const SCOPES: &str = "yaml hopgate scopes";
const CASES: &str = "| call | token | answer |";
const EVERYTHING: &str = "@id(\"everything\")\npermit(principal, action, resource);\n";
const PEER: &str = "spiffe://demo.local/ns/agents/sa/planner";
/// Every case is decided at this instant.
const NOW: i64 = 1_767_225_600;

static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(Algorithm::ES256).unwrap());

/// A block of policies with its cases.
struct Worked {
    place: String,
    text: String,
    alone: bool,
    cases: Vec<Case>,
}

struct Case {
    call: String,
    token: Map<String, Value>,
    peer: String,
    expected: Answer,
}

/// What the policies say to a call.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Allow(Vec<String>),
    Deny(Vec<String>),
    Failed,
}

#[test]
fn every_policy_decides_its_cases_as_they_say() {
    for worked in guide() {
        let state = state(&worked.whole());
        for case in &worked.cases {
            assert_eq!(case.answer(&state), case.expected, "{}: {} with {:?}", worked.place, case.call, case.token);
        }
        let denied = |case: &Case| matches!(case.expected, Answer::Deny(_));
        assert!(worked.cases.iter().any(denied) && !worked.cases.iter().all(denied), "{}", worked.place);
    }
}

#[test]
fn without_a_policy_or_its_condition_some_case_is_decided_otherwise() {
    for worked in guide() {
        let policies: Vec<_> = worked.text.split_inclusive(";\n").collect();
        for (at, policy) in policies.iter().enumerate() {
            let mut less = vec![String::new()];
            // The clauses behind the scope, each with its first line.
            let clauses = ["\nwhen", "\nunless"].into_iter().filter_map(|clause| policy.find(clause));
            less.extend(clauses.map(|start| {
                let (before, clause) = policy.split_at(start);
                let next = clause.get(1..).unwrap().find("\nunless").map(|at| clause.split_at(at.saturating_add(1)).1);
                format!("{before}{}", next.unwrap_or(";\n"))
            }));
            for less in less {
                let mut changed: Vec<&str> = policies.clone();
                *changed.get_mut(at).unwrap() = &less;
                let state = state(&beside(&changed.concat(), worked.alone));
                let noticed = worked.cases.iter().any(|case| case.answer(&state) != case.expected);
                assert!(noticed, "{}: no case notices `{less}` in place of `{policy}`", worked.place);
            }
        }
    }
}

#[test]
fn scopes_rules_policies_and_approvals_end_calls_as_listed() {
    let folder = folder(EVERYTHING);
    let [config] = blocks_of(SCOPES).try_into().ok().unwrap();
    let [limits] = blocks_of("cedar limits").try_into().ok().unwrap();
    fs::write(folder.path().join("hopgate.yaml"), config.text).unwrap();
    fs::write(folder.path().join("limits.cedar"), limits.text).unwrap();
    let state = load(&folder);
    for row in table(PAGE, "call | token | ends with") {
        let [call, token, ends] = row.as_slice() else { panic!("{row:?}") };
        let ended = match Case::of(call, token, Answer::Failed).evaluate(&state).outcome {
            Outcome::Permitted(_) => "allow".to_owned(),
            Outcome::MustClaim(_) => "allow, once".to_owned(),
            Outcome::Refused(reason) => format!("`{reason}`"),
            Outcome::Described => panic!("{row:?}"),
        };
        assert_eq!(*ends, ended, "{row:?}");
    }
}

#[test]
fn all_policies_of_the_guide_make_one_set() {
    let worked: String = guide().iter().filter(|worked| !worked.alone).map(|worked| worked.text.as_str()).collect();
    state(&format!("{EVERYTHING}{worked}"));
}

#[test]
fn what_policies_see_is_as_listed() {
    let schema = schema();
    let (_, refund) = schema.split_once("action \"invoices/refund\"").unwrap();
    let (_, context) = refund.split_once("context: {\n").unwrap();
    let fields: BTreeMap<_, _> = context
        .lines()
        .take_while(|line| *line != "  }")
        .filter_map(|line| line.strip_prefix("    ").filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase())))
        .map(|line| {
            let (name, kind) = line.split_once(": ").unwrap();
            let kind = kind.trim_end_matches(',').replace("__cedar::", "");
            let kind = match kind.as_str() {
                "{" | "{    }" => "record".to_owned(),
                "Set<{" => "set of records".to_owned(),
                plain => format!("`{plain}`"),
            };
            (name.trim_end_matches('?').to_owned(), (kind, !name.ends_with('?')))
        })
        .collect();
    let listed: BTreeMap<_, _> = table(PAGE, "field | type | there | what it is")
        .iter()
        .map(|row| {
            let [name, kind, there, _] = row.as_slice() else { panic!("{row:?}") };
            (codes(name).concat(), (kind.clone(), there == "always"))
        })
        .collect();
    assert_eq!(listed, fields);
}

#[test]
fn actions_and_groups_are_those_of_the_schema() {
    let schema = schema();
    let names = |head: &str| -> Vec<String> {
        table(PAGE, head).iter().flat_map(|row| codes(row.first().unwrap())).map(str::to_owned).collect()
    };
    for action in names("action | stands for") {
        assert!(schema.contains(&format!("action \"{action}\" in [")), "`{action}` is no action");
    }
    let listed: BTreeSet<_> = names("group | holds").into_iter().collect();
    let groups = schema.lines().filter_map(|line| line.strip_prefix("action \"")?.strip_suffix("\";"));
    assert_eq!(listed, groups.map(str::to_owned).collect());
}

/// The shell block of the guide, with the files that it speaks of.
#[test]
fn explain_names_the_policy_as_the_guide_says() {
    let destroy = guide().into_iter().find(|worked| worked.text.contains("destroy-first-hand")).unwrap();
    let folder = folder(&destroy.whole());
    fs::remove_file(folder.path().join("keys.json")).unwrap();
    let script = blocks_of("sh").into_iter().find(|block| block.place.starts_with(PAGE)).unwrap();
    let hopgate = Path::new(env!("CARGO_BIN_EXE_hopgate")).parent().unwrap();
    let path = format!("{}:{}", hopgate.display(), std::env::var("PATH").unwrap_or_default());
    let output =
        Command::new("sh").args(["-c", &script.text]).current_dir(folder.path()).env("PATH", path).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(4), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let [explained] = blocks_of("text explain-policy").try_into().ok().unwrap();
    let mut lines = said.lines();
    for line in explained.text.lines() {
        assert!(lines.any(|said| said == line), "`{line}` is missing from:\n{said}");
    }
}

/// `policies` with what stands beside them.
fn beside(policies: &str, alone: bool) -> String {
    if alone { policies.to_owned() } else { format!("{EVERYTHING}{policies}") }
}

impl Worked {
    fn whole(&self) -> String {
        beside(&self.text, self.alone)
    }
}

impl Case {
    fn of(call: &str, token: &str, expected: Answer) -> Self {
        let token = codes(token);
        Self {
            call: codes(call).concat(),
            token: serde_json::from_str(token.first().unwrap()).unwrap_or_else(|error| panic!("{token:?}: {error}")),
            peer: (*token.get(1).unwrap_or(&PEER)).to_owned(),
            expected,
        }
    }

    fn answer(&self, state: &State) -> Answer {
        let evaluation = self.evaluate(state);
        let ids = evaluation.findings.judgement.policies.iter().map(|id| id.as_ref().to_owned()).collect();
        match evaluation.outcome {
            Outcome::Permitted(_) => Answer::Allow(ids),
            Outcome::Refused(Reason::PolicyDenied) => Answer::Deny(ids),
            Outcome::Refused(Reason::PolicyFailed) => Answer::Failed,
            other => panic!("{} with {:?}: {other:?}", self.call, self.token),
        }
    }

    fn evaluate(&self, state: &State) -> Evaluation {
        let authorization = format!("Bearer {}", self.token());
        let (what, rest) = self.call.split_once(' ').unwrap();
        let message = |method: &str, params: Value| {
            json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string()
        };
        let read = || serde_json::from_str::<Value>(rest).unwrap_or_else(|error| panic!("`{rest}`: {error}"));
        let (method, path, body) = match what {
            "GET" => ("GET", rest, None),
            "POST" => {
                let (path, body) = rest.split_once(' ').unwrap();
                ("POST", path, Some(body.to_owned()))
            }
            operation if a2a::operations().any(|known| known == operation) => {
                ("POST", "/a2a", Some(message(operation, read())))
            }
            "ping" | "tools/list" => ("POST", "/mcp", Some(message(what, read()))),
            tool => ("POST", "/mcp", Some(message("tools/call", json!({ "name": tool, "arguments": read() })))),
        };
        let request = Request {
            method,
            target: path,
            authorization: Field::Once(authorization.as_bytes()),
            peer: Some(&self.peer),
            body: body.as_deref().map_or(Body::NotAttached, |body| Body::Whole(body.as_bytes())),
            headers: ProtocolHeaders {
                content_type: Field::Once(b"application/json"),
                mcp_revision: Field::Once(b"2025-11-25"),
                ..ProtocolHeaders::default()
            },
            ..Request::default()
        };
        authz::evaluate(&state.snapshot, &request, UnixTime::from_secs(NOW))
    }

    fn token(&self) -> String {
        let token = TokenBuilder::new("https://as.example.com", "alice", "https://invoices.example.com")
            .client_id("app")
            .scope("invoices:use")
            .actors(["planner"])
            .issued_at(NOW.unsigned_abs());
        let token = self.token.iter().fold(token, |token, (name, value)| match (name.as_str(), value.as_i64()) {
            ("auth_time", Some(seconds)) => token.claim(name, NOW.saturating_add(seconds).into()),
            _ if value.is_null() => token.without_claim(name),
            _ => token.claim(name, value.clone()),
        });
        token.sign(&KEY).unwrap()
    }
}

impl Answer {
    /// As a case says it; `alone`: an allow is by the policies it names.
    fn of(cell: &str, alone: bool) -> Self {
        let ids: Vec<_> = codes(cell).into_iter().map(str::to_owned).collect();
        match cell.split(' ').next() {
            Some("allow") if ids.is_empty() && !alone => Self::Allow(vec!["everything".to_owned()]),
            Some("allow") => Self::Allow(ids),
            Some("deny") => Self::Deny(ids),
            Some("failed") => Self::Failed,
            _ => panic!("`{cell}` is no answer"),
        }
    }
}

/// Every block of policies, with the table behind it.
fn guide() -> Vec<Worked> {
    let page = read(PAGE);
    let blocks = blocks_of(POLICY).into_iter().map(|block| (block, false));
    let blocks = blocks.chain(blocks_of(ALONE).into_iter().map(|block| (block, true)));
    let worked: Vec<_> = blocks
        .map(|(block, alone)| {
            let (_, behind) = page.split_once(&format!("\n{}```\n", block.text)).unwrap();
            let mut rows = behind.trim_start().lines();
            assert_eq!(rows.next(), Some(CASES), "{}: no cases stand behind it", block.place);
            let rows = rows.skip(1).take_while(|row| row.starts_with('|'));
            let cases = rows.map(|row| {
                let cells: Vec<_> = row.trim_matches('|').split('|').map(str::trim).collect();
                let [call, token, answer] = cells.as_slice() else { panic!("`{row}` has no three cells") };
                Case::of(call, token, Answer::of(answer, alone))
            });
            let cases = cases.collect();
            Worked { place: block.place, text: block.text, alone, cases }
        })
        .collect();
    assert_eq!(worked.len(), page.matches(CASES).count(), "a table of cases has no policies");
    worked
}

fn state(policies: &str) -> State {
    load(&folder(policies))
}

fn load(folder: &TempDir) -> State {
    let settings = config::load(&folder.path().join("hopgate.yaml"));
    let settings = settings.unwrap_or_else(|faults| panic!("{faults:?}"));
    State::first(&settings, Arc::new(VerifiedTokens::with_capacity(100))).unwrap()
}

/// The guide's files, with these policies.
fn folder(policies: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let [config] = blocks_of("yaml hopgate policies").try_into().ok().unwrap();
    let [entities] = blocks_of("json entities").try_into().ok().unwrap();
    fs::create_dir(folder.path().join("policies")).unwrap();
    let files = [
        ("hopgate.yaml", config.text.as_str()),
        ("people.json", &entities.text),
        ("keys.json", &KEY.jwks().to_string()),
        ("policies/base.cedar", policies),
    ];
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

/// In Cedar's language, for the guide's configuration.
fn schema() -> String {
    let folder = folder(EVERYTHING);
    let settings = config::load(&folder.path().join("hopgate.yaml")).unwrap();
    PolicySchema::of(&settings.services, &[]).to_cedar().unwrap()
}
