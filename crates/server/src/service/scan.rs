//! Looking for stored values by digests of candidates: `docs/scan.md` says why so.
//!
//! Whoever may ask can try values of their own. So only values that nobody guesses are ever confirmed, digests are counted
//! for each account, and every question is on record with what it found.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use domain::catalogue::{Kind, secrets_for_name};
use domain::scan::{Digest, digest, is_findable};
use domain::{AccountId, Action, EnvironmentName, Invalid, SecretName, limits};
use envelope::{AccountKey, Binding};

use super::rates::Rate;
use super::{Caller, Error, Service};
use crate::wire;

/// How many digests an account may ask about.
pub(super) const RATE: Rate =
    Rate { per_minute: limits::SCAN_DIGESTS_PER_MINUTE, at_once: limits::SCAN_DIGESTS_AT_ONCE };

/// How many of the last versions of a secret are looked for: a key that was rotated may still work.
const VERSIONS: u32 = 5;
/// How long an index serves. A change on this node ends it at once.
const FRESH: Duration = Duration::from_secs(60);
/// Most accounts whose indexes are kept.
const MOST: usize = 100;
/// Versions that are read at a time.
const PAGE: u32 = 200;
/// Most names that an event has.
const NAMED: usize = 50;

/// The digests of an account's values. Holds no value.
#[derive(Default)]
struct Index {
    found: HashMap<Digest, Vec<Known>>,
    /// Values that are never confirmed.
    weak: BTreeMap<EnvironmentName, u64>,
}

/// A stored value.
#[derive(Clone)]
struct Known {
    name: SecretName,
    environment: EnvironmentName,
    version: u64,
    current: bool,
}

type Slot = Arc<tokio::sync::Mutex<Option<(Instant, Arc<Index>)>>>;

/// Indexes by account.
#[derive(Default)]
pub(super) struct Indexes(Mutex<HashMap<AccountId, Slot>>);

impl Indexes {
    fn slot(&self, account: &AccountId) -> Slot {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() >= MOST && !slots.contains_key(account) {
            slots.clear();
        }
        Arc::clone(slots.entry(account.clone()).or_default())
    }

    /// The account's secrets changed.
    pub(super) fn forget(&self, account: &AccountId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(account);
    }
}

impl Service {
    /// What a caller needs to make digests.
    pub(crate) async fn scan_settings(
        &self,
        caller: &Caller,
        environment: Option<&str>,
    ) -> Result<wire::ScanSettings, Error> {
        let environment = environment.map(EnvironmentName::parse).transpose()?;
        self.permit(caller, Action::SecretScan, environment.as_ref(), "").await?;
        let key = self.keyring.account(&self.store, &caller.actor.account).await?;
        Ok(wire::ScanSettings { salt: hex::encode(salt(&key)), digests_at_once: limits::SCAN_DIGESTS })
    }

    /// Which digests are of stored values.
    pub(crate) async fn find_digests(
        &self,
        caller: &Caller,
        input: wire::FindDigests,
    ) -> Result<wire::FoundDigests, Error> {
        let environment = input.environment.as_deref().map(EnvironmentName::parse).transpose()?;
        let permit = self.permit(caller, Action::SecretScan, environment.as_ref(), "").await?;
        let account = &caller.actor.account;
        if let Some(environment) = &environment {
            self.environment(account, environment).await?;
        }
        let digests = parse(&input.digests)?;
        self.scan_rate.take(account, u32::try_from(digests.len()).unwrap_or(u32::MAX), Instant::now())?;
        let index = self.index(account).await?;
        let of_scope = |known: &&Known| environment.as_ref().is_none_or(|wanted| *wanted == known.environment);
        let mut items = Vec::new();
        for (at, digest) in digests.iter().enumerate() {
            let known = index.found.get(digest).into_iter().flatten().filter(of_scope);
            items.extend(known.map(|known| wire::FoundSecret {
                index: at,
                name: known.name.to_string(),
                environment: known.environment.to_string(),
                version: known.version,
                current: known.current,
            }));
        }
        let names: BTreeSet<&str> = items.iter().map(|found| found.name.as_str()).collect();
        let event = permit.done().detail("digests", digests.len());
        let event = match names.is_empty() {
            true => event,
            false => event.detail("found", names.into_iter().take(NAMED).collect::<Vec<_>>().join(" ")),
        };
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    tx.append_audit(&event).await?;
                    Ok::<_, Error>(())
                })
            })
            .await?;
        let weak = index.weak.iter().filter(|(name, _)| environment.as_ref().is_none_or(|wanted| wanted == *name));
        Ok(wire::FoundDigests { items, too_weak: weak.map(|(_, count)| count).sum() })
    }

    async fn index(&self, account: &AccountId) -> Result<Arc<Index>, Error> {
        let slot = self.scans.slot(account);
        // Who comes meanwhile waits for the one that is being built.
        let mut built = slot.lock().await;
        if let Some((at, index)) = built.as_ref().filter(|(at, _)| at.elapsed() < FRESH) {
            let _ = at;
            return Ok(Arc::clone(index));
        }
        let began = Instant::now();
        let index = Arc::new(self.build_index(account).await?);
        *built = Some((began, Arc::clone(&index)));
        Ok(index)
    }

    async fn build_index(&self, account: &AccountId) -> Result<Index, Error> {
        let key = self.keyring.account(&self.store, account).await?;
        let (salt, mut index, mut last) = (salt(&key), Index::default(), None);
        let mut sharers: HashMap<_, Vec<EnvironmentName>> = HashMap::new();
        for share in self.store.shares(account).await? {
            sharers.entry(share.source).or_default().push(share.environment);
        }
        loop {
            let after = last.as_ref().map(|(secret, version)| (secret, *version));
            let page = self.store.newest_values(account, VERSIONS, after, PAGE).await?;
            let Some(end) = page.last() else { return Ok(index) };
            last = Some((end.secret.clone(), end.version));
            for stored in page {
                let binding =
                    Binding { secret: &stored.secret, environment: &stored.environment, version: stored.version };
                let value = key.decrypt(&binding, &stored.ciphertext)?;
                let text = value.expose();
                let public = secrets_for_name(&stored.name)
                    .iter()
                    .any(|(_, secret)| secret.kind == Kind::Publishable && secret.fits(text));
                if public {
                    continue;
                }
                // What others share is current there too.
                let shared = sharers.get(&stored.secret).filter(|_| stored.current);
                for environment in shared.into_iter().flatten().cloned().chain([stored.environment]) {
                    if is_findable(text) {
                        index.found.entry(digest(&salt, text)).or_default().push(Known {
                            name: stored.name.clone(),
                            environment,
                            version: stored.version,
                            current: stored.current,
                        });
                    } else if stored.current {
                        *index.weak.entry(environment).or_default() += 1;
                    }
                }
            }
            tokio::task::yield_now().await;
        }
    }
}

/// Goes into digests, so that none that was made for one account is worth anything for another.
fn salt(key: &AccountKey) -> [u8; 16] {
    let mut salt = [0; 16];
    salt.iter_mut().zip(key.fingerprint("scan salt", b"")).for_each(|(to, from)| *to = from);
    salt
}

fn parse(texts: &[String]) -> Result<Vec<Digest>, Invalid> {
    if texts.is_empty() || texts.len() > limits::SCAN_DIGESTS {
        let rule = format!("must be 1 to {}", limits::SCAN_DIGESTS);
        return Err(Invalid::new("digests", "digests_count", rule));
    }
    let parse = |(at, text): (usize, &String)| {
        let mut digest = Digest::default();
        hex::decode_to_slice(text, &mut digest)
            .map(|()| digest)
            .map_err(|_| Invalid::new(format!("digests[{at}]"), "digest_invalid", "must be 32 hexadecimal digits"))
    };
    texts.iter().enumerate().map(parse).collect()
}
