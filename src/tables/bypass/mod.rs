//! The bypasses by which others were broken, tried on a configuration: each is a good call with one thing changed, and
//! must be refused for the right reason.
//!
//! `corpus.yaml` has them, in the words of tables. A good call for each rule comes from the tables that the operator
//! wrote, or is made up from the configuration.

mod derive;
mod good;
mod mutate;
mod need;

use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Map, Value};

use self::good::Good;
use self::need::Need;
use super::case::Case;
use super::run::{Bench, Failure, Outcome, Table, differing};
use crate::audit::Decided;
use crate::authz::{Check, Mode, Reason};
use crate::offline::Ruling;
use crate::replay::MemoryStore;

const CORPUS: &str = include_str!("corpus.yaml");

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Corpus {
    bypasses: Vec<Entry>,
}

/// One way past others.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    /// Where it worked, or what kind of hole it is.
    class: String,
    /// What the good call must have, or the rule ask for; without it the entry says nothing.
    #[serde(default)]
    needs: Vec<Need>,
    /// Laid over the good call's, as a case is over its table's defaults; what stands in `<…>` is the good call's.
    #[serde(default)]
    request: Map<String, Value>,
    #[serde(default)]
    token: Map<String, Value>,
    #[serde(default)]
    proof: Map<String, Value>,
    /// The good call itself, sent again.
    #[serde(default)]
    again: bool,
    /// The reasons, one of which must refuse it.
    refused: Vec<String>,
}

/// One bypass, tried on one rule.
#[derive(Debug)]
pub struct Tried {
    pub name: String,
    pub class: String,
    /// Such as `invoices/list`.
    pub rule: String,
    /// Where the good call is from.
    pub good: String,
    pub took: Duration,
    pub outcome: Outcome,
}

/// Tries every bypass on every rule.
///
/// # Errors
/// The corpus can't be read.
pub fn try_all(bench: &Bench<'_>, tables: &[Table]) -> Result<Vec<Tried>, String> {
    let corpus: Corpus = serde_saphyr::from_str(CORPUS).map_err(|error| error.to_string())?;
    let (goods, without) = good::find(bench, tables);
    let mut tried: Vec<_> = goods
        .iter()
        .flat_map(|good| corpus.bypasses.iter().map(move |entry| (good, entry)))
        .map(|(good, entry)| {
            let started = Instant::now();
            let outcome = entry.outcome(bench, good);
            Tried {
                name: entry.name.clone(),
                class: entry.class.clone(),
                rule: good.issuer(bench).map_or_else(
                    || good.rule.action.as_ref().to_owned(),
                    |issuer| good::named(bench, &good.rule, issuer),
                ),
                good: good.source.clone(),
                took: started.elapsed(),
                outcome,
            }
        })
        .collect();
    tried.extend(without.into_iter().map(|(rule, why)| Tried {
        name: "every bypass".to_owned(),
        class: String::new(),
        rule,
        good: String::new(),
        took: Duration::ZERO,
        outcome: Outcome::Skipped(why),
    }));
    tried.extend(only_observed(bench));
    Ok(tried)
}

/// What no changed call can show, since what is refused there is in files of the operator's.
fn only_observed(bench: &Bench<'_>) -> impl Iterator<Item = Tried> {
    let settings = bench.settings();
    let is_open = |check| settings.enforcement.mode(check) == Mode::Observe;
    let policies = settings.policies.is_some() && is_open(Check::Policy);
    let revocations = settings.revocations.is_some() && is_open(Check::Revocation);
    let files = [(policies, "a call that a policy forbids"), (revocations, "a token that is revoked")];
    files.into_iter().filter(|(open, _)| *open).map(|(_, name)| Tried {
        name: name.to_owned(),
        class: "a check that only observes".to_owned(),
        rule: "every rule".to_owned(),
        good: "any".to_owned(),
        took: Duration::ZERO,
        outcome: Outcome::Failed(Failure {
            decided: "allow".to_owned(),
            attempt: None,
            diff: "- enforcement: enforce\n+ enforcement: observe\n".to_owned(),
            verdicts: Vec::new(),
        }),
    })
}

impl Entry {
    /// The good call that it changes.
    fn base<'g>(&self, good: &'g Good) -> &'g Case {
        let needs = |need| self.needs.contains(&need);
        let other = match (needs(Need::Proof) || needs(Need::Nonce), needs(Need::Certificate)) {
            (true, _) => good.proven.as_ref(),
            (false, true) => good.certified.as_ref(),
            (false, false) => None,
        };
        other.unwrap_or(&good.case)
    }

    fn outcome(&self, bench: &Bench<'_>, good: &Good) -> Outcome {
        if let Some(need) = self.needs.iter().find(|need| !need.is_met(bench, good)) {
            return Outcome::Skipped(need.lack().to_owned());
        }
        let tried = mutate::mutated(self, bench, good).and_then(|case| {
            let call = bench.call(&case, &good.folder)?;
            let store = MemoryStore::new(16, None);
            if self.again {
                bench.decide(&call, &store, case.at)?;
            }
            bench.decide(&call, &store, case.at)
        });
        match tried {
            Ok(ruling) => self.failure(&ruling).map_or(Outcome::Passed, Outcome::Failed),
            Err(error) => Outcome::Broken(error),
        }
    }

    fn failure(&self, ruling: &Ruling) -> Option<Failure> {
        let right = |reason: &Reason| self.refused.iter().any(|code| code == reason.code());
        let found = match ruling.decided {
            Decided::Refused(reason) if right(&reason) => return None,
            Decided::Refused(reason) => format!("decision: deny\nreason: {}\n", reason.code()),
            Decided::Allowed => "decision: allow\n".to_owned(),
            Decided::Answered => "decision: answer\n".to_owned(),
        };
        let would: Vec<_> = ruling.trail.would_refuse().map(Reason::code).collect();
        let would = if would.is_empty() { String::new() } else { format!("would_deny: {}\n", would.join(", ")) };
        let wanted = format!("decision: deny\nreason: {}\n", self.refused.join(" or "));
        Some(differing(&wanted, &format!("{found}{would}"), ruling, self.again.then_some(2)))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;
    use std::time::SystemTime;

    use super::*;
    use crate::config;
    use crate::tables::written::{Proof, Request, Token};

    #[test]
    fn every_entry_has_a_name_a_class_and_reasons_that_exist() {
        let corpus: Corpus = serde_saphyr::from_str(CORPUS).unwrap();
        let mut names = BTreeSet::new();
        for entry in &corpus.bypasses {
            assert!(names.insert(entry.name.as_str()), "{} is there twice", entry.name);
            assert!(!entry.class.is_empty() && !entry.refused.is_empty(), "{}", entry.name);
            for code in &entry.refused {
                assert!(Reason::ALL.iter().any(|reason| reason.code() == code), "{}: `{code}`", entry.name);
            }
            let changes = entry.request.len() + entry.token.len() + entry.proof.len();
            assert_ne!(changes == 0, !entry.again, "{} changes nothing, or is no repetition", entry.name);
        }
        assert!(corpus.bypasses.len() > 100, "{}", corpus.bypasses.len());
    }

    #[test]
    fn a_refusal_for_another_reason_is_no_success() {
        let text = "
            listen: 127.0.0.1:9191
            issuers: [{ issuer: 'https://as.example' }]
            services: [{ name: a, audience: 'https://a.example', routes: [{ name: get, match: { method: GET, path: /get } }] }]
        ";
        let settings = config::load_text(text, Path::new("")).unwrap();
        let bench = Bench::new(&settings, SystemTime::now()).unwrap();
        let (goods, _) = good::find(&bench, &[]);
        let ends = |refused: &str| {
            let entry = format!("{{ name: n, class: c, token: {{ key: stranger }}, refused: [{refused}] }}");
            let entry: Entry = serde_saphyr::from_str(&entry).unwrap();
            entry.outcome(&bench, &goods[0])
        };
        assert!(matches!(ends("signature_invalid"), Outcome::Passed));
        let Outcome::Failed(failure) = ends("audience_mismatch") else { panic!("it passed") };
        assert_eq!(failure.diff, "  decision: deny\n- reason: audience_mismatch\n+ reason: signature_invalid\n");
    }

    #[test]
    fn every_entry_is_written_in_the_words_of_tables() {
        let corpus: Corpus = serde_saphyr::from_str(CORPUS).unwrap();
        for Entry { name, request, token, proof, .. } in corpus.bypasses {
            let value = |part| Value::Object(part);
            let read = serde_json::from_value::<Request>(value(request)).map(|_| ());
            let read = read.and_then(|()| serde_json::from_value::<Token>(value(token)).map(|_| ()));
            let read = read.and_then(|()| serde_json::from_value::<Proof>(value(proof)).map(|_| ()));
            assert!(read.is_ok(), "{name}: {read:?}");
        }
    }
}
