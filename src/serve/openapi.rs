//! The OpenAPI document: exactly the endpoints that the router has.

use super::hrefs::{GEOJSON, JSON, OwnOrigin};
use super::query::{DEFAULT_LIMIT, LARGEST_LIMIT, PARAMETERS};
use serde_json::{Map, Value, json};

/// The media type of the document.
pub(super) const MEDIA_TYPE: &str = "application/vnd.oai.openapi+json;version=3.1";

/// Describes the service (OpenAPI 3.1).
pub(super) fn document(title: &str, own: &OwnOrigin, accepts_writes: bool) -> Value {
    let mut paths = read_paths();
    if accepts_writes {
        for (path, operations) in write_paths() {
            if let (Some(Value::Object(known)), Value::Object(operations)) = (paths.get_mut(&path), operations) {
                known.extend(operations);
            }
        }
    }
    let server = own.as_str();
    json!({
        "openapi": "3.1.0",
        "info": {"title": title, "version": env!("CARGO_PKG_VERSION")},
        "servers": [{"url": server}],
        "paths": paths,
        "components": components(),
    })
}

fn read_paths() -> Map<String, Value> {
    let reference = |name: &&str| json!({"$ref": format!("#/components/parameters/{name}")});
    let parameters: Vec<Value> = PARAMETERS.iter().map(reference).collect();
    let file = || json!({"parameters": [path("path")], "get": file("getFile"), "head": file("probeFile")});
    let paths = json!({
        "/": {"get": read("getLandingPage", "The landing page", JSON, &["500"])},
        "/conformance": {"get": read("getConformance", "The conformance classes", JSON, &[])},
        "/api": {"get": read("getServiceDescription", "This document", MEDIA_TYPE, &[])},
        "/collections": {"get": read("getCollections", "All Collections", JSON, &["500"])},
        "/collections/{collection}": {"parameters": [path("collection")],
            "get": read("getCollection", "A Collection", JSON, &["304", "404"])},
        "/collections/{collection}/items": {"parameters": [path("collection")],
            "get": with(read("getItems", "Items of a Collection", GEOJSON, &["400", "404"]), "parameters", parameters.clone().into())},
        "/collections/{collection}/items/{item}": {"parameters": [path("collection"), path("item")],
            "get": read("getItem", "An Item", GEOJSON, &["304", "404"])},
        "/search": {
            "get": with(read("getSearch", "Items that match", GEOJSON, &["400"]), "parameters", parameters.into()),
            "post": with(read("postSearch", "Items that match", GEOJSON, &["400", "413", "415"]), "requestBody",
                body("Search"))},
        "/products/{path}": file(),
        "/sources/{path}": file(),
    });
    into_map(paths)
}

fn write_paths() -> Map<String, Value> {
    const CHANGE: &[&str] = &["400", "401", "403", "404", "412", "413", "415"];
    const CREATE: &[&str] = &["400", "401", "403", "404", "409", "413", "415"];
    let change = |name: &str, what: &str, media_type, schema| {
        with(read(name, what, media_type, CHANGE), "requestBody", body(schema))
    };
    let create = |name: &str, what: &str, schema| {
        let mut operation = with(operation(name, CREATE), "requestBody", body(schema));
        operation["responses"]["201"] = json!({"description": what});
        operation
    };
    let delete = |name: &str| {
        let mut operation = operation(name, &["401", "403", "404", "409", "412"]);
        operation["responses"]["204"] = json!({"description": "Deleted"});
        operation
    };
    into_map(json!({
        "/collections": {"post": create("createCollection", "The Collection is stored", "Record")},
        "/collections/{collection}": {
            "put": change("replaceCollection", "The Collection as stored", JSON, "Record"),
            "patch": change("patchCollection", "The Collection as stored", JSON, "Record"),
            "delete": delete("deleteCollection")},
        "/collections/{collection}/items": {
            "post": create("createItems", "The Item, or all Items of the ItemCollection, are stored", "Record")},
        "/collections/{collection}/items/{item}": {
            "put": change("replaceItem", "The Item as stored", GEOJSON, "Record"),
            "patch": change("patchItem", "The Item as stored", GEOJSON, "Record"),
            "delete": delete("deleteItem")},
    }))
}

fn components() -> Value {
    let query = |name: &str, schema: Value| json!({"name": name, "in": "query", "style": "form", "explode": false, "schema": schema});
    let texts = json!({"type": "array", "items": {"type": "string"}});
    let bbox = json!({"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 6});
    let limit = json!({"type": "integer", "minimum": 1, "maximum": LARGEST_LIMIT, "default": DEFAULT_LIMIT});
    let text = json!({"type": "string"});
    let geometry = json!({"type": "object", "required": ["type"]});
    json!({
        "parameters": {
            "bbox": query("bbox", bbox.clone()),
            "datetime": query("datetime", text.clone()),
            "intersects": {"name": "intersects", "in": "query", "content": {JSON: {"schema": geometry}}},
            "ids": query("ids", texts.clone()),
            "collections": query("collections", texts.clone()),
            "limit": query("limit", limit.clone()),
            "token": query("token", text.clone()),
        },
        "schemas": {
            "Record": {"type": "object"},
            "Search": {"type": "object", "additionalProperties": false, "properties": {"bbox": bbox, "datetime": text,
                "intersects": geometry, "ids": texts, "collections": texts, "limit": limit, "token": text}},
            "Error": {"type": "object", "required": ["code", "description"],
                "properties": {"code": text, "description": text}},
        },
        "securitySchemes": {"writeToken": {"type": "http", "scheme": "bearer"}},
    })
}

fn operation(name: &str, refusals: &[&str]) -> Value {
    let refusal =
        json!({"description": "Refused", "content": {JSON: {"schema": {"$ref": "#/components/schemas/Error"}}}});
    let responses = refusals.iter().map(|status| {
        let response = if *status == "304" { json!({"description": "Not modified"}) } else { refusal.clone() };
        ((*status).to_owned(), response)
    });
    json!({"operationId": name, "responses": responses.collect::<Map<String, Value>>()})
}

fn read(name: &str, what: &str, media_type: &str, refusals: &[&str]) -> Value {
    let mut operation = operation(name, refusals);
    operation["responses"]["200"] =
        json!({"description": what, "content": {media_type: {"schema": {"type": "object"}}}});
    operation
}

fn file(name: &str) -> Value {
    let mut operation = operation(name, &["304", "404", "416"]);
    operation["responses"]["200"] = json!({"description": "The file"});
    operation["responses"]["206"] = json!({"description": "The range asked for"});
    operation
}

fn path(name: &str) -> Value {
    json!({"name": name, "in": "path", "required": true, "schema": {"type": "string"}})
}

fn body(schema: &str) -> Value {
    let schema = json!({"schema": {"$ref": format!("#/components/schemas/{schema}")}});
    json!({"required": true, "content": {JSON: schema}})
}

fn with(mut operation: Value, key: &str, value: Value) -> Value {
    operation[key] = value;
    operation
}

fn into_map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
