//! Istio's mesh configuration, and its policies about who is asked and who may connect.

use std::time::Duration;

use super::Lint;
use super::authz;
use super::body;
use super::envoy_filter::Patches;
use super::node::Node;
use super::objects::Object;
use super::rules::Rule;

/// The condition by which an `AuthorizationPolicy` asks for the mark that hopgate leaves.
const MARK: &str = "experimental.envoy.filters.http.ext_authz[decision]";

pub(super) fn lint(lint: &Lint<'_>) {
    for mesh in &lint.sources.meshes {
        lint.use_of(mesh);
        lint_paths(lint, mesh);
        for provider in mesh.at("extension_providers").items() {
            lint_provider(lint, &provider);
        }
    }
    for policy in lint.objects("AuthorizationPolicy") {
        lint_custom(lint, &policy);
    }
    for policy in lint.objects("PeerAuthentication") {
        lint_peers(lint, &policy);
    }
}

const NORMALIZATIONS: [&str; 5] = ["DEFAULT", "NONE", "BASE", "MERGE_SLASHES", "DECODE_AND_MERGE_SLASHES"];

fn lint_paths(lint: &Lint<'_>, mesh: &Node<'_>) {
    let normalization = mesh.down("path_normalization.normalization");
    let rule = match normalization.choice(&NORMALIZATIONS) {
        Some("MERGE_SLASHES") => return,
        Some("NONE") => Rule::PathNotNormalized,
        Some("DECODE_AND_MERGE_SLASHES") => Rule::EscapedSlashes,
        _ => Rule::SlashesNotMerged,
    };
    lint.found(rule, &normalization, format_args!("found {}", normalization.shown()));
}

fn lint_provider(lint: &Lint<'_>, provider: &Node<'_>) {
    if !lint.may_be_hopgate(provider.at("name").text().unwrap_or_default()) {
        return;
    }
    let http = provider.at("envoy_ext_authz_http");
    if http.exists() {
        lint.found(Rule::HttpService, &http, "the server is asked by HTTP");
    }
    let grpc = provider.at("envoy_ext_authz_grpc");
    if !grpc.exists() {
        return;
    }
    let open = grpc.at("fail_open");
    if open.on() {
        lint.found(Rule::FailureModeAllow, &open, "found `true`");
    }
    let timeout = grpc.at("timeout");
    // Istio's own default.
    let waits = if timeout.exists() { timeout.duration() } else { Some(Duration::from_secs(600)) };
    authz::lint_timeout(lint, &timeout, waits);
    let status = grpc.at("status_on_error");
    authz::lint_status(lint, &status, &status);
    body::lint(lint, &grpc.at("include_request_body_in_check"));
}

/// Whether some mesh configuration has a provider of this name; none where no mesh configuration was given.
fn provides(lint: &Lint<'_>, name: &str) -> Option<bool> {
    let mut providers = lint.sources.meshes.iter().flat_map(|mesh| mesh.at("extension_providers").items());
    let found = providers.any(|provider| provider.at("name").text() == Some(name));
    (!lint.sources.meshes.is_empty()).then_some(found)
}

fn lint_custom<'a>(lint: &Lint<'a>, policy: &Object<'a>) {
    let spec = policy.spec();
    if action(policy) != Some("CUSTOM") {
        return;
    }
    let named = spec.down("provider.name");
    let name = named.text().unwrap_or_default();
    if !lint.may_be_hopgate(name) {
        return;
    }
    match provides(lint, name) {
        Some(true) => {}
        Some(false) => lint.found(Rule::ProviderUnknown, &named, format_args!("no provider `{name}` was given")),
        None => lint.found(Rule::ProviderUnknown, &named, "no mesh configuration was given"),
    }
    let guarded = guarded(lint, policy);
    let rules = spec.at("rules");
    if guarded {
        // What is left out is refused, which shows.
    } else if rules.items().is_empty() {
        lint.found(Rule::CustomPolicyEmpty, &rules, format_args!("found {}", rules.shown()));
    } else if !rules.items().iter().any(takes_everything) {
        lint.found(Rule::CustomPolicyNarrow, &rules, "each rule leaves calls out");
    } else {
        lint.found(Rule::GuardMissing, &spec, "no `AuthorizationPolicy` refuses what hopgate has not allowed");
    }
    let provider = spec.at("provider");
    let patches = Patches::of(lint, policy);
    patches.lint_filter(lint, &provider);
    patches.lint_manager(lint, &provider, merges_slashes(lint));
}

/// Whether the mesh configuration says so for all proxies.
pub(super) fn merges_slashes(lint: &Lint<'_>) -> bool {
    lint.sources.meshes.iter().any(|mesh| {
        let found = mesh.down("path_normalization.normalization").choice(&NORMALIZATIONS);
        matches!(found, Some("MERGE_SLASHES" | "DECODE_AND_MERGE_SLASHES"))
    })
}

fn action(policy: &Object<'_>) -> Option<&'static str> {
    let action = policy.spec().at("action");
    if action.exists() { action.choice(&["ALLOW", "DENY", "AUDIT", "CUSTOM"]) } else { Some("ALLOW") }
}

fn takes_everything(rule: &Node<'_>) -> bool {
    ["from", "to", "when"].iter().all(|part| rule.at(part).items().is_empty())
}

/// Whether what hopgate has not allowed is refused for every pod that `object` is about.
pub(super) fn guarded(lint: &Lint<'_>, object: &Object<'_>) -> bool {
    lint.objects("AuthorizationPolicy").iter().any(|policy| {
        let dry = policy.root.down("metadata.annotations").key("istio.io/dry-run").text() == Some("true");
        action(policy) == Some("DENY")
            && !dry
            && policy.covers(object)
            && policy.spec().at("rules").items().iter().any(is_guard)
    })
}

fn is_guard(rule: &Node<'_>) -> bool {
    let when = rule.at("when").items();
    let marks = |condition: &Node<'_>| {
        let excepted: Vec<_> = condition.at("not_values").items().iter().filter_map(Node::text).collect();
        condition.at("key").text() == Some(MARK) && excepted == ["allow"] && condition.at("values").items().is_empty()
    };
    // Ports may be left out: what is there does not claim to be protected.
    let ports_only = |to: &Node<'_>| {
        let fields: Vec<_> = to.at("operation").members().into_iter().map(|(name, _)| name).collect();
        fields == ["notPorts"]
    };
    rule.at("from").items().is_empty()
        && rule.at("to").items().iter().all(ports_only)
        && when.len() == 1
        && when.iter().all(marks)
}

fn lint_peers(lint: &Lint<'_>, policy: &Object<'_>) {
    let spec = policy.spec();
    let ports = spec.at("port_level_mtls").members().into_iter().map(|(_, port)| port.at("mode"));
    for mode in std::iter::once(spec.down("mtls.mode")).chain(ports) {
        if mode.choice(&["UNSET", "DISABLE", "PERMISSIVE", "STRICT"]) != Some("STRICT") {
            lint.found(Rule::PeerAuthenticationLax, &mode, format_args!("found {}", mode.shown()));
        }
    }
}
