//! One state of the exploration: everything of books and world that can make a difference later, and nothing else.

use jiff::{SignedDuration, Timestamp, ToSpan, civil::date};
use uuid::Uuid;
use workflows::domain::{Attention, Centavos, Evidence, State};

use super::{
    super::{
        made::rules,
        rows::{Account, AwayBy, FEE_INCOME, IVA_PAYABLE, PausedBy, Payout, Rules, SETTLEMENT_STP},
    },
    case::Case,
    fixtures::{Books, books, payout_id},
    world::{At, Limits, QUIET, Seen, Slot, World, at, day, instant, seconds, uuid},
};

/// One tick: fence, margin, horizon and the gap between questions are one, half the guard is two.
pub(super) const TICK: At = 300;
/// 18:00 on the first day.
const ROLL: At = 7 * 3_600;
/// Friday noon: the statements of every day before Thursday are closed.
const CLOSED: At = 3 * 86_400 + 3_600;
/// Senders in a state: none, those of the two executions, one that is gone.
const GONE: u32 = 9;

/// The clock of an exploration: every tick from `before` ticks before the roll to three after it, and one late day.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    pub(super) before: At,
}

impl Clock {
    pub(super) const fn start(self) -> At {
        ROLL - self.before * TICK
    }

    /// The next instant; `None` at the end of time.
    pub(super) const fn next(self, now: At) -> Option<At> {
        match now {
            CLOSED => None,
            now if now >= ROLL + 3 * TICK => Some(CLOSED),
            now => Some(now + TICK),
        }
    }

    pub(super) const fn is_over(self, now: At) -> bool {
        now == CLOSED
    }
}

/// What one row holds that decides anything later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct RowKey {
    state: State,
    send_no: u8,
    sender: u8,
    unproven: u8,
    not_found: u8,
    folio: u8,
    day: u8,
    evidence: Option<Evidence>,
    contradicted: bool,
    attention: Option<Attention>,
    send_before: At,
    not_found_at: At,
}

/// The same of the bank: the pauses of a minute end with their tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct BankKey {
    paused_by: Option<PausedBy>,
    away: bool,
    away_by: Option<AwayBy>,
    probed: bool,
}

/// One state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) now: At,
    row: RowKey,
    bank: BankKey,
    pub(super) world: World,
}

impl Key {
    pub(super) const fn state(&self) -> State {
        self.row.state
    }
}

/// Books and world that states are put into, moved, and read back from.
pub(super) struct Bench {
    pub(super) books: Books,
    pub(super) case: Case,
    born: Payout,
    /// The payer's account and giro's own: while it is open, settled, given back.
    accounts: [Vec<Account>; 3],
}

/// The core's durations in ticks.
fn coarse() -> Rules {
    let ticks = |count: At| SignedDuration::from_secs(i64::from(count * TICK));
    Rules {
        fence: ticks(1),
        margin: ticks(1),
        question_gap: ticks(1),
        horizon: ticks(1),
        ..rules()
    }
}

impl Bench {
    /// One accepted payout, at the clock's start.
    pub(super) fn new(limits: Limits, clock: Clock) -> Self {
        let mut books = books(limits.dedupes);
        books.rules = coarse();
        books.rows.now = instant(clock.start());
        let account = books.open(0, 500_000);
        books.accept(1, account, 100_000);
        (books.logs, books.thorough) = (false, false);
        let born = books.rows.payouts[&payout_id(1)].clone();
        let open: Vec<Account> = books.rows.accounts.values().cloned().collect();
        let ended = |paid: bool| {
            let mut accounts = books.rows.accounts.clone();
            let mut add = |id, debit: i64, credit: i64| {
                let account = accounts.get_mut(&id).expect("an account");
                account.debits = account.debits.checked_add(Centavos::new(debit)).expect("fits");
                account.credits = account.credits.checked_add(Centavos::new(credit)).expect("fits");
            };
            if paid {
                add(account, born.gross().get(), 0);
                add(SETTLEMENT_STP, 0, born.amount.get());
                add(FEE_INCOME, 0, born.fee.get());
                add(IVA_PAYABLE, 0, born.iva.get());
            }
            accounts.get_mut(&account).expect("an account").held = Centavos::ZERO;
            accounts.into_values().collect()
        };
        let accounts = [open, ended(true), ended(false)];
        let case = Case {
            payout: payout_id(1),
            world: QUIET,
            next: 100,
        };
        Self {
            books,
            case,
            born,
            accounts,
        }
    }

    pub(super) fn row(&self) -> &Payout {
        &self.books.rows.payouts[&self.case.payout]
    }

    /// Moves the clock.
    pub(super) fn tick(&mut self, now: At) {
        self.books.rows.now = instant(now);
        self.case.world.expire(now, &self.books.rules);
    }

    /// True when the two executions change places in the next state.
    pub(super) fn swaps(&self) -> bool {
        swaps(&self.case.world, self.row(), at(self.books.rows.now))
    }

    /// The state that books and world are in.
    pub(super) fn key(&self) -> Key {
        let rows = &self.books.rows;
        let now = at(rows.now);
        let row = self.row();
        let (world, sender) = canonical(&self.case.world, row, now, &self.books.rules);
        let bank = &rows.banks[&row.bank];
        let recent = |when: Option<Timestamp>, by: At| when.is_some_and(|when| at(when) + by > now);
        Key {
            now,
            row: row_key(row, sender, now, &world, &self.books.rules),
            bank: BankKey {
                paused_by: bank.paused_by,
                away: recent(bank.closed_until, 0),
                away_by: bank.away_by,
                probed: match bank.paused_by {
                    Some(PausedBy::Configuration) => recent(bank.probe_at, 60),
                    _ => bank.away_by.is_some() && recent(bank.probe_at, 20),
                },
            },
            world,
        }
    }

    /// Puts books and world into a state.
    pub(super) fn load(&mut self, key: &Key) {
        self.case.world = key.world;
        self.case.next = 100;
        let rows = &mut self.books.rows;
        rows.now = instant(key.now);
        let bank = rows.banks.get_mut(&self.born.bank).expect("the bank");
        bank.paused_by = key.bank.paused_by;
        // What was said before is no part of a state: two people say it in one move.
        rows.decisions.clear();
        (bank.attention, bank.begins) = (None, 0);
        bank.away_by = key.bank.away_by;
        bank.away_since = key.bank.away_by.map(|_| instant(key.now));
        (bank.silent_since, bank.silent_first, bank.back_at) = (None, None, None);
        bank.closed_until = key.bank.away.then(|| instant(key.now + 30));
        bank.backoff_seconds = if key.bank.away { 30 } else { 0 };
        bank.probe_at = key.bank.probed.then(|| instant(key.now));
        let ended = match key.row.state {
            State::Accepted | State::Sending | State::Sent => 0,
            State::Settled | State::Returned => 1,
            State::Failed | State::Cancelled => 2,
        };
        for account in &self.accounts[ended] {
            let row = rows.accounts.get_mut(&account.id).expect("an account");
            (row.debits, row.credits, row.held) = (account.debits, account.credits, account.held);
        }
        let row = rows.payouts.get_mut(&self.case.payout).expect("the payout");
        put_row(row, &key.row, key.now);
    }
}

/// The row of a state; what decides nothing is as at birth.
fn put_row(row: &mut Payout, key: &RowKey, now: At) {
    let some = |number: u8| (number > 0).then_some(number);
    row.state = key.state;
    row.send_no = u32::from(key.send_no);
    row.sender = some(key.sender).map(|sender| uuid(u32::from(sender)));
    row.unproven = u32::from(key.unproven);
    row.not_found = u32::from(key.not_found);
    row.not_found_at = (key.not_found_at > 0).then(|| instant(key.not_found_at));
    row.send_before = (key.send_before > 0).then(|| instant(key.send_before));
    row.bank_ref = some(key.folio).map(|folio| folio.to_string());
    row.operating_date = some(key.day).map(|day| date(2026, 11, 23) + i64::from(day).days());
    row.evidence = key.evidence;
    row.contradicted = key.contradicted;
    row.attention = key.attention;
    row.attention_since = key.attention.map(|_| instant(now));
    // It decides nothing but that people may be needed.
    row.deadline_at = row.state.is_open().then(|| instant(now));
    row.ended_at = (!row.state.is_open()).then(|| instant(now));
    (row.bank_said, row.bank_word, row.came_back) = (None, None, false);
    // Decides of deposits only, which this scope has none of.
    row.paid_after_end = false;
    row.doubt = None;
    row.effective_on = None;
    row.decided_by = None;
    row.document = None;
    row.event_seq = 1;
    row.version = 1;
}

fn row_key(row: &Payout, sender: u8, now: At, world: &World, rules: &Rules) -> RowKey {
    let small = |number: u32| u8::try_from(number).unwrap_or(u8::MAX);
    let sending = row.state == State::Sending;
    // Once the bank has it, or it has ended, how it was sent decides nothing.
    let unsent = matches!(row.state, State::Accepted | State::Cancelled);
    let resent = row.unproven > 1
        && row
            .send_before
            .is_some_and(|fence| now <= at(fence) + seconds(rules.margin));
    let sends = if row.contradicted || resent {
        small(row.unproven)
    } else {
        1
    };
    let fence = row.send_before.map_or(0, at);
    let oldest = now.saturating_sub(seconds(rules.horizon) + TICK);
    let waited = world.replies.iter().flatten().any(|reply| reply.asked > 0);
    let last = row.not_found_at.map_or(0, at);
    RowKey {
        state: row.state,
        send_no: if sending || row.state == State::Accepted {
            small(row.send_no)
        } else {
            sends
        },
        sender,
        unproven: if sending {
            small(row.unproven)
        } else if unsent {
            0
        } else {
            sends
        },
        not_found: if sending { small(row.not_found.min(2)) } else { 0 },
        folio: row
            .bank_ref
            .as_deref()
            .and_then(|folio| folio.parse().ok())
            .unwrap_or_default(),
        day: row
            .operating_date
            .map_or(0, |date| small(date.day().unsigned_abs().into()) - 23),
        evidence: row.evidence,
        contradicted: row.contradicted,
        attention: row.attention.filter(|reason| lasts(*reason, row, world)),
        // Long past is long past: every rule that looks back looks no further than the horizon.
        send_before: if row.send_before.is_none() {
            0
        } else if sending || resent {
            match () {
                () if waited => fence,
                () if day(now) >= day(fence) + 2 => 1,
                () => fence.max(oldest),
            }
        } else {
            1
        },
        not_found_at: if !sending || row.not_found == 0 || row.not_found > 1 {
            u32::from(row.not_found > 0 && sending)
        } else if waited {
            last
        } else {
            last.max(now - TICK)
        },
    }
}

/// True for a reason that is read again: a lesser one, of a payout that the bank has, is covered or cleared.
fn lasts(reason: Attention, row: &Payout, world: &World) -> bool {
    let lesser = matches!(reason, Attention::Mismatch | Attention::UnknownWord);
    let known = world.orders[0].is_some() && matches!(row.state, State::Sending | State::Sent);
    !(lesser && known)
}

/// The same world with executions in a fixed order under fixed names, without what makes no difference any more.
fn canonical(world: &World, row: &Payout, now: At, rules: &Rules) -> (World, u8) {
    let mut world = *world;
    world.expire(now, rules);
    if swaps(&world, row, now) {
        world.slots.swap(0, 1);
    }
    let names = world.slots.map(sender_of);
    let name = |sender: u32| match names.iter().position(|of| *of == Some(sender)) {
        Some(0) => 1,
        Some(_) => 2,
        None => GONE,
    };
    let owner = row.sender.map_or(0, |sender| number(sender).map_or(GONE, name));
    world.slots = world.slots.map(|slot| renamed(slot, name, now));
    for request in world.wire.iter_mut().flatten() {
        request.listener = request.listener.map(name);
    }
    for reply in world.replies.iter_mut().flatten() {
        let counts = reply.seen == Seen::NotFound && row.state == State::Sending && reply.send_no == row.send_no;
        if !counts {
            (reply.send_no, reply.asked) = (0, 0);
        }
    }
    world.wire.sort_unstable();
    world.replies.sort_unstable();
    (world, u8::try_from(owner).unwrap_or(u8::MAX))
}

/// True when the two executions change places, so that it does not matter which is which.
fn swaps(world: &World, row: &Payout, now: At) -> bool {
    let own = |sender: u32| row.sender == Some(uuid(sender));
    let [one, other] = world
        .slots
        .map(|slot| renamed(slot, |sender| u32::from(own(sender)), now));
    one > other
}

/// The execution in a slot.
const fn sender_of(slot: Slot) -> Option<u32> {
    match slot {
        Slot::Idle => None,
        Slot::Asking { sender, .. }
        | Slot::Begun { sender, .. }
        | Slot::Waiting { sender, .. }
        | Slot::Heard { sender, .. } => Some(sender),
    }
}

/// The same slot with its execution under another name; a fence that ran out is just that.
fn renamed(slot: Slot, name: impl Fn(u32) -> u32, now: At) -> Slot {
    let fence = |until: At| if now > until { 0 } else { until };
    match slot {
        Slot::Idle => Slot::Idle,
        Slot::Asking { sender, until } => Slot::Asking {
            sender: name(sender),
            until: fence(until),
        },
        Slot::Begun { sender, send_no, until } => Slot::Begun {
            sender: name(sender),
            send_no,
            until: fence(until),
        },
        Slot::Waiting { sender, send_no } => Slot::Waiting {
            sender: name(sender),
            send_no,
        },
        Slot::Heard { sender, send_no, said } => Slot::Heard {
            sender: name(sender),
            send_no,
            said,
        },
    }
}

/// The number that a sender's id was made of.
fn number(sender: Uuid) -> Option<u32> {
    u32::try_from(sender.as_u128()).ok()
}
