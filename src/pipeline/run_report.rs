//! What a run leaves behind in the folder `reports` of the state: one document for machines and the same as a page for people. Only runs that changed
//! something leave one, or that met a failure which is new.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use chrono::{DateTime, SecondsFormat, Utc};
use minijinja::{AutoEscape, Environment};
use serde::Serialize;
use serde_json::{Value, json};

use super::report::{BuildReport, BuiltItem, BuiltStatus};
use super::{PipelineError, Workspace};
use crate::publish::{PublishReport, PublishStatus, RecordReport};

const FOLDER: &str = "reports";
const PAGE: &str = include_str!("run_report.html");
/// So many runs are remembered.
const KEPT: usize = 30;
/// So many lines of one kind are shown on the page; the document has them all.
const SHOWN: usize = 500;

/// Leaves the report of a run that changed something, and removes old ones. Returns the page; `None` if there is nothing to tell.
///
/// # Errors
/// [`PipelineError::Export`] if it cannot be written: the run itself is done all the same.
pub fn leave_report(
    workspace: &Workspace,
    built: &BuildReport,
    published: &[&PublishReport],
) -> Result<Option<PathBuf>, PipelineError> {
    // What could not be stored is said by every run.
    let is_news = |record: &&RecordReport| !matches!(record.status, PublishStatus::Unchanged | PublishStatus::Failed);
    let sent =
        published.iter().filter(|report| !report.dry_run).any(|report| report.records.iter().any(|r| is_news(&r)));
    if !built.news.is_any && !sent {
        return Ok(None);
    }
    let folder = workspace.state.join(FOLDER);
    let document = document(&workspace.recipe.path, built, published);
    let write = || -> io::Result<PathBuf> {
        fs::create_dir_all(&folder)?;
        let name = free_name(&folder, built.news.begun)?;
        let page = page(&document).map_err(io::Error::other)?;
        put(&folder, &format!("{name}.json"), &serde_json::to_vec_pretty(&document)?)?;
        put(&folder, &format!("{name}.html"), page.as_bytes())?;
        prune(&folder)?;
        Ok(folder.join(format!("{name}.html")))
    };
    let failed =
        |source| PipelineError::Export { action: "write the report in", path: folder.display().to_string(), source };
    write().map(Some).map_err(failed)
}

/// Everything of the run but items that were left as they are: of these there is the number.
fn document(recipe: &Path, built: &BuildReport, published: &[&PublishReport]) -> Value {
    let told: Vec<&BuiltItem> = built.items.iter().filter(|item| item.status != BuiltStatus::Unchanged).collect();
    let publications: Vec<Value> = published.iter().map(|report| publication(report)).collect();
    json!({
        "made_by": concat!("altostac ", env!("CARGO_PKG_VERSION")),
        "collection": built.collection,
        "recipe": recipe.display().to_string(),
        "begun": built.news.begun.to_rfc3339_opts(SecondsFormat::Secs, true),
        "elapsed_s": built.elapsed_s,
        "counts": built.counts(),
        "items": told,
        "stages": built.stages,
        "traffic": built.traffic,
        "publications": publications,
        "problems": built.problems,
        "warnings": built.warnings,
        "unmatched": built.unmatched,
    })
}

/// What an API was told; records that agreed already are counted alone.
fn publication(report: &PublishReport) -> Value {
    let told: Vec<&RecordReport> =
        report.records.iter().filter(|record| record.status != PublishStatus::Unchanged).collect();
    json!({"api": report.api, "counts": report.counts, "records": told})
}

/// The page: it needs nothing but itself. All that comes from files is escaped.
fn page(document: &Value) -> Result<String, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.add_filter("seconds", |seconds: f64| format!("{seconds:.2} s"));
    environment.add_template("page", PAGE)?;
    environment.get_template("page")?.render(Context { run: document, shown: SHOWN })
}

#[derive(Serialize)]
struct Context<'a> {
    run: &'a Value,
    shown: usize,
}

/// The time of the run, and a number if another run has it.
fn free_name(folder: &Path, begun: DateTime<Utc>) -> io::Result<String> {
    let time = begun.format("%Y%m%dT%H%M%SZ").to_string();
    for number in 1.. {
        let name = if number == 1 { time.clone() } else { format!("{time}.{number:03}") };
        if !folder.join(format!("{name}.json")).try_exists()? {
            return Ok(name);
        }
    }
    Ok(time)
}

fn put(folder: &Path, name: &str, content: &[u8]) -> io::Result<()> {
    let beside = folder.join(format!(".{name}.{}", std::process::id()));
    let written = fs::write(&beside, content).and_then(|()| fs::rename(&beside, folder.join(name)));
    written.inspect_err(|_| _ = fs::remove_file(&beside))
}

/// Removes all but the newest: their names are in the order of time.
fn prune(folder: &Path) -> io::Result<()> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name().into_string().unwrap_or_default();
        names.extend(name.strip_suffix(".json").filter(|name| !name.starts_with('.')).map(str::to_owned));
    }
    names.sort();
    for old in names.iter().rev().skip(KEPT) {
        fs::remove_file(folder.join(format!("{old}.json")))?;
        match fs::remove_file(folder.join(format!("{old}.html"))) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::model::ItemError;
    use crate::pipeline::report::{News, TrafficReport};

    fn built() -> BuildReport {
        let item = |id: &str, status, error| BuiltItem {
            id: id.into(),
            status,
            revision: Some(2),
            files: 3,
            chunks: 4,
            products: Vec::new(),
            reasons: vec!["1 file added".into()],
            error,
        };
        let error = ItemError {
            kind: "overlap".into(),
            message: "<script>alert(1)</script> & more".into(),
            files: vec!["/a/\"b\".nc".into()],
        };
        BuildReport {
            collection: "c".into(),
            items: vec![
                item("grown", BuiltStatus::Changed, None),
                item("left", BuiltStatus::Unchanged, None),
                item("torn", BuiltStatus::Failed, Some(error)),
            ],
            unmatched: vec!["x<y.txt: it does not match".into()],
            problems: vec!["cannot look at /z".into()],
            warnings: Vec::new(),
            traffic: TrafficReport { requests: 5, bytes: 6, files: 1 },
            stages: [("index".to_owned(), 0.25)].into(),
            elapsed_s: 1.5,
            news: News { is_any: true, begun: DateTime::UNIX_EPOCH },
            links: Default::default(),
        }
    }

    #[test]
    fn the_page_says_what_changed_and_escapes_what_files_say() {
        let document = document(Path::new("/r/recipe.yaml"), &built(), &[]);
        let ids: Vec<&str> = document["items"].as_array().unwrap().iter().map(|i| i["id"].as_str().unwrap()).collect();
        assert_eq!(ids, ["grown", "torn"]);
        assert_eq!(document["counts"], json!({"changed": 1, "failed": 1, "unchanged": 1}));
        let page = page(&document).unwrap();
        for told in ["grown", "1 file added", "torn", "&lt;script&gt;", "x&lt;y.txt", "0.25 s", "1 unchanged"] {
            assert!(page.contains(told), "{told} is missing:\n{page}");
        }
        assert!(!page.contains("<script") && !page.contains("left</td>"), "{page}");
        assert!(!page.contains("http:") && !page.contains("https:") && !page.contains("src="), "it needs nothing else");
    }

    #[test]
    fn the_newest_reports_stay() {
        let folder = tempfile::tempdir().unwrap();
        for second in 0..40 {
            let name = free_name(folder.path(), DateTime::from_timestamp(second / 2, 0).unwrap()).unwrap();
            put(folder.path(), &format!("{name}.json"), b"{}").unwrap();
            put(folder.path(), &format!("{name}.html"), b"").unwrap();
            prune(folder.path()).unwrap();
        }
        let mut names: Vec<String> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names.len(), 2 * KEPT);
        assert_eq!((names[0].as_str(), names[59].as_str()), ("19700101T000005Z.002.html", "19700101T000019Z.json"));
    }
}
