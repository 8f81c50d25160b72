//! Risk classes, and what each route asks for in the end.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::enforcement::is_observed;
use super::faults::Faults;
use super::span::Span;
use super::written;
use crate::authz::{Check, StepUp};

/// The classes that are always there.
const BUILT_IN: [&str; 3] = ["read", "write", "destructive"];

/// What a route asks of a token beyond its scopes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Demands {
    pub(super) sender_constrained: bool,
    pub(super) single_use: bool,
    pub(super) max_token_age: Option<Duration>,
    pub(super) step_up: Option<StepUp>,
}

/// The classes of a configuration, as written.
pub(super) struct Classes<'a> {
    written: &'a BTreeMap<String, written::Demands>,
    /// Approvals refuse, and are not only observed.
    approvals_enforced: bool,
}

impl<'a> Classes<'a> {
    pub(super) fn new(config: &'a written::Config, faults: &mut Faults, warnings: &mut Faults) -> Self {
        for (name, demands) in &config.risk {
            check(demands, &format!("risk.{name}"), faults);
        }
        for (milder, graver) in BUILT_IN.into_iter().zip(BUILT_IN.into_iter().skip(1)) {
            let class = |name| built(&[config.risk.get(name).cloned().unwrap_or_default()], false);
            if config.risk.contains_key(graver) && asks_for_less(&class(graver), &class(milder)) {
                warnings.add(format_args!("risk.{graver}"), format_args!("asks for less than `{milder}`"));
            }
        }
        Self { written: &config.risk, approvals_enforced: !is_observed(config, Check::Approval) }
    }

    /// What is asked for: by what stands `behind` a route, else by its class; then by the route, then by
    /// the route's class, unless another took its place.
    pub(super) fn of(
        &self,
        route: &written::Rule,
        behind: Option<&written::Rule>,
        approved: bool,
        path: &str,
        faults: &mut Faults,
        warnings: &mut Faults,
    ) -> Demands {
        let own = behind.unwrap_or(route);
        let approved = approved && self.approvals_enforced;
        check(&own.demands(), path, faults);
        let of_own = self.class(own.risk.as_deref(), path, faults);
        let risk = own.risk.as_deref().or(route.risk.as_deref());
        let class = if own.risk.is_some() { of_own } else { self.class(risk, path, &mut Faults::default()) };
        let layers = match (behind, &own.risk) {
            // Its own class takes the place of the route's; what the route itself says stays asked for.
            (Some(_), Some(_)) => vec![own.demands(), stricter(&class, &route.demands(), path, faults)],
            (_, _) => vec![own.demands(), route.demands(), class.clone()],
        };
        let built = built(&layers, approved);
        let of_class = self::built(&[class], false);
        if let (Some(risk), true) = (risk, asks_for_less(&built, &of_class)) {
            warnings.add(path, format_args!("asks for less than its class `{risk}`"));
        }
        if approved && !built.single_use {
            warnings.add(path, "is approved for as often as the token is used: `single_use` is false");
        }
        if risk == Some("destructive") && built.step_up.is_none() && !built.single_use {
            warnings.add(
                path,
                "is destructive and asks neither for `step_up` nor for `single_use`: whoever can read may destroy, again and again",
            );
        }
        built
    }

    fn class(&self, name: Option<&str>, path: &str, faults: &mut Faults) -> written::Demands {
        let Some(name) = name else { return written::Demands::default() };
        let class = self.written.get(name).cloned();
        if class.is_none() && !BUILT_IN.contains(&name) {
            let known: BTreeSet<_> = BUILT_IN.into_iter().chain(self.written.keys().map(String::as_str)).collect();
            let known = known.into_iter().collect::<Vec<_>>().join(", ");
            faults
                .add(format_args!("{path}.risk"), format_args!("found `{name}`, expected a class of `risk`: {known}"));
        }
        class.unwrap_or_default()
    }
}

/// The first of `layers` that says something. An approval is of one action, so it is used once, unless
/// one of them says otherwise.
fn built(layers: &[written::Demands], approved: bool) -> Demands {
    let sender = layers.iter().find_map(|layer| layer.sender_constrained);
    let step_up = layers.iter().find_map(|layer| layer.step_up.as_ref());
    let single_use = layers.iter().find_map(|layer| layer.single_use);
    Demands {
        sender_constrained: sender == Some(written::SenderConstrained::Required),
        single_use: single_use.unwrap_or(approved),
        max_token_age: layers.iter().find_map(|layer| layer.max_token_age).map(|span| span.0),
        step_up: step_up.map(|step_up| StepUp {
            acr_values: step_up.acr_values.iter().flatten().map(|acr| acr.as_str().into()).collect(),
            max_age: step_up.max_age.map(|span| span.0),
        }),
    }
}

/// What satisfies both.
fn stricter(one: &written::Demands, other: &written::Demands, path: &str, faults: &mut Faults) -> written::Demands {
    let required = Some(written::SenderConstrained::Required);
    let constrained = one.sender_constrained == required || other.sender_constrained == required;
    let single = one.single_use == Some(true) || other.single_use == Some(true);
    written::Demands {
        sender_constrained: if constrained { required } else { one.sender_constrained.or(other.sender_constrained) },
        single_use: if single { Some(true) } else { one.single_use.or(other.single_use) },
        max_token_age: shorter(one.max_token_age, other.max_token_age),
        step_up: match (&one.step_up, &other.step_up) {
            (Some(one), Some(other)) => Some(both(one, other, path, faults)),
            (one, other) => one.as_ref().or(other.as_ref()).cloned(),
        },
    }
}

fn shorter(one: Option<Span>, other: Option<Span>) -> Option<Span> {
    match (one, other) {
        (Some(one), Some(other)) => Some(if one.0 <= other.0 { one } else { other }),
        (one, other) => one.or(other),
    }
}

fn both(one: &written::StepUp, other: &written::StepUp, path: &str, faults: &mut Faults) -> written::StepUp {
    let acr_values = match (&one.acr_values, &other.acr_values) {
        (Some(one), Some(other)) => {
            let common: Vec<_> = one.iter().filter(|acr| other.contains(acr)).cloned().collect();
            if common.is_empty() {
                faults.add(
                    format_args!("{path}.step_up"),
                    "no `acr` satisfies both its class and its route: say which here",
                );
            }
            Some(common)
        }
        (one, other) => one.as_ref().or(other.as_ref()).cloned(),
    };
    written::StepUp { acr_values, max_age: shorter(one.max_age, other.max_age) }
}

fn asks_for_less(route: &Demands, class: &Demands) -> bool {
    (class.sender_constrained && !route.sender_constrained)
        || (class.single_use && !route.single_use)
        || longer(route.max_token_age, class.max_token_age)
        || class.step_up.as_ref().is_some_and(|class| route.step_up.as_ref().is_none_or(|own| steps_less(own, class)))
}

fn longer(route: Option<Duration>, class: Option<Duration>) -> bool {
    class.is_some_and(|most| route.is_none_or(|span| span > most))
}

/// Whether something passes `own` that would not pass `class`.
fn steps_less(own: &StepUp, class: &StepUp) -> bool {
    let other = own.acr_values.iter().any(|acr| !class.acr_values.contains(acr));
    let levels = !class.acr_values.is_empty() && (own.acr_values.is_empty() || other);
    levels || longer(own.max_age, class.max_age)
}

fn check(demands: &written::Demands, path: &str, faults: &mut Faults) {
    if demands.max_token_age.is_some_and(|span| span.0 < Duration::from_secs(1)) {
        faults.add(format_args!("{path}.max_token_age"), "must be at least 1s");
    }
    let Some(step_up) = &demands.step_up else { return };
    let values = step_up.acr_values.as_deref();
    if values.is_none() && step_up.max_age.is_none() {
        faults.add(format_args!("{path}.step_up"), "expected `acr_values`, `max_age` or both");
    }
    if values.is_some_and(<[_]>::is_empty) {
        faults.add(format_args!("{path}.step_up.acr_values"), "must not be empty");
    }
    // RFC 9470 section 3 sends them in one quoted string, separated by spaces.
    for (at, acr) in values.unwrap_or_default().iter().enumerate() {
        if acr.is_empty() || !acr.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\') {
            faults.add(
                format_args!("{path}.step_up.acr_values[{at}]"),
                format_args!("found `{acr}`, expected a name without spaces, quotes or backslashes"),
            );
        }
    }
    if step_up.max_age.is_some_and(|span| span.0.subsec_nanos() != 0) {
        faults.add(format_args!("{path}.step_up.max_age"), "expected whole seconds");
    }
}
