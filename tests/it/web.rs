//! A web server of a folder, as nginx serves one with `autoindex`: listings, ranges, entity tags; and mishaps on demand.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::UNIX_EPOCH;

use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// What happens to requests for paths that begin so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mishap {
    /// 403.
    Forbidden,
    /// 302 to a page of the same server.
    Login,
    /// 200 and a page that is no listing.
    Welcome,
    /// All but the first byte is refused.
    Broken,
}

#[derive(Default)]
struct Shared {
    mishaps: Mutex<Vec<(String, Mishap)>>,
    /// The paths of all requests, decoded.
    log: Mutex<Vec<String>>,
}

/// A server that runs as long as the test process.
pub(crate) struct Web {
    /// `http://127.0.0.1:PORT`
    pub(crate) url: String,
    shared: Arc<Shared>,
}

impl Web {
    /// Serves a folder.
    pub(crate) fn serve(root: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared::default());
        let (root, seen) = (root.to_owned(), Arc::clone(&shared));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (root, shared) = (root.clone(), Arc::clone(&seen));
                std::thread::spawn(move || answer_all(stream, &root, &shared));
            }
        });
        Self { url, shared }
    }

    /// Lets something happen to paths that begin so, from now on.
    pub(crate) fn let_happen(&self, path: &str, mishap: Mishap) {
        self.shared.mishaps.lock().unwrap().push((path.into(), mishap));
    }

    /// All is well again.
    pub(crate) fn mend(&self) {
        self.shared.mishaps.lock().unwrap().clear();
    }

    /// The paths of the requests since the last call.
    pub(crate) fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.log.lock().unwrap())
    }
}

/// One connection, as many requests as come. It ends when the other side does.
fn answer_all(stream: TcpStream, root: &Path, shared: &Shared) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let mut stream = stream;
    while let Some(Ok(first)) = lines.next() {
        let path = first.split(' ').nth(1).unwrap_or("/").to_owned();
        let mut range = None;
        for header in lines.by_ref().map_while(Result::ok).take_while(|line| !line.is_empty()) {
            let header = header.to_ascii_lowercase();
            if let Some((from, to)) = header.strip_prefix("range: bytes=").and_then(|range| range.split_once('-')) {
                range = Some((from.parse().unwrap(), to.parse().unwrap()));
            }
        }
        let decoded = percent_decode_str(&path).decode_utf8().unwrap().into_owned();
        shared.log.lock().unwrap().push(decoded.clone());
        let mishaps = shared.mishaps.lock().unwrap().clone();
        let mishap = mishaps.iter().find(|(start, _)| decoded.starts_with(start)).map(|(_, mishap)| *mishap);
        let (head, body) = answer(root, &decoded, range, mishap);
        let length = body.len();
        if write!(stream, "HTTP/1.1 {head}\r\nContent-Length: {length}\r\n\r\n")
            .and_then(|()| stream.write_all(&body))
            .is_err()
        {
            return;
        }
    }
}

/// The status line with headers, and the body.
fn answer(root: &Path, path: &str, range: Option<(usize, usize)>, mishap: Option<Mishap>) -> (String, Vec<u8>) {
    let place: PathBuf = root.join(path.trim_start_matches('/'));
    match mishap {
        Some(Mishap::Forbidden) => return ("403 Forbidden".into(), b"no".to_vec()),
        Some(Mishap::Login) => return ("302 Found\r\nLocation: /login".into(), Vec::new()),
        Some(Mishap::Welcome) => return ("200 OK\r\nContent-Type: text/html".into(), b"<h1>Welcome</h1>".to_vec()),
        Some(Mishap::Broken) if range != Some((0, 0)) => return ("403 Forbidden".into(), Vec::new()),
        _ => {}
    }
    if path == "/login" {
        return ("200 OK\r\nContent-Type: text/html".into(), b"<form><input type=\"password\"></form>".to_vec());
    }
    if place.is_dir() && !path.ends_with('/') {
        return (format!("301 Moved Permanently\r\nLocation: {path}/"), Vec::new());
    }
    if place.is_dir() {
        return ("200 OK\r\nContent-Type: text/html".into(), listing(&place, path).into_bytes());
    }
    let Ok(content) = fs::read(&place) else { return ("404 Not Found".into(), Vec::new()) };
    let modified = fs::metadata(&place).unwrap().modified().unwrap().duration_since(UNIX_EPOCH).unwrap();
    let tag = format!("ETag: \"{:x}-{:x}\"\r\nAccept-Ranges: bytes", modified.as_nanos(), content.len());
    let Some((from, to)) = range else { return (format!("200 OK\r\n{tag}"), content) };
    let to = to.min(content.len() - 1);
    let head = format!("206 Partial Content\r\n{tag}\r\nContent-Range: bytes {from}-{to}/{}", content.len());
    (head, content[from..=to].to_vec())
}

fn listing(folder: &Path, path: &str) -> String {
    let mut page = format!("<html><head><title>Index of {path}</title></head><body><pre><a href=\"../\">../</a>\n");
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        let slash = if entry.path().is_dir() { "/" } else { "" };
        let href = utf8_percent_encode(&name, NON_ALPHANUMERIC);
        writeln!(page, "<a href=\"{href}{slash}\">{name}{slash}</a>   22-Nov-2026 10:00   -").unwrap();
    }
    page + "</pre></body></html>"
}
