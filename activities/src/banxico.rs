//! Banxico's portal of receipts (CEP): what it is asked, and what it says. For people; nothing about money is decided by it.

mod asked;
mod page;

use std::time::Duration;

use jiff::{Timestamp, civil::Date};
use reqwest::{
    Method, RequestBuilder, Url,
    header::{CONTENT_TYPE, COOKIE, SET_COOKIE, USER_AGENT},
    redirect::Policy,
};
use workflows::domain::{Centavos, PaymentState, PortalAnswer, mexico_city};

use crate::{bank, ledger::rows::Payout, web};

pub use asked::{Asked, Next, Said, Told, Wish, answered, is_due, next, put_off, told, wish};
pub use page::{Cep, cep};

/// From the start of the connect to the last byte of a page.
const ONE_PAGE: Duration = Duration::from_secs(15);
const CONNECT: Duration = Duration::from_secs(5);
/// A page of it has some 12,000 bytes.
const MOST_BYTES: usize = 64 * 1024;
/// Banxico: it answers browsers only.
const BROWSER: &str = "Mozilla/5.0 (X11; Linux x86_64) giro";

/// Asks the portal.
#[derive(Clone)]
pub struct Portal {
    http: reqwest::Client,
    at: Url,
}

impl std::fmt::Debug for Portal {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Portal({})", self.at)
    }
}

/// What came of one question, as it is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct Answer {
    /// What it is.
    pub said: PortalAnswer,
    /// Where the payment stands, where the page says so.
    pub state: Option<PaymentState>,
    /// HTTP status of the last page.
    pub status: Option<u16>,
    /// The last page: the receipt, where there is one. It holds names and accounts.
    pub received: Vec<u8>,
}

/// Lengths only: the bytes hold names and accounts.
impl std::fmt::Debug for Answer {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (said, status, bytes) = (self.said, self.status, self.received.len());
        write!(
            out,
            "Answer({said}, {:?}, status {status:?}, {bytes} bytes)",
            self.state
        )
    }
}

/// A page that came, whole or not.
#[derive(Default)]
struct Came {
    status: Option<u16>,
    body: Vec<u8>,
    is_whole: bool,
    cookies: String,
}

/// Which payment is asked about.
#[derive(Clone, PartialEq, Eq)]
pub struct Question {
    tracking_key: String,
    issuer: u32,
    receiver: u32,
    account: String,
    amount: Centavos,
    days: Vec<Date>,
}

impl Question {
    /// About the order of a payout; `None` where the portal can have nothing of it: it was never begun, stays in giro, or goes
    /// back to a sender by the key of a deposit.
    pub fn of(payout: &Payout) -> Option<Self> {
        let is_an_order = payout.to_account.is_none() && payout.sends_back.is_none();
        let operating_date = payout.operating_date.filter(|_| is_an_order)?;
        let could_go = payout
            .process_after
            .map_or(payout.accepted_at, |at| at.max(payout.accepted_at));
        let sent_at = payout.send_before.unwrap_or(could_go);
        Some(Self {
            tracking_key: payout.tracking_key.to_string(),
            issuer: bank::institution(&payout.bank)?,
            receiver: payout.institution,
            account: payout.clabe.expose().to_owned(),
            amount: payout.amount,
            days: days([sent_at, could_go], operating_date),
        })
    }

    /// Days that it is asked by, the likeliest first.
    pub fn days(&self) -> &[Date] {
        &self.days
    }

    /// The day of an attempt, counted from 0.
    pub fn day(&self, attempt: u32) -> Date {
        let at = usize::try_from(attempt).unwrap_or(0) % self.days.len().max(1);
        self.days.get(at).copied().unwrap_or_default()
    }

    /// The form that `valida.do` takes.
    fn form(&self, day: Date) -> String {
        let (day, amount) = (day.strftime("%d-%m-%Y").to_string(), self.amount.decimal());
        let (issuer, receiver) = (self.issuer.to_string(), self.receiver.to_string());
        let fields = [
            ("tipoCriterio", "T"),
            ("captcha", "c"),
            ("tipoConsulta", "1"),
            ("fecha", &day),
            ("criterio", &self.tracking_key),
            ("emisor", &issuer),
            ("receptor", &receiver),
            ("cuenta", &self.account),
            ("monto", &amount),
            ("receptorParticipante", "0"),
        ];
        let form = Url::parse_with_params("https://www.banxico.org.mx", fields);
        form.ok()
            .and_then(|form| form.query().map(str::to_owned))
            .unwrap_or_default()
    }

    /// True for the receipt of this very payment.
    fn is_of(&self, receipt: &Cep) -> bool {
        receipt.tracking_key == self.tracking_key && receipt.account == self.account && receipt.amount == self.amount
    }
}

/// The days that a payment may be found by, the likeliest first: that of its last send, that on which it could first go (the
/// books may have lost a begin, a fence passes midnight), and its operating date.
///
/// Banxico: by the calendar day in Mexico City, also after 18:00, when its receipt has the next operating date; whether that one
/// finds it too is not known.
fn days(moments: [Timestamp; 2], operating_date: Date) -> Vec<Date> {
    let calendar = moments.map(|at| at.to_zoned(mexico_city()).date());
    let mut days = Vec::new();
    for day in calendar.into_iter().chain([operating_date]) {
        if !days.contains(&day) {
            days.push(day);
        }
    }
    days
}

impl Portal {
    /// The portal at the address that `valida.do` is added to; the error says what is wrong.
    pub fn new(address: &str) -> Result<Self, &'static str> {
        let at = format!("{}/", address.trim_end_matches('/'));
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .timeout(ONE_PAGE)
            .redirect(Policy::none())
            .build()
            .map_err(|_| "this machine has no certificate authorities: install its ca-certificates package")?;
        Ok(Self {
            http,
            at: Url::parse(&at).map_err(|_| "no address of a portal")?,
        })
    }

    /// Asks once about a payment of a day: two pages, where there is a receipt.
    pub async fn ask(&self, question: &Question, day: Date) -> Answer {
        let form = question.form(day);
        let asked = self.request(Method::POST, "valida.do");
        let asked = asked
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(form);
        let found = page(asked).await;
        let (said, state) = page::read(&found);
        if said != PortalAnswer::Receipt {
            return answer(found, said, state);
        }
        // Banxico: the receipt is the session's.
        let asked = self.request(Method::GET, "descarga.do?formato=XML");
        let receipt = page(asked.header(COOKIE, &found.cookies)).await;
        let said = match cep(&receipt.body).filter(|_| receipt.is_whole) {
            Some(cep) if question.is_of(&cep) => PortalAnswer::Receipt,
            Some(_) => {
                return answer(
                    Came {
                        body: Vec::new(),
                        ..receipt
                    },
                    PortalAnswer::Unclear,
                    None,
                );
            }
            None => match page::read(&receipt) {
                // It offers what it has just not given.
                (PortalAnswer::Receipt | PortalAnswer::NoReceipt | PortalAnswer::NotFound, _) => PortalAnswer::Unclear,
                (said, _) => said,
            },
        };
        answer(receipt, said, None)
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        // What is joined is a constant of this file.
        let at = self.at.join(path).unwrap_or_else(|_| self.at.clone());
        self.http.request(method, at).header(USER_AGENT, BROWSER)
    }
}

/// Sends a request and reads what comes.
async fn page(request: RequestBuilder) -> Came {
    let mut came = Came::default();
    let Ok(mut response) = request.send().await else {
        return came;
    };
    came.status = Some(response.status().as_u16());
    let set = response.headers().get_all(SET_COOKIE).into_iter();
    let pairs = set.filter_map(|value| value.to_str().ok()?.split(';').next());
    came.cookies = pairs.collect::<Vec<_>>().join("; ");
    came.is_whole = web::take(&mut response, &mut came.body, MOST_BYTES).await.is_ok();
    came
}

/// Of what says no more than its word nothing is kept, and nothing of another's receipt.
fn answer(page: Came, said: PortalAnswer, state: Option<PaymentState>) -> Answer {
    let received = match said {
        PortalAnswer::Receipt | PortalAnswer::Unclear => page.body,
        PortalAnswer::NoReceipt | PortalAnswer::NotFound | PortalAnswer::TooMany | PortalAnswer::Silent => Vec::new(),
    };
    Answer {
        said,
        state,
        status: page.status,
        received,
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn question([sent_at, could_go]: [&str; 2], operating_date: Date) -> Question {
        Question {
            tracking_key: "KEY 1&2".to_owned(),
            issuer: 90_646,
            receiver: 40_012,
            account: "012180004643051249".to_owned(),
            amount: Centavos::new(817),
            days: days(
                [sent_at, could_go].map(|at| at.parse().expect("a time")),
                operating_date,
            ),
        }
    }

    #[test]
    fn it_is_asked_by_the_calendar_day_and_then_by_the_operating_date() {
        // A Thursday at 18:02, whose operating date is the Friday.
        let evening = question(["2024-11-08T00:02:30Z"; 2], date(2024, 11, 8));
        assert_eq!(evening.days(), [date(2024, 11, 7), date(2024, 11, 8)]);
        assert_eq!((0..3).map(|n| evening.day(n).day()).collect::<Vec<_>>(), [7, 8, 7]);
        let noon = question(["2024-11-08T18:00:00Z"; 2], date(2024, 11, 8));
        assert_eq!(noon.days(), [date(2024, 11, 8)]);
        assert_eq!(noon.day(7), date(2024, 11, 8));
        // Sent on the Thursday evening; the books lost that, and took it in on the Friday at noon.
        let adopted = question(["2024-11-08T18:00:00Z", "2024-11-08T00:02:30Z"], date(2024, 11, 8));
        assert_eq!(adopted.days(), [date(2024, 11, 8), date(2024, 11, 7)]);
    }

    #[test]
    fn the_form_is_the_portals() {
        let noon = question(["2024-11-08T18:00:00Z"; 2], date(2024, 11, 8));
        assert_eq!(
            noon.form(noon.day(0)),
            "tipoCriterio=T&captcha=c&tipoConsulta=1&fecha=08-11-2024&criterio=KEY+1%262&emisor=90646&receptor=40012\
             &cuenta=012180004643051249&monto=8.17&receptorParticipante=0"
        );
    }

    #[test]
    fn an_address_may_end_in_a_slash_or_not() {
        for address in ["https://www.banxico.org.mx/cep", "https://www.banxico.org.mx/cep/"] {
            let portal = Portal::new(address).expect("a portal");
            let request = portal.request(Method::GET, "valida.do").build().expect("a request");
            assert_eq!(request.url().as_str(), "https://www.banxico.org.mx/cep/valida.do");
        }
        assert!(Portal::new("banxico").is_err());
    }
}
