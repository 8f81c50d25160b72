//! `hopgate logs`

mod input;
mod live;
mod verify;

use std::io::{self, BufWriter, Write as _};

use anstream::AutoStream;

use self::input::{Got, Input, Stop, ended};
use super::exit::Exit;
use crate::logs::{Format, Graph, Summary, view};

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    input: Input,
    /// Print the records themselves, unchanged.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Who was refused what and why, how long it took, and what enforcing would change.
    Summary(SummaryArgs),
    /// Who called whom for whom.
    Graph(GraphArgs),
    /// Whether the chain of records is whole, and where it is not.
    Verify(verify::Args),
}

#[derive(Debug, clap::Args)]
struct SummaryArgs {
    #[command(flatten)]
    input: Input,
    /// Rows of each table.
    #[arg(long, value_name = "N", default_value_t = 10)]
    top: usize,
}

#[derive(Debug, clap::Args)]
struct GraphArgs {
    #[command(flatten)]
    input: Input,
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(super) fn run(args: &Args) -> Exit {
    ended(match &args.command {
        None if args.json => records(&args.input),
        None => lines(&args.input),
        Some(Command::Summary(args)) => summary(args),
        Some(Command::Graph(args)) => graph(args),
        Some(Command::Verify(args)) => return verify::run(args),
    })
}

fn lines(input: &Input) -> Result<(), Stop> {
    // Colours on a terminal only, and not where NO_COLOR asks for none.
    let mut out = BufWriter::new(AutoStream::auto(io::stdout().lock()));
    input.records(|got| {
        match got {
            Got::Record(found) => view(&mut out, &found.record)?,
            Got::Waiting => out.flush()?,
        }
        Ok(())
    })?;
    Ok(out.flush()?)
}

fn records(input: &Input) -> Result<(), Stop> {
    let mut out = BufWriter::new(io::stdout().lock());
    input.records(|got| {
        match got {
            Got::Record(found) => {
                out.write_all(found.json)?;
                out.write_all(b"\n")?;
            }
            Got::Waiting => out.flush()?,
        }
        Ok(())
    })?;
    Ok(out.flush()?)
}

fn summary(args: &SummaryArgs) -> Result<(), Stop> {
    let mut summary = Summary::default();
    let read = args.input.records(|got| {
        if let Got::Record(found) = got {
            summary.add(&found.record);
        }
        Ok(())
    });
    // Also where reading failed: what was counted until then.
    if read.is_err() && summary.is_empty() {
        return read;
    }
    let mut out = BufWriter::new(io::stdout().lock());
    summary.write(&mut out, args.top)?;
    out.flush()?;
    read
}

fn graph(args: &GraphArgs) -> Result<(), Stop> {
    let mut graph = Graph::default();
    let read = args.input.records(|got| {
        if let Got::Record(found) = got {
            graph.add(&found.record);
        }
        Ok(())
    });
    if read.is_err() && graph.is_empty() {
        return read;
    }
    if graph.others() > 0 {
        eprintln!("hopgate: {} decision(s) are left out, there are too many ways", graph.others());
    }
    let mut out = BufWriter::new(io::stdout().lock());
    graph.write(&mut out, args.format)?;
    out.flush()?;
    read
}
