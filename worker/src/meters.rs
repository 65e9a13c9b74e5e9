//! What the programs measure around the work itself: requests, starts of runs, connections; and the list of all metrics.

use std::time::Duration;

use activities::{
    bank::stp,
    meters::{self, Meter, Program},
};
use metrics::{counter, gauge, histogram};
use sqlx::PgPool;

activities::meters! {
    BUILD = Gauge "giro_build_info" ["program" "version"] of [Api Worker Relay Audit]:
        "1 for the program that this process is and its version.";
    CONNECTIONS = Gauge "giro_database_connections" ["state"] of [Api Worker Relay Audit]:
        "Connections that this process holds to the books, by whether they are in use.";
    CONNECTIONS_LIMIT = Gauge "giro_database_connections_limit" [] of [Api Worker Relay Audit]:
        "Connections to the books that this process opens at most.";
    REQUESTS = Counter "giro_api_requests_total" ["method" "route" "status"] of [Api]:
        "Requests answered, by route and class of status.";
    REQUEST_SECONDS = Histogram "giro_api_request_seconds" ["method" "route"] of [Api]:
        "Time from a request's head to its answer.";
    PROBLEMS = Counter "giro_api_problems_total" ["code"] of [Api]:
        "Requests answered with a problem, by its code: refusals, bad input, books away.";
    UNAUTHENTICATED = Counter "giro_api_unauthenticated_total" ["reason"] of [Api]:
        "Requests without a good key: missing, unreadable, or not live.";
    CONNECTIONS_REFUSED = Counter "giro_connections_refused_total" ["listener"] of [Api]:
        "Connections closed at once because too many were open.";
    WEBHOOKS_REFUSED = Counter "giro_webhooks_refused_total" ["bank" "reason"] of [Api]:
        "Calls of a bank that were refused, and not kept.";
    WEBHOOKS_ODD = Counter "giro_webhooks_odd_total" ["bank" "reason"] of [Api]:
        "Calls of a bank that were kept and are odd: unreadable ones are set apart, the rest is worked on.";
    RUN_STARTS = Counter "giro_run_starts_total" ["reason" "result"] of [Api Relay]:
        "Starts of runs: new by the API, overdue by the sweeper; left means left to the sweeper, alive that it had one.";
    SWEEP_FAILURES = Counter "giro_sweep_failures_total" [] of [Relay]:
        "Sweeps that could not read the books.";
}

/// Every metric of `program`.
pub fn of(program: Program) -> impl Iterator<Item = &'static Meter> {
    all().filter(move |meter| meter.programs.contains(&program))
}

/// Every metric of giro.
pub fn all() -> impl Iterator<Item = &'static Meter> {
    ALL.iter().chain(meters::ALL)
}

/// Describes what `program` measures; counters whose labels are known stand at 0 from the start.
pub(crate) fn describe(program: Program) {
    meters::describe(program);
    ALL.iter()
        .filter(|meter| meter.programs.contains(&program))
        .for_each(Meter::describe);
    gauge!(BUILD, "program" => program.word(), "version" => env!("CARGO_PKG_VERSION")).set(1);
    let (reason, results): (_, &[&str]) = match program {
        Program::Api => ("new", &["started", "failed", "left"]),
        Program::Relay => ("overdue", &["started", "failed"]),
        Program::Worker | Program::Audit => return,
    };
    for result in results {
        counter!(RUN_STARTS, "reason" => reason, "result" => *result).absolute(0);
    }
    if program == Program::Api {
        doors();
    }
}

/// The refusals of the API's two listeners stand at 0 from the start.
fn doors() {
    for reason in ["missing", "unreadable", "not_live"] {
        counter!(UNAUTHENTICATED, "reason" => reason).absolute(0);
    }
    for listener in ["api", "webhooks"] {
        counter!(CONNECTIONS_REFUSED, "listener" => listener).absolute(0);
    }
    for reason in ["address", "rate", "secret", "password", "body", "not_stored"] {
        counter!(WEBHOOKS_REFUSED, "bank" => stp::NAME, "reason" => reason).absolute(0);
    }
    for reason in ["unreadable", "content type"] {
        counter!(WEBHOOKS_ODD, "bank" => stp::NAME, "reason" => reason).absolute(0);
    }
}

/// A request had no good key.
pub(crate) fn unauthenticated(reason: &'static str) {
    counter!(UNAUTHENTICATED, "reason" => reason).increment(1);
}

/// A connection was closed at once.
pub(crate) fn connection_refused(listener: &'static str) {
    counter!(CONNECTIONS_REFUSED, "listener" => listener).increment(1);
}

/// A call of a bank was refused.
pub(crate) fn webhook_refused(bank: &'static str, reason: &'static str) {
    counter!(WEBHOOKS_REFUSED, "bank" => bank, "reason" => reason).increment(1);
}

/// A call of a bank was kept, and is odd.
pub(crate) fn webhook_odd(bank: &'static str, reason: &'static str) {
    counter!(WEBHOOKS_ODD, "bank" => bank, "reason" => reason).increment(1);
}

/// How the pool stands now.
pub(crate) fn connections(pool: &PgPool) {
    let idle = u32::try_from(pool.num_idle()).unwrap_or(u32::MAX);
    gauge!(CONNECTIONS, "state" => "idle").set(idle);
    gauge!(CONNECTIONS, "state" => "in_use").set(pool.size().saturating_sub(idle));
    gauge!(CONNECTIONS_LIMIT).set(pool.options().get_max_connections());
}

/// A request was answered. `route` is one of the API's own, never a path.
pub(crate) fn answered(method: &'static str, route: &str, status: axum::http::StatusCode, took: Duration) {
    let class = match status.as_u16() {
        100..=199 => "1xx",
        200..=299 => "2xx",
        300..=399 => "3xx",
        400..=499 => "4xx",
        _ => "5xx",
    };
    counter!(REQUESTS, "method" => method, "route" => route.to_owned(), "status" => class).increment(1);
    histogram!(REQUEST_SECONDS, "method" => method, "route" => route.to_owned()).record(took);
}

/// A request was answered with a problem.
pub(crate) fn problem(code: &'static str) {
    counter!(PROBLEMS, "code" => code).increment(1);
}

/// A run was started, or was not.
pub(crate) fn start(reason: &'static str, result: &'static str) {
    counter!(RUN_STARTS, "reason" => reason, "result" => result).increment(1);
}

/// A sweep could not read the books.
pub(crate) fn unswept() {
    counter!(SWEEP_FAILURES).increment(1);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const DOCS: &str = include_str!("../../docs/metrics.md");

    /// The row that the table must begin with; the last column, what to do, is the table's own.
    fn row(meter: &Meter) -> String {
        let words = |words: Vec<&str>| words.join(", ");
        format!(
            "| `{}` | {} | {} | {} | {} | ",
            meter.name,
            meter.kind.word(),
            words(meter.labels.to_vec()),
            words(meter.programs.iter().map(|program| program.word()).collect()),
            meter.help,
        )
    }

    #[test]
    fn the_documented_metrics_are_those_of_the_code() {
        let mut wrong: Vec<String> = all()
            .map(row)
            .filter(|row| DOCS.lines().filter(|line| line.starts_with(row.as_str())).count() != 1)
            .collect();
        let names: BTreeSet<&str> = all().map(|meter| meter.name).collect();
        let rows = DOCS.lines().filter(|line| line.starts_with("| `giro_"));
        let strange = rows.filter(|line| line.split('`').nth(1).is_none_or(|name| !names.contains(name)));
        wrong.extend(strange.map(|line| format!("not in the code: {line}")));
        assert!(
            wrong.is_empty(),
            "docs/metrics.md lacks or differs:\n{}",
            wrong.join("\n")
        );
        let done = DOCS.lines().filter(|line| line.starts_with("| `giro_"));
        for line in done {
            let last = line.trim_end_matches(" |").rsplit("| ").next().unwrap_or_default();
            assert!(last.len() > 3, "what to do when it moves: {line}");
        }
    }

    #[test]
    fn names_are_as_prometheus_wants_them_and_stand_once() {
        let names: BTreeSet<&str> = all().map(|meter| meter.name).collect();
        assert_eq!(names.len(), all().count());
        for meter in all() {
            let plain = meter.name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
            assert!(meter.name.starts_with("giro_") && plain, "{}", meter.name);
            let is_counter = meter.kind == activities::meters::Kind::Counter;
            assert_eq!(meter.name.ends_with("_total"), is_counter, "{}", meter.name);
        }
    }
}
