//! The adapter's statement against the simulator's own: every order of the day, over pages, and nothing of other days.

use std::time::Duration;

use activities::bank::{
    Bank, Fence, Order, Payer, Payment, Said, Submitted, What,
    stp::{Stp, StpConfig},
};
use anyhow::{Context, Result, ensure};
use clap::Parser;
use futures::{StreamExt, TryStreamExt, stream};
use jiff::{Timestamp, civil::Date};
use tests::{keys, sim};
use workflows::domain::{
    BankCalendar, BeneficiaryName, Centavos, Clabe, Concept, InstitutionCode, NumericReference, TaxId, TrackingKey,
};

/// More than the simulator shows on one page.
const ORDERS: i64 = 502;

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    options: sim::Options,
}

/// A simulator inside this process, and the adapter that speaks to it.
async fn bank(dir: &std::path::Path) -> Result<(Bank, sim::Control)> {
    let keys = keys::make(dir)?;
    let file = |name: &str| dir.join(name).display().to_string();
    let public_key = keys.public.display().to_string();
    let (journal, address) = (file("bank.journal"), file("address"));
    let arguments = [
        "bank-sim",
        "--journal",
        &journal,
        "--public-key",
        &public_key,
        "--address-file",
        &address,
    ];
    tokio::spawn(sim::serve(Arguments::try_parse_from(arguments)?.options));
    let address = loop {
        match std::fs::read_to_string(&address) {
            Ok(address) => break address,
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    };
    let address = format!("http://{}", address.trim());
    let config: StpConfig = serde_json::from_value(serde_json::json!({
        "company": "GIRO",
        "orders_url": format!("{address}/speiws/rest"),
        "queries_url": format!("{address}/efws/API"),
        "key_file": keys.private,
        "key_passphrase": keys::PASSPHRASE,
    }))?;
    Ok((Bank::Stp(Stp::new(config)?), sim::Control::new(&address)?))
}

fn order(n: i64, today: Date) -> Result<Order> {
    Ok(Order {
        tracking_key: TrackingKey::from_stored(format!("GIROSTATEMENT{n:08}")),
        operating_date: today,
        // Whole pesos: cents choose the simulator's faults.
        amount: Centavos::new(10_000 + 100 * n),
        what: What::Pay(Box::new(Payment {
            payer: Payer {
                clabe: Clabe::new("646180110400000007")?,
                name: BeneficiaryName::from_stored("Tienda"),
                tax_id: TaxId::from_stored("ND"),
            },
            clabe: Clabe::new("012180004643051249")?,
            institution: InstitutionCode::new(40012),
            beneficiary: BeneficiaryName::from_stored("Ana"),
            beneficiary_tax_id: TaxId::from_stored("ND"),
            concept: Concept::from_stored("renta"),
            reference: NumericReference::new(7).context("a reference")?,
        })),
    })
}

#[tokio::test]
async fn every_order_of_a_day_stands_on_its_statement() -> Result<()> {
    let dir = std::env::temp_dir().join(format!("giro-statement-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    let (bank, control) = bank(&dir).await?;
    let calendar = BankCalendar::builtin()?;
    let today = calendar.operating_date(Timestamp::now())?.date();
    let before = calendar.previous_banking_day(today)?;
    assert_eq!(bank.whole_statement(today, today).await?, vec![]);
    let sent = stream::iter(0..ORDERS).map(|n| {
        let bank = &bank;
        async move {
            let order = order(n, today)?;
            let (submitted, _) = bank.submit(&order, Fence::now(Duration::from_secs(60))).await;
            let Submitted::Accepted { bank_ref } = submitted else {
                anyhow::bail!("not taken: {submitted:?}");
            };
            Ok((order, bank_ref))
        }
    });
    let sent: Vec<(Order, String)> = sent.buffer_unordered(8).try_collect().await?;
    let first = bank.statement(today, today, 0).await?;
    ensure!(
        i64::from(first.total) == ORDERS && first.lines.len() < sent.len(),
        "one page is all"
    );
    control.state(sent[0].0.tracking_key.as_str(), "CN").await?;
    let lines = bank.whole_statement(today, today).await?;
    assert_eq!(lines.len(), sent.len());
    for (order, bank_ref) in &sent {
        let mut of_key = lines
            .iter()
            .filter(|line| line.tracking_key == order.tracking_key.as_str());
        let line = of_key.next().context("an order without a line")?;
        let (key, clabe) = (order.tracking_key.as_str(), order.account());
        let differs = line.differs(key, order.amount, clabe, Some(order.operating_date));
        assert_eq!(differs, Vec::<&str>::new());
        assert_eq!(line.bank_ref.as_ref(), Some(bank_ref));
        let ended = order.tracking_key == sent[0].0.tracking_key;
        assert_eq!(matches!(line.says, Said::NotPaid { .. }), ended, "{line:?}");
        assert_eq!(of_key.next(), None);
    }
    assert_eq!(bank.whole_statement(before, today).await?, vec![]);
    assert!(
        bank.statement(today, before, 0).await.is_err(),
        "a day that has not begun"
    );
    std::fs::remove_dir_all(&dir)?;
    Ok(())
}
