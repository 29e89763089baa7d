//! Scans of small trees.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr)]

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use super::*;
use crate::model::recipe::{AggregateSettings, CollectionSettings, Globs, ItemSettings, SourceSettings, StacSettings};
use crate::model::{CollectionId, FacetValues, ItemPattern, Keeping, ProductsAsked, PublicUrls};

/// A recipe with one root, the default globs, and no more than an id.
fn recipe(root: &Path, pattern: &str, id: &str) -> Recipe {
    Recipe {
        path: root.join("recipe.yaml"),
        collection: CollectionSettings {
            id: CollectionId::new("c").unwrap(),
            title: None,
            description: "D".into(),
            license: "other".into(),
            keywords: Vec::new(),
            providers: Vec::new(),
            facts: Default::default(),
            parent: None,
            items_parquet: false,
        },
        sources: vec![source(root, &["**/*.nc"], &[])],
        compares_bytes: false,
        item: ItemSettings {
            pattern: ItemPattern::parse(pattern).unwrap(),
            facets: crate::model::facets::FacetRules::default(),
            vocabularies: BTreeMap::new(),
            id: id.into(),
            properties: BTreeMap::new(),
            datetime: None,
            geometry: None,
            facts: Default::default(),
        },
        aggregate: AggregateSettings::default(),
        products: ProductsAsked::Auto,
        output: SourcePlace::Local(root.join("published")),
        keeping: Keeping::default(),
        public_urls: PublicUrls::default(),
        stac: StacSettings { profile: "default".into(), ..StacSettings::default() },
        thumbnail: None,
        manage: Default::default(),
        publish: None,
        watch: Default::default(),
        product_digest: String::new(),
        record_digest: String::new(),
    }
}

fn source(root: &Path, include: &[&str], exclude: &[&str]) -> SourceSettings {
    let globs = |texts: &[&str]| Globs::new(texts.iter().copied()).unwrap();
    let files = SourceFiles::Matching { include: globs(include), exclude: globs(exclude) };
    SourceSettings { root: SourcePlace::Local(root.canonicalize().unwrap()), files }
}

fn tree(files: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    grow(folder.path(), files);
    folder
}

fn grow(root: &Path, files: &[&str]) {
    for file in files {
        let path = root.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, file).unwrap();
    }
}

/// `id: file file`, paths below the root.
fn items(scan: &Scan, root: &Path) -> Vec<String> {
    let root = root.canonicalize().unwrap();
    let below = |file: &SourceFile| {
        let path = file.url.local_path().unwrap();
        path.strip_prefix(&root).unwrap_or(&path).display().to_string()
    };
    let line =
        |item: &ItemSource| format!("{}: {}", item.id, item.files.iter().map(below).collect::<Vec<_>>().join(" "));
    scan.items.iter().map(line).collect()
}

fn failures(scan: &Scan, root: &Path) -> Vec<String> {
    let root = format!("{}/", root.canonicalize().unwrap().display());
    scan.failed.iter().map(|failed| format!("{}: {}", failed.id, failed.error).replace(&root, "")).collect()
}

#[test]
fn files_become_items() {
    let folder = tree(&["b/x_2.nc", "b/x_1.nc", "a/x_1.nc", "a/notes.txt", "a/deeper/x_1.nc", "x_1.nc"]);
    let mut recipe = recipe(folder.path(), "{model}/{variable}_{year}.nc", "{{ model | upper }}.{{ variable }}");
    recipe.item.properties =
        serde_json::from_str(r#"{"a": "{{ model }}", "b": [1, {"c": "{{ 1 + 1 }}"}], "d": null}"#).unwrap();
    let scan = scan(&recipe).unwrap();
    assert_eq!(items(&scan, folder.path()), ["A.x: a/x_1.nc", "B.x: b/x_1.nc b/x_2.nc"]);
    let item = &scan.items[1];
    assert_eq!(item.facets, FacetValues::from([("model".into(), "b".into()), ("variable".into(), "x".into())]));
    assert_eq!(scan.items[0].facets.len(), 3, "the year does not vary in A");
    let properties = serde_json::to_string(&item.properties).unwrap();
    assert_eq!(properties, r#"{"a":"b","b":[1,{"c":"2"}],"d":null}"#);
    let metadata = fs::metadata(folder.path().join("b/x_1.nc")).unwrap();
    assert_eq!(item.files[0].fingerprint, crate::storage::fingerprint(&metadata));
    assert_eq!(item.files[0].size, 8);
    let unmatched: Vec<_> = scan.unmatched.iter().map(|file| format!("{}: {}", file.path, file.reason)).collect();
    assert_eq!(
        unmatched,
        [
            r#"a/deeper/x_1.nc: it agrees as far as "{model}/{variable}", but then goes on with "/x_1.nc""#,
            r#"x_1.nc: it ends where the pattern goes on after "{model}""#,
        ]
    );
    assert!(scan.problems.is_empty() && scan.failed.is_empty());
}

#[test]
fn a_link_inside_the_root_counts_as_the_real_path() {
    let folder = tree(&["v2019/a.nc", "v2019/b.nc"]);
    let root = folder.path();
    symlink("v2019", root.join("latest")).unwrap();
    symlink("a.nc", root.join("v2019/alias.nc")).unwrap();
    fs::create_dir(root.join("v2020")).unwrap();
    symlink("../v2019/b.nc", root.join("v2020/b.nc")).unwrap();
    symlink("..", root.join("v2020/up")).unwrap();
    let scan = scan(&recipe(root, "{version}/{file}", "{{ version }}")).unwrap();
    assert_eq!(items(&scan, root), ["v2019: v2019/a.nc v2019/b.nc"]);
    assert!(scan.problems.is_empty());
}

#[test]
fn a_link_to_what_the_globs_leave_out_stands_at_its_own_path() {
    let folder = tree(&["files/d1/a.nc", "objects/0123"]);
    let root = folder.path();
    for version in ["v1", "v2"] {
        fs::create_dir(root.join(version)).unwrap();
        symlink("../files/d1/a.nc", root.join(version).join("a.nc")).unwrap();
    }
    symlink("../objects/0123", root.join("v2/b.nc")).unwrap();
    symlink("v2", root.join("latest")).unwrap();
    let mut recipe = recipe(root, "{version}/{file}", "{{ version }}");
    recipe.sources = vec![source(root, &["**/*.nc"], &["**/files/**"])];
    assert_eq!(items(&scan(&recipe).unwrap(), root), ["v1: v1/a.nc", "v2: v2/a.nc v2/b.nc"]);
}

#[test]
fn links_out_of_the_root_are_followed_at_their_own_path() {
    let outside = tree(&["disk/v1/a.nc", "disk/v1/b.nc", "single.nc"]);
    let folder = tree(&["v0/a.nc"]);
    let (root, outside) = (folder.path(), outside.path());
    symlink(outside.join("disk/v1"), root.join("v1")).unwrap();
    symlink(outside.join("single.nc"), root.join("v0/single.nc")).unwrap();
    // Within the folder outside: a link to a neighbour, to itself, to what is above, and back to the root.
    symlink("a.nc", outside.join("disk/v1/alias.nc")).unwrap();
    symlink(".", outside.join("disk/v1/self")).unwrap();
    symlink(outside, outside.join("disk/v1/above")).unwrap();
    symlink(root, outside.join("disk/v1/back")).unwrap();
    let scan = scan(&recipe(root, "{version}/{file}", "{{ version }}")).unwrap();
    assert_eq!(items(&scan, root), ["v0: v0/a.nc v0/single.nc", "v1: v1/a.nc v1/b.nc"]);
    let fingerprint = crate::storage::fingerprint(&fs::metadata(outside.join("single.nc")).unwrap());
    assert_eq!(scan.items[0].files[1].fingerprint, fingerprint, "that of the file, not of the link");
}

#[test]
fn folders_that_link_to_one_another_end() {
    let (folder, outside) = (tree(&["v/a.nc"]), tree(&["one/x.nc", "two/x.nc"]));
    symlink(outside.path().join("one"), folder.path().join("v/l")).unwrap();
    symlink(outside.path().join("two"), outside.path().join("one/two")).unwrap();
    symlink(outside.path().join("one"), outside.path().join("two/one")).unwrap();
    let scan = scan(&recipe(folder.path(), "{file:**}", "all")).unwrap();
    assert_eq!(items(&scan, folder.path()), ["all: v/a.nc v/l/two/x.nc v/l/x.nc"]);
}

#[test]
fn not_more_than_eight_links_lie_above_one_another() {
    let (folder, outside) = (tree(&["a.nc"]), tempfile::tempdir().unwrap());
    let place = |number: usize| outside.path().join(number.to_string());
    symlink(place(0), folder.path().join("l")).unwrap();
    for number in 0..10 {
        fs::create_dir(place(number)).unwrap();
        fs::write(place(number).join("a.nc"), "").unwrap();
        symlink(place(number + 1), place(number).join("l")).unwrap();
    }
    fs::create_dir(place(10)).unwrap();
    let scan = scan(&recipe(folder.path(), "{file:**}", "all")).unwrap();
    assert_eq!(scan.items[0].files.len(), 9);
    assert_eq!(scan.problems.len(), 1);
    assert!(scan.problems[0].place.as_str().ends_with("l/l/l/l/l/l/l/l/l"), "{}", scan.problems[0]);
}

#[test]
fn what_cannot_be_looked_at_is_a_problem() {
    let folder = tree(&["a/x.nc", "b/x.nc", "left_out/x.nc"]);
    let root = folder.path();
    symlink("nowhere.nc", root.join("a/y.nc")).unwrap();
    symlink("/no/such/disk", root.join("c")).unwrap();
    symlink("nowhere.nc", root.join("left_out/y.nc")).unwrap();
    fs::write(root.join("a").join(OsStr::from_bytes(b"\xff.nc")), "").unwrap();
    fs::set_permissions(root.join("b"), fs::Permissions::from_mode(0o000)).unwrap();
    let is_closed = fs::read_dir(root.join("b")).is_err();
    let mut recipe = recipe(root, "{folder}/{file}", "{{ folder }}");
    recipe.sources = vec![source(root, &["**/*.nc"], &["left_out/**"])];
    let scan = scan(&recipe);
    fs::set_permissions(root.join("b"), fs::Permissions::from_mode(0o755)).unwrap();
    let scan = scan.unwrap();
    let real = format!("{}/", root.canonicalize().unwrap().display());
    let mut problems: Vec<_> = scan.problems.iter().map(|problem| problem.to_string().replace(&real, "")).collect();
    if is_closed {
        assert_eq!(problems.remove(2), "cannot look at b: Permission denied (os error 13)");
        assert_eq!(items(&scan, root), ["a: a/x.nc"]);
    } else {
        // The superuser reads everything.
        assert_eq!(items(&scan, root), ["a: a/x.nc", "b: b/x.nc"]);
    }
    let nowhere = "the link leads nowhere: No such file or directory (os error 2)";
    assert_eq!(
        problems,
        [
            "cannot look at a/\u{fffd}.nc: its name is not UTF-8, so no pattern can match it".to_owned(),
            format!("cannot look at a/y.nc: {nowhere}"),
            format!("cannot look at c: {nowhere}"),
        ]
    );
}

#[test]
fn a_used_facet_that_varies_fails_its_item_alone() {
    let folder = tree(&["a/x_1.nc", "a/x_2.nc", "b/x_1.nc", "C/x_1.nc", "c/x_2.nc"]);
    let mut recipe = recipe(folder.path(), "{model}/{variable}_{year}.nc", "{{ model | lower }}");
    recipe.item.properties = BTreeMap::from([("y".to_owned(), serde_json::json!(["{{ year }}"]))]);
    let scan = scan(&recipe).unwrap();
    assert_eq!(items(&scan, folder.path()), ["b: b/x_1.nc"]);
    assert_eq!(
        failures(&scan, folder.path()),
        [
            r#"a: facet year is "1" in a/x_1.nc and "2" in a/x_2.nc, but the item's property y uses it"#,
            r#"c: facet model is "C" in C/x_1.nc and "c" in c/x_2.nc, but the item's id uses it"#,
        ]
    );
    assert_eq!(scan.failed[0].files.len(), 2);
}

#[test]
fn ids_are_right_and_unique_ignoring_case() {
    let folder = tree(&["Ab/x.nc", "aB/x.nc", "c d/x.nc", "e/x.nc"]);
    let scan = scan(&recipe(folder.path(), "{model}/{file}", "{{ model }}")).unwrap();
    assert_eq!(items(&scan, folder.path()), ["e: e/x.nc"]);
    assert_eq!(
        failures(&scan, folder.path()),
        [
            "Ab: the ids Ab (Ab/x.nc) and aB (aB/x.nc) differ only in upper and lower case",
            "aB: the ids aB (aB/x.nc) and Ab (Ab/x.nc) differ only in upper and lower case",
            r#"c d: c d/x.nc gives no item id: an item id "c d" holds ' '; allowed are A-Z a-z 0-9 . _ -"#,
        ]
    );
}

#[test]
fn a_template_that_fails_names_the_file() {
    let folder = tree(&["1/x.nc", "a/x.nc"]);
    let scan = scan(&recipe(folder.path(), "{number}/{file}", "n{{ number | int }}")).unwrap();
    assert_eq!(items(&scan, folder.path()), ["n1: 1/x.nc"]);
    let failures = failures(&scan, folder.path());
    assert!(failures[0].starts_with("a/x.nc: item.id cannot be rendered for a/x.nc: "), "{failures:?}");
}

#[test]
fn nothing_found_and_nothing_matched_are_errors() {
    let folder = tree(&["CMIP6/MIROC6/latest/a.nc", "b.txt"]);
    let root = folder.path();
    let error = scan(&recipe(root, "CMIP6/{model}/v{version}/{file}", "{{ model }}")).unwrap_err();
    assert_eq!(
        error.to_string(),
        "item.pattern \"CMIP6/{model}/v{version}/{file}\" matches no file (1 found); CMIP6/MIROC6/latest/a.nc: it agrees \
         as far as \"CMIP6/{model}/\", but then goes on with \"latest/a.nc\""
    );
    let mut recipe = recipe(root, "{file}", "a");
    recipe.sources = vec![source(root, &["*.nc", "*.nc4"], &["x/**"])];
    let error = scan(&recipe).unwrap_err().to_string();
    let place = root.canonicalize().unwrap();
    assert_eq!(error, format!("no files found in {} (include *.nc, *.nc4; exclude x/**)", place.display()));
    fs::remove_dir_all(root).unwrap();
    let error = scan(&recipe).unwrap_err().to_string();
    assert!(error.ends_with("No such file or directory (os error 2)"), "{error}");
}

#[test]
fn a_list_names_files_as_they_are_written() {
    let folder = tree(&["data/a.nc", "data/b.nc"]);
    let root = folder.path().canonicalize().unwrap();
    let absolute = root.join("data/b.nc");
    let list = format!(
        "# a comment\n\ndata/a.nc\r\n./data/../data/a.nc\nfile://{}\n{}\ndata/none.nc\nftp://host/c.nc\nhttps://me:secret@host/c.nc\ndata\n",
        absolute.display(),
        absolute.display()
    );
    fs::write(root.join("list.txt"), list).unwrap();
    let mut recipe = recipe(&root, "{file:**}", "all");
    recipe.sources = vec![SourceSettings {
        root: SourcePlace::Local(root.clone()),
        files: SourceFiles::Listed(SourcePlace::Local(root.join("list.txt"))),
    }];
    let scan = scan(&recipe).unwrap();
    assert_eq!(items(&scan, &root), ["all: data/a.nc data/b.nc"]);
    let real = format!("{}/", root.display());
    let problems: Vec<_> = scan.problems.iter().map(|problem| problem.to_string().replace(&real, "")).collect();
    assert_eq!(
        problems,
        [
            "cannot look at data: not a regular file",
            "cannot look at data/none.nc: the list names it, but it is not there",
            "cannot look at ftp://host/c.nc: sources with the scheme \"ftp\" cannot be read; expected https, http, s3, gs, az",
            "cannot look at https://host/c.nc: its URL holds a secret or a fragment, which would stand in products and records",
        ]
    );
    fs::remove_file(root.join("list.txt")).unwrap();
    assert!(matches!(super::scan(&recipe), Err(ScanError::List { .. })));
}

#[test]
fn what_altostac_wrote_is_no_source() {
    let folder = tree(&["a.nc", "published/b.nc", ".altostac/recipe/c.nc", "a/published/d.nc"]);
    let root = folder.path().canonicalize().unwrap();
    let recipe = recipe(&root, "{file:**}", "all");
    assert_eq!(items(&scan(&recipe).unwrap(), &root), ["all: a.nc a/published/d.nc"]);
}

#[test]
fn roots_that_overlap_give_each_file_once() {
    let folder = tree(&["a/x.nc", "b/x.nc"]);
    let mut recipe = recipe(folder.path(), "{file:**}", "all");
    recipe.sources.push(source(&folder.path().join("a"), &["**/*.nc"], &[]));
    assert_eq!(items(&scan(&recipe).unwrap(), folder.path()), ["all: a/x.nc b/x.nc"]);
}

/// `cargo test --lib --release -- --ignored --nocapture a_hundred_thousand` measures.
#[test]
#[ignore = "a measurement, not a check"]
fn a_hundred_thousand_files_are_scanned() {
    let folder = tempfile::tempdir().unwrap();
    for item in 0..1000 {
        let dataset =
            folder.path().join(format!("CMIP6/CMIP/MOHC/UKESM1-0-LL/historical/r{item}i1p1f2/Amon/tas/gn/v2019"));
        fs::create_dir_all(&dataset).unwrap();
        for file in 0..100 {
            fs::write(dataset.join(format!("tas_Amon_UKESM1-0-LL_{file}.nc")), "").unwrap();
        }
    }
    let pattern =
        "CMIP6/{activity}/{institution}/{model}/{experiment}/{member}/{table}/{variable}/{grid}/{version}/{file}";
    let id =
        "CMIP6.{{ activity }}.{{ institution }}.{{ model }}.{{ experiment }}.{{ member }}.{{ table }}.{{ variable }}";
    let recipe = recipe(folder.path(), pattern, id);
    scan(&recipe).unwrap();
    let start = std::time::Instant::now();
    assert_eq!(scan(&recipe).unwrap().items.len(), 1000);
    eprintln!("100,000 files in {:.2} s", start.elapsed().as_secs_f64());
}

/// Settings with rules, as a recipe has them.
fn with_rules(mut recipe: Recipe, text: &str) -> Recipe {
    let whole = format!("collection: {{id: c, description: D}}\nsources: [{{root: /x}}]\nitem:\n{text}");
    recipe.item = crate::recipe::parse(&whole, "recipe.yaml".as_ref()).unwrap().item;
    recipe
}

#[test]
fn rules_add_facets_that_ids_and_properties_use() {
    let folder = tree(&["UKESM/tas_1850.nc", "UKESM/tas_1851.nc", "BCC/tas_1850.nc"]);
    let recipe = with_rules(
        recipe(folder.path(), "{x}", "{{ x }}"),
        "  pattern: \"{model}/{file}.nc\"\n  facets:\n    - {pattern: \"{variable}_{year}\", from: file}\n    - {cast: {year: int}}\n    - {set: {first: \"{{ file_name }}\"}}\n    - {remove: [file]}\n  id: \"{{ model | lower }}.{{ variable }}\"\n  properties: {v: \"{{ variable }}\"}\n",
    );
    let scan = scan(&recipe).unwrap();
    assert_eq!(
        items(&scan, folder.path()),
        ["bcc.tas: BCC/tas_1850.nc", "ukesm.tas: UKESM/tas_1850.nc UKESM/tas_1851.nc"]
    );
    assert_eq!(
        serde_json::json!(scan.items[0].facets),
        serde_json::json!({"first": "tas_1850.nc", "model": "BCC", "variable": "tas", "year": 1850})
    );
    assert_eq!(
        serde_json::json!(scan.items[1].facets),
        serde_json::json!({"model": "UKESM", "variable": "tas"}),
        "what varies is no facet of the item"
    );
}

#[test]
fn attributes_are_asked_for_once_for_all_files() {
    let folder = tree(&["a.nc", "b.nc", "c.nc"]);
    let recipe = with_rules(
        recipe(folder.path(), "{x}", "{{ x }}"),
        "  pattern: \"{file}.nc\"\n  facets: [{attributes: [title]}]\n  id: \"{{ title }}\"\n  properties: {n: \"{{ file }}\"}\n",
    );
    let calls = std::cell::Cell::new(0);
    let read = |files: &[SourceFile], asked: &AskedAttributes| {
        calls.set(calls.get() + 1);
        assert_eq!(asked.global, ["title".to_owned()].into());
        let answer = |file: &SourceFile| match file.url.file_name() {
            "c.nc" => Err("it is damaged".to_owned()),
            name => Ok(FileAttributes {
                global: [("title".into(), name.replace(".nc", "").into())].into(),
                ..Default::default()
            }),
        };
        files.iter().map(answer).collect()
    };
    let scan = scan_with(&recipe, &read).unwrap();
    assert_eq!((calls.get(), scan.items.len()), (1, 2));
    assert_eq!(failures(&scan, folder.path()), ["c.nc: attributes of c.nc cannot be read: it is damaged"]);
    assert_eq!(super::scan(&recipe).unwrap().failed.len(), 3, "nobody reads them");
}

#[test]
fn values_are_checked_against_vocabularies() {
    let folder = tree(&["UKESM/1.nc", "UKSEM/1.nc", "BCC/1.nc", "BCC/2.nc"]);
    let text = |on_unknown: &str| {
        format!(
            "  pattern: \"{{model}}/{{n}}.nc\"\n  vocabularies: {{model: {{values: [UKESM, MIROC], on_unknown: {on_unknown}}}}}\n  id: \"{{{{ model }}}}\"\n"
        )
    };
    let strict = scan(&with_rules(recipe(folder.path(), "{x}", "{{ x }}"), &text("error"))).unwrap();
    assert_eq!(strict.items.len(), 1);
    assert_eq!(
        failures(&strict, folder.path()),
        [
            "BCC: facet model is \"BCC\" in BCC/1.nc, which the vocabulary of the recipe does not have",
            "UKSEM: facet model is \"UKSEM\" in UKSEM/1.nc, which the vocabulary of the recipe does not have; did you mean \"UKESM\"?",
        ]
    );
    let told = scan(&with_rules(recipe(folder.path(), "{x}", "{{ x }}"), &text("warn"))).unwrap();
    assert_eq!((told.items.len(), told.failed.len(), told.warnings.len()), (3, 0, 2));
    assert!(told.warnings[0].contains("BCC/1.nc and 1 more, which the vocabulary"), "{}", told.warnings[0]);
}

/// All that is below a folder, folders and links too.
fn everything_below(root: &Path) -> Vec<std::path::PathBuf> {
    walkdir::WalkDir::new(root).min_depth(1).into_iter().map(|entry| entry.unwrap().into_path()).collect()
}

/// A look at a few where nothing is known of links.
fn few(recipe: &Recipe, paths: &[std::path::PathBuf]) -> Result<Scan, Unsure> {
    scan_paths(recipe, paths, &LinkTargets::default()).unwrap()
}

#[test]
fn a_few_files_are_seen_as_the_whole_scan_sees_them() {
    let folder = tree(&[
        "m/v1/a.nc",
        "m/v1/b.nc",
        "m/v2/a.nc",
        "m/v1/notes.txt",
        "n/v1/a.nc",
        "published/x/y.nc",
        ".altostac/z/q.nc",
    ]);
    let root = folder.path().canonicalize().unwrap();
    symlink(root.join("m/v1/a.nc"), root.join("n/v1/link.nc")).unwrap();
    let recipe = recipe(&root, "{model}/{version}/{file}", "{{ model }}.{{ version }}");
    let whole = scan(&recipe).unwrap();
    // All of it together is all of it.
    let all = few(&recipe, &everything_below(&root)).unwrap();
    assert_eq!(all.items, whole.items);
    assert!(all.problems.is_empty() && all.unmatched.is_empty());
    // A folder is all that lies below it; one file is one file.
    let part = few(&recipe, &[root.join("m"), root.join("gone/v1/a.nc"), root.join("m/v9/a.nc")]).unwrap();
    assert_eq!(items(&part, &root), ["m.v1: m/v1/a.nc m/v1/b.nc", "m.v2: m/v2/a.nc"]);
    let one = few(&recipe, &[root.join("m/v1/b.nc")]).unwrap();
    assert_eq!(items(&one, &root), ["m.v1: m/v1/b.nc"]);
    for ours in ["published", ".altostac", "published/x/y.nc", ".altostac/z/q.nc"] {
        assert!(few(&recipe, &[root.join(ours)]).unwrap().items.is_empty(), "{ours}");
        assert_eq!(place_in_archive(&recipe, &root.join(ours)), None);
    }
}

#[test]
fn what_a_few_files_do_not_tell_is_not_guessed() {
    let folder = tree(&["m/v1/a.nc", "m/files/a.nc", "m/files/readme"]);
    let elsewhere = tree(&["v3/c.nc"]);
    let root = folder.path().canonicalize().unwrap();
    symlink("v1", root.join("m/latest")).unwrap();
    symlink(elsewhere.path().join("v3"), root.join("m/v3")).unwrap();
    let mut recipe = recipe(&root, "{model}/{version}/{file}", "{{ model }}.{{ version }}");
    recipe.sources = vec![source(&root, &["**/*.nc"], &["**/files/**"])];
    let is_unsure = |recipe: &Recipe, path: &str| few(recipe, &[root.join(path)]).is_err();
    assert!(is_unsure(&recipe, "m/v3"), "a link to a folder outside");
    assert!(is_unsure(&recipe, "m/v3/c.nc"), "below one");
    assert!(is_unsure(&recipe, "m/latest/a.nc"), "below one inside");
    assert!(!is_unsure(&recipe, "m/files/readme"));
    assert!(!is_unsure(&recipe, "m/v1/gone.nc"));
    // The real place of a file behind a link within the root, and the name of one that leads out of it.
    assert_eq!(place_in_archive(&recipe, &root.join("m/latest/a.nc")), Some(root.join("m/v1/a.nc")));
    assert_eq!(place_in_archive(&recipe, &root.join("m/v3/c.nc")), Some(root.join("m/v3/c.nc")));
    assert_eq!(place_in_archive(&recipe, Path::new("/somewhere/else.nc")), None);
    recipe.sources.push(source(&root.join("m"), &["**/*.nc"], &[]));
    assert!(is_unsure(&recipe, "m/v1/a.nc"), "roots overlap");
}

/// A link that leads inside the root is followed by no scan, so it may come, go and turn.
#[test]
fn links_to_folders_inside_the_root_change_nothing() {
    let folder = tree(&["m/v1/a.nc", "m/v2/a.nc"]);
    let root = folder.path().canonicalize().unwrap();
    let recipe = recipe(&root, "{model}/{version}/{file}", "{{ model }}.{{ version }}");
    let before = scan(&recipe).unwrap();
    for version in ["v1", "v2"] {
        let _ = fs::remove_file(root.join("m/latest"));
        symlink(version, root.join("m/latest")).unwrap();
        let seen = few(&recipe, &[root.join("m/latest")]).unwrap();
        assert!(seen.items.is_empty() && seen.problems.is_empty());
        assert_eq!(scan(&recipe).unwrap().items, before.items);
    }
}

#[test]
fn what_links_lead_to_is_told_from_what_they_do_not() {
    let folder = tree(&["m/v1/a.nc", "m/v1/b.nc", "m/v1/readme", "m/files/d/c.nc", "m/files/d/e.nc", "m/other/x.nc"]);
    let root = folder.path().canonicalize().unwrap();
    for (made, target) in [
        ("m/current", "v1"),
        ("m/latest/a.nc", "../v1/a.nc"),
        ("m/latest/b.nc", "../current/b.nc"),
        ("m/latest/c.nc", "../files/d/c.nc"),
        ("m/latest/late.nc", "../files/late/late.nc"),
    ] {
        fs::create_dir_all(root.join(made).parent().unwrap()).unwrap();
        symlink(target, root.join(made)).unwrap();
    }
    let mut recipe = recipe(&root, "{model}/{version}/{file}", "{{ model }}.{{ version }}");
    recipe.sources = vec![source(&root, &["**/latest/*.nc"], &["**/files/**"])];
    let whole = scan(&recipe).unwrap();
    assert_eq!(items(&whole, &root), ["m.latest: m/latest/a.nc m/latest/b.nc m/latest/c.nc"]);
    let is_unsure = |path: &str| scan_paths(&recipe, &[root.join(path)], &whole.links).unwrap().is_err();
    for path in
        ["m/v1/a.nc", "m/v1/b.nc", "m/v1", "m/current", "m/files", "m/files/d", "m/files/d/c.nc", "m/files/late"]
    {
        assert!(is_unsure(path), "{path}");
    }
    for path in ["m/v1/readme", "m/other", "m/other/x.nc", "m/files/d/e.nc", "m/latest/a.nc"] {
        assert!(!is_unsure(path), "{path}");
    }
    // A look at a few finds the same of theirs.
    let part = scan_paths(&recipe, &[root.join("m/latest")], &LinkTargets::default()).unwrap().unwrap();
    assert_eq!(part.links, whole.links);
}

#[test]
fn items_are_named_whether_their_files_are_there_or_not() {
    let folder = tree(&["m/v1/a.nc"]);
    let root = folder.path().canonicalize().unwrap();
    let recipe = recipe(&root, "{model}/{version}/{file}", "{{ model }}.{{ version }}");
    let paths = ["m/v1/a.nc", "m/v2/gone.nc", "m/v1", "m/v1/notes.txt"].map(|path| root.join(path));
    let named = items_of(&recipe, &paths).unwrap();
    assert_eq!(named, BTreeMap::from([(paths[0].clone(), "m.v1".into()), (paths[1].clone(), "m.v2".into())]));
}
