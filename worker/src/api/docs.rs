//! What each problem means, for people: `docs/problems.md`, carried by the program and served without a network.

use axum::{
    extract::Path,
    http::header,
    response::{IntoResponse, Response},
};

use super::{
    Answered,
    problem::{Code, Problem},
};

const PROBLEMS: &str = include_str!("../../../docs/problems.md");

/// Where a problem is explained: a path of this API.
pub(super) fn problem(code: Code) -> String {
    format!("/docs/problems/{}", code.word())
}

/// `GET /docs/problems`: all of them.
pub(super) async fn problems() -> Response {
    text(PROBLEMS)
}

/// `GET /docs/problems/{code}`: one of them.
pub(super) async fn one(Path(word): Path<String>) -> Answered<Response> {
    let code = Code::all().find(|code| code.word() == word);
    code.and_then(section).map(text).ok_or(Problem::from(Code::NotFound))
}

/// The heading of a code with what stands below it.
fn section(code: Code) -> Option<&'static str> {
    let start = PROBLEMS.find(&format!("\n## {}\n", code.word()))? + 1;
    let rest = PROBLEMS.get(start..)?;
    let end = rest.find("\n## ").map_or(rest.len(), |end| end + 1);
    rest.get(..end)
}

fn text(text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}

#[cfg(test)]
mod tests {
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
            let section = section(code).expect("a heading");
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

    #[tokio::test]
    async fn a_problem_is_explained_alone_and_what_is_none_is_not_found() {
        let answer = one(Path("too_late".to_owned())).await.expect("is there");
        let body = axum::body::to_bytes(answer.into_body(), 10_000).await.expect("whole");
        assert!(body.starts_with(b"## too_late\n") && !body.windows(4).any(|part| part == b"\n## "));
        assert!(one(Path("Field codes".to_owned())).await.is_err());
    }
}
