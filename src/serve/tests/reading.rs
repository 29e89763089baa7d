use super::*;

#[tokio::test]
async fn an_empty_catalogue_answers_everything() {
    let server = Server::start(Writes::Refused, GrantedFiles::default()).await;
    let landing = server.get_json("/").await;
    assert_eq!(landing["type"], "Catalog");
    assert_eq!(links(&landing, "search").len(), 2);
    assert_eq!(links(&landing, "child").len(), 0);
    for link in landing["links"].as_array().unwrap().iter().filter(|link| link["method"] != "POST") {
        let response = server.get(link["href"].as_str().unwrap()).await;
        assert_eq!(header(&response, "content-type"), link["type"].as_str().unwrap(), "{link}");
        response.expect_status(200).await;
    }
    let conformance = server.get_json("/conformance").await;
    assert_eq!(conformance["conformsTo"], landing["conformsTo"]);
    assert!(!conformance.to_string().contains("transaction"), "writes are refused, so none may be claimed");
    let found = server.get_json("/search").await;
    assert_eq!((&found["numberMatched"], &found["numberReturned"]), (&json!(0), &json!(0)));
    assert_eq!(found["features"], json!([]));
    server.get("/collections/none").await.expect_status(404).await;
    server.get("/collections/none/items").await.expect_status(404).await;
    let error = server.get("/nowhere").await.expect_status(404).await;
    assert!(error["code"].is_string() && error["description"].is_string());
    let error = server.send(Method::DELETE, "/conformance", &json!({})).await;
    error.expect_status(403).await;
    server.stop().await;
}

#[tokio::test]
async fn the_description_lists_exactly_what_answers() {
    let server = Server::with_items(&[]).await;
    let response = server.get("/api").await;
    assert_eq!(header(&response, "content-type"), "application/vnd.oai.openapi+json;version=3.1");
    let document = response.expect_status(200).await;
    for (path, operations) in document["paths"].as_object().unwrap() {
        let url = path.replace("{collection}", "zz").replace("{item}", "zz").replace("{path}", "zz");
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] {
            let is_described = operations.get(method.to_lowercase()).is_some() || method == "HEAD";
            let response = server.request(method.parse().unwrap(), &url).send().await.unwrap();
            let is_known = response.status() != StatusCode::METHOD_NOT_ALLOWED;
            assert_eq!(is_described, is_known, "{method} {path}");
            assert!(!response.text().await.unwrap().contains("no such endpoint"), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn records_carry_their_links_and_all_that_was_sent() {
    let server = Server::with_items(&[item("a")]).await;
    let origin = server.origin();
    let response = server.get("/collections/c/items/a").await;
    assert_eq!(header(&response, "content-type"), "application/geo+json");
    let found = response.expect_status(200).await;
    assert_eq!(found["properties"], item("a")["properties"]);
    assert_eq!(found["assets"]["reference_file"]["href"], format!("{origin}/products/c/a.json"));
    assert_eq!(links(&found, "self")[0]["href"], format!("{origin}/collections/c/items/a"));
    for relation in ["parent", "collection"] {
        assert_eq!(links(&found, relation)[0]["href"], format!("{origin}/collections/c"));
    }
    assert_eq!(links(&found, "root")[0]["href"], format!("{origin}/"));
    let collection = server.get_json("/collections/c").await;
    assert_eq!(collection["x:unknown"], json!({"kept": null}));
    assert_eq!(links(&collection, "items")[0]["href"], format!("{origin}/collections/c/items"));
    assert_eq!(links(&collection, "license").len(), 1);
    let all = server.get_json("/collections").await;
    assert_eq!(all["collections"][0], collection);
    let landing = server.get_json("/").await;
    assert_eq!(links(&landing, "child")[0]["title"], "Title of c");
    assert_eq!(server.get_json("/search?ids=a").await["features"][0], found);
    assert_eq!(server.get_json("/collections/c/items").await["features"][0], found);
}

#[tokio::test]
async fn a_tag_saves_reading_again() {
    let server = Server::with_items(&[item("a")]).await;
    for path in ["/collections/c", "/collections/c/items/a"] {
        let tag = header(&server.get(path).await, "etag");
        let again = server.request(Method::GET, path).header("if-none-match", &tag).send().await.unwrap();
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        let other = server.request(Method::GET, path).header("if-none-match", "\"x\"").send().await.unwrap();
        other.expect_status(200).await;
    }
}

#[tokio::test]
async fn searches_find_by_place_time_and_name() {
    let mut east = item("east");
    east["bbox"] = json!([170, -5, -170, 5]);
    east["geometry"] = json!({"type": "MultiPolygon", "coordinates": [
        [[[170, -5], [180, -5], [180, 5], [170, 5], [170, -5]]],
        [[[-180, -5], [-170, -5], [-170, 5], [-180, 5], [-180, -5]]]]});
    let mut later = item("later");
    later["properties"] = json!({"datetime": "2010-06-01T00:00:00Z"});
    later["geometry"] = json!(null);
    let server = Server::with_items(&[item("a"), east, later]).await;
    let triangle = json!({"type": "Polygon", "coordinates": [[[9, 9], [20, 9], [9, 20], [9, 9]]]});
    let beside = json!({"type": "Polygon", "coordinates": [[[9, 30], [30, 9], [30, 30], [9, 30]]]});
    for (parameters, expected) in [
        (json!({}), vec!["a", "east", "later"]),
        (json!({"bbox": [5, 5, 6, 6]}), vec!["a"]),
        (json!({"bbox": [5, 5, 0, 6, 6, 9]}), vec!["a"]),
        (json!({"bbox": [175, 0, 179, 1]}), vec!["east"]),
        (json!({"bbox": [179, 0, -179, 1]}), vec!["east"]),
        (json!({"bbox": [175, 0, 5, 1]}), vec!["a", "east"]),
        (json!({"datetime": "2000-06-01T00:00:00Z"}), vec!["a", "east"]),
        (json!({"datetime": "2001-01-01T00:00:00Z/.."}), vec!["later"]),
        (json!({"datetime": "../1999-01-01T00:00:00Z"}), vec![]),
        (json!({"ids": ["a", "later", "none"]}), vec!["a", "later"]),
        (json!({"collections": ["none"]}), vec![]),
        (json!({"collections": ["c"], "ids": ["east"]}), vec!["east"]),
        (json!({"intersects": triangle}), vec!["a"]),
        (json!({"intersects": beside}), vec![]),
        (json!({"intersects": {"type": "Point", "coordinates": [-175, 0]}}), vec!["east"]),
    ] {
        let body = server.send(Method::POST, "/search", &parameters).await.expect_status(200).await;
        assert_eq!(ids(&body), expected, "POST {parameters}");
        assert_eq!(body["numberMatched"], expected.len());
        let query: Vec<(String, String)> = parameters.as_object().unwrap().iter().map(as_query).collect();
        let text = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        assert_eq!(ids(&server.get_json(&format!("/search?{text}")).await), expected, "GET {parameters}");
    }
}

fn as_query((name, value): (&String, &Value)) -> (String, String) {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let value = match value {
        Value::Array(values) => values.iter().map(text).collect::<Vec<_>>().join(","),
        other => text(other),
    };
    (name.clone(), value)
}

fn ids(page: &Value) -> Vec<&str> {
    page["features"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn next_links_lead_through_every_item_once() {
    let names: Vec<String> = (0..7).map(|number| format!("i{number}")).collect();
    let items: Vec<Value> = names.iter().map(|name| item(name)).collect();
    let server = Server::with_items(&items).await;
    for first in ["/search?limit=3&bbox=0,0,1,1", "/collections/c/items?limit=3&datetime=2000-06-01T00:00:00%2B01:00"] {
        let mut found = vec![];
        let mut page = server.get_json(first).await;
        loop {
            assert_eq!((&page["numberMatched"], page["numberReturned"] == ids(&page).len()), (&json!(7), true));
            found.extend(ids(&page).iter().map(|id| (*id).to_owned()));
            let Some(next) = links(&page, "next").first().map(|link| link["href"].as_str().unwrap().to_owned()) else {
                break;
            };
            page = server.get_json(&next).await;
        }
        assert_eq!(found, names, "{first}");
    }
    let mut found = vec![];
    let mut body = json!({"limit": 2, "collections": ["c"]});
    loop {
        let page = server.send(Method::POST, "/search", &body).await.expect_status(200).await;
        found.extend(ids(&page).iter().map(|id| (*id).to_owned()));
        let Some(next) = links(&page, "next").first().map(|link| (*link).clone()) else { break };
        assert_eq!((&next["method"], &next["merge"]), (&json!("POST"), &json!(false)));
        body = next["body"].clone();
    }
    assert_eq!(found, names);
}

#[tokio::test]
async fn what_a_search_does_not_know_is_named() {
    let server = Server::with_items(&[]).await;
    for name in ["sortby", "filter", "fields", "filter-lang", "query"] {
        let error = server.get(&format!("/search?{name}=x")).await.expect_status(400).await;
        assert!(error["description"].as_str().unwrap().contains(name), "{error}");
        let error = server.send(Method::POST, "/search", &json!({name: "x"})).await.expect_status(400).await;
        assert!(error["description"].as_str().unwrap().contains(name), "{error}");
    }
    let error = server.get("/collections/c/items?collections=d").await.expect_status(400).await;
    assert!(error["description"].as_str().unwrap().contains("`collections`"), "{error}");
    server.get_json("/collections/c/items?collections=c&ids=a").await;
    let error = server.get("/search?bbox=1,2,3").await.expect_status(400).await;
    assert!(error["description"].as_str().unwrap().contains("found 3 numbers"), "{error}");
    server.send(Method::POST, "/search", &json!([])).await.expect_status(400).await;
}
