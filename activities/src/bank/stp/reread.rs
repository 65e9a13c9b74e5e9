//! Stored exchanges, read again by who audits: which order was meant, and what the answer said.

use serde::Deserialize;
use serde_json::value::RawValue;
use workflows::domain::Centavos;

use super::{
    Stp, judge,
    order::{Fields, aaaammdd},
    record::{no_answer, object, read_order, scalar},
};
use crate::bank::text::centavos;
use crate::bank::{Exchange, Found, NotSent, Order, Submitted, What};

/// What names an order in what was sent, registration or question.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Named<'a> {
    #[serde(borrow, default)]
    empresa: Option<&'a RawValue>,
    #[serde(borrow, default)]
    clave_rastreo: Option<&'a RawValue>,
    /// Of what sends a deposit back, whose own key `claveRastreo` is.
    #[serde(borrow, default)]
    clave_rastreo_devolucion: Option<&'a RawValue>,
    #[serde(borrow, default)]
    fecha_operacion: Option<&'a RawValue>,
    #[serde(borrow, default)]
    monto: Option<&'a RawValue>,
    #[serde(borrow, default)]
    cuenta_beneficiario: Option<&'a RawValue>,
}

impl Stp {
    /// True when a registration that was sent is this order; an order that cannot be said was never sent.
    pub(in crate::bank) fn registers(&self, order: &Order, sent: &[u8]) -> bool {
        if sent.is_empty() {
            return true;
        }
        let amount = |raw| scalar(Some(raw)).and_then(|text| centavos(&text));
        object(sent).is_some_and(|named: Named<'_>| {
            let is = |field: Option<&RawValue>, ours: &str| scalar(field).as_deref() == Some(ours);
            let on = |date| move |raw| scalar(Some(raw)).as_deref() == Some(&aaaammdd(date));
            let is_order = match &order.what {
                What::Pay(payment) => {
                    is(named.clave_rastreo, order.tracking_key.as_str())
                        && named.clave_rastreo_devolucion.is_none()
                        && is(named.cuenta_beneficiario, payment.clabe.as_str())
                        && named.fecha_operacion.is_none_or(on(order.operating_date))
                }
                What::SendBack(deposit) => {
                    is(named.clave_rastreo_devolucion, order.tracking_key.as_str())
                        && is(named.clave_rastreo, &deposit.tracking_key)
                        && named.fecha_operacion.is_some_and(on(deposit.operating_date))
                }
            };
            is_order
                && is(named.empresa, &self.company)
                && named.monto.and_then(amount) == Some::<Centavos>(order.amount)
        })
    }

    /// True when a question that was sent, or each of two, is about this order.
    pub(in crate::bank) fn asks_about(&self, order: &Order, sent: &[u8]) -> bool {
        let mut questions = sent.split(|byte| *byte == b'\n').peekable();
        questions.peek().is_some()
            && questions.all(|question| {
                object(question).is_some_and(|named: Named<'_>| {
                    let is = |field: Option<&RawValue>, ours: &str| scalar(field).as_deref() == Some(ours);
                    is(named.empresa, &self.company) && is(named.clave_rastreo, order.tracking_key.as_str())
                })
            })
    }

    /// What the answer to a registration said.
    pub(in crate::bank) fn read_submit(&self, order: &Order, exchange: &Exchange) -> Submitted {
        let said = |code: &str| Submitted::Refused { code: code.to_owned() };
        let cannot = || Fields::new(order, &self.company, self.pin_operating_date).and_then(|fields| fields.cadena());
        match (exchange.sent.is_empty(), exchange.status) {
            (true, _) => match cannot() {
                Err(why) => said(why.code()),
                Ok(_) => Submitted::NotSent(NotSent::Unreachable),
            },
            (false, Some(status)) => judge(status, &exchange.received, order),
            (false, None) => Submitted::Doubt {
                why: "no status".to_owned(),
            },
        }
    }

    /// What the answer to a question said. Of two that were joined by a line end the last one counts, which begins at
    /// one of them: only from the right one on is it an answer.
    pub(in crate::bank) fn read_found(&self, order: &Order, exchange: &Exchange) -> Found {
        let Some(status) = exchange.status else {
            return no_answer("no status");
        };
        let bytes = &exchange.received;
        let starts = std::iter::once(0).chain((1..bytes.len()).filter(|at| bytes[at - 1] == b'\n'));
        let answers = starts.map(|start| read_order(status, &bytes[start..], order, &self.company));
        let mut last = no_answer("nothing");
        for answer in answers {
            let decides = !matches!(answer, Found::Doubt(_));
            last = answer;
            if decides {
                break;
            }
        }
        last
    }
}
