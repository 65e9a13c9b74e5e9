//! The SQL of the write path: read under locks, write as sets, one statement per table.
//!
//! Rows travel as JSON recordsets: one parameter per statement, and the table's own columns say the types.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{Timestamp, civil::Date};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use sqlx::{PgConnection, PgPool};
use tracing::error;
use uuid::Uuid;
use workflows::domain::{AccountId, PayoutId, ReceivedId};

use super::{
    command::{Accept, Command, Owners},
    core::hex,
    event,
    rows::{
        Account, BankRow, Decision, FEE_INCOME, IVA_PAYABLE, Payout, Private, Received, Request, Rows, Seen, Writes,
    },
};
use crate::crash::Point;

/// What went wrong between the core and the database.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database said so.
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// A row does not read, or another writer changed it under our lock.
    #[error("the books and the code disagree: {0}")]
    Disagree(String),
}

impl From<serde_json::Error> for StoreError {
    fn from(error: serde_json::Error) -> Self {
        Self::Disagree(error.to_string())
    }
}

/// Reads a set of rows.
fn rows<T: DeserializeOwned>(found: Vec<Option<Value>>) -> Result<Vec<T>, StoreError> {
    found
        .into_iter()
        .flatten()
        .map(|row| serde_json::from_value(row).map_err(StoreError::from))
        .collect()
}

/// Reads a set of rows of which one that does not read must not keep the others from what is done about them; `what` they are.
pub(crate) fn those_that_read<T: DeserializeOwned>(found: Vec<Option<Value>>, what: &'static str) -> Vec<T> {
    let read = |row| serde_json::from_value(row).inspect_err(|error| error!(%error, "{what} does not read"));
    found.into_iter().flatten().filter_map(|row| read(row).ok()).collect()
}

/// A set of rows as one parameter.
fn set<T: Serialize>(rows: &[T]) -> Result<Value, StoreError> {
    Ok(serde_json::to_value(rows)?)
}

/// `giro_now()`.
pub(crate) async fn now(connection: &mut PgConnection) -> Result<Timestamp, StoreError> {
    let text = sqlx::query_scalar!(r#"select to_jsonb(giro_now()) as "now""#)
        .fetch_one(connection)
        .await?;
    Ok(serde_json::from_value(text.unwrap_or_default())?)
}

/// The server that answers.
pub(crate) async fn server(connection: &mut PgConnection) -> Result<Seen, StoreError> {
    let seen = sqlx::query_scalar!(r#"select giro_server() as "seen!""#)
        .fetch_one(connection)
        .await?;
    Ok(serde_json::from_value(seen)?)
}

/// A time as a parameter: text, to the microsecond that the books keep.
pub(crate) fn stamp(at: Timestamp) -> String {
    format!("{at:.6}")
}

/// A time as microseconds since 1970. What is none, such as Postgres's `infinity`, is read as one that nothing of giro
/// writes: it differs from what it is held against, and its row is told, not the whole report lost.
pub(crate) fn time(microseconds: Option<i64>) -> Timestamp {
    let read = microseconds.and_then(|microseconds| Timestamp::from_microsecond(microseconds).ok());
    read.unwrap_or(Timestamp::MAX)
}

/// A day; what is none is read as one that nothing of giro writes.
pub(crate) fn day(text: &str) -> Date {
    text.parse().unwrap_or(Date::MAX)
}

/// A row does not read.
pub(crate) fn disagree(error: impl std::fmt::Display) -> StoreError {
    StoreError::Disagree(error.to_string())
}

/// Locks and reads everything a block of commands may see: accounts by id, then payouts by id,
/// then received records by id, then banks.
pub(super) async fn lock(connection: &mut PgConnection, commands: &[&Command]) -> Result<Rows, StoreError> {
    let payouts: BTreeSet<PayoutId> = commands.iter().filter_map(|command| command.payout()).collect();
    let mut owners = owners(connection, &payouts).await?;
    let records: Vec<Uuid> = commands
        .iter()
        .filter_map(|command| command.received())
        .chain(owners.deposits.values().copied())
        .collect::<BTreeSet<_>>()
        .into_iter()
        .map(ReceivedId::uuid)
        .collect();
    owners.named = named(connection, &records).await?;
    owners.clabes = own(connection, commands).await?;
    // An account that is opened in this block may be paid in it too.
    let opens = commands.iter().any(|command| matches!(command, Command::Open(_)));
    let asked = commands.iter().any(|command| command.asked().is_some());
    let fees = (opens && asked).then_some([FEE_INCOME, IVA_PAYABLE]);
    let accounts: Vec<Uuid> = commands
        .iter()
        .flat_map(|command| command.accounts(&owners))
        .chain(fees.into_iter().flatten())
        .collect::<BTreeSet<_>>()
        .into_iter()
        .map(AccountId::uuid)
        .collect();
    let mut found = Rows::empty(Timestamp::UNIX_EPOCH);
    if !accounts.is_empty() {
        let locked = sqlx::query_scalar!(
            r#"select to_jsonb(a) as "row" from account a where id = any($1) order by id for no key update"#,
            &accounts
        );
        found.accounts = rows::<Account>(locked.fetch_all(&mut *connection).await?)?
            .into_iter()
            .map(|row| (row.id, row))
            .collect();
        let clabes = found
            .accounts
            .values()
            .filter_map(|row| Some((row.clabe.as_ref()?.expose().to_owned(), row.id)));
        found.named = clabes.collect();
    }
    requests(connection, commands, &mut found).await?;
    let ids: Vec<Uuid> = found
        .requests
        .values()
        .filter_map(|request| request.payout)
        .chain(payouts)
        .chain(commands.iter().filter_map(|command| Some(command.asked()?.payout)))
        .collect::<BTreeSet<_>>()
        .into_iter()
        .map(PayoutId::uuid)
        .collect();
    let locked = sqlx::query_scalar!(
        r#"select to_jsonb(p) as "row" from payout p where id = any($1) order by id for no key update"#,
        &ids
    );
    found.payouts = rows::<Payout>(locked.fetch_all(&mut *connection).await?)?
        .into_iter()
        .map(|row| (row.id, row))
        .collect();
    if !records.is_empty() {
        let locked = sqlx::query_scalar!(
            r#"select to_jsonb(r) as "row" from received r where id = any($1) order by id for no key update"#,
            &records
        );
        found.received = rows::<Received>(locked.fetch_all(&mut *connection).await?)?
            .into_iter()
            .map(|row| (row.id, row))
            .collect();
    }
    if !owners.deposits.is_empty() || commands.iter().any(|command| matches!(command, Command::SendBack(_))) {
        found.shared = shared(connection, &records).await?;
    }
    let decided: Vec<Uuid> = commands.iter().filter_map(|command| command.decides()).collect();
    if !decided.is_empty() {
        let (people, keys): (Vec<String>, Vec<String>) =
            commands.iter().filter_map(|command| command.corrects()).unzip();
        // A key that has said something of the books says nothing else of them.
        let said = sqlx::query_scalar!(
            r#"select to_jsonb(d) as "row" from decision d
               where subject = any($1)
                  or outcome = 'correct' and (person, key) in (select * from unnest($2::text[], $3::text[]))
               order by at, id"#,
            &decided,
            &people,
            &keys
        );
        found.decisions = rows::<Decision>(said.fetch_all(&mut *connection).await?)?;
    }
    if commands.iter().any(|command| command.needs_bank()) {
        let locked = sqlx::query_scalar!(r#"select to_jsonb(b) as "row" from bank b order by name for no key update"#);
        found.banks = rows::<BankRow>(locked.fetch_all(&mut *connection).await?)?
            .into_iter()
            .map(|row| (row.name.clone(), row))
            .collect();
    }
    if commands.iter().any(|command| command.needs_server()) {
        found.server = Some(server(connection).await?);
    }
    found.now = now(connection).await?;
    Ok(found)
}

/// Everything that accept may see, read without a lock.
pub(super) async fn foresee(pool: &PgPool, accept: &Accept) -> Result<Rows, StoreError> {
    let mut connection = pool.acquire().await?;
    let mut found = Rows::empty(now(&mut connection).await?);
    requests(&mut connection, &[&Command::Accept(accept.clone())], &mut found).await?;
    drop(connection);
    let command = Command::Accept(accept.clone());
    let mut connection = pool.acquire().await?;
    let owners = Owners {
        clabes: own(&mut connection, &[&command]).await?,
        ..Owners::default()
    };
    drop(connection);
    for id in command.accounts(&owners) {
        found.accounts.extend(account(pool, id).await?.map(|row| (row.id, row)));
    }
    found.named = owners.clabes;
    let before: Vec<PayoutId> = found.requests.values().filter_map(|request| request.payout).collect();
    for id in before {
        found.payouts.extend(payout(pool, id).await?.map(|row| (row.id, row)));
    }
    Ok(found)
}

/// Whose account each payout draws on, and the deposit that it sends back; neither ever changes, so they are read before
/// any lock.
async fn owners(connection: &mut PgConnection, payouts: &BTreeSet<PayoutId>) -> Result<Owners, StoreError> {
    let ids: Vec<Uuid> = payouts.iter().map(|id| id.uuid()).collect();
    let found = sqlx::query!(
        "select id, account, sends_back, to_account from payout where id = any($1)",
        &ids
    )
    .fetch_all(connection)
    .await?;
    let mut owners = Owners::default();
    for row in found {
        let id = PayoutId::new(row.id);
        owners.payers.insert(id, AccountId::new(row.account));
        owners
            .deposits
            .extend(row.sends_back.map(|deposit| (id, ReceivedId::new(deposit))));
        owners
            .payees
            .extend(row.to_account.map(|payee| (id, AccountId::new(payee))));
    }
    Ok(owners)
}

/// Whose CLABEs they are that payouts are asked for, of customers of giro's own: a CLABE never changes hands.
async fn own(connection: &mut PgConnection, commands: &[&Command]) -> Result<BTreeMap<String, AccountId>, StoreError> {
    let clabes: Vec<String> = commands
        .iter()
        .filter_map(|command| command.asked())
        .map(|accept| accept.order.clabe.as_str().to_owned())
        .collect();
    if clabes.is_empty() {
        return Ok(BTreeMap::new());
    }
    let found = sqlx::query!(
        r#"select clabe as "clabe!", id from account where clabe = any($1) and code = 2101"#,
        &clabes
    )
    .fetch_all(connection)
    .await?;
    Ok(found
        .into_iter()
        .map(|row| (row.clabe, AccountId::new(row.id)))
        .collect())
}

/// The customer whose CLABE each record names.
async fn named(connection: &mut PgConnection, records: &[Uuid]) -> Result<BTreeMap<ReceivedId, AccountId>, StoreError> {
    if records.is_empty() {
        return Ok(BTreeMap::new());
    }
    let found = sqlx::query!(
        r#"select r.id, a.id as account from received r join account a on a.clabe = r.clabe where r.id = any($1)"#,
        records
    )
    .fetch_all(connection)
    .await?;
    Ok(found
        .into_iter()
        .map(|row| (ReceivedId::new(row.id), AccountId::new(row.account)))
        .collect())
}

/// Those of these records under whose key another came on the same day: its sender tells them apart, which an order to send
/// one back does not name.
async fn shared(connection: &mut PgConnection, records: &[Uuid]) -> Result<BTreeSet<ReceivedId>, StoreError> {
    let found = sqlx::query_scalar!(
        r#"select r.id from received r
           where r.id = any($1) and exists (
               select from received o where (o.bank, o.operating_date, o.tracking_key) = (r.bank, r.operating_date, r.tracking_key)
                 and o.id <> r.id)"#,
        records
    )
    .fetch_all(connection)
    .await?;
    Ok(found.into_iter().map(ReceivedId::new).collect())
}

/// Reads the requests that the block's keys already have, the accounts they opened, and the CLABEs asked for.
async fn requests(connection: &mut PgConnection, commands: &[&Command], found: &mut Rows) -> Result<(), StoreError> {
    let keys: BTreeSet<(String, String)> = commands.iter().filter_map(|command| command.request()).collect();
    if keys.is_empty() {
        return Ok(());
    }
    let (callers, keys): (Vec<String>, Vec<String>) = keys.into_iter().unzip();
    let known = sqlx::query_scalar!(
        r#"select to_jsonb(r) as "row" from request r
           join unnest($1::text[], $2::text[]) as asked (caller, key) using (caller, key)"#,
        &callers,
        &keys
    );
    for request in rows::<Request>(known.fetch_all(&mut *connection).await?)? {
        found
            .requests
            .insert((request.caller.clone(), request.key.clone()), request);
    }
    let clabes: Vec<String> = commands
        .iter()
        .filter_map(|command| match command {
            Command::Open(open) => Some(open.request.clabe.as_str().to_owned()),
            Command::Accept(_) | Command::Cancel(..) | Command::Begin(_) | Command::Adopt(_) => None,
            Command::Record(_) | Command::Evidence(_) | Command::Apply(_) | Command::Book(_) => None,
            Command::Receive(_) | Command::Deposit(_) | Command::Return(_) | Command::Cure(_) => None,
            Command::SendBack(_) | Command::Decide(_) | Command::Correct(_) => None,
        })
        .collect();
    let opened: Vec<Uuid> = found
        .requests
        .values()
        .filter_map(|request| request.account)
        .map(AccountId::uuid)
        .collect();
    if clabes.is_empty() && opened.is_empty() {
        return Ok(());
    }
    let known = sqlx::query_scalar!(
        r#"select to_jsonb(a) as "row" from account a where clabe = any($1) or id = any($2)"#,
        &clabes,
        &opened
    );
    for account in rows::<Account>(known.fetch_all(connection).await?)? {
        if let Some(clabe) = &account.clabe {
            found.clabes.insert(clabe.expose().to_owned(), account.id);
        }
        found.accounts.entry(account.id).or_insert(account);
    }
    Ok(())
}

/// Writes what a block decided. `before` are the rows it was decided on: each change is a compare-and-set on them.
pub(crate) async fn write(connection: &mut PgConnection, before: &Rows, writes: &Writes) -> Result<(), StoreError> {
    if !writes.accounts.is_empty() {
        let accounts = set(&writes.accounts)?;
        sqlx::query!(
            r#"insert into account select n.* from jsonb_populate_recordset(null::account, $1) n order by n.id
               on conflict (id) do update
               set debits = excluded.debits, credits = excluded.credits, held = excluded.held"#,
            with_currency(accounts)
        )
        .execute(&mut *connection)
        .await?;
    }
    let (changed, born): (Vec<&Payout>, Vec<&Payout>) = writes
        .payouts
        .iter()
        .partition(|row| before.payouts.contains_key(&row.id));
    if !born.is_empty() {
        sqlx::query!(
            "insert into payout select n.* from jsonb_populate_recordset(null::payout, $1) n order by n.id",
            with_currency(set(&born)?)
        )
        .execute(&mut *connection)
        .await?;
    }
    update(connection, before, &changed).await?;
    receive(connection, before, &writes.received).await?;
    if !writes.requests.is_empty() {
        sqlx::query!(
            "insert into request select n.* from jsonb_populate_recordset(null::request, $1) n order by n.caller, n.key",
            set(&writes.requests)?
        )
        .execute(&mut *connection)
        .await?;
    }
    if !writes.movements.is_empty() {
        sqlx::query!(
            "insert into movement select n.* from jsonb_populate_recordset(null::movement, $1) n order by n.id",
            with_currency(set(&writes.movements)?)
        )
        .execute(&mut *connection)
        .await?;
    }
    keep(connection, writes).await?;
    if !writes.banks.is_empty() {
        sqlx::query!(
            r#"update bank b
               set paused_by = n.paused_by, pause_reason = n.pause_reason, paused_at = n.paused_at,
                   attention = n.attention, closed_until = n.closed_until, backoff_seconds = n.backoff_seconds,
                   probe_at = n.probe_at, begins = n.begins, away_by = n.away_by, away_since = n.away_since,
                   silent_since = n.silent_since, silent_first = n.silent_first, back_at = n.back_at
               from jsonb_populate_recordset(null::bank, $1) n where b.name = n.name"#,
            set(&writes.banks)?
        )
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// Changes payouts, each only if it still is what the decision saw.
async fn update(connection: &mut PgConnection, before: &Rows, changed: &[&Payout]) -> Result<(), StoreError> {
    if changed.is_empty() {
        return Ok(());
    }
    let seen: Vec<i32> = changed
        .iter()
        .filter_map(|row| before.payouts.get(&row.id))
        .map(|row| i32::try_from(row.version).unwrap_or(i32::MAX))
        .collect();
    let ids: Vec<Uuid> = changed.iter().map(|row| row.id.uuid()).collect();
    let done = sqlx::query!(
        r#"update payout p
           set state = n.state, operating_date = n.operating_date, send_no = n.send_no, sender = n.sender,
               unproven = n.unproven, send_before = n.send_before, not_found = n.not_found,
               not_found_at = n.not_found_at, bank_ref = n.bank_ref, bank_said = n.bank_said, bank_word = n.bank_word,
               came_back = n.came_back, cancelled_by = n.cancelled_by, paid_after_end = n.paid_after_end, evidence = n.evidence,
               contradicted = n.contradicted, decided_by = n.decided_by, document = n.document, doubt = n.doubt,
               attention = n.attention, attention_since = n.attention_since, deadline_at = n.deadline_at,
               effective_on = n.effective_on, event_seq = n.event_seq, version = n.version,
               changed_at = n.changed_at, ended_at = n.ended_at, returned_by = n.returned_by,
               returned_amount = n.returned_amount, refunded = n.refunded, return_cause = n.return_cause,
               returned_on = n.returned_on, returned_at = n.returned_at
           from jsonb_populate_recordset(null::payout, $1) n
           join unnest($2::uuid[], $3::int[]) as seen (id, version) on seen.id = n.id
           where p.id = n.id and p.version = seen.version"#,
        set(changed)?,
        &ids,
        &seen
    )
    .execute(connection)
    .await?;
    if done.rows_affected() != u64::try_from(changed.len()).unwrap_or(u64::MAX) {
        return Err(StoreError::Disagree("a payout changed under its lock".to_owned()));
    }
    Ok(())
}

/// Takes in new records, and changes others, each only if it still is what the decision saw.
async fn receive(connection: &mut PgConnection, before: &Rows, records: &[Received]) -> Result<(), StoreError> {
    let (changed, new): (Vec<&Received>, Vec<&Received>) =
        records.iter().partition(|row| before.received.contains_key(&row.id));
    if !new.is_empty() {
        sqlx::query!(
            "insert into received select n.* from jsonb_populate_recordset(null::received, $1) n order by n.id",
            with_currency(set(&new)?)
        )
        .execute(&mut *connection)
        .await?;
    }
    if changed.is_empty() {
        return Ok(());
    }
    let seen: Vec<i32> = changed
        .iter()
        .filter_map(|row| before.received.get(&row.id))
        .map(|row| i32::try_from(row.version).unwrap_or(i32::MAX))
        .collect();
    let ids: Vec<Uuid> = changed.iter().map(|row| row.id.uuid()).collect();
    let done = sqlx::query!(
        r#"update received r
           set state = n.state, account = n.account, payout = n.payout, sent_back_by = n.sent_back_by,
               decided_by = n.decided_by, decided_why = n.decided_why, told_otherwise = n.told_otherwise,
               attention = n.attention,
               attention_since = n.attention_since, deadline_at = n.deadline_at, event_seq = n.event_seq,
               version = n.version, changed_at = n.changed_at, placed_at = n.placed_at
           from jsonb_populate_recordset(null::received, $1) n
           join unnest($2::uuid[], $3::int[]) as seen (id, version) on seen.id = n.id
           where r.id = n.id and r.version = seen.version"#,
        set(&changed)?,
        &ids,
        &seen
    )
    .execute(connection)
    .await?;
    if done.rows_affected() != u64::try_from(changed.len()).unwrap_or(u64::MAX) {
        return Err(StoreError::Disagree(
            "a received record changed under its lock".to_owned(),
        ));
    }
    Ok(())
}

/// Evidence, bytes and events: kept once, however often they are brought.
async fn keep(connection: &mut PgConnection, writes: &Writes) -> Result<(), StoreError> {
    if !writes.exchanges.is_empty() {
        let exchanges: Vec<Value> = writes
            .exchanges
            .iter()
            .map(|row| {
                json!({
                    "id": row.id, "payout": row.payout.uuid(), "bank": row.bank, "question": row.question.word(),
                    "send_no": row.send_no, "sent": format!("\\x{}", hex(&row.sent)),
                    "received": format!("\\x{}", hex(&row.received)), "status": row.status, "said": row.said, "at": row.at,
                })
            })
            .collect();
        sqlx::query!(
            r#"insert into exchange select n.* from jsonb_populate_recordset(null::exchange, $1) n
               on conflict (id) do nothing"#,
            Value::Array(exchanges)
        )
        .execute(&mut *connection)
        .await?;
    }
    // Evidence by two people stands on what they said.
    if !writes.decisions.is_empty() {
        sqlx::query!(
            "insert into decision select n.* from jsonb_populate_recordset(null::decision, $1) n order by n.id",
            set(&writes.decisions)?
        )
        .execute(&mut *connection)
        .await?;
    }
    if !writes.corrections.is_empty() {
        sqlx::query!(
            r#"insert into correction select n.* from jsonb_populate_recordset(null::correction, $1) n order by n.id
               on conflict (id) do nothing"#,
            with_currency(set(&writes.corrections)?)
        )
        .execute(&mut *connection)
        .await?;
    }
    if !writes.evidence.is_empty() {
        sqlx::query!(
            r#"insert into evidence select n.* from jsonb_populate_recordset(null::evidence, $1) n
               on conflict (id) do nothing"#,
            set(&writes.evidence)?
        )
        .execute(&mut *connection)
        .await?;
    }
    if !writes.events.is_empty() {
        writes
            .events
            .iter()
            .for_each(|event| event.pass(Point::OutboxBeforeWrite));
        let events: Vec<Value> = writes.events.iter().map(event::outbox_row).collect::<Result<_, _>>()?;
        sqlx::query!(
            "insert into outbox select n.* from jsonb_populate_recordset(null::outbox, $1) n order by n.subject, n.seq",
            Value::Array(events)
        )
        .execute(connection)
        .await?;
        writes
            .events
            .iter()
            .for_each(|event| event.pass(Point::OutboxAfterWrite));
    }
    Ok(())
}

/// The one currency of the books; a recordset does not take column defaults.
fn with_currency(mut rows: Value) -> Value {
    for row in rows.as_array_mut().into_iter().flatten() {
        if let Some(row) = row.as_object_mut() {
            row.insert("currency".to_owned(), Value::from("MXN"));
        }
    }
    rows
}

/// One payout as it stands, without a lock.
pub(super) async fn payout(pool: &PgPool, id: PayoutId) -> Result<Option<Payout>, StoreError> {
    let found = sqlx::query_scalar!(r#"select to_jsonb(p) as "row" from payout p where id = $1"#, id.uuid());
    Ok(rows(found.fetch_all(pool).await?)?.pop())
}

/// The payout of a tracking key, without a lock. What is booked between giro's own accounts has a key that no bank was ever
/// told: whatever a bank says by it is not about that.
pub(super) async fn payout_by_key(pool: &PgPool, key: &str) -> Result<Option<Payout>, StoreError> {
    let found = sqlx::query_scalar!(
        r#"select to_jsonb(p) as "row" from payout p where tracking_key = $1 and to_account is null"#,
        key
    );
    Ok(rows(found.fetch_all(pool).await?)?.pop())
}

/// One received record as it stands, without a lock.
pub(super) async fn received(pool: &PgPool, id: ReceivedId) -> Result<Option<Received>, StoreError> {
    let found = sqlx::query_scalar!(
        r#"select to_jsonb(r) as "row" from received r where id = $1"#,
        id.uuid()
    );
    Ok(rows(found.fetch_all(pool).await?)?.pop())
}

/// One bank as it stands, without a lock.
pub(super) async fn bank(pool: &PgPool, name: &str) -> Result<Option<BankRow>, StoreError> {
    let found = sqlx::query_scalar!(r#"select to_jsonb(b) as "row" from bank b where name = $1"#, name);
    Ok(rows(found.fetch_all(pool).await?)?.pop())
}

/// The ordering customer of a payout.
pub(super) async fn payer(pool: &PgPool, payout: PayoutId) -> Result<Option<(Private, Private, Private)>, StoreError> {
    let found = sqlx::query!(
        r#"select a.clabe as "clabe!", a.name, a.tax_id as "tax_id!"
           from payout p join account a on a.id = p.account where p.id = $1 and a.code = 2101"#,
        payout.uuid()
    );
    let row = found.fetch_optional(pool).await?;
    Ok(row.map(|row| {
        (
            Private::new(row.clabe),
            Private::new(row.name),
            Private::new(row.tax_id),
        )
    }))
}

/// One account as it stands, without a lock.
pub(super) async fn account(pool: &PgPool, id: AccountId) -> Result<Option<Account>, StoreError> {
    let found = sqlx::query_scalar!(r#"select to_jsonb(a) as "row" from account a where id = $1"#, id.uuid());
    Ok(rows(found.fetch_all(pool).await?)?.pop())
}
