//! The signing key: a passphrase-protected PKCS#8 PEM, decrypted once at start and kept only as a key pair.

use std::{fs, path::Path};

use aws_lc_rs::rsa::KeyPair;
use pkcs8::EncryptedPrivateKeyInfoRef;
use pkcs8::der::{SecretDocument, pem::PemLabel};
use secrecy::{ExposeSecret, SecretString};

use super::StpError;

/// The largest file that is read as a key; a protected RSA 8192 PEM has about 7 KiB.
const LARGEST_FILE: u64 = 64 * 1024;

/// Reads and decrypts the key; every error names the field and the fix.
pub(super) fn load(file: &Path, passphrase: &SecretString) -> Result<KeyPair, StpError> {
    let wrong = |fix: &'static str| StpError::Key {
        file: file.to_owned(),
        fix,
    };
    let unreadable = |source| StpError::KeyFile {
        file: file.to_owned(),
        source,
    };
    if fs::metadata(file).map_err(unreadable)?.len() > LARGEST_FILE {
        return Err(wrong(
            "it is larger than 64 KiB and holds no single PEM key: name the private key's file",
        ));
    }
    let pem = SecretString::from(fs::read_to_string(file).map_err(unreadable)?);
    decrypt(pem.expose_secret(), passphrase).map_err(wrong)
}

/// The key pair in `pem`, or what to do about it.
fn decrypt(pem: &str, passphrase: &SecretString) -> Result<KeyPair, &'static str> {
    let (label, document) = SecretDocument::from_pem(pem.trim_start()).map_err(
        |_| "it is no PKCS#8 PEM: convert it with `openssl pkcs8 -topk8 -v2 aes-256-cbc -in OLD.pem -out NEW.pem`",
    )?;
    if label != EncryptedPrivateKeyInfoRef::PEM_LABEL {
        return Err(
            "it is not a passphrase-protected PKCS#8 key (BEGIN ENCRYPTED PRIVATE KEY): protect it with \
             `openssl pkcs8 -topk8 -v2 aes-256-cbc -in OLD.pem -out NEW.pem`",
        );
    }
    let protected = EncryptedPrivateKeyInfoRef::try_from(document.as_bytes()).map_err(|_| {
        "its cipher is too old to be read: convert it with \
         `openssl pkcs8 -topk8 -v2 aes-256-cbc -in OLD.pem -out NEW.pem`"
    })?;
    let der = protected.decrypt(passphrase.expose_secret()).map_err(|_| {
        "it does not open: set bank.stp key_passphrase to its passphrase, or, if it was made with an old cipher, \
         convert it with `openssl pkcs8 -topk8 -v2 aes-256-cbc -in OLD.pem -out NEW.pem`"
    })?;
    KeyPair::from_pkcs8(der.as_bytes())
        .map_err(|_| "it is not an RSA key of 2048 to 8192 bits: make one and register its certificate at STP")
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::OnceLock;

    use aws_lc_rs::encoding::AsDer;
    use aws_lc_rs::rsa::KeySize;
    use pkcs8::{LineEnding, PrivateKeyInfoRef, pkcs5::pbes2::Parameters};

    use super::*;

    /// The key of this run and its PEM, protected by `passphrase`.
    pub(in crate::bank::stp) fn protected(passphrase: &str) -> (KeyPair, String) {
        // One key for all tests of a run: making one takes longer than a test.
        static DER: OnceLock<Vec<u8>> = OnceLock::new();
        let der = DER.get_or_init(|| {
            let pair = KeyPair::generate(KeySize::Rsa2048).expect("a key");
            pair.as_der().expect("DER").as_ref().to_vec()
        });
        let pair = KeyPair::from_pkcs8(der).expect("the key");
        let parameters = Parameters::generate_pbkdf2_sha256_aes256cbc(2, b"saltsalt", [7; 16]).expect("parameters");
        let info = PrivateKeyInfoRef::try_from(der.as_slice()).expect("PKCS#8");
        let document = info.encrypt_with_params(parameters, passphrase).expect("encrypted");
        let pem = document
            .to_pem(EncryptedPrivateKeyInfoRef::PEM_LABEL, LineEnding::LF)
            .expect("PEM");
        (pair, pem.to_string())
    }

    /// `pem` in a file of its own.
    pub(in crate::bank::stp) fn file(pem: &str) -> std::path::PathBuf {
        let path = std::env::temp_dir().join(format!("giro-stp-key-{}.pem", uuid::Uuid::new_v4()));
        fs::write(&path, pem).expect("a file");
        path
    }

    #[test]
    fn a_protected_key_opens_with_its_passphrase_alone() {
        let (_, pem) = protected("open sesame");
        let path = file(&pem);
        assert!(load(&path, &SecretString::from("open sesame")).is_ok());
        let refused = load(&path, &SecretString::from("wrong"))
            .expect_err("refused")
            .to_string();
        assert!(refused.contains("key_passphrase"), "{refused}");
        assert!(!refused.contains("wrong"), "{refused}");
        fs::remove_file(path).expect("gone");
    }

    #[test]
    fn other_files_say_what_to_do() {
        let (pair, _) = protected("x");
        let der = pair.as_der().expect("DER");
        let bare = SecretDocument::try_from(der.as_ref())
            .expect("DER")
            .to_pem("PRIVATE KEY", LineEnding::LF);
        for pem in [
            bare.expect("PEM").as_str(),
            "",
            "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n",
        ] {
            let fix = decrypt(pem, &SecretString::from("x")).expect_err("refused");
            assert!(fix.contains("openssl pkcs8"), "{fix}");
        }
        let missing = load(Path::new("/nowhere/key.pem"), &SecretString::from("x"))
            .expect_err("refused")
            .to_string();
        assert!(
            missing.contains("key_file") && missing.contains("/nowhere/key.pem"),
            "{missing}"
        );
    }
}
