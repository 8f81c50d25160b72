//! One connection to a server that was found fit to remember claims, and since when it does.
//!
//! A server that restarted, became a replica for a while, or was emptied may have forgotten. So the
//! server holds a mark, `<prefix>began`: who it is and the second from which claims are there.
//! It goes with the claims when they go, and every claim reads it after it was noted.

use std::path::{Path, PathBuf};
use std::time::Duration;

use redis::aio::{ConnectionLike as _, MultiplexedConnection};
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ErrorKind, IntoConnectionInfo as _, RedisConnectionInfo, RedisError,
    ServerErrorKind, TlsCertificates, Value,
};
use thiserror::Error;

use crate::audit::hex;
use crate::authz::{Claim, UnixTime};
use crate::clock;
use crate::config::{RedisAddress, RedisSettings};

/// Claims on their way before further ones queue up, still within their own time.
const ON_THE_WAY: usize = 1024;

pub(super) struct Session {
    connection: MultiplexedConnection,
    prefix: Box<str>,
    mark: Mark,
}

/// What a server says to a claim.
pub(super) enum Answer {
    /// It was the first. Whether the server still has what it had when the session began.
    Noted {
        remembers: bool,
    },
    Known,
}

/// Who remembers, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mark {
    /// `run_id` and `master_replid`: another process, or one that followed another primary
    /// meanwhile and took over its data, is somebody else.
    server: String,
    began: UnixTime,
}

/// Why claims can't be made. None of it holds a credential.
#[derive(Debug, Error)]
pub(super) enum Trouble {
    #[error("can't read `{}`: {source}", .file.display())]
    Credential { file: PathBuf, source: std::io::Error },
    #[error("{0}")]
    Server(#[from] RedisError),
    #[error("no answer within {0:?}")]
    Slow(Duration),
    #[error("the server is a replica, expected the primary")]
    Replica,
    #[error("the server is part of a cluster, expected a single primary")]
    Cluster,
    #[error("the server may evict claims: `maxmemory-policy` is `{0}`, expected `noeviction`")]
    Evicts(String),
    #[error("the server tells no `{0}` in INFO")]
    Untold(&'static str),
    #[error("the server answered with something else than was asked")]
    Misunderstood,
    #[error("the server was emptied or replaced")]
    Emptied,
}

impl Trouble {
    /// Whether further claims are no use on this connection.
    pub(super) fn loses_the_session(&self) -> bool {
        match self {
            Self::Server(error) => error.is_io_error() || error.is_unrecoverable_error() || is_lasting(error.kind()),
            // One slow answer: whoever keeps the session looks at once.
            Self::Slow(_) => false,
            Self::Credential { .. }
            | Self::Replica
            | Self::Cluster
            | Self::Evicts(_)
            | Self::Untold(_)
            | Self::Misunderstood
            | Self::Emptied => true,
        }
    }
}

fn is_lasting(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Parse
            | ErrorKind::AuthenticationFailed
            | ErrorKind::Server(
                ServerErrorKind::ReadOnly
                    | ServerErrorKind::BusyLoading
                    | ServerErrorKind::MasterDown
                    | ServerErrorKind::ClusterDown
                    | ServerErrorKind::Moved
                    | ServerErrorKind::NoPerm
            )
    )
}

impl Session {
    /// Connects, with the credentials as they are on disk now, and learns what the server is.
    pub(super) async fn open(settings: &RedisSettings) -> Result<Self, Trouble> {
        let config = AsyncConnectionConfig::new()
            // Callers hold the times.
            .set_connection_timeout(None)
            .set_response_timeout(None)
            .set_pipeline_buffer_size(ON_THE_WAY);
        let mut connection = client(settings).await?.get_multiplexed_async_connection_with_config(&config).await?;
        let server = inspect(&mut connection).await?;
        let key = mark_key(&settings.key_prefix);
        let mark = match read_mark(&mut connection, &key).await? {
            Some(mark) if mark.server == server => mark,
            Some(_) | None => {
                // A process of the server that nobody marked. Its claims are there from now on at
                // the latest: no connection outlives the process it leads to, and this one leads
                // to the process that told its id.
                let mark = Mark { server, began: clock::now() };
                let _: Value = redis::cmd("SET").arg(&key).arg(mark.to_string()).query_async(&mut connection).await?;
                // Another replica may have been here at the same time; the last word counts.
                let written = read_mark(&mut connection, &key).await?;
                written.filter(|written| written.server == mark.server).ok_or(Trouble::Emptied)?
            }
        };
        Ok(Self { connection, prefix: settings.key_prefix.clone(), mark })
    }

    pub(super) fn server(&self) -> &str {
        &self.mark.server
    }

    /// Tokens issued at or before this instant may have been used unseen.
    pub(super) fn began(&self) -> UnixTime {
        self.mark.began
    }

    /// One write and one read of the connection.
    pub(super) async fn claim(&self, claim: &Claim, now: UnixTime) -> Result<Answer, Trouble> {
        // A span and not an instant: the server's clock may be another, and a key whose instant
        // is past by it would be gone at once and fresh for ever.
        let span = claim.until.since(now).max(Duration::from_secs(1)).as_secs();
        let mut all = redis::pipe();
        all.cmd("SET").arg(format!("{}{}", self.prefix, hex(&claim.key))).arg(1);
        all.arg("NX").arg("EX").arg(span);
        // After it: what the server still has and still is now, it had and was when it noted the
        // claim. Its history is asked besides, since a primary that followed another for a moment
        // has a copy of its own mark, and not all of its own claims.
        all.cmd("GET").arg(mark_key(&self.prefix));
        all.cmd("INFO").arg("replication");
        let answers = self.connection.clone().req_packed_commands(&all, 0, 3).await?;
        let Ok([noted, mark, info]) = <[Value; 3]>::try_from(answers) else { return Err(Trouble::Misunderstood) };
        match noted.extract_error()? {
            Value::Okay => {}
            Value::Nil => return Ok(Answer::Known),
            _ => return Err(Trouble::Misunderstood),
        }
        let marked = match mark.extract_error()? {
            Value::BulkString(mark) => Mark::parse(&mark).as_ref() == Some(&self.mark),
            Value::Nil => false,
            _ => return Err(Trouble::Misunderstood),
        };
        let Value::BulkString(info) = info.extract_error()? else { return Err(Trouble::Misunderstood) };
        let info = String::from_utf8_lossy(&info);
        let same_history = field(&info, "master_replid")? == self.history();
        Ok(Answer::Noted { remembers: marked && same_history && is_primary(&info)? })
    }

    fn history(&self) -> &str {
        self.mark.server.split_once('.').map_or("", |(_, history)| history)
    }

    /// Whether the server is still what it was when the session began.
    pub(super) async fn look(&self, settings: &RedisSettings) -> Result<(), Trouble> {
        let mut connection = self.connection.clone();
        let server = inspect(&mut connection).await?;
        let mark = read_mark(&mut connection, &mark_key(&settings.key_prefix)).await?;
        if server == self.mark.server && mark.as_ref() == Some(&self.mark) { Ok(()) } else { Err(Trouble::Emptied) }
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("mark", &self.mark).finish_non_exhaustive()
    }
}

impl Mark {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let (server, began) = std::str::from_utf8(bytes).ok()?.split_once(' ')?;
        Some(Self { server: server.to_owned(), began: UnixTime::from_secs(began.parse().ok()?) })
    }
}

impl std::fmt::Display for Mark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.server, self.began)
    }
}

fn mark_key(prefix: &str) -> String {
    format!("{prefix}began")
}

async fn read_mark(connection: &mut MultiplexedConnection, key: &str) -> Result<Option<Mark>, Trouble> {
    let bytes: Option<Vec<u8>> = redis::cmd("GET").arg(key).query_async(connection).await?;
    Ok(bytes.and_then(|bytes| Mark::parse(&bytes)))
}

/// Who the server is, if it is one that may hold claims.
async fn inspect(connection: &mut MultiplexedConnection) -> Result<String, Trouble> {
    let info: String = redis::cmd("INFO").query_async(connection).await?;
    fit(&info)
}

/// As [`inspect`], from the text that INFO answers.
fn fit(info: &str) -> Result<String, Trouble> {
    if !is_primary(info)? {
        return Err(Trouble::Replica);
    }
    if field(info, "cluster_enabled").is_ok_and(|enabled| enabled != "0") {
        return Err(Trouble::Cluster);
    }
    if field(info, "maxmemory")? != "0" {
        let policy = field(info, "maxmemory_policy")?;
        if policy != "noeviction" {
            return Err(Trouble::Evicts(policy.to_owned()));
        }
    }
    Ok(format!("{}.{}", field(info, "run_id")?, field(info, "master_replid")?))
}

fn is_primary(info: &str) -> Result<bool, Trouble> {
    Ok(field(info, "role")? == "master")
}

fn field<'a>(info: &'a str, name: &'static str) -> Result<&'a str, Trouble> {
    let value = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    value.map(str::trim).filter(|value| !value.is_empty()).ok_or(Trouble::Untold(name))
}

async fn client(settings: &RedisSettings) -> Result<Client, Trouble> {
    let mut login = RedisConnectionInfo::default().set_db(settings.database).set_skip_set_lib_name();
    if let Some(file) = &settings.username_file {
        login = login.set_username(credential(file).await?);
    }
    if let Some(file) = &settings.password_file {
        login = login.set_password(credential(file).await?);
    }
    let (address, ca_pem) = match &settings.address {
        RedisAddress::Tcp { host, port } => (ConnectionAddr::Tcp(host.clone(), *port), None),
        RedisAddress::Tls { host, port, ca_pem } => {
            let (host, port) = (host.clone(), *port);
            (ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None }, ca_pem.clone())
        }
        RedisAddress::Unix(path) => (ConnectionAddr::Unix(path.clone()), None),
    };
    let info = address
        .into_connection_info()?
        .set_redis_settings(login)
        // A claim is small and waited for.
        .set_tcp_settings(TcpSettings::default().set_nodelay(true));
    Ok(match ca_pem {
        None => Client::open(info)?,
        Some(pem) => Client::build_with_tls(info, TlsCertificates { client_tls: None, root_cert: Some(pem) })?,
    })
}

/// A credential as a file holds it, but for the line's end that editors leave.
async fn credential(file: &Path) -> Result<String, Trouble> {
    let text = tokio::fs::read_to_string(file)
        .await
        .map_err(|source| Trouble::Credential { file: file.to_owned(), source })?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRIMARY: &str = "# Server\r\nrun_id:abc\r\n# Memory\r\nmaxmemory:0\r\nmaxmemory_human:0B\r\nmaxmemory_policy:allkeys-lru\r\n# Replication\r\nrole:master\r\nmaster_replid:def\r\n";

    #[test]
    fn only_a_primary_that_evicts_nothing_is_fit() {
        assert_eq!(fit(PRIMARY).unwrap(), "abc.def");
        let with = |from: &str, to: &str| fit(&PRIMARY.replace(from, to)).map_err(|trouble| trouble.to_string());
        assert_eq!(
            with(
                "maxmemory:0\r\nmaxmemory_human:0B\r\nmaxmemory_policy:allkeys-lru",
                "maxmemory:9\r\nmaxmemory_policy:noeviction"
            )
            .unwrap(),
            "abc.def"
        );
        assert!(with("maxmemory:0", "maxmemory:9").unwrap_err().contains("`allkeys-lru`"));
        assert!(with("role:master", "role:slave").unwrap_err().contains("replica"));
        assert!(with("run_id:abc", "run_id:").unwrap_err().contains("`run_id`"));
        assert!(with("maxmemory:0", "x:0").unwrap_err().contains("`maxmemory`"), "what is not told is not assumed");
        assert!(with("# Server", "cluster_enabled:1").unwrap_err().contains("cluster"));
    }

    #[test]
    fn a_mark_reads_as_it_was_written() {
        let mark = Mark { server: "abc".to_owned(), began: UnixTime::from_secs(7) };
        assert_eq!(Mark::parse(mark.to_string().as_bytes()), Some(mark));
        for text in ["", "abc", "abc ", "abc x", " "] {
            assert_eq!(Mark::parse(text.as_bytes()), None, "{text:?}");
        }
    }
}
