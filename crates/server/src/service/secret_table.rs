//! Secrets as a person looks through them: a line for each name, with what each environment has of it.

use domain::{Action, EnvironmentName, Invalid, SecretName, Timestamp, catalogue, limits};
use store::{SecretFilter, SecretLook, SecretOrder};

use super::secrets::cursor_invalid;
use super::{Caller, Error, Service, paging, show};
use crate::clock;
use crate::wire;

/// Which lines, in which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Show {
    All,
    Missing,
    NeverUsed,
    Overdue,
}

/// A page of the table.
pub(crate) struct TableQuery<'a> {
    pub(crate) environment: Option<&'a str>,
    pub(crate) search: &'a str,
    pub(crate) show: Show,
    pub(crate) order: SecretOrder,
    pub(crate) descending: bool,
    pub(crate) cursor: Option<&'a str>,
    pub(crate) rows: u32,
}

/// What the page shows.
pub(crate) struct SecretTable {
    pub(crate) lines: Vec<Line>,
    pub(crate) next_cursor: Option<String>,
}

/// A name and what the environments have of it.
pub(crate) struct Line {
    pub(crate) name: String,
    /// By environment; at least one.
    pub(crate) secrets: Vec<wire::Secret>,
    /// Where its value is replaced by itself, and when that is next, if not now.
    pub(crate) by_itself: Vec<(String, Option<Timestamp>)>,
}

impl Service {
    /// A page of the account's secrets, a line for each name.
    pub(crate) async fn secret_table(&self, caller: &Caller, query: TableQuery<'_>) -> Result<SecretTable, Error> {
        let environment = query.environment.map(EnvironmentName::parse).transpose()?;
        self.permit(caller, Action::SecretList, environment.as_ref(), "").await?;
        let account = &caller.actor.account;
        let environments = match &environment {
            Some(environment) => {
                self.environment(account, environment).await?;
                1
            }
            None => self.store.environments(account).await?.len() as u64,
        };
        let look = SecretLook {
            environment: environment.as_ref(),
            search: query.search,
            filter: match query.show {
                Show::All => SecretFilter::All,
                Show::Missing => SecretFilter::InFewerThan(environments),
                Show::NeverUsed => SecretFilter::NeverUsed,
                Show::Overdue => SecretFilter::DueBefore(clock::now()),
            },
            order: query.order,
            descending: query.descending,
            after: query.cursor.map(parse_cursor).transpose()?,
        };
        let mut found = self.store.secret_lines(account, &look, query.rows + 1).await?;
        let next_cursor = paging::cut(&mut found, query.rows, |last| format!("{}:{}", last.key, last.name));
        let names: Vec<_> = found.iter().map(|line| &line.name).collect();
        let rows = self.store.secrets_named(account, environment.as_ref(), &names).await?;
        let functions = self.functions_using(account, environment.as_ref()).await?;
        let rotators = self.store.timed_rotators(account, environment.as_ref()).await?;
        let lines = found.iter().map(|line| Line {
            name: line.name.to_string(),
            secrets: rows.iter().filter(|row| row.name == line.name).map(|row| show::secret(row, &functions)).collect(),
            by_itself: rotators
                .iter()
                .filter(|rotator| rotator.name == line.name)
                .map(|rotator| (rotator.environment.to_string(), rotator.next_at))
                .collect(),
        });
        // A name that was deleted between the two reads has no line.
        Ok(SecretTable { lines: lines.filter(|line| !line.secrets.is_empty()).collect(), next_cursor })
    }

    /// The secrets of these names, in one environment or in all, by name. Names that none can have find none.
    pub(crate) async fn secrets_named(
        &self,
        caller: &Caller,
        environment: Option<&str>,
        names: &[&str],
    ) -> Result<Vec<wire::Secret>, Error> {
        let environment = environment.map(EnvironmentName::parse).transpose()?;
        self.permit(caller, Action::SecretList, environment.as_ref(), "").await?;
        let account = &caller.actor.account;
        let names: Vec<_> = names.iter().filter_map(|name| SecretName::parse(name).ok()).collect();
        let wanted: Vec<_> = names.iter().take(limits::PAGE_ROWS as usize).collect();
        let rows = self.store.secrets_named(account, environment.as_ref(), &wanted).await?;
        let functions = self.functions_using(account, environment.as_ref()).await?;
        Ok(rows.iter().map(|row| show::secret(row, &functions)).collect())
    }

    /// The providers whose secrets the account has, by the names that are usual for them.
    pub(crate) async fn providers_in_use(
        &self,
        caller: &Caller,
        environment: Option<&str>,
    ) -> Result<Vec<&'static str>, Error> {
        let environment = environment.map(EnvironmentName::parse).transpose()?;
        self.permit(caller, Action::SecretList, environment.as_ref(), "").await?;
        let secrets = || catalogue::all().iter().flat_map(|provider| &provider.secrets);
        let usual: Vec<_> = secrets().flat_map(|secret| &secret.names).collect();
        let found = self.store.secret_names_among(&caller.actor.account, environment.as_ref(), &usual).await?;
        let is_used = |name: &SecretName| found.contains(name);
        let used = catalogue::all().iter().filter(|provider| {
            // A name of several providers is of the first.
            provider.secrets.iter().flat_map(|secret| &secret.names).any(|name| {
                is_used(name) && catalogue::for_name(name).is_some_and(|(first, _)| first.id == provider.id)
            })
        });
        Ok(used.map(|provider| provider.id.as_str()).collect())
    }

    /// Whether the account has neither a secret nor a function, as far as the caller may know.
    pub(crate) async fn holds_nothing(&self, caller: &Caller) -> Result<bool, Error> {
        let account = &caller.actor.account;
        Ok(caller.actor.environments.is_none()
            && self.store.count_secrets(account).await? == 0
            && self.store.count_functions(account).await? == 0)
    }
}

fn parse_cursor(cursor: &str) -> Result<(i64, &str), Invalid> {
    let parsed = cursor.split_once(':').and_then(|(key, name)| Some((key.parse().ok()?, name)));
    parsed.ok_or_else(cursor_invalid)
}
