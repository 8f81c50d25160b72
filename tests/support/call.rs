//! One question to hopgate, as Envoy asks it, and the answer.

use std::collections::{BTreeMap, HashMap};

use envoy_types::pb::envoy::config::core::v3::header_value_option::HeaderAppendAction;
use envoy_types::pb::envoy::config::core::v3::{HeaderMap, HeaderValue, HeaderValueOption};
use envoy_types::pb::envoy::service::auth::v3::attribute_context::{HttpRequest, Peer, Request};
use envoy_types::pb::envoy::service::auth::v3::check_response::HttpResponse;
use envoy_types::pb::envoy::service::auth::v3::{AttributeContext, CheckRequest, CheckResponse};
use envoy_types::pb::google::protobuf::value::Kind;
use serde_json::{Value, json};

#[derive(Clone, Debug, Default)]
pub(crate) struct Call {
    method: String,
    path: String,
    headers: Vec<(String, Vec<u8>)>,
    peer: String,
    certificate: String,
    service: Option<String>,
    /// As without `encode_raw_headers`: joined by commas, bytes that are no UTF-8 replaced.
    joined: bool,
}

impl Call {
    pub(crate) fn new(method: &str, path: &str) -> Self {
        Self { method: method.to_owned(), path: path.to_owned(), ..Self::default() }
    }

    pub(crate) fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    pub(crate) fn refund(token: &str) -> Self {
        Self::new("POST", "/invoices/7/refund").bearer(token)
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    pub(crate) fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    pub(crate) fn grpc(self) -> Self {
        self.header("content-type", "application/grpc")
    }

    pub(crate) fn peer(mut self, principal: &str) -> Self {
        principal.clone_into(&mut self.peer);
        self
    }

    /// The certificate of the mTLS peer, PEM, as `include_peer_certificate` has it.
    pub(crate) fn certificate(mut self, pem: &str) -> Self {
        self.certificate = percent_encoding::utf8_percent_encode(pem, percent_encoding::NON_ALPHANUMERIC).to_string();
        self
    }

    /// `token` under the DPoP scheme, with `proof`.
    pub(crate) fn dpop(self, token: &str, proof: &str) -> Self {
        self.header("authorization", format!("DPoP {token}")).header("dpop", proof)
    }

    pub(crate) fn service(mut self, name: &str) -> Self {
        self.service = Some(name.to_owned());
        self
    }

    pub(crate) fn joined(mut self) -> Self {
        self.joined = true;
        self
    }

    pub(crate) fn message(&self) -> CheckRequest {
        let mut http = HttpRequest { method: self.method.clone(), path: self.path.clone(), ..HttpRequest::default() };
        if self.joined {
            for (name, value) in &self.headers {
                let value = String::from_utf8_lossy(value).replace('\u{fffd}', "!");
                let known = http.headers.entry(name.clone()).or_default();
                *known = if known.is_empty() { value } else { format!("{known},{value}") };
            }
        } else {
            let headers = self.headers.iter().map(|(key, value)| HeaderValue {
                key: key.clone(),
                raw_value: value.clone(),
                ..HeaderValue::default()
            });
            http.header_map = Some(HeaderMap { headers: headers.collect() });
        }
        let service = self.service.iter().map(|name| ("service".to_owned(), name.clone()));
        CheckRequest {
            attributes: Some(AttributeContext {
                source: Some(Peer {
                    principal: self.peer.clone(),
                    certificate: self.certificate.clone(),
                    ..Peer::default()
                }),
                request: Some(Request { http: Some(http), ..Request::default() }),
                context_extensions: service.collect::<HashMap<_, _>>(),
                ..AttributeContext::default()
            }),
        }
    }
}

/// What hopgate answered. Making one checks what holds for every answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// 200 where allowed.
    pub(crate) status: i32,
    /// The code in `google.rpc.Status`.
    pub(crate) rpc: i32,
    /// The reason code; empty where allowed.
    pub(crate) reason: String,
    /// Set on the request where allowed, on the response where not.
    pub(crate) headers: BTreeMap<String, String>,
    /// Taken off the request.
    pub(crate) removed: Vec<String>,
    pub(crate) body: String,
    pub(crate) metadata: Value,
}

impl Answer {
    pub(crate) fn of(response: CheckResponse) -> Self {
        let status = response.status.expect("a status: without one Envoy allows");
        let metadata = response.dynamic_metadata.expect("metadata for Envoy's access log");
        let metadata: serde_json::Map<_, _> = metadata
            .fields
            .into_iter()
            .map(|(name, value)| match value.kind {
                Some(Kind::StringValue(text)) => (name, json!(text)),
                Some(Kind::NumberValue(number)) => (name, json!(number)),
                other => panic!("metadata {name} is {other:?}"),
            })
            .collect();
        let metadata = Value::Object(metadata);
        let answer = match response.http_response.expect("an HTTP part") {
            HttpResponse::OkResponse(ok) => Self {
                status: 200,
                rpc: status.code,
                reason: status.message,
                headers: headers(ok.headers),
                removed: ok.headers_to_remove,
                body: String::new(),
                metadata,
            },
            HttpResponse::DeniedResponse(denied) => Self {
                status: denied.status.expect("an HTTP status").code,
                rpc: status.code,
                reason: status.message,
                headers: headers(denied.headers),
                removed: Vec::new(),
                body: denied.body,
                metadata,
            },
            HttpResponse::ErrorResponse(_) => panic!("an error response is handed to failure_mode_allow"),
        };
        answer.check();
        answer
    }

    fn check(&self) {
        let decision = match (self.rpc, self.status) {
            (0, 200) => "allow",
            (0, _) => panic!("`status` 0 is an allow whatever else it holds: {self:?}"),
            (_, 200) => "answer",
            (_, _) => "deny",
        };
        assert_eq!(self.metadata["decision"], decision);
        assert_eq!(self.metadata["decision_id"], *self.decision_id());
        for name in &self.removed {
            assert!(!self.headers.contains_key(name), "Envoy removes `{name}` after it was set");
        }
        if decision != "deny" {
            return;
        }
        assert_eq!(self.metadata["reason"], *self.reason);
        assert_eq!(self.headers.get("cache-control").map(String::as_str), Some("no-store"));
        let challenge = self.headers.get("www-authenticate");
        // RFC 9110 section 15.5.2: a 401 "MUST send a WWW-Authenticate header field".
        assert!(self.status != 401 || challenge.is_some(), "{self:?}");
        assert_eq!(self.status == 503, self.headers.contains_key("retry-after"));
        if self.headers.get("content-type").is_some_and(|kind| kind == "application/json") {
            let body: Value = serde_json::from_str(&self.body).expect("a JSON body");
            let id = body.get("decision_id").or_else(|| body.pointer("/error/data/decision_id"));
            assert_eq!(id, Some(&json!(self.decision_id())), "{body}");
        }
    }

    pub(crate) fn allowed(&self) -> bool {
        self.rpc == 0
    }

    pub(crate) fn decision_id(&self) -> &str {
        self.headers.get("x-hopgate-decision-id").expect("a decision id")
    }

    /// `ok`, or HTTP status, `error` and reason code in one line, as the tables of the tests have it.
    pub(crate) fn verdict(&self) -> String {
        if self.allowed() {
            return "ok".to_owned();
        }
        let error = match serde_json::from_str::<Value>(&self.body) {
            Ok(body) => body["error"].as_str().expect("an error").to_owned(),
            Err(_) => self.body.split(':').next().unwrap_or_default().to_owned(),
        };
        format!("{} {error} {}", self.status, self.reason)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    pub(crate) fn challenge(&self) -> &str {
        self.header("www-authenticate").unwrap_or_default()
    }
}

fn headers(options: Vec<HeaderValueOption>) -> BTreeMap<String, String> {
    let mut headers = BTreeMap::new();
    for option in options {
        let header = option.header.expect("a header");
        assert!(header.value.bytes().all(|b| matches!(b, 0x20..=0x7e)), "{header:?}");
        if header.key == "www-authenticate" {
            // One line a scheme, read as one list (RFC 9110 section 5.3).
            let line = headers.entry(header.key).or_insert_with(String::new);
            let comma = if line.is_empty() { "" } else { ", " };
            *line = format!("{line}{comma}{}", header.value);
            continue;
        }
        // The zero value appends: a forged header would stay beside ours.
        assert_eq!(option.append_action, HeaderAppendAction::OverwriteIfExistsOrAdd as i32, "{header:?}");
        assert!(headers.insert(header.key.clone(), header.value).is_none(), "{} is set twice", header.key);
    }
    headers
}
