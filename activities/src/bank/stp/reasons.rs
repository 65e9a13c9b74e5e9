//! STP's codes as reasons that people read. Display only: what a code does to money is decided in `codes`.

use workflows::domain::FailureReason;

use super::codes::{self, StateClass};

/// The reason behind a code in giro's words: `stp:-20` of a refusal, `stp:CN` of an order's end, `stp:cause_1` of a
/// return, `giro:text` of an order that giro itself could not say. Total; `bank_refused` for what no table has.
pub(in crate::bank) fn reason(code: &str) -> FailureReason {
    if code.starts_with("giro:") {
        return FailureReason::OrderInvalid;
    }
    let word = code.strip_prefix("stp:").unwrap_or_default();
    if let Some(cause) = word.strip_prefix("cause_") {
        return cause.parse().map_or(FailureReason::Unknown, returned);
    }
    match word.parse() {
        Ok(id) => refused(id),
        Err(_) => ended(word),
    }
}

/// STP: `resultado.id` of a refusal to register an order.
fn refused(id: i64) -> FailureReason {
    match id {
        // A mandatory field was missing (0 is refused for nothing else); counterparty institution missing, delivery
        // medium, operation type, payment type, operating date, characters of the key.
        0 | -5 | -10 | -12 | -13 | -16 | -26 | -34 => FailureReason::OrderInvalid,
        // The ordering account is not registered at STP.
        -7 => FailureReason::PayerNotEnabled,
        // The institution is not valid, or cannot be operated with.
        -9 | -31 => FailureReason::BeneficiaryInstitutionUnavailable,
        -11 => FailureReason::AccountTypeMismatch,
        -20 => FailureReason::AmountNotAccepted,
        // Check digit, prefix of another institution, length.
        -23..=-21 => FailureReason::AccountInvalid,
        -24 => FailureReason::SameAccount,
        // Prevention of money laundering: nobody is told more than that a rule forbids it.
        -200 => FailureReason::BankRules,
        _ => FailureReason::BankRefused,
    }
}

/// STP: the `estado` with which an order ended unpaid.
fn ended(word: &str) -> FailureReason {
    match codes::state(word) {
        StateClass::NotPaid => FailureReason::NotProcessed,
        StateClass::Paid | StateClass::CameBack | StateClass::Pending | StateClass::Unknown => {
            FailureReason::BankRefused
        }
    }
}

/// STP: `causaDevolucion`, the catalogue of SPEI.
fn returned(cause: u8) -> FailureReason {
    match cause {
        // No such account, not of that participant, telephone number not registered.
        1 | 6 | 22 => FailureReason::AccountUnknown,
        2 => FailureReason::AccountBlocked,
        3 => FailureReason::AccountClosed,
        // Other currency, other kind of account, an account that takes Banxico's payments only.
        5 | 17 | 23 => FailureReason::AccountTypeMismatch,
        13 => FailureReason::BeneficiaryDeclined,
        // Data missing, payment type, operation type, characters, additional information, optional payment type, CoDi
        // without notice, repeated key, certificate of the issuer.
        14 | 15 | 16 | 19 | 24 | 27 | 28 | 30 | 31 => FailureReason::OrderInvalid,
        18 => FailureReason::Recalled,
        // Limit of balance, of deposits in a month, no instruction to disperse above the limit.
        20 | 21 | 25 => FailureReason::LimitExceeded,
        // An agreement that protects the sender.
        26 => FailureReason::BankRules,
        _ => FailureReason::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::{super::codes::Verdict, *};

    /// One line per reason, written out apart from the tables.
    const REVIEWED: &[(&str, &str)] = &[
        ("account_unknown", "cause_1 cause_6 cause_22"),
        ("account_blocked", "cause_2"),
        ("account_closed", "cause_3"),
        ("account_invalid", "-21 -22 -23"),
        ("account_type_mismatch", "-11 cause_5 cause_17 cause_23"),
        ("same_account", "-24"),
        ("amount_not_accepted", "-20"),
        ("limit_exceeded", "cause_20 cause_21 cause_25"),
        ("beneficiary_institution_unavailable", "-9 -31"),
        ("beneficiary_declined", "cause_13"),
        ("recalled", "cause_18"),
        ("payer_not_enabled", "-7"),
        ("bank_rules", "-200 cause_26"),
        (
            "order_invalid",
            "0 -5 -10 -12 -13 -16 -26 -34 cause_14 cause_15 cause_16 cause_19 cause_24 cause_27 cause_28 cause_30 cause_31",
        ),
        ("not_processed", "CN CL CA RL RA RB EL TCL"),
        ("bank_refused", "-1 -2 -3 -4 -6 -30 -100 7 9349827 LQ D ZZ ? cn"),
        (
            "unknown",
            "cause_0 cause_4 cause_29 cause_32 cause_255 cause_256 cause_ cause_-1 cause_x",
        ),
    ];

    #[test]
    fn every_code_has_its_reviewed_reason() {
        for (expected, codes) in REVIEWED {
            for code in codes.split(' ') {
                assert_eq!(reason(&format!("stp:{code}")).word(), *expected, "{code}");
            }
        }
        let reviewed: Vec<&str> = REVIEWED.iter().map(|(reason, _)| *reason).collect();
        let all: Vec<&str> = FailureReason::ALL.iter().map(|reason| reason.word()).collect();
        assert_eq!(reviewed, all);
        assert_eq!(reason("giro:amount"), FailureReason::OrderInvalid);
        for strange in ["", "stp:", "stp", "fintoc:1"] {
            assert_eq!(reason(strange), FailureReason::BankRefused, "{strange:?}");
        }
    }

    #[test]
    fn what_stp_refuses_for_good_has_a_reason_and_nothing_else_has() {
        for id in -250..=-1 {
            let says = reason(&codes::code(id)) != FailureReason::BankRefused;
            assert_eq!(says, codes::register(id, "") == Verdict::Refused, "{id}");
        }
        assert_eq!(codes::register(0, "El campo X es obligatorio"), Verdict::Refused);
    }

    #[test]
    fn every_end_without_payment_is_not_processed() {
        for word in "CN CL CA RL RA RB EL TCL".split(' ') {
            assert_eq!(codes::state(word), StateClass::NotPaid);
            assert_eq!(reason(&codes::state_code(word)), FailureReason::NotProcessed);
        }
    }
}
