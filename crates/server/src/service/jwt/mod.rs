//! Callers of functions with a JSON Web Token (RFC 7519, 7515) of an issuer that the account trusts.
//!
//! A token says itself who issued it and how to verify it; nothing of that is believed. The issuer must be one of the
//! account's, the algorithm one that this issuer's settings name, the key one of this issuer's (RFC 8725).

mod fetch;
mod keys;

use std::collections::BTreeSet;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{
    AccountId, Actor, ActorKind, Algorithm, EnvironmentName, GroupName, Issuer, IssuerKeys, IssuerName, MemberName,
    Scope, SecretName, limits,
};
use ipnet::IpNet;
use jsonwebtoken::{DecodingKey, Validation};
use serde::Deserialize;
use serde_json::{Map, Value as Json};

pub(super) use fetch::FetchError;
pub(super) use keys::KeySet;

use self::fetch::Fetched;
use super::recent::Recent;
use super::share::open;
use super::{Error, Service};
use crate::clock;

/// How far the issuer's clock and ours may be apart, in seconds.
const LEEWAY: f64 = 30.0;

/// What is kept between callers: nothing of any token.
pub(crate) struct Jwts {
    issuers: Recent<AccountId, Arc<Vec<Issuer>>>,
    shared: Recent<(AccountId, EnvironmentName, SecretName), Arc<Shared>>,
    people: Recent<(AccountId, IssuerName, String), Arc<Option<Person>>>,
    fetched: Fetched,
}

/// The key of a shared secret, and how long it is.
struct Shared(DecodingKey, usize);

/// The member that an issuer's subject is.
struct Person {
    name: MemberName,
    groups: Vec<GroupName>,
}

impl Jwts {
    /// Key sets may be fetched from the internet and from `allowed` networks, by `tls`; if there is none, from nowhere.
    pub(crate) fn new(allowed: Vec<IpNet>, tls: Option<&rustls::ClientConfig>) -> Self {
        let (issuers, shared, people) = Default::default();
        Self { issuers, shared, people, fetched: Fetched::new(allowed, tls) }
    }

    /// A document that a stranger named, from the internet or a network that the operator allowed.
    pub(super) async fn document(&self, url: &str) -> Result<Vec<u8>, FetchError> {
        self.fetched.document(url).await
    }

    /// To be called when issuers, members or groups were changed, before the change returns.
    pub(super) fn forget(&self) {
        self.issuers.forget();
        self.people.forget();
        self.shared.forget();
    }

    /// To be called when secrets were changed, before the change returns.
    pub(super) fn forget_secrets(&self) {
        self.shared.forget();
    }

    /// Fetches a key set now.
    pub(super) async fn fetch(&self, url: &str) -> Result<(), FetchError> {
        self.fetched.refresh(url).await
    }
}

/// The header, as far as it matters (RFC 7515 §4.1).
#[derive(Deserialize)]
struct Head {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    crit: Option<Json>,
}

#[derive(Deserialize)]
struct Unverified {
    iss: String,
}

/// Whether a bearer credential is meant as a JWT.
pub(super) fn looks_like_one(text: &str) -> bool {
    text.starts_with("eyJ") && text.bytes().filter(|&byte| byte == b'.').count() == 2
}

fn refused(why: &'static str) -> Error {
    Error::Unauthenticated(why)
}

impl Service {
    /// The caller that a JWT speaks for: it may invoke functions and nothing else.
    pub(super) async fn jwt_actor(
        &self,
        account: &AccountId,
        environment: &EnvironmentName,
        text: &str,
    ) -> Result<Actor, Error> {
        const MALFORMED: &str = "This is not a signed JWT of at most 16 KiB.";
        if text.len() > limits::JWT_BYTES {
            return Err(refused(MALFORMED));
        }
        let mut parts = text.split('.');
        let (head, claims) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let head: Head = part(head).ok_or(refused(MALFORMED))?;
        let Unverified { iss } = part(claims).ok_or(refused("This JWT has no `iss`."))?;
        if head.crit.is_some() {
            return Err(refused("This JWT needs an extension (`crit`) that is not understood here."));
        }
        // A token for something else, for example a logout, is not one for calling (RFC 8725 §3.11).
        let typ = head.typ.as_deref().unwrap_or("JWT").to_ascii_lowercase();
        if !matches!(typ.trim_start_matches("application/"), "jwt" | "at+jwt") {
            return Err(refused("This JWT is not an access token: its `typ` is neither JWT nor at+jwt."));
        }
        let issuers = self.issuers_of(account).await?;
        let issuer = issuers
            .iter()
            .find(|issuer| issuer.issuer == iss)
            .ok_or(refused("This JWT is of an issuer that the account does not trust."))?;
        let algorithm = Algorithm::parse(&head.alg)
            .filter(|algorithm| issuer.algorithms.contains(algorithm))
            .ok_or(refused("This JWT is signed with an algorithm that its issuer is not to use."))?;
        let mut validation = Validation::new(keys::algorithm(algorithm));
        validation.required_spec_claims.clear();
        // Checked below, by the server's clock and by the whole of what the issuer's settings say.
        (validation.validate_exp, validation.validate_nbf, validation.validate_aud) = (false, false, false);
        let verify = |key: &DecodingKey| {
            jsonwebtoken::decode::<Map<String, Json>>(text, key, &validation)
                .map(|token| token.claims)
                .map_err(|_| refused("This JWT's signature does not verify with its issuer's key."))
        };
        let claims = match &issuer.keys {
            IssuerKeys::Secret(name) => {
                let shared = self.shared_key(account, environment, name).await?;
                let Some(shared) = shared.filter(|shared| shared.1 >= algorithm.shared_key_bytes()) else {
                    tracing::warn!(issuer = issuer.name.as_str(), "the secret of an issuer is missing or too short");
                    return Err(Error::IssuerKeys);
                };
                verify(&shared.0)?
            }
            IssuerKeys::Jwks(text) => {
                let keys = KeySet::parse(text.as_bytes()).ok_or(Error::IssuerKeys)?;
                verify(keys.find(head.kid.as_deref(), algorithm).ok_or(refused(NO_KEY))?)?
            }
            IssuerKeys::JwksUrl(url) => {
                let keys = self.inner.jwts.fetched.keys(url, head.kid.as_deref(), algorithm).await;
                let keys = keys.map_err(|error| {
                    tracing::warn!(issuer = issuer.name.as_str(), %error, "the keys of an issuer could not be fetched");
                    Error::IssuerKeys
                })?;
                verify(keys.find(head.kid.as_deref(), algorithm).ok_or(refused(NO_KEY))?)?
            }
        };
        let subject = check(issuer, &claims)?;
        self.caller(account, issuer, subject, &claims).await
    }

    async fn issuers_of(&self, account: &AccountId) -> Result<Arc<Vec<Issuer>>, Error> {
        let read = async {
            let rows = self.store.issuers(account).await?;
            Ok::<_, Error>(Some(Arc::new(rows.into_iter().map(|row| row.issuer).collect())))
        };
        Ok(self.inner.jwts.issuers.get(account.clone(), read).await?.unwrap_or_default())
    }

    async fn shared_key(
        &self,
        account: &AccountId,
        environment: &EnvironmentName,
        name: &SecretName,
    ) -> Result<Option<Arc<Shared>>, Error> {
        let read = async {
            let key = self.keyring.account(&self.store, account).await?;
            let Some(stored) = self.store.current_value(account, environment, name).await? else { return Ok(None) };
            let value = open(&key, environment, &stored)?;
            let bytes = value.expose().as_bytes();
            Ok::<_, Error>(Some(Arc::new(Shared(DecodingKey::from_secret(bytes), bytes.len()))))
        };
        self.inner.jwts.shared.get((account.clone(), environment.clone(), name.clone()), read).await
    }

    async fn caller(
        &self,
        account: &AccountId,
        issuer: &Issuer,
        subject: &str,
        claims: &Map<String, Json>,
    ) -> Result<Actor, Error> {
        let read = async {
            let Some(row) = self.store.member_by_subject(account, &issuer.name, subject).await? else {
                return Ok(Some(Arc::new(None)));
            };
            let groups = self.store.groups_of_member(account, &row.name).await?;
            Ok::<_, Error>(Some(Arc::new(Some(Person { name: row.name, groups }))))
        };
        let key = (account.clone(), issuer.name.clone(), subject.to_owned());
        let person = self.inner.jwts.people.get(key, read).await?;
        let person = person.as_deref().and_then(Option::as_ref);
        let claimed = issuer.groups_claim.as_ref().and_then(|claim| claims.get(claim)).map(groups).unwrap_or_default();
        let own = person.iter().flat_map(|person| person.groups.iter().cloned());
        Ok(Actor {
            kind: ActorKind::Jwt,
            id: subject.to_owned(),
            name: match person {
                Some(person) => person.name.to_string(),
                None => format!("{}/{subject}", issuer.name),
            },
            scopes: [Scope::FunctionsInvoke].into_iter().collect(),
            environments: issuer.environments.clone(),
            member: person.map(|person| person.name.clone()),
            groups: own.chain(claimed).collect(),
            ..Actor::anonymous(account.clone())
        })
    }
}

const NO_KEY: &str = "This JWT is signed with a key that its issuer does not show.";

fn part<T: for<'de> Deserialize<'de>>(text: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

/// The `sub`, if the claims are what they must be (RFC 7519 §4.1).
fn check<'a>(issuer: &Issuer, claims: &'a Map<String, Json>) -> Result<&'a str, Error> {
    if claims.get("iss").and_then(Json::as_str) != Some(&issuer.issuer) {
        return Err(refused("This JWT is of an issuer that the account does not trust."));
    }
    let audience = match claims.get("aud") {
        Some(Json::String(audience)) => *audience == issuer.audience,
        Some(Json::Array(all)) => all.iter().any(|audience| audience.as_str() == Some(&issuer.audience)),
        _ => false,
    };
    if !audience {
        return Err(refused("This JWT is for another audience (`aud`)."));
    }
    let now = clock::now().as_millis() as f64 / 1_000.0;
    match claims.get("exp").and_then(Json::as_f64) {
        Some(expires) if expires + LEEWAY > now => {}
        Some(_) => return Err(refused("This JWT has expired: get a new one from its issuer.")),
        None => return Err(refused("This JWT does not expire (`exp`): only those that do are taken.")),
    }
    match claims.get("nbf").map(Json::as_f64) {
        None => {}
        Some(Some(from)) if from - LEEWAY <= now => {}
        Some(_) => return Err(refused("This JWT is not valid yet (`nbf`).")),
    }
    let proper = |subject: &&str| {
        !subject.is_empty() && subject.len() <= limits::ISSUER_TEXT_BYTES && !subject.chars().any(char::is_control)
    };
    let subject = claims.get("sub").and_then(Json::as_str).filter(proper);
    subject.ok_or(refused("This JWT does not say for whom it speaks (`sub`), in 1 to 1,024 bytes."))
}

/// A list, or a text parted by spaces. What can be no group's name is none.
fn groups(claim: &Json) -> BTreeSet<GroupName> {
    let parse = |text: &str| GroupName::parse(text).ok();
    match claim {
        Json::String(text) => text.split(' ').filter_map(parse).collect(),
        Json::Array(all) => all.iter().filter_map(Json::as_str).filter_map(parse).collect(),
        _ => BTreeSet::new(),
    }
}
