//! Where each file stands along each dimension of the product: by coordinate values and facets, never by any placement.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::coordinates::{file_values, is_close, product_values};
use super::overlaps;
use super::sources::Sources;
use super::values::Value;
use super::{Difference, DifferenceKind, Differences, FacetLabels};
use crate::model::label::natural_order;
use crate::model::recipe::OnOverlap;
use crate::read::{ProductArray, ProductStore};

/// Steps of a dimension of the product that follow each other in a file too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Stretch {
    pub(super) start: u64,
    pub(super) length: u64,
    /// Where they begin in the file.
    pub(super) from: u64,
    /// Whether the file runs the other way.
    pub(super) reversed: bool,
}

/// All steps of a file from its first, forwards; none if there are none.
fn whole(start: u64, length: u64) -> Vec<Stretch> {
    Some(Stretch { start, length, from: 0, reversed: false }).filter(|_| length > 0).into_iter().collect()
}

/// A dimension of the product.
#[derive(Debug)]
pub(super) struct Axis {
    pub(super) length: u64,
    /// For each file, in the order of the product; `None` if it has nothing to do with the dimension.
    pub(super) stretches: Vec<Option<Vec<Stretch>>>,
}

/// All dimensions of the product.
#[derive(Debug, Default)]
pub(super) struct Axes {
    by_key: BTreeMap<String, Axis>,
    /// The files of which something is used, by where they stand.
    pub(super) order: Vec<usize>,
    /// Coordinates that no file has: the labels of facets.
    pub(super) labels: BTreeSet<String>,
}

impl Axes {
    /// The dimension that an array of the product means by a name.
    pub(super) fn of(&self, sources: &Sources<'_>, store: &ProductStore, array: &str, name: &str) -> Option<&Axis> {
        self.by_key.get(&axis_key(sources, store, array, name))
    }
}

/// The key of a dimension: its name, after the group that defines it in the files, or else that of its coordinate in the product.
fn axis_key(sources: &Sources<'_>, store: &ProductStore, array: &str, name: &str) -> String {
    let in_files = sources.files.iter().filter(|file| file.variables.contains_key(array));
    let defined = in_files.filter_map(|file| file.defining_group(array, name)).next().map(str::to_owned);
    let group = defined.or_else(|| {
        let has_coordinate = |group: &&str| store.arrays.contains_key(&in_group(group, name));
        groups_upwards(array).find(has_coordinate).map(str::to_owned)
    });
    in_group(&group.unwrap_or_default(), name)
}

fn in_group(group: &str, name: &str) -> String {
    if group.is_empty() { name.to_owned() } else { format!("{group}/{name}") }
}

fn groups_upwards(key: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(key);
    std::iter::from_fn(move || {
        let key = rest?;
        if key.is_empty() {
            return None;
        }
        let group = key.rsplit_once('/').map_or("", |(group, _)| group);
        rest = Some(group);
        Some(group)
    })
}

/// Finds where the files stand along every dimension; what does not fit is reported. `None` if there is nothing to go by.
pub(super) fn find(
    store: &ProductStore,
    sources: &Sources<'_>,
    (facets, on_overlap): (&[FacetLabels], OnOverlap),
    differences: &mut Differences,
) -> Option<Axes> {
    let mut axes = Axes::default();
    let mut in_order = Vec::new();
    let mut is_whole = true;
    for (key, array) in &store.arrays {
        for (name, length) in array.dimensions.iter().zip(&array.grid.shape) {
            let axis = axis_key(sources, store, key, name);
            if axes.by_key.contains_key(&axis) {
                continue;
            }
            // The coordinate decides; an array of another length is wrong then.
            let coordinate = store.arrays.get(&axis).filter(|coordinate| coordinate.dimensions == [name.as_str()]);
            let length = coordinate.and_then(|coordinate| coordinate.grid.shape.first()).copied().unwrap_or(*length);
            let finder = Finder { store, sources, key: &axis, name, length };
            match finder.find(facets, differences) {
                Ok(found) => {
                    in_order.push(axis.clone());
                    axes.by_key.insert(axis, found);
                }
                Err(difference) => {
                    differences.add(difference.variable(&axis));
                    // The others are of use all the same, to say what is wrong.
                    is_whole = false;
                    axes.by_key.insert(axis, Axis { length, stretches: vec![None; sources.files.len()] });
                }
            }
        }
    }
    let is_new = |facet: &&FacetLabels| sources.files.iter().all(|file| !file.defines(&facet.dimension));
    axes.labels = facets.iter().filter(is_new).map(|facet| facet.dimension.clone()).collect();
    for label in axes.labels.iter().filter(|label| !store.arrays.contains_key(*label)) {
        differences.add(Difference::new(DifferenceKind::Variable, "the coordinate of labels", "none").variable(label));
        is_whole = false;
    }
    let is_used = overlaps::resolve(&mut axes.by_key, sources, on_overlap);
    let facet_rank = |key: &String| facets.iter().position(|facet| facet.dimension == *key).unwrap_or(facets.len());
    in_order.sort_by_key(facet_rank);
    let place = |file: &usize| -> Vec<u64> {
        let start = |all: &Vec<Stretch>| all.first().map_or(0, |stretch| stretch.start);
        in_order.iter().map(|key| axes.by_key[key].stretches[*file].as_ref().map_or(u64::MAX, start)).collect()
    };
    let mut order: Vec<usize> = (0..sources.files.len()).filter(|file| is_used[*file]).collect();
    order.sort_by_cached_key(|file| (place(file), *file));
    axes.order = order;
    is_whole.then_some(axes)
}

/// One dimension that is looked for.
struct Finder<'a> {
    store: &'a ProductStore,
    sources: &'a Sources<'a>,
    /// Its name with its group.
    key: &'a str,
    name: &'a str,
    /// Its length in the product.
    length: u64,
}

type Found<T> = Result<T, Box<Difference>>;

fn wrong(expected: impl Into<String>, found: impl Into<String>) -> Box<Difference> {
    Box::new(Difference::new(DifferenceKind::Join, expected, found))
}

impl Finder<'_> {
    fn find(&self, facets: &[FacetLabels], differences: &mut Differences) -> Found<Axis> {
        let of_files: Vec<Option<u64>> =
            self.sources.files.iter().map(|file| file.length_of(self.group(), self.name)).collect();
        let facet = facets.iter().find(|facet| facet.dimension == self.name);
        match facet {
            Some(facet) if of_files.iter().all(Option::is_none) => return self.by_labels(facet),
            Some(facet) => return self.in_stated_order(facet, &of_files),
            None => {}
        }
        let mut repeated = None;
        if let Some((array, values)) = self.telling_coordinate(&of_files, &mut repeated)? {
            return self.by_values(array, &values, &of_files, differences);
        }
        if let Some(repeated) = repeated.filter(|_| of_files.iter().flatten().any(|length| *length != self.length)) {
            return Err(repeated);
        }
        let stretch = |length: &Option<u64>| match length {
            Some(length) if *length == self.length => Ok(Some(whole(0, *length))),
            Some(length) => {
                let found = format!("{} in the product, {length} in a file", self.length);
                Err(wrong("coordinates that tell each step, or one length everywhere", found))
            }
            None => Ok(None),
        };
        Ok(Axis { length: self.length, stretches: of_files.iter().map(stretch).collect::<Found<_>>()? })
    }

    fn group(&self) -> &str {
        self.key.rsplit_once('/').map_or("", |(group, _)| group)
    }

    /// The coordinate whose values are all different in the product; of dimensions that have none: a time beside them.
    ///
    /// `repeated` is the first value that a coordinate holds twice.
    fn telling_coordinate(
        &self,
        of_files: &[Option<u64>],
        repeated: &mut Option<Box<Difference>>,
    ) -> Found<Option<(&ProductArray, Vec<Value>)>> {
        let is_along = |array: &&ProductArray| array.dimensions == [self.name] && folder(&array.key) == self.group();
        let own = self.store.arrays.get(self.key).filter(is_along);
        let beside = self.store.arrays.values().filter(is_along).filter(|array| array.key != self.key);
        let mut times: Vec<&ProductArray> = beside.filter(|array| is_time(array)).collect();
        times.sort_by_key(|array| array.attributes.get("standard_name").is_none_or(|name| name != "time"));
        let possible = of_files.iter().map(|length| length.unwrap_or(1)).fold(0u64, u64::saturating_add);
        for array in own.into_iter().chain(times) {
            let is_held = |key: &str| self.sources.files.iter().any(|file| file.variables.contains_key(key));
            if array.grid.shape != [self.length] || self.length > possible || !is_held(&array.key) {
                continue;
            }
            let values = product_values(self.store, self.sources, array)?;
            match first_repeated(&values) {
                None => return Ok(Some((array, values))),
                Some(at) => {
                    let difference = wrong("each step of a source once", format!("{} again at step {at}", values[at]));
                    repeated.get_or_insert(Box::new(difference.chunk(&chunk_of(array, at))));
                }
            }
        }
        Ok(None)
    }

    fn by_values(
        &self,
        array: &ProductArray,
        values: &[Value],
        of_files: &[Option<u64>],
        differences: &mut Differences,
    ) -> Found<Axis> {
        let lookup = Lookup::new(values);
        let mut used = vec![false; values.len()];
        let (mut stretches, mut failed) = (Vec::new(), None);
        for (file, length) in self.sources.files.iter().zip(of_files) {
            let variable = file.variables.get(&array.key).filter(|variable| match length {
                Some(_) => variable.dimensions.len() == 1 && variable.dimensions[0].as_str() == self.name,
                // A scalar that became a dimension.
                None => variable.dimensions.is_empty() && array.key == self.key,
            });
            if variable.is_none() {
                stretches.push(match length {
                    Some(length) if *length != self.length => {
                        let found = format!("none, and {length} steps");
                        return Err(Box::new(wrong("the coordinate", found).file(&file.index.source.url)));
                    }
                    length => length.map(|length| whole(0, length)),
                });
                if length.is_some() {
                    used.fill(true);
                }
                continue;
            }
            let own = file_values(self.sources, file, &array.key, *length)?;
            let found = lookup.places_of(&own).and_then(|places| stretches_of(&places, is_time(array)));
            let found = match found {
                Ok(found) => found,
                Err(difference) => {
                    let difference = difference.file(&file.index.source.url);
                    if let Some(before) = failed.replace(Box::new(difference)) {
                        differences.add(Difference::variable(*before, &array.key));
                    }
                    for place in own.iter().filter_map(|value| lookup.exact(value)) {
                        used[usize::try_from(place).unwrap_or(0)] = true;
                    }
                    continue;
                }
            };
            for place in found.iter().flat_map(|stretch| stretch.start..stretch.start + stretch.length) {
                if let Some(used) = usize::try_from(place).ok().and_then(|place| used.get_mut(place)) {
                    *used = true;
                }
            }
            stretches.push(Some(found));
        }
        for at in (0..used.len()).filter(|at| !used[*at]) {
            let difference = wrong("a coordinate of a source", format!("{} at step {at}", values[at]));
            differences.add(difference.variable(&array.key).chunk(&chunk_of(array, at)));
        }
        match failed {
            Some(difference) => Err(difference),
            None => Ok(Axis { length: self.length, stretches }),
        }
    }

    /// Each file at the place of its label.
    fn by_labels(&self, facet: &FacetLabels) -> Found<Axis> {
        let array = self.store.arrays.get(self.key).filter(|array| array.dimensions == [self.name]);
        let array = array.ok_or_else(|| wrong("a coordinate of labels", "none"))?;
        if array.grid.shape != [self.length] || self.length > facet.labels.len() as u64 {
            let found = format!("a length of {}", self.length);
            return Err(wrong(format!("at most {} labels", facet.labels.len()), found));
        }
        let values = product_values(self.store, self.sources, array)?;
        let text_of = |value: &Value| match value {
            Value::Text(text) => String::from_utf8_lossy(text).into_owned(),
            Value::Integer(number) => number.to_string(),
            other => other.to_string(),
        };
        let mut known: HashMap<&str, u64> = HashMap::new();
        let labels: BTreeSet<&str> = facet.labels.iter().map(String::as_str).collect();
        for (value, at) in values.iter().zip(0u64..) {
            let text = text_of(value);
            let label = labels.get(text.as_str());
            let label = label.ok_or_else(|| wrong("the label of a source", format!("{value} at step {at}")))?;
            if known.insert(label, at).is_some() {
                return Err(wrong("each label once", format!("{value} again at step {at}")));
            }
        }
        let stretch = |label: &String| {
            let start =
                known.get(label.as_str()).copied().ok_or_else(|| wrong(format!("the label {label:?}"), "none"))?;
            Ok(Some(whole(start, 1)))
        };
        Ok(Axis { length: self.length, stretches: facet.labels.iter().map(stretch).collect::<Found<_>>()? })
    }

    /// Files follow each other in the natural order of their labels.
    fn in_stated_order(&self, facet: &FacetLabels, of_files: &[Option<u64>]) -> Found<Axis> {
        let mut lengths: BTreeMap<usize, u64> = BTreeMap::new();
        let mut labels: Vec<&String> = facet.labels.iter().collect();
        labels.sort_by(|a, b| natural_order(a, b));
        labels.dedup();
        let rank: HashMap<&String, usize> = labels.iter().copied().zip(0..).collect();
        for (label, length) in facet.labels.iter().zip(of_files) {
            let Some(length) = length else { continue };
            let known = *lengths.entry(rank[label]).or_insert(*length);
            if known != *length {
                return Err(wrong(format!("{known} steps in all files of {label:?}"), length.to_string()));
            }
        }
        let mut start = 0;
        let mut starts = HashMap::new();
        for (rank, length) in &lengths {
            starts.insert(*rank, start);
            start += length;
        }
        if start != self.length {
            return Err(wrong(format!("{start} steps"), self.length.to_string()));
        }
        let stretch = |(label, length): (&String, &Option<u64>)| {
            let start = starts.get(&rank[label]).copied().unwrap_or(0);
            length.map(|length| whole(start, length))
        };
        Ok(Axis { length: self.length, stretches: facet.labels.iter().zip(of_files).map(stretch).collect() })
    }
}

/// The key of the chunk of a coordinate that holds a step.
fn chunk_of(array: &ProductArray, at: usize) -> String {
    let length = array.grid.chunk_shape.first().copied().unwrap_or(1);
    array.chunk_key((at as u64).checked_div(length).unwrap_or(0))
}

fn folder(key: &str) -> &str {
    key.rsplit_once('/').map_or("", |(folder, _)| folder)
}

fn is_time(array: &ProductArray) -> bool {
    let units = array.attributes.get("units").and_then(|units| units.as_str());
    units.is_some_and(|units| units.split_whitespace().nth(1) == Some("since"))
}

/// Finds values of files among those of the product: the same value, or the one that differs by rounding.
struct Lookup<'a> {
    values: &'a [Value],
    /// Unless they ascend: then they are found by halving.
    exact: Option<HashMap<&'a Value, u64>>,
    /// Numbers with a fraction and their places, in order.
    floats: Vec<(f64, usize)>,
}

impl<'a> Lookup<'a> {
    fn new(values: &'a [Value]) -> Self {
        let float = |(at, value): (usize, &Value)| match value {
            Value::Float(bits) => Some((f64::from_bits(*bits), at)),
            _ => None,
        };
        let mut floats: Vec<(f64, usize)> = values.iter().enumerate().filter_map(float).collect();
        floats.sort_by(|a, b| a.0.total_cmp(&b.0));
        let exact = (!ascend(values)).then(|| values.iter().zip(0u64..).collect());
        Self { values, exact, floats }
    }

    fn exact(&self, value: &Value) -> Option<u64> {
        match &self.exact {
            Some(places) => places.get(value).copied(),
            None => self.values.binary_search(value).ok().map(|place| place as u64),
        }
    }

    /// The place of each value of a file.
    fn places_of(&self, own: &[Value]) -> Found<Vec<u64>> {
        let mut places: Vec<u64> = Vec::with_capacity(own.len());
        for at in 0..own.len() {
            // Most follow each other in the product too, where each value stands once.
            let next = places.last().map_or(0, |last| last + 1);
            let follows = usize::try_from(next).ok().and_then(|next| self.values.get(next)) == Some(&own[at]);
            places.push(if follows { next } else { self.place_of(own, at)? });
        }
        Ok(places)
    }

    fn place_of(&self, own: &[Value], at: usize) -> Found<u64> {
        if let Some(place) = self.exact(&own[at]) {
            return Ok(place);
        }
        if let Value::Float(bits) = &own[at] {
            let after = self.floats.partition_point(|(value, _)| *value < f64::from_bits(*bits));
            let nearest = self.floats.iter().take(after + 1).skip(after.saturating_sub(1));
            if let Some((_, place)) = nearest.into_iter().find(|(_, place)| is_close((own, at), (self.values, *place)))
            {
                return Ok(*place as u64);
            }
        }
        Err(wrong("every step of the source", format!("{} nowhere", own[at])))
    }
}

/// Whether each value comes after the one before.
fn ascend(values: &[Value]) -> bool {
    values.windows(2).all(|pair| pair[0] < pair[1])
}

/// The first value that is no time, or stands there already.
fn first_repeated(values: &[Value]) -> Option<usize> {
    if ascend(values) {
        return values.iter().position(|value| *value == Value::NoInstant);
    }
    let mut distinct: HashSet<&Value> = HashSet::new();
    values.iter().position(|value| *value == Value::NoInstant || !distinct.insert(value))
}

/// Places in order, forwards or backwards; those of times without a break.
fn stretches_of(places: &[u64], is_time: bool) -> Found<Vec<Stretch>> {
    let reversed = places.first() > places.last();
    let mut found: Vec<Stretch> = Vec::new();
    let mut in_order: Vec<(u64, u64)> = places.iter().copied().zip(0..).collect();
    if reversed {
        in_order.reverse();
    }
    for (place, at) in &in_order {
        match found.last_mut() {
            Some(last) if last.start + last.length == *place => {
                last.length += 1;
                last.from = last.from.min(*at);
            }
            _ => found.push(Stretch { start: *place, length: 1, from: *at, reversed }),
        }
    }
    let is_ordered = in_order.windows(2).all(|pair| pair[0].0 < pair[1].0);
    match (places.first(), places.last()) {
        (Some(first), Some(last)) if !is_ordered || is_time && found.len() > 1 => {
            Err(wrong("the steps of a source together", format!("other steps between {first} and {last}")))
        }
        _ => Ok(found),
    }
}
