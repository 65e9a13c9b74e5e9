//! The catalogue of SPEI participants: which institution holds a CLABE, and whether it can be paid on a day.

use std::fmt;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::Clabe;

/// A SPEI participant's code, such as 40012; Banxico's own has four digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InstitutionCode(u32);

impl InstitutionCode {
    /// Wraps a code; whether it names a participant is the catalogue's to say.
    pub const fn new(code: u32) -> Self {
        Self(code)
    }

    /// The code as a number.
    pub const fn get(self) -> u32 {
        self.0
    }
}

/// The digits, as the bank wants them.
impl fmt::Display for InstitutionCode {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, out)
    }
}

impl fmt::Debug for InstitutionCode {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, out)
    }
}

/// How an institution stands in the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// A participant that customers can be paid at.
    Listed,
    /// A participant without customer accounts.
    Infrastructure,
    /// No participant any more.
    Historical,
    /// A counterpart in a bank's demo, and nowhere else.
    DemoOnly,
}

/// One row of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Institution {
    /// Its SPEI code.
    pub code: InstitutionCode,
    /// Its short name, for people.
    pub name: String,
    /// The first three digits of its CLABEs; `None` for a bank's second code.
    pub clabe_prefix: Option<String>,
    /// How it stands.
    pub standing: Standing,
    /// First operating date of the row; `None` = open.
    pub valid_from: Option<Date>,
    /// Last operating date of the row, itself included; `None` = open.
    pub valid_until: Option<Date>,
}

impl Institution {
    fn is_valid_on(&self, on: Date) -> bool {
        self.valid_from.is_none_or(|from| from <= on) && self.valid_until.is_none_or(|until| on <= until)
    }

    fn collides_with(&self, other: &Self) -> bool {
        let starts_by_the_end = |one: &Self, two: &Self| match (one.valid_from, two.valid_until) {
            (Some(from), Some(until)) => from <= until,
            (None, _) | (_, None) => true,
        };
        self.clabe_prefix.is_some()
            && self.clabe_prefix == other.clabe_prefix
            && self.standing == other.standing
            && matches!(self.standing, Standing::Listed | Standing::DemoOnly)
            && starts_by_the_end(self, other)
            && starts_by_the_end(other, self)
    }
}

/// The line and field of a catalogue that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("institutions, line {line}, {field}: {fix}")]
pub struct CatalogueError {
    /// Counted from 1, comments included.
    pub line: usize,
    /// The column, or `row`.
    pub field: &'static str,
    /// What to write instead.
    pub fix: &'static str,
}

/// Columns of the catalogue, in order; the header line must be these.
const HEADER: &str = "code,name,clabe_prefix,kind,status,valid_from,valid_until,notes";

/// Every known institution, from data that can be reloaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Institutions {
    rows: Vec<Institution>,
    demo: bool,
}

impl Institutions {
    /// The catalogue that giro ships with.
    pub fn builtin() -> Result<Self, CatalogueError> {
        Self::parse(include_str!("../../data/institutions.csv"))
    }

    /// Reads a catalogue: `#` comments, the header, then one plain comma-separated row each, without quotes.
    ///
    /// Refused whole when any row is wrong, a code is twice, or two payable rows share a prefix on a day.
    pub fn parse(text: &str) -> Result<Self, CatalogueError> {
        let mut lines = (1..)
            .zip(text.lines().map(str::trim))
            .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let (line, header) = lines.next().unwrap_or((1, ""));
        if header != HEADER {
            let fix = "start with code,name,clabe_prefix,kind,status,valid_from,valid_until,notes";
            return Err(CatalogueError {
                line,
                field: "row",
                fix,
            });
        }
        let mut rows: Vec<Institution> = Vec::new();
        for (line, text) in lines {
            let row = row(line, text)?;
            if rows.iter().any(|other| other.code == row.code) {
                return Err(CatalogueError {
                    line,
                    field: "code",
                    fix: "this code has a row already: keep one",
                });
            }
            if rows.iter().any(|other| other.collides_with(&row)) {
                let fix = "another payable row has this prefix on the same days: end one with valid_until";
                return Err(CatalogueError {
                    line,
                    field: "clabe_prefix",
                    fix,
                });
            }
            rows.push(row);
        }
        if rows.is_empty() {
            return Err(CatalogueError {
                line,
                field: "row",
                fix: "a catalogue has at least one institution",
            });
        }
        Ok(Self { rows, demo: false })
    }

    /// The same, with the counterparts of a bank's demo payable. Never in production.
    #[must_use]
    pub fn with_demo(self) -> Self {
        Self { demo: true, ..self }
    }

    /// The institution that holds `clabe` and can be paid on operating date `on`.
    ///
    /// `None` also for a known prefix that cannot be paid; [`Institutions::knows`] tells which.
    pub fn of(&self, clabe: &Clabe, on: Date) -> Option<&Institution> {
        self.with_prefix(clabe).find(|row| self.pays(row, on))
    }

    /// True when customers of `row` can be paid on operating date `on`.
    pub fn pays(&self, row: &Institution, on: Date) -> bool {
        self.is_payable(row) && row.is_valid_on(on)
    }

    /// Every row, payable or not, in the catalogue's order.
    pub fn iter(&self) -> impl Iterator<Item = &Institution> {
        self.rows.iter()
    }

    /// True when some row, payable or not, on whatever day, has the prefix of `clabe`.
    pub fn knows(&self, clabe: &Clabe) -> bool {
        self.with_prefix(clabe).next().is_some()
    }

    /// The institution with `code`, payable or not.
    pub fn code(&self, code: InstitutionCode) -> Option<&Institution> {
        self.rows.iter().find(|row| row.code == code)
    }

    fn with_prefix<'a>(&'a self, clabe: &Clabe) -> impl Iterator<Item = &'a Institution> {
        self.rows
            .iter()
            .filter(|row| row.clabe_prefix.as_deref() == Some(clabe.prefix()))
    }

    fn is_payable(&self, row: &Institution) -> bool {
        match row.standing {
            Standing::Listed => true,
            Standing::DemoOnly => self.demo,
            Standing::Infrastructure | Standing::Historical => false,
        }
    }
}

fn row(line: usize, text: &str) -> Result<Institution, CatalogueError> {
    let wrong = |field, fix| CatalogueError { line, field, fix };
    let cells: Vec<&str> = text.split(',').map(str::trim).collect();
    let &[code, name, prefix, _kind, status, from, until, _notes] = cells.as_slice() else {
        return Err(wrong("row", "write 8 fields, 7 commas"));
    };
    let digits = |cell: &str| !cell.is_empty() && cell.bytes().all(|byte| byte.is_ascii_digit());
    let code = Some(code)
        .filter(|cell| digits(cell) && cell.len() <= 5)
        .and_then(|cell| cell.parse().ok())
        .filter(|code| *code > 0)
        .ok_or_else(|| wrong("code", "write 1 to 5 digits"))?;
    if name.is_empty() || name.contains('"') {
        return Err(wrong("name", "write a name without quotes"));
    }
    if !(prefix.is_empty() || digits(prefix) && prefix.len() == 3) {
        return Err(wrong("clabe_prefix", "write 3 digits, or nothing"));
    }
    let standing = match status {
        "listed" => Standing::Listed,
        "infrastructure" => Standing::Infrastructure,
        "historical" => Standing::Historical,
        "demo_only" => Standing::DemoOnly,
        _ => return Err(wrong("status", "write listed, infrastructure, historical or demo_only")),
    };
    let date = |field, cell: &str| match cell {
        "" => Ok(None),
        _ => cell
            .parse::<Date>()
            .map(Some)
            .map_err(|_| wrong(field, "write YYYY-MM-DD, or nothing")),
    };
    let (valid_from, valid_until) = (date("valid_from", from)?, date("valid_until", until)?);
    if let (Some(from), Some(until)) = (valid_from, valid_until)
        && until < from
    {
        return Err(wrong("valid_until", "write a day that is not before valid_from"));
    }
    Ok(Institution {
        code: InstitutionCode(code),
        name: name.to_owned(),
        clabe_prefix: (!prefix.is_empty()).then(|| prefix.to_owned()),
        standing,
        valid_from,
        valid_until,
    })
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    const TODAY: Date = date(2026, 4, 1);

    fn clabe(text: &str) -> Clabe {
        Clabe::new(text).expect("valid")
    }

    fn paid_at(institutions: &Institutions, text: &str) -> Option<u32> {
        institutions.of(&clabe(text), TODAY).map(|found| found.code.get())
    }

    #[test]
    fn the_builtin_catalogue_knows_its_banks() {
        let institutions = Institutions::builtin().expect("the shipped catalogue reads");
        for (text, code) in [
            ("002000000000000008", Some(40_002)),
            ("012180004643051249", Some(40_012)),
            ("646180110400000007", Some(90_646)),
            ("659802025000339321", Some(90_659)),
            ("846180000400000001", None),
            ("032180000118359719", None),
            ("000000000000000000", None),
            ("566180000553286528", None),
        ] {
            assert_eq!(paid_at(&institutions, text), code, "{text}");
        }
        assert_eq!(
            institutions
                .code(InstitutionCode::new(40_638))
                .map(|found| found.name.as_str()),
            Some("NUBANK")
        );
        assert_eq!(
            institutions
                .code(InstitutionCode::new(90_638))
                .map(|found| found.standing),
            Some(Standing::Historical)
        );
        assert_eq!(institutions.code(InstitutionCode::new(1)), None);
    }

    #[test]
    fn a_demo_prefix_is_payable_in_a_demo_only() {
        let institutions = Institutions::builtin().expect("the shipped catalogue reads");
        let demo = "846180000500000008";
        assert!(institutions.knows(&clabe(demo)) && paid_at(&institutions, demo).is_none());
        assert_eq!(paid_at(&institutions.with_demo(), demo), Some(97_846));
    }

    #[test]
    fn a_prefix_changes_hands_on_a_day() {
        let text = format!(
            "# owner: a test\n{HEADER}\n90638,Nu,638,x,listed,,2026-03-31,\n\
             40638,Nu bank,638,x,listed,2026-04-01,,\n91000,Old,639,x,historical,,,\n"
        );
        let institutions = Institutions::parse(&text).expect("reads");
        let nu = (0..10)
            .find_map(|last| Clabe::new(&format!("63818000000000000{last}")).ok())
            .expect("one fits");
        for (on, code) in [(date(2026, 3, 31), 90_638), (date(2026, 4, 1), 40_638)] {
            assert_eq!(institutions.of(&nu, on).map(|found| found.code.get()), Some(code));
        }
        let old = (0..10)
            .find_map(|last| Clabe::new(&format!("63918000000000000{last}")).ok())
            .expect("one fits");
        assert!(institutions.knows(&old) && institutions.of(&old, TODAY).is_none());
    }

    #[test]
    fn a_wrong_catalogue_names_line_and_field() {
        for (rows, line, field) in [
            ("", 1, "row"),
            ("1,a,001,x,listed,,", 2, "row"),
            ("1,a,001,x,listed,,,,", 2, "row"),
            ("+1,a,001,x,listed,,,", 2, "code"),
            ("0,a,001,x,listed,,,", 2, "code"),
            ("123456,a,001,x,listed,,,", 2, "code"),
            ("1,,001,x,listed,,,", 2, "name"),
            ("1,a,01,x,listed,,,", 2, "clabe_prefix"),
            ("1,a,0x1,x,listed,,,", 2, "clabe_prefix"),
            ("1,a,001,x,Listed,,,", 2, "status"),
            ("1,a,001,x,listed,2026-02-30,,", 2, "valid_from"),
            ("1,a,001,x,listed,,soon,", 2, "valid_until"),
            ("1,a,001,x,listed,2026-02-02,2026-02-01,", 2, "valid_until"),
            ("1,a,001,x,listed,,,\n# two\n1,b,002,x,listed,,,", 4, "code"),
            (
                "1,a,001,x,listed,,2026-02-02,\n2,b,001,x,listed,2026-02-02,,",
                3,
                "clabe_prefix",
            ),
        ] {
            let error = Institutions::parse(&format!("{HEADER}\n{rows}")).expect_err("wrong");
            assert_eq!((error.line, error.field), (line, field), "{rows}");
        }
        assert_eq!(Institutions::parse("code,name\n").expect_err("wrong").field, "row");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,80}") {
            let _ = Institutions::parse(&text);
            let _ = Institutions::parse(&format!("{HEADER}\n{text}"));
        }
    }
}
