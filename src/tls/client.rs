//! Who a client is, by its certificate, and whether it is listed.

use std::collections::HashSet;
use std::fmt;
use std::io;
use std::sync::Arc;

use rustls_pki_types::{CertificateDer, UnixTime};
use tokio_rustls::rustls::client::danger::HandshakeSignatureValid;
use tokio_rustls::rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use tokio_rustls::rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, InvalidMessage, OtherError, SignatureScheme,
};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::FromDer as _;

use crate::authz::{self, SpiffeId};
use crate::metrics::TlsRefused;

/// Lets in whose chain is good and whose SPIFFE id is listed.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) client_ca: Arc<dyn ClientCertVerifier>,
    pub(super) clients: Arc<HashSet<SpiffeId>>,
}

/// A client that may ask.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) id: SpiffeId,
    /// When its certificate ends.
    pub(super) not_after: authz::UnixTime,
}

/// Why a client may not ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) kind: TlsRefused,
    /// For the log.
    pub(super) why: String,
}

impl Listed {
    /// Judges a certificate and those between it and its authority as of now.
    pub(super) fn judge_now(&self, chain: &[CertificateDer<'_>]) -> Result<Client, Refusal> {
        let (leaf, between) = chain.split_first().ok_or_else(|| of_error(&Error::NoCertificatesPresented))?;
        self.judge(leaf, between, UnixTime::now())
    }

    fn judge(
        &self,
        leaf: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<Client, Refusal> {
        self.client_ca.verify_client_cert(leaf, between, now).map_err(|error| of_error(&error))?;
        let client = read(leaf)?;
        if self.clients.contains(&client.id) {
            Ok(client)
        } else {
            Err(Refusal::new(TlsRefused::ClientUnlisted, format_args!("`{}` is none of `tls.clients`", client.id)))
        }
    }
}

fn read(leaf: &CertificateDer<'_>) -> Result<Client, Refusal> {
    let unreadable = || Refusal::new(TlsRefused::CertificateInvalid, "the certificate can't be read");
    let Ok(([], leaf)) = X509Certificate::from_der(leaf) else { return Err(unreadable()) };
    let usage = leaf.key_usage().map_err(|_| unreadable())?;
    let invalid = |why: &str| Refusal::new(TlsRefused::SpiffeIdInvalid, why);
    // X509-SVID section 4.2: only the certificate of an authority may sign others.
    if leaf.is_ca() || usage.is_some_and(|usage| usage.value.key_cert_sign() || usage.value.crl_sign()) {
        return Err(invalid("the certificate is an authority's"));
    }
    let names = leaf.subject_alternative_name().map_err(|_| unreadable())?;
    let names = names.map(|names| names.value.general_names.as_slice()).unwrap_or_default();
    let mut uris = names.iter().filter_map(|name| match name {
        GeneralName::URI(uri) => Some(*uri),
        _ => None,
    });
    // X509-SVID section 2: exactly one URI, and it is the SPIFFE id. With two, which one counts is a
    // choice that others would make in another way.
    let (Some(uri), None) = (uris.next(), uris.next()) else {
        return Err(invalid("the certificate has not exactly one URI"));
    };
    let id = SpiffeId::parse(uri).ok_or_else(|| invalid("the certificate's URI is no SPIFFE id"))?;
    Ok(Client { id, not_after: authz::UnixTime::from_secs(leaf.validity().not_after.timestamp()) })
}

impl ClientCertVerifier for Listed {
    fn offer_client_auth(&self) -> bool {
        true
    }

    fn client_auth_mandatory(&self) -> bool {
        true
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        // They would tell a stranger whom we trust, and be most of what it gets for a small hello.
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        match self.judge(end_entity, intermediates, now) {
            Ok(_) => Ok(ClientCertVerified::assertion()),
            Err(refusal) => Err(Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(refusal))))),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.client_ca.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.client_ca.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.client_ca.supported_verify_schemes()
    }
}

impl Refusal {
    pub(super) fn new(kind: TlsRefused, why: impl fmt::Display) -> Self {
        Self { kind, why: why.to_string() }
    }

    /// Why a handshake failed.
    pub(super) fn of_handshake(error: &io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
            Some(error) => of_error(error),
            None => Self::new(TlsRefused::Disconnected, error),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl std::error::Error for Refusal {}

fn of_error(error: &Error) -> Refusal {
    let kind = match error {
        Error::InvalidCertificate(CertificateError::Other(OtherError(inner))) => {
            if let Some(refusal) = inner.downcast_ref::<Refusal>() {
                return refusal.clone();
            }
            TlsRefused::CertificateInvalid
        }
        Error::InvalidCertificate(fault) => of_certificate(fault),
        Error::NoCertificatesPresented => TlsRefused::CertificateMissing,
        Error::NoApplicationProtocol => TlsRefused::NoHttp2,
        Error::AlertReceived(_) => TlsRefused::ClientAlert,
        Error::InvalidMessage(InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion) => {
            TlsRefused::NotTls
        }
        _ => TlsRefused::Protocol,
    };
    Refusal::new(kind, error)
}

fn of_certificate(fault: &CertificateError) -> TlsRefused {
    match fault {
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => TlsRefused::CertificateExpired,
        CertificateError::UnknownIssuer | CertificateError::BadSignature => TlsRefused::CertificateUntrusted,
        _ => TlsRefused::CertificateInvalid,
    }
}
