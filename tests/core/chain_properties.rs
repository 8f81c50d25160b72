//! Chains of actors against rules.

use hopgate::authz::{Outcome, Reason};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::support::{KEY, ask, refusal, state, token};

const OPEN: &str = "{ max_depth: 32, unrestricted_prior_actors: true }";

#[test]
fn delegation_rules_as_a_table() {
    type Row = (&'static str, &'static [&'static str], Option<Reason>);
    let rows: &[Row] = &[
        // Depth is inclusive; its default is 4.
        ("{ max_depth: 1 }", &["researcher"], None),
        ("{ max_depth: 1 }", &["researcher", "planner"], Some(Reason::DepthExceeded)),
        ("{ max_depth: 0 }", &[], None),
        ("{ max_depth: 0 }", &["researcher"], Some(Reason::DepthExceeded)),
        ("{}", &["researcher", "planner", "writer"], None),
        ("{ unrestricted_prior_actors: true }", &["researcher", "a", "b", "c", "d"], Some(Reason::DepthExceeded)),
        // Required.
        ("{ require_actor: true }", &[], Some(Reason::ActorRequired)),
        ("{ require_actor: true }", &["planner"], None),
        // Who lists actors or pairs means that nobody else calls.
        ("{ actors: [planner] }", &[], Some(Reason::ActorRequired)),
        ("{ pairs: [{ subject: alice, actor: planner }] }", &[], Some(Reason::ActorRequired)),
        ("{ actors: [planner], require_actor: false }", &[], None),
        // Current actor.
        ("{}", &["stranger"], Some(Reason::ActorNotAllowed)),
        ("{ actors: [planner] }", &["researcher"], Some(Reason::ActorNotAllowed)),
        ("{ actors: [] }", &["researcher"], Some(Reason::ActorNotAllowed)),
        // A forbidden current actor is not helped by an allowed prior one.
        ("{ actors: [planner] }", &["researcher", "planner"], Some(Reason::ActorNotAllowed)),
        ("{}", &["stranger", "planner"], Some(Reason::ActorNotAllowed)),
        // Prior actors: as `actors` unless said otherwise.
        ("{ actors: [researcher] }", &["researcher", "planner"], Some(Reason::PriorActorNotAllowed)),
        ("{ actors: [researcher], prior_actors: [planner] }", &["researcher", "planner"], None),
        ("{}", &["researcher", "stranger"], Some(Reason::PriorActorNotAllowed)),
        ("{ unrestricted_prior_actors: true }", &["researcher", "stranger"], None),
        // Cycles, and the service itself.
        ("{}", &["researcher", "planner", "researcher"], Some(Reason::ActorRepeated)),
        ("{ unrestricted_prior_actors: true }", &["researcher", "x", "x"], Some(Reason::ActorRepeated)),
        ("{}", &["researcher", "invoices"], Some(Reason::ServiceInChain)),
        ("{}", &["invoices"], Some(Reason::ServiceInChain)),
        // Pairs.
        ("{ pairs: [{ subject: alice, actor: planner }] }", &["planner"], None),
        ("{ pairs: [{ subject: bob, actor: planner }] }", &["planner"], Some(Reason::PairNotAllowed)),
        ("{ pairs: [{ subject: alice, actor: planner }] }", &["researcher", "planner"], Some(Reason::PairNotAllowed)),
        ("{ pairs: [{ subject: '*', actor: planner }] }", &["planner"], None),
        ("{ pairs: [] }", &["planner"], Some(Reason::PairNotAllowed)),
    ];
    for (rule, actors, expected) in rows {
        let found = refusal(&state(rule, ""), &token().actors(actors.iter().copied()));
        assert_eq!(found, *expected, "{rule} with {actors:?}");
    }
}

#[test]
fn a_malformed_act_is_never_the_same_as_none() {
    let state = state("{}", "");
    for act in [
        json!("planner"),
        json!(["planner"]),
        json!([]),
        json!(null),
        json!(1),
        json!(true),
        json!({}),
        json!({"sub": ""}),
        json!({"sub": 1}),
        json!({"sub": null}),
        json!({"sub": ["planner"]}),
        json!({"iss": "x"}),
        json!({"sub": "planner", "iss": 1}),
        json!({"sub": "planner", "iss": ""}),
        json!({"sub": "planner", "act": "x"}),
        json!({"sub": "planner", "act": null}),
        json!({"sub": "planner", "act": {}}),
        json!({"sub": "planner", "act": {"sub": "researcher", "act": []}}),
    ] {
        assert_eq!(refusal(&state, &token().claim("act", act.clone())), Some(Reason::ActMalformed), "{act}");
    }
}

#[test]
fn members_that_only_describe_an_actor_are_not_used() {
    let state = state("{}", "");
    let act = json!({"sub": "planner", "exp": 1, "nbf": 9_999_999_999_i64, "aud": "x", "cnf": {"jkt": "y"}, "scope": "admin"});
    assert_eq!(refusal(&state, &token().claim("act", act)), None);
    for (name, value) in
        [("may_act", json!({"sub": "planner"})), ("actor", json!("stranger")), ("azp", json!("stranger"))]
    {
        assert_eq!(refusal(&state, &token().claim(name, value)), None, "{name}");
    }
}

#[test]
fn the_same_name_under_another_issuer_is_another_actor() {
    let state = state("{}", "");
    let own = json!({"sub": "planner", "iss": crate::support::ISSUER});
    assert_eq!(refusal(&state, &token().claim("act", own)), None);
    for iss in ["https://other.example", "http://127.0.0.1:9000/"] {
        let act = json!({"sub": "planner", "iss": iss});
        assert_eq!(refusal(&state, &token().claim("act", act)), Some(Reason::ActorNotAllowed), "{iss}");
    }
}

#[test]
fn the_ceiling_of_every_agent_in_the_chain_holds() {
    let state = state("{}", "");
    let create = |token: &hopgate::dev::mint::TokenBuilder| match ask(
        &state,
        "POST",
        "/invoices",
        &token.sign(&KEY).unwrap(),
        None,
    )
    .outcome
    {
        Outcome::Refused(reason) => Some(reason),
        Outcome::Permitted(_) | Outcome::MustClaim(_) | Outcome::Described => None,
    };
    assert_eq!(create(&token().actors(["planner"])), None);
    assert_eq!(create(&token().actors(["researcher"])), Some(Reason::ScopeAboveCeiling));
    // One that only stood earlier in the chain narrows as well.
    assert_eq!(create(&token().actors(["planner", "researcher"])), Some(Reason::ScopeAboveCeiling));
    // A client that is an agent and calls for itself.
    assert_eq!(create(&token().client_id("researcher")), Some(Reason::ScopeAboveCeiling));
    assert_eq!(create(&token().client_id("app")), None);
    assert_eq!(create(&token().scope("invoices:read").actors(["planner"])), Some(Reason::ScopeMissing));
}

#[test]
fn the_caller_must_be_the_acting_agent() {
    type Row = (&'static [&'static str], &'static str, Option<&'static str>, Option<Reason>);
    let state = state("{ bind_caller: spiffe }", "");
    let rows: &[Row] = &[
        (&["planner"], "app", Some("spiffe://td/planner"), None),
        (&["researcher", "planner"], "app", Some("spiffe://td/researcher"), None),
        (&["researcher", "planner"], "app", Some("spiffe://td/planner"), Some(Reason::CallerNotActor)),
        (&["planner"], "app", Some("spiffe://td/researcher"), Some(Reason::CallerNotActor)),
        (&["planner"], "app", Some("spiffe://td/planner2"), Some(Reason::CallerNotActor)),
        (&["planner"], "app", Some("spiffe://other/planner"), Some(Reason::CallerNotActor)),
        (&["planner"], "app", None, Some(Reason::PeerUnknown)),
        (&["planner"], "app", Some("CN=planner"), Some(Reason::PeerUnknown)),
        (&["planner"], "app", Some("spiffe://td/planner\u{0}"), Some(Reason::PeerUnknown)),
        // No delegation: the client itself.
        (&[], "planner", Some("spiffe://td/planner"), None),
        (&[], "planner", Some("spiffe://td/researcher"), Some(Reason::CallerNotActor)),
        (&[], "app", Some("spiffe://td/planner"), Some(Reason::CallerUnbound)),
    ];
    for (actors, client, peer, expected) in rows {
        let token = if actors.is_empty() { token() } else { token().actors(actors.iter().copied()) };
        let outcome = ask(&state, "GET", "/invoices", &token.client_id(client).sign(&KEY).unwrap(), *peer).outcome;
        let found = match outcome {
            Outcome::Refused(reason) => Some(reason),
            Outcome::Permitted(_) | Outcome::MustClaim(_) | Outcome::Described => None,
        };
        assert_eq!(found, *expected, "{actors:?} {client} from {peer:?}");
    }
}

fn chain(names: &[String]) -> Value {
    names.iter().rev().fold(Value::Null, |inner, name| match inner {
        Value::Null => json!({ "sub": name }),
        nested => json!({ "sub": name, "act": nested }),
    })
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![Just("planner"), Just("researcher"), Just("writer"), Just("invoices"), Just("stranger"), Just("x")]
        .prop_map(str::to_owned)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Prior actors only ever narrow: what a longer chain may do, the chain without its oldest
    /// members may do too.
    #[test]
    fn a_prior_actor_never_grants(names in prop::collection::vec(name(), 1..6), rule in prop::sample::select(vec![
        OPEN, "{}", "{ actors: [planner] }", "{ actors: [researcher], prior_actors: [planner, writer] }", "{ max_depth: 2 }",
        "{ pairs: [{ subject: alice, actor: planner }] }",
    ])) {
        let state = state(rule, "");
        let mut allowed_longer = false;
        for length in (1..=names.len()).rev() {
            let allowed = refusal(&state, &token().claim("act", chain(&names[..length]))).is_none();
            prop_assert!(allowed || !allowed_longer, "{rule}: {:?} refused, longer allowed", &names[..length]);
            allowed_longer |= allowed;
        }
    }

    /// An allow means: within depth, current actor known, nobody twice.
    #[test]
    fn an_allowed_chain_keeps_every_rule(names in prop::collection::vec(name(), 1..7)) {
        let state = state("{ max_depth: 4 }", "");
        let known = ["planner", "researcher", "writer"];
        let distinct: std::collections::HashSet<_> = names.iter().collect();
        let expected = names.len() <= 4 && distinct.len() == names.len() && names.iter().all(|name| known.contains(&name.as_str()));
        let found = refusal(&state, &token().claim("act", chain(&names))).is_none();
        prop_assert_eq!(found, expected, "{:?}", names);
    }
}
