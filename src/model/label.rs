//! Labels: the values of facets along a dimension.

use std::cmp::Ordering;

use super::array::{ArrayValues, Numbers};

/// The order of people: runs of digits count as numbers, `r2i1p1f1` comes before `r10i1p1f1`. Labels that differ are never equal.
///
/// ```
/// use altostac::model::label::natural_order;
/// let mut labels = ["r10i1", "r2i1", "r2i01", "a", ""];
/// labels.sort_by(|a, b| natural_order(a, b));
/// assert_eq!(labels, ["", "a", "r2i01", "r2i1", "r10i1"]);
/// ```
pub fn natural_order(a: &str, b: &str) -> Ordering {
    let (mut rest_a, mut rest_b) = (a, b);
    loop {
        let (piece_a, piece_b) = (first_piece(rest_a), first_piece(rest_b));
        if piece_a.is_empty() || piece_b.is_empty() {
            // Numbers that are written with more zeros come first, so that the order is total.
            return piece_a.len().cmp(&piece_b.len()).then_with(|| b.len().cmp(&a.len())).then_with(|| a.cmp(b));
        }
        match pieces(piece_a, piece_b) {
            Ordering::Equal => {}
            other => return other,
        }
        (rest_a, rest_b) = (&rest_a[piece_a.len()..], &rest_b[piece_b.len()..]);
    }
}

/// The longest beginning that is all digits or has none.
fn first_piece(text: &str) -> &str {
    let is_digit = |c: char| c.is_ascii_digit();
    let kind = text.chars().next().is_some_and(is_digit);
    let end = text.find(|c| is_digit(c) != kind).unwrap_or(text.len());
    &text[..end]
}

fn pieces(a: &str, b: &str) -> Ordering {
    let is_number = |piece: &str| piece.starts_with(|c: char| c.is_ascii_digit());
    if !is_number(a) || !is_number(b) {
        return a.cmp(b);
    }
    let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

/// The values of a coordinate of labels: whole numbers if all are written as such, without zeros in front; else texts.
///
/// ```
/// use altostac::model::label::coordinate;
/// use altostac::model::{ArrayValues, Numbers};
/// assert_eq!(coordinate(&["1", "-2"]), ArrayValues::Numbers(Numbers::I64(vec![1, -2])));
/// assert_eq!(coordinate(&["01", "2"]), ArrayValues::Strings(vec!["01".into(), "2".into()]));
/// ```
pub fn coordinate<T: AsRef<str>>(labels: &[T]) -> ArrayValues {
    let number = |label: &T| label.as_ref().parse::<i64>().ok().filter(|number| number.to_string() == label.as_ref());
    match labels.iter().map(number).collect() {
        Some(numbers) => ArrayValues::Numbers(Numbers::I64(numbers)),
        None => ArrayValues::Strings(labels.iter().map(|label| label.as_ref().to_owned()).collect()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_an_order(a in "[a0-3]{0,5}", b in "[a0-3]{0,5}", c in "[a0-3]{0,5}") {
            prop_assert_eq!(natural_order(&a, &b), natural_order(&b, &a).reverse());
            prop_assert_eq!(natural_order(&a, &b) == Ordering::Equal, a == b);
            if natural_order(&a, &b) != Ordering::Greater && natural_order(&b, &c) != Ordering::Greater {
                prop_assert_ne!(natural_order(&a, &c), Ordering::Greater);
            }
        }
    }
}
