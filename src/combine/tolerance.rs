//! How far coordinates that should be equal may differ: real archives differ by 1e-14.

/// The part of the local step by which two values may differ.
const TOLERANCE: f64 = 1e-9;

/// The first place where two arrays differ by more than a billionth of the step to the nearest neighbour.
///
/// `row` is the length of the fastest dimension: neighbours are looked for within a row. Without a neighbour the value's own
/// size counts. NaN equals NaN. Arrays of different lengths are compared as far as the shorter one goes.
pub(super) fn first_beyond(a: &[f64], b: &[f64], row: usize) -> Option<usize> {
    let row = if row <= 1 { a.len() } else { row };
    (0..a.len().min(b.len())).find(|at| {
        let (x, y) = (a[*at], b[*at]);
        !(x.to_bits() == y.to_bits() || (x.is_nan() && y.is_nan()) || (x - y).abs() <= TOLERANCE * step(a, *at, row))
    })
}

/// Whether two values, each with its neighbours, are one but for rounding: by both steps.
pub(super) fn is_close((a, at): (&[f64], usize), (b, bt): (&[f64], usize)) -> bool {
    let (Some(x), Some(y)) = (a.get(at), b.get(bt)) else { return false };
    (x - y).abs() <= TOLERANCE * step(a, at, a.len()).min(step(b, bt, b.len()))
}

fn step(values: &[f64], at: usize, row: usize) -> f64 {
    let column = at % row.max(1);
    let before = column.checked_sub(1).and_then(|_| values.get(at - 1));
    let after = if column + 1 < row { values.get(at + 1) } else { None };
    let distance = |neighbour: &f64| (neighbour - values[at]).abs();
    let nearest = before.into_iter().chain(after).map(distance).filter(|step| step.is_finite() && *step > 0.0);
    nearest.reduce(f64::min).unwrap_or_else(|| values[at].abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn real_archives_differ_by_rounding() {
        let a = [-89.0, -87.0, -85.0];
        assert_eq!(first_beyond(&a, &[-89.0 + 1.4e-14, -87.0, -85.0], 1), None);
        assert_eq!(first_beyond(&a, &[-89.0, -87.0, -85.0 + 1e-8], 1), Some(2));
        assert_eq!(first_beyond(&[2.0], &[10.0], 1), Some(0));
        assert_eq!(first_beyond(&[f64::NAN, 0.0], &[f64::NAN, 0.0], 1), None);
        assert_eq!(first_beyond(&[f64::NAN], &[1.0], 1), Some(0));
        assert_eq!(first_beyond(&[0.0], &[-0.0], 1), None);
    }

    #[test]
    fn steps_do_not_cross_rows() {
        // The step from 350 to 0 is not a neighbour's step.
        let rows = [0.0, 350.0, 0.0, 350.0];
        assert_eq!(first_beyond(&rows, &[0.0, 350.0, 3e-7, 350.0], 2), None);
        assert_eq!(first_beyond(&rows, &[0.0, 350.0, 4e-7, 350.0], 2), Some(2));
    }
}
