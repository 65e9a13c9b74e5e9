//! What others froze: the bytes that a Java service sends, names, and the shapes of everything that is kept or read.

use std::{collections::BTreeMap, fs, path::PathBuf, process::Command};
use tests::stack::{PATIENCE, Setup, Stack};

use anyhow::{Context, Result, ensure};
use base64::{Engine, prelude::BASE64_STANDARD};
use jiff::civil::date;
use prost::Message;
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorSet, field_descriptor_proto as field,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use temporalio_client::{UntypedSignal, UntypedUpdate};
use temporalio_common::{
    ActivityDefinition, SignalDefinition, UpdateDefinition, WorkflowDefinition,
    data_converters::{
        PayloadConversionError, PayloadConverter, RawValue, SerializationContext, SerializationContextData,
        TemporalDeserializable,
    },
    protos::temporal::api::common::v1::Payload,
};
use uuid::Uuid;
use workflows::{
    DepositWorkflow, PayoutWorkflow, ReceiptsWorkflow, ReconciliationWorkflow, ReturnWorkflow, TransferWorkflow,
    arrival::ArrivalOutcome,
    attributes,
    contract::{
        Accept, Applied, Arrival, ArrivalStanding, Asked, Bank, Banxico, Booked, DayRead, Ledger, Placed, Reconciled,
        RunningRead, Standing, Subject, Submit, Turn,
    },
    domain::{
        Attention, Centavos, End, Evidence, FieldCode, FieldError, Institutions, Order, PayoutId, PayoutRequest,
        PortalAnswer, ReceivedAttention, ReceivedId, ReceivedKind, ReceivedState, Refusal, State, TrackingKey,
        TransferId,
    },
    outcome::Outcome,
    receipts::{self, Receipts},
    reconciliation::Reconciliation,
    wire::{AcceptedStart, Anything, DirectStart, Start, Transfer},
};

use crate::{
    histories::has_waited,
    runs::{outcome, start},
    snapshot,
};

/// The ids that the recorder writes.
const PAYOUT: &str = "po_0199d3f0a1b27c3d8e4f5a6b7c8d9e0f";
const ACCOUNT: &str = "acc_0199d3f0a1b27c3d8e4f5a6b7c8d9e0f";

/// What is wrong with each recorded request that reads.
const WRONG: [(&str, &[&str]); 4] = [
    ("wrong-camel-nulls", EVERY_FIELD),
    ("wrong-protobuf-request-defaults", EVERY_FIELD),
    ("wrong-pesos-decimal", &["/amount not_an_integer"]),
    ("wrong-pesos-double", &["/amount not_an_integer"]),
];
const EVERY_FIELD: &[&str] = &[
    "/account required",
    "/amount required",
    "/currency required",
    "/beneficiary required",
    "/concept required",
    "/reference required",
];

/// Why each recorded input is no start at all.
const REFUSED: [(&str, &str); 8] = [
    ("refused-camel-more", "malformed"),
    ("refused-json-as-text", "malformed"),
    ("refused-json-null", "malformed"),
    ("refused-nothing", "one_input"),
    ("refused-null", "required"),
    ("refused-protobuf-defaults", "malformed"),
    ("refused-protobuf-only-request", "malformed"),
    ("refused-two", "one_input"),
];

/// The inputs of a Java service whose names begin with `kind`.
fn recorded(kind: &str) -> Result<BTreeMap<String, Vec<Payload>>> {
    #[derive(Deserialize)]
    struct Kept {
        metadata: BTreeMap<String, String>,
        text: Option<String>,
        base64: Option<String>,
    }
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("wire/recorded");
    let mut found = BTreeMap::new();
    for file in fs::read_dir(folder)? {
        let file = file?.path();
        let name = file.file_stem().context("a name")?.to_string_lossy().into_owned();
        if name.split('-').next() != Some(kind) {
            continue;
        }
        let mut payloads = Vec::new();
        for kept in serde_json::from_slice::<Vec<Kept>>(&fs::read(&file)?)? {
            let data = match kept.text {
                Some(text) => text.into_bytes(),
                None => BASE64_STANDARD.decode(kept.base64.context("text or base64")?)?,
            };
            let metadata = kept.metadata.into_iter().map(|(key, value)| (key, value.into_bytes()));
            payloads.push(Payload {
                metadata: metadata.collect(),
                data,
                ..Payload::default()
            });
        }
        found.insert(name, payloads);
    }
    ensure!(!found.is_empty(), "no {kind} is recorded");
    Ok(found)
}

fn read<T: TemporalDeserializable>(payloads: Vec<Payload>) -> Result<T, PayloadConversionError> {
    let converter = PayloadConverter::default();
    T::from_payloads(
        &SerializationContext::new(&SerializationContextData::None, &converter),
        payloads,
    )
}

fn order(request: &PayoutRequest) -> Result<Order, Vec<FieldError>> {
    let institutions = Institutions::builtin().expect("the shipped catalogue reads");
    request.parse(&institutions, date(2026, 4, 1))
}

fn words(errors: &[FieldError]) -> Vec<String> {
    errors
        .iter()
        .map(|error| format!("{} {}", error.pointer, error.code))
        .collect()
}

/// The order that the recorder writes, from our own spelling of it.
fn asked(tax_id: Option<&str>) -> Order {
    let mut request = tests::client::request(ACCOUNT, 12_300);
    request["beneficiary"]["tax_id"] = tax_id.into();
    order(&PayoutRequest::from_json(request.to_string().as_bytes()).expect("it reads")).expect("a sound request")
}

#[test]
fn a_java_service_means_the_same_however_it_writes() -> Result<()> {
    for (kind, tax_id) in [("start", Some("GODE561231GR8")), ("bare", None)] {
        for (name, payloads) in recorded(kind)? {
            let Start::Direct(start) = read(payloads)? else {
                anyhow::bail!("{name} is no direct start");
            };
            assert_eq!(start.payout.to_string(), PAYOUT, "{name}");
            assert_eq!(order(&start.request), Ok(asked(tax_id)), "{name}");
            // What a run keeps is our own spelling, and it reads as the same again.
            let kept: DirectStart = serde_json::from_value(serde_json::to_value(&start)?)?;
            assert_eq!(order(&kept.request), Ok(asked(tax_id)), "{name}");
        }
    }
    Ok(())
}

#[test]
fn what_a_java_service_gets_wrong_is_named() -> Result<()> {
    let mut wrong = recorded("wrong")?;
    for (name, fields) in WRONG {
        let Start::Direct(start) = read(wrong.remove(name).context(name)?)? else {
            anyhow::bail!("{name} is no direct start");
        };
        assert_eq!(words(&order(&start.request).expect_err(name)), fields, "{name}");
    }
    let mut refused = recorded("refused")?;
    for (name, code) in REFUSED {
        let Start::Malformed(errors) = read(refused.remove(name).context(name)?)? else {
            anyhow::bail!("{name} reads");
        };
        assert_eq!(errors[0].code.word(), code, "{name}");
        assert!(!format!("{errors:?}").contains("Soto"), "{name}: nothing of a person");
    }
    assert!(wrong.is_empty() && refused.is_empty(), "{wrong:?} {refused:?}");
    for (name, payloads) in recorded("waits")? {
        let read = read::<Start>(payloads);
        assert!(
            matches!(read, Err(PayloadConversionError::WrongEncoding)),
            "{name}: the run waits for the worker's codec"
        );
    }
    Ok(())
}

#[test]
fn a_message_of_a_java_service_is_taken_whatever_it_holds() -> Result<()> {
    for kind in ["look", "retry"] {
        let messages = recorded(kind)?;
        assert_eq!(messages.len(), 8, "{kind}");
        for (name, payloads) in messages {
            let Anything = read(payloads).context(name)?;
        }
    }
    Ok(())
}

/// The recorded bytes of a start, for a payout and an account that exist.
fn fresh(mut payloads: Vec<Payload>, payout: &str, account: &str) -> Vec<Payload> {
    for payload in &mut payloads {
        if let Ok(text) = std::str::from_utf8(&payload.data) {
            payload.data = text.replace(PAYOUT, payout).replace(ACCOUNT, account).into_bytes();
        }
    }
    payloads
}

fn payout_id() -> String {
    PayoutId::new(Uuid::now_v7()).to_string()
}

fn direct_starts() -> Setup {
    Setup {
        more: vec![("api", "direct_start_caller = \"payments\"".to_owned())],
        ..Setup::default()
    }
}

#[tokio::test]
async fn runs_start_from_the_bytes_of_a_java_service() -> Result<()> {
    let stack = Stack::with("java", direct_starts()).await?;
    let account = stack.giro.account(1, 10_000_000).await?;
    deaf_to_content(&stack, &account).await?;
    let mut running = Vec::new();
    for kind in ["start", "bare", "wrong", "refused", "waits"] {
        for (name, payloads) in recorded(kind)? {
            let payout = payout_id();
            let input = fresh(payloads, &payout, &account);
            let run = start(&stack, &format!("payout-{payout}"), input).await?;
            running.push((kind, name, payout, run));
        }
    }
    for (kind, name, payout, run) in &running {
        if *kind == "waits" {
            continue;
        }
        let ended = outcome(run).await?;
        let expected = if matches!(*kind, "start" | "bare") {
            End::Settled
        } else {
            End::Refused
        };
        assert_eq!(ended.outcome, expected, "{name}: {ended:?}");
        if expected == End::Refused {
            assert!(!ended.errors.is_empty(), "{name}: says what to mend");
            let books = stack.giro.get(&format!("/v1/payouts/{payout}")).await?;
            assert_eq!(books.status, 404, "{name}: nothing was written");
        }
    }
    for (_, name, _, run) in running.iter().filter(|(kind, ..)| *kind == "waits") {
        let about = run.describe(Default::default()).await?;
        assert_eq!(format!("{:?}", about.status()), "Running", "{name}");
        run.terminate(Default::default()).await?;
    }
    stack.all_ended(PATIENCE).await
}

/// Every recorded message reaches a run that waits, and none of them stops it.
async fn deaf_to_content(stack: &Stack, account: &str) -> Result<()> {
    stack.giro_command(&["bank", "pause", "stp", "--reason", "test"])?;
    let id = stack.giro.pay(account, 12_300).await?;
    let run = stack.handle(&id).await?;
    // Before its first step a run says that it is being accepted.
    has_waited(&run).await?;
    for (_, payloads) in recorded("look")? {
        run.signal(UntypedSignal::new("look"), RawValue::new(payloads), Default::default())
            .await?;
    }
    for (name, payloads) in recorded("retry")? {
        let raw = run
            .execute_update(UntypedUpdate::new("retry"), RawValue::new(payloads), Default::default())
            .await
            .with_context(|| name.clone())?;
        let answer: Asked = serde_json::from_slice(&raw.payloads.first().context("an answer")?.data)?;
        let standing = answer.standing.with_context(|| format!("{name}: {}", answer.next))?;
        assert_eq!(standing.state, State::Accepted, "{name}");
    }
    stack.giro_command(&["bank", "resume", "stp", "--reason", "test"])?;
    let nothing = RawValue::new(Vec::new());
    run.signal(UntypedSignal::new("look"), nothing, Default::default())
        .await?;
    let ended: Outcome = run.get_result(Default::default()).await?;
    assert_eq!(ended.outcome, End::Settled);
    Ok(())
}

/// The real thing: a JVM with the Java SDK starts a payout, signals, asks, and reads the result.
#[tokio::test]
#[ignore = "needs Java 17, Maven and its registry"]
async fn a_java_service_pays_for_real() -> Result<()> {
    let setup = Setup {
        settle_ms: 5_000,
        ..direct_starts()
    };
    let stack = Stack::with("jvm", setup).await?;
    let account = stack.giro.account(1, 1_000_000).await?;
    // A Java client names host and port alone.
    let temporal = stack.temporal.trim_start_matches("http://");
    let project = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("wire/java/pom.xml");
    let done = Command::new("mvn")
        .args(["-B", "-q", "-f"])
        .arg(project)
        .args(["compile", "exec:java", "-Dexec.mainClass=mx.giro.wire.Live"])
        .arg(format!("-Dexec.args={temporal} {} {account}", stack.queue()))
        .output()
        .context("mvn")?;
    let said = String::from_utf8_lossy(&done.stdout);
    eprintln!("{said}{}", String::from_utf8_lossy(&done.stderr));
    ensure!(done.status.success(), "the Java service failed");
    ensure!(said.contains("outcome=settled"), "the Java service read another end");
    ensure!(
        said.contains("resends=false"),
        "the Java service read no answer to retry"
    );
    stack.all_ended(PATIENCE).await
}

#[test]
fn names_on_the_wire_never_change() {
    let launcher: Vec<(&str, &str)> = dev::parts::temporal::SEARCH_ATTRIBUTES.to_vec();
    assert_eq!(launcher, attributes::ALL, "the launcher registers what runs write");
    let payout: PayoutId = PAYOUT.parse().expect("an id");
    let now = json!({
        "workflow": PayoutWorkflow::run.name(),
        "reconciliation": ReconciliationWorkflow::run.name(),
        "receipts": ReceiptsWorkflow::run.name(),
        "deposit": DepositWorkflow::run.name(),
        "return": ReturnWorkflow::run.name(),
        "transfer": TransferWorkflow::run.name(),
        "transfer_id": TransferId::from(payout).workflow_id(),
        "schedule": worker::schedule::id(workflows::QUEUE),
        "workflow_id": payout.workflow_id(),
        "tracking_key": TrackingKey::derive(payout),
        "signal": PayoutWorkflow::look.name(),
        "update": PayoutWorkflow::retry.name(),
        "activities": [
            Ledger::accept.name(), Ledger::apply.name(), Bank::submit.name(), Bank::inquire.name(), Bank::ask.name(),
            Bank::reconcile.name(),
            Ledger::deposit.name(),
            Ledger::give_back.name(),
            Ledger::book.name(),
            Banxico::look_up.name(),
        ],
        "queues": [
            workflows::QUEUE, workflows::bank_queue(workflows::QUEUE, "stp"), workflows::banxico_queue(workflows::QUEUE),
        ],
        "receipts_id": receipts::id(workflows::QUEUE),
        "search_attributes": BTreeMap::from_iter(attributes::ALL.iter().copied()),
        "failures": [
            activities::failure::BUG, activities::failure::LATER, activities::failure::PENDING,
            activities::failure::SET_ASIDE,
        ],
    });
    let breaks = "callers, operators' searches, and runs that are open now: they ask for the old name and find nothing";
    snapshot::hold("names.json", &now, false, breaks);
}

fn standing(known: bool) -> Standing {
    let payout: PayoutId = PAYOUT.parse().expect("an id");
    Standing {
        payout,
        bank: "stp".to_owned(),
        amount: Centavos::new(12_300),
        tracking_key: TrackingKey::derive(payout),
        state: if known { State::Settled } else { State::Accepted },
        operating_date: known.then_some(date(2026, 4, 1)),
        evidence: known.then_some(Evidence::Paid),
        bank_said: known.then(|| "paid".to_owned()),
        attention: known.then_some(Attention::ReturnExpected),
        deadline_seconds: if known { 0 } else { 60 },
    }
}

/// JSON of values, which must read back as the same.
fn shape<T: Serialize + DeserializeOwned>(values: &[T]) -> Value {
    let written = serde_json::to_value(values).expect("it writes");
    let read: Vec<T> = serde_json::from_value(written.clone()).expect("it reads");
    assert_eq!(serde_json::to_value(read).expect("it writes"), written);
    written
}

fn shapes() -> Value {
    let payout: PayoutId = PAYOUT.parse().expect("an id");
    let request = PayoutRequest::from_json(tests::client::request(ACCOUNT, 12_300).to_string().as_bytes());
    let direct = DirectStart {
        payout,
        request: request.expect("it reads"),
    };
    let bank = "stp".to_owned();
    let subjects = [None, Some(Attention::Deadline)].map(|shown| Subject { payout, shown });
    let (bare, known) = (standing(false), standing(true));
    let booked = standing(false);
    let errors = vec![FieldError::new("/amount", FieldCode::Required, "write it")];
    let outcome = |end| Outcome {
        outcome: end,
        payout: Some(payout),
        amount: Some(known.amount),
        money: "with the beneficiary".to_owned(),
        bank_said: known.bank_said.clone(),
        evidence: known.evidence,
        tracking_key: Some(known.tracking_key.clone()),
        refusal: None,
        errors: Vec::new(),
    };
    let refused = Outcome {
        payout: None,
        amount: None,
        bank_said: None,
        evidence: None,
        tracking_key: None,
        refusal: Some(Refusal::InsufficientFunds),
        errors: errors.clone(),
        ..outcome(End::Refused)
    };
    let reconciled = Reconciled {
        running: Some(RunningRead {
            operating_date: jiff::civil::date(2026, 11, 30),
            orders: 2,
            differences: 1,
            apart: Some(-1),
        }),
        bank: "stp".to_owned(),
        days: vec![DayRead {
            operating_date: jiff::civil::date(2026, 11, 27),
            orders: 3,
            agreed: 2,
            received: 1,
            open: 1,
            differences: 1,
        }],
        taken_in: 1,
        taken_in_received: 1,
        strays: 1,
        proven_absent: 1,
    };
    let (day, amount) = (jiff::civil::date(2026, 11, 27), known.amount);
    let arrival = Arrival {
        received: ReceivedId::derive("stp", day, 40_012, "NU39/1"),
    };
    let arrived = |attention| ArrivalStanding {
        received: arrival.received,
        kind: ReceivedKind::Return,
        bank: "stp".to_owned(),
        amount,
        sender: 40_012,
        tracking_key: "NU39/1".to_owned(),
        operating_date: day,
        state: ReceivedState::Unapplied,
        payout: Some(payout),
        attention,
    };
    let placed = shape(&[
        Placed::Placed {
            standing: arrived(Some(ReceivedAttention::AccountNotOpen)),
        },
        Placed::Waits {
            standing: arrived(None),
        },
        Placed::Unknown,
    ]);
    json!({
        "payout": {
            "start": [shape(&[AcceptedStart { payout, bank }]), shape(&[&direct].map(Clone::clone))],
            "result": shape(&[outcome(End::Settled), refused]),
        },
        "ledger.accept": {
            "input": shape(&[direct]),
            "output": shape(&[
                Accept::Accepted { standing: bare.clone(), institution: 40_012 },
                Accept::Refused { refusal: Refusal::InsufficientFunds },
                Accept::Malformed { errors },
            ]),
        },
        "ledger.apply": {
            "input": shape(&subjects),
            "output": shape(&[
                Applied::Ended { end: End::Settled, standing: known.clone() },
                Applied::Open { standing: bare.clone() },
                Applied::Unknown,
            ]),
        },
        "bank.submit": {
            "input": shape(&subjects),
            "output": shape(&[
                Submit::Sent { standing: bare.clone() },
                Submit::Doubt { standing: bare.clone() },
                Submit::NotSent { wait_seconds: 30, standing: bare.clone(), waits_for: None },
                Submit::NotSent { wait_seconds: 30, standing: bare.clone(), waits_for: Some("its time".to_owned()) },
                Submit::Closed { standing: known.clone() },
                Submit::Unknown,
            ]),
        },
        "bank.inquire": { "input": shape(&subjects), "output": shape(&[bare, known.clone()]) },
        "bank.ask": {
            "input": shape(&subjects),
            "output": shape(&[
                Asked { standing: Some(known), next: "posted".to_owned(), resends: true },
                Asked { standing: None, next: "asked".to_owned(), resends: false },
            ]),
        },
        "ledger.book": {
            "input": shape(&subjects),
            "output": shape(&[
                Booked::Ended { end: End::Settled, standing: booked.clone() },
                Booked::Waits { wait_seconds: 30, standing: booked, waits_for: "its time".to_owned() },
                Booked::Unknown,
            ]),
        },
        "transfer": { "start": shape(&[Transfer { transfer: payout.into() }]) },
        "ledger.deposit": { "input": shape(&[arrival]), "output": placed.clone() },
        "ledger.return": { "input": shape(&[arrival]), "output": placed },
        "arrival": shape(&[
            ArrivalOutcome {
                outcome: Some(ReceivedState::Applied),
                received: Some(arrival.received),
                amount: Some(amount),
                money: "with the customer".to_owned(),
                payout: Some(payout),
                errors: Vec::new(),
            },
            ArrivalOutcome {
                outcome: None,
                received: None,
                amount: None,
                money: "nowhere: nothing was done".to_owned(),
                payout: None,
                errors: vec![FieldError::new("", FieldCode::Malformed, "mend it")],
            },
        ]),
        "bank.reconcile": { "output": shape(std::slice::from_ref(&reconciled)) },
        "reconciliation": {
            "result": shape(&[
                Reconciliation::Read(reconciled),
                Reconciliation::Left { bank: "stp".to_owned() },
            ]),
        },
        "banxico.look_up": {
            "output": shape(&[
                Turn::Asked { payout, said: PortalAnswer::Receipt, wait_seconds: 10 },
                Turn::Wait { wait_seconds: 10 },
                Turn::Nothing,
            ]),
        },
        "receipts": { "result": shape(&[Receipts { asked: 1, is_done: true }]) },
        "words": {
            "portal_answer": shape(PortalAnswer::ALL),
            "state": shape(State::ALL), "evidence": shape(Evidence::ALL), "attention": shape(Attention::ALL),
            "end": shape(End::ALL), "refusal": shape(Refusal::ALL), "received_kind": shape(ReceivedKind::ALL),
            "received_state": shape(ReceivedState::ALL), "received_attention": shape(ReceivedAttention::ALL),
        },
    })
}

#[test]
fn shapes_that_histories_keep_never_change() {
    let breaks = "every run that is open now: its history holds the old JSON, and would not replay";
    snapshot::hold("shapes.json", &shapes(), false, breaks);
}

#[test]
fn messages_only_grow() -> Result<()> {
    let files = FileDescriptorSet::decode(proto::DESCRIPTORS)?.file;
    let mut now = serde_json::Map::new();
    for file in files.iter().filter(|file| file.package() == "giro.v1") {
        for message in &file.message_type {
            ensure!(
                message.nested_type.is_empty() && message.enum_type.is_empty(),
                "{}: write it beside, not inside: this test sees no nested types",
                message.name()
            );
            now.insert(message.name().to_owned(), fields(message));
        }
        for words in &file.enum_type {
            now.insert(words.name().to_owned(), values(words));
        }
    }
    let breaks = "callers and readers of events that were compiled with the old giro.v1";
    snapshot::hold("giro.v1.json", &now.into(), true, breaks);
    Ok(())
}

/// Each field as `number label type jsonName`.
fn fields(message: &DescriptorProto) -> Value {
    let field = |of: &FieldDescriptorProto| {
        let kind = if of.type_name().is_empty() {
            of.r#type().as_str_name()
        } else {
            of.type_name()
        };
        let label = match of.label() {
            field::Label::Repeated => "repeated ",
            field::Label::Optional | field::Label::Required => "",
        };
        let shown = format!("{} {label}{kind} {}", of.number(), of.json_name());
        (of.name().to_owned(), shown.into())
    };
    Value::Object(message.field.iter().map(field).collect())
}

fn values(words: &EnumDescriptorProto) -> Value {
    let value = words
        .value
        .iter()
        .map(|value| (value.name().to_owned(), value.number().into()));
    Value::Object(value.collect())
}
