//! `hopgate explain`.

use hopgate::dev::keys::SigningKey;
use hopgate::dev::proof::ProofBuilder;
use jsonwebtoken::Algorithm;
use serde_json::{Value, json};

use super::{DONE, FAILED, FAULTS, REFUSED, USAGE, run};
use crate::support::tokens::{alice, with};
use crate::support::{AUDIENCE, ISSUER, Plan, certificate, spiffe};

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

#[test]
fn explain_takes_a_proof_and_a_certificate() {
    let plan = Plan::new();
    let (pem, print) = (certificate::CERTIFICATE, certificate::THUMBPRINT);
    let key = SigningKey::generate(Algorithm::ES256).expect("a key");
    let token = with("cnf", json!({ "jkt": key.kid(), "x5t#S256": print })).sign(&plan.key).expect("signed");
    let proof = ProofBuilder::new("GET", &format!("{AUDIENCE}/invoices"), &token).sign(&key).expect("signed");
    let file = plan.dir.root().join("peer.pem");
    std::fs::write(&file, pem).expect("written");
    let (authorization, dpop) = (format!("authorization: DPoP {token}"), format!("dpop: {proof}"));
    let mut args = vec!["--method", "GET", "--path", "/invoices", "--header", &authorization, "--header", &dpop];
    let (code, out, _) = explain(&plan, &args);
    assert_eq!(code, REFUSED);
    assert!(out.contains("sender      REFUSE certificate_missing"), "{out}");
    args.extend(["--certificate", file.to_str().unwrap()]);
    let (code, out, err) = explain(&plan, &args);
    assert_eq!(code, DONE, "{out}{err}");
    for line in ["sender      pass", "replay      pass", "\"dpop\",", "\"mtls\""] {
        assert!(out.contains(line), "{line} is not in\n{out}");
    }
    assert!(!out.contains(&proof), "{out}");
    assert_eq!(explain(&plan, &["--path", "/", "--certificate", "/nowhere.pem"]).0, FAILED);
}
