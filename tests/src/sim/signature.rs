//! Received fields as exact text, the cadena rebuilt from them, and the check of `firma` with the company's public key.

use std::collections::BTreeMap;

use anyhow::{Context, Result, anyhow, bail};
use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::value::RawValue;

/// The 34 positions of an order's cadena.
const POSITIONS: [&str; 34] = [
    "institucionContraparte",
    "empresa",
    "fechaOperacion",
    "folioOrigen",
    "claveRastreo",
    "institucionOperante",
    "monto",
    "tipoPago",
    "tipoCuentaOrdenante",
    "nombreOrdenante",
    "cuentaOrdenante",
    "rfcCurpOrdenante",
    "tipoCuentaBeneficiario",
    "nombreBeneficiario",
    "cuentaBeneficiario",
    "rfcCurpBeneficiario",
    "emailBeneficiario",
    "tipoCuentaBeneficiario2",
    "nombreBeneficiario2",
    "cuentaBeneficiario2",
    "rfcCurpBeneficiario2",
    "conceptoPago",
    "conceptoPago2",
    "claveCatUsuario1",
    "claveCatUsuario2",
    "clavePago",
    "referenciaCobranza",
    "referenciaNumerica",
    "tipoOperacion",
    "topologia",
    "usuario",
    "medioEntrega",
    "prioridad",
    "iva",
];

/// The fields of one request, every value as the text that came (numbers keep their digits).
#[derive(Clone, Debug, Default)]
pub(super) struct Fields(pub(super) BTreeMap<String, String>);

impl Fields {
    /// Reads a JSON object of strings and numbers; null counts as absent.
    pub(super) fn parse(body: &str) -> Result<Self> {
        let raw: BTreeMap<String, Box<RawValue>> = serde_json::from_str(body)?;
        let mut fields = BTreeMap::new();
        for (name, value) in raw {
            let text = match value.get() {
                "null" => continue,
                quoted if quoted.starts_with('"') => serde_json::from_str(quoted)?,
                number if number.starts_with(|c: char| c == '-' || c.is_ascii_digit()) => number.to_owned(),
                _ => bail!("field {name} is neither text nor number"),
            };
            fields.insert(name, text);
        }
        Ok(Self(fields))
    }

    /// The text of a field, empty when absent.
    pub(super) fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// The cadena of an order: `||`, 34 values joined by pipes, `||`.
    pub(super) fn order_cadena(&self) -> String {
        let values: Vec<String> = POSITIONS
            .iter()
            .map(|&name| {
                let text = self.get(name);
                let amount = matches!(name, "monto" | "iva").then(|| centavos(text)).flatten();
                amount.map_or_else(|| text.to_owned(), decimal)
            })
            .collect();
        joined(&values)
    }

    /// The cadena of a query, over the named fields in order.
    pub(super) fn query_cadena(&self, names: &[&str]) -> String {
        let values: Vec<String> = names.iter().map(|name| self.get(name).to_owned()).collect();
        joined(&values)
    }
}

fn joined(values: &[String]) -> String {
    format!("||{}||", values.join("|"))
}

/// Reads a plain decimal with at most two decimals and twelve integer digits into centavos.
pub(super) fn centavos(text: &str) -> Option<i64> {
    let (units, cents) = text.split_once('.').unwrap_or((text, "0"));
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !plain(units) || !plain(cents) || units.len() > 12 || cents.len() > 2 {
        return None;
    }
    let units: i64 = units.parse().ok()?;
    let tenths: i64 = cents.parse().ok()?;
    Some(units * 100 + if cents.len() == 1 { tenths * 10 } else { tenths })
}

/// Writes centavos as a decimal with two places.
pub(super) fn decimal(centavos: i64) -> String {
    let sign = if centavos < 0 { "-" } else { "" };
    let size = centavos.unsigned_abs();
    format!("{sign}{}.{:02}", size / 100, size % 100)
}

/// The public key a company registered.
pub(super) struct CompanyKey(ParsedPublicKey);

impl CompanyKey {
    /// Reads a PEM SubjectPublicKeyInfo of an RSA key of 1024 bits or more.
    pub(super) fn from_pem(pem: &str) -> Result<Self> {
        let base64: String = pem
            .lines()
            .map(str::trim)
            .skip_while(|line| *line != "-----BEGIN PUBLIC KEY-----")
            .skip(1)
            .take_while(|line| *line != "-----END PUBLIC KEY-----")
            .collect();
        if base64.is_empty() {
            bail!("no PUBLIC KEY block in the PEM file");
        }
        let der = STANDARD.decode(base64).context("base64 of the public key")?;
        // 1024 bits: the public demo key, and what STP still accepts.
        ParsedPublicKey::new(&RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, &der)
            .map(Self)
            .map_err(|why| anyhow!("public key refused: {why}"))
    }

    /// Whether `firma` (standard Base64) signs the cadena.
    pub(super) fn signed(&self, cadena: &str, firma: &str) -> bool {
        STANDARD
            .decode(firma)
            .is_ok_and(|signature| self.0.verify_sig(cadena.as_bytes(), &signature).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEMO: &str = "-----BEGIN PUBLIC KEY-----
MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDO6dcS4k8Sz//09ISLLCIqHjCY
NpHUbtauyu4+N3bvTOxgyX9RfC9hQ0HyL6VjcAoY67BNF1gvLPTRB0ijwMPpl2uE
yv2y1pPwxmDoH4dH0aoRrWUWzSejnfVn4NoHIchiu8umIofDFuGb/cIDnVBikKNF
BTf6HxPePUW2p35Q9wIDAQAB
-----END PUBLIC KEY-----
";

    #[test]
    fn recorded_orders_verify() {
        let key = CompanyKey::from_pem(DEMO).expect("demo key");
        let unit = r#"{"institucionContraparte":"40072","empresa":"TAMIZI","claveRastreo":"CR1564969083",
            "institucionOperante":90646,"monto":1.2,"tipoPago":1,"tipoCuentaOrdenante":40,
            "cuentaOrdenante":"646180110400000007","tipoCuentaBeneficiario":40,"nombreBeneficiario":"Ricardo Sanchez",
            "cuentaBeneficiario":"072691004495711499","rfcCurpBeneficiario":"ND","conceptoPago":"Prueba",
            "referenciaNumerica":5273144,"topologia":"T","medioEntrega":3,"prioridad":0,"iva":null}"#;
        let accepted = r#"{"institucionContraparte":"40072","empresa":"TAMIZI","claveRastreo":"CR1666967442",
            "institucionOperante":"90646","monto":"10.3","tipoPago":"1","tipoCuentaOrdenante":"40","nombreOrdenante":"BANCO",
            "cuentaOrdenante":"646180157082332965","rfcCurpOrdenante":"ND","tipoCuentaBeneficiario":"40",
            "nombreBeneficiario":"Pablo Sanchez","cuentaBeneficiario":"072691004495711499","rfcCurpBeneficiario":"ND",
            "conceptoPago":"PRUEBA 2","referenciaNumerica":"9911913","topologia":"T","medioEntrega":"3","prioridad":"1"}"#;
        let dated = r#"{"institucionContraparte":"40012","empresa":"GIRO","fechaOperacion":20260402,
            "claveRastreo":"GIRO0123456789ABCDEFGHJKMNPQR","institucionOperante":90646,"monto":1234567.05,"tipoPago":1,
            "tipoCuentaOrdenante":40,"nombreOrdenante":"GIRO SA DE CV","cuentaOrdenante":"646180110400000007",
            "rfcCurpOrdenante":"ND","tipoCuentaBeneficiario":40,"nombreBeneficiario":"Jose Nunez Pena",
            "cuentaBeneficiario":"012180000000000002","rfcCurpBeneficiario":"ND","conceptoPago":"Pago 1",
            "referenciaNumerica":1,"topologia":"T","medioEntrega":3,"prioridad":0}"#;
        for (body, cadena, firma) in [
            (
                unit,
                "||40072|TAMIZI|||CR1564969083|90646|1.20|1|40||646180110400000007||40|Ricardo Sanchez|072691004495711499|ND||||||Prueba||||||5273144||T||3|0|||",
                "KDNKDVVuyNt9oTXPAlofGXGH5L5IH9PAzOsx0JZFtmGlU+10QRf2RHSg0OVCnYYpu5sC3DJ6vlXuYM40+uNw0tMc0y8Dv26uO8Vv2GhOhMqaGk72LwgwgmqVg17xzjgGbJHzAzMav3fx4/3No+mSnf7vxpe4ePf6yK1yU5U28L4=",
            ),
            (
                accepted,
                "||40072|TAMIZI|||CR1666967442|90646|10.30|1|40|BANCO|646180157082332965|ND|40|Pablo Sanchez|072691004495711499|ND||||||PRUEBA 2||||||9911913||T||3|1|||",
                "unuQiepNy/x62n3EqcP3nSmTS1gb+/LHsDZnnHZSGgJhfu7vHnS4foKUhgfJoPgs81Xf1A2shbuFXtQJUiA7GXQ/0Ax0MHu5997XiP7ODZJpnvEKRdaTIvOCIp06Wz414vnYQGqKsNyNr6VoUdxGrAtELjxOj7fU3RyD0gJmCBs=",
            ),
            (
                dated,
                "||40012|GIRO|20260402||GIRO0123456789ABCDEFGHJKMNPQR|90646|1234567.05|1|40|GIRO SA DE CV|646180110400000007|ND|40|Jose Nunez Pena|012180000000000002|ND||||||Pago 1||||||1||T||3|0|||",
                "JWxmUSjrF8Uczm/JS3i9PkfzCx2eC5kUcJcQtvs38iRDcm12bi3mmJ4kU4W6jpqf/3+WNKv61BlOfM2AahDJl3ChNzN4TRbCrg/wDviJQuUcEIiBOofe6gJUqYKPJCpluORdRtaEBXPDIOL22HWojBXk8fNZi5+6e8WSlGV1QXY=",
            ),
        ] {
            let fields = Fields::parse(body).expect("fields");
            assert_eq!(fields.order_cadena(), cadena);
            assert!(key.signed(cadena, firma));
            assert!(!key.signed(&cadena.replace("|1|40|", "|1|41|"), firma));
        }
    }

    #[test]
    fn recorded_queries_verify() {
        let key = CompanyKey::from_pem(DEMO).expect("demo key");
        let fields = Fields::parse(
            r#"{"empresa":"TAMIZI","claveRastreo":"CR1698096580","tipoOrden":"E","fechaOperacion":"20231023"}"#,
        )
        .expect("fields");
        let cadena = fields.query_cadena(&["empresa", "claveRastreo", "tipoOrden", "fechaOperacion"]);
        assert_eq!(cadena, "||TAMIZI|CR1698096580|E|20231023||");
        assert!(key.signed(&cadena, "iFPQsrznw187U3jav3pCFaKU7Qesb2HUaVTTwIWOeAmmi+ujPLaoqqvRuwJr/ORzbT6mWeDNcU+c745uzNoW3AC8dWp8DljHQSP9oN0bMEzVyLxLF5ju88Zt9XuHhbhrdax42C5YL0wectEm/3axX9eXPlc2YRyFIfKMjhUcomA="));
        assert!(key.signed("||TAMIZI|R|20231106||", "ul4LIFvxiANuh+rPjoQ6oUB1bpkJ6bWtLUheHxL+Zs1adDSQXO2mSsnAsAEDRZ7zno7D+GVuV98VP6w+7ebyZxC8IcQWL+57eTiRDj4c24O4fkqd9jnM+8Ba9FtsYSSVyP9YDUhWuxe1hpgWxqqzm9F/Pvro40vcyC7S3meknOQ="));
        let balance = Fields::parse(r#"{"empresa":"TAMIZI","cuentaOrdenante":"646180157000000004"}"#).expect("fields");
        let cadena = balance.query_cadena(&["empresa", "cuentaOrdenante", "fecha"]);
        assert_eq!(cadena, "||TAMIZI|646180157000000004|||");
        assert!(key.signed(&cadena, "PgdMEQW0WTA9MQkmwtOCyXBOLreYwMmAoKIOS8XazDWT2XWqFBYBX9eeWnynod0vcQzvbZvyjvRVb17VpXbdEwucg1sHnNVIjoG6WAvV0ewvHRO1sG+Ovvei/nrdN8cMRALvQcMzaeSP+kz+5ZGxqIh3XBfBYiZSLndMhE0HrSw="));
    }

    #[test]
    fn the_recorded_cadena_with_all_positions_filled() {
        let cadena = "||846|empresa|20230516|folioOrigen|claveRastreo|90646|100.00|1|3|nombreOrdenante|cuentaOrdenante|rfcCurpOrdenante|3|nombreBeneficiario|cuentaBeneficiario|rfcCurpBeneficiario|emailBeneficiario|3|nombreBeneficiario2|cuentaBeneficiario2|rfcCurpBeneficiario2|conceptoPago|conceptoPago2|claveCatalogoUsuario|claveCatalogoUsuario2|clavePago|referenciaCobranza|12345|tipoOperacion|topologia|usuario|medioEntrega|prioridad|0.16||";
        let mut fields = Fields::default();
        for (name, value) in POSITIONS.iter().zip(cadena.trim_matches('|').split('|')) {
            fields.0.insert((*name).to_owned(), value.to_owned());
        }
        fields.0.insert("monto".to_owned(), "100".to_owned());
        assert_eq!(fields.order_cadena(), cadena);
        assert_eq!(cadena.matches('|').count(), 37);
    }

    #[test]
    fn amounts_keep_their_digits() {
        for (text, expected) in [
            ("1.2", Some(120)),
            ("1.20", Some(120)),
            ("100", Some(10_000)),
            ("0.01", Some(1)),
            ("999999999999.99", Some(99_999_999_999_999)),
            ("1.005", None),
            ("1e3", None),
            ("-1", None),
            ("1.", None),
            ("", None),
            ("1000000000000", None),
        ] {
            assert_eq!(centavos(text), expected, "{text}");
        }
        assert_eq!(decimal(123_456_705), "1234567.05");
    }
}
