//! Which records are wanted.

use std::time::SystemTime;

use super::record::{Decision, Record, Who};

/// Values of one kind are alternatives; where there are none, every record fits.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    pub services: Vec<String>,
    pub agents: Vec<String>,
    pub subjects: Vec<String>,
    pub decisions: Vec<Decision>,
    pub reasons: Vec<String>,
    pub checks: Vec<String>,
    pub tools: Vec<String>,
    pub routes: Vec<String>,
    pub peers: Vec<String>,
    pub ids: Vec<String>,
}

/// A record fits if all of it does.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    pub wanted: Wanted,
    /// From then on.
    pub since: Option<SystemTime>,
    /// Before then.
    pub until: Option<SystemTime>,
    /// Only what an observed check would have refused.
    pub would_deny: bool,
    /// Find agents and subjects in what unverified tokens claim, too.
    pub claimed: bool,
}

impl Filter {
    #[must_use]
    pub fn fits(&self, record: &Record) -> bool {
        let Self { wanted, since, until, would_deny, claimed } = self;
        since.is_none_or(|since| record.time >= since)
            && until.is_none_or(|until| record.time < until)
            && (!would_deny || !record.would_deny.is_empty())
            && (wanted.decisions.is_empty() || wanted.decisions.contains(&record.decision))
            && holds(&wanted.services, record.service.as_deref())
            && holds(&wanted.routes, record.route.as_deref())
            && holds(&wanted.checks, record.check.as_deref())
            && holds(&wanted.tools, record.operation_name.as_deref())
            && holds(&wanted.peers, record.peer.as_deref())
            && holds(&wanted.reasons, record.reason.iter().chain(&record.would_deny).map(String::as_str))
            && (wanted.ids.is_empty() || wanted.ids.iter().any(|id| !id.is_empty() && record.decision_id.ends_with(id)))
            && (wanted.agents.is_empty() && wanted.subjects.is_empty()
                || wanted.is_of(&record.known())
                || *claimed && record.claimed().is_some_and(|who| wanted.is_of(&who)))
    }
}

impl Wanted {
    fn is_of(&self, who: &Who<'_>) -> bool {
        (self.agents.is_empty() || self.agents.iter().any(|agent| who.has_agent(agent)))
            && holds(&self.subjects, who.subject)
    }
}

fn holds<'a>(wanted: &[String], found: impl IntoIterator<Item = &'a str>) -> bool {
    wanted.is_empty() || found.into_iter().any(|found| wanted.iter().any(|wanted| wanted == found))
}

/// The time that `text` names: RFC 3339 in UTC, or a span before `now` such as `1h 30m`.
///
/// # Errors
/// It is neither, or a span longer than there was time.
pub fn moment(text: &str, now: SystemTime) -> Result<SystemTime, String> {
    if let Ok(time) = humantime::parse_rfc3339_weak(text) {
        return Ok(time);
    }
    humantime::parse_duration(text)
        .ok()
        .and_then(|span| now.checked_sub(span))
        .ok_or_else(|| format!("found `{text}`, expected a time such as 2026-11-24T19:27:09Z or a span such as 1h"))
}
