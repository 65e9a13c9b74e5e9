//! Payouts made by the core alone, for measuring: every command of a payout that the bank pays, and its bytes.

use jiff::{SignedDuration, Timestamp, civil::Date};
use uuid::Uuid;
use workflows::domain::{
    AccountId, BankCalendar, BeneficiaryName, Centavos, Clabe, Concept, InstitutionCode, NumericReference, OpenAccount,
    Order, PayoutId, TaxId, TrackingKey,
};

use super::{
    command::{Accept, Begin, By, Command, Finding, Open, Record},
    core::hex,
    rows::{Rules, Seen},
};
use crate::bank::{Exchange, Found, Sender, Submitted};

const CALLER: &str = "payments";
const CLABE: &str = "012180004643051249";
const AMOUNT: Centavos = Centavos::new(12_300);

/// The rules of the compiled-in defaults.
pub(crate) fn rules() -> Rules {
    let seconds = SignedDuration::from_secs;
    Rules {
        accepted: seconds(60),
        sending: seconds(300),
        sent: seconds(600),
        fence: seconds(10),
        horizon: seconds(120),
        question_gap: seconds(30),
        margin: seconds(10),
        refunds_fee: false,
        calendar: BankCalendar::builtin().expect("the table compiled in"),
    }
}

/// Account `n`, opened with more than all of its payouts take.
pub(crate) fn open(account: AccountId, n: u32, on: Date) -> Command {
    let body = format!("646180{n:011}");
    let weights = [3, 7, 1].iter().cycle();
    let sum: u32 = body
        .bytes()
        .zip(weights)
        .map(|(digit, weight)| u32::from(digit - b'0') * weight % 10)
        .sum();
    let request = OpenAccount {
        clabe: Clabe::new(&format!("{body}{}", (10 - sum % 10) % 10)).expect("a CLABE"),
        holder: BeneficiaryName::new("Ana Lopez").expect("a name"),
        tax_id: TaxId::unknown(),
        opening: Some((Centavos::new(1_000_000_000_000), "opening balance".to_owned())),
    };
    let key = format!("open-{account}");
    let hash = hex(&request.hash(CALLER));
    Command::Open(Open {
        account,
        caller: CALLER.to_owned(),
        key,
        hash,
        request,
        effective_on: on,
    })
}

/// From accept to apply, in order, on the server `seen`; the bank pays. Each is decided when the one before is written.
pub(crate) fn paid(
    payout: PayoutId,
    account: AccountId,
    on: Date,
    asked_at: Timestamp,
    seen: Option<Seen>,
) -> [Command; 5] {
    let order = Order {
        account,
        amount: AMOUNT,
        clabe: Clabe::new(CLABE).expect("a CLABE"),
        institution: InstitutionCode::new(40_012),
        name: BeneficiaryName::new("Jose Nunez").expect("a name"),
        tax_id: TaxId::unknown(),
        concept: Concept::new("Pago 1").expect("a concept"),
        reference: NumericReference::new(1).expect("a reference"),
        process_after: None,
    };
    let (key, sender) = (TrackingKey::derive(payout), Sender(Uuid::new_v4()));
    let date = on.strftime("%Y%m%d").to_string();
    let firma = "A".repeat(344);
    let sent = format!(
        r#"{{"institucionContraparte":40012,"empresa":"GIRO","fechaOperacion":"{date}","claveRastreo":"{key}","institucionOperante":90646,"monto":{},"tipoPago":1,"cuentaBeneficiario":"{CLABE}","nombreBeneficiario":"Jose Nunez","conceptoPago":"Pago 1","referenciaNumerica":1,"firma":"{firma}"}}"#,
        AMOUNT.decimal()
    );
    let folio = payout.uuid().as_u128() % 1_000_000_000;
    let question = format!(r#"{{"empresa":"GIRO","claveRastreo":"{key}","tipoOrden":"E","firma":"{firma}"}}"#);
    let record = format!(
        r#"{{"estado":0,"respuesta":{{"idEF":{folio},"claveRastreo":"{key}","empresa":"GIRO","monto":{},"cuentaBeneficiario":"{CLABE}","fechaOperacion":{date},"estado":"LQ"}}}}"#,
        AMOUNT.decimal()
    );
    let exchange = |sent: String, received: String| Exchange {
        sent: sent.into_bytes(),
        received: received.into_bytes(),
        status: Some(200),
    };
    let bank_ref = folio.to_string();
    [
        Command::Accept(Accept {
            payout,
            caller: CALLER.to_owned(),
            key: payout.to_string(),
            hash: hex(&order.hash(CALLER)),
            bank: "stp".to_owned(),
            is_transfer: false,
            order,
            fee: Centavos::new(500),
            iva: Centavos::new(80),
        }),
        Command::Begin(Begin { payout, sender, seen }),
        Command::Record(Record {
            payout,
            sender,
            send_no: 1,
            submitted: Submitted::Accepted {
                bank_ref: bank_ref.clone(),
            },
            exchange: exchange(sent, format!(r#"{{"resultado":{{"id":{folio}}}}}"#)),
        }),
        Command::Evidence(Finding {
            payout,
            id: Uuid::new_v4(),
            by: By::Inquiry {
                send_no: 1,
                asked_at,
                found: Found::Paid {
                    bank_ref,
                    effective_on: on,
                    came_back: false,
                },
                exchange: exchange(question, record),
            },
        }),
        Command::Apply(payout),
    ]
}
