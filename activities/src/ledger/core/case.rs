//! One payout and its world: what each move does to them, and what it asks of the books.

use workflows::domain::{Outcome, PayoutId};

use super::{
    super::command::{Answer, By, Command, Finding, Record, Stand, Subject},
    super::rows::Payout,
    fixtures::{Books, begin, statements, word},
    moves::Move,
    world::{At, Fate, OnWire, Reply, Said, Seen, Slot, Taken, World, at, day, instant, put, seconds, uuid},
};
use crate::bank::{Exchange, Found, FoundDoubt, NotSent, Sender, Submitted};

/// A payout and its world.
#[derive(Clone)]
pub(super) struct Case {
    pub(super) payout: PayoutId,
    pub(super) world: World,
    /// Makes senders and findings, each once.
    pub(super) next: u32,
}

impl Case {
    /// Makes one move; what it breaks is the error.
    pub(super) fn make(&mut self, books: &mut Books, step: Move) -> Result<Option<Answer>, String> {
        let now = at(books.rows.now);
        let payout = self.payout;
        match step {
            Move::Tick => {}
            Move::Begin { slot, heard } => return self.begin(books, usize::from(slot), heard),
            Move::BeginAgain { slot } => {
                let slot = usize::from(slot);
                if let Slot::Asking { sender, until } = self.world.slots[slot] {
                    let answer = books.try_run(&begin(payout, Sender(uuid(sender))))?;
                    self.world.slots[slot] = begun(&answer, sender, until);
                    return Ok(Some(answer));
                }
            }
            Move::Send { slot } => self.send(usize::from(slot), now),
            Move::NoConnection { slot } => self.hears_in(usize::from(slot), Said::Unreachable),
            Move::TimeOut { slot } => {
                self.deaf(usize::from(slot));
                self.hears_in(usize::from(slot), Said::TimedOut);
            }
            Move::Die { slot } => {
                self.deaf(usize::from(slot));
                self.world.slots[usize::from(slot)] = Slot::Idle;
            }
            Move::Record { slot, heard } => return self.record(books, usize::from(slot), heard),
            Move::Take { request } => {
                let order = Taken {
                    fate: Fate::Pending,
                    day: day(now),
                };
                if put(&mut self.world.orders, order) {
                    let folio = self.world.orders.iter().flatten().count();
                    self.answers(request, Said::Accepted(u8::try_from(folio).unwrap_or(u8::MAX)));
                }
            }
            Move::Repeated { request } => self.answers(request, Said::Repeated),
            Move::Refuse { request } => self.answers(request, Said::Refused),
            Move::Misconfigured { request } => self.answers(request, Said::Misconfigured),
            Move::ReadOnly { request } => self.answers(request, Said::ReadOnly),
            Move::Lose { request } => self.world.wire[usize::from(request)] = None,
            Move::Decide { order, fate } => {
                if let Some(taken) = &mut self.world.orders[usize::from(order)] {
                    taken.fate = fate;
                }
            }
            Move::Ask { seen, late } => {
                let send_no = books.rows.payouts[&payout].send_no;
                let reply = Reply {
                    seen,
                    send_no,
                    asked: now,
                };
                if !late {
                    return self.write(books, reply).map(Some);
                }
                put(&mut self.world.replies, reply);
            }
            Move::Answer { reply } => {
                if let Some(reply) = self.world.replies[usize::from(reply)].take() {
                    return self.write(books, reply).map(Some);
                }
            }
            Move::Claim => return self.finding(books, By::Claim).map(Some),
            Move::Cancel => return books.try_run(&Command::Cancel(payout, "payments".to_owned())).map(Some),
            Move::Apply => return books.try_run(&Command::Apply(payout)).map(Some),
            Move::Statements => {
                let by = statements(&books.rows.payouts[&payout]);
                return self.finding(books, by).map(Some);
            }
            Move::People { paid } => return self.people(books, paid).map(Some),
            Move::Conjure => {
                let order = Taken {
                    fate: Fate::Pending,
                    day: day(now),
                };
                put(&mut self.world.orders, order);
            }
        }
        Ok(None)
    }

    /// An execution reads its own clocks and asks for the right to send; whether it hears the answer is `heard`.
    fn begin(&mut self, books: &mut Books, slot: usize, heard: bool) -> Result<Option<Answer>, String> {
        self.next += 1;
        let sender = self.next;
        let until = at(books.rows.now) + seconds(books.rules.fence);
        let answer = books.try_run(&begin(self.payout, Sender(uuid(sender))))?;
        self.world.slots[slot] = if heard {
            begun(&answer, sender, until)
        } else {
            Slot::Asking { sender, until }
        };
        Ok(Some(answer))
    }

    /// An execution sends, if its own fence still holds.
    fn send(&mut self, slot: usize, now: At) {
        let Slot::Begun { sender, send_no, until } = self.world.slots[slot] else {
            return;
        };
        if now > until {
            return self.hears_in(slot, Said::Late);
        }
        let listener = Some(sender);
        if put(&mut self.world.wire, OnWire { sent: now, listener }) {
            self.world.slots[slot] = Slot::Waiting { sender, send_no };
        }
    }

    /// The execution in a slot knows what became of its send.
    fn hears_in(&mut self, slot: usize, said: Said) {
        if let Slot::Begun { sender, send_no, .. } | Slot::Waiting { sender, send_no } = self.world.slots[slot] {
            self.world.slots[slot] = Slot::Heard { sender, send_no, said };
        }
    }

    /// The bank answers a request, to whoever still waits for it.
    fn answers(&mut self, request: u8, said: Said) {
        let Some(OnWire {
            listener: Some(sender), ..
        }) = self.world.wire[usize::from(request)].take()
        else {
            return;
        };
        let waits = |slot: &Slot| matches!(slot, Slot::Waiting { sender: of, .. } if *of == sender);
        if let Some(slot) = self.world.slots.iter().position(waits) {
            self.hears_in(slot, said);
        }
    }

    /// Nobody waits any more for what the execution in a slot sent.
    fn deaf(&mut self, slot: usize) {
        if let Slot::Waiting { sender, .. } = self.world.slots[slot] {
            for request in self.world.wire.iter_mut().flatten() {
                request.listener = request.listener.filter(|of| *of != sender);
            }
        }
    }

    fn record(&mut self, books: &mut Books, slot: usize, heard: bool) -> Result<Option<Answer>, String> {
        let Slot::Heard { sender, send_no, said } = self.world.slots[slot] else {
            return Ok(None);
        };
        let answer = books.try_run(&Command::Record(Record {
            payout: self.payout,
            sender: Sender(uuid(sender)),
            send_no,
            submitted: submitted(said),
            exchange: Exchange::default(),
        }))?;
        if heard {
            self.world.slots[slot] = Slot::Idle;
        }
        Ok(Some(answer))
    }

    /// Writes an answer to a question.
    fn write(&mut self, books: &mut Books, reply: Reply) -> Result<Answer, String> {
        let by = By::Inquiry {
            send_no: reply.send_no,
            asked_at: instant(reply.asked),
            found: found(reply.seen, &books.rows.payouts[&self.payout]),
            exchange: Exchange::default(),
        };
        self.finding(books, by)
    }

    pub(super) fn people(&mut self, books: &mut Books, paid: bool) -> Result<Answer, String> {
        let mut last = Answer::Unknown;
        for person in ["ana", "luis"] {
            self.next += 1;
            let outcome = if paid { Outcome::Paid } else { Outcome::NotPaid };
            last = books.try_run(&word(Subject::Payout(self.payout), person, outcome, None, self.next))?;
        }
        Ok(last)
    }

    fn finding(&mut self, books: &mut Books, by: By) -> Result<Answer, String> {
        self.next += 1;
        let finding = Finding {
            payout: self.payout,
            id: uuid(self.next),
            by,
        };
        books.try_run(&Command::Evidence(finding))
    }
}

/// Where an execution stands that has heard the answer to its begin.
fn begun(answer: &Answer, sender: u32, until: At) -> Slot {
    if let Answer::Stands(row, Stand::Go) = answer {
        let send_no = row.send_no;
        Slot::Begun { sender, send_no, until }
    } else {
        Slot::Idle
    }
}

fn submitted(said: Said) -> Submitted {
    let folio = |folio: u8| format!("{folio}");
    match said {
        Said::Accepted(order) => Submitted::Accepted { bank_ref: folio(order) },
        Said::Refused => Submitted::Refused {
            code: "stp:-20".to_owned(),
        },
        Said::Misconfigured => Submitted::NotSent(NotSent::Configuration {
            code: "stp:-6".to_owned(),
        }),
        Said::ReadOnly => Submitted::NotSent(NotSent::ReadOnly),
        Said::Unreachable => Submitted::NotSent(NotSent::Unreachable),
        Said::Late => Submitted::NotSent(NotSent::Late),
        Said::TimedOut => Submitted::Doubt {
            why: "timeout".to_owned(),
        },
        Said::Repeated => Submitted::Doubt {
            why: "stp:-1".to_owned(),
        },
    }
}

fn found(seen: Seen, row: &Payout) -> Found {
    let effective_on = row.operating_date.unwrap_or_default();
    match seen {
        Seen::Paid(folio) | Seen::CameBack(folio) => Found::Paid {
            bank_ref: format!("{folio}"),
            effective_on,
            came_back: matches!(seen, Seen::CameBack(_)),
        },
        Seen::NotPaid => Found::NotPaid {
            code: "stp:CN".to_owned(),
        },
        Seen::Pending(folio) => Found::Pending {
            bank_ref: format!("{folio}"),
            code: "stp:E".to_owned(),
        },
        Seen::NotFound => Found::NotFound,
        Seen::NoAnswer => Found::Doubt(FoundDoubt::NoAnswer { why: "503".to_owned() }),
        Seen::Mismatch => Found::Doubt(FoundDoubt::Mismatch { fields: vec!["amount"] }),
        Seen::UnknownWord => Found::Doubt(FoundDoubt::UnknownWord {
            code: "stp:ZZ".to_owned(),
        }),
    }
}
