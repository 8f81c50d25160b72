//! What the tests put around Envoy: certificates, and an authorization server that remembers what it was asked.

pub(crate) mod authz;
pub(crate) mod certs;

use std::net::SocketAddr;
use std::time::Duration;

/// GET, and the status with the body of any answer.
pub(crate) fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let mut answer = ureq::get(format!("http://{address}{path}"))
        .config()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(10)))
        .build()
        .header("x-twice", "one")
        .header("x-twice", "two")
        .call()
        .expect("an answer");
    let body = answer.body_mut().read_to_string().expect("a text body");
    (answer.status().as_u16(), body)
}
