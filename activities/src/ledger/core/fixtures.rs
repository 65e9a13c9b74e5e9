//! What the core's tests share: rules, an account with money, a request, and a step that checks every invariant.

use std::{
    collections::{BTreeMap, BTreeSet},
    panic::{AssertUnwindSafe, catch_unwind},
};

use jiff::{SignedDuration, Timestamp, civil::date};
use uuid::Uuid;
use workflows::domain::{
    AccountId, BeneficiaryName, Centavos, Clabe, Concept, InstitutionCode, MovementId, NumericReference, OpenAccount,
    Order, Outcome, PayoutId, TaxId,
};

use super::{
    super::{
        command::{Accept, Answer, Begin, By, Command, Decide, Open, Subject},
        made::rules,
        rows::{
            Account, AccountStatus, BANK_CHARGES, BankRow, Event, FEE_INCOME, IVA_CREDITABLE, IVA_PAYABLE, NOT_APPLIED,
            Payout, Private, Rows, Rules, SETTLEMENT_STP, SUSPENSE, Seen, Server, TO_APPLY,
        },
    },
    coverage::Coverage,
    decide, invariants, steps,
};
use crate::bank::{ReceivedLine, Sender};

pub(super) const FEE: Centavos = Centavos::new(500);
pub(super) const IVA: Centavos = Centavos::new(80);

/// 11:00 in Mexico City on a Tuesday that is no holiday.
pub(super) const fn morning() -> Timestamp {
    Timestamp::constant(1_795_539_600, 0)
}

/// The server that the books of a test are on; they were held against the bank's orders there.
pub(super) fn server() -> Seen {
    Seen {
        server: Server {
            system: "7400000000000000001".to_owned(),
            timeline: 1,
            started_us: 1_800_000_000_000_000,
        },
        wal: 1_000_000,
    }
}

/// Closed statements without the order, as the row stands.
pub(super) fn statements(row: &Payout) -> By {
    By::Statements {
        day: row.operating_date.unwrap_or_default(),
        send_no: row.send_no,
        readings: [Uuid::from_u128(1), Uuid::from_u128(2)],
    }
}

/// What a person says of a payout, or of any subject, by one document.
pub(super) fn word(subject: Subject, person: &str, outcome: Outcome, account: Option<AccountId>, n: u32) -> Command {
    Command::Decide(Decide {
        id: Uuid::from_u128(0x0199_d3f0_0000_7000_a000_0000_0000_0000 | u128::from(n)),
        subject,
        person: person.to_owned(),
        key: format!("word {n}"),
        outcome,
        account,
        document: "statement 7".to_owned(),
    })
}

/// A begin by a process that has caught up.
pub(super) fn begin(payout: PayoutId, sender: Sender) -> Command {
    Command::Begin(Begin {
        payout,
        sender,
        seen: Some(server()),
    })
}

pub(super) fn payout_id(n: u128) -> PayoutId {
    PayoutId::new(Uuid::from_u128(0x0199_d3f0_0000_7000_8000_0000_0000_0000 | n))
}

/// The payer takes a payout back.
pub(super) fn cancels(n: u128) -> Command {
    Command::Cancel(payout_id(n), "payments".to_owned())
}

pub(super) fn account_id(n: u128) -> AccountId {
    AccountId::new(Uuid::from_u128(0x0199_d3f0_0000_7000_9000_0000_0000_0000 | n))
}

/// Books with giro's own accounts and one bank.
pub(super) fn books(refuses_repeated_keys: bool) -> Books {
    let mut rows = Rows::empty(morning());
    rows.server = Some(server());
    let own = [
        (SETTLEMENT_STP, 1101),
        (FEE_INCOME, 4101),
        (IVA_PAYABLE, 2150),
        (NOT_APPLIED, 2130),
        (TO_APPLY, 2140),
        (SUSPENSE, 2190),
        (BANK_CHARGES, 5101),
        (IVA_CREDITABLE, 1180),
    ];
    for (id, code) in own {
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
    let mut bank = BankRow::new("stp", refuses_repeated_keys);
    bank.caught_up = Some(server().server);
    rows.banks.insert("stp".to_owned(), bank);
    Books {
        rules: rules(),
        rows,
        movements: BTreeMap::new(),
        events: BTreeSet::new(),
        logs: true,
        thorough: true,
        coverage: None,
    }
}

/// The rows, and everything that was ever written append-only.
#[derive(Clone)]
pub(super) struct Books {
    pub(super) rules: Rules,
    pub(super) rows: Rows,
    pub(super) movements: BTreeMap<MovementId, (Uuid, AccountId, AccountId, Centavos)>,
    pub(super) events: BTreeSet<(Uuid, u32)>,
    /// Every step is written to `movements` and `events`, and compared with what people are told; exploration, which
    /// jumps, does that by state.
    pub(super) logs: bool,
    /// Every step also sums up the books as a whole.
    pub(super) thorough: bool,
    /// What the commands ever did, when somebody wants to know.
    pub(super) coverage: Option<Coverage>,
}

impl Books {
    /// Decides and writes; every invariant must hold.
    pub(super) fn run(&mut self, command: Command) -> Answer {
        match self.try_run(&command) {
            Ok(answer) => answer,
            Err(broken) => panic!("{broken}"),
        }
    }

    /// Decides, checks what would be written, writes it, and decides again as after a lost COMMIT answer.
    pub(super) fn try_run(&mut self, command: &Command) -> Result<Answer, String> {
        let decided = catch_unwind(AssertUnwindSafe(|| decide(&self.rules, &self.rows, command)));
        let (answer, writes) = decided.map_err(|_| format!("decide panicked at {command:?}"))?;
        steps::step(&self.rules, &self.rows, command, &writes)?;
        if let Some(coverage) = &mut self.coverage {
            coverage.note(&self.rows, command, &answer, &writes);
        }
        if self.logs {
            for row in &writes.movements {
                let legs = (row.subject, row.debit_account, row.credit_account, row.amount);
                if self.movements.insert(row.id, legs).is_some() {
                    return Err(format!("a movement twice: {command:?}"));
                }
            }
            let events = writes.events.iter().map(|event| match event {
                Event::Payout(row) => (row.id.uuid(), row.event_seq),
                Event::Received(row) => (row.id.uuid(), row.event_seq),
            });
            self.events.extend(events);
        }
        self.rows.absorb(&writes);
        invariants::repeat(&self.rules, &self.rows, command, &answer)?;
        if self.thorough {
            invariants::books(&self.rows, &self.movements, &self.events)?;
        }
        if self.logs {
            let touched = writes.payouts.first().map(|row| row.id).or(command.payout());
            if let Some(row) = touched.and_then(|id| self.rows.payouts.get(&id)) {
                invariants::told(&self.rules, &self.rows, row)?;
            }
        }
        Ok(answer)
    }

    /// Opens account `n` with an opening credit.
    pub(super) fn open(&mut self, n: usize, centavos: i64) -> AccountId {
        let open = opening(n, centavos);
        let account = open.account;
        self.run(Command::Open(open));
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

/// A wish to send.
/// A request to open account `n` with an opening credit.
pub(super) fn opening(n: usize, centavos: i64) -> Open {
    Open {
        account: account_id(n as u128),
        caller: "payments".to_owned(),
        key: format!("open-{n}"),
        hash: format!("open-{n}"),
        request: OpenAccount {
            clabe: clabe(n),
            holder: BeneficiaryName::new("Ana Lopez").expect("a name"),
            tax_id: TaxId::unknown(),
            opening: Some((Centavos::new(centavos), "opening balance".to_owned())),
        },
        effective_on: date(2026, 11, 24),
    }
}

/// The CLABE of account `n`; its last digit is the sum of the others by weights 3, 7, 1.
pub(super) fn clabe(n: usize) -> Clabe {
    let digits = format!("6461801104000{n:04}");
    let sum: u32 = digits
        .bytes()
        .zip([3, 7, 1].into_iter().cycle())
        .map(|(digit, weight)| u32::from(digit - b'0') * weight % 10)
        .sum();
    Clabe::new(&format!("{digits}{}", (10 - sum % 10) % 10)).expect("a CLABE")
}

/// Seconds since midnight in Mexico City, which has been six hours behind UTC all year since 2022.
pub(super) fn seconds_of_day(now: Timestamp) -> i64 {
    (now.as_second() - 6 * 3_600).rem_euclid(86_400)
}

/// A request for payout `n`.
pub(super) fn request(n: u128, account: AccountId, centavos: i64) -> Accept {
    Accept {
        payout: payout_id(n),
        caller: "payments".to_owned(),
        key: format!("pay-{n}"),
        hash: format!("pay-{n}-{centavos}"),
        bank: "stp".to_owned(),
        is_transfer: false,
        order: Order {
            account,
            amount: Centavos::new(centavos),
            clabe: Clabe::new("012180004643051249").expect("a CLABE"),
            institution: InstitutionCode::new(40012),
            name: BeneficiaryName::new("Jose Nunez").expect("a name"),
            tax_id: TaxId::unknown(),
            concept: Concept::new("Pago 1").expect("a concept"),
            reference: NumericReference::new(1).expect("a reference"),
            process_after: None,
        },
        fee: FEE,
        iva: IVA,
    }
}

/// Money that came on a day, for nobody and of no order.
pub(super) fn came(key: &str, centavos: i64) -> ReceivedLine {
    ReceivedLine {
        operating_date: date(2026, 11, 24),
        sender: InstitutionCode::new(40_012),
        tracking_key: key.to_owned(),
        payment_type: 1,
        amount: Centavos::new(centavos),
        interest: Centavos::ZERO,
        account: None,
        of_key: None,
        cause: None,
        sender_account: None,
        sender_name: None,
        concept: None,
        reference: None,
        bank_ref: None,
        record: "{}".to_owned(),
    }
}
