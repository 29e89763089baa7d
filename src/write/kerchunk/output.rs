//! The outer JSON, written key by key.

use std::io::{BufWriter, Write};

use serde_json::{Map, Value};

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
        self.text(key, &text)
    }

    /// A key whose value is a text.
    pub(super) fn text(&mut self, key: &str, text: &str) -> Result<(), WriteError> {
        self.key(key)?;
        self.string(text)
    }

    /// A key whose value is a piece of a file.
    pub(super) fn reference(&mut self, key: &str, url: &str, location: ChunkLocation) -> Result<(), WriteError> {
        self.key(key)?;
        self.out.write_all(b"[").map_err(failed)?;
        self.string(url)?;
        write!(self.out, ",{},{}]", location.offset, location.length).map_err(failed)
    }

    fn key(&mut self, key: &str) -> Result<(), WriteError> {
        let separator: &[u8] = if self.is_first { b"\n" } else { b",\n" };
        self.is_first = false;
        self.out.write_all(separator).map_err(failed)?;
        self.string(key)?;
        self.out.write_all(b":").map_err(failed)
    }

    fn string(&mut self, text: &str) -> Result<(), WriteError> {
        serde_json::to_writer(&mut self.out, text).map_err(|error| failed(error.into()))
    }
}
