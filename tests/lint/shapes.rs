//! The same configuration in other shapes: whatever Envoy reads as the same is the same to the lint.

use hopgate::lint::{self, Input, Options, Report};
use serde_json::{Map, Value, json};

use super::sample::{AUTHZ, Base, MANAGER, ROUTE, findings, lint, lint_text, lint_with};
use crate::support::plan::set;

/// The sidecar with a filter that lets calls pass.
fn lax() -> Value {
    let mut config = Base::Sidecar.value();
    set(&mut config, &format!("{AUTHZ}/failure_mode_allow"), json!(true));
    config
}

fn rules(report: &Report) -> Vec<&'static str> {
    assert!(report.faults.is_empty(), "{:?}", report.faults);
    report.findings.iter().map(|finding| finding.rule.id()).collect()
}

/// `failure_mode_allow` as `failureModeAllow`, everywhere but in maps of the operator's names.
fn camel(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let name = |name: &String| {
                if name.contains(['.', '@']) {
                    return name.clone();
                }
                let mut words = name.split('_');
                let first = words.next().unwrap().to_owned();
                words.fold(first, |name, word| format!("{name}{}{}", word[..1].to_uppercase(), &word[1..]))
            };
            Value::Object(fields.iter().map(|(field, value)| (name(field), camel(value))).collect::<Map<_, _>>())
        }
        Value::Array(items) => items.iter().map(camel).collect(),
        other => other.clone(),
    }
}

#[test]
fn both_spellings_of_a_field_are_read() {
    let [found] = findings(&lint(&camel(&lax()))).try_into().unwrap();
    assert!(found.ends_with("typedConfig.failureModeAllow"), "{found}");
}

#[test]
fn what_yaml_takes_for_true_is_true() {
    for word in ["yes", "On", "TRUE", "\"true\""] {
        let text = Base::Sidecar.text().replace("failure_mode_allow: false", &format!("failure_mode_allow: {word}"));
        assert_eq!(rules(&lint_text(&text, &Options::default())), ["failure-mode-allow"], "{word}");
    }
}

#[test]
fn an_enumeration_may_be_written_by_its_number() {
    let mut config = Base::Sidecar.value();
    set(&mut config, &format!("{AUTHZ}/transport_api_version"), json!(2));
    set(&mut config, &format!("{MANAGER}/path_with_escaped_slashes_action"), json!(2));
    set(&mut config, &format!("{MANAGER}/forward_client_cert_details"), json!(4));
    assert_eq!(rules(&lint(&config)), ["client-cert-forwarded"]);
}

#[test]
fn settings_in_a_typed_struct_are_read() {
    let mut config = lax();
    let mut settings = config.pointer(AUTHZ).unwrap().clone();
    let url = settings.as_object_mut().unwrap().remove("@type").unwrap();
    for kind in ["type.googleapis.com/xds.type.v3.TypedStruct", "type.googleapis.com/udpa.type.v1.TypedStruct"] {
        set(&mut config, AUTHZ, json!({ "@type": kind, "type_url": url, "value": settings }));
        assert_eq!(rules(&lint(&config)), ["failure-mode-allow"]);
    }
}

#[test]
fn a_file_may_have_several_documents() {
    let text = format!("---\n{}\n---\n{:#}", Base::Sidecar.text(), lax());
    let report = lint_text(&text, &Options::default());
    let [finding] = report.findings.try_into().unwrap();
    assert_eq!((finding.document, report.managers), (Some(2), 2));
    assert!(finding.to_string().starts_with("envoy.yaml, document 2: error: static_resources.listeners[0]."));
}

#[test]
fn a_config_map_holds_files() {
    let config = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "invoices" }, "data": {
        "hopgate.yaml": "listen: unix:/run/hopgate/check.sock",
        "envoy.yaml": format!("{:#}", lax()),
    } });
    let report = lint(&config);
    let [finding] = report.findings.try_into().unwrap();
    assert_eq!((finding.rule.id(), finding.file.as_str()), ("failure-mode-allow", "envoy.yaml: data[\"envoy.yaml\"]"));
}

#[test]
fn routes_may_be_in_another_file() {
    let mut config = Base::Sidecar.value();
    let manager = MANAGER;
    let mut routes = config.pointer(&format!("{manager}/route_config")).unwrap().clone();
    set(&mut config, &format!("{manager}/route_config"), Value::Null);
    set(&mut config, &format!("{manager}/rds"), json!({ "route_config_name": "services" }));
    routes["name"] = json!("services");
    let settings = "/virtual_hosts/0/routes/0/typed_per_filter_config/envoy.filters.http.ext_authz";
    *routes.pointer_mut(settings).unwrap() = json!({ "@type": "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute", "disabled": true });
    routes["@type"] = json!("type.googleapis.com/envoy.config.route.v3.RouteConfiguration");
    let input = |name: &str, value: &Value| Input { name: name.to_owned(), text: value.to_string() };
    let discovered = json!({ "resources": [routes] });
    let report = lint::lint(&[input("envoy.json", &config), input("routes.json", &discovered)], &Options::default());
    assert_eq!(rules(&report), ["route-unchecked"]);
    assert_eq!(report.findings[0].file, "routes.json");
}

/// What a route, its virtual host and its configuration say to the filter; `weight` makes it one of weighted clusters.
fn levels(config: &Value, host: &Value, route: &Value, weight: Option<&Value>) -> Value {
    let base = Base::Sidecar;
    let mut whole = base.value();
    let mut put = |pointer: &str, settings: &Value| {
        let map = if settings.is_null() { json!({}) } else { json!({ "envoy.filters.http.ext_authz": settings }) };
        set(&mut whole, &format!("{MANAGER}/route_config{pointer}/typed_per_filter_config"), map);
    };
    put("", config);
    put("/virtual_hosts/0", host);
    put("/virtual_hosts/0/routes/0", route);
    if let Some(weight) = weight {
        put("/virtual_hosts/0/routes/0/route/weighted_clusters", &Value::Null);
        let clusters = json!([
            { "name": "invoices", "weight": 99 },
            { "name": "invoices", "weight": 1, "typed_per_filter_config": { "envoy.filters.http.ext_authz": weight } },
        ]);
        set(&mut whole, &format!("{ROUTE}/route/weighted_clusters"), json!({ "clusters": clusters }));
        set(&mut whole, &format!("{ROUTE}/route/cluster"), Value::Null);
    }
    whole
}

#[test]
fn the_most_specific_setting_of_a_route_decides_whether_hopgate_is_asked() {
    let per_route = |settings: Value| {
        let mut settings = settings;
        settings["@type"] = json!("type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute");
        settings
    };
    let filter = |settings: Value| {
        let mut settings = settings;
        settings["@type"] = json!("type.googleapis.com/envoy.config.route.v3.FilterConfig");
        settings
    };
    let on = per_route(json!({ "check_settings": {} }));
    let off = per_route(json!({ "disabled": true }));
    let not_made = filter(json!({ "disabled": true }));
    let made = filter(json!({ "config": on }));
    let made_and_off = filter(json!({ "config": off }));
    let made_with_nothing = filter(json!({}));
    let none = Value::Null;
    for (name, config, host, route, weight, passes) in [
        ("nothing is said", &none, &none, &none, None, false),
        ("the route turns it off", &none, &none, &off, None, true),
        ("the host turns it off", &none, &off, &none, None, true),
        ("the configuration turns it off", &off, &none, &none, None, true),
        ("the route turns on what the host turned off", &none, &off, &on, None, false),
        ("the host turns on what the configuration turned off", &off, &on, &none, None, false),
        ("the filter is not made for the route", &none, &none, &not_made, None, true),
        ("the filter is not made for the host", &none, &not_made, &none, None, true),
        ("it is made for the route and not for the host", &none, &not_made, &made, None, false),
        ("it is made, and then turned off", &none, &none, &made_and_off, None, true),
        ("it is made with nothing, and the host turns it off", &none, &off, &made_with_nothing, None, true),
        ("one of two weighted clusters turns it off", &none, &none, &none, Some(&off), true),
        ("weighted clusters under a host that turns it off", &none, &off, &none, Some(&on), true),
    ] {
        let found = rules(&lint(&levels(config, host, route, weight)));
        assert_eq!(found.contains(&"route-unchecked"), passes, "{name}: {found:?}");
    }
}

/// Envoy Gateway leaves the filter off and turns it on for each route.
#[test]
fn a_filter_that_is_off_by_default_must_be_turned_on_by_every_route() {
    for (settings, passes) in [
        (json!({}), true),
        (
            json!({ "envoy.filters.http.ext_authz": { "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "config": {} } }),
            false,
        ),
    ] {
        let mut config = Base::Sidecar.value();
        set(&mut config, &format!("{MANAGER}/http_filters/0/disabled"), json!(true));
        set(&mut config, &format!("{ROUTE}/typed_per_filter_config"), settings);
        let found = rules(&lint(&config));
        assert_eq!(found.contains(&"route-unchecked"), passes, "{found:?}");
        assert!(found.contains(&"authz-off-by-default"), "{found:?}");
    }
}

#[test]
fn another_ext_authz_filter_is_none_of_hopgates_where_its_cluster_is_named() {
    let base = Base::Sidecar;
    let mut config = base.value();
    let filters = format!("{MANAGER}/http_filters");
    let mut list = config.pointer(&filters).unwrap().as_array().unwrap().clone();
    let mut other = list[0].clone();
    other["name"] = json!("other");
    other["typed_config"]["grpc_service"]["envoy_grpc"]["cluster_name"] = json!("invoices");
    other["typed_config"]["failure_mode_allow"] = json!(true);
    list.insert(0, other);
    set(&mut config, &filters, json!(list));
    let named = |name: &str| Options { clusters: vec![name.to_owned()], ..Options::default() };
    assert_eq!(rules(&lint_with(&config, &named("hopgate"))), Vec::<&str>::new());
    assert_eq!(rules(&lint_with(&config, &named("nobody"))), ["authz-missing"]);
    let both = rules(&lint(&config));
    assert!(both.contains(&"authz-twice") && both.contains(&"failure-mode-allow"), "{both:?}");
}
