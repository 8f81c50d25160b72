//! Istio's `EnvoyFilter`: patches of what its control plane sends.

use super::Lint;
use super::authz::{self, Around};
use super::filters::{EXT_AUTHZ, Filter};
use super::guard::METADATA;
use super::istio::{guarded, merges_slashes};
use super::kinds::MANAGER;
use super::manager;
use super::node::Node;
use super::objects::Object;
use super::per_route::EXT_AUTHZ_PER_ROUTE;
use super::rules::Rule;

pub(super) fn lint(lint: &Lint<'_>) {
    for object in lint.objects("EnvoyFilter") {
        for patch in patches(&object) {
            lint_patch(lint, &object, &patch);
        }
    }
}

/// One entry of `configPatches`.
struct Patch<'a> {
    entry: Node<'a>,
    target: &'a str,
    operation: &'a str,
    value: Node<'a>,
}

fn patches<'a>(object: &Object<'a>) -> Vec<Patch<'a>> {
    let entries = object.spec().at("config_patches").items().into_iter();
    entries
        .map(|entry| Patch {
            target: entry.at("apply_to").text().unwrap_or_default(),
            operation: entry.down("patch.operation").text().unwrap_or_default(),
            value: entry.down("patch.value"),
            entry,
        })
        .collect()
}

impl<'a> Patch<'a> {
    /// The filter in a listener that it is about, inside of the HTTP connection manager if there.
    fn matched(&self) -> Option<&'a str> {
        let filter = self.entry.down("match.listener.filter_chain.filter");
        let inner = filter.down("sub_filter.name").text();
        inner.or_else(|| filter.at("name").text().filter(|_| self.target == "NETWORK_FILTER"))
    }

    /// What it writes, if that is a message of this type.
    fn writes(&self, kind: &str) -> Option<Node<'a>> {
        let message = self.value.at("typed_config").message();
        (message.kind == kind).then_some(message.fields)
    }
}

/// Clusters that are added: those of filters beside them.
pub(super) fn clusters<'a>(root: &Node<'a>) -> Vec<Node<'a>> {
    let object = Object { kind: "EnvoyFilter", root: root.clone() };
    let added = patches(&object).into_iter().filter(|patch| patch.target == "CLUSTER" && patch.operation == "ADD");
    added.map(|patch| patch.value).collect()
}

fn lint_patch<'a>(lint: &Lint<'a>, object: &Object<'a>, patch: &Patch<'a>) {
    if patch.operation == "REMOVE" && matches!(patch.target, "HTTP_FILTER" | "NETWORK_FILTER") {
        let hopgate = patch.target == "HTTP_FILTER" && patch.matched() == Some(METADATA);
        let manager = patch.matched() == Some("envoy.filters.network.http_connection_manager");
        if hopgate || patch.target == "NETWORK_FILTER" && manager {
            lint.found(Rule::FilterRemoved, &patch.entry.at("patch"), "found `REMOVE`");
        }
    }
    if let Some(config) = patch.writes(EXT_AUTHZ).filter(|_| patch.target == "HTTP_FILTER") {
        if patch.operation == "MERGE" {
            authz::lint_merged(lint, &config);
        } else {
            lint_inserted(lint, object, patch, config);
        }
    }
    if let Some(config) = patch.writes(MANAGER).filter(|_| patch.target == "NETWORK_FILTER") {
        manager::lint_merged(lint, &config);
    }
    for message in patch.value.all(EXT_AUTHZ_PER_ROUTE) {
        let disabled = message.fields.at("disabled");
        if disabled.on() {
            lint.found(Rule::RouteUnchecked, &disabled, "found `true`");
        }
    }
}

/// The filter as a whole, put into a chain.
fn lint_inserted<'a>(lint: &Lint<'a>, object: &Object<'a>, patch: &Patch<'a>, config: Node<'a>) {
    let filter = Filter {
        name: patch.value.at("name").text().unwrap_or_default(),
        entry: patch.value.clone(),
        kind: EXT_AUTHZ,
        config,
        conditional: false,
        known: true,
    };
    if !filter.asks_hopgate(lint) {
        return;
    }
    let guarded = guarded(lint, object);
    authz::lint(lint, &filter, Around { certificates: true, guarded });
    let operation = patch.entry.down("patch.operation");
    let last = patch.matched().is_none_or(|name| name == "envoy.filters.http.router");
    if patch.operation == "ADD" || patch.operation == "INSERT_AFTER" && last {
        lint.found(Rule::FilterBehindRouter, &operation, format_args!("found {}", operation.shown()));
    }
    let context = patch.entry.down("match.context");
    if !matches!(context.text(), Some("SIDECAR_INBOUND" | "GATEWAY")) {
        lint.found(Rule::FilterOutbound, &context, format_args!("found {}", context.shown()));
    }
    if !guarded {
        lint.found(Rule::GuardMissing, &patch.value, "no `AuthorizationPolicy` refuses what hopgate has not allowed");
    }
    Patches::of(lint, object).lint_manager(lint, &patch.value, merges_slashes(lint));
}

/// What is merged into the filter and the manager of the pods that an object is about.
pub(super) struct Patches<'a> {
    filters: Vec<Node<'a>>,
    managers: Vec<Node<'a>>,
}

impl<'a> Patches<'a> {
    pub(super) fn of(lint: &Lint<'a>, object: &Object<'a>) -> Self {
        let covering: Vec<_> = lint.objects("EnvoyFilter").into_iter().filter(|filter| filter.covers(object)).collect();
        let merged = |target: &str, kind: &str| {
            let all = covering.iter().flat_map(patches);
            let merged = all.filter(|patch| patch.target == target && patch.operation == "MERGE");
            merged.filter_map(|patch| patch.writes(kind)).collect()
        };
        Self { filters: merged("HTTP_FILTER", EXT_AUTHZ), managers: merged("NETWORK_FILTER", MANAGER) }
    }

    /// What an extension provider can't say of the filter, reported at `place`.
    pub(super) fn lint_filter(&self, lint: &Lint<'a>, place: &Node<'a>) {
        for (field, rule) in [
            ("encode_raw_headers", Rule::RawHeadersOff),
            ("include_peer_certificate", Rule::PeerCertificateOff),
            ("include_tls_session", Rule::TlsSessionOff),
            ("validate_mutations", Rule::ValidateMutationsOff),
        ] {
            if !self.filters.iter().any(|config| config.at(field).exists()) {
                lint.found(rule, place, format_args!("no `EnvoyFilter` sets `{field}` for these pods"));
            }
        }
    }

    /// What Istio does by itself in its HTTP connection managers, where no patch says otherwise.
    pub(super) fn lint_manager(&self, lint: &Lint<'a>, place: &Node<'a>, merges_slashes: bool) {
        for (field, rule) in [
            ("merge_slashes", Rule::SlashesNotMerged),
            ("path_with_escaped_slashes_action", Rule::EscapedSlashes),
            ("forward_client_cert_details", Rule::ClientCertAppended),
        ] {
            let said = self.managers.iter().any(|config| config.at(field).exists());
            let by_mesh = merges_slashes && rule == Rule::SlashesNotMerged;
            if !said && !by_mesh {
                lint.found(rule, place, format_args!("no `EnvoyFilter` sets `{field}` for these pods"));
            }
        }
    }
}
