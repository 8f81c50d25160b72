//! `hopgate dev …`: throw-away keys, tokens, certificates and servers. **NOT FOR PRODUCTION.**

mod args;

use std::{
    fs,
    io::{self, Write},
    net::SocketAddr,
    path::Path,
};

use jsonwebtoken::Algorithm;
use serde_json::json;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};

pub use args::DevCommand;
use args::{CertsArgs, IssuerArgs, KeygenArgs, MintArgs};

use crate::dev::{
    self, DevError,
    certs::MeshCa,
    echo,
    issuer::{Issuer, IssuerConfig, IssuerFile},
    keys::SigningKey,
    loopback,
    mint::TokenBuilder,
};

/// Runs one dev command; the servers until SIGINT or SIGTERM. A warning goes to stderr first, results to stdout.
///
/// # Errors
/// What the command could not do: see [`DevError`].
pub async fn run(command: DevCommand) -> Result<(), DevError> {
    writeln!(io::stderr(), "warning: {}", dev::WARNING)?;
    match command {
        DevCommand::Issuer(args) => issuer(args).await,
        DevCommand::Mint(args) => mint(&args),
        DevCommand::Keygen(args) => keygen(&args),
        DevCommand::Certs(args) => certs(&args),
        DevCommand::Echo(args) => run_echo(args.listen).await,
    }
}

async fn issuer(args: IssuerArgs) -> Result<(), DevError> {
    let file = args.config.as_deref().map(IssuerFile::read).transpose()?.unwrap_or_default();
    let shutdown = termination()?;
    let listener = listener(args.listen).await?;
    let address = listener.local_addr()?;

    let mut config = IssuerConfig::new(args.issuer.or(file.issuer).unwrap_or_else(|| format!("http://{address}")));
    config.algorithm = args.algorithm.or(file.algorithm).unwrap_or(config.algorithm);
    config.lifetime = args.lifetime.or(file.lifetime).unwrap_or(config.lifetime);
    config.retired_keys = args.retired_keys.or(file.retired_keys).unwrap_or(config.retired_keys);
    config.details_types = file.details_types;
    config.details_types.extend(args.details_types);
    config.clients = file.clients;
    config.clients.extend(args.clients);
    let key_file = args.key.or(file.key);
    config.key = key_file.map(|path| kept_key(&path, config.algorithm)).transpose()?;

    let issuer = Issuer::new(config)?;
    say(&format!("issuer {} listening on {address}", issuer.identifier()))?;
    Ok(issuer.serve(listener, shutdown).await?)
}

fn mint(args: &MintArgs) -> Result<(), DevError> {
    let key = SigningKey::load(&args.key)?;
    let mut token = TokenBuilder::new(&args.issuer, &args.sub, "")
        .audiences(&args.aud)
        .client_id(args.client_id.as_ref().unwrap_or(&args.sub))
        .scope(&args.scope.join(" "))
        .actors(&args.actors)
        .lifetime(args.lifetime);
    if !args.authorization_details.is_empty() {
        token = token.claim("authorization_details", json!(args.authorization_details));
    }
    for (name, value) in &args.claims {
        token = token.claim(name, value.clone());
    }
    say(&token.sign(&key)?)
}

fn keygen(args: &KeygenArgs) -> Result<(), DevError> {
    let mut key = SigningKey::generate(args.algorithm)?;
    if let Some(kid) = &args.kid {
        key = key.with_kid(kid);
    }
    key.save(&args.out)?;
    key.save_jwks(&args.jwks)?;
    say(&format!("key {} in {}, JWK Set in {}", key.kid(), args.out.display(), args.jwks.display()))
}

fn certs(args: &CertsArgs) -> Result<(), DevError> {
    let ca = MeshCa::generate(&args.trust_domain)?;
    let written = ca.write(&args.out, &args.spiffe)?;
    say(&format!("ca {}", args.out.join("ca.pem").display()))?;
    for leaf in written {
        say(&format!("{} {} {}", leaf.spiffe_id, leaf.cert.display(), leaf.key.display()))?;
    }
    Ok(())
}

async fn run_echo(listen: SocketAddr) -> Result<(), DevError> {
    let shutdown = termination()?;
    let listener = listener(listen).await?;
    say(&format!("echo listening on {}", listener.local_addr()?))?;
    Ok(echo::serve(listener, shutdown).await?)
}

async fn listener(address: SocketAddr) -> Result<TcpListener, DevError> {
    TcpListener::bind(loopback(address)?).await.map_err(|fault| DevError::Listen { address, fault })
}

/// The key of the file, or a new one that the file then has: an issuer that is started again keeps its key.
fn kept_key(path: &Path, algorithm: Algorithm) -> Result<SigningKey, DevError> {
    if fs::exists(path).map_err(|fault| DevError::File { path: path.to_owned(), fault })? {
        return SigningKey::load(path);
    }
    let key = SigningKey::generate(algorithm)?;
    key.save(path)?;
    Ok(key)
}

/// Completes on SIGINT or SIGTERM. The handlers are in place when this returns, before anyone learns of the listener.
fn termination() -> io::Result<impl Future<Output = ()> + Send + 'static> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// One line on stdout, where a script can read it.
fn say(line: &str) -> Result<(), DevError> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};
    use serde_json::Value;

    use super::*;

    #[derive(Debug, Parser)]
    struct Dev {
        #[command(subcommand)]
        command: DevCommand,
    }

    fn parse(args: &[&str]) -> Result<DevCommand, clap::Error> {
        Dev::try_parse_from([&["dev"], args].concat()).map(|dev| dev.command)
    }

    #[test]
    fn the_command_line_is_consistent_and_every_command_says_it_is_not_for_production() {
        let command = Dev::command();
        command.clone().debug_assert();
        for sub in command.get_subcommands() {
            assert!(sub.get_about().unwrap().to_string().contains("NOT FOR PRODUCTION"), "{}", sub.get_name());
        }
    }

    #[test]
    fn anything_but_loopback_is_refused_with_the_reason() {
        for args in [["issuer", "--listen", "0.0.0.0:9000"], ["echo", "--listen", "192.0.2.1:80"]] {
            let refused = parse(&args).unwrap_err().to_string();
            assert!(refused.contains("loopback"), "{refused}");
        }
    }

    #[tokio::test]
    async fn keygen_makes_a_key_that_mint_signs_with_and_certs_writes_its_files() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
        let (key, jwks, certs) = (at("key.json"), at("jwks.json"), at("certs"));
        run(parse(&["keygen", "--out", &key, "--jwks", &jwks, "--kid", "k1"]).unwrap()).await.unwrap();
        let published: Value = serde_json::from_str(&fs::read_to_string(&jwks).unwrap()).unwrap();
        assert_eq!(published.pointer("/keys/0/kid"), Some(&Value::from("k1")));
        let mint = ["mint", "--key", &key, "--issuer", "i", "--sub", "alice", "--aud", "a", "--actor", "planner"];
        run(parse(&mint).unwrap()).await.unwrap();
        let spiffe = ["spiffe://demo.local/a", "spiffe://demo.local/b"];
        let args = ["certs", "--out", &certs, "--trust-domain", "demo.local", "--spiffe", spiffe[0], spiffe[1]];
        run(parse(&args).unwrap()).await.unwrap();
        assert!(dir.path().join("certs/b-key.pem").exists());
    }

    #[test]
    fn an_issuers_key_file_is_made_once_and_then_kept() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key.json");
        let made = kept_key(&path, Algorithm::EdDSA).unwrap();
        assert_eq!(kept_key(&path, Algorithm::ES256).unwrap().jwk(), made.jwk());
    }
}
