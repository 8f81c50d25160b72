//! `hopgate check`, and `serve` with a configuration that `check` would refuse.

use serde_json::{Value, json};

use super::{DONE, FAULTS, run};
use crate::support::gate::command;
use crate::support::plan::set;
use crate::support::{Plan, spiffe};

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
    assert!(out.contains("good: 1 issuer(s), 3 agent(s), 1 service(s), 11 route(s), 0 policies, revision "), "{out}");
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
        ("/services/0/routes/2/policy", json!("x")),
        ("/replay/store", json!("disk")),
        ("/audit/on_overflow", json!("drop")),
        ("/enforcement", json!({ "token": "observe", "scopes": "off" })),
        ("/limits/concurrency", json!(0)),
    ]);
    let (code, out, err) = check(&config);
    assert_eq!((code, out.as_str()), (FAULTS, ""));
    for path in [
        "unknown field `lisen`; is it `listen`?",
        "listen: found nothing",
        "socket_mode: ",
        "issuers[0].algorithms[0]: found `HS256`",
        "issuers[0].algorithms[1]: found `none`",
        "issuers[0].max_lifetime: found `forever`",
        "issuers[0].clock_skew: found `30`",
        "agents[1].scopes: found `invoices:read`",
        "services[0].delegation.max_depth: ",
        "services[0].delegation.bind_caller: ",
        "services[0].routes[0].match: unknown field `methd`; is it `method`?",
        "services[0].routes[1].single_use: found `yes`",
        "services[0].routes[2]: unknown field `policy`",
        "replay.store: found `disk`",
        "audit.on_overflow: found `drop`",
        "enforcement",
        "limits.concurrency: ",
    ] {
        assert!(err.lines().any(|line| line.contains(path)), "{path} is not in\n{err}");
    }
    for line in err.lines() {
        let place = line.split_once(": fault: ").and_then(|(place, _)| place.rsplit_once("hopgate.yaml:"));
        assert!(place.is_some_and(|(_, number)| number.parse::<u64>().is_ok()), "{line}");
    }
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
        "services[0].routes[5].match: `/invoices/{other}`",
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
            let before = vec![format!("*a{}", n - 1); 9].join(",");
            text = format!("{text}a{n}: &a{n} [{before}]\n");
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
fn files_are_relative_to_the_configuration_wherever_it_is_called_from() {
    let plan = Plan::new().set("/policy", json!({ "files": ["policies/*.cedar"] }));
    plan.write();
    let folder = plan.dir.root();
    std::fs::create_dir(folder.join("policies")).expect("a folder");
    std::fs::write(folder.join("policies/all.cedar"), "permit (principal, action, resource);").expect("written");
    let name = folder.file_name().unwrap().to_str().unwrap();
    for (from, config) in
        [(folder, "hopgate.yaml".to_owned()), (folder.parent().unwrap(), format!("{name}/hopgate.yaml"))]
    {
        let output = command().args(["check", &config]).current_dir(from).output().expect("an end");
        assert_eq!(output.status.code(), Some(DONE), "{config}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
