//! A key that the bank has already (-1): what it has is compared with the payout in company, account and amount, and only
//! an order that is ours in all of them says anything.

use anyhow::{Result, ensure};
use serde_json::Value;
use tests::{
    client::{BENEFICIARY, clabe, is},
    sim::Planted,
    stack::{PATIENCE, Stack},
};

const CENTAVOS: i64 = 12_300;

/// What the bank has by a payout's key, and where that leaves the payout.
struct Case {
    name: &'static str,
    company: &'static str,
    centavos: i64,
    account: String,
    state: &'static str,
    end: Option<&'static str>,
}

fn cases() -> Vec<Case> {
    let ours = |name, state, end| Case {
        name,
        company: "GIRO",
        centavos: CENTAVOS,
        account: BENEFICIARY.to_owned(),
        state,
        end,
    };
    let mut all = vec![
        ours("ours, paid", "LQ", Some("settled")),
        ours("ours, cancelled", "CN", Some("failed")),
    ];
    for state in ["LQ", "CN"] {
        all.push(Case {
            company: "OTRA",
            ..ours("another company", state, None)
        });
        all.push(Case {
            centavos: CENTAVOS + 1,
            ..ours("another amount", state, None)
        });
        all.push(Case {
            account: clabe(7),
            ..ours("another account", state, None)
        });
    }
    all
}

/// Seeded wrong: -1 is a refusal; a record is compared in its key alone.
#[tokio::test]
async fn a_key_that_is_taken_is_ours_only_in_every_field() -> Result<()> {
    let stack = Stack::start("taken").await?;
    let account = stack.giro.account(1, 10_000_000).await?;
    // An order that is there before the books were held against the bank's would be taken in, and never sent.
    stack.logged("worker", "the books stand").await?;
    stack.giro_command(&["bank", "pause", "stp", "--reason", "test"])?;
    let mut met = Vec::new();
    for case in cases() {
        let id = stack.giro.pay(&account, CENTAVOS).await?;
        let planted = Planted {
            clave: stack.key(&id).await?,
            empresa: case.company.to_owned(),
            monto: case.centavos,
            cuenta_beneficiario: case.account.clone(),
            estado: case.state.to_owned(),
        };
        stack.bank.plant(&planted).await?;
        met.push((case, id));
    }
    stack.giro_command(&["bank", "resume", "stp", "--reason", "test"])?;
    for (_, id) in &met {
        stack.giro.retry(id).await?;
    }
    for (case, id) in &met {
        let name = format!("{} {}", case.name, case.state);
        let payout = match case.end {
            Some(end) => stack.giro.wait(id, PATIENCE, is(end)).await?,
            None => {
                let told = |payout: &Value| payout["attention"]["reason"] == "mismatch";
                stack.giro.wait(id, PATIENCE, told).await?;
                // Past the time after which a proof that it was not paid would give the money back.
                let asked = stack.giro.answered(id, PATIENCE).await?;
                ensure!(asked.status == 200, "{name}: {asked:?}");
                stack.giro.payout(id).await?
            }
        };
        let open = payout["state"] == "sending" && payout["evidence"].is_null();
        ensure!(case.end.is_some() || open, "{name}: {payout}");
        let requests = stack.bank.requests_of(&stack.key(id).await?).await?;
        ensure!(
            requests.len() == 1 && requests[0].code == Some(-1),
            "{name}: {requests:?}"
        );
        ensure!(stack.orders(id).await?.len() == 1, "{name}: a second order");
    }
    stack.balanced().await
}
