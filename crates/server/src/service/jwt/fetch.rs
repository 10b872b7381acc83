//! Fetching JWK Sets. The address is an account's choice, so it may lead to the internet only, and to networks that the
//! operator allowed; every address that a host name stands for is checked, and the checked ones are dialled.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use domain::{Algorithm, limits};
use ipnet::IpNet;
use rustls::ClientConfig;
use thiserror::Error;

use super::super::outside::{Outside, is_forbidden};
use super::keys::KeySet;

/// How long a set is taken for current.
const FRESH: Duration = Duration::from_secs(600);
/// How soon a set may be asked for again, for a key that it lacks or because it could not be fetched. Anyone can name a key.
const AGAIN: Duration = Duration::from_secs(30);
/// How long a set serves after it could not be fetched again.
const STALE: Duration = Duration::from_secs(24 * 60 * 60);
const TIMEOUT: Duration = Duration::from_secs(5);
/// Most addresses that are remembered.
const MOST: usize = 1_000;

/// Why there is no set. Does not tell what answered: it may be no business of who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(crate) enum FetchError {
    #[error("is not an address of the internet, or not https; the operator can allow a network with --allow-network")]
    Forbidden,
    #[error("did not answer within 5 seconds, or not over valid TLS")]
    Unreachable,
    #[error("answered with status {0} instead of 200")]
    Status(u16),
    #[error("did not answer with a JWK Set with at least one public key for signatures, in at most 64 KiB")]
    NotKeys,
}

/// Sets by address.
pub(super) struct Fetched {
    outside: Outside,
    known: Mutex<HashMap<String, Arc<tokio::sync::Mutex<Known>>>>,
}

#[derive(Default)]
struct Known {
    keys: Option<(Instant, Arc<KeySet>)>,
    tried: Option<(Instant, Result<(), FetchError>)>,
}

impl Fetched {
    pub(super) fn new(allowed: Vec<IpNet>, tls: Option<&ClientConfig>) -> Self {
        Self { outside: Outside::new(allowed, tls, TIMEOUT), known: Mutex::default() }
    }

    /// The set at `url`, asked for again if it is old or lacks the key.
    pub(super) async fn keys(
        &self,
        url: &str,
        kid: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<Arc<KeySet>, FetchError> {
        let place = self.place(url);
        // Callers wait for one fetch instead of each making their own.
        let mut known = place.lock().await;
        if let Some((at, keys)) = &known.keys
            && at.elapsed() < FRESH
            && keys.find(kid, algorithm).is_some()
        {
            return Ok(Arc::clone(keys));
        }
        let recently = known.tried.filter(|(at, _)| at.elapsed() < AGAIN);
        let outcome = match recently {
            Some((_, outcome)) => outcome,
            None => self.load(url, &mut known).await,
        };
        match (&known.keys, outcome) {
            (Some((at, keys)), _) if at.elapsed() < STALE => Ok(Arc::clone(keys)),
            (_, Err(error)) => Err(error),
            _ => Err(FetchError::Unreachable),
        }
    }

    /// Fetches the set at `url` now.
    pub(super) async fn refresh(&self, url: &str) -> Result<(), FetchError> {
        let place = self.place(url);
        let mut known = place.lock().await;
        self.load(url, &mut known).await
    }

    fn place(&self, url: &str) -> Arc<tokio::sync::Mutex<Known>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST && !known.contains_key(url) {
            known.clear();
        }
        Arc::clone(known.entry(url.to_owned()).or_default())
    }

    async fn load(&self, url: &str, known: &mut Known) -> Result<(), FetchError> {
        let loaded = self.get(url).await;
        let now = Instant::now();
        known.tried = Some((now, loaded.as_ref().map(|_| ()).map_err(|error| *error)));
        known.keys = Some((now, Arc::new(loaded?)));
        Ok(())
    }

    async fn get(&self, url: &str) -> Result<KeySet, FetchError> {
        let text = self.document(url).await?;
        KeySet::parse(&text).filter(|keys| !keys.is_empty()).ok_or(FetchError::NotKeys)
    }

    /// Whatever is at `url`, in at most 64 KiB.
    pub(super) async fn document(&self, url: &str) -> Result<Vec<u8>, FetchError> {
        let (client, url) = self.outside.reach(url).map_err(|_| FetchError::Forbidden)?;
        let client = client.ok_or(FetchError::Unreachable)?;
        let sent = client.get(url).header("accept", "application/json, application/jwk-set+json").send().await;
        let mut response = sent.map_err(|error| match is_forbidden(&error) {
            true => FetchError::Forbidden,
            false => FetchError::Unreachable,
        })?;
        if response.status() != reqwest::StatusCode::OK {
            return Err(FetchError::Status(response.status().as_u16()));
        }
        let mut text = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|_| FetchError::Unreachable)? {
            text.extend_from_slice(&chunk);
            if text.len() > limits::JWKS_BYTES {
                return Err(FetchError::NotKeys);
            }
        }
        Ok(text)
    }
}
