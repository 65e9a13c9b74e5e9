//! What whoever helps a customer reads: where the money is, what proves it, why to look, what happens next.
//!
//! The English ones are also what runs show: a text in braces is filled in by whoever knows it.

use super::{Sentence, say};
use crate::domain::{Attention, End, Evidence, FailureReason, ReceivedAttention, ReceivedState, Refusal, State};

/// Where the money is.
pub const fn money(state: State) -> Sentence {
    match state {
        State::Accepted => say(
            "apartado para el cliente; no ha salido nada",
            "held for the customer; nothing has left",
        ),
        State::Sending => say(
            "apartado; la orden puede estar en el banco",
            "held; the order may be at the bank",
        ),
        State::Sent => say("apartado; el banco tiene la orden", "held; the bank has the order"),
        State::Settled => say("con el beneficiario", "with the beneficiary"),
        State::Failed | State::Cancelled => say("de vuelta con el cliente", "back with the customer"),
        State::Returned => say(
            "devuelto por el banco del beneficiario; lo que regresó está con el cliente, o aparte si su cuenta no está abierta",
            "sent back by the beneficiary's bank; what came back is with the customer, or apart where that account is not open",
        ),
    }
}

/// Where the money is, once it has ended.
pub const fn end(end: End) -> Sentence {
    match end {
        End::Settled => money(State::Settled),
        End::Failed => money(State::Failed),
        End::Cancelled => money(State::Cancelled),
        End::Returned => money(State::Returned),
        End::Refused => say("nunca se tomó: no se apartó nada", "never taken: nothing was held"),
    }
}

/// Why a person should look, and what they can do.
pub const fn attention(reason: Attention) -> Sentence {
    match reason {
        Attention::Deadline => say(
            "tarda más de lo debido. giro sigue por sí mismo, como dice `next`; `retry` en la API pregunta ahora al banco",
            "it takes longer than it should. giro goes on by itself, as `next` says; `retry` in the API asks the bank now",
        ),
        Attention::Mismatch => say(
            "el banco tiene con esta clave una orden que no es este pago: compare ambas y decida entre dos personas",
            "the bank has an order by this key that is not this payout: compare both, then decide with two people",
        ),
        Attention::UnknownWord => say(
            "el banco usó una palabra que giro no conoce: pregunte al banco qué significa",
            "the bank used a word that giro does not know: ask the bank what it means",
        ),
        Attention::Contradiction => say(
            "dos pruebas se contradicen: nada se mueve hasta que dos personas decidan con un documento",
            "two proofs disagree: nothing moves until two people decide with a document",
        ),
        Attention::EvidenceBeforeSend => say(
            "el banco conoce un pago que giro no envió: averigüe quién lo envió",
            "the bank knows a payout that giro did not send: find out who did",
        ),
        Attention::PaidAfterRelease => say(
            "el banco pagó después de que el dinero volvió al cliente: el banco está en pausa",
            "the bank paid after the money went back to the customer: the bank is paused",
        ),
        Attention::EvidenceAfterEnd => say(
            "el banco dice ahora algo distinto que al terminar: compare con su estado de cuenta",
            "the bank now says otherwise than when this ended: compare with its statement",
        ),
        Attention::SecondOrder => say(
            "el banco tiene dos órdenes con una misma clave: está en pausa; averigüe con el banco cuál está vigente",
            "the bank has two orders under one key: it is paused; find out with the bank which one is live",
        ),
        Attention::ReturnExpected => say(
            "el dinero salió y regresó: la devolución se hace cuando el banco la registre",
            "the money left and came back: the return is made when the bank lists it",
        ),
        Attention::ReturnSetApart => say(
            "regresó, y la cuenta del pagador no está abierta: el dinero está aparte hasta que se le aplique a una cuenta",
            "it came back, and the payer's account is not open: the money stands apart until it is applied to an account",
        ),
    }
}

/// Where money that came in is.
pub const fn arrived(state: ReceivedState) -> Sentence {
    match state {
        ReceivedState::Received => say(
            "en el banco; los libros aún no le dan lugar",
            "at the bank; the books have not placed it yet",
        ),
        ReceivedState::Applied => say("con el cliente", "with the customer"),
        ReceivedState::Unapplied => say(
            "aparte: su cuenta no es de nadie, o no está abierta",
            "set apart: its account is nobody's, or not open",
        ),
        ReceivedState::Returning => say(
            "aparte; se está devolviendo a quien lo envió",
            "set apart; it is being sent back to whoever sent it",
        ),
        ReceivedState::SentBack => say("de vuelta con quien lo envió", "back with whoever sent it"),
        ReceivedState::Suspended => say(
            "en suspenso: ningún pago liquidado lo explica",
            "in suspense: no settled payout explains it",
        ),
    }
}

/// Why a person should look at money that came in, and what they can do.
pub const fn received_attention(reason: ReceivedAttention) -> Sentence {
    match reason {
        ReceivedAttention::Deadline => say(
            "tarda más de lo debido; giro sigue por sí mismo. Una devolución espera a que su pago se liquide",
            "it takes longer than it should; giro goes on by itself. A return waits until its payout is settled",
        ),
        ReceivedAttention::AccountUnknown => say(
            "nadie tiene la cuenta a la que llegó: averigüe de quién es y aplíquelo a esa cuenta, o devuélvalo",
            "nobody has the account that it is for: find out whose it is and apply it to that account, or send it back",
        ),
        ReceivedAttention::AccountNotOpen => say(
            "la cuenta a la que llegó está congelada o cerrada: aplíquelo cuando se abra, o a otra cuenta del cliente",
            "the account that it is for is frozen or closed: apply it once that is open, or to another of the customer's",
        ),
        ReceivedAttention::PayoutUnknown => say(
            "devuelve una orden que no es de ningún pago: averigüe con el banco qué orden es",
            "it returns an order that is no payout's: find out with the bank which order that is",
        ),
        ReceivedAttention::PayoutNotPaid => say(
            "devuelve un pago cuyo dinero el cliente ya tiene: averigüe con el banco si se pagó",
            "it returns a payout whose money the customer has back already: find out with the bank whether it was paid",
        ),
        ReceivedAttention::SecondReturn => say(
            "su pago ya fue devuelto por otro registro: averigüe con el banco a qué pago pertenece",
            "its payout was returned before by another record: find out with the bank which payout it belongs to",
        ),
        ReceivedAttention::TooMuch => say(
            "devuelve más de lo que se pagó: averigüe con el banco de qué es el resto",
            "it returns more than was paid: find out with the bank what the rest is of",
        ),
        ReceivedAttention::BackAgain => say(
            "un depósito que devolvimos volvió: averigüe con el banco de quién es",
            "a deposit that we sent back has come back: find out with the bank whose it is",
        ),
        ReceivedAttention::SendBackFailed => say(
            "el banco no lo devolvió: está aparte otra vez; vea por qué falló su pago de devolución",
            "the bank did not send it back: it stands apart again; see why the payout that was to send it back failed",
        ),
        ReceivedAttention::Differs => say(
            "el banco lo cuenta ahora de otro modo que cuando se registró: compare ambos con su estado de cuenta",
            "the bank now tells it otherwise than when it was booked: compare both with its statement",
        ),
    }
}

/// What proves the outcome.
pub const fn evidence(evidence: Evidence) -> Sentence {
    match evidence {
        Evidence::Refused => say(
            "el banco rechazó la única orden que se envió con la clave",
            "the bank refused the only order ever sent under the key",
        ),
        Evidence::Paid => say(
            "el banco, al preguntarle giro, dice que está pagado",
            "the bank, asked by giro, says that it is paid",
        ),
        Evidence::NotPaid => say(
            "el banco, al preguntarle giro, dice que no está pagado ni lo estará",
            "the bank, asked by giro, says that it is not paid and will not be",
        ),
        Evidence::Absent => say(
            "los estados de cuenta cerrados del banco no tienen la orden",
            "the bank's closed statements do not have the order",
        ),
        Evidence::TwoPeoplePaid => say(
            "dos personas, con un documento, dicen que se pagó",
            "two people, with a document, say that it was paid",
        ),
        Evidence::TwoPeopleNotPaid => say(
            "dos personas, con un documento, dicen que no se pagó",
            "two people, with a document, say that it was not paid",
        ),
    }
}

/// Why a payout failed or came back, and what support can do.
pub const fn reason(reason: FailureReason) -> Sentence {
    match reason {
        FailureReason::AccountUnknown => say(
            "la cuenta no existe o no es de esa institución: se necesita otra CLABE y un pago nuevo",
            "the account does not exist or is not at that institution: another CLABE and a new payout are needed",
        ),
        FailureReason::AccountBlocked => say(
            "la cuenta está bloqueada en su institución: solo su titular puede resolverlo",
            "the account is blocked at its institution: only its holder can mend that",
        ),
        FailureReason::AccountClosed => say(
            "la cuenta está cancelada: se necesita otra CLABE y un pago nuevo",
            "the account is closed: another CLABE and a new payout are needed",
        ),
        FailureReason::AccountInvalid => say(
            "el banco no acepta la CLABE, aunque su dígito verificador es correcto: revise la CLABE y el catálogo de instituciones",
            "the bank does not take the CLABE, though its check digit is right: check the CLABE and the catalogue of institutions",
        ),
        FailureReason::AccountTypeMismatch => say(
            "la cuenta no recibe este tipo de pago o moneda: se necesita otra CLABE y un pago nuevo",
            "the account takes no payments of this kind or currency: another CLABE and a new payout are needed",
        ),
        FailureReason::SameAccount => say(
            "la cuenta de origen y la de destino son la misma",
            "payer and beneficiary are the same account",
        ),
        FailureReason::AmountNotAccepted => say(
            "el banco no acepta el monto; suele ser un límite de la institución del beneficiario",
            "the bank does not take the amount; usually that is a limit of the beneficiary's institution",
        ),
        FailureReason::LimitExceeded => say(
            "la cuenta pasaría su límite de saldo o de depósitos: puede intentarse después con un pago nuevo",
            "the account would pass its limit of balance or deposits: a new payout may work later",
        ),
        FailureReason::BeneficiaryInstitutionUnavailable => say(
            "la institución del beneficiario no puede recibir pagos ahora: revise el catálogo de instituciones o intente después",
            "the beneficiary's institution cannot be paid now: check the catalogue of institutions, or try later",
        ),
        FailureReason::BeneficiaryDeclined => say(
            "el beneficiario no reconoce el pago: el cliente debe confirmar a quién paga antes de pedir otro",
            "the beneficiary does not recognise the payment: the customer should confirm whom they pay before asking for another",
        ),
        FailureReason::Recalled => say(
            "se devolvió a solicitud de quien pagó",
            "it was sent back because the payer asked for it",
        ),
        FailureReason::PayerNotEnabled => say(
            "la cuenta del cliente no está registrada en el banco: regístrela antes de pedir otro pago",
            "the customer's account is not registered at the bank: register it before asking for another payout",
        ),
        FailureReason::BankRules => say(
            "una regla del banco lo prohíbe: pase el caso a cumplimiento, no lo repita, y no dé más detalles al cliente",
            "a rule of the bank forbids it: hand it to compliance, do not repeat it, and give the customer no more details",
        ),
        FailureReason::OrderInvalid => say(
            "la orden que hizo giro estaba mal: avise a ingeniería con el código del banco",
            "the order that giro made was wrong: tell engineering, with the bank's code",
        ),
        FailureReason::NotProcessed => say(
            "terminó sin pagarse y el banco no dice más: puede intentarse con un pago nuevo",
            "it ended without payment, and the bank says no more: a new payout may work",
        ),
        FailureReason::BankRefused => say(
            "el banco dijo que no, con un código sin traducción o que ya no está a la vista: vea lo que dijo el banco",
            "the bank said no, with a code that has no translation or is no longer in sight: see what the bank said",
        ),
        FailureReason::Unknown => say(
            "regresó y el banco no dice por qué: pregúntele",
            "it came back, and the bank does not say why: ask it",
        ),
    }
}

/// Why a request was refused, and what the caller can do.
pub const fn refusal(refusal: Refusal) -> Sentence {
    match refusal {
        Refusal::AccountUnknown => say(
            "la cuenta de origen no existe o es de otro sistema: corrija `account` y use una llave nueva",
            "the paying account does not exist, or is another caller's: correct `account`, and use a new key",
        ),
        Refusal::AccountNotOpen => say(
            "la cuenta de origen está congelada o cerrada: use otra, o espere a que se abra, con una llave nueva",
            "the paying account is frozen or closed: use another, or wait until it is open, with a new key",
        ),
        Refusal::InsufficientFunds => say(
            "el disponible es menor que monto, comisión e IVA: abone a la cuenta o pida menos, con una llave nueva",
            "available money is less than amount, fee and IVA: credit the account or ask for less, with a new key",
        ),
        Refusal::BeneficiaryNotOpen => say(
            "La cuenta del beneficiario, en giro, está bloqueada o cerrada: no recibe dinero.",
            "The beneficiary's account, at giro, is frozen or closed: it takes no money.",
        ),
        Refusal::SameAccount => say(
            "la CLABE del beneficiario es la del cliente: corríjala y use una llave nueva",
            "the beneficiary's CLABE is the payer's own: correct it, and use a new key",
        ),
    }
}

words! {
    /// What happens next.
    Next: "next step" {
        /// It is being accepted.
        Accepting = "accepting",
        /// It is on its way to the bank.
        Sending = "sending",
        /// The bank's word has not come.
        Waiting = "waiting",
        /// The bank has answered.
        Answered = "answered",
        /// The bank has it and has not decided.
        Undecided = "undecided",
        /// The bank gave no answer to a person's question.
        NoAnswer = "no_answer",
        /// A person was told.
        Asking = "asking",
        /// It goes between two accounts of giro's own.
        NoBank = "no_bank",
        /// The caller asked for a later time.
        AtItsTime = "at_its_time",
        /// The bank's calendar or its own word keeps it closed.
        BankClosed = "bank_closed",
        /// It certainly did not leave.
        NotSent = "not_sent",
        /// The same, told to a person who asked.
        TriedAgain = "tried_again",
        /// The same order goes out again.
        Resends = "resends",
        /// An end follows now.
        Ends = "ends",
        /// It has ended.
        Ended = "ended",
        /// The books do not have it.
        Nowhere = "nowhere",
    }
}

impl Next {
    /// The sentence; `{seconds}` is to be filled in.
    pub const fn sentence(self) -> Sentence {
        match self {
            Self::Accepting => say(
                "se está aceptando; pregunte de nuevo en un momento",
                "it is being accepted; ask again in a moment",
            ),
            Self::Sending => say("se está enviando", "it is being sent"),
            Self::Waiting => say(
                "en espera de la palabra del banco; si no llega, giro pregunta por sí mismo",
                "waiting for the bank's word; giro asks by itself when none comes",
            ),
            Self::Answered => say("el banco respondió", "the bank has answered"),
            Self::Undecided => say(
                "el banco lo tiene y no ha decidido; giro sigue preguntando",
                "the bank has it and has not decided; giro keeps asking",
            ),
            Self::NoAnswer => say(
                "el banco no respondió a tiempo; giro sigue preguntando",
                "the bank gave no answer in time; giro keeps asking",
            ),
            Self::Asking => say("giro sigue preguntando al banco", "giro keeps asking the bank"),
            Self::NoBank => say(
                "no hay banco que preguntar: va de una cuenta propia de giro a otra, a su hora",
                "there is no bank to ask: it goes from one account of giro's own to another, at its time",
            ),
            Self::AtItsTime => say(
                "espera la hora pedida: {time}, hora del centro de México",
                "it waits for the time that was asked for: {time}, Mexico City",
            ),
            Self::BankClosed => say(
                "el banco está cerrado hasta {time}, hora del centro de México; después giro le entrega la orden",
                "bank closed until {time}, Mexico City; giro hands it the order then",
            ),
            Self::NotSent => say(
                "no se envió: se intenta de nuevo dentro de {seconds} s",
                "not sent: tried again within {seconds} s",
            ),
            Self::TriedAgain => say(
                "no se envió nada: se intenta en {seconds} s",
                "nothing was sent: tried in {seconds} s",
            ),
            Self::Resends => say(
                "el banco no lo conoce: giro envía ahora la misma orden otra vez",
                "the bank does not know it: giro sends the same order again now",
            ),
            Self::Ends => say(
                "el resultado está probado: termina ahora",
                "the outcome is proven: it ends now",
            ),
            Self::Ended => say("nada: ya terminó", "nothing: it has ended"),
            Self::Nowhere => say("los libros no tienen ese pago", "the books have no such payout"),
        }
    }
}

words! {
    /// Why something may not be done.
    WhyNot: "why not" {
        /// Sent again: the bank would take a second order under the same key.
        BankTakesRepeats = "bank_takes_repeats",
        /// Sent again: it sends a deposit back, which a bank may do twice.
        SendsBack = "sends_back",
        /// Sent again: the bank's day is over.
        DayIsOver = "day_is_over",
        /// Sent again: the bank may still come to know it.
        TooEarly = "too_early",
        /// Taken back: it may be at the bank, or has ended.
        TooLate = "too_late",
    }
}

impl WhyNot {
    /// The sentence; `{times}` and `{seconds}` are to be filled in.
    pub const fn sentence(self) -> Sentence {
        match self {
            Self::BankTakesRepeats => say(
                "no se envía de nuevo: este banco no rechaza una clave repetida; giro sigue preguntando",
                "not sent again: this bank does not refuse a repeated key; giro keeps asking",
            ),
            Self::SendsBack => say(
                "no se envía de nuevo: un banco podría devolver dos veces lo mismo; giro sigue preguntando, y dos personas pueden cerrarlo",
                "not sent again: a bank might send the same money back twice; giro keeps asking, and two people may end it",
            ),
            Self::DayIsOver => say(
                "no se envía de nuevo: su fecha de operación terminó; lo cierran los estados de cuenta o dos personas",
                "not sent again: its operating date is over; closed statements or two people end it",
            ),
            Self::TooEarly => say(
                "no se envía de nuevo hasta que el banco diga dos veces que no lo conoce (van {times}), desde {seconds} s después del envío; giro sigue preguntando",
                "not sent again before the bank has twice not known it ({times} so far), from {seconds} s after the send; giro keeps asking",
            ),
            Self::TooLate => say(
                "Puede estar en el banco, o ya terminó. No se cambió nada.",
                "It may be at the bank, or has ended. Nothing was changed.",
            ),
        }
    }
}
