//! What a deposit message says: pure.
//!
//! CEDA's deposit server writes `date_hour:min:sec:path:action:size:message`, or a JSON object with `datetime`, `filepath`, `action`,
//! `filesize` and `message` (read by `rabbit_indexer/queue_handler` of cedadev/rabbit-index-ingest). A path may hold colons: it ends before
//! the first `:ACTION:` whose action is known.

use std::path::{Component, Path, PathBuf};

use serde::Deserialize;

/// The longest message that is read, in bytes.
pub const LONGEST_MESSAGE: usize = 64 << 10;

/// The longest path, in bytes: that of Linux.
const LONGEST_PATH: usize = 4096;

/// What happened to a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// A file was put there, or another in its place.
    Deposit,
    /// A file was taken away.
    Remove,
    /// A folder was made.
    MakeFolder,
    /// A folder was taken away.
    RemoveFolder,
    /// A symbolic link was made.
    Link,
    /// The text beside the data was written, which says nothing of them.
    Readme,
}

impl Action {
    const ALL: [Self; 6] =
        [Self::Deposit, Self::Remove, Self::MakeFolder, Self::RemoveFolder, Self::Link, Self::Readme];

    /// The word of the messages.
    pub fn word(self) -> &'static str {
        match self {
            Self::Deposit => "DEPOSIT",
            Self::Remove => "REMOVE",
            Self::MakeFolder => "MKDIR",
            Self::RemoveFolder => "RMDIR",
            Self::Link => "SYMLINK",
            Self::Readme => "00README",
        }
    }

    fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.word() == word)
    }
}

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deposit {
    /// The absolute path, as the sender names it.
    pub path: PathBuf,
    /// What happened.
    pub action: Action,
}

/// Why a body is no deposit message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DepositError {
    /// It is longer than any message.
    #[error("it has {0} bytes; at most {LONGEST_MESSAGE} are expected")]
    Length(u64),
    /// It is not UTF-8.
    #[error("it is not UTF-8")]
    Encoding,
    /// It is no JSON object of the expected shape.
    #[error("it is no JSON object with filepath and action: {0}")]
    Json(String),
    /// Its pieces are not those of a message.
    #[error("it is not date_hour:min:sec:path:action:size:message: {0}")]
    Pieces(&'static str),
    /// The action is none that is known.
    #[error("{0:?} is no action; expected DEPOSIT, REMOVE, MKDIR, RMDIR, SYMLINK or 00README")]
    Action(String),
    /// The path is none.
    #[error("its path {0}")]
    Path(&'static str),
}

/// Reads a message.
///
/// ```
/// use altostac::watch::{parse_deposit, Action};
/// let deposit = parse_deposit(b"2024-01-31T12:05:33:/badc/x/y.nc:DEPOSIT:1234:")?;
/// assert_eq!((deposit.path.as_path(), deposit.action), ("/badc/x/y.nc".as_ref(), Action::Deposit));
/// # Ok::<(), altostac::watch::DepositError>(())
/// ```
///
/// # Errors
/// [`DepositError`] if it is none.
pub fn parse_deposit(body: &[u8]) -> Result<Deposit, DepositError> {
    if body.len() > LONGEST_MESSAGE {
        return Err(DepositError::Length(body.len() as u64));
    }
    let text = std::str::from_utf8(body).map_err(|_| DepositError::Encoding)?.trim();
    let (path, action) = if text.starts_with('{') { from_json(text)? } else { from_pieces(text)? };
    check_path(&path)?;
    Ok(Deposit { path: path.into(), action })
}

/// What counts of the JSON form.
#[derive(Deserialize)]
struct Message {
    filepath: String,
    action: String,
}

fn from_json(text: &str) -> Result<(String, Action), DepositError> {
    let message: Message = serde_json::from_str(text).map_err(|error| DepositError::Json(error.to_string()))?;
    let action = Action::of(&message.action).ok_or_else(|| unknown(&message.action))?;
    Ok((message.filepath, action))
}

fn unknown(action: &str) -> DepositError {
    DepositError::Action(action.chars().take(40).collect())
}

fn from_pieces(text: &str) -> Result<(String, Action), DepositError> {
    let mut pieces = text.splitn(4, ':');
    let mut piece = |what: &'static str| pieces.next().ok_or(DepositError::Pieces(what));
    let (date, minute, second) = (piece("no date")?, piece("no minute")?, piece("no second")?);
    let rest = piece("no path")?;
    let is_date = |c: char| c.is_ascii_digit() || matches!(c, '-' | '/' | 'T' | ' ');
    if date.is_empty() || date.len() > 32 || !date.chars().all(is_date) {
        return Err(DepositError::Pieces("the date is none"));
    }
    if !is_sixtieth(minute) || !is_sixtieth(second.split('.').next().unwrap_or_default()) {
        return Err(DepositError::Pieces("the time is none"));
    }
    let (path, action, rest) = split_action(rest)?;
    let size = rest.split(':').next().unwrap_or_default();
    let is_size = size.is_empty() || size == "None" || size.bytes().all(|byte| byte.is_ascii_digit());
    if !is_size || size.len() > 20 {
        return Err(DepositError::Pieces("the size is no number"));
    }
    Ok((path.to_owned(), action))
}

fn is_sixtieth(text: &str) -> bool {
    text.len() <= 2 && text.parse::<u8>().is_ok_and(|number| number <= 60)
}

/// `path:ACTION:rest` at the first action that is known.
fn split_action(text: &str) -> Result<(&str, Action, &str), DepositError> {
    for (at, _) in text.match_indices(':') {
        let after = &text[at + 1..];
        let (word, rest) = after.split_once(':').unwrap_or((after, ""));
        if let Some(action) = Action::of(word) {
            return Ok((&text[..at], action, rest));
        }
    }
    Err(text.split(':').nth(1).map_or(DepositError::Pieces("no action"), unknown))
}

fn check_path(path: &str) -> Result<(), DepositError> {
    if path.len() > LONGEST_PATH {
        return Err(DepositError::Path("is longer than 4096 bytes"));
    }
    if !path.starts_with('/') {
        return Err(DepositError::Path("is not absolute"));
    }
    if path.chars().any(char::is_control) {
        return Err(DepositError::Path("holds control characters"));
    }
    if Path::new(path).components().any(|component| matches!(component, Component::ParentDir)) {
        return Err(DepositError::Path("holds .."));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_forms_say_the_same() {
        let text = parse_deposit(b"2024-01-31T12:05:33:/badc/x/y.nc:DEPOSIT:1234:by hand: twice\n").unwrap();
        let json = br#"{"datetime": "2024-01-31T12:05:33", "filepath": "/badc/x/y.nc", "action": "DEPOSIT", "filesize": "1234", "message": ""}"#;
        assert_eq!(parse_deposit(json).unwrap(), text);
        assert_eq!(text, Deposit { path: "/badc/x/y.nc".into(), action: Action::Deposit });
        for (body, action) in [
            ("2019-04-11 09:00:59.5:/a:MKDIR::", Action::MakeFolder),
            ("2019-04-11-09:00:59:/a:RMDIR:None:", Action::RemoveFolder),
            ("2019-04-11T09:00:59:/a/l:SYMLINK:0:../b", Action::Link),
            ("2019-04-11T09:00:59:/a/00README:00README:7:x", Action::Readme),
            ("2019-04-11T09:00:59:/a/b.nc:REMOVE:7", Action::Remove),
        ] {
            assert_eq!(parse_deposit(body.as_bytes()).unwrap().action, action, "{body}");
        }
    }

    #[test]
    fn a_path_may_hold_colons() {
        let deposit = parse_deposit(b"2024-01-31T12:05:33:/badc/t12:00:00/y.nc:REMOVE:1234:DEPOSIT:3:").unwrap();
        assert_eq!(deposit, Deposit { path: "/badc/t12:00:00/y.nc".into(), action: Action::Remove });
    }

    #[test]
    fn what_is_no_message_is_told() {
        let too_long = vec![b'a'; LONGEST_MESSAGE + 1];
        for body in [
            &b""[..],
            b"hello",
            b"2024-01-31T12:05:33",
            b"2024-01-31T12:05:33:/a/b.nc",
            b"2024-01-31T12:05:33:/a/b.nc:EXPLODE:1:",
            b"2024-01-31T12:05:33:a/b.nc:DEPOSIT:1:",
            b"2024-01-31T12:05:33:/a/../b.nc:DEPOSIT:1:",
            b"2024-01-31T12:05:33:/a/\x1b[31m:DEPOSIT:1:",
            b"2024-01-31T12:05:33:/a/b.nc:DEPOSIT:many:",
            b"2024-01-31T12:61:33:/a/b.nc:DEPOSIT:1:",
            b"yesterday:05:33:/a/b.nc:DEPOSIT:1:",
            b"{\"filepath\": 3}",
            b"{}",
            b"\xff\xfe",
            &too_long,
        ] {
            assert!(parse_deposit(body).is_err(), "{:?}", String::from_utf8_lossy(&body[..body.len().min(60)]));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_give_an_answer(body in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(parse_deposit(&body).is_err() || body.contains(&b'/'));
        }

        /// What is nearly a message is none, or one whose path is a piece of it.
        #[test]
        fn no_path_is_made_up(
            pieces in prop::collection::vec(prop_oneof![Just(":".to_owned()), Just("DEPOSIT".into()), Just("/a/..".into()), "[0-9]{1,4}", "/\\PC{0,6}"], 0..12),
            begins in any::<bool>(),
        ) {
            let body = [if begins { "2024-01-31T12:05:33:" } else { "" }, &pieces.concat()].concat();
            if let Ok(deposit) = parse_deposit(body.as_bytes()) {
                prop_assert!(deposit.path.is_absolute() && body.contains(deposit.path.to_str().unwrap()));
                prop_assert!(!deposit.path.components().any(|component| component == Component::ParentDir));
            }
        }

        #[test]
        fn every_path_comes_back_from_json(name in "\\PC{1,80}", action in 0usize..6, beside in any::<Option<u32>>()) {
            let path = format!("/{name}");
            prop_assume!(!Path::new(&path).components().any(|component| component == Component::ParentDir));
            let action = Action::ALL[action];
            let body = serde_json::json!({"filepath": path, "action": action.word(), "filesize": beside}).to_string();
            prop_assert_eq!(parse_deposit(body.as_bytes()), Ok(Deposit { path: path.into(), action }));
        }

        #[test]
        fn every_path_comes_back(name in "[ -9;-~]{1,80}", action in 0usize..6, size in any::<u64>()) {
            prop_assume!(!name.contains(".."));
            let action = Action::ALL[action];
            let body = format!("2024-01-31T12:05:33:/{name}:{}:{size}:", action.word());
            let deposit = parse_deposit(body.as_bytes()).unwrap();
            // Spaces at the end are not the message's.
            prop_assert_eq!((deposit.path, deposit.action), (PathBuf::from(format!("/{name}")), action));
        }
    }
}
