//! Which products an item gets: those that the recipe lists and that can carry it, or by `auto` what carries it faithfully at the least cost.
//! Pure.

use super::super::chain;
use super::super::conflicts::conflicts_error;
use super::super::item::failure;
use crate::model::{
    ArrayData, FileIndex, ItemError, Note, ProductSettings, ProductsAsked, PublicUrls, VariablePath, VirtualCube,
    ZarrSettings,
};
use crate::write::{
    refused_by_cfa, refused_by_icechunk, refused_by_kerchunk, refused_by_kerchunk_parquet, refused_by_zarr,
};

/// What an item gets, and what people should know of it.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::pipeline) struct Chosen {
    pub(in crate::pipeline) products: Vec<ProductSettings>,
    pub(in crate::pipeline) notes: Vec<Note>,
}

/// What is asked for, as far as this cube can be carried by it.
///
/// A format that cannot carry it is left out, with a note, as long as another can.
///
/// # Errors
/// Why the first format cannot carry the cube, if none can.
pub(in crate::pipeline) fn choose(
    asked: &ProductsAsked,
    (cube, indexes): (&VirtualCube, &[FileIndex]),
    urls: &PublicUrls,
) -> Result<Chosen, ItemError> {
    let references = references(cube);
    let refuses = |settings: &ProductSettings| refuses(settings, (cube, indexes), urls);
    let (chosen, first) = match asked {
        ProductsAsked::Listed(listed) => (choose_listed(listed, references, &refuses), listed.first().cloned()),
        ProductsAsked::Auto => {
            let (virtuals, copies) = automatic();
            (choose_auto(&virtuals, &copies, references, &refuses), virtuals.into_iter().next())
        }
    };
    // A curator is told in the words of combining what is in the way of references.
    let in_words = |error| match cube.not_virtual() {
        [] => error,
        conflicts if first.as_ref().is_none_or(refers_to_chunks) => conflicts_error(conflicts),
        _ => error,
    };
    chosen.map_err(in_words)
}

/// Whether variables that no chunk grid says ([`VirtualCube::not_virtual`]) may be carried by what is asked for: products of whole files, and
/// copies.
pub(in crate::pipeline) fn holds_parts(asked: &ProductsAsked) -> bool {
    match asked {
        ProductsAsked::Auto => true,
        ProductsAsked::Listed(listed) => listed.iter().any(|settings| !refers_to_chunks(settings)),
    }
}

/// Whether a format names chunks of files, and nothing else.
fn refers_to_chunks(settings: &ProductSettings) -> bool {
    match settings {
        ProductSettings::Kerchunk
        | ProductSettings::KerchunkByNumber { .. }
        | ProductSettings::KerchunkParquet { .. }
        | ProductSettings::Icechunk { .. } => true,
        ProductSettings::Cfa | ProductSettings::Zarr(_) => false,
    }
}

/// What `auto` tries: formats that refer to the sources, all that can carry the item; and if there is none, copies, the first that can.
fn automatic() -> (Vec<ProductSettings>, Vec<ProductSettings>) {
    let kerchunk = ProductSettings::KerchunkByNumber { parquet_above: ProductSettings::MANY_REFERENCES };
    (vec![kerchunk, ProductSettings::Cfa], vec![ProductSettings::Zarr(ZarrSettings::default())])
}

/// Why a format cannot carry a cube; `None` if it can.
fn refuses(
    settings: &ProductSettings,
    (cube, indexes): (&VirtualCube, &[FileIndex]),
    urls: &PublicUrls,
) -> Option<String> {
    if let Some(conflict) = cube.not_virtual().first().filter(|_| refers_to_chunks(settings)) {
        return Some(conflict.to_string());
    }
    match settings {
        ProductSettings::Kerchunk | ProductSettings::KerchunkByNumber { .. } => told(&refused_by_kerchunk(cube)),
        ProductSettings::KerchunkParquet { record_size } => told(&refused_by_kerchunk_parquet(cube, *record_size)),
        ProductSettings::Icechunk { .. } => told(&refused_by_icechunk(cube)),
        ProductSettings::Cfa => told(&refused_by_cfa((cube, indexes), urls)),
        ProductSettings::Zarr(settings) => told(&refused_by_zarr((cube, indexes), settings)),
    }
}

/// The first reason, and how many more variables are refused.
fn told<E: std::error::Error>(refused: &[(VariablePath, E)]) -> Option<String> {
    let (_, error) = refused.first()?;
    Some(match refused.len() {
        1 => chain(error),
        more => format!("{} (and {} more variables)", chain(error), more - 1),
    })
}

/// How many chunks a product would name.
fn references(cube: &VirtualCube) -> u64 {
    let of = |data: &ArrayData| match data {
        ArrayData::Inline(_) => 1,
        ArrayData::Apart => 0,
        ArrayData::Placed { placements, .. } => {
            placements.iter().map(|part| (part.manifest.present() + part.inlined.len()) as u64).sum()
        }
    };
    cube.root.all_variables().into_iter().map(|(_, variable)| of(&variable.data)).sum()
}

/// Why a format refuses.
type Refuses<'a> = &'a dyn Fn(&ProductSettings) -> Option<String>;

fn choose_listed(listed: &[ProductSettings], references: u64, refuses: Refuses<'_>) -> Result<Chosen, ItemError> {
    let (mut chosen, refused) = carried(listed, references, refuses);
    if chosen.products.is_empty() {
        return Err(none(&refused));
    }
    let is_parquet = |settings: &ProductSettings| matches!(settings, ProductSettings::KerchunkParquet { .. });
    let has_many = references > ProductSettings::MANY_REFERENCES;
    if has_many && listed.contains(&ProductSettings::Kerchunk) && !chosen.products.iter().any(is_parquet) {
        let message = format!(
            "{references} references: readers hold all of a Kerchunk JSON at once; kerchunk-parquet opens faster and takes them less memory"
        );
        chosen.notes.push(Note::new("parquet_advised", message).about("kerchunk"));
    }
    chosen.notes.extend(refused.iter().map(|(format, reason)| left_out(format, reason)));
    Ok(chosen)
}

fn choose_auto(
    virtuals: &[ProductSettings],
    copies: &[ProductSettings],
    references: u64,
    refuses: Refuses<'_>,
) -> Result<Chosen, ItemError> {
    let (mut chosen, refused) = carried(virtuals, references, refuses);
    let mut why = format!("it carries all of its {references} references");
    if chosen.products.is_empty() {
        (chosen, _) = carried(copies, references, refuses);
        chosen.products.truncate(1);
        why = "a copy: no format that refers to the sources carries it".into();
    }
    if chosen.products.is_empty() {
        return Err(none(&refused));
    }
    for settings in &chosen.products {
        let format = settings.format();
        chosen.notes.push(Note::new("product_chosen", format!("{format} is written: {why}")).about(format));
    }
    chosen.notes.extend(refused.iter().map(|(format, reason)| left_out(format, reason)));
    Ok(chosen)
}

/// Those that can carry the cube, each format once; and the others, with the reason.
fn carried(asked: &[ProductSettings], references: u64, refuses: Refuses<'_>) -> (Chosen, Vec<(String, String)>) {
    let (mut products, mut refused): (Vec<ProductSettings>, _) = (Vec::new(), Vec::new());
    for settings in asked {
        let tried = alternatives(settings, references);
        // To ask is to look at every chunk: once for each format.
        let mut reasons = Vec::new();
        let can = tried.iter().find(|settings| match refuses(settings) {
            None => true,
            Some(reason) => {
                reasons.push((settings.format().to_string(), reason));
                false
            }
        });
        match can {
            Some(can) if products.iter().any(|chosen| chosen.format() == can.format()) => {}
            Some(can) => products.push(can.clone()),
            None => refused.extend(reasons.into_iter().next()),
        }
    }
    (Chosen { products, notes: Vec::new() }, refused)
}

/// What may be written for an entry, the best first.
fn alternatives(settings: &ProductSettings, references: u64) -> Vec<ProductSettings> {
    let parquet = ProductSettings::KerchunkParquet { record_size: ProductSettings::RECORD_SIZE };
    match settings {
        ProductSettings::KerchunkByNumber { parquet_above } if references > *parquet_above => {
            vec![parquet, ProductSettings::Kerchunk]
        }
        ProductSettings::KerchunkByNumber { .. } => vec![ProductSettings::Kerchunk, parquet],
        other => vec![other.clone()],
    }
}

fn left_out(format: &str, reason: &str) -> Note {
    Note::new("product_left_out", format!("{format} is left out: {reason}")).about(format)
}

/// No format carries the item.
fn none(refused: &[(String, String)]) -> ItemError {
    let reason = refused.first().map(|(_, reason)| reason.clone()).unwrap_or_default();
    failure("unsupported", reason)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    const PARQUET: ProductSettings = ProductSettings::KerchunkParquet { record_size: ProductSettings::RECORD_SIZE };
    const MANY: u64 = ProductSettings::MANY_REFERENCES + 1;

    fn refusing(refused: &[ProductSettings]) -> impl Fn(&ProductSettings) -> Option<String> + '_ {
        move |settings| refused.contains(settings).then(|| format!("tas: not in {}", settings.format()))
    }

    fn kinds(chosen: &Chosen) -> Vec<&str> {
        chosen.notes.iter().map(|note| note.kind.as_str()).collect()
    }

    #[test]
    fn what_is_named_is_written_however_many_references_there_are() {
        let chosen = choose_listed(&[ProductSettings::Kerchunk], MANY, &refusing(&[])).unwrap();
        assert_eq!(
            (&chosen.products[..], &kinds(&chosen)[..]),
            (&[ProductSettings::Kerchunk][..], &["parquet_advised"][..])
        );
        let chosen = choose_listed(&[ProductSettings::Kerchunk, PARQUET], MANY, &refusing(&[])).unwrap();
        assert_eq!((chosen.products.len(), chosen.notes.len()), (2, 0));
        let chosen = choose_listed(&[ProductSettings::Kerchunk], MANY - 1, &refusing(&[])).unwrap();
        assert!(chosen.notes.is_empty());
    }

    #[test]
    fn the_number_of_references_decides_if_it_is_to() {
        let by_number = [ProductSettings::KerchunkByNumber { parquet_above: 10 }];
        let products = |references, refused: &[ProductSettings]| {
            choose_listed(&by_number, references, &refusing(refused)).unwrap().products
        };
        assert_eq!(products(10, &[]), [ProductSettings::Kerchunk]);
        assert_eq!(products(11, &[]), [PARQUET]);
        assert_eq!(products(11, &[PARQUET]), [ProductSettings::Kerchunk]);
        assert_eq!(products(10, &[ProductSettings::Kerchunk]), [PARQUET]);
        let twice = [by_number[0].clone(), PARQUET];
        assert_eq!(choose_listed(&twice, 11, &refusing(&[])).unwrap().products, [PARQUET]);
    }

    #[test]
    fn what_cannot_carry_the_item_is_left_out_by_name_unless_nothing_can() {
        let listed = [PARQUET, ProductSettings::Kerchunk];
        let chosen = choose_listed(&listed, 1, &refusing(&[PARQUET])).unwrap();
        assert_eq!(chosen.products, [ProductSettings::Kerchunk]);
        assert_eq!(chosen.notes[0].message, "kerchunk-parquet is left out: tas: not in kerchunk-parquet");
        assert_eq!(kinds(&chosen), ["product_left_out"]);
        let error = choose_listed(&listed, 1, &refusing(&listed)).unwrap_err();
        assert_eq!((error.kind.as_str(), error.message.as_str()), ("unsupported", "tas: not in kerchunk-parquet"));
    }

    #[test]
    fn auto_takes_copies_only_if_nothing_virtual_will_do() {
        let auto =
            |refused: &[ProductSettings]| choose_auto(&[ProductSettings::Kerchunk], &[PARQUET], 7, &refusing(refused));
        let chosen = auto(&[]).unwrap();
        assert_eq!(
            (&chosen.products[..], &kinds(&chosen)[..]),
            (&[ProductSettings::Kerchunk][..], &["product_chosen"][..])
        );
        assert!(chosen.notes[0].message.contains("all of its 7 references"), "{:?}", chosen.notes);
        let chosen = auto(&[ProductSettings::Kerchunk]).unwrap();
        assert_eq!(
            (&chosen.products[..], &kinds(&chosen)[..]),
            (&[PARQUET][..], &["product_chosen", "product_left_out"][..])
        );
        assert_eq!(auto(&[ProductSettings::Kerchunk, PARQUET]).unwrap_err().message, "tas: not in kerchunk");
    }

    #[test]
    fn an_empty_cube_is_carried() {
        let (files, joins, choices, apart, notes) = Default::default();
        let cube = VirtualCube { files, joins, root: Default::default(), choices, apart, notes };
        let chosen = choose(&ProductsAsked::Auto, (&cube, &[]), &PublicUrls::default()).unwrap();
        assert_eq!(chosen.products, [ProductSettings::Kerchunk, ProductSettings::Cfa]);
    }
}
