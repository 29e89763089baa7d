use super::*;
use std::fs;

/// A server that grants a file, a source, and a directory product beside which a secret lies.
async fn server() -> (tempfile::TempDir, Server) {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir_all(at("data.zarr/x")).unwrap();
    fs::write(at("kerchunk.json"), "{\"version\":1}").unwrap();
    fs::write(at("a.nc"), "0123456789").unwrap();
    fs::write(at("secret"), "secret").unwrap();
    fs::write(at("data.zarr/.zmetadata"), "{}").unwrap();
    fs::write(at("data.zarr/x/0.0"), "chunk").unwrap();
    std::os::unix::fs::symlink(at("secret"), at("data.zarr/escape")).unwrap();
    std::os::unix::fs::symlink(at("secret"), at("link.nc")).unwrap();
    let mut files = GrantedFiles::default();
    files.insert("/products/c/kerchunk.json", Grant::File(at("kerchunk.json")));
    files.insert("/products/c/data.zarr", Grant::Directory(at("data.zarr")));
    files.insert("/sources/ä b.nc", Grant::File(at("a.nc")));
    files.insert("/sources/link.nc", Grant::File(at("link.nc")));
    files.insert("/sources/gone.nc", Grant::File(at("gone.nc")));
    (folder, Server::start(Writes::Refused, files).await)
}

#[tokio::test]
async fn granted_files_come_whole_and_in_ranges() {
    let (_folder, server) = server().await;
    let whole = server.get("/products/c/kerchunk.json").await;
    assert_eq!(header(&whole, "content-type"), "application/json");
    assert_eq!(whole.expect_status(200).await, json!({"version": 1}));
    let source = "/sources/%C3%A4%20b.nc";
    let head = server.request(Method::HEAD, source).send().await.unwrap();
    assert_eq!((head.status().as_u16(), header(&head, "content-length")), (200, "10".to_owned()));
    assert_eq!(header(&head, "content-type"), "application/x-netcdf");
    assert_eq!(header(&head, "accept-ranges"), "bytes");
    assert_ne!(header(&head, "last-modified"), "");
    let tag = header(&head, "etag");
    let range =
        |range: &str| server.request(Method::GET, source).header("range", range).header("origin", "http://x.example");
    for (asked, status, expected) in
        [("bytes=2-4", 206, "234"), ("bytes=-3", 206, "789"), ("bytes=8-", 206, "89"), ("bytes=2-999", 206, "23456789")]
    {
        let response = range(asked).send().await.unwrap();
        assert_eq!(response.status(), status, "{asked}");
        assert!(header(&response, "content-range").ends_with("/10"));
        assert_eq!(header(&response, "access-control-allow-origin"), "*");
        assert_eq!(response.text().await.unwrap(), expected, "{asked}");
    }
    assert_eq!(range("bytes=10-").send().await.unwrap().status(), StatusCode::RANGE_NOT_SATISFIABLE);
    let same = range("bytes=0-0").header("if-range", &tag).send().await.unwrap();
    assert_eq!(same.status(), StatusCode::PARTIAL_CONTENT);
    let changed = range("bytes=0-0").header("if-range", "\"old\"").send().await.unwrap();
    assert_eq!((changed.status().as_u16(), changed.text().await.unwrap().len()), (200, 10));
    let unchanged = server.request(Method::GET, source).header("if-none-match", &tag).send().await.unwrap();
    assert_eq!(unchanged.status(), StatusCode::NOT_MODIFIED);
}

#[tokio::test]
async fn directory_products_are_there_without_being_listed() {
    let (_folder, server) = server().await;
    for path in ["/products/c/data.zarr", "/products/c/data.zarr/"] {
        let head = server.request(Method::HEAD, path).send().await.unwrap();
        assert_eq!(head.status(), StatusCode::OK, "{path}");
        let body = server.get(path).await.text().await.unwrap();
        assert!(!body.contains("zmetadata"), "{body}");
    }
    let metadata = server.get("/products/c/data.zarr/.zmetadata").await;
    assert_eq!(header(&metadata, "content-type"), "application/json");
    assert_eq!(server.get("/products/c/data.zarr/x/0.0").await.text().await.unwrap(), "chunk");
    server.get("/products/c/data.zarr/x").await.expect_status(404).await;
    server.get("/products/c/data.zarr/x/0.1").await.expect_status(404).await;
}

#[tokio::test]
async fn nothing_beside_the_granted_files_can_be_reached() {
    let (_folder, server) = server().await;
    for path in [
        "/products/c/secret",
        "/products/c",
        "/products/c/",
        "/products/secret",
        "/sources/gone.nc",
        "/sources/link.nc",
        "/products/c/data.zarr/escape",
        "/products/c/data.zarr/%2e%2e/secret",
        "/products/c/data.zarr/..%2fsecret",
        "/products/c/data.zarr/..%5csecret",
        "/products/c/data.zarr/%2Fetc%2Fpasswd",
        "/products/c/data.zarr/x%00",
        "/products//etc/passwd",
        "/products/c/kerchunk.json/x",
    ] {
        let error = server.get(path).await.expect_status(404).await;
        assert!(error["code"] == "NotFound" && !error.to_string().contains("tmp"), "{path}: {error}");
    }
    let raw = raw_request(server.port, "GET /products/c/data.zarr/../../../secret HTTP/1.1").await;
    assert!(raw.starts_with("HTTP/1.1 404"), "{raw}");
}

/// Sends a request line that no client library would send.
async fn raw_request(port: u16, line: &str) -> String {
    use std::io::{Read, Write};
    let request = format!("{line}\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    tokio::task::spawn_blocking(move || {
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    })
    .await
    .unwrap()
}
