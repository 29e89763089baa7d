//! The sockets: how many, how slow, and how they end.

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Sleep, sleep, timeout};

/// How many clients are served and how long they are waited for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// Connections at one time; more wait in the system's queue.
    connections: usize,
    /// A request's head must be whole after this; idle connections end after it.
    head: Duration,
    /// A client that takes no byte for this long is cut off.
    stall: Duration,
    /// Answers under way may take this long after the order to stop.
    grace: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connections: 256,
            head: Duration::from_secs(30),
            stall: Duration::from_secs(60),
            grace: Duration::from_secs(10),
        }
    }
}

/// Pause after the system refuses a socket, mostly for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Serves until `shutdown`, then lets answers under way finish.
pub(super) async fn run(listener: TcpListener, router: Router, patience: Patience, shutdown: impl Future<Output = ()>) {
    let permits = Arc::new(Semaphore::new(patience.connections));
    let (stop, stopping) = watch::channel(());
    let mut connections = JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            (stream, permit) = accept(&listener, &permits) => {
                connections.spawn(converse(stream, permit, router.clone(), patience, stopping.clone()));
            }
            Some(_) = connections.join_next() => {}
        }
    }
    drop((listener, stop));
    let finished = timeout(patience.grace, async { while connections.join_next().await.is_some() {} }).await;
    if finished.is_err() {
        tracing::warn!("{} connections were cut off at shutdown", connections.len());
    }
    connections.shutdown().await;
}

async fn accept(listener: &TcpListener, permits: &Arc<Semaphore>) -> (TcpStream, Option<OwnedSemaphorePermit>) {
    // The semaphore is never closed, so a permit always comes.
    let permit = Arc::clone(permits).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, _)) => return (stream, permit),
            Err(error) => {
                tracing::warn!("no connection could be accepted: {error}");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn converse(
    stream: TcpStream,
    permit: Option<OwnedSemaphorePermit>,
    router: Router,
    patience: Patience,
    mut stopping: watch::Receiver<()>,
) {
    let mut builder = Builder::new(TokioExecutor::new()).http1_only();
    builder.http1().timer(TokioTimer::new()).header_read_timeout(patience.head);
    let io = TokioIo::new(StallGuard { stream, patience: patience.stall, stalled: None });
    let mut connection = pin!(builder.serve_connection(io, TowerToHyperService::new(router)));
    let result = tokio::select! {
        result = connection.as_mut() => result,
        _ = stopping.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!("a connection ended early: {error}");
    }
    drop(permit);
}

/// A stream that fails when its reader takes nothing for too long.
struct StallGuard {
    stream: TcpStream,
    patience: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
}

impl StallGuard {
    fn watch<T>(&mut self, context: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let patience = self.patience;
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(patience)));
        ready!(stalled.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for StallGuard {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for StallGuard {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.watch(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.watch(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use axum::routing::get;
    use std::net::SocketAddr;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::oneshot;
    use tokio::task::JoinHandle;

    const SHORT: Duration = Duration::from_millis(100);
    const LONG: Duration = Duration::from_secs(600);

    async fn start(patience: Patience) -> (SocketAddr, oneshot::Sender<()>, JoinHandle<()>) {
        let router =
            Router::new().route("/", get(|| async { "here" })).route("/large", get(|| async { vec![0; 64 << 20] }));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(run(listener, router, patience, async move {
            let _ = stopped.await;
        }));
        (address, stop, task)
    }

    async fn ask(address: SocketAddr, request: &str) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    }

    async fn answer(mut stream: TcpStream) -> String {
        let mut answer = Vec::new();
        let read = timeout(LONG / 10, stream.read_to_end(&mut answer)).await.expect("the connection must end");
        read.map(|_| String::from_utf8_lossy(&answer).into_owned()).unwrap_or_default()
    }

    const ONCE: &str = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

    #[tokio::test]
    async fn a_head_that_never_ends_is_not_waited_for() {
        let patience = Patience { connections: 1, head: SHORT, stall: LONG, grace: LONG };
        let (address, _stop, _task) = start(patience).await;
        let slow = ask(address, "GET / HTTP/1.1\r\nHost: loc").await;
        assert!(answer(ask(address, ONCE).await).await.ends_with("here"), "the only place is free again");
        assert!(!answer(slow).await.contains("200 OK"));
    }

    #[tokio::test]
    async fn a_client_that_takes_nothing_is_cut_off() {
        let patience = Patience { connections: 1, head: LONG, stall: SHORT, grace: LONG };
        let (address, _stop, _task) = start(patience).await;
        let stalled = ask(address, "GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
        assert!(answer(ask(address, ONCE).await).await.ends_with("here"), "the only place is free again");
        drop(stalled);
    }

    #[tokio::test]
    async fn stopping_ends_idle_connections_at_once_and_stalled_ones_in_time() {
        let (address, stop, task) = start(Patience { connections: 9, head: LONG, stall: LONG, grace: SHORT }).await;
        let idle = ask(address, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
        idle.readable().await.unwrap();
        let stalled = ask(address, "GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
        stalled.readable().await.unwrap();
        stop.send(()).unwrap();
        timeout(LONG / 10, task).await.expect("the server must stop").unwrap();
        assert!(answer(idle).await.ends_with("here"));
    }
}
