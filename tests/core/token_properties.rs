//! Tokens that nobody issued.

use hopgate::authz::{Outcome, Reason, Verdict};
use proptest::prelude::*;

use crate::support::{KEY, ask, state, token};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// Whatever is sent as a token, without the issuer's key it is refused, and not by a panic.
    #[test]
    fn nothing_unsigned_is_allowed(text in "[ -~]{0,400}") {
        let state = state("{}", "");
        let allowed = !matches!(ask(&state, "GET", "/invoices", &text, None).outcome, Outcome::Refused(_));
        prop_assert!(!allowed);
    }

    /// One changed character anywhere in a good token spoils it.
    #[test]
    fn a_changed_token_is_refused(at in any::<prop::sample::Index>(), to in "[A-Za-z0-9_.-]") {
        let state = state("{}", "");
        let good = token().actors(["planner"]).sign(&KEY).unwrap();
        let at = at.index(good.len());
        let mut bad = good.clone();
        bad.replace_range(at..=at, &to);
        prop_assume!(bad != good);
        prop_assert!(matches!(ask(&state, "GET", "/invoices", &bad, None).outcome, Outcome::Refused(_)));
        prop_assert!(matches!(ask(&state, "GET", "/invoices", &good, None).outcome, Outcome::Permitted(_)));
    }

    /// Paths that match a rule's text only after somebody rewrites them are refused.
    #[test]
    fn only_the_path_itself_matches(path in "/[a-z./%0-9A-F;\\\\]{0,20}") {
        let state = state("{}", "");
        let good = token().actors(["planner"]).sign(&KEY).unwrap();
        let allowed = !matches!(ask(&state, "GET", &path, &good, None).outcome, Outcome::Refused(_));
        prop_assert_eq!(allowed, path == "/invoices");
    }
}

#[test]
fn a_remembered_token_is_still_checked_for_everything_but_its_signature() {
    let state = state("{}", "");
    let good = token().actors(["planner"]).sign(&KEY).unwrap();
    assert!(matches!(ask(&state, "GET", "/invoices", &good, None).outcome, Outcome::Permitted(_)));
    let other_route = ask(&state, "GET", "/other", &good, None).outcome;
    assert!(matches!(other_route, Outcome::Refused(Reason::RouteUnknown)), "{other_route:?}");
    let later = hopgate::authz::UnixTime::from_secs(crate::support::NOW + 3600);
    let authorization = format!("Bearer {good}");
    let request = hopgate::authz::Request {
        method: "GET",
        target: "/invoices",
        authorization: hopgate::authz::Field::Once(authorization.as_bytes()),
        ..hopgate::authz::Request::default()
    };
    let outcome = hopgate::authz::evaluate(&state.snapshot, &request, later).outcome;
    assert!(matches!(outcome, Outcome::Refused(Reason::TokenExpired)), "{outcome:?}");
}

#[test]
fn keys_that_changed_forget_what_they_verified() {
    let mut state = state("{}", "");
    let good = token().actors(["planner"]).sign(&KEY).unwrap();
    assert!(matches!(ask(&state, "GET", "/invoices", &good, None).outcome, Outcome::Permitted(_)));
    let issuer = state.snapshot.issuers.get(crate::support::ISSUER).unwrap();
    let without_keys = hopgate::authz::Issuer { keys: None, generation: u64::MAX, ..issuer.as_ref().clone() };
    state.snapshot.issuers.insert(crate::support::ISSUER.into(), std::sync::Arc::new(without_keys));
    let outcome = ask(&state, "GET", "/invoices", &good, None).outcome;
    assert!(matches!(outcome, Outcome::Refused(Reason::KeysUnavailable)), "{outcome:?}");
}

#[test]
fn checks_after_the_one_that_refuses_are_not_reached() {
    let state = state("{}", "");
    let evaluation = ask(&state, "GET", "/invoices", &token().actors(["stranger"]).sign(&KEY).unwrap(), None);
    let refused = evaluation.trail.iter().position(|(_, verdict)| matches!(verdict, Verdict::Refused(_))).unwrap();
    assert!(evaluation.trail.iter().skip(refused + 1).all(|(_, verdict)| verdict == Verdict::NotReached));
    assert!(evaluation.trail.iter().take(refused).all(|(_, verdict)| verdict == Verdict::Passed));
}

#[test]
fn an_escape_of_a_character_that_tells_routes_apart_is_refused() {
    let state = state("{}", "");
    let good = token().actors(["planner"]).sign(&KEY).unwrap();
    let refusal = |path: &str| match ask(&state, "GET", path, &good, None).outcome {
        Outcome::Refused(reason) => Some(reason),
        Outcome::Permitted(_) | Outcome::MustClaim(_) | Outcome::Described => None,
    };
    // `/things/{id}` and `/things/{id}:cancel` (another scope).
    assert_eq!(refusal("/things/7"), None);
    assert_eq!(refusal("/things/7:cancel"), Some(Reason::ScopeMissing));
    assert_eq!(refusal("/things/7%3Acancel"), Some(Reason::PathAmbiguous));
    assert_eq!(refusal("/things/alice%40example.com"), None, "no template holds an `@`");
    for path in ["/things/7%3Fx", "/things/7%23x", "/things/7%3Bx"] {
        assert_eq!(refusal(path), Some(Reason::PathAmbiguous), "{path}");
    }
}
