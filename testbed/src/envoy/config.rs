use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::tls::Mtls;

/// One Envoy. Its admin listens on a loopback port of its own choice.
///
/// Everything not said is as hopgate asks an operator to have it; every safe setting is a public field, so that a
/// test can turn one off and show what then gets past.
#[derive(Clone, Debug)]
pub struct Config {
    /// The node's id and service name, for reading logs of several.
    pub name: String,
    pub listeners: Vec<Listener>,
    /// Worker threads; one by default, so that several Envoys share a small machine.
    pub workers: u32,
}

impl Config {
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), listeners: Vec::new(), workers: 1 }
    }

    #[must_use]
    pub fn listener(mut self, listener: Listener) -> Self {
        self.listeners.push(listener);
        self
    }
}

/// A loopback listener that speaks HTTP/1.1 and HTTP/2, and what happens to its requests.
///
/// An egress listener is one without TLS whose route's [`Upstream`] has it.
#[derive(Clone, Debug)]
pub struct Listener {
    /// How [`Envoy::address`](super::Envoy::address) and Envoy's stats call it.
    pub name: String,
    /// 0 for a port of the operating system's choice.
    pub port: u16,
    /// Client certificates required, or plain text.
    pub mtls: Option<Mtls>,
    pub hcm: Hcm,
    pub authorization: Authorization,
    /// The first that matches wins. Without any, every request is 404.
    pub routes: Vec<Route>,
    /// A file of one JSON line per request, with what the authorization answered as `authz`.
    pub access_log: Option<PathBuf>,
}

impl Listener {
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            port: 0,
            mtls: None,
            hcm: Hcm::default(),
            authorization: Authorization::None,
            routes: Vec::new(),
            access_log: None,
        }
    }

    /// Plain HTTP in, everything out to `upstream`.
    #[must_use]
    pub fn egress(name: impl Into<String>, upstream: Upstream) -> Self {
        Self { routes: vec![Route::to(upstream)], ..Self::new(name) }
    }
}

/// The HTTP connection manager's settings that decide which path and which caller authorization sees.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of Envoy's, on its own")]
pub struct Hcm {
    pub normalize_path: bool,
    pub merge_slashes: bool,
    /// False keeps `%2F` and `%5C` as they came, Envoy's own default.
    pub reject_escaped_slashes: bool,
    /// False forwards a client's own `x-forwarded-client-cert`, which is a forgery.
    pub sanitize_client_cert: bool,
}

impl Default for Hcm {
    fn default() -> Self {
        Self { normalize_path: true, merge_slashes: true, reject_escaped_slashes: true, sanitize_client_cert: true }
    }
}

/// Which filter stands in front of the router.
#[derive(Clone, Debug)]
pub enum Authorization {
    None,
    ExtAuthz(ExtAuthz),
    JwtAuthn(JwtAuthn),
}

impl From<ExtAuthz> for Authorization {
    fn from(filter: ExtAuthz) -> Self {
        Self::ExtAuthz(filter)
    }
}

impl From<JwtAuthn> for Authorization {
    fn from(filter: JwtAuthn) -> Self {
        Self::JwtAuthn(filter)
    }
}

/// `envoy.filters.http.ext_authz` over gRPC.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of Envoy's filter, under Envoy's name")]
pub struct ExtAuthz {
    pub server: AuthzServer,
    /// Of one Check; past it the call is in error and `failure_mode_allow` decides.
    pub timeout: Duration,
    pub failure_mode_allow: bool,
    /// The HTTP status of a call that could not be checked.
    pub status_on_error: u16,
    pub validate_mutations: bool,
    /// True fills `header_map`, false the `headers` map that joins repeated headers.
    pub encode_raw_headers: bool,
    pub include_peer_certificate: bool,
    pub include_tls_session: bool,
    pub clear_route_cache: bool,
    /// For every route but those that are [`Route::unbuffered`]. It can't be said of one route: Envoy 1.40 takes all but
    /// `pack_as_bytes` from a route's own settings.
    pub request_body: Option<RequestBody>,
}

impl ExtAuthz {
    /// Asks the server at `server`: a Unix socket's path, or a loopback address.
    #[must_use]
    pub fn at(server: impl Into<AuthzServer>) -> Self {
        Self {
            server: server.into(),
            timeout: Duration::from_secs(1),
            failure_mode_allow: false,
            status_on_error: 503,
            validate_mutations: true,
            encode_raw_headers: true,
            include_peer_certificate: true,
            include_tls_session: true,
            clear_route_cache: false,
            request_body: None,
        }
    }
}

#[derive(Clone, Debug)]
pub enum AuthzServer {
    Unix(PathBuf),
    Tcp(SocketAddr),
    /// Over TLS, with Envoy's own certificate and the server it expects.
    Tls(SocketAddr, Mtls),
}

impl From<PathBuf> for AuthzServer {
    fn from(path: PathBuf) -> Self {
        Self::Unix(path)
    }
}

impl From<SocketAddr> for AuthzServer {
    fn from(address: SocketAddr) -> Self {
        Self::Tcp(address)
    }
}

/// How much of a request's body the authorization server is shown.
#[derive(Clone, Debug)]
pub struct RequestBody {
    pub max_bytes: u32,
    /// True sends the first bytes of a longer body; false answers it 413 unasked.
    pub allow_partial: bool,
    /// True fills `raw_body`; false `body`, with what is no UTF-8 replaced.
    pub as_bytes: bool,
}

impl Default for RequestBody {
    fn default() -> Self {
        Self { max_bytes: 65_536, allow_partial: false, as_bytes: true }
    }
}

/// `envoy.filters.http.jwt_authn` with one issuer, for comparison.
#[derive(Clone, Debug)]
pub struct JwtAuthn {
    pub issuer: String,
    pub audience: String,
    /// The JWKS itself, as JSON text.
    pub jwks: String,
    /// How many verified tokens the filter remembers; `None` verifies each time, as it does unasked.
    pub cached_tokens: Option<u32>,
}

/// Requests whose path starts with `prefix`, and where they go.
#[derive(Clone, Debug)]
pub struct Route {
    pub prefix: String,
    pub action: Action,
    /// What the authorization server is told of this route, out of the caller's reach.
    pub context_extensions: BTreeMap<String, String>,
    /// True keeps the bodies of this route from the authorization server, which then need not have ended.
    pub unbuffered: bool,
    /// True takes the route out of authorization.
    pub unchecked: bool,
}

#[derive(Clone, Debug)]
pub enum Action {
    Forward(Upstream),
    /// Envoy answers by itself.
    Respond {
        status: u16,
        body: String,
    },
}

impl Route {
    /// Every request to `upstream`.
    #[must_use]
    pub fn to(upstream: Upstream) -> Self {
        Self::with(Action::Forward(upstream))
    }

    /// Every request answered by Envoy itself.
    #[must_use]
    pub fn respond(status: u16, body: impl Into<String>) -> Self {
        let body = body.into();
        Self::with(Action::Respond { status, body })
    }

    fn with(action: Action) -> Self {
        Self {
            prefix: "/".to_owned(),
            action,
            context_extensions: BTreeMap::new(),
            unbuffered: false,
            unchecked: false,
        }
    }

    #[must_use]
    pub fn under(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    #[must_use]
    pub fn context(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.context_extensions.insert(key.into(), value.into());
        self
    }
}

/// A server that requests are forwarded to.
#[derive(Clone, Debug)]
pub struct Upstream {
    pub address: SocketAddr,
    /// HTTP/2 instead of HTTP/1.1, as gRPC needs.
    pub http2: bool,
    /// Our client certificate, and the server we expect.
    pub mtls: Option<Mtls>,
}

impl Upstream {
    /// Plain HTTP/1.1.
    #[must_use]
    pub fn at(address: impl Into<SocketAddr>) -> Self {
        Self { address: address.into(), http2: false, mtls: None }
    }
}
