//! `google.protobuf.Timestamp` with the JSON that proto3 asks for: RFC 3339, in UTC, ending in `Z`.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};

/// An instant: seconds and nanoseconds since 1970 (UTC), on the wire as `google.protobuf.Timestamp`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, prost::Message)]
pub struct Timestamp {
    /// Whole seconds, below zero before 1970.
    #[prost(int64, tag = "1")]
    pub seconds: i64,
    /// 0 to 999,999,999, counted forward from `seconds`.
    #[prost(int32, tag = "2")]
    pub nanos: i32,
}

impl From<jiff::Timestamp> for Timestamp {
    fn from(at: jiff::Timestamp) -> Self {
        let nanos = at.as_nanosecond();
        Self {
            seconds: i64::try_from(nanos.div_euclid(1_000_000_000)).unwrap_or_default(),
            nanos: i32::try_from(nanos.rem_euclid(1_000_000_000)).unwrap_or_default(),
        }
    }
}

/// Error: outside the years that jiff knows.
impl TryFrom<Timestamp> for jiff::Timestamp {
    type Error = jiff::Error;

    fn try_from(at: Timestamp) -> Result<Self, jiff::Error> {
        Self::new(at.seconds, at.nanos)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let at = jiff::Timestamp::try_from(*self).map_err(ser::Error::custom)?;
        serializer.collect_str(&at)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Rfc3339;

        impl de::Visitor<'_> for Rfc3339 {
            type Value = Timestamp;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an RFC 3339 time such as 2026-04-01T17:50:00Z")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Timestamp, E> {
                let at: jiff::Timestamp = text
                    .parse()
                    .map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))?;
                Ok(at.into())
            }
        }

        deserializer.deserialize_str(Rfc3339)
    }
}

#[cfg(test)]
mod tests {
    use super::Timestamp;

    #[test]
    fn instants_read_back_in_utc() {
        for (json, seconds, nanos) in [
            (r#""2026-04-01T17:50:00Z""#, 1_775_065_800, 0),
            (r#""1970-01-01T00:00:00.5Z""#, 0, 500_000_000),
            (r#""1969-12-31T23:59:59.5Z""#, -1, 500_000_000),
        ] {
            let at: Timestamp = serde_json::from_str(json).expect("reads");
            assert_eq!((at.seconds, at.nanos), (seconds, nanos));
            assert_eq!(serde_json::to_string(&at).expect("writes"), json);
        }
        let offset: Timestamp = serde_json::from_str(r#""2026-04-01T11:50:00-06:00""#).expect("reads");
        assert_eq!(offset.seconds, 1_775_065_800);
        for json in [r#""2026-04-01""#, "1", r#""soon""#] {
            assert!(serde_json::from_str::<Timestamp>(json).is_err(), "{json}");
        }
    }
}
