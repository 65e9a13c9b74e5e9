//! The words of a payout: its states and their legal edges, evidence, doubt and attention.

words! {
    /// Where a payout stands. Doubt and attention stand beside the state; they are not states.
    State: "state" {
        /// The money is held; nothing has left.
        Accepted = "accepted",
        /// A send has begun; the bank may have it.
        Sending = "sending",
        /// The bank says that it has the order.
        Sent = "sent",
        /// The beneficiary's bank has the money, and the books say so.
        Settled = "settled",
        /// Proven not to have been paid; the customer has the money back.
        Failed = "failed",
        /// Taken back before anything was sent; the customer has the money back.
        Cancelled = "cancelled",
        /// Settled, and later sent back by the beneficiary's bank.
        Returned = "returned",
    }
}

impl State {
    /// The one edge table; the database holds the same and refuses the rest.
    pub const EDGES: &'static [(Self, Self)] = &[
        (Self::Accepted, Self::Sending),
        (Self::Accepted, Self::Cancelled),
        // Of what is booked between two accounts of giro's own: it is never sent.
        (Self::Accepted, Self::Settled),
        (Self::Accepted, Self::Failed),
        (Self::Sending, Self::Sending),
        (Self::Sending, Self::Accepted),
        (Self::Sending, Self::Sent),
        (Self::Sending, Self::Settled),
        (Self::Sending, Self::Failed),
        (Self::Sent, Self::Settled),
        (Self::Sent, Self::Failed),
        (Self::Settled, Self::Returned),
    ];

    /// True for a legal edge.
    pub fn may_become(self, next: Self) -> bool {
        Self::EDGES.contains(&(self, next))
    }

    /// True while the money is held and the fate is not decided.
    pub const fn is_open(self) -> bool {
        match self {
            Self::Accepted | Self::Sending | Self::Sent => true,
            Self::Settled | Self::Failed | Self::Cancelled | Self::Returned => false,
        }
    }
}

words! {
    /// What proves an outcome.
    Evidence: "evidence" {
        /// The bank refused the only request ever sent under the key.
        Refused = "refused",
        /// The bank, asked by us, says that it is paid.
        Paid = "paid",
        /// The bank, asked by us, says that it is not paid and will not be.
        NotPaid = "not_paid",
        /// The closed statements of its operating date and the next banking day do not have it.
        Absent = "absent",
        /// Two people, with a document, say that it was paid.
        TwoPeoplePaid = "two_people_paid",
        /// Two people, with a document, say that it was not paid.
        TwoPeopleNotPaid = "two_people_not_paid",
    }
}

impl Evidence {
    /// True when it says that the money left.
    pub const fn says_paid(self) -> bool {
        match self {
            Self::Paid | Self::TwoPeoplePaid => true,
            Self::Refused | Self::NotPaid | Self::Absent | Self::TwoPeopleNotPaid => false,
        }
    }

    /// True when two people decided; theirs outranks what came before.
    pub const fn is_from_people(self) -> bool {
        match self {
            Self::TwoPeoplePaid | Self::TwoPeopleNotPaid => true,
            Self::Refused | Self::Paid | Self::NotPaid | Self::Absent => false,
        }
    }
}

words! {
    /// Why a person should look at a payout.
    Attention: "attention" {
        /// The state's deadline is past; giro still asks.
        Deadline = "deadline",
        /// The bank knows an order by our key whose company, amount, account or date is not ours.
        Mismatch = "mismatch",
        /// The bank said something that its table does not have.
        UnknownWord = "unknown_word",
        /// Two pieces of evidence disagree; only two people can decide.
        Contradiction = "contradiction",
        /// There is evidence about a payout that was never sent.
        EvidenceBeforeSend = "evidence_before_send",
        /// The bank paid a payout whose money the customer already has back.
        PaidAfterRelease = "paid_after_release",
        /// Evidence came after the end and says otherwise.
        EvidenceAfterEnd = "evidence_after_end",
        /// The bank has two orders under one key.
        SecondOrder = "second_order",
        /// The bank says that the money left and came back; the received record will run the return.
        ReturnExpected = "return_expected",
        /// It came back, and its payer's account is frozen or closed: the money stands apart.
        ReturnSetApart = "return_set_apart",
    }
}

words! {
    /// What one person says of a payout, a record that came in, or the books; it counts once a second one says the same.
    Outcome: "outcome" {
        /// The beneficiary has the money.
        Paid = "paid",
        /// The beneficiary does not have it, and will not get it by this order.
        NotPaid = "not_paid",
        /// What came after the end is understood: nobody needs to look any more.
        Understood = "understood",
        /// What stands in suspense is this customer's.
        Apply = "apply",
        /// Money goes from one account of the books to another.
        Correct = "correct",
    }
}

words! {
    /// Why a request was refused for good. The same request gets the same refusal for ever.
    Refusal: "refusal" {
        /// The account does not exist, or is another caller's.
        AccountUnknown = "account_unknown",
        /// The account is frozen or closed.
        AccountNotOpen = "account_not_open",
        /// Available money is less than amount, fee and IVA.
        InsufficientFunds = "insufficient_funds",
        /// Beneficiary and payer are the same account.
        SameAccount = "same_account",
        /// The beneficiary's account, of giro's own, is frozen or closed.
        BeneficiaryNotOpen = "beneficiary_not_open",
    }
}

words! {
    /// How a payout ended, as the workflow's result and its search attribute say it.
    End: "end" {
        /// Paid.
        Settled = "settled",
        /// Not paid, money back.
        Failed = "failed",
        /// Taken back by the caller, money back.
        Cancelled = "cancelled",
        /// Paid, and later returned.
        Returned = "returned",
        /// Never accepted: nothing was held.
        Refused = "refused",
    }
}

impl End {
    /// The end that a closed state is; `None` while it is open.
    pub const fn of(state: State) -> Option<Self> {
        match state {
            State::Accepted | State::Sending | State::Sent => None,
            State::Settled => Some(Self::Settled),
            State::Failed => Some(Self::Failed),
            State::Cancelled => Some(Self::Cancelled),
            State::Returned => Some(Self::Returned),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back() {
        for state in State::ALL {
            assert_eq!(state.word().parse(), Ok(*state));
        }
        for evidence in Evidence::ALL {
            assert_eq!(evidence.word().parse(), Ok(*evidence));
        }
        for attention in Attention::ALL {
            assert_eq!(attention.word().parse(), Ok(*attention));
        }
        assert!("paid ".parse::<Evidence>().is_err());
    }

    #[test]
    fn ends_are_ends() {
        for (from, to) in State::EDGES {
            assert!(
                from.is_open() || (*from, *to) == (State::Settled, State::Returned),
                "{from} -> {to}"
            );
        }
    }
}
