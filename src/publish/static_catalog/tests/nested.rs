//! Catalogues between collection and items, and collections of collections.
use super::*;

const FACETS: [&str; 2] = ["model", "run"];

fn facets() -> Vec<String> {
    FACETS.map(str::to_owned).to_vec()
}

fn placed(id: &str, model: &str, run: &str) -> ValidatedRecord {
    let properties = json!({"model": model, "run": run});
    let json = json!({"type": "Feature", "id": id, "collection": "c", "properties": properties, "links": []});
    ValidatedRecord::prove(Record { kind: RecordKind::Item, id: id.into(), json })
}

type Items<'a> = &'a [(&'a str, &'a str, &'a str)];

/// As a build does: the items one by one, then what links them; with catalogues between or without.
fn write(output: &dyn OutputStore, items: Items<'_>, gone: &[&str], facets: &[String]) -> Result<(), PublishError> {
    let mut linked = BTreeMap::new();
    for (id, model, run) in items {
        let record = placed(id, model, run);
        write_item(output, &record, facets)?;
        linked.insert(ItemId::new(*id).unwrap(), branch_of(&record.record().json, facets)?);
    }
    let gone = ids(gone.iter().copied());
    if items.is_empty() {
        remove_catalogue(output, &CollectionId::new("c").unwrap(), &gone, None)?;
    } else {
        write_catalogue(output, &head(), &collection("c"), &linked, &gone, None)?;
    }
    Ok(())
}

#[test]
fn items_are_found_by_their_facets() {
    let output = MemoryOutput::default();
    write(&output, &[("a", "UK/1", "r1"), ("b", "UK/1", "r2"), ("d", "..", "r1")], &[], &facets()).unwrap();
    let records = walk(&output);
    assert_eq!(records.len(), 3 + 3 + 2 + 2, "{:?}", records.keys());
    assert_eq!(hrefs(&records["c/collection.json"], "item").count(), 0);
    let titles: Vec<_> = records["c/collection.json"]["links"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|link| link["rel"] == "child")
        .filter_map(|link| link["title"].as_str())
        .collect();
    assert_eq!(titles, ["..", "UK/1"]);
    let parent = hrefs(&records["c/items/a.json"], "parent").next().unwrap().to_owned();
    assert!(parent.starts_with("../catalogs/UK_1-") && parent.ends_with("/r1/catalog.json"), "{parent}");
    assert_eq!(hrefs(&records["c/items/a.json"], "collection").collect::<Vec<_>>(), ["../collection.json"]);
    let catalog = &records[&format!("c/{}", &parent[3..])];
    assert_eq!(catalog["description"], "Items of c with model UK/1, run r1");
    assert_eq!(hrefs(catalog, "item").collect::<Vec<_>>(), ["../../../items/a.json"]);
    let lacking = write_item(&output, &item("x", "c", "1"), &facets());
    assert!(matches!(lacking, Err(PublishError::NoBranch { facet, .. }) if facet == "model"));
}

#[test]
fn broken_off_at_any_moment_the_branches_are_whole() {
    let runs: [(Items<'_>, &[&str], bool); 5] = [
        (&[("a", "m", "1"), ("b", "m", "2"), ("d", "n", "1")], &[], true),
        // One moves, one goes, one comes.
        (&[("a", "n", "1"), ("d", "n", "3"), ("e", "o", "1")], &["b"], true),
        (&[("a", "n", "1"), ("d", "n", "3"), ("e", "o", "1")], &[], false),
        (&[("a", "n", "1"), ("d", "m", "3")], &["e"], true),
        (&[], &["a", "d"], true),
    ];
    let with = |run: &(Items<'_>, &[&str], bool)| if run.2 { facets() } else { Vec::new() };
    for last in 0..runs.len() {
        for left in 0.. {
            let output = MemoryOutput::default();
            runs[..last].iter().for_each(|run| write(&output, run.0, run.1, &with(run)).unwrap());
            let breaking = Breaking { output: output.clone(), left: left.into() };
            let done = write(&breaking, runs[last].0, runs[last].1, &with(&runs[last])).is_ok();
            walk(&output);
            write(&output, runs[last].0, runs[last].1, &with(&runs[last])).unwrap();
            let expected = MemoryOutput::default();
            runs[..=last].iter().for_each(|run| write(&expected, run.0, run.1, &with(run)).unwrap());
            assert_eq!(walk(&output), walk(&expected), "broken off at {left} of run {last}");
            assert_eq!(output.list("").unwrap(), expected.list("").unwrap());
            if done {
                break;
            }
        }
    }
}

#[test]
fn a_parent_links_its_children_until_the_last_has_gone() {
    let output = MemoryOutput::default();
    let (id, seen) = (CollectionId::new("family").unwrap(), std::cell::Cell::new(0));
    let describe = |children: &[Value]| {
        seen.set(children.len());
        Ok(collection("family"))
    };
    let parent = ParentCollection { id: &id, title: Some("Family"), describe: &describe };
    for child in ["a", "b"] {
        write_item(&output, &item("x", child, "1"), &[]).unwrap();
        write_catalogue(&output, &head(), &collection(child), &flat(["x"]), &[], Some(&parent)).unwrap();
    }
    assert_eq!(seen.get(), 2);
    let records = walk(&output);
    assert_eq!(hrefs(&records[CATALOG], "child").collect::<Vec<_>>(), ["./family/collection.json"]);
    assert_eq!(
        hrefs(&records["family/collection.json"], "child").collect::<Vec<_>>(),
        ["../a/collection.json", "../b/collection.json"]
    );
    assert_eq!(hrefs(&records["a/collection.json"], "parent").collect::<Vec<_>>(), ["../family/collection.json"]);
    for (child, left) in [("a", 4), ("b", 1)] {
        remove_catalogue(&output, &CollectionId::new(child).unwrap(), &ids(["x"]), Some(&parent)).unwrap();
        assert_eq!(walk(&output).len(), left);
    }
    assert_eq!(output.list("").unwrap(), [CATALOG]);
    // A collection that holds items is no parent.
    write_item(&output, &item("x", "family", "1"), &[]).unwrap();
    write_catalogue(&output, &head(), &collection("family"), &flat(["x"]), &[], None).unwrap();
    let refused = write_catalogue(&output, &head(), &collection("a"), &flat([]), &[], Some(&parent));
    assert!(matches!(refused, Err(PublishError::Parent { .. })));
}
