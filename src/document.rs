//! Typed values as JSON documents, and back.
//!
//! By way of text: facts have one reader and one writer then, and the binary is a megabyte smaller than with serde_json's
//! `from_value` and `to_value` beside them.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub fn typed<T: DeserializeOwned>(value: &Value) -> serde_json::Result<T> {
    serde_json::from_slice(&serde_json::to_vec(value)?)
}

pub fn untyped(value: &impl Serialize) -> Value {
    serde_json::to_vec(value).and_then(|text| serde_json::from_slice(&text)).unwrap_or_default()
}
