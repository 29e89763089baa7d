//! `/metrics`, `/healthz` and `/readyz`, on loopback.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, StatusCode};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::watch::Receiver;

use super::Metrics;

/// Why nothing is served.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} for metrics")]
pub struct HealthError {
    /// The address.
    pub address: SocketAddr,
    /// Why not.
    #[source]
    pub source: std::io::Error,
}

/// Serves in a task until told to stop; returns the address, whose port is chosen if 0 was asked for.
///
/// # Errors
/// [`HealthError`] if the address is taken.
pub async fn serve_health(
    address: SocketAddr,
    metrics: Arc<Metrics>,
    mut stop: Receiver<bool>,
) -> Result<SocketAddr, HealthError> {
    let failed = |source| HealthError { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    let router = Router::new()
        .route("/metrics", get(text))
        .route("/healthz", get(|State(metrics): State<Arc<Metrics>>| async move { answer(metrics.health()) }))
        .route("/readyz", get(|State(metrics): State<Arc<Metrics>>| async move { answer(metrics.readiness()) }))
        .with_state(metrics);
    tokio::spawn(async move {
        let stopped = async move {
            // An error means that whoever would say so is gone.
            while !*stop.borrow_and_update() && stop.changed().await.is_ok() {}
        };
        if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stopped).await {
            tracing::error!("metrics are no longer served: {error}");
        }
    });
    Ok(bound)
}

async fn text(State(metrics): State<Arc<Metrics>>) -> ([(HeaderName, &'static str); 1], String) {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics.text())
}

fn answer(state: Result<(), String>) -> (StatusCode, String) {
    match state {
        Ok(()) => (StatusCode::OK, "ok\n".into()),
        Err(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")),
    }
}
