//! How far cells without bounds reach.

use super::dataset::{Dataset, Member};

/// How the cells of a coordinate lie.
pub(super) enum Cells {
    /// In a row: neighbours touch.
    Row,
    /// On curvilinear grids, one after the other.
    Grid {
        /// How many cells are in a row of a grid.
        columns: usize,
        /// How many rows a grid has.
        rows: usize,
    },
    /// By themselves.
    Points,
}

/// How the cells of a coordinate lie; `others` are those of the other direction.
pub(super) fn cells(dataset: &Dataset<'_>, member: &Member<'_>, others: &[&Member<'_>]) -> Cells {
    let variable = member.variable;
    match variable.dimensions.as_slice() {
        [dimension] => {
            let shared =
                others.iter().any(|other| other.path != member.path && other.variable.dimensions.contains(dimension));
            let is_row = dimension.as_str() == variable.name.as_str() || !shared;
            if is_row { Cells::Row } else { Cells::Points }
        }
        // Rows of places that have nothing to do with each other.
        _ if dataset.feature_type.is_some() => Cells::Points,
        [.., _, _] => {
            let length = |from_last: usize| {
                let at = variable.shape.len().checked_sub(from_last)?;
                usize::try_from(*variable.shape.get(at)?).ok().filter(|length| *length > 0)
            };
            match (length(1), length(2)) {
                (Some(columns), Some(rows)) => Cells::Grid { columns, rows },
                _ => Cells::Points,
            }
        }
        [] => Cells::Points,
    }
}

/// The same angle in [-180, 180].
pub(super) fn turned(degrees: f64) -> f64 {
    if degrees.abs() <= 180.0 { degrees } else { (degrees + 180.0).rem_euclid(360.0) - 180.0 }
}

/// How far each cell reaches below and above its centre.
pub(super) fn half_steps(centres: &[f64], kind: &Cells, near: impl Fn(f64) -> f64) -> Vec<(f64, f64)> {
    match kind {
        Cells::Points => vec![(0.0, 0.0); centres.len()],
        Cells::Row => row_steps(centres, near),
        Cells::Grid { columns, rows } => grid_steps(centres, *columns, *rows, near),
    }
}

/// In a row a cell reaches halfway to its neighbours; the last ones as far as on their other side. Where the direction
/// turns there is a break, and the cells on both sides are last ones.
fn row_steps(centres: &[f64], near: impl Fn(f64) -> f64) -> Vec<(f64, f64)> {
    let steps: Vec<f64> = centres.windows(2).map(|pair| near(pair[1] - pair[0])).collect();
    let rising = steps.iter().filter(|step| **step > 0.0).count() * 2 >= steps.len();
    let sound = |step: Option<&f64>| step.copied().filter(|step| step.is_finite() && (*step > 0.0) == rising);
    (0..centres.len())
        .map(|at| {
            let before = at.checked_sub(1).and_then(|before| sound(steps.get(before)));
            let after = sound(steps.get(at));
            let (before, after) = (before.or(after).unwrap_or(0.0), after.or(before).unwrap_or(0.0));
            let (before, after) = (before.abs() / 2.0, after.abs() / 2.0);
            if rising { (before, after) } else { (after, before) }
        })
        .collect()
}

/// The stretches between neighbours in a row of longitudes, as start and length, eastwards: an axis is one piece, whether its
/// cells touch or not. From the last to the first too, where no cell would find room between them.
pub(super) fn bridges(longitudes: &[f64]) -> Vec<(f64, f64)> {
    let bridge = |from: f64, step: f64| if step > 0.0 { (from, step) } else { (from + step, -step) };
    let steps: Vec<f64> = longitudes.windows(2).map(|pair| turned(pair[1] - pair[0])).collect();
    let is_one_way = steps.iter().all(|step| *step > 0.0) || steps.iter().all(|step| *step < 0.0);
    if !is_one_way {
        return Vec::new();
    }
    let mut bridges: Vec<_> = longitudes.iter().zip(&steps).map(|(from, step)| bridge(*from, *step)).collect();
    let widest = steps.iter().map(|step| step.abs()).fold(0.0, f64::max);
    let rest = 360.0 - steps.iter().map(|step| step.abs()).sum::<f64>();
    if let Some(last) = longitudes.last().filter(|_| rest > 0.0 && rest <= widest * 1.001) {
        bridges.push(bridge(*last, rest.copysign(steps[0])));
    }
    bridges
}

/// On a curvilinear grid cells are taken for parallelograms: a corner is half a step away along both dimensions.
fn grid_steps(centres: &[f64], columns: usize, rows: usize, near: impl Fn(f64) -> f64) -> Vec<(f64, f64)> {
    let step = |from: f64, to: Option<&f64>| to.map(|to| near(to - from).abs()).filter(|step| step.is_finite());
    let mean = |a: Option<f64>, b: Option<f64>| match (a, b) {
        (Some(a), Some(b)) => f64::midpoint(a, b),
        (one, other) => one.or(other).unwrap_or(0.0),
    };
    let half_step = |(at, centre): (usize, &f64)| {
        let column = at % columns;
        let left = (column > 0).then(|| at - 1).and_then(|left| step(*centre, centres.get(left)));
        let right = (column + 1 < columns).then_some(at + 1).and_then(|right| step(*centre, centres.get(right)));
        let row = at / columns % rows;
        let above = (row > 0).then(|| at - columns).and_then(|above| step(*centre, centres.get(above)));
        let below = (row + 1 < rows).then_some(at + columns).and_then(|below| step(*centre, centres.get(below)));
        let half = f64::midpoint(mean(left, right), mean(above, below));
        (half, half)
    };
    centres.iter().enumerate().map(half_step).collect()
}
