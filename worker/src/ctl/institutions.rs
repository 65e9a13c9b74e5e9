//! Participants of SPEI: by name or by the first digits of a CLABE.

use super::{
    failure::{Exit, Failure},
    paper::{Column, Paper, Text, Tone},
    session::Session,
    words::plain,
};
use crate::api::view::{institution::Institution, page::Page};

pub(super) async fn run(session: &Session, search: Option<&str>) -> Result<Exit, Failure> {
    let query: Vec<_> = search.map(parameter).into_iter().collect();
    let answer = session.get("/v1/institutions", &query).await?;
    session.tell(&answer, |page: &Page<Institution>| {
        listing(&page.data, search, &session.paper)
    })
}

/// Three digits and more are the beginning of a CLABE, of which no more is sent; anything else is a part of a name.
fn parameter(search: &str) -> (&'static str, String) {
    let is_clabe = search.len() >= 3 && search.bytes().all(|byte| byte.is_ascii_digit());
    match search.get(..3).filter(|_| is_clabe) {
        Some(prefix) => ("clabe", prefix.to_owned()),
        None => ("name", search.to_owned()),
    }
}

fn listing(found: &[Institution], search: Option<&str>, paper: &Paper) -> String {
    if found.is_empty() {
        let what = search.map_or_else(|| "is known".to_owned(), |search| format!("fits {:?}", plain(search)));
        return format!(
            "No institution {what}. Try a shorter part of the name, or the first three digits of a CLABE.\n"
        );
    }
    let columns = [
        Column::right("CODE"),
        Column::whole("CLABE"),
        Column::whole("PAID"),
        Column::cut("NAME"),
    ];
    let rows = found.iter().map(|row| {
        let (word, tone) = if row.can_be_paid {
            ("yes", Tone::Good)
        } else {
            ("no", Tone::Odd)
        };
        let prefix = row
            .clabe_prefix
            .as_ref()
            .map_or_else(String::new, |prefix| format!("{prefix}..."));
        vec![
            Text::from(row.code.to_string()),
            Text::from(prefix),
            Text::new(word, tone),
            Text::from(&row.name),
        ]
    });
    paper.table(&columns, rows.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_than_three_digits_of_a_clabe_leave() {
        assert_eq!(parameter("012180004643051249"), ("clabe", "012".to_owned()));
        assert_eq!(parameter("012"), ("clabe", "012".to_owned()));
        assert_eq!(parameter("bbva"), ("name", "bbva".to_owned()));
        assert_eq!(parameter("01"), ("name", "01".to_owned()));
        assert_eq!(parameter("méx"), ("name", "méx".to_owned()));
    }
}
