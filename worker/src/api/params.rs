//! Parameters of a query: each known, each once, all that is wrong with them told together.

use std::sync::Arc;

use axum::{
    extract::{FromRequestParts, Query},
    http::request::Parts,
};
use jiff::{Timestamp, civil::Date};
use workflows::domain::{FieldCode, FieldError};

use super::{Api, problem::Problem};

/// Rows of a page, when nobody says, and at most.
const PAGE: u16 = 50;
const LONGEST_PAGE: u16 = 200;
/// Characters of a value; a longer one is none.
const LONGEST_VALUE: usize = 256;

/// What a handler asks the query for.
pub(super) trait Parameters: Sized {
    /// Reads each parameter by its name; what is not asked for here is unknown.
    fn read(query: &mut Reader) -> Self;
}

/// The parameters of a request, read; anything wrong is a problem that names it.
pub(super) struct Params<T>(pub(super) T);

impl<T: Parameters> FromRequestParts<Arc<Api>> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Problem> {
        let unreadable = |_| {
            let fix = "write the query as name=value, percent-encoded, joined by &";
            Problem::field("", FieldCode::InvalidQuery, fix)
        };
        let Query(pairs) = Query::<Vec<(String, String)>>::from_request_parts(parts, api)
            .await
            .map_err(unreadable)?;
        read(pairs).map(Self).map_err(Problem::fields)
    }
}

fn read<T: Parameters>(pairs: Vec<(String, String)>) -> Result<T, Vec<FieldError>> {
    let mut reader = Reader {
        pairs,
        known: Vec::new(),
        errors: Vec::new(),
    };
    let read = T::read(&mut reader);
    reader.finish().map(|()| read)
}

/// Reads parameters one by one and keeps every error.
#[derive(Debug)]
pub(super) struct Reader {
    pairs: Vec<(String, String)>,
    known: Vec<&'static str>,
    errors: Vec<FieldError>,
}

impl Reader {
    /// A parameter that is there once or not at all. `fix` says what to write.
    pub(super) fn one<T>(&mut self, name: &'static str, fix: &str, read: impl Fn(&str) -> Option<T>) -> Option<T> {
        let mut found = self.many(name, fix, read);
        if self.count(name) > 1 {
            self.fail(name, FieldCode::DuplicateParameter, "write this parameter once");
        }
        found.pop()
    }

    /// A parameter that may be there several times.
    pub(super) fn many<T>(&mut self, name: &'static str, fix: &str, read: impl Fn(&str) -> Option<T>) -> Vec<T> {
        self.known.push(name);
        let values = self.pairs.iter().filter(|(given, _)| given == name);
        let read: Vec<Option<T>> = values
            .map(|(_, value)| {
                Some(value)
                    .filter(|value| value.len() <= LONGEST_VALUE)
                    .and_then(|value| read(value))
            })
            .collect();
        if read.iter().any(Option::is_none) {
            self.fail(name, FieldCode::InvalidParameter, fix);
        }
        read.into_iter().flatten().collect()
    }

    /// A parameter that must be there.
    pub(super) fn required<T>(&mut self, name: &'static str, fix: &str, read: impl Fn(&str) -> Option<T>) -> Option<T> {
        let found = self.one(name, fix, read);
        if self.count(name) == 0 {
            self.fail(name, FieldCode::Required, fix);
        }
        found
    }

    /// `limit`: the rows of a page.
    pub(super) fn limit(&mut self) -> u16 {
        let fix = format!("write a number from 1 to {LONGEST_PAGE}");
        let read = |text: &str| {
            digits(text)?
                .parse()
                .ok()
                .filter(|limit| (1..=LONGEST_PAGE).contains(limit))
        };
        self.one("limit", &fix, read).unwrap_or(PAGE)
    }

    /// `after`: the last row of the page before.
    pub(super) fn after<T: std::str::FromStr>(&mut self) -> Option<T> {
        self.one("after", "write the next_cursor of the page before", |text| {
            text.parse().ok()
        })
    }

    /// Says what is wrong with a parameter.
    pub(super) fn fail(&mut self, name: &str, code: FieldCode, fix: &str) {
        self.errors.push(FieldError::new(format!("/{name}"), code, fix));
    }

    fn count(&self, name: &str) -> usize {
        self.pairs.iter().filter(|(given, _)| given == name).count()
    }

    fn finish(mut self) -> Result<(), Vec<FieldError>> {
        let known = match self.known.as_slice() {
            [] => "this path takes no parameters".to_owned(),
            known => format!("remove this parameter: the parameters are {}", known.join(", ")),
        };
        for (name, _) in &self.pairs {
            if self.known.contains(&name.as_str()) {
                continue;
            }
            // A name may be anything, a person's data too: only a plain one is repeated.
            let is_plain =
                (1..=40).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'_');
            let pointer = if is_plain { format!("/{name}") } else { String::new() };
            self.errors
                .push(FieldError::new(pointer, FieldCode::UnknownParameter, &known));
        }
        if self.errors.is_empty() {
            Ok(())
        } else {
            Err(self.errors)
        }
    }
}

/// `YYYY-MM-DD`, from 1970 on.
pub(super) fn day(text: &str) -> Option<Date> {
    let day: Date = Some(text).filter(|text| text.len() == 10)?.parse().ok()?;
    (day.year() >= 1970).then_some(day)
}

/// RFC 3339, with the offset from UTC, from 1970 on.
pub(super) fn instant(text: &str) -> Option<Timestamp> {
    text.parse().ok().filter(|at| *at >= Timestamp::UNIX_EPOCH)
}

/// 1 to `longest` visible ASCII characters.
pub(super) fn word(text: &str, longest: usize) -> Option<String> {
    let is_word = (1..=longest).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    is_word.then(|| text.to_owned())
}

/// ASCII digits only: no sign, no spaces.
pub(super) fn digits(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
}

/// A query that asks for nothing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Nothing;

impl Parameters for Nothing {
    fn read(_: &mut Reader) -> Self {
        Self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Eq)]
    struct Wish {
        limit: u16,
        day: Option<Date>,
        words: Vec<String>,
    }

    impl Parameters for Wish {
        fn read(query: &mut Reader) -> Self {
            Self {
                limit: query.limit(),
                day: query.one("day", "write YYYY-MM-DD", day),
                words: query.many("word", "write a word", |text| Some(text.to_owned())),
            }
        }
    }

    fn asked(text: &[(&str, &str)]) -> Result<Wish, Vec<String>> {
        let pairs = text
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        read(pairs.collect()).map_err(|errors| errors.into_iter().map(|error| error.pointer).collect())
    }

    #[test]
    fn parameters_are_read_strictly_and_all_that_is_wrong_is_named() {
        let usual = asked(&[]).expect("nothing is asked");
        assert_eq!((usual.limit, usual.day, usual.words.len()), (50, None, 0));
        let all = asked(&[("limit", "200"), ("day", "2026-04-01"), ("word", "a"), ("word", "b")]).expect("reads");
        assert_eq!((all.limit, all.words.len()), (200, 2));
        for (name, value) in [
            ("limit", "0"),
            ("limit", "201"),
            ("limit", "+1"),
            ("limit", ""),
            ("limit", "1.0"),
            ("day", "2026-02-30"),
            ("day", "20260401"),
            ("page", "2"),
        ] {
            assert_eq!(asked(&[(name, value)]), Err(vec![format!("/{name}")]), "{name}={value}");
        }
        assert_eq!(asked(&[("limit", "1"), ("limit", "1")]), Err(vec!["/limit".to_owned()]));
        assert_eq!(asked(&[("Ana Torres", "1")]), Err(vec![String::new()]));
        assert_eq!(
            asked(&[("limit", "x"), ("day", "x"), ("y", "1")]).map_err(|all| all.len()),
            Err(3)
        );
    }
}
