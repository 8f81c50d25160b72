//! `hopgate probe`: for containers whose probes can't come over the network, and whose image has nothing else to ask with.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use clap::ValueEnum;

use super::exit::{Exit, fail};

/// Below what a probe waits for unless told otherwise, times two for connecting and answering.
const PATIENCE: Duration = Duration::from_millis(800);
/// Longest answer that is read, bytes.
const LONGEST: u64 = 4096;

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// What to ask.
    #[arg(value_enum)]
    what: What,
    /// The configuration's `admin`.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9902")]
    admin: SocketAddr,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum What {
    Livez,
    Readyz,
}

pub(super) fn run(args: &Args) -> Exit {
    let path = match args.what {
        What::Livez => "/livez",
        What::Readyz => "/readyz",
    };
    match ask(args.admin, path) {
        Ok(answer) if answer.split(' ').nth(1) == Some("200") => Exit::Done,
        Ok(answer) => {
            let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
            fail(format_args!("{path}: {}: {}", head.lines().next().unwrap_or_default(), body.trim_end()))
        }
        Err(error) => fail(format_args!("{path} of {}: {error}", args.admin)),
    }
}

fn ask(admin: SocketAddr, path: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&admin, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {admin}\r\nconnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(LONGEST).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
