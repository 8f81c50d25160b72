//! What the control planes make of `k8s/`, in a real Envoy with a real hopgate and a service that echoes behind.

use std::net::SocketAddr;
use std::path::PathBuf;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hopgate::dev::certs::MeshCa;
use reqwest::Method;
use serde_json::{Value, json};
use testbed::envoy::{Envoy, validate_bootstrap};

use super::caller::{Caller, Response};
use super::dump::Dump;
use crate::support::mesh::echo;
use crate::support::{Gate, Plan, tokens};

const DOMAIN: &str = "cluster.local";

const RBAC: &str = "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC";

fn id(namespace: &str, account: &str) -> String {
    format!("spiffe://{DOMAIN}/ns/{namespace}/sa/{account}")
}

/// The proxy of a control plane, its hopgate, and agents that call it.
struct Stage {
    gate: Result<Gate, Plan>,
    /// Ended when the stage is.
    _envoy: Envoy,
    address: SocketAddr,
    certificates: PathBuf,
}

/// Where the proxy asks.
enum Asks {
    Socket,
    Nobody,
}

impl Stage {
    /// `listen` places the dump's listener, `service` is the cluster of the service and `authority` the names of its secrets.
    async fn start(name: &str, ask: &Asks, place: impl FnOnce(&mut Dump, &Stand) -> SocketAddr) -> Self {
        Self::changed(name, ask, place, |_| ()).await
    }

    async fn changed(
        name: &str,
        ask: &Asks,
        place: impl FnOnce(&mut Dump, &Stand) -> SocketAddr,
        change: impl FnOnce(&mut Value),
    ) -> Self {
        let plan = plan();
        let certificates = plan.dir.root().join("certificates");
        let ids: Vec<_> = ["planner", "researcher", "invoices", "hopgate"].map(|account| id("agents", account)).into();
        MeshCa::generate(DOMAIN).unwrap().write(&certificates, &ids).unwrap();
        let stand = Stand {
            certificates: certificates.clone(),
            service: socket_address(echo().await.address),
            hopgate: json!({ "pipe": { "path": plan.socket() } }),
        };
        let mut dump = Dump::read(name);
        let address = place(&mut dump, &stand);
        let mut bootstrap = dump.bootstrap();
        change(&mut bootstrap);
        validate_bootstrap(&bootstrap).unwrap();
        let gate = match ask {
            Asks::Socket => Ok(plan.start()),
            Asks::Nobody => Err(plan),
        };
        let envoy = Envoy::start_bootstrap(name, &bootstrap, 1).unwrap();
        Self { gate, _envoy: envoy, address, certificates }
    }

    fn caller(&self, agent: &str) -> Caller {
        Caller::new(self.address, &self.certificates, Some(agent))
    }

    fn gate(&mut self) -> &mut Gate {
        self.gate.as_mut().ok().expect("a hopgate")
    }
}

/// What stands in for a cluster.
struct Stand {
    certificates: PathBuf,
    service: Value,
    hopgate: Value,
}

fn socket_address(address: SocketAddr) -> Value {
    json!({ "socket_address": { "address": address.ip(), "port_value": address.port() } })
}

/// The usual plan with the agents of [`DOMAIN`], and a route of MCP.
fn plan() -> Plan {
    Plan::new().edit(|config| {
        let text = config["agents"].to_string().replace("spiffe://demo.local/", &format!("spiffe://{DOMAIN}/"));
        config["agents"] = serde_json::from_str(&text).unwrap();
        config["services"][0]["routes"].as_array_mut().unwrap().push(json!({
            "name": "mcp", "match": { "mcp": { "path": "/mcp" } }, "tools": { "search": { "scopes": ["invoices:read"] } },
        }));
    })
}

// ---- Istio ----

fn istio_inbound(dump: &mut Dump, stand: &Stand) -> SocketAddr {
    istio_secrets(dump, stand, "invoices");
    dump.endpoint("inbound|8080||", &stand.service);
    dump.listen("virtualInbound", 15006, 8080)
}

fn istio_gateway(dump: &mut Dump, stand: &Stand) -> SocketAddr {
    dump.certificate("kubernetes://agents-gateway", &stand.certificates, "invoices");
    dump.authority("kubernetes://agents-gateway-cacert", &stand.certificates);
    dump.endpoint("outbound|80||invoices.agents.svc.cluster.local", &stand.service);
    dump.in_plain_text("outbound|80||invoices.agents.svc.cluster.local");
    dump.listen("0.0.0.0_443", 443, 443)
}

fn istio_shared(dump: &mut Dump, stand: &Stand) {
    let name = "outbound|9191||hopgate.hopgate.svc.cluster.local";
    dump.endpoint(name, &stand.hopgate);
    dump.in_plain_text(name);
}

fn istio_secrets(dump: &mut Dump, stand: &Stand, workload: &str) {
    dump.certificate("default", &stand.certificates, workload);
    dump.authority("ROOTCA", &stand.certificates);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sidecar_of_istio_asks_the_hopgate_in_its_pod() {
    let mut stage = Stage::start("istio-sidecar", &Asks::Socket, |dump, stand| {
        assert_eq!(dump.led_to("hopgate"), json!({ "pipe": { "path": "/run/hopgate/check.sock" } }));
        dump.endpoint("hopgate", &stand.hopgate);
        istio_inbound(dump, stand)
    })
    .await;
    every_rule(&mut stage).await;
    plain_text_is_refused(&stage).await;
    refuses_without_hopgate(stage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_of_istio_asks_hopgate() {
    let mut stage = Stage::start("istio-gateway", &Asks::Socket, |dump, stand| {
        istio_shared(dump, stand);
        istio_gateway(dump, stand)
    })
    .await;
    every_rule(&mut stage).await;
    plain_text_is_refused(&stage).await;
    refuses_without_hopgate(stage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_of_istio_asks_the_hopgate_in_its_pod() {
    let mut stage = Stage::start("istio-gateway-injected", &Asks::Socket, |dump, stand| {
        dump.endpoint("hopgate", &stand.hopgate);
        istio_gateway(dump, stand)
    })
    .await;
    every_rule(&mut stage).await;
    refuses_without_hopgate(stage).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sidecars_of_istio_share_a_hopgate() {
    let mut stage = Stage::start("istio-shared", &Asks::Socket, |dump, stand| {
        istio_shared(dump, stand);
        istio_inbound(dump, stand)
    })
    .await;
    every_rule(&mut stage).await;
    refuses_without_hopgate(stage).await;
}

/// What the rules of a CUSTOM policy leave out is not asked about, and is refused by `deny_at_disable` and by the guard.
#[tokio::test(flavor = "multi_thread")]
async fn a_path_that_a_policy_of_istio_leaves_out_is_refused() {
    for (guards, status) in [
        (vec![], 503),
        (vec!["hopgate-guard"], 503),
        (vec!["deny_at_disable"], 403),
        // What would have happened otherwise.
        (vec!["deny_at_disable", "hopgate-guard"], 200),
    ] {
        let start = |dump: &mut Dump, stand: &Stand| {
            istio_shared(dump, stand);
            istio_inbound(dump, stand)
        };
        let mut stage = Stage::changed("istio-shared-except", &Asks::Socket, start, |bootstrap| {
            super::dump::walk(bootstrap, &|fields| {
                if guards.contains(&"deny_at_disable") {
                    fields.remove("denyAtDisable");
                }
                if guards.contains(&"hopgate-guard") && fields.get("@type").is_some_and(|kind| kind == RBAC) {
                    fields.remove("rules");
                }
            });
        })
        .await;
        let token = stage.gate().token();
        let planner = stage.caller("planner");
        let answer = planner.send(Method::GET, "/open", &[], Vec::new()).await.unwrap();
        assert_eq!(answer.status, status, "without {guards:?}: {answer:?}");
        assert_eq!(planner.get("/invoices", &token).await.status, 200);
        assert_eq!(planner.get("/nowhere", &token).await.status, 403);
    }
}

/// As if Istio had ignored the `EnvoyFilter`, after an upgrade or with a wrong selector.
#[tokio::test(flavor = "multi_thread")]
async fn the_guard_of_istio_refuses_what_nobody_was_asked_about() {
    let stage = Stage::start("istio-guard-alone", &Asks::Nobody, istio_inbound).await;
    let planner = stage.caller("planner");
    let forged = [("x-hopgate-decision-id", "1"), ("x-envoy-auth-failure-mode-allowed", "true"), ("decision", "allow")];
    let answer = planner.send(Method::GET, "/open", &forged, Vec::new()).await.unwrap();
    assert_eq!(answer.status, 403, "{answer:?}");

    let unguarded =
        Stage::changed("istio-guard-alone", &Asks::Nobody, istio_inbound, without("envoy.filters.http.rbac")).await;
    let answer = unguarded.caller("planner").send(Method::GET, "/open", &[], Vec::new()).await.unwrap();
    assert_eq!(answer.status, 200, "without the guard it passes: {answer:?}");
}

// ---- Envoy Gateway ----

fn envoy_gateway(dump: &mut Dump, stand: &Stand) -> SocketAddr {
    dump.certificate("gateways/edge-tls", &stand.certificates, "invoices");
    dump.authority("gateways/edge/ca.crt", &stand.certificates);
    dump.endpoint("httproute/gateways/invoices/rule/0", &stand.service);
    dump.listen("gateways/edge/https", 10443, 443)
}

const EXT_AUTH: &str = "securitypolicy/gateways/hopgate/extauth/0";

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_of_envoy_gateway_asks_the_hopgate_in_its_pod() {
    let mut stage = Stage::start("envoy-gateway-sidecar", &Asks::Socket, |dump, stand| {
        assert_eq!(dump.led_to(EXT_AUTH), json!({ "pipe": { "path": "/run/hopgate/check.sock" } }));
        dump.endpoint(EXT_AUTH, &stand.hopgate);
        envoy_gateway(dump, stand)
    })
    .await;
    every_rule(&mut stage).await;
    plain_text_is_refused(&stage).await;
    refuses_without_hopgate(stage).await;
}

/// Without `patch-policy.yaml` less is allowed, and nothing more.
#[tokio::test(flavor = "multi_thread")]
async fn without_its_patches_envoy_gateway_hides_things_from_hopgate_which_then_refuses() {
    let place = |dump: &mut Dump, stand: &Stand| {
        dump.endpoint(EXT_AUTH, &stand.hopgate);
        envoy_gateway(dump, stand)
    };
    let mut stage = Stage::changed("envoy-gateway-sidecar", &Asks::Socket, place, |bootstrap| {
        super::dump::walk(bootstrap, &|fields| {
            for patched in
                ["encodeRawHeaders", "includePeerCertificate", "includeTlsSession", "validateMutations", "packAsBytes"]
            {
                fields.remove(patched);
            }
        });
    })
    .await;
    let planner = stage.caller("planner");
    let token = stage.gate().token();
    assert_eq!(planner.get("/bound", &token).await.status, 200);
    let binding = json!({ "x5t#S256": thumbprint(&stage) });
    let bound = stage.gate().mint(&tokens::with("cnf", binding));
    let bearer = format!("Bearer {token}");
    for (reason, answer) in [
        ("certificate_missing", planner.get("/invoices", &bound).await),
        ("body_rewritten", search(&planner, &bearer).await),
    ] {
        assert!(answer.status >= 400, "{answer:?}");
        stage.gate().record_where(|record| record["reason"] == reason);
    }
}

// ---- the rules ----

async fn every_rule(stage: &mut Stage) {
    let planner = stage.caller("planner");
    let researcher = stage.caller("researcher");
    let token = stage.gate().token();
    let bearer = format!("Bearer {token}");

    // The caller is the token's actor, and the service gets what hopgate says, whatever the caller wrote there.
    let forged = [
        ("authorization", bearer.as_str()),
        ("x-hopgate-subject", "mallory"),
        ("x-forwarded-client-cert", "URI=spiffe://cluster.local/ns/agents/sa/mallory"),
    ];
    let answer = planner.send(Method::GET, "/bound", &forged, Vec::new()).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.body["headers"]["x-hopgate-subject"], json!(["alice"]), "{answer:?}");
    let certificates = answer.body["headers"]["x-forwarded-client-cert"].to_string();
    assert!(!certificates.contains("mallory") && certificates.contains(&id("agents", "planner")), "{certificates}");
    let record = stage.gate().record_where(|record| record["path"] == "/bound");
    assert_eq!(
        (&record["peer"], &record["service"]),
        (&json!(id("agents", "planner")), &json!("invoices")),
        "{record}"
    );

    // Refused by hopgate.
    for (caller, path, token, status) in [
        (&researcher, "/bound", token.as_str(), 401),
        (&planner, "/bound", "no-token", 401),
        (&planner, "/nowhere", token.as_str(), 403),
        (&planner, "/invoices;v=1", token.as_str(), 400),
    ] {
        let answer = caller.get(path, token).await;
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        assert!(answer.body["decision_id"].is_string(), "{path} was refused by another: {answer:?}");
    }

    // `encode_raw_headers`: bytes arrive as they were sent, and twice is twice.
    let twice = [("authorization", bearer.as_str()), ("authorization", bearer.as_str())];
    let answer = planner.send(Method::GET, "/open", &twice, Vec::new()).await.unwrap();
    assert_eq!(answer.status, 400, "{answer:?}");

    // Paths: what is ambiguous is refused by the proxy, and hopgate sees what the service sees.
    let records = stage.gate().service.lines().len();
    for path in ["/invoices%2f7", "/invoices%5C7", "/open/..%2finvoices"] {
        let answer = planner.get(path, &token).await;
        assert_eq!(answer.status, 400, "{path}: {answer:?}");
        assert_eq!(answer.body, Value::Null, "{path} came to hopgate");
    }
    assert_eq!(stage.gate().service.lines().len(), records, "refused paths came to hopgate");
    let answer = planner.get("//invoices", &token).await;
    assert_eq!((answer.status, &answer.body["path"]), (200, &json!("/invoices")), "{answer:?}");

    bodies(&planner, &bearer).await;
    certificates_bind(stage, &planner, &researcher).await;
}

async fn bodies(planner: &Caller, bearer: &str) {
    assert_eq!(search(planner, bearer).await.status, 200);
    for (name, filler, status) in [("delete", 0, 403), ("search", 70_000, 413)] {
        let answer = tool(planner, bearer, name, filler).await;
        assert_eq!(answer.status, status, "{name} {filler}: {answer:?}");
    }
}

async fn search(planner: &Caller, bearer: &str) -> Response {
    tool(planner, bearer, "search", 0).await
}

async fn tool(planner: &Caller, bearer: &str, name: &str, filler: usize) -> Response {
    let headers =
        [("authorization", bearer), ("content-type", "application/json"), ("mcp-protocol-version", "2025-11-25")];
    let params = json!({ "name": name, "arguments": { "text": "x".repeat(filler) } });
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
    planner.send(Method::POST, "/mcp", &headers, call.to_string().into_bytes()).await.unwrap()
}

/// `include_peer_certificate`: RFC 8705.
async fn certificates_bind(stage: &mut Stage, planner: &Caller, researcher: &Caller) {
    let binding = json!({ "x5t#S256": thumbprint(stage) });
    let bound = stage.gate().mint(&tokens::with("cnf", binding));
    for (caller, status) in [(planner, 200), (researcher, 401)] {
        let answer = caller.get("/invoices", &bound).await;
        assert_eq!(answer.status, status, "{answer:?}");
    }
}

/// Of the planner's certificate, as RFC 8705 has it.
fn thumbprint(stage: &Stage) -> String {
    let pem = std::fs::read_to_string(stage.certificates.join("planner.pem")).unwrap();
    let (_, pem) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).unwrap();
    URL_SAFE_NO_PAD.encode(digest(&SHA256, &pem.contents))
}

async fn plain_text_is_refused(stage: &Stage) {
    let anybody = Caller::new(stage.address, &stage.certificates, None);
    let answer = anybody.send(Method::GET, "/open", &[], Vec::new()).await;
    assert!(answer.is_err(), "a caller without a certificate got {answer:?}");
    let address = stage.address;
    let plain = reqwest::get(format!("http://{address}/open")).await;
    assert!(plain.is_err(), "plain text was answered: {plain:?}");
}

async fn refuses_without_hopgate(mut stage: Stage) {
    let token = stage.gate().token();
    let planner = stage.caller("planner");
    assert_eq!(planner.get("/open", &token).await.status, 200);
    stage.gate().service.stop().unwrap();
    let answer = planner.get("/open", &token).await;
    assert_eq!(answer.status, 503, "{answer:?}");
}

/// Takes the filters of that name out of every chain.
fn without(name: &'static str) -> impl FnOnce(&mut Value) {
    move |bootstrap| {
        super::dump::walk(bootstrap, &|fields| {
            for list in ["filters", "httpFilters"] {
                if let Some(Value::Array(filters)) = fields.get_mut(list) {
                    filters.retain(|filter| filter["name"] != name);
                }
            }
        });
    }
}
