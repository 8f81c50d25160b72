//! What `hopgate test` decides is what a running hopgate decides: record and answer, field by field.

use std::path::Path;
use std::time::SystemTime;

use envoy_types::pb::envoy::config::core::v3::HeaderValueOption;
use envoy_types::pb::envoy::service::auth::v3::CheckResponse;
use envoy_types::pb::envoy::service::auth::v3::check_response::HttpResponse;
use hopgate::config;
use hopgate::offline::Answer;
use hopgate::replay::MemoryStore;
use hopgate::tables::Bench;
use serde_json::{Value, json};

use crate::support::Plan;
use crate::support::plan::replace_file;

/// What two decisions on one call never have in common, and which files they were made by.
const OF_A_RUN: [&str; 6] = ["time", "decision_id", "duration_us", "seq", "prev", "snapshot"];

/// A running hopgate for `yaml`, of which `listen`, `admin` and the keys are ours.
fn plan_for(yaml: &str) -> Plan {
    let plan = Plan::new();
    let mut config: Value = serde_saphyr::from_str(yaml).unwrap();
    config.as_object_mut().unwrap().remove("watch");
    for field in ["listen", "admin", "replay"] {
        config[field] = plan.config[field].clone();
    }
    for (at, issuer) in config["issuers"].as_array_mut().unwrap().iter_mut().enumerate() {
        issuer["jwks"] = json!({ "file": format!("keys{at}.json") });
        let keys = std::fs::read(plan.dir.root().join("keys.json")).unwrap();
        std::fs::write(plan.dir.root().join(format!("keys{at}.json")), keys).unwrap();
    }
    Plan { config, ..plan }
}

async fn alike(folder: &str, name: &str) {
    let beside = |name: &str| Path::new(folder).join(name);
    let yaml = std::fs::read_to_string(beside(&format!("{name}.yaml"))).unwrap();
    let plan = plan_for(&yaml);
    for file in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()) {
        std::fs::copy(file.path(), plan.dir.root().join(file.file_name())).unwrap();
    }
    plan.write();
    let settings = config::load(&plan.file()).unwrap();
    let now = SystemTime::now();
    let bench = Bench::new(&settings, now).unwrap();
    let cases = bench.read(&beside(&format!("{name}.test.yaml"))).unwrap().cases;
    bench.prepare(&cases).unwrap();
    for (at, issuer) in settings.issuers.iter().enumerate() {
        let keys = bench.jwks(&issuer.issuer.name).unwrap();
        replace_file(&plan.dir.root().join(format!("keys{at}.json")), &keys.to_string());
    }
    let mut gate = plan.start();
    gate.until_ready().await;
    assert!(cases.len() >= 10);
    for mut case in cases {
        case.at = now;
        let call = bench.call(&case, Path::new(folder)).unwrap();
        let store = MemoryStore::new(64, None);
        // Twice: what was used once is refused by both.
        for attempt in 1..=2 {
            let offline = bench.decide(&call, &store, now).unwrap();
            let response = gate.send(call.clone().message()).await;
            let (answer, id) = answer_of(response);
            assert_eq!(answer, nameless(&offline.answer), "{}, time {attempt}", case.name);
            let record = gate.record_where(|record| record["decision_id"] == id);
            let expected: Value = serde_json::from_str(&offline.record).unwrap();
            assert_eq!(comparable(record), comparable(expected), "{}, time {attempt}", case.name);
        }
    }
}

fn comparable(mut record: Value) -> Value {
    record.as_object_mut().unwrap().retain(|name, _| !OF_A_RUN.contains(&name.as_str()));
    record
}

/// `answer` as text without the decision's id.
fn nameless(answer: &Answer) -> String {
    format!("{answer:?}").replace("00000000-0000-0000-0000-000000000000", "ID")
}

/// The answer in `response` as [`nameless`] shows it, and the decision's id.
fn answer_of(response: CheckResponse) -> (String, String) {
    let pairs = |options: Vec<HeaderValueOption>| {
        let headers = options.into_iter().filter_map(|option| option.header);
        headers.map(|header| (header.key, header.value)).collect::<Vec<_>>()
    };
    let answer = match response.http_response.unwrap() {
        HttpResponse::OkResponse(ok) => Answer::ToService { set: pairs(ok.headers), removed: ok.headers_to_remove },
        HttpResponse::DeniedResponse(denied) => {
            Answer::ToCaller { status: denied.status.unwrap().code, headers: pairs(denied.headers), body: denied.body }
        }
        HttpResponse::ErrorResponse(error) => panic!("{error:?}"),
    };
    let (Answer::ToService { set: headers, .. } | Answer::ToCaller { headers, .. }) = &answer;
    let id = headers.iter().find(|(name, _)| name == "x-hopgate-decision-id").unwrap().1.clone();
    (format!("{answer:?}").replace(&id, "ID"), id)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_are_decided_as_a_running_hopgate_decides_them() {
    alike("examples", "hopgate").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_is_decided_as_a_running_hopgate_decides_it() {
    alike("demo/config", "invoices").await;
}
