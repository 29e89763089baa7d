//! The way to the broker: TCP, with TLS by rustls unless the recipe says `amqp://`.

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::AmqpError;
use crate::model::BrokerSettings;

/// A stream of bytes both ways.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Connects; the broker's certificate must be for its host, and by an authority that is trusted.
///
/// # Errors
/// [`AmqpError::Connect`], or [`AmqpError::Authority`] for certificates that cannot be read.
pub(super) async fn connect(settings: &BrokerSettings) -> Result<Box<dyn Stream>, AmqpError> {
    let failed = |source| AmqpError::Connect { broker: settings.to_string(), source };
    let stream = TcpStream::connect((settings.host.as_str(), settings.port)).await.map_err(failed)?;
    stream.set_nodelay(true).map_err(failed)?;
    if !settings.tls {
        return Ok(Box::new(stream));
    }
    let roots = match &settings.ca {
        Some(path) => {
            authorities(path).map_err(|reason| AmqpError::Authority { path: path.display().to_string(), reason })?
        }
        None => trusted(),
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(io::Error::other(error)))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(settings.host.clone()).map_err(|error| failed(io::Error::other(error)))?;
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.map_err(failed)?;
    Ok(Box::new(stream))
}

fn authorities(path: &Path) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| error.to_string())? {
        let certificate = certificate.map_err(|error| error.to_string())?;
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    if roots.is_empty() { Err("it holds none".into()) } else { Ok(roots) }
}

/// Those that this machine trusts; what of them cannot be read is left out.
fn trusted() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}
