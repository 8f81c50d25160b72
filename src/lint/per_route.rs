//! What a route, its virtual host and its configuration say to a filter of the chain.

use super::filters::Filter;
use super::node::{Message, Node};

const FILTER_CONFIG: &str = "envoy.config.route.v3.FilterConfig";
pub(super) const EXT_AUTHZ_PER_ROUTE: &str = "envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute";

pub(super) const HEADER_MUTATION_PER_ROUTE: &str =
    "envoy.extensions.filters.http.header_mutation.v3.HeaderMutationPerRoute";

/// Everything with a `typed_per_filter_config` that holds for a call, the most specific first.
#[derive(Clone, Debug)]
pub(super) struct Levels<'a>(pub(super) Vec<Node<'a>>);

impl<'a> Levels<'a> {
    /// Where `filter` is turned off, if it is.
    pub(super) fn turned_off(&self, filter: &Filter<'a>) -> Option<Node<'a>> {
        let entries = self.entries(filter.name);
        // Whether the filter is made for this call: the first level that names it decides.
        match entries.first() {
            None if filter.off_by_default() => return Some(filter.entry.at("disabled")),
            None => return None,
            Some(entry) => {
                let message = entry.message();
                let disabled = message.fields.at("disabled");
                if message.kind == FILTER_CONFIG && disabled.on() {
                    return Some(disabled);
                }
            }
        }
        // Whether it then asks: the first level that has settings for it decides.
        let settings = entries.iter().find_map(settings)?;
        let disabled = settings.fields.at("disabled");
        disabled.on().then_some(disabled)
    }

    /// `check_settings` for `filter`, the most specific first. Envoy merges their `context_extensions`.
    pub(super) fn check_settings(&self, filter: &str) -> Vec<Node<'a>> {
        let settings = self.entries(filter).into_iter().filter_map(|entry| settings(&entry));
        settings.map(|message| message.fields.at("check_settings")).filter(Node::exists).collect()
    }

    fn entries(&self, filter: &str) -> Vec<Node<'a>> {
        let entries = self.0.iter().map(|level| level.at("typed_per_filter_config").key(filter));
        entries.filter(Node::exists).collect()
    }
}

/// The filter's own settings in an entry, out of the `FilterConfig` around them.
pub(super) fn settings<'a>(entry: &Node<'a>) -> Option<Message<'a>> {
    let message = entry.message();
    if message.kind != FILTER_CONFIG {
        return Some(message);
    }
    let inner = message.fields.at("config");
    inner.exists().then(|| inner.message())
}
