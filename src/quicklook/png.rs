//! PNG with a palette (RFC 2083).

use std::io::Write;

use flate2::write::ZlibEncoder;
use flate2::{Compression, Crc};

use super::canvas::Canvas;

/// The bytes of a picture.
pub(super) fn encode(canvas: &Canvas, palette: &[[u8; 3]]) -> Vec<u8> {
    let side = |length: i64| u32::try_from(length).unwrap_or(0).to_be_bytes();
    // Eight bits a pixel that number the palette; deflate, the usual filters, no interlace.
    let header = [&side(canvas.width)[..], &side(canvas.height), &[8, 3, 0, 0, 0]].concat();
    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    chunk(&mut png, b"IHDR", &header);
    chunk(&mut png, b"PLTE", &palette.concat());
    chunk(&mut png, b"IDAT", &deflated(canvas).unwrap_or_default());
    chunk(&mut png, b"IEND", &[]);
    png
}

/// Rows, each behind its filter: none, which is best for palettes.
fn deflated(canvas: &Canvas) -> std::io::Result<Vec<u8>> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    for row in canvas.rows() {
        encoder.write_all(&[0])?;
        encoder.write_all(row)?;
    }
    encoder.finish()
}

fn chunk(png: &mut Vec<u8>, kind: &[u8; 4], data: &[u8]) {
    let mut crc = Crc::new();
    crc.update(kind);
    crc.update(data);
    png.extend(u32::try_from(data.len()).unwrap_or(0).to_be_bytes());
    png.extend(kind);
    png.extend(data);
    png.extend(crc.sum().to_be_bytes());
}
