//! What a person reads about a payout: the amount, where the money is, what the bank said, what happens next.

use crate::{
    contract::Standing,
    domain::{Attention, Centavos, State},
};

/// One line for the list of runs: amount and institution, no more.
pub fn summary(amount: Centavos, bank: &str, institution: &str, last4: &str) -> String {
    format!("{amount} by {bank} to {institution}, account ****{last4}")
}

/// Where the money is.
pub fn money(state: State) -> &'static str {
    match state {
        State::Accepted => "held for the customer; nothing has left",
        State::Sending => "held; the order may be at the bank",
        State::Sent => "held; the bank has the order",
        State::Settled => "with the beneficiary",
        State::Failed | State::Cancelled => "back with the customer",
        State::Returned => "sent back by the beneficiary's bank, and with the customer",
    }
}

/// Why a person should look, and what they can do.
pub fn attention(reason: Attention) -> &'static str {
    match reason {
        Attention::Deadline => {
            "it takes longer than it should. giro keeps asking and ends it by itself; `retry` in the API asks now"
        }
        Attention::Mismatch => {
            "the bank has an order by this key that is not this payout: compare both, then decide with two people"
        }
        Attention::UnknownWord => "the bank used a word that giro does not know: ask the bank what it means",
        Attention::Contradiction => "two proofs disagree: nothing moves until two people decide with a document",
        Attention::EvidenceBeforeSend => "the bank knows a payout that giro did not send: find out who did",
        Attention::PaidAfterRelease => "the bank paid after the money went back to the customer: the bank is paused",
        Attention::EvidenceAfterEnd => "the bank now says otherwise than when this ended: compare with its statement",
        Attention::SecondOrder => {
            "the bank has two orders under one key: it is paused; find out with the bank which one is live"
        }
        Attention::ReturnExpected => "the money left and came back: the return is made when the bank lists it",
    }
}

/// The details of a run: markdown, rewritten at every step.
pub fn details(standing: &Standing, attention_shown: Option<Attention>, next: &str) -> String {
    let Standing {
        amount,
        bank,
        tracking_key,
        state,
        bank_said,
        operating_date,
        ..
    } = standing;
    let said = bank_said.as_deref().unwrap_or("nothing yet");
    let date = operating_date.map_or_else(String::new, |date| format!(", operating date {date}"));
    let mut text = format!(
        "**{amount}** is {}.\n\n- State: `{state}`\n- Bank: {bank} said: {said}\n- Tracking key: `{tracking_key}`{date}\n- Next: {next}\n",
        money(*state)
    );
    if let Some(reason) = attention_shown.or(standing.attention) {
        text.push_str(&format!("- **Attention** `{reason}`: {}\n", attention(reason)));
    }
    if *state == State::Accepted {
        text.push_str("\nTo take it back, use `cancel` in the API: a Temporal cancel or terminate changes no money.\n");
    } else if state.is_open() {
        text.push_str("\nIt can no longer be taken back: a Temporal cancel or terminate changes no money.\n");
    }
    text
}
