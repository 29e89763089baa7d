//! Whether files that hold different variables are parts of one dataset.

use std::collections::{BTreeSet, HashMap};

use super::super::conflict::Report;
use super::overlap::{axes_of, data_variables};
use super::union::United;
use super::{Archive, conflict, names};
use crate::model::{Conflict, ConflictKind, FileVariable, VariablePath};

/// Sets of things that belong together.
struct Sets(Vec<usize>);

impl Sets {
    fn new(count: usize) -> Self {
        Self((0..count).collect())
    }

    fn find(&mut self, mut one: usize) -> usize {
        while self.0[one] != one {
            self.0[one] = self.0[self.0[one]];
            one = self.0[one];
        }
        one
    }

    fn unite(&mut self, a: usize, b: usize) {
        let (a, b) = (self.find(a), self.find(b));
        self.0[a.max(b)] = a.min(b);
    }
}

/// Reports files that have no data variable in common, directly or by way of others, and not the same values along an axis either.
///
/// True if there are files of different variables that do belong together.
pub(super) fn check(archive: &Archive<'_>, axes: &[United], report: &mut Report) -> bool {
    let data = data_variables(archive);
    let mut parts = Sets::new(archive.files.len());
    for holders in data.values() {
        holders.windows(2).for_each(|pair| parts.unite(pair[0].0, pair[1].0));
    }
    let with_data: BTreeSet<usize> = data.values().flatten().map(|(file, _)| *file).collect();
    let heads: BTreeSet<usize> = with_data.iter().map(|file| parts.find(*file)).collect();
    if heads.len() < 2 {
        return with_data.len() < archive.files.len();
    }
    let along: Vec<BTreeSet<usize>> = axes_of_parts(archive, axes, &data, &mut parts);
    for (at, axis) in axes.iter().enumerate() {
        if let Some((a, b)) = apart(archive, axis, &mut parts, &|head| along[head].contains(&at)) {
            report.conflicts.extend(unrelated(archive, &data, &mut parts, a, b));
            return true;
        }
    }
    if let Some((a, b)) = without_common_dimension(archive, &heads) {
        report.conflicts.extend(unrelated(archive, &data, &mut parts, a, b));
    }
    true
}

/// For each part, by its first file, the axes of its data.
fn axes_of_parts(
    archive: &Archive<'_>,
    axes: &[United],
    data: &std::collections::BTreeMap<VariablePath, Vec<(usize, &FileVariable)>>,
    parts: &mut Sets,
) -> Vec<BTreeSet<usize>> {
    let mut along = vec![BTreeSet::new(); archive.files.len()];
    for (path, holders) in data {
        let (file, variable) = holders[0];
        along[parts.find(file)].extend(axes_of(axes, archive.files[file], path, variable));
    }
    along
}

/// Two parts that have an axis, and no value of it in common even by way of others.
fn apart(
    archive: &Archive<'_>,
    axis: &United,
    parts: &mut Sets,
    has_axis: &dyn Fn(usize) -> bool,
) -> Option<(usize, usize)> {
    let mut meeting = Sets::new(archive.files.len());
    let mut held: HashMap<u64, usize> = HashMap::new();
    let mut heads = BTreeSet::new();
    let mut done = BTreeSet::new();
    for file in 0..archive.files.len() {
        let head = parts.find(file);
        let Some(span) = axis.spans[file].filter(|span| has_axis(head) && span.length > 0) else { continue };
        heads.insert(head);
        // Files of one part with the same stretch say the same.
        if done.insert((head, span.first, span.last)) && span.is_unbroken() {
            for place in span.first..=span.last {
                meeting.unite(*held.entry(place).or_insert(head), head);
            }
        }
    }
    let first = *heads.first()?;
    let root = meeting.find(first);
    heads.into_iter().find(|head| meeting.find(*head) != root).map(|other| (first, other))
}

fn without_common_dimension(archive: &Archive<'_>, heads: &BTreeSet<usize>) -> Option<(usize, usize)> {
    let dimensions = |file: usize| -> BTreeSet<(String, String)> {
        let groups = super::candidates::groups(&archive.files[file].root);
        let named = |group: &crate::model::FileGroup| {
            group.dimensions.keys().map(|name| (group.path.to_string(), name.to_string())).collect::<Vec<_>>()
        };
        groups.into_iter().flat_map(named).collect()
    };
    let first = *heads.first()?;
    let known = dimensions(first);
    heads.iter().skip(1).find(|head| dimensions(**head).is_disjoint(&known)).map(|head| (first, *head))
}

fn unrelated(
    archive: &Archive<'_>,
    data: &std::collections::BTreeMap<VariablePath, Vec<(usize, &FileVariable)>>,
    parts: &mut Sets,
    a: usize,
    b: usize,
) -> Option<Conflict> {
    let mut variables = |part: usize| {
        let own: Vec<&str> =
            data.iter().filter(|(_, holders)| parts.find(holders[0].0) == part).map(|(p, _)| p.key()).take(5).collect();
        own.join(", ")
    };
    let (ours, theirs) = (variables(a), variables(b));
    Some(conflict(
        ConflictKind::Variable,
        None,
        names(archive.files, &[a, b]),
        format!("the variables of the first file, among them {ours}, or others at the same coordinates"),
        format!("{theirs} in their place, at other coordinates"),
        "let the item pattern tell these files apart, so that each variable is an item of its own",
    ))
}
