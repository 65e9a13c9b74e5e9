//! What a person should look at, by its cause: what it means, what giro does, what people may do.

use jiff::Timestamp;

use super::{
    failure::{Exit, Failure},
    paper::{Paper, Text, Tone},
    session::Session,
    words::plain,
};
use crate::api::view::{
    attention::{Attention, Waiting},
    page::Page,
};

pub(super) const PATH: &str = "/v1/attention";

pub(super) async fn run(session: &Session) -> Result<Exit, Failure> {
    let (answer, now) = session.get_with_now(PATH, &[]).await?;
    session.tell(&answer, |page: &Page<Attention>| {
        listing(&page.data, session.base(), &session.paper, now)
    })
}

/// One block for each cause.
pub(super) fn listing(causes: &[Attention], base: &str, paper: &Paper, now: Timestamp) -> String {
    if causes.is_empty() {
        return "Nobody has to do anything: no bank and no payout wants a person.\n".to_owned();
    }
    let blocks = causes.iter().map(|cause| block(cause, base, paper, now));
    blocks.collect::<Vec<_>>().join("\n")
}

fn block(cause: &Attention, base: &str, paper: &Paper, now: Timestamp) -> String {
    let name = cause
        .bank
        .as_ref()
        .map_or_else(|| cause.cause.clone(), |bank| format!("bank {bank}: {}", cause.cause));
    let mut facts = vec![
        ("attention", Text::new(name, Tone::Bad)),
        ("since", Text::from(paper.since(cause.since, now))),
        match (cause.arrivals, cause.days) {
            (0, 0) => ("payouts", Text::from(payouts(cause, paper, now))),
            (0, many) => ("days", Text::from(many.to_string())),
            (many, _) => ("records", Text::from(many.to_string())),
        },
        ("means", Text::from(&cause.what)),
    ];
    facts.extend(
        cause
            .pause_reason
            .as_ref()
            .map(|reason| ("because", Text::from(reason))),
    );
    facts.extend([
        ("giro does", Text::from(&cause.next)),
        ("you may", Text::from(&cause.you_may)),
        ("more at", Text::from(format!("{base}{}", cause.doc))),
    ]);
    paper.facts(facts)
}

fn payouts(cause: &Attention, paper: &Paper, now: Timestamp) -> String {
    let Some(oldest) = cause.oldest else {
        return "none is overdue for it".to_owned();
    };
    let list = match &cause.bank {
        Some(bank) => format!("--attention bank --bank {}", plain(bank)),
        None => format!("--attention {}", plain(&cause.cause)),
    };
    format!(
        "{}, the first since {}: giroctl payouts list {list}",
        cause.payouts,
        paper.since(oldest, now)
    )
}

/// What the banks keep waiting, under a list of payouts that have reasons of their own.
pub(super) fn footer(causes: &[Attention]) -> String {
    let banks = causes.iter().filter(|cause| cause.bank.is_some() && cause.days == 0);
    let lines = banks.map(|cause| {
        format!(
            "\nattention {}: {}; overdue for it: {} (giroctl attention says more).\n",
            plain(&cause.cause),
            plain(&cause.what),
            cause.payouts
        )
    });
    lines.collect()
}

/// Why one payout waits for its bank.
pub(super) fn waits(waiting: &Waiting, paper: &Paper, now: Timestamp) -> Vec<(&'static str, Text)> {
    let since = paper.since(waiting.since, now);
    let told = format!("{}: {}, since {since}", waiting.bank, waiting.cause.word());
    vec![
        ("waits for", Text::new(told, Tone::Odd)),
        ("", Text::from(&waiting.what)),
        ("", Text::from(&waiting.next)),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::ctl::paper::plain_paper;

    fn now() -> Timestamp {
        "2026-11-23T18:00:00Z".parse().expect("a time")
    }

    fn cause(differs: Value) -> Attention {
        let mut shown = json!({
            "object": "attention", "cause": "away", "bank": "stp", "since": "2026-11-23T17:00:00Z", "payouts": 143,
            "oldest": "2026-11-23T17:01:00Z", "what": "stp answers neither orders nor questions",
            "next": "giro goes on asking", "you_may": "ask stp", "pause_reason": null, "doc": "/docs/runbook/away",
            "links": {"payouts": "/v1/payouts?attention=bank&bank=stp"},
        });
        let differs = differs.as_object().cloned().unwrap_or_default();
        shown.as_object_mut().expect("an object").extend(differs);
        serde_json::from_value(shown).expect("is a cause")
    }

    #[test]
    fn each_cause_is_told_once_with_what_may_be_done() {
        let text = listing(&[cause(json!({}))], "http://giro", &plain_paper(), now());
        for line in [
            "attention  bank stp: away",
            "since      2026-11-23 11:00:00 CDMX (1h ago)",
            "means      stp answers neither orders nor questions",
            "giro does  giro goes on asking",
            "you may    ask stp",
            "more at    http://giro/docs/runbook/away",
        ] {
            assert!(text.lines().any(|told| told == line), "{line:?} is not in:\n{text}");
        }
        assert!(
            text.contains("143, the first since 2026-11-23 11:01:00 CDMX (59m ago)"),
            "{text}"
        );
        let idle = cause(json!({"payouts": 0, "oldest": null, "cause": "people", "pause_reason": "asked to (ops)"}));
        let text = listing(&[idle], "http://giro", &plain_paper(), now());
        assert!(
            text.contains("because    asked to (ops)\n") && text.contains("none is overdue"),
            "{text}"
        );
        assert!(listing(&[], "http://giro", &plain_paper(), now()).starts_with("Nobody has to do anything"));
    }

    #[test]
    fn a_list_of_payouts_ends_with_what_banks_keep_waiting() {
        let single = cause(json!({"bank": null, "cause": "mismatch"}));
        assert_eq!(footer(&[single]), "");
        let text = footer(&[cause(json!({}))]);
        assert_eq!(
            text,
            "\nattention away: stp answers neither orders nor questions; overdue for it: 143 (giroctl attention says more).\n"
        );
    }
}
