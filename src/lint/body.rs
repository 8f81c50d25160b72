//! How bodies reach hopgate.

use super::Lint;
use super::filters::Filter;
use super::node::Node;
use super::rules::Rule;

/// The default of hopgate's `limits.body_bytes`.
const BODY_BYTES: u64 = 64 * 1024;
/// The default of hopgate's `limits.message_bytes`.
const MESSAGE_BYTES: u64 = 4 * 1024 * 1024;

/// The filter's own settings.
pub(super) fn lint(lint: &Lint<'_>, settings: &Node<'_>) {
    if !settings.exists() {
        return;
    }
    let bytes = settings.at("pack_as_bytes");
    if !bytes.on() {
        lint.found(Rule::BodyAsText, &bytes, format_args!("found {}", bytes.shown()));
    }
    lint_size(lint, settings);
}

/// What a route says instead, in `check_settings`.
pub(super) fn lint_route<'a>(lint: &Lint<'a>, filter: &Filter<'a>, check_settings: &Node<'a>) {
    let settings = check_settings.at("with_request_body");
    if !settings.exists() {
        return;
    }
    // Envoy 1.40 takes everything from a route but this.
    if !filter.config.at("with_request_body").at("pack_as_bytes").on() {
        lint.found(Rule::BodyAsText, &settings, "the filter itself has no `pack_as_bytes: true`");
    }
    lint_size(lint, &settings);
}

/// Whether `filter` hands bodies over on a route with these `check_settings`, the most specific first.
pub(super) fn handed_over<'a>(filter: &Filter<'a>, check_settings: &[Node<'a>]) -> bool {
    if check_settings.iter().any(|settings| settings.at("disable_request_body_buffering").on()) {
        return false;
    }
    let in_route = check_settings.iter().any(|settings| settings.at("with_request_body").exists());
    in_route || filter.config.at("with_request_body").exists()
}

pub(super) fn lint_size(lint: &Lint<'_>, settings: &Node<'_>) {
    let partial = settings.at("allow_partial_message");
    if partial.on() {
        lint.found(Rule::PartialBody, &partial, "found `true`");
    }
    let limit = settings.at("max_request_bytes");
    let rule = match limit.number() {
        Some(bytes) if bytes > MESSAGE_BYTES => Rule::BodyLimitBeyondMessage,
        Some(bytes) if bytes > BODY_BYTES => Rule::BodyLimitLarge,
        _ => return,
    };
    lint.found(rule, &limit, format_args!("found {}", limit.shown()));
}
