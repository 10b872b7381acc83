//! JSON Schemas of tools, made from the same types that the API's document is made from.

use std::sync::Arc;

use rmcp::model::JsonObject;
use serde_json::{Value, json};
use utoipa::{PartialSchema, ToSchema};

/// The schema of `T` with all that it refers to.
pub(super) fn of<T: ToSchema + PartialSchema>() -> Arc<JsonObject> {
    let mut named = Vec::new();
    T::schemas(&mut named);
    let mut schema = match serde_json::to_value(T::schema()) {
        Ok(Value::Object(schema)) => schema,
        _ => JsonObject::new(),
    };
    let definitions: JsonObject =
        named.into_iter().map(|(name, schema)| (name, serde_json::to_value(schema).unwrap_or_default())).collect();
    if !definitions.is_empty() {
        schema.insert("$defs".to_owned(), Value::Object(definitions));
    }
    // Of what is put together by `allOf` nothing says it, and the protocol asks for it.
    schema.insert("type".to_owned(), json!("object"));
    schema.values_mut().for_each(local);
    Arc::new(schema)
}

/// The schema of a page of `T`.
pub(super) fn page<T: ToSchema + PartialSchema>() -> Arc<JsonObject> {
    let mut items = of::<T>().as_ref().clone();
    let definitions = items.remove("$defs").unwrap_or_else(|| json!({}));
    let page = json!({ "type": "object", "required": ["items"], "$defs": definitions,
        "properties": { "notice": { "type": "string" }, "items": { "type": "array", "items": items }, "next_cursor": { "type": "string" } } });
    Arc::new(page.as_object().cloned().unwrap_or_default())
}

/// References of the API's document, turned into those of a schema that stands alone.
fn local(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            if let Some(Value::String(reference)) = fields.get_mut("$ref") {
                *reference = reference.replace("#/components/schemas/", "#/$defs/");
            }
            fields.values_mut().for_each(local);
        }
        Value::Array(items) => items.iter_mut().for_each(local),
        _ => {}
    }
}
