//! What file names say of the time in them, beside what is there.

use super::Context;
use super::axis::{Axis, is_time_like};
use crate::cftime::{Calendar, Instant};
use crate::model::{FileVariable, Note, VariablePath};

/// The first and the last date of a name: so many of year, month and day as it says.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Named {
    text: String,
    first: Vec<i32>,
    last: Vec<i32>,
}

/// Reads names of the form `tas_…_185001-201412.nc`: two dates of the same length, of 4, 6, 8, 10, 12 or 14 digits.
fn named(file_name: &str) -> Option<Named> {
    let stem = file_name.rsplit_once('.').map_or(file_name, |(stem, _)| stem);
    let dates = |piece: &str| {
        let (first, last) = piece.split_once('-')?;
        let is_date = |text: &str| (4..=14).contains(&text.len()) && text.len().is_multiple_of(2);
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        (first.len() == last.len() && is_date(first) && is_number(first) && is_number(last))
            .then(|| Some(Named { text: piece.to_owned(), first: fields(first)?, last: fields(last)? }))?
    };
    stem.split('_').rev().find_map(dates)
}

fn fields(date: &str) -> Option<Vec<i32>> {
    let pieces = [date.get(..4), date.get(4..6), date.get(6..8)];
    let fields: Vec<i32> = pieces.into_iter().flatten().map(|piece| piece.parse().ok()).collect::<Option<_>>()?;
    let in_range = fields.get(1).is_none_or(|month| (1..=12).contains(month))
        && fields.get(2).is_none_or(|day| (1..=31).contains(day));
    in_range.then_some(fields)
}

/// Whether instants (in order) end more than a step before the name does, or begin more than a step after it does.
fn is_short(named: &Named, calendar: Calendar, instants: &[i64]) -> bool {
    let (Some(low), Some(high)) = (instants.iter().min(), instants.iter().max()) else { return true };
    let Some(step) = instants.windows(2).map(|pair| pair[0].abs_diff(pair[1])).max() else {
        return named.first != named.last;
    };
    let step = i64::try_from(step).unwrap_or(i64::MAX);
    let at = |microseconds: i64| {
        let date = calendar.date_time(Instant::from_microseconds(microseconds));
        let day = [i64::from(date.year), i64::from(date.month), i64::from(date.day)];
        day.into_iter().take(named.last.len()).collect::<Vec<_>>()
    };
    let wide = |fields: &[i32]| fields.iter().map(|field| i64::from(*field)).collect::<Vec<_>>();
    let (first, last) = (wide(&named.first), wide(&named.last));
    let (after, before) = (at(high.saturating_add(step)), at(low.saturating_sub(step)));
    // Steps that stand at the ends of their months reach beyond the name on one side, and begin late on the other.
    let missing_after = at(*high) < last && (after < last || (after == last && at(*low) >= first));
    let missing_before = at(*low) > first && (before > first || (before == first && at(*high) <= last));
    missing_after || missing_before
}

/// The time coordinate of a file, if its values are at hand.
fn time(variables: &std::collections::BTreeMap<VariablePath, &FileVariable>) -> Option<(Calendar, Vec<i64>)> {
    let is_coordinate = |variable: &&&FileVariable| {
        is_time_like(variable)
            && matches!(variable.dimensions.as_slice(), [own] if own.as_str() == variable.name.as_str())
    };
    let variable = variables.values().find(is_coordinate)?;
    match Axis::read(variable, variable.values.decoded()?)? {
        Axis::Instants(calendar, instants) => Some((calendar, instants)),
        _ => None,
    }
}

/// A note about files that hold fewer steps than their names say: archives have such files, and nobody should learn it from the data.
pub(super) fn short_files(context: &Context<'_>) -> Option<Note> {
    let short = (0..context.files.len()).filter_map(|file| {
        let url = context.file_name(file);
        // What is used of a file says nothing about what it holds.
        if !context.origins[file].trims.is_empty() {
            return None;
        }
        let name = url.rsplit('/').next().unwrap_or(&url).to_owned();
        let named = named(&name)?;
        let (calendar, instants) = time(context.variables[file])?;
        is_short(&named, calendar, &instants).then(|| {
            let axis = Axis::Instants(calendar, instants);
            let stretch = match axis.len() {
                0 => String::new(),
                length => format!(", {} to {}", axis.show(0), axis.show(length - 1)),
            };
            format!("{name} holds {} steps{stretch}; its name says {}", axis.len(), named.text)
        })
    });
    let short: Vec<String> = short.collect();
    let message = match short.as_slice() {
        [] => return None,
        [one] => one.clone(),
        [first, others @ ..] => format!("{first}; and {} more files", others.len()),
    };
    Some(Note::new("fewer_steps_than_named", message))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::cftime::TimeUnits;

    #[test]
    fn names_of_archives() {
        let dates = |name: &str| named(name).map(|named| (named.first, named.last));
        assert_eq!(dates("tas_Amon_X_r1i1p1f1_gn_185001-201412.nc"), Some((vec![1850, 1], vec![2014, 12])));
        assert_eq!(dates("o3_gn_18500101-18501231_zm.nc"), Some((vec![1850, 1, 1], vec![1850, 12, 31])));
        assert_eq!(dates("tas_185001010000-185012312100.nc"), Some((vec![1850, 1, 1], vec![1850, 12, 31])));
        for other in
            ["tas_185001.nc", "tas_1850-185012.nc", "tas_185013-185014.nc", "a-b.nc", "10-20.nc", "tas_é850-1851.nc"]
        {
            assert_eq!(dates(other), None, "{other}");
        }
    }

    #[test]
    fn a_step_at_either_end_may_be_beside_its_month() {
        let months = named("x_200001-200003.nc").unwrap();
        let units = TimeUnits::parse("days since 2000-01-01", Calendar::Standard).unwrap();
        let instant = |day: &i64| units.decode_i64(*day).unwrap().microseconds();
        let is_short =
            |days: &[i64]| is_short(&months, Calendar::Standard, &days.iter().map(instant).collect::<Vec<_>>());
        assert!(!is_short(&[15, 45, 75])); // middles
        assert!(!is_short(&[0, 31, 60])); // beginnings
        assert!(!is_short(&[31, 60, 91])); // ends
        assert!(is_short(&[15, 45]));
        assert!(is_short(&[45, 75]));
        assert!(is_short(&[15]));
        assert!(is_short(&[]));
    }
}
