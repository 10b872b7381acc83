//! The body of a message, read before the protocol's library sees it: two readers of one text must not understand two
//! things. Names that come twice, or differ by their case only, are refused. A value that is to be stored is taken out of
//! it, so that no library holds it, prints it or sends it back.

use std::fmt;

use domain::{Invalid, limits};
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use zeroize::Zeroizing;

use super::tools::PUT_SECRET;

/// A message, and the value that a call of `put_secret` gives, which stands in it no more.
pub(super) struct Message {
    pub(super) json: Value,
    pub(super) value: Option<Zeroizing<String>>,
}

/// Reads one message. Errors never quote it.
pub(super) fn read(bytes: &[u8]) -> Result<Message, Invalid> {
    let malformed = |rule: &str| Invalid::new("body", "json_invalid", rule);
    if crate::http::body::depth(bytes) > limits::JSON_DEPTH {
        return Err(malformed("must not nest deeper than 32 levels"));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let rule = "must be one JSON object in UTF-8 in which no name comes twice, not in other letters' case either";
    let mut json = Strict.deserialize(&mut reader).map_err(|_| malformed(rule))?;
    let value = take_value(&mut json);
    reader.end().map_err(|_| malformed(rule))?;
    if json.is_object() { Ok(Message { json, value }) } else { Err(malformed(rule)) }
}

fn take_value(message: &mut Value) -> Option<Zeroizing<String>> {
    let params =
        message.get_mut("params").filter(|params| params.get("name").is_some_and(|name| name == PUT_SECRET))?;
    match params.get_mut("arguments")?.get_mut("value")? {
        Value::String(value) => Some(Zeroizing::new(std::mem::take(value))),
        _ => None,
    }
}

struct Strict;

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        while let Some(item) = items.next_element_seed(Strict)? {
            all.push(item);
        }
        Ok(Value::Array(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut all = Map::new();
        let mut seen = std::collections::HashSet::new();
        while let Some(name) = entries.next_key::<String>()? {
            if !seen.insert(name.to_lowercase()) {
                return Err(A::Error::custom("twice"));
            }
            let value = entries.next_value_seed(Strict)?;
            all.insert(name, value);
        }
        Ok(Value::Object(all))
    }
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn a_message_can_be_read_in_one_way_only() {
        let good = br#"{"jsonrpc":"2.0","id":1,"params":{"a":[1,-2,1.5,null,true,"\u00e9"]}}"#;
        assert_eq!(read(good).unwrap().json, serde_json::from_slice::<serde_json::Value>(good).unwrap());
        for bad in [
            r#"{"method":"a","method":"b"}"#,
            r#"{"method":"a","Method":"sk-canary"}"#,
            r#"{"params":{"name":"a","NAME":"b"}}"#,
            r#"{"a":"x","\u0061":"y"}"#,
            r#"[{"method":"a"}]"#,
            r#"{"a":1} {"b":2}"#,
            r#"{"a":"sk-canary"#,
            "",
            "null",
        ] {
            let Err(error) = read(bad.as_bytes()) else { panic!("{bad} was read") };
            assert!(error.code == "json_invalid" && !error.to_string().contains("canary"), "{bad}: {error}");
        }
        assert!(read(b"{\"a\":\"\xff\"}").is_err());
        assert!(read(format!("{}1{}", "{\"a\":".repeat(40), "}".repeat(40)).as_bytes()).is_err());
    }

    #[test]
    fn a_value_is_taken_out() {
        let body =
            br#"{"method":"tools/call","params":{"name":"put_secret","arguments":{"name":"A","value":"canary"}}}"#;
        let message = read(body).unwrap();
        assert_eq!(message.value.as_deref().map(String::as_str), Some("canary"));
        assert!(!message.json.to_string().contains("canary"));
        let other = String::from_utf8_lossy(body).replace("put_secret", "get_secret");
        assert!(read(other.as_bytes()).unwrap().value.is_none());
    }
}
