//! One run of giroctl: whom it asks, where it writes, and what time it is there.

use std::{
    io::{self, BufRead, IsTerminal, Write},
    time::Duration,
};

use jiff::Timestamp;
use serde::{Serialize, de::DeserializeOwned};

use super::{
    args::{Much, Options},
    client::{Answer, Client},
    failure::{Exit, Failure},
    json,
    paper::Paper,
};
use crate::api::view::{health::Ready, page::Page};

/// How long an answer may take, when nobody says: the API itself waits 16 s for a bank.
const PATIENCE: Duration = Duration::from_secs(30);
/// What is nice to know is not waited for.
const GLANCE: Duration = Duration::from_secs(3);
/// Rows of a page, at most: the API's own limit.
const PAGE: u32 = 200;

/// One run.
pub(super) struct Session {
    client: Client,
    is_json: bool,
    timeout: Option<Duration>,
    /// What tables and facts are written on.
    pub(super) paper: Paper,
}

/// One page of something longer.
pub(super) trait Paged: DeserializeOwned {
    /// How many rows it has.
    fn rows(&self) -> usize;
    /// Where the next one begins; `None`: it is the last.
    fn next(&self) -> Option<&str>;
}

impl<T: DeserializeOwned> Paged for Page<T> {
    fn rows(&self) -> usize {
        self.data.len()
    }

    fn next(&self) -> Option<&str> {
        self.next_cursor.as_deref()
    }
}

/// Rows of a list, and whether there are more.
#[derive(Debug)]
pub(super) struct Listed<T> {
    pub(super) rows: Vec<T>,
    pub(super) has_more: bool,
}

impl Session {
    /// A run with these options.
    pub(super) fn new(options: &Options) -> Result<Self, Failure> {
        Ok(Self {
            client: Client::new(&options.api, options.api_key_file.as_deref())?,
            is_json: options.output.is_json(),
            timeout: options.timeout,
            paper: Paper::standard_output(options.no_color, options.utc),
        })
    }

    /// True when programs read the output.
    pub(super) fn is_json(&self) -> bool {
        self.is_json
    }

    /// Where giro is.
    pub(super) fn base(&self) -> &str {
        self.client.base()
    }

    /// How long an answer may take.
    pub(super) fn patience(&self) -> Duration {
        self.timeout.unwrap_or(PATIENCE)
    }

    /// How long something else may take that `--timeout` is about.
    pub(super) fn patience_or(&self, usual: Duration) -> Duration {
        self.timeout.unwrap_or(usual)
    }

    /// GETs a path.
    pub(super) async fn get(&self, path: &str, query: &[(&str, String)]) -> Result<Answer, Failure> {
        self.client.get(path, query, self.patience()).await
    }

    /// GETs a path that the API itself is asked to wait at.
    pub(super) async fn get_within(
        &self,
        path: &str,
        query: &[(&str, String)],
        patience: Duration,
    ) -> Result<Answer, Failure> {
        self.client.get(path, query, patience).await
    }

    /// The key of a request that must be done once, told before it is sent: whoever is interrupted repeats it under this key.
    pub(super) fn key(&self, given: Option<&str>) -> String {
        given.map_or_else(
            || {
                let key = uuid::Uuid::now_v7().to_string();
                eprintln!("key {key}   (interrupted? the same command with --key {key} does it once)");
                key
            },
            str::to_owned,
        )
    }

    /// POSTs under a key, or under a new one.
    pub(super) async fn post(&self, path: &str, key: Option<&str>, body: &impl Serialize) -> Result<Answer, Failure> {
        self.client.post(path, key, body, self.patience()).await
    }

    /// Whether giro can accept, its version, the time of its books.
    pub(super) async fn health(&self) -> Result<Answer, Failure> {
        self.client.get("/readyz", &[], self.patience().min(GLANCE)).await
    }

    /// The time of giro's books: ages are counted by the clock that wrote the times. This machine's, where giro does
    /// not tell.
    pub(super) async fn now(&self) -> Timestamp {
        let health = self.health().await.ok().and_then(|answer| answer.read::<Ready>().ok());
        health.map_or_else(Timestamp::now, |health| health.now)
    }

    /// GETs a path, and the time of the books while that takes; programs are told no ages.
    pub(super) async fn get_with_now(
        &self,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<(Answer, Timestamp), Failure> {
        if self.is_json {
            return Ok((self.get(path, query).await?, Timestamp::UNIX_EPOCH));
        }
        let (answer, now) = tokio::join!(self.get(path, query), self.now());
        Ok((answer?, now))
    }

    /// GETs as much of a list as is wanted; see [`Self::pages`].
    pub(super) async fn list<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&'static str, String)],
        much: Much,
    ) -> Result<Listed<T>, Failure> {
        let pages: Vec<Page<T>> = self.pages(path, query, much).await?;
        Ok(Listed {
            has_more: pages.last().is_some_and(|page| page.next_cursor.is_some()),
            rows: pages.into_iter().flat_map(|page| page.data).collect(),
        })
    }

    /// GETs page after page until there is enough; for programs each is written as it comes, and none is kept.
    pub(super) async fn pages<P: Paged>(
        &self,
        path: &str,
        query: &[(&'static str, String)],
        much: Much,
    ) -> Result<Vec<P>, Failure> {
        let mut left = if much.all { u32::MAX } else { much.limit };
        let mut pages = Vec::new();
        let mut after: Option<String> = None;
        loop {
            let mut query = query.to_vec();
            query.push(("limit", left.min(PAGE).to_string()));
            query.extend(after.iter().map(|after| ("after", after.clone())));
            let answer = self.get(path, &query).await?;
            let page: P = answer.read()?;
            left = left.saturating_sub(u32::try_from(page.rows()).unwrap_or(u32::MAX));
            after = page.next().map(str::to_owned);
            if self.is_json {
                self.json(&answer)?;
            } else {
                pages.push(page);
            }
            if left == 0 || after.is_none() {
                return Ok(pages);
            }
        }
    }

    /// Writes an answer: as it is, or as these words.
    pub(super) fn tell<T: DeserializeOwned>(
        &self,
        answer: &Answer,
        words: impl FnOnce(&T) -> String,
    ) -> Result<Exit, Failure> {
        if self.is_json {
            self.json(answer)?;
        } else {
            let mut text = words(&answer.read()?);
            if answer.replayed {
                text.push_str("\nThis key was answered before: nothing was done again.\n");
            }
            self.say(&text)?;
        }
        Ok(Exit::Done)
    }

    /// Writes words for people.
    pub(super) fn say(&self, text: &str) -> Result<(), Failure> {
        write(text.as_bytes())
    }

    /// Writes what the API answered, byte for byte, or indented where a person reads it.
    fn json(&self, answer: &Answer) -> Result<(), Failure> {
        let mut body = answer.body.clone();
        if io::stdout().is_terminal() {
            body = json::indented(&String::from_utf8_lossy(&body)).into_bytes();
        }
        body.push(b'\n');
        write(&body)
    }

    /// Asks the person who runs this; `sure` is theirs already.
    pub(super) fn confirm(&self, question: &str, sure: bool) -> Result<(), Failure> {
        if sure {
            return Ok(());
        }
        if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
            let fix =
                "this asks first, and there is nobody at a terminal to ask. Nothing was done; add --yes to mean it";
            return Err(Failure::Usage(fix.to_owned()));
        }
        let mut said = String::new();
        let asked = write!(io::stderr(), "{question} [y/N] ").and_then(|()| io::stdin().lock().read_line(&mut said));
        let is_sure = asked.is_ok() && matches!(said.trim(), "y" | "Y" | "yes");
        is_sure
            .then_some(())
            .ok_or_else(|| Failure::Usage("nothing was done".to_owned()))
    }
}

/// Writes to standard output; whoever stops reading has had enough.
pub(super) fn write(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(|error| {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Failure::Closed
        } else {
            Failure::Local(format!("cannot write: {error}"))
        }
    })
}
