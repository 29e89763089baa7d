use super::*;

#[tokio::test]
async fn only_our_own_name_is_answered() {
    let server = Server::with_items(&[item("a")]).await;
    let as_host = |host: &str| server.request(Method::GET, "/search").header("host", host).send();
    as_host("localhost").await.unwrap().expect_status(200).await;
    as_host("[::1]:7").await.unwrap().expect_status(200).await;
    for foreign in ["evil.example", "evil.example:80", "127.0.0.1.evil.example"] {
        let error = as_host(foreign).await.unwrap().expect_status(403).await;
        assert_eq!(error["code"], "Forbidden");
    }
    let forwarded = server.request(Method::GET, "/").header("x-forwarded-host", "evil.example");
    let landing = forwarded.header("x-forwarded-proto", "https").send().await.unwrap().expect_status(200).await;
    assert!(!landing.to_string().contains("evil"));
}

#[tokio::test]
async fn pages_of_other_sites_read_and_do_not_write() {
    let server = Server::with_items(&[item("a")]).await;
    let from =
        |method, path: &str, origin: &str| server.request(method, path).header("origin", origin).json(&item("b"));
    for origin in ["http://evil.example", "null", "http://127.0.0.1:1"] {
        let written = from(Method::POST, "/collections/c/items", origin).send().await.unwrap();
        written.expect_status(403).await;
        let deleted = from(Method::DELETE, "/collections/c/items/a", origin).send().await.unwrap();
        deleted.expect_status(403).await;
        let read = from(Method::GET, "/collections/c/items/a", origin).send().await.unwrap();
        assert_eq!(header(&read, "access-control-allow-origin"), "*");
        assert!(header(&read, "access-control-expose-headers").contains("content-range"));
        assert_eq!(header(&read, "access-control-allow-credentials"), "");
        read.expect_status(200).await;
        let search = server.request(Method::POST, "/search").header("origin", origin).json(&json!({}));
        search.send().await.unwrap().expect_status(200).await;
    }
    let own = server.origin();
    from(Method::POST, "/collections/c/items", &own).send().await.unwrap().expect_status(201).await;
    let preflight = |path| {
        let request = server.request(Method::OPTIONS, path).header("origin", "http://evil.example");
        request.header("access-control-request-method", "POST").send()
    };
    let allowed = |response: Response| header(&response, "access-control-allow-methods");
    assert!(allowed(preflight("/search").await.unwrap()).contains("POST"));
    assert_eq!(allowed(preflight("/collections/c/items").await.unwrap()), "GET,HEAD");
}

#[tokio::test]
async fn a_token_is_asked_for_where_one_is_set() {
    let token = WriteToken::new("a-token-of-this-test").unwrap();
    let server = Server::start(Writes::WithToken(token), GrantedFiles::default()).await;
    let post = || server.request(Method::POST, "/collections").json(&collection("c"));
    let refused = post().send().await.unwrap();
    assert_eq!(header(&refused, "www-authenticate"), "Bearer");
    refused.expect_status(401).await;
    for wrong in ["Bearer wrong", "Basic a-token-of-this-test", "Bearer", "Bearer a-token-of-this-tes"] {
        post().header("authorization", wrong).send().await.unwrap().expect_status(401).await;
    }
    post().header("authorization", "bearer a-token-of-this-test").send().await.unwrap().expect_status(201).await;
    server.get_json("/collections/c").await;
}

#[tokio::test]
async fn nobody_outside_can_write_without_a_token() {
    let state = |public_origin| {
        let options = ServeOptions { writes: Writes::FromLoopback, public_origin, ..ServeOptions::default() };
        ServeState::new(Store::in_memory().unwrap(), Arc::new(GrantedFiles::default()), options)
    };
    let public = PublicOrigin::parse("https://stac.example.org").unwrap();
    assert!(matches!(state(Some(public)), Err(ServeError::OpenToOthers { .. })));
    let everywhere = TcpListener::bind(("0.0.0.0", 0)).await.unwrap();
    let refused = serve(everywhere, Arc::new(state(None).unwrap()), async {}).await;
    assert!(matches!(refused, Err(ServeError::OpenToOthers { .. })), "{refused:?}");
}

#[tokio::test]
async fn writes_can_be_refused_altogether() {
    let server = Server::start(Writes::Refused, GrantedFiles::default()).await;
    server.send(Method::POST, "/collections", &collection("c")).await.expect_status(403).await;
    let document = server.get_json("/api").await;
    assert_eq!(document["paths"]["/collections"].get("post"), None);
}
