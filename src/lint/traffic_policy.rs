//! Envoy Gateway: what its `ClientTrafficPolicy` says of paths and callers, and its `EnvoyPatchPolicy` of anything.

use super::Lint;
use super::envoy_gateway::names;
use super::node::Node;
use super::objects::Object;
use super::rules::Rule;

pub(super) fn lint(lint: &Lint<'_>) {
    for policy in lint.objects("ClientTrafficPolicy") {
        lint_paths(lint, &policy.spec());
        lint_callers(lint, &policy.spec());
    }
    for policy in lint.objects("EnvoyPatchPolicy") {
        lint_patches(lint, &policy);
    }
}

fn lint_paths(lint: &Lint<'_>, spec: &Node<'_>) {
    let escaped = spec.down("path.escaped_slashes_action");
    if matches!(escaped.text(), Some("KeepUnchanged" | "UnescapeAndForward")) {
        lint.found(Rule::EscapedSlashes, &escaped, format_args!("found {}", escaped.shown()));
    }
    let unmerged = spec.down("path.disable_merge_slashes");
    if unmerged.on() {
        lint.found(Rule::SlashesNotMerged, &unmerged, "found `true`");
    }
}

fn lint_callers(lint: &Lint<'_>, spec: &Node<'_>) {
    let mode = spec.down("headers.x_forwarded_client_cert.mode");
    let rule = match mode.text() {
        Some("ForwardOnly" | "AlwaysForwardOnly") => Some(Rule::ClientCertForwarded),
        Some("AppendForward") => Some(Rule::ClientCertAppended),
        _ => None,
    };
    if let Some(rule) = rule {
        lint.found(rule, &mode, format_args!("found {}", mode.shown()));
    }
    let validation = spec.down("tls.client_validation");
    if !validation.exists() {
        lint.found(Rule::ClientCertificateNotAsked, &validation, "clients need no certificate");
        return;
    }
    let mode = validation.at("mode");
    let optional = validation.at("optional");
    match mode.text() {
        Some("Request" | "RequireAny") => {
            lint.found(Rule::PeerUnverified, &mode, format_args!("found {}", mode.shown()));
        }
        Some("VerifyIfGiven") => lint.found(Rule::ClientCertificateOptional, &mode, "found `VerifyIfGiven`"),
        _ if optional.on() => lint.found(Rule::ClientCertificateOptional, &optional, "found `true`"),
        _ => {}
    }
    let names = validation.at("subject_alt_names");
    if !names.exists() && !validation.at("certificate_hashes").exists() && !validation.at("spki_hashes").exists() {
        lint.found(Rule::PeerNamesOpen, &names, "no name is asked for");
    }
}

/// Single fields of the filter that a patch would change for the worse.
const SPOILING: [(&str, Rule); 4] = [
    ("failure_mode_allow", Rule::FailureModeAllow),
    ("shadow_mode", Rule::AuthzShadow),
    ("clear_route_cache", Rule::ClearRouteCache),
    ("allow_partial_message", Rule::PartialBody),
];

fn lint_patches(lint: &Lint<'_>, policy: &Object<'_>) {
    for patch in policy.spec().at("json_patches").items() {
        let operation = patch.at("operation");
        for (field, rule) in SPOILING {
            if names(&operation, field) && operation.at("value").on() {
                lint.found(rule, &operation.at("value"), "found `true`");
            }
        }
        let place = [operation.at("path"), operation.at("json_path")];
        let ours = place.iter().filter_map(Node::text).any(|text| text.contains("ext_authz"));
        if operation.at("op").text() == Some("remove") && ours {
            lint.found(Rule::FilterRemoved, &operation, "found `remove`");
        }
    }
}
