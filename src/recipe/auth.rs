//! `publish.auth`: who we are to an API. A secret is named by where it is; in the recipe's own text it is a mistake.

use std::path::Path;

use http::HeaderName;
use schemars::JsonSchema;
use serde::Deserialize;

use super::check::generic;
use super::mistake::{Mistake, one_of};
use super::urls;
use super::yaml::{Content, Node};
use crate::model::{AuthSettings, NamePlace, SecretPlace};
use crate::storage::web::is_loopback;

/// Who we are to an API: one of these ways. Secrets come from the environment or a file, never from the recipe's text.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Auth")]
pub(super) struct RawAuth {
    /// A token, sent as `Authorization: Bearer …`: `{env: STAC_TOKEN}`. From a file it is read again when the API refuses it.
    bearer: Option<RawSecret>,
    /// A name and a password, sent as `Authorization: Basic …`.
    basic: Option<RawBasic>,
    /// A key in a header of its own.
    api_key: Option<RawApiKey>,
    /// Tokens of an identity provider such as Keycloak, asked for with a client's id and secret, and anew before they expire.
    oauth2_client_credentials: Option<RawClientCredentials>,
}

/// Where a secret is: one of these.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Secret")]
pub(super) struct RawSecret {
    /// The name of an environment variable.
    env: Option<String>,
    /// The path of a file, from the recipe's folder. Spaces and line ends around the secret do not belong to it.
    file: Option<String>,
}

/// A name that is no secret, or where it is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "Name")]
enum RawName {
    /// The name.
    Given(String),
    /// Where it is.
    At(RawSecret),
}

/// A name and a password.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Basic")]
struct RawBasic {
    /// The name, or where it is.
    user: RawName,
    /// Where the password is.
    password: RawSecret,
}

/// A key in a header.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ApiKey")]
struct RawApiKey {
    /// The header's name. Default: `X-API-Key`.
    header: Option<String>,
    /// Where the key is.
    value: RawSecret,
}

/// Tokens of an identity provider.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ClientCredentials")]
struct RawClientCredentials {
    /// Where tokens are asked for, such as `https://keycloak.example.org/realms/stac/protocol/openid-connect/token`.
    token_url: String,
    /// The client's id, or where it is.
    client_id: RawName,
    /// Where the client's secret is.
    client_secret: RawSecret,
    /// Scopes to ask for, separated by spaces.
    scope: Option<String>,
    /// For whom the token is to be, where the provider wants to know.
    audience: Option<String>,
}

/// Keys below an `auth` whose value is a secret's place.
const SECRETS: [&str; 4] = ["bearer", "basic.password", "api_key.value", "oauth2_client_credentials.client_secret"];

/// Headers that say something else.
const NOT_FOR_KEYS: [&str; 10] = [
    "accept",
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "host",
    "if-match",
    "te",
    "transfer-encoding",
    "user-agent",
];

/// A mistake for each secret that stands in the recipe itself; it is not repeated.
pub(super) fn find_secrets(tree: &Node) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    search(tree, "", &mut mistakes);
    mistakes
}

fn search(node: &Node, key: &str, mistakes: &mut Vec<Mistake>) {
    match &node.content {
        Content::Map(entries) => {
            for entry in entries {
                let key = if key.is_empty() { entry.key.clone() } else { format!("{key}.{}", entry.key) };
                search(&entry.value, &key, mistakes);
            }
        }
        Content::List(nodes) if !is_secret(key) => {
            for (index, node) in nodes.iter().enumerate() {
                search(node, &format!("{key}[{index}]"), mistakes);
            }
        }
        Content::Null => {}
        _ if is_secret(key) => {
            let message = format!("{key} stands in the recipe, where others can read it");
            let advice = "put it in the environment or a file, and name that: {env: NAME} or {file: path}".to_owned();
            mistakes.push(Mistake::new(node.place, key, message).advise(Some(advice)));
        }
        _ => {}
    }
}

fn is_secret(key: &str) -> bool {
    let key = generic(key);
    let below = key.strip_prefix("publish.").and_then(|key| key.split_once("auth.")).map(|(_, below)| below);
    below.is_some_and(|below| SECRETS.contains(&below))
}

/// What is wrong: the key, and words that follow it.
type Wrong = (String, String);

/// The settings; `key` is where they stand, and `folder` the recipe's.
///
/// # Errors
/// What is wrong with them: keys, and words that follow each. No value that could be a secret is repeated.
pub(super) fn resolve(raw: RawAuth, key: &str, folder: &Path) -> Result<AuthSettings, Wrong> {
    let RawAuth { bearer, basic, api_key, oauth2_client_credentials } = raw;
    match (bearer, basic, api_key, oauth2_client_credentials) {
        (Some(token), None, None, None) => {
            Ok(AuthSettings::Bearer { token: secret(token, &format!("{key}.bearer"), folder)? })
        }
        (None, Some(raw), None, None) => Ok(AuthSettings::Basic {
            user: name(raw.user, &format!("{key}.basic.user"), folder)?,
            password: secret(raw.password, &format!("{key}.basic.password"), folder)?,
        }),
        (None, None, Some(raw), None) => api_key_settings(raw, &format!("{key}.api_key"), folder),
        (None, None, None, Some(raw)) => client_credentials(raw, &format!("{key}.oauth2_client_credentials"), folder),
        _ => {
            let ways = one_of(&["bearer", "basic", "api_key", "oauth2_client_credentials"]);
            Err((key.into(), format!("says who we are in one way; expected one of {ways}")))
        }
    }
}

fn api_key_settings(raw: RawApiKey, key: &str, folder: &Path) -> Result<AuthSettings, Wrong> {
    let wrong = |what: &str| Err((format!("{key}.header"), what.to_owned()));
    let header = raw.header.unwrap_or_else(|| "X-API-Key".into());
    match HeaderName::from_bytes(header.as_bytes()) {
        Err(_) => return wrong("is not the name of a header"),
        Ok(name) if NOT_FOR_KEYS.contains(&name.as_str()) => return wrong("is a header that says something else"),
        Ok(_) => {}
    }
    Ok(AuthSettings::ApiKey { header, value: secret(raw.value, &format!("{key}.value"), folder)? })
}

fn client_credentials(raw: RawClientCredentials, key: &str, folder: &Path) -> Result<AuthSettings, Wrong> {
    let at = |name: &str| format!("{key}.{name}");
    let token_url = urls::remote(&raw.token_url, &["https", "http"]).map_err(|what| (at("token_url"), what))?;
    if token_url.scheme() == "http" && !is_loopback(&token_url) {
        let what = "would get the client's secret over plain http, where others can read it; expected https";
        return Err((at("token_url"), what.into()));
    }
    Ok(AuthSettings::OAuth2ClientCredentials {
        token_url,
        client_id: name(raw.client_id, &at("client_id"), folder)?,
        client_secret: secret(raw.client_secret, &at("client_secret"), folder)?,
        scope: raw.scope,
        audience: raw.audience,
    })
}

fn name(raw: RawName, key: &str, folder: &Path) -> Result<NamePlace, Wrong> {
    match raw {
        RawName::Given(text) if text.trim().is_empty() => Err((key.into(), "is empty".into())),
        RawName::Given(text) => Ok(NamePlace::Given(text)),
        RawName::At(raw) => Ok(NamePlace::At(secret(raw, key, folder)?)),
    }
}

/// Where a secret is.
pub(super) fn secret(raw: RawSecret, key: &str, folder: &Path) -> Result<SecretPlace, Wrong> {
    match (raw.env, raw.file) {
        (Some(name), None) if is_variable(&name) => Ok(SecretPlace::Environment(name)),
        (Some(_), None) => Err((format!("{key}.env"), "is not the name of an environment variable".into())),
        (None, Some(path)) if !path.trim().is_empty() => Ok(SecretPlace::File(folder.join(path))),
        (None, Some(_)) => Err((format!("{key}.file"), "is empty".into())),
        _ => Err((key.into(), "is to say where it is in one way; expected {env: NAME} or {file: path}".into())),
    }
}

/// As shells know them: what else stands there may be the secret itself.
fn is_variable(name: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && name.chars().all(legal)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::recipe::parse;

    const RECIPE: &str = "
collection: {id: cmip6, description: A sample.}
sources: [{root: /archive/data}]
item: {pattern: \"{model}/{file}\", id: \"{{ model }}\"}
publish:
  api: https://stac.example.org
  auth: ";

    fn settings(auth: &str) -> AuthSettings {
        let recipe = parse(&format!("{RECIPE}{auth}\n"), "/project/recipe.yaml".as_ref()).unwrap();
        recipe.publish.unwrap().apis.remove(0).auth.unwrap()
    }

    fn mistake(auth: &str) -> String {
        parse(&format!("{RECIPE}{auth}\n"), "recipe.yaml".as_ref()).unwrap_err().to_string()
    }

    #[test]
    fn ways_to_say_who_we_are() {
        let env = |name: &str| SecretPlace::Environment(name.into());
        assert_eq!(settings("{bearer: {env: STAC_TOKEN}}"), AuthSettings::Bearer { token: env("STAC_TOKEN") });
        assert_eq!(
            settings("{bearer: {file: ../token}}"),
            AuthSettings::Bearer { token: SecretPlace::File("/project/../token".into()) }
        );
        assert_eq!(
            settings("{basic: {user: me, password: {env: PASSWORD}}}"),
            AuthSettings::Basic { user: NamePlace::Given("me".into()), password: env("PASSWORD") }
        );
        assert_eq!(
            settings("{api_key: {value: {env: KEY}}}"),
            AuthSettings::ApiKey { header: "X-API-Key".into(), value: env("KEY") }
        );
        let oauth2 = settings(
            "{oauth2_client_credentials: {token_url: \"https://sso.example.org/token\", client_id: {env: STAC_ID}, client_secret: {env: STAC_SECRET}, scope: \"a b\"}}",
        );
        let AuthSettings::OAuth2ClientCredentials { client_id, client_secret, scope, audience: None, .. } = oauth2
        else {
            panic!("{oauth2:?}")
        };
        assert_eq!((client_id, client_secret), (NamePlace::At(env("STAC_ID")), env("STAC_SECRET")));
        assert_eq!(scope.as_deref(), Some("a b"));
    }

    #[test]
    fn secrets_in_the_text_are_mistakes_that_do_not_repeat_them() {
        for auth in [
            "{bearer: hunter2}",
            "{bearer: [hunter2]}",
            "{basic: {user: me, password: hunter2}}",
            "{basic: {user: me, password: 222222}}",
            "{api_key: {value: hunter2}}",
            "{oauth2_client_credentials: {token_url: \"https://sso.example.org/token\", client_id: me, client_secret: hunter2}}",
        ] {
            let said = mistake(auth);
            assert!(said.contains("stands in the recipe") && said.contains("{env: NAME} or {file: path}"), "{said}");
            assert!(!said.contains("hunter2") && !said.contains("222222"), "{said}");
        }
        for auth in ["{bearer: {env: \"hunter2!\"}}", "{bearer: {token: hunter2}}", "hunter2", "{basic: hunter2}"] {
            assert!(!mistake(auth).contains("hunter2"), "{}", mistake(auth));
        }
    }

    #[test]
    fn what_cannot_be_meant() {
        let has = |auth: &str, expected: &str| assert!(mistake(auth).contains(expected), "{}", mistake(auth));
        has("{}", "publish.auth says who we are in one way");
        has("{bearer: {env: A}, basic: {user: me, password: {env: B}}}", "publish.auth says who we are in one way");
        has("{bearer: {}}", "publish.auth.bearer is to say where it is in one way");
        has("{bearer: {env: A, file: b}}", "publish.auth.bearer is to say where it is in one way");
        has("{beerer: {env: A}}", "did you mean publish.auth.bearer?");
        has("{api_key: {header: Host, value: {env: A}}}", "publish.auth.api_key.header is a header that says");
        has(
            "{oauth2_client_credentials: {token_url: \"http://sso.example.org/token\", client_id: me, client_secret: {env: A}}}",
            "token_url would get the client's secret over plain http",
        );
    }
}
