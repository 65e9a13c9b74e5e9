//! What can go wrong with one payout at the bank, and how a caller picks it: by control API, by the cents of the amount,
//! or by chaos.
//!
//! [`TABLE`] is the one place that says what each fault does; `docs/sandbox.md`, the control page and the stories read
//! it. A fault picked by cents or chaos applies to the first register request seen for a `claveRastreo` (`refused` to
//! every one); later requests under that clave meet an honest bank.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One misbehaviour of the bank; [`TABLE`] says what each does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "TABLE is their documentation")]
pub enum Fault {
    #[default]
    Normal,
    GarbageReply,
    TruncatedReply,
    HugeReply,
    PageAfter,
    PageBefore,
    Error500After,
    Error500Before,
    Error502After,
    Error502Before,
    Error503After,
    Error503Before,
    Throttled,
    GzipBomb,
    WrongCharset,
    Drip,
    WrongFolio,
    ForeignReply,
    WebhookOutOfOrder,
    WebhookStorm,
    LateWebhook,
    QueryGarbage,
    QueryTruncated,
    QueryError500,
    QueryEmpty,
    QueryTwoRecords,
    QueryForeignRecord,
    LegacyRecord,
    Hang,
    BadSignatureAnswer,
    WrongEcho,
    RefuseResend,
    WebhookCnLie,
    Error0,
    ReadOnly,
    DropBefore,
    RepeatedWebhook,
    WebhookBeforeReply,
    AcceptThenDrop,
    Slow,
    NotFoundForAWhile,
    LostWebhook,
    Refused,
    Cancelled,
    Returned,
    Silent,
}

/// How a payout that meets a fault ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The beneficiary is paid.
    Settled,
    /// Paid, with this attention for a person.
    Marked(&'static str),
    /// Paid, and returned: what came back is with the customer.
    Returned,
    /// The customer has the money back.
    Failed,
    /// Open under this attention until the bank is told to speak; then paid.
    Speak(&'static str),
    /// Nothing more is sent by anyone until the bank is resumed, by people or by a probe; then paid.
    Resume,
}

/// One row of the sandbox's table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The cents of an amount that choose it.
    pub cents: i64,
    /// The fault.
    pub fault: Fault,
    /// What the bank does.
    pub does: &'static str,
    /// What it takes giro to end the payout.
    pub takes: &'static str,
    /// How the payout ends.
    pub end: End,
    /// Its share among the misfortunes of chaos; 0 for what needs people or holds up other payouts.
    pub weight: u32,
}

const fn row(cents: i64, fault: Fault, weight: u32, end: End, does: &'static str, takes: &'static str) -> Row {
    Row {
        cents,
        fault,
        does,
        takes,
        end,
        weight,
    }
}

const ASKS: &str = "doubt; giro asks and finds it";
const RESENDS: &str = "doubt; two not-founds past the horizon, then the same order again";
const ASKS_AGAIN: &str = "doubt; the answer proves nothing, giro asks again";

/// Every fault but `normal`, by cents.
#[rustfmt::skip] // A table reads by its rows.
pub const TABLE: [Row; 45] = [
    row(50, Fault::GarbageReply, 2, End::Settled, "takes, answers 200 with bytes that are no text, settles", ASKS),
    row(51, Fault::TruncatedReply, 2, End::Settled, "takes, answers half of the JSON it announced and closes, settles", ASKS),
    row(52, Fault::HugeReply, 1, End::Settled, "takes, answers with 16 MiB, settles", "doubt at 64 KiB; giro asks and finds it"),
    row(53, Fault::PageAfter, 2, End::Settled, "takes, answers 200 with an HTML page of maintenance, settles", ASKS),
    row(54, Fault::PageBefore, 2, End::Settled, "takes nothing, answers 200 with an HTML page of maintenance", RESENDS),
    row(55, Fault::Error500After, 2, End::Settled, "takes, answers 500 with an HTML page, settles", ASKS),
    row(56, Fault::Error500Before, 2, End::Settled, "takes nothing, answers 500 with an HTML page", RESENDS),
    row(57, Fault::Error502After, 1, End::Settled, "takes, answers 502 with an HTML page, settles", ASKS),
    row(58, Fault::Error502Before, 1, End::Settled, "takes nothing, answers 502 with an HTML page", RESENDS),
    row(59, Fault::Error503After, 1, End::Settled, "takes, answers 503 with an HTML page, settles", ASKS),
    row(60, Fault::Error503Before, 1, End::Settled, "takes nothing, answers 503 with an HTML page", RESENDS),
    row(61, Fault::Throttled, 2, End::Settled, "takes nothing, answers 429 with `Retry-After: 2`", RESENDS),
    row(62, Fault::GzipBomb, 1, End::Settled, "takes, answers 60 KiB of gzip that would unfold to 60 MiB, settles", ASKS),
    row(63, Fault::WrongCharset, 1, End::Settled, "takes, answers in UTF-16, settles", ASKS),
    row(64, Fault::Drip, 1, End::Settled, "takes, answers one byte a second, settles", "doubt after 10 s; giro asks and finds it"),
    row(65, Fault::WrongFolio, 0, End::Marked("second_order"), "takes, answers a folio that is not the order's, settles", "the two folios look like two orders: settled with `second_order`, which pauses the bank until `giro bank resume`"),
    row(66, Fault::ForeignReply, 1, End::Settled, "takes, answers the -20 of another clave and amount, settles", "doubt, for the answer names another order; giro asks and finds it"),
    row(67, Fault::WebhookOutOfOrder, 1, End::Returned, "takes, answers, settles, turns D one second later; the webhook of D comes first, that of LQ a second after it", "asks at each webhook; settled, then returned"),
    row(68, Fault::WebhookStorm, 2, End::Settled, "takes, answers, settles; sends the webhook twenty times at once", "one row in the inbox, one question"),
    row(69, Fault::LateWebhook, 2, End::Settled, "takes, answers, settles; sends the webhook 15 s later (setting `late_ms`)", "asks by itself after 10 s; the webhook changes nothing"),
    row(70, Fault::QueryGarbage, 1, End::Settled, "takes, closes without answer, queries answer bytes that are no text for 6 s (setting `hidden_ms`), settles", ASKS_AGAIN),
    row(71, Fault::QueryTruncated, 1, End::Settled, "the same, with half of the record", ASKS_AGAIN),
    row(72, Fault::QueryError500, 1, End::Settled, "the same, with 500 and an HTML page", ASKS_AGAIN),
    row(73, Fault::QueryEmpty, 1, End::Settled, "the same, with estado 0 and an empty list", "doubt; an empty list is no \"not found\", giro asks again"),
    row(74, Fault::QueryTwoRecords, 1, End::Settled, "the same, with two records under the clave, one of them cancelled", ASKS_AGAIN),
    row(75, Fault::QueryForeignRecord, 1, End::Settled, "the same, with somebody else's cancelled order", "doubt and `mismatch`, which goes with the end; giro asks again"),
    row(76, Fault::LegacyRecord, 2, End::Settled, "takes, closes without answer, queries answer in the legacy format, settles", ASKS),
    row(80, Fault::Hang, 2, End::Settled, "takes, never answers, settles", "doubt after 10 s; giro asks and finds it"),
    row(81, Fault::BadSignatureAnswer, 0, End::Resume, "takes nothing, answers \"Error validando la firma\" although the signature is right", "pauses the bank (`configuration`); a probe a minute, or `giro bank resume`"),
    row(82, Fault::WrongEcho, 0, End::Speak("mismatch"), "takes, answers, settles; queries tell the amount plus one centavo until told to speak", "stays open with `mismatch`"),
    row(83, Fault::RefuseResend, 0, End::Speak("deadline"), "takes, closes without answer, hidden from queries until told to speak; every later request of that clave is refused with -200", "sends again, is refused, and that is doubt: stays open with `deadline`"),
    row(84, Fault::WebhookCnLie, 2, End::Settled, "takes, answers, settles; the webhook says CN", "asks; the bank's answer counts, not its webhook"),
    row(85, Fault::Error0, 2, End::Settled, "takes, answers id 0 \"No se recibio respuesta del servicio\", settles", ASKS),
    row(86, Fault::ReadOnly, 0, End::Resume, "takes nothing, answers -30", "the bank counts as away: tried again after 10 s to 5 min, or by `giro bank resume`"),
    row(87, Fault::DropBefore, 2, End::Settled, "takes nothing, closes without answer", RESENDS),
    row(88, Fault::RepeatedWebhook, 2, End::Settled, "takes, answers, settles; sends each webhook five times", "one row in the inbox, one question"),
    row(89, Fault::WebhookBeforeReply, 2, End::Settled, "takes, settles and delivers the webhook, and only then answers", "matched by clave; asks"),
    row(90, Fault::AcceptThenDrop, 3, End::Settled, "takes, closes without answer, settles", ASKS),
    row(91, Fault::Slow, 1, End::Settled, "takes, answers after 12 s (setting `slow_ms`), settles", "doubt after 10 s; giro asks and finds it"),
    row(92, Fault::NotFoundForAWhile, 2, End::Settled, "takes, closes without answer, queries say not found for 6 s (setting `hidden_ms`), settles", "doubt; asks past the horizon, where not-found counts, and finds it"),
    row(93, Fault::LostWebhook, 3, End::Settled, "takes, answers, settles; sends no webhook", "asks by itself after 10 s"),
    row(94, Fault::Refused, 2, End::Failed, "takes nothing, answers -20, every time", "the money goes back at once"),
    row(95, Fault::Cancelled, 2, End::Failed, "takes, answers, ends CN instead of settling", "asks at the webhook; the money goes back"),
    row(96, Fault::Returned, 1, End::Returned, "takes, answers, settles, turns D one second later", "settled, then returned: the received record is in the bank's list"),
    row(97, Fault::Silent, 0, End::Speak("deadline"), "takes, closes without answer, no webhook, queries answer HTTP 503 for that clave until told to speak; settles", "asks for ever: stays open with `deadline`"),
];

/// How the answer to a register request travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// The answer is sent at once.
    Answered,
    /// The answer is sent late.
    Late,
    /// The answer is sent after the webhook was delivered.
    AfterWebhook,
    /// The answer is "No se recibio respuesta del servicio" whatever happened.
    Error0,
    /// The connection is closed without a byte.
    Lost,
    /// The connection stays open and silent.
    Never,
    /// Bytes that are no text.
    Garbage,
    /// Half of the answer, then the end.
    Truncated,
    /// An answer of many megabytes.
    Huge,
    /// An HTML page under this HTTP status.
    Page(u16),
    /// 429 with `Retry-After`.
    Throttled,
    /// Gzip that unfolds a thousandfold.
    GzipBomb,
    /// The answer in UTF-16.
    Utf16,
    /// One byte a second.
    Drip,
    /// The answer with another folio.
    OtherFolio,
    /// The refusal of another clave.
    Foreign,
}

/// How queries about an order lie for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum QueryLie {
    Garbage,
    Truncated,
    Error500,
    Empty,
    TwoRecords,
    ForeignRecord,
}

/// Where the fault of a request came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultSource {
    /// Armed by the control API for this clave.
    Clave,
    /// Armed by the control API for whoever comes next.
    Default,
    /// The cents of the amount.
    Cents,
    /// The seed of chaos.
    Chaos,
}

impl Fault {
    /// The fault the cents of an amount (centavos) choose.
    pub fn of_amount(centavos: i64) -> Self {
        let cents = centavos.rem_euclid(100);
        let mut rows = TABLE.iter();
        rows.find(|row| row.cents == cents)
            .map_or(Self::Normal, |row| row.fault)
    }

    /// Its row of the table; `None` for `normal`.
    pub fn row(self) -> Option<&'static Row> {
        TABLE.iter().find(|row| row.fault == self)
    }

    /// Its name in control API, journal and docs.
    pub fn name(self) -> String {
        let name = serde_json::to_value(self).unwrap_or_default();
        name.as_str().unwrap_or_default().to_owned()
    }

    /// How the answer travels under this fault.
    pub(super) fn reply(self) -> Reply {
        match self {
            Self::Hang => Reply::Never,
            Self::Error0 => Reply::Error0,
            Self::Slow => Reply::Late,
            Self::WebhookBeforeReply => Reply::AfterWebhook,
            Self::GarbageReply => Reply::Garbage,
            Self::TruncatedReply => Reply::Truncated,
            Self::HugeReply => Reply::Huge,
            Self::PageAfter | Self::PageBefore => Reply::Page(200),
            Self::Error500After | Self::Error500Before => Reply::Page(500),
            Self::Error502After | Self::Error502Before => Reply::Page(502),
            Self::Error503After | Self::Error503Before => Reply::Page(503),
            Self::Throttled => Reply::Throttled,
            Self::GzipBomb => Reply::GzipBomb,
            Self::WrongCharset => Reply::Utf16,
            Self::Drip => Reply::Drip,
            Self::WrongFolio => Reply::OtherFolio,
            Self::ForeignReply => Reply::Foreign,
            Self::DropBefore
            | Self::RefuseResend
            | Self::AcceptThenDrop
            | Self::NotFoundForAWhile
            | Self::Silent
            | Self::QueryGarbage
            | Self::QueryTruncated
            | Self::QueryError500
            | Self::QueryEmpty
            | Self::QueryTwoRecords
            | Self::QueryForeignRecord
            | Self::LegacyRecord => Reply::Lost,
            Self::Normal
            | Self::BadSignatureAnswer
            | Self::WrongEcho
            | Self::WebhookCnLie
            | Self::ReadOnly
            | Self::RepeatedWebhook
            | Self::WebhookOutOfOrder
            | Self::WebhookStorm
            | Self::LateWebhook
            | Self::LostWebhook
            | Self::Refused
            | Self::Cancelled
            | Self::Returned => Reply::Answered,
        }
    }

    /// Whether the request ends before the bank looks at it.
    pub fn takes_nothing(self) -> bool {
        matches!(
            self,
            Self::DropBefore
                | Self::PageBefore
                | Self::Error500Before
                | Self::Error502Before
                | Self::Error503Before
                | Self::Throttled
        )
    }

    /// The refusal (`resultado.id`, text) this fault imposes on a valid order.
    pub(super) fn refusal(self) -> Option<(i64, &'static str)> {
        if self == Self::ReadOnly {
            Some((-30, "Enlace Financiero en modo solo consulta"))
        } else if self == Self::Refused {
            Some((-20, "El monto es invalido"))
        } else if self == Self::BadSignatureAnswer {
            Some((0, "Error validando la firma"))
        } else {
            None
        }
    }

    /// Whether queries hide the order until the control API says speak.
    pub(super) fn hides_until_told(self) -> bool {
        matches!(self, Self::Silent | Self::RefuseResend)
    }

    /// Whether the bank says, now or for a while, that it does not know an order that it has taken.
    pub fn is_not_found(self) -> bool {
        matches!(self, Self::NotFoundForAWhile | Self::RefuseResend)
    }

    /// Whether the bank does not tell the truth about its order before the control API says speak.
    pub fn needs_telling(self) -> bool {
        self.hides_until_told() || self == Self::WrongEcho
    }

    /// Whether queries hide the order, or lie about it, for a while.
    pub(super) fn hides_for_a_while(self) -> bool {
        self == Self::NotFoundForAWhile || self.query_lie().is_some()
    }

    /// How queries lie while they do.
    pub(super) fn query_lie(self) -> Option<QueryLie> {
        [
            (Self::QueryGarbage, QueryLie::Garbage),
            (Self::QueryTruncated, QueryLie::Truncated),
            (Self::QueryError500, QueryLie::Error500),
            (Self::QueryEmpty, QueryLie::Empty),
            (Self::QueryTwoRecords, QueryLie::TwoRecords),
            (Self::QueryForeignRecord, QueryLie::ForeignRecord),
        ]
        .into_iter()
        .find_map(|(fault, lie)| (fault == self).then_some(lie))
    }

    /// Whether the order turns D one second after it settled.
    pub(super) fn comes_back(self) -> bool {
        matches!(self, Self::Returned | Self::WebhookOutOfOrder)
    }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        serde_json::from_value(name.into()).map_err(|_| {
            let names: Vec<String> = TABLE.iter().map(|row| row.fault.name()).collect();
            format!("no fault is called {name:?}; take one of normal, {}", names.join(", "))
        })
    }
}

/// The rows of [`TABLE`] as `docs/sandbox.md` has them.
pub fn markdown() -> String {
    let row = |row: &Row| {
        let (cents, name) = (row.cents, row.fault.name());
        format!(
            "| .{cents} | `{name}` | {} | {} | {} |\n",
            row.does, row.takes, row.weight
        )
    };
    TABLE.iter().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cents_chooses_its_fault_and_no_other() {
        let mut chosen = 0;
        for cents in 0..100 {
            let fault = Fault::of_amount(12_300 + cents);
            assert_eq!(
                fault.row().map(|row| row.cents),
                (fault != Fault::Normal).then_some(cents)
            );
            chosen += usize::from(fault != Fault::Normal);
        }
        assert_eq!(chosen, TABLE.len(), "two rows share their cents or their fault");
    }

    #[test]
    fn names_read_back_and_a_wrong_one_is_told_the_right_ones() {
        for row in TABLE {
            assert_eq!(row.fault.name().parse(), Ok(row.fault));
        }
        let told = "hangs".parse::<Fault>().expect_err("no such fault");
        assert!(told.contains("\"hangs\"") && told.contains(", hang,"), "{told}");
    }

    #[test]
    fn the_page_for_callers_has_the_table_of_the_code() {
        let page = include_str!("../../../docs/sandbox.md");
        let missing: Vec<String> = markdown()
            .lines()
            .filter(|line| !page.lines().any(|there| there == *line))
            .map(str::to_owned)
            .collect();
        assert!(missing.is_empty(), "put into docs/sandbox.md:\n{}", missing.join("\n"));
        let rows = page
            .lines()
            .filter(|line| line.starts_with("| .") && line.contains("| `"))
            .count();
        assert_eq!(rows, TABLE.len() + 1, "docs/sandbox.md has a row that the code has not");
    }
}
