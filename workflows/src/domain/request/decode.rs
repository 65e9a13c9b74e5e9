//! JSON to a request: exact about unknown and repeated fields, with a pointer to each.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};
use serde_json::{Value, value::RawValue};

use super::super::{FieldCode, FieldError};

/// A field of a request, in both spellings of proto3 JSON.
pub(super) struct Field {
    snake: &'static str,
    camel: &'static str,
    inner: Option<&'static [Self]>,
}

impl Field {
    pub(super) const fn value(snake: &'static str, camel: &'static str) -> Self {
        Self {
            snake,
            camel,
            inner: None,
        }
    }

    pub(super) const fn object(snake: &'static str, camel: &'static str, inner: &'static [Self]) -> Self {
        Self {
            snake,
            camel,
            inner: Some(inner),
        }
    }
}

/// Checks the shape first: serde's own errors repeat values, name no pointer, and stop at the first.
pub(super) fn decode<T: for<'de> Deserialize<'de>>(bytes: &[u8], fields: &[Field]) -> Result<T, Vec<FieldError>> {
    let text =
        std::str::from_utf8(bytes).map_err(|_| vec![FieldError::new("", FieldCode::NotUtf8, "send JSON in UTF-8")])?;
    let mut errors = Vec::new();
    match serde_json::from_str::<Entries<'_>>(text) {
        Ok(entries) => shape(&entries, fields, "", &mut errors),
        Err(error) => {
            let (line, column) = (error.line(), error.column());
            errors.push(match error.classify() {
                serde_json::error::Category::Data => FieldError::new("", FieldCode::WrongType, "send one JSON object"),
                serde_json::error::Category::Io
                | serde_json::error::Category::Syntax
                | serde_json::error::Category::Eof => {
                    let message =
                        format_args!("send one well-formed JSON object: line {line}, column {column} is not JSON");
                    FieldError::new("", FieldCode::InvalidJson, message)
                }
            });
        }
    }
    if !errors.is_empty() {
        return Err(errors);
    }
    serde_json::from_str(text).map_err(|_| {
        vec![FieldError::new(
            "",
            FieldCode::InvalidJson,
            "send one well-formed JSON object",
        )]
    })
}

fn shape(entries: &Entries<'_>, fields: &[Field], parent: &str, errors: &mut Vec<FieldError>) {
    let mut seen: Vec<&str> = Vec::new();
    for (key, raw) in &entries.0 {
        let Some(field) = fields.iter().find(|field| key == field.snake || key == field.camel) else {
            // A key may be anything, a person's data too: only a plain one is repeated.
            let is_plain =
                (1..=40).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_');
            let pointer = if is_plain {
                format!("{parent}/{key}")
            } else {
                parent.to_owned()
            };
            let known: Vec<&str> = fields.iter().map(|field| field.snake).collect();
            let message = format_args!("remove this field: the fields are {}", known.join(", "));
            errors.push(FieldError::new(pointer, FieldCode::UnknownField, message));
            continue;
        };
        let pointer = format!("{parent}/{}", field.snake);
        if seen.contains(&field.snake) {
            errors.push(FieldError::new(
                pointer,
                FieldCode::DuplicateField,
                "write this field once",
            ));
            continue;
        }
        seen.push(field.snake);
        match (field.inner, raw.get()) {
            (Some(_), "null") => {}
            (Some(inner), object) if object.starts_with('{') => match serde_json::from_str::<Entries<'_>>(object) {
                Ok(entries) => shape(&entries, inner, &pointer, errors),
                Err(_) => errors.push(FieldError::new(
                    pointer,
                    FieldCode::InvalidJson,
                    "write one JSON object",
                )),
            },
            (Some(_), _) => errors.push(FieldError::new(pointer, FieldCode::WrongType, "write a JSON object")),
            (None, value) if value.starts_with(['{', '[']) => {
                errors.push(FieldError::new(
                    pointer,
                    FieldCode::WrongType,
                    "write one value, not an object or a list",
                ));
            }
            // Past the range of a float, such as 1e309: valid JSON that the decoder refuses without a pointer.
            (None, value) if serde_json::from_str::<Value>(value).is_err() => {
                errors.push(FieldError::new(
                    pointer,
                    FieldCode::NotAnInteger,
                    "write a whole number that fits, or a string",
                ));
            }
            (None, _) => {}
        }
    }
}

/// The entries of one JSON object in order, repeated keys included.
struct Entries<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect<'a>(PhantomData<&'a ()>);

        impl<'de: 'a, 'a> Visitor<'de> for Collect<'a> {
            type Value = Entries<'a>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry::<String, &'de RawValue>()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_map(Collect(PhantomData))
    }
}
