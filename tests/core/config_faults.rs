//! A configuration is taken whole or refused with everything that is wrong with it.

use std::fmt::Write as _;
use std::path::Path;

use hopgate::config::load_text;

fn faults(text: &str) -> String {
    let found = load_text(text, Path::new("/nonexistent")).expect_err("faults");
    found.iter().fold(String::new(), |mut all, fault| {
        writeln!(all, "{fault}").unwrap();
        all
    })
}

#[test]
fn every_structural_fault_is_reported_at_once() {
    insta::assert_snapshot!(faults(
        r#"
listen: 7
admim: 127.0.0.1:9902
socket_mode: "0999"
issuers:
  - { issuer: https://as.example, algorithms: [HS256, none], max_lifetime: 15 minutes, jwks: { url: x } }
agents: [{ id: "" }]
services:
  - name: invoices
    delegation: { max_depth: -1, bind_caller: dns }
    routes: []
enforcement: { token: observe, delegation: maybe }
replay: { store: disk, capacity: 0, redis: { timeout: 20, key_prefix: "", password: x } }
limits: { token_bytes: 1e9, drain: soon }
"#
    ));
}

#[test]
fn every_fault_of_meaning_is_reported_at_once() {
    insta::assert_snapshot!(faults(
        r#"
listen: 0.0.0.0:9191
admin: nowhere
issuers:
  - { issuer: http://as.example }
  - { issuer: https://as.example, jwks: { file: missing.json } }
  - { issuer: https://as.example, jwks: { uri: https://a.example/jwks, file: b }, clock_skew: 1h, refresh: 0s }
agents:
  - { id: a, issuer: https://as.example, spiffe: "spiffe://TD/a", scopes: ["x y"] }
  - { id: a, issuer: https://as.example, scopes: ["*", "x"] }
  - { id: b, scopes: [] }
  - { id: c, issuer: https://nobody.example, scopes: [] }
services:
  - name: one
    audience: "https://*.example"
    agent: nobody
    delegation: { actors: [a, ghost], prior_actors: [a], unrestricted_prior_actors: true, pairs: [{ subject: s, actor: ghost }] }
    routes:
      - { name: r, match: { method: get, path: /a } }
      - { name: r, match: { method: GET, path: a } }
      - { name: s, match: { path: /a/../b } }
      - { name: t, match: { method: GET, methods: [GET], path: /x } }
      - { name: u, match: { method: GET, path: "/u/{id}" } }
      - { name: v, match: { method: GET, path: "/u/{name}" }, scopes: ["*", "a\"b"] }
      - { name: w, match: { method: GET, path: "/w/{id" } }
  - { name: one, audience: x, routes: [{ name: r, match: { method: GET, path: / } }] }
"#
    ));
}

#[test]
fn faults_of_the_shared_replay_store_are_told_and_no_password() {
    let least = "
listen: unix:/run/hopgate/check.sock
issuers: [{ issuer: https://as.example, jwks: { uri: https://as.example/keys } }]
services: [{ name: s, audience: a, routes: [{ name: r, match: { method: GET, path: / } }] }]
";
    let sections = [
        "{ store: redis }",
        "{ redis: { url: 'rediss://redis.example' } }",
        "{ store: redis, redis: { url: 'rediss://gate:open-sesame@redis.example' } }",
        "{ store: redis, redis: { url: 'redis://:open-sesame@127.0.0.1' } }",
        "{ store: redis, redis: { url: 'redis://redis.example:6379' } }",
        "{ store: redis, redis: { url: 'rediss://redis.example/x' } }",
        "{ store: redis, redis: { url: 'rediss://redis.example/0#insecure' } }",
        "{ store: redis, redis: { url: 'rediss:///0' } }",
        "{ store: redis, redis: { url: 'http://redis.example' } }",
        "{ store: redis, redis: { url: 'unix://host/redis.sock' } }",
        "{ store: redis, redis: { url: 'redis.example:6379' } }",
        "{ store: redis, redis: { url: 'rediss://r.example', timeout: 150ms, username_file: none, ca_file: none } }",
        "{ store: redis, redis: { url: 'unix:///run/redis.sock', password_file: none, ca_file: none } }",
    ];
    let told = sections.iter().fold(String::new(), |mut told, section| {
        writeln!(told, "{section}").unwrap();
        faults(&format!("{least}replay: {section}")).lines().for_each(|fault| writeln!(told, "    {fault}").unwrap());
        told
    });
    insta::assert_snapshot!(told);
    for url in ["rediss://redis.example", "redis://127.0.0.1:7000/3", "redis://[::1]:7000", "unix:///run/redis.sock"] {
        let good = format!("{least}replay: {{ store: redis, redis: {{ url: '{url}' }} }}");
        load_text(&good, Path::new("/nonexistent")).expect(url);
    }
}

#[test]
fn faults_of_what_signs_the_records_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let least = "
listen: unix:/run/hopgate/check.sock
issuers: [{ issuer: https://as.example, jwks: { uri: https://as.example/keys } }]
services: [{ name: s, audience: a, routes: [{ name: r, match: { method: GET, path: / } }] }]
";
    let key = rcgen::KeyPair::generate().unwrap();
    let other_curve = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
    for (name, pem) in
        [("key", key.serialize_pem()), ("public", key.public_key_pem()), ("p384", other_curve.serialize_pem())]
    {
        std::fs::write(folder.path().join(name), pem).unwrap();
    }
    let load = |section: &str| load_text(&format!("{least}audit: {{ checkpoint: {section} }}"), folder.path());
    for (section, said) in [
        ("{ key_file: public }", "audit.checkpoint.key_file: `public` holds no private P-256 key in PKCS#8 PEM"),
        ("{ key_file: p384 }", "audit.checkpoint.key_file: `p384` holds no private P-256 key in PKCS#8 PEM"),
        ("{ key_file: key, every: 500ms }", "audit.checkpoint.every: must be from 1s to 24h, in whole seconds"),
        ("{ key_file: key, every: 1500ms }", "audit.checkpoint.every: must be from 1s to 24h, in whole seconds"),
        ("{ key_file: key, every: 25h }", "audit.checkpoint.every: must be from 1s to 24h, in whole seconds"),
    ] {
        let told: Vec<_> = load(section).expect_err(section).iter().map(ToString::to_string).collect();
        assert_eq!(told, [said], "{section}");
    }
    assert!(load("{ key_file: none }").is_err());
    let settings = load("{ key_file: key }").expect("good");
    assert!(!format!("{settings:?}").contains("PRIVATE"));
}

#[test]
fn credentials_in_the_url_of_an_issuer_or_its_keys_are_refused_and_not_told() {
    for issuer in [
        "{ issuer: 'https://gate:open-sesame@as.example' }",
        "{ issuer: 'https://as.example', jwks: { uri: 'https://open-sesame@as.example/keys' } }",
        "{ issuer: 'http://127.0.0.1:9000', jwks: { uri: 'http://gate:open-sesame@127.0.0.1:9000/keys' } }",
    ] {
        let told = faults(&format!(
            "
listen: unix:/run/hopgate/check.sock
issuers: [{issuer}]
services: [{{ name: s, audience: a, routes: [{{ name: r, match: {{ method: GET, path: / }} }}] }}]
"
        ));
        assert!(told.contains("expected a URL without credentials"), "{told}");
        assert!(!told.contains("open-sesame"), "{told}");
    }
}

#[test]
fn faults_of_serving_over_tls_are_told() {
    let rest = "
issuers: [{ issuer: https://as.example, jwks: { uri: https://as.example/keys } }]
services: [{ name: s, audience: a, routes: [{ name: r, match: { method: GET, path: / } }] }]
";
    let files = "certificate_file: tls.crt, key_file: tls.key, client_ca_file: ca.crt";
    let good = "clients: ['spiffe://demo.local/gateway']";
    let sections = [
        "listen: 0.0.0.0:9191".to_owned(),
        "listen: '[::]:9191'\ntls: {}".to_owned(),
        format!("listen: unix:/run/check.sock\ntls: {{ {files}, {good} }}"),
        format!("listen: 0.0.0.0:9191\ntls: {{ {files}, clients: [] }}"),
        format!("listen: 0.0.0.0:9191\ntls: {{ {files} }}"),
        format!("listen: 0.0.0.0:9191\ntls: {{ {files}, {good}, min_version: '1.0' }}"),
        format!("listen: gateway.example:9191\ntls: {{ {files}, {good} }}"),
        format!(
            "listen: 0.0.0.0:9191\ntls: {{ {files}, clients: ['spiffe://demo.local/*', 'spiffe://demo.local', '*', 'gateway', \
             'spiffe://demo.local/a/', 'spiffe://demo.local/b', 'spiffe://demo.local/b'] }}"
        ),
        format!("listen: 127.0.0.1:9191\ntls: {{ {files}, {good} }}"),
    ];
    let told = sections.iter().fold(String::new(), |mut told, section| {
        writeln!(told, "{section}").unwrap();
        faults(&format!("{section}{rest}")).lines().for_each(|fault| writeln!(told, "    {fault}").unwrap());
        told
    });
    insta::assert_snapshot!(told);
}

#[test]
fn what_is_not_a_configuration_at_all_is_refused() {
    for text in [
        "",
        "null",
        "[]",
        "a: &a [*a]",
        "listen: x\nlisten: y",
        "\u{0}",
        "{",
        "--- {}\n--- {}",
        "listen: !!python/object x",
    ] {
        assert!(load_text(text, Path::new("/")).is_err(), "{text:?}");
    }
    // A document that grows when its aliases are expanded.
    let mut bomb = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for n in 1..12 {
        let before = format!("*a{}", n - 1);
        writeln!(bomb, "a{n}: &a{n} [{}]", vec![before; 10].join(",")).unwrap();
    }
    assert!(load_text(&bomb, Path::new("/")).is_err());
}

#[test]
fn a_field_without_a_value_is_a_fault_and_never_a_default() {
    let found = faults(
        "listen: unix:/x\nissuers:\nservices:\n  - name: s\n    audience: a\n    delegation:\n      actors:\n      # - planner\n    routes: []\n",
    );
    assert!(found.contains("services[0].delegation.actors: found nothing"), "{found}");
    assert!(found.contains("issuers: found nothing"), "{found}");
}

const LEAST: &str = "
listen: unix:/run/hopgate/check.sock
issuers: [{ issuer: https://as.example, jwks: { uri: https://as.example/keys } }]
";

#[test]
fn faults_in_what_a_sender_must_prove_are_told_at_once() {
    let rest = r#"
risk:
  write: { max_token_age: 500ms }
  payout: { step_up: {} }
  strict: { step_up: { acr_values: [], max_age: 1500ms } }
services:
  - name: s
    audience: a
    external_urls: ["s.example", "https://s.example/?x", "ftp://s.example"]
    resource_metadata: "https://s.example/a/../b"
    routes:
      - { name: r, match: { method: GET, path: / }, risk: wrte }
      - { name: t, match: { method: GET, path: /t }, step_up: { acr_values: ["a b", 'c"d', ""] } }
dpop: { max_age: 6m, clock_skew: 10m, nonce_lifetime: 2h, nonce_key_file: gone.key }
forwarded_client_cert: { trusted_hops: ["gateway", "spiffe://TD/x"] }
revocations: { file: gone.yaml }
"#;
    insta::assert_snapshot!(faults(&format!("{LEAST}{rest}")));
}

#[test]
fn what_is_allowed_and_likely_a_mistake_is_warned_of() {
    let rest = r"
risk:
  destructive: { sender_constrained: required }
  strict: { sender_constrained: required, single_use: true, max_token_age: 1m }
  payout: { step_up: { acr_values: [mfa, hwk], max_age: 5m } }
services:
  - name: s
    audience: a
    routes:
      - { name: bare, match: { method: DELETE, path: /a }, scopes: [x], risk: destructive }
      - { name: once, match: { method: DELETE, path: /b }, scopes: [x], risk: destructive, single_use: true }
      - { name: asked, match: { method: DELETE, path: /c }, scopes: [x], risk: destructive, step_up: { max_age: 1m } }
      - { name: less, match: { method: GET, path: /d }, scopes: [x], risk: strict, max_token_age: 5m }
      - { name: more, match: { method: GET, path: /e }, scopes: [x], risk: strict, max_token_age: 30s }
      - { name: later, match: { method: GET, path: /f }, scopes: [x], risk: payout, step_up: { acr_values: [mfa], max_age: 9h } }
      - { name: weaker, match: { method: GET, path: /g }, scopes: [x], risk: payout, step_up: { acr_values: [mfa, pwd], max_age: 1m } }
      - { name: any, match: { method: GET, path: /h }, scopes: [x], risk: payout, step_up: { max_age: 1m } }
      - { name: better, match: { method: GET, path: /i }, scopes: [x], risk: payout, step_up: { acr_values: [mfa], max_age: 1m } }
replay: { accept_tokens_issued_before_start: true }
dpop: { algorithms: [RS256] }
forwarded_client_cert: { set_by_envoy: true }
";
    let settings = load_text(&format!("{LEAST}{rest}"), Path::new("/nonexistent")).expect("a good configuration");
    let warnings: Vec<_> = settings.warnings.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(warnings.join("\n"));
}

#[test]
fn agents_are_not_compared_where_none_may_call() {
    let text = |types: &str| {
        format!(
            "{LEAST}agents: [{{ id: a, spiffe: 'spiffe://demo.local/a', scopes: [x] }}]
services:
  - name: s
    audience: https://a.example
    routes: [{{ name: r, match: {{ method: GET, path: / }}, scopes: [x], client_types: {types} }}]
"
        )
    };
    let warnings = |types: &str| load_text(&text(types), Path::new("/nonexistent")).expect("good").warnings.len();
    assert_eq!((warnings("[user, service]"), warnings("[user, agent]")), (0, 1));
}
