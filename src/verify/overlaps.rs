//! Steps that several files hold, where the recipe says whose are used.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::axes::{Axis, Stretch};
use super::sources::Sources;
use crate::model::label::natural_order;
use crate::model::recipe::OnOverlap;

/// What tells files apart but for one dimension: where they stand along the others, and their variables.
type Kin<'a> = (Vec<&'a Option<Vec<Stretch>>>, BTreeSet<&'a str>);

/// Files that lose steps, with those that are left to them.
type Left = Vec<(usize, Vec<Stretch>)>;

/// Takes steps from files wherever another one that holds the same variables is to be used instead. For each file whether anything
/// of it is left.
pub(super) fn resolve(axes: &mut BTreeMap<String, Axis>, sources: &Sources<'_>, on_overlap: OnOverlap) -> Vec<bool> {
    let mut is_used = vec![true; sources.files.len()];
    if on_overlap == OnOverlap::Error {
        return is_used;
    }
    let mut order: Vec<usize> = (0..sources.files.len()).collect();
    let url = |file: &usize| sources.files[*file].index.source.url.as_str();
    order.sort_by(|a, b| natural_order(url(a), url(b)));
    // What comes first is used.
    if on_overlap == OnOverlap::KeepLast {
        order.reverse();
    }
    let taken: Vec<(String, Left)> = axes.keys().map(|key| (key.clone(), left(axes, key, sources, &order))).collect();
    for (key, left) in taken {
        let Some(axis) = axes.get_mut(&key) else { continue };
        for (file, stretches) in left {
            is_used[file] &= !stretches.is_empty();
            axis.stretches[file] = Some(stretches);
        }
    }
    is_used
}

/// What is left along one dimension to the files that lose steps.
fn left(axes: &BTreeMap<String, Axis>, key: &str, sources: &Sources<'_>, order: &[usize]) -> Left {
    let mut found = Vec::new();
    let mut used: HashMap<Kin<'_>, BTreeMap<u64, u64>> = HashMap::new();
    for file in order {
        let Some(own) = &axes[key].stretches[*file] else { continue };
        let [own] = own.as_slice() else { continue };
        let variables = sources.files[*file].variables.keys().map(String::as_str).collect();
        let others = axes.iter().filter(|(other, _)| *other != key).map(|(_, axis)| &axis.stretches[*file]).collect();
        let used = used.entry((others, variables)).or_default();
        let rest = without(*own, used);
        for stretch in &rest {
            used.insert(stretch.start, stretch.start + stretch.length);
        }
        if rest != [*own] {
            found.push((*file, rest));
        }
    }
    found
}

/// What is left of a stretch, without the steps from each start to its end.
fn without(own: Stretch, used: &BTreeMap<u64, u64>) -> Vec<Stretch> {
    let mut rest = Vec::new();
    let (mut start, end) = (own.start, own.start + own.length);
    let mut add = |from: u64, to: u64| {
        let skipped = if own.reversed { end - to } else { from - own.start };
        rest.push(Stretch { start: from, length: to - from, from: own.from + skipped, reversed: own.reversed });
    };
    let before = used.range(..own.start).next_back();
    for (from, to) in before.into_iter().chain(used.range(own.start..end)) {
        if start < (*from).min(end) {
            add(start, *from);
        }
        start = start.max(*to);
    }
    if start < end {
        add(start, end);
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_of_a_stretch() {
        let own = |reversed| Stretch { start: 10, length: 10, from: 0, reversed };
        let used = BTreeMap::from([(5, 12), (15, 16)]);
        let rest =
            |reversed| without(own(reversed), &used).iter().map(|s| (s.start, s.length, s.from)).collect::<Vec<_>>();
        assert_eq!(rest(false), [(12, 3, 2), (16, 4, 6)]);
        assert_eq!(rest(true), [(12, 3, 5), (16, 4, 0)]);
        assert_eq!(without(own(false), &BTreeMap::from([(0, 30)])), []);
        assert_eq!(without(own(false), &BTreeMap::new()), [own(false)]);
    }
}
