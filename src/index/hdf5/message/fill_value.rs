//! What never-written elements read as (IV.A.2.e and IV.A.2.f).

use super::super::bytes::Cursor;
use super::super::fault::Found;

/// Reads a fill value message; `None`: zeros.
pub(in super::super) fn read(mut cursor: Cursor) -> Found<Option<Vec<u8>>> {
    let defined = match cursor.u8()? {
        1 => {
            cursor.skip(3)?;
            true
        }
        2 => {
            cursor.skip(2)?;
            cursor.u8()? != 0
        }
        3 => cursor.u8()? & 0x20 != 0,
        version => return Err(cursor.unsupported(format!("fill value version {version}"))),
    };
    if defined { read_bytes(cursor) } else { Ok(None) }
}

/// Reads a fill value message of the kind that files had before 1.6.
pub(in super::super) fn read_old(cursor: Cursor) -> Found<Option<Vec<u8>>> {
    read_bytes(cursor)
}

fn read_bytes(mut cursor: Cursor) -> Found<Option<Vec<u8>>> {
    let length = cursor.u32()?;
    if length == 0 || length == u32::MAX {
        return Ok(None);
    }
    Ok(Some(cursor.take(length as usize)?.to_vec()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::super::bytes::Widths;
    use super::*;

    fn parse(bytes: &[u8]) -> Found<Option<Vec<u8>>> {
        read(Cursor::new("fill value", bytes, 0, Widths::default()))
    }

    #[test]
    fn versions() {
        assert_eq!(parse(&[1, 2, 2, 1, 2, 0, 0, 0, 7, 8]).unwrap(), Some(vec![7, 8]));
        assert_eq!(parse(&[2, 2, 2, 1, 2, 0, 0, 0, 7, 8]).unwrap(), Some(vec![7, 8]));
        assert_eq!(parse(&[2, 2, 2, 0]).unwrap(), None);
        assert_eq!(parse(&[3, 0x2a, 2, 0, 0, 0, 7, 8]).unwrap(), Some(vec![7, 8]));
        assert_eq!(parse(&[3, 0x0a]).unwrap(), None);
        assert_eq!(parse(&[3, 0x2a, 0, 0, 0, 0]).unwrap(), None);
        assert!(parse(&[3, 0x2a, 9, 0, 0, 0, 7, 8]).is_err());
        assert!(parse(&[4, 0]).is_err());
    }
}
