//! Listings as servers write them.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use url::Url;

use super::anchors::decoded;
use super::*;

const FOLDER: &str = "https://data.example.org/badc/tas%20(day)/";

fn folder() -> Url {
    Url::parse(FOLDER).unwrap()
}

/// `name` or `name/` of each child.
fn names(page: &str) -> Vec<String> {
    let listing = links(page, &folder()).unwrap();
    assert!(listing.unnamed.is_empty());
    listing.entries.iter().map(|entry| format!("{}{}", entry.name, if entry.is_folder { "/" } else { "" })).collect()
}

#[test]
fn nginx() {
    let page = "<html>\r\n<head><title>Index of /badc/tas (day)/</title></head>\r\n<body>\r\n<h1>Index of /badc/tas (day)/</h1><hr>\
        <pre><a href=\"../\">../</a>\r\n<a href=\"v2019/\">v2019/</a>          20-Nov-2026 10:00       -\r\n\
        <a href=\"tas_a%20very_long_name%2Bplus%26and.nc\">tas_a very_long_name..&gt;</a>  20-Nov-2026 10:00   1234\r\n</pre><hr></body>\r\n</html>\r\n";
    assert_eq!(names(page), ["tas_a very_long_name+plus&and.nc", "v2019/"]);
    let entries = links(page, &folder()).unwrap().entries;
    assert_eq!(entries[0].url.as_str(), format!("{FOLDER}tas_a%20very_long_name%2Bplus%26and.nc"));
    assert_eq!(entries[1].url.as_str(), format!("{FOLDER}v2019/"));
}

#[test]
fn nginx_in_json() {
    let page = br#"[
{ "name":"v2019", "type":"directory", "mtime":"Sun, 22 Nov 2026 10:00:00 GMT" },
{ "name":"a b%#.nc", "type":"file", "mtime":"Sun, 22 Nov 2026 10:00:00 GMT", "size":6 },
{ "name":"../up.nc", "type":"file" }
]"#;
    let listing = listing(page, &folder()).unwrap();
    let shown: Vec<_> = listing.entries.iter().map(|entry| (entry.name.as_str(), entry.url.as_str())).collect();
    assert_eq!(shown, [("a b%#.nc", &*format!("{FOLDER}a%20b%25%23.nc")), ("v2019", &*format!("{FOLDER}v2019/")),]);
}

#[test]
fn apache_plain() {
    let page = r#"<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 3.2 Final//EN"><html><head><title>Index of /badc/tas (day)</title></head>
<body><h1>Index of /badc/tas (day)</h1>
<ul><li><a href="/badc/"> Parent Directory</a></li>
<li><a href="a.nc"> a.nc</a></li>
<li><a href="sub/"> sub/</a></li>
</ul><address>Apache/2.4.62 (Debian) Server at localhost Port 80</address></body></html>"#;
    assert_eq!(names(page), ["a.nc", "sub/"]);
}

#[test]
fn apache_fancy() {
    let page = r#"<pre><img src="/icons/blank.gif" alt="Icon "> <a href="?C=N;O=D">Name</a>  <a href="?C=M;O=A">Last modified</a>  <a href="?C=S;O=A">Size</a><hr>
<img src="/icons/back.gif" alt="[PARENTDIR]"> <a href="/badc/">Parent Directory</a>                             -
<img src="/icons/folder.gif" alt="[DIR]"> <a href="sub/">sub/</a>                    2026-11-22 10:00    -
<img src="/icons/unknown.gif" alt="[   ]"> <a href="a.nc">a.nc</a>                    2026-11-22 10:00  6.0K
<img src="/icons/unknown.gif" alt="[   ]"> <a href="./b%3ac.nc">b:c.nc</a>
<hr></pre>"#;
    assert_eq!(names(page), ["a.nc", "b:c.nc", "sub/"]);
}

#[test]
fn apache_table() {
    let page = r#"<title>Index of /x</title><table>
   <tr><th valign="top"><img src="/icons/blank.gif" alt="[ICO]"></th><th><a href="?C=N;O=D">Name</a></th></tr>
<tr><td valign="top"><img src="/icons/folder.gif" alt="[DIR]"></td><td><a href="sub/">sub/</a></td><td align="right">  - </td></tr>
<tr><td valign="top"><img src="/icons/unknown.gif" alt="[   ]"></td><td><a href="a&amp;b.nc">a&amp;b.nc</a></td><td>6.0K</td></tr>
</table>"#;
    assert_eq!(names(page), ["a&b.nc", "sub/"]);
}

/// Absolute links, a query that asks for the file itself, folders without a slash that only an icon tells.
#[test]
fn a_data_centre() {
    let page = r#"<html><body><nav><a href="https://data.example.org/">Home</a> <a href='https://auth.example.org/login?next=/badc'>Sign in</a></nav>
<table id="results">
<tr><td><i class="fa fa-folder"></i></td><td><a href="/badc/tas%20(day)/v20190406">v20190406</a></td></tr>
<tr><td><a href="https://data.example.org/badc/tas%20(day)/latest"><i class="fa fa-folder"></i> latest</a></td></tr>
<tr><td><i class="fa fa-file"></i></td><td><a href="https://data.example.org/badc/tas%20(day)/tas.nc">tas.nc</a></td>
<td><a class="btn" href="https://data.example.org/badc/tas%20(day)/tas.nc?download=1#top"><i class="fa fa-download"></i></a></td></tr>
<tr><td><a href="https://data.example.org/badc/tas%20(day)/00README?download=1">00README</a></td></tr>
<tr><td><a href="https://data.example.org:8443/badc/tas%20(day)/elsewhere.nc">other port</a>
<a href="https://other.example.org/badc/tas%20(day)/elsewhere.nc">other host</a>
<a href="/badc/tas%20(day)/sub/deeper.nc">not a direct child</a></td></tr>
</table></body></html>"#;
    assert_eq!(names(page), ["00README", "latest/", "tas.nc", "v20190406/"]);
}

#[test]
fn python() {
    let page = "<!DOCTYPE HTML>\n<html lang=\"en\">\n<head>\n<title>Directory listing for /badc/</title>\n</head>\n<body>\n<ul>\n\
        <li><a href=\"a%20%C3%A9.nc\">a é.nc</a></li>\n<li><a href=\"sub/\">sub/</a></li>\n<li><a href=\"link\">link@</a></li>\n</ul>";
    assert_eq!(names(page), ["a é.nc", "link", "sub/"]);
    assert_eq!(names("<title>Directory listing for /empty/</title><ul></ul>"), Vec::<String>::new());
}

#[test]
fn what_is_no_child_is_left_out() {
    let page = r##"Index of
        <!-- <a href="commented.nc"> --> <script>var x = '<a href="scripted.nc">';</script><STYLE>a{}</STYLE>
        <a name="top"><a href="#top"><a href=""><a href="."><a href="./"><a href="..">..</a><a href="%2e%2e/x.nc">
        <a href="javascript:alert(1)"><a href="mailto:a@b.c"><a href="/"><a href="//evil.example.org/badc/tas%20(day)/x.nc">
        <a href="a%2Fb.nc"><a href="sub//"><a href="http://data.example.org/badc/tas%20(day)/plain.nc">
        <A class=x HREF = unquoted.nc><a data-href="no.nc" href='single.nc'><abbr href="abbr.nc"></abbr> <a href="cut"##;
    assert_eq!(names(page), ["single.nc", "unquoted.nc"]);
}

#[test]
fn what_needs_no_encoding_is_not_encoded() {
    let entries = links(r#"Index of <a href="%74as%5f%2d%2e%7e%2b%c3%A9%+f%.nc">"#, &folder()).unwrap().entries;
    assert_eq!(entries[0].url.as_str(), format!("{FOLDER}tas_-.~%2B%C3%A9%+f%.nc"));
    assert_eq!(entries[0].name, "tas_-.~+é%+f%.nc");
}

#[test]
fn names_that_are_not_utf8_are_told() {
    let listing = links(r#"Index of <a href="%FF.nc">?</a>"#, &folder()).unwrap();
    assert_eq!(listing.unnamed[0].as_str(), format!("{FOLDER}%FF.nc"));
    assert!(listing.entries.is_empty());
}

#[test]
fn a_page_that_is_no_listing() {
    let login =
        r#"<form action="/login"><input name="u"><input type="password"><a href="forgotten">Forgotten?</a></form>"#;
    assert_eq!(links(login, &folder()), None);
    assert_eq!(links("<h1>Welcome</h1><a href=\"/\">Home</a>", &folder()), None);
    assert_eq!(listing(b"\x89HDF\r\n\x1a\n", &folder()), None);
    assert_eq!(listing(b"[]", &folder()), Some(Listing::default()));
}

#[test]
fn character_references() {
    assert_eq!(
        decoded("a&amp;b &lt;&gt;&quot;&apos; &#65;&#x1F600; &copy=1 &unknown; &#xD800; & &#;"),
        "a&b <>\"' A😀 &copy=1 &unknown; &#xD800; & &#;"
    );
}

proptest! {
    /// Whatever a server sends: an answer, and every child is one.
    #[test]
    fn any_page_is_read(page in r#"(<a href=|<!--|-->|"|'|/|\.\.|%2e|%|&#|;|<script>|</script|<tr|[a-z<>é?#= ]|https://data.example.org/badc/){0,60}"#) {
        let listing = listing(page.as_bytes(), &folder()).unwrap_or_default();
        for entry in listing.entries {
            prop_assert!(!entry.name.is_empty() && !entry.name.contains('/') && entry.name != "..");
            let rest = entry.url.as_str().strip_prefix(FOLDER).unwrap().to_owned();
            let rest = rest.strip_suffix('/').unwrap_or(&rest);
            prop_assert!(!rest.is_empty() && !rest.contains(['/', '?', '#']), "{rest}");
        }
    }

    /// A page of any names, as servers encode them, gives the names back.
    #[test]
    fn names_come_back(names in proptest::collection::btree_set(r#"[ -.0-~é]{1,12}"#, 0..8)) {
        let names: Vec<String> = names.into_iter().filter(|name| name != "." && name != "..").collect();
        let line = |name: &String| format!("<a href=\"./{}\">x</a>\n", utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC));
        let page = format!("<title>Index of /</title>{}", names.iter().map(line).collect::<String>());
        let found: Vec<String> = links(&page, &folder()).unwrap().entries.into_iter().map(|entry| entry.name).collect();
        prop_assert_eq!(found, names);
    }
}
