//! What the payer of a payout may be told. Nothing that is not proven, nothing of the bank's insides, nobody's fault.

use super::{Sentence, say};
use crate::domain::{Attention, FailureReason, Refusal, State};

words! {
    /// Where the customer's payment stands, as far as they are told.
    Message: "message" {
        /// The money is set aside; nothing has left.
        Accepted = "accepted",
        /// The same, and it takes longer than it should.
        Delayed = "delayed",
        /// It is on its way to the bank.
        Sending = "sending",
        /// The bank has it.
        Sent = "sent",
        /// The outcome is not known, or a person is looking; the money is set aside.
        Checking = "checking",
        /// Paid.
        Settled = "settled",
        /// Paid, and the bank says that it came back; the books do not have it yet.
        ComingBack = "coming_back",
        /// Not paid, money back.
        Failed = "failed",
        /// Taken back, money back.
        Cancelled = "cancelled",
        /// Paid, and returned.
        Returned = "returned",
        /// Paid, and a part of it returned.
        ReturnedInPart = "returned_in_part",
        /// It has ended, and what the bank says since may put that in question.
        Reviewing = "reviewing",
    }
}

impl Message {
    /// What to tell of a payout, from its row: its state, whether there is doubt, and why a person should look.
    pub const fn of(state: State, doubt: bool, attention: Option<Attention>) -> Self {
        use Attention::{
            Contradiction, Deadline, EvidenceAfterEnd, EvidenceBeforeSend, Mismatch, PaidAfterRelease, ReturnExpected,
            ReturnSetApart, SecondOrder, UnknownWord,
        };
        match (state, attention) {
            (State::Accepted, None) => Self::Accepted,
            (State::Accepted, Some(Deadline)) => Self::Delayed,
            (State::Sending, None) if !doubt => Self::Sending,
            (State::Sent, None) => Self::Sent,
            (State::Sending, None) | (State::Sending | State::Sent, Some(Deadline)) => Self::Checking,
            (
                State::Accepted | State::Sending | State::Sent,
                Some(
                    Mismatch | UnknownWord | Contradiction | EvidenceBeforeSend | PaidAfterRelease | EvidenceAfterEnd
                    | SecondOrder | ReturnExpected | ReturnSetApart,
                ),
            ) => Self::Checking,
            // A second order is the bank's and ours to mend: the customer paid once, and it is paid.
            (State::Settled, None | Some(Deadline | SecondOrder)) => Self::Settled,
            (State::Settled, Some(ReturnExpected)) => Self::ComingBack,
            (State::Failed, None | Some(Deadline)) => Self::Failed,
            (State::Cancelled, None | Some(Deadline)) => Self::Cancelled,
            (State::Returned, None | Some(Deadline | ReturnExpected)) => Self::Returned,
            // Graver than that what came back stands apart, where it does: where the money is, that reason does not say.
            (State::Returned, Some(SecondOrder)) => Self::Reviewing,
            (
                State::Settled | State::Returned,
                Some(
                    Mismatch | UnknownWord | Contradiction | EvidenceBeforeSend | PaidAfterRelease | EvidenceAfterEnd
                    | ReturnSetApart,
                ),
            )
            | (
                State::Failed | State::Cancelled,
                Some(
                    Mismatch | UnknownWord | Contradiction | EvidenceBeforeSend | PaidAfterRelease | EvidenceAfterEnd
                    | SecondOrder | ReturnExpected | ReturnSetApart,
                ),
            ) => Self::Reviewing,
        }
    }

    /// The same where less came back than was paid: the payer is not told that all of it did.
    pub const fn of_a_part(self) -> Self {
        match self {
            Self::Returned => Self::ReturnedInPart,
            Self::Accepted | Self::Delayed | Self::Sending | Self::Sent | Self::Checking | Self::Settled => self,
            Self::ComingBack | Self::Failed | Self::Cancelled | Self::ReturnedInPart | Self::Reviewing => self,
        }
    }

    /// The sentence.
    pub const fn sentence(self) -> Sentence {
        match self {
            Self::Accepted => say(
                "Recibimos su solicitud de pago y apartamos el dinero en su cuenta. Aún no se ha enviado.",
                "We received your payment request and set the money aside in your account. It has not been sent yet.",
            ),
            Self::Delayed => say(
                "Su pago aún no se ha enviado y está tardando más de lo habitual. El dinero sigue apartado en su cuenta.",
                "Your payment has not been sent yet and is taking longer than usual. The money is still set aside in your account.",
            ),
            Self::Sending => say(
                "Estamos enviando su pago al banco. El dinero está apartado en su cuenta.",
                "We are sending your payment to the bank. The money is set aside in your account.",
            ),
            Self::Sent => say(
                "El banco recibió su pago y lo está procesando. El dinero está apartado en su cuenta.",
                "The bank has received your payment and is processing it. The money is set aside in your account.",
            ),
            Self::Checking => say(
                "Estamos verificando con el banco el resultado de su pago. El dinero sigue apartado; por favor, no repita el pago mientras tanto.",
                "We are verifying the result of your payment with the bank. The money is still set aside; please do not repeat the payment meanwhile.",
            ),
            Self::Settled => say(
                "Su pago se realizó: el banco del beneficiario recibió el dinero.",
                "Your payment was made: the beneficiary's bank received the money.",
            ),
            Self::ComingBack => say(
                "El banco nos informa que su pago fue devuelto. Lo estamos verificando; por favor, no repita el pago mientras tanto.",
                "The bank tells us that your payment was sent back. We are verifying it; please do not repeat the payment meanwhile.",
            ),
            Self::Failed => say(
                "Su pago no se realizó y el dinero está de nuevo disponible en su cuenta.",
                "Your payment was not made, and the money is available in your account again.",
            ),
            Self::Cancelled => say(
                "Su pago se canceló antes de enviarse y el dinero está de nuevo disponible en su cuenta.",
                "Your payment was cancelled before it was sent, and the money is available in your account again.",
            ),
            Self::Returned => say(
                "El banco del beneficiario devolvió su pago y el dinero está de nuevo en su cuenta.",
                "The beneficiary's bank sent your payment back, and the money is in your account again.",
            ),
            Self::ReturnedInPart => say(
                "El banco del beneficiario devolvió solo una parte de su pago; esa parte está de nuevo en su cuenta.",
                "The beneficiary's bank sent back only a part of your payment; that part is in your account again.",
            ),
            Self::Reviewing => say(
                "Estamos revisando este pago con el banco. Por favor, no lo repita hasta que se confirme el resultado.",
                "We are reviewing this payment with the bank. Please do not repeat it until the result is confirmed.",
            ),
        }
    }
}

/// Why a payout failed or came back, and what the customer can do.
pub const fn reason(reason: FailureReason) -> Sentence {
    match reason {
        FailureReason::AccountUnknown => say(
            "La cuenta del beneficiario no existe o no es de ese banco. Por favor, verifique la CLABE con el beneficiario.",
            "The beneficiary's account does not exist or is not at that bank. Please check the CLABE with the beneficiary.",
        ),
        FailureReason::AccountBlocked => say(
            "La cuenta del beneficiario no puede recibir pagos por ahora. Por favor, consúltelo con el beneficiario.",
            "The beneficiary's account cannot receive payments for now. Please ask the beneficiary about it.",
        ),
        FailureReason::AccountClosed => say(
            "La cuenta del beneficiario está cancelada. Por favor, pida al beneficiario otra CLABE.",
            "The beneficiary's account is closed. Please ask the beneficiary for another CLABE.",
        ),
        FailureReason::AccountInvalid => say(
            "El banco no reconoce la CLABE del beneficiario. Por favor, verifíquela con el beneficiario.",
            "The bank does not recognise the beneficiary's CLABE. Please check it with the beneficiary.",
        ),
        FailureReason::AccountTypeMismatch => say(
            "La cuenta del beneficiario no admite este tipo de pago. Por favor, pida al beneficiario otra CLABE.",
            "The beneficiary's account does not take this kind of payment. Please ask the beneficiary for another CLABE.",
        ),
        FailureReason::SameAccount => say(
            "La cuenta de destino es la misma que la de origen. Por favor, elija otra cuenta de destino.",
            "The destination account is the same as the source. Please choose another destination.",
        ),
        FailureReason::AmountNotAccepted => say(
            "El banco no aceptó el monto de este pago. Por favor, consulte con el beneficiario qué montos puede recibir.",
            "The bank did not accept the amount of this payment. Please ask the beneficiary which amounts they can receive.",
        ),
        FailureReason::LimitExceeded => say(
            "La cuenta del beneficiario alcanzó su límite de saldo o de depósitos. Por favor, consúltelo con el beneficiario.",
            "The beneficiary's account has reached its limit of balance or deposits. Please ask the beneficiary about it.",
        ),
        FailureReason::BeneficiaryInstitutionUnavailable => say(
            "El banco del beneficiario no puede recibir este pago por ahora. Puede intentarlo más tarde o usar otra cuenta.",
            "The beneficiary's bank cannot receive this payment for now. You can try later or use another account.",
        ),
        FailureReason::BeneficiaryDeclined => say(
            "El beneficiario no reconoció el pago. Por favor, confirme los datos con el beneficiario.",
            "The beneficiary did not recognise the payment. Please confirm the details with the beneficiary.",
        ),
        FailureReason::Recalled => say(
            "El pago se devolvió a solicitud de quien lo envió.",
            "The payment was sent back at the request of its sender.",
        ),
        FailureReason::PayerNotEnabled => say(
            "Su cuenta aún no está habilitada para enviar pagos. Por favor, comuníquese con soporte.",
            "Your account is not enabled to send payments yet. Please contact support.",
        ),
        FailureReason::BankRules => say(
            "El banco no autorizó este pago. Si necesita ayuda, comuníquese con soporte.",
            "The bank did not authorise this payment. If you need help, please contact support.",
        ),
        FailureReason::OrderInvalid => say(
            "No pudimos procesar su pago por un problema de nuestra parte. Por favor, comuníquese con soporte.",
            "We could not process your payment because of a problem on our side. Please contact support.",
        ),
        FailureReason::NotProcessed => say(
            "El banco no procesó este pago. Puede intentarlo de nuevo.",
            "The bank did not process this payment. You can try again.",
        ),
        FailureReason::BankRefused => say(
            "El banco no aceptó este pago. Si necesita ayuda, comuníquese con soporte.",
            "The bank did not accept this payment. If you need help, please contact support.",
        ),
        FailureReason::Unknown => say(
            "El banco no indicó el motivo. Si necesita ayuda, comuníquese con soporte.",
            "The bank did not say why. If you need help, please contact support.",
        ),
    }
}

/// Why a request was refused: nothing was set aside, and nothing was sent.
pub const fn refusal(refusal: Refusal) -> Sentence {
    match refusal {
        Refusal::AccountUnknown => say(
            "Su pago no se realizó: no encontramos la cuenta de origen. Por favor, comuníquese con soporte.",
            "Your payment was not made: we did not find the account to pay from. Please contact support.",
        ),
        Refusal::AccountNotOpen => say(
            "Su pago no se realizó: su cuenta no puede enviar pagos por ahora. Por favor, comuníquese con soporte.",
            "Your payment was not made: your account cannot send payments for now. Please contact support.",
        ),
        Refusal::InsufficientFunds => say(
            "Su pago no se realizó: el saldo disponible no alcanza para el monto, la comisión y el IVA.",
            "Your payment was not made: the available balance does not cover the amount, the fee and its tax (IVA).",
        ),
        Refusal::BeneficiaryNotOpen => say(
            "La cuenta del beneficiario no puede recibir pagos por ahora. Por favor, consúltelo con el beneficiario.",
            "The beneficiary's account cannot receive payments for now. Please ask the beneficiary about it.",
        ),
        Refusal::SameAccount => say(
            "Su pago no se realizó: la cuenta de destino es la misma que la de origen. Por favor, elija una cuenta distinta.",
            "Your payment was not made: the destination account is the same as the source. Please choose another.",
        ),
    }
}

/// Why a payout cannot be taken back.
pub const fn too_late() -> Sentence {
    say(
        "Ya no es posible cancelar este pago: puede estar en el banco o haber concluido.",
        "This payment can no longer be cancelled: it may be at the bank, or has ended.",
    )
}
