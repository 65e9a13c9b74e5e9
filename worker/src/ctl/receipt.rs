//! The receipt of a payout (CEP): where Banxico has it, whose account it was, and what Banxico's portal said.

use jiff::Timestamp;
use serde_json::json;
use workflows::domain::PayoutId;

use super::{
    args::Key,
    failure::{Exit, Failure},
    paper::{Paper, Text, Tone},
    session::Session,
    words::{amount, plain},
};
use crate::api::view::receipt::{AtBanxico, Receipt};

/// Shows the receipt of a payout, and has it looked up at Banxico first where that is wanted.
pub(super) async fn show(session: &Session, id: PayoutId, looks_up: bool, key: &Key) -> Result<Exit, Failure> {
    let path = format!("/v1/payouts/{id}/receipt");
    let answer = if looks_up {
        session.post(&path, key.key.as_deref(), &json!({})).await?
    } else {
        session.get(&path, &[]).await?
    };
    session.tell(&answer, |receipt| confirmed(receipt, &session.paper))
}

fn confirmed(receipt: &Receipt, paper: &Paper) -> String {
    let tone = match receipt.name_matches {
        Some(false) => Tone::Bad,
        Some(true) | None => Tone::Plain,
    };
    let mut facts = vec![("receipt", Text::new(&receipt.what, tone))];
    facts.extend(
        receipt
            .beneficiary_name
            .as_ref()
            .map(|name| ("name", Text::new(name, tone))),
    );
    facts.extend(receipt.seen_at.map(|at| ("seen", Text::from(paper.clock.full(at)))));
    if let Some(banxico) = &receipt.banxico {
        facts.extend(portal(banxico, paper));
    }
    if let Some(by_hand) = &receipt.look_up {
        let told = format!(
            "{}: {}, key {}, issuer {}, receiver {}, {}",
            by_hand.at,
            by_hand.day,
            by_hand.tracking_key.as_str(),
            by_hand.issuer,
            by_hand.receiver,
            amount(by_hand.amount)
        );
        facts.push(("by hand", Text::from(told)));
    }
    let mut text = format!("{}\n\n{}", receipt.payout, paper.facts(facts));
    if receipt.banxico.as_ref().is_some_and(|banxico| banxico.answer.is_none()) {
        text.push_str(&format!("\nlook again: giroctl payouts receipt {}\n", receipt.payout));
    }
    // A link that is wrapped cannot be followed.
    if let Some(url) = &receipt.url {
        text.push_str(&format!("\n{}\n", plain(url)));
    }
    text
}

/// From when on whoever wants it has it asked once more.
fn again(at: Timestamp, paper: &Paper) -> Text {
    Text::from(format!("by --look-up, from {} on", paper.clock.full(at)))
}

/// What Banxico's portal said.
fn portal(banxico: &AtBanxico, paper: &Paper) -> Vec<(&'static str, Text)> {
    let tone = match banxico.name_matches {
        Some(false) => Tone::Bad,
        Some(true) | None => Tone::Plain,
    };
    let clock = |at: Timestamp| Text::from(paper.clock.full(at));
    let asked = format!("{} by {}", paper.clock.full(banxico.asked_at), banxico.asked_by);
    let mut facts = vec![
        ("Banxico", Text::new(&banxico.what, tone)),
        ("asked", Text::from(asked)),
    ];
    facts.extend(banxico.answered_at.map(|at| ("answered", clock(at))));
    facts.extend(
        banxico
            .state
            .map(|state| ("in SPEI", Text::from(state.word().to_owned()))),
    );
    facts.extend(
        banxico
            .beneficiary_name
            .as_ref()
            .map(|name| ("account of", Text::new(name, tone))),
    );
    facts.extend(banxico.credited_at.map(|at| ("credited", clock(at))));
    facts.extend(banxico.asked_next_at.map(|at| ("asked next", clock(at))));
    facts.extend(banxico.may_be_wanted_at.map(|at| ("asked again", again(at, paper))));
    facts
}
