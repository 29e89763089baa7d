//! Who may do what: the names under which the server answers, and the leave to write.

use super::answer::ApiError;
use super::hrefs::OwnOrigin;
use super::router::ServeState;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use sha2::{Digest, Sha256};
use std::fmt;
use std::sync::Arc;
use thiserror::Error;

/// Whether and by whom records may be changed.
#[derive(Debug, Clone)]
pub enum Writes {
    /// By nobody.
    Refused,
    /// By every program on this machine; only for a listener on loopback without a public address.
    FromLoopback,
    /// By who shows the token.
    WithToken(WriteToken),
}

/// A bearer token that allows writes. It keeps only a digest and never shows itself.
#[derive(Clone)]
pub struct WriteToken([u8; 32]);

/// The token is too easy to guess or cannot be sent.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("a write token needs at least 16 visible ASCII characters")]
pub struct WriteTokenError;

impl WriteToken {
    /// Takes a token.
    ///
    /// # Errors
    ///
    /// Fewer than 16 characters, or one that an `Authorization` header cannot carry.
    ///
    /// ```
    /// let token = altostac::serve::WriteToken::new("correct-horse-battery")?;
    /// assert!(!format!("{token:?}").contains("horse"));
    /// # Ok::<(), altostac::serve::WriteTokenError>(())
    /// ```
    pub fn new(token: &str) -> Result<Self, WriteTokenError> {
        let is_fit = token.len() >= 16 && token.bytes().all(|byte| byte.is_ascii_graphic());
        if is_fit { Ok(Self(digest(token))) } else { Err(WriteTokenError) }
    }

    /// Compares in a time that does not depend on the texts.
    fn admits(&self, token: &str) -> bool {
        let difference = self.0.iter().zip(digest(token)).fold(0, |sum, (own, shown)| sum | (own ^ shown));
        difference == 0
    }
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

impl fmt::Debug for WriteToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("WriteToken(…)")
    }
}

/// Admits a request or refuses it, before its body is read, and tells the handlers the server's own origin.
pub(super) async fn check(
    State(state): State<Arc<ServeState>>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let own = own_origin(request.headers(), &state)?;
    if is_write(&request) {
        check_write(request.headers(), &own, &state.writes)?;
    }
    request.extensions_mut().insert(own);
    Ok(next.run(request).await)
}

fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, ApiError> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => match value.to_str() {
            Ok(value) => Ok(Some(value)),
            Err(_) => Err(ApiError::bad_request(format!("header `{name}` is not visible ASCII"))),
        },
        (Some(_), Some(_)) => Err(ApiError::bad_request(format!("header `{name}` is given more than once"))),
    }
}

/// A page of another site that has its name resolve to this machine still sends that name.
fn own_origin(headers: &HeaderMap, state: &ServeState) -> Result<OwnOrigin, ApiError> {
    let host = single(headers, &header::HOST)?.ok_or_else(|| ApiError::bad_request("header `Host` is missing"))?;
    OwnOrigin::from_host(host, state.public_origin.as_ref())
        .ok_or_else(|| ApiError::forbidden("this server does not answer under the name in header `Host`"))
}

fn is_write(request: &Request) -> bool {
    let is_search = request.method() == Method::POST && request.uri().path() == "/search";
    !(is_search || [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method()))
}

fn check_write(headers: &HeaderMap, own: &OwnOrigin, writes: &Writes) -> Result<(), ApiError> {
    if single(headers, &header::ORIGIN)?.is_some_and(|origin| origin != own.as_str()) {
        return Err(ApiError::forbidden("a page of another origin may not change records"));
    }
    match writes {
        Writes::FromLoopback => Ok(()),
        Writes::Refused => Err(ApiError::forbidden("this server does not accept changes")),
        Writes::WithToken(token) => {
            let shown = single(headers, &header::AUTHORIZATION)?.and_then(|value| value.split_once(' '));
            match shown {
                Some((scheme, shown)) if scheme.eq_ignore_ascii_case("bearer") && token.admits(shown.trim()) => Ok(()),
                _ => Err(ApiError::new(StatusCode::UNAUTHORIZED, "Unauthorized", "changes need a valid bearer token")
                    .with_header(header::WWW_AUTHENTICATE, "Bearer")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn a_token_admits_itself_only() {
        let token = WriteToken::new("0123456789abcdef").unwrap();
        assert!(token.admits("0123456789abcdef"));
        assert!(!token.admits("0123456789abcdeF"));
        assert!(!token.admits(""));
        assert_eq!(WriteToken::new("short").unwrap_err(), WriteTokenError);
        assert!(WriteToken::new("0123456789 abcdef").is_err());
        assert_eq!(format!("{:?}", Writes::WithToken(token)), "WithToken(WriteToken(…))");
    }
}
