//! The auditor: clean books pass, also while payouts run; whatever is broken by hand is named.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row};
use tests::{
    client::{is, text},
    load::Load,
    sim::SettingsChange,
    stack::{PATIENCE, Setup, Stack},
};
use tokio::task::block_in_place;

/// The tables that damage is done to, and undone in.
const TABLES: [&str; 9] = [
    "account", "movement", "block", "payout", "request", "evidence", "exchange", "outbox", "inbox",
];

/// The owner of the books, with every trigger off: what a hand in the database could do.
struct Hand(PgConnection);

impl Hand {
    async fn on(stack: &Stack) -> Result<Self> {
        let mut connection = PgConnection::connect(&stack.database).await?;
        connection.execute("set session_replication_role = replica").await?;
        connection.execute("create schema kept").await?;
        for table in TABLES {
            run(&mut connection, &format!("create table kept.{table} as table {table}")).await?;
        }
        Ok(Self(connection))
    }

    async fn damage(&mut self, sql: &str) -> Result<()> {
        for statement in sql.split(';').filter(|statement| !statement.trim().is_empty()) {
            let done = run(&mut self.0, statement).await?;
            let changes = ["update", "insert", "delete"]
                .iter()
                .any(|word| statement.trim().starts_with(word));
            ensure!(done > 0 || !changes, "nothing was damaged: {statement}");
        }
        Ok(())
    }

    async fn undo(&mut self) -> Result<()> {
        for table in TABLES {
            run(&mut self.0, &format!("truncate {table}")).await?;
            run(
                &mut self.0,
                &format!("insert into {table} overriding system value table kept.{table}"),
            )
            .await?;
        }
        Ok(())
    }

    async fn one(&mut self, sql: &str) -> Result<String> {
        let row = sqlx::query(AssertSqlSafe(sql.to_owned())).fetch_one(&mut self.0).await;
        Ok(row.with_context(|| sql.to_owned())?.try_get(0)?)
    }
}

async fn run(connection: &mut PgConnection, sql: &str) -> Result<u64> {
    let done = connection.execute(AssertSqlSafe(sql.to_owned())).await;
    Ok(done.with_context(|| sql.to_owned())?.rows_affected())
}

/// What is damaged, how, and each invariant that must tell, with the row that it must name.
type Damage<'a> = (&'a str, String, Vec<(&'a str, &'a str)>);

/// The invariants that an audit found broken, each with its first rows; none when all is well.
async fn broken(stack: &Stack, arguments: &[&str]) -> Result<Vec<(String, String)>> {
    let said = match stack.audit(&[arguments, &["--output", "json"]].concat()) {
        Ok(said) => said,
        Err(error) => error.to_string(),
    };
    let json = said.get(said.find('{').context("a report")?..).context("a report")?;
    let report: Value = serde_json::Deserializer::from_str(json)
        .into_iter()
        .next()
        .context(said.clone())??;
    let lines = report["lines"].as_array().context("lines")?;
    let unread = lines.iter().find(|line| line["unchecked"].is_string());
    ensure!(unread.is_none(), "not checked: {unread:?}");
    let broken = lines.iter().filter(|line| line["broken"] != 0);
    broken
        .map(|line| Ok((text(line, "/invariant")?, line["rows"].to_string())))
        .collect()
}

/// The bank and Temporal are read before the books: what they have, the books have too. The other way round every payout
/// that is sent meanwhile would be an order that nobody can explain.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_under_way_is_not_broken() -> Result<()> {
    let setup = Setup {
        programs: &["worker", "api", "relay"],
        ..Setup::default()
    };
    let stack = Stack::with("audit_under_way", setup).await?;
    let account = stack.giro.account(1, 100_000_000).await?;
    let load = Load::new(&stack.apis, vec![account], &stack.file("load.journal"))?;
    let asked = tokio::spawn(async move { load.ask(0..60).await });
    let mut audits = 0;
    while audits < 3 || !asked.is_finished() {
        block_in_place(|| stack.audited())?;
        audits += 1;
    }
    asked.await??;
    stack.all_ended(PATIENCE).await?;
    stack.audited()
}

#[tokio::test]
async fn whatever_is_broken_by_hand_is_named() -> Result<()> {
    let mut stack = Stack::with(
        "audit",
        Setup {
            programs: &["worker", "api", "relay"],
            ..Setup::default()
        },
    )
    .await?;
    let account = stack.giro.account(1, 10_000_000).await?;

    // Payouts of every fate.
    let fates = [
        (12_300, "settled"),
        (12_390, "settled"),
        (12_300, "settled"),
        (12_395, "failed"),
        (12_394, "failed"),
    ];
    // One after the other: what ends together is sealed together, and three blocks are wanted.
    let mut ids = Vec::new();
    for (centavos, end) in fates {
        let id = stack.giro.pay(&account, centavos).await?;
        stack.giro.wait(&id, PATIENCE, is(end)).await?;
        ids.push(id);
    }
    stack.all_ended(PATIENCE).await?;
    stack.giro_command(&["bank", "pause", "stp", "--reason", "so that one is cancelled"])?;
    let cancelled = stack.giro.pay(&account, 12_300).await?;
    let done = stack
        .giro
        .post(&format!("/v1/payouts/{cancelled}/cancel"), "cancel", &Value::Null)
        .await?;
    ensure!(done.status == 200, "{done:?}");
    stack.giro_command(&["bank", "resume", "stp", "--reason", "it is"])?;
    let open = stack.giro.pay(&account, 12_397).await?;
    stack
        .giro
        .wait(&open, PATIENCE, |payout| {
            payout["send_no"] == 1 && payout["bank_said"].is_string()
        })
        .await?;
    stack.audited()?;
    // The second goes on from where the first came to.
    let since = stack.giro_command(&["audit"])?;
    ensure!(
        since.contains("what changed since") && since.contains("the books hold"),
        "{since}"
    );

    for program in ["worker", "api", "relay"] {
        stack.kill(program);
    }
    let mut hand = Hand::on(&stack).await?;
    let uuid = |id: &str| id.split_once('_').map(|(_, hex)| hex.to_owned()).unwrap_or_default();
    let [settled, failed, refused] = [&ids[0], &ids[3], &ids[4]].map(|id| uuid(id));
    let (cancelled, open) = (uuid(&cancelled), uuid(&open));
    let movement = hand
        .one(&format!(
            "select replace(id::text, '-', '') from movement where subject = '{settled}' and kind = 'amount'"
        ))
        .await?;
    let writer = hand
        .one("select writer::text from block group by writer having count(*) > 2 order by count(*) desc limit 1")
        .await?;
    let key = hand
        .one(&format!("select tracking_key from payout where id = '{settled}'"))
        .await?;
    let exchange = hand
        .one(&format!(
            "select exchange::text from evidence where payout = '{settled}' and exchange is not null limit 1"
        ))
        .await?;
    let refusal = hand
        .one(&format!(
            "select exchange::text from evidence where payout = '{refused}'"
        ))
        .await?;
    let stray = "0199000000007000800000000000abcd";
    let copied = format!(
        "insert into movement select '{stray}', '{failed}', kind, debit_account, credit_account, amount, currency,
             effective_on, hash, actor, reason, created_at from movement where id = '{movement}'"
    );
    // Everything of a writer, and the totals as if it had never been: only what was verified before tells.
    let cut_off = format!(
        "create temp table cut as select m.* from movement m join block b on m.id = any(b.movements)
             where b.writer = '{writer}';
         update account a set
             debits = debits - coalesce((select sum(amount) from cut where debit_account = a.id), 0),
             credits = credits - coalesce((select sum(amount) from cut where credit_account = a.id), 0)
             where not exists (select from cut where subject = a.id);
         delete from movement where id in (select id from cut);
         delete from block where writer = '{writer}';
         drop table cut"
    );
    let past_the_writer = copied.replace(&format!("'{failed}', kind"), &format!("'{}', 'fee'", uuid(&account)));
    let (account, two) = (uuid(&account), format!("{writer}/2"));
    let payout = |set: &str| format!("update payout set {set} where id = '{settled}'");
    let moved = |set: &str| format!("update movement set {set} where id = '{movement}'");
    let bytes = |column: &str, id: &str, from: &str, to: &str| {
        format!(
            "update exchange set {column} = convert_to(regexp_replace(convert_from({column}, 'UTF8'), '{from}', '{to}'), 'UTF8') where id = '{id}'"
        )
    };
    let all: Vec<Damage<'_>> = vec![
        ("a movement's amount", moved("amount = amount + 1"), vec![("legs", &movement), ("chain", &movement), ("totals", &account)]),
        ("a movement's day", moved("effective_on = effective_on + 1"), vec![("legs", &movement), ("chain", "block"), ("sums", "day ")]),
        ("a movement deleted", format!("delete from movement where id = '{movement}'"), vec![("legs", &settled), ("chain", &movement)]),
        ("a movement written past the writer", copied, vec![("blocks", stray), ("legs", &failed)]),
        ("an account's total", "update account set credits = credits + 7 where code = 4101".to_owned(), vec![("totals", "acc_ffffffffffff7fffbfff000000004101"), ("balance", "all accounts")]),
        ("what is held", format!("update account set held = held - 5 where id = '{account}'"), vec![("held", &account)]),
        ("evidence taken away", format!("delete from evidence where payout = '{settled}'"), vec![("evidence", &settled)]),
        ("evidence invented", format!("insert into evidence values (gen_random_uuid(), '{cancelled}', 'paid', 'accepted', null, null, null, now())"), vec![("evidence", &cancelled)]),
        ("the bank's answer", bytes("received", &exchange, "\"LQ\"", "\"CN\""), vec![("bytes", &exchange)]),
        ("the question", bytes("sent", &exchange, &key, "GIROX"), vec![("bytes", &exchange)]),
        ("the answer to a send", bytes("received", &refusal, "\"id\": ?-20", "\"id\":-1"), vec![("bytes", &refusal)]),
        ("an exchange deleted", format!("delete from exchange where id = '{exchange}'"), vec![("bytes", &exchange)]),
        ("an event missing", format!("delete from outbox where subject = '{settled}' and seq = 2"), vec![("events", &settled)]),
        ("an event doubled", format!("insert into outbox select subject, seq + 1, type, event, created_at, null from outbox where subject = '{settled}' order by seq desc limit 1"), vec![("events", &settled)]),
        ("an event that says otherwise", format!("update outbox set event = jsonb_set(event, '{{amount}}', '\"12301\"') where subject = '{settled}' and seq = 3"), vec![("events", &settled)]),
        ("a state without its event", format!("update payout set state = 'accepted', cancelled_by = null, ended_at = null, deadline_at = now() where id = '{cancelled}'"), vec![("events", &cancelled), ("held", &account)]),
        ("a send without its event", payout("send_no = send_no + 1"), vec![("events", &settled)]),
        ("a tracking key", payout("tracking_key = 'GIRO000'"), vec![("keys", &settled), ("orders", &key), ("orders", "has no order")]),
        ("a payout deleted", format!("delete from payout where id = '{settled}'"), vec![("strays", &movement), ("orders", &key)]),
        ("a block's hash", format!("update block set hash = sha256('x') where writer = '{writer}' and seq = 2"), vec![("chain", &two)]),
        ("a block deleted in the middle", format!("delete from block where writer = '{writer}' and seq = 2"), vec![("chain", &two), ("blocks", "mv_")]),
        ("the last block deleted", format!("delete from block where writer = '{writer}' and seq = (select max(seq) from block where writer = '{writer}')"), vec![("blocks", "mv_"), ("chain", &writer)]),
        ("a chain cut off with all that it sealed", cut_off, vec![("chain", &writer), ("blocks", "stood in verified blocks once")]),
        ("a movement of an account that opens nothing", past_the_writer, vec![("strays", stray), ("blocks", stray)]),
        ("an opening credit's reason", format!("update movement set reason = 'another' where subject = '{account}'"), vec![("requests", &account), ("chain", "block")]),
        ("an account's request", format!("delete from request where account = '{account}'"), vec![("requests", &account)]),
        ("an account's holder", format!("update account set name = 'Otra Persona' where id = '{account}'"), vec![("requests", &account)]),
        ("a time that is none", moved("created_at = 'infinity'"), vec![("chain", "block"), ("legs", &movement)]),
        ("a webhook that is never due", "update inbox set done_at = null, next_at = 'infinity' where id = (select max(id) from inbox)".to_owned(), vec![("inbox", "webhook")]),
        ("a deadline in another year", format!("update payout set deadline_at = now() + interval '400 days' where id = '{open}'"), vec![("driven", &open)]),
        ("a movement sealed twice", format!("insert into block select gen_random_uuid(), 1, sha256('x'), sha256('y'), array['{movement}'::uuid], now()"), vec![("blocks", &movement)]),
        ("an operating date", payout("operating_date = operating_date + 1"), vec![("orders", &settled), ("bytes", &exchange)]),
        ("the day of an end", payout("effective_on = effective_on - 1"), vec![("legs", &movement), ("bytes", &exchange)]),
        ("a folio", payout("bank_ref = '1'"), vec![("bytes", &exchange)]),
        ("a request's hash", format!("update request set hash = 'x' where payout = '{settled}'"), vec![("requests", &settled)]),
        ("a request deleted", format!("delete from request where payout = '{settled}'"), vec![("requests", &settled)]),
        ("a beneficiary", payout("beneficiary_name = 'Otra Persona'"), vec![("requests", &settled)]),
        ("an amount", payout("amount = amount + 1"), vec![("orders", &settled), ("requests", &settled), ("legs", &movement)]),
        ("a webhook that nobody looks at", "update inbox set done_at = null, next_at = now() - interval '30 days' where id = (select max(id) from inbox)".to_owned(), vec![("inbox", "webhook")]),
        ("an open payout without a deadline", format!("alter table payout drop constraint payout_open_has_deadline; update payout set deadline_at = null where id = '{open}'"), vec![("driven", &open)]),
    ];
    for (what, sql, named) in all {
        hand.damage(&sql).await?;
        let found = broken(&stack, &[]).await?;
        for (invariant, row) in named {
            let names = |(word, rows): &(String, String)| {
                word == invariant && (rows.contains(row) || rows.contains(&dashed(row)))
            };
            ensure!(
                found.iter().any(names),
                "{what}: {invariant} does not name {row}: {found:#?}"
            );
        }
        hand.undo().await?;
    }
    stack.audited()?;

    // An audit from its cursor misses a movement, too, that was verified before.
    hand.damage(&format!("delete from movement where id = '{movement}'"))
        .await?;
    let error = stack.giro_command(&["audit"]).expect_err("one is gone").to_string();
    ensure!(error.contains("broken: ") && error.contains("blocks"), "{error}");
    hand.undo().await?;

    // An audit that leaves the bank out is clean, and vouches for nothing.
    let cursor = "select row(at, full_at)::text from audit";
    let before = hand.one(cursor).await?;
    stack.audit(&["--without", "bank"])?;
    ensure!(
        hand.one(cursor).await? == before,
        "the bank was not read, and the cursor moved"
    );

    // A bank that is not configured was not left out on purpose.
    let whole = std::fs::read_to_string(&stack.config)?;
    let (head, stp) = whole.split_once("[stp]").context("[stp]")?;
    let tail = stp.find("\n[").map_or("", |at| &stp[at..]);
    std::fs::write(&stack.config, format!("{head}{tail}"))?;
    let error = stack.audited().expect_err("no bank").to_string();
    ensure!(error.contains("not checked: bytes, orders, sums"), "{error}");
    std::fs::write(&stack.config, whole)?;

    // At the bank and in Temporal: no hand in the books, and nothing to undo.
    stack
        .bank
        .settings(&SettingsChange {
            dedupe: Some(false),
            ..SettingsChange::default()
        })
        .await?;
    let requests = stack.bank.requests_of(&key).await?;
    let again = reqwest::Client::new()
        .put(format!(
            "http://127.0.0.1:{}/speiws/rest/ordenPago/registra",
            stack.ports["bank-sim"]
        ))
        .header("content-type", "application/json")
        .body(requests[0].body.clone());
    ensure!(again.send().await?.status() == 200);
    is_named(&stack, &[], "orders", &settled, "has 2 orders of it").await?;
    let failed_key = hand
        .one(&format!("select tracking_key from payout where id = '{failed}'"))
        .await?;
    stack.bank.state(&failed_key, "LQ").await?;
    is_named(&stack, &[], "orders", &failed, "the bank paid it").await?;
    is_named(&stack, &[], "sums", "day ", "the bank paid").await?;
    // A run that ends early is started again when its payout is due, and not before.
    hand.damage(&format!(
        "update payout set deadline_at = now() - interval '1 hour' where id = '{open}'"
    ))
    .await?;
    let run = stack.handle(&format!("po_{open}")).await?;
    run.terminate(Default::default()).await?;
    is_named(&stack, &["--grace", "0s"], "runs", &open, "Terminated").await?;
    // A bank that cannot be read is no clean audit.
    stack.kill("bank-sim");
    let error = stack.audited().expect_err("the bank is away").to_string();
    ensure!(error.contains("not checked: orders, sums"), "{error}");
    Ok(())
}

async fn is_named(stack: &Stack, arguments: &[&str], invariant: &str, row: &str, what: &str) -> Result<()> {
    let found = broken(stack, arguments).await?;
    let named = |(word, rows): &(String, String)| word == invariant && rows.contains(row) && rows.contains(what);
    ensure!(
        found.iter().any(named),
        "{invariant} does not name {row} ({what}): {found:#?}"
    );
    Ok(())
}

/// A UUID as the database writes it.
fn dashed(hex: &str) -> String {
    hex.parse::<uuid::Uuid>()
        .map_or_else(|_| hex.to_owned(), |uuid| uuid.to_string())
}
