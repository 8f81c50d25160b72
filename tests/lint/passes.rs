//! What the lint says about calls that pass, asked of Envoy itself: with a hopgate that is gone, whatever the service
//! answers was never checked, or passed in spite of it.

use std::future::pending;

use hopgate::dev::echo;
use serde_json::{Value, json};
use testbed::envoy::Envoy;
use tokio::net::TcpListener;

use super::change::{matched, per_route};
use super::levels::{self, Levels};
use super::sample::{AUTHZ, Base, MANAGER, ROUTE, lint};
use crate::support::http;
use crate::support::plan::set;

/// A way to configure one listener, and the rules that say that calls pass.
struct Way {
    name: String,
    config: Value,
    /// What the caller says besides.
    headers: &'static [(&'static str, &'static [u8])],
}

/// Rules that say that calls get past hopgate while it can't be asked.
const PASS: [&str; 9] = [
    "route-unchecked",
    "authz-conditional",
    "authz-sampled",
    "authz-by-metadata",
    "authz-shadow",
    "authz-missing",
    "failure-mode-allow",
    "answer-before-authz",
    "upgrade-unchecked",
];

const UPGRADE: &[(&str, &[u8])] = &[("connection", b"upgrade"), ("upgrade", b"websocket")];

fn way(name: &str, changes: &[(&str, Value)]) -> Way {
    let mut config = Base::Sidecar.value();
    for (pointer, value) in changes {
        set(&mut config, pointer, value.clone());
    }
    Way { name: name.to_owned(), config, headers: &[] }
}

fn ways() -> Vec<Way> {
    let deny = format!("{AUTHZ}/deny_at_disable");
    let enabled = format!("{AUTHZ}/filter_enabled");
    let metadata = format!("{AUTHZ}/filter_enabled_metadata");
    let filters = format!("{MANAGER}/http_filters");
    let none = json!({ "default_value": { "numerator": 0 }, "runtime_key": "none" });
    let all = json!({ "default_value": { "numerator": 100 }, "runtime_key": "all" });
    let whose = json!({ "filter": "f", "path": [{ "key": "k" }], "value": { "present_match": true } });
    let router = Base::Sidecar.value().pointer(&format!("{filters}/1")).unwrap().clone();
    let at_filter = Base::Sidecar.value().pointer(&format!("{filters}/0")).unwrap().clone();
    let levels = levels::all().into_iter().map(|levels: Levels| {
        let config = levels.config();
        Way { name: levels.name.to_owned(), config, headers: &[] }
    });
    let mut ways = vec![
        way("as it stands", &[]),
        way("no filter", &[(&filters, json!([router]))]),
        way("it fails open", &[(&format!("{AUTHZ}/failure_mode_allow"), json!(true))]),
        way("it only looks on", &[(&format!("{AUTHZ}/shadow_mode"), json!(true))]),
        way("for no call", &[(&enabled, none.clone()), (&deny, Value::Null)]),
        way("for no call, and the rest is refused", &[(&enabled, none)]),
        way("for every call", &[(&enabled, all), (&deny, Value::Null)]),
        way("by metadata", &[(&metadata, whose.clone()), (&deny, Value::Null)]),
        way("by metadata, and the rest is refused", &[(&metadata, whose)]),
        way(
            "off by default",
            &[
                (&format!("{filters}/0/disabled"), json!(true)),
                (&format!("{ROUTE}/typed_per_filter_config"), json!({})),
            ],
        ),
        way("off by default, and on for the route", &[(&format!("{filters}/0/disabled"), json!(true))]),
        way(
            "under another name than the route's",
            &[
                (&format!("{filters}/0/name"), json!("hopgate")),
                (&format!("{ROUTE}/typed_per_filter_config"), per_route(&json!({ "disabled": true }))),
            ],
        ),
        way(
            "answered by Envoy",
            &[
                (&format!("{ROUTE}/route"), Value::Null),
                (&format!("{ROUTE}/redirect"), json!({ "path_redirect": "/elsewhere" })),
            ],
        ),
    ];
    let websocket = |settings: Value| {
        let mut upgrade = settings;
        upgrade["upgrade_type"] = json!("websocket");
        (format!("{MANAGER}/upgrade_configs"), json!([upgrade]))
    };
    let (upgrades, with_filters) = websocket(json!({ "filters": [router] }));
    let (_, without) = websocket(json!({}));
    ways.extend([
        Way {
            headers: &[("x-skip", b"yes")],
            ..way("skipped by a matcher", &[(&format!("{filters}/0"), matched(&at_filter))])
        },
        Way { headers: UPGRADE, ..way("by an upgrade with filters of its own", &[(&upgrades, with_filters)]) },
        Way { headers: UPGRADE, ..way("by an upgrade", &[(&upgrades, without)]) },
    ]);
    ways.extend(levels);
    ways
}

/// All as listeners of one Envoy, each on a port of its own, in plain text.
async fn envoy(ways: &[Way]) -> Envoy {
    let service = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = service.local_addr().expect("its address").port();
    tokio::spawn(echo::serve(service, pending()));
    let mut whole = Base::Sidecar.value();
    let clusters = "/static_resources/clusters";
    let endpoint = "load_assignment/endpoints/0/lb_endpoints/0/endpoint/address";
    set(&mut whole, &format!("{clusters}/0/{endpoint}/pipe/path"), json!("/nowhere/check.sock"));
    set(&mut whole, &format!("{clusters}/1/{endpoint}/socket_address/port_value"), json!(port));
    let listeners = ways.iter().enumerate().map(|(at, way)| {
        let mut listener = way.config["static_resources"]["listeners"][0].clone();
        listener["name"] = json!(at.to_string());
        listener["address"] = json!({ "socket_address": { "address": "127.0.0.1", "port_value": 0 } });
        listener["filter_chains"][0].as_object_mut().unwrap().remove("transport_socket");
        listener
    });
    whole["static_resources"]["listeners"] = listeners.collect();
    whole["admin"] = json!({ "address": { "socket_address": { "address": "127.0.0.1", "port_value": 0 } } });
    Envoy::start_bootstrap("ways", &whole, 1).expect("a running Envoy")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lint_says_that_calls_pass_where_envoy_lets_them() {
    let ways = ways();
    let envoy = envoy(&ways).await;
    let mut wrong = Vec::new();
    for (at, way) in ways.iter().enumerate() {
        let answer = http::request(envoy.address(&at.to_string()).unwrap(), "GET", "/", way.headers);
        let report = lint(&way.config);
        let found: Vec<_> = report.findings.iter().map(|finding| finding.rule.id()).collect();
        let said = found.iter().any(|rule| PASS.contains(rule));
        let passed = answer.status == 200;
        assert!([200, 301, 503].contains(&answer.status), "{}: {answer:?}", way.name);
        if said != passed {
            wrong.push(format!("{}: Envoy answered {}, the lint found {found:?}", way.name, answer.status));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
