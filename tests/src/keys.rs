//! A company's signing key: an encrypted PKCS#8 file for giro, and the public half that the bank has registered.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use anyhow::{Context, Result, anyhow};
use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der},
    rand,
    rsa::{KeyPair, KeySize},
    signature::KeyPair as _,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use pkcs8::{EncryptedPrivateKeyInfoRef, LineEnding, PrivateKeyInfoRef, der::pem::PemLabel, pkcs5::pbes2::Parameters};

/// Where both halves are.
#[derive(Clone, Debug)]
pub struct Keys {
    /// The private half, encrypted with the passphrase.
    pub private: PathBuf,
    /// The public half.
    pub public: PathBuf,
}

/// The passphrase of every key made here.
pub const PASSPHRASE: &str = "giro-dev";

/// Both halves as their files hold them.
struct Pair {
    private: String,
    public: String,
}

/// The pair of this process: a prime costs a debug program most of a second, and banks that never meet may share it.
static PAIR: Mutex<Option<Pair>> = Mutex::new(None);

/// Writes this process's key into `dir`; one that is there is kept, so that a restarted bank still knows it.
pub fn make(dir: &Path) -> Result<Keys> {
    let keys = Keys {
        private: dir.join("stp-key.pem"),
        public: dir.join("stp-public.pem"),
    };
    if keys.private.exists() && keys.public.exists() {
        return Ok(keys);
    }
    let mut made = PAIR.lock().unwrap_or_else(PoisonError::into_inner);
    let pair = match made.take() {
        Some(pair) => pair,
        None => generate()?,
    };
    let pair = made.insert(pair);
    for (file, text) in [(&keys.private, &pair.private), (&keys.public, &pair.public)] {
        std::fs::write(file, text).with_context(|| file.display().to_string())?;
    }
    Ok(keys)
}

fn generate() -> Result<Pair> {
    let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|_| anyhow!("no RSA key could be made"))?;
    let der: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| anyhow!("the key does not encode"))?;
    let (mut salt, mut vector) = ([0_u8; 16], [0_u8; 16]);
    rand::fill(&mut salt).map_err(|_| anyhow!("no randomness"))?;
    rand::fill(&mut vector).map_err(|_| anyhow!("no randomness"))?;
    let parameters = Parameters::generate_pbkdf2_sha256_aes256cbc(10_000, &salt, vector)
        .map_err(|error| anyhow!("no encryption parameters: {error}"))?;
    let info = PrivateKeyInfoRef::try_from(der.as_ref()).map_err(|error| anyhow!("the key does not read: {error}"))?;
    let sealed = info
        .encrypt_with_params(parameters, PASSPHRASE)
        .map_err(|error| anyhow!("the key does not seal: {error}"))?;
    let pem = sealed
        .to_pem(EncryptedPrivateKeyInfoRef::PEM_LABEL, LineEnding::LF)
        .map_err(|error| anyhow!("the key does not encode: {error}"))?;
    let public: PublicKeyX509Der<'_> = pair
        .public_key()
        .as_der()
        .map_err(|_| anyhow!("the key does not encode"))?;
    let lines: Vec<String> = STANDARD
        .encode(public.as_ref())
        .as_bytes()
        .chunks(64)
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .collect();
    Ok(Pair {
        private: pem.to_string(),
        public: format!(
            "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
            lines.join("\n")
        ),
    })
}
