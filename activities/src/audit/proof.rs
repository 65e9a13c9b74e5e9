//! Evidence against the bytes that it came by: they are read again, with the adapter's own eyes.

use std::collections::BTreeMap;

use jiff::civil::Date;
use uuid::Uuid;
use workflows::domain::{BankCalendar, BeneficiaryName, Clabe, Evidence, State, TaxId};

use super::report::{Invariant, Tally};
use crate::{
    bank::{Bank, Exchange, Found, Order, Payer, Submitted},
    ledger::rows::{EvidenceRow, Payout, Question},
    steps::order,
};

/// A stored exchange.
pub(super) struct Stored {
    pub(super) payout: Uuid,
    pub(super) question: Question,
    pub(super) send_no: u32,
    pub(super) said: String,
    pub(super) exchange: Exchange,
}

/// What an order of a payout says beside the row.
pub(super) struct PayerRow {
    pub(super) clabe: String,
    pub(super) name: String,
    pub(super) tax_id: String,
}

/// A payout, its evidence, and the exchanges behind it.
pub(super) struct Proof<'a> {
    pub(super) payout: &'a Payout,
    pub(super) payer: Option<&'a PayerRow>,
    pub(super) evidence: &'a [EvidenceRow],
    pub(super) exchanges: &'a BTreeMap<Uuid, Stored>,
    pub(super) bank: &'a Bank,
    pub(super) calendar: &'a BankCalendar,
}

impl Proof<'_> {
    /// Each piece of evidence of the bank's: its bytes are there, are this payout's, and say it.
    pub(super) fn check(&self, tally: &mut Tally) {
        let claims = self
            .evidence
            .iter()
            .filter_map(|row| row.exchange.map(|exchange| (row, exchange)));
        for (row, id) in claims {
            tally.hold(Invariant::Bytes, 1, || {
                let named = format!("exchange {id} of {}", self.payout.id);
                self.doubt(row, id)
                    .map(|what| (named, format!("{} came by it: {what}", row.kind)))
            });
        }
    }

    /// Why the bytes do not say what the evidence does.
    fn doubt(&self, row: &EvidenceRow, id: Uuid) -> Option<String> {
        let Some(stored) = self.exchanges.get(&id) else {
            return Some("it is not there".to_owned());
        };
        if stored.payout != self.payout.id.uuid() {
            return Some("it is another payout's".to_owned());
        }
        let Some(order) = self.order(row) else {
            return Some("the order does not read".to_owned());
        };
        if !self.bank.names(&order, stored.question, &stored.exchange) {
            return Some("what was sent does not name this order".to_owned());
        }
        match (row.kind, stored.question) {
            (Evidence::Refused, Question::Submit) => self.refused(row, stored, &order),
            (Evidence::Paid | Evidence::NotPaid, Question::Inquire) => self.found(row, stored, &order),
            (kind, question) => Some(format!("{kind} never comes by {}", question.word())),
        }
    }

    /// A refusal counts for the one request that may have reached the bank.
    fn refused(&self, row: &EvidenceRow, stored: &Stored, order: &Order) -> Option<String> {
        match self.bank.read_submit(order, &stored.exchange) {
            Submitted::Refused { .. } => {}
            other @ (Submitted::Accepted { .. } | Submitted::NotSent(_) | Submitted::Doubt { .. }) => {
                return Some(format!("the bytes say {other:?}"));
            }
        }
        if self.payout.state != State::Failed || self.payout.evidence != Some(row.kind) {
            return None;
        }
        let unsent = self.exchanges.values().filter(|other| {
            other.payout == stored.payout
                && other.question == Question::Submit
                && other.send_no != stored.send_no
                && other.said.starts_with("not sent")
                && matches!(self.bank.read_submit(order, &other.exchange), Submitted::NotSent(_))
        });
        let others = u32::try_from(unsent.count()).unwrap_or(u32::MAX);
        (others + 1 < self.payout.send_no).then(|| {
            format!(
                "{} sends, and only {others} of the others are known not to have left",
                self.payout.send_no
            )
        })
    }

    fn found(&self, row: &EvidenceRow, stored: &Stored, order: &Order) -> Option<String> {
        let standing = self.payout.evidence == Some(row.kind) && row.state.is_open();
        let found = self.bank.read_found(order, &stored.exchange);
        match (&found, row.kind) {
            (
                Found::Paid {
                    bank_ref, effective_on, ..
                },
                Evidence::Paid,
            ) => {
                let same = !standing
                    || (self.payout.bank_ref.as_ref() == Some(bank_ref)
                        && self.payout.effective_on == Some(*effective_on));
                (!same).then(|| format!("the bytes say folio {bank_ref} on {effective_on}, the row another"))
            }
            (Found::NotPaid { .. }, Evidence::NotPaid) => None,
            (other, _) => Some(format!("the bytes say {other:?}")),
        }
    }

    /// The order that the payout was when the evidence came.
    fn order(&self, row: &EvidenceRow) -> Option<Order> {
        let payer = self.payer.and_then(|payer| {
            Some(Payer {
                clabe: Clabe::new(&payer.clabe).ok()?,
                name: BeneficiaryName::from_stored(payer.name.as_str()),
                tax_id: TaxId::from_stored(payer.tax_id.as_str()),
            })
        });
        let then: Date = self.calendar.operating_date(row.at).ok()?.date();
        order(self.payout, payer, then).ok()
    }
}
