//! An agent outside of the mesh's own proxies, with a certificate.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use reqwest::{Certificate, Client, Identity, Method};
use serde_json::Value;

/// The host that `k8s/` names; the caller finds it at the address of the Envoy under test.
pub(crate) const HOST: &str = "agents.example.com";

pub(crate) struct Caller {
    client: Client,
    base: String,
}

#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// What the service saw, where it was the service that answered.
    pub(crate) body: Value,
}

impl Caller {
    /// With the certificate of `agent` in `folder`, or without any.
    pub(crate) fn new(address: SocketAddr, folder: &Path, agent: Option<&str>) -> Self {
        let read = |name: String| fs::read(folder.join(name)).unwrap();
        let mut builder = Client::builder()
            .tls_certs_only([Certificate::from_pem(&read("ca.pem".to_owned())).unwrap()])
            // The proxies' certificates hold SPIFFE ids and no names; who they are is not under test here.
            .tls_danger_accept_invalid_hostnames(true)
            .resolve(HOST, address);
        if let Some(agent) = agent {
            let mut pem = read(format!("{agent}-key.pem"));
            pem.extend(read(format!("{agent}.pem")));
            builder = builder.identity(Identity::from_pem(&pem).unwrap());
        }
        Self { client: builder.build().unwrap(), base: format!("https://{HOST}:{}", address.port()) }
    }

    pub(crate) async fn get(&self, path: &str, token: &str) -> Response {
        self.send(Method::GET, path, &[("authorization", &format!("Bearer {token}"))], Vec::new()).await.unwrap()
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<Response, reqwest::Error> {
        let mut request = self.client.request(method, format!("{}{path}", self.base)).body(body);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await?;
        let status = response.status().as_u16();
        let text = response.bytes().await?;
        Ok(Response { status, body: serde_json::from_slice(&text).unwrap_or(Value::Null) })
    }
}
