//! STP's words, translated once: what a register answer and an order state mean, and doubt for every other word.

use crate::bank::text::fold;

/// What an answer to `ordenPago/registra` means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// STP: captured, the id is the folio.
    Accepted,
    /// A definite no to this order: not captured.
    Refused,
    /// STP -30: "Enlace Financiero" answers queries only; not captured.
    ReadOnly,
    /// Key, signature or company are not what STP has registered: it refuses everything; not captured.
    Configuration,
    /// The order may have been captured.
    Doubt,
}

/// The meaning of `resultado.id` with its `descripcionError`; total, and doubt for what the catalogue does not have.
pub(super) fn register(id: i64, text: &str) -> Verdict {
    match id {
        // STP: 1 to 8 are old refusals of the account module, no folios (7 to 10 digits): too little to tell.
        1..=8 => Verdict::Doubt,
        9.. => Verdict::Accepted,
        0 => without_a_code(&fold(text)),
        // STP: key already used for (date, institution); duplicate order. The one before may be ours.
        -1 | -2 => Verdict::Doubt,
        -30 => Verdict::ReadOnly,
        // STP: -3 key not in user catalogue, -6 company or operating institution, -14 user, -17 no user resolved,
        // -18 institution not tied to the user.
        -3 | -6 | -14 | -17 | -18 => Verdict::Configuration,
        // STP: -5 institution missing, -7 ordering account unknown, -9 institution, -10 to -13 delivery medium,
        // account type, operation type, payment type, -16 operating date, -20 amount (that bank cannot take it),
        // -21 check digit, -22 prefix is not the institution's, -23 CLABE length, -24 same account, -26 and -34
        // key characters, -31 institution cannot operate with POA, -200 money laundering prevention.
        -5 | -7 | -9 | -10 | -11 | -12 | -13 | -16 | -20 | -21 | -22 | -23 | -24 | -26 | -31 | -34 | -200 => {
            Verdict::Refused
        }
        // -100 belongs to queries; the others are gaps in the catalogue.
        _ => Verdict::Doubt,
    }
}

/// The same of an answer to `retornaOrden`. STP: -1 is "order not found" there, 0 a wrong signature. No other word of it is
/// known, and what is not known may have gone back.
pub(super) fn send_back(id: i64, text: &str) -> Verdict {
    match id {
        9.. => Verdict::Accepted,
        -1 => Verdict::Refused,
        0 if fold(text) == WRONG_SIGNATURE => Verdict::Configuration,
        _ => Verdict::Doubt,
    }
}

/// STP: id 0 of what was signed with another key.
const WRONG_SIGNATURE: &str = "error validando la firma";

/// STP: id 0 is decided by its text; "No se recibio respuesta del servicio" and unknown texts are doubt.
fn without_a_code(text: &str) -> Verdict {
    if text == WRONG_SIGNATURE {
        Verdict::Configuration
    } else if text.starts_with("el campo ") && text.contains(" es obligatorio") {
        Verdict::Refused
    } else {
        Verdict::Doubt
    }
}

/// The code of a register answer in giro's words: `stp:-20`.
pub(super) fn code(id: i64) -> String {
    format!("stp:{id}")
}

/// What an order's `estado` means for the money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StateClass {
    /// Settled.
    Paid,
    /// Settled, then returned: the money left and came back.
    CameBack,
    /// Ended before settlement.
    NotPaid,
    /// STP is at work.
    Pending,
    /// A word that the table does not have.
    Unknown,
}

/// The meaning of an `estado` code of an outbound order; total.
pub(super) fn state(word: &str) -> StateClass {
    match word {
        "LQ" | "TLQ" => StateClass::Paid,
        "D" | "RE" | "TD" => StateClass::CameBack,
        "CN" | "CL" | "CA" | "RL" | "RA" | "RB" | "EL" | "TCL" => StateClass::NotPaid,
        // CR is a refused cancellation: the order itself goes on.
        "C" | "PL" | "L" | "PA" | "A" | "E" | "EA" | "XC" | "XD" | "XR" | "TC" | "TL" | "TA" | "R" | "EP" | "EC"
        | "CR" => StateClass::Pending,
        _ => StateClass::Unknown,
    }
}

/// What an `estado` of a received order means for its money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReceivedClass {
    /// It is here.
    Here,
    /// It is on its way, or its confirmation is disputed.
    Pending,
    /// A word that the table does not have.
    Unknown,
}

/// The meaning of an `estado` code of a received order; total. STP: LQ and TLQ settled, CXO, CCE and CCO settled and on
/// the way to being confirmed; R received, CCR confirmation rejected.
pub(super) fn received(word: &str) -> ReceivedClass {
    match word {
        "LQ" | "TLQ" | "CXO" | "CCE" | "CCO" => ReceivedClass::Here,
        "R" | "CCR" => ReceivedClass::Pending,
        _ => ReceivedClass::Unknown,
    }
}

/// An `estado` in giro's words, `stp:CN`; `stp:?` for what is no short code, so that no free text leaves.
pub(super) fn state_code(word: &str) -> String {
    let short = (1..=4).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_alphanumeric());
    format!("stp:{}", if short { word } else { "?" })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every id of -250..=20 whose class is not doubt, written out apart from the table.
    #[test]
    fn every_register_code_has_its_reviewed_class() {
        let mut seen = Vec::new();
        for id in -250..=20 {
            if register(id, "") != Verdict::Doubt {
                seen.push((id, register(id, "")));
            }
        }
        let mut expected: Vec<(i64, Verdict)> = vec![
            (-200, Verdict::Refused),
            (-34, Verdict::Refused),
            (-31, Verdict::Refused),
            (-30, Verdict::ReadOnly),
            (-26, Verdict::Refused),
            (-24, Verdict::Refused),
            (-23, Verdict::Refused),
            (-22, Verdict::Refused),
            (-21, Verdict::Refused),
            (-20, Verdict::Refused),
            (-18, Verdict::Configuration),
            (-17, Verdict::Configuration),
            (-16, Verdict::Refused),
            (-14, Verdict::Configuration),
            (-13, Verdict::Refused),
            (-12, Verdict::Refused),
            (-11, Verdict::Refused),
            (-10, Verdict::Refused),
            (-9, Verdict::Refused),
            (-7, Verdict::Refused),
            (-6, Verdict::Configuration),
            (-5, Verdict::Refused),
            (-3, Verdict::Configuration),
        ];
        expected.extend((9..=20).map(|id| (id, Verdict::Accepted)));
        assert_eq!(seen, expected);
        assert_eq!(register(9_349_827, ""), Verdict::Accepted);
        assert_eq!(register(i64::MAX, ""), Verdict::Accepted);
        assert_eq!(register(i64::MIN, ""), Verdict::Doubt);
    }

    #[test]
    fn a_repeated_key_is_doubt_whatever_its_text() {
        for id in [-1, -2] {
            for text in ["", "Error validando la firma", "El campo X es obligatorio"] {
                assert_eq!(register(id, text), Verdict::Doubt, "{id} {text:?}");
            }
        }
    }

    #[test]
    fn a_zero_is_decided_by_its_text() {
        for (text, verdict) in [
            ("No se recibio respuesta del servicio", Verdict::Doubt),
            ("No se recibió respuesta del servicio", Verdict::Doubt),
            ("Error validando la firma", Verdict::Configuration),
            (" ERROR VALIDANDO LA FIRMA. ", Verdict::Configuration),
            ("No se recibio respuesta: error validando la firma", Verdict::Doubt),
            ("El campo NOMBRE DEL BENEFICIARIO es obligatorio", Verdict::Refused),
            ("El campo Institución es obligatorio.", Verdict::Refused),
            ("El campo", Verdict::Doubt),
            ("Otros", Verdict::Doubt),
            ("", Verdict::Doubt),
        ] {
            assert_eq!(register(0, text), verdict, "{text:?}");
        }
    }

    #[test]
    fn every_state_has_its_reviewed_class() {
        let table = [
            (StateClass::Paid, "LQ TLQ"),
            (StateClass::CameBack, "D RE TD"),
            (StateClass::NotPaid, "CN CL CA RL RA RB EL TCL"),
            (StateClass::Pending, "C PL L PA A E EA XC XD XR TC TL TA R EP EC CR"),
            (StateClass::Unknown, "CCO CXO CCE CCR ZZ lq LIQUIDADA"),
        ];
        for (class, words) in table {
            for word in words.split(' ') {
                assert_eq!(state(word), class, "{word}");
            }
        }
        assert_eq!(state(""), StateClass::Unknown);
        let upper = b'A'..=b'Z';
        let mut known = Vec::new();
        for first in upper.clone() {
            known.extend(
                upper
                    .clone()
                    .map(|second| String::from_utf8_lossy(&[first, second]).into_owned()),
            );
        }
        known.retain(|word| state(word) != StateClass::Unknown);
        assert_eq!(
            known.join(" "),
            "CA CL CN CR EA EC EL EP LQ PA PL RA RB RE RL TA TC TD TL XC XD XR"
        );
    }

    #[test]
    fn a_state_never_carries_free_text() {
        assert_eq!(state_code("CN"), "stp:CN");
        for word in ["", "JUAN PEREZ", "LIQUIDADA", "ñ"] {
            assert_eq!(state_code(word), "stp:?");
        }
    }
}
