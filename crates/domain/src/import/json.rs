//! JSON: a flat object, and what Doppler, Infisical and Vault export. The shape tells which.
//!
//! No error of the JSON library is passed on: some of them quote the text.

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use zeroize::Zeroizing;

use super::{Item, Problem, refused};
use crate::Invalid;

/// An object's members in order, repeated ones too, each still text.
struct Members<'a>(Vec<(Zeroizing<String>, &'a RawValue)>);

impl<'a> Members<'a> {
    fn of(json: &'a RawValue) -> Option<Self> {
        serde_json::from_str(json.get()).ok()
    }

    fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.0.iter().find(|(key, _)| key.as_str() == name).map(|(_, value)| *value)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Vec<(Zeroizing<String>, &'de RawValue)>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((key, value)) = map.next_entry::<String, &RawValue>()? {
                    members.push((Zeroizing::new(key), value));
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Reader).map(Self)
    }
}

/// # Errors
/// `import_not_json`, `import_not_flat`, `import_digests`.
pub(super) fn read(text: &str) -> Result<Vec<Item>, Invalid> {
    let top: &RawValue = serde_json::from_str(text).map_err(|error| {
        refused("import_not_json", format!("is no JSON: line {}, column {}", error.line(), error.column()))
    })?;
    let lines = Lines::of(text);
    if let Some(members) = Members::of(top) {
        return Ok(object(&lines, members));
    }
    list(&lines, top)
}

fn object(lines: &Lines, members: Members<'_>) -> Vec<Item> {
    if let Some(vault) = vault(&members) {
        return flat(lines, vault);
    }
    let doppler: Option<Vec<Members<'_>>> = members.0.iter().map(|(_, value)| Members::of(value)).collect();
    let doppler = doppler.filter(|all| !all.is_empty() && all.iter().all(|one| one.get("computed").is_some()));
    let Some(doppler) = doppler else { return flat(lines, members) };
    let read = |(key, json): (Zeroizing<String>, &RawValue), inner: Members<'_>| {
        let value = inner.get("computed").map_or(Err(Problem::Hidden), scalar);
        let value = value.map_err(|problem| if problem == Problem::Null { Problem::Hidden } else { problem });
        Item { line: lines.line(json), key, value, warnings: Vec::new() }
    };
    members.0.into_iter().zip(doppler).map(|(member, inner)| read(member, inner)).collect()
}

/// `vault kv get -format=json`: version 2 keeps the secrets in `data.data`, version 1 in `data`.
fn vault<'a>(members: &Members<'a>) -> Option<Members<'a>> {
    members.get("lease_duration").or_else(|| members.get("request_id"))?;
    let data = Members::of(members.get("data")?)?;
    match data.get("data").filter(|_| data.get("metadata").is_some()).and_then(Members::of) {
        Some(inner) => Some(inner),
        None => Some(data),
    }
}

fn flat(lines: &Lines, members: Members<'_>) -> Vec<Item> {
    let item = |(key, json): (Zeroizing<String>, &RawValue)| Item {
        line: lines.line(json),
        key,
        value: scalar(json),
        warnings: Vec::new(),
    };
    members.0.into_iter().map(item).collect()
}

/// `[{"key", "value"}]` of Infisical, `[{"name", "value"}]` of Supabase's API and many others.
fn list(lines: &Lines, top: &RawValue) -> Result<Vec<Item>, Invalid> {
    let not_flat =
        || refused("import_not_flat", "must be an object of texts, or an export of Doppler, Infisical or Vault");
    let rows: Vec<&RawValue> = serde_json::from_str(top.get()).map_err(|_| not_flat())?;
    let mut items = Vec::with_capacity(rows.len());
    for row in &rows {
        let members = Members::of(row).ok_or_else(not_flat)?;
        let any = |names: [&str; 3]| names.iter().find_map(|name| members.get(name));
        let key = any(["key", "name", "secretKey"]).and_then(|json| scalar(json).ok()).ok_or_else(not_flat)?;
        let value = any(["value", "secretValue", "value"]).ok_or_else(not_flat)?;
        items.push(Item { line: lines.line(row), key, value: scalar(value), warnings: Vec::new() });
    }
    let digest = |item: &Item| {
        item.value.as_ref().is_ok_and(|value| value.len() == 64 && value.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    let named = rows.iter().all(|row| Members::of(row).is_some_and(|members| members.get("name").is_some()));
    if !items.is_empty() && named && items.iter().all(digest) {
        return Err(refused(
            "import_digests",
            "holds digests, not values: Supabase never shows them; import the .env file",
        ));
    }
    Ok(items)
}

fn scalar(json: &RawValue) -> Result<Zeroizing<String>, Problem> {
    match json.get().as_bytes().first() {
        Some(b'"') => serde_json::from_str(json.get()).map(Zeroizing::new).map_err(|_| Problem::Nested),
        Some(b'{' | b'[') => Err(Problem::Nested),
        Some(b'n') => Err(Problem::Null),
        _ => Ok(Zeroizing::new(json.get().to_owned())),
    }
}

/// Where lines end, so that finding the line of each of many members stays cheap.
struct Lines {
    start: usize,
    ends: Vec<usize>,
}

impl Lines {
    fn of(text: &str) -> Self {
        Self { start: text.as_ptr() as usize, ends: text.match_indices('\n').map(|(at, _)| at).collect() }
    }

    /// The line on which a part of the text begins.
    fn line(&self, part: &RawValue) -> usize {
        let offset = (part.get().as_ptr() as usize).saturating_sub(self.start);
        1 + self.ends.partition_point(|end| *end < offset)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use crate::import::{Format, Import, read};

    fn json(text: &str) -> Import {
        read(Format::Json, text.as_bytes()).unwrap()
    }

    fn taken(text: &str) -> Vec<(usize, String, String)> {
        let entry = |e: &crate::import::Entry| (e.line, e.name.to_string(), e.value.expose().to_owned());
        json(text).entries.iter().map(entry).collect()
    }

    fn row(line: usize, name: &str, value: &str) -> (usize, String, String) {
        (line, name.to_owned(), value.to_owned())
    }

    #[test]
    fn a_flat_object_keeps_its_text() {
        let text =
            "{\n\"A\":\"x\\n\\u00e4\",\n\"B\": 1.10,\n\"C\":true, \"D\":12345678901234567890123,\n\"A\":\"last\"}";
        let expected =
            [row(3, "B", "1.10"), row(4, "C", "true"), row(4, "D", "12345678901234567890123"), row(5, "A", "last")];
        assert_eq!(taken(text), expected);
        assert_eq!(json(text).rejected.first().map(|r| (r.line, r.code)), Some((2, "overridden")));
        let codes: Vec<_> =
            json(r#"{"A":null,"B":{},"C":[1],"D":"","e":"x"}"#).rejected.iter().map(|r| r.code).collect();
        assert_eq!(codes, ["value_null", "value_nested", "value_nested", "value_empty", "name_invalid"]);
    }

    #[test]
    fn exports_of_other_vaults() {
        let doppler =
            r#"{"A":{"computed":"v","note":"","raw":"${B}"},"B":{"computed":null,"computedVisibility":"restricted"}}"#;
        assert_eq!(taken(doppler), [row(1, "A", "v")]);
        assert_eq!(json(doppler).rejected.first().map(|r| r.code), Some("value_hidden"));
        assert_eq!(
            taken(r#"{"A":"v","DOPPLER_PROJECT":"p","DOPPLER_ENVIRONMENT":"e","DOPPLER_CONFIG":"c"}"#),
            [row(1, "A", "v")]
        );
        assert_eq!(
            taken(r#"[{"_id":"1","key":"A","value":"v","type":"shared"},{"key":"B","value":"w"}]"#),
            [row(1, "A", "v"), row(1, "B", "w")]
        );
        let vault2 =
            r#"{"request_id":"r","lease_duration":0,"data":{"data":{"A":"v","N":7},"metadata":{"version":2}}}"#;
        assert_eq!(taken(vault2), [row(1, "A", "v"), row(1, "N", "7")]);
        assert_eq!(taken(r#"{"request_id":"r","data":{"A":"v"}}"#), [row(1, "A", "v")]);
        assert_eq!(taken(r#"[{"name":"A","value":"v"}]"#), [row(1, "A", "v")]);
    }

    #[test]
    fn refused_as_a_whole_without_a_quote() {
        let digest = "0f".repeat(32);
        for (text, code) in [
            ("{\"CANARY\":\"canary\",}", "import_not_json"),
            ("{\"CANARY\":canary}", "import_not_json"),
            ("\"canary\"", "import_not_flat"),
            ("[\"canary\"]", "import_not_flat"),
            ("[{\"key\":\"CANARY\"}]", "import_not_flat"),
            (&format!("[{{\"name\":\"CANARY\",\"value\":\"{digest}\"}}]"), "import_digests"),
        ] {
            let error = read(Format::Json, text.as_bytes()).unwrap_err();
            assert_eq!(error.code, code, "{text}");
            assert!(!format!("{error:?}").to_lowercase().contains("canary"), "{error:?}");
        }
        let deep = "[".repeat(200_000);
        assert!(read(Format::Json, format!("{{\"A\":{deep}}}").as_bytes()).is_err());
    }

    #[test]
    fn many_members_take_linear_time() {
        let began = std::time::Instant::now();
        let text = format!("{{{}\"Z\":1}}", "\n\"A\":1,".repeat(100_000));
        assert_eq!(read(Format::Json, text.as_bytes()).unwrap_err().code, "import_too_many");
        assert!(began.elapsed().as_secs() < 30, "{:?}", began.elapsed());
    }
}
