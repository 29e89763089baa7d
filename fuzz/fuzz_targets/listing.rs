//! A page that a server sends for a folder: only direct children of that folder are taken from it.
#![no_main]

use altostac::scan::children;
use altostac_fuzz::allocator::within;
use url::Url;

const FOLDER: &str = "https://dap.example.org/badc/cmip6/";

libfuzzer_sys::fuzz_target!(|page: &[u8]| {
    within(400 * page.len() + (16 << 20), || {
        let Ok(folder) = Url::parse(FOLDER) else { return };
        for (name, url, is_folder) in children(page, &folder) {
            let below = url.as_str().strip_prefix(FOLDER).map(|rest| rest.strip_suffix('/').unwrap_or(rest));
            assert!(below.is_some_and(|below| !below.is_empty() && !below.contains('/')), "{url}");
            assert!(!name.is_empty() && !name.contains('/') && name != ".." && name != ".", "{name:?}");
            assert_eq!(url.as_str().ends_with('/'), is_folder, "{url}");
            assert!(url.query().is_none() && url.fragment().is_none(), "{url}");
        }
    });
});
