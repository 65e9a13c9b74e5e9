//! An order in STP's words: the values that are signed, 34 of a payment and 7 of what is sent back, and the body that
//! carries exactly those values.

use jiff::civil::Date;
use serde::ser::{Error as _, SerializeMap};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::sign;
use crate::bank::{CameBy, Order, Payment, What};

/// STP: the institution that all of its customers send from.
pub(in crate::bank) const STP_INSTITUTION: &str = "90646";

/// One value of an order: what is signed and what is sent are the same text.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// Not sent; signed as the empty text.
    Absent,
    /// Sent as a JSON string.
    Text(String),
    /// Sent as a raw JSON number with these very digits.
    Number(String),
}

impl Value {
    fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    fn number(digits: impl ToString) -> Self {
        Self::Number(digits.to_string())
    }

    fn signed(&self) -> &str {
        match self {
            Self::Absent => "",
            Self::Text(text) | Self::Number(text) => text,
        }
    }
}

/// The values of one order by name.
pub(super) struct Fields {
    /// In the order of the cadena original.
    signed: Vec<(&'static str, Value)>,
    /// Sent, and not signed.
    beside: Vec<(&'static str, Value)>,
}

/// Why an order cannot be put into STP's words; nothing was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unsendable {
    /// A text holds a pipe or a control character.
    Text,
    /// Zero, negative, or more than 12 integer digits.
    Amount,
}

impl Unsendable {
    /// In giro's words.
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Text => "giro:text",
            Self::Amount => "giro:amount",
        }
    }
}

/// STP: AAAAMMDD.
pub(super) fn aaaammdd(date: Date) -> String {
    date.strftime("%Y%m%d").to_string()
}

impl Fields {
    /// The order of `company`; `pinned` states the operating date, so that a late send is refused, not paid twice.
    pub(super) fn new(order: &Order, company: &str, pinned: bool) -> Result<Self, Unsendable> {
        if !order.amount.is_payable() {
            return Err(Unsendable::Amount);
        }
        Ok(match &order.what {
            What::Pay(payment) => Self::payment(order, payment, company, pinned),
            What::SendBack(deposit) => Self::send_back(order, deposit, company),
        })
    }

    /// STP: `retornaOrden`, which names the deposit by its day, key and amount, and cannot state the day that it is sent on.
    fn send_back(order: &Order, deposit: &CameBy, company: &str) -> Self {
        Self {
            signed: vec![
                ("fechaOperacion", Value::Text(aaaammdd(deposit.operating_date))),
                ("institucionOperante", Value::number(STP_INSTITUTION)),
                ("claveRastreo", Value::text(&deposit.tracking_key)),
                ("monto", Value::Number(order.amount.decimal())),
                // STP: 2 in every sample.
                ("digitoIdentificadorBeneficiario", Value::number(2)),
                ("claveRastreoDevolucion", Value::text(order.tracking_key.as_str())),
                ("medioEntrega", Value::number(3)),
            ],
            beside: vec![("empresa", Value::text(company))],
        }
    }

    /// STP: `registra`.
    fn payment(order: &Order, payment: &Payment, company: &str, pinned: bool) -> Self {
        use Value::Absent;
        let date = if pinned {
            Value::Text(aaaammdd(order.operating_date))
        } else {
            Absent
        };
        let signed = vec![
            ("institucionContraparte", Value::number(payment.institution)),
            ("empresa", Value::text(company)),
            ("fechaOperacion", date),
            ("folioOrigen", Absent),
            ("claveRastreo", Value::text(order.tracking_key.as_str())),
            ("institucionOperante", Value::number(STP_INSTITUTION)),
            ("monto", Value::Number(order.amount.decimal())),
            // STP: third party to third party.
            ("tipoPago", Value::number(1)),
            // STP: 40 is a CLABE.
            ("tipoCuentaOrdenante", Value::number(40)),
            ("nombreOrdenante", Value::text(payment.payer.name.as_str())),
            ("cuentaOrdenante", Value::text(payment.payer.clabe.as_str())),
            ("rfcCurpOrdenante", Value::text(payment.payer.tax_id.as_str())),
            ("tipoCuentaBeneficiario", Value::number(40)),
            ("nombreBeneficiario", Value::text(payment.beneficiary.as_str())),
            ("cuentaBeneficiario", Value::text(payment.clabe.as_str())),
            ("rfcCurpBeneficiario", Value::text(payment.beneficiary_tax_id.as_str())),
            ("emailBeneficiario", Absent),
            ("tipoCuentaBeneficiario2", Absent),
            ("nombreBeneficiario2", Absent),
            ("cuentaBeneficiario2", Absent),
            ("rfcCurpBeneficiario2", Absent),
            ("conceptoPago", Value::text(payment.concept.as_str())),
            ("conceptoPago2", Absent),
            ("claveCatUsuario1", Absent),
            ("claveCatUsuario2", Absent),
            ("clavePago", Absent),
            ("referenciaCobranza", Absent),
            ("referenciaNumerica", Value::number(payment.reference.get())),
            ("tipoOperacion", Absent),
            ("topologia", Value::text("T")),
            ("usuario", Absent),
            // STP: 3 in every recorded outbound order.
            ("medioEntrega", Value::number(3)),
            // STP: 0 normal, 1 high.
            ("prioridad", Value::number(0)),
            ("iva", Absent),
        ];
        Self {
            signed,
            beside: Vec::new(),
        }
    }

    /// The text that is signed.
    pub(super) fn cadena(&self) -> Result<String, Unsendable> {
        sign::cadena(self.signed.iter().map(|(_, value)| value.signed())).ok_or(Unsendable::Text)
    }

    /// The body that is sent: the values that are there, `firma`, and the place when configured (neither is signed).
    pub(super) fn body(&self, firma: &str, place: Place<'_>) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(&Body {
            fields: self,
            firma,
            place,
        })
    }
}

/// Where orders come from, decimal degrees as text; STP asks for it since about 2024.
#[derive(Clone, Copy, Default)]
pub(super) struct Place<'a> {
    pub(super) latitude: Option<&'a str>,
    pub(super) longitude: Option<&'a str>,
}

struct Body<'a> {
    fields: &'a Fields,
    firma: &'a str,
    place: Place<'a>,
}

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in self.fields.signed.iter().chain(&self.fields.beside) {
            match value {
                Value::Absent => {}
                Value::Text(text) => map.serialize_entry(name, text)?,
                Value::Number(digits) => {
                    let raw = RawValue::from_string(digits.clone()).map_err(S::Error::custom)?;
                    map.serialize_entry(name, &raw)?;
                }
            }
        }
        for (name, value) in [("latitud", self.place.latitude), ("longitud", self.place.longitude)] {
            if let Some(value) = value {
                map.serialize_entry(name, value)?;
            }
        }
        map.serialize_entry("firma", self.firma)?;
        map.end()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::HashMap;

    use jiff::civil::date;
    use workflows::domain::{
        BeneficiaryName, Centavos, Clabe, Concept, InstitutionCode, NumericReference, TaxId, TrackingKey,
    };

    use super::*;
    use crate::bank::Payer;
    use crate::bank::stp::sign::tests::demo_verifies;

    /// An order like the vector that carries a date and a large amount.
    pub(in crate::bank::stp) fn order() -> Order {
        Order {
            tracking_key: TrackingKey::from_stored("GIRO0123456789ABCDEFGHJKMNPQR"),
            operating_date: date(2026, 4, 2),
            amount: Centavos::new(123_456_705),
            what: What::Pay(Box::new(payment())),
        }
    }

    fn payment() -> Payment {
        Payment {
            payer: Payer {
                clabe: Clabe::new("646180110400000007").expect("CLABE"),
                name: BeneficiaryName::from_stored("GIRO SA DE CV"),
                tax_id: TaxId::unknown(),
            },
            clabe: Clabe::new("012180000000000002").expect("CLABE"),
            institution: InstitutionCode::new(40012),
            beneficiary: BeneficiaryName::from_stored("Jose Nunez Pena"),
            beneficiary_tax_id: TaxId::unknown(),
            concept: Concept::from_stored("Pago 1"),
            reference: NumericReference::new(1).expect("reference"),
        }
    }

    /// What sends a deposit back, like the computed vector.
    pub(in crate::bank::stp) fn back() -> Order {
        Order {
            tracking_key: TrackingKey::from_stored("PO55A164C6444EB0E9F02A696C1B62"),
            operating_date: date(2022, 3, 12),
            amount: Centavos::new(1),
            what: What::SendBack(CameBy {
                tracking_key: "POD30331984906BDCA57DB7928A96D".to_owned(),
                operating_date: date(2022, 3, 11),
            }),
        }
    }

    /// Fields with these values and no others.
    fn named(values: &[(&str, &str)]) -> Fields {
        let mut fields = Fields::new(&order(), "GIRO", true).expect("fields");
        let mut left: HashMap<&str, &str> = values.iter().copied().collect();
        for (name, value) in &mut fields.signed {
            *value = left.remove(name).map_or(Value::Absent, Value::text);
        }
        assert!(left.is_empty(), "no such fields: {left:?}");
        fields
    }

    const UNIT_TEST: (&str, &str) = (
        "||40072|TAMIZI|||CR1564969083|90646|1.20|1|40||646180110400000007||40|Ricardo Sanchez|072691004495711499|ND||||||Prueba||||||5273144||T||3|0|||",
        "KDNKDVVuyNt9oTXPAlofGXGH5L5IH9PAzOsx0JZFtmGlU+10QRf2RHSg0OVCnYYpu5sC3DJ6vlXuYM40+uNw0tMc0y8Dv26uO8Vv2GhOhMqaGk72LwgwgmqVg17xzjgGbJHzAzMav3fx4/3No+mSnf7vxpe4ePf6yK1yU5U28L4=",
    );
    const ACCEPTED: (&str, &str) = (
        "||40072|TAMIZI|||CR1666967442|90646|10.30|1|40|BANCO|646180157082332965|ND|40|Pablo Sanchez|072691004495711499|ND||||||PRUEBA 2||||||9911913||T||3|1|||",
        "unuQiepNy/x62n3EqcP3nSmTS1gb+/LHsDZnnHZSGgJhfu7vHnS4foKUhgfJoPgs81Xf1A2shbuFXtQJUiA7GXQ/0Ax0MHu5997XiP7ODZJpnvEKRdaTIvOCIp06Wz414vnYQGqKsNyNr6VoUdxGrAtELjxOj7fU3RyD0gJmCBs=",
    );
    const DATED: (&str, &str) = (
        "||40012|GIRO|20260402||GIRO0123456789ABCDEFGHJKMNPQR|90646|1234567.05|1|40|GIRO SA DE CV|646180110400000007|ND|40|Jose Nunez Pena|012180000000000002|ND||||||Pago 1||||||1||T||3|0|||",
        "JWxmUSjrF8Uczm/JS3i9PkfzCx2eC5kUcJcQtvs38iRDcm12bi3mmJ4kU4W6jpqf/3+WNKv61BlOfM2AahDJl3ChNzN4TRbCrg/wDviJQuUcEIiBOofe6gJUqYKPJCpluORdRtaEBXPDIOL22HWojBXk8fNZi5+6e8WSlGV1QXY=",
    );
    const BACK: (&str, &str) = (
        "||20220311|90646|POD30331984906BDCA57DB7928A96D|0.01|2|PO55A164C6444EB0E9F02A696C1B62|3||",
        "piU4t1yPFbQ+2HTeXpPVA1pofY02hSNPdycDkvpvXqFUzvuBi6SWn04VXkgUtfvliqm7nyao+UlTX/UYVmUPJ5kFhXweq1MB6O4Ytq1uwkmpYgxl+zIeOr2ZQjDSI3NygEdKuvI64U2rTx4b3Bf3Vw5cpKlMl6XhgnAEtqpizmU=",
    );
    const ALL: &str = "||846|empresa|20230516|folioOrigen|claveRastreo|90646|100.00|1|3|nombreOrdenante|cuentaOrdenante|rfcCurpOrdenante|3|nombreBeneficiario|cuentaBeneficiario|rfcCurpBeneficiario|emailBeneficiario|3|nombreBeneficiario2|cuentaBeneficiario2|rfcCurpBeneficiario2|conceptoPago|conceptoPago2|claveCatalogoUsuario|claveCatalogoUsuario2|clavePago|referenciaCobranza|12345|tipoOperacion|topologia|usuario|medioEntrega|prioridad|0.16||";
    const SPARSE: &str = "||123|BETMASTER_MX|||test1|90646|0.01|1|40|REINVENT MXLATAM SA DE CV|646180301503000001|ND|40|S.A. de C.V.|646180110400000007|ND||||||test REST||||||123456||||||||";

    #[test]
    fn an_order_gives_the_vector_with_a_date() {
        let cadena = Fields::new(&order(), "GIRO", true).and_then(|fields| fields.cadena());
        assert_eq!(cadena.as_deref(), Ok(DATED.0));
        assert!(demo_verifies(DATED.0, DATED.1));
        assert!(!demo_verifies(&DATED.0.replace("1234567.05", "1234567.06"), DATED.1));
    }

    #[test]
    fn what_is_sent_back_gives_its_vector_and_names_the_company_unsigned() {
        let fields = Fields::new(&back(), "GIRO", true).expect("fields");
        assert_eq!(fields.cadena().as_deref(), Ok(BACK.0));
        assert!(demo_verifies(BACK.0, BACK.1));
        let body = fields.body("F", Place::default()).expect("a body");
        let sent: HashMap<String, Box<RawValue>> = serde_json::from_slice(&body).expect("JSON");
        assert_eq!((sent["empresa"].get(), sent["monto"].get()), ("\"GIRO\"", "0.01"));
        assert_eq!(sent.len(), 9);
    }

    #[test]
    fn without_a_pin_the_date_is_empty() {
        let cadena = Fields::new(&order(), "GIRO", false)
            .and_then(|fields| fields.cadena())
            .expect("a cadena");
        assert_eq!(cadena, DATED.0.replace("|20260402|", "||"));
    }

    #[test]
    fn the_recorded_orders_give_their_cadenas_and_signatures() {
        let unit_test = named(&[
            ("institucionContraparte", "40072"),
            ("empresa", "TAMIZI"),
            ("claveRastreo", "CR1564969083"),
            ("institucionOperante", "90646"),
            ("monto", "1.20"),
            ("tipoPago", "1"),
            ("tipoCuentaOrdenante", "40"),
            ("cuentaOrdenante", "646180110400000007"),
            ("tipoCuentaBeneficiario", "40"),
            ("nombreBeneficiario", "Ricardo Sanchez"),
            ("cuentaBeneficiario", "072691004495711499"),
            ("rfcCurpBeneficiario", "ND"),
            ("conceptoPago", "Prueba"),
            ("referenciaNumerica", "5273144"),
            ("topologia", "T"),
            ("medioEntrega", "3"),
            ("prioridad", "0"),
        ]);
        assert_eq!(unit_test.cadena().as_deref(), Ok(UNIT_TEST.0));
        assert!(demo_verifies(UNIT_TEST.0, UNIT_TEST.1));
        let mut recorded = order();
        recorded.tracking_key = TrackingKey::from_stored("CR1666967442");
        recorded.amount = Centavos::new(1_030);
        let mut payment = payment();
        payment.payer.name = BeneficiaryName::from_stored("BANCO");
        payment.payer.clabe = Clabe::new("646180157082332965").expect("CLABE");
        payment.clabe = Clabe::new("072691004495711499").expect("CLABE");
        payment.institution = InstitutionCode::new(40072);
        payment.beneficiary = BeneficiaryName::from_stored("Pablo Sanchez");
        payment.concept = Concept::from_stored("PRUEBA 2");
        payment.reference = NumericReference::new(9911913).expect("reference");
        recorded.what = What::Pay(Box::new(payment));
        let cadena = Fields::new(&recorded, "TAMIZI", false)
            .and_then(|fields| fields.cadena())
            .expect("a cadena");
        // The recording has high priority, the one value that giro never sends.
        assert_eq!(cadena.replace("|3|0|||", "|3|1|||"), ACCEPTED.0);
        assert!(demo_verifies(ACCEPTED.0, ACCEPTED.1));
    }

    #[test]
    fn every_position_is_where_stp_has_it() {
        let mut all = named(&[]);
        for (name, value) in &mut all.signed {
            let other = match *name {
                "institucionContraparte" => "846",
                "fechaOperacion" => "20230516",
                "institucionOperante" => "90646",
                "monto" => "100.00",
                "tipoPago" => "1",
                "tipoCuentaOrdenante" | "tipoCuentaBeneficiario" | "tipoCuentaBeneficiario2" => "3",
                "claveCatUsuario1" => "claveCatalogoUsuario",
                "claveCatUsuario2" => "claveCatalogoUsuario2",
                "referenciaNumerica" => "12345",
                "iva" => "0.16",
                name => name,
            };
            *value = Value::text(other);
        }
        assert_eq!(all.cadena().as_deref(), Ok(ALL));
        let sparse = named(&[
            ("institucionContraparte", "123"),
            ("empresa", "BETMASTER_MX"),
            ("claveRastreo", "test1"),
            ("institucionOperante", "90646"),
            ("monto", "0.01"),
            ("tipoPago", "1"),
            ("tipoCuentaOrdenante", "40"),
            ("nombreOrdenante", "REINVENT MXLATAM SA DE CV"),
            ("cuentaOrdenante", "646180301503000001"),
            ("rfcCurpOrdenante", "ND"),
            ("tipoCuentaBeneficiario", "40"),
            ("nombreBeneficiario", "S.A. de C.V."),
            ("cuentaBeneficiario", "646180110400000007"),
            ("rfcCurpBeneficiario", "ND"),
            ("conceptoPago", "test REST"),
            ("referenciaNumerica", "123456"),
        ]);
        assert_eq!(sparse.cadena().as_deref(), Ok(SPARSE));
    }

    #[test]
    fn what_is_sent_is_what_is_signed() {
        let fields = Fields::new(&order(), "GIRO", true).expect("fields");
        let place = Place {
            latitude: Some("19.4326"),
            longitude: None,
        };
        let body = fields.body("F", place).expect("a body");
        let sent: HashMap<String, Box<RawValue>> = serde_json::from_slice(&body).expect("JSON");
        let values = fields
            .signed
            .iter()
            .map(|(name, _)| sent.get(*name).map_or("", |raw| raw.get().trim_matches('"')));
        assert_eq!(sign::cadena(values), fields.cadena().ok());
        assert_eq!(sent["monto"].get(), "1234567.05");
        assert_eq!(sent["firma"].get(), "\"F\"");
        assert_eq!(sent["latitud"].get(), "\"19.4326\"");
        assert!(!sent.contains_key("longitud") && !sent.contains_key("folioOrigen") && !sent.contains_key("id"));
    }

    #[test]
    fn an_order_that_cannot_be_said_is_not_sendable() {
        let mut nothing = order();
        nothing.amount = Centavos::ZERO;
        assert_eq!(Fields::new(&nothing, "GIRO", true).err(), Some(Unsendable::Amount));
        let mut shifted = order();
        shifted.tracking_key = TrackingKey::from_stored("A|B");
        let cadena = Fields::new(&shifted, "GIRO", true).and_then(|fields| fields.cadena());
        assert_eq!(cadena, Err(Unsendable::Text));
    }
}
