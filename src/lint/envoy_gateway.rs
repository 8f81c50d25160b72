//! Envoy Gateway: which routes its policies cover, and what they say of hopgate.

use std::time::Duration;

use super::Lint;
use super::authz;
use super::body;
use super::guard::rules_refuse_unmarked;
use super::headers;
use super::node::Node;
use super::objects::{Object, Target};
use super::rules::Rule;

const RBAC: &str = "envoy.extensions.filters.http.rbac.v3.RBAC";

pub(super) fn lint(lint: &Lint<'_>) {
    let policies = lint.objects("SecurityPolicy");
    let (asking, others): (Vec<_>, Vec<_>) = policies.into_iter().partition(|policy| asks(policy).exists());
    for policy in &asking {
        lint_policy(lint, policy);
    }
    for policy in &others {
        lint_override(lint, policy, &asking);
    }
    for route in ["HTTPRoute", "GRPCRoute"].iter().flat_map(|kind| lint.objects(kind)) {
        if !covered(lint, &route, &asking) {
            lint.found(Rule::AuthzMissing, &route.spec(), "no `SecurityPolicy` with `extAuth` is about it");
        }
    }
    for route in ["TCPRoute", "TLSRoute", "UDPRoute"].iter().flat_map(|kind| lint.objects(kind)) {
        lint.found(Rule::TcpUnchecked, &route.spec(), format_args!("found `{}`", route.kind));
    }
}

fn asks<'a>(policy: &Object<'a>) -> Node<'a> {
    policy.spec().at("ext_auth")
}

/// Whether a policy that asks hopgate is about the whole of this route, or about one of its gateways.
fn covered<'a>(lint: &Lint<'a>, route: &Object<'a>, asking: &[Object<'a>]) -> bool {
    let mut wholes = vec![route.itself()];
    for parent in route.spec().at("parent_refs").items() {
        if parent.at("kind").text().is_none_or(|kind| kind == "Gateway") {
            let namespace = parent.at("namespace").text().unwrap_or(route.namespace());
            let name = parent.at("name").text().unwrap_or_default();
            let gateway = Target { kind: "Gateway", namespace, name, section: None };
            wholes.extend([gateway, Target { section: parent.at("section_name").text(), ..gateway }]);
        }
    }
    asking.iter().flat_map(|policy| lint.targets(policy)).any(|target| wholes.contains(&target))
}

fn lint_policy<'a>(lint: &Lint<'a>, policy: &Object<'a>) {
    let auth = asks(policy);
    for (field, rule) in [("fail_open", Rule::FailureModeAllow), ("recompute_route", Rule::ClearRouteCache)] {
        let switch = auth.at(field);
        if switch.on() {
            lint.found(rule, &switch, "found `true`");
        }
    }
    let timeout = auth.at("timeout");
    // Envoy Gateway's own default.
    let waits = if timeout.exists() { timeout.span() } else { Some(Duration::from_secs(10)) };
    authz::lint_timeout(lint, &timeout, waits);
    let status = auth.at("status_on_error");
    authz::lint_status(lint, &status, &status);
    let shown = auth.at("headers_to_ext_auth");
    if shown.exists() {
        headers::lint_shown(lint, &shown);
    }
    lint_patched(lint, policy, &auth);
    let http = auth.at("http");
    if http.exists() {
        lint.found(Rule::HttpService, &http, "the server is asked by HTTP");
    }
    let grpc = auth.at("grpc");
    let one = Some(grpc.at("backend_ref")).filter(Node::exists);
    for backend in grpc.at("backend_refs").items().into_iter().chain(one) {
        lint_backend(lint, policy, &backend);
    }
}

/// What only an `EnvoyPatchPolicy` can say.
fn lint_patched<'a>(lint: &Lint<'a>, policy: &Object<'a>, auth: &Node<'a>) {
    let operations = operations(lint, policy.namespace());
    let sets = |field: &str| operations.iter().any(|operation| names(operation, field) && operation.at("value").on());
    let body = auth.at("body_to_ext_auth");
    for (field, rule, counts) in [
        ("encode_raw_headers", Rule::RawHeadersOff, true),
        ("include_peer_certificate", Rule::PeerCertificateOff, true),
        ("include_tls_session", Rule::TlsSessionOff, true),
        ("validate_mutations", Rule::ValidateMutationsOff, true),
        ("pack_as_bytes", Rule::BodyAsText, body.exists()),
    ] {
        if counts && !sets(field) {
            lint.found(rule, auth, format_args!("no `EnvoyPatchPolicy` sets `{field}`"));
        }
    }
    body::lint_size(lint, &body);
    if !guarded(lint, policy.namespace()) {
        lint.found(Rule::GuardMissing, auth, "no `EnvoyPatchPolicy` refuses what hopgate has not allowed");
    }
}

/// What is patched into the gateways of a namespace.
fn operations<'a>(lint: &Lint<'a>, namespace: &str) -> Vec<Node<'a>> {
    let patches = lint.objects("EnvoyPatchPolicy").into_iter().filter(|patch| patch.namespace() == namespace);
    patches.flat_map(|patch| patch.spec().at("json_patches").items()).map(|patch| patch.at("operation")).collect()
}

/// Whether `operation` writes the field `field`, in either spelling.
pub(super) fn names(operation: &Node<'_>, field: &str) -> bool {
    let last =
        |text: &str| text.rsplit(['/', '.']).next().is_some_and(|last| last.replace('_', "") == field.replace('_', ""));
    let writes = matches!(operation.at("op").text(), Some("add" | "replace"));
    let path = operation.at("path").text().filter(|path| !path.is_empty());
    writes && path.or_else(|| operation.at("json_path").text()).is_some_and(last)
}

fn guarded(lint: &Lint<'_>, namespace: &str) -> bool {
    let filters = operations(lint, namespace).into_iter().flat_map(|operation| operation.at("value").all(RBAC));
    filters.into_iter().any(|rbac| rules_refuse_unmarked(&rbac.fields.at("rules")))
}

/// A policy without `extAuth` for a route, in the place of its gateway's.
fn lint_override<'a>(lint: &Lint<'a>, policy: &Object<'a>, asking: &[Object<'a>]) {
    // By labels, routes of tomorrow are meant, too.
    let selected = policy.spec().at("target_selectors").items();
    let kinds = selected.iter().filter_map(|selector| selector.at("kind").text());
    let of_a_route = kinds.chain(policy.targets().iter().map(|target| target.kind)).any(|kind| kind.ends_with("Route"));
    let instead = asking.iter().flat_map(|policy| lint.targets(policy)).any(|target| target.kind == "Gateway");
    let merged = policy.spec().at("merge_type").exists();
    if of_a_route && instead && !merged && !guarded(lint, policy.namespace()) {
        let spec = policy.spec();
        lint.found(Rule::PolicyOverridden, &spec, "it is about a route, and has no `extAuth`");
    }
}

fn lint_backend<'a>(lint: &Lint<'a>, policy: &Object<'a>, backend: &Node<'a>) {
    let name = backend.at("name").text().unwrap_or_default();
    let namespace = backend.at("namespace").text().unwrap_or(policy.namespace());
    let kind = backend.at("kind").text().unwrap_or("Service");
    let by_policy = lint.objects("BackendTLSPolicy").iter().any(|tls| {
        tls.targets().iter().any(|target| (target.kind, target.namespace, target.name) == (kind, namespace, name))
    });
    if kind != "Backend" {
        if !by_policy {
            lint.found(Rule::ClusterPlaintext, backend, format_args!("no `BackendTLSPolicy` is about `{name}`"));
        }
        return;
    }
    let backends = lint.objects("Backend");
    let Some(found) = backends.iter().find(|it| it.name() == name && it.namespace() == namespace) else {
        lint.found(Rule::ClusterMissing, backend, format_args!("no `Backend` `{name}` was given"));
        return;
    };
    let spec = found.spec();
    let local = |endpoint: &Node<'_>| endpoint.at("unix").exists();
    if !spec.at("endpoints").items().iter().all(local) && !by_policy && !spec.at("tls").exists() {
        lint.found(Rule::ClusterPlaintext, &spec, "no TLS, beyond a Unix socket");
    }
    let insecure = spec.down("tls.insecure_skip_verify");
    if insecure.on() {
        lint.found(Rule::ClusterUnverified, &insecure, "found `true`");
    }
}
