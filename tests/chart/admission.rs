//! The expressions of the `ValidatingAdmissionPolicy`, evaluated: what the API server would say of a pod.

use cel::{Context, Program, Value as CelValue};
use serde_json::{Value, json};

use super::helm::{object, template};

fn admitted(chosen: &str, pod: &Value) -> bool {
    let objects = template(&json!({})).expect("rendered");
    let policy = object(&objects, "ValidatingAdmissionPolicy", &format!("hopgate.hopgate-system.{chosen}"));
    policy["spec"]["validations"].as_array().unwrap().iter().all(|validation| {
        let program = Program::compile(validation["expression"].as_str().unwrap()).expect("an expression");
        let mut context = Context::default();
        context.add_variable("object", pod).expect("a pod");
        program.execute(&context).expect("a verdict") == CelValue::Bool(true)
    })
}

#[test]
fn a_labelled_pod_without_hopgate_is_not_created() {
    let hopgate = json!({ "name": "hopgate", "image": "hopgate:0.1.0", "restartPolicy": "Always" });
    let other = json!({ "name": "migrate", "image": "migrate" });
    let once = json!({ "name": "hopgate", "image": "hopgate:0.1.0" });
    let containers = json!([{ "name": "invoices", "image": "invoices" }]);
    for (name, spec, wanted) in [
        ("injected", json!({ "containers": containers, "initContainers": [hopgate, other] }), true),
        ("nothing injected", json!({ "containers": containers }), false),
        ("other init containers only", json!({ "containers": containers, "initContainers": [other] }), false),
        (
            "hopgate that ends before the service starts",
            json!({ "containers": containers, "initContainers": [once] }),
            false,
        ),
        (
            "on the host's network",
            json!({ "containers": containers, "initContainers": [hopgate], "hostNetwork": true }),
            false,
        ),
        (
            "not on the host's network, and says so",
            json!({ "containers": containers, "initContainers": [hopgate], "hostNetwork": false }),
            true,
        ),
    ] {
        assert_eq!(admitted("pod", &labelled("true", &spec)), wanted, "{name}");
        assert!(admitted("pod", &labelled("false", &spec)), "{name}: it does not ask for hopgate");
        assert!(!admitted("pod", &labelled("yes", &spec)), "{name}: a misspelled value");
        let unlabelled = json!({ "metadata": { "name": "a" }, "spec": spec });
        assert_eq!(admitted("namespace", &unlabelled), wanted, "{name}: its namespace asks");
    }
}

fn labelled(value: &str, spec: &Value) -> Value {
    json!({ "metadata": { "name": "a", "labels": { "hopgate.dev/inject": value } }, "spec": spec })
}
