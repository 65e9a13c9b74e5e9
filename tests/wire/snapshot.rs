//! Compares what the code writes now with what others froze; the snapshots lie beside this file.

use std::{fs, path::Path};

use serde_json::Value;

/// Fails when `now` is no longer the snapshot `name`; `breaks` says what that breaks. Additions may be let through.
pub(crate) fn hold(name: &str, now: &Value, additions_pass: bool, breaks: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/wire").join(name);
    if std::env::var_os("GIRO_RECORD").is_some() {
        fs::write(&file, format!("{now:#}\n")).expect("the snapshot is written");
    }
    let kept = fs::read(&file).expect("a snapshot; GIRO_RECORD=1 writes it");
    let kept: Value = serde_json::from_slice(&kept).expect("a snapshot is JSON");
    let mut differences = Vec::new();
    compare("", &kept, now, &mut differences);
    differences.retain(|(is_addition, _)| !(additions_pass && *is_addition));
    let lines: Vec<String> = differences.into_iter().map(|(_, line)| line).collect();
    assert!(
        lines.is_empty(),
        "{name} is no longer what was frozen:\n{}\nThis breaks {breaks}. If that is meant, record it anew: GIRO_RECORD=1 cargo test --workspace",
        lines.join("\n")
    );
}

/// Each difference, and whether it only adds.
fn compare(at: &str, kept: &Value, now: &Value, differences: &mut Vec<(bool, String)>) {
    if let (Value::Object(kept), Value::Object(now)) = (kept, now) {
        for (name, kept) in kept {
            let at = format!("{at}/{name}");
            match now.get(name) {
                Some(now) => compare(&at, kept, now, differences),
                None => differences.push((false, format!("gone: {at}"))),
            }
        }
        let new = now.keys().filter(|name| !kept.contains_key(*name));
        differences.extend(new.map(|name| (true, format!("new: {at}/{name}"))));
    } else if let (Value::Array(kept), Value::Array(now)) = (kept, now)
        && kept.len() == now.len()
    {
        for (place, (kept, now)) in kept.iter().zip(now).enumerate() {
            compare(&format!("{at}/{place}"), kept, now, differences);
        }
    } else if kept != now {
        differences.push((false, format!("changed: {at}: was {kept}, is {now}")));
    }
}
