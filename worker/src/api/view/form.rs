//! The domain's words, ids and amounts as the OpenAPI document describes them: one schema each, made from the domain.

use activities::ledger::{outlook, rows};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        KnownFormat, Object, ObjectBuilder, RefOr, SchemaFormat,
        schema::{AnyOfBuilder, Schema, Type},
    },
};
use workflows::domain::{self, LARGEST_ORDER};

use crate::api::docs;

/// A name in the document, and its schema.
macro_rules! forms {
    ($($(#[$doc:meta])* $name:ident = $schema:expr;)+) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug)]
            pub struct $name;

            impl PartialSchema for $name {
                fn schema() -> RefOr<Schema> {
                    Schema::from($schema).into()
                }
            }

            impl ToSchema for $name {}
        )+
    };
}

forms! {
    /// A payout's id.
    PayoutId = text("^po_[0-9a-f]{32}$", "A payout, for ever.", "po_0199d3f0a1b27c3d8e4f5a6b7c8d9e0f");
    /// A transfer's id.
    TransferId = text("^tr_[0-9a-f]{32}$", "A transfer, for ever.", "tr_0199d3f0a1b27c3d8e4f5a6b7c8d9e0f");
    /// An account's id.
    CorrectionId = text(
        "^cor_[0-9a-f]{32}$",
        "A correction of the books.",
        "cor_0000000000007f94a437dca9f92b5547"
    );
    AccountId = text("^acc_[0-9a-f]{32}$", "An account of the books.", "acc_0199d3f0a1b27c3d8e4f5a6b7c8d9e0f");
    /// A received record's id.
    ReceivedId = text("^rec_[0-9a-f]{32}$", "A deposit or a return, for ever.", "rec_01a22ee6b0007ab5956f8429f2d9cb75");
    /// A movement's id.
    MovementId = text("^mv_[0-9a-f]{32}$", "A movement of the books.", "mv_0199d3f0a1b27b369f0f19375385788c");
    /// The bank's key of a payout.
    TrackingKey = text(
        "^[A-Z0-9]{1,30}$",
        "The key that the bank knows a payout by (`claveRastreo`), one for ever.",
        "GIRO19C5EFE5FJXRKN32J9SP96TTP",
    );
    /// A CLABE's last digits.
    Last4 = text("^[0-9]{4}$", "The last four digits of a CLABE.", "1249");
    /// An amount.
    Centavos = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
        .description(Some("Centavos of `currency`."))
        .examples([12_300]);
    /// A currency.
    Currency = words("Three letters after ISO 4217.", &[domain::Centavos::CURRENCY.code()]);
    /// One line of why.
    Reason = ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .max_length(Some(200))
        .pattern(Some(r"^[^\x00-\x1f\x7f-\x9f]*$"))
        .description(Some("Why, in one line of 200 characters at most that people read later, without control characters."))
        .examples(["the bank announced it by mail"]);
    /// An amount as callers write it.
    AmountGiven = number_given(LARGEST_ORDER.get(), "^[1-9][0-9]{0,13}$", "Centavos: a whole number, or its digits as a string.");
    /// A reference as callers write it.
    ReferenceGiven = number_given(9_999_999, "^[1-9][0-9]{0,6}$", "The order's `referenciaNumerica`: a whole number, or its digits as a string.");
    /// Where money that came in is.
    ReceivedState = words(
        "Where the money is: at the bank, with the customer, set apart, or in suspense.",
        &all(domain::ReceivedState::ALL, domain::ReceivedState::word),
    );
    /// Why a person should look at money that came in.
    ReceivedAttention = words(
        "Why a person should look at a deposit or a return.",
        &all(domain::ReceivedAttention::ALL, domain::ReceivedAttention::word),
    );
    /// A payout's state.
    State = words("Where a payout stands.", &all(domain::State::ALL, domain::State::word));
    /// What Banxico's portal answered.
    PortalAnswer = words("What Banxico's portal answered.", &all(domain::PortalAnswer::ALL, domain::PortalAnswer::word));
    /// Banxico's word.
    PaymentState = words("Where a payment stands in SPEI, as Banxico has it.", &all(domain::PaymentState::ALL, domain::PaymentState::word));
    /// What proves an outcome.
    Evidence = words("What proves an outcome.", &all(domain::Evidence::ALL, domain::Evidence::word));
    /// Why a person should look.
    Attention = words("Why a person should look.", &all(domain::Attention::ALL, domain::Attention::word));
    /// Why a person should look, or `any`.
    Raising = words(
        "Why a person should look at a payout itself, or `any` reason; `bank`: not at it, but at its bank.",
        &[&["any", "bank"], all(domain::Attention::ALL, domain::Attention::word).as_slice()].concat(),
    );
    /// Why payouts wait for their bank.
    Cause = words(
        "Why payouts wait for their bank: who paused it, or that it is away, or back and not asked about all of them.",
        &rows::Cause::all().map(rows::Cause::word).collect::<Vec<_>>(),
    );
    /// Everything that a person should look at.
    ListedCause = words("Why a bank keeps payouts waiting, or why payouts should be looked at one by one.", &listed_causes());
    /// A step of giro.
    Step = words("What giro does next by itself, or waits for.", &all(outlook::Step::ALL, outlook::Step::word));
    /// What people may ask for.
    Deed = words(
        "What a person may want for a payout.",
        &all(outlook::Deed::ALL, outlook::Deed::word),
    );
    /// What people say.
    Outcome = words(
        "What a person says of a payout or of what came in.",
        &all(domain::Outcome::ALL, domain::Outcome::word),
    );
    /// What a movement is.
    Leg = words(
        "What a movement is: a payout's amount, fee or IVA, what came back of them, a deposit, what people decided, a transfer.",
        &all(&rows::Kind::ALL, rows::Kind::word),
    );
    /// Whether an account takes part.
    AccountStatus = words(
        "Whether an account takes part.",
        &all(&rows::AccountStatus::ALL, rows::AccountStatus::word),
    );
    /// Who paused a bank.
    PausedBy = words("Who paused a bank.", &all(&rows::PausedBy::ALL, rows::PausedBy::word));
}

/// The reasons of money that came in, by its kind.
const RECEIVED_CAUSES: &[&str] = &[
    "deposit_deadline",
    "deposit_account_unknown",
    "deposit_account_not_open",
    "deposit_send_back_failed",
    "deposit_differs",
    "return_deadline",
    "return_account_not_open",
    "return_payout_unknown",
    "return_payout_not_paid",
    "return_second_return",
    "return_too_much",
    "return_back_again",
    "return_differs",
];

/// A bank's causes, then the reasons of payouts; a word that is both stands once.
fn listed_causes() -> Vec<&'static str> {
    let mut words: Vec<&str> = rows::Cause::all().map(rows::Cause::word).collect();
    let reasons = all(domain::Attention::ALL, domain::Attention::word);
    words.extend(reasons);
    words.extend(RECEIVED_CAUSES);
    words.extend([docs::DAY_DIFFERS, docs::BALANCE_DIFFERS]);
    let mut seen = std::collections::BTreeSet::new();
    words.retain(|word| seen.insert(*word));
    words
}

fn all<T: Copy>(words: &[T], word: fn(T) -> &'static str) -> Vec<&'static str> {
    words.iter().copied().map(word).collect()
}

fn words(what: &str, words: &[&str]) -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(what))
        .enum_values(Some(words.iter().copied()))
        .build()
}

fn text(pattern: &str, what: &str, example: &str) -> Object {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some(pattern))
        .description(Some(what))
        .examples([example])
        .build()
}

fn number_given(most: i64, digits: &str, what: &str) -> Schema {
    let number = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(1))
        .maximum(Some(most));
    let string = ObjectBuilder::new().schema_type(Type::String).pattern(Some(digits));
    AnyOfBuilder::new()
        .item(number)
        .item(string)
        .description(Some(what))
        .build()
        .into()
}
