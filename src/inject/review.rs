//! Any body → an answer.
//!
//! The API server takes everything but a well-formed review with its own uid for a failed call, and then does what the
//! webhook's `failurePolicy` says. So a refusal is a review that does not allow, whatever that policy is; only a body
//! without a uid, which no API server sends, is answered 400. Nothing is answered with an allowance by default.

use std::panic::{AssertUnwindSafe, catch_unwind};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use kube::core::DynamicObject;
use kube::core::admission::{
    AdmissionRequest, AdmissionResponse, AdmissionReview, META_API_VERSION_V1, META_KIND, Operation,
};
use serde_json::{Value, json};

use super::{ChosenBy, Injection, Refusal, Settings, inject, is_chosen};

/// Longest text of a request that comes back or is logged, bytes.
const SHOWN: usize = 256;

/// What is asked, by the path of the webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question {
    pub pass: Pass,
    pub chosen_by: ChosenBy,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// What is to be added to the pod?
    Mutate,
    /// Is the pod whole, after every webhook had its turn?
    Validate,
}

impl Pass {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Mutate => "mutate",
            Self::Validate => "validate",
        }
    }
}

/// An answer, and what is logged of it.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    /// An `AdmissionReview`.
    pub body: Vec<u8>,
    pub outcome: Outcome,
    pub reason: String,
    pub about: About,
}

/// The pod that was asked about, as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    pub uid: String,
    pub namespace: String,
    /// Its name, or its `generateName`.
    pub pod: String,
    pub dry_run: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Injected,
    /// It has everything already.
    Whole,
    /// It is none of our business.
    LeftAlone,
    Refused,
    Unreadable,
}

impl Outcome {
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Injected => "injected",
            Self::Whole => "whole",
            Self::LeftAlone => "left_alone",
            Self::Refused => "refused",
            Self::Unreadable => "unreadable",
        }
    }
}

/// Answers `body`.
#[must_use]
pub fn answer(body: &[u8], question: Question, settings: &Settings) -> Answer {
    let mut review: Value = match serde_json::from_slice(body) {
        Ok(review) => review,
        Err(error) => return unreadable(StatusCode::BAD_REQUEST, &format!("the body is not JSON: {error}")),
    };
    let uid = review.pointer("/request/uid").and_then(Value::as_str).unwrap_or_default();
    if uid.is_empty() || uid.len() > SHOWN {
        return unreadable(StatusCode::BAD_REQUEST, "the body is no AdmissionReview with a request and its uid");
    }
    let uid = uid.to_owned();
    // It is looked at as it is: through types, what they do not know would be lost, and what they do not expect refused.
    let pod = review.pointer_mut("/request/object").map(Value::take).unwrap_or_default();
    if let Some(old) = review.pointer_mut("/request/oldObject") {
        old.take();
    }
    let about = about(&uid, &review, &pod);
    let decided = catch_unwind(AssertUnwindSafe(|| decide(review, &pod, question, settings)));
    let decided = decided.unwrap_or_else(|_| {
        Err((Outcome::Refused, StatusCode::INTERNAL_SERVER_ERROR, "hopgate failed to look at the pod".to_owned()))
    });
    let response = response_to(&uid);
    let (response, outcome, reason) = match decided {
        Ok(Decided { outcome, reason, injection }) => match allow(response.clone(), injection) {
            Ok(response) => (response, outcome, reason),
            Err(error) => (refuse(response, StatusCode::INTERNAL_SERVER_ERROR, &error), Outcome::Refused, error),
        },
        Err((outcome, code, reason)) => (refuse(response, code, &reason), outcome, reason),
    };
    Answer { status: StatusCode::OK, body: bytes(response), outcome, reason, about }
}

/// The answer to what has no uid, or never got here whole.
#[must_use]
pub(super) fn unreadable(status: StatusCode, why: &str) -> Answer {
    let response = refuse(response_to(""), status, why);
    let body = bytes(response);
    Answer { status, body, outcome: Outcome::Unreadable, reason: why.to_owned(), about: About::default() }
}

struct Decided {
    outcome: Outcome,
    reason: String,
    injection: Injection,
}

type Refused = (Outcome, StatusCode, String);

fn decide(review: Value, pod: &Value, question: Question, settings: &Settings) -> Result<Decided, Refused> {
    let unreadable = |why: String| (Outcome::Unreadable, StatusCode::BAD_REQUEST, why);
    let review: AdmissionReview<DynamicObject> = serde_json::from_value(review)
        .map_err(|error| unreadable(format!("the body is no AdmissionReview: {error}")))?;
    if review.types.kind != META_KIND || review.types.api_version != META_API_VERSION_V1 {
        return Err(unreadable(format!("the body is not {META_KIND} of {META_API_VERSION_V1}")));
    }
    let request: AdmissionRequest<DynamicObject> =
        review.try_into().map_err(|error| unreadable(format!("the body has no request: {error}")))?;
    if let Some(what) = not_a_new_pod(&request) {
        let reason = format!("not the creation of a pod, but {what}");
        return Ok(Decided { outcome: Outcome::LeftAlone, reason, injection: Injection::default() });
    }
    if request.resource.version != "v1" || pod.get("kind").is_some_and(|kind| kind != "Pod") || !pod.is_object() {
        return Err(unreadable("request.object is not a Pod of v1".to_owned()));
    }
    let refused = |refusal: Refusal| (Outcome::Refused, StatusCode::FORBIDDEN, refusal.to_string());
    if !is_chosen(pod, question.chosen_by).map_err(refused)? {
        let reason = "not labelled".to_owned();
        return Ok(Decided { outcome: Outcome::LeftAlone, reason, injection: Injection::default() });
    }
    let refused = |refusal: Refusal| {
        let (outcome, code, mut reason) = refused(refusal);
        if question.chosen_by == ChosenBy::Namespace {
            reason.push_str(
                " (the namespace asks for hopgate; label the pod `hopgate.dev/inject: \"false\"` to leave it out)",
            );
        }
        (outcome, code, reason)
    };
    let injection = inject(pod, settings).map_err(refused)?;
    match question.pass {
        Pass::Mutate if injection.patch.is_empty() => {
            Ok(Decided { outcome: Outcome::Whole, reason: "nothing is missing".to_owned(), injection })
        }
        Pass::Mutate => {
            let added = injection.added.join(", ");
            let reason = injection.awaited.as_ref().map_or_else(
                || format!("added {added}"),
                |awaited| format!("added {added}; `{awaited}` has yet to come"),
            );
            Ok(Decided { outcome: Outcome::Injected, reason, injection })
        }
        Pass::Validate => whole(injection).map_err(refused),
    }
}

/// After the last webhook nothing may be missing any more: one that came later may have taken it away, the label may
/// have been added by one, and an Envoy that was waited for may never have come.
fn whole(injection: Injection) -> Result<Decided, Refusal> {
    if let Some(awaited) = injection.awaited {
        return Err(Refusal::new(format!(
            "container `{awaited}` was to be hopgate's Envoy and was added by nobody: see to it that Istio injects this \
             pod, or write annotation `{}: none`",
            super::names::ENVOY
        )));
    }
    if !injection.added.is_empty() {
        return Err(Refusal::new(format!(
            "the pod is to have hopgate and lacks {}: was `{}` asked, and did another webhook change the pod after it?",
            injection.added.join(", "),
            "/mutate"
        )));
    }
    // A patch is not this webhook's to give.
    let injection = Injection { warnings: injection.warnings, ..Injection::default() };
    Ok(Decided { outcome: Outcome::Whole, reason: "nothing is missing".to_owned(), injection })
}

/// What the request is about, where it is not a pod that is to be created.
fn not_a_new_pod(request: &AdmissionRequest<DynamicObject>) -> Option<String> {
    let resource = &request.resource;
    if !resource.group.is_empty() || resource.resource != "pods" {
        return Some(format!("of `{}`", clipped(&resource.resource)));
    }
    if let Some(sub) = request.sub_resource.as_deref().filter(|sub| !sub.is_empty()) {
        return Some(format!("a request to its `{}`", clipped(sub)));
    }
    match request.operation {
        Operation::Create => None,
        Operation::Update => Some("an update".to_owned()),
        Operation::Delete => Some("its end".to_owned()),
        Operation::Connect => Some("a connection".to_owned()),
    }
}

fn about(uid: &str, review: &Value, pod: &Value) -> About {
    fn text(value: Option<&Value>) -> Option<&str> {
        value.and_then(Value::as_str).filter(|text| !text.is_empty()).map(clipped)
    }
    let of_pod = |field: &str| text(pod.get("metadata").and_then(|metadata| metadata.get(field)));
    // The object has no namespace before it is created, the request has.
    let namespace = text(review.pointer("/request/namespace")).or(of_pod("namespace"));
    let pod = of_pod("name").or(text(review.pointer("/request/name"))).or(of_pod("generateName"));
    About {
        uid: uid.to_owned(),
        namespace: namespace.unwrap_or_default().to_owned(),
        pod: pod.unwrap_or_default().to_owned(),
        dry_run: review.pointer("/request/dryRun").and_then(Value::as_bool).unwrap_or_default(),
    }
}

fn clipped(text: &str) -> &str {
    let end = (0..=SHOWN).rev().find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or(0)).unwrap_or_default()
}

/// A refusal without words yet: what is not filled in allows nothing.
fn response_to(uid: &str) -> AdmissionResponse {
    let mut response = AdmissionResponse::invalid("");
    uid.clone_into(&mut response.uid);
    response
}

fn allow(mut response: AdmissionResponse, injection: Injection) -> Result<AdmissionResponse, String> {
    response.allowed = true;
    response.result = kube::core::Status::success();
    response.warnings = (!injection.warnings.is_empty()).then_some(injection.warnings);
    if injection.patch.is_empty() {
        return Ok(response);
    }
    response.with_patch(injection.patch).map_err(|error| error.to_string())
}

fn refuse(mut response: AdmissionResponse, code: StatusCode, why: &str) -> AdmissionResponse {
    let reason = match code {
        StatusCode::FORBIDDEN => "Forbidden",
        StatusCode::INTERNAL_SERVER_ERROR => "InternalError",
        _ => "BadRequest",
    };
    response.result = kube::core::Status::failure(&format!("hopgate: {why}"), reason).with_code(code.as_u16());
    response.allowed = false;
    response
}

fn bytes(response: AdmissionResponse) -> Vec<u8> {
    let patch = response.patch.as_ref().map(|patch| STANDARD.encode(patch));
    let mut review = serde_json::to_value(response.into_review()).unwrap_or_else(|_| json!({}));
    // The crate writes the bytes as a list of numbers; the API says base64.
    if let (Some(patch), Some(place)) = (patch, review.pointer_mut("/response/patch")) {
        *place = Value::from(patch);
    }
    review.to_string().into_bytes()
}
