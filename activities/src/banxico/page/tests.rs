//! The portal's pages, in the words that it was seen to use.

use super::*;

fn page(body: &str) -> (PortalAnswer, Option<PaymentState>) {
    of(200, body)
}

fn of(status: u16, body: &str) -> (PortalAnswer, Option<PaymentState>) {
    read(&Came {
        status: Some(status),
        body: body.as_bytes().to_vec(),
        is_whole: true,
        ..Came::default()
    })
}

fn found(state: &str) -> String {
    format!(
        "<meta charset=\"utf-8\" />\r\n<!--<link rel=stylesheet href=\"x.css\" type=\"text/css\" >-->\n<div class=\"bg\">\r\n\
         Informaci&oacute;n del estado del pago\r\n</div><div id=\"c\"><!-- <div class=\"info\"><strong>Lo sentimos</strong></div>\
         -->\r\n<center><strong>Lo sentimos, por el momento no es posible generar el CEP. Con la información proporcionada se \
         identificó el siguiente pago:</strong></center><br><br><table id=\"xxx\"><tbody><tr><td>Número de Referencia</td>\
         <td>4600001</td></tr>\r\n<tr><td>Estado\n del pago en Banxico</td><td>{state}</td></tr></tbody></table></div>\
         <h4>No encontrado</h4><p>El SPEI&reg; no ha recibido una orden de pago que cumpla con el criterio de \
         b&uacute;squeda especificado. Operación no encontrada</p><script>$(document).ready(function () {{ if (a || b && c) \
         {{ d(); }} }});</script>"
    )
}

#[test]
fn each_page_is_its_answer() {
    let offered = "<div><h2 style=\"text-align: center;\">Gracias</h2><a href=\"descarga.do?formato=PDF\"\nclass=\"boton\"><i \
                   class=\"icon\"></i>PDF</a><a href=\"descarga.do?formato=XML\" class=\"boton\">XML</a></div>";
    assert_eq!(page(offered), (PortalAnswer::Receipt, None));
    assert_eq!(
        page(&format!("<!-- {offered} -->")),
        (PortalAnswer::Unclear, None),
        "what is commented out offers nothing"
    );
    for (word, state) in [
        ("En proceso", PaymentState::Processing),
        ("Liquidado", PaymentState::Settled),
        ("Cancelado", PaymentState::Cancelled),
        ("Rechazado", PaymentState::Rejected),
        ("En proceso de devoluci&oacute;n", PaymentState::Returning),
        ("En proceso de devolución", PaymentState::Returning),
        ("Devuelto", PaymentState::Returned),
        ("Retornado", PaymentState::Returned),
        ("No liquidado", PaymentState::NotSettled),
        ("Otro", PaymentState::Unknown),
    ] {
        assert_eq!(page(&found(word)), (PortalAnswer::NoReceipt, Some(state)), "{word}");
    }
    assert_eq!(page(&found("No encontrado")), (PortalAnswer::NotFound, None));
    for nothing in [
        "<p>\r\n [BE] No se encontró ningún pago con la información proporcionada. Verifique e intente nuevamente.\r\n</p>",
        "<strong>Lo sentimos, por el momento no es posible generar el CEP. Operación no encontrada. El SPEI no ha recibido \
         una orden de pago que cumpla con el criterio de búsqueda especificado.</strong>",
    ] {
        assert_eq!(page(nothing), (PortalAnswer::NotFound, None), "{nothing}");
    }
    for limit in [
        "<p>La imagen de seguridad no fue ingresada correctamente. Favor de validar.</p>",
        "<h1>Lo sentimos, pero ha excedido el n&uacute;mero m&aacute;ximo de consultas en este portal.</h1>",
    ] {
        assert_eq!(page(limit), (PortalAnswer::TooMany, None), "{limit}");
    }
    assert_eq!(of(429, ""), (PortalAnswer::TooMany, None));
    assert_eq!(of(503, offered), (PortalAnswer::Silent, None));
    assert_eq!(read(&Came::default()), (PortalAnswer::Silent, None));
    for odd in ["", "<", "not a page", "{\"a\":1}", "<a href=descarga.do?formato=XML>"] {
        assert_eq!(page(odd), (PortalAnswer::Unclear, None), "{odd}");
    }
    let cut = Came {
        status: Some(200),
        body: offered.as_bytes().to_vec(),
        ..Came::default()
    };
    assert_eq!(read(&cut), (PortalAnswer::Unclear, None), "half a page says nothing");
}

const RECEIPT: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\r\n<SPEI_Tercero FechaOperacion=\"2024-11-08\" \
     Hora=\"18:02:30\" ClaveSPEI=\"90723\" sello=\"U35y7e==\" numeroCertificado=\"1\" \
     cadenaCDA=\"||1|08112024|07112024|180230|90723|BANXICO|X|40|1|ND|Cuenca|Felipe|40|2|ND|C|0.00|9858.7|NA||s\" \
     claveRastreo=\"KEY1\">\r\n <Beneficiario BancoReceptor=\"Cuenca\" Nombre=\"P&amp;G López\" TipoCuenta=\"40\" \
     Cuenta=\"723969000011000077\" RFC=\"ND\" Concepto=\"c\" IVA=\"0.00\" MontoPago=\"9858.7\"/>\r\n <Ordenante \
     BancoEmisor=\"BANXICO\" Nombre=\"Otro\" TipoCuenta=\"40\" Cuenta=\"1\" RFC=\"ND\"/>\r\n</SPEI_Tercero>";

#[test]
fn a_receipt_says_who_got_it_and_when() {
    let receipt = cep(RECEIPT.as_bytes()).expect("a receipt");
    assert_eq!(
        (
            &*receipt.tracking_key,
            &*receipt.name,
            &*receipt.account,
            receipt.amount.get()
        ),
        ("KEY1", "P&G López", "723969000011000077", 985_870)
    );
    assert_eq!(receipt.operating_date, jiff::civil::date(2024, 11, 8));
    assert_eq!(
        receipt.credited_at.map(|at| at.to_string()).as_deref(),
        Some("2024-11-08T00:02:30Z"),
        "the evening before, in Mexico City"
    );
    assert_eq!(format!("{receipt:?}"), "Cep");
    for broken in [
        "",
        "<html><h1>no</h1></html>",
        &RECEIPT[..RECEIPT.len() / 2],
        &RECEIPT.replace("MontoPago", "Monto"),
        &RECEIPT.replace("9858.7\"/", "9858.701\"/"),
    ] {
        assert_eq!(cep(broken.as_bytes()), None, "{broken}");
    }
}

proptest::proptest! {
    /// Whatever comes from outside ends as an answer.
    #[test]
    fn nothing_that_comes_breaks_it(body: Vec<u8>, html in "(<[a-z!/ =\"&;-]{0,9}>?|[a-z&;]{0,5}){0,20}") {
        let _none = cep(&body);
        let _none = cep(html.as_bytes());
        let _answer = page(&html);
    }
}
