use std::collections::BTreeMap;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::support::plan::{replace_file, set, write_keys};
use crate::support::{Answer, Call, Gate, Plan, eventually};

const SUCCESS: &str = r#"hopgate_config_reloads_total{result="success"}"#;
const FAILURE: &str = r#"hopgate_config_reloads_total{result="failure"}"#;
const MISSING: &str = "403 insufficient_scope scope_missing";

/// The configuration with `/open` asking for these scopes.
fn asking(plan: &Plan, scopes: &Value) -> String {
    let mut config = plan.config.clone();
    set(&mut config, "/services/0/routes/3/scopes", scopes.clone());
    assert_eq!(config["services"][0]["routes"][3]["name"], "open");
    format!("{config:#}")
}

/// Calls without a pause until it is stopped, and counts the verdicts.
struct Callers {
    stop: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<BTreeMap<String, usize>>>,
}

impl Callers {
    fn start(gate: &Gate) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let message = Call::get("/open").bearer(&gate.token()).message();
        let tasks = (0..4).map(|_| {
            let (stop, message, mut client) = (Arc::clone(&stop), message.clone(), gate.client());
            tokio::spawn(async move {
                let mut verdicts = BTreeMap::new();
                while !stop.load(Ordering::Relaxed) {
                    let answer = client.check(message.clone()).await.expect("no call is dropped").into_inner();
                    *verdicts.entry(Answer::of(answer).verdict()).or_default() += 1;
                }
                verdicts
            })
        });
        Self { tasks: tasks.collect(), stop }
    }

    async fn stop(self) -> BTreeMap<String, usize> {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = BTreeMap::new();
        for task in self.tasks {
            for (verdict, count) in task.await.expect("no panic") {
                *all.entry(verdict).or_default() += count;
            }
        }
        all
    }
}

async fn until(gate: &Gate, verdict: &str) {
    let token = gate.token();
    let what = format!("{verdict}; {}", gate.log());
    eventually(&what, async || (gate.get("/open", &token).await.verdict() == verdict).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_written_configuration_is_taken_without_dropping_a_call() {
    let gate = Plan::new().start();
    let callers = Callers::start(&gate);
    let file = gate.plan.file();
    for round in 0..3 {
        // In place, and by rename.
        let strict = asking(&gate.plan, &json!(["admin"]));
        if round == 1 {
            replace_file(&file, &strict);
        } else {
            std::fs::write(&file, &strict).expect("written");
        }
        until(&gate, MISSING).await;
        std::fs::write(&file, asking(&gate.plan, &json!([]))).expect("written");
        until(&gate, "ok").await;
    }
    let verdicts = callers.stop().await;
    let expected = ["403 insufficient_scope scope_missing", "ok"];
    assert_eq!(verdicts.keys().map(String::as_str).collect::<Vec<_>>(), expected, "{verdicts:?}");
    assert!(gate.service.lines().iter().all(|line| line.ends_with('}')));
}

/// As the kubelet does it: the files are links through `..data`, which is replaced as a whole.
#[tokio::test(flavor = "multi_thread")]
async fn a_config_map_is_followed_when_its_data_link_is_swapped() {
    let plan = Plan::new();
    let root = plan.dir.root().to_owned();
    let version = |n: u32, config: &str, jwk: &Value| {
        let folder = root.join(format!("..2026_{n}"));
        std::fs::create_dir(&folder).expect("a folder");
        std::fs::write(folder.join("hopgate.yaml"), config).expect("written");
        write_keys(&folder.join("keys.json"), &[jwk]);
        point(&root, &format!("..2026_{n}"));
    };
    std::fs::remove_file(root.join("keys.json")).expect("removed");
    version(1, &asking(&plan, &json!([])), plan.key.jwk());
    for file in ["hopgate.yaml", "keys.json"] {
        symlink(Path::new("..data").join(file), root.join(file)).expect("a link");
    }
    let gate = Gate::start_as_written(plan, crate::support::gate::command());
    let callers = Callers::start(&gate);
    until(&gate, "ok").await;
    for round in 1..3 {
        version(round * 2, &asking(&gate.plan, &json!(["admin"])), gate.plan.key.jwk());
        until(&gate, MISSING).await;
        version(round * 2 + 1, &asking(&gate.plan, &json!([])), gate.plan.key.jwk());
        until(&gate, "ok").await;
        std::fs::remove_dir_all(root.join(format!("..2026_{}", round * 2))).expect("removed");
    }
    let verdicts = callers.stop().await;
    assert_eq!(verdicts.len(), 2, "{verdicts:?}");
    // The key alone.
    let other = hopgate::dev::keys::SigningKey::generate(jsonwebtoken::Algorithm::ES256).expect("a key");
    version(9, &asking(&gate.plan, &json!([])), other.jwk());
    until(&gate, "401 invalid_token key_unknown").await;
}

fn point(root: &Path, folder: &str) {
    let beside = root.join("..data_tmp");
    symlink(folder, &beside).expect("a link");
    std::fs::rename(&beside, root.join("..data")).expect("moved");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_configuration_leaves_the_last_good_one_and_says_so() {
    let gate = Plan::new().start();
    let good = asking(&gate.plan, &json!([]));
    assert!((gate.metric("hopgate_config_current") - 1.0).abs() < 0.5);
    let callers = Callers::start(&gate);
    let mut failures = 0.0;
    for (name, text, said) in [
        ("no YAML", "a: [".to_owned(), "not YAML"),
        ("empty", String::new(), "the last good one stays"),
        ("an unknown field", good.replacen("\"listen\"", "\"lisen\"", 1), "unknown field `lisen`"),
        ("an unknown agent", good.replace("\"actors\": [", "\"actors\": [\"ghost\", "), "`ghost` is none of `agents`"),
        ("a key file that is gone", good.replace("keys.json", "gone.json"), "gone.json"),
        ("half a file", good[..good.len() / 2].to_owned(), "not YAML"),
    ] {
        replace_file(&gate.plan.file(), &text);
        failures += 1.0;
        gate.until_metric(FAILURE, failures).await;
        assert!(gate.metric("hopgate_config_current").abs() < 0.5, "{name}");
        assert!(gate.log().contains(said), "{name}: {}", gate.log());
        assert_eq!(gate.get("/open", &gate.token()).await.verdict(), "ok", "{name}");
        assert_eq!(gate.admin_get("/readyz").status, 200, "{name}");
    }
    replace_file(&gate.plan.file(), &format!("{:#}", gate.plan.config));
    gate.until_metric("hopgate_config_current", 1.0).await;
    let verdicts = callers.stop().await;
    assert_eq!(verdicts.keys().collect::<Vec<_>>(), ["ok"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_file_that_goes_away_and_comes_back_is_taken() {
    let gate = Plan::new().start();
    let file = gate.plan.file();
    std::fs::remove_file(&file).expect("removed");
    gate.until_metric("hopgate_config_current", 0.0).await;
    assert_eq!(gate.get("/open", &gate.token()).await.verdict(), "ok");
    std::fs::write(&file, asking(&gate.plan, &json!(["admin"]))).expect("written");
    until(&gate, MISSING).await;
    assert!((gate.metric("hopgate_config_current") - 1.0).abs() < 0.5);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_fixed_for_the_process_is_named_and_stays() {
    let mut gate = Plan::new().start();
    let mut config = gate.plan.config.clone();
    set(&mut config, "/listen", json!(format!("unix:{}", gate.plan.dir.path("other").display())));
    set(&mut config, "/limits/drain", json!("3s"));
    set(&mut config, "/services/0/routes/3/scopes", json!(["admin"]));
    replace_file(&gate.plan.file(), &config.to_string());
    until(&gate, MISSING).await;
    let said =
        r#""message":"these changes take effect at the next start","changed":"listen or the files of tls, limits""#;
    assert!(gate.log().contains(said), "{}", gate.log());
    assert!(!gate.plan.dir.path("other").exists());
    let before = gate.record_where(|_| true)["snapshot"].clone();
    let answer = gate.get("/open", &gate.token()).await;
    assert_ne!(gate.record(&answer)["snapshot"], before, "the record names the configuration it was decided by");
    gate.until_metric(SUCCESS, 2.0).await;
}
