//! HTTP with a STAC API: bounded, retried, and careful with secrets.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use bytes::{Bytes, BytesMut};
use reqwest::header::{ACCEPT, CONTENT_TYPE, ETAG, HeaderValue, IF_MATCH};
use reqwest::redirect::{Attempt, Policy};
use reqwest::{Client, Method, StatusCode};
use serde_json::Value;
use url::Url;

use super::auth::{AuthError, Authorizer, Credentials};
use super::limiter::Limiter;
use super::{ApiOptions, Audience, PublishError};
use crate::storage::web::{is_tls, retry_after};

/// After this many requests in a row to which nobody answered, the rest is not tried.
const UNANSWERED_LIMIT: usize = 8;

/// After this many refusals of our credentials in a row, the rest is not tried: others would count them, and lock us out.
const REFUSED_LIMIT: usize = 8;

/// A server's `Retry-After` is honoured up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(120);

/// The longest to wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

const REDIRECT_LIMIT: usize = 5;

/// A request is sent so often if the server says each time that it failed (500): it may have been two requests at the same moment.
const ATTEMPTS_AT_ERRORS: usize = 3;

/// A look is sent so often if nothing comes back in time. What changes something is not sent again then: the server may be at it still.
const ATTEMPTS_IN_TIME: usize = 2;

/// A whole answer.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) etag: Option<HeaderValue>,
    retry_after: Option<Duration>,
    pub(super) body: Bytes,
}

impl Answer {
    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    fn is_transient(&self) -> bool {
        matches!(self.status, 429 | 500 | 502 | 503 | 504)
    }

    fn is_busy(&self) -> bool {
        matches!(self.status, 429 | 503)
    }

    /// What the body is, in words.
    pub(super) fn kind(&self) -> &'static str {
        let start: Vec<u8> = self.body.iter().copied().filter(|b| !b.is_ascii_whitespace()).take(9).collect();
        match start.to_ascii_lowercase().as_slice() {
            [] => "nothing",
            start if start.starts_with(b"<!doctype") || start.starts_with(b"<html") => "an HTML page",
            [b'{' | b'[', ..] => "JSON",
            _ => "text that is not JSON",
        }
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum RequestError {
    /// Only within the retries: the last such answer is given out as it is.
    #[error("the API is not ready")]
    Transient(Answer),
    #[error("the API did not answer")]
    Transport(#[source] reqwest::Error),
    #[error("the API's answer is longer than {limit} bytes")]
    TooLong { limit: usize },
    #[error("not tried: the API did not answer {UNANSWERED_LIMIT} requests in a row")]
    GaveUp,
    #[error("not tried: the API refused our credentials {REFUSED_LIMIT} times in a row")]
    Refused,
    #[error("no credentials for the API")]
    Auth(#[from] AuthError),
}

impl RequestError {
    /// How often a request is sent that ends so; `most` if trying again may always help.
    fn attempts(&self, most: usize, is_look: bool) -> usize {
        match self {
            Self::Transient(answer) if answer.status == 500 => most.min(ATTEMPTS_AT_ERRORS),
            Self::Transient(_) => most,
            Self::Transport(error) if error.is_connect() && is_tls(error) => 1,
            Self::Transport(error) if error.is_connect() => most,
            // It cannot be told from a server that works on the request.
            Self::Transport(error) if error.is_timeout() && is_look => most.min(ATTEMPTS_IN_TIME),
            Self::Transport(error) if error.is_timeout() => 1,
            Self::Transport(error) if error.is_request() || error.is_body() || error.is_decode() => most,
            Self::Transport(_) | Self::TooLong { .. } | Self::GaveUp | Self::Refused | Self::Auth(_) => 1,
        }
    }
}

/// A client of one API.
pub(super) struct ApiClient {
    api: Url,
    reader: Client,
    /// It follows no redirects: they would turn a POST into a GET.
    writer: Client,
    options: ApiOptions,
    authorizer: Authorizer,
    limiter: Limiter,
    unanswered: AtomicUsize,
    refused: Refusals,
}

/// How often our credentials were refused in a row: apart for reading, which many APIs let everybody do.
#[derive(Default)]
struct Refusals {
    reading: AtomicUsize,
    writing: AtomicUsize,
}

impl Refusals {
    fn of(&self, method: &Method) -> &AtomicUsize {
        if *method == Method::GET { &self.reading } else { &self.writing }
    }

    fn are_too_many(&self, method: &Method) -> bool {
        self.of(method).load(Ordering::Relaxed) >= REFUSED_LIMIT
    }

    fn count(&self, method: &Method, status: u16) {
        match status {
            401 => self.of(method).fetch_add(1, Ordering::Relaxed),
            _ => self.of(method).swap(0, Ordering::Relaxed),
        };
    }
}

/// What an API says that it offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Offer {
    /// `GET /search`.
    pub(super) search: bool,
    /// The member `fields` of a search.
    pub(super) fields: bool,
}

impl ApiClient {
    pub(super) fn new(api: &Url, options: ApiOptions) -> Result<Self, PublishError> {
        check_api(api, options.auth.is_secret())?;
        let reader = client(api, &options, Policy::custom(same_origin))?;
        let writer = client(api, &options, Policy::none())?;
        let endpoint = options.auth.token_url().map(|url| token_client(url, &options)).transpose()?;
        let authorizer = Authorizer::new(&options, endpoint)?;
        let limiter = Limiter::new(options.concurrency);
        let (unanswered, refused) = (AtomicUsize::new(0), Refusals::default());
        Ok(Self { api: api.clone(), reader, writer, options, authorizer, limiter, unanswered, refused })
    }

    pub(super) fn options(&self) -> &ApiOptions {
        &self.options
    }

    /// The API's URL with these pieces added to its path.
    pub(super) fn url(&self, pieces: &[&str]) -> Url {
        let mut url = self.api.clone();
        url.set_query(None);
        url.set_fragment(None);
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(pieces);
        }
        url
    }

    /// Reads the landing page, checks that it is one, and says what the API offers.
    pub(super) async fn check_landing_page(&self) -> Result<Offer, PublishError> {
        let api = self.api.to_string();
        let not_stac = |found: String| PublishError::NotStac { api: api.clone(), found };
        let answer = match self.send(Method::GET, &self.api, None, None).await {
            Ok(answer) => answer,
            Err(RequestError::Transport(source)) if is_tls(&source) => return Err(PublishError::Tls { api, source }),
            Err(RequestError::Transport(source)) => return Err(PublishError::Unreachable { api, source }),
            Err(RequestError::Auth(source)) => return Err(source.into()),
            Err(other) => return Err(not_stac(other.to_string())),
        };
        if matches!(answer.status, 401 | 403) {
            return Err(PublishError::Refused { api, status: answer.status });
        }
        if !answer.is_success() {
            return Err(not_stac(status_words(answer.status)));
        }
        let page: Value = serde_json::from_slice(&answer.body).map_err(|_| not_stac(answer.kind().into()))?;
        if page["stac_version"].as_str().is_none() {
            return Err(not_stac("JSON without stac_version".into()));
        }
        let told = match page["conformsTo"].as_array() {
            Some(_) => Some(page),
            None => self.conformance().await,
        };
        let Some(classes) = told.as_ref().and_then(|told| told["conformsTo"].as_array()) else {
            return Err(not_stac("a STAC document without conformsTo (a static catalogue?)".into()));
        };
        let classes: Vec<&str> = classes.iter().filter_map(Value::as_str).collect();
        let is_transaction = |class: &&str| class.contains("transaction") || class.contains("simpletx");
        if !self.options.dry_run && !classes.iter().any(is_transaction) {
            return Err(PublishError::ReadOnly { api });
        }
        let offers = |word: &str| classes.iter().any(|class| class.contains(word));
        Ok(Offer { search: offers("item-search"), fields: offers("item-search#fields") })
    }

    /// The page of an API whose landing page does not say what it conforms to (OGC API - Features has it apart).
    async fn conformance(&self) -> Option<Value> {
        let answer = self.send(Method::GET, &self.url(&["conformance"]), None, None).await.ok()?;
        serde_json::from_slice(&answer.body).ok().filter(|_| answer.is_success())
    }

    /// Whether nobody answers any more.
    pub(super) fn has_given_up(&self) -> bool {
        self.unanswered.load(Ordering::Relaxed) >= UNANSWERED_LIMIT
    }

    /// Sends a request until there is an answer worth having.
    pub(super) async fn send(
        &self,
        method: Method,
        url: &Url,
        body: Option<&Bytes>,
        if_match: Option<&HeaderValue>,
    ) -> Result<Answer, RequestError> {
        if self.has_given_up() {
            return Err(RequestError::GaveUp);
        }
        if self.refused.are_too_many(&method) {
            return Err(RequestError::Refused);
        }
        let pauses = ExponentialBuilder::new()
            .with_jitter()
            .with_min_delay(self.options.first_pause)
            .with_max_delay(Duration::from_secs(30))
            .with_max_times(self.options.attempts.saturating_sub(1));
        let mut sent = 0;
        let result = (|| self.send_once(&method, url, body, if_match))
            .retry(pauses)
            .when(|error| {
                sent += 1;
                sent < error.attempts(self.options.attempts, method == Method::GET)
            })
            .adjust(|error, pause| match error {
                RequestError::Transient(Answer { retry_after: Some(asked), .. }) => pause.map(|_| *asked),
                _ => pause,
            })
            .await;
        match result {
            Err(RequestError::Transport(error)) => {
                self.unanswered.fetch_add(1, Ordering::Relaxed);
                Err(RequestError::Transport(error))
            }
            other => {
                self.unanswered.store(0, Ordering::Relaxed);
                match other {
                    Err(RequestError::Transient(answer)) => Ok(answer),
                    other => other,
                }
            }
        }
    }

    async fn send_once(
        &self,
        method: &Method,
        url: &Url,
        body: Option<&Bytes>,
        if_match: Option<&HeaderValue>,
    ) -> Result<Answer, RequestError> {
        let credentials = self.authorizer.credentials().await?;
        let mut result = self.exchange(method, url, body, if_match, credentials.clone()).await;
        if matches!(&result, Ok(answer) if answer.status == 401) && self.authorizer.refused(&credentials).await? {
            result = self.exchange(method, url, body, if_match, self.authorizer.credentials().await?).await;
        }
        if let Ok(answer) = &result {
            self.refused.count(method, answer.status);
        }
        result
    }

    async fn exchange(
        &self,
        method: &Method,
        url: &Url,
        body: Option<&Bytes>,
        if_match: Option<&HeaderValue>,
        credentials: Credentials,
    ) -> Result<Answer, RequestError> {
        let client = if *method == Method::GET { &self.reader } else { &self.writer };
        let mut request = client.request(method.clone(), url.clone());
        request = request.header(ACCEPT, "application/geo+json, application/json");
        if let Some((name, value)) = credentials.header {
            request = request.header(name, value);
        }
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body.clone());
        }
        if let Some(tag) = if_match {
            request = request.header(IF_MATCH, tag.clone());
        }
        let transport = |error: reqwest::Error| RequestError::Transport(error.without_url());
        let permit = self.limiter.permit().await;
        let mut response = request.send().await.map_err(transport)?;
        let limit = self.options.answer_limit;
        let mut body = BytesMut::new();
        while let Some(piece) = response.chunk().await.map_err(transport)? {
            if body.len().saturating_add(piece.len()) > limit {
                return Err(RequestError::TooLong { limit });
            }
            body.extend_from_slice(&piece);
        }
        let answer = Answer {
            status: response.status().as_u16(),
            etag: response.headers().get(ETAG).cloned(),
            retry_after: retry_after(response.headers()).map(|pause| pause.min(LONGEST_PAUSE)),
            body: body.freeze(),
        };
        if answer.is_busy() {
            permit.was_busy(answer.retry_after);
        } else {
            permit.went_well();
        }
        if answer.is_transient() { Err(RequestError::Transient(answer)) } else { Ok(answer) }
    }

    /// What an answer says about a failure, in one line and without our secrets.
    pub(super) fn explain(&self, answer: &Answer) -> String {
        let json: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let detail = ["description", "detail", "message", "code"].into_iter().find_map(|name| match &json[name] {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        });
        let detail = detail.unwrap_or_else(|| match answer.kind() {
            "text that is not JSON" | "JSON" => String::from_utf8_lossy(&answer.body).into_owned(),
            other => other.to_owned(),
        });
        let detail: String = detail.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let detail = self.authorizer.hidden_in(detail.trim());
        format!("{}: {}", status_words(answer.status), detail)
    }
}

fn check_api(api: &Url, has_secret: bool) -> Result<(), PublishError> {
    let reason = if !matches!(api.scheme(), "http" | "https") || api.host().is_none() {
        "an http or https URL is needed"
    } else if !api.username().is_empty() || api.password().is_some() {
        "the URL holds a name or password"
    } else if has_secret && is_open(api) {
        "a secret would be sent over plain http, where others can read it"
    } else if rustls::crypto::CryptoProvider::get_default().is_none() {
        "the program has installed no TLS provider"
    } else {
        return Ok(());
    };
    let mut shown = api.clone();
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    Err(PublishError::ApiUrl { api: shown.into(), reason })
}

/// Whether others on the way can read what is sent.
fn is_open(url: &Url) -> bool {
    url.scheme() == "http" && Audience::of(url) == Audience::Everyone
}

/// A client for the URL of an identity provider. It follows no redirects: they would carry our secret elsewhere.
fn token_client(url: &Url, options: &ApiOptions) -> Result<Client, PublishError> {
    let reason = if is_open(url) {
        "the client's secret would be sent over plain http, where others can read it"
    } else if !matches!(url.scheme(), "http" | "https") || !url.username().is_empty() || url.password().is_some() {
        "an http or https URL without a name or password is needed"
    } else {
        return client(url, options, Policy::none());
    };
    Err(AuthError::Endpoint { endpoint: crate::model::shown_url(url), reason }.into())
}

fn client(api: &Url, options: &ApiOptions, redirects: Policy) -> Result<Client, PublishError> {
    let mut builder = Client::builder()
        .user_agent(&options.user_agent)
        .timeout(options.timeout)
        .connect_timeout(CONNECT_TIMEOUT.min(options.timeout))
        .redirect(redirects);
    if Audience::of(api) == Audience::Loopback {
        builder = builder.no_proxy();
    }
    if api.scheme() == "http" {
        // No redirect leads to https, and a machine without any certificates still has a loopback.
        builder = builder.tls_certs_only([]);
    } else if !options.authorities.is_empty() {
        builder = builder.tls_certs_merge(options.authorities.clone());
    }
    builder.build().map_err(|source| PublishError::Client { source })
}

fn same_origin(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let is_same = attempt.previous().first().is_some_and(|first| first.origin() == attempt.url().origin());
    if is_same && attempt.previous().len() <= REDIRECT_LIMIT { attempt.follow() } else { attempt.stop() }
}

fn status_words(status: u16) -> String {
    match StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()) {
        Some(reason) => format!("{status} {reason}"),
        None => status.to_string(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::publish::{Auth, Secret};

    fn refused(api: &str, token: Option<&str>) -> String {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let auth = token.and_then(Secret::new).map(Auth::Bearer).unwrap_or_default();
        let options = ApiOptions { auth, ..ApiOptions::default() };
        assert!(!format!("{options:?}").contains("s3cret"));
        ApiClient::new(&Url::parse(api).unwrap(), options).err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn tokens_go_to_trusted_places_only() {
        assert!(refused("http://api.example.org", Some("s3cret")).contains("plain http"));
        assert_eq!(refused("http://127.0.0.1:1", Some("s3cret")), "");
        assert_eq!(refused("https://api.example.org", Some("s3cret")), "");
        assert_eq!(refused("http://api.example.org", None), "");
        let error = refused("https://me:s3cret@api.example.org", None);
        assert!(error.starts_with("https://api.example.org/ cannot") && !error.contains("s3cret"), "{error}");
        assert!(refused("file:///x", None).contains("http"));
    }
}
