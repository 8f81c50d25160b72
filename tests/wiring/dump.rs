//! What a control plane sends to an Envoy (`tests/wiring/xds`, made by `testbed/control-planes/translate.sh`), as a bootstrap that
//! runs here: what the cluster would bring (addresses, certificates, the services themselves) is put in, all else stays.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest;
use serde_json::{Map, Value, json};
use testbed::ports;

const FOLDER: &str = "tests/wiring/xds";

pub(crate) struct Dump {
    listeners: Vec<Value>,
    clusters: Vec<Value>,
    endpoints: Vec<Value>,
    routes: BTreeMap<String, Value>,
    secrets: Vec<Value>,
}

impl Dump {
    pub(crate) fn read(name: &str) -> Self {
        let text = fs::read_to_string(Path::new(FOLDER).join(format!("{name}.json"))).unwrap();
        let dump: Value = serde_json::from_str(&text).unwrap();
        let all = |field: &str, pointer: &str| -> Vec<Value> {
            let sections = dump["configs"].as_array().unwrap().iter();
            let items = sections.filter_map(|section| section[field].as_array()).flatten();
            items.map(|item| item.pointer(pointer).unwrap().clone()).collect()
        };
        let named = |item: Value| (item["name"].as_str().unwrap().to_owned(), item);
        Self {
            listeners: all("dynamicListeners", "/activeState/listener"),
            clusters: all("dynamicActiveClusters", "/cluster"),
            endpoints: all("dynamicEndpointConfigs", "/endpointConfig"),
            routes: all("dynamicRouteConfigs", "/routeConfig").into_iter().map(named).collect(),
            secrets: Vec::new(),
        }
    }

    /// The listener `name` alone, on a port of this machine in the place of `port`; chains for that port are for this one.
    pub(crate) fn listen(&mut self, name: &str, port: u16, chains_for: u16) -> SocketAddr {
        let address = ports::free().unwrap();
        self.listeners.retain(|listener| listener["name"] == name);
        let listener = self.listeners.first_mut().unwrap_or_else(|| panic!("no listener {name}"));
        let socket = &mut listener["address"]["socketAddress"];
        assert_eq!(*socket, json!({ "address": "0.0.0.0", "portValue": port }));
        *socket = json!({ "address": "127.0.0.1", "portValue": address.port() });
        for chain in listener["filterChains"].as_array_mut().unwrap() {
            if let Some(at) = chain.pointer_mut("/filterChainMatch/destinationPort")
                && *at == json!(chains_for)
            {
                *at = json!(address.port());
            }
        }
        address
    }

    /// The cluster `name` leads to `endpoint`, an address as Envoy writes it.
    pub(crate) fn endpoint(&mut self, name: &str, endpoint: &Value) {
        let cluster = self.clusters.iter_mut().find(|cluster| cluster["name"] == name);
        let cluster = cluster.unwrap_or_else(|| panic!("no cluster {name}")).as_object_mut().unwrap();
        for placed in ["edsClusterConfig", "upstreamBindConfig", "cleanupInterval"] {
            cluster.remove(placed);
        }
        if cluster.get("lbPolicy") == Some(&json!("CLUSTER_PROVIDED")) {
            cluster.remove("lbPolicy");
        }
        cluster.insert("type".to_owned(), json!("STATIC"));
        let mut entry = json!({ "endpoint": { "address": endpoint } });
        if let Some(named) = cluster.get("transportSocketMatches").map(|all| all[0]["match"].clone()) {
            entry["metadata"] = json!({ "filterMetadata": { "envoy.transport_socket_match": named } });
        }
        cluster.insert(
            "loadAssignment".to_owned(),
            json!({ "clusterName": name, "endpoints": [{ "lbEndpoints": [entry] }] }),
        );
    }

    /// Where the cluster `name` led, as the control plane had it.
    pub(crate) fn led_to(&self, name: &str) -> Value {
        let cluster = self.clusters.iter().find(|cluster| cluster["name"] == name);
        let own = cluster.and_then(|cluster| cluster.get("loadAssignment"));
        let sent = self.endpoints.iter().find(|endpoints| endpoints["clusterName"] == name);
        let assignment = own.or(sent).unwrap_or_else(|| panic!("no endpoints of {name}"));
        assignment.pointer("/endpoints/0/lbEndpoints/0/endpoint/address").unwrap().clone()
    }

    /// Takes the TLS off the cluster `name`.
    pub(crate) fn in_plain_text(&mut self, name: &str) {
        let cluster =
            self.clusters.iter_mut().find(|cluster| cluster["name"] == name).unwrap().as_object_mut().unwrap();
        cluster.remove("transportSocket");
        cluster.remove("transportSocketMatches");
    }

    /// The certificate that the control plane would send as `name`.
    pub(crate) fn certificate(&mut self, name: &str, folder: &Path, workload: &str) {
        let file = |end: &str| json!({ "filename": folder.join(format!("{workload}{end}.pem")) });
        self.secrets.push(json!({
            "name": name, "tls_certificate": { "certificate_chain": file(""), "private_key": file("-key") },
        }));
    }

    /// The authority's certificate that the control plane would send as `name`.
    pub(crate) fn authority(&mut self, name: &str, folder: &Path) {
        let file = json!({ "filename": folder.join("ca.pem") });
        self.secrets.push(json!({ "name": name, "validation_context": { "trusted_ca": file } }));
    }

    pub(crate) fn bootstrap(self) -> Value {
        let routes = self.routes;
        let mut listeners = self.listeners;
        for listener in &mut listeners {
            walk(listener, &|fields| {
                inline_routes(fields, &routes);
                plain(fields);
            });
        }
        // Only where the calls of these tests go.
        let mut clusters: Vec<_> =
            self.clusters.into_iter().filter(|cluster| cluster.get("loadAssignment").is_some()).collect();
        for cluster in &mut clusters {
            walk(cluster, &plain);
        }
        json!({
            "node": { "id": "dump", "cluster": "dump" },
            "admin": { "address": { "socket_address": { "address": "127.0.0.1", "port_value": 0 } } },
            "static_resources": { "listeners": listeners, "clusters": clusters, "secrets": self.secrets },
        })
    }
}

fn inline_routes(fields: &mut Map<String, Value>, routes: &BTreeMap<String, Value>) {
    if let Some(rds) = fields.remove("rds") {
        let name = rds["routeConfigName"].as_str().unwrap();
        fields.insert("routeConfig".to_owned(), routes[name].clone());
    }
}

/// What plain Envoy has not, or asks the control plane for.
fn plain(fields: &mut Map<String, Value>) {
    for list in ["filters", "httpFilters", "listenerFilters"] {
        if let Some(Value::Array(filters)) = fields.get_mut(list) {
            // Istio's own, for telemetry; and the port before the redirection that is not here.
            filters.retain(|filter| {
                let name = filter["name"].as_str().unwrap();
                !name.starts_with("istio.") && name != "envoy.filters.listener.original_dst"
            });
        }
    }
    // Secrets without a source are those of the bootstrap.
    if fields.contains_key("name") && fields.contains_key("sdsConfig") {
        fields.remove("sdsConfig");
    }
    // What the wire format of a listener that came over xDS says, a bootstrap need not.
    if fields.get("@type").is_some_and(|kind| {
        let kind = kind.as_str().unwrap_or_default();
        kind.ends_with(".v3.Listener") || kind.ends_with(".v3.Cluster") || kind.ends_with(".v3.RouteConfiguration")
    }) {
        fields.remove("@type");
    }
}

pub(crate) fn walk(value: &mut Value, change: &dyn Fn(&mut Map<String, Value>)) {
    match value {
        Value::Object(fields) => {
            change(fields);
            fields.values_mut().for_each(|value| walk(value, change));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| walk(item, change)),
        _ => {}
    }
}

#[test]
fn the_dumps_were_made_of_the_files_as_they_are() {
    let listed = fs::read_to_string(Path::new(FOLDER).join("made-of")).unwrap();
    let mut seen = Vec::new();
    for line in listed.lines() {
        let (sum, file) = line.split_once("  ").unwrap();
        let text = fs::read(file).unwrap_or_else(|error| panic!("{file}: {error}: run `make control-planes`"));
        let found = hex(digest::digest(&digest::SHA256, &text).as_ref());
        assert_eq!(found, sum, "{file} changed: run `make control-planes`");
        seen.push(PathBuf::from(file));
    }
    for folder in ["k8s/istio", "k8s/envoy-gateway", "testbed/control-planes"] {
        for file in super::manifests::every_file(Path::new(folder)) {
            assert!(seen.contains(&file), "{} is new: run `make control-planes`", file.display());
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}
