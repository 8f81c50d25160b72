//! Which headers reach hopgate, and which of its own reach the service.

use super::Lint;
use super::matcher::{list_takes, regex_takes};
use super::node::Node;
use super::rules::Rule;
use crate::envoy::decode::{IDENTITY_PREFIX, OVERRIDES};
use crate::envoy::encode::IDENTITY_HEADERS;

/// What hopgate decides by, records, or takes off a call.
pub const NEEDED: [&str; 12] = [
    "authorization",
    "dpop",
    "content-type",
    "content-encoding",
    "content-length",
    "mcp-protocol-version",
    "mcp-method",
    "mcp-name",
    "a2a-version",
    "traceparent",
    "x-request-id",
    "x-forwarded-client-cert",
];

/// Names under which a caller may try to pass for hopgate: none of them is a name that hopgate sets.
const FORGED: [&str; 2] = ["x-hopgate-forged", "x_hopgate_subject"];

/// Headers by which a caller shows who it is.
const CREDENTIALS: [&str; 3] = ["authorization", "dpop", "x-forwarded-client-cert"];

/// Headers that hopgate takes off an allowed call, besides [`OVERRIDES`].
const TAKEN_OFF: [&str; 2] = ["authorization", "dpop"];

pub(super) fn lint(lint: &Lint<'_>, config: &Node<'_>) {
    let needed = || NEEDED.into_iter().chain(FORGED).chain(OVERRIDES);
    let allowed = config.at("allowed_headers");
    if allowed.exists() {
        let hidden: Vec<_> = needed().filter(|name| list_takes(&allowed, name) != Some(true)).collect();
        if !hidden.is_empty() {
            lint.found(Rule::AllowedHeadersHide, &allowed, format_args!("it hides {}", listed(&hidden)));
        }
    }
    let disallowed = config.at("disallowed_headers");
    let hidden: Vec<_> = needed().filter(|name| list_takes(&disallowed, name) != Some(false)).collect();
    if !hidden.is_empty() {
        lint.found(Rule::DisallowedHeadersHide, &disallowed, format_args!("it hides {}", listed(&hidden)));
    }
    let rules = config.at("decoder_header_mutation_rules");
    let changed = IDENTITY_HEADERS.into_iter().chain(FORGED).chain(TAKEN_OFF).chain(OVERRIDES);
    let kept: Vec<_> = changed.filter(|name| !may_change(&rules, name)).collect();
    if !kept.is_empty() {
        lint.found(Rule::MutationRulesForbid, &rules, format_args!("they forbid to change {}", listed(&kept)));
    }
}

/// A list of all the headers that hopgate is shown, by name.
pub(super) fn lint_shown(lint: &Lint<'_>, names: &Node<'_>) {
    let shown: Vec<_> = names.items().iter().filter_map(Node::text).map(str::to_ascii_lowercase).collect();
    let needed = NEEDED.into_iter().chain(FORGED).chain(OVERRIDES);
    let hidden: Vec<_> = needed.filter(|name| !shown.iter().any(|known| known == name)).collect();
    if !hidden.is_empty() {
        lint.found(Rule::AllowedHeadersHide, names, format_args!("it hides {}", listed(&hidden)));
    }
}

/// Whether a header may be set and removed, in the order in which Envoy asks.
fn may_change(rules: &Node<'_>, name: &str) -> bool {
    let disallowed = rules.at("disallow_expression");
    if disallowed.exists() && regex_takes(&disallowed, name) != Some(false) {
        return false;
    }
    let allowed = rules.at("allow_expression");
    if allowed.exists() && regex_takes(&allowed, name) == Some(true) {
        return true;
    }
    !rules.at("disallow_all").on()
}

/// Whether only hopgate may say what stands in header `name`.
pub(super) fn is_hopgates(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('_', "-");
    name == "authorization" || name == "dpop" || name.starts_with(IDENTITY_PREFIX)
}

/// Looks at changes of headers that are made before hopgate is asked.
pub(super) fn lint_mutations(lint: &Lint<'_>, mutations: &Node<'_>) {
    for mutation in mutations.items() {
        let name = mutation.down("append.header.key");
        if name.text().is_some_and(|name| CREDENTIALS.contains(&&*name.to_ascii_lowercase())) {
            lint.found(Rule::CredentialInjected, &name, format_args!("found {}", name.shown()));
        }
    }
}

fn listed(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
