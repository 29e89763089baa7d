use super::*;

#[tokio::test]
async fn items_are_created_replaced_patched_and_deleted() {
    let server = Server::with_items(&[]).await;
    let created = server.send(Method::POST, "/collections/c/items", &item("a/b c")).await;
    assert_eq!(created.status(), 201);
    let place = header(&created, "location");
    assert_eq!(place, format!("{}/collections/c/items/a%2Fb%20c", server.origin()));
    let tag = header(&created, "etag");
    assert!(tag.starts_with('"') && tag.len() == 66, "{tag}");
    assert_eq!(server.get_json(&place).await, created.expect_status(201).await);
    server.send(Method::POST, "/collections/c/items", &item("a/b c")).await.expect_status(409).await;

    let mut changed = item("a/b c");
    changed["properties"]["title"] = "new".into();
    let replaced = server.send(Method::PUT, &place, &changed).await;
    assert_ne!(header(&replaced, "etag"), tag);
    assert_eq!(replaced.expect_status(200).await["properties"]["title"], "new");

    let patch = json!({"properties": {"title": null, "x:new": {"y": 1}}});
    let patched = server.request(Method::PATCH, &place).header("content-type", "application/merge-patch+json");
    let patched = patched.body(patch.to_string()).send().await.unwrap().expect_status(200).await;
    assert_eq!(patched["properties"].get("title"), None);
    assert_eq!(patched["properties"]["x:new"], json!({"y": 1}));
    assert_eq!(patched["properties"]["datetime"], json!(null), "what the patch does not name stays, nulls too");

    server.request(Method::DELETE, "/collections/c").send().await.unwrap().expect_status(409).await;
    server.request(Method::DELETE, &place).send().await.unwrap().expect_status(204).await;
    for method in [Method::PUT, Method::PATCH, Method::DELETE, Method::GET] {
        server.send(method, &place, &item("a/b c")).await.expect_status(404).await;
    }
    server.request(Method::DELETE, "/collections/c").send().await.unwrap().expect_status(204).await;
    server.get("/collections/c").await.expect_status(404).await;
    server.send(Method::POST, "/collections/c/items", &item("x")).await.expect_status(404).await;
}

#[tokio::test]
async fn collections_are_created_replaced_and_patched() {
    let server = Server::open().await;
    let created = server.send(Method::POST, "/collections", &collection("c")).await;
    assert_eq!(header(&created, "location"), format!("{}/collections/c", server.origin()));
    created.expect_status(201).await;
    server.send(Method::POST, "/collections", &collection("c")).await.expect_status(409).await;
    server.send(Method::PUT, "/collections/d", &collection("d")).await.expect_status(404).await;
    server.send(Method::PUT, "/collections/c", &collection("d")).await.expect_status(400).await;
    let patched = server.send(Method::PATCH, "/collections/c", &json!({"title": "T"})).await.expect_status(200).await;
    assert_eq!((&patched["title"], &patched["x:unknown"]), (&json!("T"), &json!({"kept": null})));
    let error = server.send(Method::PATCH, "/collections/c", &json!({"extent": null})).await.expect_status(400).await;
    assert!(error["description"].as_str().unwrap().contains("extent"), "{error}");
    let refused = server.request(Method::DELETE, "/collections/c").header("if-match", "\"old\"").send().await.unwrap();
    refused.expect_status(412).await;
}

#[tokio::test]
async fn what_was_read_can_be_put_back_and_changes_nothing() {
    let mut sent = item("a");
    sent["links"] =
        json!([{"rel": "self", "href": "https://elsewhere.example/a"}, {"rel": "via", "href": "/sources/a.nc"}]);
    let server = Server::with_items(&[sent]).await;
    for path in ["/collections/c", "/collections/c/items/a"] {
        for host in ["127.0.0.1:1", "localhost:9999"] {
            let read = server.request(Method::GET, path).header("host", host).send().await.unwrap();
            let tag = header(&read, "etag");
            let read = read.expect_status(200).await;
            assert!(read.to_string().contains(&format!("http://{host}/")));
            assert_eq!(links(&read, "self").len(), 1, "the server's own links replace those that were sent");
            let put = server.request(Method::PUT, path).header("host", host).json(&read).send().await.unwrap();
            assert_eq!(header(&put, "etag"), tag, "{path} as {host}");
            assert_eq!(put.expect_status(200).await, read);
        }
    }
    let item = server.get_json("/collections/c/items/a").await;
    assert_eq!(links(&item, "via")[0]["href"], format!("{}/sources/a.nc", server.origin()));
}

#[tokio::test]
async fn a_change_on_an_old_state_is_refused() {
    let server = Server::with_items(&[item("a")]).await;
    let path = "/collections/c/items/a";
    let old = header(&server.get(path).await, "etag");
    let conditional =
        |method: Method, tag: &str, body: Value| server.request(method, path).header("if-match", tag).json(&body);
    let mut changed = item("a");
    changed["properties"]["title"] = "1".into();
    conditional(Method::PUT, &old, changed.clone()).send().await.unwrap().expect_status(200).await;
    changed["properties"]["title"] = "2".into();
    conditional(Method::PUT, &old, changed.clone()).send().await.unwrap().expect_status(412).await;
    conditional(Method::PATCH, &old, json!({})).send().await.unwrap().expect_status(412).await;
    conditional(Method::DELETE, &old, json!({})).send().await.unwrap().expect_status(412).await;
    assert_eq!(server.get_json(path).await["properties"]["title"], "1");
    conditional(Method::PATCH, "*", json!({})).send().await.unwrap().expect_status(200).await;
    let weak = format!("W/{}", header(&server.get(path).await, "etag"));
    conditional(Method::DELETE, &weak, json!({})).send().await.unwrap().expect_status(412).await;
}

#[tokio::test]
async fn an_item_collection_is_stored_whole_or_not_at_all() {
    let server = Server::with_items(&[item("b")]).await;
    let of = |items: &[Value]| json!({"type": "FeatureCollection", "features": items});
    let path = "/collections/c/items";
    server.send(Method::POST, path, &of(&[item("a"), item("b")])).await.expect_status(409).await;
    let broken = server.send(Method::POST, path, &of(&[item("a"), json!({"id": "x"})])).await.expect_status(400).await;
    assert!(broken["description"].as_str().unwrap().starts_with("item 1 "), "{broken}");
    server.get("/collections/c/items/a").await.expect_status(404).await;
    let stored = server.send(Method::POST, path, &of(&[item("a"), item("d")])).await;
    assert_eq!(header(&stored, "location"), "");
    stored.expect_status(201).await;
    assert_eq!(server.get_json(path).await["numberMatched"], 3);
}

#[tokio::test]
async fn identifiers_of_body_and_path_must_agree() {
    let server = Server::with_items(&[item("a")]).await;
    let mut moved = item("a");
    moved["collection"] = "d".into();
    for (method, path, body) in [
        (Method::POST, "/collections/c/items", moved.clone()),
        (Method::PUT, "/collections/c/items/a", moved),
        (Method::PUT, "/collections/c/items/a", item("b")),
        (Method::PATCH, "/collections/c/items/a", json!({"id": "b"})),
        (Method::PATCH, "/collections/c/items/a", json!({"collection": "d"})),
    ] {
        let error = server.send(method, path, &body).await.expect_status(400).await;
        assert!(error["description"].as_str().unwrap().contains("as in the request's path"), "{error}");
    }
    let mut without = item("n");
    without.as_object_mut().unwrap().remove("collection");
    let stored = server.send(Method::POST, "/collections/c/items", &without).await.expect_status(201).await;
    assert_eq!(stored["collection"], "c");
}

#[tokio::test]
async fn bad_bodies_are_refused_by_name() {
    let server = Server::with_items(&[]).await;
    let post = || server.request(Method::POST, "/collections/c/items");
    let json_post = || post().header("content-type", "application/json");
    let corrupt = json_post().body("{\"type\": \"Feature\",").send().await.unwrap().expect_status(400).await;
    assert!(corrupt["description"].as_str().unwrap().contains("not JSON"), "{corrupt}");
    let deep = "[".repeat(100_000);
    json_post().body(deep).send().await.unwrap().expect_status(400).await;
    post().body("{}").send().await.unwrap().expect_status(415).await;
    let large = format!("\"{}\"", "x".repeat(17 << 20));
    // The server may refuse and close before all is sent.
    if let Ok(response) = json_post().body(large).send().await {
        assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    }
    let mut broken = item("a");
    broken["bbox"] = json!([0, 10, 1, 0]);
    let error = server.send(Method::POST, "/collections/c/items", &broken).await.expect_status(400).await;
    assert!(error["description"].as_str().unwrap().starts_with("field `bbox`"), "{error}");
    assert_eq!(server.get_json("/search").await["numberMatched"], 0);
}
