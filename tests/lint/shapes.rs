//! The same configuration in other shapes: whatever Envoy reads as the same is the same to the lint.

use hopgate::lint::{self, Input, Options, Report};
use serde_json::{Map, Value, json};

use super::change::per_route;
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
    *routes.pointer_mut(settings).unwrap() =
        per_route(&json!({ "disabled": true }))["envoy.filters.http.ext_authz"].take();
    routes["@type"] = json!("type.googleapis.com/envoy.config.route.v3.RouteConfiguration");
    let input = |name: &str, value: &Value| Input { name: name.to_owned(), text: value.to_string() };
    let discovered = json!({ "resources": [routes] });
    let report = lint::lint(&[input("envoy.json", &config), input("routes.json", &discovered)], &Options::default());
    assert_eq!(rules(&report), ["route-unchecked"]);
    assert_eq!(report.findings[0].file, "routes.json");
}

/// Envoy Gateway leaves the filter off and turns it on for each route.
#[test]
fn a_filter_that_is_off_by_default_must_be_turned_on_by_every_route() {
    for (settings, passes) in [
        (json!({}), true),
        (
            json!({ "envoy.filters.http.ext_authz": {
                "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig", "config": {},
            } }),
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
