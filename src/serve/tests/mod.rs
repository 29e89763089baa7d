//! The server over real sockets, and the store against a naive search.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod access;
mod files;
mod reading;
mod store;
mod transactions;

use super::*;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A server on a port of its own, stopped when it is dropped.
struct Server {
    port: u16,
    client: Client,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<Result<(), ServeError>>,
}

impl Server {
    async fn start(writes: Writes, files: GrantedFiles) -> Self {
        let options = ServeOptions { writes, ..ServeOptions::default() };
        let state = Arc::new(ServeState::new(Store::in_memory().unwrap(), Arc::new(files), options).unwrap());
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(serve(listener, state, async move {
            let _ = stopped.await;
        }));
        // Another test may have installed it already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { port, client, stop: Some(stop), task }
    }

    async fn open() -> Self {
        Self::start(Writes::FromLoopback, GrantedFiles::default()).await
    }

    /// With one Collection `c` and these Items in it.
    async fn with_items(items: &[Value]) -> Self {
        let server = Self::open().await;
        server.send(Method::POST, "/collections", &collection("c")).await.expect_status(201).await;
        for item in items {
            server.send(Method::POST, "/collections/c/items", item).await.expect_status(201).await;
        }
        server
    }

    fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.origin()) };
        self.client.request(method, url)
    }

    async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.unwrap()
    }

    async fn get_json(&self, path: &str) -> Value {
        self.get(path).await.expect_status(200).await
    }

    async fn send(&self, method: Method, path: &str, body: &Value) -> Response {
        self.request(method, path).json(body).send().await.unwrap()
    }

    async fn stop(mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        self.task.await.unwrap().unwrap();
    }
}

trait Expect {
    /// Demands a status and gives the JSON of the body, or null.
    async fn expect_status(self, status: u16) -> Value;
}

impl Expect for Response {
    async fn expect_status(self, status: u16) -> Value {
        let found = self.status();
        let text = self.text().await.unwrap();
        assert_eq!(found, StatusCode::from_u16(status).unwrap(), "{text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }
}

fn header(response: &Response, name: &str) -> String {
    response.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
}

fn links<'a>(record: &'a Value, relation: &str) -> Vec<&'a Value> {
    record["links"].as_array().unwrap().iter().filter(|link| link["rel"] == relation).collect()
}

fn collection(id: &str) -> Value {
    json!({"type": "Collection", "stac_version": "1.1.0", "id": id, "title": format!("Title of {id}"),
        "description": "d", "license": "CC-BY-4.0", "x:unknown": {"kept": null},
        "extent": {"spatial": {"bbox": [[-180, -90, 180, 90]]}, "temporal": {"interval": [[null, null]]}},
        "links": [{"rel": "license", "href": "https://example.org/licence"}]})
}

fn item(id: &str) -> Value {
    json!({"type": "Feature", "stac_version": "1.1.0", "id": id, "collection": "c", "bbox": [0, 0, 10, 10],
        "geometry": {"type": "Polygon", "coordinates": [[[0, 0], [10, 0], [10, 10], [0, 10], [0, 0]]]},
        "properties": {"datetime": null, "start_datetime": "2000-01-01T00:00:00Z",
            "end_datetime": "2000-12-31T00:00:00Z", "x:unknown": [1, null, 1e-3]},
        "links": [], "assets": {"reference_file": {"href": format!("/products/c/{id}.json"), "cloud_format": "kerchunk"}}})
}
