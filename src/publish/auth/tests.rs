#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use wiremock::matchers::{basic_auth, body_string_contains, header, method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use super::*;
use crate::publish::PublishError;
use crate::publish::client::ApiClient;

fn secret(text: &str) -> Secret {
    Secret::new(text).unwrap()
}

fn options(auth: Auth) -> ApiOptions {
    let _ = rustls::crypto::ring::default_provider().install_default();
    ApiOptions { auth, attempts: 3, first_pause: Duration::from_millis(1), ..ApiOptions::default() }
}

fn client_of(server: &MockServer) -> Auth {
    Auth::ClientCredentials(ClientCredentials {
        token_url: Url::parse(&format!("{}/token", server.uri())).unwrap(),
        client_id: secret("altostac"),
        client_secret: secret("hunter2 & more"),
        scope: Some("write".into()),
        audience: None,
    })
}

fn authorizer(auth: Auth) -> Authorizer {
    let options = options(auth);
    let client = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    Authorizer::new(&options, Some(client)).unwrap()
}

/// A token endpoint that numbers its tokens.
async fn endpoint(expires_in: Value) -> MockServer {
    let server = MockServer::start().await;
    let given = std::sync::atomic::AtomicUsize::new(0);
    let answer = move |_: &Request| {
        let number = given.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let token =
            json!({"access_token": format!("token-{number}"), "token_type": "bearer", "expires_in": expires_in});
        ResponseTemplate::new(200).set_body_json(token)
    };
    let asked = Mock::given(method("POST")).and(path("/token")).and(body_string_contains("scope=write"));
    asked.and(body_string_contains("grant_type=client_credentials")).respond_with(answer).mount(&server).await;
    server
}

async fn count(server: &MockServer) -> usize {
    server.received_requests().await.unwrap_or_default().len()
}

fn shown(credentials: &Credentials) -> &str {
    credentials.header.as_ref().unwrap().1.to_str().unwrap()
}

#[tokio::test]
async fn many_tasks_share_one_token() {
    let server = endpoint(json!(300)).await;
    let authorizer = Arc::new(authorizer(client_of(&server)));
    let mut tasks = JoinSet::new();
    for _ in 0..20 {
        let authorizer = Arc::clone(&authorizer);
        tasks.spawn(async move { authorizer.credentials().await.unwrap() });
    }
    let all = tasks.join_all().await;
    assert!(all.iter().all(|credentials| shown(credentials) == "Bearer token-0"));
    assert_eq!(count(&server).await, 1);

    let mut tasks = JoinSet::new();
    for used in all {
        let authorizer = Arc::clone(&authorizer);
        tasks.spawn(async move { authorizer.refused(&used).await.unwrap() });
    }
    assert!(tasks.join_all().await.into_iter().all(|again| again));
    assert_eq!(shown(&authorizer.credentials().await.unwrap()), "Bearer token-1");
    assert_eq!(count(&server).await, 2, "one renewal for all that were refused");
}

#[tokio::test]
async fn a_token_is_renewed_before_it_expires() {
    let server = endpoint(json!("300")).await;
    let authorizer = authorizer(client_of(&server));
    authorizer.credentials().await.unwrap();
    let age = async |renewal: Duration, end: Duration| {
        let now = Instant::now();
        authorizer.source.lock().await.1.proof.as_mut().unwrap().times = Some((now + renewal, now + end));
    };
    age(Duration::from_secs(1), Duration::from_secs(31)).await;
    assert_eq!(shown(&authorizer.credentials().await.unwrap()), "Bearer token-0");
    age(Duration::ZERO, Duration::from_secs(30)).await;
    assert_eq!(shown(&authorizer.credentials().await.unwrap()), "Bearer token-1");

    // While the endpoint is away, the token is used to its end.
    server.reset().await;
    Mock::given(path("/token")).respond_with(ResponseTemplate::new(503)).mount(&server).await;
    age(Duration::ZERO, Duration::from_secs(30)).await;
    assert_eq!(shown(&authorizer.credentials().await.unwrap()), "Bearer token-1");
    assert_eq!(count(&server).await, 3, "three attempts");
    age(Duration::ZERO, Duration::ZERO).await;
    let error = authorizer.credentials().await.unwrap_err().to_string();
    assert!(error.starts_with("no token came from http") && error.ends_with("503 Service Unavailable"), "{error}");
    assert_eq!(count(&server).await, 3, "it is left alone for a while");
}

#[tokio::test]
async fn a_refused_client_is_told_without_its_secret() {
    let server = MockServer::start().await;
    let echo = json!({"error": "invalid_client", "error_description": "who is altostac:hunter2 & more or aHVudGVyMiAmIG1vcmU=?"});
    let refusal = ResponseTemplate::new(401).set_body_json(echo);
    Mock::given(path("/token")).respond_with(refusal).mount(&server).await;
    let authorizer = authorizer(client_of(&server));
    for _ in 0..3 {
        let error = authorizer.credentials().await.unwrap_err().to_string();
        assert!(
            error.contains("gives no token: 401 Unauthorized: invalid_client: who is altostac:(hidden)"),
            "{error}"
        );
        assert!(!error.contains("hunter2") && !error.contains("aHVudGVy"), "{error}");
    }
    assert_eq!(count(&server).await, 2, "once in each way, and never again");
}

#[tokio::test]
async fn some_endpoints_want_the_secret_in_the_body() {
    let server = MockServer::start().await;
    let token = ResponseTemplate::new(200).set_body_json(json!({"access_token": "abc"}));
    let told = Mock::given(body_string_contains("client_secret=hunter2+%26+more"));
    told.and(body_string_contains("client_id=altostac")).respond_with(token).mount(&server).await;
    let stranger = ResponseTemplate::new(400).set_body_json(json!({"error": "invalid_client"}));
    Mock::given(basic_auth("altostac", "hunter2+%26+more"))
        .respond_with(stranger)
        .with_priority(9)
        .mount(&server)
        .await;
    let authorizer = authorizer(client_of(&server));
    let credentials = authorizer.credentials().await.unwrap();
    assert_eq!(shown(&credentials), "Bearer abc");
    assert!(authorizer.refused(&credentials).await.unwrap());
    assert_eq!(count(&server).await, 3, "the second time at once as it worked");
}

#[tokio::test]
async fn answers_that_are_no_token() {
    for (answer, expected) in [
        (ResponseTemplate::new(200).set_body_string("<html>log in</html>"), "is not JSON with an access_token"),
        (ResponseTemplate::new(200).set_body_json(json!({"access_token": ""})), "that is no token"),
        (ResponseTemplate::new(200).set_body_json(json!({"access_token": "two words"})), "that is no token"),
        (ResponseTemplate::new(200).set_body_json(json!({"access_token": "a", "token_type": "mac"})), "another kind"),
        (ResponseTemplate::new(200).set_body_string("x".repeat(300 << 10)), "longer than"),
        (ResponseTemplate::new(302).insert_header("Location", "/elsewhere"), "gives no token: 302 Found"),
    ] {
        let server = MockServer::start().await;
        Mock::given(path("/token")).respond_with(answer).mount(&server).await;
        let error = authorizer(client_of(&server)).credentials().await.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        assert_eq!(count(&server).await, 1, "{expected}");
    }
}

#[tokio::test]
async fn a_token_that_was_replaced_in_its_file_is_used() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("token");
    std::fs::write(&path, "first").unwrap();
    let token = Secret::read(&SecretPlace::File(path.clone()), "the token").unwrap();
    let authorizer = authorizer(Auth::Bearer(token));
    let used = authorizer.credentials().await.unwrap();
    assert_eq!(shown(&used), "Bearer first");
    assert!(!authorizer.refused(&used).await.unwrap());
    std::fs::write(&path, "second").unwrap();
    assert!(authorizer.refused(&used).await.unwrap());
    assert_eq!(shown(&authorizer.credentials().await.unwrap()), "Bearer second");
    assert_eq!(authorizer.hidden_in("first, second"), "(hidden), (hidden)");
}

#[test]
fn headers_of_each_way() {
    let value = |auth: Auth| {
        let (name, value) = fixed_header(&auth).unwrap();
        assert!(value.is_sensitive());
        format!("{name}: {}", value.to_str().unwrap())
    };
    assert_eq!(value(Auth::Bearer(secret("abc"))), "authorization: Bearer abc");
    let basic = |user: &str| Auth::Basic { user: secret(user), password: secret("open sesame") };
    assert_eq!(value(basic("Aladdin")), "authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    assert!(fixed_header(&basic("a:b")).is_err());
    assert!(fixed_header(&Auth::Bearer(secret("two words"))).is_err());
    let key = Auth::ApiKey { header: HeaderName::from_static("x-api-key"), value: secret("k 1") };
    assert_eq!(value(key.clone()), "x-api-key: k 1");
    let all = format!("{:?} {:?} {key:?}", Auth::Bearer(secret("hunter2")), basic("me"));
    assert!(!all.contains("hunter2") && !all.contains("sesame") && !all.contains("k 1"), "{all}");
}

#[tokio::test]
async fn requests_outlive_a_token() {
    let server = endpoint(json!(300)).await;
    for (token, status) in [("token-0", 401), ("token-1", 201)] {
        let asked = Mock::given(path("/collections")).and(header("Authorization", format!("Bearer {token}")));
        asked.respond_with(ResponseTemplate::new(status)).mount(&server).await;
    }
    let api = Url::parse(&server.uri()).unwrap();
    let client = ApiClient::new(&api, options(client_of(&server))).unwrap();
    let sent = async || client.send(Method::POST, &client.url(&["collections"]), None, None).await.unwrap().status;
    assert_eq!((sent().await, sent().await), (201, 201));
    assert_eq!(count(&server).await, 2 + 1 + 2);
}

#[tokio::test]
async fn credentials_that_are_always_refused_are_not_sent_on_and_on() {
    let server = MockServer::start().await;
    Mock::given(method("POST")).respond_with(ResponseTemplate::new(401)).mount(&server).await;
    Mock::given(method("GET")).respond_with(ResponseTemplate::new(200)).mount(&server).await;
    let client = ApiClient::new(&Url::parse(&server.uri()).unwrap(), options(Auth::Bearer(secret("abc")))).unwrap();
    let url = client.url(&["collections"]);
    for _ in 0..8 {
        assert_eq!(client.send(Method::POST, &url, None, None).await.unwrap().status, 401);
        assert_eq!(client.send(Method::GET, &url, None, None).await.unwrap().status, 200);
    }
    let error = client.send(Method::POST, &url, None, None).await.unwrap_err().to_string();
    assert_eq!(error, "not tried: the API refused our credentials 8 times in a row");
    assert_eq!(client.send(Method::GET, &url, None, None).await.unwrap().status, 200);
}

#[test]
fn secrets_are_not_asked_with_in_the_open() {
    let credentials = |url: &str| {
        Auth::ClientCredentials(ClientCredentials {
            token_url: Url::parse(url).unwrap(),
            client_id: secret("me"),
            client_secret: secret("hunter2"),
            scope: None,
            audience: None,
        })
    };
    let made = |url: &str| {
        ApiClient::new(&Url::parse("https://api.example.org").unwrap(), options(credentials(url))).map(|_| ())
    };
    let error = made("http://sso.example.org/token").unwrap_err();
    assert!(matches!(error, PublishError::Auth(AuthError::Endpoint { .. })), "{error:?}");
    assert!(
        made("https://me:hunter2@sso.example.org/token").is_err_and(|error| !format!("{error:?}").contains("hunter2"))
    );
    assert!(made("https://sso.example.org/token").is_ok());
    assert!(made("http://127.0.0.1:1/token").is_ok());
}
