//! What the service behind Envoy gets to see.

use serde_json::json;

use crate::support::mesh::Mesh;
use crate::support::tokens::{alice, of};
use crate::support::{ISSUER, Plan};

#[tokio::test(flavor = "multi_thread")]
async fn the_service_is_told_who_calls_and_no_forged_word_beside_it() {
    for raw in [true, false] {
        let mesh = Mesh::start(Plan::new(), raw).await;
        let bearer = format!("Bearer {}", mesh.gate.mint(&of("alice").actors(["planner", "researcher"])));
        let response = mesh.request(
            "GET",
            "/invoices",
            &[
                ("authorization", bearer.as_bytes()),
                ("dpop", b"a.b.c"),
                ("x-hopgate-subject", b"mallory"),
                ("X-Hopgate-Subject", b"mallory again"),
                ("X-Hopgate_Subject", b"mallory"),
                ("x_hopgate_subject", b"mallory"),
                ("x-hopgate-foo", b"mallory"),
                ("x-hopgate-scopes", b"admin"),
                ("x-hopgate-decision-id", b"mallory"),
                ("x-kept", b"one"),
                ("x-kept", b"two"),
            ],
        );
        assert_eq!(response.status, 200, "raw: {raw}: {response:?}");
        let headers = response.json()["headers"].clone();
        let ours: Vec<_> = headers
            .as_object()
            .unwrap()
            .iter()
            .filter(|(name, _)| name.replace('_', "-").starts_with("x-hopgate"))
            .filter(|(name, _)| *name != "x-hopgate-decision-id")
            .map(|(name, values)| (name.as_str(), values.clone()))
            .collect();
        let expected = [
            ("x-hopgate-actor", json!(["planner"])),
            ("x-hopgate-actor-chain", json!(["planner,researcher"])),
            ("x-hopgate-client-id", json!(["planner"])),
            ("x-hopgate-issuer", json!([ISSUER])),
            ("x-hopgate-route", json!(["list"])),
            // `invoices:refund` is above the ceiling of the researcher.
            ("x-hopgate-scopes", json!(["invoices:read"])),
            ("x-hopgate-service", json!(["invoices"])),
            ("x-hopgate-subject", json!(["alice"])),
        ];
        assert_eq!(ours, expected, "raw: {raw}");
        let ids = headers["x-hopgate-decision-id"].as_array().unwrap();
        assert!(ids.len() == 1 && ids[0] != "mallory", "{ids:?}");
        assert_eq!(headers["x-kept"], json!(["one", "two"]));
        assert_eq!((headers.get("authorization"), headers.get("dpop")), (None, None));
        assert!(!response.text().contains("mallory"), "{}", response.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_an_actor_a_forged_one_is_taken_off() {
    let mesh = Mesh::start(Plan::new(), true).await;
    let bearer = format!("Bearer {}", mesh.gate.mint(&of("alice").scope("")));
    let forged: [(&str, &[u8]); 3] =
        [("x-hopgate-actor", b"planner"), ("x-hopgate-actor-chain", b"planner"), ("x-hopgate-scopes", b"admin")];
    let mut headers = vec![("authorization", bearer.as_bytes())];
    headers.extend(forged);
    let seen = mesh.request("GET", "/open", &headers).json()["headers"].clone();
    for (name, _) in forged {
        assert_eq!(seen.get(name), None, "{seen}");
    }
    assert_eq!(seen["x-hopgate-subject"], json!(["alice"]));
}

/// RFC 9110 section 7.6.1: an intermediary removes the fields that `Connection` names. Ours must
/// not be among them.
#[tokio::test(flavor = "multi_thread")]
async fn a_caller_cannot_have_our_headers_removed_on_the_way() {
    let mesh = Mesh::start(Plan::new(), true).await;
    let bearer = format!("Bearer {}", mesh.gate.token());
    let response = mesh.request(
        "GET",
        "/open",
        &[
            ("authorization", bearer.as_bytes()),
            ("connection", b"close, x-hopgate-subject, x-hopgate-actor, x-hopgate-decision-id"),
        ],
    );
    if response.status == 200 {
        let headers = response.json()["headers"].clone();
        assert_eq!(headers["x-hopgate-subject"], json!(["alice"]), "{headers}");
        assert_eq!(headers["x-hopgate-actor"], json!(["planner"]), "{headers}");
        assert!(headers.get("connection").is_none_or(|all| !all.to_string().contains("hopgate")), "{headers}");
    } else {
        assert_eq!(response.status, 400, "Envoy may refuse it: {response:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_is_passed_on_only_where_the_operator_says_so() {
    for (forward, identity) in [(true, true), (true, false), (false, false)] {
        let upstream = json!({ "forward_token": forward, "identity_headers": identity });
        let mesh = Mesh::start(Plan::new().set("/upstream", upstream), true).await;
        let token = mesh.gate.token();
        let bearer = format!("Bearer {token}");
        let sent: [(&str, &[u8]); 2] = [("authorization", bearer.as_bytes()), ("x-hopgate-subject", b"mallory")];
        let headers = mesh.request("GET", "/open", &sent).json()["headers"].clone();
        let expected = forward.then(|| json!([bearer]));
        assert_eq!(headers.get("authorization"), expected.as_ref());
        let expected = identity.then(|| json!(["alice"]));
        assert_eq!(headers.get("x-hopgate-subject"), expected.as_ref());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn names_beyond_ascii_arrive_escaped_and_whole() {
    let mesh = Mesh::start(Plan::new(), true).await;
    for (subject, expected) in [
        ("zo\u{eb}", "zo%C3%AB"),
        ("a,b", "a%2Cb"),
        ("a%2Cb", "a%252Cb"),
        ("a\r\nx-hopgate-scopes: admin", "a%0D%0Ax-hopgate-scopes:%20admin"),
        ("\"q\"\\", "%22q%22%5C"),
        ("a b", "a%20b"),
    ] {
        let response = mesh.get("/open", &mesh.gate.mint(&alice().claim("sub", json!(subject))));
        assert_eq!(response.status, 200, "{response:?}");
        assert_eq!(response.json()["headers"]["x-hopgate-subject"], json!([expected]));
    }
}
