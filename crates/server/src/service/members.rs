//! Members and groups: who may invoke functions with the access `group:NAME`.

use std::collections::{BTreeMap, BTreeSet};

use domain::{AccountId, Action, GroupName, Invalid, IssuerName, MemberName, Role, limits};
use store::{GroupRow, MemberRow, StoreError};

use super::{Caller, Error, Service, paging, show};
use crate::wire::{self, Page};

impl Service {
    /// The account's members by name.
    pub(crate) async fn list_members(
        &self,
        caller: &Caller,
        cursor: Option<&str>,
        rows: u32,
    ) -> Result<Page<wire::Member>, Error> {
        self.permit(caller, Action::MemberList, None, "").await?;
        let account = &caller.actor.account;
        let mut found = self.store.members(account, cursor, rows + 1).await?;
        let next_cursor = paging::cut(&mut found, rows, |last| last.name.to_string());
        let groups = self.store.groups(account).await?;
        let items = found.iter().map(|row| {
            let own =
                groups.iter().filter(|group| group.members.contains(&row.name)).map(|group| group.name.to_string());
            show::member(row, own.collect())
        });
        Ok(Page { items: items.collect(), next_cursor })
    }

    /// Makes a member or changes one; `true` if it is new.
    pub(crate) async fn put_member(
        &self,
        caller: &Caller,
        name: &str,
        input: wire::PutMember,
    ) -> Result<(wire::Member, bool), Error> {
        let name = MemberName::parse(name)?;
        let permit = self.permit(caller, Action::MemberPut, None, name.as_str()).await?;
        let role = input.role.as_deref().map(Role::parse).transpose()?.unwrap_or(Role::User);
        let subject = subject(input.issuer, input.subject)?;
        let account = caller.actor.account.clone();
        let written = self.store.write(move |tx| {
            Box::pin(async move {
                let known = tx.member(&account, &name).await?;
                if known.is_none() && tx.count_members(&account).await? >= limits::MEMBERS_PER_ACCOUNT {
                    let detail = format!("an account holds at most {} members", limits::MEMBERS_PER_ACCOUNT);
                    return Err(Error::Limit { code: "too_many_members", detail });
                }
                if let Some((issuer, _)) = &subject
                    && !tx.issuers(&account).await?.iter().any(|row| row.issuer.name == *issuer)
                {
                    return Err(Invalid::new("issuer", "issuer_unknown", "is not there: make it first").into());
                }
                let row = match &known {
                    Some(known) => MemberRow { role, subject, ..known.clone() },
                    None => {
                        MemberRow { name, role, subject, created_at: permit.time(), created_by: permit.actor_name() }
                    }
                };
                if known.as_ref() != Some(&row) {
                    tx.put_member(&account, &row).await?;
                    let event = permit.done().detail("role", role.as_str());
                    let event = match &row.subject {
                        Some((issuer, subject)) => event.detail("issuer", issuer.as_str()).detail("subject", subject),
                        None => event,
                    };
                    tx.append_audit(&event).await?;
                }
                if known.as_ref().is_some_and(|known| known.role != role) {
                    // They were opened with the scopes of the former role.
                    for token in tx.tokens_of_member(&account, &row.name).await? {
                        tx.end_sessions(&account, &token.id).await?;
                    }
                }
                let groups = tx.groups_of_member(&account, &row.name).await?;
                Ok((show::member(&row, groups.iter().map(ToString::to_string).collect()), known.is_none()))
            })
        });
        let done = written.await.map_err(|error| match error {
            Error::Store(StoreError::Conflict) => {
                Invalid::new("subject", "subject_taken", "is of another member with the same issuer").into()
            }
            other => other,
        })?;
        self.forget_callers();
        Ok(done)
    }

    /// Deletes a member with the tokens made for them.
    pub(crate) async fn delete_member(&self, caller: &Caller, name: &str) -> Result<(), Error> {
        let name = MemberName::parse(name)?;
        let permit = self.permit(caller, Action::MemberDelete, None, name.as_str()).await?;
        let account = caller.actor.account.clone();
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    tx.member(&account, &name).await?.ok_or(Error::not_found("member"))?;
                    let tokens = tx.tokens_of_member(&account, &name).await?;
                    for token in &tokens {
                        tx.revoke_token(&account, &token.id, permit.time()).await?;
                    }
                    tx.delete_member(&account, &name).await?;
                    tx.append_audit(&permit.done().detail("tokens_revoked", tokens.len())).await?;
                    Ok::<_, Error>(())
                })
            })
            .await?;
        self.forget_callers();
        Ok(())
    }

    /// The account's groups by name.
    pub(crate) async fn list_groups(&self, caller: &Caller) -> Result<Page<wire::Group>, Error> {
        self.permit(caller, Action::GroupList, None, "").await?;
        let account = &caller.actor.account;
        let found = self.store.groups(account).await?;
        let mut uses: BTreeMap<GroupName, BTreeSet<String>> = BTreeMap::new();
        for active in self.active(account, None).await? {
            if let Some(group) = active.deployment.access.group() {
                uses.entry(group.clone()).or_default().insert(active.function.to_string());
            }
        }
        let items = found.iter().map(|row| show::group(row, uses.remove(&row.name).into_iter().flatten().collect()));
        Ok(Page { items: items.collect(), next_cursor: None })
    }

    /// Makes a group or gives it other members; `true` if it is new.
    pub(crate) async fn put_group(
        &self,
        caller: &Caller,
        name: &str,
        input: wire::PutGroup,
    ) -> Result<(wire::Group, bool), Error> {
        let name = GroupName::parse(name)?;
        let permit = self.permit(caller, Action::GroupPut, None, name.as_str()).await?;
        let members = members(&input.members)?;
        let account = caller.actor.account.clone();
        let done = self
            .store
            .write(move |tx| {
                Box::pin(async move {
                    let groups = tx.groups(&account).await?;
                    let known = groups.iter().find(|row| row.name == name);
                    if known.is_none() && groups.len() as u64 >= limits::GROUPS_PER_ACCOUNT {
                        let detail = format!("an account holds at most {} groups", limits::GROUPS_PER_ACCOUNT);
                        return Err(Error::Limit { code: "too_many_groups", detail });
                    }
                    for (index, member) in members.iter().enumerate() {
                        if tx.member(&account, member).await?.is_none() {
                            let field = format!("members[{index}]");
                            return Err(Invalid::new(field, "member_unknown", "is not there: make it first").into());
                        }
                    }
                    let members: Vec<_> = members.into_iter().collect();
                    let row = match known {
                        Some(known) => GroupRow { members, ..known.clone() },
                        None => GroupRow { name, members, created_at: permit.time(), created_by: permit.actor_name() },
                    };
                    if known != Some(&row) {
                        tx.put_group(&account, &row).await?;
                        let before: &[MemberName] = known.map_or(&[], |known| &known.members);
                        let event = permit.done();
                        let event =
                            event.detail("added", list(row.members.iter().filter(|name| !before.contains(name))));
                        let event =
                            event.detail("removed", list(before.iter().filter(|name| !row.members.contains(name))));
                        tx.append_audit(&event).await?;
                    }
                    Ok::<_, Error>((row.clone(), known.is_none()))
                })
            })
            .await?;
        self.forget_callers();
        let (row, new) = done;
        let functions = self.functions_of_group(&caller.actor.account, &row.name).await?;
        Ok((show::group(&row, functions), new))
    }

    /// Deletes a group that no active function is for.
    pub(crate) async fn delete_group(&self, caller: &Caller, name: &str) -> Result<(), Error> {
        let name = GroupName::parse(name)?;
        let permit = self.permit(caller, Action::GroupDelete, None, name.as_str()).await?;
        let account = caller.actor.account.clone();
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    if !tx.has_group(&account, &name).await? {
                        return Err(Error::not_found("group"));
                    }
                    for environment in tx.environments(&account).await? {
                        let active = tx.active_deployments(&account, &environment.name).await?;
                        if let Some((function, _)) = active.iter().find(|(_, row)| row.access.group() == Some(&name)) {
                            let detail = format!(
                                "the function {function} in {} is for this group: deploy it with another access first",
                                environment.name
                            );
                            return Err(Error::InUse { detail });
                        }
                    }
                    tx.delete_group(&account, &name).await?;
                    tx.append_audit(&permit.done()).await?;
                    Ok::<_, Error>(())
                })
            })
            .await?;
        self.forget_callers();
        Ok(())
    }

    async fn functions_of_group(&self, account: &AccountId, group: &GroupName) -> Result<Vec<String>, Error> {
        let active = self.active(account, None).await?;
        let own = active.iter().filter(|active| active.deployment.access.group() == Some(group));
        Ok(own.map(|active| active.function.to_string()).collect::<BTreeSet<_>>().into_iter().collect())
    }

    /// To be called when who a caller is has changed, after the commit and before returning.
    pub(super) fn forget_callers(&self) {
        self.inner.tokens.forget();
        self.inner.jwts.forget();
    }
}

/// Refuses access to a group that is not there: nobody could ever be in it.
pub(super) async fn check_group(tx: &mut store::Tx, account: &AccountId, access: &domain::Access) -> Result<(), Error> {
    match access.group() {
        Some(group) if !tx.has_group(account, group).await? => {
            let rule = format!("names the group {group}, which is not there: make it first");
            Err(Invalid::new("access", "group_unknown", rule).into())
        }
        _ => Ok(()),
    }
}

fn subject(issuer: Option<String>, subject: Option<String>) -> Result<Option<(IssuerName, String)>, Invalid> {
    match (issuer, subject) {
        (None, None) => Ok(None),
        (Some(issuer), Some(subject)) => {
            let issuer =
                IssuerName::parse(&issuer).map_err(|invalid| Invalid { field: "issuer".to_owned(), ..invalid })?;
            let proper = !subject.is_empty()
                && subject.len() <= limits::ISSUER_TEXT_BYTES
                && !subject.chars().any(char::is_control);
            if !proper {
                let rule = "must be 1 to 1,024 bytes without control characters";
                return Err(Invalid::new("subject", "text_invalid", rule));
            }
            Ok(Some((issuer, subject)))
        }
        (Some(_), None) => Err(Invalid::new("subject", "subject_missing", "must be given with issuer")),
        (None, Some(_)) => Err(Invalid::new("issuer", "issuer_missing", "must be given with subject")),
    }
}

fn members(names: &[String]) -> Result<BTreeSet<MemberName>, Invalid> {
    if names.len() > limits::MEMBERS_PER_GROUP {
        let rule = format!("must be at most {}", limits::MEMBERS_PER_GROUP);
        return Err(Invalid::new("members", "too_many_members", rule));
    }
    let parse = |(index, name): (usize, &String)| {
        MemberName::parse(name).map_err(|invalid| Invalid { field: format!("members[{index}]"), ..invalid })
    };
    names.iter().enumerate().map(parse).collect()
}

fn list<'a>(names: impl Iterator<Item = &'a MemberName>) -> String {
    names.map(MemberName::as_str).collect::<Vec<_>>().join(" ")
}
