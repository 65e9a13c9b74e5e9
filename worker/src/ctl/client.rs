//! Requests and answers: the key of a caller, the key of a request, and what an answer that is none means.

use std::{error::Error, fs, path::Path, time::Duration};

use reqwest::{Method, Request, Url, header, redirect};
use secrecy::{ExposeSecret, SecretString};
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

use super::failure::{Away, Failure, Refused};

/// A connection that takes longer is none.
const CONNECT: Duration = Duration::from_secs(5);
const KEY_VARIABLE: &str = "GIRO_API_KEY";

/// Whom giroctl asks.
pub(super) struct Client {
    http: reqwest::Client,
    base: Url,
    key: Option<CallerKey>,
}

/// A caller's key, and where it came from.
struct CallerKey {
    secret: SecretString,
    source: String,
}

/// What giro answered to something that it did.
#[derive(Debug)]
pub(super) struct Answer {
    /// The HTTP status.
    pub(super) status: u16,
    /// This key was answered before; nothing was done again.
    pub(super) replayed: bool,
    /// The body, byte for byte.
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// The body as a type.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_slice(&self.body).map_err(|error| {
            Failure::Away(Box::new(Away {
                what: format!("the answer (HTTP {}) does not read: {error}", self.status),
                check: "Compare the versions with `giroctl status`; `--output json` shows the answer as it is."
                    .to_owned(),
                again: None,
            }))
        })
    }
}

impl Client {
    /// A client of the API at `base`, whose key is in `key_file`, else in `GIRO_API_KEY`, else none.
    pub(super) fn new(base: &Url, key_file: Option<&Path>) -> Result<Self, Failure> {
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .redirect(redirect::Policy::none())
            .user_agent(concat!("giroctl/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| Failure::Local(format!("no HTTP client: {}", innermost(&error))))?;
        let key = match key_file {
            Some(file) => Some(CallerKey::from_file(file)?),
            None => CallerKey::from_environment()?,
        };
        Ok(Self {
            http,
            base: base.clone(),
            key,
        })
    }

    /// Where it asks.
    pub(super) fn base(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// GETs a path of the API.
    pub(super) async fn get(
        &self,
        path: &str,
        query: &[(&str, String)],
        patience: Duration,
    ) -> Result<Answer, Failure> {
        let mut request = self.request(Method::GET, path, patience)?;
        if !query.is_empty() {
            request.url_mut().query_pairs_mut().extend_pairs(query);
        }
        self.send(request, patience, None).await
    }

    /// POSTs JSON under an idempotency key: `key`, or a new one.
    pub(super) async fn post(
        &self,
        path: &str,
        key: Option<&str>,
        body: &impl Serialize,
        patience: Duration,
    ) -> Result<Answer, Failure> {
        let key = key.map_or_else(|| Uuid::now_v7().to_string(), str::to_owned);
        let mut request = self.request(Method::POST, path, patience)?;
        let body = serde_json::to_vec(body).map_err(|error| Failure::Local(format!("no JSON: {error}")))?;
        *request.body_mut() = Some(body.into());
        let header = header::HeaderValue::from_str(&key)
            .map_err(|_| Failure::Usage("--key: write visible ASCII characters, without spaces".to_owned()))?;
        let headers = request.headers_mut();
        headers.insert("idempotency-key", header);
        headers.insert(
            header::CONTENT_TYPE,
            header::HeaderValue::from_static("application/json"),
        );
        self.send(request, patience, Some(&key)).await
    }

    fn request(&self, method: Method, path: &str, patience: Duration) -> Result<Request, Failure> {
        let text = format!("{}{path}", self.base());
        let url = Url::parse(&text).map_err(|error| Failure::Usage(format!("{text} is no address: {error}")))?;
        let mut request = Request::new(method, url);
        *request.timeout_mut() = Some(patience);
        let headers = request.headers_mut();
        headers.insert(header::ACCEPT, header::HeaderValue::from_static("application/json"));
        if let Some(key) = &self.key {
            headers.insert(header::AUTHORIZATION, key.header()?);
        }
        Ok(request)
    }

    /// Sends once; `key` is that of a request that does something.
    async fn send(&self, request: Request, patience: Duration, key: Option<&str>) -> Result<Answer, Failure> {
        let again = || key.map(|key| repetition(std::env::args(), key));
        let lost = |error: reqwest::Error| self.lost(&error, patience, again());
        let response = self.http.execute(request).await.map_err(lost)?;
        let status = response.status();
        let replayed = response
            .headers()
            .get("idempotent-replayed")
            .is_some_and(|value| value == "true");
        let body = response.bytes().await.map_err(lost)?.to_vec();
        if status.is_success() {
            return Ok(Answer {
                status: status.as_u16(),
                replayed,
                body,
            });
        }
        let status = status.as_u16();
        // A refusal is certain; of these nobody knows.
        let again = matches!(status, 408 | 500..).then(again).flatten();
        Err(match serde_json::from_slice(&body) {
            Ok(problem) => Failure::Refused(Box::new(Refused {
                status,
                problem,
                body,
                base: self.base().to_owned(),
                advice: self.advice(status),
                again,
            })),
            Err(_) => Failure::Away(Box::new(Away {
                what: format!("what answers at {} is not giro's API (HTTP {status})", self.base()),
                check: "Check --api or GIRO_API, and what stands between here and there.".to_owned(),
                again,
            })),
        })
    }

    fn lost(&self, error: &reqwest::Error, patience: Duration, again: Option<String>) -> Failure {
        let base = self.base();
        let away = if error.is_connect() {
            Away {
                what: format!("no connection to {base} ({})", innermost(error)),
                check: "Nothing was sent. Check the address (--api or GIRO_API) and that `giro api` runs there."
                    .to_owned(),
                again: None,
            }
        } else if error.is_timeout() {
            Away {
                what: format!("no answer from {base} within {} s", patience.as_secs()),
                check: "Look at `giroctl status`, or give it longer with --timeout.".to_owned(),
                again,
            }
        } else {
            Away {
                what: format!("the connection to {base} broke ({})", innermost(error)),
                check: "Look at `giroctl status`.".to_owned(),
                again,
            }
        };
        Failure::Away(Box::new(away))
    }

    /// What to do about a status: which key was shown, or where ids are found.
    fn advice(&self, status: u16) -> Option<String> {
        const MAKE: &str = "`giro key create`, run where giro runs, makes one";
        match (status, &self.key) {
            (401 | 403, None) => Some(format!("No key was shown. Put yours in {KEY_VARIABLE} or --api-key-file; {MAKE}.")),
            (401, Some(key)) => Some(format!("The {key} is expired, revoked or another giro's. Use another; {MAKE}.")),
            (403, Some(key)) => Some(format!("The {key} is good and may not do this. Use one with the scope; {MAKE}.")),
            (404, _) => Some("Check the id or the name: `giroctl payouts list`, `accounts list` and `banks list` show what you may see.".to_owned()),
            _ => None,
        }
    }
}

impl CallerKey {
    fn from_file(file: &Path) -> Result<Self, Failure> {
        let text = fs::read_to_string(file)
            .map_err(|error| Failure::Usage(format!("--api-key-file {}: {error}", file.display())))?;
        Self::new(&text, format!("--api-key-file {}", file.display()))
    }

    fn from_environment() -> Result<Option<Self>, Failure> {
        match std::env::var(KEY_VARIABLE) {
            Ok(text) if text.trim().is_empty() => Ok(None),
            Ok(text) => Self::new(&text, KEY_VARIABLE.to_owned()).map(Some),
            Err(std::env::VarError::NotPresent) => Ok(None),
            Err(std::env::VarError::NotUnicode(_)) => Err(Failure::Usage(format!("{KEY_VARIABLE}: not a key"))),
        }
    }

    fn new(text: &str, source: String) -> Result<Self, Failure> {
        let text = text.trim();
        let is_key = text.starts_with("giro_") && text.len() <= 256 && text.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_key {
            // Whatever it is, it may be somebody's secret.
            return Err(Failure::Usage(format!(
                "{source}: not a key, which is one word that begins with giro_"
            )));
        }
        Ok(Self {
            secret: SecretString::from(text),
            source,
        })
    }

    fn header(&self) -> Result<header::HeaderValue, Failure> {
        let mut value = header::HeaderValue::from_str(&format!("Bearer {}", self.secret.expose_secret()))
            .map_err(|_| Failure::Usage(format!("{}: not a key", self.source)))?;
        value.set_sensitive(true);
        Ok(value)
    }
}

/// Its public half, and where it came from.
impl std::fmt::Display for CallerKey {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let public = self
            .secret
            .expose_secret()
            .split('_')
            .nth(1)
            .filter(|id| id.len() <= 16)
            .unwrap_or("?");
        write!(out, "key giro_{public}_... from {}", self.source)
    }
}

/// The command that was typed, with the key under which it was done.
fn repetition(typed: impl Iterator<Item = String>, key: &str) -> String {
    let mut words: Vec<String> = typed.collect();
    let has_key = words.iter().any(|word| word == "--key" || word.starts_with("--key="));
    if !has_key {
        let end = words.iter().position(|word| word == "--").unwrap_or(words.len());
        words.splice(end..end, ["--key".to_owned(), key.to_owned()]);
    }
    words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
}

/// A word as a shell reads it back.
fn quoted(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=@%+,".contains(&byte);
    if !word.is_empty() && word.bytes().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// What an error comes from.
fn innermost(error: &dyn Error) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_repeated_under_the_same_key() {
        let again = |words: &[&str]| repetition(words.iter().map(|word| (*word).to_owned()), "k-1");
        assert_eq!(
            again(&["giroctl", "payouts", "create", "--name", "Ana d'Or", "--concept="]),
            r"giroctl payouts create --name 'Ana d'\''Or' --concept= --key k-1"
        );
        assert_eq!(
            again(&["giroctl", "retry", "--key", "mine"]),
            "giroctl retry --key mine"
        );
        assert_eq!(
            again(&["giroctl", "retry", "--", "po_1"]),
            "giroctl retry --key k-1 -- po_1"
        );
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn a_key_is_told_by_its_public_half() {
        let key = CallerKey::new(" giro_0123456789ab_secret\n", "GIRO_API_KEY".to_owned()).expect("is a key");
        assert_eq!(key.to_string(), "key giro_0123456789ab_... from GIRO_API_KEY");
        assert!(key.header().expect("a header").is_sensitive());
        for wrong in ["", "secret", "giro_a b", "Bearer giro_1_2"] {
            let told = CallerKey::new(wrong, "GIRO_API_KEY".to_owned())
                .err()
                .map(|failure| failure.to_string());
            let told = told.unwrap_or_default();
            assert!(
                told.contains("not a key") && (wrong.is_empty() || !told.contains(wrong)),
                "{told}"
            );
        }
    }
}
