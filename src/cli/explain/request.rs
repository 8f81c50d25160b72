//! The request to explain, from a file or from flags.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use crate::offline::Call;

#[derive(Debug, clap::Args)]
pub(super) struct RequestArgs {
    /// The request as YAML or JSON: method, path, headers, body, peer, certificate (PEM), service. Flags override it.
    #[arg(long, value_name = "FILE")]
    request: Option<PathBuf>,
    /// HTTP method.
    #[arg(long)]
    method: Option<String>,
    /// Request target, with its query.
    #[arg(long)]
    path: Option<String>,
    /// A header, as `name: value`; may be repeated.
    #[arg(long = "header", value_name = "HEADER")]
    headers: Vec<String>,
    /// Short for the header `authorization: Bearer TOKEN`.
    #[arg(long)]
    token: Option<String>,
    /// The body, as text; from a file as `@FILE`.
    #[arg(long, value_name = "TEXT|@FILE")]
    body: Option<String>,
    /// Identity of the mTLS peer.
    #[arg(long, value_name = "SPIFFE_ID")]
    peer: Option<String>,
    /// PEM file with the certificate of the mTLS peer.
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
    /// The service that Envoy's route names.
    #[arg(long)]
    service: Option<String>,
}

/// A request file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Written {
    method: String,
    path: String,
    headers: BTreeMap<String, OneOrMany>,
    body: Option<String>,
    peer: String,
    certificate: String,
    service: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl RequestArgs {
    /// # Errors
    /// A file that can't be read, or a header flag without a colon.
    pub(super) fn call(self) -> Result<Call, String> {
        let written = match &self.request {
            None => Written::default(),
            Some(file) => {
                let text = std::fs::read_to_string(file)
                    .map_err(|error| format!("can't read `{}`: {error}", file.display()))?;
                serde_saphyr::from_str(&text).map_err(|error| format!("`{}` is no request: {error}", file.display()))?
            }
        };
        let mut headers = Vec::new();
        for (name, values) in written.headers {
            match values {
                OneOrMany::One(value) => headers.push((name, value)),
                OneOrMany::Many(values) => headers.extend(values.into_iter().map(|value| (name.clone(), value))),
            }
        }
        for header in &self.headers {
            let (name, value) =
                header.split_once(':').ok_or(format!("found header `{header}`, expected `name: value`"))?;
            headers.push((name.trim().to_lowercase(), value.trim().to_owned()));
        }
        if let Some(token) = self.token {
            headers.push(("authorization".to_owned(), format!("Bearer {token}")));
        }
        let certificate = match self.certificate {
            None => written.certificate,
            Some(file) => {
                std::fs::read_to_string(&file).map_err(|error| format!("can't read `{}`: {error}", file.display()))?
            }
        };
        let body = match self.body.or(written.body) {
            None => None,
            Some(body) => match body.strip_prefix('@') {
                None => Some(body.into_bytes()),
                Some(file) => Some(std::fs::read(file).map_err(|error| format!("can't read `{file}`: {error}"))?),
            },
        };
        Ok(Call {
            method: self.method.unwrap_or(written.method),
            path: self.path.unwrap_or(written.path),
            headers,
            body,
            peer: self.peer.unwrap_or(written.peer),
            certificate,
            service: self.service.or(written.service),
        })
    }
}
