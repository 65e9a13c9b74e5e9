//! The bank's own check of account numbers: CLABE, card and phone.

/// Whether 18 digits carry their right check digit.
pub(super) fn check_digit_is_right(clabe: &str) -> bool {
    let digits: Vec<u32> = clabe.chars().filter_map(|c| c.to_digit(10)).collect();
    let [body @ .., check] = digits.as_slice() else {
        return false;
    };
    let sum: u32 = body
        .iter()
        .zip([3, 7, 1].into_iter().cycle())
        .map(|(digit, weight)| digit * weight % 10)
        .sum();
    (10 - sum % 10) % 10 == *check
}

/// Whether the text is a CLABE in length and alphabet (the check digit is another question).
pub(super) fn has_clabe_shape(text: &str) -> bool {
    text.len() == 18 && is_digits(text)
}

/// Whether the three-digit prefix of a CLABE is that of the SPEI participant code.
pub(super) fn belongs_to(clabe: &str, institution: &str) -> bool {
    match (clabe.get(0..3), institution) {
        (Some(prefix), "2001") => prefix == "001",
        (Some(prefix), code) => code.len() >= 3 && code.ends_with(prefix),
        (None, _) => false,
    }
}

/// Whether the code looks like a SPEI participant: Banxico, the demo counterpart, or five digits of a known family.
pub(super) fn is_institution(code: &str) -> bool {
    let known = ["37", "40", "90", "91", "97"];
    matches!(code, "2001" | "846") || (code.len() == 5 && is_digits(code) && known.iter().any(|f| code.starts_with(f)))
}

/// Whether the text is a card number: 15 or 16 digits that pass Luhn.
pub(super) fn is_card(text: &str) -> bool {
    let sum: u32 = text
        .chars()
        .rev()
        .filter_map(|c| c.to_digit(10))
        .enumerate()
        .map(|(place, digit)| match (place % 2, digit * 2) {
            (0, _) => digit,
            (_, double) => double / 10 + double % 10,
        })
        .sum();
    matches!(text.len(), 15 | 16) && is_digits(text) && sum.is_multiple_of(10)
}

/// Whether the text is a ten-digit phone number.
pub(super) fn is_phone(text: &str) -> bool {
    text.len() == 10 && is_digits(text)
}

/// Whether the text holds ASCII digits only, at least one.
pub(super) fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded_clabes() {
        for good in [
            "002000000000000008",
            "002180032240946700",
            "012180004643051249",
            "012969100000000013",
            "021180063738941801",
            "032180000118359719",
            "058597000027474792",
            "072691004495711499",
            "166180026480316602",
            "646180110400000007",
            "646180157000000004",
            "646180157082332965",
            "646180204303000007",
            "723010123456789019",
            "723123456682660854",
            "723969000011000077",
            "846180000400000001",
            "846180000500000008",
            "659802025000339321",
        ] {
            assert!(has_clabe_shape(good) && check_digit_is_right(good), "{good}");
        }
        for bad in [
            "002000000000000007",
            "072691004495711490",
            "012180000000000008",
            "738969123456789120",
            "646180525503000001",
            "111180157042875763",
        ] {
            assert!(has_clabe_shape(bad) && !check_digit_is_right(bad), "{bad}");
        }
    }

    #[test]
    fn prefix_and_institution() {
        assert!(belongs_to("072691004495711499", "40072"));
        assert!(belongs_to("001000000000000000", "2001"));
        assert!(!belongs_to("072691004495711499", "40012"));
        assert!(is_institution("90646") && is_institution("2001") && !is_institution("12345"));
    }

    #[test]
    fn cards_and_phones() {
        assert!(is_card("4242424242424242") && is_card("378282246310005"));
        assert!(!is_card("4242424242424241") && !is_card("42424242"));
        assert!(is_phone("5512345678") && !is_phone("551234567a"));
    }
}
