//! Archives behind URLs: what is built of them equals what is built of the same files on disk.

use std::fs;
use std::path::{Path, PathBuf};

use altostac::pipeline::{
    BuildOptions, BuildReport, BuiltStatus, PipelineError, Silent, VerifyOptions, Workspace, build, verify,
};

use super::commands::copy;
use super::web::{Mishap, Web};

const MIROC: &str = "CMIP6.CMIP.MIROC.MIROC6.historical.r2i1p1f1.day.hurs.gn.v20191016";
const NORESM: &str = "CMIP6.CMIP.NCC.NorESM2-LM.historical.r1i1p1f1.Amon.tasmax.gn.v20190815";
const UKESM: &str = "CMIP6.ScenarioMIP.MOHC.UKESM1-0-LL.ssp585.r1i1p1f2.Amon.tas.gn.v20190507";

/// A copy of the archive of `fixtures/cmip6`, a server of it, and recipes beside it. A folder of it has a name that URLs encode.
struct Project {
    folder: tempfile::TempDir,
    web: Web,
}

impl Project {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/cmip6/archive");
        copy(&fixture, &folder.path().join("site/an archive"));
        let web = Web::serve(&folder.path().join("site"));
        Self { folder, web }
    }

    fn archive(&self) -> PathBuf {
        self.folder.path().join("site/an archive")
    }

    /// Writes the fixture's recipe with other sources, and keys beside them.
    fn recipe(&self, name: &str, sources: &str, more: &str) -> PathBuf {
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/cmip6/recipe.yaml");
        let text = fs::read_to_string(fixture).unwrap();
        let text = text.replace("  - root: archive\n    include: [\"**/*.nc\"]\n", sources);
        let text = text.replace("output: published\n", &format!("output: published-{name}\n{more}"));
        assert!(text.contains(sources) && text.contains(more));
        let path = self.folder.path().join(format!("{name}.yaml"));
        fs::write(&path, text).unwrap();
        path
    }

    fn remote(&self) -> PathBuf {
        self.recipe("remote", &format!("  - root: \"{}/an archive\"\n", self.web.url), "")
    }

    fn product(&self, name: &str, item: &str, revision: u32) -> String {
        let path = format!("published-{name}/cmip6-sample/products/{item}/r{revision}/kerchunk.json");
        fs::read_to_string(self.folder.path().join(path)).unwrap()
    }

    fn dataset(&self, below: &str) -> PathBuf {
        self.archive().join("CMIP6").join(below)
    }
}

fn built(recipe: &Path) -> BuildReport {
    let workspace = Workspace::open(recipe, None).unwrap();
    build(&workspace, &BuildOptions::default(), &Silent).unwrap()
}

fn statuses(report: &BuildReport) -> Vec<(&str, BuiltStatus)> {
    report.items.iter().map(|item| (item.id.as_str(), item.status)).collect()
}

fn all(status: BuiltStatus) -> Vec<(&'static str, BuiltStatus)> {
    vec![(MIROC, status), (NORESM, status), (UKESM, status)]
}

fn files_below(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else {
            found.push((path.clone(), fs::read(&path).unwrap()));
        }
    }
    found.sort();
    found
}

#[test]
fn a_server_and_a_disk_give_the_same_products() {
    let project = Project::new();
    let report = built(&project.remote());
    assert_eq!(statuses(&report), all(BuiltStatus::Added));
    assert_eq!(report.problems, Vec::<String>::new());
    assert!(report.traffic.requests > 0 && report.traffic.bytes > 0);
    let rule = format!("public_urls: [{{from: \"site/an archive\", to: \"{}/an%20archive\"}}]\n", project.web.url);
    built(&project.recipe("local", "  - root: site/an archive\n", &rule));
    for item in [MIROC, NORESM, UKESM] {
        assert!(project.product("remote", item, 1) == project.product("local", item, 1), "the products differ");
    }

    let workspace = Workspace::look_at(&project.remote(), None).unwrap();
    let verified = verify(&workspace, &VerifyOptions::default(), &Silent).unwrap();
    assert!(verified.is_success(), "{verified:?}");
}

#[test]
fn a_second_run_looks_and_writes_nothing() {
    let project = Project::new();
    let recipe = project.remote();
    built(&recipe);
    let before = files_below(&project.folder.path().join("published-remote"));
    project.web.requests();
    assert_eq!(statuses(&built(&recipe)), all(BuiltStatus::Unchanged));
    assert_eq!(files_below(&project.folder.path().join("published-remote")), before);
    // One request for each folder, one for each file.
    let requests = project.web.requests();
    let (files, folders): (Vec<_>, Vec<_>) = requests.iter().partition(|path| path.ends_with(".nc"));
    assert_eq!(files.len(), 15);
    let mut different = folders.clone();
    different.sort();
    different.dedup();
    assert_eq!(different.len(), folders.len(), "a folder was asked for twice: {folders:?}");
}

#[test]
fn a_file_that_changes_rebuilds_its_item() {
    let project = Project::new();
    let recipe = project.remote();
    built(&recipe);
    let folder = project.dataset("CMIP/NCC/NorESM2-LM/historical/r1i1p1f1/Amon/tasmax/gn/v20190815");
    let file = files_below(&folder).remove(0).0;
    let handle = fs::File::options().write(true).open(file).unwrap();
    handle.set_modified(std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000)).unwrap();
    let report = built(&recipe);
    let expected = [(MIROC, BuiltStatus::Unchanged), (NORESM, BuiltStatus::Changed), (UKESM, BuiltStatus::Unchanged)];
    assert_eq!(statuses(&report), expected);
    assert!(project.product("remote", NORESM, 2) == project.product("remote", NORESM, 1), "the products differ");
}

#[test]
fn what_a_server_does_not_list_is_not_removed() {
    let project = Project::new();
    // One of three is more than the guard lets go by itself.
    let source = format!("  - root: \"{}/an archive\"\n", project.web.url);
    let recipe = project.recipe("remote", &source, "guard: {max_removed: 50%}\n");
    built(&recipe);
    for mishap in [Mishap::Forbidden, Mishap::Login, Mishap::Welcome] {
        project.web.let_happen("/an archive/CMIP6/ScenarioMIP/", mishap);
        let report = built(&recipe);
        assert_eq!(statuses(&report), all(BuiltStatus::Unchanged), "{mishap:?}");
        let [problem] = &report.problems[..] else { panic!("{:?}", report.problems) };
        let place = format!("cannot look at {}/an%20archive/CMIP6/ScenarioMIP/: ", project.web.url);
        let reason = problem.strip_prefix(&place).unwrap_or_else(|| panic!("{problem}"));
        let expected = match mishap {
            Mishap::Login => format!("the server leads to {}/login instead", project.web.url),
            Mishap::Welcome => "the server's answer is no listing of a folder".to_owned(),
            _ => format!(
                "{}/an%20archive/CMIP6/ScenarioMIP/ cannot be read: the server answered 403 Forbidden",
                project.web.url
            ),
        };
        assert_eq!(reason, expected);
        project.web.mend();
    }
    // Nor is what can be seen to be gone, as long as there is a problem with its item; an item whose place was seen goes.
    fs::remove_dir_all(project.dataset("CMIP/MIROC")).unwrap();
    project.web.let_happen("/an archive/CMIP6/ScenarioMIP/", Mishap::Forbidden);
    let expected = [(MIROC, BuiltStatus::Removed), (NORESM, BuiltStatus::Unchanged), (UKESM, BuiltStatus::Unchanged)];
    assert_eq!(statuses(&built(&recipe)), expected);
}

#[test]
fn a_root_that_does_not_answer_is_an_error() {
    let project = Project::new();
    project.web.let_happen("/", Mishap::Forbidden);
    let workspace = Workspace::open(&project.remote(), None).unwrap();
    let error = build(&workspace, &BuildOptions::default(), &Silent).unwrap_err();
    assert!(matches!(error, PipelineError::Scan(_)));
    let message = error.to_string();
    assert!(
        message.starts_with(&format!(
            "no files found in {}/an%20archive/ (include **/*.nc); cannot look at",
            project.web.url
        )),
        "{message}"
    );
}

#[test]
fn a_file_that_breaks_fails_its_item_alone() {
    let project = Project::new();
    project.web.let_happen("/an archive/CMIP6/CMIP/MIROC/MIROC6/historical/r2i1p1f1/day/hurs/gn/v20191016/hurs_day_MIROC6_historical_r2i1p1f1_gn_2000", Mishap::Broken);
    let report = built(&project.remote());
    let expected = [(MIROC, BuiltStatus::Failed), (NORESM, BuiltStatus::Added), (UKESM, BuiltStatus::Added)];
    assert_eq!(statuses(&report), expected);
    let error = report.items[0].error.as_ref().unwrap();
    assert_eq!(error.kind, "io");
    assert_eq!(error.files.len(), 1);
    assert!(error.message.contains("cannot be read: the server answered 403 Forbidden"), "{}", error.message);
}

#[test]
fn a_list_names_urls() {
    let project = Project::new();
    let base = format!("{}/an%20archive/", project.web.url);
    let mut list = "# URLs\n".to_owned();
    for (path, _) in files_below(&project.archive()) {
        let below = path.strip_prefix(project.archive()).unwrap().to_str().unwrap().to_owned();
        list += &format!("{base}{below}\n");
    }
    list += &format!("{base}CMIP6/gone.nc\n{base}secret.nc?X-Amz-Signature=abc\n");
    fs::write(project.folder.path().join("list.txt"), &list).unwrap();
    let recipe = project.recipe("list", "  - list: list.txt\n", "");
    let text =
        fs::read_to_string(&recipe).unwrap().replace("pattern: \"CMIP6/", "pattern: \"{_:**}/an%20archive/CMIP6/");
    fs::write(&recipe, text.replace("{_:**}", "{server:**}")).unwrap();
    let report = built(&recipe);
    assert_eq!(statuses(&report), all(BuiltStatus::Added));
    assert_eq!(report.problems.len(), 2, "{:?}", report.problems);
    assert!(
        report.problems[0].ends_with("gone.nc cannot be read: the server answered 404 Not Found"),
        "{:?}",
        report.problems
    );
    assert!(report.problems[1].contains("secret") && !report.problems[1].contains("abc"), "{:?}", report.problems);
    built(&project.remote());
    assert!(project.product("list", UKESM, 1) == project.product("remote", UKESM, 1), "the products differ");

    // The list itself behind a URL, its lines relative to it.
    let relative = list.replace(&base, "");
    let relative =
        relative.lines().filter(|line| line.starts_with("CMIP6/") && !line.contains("gone")).collect::<Vec<_>>();
    let own = format!("file://{}", project.folder.path().join("far-list.yaml").display());
    fs::write(project.archive().join("list.txt"), format!("{}\r\n{own}\n", relative.join("\r\n"))).unwrap();
    let recipe = project.recipe("far-list", &format!("  - list: {base}list.txt\n"), "");
    let report = built(&recipe);
    assert_eq!(statuses(&report), all(BuiltStatus::Added));
    let [problem] = &report.problems[..] else { panic!("{:?}", report.problems) };
    assert!(problem.ends_with("a list from a server cannot name files of this machine"), "{problem}");
    assert!(project.product("far-list", UKESM, 1) == project.product("remote", UKESM, 1), "the products differ");
}

#[test]
fn excluded_folders_are_not_asked_for() {
    let project = Project::new();
    let sources =
        format!("  - root: \"{}/an archive\"\n    exclude: [\"**/MIROC/**\", \"**/*_20[3-9]*\"]\n", project.web.url);
    let report = built(&project.recipe("some", &sources, ""));
    let ids: Vec<&str> = report.items.iter().map(|item| item.id.as_str()).collect();
    assert!(ids.contains(&NORESM) && !ids.contains(&MIROC), "{ids:?}");
    let requests = project.web.requests();
    assert!(requests.iter().all(|path| !path.contains("/MIROC/")), "{requests:?}");
}
