//! What a route, its virtual host, its configuration and a weighted cluster say to the filter, in the combinations that
//! count.

use serde_json::{Value, json};

use super::sample::{Base, MANAGER, ROUTE, lint};
use crate::support::plan::set;

/// What is said at each level; nothing where it is null.
pub(crate) struct Levels {
    pub(crate) name: &'static str,
    configuration: Value,
    host: Value,
    route: Value,
    /// For the one cluster of the route, as a weighted one.
    weighted: Option<Value>,
    /// Whether hopgate is then never asked.
    passes: bool,
}

impl Levels {
    pub(crate) fn config(&self) -> Value {
        let mut whole = Base::Sidecar.value();
        let mut put = |pointer: &str, settings: &Value| {
            let map = if settings.is_null() { json!({}) } else { json!({ "envoy.filters.http.ext_authz": settings }) };
            set(&mut whole, &format!("{MANAGER}/route_config{pointer}/typed_per_filter_config"), map);
        };
        put("", &self.configuration);
        put("/virtual_hosts/0", &self.host);
        put("/virtual_hosts/0/routes/0", &self.route);
        if let Some(settings) = &self.weighted {
            let settings = json!({ "envoy.filters.http.ext_authz": settings });
            let cluster = json!({ "name": "invoices", "weight": 1, "typed_per_filter_config": settings });
            set(&mut whole, &format!("{ROUTE}/route/weighted_clusters"), json!({ "clusters": [cluster] }));
            set(&mut whole, &format!("{ROUTE}/route/cluster"), Value::Null);
        }
        whole
    }
}

fn of_type(kind: &str, mut settings: Value) -> Value {
    settings["@type"] = json!(format!("type.googleapis.com/{kind}"));
    settings
}

pub(crate) fn all() -> Vec<Levels> {
    let per_route = |settings| of_type("envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute", settings);
    let filter = |settings| of_type("envoy.config.route.v3.FilterConfig", settings);
    let on = per_route(json!({ "check_settings": {} }));
    let off = per_route(json!({ "disabled": true }));
    let not_made = filter(json!({ "disabled": true }));
    let made = filter(json!({ "config": on }));
    let made_and_off = filter(json!({ "config": off }));
    let none = Value::Null;
    [
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
        ("it is made for the route, and the host turns it off", &none, &off, &made, None, false),
        ("a weighted cluster turns it off", &none, &none, &none, Some(&off), true),
        ("it is not made for a weighted cluster", &none, &none, &none, Some(&not_made), true),
        ("a weighted cluster turns on what the host turned off", &none, &off, &none, Some(&on), false),
        ("a weighted cluster turns on what the route turned off", &none, &none, &off, Some(&on), false),
    ]
    .into_iter()
    .map(|(name, configuration, host, route, weighted, passes)| Levels {
        name,
        configuration: configuration.clone(),
        host: host.clone(),
        route: route.clone(),
        weighted: weighted.cloned(),
        passes,
    })
    .collect()
}

#[test]
fn the_most_specific_setting_decides_whether_hopgate_is_asked() {
    for levels in all() {
        let report = lint(&levels.config());
        assert!(report.faults.is_empty(), "{}: {:?}", levels.name, report.faults);
        let found: Vec<_> = report.findings.iter().map(|finding| finding.rule.id()).collect();
        assert_eq!(found.contains(&"route-unchecked"), levels.passes, "{}: {found:?}", levels.name);
    }
}
