#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use super::*;
use proptest::prelude::*;

fn archive(above: &[&str], paths: &[&str]) -> Archive {
    let mut paths: Vec<String> = paths.iter().map(ToString::to_string).collect();
    paths.sort();
    Archive { above: above.iter().map(ToString::to_string).collect(), paths, complete: true }
}

/// The first grouping: its pattern, its id, and the ids that it gives.
fn first(archive: &Archive, facts: &[FileFacts]) -> (String, String, Vec<String>) {
    let first = groupings(archive, facts).remove(0);
    let ids = first.groups(&archive.paths).items.into_keys().collect();
    (first.pattern().to_owned(), first.id.clone(), ids)
}

const TAS: &str = "CMIP/MOHC/UKESM1-0-LL/historical/r1i1p1f2/Amon/tas/gn/v20190406/tas_Amon_185001-194912.nc";

#[test]
fn cmip6_is_known_wherever_the_root_is() {
    let id = "CMIP6.CMIP.MOHC.UKESM1-0-LL.historical.r1i1p1f2.Amon.tas.gn.v20190406";
    let whole = archive(&["badc", "cmip6", "data"], &[&format!("CMIP6/{TAS}")]);
    let (pattern, template, ids) = first(&whole, &[]);
    assert!(pattern.starts_with("CMIP6/{activity_id}/{institution_id}/{source_id}/"), "{pattern}");
    assert!(pattern.ends_with("/{grid_label}/{version}/{filename}"), "{pattern}");
    assert!(template.starts_with("CMIP6.{{ activity_id }}."), "{template}");
    assert_eq!(ids, [id]);
    let inside = archive(&["data", "CMIP6", "CMIP", "MOHC"], &[TAS.strip_prefix("CMIP/MOHC/").unwrap()]);
    let (pattern, template, ids) = first(&inside, &[]);
    assert!(pattern.starts_with("{source_id}/{experiment_id}/"), "{pattern}");
    assert!(template.starts_with("CMIP6.CMIP.MOHC.{{ source_id }}."), "{template}");
    assert_eq!(ids, [id]);
}

#[test]
fn the_place_of_files_behind_versions_is_left_out() {
    let found = archive(
        &["data"],
        &[
            &format!("CMIP6/{TAS}"),
            "CMIP6/CMIP/MOHC/UKESM1-0-LL/historical/r1i1p1f2/Amon/tas/gn/files/d20190406/tas.nc",
        ],
    );
    let grouping = groupings(&found, &[]).remove(0);
    assert_eq!(grouping.exclude, ["**/files/**"]);
    let groups = grouping.groups(&found.paths);
    assert_eq!((groups.items.len(), groups.excluded.len(), groups.unmatched.len()), (1, 1, 0));
}

#[test]
fn the_two_orders_of_cmip5_are_told_apart() {
    let ceda = archive(&[], &["cmip5/output1/MOHC/HadGEM2-ES/rcp45/day/land/day/r1i1p1/latest/mrsos/mrsos_day.nc"]);
    assert!(first(&ceda, &[]).0.ends_with("/{ensemble}/{version}/{variable}/{filename}"));
    let esgf =
        archive(&["c3s-cmip5"], &["output1/ICHEC/EC-EARTH/historical/day/atmos/day/r1i1p1/tas/v20131231/tas.nc"]);
    assert!(first(&esgf, &[]).0.ends_with("/{ensemble}/{variable}/{version}/{filename}"));
    let bare = archive(&["data"], &["C3SCMIP5/BCC/bcc-csm1-1/rcp85/mon/ocean/Omon/r1i1p1/zos/v20120705/zos.nc"]);
    assert!(first(&bare, &[]).0.starts_with("C3SCMIP5/{institute}/"));
}

#[test]
fn dates_in_names_and_folders_make_series() {
    let daily = |n: usize| format!("daily/2002/07/ESACCI-WATERVAPOUR-L3C-TCWV-meris-05deg-200207{n:02}-fv3.2.nc");
    let found = archive(&["water_vapour"], &[&daily(1), &daily(2)]);
    let (pattern, id, ids) = first(&found, &[]);
    assert_eq!((pattern.as_str(), id.as_str()), ("{frequency}/{year}/{month}/{filename}", "{{ frequency }}"));
    assert_eq!(ids, ["daily"]);
    let nemo = archive(&["NEMO"], &["nemo_1m_20150101-20150201_grid-T.nc", "nemo_1m_20150201-20150301_grid-T.nc"]);
    assert_eq!(first(&nemo, &[]).2, ["nemo_1m.grid-T"]);
    let mixed = archive(&["x"], &["a/tas_200001.nc", "a/tas_200002.nc", "b/c/pr_200001-200112.nc", "plain.nc"]);
    assert_eq!(first(&mixed, &[]).2, ["a.tas", "b.c.pr", "plain"]);
}

#[test]
fn last_numbers_make_series_only_if_all_names_have_them() {
    let numbered = archive(&["rain"], &["example0.nc", "example1.nc"]);
    assert_eq!(first(&numbered, &[]).2, ["example"]);
    let loose = archive(&["sample"], &["file.nc", "file2.nc", "0_air.nc"]);
    assert_eq!(first(&loose, &[]).2, ["0_air", "file", "file2"]);
}

#[test]
fn facets_are_called_as_the_files_call_them() {
    let paths = ["UKESM/ssp126/tas/tas_2015.nc", "MIROC6/ssp126/pr/pr_2015.nc"];
    let facts = |path: &str, source: &str, variable: &str| FileFacts {
        path: path.into(),
        attributes: [("source_id".to_owned(), source.to_owned()), ("experiment_id".to_owned(), "ssp126".to_owned())]
            .into(),
        variables: vec![variable.into(), "time".into()],
    };
    let facts = [facts(paths[0], "UKESM", "tas"), facts(paths[1], "MIROC6", "pr")];
    let found = archive(&["data"], &paths);
    assert_eq!(first(&found, &facts).0, "{source_id}/{experiment_id}/{variable}/{filename}");
    let grouping = groupings(&found, &facts).remove(0);
    assert_eq!(grouping.properties[0], ("source_id".into(), "{{ source_id }}".into()));
}

#[test]
fn strange_names_get_ids_all_the_same() {
    let found = archive(&["x"], &["my data/röntgen (1).nc", "my data/b.nc"]);
    let ids = first(&found, &[]).2;
    assert!(ids.iter().all(|id| crate::model::ItemId::new(id.as_str()).is_ok()), "{ids:?}");
    assert_eq!(ids.len(), 2);
}

#[test]
fn names_that_differ_in_case_alone_keep_apart_or_are_given_up() {
    let found = archive(&["x"], &["A.nc", "a.nc"]);
    assert!(groupings(&found, &[]).is_empty());
    let found = archive(&["x"], &["a.nc", "a.h5"]);
    assert_eq!(first(&found, &[]).2, ["a.h5", "a.nc"]);
}

struct NoFiles;

impl PadoccFiles for NoFiles {
    fn text(&self, path: &str) -> Option<String> {
        (path == "list.txt").then(|| "/data/a/x1.nc\n/data/a/x2.nc\n".into())
    }

    fn absolute(&self, path: &str) -> String {
        if path.starts_with('/') { path.into() } else { format!("/here/{path}") }
    }
}

#[test]
fn a_group_of_padocc_becomes_one_recipe() {
    let csv = "proj_code,pattern/filename, updates, removals\n\
               ESACCI-daily,/neodc/wv/v3.2/daily/*/*/*nc,,\n\
               ESACCI-monthly, /neodc/wv/v3.2/monthly/*/*nc,upd.json,\n\
               listed,list.txt,,\n";
    let (recipes, not_carried) = convert_padocc(csv, "wv", &NoFiles).unwrap();
    let [recipe] = recipes.as_slice() else { panic!("{recipes:?}") };
    assert_eq!(recipe.projects, ["ESACCI-daily", "ESACCI-monthly", "listed"]);
    assert!(
        not_carried.iter().any(|note| note.contains("ESACCI-monthly") && note.contains("upd.json")),
        "{not_carried:?}"
    );
    let resolved = crate::recipe::parse(&recipe.text, "/tmp/wv.yaml".as_ref()).unwrap();
    let facets = |path: &str| resolved.item.pattern.facets(path);
    assert!(facets("daily/2002/07/a.nc").unwrap().contains_key("p1"));
    assert!(facets("monthly/2002/a.nc").unwrap().contains_key("p2"));
    assert!(facets("/data/a/x1.nc").unwrap().contains_key("p3"));
    assert!(facets("yearly/a.nc").is_none());
}

#[test]
fn a_group_that_lies_apart_becomes_several_recipes() {
    let csv = "one,/badc/x/*.nc,,\ntwo,/neodc/y/*.nc,,";
    let (recipes, not_carried) = convert_padocc(csv, "apart", &NoFiles).unwrap();
    assert_eq!(recipes.iter().map(|recipe| recipe.name.clone().unwrap()).collect::<Vec<_>>(), ["one", "two"]);
    assert_eq!(not_carried.len(), 1);
    for recipe in recipes {
        crate::recipe::parse(&recipe.text, "/tmp/r.yaml".as_ref()).unwrap();
    }
}

#[test]
fn what_is_no_group_of_padocc_is_refused_by_line() {
    let error = |csv: &str| convert_padocc(csv, "g", &NoFiles).unwrap_err().to_string();
    assert!(error("a,/x/*.nc,,\nb\n").starts_with("line 2: expected a project code"));
    assert_eq!(error("a,/x/*.nc\na,/y/*.nc"), "line 2: the project a stands there twice");
    assert_eq!(error("proj_code,pattern\n"), "it holds no project");
}

fn written(grouping: &Grouping, about: &About) -> String {
    let include = ["**/*.nc".to_owned()];
    let left_out = [("odd[1].nc".to_owned(), "it cannot be read".to_owned())];
    let need = |key: &str| Need {
        key: key.into(),
        items: 1,
        examples: vec!["a".into()],
        found: "no time:\nexpected one".into(),
        remedy: "say it".into(),
    };
    let needs = [need("item.datetime"), need("item.geometry"), need("aggregate.on_overlap")];
    write(&Suggestion {
        root: "/archive/data",
        about,
        grouping,
        include: &include,
        left_out: &left_out,
        needs: &needs,
        looked_at: &["Three files.".to_owned()],
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever the names: a recipe that is one, whose pattern takes all files as the grouping says.
    #[test]
    fn every_suggestion_is_a_recipe(
        paths in prop::collection::btree_set("([a-c]{1,2}/){0,2}[a-cA-C0-9_ ({é.-]{1,8}_?(2001|200105|)\\.(nc|h5)", 1..12),
        text in "\\PC{0,40}",
    ) {
        let archive = Archive { above: vec!["data".into()], paths: paths.into_iter().collect(), complete: true };
        let facts = [FileFacts {
            path: archive.paths[0].clone(),
            attributes: ["title", "institution", "license", "references"].map(|key| (key.to_owned(), text.clone())).into(),
            variables: vec![text.clone()],
        }];
        for grouping in groupings(&archive, &facts) {
            let about = about(&archive, &facts, grouping.layout);
            let recipe = crate::recipe::parse(&written(&grouping, &about), "/tmp/recipe.yaml".as_ref());
            let recipe = recipe.map_err(|error| TestCaseError::fail(error.to_string()))?;
            let groups = grouping.groups(&archive.paths);
            for (number, path) in archive.paths.iter().enumerate() {
                let matches = recipe.item.pattern.facets(path).is_some();
                prop_assert_eq!(matches, !groups.unmatched.contains(&number) || groups.excluded.contains(&number));
            }
        }
    }
}
