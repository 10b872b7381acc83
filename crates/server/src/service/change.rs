//! Settings of a secret that say nothing of where its value goes. They change without the value; `put` sets them with it.

use domain::{Action, Invalid, Overlap, SecretName, Timestamp, limits};
use store::SecretRow;

use super::caller::Caller;
use super::put::Outcome;
use super::secrets::{environment_or_production, etag};
use super::{Error, Service, overlap, show};
use crate::wire;

/// The settings, checked. `None` keeps what the secret has.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) note: Option<String>,
    pub(super) version_note: Option<String>,
    pub(super) rotate_after_days: Option<Option<u32>>,
    pub(super) rotate_by: Option<Option<Timestamp>>,
    pub(super) publishable: Option<bool>,
    pub(super) overlap: Option<Option<Overlap>>,
}

impl Service {
    /// Changes settings that say nothing of where the value goes, so that nobody needs to have it.
    pub(crate) async fn change_secret(
        &self,
        caller: &Caller,
        name: &str,
        input: wire::ChangeSecret,
        if_match: Option<String>,
    ) -> Result<(wire::Secret, String), Error> {
        let (name, environment) = (SecretName::parse(name)?, environment_or_production(input.environment.as_deref())?);
        let permit = self.permit(caller, Action::SecretPut, Some(&environment), name.as_str()).await?;
        let settings =
            Settings::check(input.note, input.version_note, input.rotate_after_days, input.rotate_by, input.overlap)?;
        let settings = Settings { publishable: input.publishable, ..settings };
        let (account, scope, actor) = (caller.actor.account.clone(), environment.clone(), caller.actor.clone());
        let (row, affected) = self
            .store
            .write(move |tx| {
                Box::pin(async move {
                    let row = tx.secret(&account, &scope, &name).await?.ok_or(Error::not_found("secret"))?;
                    if if_match.is_some_and(|tag| tag != "*" && tag != etag(&row)) {
                        return Err(Error::Precondition);
                    }
                    settings.fit(&row)?;
                    let mut changed = row.clone();
                    settings.apply(&mut changed);
                    if changed == row {
                        return Ok((row, None));
                    }
                    changed.updated_at = permit.time();
                    changed.updated_by = permit.actor_name();
                    tx.update_secret(&changed).await?;
                    overlap::keep(tx, &actor, Some(&row), &changed).await?;
                    changed.revision += 1;
                    let event = permit.done().detail("version", changed.version);
                    let told = changed.facts.publishable != row.facts.publishable;
                    let mut event = if told { event.detail("publishable", changed.facts.publishable) } else { event };
                    let mut affected = None;
                    if changed.overlap != row.overlap {
                        event =
                            event.detail("overlap", changed.overlap.map_or("none".to_owned(), |time| time.to_string()));
                        // Functions must not keep a value before that they are no longer to have.
                        affected = Some(tx.sharers(&account, &changed.id).await?);
                    }
                    tx.append_audit(&event.detail("outcome", Outcome::Settings.as_str())).await?;
                    Ok::<_, Error>((changed, affected))
                })
            })
            .await?;
        if input.publishable.is_some() {
            // Workers know of each value whether it may be in a response.
            self.secrets_changed(&caller.actor.account, &environment);
        }
        if let Some(sharers) = affected {
            self.value_changed(&caller.actor.account, &environment, &sharers);
        }
        let functions = self.functions_using(&caller.actor.account, Some(&environment)).await?;
        Ok((show::secret(&row, &functions), etag(&row)))
    }
}

impl Settings {
    pub(super) fn check(
        note: Option<String>,
        version_note: Option<String>,
        rotate_after_days: Option<Option<u32>>,
        rotate_by: Option<Option<String>>,
        overlap: Option<Option<String>>,
    ) -> Result<Self, Invalid> {
        for (field, text) in [("note", &note), ("version_note", &version_note)] {
            let text = text.as_deref().unwrap_or_default();
            if text.chars().count() > limits::NOTE_CHARS || text.contains('\0') {
                let rule = format!("must be at most {} characters, without NUL", limits::NOTE_CHARS);
                return Err(Invalid::new(field, "note_too_long", rule));
            }
        }
        if rotate_after_days.flatten().is_some_and(|days| !(1..=3650).contains(&days)) {
            return Err(Invalid::new("rotate_after_days", "out_of_range", "must be 1 to 3650"));
        }
        let rotate_by = rotate_by.map(|time| time.map(|text| rotation_time(&text)).transpose()).transpose()?;
        let overlap = overlap.map(|time| time.map(|text| Overlap::parse(&text)).transpose()).transpose()?;
        Ok(Self { note, version_note, rotate_after_days, rotate_by, publishable: None, overlap })
    }

    /// The rule that what is said of a value is said where it is.
    fn fit(&self, row: &SecretRow) -> Result<(), Invalid> {
        let field = match self {
            _ if row.has_own_value() => return Ok(()),
            Self { version_note: Some(_), .. } => "version_note",
            Self { rotate_by: Some(_), .. } => "rotate_by",
            Self { rotate_after_days: Some(_), .. } if row.shared.is_some() => "rotate_after_days",
            Self { overlap: Some(_), .. } if row.shared.is_some() => "overlap",
            _ => return Ok(()),
        };
        let rule = match &row.shared {
            Some(shared) => format!("is a matter of {}, whose value this is: change it there", shared.environment),
            None => "needs a value: none was put yet".to_owned(),
        };
        Err(Invalid::new(field, "no_own_value", rule))
    }

    pub(super) fn apply(&self, row: &mut SecretRow) {
        if let Some(note) = &self.note {
            row.note.clone_from(note);
        }
        if let Some(note) = &self.version_note {
            row.facts.note.clone_from(note);
        }
        row.rotate_after_days = self.rotate_after_days.unwrap_or(row.rotate_after_days);
        row.facts.rotate_by = self.rotate_by.unwrap_or(row.facts.rotate_by);
        row.facts.publishable = self.publishable.unwrap_or(row.facts.publishable);
        row.overlap = self.overlap.unwrap_or(row.overlap);
        row.previous = row.previous.take().filter(|_| row.overlap.is_some());
    }
}

/// A time, or a day, which is meant to its end.
fn rotation_time(text: &str) -> Result<Timestamp, Invalid> {
    let day = || Timestamp::parse(&format!("{text}T23:59:59Z"));
    Timestamp::parse(text).or_else(day).ok_or_else(|| {
        Invalid::new("rotate_by", "time_invalid", "must be a time or a day, like 2027-03-31T12:00:00Z or 2027-03-31")
    })
}
