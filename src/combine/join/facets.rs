//! Dimensions along which a facet says where a file stands.

use super::super::axis::Axis;
use super::super::conflict::Report;
use super::super::groups::find;
use super::candidates::groups;
use super::{Archive, Candidate, Kind, conflict, names};
use crate::model::label::{coordinate, natural_order};
use crate::model::recipe::FacetDimension;
use crate::model::{Conflict, ConflictKind, VariableName};

pub(super) fn candidates(archive: &Archive<'_>, report: &mut Report) -> Vec<Candidate> {
    let mut found = Vec::new();
    for stated in &archive.settings.along.facets {
        match candidate(archive, stated) {
            Ok(candidate) => found.push(candidate),
            Err(conflict) => report.conflicts.push(*conflict),
        }
    }
    found
}

fn candidate(archive: &Archive<'_>, stated: &FacetDimension) -> Result<Candidate, Box<Conflict>> {
    let labels = labels(archive, stated)?;
    let group = archive.files.iter().find_map(|file| {
        groups(&file.root)
            .into_iter()
            .find(|group| group.dimensions.contains_key(&stated.name))
            .map(|g| g.path.to_string())
    });
    match group {
        Some(group) => along_a_dimension_of_files(archive, stated, group, &labels),
        None => new_dimension(archive, stated, &labels),
    }
}

/// The label of every file.
fn labels(archive: &Archive<'_>, stated: &FacetDimension) -> Result<Vec<String>, Box<Conflict>> {
    let label = |file: usize| archive.facets.get(file).and_then(|facets| facets.get(&stated.from)).cloned();
    let labels: Vec<Option<String>> = (0..archive.files.len()).map(label).collect();
    if let Some(file) = labels.iter().position(Option::is_none) {
        return Err(Box::new(conflict(
            ConflictKind::Join,
            Some(stated.name.to_string()),
            names(archive.files, &[file]),
            format!("the facet {} for every file", stated.from),
            "none",
            "capture it with item.pattern, or make it in item.facets",
        )));
    }
    Ok(labels.into_iter().flatten().collect())
}

fn new_dimension(
    archive: &Archive<'_>,
    stated: &FacetDimension,
    labels: &[String],
) -> Result<Candidate, Box<Conflict>> {
    let taken = |file: &&crate::model::FileIndex| {
        VariableName::new(stated.name.as_str()).is_ok_and(|name| file.root.variables.contains_key(&name))
    };
    if let Some(file) = archive.files.iter().position(taken) {
        return Err(Box::new(conflict(
            ConflictKind::Join,
            Some(stated.name.to_string()),
            names(archive.files, &[file]),
            "a name for the new dimension that no variable has",
            "a variable of that name",
            "give the dimension another name, or join along the variable itself: aggregate.along with its name alone",
        )));
    }
    let mut distinct = labels.to_vec();
    distinct.sort_by(|a, b| natural_order(a, b));
    distinct.dedup();
    Ok(Candidate {
        group: "/".into(),
        dimension: stated.name.clone(),
        kind: Kind::Facet(coordinate(&distinct)),
        axes: labels.iter().map(|label| Some(Axis::Texts(vec![label.clone()]))).collect(),
    })
}

/// Files follow each other in the order of their labels; those of one label hold the same stretch.
fn along_a_dimension_of_files(
    archive: &Archive<'_>,
    stated: &FacetDimension,
    group: String,
    labels: &[String],
) -> Result<Candidate, Box<Conflict>> {
    let wrong = |files: &[usize], expected: &str, found: String, remedy: &str| {
        let files = names(archive.files, files);
        Box::new(conflict(ConflictKind::Join, Some(stated.name.to_string()), files, expected, found, remedy))
    };
    let mut order: Vec<usize> = (0..labels.len()).collect();
    order.sort_by(|a, b| natural_order(&labels[*a], &labels[*b]));
    let mut axes = vec![None; labels.len()];
    let mut last: Option<(usize, i64, i64)> = None;
    for file in order {
        let Some(found) = find(&archive.files[file].root, &group) else { continue };
        let Some(dimension) = found.dimensions.get(&stated.name) else { continue };
        if VariableName::new(stated.name.as_str()).is_ok_and(|name| found.variables.contains_key(&name)) {
            return Err(wrong(
                &[file],
                "a dimension that the files do not have, or have without a coordinate",
                format!("the coordinate variable {}", stated.name),
                "join along the dimension by its values: aggregate.along with its name alone",
            ));
        }
        let length = i64::try_from(dimension.length).unwrap_or(i64::MAX);
        let start = match last {
            Some((other, start, end)) if labels[other] == labels[file] => {
                if end - start != length {
                    return Err(wrong(
                        &[other, file],
                        &format!("{} steps in each file of the label {:?}", end - start, labels[file]),
                        length.to_string(),
                        "let the item pattern tell these files apart",
                    ));
                }
                start
            }
            Some((_, _, end)) => end,
            None => 0,
        };
        let end = start.checked_add(length).unwrap_or(i64::MAX);
        axes[file] = Some(Axis::Integers((start..end).collect()));
        last = Some((file, start, end));
    }
    Ok(Candidate { group, dimension: stated.name.clone(), kind: Kind::Stated, axes })
}
