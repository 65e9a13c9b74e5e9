//! The words of a received record: money that the bank says came in, as a deposit or as the return of a payout.

words! {
    /// What a received record is.
    ReceivedKind: "received kind" {
        /// Somebody pays an account of giro's.
        Deposit = "deposit",
        /// A payout's money comes back.
        Return = "return",
    }
}

impl ReceivedKind {
    /// What a SPEI payment type (`tipoPago`) brings. SPEI: 0, 16, 17, 18, 23 and 24 return an order of ours, and are
    /// never a deposit.
    pub const fn of(payment_type: u16) -> Self {
        match payment_type {
            0 | 16 | 17 | 18 | 23 | 24 => Self::Return,
            _ => Self::Deposit,
        }
    }
}

words! {
    /// Where the money of a received record is.
    ReceivedState: "received state" {
        /// The bank has it; the books have not placed it yet.
        Received = "received",
        /// With the customer that it is for.
        Applied = "applied",
        /// Set apart: its account is nobody's, frozen or closed.
        Unapplied = "unapplied",
        /// Being sent back, by a payout of its own.
        Returning = "returning",
        /// Sent back.
        SentBack = "sent_back",
        /// In suspense: a return that no settled payout explains.
        Suspended = "suspended",
    }
}

impl ReceivedState {
    /// The one edge table; the database holds the same and refuses the rest.
    pub const EDGES: &'static [(Self, Self)] = &[
        (Self::Received, Self::Applied),
        (Self::Received, Self::Unapplied),
        (Self::Received, Self::Suspended),
        (Self::Unapplied, Self::Applied),
        (Self::Unapplied, Self::Returning),
        (Self::Returning, Self::SentBack),
        (Self::Returning, Self::Unapplied),
        // By two people, with a document.
        (Self::Suspended, Self::Applied),
    ];

    /// True for a legal edge.
    pub fn may_become(self, next: Self) -> bool {
        Self::EDGES.contains(&(self, next))
    }
}

words! {
    /// Why a person should look at a received record.
    ReceivedAttention: "received attention" {
        /// It was not placed in time; giro goes on.
        Deadline = "deadline",
        /// Nobody has the account that it is for.
        AccountUnknown = "account_unknown",
        /// The account that it is for is frozen or closed.
        AccountNotOpen = "account_not_open",
        /// It returns an order that is no payout's.
        PayoutUnknown = "payout_unknown",
        /// It returns a payout whose money the customer already has back.
        PayoutNotPaid = "payout_not_paid",
        /// The payout was returned before, by another record.
        SecondReturn = "second_return",
        /// It returns more than was paid.
        TooMuch = "too_much",
        /// What giro sent back came back once more.
        BackAgain = "back_again",
        /// Its bank did not take it back.
        SendBackFailed = "send_back_failed",
        /// The bank told it a second time, and otherwise.
        Differs = "differs",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_returns_an_order_is_never_a_deposit() {
        let returns: Vec<u16> = (0..=40)
            .filter(|number| ReceivedKind::of(*number) == ReceivedKind::Return)
            .collect();
        assert_eq!(returns, [0, 16, 17, 18, 23, 24]);
    }

    #[test]
    fn every_word_reads_back() {
        for state in ReceivedState::ALL {
            assert_eq!(state.word().parse(), Ok(*state));
        }
        for reason in ReceivedAttention::ALL {
            assert_eq!(reason.word().parse(), Ok(*reason));
        }
        for kind in ReceivedKind::ALL {
            assert_eq!(kind.word().parse(), Ok(*kind));
        }
    }
}
