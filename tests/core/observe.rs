//! Checks that only say what they would refuse.

use hopgate::authz::{Check, Enforcement, Mode, Outcome, Reason};
use hopgate::dev::mint::TokenBuilder;

use crate::support::{ISSUER, KEY, NOW, ask, state, token};

#[test]
fn an_observed_check_records_and_lets_pass() {
    let state = state("{ max_depth: 1 }", "enforcement: { delegation: observe }");
    let deep = token().actors(["researcher", "planner"]).sign(&KEY).unwrap();
    let evaluation = ask(&state, "GET", "/invoices", &deep, None);
    assert!(matches!(evaluation.outcome, Outcome::Permitted(_)));
    assert_eq!(evaluation.trail.would_refuse().collect::<Vec<_>>(), [Reason::DepthExceeded]);
}

#[test]
fn every_observed_check_is_seen_not_only_the_first() {
    let all = "enforcement: { audience: observe, delegation: observe, caller: observe, scopes: observe }";
    let state = state("{ bind_caller: spiffe }", all);
    let wrong = TokenBuilder::new(ISSUER, "alice", "https://elsewhere.example")
        .client_id("app")
        .actors(["stranger"])
        .issued_at(u64::try_from(NOW).unwrap());
    let evaluation = ask(&state, "GET", "/invoices", &wrong.sign(&KEY).unwrap(), None);
    assert!(matches!(evaluation.outcome, Outcome::Permitted(_)));
    let would: Vec<_> = evaluation.trail.would_refuse().collect();
    assert_eq!(would, [Reason::AudienceMismatch, Reason::ActorNotAllowed, Reason::PeerUnknown, Reason::ScopeMissing]);
}

#[test]
fn an_unreadable_chain_is_nobody_even_where_delegation_is_observed() {
    let state = state("{}", "enforcement: { delegation: observe }");
    let refusal =
        |act| match ask(&state, "GET", "/invoices", &token().claim("act", act).sign(&KEY).unwrap(), None).outcome {
            Outcome::Refused(reason) => Some(reason),
            Outcome::Permitted(_) | Outcome::MustClaim(_) | Outcome::Described => None,
        };
    // Always refused: "an over-deep or malformed act is never read as not delegated".
    assert_eq!(refusal(serde_json::json!("x")), Some(Reason::ActMalformed));
    assert_eq!(refusal(serde_json::json!({"sub": "stranger"})), Some(Reason::ScopeAboveCeiling));
}

#[test]
fn all_stands_for_every_check_that_may_be_observed_and_is_not_named() {
    let mode = |enforcement: &str, check| state("{}", enforcement).snapshot.enforcement.mode(check);
    for check in Check::ALL {
        assert_eq!(mode("enforcement: { all: observe }", check) == Mode::Observe, check.can_observe(), "{check}");
        let named = check == Check::Revocation;
        let expected = if check.can_observe() && !named { Mode::Observe } else { Mode::Enforce };
        assert_eq!(mode("enforcement: { all: observe, revocation: enforce }", check), expected, "{check}");
        let expected = if named { Mode::Observe } else { Mode::Enforce };
        assert_eq!(mode("enforcement: { all: enforce, revocation: observe }", check), expected, "{check}");
    }
}

#[test]
fn checks_marked_always_can_not_be_observed() {
    for check in Check::ALL {
        let mode = Enforcement::default().observing(check).mode(check);
        assert_eq!(mode == Mode::Observe, check.can_observe(), "{check}");
    }
    let observable: Vec<_> = Check::ALL.into_iter().filter(|check| check.can_observe()).map(Check::name).collect();
    assert_eq!(
        observable,
        ["audience", "revocation", "delegation", "caller", "sender", "scopes", "step_up", "approval", "policy"]
    );
}
