//! Functions as a person looks at them: what happened lately, where each runs, and which of the secrets that it reads are
//! there.

use std::collections::HashMap;

use domain::latency::Histogram;
use domain::{AccountId, Action, EnvironmentName, FunctionName, SecretName, Timestamp};
use store::{FunctionRow, Tally};

use super::functions::Active;
use super::{Caller, Error, Service, paging, show};
use crate::clock;
use crate::wire;

const HOUR_MILLIS: i64 = 60 * 60 * 1000;

/// How far back figures and charts go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Span {
    Day,
    Week,
    Month,
}

impl Span {
    /// Hours of a step, and how many steps.
    fn steps(self) -> (u32, u32) {
        match self {
            Self::Day => (1, 24),
            Self::Week => (6, 28),
            Self::Month => (24, 30),
        }
    }

    /// The beginning of the first step; the last is the one that `now` is in.
    fn since(self, now: Timestamp) -> Timestamp {
        let (hours, steps) = self.steps();
        let length = HOUR_MILLIS * i64::from(hours);
        let last = now.as_millis() - now.as_millis().rem_euclid(length);
        Timestamp::from_millis(last - length * i64::from(steps - 1))
    }
}

/// What happened to a function in a span.
pub(crate) struct Figures {
    pub(crate) tally: Tally,
    pub(crate) histogram: Histogram,
    /// Step by step, oldest first, those without any invocation too.
    pub(crate) steps: Vec<Tally>,
    /// The beginning of the first step.
    pub(crate) since: Timestamp,
}

/// A function in the list.
pub(crate) struct FunctionLine {
    pub(crate) function: wire::Function,
    pub(crate) figures: Figures,
}

/// A function and all that is told of it at first sight.
pub(crate) struct FunctionView {
    pub(crate) function: wire::Function,
    pub(crate) figures: Figures,
    pub(crate) places: Vec<Place>,
    pub(crate) returned: Vec<wire::ReturnedValue>,
}

/// An environment that a function is active in.
pub(crate) struct Place {
    pub(crate) environment: String,
    /// The path at the gateway.
    pub(crate) path: String,
    pub(crate) deployment: wire::Deployment,
    pub(crate) reads: Vec<Read>,
}

/// A name that a function's code reads.
pub(crate) struct Read {
    pub(crate) name: String,
    /// The mask of the value that the environment has.
    pub(crate) mask: Option<String>,
    /// Whether the deployment gets it.
    pub(crate) given: bool,
    /// Only a package reads it: it may do without.
    pub(crate) by_package: bool,
}

impl Service {
    /// A page of the account's functions by name, those whose name has `search` in it.
    pub(crate) async fn function_lines(
        &self,
        caller: &Caller,
        search: &str,
        cursor: Option<&str>,
        rows: u32,
    ) -> Result<(Vec<FunctionLine>, Option<String>), Error> {
        self.permit(caller, Action::FunctionList, None, "").await?;
        let account = &caller.actor.account;
        self.recorder.flush().await;
        let after = cursor.map(FunctionName::parse).transpose()?;
        let mut found = self.store.functions_named_like(account, search, after.as_ref(), rows + 1).await?;
        let next_cursor = paging::cut(&mut found, rows, |last| last.name.to_string());
        let active = self.active(account, None).await?;
        let base = self.gateway_base(caller).await?;
        let mut figures = self.figures(account, &found, Span::Day).await?;
        let lines = found.iter().filter_map(|row| {
            let function = show::function(row, &active, &base);
            Some(FunctionLine { function, figures: figures.remove(&row.id)? })
        });
        Ok((lines.collect(), next_cursor))
    }

    /// One function: where it runs, what it reads, what happened to it.
    pub(crate) async fn function_view(&self, caller: &Caller, name: &str, span: Span) -> Result<FunctionView, Error> {
        let name = FunctionName::parse(name)?;
        self.permit(caller, Action::FunctionGet, None, name.as_str()).await?;
        let account = &caller.actor.account;
        self.recorder.flush().await;
        let row = self.store.function(account, &name).await?.ok_or(Error::not_found("function"))?;
        let mut active = self.active(account, None).await?;
        active.retain(|active| active.function == name);
        let base = self.gateway_base(caller).await?;
        let function = show::function(&row, &active, &base);
        let account_name = self.account_name(caller).await?;
        let mut places = Vec::new();
        for active in &active {
            let path = match active.environment == EnvironmentName::production() {
                true => function.path.clone(),
                false => format!("/a/{account_name}/{}/functions/v1/{name}", active.environment),
            };
            let reads = self.reads(account, active).await?;
            let active_in = vec![active.environment.to_string()];
            let deployment = show::deployment(&name, &active.deployment, active_in, Vec::new());
            places.push(Place { environment: active.environment.to_string(), path, deployment, reads });
        }
        // What runs for real comes first.
        places.sort_by_key(|place| place.environment != "production");
        let figures = self.figures(account, std::slice::from_ref(&row), span).await?.remove(&row.id);
        let figures = figures.ok_or(Error::Broken("a function has no figures"))?;
        let returned = self.values_returned(account, &name, &active).await?;
        Ok(FunctionView { function, figures, places, returned })
    }

    /// What the code of an active deployment reads, and what is there of it.
    async fn reads(&self, account: &AccountId, active: &Active) -> Result<Vec<Read>, Error> {
        let words = active.deployment.referenced.as_deref().unwrap_or_default().split(' ');
        let names: Vec<(SecretName, bool)> = words
            .filter_map(|word| {
                let by_package = word.starts_with('+');
                Some((SecretName::parse(word.trim_start_matches('+')).ok()?, by_package))
            })
            .collect();
        let wanted: Vec<_> = names.iter().map(|(name, _)| name).collect();
        let rows = self.store.secrets_named(account, Some(&active.environment), &wanted).await?;
        let read = |(name, by_package): &(SecretName, bool)| Read {
            name: name.to_string(),
            mask: rows.iter().find(|row| row.name == *name && row.version > 0).map(|row| row.mask.clone()),
            given: active.deployment.secrets.includes(name),
            by_package: *by_package,
        };
        Ok(names.iter().map(read).collect())
    }

    async fn figures(
        &self,
        account: &AccountId,
        functions: &[FunctionRow],
        span: Span,
    ) -> Result<HashMap<String, Figures>, Error> {
        let (hours, steps) = span.steps();
        let since = span.since(clock::now());
        let ids: Vec<&str> = functions.iter().map(|row| row.id.as_str()).collect();
        let (tallies, found) = tokio::try_join!(
            self.store.function_tallies(account, &ids, None, since),
            self.store.function_steps(account, &ids, None, since, hours),
        )?;
        let mut figures: HashMap<String, Figures> = HashMap::new();
        for id in ids {
            let (tally, histogram) = tallies.get(id).copied().unwrap_or_default();
            let steps = vec![Tally::default(); steps as usize];
            figures.insert(id.to_owned(), Figures { tally, histogram, steps, since });
        }
        for (id, step) in found {
            let at = (step.start.as_millis() - since.as_millis()) / (HOUR_MILLIS * i64::from(hours));
            let slot = figures.get_mut(&id).and_then(|figures| figures.steps.get_mut(usize::try_from(at).ok()?));
            if let Some(slot) = slot {
                *slot = step.tally;
            }
        }
        Ok(figures)
    }
}

#[cfg(test)]
mod tests {
    use super::{HOUR_MILLIS, Span};
    use domain::Timestamp;

    #[test]
    fn spans_end_in_the_present_step() {
        let now = Timestamp::from_millis(1_795_512_600_042);
        for span in [Span::Day, Span::Week, Span::Month] {
            let (hours, steps) = span.steps();
            let length = HOUR_MILLIS * i64::from(hours);
            let since = span.since(now).as_millis();
            assert_eq!(since % length, 0);
            let end = since + length * i64::from(steps);
            assert!(end > now.as_millis() && end - length <= now.as_millis());
        }
    }
}
