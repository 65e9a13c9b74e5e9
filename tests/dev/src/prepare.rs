//! Postgres, Temporal and the build, at the same time.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use dev::parts::{Trouble, port_near, postgres, process, temporal};

use crate::project::Project;
use crate::stop::Stop;
use crate::{compile, say, stop};

// Ports one can remember, where they are free.
const POSTGRES: u16 = 5433;
const TEMPORAL: u16 = 7233;
const TEMPORAL_UI: u16 = 8233;

enum Ready {
    Built(Result<(), Trouble>),
    Postgres(Result<postgres::Server, Trouble>),
    Temporal(Result<temporal::Server, Trouble>),
}

/// Both servers, once giro is built as well.
pub(crate) fn all(project: &Project) -> Result<(postgres::Server, temporal::Server), Stop> {
    let (ready, inbox) = mpsc::channel();
    start(project, &ready)?;
    let (mut built, mut postgres, mut temporal) = (false, None, None);
    loop {
        // What runs is stopped here, so that the helpers of a thread in the middle of its work end too.
        let news = match inbox.recv_timeout(Duration::from_millis(100)) {
            Ok(Ready::Built(result)) => result.map(|()| built = true),
            Ok(Ready::Postgres(result)) => result.map(|server| postgres = Some(server)),
            Ok(Ready::Temporal(result)) => result.map(|server| temporal = Some(server)),
            Err(RecvTimeoutError::Timeout) => Ok(()),
            Err(RecvTimeoutError::Disconnected) => Err(Trouble::new(
                "a preparing thread ended without a word",
                "run `cargo dev` again",
            )),
        };
        if let Err(stop) = stop::check().and(news.map_err(Stop::from)) {
            process::stop_all(Duration::from_secs(10));
            return Err(stop);
        }
        match (built, postgres.take(), temporal.take()) {
            (true, Some(postgres), Some(temporal)) => return Ok((postgres, temporal)),
            (_, waiting_postgres, waiting_temporal) => (postgres, temporal) = (waiting_postgres, waiting_temporal),
        }
    }
}

fn start(project: &Project, ready: &Sender<Ready>) -> Result<(), Trouble> {
    let (root, log, built) = (project.root.clone(), project.log("cargo"), ready.clone());
    thread::spawn(move || {
        let begin = Instant::now();
        let result = compile::build(&root, &log, &|line| say::part("giro", line));
        if result.is_ok() {
            say::done("giro", "built", begin);
        }
        let _ = built.send(Ready::Built(result));
    });

    let options = postgres::Options {
        dir: project.path("pg"),
        log: project.log("postgres"),
        port: Some(port_near(POSTGRES)?),
    };
    let postgres = ready.clone();
    thread::spawn(move || {
        let begin = Instant::now();
        let result = postgres::Server::start(&options, &|line| say::part("postgres", line));
        if let Ok(server) = &result {
            say::done("postgres", &server.describe(), begin);
        }
        let _ = postgres.send(Ready::Postgres(result));
    });

    let own = |(name, kind): (&str, &str)| (name.to_owned(), kind.to_owned());
    let options = temporal::Options {
        db_file: project.path("temporal.db"),
        log: project.log("temporal"),
        port: port_near(TEMPORAL)?,
        ui: Some(port_near(TEMPORAL_UI)?),
        search_attributes: temporal::SEARCH_ATTRIBUTES.map(own).to_vec(),
    };
    let temporal = ready.clone();
    thread::spawn(move || {
        let begin = Instant::now();
        let result = temporal::Server::start(&options, &|line| say::part("temporal", line));
        if let Ok(server) = &result {
            say::done("temporal", &server.describe(), begin);
        }
        let _ = temporal.send(Ready::Temporal(result));
    });
    Ok(())
}
