//! Serving: the embedded API and the files that its records name.

use std::collections::BTreeSet;
use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use url::Url;

use super::send::{Publishables, Reader, send_embedded};
use super::{PipelineError, Workspace};
use crate::model::{PublicUrls, Record, RecordKind};
use crate::publish::{Grant, PublishReport, embedded};
use crate::serve::{
    CollectionRecord, Grant as FileGrant, GrantedFiles, ItemRecord, ServeError, ServeOptions, ServeState, Store,
    Writes, serve,
};
use crate::storage::{LocalFolder, OutputStore};
use crate::validate::Validator;

/// Where the embedded API listens and who may write.
#[derive(Debug)]
pub struct Host {
    /// Where it listens; port 0 for any free one.
    pub address: SocketAddr,
    /// Who may change records.
    pub writes: Writes,
}

/// A catalogue that is being served.
#[derive(Debug)]
pub struct ServedCatalogue {
    /// The landing page.
    pub url: Url,
    server: JoinHandle<Result<(), ServeError>>,
}

impl ServedCatalogue {
    /// Waits until the server has stopped.
    ///
    /// # Errors
    /// [`PipelineError`] if it could not go on.
    pub async fn finished(self) -> Result<(), PipelineError> {
        match self.server.await {
            Ok(outcome) => Ok(outcome?),
            Err(error) => Err(socket("go on")(std::io::Error::other(error))),
        }
    }
}

fn socket(action: &str) -> impl FnOnce(std::io::Error) -> PipelineError {
    let action = action.to_owned();
    move |source| PipelineError::Socket { action, source }
}

impl Host {
    /// Serves a recipe's catalogue: starts the embedded API, and publishes into it what stands.
    ///
    /// # Errors
    /// [`PipelineError`] if the address is taken, or the catalogue or the database cannot be read.
    pub async fn serve_recipe(
        self,
        workspace: &Workspace,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(ServedCatalogue, PublishReport), PipelineError> {
        let publishables = Publishables::new(workspace, Reader::Embedded)?;
        let mut grants = publishables.collection_grants()?;
        for id in publishables.ids()? {
            let granted = publishables.item(&id)?.1;
            grants.extend(granted.iter().filter_map(products_of));
            grants.extend(granted);
        }
        let store = Store::open(&workspace.state.join("api.sqlite"))?;
        let title = workspace.recipe.collection.title.clone();
        let served = self.start(store, grants, title, shutdown).await?;
        let report = send_embedded(workspace, &served.url).await?;
        Ok((served, report))
    }

    /// Serves a static catalogue that lies in a folder: what it links, and nothing else.
    ///
    /// # Errors
    /// [`PipelineError`] if the folder holds no catalogue, a record is not valid, or the address is taken.
    pub async fn serve_folder(
        self,
        folder: &Path,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<ServedCatalogue, PipelineError> {
        let (store, grants) = load_folder(folder)?;
        self.start(store, grants, None, shutdown).await
    }

    async fn start(
        self,
        store: Store,
        grants: Vec<Grant>,
        title: Option<String>,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<ServedCatalogue, PipelineError> {
        let mut files = GrantedFiles::default();
        for grant in grants {
            let decoded = percent_encoding::percent_decode_str(&grant.url_path).decode_utf8_lossy().into_owned();
            let path = std::fs::canonicalize(&grant.path).unwrap_or(grant.path);
            let grant = if path.is_dir() { FileGrant::Directory(path) } else { FileGrant::File(path) };
            files.insert(decoded, grant);
        }
        let defaults = ServeOptions::default();
        let options =
            ServeOptions { title: title.unwrap_or_else(|| defaults.title.clone()), writes: self.writes, ..defaults };
        let state = Arc::new(ServeState::new(store, Arc::new(files), options)?);
        let listener = TcpListener::bind(self.address).await.map_err(socket(&format!("listen on {}", self.address)))?;
        let address = listener.local_addr().map_err(socket("tell its address"))?;
        let shown = if address.ip().is_unspecified() {
            SocketAddr::new([127, 0, 0, 1].into(), address.port())
        } else {
            address
        };
        let url = Url::parse(&format!("http://{shown}/"))
            .map_err(|error| socket("tell its address")(std::io::Error::other(error)))?;
        let server = tokio::spawn(async move { serve(listener, state, shutdown).await });
        Ok(ServedCatalogue { url, server })
    }
}

/// Of the record of an earlier revision also the products, which lie beside it: who has opened them may still read them.
fn products_of(record: &Grant) -> Option<Grant> {
    let revision = record.url_path.strip_suffix(".json")?;
    let path = record.path.with_extension("");
    let is_folder = revision.starts_with("/products/") && path.is_dir();
    is_folder.then(|| Grant { url_path: revision.to_owned(), path })
}

/// Reads a static catalogue into a store.
fn load_folder(folder: &Path) -> Result<(Store, Vec<Grant>), PipelineError> {
    let folder = std::fs::canonicalize(folder).map_err(|error| not_a_catalogue(folder, &error))?;
    let output = LocalFolder::new(&folder);
    let base =
        Url::from_directory_path(&folder).map_err(|()| not_a_catalogue(&folder, &"a path that is not absolute"))?;
    let validator = Validator::new();
    let store = Store::in_memory()?;
    let mut grants = Vec::new();
    // A record may name any file of the machine: only those of the catalogue's own folder are served.
    let is_inside = |grant: &Grant| std::fs::canonicalize(&grant.path).is_ok_and(|path| path.starts_with(&folder));
    let (mut found, mut items) = (BTreeSet::from(["catalog.json".to_owned()]), BTreeSet::new());
    let mut queue: Vec<String> = found.iter().cloned().collect();
    // Catalogues and collections hold each other in any order; an item's collection comes before it.
    while let Some(path) = queue.pop() {
        let json = read(&output, &path)?;
        queue.extend(linked(&json, "child", &path).into_iter().filter(|child| found.insert(child.clone())));
        items.extend(linked(&json, "item", &path));
        if json["type"] == "Collection" {
            let mut granted = Vec::new();
            let json = servable(&validator, RecordKind::Collection, json, &base, &mut granted)?;
            grants.extend(granted.into_iter().filter(is_inside));
            let record =
                CollectionRecord::from_json(json).map_err(|error| not_a_catalogue(&folder.join(&path), &error))?;
            store.put_collection(&record)?;
        }
    }
    for path in items {
        let item = read(&output, &path)?;
        let mut granted = Vec::new();
        let json = servable(&validator, RecordKind::Item, item, &base, &mut granted)?;
        let record = ItemRecord::from_json(json).map_err(|error| not_a_catalogue(&folder.join(&path), &error))?;
        store.put_item(&record)?;
        grants.extend(granted.into_iter().filter(is_inside));
    }
    Ok((store, grants))
}

fn not_a_catalogue(path: &Path, found: &dyn std::fmt::Display) -> PipelineError {
    PipelineError::NotACatalogue { path: path.display().to_string(), found: found.to_string() }
}

fn read(output: &LocalFolder, path: &str) -> Result<Value, PipelineError> {
    let at = output.root().join(path);
    let bytes = output.get(path)?.ok_or_else(|| not_a_catalogue(&at, &"no such file"))?;
    serde_json::from_slice(&bytes).map_err(|error| not_a_catalogue(&at, &error))
}

/// The paths below the output of what a record there links by a relation.
fn linked(record: &Value, relation: &str, path: &str) -> Vec<String> {
    let links = record.get("links").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    // URLs know what `..` means, and that there is nothing above the root.
    let root = || Url::parse("http://output/").ok();
    let target = |link: &Value| {
        let href = (link.get("rel")?.as_str()? == relation).then(|| link.get("href")?.as_str())??;
        let url = root()?.join(path).ok()?.join(href).ok()?;
        // What is elsewhere is not read from here: it is reported as missing.
        let is_here = url.host_str() == Some("output");
        Some(if is_here { url.path().trim_start_matches('/').to_owned() } else { href.to_owned() })
    };
    links.iter().filter_map(target).collect()
}

/// A record with the hrefs that the embedded API expands.
fn servable(
    validator: &Validator,
    kind: RecordKind,
    json: Value,
    base: &Url,
    grants: &mut Vec<Grant>,
) -> Result<Value, PipelineError> {
    let id = json.get("id").and_then(Value::as_str).unwrap_or_default().to_owned();
    let valid = validator.validate(Record { kind, id, json })?;
    let (record, granted) = embedded(&valid, base, &PublicUrls::default())?;
    grants.extend(granted);
    Ok(record.record().json.clone())
}
