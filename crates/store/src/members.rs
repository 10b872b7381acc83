//! The people of an account, and their groups.

use domain::{AccountId, GroupName, IssuerName, MemberName, Role, Timestamp};
use sqlx::any::AnyRow;

use crate::columns::Columns;
use crate::{Result, Tx};

/// A person in an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberRow {
    /// Unique in the account.
    pub name: MemberName,
    /// What the member may at most do.
    pub role: Role,
    /// The issuer and the `sub` of the JWTs that speak for the member; unique in the account.
    pub subject: Option<(IssuerName, String)>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: String,
}

/// A named set of members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupRow {
    /// Unique in the account.
    pub name: GroupName,
    /// By name.
    pub members: Vec<MemberName>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: String,
}

fn member_row(row: &AnyRow) -> Result<MemberRow> {
    let issuer = row.maybe("issuer", IssuerName::parse)?;
    Ok(MemberRow {
        name: row.parse("name", MemberName::parse)?,
        role: row.parse("role", Role::parse)?,
        subject: issuer.zip(row.col::<Option<String>>("subject")?),
        created_at: row.time("created_at")?,
        created_by: row.col("created_by")?,
    })
}

reads! {
    /// Members by name, those after `after`.
    pub async fn members(conn, account: &AccountId, after: Option<&str>, limit: u32) -> Result<Vec<MemberRow>> {
        let query = sqlx::query("SELECT * FROM members WHERE account = $1 AND name > $2 ORDER BY name LIMIT $3")
            .bind(account.as_str())
            .bind(after.unwrap_or(""))
            .bind(i64::from(limit));
        query.fetch_all(conn).await?.iter().map(member_row).collect()
    }

    /// The member of that name.
    pub async fn member(conn, account: &AccountId, name: &MemberName) -> Result<Option<MemberRow>> {
        let query = sqlx::query("SELECT * FROM members WHERE account = $1 AND name = $2")
            .bind(account.as_str())
            .bind(name.as_str());
        query.fetch_optional(conn).await?.as_ref().map(member_row).transpose()
    }

    /// The member that an issuer's tokens with this `sub` speak for.
    pub async fn member_by_subject(conn, account: &AccountId, issuer: &IssuerName, subject: &str) -> Result<Option<MemberRow>> {
        let query = sqlx::query("SELECT * FROM members WHERE account = $1 AND issuer = $2 AND subject = $3")
            .bind(account.as_str())
            .bind(issuer.as_str())
            .bind(subject);
        query.fetch_optional(conn).await?.as_ref().map(member_row).transpose()
    }

    /// How many members `account` has.
    pub async fn count_members(conn, account: &AccountId) -> Result<u64> {
        let query = sqlx::query("SELECT count(*) AS n FROM members WHERE account = $1").bind(account.as_str());
        query.fetch_one(conn).await?.number("n")
    }

    /// The groups that a member is in.
    pub async fn groups_of_member(conn, account: &AccountId, member: &MemberName) -> Result<Vec<GroupName>> {
        let query = sqlx::query("SELECT group_name FROM group_members WHERE account = $1 AND member = $2 ORDER BY group_name")
            .bind(account.as_str())
            .bind(member.as_str());
        query.fetch_all(conn).await?.iter().map(|row| row.parse("group_name", GroupName::parse)).collect()
    }

    /// All groups of `account` with their members, by name.
    pub async fn groups(conn, account: &AccountId) -> Result<Vec<GroupRow>> {
        let query = sqlx::query(
            "SELECT g.name, g.created_at, g.created_by, m.member FROM member_groups g LEFT JOIN group_members m \
             ON m.account = g.account AND m.group_name = g.name WHERE g.account = $1 ORDER BY g.name, m.member",
        )
        .bind(account.as_str());
        let mut groups: Vec<GroupRow> = Vec::new();
        for row in query.fetch_all(conn).await? {
            let name = row.parse("name", GroupName::parse)?;
            let member = row.maybe("member", MemberName::parse)?;
            match groups.last_mut() {
                Some(group) if group.name == name => group.members.extend(member),
                _ => groups.push(GroupRow {
                    name,
                    members: member.into_iter().collect(),
                    created_at: row.time("created_at")?,
                    created_by: row.col("created_by")?,
                }),
            }
        }
        Ok(groups)
    }

    /// Whether `account` has this group.
    pub async fn has_group(conn, account: &AccountId, name: &GroupName) -> Result<bool> {
        let query = sqlx::query("SELECT 1 AS one FROM member_groups WHERE account = $1 AND name = $2")
            .bind(account.as_str())
            .bind(name.as_str());
        Ok(query.fetch_optional(conn).await?.is_some())
    }
}

impl Tx {
    /// Makes a member, or gives the one of that name this role and subject. When and by whom it was made stays.
    ///
    /// # Errors
    /// [`StoreError::Conflict`](crate::StoreError::Conflict) if another member has the subject.
    pub async fn put_member(&mut self, account: &AccountId, row: &MemberRow) -> Result<()> {
        sqlx::query(
            "INSERT INTO members (account, name, role, issuer, subject, created_at, created_by) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (account, name) DO UPDATE SET role = excluded.role, \
             issuer = excluded.issuer, subject = excluded.subject",
        )
        .bind(account.as_str())
        .bind(row.name.as_str())
        .bind(row.role.as_str())
        .bind(row.subject.as_ref().map(|(issuer, _)| issuer.as_str()))
        .bind(row.subject.as_ref().map(|(_, subject)| subject.as_str()))
        .bind(row.created_at.as_millis())
        .bind(&row.created_by)
        .execute(self.connection().await?)
        .await?;
        Ok(())
    }

    /// Deletes a member, who then is in no group. Revoke the member's tokens first.
    ///
    /// # Errors
    /// The database's.
    pub async fn delete_member(&mut self, account: &AccountId, name: &MemberName) -> Result<()> {
        for delete in [
            "DELETE FROM group_members WHERE account = $1 AND member = $2",
            "DELETE FROM members WHERE account = $1 AND name = $2",
        ] {
            sqlx::query(delete).bind(account.as_str()).bind(name.as_str()).execute(self.connection().await?).await?;
        }
        Ok(())
    }

    /// Makes a group, or gives the one of that name these members. When and by whom it was made stays.
    ///
    /// # Errors
    /// The database's, also if one of the members is not there.
    pub async fn put_group(&mut self, account: &AccountId, row: &GroupRow) -> Result<()> {
        sqlx::query(
            "INSERT INTO member_groups (account, name, created_at, created_by) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (account, name) DO NOTHING",
        )
        .bind(account.as_str())
        .bind(row.name.as_str())
        .bind(row.created_at.as_millis())
        .bind(&row.created_by)
        .execute(self.connection().await?)
        .await?;
        self.empty_group(account, &row.name).await?;
        for member in &row.members {
            sqlx::query("INSERT INTO group_members (account, group_name, member) VALUES ($1, $2, $3)")
                .bind(account.as_str())
                .bind(row.name.as_str())
                .bind(member.as_str())
                .execute(self.connection().await?)
                .await?;
        }
        Ok(())
    }

    /// Deletes a group; its members stay.
    ///
    /// # Errors
    /// The database's.
    pub async fn delete_group(&mut self, account: &AccountId, name: &GroupName) -> Result<()> {
        self.empty_group(account, name).await?;
        let delete = "DELETE FROM member_groups WHERE account = $1 AND name = $2";
        sqlx::query(delete).bind(account.as_str()).bind(name.as_str()).execute(self.connection().await?).await?;
        Ok(())
    }

    async fn empty_group(&mut self, account: &AccountId, name: &GroupName) -> Result<()> {
        let delete = "DELETE FROM group_members WHERE account = $1 AND group_name = $2";
        sqlx::query(delete).bind(account.as_str()).bind(name.as_str()).execute(self.connection().await?).await?;
        Ok(())
    }
}
