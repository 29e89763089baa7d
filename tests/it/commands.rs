//! The commands as scripts and people see them: exit status, standard output, standard error.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// A copy of `fixtures/cmip6` in a folder of its own.
struct Project {
    folder: tempfile::TempDir,
}

pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

impl Project {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/cmip6");
        copy(&fixture.join("archive"), &folder.path().join("archive"));
        fs::copy(fixture.join("recipe.yaml"), folder.path().join("recipe.yaml")).unwrap();
        Self { folder }
    }

    fn path(&self, below: &str) -> PathBuf {
        self.folder.path().join(below)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_altostac"));
        command.args(arguments).current_dir(self.folder.path()).output().unwrap()
    }

    /// The JSON document that a command prints, checked against its schema, and the exit status.
    fn json(&self, arguments: &[&str]) -> (Value, i32) {
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--json"]).collect();
        let output = self.run(&arguments);
        let document: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
            panic!("{arguments:?} printed no JSON ({error}): {}", String::from_utf8_lossy(&output.stderr))
        });
        let schemas = altostac::cli::output_schemas();
        let (_, schema) = schemas.iter().find(|(command, _)| *command == arguments[0]).unwrap();
        let validator = jsonschema::validator_for(schema).unwrap();
        let errors: Vec<String> = validator.iter_errors(&document).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{arguments:?}: {errors:?}");
        (document, output.status.code().unwrap())
    }

    fn statuses(&self, arguments: &[&str]) -> Vec<String> {
        let (document, _) = self.json(arguments);
        document["items"].as_array().unwrap().iter().map(|item| item["status"].as_str().unwrap().to_owned()).collect()
    }

    /// Every file below the output and the state: path, content, time of modification.
    fn written(&self) -> Vec<(PathBuf, Vec<u8>, std::time::SystemTime)> {
        let mut found = Vec::new();
        let mut folders = vec![self.path("published"), self.path(".altostac")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let modified = fs::metadata(&path).unwrap().modified().unwrap();
                    found.push((path.clone(), fs::read(&path).unwrap(), modified));
                }
            }
        }
        found.sort();
        found
    }
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn help_shows_examples() {
    let project = Project::new();
    let output = project.run(&["--help"]);
    insta::assert_snapshot!(stdout(&output));
    for command in ["inspect", "plan", "build", "verify", "publish", "sync", "status", "serve", "completions"] {
        let help = stdout(&project.run(&[command, "--help"]));
        assert!(help.contains("Examples:"), "{command}: {help}");
    }
}

#[test]
fn a_second_build_writes_nothing() {
    let project = Project::new();
    assert_eq!(project.statuses(&["build", "recipe.yaml"]), ["added"; 3]);
    let before = project.written();
    assert_eq!(project.statuses(&["build", "recipe.yaml"]), ["unchanged"; 3]);
    assert!(project.written() == before, "a run with nothing to do changed files");
    assert_eq!(project.json(&["status", "recipe.yaml"]).1, 0);
    assert_eq!(project.json(&["verify", "recipe.yaml"]).1, 0);
    assert!(project.written() == before, "status and verify changed files");
}

#[test]
fn only_what_changed_is_built_anew() {
    let project = Project::new();
    project.statuses(&["build", "recipe.yaml"]);
    let (before, _) = project.json(&["status", "recipe.yaml"]);
    let files = glob(&project.path("archive"), ".nc");
    // The last file of a series goes: its item alone is built anew.
    let victim = files.iter().rfind(|path| path.to_string_lossy().contains("tasmax")).unwrap();
    fs::remove_file(victim).unwrap();
    let (plan, _) = project.json(&["plan", "recipe.yaml"]);
    let changed: Vec<&Value> =
        plan["items"].as_array().unwrap().iter().filter(|item| item["action"] == "changed").collect();
    assert_eq!(changed.len(), 1);
    assert_eq!(changed[0]["reasons"], serde_json::json!(["1 file removed"]));
    let (built, status) = project.json(&["build", "recipe.yaml"]);
    assert_eq!(status, 0);
    let revisions: Vec<u64> =
        built["items"].as_array().unwrap().iter().map(|i| i["revision"].as_u64().unwrap()).collect();
    assert_eq!(revisions.iter().filter(|revision| **revision == 2).count(), 1, "{built}");
    assert!(before["items"].as_array().unwrap().iter().all(|item| item["revision"] == 1));
    // The record points at the new revision; the old one still stands for those who read it.
    let id = changed[0]["id"].as_str().unwrap();
    let record = fs::read_to_string(project.path(&format!("published/cmip6-sample/items/{id}.json"))).unwrap();
    assert!(record.contains("/r2/kerchunk.json") && !record.contains("/r1/kerchunk.json"));
    assert!(project.path(&format!("published/cmip6-sample/products/{id}/r1/kerchunk.json")).exists());
}

#[test]
fn another_title_changes_records_and_no_product() {
    let project = Project::new();
    project.statuses(&["build", "recipe.yaml"]);
    let recipe = fs::read_to_string(project.path("recipe.yaml")).unwrap();
    fs::write(project.path("recipe.yaml"), recipe.replace("title: CMIP6 sample", "title: Another title")).unwrap();
    let (built, status) = project.json(&["build", "recipe.yaml"]);
    assert_eq!(status, 0);
    for item in built["items"].as_array().unwrap() {
        assert_eq!((item["status"].as_str(), item["revision"].as_u64()), (Some("changed"), Some(1)), "{item}");
    }
    let collection = fs::read_to_string(project.path("published/cmip6-sample/collection.json")).unwrap();
    assert!(collection.contains("Another title"));
    assert_eq!(project.statuses(&["build", "recipe.yaml"]), ["unchanged"; 3]);
}

#[test]
fn items_that_are_gone_are_removed_but_not_most_of_them() {
    let project = Project::new();
    project.statuses(&["build", "recipe.yaml"]);
    fs::remove_dir_all(project.path("archive/CMIP6/ScenarioMIP")).unwrap();
    // One of three is more than a fifth.
    let (built, status) = project.json(&["build", "recipe.yaml"]);
    assert_eq!(status, 1, "{built}");
    let recipe = fs::read_to_string(project.path("recipe.yaml")).unwrap();
    fs::write(project.path("recipe.yaml"), format!("{recipe}\nguard: {{max_removed: 50%}}\n")).unwrap();
    let (built, status) = project.json(&["build", "recipe.yaml"]);
    assert_eq!(status, 0, "{built}");
    let items = glob(&project.path("published/cmip6-sample/items"), ".json");
    assert_eq!(items.len(), 2);
    let collection = fs::read_to_string(project.path("published/cmip6-sample/collection.json")).unwrap();
    assert_eq!(collection.matches("\"rel\": \"item\"").count(), 2);
    // The rest but one goes too: that looks like an accident.
    fs::rename(project.path("archive/CMIP6/CMIP"), project.path("elsewhere")).unwrap();
    let lone = project.path("archive/CMIP6/CMIP/A/B/c/d/e/f/g/h/x.nc");
    fs::create_dir_all(lone.parent().unwrap()).unwrap();
    fs::copy(glob(&project.path("elsewhere"), ".nc").remove(0), &lone).unwrap();
    let (built, status) = project.json(&["build", "recipe.yaml"]);
    assert_eq!(status, 1);
    assert!(built["problems"][0].as_str().unwrap().contains("--allow-removal"), "{built}");
    assert_eq!(glob(&project.path("published/cmip6-sample/items"), ".json").len(), 3);
    let (built, status) = project.json(&["build", "recipe.yaml", "--allow-removal"]);
    assert_eq!(status, 0, "{built}");
    assert_eq!(glob(&project.path("published/cmip6-sample/items"), ".json").len(), 1);
}

#[test]
fn a_bad_file_fails_its_item_alone_and_its_last_revision_stands() {
    let project = Project::new();
    project.statuses(&["build", "recipe.yaml"]);
    let victim =
        glob(&project.path("archive"), ".nc").into_iter().find(|p| p.to_string_lossy().contains("tas_")).unwrap();
    let whole = fs::read(&victim).unwrap();
    fs::write(&victim, &whole[..whole.len() / 2]).unwrap();
    let output = project.run(&["build", "recipe.yaml"]);
    assert_eq!(output.status.code(), Some(1));
    let name = victim.file_name().unwrap().to_str().unwrap();
    assert!(stderr(&output).contains(name), "{}", stderr(&output));
    let (status, code) = project.json(&["status", "recipe.yaml"]);
    assert_eq!(code, 1);
    let failed: Vec<&Value> =
        status["items"].as_array().unwrap().iter().filter(|item| item["state"] == "failed").collect();
    assert_eq!((failed.len(), failed[0]["revision"].as_u64()), (1, Some(1)));
    fs::write(&victim, &whole).unwrap();
    let (built, code) = project.json(&["build", "recipe.yaml"]);
    assert_eq!(code, 0, "{built}");
}

#[test]
fn what_is_lost_from_the_output_is_made_again() {
    let project = Project::new();
    project.statuses(&["build", "recipe.yaml"]);
    fs::remove_file(glob(&project.path("published"), "kerchunk.json").remove(0)).unwrap();
    let mut statuses = project.statuses(&["build", "recipe.yaml"]);
    statuses.sort();
    assert_eq!(statuses, ["changed", "unchanged", "unchanged"]);
    assert_eq!(project.json(&["verify", "recipe.yaml"]).1, 0);
}

#[test]
fn wrong_requests_end_with_2() {
    let project = Project::new();
    let request = |arguments: &[&str]| {
        let output = project.run(arguments);
        (output.status.code().unwrap(), stderr(&output))
    };
    let (code, said) = request(&["build", "no-such-recipe.yaml"]);
    assert!(code == 2 && said.contains("no-such-recipe.yaml"), "{code}: {said}");
    let (code, said) = request(&[
        "build",
        "recipe.yaml",
        "--item",
        "CMIP6.CMIP.MIROC.MIROC6.historical.r2i1p1f1.day.hurs.gn.v2019101",
    ]);
    assert!(code == 2 && said.contains("did you mean"), "{code}: {said}");
    let (code, said) = request(&["publish", "recipe.yaml"]);
    assert!(code == 2 && said.contains("publish.api"), "{code}: {said}");
    let (code, _) = request(&["bild", "recipe.yaml"]);
    assert_eq!(code, 2);
    let recipe = fs::read_to_string(project.path("recipe.yaml")).unwrap();
    fs::write(project.path("typo.yaml"), recipe.replace("pattern:", "patern:")).unwrap();
    let (code, said) = request(&["plan", "typo.yaml"]);
    assert_eq!(code, 2);
    assert!(said.contains("typo.yaml:") && said.contains("did you mean") && said.contains("pattern"), "{said}");
}

#[test]
fn products_of_changed_sources_are_not_published() {
    let project = Project::new();
    project.statuses(&["build", "recipe.yaml"]);
    for file in glob(&project.path("archive"), ".nc") {
        let file = fs::File::options().append(true).open(file).unwrap();
        file.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    }
    // Nothing listens there: nothing is to be asked of it.
    let (report, status) = project.json(&["publish", "recipe.yaml", "--to", "http://127.0.0.1:9"]);
    assert_eq!((status, report["counts"]["failed"].as_u64()), (1, Some(4)));
    let message = report["records"][1]["message"].as_str().unwrap();
    assert!(message.contains("was changed since it was indexed") && message.contains(".nc"), "{message}");
}

#[test]
fn each_api_that_is_away_is_told_once_with_its_cause() {
    let project = Project::new();
    project.statuses(&["build", "recipe.yaml"]);
    let recipe = fs::read_to_string(project.path("recipe.yaml")).unwrap();
    // Nothing listens there.
    let apis = "publish: {api: [\"http://127.0.0.1:1\", \"http://127.0.0.1:9\"]}";
    fs::write(project.path("recipe.yaml"), format!("{recipe}\n{apis}\n")).unwrap();
    let output = project.run(&["publish", "recipe.yaml", "--json"]);
    let (report, status): (Value, _) = (serde_json::from_slice(&output.stdout).unwrap(), output.status.code().unwrap());
    let problem = report["publications"][1]["problems"][0].as_str().unwrap();
    assert!(
        status == 1 && problem.contains("\n  because: ") && problem.contains("\n  remedy: check the URL"),
        "{problem}"
    );
    assert!(problem.to_lowercase().contains("connection refused"), "{problem}");
    let said = stderr(&output);
    assert_eq!(said.matches("does not answer").count(), 2, "{said}");
    assert_eq!(said.matches("remedy: ").count(), 2, "{said}");
}

#[test]
fn one_run_at_a_time() {
    let project = Project::new();
    fs::create_dir_all(project.path(".altostac/recipe")).unwrap();
    let lock = fs::File::create(project.path(".altostac/recipe/lock")).unwrap();
    lock.lock().unwrap();
    let output = project.run(&["build", "recipe.yaml"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("another altostac is at work"), "{}", stderr(&output));
    assert_eq!(project.json(&["status", "recipe.yaml"]).1, 0);
    drop(lock);
    assert_eq!(project.statuses(&["build", "recipe.yaml"]), ["added"; 3]);
}

#[test]
fn plan_makes_nothing() {
    let project = Project::new();
    let (plan, status) = project.json(&["plan", "recipe.yaml"]);
    assert_eq!(status, 0);
    assert!(plan["items"].as_array().unwrap().iter().all(|item| item["action"] == "added"));
    assert!(!project.path("published").exists() && !project.path(".altostac").exists());
}

#[test]
fn inspect_shows_what_a_file_holds() {
    let project = Project::new();
    let file =
        glob(&project.path("archive"), ".nc").into_iter().find(|p| p.to_string_lossy().contains("tas_")).unwrap();
    let file = file.strip_prefix(project.folder.path()).unwrap().to_str().unwrap().to_owned();
    let text = stdout(&project.run(&["inspect", &file]));
    let text = text.replace(project.folder.path().to_str().unwrap(), "…");
    insta::assert_snapshot!(text);
    let (document, status) = project.json(&["inspect", &file]);
    assert_eq!(status, 0);
    assert_eq!(document["variables"]["tas"]["role"], "data");
    let missing = project.run(&["inspect", "absent.nc"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(stderr(&missing).contains("absent.nc"));
}

/// Every file below a folder whose name ends so, sorted.
fn glob(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
