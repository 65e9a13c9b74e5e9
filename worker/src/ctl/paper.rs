//! Tables and facts, as wide as the terminal, and 100 columns where there is none. What does not fit is cut at words
//! or wrapped; ids and amounts never are.

use std::io::{self, IsTerminal};

use comfy_table::{
    Attribute, Cell, CellAlignment, Color, ColumnConstraint, ContentArrangement, Row, Table, Width, presets::NOTHING,
};
use jiff::Timestamp;

use super::words::{Clock, plain};

/// Columns where nothing says how many there are; also the fewest that tables are made for.
const WIDTH: u16 = 100;
const NARROWEST: u16 = 60;

/// What answers are written on.
#[derive(Clone, Debug)]
pub(super) struct Paper {
    width: u16,
    is_coloured: bool,
    /// Whose times.
    pub(super) clock: Clock,
}

/// How something strikes the eye; on plain paper it does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Plain,
    Good,
    Odd,
    Bad,
    Quiet,
}

/// A word or a sentence, and how it strikes the eye.
#[derive(Clone, Debug)]
pub(super) struct Text {
    text: String,
    tone: Tone,
}

impl Text {
    /// Words that anybody may have written.
    pub(super) fn new(text: impl AsRef<str>, tone: Tone) -> Self {
        Self {
            text: plain(text.as_ref()),
            tone,
        }
    }
}

impl<T: AsRef<str>> From<T> for Text {
    fn from(text: T) -> Self {
        Self::new(text, Tone::Plain)
    }
}

/// A column: its head, and what becomes of what does not fit.
#[derive(Clone, Debug)]
pub(super) struct Column {
    head: String,
    fit: Fit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fit {
    Whole,
    Right,
    Cut,
    Wrapped,
}

impl Column {
    /// Never cut: ids, words, times.
    pub(super) fn whole(head: impl Into<String>) -> Self {
        Self::new(head, Fit::Whole)
    }

    /// Never cut, and on the right: amounts.
    pub(super) fn right(head: impl Into<String>) -> Self {
        Self::new(head, Fit::Right)
    }

    /// Cut: names.
    pub(super) fn cut(head: impl Into<String>) -> Self {
        Self::new(head, Fit::Cut)
    }

    /// On several lines: sentences.
    pub(super) fn wrapped(head: impl Into<String>) -> Self {
        Self::new(head, Fit::Wrapped)
    }

    fn new(head: impl Into<String>, fit: Fit) -> Self {
        Self { head: head.into(), fit }
    }
}

impl Paper {
    /// Standard output: its width, and colours unless somebody does not want them.
    pub(super) fn standard_output(no_color: bool, utc: bool) -> Self {
        let no_color = no_color || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let is_terminal = io::stdout().is_terminal();
        Self {
            // A terminal that does not know its width says 0.
            width: Table::new()
                .width()
                .filter(|width| is_terminal && *width > 0)
                .map_or(WIDTH, |width| width.max(NARROWEST)),
            is_coloured: is_terminal && !no_color,
            clock: Clock::new(utc),
        }
    }

    /// Rows under their heads.
    pub(super) fn table(&self, columns: &[Column], rows: Vec<Vec<Text>>) -> String {
        let heads = columns
            .iter()
            .map(|column| self.cell(&Text::new(&column.head, Tone::Quiet)))
            .collect();
        self.lines(columns, Some(heads), rows)
    }

    /// Facts about one thing: what, and what of it, which is wrapped.
    pub(super) fn facts(&self, facts: Vec<(&str, Text)>) -> String {
        let rows = facts
            .into_iter()
            .map(|(name, text)| vec![Text::new(name, Tone::Quiet), text]);
        self.lines(&[Column::whole(""), Column::wrapped("")], None, rows.collect())
    }

    fn lines(&self, columns: &[Column], heads: Option<Vec<Cell>>, rows: Vec<Vec<Text>>) -> String {
        let mut table = Table::new();
        table
            .load_style(NOTHING)
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(self.width);
        table.set_truncation_indicator("…");
        if let Some(heads) = heads {
            let mut line = Row::from(heads);
            line.max_height(1);
            table.set_header(line);
        }
        let is_wrapped = columns.iter().any(|column| column.fit == Fit::Wrapped);
        for row in &rows {
            let mut line = Row::from(row.iter().map(|text| self.cell(text)).collect::<Vec<_>>());
            if !is_wrapped {
                line.max_height(1);
            }
            table.add_row(line);
        }
        let last = columns.len().saturating_sub(1);
        for (at, column) in columns.iter().enumerate() {
            let Some(shown) = table.column_mut(at) else { continue };
            shown.set_padding((0, if at == last { 0 } else { 2 }));
            match column.fit {
                Fit::Whole => shown.set_constraint(ColumnConstraint::ContentWidth),
                Fit::Right => {
                    shown.set_cell_alignment(CellAlignment::Right);
                    shown.set_constraint(ColumnConstraint::ContentWidth)
                }
                Fit::Cut => shown.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(6))),
                Fit::Wrapped => shown,
            };
        }
        let mut text = table.trim_fmt();
        text.push('\n');
        text
    }

    fn cell(&self, text: &Text) -> Cell {
        let cell = Cell::new(&text.text);
        if !self.is_coloured || text.text.is_empty() {
            return cell;
        }
        match text.tone {
            Tone::Plain => cell,
            Tone::Good => cell.fg(Color::Green),
            Tone::Odd => cell.fg(Color::Yellow),
            Tone::Bad => cell.fg(Color::Red),
            Tone::Quiet => cell.add_attribute(Attribute::Dim),
        }
    }

    /// `2026-11-23 11:00:05 CDMX (3m 12s)`, or without the age for what is to come.
    pub(super) fn since(&self, at: Timestamp, now: Timestamp) -> String {
        let time = self.clock.full(at);
        super::words::since(at, now).map_or(time.clone(), |age| format!("{time} ({age} ago)"))
    }
}

#[cfg(test)]
pub(super) fn plain_paper() -> Paper {
    Paper {
        width: WIDTH,
        is_coloured: false,
        clock: Clock::new(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns() -> [Column; 4] {
        [
            Column::whole("ID"),
            Column::right("AMOUNT"),
            Column::cut("TO"),
            Column::whole("ATTENTION"),
        ]
    }

    #[test]
    fn a_table_fits_and_only_names_are_cut() {
        let id = "po_00000000000000000000000000000007";
        let row = |amount: &str, to: &str| vec![id.into(), amount.into(), to.into(), "paid_after_release".into()];
        let name = "Instituto del Fondo Nacional para el Consumo de los Trabajadores";
        let text = plain_paper().table(&columns(), vec![row("MXN 5.00", "BBVA"), row("MXN 1,250.00", name)]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3, "{text}");
        assert!(
            lines
                .iter()
                .all(|line| line.chars().count() <= 100 && line.trim_end() == *line),
            "{text}"
        );
        assert!(
            lines[1].contains("      MXN 5.00  BBVA "),
            "amounts stand on the right:\n{text}"
        );
        assert!(
            lines[2].contains(&format!("{id}  MXN 1,250.00  Instituto")) && lines[2].contains('…'),
            "{text}"
        );
        assert!(lines[2].ends_with("paid_after_release"), "{text}");
        let narrow = Paper {
            width: NARROWEST,
            ..plain_paper()
        };
        let text = narrow.table(&columns(), vec![row("MXN 1,250.00", name)]);
        assert!(
            text.lines().count() == 2 && text.contains(id) && text.contains("MXN 1,250.00"),
            "{text}"
        );
    }

    #[test]
    fn facts_are_wrapped_and_plain() {
        let long = "word ".repeat(40);
        let text = plain_paper().facts(vec![
            ("state", "sent\u{1b}[2J".into()),
            ("why", Text::new(long, Tone::Bad)),
        ]);
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
        assert!(text.starts_with("state  sent [2J\nwhy    word word"), "{text}");
        assert!(text.lines().count() > 2 && !text.contains('\u{1b}'), "{text}");
    }
}
