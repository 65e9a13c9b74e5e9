//! Pages of the portal: which answer each is, and the receipt where it is one.

use std::collections::BTreeMap;

use jiff::{Timestamp, civil::Date, civil::DateTime};
use quick_xml::{Reader, XmlVersion, events::BytesStart, events::Event};
use workflows::domain::{Centavos, PaymentState, PortalAnswer, mexico_city};

use super::Came;
use crate::bank::text::{centavos, fold};

/// Banxico: the cell beside it says where the payment stands.
const STATE: &str = "estado del pago en banxico";

/// A receipt (CEP): what the beneficiary's bank confirmed, sealed by it.
#[derive(Clone, PartialEq, Eq)]
pub struct Cep {
    /// The key of the order.
    pub tracking_key: String,
    /// The day that it counts for.
    pub operating_date: Date,
    /// When the beneficiary had it.
    pub credited_at: Option<Timestamp>,
    /// Whose account it was.
    pub name: String,
    /// Its account.
    pub account: String,
    /// What was paid.
    pub amount: Centavos,
}

/// The type's name only: it holds a name and an account.
impl std::fmt::Debug for Cep {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Cep")
    }
}

/// Which answer a page is; `Receipt`: one is offered for download.
pub(super) fn read(came: &Came) -> (PortalAnswer, Option<PaymentState>) {
    match came.status {
        None => return (PortalAnswer::Silent, None),
        Some(429) => return (PortalAnswer::TooMany, None),
        Some(500..) => return (PortalAnswer::Silent, None),
        Some(200) if came.is_whole => {}
        Some(_) => return (PortalAnswer::Unclear, None),
    }
    let page = Page::read(&String::from_utf8_lossy(&came.body));
    let says = |words: &str| page.texts.iter().any(|text| text.contains(words));
    // Where it has the payment it explains all states below, the one that finds nothing too: the cell comes first.
    let state = page.texts.iter().position(|text| text == STATE);
    match state.and_then(|at| page.texts.get(at + 1)) {
        Some(word) if word == "no encontrado" => (PortalAnswer::NotFound, None),
        Some(word) => (PortalAnswer::NoReceipt, Some(payment_state(word))),
        None if page.offers_a_receipt => (PortalAnswer::Receipt, None),
        None if says("operacion no encontrada") || says("no se encontro ningun pago") => (PortalAnswer::NotFound, None),
        // Banxico: above its limit it wants its picture read.
        None if says("excedido el numero maximo de consultas") || says("imagen de seguridad") => {
            (PortalAnswer::TooMany, None)
        }
        None => (PortalAnswer::Unclear, None),
    }
}

fn payment_state(word: &str) -> PaymentState {
    match word {
        "en proceso" => PaymentState::Processing,
        "liquidado" => PaymentState::Settled,
        "cancelado" => PaymentState::Cancelled,
        "rechazado" => PaymentState::Rejected,
        "en proceso de devolucion" => PaymentState::Returning,
        "devuelto" | "retornado" => PaymentState::Returned,
        "no liquidado" => PaymentState::NotSettled,
        _ => PaymentState::Unknown,
    }
}

/// What a person would read of a page.
#[derive(Default)]
struct Page {
    /// What stands between two tags, folded.
    texts: Vec<String>,
    /// A link to the receipt as XML.
    offers_a_receipt: bool,
}

impl Page {
    /// Reads as far as it reads: what breaks is no page of the portal, and says nothing that is known.
    fn read(html: &str) -> Self {
        let mut reader = Reader::from_str(html);
        let config = reader.config_mut();
        config.check_end_names = false;
        config.allow_unmatched_ends = true;
        config.allow_dangling_amp = true;
        let (mut page, mut text) = (Self::default(), String::new());
        while let Ok(event) = reader.read_event() {
            match event {
                Event::Text(part) => text.push_str(&part),
                Event::GeneralRef(name) => text.push_str(letter(&name)),
                Event::Start(tag) | Event::Empty(tag) => {
                    page.end(&mut text);
                    page.offers_a_receipt |= values(&tag).values().any(|value| value == "descarga.do?formato=XML");
                }
                Event::End(_) => page.end(&mut text),
                Event::Eof => break,
                Event::Comment(_) | Event::CData(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
            }
        }
        page.end(&mut text);
        page
    }

    fn end(&mut self, text: &mut String) {
        let words: Vec<&str> = text.split_whitespace().collect();
        if !words.is_empty() {
            self.texts.push(fold(&words.join(" ")));
        }
        text.clear();
    }
}

/// The plain letter of `aacute`, `ntilde`, `uuml`; of others nothing.
fn letter(name: &str) -> &str {
    let is_accented = ["acute", "tilde", "uml", "grave"]
        .iter()
        .any(|accent| name.ends_with(accent));
    name.get(..1).filter(|_| is_accented).unwrap_or(" ")
}

/// The attributes of a tag, as far as they read.
fn values(tag: &BytesStart<'_>) -> BTreeMap<String, String> {
    let read = tag.attributes().flatten().filter_map(|attribute| {
        let value = attribute.normalized_value(XmlVersion::Implicit1_0).ok()?;
        Some((attribute.key.as_ref().to_owned(), value.into_owned()))
    });
    read.collect()
}

/// The receipt in a download; `None`: it is none.
pub fn cep(xml: &[u8]) -> Option<Cep> {
    let xml = std::str::from_utf8(xml).ok()?;
    let mut reader = Reader::from_str(xml);
    let (mut root, mut beneficiary) = (None, None);
    loop {
        match reader.read_event().ok()? {
            Event::Start(tag) | Event::Empty(tag) => match tag.name().as_ref() {
                "SPEI_Tercero" => root = Some(values(&tag)),
                "Beneficiario" => beneficiary = Some(values(&tag)),
                _ => {}
            },
            Event::Eof => break,
            Event::End(_) | Event::Text(_) | Event::GeneralRef(_) | Event::Comment(_) => {}
            Event::CData(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
    }
    let (root, beneficiary) = (root?, beneficiary?);
    Some(Cep {
        tracking_key: root.get("claveRastreo")?.clone(),
        operating_date: root.get("FechaOperacion")?.parse().ok()?,
        credited_at: root.get("cadenaCDA").and_then(|cadena| credited_at(cadena)),
        name: beneficiary.get("Nombre")?.clone(),
        account: beneficiary.get("Cuenta")?.clone(),
        amount: centavos(beneficiary.get("MontoPago")?)?,
    })
}

/// Banxico: the fifth and sixth field of the sealed chain, the day as `ddmmyyyy` and the time as `hhmmss`, Mexico City.
fn credited_at(cadena: &str) -> Option<Timestamp> {
    let mut fields = cadena.split('|').skip(4);
    let (day, time) = (fields.next()?, fields.next()?);
    let at = DateTime::strptime("%d%m%Y%H%M%S", format!("{day}{time}")).ok()?;
    mexico_city()
        .to_ambiguous_zoned(at)
        .compatible()
        .ok()
        .map(|at| at.timestamp())
}

#[cfg(test)]
mod tests;
