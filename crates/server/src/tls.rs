//! TLS by certificate files, which are read again when they change.
//!
//! A pair that cannot be used leaves the one before in use. Connections keep what they began with.

use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

use crate::config::TlsFiles;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(2);

/// Why a pair of files cannot be used.
#[derive(Debug, Error)]
pub(crate) enum TlsError {
    #[error("it cannot be read: {0}")]
    Read(#[from] io::Error),
    #[error("it must hold at least one certificate in PEM form, and nothing broken")]
    Certificate,
    #[error("it must hold one private key in PEM form, without a password")]
    Key,
    #[error("{0}")]
    Pair(#[from] rustls::Error),
}

/// The certificate in use.
pub(crate) struct Tls {
    files: TlsFiles,
    config: ArcSwap<ServerConfig>,
}

impl Tls {
    /// Reads the files.
    ///
    /// # Errors
    /// The file that is at fault, and why.
    pub(crate) fn load(files: TlsFiles) -> Result<Self, (std::path::PathBuf, TlsError)> {
        let config = read(&files)?;
        Ok(Self { files, config: ArcSwap::from(config) })
    }

    /// The TLS handshake of a new connection.
    pub(crate) async fn accept<S>(&self, stream: S) -> io::Result<TlsStream<S>>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        TlsAcceptor::from(self.config.load_full()).accept(stream).await
    }

    /// Reads the files again when they have changed, and on SIGHUP, until `stop`.
    pub(crate) async fn watch(self: Arc<Self>, mut hangup: Signal, stop: CancellationToken) {
        let mut looks = tokio::time::interval(LOOK);
        let mut seen = marks(&self.files);
        loop {
            let asked = tokio::select! {
                () = stop.cancelled() => return,
                _ = hangup.recv() => true,
                _ = looks.tick() => false,
            };
            // Taken before reading: what is written meanwhile is a change again.
            let now = marks(&self.files);
            if !asked && now == seen {
                continue;
            }
            seen = now;
            match read(&self.files) {
                Ok(config) => {
                    self.config.store(config);
                    tracing::info!(certificate = %self.files.certificate.display(), "the new certificate is in use");
                }
                Err((path, error)) => {
                    tracing::error!(file = %path.display(), %error, "the new certificate cannot be used; the one before stays");
                }
            }
        }
    }
}

/// Listens from now on, so that the signal no longer ends the process.
pub(crate) fn hangups() -> io::Result<Signal> {
    signal(SignalKind::hangup())
}

/// What changes when a file is written or replaced; of both.
fn marks(files: &TlsFiles) -> [Option<(i64, i64, u64, u64)>; 2] {
    [&files.certificate, &files.key].map(|path| {
        let about = std::fs::metadata(path).ok()?;
        Some((about.mtime(), about.mtime_nsec(), about.size(), about.ino()))
    })
}

fn read(files: &TlsFiles) -> Result<Arc<ServerConfig>, (std::path::PathBuf, TlsError)> {
    let of = |path: &Path| {
        let path = path.to_owned();
        move |error: TlsError| (path, error)
    };
    let bytes = std::fs::read(&files.certificate).map_err(|error| of(&files.certificate)(error.into()))?;
    let chain: Vec<_> = CertificateDer::pem_slice_iter(&bytes)
        .collect::<Result<_, _>>()
        .map_err(|_| of(&files.certificate)(TlsError::Certificate))?;
    if chain.is_empty() {
        return Err(of(&files.certificate)(TlsError::Certificate));
    }
    let about = std::fs::metadata(&files.key).map_err(|error| of(&files.key)(error.into()))?;
    if about.permissions().mode() & 0o007 != 0 {
        tracing::warn!(file = %files.key.display(), "everybody on this machine can read the TLS key: take that right away (chmod o=)");
    }
    let bytes = zeroize::Zeroizing::new(std::fs::read(&files.key).map_err(|error| of(&files.key)(error.into()))?);
    let key = PrivateKeyDer::from_pem_slice(&bytes).map_err(|_| of(&files.key)(TlsError::Key))?;
    // Named, since a process in which two were linked would have no default.
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let pair = || -> Result<ServerConfig, rustls::Error> {
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(config)
    };
    pair().map(Arc::new).map_err(|error| of(&files.certificate)(error.into()))
}
