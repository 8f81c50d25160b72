//! TLS of a listener: whether its callers have a name, and whose word that is.

use super::Lint;
use super::listener::{Reach, Seat};
use super::matcher::takes;
use super::node::Node;
use super::rules::Rule;

/// Names that no matcher of one mesh takes.
const STRANGERS: [&str; 3] = ["spiffe://stranger.invalid/x", "stranger.invalid", "x@stranger.invalid"];

/// Looks at the connections of a filter chain whose calls hopgate decides on. Says whether callers show certificates.
pub(super) fn lint_inbound<'a>(lint: &Lint<'a>, seat: &Seat<'a>) -> bool {
    let Some(chain) = &seat.chain else { return false };
    let socket = chain.at("transport_socket");
    let Some(context) = context(&socket) else {
        if seat.reach != Reach::Local {
            let found = if socket.exists() { "no TLS that is known here" } else { "no TLS" };
            lint.found(Rule::PlaintextInbound, &socket, found);
        }
        return false;
    };
    let required = context.at("require_client_certificate");
    let common = context.at("common_tls_context");
    lint_versions(lint, &common);
    let validation = Validation::of(lint, &common);
    if !validation.exists() && !required.on() {
        lint.found(Rule::ClientCertificateNotAsked, &required, "clients need no certificate");
        return false;
    }
    if !required.on() {
        lint.found(Rule::ClientCertificateOptional, &required, format_args!("found {}", required.shown()));
    }
    if let Some((at, found)) = validation.unverified() {
        lint.found(Rule::PeerUnverified, &at, found);
    } else if let Some((at, found)) = validation.open_names() {
        lint.found(Rule::PeerNamesOpen, &at, found);
    }
    validation.lint_expiry(lint);
    true
}

/// The versions of TLS that are spoken.
pub(super) fn lint_versions(lint: &Lint<'_>, common: &Node<'_>) {
    let least = common.at("tls_params").at("tls_minimum_protocol_version");
    let names = ["TLS_AUTO", "TLSv1_0", "TLSv1_1", "TLSv1_2", "TLSv1_3"];
    if matches!(least.choice(&names), Some("TLSv1_0" | "TLSv1_1")) {
        lint.found(Rule::TlsOld, &least, format_args!("found {}", least.shown()));
    }
}

/// The TLS context in a transport socket, whatever is wrapped around it.
pub(super) fn context<'a>(socket: &Node<'a>) -> Option<Node<'a>> {
    let message = socket.at("typed_config").message();
    let fields = message.fields;
    match message.kind.rsplit('.').next()? {
        "DownstreamTlsContext" | "UpstreamTlsContext" => Some(fields),
        "QuicDownstreamTransport" => Some(fields.at("downstream_tls_context")),
        "QuicUpstreamTransport" => Some(fields.at("upstream_tls_context")),
        _ => {
            let inner = fields.at("transport_socket");
            inner.exists().then(|| context(&inner)).flatten()
        }
    }
}

/// How the certificate of a peer is looked at, out of all places where that can be said.
pub(super) struct Validation<'a> {
    /// Where it is said, or would be.
    common: Node<'a>,
    contexts: Vec<Node<'a>>,
    /// A part comes from a server of secrets that was not shown.
    elsewhere: bool,
}

impl<'a> Validation<'a> {
    pub(super) fn of(lint: &Lint<'a>, common: &Node<'a>) -> Self {
        let combined = common.at("combined_validation_context");
        let mut contexts = vec![common.at("validation_context"), combined.at("default_validation_context")];
        let mut elsewhere = false;
        for outer in [common, &combined] {
            let secret = outer.at("validation_context_sds_secret_config");
            if !secret.exists() {
                continue;
            }
            let name = secret.at("name").text().unwrap_or_default();
            let found = lint.sources.secrets.get(name, common);
            elsewhere |= found.is_empty();
            contexts.extend(found.into_iter().map(|secret| secret.at("validation_context")));
        }
        contexts.retain(Node::exists);
        Self { common: common.clone(), contexts, elsewhere }
    }

    pub(super) fn exists(&self) -> bool {
        self.elsewhere || !self.contexts.is_empty()
    }

    /// Where, and how, any certificate is taken.
    pub(super) fn unverified(&self) -> Option<(Node<'a>, String)> {
        for context in &self.contexts {
            let verification = context.at("trust_chain_verification");
            if verification.choice(&["VERIFY_TRUST_CHAIN", "ACCEPT_UNTRUSTED"]) == Some("ACCEPT_UNTRUSTED") {
                return Some((verification, "`ACCEPT_UNTRUSTED`".to_owned()));
            }
        }
        let anchors = [
            "trusted_ca",
            "ca_certificate_provider_instance",
            "system_root_certs",
            "custom_validator_config",
            "verify_certificate_spki",
            "verify_certificate_hash",
        ];
        (!self.elsewhere && !self.says(&anchors)).then(|| (self.place(), "no authority is named".to_owned()))
    }

    /// Where, and how, any name that the authority signed is taken.
    pub(super) fn open_names(&self) -> Option<(Node<'a>, String)> {
        // SPIFFE's validator takes the names of its trust domains alone.
        let by_other_means = ["custom_validator_config", "verify_certificate_spki", "verify_certificate_hash"];
        if self.elsewhere || self.says(&by_other_means) {
            return None;
        }
        let typed = |context: &Node<'a>| {
            context.at("match_typed_subject_alt_names").items().into_iter().map(|name| name.at("matcher"))
        };
        let plain = |context: &Node<'a>| context.at("match_subject_alt_names").items();
        let names = || self.contexts.iter().flat_map(|context| typed(context).chain(plain(context)));
        let wide = names().find(|name| STRANGERS.iter().any(|stranger| takes(name, stranger) != Some(false)));
        match wide {
            Some(wide) => Some((wide, "it takes names of strangers, too".to_owned())),
            None if names().next().is_some() => None,
            None => Some((self.place().at("match_typed_subject_alt_names"), "no name is asked for".to_owned())),
        }
    }

    pub(super) fn lint_expiry(&self, lint: &Lint<'a>) {
        for expired in self.contexts.iter().map(|context| context.at("allow_expired_certificate")) {
            if expired.on() {
                lint.found(Rule::ExpiredCertificates, &expired, "found `true`");
            }
        }
    }

    fn says(&self, fields: &[&str]) -> bool {
        self.contexts.iter().any(|context| fields.iter().any(|field| context.at(field).exists()))
    }

    fn place(&self) -> Node<'a> {
        self.contexts.first().cloned().unwrap_or_else(|| self.common.at("validation_context"))
    }
}
