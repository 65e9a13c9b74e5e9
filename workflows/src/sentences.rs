//! What people read: the one catalogue of sentences, in Mexican Spanish and English, and the text of a run in the
//! Temporal UI, which is English only.
//!
//! | module | for whom |
//! | --- | --- |
//! | `customer` | the payer: plain, kind, and never more than is proven |
//! | `support` | whoever helps the payer: where the money is, why to look, what happens next |
//!
//! `docs/sentences.md` shows all of them on one page; a test keeps it so.

pub mod customer;
pub mod support;

use std::fmt::Display;

use crate::{
    contract::{ArrivalStanding, Standing},
    domain::{Attention, Centavos, ReceivedKind, State},
};

/// One sentence for people, the same in both languages; at most 200 characters in each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sentence {
    /// Mexican Spanish; addresses the reader as usted.
    pub es_mx: &'static str,
    /// English.
    pub en: &'static str,
}

const fn say(es_mx: &'static str, en: &'static str) -> Sentence {
    Sentence { es_mx, en }
}

/// A text of the catalogue with its `{name}`s replaced.
pub fn filled(text: &str, values: &[(&str, &dyn Display)]) -> String {
    let fill =
        |text: String, (name, value): &(&str, &dyn Display)| text.replace(&format!("{{{name}}}"), &value.to_string());
    values.iter().fold(text.to_owned(), fill)
}

/// One line for the list of runs: amount and institution, no more.
pub fn summary(amount: Centavos, bank: &str, institution: &str, last4: &str) -> String {
    format!("{amount} by {bank} to {institution}, account ****{last4}")
}

/// Where the money is, in English.
pub fn money(state: State) -> &'static str {
    support::money(state).en
}

/// Why a person should look, and what they can do, in English.
pub fn attention(reason: Attention) -> &'static str {
    support::attention(reason).en
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

/// One line for the list of runs, of money that came in.
pub fn arrival_summary(kind: ReceivedKind, amount: Centavos, bank: &str, sender: &str, last4: &str) -> String {
    format!("{kind} of {amount} at {bank} from {sender}, for account ****{last4}")
}

/// The details of a run about money that came in.
pub fn arrival_details(standing: &ArrivalStanding, next: &str) -> String {
    let ArrivalStanding {
        kind,
        amount,
        bank,
        tracking_key,
        sender,
        operating_date,
        state,
        ..
    } = standing;
    let mut text = format!(
        "A {kind} of **{amount}** is {}.\n\n- State: `{state}`\n- Bank: {bank}, from institution {sender}\n- Tracking key: `{tracking_key}`, operating date {operating_date}\n- Next: {next}\n",
        support::arrived(*state).en
    );
    if let Some(payout) = standing.payout {
        text.push_str(&format!("- Payout: `{payout}`\n"));
    }
    if let Some(reason) = standing.attention {
        text.push_str(&format!(
            "- **Attention** `{reason}`: {}\n",
            support::received_attention(reason).en
        ));
    }
    text
}

#[cfg(test)]
mod tests;
