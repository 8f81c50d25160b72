//! What the cases reach of a configuration.

use std::collections::BTreeMap;

use crate::config::Settings;
use crate::offline::Ruling;

/// A kind of thing that cases should reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A call was taken by it.
    Route,
    /// What a call asks for was found to be this: it had a good token.
    Rule,
    /// It decided a call: permitted it, forbade it, or failed.
    Policy,
}

impl Kind {
    pub const ALL: [Self; 3] = [Self::Route, Self::Rule, Self::Policy];

    /// Several of them.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Route => "routes",
            Self::Rule => "rules",
            Self::Policy => "policies",
        }
    }

    /// One of them.
    #[must_use]
    pub const fn one(self) -> &'static str {
        match self {
            Self::Route => "route",
            Self::Rule => "rule",
            Self::Policy => "policy",
        }
    }
}

/// How often each route, rule and policy was reached.
#[derive(Clone, Debug)]
pub struct Coverage(BTreeMap<(Kind, String), u64>);

impl Coverage {
    /// Of `settings`, nothing reached yet.
    #[must_use]
    pub fn of(settings: &Settings) -> Self {
        let mut all = BTreeMap::new();
        let mut add = |kind: Kind, name: String| all.insert((kind, name), 0);
        for service in settings.services.iter() {
            for route in service.routes.iter() {
                add(Kind::Route, format!("{}/{}", service.name, route.name));
                for rule in route.speaks.rules() {
                    add(Kind::Rule, rule.action.as_ref().to_owned());
                }
            }
        }
        for id in settings.policies.iter().flat_map(|policies| policies.ids()) {
            add(Kind::Policy, id);
        }
        Self(all)
    }

    pub(super) fn note(&mut self, ruling: &Ruling) {
        let findings = &ruling.findings;
        if let (Some(service), Some(route)) = (&findings.service, &findings.route) {
            self.reached(Kind::Route, format!("{}/{}", service.name, route.name));
        }
        if let Some(rule) = &findings.rule {
            self.reached(Kind::Rule, rule.action.as_ref().to_owned());
        }
        for policy in &findings.judgement.policies {
            self.reached(Kind::Policy, policy.as_ref().to_owned());
        }
    }

    /// How many of `kind` there are, and how many were reached.
    #[must_use]
    pub fn count(&self, kind: Kind) -> (usize, usize) {
        let of_kind = || self.0.iter().filter(|((of, _), _)| *of == kind);
        (of_kind().count(), of_kind().filter(|(_, times)| **times > 0).count())
    }

    /// What was never reached.
    pub fn missed(&self) -> impl Iterator<Item = (Kind, &str)> {
        self.0.iter().filter(|(_, times)| **times == 0).map(|((kind, name), _)| (*kind, name.as_str()))
    }

    /// Whole percents of all that there is, rounded down, so that 100 means all.
    #[must_use]
    pub fn percent(&self) -> usize {
        let reached = self.0.values().filter(|times| **times > 0).count();
        reached.saturating_mul(100).checked_div(self.0.len()).unwrap_or(100)
    }

    fn reached(&mut self, kind: Kind, name: String) {
        if let Some(times) = self.0.get_mut(&(kind, name)) {
            *times = times.saturating_add(1);
        }
    }
}
