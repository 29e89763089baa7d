//! Boxes of elements, and how they are copied from one array into another.

/// A box of elements within an array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Region {
    /// The first element along each dimension.
    pub start: Vec<u64>,
    /// The number of elements along each dimension.
    pub count: Vec<u64>,
}

impl Region {
    /// The number of elements; `None` if it cannot be counted.
    pub fn elements(&self) -> Option<u64> {
        self.count.iter().try_fold(1u64, |product, count| product.checked_mul(*count))
    }

    /// What this box and another have in common; `None` if nothing.
    ///
    /// ```
    /// use altostac::read::Region;
    /// let chunk = Region { start: vec![4], count: vec![4] };
    /// let slab = Region { start: vec![6], count: vec![10] };
    /// assert_eq!(chunk.intersection(&slab), Some(Region { start: vec![6], count: vec![2] }));
    /// ```
    pub fn intersection(&self, other: &Self) -> Option<Self> {
        let mut common =
            Self { start: Vec::with_capacity(self.start.len()), count: Vec::with_capacity(self.start.len()) };
        for (axis, start) in self.start.iter().enumerate() {
            let start = *start.max(other.start.get(axis)?);
            let end = (self.start[axis].checked_add(self.count[axis])?)
                .min(other.start[axis].checked_add(*other.count.get(axis)?)?);
            common.start.push(start);
            common.count.push(end.checked_sub(start).filter(|count| *count > 0)?);
        }
        Some(common)
    }

    /// The same box with its start counted from another origin.
    pub fn relative_to(&self, origin: &[u64]) -> Self {
        let start = self.start.iter().zip(origin).map(|(start, origin)| start.saturating_sub(*origin)).collect();
        Self { start, count: self.count.clone() }
    }
}

/// The number in C order of an element at a place in an array of this shape.
pub(super) fn linear(shape: &[u64], place: &[u64]) -> u64 {
    shape.iter().zip(place).fold(0u64, |number, (length, at)| number.saturating_mul(*length).saturating_add(*at))
}

/// The numbers in C order of the first element of a box in an array of this shape, and of the one behind its last.
pub(super) fn span(shape: &[u64], region: &Region) -> (u64, u64) {
    let last: Vec<u64> =
        region.start.iter().zip(&region.count).map(|(start, count)| (start + count).saturating_sub(1)).collect();
    (linear(shape, &region.start), linear(shape, &last).saturating_add(1))
}

/// Copies a box of elements of `size` bytes from one C-order array into another.
///
/// `from_first` is the number in C order of the first element that `from` holds: it may be a piece of its array.
/// Elements that one of the two does not hold are left alone.
pub fn copy_region(
    (from, from_shape, from_first): (&[u8], &[u64], u64),
    from_start: &[u64],
    (into, into_shape): (&mut [u8], &[u64]),
    into_start: &[u64],
    (count, size): (&[u64], usize),
) {
    if count.contains(&0) {
        return;
    }
    let run = count.last().copied().unwrap_or(1);
    let outer = &count[..count.len().saturating_sub(1)];
    let mut at = vec![0u64; count.len()];
    let byte = |element: u64, length: u64| {
        let start = usize::try_from(element).ok()?.checked_mul(size)?;
        Some(start..start.checked_add(usize::try_from(length).ok()?.checked_mul(size)?)?)
    };
    let shifted =
        |start: &[u64], at: &[u64]| -> Vec<u64> { start.iter().zip(at).map(|(start, at)| start + at).collect() };
    loop {
        let source = linear(from_shape, &shifted(from_start, &at)).checked_sub(from_first);
        let target = linear(into_shape, &shifted(into_start, &at));
        let source = source.and_then(|source| byte(source, run)).and_then(|range| from.get(range));
        let target = byte(target, run).and_then(|range| into.get_mut(range));
        if let (Some(source), Some(target)) = (source, target) {
            target.copy_from_slice(source);
        }
        if !advance(&mut at[..outer.len()], outer) {
            return;
        }
    }
}

/// Moves to the next place in C order; false behind the last.
pub(super) fn advance(at: &mut [u64], count: &[u64]) -> bool {
    for (at, count) in at.iter_mut().zip(count).rev() {
        *at += 1;
        if *at < *count {
            return true;
        }
        *at = 0;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_box_is_copied_by_runs() {
        let from: Vec<u8> = (0..12).collect();
        let mut into = [99; 6];
        copy_region((&from, &[3, 4], 0), &[1, 2], (&mut into, &[2, 3]), &[0, 1], (&[2, 2], 1));
        assert_eq!(into, [99, 6, 7, 99, 10, 11]);
        // Only the second row is at hand.
        let mut into = [99; 4];
        copy_region((&from[4..8], &[3, 4], 4), &[1, 0], (&mut into, &[4]), &[0], (&[1, 4], 1));
        assert_eq!(into, [4, 5, 6, 7]);
        let mut scalar = [0];
        copy_region((&[7], &[], 0), &[], (&mut scalar, &[]), &[], (&[], 1));
        assert_eq!(scalar, [7]);
    }
}
