//! Several services behind one hopgate, told apart by Envoy's per-route `context_extensions`.

use serde_json::json;
use testbed::envoy::Route;

use crate::support::Plan;
use crate::support::mesh::{Mesh, echo};
use crate::support::tokens::alice;

#[tokio::test(flavor = "multi_thread")]
async fn the_route_in_envoy_names_the_service() {
    let plan = Plan::new().edit(|config| {
        let mut research = config["services"][0].clone();
        research["name"] = json!("research");
        research["audience"] = json!("https://research.demo.local");
        config["services"].as_array_mut().unwrap().push(research);
    });
    let upstream = echo().await;
    let to = |prefix: &str| Route::to(upstream.clone()).under(prefix);
    let routes = vec![
        to("/invoices").context("service", "invoices"),
        to("/open").context("service", "research"),
        to("/direct").context("service", "nobody"),
        to("/"),
    ];
    let mut mesh = Mesh::with(plan, |listener, _| listener.routes = routes).await;
    let invoices = mesh.gate.token();
    let research = mesh.gate.mint(&alice().audiences(["https://research.demo.local"]));
    for (path, token, status, reason) in [
        ("/invoices", &invoices, 200, None),
        ("/invoices", &research, 401, Some("audience_mismatch")),
        ("/open", &research, 200, None),
        ("/open", &invoices, 401, Some("audience_mismatch")),
        ("/direct", &invoices, 403, Some("service_unknown")),
        ("/acted", &invoices, 403, Some("service_unknown")),
    ] {
        let bearer = format!("Bearer {token}");
        // The caller's own idea of where it is counts for nothing.
        let headers: [(&str, &[u8]); 3] =
            [("authorization", bearer.as_bytes()), ("service", b"invoices"), ("x-hopgate-service", b"invoices")];
        let response = mesh.request("GET", path, &headers);
        assert_eq!(response.status, status, "{path}: {response:?}");
        let record = mesh.gate.record_where(|record| record["path"] == path && record["reason"] == json!(reason));
        assert_eq!(record["reason"], json!(reason), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_not_configured_is_refused_even_with_one_service() {
    let upstream = echo().await;
    let routes = vec![
        Route::to(upstream.clone()).under("/open").context("service", "nobody"),
        Route::to(upstream).context("service", "invoices"),
    ];
    let mesh = Mesh::with(Plan::new(), |listener, _| listener.routes = routes).await;
    let token = mesh.gate.token();
    assert_eq!(mesh.get("/open", &token).status, 403);
    assert_eq!(mesh.get("/invoices", &token).status, 200);
}
