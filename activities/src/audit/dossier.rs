//! One payout against everything that was ever written about it. Pure: rows in, what is wrong out.

use jiff::{Timestamp, civil::Date};
use proto::giro::v1::PayoutEvent;
use workflows::{
    GIRO,
    domain::{
        AccountId, BeneficiaryName, Centavos, Clabe, Concept, Evidence, InstitutionCode, NumericReference,
        Order as Request, State, TaxId, TrackingKey, TransferOrder,
    },
};

use super::report::{Invariant, Tally};
use crate::ledger::{
    core::{hex, logical_hash, send_back_hash},
    event,
    rows::{EvidenceRow, FEE_INCOME, IVA_PAYABLE, Kind, Movement, NOT_APPLIED, Payout, SETTLEMENT_STP, TO_APPLY},
};

/// Everything about one payout, as one snapshot has it.
pub(super) struct Dossier {
    pub(super) payout: Payout,
    /// The request under its caller and key: hash, and the payout that it names.
    pub(super) request: Option<(String, Option<uuid::Uuid>)>,
    pub(super) movements: Vec<Movement>,
    pub(super) evidence: Vec<EvidenceRow>,
    pub(super) events: Vec<EventRow>,
}

/// One row of the outbox.
pub(super) struct EventRow {
    pub(super) seq: i32,
    pub(super) kind: String,
    pub(super) event: String,
    pub(super) created_at: Timestamp,
}

/// A movement that a payout must have.
struct Leg {
    kind: Kind,
    from: AccountId,
    /// One of these.
    to: Vec<AccountId>,
    amount: Centavos,
    on: Option<Date>,
    at: Option<Timestamp>,
}

/// Rows and what is wrong with them.
type Wrong = Vec<(String, String)>;

impl Dossier {
    /// Holds the payout against every invariant that its own rows decide.
    pub(super) fn check(&self, tally: &mut Tally) {
        tally.hold(Invariant::Legs, 1 + self.movements.len(), || self.legs());
        tally.hold(Invariant::Evidence, 1 + self.evidence.len(), || self.evidence());
        tally.hold(Invariant::Keys, 1, || self.key());
        tally.hold(Invariant::Events, self.events.len(), || self.events());
        tally.hold(Invariant::Requests, 1, || self.request());
    }

    fn wrong(&self, what: impl Into<String>) -> (String, String) {
        (self.payout.id.to_string(), what.into())
    }

    /// Settled: exactly amount, fee and IVA, each as the row says; returned: what came back too; otherwise nothing.
    fn legs(&self) -> Wrong {
        let payout = &self.payout;
        let mut wrong = Wrong::new();
        let mut left: Vec<&Movement> = self.movements.iter().collect();
        for leg in self
            .settling()
            .into_iter()
            .chain(self.returning())
            .filter(|leg| leg.amount.get() > 0)
        {
            let id = leg.kind.id(payout.id.uuid());
            let Some(place) = left.iter().position(|row| row.id == id) else {
                let (kind, amount) = (leg.kind.word(), leg.amount.get());
                wrong.push(self.wrong(format!("its {kind} of {amount} was never moved ({id})")));
                continue;
            };
            let row = left.swap_remove(place);
            let same = [
                ("kind", row.kind == leg.kind),
                ("debit account", row.debit_account == leg.from),
                ("credit account", leg.to.contains(&row.credit_account)),
                ("amount", row.amount == leg.amount),
                ("day", Some(row.effective_on) == leg.on),
                (
                    "hash",
                    row.hash == logical_hash((leg.from, row.credit_account), leg.amount, leg.kind),
                ),
                ("time", Some(row.created_at) == leg.at),
            ];
            wrong.extend(
                differing(&same).map(|fields| (id.to_string(), format!("not the leg of {}: {fields}", payout.id))),
            );
        }
        // How much interest came is the record's to say.
        left.retain(|row| row.kind != Kind::Interest || payout.state != State::Returned);
        wrong.extend(left.iter().map(|row| {
            let (kind, state) = (row.kind.word(), payout.state);
            (
                row.id.to_string(),
                format!("{kind} of {}, which is {state} and has no such leg", payout.id),
            )
        }));
        wrong
    }

    /// The legs of a settled payout.
    fn settling(&self) -> Vec<Leg> {
        let payout = &self.payout;
        let to = payout
            .to_account
            .map_or((Kind::Amount, SETTLEMENT_STP), |to| (Kind::Transfer, to));
        let legs = [
            (to.0, to.1, payout.amount),
            (Kind::Fee, FEE_INCOME, payout.fee),
            (Kind::Iva, IVA_PAYABLE, payout.iva),
        ];
        let settled = matches!(payout.state, State::Settled | State::Returned);
        let leg = |(kind, to, amount)| Leg {
            kind,
            from: payout.account,
            to: vec![to],
            amount,
            on: payout.effective_on,
            at: payout.ended_at,
        };
        legs.into_iter().filter(|_| settled).map(leg).collect()
    }

    /// The legs of what came back, to the payer or, where that account is not open, apart.
    fn returning(&self) -> Vec<Leg> {
        let payout = &self.payout;
        let refunded = |amount: Centavos| {
            if payout.refunded.get() > 0 {
                amount
            } else {
                Centavos::ZERO
            }
        };
        let legs = [
            (Kind::Return, SETTLEMENT_STP, payout.returned_amount.unwrap_or_default()),
            (Kind::FeeRefund, FEE_INCOME, refunded(payout.fee)),
            (Kind::IvaRefund, IVA_PAYABLE, refunded(payout.iva)),
        ];
        let leg = |(kind, from, amount)| Leg {
            kind,
            from,
            to: vec![payout.account, TO_APPLY],
            amount,
            on: payout.returned_on,
            at: payout.returned_at,
        };
        legs.into_iter()
            .filter(|_| payout.state == State::Returned)
            .map(leg)
            .collect()
    }

    /// An end stands on evidence of a kind that allows it; what stands on the row came, and what came stands there.
    fn evidence(&self) -> Wrong {
        let payout = &self.payout;
        let mut wrong = Wrong::new();
        let allowed = match (payout.state, payout.evidence) {
            (State::Accepted | State::Sending | State::Sent, _) => true,
            // The block that moved it is the proof.
            (State::Settled | State::Failed, None) if payout.to_account.is_some() => true,
            (State::Settled | State::Returned, Some(kind)) => kind.says_paid(),
            (State::Failed, Some(kind)) => !kind.says_paid(),
            (State::Cancelled, kind) => !kind.is_some_and(Evidence::says_paid),
            (State::Settled | State::Returned | State::Failed, None) => false,
        };
        if !allowed {
            let kind = payout.evidence.map_or("no evidence", Evidence::word);
            wrong.push(self.wrong(format!("{} by {kind}", payout.state)));
        }
        let open = |row: &&EvidenceRow| row.state.is_open();
        match payout.evidence {
            Some(kind) if !self.evidence.iter().filter(open).any(|row| row.kind == kind) => {
                wrong.push(self.wrong(format!("{kind} stands on it and never came")));
            }
            None if self.evidence.iter().any(|row| open(&row)) => {
                wrong.push(self.wrong("evidence came before its end and does not stand on it"));
            }
            Some(_) | None => {}
        }
        if payout.evidence == Some(Evidence::Refused) && payout.state == State::Failed && payout.unproven != 1 {
            wrong.push(self.wrong(format!(
                "a refusal ended it, and {} sends are unproven",
                payout.unproven
            )));
        }
        for row in &self.evidence {
            let backed = match row.kind {
                Evidence::Refused | Evidence::Paid | Evidence::NotPaid => row.exchange.is_some(),
                Evidence::Absent => row.document.is_some(),
                Evidence::TwoPeoplePaid | Evidence::TwoPeopleNotPaid => {
                    row.document.is_some()
                        && row
                            .decided_by
                            .as_ref()
                            .is_some_and(|two| two.len() == 2 && two[0] != two[1])
                }
            };
            if !backed {
                wrong.push(self.wrong(format!("{} of {} has nothing behind it", row.kind, row.at)));
            }
        }
        wrong
    }

    fn key(&self) -> Wrong {
        let payout = &self.payout;
        let derived = TrackingKey::derive(payout.id);
        let is_ours = payout.tracking_key == derived;
        let what = || self.wrong(format!("its key is {}, derived {derived}", payout.tracking_key));
        (!is_ours).then(what).into_iter().collect()
    }

    /// Gapless from `accepted`, along the edges, to the state as it is now; each says what the row says.
    fn events(&self) -> Wrong {
        let payout = &self.payout;
        let mut wrong = Wrong::new();
        let mut before: Option<(State, i64)> = None;
        for (row, place) in self.events.iter().zip(1..) {
            let named = format!("event {} of {}", row.seq, payout.id);
            if row.seq != place {
                wrong.push((named, format!("stands at {place}")));
                return wrong;
            }
            let state = row
                .kind
                .strip_prefix(event::thing(payout))
                .and_then(|rest| rest.strip_prefix('.'))
                .and_then(|word| word.parse::<State>().ok());
            let (Some(state), Ok(event)) = (state, serde_json::from_str::<PayoutEvent>(&row.event)) else {
                wrong.push((named, format!("does not read: {}", row.kind)));
                return wrong;
            };
            let legal = before.map_or(state == State::Accepted, |(last, _)| last.may_become(state));
            if !legal {
                let last = before.map_or("nothing", |(last, _)| last.word());
                wrong.push((named.clone(), format!("{last} -> {state} is no edge")));
            }
            let same = [
                ("payout", event.payout == payout.id.to_string()),
                ("sequence", event.sequence == i64::from(row.seq)),
                ("state", event.state == i32::from(event::state(state))),
                ("amount", event.amount == payout.amount.get()),
                (
                    "institution",
                    u32::try_from(event.institution) == Ok(payout.institution),
                ),
                ("last digits", event.clabe_last4 == payout.clabe_last4()),
                ("tracking key", event.tracking_key == payout.tracking_key.as_str()),
                ("time", event.occurred_at == Some(row.created_at.into())),
                (
                    "sends",
                    before.is_none_or(|(_, sends)| sends <= i64::from(event.send_no)),
                ),
            ];
            wrong.extend(differing(&same).map(|fields| (named, format!("not of its payout: {fields}"))));
            before = Some((state, i64::from(event.send_no)));
        }
        let told = i64::try_from(self.events.len()).unwrap_or(i64::MAX);
        if told != i64::from(payout.event_seq) {
            wrong.push(self.wrong(format!("{told} events of {}", payout.event_seq)));
        }
        match before {
            Some((state, sends)) => {
                if state != payout.state {
                    wrong.push(self.wrong(format!("is {}, and its last event says {state}", payout.state)));
                }
                if sends != i64::from(payout.send_no) {
                    wrong.push(self.wrong(format!(
                        "began {} sends, and its last event says {sends}",
                        payout.send_no
                    )));
                }
            }
            None => wrong.push(self.wrong("has no event")),
        }
        wrong
    }

    /// Request and payout name each other, and the payout is what was asked for, beneficiary included.
    fn request(&self) -> Wrong {
        let payout = &self.payout;
        let Some((hash, names)) = &self.request else {
            return vec![self.wrong("nobody asked for it: its request is not there")];
        };
        let mut wrong = Wrong::new();
        if *names != Some(payout.id.uuid()) {
            wrong.push(self.wrong("its request names another answer"));
        }
        if *hash != payout.request_hash {
            wrong.push(self.wrong("its hash is not its request's"));
        }
        if let Some(deposit) = payout.sends_back {
            if send_back_hash(deposit) != payout.request_hash || payout.caller != GIRO || payout.account != NOT_APPLIED
            {
                wrong.push(self.wrong("is not what giro asked for: the deposit, or where its money stood apart"));
            }
            return wrong;
        }
        match asked(payout) {
            Some(hash) if hex(&hash) == payout.request_hash => {}
            Some(_) => {
                wrong.push(self.wrong("is not what was asked for: account, amount, beneficiary, concept or reference"))
            }
            None => wrong.push(self.wrong("its CLABE or reference does not read")),
        }
        wrong
    }
}

/// The hash of the request that a row is.
fn asked(payout: &Payout) -> Option<[u8; 32]> {
    let concept = Concept::from_stored(payout.concept.expose());
    if payout.is_transfer {
        let transfer = TransferOrder {
            account: payout.account,
            to_account: payout.to_account?,
            amount: payout.amount,
            concept,
            process_after: payout.process_after,
        };
        return Some(transfer.hash(&payout.caller));
    }
    let order = Request {
        account: payout.account,
        amount: payout.amount,
        clabe: Clabe::new(payout.clabe.expose()).ok()?,
        institution: InstitutionCode::new(payout.institution),
        name: BeneficiaryName::from_stored(payout.beneficiary_name.expose()),
        tax_id: TaxId::from_stored(payout.beneficiary_tax_id.expose()),
        concept,
        reference: NumericReference::new(payout.reference).ok()?,
        process_after: payout.process_after,
    };
    Some(order.hash(&payout.caller))
}

/// The names of what differs, if anything does.
pub(super) fn differing(same: &[(&str, bool)]) -> Option<String> {
    let fields: Vec<&str> = same.iter().filter(|(_, same)| !same).map(|(name, _)| *name).collect();
    (!fields.is_empty()).then(|| fields.join(", "))
}

#[cfg(test)]
mod tests;
