//! Mutual TLS by SPIFFE → Envoy's transport sockets.

use serde_json::{Value, json};

use super::render::{put, url};
use super::tls::Mtls;

pub(super) fn downstream_tls(mtls: &Mtls) -> Value {
    json!({
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": url("envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext"),
            "require_client_certificate": true,
            "common_tls_context": common_tls(mtls, &["h2", "http/1.1"]),
        },
    })
}

pub(super) fn upstream_tls(mtls: &Mtls, http2: bool) -> Value {
    json!({
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": url("envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext"),
            "common_tls_context": common_tls(mtls, &[if http2 { "h2" } else { "http/1.1" }]),
        },
    })
}

fn common_tls(mtls: &Mtls, alpn: &[&str]) -> Value {
    let mut validation = json!({
        "custom_validator_config": {
            "name": "envoy.tls.cert_validator.spiffe",
            "typed_config": {
                "@type": url("envoy.extensions.transport_sockets.tls.v3.SPIFFECertValidatorConfig"),
                "trust_domains": [{
                    "name": mtls.trust_domain,
                    "trust_bundle": { "filename": mtls.trust_bundle },
                }],
            },
        },
    });
    if !mtls.peers.is_empty() {
        let ids =
            mtls.peers.iter().map(|id| json!({ "san_type": "URI", "matcher": { "exact": id } })).collect::<Vec<_>>();
        put(&mut validation, "match_typed_subject_alt_names", json!(ids));
    }
    let mut context = json!({
        "alpn_protocols": alpn,
        "tls_certificates": [{
            "certificate_chain": { "filename": mtls.identity.certificate },
            "private_key": { "filename": mtls.identity.key },
        }],
        "validation_context": validation,
    });
    if mtls.only_1_3 {
        let versions = json!({
            "tls_minimum_protocol_version": "TLSv1_3",
            "tls_maximum_protocol_version": "TLSv1_3",
        });
        put(&mut context, "tls_params", versions);
    }
    context
}
