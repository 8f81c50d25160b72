//! The command line: one file a subcommand.

mod check;
pub mod dev;
mod exit;
mod explain;
mod inject;
mod lint_envoy;
mod logs;
mod probe;
mod schema;
mod serve;
mod test;

use clap::{Parser, Subcommand};

pub use exit::Exit;

/// Per-hop authorization for AI agents, as Envoy's external authorization server.
///
/// Exit codes: 0 done, or allowed; 1 failed; 2 wrong usage; 3 faults in a configuration or table,
/// or files that can't be read (`logs`); 4 refused (`explain`), other than expected (`test`), errors in an
/// Envoy's configuration (`lint-envoy`), or a chain of records that is not whole (`logs verify`).
#[derive(Debug, Parser)]
#[command(version, about, verbatim_doc_comment)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Answer Envoy, with decision records on stdout and operational logs on stderr.
    Serve(serve::Args),
    /// Lint a configuration: every fault and warning, with its path.
    Check(check::Args),
    /// Decide one request and show every check with its verdict.
    Explain(explain::Args),
    /// Decide tables of calls offline, and compare with what is expected.
    Test(test::Args),
    /// Look for what in an Envoy's configuration lets calls past hopgate, or blinds it.
    LintEnvoy(lint_envoy::Args),
    /// Read decision records: show, sum up, draw, and verify their chain.
    Logs(Box<logs::Args>),
    /// Print the JSON Schema of the configuration or of tables, or the Cedar schema of the policies.
    Schema(schema::Args),
    /// Answer the API server of Kubernetes: a webhook that gives labelled pods a hopgate.
    Inject(inject::Args),
    /// Ask a running hopgate whether it lives or is ready, as a probe does.
    Probe(probe::Args),
    /// Throw-away issuer, tokens, certificates and echo service. NOT FOR PRODUCTION.
    #[command(subcommand)]
    Dev(dev::DevCommand),
}

/// Runs the command that was asked for.
pub async fn run(cli: Cli) -> Exit {
    match cli.command {
        Command::Serve(args) => serve::run(args).await,
        Command::Check(args) => check::run(&args),
        Command::Explain(args) => explain::run(args).await,
        Command::Test(args) => test::run(&args),
        Command::LintEnvoy(args) => lint_envoy::run(&args),
        Command::Logs(args) => logs::run(&args),
        Command::Schema(args) => schema::run(&args),
        Command::Inject(args) => inject::run(args).await,
        Command::Probe(args) => probe::run(&args),
        Command::Dev(command) => exit::of(dev::run(command).await),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
