//! Random histories against an adversarial bank: whatever is lost, doubled, late or refused, nothing is paid twice,
//! and nothing is released that was paid or still may be.

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use uuid::Uuid;
use workflows::domain::{AccountId, PayoutId, State};

use super::{
    super::command::{Answer, By, Command, Finding, Record, Stand},
    fixtures::{Books, begin, books, payout_id},
};
use crate::bank::{Exchange, Found, FoundDoubt, NotSent, Sender, Submitted};

/// An order may stay invisible to questions this long after the bank took it; the core's horizon is above it.
const HIDDEN: i64 = 60;

/// One thing that happens.
#[derive(Clone, Debug)]
enum Event {
    Accept { account: usize, centavos: i64 },
    Cancel(usize),
    Begin(usize),
    Send { worker: usize, fate: Fate },
    Reply { which: usize, lost: bool },
    Ask(usize),
    Answer { which: usize, lost: bool },
    Decide { order: usize, paid: bool },
    Apply(usize),
    Pass(i64),
}

/// What becomes of a request on the wire.
#[derive(Clone, Copy, Debug)]
enum Fate {
    Taken,
    TakenUnanswered,
    Lost,
    Refused,
    Misconfigured,
    Unreachable,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Pending,
    Paid,
    Dead,
}

/// Everything outside the books.
struct World {
    books: Books,
    dedupes: bool,
    accounts: Vec<AccountId>,
    payouts: u128,
    executions: u128,
    /// Executions that may send: payout, sender, send number, own deadline.
    workers: Vec<(PayoutId, Sender, u32, Timestamp)>,
    replies: Vec<Record>,
    answers: Vec<Finding>,
    orders: Vec<(PayoutId, Order, Timestamp)>,
}

impl World {
    fn new(dedupes: bool) -> Self {
        let mut books = books(dedupes);
        let accounts = vec![books.open(0, 500_000), books.open(1, 50_000)];
        Self {
            books,
            dedupes,
            accounts,
            payouts: 0,
            executions: 0,
            workers: Vec::new(),
            replies: Vec::new(),
            answers: Vec::new(),
            orders: Vec::new(),
        }
    }

    /// The payout that an index means, of those that exist.
    fn payout(&self, index: usize) -> Option<PayoutId> {
        let count = usize::try_from(self.payouts).ok()?;
        (count > 0).then(|| payout_id(1 + (index % count) as u128))
    }

    fn step(&mut self, event: Event) {
        match event {
            Event::Accept { account, centavos } => {
                self.payouts += 1;
                let account = self.accounts[account % self.accounts.len()];
                if matches!(
                    self.books.accept(self.payouts, account, centavos),
                    Answer::Refused { .. }
                ) {
                    self.payouts -= 1;
                    // The key is burnt: the next request is another payout under another key.
                    self.books
                        .rows
                        .requests
                        .retain(|_, request| request.payout.is_some() || request.account.is_some());
                }
            }
            Event::Cancel(index) => {
                if let Some(payout) = self.payout(index) {
                    self.books.run(Command::Cancel(payout));
                }
            }
            Event::Begin(index) => self.begin(index),
            Event::Send { worker, fate } => self.send(worker, fate),
            Event::Reply { which, lost } => {
                if !self.replies.is_empty() {
                    let record = self.replies.remove(which % self.replies.len());
                    if !lost {
                        self.books.run(Command::Record(record));
                    }
                }
            }
            Event::Ask(index) => self.ask(index),
            Event::Answer { which, lost } => {
                if !self.answers.is_empty() {
                    let finding = self.answers.remove(which % self.answers.len());
                    if !lost {
                        self.books.run(Command::Evidence(finding));
                    }
                }
            }
            Event::Decide { order, paid } => {
                let count = self.orders.len();
                let pending = self.orders.get_mut(order % count.max(1)).map(|(_, order, _)| order);
                if let Some(order) = pending.filter(|order| **order == Order::Pending) {
                    *order = if paid { Order::Paid } else { Order::Dead };
                }
            }
            Event::Apply(index) => {
                if let Some(payout) = self.payout(index) {
                    self.books.run(Command::Apply(payout));
                }
            }
            Event::Pass(seconds) => self.books.tick(seconds),
        }
        self.check();
    }

    fn begin(&mut self, index: usize) {
        let Some(payout) = self.payout(index) else { return };
        self.executions += 1;
        let sender = Sender(Uuid::from_u128(self.executions));
        let answer = self.books.run(begin(payout, sender));
        if let Answer::Stands(row, Stand::Go) = answer {
            let until = self.books.rows.now + SignedDuration::from_secs(10);
            self.workers.push((payout, sender, row.send_no, until));
        }
    }

    /// An execution sends, if its own fence still holds; each sends once.
    fn send(&mut self, worker: usize, fate: Fate) {
        if self.workers.is_empty() {
            return;
        }
        let (payout, sender, send_no, until) = self.workers.remove(worker % self.workers.len());
        let now = self.books.rows.now;
        let mut answer = |submitted| {
            self.replies.push(Record {
                payout,
                sender,
                send_no,
                submitted,
                exchange: Exchange::default(),
            });
        };
        if now > until {
            return answer(Submitted::NotSent(NotSent::Late));
        }
        let known = self.orders.iter().any(|(of, _, _)| *of == payout);
        let refused_as_repeated = known && self.dedupes;
        match fate {
            Fate::Taken | Fate::TakenUnanswered if refused_as_repeated => {
                answer(Submitted::Doubt {
                    why: "stp:-1".to_owned(),
                });
            }
            Fate::Taken => {
                self.orders.push((payout, Order::Pending, now));
                answer(Submitted::Accepted {
                    bank_ref: "7".to_owned(),
                });
            }
            Fate::TakenUnanswered => {
                self.orders.push((payout, Order::Pending, now));
                answer(Submitted::Doubt {
                    why: "timeout".to_owned(),
                });
            }
            Fate::Lost => answer(Submitted::Doubt {
                why: "timeout".to_owned(),
            }),
            Fate::Refused => answer(Submitted::Refused {
                code: "stp:-20".to_owned(),
            }),
            Fate::Misconfigured => {
                answer(Submitted::NotSent(NotSent::Configuration {
                    code: "stp:-6".to_owned(),
                }));
            }
            Fate::Unreachable => answer(Submitted::NotSent(NotSent::Unreachable)),
        }
    }

    /// The bank says what it sees; a young order it may not see yet.
    fn ask(&mut self, index: usize) {
        let Some(payout) = self.payout(index) else { return };
        let now = self.books.rows.now;
        let row = &self.books.rows.payouts[&payout];
        let mine = self.orders.iter().filter(|(of, _, _)| *of == payout);
        let seen: Vec<Order> = mine
            .filter(|(_, order, born)| *order != Order::Pending || now.duration_since(*born).as_secs() > HIDDEN)
            .map(|(_, order, _)| *order)
            .collect();
        let effective_on = row.operating_date.unwrap_or_default();
        let found = if seen.contains(&Order::Paid) {
            Found::Paid {
                bank_ref: "7".to_owned(),
                effective_on,
                came_back: false,
            }
        } else if seen.contains(&Order::Pending) {
            Found::Pending {
                bank_ref: "7".to_owned(),
                code: "stp:E".to_owned(),
            }
        } else if seen.contains(&Order::Dead) {
            Found::NotPaid {
                code: "stp:CN".to_owned(),
            }
        } else if self.executions.is_multiple_of(5) {
            Found::Doubt(FoundDoubt::NoAnswer { why: "503".to_owned() })
        } else {
            Found::NotFound
        };
        let by = By::Inquiry {
            send_no: row.send_no,
            asked_at: now,
            found,
            exchange: Exchange::default(),
        };
        self.executions += 1;
        self.answers.push(Finding {
            payout,
            id: Uuid::from_u128(self.executions),
            by,
        });
    }

    /// The promise, held against what the bank really did.
    fn check(&self) {
        for row in self.books.rows.payouts.values() {
            let mine: Vec<Order> = self
                .orders
                .iter()
                .filter(|(of, _, _)| *of == row.id)
                .map(|(_, order, _)| *order)
                .collect();
            let paid = mine.iter().filter(|order| **order == Order::Paid).count();
            assert!(mine.len() <= 1, "two orders for one payout: {row:?}");
            match row.state {
                State::Settled => assert_eq!(paid, 1, "settled without payment: {row:?}"),
                State::Failed | State::Cancelled => {
                    assert!(
                        mine.iter().all(|order| *order == Order::Dead),
                        "released, and paid or payable: {row:?}"
                    );
                    let now = self.books.rows.now;
                    let able = self
                        .workers
                        .iter()
                        .any(|(of, _, _, until)| *of == row.id && now <= *until);
                    assert!(!able, "released, and still able to send: {row:?}");
                }
                State::Accepted | State::Sending | State::Sent | State::Returned => {}
            }
        }
    }
}

fn event() -> impl Strategy<Value = Event> {
    let fate = prop_oneof![
        3 => Just(Fate::Taken),
        3 => Just(Fate::TakenUnanswered),
        3 => Just(Fate::Lost),
        2 => Just(Fate::Refused),
        1 => Just(Fate::Misconfigured),
        1 => Just(Fate::Unreachable),
    ];
    let seconds = prop_oneof![
        6 => Just(1_i64),
        4 => Just(11),
        4 => Just(31),
        3 => Just(131),
        1 => Just(5 * 3_600),
        1 => Just(20 * 3_600),
    ];
    let lost = || prop_oneof![4 => Just(false), 1 => Just(true)];
    prop_oneof![
        2 => (0..2_usize, 1..40_000_i64).prop_map(|(account, centavos)| Event::Accept { account, centavos }),
        1 => (0..9_usize).prop_map(Event::Cancel),
        5 => (0..9_usize).prop_map(Event::Begin),
        5 => (0..9_usize, fate).prop_map(|(worker, fate)| Event::Send { worker, fate }),
        5 => (0..9_usize, lost()).prop_map(|(which, lost)| Event::Reply { which, lost }),
        6 => (0..9_usize).prop_map(Event::Ask),
        6 => (0..9_usize, lost()).prop_map(|(which, lost)| Event::Answer { which, lost }),
        3 => (0..9_usize, any::<bool>()).prop_map(|(order, paid)| Event::Decide { order, paid }),
        4 => (0..9_usize).prop_map(Event::Apply),
        6 => seconds.prop_map(Event::Pass),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, max_shrink_iters: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_paid_twice_or_lost(dedupes: bool, events in proptest::collection::vec(event(), 1..160)) {
        let mut world = World::new(dedupes);
        for event in events {
            world.step(event);
        }
    }
}
