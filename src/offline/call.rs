//! One call, as the message that Envoy would send about it.

use std::collections::HashMap;

use envoy_types::pb::envoy::config::core::v3::{HeaderMap, HeaderValue};
use envoy_types::pb::envoy::service::auth::v3::attribute_context::{HttpRequest, Peer, Request};
use envoy_types::pb::envoy::service::auth::v3::{AttributeContext, CheckRequest};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::envoy::decode::{BODY_MARKER, SERVICE_EXTENSION};

/// A call. What is empty is not there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Call {
    pub method: String,
    /// The request target, with its query.
    pub path: String,
    /// In their order; a name may be there more than once.
    pub headers: Vec<(String, String)>,
    pub body: Option<Vec<u8>>,
    /// Identity of the mTLS peer.
    pub peer: String,
    /// PEM of its certificate.
    pub certificate: String,
    /// The service that Envoy's route names.
    pub service: Option<String>,
}

impl Call {
    #[must_use]
    pub fn message(self) -> CheckRequest {
        let mut headers = self.headers;
        if self.body.is_some() && !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(BODY_MARKER)) {
            // As Envoy marks one that it handed over whole.
            headers.push((BODY_MARKER.to_owned(), "false".to_owned()));
        }
        let headers = headers.into_iter().map(|(key, value)| HeaderValue {
            key,
            raw_value: value.into_bytes(),
            ..HeaderValue::default()
        });
        let http = HttpRequest {
            method: self.method,
            path: self.path,
            header_map: Some(HeaderMap { headers: headers.collect() }),
            raw_body: self.body.unwrap_or_default(),
            ..HttpRequest::default()
        };
        let service = self.service.map(|name| HashMap::from([(SERVICE_EXTENSION.to_owned(), name)]));
        CheckRequest {
            attributes: Some(AttributeContext {
                source: Some(Peer {
                    principal: self.peer,
                    // As Envoy has it.
                    certificate: utf8_percent_encode(&self.certificate, NON_ALPHANUMERIC).to_string(),
                    ..Peer::default()
                }),
                request: Some(Request { http: Some(http), ..Request::default() }),
                context_extensions: service.unwrap_or_default(),
                ..AttributeContext::default()
            }),
        }
    }
}
