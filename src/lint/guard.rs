//! Envoy's RBAC filter where it refuses what hopgate has not allowed: it asks for the mark that hopgate's answer leaves in the
//! metadata of an allowed call.

use super::filters::Filter;
use super::node::Node;

/// Under which Envoy keeps what hopgate answered, whatever the filter is called.
pub(super) const METADATA: &str = "envoy.filters.http.ext_authz";

/// Whether nothing passes this filter without hopgate's mark.
pub(super) fn refuses_unmarked(filter: &Filter<'_>) -> bool {
    let always = !filter.conditional && !filter.off_by_default() && filter.known;
    always && filter.is("rbac") && rules_refuse_unmarked(&filter.config.at("rules"))
}

pub(super) fn rules_refuse_unmarked(rules: &Node<'_>) -> bool {
    let policies: Vec<_> = rules.at("policies").members().into_iter().map(|(_, policy)| policy).collect();
    match rules.at("action").choice(&["ALLOW", "DENY", "LOG"]) {
        Some("DENY") => policies.iter().any(|policy| {
            policy.at("permissions").items().iter().any(unmarked) && policy.at("principals").items().iter().any(anybody)
        }),
        // What no policy allows is refused.
        None | Some("ALLOW") => {
            !policies.is_empty() && policies.iter().all(|policy| policy.at("permissions").items().iter().all(marked))
        }
        Some(_) => false,
    }
}

/// Whether a permission takes calls with the mark alone.
fn marked(permission: &Node<'_>) -> bool {
    let metadata = permission.at("metadata");
    let path: Vec<_> = metadata.at("path").items().iter().filter_map(|part| part.at("key").text()).collect();
    metadata.at("filter").text() == Some(METADATA)
        && path == ["decision"]
        && metadata.down("value.string_match.exact").text() == Some("allow")
        && !metadata.at("invert").on()
}

/// Whether a permission takes every call without the mark.
fn unmarked(permission: &Node<'_>) -> bool {
    let all = permission.down("and_rules.rules").items();
    marked(&permission.at("not_rule")) || !all.is_empty() && all.iter().all(unmarked)
}

fn anybody(principal: &Node<'_>) -> bool {
    let all = principal.down("and_ids.ids").items();
    principal.at("any").on() || !all.is_empty() && all.iter().all(anybody)
}
