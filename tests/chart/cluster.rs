//! What the chart's Deployments run, run: the injector with the certificate that the chart made, and the shared hopgate.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use testbed::envoy::Envoy;
use testbed::{Service, ports};

use super::guide;
use super::helm::{example, object, template, validate};
use super::pod::{example_pod, rendered};
use crate::support::authority::{Authority, Identity};
use crate::support::container::Local;
use crate::support::plan::set;
use crate::support::{Plan, SOON, eventually, gate, http};

const UNLISTED: &str = r#"hopgate_tls_refused_total{reason="client_unlisted"}"#;

/// The only container of a Deployment, with its volumes filled from the `ConfigMap`s and Secrets of `objects`.
fn container(objects: &[Value], deployment: &str, dir: &Path) -> Local {
    let pod = &object(objects, "Deployment", deployment)["spec"]["template"]["spec"];
    let local = Local::new(&pod["containers"][0], dir);
    for volume in pod["volumes"].as_array().expect("volumes") {
        let folder = dir.join(volume["name"].as_str().unwrap());
        if let Some(name) = volume["configMap"]["name"].as_str() {
            for (file, text) in object(objects, "ConfigMap", name)["data"].as_object().unwrap() {
                fs::write(folder.join(file), text.as_str().unwrap()).unwrap();
            }
        } else if volume["emptyDir"].is_null()
            && let Some(secret) = objects.iter().find(|object| object["kind"] == "Secret")
        {
            assert_eq!(secret["metadata"]["name"], volume["secret"]["secretName"]);
            for (file, text) in secret["data"].as_object().unwrap() {
                fs::write(folder.join(file), STANDARD.decode(text.as_str().unwrap()).unwrap()).unwrap();
            }
        }
    }
    local
}

/// Starts it with the ports of this machine.
fn start(local: &Local) -> Service {
    let mut program = gate::command();
    for mut argument in local.args() {
        for (there, here) in &local.ports {
            argument = argument.replace(&format!("0.0.0.0:{there}"), &here.to_string());
        }
        program.arg(argument);
    }
    Service::start("a container of the chart", program).expect("a process")
}

/// What the API server does: it asks the webhook's Service, and trusts the webhook's bundle.
async fn review(webhook: &Value, at: SocketAddr, pod: &Value) -> Value {
    let config = &webhook["clientConfig"];
    let service = &config["service"];
    let host = format!("{}.{}.svc", service["name"].as_str().unwrap(), service["namespace"].as_str().unwrap());
    let bundle = STANDARD.decode(config["caBundle"].as_str().unwrap()).unwrap();
    let client = reqwest::Client::builder()
        .tls_certs_only([reqwest::Certificate::from_pem(&bundle).unwrap()])
        .resolve(&host, at)
        .timeout(SOON)
        .build()
        .unwrap();
    let request = json!({
        "uid": "705ab4f5-6393-11e8-b7cc-42010a800002", "kind": { "group": "", "version": "v1", "kind": "Pod" },
        "resource": { "group": "", "version": "v1", "resource": "pods" }, "namespace": "agents", "operation": "CREATE",
        "userInfo": {}, "object": pod, "dryRun": false, "options": null, "oldObject": null,
    });
    let body = json!({ "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request });
    let url = format!("https://{host}:{}{}", at.port(), service["path"].as_str().unwrap());
    let answer = client.post(url).json(&body).send().await.expect("an answer over a connection that is trusted");
    answer.json::<Value>().await.expect("a review")["response"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_injector_of_the_chart_makes_the_example_whole() {
    let (plan, dir) = (Plan::new(), tempfile::TempDir::new().unwrap());
    let objects = rendered(&plan, 8080, &json!({}));
    let local = container(&objects, "hopgate-injector", dir.path());
    let mut injector = start(&local);
    let at = local.ports[&8443];
    ports::wait_for_tcp(at, SOON).expect("the port");
    injector.check_running().unwrap();

    let webhooks = |kind: &str| {
        object(&objects, &format!("{kind}WebhookConfiguration"), "hopgate-injector.hopgate-system")["webhooks"].clone()
    };
    let (mutating, validating) = (webhooks("Mutating"), webhooks("Validating"));
    let mut pod = example_pod();
    assert_eq!(review(&validating[0], at, &pod).await["allowed"], false, "not whole yet");
    let answer = review(&mutating[0], at, &pod).await;
    assert_eq!(answer["allowed"], true, "{answer}");
    let patch = STANDARD.decode(answer["patch"].as_str().expect("a patch")).unwrap();
    json_patch::patch(&mut pod, &serde_json::from_slice::<json_patch::Patch>(&patch).unwrap()).expect("it applies");
    let mut named = pod.clone();
    named["metadata"]["name"] = json!("invoices-7d9c-x");
    for version in ["1.30", "1.33", "1.37"] {
        assert!(validate(std::slice::from_ref(&named), version).is_empty());
    }
    assert_eq!(review(&validating[0], at, &pod).await["allowed"], true, "whole");
    assert_eq!(review(&mutating[0], at, &pod).await["patch"], Value::Null, "left alone");

    // Chosen by its namespace.
    let mut unlabelled = example_pod();
    unlabelled["metadata"]["labels"].as_object_mut().unwrap().remove("hopgate.dev/inject");
    assert_eq!(review(&mutating[0], at, &unlabelled).await["patch"], Value::Null);
    assert!(review(&mutating[1], at, &unlabelled).await["patch"].is_string());
    assert_eq!(review(&validating[1], at, &unlabelled).await["allowed"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shared_hopgate_of_the_chart_answers_the_gateway_of_the_guide_and_nobody_else() {
    let dir = tempfile::TempDir::new().unwrap();
    let mut values = example("shared");
    // The issuer's keys and the store are other tests' matter.
    let plan = Plan::new();
    set(&mut values, "/shared/config/issuers", plan.config["issuers"].clone());
    set(&mut values, "/shared/config/replay", json!({ "store": "memory" }));
    set(&mut values, "/shared/acceptReplayPerReplica", json!(true));
    let keys = fs::read_to_string(plan.dir.root().join("keys.json")).unwrap();
    set(&mut values, "/shared/policies", json!({ "keys.json": keys }));
    let local = container(&template(&values).expect("rendered"), "hopgate", dir.path());

    let authority = Authority::new("the mesh");
    let tls = Path::new(&local.folders["/etc/hopgate-tls"]);
    let server = authority.issue_with(&[], |params| {
        params.subject_alt_names = vec![rcgen::SanType::DnsName("hopgate.hopgate-system.svc".try_into().unwrap())];
    });
    server.write(&tls.join("tls.crt"), &tls.join("tls.key"));
    fs::write(tls.join("ca.crt"), authority.pem()).unwrap();
    let config = local.path("/etc/hopgate/hopgate.yaml");
    let mut text = fs::read_to_string(&config).unwrap();
    for (there, here) in &local.ports {
        text = text.replace(&format!("0.0.0.0:{there}"), &here.to_string());
    }
    fs::write(&config, text.replace("/etc/hopgate-tls", tls.to_str().unwrap())).unwrap();
    let mut hopgate = start(&local);
    local.succeed(&mut hopgate).await;

    let listed = values["shared"]["clients"][0].as_str().unwrap().to_owned();
    let ready = |envoy: &Envoy| http::get(envoy.address("readiness").unwrap(), "/healthz/ready").status;
    let ask = |id: &str| gateway(dir.path(), &authority, &authority.issue(&[id]), local.ports[&9191]);
    let envoy = ask(&listed);
    eventually("a gateway that is listed to be ready", async || (ready(&envoy) == 200).then_some(())).await;
    drop(envoy);
    // Before it has asked it is not ready either, so what counts is that it was refused.
    let other = ask("spiffe://cluster.local/ns/gateways/sa/other");
    eventually("one that is not to be refused", async || {
        let metrics = http::get(local.ports[&9902], "/metrics").text();
        let counted = metrics.lines().find_map(|line| line.strip_prefix(UNLISTED)).expect("the series");
        (counted.trim() != "0").then_some(())
    })
    .await;
    assert_eq!(ready(&other), 503);
}

/// The sample's gateway with the guide's cluster, without its listener for clients: ready while hopgate's health is told to it.
fn gateway(dir: &Path, authority: &Authority, identity: &Identity, hopgate: SocketAddr) -> Envoy {
    let mesh = dir.join("mesh");
    fs::create_dir_all(&mesh).unwrap();
    identity.write(&mesh.join("tls.crt"), &mesh.join("tls.key"));
    fs::write(mesh.join("ca.crt"), authority.pem()).unwrap();
    let placed =
        |text: &str| serde_saphyr::from_str::<Value>(&text.replace("/etc/mesh", mesh.to_str().unwrap())).unwrap();
    let mut config = placed(&fs::read_to_string("k8s/envoy/gateway.yaml").unwrap());
    let mut cluster = placed(&guide::blocks("yaml envoy-cluster")[0]);
    let endpoint = "/load_assignment/endpoints/0/lb_endpoints/0/endpoint/address/socket_address";
    set(&mut cluster, endpoint, json!({ "address": hopgate.ip(), "port_value": hopgate.port() }));
    config["static_resources"]["clusters"] = json!([cluster]);
    config["static_resources"]["listeners"].as_array_mut().unwrap().remove(0);
    let anywhere = json!({ "address": "127.0.0.1", "port_value": 0 });
    set(&mut config, "/static_resources/listeners/0/address/socket_address", anywhere);
    set(&mut config, "/admin/address/socket_address/port_value", json!(0));
    Envoy::start_bootstrap("gateway", &config, 1).expect("a running Envoy")
}
