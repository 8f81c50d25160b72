//! Plays a row and says what came of it in the words of [`Expected`].

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use hopgate::dev::proof::ProofBuilder;
use http::{HeaderMap, HeaderValue, Request, Response, Version, header};
use http_body_util::Full;
use serde_json::{Value, json};
use testbed::envoy::Identity;
use tokio::task::block_in_place;

use super::expected::{Expected, Sees, by_envoy, by_policy, described, plain, refusal, shown_path, tls, told};
use super::mint::Mint;
use super::row::{Caller, Credential, Door, Proof, Row, Token};
use crate::Fault;
use crate::client::{Answer, call};
use crate::decision::Decision;
use crate::mesh::{Hop, Mesh};
use crate::names::Workload;
use crate::report::Played;

const DECISION_ID: &str = "x-hopgate-decision-id";
/// The parameter of a challenge that says what is to be approved.
pub(crate) const REMEDIATION: &str = "authorization_remediation";

pub(crate) struct Player<'a> {
    pub(crate) mesh: &'a mut Mesh,
    pub(crate) mint: Mint,
    pub(crate) last_token: String,
    last_proof: String,
    /// Given by invoices for the next proof.
    nonce: Option<String>,
    /// The last refusal's, every scheme of it.
    pub(crate) challenge: String,
}

impl<'a> Player<'a> {
    pub(crate) fn new(mesh: &'a mut Mesh) -> Result<Self, Fault> {
        let (last_token, last_proof, challenge) = <(String, String, String)>::default();
        Ok(Self { mint: Mint::of(mesh)?, mesh, last_token, last_proof, nonce: None, challenge })
    }

    /// A row that can't be played differs; the others still are.
    pub(crate) async fn play(&mut self, group: &'static str, row: &Row) -> Played {
        let (seen, decision) = match self.try_row(row).await {
            Ok(seen) => seen,
            Err(fault) => (format!("fault: {fault}"), None),
        };
        Played { group, tried: row.tried.to_owned(), expected: row.expected.to_string(), seen, note: None, decision }
    }

    async fn try_row(&mut self, row: &Row) -> Result<(String, Option<Decision>), Fault> {
        let request = self.request(row)?;
        let identity = self.identity(row.caller);
        let address = match row.to {
            Door::InvoicesRaw => self.mesh.invoices.raw.ok_or("invoices has no raw listener")?,
            Door::Planner | Door::Researcher | Door::Invoices => self.hop(row.to).address,
        };
        let expect_alert = matches!(row.expected, Expected::Tls(_));
        match call(&self.mesh.folder, address, identity.as_ref(), request, expect_alert).await? {
            Answer::Tls(alert) => Ok((tls(&alert), None)),
            Answer::Http(response) => self.read(row, &response),
        }
    }

    fn request(&mut self, row: &Row) -> Result<Request<Full<Bytes>>, Fault> {
        let mut target = row.target.to_owned();
        let mut headers = HeaderMap::new();
        for (name, value) in &row.headers {
            headers.append(*name, HeaderValue::from_static(value));
        }
        let bearer = |token: &str| HeaderValue::from_str(&format!("Bearer {token}"));
        match &row.credential {
            Credential::None => {}
            Credential::Basic => {
                // RFC 7617 section 2, "Aladdin:open sesame".
                headers.append(header::AUTHORIZATION, HeaderValue::from_static("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="));
            }
            Credential::Bearer(token) => {
                headers.append(header::AUTHORIZATION, bearer(&self.token(token)?)?);
            }
            Credential::Twice(token) => {
                let value = bearer(&self.token(token)?)?;
                headers.append(header::AUTHORIZATION, value.clone());
                headers.append(header::AUTHORIZATION, value);
            }
            Credential::Query(token) => target = format!("{target}?access_token={}", self.token(token)?),
            Credential::QueryAndBearer(token) => {
                let token = self.token(token)?;
                headers.append(header::AUTHORIZATION, bearer(&token)?);
                target = format!("{target}?access_token={token}");
            }
            Credential::Dpop(token, proof) => {
                let token = self.token(token)?;
                headers.append(header::AUTHORIZATION, HeaderValue::from_str(&format!("DPoP {token}"))?);
                if let Some(proof) = self.proof(row, &token, *proof)? {
                    headers.append("dpop", HeaderValue::from_str(&proof)?);
                }
            }
        }
        let mut request = Request::builder().method(row.method);
        if row.grpc {
            request = request.version(Version::HTTP_2).uri(format!("https://demo.local{target}"));
            headers.append(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
            headers.append(header::TE, HeaderValue::from_static("trailers"));
        } else {
            request = request.uri(target);
            headers.append(header::HOST, HeaderValue::from_static("demo.local"));
        }
        if !row.body.is_empty() {
            headers.entry(header::CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
        }
        let mut request = request.body(Full::from(row.body.clone()))?;
        *request.headers_mut() = headers;
        Ok(request)
    }

    fn token(&mut self, token: &Token) -> Result<String, Fault> {
        match token {
            Token::Same => {}
            Token::Early => self.last_token.clone_from(&self.mint.early),
            Token::Signed(change) => self.last_token = self.mint.sign(&change(self.mint.token()))?,
            Token::KeyBound(change) => self.last_token = self.mint.sign(&change(self.mint.key_bound()))?,
            Token::CertificateBound(change) => {
                self.last_token = self.mint.sign(&change(self.mint.certificate_bound()))?;
            }
            Token::Refund(change) => self.last_token = self.mint.sign(&change(self.mint.refund()))?,
            Token::Forged(make) => self.last_token = make(&self.mint)?,
        }
        Ok(self.last_token.clone())
    }

    fn proof(&mut self, row: &Row, token: &str, proof: Proof) -> Result<Option<String>, Fault> {
        match proof {
            Proof::None => return Ok(None),
            Proof::Same => {}
            Proof::By(agent, change) => {
                let key = match agent {
                    Workload::Planner => &self.mint.planner.key,
                    Workload::Researcher => &self.mint.researcher.key,
                    Workload::Console | Workload::Invoices => return Err("no agent, so no key for proofs".into()),
                };
                let url = Workload::Invoices.audience() + row.path();
                let fresh = ProofBuilder::new(row.method, &url, token);
                let fresh = self.nonce.iter().fold(fresh, |proof, nonce| proof.nonce(nonce));
                self.last_proof = change(fresh).sign(key)?;
            }
        }
        Ok(Some(self.last_proof.clone()))
    }

    fn identity(&self, caller: Caller) -> Option<Identity> {
        match caller {
            Caller::As(workload) => Some(self.mesh.folder.identity(workload)),
            Caller::Replica => Some(self.mesh.folder.replica()),
            Caller::Stranger => Some(self.mesh.folder.stranger()),
            Caller::WithoutCertificate => None,
        }
    }

    pub(crate) fn hop(&mut self, door: Door) -> &mut Hop {
        match door {
            Door::Planner => &mut self.mesh.planner,
            Door::Researcher => &mut self.mesh.researcher,
            Door::Invoices | Door::InvoicesRaw => &mut self.mesh.invoices,
        }
    }

    /// The decision `id` that hopgate at `door` made.
    pub(crate) fn decision(&mut self, door: Door, id: &str) -> Result<Decision, Fault> {
        block_in_place(|| self.hop(door).sidecar.decision(id))
    }

    /// Whether this is the metadata of invoices (RFC 9728 section 2).
    fn describes(&self, document: &Value) -> bool {
        document.get("resource") == Some(&json!(Workload::Invoices.audience()))
            && document.get("authorization_servers") == Some(&json!([self.mesh.issuer.identifier()]))
    }

    /// A refusal names its decision to the caller; an allowed call's is named to the service, here the echo.
    fn read(&mut self, row: &Row, response: &Response<Bytes>) -> Result<(String, Option<Decision>), Fault> {
        let status = response.status().as_u16();
        let body: Value = serde_json::from_slice(response.body()).unwrap_or_default();
        let told = response.headers().get(DECISION_ID).and_then(|id| id.to_str().ok());
        // The agents repeat what they were told; the echo shows the headers themselves.
        let repeated = body.get("decision_id").and_then(Value::as_str);
        let id = told.or(header_of(&body, DECISION_ID).first().copied()).or(repeated);
        let Some(id) = id else { return Ok((by_envoy(status), None)) };
        let decision = self.decision(row.to, id)?;
        if let Some(nonce) = response.headers().get("dpop-nonce") {
            self.nonce = Some(nonce.to_str()?.to_owned());
        }
        let seen = match decision.text("reason") {
            None if decision.text("decision") == Some("answer") => described(self.describes(&body)),
            None => match &row.expected {
                Expected::Allowed(sees) => format!("{status} allowed{}", seen_behind(sees, &body)),
                _ => format!("{status} allowed"),
            },
            Some(reason) => {
                self.challenge = challenge(response.headers());
                let error = parameter(&self.challenge, "error");
                if let Some(code) = response.headers().get("grpc-status").and_then(|code| code.to_str().ok()) {
                    refusal(&format!("grpc-status {code}"), error, reason)
                } else {
                    let path = decision.text("path").filter(|path| *path != row.path());
                    refusal(&status.to_string(), error, reason)
                        + &path.map(shown_path).unwrap_or_default()
                        + &by_policies(&decision)
                        + &told_of(&row.expected, &self.challenge)
                        + &disagreement(&body, error, id)
                }
            }
        };
        Ok((seen, Some(decision)))
    }
}

/// The values of a header as the echo got them.
fn header_of<'a>(echo: &'a Value, name: &str) -> Vec<&'a str> {
    let values = echo.get("headers").and_then(|headers| headers.get(name)).and_then(Value::as_array);
    values.into_iter().flatten().filter_map(Value::as_str).collect()
}

fn seen_behind(sees: &[Sees], echo: &Value) -> String {
    let one = |seen: &Sees| match seen {
        Sees::Path(_) => format!(", path {}", echo.get("path").and_then(Value::as_str).unwrap_or("unknown")),
        Sees::Header(name, _) | Sees::No(name) => match header_of(echo, name).as_slice() {
            [] => format!(", no {name}"),
            values => format!(", {name}: {}", values.join(" and ")),
        },
    };
    sees.iter().map(one).collect()
}

/// The challenges of every scheme, each of which may have a header line of its own.
fn challenge(headers: &HeaderMap) -> String {
    let lines = headers.get_all(header::WWW_AUTHENTICATE).iter().filter_map(|line| line.to_str().ok());
    lines.collect::<Vec<_>>().join(", ")
}

/// A parameter of a challenge, the first of its name: every scheme says the same.
pub(crate) fn parameter<'a>(challenge: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = challenge.split_once(&format!("{name}=\""))?;
    rest.split_once('"').map(|(value, _)| value)
}

fn told_of(expected: &Expected, challenge: &str) -> String {
    let Expected::Refused { tells, .. } = expected else { return String::new() };
    let one = |name: &str| match parameter(challenge, name) {
        Some(text) if name == REMEDIATION => told(name, to_approve(text).map(|asked| plain(&asked)).as_deref()),
        value => told(name, value),
    };
    tells.iter().map(|(name, _)| one(name)).collect()
}

/// The entries of `authorization_details` that a challenge asks for, as JSON
/// (draft-ietf-oauth-rar-metadata-remediation: base64url of an object that holds them).
pub(crate) fn to_approve(remediation: &str) -> Option<Value> {
    let object: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(remediation).ok()?).ok()?;
    object.get("authorization_details").cloned()
}

/// The policies that refused a call.
fn by_policies(decision: &Decision) -> String {
    let refused = decision.text("check") == Some("policy");
    decision.list("policies").into_iter().filter(|_| refused).map(by_policy).collect()
}

/// What the body says otherwise than the headers.
fn disagreement(body: &Value, error: Option<&str>, id: &str) -> String {
    // An answer of JSON-RPC has the same inside.
    let body = body.pointer("/error/data").unwrap_or(body);
    let said = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
    match error {
        _ if said("decision_id") != id => " but the body names another decision".to_owned(),
        Some(error) if said("error") != error => format!(" but the body says `{}`", said("error")),
        Some(_) | None => String::new(),
    }
}
