//! Which Envoy of a pod asks hopgate.

use super::pod::{Listed, Pod};
use super::{Refusal, names};

#[derive(Clone, Copy, Debug)]
pub(super) enum Envoy<'a> {
    /// One that is added.
    Ours,
    /// A container of the pod, which gets the socket mounted.
    Theirs(Listed<'a>),
    /// Istio's, which its webhook has yet to add. Then this webhook is asked again.
    Awaited,
    /// None that is any concern of ours.
    None,
}

impl<'a> Envoy<'a> {
    pub(super) fn of(pod: &Pod<'a>) -> Result<Self, Refusal> {
        let found = match pod.annotation(names::ENVOY)? {
            Some("none") => Self::None,
            Some(name) => Self::named(pod, name)?,
            None => match pod.container(names::ISTIO_PROXY) {
                Some(proxy) => Self::theirs(proxy)?,
                None if wants_istio(pod)? => Self::Awaited,
                None => Self::Ours,
            },
        };
        if !matches!(found, Self::Ours) && pod.container(names::HOPGATE_ENVOY).is_some() {
            return Err(Refusal::new(format!(
                "container `{ours}` is there although the pod has an Envoy of its own: write annotation `{key}` with the \
                 name of that one (of Istio: `{istio}`) in the pod's template, so that no other is added",
                ours = names::HOPGATE_ENVOY,
                key = names::ENVOY,
                istio = names::ISTIO_PROXY,
            )));
        }
        Ok(found)
    }

    fn named(pod: &Pod<'a>, name: &str) -> Result<Self, Refusal> {
        if name == names::HOPGATE || name == names::HOPGATE_ENVOY {
            return Err(Refusal::new(format!(
                "annotation `{}` is `{name}`, which hopgate adds by itself: leave the annotation out",
                names::ENVOY
            )));
        }
        match pod.container(name) {
            Some(container) => Self::theirs(container),
            // Istio's webhook may come after this one.
            None if name == names::ISTIO_PROXY => Ok(Self::Awaited),
            None => {
                let known: Vec<_> = pod.containers.iter().map(|container| format!("`{}`", container.name)).collect();
                Err(Refusal::new(format!(
                    "annotation `{}` is `{name}`, expected `none` or a container of the pod: {}",
                    names::ENVOY,
                    known.join(", ")
                )))
            }
        }
    }

    fn theirs(container: Listed<'a>) -> Result<Self, Refusal> {
        if container.stays() {
            return Ok(Self::Theirs(container));
        }
        Err(Refusal::new(format!(
            "container `{}` can't be the pod's Envoy: it ends before the others start",
            container.name
        )))
    }
}

fn wants_istio(pod: &Pod<'_>) -> Result<bool, Refusal> {
    // The label is Istio's newer way to say it, the annotation its older one.
    let said = pod.label(names::ISTIO_INJECT)?.or(pod.annotation(names::ISTIO_INJECT)?);
    Ok(said == Some("true"))
}
