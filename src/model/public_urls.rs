//! What readers outside see instead of local URLs.

use url::Url;

use super::source::SourceUrl;

/// Rewrites the beginnings of URLs, the longest match first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PublicUrls {
    rules: Vec<(String, String)>,
}

impl PublicUrls {
    /// Takes pairs of beginnings: `from` an absolute local or remote URL, `to` what is seen instead.
    ///
    /// ```
    /// use altostac::model::PublicUrls;
    /// use url::Url;
    /// let urls = PublicUrls::new([(Url::parse("file:///archive/badc")?, Url::parse("https://dap.ceda.ac.uk/badc")?)]);
    /// assert_eq!(urls.rewrite(&Url::parse("file:///archive/badc/x.nc")?).as_str(), "https://dap.ceda.ac.uk/badc/x.nc");
    /// // A rule ends at a slash: a neighbour with a longer name is not meant.
    /// assert_eq!(urls.rewrite(&Url::parse("file:///archive/badc2/x.nc")?).as_str(), "file:///archive/badc2/x.nc");
    /// # Ok::<(), url::ParseError>(())
    /// ```
    pub fn new(rules: impl IntoIterator<Item = (Url, Url)>) -> Self {
        // One slash, not all: the beginning of `file:///` is `file://`.
        let trimmed = |url: Url| url.as_str().strip_suffix('/').unwrap_or(url.as_str()).to_owned();
        let mut rules: Vec<_> = rules.into_iter().map(|(from, to)| (trimmed(from), trimmed(to))).collect();
        rules.sort_by_key(|(from, _)| std::cmp::Reverse(from.len()));
        Self { rules }
    }

    /// The URL that a reader outside sees; the same URL if no rule is about it.
    pub fn rewrite(&self, url: &Url) -> Url {
        for (from, to) in &self.rules {
            let Some(rest) = url.as_str().strip_prefix(from.as_str()) else { continue };
            if (rest.is_empty() || rest.starts_with('/'))
                && let Ok(rewritten) = Url::parse(&format!("{to}{rest}"))
            {
                return rewritten;
            }
        }
        url.clone()
    }

    /// How a product names a source file: its public URL; a local path is written as it is, without percent-encoding, for fsspec
    /// takes what follows `file://` literally.
    ///
    /// ```
    /// use altostac::model::{PublicUrls, SourceUrl};
    /// let source = SourceUrl::from_path("/archive/tas 1.nc").unwrap();
    /// assert_eq!(PublicUrls::default().reference(&source), "file:///archive/tas 1.nc");
    /// ```
    pub fn reference(&self, source: &SourceUrl) -> String {
        let public = SourceUrl::new(self.rewrite(source.url()));
        match public.local_path().as_deref().and_then(std::path::Path::to_str) {
            Some(path) => format!("file://{path}"),
            None => public.as_str().to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_whole_file_system_can_be_public() {
        let url = |text| Url::parse(text).unwrap();
        let urls = PublicUrls::new([(url("file:///"), url("https://example.org/")), (url("file:///a"), url("s3://a"))]);
        assert_eq!(urls.rewrite(&url("file:///b/x.nc")).as_str(), "https://example.org/b/x.nc");
        assert_eq!(urls.rewrite(&url("file:///a/x.nc")).as_str(), "s3://a/x.nc");
    }
}
