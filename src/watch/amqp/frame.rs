//! Frames and methods of AMQP 0.9.1 as bytes, those that a consumer needs: pure. What comes in is untrusted: every length is checked.
//!
//! Source: AMQP 0-9-1 specification (2008), section 4.2; RabbitMQ's errata for field types.

/// The largest frame that we take and send, in bytes, its head and end included.
pub(super) const FRAME_MAX: u32 = 128 << 10;

/// What a client says first.
pub(super) const PROTOCOL: &[u8; 8] = b"AMQP\x00\x00\x09\x01";

const METHOD: u8 = 1;
const HEADER: u8 = 2;
const BODY: u8 = 3;
const HEARTBEAT: u8 = 8;
const END: u8 = 0xCE;

/// Our one channel.
const CHANNEL: u16 = 1;

/// Why bytes are no frame.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// It is larger than was agreed.
    #[error("a frame of {0} bytes; at most {FRAME_MAX} are expected")]
    Size(u64),
    /// It does not end as frames do.
    #[error("a frame that ends with {0:#04x}; expected 0xce")]
    End(u8),
    /// Its kind is none.
    #[error("a frame of the unknown kind {0}")]
    Kind(u8),
    /// It ends before its content does.
    #[error("a frame that ends within {0}")]
    Short(&'static str),
}

/// What the broker says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Heard {
    Start {
        mechanisms: String,
    },
    Tune {
        frame_max: u32,
        heartbeat: u16,
    },
    /// An answer without content that we need: class and method.
    Answer(u16, u16),
    Deliver {
        tag: u64,
    },
    Header {
        size: u64,
    },
    Body(Vec<u8>),
    /// The queue is gone.
    Cancelled,
    Closed {
        channel: bool,
        code: u16,
        text: String,
    },
    Heartbeat,
}

/// Takes the first frame off the bytes that were read: its length and what it says; `None` if it is not whole yet.
///
/// # Errors
/// [`FrameError`]; nothing that follows can be understood then.
pub(super) fn decode(bytes: &[u8]) -> Result<Option<(usize, Heard)>, FrameError> {
    let Some(head) = bytes.first_chunk::<7>() else { return Ok(None) };
    let size = u32::from_be_bytes([head[3], head[4], head[5], head[6]]);
    if size > FRAME_MAX - 8 {
        return Err(FrameError::Size(u64::from(size) + 8));
    }
    let size = size as usize;
    let (Some(payload), Some(end)) = (bytes.get(7..7 + size), bytes.get(7 + size)) else { return Ok(None) };
    if *end != END {
        return Err(FrameError::End(*end));
    }
    let heard = match head[0] {
        METHOD => method(Fields(payload))?,
        HEADER => header(Fields(payload))?,
        BODY => Heard::Body(payload.to_vec()),
        HEARTBEAT => Heard::Heartbeat,
        kind => return Err(FrameError::Kind(kind)),
    };
    Ok(Some((size + 8, heard)))
}

fn header(mut fields: Fields<'_>) -> Result<Heard, FrameError> {
    fields.take(4, "a content header")?;
    Ok(Heard::Header { size: fields.u64("a content header")? })
}

fn method(mut fields: Fields<'_>) -> Result<Heard, FrameError> {
    let (class, method) = (fields.u16("a method")?, fields.u16("a method")?);
    Ok(match (class, method) {
        (10, 10) => {
            fields.take(2, "connection.start")?;
            fields.long("connection.start")?;
            Heard::Start { mechanisms: text(fields.long("connection.start")?) }
        }
        (10, 30) => {
            fields.u16("connection.tune")?;
            Heard::Tune { frame_max: fields.u32("connection.tune")?, heartbeat: fields.u16("connection.tune")? }
        }
        (10, 50) | (20, 40) => {
            let code = fields.u16("a close")?;
            Heard::Closed { channel: class == 20, code, text: text(fields.short("a close")?) }
        }
        (60, 60) => {
            fields.short("basic.deliver")?;
            Heard::Deliver { tag: fields.u64("basic.deliver")? }
        }
        (60, 30) => Heard::Cancelled,
        other => Heard::Answer(other.0, other.1),
    })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What is left of a payload.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, count: usize, what: &'static str) -> Result<&'a [u8], FrameError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(FrameError::Short(what))?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], FrameError> {
        let (taken, rest) = self.0.split_first_chunk::<N>().ok_or(FrameError::Short(what))?;
        self.0 = rest;
        Ok(*taken)
    }

    fn u16(&mut self, what: &'static str) -> Result<u16, FrameError> {
        self.array(what).map(u16::from_be_bytes)
    }

    fn u32(&mut self, what: &'static str) -> Result<u32, FrameError> {
        self.array(what).map(u32::from_be_bytes)
    }

    fn u64(&mut self, what: &'static str) -> Result<u64, FrameError> {
        self.array(what).map(u64::from_be_bytes)
    }

    fn short(&mut self, what: &'static str) -> Result<&'a [u8], FrameError> {
        let [length] = self.array::<1>(what)?;
        self.take(usize::from(length), what)
    }

    fn long(&mut self, what: &'static str) -> Result<&'a [u8], FrameError> {
        let length = self.u32(what)?;
        self.take(length as usize, what)
    }
}

/// A value in a table of arguments.
#[derive(Debug, Clone)]
pub(super) enum Value<'a> {
    Text(&'a str),
    True,
    Table(Vec<(&'a str, Value<'a>)>),
}

/// A method that is being written.
struct Method(Vec<u8>);

impl Method {
    fn new(class: u16, method: u16) -> Self {
        Self(Vec::new()).u16(class).u16(method)
    }

    fn u8(mut self, value: u8) -> Self {
        self.0.push(value);
        self
    }

    fn u16(mut self, value: u16) -> Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    fn u32(mut self, value: u32) -> Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    fn u64(mut self, value: u64) -> Self {
        self.0.extend(value.to_be_bytes());
        self
    }

    /// At most 255 bytes: recipes with longer names are refused.
    fn short(mut self, text: &str) -> Self {
        let bytes = &text.as_bytes()[..text.len().min(255)];
        self.0.push(u8::try_from(bytes.len()).unwrap_or(u8::MAX));
        self.0.extend(bytes);
        self
    }

    fn long(mut self, bytes: &[u8]) -> Self {
        self.0.extend(u32::try_from(bytes.len()).unwrap_or(0).to_be_bytes());
        self.0.extend(bytes);
        self
    }

    fn table(self, entries: &[(&str, Value<'_>)]) -> Self {
        let mut table = Self(Vec::new());
        for (name, value) in entries {
            table = table.short(name);
            table = match value {
                Value::Text(text) => table.u8(b'S').long(text.as_bytes()),
                Value::True => table.u8(b't').u8(1),
                Value::Table(entries) => table.u8(b'F').table(entries),
            };
        }
        self.long(&table.0)
    }

    fn on(self, channel: u16) -> Vec<u8> {
        frame(METHOD, channel, &self.0)
    }
}

fn frame(kind: u8, channel: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(payload.len() + 8);
    bytes.push(kind);
    bytes.extend(channel.to_be_bytes());
    bytes.extend(u32::try_from(payload.len()).unwrap_or(0).to_be_bytes());
    bytes.extend(payload);
    bytes.push(END);
    bytes
}

pub(super) fn heartbeat() -> Vec<u8> {
    frame(HEARTBEAT, 0, &[])
}

/// Who we are, by SASL's PLAIN (RFC 4616).
pub(super) fn start_ok(user: &str, password: &str) -> Vec<u8> {
    let capabilities = vec![("consumer_cancel_notify", Value::True), ("authentication_failure_close", Value::True)];
    let properties = [
        ("product", Value::Text("altostac")),
        ("version", Value::Text(env!("CARGO_PKG_VERSION"))),
        ("capabilities", Value::Table(capabilities)),
    ];
    let response = format!("\0{user}\0{password}");
    Method::new(10, 11).table(&properties).short("PLAIN").long(response.as_bytes()).short("en_US").on(0)
}

pub(super) fn tune_ok(frame_max: u32, heartbeat: u16) -> Vec<u8> {
    Method::new(10, 31).u16(CHANNEL).u32(frame_max).u16(heartbeat).on(0)
}

pub(super) fn open(vhost: &str) -> Vec<u8> {
    Method::new(10, 40).short(vhost).short("").u8(0).on(0)
}

pub(super) fn close() -> Vec<u8> {
    Method::new(10, 50).u16(200).short("stopped").u16(0).u16(0).on(0)
}

pub(super) fn channel_open() -> Vec<u8> {
    Method::new(20, 10).short("").on(CHANNEL)
}

pub(super) fn qos(prefetch: u16) -> Vec<u8> {
    Method::new(60, 10).u32(0).u16(prefetch).u8(0).on(CHANNEL)
}

/// Passive: the queue must be there. Else it is durable.
pub(super) fn declare(queue: &str, passive: bool, arguments: &[(&str, Value<'_>)]) -> Vec<u8> {
    let bits = if passive { 1 } else { 2 };
    Method::new(50, 10).u16(0).short(queue).u8(bits).table(arguments).on(CHANNEL)
}

pub(super) fn bind(queue: &str, exchange: &str, key: &str) -> Vec<u8> {
    Method::new(50, 20).u16(0).short(queue).short(exchange).short(key).u8(0).table(&[]).on(CHANNEL)
}

pub(super) fn consume(queue: &str) -> Vec<u8> {
    Method::new(60, 20).u16(0).short(queue).short("").u8(0).table(&[]).on(CHANNEL)
}

/// Acknowledges all messages up to this one.
pub(super) fn ack(tag: u64) -> Vec<u8> {
    Method::new(60, 80).u64(tag).u8(1).on(CHANNEL)
}

/// Refuses this message; it is not queued again.
pub(super) fn reject(tag: u64) -> Vec<u8> {
    Method::new(60, 90).u64(tag).u8(0).on(CHANNEL)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_a_broker_says_is_understood() {
        let tune = Method::new(10, 30).u16(2047).u32(131_072).u16(60).on(0);
        let (length, heard) = decode(&tune).unwrap().unwrap();
        assert_eq!((length, heard), (tune.len(), Heard::Tune { frame_max: 131_072, heartbeat: 60 }));
        let start = Method::new(10, 10)
            .u8(0)
            .u8(9)
            .table(&[("product", Value::Text("RabbitMQ"))])
            .long(b"PLAIN AMQPLAIN")
            .long(b"en_US")
            .on(0);
        assert_eq!(decode(&start).unwrap().unwrap().1, Heard::Start { mechanisms: "PLAIN AMQPLAIN".into() });
        let deliver = Method::new(60, 60).short("ctag").u64(7).u8(1).short("x").short("key").on(1);
        assert_eq!(decode(&deliver).unwrap().unwrap().1, Heard::Deliver { tag: 7 });
        let closed = Method::new(20, 40).u16(404).short("NOT_FOUND").u16(50).u16(10).on(1);
        let expected = Heard::Closed { channel: true, code: 404, text: "NOT_FOUND".into() };
        assert_eq!(decode(&closed).unwrap().unwrap().1, expected);
        assert_eq!(decode(&heartbeat()).unwrap().unwrap(), (8, Heard::Heartbeat));
    }

    #[test]
    fn what_is_not_whole_waits_and_what_is_wrong_is_told() {
        let tune = Method::new(10, 30).u16(2047).u32(131_072).u16(60).on(0);
        for end in 0..tune.len() {
            assert_eq!(decode(&tune[..end]), Ok(None));
        }
        let mut wrong = tune.clone();
        *wrong.last_mut().unwrap() = 0;
        assert_eq!(decode(&wrong), Err(FrameError::End(0)));
        assert!(matches!(decode(&[1, 0, 0, 0xff, 0xff, 0xff, 0xff]), Err(FrameError::Size(_))));
        assert!(matches!(decode(&frame(METHOD, 0, &[0, 10, 0, 30, 1])), Err(FrameError::Short(_))));
        assert_eq!(decode(&frame(4, 0, &[])), Err(FrameError::Kind(4)));
    }

    proptest! {
        #[test]
        fn any_bytes_give_an_answer(bytes in prop::collection::vec(any::<u8>(), 0..300), kind in 0u8..9) {
            let framed = frame(kind, 1, &bytes);
            for given in [bytes.as_slice(), framed.as_slice(), [framed.as_slice(), &bytes].concat().as_slice()] {
                if let Ok(Some((length, heard))) = decode(given) {
                    prop_assert!((8..=given.len()).contains(&length));
                    let held = match heard {
                        Heard::Body(bytes) => bytes.len(),
                        // Bytes that are no UTF-8 become three each.
                        Heard::Start { mechanisms: text } | Heard::Closed { text, .. } => text.len() / 3,
                        _ => 0,
                    };
                    prop_assert!(held <= length - 8);
                }
            }
        }

        #[test]
        fn what_is_written_is_read(
            bytes in prop::collection::vec(any::<u8>(), 0..300),
            (tag, code, size) in any::<(u64, u16, u64)>(),
            (frame_max, heartbeat) in any::<(u32, u16)>(),
            text in "[ -~]{0,100}",
            is_channel in any::<bool>(),
        ) {
            let header = [vec![0, 60, 0, 0], size.to_be_bytes().to_vec(), bytes.clone()].concat();
            let class = if is_channel { 20 } else { 10 };
            let method = if is_channel { 40 } else { 50 };
            let table = [("product", Value::Text(&text)), ("more", Value::Table(vec![("true", Value::True)]))];
            let said = [
                (Method::new(10, 10).u16(9).table(&table).long(text.as_bytes()).on(0), Heard::Start { mechanisms: text.clone() }),
                (Method::new(10, 30).u16(0).u32(frame_max).u16(heartbeat).on(0), Heard::Tune { frame_max, heartbeat }),
                (Method::new(60, 60).short(&text).u64(tag).u8(0).short("").short(&text).on(1), Heard::Deliver { tag }),
                (frame(HEADER, 1, &header), Heard::Header { size }),
                (frame(BODY, 1, &bytes), Heard::Body(bytes.clone())),
                (super::heartbeat(), Heard::Heartbeat),
                (Method::new(class, method).u16(code).short(&text).u32(0).on(1), Heard::Closed { channel: is_channel, code, text: text.clone() }),
            ];
            let stream: Vec<u8> = said.iter().flat_map(|(frame, _)| frame.clone()).collect();
            let mut at = 0;
            for (frame, expected) in said {
                let (length, heard) = decode(&stream[at..]).unwrap().unwrap();
                prop_assert_eq!((length, heard), (frame.len(), expected));
                at += length;
            }
            prop_assert_eq!(at, stream.len());
        }
    }
}
