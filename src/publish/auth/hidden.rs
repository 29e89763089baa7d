//! Secrets are taken out of others' words, however they spell them.

use base64::Engine;
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use super::Secret;

/// A shorter secret is not looked for inside base64: what is left of it there is also found elsewhere.
const LEAST_INSIDE_BASE64: usize = 6;

/// So many texts of secrets that are renewed are looked for at most: those of late, for a server may speak of the last but one.
const LIMIT: usize = 150;

/// What stands where a secret stood.
const HIDDEN: &str = "(hidden)";

/// Secrets that are to be taken out of others' words.
#[derive(Default)]
pub(super) struct Hidden {
    /// What the settings name: however many tokens come, it is what they are asked for with.
    lasting: Vec<Zeroizing<String>>,
    /// What came later, the last one first.
    renewed: Vec<Zeroizing<String>>,
}

impl Hidden {
    /// Also hides this secret, for good.
    pub(super) fn add(&mut self, secret: &Secret) {
        self.lasting.extend(texts(secret));
    }

    /// Also hides this secret, which others will follow.
    pub(super) fn add_renewed(&mut self, secret: &Secret) {
        self.renewed.splice(0..0, texts(secret));
        self.renewed.truncate(LIMIT);
    }

    /// The beginning of a text without any of them: about so many characters.
    pub(super) fn hidden_in(&self, text: &str, limit: usize) -> String {
        let (mut shown, mut count, mut rest) = (String::new(), 0, text);
        while count < limit
            && let Some(next) = rest.chars().next()
        {
            let all = self.lasting.iter().chain(&self.renewed);
            // One may begin with another.
            let length = all.filter_map(|secret| length_of(secret, rest.as_bytes())).max();
            if let Some(after) = length.and_then(|length| rest.get(length..)) {
                shown.push_str(HIDDEN);
                (count, rest) = (count + HIDDEN.len(), after);
            } else {
                shown.push(next);
                (count, rest) = (count + 1, &rest[next.len_utf8()..]);
            }
        }
        shown
    }
}

/// What shows a secret: itself, and what of base64 is its own.
fn texts(secret: &Secret) -> Vec<Zeroizing<String>> {
    let text = secret.expose();
    let mut texts = vec![Zeroizing::new(text.to_owned())];
    texts.extend((0..3).flat_map(|offset| inside_base64(text.as_bytes(), offset)));
    texts.dedup();
    texts
}

/// The characters that alone stand for a secret in base64 of anything in which it begins at a place of this remainder by three.
fn inside_base64(secret: &[u8], offset: usize) -> Vec<Zeroizing<String>> {
    if secret.len() < LEAST_INSIDE_BASE64 {
        return Vec::new();
    }
    let padded = Zeroizing::new([&[0; 2][..offset], secret].concat());
    let (first, end) = ((offset * 8).div_ceil(6), padded.len() * 8 / 6);
    let encoded = [BASE64_STANDARD_NO_PAD.encode(&padded), BASE64_URL_SAFE_NO_PAD.encode(&padded)].map(Zeroizing::new);
    encoded.iter().filter_map(|text| text.get(first..end)).map(|own| Zeroizing::new(own.to_owned())).collect()
}

/// How texts spell what is special in them. In each, a character may also stand for itself.
#[derive(Clone, Copy)]
enum Spelling {
    Plain,
    Json,
    Url,
    Html,
}

/// How many bytes of a text, from its beginning, spell a secret in one of these ways.
fn length_of(secret: &str, text: &[u8]) -> Option<usize> {
    [Spelling::Plain, Spelling::Json, Spelling::Url, Spelling::Html].into_iter().find_map(|spelling| {
        secret.chars().try_fold(0, |length, c| Some(length + length_of_one(c, text.get(length..)?, spelling)?))
    })
}

fn length_of_one(c: char, text: &[u8], spelling: Spelling) -> Option<usize> {
    let mut bytes = [0; 4];
    let plain = c.encode_utf8(&mut bytes).as_bytes();
    let special = match spelling {
        _ if c.is_ascii_alphanumeric() => None,
        Spelling::Plain => None,
        Spelling::Json => in_json(c, text),
        Spelling::Url => in_url(plain, text),
        Spelling::Html => in_html(c, text),
    };
    special.or_else(|| text.starts_with(plain).then_some(plain.len()))
}

fn in_json(c: char, text: &[u8]) -> Option<usize> {
    match text {
        [b'\\', next, ..] if matches!(next, b'"' | b'\\' | b'/') && char::from(*next) == c => Some(2),
        [b'\\', b'u', ..] => {
            let mut units = [0; 2];
            let written: String = c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")).collect();
            begins(text, &written)
        }
        _ => None,
    }
}

fn in_url(plain: &[u8], text: &[u8]) -> Option<usize> {
    match text.first()? {
        b'+' if plain == b" " => Some(1),
        b'%' => begins(text, &plain.iter().map(|byte| format!("%{byte:02x}")).collect::<String>()),
        _ => None,
    }
}

fn in_html(c: char, text: &[u8]) -> Option<usize> {
    if text.first() != Some(&b'&') {
        return None;
    }
    let named = match c {
        '&' => "&amp;",
        '<' => "&lt;",
        '>' => "&gt;",
        '"' => "&quot;",
        _ => "&apos;",
    };
    let number = u32::from(c);
    let numbered = [format!("&#{number};"), format!("&#0{number};"), format!("&#x{number:x};")];
    let is_named = named != "&apos;" || c == '\'';
    let named = if is_named { begins(text, named) } else { None };
    named.or_else(|| numbered.iter().find_map(|written| begins(text, written)))
}

/// The length of what a text begins with, in capital or small letters.
fn begins(text: &[u8], written: &str) -> Option<usize> {
    text.get(..written.len())?.eq_ignore_ascii_case(written.as_bytes()).then_some(written.len())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use base64::prelude::BASE64_STANDARD;
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    use proptest::prelude::*;

    use super::*;

    fn hidden(secret: &str, text: &str) -> String {
        let mut hidden = Hidden::default();
        hidden.add(&Secret::new(secret).unwrap());
        hidden.hidden_in(text, 1000)
    }

    #[test]
    fn spellings_of_secrets() {
        for text in [
            r#"a p"ss wörd+/=\ b"#,
            r#"a p\"ss wörd+/=\\ b"#,
            r"a p\u0022ss w\u00F6rd+\/=\u005c b",
            "a p%22ss+w%C3%B6rd%2B%2F%3D%5C b",
            "a p%22ss%20w%c3%b6rd%2b/%3d%5c b",
            r"a p&quot;ss w&#xf6;rd&#43;/=\ b",
        ] {
            assert_eq!(hidden(r#"p"ss wörd+/=\"#, text), "a (hidden) b", "{text}");
        }
        assert_eq!(hidden("it's & so", "it&#39;s &amp; so, it&apos;s &AMP; so"), "(hidden), (hidden)");
        assert_eq!(hidden("🔑key!", r"\ud83d\udd11key! 🔑key!"), "(hidden) (hidden)");
        assert_eq!(hidden("abc", "nothing of it: ab c"), "nothing of it: ab c");
    }

    #[test]
    fn what_is_cut_off_was_hidden_first() {
        let mut hidden = Hidden::default();
        hidden.add(&Secret::new("hunter2hunter2").unwrap());
        assert_eq!(hidden.hidden_in("12345678 hunter2hunter2", 12), "12345678 (hidden)");
        assert_eq!(hidden.hidden_in("12345678 hunter2hunter2", 5), "12345");
    }

    #[test]
    fn renewals_push_nothing_out_but_older_ones() {
        let secret = |text: String| Secret::new(text).unwrap();
        let mut hidden = Hidden::default();
        hidden.add(&secret("hunter2 & more".into()));
        (0..100).for_each(|number| hidden.add_renewed(&secret(format!("token-{number:03}"))));
        let basic = BASE64_STANDARD_NO_PAD.encode("altostac:hunter2 & more");
        assert_eq!(hidden.hidden_in("hunter2 & more, token-099, token-098", 1000), "(hidden), (hidden), (hidden)");
        assert!(hidden.hidden_in(&basic, 1000).contains(HIDDEN));
        assert!(hidden.renewed.len() <= LIMIT);
    }

    #[test]
    fn of_two_that_begin_alike_nothing_is_left() {
        for (lasting, renewed) in [("abc", "abc-def"), ("abc-def", "abc")] {
            let mut hidden = Hidden::default();
            hidden.add(&Secret::new(lasting).unwrap());
            hidden.add_renewed(&Secret::new(renewed).unwrap());
            assert_eq!(hidden.hidden_in("abc-def abc", 1000), "(hidden) (hidden)");
        }
    }

    proptest! {
        #[test]
        fn no_base64_of_what_holds_it_shows_it(before in "[a-z:]{0,9}", secret in "[!-~]{6,40}", after in "[a-z]{0,9}") {
            let text = BASE64_STANDARD.encode(format!("{before}{secret}{after}"));
            for text in [utf8_percent_encode(&text, NON_ALPHANUMERIC).to_string(), text] {
                let said = hidden(&secret, &text);
                prop_assert!(said.contains(HIDDEN), "{said}");
                // At most a character on each side is shared with what stands beside it.
                let longest = said.split(HIDDEN).map(str::len).max().unwrap_or(0);
                prop_assert!(longest <= before.len().max(after.len()) * 4 / 3 + 10, "{said}");
            }
        }

        #[test]
        fn no_text_is_harm(secret in "\\PC{1,12}", text in "(\\PC|&#?[0-9a-f;]|%[0-9]|\\\\u?[0-9]){0,60}") {
            let said = hidden(&secret, &text);
            prop_assert!(said.contains(HIDDEN) || said == text);
            prop_assert_eq!(hidden(&secret, &secret), HIDDEN);
        }
    }
}
