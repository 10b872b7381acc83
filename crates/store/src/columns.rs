//! From columns to the domain's types and back. Errors name the column and never quote it.

use domain::{EnvironmentName, Invalid, ScopeSet, Timestamp};
use sqlx::any::AnyRow;
use sqlx::{Any, Decode, Row, Type};

use crate::{Result, StoreError};

/// Typed access to a row.
pub(crate) trait Columns {
    fn col<'r, T: Decode<'r, Any> + Type<Any>>(&'r self, column: &'static str) -> Result<T>;

    fn number(&self, column: &'static str) -> Result<u64> {
        self.col::<i64>(column)?.try_into().map_err(|_| StoreError::Corrupt { what: column })
    }

    fn time(&self, column: &'static str) -> Result<Timestamp> {
        self.col(column).map(Timestamp::from_millis)
    }

    fn maybe_time(&self, column: &'static str) -> Result<Option<Timestamp>> {
        Ok(self.col::<Option<i64>>(column)?.map(Timestamp::from_millis))
    }

    fn parse<T>(&self, column: &'static str, rule: impl Fn(&str) -> Result<T, Invalid>) -> Result<T> {
        rule(&self.col::<String>(column)?).map_err(|_| StoreError::Corrupt { what: column })
    }

    fn maybe<T>(&self, column: &'static str, rule: impl Fn(&str) -> Result<T, Invalid>) -> Result<Option<T>> {
        let Some(text) = self.col::<Option<String>>(column)? else { return Ok(None) };
        rule(&text).map(Some).map_err(|_| StoreError::Corrupt { what: column })
    }

    fn json<T: for<'de> serde::Deserialize<'de>>(&self, column: &'static str) -> Result<T> {
        serde_json::from_str(&self.col::<String>(column)?).map_err(|_| StoreError::Corrupt { what: column })
    }

    fn scopes(&self) -> Result<ScopeSet> {
        self.parse("scopes", |text| match text {
            "" => Ok(ScopeSet::default()),
            text => ScopeSet::parse(text.split(' ')),
        })
    }

    fn environments(&self) -> Result<Option<Vec<EnvironmentName>>> {
        let Some(text) = self.col::<Option<String>>("environments")? else { return Ok(None) };
        let names = text.split(',').filter(|name| !name.is_empty()).map(EnvironmentName::parse);
        names.collect::<Result<_, _>>().map(Some).map_err(|_| StoreError::Corrupt { what: "environments" })
    }
}

impl Columns for AnyRow {
    fn col<'r, T: Decode<'r, Any> + Type<Any>>(&'r self, column: &'static str) -> Result<T> {
        self.try_get(column).map_err(|_| StoreError::Corrupt { what: column })
    }
}

/// The other way of [`Columns::environments`]: NULL for all, empty for none.
pub(crate) fn environments_text(environments: Option<&[EnvironmentName]>) -> Option<String> {
    environments.map(|names| names.iter().map(EnvironmentName::as_str).collect::<Vec<_>>().join(","))
}

/// Counts and numbers are far below `i64::MAX`; a larger one saturates and then fails to match anything.
pub(crate) fn int(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(crate) fn millis(time: Option<Timestamp>) -> Option<i64> {
    time.map(Timestamp::as_millis)
}

/// JSON of strings and maps of strings, which cannot fail to serialize.
pub(crate) fn json_text(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// Text that functions and their callers wrote: PostgreSQL refuses NUL in text, and one line must not lose a batch.
pub(crate) fn without_nul(text: &str) -> std::borrow::Cow<'_, str> {
    if text.contains('\0') { text.replace('\0', "\u{fffd}").into() } else { text.into() }
}

/// A pattern for `LIKE … ESCAPE '!'` that finds `text` anywhere, as it is written.
pub(crate) fn anywhere(text: &str) -> String {
    let mut pattern = String::from("%");
    for c in text.chars() {
        if matches!(c, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

/// After how many days the account `$1` wants values replaced of which nobody said it. NULL for never.
macro_rules! usual {
    () => {
        "(SELECT CAST(d.text AS BIGINT) FROM settings d WHERE d.account = $1 AND d.name = 'rotate_after_days' \
         AND d.text <> 'never')"
    };
}
pub(crate) use usual;

/// When the value `v` of the secret `s`, or of the one named, of the account `$1` should be replaced. NULL for never, and for what
/// a rotator replaces by itself.
macro_rules! due {
    () => {
        due!("s")
    };
    ($secret:literal) => {
        concat!(
            "CASE WHEN EXISTS (SELECT 1 FROM rotators t WHERE t.account = $1 AND t.secret_id = ",
            $secret,
            ".id AND t.every_days IS NOT NULL AND t.failed_at IS NULL) THEN NULL ELSE \
             COALESCE(v.rotate_by, v.created_at + COALESCE(",
            $secret,
            ".rotate_after_days, ",
            $crate::columns::usual!(),
            ") * 86400000) END"
        )
    };
}
pub(crate) use due;

/// Rows of one INSERT: few enough that the odd remainder of a batch costs little, many enough that the way to the database does.
pub(crate) const ROWS: usize = 32;

/// `($1, $2), ($3, $4)`: the placeholders of `rows` rows of `columns` columns; for SQLite `(?, ?), (?, ?)`, since there the
/// driver asks for the name of each, and looking up a number means counting up to it.
pub(crate) fn placeholders(rows: usize, columns: usize, sqlite: bool) -> String {
    let row = |row: usize| {
        let place = |column| if sqlite { "?".to_owned() } else { format!("${}", row * columns + column) };
        format!("({})", (1..=columns).map(place).collect::<Vec<_>>().join(", "))
    };
    (0..rows).map(row).collect::<Vec<_>>().join(", ")
}

/// `$3, $4, $5`: so many placeholders from this number on.
pub(crate) fn numbered(from: usize, count: usize) -> String {
    (from..from + count).map(|place| format!("${place}")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use domain::EnvironmentName;

    use super::{anywhere, environments_text, placeholders};

    #[test]
    fn what_is_typed_is_no_pattern() {
        assert_eq!(anywhere("API_KEY"), "%API!_KEY%");
        assert_eq!(anywhere("100%!"), "%100!%!!%");
    }

    #[test]
    fn placeholders_count_through() {
        assert_eq!(placeholders(2, 3, false), "($1, $2, $3), ($4, $5, $6)");
        assert_eq!(placeholders(2, 3, true), "(?, ?, ?), (?, ?, ?)");
    }

    #[test]
    fn no_environments_is_not_all_environments() {
        assert_eq!(environments_text(None), None);
        assert_eq!(environments_text(Some(&[])).as_deref(), Some(""));
        assert_eq!(environments_text(Some(&[EnvironmentName::production()])).as_deref(), Some("production"));
    }
}
