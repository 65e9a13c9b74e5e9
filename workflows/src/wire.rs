//! What others may send to a run: its start in any form that reads, and messages whose content does not matter.

use serde::{Deserialize, Serialize};
use temporalio_common::{
    data_converters::{PayloadConversionError, SerializationContext, TemporalDeserializable, TemporalSerializable},
    protos::temporal::api::common::v1::Payload,
};

use crate::{
    contract::Arrival,
    domain::{FieldCode, FieldError, PayoutId, PayoutRequest, TransferId},
};

/// How a run starts.
#[derive(Clone, Debug)]
pub enum Start {
    /// By giro, after the request was accepted: the id, and the bank whose queue has its calls.
    Accepted(AcceptedStart),
    /// By a caller, with the request itself.
    Direct(Box<DirectStart>),
    /// By something that does not read; the run completes as refused and says why.
    Malformed(Vec<FieldError>),
}

/// A start after acceptance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AcceptedStart {
    /// The payout.
    pub payout: PayoutId,
    /// Its bank.
    pub bank: String,
}

/// A start with the request; the payout id is its idempotency key.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DirectStart {
    /// Made by the caller: a UUIDv7 of within a day of now, `po_<hex>`.
    #[serde(alias = "payoutId")]
    pub payout: PayoutId,
    /// What is asked.
    pub request: PayoutRequest,
}

impl Start {
    /// Reads JSON as any SDK writes it.
    fn from_json(bytes: &[u8]) -> Self {
        #[derive(Deserialize)]
        struct Shape {
            request: Option<serde::de::IgnoredAny>,
        }
        let direct = serde_json::from_slice::<Shape>(bytes).is_ok_and(|shape| shape.request.is_some());
        let read = if direct {
            serde_json::from_slice(bytes).map(|start| Self::Direct(Box::new(start)))
        } else {
            serde_json::from_slice(bytes).map(Self::Accepted)
        };
        read.unwrap_or_else(|error| {
            // Where it breaks, never what stands there: the result of a run is read by people who may not know a CLABE.
            let place = format!("the start does not read at line {}, column {}", error.line(), error.column());
            let mend = "send {\"payout\":\"po_…\",\"bank\":\"…\"} or {\"payout\":\"po_…\",\"request\":{…}} without other fields";
            Self::Malformed(vec![FieldError::new("", FieldCode::Malformed, format!("{place}: {mend}"))])
        })
    }
}

impl TemporalSerializable for Start {
    fn to_payload(&self, ctx: &SerializationContext<'_>) -> Result<Payload, PayloadConversionError> {
        use temporalio_common::data_converters::GenericPayloadConverter;
        match self {
            Self::Accepted(start) => ctx.converter.to_payload(ctx, start),
            Self::Direct(start) => ctx.converter.to_payload(ctx, start.as_ref()),
            Self::Malformed(errors) => ctx.converter.to_payload(ctx, errors),
        }
    }
}

impl TemporalDeserializable for Start {
    fn from_payload(ctx: &SerializationContext<'_>, payload: Payload) -> Result<Self, PayloadConversionError> {
        Self::from_payloads(ctx, vec![payload])
    }

    /// JSON that does not read is the sender's fault and ends as refused. An encoding that this worker does not know
    /// may be ours (a codec not configured): the task fails and waits for the mend.
    fn from_payloads(_: &SerializationContext<'_>, payloads: Vec<Payload>) -> Result<Self, PayloadConversionError> {
        Ok(one_json(&payloads)?.map_or_else(|error| Self::Malformed(vec![error]), Self::from_json))
    }
}

/// The JSON of the one input, or what to mend; an encoding that this worker does not know is an error.
fn one_json(payloads: &[Payload]) -> Result<Result<&[u8], FieldError>, PayloadConversionError> {
    let [payload] = payloads else {
        let mend = "send exactly one input: the start of the run";
        return Ok(Err(FieldError::new("", FieldCode::OneInput, mend)));
    };
    match payload.metadata.get("encoding").map(Vec::as_slice) {
        Some(b"json/plain" | b"json/protobuf") => Ok(Ok(&payload.data)),
        Some(b"binary/null") => Ok(Err(FieldError::new(
            "",
            FieldCode::Required,
            "send the start of the run, not null",
        ))),
        Some(_) | None => Err(PayloadConversionError::WrongEncoding),
    }
}

/// A start by giro that names one thing.
macro_rules! named {
    ($(#[$doc:meta])* $name:ident($inner:ty), $mend:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub enum $name {
            /// By giro: which.
            Of($inner),
            /// By something that does not read; the run completes and says why.
            Malformed(Vec<FieldError>),
        }

        impl TemporalSerializable for $name {
            fn to_payload(&self, ctx: &SerializationContext<'_>) -> Result<Payload, PayloadConversionError> {
                use temporalio_common::data_converters::GenericPayloadConverter;
                match self {
                    Self::Of(named) => ctx.converter.to_payload(ctx, named),
                    Self::Malformed(errors) => ctx.converter.to_payload(ctx, errors),
                }
            }
        }

        impl TemporalDeserializable for $name {
            fn from_payload(ctx: &SerializationContext<'_>, payload: Payload) -> Result<Self, PayloadConversionError> {
                Self::from_payloads(ctx, vec![payload])
            }

            fn from_payloads(_: &SerializationContext<'_>, payloads: Vec<Payload>) -> Result<Self, PayloadConversionError> {
                let malformed = |error| Self::Malformed(vec![error]);
                let mend = |_| malformed(FieldError::new("", FieldCode::Malformed, $mend));
                let read = |json: &[u8]| serde_json::from_slice(json).map_or_else(mend, Self::Of);
                Ok(one_json(&payloads)?.map_or_else(malformed, read))
            }
        }
    };
}

named! {
    /// How the run of a deposit or a return starts.
    ArrivalStart(Arrival), "send {\"received\":\"rec_…\"}"
}

/// Which transfer a run is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transfer {
    /// The transfer.
    pub transfer: TransferId,
}

named! {
    /// How the run of a transfer starts.
    TransferStart(Transfer), "send {\"transfer\":\"tr_…\"}"
}

/// Takes whatever payloads come, or none, and ignores them: a message that only says "look".
#[derive(Clone, Copy, Debug, Default)]
pub struct Anything;

impl TemporalSerializable for Anything {
    fn to_payload(&self, _: &SerializationContext<'_>) -> Result<Payload, PayloadConversionError> {
        Ok(Payload {
            metadata: [("encoding".to_owned(), b"binary/null".to_vec())].into(),
            ..Payload::default()
        })
    }
}

impl TemporalDeserializable for Anything {
    fn from_payload(_: &SerializationContext<'_>, _: Payload) -> Result<Self, PayloadConversionError> {
        Ok(Self)
    }

    fn from_payloads(_: &SerializationContext<'_>, _: Vec<Payload>) -> Result<Self, PayloadConversionError> {
        Ok(Self)
    }
}
