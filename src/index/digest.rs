//! What is kept of the values of a coordinate that is too large to be kept whole.

use sha2::{Digest as _, Sha256};

use crate::model::{AttributeValue, Attributes, ByteOrder, DataType, Digest, Numbers};

/// Sums up a large coordinate piece by piece, in C order.
pub(super) struct Digester {
    hash: Sha256,
    minimum: f64,
    maximum: f64,
    quarter_degrees: Vec<u64>,
    /// Numbers that stand for missing ones.
    missing: Vec<f64>,
    /// How many elements were taken.
    taken: u64,
    /// The elements that are sampled and were not taken yet, the next one last.
    wanted: Vec<u64>,
    sample: Vec<f64>,
}

impl Digester {
    pub(super) fn new() -> Self {
        let quarter_degrees = vec![0; 1440_usize.div_ceil(64)];
        let missing = Vec::new();
        Self {
            hash: Sha256::new(),
            minimum: f64::INFINITY,
            maximum: f64::NEG_INFINITY,
            quarter_degrees,
            missing,
            taken: 0,
            wanted: Vec::new(),
            sample: Vec::new(),
        }
    }

    /// The same for a variable with these attributes: values of `_FillValue` and `missing_value` are hashed, but count neither
    /// for the range nor for the quarter degrees.
    pub(super) fn skipping_missing(mut self, attributes: &Attributes) -> Self {
        let missing = ["_FillValue", "missing_value"].into_iter().filter_map(|name| match attributes.get(name)? {
            AttributeValue::Numbers(numbers) => Some(numbers.to_f64()),
            _ => None,
        });
        self.missing.extend(missing.flatten());
        self
    }

    /// The same for an array of this shape: of two dimensions some rows and columns are kept.
    pub(super) fn sampling(mut self, shape: &[u64]) -> Self {
        if let [rows, columns] = shape {
            let columns_of = |row: u64| Digest::sampled(*columns).map(move |column| row * columns + column);
            self.wanted = Digest::sampled(*rows).flat_map(columns_of).collect();
            self.wanted.reverse();
        }
        self
    }

    /// Takes whole elements.
    pub(super) fn take(&mut self, data_type: &DataType, elements: &[u8]) {
        let Some((primitive, order)) = data_type.number() else { return };
        let numbers = Numbers::from_bytes(primitive, order, elements);
        match order {
            ByteOrder::Little => self.hash.update(elements),
            ByteOrder::Big => self.hash.update(numbers.to_bytes(ByteOrder::Little)),
        }
        for number in numbers.to_f64() {
            if self.wanted.last() == Some(&self.taken) {
                self.wanted.pop();
                let is_known = number.is_finite() && !self.missing.contains(&number);
                self.sample.push(if is_known { number } else { f64::MAX });
            }
            self.taken += 1;
            if !number.is_finite() || self.missing.contains(&number) {
                continue;
            }
            self.minimum = self.minimum.min(number);
            self.maximum = self.maximum.max(number);
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // From 0 to 1,440.
            let quarter = ((number.rem_euclid(360.0) * 4.0) as usize).min(1439);
            self.quarter_degrees[quarter / 64] |= 1 << (quarter % 64);
        }
    }

    pub(super) fn finish(self) -> Digest {
        Digest {
            sha256: self.hash.finalize().into(),
            minimum: self.minimum,
            maximum: self.maximum,
            quarter_degrees: self.quarter_degrees,
            sample: if self.wanted.is_empty() { self.sample } else { Vec::new() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Primitive;

    #[test]
    fn longitudes_fall_into_quarter_degrees() {
        let mut digester = Digester::new();
        let numbers = Numbers::F64(vec![-0.1, 0.0, 359.9, f64::NAN, 720.3]);
        digester.take(&DataType::little(Primitive::F64), &numbers.to_bytes(ByteOrder::Little));
        let digest = digester.finish();
        assert_eq!((digest.minimum, digest.maximum), (-0.1, 720.3));
        let set: Vec<usize> = (0..1440).filter(|at| digest.quarter_degrees[at / 64] >> (at % 64) & 1 == 1).collect();
        assert_eq!(set, [0, 1, 1439]);
    }

    #[test]
    fn what_is_missing_counts_for_nothing_but_the_hash() {
        let bytes = Numbers::F32(vec![-0.25, 1e20, 359.9]).to_bytes(ByteOrder::Little);
        let digest = |mut digester: Digester| {
            digester.take(&DataType::little(Primitive::F32), &bytes);
            digester.finish()
        };
        let fill = AttributeValue::Numbers(Numbers::F32(vec![1e20]));
        let attributes = Attributes::from_iter([("missing_value".to_owned(), fill)]);
        let known = digest(Digester::new().skipping_missing(&attributes));
        assert_eq!((known.minimum, known.maximum), (-0.25, f64::from(359.9_f32)));
        let unknown = digest(Digester::new());
        assert_eq!((unknown.maximum, unknown.sha256), (f64::from(1e20_f32), known.sha256));
    }
}
