//! Secrets as a person looks through them: a line for each name, with what each environment has of it.

use domain::{Action, EnvironmentName, Invalid, SecretName, limits};
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
        let lines = found.iter().map(|line| Line {
            name: line.name.to_string(),
            secrets: rows.iter().filter(|row| row.name == line.name).map(|row| show::secret(row, &functions)).collect(),
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
}

fn parse_cursor(cursor: &str) -> Result<(i64, &str), Invalid> {
    let parsed = cursor.split_once(':').and_then(|(key, name)| Some((key.parse().ok()?, name)));
    parsed.ok_or_else(cursor_invalid)
}
