//! Who we are to an API: a header on every request, renewed before it expires and once when it is refused.
//!
//! In: [`AuthSettings`](crate::model::AuthSettings), which name secrets. Out: the header, for as many tasks as there are; one at a time
//! renews it.

mod hidden;
mod oauth2;
mod secret;

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use reqwest::Client;
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use tokio::sync::Mutex;
use url::Url;
use zeroize::Zeroizing;

use hidden::Hidden;
pub use oauth2::ClientCredentials;
use oauth2::TokenEndpoint;
pub use secret::Secret;
use secret::header;

use super::ApiOptions;
use crate::model::{AuthSettings, NamePlace, SecretPlace};

/// So much of a server's words is told, in characters.
const WORDS: usize = 400;

/// For so long a token endpoint that did not answer is not asked again.
const REST: Duration = Duration::from_secs(30);

/// Why an API cannot be told who we are. No secret is in it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AuthError {
    /// A secret is not where it is said to be.
    #[error("{what} cannot be read from {place}: {reason}")]
    NoSecret {
        /// What it is.
        what: &'static str,
        /// Where it was looked for.
        place: SecretPlace,
        /// Why it cannot be used.
        reason: String,
    },
    /// What was given does not go into a header.
    #[error("{what} cannot be sent: {reason}")]
    Unfit {
        /// What it is.
        what: &'static str,
        /// What is wrong.
        reason: &'static str,
    },
    /// The identity provider's URL cannot be used.
    #[error("no token is asked for at {endpoint}: {reason}")]
    Endpoint {
        /// The URL.
        endpoint: String,
        /// What is wrong.
        reason: &'static str,
    },
    /// The identity provider says no.
    #[error("{endpoint} gives no token: {reason}")]
    TokenRefused {
        /// Its URL.
        endpoint: String,
        /// The status and its words, without secrets.
        reason: String,
    },
    /// The identity provider does not answer, or not with a token.
    #[error("no token came from {endpoint}: {reason}")]
    NoToken {
        /// Its URL.
        endpoint: String,
        /// Why not.
        reason: String,
    },
}

impl AuthError {
    /// Whether it is a matter of settings and of this machine, not of an identity provider.
    pub(super) fn is_of_request(&self) -> bool {
        !matches!(self, Self::TokenRefused { .. } | Self::NoToken { .. })
    }

    fn is_final(&self) -> bool {
        !matches!(self, Self::NoToken { .. })
    }
}

/// A way to say who we are, secrets included.
#[derive(Debug, Clone, Default)]
pub enum Auth {
    /// We do not.
    #[default]
    None,
    /// A token of ours.
    Bearer(Secret),
    /// A name and a password.
    Basic {
        /// The name.
        user: Secret,
        /// The password.
        password: Secret,
    },
    /// A key in a header.
    ApiKey {
        /// The header.
        header: HeaderName,
        /// The key.
        value: Secret,
    },
    /// Tokens of an identity provider.
    ClientCredentials(ClientCredentials),
}

impl Auth {
    /// Reads the secrets that settings name.
    ///
    /// ```
    /// use altostac::model::{AuthSettings, SecretPlace};
    /// use altostac::publish::Auth;
    /// let settings = AuthSettings::Bearer { token: SecretPlace::Environment("NO_SUCH_TOKEN".into()) };
    /// assert!(Auth::read(&settings).unwrap_err().to_string().contains("NO_SUCH_TOKEN: it is not set"));
    /// ```
    ///
    /// # Errors
    /// [`AuthError::NoSecret`] or [`AuthError::Unfit`], which say what and where.
    pub fn read(settings: &AuthSettings) -> Result<Self, AuthError> {
        Ok(match settings {
            AuthSettings::Bearer { token } => Self::Bearer(Secret::read(token, "the token")?),
            AuthSettings::Basic { user, password } => {
                Self::Basic { user: name(user, "the user's name")?, password: Secret::read(password, "the password")? }
            }
            AuthSettings::ApiKey { header, value } => {
                let reason = "its header's name is none";
                let header = HeaderName::from_bytes(header.as_bytes())
                    .map_err(|_| AuthError::Unfit { what: "the key", reason })?;
                Self::ApiKey { header, value: Secret::read(value, "the key")? }
            }
            AuthSettings::OAuth2ClientCredentials { token_url, client_id, client_secret, scope, audience } => {
                Self::ClientCredentials(ClientCredentials {
                    token_url: token_url.clone(),
                    client_id: name(client_id, "the client's id")?,
                    client_secret: Secret::read(client_secret, "the client's secret")?,
                    scope: scope.clone(),
                    audience: audience.clone(),
                })
            }
        })
    }

    /// Whether anything is sent that others must not see.
    pub(super) fn is_secret(&self) -> bool {
        !matches!(self, Self::None)
    }

    /// Where tokens are asked for, if they are.
    pub(super) fn token_url(&self) -> Option<&Url> {
        match self {
            Self::ClientCredentials(credentials) => Some(&credentials.token_url),
            _ => None,
        }
    }
}

fn name(place: &NamePlace, what: &'static str) -> Result<Secret, AuthError> {
    match place {
        NamePlace::At(place) => Secret::read(place, what),
        NamePlace::Given(text) => {
            Secret::new(text.as_str()).ok_or(AuthError::Unfit { what, reason: "it is empty or has control characters" })
        }
    }
}

/// What goes with a request.
#[derive(Debug, Clone, Default)]
pub(super) struct Credentials {
    /// The header, if any.
    pub(super) header: Option<(HeaderName, HeaderValue)>,
    /// Which of all that there were.
    generation: u64,
}

/// What proves who we are, and for how long.
struct Proof {
    header: (HeaderName, HeaderValue),
    /// When to get another, and when this one is of no use any more.
    times: Option<(Instant, Instant)>,
}

enum Source {
    None,
    /// What is read from a file may be replaced there.
    Fixed(Auth),
    Endpoint(TokenEndpoint),
}

#[derive(Default)]
struct State {
    proof: Option<Proof>,
    generation: u64,
    failure: Option<(AuthError, Instant)>,
}

/// Gives every request its header. One task at a time renews it; the others wait for that.
pub(super) struct Authorizer {
    source: Mutex<(Source, State)>,
    hidden: std::sync::Mutex<Hidden>,
}

impl Authorizer {
    /// `endpoint` is the client for the URL of tokens, if the way has one.
    pub(super) fn new(options: &ApiOptions, endpoint: Option<Client>) -> Result<Self, AuthError> {
        let mut hidden = Hidden::default();
        let auth = &options.auth;
        match auth {
            Auth::None => {}
            Auth::Bearer(secret) | Auth::ApiKey { value: secret, .. } => hidden.add(secret),
            Auth::Basic { password, .. } => hidden.add(password),
            Auth::ClientCredentials(credentials) => hidden.add(&credentials.client_secret),
        }
        let mut state = State::default();
        let source = match (auth, endpoint) {
            (Auth::None, _) => Source::None,
            (Auth::ClientCredentials(credentials), Some(client)) => {
                Source::Endpoint(TokenEndpoint::new(credentials.clone(), client, options))
            }
            (Auth::ClientCredentials(credentials), None) => {
                let endpoint = credentials.token_url.to_string();
                return Err(AuthError::Endpoint { endpoint, reason: "there is no client for it" });
            }
            (fixed, _) => {
                state.proof = Some(Proof { header: fixed_header(fixed)?, times: None });
                Source::Fixed(fixed.clone())
            }
        };
        Ok(Self { source: Mutex::new((source, state)), hidden: std::sync::Mutex::new(hidden) })
    }

    /// What goes with the next request.
    ///
    /// # Errors
    /// If there is no token and none is given; for a while the same error again, without asking.
    pub(super) async fn credentials(&self) -> Result<Credentials, AuthError> {
        let mut guard = self.source.lock().await;
        let (source, state) = &mut *guard;
        let now = Instant::now();
        let is_due = state.proof.as_ref().is_none_or(|proof| proof.times.is_some_and(|(renewal, _)| renewal <= now));
        if is_due
            && let Source::Endpoint(endpoint) = source
            && let Err(error) = self.renew(endpoint, state).await
        {
            // An endpoint that is away for a moment does no harm while the last token is good.
            let is_good = |proof: &Proof| proof.times.is_some_and(|(_, end)| Instant::now() < end);
            if error.is_final() || !state.proof.as_ref().is_some_and(is_good) {
                return Err(error);
            }
        }
        Ok(Credentials { header: state.proof.as_ref().map(|proof| proof.header.clone()), generation: state.generation })
    }

    /// After a request with these was answered by 401: whether there are others now, to try once more.
    ///
    /// # Errors
    /// If no other token is given.
    pub(super) async fn refused(&self, used: &Credentials) -> Result<bool, AuthError> {
        let mut guard = self.source.lock().await;
        let (source, state) = &mut *guard;
        if state.generation != used.generation {
            return Ok(true);
        }
        match source {
            Source::None => Ok(false),
            Source::Fixed(auth) => {
                let Some(replaced) = replaced(auth) else { return Ok(false) };
                self.hide(secret_of(&replaced));
                state.proof = Some(Proof { header: fixed_header(&replaced)?, times: None });
                state.generation += 1;
                *auth = replaced;
                Ok(true)
            }
            Source::Endpoint(endpoint) => {
                state.proof = None;
                self.renew(endpoint, state).await.map(|()| true)
            }
        }
    }

    async fn renew(&self, endpoint: &mut TokenEndpoint, state: &mut State) -> Result<(), AuthError> {
        if let Some((error, when)) = &state.failure
            && (error.is_final() || when.elapsed() < REST)
        {
            return Err(error.clone());
        }
        match endpoint.token(&|text| self.hidden_in(text)).await {
            Ok(token) => {
                self.hide(Some(&token.secret));
                let header = bearer(&token.secret)?;
                *state = State {
                    proof: Some(Proof { header, times: token.times }),
                    generation: state.generation + 1,
                    failure: None,
                };
                Ok(())
            }
            Err(error) => {
                state.failure = Some((error.clone(), Instant::now()));
                Err(error)
            }
        }
    }

    fn hide(&self, secret: Option<&Secret>) {
        if let Some(secret) = secret {
            self.hidden.lock().unwrap_or_else(PoisonError::into_inner).add_renewed(secret);
        }
    }

    /// The beginning of a server's words, without our secrets should they repeat any.
    pub(super) fn hidden_in(&self, text: &str) -> String {
        self.hidden.lock().unwrap_or_else(PoisonError::into_inner).hidden_in(text, WORDS)
    }
}

fn secret_of(auth: &Auth) -> Option<&Secret> {
    match auth {
        Auth::Bearer(secret) | Auth::ApiKey { value: secret, .. } | Auth::Basic { password: secret, .. } => {
            Some(secret)
        }
        Auth::None | Auth::ClientCredentials(_) => None,
    }
}

/// The same with what stands in its file now, if that is another.
fn replaced(auth: &Auth) -> Option<Auth> {
    let now = secret_of(auth)?.replaced()?;
    Some(match auth {
        Auth::Bearer(_) => Auth::Bearer(now),
        Auth::Basic { user, .. } => Auth::Basic { user: user.clone(), password: now },
        Auth::ApiKey { header, .. } => Auth::ApiKey { header: header.clone(), value: now },
        Auth::None | Auth::ClientCredentials(_) => return None,
    })
}

type Header = (HeaderName, HeaderValue);

fn fixed_header(auth: &Auth) -> Result<Header, AuthError> {
    match auth {
        Auth::Bearer(token) => bearer(token),
        Auth::Basic { user, password } => basic(user.expose(), password.expose()),
        Auth::ApiKey { header: name, value } => {
            let text = Zeroizing::new(value.expose().to_owned());
            let unfit = AuthError::Unfit { what: "the key", reason: "a header cannot carry it" };
            Ok((name.clone(), header(text).ok_or(unfit)?))
        }
        Auth::None | Auth::ClientCredentials(_) => {
            Err(AuthError::Unfit { what: "the header", reason: "there is none of this kind" })
        }
    }
}

fn bearer(token: &Secret) -> Result<Header, AuthError> {
    let unfit = |reason| AuthError::Unfit { what: "the token", reason };
    if !token.expose().chars().all(|c| c.is_ascii_graphic()) {
        return Err(unfit("it has characters that no token has"));
    }
    let text = Zeroizing::new(["Bearer ", token.expose()].concat());
    Ok((AUTHORIZATION, header(text).ok_or_else(|| unfit("a header cannot carry it"))?))
}

fn basic(user: &str, password: &str) -> Result<Header, AuthError> {
    let unfit = |reason| AuthError::Unfit { what: "the user's name", reason };
    if user.contains(':') {
        return Err(unfit("it has a colon, which ends it (RFC 7617, 2)"));
    }
    let both = Zeroizing::new([user, ":", password].concat());
    let encoded = Zeroizing::new(BASE64_STANDARD.encode(both.as_bytes()));
    let text = Zeroizing::new(["Basic ", encoded.as_str()].concat());
    Ok((AUTHORIZATION, header(text).ok_or_else(|| unfit("a header cannot carry it"))?))
}

#[cfg(test)]
mod tests;
