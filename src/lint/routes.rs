//! Route configurations: where they come from, and what holds for many routes at once.

use std::collections::BTreeSet;

use super::Lint;
use super::filters::{Filter, Guarded};
use super::headers;
use super::node::{Message, Node};
use super::per_route::{self, Levels};
use super::route::{self, Target};
use super::rules::Rule;

/// The routes of one HTTP connection manager.
#[derive(Debug)]
pub(super) struct Routes<'a> {
    configs: Vec<Node<'a>>,
    /// There are more that were not shown.
    unknown: bool,
}

/// A route and what it stands in.
#[derive(Clone, Debug)]
pub(super) struct Place<'a> {
    pub(super) route: Node<'a>,
    pub(super) host: Node<'a>,
    pub(super) config: Node<'a>,
}

impl<'a> Routes<'a> {
    pub(super) fn of(lint: &Lint<'a>, manager: &Node<'a>) -> Self {
        let mut routes = Self { configs: Vec::new(), unknown: false };
        let written = manager.at("route_config");
        if written.exists() {
            routes.configs.push(written);
        }
        let discovered = manager.at("rds");
        if discovered.exists() {
            routes.named(lint, &discovered.at("route_config_name"));
        }
        let scoped = manager.at("scoped_routes");
        if scoped.exists() {
            routes.scoped(lint, &scoped);
        }
        for hosts in routes.configs.clone().iter().map(|config| config.at("vhds")).filter(Node::exists) {
            routes.missing(lint, &hosts, "virtual hosts are discovered");
        }
        routes
    }

    fn named(&mut self, lint: &Lint<'a>, name: &Node<'a>) {
        let text = name.text().unwrap_or_default();
        let found = lint.sources.routes.get(text, name);
        if found.is_empty() {
            self.missing(lint, name, &format!("no route configuration `{text}` was given"));
        }
        for config in &found {
            lint.use_of(config);
        }
        self.configs.extend(found);
    }

    fn scoped(&mut self, lint: &Lint<'a>, routes: &Node<'a>) {
        let mut scopes = routes.at("scoped_route_configurations_list").at("scoped_route_configurations").items();
        let name = routes.at("name").text().unwrap_or_default();
        for list in lint.sources.scope_lists.get(name, routes) {
            scopes.extend(list.at("scoped_route_configs").items().into_iter().map(|scope| scope.message().fields));
        }
        if scopes.is_empty() {
            scopes.clone_from(&lint.sources.scopes);
        }
        if scopes.is_empty() {
            self.missing(lint, routes, "the scopes of routes are discovered");
        }
        for scope in scopes {
            lint.use_of(&scope);
            let written = scope.at("route_configuration");
            if written.exists() {
                self.configs.push(written);
            } else {
                self.named(lint, &scope.at("route_configuration_name"));
            }
        }
    }

    fn missing(&mut self, lint: &Lint<'a>, at: &Node<'a>, found: &str) {
        self.unknown = true;
        lint.found(Rule::RoutesUnknown, at, found);
    }

    /// Whether any call goes further than this Envoy, as far as is known.
    pub(super) fn forward(&self, lint: &Lint<'a>) -> bool {
        self.unknown || self.places().iter().any(|place| route::target(lint, &place.route) == Target::Service)
    }

    /// Looks at the routes to Envoy's own admin interface, which need no hopgate where they only read.
    pub(super) fn lint_admin(&self, lint: &Lint<'a>) {
        for Place { route, .. } in self.places() {
            let rule = match route::target(lint, &route) {
                Target::AdminPage => Rule::AdminPaths,
                Target::Admin => Rule::AdminRouted,
                Target::Nowhere | Target::Service => continue,
            };
            let cluster = route.at("route").at("cluster");
            lint.found(rule, &route, format_args!("cluster {} is the admin interface", cluster.shown()));
        }
    }

    fn places(&self) -> Vec<Place<'a>> {
        let mut places = Vec::new();
        for config in &self.configs {
            for host in config.at("virtual_hosts").items() {
                let mut routes = host.at("routes").items();
                let matcher = host.at("matcher");
                routes.extend(matcher.all("envoy.config.route.v3.Route").into_iter().map(|message| message.fields));
                for list in matcher.all("envoy.config.route.v3.RouteList") {
                    routes.extend(list.fields.at("routes").items());
                }
                let place = |route| Place { route, host: host.clone(), config: config.clone() };
                places.extend(routes.into_iter().map(place));
            }
        }
        places
    }
}

/// Looks at every route behind `chain`.
pub(super) fn lint<'a>(lint: &Lint<'a>, routes: &Routes<'a>, manager: &Node<'a>, chain: &Guarded<'a>) {
    for config in &routes.configs {
        lint_level(lint, config, chain);
        config.at("virtual_hosts").items().iter().for_each(|host| lint_level(lint, host, chain));
    }
    for place in routes.places() {
        lint_level(lint, &place.route, chain);
        route::lint(lint, &place, manager, chain);
    }
}

/// What may stand at a route, its virtual host, its configuration or a weighted cluster.
pub(super) fn lint_level<'a>(lint: &Lint<'a>, level: &Node<'a>, chain: &Guarded<'a>) {
    for (name, entry) in level.at("typed_per_filter_config").members() {
        let Some(Message { kind, fields }) = per_route::settings(&entry) else { continue };
        if kind == per_route::EXT_AUTHZ_PER_ROUTE && !chain.has(name) {
            lint.found(Rule::PerRouteUnmatched, &entry, format_args!("no filter is called `{name}`"));
        }
        let mutations = fields.at("mutations").at("request_mutations");
        if kind != per_route::HEADER_MUTATION_PER_ROUTE || !mutations.exists() {
            continue;
        }
        if chain.runs_behind(name) {
            lint.found(Rule::CodeAfterAuthz, &mutations, format_args!("`{name}` stands behind the `ext_authz` filter"));
        } else {
            headers::lint_mutations(lint, &mutations);
        }
    }
    for option in level.at("request_headers_to_add").items() {
        let name = option.down("header.key");
        if name.text().is_some_and(headers::is_hopgates) {
            lint.found(Rule::IdentityHeaderAdded, &name, format_args!("found {}", name.shown()));
        }
    }
    let mirrors = level.at("request_mirror_policies");
    if !mirrors.items().is_empty() {
        lint.found(Rule::RequestMirrored, &mirrors, "calls are copied");
    }
}

/// The service that the settings of a call name, and all of its route.
pub(super) fn lint_authz<'a>(lint: &Lint<'a>, levels: &Levels<'a>, filter: &Filter<'a>) {
    let settings = levels.check_settings(filter.name);
    for settings in &settings {
        let own = filter.config.down("grpc_service.envoy_grpc.cluster_name").text();
        let grpc = settings.at("grpc_service");
        let same = own.is_some() && grpc.down("envoy_grpc.cluster_name").text() == own;
        if grpc.exists() && !same {
            lint.found(Rule::RouteAsksAnother, &grpc, "another server is asked");
        }
        let http = settings.at("http_service");
        if http.exists() {
            lint.found(Rule::RouteAsksAnother, &http, "another server is asked");
        }
        super::body::lint_route(lint, filter, settings);
    }
    let named = settings.iter().find_map(|settings| settings.at("context_extensions").key("service").text());
    if let Some(most_specific) = levels.0.first() {
        lint.services.borrow_mut().push((most_specific.clone(), named));
    }
}

/// With several services each route must say which is its own.
pub(super) fn lint_services(lint: &Lint<'_>) {
    let services = lint.services.borrow();
    let named: BTreeSet<_> = services.iter().filter_map(|(_, name)| *name).collect();
    if named.len() < 2 {
        return;
    }
    for (route, _) in services.iter().filter(|(_, name)| name.is_none()) {
        lint.found(Rule::ServiceUnnamed, route, "no `service` in `context_extensions`");
    }
}
