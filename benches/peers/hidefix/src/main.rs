//! Indexing with hidefix (libhdf5 beneath; it reads no attributes): `peer-hidefix [--runs N] PATH…`, figures as `peer-libhdf5`'s.

#[path = "../../measure.rs"]
mod measure;

use hidefix::idx::{DatasetD, GroupIndex, Index};
use measure::Contents;

type Failure = Box<dyn std::error::Error>;

fn chunks(dataset: &DatasetD) -> usize {
    use DatasetD::{D0, D1, D2, D3, D4, D5, D6, D7, D8, D9};
    match dataset {
        D0(inner) => inner.chunks.len(),
        D1(inner) => inner.chunks.len(),
        D2(inner) => inner.chunks.len(),
        D3(inner) => inner.chunks.len(),
        D4(inner) => inner.chunks.len(),
        D5(inner) => inner.chunks.len(),
        D6(inner) => inner.chunks.len(),
        D7(inner) => inner.chunks.len(),
        D8(inner) => inner.chunks.len(),
        D9(inner) => inner.chunks.len(),
    }
}

fn count(group: &GroupIndex, sum: &mut Contents) {
    sum.variables += group.datasets().len();
    sum.chunks += group.datasets().values().map(chunks).sum::<usize>();
    group.groups().values().for_each(|inner| count(inner, sum));
}

fn main() -> Result<(), Failure> {
    let (request, _) = measure::request()?;
    measure::print(&request, "hidefix 0.12.0", |path| {
        let index = Index::index(path)?;
        let mut sum = Contents::default();
        count(&index, &mut sum);
        Ok(sum)
    })
}
