//! The control page: one screen of HTML with what the bank holds, and buttons for what the control API does.

use std::{fmt::Write as _, sync::Arc};

use axum::{
    Json,
    extract::{Path, Query, State},
    http::Uri,
    response::{Html, IntoResponse, Redirect, Response},
};
use serde::Deserialize;
use serde_json::json;

use super::{
    Bank,
    book::OrderView,
    control::{self, Arm, Failure, Named, NewState, SettingsChange},
    faults::{Fault, TABLE},
    signature::decimal,
};

/// Orders on the page; the control API has all of them.
const LATEST: usize = 50;

const HEAD: &str = r#"<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>bank-sim</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>
body{font:14px/1.45 system-ui,sans-serif;margin:0 auto;max-width:1180px;padding:20px;color:#1d2530;background:#f5f6f8}
h1{font-size:20px;margin:0}h2{font-size:15px;margin:0 0 10px}a{color:#1d5fbf}
header{display:flex;gap:16px;align-items:baseline;margin-bottom:14px}header span{color:#5c6876}
.cards{display:grid;grid-template-columns:1.1fr 1fr;gap:14px}section{background:#fff;border:1px solid #dde2e8;border-radius:8px;padding:14px;margin-bottom:14px}
form{display:flex;flex-wrap:wrap;gap:8px;align-items:center;margin:0 0 8px}td form{display:inline-flex;margin:0;gap:0}
input,select,button{font:inherit;padding:4px 8px;border:1px solid #c3cad3;border-radius:5px;background:#fff}
button{background:#eef3fb;border-color:#b6cbea;color:#174a91;cursor:pointer}button:hover{background:#dfeafa}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:5px 8px;border-top:1px solid #eceff3;white-space:nowrap}
th{color:#5c6876;font-weight:600;border-top:0}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}td.w{white-space:normal}
dl{display:grid;grid-template-columns:max-content 1fr;gap:3px 14px;margin:0}dt{color:#5c6876}dd{margin:0;overflow-wrap:anywhere}
code{font:12.5px ui-monospace,monospace}.said{background:#e8f5ea;border:1px solid #b9dfc0;border-radius:6px;padding:7px 12px;margin-bottom:14px}
.wrong{background:#fdecea;border-color:#f2b8b2}.state{display:inline-block;min-width:26px;text-align:center;border-radius:4px;padding:0 6px;background:#e7ebf0}
.LQ{background:#d6f0db}.CN{background:#f6dcd9}.D{background:#fbeccb}.none{color:#5c6876}summary{cursor:pointer;font-weight:600}
.scroll{overflow-x:auto}
</style></head><body>"#;

#[derive(Deserialize)]
pub(super) struct Said {
    said: Option<String>,
    wrong: Option<String>,
}

/// `GET /`.
pub(super) async fn show(State(bank): State<Arc<Bank>>, Query(said): Query<Said>) -> Result<Response, Failure> {
    let mut page = HEAD.to_owned();
    let now = bank.now().to_string();
    let _infallible = write!(
        page,
        "<header><h1>bank-sim</h1><span>{} &middot; operating date {} &middot; bank's clock {}</span>\
         <a href=\"/\">refresh</a></header>",
        escape(&bank.empresa),
        bank.today(),
        escape(now.get(..19).unwrap_or(&now)),
    );
    for (class, text) in [("said", &said.said), ("said wrong", &said.wrong)] {
        if let Some(text) = text {
            let _infallible = write!(page, "<div class=\"{class}\">{}</div>", escape(text));
        }
    }
    page.push_str("<div class=\"cards\">");
    faults(&bank, &mut page);
    settings(&bank, &mut page);
    page.push_str("</div>");
    orders(&bank, &mut page).await?;
    table(&mut page);
    page.push_str("</body></html>");
    Ok(Html(page).into_response())
}

fn faults(bank: &Bank, page: &mut String) {
    page.push_str(
        "<section><h2>Arm a fault</h2><form method=\"post\" action=\"/page/arm\">\
         <select name=\"fault\" required><option value=\"normal\">normal</option>",
    );
    for row in TABLE {
        let name = row.fault.name();
        let _infallible = write!(page, "<option value=\"{name}\">.{} {name}</option>", row.cents);
    }
    page.push_str(
        "</select><input name=\"clave\" maxlength=\"30\" placeholder=\"clave; empty: the next order\" style=\"flex:1;min-width:15em\">\
         <input name=\"times\" type=\"number\" min=\"1\" max=\"4294967295\" placeholder=\"times; empty: 1\" style=\"width:9em\">\
         <button>arm</button></form>",
    );
    let armed: Vec<(String, String, String)> = bank
        .book()
        .armed()
        .into_iter()
        .map(|(clave, fault, times)| {
            let times = times.map_or("for ever".to_owned(), |times| format!("{times} more"));
            (clave.unwrap_or_default().to_owned(), fault.name(), times)
        })
        .collect();
    if armed.is_empty() {
        page.push_str("<p class=\"none\">Nothing is armed: cents and chaos decide.</p>");
    } else {
        page.push_str("<table>");
        for (clave, fault, times) in armed {
            let whose = if clave.is_empty() {
                "whoever comes next".to_owned()
            } else {
                format!("<code>{}</code>", escape(&clave))
            };
            let _infallible = write!(
                page,
                "<tr><td>{whose}</td><td><code>{fault}</code></td><td>{times}</td><td>{}</td></tr>",
                button("disarm", "disarm", &[("clave", &clave)])
            );
        }
        page.push_str("</table>");
    }
    page.push_str("</section>");
}

fn settings(bank: &Bank, page: &mut String) {
    let now = bank.settings();
    let webhook = now.webhook_url.as_deref().map_or("nowhere".to_owned(), without_secret);
    let _infallible = write!(
        page,
        "<section><h2>Settings</h2><dl><dt>settles after</dt><dd>{} ms</dd><dt>hidden, slow, late</dt><dd>{}, {}, {} ms</dd>\
         <dt>refuses a repeated clave</dt><dd>{}</dd><dt>answers</dt><dd>{}</dd><dt>webhooks to</dt><dd><code>{}</code></dd>\
         <dt>refuses all</dt><dd>{}</dd><dt>chaos</dt><dd>{}</dd></dl><br>",
        now.settle_after_ms,
        now.hidden_ms,
        now.slow_ms,
        now.late_ms,
        if now.dedupe { "yes" } else { "no" },
        if now.legacy_answers {
            "in the legacy format"
        } else {
            "in the format of the question"
        },
        escape(&webhook),
        now.refuse_all.map_or("no".to_owned(), |code| format!("with {code}")),
        now.chaos.map_or("off".to_owned(), |chaos| format!(
            "seed {}, {} % of claves",
            chaos.seed, chaos.percent
        )),
    );
    page.push_str(&match now.refuse_all {
        Some(_) => button("refuse", "stop refusing", &[]),
        None => "<form method=\"post\" action=\"/page/refuse\"><input name=\"code\" value=\"-20\" size=\"5\" required>\
                 <button>refuse all with this code</button></form>"
            .to_owned(),
    });
    page.push_str(&match now.chaos {
        Some(_) => button("chaos", "end the chaos", &[]),
        None => {
            "<form method=\"post\" action=\"/page/chaos\"><input name=\"chaos\" value=\"42:20\" size=\"9\" required>\
                 <button>chaos from seed:percent</button></form>"
                .to_owned()
        }
    });
    let change = if now.legacy_answers {
        ("false", "answer as asked")
    } else {
        ("true", "answer in the legacy format")
    };
    page.push_str(&button("legacy", change.1, &[("legacy", change.0)]));
    page.push_str("</section>");
}

async fn orders(bank: &Bank, page: &mut String) -> Result<(), Failure> {
    let (count, latest) = bank
        .read(|book| {
            let orders = book.orders();
            let latest: Vec<OrderView> = orders.iter().rev().take(LATEST).cloned().collect();
            (orders.len(), latest)
        })
        .await?;
    let _infallible = write!(page, "<section><h2>Latest orders ({} of {count})</h2>", latest.len());
    if latest.is_empty() {
        page.push_str(
            "<p class=\"none\">No order yet. Ask giro for a payout; its cents choose the fault.</p></section>",
        );
        return Ok(());
    }
    page.push_str(
        "<div class=\"scroll\"><table><tr><th>taken (UTC)</th><th>clave</th><th>folio</th><th class=\"n\">MXN</th>\
         <th>state</th><th>fault</th><th>do</th></tr>",
    );
    for order in latest {
        let clave = order.clave_rastreo.as_str();
        let at = order.at.to_string();
        let quiet = order.fault.needs_telling() && !order.spoken;
        let mut buttons = String::new();
        if quiet {
            buttons.push_str(&button("speak", "speak", &[("clave", clave)]));
        }
        for (action, estado, label) in [
            ("state", "LQ", "settle"),
            ("state", "CN", "cancel"),
            ("state", "D", "return"),
            ("webhook", order.estado.as_str(), "webhook"),
        ] {
            if action == "webhook" || estado != order.estado {
                buttons.push_str(&button(action, label, &[("clave", clave), ("estado", estado)]));
            }
        }
        let _infallible = write!(
            page,
            "<tr><td>{}</td><td><code>{}</code></td><td>{}</td><td class=\"n\">{}</td>\
             <td><span class=\"state {estado}\">{estado}</span></td><td>{}</td><td>{buttons}</td></tr>",
            escape(at.get(11..19).unwrap_or(&at)),
            escape(clave),
            order.id,
            decimal(order.monto),
            order.fault.name(),
            estado = escape(&order.estado),
        );
    }
    page.push_str("</table></div></section>");
    Ok(())
}

fn table(page: &mut String) {
    page.push_str("<section><details><summary>What each cents does</summary><div class=\"scroll\"><table>");
    for row in TABLE {
        let _infallible = write!(
            page,
            "<tr><td>.{}</td><td><code>{}</code></td><td class=\"w\">{}</td><td class=\"w\">{}</td></tr>",
            row.cents,
            row.fault.name(),
            escape(row.does),
            escape(row.takes)
        );
    }
    page.push_str("</table></div></details></section>");
}

/// A form that is one button.
fn button(action: &str, label: &str, hidden: &[(&str, &str)]) -> String {
    let fields: String = hidden.iter().fold(String::new(), |mut fields, (name, value)| {
        let _infallible = write!(
            fields,
            "<input type=\"hidden\" name=\"{name}\" value=\"{}\">",
            escape(value)
        );
        fields
    });
    format!("<form method=\"post\" action=\"/page/{action}\">{fields}<button>{label}</button></form> ")
}

/// The address with its last but one part left out: it is the secret that lets one in.
fn without_secret(url: &str) -> String {
    let mut parts: Vec<&str> = url.split('/').collect();
    if let Some(secret) = parts
        .len()
        .checked_sub(2)
        .and_then(|at| parts.get_mut(at))
        .filter(|part| !part.is_empty())
    {
        *secret = "***";
    }
    parts.join("/")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

/// The fields of every form of the page.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Form {
    fault: String,
    clave: String,
    times: String,
    estado: String,
    code: String,
    chaos: String,
    legacy: String,
}

/// `POST /page/{action}`: does it and shows the page again.
pub(super) async fn act(State(bank): State<Arc<Bank>>, Path(action): Path<String>, body: String) -> Response {
    let (name, text) = match doing(bank, &action, &body).await {
        Ok(said) => ("said", said),
        Err(why) => ("wrong", why),
    };
    let there = reqwest::Url::parse_with_params("http://sim/", [(name, text)]);
    let query = there
        .ok()
        .and_then(|url| url.query().map(str::to_owned))
        .unwrap_or_default();
    Redirect::to(&format!("/?{query}")).into_response()
}

async fn doing(bank: Arc<Bank>, action: &str, body: &str) -> Result<String, String> {
    let uri: Uri = format!("/?{}", body.trim())
        .parse()
        .map_err(|_| "the form does not read".to_owned())?;
    let Query(form) = Query::<Form>::try_from_uri(&uri).map_err(|why| why.to_string())?;
    let (state, clave) = (State(bank), form.clave.trim().to_owned());
    let whose = if clave.is_empty() {
        "whoever comes next".to_owned()
    } else {
        clave.clone()
    };
    let of_clave = (!clave.is_empty()).then(|| clave.clone());
    let estado = form.estado.clone();
    let change =
        |change: serde_json::Value| serde_json::from_value::<SettingsChange>(change).map_err(|why| why.to_string());
    let (done, said) = match action {
        "arm" => {
            let fault: Fault = form.fault.parse()?;
            let times = match form.times.trim() {
                "" => 1,
                times => times
                    .parse()
                    .map_err(|_| format!("times is a number from 1 on, not {times:?}"))?,
            };
            let arm = Arm {
                clave: of_clave,
                fault: Some(fault),
                times: Some(times),
            };
            (
                control::fault(state, Json(arm)).await.err(),
                format!("{} is armed for {whose}, {times} time(s)", fault.name()),
            )
        }
        "disarm" => {
            let arm = Arm {
                clave: of_clave,
                fault: None,
                times: None,
            };
            (
                control::fault(state, Json(arm)).await.err(),
                format!("nothing is armed for {whose}"),
            )
        }
        "speak" => (
            control::speak(state, Json(Named { clave })).await.err(),
            format!("{whose} speaks"),
        ),
        "state" => {
            let said = format!("{whose} is {estado}");
            (
                control::state(state, Json(NewState { clave, estado })).await.err(),
                said,
            )
        }
        "webhook" => {
            let said = format!("a webhook {estado} of {whose} is on its way");
            (
                control::webhook(state, Json(NewState { clave, estado })).await.err(),
                said,
            )
        }
        "refuse" => {
            let code = (!form.code.is_empty()).then_some(form.code.trim());
            let change = change(json!({"refuse_all": code}))?;
            let said = code.map_or("orders are judged again".to_owned(), |code| {
                format!("every order is refused with {code}")
            });
            (control::change_settings(state, Json(change)).await.err(), said)
        }
        "chaos" => {
            let chaos = (!form.chaos.is_empty()).then_some(form.chaos.trim());
            let change = change(json!({"chaos": chaos}))?;
            let said = chaos.map_or("the chaos is over".to_owned(), |chaos| format!("chaos {chaos}"));
            (control::change_settings(state, Json(change)).await.err(), said)
        }
        "legacy" => {
            let change = change(json!({"legacy_answers": form.legacy == "true"}))?;
            (
                control::change_settings(state, Json(change)).await.err(),
                "changed how queries are answered".to_owned(),
            )
        }
        _ => return Err(format!("the page has no action {action:?}")),
    };
    match done {
        Some(why) => Err(why.to_string()),
        None => Ok(said),
    }
}
