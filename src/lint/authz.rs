//! The settings of the `ext_authz` filter that asks hopgate.

use std::time::Duration;

use super::Lint;
use super::body;
use super::filters::Filter;
use super::headers;
use super::node::Node;
use super::rules::Rule;

/// No body of a refusal is longer.
const REFUSAL_BYTES: u64 = 4096;

/// What stands around the filter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Around {
    /// Callers show certificates on this listener.
    pub(super) certificates: bool,
    /// Behind it, whatever hopgate has not allowed is refused.
    pub(super) guarded: bool,
}

pub(super) fn lint<'a>(lint: &Lint<'a>, filter: &Filter<'a>, around: Around) {
    if filter.conditional {
        lint.found(
            Rule::AuthzConditional,
            &filter.entry,
            format_args!("`{}` runs where a matcher says so", filter.name),
        );
    }
    if filter.off_by_default() {
        lint.found(Rule::AuthzOffByDefault, &filter.entry.at("disabled"), "found `true`");
    }
    let optional = filter.entry.at("is_optional");
    if optional.on() {
        lint.found(Rule::AuthzOptional, &optional, "found `true`");
    }
    if filter.known {
        lint_settings(lint, &filter.config, around);
    }
    lint_until_discovered(lint, filter, around);
}

/// What runs until a discovered filter has its settings.
fn lint_until_discovered<'a>(lint: &Lint<'a>, filter: &Filter<'a>, around: Around) {
    let default = filter.entry.at("config_discovery").at("default_config");
    if !default.exists() {
        return;
    }
    let message = default.message();
    if message.kind == filter.kind {
        lint_settings(lint, &message.fields, around);
    } else {
        lint.found(Rule::AuthzConditional, &default, "another filter runs until this one is discovered");
    }
}

fn lint_settings<'a>(lint: &Lint<'a>, config: &Node<'a>, around: Around) {
    lint_switches(lint, config, around.certificates);
    lint_turned_off(lint, config, around.guarded);
    let status = config.at("status_on_error");
    lint_status(lint, &status.at("code"), &status);
    let version = config.at("transport_api_version");
    if version.choice(&["AUTO", "V2", "V3"]) != Some("V3") {
        lint.found(Rule::TransportNotV3, &version, format_args!("found {}", version.shown()));
    }
    let cut = config.at("max_denied_response_body_bytes");
    if cut.number().is_some_and(|bytes| (1..REFUSAL_BYTES).contains(&bytes)) {
        lint.found(Rule::RefusalCut, &cut, format_args!("found {}", cut.shown()));
    }
    lint_service(lint, config);
    body::lint(lint, &config.at("with_request_body"));
    headers::lint(lint, config);
}

/// Settings that are merged into a filter which has others, too: what is not there is no matter.
pub(super) fn lint_merged(lint: &Lint<'_>, config: &Node<'_>) {
    for (field, wanted, rule) in MUST_BE {
        let switch = config.at(field);
        if switch.switch().is_some_and(|found| found != wanted) {
            lint.found(rule, &switch, format_args!("found {}", switch.shown()));
        }
    }
    let status = config.down("status_on_error.code");
    if status.exists() {
        lint_status(lint, &status, &status);
    }
    let partial = config.down("with_request_body.allow_partial_message");
    if partial.on() {
        lint.found(Rule::PartialBody, &partial, "found `true`");
    }
    let allowed = config.at("allowed_headers");
    if allowed.exists() || config.at("disallowed_headers").exists() {
        headers::lint(lint, config);
    }
}

const MUST_BE: [(&str, bool, Rule); 7] = [
    ("failure_mode_allow", false, Rule::FailureModeAllow),
    ("shadow_mode", false, Rule::AuthzShadow),
    ("clear_route_cache", false, Rule::ClearRouteCache),
    ("validate_mutations", true, Rule::ValidateMutationsOff),
    ("encode_raw_headers", true, Rule::RawHeadersOff),
    ("include_peer_certificate", true, Rule::PeerCertificateOff),
    ("include_tls_session", true, Rule::TlsSessionOff),
];

fn lint_switches(lint: &Lint<'_>, config: &Node<'_>, certificates: bool) {
    for (field, wanted, rule) in MUST_BE {
        let switch = config.at(field);
        let about_tls = matches!(rule, Rule::PeerCertificateOff | Rule::TlsSessionOff);
        if switch.on() != wanted && (certificates || !about_tls) {
            lint.found(rule, &switch, format_args!("found {}", switch.shown()));
        }
    }
    let metadata = config.at("enable_dynamic_metadata_ingestion");
    if metadata.switch() == Some(false) {
        lint.found(Rule::MetadataNotKept, &metadata, "found `false`");
    }
}

/// What takes calls out of the filter. Where those are then refused, that is a switch, too, and both can be turned.
fn lint_turned_off<'a>(lint: &Lint<'a>, config: &Node<'a>, guarded: bool) {
    let deny = config.at("deny_at_disable");
    let enabled = config.at("filter_enabled");
    let key = |flag: &Node<'a>| flag.at("runtime_key").text().filter(|key| !key.is_empty());
    lint.runtime_keys.borrow_mut().extend([&deny, &enabled].into_iter().filter_map(key));
    if guarded {
        return;
    }
    let refused = deny.at("default_value").on();
    let metadata = config.at("filter_enabled_metadata");
    if metadata.exists() {
        let rule = if refused { Rule::AuthzSwitchable } else { Rule::AuthzByMetadata };
        lint.found(rule, &metadata, "calls are checked by their metadata");
    }
    if !enabled.exists() {
        return;
    }
    let share = enabled.at("default_value");
    let whole = match share.at("denominator").choice(&["HUNDRED", "TEN_THOUSAND", "MILLION"]) {
        Some("TEN_THOUSAND") => 10_000,
        Some("MILLION") => 1_000_000,
        _ => 100,
    };
    let checked = share.at("numerator").number().unwrap_or(0);
    if checked < whole && !refused {
        lint.found(Rule::AuthzSampled, &share, format_args!("{checked} of {whole} calls are checked"));
    } else if let Some(key) = key(&enabled) {
        lint.found(Rule::AuthzSwitchable, &enabled.at("runtime_key"), format_args!("found `{key}`"));
    }
}

/// `code`: what is answered for a call that could not be checked; where nothing is there, it is missing at `place`.
pub(super) fn lint_status(lint: &Lint<'_>, code: &Node<'_>, place: &Node<'_>) {
    let success = [
        "OK",
        "Created",
        "Accepted",
        "NonAuthoritativeInformation",
        "NoContent",
        "ResetContent",
        "PartialContent",
        "MultiStatus",
        "AlreadyReported",
        "IMUsed",
    ];
    match code.word() {
        None => lint.found(Rule::StatusOnErrorUnset, place, "found nothing"),
        Some(word) if success.contains(&&*word) || word.len() == 3 && word.starts_with('2') => {
            lint.found(Rule::StatusOnErrorSuccess, code, format_args!("found {}", code.shown()));
        }
        Some(_) => {}
    }
}

fn lint_service<'a>(lint: &Lint<'a>, config: &Node<'a>) {
    let http = config.at("http_service");
    if http.exists() {
        lint.found(Rule::HttpService, &http, "the server is asked by HTTP");
        return;
    }
    let service = config.at("grpc_service");
    let envoy = service.at("envoy_grpc");
    let google = service.at("google_grpc");
    if google.exists() {
        lint.found(Rule::GoogleGrpc, &google, format_args!("target {}", google.at("target_uri").shown()));
    }
    let cluster = envoy.at("cluster_name");
    match cluster.text() {
        Some(name) => lint.asked.borrow_mut().push((name.to_owned(), cluster.clone())),
        None if google.exists() => {}
        None => lint.found(Rule::ClusterMissing, &service, "no server is named"),
    }
    let timeout = service.at("timeout");
    lint_timeout(lint, &timeout, timeout.duration());
    for retry in [service.at("retry_policy"), envoy.at("retry_policy")].iter().filter(|retry| retry.exists()) {
        lint.found(Rule::CheckRetried, retry, "a check is asked again");
    }
}

/// `waits`: how long Envoy waits by what stands at `timeout`; none where nothing does.
pub(super) fn lint_timeout(lint: &Lint<'_>, timeout: &Node<'_>, waits: Option<Duration>) {
    let rule = match waits {
        None => Rule::TimeoutUnset,
        Some(Duration::ZERO) => Rule::TimeoutNone,
        Some(short) if short <= Duration::from_millis(100) => Rule::TimeoutShort,
        Some(long) if long > Duration::from_secs(5) => Rule::TimeoutLong,
        Some(_) => return,
    };
    lint.found(rule, timeout, format_args!("found {}", timeout.shown()));
}
