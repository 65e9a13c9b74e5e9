//! What the core's tests share: rules, an account with money, a request, and a step that checks every invariant.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp, civil::date};
use uuid::Uuid;
use workflows::domain::{
    AccountId, BankCalendar, BeneficiaryName, Centavos, Clabe, Concept, Evidence, InstitutionCode, MovementId,
    NumericReference, OpenAccount, Order, PayoutId, State, TaxId,
};

use super::{
    super::{
        command::{Accept, Answer, Begin, Command, Open, Stand},
        rows::{
            Account, AccountStatus, BankRow, CUSTOMER, FEE_INCOME, IVA_PAYABLE, Private, Rows, Rules, SETTLEMENT_STP,
        },
    },
    balanced, decide,
    outlook::{Deed, Next, Step, outlook},
};
use crate::bank::Sender;

pub(super) const FEE: Centavos = Centavos::new(500);
pub(super) const IVA: Centavos = Centavos::new(80);
const CLABES: [&str; 2] = ["646180110400000007", "646180157000000004"];

/// 11:00 in Mexico City on a Tuesday that is no holiday.
pub(super) fn morning() -> Timestamp {
    "2026-11-24T17:00:00Z".parse().expect("a time")
}

pub(super) fn rules() -> Rules {
    Rules {
        accepted: SignedDuration::from_secs(60),
        sending: SignedDuration::from_secs(300),
        sent: SignedDuration::from_secs(600),
        fence: SignedDuration::from_secs(10),
        horizon: SignedDuration::from_secs(120),
        question_gap: SignedDuration::from_secs(30),
        margin: SignedDuration::from_secs(10),
        calendar: BankCalendar::builtin().expect("the table compiled in"),
    }
}

pub(super) fn payout_id(n: u128) -> PayoutId {
    PayoutId::new(Uuid::from_u128(0x0199_d3f0_0000_7000_8000_0000_0000_0000 | n))
}

pub(super) fn account_id(n: u128) -> AccountId {
    AccountId::new(Uuid::from_u128(0x0199_d3f0_0000_7000_9000_0000_0000_0000 | n))
}

/// Books with giro's own accounts and one bank.
pub(super) fn books(refuses_repeated_keys: bool) -> Books {
    let mut rows = Rows::empty(morning());
    for (id, code) in [(SETTLEMENT_STP, 1101), (FEE_INCOME, 4101), (IVA_PAYABLE, 2150)] {
        rows.accounts.insert(
            id,
            Account {
                id,
                code,
                name: Private::new("own"),
                caller: None,
                clabe: None,
                tax_id: None,
                status: AccountStatus::Open,
                debits: Centavos::ZERO,
                credits: Centavos::ZERO,
                held: Centavos::ZERO,
                opened_at: morning(),
            },
        );
    }
    rows.banks
        .insert("stp".to_owned(), BankRow::new("stp", refuses_repeated_keys));
    Books {
        rules: rules(),
        rows,
        movements: BTreeMap::new(),
        events: BTreeSet::new(),
    }
}

/// The rows, and everything that was ever written append-only.
pub(super) struct Books {
    pub(super) rules: Rules,
    pub(super) rows: Rows,
    pub(super) movements: BTreeMap<MovementId, (Uuid, AccountId, AccountId, Centavos)>,
    events: BTreeSet<(PayoutId, u32)>,
}

impl Books {
    /// Decides, checks what would be written, writes it, and checks the whole books by a naive sum.
    pub(super) fn run(&mut self, command: Command) -> Answer {
        let (answer, writes) = decide(&self.rules, &self.rows, &command);
        assert!(balanced(&self.rows, &writes), "debits and credits differ: {command:?}");
        for after in &writes.payouts {
            if let Some(before) = self.rows.payouts.get(&after.id) {
                let moved = before.state != after.state || before.send_no != after.send_no;
                assert!(
                    !moved || before.state.may_become(after.state),
                    "{} -> {}",
                    before.state,
                    after.state
                );
                assert_eq!(after.version, before.version + 1);
                assert_eq!(
                    after.event_seq,
                    before.event_seq + u32::from(moved),
                    "one event per transition"
                );
                assert!(
                    before.ended_at.is_none() || before.evidence == after.evidence,
                    "an end stays as decided"
                );
                assert_eq!(before.tracking_key, after.tracking_key);
            }
        }
        for row in &writes.movements {
            let legs = (row.subject, row.debit_account, row.credit_account, row.amount);
            assert!(
                self.movements.insert(row.id, legs).is_none(),
                "a movement twice: {command:?}"
            );
        }
        for event in &writes.events {
            assert!(
                self.events.insert((event.payout.id, event.payout.event_seq)),
                "an event twice"
            );
        }
        self.rows.absorb(&writes);
        self.check();
        self.what_is_told_holds();
        // A lost COMMIT answer: the same command again writes nothing that moves money or a payout.
        let (again, repeated) = decide(&self.rules, &self.rows, &command);
        assert!(
            repeated.movements.is_empty() && repeated.accounts.is_empty(),
            "{command:?} moved money twice"
        );
        assert!(
            repeated.events.is_empty(),
            "{command:?} moved a payout twice: {answer:?} then {again:?}"
        );
        answer
    }

    /// The naive model: every total again from movements and open payouts; every row by the checks of the tables.
    fn check(&self) {
        let mut debits: BTreeMap<AccountId, i64> = BTreeMap::new();
        let mut credits: BTreeMap<AccountId, i64> = BTreeMap::new();
        let mut held: BTreeMap<AccountId, i64> = BTreeMap::new();
        for (_, debit, credit, amount) in self.movements.values() {
            *debits.entry(*debit).or_default() += amount.get();
            *credits.entry(*credit).or_default() += amount.get();
        }
        for payout in self.rows.payouts.values() {
            let last = self.events.range((payout.id, 0)..=(payout.id, u32::MAX)).count();
            assert_eq!(u32::try_from(last).ok(), Some(payout.event_seq), "events without a gap");
            if payout.state.is_open() {
                *held.entry(payout.account).or_default() += payout.gross().get();
            }
            let unsent = matches!(payout.state, State::Accepted | State::Cancelled);
            assert_eq!(
                payout.unproven == 0,
                unsent,
                "{} with {} unproven",
                payout.state,
                payout.unproven
            );
            assert!(unsent || (payout.operating_date.is_some() && payout.send_before.is_some()));
            let posted = self
                .movements
                .contains_key(&MovementId::derive(payout.id.uuid(), "resolve", 0));
            assert_eq!(posted, payout.state == State::Settled, "posted exactly when settled");
            if payout.state == State::Settled {
                assert!(payout.evidence.is_some_and(Evidence::says_paid));
            }
            if payout.state == State::Failed {
                assert!(payout.evidence.is_some_and(|evidence| !evidence.says_paid()));
            }
            assert_eq!(payout.deadline_at.is_none(), payout.ended_at.is_some());
            assert_eq!(payout.state.is_open(), payout.ended_at.is_none());
        }
        for account in self.rows.accounts.values() {
            let sum = |of: &BTreeMap<AccountId, i64>| Centavos::new(of.get(&account.id).copied().unwrap_or_default());
            assert_eq!(account.debits, sum(&debits));
            assert_eq!(account.credits, sum(&credits));
            assert_eq!(account.held, sum(&held), "held is the open payouts");
            if account.code == CUSTOMER {
                assert!(
                    account.debits.get() + account.held.get() <= account.credits.get(),
                    "overdrawn"
                );
            }
        }
    }

    /// What people are told is what the commands would do.
    fn what_is_told_holds(&self) {
        for row in self.rows.payouts.values() {
            let Some(bank) = self.rows.banks.get(&row.bank) else {
                continue;
            };
            let told = outlook(&self.rules, row, bank, self.rows.now);
            let may = |deed| told.may.iter().any(|may| may.deed == deed && may.why_not.is_none());
            let would = |command| decide(&self.rules, &self.rows, &command).0;
            let cancels = matches!(would(Command::Cancel(row.id)), Answer::Cancelled(_));
            assert_eq!(
                may(Deed::Cancel),
                cancels && row.state.is_open(),
                "cancel: {told:?} of {row:?}"
            );
            let begin = Begin {
                payout: row.id,
                sender: Sender(Uuid::from_u128(u128::MAX)),
            };
            let sends = matches!(would(Command::Begin(begin)), Answer::Stands(_, Stand::Go));
            let now = |what| told.next == Some(Next { what, at: None });
            assert_eq!(
                may(Deed::Resend),
                sends && row.state == State::Sending,
                "{told:?} of {row:?}"
            );
            assert_eq!(now(Step::Send) || now(Step::Resend), sends, "send: {told:?} of {row:?}");
            let ends = matches!(would(Command::Apply(row.id)), Answer::Ended(..));
            assert_eq!(
                now(Step::Post) || now(Step::Release) || !row.state.is_open(),
                ends,
                "end: {told:?} of {row:?}"
            );
            assert_eq!(told.next.is_none(), !row.state.is_open());
        }
    }

    /// Opens account `n` with an opening credit.
    pub(super) fn open(&mut self, n: usize, centavos: i64) -> AccountId {
        let request = OpenAccount {
            clabe: Clabe::new(CLABES[n]).expect("a CLABE"),
            holder: BeneficiaryName::new("Ana Lopez").expect("a name"),
            tax_id: TaxId::unknown(),
            opening: Some((Centavos::new(centavos), "opening balance".to_owned())),
        };
        let account = account_id(n as u128);
        self.run(Command::Open(Open {
            account,
            caller: "payments".to_owned(),
            key: format!("open-{n}"),
            hash: format!("open-{n}"),
            request,
            effective_on: date(2026, 11, 24),
        }));
        account
    }

    /// Asks for payout `n` of `centavos`.
    pub(super) fn accept(&mut self, n: u128, account: AccountId, centavos: i64) -> Answer {
        self.run(Command::Accept(request(n, account, centavos)))
    }

    /// Lets time pass.
    pub(super) fn tick(&mut self, seconds: i64) {
        self.rows.now += SignedDuration::from_secs(seconds);
    }
}

/// A request for payout `n`.
pub(super) fn request(n: u128, account: AccountId, centavos: i64) -> Accept {
    Accept {
        payout: payout_id(n),
        caller: "payments".to_owned(),
        key: format!("pay-{n}"),
        hash: format!("pay-{n}-{centavos}"),
        bank: "stp".to_owned(),
        order: Order {
            account,
            amount: Centavos::new(centavos),
            clabe: Clabe::new("012180004643051249").expect("a CLABE"),
            institution: InstitutionCode::new(40012),
            name: BeneficiaryName::new("Jose Nunez").expect("a name"),
            tax_id: TaxId::unknown(),
            concept: Concept::new("Pago 1").expect("a concept"),
            reference: NumericReference::new(1).expect("a reference"),
        },
        fee: FEE,
        iva: IVA,
    }
}
