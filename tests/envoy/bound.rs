//! Sender-constrained tokens behind a real Envoy: the certificate it reports, the URL its callers use.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hopgate::dev::keys::SigningKey;
use hopgate::dev::proof::ProofBuilder;
use jsonwebtoken::Algorithm;
use serde_json::json;
use testbed::envoy::{Config, Envoy, Listener, Upstream};

use crate::support::mesh::{Mesh, certificates};
use crate::support::tokens::with;
use crate::support::{Plan, http, spiffe};

/// RFC 8705 section 3.1, computed by another reader of certificates than hopgate's.
fn thumbprint(pem: &[u8]) -> String {
    let (_, pem) = x509_parser::pem::parse_x509_pem(pem).expect("PEM");
    URL_SAFE_NO_PAD.encode(digest(&SHA256, &pem.contents))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_bound_to_a_certificate_passes_only_over_the_connection_of_that_certificate() {
    let plan = Plan::new();
    let mtls = certificates(&plan, &["planner", "researcher", "invoices"]);
    let certificate = |agent: &str| std::fs::read(plan.dir.root().join("certs").join(format!("{agent}.pem"))).unwrap();
    let bound = with("cnf", json!({ "x5t#S256": thumbprint(&certificate("planner")) }));
    let mut mesh = Mesh::with(plan, |listener, _| listener.mtls = Some(mtls("invoices"))).await;
    let token = format!("Bearer {}", mesh.gate.mint(&bound));
    for (agent, status, reason) in [("planner", 200, None), ("researcher", 401, Some("certificate_mismatch"))] {
        let to = Upstream { mtls: Some(mtls(agent).only(spiffe("invoices"))), ..Upstream::at(mesh.address) };
        let egress = Envoy::start(&Config::new(agent).listener(Listener::egress("egress", to))).expect("an Envoy");
        let address = egress.address("egress").expect("the listener");
        let response = http::request(address, "GET", "/invoices", &[("authorization", token.as_bytes())]);
        assert_eq!(response.status, status, "{agent}: {response:?}");
        let record = mesh.gate.record_where(|record| record["peer"] == spiffe(agent));
        assert_eq!((&record["reason"], &record["bound_to"]), (&json!(reason), &json!(["mtls"])), "{agent}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_certificate_in_the_request_a_bound_token_is_refused() {
    let plan = Plan::new();
    let mtls = certificates(&plan, &["planner", "invoices"]);
    let certificate = std::fs::read(plan.dir.root().join("certs/planner.pem")).unwrap();
    let bound = with("cnf", json!({ "x5t#S256": thumbprint(&certificate) }));
    let mesh = Mesh::with(plan, |listener, filter| {
        listener.mtls = Some(mtls("invoices"));
        filter.include_peer_certificate = false;
    })
    .await;
    let to = Upstream { mtls: Some(mtls("planner").only(spiffe("invoices"))), ..Upstream::at(mesh.address) };
    let egress = Envoy::start(&Config::new("planner").listener(Listener::egress("egress", to))).expect("an Envoy");
    let token = format!("Bearer {}", mesh.gate.mint(&bound));
    let address = egress.address("egress").expect("the listener");
    let response = http::request(address, "GET", "/invoices", &[("authorization", token.as_bytes())]);
    assert_eq!(response.status, 401, "{response:?}");
    assert!(response.challenge().unwrap().contains("certificate that was not shown"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_names_the_url_of_the_caller_whatever_host_envoy_sees() {
    let mesh = Mesh::start(Plan::new(), true).await;
    let key = SigningKey::generate(Algorithm::ES256).unwrap();
    let token = mesh.gate.mint(&with("cnf", json!({ "jkt": key.kid() })));
    let authorization = format!("DPoP {token}");
    let send = |url: &str| {
        let proof = ProofBuilder::new("GET", url, &token).sign(&key).unwrap();
        mesh.request(
            "GET",
            "/invoices?page=2",
            &[("authorization", authorization.as_bytes()), ("dpop", proof.as_bytes())],
        )
    };
    let passed = send("https://invoices.demo.local/invoices");
    assert_eq!(passed.status, 200, "{passed:?}");
    let headers = passed.json()["headers"].clone();
    assert!(
        headers.get("dpop").is_none() && headers.get("authorization").is_none(),
        "the service gets neither: {headers}"
    );
    // The host that this client sent is `test`; it has no say.
    assert_eq!(send("http://test/invoices").status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metadata_of_the_service_is_answered_in_its_place() {
    let mesh = Mesh::start(Plan::new(), true).await;
    let path = "/.well-known/oauth-protected-resource";
    let document = mesh.request("GET", path, &[]);
    assert_eq!((document.status, document.header("content-type")), (200, Some("application/json")));
    assert_eq!(document.json()["resource"], "https://invoices.demo.local");
    let head = mesh.request("HEAD", path, &[]);
    assert_eq!((head.status, head.body.len()), (200, 0), "{head:?}");
    assert_eq!(mesh.request("POST", path, &[]).status, 403);
}
