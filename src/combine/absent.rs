//! Places of a variable that no file has: filled where readers see that nothing is there, and noted.

use super::axis::is_time_like;
use super::boxes::{Boxes, Part};
use super::conflict::{Report, note};
use super::{Context, conflict};
use crate::model::recipe::OnGap;
use crate::model::{ArrayValues, AttributeValue, Conflict, ConflictKind, FileVariable, Numbers, VariablePath};

/// One element of fill.
#[derive(Debug)]
pub(super) struct Fill {
    /// Its bytes, in the type of the variable.
    pub(super) bytes: Vec<u8>,
    pub(super) value: ArrayValues,
}

/// What a reader takes for nothing: the `_FillValue`, else what netCDF fills with by itself. Times, texts and single bytes have none
/// (NetCDF Users Guide, fill values).
fn fill(variable: &FileVariable) -> Option<Fill> {
    let (primitive, order) = variable.data_type.number().filter(|_| !is_time_like(variable))?;
    let fill = match variable.attributes.get("_FillValue") {
        Some(AttributeValue::Numbers(fill)) if fill.len() == 1 && fill.primitive() == primitive => fill.clone(),
        Some(_) => return None,
        None => {
            let default = Numbers::netcdf_fill(primitive);
            let is_default = variable.fill_value.as_ref() == Some(&default.to_bytes(order));
            Some(default).filter(|_| is_default && primitive.size() > 1)?
        }
    };
    Some(Fill { bytes: fill.to_bytes(order), value: ArrayValues::Numbers(fill) })
}

/// The fill of a variable whose files leave holes.
///
/// # Errors
/// There is no fill that readers would see, or the recipe forbids gaps.
pub(super) fn fill_of_holes(
    context: &Context<'_>,
    path: &VariablePath,
    variable: &FileVariable,
    boxes: &Boxes,
    report: &mut Report,
) -> Result<Fill, Box<Conflict>> {
    let lacking = files_in_holes(context, boxes);
    let Some(fill) = fill(variable) else {
        return Err(Box::new(cannot_be_filled(context, path, boxes, &lacking)));
    };
    if lacking.is_empty() && context.settings.on_gap == OnGap::Error {
        let conflict = cannot_be_filled(context, path, boxes, &lacking);
        let remedy = "add the files that are missing, or allow gaps with aggregate.on_gap: report".into();
        return Err(Box::new(Conflict { kind: ConflictKind::Gap, remedy, ..conflict }));
    }
    let reads = match variable.attributes.contains_key("_FillValue") {
        true => String::new(),
        false => ": there it reads as netCDF's own fill, for it has no _FillValue".to_owned(),
    };
    match note_of_lacking(context, &lacking).map(|message| message + &reads) {
        Some(message) => report.notes.push(note("variable_missing", path, message)),
        None => report.notes.push(note(
            "gap",
            path,
            format!("no file has it at {}: there it is fill", hole(context, boxes)),
        )),
    }
    Ok(fill)
}

/// Notes a variable without holes that some files lack although they are of the same variables.
pub(super) fn note_static(context: &Context<'_>, path: &VariablePath, report: &mut Report) {
    if !context.join.is_merged {
        let lacking: Vec<usize> = (0..context.join.places.len()).filter(|file| context.lacks(*file)).collect();
        report.notes.extend(note_of_lacking(context, &lacking).map(|message| note("variable_missing", path, message)));
    }
}

fn note_of_lacking(context: &Context<'_>, lacking: &[usize]) -> Option<String> {
    let (first, others) = lacking.split_first()?;
    let others = if others.is_empty() { String::new() } else { format!(" and {} more files", others.len()) };
    Some(format!("is not in {}{others}", context.name_in_cube(*first)))
}

/// The files, by their numbers in the cube, that stand where the holders of a variable leave holes.
fn files_in_holes(context: &Context<'_>, boxes: &Boxes) -> Vec<usize> {
    let holders: std::collections::BTreeSet<usize> = context.numbers.iter().copied().collect();
    let held: std::collections::BTreeSet<&Part> = boxes.parts.iter().collect();
    let part = |file: usize| -> Option<Part> {
        let stretch = |(at, axis): (usize, &Option<usize>)| match axis {
            Some(axis) => context.join.places[file][*axis].map(|stretch| (stretch.start, stretch.length)),
            None => Some((0, boxes.shape[at])),
        };
        let all: Vec<(u64, u64)> = boxes.axes.iter().enumerate().map(stretch).collect::<Option<_>>()?;
        let (start, count) = all.into_iter().unzip();
        Some(Part { start, count })
    };
    let stands_in_a_hole = |file: &usize| {
        !holders.contains(file)
            && part(*file).is_some_and(|part| {
                // Parts that are held do not overlap here.
                !held.contains(&part)
                    && held.iter().map(|other| other.common_volume(&part)).sum::<u64>() < part.volume()
            })
    };
    (0..context.join.places.len()).filter(stands_in_a_hole).collect()
}

fn cannot_be_filled(context: &Context<'_>, path: &VariablePath, boxes: &Boxes, lacking: &[usize]) -> Conflict {
    let holder = context.file_name(0);
    match lacking.first() {
        Some(missing) => Conflict {
            kind: ConflictKind::Variable,
            variable: Some(path.to_string()),
            files: vec![holder, context.name_in_cube(*missing)],
            expected: format!(
                "the variable in all {} files, for it has no fill value for where it is not",
                context.join.places.len()
            ),
            found: format!("it is in {} of them", context.files.len()),
            remedy: "let the item pattern tell these files apart, so that each variable is an item of its own".into(),
        },
        None => Conflict {
            kind: ConflictKind::Gap,
            variable: Some(path.to_string()),
            files: vec![holder],
            expected: "a file for every place, for it has no fill value for where there is none".into(),
            found: format!("none at {}", hole(context, boxes)),
            remedy: "add the files that are missing, or let the item pattern tell these files apart".into(),
        },
    }
}

/// The most cells among which a hole is looked for.
const CELL_LIMIT: u64 = 1 << 22;

/// The first place that no part covers, in words.
fn hole(context: &Context<'_>, boxes: &Boxes) -> String {
    let cuts: Vec<Vec<u64>> = (0..boxes.shape.len())
        .map(|at| {
            let edges = boxes.parts.iter().flat_map(|part| [part.start[at], part.start[at] + part.count[at]]);
            let mut cuts: Vec<u64> = edges.chain([0]).filter(|edge| *edge < boxes.shape[at]).collect();
            cuts.sort_unstable();
            cuts.dedup();
            cuts
        })
        .collect();
    let cells = cuts.iter().fold(1u64, |product, cuts| product.saturating_mul(cuts.len() as u64));
    let place = |mut number: u64| -> Vec<u64> {
        let mut place = vec![0; cuts.len()];
        for (place, cuts) in place.iter_mut().zip(&cuts).rev() {
            let count = cuts.len() as u64;
            *place = usize::try_from(number % count).ok().and_then(|at| cuts.get(at).copied()).unwrap_or(0);
            number /= count;
        }
        place
    };
    let is_covered = |place: &[u64]| {
        let cell = Part { start: place.to_vec(), count: vec![1; place.len()] };
        boxes.parts.iter().any(|part| part.meets(&cell))
    };
    let found = (0..cells.min(CELL_LIMIT)).map(place).find(|place| !is_covered(place)).unwrap_or_default();
    let named = |(at, index): (usize, &u64)| {
        let axis = boxes.axes[at]?;
        Some(format!("{} {}", context.join.axes[axis].dimension, index))
    };
    let places: Vec<String> = found.iter().enumerate().filter_map(named).collect();
    format!("index {}", conflict::join_names(&places))
}
