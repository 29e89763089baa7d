//! Where a link or asset leads.

use percent_encoding::percent_decode_str;
use url::Url;

/// Where an href leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// To a path below the catalogue's folder.
    Inside(String),
    /// To a file of this machine.
    Local(Url),
    /// Elsewhere.
    Elsewhere,
    /// Out of the catalogue's folder, by `..`.
    Outside,
    /// Nowhere: it is neither a URL nor a path.
    Wrong,
}

/// Where an href of the record at `record` leads.
pub(super) fn target(record: &str, href: &str) -> Target {
    if href.is_empty() {
        return Target::Wrong;
    }
    if let Ok(url) = Url::parse(href) {
        return if url.scheme() == "file" { Target::Local(url) } else { Target::Elsewhere };
    }
    if href.starts_with('/') {
        return Target::Wrong;
    }
    let path = href.split(['?', '#']).next().unwrap_or_default();
    let Ok(path) = percent_decode_str(path).decode_utf8() else { return Target::Wrong };
    let mut pieces: Vec<&str> = record.split('/').collect();
    pieces.pop();
    for piece in path.split('/') {
        match piece {
            "" | "." => {}
            ".." => {
                if pieces.pop().is_none() {
                    return Target::Outside;
                }
            }
            name => pieces.push(name),
        }
    }
    Target::Inside(pieces.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hrefs_lead_from_the_place_of_their_record() {
        let of = |href: &str| target("c/items/a.json", href);
        let inside = |path: &str| Target::Inside(path.into());
        assert_eq!(of("../collection.json"), inside("c/collection.json"));
        assert_eq!(of("./b%20c.json#x"), inside("c/items/b c.json"));
        assert_eq!(of("../../catalog.json"), inside("catalog.json"));
        assert_eq!(of("../products/a/r1/kerchunk.parq/"), inside("c/products/a/r1/kerchunk.parq"));
        assert_eq!(of("../../../x.json"), Target::Outside);
        assert_eq!(of("https://x.org/a"), Target::Elsewhere);
        assert!(matches!(of("file:///a.nc"), Target::Local(_)));
        assert_eq!((of(""), of("/a.json")), (Target::Wrong, Target::Wrong));
    }

    proptest! {
        #[test]
        fn nothing_leads_out_unnoticed(href in r"[a./%:0-9]{0,12}") {
            if let Target::Inside(path) = target("c/items/a.json", &href) {
                prop_assert!(!path.split('/').any(|piece| piece == ".."), "{}", path);
            }
        }
    }
}
