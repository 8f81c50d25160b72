//! Envoy, hopgate and the service must all read one path, or the call ends.

use testbed::envoy::Hcm;

use crate::support::Plan;
use crate::support::mesh::Mesh;

const PATHS: [&str; 27] = [
    "/invoices",
    "/invoices?x=/../y",
    "//invoices",
    "///invoices//",
    "/open/../invoices",
    "/open/./../invoices",
    "/open/%2e%2e/invoices",
    "/open/%2E%2E/invoices",
    "/open/.%2e/invoices",
    "/open%2f..%2finvoices",
    "/open%2F..%2Finvoices",
    "/open\\..\\invoices",
    "/open%5c..%5cinvoices",
    "/%69nvoices",
    "/invoices/%41",
    "/invoices/%7e",
    "/invoices/%252e%252e",
    "/invoices/..;/open",
    "/invoices;/../open",
    "/invoices/%00",
    "/invoices/%c0%ae%c0%ae",
    "/invoices/...",
    "/invoices/.",
    "/invoices/..",
    "/invoices%3Fx",
    "/invoices/*",
    "/Invoices",
];

async fn one_path(hcm: Hcm) -> Vec<(&'static str, u16)> {
    let mut mesh = Mesh::with(Plan::new(), |listener, _| listener.hcm = hcm).await;
    let token = mesh.gate.token();
    let mut found = Vec::new();
    for path in PATHS {
        let response = mesh.get(path, &token);
        if response.status == 200 {
            let seen = response.json();
            let id = seen["headers"]["x-hopgate-decision-id"][0].clone();
            let record = mesh.gate.record_where(|record| record["decision_id"] == id);
            assert_eq!(record["path"], seen["path"], "{path}");
        } else {
            assert!(matches!(response.status, 400 | 403), "{path}: {response:?}");
        }
        found.push((path, response.status));
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn without_envoys_normalization_every_second_spelling_is_refused() {
    let hcm = Hcm { normalize_path: false, merge_slashes: false, reject_escaped_slashes: false, ..Hcm::default() };
    for (path, status) in one_path(hcm).await {
        let expected = match path {
            "/invoices" | "/invoices?x=/../y" | "/invoices/*" => 200,
            "/Invoices" => 403,
            _ => 400,
        };
        assert_eq!(status, expected, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_envoys_normalization_what_passes_is_what_the_service_sees() {
    for (path, status) in one_path(Hcm::default()).await {
        let expected: &[u16] = match path {
            "/invoices"
            | "/invoices?x=/../y"
            | "/invoices/*"
            | "//invoices"
            | "/open/../invoices"
            | "/open/./../invoices" => &[200],
            "/Invoices" => &[403],
            // Whether Envoy folds these or leaves them to hopgate is Envoy's to say; that all three
            // see one path was checked.
            "/open/%2e%2e/invoices" | "/open/%2E%2E/invoices" | "/open/.%2e/invoices" | "/open\\..\\invoices" => {
                &[200, 400]
            }
            "/%69nvoices" | "/invoices/%41" | "/invoices/%7e" | "///invoices//" | "/invoices/." | "/invoices/.." => {
                &[200, 400, 403]
            }
            "/invoices;/../open" | "/invoices/..;/open" => &[200, 400],
            _ => &[400],
        };
        assert!(expected.contains(&status), "{path}: {status}");
    }
}
