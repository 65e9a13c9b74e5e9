//! What a value must be beyond its type; every sentence names the key and the fix.

use activities::bank::fence;
use secrecy::ExposeSecret;
use sqlx::postgres::PgConnectOptions;
use workflows::domain::Centavos;

use super::{Config, Environment};

/// An order's whole exchange with a bank ends within this; the books refuse to end a payout sooner.
const SHORTEST_MARGIN: u32 = 10;
/// What production keeps at least: below, an order may surface after giro counted it as lost.
const SHORTEST_HORIZON: u32 = 120;
const SHORTEST_GAP: u32 = 30;
const LONGEST: u32 = 7 * 24 * 3600;
const LARGEST_FEE: i64 = 1_000_000;

/// Collects every fault of a configuration.
pub(super) fn check(config: &Config) -> Result<(), Vec<String>> {
    let mut wrong = Vec::new();
    connections(config, &mut wrong);
    api(config, &mut wrong);
    webhooks(config, &mut wrong);
    money(config, &mut wrong);
    seconds(config, &mut wrong);
    need((1..=600).contains(&config.received.pull_seconds), &mut wrong, || {
        "received.pull_seconds: write a number from 1 to 600".to_owned()
    });
    need(is_web(&config.banxico.portal), &mut wrong, || {
        "banxico.portal: write an address such as https://host/path".to_owned()
    });
    need((1..=60).contains(&config.banxico.every_seconds), &mut wrong, || {
        "banxico.every_seconds: write a number from 1 to 60".to_owned()
    });
    metrics(config, &mut wrong);
    if let Some(stp) = &config.stp {
        need((1..=1_000).contains(&stp.per_second), &mut wrong, || {
            "stp.per_second: write a number from 1 to 1000".to_owned()
        });
        for (key, url) in [
            ("stp.orders_url", &stp.orders_url),
            ("stp.queries_url", &stp.queries_url),
        ] {
            need(is_web(url), &mut wrong, || {
                format!("{key}: write an address such as https://host/path")
            });
        }
    }
    if config.environment == Environment::Production {
        production(config, &mut wrong);
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}

fn need(is_right: bool, wrong: &mut Vec<String>, sentence: impl FnOnce() -> String) {
    if !is_right {
        wrong.push(sentence());
    }
}

fn connections(config: &Config, wrong: &mut Vec<String>) {
    let url = config.database.url.expose_secret();
    let is_postgres = ["postgres://", "postgresql://"]
        .iter()
        .any(|scheme| url.starts_with(scheme));
    need(is_postgres && url.parse::<PgConnectOptions>().is_ok(), wrong, || {
        "database.url: write postgres://user:password@host:port/name".to_owned()
    });
    need((2..=500).contains(&config.database.connections), wrong, || {
        "database.connections: write a number from 2 to 500".to_owned()
    });
    let temporal = &config.temporal;
    need(is_place(&temporal.address), wrong, || {
        "temporal.address: write host:port, or http://host:port, or https://host:port".to_owned()
    });
    for (key, name) in [
        ("temporal.namespace", &temporal.namespace),
        ("temporal.task_queue", &temporal.task_queue),
    ] {
        need(is_name(name), wrong, || {
            format!("{key}: write 1 to 64 letters, digits, dots, dashes or underscores")
        });
    }
}

fn api(config: &Config, wrong: &mut Vec<String>) {
    let api = &config.api;
    let callers = [
        ("api.caller", Some(&api.caller)),
        ("api.direct_start_caller", api.direct_start_caller.as_ref()),
    ];
    for (key, name) in callers.into_iter().filter_map(|(key, name)| Some((key, name?))) {
        need(is_name(name), wrong, || {
            format!("{key}: write 1 to 64 letters, digits, dots, dashes or underscores")
        });
    }
    need(api.ui().is_none_or(is_web), wrong, || {
        "api.ui: write an address such as http://127.0.0.1:8233".to_owned()
    });
    need((1_024..=1_048_576).contains(&api.body_limit_bytes), wrong, || {
        "api.body_limit_bytes: write a number from 1024 to 1048576".to_owned()
    });
    for (key, value, least, most) in [
        ("api.connections", api.connections, 8, 100_000),
        // Below 8 KiB the library that reads heads refuses to start.
        ("api.header_limit_bytes", api.header_limit_bytes, 8_192, 65_536),
    ] {
        need((least..=most).contains(&value), wrong, || {
            format!("{key}: write a number from {least} to {most}")
        });
    }
    for (key, value) in [
        ("api.header_seconds", api.header_seconds),
        ("api.idle_seconds", api.idle_seconds),
    ] {
        need((1..=600).contains(&value), wrong, || {
            format!("{key}: write a number from 1 to 600")
        });
    }
}

fn webhooks(config: &Config, wrong: &mut Vec<String>) {
    let webhooks = &config.webhooks;
    need(
        webhooks.secret.is_none() || webhooks.listen.port() == 0 || webhooks.listen != config.api.listen,
        wrong,
        || "webhooks.listen: write another port than api.listen has: banks have a listener of their own".to_owned(),
    );
    if let Some(secret) = webhooks.secret.as_ref().map(|secret| secret.expose_secret()) {
        let is_segment = (8..=200).contains(&secret.len())
            && secret
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        need(is_segment, wrong, || {
            "webhooks.secret: write 8 to 200 letters, digits, dashes or underscores, or leave it out".to_owned()
        });
    }
    need(
        webhooks.basic_user.is_some() == webhooks.basic_password.is_some(),
        wrong,
        || "webhooks.basic_password: user and password go together: write both, or neither".to_owned(),
    );
    // RFC 7617: a colon would end the user's name.
    let is_user = |user: &String| is_shown(user) && !user.contains(':');
    need(webhooks.basic_user.as_ref().is_none_or(is_user), wrong, || {
        "webhooks.basic_user: write 1 to 200 visible ASCII characters, and no colon".to_owned()
    });
    let password = webhooks
        .basic_password
        .as_ref()
        .map(|password| password.expose_secret());
    need(password.is_none_or(is_shown), wrong, || {
        "webhooks.basic_password: write 1 to 200 visible ASCII characters".to_owned()
    });
    need((1_024..=1_048_576).contains(&webhooks.body_limit_bytes), wrong, || {
        "webhooks.body_limit_bytes: write a number from 1024 to 1048576".to_owned()
    });
    need((1..=1_000_000).contains(&webhooks.per_second), wrong, || {
        "webhooks.per_second: write a number from 1 to 1000000".to_owned()
    });
}

fn is_shown(text: &str) -> bool {
    (1..=200).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn money(config: &Config, wrong: &mut Vec<String>) {
    let fee = &config.fee;
    let changes = fee.changes.iter().enumerate();
    let changes = changes.map(|(n, change)| (format!("fee.changes[{n}]"), change.centavos, change.iva_basis_points));
    let first = ("fee".to_owned(), fee.centavos, fee.iva_basis_points);
    for (key, centavos, iva_basis_points) in changes.chain([first]) {
        need((0..=LARGEST_FEE).contains(&centavos), wrong, || {
            format!(
                "{key}.centavos: write a number from 0 to {LARGEST_FEE}: {} at most",
                Centavos::new(LARGEST_FEE)
            )
        });
        need(iva_basis_points <= 10_000, wrong, || {
            format!("{key}.iva_basis_points: write a number from 0 to 10000; 1600 is 16 %")
        });
    }
    if let Err(error) = fee.fees() {
        wrong.push(format!("fee.changes: write them in the order of time: {error}"));
    }
}

fn seconds(config: &Config, wrong: &mut Vec<String>) {
    let (deadlines, rules) = (config.deadlines, config.rules);
    let fence = u32::try_from(fence::LIFETIME.as_secs()).unwrap_or(u32::MAX);
    for (key, value, least) in [
        ("deadlines.accepted_seconds", deadlines.accepted_seconds, 1),
        ("deadlines.sending_seconds", deadlines.sending_seconds, 1),
        ("deadlines.sent_seconds", deadlines.sent_seconds, 1),
        ("rules.horizon_seconds", rules.horizon_seconds, 1),
        ("rules.question_gap_seconds", rules.question_gap_seconds, 1),
        // Shorter than the senders' own fence, it would be past while one may still send.
        ("rules.fence_seconds", rules.fence_seconds, fence),
        ("rules.margin_seconds", rules.margin_seconds, SHORTEST_MARGIN),
        ("relay.sweep_seconds", config.relay.sweep_seconds, 1),
    ] {
        let most = match key {
            "rules.fence_seconds" => LONGEST_FENCE,
            "relay.sweep_seconds" => LONGEST_SWEEP,
            _ => LONGEST,
        };
        need((least..=most).contains(&value), wrong, || {
            format!("{key}: write a number from {least} to {most}")
        });
    }
}

/// Any address may be bound: scrapers come from elsewhere, and no metric tells of a person.
fn metrics(config: &Config, wrong: &mut Vec<String>) {
    let metrics = config.metrics;
    let mut taken = vec![("api.listen", config.api.listen)];
    for (key, address) in [
        ("metrics.api", metrics.api),
        ("metrics.worker", metrics.worker),
        ("metrics.relay", metrics.relay),
        ("metrics.audit", metrics.audit),
        ("metrics.sdk", metrics.sdk),
    ] {
        let Some(address) = address.filter(|address| address.port() != 0) else {
            continue;
        };
        if let Some((other, _)) = taken.iter().find(|(_, taken)| *taken == address) {
            wrong.push(format!("{key}: {other} has {address} already: write another port"));
        }
        taken.push((key, address));
    }
    need((1..=3_600).contains(&metrics.books_seconds), wrong, || {
        "metrics.books_seconds: write a number from 1 to 3600".to_owned()
    });
}

/// Seconds that a fence may last in the books, far below the ten minutes of guard on either side of the roll; the senders'
/// own clocks use ten.
const LONGEST_FENCE: u32 = 60;
/// Seconds between two sweeps: a bank that came back is seen by one in time.
const LONGEST_SWEEP: u32 = 20;

fn production(config: &Config, wrong: &mut Vec<String>) {
    need(config.api.direct_start_caller.is_none(), wrong, || {
        "api.direct_start_caller: production takes no plaintext request through Temporal; send it to the API".to_owned()
    });
    let pinned = config.stp.as_ref().is_none_or(|stp| stp.pin_operating_date);
    need(pinned, wrong, || {
        "stp.pin_operating_date: production pins it, so that a late order is refused and not paid twice".to_owned()
    });
    for (key, secret, least) in [
        ("webhooks.secret", &config.webhooks.secret, 32),
        ("webhooks.basic_password", &config.webhooks.basic_password, 16),
    ] {
        let length = secret.as_ref().map(|secret| secret.expose_secret().len());
        need(length.is_none_or(|length| length >= least), wrong, || {
            format!("{key}: production takes {least} characters or more")
        });
    }
    need(!config.institutions.demo, wrong, || {
        "institutions.demo: production pays no demo counterpart".to_owned()
    });
    let rules = config.rules;
    for (key, value, least) in [
        ("rules.horizon_seconds", rules.horizon_seconds, SHORTEST_HORIZON),
        ("rules.question_gap_seconds", rules.question_gap_seconds, SHORTEST_GAP),
    ] {
        need(value >= least, wrong, || {
            format!("{key}: production takes {least} or more")
        });
    }
    let stp = config.stp.as_ref();
    let addresses = [
        Some(("banxico.portal", &config.banxico.portal)),
        stp.map(|stp| ("stp.orders_url", &stp.orders_url)),
        stp.map(|stp| ("stp.queries_url", &stp.queries_url)),
    ];
    for (key, url) in addresses.into_iter().flatten() {
        need(url.starts_with("https://"), wrong, || {
            format!("{key}: production takes https only")
        });
    }
}

/// 1 to 64 letters, digits, dots, dashes or underscores: callers, namespaces and queues.
pub(crate) fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
}

/// A web address without user, spaces or controls.
fn is_web(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        let host = rest.split('/').next().unwrap_or_default();
        !host.is_empty() && !host.contains('@') && rest.bytes().all(|byte| byte.is_ascii_graphic())
    })
}

/// `host:port`, with or without a scheme.
fn is_place(text: &str) -> bool {
    let bare = text
        .strip_prefix("https://")
        .or_else(|| text.strip_prefix("http://"))
        .unwrap_or(text);
    bare.rsplit_once(':').is_some_and(|(host, port)| {
        let is_host = !host.is_empty()
            && host
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte));
        is_host && port.parse::<u16>().is_ok_and(|port| port > 0)
    })
}
