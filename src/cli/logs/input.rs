//! Where records come from, and which are wanted.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::live::Live;
use crate::audit::{HashKey, clean};
use crate::authz::{Check, Reason};
use crate::cli::exit::{Exit, fail};
use crate::config::close_to;
use crate::logs::name::shown;
use crate::logs::{Decision, Filter, Found, Line, Lines, Wanted, is_checkpoint, moment};
use crate::watch::Address;

#[derive(Debug, clap::Args)]
pub(super) struct Input {
    /// Files of decision records, in order; `-`, or none, is stdin.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Follow a running hopgate instead, at its `watch`: `127.0.0.1:9903` or `unix:/path/to.sock`.
    #[arg(long, value_name = "ADDRESS", conflicts_with = "files")]
    from: Option<Address>,
    /// As it is named in the configuration, exactly; so with all names.
    #[arg(long, value_name = "NAME", help_heading = FILTERS)]
    service: Vec<String>,
    /// As it is named in the configuration.
    #[arg(long, value_name = "NAME", help_heading = FILTERS)]
    route: Vec<String>,
    /// An agent anywhere in the chain, or the client.
    #[arg(long, value_name = "ID", help_heading = FILTERS)]
    agent: Vec<String>,
    /// For whom it was, as a verified token says.
    #[arg(long, value_name = "SUB", help_heading = FILTERS)]
    subject: Vec<String>,
    /// How it was decided.
    #[arg(long, value_enum, help_heading = FILTERS)]
    decision: Vec<Decision>,
    /// Of a refusal, or of what an observed check would have refused.
    #[arg(long, help_heading = FILTERS)]
    reason: Vec<String>,
    /// Which check refused.
    #[arg(long, help_heading = FILTERS)]
    check: Vec<String>,
    /// The tool, prompt, URI or task that the operation names.
    #[arg(long, value_name = "NAME", help_heading = FILTERS)]
    tool: Vec<String>,
    /// The SPIFFE id at the other end of the mTLS connection.
    #[arg(long, value_name = "ID", help_heading = FILTERS)]
    peer: Vec<String>,
    /// A decision id, or the end of one.
    #[arg(long, help_heading = FILTERS)]
    id: Vec<String>,
    /// From then on: a time (RFC 3339, UTC) or a span such as `1h`.
    #[arg(long, value_name = "TIME", value_parser = from_now, help_heading = FILTERS)]
    since: Option<SystemTime>,
    /// Before then.
    #[arg(long, value_name = "TIME", value_parser = from_now, help_heading = FILTERS)]
    until: Option<SystemTime>,
    /// The file of `audit.hash_key_file`: find names by their hashes, too. Repeated after a rotation.
    #[arg(long, value_name = "FILE", help_heading = FILTERS)]
    hash_key_file: Vec<PathBuf>,
    /// Only what an observed check would have refused.
    #[arg(long, help_heading = FILTERS)]
    would_deny: bool,
    /// Look for agents and subjects in what unverified tokens claim, too.
    #[arg(long, help_heading = FILTERS)]
    claimed: bool,
}

const FILTERS: &str = "Filters (repeated: any of them; different ones: all of them)";

/// Why no more is read.
#[derive(Debug)]
pub(super) enum Stop {
    /// With the file and the error.
    Read(String),
    Write(io::Error),
    /// Whoever reads wants no more.
    Enough,
}

pub(super) enum Step<'a> {
    /// The next file, by its name.
    Begins(&'a str),
    Line(Line<'a>),
    /// The next line may take its time.
    Waiting,
}

pub(super) enum Got<'a> {
    Record(&'a Found<'a>),
    Waiting,
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Write(error)
    }
}

impl Input {
    /// Hands over each record that is wanted, and says on stderr what was no record.
    pub(super) fn records(&self, mut take: impl FnMut(Got<'_>) -> Result<(), Stop>) -> Result<(), Stop> {
        let filter = self.filter()?;
        let (mut records, mut fitting, mut foreign, mut prefixed) = (0_u64, 0_u64, 0_u64, 0_u64);
        let mut file = String::new();
        let read = self.each(|step| match step {
            Step::Begins(name) => {
                name.clone_into(&mut file);
                Ok(())
            }
            Step::Waiting => take(Got::Waiting),
            Step::Line(line) => {
                if let Some(found) = Found::of(line.bytes).filter(|_| !line.too_long) {
                    records = records.saturating_add(1);
                    prefixed = prefixed.saturating_add(u64::from(found.prefixed));
                    if !filter.fits(&found.record) {
                        return Ok(());
                    }
                    fitting = fitting.saturating_add(1);
                    return take(Got::Record(&found));
                }
                if !line.too_long && is_checkpoint(line.bytes) {
                    return Ok(());
                }
                if foreign == 0 {
                    // At once: the input may never end.
                    let what = if line.too_long { "is too long" } else { "is no decision record" };
                    eprintln!("hopgate: {}:{} {what}; more are counted", shown(&file), line.number);
                }
                foreign = foreign.saturating_add(1);
                Ok(())
            }
        });
        if prefixed > 0 {
            eprintln!("hopgate: {prefixed} record(s) had a prefix, which was left out");
        }
        if foreign > 0 {
            eprintln!("hopgate: {foreign} line(s) are no decision record");
        }
        if read.is_ok() {
            match (records, fitting) {
                (0, _) => eprintln!("hopgate: no decision record was read"),
                (_, 0) => eprintln!("hopgate: none of {records} record(s) fits"),
                _ => {}
            }
        }
        read
    }

    fn each(&self, take: impl FnMut(Step<'_>) -> Result<(), Stop>) -> Result<(), Stop> {
        let Some(address) = &self.from else { return each(&self.files, take) };
        let name = address.to_string();
        let live = Live::new(address.clone()).map_err(|error| unreadable(&name, &error))?;
        lines(&name, live, take)
    }

    fn filter(&self) -> Result<Filter, Stop> {
        doubt("reason", &self.reason, &Reason::ALL.iter().map(|reason| reason.code()).collect::<Vec<_>>());
        doubt("check", &self.check, &Check::ALL.map(Check::name));
        let keys = self.hash_key_file.iter().map(|file| hash_key(file)).collect::<Result<Vec<_>, _>>()?;
        // Names, and what records say in their place where they are hashed.
        let hashed = |names: &[String]| {
            let hashes = keys.iter().flat_map(|key| names.iter().map(|name| key.hash(name)));
            names.iter().cloned().chain(hashes).collect()
        };
        Ok(Filter {
            wanted: Wanted {
                services: self.service.clone(),
                agents: hashed(&self.agent),
                subjects: hashed(&self.subject),
                decisions: self.decision.clone(),
                reasons: self.reason.clone(),
                checks: self.check.clone(),
                tools: hashed(&self.tool),
                routes: self.route.clone(),
                peers: hashed(&self.peer),
                ids: self.id.clone(),
            },
            since: self.since,
            until: self.until,
            would_deny: self.would_deny,
            claimed: self.claimed,
        })
    }
}

/// Every line of `files`; of stdin where there are none.
pub(super) fn each(files: &[PathBuf], mut take: impl FnMut(Step<'_>) -> Result<(), Stop>) -> Result<(), Stop> {
    let stdin = [PathBuf::from("-")];
    if files.is_empty() && io::stdin().is_terminal() {
        return Err(Stop::Read("no file is given, and stdin is a terminal".to_owned()));
    }
    for file in if files.is_empty() { stdin.as_slice() } else { files } {
        let name = file.to_string_lossy();
        let input = open(file).map_err(|error| unreadable(&name, &error))?;
        lines(if name == "-" { "stdin" } else { &name }, input, &mut take)?;
    }
    Ok(())
}

/// Every line of `input`, which is called `name`.
fn lines(name: &str, input: impl Read, mut take: impl FnMut(Step<'_>) -> Result<(), Stop>) -> Result<(), Stop> {
    let mut lines = Lines::new(input);
    take(Step::Begins(name))?;
    loop {
        if lines.may_wait() {
            take(Step::Waiting)?;
        }
        let Some(line) = lines.next_line().map_err(|error| unreadable(name, &error))? else { return Ok(()) };
        take(Step::Line(line))?;
    }
}

fn unreadable(name: &str, error: &io::Error) -> Stop {
    Stop::Read(format!("can't read `{}`: {error}", clean(name)))
}

fn open(file: &Path) -> io::Result<Box<dyn Read>> {
    if file.as_os_str() == "-" { Ok(Box::new(io::stdin().lock())) } else { Ok(Box::new(File::open(file)?)) }
}

/// The exit code, with what is to be said about it.
pub(super) fn ended(result: Result<(), Stop>) -> Exit {
    match result {
        Ok(()) | Err(Stop::Enough) => Exit::Done,
        // `| head` has seen enough.
        Err(Stop::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Done,
        Err(Stop::Write(error)) => fail(error),
        Err(Stop::Read(why)) => {
            fail(why);
            Exit::Faults
        }
    }
}

/// Says which of `names` this version does not know. Records of another may have them.
fn doubt(what: &str, names: &[String], known: &[&str]) {
    for name in names.iter().filter(|name| !known.contains(&name.as_str())) {
        eprintln!("hopgate: no {what} of this version is called `{}`{}", clean(name), close_to(name, known));
    }
}

fn from_now(text: &str) -> Result<SystemTime, String> {
    moment(text, SystemTime::now())
}

fn hash_key(file: &Path) -> Result<HashKey, Stop> {
    let name = file.to_string_lossy();
    let secret = std::fs::read(file).map_err(|error| unreadable(&name, &error))?;
    HashKey::new(&secret).map_err(|error| Stop::Read(format!("`{}` is no key: {error}", clean(&name))))
}
