//! The published schema: every key, and no other.

use super::filled::EVERY_KEY;
use crate::limits::file::parse;
use serde_json::Value;

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/limits.schema.json");

#[test]
fn is_as_published() {
    let schema = crate::limits::schema();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(GOLDEN, &schema).unwrap();
    }
    let published = std::fs::read_to_string(GOLDEN).unwrap();
    assert!(schema == published, "the schema has changed; see it with UPDATE_GOLDEN=1 and git diff");
}

/// The schema of a value, behind references and beside null.
fn resolved<'a>(root: &'a Value, at: &'a Value) -> &'a Value {
    if let Some(name) = at["$ref"].as_str().and_then(|name| name.strip_prefix("#/$defs/")) {
        return resolved(root, &root["$defs"][name]);
    }
    match at["anyOf"].as_array() {
        Some(ways) if ways.iter().any(|way| way["$ref"].is_string()) => {
            resolved(root, ways.iter().find(|way| way["$ref"].is_string()).unwrap())
        }
        _ => at,
    }
}

fn compare(root: &Value, schema: &Value, value: &Value, path: &str) {
    let schema = resolved(root, schema);
    match value {
        Value::Object(keys) => {
            let known: Vec<&String> = schema["properties"].as_object().expect(path).keys().collect();
            let mut given: Vec<&String> = keys.keys().collect();
            given.sort();
            let mut sorted = known.clone();
            sorted.sort();
            assert_eq!(sorted, given, "the keys of {path}");
            assert_eq!(schema["additionalProperties"], Value::Bool(false), "{path}");
            for (key, value) in keys {
                compare(root, &schema["properties"][key], value, &format!("{path}.{key}"));
            }
        }
        Value::Array(list) if list.iter().any(Value::is_object) => {
            compare(root, &schema["items"], &list[0], &format!("{path}[]"));
        }
        Value::Array(_) => assert_eq!(schema["type"], "array", "{path}"),
        _ => assert!(schema.get("properties").is_none(), "{path}"),
    }
}

#[test]
fn has_every_key_and_no_other() {
    let schema: Value = serde_json::from_str(&crate::limits::schema()).unwrap();
    let filled = serde_json::to_value(parse(EVERY_KEY).unwrap()).unwrap();
    compare(&schema, &schema, &filled, "limits");
    for (key, property) in schema["properties"].as_object().unwrap() {
        let described = property["description"].is_string() || property["$ref"].is_string();
        assert!(described, "{key} has no description");
    }
}
