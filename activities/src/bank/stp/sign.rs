//! STP's signature: RSA PKCS#1 v1.5 with SHA-256 over the cadena original, in one line of Base64.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use base64::{Engine, engine::general_purpose::STANDARD};

/// The library could not sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct CannotSign;

/// STP: the values joined by pipes between double pipes, the empty string for an absent one.
///
/// `None` when a value holds a pipe or a control character: it would shift the values that are signed.
pub(super) fn cadena<'a>(values: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let mut cadena = String::from("||");
    for (at, value) in values.into_iter().enumerate() {
        if value.chars().any(|letter| letter == '|' || letter.is_control()) {
            return None;
        }
        if at > 0 {
            cadena.push('|');
        }
        cadena.push_str(value);
    }
    cadena.push_str("||");
    Some(cadena)
}

/// The `firma` of a cadena; the same key and cadena always give the same one.
pub(super) fn firma(key: &KeyPair, cadena: &str) -> Result<String, CannotSign> {
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(
        &RSA_PKCS1_SHA256,
        &SystemRandom::new(),
        cadena.as_bytes(),
        &mut signature,
    )
    .map_err(|_| CannotSign)?;
    Ok(STANDARD.encode(signature))
}

#[cfg(test)]
pub(super) mod tests {
    use aws_lc_rs::signature::{
        KeyPair as _, RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey,
    };
    use pkcs8::der::SecretDocument;

    use super::*;

    /// The public half of the key that STP's public demo recordings are signed with (RSA 1024).
    const DEMO: &str = "-----BEGIN PUBLIC KEY-----
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDO6dcS4k8Sz//09ISLLCIqHjCY
NpHUbtauyu4+N3bvTOxgyX9RfC9hQ0HyL6VjcAoY67BNF1gvLPTRB0ijwMPpl2uE
yv2y1pPwxmDoH4dH0aoRrWUWzSejnfVn4NoHIchiu8umIofDFuGb/cIDnVBikKNF
BTf6HxPePUW2p35Q9wIDAQAB
-----END PUBLIC KEY-----
";

    /// Does `firma` verify over `cadena` with the demo key?
    pub(in crate::bank::stp) fn demo_verifies(cadena: &str, firma: &str) -> bool {
        let key = SecretDocument::from_pem(DEMO).expect("PEM").1;
        let signature = STANDARD.decode(firma).expect("Base64");
        UnparsedPublicKey::new(&RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, key.as_bytes())
            .verify(cadena.as_bytes(), &signature)
            .is_ok()
    }

    #[test]
    fn a_signature_verifies_over_its_cadena_only() {
        let (key, _) = crate::bank::stp::key::tests::protected("x");
        let cadena = cadena(["40072", "", "Ñandú"]).expect("a cadena");
        assert_eq!(cadena, "||40072||Ñandú||");
        let signed = firma(&key, &cadena).expect("signed");
        assert_eq!(signed.len(), 344);
        assert_eq!(firma(&key, &cadena), Ok(signed.clone()));
        let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key().as_ref().to_vec());
        let signature = STANDARD.decode(signed).expect("Base64");
        assert!(public.verify(cadena.as_bytes(), &signature).is_ok());
        assert!(public.verify(b"||40072||Nandu||", &signature).is_err());
    }

    #[test]
    fn nothing_can_shift_the_cadena() {
        for value in ["a|b", "a\nb", "a\0", "\u{85}"] {
            assert_eq!(cadena(["x", value]), None, "{value:?}");
        }
    }
}
