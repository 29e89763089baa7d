//! `altostac completions`

use std::io;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Cli, Failure, Outcome};

/// Print completions for a shell
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  altostac completions bash > /etc/bash_completion.d/altostac
  altostac completions zsh > ~/.zfunc/_altostac")]
pub(super) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    #[allow(clippy::unnecessary_wraps)]
    pub(super) fn run(self) -> Result<Outcome, Failure> {
        clap_complete::generate(self.shell, &mut Cli::command(), "altostac", &mut io::stdout());
        Ok(Outcome::Done)
    }
}
