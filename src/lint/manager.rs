//! HTTP connection managers: whether hopgate is asked, and which path and which caller it gets to see.

use super::Lint;
use super::authz::{self, Around};
use super::filters::{self, Filter, Guarded};
use super::headers;
use super::kinds;
use super::listener::{Reach, Seat};
use super::node::Node;
use super::route;
use super::routes::{self, Routes};
use super::rules::Rule;
use super::tls;

pub(super) fn lint<'a>(lint: &Lint<'a>, seat: &Seat<'a>, manager: &Node<'a>) {
    lint.managers.borrow_mut().extend(manager.id());
    lint.use_of(manager);
    let chain = filters::chain(lint, &manager.at("http_filters"));
    let routes = Routes::of(lint, manager);
    routes.lint_admin(lint);
    if !routes.forward(lint) {
        return;
    }
    let chain = match Guarded::of(lint, chain) {
        Ok(chain) => chain,
        Err(chain) => {
            lint_missing(lint, seat, manager, &chain);
            return;
        }
    };
    chain.lint_order(lint);
    for filter in chain.asking().skip(1) {
        lint.found(Rule::AuthzTwice, &filter.entry, format_args!("`{}` is one more `ext_authz` filter", filter.name));
    }
    let certificates = tls::lint_inbound(lint, seat);
    let around = Around { certificates, guarded: chain.refuses_unmarked() };
    for filter in chain.asking() {
        authz::lint(lint, filter, around);
    }
    lint_paths(lint, manager);
    lint_client_certificates(lint, manager);
    lint_callers(lint, seat, manager, certificates);
    lint_replies(lint, manager);
    lint_upgrades(lint, manager);
    routes::lint(lint, &routes, manager, &chain);
}

fn lint_missing<'a>(lint: &Lint<'a>, seat: &Seat<'a>, manager: &Node<'a>, chain: &[Filter<'a>]) {
    let rule = match (seat.unchecked, seat.reach) {
        (true, _) => Rule::ListenerUnchecked,
        (false, Reach::Local) => Rule::AuthzMissingOnLoopback,
        (false, Reach::Network | Reach::Unknown) => Rule::AuthzMissing,
    };
    let names: Vec<_> = chain.iter().map(|filter| format!("`{}`", filter.name)).collect();
    let of = if lint.options.clusters.is_empty() { "" } else { " of the clusters that `--cluster` names" };
    let found = format!("no `ext_authz` filter{of} among {}", names.join(", "));
    lint.found(rule, &manager.at("http_filters"), found);
}

/// Settings that are merged into a manager which has others, too: what is not there is no matter.
pub(super) fn lint_merged(lint: &Lint<'_>, manager: &Node<'_>) {
    lint.patched.borrow_mut().extend(manager.id());
    for (field, rule) in [("normalize_path", Rule::PathNotNormalized), ("merge_slashes", Rule::SlashesNotMerged)] {
        let switch = manager.at(field);
        if switch.switch() == Some(false) {
            lint.found(rule, &switch, "found `false`");
        }
    }
    if manager.at("path_with_escaped_slashes_action").exists() {
        lint_escaped(lint, manager);
    }
    lint_client_certificates(lint, manager);
}

fn lint_paths(lint: &Lint<'_>, manager: &Node<'_>) {
    for (field, rule) in [("normalize_path", Rule::PathNotNormalized), ("merge_slashes", Rule::SlashesNotMerged)] {
        let switch = manager.at(field);
        if !switch.on() {
            lint.found(rule, &switch, format_args!("found {}", switch.shown()));
        }
    }
    lint_escaped(lint, manager);
    let options = manager.at("path_normalization_options");
    if options.exists() {
        lint.found(Rule::PathViewsDiffer, &options, "the path is changed in two ways");
    }
}

fn lint_escaped(lint: &Lint<'_>, manager: &Node<'_>) {
    let action = manager.at("path_with_escaped_slashes_action");
    let names = [
        "IMPLEMENTATION_SPECIFIC_DEFAULT",
        "KEEP_UNCHANGED",
        "REJECT_REQUEST",
        "UNESCAPE_AND_REDIRECT",
        "UNESCAPE_AND_FORWARD",
    ];
    if !matches!(action.choice(&names), Some("REJECT_REQUEST" | "UNESCAPE_AND_REDIRECT")) {
        lint.found(Rule::EscapedSlashes, &action, format_args!("found {}", action.shown()));
    }
}

fn lint_client_certificates(lint: &Lint<'_>, manager: &Node<'_>) {
    const DETAILS: [&str; 5] = ["SANITIZE", "FORWARD_ONLY", "APPEND_FORWARD", "SANITIZE_SET", "ALWAYS_FORWARD_ONLY"];
    let kind =
        "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager.ForwardClientCertConfig";
    let matched = manager.at("forward_client_cert_matcher").all(kind).into_iter().map(|message| message.fields);
    for settings in matched.chain([manager.clone()]) {
        let details = settings.at("forward_client_cert_details");
        let rule = match details.choice(&DETAILS) {
            Some("FORWARD_ONLY" | "ALWAYS_FORWARD_ONLY") => Rule::ClientCertForwarded,
            Some("APPEND_FORWARD") => Rule::ClientCertAppended,
            _ => continue,
        };
        lint.found(rule, &details, format_args!("found {}", details.shown()));
    }
}

/// What callers may say of themselves, where they connect directly.
fn lint_callers(lint: &Lint<'_>, seat: &Seat<'_>, manager: &Node<'_>, certificates: bool) {
    let address = manager.at("use_remote_address");
    if !certificates && seat.reach != Reach::Local && !address.on() {
        lint.found(Rule::CallerAddressBelieved, &address, format_args!("found {}", address.shown()));
    }
    for early in manager.at("early_header_mutation_extensions").items() {
        headers::lint_mutations(lint, &early.at("typed_config").message().fields.at("mutations"));
    }
    let chunked = manager.at("http_protocol_options").at("allow_chunked_length");
    if chunked.on() {
        lint.found(Rule::ChunkedLength, &chunked, "found `true`");
    }
}

/// What may be done to hopgate's refusals, which are local replies to Envoy.
fn lint_replies(lint: &Lint<'_>, manager: &Node<'_>) {
    let replies = manager.at("local_reply_config");
    let format = replies.at("body_format");
    if format.exists() {
        lint.found(Rule::RefusalRewritten, &format, "every body is replaced");
    }
    for mapper in replies.at("mappers").items() {
        let changes = ["status_code", "body", "body_format_override"];
        if let Some(change) = changes.iter().map(|field| mapper.at(field)).find(Node::exists) {
            lint.found(Rule::RefusalRewritten, &change, format_args!("found {}", change.shown()));
        }
    }
}

fn lint_upgrades<'a>(lint: &Lint<'a>, manager: &Node<'a>) {
    for upgrade in manager.at("upgrade_configs").items() {
        let filters = upgrade.at("filters");
        let chain = filters::chain(lint, &filters);
        let asks = |filter: &Filter<'a>| filter.asks_hopgate(lint) && !filter.conditional && !filter.off_by_default();
        if !chain.is_empty() && !chain.iter().any(asks) {
            let kind = upgrade.at("upgrade_type");
            lint.found(Rule::UpgradeUnchecked, &filters, format_args!("no `ext_authz` filter for {}", kind.shown()));
            continue;
        }
        route::lint_upgrade(lint, &upgrade);
        for filter in chain.iter().filter(|filter| filter.asks_hopgate(lint)) {
            authz::lint(lint, filter, Around { certificates: false, guarded: false });
        }
    }
}

/// Reports the managers that nobody came to, wherever they stand.
pub(super) fn lint_unseen(lint: &Lint<'_>) {
    let copies: Vec<_> = lint.sources.copies.iter().filter_map(Node::id).collect();
    let seen = |id| lint.managers.borrow().contains(&id) || lint.patched.borrow().contains(&id);
    for document in lint.documents {
        document.root().each(&mut |node| {
            if node.id().is_some_and(|id| copies.contains(&id)) || node.path().ends_with(".error_state") {
                return false;
            }
            if let Some(message) = node.typed().filter(|message| message.kind == kinds::MANAGER)
                && !message.fields.id().is_some_and(seen)
            {
                lint.use_of(node);
                lint.found(Rule::ManagerUnseen, node, "an HTTP connection manager that belongs to no listener");
            }
            true
        });
    }
}
