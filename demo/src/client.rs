//! A client that sends exactly what it is told: no normalized path, no joined headers.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use testbed::envoy::Identity;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::aws_lc_rs::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore, version};

use crate::Fault;
use crate::folder::Folder;

/// For one call through Envoy and hopgate and back.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a server that refuses our certificate may take to say so. TLS 1.3 lets the client believe that the
/// handshake is over before the server has looked.
const ALERT_WITHIN: Duration = Duration::from_secs(2);

pub(crate) enum Answer {
    Http(Response<Bytes>),
    /// The server ended the handshake with this alert (RFC 8446 section 6).
    Tls(String),
}

/// Calls `address` as `identity`, by HTTP/1.1 or HTTP/2, on a connection of its own.
///
/// With `expect_alert` it first listens whether the handshake is refused: a request in flight at that moment can cost
/// the alert.
pub(crate) async fn call(
    folder: &Folder,
    address: SocketAddr,
    identity: Option<&Identity>,
    request: Request<Full<Bytes>>,
    expect_alert: bool,
) -> Result<Answer, Fault> {
    let called = timeout(PATIENCE, async {
        let mut tls = match connect(folder, address, identity, request.version()).await {
            Ok(tls) => tls,
            Err(error) => return refused(error),
        };
        if expect_alert {
            match timeout(ALERT_WITHIN, tls.read_u8()).await {
                Ok(Err(error)) => return refused(error.into()),
                Ok(Ok(byte)) => return Err(format!("the server spoke first: {byte:#04x}").into()),
                Err(_) => {}
            }
        }
        send(tls, request).await.map(Answer::Http)
    });
    called.await.map_err(|_| format!("no answer within {PATIENCE:?}"))?
}

async fn connect(
    folder: &Folder,
    address: SocketAddr,
    identity: Option<&Identity>,
    version: http::Version,
) -> Result<TlsStream<TcpStream>, Fault> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(folder.trust_bundle())?)?;
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[&version::TLS13])?
        .with_root_certificates(roots);
    let mut config = match identity {
        None => builder.with_no_client_auth(),
        Some(identity) => builder.with_client_auth_cert(
            vec![CertificateDer::from_pem_file(&identity.certificate)?],
            PrivateKeyDer::from_pem_file(&identity.key)?,
        )?,
    };
    let alpn: &[u8] = if version == http::Version::HTTP_2 { b"h2" } else { b"http/1.1" };
    config.alpn_protocols = vec![alpn.to_vec()];
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(TlsConnector::from(Arc::new(config)).connect(ServerName::from(address.ip()), stream).await?)
}

async fn send(tls: TlsStream<TcpStream>, request: Request<Full<Bytes>>) -> Result<Response<Bytes>, Fault> {
    let io = TokioIo::new(tls);
    if request.version() == http::Version::HTTP_2 {
        let (mut sender, connection) = http2::handshake(TokioExecutor::new(), io).await?;
        let connection = tokio::spawn(connection);
        let response = collected(sender.send_request(request).await?).await;
        connection.abort();
        response
    } else {
        let (mut sender, connection) = http1::handshake(io).await?;
        let connection = tokio::spawn(connection);
        let response = collected(sender.send_request(request).await?).await;
        connection.abort();
        response
    }
}

async fn collected(response: Response<hyper::body::Incoming>) -> Result<Response<Bytes>, Fault> {
    let (parts, body) = response.into_parts();
    Ok(Response::from_parts(parts, body.collect().await?.to_bytes()))
}

/// The alert, where that is why the connection failed.
fn refused(error: Fault) -> Result<Answer, Fault> {
    let alert = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref).and_then(|inner| {
        let inner: &(dyn Error + 'static) = inner;
        match inner.downcast_ref::<rustls::Error>() {
            Some(rustls::Error::AlertReceived(alert)) => Some(format!("{alert:?}")),
            _ => None,
        }
    });
    alert.map(Answer::Tls).ok_or(error)
}
