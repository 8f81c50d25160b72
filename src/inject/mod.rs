//! Sidecar injection: a mutating admission webhook that gives labelled pods hopgate, and an Envoy that asks it.
//!
//! ```text
//! API server ── AdmissionReview ──▶ serve ─▶ review ─▶ inject(pod, settings) ──────▶ JSON Patch, or a refusal
//!                                   TLS      answers   a pure function: refusals,
//!                                            any body  parts, what is missing of them
//! ```
//!
//! Every part is either there and ours (nothing to do), missing (added), or there and not ours (refused). So a pod that
//! was injected is left alone, one that was half injected is completed, and what its annotations claim decides nothing.

mod body;
mod certificate;
mod containers;
mod envoy;
mod fit;
mod names;
mod own;
mod patch;
mod pod;
mod review;
mod serve;
mod settings;
mod volumes;
mod warnings;
mod wishes;

use json_patch::Patch;
use serde_json::Value;
use thiserror::Error;

pub use certificate::{CertificateError, CertificateFiles};
pub use names::ANNOTATIONS;
pub use review::{About, Answer, Outcome, Pass, Question, answer};
pub use serve::serve;
pub use settings::{Settings, load};

use self::pod::Pod;
use self::wishes::Wishes;

/// Why a pod can't be created: what was found, and what to write instead.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{0}")]
pub struct Refusal(String);

impl Refusal {
    fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

/// What makes a pod whole.
#[derive(Debug, Default)]
pub struct Injection {
    /// Empty if nothing is missing.
    pub patch: Patch,
    /// What the patch adds, in words; the note of our version is not counted.
    pub added: Vec<String>,
    /// A container that another webhook has yet to add, and that is then given the socket.
    pub awaited: Option<String>,
    /// What is allowed and likely a mistake.
    pub warnings: Vec<String>,
}

/// Who says that a pod is to be injected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChosenBy {
    /// Its own label `hopgate.dev/inject: "true"`.
    Pod,
    /// The label of its namespace, unless its own says `"false"`.
    Namespace,
}

/// Whether `pod` is to be injected.
///
/// # Errors
/// The label has another value, or the pod's metadata can't be read: it may mean either.
pub fn is_chosen(pod: &Value, by: ChosenBy) -> Result<bool, Refusal> {
    match pod::label(pod, names::INJECT)? {
        Some("true") => Ok(true),
        Some("false") => Ok(false),
        None => Ok(by == ChosenBy::Namespace),
        Some(other) => {
            Err(Refusal::new(format!("label `{}` is `{other}`, expected `\"true\"` or `\"false\"`", names::INJECT)))
        }
    }
}

/// What is to be added to `pod`, a Kubernetes Pod, so that hopgate protects it.
///
/// # Errors
/// The pod can't be injected, or is not to be started as it is.
pub fn inject(pod: &Value, settings: &Settings) -> Result<Injection, Refusal> {
    let pod = Pod::read(pod)?;
    fit::check(&pod)?;
    let wishes = Wishes::read(&pod, settings)?;
    fit::check_ports(&pod, &wishes)?;
    fit::check_mounts(&pod, &wishes)?;
    let mut injection = patch::missing(&pod, &wishes, settings)?;
    injection.warnings = warnings::of(&pod, &wishes);
    Ok(injection)
}
