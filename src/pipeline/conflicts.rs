//! Conflicts as one error of an item, in words that a curator can read.

use crate::model::{Conflict, ConflictKind, ItemError};

/// How many different conflicts are told.
const SHOWN: usize = 5;
/// How many files an error names.
const FILES: usize = 100;

/// Conflicts of the same kind between the same files are told once; a folder that all files share is told once, at the end.
pub(super) fn conflicts_error(conflicts: &[Conflict]) -> ItemError {
    let mut files: Vec<String> = conflicts.iter().flat_map(|conflict| conflict.files.iter().cloned()).collect();
    files.sort();
    files.dedup();
    let folder = common_folder(&files);
    let mut alike: Vec<Vec<&Conflict>> = Vec::new();
    for conflict in conflicts {
        match alike.iter_mut().find(|group| is_alike(group[0], conflict)) {
            Some(group) => group.push(conflict),
            None => alike.push(vec![conflict]),
        }
    }
    let mut told: Vec<String> = alike.iter().take(SHOWN).map(|group| sentence(group, folder)).collect();
    if alike.len() > SHOWN {
        told.push(format!("and {} more conflicts", alike.len() - SHOWN));
    }
    let place = folder.map(|folder| format!(" (in {folder})")).unwrap_or_default();
    files.truncate(FILES);
    let kind = conflicts.first().map_or_else(|| "conflict".into(), |conflict| word(conflict.kind));
    ItemError { kind, message: format!("{}{place}", told.join(" | ")), files }
}

fn is_alike(first: &Conflict, other: &Conflict) -> bool {
    (first.kind, &first.files, &first.remedy) == (other.kind, &other.files, &other.remedy)
}

fn sentence(group: &[&Conflict], folder: Option<&str>) -> String {
    let first = group[0];
    let short = |file: &String| match folder {
        Some(folder) => file.strip_prefix(folder).unwrap_or(file).trim_start_matches('/').to_owned(),
        None => file.clone(),
    };
    let short = Conflict { files: first.files.iter().map(short).collect(), ..first.clone() };
    let others: Vec<&str> = group.iter().skip(1).filter_map(|conflict| conflict.variable.as_deref()).collect();
    let likewise = match others.as_slice() {
        [] => String::new(),
        few if few.len() <= SHOWN => format!(", likewise {}", few.join(", ")),
        many => format!(", likewise {} and {} more", many[..SHOWN].join(", "), many.len() - SHOWN),
    };
    format!("{short}{likewise}; {}{}", first.remedy, differing_names(first).unwrap_or_default())
}

/// The folder of two or more files that all share it.
fn common_folder(files: &[String]) -> Option<&str> {
    let folder = |file: &str| file.rfind('/');
    let first = files.first().filter(|_| files.len() > 1)?;
    let shared = &first[..folder(first)?];
    files.iter().all(|file| folder(file) == Some(shared.len()) && file.starts_with(shared)).then_some(shared)
}

/// In which piece the names of two files differ that may be two datasets: it could be a facet, unless it is a date.
fn differing_names(conflict: &Conflict) -> Option<String> {
    use ConflictKind::{Calendar, Coordinate, DataType, Join, Overlap, Shape, Values, Variable};
    let may_be_two =
        matches!(conflict.kind, Calendar | Coordinate | DataType | Join | Overlap | Shape | Values | Variable);
    let [first, other] = conflict.files.as_slice() else { return None };
    let stem = |file: &'_ str| {
        let name = &file[file.rfind('/').map_or(0, |slash| slash + 1)..];
        name.rfind('.').map_or(name, |dot| &name[..dot]).to_owned()
    };
    let (first, other) = (stem(first), stem(other));
    let (first, other): (Vec<&str>, Vec<&str>) = (first.split('_').collect(), other.split('_').collect());
    let shorter = first.len().min(other.len());
    let before = first.iter().zip(&other).take_while(|(a, b)| a == b).count();
    let after = first.iter().rev().zip(other.iter().rev()).take(shorter - before).take_while(|(a, b)| a == b).count();
    let piece = |words: &[&str]| match words[before..words.len() - after].join("_") {
        nothing if nothing.is_empty() => "nothing".to_owned(),
        piece => format!("{piece:?}"),
    };
    let (first, other) = (piece(&first), piece(&other));
    let is_date = |piece: &str| piece.chars().all(|c| c.is_ascii_digit() || c == '-' || c == '"');
    (may_be_two && first != other && !(is_date(&first) && is_date(&other))).then(|| {
        format!(" (one name has {first} where the other has {other}: capture that as a facet and use it in item.id)")
    })
}

/// A kind as JSON writes it.
fn word(kind: ConflictKind) -> String {
    serde_json::to_value(kind).ok().and_then(|kind| Some(kind.as_str()?.to_owned())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn conflict(kind: ConflictKind, variable: &str, files: &[&str]) -> Conflict {
        Conflict {
            kind,
            variable: Some(variable.into()),
            files: files.iter().map(|file| (*file).to_owned()).collect(),
            expected: "1".into(),
            found: "2".into(),
            remedy: "tell them apart".into(),
        }
    }

    #[test]
    fn one_sentence_for_what_is_alike_and_the_folder_once() {
        let files = ["/archive/day/tas_r1_2000.nc", "/archive/day/tas_r2_2000.nc"];
        let error = conflicts_error(&[
            conflict(ConflictKind::Coordinate, "lat", &files),
            conflict(ConflictKind::Coordinate, "lon", &files),
            conflict(ConflictKind::Time, "time", &files[..1]),
        ]);
        assert_eq!(error.kind, "coordinate");
        assert_eq!(error.files, files);
        assert_eq!(
            error.message,
            "lat: expected 1, found 2 in tas_r2_2000.nc (compared with tas_r1_2000.nc), likewise lon; tell them apart \
             (one name has \"r1\" where the other has \"r2\": capture that as a facet and use it in item.id) | \
             time: expected 1, found 2 in tas_r1_2000.nc; tell them apart (in /archive/day)"
        );
    }

    #[test]
    fn files_of_several_folders_keep_their_paths() {
        let error = conflicts_error(&[conflict(ConflictKind::Overlap, "time", &["/a/o3.nc", "/b/o3_zm.nc"])]);
        assert_eq!(
            error.message,
            "time: expected 1, found 2 in /b/o3_zm.nc (compared with /a/o3.nc); tell them apart \
             (one name has nothing where the other has \"zm\": capture that as a facet and use it in item.id)"
        );
        let dates = conflict(ConflictKind::Overlap, "time", &["/a/o3_1850.nc", "/b/o3_1850-1851.nc"]);
        assert!(conflicts_error(&[dates]).message.ends_with("tell them apart"));
        let same = conflicts_error(&[conflict(ConflictKind::Overlap, "time", &["/a/o3.nc", "/ab/o3.nc"])]);
        assert_eq!(same.message, "time: expected 1, found 2 in /ab/o3.nc (compared with /a/o3.nc); tell them apart");
    }
}
