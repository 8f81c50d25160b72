//! Whatever the body is, there is an answer, and none but a good one allows anything.

use hopgate::inject::{Outcome, answer};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::pods::{MUTATE, VALIDATE, labelled, review_of, settings};
use super::shapes::any_json;
use super::webhook::{Reviewed, Webhook};

fn asked(body: &[u8]) -> (Outcome, Reviewed) {
    let answer = answer(body, MUTATE, &settings());
    let review = serde_json::from_slice(&answer.body).expect("JSON");
    (answer.outcome, Reviewed { status: answer.status.as_u16(), review })
}

fn with(pointer: &str, value: Value) -> Value {
    let mut review = review_of(&labelled());
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
    review.pointer_mut(parent).expect("a parent")[name] = value;
    review
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_without_a_uid_is_a_failed_call_that_allows_nothing() {
    let webhook = Webhook::start().await;
    let deep = "[".repeat(10_000);
    for body in [
        &b""[..],
        b"null",
        b"[]",
        b"{}",
        b"\xff\xfe",
        b"not json",
        b"{\"request\":{}}",
        b"{\"request\":{\"uid\":\"\"}}",
        b"{\"request\":{\"uid\":1}}",
        b"{\"request\":null}",
        deep.as_bytes(),
        b"apiVersion: v1\nkind: Pod\n",
        b"{\"request\":{\"uid\":\"x\"",
    ] {
        for path in ["/mutate", "/mutate/namespace", "/validate", "/validate/namespace"] {
            let reviewed = webhook.post(path, body.to_vec()).await;
            assert_eq!(reviewed.status, 400, "{reviewed:?}");
            let response = reviewed.any_response();
            assert_eq!((&response["allowed"], &response["uid"]), (&json!(false), &json!("")), "{reviewed:?}");
            assert!(
                response["status"]["message"].as_str().unwrap().starts_with("hopgate: the body is"),
                "{reviewed:?}"
            );
        }
    }
    assert_eq!(webhook.get("/livez").await, Some((200, "ok\n".to_owned())));
}

/// With a uid the refusal is a review, so that it holds whatever the webhook's `failurePolicy` is.
#[test]
fn a_review_that_is_none_is_refused_by_a_review() {
    for review in [
        with("/kind", json!("Pod")),
        with("/kind", json!(null)),
        with("/apiVersion", json!("admission.k8s.io/v1beta1")),
        with("/apiVersion", json!("v1")),
        with("/request/operation", json!("create")),
        with("/request/operation", json!(null)),
        with("/request/resource", json!(null)),
        with("/request/resource", json!({ "group": "", "version": "v2", "resource": "pods" })),
        with("/request/userInfo", json!(null)),
        with("/request/namespace", json!(1)),
        with("/request/object", json!(null)),
        with("/request/object", json!([])),
        with("/request/object", json!("pod")),
        with("/request/object/kind", json!("Deployment")),
        with("/request/object/metadata", json!(7)),
    ] {
        let (outcome, reviewed) = asked(review.to_string().as_bytes());
        assert!(reviewed.refusal().starts_with("hopgate: "), "{reviewed:?}");
        assert!(matches!(outcome, Outcome::Unreadable | Outcome::Refused), "{review:#}");
    }
    let mut empty = review_of(&labelled());
    empty["request"] = json!({ "uid": "705ab4f5-6393-11e8-b7cc-42010a800002" });
    assert!(!asked(empty.to_string().as_bytes()).1.allowed());
}

#[test]
fn what_is_not_the_creation_of_a_pod_is_left_alone() {
    let deployments = json!({ "group": "apps", "version": "v1", "resource": "deployments" });
    for review in [
        with("/request/operation", json!("UPDATE")),
        with("/request/operation", json!("DELETE")),
        with("/request/operation", json!("CONNECT")),
        with("/request/subResource", json!("ephemeralcontainers")),
        with("/request/subResource", json!("eviction")),
        with("/request/resource", deployments),
        with("/request/resource", json!({ "group": "metrics.k8s.io", "version": "v1", "resource": "pods" })),
    ] {
        for question in [MUTATE, VALIDATE] {
            let answer = answer(review.to_string().as_bytes(), question, &settings());
            assert_eq!(answer.outcome, Outcome::LeftAlone, "{review:#}");
            let review = serde_json::from_slice(&answer.body).expect("JSON");
            assert_eq!(Reviewed { status: answer.status.as_u16(), review }.patch(), None);
        }
    }
    // The end of a pod has no object.
    let mut gone = with("/request/operation", json!("DELETE"));
    gone["request"]["object"] = json!(null);
    gone["request"]["oldObject"] = labelled();
    assert!(asked(gone.to_string().as_bytes()).1.allowed());
}

#[test]
fn a_pod_without_the_label_is_left_alone() {
    for pod in [
        json!({}),
        json!({ "kind": "Pod", "apiVersion": "v1", "metadata": { "name": "a" }, "spec": { "hostNetwork": true } }),
    ] {
        let (outcome, reviewed) = asked(review_of(&pod).to_string().as_bytes());
        assert_eq!((outcome, reviewed.patch()), (Outcome::LeftAlone, None));
    }
}

#[test]
fn a_dry_run_is_answered_alike() {
    let real = asked(review_of(&labelled()).to_string().as_bytes()).1.patch();
    let dry = asked(with("/request/dryRun", json!(true)).to_string().as_bytes()).1.patch();
    assert!(real.is_some() && real == dry);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_too_large_is_answered() {
    let webhook = Webhook::start().await;
    let mut review = review_of(&labelled());
    review["request"]["object"]["metadata"]["annotations"]["large"] = json!("x".repeat(3 * 1024 * 1024));
    let reviewed = webhook.post("/mutate", review.to_string()).await;
    assert!(reviewed.patch().is_some(), "as large as the API server takes objects");
    let reviewed = webhook.post("/mutate", vec![b' '; 4 * 1024 * 1024 + 1]).await;
    assert_eq!((reviewed.status, &reviewed.any_response()["allowed"]), (413, &json!(false)));
}

/// Read as a tree, one of these would take half a gigabyte.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_too_many_parts_takes_no_memory() {
    let webhook = Webhook::start().await;
    let before = webhook.service.resident_bytes().expect("its memory");
    for part in ["[],", "0,", "{\"a\":[0]},"] {
        let parts = part.repeat(4_000_000 / part.len());
        let reviewed =
            webhook.post("/mutate", format!("{{\"request\":{{\"uid\":\"x\",\"object\":[{parts}0]}}}}")).await;
        assert_eq!((reviewed.status, &reviewed.any_response()["allowed"]), (413, &json!(false)));
    }
    let after = webhook.service.resident_bytes().expect("its memory");
    // The bodies themselves are 4 MB, and their memory is given back late.
    assert!(after < before + 100 * 1024 * 1024, "{before} {after}");
}

#[tokio::test(flavor = "multi_thread")]
async fn large_bodies_that_never_end_keep_no_usual_pod_waiting() {
    let webhook = Webhook::start().await;
    let mut slow = Vec::new();
    for _ in 0..12 {
        let (sender, receiver) = tokio::sync::mpsc::channel::<Result<Vec<u8>, std::io::Error>>(1);
        let stream = futures_util::stream::unfold(receiver, |mut receiver| async {
            receiver.recv().await.map(|part| (part, receiver))
        });
        let request = webhook.client().post(webhook.url("/mutate")).body(reqwest::Body::wrap_stream(stream)).send();
        slow.push((tokio::spawn(request), sender.clone()));
        sender.send(Ok(vec![b' '; 100_000])).await.unwrap();
    }
    assert!(webhook.review(&labelled()).await.patch().is_some());
    drop(slow);
}

proptest! {
    #[test]
    fn bytes_of_any_kind_are_answered(body in prop::collection::vec(any::<u8>(), 0..200)) {
        let (outcome, reviewed) = asked(&body);
        prop_assert_eq!(outcome, Outcome::Unreadable);
        prop_assert_eq!(&reviewed.any_response()["allowed"], false);
    }

    #[test]
    fn json_of_any_shape_is_answered(body in any_json()) {
        let (_, reviewed) = asked(body.to_string().as_bytes());
        prop_assert_eq!(&reviewed.any_response()["allowed"], false);
    }

    /// A labelled pod is injected or refused, whatever else the request says.
    #[test]
    fn a_review_with_any_part_replaced_never_lets_a_labelled_pod_pass_as_it_is(
        part in prop::sample::select(&PARTS[..]),
        value in any_json(),
    ) {
        let (outcome, reviewed) = asked(with(part, value).to_string().as_bytes());
        let response = reviewed.any_response();
        if response["allowed"] == true {
            prop_assert!(response["patch"].is_string() || outcome == Outcome::LeftAlone, "{reviewed:?}");
        }
    }
}

const PARTS: [&str; 9] = [
    "/request/object/spec",
    "/request/object/spec/containers",
    "/request/object/spec/initContainers",
    "/request/object/spec/volumes",
    "/request/object/metadata/annotations",
    "/request/oldObject",
    "/request/options",
    "/request/dryRun",
    "/request/name",
];
