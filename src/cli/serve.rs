//! `altostac serve`

use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use clap::Args;

use super::printer::Printer;
use super::{Failure, Outcome, STOPS_BY_ITSELF, interrupted, runtime};
use crate::pipeline::{Host, PipelineError, ServedCatalogue, Workspace};
use crate::publish::PublishReport;
use crate::serve::Writes;

/// Serve a catalogue by the embedded STAC API
#[derive(Debug, Args)]
#[command(after_help = "A recipe's catalogue can be changed by programs on this machine; a folder is served as it is.

Examples:
  altostac serve recipe.yaml
  altostac serve published --port 9000")]
pub(super) struct Serve {
    /// A recipe, or a folder with a static catalogue
    catalogue: PathBuf,
    /// The folder of the recipe's ledger [default: .altostac/RECIPE beside the recipe]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    #[command(flatten)]
    host: HostArgs,
}

/// Where the embedded API listens.
#[derive(Debug, Args)]
pub(super) struct HostArgs {
    /// Listen on this port of 127.0.0.1; 0 for any free one
    #[arg(long, value_name = "PORT", default_value_t = 8080)]
    port: u16,
}

impl HostArgs {
    fn host(&self, writes: Writes) -> Host {
        Host { address: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), self.port), writes }
    }
}

impl Serve {
    pub(super) fn run(self, printer: &Printer) -> Result<Outcome, Failure> {
        if self.catalogue.is_dir() {
            let folder = self.catalogue;
            let host = self.host.host(Writes::Refused);
            runtime()?.block_on(async {
                STOPS_BY_ITSELF.store(true, Ordering::SeqCst);
                let served = host.serve_folder(&folder, interrupted()).await?;
                wait(printer, served).await
            })?;
            return Ok(Outcome::Interrupted);
        }
        let workspace = Workspace::open(&self.catalogue, self.state.as_deref()).map_err(PipelineError::from)?;
        host_catalogue(printer, &workspace, &self.host, |publication| {
            super::publish::show_problems(printer, &publication);
            Ok(())
        })?;
        Ok(Outcome::Interrupted)
    }
}

/// Serves a recipe's catalogue until interrupted; `published` is told what the embedded API said to the records.
pub(super) fn host_catalogue(
    printer: &Printer,
    workspace: &Workspace,
    host: &HostArgs,
    published: impl FnOnce(PublishReport) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let host = host.host(Writes::FromLoopback);
    runtime()?.block_on(async {
        STOPS_BY_ITSELF.store(true, Ordering::SeqCst);
        let (served, report) = host.serve_recipe(workspace, interrupted()).await?;
        published(report)?;
        if let Some(objects) = workspace.output.objects() {
            printer.say(&format!(
                "the files of products are not served from here: they are in {}, where their hrefs point, as public_urls says it",
                objects.url()
            ));
        }
        workspace.unlock();
        wait(printer, served).await
    })
}

fn wait<'a>(printer: &'a Printer, served: ServedCatalogue) -> impl Future<Output = Result<(), Failure>> + 'a {
    printer.say(&format!("serving {}", served.url.as_str().trim_end_matches('/')));
    printer.hint("stop with Ctrl-C");
    async move { Ok(served.finished().await?) }
}
