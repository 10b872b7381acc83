//! Which certificate authorities upstreams are checked against.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

/// Roots of trust for TLS to upstreams.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// Mozilla's roots as compiled in, instead of the machine's own. A machine that has none, as small containers do, gets them too.
    pub compiled_in: bool,
    /// PEM files of further authorities.
    pub files: Vec<PathBuf>,
}

/// Why the roots could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// A file of authorities cannot be read or holds something else.
    #[error("{} holds no usable certificates", path.display())]
    File {
        /// Which one.
        path: PathBuf,
    },
    /// The TLS library refused its settings.
    #[error("TLS cannot be set up")]
    Tls(#[from] rustls::Error),
}

impl Trust {
    /// For other clients of this process than the broker, for HTTP/1.1.
    ///
    /// # Errors
    /// If a file of authorities is none.
    pub fn client(&self) -> Result<ClientConfig, TrustError> {
        let (_, http1) = self.load()?;
        Ok(ClientConfig::clone(&http1))
    }

    /// One configuration for pooled connections, which may speak HTTP/2, and one for HTTP/1.1 alone.
    pub(super) fn load(&self) -> Result<(Arc<ClientConfig>, Arc<ClientConfig>), TrustError> {
        let roots = self.roots()?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut http1 = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        http1.alpn_protocols = vec![b"http/1.1".to_vec()];
        let mut pooled = http1.clone();
        pooled.alpn_protocols.insert(0, b"h2".to_vec());
        Ok((Arc::new(pooled), Arc::new(http1)))
    }

    /// The authorities themselves.
    ///
    /// # Errors
    /// If a file of authorities is none.
    pub fn roots(&self) -> Result<RootCertStore, TrustError> {
        let mut roots = RootCertStore::empty();
        if !self.compiled_in {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        if roots.is_empty() {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        for path in &self.files {
            let broken = || TrustError::File { path: path.clone() };
            let found: Vec<CertificateDer<'_>> =
                CertificateDer::pem_file_iter(path).and_then(Iterator::collect).map_err(|_| broken())?;
            if found.is_empty() || roots.add_parsable_certificates(found).0 == 0 {
                return Err(broken());
            }
        }
        Ok(roots)
    }
}
