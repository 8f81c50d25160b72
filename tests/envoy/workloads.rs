//! mTLS between workloads: whoever holds a token must be the agent it was given to.

use testbed::envoy::{Config, Envoy, Listener, Upstream};

use crate::support::mesh::{Mesh, certificates};
use crate::support::tokens::of;
use crate::support::{Plan, http, spiffe};

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_worthless_to_another_workload() {
    for raw in [true, false] {
        let plan = Plan::new();
        let mtls = certificates(&plan, &["planner", "researcher", "invoices"]);
        let mut mesh = Mesh::with(plan, |listener, filter| {
            listener.mtls = Some(mtls("invoices"));
            filter.encode_raw_headers = raw;
        })
        .await;
        let egress = |agent: &str| {
            let to = Upstream { mtls: Some(mtls(agent).only(spiffe("invoices"))), ..Upstream::at(mesh.address) };
            Envoy::start(&Config::new(agent).listener(Listener::egress("egress", to))).expect("a running Envoy")
        };
        let (planner, researcher) = (egress("planner"), egress("researcher"));
        let delegated = of("alice").actors(["planner", "researcher"]);
        let own = of("researcher").client_id("researcher");
        for (name, from, token, path, status, reason) in [
            ("the actor", &planner, &delegated, "/bound", 200, None),
            ("a prior actor", &researcher, &delegated, "/bound", 401, Some("caller_not_actor")),
            ("its own token", &researcher, &own, "/bound", 200, None),
            ("its own token, stolen", &planner, &own, "/bound", 401, Some("caller_not_actor")),
            ("stolen, on a route that does not bind", &researcher, &delegated, "/open", 200, None),
        ] {
            let bearer = format!("Bearer {}", mesh.gate.mint(token));
            let forged = format!("By={};URI={}", spiffe("invoices"), spiffe("planner"));
            let headers: [(&str, &[u8]); 2] =
                [("authorization", bearer.as_bytes()), ("x-forwarded-client-cert", forged.as_bytes())];
            let address = from.address("egress").expect("the listener");
            let response = http::request(address, "GET", path, &headers);
            assert_eq!(response.status, status, "{name}: {response:?}");
            let id = match reason {
                Some(_) => response.json()["decision_id"].clone(),
                None => response.json()["headers"]["x-hopgate-decision-id"][0].clone(),
            };
            let record = mesh.gate.record_where(|record| record["decision_id"] == id);
            let peer = if std::ptr::eq(from, &raw const planner) { "planner" } else { "researcher" };
            assert_eq!(record["peer"], spiffe(peer), "{name}");
            assert_eq!(record["reason"], serde_json::json!(reason), "{name}");
            assert_eq!(mesh.access(id.as_str().unwrap())["authz"]["peer"], spiffe(peer), "{name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_mtls_nobody_is_the_peer_whatever_a_header_says() {
    let mesh = Mesh::with(Plan::new(), |listener, _| listener.hcm.sanitize_client_cert = false).await;
    let bearer = format!("Bearer {}", mesh.gate.token());
    let forged = format!("Hash=00;URI={}", spiffe("planner"));
    let headers: [(&str, &[u8]); 2] =
        [("authorization", bearer.as_bytes()), ("x-forwarded-client-cert", forged.as_bytes())];
    assert_eq!(mesh.request("GET", "/bound", &headers).status, 401);
}
