//! Hashes of texts.

use std::fmt::Write as _;

/// How a text is hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HashAlgorithm {
    /// MD5, as CEDA's catalogues have it: to tell texts apart, not to keep secrets.
    Md5,
    /// SHA-256.
    Sha256,
}

impl HashAlgorithm {
    /// The algorithm of this name.
    pub fn by_name(name: &str) -> Option<Self> {
        match name {
            "md5" => Some(Self::Md5),
            "sha256" => Some(Self::Sha256),
            _ => None,
        }
    }
}

/// The hash of a text in hexadecimal.
///
/// ```
/// use altostac::model::hash::{hash_text, HashAlgorithm};
/// assert_eq!(hash_text(HashAlgorithm::Md5, ""), "d41d8cd98f00b204e9800998ecf8427e");
/// assert!(hash_text(HashAlgorithm::Sha256, "abc").starts_with("ba7816bf8f01cfea"));
/// ```
pub fn hash_text(algorithm: HashAlgorithm, text: &str) -> String {
    let bytes: Vec<u8> = match algorithm {
        HashAlgorithm::Md5 => {
            md5::Digest::finalize(md5::Digest::chain_update(<md5::Md5 as md5::Digest>::new(), text)).to_vec()
        }
        HashAlgorithm::Sha256 => <sha2::Sha256 as sha2::Digest>::digest(text).to_vec(),
    };
    bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
