//! Everything that can go wrong, what to do about it, and the exit code that says it to programs.

use std::fmt;

use serde::Deserialize;

use super::words::plain;

/// How a command that was carried out ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exit {
    Done,
    Refused,
    Usage,
    NotFound,
    NotAllowed,
    Later,
    Open,
}

impl Exit {
    /// The process's exit code, as `giroctl --help` lists them.
    pub(super) const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Refused => 1,
            Self::Usage => 2,
            Self::NotFound => 3,
            Self::NotAllowed => 4,
            Self::Later => 5,
            Self::Open => 6,
        }
    }
}

/// Why a command was not carried out.
#[derive(Debug)]
pub(super) enum Failure {
    /// What was typed cannot be done, or was not confirmed.
    Usage(String),
    /// Something on this machine.
    Local(String),
    /// Nobody reads the output any more.
    Closed,
    /// giro said no.
    Refused(Box<Refused>),
    /// No answer, or none that is giro's.
    Away(Box<Away>),
}

/// giro's own no.
#[derive(Debug)]
pub(super) struct Refused {
    /// The HTTP status.
    pub(super) status: u16,
    /// What it said.
    pub(super) problem: Problem,
    /// The same, byte for byte.
    pub(super) body: Vec<u8>,
    /// Where giro is: what explains the problem is a path there.
    pub(super) base: String,
    /// What to do, where giroctl knows better than giro.
    pub(super) advice: Option<String>,
    /// The command that repeats it under the same key, when giro may have done it.
    pub(super) again: Option<String>,
}

/// No answer.
#[derive(Debug)]
pub(super) struct Away {
    /// What happened.
    pub(super) what: String,
    /// What to look at.
    pub(super) check: String,
    /// The command that repeats it under the same key, when giro may have done it.
    pub(super) again: Option<String>,
}

/// A problem after RFC 9457, as much of it as people are told.
///
/// Its own type, and lenient: what a newer or an older giro says of a failure must read too.
#[derive(Debug, Deserialize)]
pub(super) struct Problem {
    pub(super) title: String,
    pub(super) code: String,
    #[serde(default)]
    pub(super) detail: String,
    #[serde(default)]
    pub(super) doc: Option<String>,
    #[serde(default)]
    pub(super) request_id: Option<String>,
    #[serde(default)]
    pub(super) resource_id: Option<String>,
    #[serde(default)]
    pub(super) errors: Vec<FieldError>,
}

/// What is wrong with one field.
#[derive(Debug, Deserialize)]
pub(super) struct FieldError {
    #[serde(default)]
    pub(super) pointer: String,
    #[serde(default)]
    pub(super) code: String,
    #[serde(default)]
    pub(super) message: String,
}

impl Failure {
    /// The exit code that says it.
    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::Closed => Exit::Done,
            Self::Usage(_) => Exit::Usage,
            Self::Local(_) => Exit::Refused,
            Self::Refused(refused) => refused.exit(),
            Self::Away(_) => Exit::Later,
        }
    }

    /// The same for a request that does nothing: it may be repeated as it is.
    pub(super) fn of_a_question(mut self) -> Self {
        match &mut self {
            Self::Refused(refused) => refused.again = None,
            Self::Away(away) => away.again = None,
            Self::Usage(_) | Self::Local(_) | Self::Closed => {}
        }
        self
    }

    /// What giro itself said.
    pub(super) fn body(&self) -> Option<&[u8]> {
        match self {
            Self::Refused(refused) => Some(&refused.body),
            Self::Usage(_) | Self::Local(_) | Self::Closed | Self::Away(_) => None,
        }
    }
}

impl Refused {
    fn exit(&self) -> Exit {
        match self.status {
            404 => Exit::NotFound,
            401 | 403 => Exit::NotAllowed,
            408 | 429 | 500.. => Exit::Later,
            _ => Exit::Refused,
        }
    }

    /// A path of the API as an address.
    fn place(&self, path: &str) -> String {
        let base = if path.starts_with('/') { &self.base } else { "" };
        format!("{base}{}", plain(path))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => Ok(()),
            Self::Usage(what) | Self::Local(what) => writeln!(out, "giroctl: {what}"),
            Self::Refused(refused) => write!(out, "{refused}"),
            Self::Away(away) => write!(out, "{away}"),
        }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Problem {
            title,
            code,
            detail,
            doc,
            request_id,
            resource_id,
            errors,
        } = &self.problem;
        let word = plain(code);
        writeln!(out, "giro: {} ({word}, HTTP {})", plain(title), self.status)?;
        if !detail.is_empty() {
            writeln!(out, "  {}", plain(detail))?;
        }
        for error in errors {
            let field = if error.pointer.is_empty() {
                "the request"
            } else {
                &error.pointer
            };
            writeln!(
                out,
                "  {}: {} ({})",
                plain(field),
                plain(&error.message),
                plain(&error.code)
            )?;
        }
        if let Some(resource) = resource_id {
            writeln!(out, "  about {}", plain(resource))?;
        }
        if let Some(advice) = &self.advice {
            writeln!(out, "  {advice}")?;
        }
        repeat(out, self.again.as_deref())?;
        let doc = doc
            .as_deref()
            .map_or_else(|| format!("docs/problems.md#{word}"), |path| self.place(path));
        write!(out, "  explained at {doc}")?;
        match request_id {
            Some(id) => writeln!(out, "; request {}", plain(id)),
            None => writeln!(out),
        }
    }
}

impl fmt::Display for Away {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "giro is away: {}", plain(&self.what))?;
        writeln!(out, "  {}", plain(&self.check))?;
        repeat(out, self.again.as_deref())
    }
}

fn repeat(out: &mut fmt::Formatter<'_>, again: Option<&str>) -> fmt::Result {
    let Some(again) = again else { return Ok(()) };
    writeln!(
        out,
        "  It may have been done. This does it once, however often you send it:"
    )?;
    writeln!(out, "    {}", plain(again))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(status: u16, body: &str, again: Option<&str>) -> Failure {
        Failure::Refused(Box::new(Refused {
            status,
            problem: serde_json::from_str(body).expect("a problem"),
            body: body.as_bytes().to_vec(),
            base: "http://giro".to_owned(),
            advice: None,
            again: again.map(str::to_owned),
        }))
    }

    #[test]
    fn a_refusal_is_told_whole() {
        let body = r#"{"title": "Fields of the request are wrong", "code": "invalid_request", "detail": "Mend it.",
            "errors": [{"pointer": "/amount", "code": "required", "message": "write it"}, {"message": "and this"}],
            "request_id": "r1", "new": {"unknown": 1}}"#;
        assert_eq!(
            refused(422, body, None).to_string(),
            "giro: Fields of the request are wrong (invalid_request, HTTP 422)\n  Mend it.\n  /amount: write it \
             (required)\n  the request: and this ()\n  explained at docs/problems.md#invalid_request; request r1\n"
        );
        let body = r#"{"title": "Ask again", "code": "later", "doc": "/docs/problems/later"}"#;
        assert_eq!(
            refused(503, body, Some("giroctl x --key k")).to_string(),
            "giro: Ask again (later, HTTP 503)\n  It may have been done. This does it once, however often you send \
             it:\n    giroctl x --key k\n  explained at http://giro/docs/problems/later\n"
        );
    }

    #[test]
    fn every_status_has_its_exit_code() {
        let code = |status| refused(status, r#"{"title": "t", "code": "c"}"#, None).exit().code();
        for (status, exit) in [
            (400, 1),
            (409, 1),
            (422, 1),
            (404, 3),
            (401, 4),
            (403, 4),
            (408, 5),
            (429, 5),
            (500, 5),
            (503, 5),
        ] {
            assert_eq!(code(status), exit, "{status}");
        }
    }
}
