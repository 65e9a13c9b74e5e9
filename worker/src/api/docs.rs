//! What each problem and each cause of attention means, for people: pages of `docs`, carried by the program and served
//! without a network.

use axum::{
    extract::Path,
    http::header,
    response::{IntoResponse, Response},
};

use workflows::domain::{Attention, ReceivedAttention, ReceivedKind};

use super::{
    Answered,
    problem::{Code, Problem},
};

const PROBLEMS: &str = include_str!("../../../docs/problems.md");
const RUNBOOK: &str = include_str!("../../../docs/runbook.md");

/// Where a problem is explained: a path of this API.
pub(super) fn problem(code: Code) -> String {
    format!("/docs/problems/{}", code.word())
}

/// The cause of closed days that differ from a bank's statement.
pub(super) const DAY_DIFFERS: &str = "day_differs";
/// The cause of a bank whose balance the books do not have.
pub(super) const BALANCE_DIFFERS: &str = "balance_differs";

/// Where a cause of attention is explained: a path of this API.
pub(super) fn runbook(cause: &str) -> String {
    format!("/docs/runbook/{cause}")
}

/// `GET /docs/problems`: all of them.
pub(super) async fn problems() -> Response {
    text(PROBLEMS)
}

/// `GET /docs/problems/{code}`: one of them.
pub(super) async fn one(Path(word): Path<String>) -> Answered<Response> {
    let code = Code::all().find(|code| code.word() == word);
    let found = code.and_then(|code| section(PROBLEMS, &format!("## {}", code.word())));
    found.map(text).ok_or(Problem::from(Code::NotFound))
}

/// `GET /docs/runbook`: all of it.
pub(super) async fn all_of_runbook() -> Response {
    text(RUNBOOK)
}

/// `GET /docs/runbook/{cause}`: what one cause of attention means, and what to do.
pub(super) async fn of_runbook(Path(word): Path<String>) -> Answered<Response> {
    of_cause(&word).map(text).ok_or(Problem::from(Code::NotFound))
}

/// The part of the runbook about a cause: a payout's own reason, that of money that came in (`deposit_differs`), or the
/// bank's.
fn of_cause(word: &str) -> Option<&'static str> {
    let is_reason = Attention::ALL.iter().any(|reason| reason.word() == word);
    let received = ReceivedKind::ALL
        .iter()
        .find_map(|kind| word.strip_prefix(kind.word())?.strip_prefix('_'));
    let received = received.filter(|word| ReceivedAttention::ALL.iter().any(|reason| reason.word() == *word));
    let heading = match word {
        _ if received.is_some() => format!("### Received: `{}`", received.unwrap_or_default()),
        _ if is_reason => format!("### `{word}`"),
        "people" | "configuration" => format!("### Paused by {word}"),
        "stray_order" => format!("### Paused by `{word}`"),
        DAY_DIFFERS => format!("### Closed day: `{word}`"),
        BALANCE_DIFFERS => format!("### Bank: `{word}`"),
        "away" | "catching_up" | "recovering" => format!("### Bank `{word}`"),
        _ => return None,
    };
    section(RUNBOOK, &heading)
}

/// A heading of a page with what stands below it, up to the next heading of its level or above.
fn section(page: &'static str, heading: &str) -> Option<&'static str> {
    let start = page.find(&format!("\n{heading}\n"))? + 1;
    let rest = page.get(start..)?;
    let end = rest
        .match_indices("\n##")
        .find(|(at, _)| !rest[at + 1..].starts_with("####"))
        .map_or(rest.len(), |(at, _)| at + 1);
    rest.get(..end)
}

fn text(text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}

#[cfg(test)]
mod tests {
    use activities::ledger::rows::Cause;
    use workflows::domain::FieldCode;

    use super::*;

    /// Headings of the page that are no codes.
    const OTHERS: &[&str] = &["Field codes"];

    #[test]
    fn every_problem_has_a_heading_and_every_heading_a_problem() {
        let headings: Vec<&str> = PROBLEMS.lines().filter_map(|line| line.strip_prefix("## ")).collect();
        let words: Vec<&str> = Code::all().map(Code::word).collect();
        for word in &words {
            assert_eq!(headings.iter().filter(|heading| *heading == word).count(), 1, "{word}");
        }
        for heading in headings {
            assert!(
                words.contains(&heading) || OTHERS.contains(&heading),
                "{heading} is no code"
            );
        }
    }

    #[test]
    fn each_problem_says_its_status_what_became_of_the_key_whether_to_retry_and_what_to_do() {
        for code in Code::all() {
            let section = section(PROBLEMS, &format!("## {}", code.word())).expect("a heading");
            let retry = if code.is_retryable() {
                "- **Retry:** yes"
            } else {
                "- **Retry:** no"
            };
            let status = format!("\n\n**{}.** ", code.status().as_u16());
            for part in [&status, "\n- **Key:** ", &format!("\n{retry}"), "\n- **Do:** "] {
                assert!(section.contains(part), "{} lacks {part:?}:\n{section}", code.word());
            }
        }
    }

    #[test]
    fn every_field_code_has_a_line_and_every_line_a_field_code() {
        let fields = PROBLEMS.split("\n## Field codes\n").nth(1).expect("the table");
        let lines: Vec<&str> = fields
            .lines()
            .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
            .collect();
        let words: Vec<&str> = FieldCode::ALL.iter().map(|code| code.word()).collect();
        assert_eq!(lines, words, "in the order of the enum");
    }

    #[test]
    fn every_cause_of_attention_is_explained_alone() {
        let reasons = Attention::ALL.iter().map(|reason| reason.word());
        let causes = reasons.chain(Cause::all().map(Cause::word)).map(str::to_owned);
        let received = ReceivedAttention::ALL
            .iter()
            .flat_map(|reason| ReceivedKind::ALL.iter().map(move |kind| format!("{kind}_{reason}")));
        for cause in causes.chain(received) {
            let part = of_cause(&cause).expect(&cause);
            assert!(part.starts_with("### ") && part.contains("\n**Means**"), "{part}");
            assert_eq!(part.matches("\n#").count(), 0, "{part}");
        }
        assert_eq!(of_cause("looking"), None);
    }

    #[tokio::test]
    async fn a_problem_is_explained_alone_and_what_is_none_is_not_found() {
        let answer = one(Path("too_late".to_owned())).await.expect("is there");
        let body = axum::body::to_bytes(answer.into_body(), 10_000).await.expect("whole");
        assert!(body.starts_with(b"## too_late\n") && !body.windows(4).any(|part| part == b"\n## "));
        assert!(one(Path("Field codes".to_owned())).await.is_err());
    }
}
