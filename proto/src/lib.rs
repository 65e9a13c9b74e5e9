//! What other services see: the messages of `giro.v1`, in protobuf and in canonical proto3 JSON.

mod timestamp;

pub use timestamp::Timestamp;

/// The package `giro`.
pub mod giro {
    /// Version 1.
    // Generated code answers to the .proto files, not to our lints.
    #[allow(
        clippy::all,
        clippy::float_arithmetic,
        clippy::wildcard_enum_match_arm,
        unreachable_pub,
        rust_2018_idioms
    )]
    pub mod v1 {
        include!(concat!(env!("OUT_DIR"), "/giro.v1.rs"));
        include!(concat!(env!("OUT_DIR"), "/giro.v1.serde.rs"));
    }
}

/// The encoded `FileDescriptorSet` of everything in [`giro`].
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::Timestamp;
    use super::giro::v1::{Beneficiary, CreatePayoutRequest, Evidence, PayoutEvent, PayoutState};

    fn request() -> CreatePayoutRequest {
        CreatePayoutRequest {
            account: "acc_0199d3f0a1b27c3d8e4f5a6b7c8d9e0f".to_owned(),
            amount: 99_999_999_999_999,
            currency: "MXN".to_owned(),
            beneficiary: Some(Beneficiary {
                clabe: "012180004643051249".to_owned(),
                name: "Jose Nunez".to_owned(),
                tax_id: "XAXX010101000".to_owned(),
            }),
            concept: "Pago 1".to_owned(),
            reference: 1,
        }
    }

    #[test]
    fn json_is_canonical_and_reads_back() {
        let json = serde_json::to_value(request()).expect("writes");
        assert_eq!(json["amount"], "99999999999999");
        assert_eq!(json["beneficiary"]["taxId"], "XAXX010101000");
        assert_eq!(
            serde_json::from_value::<CreatePayoutRequest>(json).expect("reads"),
            request()
        );
    }

    #[test]
    fn snake_case_and_numbers_read_too() {
        let json = r#"{"account":"acc_0199d3f0a1b27c3d8e4f5a6b7c8d9e0f","amount":99999999999999,"currency":"MXN",
            "beneficiary":{"clabe":"012180004643051249","name":"Jose Nunez","tax_id":"XAXX010101000"},
            "concept":"Pago 1","reference":"1"}"#;
        assert_eq!(
            serde_json::from_str::<CreatePayoutRequest>(json).expect("reads"),
            request()
        );
    }

    #[test]
    fn events_say_states_by_name_and_times_in_utc() {
        let event = PayoutEvent {
            payout: "po_0199d3f0a1b27c3d8e4f5a6b7c8d9e0f".to_owned(),
            sequence: 3,
            state: PayoutState::Settled.into(),
            evidence: Evidence::Paid.into(),
            occurred_at: Some(Timestamp {
                seconds: 1_775_000_000,
                nanos: 0,
            }),
            ..PayoutEvent::default()
        };
        let json = serde_json::to_value(&event).expect("writes");
        assert_eq!(json["state"], "PAYOUT_STATE_SETTLED");
        assert_eq!(json["occurredAt"], "2026-03-31T23:33:20Z");
        assert_eq!(
            PayoutEvent::decode(event.encode_to_vec().as_slice()).expect("reads"),
            event
        );
    }
}
