//! What index_all shares between files is what they had.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use crate::model::{AttributeValue, Attributes, FileIndex, Numbers, Sharing, SmallValues};
use crate::read::testing::{Spec, file};

#[test]
fn equal_values_are_kept_once() {
    let index = |path: &str, last: f64, units: &str| {
        let lat = Spec::new("lat", &["lat"], &[2], &Numbers::F64(vec![0.0, last])).small();
        let lat = lat.attribute("units", AttributeValue::Text(units.into()));
        file(path, Attributes::new(), &[lat]).0
    };
    let lat = |index: &FileIndex| index.root.variables["lat"].clone();
    let is_one = |a: &FileIndex, b: &FileIndex| {
        let (a, b) = (lat(a), lat(b));
        let values = match (&a.values, &b.values) {
            (SmallValues::Decoded(a), SmallValues::Decoded(b)) => Arc::ptr_eq(a, b),
            _ => false,
        };
        (Arc::ptr_eq(&a.attributes, &b.attributes), values)
    };
    let files = [index("/a", 1.0, "m"), index("/b", 1.0, "m"), index("/c", -0.0, "m"), index("/d", 0.0, "km")];
    let mut shared = files.clone();
    let mut sharing = Sharing::default();
    shared.iter_mut().for_each(|file| sharing.share(file));
    assert_eq!(shared, files);
    assert_eq!(is_one(&shared[0], &shared[1]), (true, true));
    assert_eq!(is_one(&shared[1], &shared[2]), (true, false));
    assert_eq!(is_one(&shared[2], &shared[3]), (false, false));
}
