//! The words of receipts (CEP): what Banxico's portal answers, and where it says a payment stands.

words! {
    /// What an answer of Banxico's portal is.
    PortalAnswer: "portal answer" {
        /// The receipt.
        Receipt = "receipt",
        /// It has the payment, and no receipt of it yet, or none ever: its state says which.
        NoReceipt = "no_receipt",
        /// It has no such payment on that day.
        NotFound = "not_found",
        /// It was asked too often.
        TooMany = "too_many",
        /// A page that does not read.
        Unclear = "unclear",
        /// None came.
        Silent = "silent",
    }
}

words! {
    /// Where a payment stands in SPEI, as Banxico's portal has it.
    PaymentState: "payment state" {
        /// SPEI has it and has not settled it. Banxico: "En proceso".
        Processing = "processing",
        /// Banxico: "Liquidado".
        Settled = "settled",
        /// By the bank that sent it, before it was settled. Banxico: "Cancelado".
        Cancelled = "cancelled",
        /// By SPEI. Banxico: "Rechazado".
        Rejected = "rejected",
        /// Its return is not settled yet. Banxico: "En proceso de devolución".
        Returning = "returning",
        /// Banxico: "Devuelto", and "Retornado" of a later day.
        Returned = "returned",
        /// It waited until the day's close and was dropped. Banxico: "No liquidado".
        NotSettled = "not_settled",
        /// A word that is not in Banxico's list.
        Unknown = "unknown",
    }
}

impl PaymentState {
    /// True where a receipt may still come.
    pub const fn may_have_a_receipt(self) -> bool {
        match self {
            Self::Processing | Self::Settled | Self::Returning | Self::Unknown => true,
            Self::Cancelled | Self::Rejected | Self::Returned | Self::NotSettled => false,
        }
    }
}
