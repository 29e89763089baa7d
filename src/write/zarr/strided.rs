//! Boxes of elements copied between arrays of any strides.

/// A box of elements in a buffer: where it begins, and the bytes from one element to the next along each dimension (0: repeated).
#[derive(Debug, Clone)]
pub(super) struct Strided {
    pub(super) offset: usize,
    pub(super) strides: Vec<usize>,
}

/// The bytes from one element to the next along each dimension of a C-order array.
pub(super) fn strides(shape: &[u64], size: usize) -> Vec<usize> {
    let mut strides = vec![size; shape.len()];
    for axis in (1..shape.len()).rev() {
        let length = usize::try_from(shape[axis]).unwrap_or(usize::MAX);
        strides[axis - 1] = strides[axis].saturating_mul(length);
    }
    strides
}

/// Copies `count` elements of `size` bytes along each dimension; false if one of the buffers does not hold them all.
pub(super) fn copy(
    from: &[u8],
    source: &Strided,
    into: &mut [u8],
    target: &Strided,
    count: &[u64],
    size: usize,
) -> bool {
    let Some(mut axes) = axes(source, target, count) else { return true };
    // Runs that are unbroken on both sides are copied at once.
    let mut run = size;
    while let Some((count, from, into)) = axes.last().copied()
        && from == run
        && into == run
    {
        run = run.saturating_mul(count);
        axes.pop();
    }
    walk(from, source.offset, into, target.offset, &axes, run)
}

/// The dimensions that are longer than 1: their lengths and both strides. `None` if the box is empty.
fn axes(source: &Strided, target: &Strided, count: &[u64]) -> Option<Vec<(usize, usize, usize)>> {
    let mut axes = Vec::with_capacity(count.len());
    for ((count, from), into) in count.iter().zip(&source.strides).zip(&target.strides) {
        match usize::try_from(*count).unwrap_or(usize::MAX) {
            0 => return None,
            1 => {}
            count => axes.push((count, *from, *into)),
        }
    }
    Some(axes)
}

/// The recursion is as deep as the array has dimensions.
fn walk(
    from: &[u8],
    from_at: usize,
    into: &mut [u8],
    into_at: usize,
    axes: &[(usize, usize, usize)],
    run: usize,
) -> bool {
    let Some(((count, from_stride, into_stride), inner)) = axes.split_first() else {
        let source = from_at.checked_add(run).and_then(|end| from.get(from_at..end));
        let target = into_at.checked_add(run).and_then(|end| into.get_mut(into_at..end));
        let (Some(source), Some(target)) = (source, target) else { return false };
        target.copy_from_slice(source);
        return true;
    };
    (0..*count).all(|at| {
        let source = at.checked_mul(*from_stride).and_then(|step| step.checked_add(from_at));
        let target = at.checked_mul(*into_stride).and_then(|step| step.checked_add(into_at));
        match (source, target) {
            (Some(source), Some(target)) => walk(from, source, into, target, inner, run),
            _ => false,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_are_copied_whatever_the_strides() {
        let from: Vec<u8> = (0..12).collect();
        let mut into = [99; 6];
        let source = Strided { offset: 6, strides: strides(&[3, 4], 1) };
        let target = Strided { offset: 1, strides: strides(&[2, 3], 1) };
        assert!(copy(&from, &source, &mut into, &target, &[2, 2], 1));
        assert_eq!(into, [99, 6, 7, 99, 10, 11]);
        // Repeated along a dimension that the source does not have.
        let mut into = [0; 4];
        let repeated = Strided { offset: 2, strides: vec![0, 1] };
        let target = Strided { offset: 0, strides: strides(&[2, 2], 1) };
        assert!(copy(&from, &repeated, &mut into, &target, &[2, 2], 1));
        assert_eq!(into, [2, 3, 2, 3]);
        // Nothing is written beyond the ends.
        assert!(!copy(&from, &source, &mut into, &target, &[9, 9], 1));
        assert!(copy(
            &from,
            &Strided { offset: 0, strides: vec![] },
            &mut into,
            &Strided { offset: 3, strides: vec![] },
            &[],
            1
        ));
        assert_eq!(into[3], 0);
    }
}
