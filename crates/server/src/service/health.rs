//! What should be done about an account's secrets. The rules are `domain::health`'s; here they get their facts.
//!
//! Nothing is decrypted: form and mode are what the put noted, equal values have equal fingerprints.

use std::collections::{BTreeMap, BTreeSet};

use domain::health::{self, Complaint, Known, Patience, Urgency};
use domain::overlap::previous_of;
use domain::{AccountId, Action, EnvironmentName, Invalid, SecretName, authorize};
use store::{AilingRow, EqualRow, ReadingRow};

use super::duplicates::is_telling;
use super::{Caller, Error, Service};
use crate::clock;
use crate::wire::{HealthCounts, HealthFinding, SecretHealth, SecretPlace};

/// Most findings of one answer.
const MOST: usize = 1_000;

impl Service {
    /// What should be done about the secrets of one environment, or of all.
    pub(crate) async fn secret_health(
        &self,
        caller: &Caller,
        environment: Option<&str>,
        unused_days: Option<u32>,
    ) -> Result<SecretHealth, Error> {
        let environment = environment.map(EnvironmentName::parse).transpose()?;
        self.permit(caller, Action::SecretList, environment.as_ref(), "").await?;
        let unused_days = unused_days.unwrap_or(health::UNUSED_DAYS);
        if !(1..=3650).contains(&unused_days) {
            return Err(Invalid::new("unused_days", "out_of_range", "must be 1 to 3650").into());
        }
        let (account, place) = (&caller.actor.account, environment.as_ref());
        if let Some(environment) = place {
            self.environment(account, environment).await?;
        }
        let patience = Patience { now: clock::now(), unused_days };
        let (secrets, ailing, slots, shared, equal, readings, failed) = tokio::try_join!(
            self.store.count_secrets_in(account, place),
            self.store.ailing_secrets(account, place, &patience),
            self.store.open_slots(account, place),
            self.store.shared_modes(account, place),
            self.store.equal_values(account),
            self.store.active_reads(account, place),
            self.store.failed_rotations(account, place),
        )?;
        let mut found: Vec<Found> = ailing.iter().flat_map(|row| of_row(row, &patience)).collect();
        // Of a value that is shared all else is told where it is.
        found.extend(shared.into_iter().filter_map(|(environment, name, mode)| {
            health::of_mode(&mode, &environment).map(|complaint| Found::new(environment, name, complaint))
        }));
        found.extend(failed.into_iter().map(|row| {
            let complaint = health::rotation_failed(row.step, row.problem.as_deref().unwrap_or_default());
            Found::new(row.environment, row.name, complaint)
        }));
        found.extend(duplicates(caller, place, equal));
        let missing = self.missing(account, readings).await?;
        // One that functions read is missing, which is worse.
        let is_missing = |slot: &(EnvironmentName, SecretName)| {
            missing.iter().any(|found| (&found.environment, &found.name) == (&slot.0, &slot.1))
        };
        let slots = slots.into_iter().filter(|slot| !is_missing(slot));
        found.extend(slots.map(|(environment, name)| Found::new(environment, name, health::pending())));
        found.extend(missing);
        found.sort_by(|a, b| a.order().cmp(&b.order()));
        let count = |urgency| found.iter().filter(|found| found.complaint.urgency == urgency).count() as u64;
        let counts =
            HealthCounts { high: count(Urgency::High), medium: count(Urgency::Medium), low: count(Urgency::Low) };
        let more = found.len().saturating_sub(MOST) as u64;
        found.truncate(MOST);
        Ok(SecretHealth {
            findings: found.into_iter().map(Found::shown).collect(),
            counts,
            more,
            secrets,
            unused_days,
            checked_at: patience.now.to_string(),
        })
    }

    /// The names that active deployments read with their own files and that have no value where they are active.
    async fn missing(&self, account: &AccountId, readings: Vec<ReadingRow>) -> Result<Vec<Found>, Error> {
        let mut readers = BTreeMap::<(EnvironmentName, SecretName), Vec<String>>::new();
        for reading in readings {
            // Packages read many names that they can do without; those have a `+` and are no names.
            let names = reading.referenced.split(' ').filter_map(|word| SecretName::parse(word).ok());
            for name in names.filter(|name| reading.secrets.includes(name)) {
                readers.entry((reading.environment.clone(), name)).or_default().push(reading.function.to_string());
            }
        }
        // A value before is there now and then; code that reads it knows.
        let names: BTreeSet<_> =
            readers.keys().flat_map(|(_, name)| [Some(name.clone()), previous_of(name)]).flatten().collect();
        let valued = self.store.valued_among(account, &names).await?;
        readers.retain(|(environment, name), _| {
            let is_valued = |name: &SecretName| valued.contains(&(environment.clone(), name.clone()));
            !is_valued(name) && !previous_of(name).is_some_and(|base| is_valued(&base))
        });
        let found = readers.into_iter().map(|((environment, name), functions)| Found {
            functions: functions.clone(),
            ..Found::new(environment, name, health::missing(&functions))
        });
        Ok(found.collect())
    }
}

/// A finding, before it is put in order.
struct Found {
    environment: EnvironmentName,
    name: SecretName,
    complaint: Complaint,
    due_at: Option<String>,
    functions: Vec<String>,
    also: Vec<(EnvironmentName, SecretName)>,
}

impl Found {
    fn new(environment: EnvironmentName, name: SecretName, complaint: Complaint) -> Self {
        let (functions, also) = Default::default();
        Self { environment, name, complaint, due_at: None, functions, also }
    }

    /// The most pressing first, and what runs for real before what is tried out.
    fn order(&self) -> impl Ord + use<'_> {
        let Complaint { urgency, ailment, .. } = self.complaint;
        let is_production = self.environment == EnvironmentName::production();
        (std::cmp::Reverse(urgency), ailment, !is_production, &self.environment, &self.name)
    }

    fn shown(self) -> HealthFinding {
        let Self { environment, name, complaint, due_at, functions, also } = self;
        let place = |(environment, name): (EnvironmentName, SecretName)| SecretPlace {
            name: name.to_string(),
            environment: environment.to_string(),
        };
        HealthFinding {
            kind: complaint.ailment.as_str().to_owned(),
            severity: complaint.urgency.as_str().to_owned(),
            detail: format!("{name} in {environment} {}.", complaint.detail),
            name: name.to_string(),
            environment: environment.to_string(),
            action: complaint.remedy.as_str().to_owned(),
            advice: complaint.advice,
            code: complaint.code.map(str::to_owned),
            due_at,
            functions,
            also: also.into_iter().map(place).collect(),
        }
    }
}

fn of_row(row: &AilingRow, patience: &Patience) -> Vec<Found> {
    let known = Known {
        name: &row.name,
        environment: &row.environment,
        delivery: row.delivery,
        findings: &row.findings,
        mode: &row.mode,
        due: row.due,
        created_at: row.created_at,
        last_used_at: row.last_used_at,
        last_sent_at: row.last_sent_at,
    };
    let due_at = |complaint: &Complaint| {
        use health::Ailment::{DueSoon, Overdue};
        row.due.filter(|_| matches!(complaint.ailment, Overdue | DueSoon)).map(|due| due.to_string())
    };
    let found = health::examine(&known, patience).into_iter().map(|complaint| Found {
        due_at: due_at(&complaint),
        ..Found::new(row.environment.clone(), row.name.clone(), complaint)
    });
    found.collect()
}

/// Values that are stored more than once, each told once: of the first place that is looked at. What the caller may not read
/// is not told: that two values are equal says something of both.
fn duplicates(caller: &Caller, place: Option<&EnvironmentName>, equal: Vec<EqualRow>) -> Vec<Found> {
    let mut groups = BTreeMap::<String, Vec<(EnvironmentName, SecretName)>>::new();
    for row in equal {
        let may_know = authorize(&caller.actor, Action::SecretGet, Some(&row.environment)).is_ok();
        if may_know && is_telling(&row.mask) {
            groups.entry(row.fingerprint).or_default().push((row.environment, row.name));
        }
    }
    let mut found = Vec::new();
    for mut places in groups.into_values() {
        let production = EnvironmentName::production();
        places.sort_by_key(|(environment, name)| (*environment != production, environment.clone(), name.clone()));
        let first = places.iter().position(|(environment, _)| place.is_none_or(|place| place == environment));
        let Some(first) = first.filter(|_| places.len() > 1) else { continue };
        let (environment, name) = places.remove(first);
        let complaint = health::duplicated(&environment, &places);
        found.push(Found { also: places, ..Found::new(environment, name, complaint) });
    }
    found
}
