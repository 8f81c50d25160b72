//! Small changes of a clean configuration.

use hopgate::lint::Options;
use serde_json::{Value, json};

use super::sample::{AUTHZ, Base, MANAGER, ROUTE};
use crate::support::plan::set;

/// A change that breaks a rule.
pub(crate) struct Broken {
    pub(crate) rule: &'static str,
    pub(crate) base: Base,
    /// Pointers, each with what is written there; nothing takes it away.
    pub(crate) changes: Vec<(String, Value)>,
    /// Where the finding is.
    pub(crate) path: &'static str,
    /// Whether Envoy takes it.
    pub(crate) envoy: bool,
    pub(crate) options: Options,
    /// Rules that are broken along with it.
    pub(crate) besides: &'static [&'static str],
}

pub(crate) fn broken(rule: &'static str, base: Base, changes: Vec<(String, Value)>, path: &'static str) -> Broken {
    Broken { rule, base, changes, path, envoy: true, options: Options::default(), besides: &[] }
}

impl Broken {
    pub(crate) fn with(mut self, pointer: &str, to: Value) -> Self {
        self.changes.push((pointer.to_owned(), to));
        self
    }

    pub(crate) fn refused_by_envoy(self) -> Self {
        Self { envoy: false, ..self }
    }

    pub(crate) fn value(&self) -> Value {
        let mut value = self.base.value();
        for (pointer, to) in &self.changes {
            set(&mut value, pointer, to.clone());
        }
        value
    }
}

/// A change of the object `name` of a kind. `field` is in its `spec`.
pub(crate) fn object(
    rule: &'static str,
    base: Base,
    of: (&str, &str),
    field: &str,
    to: Value,
    path: &'static str,
) -> Broken {
    broken(rule, base, vec![(pointer(base, of, field), to)], path)
}

/// Where `field` of the object is in the list of all; `../` leads out of its `spec`.
pub(crate) fn pointer(base: Base, (kind, name): (&str, &str), field: &str) -> String {
    let list = base.value();
    let mut items = list["items"].as_array().unwrap().iter();
    let named = |item: &Value| item["kind"] == kind && item.pointer("/metadata/name").is_none_or(|found| found == name);
    let at = items.position(named).unwrap_or_else(|| panic!("no {kind} {name}"));
    match field.strip_prefix("../") {
        Some(outside) => format!("/items/{at}/{outside}"),
        None => format!("/items/{at}/spec/{field}"),
    }
}

/// A change of the filter's settings.
pub(crate) fn authz(rule: &'static str, field: &'static str, to: Value, path: &'static str) -> Broken {
    let base = Base::Sidecar;
    broken(rule, base, vec![(format!("{AUTHZ}/{field}"), to)], path)
}

/// A change of the manager's settings.
pub(crate) fn manager(rule: &'static str, field: &'static str, to: Value, path: &'static str) -> Broken {
    let base = Base::Sidecar;
    broken(rule, base, vec![(format!("{MANAGER}/{field}"), to)], path)
}

/// A change of the route to MCP.
pub(crate) fn route(rule: &'static str, field: &'static str, to: Value, path: &'static str) -> Broken {
    let base = Base::Gateway;
    broken(rule, base, vec![(format!("{ROUTE}/{field}"), to)], path)
}

/// A change of hopgate's cluster.
pub(crate) fn cluster(rule: &'static str, changes: Vec<(&str, Value)>, path: &'static str) -> Broken {
    let changes = changes.into_iter().map(|(field, to)| (format!("/static_resources/clusters/0/{field}"), to));
    broken(rule, Base::Sidecar, changes.collect(), path)
}

pub(crate) fn filter(name: &str, message: &str, settings: &Value) -> Value {
    let mut config = json!({ "@type": format!("type.googleapis.com/envoy.extensions.filters.http.{message}") });
    for (field, value) in settings.as_object().unwrap() {
        config[field] = value.clone();
    }
    json!({ "name": name, "typed_config": config })
}

pub(crate) fn lua(settings: &Value) -> Value {
    let mut settings = settings.clone();
    settings["default_source_code"] = json!({ "inline_string": "function envoy_on_request(handle) end" });
    filter("script", "lua.v3.Lua", &settings)
}

/// The sidecar's filters with one more, before or behind hopgate.
pub(crate) fn with_filter(rule: &'static str, at: usize, added: Value, path: &'static str) -> Broken {
    let base = Base::Sidecar;
    let mut filters = base.value().pointer(&format!("{MANAGER}/http_filters")).unwrap().as_array().unwrap().clone();
    filters.insert(at, added);
    broken(rule, base, vec![(format!("{MANAGER}/http_filters"), json!(filters))], path)
}

/// The sidecar's filter, changed as an entry of the list.
pub(crate) fn entry(rule: &'static str, change: impl FnOnce(&mut Value), path: &'static str) -> Broken {
    let base = Base::Sidecar;
    let pointer = format!("{MANAGER}/http_filters/0");
    let mut entry = base.value().pointer(&pointer).unwrap().clone();
    change(&mut entry);
    broken(rule, base, vec![(pointer, entry)], path)
}

pub(crate) fn share(percent: u32, key: &str) -> Value {
    json!({ "default_value": { "numerator": percent, "denominator": "HUNDRED" }, "runtime_key": key })
}

pub(crate) fn off() -> Value {
    json!({ "default_value": false, "runtime_key": "ext_authz.deny_at_disable" })
}

pub(crate) fn remote(tls: &Value) -> Vec<(&'static str, Value)> {
    let address = json!({ "socket_address": { "address": "10.0.0.7", "port_value": 9191 } });
    vec![("load_assignment/endpoints/0/lb_endpoints/0/endpoint/address", address), ("transport_socket", tls.clone())]
}

pub(crate) fn upstream_tls(common: &Value) -> Value {
    json!({ "name": "envoy.transport_sockets.tls", "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
        "common_tls_context": common,
    } })
}

pub(crate) fn per_route(settings: &Value) -> Value {
    let mut settings = settings.clone();
    settings["@type"] = json!("type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute");
    json!({ "envoy.filters.http.ext_authz": settings })
}

/// The filter of this entry, which calls with `x-skip: yes` don't run through.
pub(crate) fn matched(entry: &Value) -> Value {
    let skip = json!({ "@type": "type.googleapis.com/envoy.extensions.filters.common.matcher.action.v3.SkipFilter" });
    let input = json!({
        "@type": "type.googleapis.com/envoy.type.matcher.v3.HttpRequestHeaderMatchInput", "header_name": "x-skip",
    });
    let tree = json!({
        "input": { "name": "header", "typed_config": input },
        "exact_match_map": { "map": { "yes": { "action": { "name": "skip", "typed_config": skip } } } },
    });
    json!({ "name": entry["name"], "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.common.matching.v3.ExtensionWithMatcher",
        "extension_config": { "name": "ext_authz", "typed_config": entry["typed_config"] },
        "xds_matcher": { "matcher_tree": tree },
    } })
}
