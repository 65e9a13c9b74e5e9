//! Where a process may be made to die around the commit of a block, by command.

use super::command::{Command, Subject};
use crate::crash::{self, Point};

/// A moment in the life of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// Decided, and nothing is written.
    BeforeWrites,
    /// Written, and not committed.
    BeforeCommit,
    /// Committed, and nobody was told.
    AfterCommit,
}

/// A block passes a moment: each of its commands does.
pub(super) fn pass<'a>(moment: Moment, commands: impl Iterator<Item = &'a Command>) {
    if !cfg!(debug_assertions) {
        return;
    }
    for command in commands {
        let Some(point) = point(moment, command) else {
            continue;
        };
        match command {
            Command::Open(open) => crash::at(point, &open.account),
            Command::Accept(accept) => crash::at(point, &accept.payout),
            Command::Cancel(payout, _) | Command::Apply(payout) | Command::Book(payout) => crash::at(point, payout),
            Command::Begin(begin) => crash::at(point, &begin.payout),
            Command::Record(record) => crash::at(point, &record.payout),
            Command::Evidence(finding) => crash::at(point, &finding.payout),
            Command::Adopt(adopt) => crash::at(point, &adopt.payout),
            Command::Receive(receive) => crash::at(point, &receive.id()),
            Command::Deposit(received) => crash::at(point, received),
            Command::Return(back) => crash::at(point, &back.received),
            Command::Cure(cure) => crash::at(point, &cure.received),
            Command::SendBack(back) => crash::at(point, &back.received),
            Command::Decide(decide) => match decide.subject {
                Subject::Payout(payout) => crash::at(point, &payout),
                Subject::Received(received) => crash::at(point, &received),
            },
            Command::Correct(correct) => crash::at(point, &correct.correction()),
        }
    }
}

/// None for what is only done while a process catches up with the bank: it does all of it again at its next start.
fn point(moment: Moment, command: &Command) -> Option<Point> {
    let [before_writes, before_commit, after_commit] = match command {
        Command::Open(_) => [Point::OpenBeforeWrites, Point::OpenBeforeCommit, Point::OpenAfterCommit],
        Command::Accept(_) => [
            Point::AcceptBeforeWrites,
            Point::AcceptBeforeCommit,
            Point::AcceptAfterCommit,
        ],
        Command::Cancel(..) => [
            Point::CancelBeforeWrites,
            Point::CancelBeforeCommit,
            Point::CancelAfterCommit,
        ],
        Command::Begin(_) => [
            Point::BeginBeforeWrites,
            Point::BeginBeforeCommit,
            Point::BeginAfterCommit,
        ],
        Command::Record(_) => [
            Point::RecordBeforeWrites,
            Point::RecordBeforeCommit,
            Point::RecordAfterCommit,
        ],
        Command::Evidence(_) => [
            Point::EvidenceBeforeWrites,
            Point::EvidenceBeforeCommit,
            Point::EvidenceAfterCommit,
        ],
        Command::Apply(_) => [
            Point::ApplyBeforeWrites,
            Point::ApplyBeforeCommit,
            Point::ApplyAfterCommit,
        ],
        Command::Book(_) => [Point::BookBeforeWrites, Point::BookBeforeCommit, Point::BookAfterCommit],
        Command::Receive(_) => [
            Point::ReceiveBeforeWrites,
            Point::ReceiveBeforeCommit,
            Point::ReceiveAfterCommit,
        ],
        Command::Deposit(_) => [
            Point::DepositBeforeWrites,
            Point::DepositBeforeCommit,
            Point::DepositAfterCommit,
        ],
        Command::Return(_) => [
            Point::ReturnBeforeWrites,
            Point::ReturnBeforeCommit,
            Point::ReturnAfterCommit,
        ],
        Command::Cure(_) => [Point::CureBeforeWrites, Point::CureBeforeCommit, Point::CureAfterCommit],
        Command::SendBack(_) => [
            Point::SendBackBeforeWrites,
            Point::SendBackBeforeCommit,
            Point::SendBackAfterCommit,
        ],
        Command::Decide(_) => [
            Point::DecideBeforeWrites,
            Point::DecideBeforeCommit,
            Point::DecideAfterCommit,
        ],
        Command::Correct(_) => [
            Point::CorrectBeforeWrites,
            Point::CorrectBeforeCommit,
            Point::CorrectAfterCommit,
        ],
        Command::Adopt(_) => return None,
    };
    Some(match moment {
        Moment::BeforeWrites => before_writes,
        Moment::BeforeCommit => before_commit,
        Moment::AfterCommit => after_commit,
    })
}
