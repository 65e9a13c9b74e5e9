//! The API's own bytes, indented: tokens and their order stay as they came.

/// Indents a JSON text by two spaces; what is no JSON comes out no worse than it went in.
pub(super) fn indented(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        if quoted {
            out.push(letter);
            quoted = escaped || letter != '"';
            escaped = !escaped && letter == '\\';
            continue;
        }
        match letter {
            '{' | '[' => {
                while letters.next_if(|next| next.is_ascii_whitespace()).is_some() {}
                out.push(letter);
                if let Some(end) = letters.next_if(|next| matches!(next, '}' | ']')) {
                    out.push(end);
                } else {
                    depth += 1;
                    line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line(&mut out, depth);
                out.push(letter);
            }
            ',' => {
                out.push(letter);
                line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            letter if letter.is_ascii_whitespace() => {}
            letter => {
                quoted = letter == '"';
                out.push(letter);
            }
        }
    }
    out
}

fn line(out: &mut String, depth: usize) {
    out.push('\n');
    out.push_str(&"  ".repeat(depth));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_token_stays_where_it_was() {
        let text = r#"{"z":1,"a":[],"b":{ },"c":[{"d":"x\",{\\"},12345678901234567890],"e":null}"#;
        let shown = indented(text);
        assert!(
            shown.starts_with("{\n  \"z\": 1,\n  \"a\": [],\n  \"b\": {},\n  \"c\": [\n    {"),
            "{shown}"
        );
        assert!(
            shown.contains(r#""d": "x\",{\\""#) && shown.contains("12345678901234567890"),
            "{shown}"
        );
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("is JSON");
        assert_eq!(read(&shown), read(text));
        assert_eq!(indented(&shown), shown, "twice is once");
    }
}
