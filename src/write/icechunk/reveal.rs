//! The branch `main` moves to a commit: configuration first, then what names the snapshot, and only if nobody else moved it meanwhile.

use std::io;

use bytes::Bytes;
use icechunk_format::ChunkId;
use icechunk_format::format_constants::FileTypeBin;
use icechunk_format::repo_info::{RepoInfo, UpdateType};
use icechunk_format::snapshot::{Snapshot, SnapshotInfo};
use serde_json::{Map, Value, json};

use super::container::store;
use super::envelope::sealed;
use super::log::{Changes, ChunkLog};
use super::{IcechunkCommit, failed, spec};
use crate::model::{ChunkContainer, IcechunkVersion};
use crate::read::unsealed_icechunk;
use crate::write::WriteError;

const CONFIGURATION: &str = "config.yaml";
const CONTAINERS: &str = "virtual_chunk_containers";
/// Updates that a file of version 2 keeps before it points at an older one: Icechunk's own number.
const UPDATES: u16 = 1_000;

/// What of a repository is ever replaced, as it stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IcechunkFiles {
    /// `config.yaml` (version 1).
    pub configuration: Option<Bytes>,
    /// What names the snapshot of the branch: [`IcechunkFiles::head_path`].
    pub head: Option<Bytes>,
}

impl IcechunkFiles {
    /// The path of the configuration in a repository.
    pub const CONFIGURATION_PATH: &str = CONFIGURATION;

    /// The path in a repository of what names the snapshot of the branch `main`.
    pub fn head_path(version: IcechunkVersion) -> &'static str {
        match version {
            IcechunkVersion::V1 => "refs/branch.main/ref.json",
            IcechunkVersion::V2 => "repo",
        }
    }
}

/// A file of a repository to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overwrite {
    /// Its path in the repository.
    pub path: String,
    /// What must stand there before (the inner `None`: nothing); the outer `None`: whatever there is.
    pub expected: Option<Option<Bytes>>,
    /// Its new content.
    pub content: Vec<u8>,
}

impl IcechunkCommit {
    /// What has to be written, in this order, for readers to see the commit.
    ///
    /// # Errors
    /// [`WriteError::Output`] if what stands there cannot be understood.
    pub fn reveal(&self, standing: &IcechunkFiles) -> Result<Vec<Overwrite>, WriteError> {
        let mut overwrites = Vec::new();
        if standing.head.is_none() {
            overwrites.extend(self.beginning().map_err(failed)?);
        }
        let head = match self.version {
            IcechunkVersion::V1 => {
                overwrites.extend(self.configuration(standing.configuration.as_ref()));
                serde_json::to_vec(&json!({"snapshot": self.snapshot()})).map_err(|error| failed(error.into()))?
            }
            IcechunkVersion::V2 => {
                let backup = backup_name(self.flushed.timestamp_millis());
                let before = match &standing.head {
                    Some(head) => head.clone(),
                    None => self.first_head().map_err(failed)?.into(),
                };
                let head = self.next_head(&before, &backup).map_err(failed)?;
                let path = format!("overwritten/{backup}");
                overwrites.push(Overwrite { path, expected: None, content: before.into() });
                head
            }
        };
        let path = IcechunkFiles::head_path(self.version).to_owned();
        overwrites.push(Overwrite { path, expected: Some(standing.head.clone()), content: head });
        Ok(overwrites)
    }

    /// The commit that every repository begins with.
    fn beginning(&self) -> io::Result<Vec<Overwrite>> {
        let id = Snapshot::INITIAL_SNAPSHOT_ID;
        let snapshot = Snapshot::initial(spec(self.version)).map_err(other)?;
        let content = sealed(FileTypeBin::Snapshot, self.version, snapshot.bytes())?;
        let mut all = vec![Overwrite { path: format!("snapshots/{id}"), expected: None, content }];
        if self.version == IcechunkVersion::V2 {
            let content = ChunkLog::new().sealed(&id, self.version, Changes::default())?;
            all.push(Overwrite { path: format!("transactions/{id}"), expected: None, content });
        }
        Ok(all)
    }

    fn configuration(&self, standing: Option<&Bytes>) -> Option<Overwrite> {
        let text = standing.map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        let content = with_containers(text.as_deref(), &self.containers)?.into_bytes();
        Some(Overwrite { path: CONFIGURATION.into(), expected: Some(standing.cloned()), content })
    }

    fn first_head(&self) -> io::Result<Vec<u8>> {
        let snapshot = Snapshot::initial(spec(self.version)).map_err(other)?;
        let info = SnapshotInfo::from_snapshot_file(&snapshot).map_err(other)?;
        let none: Option<&Value> = None;
        let first = RepoInfo::initial(spec(self.version), info, UPDATES, none, Some(self.flushed));
        sealed(FileTypeBin::RepoInfo, self.version, first.bytes())
    }

    fn next_head(&self, before: &[u8], backup: &str) -> io::Result<Vec<u8>> {
        let content = unsealed_icechunk("repo", before, FileTypeBin::RepoInfo).map_err(io::Error::other)?;
        let info = RepoInfo::from_buffer(content).map_err(other)?;
        let spec = spec(self.version);
        let configuration: Option<Value> = info.config().map_err(other)?;
        let info = match merged(configuration, &self.containers) {
            Some(changed) => info.set_config(spec, &changed, backup, UPDATES).map_err(other)?,
            None => info,
        };
        let snapshot = SnapshotInfo {
            id: self.id.clone(),
            parent_id: Some(self.parent.clone()),
            flushed_at: self.flushed,
            message: self.message.clone(),
            metadata: Default::default(),
            pruned_ancestor_tx_logs: Vec::new(),
        };
        let update = UpdateType::NewCommitUpdate { branch: "main".into(), new_snap_id: self.id.clone() };
        let info = info.add_snapshot(spec, snapshot, Some("main"), update, None, backup, UPDATES).map_err(other)?;
        sealed(FileTypeBin::RepoInfo, self.version, info.bytes())
    }
}

fn other(error: impl std::fmt::Display) -> io::Error {
    io::Error::other(error.to_string())
}

/// As Icechunk names what it overwrote: the youngest first.
fn backup_name(now_ms: i64) -> String {
    const LAST: i64 = 32_503_680_000_000;
    format!("repo.{:014}.{}", LAST.saturating_sub(now_ms), ChunkId::random())
}

/// The configuration of version 2 with these containers; `None` if it has them.
fn merged(configuration: Option<Value>, containers: &[ChunkContainer]) -> Option<Value> {
    let mut configuration = match configuration {
        Some(Value::Object(object)) => object,
        _ => Map::new(),
    };
    let mut known = match configuration.get(CONTAINERS) {
        Some(Value::Object(known)) => known.clone(),
        _ => Map::new(),
    };
    let missing: Vec<_> =
        containers.iter().filter(|container| !known.keys().any(|prefix| container.is_within(prefix))).collect();
    if missing.is_empty() {
        return None;
    }
    for container in missing {
        let (kind, settings) = store(container);
        let prefix = container.to_string();
        known.insert(prefix.clone(), json!({"name": null, "url_prefix": prefix, "store": {kind: settings}}));
    }
    configuration.insert(CONTAINERS.into(), known.into());
    Some(configuration.into())
}

/// The text of a configuration with these containers, all else as it was; `None` if it has them.
fn with_containers(text: Option<&str>, containers: &[ChunkContainer]) -> Option<String> {
    let text = text.unwrap_or_default();
    let known: Vec<String> =
        text.lines().filter_map(|line| line.trim().strip_prefix("url_prefix:")).map(plain).collect();
    let missing: Vec<_> =
        containers.iter().filter(|container| !known.iter().any(|prefix| container.is_within(prefix))).collect();
    if missing.is_empty() && !text.is_empty() {
        return None;
    }
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let heading = format!("{CONTAINERS}:");
    let at = match lines.iter().position(|line| line.starts_with(&heading)) {
        Some(at) => at,
        None => {
            lines.push(String::new());
            lines.len() - 1
        }
    };
    lines[at] = heading;
    lines.splice(at + 1..at + 1, missing.into_iter().flat_map(block));
    Some(lines.join("\n") + "\n")
}

/// A YAML scalar without its quotes.
fn plain(scalar: &str) -> String {
    let scalar = scalar.trim();
    serde_json::from_str(scalar).unwrap_or_else(|_| scalar.trim_matches('\'').to_owned())
}

fn block(container: &ChunkContainer) -> [String; 4] {
    let (kind, settings) = store(container);
    // JSON is YAML.
    let prefix = json!(container.to_string());
    [
        format!("  {prefix}:"),
        "    name: null".into(),
        format!("    url_prefix: {prefix}"),
        format!("    store: !{kind} {settings}"),
    ]
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn containers_are_added_once_and_nothing_else_changes() {
        let first = ChunkContainer::around(&["file:///a/1.nc"]);
        let text = with_containers(None, &first).unwrap();
        let block = "  \"file:///a/\":\n    name: null\n    url_prefix: \"file:///a/\"\n    store: !local_file_system \"/a/\"\n";
        assert_eq!(text, format!("virtual_chunk_containers:\n{block}"));
        assert_eq!(with_containers(Some(&text), &first), None);
        assert_eq!(with_containers(Some(&text), &ChunkContainer::around(&["file:///a/c/2.nc"])), None);
        let own = "caching: null\nvirtual_chunk_containers:\n  s3://b/:\n    name: null\n    url_prefix: s3://b/\n    store: !s3 {}\nmanifest: null\n";
        let more =
            with_containers(Some(own), &ChunkContainer::around(&["https://x.org/d/1.nc", "s3://b/k/2.nc"])).unwrap();
        assert_eq!(
            more.replace(
                "  \"https://x.org/d/\":\n    name: null\n    url_prefix: \"https://x.org/d/\"\n    store: !http {}\n",
                ""
            ),
            own
        );
        assert!(with_containers(Some("virtual_chunk_containers: null\n"), &first).unwrap().contains(block));
    }

    #[test]
    fn the_configuration_of_version_2_is_merged() {
        let containers = ChunkContainer::around(&["https://x.org/d/1.nc"]);
        let merged_once = merged(Some(json!({"caching": 1})), &containers).unwrap();
        assert_eq!(merged_once["caching"], 1);
        assert_eq!(merged_once[CONTAINERS]["https://x.org/d/"]["store"], json!({"http": {}}));
        assert_eq!(merged(Some(merged_once), &containers), None);
    }
}
