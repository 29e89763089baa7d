//! Times whose units differ between files: the truth is each value's instant.
//!
//! The first file's units and types are kept if every instant survives them; else all become 64-bit integers in the coarsest exact unit
//! from days to microseconds. A coordinate and its bounds that have no units of their own are decided on together.

use std::collections::BTreeMap;

use super::axis::{calendar, common_calendar, instants, is_time_like};
use super::conflict::{Report, note, within};
use super::{Context, conflict};
use crate::cftime::{Calendar, Instant, TimeError, TimeUnits};
use crate::model::{
    ArrayValues, AttributeValue, Conflict, ConflictKind, FileVariable, Numbers, Primitive, VariableName, VariablePath,
};

/// How the times of one variable are written anew.
#[derive(Debug, Clone)]
pub(super) struct Reencoding {
    /// The units of the numbers below.
    pub(super) units: TimeUnits,
    /// Whether they are not the first file's.
    pub(super) new_units: bool,
    /// The values of each file that holds the variable, in the order of the join.
    pub(super) values: Vec<Numbers>,
}

/// The variables that are written anew, by path.
#[derive(Debug, Default)]
pub(super) struct Reencodings(BTreeMap<VariablePath, Reencoding>);

/// One variable of a group of times, with its instants in each file.
struct Member {
    path: VariablePath,
    first: Primitive,
    instants: Vec<Vec<Instant>>,
}

impl Reencodings {
    pub(super) fn get(&self, path: &VariablePath) -> Option<&Reencoding> {
        self.0.get(path)
    }

    /// Finds the times whose units, calendars or types differ, and decides how they are written.
    pub(super) fn decide(context: &Context<'_>, paths: &[VariablePath], report: &mut Report) -> Self {
        let mut decided = Self::default();
        for path in paths {
            let holding = context.holding(path);
            let variables = holding.everywhere(path);
            if !variables.iter().any(|variable| is_time_like(variable)) {
                continue;
            }
            let members = with_bounds(&holding, path, &variables);
            if members.iter().all(|(_, held)| held.iter().all(|(_, v)| same_encoding(held[0].1, v)))
                && variables.iter().all(|v| same_units(variables[0], v))
            {
                continue;
            }
            let orphan = members.iter().find(|(path, held)| context.holding(path).files.len() != held.len());
            let encodings = match orphan {
                Some((bounds, _)) => Err(without_units(context, bounds, path)),
                None => reencode(&holding, path, &variables, members),
            };
            match encodings {
                Ok(encodings) => decided.0.extend(encodings),
                Err(conflict) => report.conflicts.push(*conflict),
            }
        }
        for (path, encoding) in &decided.0 {
            let message = format!("times are written as {} of {}", encoding.units, numpy_name(encoding));
            report.notes.push(note("times_rewritten", path, message));
        }
        decided
    }
}

fn numpy_name(encoding: &Reencoding) -> String {
    encoding.values.first().map(|values| format!("{:?}", values.primitive()).to_lowercase()).unwrap_or_default()
}

fn same_units(first: &FileVariable, other: &FileVariable) -> bool {
    let same = |name| first.text(name) == other.text(name);
    same("units") && same("calendar")
}

fn same_encoding(first: &FileVariable, other: &FileVariable) -> bool {
    first.data_type == other.data_type
}

/// A variable of times in the files that hold it, by their places among those that hold the coordinate.
type Held<'a> = Vec<(usize, &'a FileVariable)>;

/// The coordinate, and its bounds where they have no units of their own: those are in the coordinate's units (CF 7.1).
fn with_bounds<'a>(
    context: &Context<'a>,
    path: &VariablePath,
    variables: &[&'a FileVariable],
) -> Vec<(VariablePath, Held<'a>)> {
    let mut members = vec![(path.clone(), variables.iter().copied().enumerate().collect::<Held<'a>>())];
    let group = path.as_str().rsplit_once('/').map_or("/", |(group, _)| group);
    for attribute in ["bounds", "climatology"] {
        let Some(name) = variables[0].text(attribute).and_then(|name| VariableName::new(name).ok()) else { continue };
        let bounds = VariablePath::new(group, &name);
        let held: Held<'a> = context
            .variables
            .iter()
            .enumerate()
            .filter_map(|(file, variables)| Some((file, variables.get(&bounds).copied()?)))
            .collect();
        if !held.is_empty() && !held.iter().any(|(_, variable)| is_time_like(variable)) {
            members.push((bounds, held));
        }
    }
    members
}

/// Bounds in a file that has not the coordinate whose units they are in.
fn without_units(context: &Context<'_>, bounds: &VariablePath, path: &VariablePath) -> Box<Conflict> {
    let lacks =
        |file: &usize| context.variables[*file].contains_key(bounds) && !context.variables[*file].contains_key(path);
    let file = (0..context.files.len()).find(lacks).unwrap_or_default();
    let expected = format!("the coordinate {path} beside its bounds, in whose units they are");
    let remedy = "correct the file, or leave it out with sources.exclude";
    within(context, ConflictKind::Time, bounds, file, expected, "no such variable", remedy)
}

fn reencode(
    context: &Context<'_>,
    path: &VariablePath,
    variables: &[&FileVariable],
    members: Vec<(VariablePath, Held<'_>)>,
) -> Result<Vec<(VariablePath, Reencoding)>, Box<Conflict>> {
    let units = units_of_files(context, path, variables)?;
    let first = units.first().cloned().ok_or_else(|| conflict::nothing(path))?;
    let mut members_decoded = Vec::new();
    let mut common = None;
    for (path, held) in members {
        let mut all = Vec::new();
        let mut primitive = None;
        for (file, variable) in held {
            let units = &units[file];
            let numbers = numbers(context, &path, file, variable)?;
            primitive.get_or_insert(numbers.primitive());
            let decoded = instants(units, &numbers).map_err(|error| unreadable(context, &path, file, &error))?;
            let calendar = common_calendar(units.calendar(), &decoded);
            let expected = *common.get_or_insert(calendar);
            if calendar != expected && !decoded.is_empty() {
                return Err(other_calendar(context, &path, file, expected, calendar));
            }
            all.push(decoded);
        }
        members_decoded.push(Member { path, first: primitive.unwrap_or(Primitive::F64), instants: all });
    }
    let decoded = members_decoded;
    let kept = decoded.iter().all(|member| encode_all(&first, member.first, member).is_some());
    let everything = || decoded.iter().flat_map(|member| member.instants.iter().flatten().copied());
    let units = if kept { first } else { TimeUnits::coarsest_exact(everything(), first.epoch(), first.calendar()) };
    decoded
        .into_iter()
        .map(|member| {
            let primitive = if kept { member.first } else { Primitive::I64 };
            let values = encode_all(&units, primitive, &member).ok_or_else(|| {
                let remedy = "correct the reference time of the files";
                let expected = "times that 64-bit integers can hold";
                within(context, ConflictKind::Time, &member.path, 0, expected, units.to_string(), remedy)
            })?;
            Ok((member.path, Reencoding { units: units.clone(), new_units: !kept, values }))
        })
        .collect()
}

fn units_of_files(
    context: &Context<'_>,
    path: &VariablePath,
    variables: &[&FileVariable],
) -> Result<Vec<TimeUnits>, Box<Conflict>> {
    let mut found: Vec<TimeUnits> = Vec::new();
    for (file, variable) in variables.iter().enumerate() {
        let text = variable.text("units").unwrap_or_default();
        let units = calendar(variable)
            .and_then(|calendar| TimeUnits::parse(text, calendar))
            .map_err(|error| unreadable(context, path, file, &error))?;
        found.push(units);
    }
    Ok(found)
}

fn other_calendar(
    context: &Context<'_>,
    path: &VariablePath,
    file: usize,
    expected: Calendar,
    found: Calendar,
) -> Box<Conflict> {
    let remedy = "dates of two calendars cannot stand on one axis: let the item pattern tell these files apart";
    let show = |calendar: Calendar| format!("the calendar {calendar}");
    conflict::between(context, ConflictKind::Calendar, path, file, show(expected), show(found), remedy)
}

fn unreadable(context: &Context<'_>, path: &VariablePath, file: usize, error: &TimeError) -> Box<Conflict> {
    let remedy = error.remedy().unwrap_or("correct the units or the values of the time variable");
    within(context, ConflictKind::Time, path, file, "times that can be read", error.to_string(), remedy)
}

fn numbers(
    context: &Context<'_>,
    path: &VariablePath,
    file: usize,
    variable: &FileVariable,
) -> Result<Numbers, Box<Conflict>> {
    let array = context.values(path, file, variable)?;
    match array.values {
        ArrayValues::Numbers(numbers) => Ok(numbers),
        _ => Err(within(
            context,
            ConflictKind::Time,
            path,
            file,
            "numbers, for its units are those of a time",
            variable.data_type.to_string(),
            "correct the units attribute",
        )),
    }
}

/// All instants of a variable in some units and type, if every one of them survives.
fn encode_all(units: &TimeUnits, primitive: Primitive, member: &Member) -> Option<Vec<Numbers>> {
    member.instants.iter().map(|instants| encode(units, primitive, instants)).collect()
}

fn encode(units: &TimeUnits, primitive: Primitive, instants: &[Instant]) -> Option<Numbers> {
    fn integers<T: TryFrom<i64>>(units: &TimeUnits, instants: &[Instant]) -> Option<Vec<T>> {
        instants.iter().map(|instant| T::try_from(units.encode_i64(*instant)?).ok()).collect()
    }
    Some(match primitive {
        Primitive::I8 => Numbers::I8(integers(units, instants)?),
        Primitive::U8 => Numbers::U8(integers(units, instants)?),
        Primitive::I16 => Numbers::I16(integers(units, instants)?),
        Primitive::U16 => Numbers::U16(integers(units, instants)?),
        Primitive::I32 => Numbers::I32(integers(units, instants)?),
        Primitive::U32 => Numbers::U32(integers(units, instants)?),
        Primitive::I64 => Numbers::I64(integers(units, instants)?),
        Primitive::U64 => Numbers::U64(integers(units, instants)?),
        Primitive::F32 => {
            Numbers::F32(instants.iter().map(|instant| encode_f32(units, *instant)).collect::<Option<_>>()?)
        }
        Primitive::F64 => {
            Numbers::F64(instants.iter().map(|instant| units.encode_f64(*instant)).collect::<Option<_>>()?)
        }
    })
}

#[allow(clippy::cast_possible_truncation)]
fn encode_f32(units: &TimeUnits, instant: Instant) -> Option<f32> {
    let narrow = units.encode_f64(instant)? as f32;
    (units.decode_f64(f64::from(narrow)) == Ok(instant)).then_some(narrow)
}

/// Changes the attributes of a variable whose times are written anew; returns the names of those that no longer hold.
pub(super) fn rewrite_attributes(encoding: &Reencoding, attributes: &mut crate::model::Attributes) -> Vec<String> {
    if let Some(units) = attributes.get_mut("units") {
        *units = AttributeValue::Text(if encoding.new_units {
            encoding.units.to_string()
        } else {
            encoding.units.text().into()
        });
    }
    if !encoding.new_units {
        return Vec::new();
    }
    // They are numbers in the old units.
    let stale = ["_FillValue", "missing_value", "valid_min", "valid_max", "valid_range", "actual_range"];
    stale.into_iter().filter(|name| attributes.shift_remove(*name).is_some()).map(str::to_owned).collect()
}
