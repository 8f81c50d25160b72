//! The command line: what it prints, and its exit codes.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::arithmetic_side_effects,
    reason = "a failed expectation is a failed test"
)]

mod support;

use std::path::Path;
use std::process::Output;

use serde_json::{Value, json};
use support::gate::command;
use support::plan::{AUDIENCE, ISSUER, set};
use support::tokens::{alice, with};
use support::{Plan, spiffe};

const DONE: i32 = 0;
const FAILED: i32 = 1;
const USAGE: i32 = 2;
const FAULTS: i32 = 3;
const REFUSED: i32 = 4;

fn run(args: &[&str]) -> (i32, String, String) {
    let Output { status, stdout, stderr } = command().args(args).output().expect("an end");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (status.code().expect("no signal"), text(stdout), text(stderr))
}

fn check(config: &str) -> (i32, String, String) {
    let plan = Plan::new();
    std::fs::write(plan.file(), config).expect("written");
    run(&["check", plan.file().to_str().unwrap()])
}

fn edited(changes: &[(&str, Value)]) -> String {
    let mut config = Plan::new().config;
    for (pointer, value) in changes {
        set(&mut config, pointer, value.clone());
    }
    config.to_string()
}

#[test]
fn a_good_configuration_is_said_to_be_good() {
    let (code, out, _) = check(&edited(&[]));
    assert_eq!(code, DONE, "{out}");
    assert!(out.contains("good: 1 issuer(s), 3 agent(s), 1 service(s), 11 route(s), revision "), "{out}");
}

#[test]
fn every_structural_fault_is_reported_at_once_with_its_path() {
    let config = edited(&[
        ("/lisen", json!("x")),
        ("/listen", Value::Null),
        ("/socket_mode", json!("rw")),
        ("/issuers/0/algorithms", json!(["HS256", "none"])),
        ("/issuers/0/max_lifetime", json!("forever")),
        ("/issuers/0/clock_skew", json!(30)),
        ("/agents/1/scopes", json!("invoices:read")),
        ("/services/0/delegation/max_depth", json!(-1)),
        ("/services/0/delegation/bind_caller", json!("mtls")),
        ("/services/0/routes/0/match/methd", json!("GET")),
        ("/services/0/routes/1/single_use", json!("yes")),
        ("/services/0/routes/2/risk", json!("destructive")),
        ("/replay/store", json!("redis")),
        ("/audit/on_overflow", json!("drop")),
        ("/enforcement", json!({ "token": "observe", "scopes": "off" })),
        ("/limits/concurrency", json!(0)),
    ]);
    let (code, out, err) = check(&config);
    assert_eq!((code, out.as_str()), (FAULTS, ""));
    for path in [
        "unknown field `lisen`",
        "listen: found nothing",
        "socket_mode: ",
        "issuers[0].algorithms[0]: found `HS256`",
        "issuers[0].algorithms[1]: found `none`",
        "issuers[0].max_lifetime: found `forever`",
        "issuers[0].clock_skew: found `30`",
        "agents[1].scopes: found `invoices:read`",
        "services[0].delegation.max_depth: ",
        "services[0].delegation.bind_caller: ",
        "services[0].routes[0].match: unknown field `methd`",
        "services[0].routes[1].single_use: found `yes`",
        "services[0].routes[2]: unknown field `risk`",
        "replay.store: found `redis`",
        "audit.on_overflow: found `drop`",
        "enforcement",
        "limits.concurrency: ",
    ] {
        assert!(err.lines().any(|line| line.contains(path)), "{path} is not in\n{err}");
    }
    assert!(err.lines().all(|line| line.contains("hopgate.yaml: fault: ")), "{err}");
    assert!(err.lines().any(|line| line.contains("enforcement") && line.contains("token")), "{err}");
    assert!(err.lines().any(|line| line.contains("enforcement") && line.contains("off")), "{err}");
}

#[test]
fn every_fault_of_meaning_is_reported_at_once_with_its_path() {
    let mut config = Plan::new().config;
    for (pointer, value) in [
        ("/listen", json!("0.0.0.0:9191")),
        ("/admin", json!("localhost")),
        ("/issuers/0/issuer", json!("http://issuer.example?x#y")),
        ("/issuers/0/jwks", json!({ "file": "gone.json" })),
        ("/issuers/0/clock_skew", json!("1h")),
        ("/agents/0/spiffe", json!("spiffe://Demo.Local/a")),
        ("/agents/2/spiffe", json!(spiffe("researcher"))),
        ("/agents/1/scopes", json!(["*", "a b"])),
        ("/agents/1/issuer", json!("https://nobody.example")),
        ("/services/0/audience", json!("https://*.example")),
        ("/services/0/agent", json!("ghost")),
        ("/services/0/routes/0/name", json!("one")),
        ("/services/0/routes/0/match/method", json!("get")),
        ("/services/0/routes/3/match/path", json!("/a/../b")),
        ("/services/0/routes/4/match/path", json!("open2")),
        ("/services/0/routes/5/match/path", json!("/invoices/{other}")),
        ("/services/0/routes/6/match", json!({ "path": "/x" })),
        ("/services/0/routes/7/delegation/pairs/0/actor", json!("ghost")),
        ("/services/0/routes/8/delegation/prior_actors", json!(["ghost"])),
    ] {
        set(&mut config, pointer, value);
    }
    let services = config["services"].as_array_mut().unwrap();
    let again = services[0].clone();
    services.push(again);
    let again = config["agents"][0].clone();
    config["agents"].as_array_mut().unwrap().push(again);
    let (code, _, err) = check(&config.to_string());
    assert_eq!(code, FAULTS);
    for path in [
        "listen: found `0.0.0.0:9191`, expected a Unix socket or a loopback address",
        "admin: found `localhost`",
        "issuers[0].issuer: ",
        "issuers[0].jwks.file: can't read",
        "issuers[0].clock_skew: must be at most 5m",
        "agents[0].spiffe: found `spiffe://Demo.Local/a`",
        "agents[2].spiffe: agents[1] has the same SPIFFE id",
        "agents[1].scopes[0]: found `*`",
        "agents[1].scopes[1]: found `a b`",
        "agents[1].issuer: `https://nobody.example` is none of `issuers`",
        "agents[3]: `planner` is introduced twice",
        "services[0].audience: found `https://*.example`",
        "services[0].agent: `ghost` is none of `agents`",
        "services[0].routes[1]: `one` is configured twice",
        "services[0].routes[0].match: found method `get`",
        "services[0].routes[3].match.path: found `/a/../b`",
        "services[0].routes[4].match.path: found `open2`",
        "services[0].routes[5].match.path: `/invoices/{other}`",
        "services[0].routes[6].match: expected either `method` or a list of `methods`",
        "services[0].routes[7].delegation.pairs: `ghost`",
        "services[0].routes[8].delegation: `prior_actors` and `unrestricted_prior_actors` exclude each other",
        "services[1]: `invoices` is configured twice",
    ] {
        assert!(err.lines().any(|line| line.contains(path)), "{path} is not in\n{err}");
    }
}

#[test]
fn yaml_that_means_something_else_to_another_reader_is_a_fault() {
    let good = edited(&[]);
    let twice = good.replacen("\"listen\":", "\"listen\":\"unix:/x\",\"listen\":", 1);
    let bomb = {
        let mut text = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_owned();
        for n in 1..12 {
            let item = format!("*a{},", n - 1).repeat(9);
            text += &format!("a{n}: &a{n} [{}]\n", item.trim_end_matches(','));
        }
        text
    };
    for (name, text) in [
        ("a key twice", twice),
        ("aliases without end", bomb),
        ("two documents", format!("{good}\n---\n{good}\n")),
        ("nothing", String::new()),
        ("a list", "[]".to_owned()),
        ("deep nesting", "[".repeat(100_000)),
        ("yes for true", good.replace("\"single_use\":true", "\"single_use\": yes")),
    ] {
        let (code, out, err) = check(&text);
        assert_eq!((code, out.as_str()), (FAULTS, ""), "{name}: {err}");
        assert!(err.len() < 10_000, "{name}");
    }
    let plan = Plan::new();
    std::fs::write(plan.file(), b"listen: \xff").expect("written");
    assert_eq!(run(&["check", plan.file().to_str().unwrap()]).0, FAULTS);
    assert_eq!(run(&["check", "/nowhere/hopgate.yaml"]).0, FAULTS);
    assert_eq!(run(&["check", "/"]).0, FAULTS);
}

#[test]
fn warnings_are_faults_when_asked_to_be() {
    let plan = Plan::new();
    plan.write();
    let file = plan.file();
    let file = file.to_str().unwrap();
    let (code, _, err) = run(&["check", file]);
    assert_eq!(code, DONE);
    for said in ["services[0].routes[3].scopes: no scope is needed", "delegation.bind_caller: agents have SPIFFE ids"] {
        assert!(err.contains(said), "{err}");
    }
    assert!(err.lines().all(|line| line.contains(": warning: ")), "{err}");
    assert_eq!(run(&["check", "--strict", file]).0, FAULTS);
    let observed = edited(&[("/enforcement", json!({ "delegation": "observe" }))]);
    let (_, _, err) = check(&observed);
    assert!(err.contains("enforcement.delegation: is only observed"), "{err}");
}

#[test]
fn serving_a_bad_configuration_fails_with_all_its_faults() {
    let plan = Plan::new().set("/lisen", json!(1)).set("/issuers/0/algorithms", json!(["none"]));
    plan.write();
    let (code, out, err) = run(&["serve", "--config", plan.file().to_str().unwrap()]);
    assert_eq!((code, out.as_str()), (FAULTS, ""));
    assert!(err.contains("unknown field `lisen`") && err.contains("issuers[0].algorithms[0]"), "{err}");
    assert!(!plan.socket().exists());
}

#[test]
fn wrong_usage_is_2() {
    for args in [&[][..], &["nothing"], &["serve"], &["check"], &["check", "a", "b"], &["explain"], &["schema", "x"]] {
        assert_eq!(run(args).0, USAGE, "{args:?}");
    }
    for args in [&["--help"][..], &["--version"], &["serve", "--help"]] {
        assert_eq!(run(args).0, DONE, "{args:?}");
    }
}

#[test]
fn the_schema_is_one_and_accepts_every_sample() {
    let (code, out, _) = run(&["schema"]);
    assert_eq!(code, DONE);
    let schema: Value = serde_json::from_str(&out).expect("JSON");
    assert!(jsonschema::meta::is_valid(&schema));
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    assert!(validator.is_valid(&Plan::new().config));
    let mut unknown = Plan::new().config;
    set(&mut unknown, "/services/0/routes/0/risk", json!("read"));
    assert!(!validator.is_valid(&unknown));
    let mut samples = 0;
    for folder in ["", "demo", "k8s", "examples", "benches/through_envoy"] {
        let Ok(entries) = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)) else { continue };
        for path in entries.map(|entry| entry.expect("an entry").path()) {
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            if path.extension().is_some_and(|end| end == "yaml") && text.contains("\nissuers:") {
                let sample: Value = serde_saphyr::from_str(&text).expect("YAML");
                let faults: Vec<_> = validator.iter_errors(&sample).map(|error| error.to_string()).collect();
                assert_eq!(faults, Vec::<String>::new(), "{}", path.display());
                samples += 1;
            }
        }
    }
    assert!(samples > 0, "no sample was found");
}

fn explain(plan: &Plan, more: &[&str]) -> (i32, String, String) {
    plan.write();
    let file = plan.file();
    let mut args = vec!["explain", "--config", file.to_str().unwrap()];
    args.extend(more);
    run(&args)
}

#[test]
fn explain_shows_every_check_with_its_verdict() {
    let plan = Plan::new();
    let token = alice().sign(&plan.key).expect("signed");
    let (code, out, err) = explain(&plan, &["--method", "GET", "--path", "/invoices", "--token", &token]);
    assert_eq!(code, DONE, "{out}{err}");
    for line in
        ["request     pass", "token       pass", "caller      not asked for", "scopes      pass", "decision    ALLOW"]
    {
        assert!(out.contains(line), "{line} is not in\n{out}");
    }
    assert!(!out.contains(&token), "{out}");

    let chain = with("act", json!({ "sub": "stranger" })).sign(&plan.key).expect("signed");
    let (code, out, _) = explain(&plan, &["--method", "GET", "--path", "/invoices", "--token", &chain]);
    assert_eq!(code, REFUSED);
    for line in [
        "audience    pass",
        "delegation  REFUSE actor_not_allowed",
        "scopes      -",
        "decision    DENY actor_not_allowed by delegation",
        "answer      403",
        "\"actor_unauthorized\"",
    ] {
        assert!(out.contains(line), "{line} is not in\n{out}");
    }
}

#[test]
fn explain_reads_a_request_file_and_flags_win() {
    let plan = Plan::new();
    let token = alice().sign(&plan.key).expect("signed");
    let request = plan.dir.root().join("request.yaml");
    let file = request.to_str().unwrap().to_owned();
    let write = |value: &Value| std::fs::write(&request, value.to_string()).expect("written");
    let bearer = format!("Bearer {token}");
    write(
        &json!({ "method": "GET", "path": "/bound", "headers": { "authorization": bearer }, "peer": spiffe("planner") }),
    );
    assert_eq!(explain(&plan, &["--request", &file]).0, DONE);
    assert_eq!(explain(&plan, &["--request", &file, "--peer", &spiffe("researcher")]).0, REFUSED);
    assert_eq!(explain(&plan, &["--request", &file, "--path", "/nowhere"]).0, REFUSED);
    assert_eq!(explain(&plan, &["--request", &file, "--service", "other"]).0, REFUSED);
    let (code, out, _) = explain(&plan, &["--request", &file, "--header", "authorization: Bearer x"]);
    assert_eq!(code, REFUSED);
    assert!(out.contains("header_repeated"), "{out}");
    write(&json!({ "method": "GET", "path": "/open", "headers": { "authorization": [bearer, bearer] } }));
    assert_eq!(explain(&plan, &["--request", &file]).0, REFUSED);
    let (code, out, _) = explain(&plan, &["--request", &file, "--at", "2030-01-01T00:00:00Z"]);
    assert_eq!(code, REFUSED, "{out}");

    for fault in [json!({ "methd": "GET" }), json!([]), json!({ "headers": "x" })] {
        write(&fault);
        assert_eq!(explain(&plan, &["--request", &file]).0, FAILED, "{fault}");
    }
    assert_eq!(explain(&plan, &["--request", "/nowhere"]).0, FAILED);
    assert_eq!(explain(&plan, &["--header", "no colon"]).0, FAILED);
    assert_eq!(explain(&plan, &["--at", "yesterday"]).0, USAGE);
    let bad = plan.set("/lisen", json!(1));
    assert_eq!(explain(&bad, &["--method", "GET", "--path", "/open"]).0, FAULTS);
}

#[test]
fn explain_decides_as_if_it_were_another_time() {
    let plan = Plan::new();
    let token = alice().issued_at(1_700_000_000).sign(&plan.key).expect("signed");
    let at = |time: &str| explain(&plan, &["--method", "GET", "--path", "/open", "--token", &token, "--at", time]).0;
    assert_eq!(at("2023-11-14T22:15:00Z"), DONE);
    assert_eq!(at("2023-11-14T23:15:00Z"), REFUSED);
    assert_eq!(at("2023-11-14T21:15:00Z"), REFUSED);
}

#[test]
fn explain_takes_the_keys_of_a_remote_issuer_from_a_file() {
    let plan = Plan::new().set("/issuers/0/jwks", json!({ "uri": "http://127.0.0.1:1/jwks" }));
    let token = alice().sign(&plan.key).expect("signed");
    let keys = format!("{ISSUER}={}", plan.dir.root().join("keys.json").display());
    let args = ["--method", "GET", "--path", "/open", "--token", &token];
    let (code, out, err) = explain(&plan, &args);
    assert_eq!(code, REFUSED);
    assert!(out.contains("keys_unavailable") && err.contains("has no keys"), "{out}{err}");
    assert_eq!(explain(&plan, &[&args[..], &["--jwks", &keys]].concat()).0, DONE);
}

#[test]
fn explain_prints_nothing_that_acts_on_a_terminal() {
    let plan = Plan::new();
    let nasty = "\u{1b}[2J\u{202e}\u{85}\r\n";
    let token =
        alice().claim("sub", json!(nasty)).claim("aud", json!([AUDIENCE, nasty])).sign(&plan.key).expect("signed");
    let path = format!("/{nasty}");
    for args in [["--method", nasty, "--path", &path], ["--method", "GET", "--path", "/open"]] {
        let (_, out, err) = explain(&plan, &[&args[..], &["--token", &token, "--peer", nasty]].concat());
        let shown = format!("{out}{err}");
        assert!(!shown.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'), "{shown:?}");
    }
}
