//! Whether an answer is what was asked for: pure.

use std::ops::Range;

use http::StatusCode;
use http::header::{CONTENT_LENGTH, CONTENT_RANGE, ETAG, HeaderMap, HeaderName, LAST_MODIFIED, LOCATION};

use super::transport::{Wanted, Whole};

/// What a server says of a file; as long as all of it stays the same, so does the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct State {
    /// The entity tag as it was sent, `W/` included.
    pub(super) etag: Option<String>,
    /// The date of the last modification as it was sent.
    pub(super) modified: Option<String>,
    pub(super) size: u64,
}

impl State {
    pub(super) fn new(headers: &HeaderMap, size: u64) -> Self {
        Self { etag: text(headers, &ETAG), modified: text(headers, &LAST_MODIFIED), size }
    }

    /// The tag, if it is one by which a server can be asked for just this state (RFC 9110, 8.8.1).
    pub(super) fn strong_etag(&self) -> Option<&str> {
        self.etag.as_deref().filter(|tag| !tag.starts_with("W/"))
    }
}

impl std::fmt::Display for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.size)?;
        if let Some(tag) = &self.etag {
            write!(f, ", ETag {tag}")?;
        }
        if let Some(modified) = &self.modified {
            write!(f, ", modified {modified}")?;
        }
        Ok(())
    }
}

/// Why an answer is of no use.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unfit {
    #[error("the server answered {status}{reason}")]
    Refused { status: StatusCode, reason: String },
    #[error("the server is busy or broken: {status}{reason}")]
    Busy { status: StatusCode, reason: String },
    #[error("the server sends whole files only")]
    IgnoresRanges,
    #[error("expected {expected}, found {found}")]
    Changed { expected: String, found: String },
    #[error("expected {expected}, found {found}")]
    Malformed { expected: String, found: String },
    #[error("expected {expected} bytes, found {found}")]
    Short { expected: u64, found: String },
    #[error("the answer is longer than {limit} bytes")]
    TooLong { limit: u64 },
    /// The file is empty: no range of it can be sent.
    #[error("the file is empty")]
    Empty(State),
    #[error("the server did not answer in time")]
    Stalled,
    #[error("not tried: the server has not answered any request for a while")]
    Silent,
    #[error("no connection, or it broke")]
    Transport(#[source] reqwest::Error),
}

/// What to read of an answer that fits.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// Just so many bytes.
    Exactly(State, u64),
    /// All there is, up to the limit; the size of the file is its length.
    Whole,
    /// Nothing: the headers told all.
    Nothing(State),
}

/// Says what to read of an answer to `wanted`.
pub(super) fn judge(status: StatusCode, headers: &HeaderMap, wanted: &Wanted) -> Result<Body, Unfit> {
    match (status, &wanted.range) {
        (StatusCode::PARTIAL_CONTENT, Some(range)) => partial(headers, range, wanted),
        (StatusCode::OK, Some(_)) => whole(headers, wanted),
        (StatusCode::OK, None) => match length(headers) {
            Some(length) if length > wanted.limit => Err(Unfit::TooLong { limit: wanted.limit }),
            _ => Ok(Body::Whole),
        },
        (StatusCode::RANGE_NOT_SATISFIABLE, Some(range)) => Err(unsatisfiable(headers, range, wanted)),
        (StatusCode::PRECONDITION_FAILED, _) if wanted.expected.is_some() => {
            Err(changed(wanted, "another state (412 Precondition Failed)".into()))
        }
        (status, _) if status.is_server_error() || matches!(status.as_u16(), 408 | 429) => {
            Err(Unfit::Busy { status, reason: String::new() })
        }
        (status, _) => Err(Unfit::Refused { status, reason: redirected(status, headers) }),
    }
}

fn partial(headers: &HeaderMap, range: &Range<u64>, wanted: &Wanted) -> Result<Body, Unfit> {
    let shown = text(headers, &CONTENT_RANGE);
    let malformed = |found: String| Unfit::Malformed {
        expected: format!("bytes {}-{} of a file of known size", range.start, range.end - 1),
        found,
    };
    let Some((sent, size)) = shown.as_deref().and_then(content_range) else {
        return Err(malformed(
            shown.map_or_else(|| "no Content-Range".into(), |value| format!("Content-Range {value:?}")),
        ));
    };
    let state = State::new(headers, size);
    if let Some(expected) = &wanted.expected
        && **expected != state
    {
        return Err(changed(wanted, state.to_string()));
    }
    if sent != (range.start..range.end.min(size)) {
        return Err(malformed(format!("Content-Range {:?}", shown.unwrap_or_default())));
    }
    let expected = sent.end - sent.start;
    match length(headers) {
        Some(found) if found != expected => Err(malformed(format!("{found} bytes"))),
        _ => Ok(Body::Exactly(state, expected)),
    }
}

fn whole(headers: &HeaderMap, wanted: &Wanted) -> Result<Body, Unfit> {
    let length = length(headers);
    match (wanted.whole, length) {
        (_, Some(0)) => Err(Unfit::Empty(State::new(headers, 0))),
        (Whole::HeadersSuffice, Some(length)) => Ok(Body::Nothing(State::new(headers, length))),
        (Whole::IfShort, None) => Ok(Body::Whole),
        (Whole::IfShort, Some(length)) if length <= wanted.limit => Ok(Body::Whole),
        _ => Err(Unfit::IgnoresRanges),
    }
}

fn unsatisfiable(headers: &HeaderMap, range: &Range<u64>, wanted: &Wanted) -> Unfit {
    let size = text(headers, &CONTENT_RANGE).and_then(|value| value.trim().strip_prefix("bytes */")?.parse().ok());
    if wanted.expected.is_some() {
        return changed(wanted, size.map_or_else(|| "a shorter file".into(), |size: u64| format!("{size} bytes")));
    }
    match size {
        None | Some(0) if range.start == 0 => Unfit::Empty(State::new(headers, 0)),
        _ => Unfit::Malformed {
            expected: format!("bytes from {}", range.start),
            found: "416 Range Not Satisfiable".into(),
        },
    }
}

fn changed(wanted: &Wanted, found: String) -> Unfit {
    let expected = wanted.expected.as_ref().map(|state| state.to_string()).unwrap_or_default();
    Unfit::Changed { expected, found }
}

fn redirected(status: StatusCode, headers: &HeaderMap) -> String {
    let region = headers.get("x-amz-bucket-region").and_then(|value| value.to_str().ok());
    match (status.is_redirection(), region, text(headers, &LOCATION)) {
        (true, Some(region), _) => format!(": the bucket is in the region {region:?}"),
        (true, None, Some(location)) => match url::Url::parse(&location) {
            Ok(url) => format!(" to {}, which is not followed", crate::model::shown_url(&url)),
            Err(_) => ", a redirect that is not followed".into(),
        },
        _ => String::new(),
    }
}

/// `bytes FIRST-LAST/SIZE` (RFC 9110, 14.4).
fn content_range(value: &str) -> Option<(Range<u64>, u64)> {
    let (range, size) = value.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last, size): (u64, u64, u64) = (first.parse().ok()?, last.parse().ok()?, size.parse().ok()?);
    (first <= last && last < size).then(|| (first..last + 1, size))
}

pub(super) fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

pub(super) fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?.trim();
    (!value.is_empty() && value.len() <= 512).then(|| value.to_owned())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_headers_make_it_panic_or_take_more_than_was_asked_for(
            status in 200_u16..600,
            range in prop::option::of((0_u64..1000, 1_u64..1000)),
            numbers in prop::collection::vec(prop_oneof![0_u64..2000, Just(u64::MAX)], 4),
            shape in "(bytes )?[0-9-]{0,3}X-Y/Z|bytes X-Y/Z|bytes \\*/Z|\\PC{0,9}",
            expected in any::<bool>(),
        ) {
            let mut value = shape;
            for (letter, number) in ["X", "Y", "Z"].iter().zip(&numbers) {
                value = value.replace(letter, &number.to_string());
            }
            let mut headers = HeaderMap::new();
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(CONTENT_RANGE, value);
            }
            headers.insert(CONTENT_LENGTH, HeaderValue::from(numbers[3]));
            let range = range.map(|(start, length)| start..start + length);
            let expected = expected.then(|| std::sync::Arc::new(State::new(&headers, 2000)));
            let limit = range.as_ref().map_or(500, |range| range.end - range.start);
            let wanted = Wanted { url: None, range, limit, whole: Whole::IfShort, expected };
            if let (Ok(status), Some(range)) = (StatusCode::from_u16(status), wanted.range.clone())
                && let Ok(Body::Exactly(state, length)) = judge(status, &headers, &wanted)
            {
                prop_assert!(length <= limit && range.start + length <= state.size);
            }
        }
    }
}
