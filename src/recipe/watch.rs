//! How the archive is watched: as written, and as meant.

use std::path::{Path, PathBuf};
use std::time::Duration;

use percent_encoding::percent_decode_str;
use schemars::JsonSchema;
use serde::Deserialize;

use super::auth::{RawSecret, secret};
use super::surroundings::Surroundings;
use super::urls;
use crate::model::{BrokerSettings, WatchSettings};

/// How `altostac watch` learns of changes, and how soon it follows them.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Watch")]
pub(super) struct RawWatch {
    /// How often the whole archive is looked at: a number with `s`, `m`, `h` or `d`. Default: `15m`; with `inotify` or `amqp` it is but a
    /// safety net, and the default is `1d`.
    every: Option<String>,
    /// An Item is synced when nothing has happened to it for so long. Default: `10s`.
    quiet: Option<String>,
    /// An Item that does not come to rest is synced so long after the first change. Default: `5m`.
    longest: Option<String>,
    /// What failed is tried again after so long, then after twice that, and so on up to an hour. Default: `30s`.
    retry: Option<String>,
    /// Whether the kernel is asked to tell of changes below local roots. Roots on network file systems are looked at every 15 minutes all the
    /// same, for the kernel does not know what others write there. Default: false.
    #[serde(default)]
    inotify: bool,
    /// What paths in messages stand for, the longest match first.
    #[serde(default)]
    paths: Vec<RawWatchedPath>,
    /// A queue of deposit messages at a broker.
    amqp: Option<RawAmqp>,
}

/// What a path in messages stands for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "WatchedPath")]
struct RawWatchedPath {
    /// The beginning of paths as messages tell them: an absolute path.
    from: String,
    /// The folder on this machine that it stands for, relative to the recipe.
    to: String,
}

/// A queue of deposit messages at a broker that speaks AMQP 0.9.1, such as RabbitMQ.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Amqp")]
struct RawAmqp {
    /// The broker and the virtual host: `amqps://rabbit.example.org/archive`, or `amqp://` without TLS. Without user and password.
    url: String,
    /// The queue.
    queue: String,
    /// Make the queue, durable, if it is not there. Default: true.
    declare: Option<bool>,
    /// The exchange, which must be there, that the queue is bound to. Default: it is bound already.
    exchange: Option<String>,
    /// The key that the queue is bound with. Default: `#`.
    routing_key: Option<String>,
    /// A queue in which the broker sets messages aside that are not understood; made if it is not there. Default: they are kept in the ledger alone.
    dead_letter: Option<String>,
    /// How many messages may be under way that are not acknowledged yet. Default: 1000.
    #[schemars(range(min = 1, max = 65_535))]
    prefetch: Option<u32>,
    /// Where the user's name is read from. Default: `guest`.
    user: Option<RawSecret>,
    /// Where the user's password is read from. Default: `guest`.
    password: Option<RawSecret>,
    /// A file, relative to the recipe, of certificates (PEM) of the authorities that are trusted to certify the broker. Default: those that
    /// this machine trusts.
    ca: Option<String>,
}

type Wrong = Vec<(String, String)>;

/// The settings; what is wrong is put down with its key below `watch`.
pub(super) fn resolve(
    raw: Option<RawWatch>,
    folder: &Path,
    surroundings: &dyn Surroundings,
    wrong: &mut Wrong,
) -> WatchSettings {
    let raw = raw.unwrap_or_default();
    let defaults = WatchSettings::default();
    let mut time = |key: &str, text: Option<String>| {
        let text = text?;
        let time = duration(&text);
        if time.is_none() {
            wrong.push((key.into(), format!("is {text:?}; expected a number above 0 with s, m, h or d, such as 15m")));
        }
        time
    };
    let every = time("every", raw.every);
    let quiet = time("quiet", raw.quiet).unwrap_or(defaults.quiet);
    let longest = time("longest", raw.longest).unwrap_or(defaults.longest.max(quiet));
    let retry = time("retry", raw.retry).unwrap_or(defaults.retry);
    if longest < quiet {
        wrong.push(("longest".into(), "is shorter than watch.quiet".into()));
    }
    let mut paths = Vec::new();
    for (index, path) in raw.paths.into_iter().enumerate() {
        if path.from.starts_with('/') {
            paths.push((PathBuf::from(path.from), surroundings.as_far_as_exists(&folder.join(path.to))));
        } else {
            wrong.push((format!("paths[{index}].from"), "is not an absolute path".into()));
        }
    }
    paths.sort_by_key(|(from, _)| std::cmp::Reverse(from.components().count()));
    let broker = raw.amqp.and_then(|amqp| broker(amqp, folder, wrong));
    WatchSettings { every, quiet, longest, retry, inotify: raw.inotify, paths, broker }
}

fn broker(raw: RawAmqp, folder: &Path, wrong: &mut Wrong) -> Option<BrokerSettings> {
    let url = urls::remote(&raw.url, &["amqps", "amqp"]);
    let url = url.map_err(|what| wrong.push(("amqp.url".into(), what))).ok()?;
    let tls = url.scheme() == "amqps";
    let path = percent_decode_str(url.path().strip_prefix('/').unwrap_or_default()).decode_utf8_lossy().into_owned();
    for (key, name) in [
        ("queue", Some(&raw.queue)),
        ("exchange", raw.exchange.as_ref()),
        ("dead_letter", raw.dead_letter.as_ref()),
        ("routing_key", raw.routing_key.as_ref()),
    ] {
        if name.is_some_and(|name| name.is_empty() || name.len() > 255) {
            wrong.push((format!("amqp.{key}"), "has no name of 1 to 255 bytes".into()));
        }
    }
    let prefetch = u16::try_from(raw.prefetch.unwrap_or(1000)).unwrap_or(u16::MAX).max(1);
    let mut place = |key: &str, raw: Option<RawSecret>| match secret(raw?, &format!("amqp.{key}"), folder) {
        Ok(place) => Some(place),
        Err(mistake) => {
            wrong.push(mistake);
            None
        }
    };
    Some(BrokerSettings {
        // Brackets around an address of IPv6 belong to the URL.
        host: url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned(),
        port: url.port().unwrap_or(if tls { 5671 } else { 5672 }),
        tls,
        vhost: if path.is_empty() { "/".into() } else { path },
        user: place("user", raw.user),
        password: place("password", raw.password),
        queue: raw.queue,
        declare: raw.declare.unwrap_or(true),
        exchange: raw.exchange,
        routing_key: raw.routing_key.unwrap_or_else(|| "#".into()),
        dead_letter: raw.dead_letter,
        prefetch,
        ca: raw.ca.map(|path| folder.join(path)),
    })
}

/// A time such as `90s` or `1d`; `ms` too, which tests are glad of.
fn duration(text: &str) -> Option<Duration> {
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    let number: u64 = text[..end].parse().ok().filter(|number| *number > 0)?;
    let seconds = match text[end..].trim() {
        "ms" => return Some(Duration::from_millis(number)),
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    number.checked_mul(seconds).filter(|seconds| *seconds <= 366 * 86_400).map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::surroundings::Imagined;
    use super::*;
    use crate::model::SecretPlace;

    fn resolved(yaml: &str) -> (WatchSettings, Wrong) {
        let raw: RawWatch = serde_saphyr::from_str(yaml).unwrap();
        let mut wrong = Vec::new();
        let settings = resolve(Some(raw), Path::new("/recipes"), &Imagined, &mut wrong);
        (settings, wrong)
    }

    #[test]
    fn times_have_units() {
        assert_eq!(duration("90s"), Some(Duration::from_secs(90)));
        assert_eq!(duration("15m"), Some(Duration::from_secs(900)));
        assert_eq!(duration("1d"), Some(Duration::from_secs(86_400)));
        assert_eq!(duration("500ms"), Some(Duration::from_millis(500)));
        for wrong in ["", "5", "m", "0s", "-1s", "5 weeks", "99999999999999999999s", "400d"] {
            assert_eq!(duration(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_broker_is_resolved_without_secrets() {
        let (settings, wrong) = resolved(
            "{amqp: {url: 'amqps://rabbit.example.org/ar%2Fchive', queue: q, user: {env: U}, password: {file: pw}}, \
             paths: [{from: /badc, to: a}, {from: /badc/cmip6, to: b}]}",
        );
        assert_eq!(wrong, []);
        let broker = settings.broker.unwrap();
        assert_eq!(
            (broker.host.as_str(), broker.port, broker.vhost.as_str()),
            ("rabbit.example.org", 5671, "ar/chive")
        );
        assert_eq!(broker.user, Some(SecretPlace::Environment("U".into())));
        assert_eq!(broker.password, Some(SecretPlace::File("/recipes/pw".into())));
        assert_eq!(settings.paths[0], ("/badc/cmip6".into(), "/recipes/b".into()), "the longest first");
    }

    #[test]
    fn mistakes_are_told_by_key() {
        let (_, wrong) = resolved(
            "{every: soon, quiet: 1h, longest: 1s, paths: [{from: badc, to: a}], amqp: {url: 'http://a', queue: ''}}",
        );
        let keys: Vec<&str> = wrong.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["every", "longest", "paths[0].from", "amqp.url"]);
    }
}
