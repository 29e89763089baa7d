//! The quick-look of an item: what a view names is read, thinned on the way, and drawn.

use std::collections::HashMap;

use super::chain;
use crate::describe::{Sight, View, find_view};
use crate::model::{
    ArrayValues, DimensionName, FacetValues, FileIndex, FileVariable, Numbers, Part, SourceUrl, ThumbnailSettings,
    Variable, VariableName, VariablePath, VirtualCube,
};
use crate::quicklook::{
    Place, QuicklookError, Sketch, Subject, axis_corners, centre_corners, draw, edges, narrowed, unpack,
};
use crate::read::{Region, read_values};
use crate::storage::{ByteSource, open_source};

/// The name of the file in the folder of a revision.
pub(super) const THUMBNAIL: &str = "thumbnail.png";
/// Of a grid at most about so many rows and columns are drawn.
const CELLS: u64 = 700;
/// At most about so many points.
const POINTS: u64 = 300_000;
/// At most about so many steps of a series.
const STEPS: u64 = 6_000;
/// The most bytes that are decoded at once.
const AT_ONCE: u64 = 32 << 20;
/// A filtered chunk is decoded whole: of larger ones nothing is drawn.
const LARGEST_CHUNK: u64 = 64 << 20;
/// The most bytes of values that are read for one picture, of local files and of those elsewhere.
const LOCAL_BYTES: u64 = 512 << 20;
const REMOTE_BYTES: u64 = 64 << 20;

/// Draws the quick-look of an item.
///
/// # Errors
/// Why there is none, in words: it is never a reason for the item to fail.
pub(super) fn quicklook(
    cube: &VirtualCube,
    indexes: &[FileIndex],
    facets: &FacetValues,
    settings: &ThumbnailSettings,
) -> Result<Vec<u8>, String> {
    let view = find_view(cube, facets, settings)?;
    let reading = Reading::new(cube, indexes);
    let subject = subject(&reading, &view)?;
    let View { title, subtitle, units, is_difference, is_flag, .. } = view;
    let sketch = Sketch { title, subtitle, units, is_difference, is_flag, subject, width: settings.width };
    match (draw(&sketch), sketch.subject) {
        // Places that are all missing: the values are still there.
        (Err(QuicklookError::NoPlace(_)), Subject::Points { values, .. }) => {
            let (along, last) = ((0..values.len()).map(|at| at as f64).collect(), values.len().saturating_sub(1));
            let ends = ("0".into(), last.to_string());
            let subject = Subject::Series { along, values, ends, axis: "number (no place is given)".into() };
            draw(&Sketch { subject, ..sketch }).map_err(|error| chain(&error))
        }
        (drawn, _) => drawn.map_err(|error| chain(&error)),
    }
}

fn subject(reading: &Reading<'_>, view: &View) -> Result<Subject, String> {
    let lengths = |names: &[&DimensionName]| -> Vec<u64> {
        let variable = reading.variable(&view.variable);
        let of = |name: &&DimensionName| variable.and_then(|variable| length(variable, name)).unwrap_or(1);
        names.iter().map(of).collect()
    };
    let every = |length: u64, most: u64| length.div_ceil(most).max(1);
    match &view.sight {
        Sight::Axes { x, y, earth } => {
            let asked = [(&y.1, every(lengths(&[&y.1])[0], CELLS)), (&x.1, every(lengths(&[&x.1])[0], CELLS))];
            let values = reading.values(&view.variable, &view.steps, &asked)?;
            let axis = |(path, name): &(VariablePath, DimensionName), every: u64, is_longitude: bool| {
                let centres = reading.values(path, &[], &[(name, 1)])?;
                Ok::<_, String>(edges(
                    &centres,
                    usize::try_from(every).unwrap_or(1),
                    is_longitude && earth.is_degrees(),
                ))
            };
            let (down, mut across) = (axis(y, asked[0].1, false)?, axis(x, asked[1].1, true)?);
            let mut values = values;
            if earth.is_degrees() {
                (across, values) = narrowed(&across, &values);
            }
            let (rows, columns) = (down.len().saturating_sub(1), across.len().saturating_sub(1));
            let corners = axis_corners(&across, &down, |x, y| earth.to_earth(x, y));
            Ok(Subject::Cells { rows, columns, corners, values })
        }
        Sight::Grid { dimensions: [rows, columns], longitude, latitude } => {
            let count = lengths(&[rows, columns]);
            let asked = [(rows, every(count[0], CELLS)), (columns, every(count[1], CELLS))];
            let values = reading.values(&view.variable, &view.steps, &asked)?;
            let centres = reading.places((longitude, latitude), &view.steps, &asked)?;
            let [rows, columns] = [0, 1].map(|at| usize::try_from(count[at].div_ceil(asked[at].1)).unwrap_or(0));
            Ok(Subject::Cells { rows, columns, corners: centre_corners(&centres, columns), values })
        }
        Sight::Points { dimensions, longitude, latitude, is_mesh } => {
            let names: Vec<&DimensionName> = dimensions.iter().collect();
            let count = lengths(&names);
            let thin = every(count.iter().product(), POINTS);
            let last = names.len().saturating_sub(1);
            let asked: Vec<_> =
                names.into_iter().enumerate().map(|(at, name)| (name, if at == last { thin } else { 1 })).collect();
            let values = reading.values(&view.variable, &view.steps, &asked)?;
            let places = reading.places((longitude, latitude), &view.steps, &asked)?;
            Ok(Subject::Points { places, values, is_mesh: *is_mesh })
        }
        Sight::Series { dimension, coordinate, ends, axis } => {
            let asked: Vec<_> = dimension.iter().map(|name| (name, every(lengths(&[name])[0], STEPS))).collect();
            let values = reading.values(&view.variable, &view.steps, &asked)?;
            let known = coordinate.as_ref().and_then(|path| reading.values(path, &[], &asked).ok());
            let numbered = || (0..values.len()).map(|at| at as f64).collect();
            let along = known.filter(|known| known.len() == values.len()).unwrap_or_else(numbered);
            Ok(Subject::Series { along, values, ends: ends.clone(), axis: axis.clone() })
        }
    }
}

fn length(variable: &Variable, name: &DimensionName) -> Option<u64> {
    variable.dimensions.iter().zip(&variable.shape).find(|(own, _)| *own == name).map(|(_, length)| *length)
}

/// Reads values of a cube.
struct Reading<'a> {
    variables: HashMap<VariablePath, &'a Variable>,
    files: Vec<Option<&'a FileIndex>>,
}

impl<'a> Reading<'a> {
    fn new(cube: &'a VirtualCube, indexes: &'a [FileIndex]) -> Self {
        let by_url: HashMap<&SourceUrl, &FileIndex> = indexes.iter().map(|index| (&index.source.url, index)).collect();
        let files = cube.files.iter().map(|file| by_url.get(&file.url).copied()).collect();
        Self { variables: cube.root.all_variables().into_iter().collect(), files }
    }

    fn variable(&self, path: &VariablePath) -> Option<&'a Variable> {
        self.variables.get(path).copied()
    }

    fn places(
        &self,
        (longitude, latitude): (&VariablePath, &VariablePath),
        steps: &[(DimensionName, u64)],
        asked: &[(&DimensionName, u64)],
    ) -> Result<Vec<Place>, String> {
        let (longitudes, latitudes) = (self.values(longitude, steps, asked)?, self.values(latitude, steps, asked)?);
        let turn = |path: &VariablePath| {
            let units = self.variable(path).and_then(|variable| variable.text("units")).unwrap_or_default();
            if units.trim().starts_with("rad") { 180.0 / std::f64::consts::PI } else { 1.0 }
        };
        let (across, down) = (turn(longitude), turn(latitude));
        let place = |(x, y): (&f64, &f64)| (x.is_finite() && y.is_finite()).then_some((x * across, y * down));
        Ok(longitudes.iter().zip(&latitudes).map(place).collect())
    }

    /// The numbers of a variable at one step along some dimensions; each so many-th along those that are asked for, in the order asked.
    fn values(
        &self,
        path: &VariablePath,
        steps: &[(DimensionName, u64)],
        asked: &[(&DimensionName, u64)],
    ) -> Result<Vec<f64>, String> {
        let variable = self.variable(path).ok_or_else(|| format!("{} is not in the dataset", path.key()))?;
        let mut region = Region { start: Vec::new(), count: Vec::new() };
        let mut every = Vec::new();
        for (name, length) in variable.dimensions.iter().zip(&variable.shape) {
            match asked.iter().find(|(asked, _)| *asked == name) {
                Some((_, thin)) => {
                    region.start.push(0);
                    region.count.push(*length);
                    every.push(*thin);
                }
                None => {
                    let step = steps.iter().find(|(fixed, _)| fixed == name).map_or(0, |(_, step)| *step);
                    region.start.push(step.min(length.saturating_sub(1)));
                    region.count.push(1);
                    every.push(1);
                }
            }
        }
        let found = self.thinned(path, variable, &region, &every)?;
        let counts: Vec<u64> = region.count.iter().zip(&every).map(|(count, every)| count.div_ceil(*every)).collect();
        let order: Vec<usize> =
            asked.iter().filter_map(|(name, _)| variable.dimensions.iter().position(|own| own == *name)).collect();
        Ok(arranged(&found, &counts, &order))
    }

    /// Band by band along the first dimension that is longer than 1, so that little is in memory at a time.
    fn thinned(
        &self,
        path: &VariablePath,
        variable: &Variable,
        region: &Region,
        every: &[u64],
    ) -> Result<Vec<f64>, String> {
        let axis = region.count.iter().position(|count| *count > 1).unwrap_or(0);
        if region.count.is_empty() {
            return self.region(path, variable, region);
        }
        let size = variable.data_type.size().unwrap_or(8).max(1) as u64;
        let row = region.count[axis + 1..].iter().fold(size, |product, count| product.saturating_mul(*count));
        let chunk = self.chunk_length(path, variable, axis);
        let total = region.count[axis];
        let skips = every[axis] > 1 && chunk.is_none() && row.saturating_mul(every[axis]) > 1 << 16;
        let rows = match chunk {
            _ if skips => 1,
            Some(chunk) => (AT_ONCE / row.max(1) / chunk.max(1)).max(1).saturating_mul(chunk),
            None => (AT_ONCE / row.max(1)).max(1),
        };
        let read = if skips { total.div_ceil(every[axis]) } else { total }.saturating_mul(row);
        let is_afar = self.files.iter().flatten().any(|index| index.source.url.is_remote());
        let most = if is_afar { REMOTE_BYTES } else { LOCAL_BYTES };
        if read > most {
            return Err(format!("{}: one step holds {read} bytes; a quick-look reads at most {most}", path.key()));
        }
        let (mut found, mut at) = (Vec::new(), 0);
        while at < total {
            let count = rows.min(total - at);
            let mut band = region.clone();
            (band.start[axis], band.count[axis]) = (region.start[axis] + at, count);
            let values = self.region(path, variable, &band)?;
            let first = at.next_multiple_of(every[axis]) - at;
            found.extend(picked(&values, &band.count, every, (axis, first)));
            at += if skips { every[axis] } else { count };
        }
        Ok(found)
    }

    /// The longest chunk of filtered data along a dimension.
    fn chunk_length(&self, path: &VariablePath, variable: &Variable, axis: usize) -> Option<u64> {
        let own = |part: &Part| {
            let own = self.file(part, path)?.1;
            let chunk = own.grid.chunk_shape.get(axis.checked_sub(part.new_dimensions)?)?;
            (!own.codecs.is_empty()).then_some(*chunk)
        };
        variable.parts.iter().take(8).filter_map(own).max()
    }

    fn file(&self, part: &Part, path: &VariablePath) -> Option<(&'a FileIndex, &'a FileVariable)> {
        let index = self.files.get(part.file).copied().flatten()?;
        let (groups, name) = path.key().rsplit_once('/').unwrap_or(("", path.key()));
        let mut pieces = groups.split('/').filter(|piece| !piece.is_empty());
        let group = pieces.try_fold(&index.root, |group, piece| group.groups.get(piece))?;
        Some((index, group.variables.get(&VariableName::new(name).ok()?)?))
    }

    /// All numbers of a box, NaN where there are none.
    fn region(&self, path: &VariablePath, variable: &Variable, region: &Region) -> Result<Vec<f64>, String> {
        if let Some(array) = variable.inline() {
            let ArrayValues::Numbers(numbers) = &array.values else {
                return Err(format!("{} holds texts", path.key()));
            };
            let all = unpack(numbers, &variable.data_type, &variable.attributes);
            let whole = Region { start: vec![0; array.shape.len()], count: array.shape.clone() };
            let mut out = vec![f64::NAN; elements(&region.count)];
            place((&all, &whole), &[], (&mut out, region), region);
            return Ok(out);
        }
        let mut out = vec![f64::NAN; elements(&region.count)];
        for part in variable.parts.iter() {
            let target = Region { start: part.origin.clone(), count: part.count.clone() };
            let Some(common) = target.intersection(region) else { continue };
            let values = self.part(path, part, &common)?;
            place((&values, &common), &reversed(part), (&mut out, region), &common);
        }
        Ok(out)
    }

    /// What a file holds of a box of the cube, as it lies in the file, the first step alone of dimensions that the file does not have.
    fn part(&self, path: &VariablePath, part: &Part, common: &Region) -> Result<Vec<f64>, String> {
        let missing = || format!("{} is in no file that was indexed", path.key());
        let (index, own) = self.file(part, path).ok_or_else(missing)?;
        if let Some(obstacle) = own.obstacle() {
            return Err(format!("{}: {obstacle}", path.key()));
        }
        let (primitive, order) = own.data_type.number().ok_or_else(|| format!("{} holds no numbers", path.key()))?;
        let chunk = own.grid.chunk_elements().unwrap_or(u64::MAX).saturating_mul(primitive.size() as u64);
        if !own.codecs.is_empty() && chunk > LARGEST_CHUNK {
            return Err(format!(
                "{}: a chunk holds {chunk} bytes; a quick-look reads at most {LARGEST_CHUNK}",
                path.key()
            ));
        }
        let new = part.new_dimensions;
        let start: Vec<u64> = (0..part.start.len())
            .map(|axis| {
                let within = common.start[axis + new] - part.origin[axis + new];
                let count = part.count[axis + new];
                let is_reversed = part.reversed.get(axis).copied().unwrap_or(false);
                part.start[axis] + if is_reversed { count - within - common.count[axis + new] } else { within }
            })
            .collect();
        let url = &index.source.url;
        let source: Box<dyn ByteSource> = open_source(url).map_err(|error| chain(&error))?;
        let bytes = read_values((index, path.key()), own, source.as_ref(), &start, &common.count[new..]);
        let numbers = Numbers::from_bytes(primitive, order, &bytes.map_err(|error| chain(&error))?);
        let values = unpack(&numbers, &own.data_type, &own.attributes);
        let repeats = elements(&common.count[..new]);
        Ok(if repeats > 1 { values.repeat(repeats) } else { values })
    }
}

/// Which dimensions of the cube run the other way in the file.
fn reversed(part: &Part) -> Vec<bool> {
    if part.reversed.is_empty() {
        return Vec::new();
    }
    [vec![false; part.new_dimensions], part.reversed.clone()].concat()
}

fn elements(count: &[u64]) -> usize {
    count.iter().try_fold(1usize, |product, count| product.checked_mul(usize::try_from(*count).ok()?)).unwrap_or(0)
}

/// Calls with each place of a box, from 0.
fn each(count: &[u64], mut call: impl FnMut(&[u64])) {
    if count.contains(&0) {
        return;
    }
    let mut at = vec![0; count.len()];
    loop {
        call(&at);
        let mut axis = count.len();
        loop {
            let Some(next) = axis.checked_sub(1) else { return };
            axis = next;
            at[axis] += 1;
            if at[axis] < count[axis] {
                break;
            }
            at[axis] = 0;
        }
    }
}

fn linear(count: &[u64], at: impl Iterator<Item = u64>) -> usize {
    let number =
        count.iter().zip(at).fold(0u64, |number, (length, at)| number.saturating_mul(*length).saturating_add(at));
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Copies what two boxes have in common; `from` may run the other way along some dimensions.
fn place((from, held): (&[f64], &Region), reversed: &[bool], (into, region): (&mut [f64], &Region), common: &Region) {
    each(&common.count, |at| {
        let source = linear(
            &held.count,
            (0..at.len()).map(|axis| {
                let within = common.start[axis] + at[axis] - held.start[axis];
                if reversed.get(axis).copied().unwrap_or(false) { held.count[axis] - 1 - within } else { within }
            }),
        );
        let target =
            linear(&region.count, (0..at.len()).map(|axis| common.start[axis] + at[axis] - region.start[axis]));
        if let (Some(value), Some(place)) = (from.get(source), into.get_mut(target)) {
            *place = *value;
        }
    });
}

/// Each so many-th value along each dimension; along one of them from `first` on.
fn picked(values: &[f64], count: &[u64], every: &[u64], (axis, first): (usize, u64)) -> Vec<f64> {
    if every.iter().all(|every| *every == 1) {
        return values.to_vec();
    }
    let begin = |at: usize| if at == axis { first } else { 0 };
    let kept: Vec<u64> =
        (0..count.len()).map(|at| count[at].saturating_sub(begin(at)).div_ceil(every[at].max(1))).collect();
    let mut found = Vec::with_capacity(elements(&kept));
    each(&kept, |at| {
        let from = linear(count, (0..at.len()).map(|axis| begin(axis) + at[axis] * every[axis]));
        found.push(values.get(from).copied().unwrap_or(f64::NAN));
    });
    found
}

/// The same numbers with these dimensions in this order; all others have length 1.
fn arranged(values: &[f64], count: &[u64], order: &[usize]) -> Vec<f64> {
    if order.is_sorted() {
        return values.to_vec();
    }
    let wanted: Vec<u64> = order.iter().map(|axis| count[*axis]).collect();
    let mut found = Vec::with_capacity(values.len());
    each(&wanted, |at| {
        let mut place = vec![0; count.len()];
        for (axis, at) in order.iter().zip(at) {
            place[*axis] = *at;
        }
        found.push(values.get(linear(count, place.into_iter())).copied().unwrap_or(f64::NAN));
    });
    found
}
