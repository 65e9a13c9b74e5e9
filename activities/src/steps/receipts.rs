//! The step that asks Banxico's portal for a receipt, when its turn has come.

use std::sync::Arc;

use temporalio_macros::activities;
use temporalio_sdk::activities::{ActivityContext, ActivityError};
use workflows::contract::{Turn, markers};

use crate::{
    banxico::{self, Next, Portal, Question},
    crash::{self, Point},
    failure,
    ledger::Ledger,
    meters,
};

/// Questions to Banxico. Its worker needs no credentials of a bank.
#[derive(Clone, Debug)]
pub struct BanxicoSteps {
    ledger: Ledger,
    portal: Portal,
    every_seconds: u32,
}

impl BanxicoSteps {
    /// Asks `portal`, `every_seconds` at the most, with whoever else does.
    pub fn new(ledger: Ledger, portal: Portal, every_seconds: u32) -> Self {
        Self {
            ledger,
            portal,
            every_seconds,
        }
    }
}

#[activities]
impl BanxicoSteps {
    /// Asks what is due first, once.
    #[activity(definition = markers::LookUp)]
    pub async fn look_up(self: Arc<Self>, _: ActivityContext) -> Result<Turn, ActivityError> {
        let pool = self.ledger.pool();
        let (payout, attempts, found_by) =
            match banxico::next(pool, self.every_seconds).await.map_err(failure::store)? {
                Next::Turn { payout, attempts, day } => (payout, attempts, day),
                Next::Wait(wait_seconds) => return Ok(Turn::Wait { wait_seconds }),
                Next::Nothing => return Ok(Turn::Nothing),
            };
        let row = self.ledger.payout(payout).await.map_err(failure::store)?;
        let wait_seconds = u64::from(self.every_seconds);
        let Some(question) = row.as_ref().and_then(Question::of) else {
            banxico::put_off(pool, (payout, attempts))
                .await
                .map_err(failure::store)?;
            return Ok(Turn::Wait { wait_seconds });
        };
        let day = found_by.unwrap_or_else(|| question.day(attempts));
        let answer = self.portal.ask(&question, day).await;
        crash::at(Point::LookUpBeforeAnswer, &payout);
        meters::asked_banxico(answer.said);
        let days = question.days().len();
        banxico::answered(pool, (payout, attempts), day, days, &answer)
            .await
            .map_err(failure::store)?;
        Ok(Turn::Asked {
            payout,
            said: answer.said,
            wait_seconds,
        })
    }
}
