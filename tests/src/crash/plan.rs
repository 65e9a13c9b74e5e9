//! Which outcome reaches which point, who dies there, and what drives a payout to it.

use std::fmt;

use activities::crash::Point;

use crate::sim::Fault;

/// What the bank makes of a payout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// It takes the order, answers, settles, says so.
    Settles,
    /// It takes the order and closes without an answer.
    AnswerLost,
    /// It takes the order and answers 500 with a page.
    ServerError,
    /// It says no.
    Refused,
    /// It settles and tells nobody.
    WebhookLost,
    /// It settles and says that it cancelled.
    WebhookLies,
    /// It takes nothing and closes without an answer: the order has to be sent again.
    NeverTaken,
    /// It takes the order, keeps it pending, and cancels it.
    CancelledByBank,
    /// The caller takes it back before the bank hears of it.
    TakenBack,
}

impl Outcome {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Settles,
        Self::AnswerLost,
        Self::ServerError,
        Self::Refused,
        Self::WebhookLost,
        Self::WebhookLies,
        Self::NeverTaken,
        Self::CancelledByBank,
        Self::TakenBack,
    ];

    /// What the simulator is told to do.
    pub const fn fault(self) -> Fault {
        match self {
            Self::Settles | Self::TakenBack => Fault::Normal,
            Self::AnswerLost => Fault::AcceptThenDrop,
            Self::ServerError => Fault::Error500After,
            Self::Refused => Fault::Refused,
            Self::WebhookLost => Fault::LostWebhook,
            Self::WebhookLies => Fault::WebhookCnLie,
            Self::NeverTaken => Fault::DropBefore,
            Self::CancelledByBank => Fault::Cancelled,
        }
    }

    /// How such a payout ends.
    pub const fn end(self) -> &'static str {
        match self {
            Self::Settles | Self::AnswerLost | Self::ServerError => "settled",
            Self::WebhookLost | Self::WebhookLies | Self::NeverTaken => "settled",
            Self::Refused | Self::CancelledByBank => "failed",
            Self::TakenBack => "cancelled",
        }
    }

    /// Its word in reports.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Settles => "settles",
            Self::AnswerLost => "answer lost",
            Self::ServerError => "500",
            Self::Refused => "refused",
            Self::WebhookLost => "hook lost",
            Self::WebhookLies => "hook lies",
            Self::NeverTaken => "not taken",
            Self::CancelledByBank => "cancelled",
            Self::TakenBack => "taken back",
        }
    }

    /// A webhook of it comes.
    const fn is_told(self) -> bool {
        match self {
            Self::Settles | Self::AnswerLost | Self::ServerError => true,
            Self::WebhookLies | Self::NeverTaken | Self::CancelledByBank => true,
            Self::Refused | Self::WebhookLost | Self::TakenBack => false,
        }
    }

    /// The bank hears of it.
    pub(super) const fn is_sent(self) -> bool {
        !matches!(self, Self::TakenBack)
    }

    /// Nobody tells giro: it has to ask by itself, and stays open long enough to be asked about.
    const fn is_asked_about(self) -> bool {
        matches!(self, Self::WebhookLost | Self::NeverTaken)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.word())
    }
}

/// What drives a payout to a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// An account is asked for.
    Open,
    /// A payout is asked for.
    Create,
    /// A run brings its own request.
    Direct,
    /// An accepted payout's run is started.
    Run,
    /// An accepted payout is left to the sweeper.
    Sweep,
    /// A run is started, and the caller wants it back.
    Cancel,
    /// A run is started, and a person wants to know.
    Retry,
    /// People pause the bank.
    Pause,
    /// Money that comes in or stays: no payout at a bank passes it, and `beside` drives what does; where it names nothing, a
    /// story of its own.
    Beside(Option<Deed>),
}

pub(super) const fn way(point: Point) -> Way {
    match point {
        Point::OpenBeforeWrites | Point::OpenBeforeCommit | Point::OpenAfterCommit => Way::Open,
        Point::CreateBeforeAccept | Point::CreateAfterAccept | Point::CreateBeforeAnswer => Way::Create,
        Point::AcceptBeforeWrites | Point::AcceptBeforeCommit | Point::AcceptAfterCommit => Way::Create,
        Point::StartBefore | Point::StartAfter => Way::Create,
        Point::SweepAfterMark | Point::RestartBefore | Point::RestartAfter => Way::Sweep,
        Point::StepBeforeAccept | Point::StepAfterAccept => Way::Direct,
        Point::SubmitBeforeBegin | Point::SubmitAfterBegin | Point::SubmitBeforeRecord => Way::Run,
        Point::SubmitAfterRecord | Point::OrderBeforeFirstByte | Point::OrderAfterFirstByte => Way::Run,
        Point::BeginBeforeWrites | Point::BeginBeforeCommit | Point::BeginAfterCommit => Way::Run,
        Point::RecordBeforeWrites | Point::RecordBeforeCommit | Point::RecordAfterCommit => Way::Run,
        Point::WebhookBeforeInsert | Point::WebhookAfterInsert => Way::Run,
        Point::InboxAfterClaim | Point::InboxBeforeSignal | Point::InboxAfterSignal => Way::Run,
        Point::InboxAfterDone | Point::InquireBeforeRead | Point::InquireBeforeAnswer => Way::Run,
        Point::AskBeforeQuestion | Point::AskBeforeEvidence | Point::AskAfterEvidence => Way::Run,
        Point::EvidenceBeforeWrites | Point::EvidenceBeforeCommit | Point::EvidenceAfterCommit => Way::Run,
        Point::StepBeforeApply | Point::StepAfterApply => Way::Run,
        Point::ApplyBeforeWrites | Point::ApplyBeforeCommit | Point::ApplyAfterCommit => Way::Run,
        Point::OutboxBeforeWrite | Point::OutboxAfterWrite => Way::Run,
        Point::CancelBeforeCommand | Point::CancelAfterCommand => Way::Cancel,
        Point::CancelBeforeWrites | Point::CancelBeforeCommit | Point::CancelAfterCommit => Way::Cancel,
        Point::WakeBeforeSignal | Point::WakeAfterSignal => Way::Cancel,
        Point::RetryBeforeUpdate | Point::RetryBeforeAsk => Way::Retry,
        Point::RetryAfterAsk | Point::RetryAfterUpdate => Way::Retry,
        Point::BookBeforeWrites | Point::BookBeforeCommit | Point::BookAfterCommit => Way::Beside(Some(Deed::Book)),
        Point::ReceiveBeforeWrites | Point::ReceiveBeforeCommit | Point::ReceiveAfterCommit => {
            Way::Beside(Some(Deed::Receive))
        }
        Point::DepositBeforeWrites | Point::DepositBeforeCommit | Point::DepositAfterCommit => {
            Way::Beside(Some(Deed::Deposit))
        }
        Point::ReturnBeforeWrites | Point::ReturnBeforeCommit | Point::ReturnAfterCommit => {
            Way::Beside(Some(Deed::Return))
        }
        Point::CureBeforeWrites | Point::CureBeforeCommit | Point::CureAfterCommit => Way::Beside(Some(Deed::Cure)),
        Point::SendBackBeforeWrites | Point::SendBackBeforeCommit | Point::SendBackAfterCommit => {
            Way::Beside(Some(Deed::SendBack))
        }
        Point::DecideBeforeWrites | Point::DecideBeforeCommit | Point::DecideAfterCommit => {
            Way::Beside(Some(Deed::Decide))
        }
        Point::CorrectBeforeWrites | Point::CorrectBeforeCommit | Point::CorrectAfterCommit => {
            Way::Beside(Some(Deed::Correct))
        }
        Point::PauseBefore | Point::PauseAfter => Way::Pause,
        Point::CallOffAfterCommit | Point::StatusAfterCommit => Way::Beside(None),
        Point::CloseBeforeBalances | Point::LookUpBeforeAnswer => Way::Beside(None),
    }
}

/// The program that passes a point.
pub(super) const fn victim(point: Point) -> &'static str {
    match (way(point), point) {
        (_, Point::WebhookBeforeInsert | Point::WebhookAfterInsert) => "api",
        (_, Point::RetryBeforeAsk | Point::RetryAfterAsk) => "worker",
        (Way::Open | Way::Create | Way::Cancel | Way::Retry | Way::Pause, _) => "api",
        (Way::Run | Way::Direct, _) => "worker",
        (Way::Sweep, _) => "relay",
        (Way::Beside(Some(Deed::Book | Deed::Receive | Deed::Deposit | Deed::Return)), _) => "worker",
        (Way::Beside(_), _) => "api",
    }
}

/// A payout of this outcome passes this point.
const fn reaches(outcome: Outcome, point: Point) -> bool {
    match (way(point), point) {
        (Way::Beside(_), _) => false,
        // What is no payout's is shown once.
        (Way::Open | Way::Pause, _) => matches!(outcome, Outcome::Settles),
        // The run is woken only when there is something to tell it.
        (_, Point::WakeBeforeSignal | Point::WakeAfterSignal) => !outcome.is_sent(),
        (Way::Cancel, _) => true,
        (Way::Retry, _) => outcome.is_asked_about(),
        (_, Point::InquireBeforeRead | Point::InquireBeforeAnswer) => outcome.is_asked_about(),
        (_, Point::WebhookBeforeInsert | Point::WebhookAfterInsert | Point::InboxAfterClaim) => outcome.is_told(),
        (_, Point::InboxBeforeSignal | Point::InboxAfterSignal | Point::InboxAfterDone) => outcome.is_told(),
        (_, Point::AskBeforeQuestion | Point::AskBeforeEvidence | Point::AskAfterEvidence) => is_found(outcome),
        (_, Point::EvidenceBeforeWrites | Point::EvidenceBeforeCommit | Point::EvidenceAfterCommit) => {
            is_found(outcome)
        }
        (Way::Create | Way::Direct | Way::Run | Way::Sweep, _) => outcome.is_sent(),
    }
}

/// The bank has to be asked; a refusal is proof by itself.
const fn is_found(outcome: Outcome) -> bool {
    outcome.is_sent() && !matches!(outcome, Outcome::Refused)
}

/// Between the begin and its record nobody knows what the bank was told: a resend that is refused is doubt, and stays
/// open for people.
const fn leaves_doubt(cell: Cell) -> bool {
    let unknown = matches!(
        cell.point,
        Point::BeginAfterCommit
            | Point::SubmitAfterBegin
            | Point::OrderBeforeFirstByte
            | Point::OrderAfterFirstByte
            | Point::SubmitBeforeRecord
            | Point::RecordBeforeWrites
            | Point::RecordBeforeCommit
    );
    unknown && matches!(cell.outcome, Outcome::Refused)
}

/// One death: where, and of what payout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cell {
    /// Where.
    pub point: Point,
    /// Of a payout with this outcome.
    pub outcome: Outcome,
}

impl fmt::Display for Cell {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} ({})", self.point, self.outcome)
    }
}

/// Every pair that can be.
pub fn matrix(points: &[Point], outcomes: &[Outcome]) -> Vec<Cell> {
    points
        .iter()
        .flat_map(|&point| outcomes.iter().map(move |&outcome| Cell { point, outcome }))
        .filter(|cell| reaches(cell.outcome, cell.point))
        .collect()
}

/// Every point once, the outcomes by turns; none that takes a minute to come right.
pub fn once() -> Vec<Cell> {
    let quick = |cell: &Cell| !leaves_doubt(*cell) && cell.outcome != Outcome::NeverTaken;
    let turn = |(turn, point): (usize, &Point)| {
        let every = matrix(&[*point], &Outcome::ALL);
        let quick: Vec<Cell> = every.iter().copied().filter(quick).collect();
        let slow = turn == SLOW || quick.is_empty();
        let from = if slow { &every } else { &quick };
        let asked = from.iter().find(|cell| slow && cell.outcome == Outcome::NeverTaken);
        asked.copied().unwrap_or(from[turn % from.len()])
    };
    of_payouts().enumerate().map(turn).collect()
}

/// Points in the life of a payout at a bank; the others are `beside`, or have a story of their own.
pub(super) fn of_payouts() -> impl Iterator<Item = &'static Point> {
    Point::ALL
        .iter()
        .filter(|point| !matches!(way(**point), Way::Beside(_)))
}

/// What happens to money that comes in, or stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Money between two of giro's own accounts moves at its time.
    Book,
    /// A record of money that came is taken in.
    Receive,
    /// A deposit gets its place.
    Deposit,
    /// What came back reverses its payout.
    Return,
    /// People give what stands apart to a customer.
    Cure,
    /// People send a deposit back.
    SendBack,
    /// The second of two people says the same.
    Decide,
    /// The same of an order that the bank paid and the books never sent.
    DecideUnsent,
    /// The second of two people says what the books must have.
    Correct,
}

/// Whose point it is; `None`: a payout's at a bank.
pub const fn beside(point: Point) -> Option<Deed> {
    if let Way::Beside(deed) = way(point) { deed } else { None }
}

/// The one turn of `once` whose order is sent again: the first point of a send.
const SLOW: usize = 16;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_point_is_reached_and_every_outcome_has_its_turn() {
        let once = once();
        let apart = Point::ALL.iter().filter(|point| beside(**point).is_some()).count();
        let stories = Point::ALL
            .iter()
            .filter(|point| matches!(way(**point), Way::Beside(None)))
            .count();
        assert_eq!(once.len() + apart + stories, Point::ALL.len());
        assert_eq!((apart, stories), (24, 4));
        let met: BTreeSet<Outcome> = once.iter().map(|cell| cell.outcome).collect();
        assert_eq!(met.len(), Outcome::ALL.len(), "{met:?}");
        assert!(once.iter().all(|cell| reaches(cell.outcome, cell.point)));
        assert_eq!(Point::ALL[SLOW], Point::SubmitBeforeBegin);
    }

    #[test]
    fn only_refusals_are_ever_left_in_doubt() {
        let all = matrix(Point::ALL, &Outcome::ALL);
        let left: Vec<Cell> = all.into_iter().filter(|cell| leaves_doubt(*cell)).collect();
        assert_eq!(left.len(), 7);
        assert!(left.iter().all(|cell| cell.outcome == Outcome::Refused));
    }

    #[test]
    fn the_matrix_is_as_large_as_promised() {
        let all = matrix(Point::ALL, &Outcome::ALL);
        let broad = |point: &&Point| matrix(&[**point], &Outcome::ALL).len() >= 5;
        assert!(all.len() >= 300, "{}", all.len());
        assert!(Point::ALL.iter().filter(broad).count() >= 30);
    }
}
