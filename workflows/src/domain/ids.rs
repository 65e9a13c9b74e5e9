//! Identities: prefixed ids for people, UUIDs in the books, and the tracking key that the bank knows a payout by.

use std::{fmt, str::FromStr};

use jiff::{civil::Date, tz::TimeZone};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::Centavos;

/// Why a text is not an id: it lacks the prefix, or what follows is not 32 lower-case hex digits.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {prefix}_ and 32 lower-case hex digits")]
pub struct NotAnId {
    prefix: &'static str,
}

macro_rules! prefixed {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps the UUID that the books use.
            pub const fn new(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID that the books use.
            pub const fn uuid(self) -> Uuid {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(out, concat!($prefix, "_{}"), self.0.simple())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, out)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                let wrong = NotAnId { prefix: $prefix };
                let hex = text.strip_prefix(concat!($prefix, "_")).ok_or(wrong.clone())?;
                if hex.len() != 32 || !hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
                    return Err(wrong);
                }
                Uuid::try_parse(hex).map(Self).map_err(|_| wrong)
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = NotAnId;

            fn try_from(text: String) -> Result<Self, NotAnId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.to_string()
            }
        }
    };
}

prefixed! {
    /// One payout, for ever: a UUIDv7, written `po_<hex>`.
    PayoutId, "po"
}
prefixed! {
    /// One transfer between two accounts of giro's own, written `tr_<hex>`: in the books a payout that is booked.
    TransferId, "tr"
}
prefixed! {
    /// One account of the books, written `acc_<hex>`.
    AccountId, "acc"
}
prefixed! {
    /// One movement of the books, written `mv_<hex>`.
    MovementId, "mv"
}

prefixed! {
    /// One record of money that came in at a bank, written `rec_<hex>`.
    ReceivedId, "rec"
}

prefixed! {
    /// One correction of the books by people, written `cor_<hex>`.
    CorrectionId, "cor"
}

impl CorrectionId {
    /// Made of what a correction says: which account it debits, which it credits, how many centavos, by which document. Two
    /// people who say the same name the same one, and the same document moves the same money once. In UUIDv7 shape, at time 0.
    pub fn derive(debit: AccountId, credit: AccountId, amount: Centavos, document: &str) -> Self {
        let mut hash = Sha256::new();
        for part in [
            debit.to_string(),
            credit.to_string(),
            amount.get().to_string(),
            document.to_owned(),
        ] {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        Self(Uuid::from_bytes(stamped(&[0; 6], &hash.finalize())))
    }
}

impl PayoutId {
    /// Milliseconds since 1970 (UTC) inside a UUIDv7; `None` for any other UUID.
    pub fn milliseconds(self) -> Option<u64> {
        (self.0.get_version_num() == 7).then(|| {
            let (seconds, nanos) = self.0.get_timestamp().map_or((0, 0), |stamp| stamp.to_unix());
            seconds * 1_000 + u64::from(nanos) / 1_000_000
        })
    }

    /// The id of the workflow that drives this payout: `payout-<id>`.
    pub fn workflow_id(self) -> String {
        format!("payout-{self}")
    }
}

impl TransferId {
    /// The payout that it is in the books.
    pub const fn payout(self) -> PayoutId {
        PayoutId(self.0)
    }

    /// The id of the workflow that drives this transfer: `transfer-<id>`.
    pub fn workflow_id(self) -> String {
        format!("transfer-{self}")
    }
}

impl From<PayoutId> for TransferId {
    fn from(payout: PayoutId) -> Self {
        Self(payout.0)
    }
}

impl ReceivedId {
    /// Made of what a record is known by: bank, operating date, sending institution and tracking key, and nothing else.
    /// Whoever reads the record, and however often, it is the same row. In UUIDv7 shape, by the midnight (UTC) that its
    /// operating date begins with.
    pub fn derive(bank: &str, operating_date: Date, sender: u32, tracking_key: &str) -> Self {
        let mut hash = Sha256::new();
        for part in [bank, &operating_date.to_string(), &sender.to_string(), tracking_key] {
            hash.update(part.as_bytes());
            hash.update([0]);
        }
        let midnight = operating_date
            .to_zoned(TimeZone::UTC)
            .map_or(0, |at| at.timestamp().as_millisecond());
        let milliseconds = u64::try_from(midnight).unwrap_or_default().to_be_bytes();
        Self(Uuid::from_bytes(stamped(&milliseconds[2..], &hash.finalize())))
    }

    /// The id of the workflow that drives a return: `return-<bank>-<id>`.
    pub fn return_workflow_id(self, bank: &str) -> String {
        format!("return-{bank}-{self}")
    }
}

/// Six bytes of time, then a hash, in UUIDv7 shape.
fn stamped(milliseconds: &[u8], digest: &[u8]) -> [u8; 16] {
    let mut bytes = [0_u8; 16];
    bytes[..6].copy_from_slice(milliseconds);
    bytes[6..].copy_from_slice(&digest[..10]);
    bytes[6] = (bytes[6] & 0x0f) | 0x70;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    bytes
}

impl MovementId {
    /// The id of leg `ordinal` of `step` of `subject` (a UUIDv7): its milliseconds, then a hash, in UUIDv7 shape.
    ///
    /// It depends on nothing else, so the primary key allows each leg once, whoever asks and however often.
    pub fn derive(subject: Uuid, step: &str, ordinal: u8) -> Self {
        let mut hash = Sha256::new();
        hash.update(subject.as_bytes());
        hash.update([0]);
        hash.update(step.as_bytes());
        hash.update([0, ordinal]);
        Self(Uuid::from_bytes(stamped(&subject.as_bytes()[..6], &hash.finalize())))
    }
}

/// The key the bank knows a payout by (`claveRastreo`): 29 characters of `[A-Z0-9]`, the same for every send.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TrackingKey(String);

/// The first four characters of every key of ours.
const KEY_PREFIX: &str = "GIRO";

impl TrackingKey {
    /// Derived from the payout id alone, so that no retry, reset or second worker can mint another:
    /// a prefix and 128 bits of SHA-256 in 25 base-36 digits.
    pub fn derive(payout: PayoutId) -> Self {
        let digest = Sha256::digest(payout.0.as_bytes());
        let mut number = digest[..16]
            .iter()
            .fold(0_u128, |sum, byte| (sum << 8) | u128::from(*byte));
        let mut digits = [b'0'; 25];
        for digit in digits.iter_mut().rev() {
            let next = u8::try_from(number % 36).unwrap_or_default();
            *digit = if next < 10 { b'0' + next } else { b'A' + next - 10 };
            number /= 36;
        }
        Self(format!("{KEY_PREFIX}{}", String::from_utf8_lossy(&digits)))
    }

    /// A key as the books or a bank wrote it.
    pub fn from_stored(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TrackingKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl fmt::Debug for TrackingKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_id_reads_back_and_nothing_else_does(bits: u128) {
            let id = PayoutId::new(Uuid::from_u128(bits));
            prop_assert_eq!(id.to_string().parse::<PayoutId>(), Ok(id));
            prop_assert!(id.to_string().parse::<AccountId>().is_err());
            prop_assert!(id.to_string().to_uppercase().parse::<PayoutId>().is_err());
        }

        #[test]
        fn a_key_is_a_function_of_the_payout(bits: u128) {
            let id = PayoutId::new(Uuid::from_u128(bits));
            let key = TrackingKey::derive(id);
            prop_assert_eq!(&key, &TrackingKey::derive(id));
            prop_assert_eq!(key.as_str().len(), 29);
            prop_assert!(key.as_str().bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()));
        }

        #[test]
        fn movement_ids_keep_the_time_and_differ_by_step_and_leg(bits: u128) {
            let subject = Uuid::from_u128(bits);
            let first = MovementId::derive(subject, "resolve", 0);
            let uuid = first.uuid();
            prop_assert_eq!(&uuid.as_bytes()[..6], &subject.as_bytes()[..6]);
            prop_assert_eq!(uuid.get_version_num(), 7);
            prop_assert_ne!(first, MovementId::derive(subject, "resolve", 1));
            prop_assert_ne!(first, MovementId::derive(subject, "return", 0));
        }
    }

    #[test]
    fn the_recipe_never_changes() {
        // Keys live at the bank and movement ids in the books: a changed recipe would pay twice.
        let id: PayoutId = "po_0199d3f0a1b27c3d8e4f5a6b7c8d9e0f".parse().expect("an id");
        assert_eq!(TrackingKey::derive(id).as_str(), "GIRO19C5EFE5FJXRKN32J9SP96TTP");
        assert_eq!(
            MovementId::derive(id.uuid(), "resolve", 0).to_string(),
            "mv_0199d3f0a1b27b369f0f19375385788c"
        );
        let day = jiff::civil::date(2026, 12, 1);
        let received = ReceivedId::derive("stp", day, 40_012, "NU39/0-1");
        assert_eq!(received.to_string(), "rec_01a22ee6b0007ab5956f8429f2d9cb75");
        let others = [
            ReceivedId::derive("fintoc", day, 40_012, "NU39/0-1"),
            ReceivedId::derive("stp", jiff::civil::date(2026, 12, 2), 40_012, "NU39/0-1"),
            ReceivedId::derive("stp", day, 40_072, "NU39/0-1"),
            ReceivedId::derive("stp", day, 40_012, "NU39/0-2"),
        ];
        assert!(!others.contains(&received));
        let (one, other): (AccountId, AccountId) = (Uuid::from_u128(1).into(), Uuid::from_u128(2).into());
        let correction =
            |debit, credit, amount, document| CorrectionId::derive(debit, credit, Centavos::new(amount), document);
        let said = correction(one, other, 116_000, "invoice A-991");
        assert_eq!(said.to_string(), "cor_0000000000007f94a437dca9f92b5547");
        let others = [
            correction(other, one, 116_000, "invoice A-991"),
            correction(one, other, 116_001, "invoice A-991"),
            correction(one, other, 116_000, "invoice A-992"),
        ];
        assert!(!others.contains(&said));
    }
}
