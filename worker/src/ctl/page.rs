//! One payout as a page to read: where the money is, what the bank said, what is next, what may be done, where to look.

use jiff::Timestamp;
use workflows::domain::{Centavos, State};

use super::{
    attention::waits,
    paper::{Paper, Text, Tone},
    when::between,
    words::{age, amount, plain, since},
};
use crate::api::view::payout::{Beneficiary, May, Payout};

/// How a state strikes the eye.
pub(super) fn tone(state: State) -> Tone {
    match state {
        State::Accepted | State::Sending | State::Sent => Tone::Plain,
        State::Settled => Tone::Good,
        State::Failed | State::Cancelled | State::Returned => Tone::Odd,
    }
}

/// `MXN 1,250.00 to BBVA Mexico ****1249`.
pub(super) fn title(centavos: Centavos, to: &Beneficiary) -> String {
    format!(
        "{} to {} ****{}",
        amount(centavos),
        institution(to),
        plain(&to.clabe_last4)
    )
}

/// Its name, or its code when the catalogue no longer has it.
pub(super) fn institution(to: &Beneficiary) -> String {
    let code = || format!("institution {}", to.institution.code);
    to.institution.name.as_deref().map_or_else(code, plain)
}

/// The whole page; `base` is where giro is.
pub(super) fn page(payout: &Payout, base: &str, paper: &Paper, now: Timestamp) -> String {
    let mut facts = standing(payout, base, paper, now);
    facts.extend(outlook(payout, paper));
    facts.extend(order(payout));
    facts.extend(times(payout, paper, now));
    let mut text = format!("{}  {}\n\n", payout.id, title(payout.amount, &payout.beneficiary));
    text.push_str(&paper.facts(facts));
    // A link that is wrapped cannot be followed.
    text.push_str(&format!("\nhistory      giroctl payouts timeline {}\n", payout.id));
    if matches!(payout.state, State::Settled | State::Returned) && payout.send_no > 0 {
        text.push_str(&format!("receipt      giroctl payouts receipt {}\n", payout.id));
    }
    if let Some(run) = &payout.links.workflow {
        text.push_str(&format!("run          {}\n", plain(run)));
    }
    text
}

/// Where it stands, and why a person should look.
fn standing(payout: &Payout, base: &str, paper: &Paper, now: Timestamp) -> Vec<(&'static str, Text)> {
    let since = format!("{}, since {}", payout.state, paper.since(payout.changed_at, now));
    let said = payout.bank_said.as_deref().unwrap_or("nothing yet");
    let mut facts = vec![
        ("state", Text::new(since, tone(payout.state))),
        ("money", Text::from(&payout.money)),
        ("bank said", Text::from(said)),
    ];
    if let Some(evidence) = payout.evidence {
        facts.push(("proven by", Text::from(evidence.word())));
    }
    if let Some(doubt) = &payout.doubt {
        facts.push(("in doubt", Text::new(doubt, Tone::Odd)));
    }
    if let Some(reason) = &payout.reason {
        let code = reason
            .bank_code
            .as_deref()
            .map_or_else(String::new, |code| format!(" ({code})"));
        facts.push(("reason", Text::from(format!("{}{code}", reason.code.word()))));
        facts.push(("", Text::from(&reason.customer.es_mx)));
    }
    facts.extend(payout.cancelled_by.as_ref().map(|by| ("taken back by", Text::from(by))));
    if let Some(back) = &payout.returned {
        let of = if back.amount == payout.amount {
            "all of it".to_owned()
        } else {
            format!("{} of {}", amount(back.amount), amount(payout.amount))
        };
        let fee = if back.refunded.get() > 0 {
            ", fee and IVA too"
        } else {
            ""
        };
        let told = format!("{of}{fee}, operating date {}, by {}", back.operating_date, back.by);
        facts.push(("came back", Text::from(told)));
    }
    facts.push(("tell payer", Text::from(&payout.customer.es_mx)));
    if let Some(attention) = &payout.attention {
        let told = format!("{}, since {}", attention.reason, paper.since(attention.since, now));
        facts.push(("attention", Text::new(told, Tone::Bad)));
        facts.push(("", Text::from(&attention.what)));
        facts.push(("", Text::from(format!("more at {base}{}", attention.doc))));
    }
    if let Some(waiting) = &payout.waits_for {
        facts.extend(waits(waiting, paper, now));
        facts.push(("", Text::from(format!("more at {base}{}", waiting.doc))));
    }
    facts
}

/// What comes, and what may be asked for.
fn outlook(payout: &Payout, paper: &Paper) -> Vec<(&'static str, Text)> {
    let next = payout.next.as_ref().map_or_else(
        || "nothing: it has ended".to_owned(),
        |next| match next.at {
            Some(at) => format!("{}, not before {}", next.what, paper.clock.full(at)),
            None => next.what.clone(),
        },
    );
    let mut facts = vec![("next", Text::from(next))];
    let command = |may: &May| {
        let more = match (may.action.as_str(), payout.state.is_open()) {
            ("decide", true) => " --outcome paid|not_paid --document \"...\"",
            ("decide", false) => " --outcome understood --document \"...\"",
            _ => "",
        };
        format!("giroctl payouts {} {}{more}", may.action, payout.id)
    };
    for may in &payout.may {
        match &may.why {
            Some(why) => facts.push(("you may not", Text::from(format!("{}: {why}", may.action)))),
            // giro resends by itself: there is no command.
            None if may.action == "resend" => {}
            None => facts.push(("you may", Text::from(command(may)))),
        }
    }
    facts
}

/// What the bank knows it by, and what it costs.
fn order(payout: &Payout) -> Vec<(&'static str, Text)> {
    let held = [payout.fee, payout.iva]
        .into_iter()
        .try_fold(payout.amount, Centavos::checked_add)
        .map_or_else(String::new, |all| format!("; in all {}", amount(all)));
    let charges = format!("fee {}, IVA {}{held}", amount(payout.fee), amount(payout.iva));
    let mut bank = format!("{}, sends begun: {}", payout.bank, payout.send_no);
    if let Some(date) = payout.operating_date {
        bank.push_str(&format!(", operating date {date}"));
    }
    if let Some(own) = &payout.bank_ref {
        bank.push_str(&format!(", its own id {own}"));
    }
    vec![
        ("charges", Text::from(charges)),
        ("account", Text::from(payout.account.to_string())),
        (
            "tracking",
            Text::from(format!(
                "{}, reference {}",
                payout.tracking_key.as_str(),
                payout.reference
            )),
        ),
        ("bank", Text::from(bank)),
    ]
}

fn times(payout: &Payout, paper: &Paper, now: Timestamp) -> Vec<(&'static str, Text)> {
    let mut facts = vec![("accepted", Text::from(paper.since(payout.accepted_at, now)))];
    facts.extend(
        payout
            .process_after
            .map(|at| ("asked for", Text::from(paper.clock.full(at)))),
    );
    if let Some(ended) = payout.ended_at {
        let took = between(payout.accepted_at, ended).map_or_else(String::new, |took| format!(", after {}", age(took)));
        facts.push(("ended", Text::from(format!("{}{took}", paper.clock.full(ended)))));
    } else if let Some(deadline) = payout.deadline_at {
        let late = since(deadline, now).map_or_else(String::new, |late| format!(" ({late} ago)"));
        facts.push((
            "overdue",
            Text::from(format!("at {}{late}", paper.clock.full(deadline))),
        ));
    }
    facts
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::ctl::paper::plain_paper;

    /// A payout as the API shows it, with what differs.
    pub(in crate::ctl) fn payout(differs: Value) -> Payout {
        let mut shown = json!({
            "object": "payout", "id": "po_00000000000000000000000000000007", "state": "sending",
            "amount": 125_000, "fee": 500, "iva": 80, "currency": "MXN",
            "account": "acc_00000000000000000000000000000008",
            "beneficiary": {"clabe_last4": "1249", "institution": {"code": 40_012, "name": "BBVA Mexico"}},
            "tracking_key": "GIRO19C5EFE5FJXRKN32J9SP96TTP", "reference": 7, "operating_date": "2026-11-23",
            "send_no": 1, "bank": "stp", "bank_ref": null, "bank_said": "no answer: connection closed",
            "evidence": null, "doubt": "the answer was lost",
            "attention": {
                "reason": "deadline", "since": "2026-11-23T17:05:00Z", "what": "it takes longer than it should",
                "bank_said": null, "doc": "/docs/runbook/deadline",
            },
            "waits_for": null,
            "next": {"step": "ask", "what": "giro asks the bank again, within a minute", "at": null},
            "may": [
                {"action": "cancel", "allowed": false, "why": "the order may be at the bank"},
                {"action": "retry", "allowed": true, "why": null},
            ],
            "accepted_at": "2026-11-23T17:00:00Z", "changed_at": "2026-11-23T17:00:01Z", "ended_at": null,
            "effective_on": null, "deadline_at": "2026-11-23T17:05:00Z", "money": "held; the order may be at the bank",
            "reason": null, "customer": {"es-MX": "Lo estamos verificando.", "en": "We are checking it."},
            "links": {"self": "/v1/payouts/x", "timeline": "/v1/payouts/x/timeline", "workflow": "http://ui/run"},
        });
        let differs = differs.as_object().cloned().unwrap_or_default();
        shown.as_object_mut().expect("an object").extend(differs);
        serde_json::from_value(shown).expect("is a payout")
    }

    fn shown(differs: Value) -> String {
        let text = page(
            &payout(differs),
            "http://giro",
            &plain_paper(),
            "2026-11-23T17:08:12Z".parse().expect("a time"),
        );
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
        text
    }

    #[test]
    fn a_stuck_payout_is_told_on_one_page() {
        let text = shown(json!({}));
        for line in [
            "po_00000000000000000000000000000007  MXN 1,250.00 to BBVA Mexico ****1249",
            "state        sending, since 2026-11-23 11:00:01 CDMX (8m 11s ago)",
            "money        held; the order may be at the bank",
            "bank said    no answer: connection closed",
            "in doubt     the answer was lost",
            "tell payer   Lo estamos verificando.",
            "attention    deadline, since 2026-11-23 11:05:00 CDMX (3m 12s ago)",
            "             more at http://giro/docs/runbook/deadline",
            "next         giro asks the bank again, within a minute",
            "you may not  cancel: the order may be at the bank",
            "you may      giroctl payouts retry po_00000000000000000000000000000007",
            "charges      fee MXN 5.00, IVA MXN 0.80; in all MXN 1,255.80",
            "overdue      at 2026-11-23 11:05:00 CDMX (3m 12s ago)",
            "history      giroctl payouts timeline po_00000000000000000000000000000007",
            "run          http://ui/run",
        ] {
            assert!(text.lines().any(|told| told == line), "{line:?} is not in:\n{text}");
        }
    }

    #[test]
    fn one_that_waits_for_its_bank_says_for_which_and_since_when() {
        let text = shown(json!({"attention": null, "waits_for": {
            "bank": "stp", "cause": "away", "since": "2026-11-23T17:00:12Z",
            "what": "stp answers neither orders nor questions", "next": "giro goes on asking",
            "doc": "/docs/runbook/away",
        }}));
        for line in [
            "waits for    stp: away, since 2026-11-23 11:00:12 CDMX (8m ago)",
            "             stp answers neither orders nor questions",
            "             giro goes on asking",
            "             more at http://giro/docs/runbook/away",
        ] {
            assert!(text.lines().any(|told| told == line), "{line:?} is not in:\n{text}");
        }
        assert!(!text.contains("attention"), "{text}");
    }

    #[test]
    fn an_ended_one_says_what_proved_it_and_how_long_it_took() {
        let text = shown(json!({
            "state": "settled", "evidence": "paid", "doubt": null, "attention": null, "next": null,
            "ended_at": "2026-11-23T17:02:05Z", "money": "with the beneficiary",
            "may": [{"action": "cancel", "allowed": false, "why": "it has ended"}],
        }));
        for line in [
            "proven by    paid",
            "next         nothing: it has ended",
            "ended        2026-11-23 11:02:05 CDMX, after 2m 5s",
        ] {
            assert!(text.lines().any(|told| told == line), "{line:?} is not in:\n{text}");
        }
        assert!(
            !text.contains("attention") && !text.contains("in doubt") && !text.contains("overdue"),
            "{text}"
        );
    }
}
