//! The arguments of `hopgate dev`, as clap reads them.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Args, Subcommand};
use jsonwebtoken::Algorithm;
use serde_json::Value;

use crate::dev::{issuer::Client, loopback};

/// Throw-away parts for trying hopgate out: NOT FOR PRODUCTION
#[derive(Debug, Subcommand)]
pub enum DevCommand {
    /// Run a token issuer that gives a token for any user to whoever asks: NOT FOR PRODUCTION
    Issuer(IssuerArgs),
    /// Print an access token with whatever claims you like: NOT FOR PRODUCTION
    Mint(MintArgs),
    /// Make a signing key, and a JWK Set that hopgate can read: NOT FOR PRODUCTION
    Keygen(KeygenArgs),
    /// Make a throw-away CA and workload certificates with SPIFFE ids: NOT FOR PRODUCTION
    Certs(CertsArgs),
    /// Run a service that answers with the request it got: NOT FOR PRODUCTION
    Echo(EchoArgs),
}

#[derive(Debug, Args)]
pub struct IssuerArgs {
    /// Loopback address to listen on; port 0 asks the system for one
    #[arg(long, default_value = "127.0.0.1:9000", value_parser = loopback_address)]
    pub(super) listen: SocketAddr,
    /// YAML or JSON file with issuer, algorithm, key, clients, lifetime, `retired_keys`, `details_types`; flags win over it
    #[arg(long)]
    pub(super) config: Option<PathBuf>,
    /// Issuer identifier [default: http:// and the address]
    #[arg(long)]
    pub(super) issuer: Option<String>,
    /// An agent that may ask for tokens; scopes are separated by commas (may be repeated)
    #[arg(long = "client", value_name = "ID:SECRET:SCOPES")]
    pub(super) clients: Vec<Client>,
    /// Key file of `hopgate dev keygen`; made if it is missing [default: a new key that is not kept]
    #[arg(long)]
    pub(super) key: Option<PathBuf>,
    /// Algorithm of keys the issuer makes [default: ES256]
    #[arg(long, value_parser = algorithm)]
    pub(super) algorithm: Option<Algorithm>,
    /// How long tokens live, such as 5m [default: 5m]
    #[arg(long, value_parser = humantime::parse_duration)]
    pub(super) lifetime: Option<Duration>,
    /// How long the old public key stays published after a rotation [default: 10m]
    #[arg(long, value_parser = humantime::parse_duration)]
    pub(super) retired_keys: Option<Duration>,
    /// A type of `authorization_details` that can be asked for, RFC 9396 (may be repeated) [default: any]
    #[arg(long = "details-type", value_name = "TYPE")]
    pub(super) details_types: Vec<String>,
}

#[derive(Debug, Args)]
pub struct MintArgs {
    /// Key file of `hopgate dev keygen`
    #[arg(long)]
    pub(super) key: PathBuf,
    /// The token's `iss`
    #[arg(long)]
    pub(super) issuer: String,
    /// The token's `sub`: the user, or the agent itself
    #[arg(long)]
    pub(super) sub: String,
    /// The token's `aud` (may be repeated)
    #[arg(long, required = true)]
    pub(super) aud: Vec<String>,
    /// The token's `client_id` [default: the subject]
    #[arg(long)]
    pub(super) client_id: Option<String>,
    /// Scopes, separated by spaces (may be repeated)
    #[arg(long)]
    pub(super) scope: Vec<String>,
    /// An actor: the current one first, then the prior ones (may be repeated)
    #[arg(long = "actor")]
    pub(super) actors: Vec<String>,
    /// An entry of `authorization_details`, RFC 9396: a JSON object with a `type` (may be repeated)
    #[arg(long, value_name = "JSON", value_parser = details_entry)]
    pub(super) authorization_details: Vec<Value>,
    /// How long the token lives
    #[arg(long, default_value = "5m", value_parser = humantime::parse_duration)]
    pub(super) lifetime: Duration,
    /// Any claim, over what the token would have had (may be repeated)
    #[arg(long = "claim", value_name = "NAME=JSON", value_parser = claim)]
    pub(super) claims: Vec<(String, Value)>,
}

#[derive(Debug, Args)]
pub struct KeygenArgs {
    /// Where to write the private key (mode 0600)
    #[arg(long)]
    pub(super) out: PathBuf,
    /// Where to write the public key, as a JWK Set
    #[arg(long)]
    pub(super) jwks: PathBuf,
    /// ES256, ES384, `EdDSA`, RS256, RS384, RS512, PS256, PS384 or PS512
    #[arg(long, default_value = "ES256", value_parser = algorithm)]
    pub(super) algorithm: Algorithm,
    /// Key id [default: the key's RFC 7638 thumbprint]
    #[arg(long)]
    pub(super) kid: Option<String>,
}

#[derive(Debug, Args)]
pub struct CertsArgs {
    /// Directory for ca.pem, and NAME.pem and NAME-key.pem of each id, NAME being its last segment
    #[arg(long)]
    pub(super) out: PathBuf,
    /// SPIFFE trust domain, such as demo.local
    #[arg(long)]
    pub(super) trust_domain: String,
    /// SPIFFE ids to issue certificates for
    #[arg(long, required = true, num_args = 1.., value_name = "ID")]
    pub(super) spiffe: Vec<String>,
}

#[derive(Debug, Args)]
pub struct EchoArgs {
    /// Loopback address to listen on; port 0 asks the system for one
    #[arg(long, value_parser = loopback_address)]
    pub(super) listen: SocketAddr,
}

fn loopback_address(text: &str) -> Result<SocketAddr, String> {
    let address = text.parse().map_err(|_| format!("`{text}` is not an address such as 127.0.0.1:9000"))?;
    loopback(address).map_err(|fault| fault.to_string())
}

fn algorithm(text: &str) -> Result<Algorithm, String> {
    text.parse().map_err(|_| format!("`{text}` is not an algorithm such as ES256 (RFC 7518 section 3.1, RFC 8037)"))
}

fn claim(text: &str) -> Result<(String, Value), String> {
    let (name, json) = text.split_once('=').ok_or(format!("`{text}` is not NAME=JSON"))?;
    let value =
        serde_json::from_str(json).map_err(|fault| format!("`{json}` is not JSON (strings need quotes): {fault}"))?;
    Ok((name.to_owned(), value))
}

fn details_entry(text: &str) -> Result<Value, String> {
    let entry: Value = serde_json::from_str(text).map_err(|fault| format!("`{text}` is not JSON: {fault}"))?;
    if entry.get("type").is_some_and(Value::is_string) {
        Ok(entry)
    } else {
        Err(format!("`{text}` is not an object with a string `type`"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_are_json() {
        assert_eq!(claim("n=1").unwrap(), ("n".to_owned(), Value::from(1)));
        assert_eq!(claim(r#"x={"a":"b=c"}"#).unwrap().1, serde_json::json!({ "a": "b=c" }));
        assert!(claim("x=plain").unwrap_err().contains("quotes"));
        assert!(claim("x").is_err());
    }

    #[test]
    fn an_entry_of_authorization_details_has_a_type() {
        assert!(details_entry(r#"{"type":"refund","amount":950}"#).is_ok());
        for text in ["refund", r#""refund""#, "[]", "{}", r#"{"type":7}"#] {
            assert!(details_entry(text).is_err(), "{text}");
        }
    }
}
