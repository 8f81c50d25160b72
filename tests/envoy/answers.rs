//! Every kind of refusal as an HTTP caller gets it.

use hopgate::dev::mint::TokenBuilder;
use serde_json::{Value, json};
use testbed::ports;

use crate::support::mesh::Mesh;
use crate::support::tokens::{alice, of, with};
use crate::support::{Answer, ISSUER, Plan};

const METADATA: &str = "https://invoices.demo.local/.well-known/oauth-protected-resource";

struct Case {
    name: &'static str,
    method: &'static str,
    path: &'static str,
    token: Option<TokenBuilder>,
    status: u16,
    error: &'static str,
    reason: &'static str,
    /// Without `resource_metadata`, which stands last in every challenge of a known service.
    challenge: Option<String>,
}

fn case(
    name: &'static str,
    path: &'static str,
    token: TokenBuilder,
    reason: (u16, &'static str, &'static str),
) -> Case {
    let (status, error, reason) = reason;
    Case { name, method: "GET", path, token: Some(token), status, error, reason, challenge: None }
}

impl Case {
    fn challenge(mut self, challenge: &str) -> Self {
        self.challenge = Some(format!("Bearer {challenge}resource_metadata=\"{METADATA}\""));
        self
    }

    /// A challenge of each scheme.
    fn either_scheme(self, parameters: &str) -> Self {
        let dpop = format!("resource_metadata=\"{METADATA}\", DPoP {parameters}algs=\"ES256 EdDSA\", ");
        self.challenge(&format!("{parameters}{dpop}"))
    }

    fn error(self, description: &str) -> Self {
        let text = format!("error=\"{}\", error_description=\"{description}\", ", self.error);
        self.challenge(&text)
    }
}

fn cases(down: &str) -> Vec<Case> {
    vec![
        Case {
            challenge: Some(
                "Bearer realm=\"hopgate\", error=\"invalid_request\", \
                 error_description=\"The path is not in canonical form\""
                    .to_owned(),
            ),
            ..case("1 request", "/invoices;x", alice(), (400, "invalid_request", "path_ambiguous"))
        },
        case("2 route", "/nowhere", alice(), (403, "access_denied", "route_unknown")),
        Case { token: None, ..case("3 credential", "/open", alice(), (401, "unauthorized", "credential_missing")) }
            .either_scheme(""),
        Case { token: None, ..case("3 and scope", "/invoices", alice(), (401, "unauthorized", "credential_missing")) }
            .either_scheme("scope=\"invoices:read\", "),
        case("4 token", "/open", with("exp", json!(1)), (401, "invalid_token", "token_expired"))
            .error("The access token expired"),
        case("4 shape", "/open", with("sub", json!(1)), (401, "invalid_token", "claim_malformed"))
            .error("The access token is malformed"),
        case("4 keys", "/open", with("iss", json!(down)), (503, "temporarily_unavailable", "keys_unavailable")),
        case("5 audience", "/open", with("aud", json!("x")), (401, "invalid_token", "audience_mismatch"))
            .error("The access token is not for this service"),
        case("6 revoked", "/open", with("jti", json!("revoked")), (401, "invalid_token", "revoked"))
            .error("The access token was revoked"),
        case("7 act", "/open", with("act", Value::Null), (401, "invalid_token", "act_malformed"))
            .error("The act claim is malformed"),
        case("7 actor", "/open", of("alice").actors(["x"]), (403, "actor_unauthorized", "actor_not_allowed"))
            .error("The actor is not allowed"),
        case("8 caller", "/bound", alice(), (401, "invalid_token", "peer_unknown"))
            .error("The access token is bound to another caller"),
        case("9 sender", "/open", with("cnf", json!({})), (401, "invalid_token", "binding_unsupported"))
            .error("The access token is bound to a key that was not proven"),
        Case {
            challenge: Some(format!(
                "Bearer error=\"invalid_token\", error_description=\"The access token is bound to a key that was not \
                 proven\", resource_metadata=\"{METADATA}\", DPoP algs=\"ES256 EdDSA\", resource_metadata=\"{METADATA}\""
            )),
            ..case(
                "9 bound",
                "/open",
                with("cnf", json!({ "jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I" })),
                (401, "invalid_token", "bound_token_as_bearer"),
            )
        },
        case("10 scopes", "/invoices", alice().scope("x"), (403, "insufficient_scope", "scope_missing")).challenge(
            "error=\"insufficient_scope\", error_description=\"The request needs more scopes than the access token \
             has\", scope=\"invoices:read\", ",
        ),
        case("11 step-up", "/direct", of("alice"), (401, "insufficient_user_authentication", "acr_insufficient"))
            .challenge(
                "error=\"insufficient_user_authentication\", error_description=\"A different authentication level is \
                 required\", acr_values=\"urn:example:mfa\", max_age=\"300\", ",
            ),
        Case {
            method: "POST",
            ..case(
                "14 replay",
                "/invoices/7/refund",
                with("jti", json!("used")),
                (401, "invalid_token", "token_replayed"),
            )
        }
        .error("The access token was used before"),
    ]
}

async fn every_refusal(raw: bool) {
    let down = format!("http://{}", ports::free().expect("a port"));
    let plan = Plan::new().edit(|config| {
        let issuers = config["issuers"].as_array_mut().unwrap();
        issuers.push(json!({ "issuer": down, "jwks": { "uri": format!("{down}/jwks") } }));
        let direct = config["services"][0]["routes"].as_array_mut().unwrap();
        let direct = direct.iter_mut().find(|route| route["name"] == "direct").unwrap();
        direct["step_up"] = json!({ "acr_values": ["urn:example:mfa"], "max_age": "5m" });
        config["revocations"] = json!({ "file": "revoked.yaml" });
        for agent in config["agents"].as_array_mut().unwrap() {
            agent["issuer"] = json!(ISSUER);
        }
    });
    std::fs::write(plan.dir.root().join("revoked.yaml"), "revoked: [{ jti: revoked }]").unwrap();
    let mut mesh = Mesh::start(plan, raw).await;
    mesh.gate.until_ready().await;
    let used = mesh.gate.mint(&with("jti", json!("used")));
    let bearer = format!("Bearer {used}");
    let first = mesh.request("POST", "/invoices/7/refund", &[("authorization", bearer.as_bytes())]);
    assert_eq!(first.status, 200);
    for case in cases(&down) {
        let bearer = case.token.map(|token| format!("Bearer {}", mesh.gate.mint(&token)));
        let headers: Vec<_> = bearer.iter().map(|value| ("authorization", value.as_bytes())).collect();
        let response = mesh.request(case.method, case.path, &headers);
        let name = format!("{} (raw: {raw}): {response:?}", case.name);
        assert_eq!(response.status, case.status, "{name}");
        assert_eq!(response.challenge(), case.challenge, "{name}");
        assert_eq!(response.header("content-type"), Some("application/json"), "{name}");
        assert_eq!(response.header("cache-control"), Some("no-store"), "{name}");
        assert_eq!(response.header("retry-after").is_some(), case.status == 503, "{name}");
        let body = response.json();
        let id = body["decision_id"].as_str().expect("an id").to_owned();
        assert_eq!(body["error"], case.error, "{name}");
        assert!(body["error_description"].as_str().is_some_and(|text| !text.is_empty()), "{name}");
        assert_eq!(body.as_object().unwrap().len(), 3, "details stay in the decision record: {name}");
        assert_eq!(response.header("x-hopgate-decision-id"), Some(id.as_str()), "{name}");

        let record = mesh.gate.record_where(|record| record["decision_id"] == *id);
        assert_eq!((&record["decision"], &record["reason"]), (&json!("deny"), &json!(case.reason)), "{name}");
        assert_eq!(record["path"], case.path);
        let access = mesh.access(&id);
        assert_eq!(access["authz"]["reason"], case.reason, "{access}");
        assert_eq!(access["authz"]["decision"], "deny", "{access}");
        assert_eq!(access["status"], case.status, "{access}");
        assert_eq!(record["request_id"], access["request_id"], "Envoy's own request id: {access}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_reaches_the_caller_with_raw_headers() {
    every_refusal(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_reaches_the_caller_with_joined_headers() {
    every_refusal(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn envoys_access_log_prints_the_decision_of_an_allow() {
    let mut mesh = Mesh::start(Plan::new(), true).await;
    let token = mesh.gate.mint(&of("alice").actors(["planner", "researcher"]));
    let response = mesh.get("/invoices/7?x=1", &token);
    assert_eq!(response.status, 200, "{response:?}");
    let record = mesh.gate.record_where(|record| record["decision"] == "allow");
    let id = record["decision_id"].as_str().unwrap();
    let authz = mesh.access(id)["authz"].clone();
    let mut expected = json!({
        "decision": "allow", "decision_id": id, "service": "invoices", "route": "one", "subject": "alice",
        "client_id": "planner", "actor": "planner", "delegation_depth": 2,
    });
    // Envoy's filter adds how long it took.
    expected["ext_authz_duration"] = authz["ext_authz_duration"].clone();
    assert_eq!(authz, expected);
    assert_eq!(response.json()["headers"]["x-hopgate-decision-id"], json!([id]));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_credentials_are_refused_however_envoy_sends_them() {
    for raw in [true, false] {
        let mut mesh = Mesh::start(Plan::new(), raw).await;
        let token = mesh.gate.token();
        let bearer = format!("Bearer {token}");
        let joined = format!("{bearer},{bearer}");
        let one = ("authorization", bearer.as_bytes());
        for (headers, reason) in [
            (&[one, one][..], "header_repeated"),
            (&[one, ("Authorization", b"Bearer x")], "header_repeated"),
            (&[one, ("AUTHORIZATION", b"Basic x")], "header_repeated"),
            (&[("authorization", joined.as_bytes())], "header_repeated"),
            (&[one, ("dpop", b"a"), ("DPoP", b"b")], "header_repeated"),
            (&[("authorization", b"Bearer \xff\xfe")], "credential_malformed"),
        ] {
            let response = mesh.request("GET", "/open", headers);
            assert_eq!(response.status, 400, "raw: {raw}, {reason}: {response:?}");
            let id = response.json()["decision_id"].clone();
            let record = mesh.gate.record_where(|record| record["decision_id"] == id);
            assert_eq!(record["reason"], reason, "raw: {raw}");
        }
        let response = mesh.request("GET", "/open?access_token=x", &[one]);
        assert_eq!(response.json()["error"], "invalid_request");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_straight_from_the_socket_is_the_one_envoy_gives() {
    let mesh = Mesh::start(Plan::new(), true).await;
    let direct: Answer = mesh.gate.ask(&crate::support::Call::get("/open")).await;
    let through = mesh.request("GET", "/open", &[]);
    assert_eq!(i32::from(through.status), direct.status);
    assert_eq!(through.challenge().as_deref(), direct.header("www-authenticate"));
}
