//! Every rule: its name, how bad it is to break it, why, and what to write instead.
//!
//! The names are API, and `docs/lint-envoy.md` lists them.

use serde::{Serialize, Serializer};

use super::finding::Severity;

macro_rules! rules {
    ($($name:ident $severity:ident $id:literal $why:literal $fix:literal)*) => {
        /// A rule for the Envoy in front of hopgate.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rule { $($name),* }

        impl Rule {
            /// In the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Such as `failure-mode-allow`.
            #[must_use]
            pub fn id(self) -> &'static str {
                match self { $(Self::$name => $id),* }
            }

            #[must_use]
            pub fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity),* }
            }

            /// What happens where it is broken.
            #[must_use]
            pub fn why(self) -> &'static str {
                match self { $(Self::$name => $why),* }
            }

            /// What to write instead.
            #[must_use]
            pub fn fix(self) -> &'static str {
                match self { $(Self::$name => $fix),* }
            }
        }
    };
}

impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.id())
    }
}

rules! {
    // ---- is hopgate asked at all? ----
    AuthzMissing Error "authz-missing"
        "calls reach the service, and hopgate is never asked"
        "put `envoy.filters.http.ext_authz` first in `http_filters`, or name the listener with `--unchecked` where that is meant"
    AuthzMissingOnLoopback Note "authz-missing-on-loopback"
        "on its way out a call is not judged here but by the hop it goes to; whoever is on this host or in this pod may use it"
        "nothing, where this is the way out"
    ListenerUnchecked Note "listener-unchecked"
        "the operator says with `--unchecked` that hopgate is not to be asked here"
        "nothing, where nothing behind it needs protection"
    RouteUnchecked Error "route-unchecked"
        "calls of this route are forwarded, and hopgate is never asked"
        "take `disabled: true` away; a public path is made in hopgate (`public: true`), which keeps its record"
    AuthzOffByDefault Note "authz-off-by-default"
        "hopgate is asked on those routes alone that turn the filter on; this lint looks at each, but the next one may be forgotten"
        "take `disabled: true` of the filter away where each route shall be checked"
    AuthzConditional Error "authz-conditional"
        "what the matcher skips is forwarded, and hopgate is never asked"
        "put the filter into `http_filters` by itself, outside any matcher or composite filter"
    AuthzSampled Error "authz-sampled"
        "`filter_enabled` takes a part of the calls out, and those pass"
        "take `filter_enabled` away"
    AuthzByMetadata Error "authz-by-metadata"
        "calls whose metadata does not match pass, and hopgate is never asked"
        "take `filter_enabled_metadata` away"
    AuthzSwitchable Warning "authz-switchable"
        "whoever may change Envoy's runtime (its admin interface may) switches hopgate off, and calls pass"
        "set `deny_at_disable: { runtime_key: ext_authz.deny_at_disable, default_value: true }`, or take `filter_enabled` away"
    AuthzShadow Error "authz-shadow"
        "in shadow mode Envoy asks, and lets the call pass whatever hopgate answers"
        "take `shadow_mode` away; hopgate observes by itself, check by check (`enforcement`)"
    AuthzOptional Warning "authz-optional"
        "an Envoy that lacks the filter leaves it out without a word, and calls pass"
        "take `is_optional` away"
    AuthzTwice Warning "authz-twice"
        "each of them asks for every call: a single-use token or a proof was used already when the second one asks"
        "keep one, or say with `--cluster` which one is hopgate's"
    UpgradeUnchecked Error "upgrade-unchecked"
        "a call that asks for this upgrade runs through this list of filters instead of `http_filters`"
        "take `filters` away, or put `envoy.filters.http.ext_authz` first in it"
    ConnectTunnel Warning "connect-tunnel"
        "after one decision on CONNECT the caller sends what it likes through the tunnel"
        "take the upgrade to CONNECT away"
    TcpUnchecked Error "tcp-unchecked"
        "this filter chain forwards bytes; no HTTP filter, and so not hopgate, sees them"
        "give the chain an HTTP connection manager with `envoy.filters.http.ext_authz`, or name the listener with `--unchecked`"
    RoutesUnknown Error "routes-unknown"
        "the routes come from elsewhere, so that nobody can say whether one of them leaves hopgate out"
        "give the file of these routes too, or lint a config dump: `curl localhost:15000/config_dump`"
    FilterUnknown Error "filter-unknown"
        "the filter's settings come from elsewhere, so that nobody can say what it does"
        "write it as `typed_config`, or lint a config dump"
    ListenersElsewhere Warning "listeners-elsewhere"
        "more listeners come from elsewhere, and nothing is known of them"
        "lint a config dump of the running Envoy instead"
    ManagerUnseen Error "manager-unseen"
        "there is an HTTP connection manager where this lint did not expect one, so it did not look at it"
        "move it into a filter chain of a listener"
    // ---- what happens around the filter ----
    AnswerBeforeAuthz Error "answer-before-authz"
        "this filter answers calls by itself (a cache with what another caller got), and hopgate is not asked"
        "put it behind `envoy.filters.http.ext_authz`"
    CodeBeforeAuthz Warning "code-before-authz"
        "code that runs first can answer by itself, and then hopgate is not asked and there is no record"
        "put `envoy.filters.http.ext_authz` first, where the code need not run before it"
    CodeAfterAuthz Warning "code-after-authz"
        "what it changes (path, headers, body, route) was judged as it was before"
        "put it in front of `envoy.filters.http.ext_authz`, so that hopgate judges what the service gets"
    ClearRouteCache Error "clear-route-cache"
        "the route is picked anew after hopgate allowed the call: perhaps another service's, which was not judged"
        "set `clear_route_cache: false`"
    RouteClearedAfterAuthz Error "route-cleared-after-authz"
        "this filter runs behind hopgate and has the route picked anew: perhaps another service's, which was not judged"
        "put it in front of `envoy.filters.http.ext_authz`, or keep it from clearing the route cache"
    McpFilterLax Warning "mcp-filter-lax"
        "it lets pass what it can't read, and takes the last of two equal names; what it found is not what hopgate judges"
        "set `traffic_mode: REJECT_NO_MCP` and `reject_duplicate_keys: true`, and don't route by its metadata"
    // ---- what happens when hopgate can't be asked ----
    FailureModeAllow Error "failure-mode-allow"
        "a call about which hopgate could not be asked in time passes: whoever makes it slow is let in"
        "set `failure_mode_allow: false`"
    StatusOnErrorSuccess Error "status-on-error-success"
        "a call that could not be checked is answered as if it had succeeded"
        "set `status_on_error: { code: ServiceUnavailable }`"
    StatusOnErrorUnset Note "status-on-error-unset"
        "a hopgate that is gone then looks like a refusal (403), and clients don't try again"
        "set `status_on_error: { code: ServiceUnavailable }`"
    ValidateMutationsOff Warning "validate-mutations-off"
        "a header from hopgate that Envoy can't set is left out, and the call goes on without it"
        "set `validate_mutations: true`"
    TransportNotV3 Error "transport-not-v3"
        "hopgate speaks version 3 of the protocol, and Envoy refuses the others"
        "set `transport_api_version: V3`"
    HttpService Error "http-service"
        "hopgate speaks gRPC; asked by HTTP it answers nothing that Envoy understands"
        "use `grpc_service: { envoy_grpc: { cluster_name: hopgate } }`"
    GoogleGrpc Error "google-grpc"
        "Google's client resets every call over a Unix socket, and its TLS and limits are not those of a cluster of Envoy's"
        "use `envoy_grpc`"
    TimeoutUnset Warning "timeout-unset"
        "Envoy waits for 0.2 s, which leaves little room for the 0.1 s that a call may wait for a new signing key"
        "set `timeout: 0.5s` in `grpc_service`"
    TimeoutShort Warning "timeout-short"
        "a call may wait 0.1 s for a new signing key, so that Envoy gives up on calls that hopgate would decide"
        "set `timeout: 0.5s` in `grpc_service`"
    TimeoutNone Warning "timeout-none"
        "0 means for ever: a hopgate that hangs holds every call"
        "set `timeout: 0.5s` in `grpc_service`"
    TimeoutLong Note "timeout-long"
        "a hopgate that hangs holds every call for that long; it answers within its own `limits.deadline` anyway"
        "set `timeout: 0.5s` in `grpc_service`"
    CheckRetried Warning "check-retried"
        "the first of two checks may have used the single-use token or the proof up, so that the second one refuses"
        "take the `retry_policy` of `grpc_service` away"
    // ---- what hopgate gets to see ----
    RawHeadersOff Warning "raw-headers-off"
        "repeated headers arrive joined by commas, and bytes that are no UTF-8 arrive changed"
        "set `encode_raw_headers: true`"
    PeerCertificateOff Warning "peer-certificate-off"
        "tokens that are bound to a certificate (`cnf.x5t#S256`) are refused, since none arrives"
        "set `include_peer_certificate: true`"
    TlsSessionOff Note "tls-session-off"
        "the server name of the connection does not arrive"
        "set `include_tls_session: true`"
    PartialBody Error "partial-body"
        "of a long body hopgate gets the beginning, and the end may say something else"
        "set `allow_partial_message: false`"
    BodyAsText Error "body-as-text"
        "bytes that are no UTF-8 are replaced, so that hopgate reads another body than the service"
        "set `pack_as_bytes: true` in the filter's own `with_request_body`; Envoy takes it from there alone"
    BodyLimitLarge Warning "body-limit-large"
        "hopgate refuses bodies above its `limits.body_bytes`, 64 KiB unless changed"
        "set `max_request_bytes: 65536`, or raise `limits.body_bytes` as well"
    BodyLimitBeyondMessage Error "body-limit-beyond-message"
        "a check above `limits.message_bytes`, 4 MiB unless changed, can't be read, and each is refused"
        "set `max_request_bytes: 65536`"
    BodyUnread Warning "body-unread"
        "the route looks like one of MCP or A2A, whose calls hopgate judges by the body: without it each is refused"
        "take `disable_request_body_buffering` away, or add `with_request_body` to the filter"
    AllowedHeadersHide Error "allowed-headers-hide"
        "hopgate does not get a header that it decides by"
        "take `allowed_headers` away, or add those that docs/envoy.md lists"
    DisallowedHeadersHide Error "disallowed-headers-hide"
        "hopgate does not get a header that it decides by"
        "take the header out of `disallowed_headers`"
    MutationRulesForbid Error "mutation-rules-forbid"
        "Envoy does not set what hopgate asks for, so that a caller's own header reaches the service in its place"
        "take `decoder_header_mutation_rules` away, or let `x-hopgate-…`, `authorization` and `dpop` be changed"
    MetadataNotKept Warning "metadata-not-kept"
        "decision, reason and decision id are missing in the access log"
        "take `enable_dynamic_metadata_ingestion: false` away"
    PerRouteUnmatched Warning "per-route-unmatched"
        "settings of a route are found by the filter's `name`; under another name they do nothing"
        "use the `name` of the filter in `http_filters` as the key"
    RouteAsksAnother Error "route-asks-another"
        "calls of this route are decided by another server than hopgate"
        "take the service of `check_settings` away"
    ServiceUnnamed Warning "service-unnamed"
        "other routes name their service and this one does not: with several services hopgate refuses its calls"
        "set `check_settings: { context_extensions: { service: NAME } }`"
    // ---- the HTTP connection manager ----
    PathNotNormalized Warning "path-not-normalized"
        "the service may read `/public/../admin` as another path than the one that was judged; hopgate refuses such paths"
        "set `normalize_path: true`"
    SlashesNotMerged Warning "slashes-not-merged"
        "the service may read `//admin` as another path than the one that was judged; hopgate refuses such paths"
        "set `merge_slashes: true`"
    EscapedSlashes Warning "escaped-slashes"
        "the service may read `%2F` and `%5C` as slashes; hopgate refuses such paths"
        "set `path_with_escaped_slashes_action: REJECT_REQUEST`"
    PathViewsDiffer Error "path-views-differ"
        "filters, and so hopgate, and the service get the path in two different forms"
        "take `path_normalization_options` away and set `normalize_path` and `merge_slashes`"
    ClientCertForwarded Error "client-cert-forwarded"
        "a caller's own `x-forwarded-client-cert` is handed on: whoever takes it for Envoy's word takes any name"
        "set `forward_client_cert_details: SANITIZE_SET`"
    ClientCertAppended Warning "client-cert-appended"
        "the caller writes the first entries of `x-forwarded-client-cert`"
        "set `forward_client_cert_details: SANITIZE_SET`, unless hopgate's `forwarded_client_cert` says whose entries count"
    // ---- the listener ----
    PlaintextInbound Warning "plaintext-inbound"
        "tokens cross the network readable, and no caller can be compared with the agent in its token"
        "give the chain a `transport_socket` with TLS that requires client certificates"
    ClientCertificateOptional Warning "client-certificate-optional"
        "who shows no certificate is let in as nobody, and whoever compares it with a token's agent refuses it only there"
        "set `require_client_certificate: true`"
    ClientCertificateNotAsked Note "client-certificate-not-asked"
        "callers have no name here, so that `bind_caller` refuses them all; right for the edge, where clients are browsers and apps"
        "between workloads, set `require_client_certificate: true` and a `validation_context`"
    PeerUnverified Error "peer-unverified"
        "any certificate is taken, so that a caller has whatever name it writes into its own"
        "set `trusted_ca` (or SPIFFE's validator), and leave `trust_chain_verification` as it is by default"
    PeerNamesOpen Warning "peer-names-open"
        "whatever name the authority has signed is a peer, also one that is no workload of this mesh"
        "set `match_typed_subject_alt_names` to your trust domain, such as `prefix: \"spiffe://cluster.local/\"`"
    // ---- routes ----
    ClusterFromHeader Error "cluster-from-header"
        "the caller says in a header which service its call goes to, after hopgate judged it for another"
        "name the cluster in the route"
    ClusterFromPlugin Warning "cluster-from-plugin"
        "code picks the service, after hopgate judged the call for the one that the route names"
        "name the cluster in the route"
    IdentityHeaderAdded Error "identity-header-added"
        "routes write headers after hopgate did, so that the service gets another identity than the one that was proven"
        "take the header out of `request_headers_to_add`"
    InternalRedirect Warning "internal-redirect"
        "the service's answer makes Envoy call again, with the headers that hopgate left: without its token it is refused, or passes elsewhere"
        "take `internal_redirect_policy` away"
    PathRewritten Note "path-rewritten"
        "hopgate judges the path as the caller wrote it, the service gets another"
        "nothing, where hopgate's routes are written for the path before the change"
    RetriedUpstream Warning "retried-upstream"
        "one decision, and the service may do it twice: also what a single-use token or an approval was for"
        "retry only what never reached the service: `retry_on: connect-failure,refused-stream`"
    StreamCut Warning "stream-cut"
        "the route looks like one of MCP or A2A, whose answers may be streams, and Envoy ends each after 15 s or what is set"
        "set `timeout: 0s` with `idle_timeout` and `max_stream_duration`"
    StreamUnbounded Warning "stream-unbounded"
        "a stream that was allowed once goes on after its token has expired or was revoked"
        "set `max_stream_duration` no longer than tokens live"
    RequestMirrored Note "request-mirrored"
        "another service gets a copy of each call, which was not judged for it"
        "nothing, where that service may see what this one sees"
    // ---- hopgate's own cluster ----
    ClusterMissing Error "cluster-missing"
        "Envoy has no such cluster here, so that no call can be checked"
        "add the cluster, or lint a config dump"
    ClusterHttp1 Error "cluster-http1"
        "gRPC needs HTTP/2: no call can be checked"
        "set `explicit_http_config: { http2_protocol_options: {} }` in the cluster's `HttpProtocolOptions`"
    ClusterPlaintext Error "cluster-plaintext"
        "whoever is on the way reads every token, and can answer in hopgate's place"
        "use a Unix socket, or TLS with client certificates (hopgate's `tls`)"
    ClusterUnverified Error "cluster-unverified"
        "any server can answer in hopgate's place, and allow everything"
        "set `validation_context` with `trusted_ca` and hopgate's name in `match_typed_subject_alt_names`"
    ClusterNamesOpen Warning "cluster-names-open"
        "whoever has a certificate of that authority can answer in hopgate's place"
        "set `match_typed_subject_alt_names` to hopgate's name"
    ClusterNoCertificate Warning "cluster-no-certificate"
        "hopgate takes checks over TCP from clients with a certificate alone"
        "set `tls_certificates` in the cluster's `common_tls_context`"
    ClusterByCaller Error "cluster-by-caller"
        "where the check goes follows the call's own destination or host: the caller may pick who decides"
        "give the cluster fixed endpoints"
    ClusterAbstractSocket Warning "cluster-abstract-socket"
        "an abstract socket has no owner and no mode: any process of the network namespace may take its name first"
        "use a path in a folder that only Envoy and hopgate share"
    // ---- Envoy itself ----
    AdminExposed Error "admin-exposed"
        "whoever reaches the admin interface reads the configuration, ends Envoy, and changes its runtime"
        "bind it to 127.0.0.1 or to a Unix socket"
    RuntimeOverridesAuthz Error "runtime-overrides-authz"
        "the runtime layer sets the very key that the filter asks"
        "take the key out of `layered_runtime`"
}
