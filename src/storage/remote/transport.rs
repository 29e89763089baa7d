//! One request and its answer. `object_store` signs, and repeats what failed; nothing that it is given is longer than what
//! was asked for.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, LAST_MODIFIED};
use http::{Response, StatusCode};
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
};
use reqwest::redirect::{Attempt, Policy};
use url::Url;

use super::Settings;
use super::answer::{Body, State, Unfit, judge, text};
use super::servers::Hosts;
use crate::storage::traffic;
use crate::storage::web::{is_loopback, is_tls, retry_after};

/// What an answer may hold that is not bounded by what was asked for: a page of a listing, a token.
const DOCUMENT_LIMIT: u64 = 64 << 20;

/// The part of an error's answer that is read, for its reason.
const REASON_LIMIT: usize = 8 << 10;

const REDIRECT_LIMIT: usize = 5;

/// What a request of ours is for; it travels with the request through `object_store`.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    /// The URL exactly as it was written, query included; `None` where `object_store` alone knows it (s3, gs, az).
    pub(super) url: Option<Url>,
    /// The bytes; `None` for all of them.
    pub(super) range: Option<Range<u64>>,
    /// The longest body to take.
    pub(super) limit: u64,
    /// Whether the answer to a range may be the whole, if it is not longer than `limit`, or is not read at all.
    pub(super) whole: Whole,
    /// What the first answer said.
    pub(super) expected: Option<Arc<State>>,
}

/// What to do with a server that sends the whole file although a range was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whole {
    /// Take it, if it is not longer than what was asked for.
    IfShort,
    /// Its headers tell all; its body is left alone.
    HeadersSuffice,
    /// An error.
    Never,
}

/// What came of a request of ours; it travels with the answer through `object_store`.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) state: State,
    /// Where the answer came from, after redirects.
    pub(super) url: Url,
    pub(super) content_type: Option<String>,
}

/// Makes clients that keep to what [`Settings`] say.
#[derive(Debug, Clone)]
pub(super) struct Connector {
    pub(super) settings: Arc<Settings>,
    hosts: Arc<Hosts>,
    follow: bool,
    direct: bool,
}

impl Connector {
    pub(super) fn new(settings: Settings) -> Self {
        Self { settings: Arc::new(settings), hosts: Arc::default(), follow: true, direct: false }
    }

    /// A connector for requests that are signed: what is signed goes to no other server than it was signed for.
    pub(super) fn signed(&self) -> Self {
        Self { follow: false, ..self.clone() }
    }

    /// A connector for a server at this URL: no proxy leads to one on this machine.
    pub(super) fn towards(&self, url: &Url) -> Self {
        Self { direct: is_loopback(url), ..self.clone() }
    }

    /// A client that verifies certificates by the system's store (or `SSL_CERT_FILE`), and has no time to lose.
    fn client(&self) -> Result<reqwest::Client, reqwest::Error> {
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // Another thread may have been faster, with the same.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let builder = || {
            let builder = reqwest::Client::builder()
                .user_agent(concat!("altostac/", env!("CARGO_PKG_VERSION")))
                .connect_timeout(self.settings.connect_timeout)
                .read_timeout(self.settings.stall_timeout)
                .timeout(self.settings.request_timeout)
                .redirect(if self.follow { Policy::custom(redirect) } else { Policy::none() })
                // The URL that led to another server may hold a signature.
                .referer(false)
                // One connection for each range: over HTTP/2 all would share one.
                .http1_only();
            if self.direct { builder.no_proxy() } else { builder }
        };
        // A machine without any certificates still reads plain http.
        builder().build().or_else(|_| builder().tls_certs_only([]).build())
    }
}

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        let client =
            self.client().map_err(|source| object_store::Error::Generic { store: "HTTP", source: Box::new(source) })?;
        let (settings, hosts) = (Arc::clone(&self.settings), Arc::clone(&self.hosts));
        Ok(HttpClient::new(Transport { client, settings, hosts }))
    }
}

/// Follows redirects, but never from https to http.
fn redirect(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let Some(first) = attempt.previous().first() else { return attempt.stop() };
    let is_downgrade = first.scheme() == "https" && attempt.url().scheme() != "https";
    if is_downgrade || attempt.previous().len() > REDIRECT_LIMIT { attempt.stop() } else { attempt.follow() }
}

#[derive(Debug)]
struct Transport {
    client: reqwest::Client,
    settings: Arc<Settings>,
    hosts: Arc<Hosts>,
}

#[async_trait]
impl HttpService for Transport {
    async fn call(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let host = self.hosts.get(request.uri(), self.settings.requests_per_host);
        let permit = host.enter().await;
        if host.is_silent(&self.settings) {
            return Err(HttpError::new(HttpErrorKind::Unknown, Unfit::Silent));
        }
        let result = match request.extensions().get::<Arc<Wanted>>().cloned() {
            Some(wanted) => self.fetch(request, &wanted).await,
            None => self.pass(request).await,
        };
        drop(permit);
        host.hear(!matches!(result, Err((Unfit::Transport(_) | Unfit::Stalled, _))));
        let (unfit, pause) = match result {
            Ok(response) => return Ok(response),
            Err(failure) => failure,
        };
        if let Some(pause) = pause {
            tokio::time::sleep(pause.min(self.settings.longest_pause_asked)).await;
        }
        Err(HttpError::new(kind(&unfit), unfit))
    }
}

type Failure = (Unfit, Option<Duration>);

impl Transport {
    /// A request of ours.
    async fn fetch(&self, request: HttpRequest, wanted: &Wanted) -> Result<HttpResponse, Failure> {
        let mut answer = self.send(request, wanted.url.as_ref()).await?;
        let fitting = judge(answer.status(), answer.headers(), wanted);
        let (state, bytes) = match fitting {
            Ok(Body::Nothing(state)) => (state, Bytes::new()),
            Ok(Body::Exactly(state, length)) => {
                let bytes = body(&mut answer, length).await?;
                if (bytes.len() as u64) < length {
                    let found = format!("{} bytes, then the end", bytes.len());
                    return Err((Unfit::Short { expected: length, found }, None));
                }
                (state, bytes)
            }
            Ok(Body::Whole) => {
                let too_long = |failure| match failure {
                    (Unfit::TooLong { .. }, _) if wanted.range.is_some() => (Unfit::IgnoresRanges, None),
                    other => other,
                };
                let bytes = body(&mut answer, wanted.limit).await.map_err(too_long)?;
                (State::new(answer.headers(), bytes.len() as u64), bytes)
            }
            Err(unfit) => return Err(explained(unfit, &mut answer).await),
        };
        if state.size == 0 && wanted.range.is_some() {
            return Err((Unfit::Empty(state), None));
        }
        Ok(response(&answer, wanted, state, bytes))
    }

    /// A request of `object_store` itself: a listing, a token.
    async fn pass(&self, request: HttpRequest) -> Result<HttpResponse, Failure> {
        let mut answer = self.send(request, None).await?;
        let pause = retry_after(answer.headers());
        if answer.status().is_server_error()
            && let Some(pause) = pause
        {
            tokio::time::sleep(pause.min(self.settings.longest_pause_asked)).await;
        }
        let bytes = body(&mut answer, DOCUMENT_LIMIT).await?;
        let mut response = Response::new(bytes.into());
        *response.status_mut() = answer.status();
        *response.headers_mut() = answer.headers().clone();
        Ok(response)
    }

    async fn send(&self, request: HttpRequest, url: Option<&Url>) -> Result<reqwest::Response, Failure> {
        let (parts, content) = request.into_parts();
        let url = match url {
            Some(url) => url.clone(),
            None => Url::parse(&parts.uri.to_string())
                .map_err(|error| (Unfit::Malformed { expected: "a URL".into(), found: error.to_string() }, None))?,
        };
        let mut request = reqwest::Request::new(parts.method, url);
        *request.headers_mut() = parts.headers;
        if content.content_length() > 0 {
            *request.body_mut() = Some(reqwest::Body::wrap(content));
        }
        traffic::count_request();
        self.client.execute(request).await.map_err(broken)
    }
}

/// The answer as `object_store` expects it: what it would trip over, and we do not need, is left out.
fn response(answer: &reqwest::Response, wanted: &Wanted, state: State, bytes: Bytes) -> HttpResponse {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    let mut status = StatusCode::OK;
    if let Some(range) = &wanted.range {
        status = StatusCode::PARTIAL_CONTENT;
        let last = range.end.min(state.size).saturating_sub(1);
        let value = format!("bytes {}-{last}/{}", range.start, state.size);
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(CONTENT_RANGE, value);
        }
    }
    for name in [ETAG, LAST_MODIFIED] {
        if let Some(value) = answer.headers().get(&name)
            && (name == ETAG || value.to_str().is_ok_and(|text| chrono::DateTime::parse_from_rfc2822(text).is_ok()))
        {
            headers.insert(name, value.clone());
        }
    }
    let content_type = text(answer.headers(), &CONTENT_TYPE);
    let mut response = Response::new(bytes.into());
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response.extensions_mut().insert(Found { state, url: answer.url().clone(), content_type });
    response
}

/// Reads a body that may not be longer than this; nothing more is ever held.
async fn body(answer: &mut reqwest::Response, limit: u64) -> Result<Bytes, Failure> {
    let mut pieces: Vec<Bytes> = Vec::new();
    let mut length = 0_u64;
    while let Some(piece) = answer.chunk().await.map_err(broken)? {
        traffic::count_bytes(piece.len() as u64);
        length = length.saturating_add(piece.len() as u64);
        if length > limit {
            return Err((Unfit::TooLong { limit }, None));
        }
        pieces.push(piece);
    }
    if pieces.len() == 1 {
        return Ok(pieces.remove(0));
    }
    let mut whole = BytesMut::with_capacity(usize::try_from(length).unwrap_or_default());
    pieces.iter().for_each(|piece| whole.extend_from_slice(piece));
    Ok(whole.freeze())
}

/// Adds what the server says of the reason, in one line.
async fn explained(unfit: Unfit, answer: &mut reqwest::Response) -> Failure {
    let pause = retry_after(answer.headers());
    match unfit {
        Unfit::Refused { status, reason } if reason.is_empty() => {
            (Unfit::Refused { status, reason: reason_in(answer).await }, None)
        }
        Unfit::Busy { status, .. } => (Unfit::Busy { status, reason: reason_in(answer).await }, pause),
        other => (other, None),
    }
}

/// The `<Code>` of an answer like those of S3; other servers send pages, of which nothing is shown.
async fn reason_in(answer: &mut reqwest::Response) -> String {
    let mut start = Vec::new();
    while start.len() < REASON_LIMIT
        && let Ok(Some(piece)) = answer.chunk().await
    {
        start.extend_from_slice(&piece[..piece.len().min(REASON_LIMIT - start.len())]);
    }
    code_in(&String::from_utf8_lossy(&start))
}

/// ` (CODE)`, if there is one.
pub(super) fn code_in(start: &str) -> String {
    let code = start.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>")).map(|(code, _)| code);
    let is_word = |code: &&str| code.len() <= 64 && code.bytes().all(|b| b.is_ascii_alphanumeric());
    code.filter(is_word).map(|code| format!(" ({code})")).unwrap_or_default()
}

fn broken(error: reqwest::Error) -> Failure {
    let error = error.without_url();
    (if error.is_timeout() && !error.is_connect() { Unfit::Stalled } else { Unfit::Transport(error) }, None)
}

/// What `object_store` repeats: it does so for all that a later attempt can mend.
fn kind(unfit: &Unfit) -> HttpErrorKind {
    match unfit {
        Unfit::Busy { .. } | Unfit::Short { .. } => HttpErrorKind::Interrupted,
        Unfit::Stalled => HttpErrorKind::Timeout,
        Unfit::Transport(error) if is_lasting(error) => HttpErrorKind::Unknown,
        Unfit::Transport(error) if error.is_connect() => HttpErrorKind::Connect,
        Unfit::Transport(_) => HttpErrorKind::Interrupted,
        _ => HttpErrorKind::Unknown,
    }
}

/// Whether a certificate, or the request itself, is the cause.
fn is_lasting(error: &reqwest::Error) -> bool {
    error.is_builder() || error.is_redirect() || is_tls(error)
}
