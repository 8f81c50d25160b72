//! TLS of a listener: whether its callers have a name, and whose word that is.

use super::Lint;
use super::listener::{Reach, Seat};
use super::node::Node;
use super::rules::Rule;
use super::sources::Sources;

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
    let validation = Validation::of(lint, &context.at("common_tls_context"));
    if !validation.exists() && !required.on() {
        lint.found(Rule::ClientCertificateNotAsked, &required, "clients need no certificate");
        return false;
    }
    if !required.on() {
        lint.found(Rule::ClientCertificateOptional, &required, format_args!("found {}", required.shown()));
    }
    if let Some((at, found)) = validation.unverified() {
        lint.found(Rule::PeerUnverified, &at, found);
    } else if let Some(at) = validation.open_names() {
        lint.found(Rule::PeerNamesOpen, &at, "no name is asked for");
    }
    true
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
            let found = Sources::named(&lint.sources.secrets, name, common);
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

    /// Where names would be asked for, if none are.
    pub(super) fn open_names(&self) -> Option<Node<'a>> {
        let names = [
            "match_typed_subject_alt_names",
            "match_subject_alt_names",
            // SPIFFE's takes those of its trust domains alone.
            "custom_validator_config",
            "verify_certificate_spki",
            "verify_certificate_hash",
        ];
        (!self.elsewhere && !self.says(&names)).then(|| self.place().at("match_typed_subject_alt_names"))
    }

    fn says(&self, fields: &[&str]) -> bool {
        self.contexts.iter().any(|context| fields.iter().any(|field| context.at(field).exists()))
    }

    fn place(&self) -> Node<'a> {
        self.contexts.first().cloned().unwrap_or_else(|| self.common.at("validation_context"))
    }
}
