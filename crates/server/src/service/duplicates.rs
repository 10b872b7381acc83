//! Values that are stored more than once, found by their keyed fingerprints. What the caller may not read is not told:
//! that two values are equal says something of both.

use domain::{Action, EnvironmentName, SecretName, authorize};
use store::SecretRow;

use super::secrets::environment_or_production;
use super::{Caller, Error, Service};
use crate::wire;

/// Most places that one value is looked for in.
const MOST: u32 = 100;
/// How many of them are named.
const NAMED: usize = 3;

impl Service {
    /// Says where else a secret's value is stored, as far as the caller may know.
    pub(crate) async fn equal_values(
        &self,
        caller: &Caller,
        name: &str,
        environment: Option<&str>,
    ) -> Result<Vec<wire::Warning>, Error> {
        let (name, environment) = (SecretName::parse(name)?, environment_or_production(environment)?);
        self.permit(caller, Action::SecretGet, Some(&environment), name.as_str()).await?;
        let row = self.store.secret(&caller.actor.account, &environment, &name).await?;
        match row.filter(SecretRow::has_own_value) {
            Some(row) => self.same_value(caller, &row).await,
            None => Ok(Vec::new()),
        }
    }

    /// As [`Service::equal_values`], of what a put stored.
    pub(super) async fn same_value(&self, caller: &Caller, row: &SecretRow) -> Result<Vec<wire::Warning>, Error> {
        match &row.facts.fingerprint {
            Some(fingerprint) => {
                let place = (&row.environment, &row.name);
                self.same_value_as(caller, place, fingerprint, &row.mask).await
            }
            None => Ok(Vec::new()),
        }
    }

    /// As [`Service::equal_values`], of a value for a place.
    pub(super) async fn same_value_as(
        &self,
        caller: &Caller,
        place: (&EnvironmentName, &SecretName),
        fingerprint: &[u8],
        mask: &str,
    ) -> Result<Vec<wire::Warning>, Error> {
        if !is_telling(mask) {
            return Ok(Vec::new());
        }
        let found = self.store.secrets_with_value(&caller.actor.account, fingerprint, MOST).await?;
        let may_know =
            |environment: &EnvironmentName| authorize(&caller.actor, Action::SecretGet, Some(environment)).is_ok();
        let others: Vec<_> = found
            .into_iter()
            .filter(|(environment, name)| (environment, name) != place && may_know(environment))
            .collect();
        let (here, elsewhere): (Vec<_>, Vec<_>) =
            others.into_iter().partition(|(environment, _)| environment == place.0);
        let mut warnings = Vec::new();
        if !elsewhere.is_empty() {
            let places = named(elsewhere.iter().map(|(environment, name)| format!("{name} in {environment}")));
            warnings.push(warning(
                "same_value_elsewhere",
                "warning",
                format!("the value is also that of {places}: give each environment its own, or share one on purpose"),
            ));
        }
        if !here.is_empty() {
            let names = named(here.iter().map(|(_, name)| name.to_string()));
            let detail = format!("the value is also stored as {names}: one of them would do");
            warnings.push(warning("same_value_twice", "note", detail));
        }
        Ok(warnings)
    }
}

/// Whether that two values with this mask are equal means anything. Short ones (a port, a flag) are equal by chance, and
/// could be found by trying.
pub(super) fn is_telling(mask: &str) -> bool {
    mask != "****"
}

fn warning(code: &str, severity: &str, detail: String) -> wire::Warning {
    wire::Warning { code: code.to_owned(), severity: severity.to_owned(), detail, suggestion: None }
}

fn named(mut places: impl Iterator<Item = String>) -> String {
    let first: Vec<_> = places.by_ref().take(NAMED).collect();
    match places.count() {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}
