//! A web server for tests, which can misbehave to the byte.
#![allow(clippy::unwrap_used)]

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use crate::model::SourceUrl;

/// What was asked.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) method: String,
    pub(super) target: String,
    headers: Vec<(String, String)>,
}

impl Asked {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub(super) fn range(&self) -> Option<Range<u64>> {
        let (first, last) = self.header("range")?.strip_prefix("bytes=")?.split_once('-')?;
        Some(first.parse().unwrap()..last.parse::<u64>().unwrap() + 1)
    }
}

/// What is answered.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    sent: usize,
    then: Then,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    Close,
    Silence,
}

impl Reply {
    pub(super) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let reply = Self { status, headers: Vec::new(), sent: body.len(), body, then: Then::Close };
        let length = reply.body.len();
        reply.header("Content-Length", &length.to_string())
    }

    /// Adds a header, or replaces it; an empty value removes it.
    pub(super) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        if !value.is_empty() {
            self.headers.push((name.into(), value.into()));
        }
        self
    }

    /// Ends after so many bytes of the body.
    pub(super) fn cut(self, sent: usize) -> Self {
        Self { sent, ..self }
    }

    /// Says nothing more after so many bytes of the body.
    pub(super) fn stall(self, sent: usize) -> Self {
        Self { sent, then: Then::Silence, ..self }
    }

    /// Says nothing at all.
    pub(super) fn mute() -> Self {
        Self { status: 0, then: Then::Silence, ..Self::new(200, "") }
    }

    /// Closes the connection without a word.
    pub(super) fn cut_head(self) -> Self {
        Self { status: 0, ..self }
    }

    fn write(&self, stream: &mut TcpStream) -> std::io::Result<()> {
        if self.status == 0 {
            return Ok(());
        }
        let mut head = format!("HTTP/1.1 {} Whatever\r\nConnection: close\r\n", self.status);
        self.headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
        stream.write_all(head.as_bytes())?;
        stream.write_all(b"\r\n")?;
        stream.write_all(&self.body[..self.sent.min(self.body.len())])
    }
}

/// The answer of a server that does ranges, for a file with this content, entity tag and date (`""`: none).
pub(super) fn ranged(asked: &Asked, content: &[u8], etag: &str, modified: &str) -> Reply {
    let size = content.len() as u64;
    let reply = match asked.range() {
        None => Reply::new(200, content),
        Some(range) if range.start >= size => {
            Reply::new(416, "no such range").header("Content-Range", &format!("bytes */{size}"))
        }
        Some(range) => {
            let end = range.end.min(size);
            let part = &content[usize::try_from(range.start).unwrap()..usize::try_from(end).unwrap()];
            Reply::new(206, part).header("Content-Range", &format!("bytes {}-{}/{size}", range.start, end - 1))
        }
    };
    reply.header("ETag", etag).header("Last-Modified", modified)
}

pub(super) const DATE: &str = "Tue, 01 Sep 2026 10:00:00 GMT";

/// A server on the loopback; each request has a thread.
pub(super) struct Server {
    address: SocketAddr,
    log: Arc<Mutex<Vec<Asked>>>,
    ended: Arc<AtomicBool>,
}

impl Server {
    pub(super) fn new(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (log, ended) = (Arc::<Mutex<Vec<Asked>>>::default(), Arc::new(AtomicBool::new(false)));
        let (log_of_threads, ended_for_thread) = (Arc::clone(&log), Arc::clone(&ended));
        let answer = Arc::new(answer);
        std::thread::spawn(move || {
            let mut silent = Vec::new();
            let (sender, receiver) = std::sync::mpsc::channel();
            for stream in listener.incoming().map_while(Result::ok) {
                if ended_for_thread.load(Ordering::SeqCst) {
                    return;
                }
                let (log, answer, sender) = (Arc::clone(&log_of_threads), Arc::clone(&answer), sender.clone());
                std::thread::spawn(move || {
                    if let Some(stream) = converse(stream, &log, answer.as_ref()) {
                        let _ = sender.send(stream);
                    }
                });
                silent.extend(receiver.try_iter());
            }
        });
        Self { address, log, ended }
    }

    /// A server of one file.
    pub(super) fn of(content: &'static [u8], etag: &'static str, modified: &'static str) -> Self {
        Self::new(move |asked| ranged(asked, content, etag, modified))
    }

    pub(super) fn url(&self, path: &str) -> SourceUrl {
        SourceUrl::new(format!("http://{}/{path}", self.address).parse().unwrap())
    }

    /// What was asked since the last call.
    pub(super) fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.log.lock().unwrap())
    }

    /// How many requests there were since the last call.
    pub(super) fn count(&self) -> usize {
        self.asked().len()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

/// Reads a request and answers; gives the stream back if it is to stay open.
fn converse(stream: TcpStream, log: &Mutex<Vec<Asked>>, answer: &dyn Fn(&Asked) -> Reply) -> Option<TcpStream> {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
    let first = lines.next()?;
    let mut words = first.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let headers = lines
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned())));
    let asked = Asked { method, target, headers: headers.collect() };
    log.lock().unwrap().push(asked.clone());
    let reply = answer(&asked);
    let mut stream = stream;
    // The client may have gone: that is its right.
    let _ = reply.write(&mut stream);
    (reply.then == Then::Silence).then_some(stream)
}

/// Counts who is inside at the same time.
#[derive(Default)]
pub(super) struct Room {
    inside: Mutex<usize>,
    entered: Condvar,
    most: AtomicUsize,
}

impl Room {
    /// Stays until so many are inside, or for long enough to fail the test.
    pub(super) fn visit(&self, until: usize, patience: Duration) {
        let mut inside = self.inside.lock().unwrap();
        *inside += 1;
        self.most.fetch_max(*inside, Ordering::SeqCst);
        self.entered.notify_all();
        let (mut inside, _) =
            self.entered.wait_timeout_while(inside, patience, |_| self.most.load(Ordering::SeqCst) < until).unwrap();
        *inside -= 1;
    }

    pub(super) fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}
