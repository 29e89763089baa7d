//! Files made byte by byte: small ones that are valid, and small ones that ask for far more than they hold.

#![allow(clippy::cast_possible_truncation)] // Sizes of test files.

use std::io::Read;

const UNDEFINED: u64 = u64::MAX;

/// The types of header messages (HDF5 File Format Specification 3.0, IV.A.2).
const DATASPACE: u16 = 0x01;
const DATATYPE: u16 = 0x03;
const LINK: u16 = 0x06;
const LAYOUT: u16 = 0x08;
const FILTERS: u16 = 0x0b;
const ATTRIBUTE: u16 = 0x0c;

type Message = (u16, Vec<u8>);

/// An HDF5 file in the making: structures of version 0 and 1, which have no checksums.
pub(crate) struct Hdf5(Vec<u8>);

fn word(number: u64) -> [u8; 8] {
    number.to_le_bytes()
}

impl Hdf5 {
    pub(crate) fn new() -> Self {
        Self(vec![0; 96])
    }

    /// Adds bytes at a multiple of eight; where that is.
    pub(crate) fn add(&mut self, bytes: &[u8]) -> u64 {
        self.0.resize(self.0.len().next_multiple_of(8), 0);
        let address = self.0.len() as u64;
        self.0.extend(bytes);
        address
    }

    /// Adds an object header.
    pub(crate) fn object(&mut self, messages: &[Message]) -> u64 {
        let mut body = Vec::new();
        for (kind, content) in messages {
            let padded = content.len().next_multiple_of(8);
            body.extend(kind.to_le_bytes());
            body.extend((padded as u16).to_le_bytes());
            body.extend([0; 4]);
            body.extend(content);
            body.resize(body.len() + padded - content.len(), 0);
        }
        let mut header = vec![1, 0];
        header.extend((messages.len() as u16).to_le_bytes());
        header.extend(1u32.to_le_bytes());
        header.extend((body.len() as u32).to_le_bytes());
        header.extend([0; 4]);
        header.extend(body);
        self.add(&header)
    }

    /// The file, its root group at an address.
    pub(crate) fn finish(mut self, root: u64) -> Vec<u8> {
        let mut head = b"\x89HDF\r\n\x1a\n\0\0\0\0\0\x08\x08\0\x04\0\x10\0\0\0\0\0".to_vec();
        for address in [0, UNDEFINED, self.0.len() as u64, UNDEFINED, 0, root, 0, 0, 0] {
            head.extend(word(address));
        }
        self.0[..head.len()].copy_from_slice(&head);
        self.0
    }
}

pub(crate) fn link(name: &str, address: u64) -> Message {
    let mut content = vec![1, 1];
    content.extend((name.len() as u16).to_le_bytes());
    content.extend(name.as_bytes());
    content.extend(word(address));
    (LINK, content)
}

fn dataspace(shape: &[u64]) -> Vec<u8> {
    let mut content = vec![1, shape.len() as u8, 0, 0, 0, 0, 0, 0];
    shape.iter().for_each(|length| content.extend(word(*length)));
    content
}

/// Unsigned bytes, or binary64.
fn datatype(is_float: bool) -> Message {
    let float = [0x11, 0x20, 63, 0, 8, 0, 0, 0, 0, 0, 64, 0, 52, 11, 0, 52, 0xff, 3, 0, 0, 0, 0, 0, 0];
    let byte = [0x10, 0, 0, 0, 1, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0];
    (DATATYPE, if is_float { float.to_vec() } else { byte.to_vec() })
}

fn contiguous(address: u64, bytes: u64) -> Message {
    (LAYOUT, [&[3, 1][..], &word(address), &word(bytes)].concat())
}

/// The attribute that makes a variable a latitude.
fn degrees() -> Message {
    let mut units = vec![1, 0, 6, 0, 8, 0, 8, 0];
    units.extend(b"units\0\0\0\x13\0\0\0\x0d\0\0\0");
    units.extend(dataspace(&[]));
    units.extend(b"degrees_north");
    (ATTRIBUTE, units)
}

/// Two groups, a contiguous and a chunked variable: valid.
pub(crate) fn plain() -> Vec<u8> {
    let mut file = Hdf5::new();
    let data = file.add(&[7; 16]);
    let whole = file.object(&[(DATASPACE, dataspace(&[2])), datatype(true), contiguous(data, 16)]);
    let chunked = sparse(&mut file, 6, &[0, 4]);
    let inner = file.object(&[link("chunked", chunked)]);
    let root = file.object(&[link("whole", whole), link("inner", inner)]);
    file.finish(root)
}

/// A variable of so many chunks of one byte each, of which some were written, in rising order.
fn sparse(file: &mut Hdf5, count: u64, written: &[u64]) -> u64 {
    let data = file.add(&[7]);
    let mut node = b"TREE\x01\0".to_vec();
    node.extend((written.len() as u16).to_le_bytes());
    node.extend([word(UNDEFINED), word(UNDEFINED)].concat());
    for number in written {
        node.extend([1, 0, 0, 0, 0, 0, 0, 0]);
        node.extend([word(*number), word(0), word(data)].concat());
    }
    node.extend([0; 24]);
    let tree = file.add(&node);
    let mut layout = vec![3, 2, 2];
    layout.extend(word(tree));
    layout.extend([1, 0, 0, 0, 1, 0, 0, 0]);
    file.object(&[(DATASPACE, dataspace(&[count])), datatype(false), (LAYOUT, layout)])
}

/// Small files that ask for more memory than they are worth, by name.
pub(crate) fn greedy() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("a grid of 60 million chunks of which one was written", {
            let mut file = Hdf5::new();
            let variable = sparse(&mut file, 60_000_000, &[59_999_999]);
            let root = file.object(&[link("v", variable)]);
            file.finish(root)
        }),
        ("many grids, each within bounds", {
            let mut file = Hdf5::new();
            let variables: Vec<u64> = (0..60).map(|_| sparse(&mut file, 1_000_000, &[999_999])).collect();
            let links: Vec<Message> = variables.iter().zip(0..).map(|(at, n)| link(&format!("v{n}"), *at)).collect();
            let root = file.object(&links);
            file.finish(root)
        }),
        ("many coordinates that were never written", {
            let mut file = Hdf5::new();
            let space = (DATASPACE, dataspace(&[131_072]));
            let links: Vec<Message> = (0..800)
                .map(|n| {
                    let at = file.object(&[space.clone(), datatype(true), contiguous(UNDEFINED, 1 << 20)]);
                    link(&format!("v{n}"), at)
                })
                .collect();
            let root = file.object(&links);
            file.finish(root)
        }),
        ("a large coordinate that was never written", {
            let mut file = Hdf5::new();
            let space = (DATASPACE, dataspace(&[4_000, 8_000]));
            let messages = [space, datatype(true), contiguous(UNDEFINED, 256_000_000), degrees()];
            let lat = file.object(&messages);
            let root = file.object(&[link("lat", lat)]);
            file.finish(root)
        }),
        ("a coordinate of one column in chunks of a million", {
            let mut file = Hdf5::new();
            let zeros = vec![0; 8 << 20];
            let mut deflated = Vec::new();
            flate2::read::ZlibEncoder::new(&zeros[..], flate2::Compression::fast()).read_to_end(&mut deflated).unwrap();
            let data = file.add(&deflated);
            let mut node = b"TREE\x01\0\xd0\x07".to_vec();
            node.extend([word(UNDEFINED), word(UNDEFINED)].concat());
            for number in 0..2_000 {
                node.extend((deflated.len() as u32).to_le_bytes());
                node.extend([0; 4]);
                node.extend([word(number), word(0), word(0), word(data)].concat());
            }
            node.extend([0; 32]);
            let tree = file.add(&node);
            let mut layout = vec![3, 2, 3];
            layout.extend(word(tree));
            layout.extend([1, 0, 0, 0, 0, 0, 16, 0, 8, 0, 0, 0]);
            let deflate = (FILTERS, vec![1, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
            let space = (DATASPACE, dataspace(&[2_000, 1]));
            let lat = file.object(&[space, datatype(true), (LAYOUT, layout), deflate, degrees()]);
            let root = file.object(&[link("lat", lat)]);
            file.finish(root)
        }),
        ("texts that are one and the same", {
            let mut file = Hdf5::new();
            let text = vec![b'a'; 60_000];
            let mut heap = b"GCOL\x01\0\0\0".to_vec();
            heap.extend(word(16 + 16 + 60_000));
            heap.extend([1, 0, 1, 0, 0, 0, 0, 0]);
            heap.extend(word(60_000));
            heap.extend(text);
            let heap = file.add(&heap);
            let mut attribute = vec![1, 0, 8, 0, 24, 0, 16, 0];
            attribute.extend(b"texts\0\0\0");
            let base = [0x10, 0, 0, 0, 1, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0];
            attribute.extend([&[0x19, 1, 0, 0, 16, 0, 0, 0][..], &base].concat());
            attribute.extend(dataspace(&[4_000]));
            for _ in 0..4_000 {
                attribute.extend(60_000u32.to_le_bytes());
                attribute.extend(word(heap));
                attribute.extend(1u32.to_le_bytes());
            }
            let root = file.object(&[(ATTRIBUTE, attribute)]);
            file.finish(root)
        }),
        ("many names below a long path", {
            let mut file = Hdf5::new();
            let leaf = file.object(&[(DATASPACE, dataspace(&[2])), datatype(true), contiguous(UNDEFINED, 16)]);
            let links: Vec<Message> = (0..3_000).map(|n| link(&format!("v{n}"), leaf + n)).collect();
            let mut group = file.object(&links);
            // An object at each of those addresses: a header of no messages.
            for _ in 0..3_000 {
                file.add(&[1, 0, 0, 0, 1, 0, 0, 0]);
            }
            for _ in 0..8 {
                group = file.object(&[link(&"n".repeat(60_000), group)]);
            }
            file.finish(group)
        }),
    ]
}

/// A NetCDF-3 file of a version (1, 2 or 5): a fixed and two record variables, and attributes; and where its data end.
pub(crate) fn netcdf3(version: u8) -> (Vec<u8>, usize) {
    let wide = version == 5;
    let count = |n: u64| if wide { n.to_be_bytes().to_vec() } else { (n as u32).to_be_bytes().to_vec() };
    let offset = |n: u64| if version == 1 { (n as u32).to_be_bytes().to_vec() } else { n.to_be_bytes().to_vec() };
    let tag = |n: u32| n.to_be_bytes().to_vec();
    let name = |text: &str| {
        let mut bytes = count(text.len() as u64);
        bytes.extend(text.as_bytes());
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    };
    let units = [tag(0x0c), count(1), name("units"), tag(2), count(4), b"days".to_vec()].concat();
    let none = [tag(0), count(0)].concat();
    let header = |begin: u64| {
        let variable = |label: &str, dimensions: &[u64], attributes: &[u8], kind: u32, size: u64, begin: u64| {
            let mut bytes = name(label);
            bytes.extend(count(dimensions.len() as u64));
            dimensions.iter().for_each(|number| bytes.extend(count(*number)));
            bytes.extend(attributes);
            bytes.extend([tag(kind), count(size), offset(begin)].concat());
            bytes
        };
        let mut bytes = [b"CDF".to_vec(), vec![version], count(3)].concat();
        bytes.extend([tag(0x0a), count(2), name("time"), count(0), name("x"), count(5)].concat());
        bytes.extend(&units);
        bytes.extend([tag(0x0b), count(3)].concat());
        bytes.extend(variable("x", &[1], &none, 5, 20, begin));
        bytes.extend(variable("time", &[0], &units, 6, 8, begin + 20));
        bytes.extend(variable("v", &[0, 1], &none, 3, 12, begin + 28));
        bytes
    };
    let begin = header(0).len();
    let mut bytes = header(begin as u64);
    bytes.extend((0..20 + 3 * 20).map(|n: u8| n));
    // The last record of `v` takes 10 bytes and is filled up to 12.
    let end = bytes.len() - 2;
    (bytes, end)
}
