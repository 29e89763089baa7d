//! Tokens by client credentials (RFC 6749, 4.4), as Keycloak and others give them.

use std::time::{Duration, Instant};

use backon::{ExponentialBuilder, Retryable};
use bytes::Bytes;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Client, Response};
use serde::Deserialize;
use serde_json::Value;
use url::Url;
use url::form_urlencoded::{Serializer, byte_serialize};
use zeroize::Zeroizing;

use super::{AuthError, Secret, basic};
use crate::publish::ApiOptions;
use crate::storage::web::{is_tls, retry_after};

/// The longest answer that is read, in bytes.
const ANSWER_LIMIT: usize = 256 << 10;

/// A token is renewed so long before it expires, or after four fifths of its life if that is later.
const MARGIN: Duration = Duration::from_secs(30);

/// No token is believed to live longer.
const LONGEST_LIFE: Duration = Duration::from_secs(30 * 24 * 3600);

/// The longest pause that an endpoint can ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// A client of an identity provider.
#[derive(Debug, Clone)]
pub struct ClientCredentials {
    /// Where tokens are asked for.
    pub token_url: Url,
    /// The client's id.
    pub client_id: Secret,
    /// The client's secret.
    pub client_secret: Secret,
    /// Scopes to ask for, separated by spaces.
    pub scope: Option<String>,
    /// For whom the token is to be.
    pub audience: Option<String>,
}

/// A token, and when to renew it and when it expires, if that is known.
pub(super) struct Token {
    pub(super) secret: Secret,
    pub(super) times: Option<(Instant, Instant)>,
}

/// How the endpoint wants to know us. Servers must know the first (RFC 6749, 2.3.1), and not all do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Header,
    Body,
}

/// Where tokens come from.
pub(super) struct TokenEndpoint {
    credentials: ClientCredentials,
    client: Client,
    attempts: usize,
    first_pause: Duration,
    /// The style that worked.
    style: Option<Style>,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    token_type: Option<String>,
    expires_in: Option<Value>,
}

enum Failure {
    Transient(AuthError, Option<Duration>),
    /// It does not know us, said this way.
    Stranger(AuthError),
    Final(AuthError),
}

impl TokenEndpoint {
    pub(super) fn new(credentials: ClientCredentials, client: Client, options: &ApiOptions) -> Self {
        Self { credentials, client, attempts: options.attempts, first_pause: options.first_pause, style: None }
    }

    /// Asks for a token until there is an answer worth having.
    pub(super) async fn token(&mut self, hide: &(dyn Fn(&str) -> String + Sync)) -> Result<Token, AuthError> {
        let style = self.style.unwrap_or(Style::Header);
        let first = match self.patiently(style, hide).await {
            Err(Failure::Stranger(error)) if self.style.is_none() => match self.patiently(Style::Body, hide).await {
                Ok(token) => Ok((token, Style::Body)),
                // Of two refusals the first is the standard's.
                Err(Failure::Stranger(_)) => Err(error),
                Err(Failure::Final(other) | Failure::Transient(other, _)) => Err(other),
            },
            Ok(token) => Ok((token, style)),
            Err(Failure::Stranger(error) | Failure::Final(error) | Failure::Transient(error, _)) => Err(error),
        };
        let (token, style) = first?;
        self.style = Some(style);
        Ok(token)
    }

    async fn patiently(&self, style: Style, hide: &(dyn Fn(&str) -> String + Sync)) -> Result<Token, Failure> {
        let pauses = ExponentialBuilder::new()
            .with_jitter()
            .with_min_delay(self.first_pause)
            .with_max_delay(LONGEST_PAUSE)
            .with_max_times(self.attempts.saturating_sub(1));
        (|| self.once(style, hide))
            .retry(pauses)
            .when(|failure| matches!(failure, Failure::Transient(..)))
            .adjust(|failure, pause| match failure {
                Failure::Transient(_, Some(asked)) => pause.map(|_| *asked),
                _ => pause,
            })
            .await
    }

    async fn once(&self, style: Style, hide: &(dyn Fn(&str) -> String + Sync)) -> Result<Token, Failure> {
        let endpoint = self.credentials.token_url.to_string();
        let nothing = |reason: String| AuthError::NoToken { endpoint: endpoint.clone(), reason };
        let begun = Instant::now();
        let mut request = self.client.post(self.credentials.token_url.clone()).header(ACCEPT, "application/json");
        if style == Style::Header {
            let (name, value) = self.as_header().map_err(Failure::Final)?;
            request = request.header(name, value);
        }
        // The form is wiped once it is sent, as headers are.
        let form = Bytes::from_owner(self.form(style));
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form);
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) if is_tls(&error) => return Err(Failure::Final(nothing(hide(&chain(error))))),
            Err(error) => return Err(Failure::Transient(nothing(hide(&chain(error))), None)),
        };
        let (status, pause) =
            (response.status(), retry_after(response.headers()).map(|asked| asked.min(LONGEST_PAUSE)));
        let body = match body(response).await {
            Ok(body) => body,
            Err(Some(error)) => return Err(Failure::Transient(nothing(hide(&chain(error))), None)),
            Err(None) => {
                return Err(Failure::Final(nothing(format!("its answer is longer than {ANSWER_LIMIT} bytes"))));
            }
        };
        if status.is_success() {
            return read(&body, begun).map_err(|reason| Failure::Final(nothing(reason.into())));
        }
        let reason = format!("{status}{}", hide(&words(&body)));
        if status.is_server_error() || status.as_u16() == 429 {
            return Err(Failure::Transient(nothing(reason), pause));
        }
        let refused = AuthError::TokenRefused { endpoint: endpoint.clone(), reason };
        let is_stranger = status.as_u16() == 401 || error_code(&body).as_deref() == Some("invalid_client");
        Err(if is_stranger { Failure::Stranger(refused) } else { Failure::Final(refused) })
    }

    /// Both are encoded as in forms first (RFC 6749, 2.3.1).
    fn as_header(&self) -> Result<super::Header, AuthError> {
        let encoded = |secret: &Secret| Zeroizing::new(byte_serialize(secret.expose().as_bytes()).collect::<String>());
        basic(&encoded(&self.credentials.client_id), &encoded(&self.credentials.client_secret))
    }

    fn form(&self, style: Style) -> Zeroizing<String> {
        let mut form = Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        for (name, value) in [("scope", &self.credentials.scope), ("audience", &self.credentials.audience)] {
            if let Some(value) = value {
                form.append_pair(name, value);
            }
        }
        if style == Style::Body {
            form.append_pair("client_id", self.credentials.client_id.expose());
            form.append_pair("client_secret", self.credentials.client_secret.expose());
        }
        Zeroizing::new(form.finish())
    }
}

/// The whole body; no error if it is too long.
async fn body(mut response: Response) -> Result<Zeroizing<Vec<u8>>, Option<reqwest::Error>> {
    let mut body = Zeroizing::new(Vec::new());
    while let Some(piece) = response.chunk().await.map_err(Some)? {
        if body.len().saturating_add(piece.len()) > ANSWER_LIMIT {
            return Err(None);
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

/// The token in an answer; what is wrong with it is said without a word of it.
fn read(body: &[u8], begun: Instant) -> Result<Token, &'static str> {
    let answer: TokenAnswer =
        serde_json::from_slice(body).map_err(|_| "its answer is not JSON with an access_token")?;
    let is_token = |secret: &Secret| secret.expose().chars().all(|c| c.is_ascii_graphic());
    let secret = Secret::new(answer.access_token).filter(is_token);
    let secret = secret.ok_or("its answer has an access_token that is no token")?;
    if answer.token_type.is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
        return Err("its answer has a token of another kind than Bearer");
    }
    Ok(Token { secret, times: answer.expires_in.as_ref().and_then(seconds).map(|life| times(begun, life)) })
}

/// Some servers send the number as text.
fn seconds(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.trim().parse().ok()).filter(|seconds| seconds.is_finite())
}

/// When to renew a token, and when it expires.
fn times(begun: Instant, life: f64) -> (Instant, Instant) {
    let life = Duration::from_secs_f64(life.clamp(1.0, LONGEST_LIFE.as_secs_f64()));
    let renewal = (life * 4 / 5).max(life.saturating_sub(MARGIN));
    (begun + renewal, begun + life)
}

fn error_code(body: &[u8]) -> Option<String> {
    serde_json::from_slice::<Value>(body).ok()?["error"].as_str().map(str::to_owned)
}

/// What an answer says of a failure (RFC 6749, 5.2), in one line that continues another.
fn words(body: &[u8]) -> String {
    let json: Value = serde_json::from_slice(body).unwrap_or_default();
    let said = ["error", "error_description"].into_iter().filter_map(|name| json[name].as_str());
    let said: String = said.flat_map(|text| [": ", text]).collect();
    said.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// An error of the client and its causes, in one line without a URL.
fn chain(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
