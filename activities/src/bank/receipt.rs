//! The receipt of a paid order (Banxico's CEP), read from what the bank answered: for people, never for money.

use reqwest::Url;

use super::{stp, text::fold};

/// Where a receipt is, and whose account the beneficiary's bank has confirmed.
#[derive(Clone, PartialEq, Eq)]
pub struct Receipt {
    /// At Banxico, over https.
    pub url: Option<String>,
    /// The account holder's name, as the beneficiary's bank has it.
    pub name: Option<String>,
}

/// The type's name only: the name is a person's, and the address leads to it.
impl std::fmt::Debug for Receipt {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Receipt")
    }
}

/// The code of a bank in SPEI: who sends its orders.
pub fn institution(bank: &str) -> Option<u32> {
    match bank {
        stp::NAME => stp::INSTITUTION.parse().ok(),
        _ => None,
    }
}

/// The receipt in a bank's answer about the order with this key; `None` while the beneficiary's bank has not confirmed.
pub fn receipt(bank: &str, status: u16, body: &[u8], key: &str) -> Option<Receipt> {
    match bank {
        stp::NAME => stp::receipt(status, body, key),
        _ => None,
    }
}

/// An address of Banxico's, as it stands; a link to anywhere else is none.
pub(super) fn at_banxico(url: &str) -> Option<String> {
    const LONGEST: usize = 2_000;
    let read = Url::parse(url).ok().filter(|_| url.len() <= LONGEST)?;
    let is_theirs = matches!(read.host_str(), Some("www.banxico.org.mx" | "banxico.org.mx"));
    (read.scheme() == "https" && is_theirs && read.username().is_empty()).then(|| read.to_string())
}

/// True when two names are of one person, as banks write them: whatever the case, accents, punctuation and order of words;
/// the shorter may be cut where a bank cuts.
pub fn same_person(one: &str, other: &str) -> bool {
    const CUT: usize = 30;
    let words = |name: &str| {
        let folded = fold(name);
        let mut words: Vec<String> = folded
            .split(|letter: char| !letter.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect();
        let whole = words.join(" ");
        words.sort_unstable();
        (words, whole)
    };
    let ((one, first), (other, second)) = (words(one), words(other));
    let (short, long) = if first.len() < second.len() {
        (first, second)
    } else {
        (second, first)
    };
    one == other || (short.len() >= CUT && long.starts_with(&short))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_is_banxicos_or_none() {
        let theirs = "https://www.banxico.org.mx/cep/go?i=90646&s=20190617&d=abc";
        assert_eq!(at_banxico(theirs).as_deref(), Some(theirs));
        for other in [
            "http://www.banxico.org.mx/cep/go?i=1",
            "https://www.banxico.org.mx.evil.example/cep",
            "https://evil.example/?https://www.banxico.org.mx",
            "https://www.banxico.org.mx@evil.example/cep",
            "https://x@www.banxico.org.mx/cep",
            "javascript:alert(1)",
            "",
        ] {
            assert_eq!(at_banxico(other), None, "{other}");
        }
    }

    #[test]
    fn one_person_is_written_in_many_ways() {
        for (one, other, same) in [
            ("José Núñez López", "JOSE NUNEZ LOPEZ", true),
            ("Jose Nunez Lopez", "NUNEZ LOPEZ, JOSE", true),
            ("Jose Nunez Lopez", "Jose Nunez", false),
            ("Maria Beltran Soto", "PEDRO PARAMO RULFO", false),
            (
                "COMERCIALIZADORA DE PRODUCTOS DEL NORTE SA DE CV",
                "Comercializadora de Productos del Norte",
                true,
            ),
            ("Ana", "", false),
        ] {
            assert_eq!(same_person(one, other), same, "{one} and {other}");
        }
    }
}
