//! Where the corners of cells are that are known by their centres.

use super::Place;

/// The edges of cells in a row, one more than there are cells: halfway between the centres, and as far beyond the last ones.
///
/// Of more than `every` cells each `every` become one. Longitudes that jump by a turn are followed.
///
/// ```
/// use altostac::quicklook::edges;
/// assert_eq!(edges(&[0.0, 2.0, 4.0], 1, false), [-1.0, 1.0, 3.0, 5.0]);
/// assert_eq!(edges(&[0.0, 2.0, 4.0], 2, false), [-1.0, 3.0, 5.0]);
/// assert_eq!(edges(&[170.0, -170.0], 1, true), [160.0, 180.0, 200.0]);
/// ```
pub fn edges(centres: &[f64], every: usize, is_longitude: bool) -> Vec<f64> {
    let mut centres = centres.to_vec();
    if is_longitude {
        for at in 1..centres.len() {
            let before = centres[at - 1];
            let step = centres[at] - before;
            // A single jump of about a turn, not the steps of an axis that is coarse.
            if step.abs() > 180.0 {
                centres[at] = before + turned(step);
            }
        }
    }
    let count = centres.len();
    let (Some(first), Some(last)) = (centres.first(), centres.last()) else { return Vec::new() };
    let half = |a: usize, b: usize| if count > 1 { (centres[b] - centres[a]) / 2.0 } else { 0.5 };
    let mut all = vec![first - half(0, 1)];
    all.extend(centres.windows(2).map(|pair| f64::midpoint(pair[0], pair[1])));
    all.push(last + half(count.saturating_sub(2), count - 1));
    let end = all.last().copied();
    let mut kept: Vec<f64> = all.into_iter().take(count).step_by(every.max(1)).collect();
    kept.extend(end);
    kept
}

/// Cells of an axis of longitudes, none of them wider than ten degrees: columns that are wider are cut, so that they bend as the earth does.
///
/// Takes the edges and the values row by row; gives the same.
pub fn narrowed(edges: &[f64], values: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let widest = edges.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f64::max);
    let cuts = super::canvas::whole((widest / 10.0).ceil()).clamp(1, 36);
    let columns = edges.len().saturating_sub(1);
    if cuts == 1 || columns == 0 {
        return (edges.to_vec(), values.to_vec());
    }
    let part = |pair: &[f64], cut: usize| pair[0] + (pair[1] - pair[0]) * cut as f64 / cuts as f64;
    let mut finer: Vec<f64> =
        edges.windows(2).flat_map(|pair| (0..cuts).map(|cut| part(pair, cut)).collect::<Vec<_>>()).collect();
    finer.extend(edges.last());
    (finer, values.iter().flat_map(|value| std::iter::repeat_n(*value, cuts)).collect())
}

/// The same angle in (-180, 180].
pub(super) fn turned(degrees: f64) -> f64 {
    let turned = degrees.rem_euclid(360.0);
    if turned > 180.0 { turned - 360.0 } else { turned }
}

/// The corners of cells between the edges of two axes; `to_earth` takes x and y.
pub fn axis_corners(x: &[f64], y: &[f64], to_earth: impl Fn(f64, f64) -> Place) -> Vec<Place> {
    y.iter().flat_map(|y| x.iter().map(|x| to_earth(*x, *y)).collect::<Vec<_>>()).collect()
}

type Vector = [f64; 3];

fn vector((longitude, latitude): (f64, f64)) -> Vector {
    let (sine, cosine) = latitude.to_radians().sin_cos();
    let (east, west) = longitude.to_radians().sin_cos();
    [cosine * west, cosine * east, sine]
}

fn place([x, y, z]: Vector) -> Place {
    let length = x.hypot(y).hypot(z);
    (length > 1e-9).then(|| (y.atan2(x).to_degrees(), (z / length).clamp(-1.0, 1.0).asin().to_degrees()))
}

/// The corners of cells on a curvilinear grid, from the centres: in the middle of four of them; at the edges as far out as in.
///
/// The middle is taken on the sphere: neither the antimeridian nor a pole is in the way.
pub fn centre_corners(centres: &[Place], columns: usize) -> Vec<Place> {
    let rows = centres.len().checked_div(columns).unwrap_or(0);
    let (wide, high) = (columns + 2, rows + 2);
    let mut ring: Vec<Option<Vector>> = vec![None; wide * high];
    for (number, centre) in centres.iter().take(rows * columns).enumerate() {
        let sound = centre.filter(|(x, y)| x.is_finite() && y.abs() <= 90.5);
        ring[(number / columns + 1) * wide + number % columns + 1] = sound.map(vector);
    }
    // Along rows first, then along columns, which finds the corners of the ring too.
    for step in [1, wide] {
        let known = ring.clone();
        for (at, unknown) in ring.iter_mut().enumerate().filter(|(_, vector)| vector.is_none()) {
            let beside = |by: usize, is_up: bool| {
                let other = if is_up { at.checked_add(by) } else { at.checked_sub(by) }?;
                (step != 1 || other / wide == at / wide).then(|| known.get(other).copied().flatten()).flatten()
            };
            let beyond = |is_up| Some((beside(step, is_up)?, beside(2 * step, is_up)));
            let found = beyond(true).or_else(|| beyond(false));
            *unknown = found.map(|(near, far)| match far {
                Some(far) => [0, 1, 2].map(|axis| 2.0 * near[axis] - far[axis]),
                None => near,
            });
        }
    }
    let corner = |row: usize, column: usize| {
        let first = row * wide + column;
        let [a, b, c, d] = [first, first + 1, first + wide, first + wide + 1].map(|at| ring.get(at).copied().flatten());
        let (a, b, c, d) = (a?, b?, c?, d?);
        place([0, 1, 2].map(|axis| a[axis] + b[axis] + c[axis] + d[axis]))
    };
    (0..=rows)
        .flat_map(|row| (0..=columns).map(move |column| (row, column)))
        .map(|(row, column)| corner(row, column))
        .collect()
}
