//! The outer JSON, written key by key.

use std::io::{BufWriter, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Map, Value};

use super::chunks::ChunkSink;
use crate::model::ChunkLocation;
use crate::write::WriteError;

const BUFFER: usize = 1 << 16;

pub(super) struct Output<'a> {
    out: BufWriter<&'a mut dyn Write>,
    is_first: bool,
}

fn failed(source: std::io::Error) -> WriteError {
    WriteError::Output { source }
}

/// A text as JSON writes it.
pub(super) fn quoted(text: &str) -> Result<String, WriteError> {
    serde_json::to_string(text).map_err(|error| failed(error.into()))
}

impl<'a> Output<'a> {
    pub(super) fn start(out: &'a mut dyn Write) -> Result<Self, WriteError> {
        let mut out = BufWriter::with_capacity(BUFFER, out);
        out.write_all(br#"{"version":1,"refs":{"#).map_err(failed)?;
        Ok(Self { out, is_first: true })
    }

    pub(super) fn finish(mut self) -> Result<(), WriteError> {
        self.out.write_all(b"\n}}\n").and_then(|()| self.out.flush()).map_err(failed)
    }

    /// A metadata document: the text of a JSON object.
    pub(super) fn document(&mut self, key: &str, document: &Map<String, Value>) -> Result<(), WriteError> {
        let text = serde_json::to_string(document).map_err(|error| failed(error.into()))?;
        let entry = format!("{}:{}", quoted(key)?, quoted(&text)?);
        self.entry(entry.as_bytes())
    }

    /// The chunks of an array; `urls` are [`quoted`].
    pub(super) fn chunks<'b>(&'b mut self, key: &str, urls: &'b [String]) -> Result<Chunks<'b, 'a>, WriteError> {
        let mut prefix = quoted(&format!("{key}/"))?;
        prefix.pop();
        Ok(Chunks { output: self, prefix, urls, line: Vec::new() })
    }

    fn entry(&mut self, entry: &[u8]) -> Result<(), WriteError> {
        let separator: &[u8] = if self.is_first { b"\n" } else { b",\n" };
        self.is_first = false;
        self.out.write_all(separator).and_then(|()| self.out.write_all(entry)).map_err(failed)
    }
}

/// Writes the chunks of one array.
pub(super) struct Chunks<'b, 'a> {
    output: &'b mut Output<'a>,
    /// The beginning of their keys, as JSON writes it.
    prefix: String,
    urls: &'b [String],
    line: Vec<u8>,
}

impl Chunks<'_, '_> {
    /// Begins an entry with its key, `0.12.0` or, of a scalar, `0`.
    fn begin(&mut self, place: &[u64]) {
        self.line.clear();
        self.line.extend_from_slice(self.prefix.as_bytes());
        match place.split_first() {
            None => self.line.push(b'0'),
            Some((first, rest)) => {
                put(&mut self.line, *first);
                for at in rest {
                    self.line.push(b'.');
                    put(&mut self.line, *at);
                }
            }
        }
        self.line.extend_from_slice(b"\":");
    }
}

impl ChunkSink for Chunks<'_, '_> {
    fn reference(&mut self, place: &[u64], file: usize, location: ChunkLocation) -> Result<(), WriteError> {
        self.begin(place);
        self.line.push(b'[');
        self.line.extend_from_slice(self.urls.get(file).map(String::as_bytes).unwrap_or_default());
        for number in [location.offset, location.length] {
            self.line.push(b',');
            put(&mut self.line, number);
        }
        self.line.push(b']');
        self.output.entry(&self.line)
    }

    fn inlined(&mut self, place: &[u64], bytes: &Bytes) -> Result<(), WriteError> {
        self.begin(place);
        let text = format!("\"base64:{}\"", STANDARD.encode(bytes));
        self.line.extend_from_slice(text.as_bytes());
        self.output.entry(&self.line)
    }
}

/// A number in decimal digits.
fn put(line: &mut Vec<u8>, number: u64) {
    let begin = line.len();
    let mut rest = number;
    loop {
        let [digit, ..] = (rest % 10).to_le_bytes();
        line.push(b'0' + digit);
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    line[begin..].reverse();
}
