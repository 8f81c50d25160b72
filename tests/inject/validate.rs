//! The second look, after every other webhook had its turn: `/validate`. And namespaces that are labelled.

use hopgate::inject::{ChosenBy, Outcome, Pass, Question, answer};
use serde_json::{Value, json};

use super::pods::{VALIDATE, annotated, edited, injected, labelled, review_of, settings};
use super::webhook::{Reviewed, Webhook};

fn validated(pod: &Value) -> Reviewed {
    let answer = answer(review_of(pod).to_string().as_bytes(), VALIDATE, &settings());
    let review = serde_json::from_slice(&answer.body).expect("JSON");
    Reviewed { status: answer.status.as_u16(), review }
}

#[test]
fn a_whole_pod_is_allowed_without_a_patch() {
    assert_eq!(validated(&injected(&labelled())).patch(), None);
    // Only the note of the version is missing.
    let mut unnoted = injected(&labelled());
    unnoted["metadata"]["annotations"].as_object_mut().unwrap().remove("hopgate.dev/injected");
    assert_eq!(validated(&unnoted).patch(), None);
}

#[test]
fn a_pod_that_is_not_whole_is_refused() {
    let refusal = validated(&labelled());
    assert!(refusal.refusal().contains("lacks"), "{refusal:?}");
    for (list, name) in
        [("initContainers", "hopgate"), ("initContainers", "hopgate-envoy"), ("volumes", "hopgate-socket")]
    {
        let mut pod = injected(&labelled());
        pod["spec"][list].as_array_mut().unwrap().retain(|item| item["name"] != name);
        let refusal = validated(&pod);
        assert!(refusal.refusal().contains(&format!("`{name}`")), "{refusal:?}");
    }
}

#[test]
fn an_envoy_that_never_came_is_refused() {
    for pod in [
        annotated(&[("hopgate.dev/envoy", "istio-proxy")]),
        edited(|pod| pod["metadata"]["labels"]["sidecar.istio.io/inject"] = json!("true")),
    ] {
        let refusal = validated(&injected(&pod));
        assert!(refusal.refusal().contains("`istio-proxy` was to be hopgate's Envoy"), "{refusal:?}");
    }
}

#[test]
fn a_container_that_came_later_for_the_socket_is_refused() {
    let mut pod = injected(&labelled());
    let mount = json!([{ "name": "hopgate-socket", "mountPath": "/s" }]);
    pod["spec"]["containers"]
        .as_array_mut()
        .unwrap()
        .push(json!({ "name": "late", "image": "x", "volumeMounts": mount }));
    let refusal = validated(&pod);
    assert!(refusal.refusal().contains("container `late` mounts `hopgate-socket`"), "{refusal:?}");
}

#[test]
fn an_unlabelled_pod_is_none_of_its_business() {
    assert!(validated(&json!({ "metadata": {}, "spec": {} })).allowed());
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_labelled_namespace_a_pod_is_chosen_unless_it_says_no() {
    let webhook = Webhook::start().await;
    let unlabelled = edited(|pod| {
        pod["metadata"]["labels"].as_object_mut().unwrap().remove("hopgate.dev/inject");
    });
    let no = edited(|pod| pod["metadata"]["labels"]["hopgate.dev/inject"] = json!("false"));
    for (path, pod, patched) in [
        ("/mutate", &unlabelled, false),
        ("/mutate", &no, false),
        ("/mutate/namespace", &unlabelled, true),
        ("/mutate/namespace", &labelled(), true),
        ("/mutate/namespace", &no, false),
    ] {
        let reviewed = webhook.post(path, review_of(pod).to_string()).await;
        assert_eq!(reviewed.patch().is_some(), patched, "{path} {pod:#}");
    }
    let host = edited(|pod| pod["spec"]["hostNetwork"] = json!(true));
    let reviewed = webhook.post("/mutate/namespace", review_of(&host).to_string()).await;
    assert!(
        reviewed.refusal().ends_with("label the pod `hopgate.dev/inject: \"false\"` to leave it out)"),
        "{reviewed:?}"
    );
    let reviewed = webhook.post("/validate/namespace", review_of(&unlabelled).to_string()).await;
    assert!(reviewed.refusal().contains("lacks"), "{reviewed:?}");
    assert!(webhook.post("/validate", review_of(&unlabelled).to_string()).await.allowed());
}

#[test]
fn both_passes_refuse_the_same_pods() {
    let pod = edited(|pod| pod["spec"]["hostNetwork"] = json!(true));
    for pass in [Pass::Mutate, Pass::Validate] {
        let question = Question { pass, chosen_by: ChosenBy::Pod };
        assert_eq!(answer(review_of(&pod).to_string().as_bytes(), question, &settings()).outcome, Outcome::Refused);
    }
}
