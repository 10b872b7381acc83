//! A connection to a database that an account named, for a few statements: where it leads is judged as functions' requests are, what
//! it may cost is bounded, and what goes wrong is told in words that hold nothing of a value.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_postgres::error::SqlState;
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};
use tokio_postgres::{Client, Config, SimpleQueryMessage};
use tokio_util::task::AbortOnDropHandle;

use super::address::{Address, SslMode};
use crate::service::Service;

/// For the start of a session, TLS and login included, and for each statement.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why something did not work.
pub(super) struct Failed {
    pub(super) why: String,
    pub(super) kind: Kind,
}

/// What kind of failure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The database does not let this user in with this password.
    Login,
    /// Trying again would not help.
    Never,
    /// It may work later.
    Other,
}

impl Failed {
    fn new(kind: Kind, why: impl Into<String>) -> Self {
        Self { why: why.into(), kind }
    }
}

/// A session; dropped, its connection ends.
pub(super) struct Session {
    client: Client,
    _driver: AbortOnDropHandle<()>,
}

impl Service {
    /// Opens a session at `address`.
    pub(super) async fn database(&self, address: &Address) -> Result<Session, Failed> {
        let broker = self.broker.as_ref().map_err(|why| Failed::new(Kind::Other, why.clone()))?;
        let stream = broker.connect(&address.host, address.port).await.map_err(|refused| {
            let kind = match refused.code {
                "address_not_public" | "host_not_canonical" => Kind::Never,
                _ => Kind::Other,
            };
            Failed::new(kind, format!("the database cannot be reached: {}", refused.detail))
        })?;
        let mut config = Config::new();
        config.user(&address.user).password(address.password.as_bytes()).dbname(&address.database);
        config.application_name("tresor");
        config.ssl_mode(match address.mode {
            SslMode::Disable => tokio_postgres::config::SslMode::Disable,
            SslMode::Prefer => tokio_postgres::config::SslMode::Prefer,
            _ => tokio_postgres::config::SslMode::Require,
        });
        let tls = self.database_tls.for_address(address)?;
        let late = |_| Failed::new(Kind::Other, "the database did not answer in time");
        let (client, connection) =
            timeout(PATIENCE, config.connect_raw(stream, tls)).await.map_err(late)?.map_err(|error| told(&error))?;
        let driver = AbortOnDropHandle::new(tokio::spawn(async move {
            // What goes wrong is told to whoever waits for an answer.
            let _ = connection.await;
        }));
        Ok(Session { client, _driver: driver })
    }
}

impl Session {
    /// Runs statements that give no rows, all or none of them.
    pub(super) async fn run(&self, sql: &str) -> Result<(), Failed> {
        let late = |_| Failed::new(Kind::Other, "the database did not answer in time");
        timeout(PATIENCE, self.client.batch_execute(sql)).await.map_err(late)?.map_err(|error| told(&error))
    }

    /// The first row of a query, as text.
    pub(super) async fn row(&self, sql: &str, columns: usize) -> Result<Option<Vec<String>>, Failed> {
        let late = |_| Failed::new(Kind::Other, "the database did not answer in time");
        let messages =
            timeout(PATIENCE, self.client.simple_query(sql)).await.map_err(late)?.map_err(|error| told(&error))?;
        Ok(messages.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => {
                let text = |column| row.try_get(column).ok().flatten().unwrap_or_default().to_owned();
                Some((0..columns).map(text).collect())
            }
            _ => None,
        }))
    }
}

/// In words of our own: what a server says can hold anything.
fn told(error: &tokio_postgres::Error) -> Failed {
    let Some(code) = error.code() else {
        return Failed::new(
            Kind::Other,
            "the connection to the database failed, or is not encrypted as its sslmode asks",
        );
    };
    let known = [
        (SqlState::INVALID_PASSWORD, Kind::Login, "the database refuses the user or the password"),
        (SqlState::INVALID_AUTHORIZATION_SPECIFICATION, Kind::Login, "the database does not let the user in"),
        (SqlState::INSUFFICIENT_PRIVILEGE, Kind::Other, "the database does not let the user do that"),
        (SqlState::INVALID_CATALOG_NAME, Kind::Other, "there is no such database"),
        (SqlState::UNDEFINED_OBJECT, Kind::Other, "there is no such role"),
        (SqlState::TOO_MANY_CONNECTIONS, Kind::Other, "the database has too many connections"),
    ];
    if let Some((_, kind, why)) = known.into_iter().find(|(state, ..)| state == code) {
        return Failed::new(kind, why);
    }
    let plain = code.code().len() == 5 && code.code().bytes().all(|byte| byte.is_ascii_alphanumeric());
    let code = if plain { code.code() } else { "unknown" };
    Failed::new(Kind::Other, format!("the database refuses with SQLSTATE {code}"))
}

/// A name as SQL takes it whatever it is.
pub(super) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text as SQL takes it whatever it is, and however the server reads backslashes.
pub(super) fn literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if quoted.contains('\\') { format!("E'{}'", quoted.replace('\\', "\\\\")) } else { format!("'{quoted}'") }
}

/// How databases' certificates are checked.
pub(crate) struct DatabaseTls {
    full: Result<Arc<ClientConfig>, String>,
    authority: Result<Arc<ClientConfig>, String>,
    none: Result<Arc<ClientConfig>, String>,
}

impl DatabaseTls {
    /// With these authorities, or why there are none.
    pub(crate) fn new(roots: Result<RootCertStore, String>) -> Self {
        let checked = |roots: Option<RootCertStore>| config(Arc::new(AnyName::new(roots)));
        let full = roots.clone().and_then(|roots| {
            let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
            let builder = builder.map_err(|error| error.to_string())?;
            Ok(Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
        });
        Self { full, authority: roots.and_then(|roots| checked(Some(roots))), none: checked(None) }
    }

    fn for_address(&self, address: &Address) -> Result<Tls, Failed> {
        let config = match address.mode {
            SslMode::VerifyFull => &self.full,
            SslMode::VerifyCa => &self.authority,
            SslMode::Disable | SslMode::Prefer | SslMode::Require => &self.none,
        };
        let config = config.as_ref().map_err(|why| Failed::new(Kind::Other, format!("TLS cannot be set up: {why}")))?;
        let name = ServerName::try_from(address.host.clone());
        let name =
            name.map_err(|_| Failed::new(Kind::Never, "the database's host is no name that a certificate can have"))?;
        Ok(Tls { connector: Arc::clone(config).into(), name })
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn config(verifier: Arc<AnyName>) -> Result<Arc<ClientConfig>, String> {
    let builder = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    let builder = builder.map_err(|error| error.to_string())?;
    Ok(Arc::new(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth()))
}

/// Takes a certificate for whatever name it is: of one of these authorities, or of anybody. What `sslmode` other than `verify-full`
/// means.
#[derive(Debug)]
struct AnyName {
    roots: Option<RootCertStore>,
    provider: Arc<CryptoProvider>,
}

impl AnyName {
    fn new(roots: Option<RootCertStore>) -> Self {
        Self { roots, provider: provider() }
    }
}

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if let Some(roots) = &self.roots {
            let algorithms = self.provider.signature_verification_algorithms.all;
            let certificate = ParsedCertificate::try_from(end_entity)?;
            verify_server_cert_signed_by_trust_anchor(&certificate, roots, intermediates, now, algorithms)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// TLS toward one host.
struct Tls {
    connector: tokio_rustls::TlsConnector,
    name: ServerName<'static>,
}

impl TlsConnect<TcpStream> for Tls {
    type Stream = Secured;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Secured>> + Send>>;

    fn connect(self, stream: TcpStream) -> Self::Future {
        Box::pin(async move { Ok(Secured(Box::new(self.connector.connect(self.name, stream).await?))) })
    }
}

/// A stream with TLS.
struct Secured(Box<tokio_rustls::client::TlsStream<TcpStream>>);

impl TlsStream for Secured {
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl AsyncRead for Secured {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Secured {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::{identifier, literal};

    #[test]
    fn names_and_texts_stay_what_they_are() {
        assert_eq!(identifier("app"), "\"app\"");
        assert_eq!(identifier("a\" SUPERUSER; DROP ROLE \"b"), "\"a\"\" SUPERUSER; DROP ROLE \"\"b\"");
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(literal("\\'; DROP ROLE b; --"), "E'\\\\''; DROP ROLE b; --'");
    }
}
