//! Small bodies in which people say what they decided, and one plain line of why.

use serde::de::DeserializeOwned;
use workflows::domain::FieldCode;

use super::{Answered, problem::Problem};

/// Characters of a reason, at most.
const LONGEST: usize = 200;

/// A body; `form` says what to send.
pub(super) fn read<T: DeserializeOwned>(body: &[u8], form: &str) -> Answered<T> {
    let send = format!("send {form}");
    let text = std::str::from_utf8(body).map_err(|_| Problem::field("", FieldCode::NotUtf8, "send JSON in UTF-8"))?;
    // A list would read as the fields in their order.
    if text.trim_start().starts_with('[') {
        return Err(Problem::field("", FieldCode::WrongType, &send));
    }
    serde_json::from_str(text).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => {
            let told = error.to_string();
            Problem::field(&named(&told), FieldCode::Required, format!("{send} and nothing else"))
        }
        serde_json::error::Category::Io | serde_json::error::Category::Syntax | serde_json::error::Category::Eof => {
            Problem::field("", FieldCode::InvalidJson, &send)
        }
    })
}

/// The field that is missing, unknown or there twice, as serde words it; else the whole body: no value is repeated.
fn named(told: &str) -> String {
    let field = ["missing field `", "unknown field `", "duplicate field `"]
        .iter()
        .find_map(|words| told.strip_prefix(words)?.split('`').next());
    field.map_or_else(String::new, |field| format!("/{field}"))
}

/// One line that people read later, of the field at `pointer`.
pub(super) fn line(pointer: &'static str, text: &str) -> Answered<String> {
    let text = text.trim();
    if !(1..=LONGEST).contains(&text.chars().count()) || text.chars().any(|letter| !is_plain(letter)) {
        let fix = format!("write one line of 1 to {LONGEST} characters, and no control characters");
        return Err(Problem::field(pointer, FieldCode::OutOfRange, &fix));
    }
    Ok(text.to_owned())
}

/// What neither breaks a line of log nor turns it around.
fn is_plain(letter: char) -> bool {
    !letter.is_control()
        && !matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}
