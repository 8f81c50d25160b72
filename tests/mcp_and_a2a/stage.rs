//! What both protocols stand on: Envoy and hopgate with the routes of one service, and what they left in the log.

use serde_json::{Value, json};
use testbed::envoy::{Listener, RequestBody};

use crate::support::mesh::Mesh;
use crate::support::{Gate, Plan, tokens};

/// Envoy and hopgate with these routes of hopgate; `listen` sets up Envoy's.
pub(crate) async fn mesh(name: &str, routes: Value, listen: impl FnOnce(&mut Listener)) -> Mesh {
    let plan = Plan::new().set("/services/0/name", json!(name)).set("/services/0/routes", routes).edit(|config| {
        let service = config["services"][0].as_object_mut().unwrap();
        service.remove("agent");
        config["agents"] = json!([{ "id": "planner", "scopes": ["*"] }]);
    });
    Mesh::with(plan, |listener, filter| {
        filter.request_body = Some(RequestBody::default());
        listen(listener);
    })
    .await
}

/// alice's token with these scopes, held by the planner.
pub(crate) fn token(gate: &Gate, scopes: &str) -> String {
    gate.mint(&tokens::alice().scope(scopes))
}

/// The client's lines, shortened, for who runs the tests with `--nocapture`.
pub(crate) fn print(client: &str, lines: &[Value]) {
    for line in lines {
        let outcome = line.get("error").or(line.get("result")).unwrap_or(&Value::Null);
        let statuses: Vec<_> = line["http"].as_array().into_iter().flatten().map(|http| &http["status"]).collect();
        println!("{client}: {} {statuses:?} {:.300}", line["step"], outcome.to_string());
    }
}

/// All decisions, once there are `count`, in order: operation, what it names, and `allow` or the reason.
pub(crate) fn decisions(gate: &mut Gate, count: usize) -> Vec<String> {
    let mut left = count;
    gate.record_where(|_| {
        left -= 1;
        left == 0
    });
    let read = |line: &String| serde_json::from_str::<Value>(line).expect("a record");
    gate.service.lines().iter().map(read).map(|record| decided(&record)).collect()
}

fn decided(record: &Value) -> String {
    let words = ["operation", "operation_name"].map(|field| record[field].as_str());
    let verdict = if record["decision"] == "allow" { &record["decision"] } else { &record["reason"] };
    words.into_iter().flatten().chain(verdict.as_str()).collect::<Vec<_>>().join(" ")
}
