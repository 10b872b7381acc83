//! What each environment has of each name: a value, another's value, an open slot, or nothing.

use domain::{Action, EnvironmentName, SecretName};
use store::SecretRow;

use super::functions::Uses;
use super::secrets::cursor_invalid;
use super::{Caller, Error, Service, paging, show};
use crate::wire;

impl Service {
    /// A page of the matrix, by name. A caller who is limited to environments sees theirs alone, and no name from others.
    pub(crate) async fn secret_matrix(
        &self,
        caller: &Caller,
        cursor: Option<&str>,
        rows: u32,
    ) -> Result<wire::SecretMatrix, Error> {
        let visible = self.visible_environments(caller, Action::SecretList).await?;
        let after = cursor.map(|cursor| SecretName::parse(cursor).map_err(|_| cursor_invalid())).transpose()?;
        let account = &caller.actor.account;
        let mut names = self.store.secret_names(account, Some(&visible), after.as_ref(), rows + 1).await?;
        let next_cursor = paging::cut(&mut names, rows, ToString::to_string);
        let found = self.store.secrets_named(account, None, &names.iter().collect::<Vec<_>>()).await?;
        let uses = self.functions_using(account, None).await?;
        let line = |name: &SecretName| wire::MatrixRow {
            name: name.to_string(),
            cells: visible
                .iter()
                .map(|environment| {
                    let row = found.iter().find(|row| row.name == *name && row.environment == *environment);
                    cell(environment, name, row, &uses)
                })
                .collect(),
        };
        Ok(wire::SecretMatrix {
            environments: visible.iter().map(ToString::to_string).collect(),
            items: names.iter().map(line).collect(),
            next_cursor,
        })
    }

    /// The environments in which the caller may do `action`; refused if that is so in none.
    pub(super) async fn visible_environments(
        &self,
        caller: &Caller,
        action: Action,
    ) -> Result<Vec<EnvironmentName>, Error> {
        let Some(own) = &caller.actor.environments else {
            self.permit(caller, action, None, "").await?;
            let all = self.store.environments(&caller.actor.account).await?;
            return Ok(all.into_iter().map(|row| row.name).collect());
        };
        // Whoever is limited to none is refused, and that is on record.
        let first = own.first();
        self.permit(caller, action, first, "").await?;
        let all = self.store.environments(&caller.actor.account).await?;
        Ok(all.into_iter().map(|row| row.name).filter(|name| own.contains(name)).collect())
    }
}

fn cell(environment: &EnvironmentName, name: &SecretName, row: Option<&SecretRow>, uses: &Uses) -> wire::MatrixCell {
    let valued = row.filter(|row| row.version > 0);
    wire::MatrixCell {
        environment: environment.to_string(),
        state: row.map_or("missing", show::state).to_owned(),
        version: valued.map(|row| row.version),
        mask: valued.map(|row| row.mask.clone()),
        shared_from: row.and_then(|row| row.shared.as_ref()).map(|shared| shared.environment.to_string()),
        functions: uses.of(environment, name),
    }
}
