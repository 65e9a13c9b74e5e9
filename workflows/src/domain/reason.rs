//! Why a payout failed or came back, in words that no bank owns. Shown to people; decides no money.

words! {
    /// Why a payout was not paid, or was sent back. A bank's adapter maps its own codes to these.
    FailureReason: "failure reason" {
        /// The beneficiary's account does not exist, or is not at that institution.
        AccountUnknown = "account_unknown",
        /// The beneficiary's account is blocked.
        AccountBlocked = "account_blocked",
        /// The beneficiary's account is closed.
        AccountClosed = "account_closed",
        /// The beneficiary's account number is not one.
        AccountInvalid = "account_invalid",
        /// The beneficiary's account takes no payments of this kind or currency.
        AccountTypeMismatch = "account_type_mismatch",
        /// Payer and beneficiary are the same account.
        SameAccount = "same_account",
        /// The beneficiary's institution does not take this amount.
        AmountNotAccepted = "amount_not_accepted",
        /// The beneficiary's account would pass its limit of balance or deposits.
        LimitExceeded = "limit_exceeded",
        /// The beneficiary's institution cannot be paid now.
        BeneficiaryInstitutionUnavailable = "beneficiary_institution_unavailable",
        /// The beneficiary does not recognise the payment.
        BeneficiaryDeclined = "beneficiary_declined",
        /// The payer asked for it back.
        Recalled = "recalled",
        /// The payer's account is not registered at the bank.
        PayerNotEnabled = "payer_not_enabled",
        /// A rule of the bank forbids it.
        BankRules = "bank_rules",
        /// The order itself was wrong: giro's fault, not the customer's.
        OrderInvalid = "order_invalid",
        /// It ended before it was paid, and no more is known.
        NotProcessed = "not_processed",
        /// The bank said no, and no more is known.
        BankRefused = "bank_refused",
        /// It came back, and no more is known.
        Unknown = "unknown",
    }
}
