//! What can go wrong with one payout at the bank, and how a caller picks it: by control API or by the cents of the amount.
//!
//! The cents table is the sandbox for callers. A fault picked by cents applies to the first register request seen
//! for a `claveRastreo` (`refused` to every one); later requests under that clave meet an honest bank.
//!
//! | cents | fault | what the bank does |
//! | --- | --- | --- |
//! | .00-.79, .98, .99 | `normal` | takes, answers, settles |
//! | .80 | `hang` | takes, never answers, settles |
//! | .81 | `bad_signature_answer` | takes nothing, answers "Error validando la firma" although the signature is right |
//! | .82 | `wrong_echo` | takes, answers, settles; queries tell the amount plus one centavo |
//! | .83 | `refuse_resend` | takes, closes without answer, hidden from queries until told to speak; every later request of that clave is refused with -200 |
//! | .84 | `webhook_cn_lie` | takes, answers, settles; the webhook says CN |
//! | .85 | `error0` | takes, answers id 0 "No se recibio respuesta del servicio", settles |
//! | .86 | `read_only` | takes nothing, answers -30 |
//! | .87 | `drop_before` | takes nothing, closes without answer |
//! | .88 | `repeated_webhook` | takes, answers, settles; sends each webhook five times |
//! | .89 | `webhook_before_reply` | takes, settles and delivers the webhook, and only then answers |
//! | .90 | `accept_then_drop` | takes, closes without answer, settles |
//! | .91 | `slow` | takes, answers after 12 s (setting `slow_ms`), settles |
//! | .92 | `not_found_for_a_while` | takes, closes without answer, queries say not found for 6 s (setting `hidden_ms`), settles |
//! | .93 | `lost_webhook` | takes, answers, settles; sends no webhook |
//! | .94 | `refused` | takes nothing, answers -20, every time |
//! | .95 | `cancelled` | takes, answers, ends CN instead of settling |
//! | .96 | `returned` | takes, answers, settles, turns D one second later |
//! | .97 | `silent` | takes, closes without answer, no webhook, queries answer HTTP 503 for that clave until told to speak; settles |

use serde::{Deserialize, Serialize};

/// One misbehaviour of the bank; the module's table says what each does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the module's table is their documentation")]
pub enum Fault {
    #[default]
    Normal,
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
}

impl Fault {
    /// Every fault but `normal`, for tests that want to meet them all.
    pub const ALL: [Self; 18] = [
        Self::Hang,
        Self::BadSignatureAnswer,
        Self::WrongEcho,
        Self::RefuseResend,
        Self::WebhookCnLie,
        Self::Error0,
        Self::ReadOnly,
        Self::DropBefore,
        Self::RepeatedWebhook,
        Self::WebhookBeforeReply,
        Self::AcceptThenDrop,
        Self::Slow,
        Self::NotFoundForAWhile,
        Self::LostWebhook,
        Self::Refused,
        Self::Cancelled,
        Self::Returned,
        Self::Silent,
    ];

    /// The fault the cents of an amount (centavos) choose.
    pub fn of_amount(centavos: i64) -> Self {
        let place = usize::try_from(centavos.rem_euclid(100)).unwrap_or(0);
        place
            .checked_sub(80)
            .and_then(|index| Self::ALL.get(index).copied())
            .unwrap_or_default()
    }

    /// The cents (80 to 97) that choose this fault; `None` for `normal`.
    pub fn cents(self) -> Option<i64> {
        let index = Self::ALL.iter().position(|fault| *fault == self)?;
        i64::try_from(index).ok().map(|index| index + 80)
    }

    /// How the answer travels under this fault.
    pub(super) fn reply(self) -> Reply {
        match self {
            Self::Hang => Reply::Never,
            Self::Error0 => Reply::Error0,
            Self::Slow => Reply::Late,
            Self::WebhookBeforeReply => Reply::AfterWebhook,
            Self::DropBefore | Self::RefuseResend | Self::AcceptThenDrop | Self::NotFoundForAWhile | Self::Silent => {
                Reply::Lost
            }
            Self::Normal
            | Self::BadSignatureAnswer
            | Self::WrongEcho
            | Self::WebhookCnLie
            | Self::ReadOnly
            | Self::RepeatedWebhook
            | Self::LostWebhook
            | Self::Refused
            | Self::Cancelled
            | Self::Returned => Reply::Answered,
        }
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cents_table_is_as_documented() {
        let text = include_str!("faults.rs");
        for fault in Fault::ALL {
            let cents = fault.cents().expect("a place in the table");
            assert_eq!(Fault::of_amount(12_300 + cents), fault);
            let name = serde_json::to_string(&fault).expect("name").replace('"', "`");
            assert!(text.contains(&format!("//! | .{cents} | {name} |")), "{name}");
        }
        for cents in (0..80).chain([98, 99]) {
            assert_eq!(Fault::of_amount(cents), Fault::Normal);
        }
    }
}
