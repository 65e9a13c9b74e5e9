//! What takes two people, with a document: one says it, a second one who says the same makes it count.

use std::sync::Arc;

use activities::ledger::{
    command::{Answer, Correct, Decide, NotDecided, Subject},
    read,
    rows::{self, AccountStatus, Payout},
};
use axum::{extract::State as Shared, http::StatusCode, response::Response};
use tracing::{info, warn};
use utoipa::IntoParams;
use uuid::Uuid;
use workflows::domain::{
    AccountId, Centavos, CorrectionId, FieldCode, LARGEST_ORDER, Outcome, PayoutId, ReceivedId, ReceivedKind,
};

use super::{
    Answered, Api, arrivals,
    caller::{Caller, Operator},
    extract::{Id, JsonBody},
    idempotency::Key,
    params::{self, Nothing, Parameters, Params},
    payouts::behind,
    plain,
    problem::{Code, Problem},
    show::{again, reply},
    trace,
    view::{
        Thing,
        arrival::Arrival,
        correction::Correction,
        decision::{Decision, Said},
        form,
        page::Page,
        payout as view,
        request::{Judgement, NewCorrection, Understanding},
    },
};
use crate::starter::Reason;

/// Say what became of a payout
///
/// One of two people says, with a document, that it was `paid` or `not_paid`, or that what came after its end is
/// `understood`. Nothing happens until another person says the same by the same document, within a week and while the payout
/// stands as it did; then it is done: the payout ends so, or its attention is taken off. Only for what needs people. Needs the
/// scope `operate`; each person has a key of a caller of their own.
#[utoipa::path(post, path = "/v1/payouts/{id}/decide", tag = "payouts", operation_id = "decidePayout",
    params(("id" = inline(form::PayoutId), Path, description = "The payout.")), request_body = Judgement,
    responses(
        (status = 200, description = "Two people have said so, now or before.", body = Decision),
        (status = 202, description = "It waits for a second person.", body = Decision),
    ))]
pub(super) async fn payout(
    Shared(api): Shared<Arc<Api>>,
    Operator(caller): Operator,
    _: Params<Nothing>,
    key: Key,
    Id(id): Id<PayoutId>,
    JsonBody(body): JsonBody,
) -> Answered<Response> {
    trace::about(id);
    api.payout(&caller, id).await?;
    let Judgement { outcome, document } = plain::read(
        &body,
        r#"{"outcome": "paid, not_paid or understood", "document": "..."}"#,
    )?;
    let of_payouts = [Outcome::Paid, Outcome::NotPaid, Outcome::Understood];
    let outcome = of_payouts.into_iter().find(|known| known.word() == outcome);
    let word = Word {
        outcome: outcome.ok_or_else(|| {
            Problem::field(
                "/outcome",
                FieldCode::InvalidParameter,
                "write paid, not_paid or understood",
            )
        })?,
        account: None,
        document: plain::line("/document", &document)?,
    };
    let (said, replayed) = say(&api, &caller, &key, Subject::Payout(id), word).await?;
    if let Heard::Done(Some(payout)) = &said.heard {
        info!(%id, outcome = %said.word.outcome, "decided by two people");
        wake(&api, (**payout).clone());
    }
    let shown = view::Payout::of(&api.payout(&caller, id).await?, api.context());
    said.reply(&api, replayed, |decision| Decision {
        payout: Some(shown),
        ..decision
    })
    .await
}

/// Say what became of a deposit
///
/// Two people say that what the bank told otherwise of it is `understood`. Needs the scope `operate`.
#[utoipa::path(post, path = "/v1/deposits/{id}/decide", tag = "arrivals", operation_id = "decideDeposit",
    params(("id" = inline(form::ReceivedId), Path, description = "The deposit.")), request_body = Understanding,
    responses(
        (status = 200, description = "Two people have said so, now or before.", body = Decision),
        (status = 202, description = "It waits for a second person.", body = Decision),
    ))]
pub(super) async fn deposit(
    Shared(api): Shared<Arc<Api>>,
    Operator(caller): Operator,
    _: Params<Nothing>,
    key: Key,
    Id(id): Id<ReceivedId>,
    JsonBody(body): JsonBody,
) -> Answered<Response> {
    received(&api, &caller, &key, ReceivedKind::Deposit, id, &body).await
}

/// Say what becomes of a return
///
/// Two people say that what stands in suspense is an account's (`apply`), or that what the bank told otherwise of it is
/// `understood`. Needs the scope `operate`.
#[utoipa::path(post, path = "/v1/returns/{id}/decide", tag = "arrivals", operation_id = "decideReturn",
    params(("id" = inline(form::ReceivedId), Path, description = "The return.")), request_body = Understanding,
    responses(
        (status = 200, description = "Two people have said so, now or before.", body = Decision),
        (status = 202, description = "It waits for a second person.", body = Decision),
    ))]
pub(super) async fn of_return(
    Shared(api): Shared<Arc<Api>>,
    Operator(caller): Operator,
    _: Params<Nothing>,
    key: Key,
    Id(id): Id<ReceivedId>,
    JsonBody(body): JsonBody,
) -> Answered<Response> {
    received(&api, &caller, &key, ReceivedKind::Return, id, &body).await
}

async fn received(
    api: &Api,
    caller: &Caller,
    key: &Key,
    kind: ReceivedKind,
    id: ReceivedId,
    body: &[u8],
) -> Answered<Response> {
    arrivals::one(api, caller, kind, id).await?;
    let form = r#"{"outcome": "apply or understood", "document": "...", "account": "acc_..." with apply}"#;
    let Understanding {
        outcome,
        document,
        account,
    } = plain::read(body, form)?;
    let wrong = |fix: &str| Problem::field("/account", FieldCode::InvalidId, fix);
    let (outcome, account) = match (outcome.as_str(), account) {
        ("apply", Some(account)) => {
            let account: AccountId = account.parse().map_err(|error| wrong(&format!("{error}")))?;
            (Outcome::Apply, Some(account))
        }
        ("apply", None) => return Err(wrong("name the account that gets it")),
        ("understood", None) => (Outcome::Understood, None),
        ("understood", Some(_)) => return Err(wrong("leave it out: nothing moves")),
        _ => {
            return Err(Problem::field(
                "/outcome",
                FieldCode::InvalidParameter,
                "write apply or understood",
            ));
        }
    };
    let document = plain::line("/document", &document)?;
    let word = Word {
        outcome,
        account,
        document,
    };
    let (said, replayed) = say(api, caller, key, Subject::Received(id), word).await?;
    let seen = arrivals::one(api, caller, kind, id).await?;
    if let Heard::Done(_) = &said.heard {
        info!(received = %id, outcome = %said.word.outcome, "decided by two people");
        api.starter.look_at(&seen.received).await;
    }
    let shown = Arrival::of(&seen, api.context());
    said.reply(api, replayed, |decision| Decision {
        arrival: Some(shown),
        ..decision
    })
    .await
}

/// Money that people correct at once, in centavos, at most: as much as the largest order.
const LARGEST: i64 = LARGEST_ORDER.get();

/// Giro's own accounts that people may correct, by their codes.
const OWN: [(&str, AccountId); 5] = [
    ("1101", rows::SETTLEMENT_STP),
    ("1180", rows::IVA_CREDITABLE),
    ("2150", rows::IVA_PAYABLE),
    ("4101", rows::FEE_INCOME),
    ("5101", rows::BANK_CHARGES),
];

/// Say what the books must have
///
/// One of two people says, with a document, that money goes from one account of the books to another: what a bank charges, what
/// it lists and giro cannot read, what went to the wrong customer. Nothing is booked until another person says the same by the
/// same document, within a week; then it counts for the operating date that runs, once: the same document moves the same money
/// no second time. A customer gives no more than is available. Needs the scope `operate`.
#[utoipa::path(post, path = "/v1/corrections", tag = "corrections", operation_id = "correctBooks",
    request_body = NewCorrection,
    responses(
        (status = 200, description = "Two people have said so, now or before.", body = Decision),
        (status = 202, description = "It waits for a second person.", body = Decision),
    ))]
pub(super) async fn correct(
    Shared(api): Shared<Arc<Api>>,
    Operator(caller): Operator,
    _: Params<Nothing>,
    key: Key,
    JsonBody(body): JsonBody,
) -> Answered<Response> {
    let form = r#"{"debit_account": "acc_... or 5101", "credit_account": "acc_... or 1101", "amount": centavos, "currency": "MXN", "document": "..."}"#;
    let asked: NewCorrection = plain::read(&body, form)?;
    let (debit, credit) = (
        account(&api, "/debit_account", &asked.debit_account).await?,
        account(&api, "/credit_account", &asked.credit_account).await?,
    );
    if debit == credit {
        let fix = "name another account than debit_account";
        return Err(Problem::field("/credit_account", FieldCode::InvalidParameter, fix));
    }
    if !(1..=LARGEST).contains(&asked.amount) {
        let fix = format!("write centavos from 1 to {LARGEST}");
        return Err(Problem::field("/amount", FieldCode::OutOfRange, &fix));
    }
    if asked.currency != Centavos::CURRENCY.code() {
        return Err(Problem::field("/currency", FieldCode::InvalidParameter, "write MXN"));
    }
    let correct = Correct {
        id: Uuid::now_v7(),
        person: caller.name().to_owned(),
        key: key.as_str().to_owned(),
        debit,
        credit,
        amount: Centavos::new(asked.amount),
        document: plain::line("/document", &asked.document)?,
        effective_on: api.operating_date().await?.date(),
    };
    let id = correct.correction();
    let word = Word {
        outcome: Outcome::Correct,
        account: None,
        document: correct.document.clone(),
    };
    let before = read::decisions(api.ledger.pool(), id.uuid()).await?;
    let replayed = before
        .iter()
        .any(|said| (said.person.as_str(), said.key.as_str()) == (caller.name(), key.as_str()));
    let heard = heard(api.ledger.correct(correct).await?)?;
    if let (Heard::Done(_), false) = (&heard, replayed) {
        info!(correction = %id, "booked by two people");
    }
    let found = read::corrections(api.ledger.pool(), Some(id), None, 1).await?;
    let said = Taken {
        subject: id.uuid(),
        word,
        heard,
    };
    said.reply(&api, replayed, |decision| Decision {
        correction: found.into_iter().next().map(Correction::from),
        ..decision
    })
    .await
}

/// An account of the books that people may correct: one of giro's own, or a customer's that is not closed.
async fn account(api: &Api, pointer: &'static str, text: &str) -> Answered<AccountId> {
    if let Some((_, id)) = OWN.iter().find(|(code, id)| *code == text || id.to_string() == text) {
        return Ok(*id);
    }
    let row = match text.parse() {
        Ok(id) => read::account(api.ledger.pool(), id).await?,
        Err(_) => None,
    };
    match row
        .filter(|row| row.code == rows::CUSTOMER)
        .map(|row| (row.id, row.status))
    {
        Some((id, AccountStatus::Open | AccountStatus::Frozen)) => Ok(id),
        Some((_, AccountStatus::Closed)) => {
            let fix = "name another account: this one is closed, and has no money";
            Err(Problem::field(pointer, FieldCode::NotPayable, fix))
        }
        None => {
            let fix = "name a customer's account, acc_..., or write 1101, 1180, 2150, 4101 or 5101";
            Err(Problem::field(pointer, FieldCode::InvalidId, fix))
        }
    }
}

/// Which page of corrections.
#[derive(Debug, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Corrections {
    /// Rows of the page.
    #[param(minimum = 1, maximum = 200, default = 50, required = false)]
    limit: u16,
    /// The `next_cursor` of the page before.
    #[param(value_type = Option<form::CorrectionId>, inline)]
    after: Option<CorrectionId>,
}

impl Parameters for Corrections {
    fn read(query: &mut params::Reader) -> Self {
        Self {
            limit: query.limit(),
            after: query.after(),
        }
    }
}

/// List corrections
///
/// What people have said that the books must have, the last asked for first, booked or not. Needs the scope `operate`.
#[utoipa::path(get, path = "/v1/corrections", tag = "corrections", operation_id = "listCorrections", params(Corrections),
    responses((status = 200, description = "A page of corrections.", body = Page<Correction>)))]
pub(super) async fn corrections(
    Shared(api): Shared<Arc<Api>>,
    Operator(_caller): Operator,
    Params(page): Params<Corrections>,
) -> Answered<Response> {
    let found = read::corrections(api.ledger.pool(), None, page.after, page.limit.saturating_add(1)).await?;
    let all = found.into_iter().map(Correction::from).collect();
    let page = Page::of(all, page.limit, |row: &Correction| row.id.to_string());
    Ok(reply(StatusCode::OK, page))
}

/// What one person says.
struct Word {
    outcome: Outcome,
    account: Option<AccountId>,
    document: String,
}

/// What came of it.
enum Heard {
    Done(Option<Box<Payout>>),
    Waits,
}

/// A word that was taken.
struct Taken {
    /// The row of what it is about.
    subject: Uuid,
    word: Word,
    heard: Heard,
}

/// Says it; and whether the key had said so before.
async fn say(api: &Api, caller: &Caller, key: &Key, subject: Subject, word: Word) -> Answered<(Taken, bool)> {
    let id = Uuid::now_v7();
    let before = read::decisions(api.ledger.pool(), subject.uuid()).await?;
    let replayed = before
        .iter()
        .any(|said| (said.person.as_str(), said.key.as_str()) == (caller.name(), key.as_str()));
    let decide = Decide {
        id,
        subject,
        person: caller.name().to_owned(),
        key: key.as_str().to_owned(),
        outcome: word.outcome,
        account: word.account,
        document: word.document.clone(),
    };
    let heard = heard(api.ledger.decide(decide).await?)?;
    let subject = subject.uuid();
    Ok((Taken { subject, word, heard }, replayed))
}

impl Taken {
    async fn reply(self, api: &Api, replayed: bool, with: impl FnOnce(Decision) -> Decision) -> Answered<Response> {
        let said = read::decisions(api.ledger.pool(), self.subject).await?;
        let is_decided = matches!(self.heard, Heard::Done(_));
        let decision = with(Decision {
            object: Thing::Decision,
            outcome: self.word.outcome,
            account: self.word.account,
            document: self.word.document,
            is_decided,
            next: next(is_decided, self.word.outcome).to_owned(),
            said: said.into_iter().map(|said: rows::Decision| Said::of(said)).collect(),
            payout: None,
            arrival: None,
            correction: None,
        });
        let mut answer = reply(
            if is_decided {
                StatusCode::OK
            } else {
                StatusCode::ACCEPTED
            },
            decision,
        );
        if replayed {
            again(&mut answer);
        }
        Ok(answer)
    }
}

const fn next(is_decided: bool, outcome: Outcome) -> &'static str {
    match (is_decided, outcome) {
        (false, _) => "another person says the same, by the same document, within a week; nothing happens before",
        (true, Outcome::Paid) => "giro books it as paid",
        (true, Outcome::NotPaid) => "giro gives the money back; of what was never sent, take it back by cancel",
        (true, Outcome::Understood) => "nothing: what is told of it from now on is news",
        (true, Outcome::Apply) => "nothing: the account has it",
        (true, Outcome::Correct) => "nothing: it is booked",
    }
}

fn heard(answer: Answer) -> Answered<Heard> {
    match answer {
        Answer::Decided(payout) => Ok(Heard::Done(payout.map(Box::new))),
        Answer::Awaits(_) => Ok(Heard::Waits),
        Answer::NotDecided(why) => Err(match why {
            NotDecided::NotNeeded => Problem::from(Code::NothingToDecide),
            NotDecided::NotSent => Problem::because(
                Code::NothingToDecide,
                "The books never sent it, and the bank does not say that it paid it. Nothing was decided: where the bank has an order by its key, giro takes it in from the bank's statement, or asks what became of it.",
            ),
            NotDecided::Ended => Problem::because(
                Code::NothingToDecide,
                "It has ended, and an end stays. Nothing was decided: what came since can be `understood`.",
            ),
            NotDecided::StillOpen => Problem::because(
                Code::NothingToDecide,
                "It is open: its end makes what was told of it understood. Nothing was decided; say `paid` or `not_paid`.",
            ),
            NotDecided::KeyReused => Problem::from(Code::KeyReused),
            NotDecided::Stale => Problem::because(
                Code::NothingToDecide,
                "What this key said no longer counts: it has moved on since, you have said otherwise, or a week is over. Nothing was decided; look at it, and say it anew with a new key.",
            ),
            NotDecided::AccountUnknown => Problem::no_such_account(),
            NotDecided::AccountNotOpen => Problem::account_not_open(),
            NotDecided::Shortfall => Problem::because(
                Code::NothingToDecide,
                "The customer's account does not have so much available. Nothing was decided.",
            ),
            NotDecided::Booked => Problem::because(
                Code::NothingToDecide,
                "Two people have had it booked already, by this very document. Nothing was decided: for another one name another document.",
            ),
        }),
        Answer::Unknown => Err(Problem::from(Code::NotFound)),
        Answer::Opened { .. } | Answer::ClabeTaken | Answer::Accepted { .. } | Answer::Refused { .. } => {
            Err(Problem::unexpected("decide"))
        }
        Answer::KeyConflict { .. } | Answer::Cancelled(_) | Answer::TooLate(_) | Answer::CatchingUp(_) => {
            Err(Problem::unexpected("decide"))
        }
        Answer::Stands(..) | Answer::Ended(..) | Answer::Open(_) => Err(Problem::unexpected("decide")),
        Answer::Received { .. } | Answer::Placed(_) | Answer::Waits { .. } | Answer::NotCured { .. } => {
            Err(Problem::unexpected("decide"))
        }
    }
}

/// Has the run look at its row, and starts one that is missing.
fn wake(api: &Api, payout: Payout) {
    if !payout.state.is_open() {
        return;
    }
    let starter = api.starter.clone();
    behind(async move {
        if let Err(error) = starter.begin(&payout, Reason::Overdue).await {
            warn!(payout = %payout.id, error = format!("{error:#}"), "not woken now: the sweeper starts the run");
        }
        starter.look(&payout).await;
    });
}
