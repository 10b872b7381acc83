//! The structure of secrets out and in: names, notes and settings as a file. Values neither leave nor come by it: what is
//! imported waits for them.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    Action, Actor, Delivery, EnvironmentName, Invalid, Overlap, SecretId, SecretName, catalogue, limits, tree,
};
use store::{SecretRow, ValueFacts};

use super::caller::Permit;
use super::change::Settings;
use super::delivery::{delivered, hosts};
use super::environments::ensure;
use super::room::room;
use super::versions::first_version;
use super::{Caller, Error, Service, new_id, overlap};
use crate::wire::{self, SecretOutline, SecretPlace, SecretStructure};

/// The shape of the file.
const STRUCTURE: u32 = 1;
/// Most names that an event has.
const NAMED: usize = 50;

/// A secret of a file, checked.
struct Outline {
    name: SecretName,
    environment: EnvironmentName,
    delivery: Delivery,
    hosts: Vec<String>,
    note: String,
    rotate_after_days: Option<u32>,
    overlap: Option<Overlap>,
}

/// Leave to import into an environment, and to make it.
struct Leave {
    import: Permit,
    /// Where it is not there.
    make: Option<Permit>,
}

impl Service {
    /// The structure of one environment, or of all that the caller may see.
    pub(crate) async fn secret_structure(
        &self,
        caller: &Caller,
        environment: Option<&str>,
    ) -> Result<SecretStructure, Error> {
        let account = &caller.actor.account;
        let environments = match environment.map(EnvironmentName::parse).transpose()? {
            Some(environment) => {
                self.permit(caller, Action::SecretList, Some(&environment), "").await?;
                self.environment(account, &environment).await?;
                vec![environment]
            }
            None => self.visible_environments(caller, Action::SecretList).await?,
        };
        let mut secrets = Vec::new();
        for environment in &environments {
            let most = limits::SECRETS_PER_ACCOUNT as u32;
            let rows = self.store.secrets(account, Some(environment), None, most).await?;
            secrets.extend(rows.iter().map(outline));
        }
        let environments = environments.iter().map(ToString::to_string).collect();
        Ok(SecretStructure { structure: STRUCTURE, environments, secrets })
    }

    /// Makes what a structure has and the account has not. What is there stays as it is.
    pub(crate) async fn import_structure(
        &self,
        caller: &Caller,
        input: wire::ImportStructure,
    ) -> Result<wire::ImportedStructure, Error> {
        let into = input.environment.as_deref().map(EnvironmentName::parse).transpose()?;
        // Somebody who may import nowhere has no file read.
        let own = caller.actor.environments.as_ref().and_then(|own| own.first());
        self.permit(caller, Action::SecretImport, into.as_ref().or(own), "").await?;
        let text = zeroize::Zeroizing::new(input.text.take());
        let (environments, outlines) = checked(&text, into)?;
        let known = self.store.environments(&caller.actor.account).await?;
        let mut leaves = BTreeMap::new();
        for environment in environments {
            let import = self.permit(caller, Action::SecretImport, Some(&environment), "").await?;
            let make = match known.iter().any(|row| row.name == environment) {
                true => None,
                false => {
                    Some(self.permit(caller, Action::EnvironmentPut, Some(&environment), environment.as_str()).await?)
                }
            };
            leaves.insert(environment, Leave { import, make });
        }
        let (actor, dry_run) = (caller.actor.clone(), input.dry_run);
        let made = self.store.write(move |tx| {
            Box::pin(async move {
                let report = make(tx, &actor, outlines, leaves).await?;
                if dry_run { Err(Undone::Tried(report)) } else { Ok(report) }
            })
        });
        match made.await {
            Ok(report) => Ok(report),
            Err(Undone::Tried(report)) => Ok(wire::ImportedStructure { dry_run, ..report }),
            Err(Undone::Failed(error)) => Err(error),
        }
    }
}

/// Why nothing of an import was kept: that it was to be tried only is a reason like others, so that what is tried is what would be done.
enum Undone {
    Tried(wire::ImportedStructure),
    Failed(Error),
}

impl<E: Into<Error>> From<E> for Undone {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Makes the slots, and the environments that they are in.
async fn make(
    tx: &mut store::Tx,
    actor: &Actor,
    outlines: Vec<Outline>,
    leaves: BTreeMap<EnvironmentName, Leave>,
) -> Result<wire::ImportedStructure, Error> {
    let account = &actor.account;
    let mut report =
        wire::ImportedStructure { dry_run: false, environments: Vec::new(), pending: Vec::new(), there: Vec::new() };
    let (mut new, mut taken) = (Vec::new(), BTreeMap::<_, Vec<String>>::new());
    for (index, outline) in outlines.into_iter().enumerate() {
        let place = SecretPlace { name: outline.name.to_string(), environment: outline.environment.to_string() };
        if tx.secret(account, &outline.environment, &outline.name).await?.is_some() {
            report.there.push(place);
            continue;
        }
        taken.entry(outline.environment.clone()).or_default().push(place.name.clone());
        report.pending.push(place);
        new.push((index, outline));
    }
    room(tx, account, new.len() as u64).await?;
    for (environment, leave) in &leaves {
        if tx.environment(account, environment).await?.is_some() {
            continue;
        }
        // Deleted meanwhile: whoever may not make it does not.
        let make = leave.make.clone().ok_or(Error::not_found("environment"))?;
        report.environments.push(environment.to_string());
        ensure(tx, account, environment.clone(), make.time()).await?;
        tx.append_audit(&make.done()).await?;
    }
    let mut broken = Vec::new();
    for (index, outline) in new {
        let permit = leaves.get(&outline.environment).ok_or(Error::not_found("environment"))?;
        let next = first_version(tx, account, &outline.name).await?;
        let slot = outline.slot(account, &permit.import);
        tx.insert_slot(&slot, next).await?;
        overlap::keep_one_of(tx, actor, &slot, &mut broken, |invalid| at(index, invalid)).await?;
    }
    if !broken.is_empty() {
        return Err(Error::Invalid(broken));
    }
    for (environment, leave) in leaves {
        let names = taken.remove(&environment).unwrap_or_default();
        if names.is_empty() {
            continue;
        }
        let event = leave.import.done().detail("format", "structure").detail("slots", names.len());
        let told = names.into_iter().take(NAMED).collect::<Vec<_>>().join(" ");
        tx.append_audit(&event.detail("secrets", told)).await?;
    }
    Ok(report)
}

/// What a rule says of one of the file's secrets.
fn at(index: usize, invalid: Invalid) -> Invalid {
    Invalid { field: format!("secrets[{index}].{}", invalid.field), ..invalid }
}

fn outline(row: &SecretRow) -> SecretOutline {
    SecretOutline {
        name: row.name.to_string(),
        environment: row.environment.to_string(),
        delivery: Some(row.delivery.as_str().to_owned()),
        hosts: row.hosts.clone(),
        note: row.note.clone(),
        rotate_after_days: row.rotate_after_days,
        overlap: row.overlap.map(|overlap| overlap.to_string()),
        provider: catalogue::for_name(&row.name).map(|(provider, _)| provider.id.as_str().to_owned()),
        shared_from: row.shared.as_ref().map(|shared| shared.environment.to_string()),
    }
}

/// What a file says, in `into` instead of its own environment if that is given.
fn checked(text: &str, into: Option<EnvironmentName>) -> Result<(BTreeSet<EnvironmentName>, Vec<Outline>), Error> {
    if text.len() > limits::IMPORT_BYTES {
        let rule = format!("must be at most {} bytes", limits::IMPORT_BYTES);
        return Err(Invalid::new("text", "import_too_large", rule).into());
    }
    // What serde would say may quote the file.
    let rule = "must be what `tresor secret export` writes: structure 1, environments, and secrets with names, environments and settings";
    let invalid = || Invalid::new("text", "structure_invalid", rule);
    let file: SecretStructure = serde_json::from_value(tree::read(text)?).map_err(|_| invalid())?;
    if file.structure != STRUCTURE {
        return Err(invalid().into());
    }
    if file.secrets.len() > limits::IMPORT_ENTRIES {
        let rule = format!("must be at most {} secrets", limits::IMPORT_ENTRIES);
        return Err(Invalid::new("text", "too_many_entries", rule).into());
    }
    let (mut environments, mut outlines, mut broken) = (BTreeSet::new(), Vec::new(), Vec::new());
    for (index, name) in file.environments.iter().enumerate() {
        match EnvironmentName::parse(name) {
            Ok(name) => drop(environments.insert(name)),
            Err(invalid) => broken.push(Invalid { field: format!("environments[{index}]"), ..invalid }),
        }
    }
    let mut places = BTreeSet::new();
    for (index, secret) in file.secrets.into_iter().enumerate() {
        match Outline::check(secret) {
            Ok(outline) if !places.insert((outline.environment.clone(), outline.name.clone())) => {
                broken.push(at(index, Invalid::new("name", "name_twice", "must not come twice in an environment")));
            }
            Ok(outline) => {
                environments.insert(outline.environment.clone());
                outlines.push(outline);
            }
            Err(invalid) => broken.push(at(index, invalid)),
        }
    }
    if !broken.is_empty() {
        return Err(Error::Invalid(broken));
    }
    if let Some(into) = into {
        if environments.len() > 1 {
            let rule = "must be left out for a structure of several environments";
            return Err(Invalid::new("environment", "structure_of_several", rule).into());
        }
        outlines.iter_mut().for_each(|outline| outline.environment.clone_from(&into));
        environments = [into].into();
    }
    Ok((environments, outlines))
}

impl Outline {
    fn check(secret: SecretOutline) -> Result<Self, Invalid> {
        let name = SecretName::parse(&secret.name)?;
        let environment = EnvironmentName::parse(&secret.environment)?;
        let delivery = secret.delivery.as_deref().map(Delivery::parse).transpose()?.unwrap_or_default();
        let hosts = hosts(&secret.hosts)?;
        delivered(delivery, &hosts)?;
        let (note, rotate_after_days) = (secret.note, secret.rotate_after_days);
        let settings =
            Settings::check(Some(note.clone()), None, Some(rotate_after_days), None, secret.overlap.map(Some))?;
        let overlap = settings.overlap.flatten();
        Ok(Self { name, environment, delivery, hosts, note, rotate_after_days, overlap })
    }

    fn slot(self, account: &domain::AccountId, permit: &Permit) -> SecretRow {
        let (now, by) = (permit.time(), permit.actor_name());
        SecretRow {
            id: SecretId::new(new_id()),
            account: account.clone(),
            environment: self.environment,
            name: self.name,
            version: 0,
            shared: None,
            mask: String::new(),
            facts: ValueFacts::default(),
            value_at: now,
            revision: 0,
            delivery: self.delivery,
            hosts: self.hosts,
            note: self.note,
            rotate_after_days: self.rotate_after_days,
            overlap: self.overlap,
            previous: None,
            created_at: now,
            updated_at: now,
            created_by: by.clone(),
            updated_by: by,
            last_used_at: None,
        }
    }
}
