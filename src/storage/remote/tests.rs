#![allow(clippy::unwrap_used, clippy::single_range_in_vec_init)]
use std::sync::atomic::{AtomicUsize, Ordering};

use super::file::inspected_file;
use super::heads::FIRST;
use super::testing::{Asked, DATE, Reply, Room, Server, ranged};
use super::waves::GAP;
use super::*;
use crate::storage::ByteSource;
use crate::storage::source::conformance::conforms;

static HUNDRED: [u8; 100] = {
    let mut bytes = [0; 100];
    let mut at = 0_u8;
    while at < 100 {
        bytes[at as usize] = at;
        at += 1;
    }
    bytes
};

const BIG: usize = 3 << 20;
static ZEROS: [u8; BIG] = [0; BIG];

fn quick() -> Settings {
    Settings {
        connect_timeout: Duration::from_secs(5),
        stall_timeout: Duration::from_secs(20),
        request_timeout: Duration::from_secs(20),
        retries: 2,
        first_pause: Duration::from_millis(1),
        longest_pause: Duration::from_millis(4),
        longest_pause_asked: Duration::from_millis(5),
        give_up_after: Duration::from_secs(20),
        longest_silence: Duration::from_secs(20),
        requests_per_host: 32,
    }
}

fn remote() -> Arc<Remote> {
    Arc::new(Remote::new(quick()))
}

fn open(remote: &Arc<Remote>, url: &SourceUrl) -> Result<RemoteFile, StorageError> {
    RemoteFile::open_with(Arc::clone(remote), url, &fetch::source_file)
}

fn chained(error: &StorageError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    format!("{text}; {}; {error:?}", error.remedy().unwrap_or_default())
}

#[test]
fn remote_files_conform() {
    let server = Server::of(&HUNDRED, "\"a\"", DATE);
    let remote = remote();
    conforms(&open(&remote, &server.url("a.nc")).unwrap());
    assert_eq!(server.count(), 1, "all of it lies in the head");

    // Nothing in the head: every range is a request.
    let mut opened = open(&remote, &server.url("b.nc")).unwrap();
    opened.head = Bytes::new();
    conforms(&opened);
    assert!(server.asked().iter().all(|asked| asked.method == "GET"));
}

#[test]
fn the_head_is_one_request_and_is_learnt_by_folder() {
    let server = Server::of(&ZEROS, "\"a\"", "");
    let remote = remote();
    let first = open(&remote, &server.url("x/1.nc")).unwrap();
    assert_eq!((first.head(), first.file().size), (FIRST, BIG as u64));
    first.read(&[0..FIRST, 7..9]).unwrap();
    assert_eq!(server.count(), 1);
    first.read(&[0..FIRST + 1]).unwrap();
    let asked = server.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].range().unwrap(), FIRST..FIRST + 1, "only what the head lacks");
    first.learn(200_000);

    let second = open(&remote, &server.url("x/2.nc")).unwrap();
    second.read(&[0..200_000]).unwrap();
    let asked = server.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].range().unwrap(), 0..204_800);
    assert_eq!(open(&remote, &server.url("y/2.nc")).unwrap().head(), FIRST);
}

#[test]
fn a_wave_is_requested_at_once_and_close_ranges_as_one() {
    let room = Arc::new(Room::default());
    let inside = Arc::clone(&room);
    let server = Server::new(move |asked| {
        if asked.range().is_some_and(|range| range.start > 0) {
            inside.visit(8, Duration::from_secs(10));
        }
        ranged(asked, &ZEROS, "\"a\"", DATE)
    });
    let file = open(&remote(), &server.url("a.nc")).unwrap();
    server.asked();
    let far = 100_000_u64;
    let ranges: Vec<_> = (1..=8).flat_map(|at| [at * far..at * far + 10, at * far + GAP..at * far + GAP + 5]).collect();
    let pieces = file.read(&ranges).unwrap();
    assert!(pieces.iter().zip(&ranges).all(|(piece, range)| piece.len() as u64 == range.end - range.start));
    assert_eq!(server.count(), 8);
    assert_eq!(room.most(), 8);
}

#[test]
fn each_host_bears_so_many_requests_and_no_more() {
    let room = Arc::new(Room::default());
    let inside = Arc::clone(&room);
    let server = Server::new(move |asked| {
        inside.visit(3, Duration::from_millis(20));
        ranged(asked, &ZEROS, "\"a\"", DATE)
    });
    let remote = Arc::new(Remote::new(Settings { requests_per_host: 2, ..quick() }));
    let file = open(&remote, &server.url("a.nc")).unwrap();
    let ranges: Vec<_> = (1..=8).map(|at| at * 100_000..at * 100_000 + 10).collect();
    file.read(&ranges).unwrap();
    assert!(room.most() <= 2, "{}", room.most());
}

/// A file whose first answer is one, and all others another.
fn changing(
    first: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
    then: impl Fn(&Asked) -> Reply + Send + Sync + 'static,
) -> String {
    let server = Server::new(move |asked| match asked.range() {
        Some(range) if range.start == 0 => first(asked),
        _ => then(asked),
    });
    let file = open(&remote(), &server.url("a.nc")).unwrap();
    server.asked();
    let error = file.read(&[1 << 20..(1 << 20) + 5]).unwrap_err();
    assert!(matches!(error, StorageError::Changed { .. }), "{error}");
    assert!(error.remedy().is_some());
    assert_eq!(server.count(), 1, "a file that changed is not asked for again");
    error.to_string()
}

#[test]
fn a_file_that_changes_is_noticed_by_every_answer() {
    let as_first = |asked: &Asked| ranged(asked, &ZEROS, "\"a\"", DATE);
    let message = changing(as_first, |asked| ranged(asked, &ZEROS, "\"b\"", DATE));
    assert!(message.contains("ETag \"a\"") && message.contains("ETag \"b\""), "{message}");
    changing(as_first, |asked| ranged(asked, &ZEROS, "\"a\"", "Tue, 01 Sep 2026 10:00:01 GMT"));
    changing(as_first, |asked| ranged(asked, &ZEROS, "", DATE));
    changing(as_first, |asked| ranged(asked, &ZEROS[..BIG - 1], "\"a\"", DATE));
    changing(as_first, |_| Reply::new(412, ""));
    changing(as_first, |_| Reply::new(416, "").header("Content-Range", "bytes */10"));
    changing(|asked| ranged(asked, &ZEROS, "W/\"a\"", DATE), |asked| ranged(asked, &ZEROS, "W/\"b\"", DATE));
}

#[test]
fn only_strong_entity_tags_are_asked_for() {
    for (tag, expected) in [("\"a\"", Some("\"a\"")), ("W/\"a\"", None), ("", None)] {
        let server = Server::of(&ZEROS, tag, DATE);
        let file = open(&remote(), &server.url("a.nc")).unwrap();
        file.read(&[1 << 20..(1 << 20) + 5]).unwrap();
        let asked = server.asked();
        assert_eq!(asked[0].header("if-match"), None);
        assert_eq!(asked[1].header("if-match"), expected);
    }
}

#[test]
fn servers_without_ranges_are_refused_before_the_body_unless_it_is_short() {
    let server = Server::new(|_| Reply::new(200, vec![0; 10]).header("Content-Length", "10000000000"));
    let error = open(&remote(), &server.url("a.nc")).err().unwrap();
    assert!(matches!(error, StorageError::IgnoresRanges { .. }) && error.remedy().is_some(), "{error}");
    assert_eq!(server.count(), 1);

    // Of a body without a length no more is taken than was asked for.
    let server = Server::new(|_| Reply::new(200, ZEROS.to_vec()).header("Content-Length", "").header("ETag", "\"a\""));
    assert!(matches!(open(&remote(), &server.url("a.nc")), Err(StorageError::IgnoresRanges { .. })));

    for length in ["100", ""] {
        let server =
            Server::new(move |_| Reply::new(200, HUNDRED).header("Content-Length", length).header("ETag", "\"a\""));
        let remote = remote();
        conforms(&open(&remote, &server.url("a.nc")).unwrap());
        assert_eq!(server.count(), 1);
    }
}

#[test]
fn what_ends_early_or_fails_for_a_while_is_asked_for_again() {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let server = Server::new(move |asked| {
        let good = ranged(asked, &HUNDRED, "", DATE);
        match counted.fetch_add(1, Ordering::SeqCst) {
            0 => good.cut(40),
            1 => Reply::new(503, "<Error><Code>SlowDown</Code></Error>").header("Retry-After", "3600"),
            _ => good,
        }
    });
    conforms(&open(&remote(), &server.url("a.nc")).unwrap());
    assert_eq!(server.count(), 3);
    for status in [429, 500, 502, 504, 408] {
        count.store(0, Ordering::SeqCst);
        let counted = Arc::clone(&count);
        let server = Server::new(move |asked| match counted.fetch_add(1, Ordering::SeqCst) {
            0 => Reply::new(status, ""),
            _ => ranged(asked, &HUNDRED, "", DATE),
        });
        assert!(open(&remote(), &server.url("a.nc")).is_ok(), "{status}");
    }
}

#[test]
fn what_keeps_failing_is_an_error_that_says_how() {
    let message = |server: &Server| chained(&open(&remote(), &server.url("a.nc")).err().unwrap());
    let server = Server::new(|asked| ranged(asked, &HUNDRED, "\"a\"", DATE).cut(40));
    let text = message(&server);
    assert!(text.contains("/a.nc"), "{text}");
    assert_eq!(server.count(), 3, "retries are bounded");

    let server = Server::new(|_| Reply::new(503, "<Error><Code>SlowDown</Code><Secret>x</Secret></Error>"));
    let text = message(&server);
    assert!(text.contains("503 Service Unavailable (SlowDown)"), "{text}");
    assert_eq!(server.count(), 3);

    let address = server.url("a.nc");
    drop(server);
    let text = chained(&open(&remote(), &address).err().unwrap());
    assert!(text.contains("/a.nc"), "{text}");
}

#[test]
fn a_silent_server_is_an_error() {
    let remote = Arc::new(Remote::new(Settings { stall_timeout: Duration::from_millis(400), retries: 1, ..quick() }));
    let in_the_body = |asked: &Asked| ranged(asked, &HUNDRED, "\"a\"", DATE).stall(10);
    for server in [Server::new(in_the_body), Server::new(|_| Reply::mute())] {
        let text = chained(&open(&remote, &server.url("a.nc")).err().unwrap());
        assert!(text.contains("did not answer in time"), "{text}");
        assert_eq!(server.count(), 2);
    }
}

#[test]
fn a_server_that_is_gone_is_not_asked_for_every_file() {
    let settings = Settings { longest_silence: Duration::ZERO, retries: 0, ..quick() };
    let remote = Arc::new(Remote::new(settings));
    let gate = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let is_open = Arc::clone(&gate);
    let server = Server::new(move |asked| match is_open.load(Ordering::SeqCst) {
        true => ranged(asked, &HUNDRED, "\"a\"", DATE),
        false => Reply::new(200, "").cut_head(),
    });
    let texts: Vec<_> = (0..40).map(|_| chained(&open(&remote, &server.url("a.nc")).err().unwrap())).collect();
    assert_eq!(server.count(), 17, "sixteen, and one that tries whether it is back");
    assert!(texts[39].contains("has not answered any request"), "{}", texts[39]);
    assert!(!texts[0].contains("has not answered any request"), "{}", texts[0]);

    // One answer, and all is forgotten.
    let host = Arc::new(Remote::new(Settings { longest_silence: Duration::ZERO, retries: 0, ..quick() }));
    for _ in 0..15 {
        open(&host, &server.url("a.nc")).err().unwrap();
    }
    gate.store(true, Ordering::SeqCst);
    open(&host, &server.url("a.nc")).unwrap();
    gate.store(false, Ordering::SeqCst);
    server.asked();
    for _ in 0..15 {
        open(&host, &server.url("a.nc")).err().unwrap();
    }
    assert_eq!(server.count(), 15);
}

#[test]
fn refusals_are_not_repeated_and_say_what_to_do() {
    for (status, words) in [(404, "404 Not Found"), (403, "403 Forbidden (AccessDenied)"), (401, "401 Unauthorized")] {
        let body = if status == 403 { "<Error><Code>AccessDenied</Code></Error>" } else { "<html>secret page" };
        let server = Server::new(move |_| Reply::new(status, body));
        let error = open(&remote(), &server.url("a.nc")).err().unwrap();
        assert!(matches!(error, StorageError::Refused { status: found, .. } if found == status));
        assert!(error.to_string().contains(words) && error.remedy().is_some(), "{error}");
        assert!(!chained(&error).contains("secret page"));
        assert_eq!(server.count(), 1);
    }
}

#[test]
fn answers_to_another_question_are_errors() {
    let altered: [fn(Reply) -> Reply; 6] = [
        |reply| reply.header("Content-Range", ""),
        |reply| reply.header("Content-Range", "bytes 0-65535/*"),
        |reply| reply.header("Content-Range", "bytes 1-65536/3145728"),
        |reply| reply.header("Content-Range", "bytes 0-18446744073709551615/3145728"),
        |reply| reply.header("Content-Range", "items 0-65535/3145728"),
        |reply| reply.header("Content-Length", "99999999999"),
    ];
    for alter in altered {
        let server = Server::new(move |asked| alter(ranged(asked, &ZEROS, "\"a\"", DATE)));
        let error = open(&remote(), &server.url("a.nc")).err().unwrap();
        assert!(matches!(error, StorageError::Answer { .. }), "{error}");
        assert_eq!(server.count(), 1);
    }
    // More than was asked for, without a length.
    let server = Server::new(|asked| {
        let range = asked.range().unwrap();
        let span = format!("bytes {}-{}/{BIG}", range.start, range.end - 1);
        Reply::new(206, ZEROS.to_vec()).header("Content-Length", "").header("Content-Range", &span)
    });
    assert!(matches!(open(&remote(), &server.url("a.nc")), Err(StorageError::Answer { .. })));
}

#[test]
fn empty_files_are_empty() {
    for etag in ["\"a\"", ""] {
        let server = Server::new(move |asked| match asked.range() {
            Some(_) => Reply::new(416, "").header("Content-Range", "bytes */0").header("ETag", etag),
            None => Reply::new(200, "").header("Last-Modified", DATE),
        });
        let file = open(&remote(), &server.url("a.nc")).unwrap();
        assert_eq!((file.file().size, file.head()), (0, 0));
        assert_eq!(file.read(&[0..0]).unwrap(), [Bytes::new()]);
        assert!(file.read(&[0..1]).is_err());
        assert_eq!(server.count(), if etag.is_empty() { 2 } else { 1 });
        let looked = block_on(async { remote().look_at(&server.url("a.nc")).await }).unwrap();
        assert_eq!(looked, *file.file());
    }
    // nginx sends an empty file whole.
    let server = Server::new(|_| Reply::new(200, "").header("ETag", "\"a\""));
    assert_eq!(open(&remote(), &server.url("a.nc")).unwrap().file().size, 0);
}

#[test]
fn redirects_are_followed_and_tell_no_one_where_they_came_from() {
    let target = Server::of(&HUNDRED, "\"a\"", DATE);
    let location = target.url("there/b.nc").to_string();
    let server = Server::new(move |_| Reply::new(302, "").header("Location", &location));
    conforms(&open(&remote(), &server.url("a.nc?private=1")).unwrap());
    let asked = target.asked();
    assert_eq!(asked[0].target, "/there/b.nc");
    assert_eq!(asked[0].header("referer"), None);

    let page = block_on(async { remote().page(server.url("folder").url(), 1000).await }).unwrap();
    assert_eq!((page.url.path(), page.bytes.len()), ("/there/b.nc", 100));

    let server = Server::new(|asked| Reply::new(302, "").header("Location", &asked.target));
    let error = open(&remote(), &server.url("a.nc")).err().unwrap();
    assert!(matches!(error, StorageError::Refused { status: 302, .. }), "{error}");
    assert!(server.count() <= 10);
}

#[test]
fn signed_requests_follow_no_redirect() {
    let server = Server::new(|_| {
        Reply::new(307, "").header("x-amz-bucket-region", "eu-west-2").header("Location", "http://other/")
    });
    let connector = transport::Connector::new(quick()).towards(server.url("").url()).signed();
    let store = object_store::http::HttpBuilder::new()
        .with_url(server.url("").as_str())
        .with_http_connector(connector)
        .build()
        .unwrap();
    let wanted =
        transport::Wanted { url: None, range: Some(0..9), limit: 9, whole: transport::Whole::Never, expected: None };
    let mut options = object_store::GetOptions { range: Some((0..9).into()), ..Default::default() };
    options.extensions.insert(Arc::new(wanted));
    let url = "s3://bucket/a.nc".parse().unwrap();
    let answer = block_on(async {
        store.get_opts(&Path::from("a.nc"), options).await.map(|_| ()).map_err(|error| failed(&url, &error))
    });
    let error = answer.unwrap_err();
    assert!(error.to_string().contains("the bucket is in the region \"eu-west-2\""), "{error}");
    assert!(error.remedy().unwrap().contains("AWS_REGION"));
}

#[test]
fn errors_of_a_listing_name_the_bucket_and_the_code_but_show_no_page() {
    let server = Server::new(|asked| match asked.target.contains("broken") {
        true => Reply::new(400, "<Error><Code>InvalidArgument</Code><Secret>x</Secret></Error>"),
        false => Reply::new(403, "<Error><Code>AccessDenied</Code><Secret>x</Secret></Error>"),
    });
    for (prefix, words) in [("data", "403 Forbidden (AccessDenied)"), ("broken", "400 Bad Request (InvalidArgument)")] {
        let store = object_store::aws::AmazonS3Builder::new()
            .with_endpoint(server.url("").as_str())
            .with_bucket_name("bucket")
            .with_skip_signature(true)
            .with_http_connector(transport::Connector::new(quick()).towards(server.url("").url()).signed())
            .build()
            .unwrap();
        let url: Url = format!("s3://bucket/{prefix}").parse().unwrap();
        let listed = block_on(async {
            store.list_with_delimiter(Some(&Path::from(prefix))).await.map_err(|error| failed(&url, &error))
        });
        let text = chained(&listed.unwrap_err());
        assert!(text.contains(url.as_str()) && text.contains(words) && !text.contains("Secret"), "{text}");
    }
}

#[test]
fn secrets_of_urls_are_never_told() {
    let server = Server::new(|asked| match asked.range() {
        Some(range) if range.start == 0 && asked.target.contains("half") => ranged(asked, &ZEROS, "\"a\"", DATE),
        Some(range) if range.start == 0 && asked.target.contains("broken") => {
            Reply::new(206, "").header("Location", "x")
        }
        _ => Reply::new(403, "SECRET1"),
    });
    let query = "?X-Amz-Credential=SECRET2&X-Amz-Signature=SECRET3&sig=SECRET4&token=SECRET5&plain=shown";
    for path in ["a.nc", "broken.nc"] {
        let url = server.url(&format!("{path}{query}"));
        let text = chained(&open(&remote(), &url).err().unwrap());
        assert!(text.contains("plain=shown") && !text.contains("SECRET"), "{text}");
    }
    assert_eq!(server.asked()[0].target, format!("/a.nc{query}"), "the server is told all of it");
    let url = server.url(&format!("half.nc{query}"));
    assert!(!format!("{url:?}").contains("SECRET"));
    let error = open(&remote(), &url).err().unwrap();
    assert!(matches!(error, StorageError::Url { .. }) && !chained(&error).contains("SECRET"), "{error}");
    let file = RemoteFile::open_with(remote(), &url, &inspected_file).unwrap();
    for range in [1 << 20..(1 << 20) + 5, 0..1 << 40] {
        let text = chained(&file.read(&[range]).unwrap_err());
        assert!(text.contains("half.nc") && !text.contains("SECRET"), "{text}");
    }
    let named = format!("http://me:SECRET@{}/a.nc", server.url("").url().authority());
    let text = chained(&open(&remote(), &SourceUrl::new(named.parse().unwrap())).err().unwrap());
    assert!(text.contains("user name or password") && !text.contains("SECRET"), "{text}");
}

#[test]
fn urls_reach_the_server_as_they_were_written() {
    let server = Server::of(&HUNDRED, "\"a\"", DATE);
    let remote = remote();
    for path in [
        "a%20b.nc",
        "a+b.nc",
        "100%25.nc",
        "a%23b.nc",
        "%C3%A9t%C3%A9.nc",
        "a//b.nc",
        "a%2Fb.nc",
        "~x/[1].nc",
        "a'(b)!.nc",
        "%FF.nc",
        "a.nc?v=1&w=%20",
        "a.nc#part",
    ] {
        open(&remote, &server.url(path)).unwrap();
        let expected = format!("/{}", path.split('#').next().unwrap());
        assert_eq!(server.asked()[0].target, expected);
    }
}

#[test]
fn objects_are_named_by_decoded_paths() {
    let path = |url: &str| remote().store(&url.parse().unwrap()).map(|(_, path)| path.to_string());
    assert_eq!(path("s3://bucket/a%20b/100%25%23.nc").unwrap(), "a b/100%#.nc");
    assert_eq!(path("gs://bucket/%C3%A9t%C3%A9+.nc").unwrap(), "été+.nc");
    for bad in [
        "s3://bucket/a//b.nc",
        "s3://bucket/%FF",
        "s3://bucket/a?b",
        "s3://bu%20cket/a",
        "s3:///a",
        "s3://me:SECRET@bucket/a",
        "s3://bucket:99/a",
        "s3://bucket/a%00b",
    ] {
        let error = path(bad).unwrap_err();
        assert!(matches!(error, StorageError::Url { .. }) && !error.to_string().contains("SECRET"), "{bad}: {error}");
    }
    for bad in ["ftp://host/a.nc", "file:///a.nc", "memory:///a"] {
        assert!(matches!(path(bad), Err(StorageError::Scheme { .. })));
    }
}

#[test]
fn files_are_told_from_their_later_states() {
    let noon = DateTime::parse_from_rfc2822(DATE).unwrap().to_utc();
    let tag = |tag: &str| Some(Fingerprint::ETag { tag: tag.into() });
    let date = Some(Fingerprint::ModifiedAndSize { modified_ns: noon.timestamp() * 1_000_000_000, size: 7 });
    assert_eq!(fingerprint_of(Some("\"a\""), Some(noon), 7), tag("\"a\""));
    assert_eq!(fingerprint_of(Some("0x8D"), Some(noon), 7), tag("\"0x8D\""));
    assert_eq!(fingerprint_of(Some("W/\"a\""), Some(noon), 7), date);
    assert_eq!(fingerprint_of(None, Some(noon + Duration::from_millis(300)), 7), date);
    assert_eq!(fingerprint_of(Some("W/\"a\""), None, 7), tag("W/\"a\""));
    assert_eq!(fingerprint_of(Some(" "), None, 7), None);

    let server = Server::of(&HUNDRED, "", "");
    let error = open(&remote(), &server.url("a.nc")).err().unwrap();
    assert!(matches!(error, StorageError::Indistinct { .. }) && error.remedy().is_some());
    conforms(&RemoteFile::open_with(remote(), &server.url("a.nc"), &inspected_file).unwrap());
}

#[test]
fn many_files_are_looked_at_in_order_by_one_byte_each() {
    let server = Server::new(|asked| match asked.target.as_str() {
        "/3.nc" => Reply::new(404, ""),
        "/4.nc" => Reply::new(200, vec![0; 10]).header("Content-Length", "10000000000").header("ETag", "\"a\""),
        _ => ranged(asked, &ZEROS, &format!("\"{}\"", asked.target), DATE),
    });
    let urls: Vec<_> = (0..50).map(|at| server.url(&format!("{at}.nc"))).collect();
    let looked = look_at_all(&urls);
    assert_eq!(looked.len(), 50);
    for (at, (url, found)) in urls.iter().zip(&looked).enumerate() {
        match (at, found) {
            (3, found) => assert!(matches!(found, Err(StorageError::Refused { status: 404, .. }))),
            (4, found) => assert_eq!(found.as_ref().unwrap().size, 10_000_000_000),
            (_, found) => {
                let tag = format!("\"/{at}.nc\"");
                let expected =
                    SourceFile { url: url.clone(), size: BIG as u64, fingerprint: Fingerprint::ETag { tag } };
                assert_eq!(*found.as_ref().unwrap(), expected);
            }
        }
    }
    let asked = server.asked();
    assert_eq!(asked.len(), 50);
    assert!(asked.iter().all(|asked| asked.method == "GET" && asked.range() == Some(0..1)));
    assert_eq!(look_at(&urls[7]).unwrap(), *looked[7].as_ref().unwrap());
    assert!(look_at_all(&[]).is_empty());
}

#[test]
fn pages_are_read_whole_but_not_for_ever() {
    let server =
        Server::new(|_| Reply::new(200, HUNDRED).header("Content-Length", "").header("Content-Type", "text/html"));
    let read = |limit| block_on(async { remote().page(server.url("x/").url(), limit).await });
    let page = read(100).unwrap();
    assert_eq!((page.bytes.as_ref(), page.content_type.as_deref()), (&HUNDRED[..], Some("text/html")));
    assert!(matches!(read(99), Err(StorageError::Answer { .. })));
}

#[test]
fn reading_works_within_another_runtime() {
    let server = Server::of(&HUNDRED, "\"a\"", DATE);
    let remote = remote();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { conforms(&open(&remote, &server.url("a.nc")).unwrap()) });
    let found = runtime.block_on(async { look_at(&server.url("a.nc")) });
    assert_eq!(found.unwrap().size, 100);
}

#[test]
fn traffic_is_counted() {
    let server = Server::of(&HUNDRED, "\"a\"", DATE);
    let before = crate::storage::traffic();
    open(&remote(), &server.url("a.nc")).unwrap();
    let after = crate::storage::traffic();
    // Other tests count at the same time.
    assert!(after.requests > before.requests && after.bytes >= before.bytes + 100);
}
