//! What each check found, in words.

use super::ruling::Ruling;
use crate::audit::clean;
use crate::authz::{Check, Findings, Verdict};

/// A line for each check, under it what made it come out so, beyond its reason.
#[must_use]
pub fn verdicts(ruling: &Ruling) -> Vec<String> {
    let checks = ruling.trail.iter().filter(|(check, _)| *check != Check::Service);
    checks
        .flat_map(|(check, verdict)| {
            let details = details(check, verdict, &ruling.findings);
            let details = details.into_iter().map(|line| format!("            {}", clean(&line)));
            std::iter::once(format!("{check:<11} {}", words(verdict))).chain(details).collect::<Vec<_>>()
        })
        .collect()
}

/// What made `check` come out as it did, beyond its reason.
fn details(check: Check, verdict: Verdict, findings: &Findings) -> Vec<String> {
    match check {
        Check::Approval => {
            let wanted = findings.approval.as_ref().and_then(|wanted| serde_json::to_string(wanted).ok());
            wanted.into_iter().map(|wanted| format!("to be approved: {wanted}")).collect()
        }
        Check::Policy => {
            let judgement = &findings.judgement;
            let policies = judgement.policies.iter().map(|policy| format!("by {policy}"));
            policies.chain(judgement.failure.as_deref().map(str::to_owned)).collect()
        }
        Check::Scopes if matches!(verdict, Verdict::Refused(_) | Verdict::WouldRefuse(_)) => {
            let needed = findings.rule.as_ref().map_or(String::new(), |rule| rule.scopes.join(" "));
            let held = findings.token.claims().map_or(String::new(), |claims| claims.scopes.join(" "));
            let held = if held.is_empty() { "none" } else { &held };
            vec![format!("needs {needed}, holds {held}")]
        }
        Check::Request
        | Check::Route
        | Check::Credential
        | Check::Token
        | Check::Audience
        | Check::Revocation
        | Check::Delegation
        | Check::Caller
        | Check::Sender
        | Check::Scopes
        | Check::StepUp
        | Check::Replay
        | Check::Service => Vec::new(),
    }
}

fn words(verdict: Verdict) -> String {
    match verdict {
        Verdict::NotReached => "-".to_owned(),
        Verdict::NotAsked => "not asked for".to_owned(),
        Verdict::Passed => "pass".to_owned(),
        Verdict::WouldRefuse(reason) => format!("WOULD REFUSE {}: {}", reason.code(), reason.description()),
        Verdict::Refused(reason) => format!("REFUSE {}: {}", reason.code(), reason.description()),
    }
}
