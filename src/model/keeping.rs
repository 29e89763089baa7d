//! How the output is kept.

use std::fmt;

use serde::Serialize;

use super::state::ItemState;

/// How uploads are confirmed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confirmation {
    /// Each object is read back, and its SHA-256 compared.
    #[default]
    Read,
    /// The store is trusted to have compared the SHA-256 that was sent with each object; its size alone is asked for.
    Checksum,
}

/// How the output is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keeping {
    /// How many revisions of an item stand, the current one included; at least 1.
    pub revisions: u32,
    /// How uploads to an object store are confirmed.
    pub confirmation: Confirmation,
    /// What becomes of items whose files are gone.
    pub on_removed: OnRemoved,
    /// How many items may go in one run.
    pub max_removed: RemovalLimit,
}

/// What becomes of an item whose files are gone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnRemoved {
    /// Its record goes, and once no API holds it its products.
    #[default]
    Remove,
    /// Its record and its products stay; `deprecated` is true (version extension).
    Deprecate,
    /// Its record and its products stay; `retracted` is true, as ESGF says it.
    Retract,
}

impl OnRemoved {
    /// The state of an item that stays without its files; `None` if none does.
    pub fn state(self) -> Option<ItemState> {
        match self {
            Self::Remove => None,
            Self::Deprecate => Some(ItemState::Deprecated),
            Self::Retract => Some(ItemState::Retracted),
        }
    }
}

/// How many items may go in one run, for none of their files is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum RemovalLimit {
    /// A share of the items that are known, in hundredths of a percent.
    Share(u16),
    /// So many items.
    Items(u32),
}

impl Default for RemovalLimit {
    /// 20 %.
    fn default() -> Self {
        Self::Share(2000)
    }
}

impl RemovalLimit {
    /// Whether so many of the known items may go.
    ///
    /// ```
    /// use altostac::model::RemovalLimit;
    /// assert!(RemovalLimit::Share(2000).allows(2, 10) && !RemovalLimit::Share(2000).allows(3, 10));
    /// assert!(RemovalLimit::Items(3).allows(3, 3));
    /// ```
    pub fn allows(self, removed: usize, known: usize) -> bool {
        match self {
            Self::Share(share) => removed.saturating_mul(10_000) <= known.saturating_mul(usize::from(share)),
            Self::Items(items) => u32::try_from(removed).is_ok_and(|removed| removed <= items),
        }
    }

    /// Reads `20%`, `2.5%` or a number of items; `None` if it is neither.
    ///
    /// ```
    /// use altostac::model::RemovalLimit;
    /// assert_eq!(RemovalLimit::parse("2.5%"), Some(RemovalLimit::Share(250)));
    /// assert_eq!(RemovalLimit::parse("12"), Some(RemovalLimit::Items(12)));
    /// assert_eq!(RemovalLimit::parse("101%"), None);
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        let Some(percent) = text.trim().strip_suffix('%') else { return text.trim().parse().ok().map(Self::Items) };
        let (whole, rest) = percent.trim().split_once('.').unwrap_or((percent.trim(), ""));
        let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || rest.len() > 2 || !is_digits(whole) || !is_digits(rest) {
            return None;
        }
        let share = whole.parse::<u16>().ok()?.checked_mul(100)?.checked_add(format!("{rest:0<2}").parse().ok()?)?;
        (share <= 10_000).then_some(Self::Share(share))
    }
}

impl fmt::Display for RemovalLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Share(share) if share % 100 == 0 => write!(f, "{}%", share / 100),
            Self::Share(share) => {
                let hundredths = format!("{:02}", share % 100);
                write!(f, "{}.{}%", share / 100, hundredths.trim_end_matches('0'))
            }
            Self::Items(1) => f.write_str("1 item"),
            Self::Items(items) => write!(f, "{items} items"),
        }
    }
}

impl Default for Keeping {
    /// What a recipe without a word on it says.
    fn default() -> Self {
        let (on_removed, max_removed) = (OnRemoved::default(), RemovalLimit::default());
        Self { revisions: 2, confirmation: Confirmation::Read, on_removed, max_removed }
    }
}

#[cfg(test)]
mod tests {
    use super::RemovalLimit;

    #[test]
    fn limits_read_as_they_are_shown() {
        for text in ["0%", "20%", "2.5%", "0.05%", "100%"] {
            assert_eq!(RemovalLimit::parse(text).map(|limit| limit.to_string()).as_deref(), Some(text));
        }
        for text in ["", "%", "-1", "100.01%", "1.234%", "x%", ".5%", "20 percent"] {
            assert_eq!(RemovalLimit::parse(text), None, "{text}");
        }
        assert!(!RemovalLimit::Share(10_000).allows(usize::MAX, 1));
    }
}
