//! Money that others send while the blows fall: deposits to customers and to nobody, and late returns of what was paid.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::time::{Instant, sleep};

use super::field::Field;
use crate::{
    books::Books,
    client::clabe,
    load::TURN,
    sim::{Fault, Incoming},
};

/// An account that nobody has.
const NOBODY: u32 = 999;
/// So long the bank, or the books, may be away.
const PATIENCE: Duration = Duration::from_secs(300);
const PAUSE: Duration = Duration::from_millis(300);
/// A late return, in SPEI's terms.
const LATE: u32 = 17;
/// Settled payouts that are looked through for one that may come back.
const LOOKED: i64 = 200;

/// The CLABE of it.
pub(super) fn nobody() -> String {
    clabe(NOBODY)
}

/// What comes in beside the `n`th payout, if anything does.
pub(super) async fn come(field: &Field, n: usize) -> Result<()> {
    let centavos = 10_000 + i64::try_from(n)?;
    let deposit = |account: u32| Incoming {
        monto: centavos,
        cuenta_beneficiario: clabe(account),
        ..Incoming::default()
    };
    let (name, incoming) = match n % TURN {
        2 => ("a deposit", deposit(1 + u32::try_from(n / TURN % field.accounts)?)),
        7 => ("a deposit for nobody", deposit(NOBODY)),
        12 => match returned(field).await? {
            Some(incoming) => ("a late return", incoming),
            None => return Ok(()),
        },
        _ => return Ok(()),
    };
    let incoming = Incoming {
        clave: format!("COMES{n}"),
        ..incoming
    };
    let start = Instant::now();
    // Asked again under the same key it is the same money.
    while let Err(error) = field.bank.receive(&incoming).await {
        ensure!(start.elapsed() < PATIENCE, "the bank never took {name}: {error:#}");
        sleep(PAUSE).await;
    }
    field.count(name);
    Ok(())
}

/// Half of a settled payout that came back from nowhere yet, and whose order met nothing at the bank.
async fn returned(field: &Field) -> Result<Option<Incoming>> {
    let start = Instant::now();
    loop {
        match chosen(field).await {
            Ok(chosen) => return Ok(chosen),
            Err(error) if start.elapsed() > PATIENCE => return Err(error).context("nothing can come back"),
            Err(_) => sleep(PAUSE).await,
        }
    }
}

async fn chosen(field: &Field) -> Result<Option<Incoming>> {
    let settled = Books::connect(&field.database).await?.settled(LOOKED).await?;
    for (key, amount) in settled {
        let orders = field.bank.orders_of(&key).await?;
        let is_plain = matches!(orders.as_slice(), [order] if order.estado == "LQ" && order.fault == Fault::Normal);
        if is_plain && field.comes_back(&key) {
            return Ok(Some(Incoming {
                monto: amount / 2,
                devolucion: Some(key),
                tipo_pago: LATE,
                causa: Some(3),
                ..Incoming::default()
            }));
        }
    }
    Ok(None)
}
