//! Aligned text for people: tables, and the fields of one thing. Cleans every cell.

use clap::builder::styling::Style;

use crate::output::clean;

const HEADER: Style = Style::new().dimmed();
const GAP: &str = "  ";

/// Rows under headings, each column as wide as its widest cell.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new<const N: usize>(headings: [&str; N]) -> Self {
        Self { rows: vec![headings.iter().map(|heading| (*heading).to_owned()).collect()] }
    }

    /// With as many columns as there turn out to be.
    pub(crate) fn of(headings: Vec<String>) -> Self {
        Self { rows: vec![headings.iter().map(|heading| clean(heading)).collect()] }
    }

    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.cells(cells.to_vec());
    }

    /// As [`Table::row`], for a table made by [`Table::of`].
    pub(crate) fn cells(&mut self, cells: Vec<String>) {
        self.rows.push(cells.iter().map(|cell| if cell.is_empty() { "-".to_owned() } else { clean(cell) }).collect());
    }

    /// The text without a newline at its end; nothing at all if there are no rows.
    pub(crate) fn render(&self) -> String {
        if self.rows.len() < 2 {
            return String::new();
        }
        let widths = widths(&self.rows);
        let lines = self.rows.iter().enumerate().map(|(index, row)| {
            let line = aligned(row, &widths);
            if index == 0 { format!("{HEADER}{line}{HEADER:#}") } else { line }
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// `name  value` lines; those without a value are left out.
pub(crate) fn fields<const N: usize>(fields: [(&str, Option<String>); N]) -> String {
    let rows: Vec<Vec<String>> = fields
        .into_iter()
        .filter_map(|(name, value)| {
            value.filter(|value| !value.is_empty()).map(|value| vec![name.to_owned(), clean(&value)])
        })
        .collect();
    let widths = widths(&rows);
    rows.iter().map(|row| aligned(row, &widths)).collect::<Vec<_>>().join("\n")
}

fn widths(rows: &[Vec<String>]) -> Vec<usize> {
    rows.iter().fold(Vec::new(), |mut widths, row| {
        widths.resize(widths.len().max(row.len()), 0);
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
        widths
    })
}

fn aligned(row: &[String], widths: &[usize]) -> String {
    let cells = row.iter().zip(widths).map(|(cell, &width)| format!("{cell:<width$}"));
    cells.collect::<Vec<_>>().join(GAP).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::{Table, fields};

    #[test]
    fn columns_align_and_nothing_trails() {
        let mut table = Table::new(["NAME", "MASK"]);
        table.row(["A".to_owned(), "sk-p****z789".to_owned()]);
        table.row(["LONG_NAME".to_owned(), String::new()]);
        let plain = anstream::adapter::strip_str(&table.render()).to_string();
        assert_eq!(plain, "NAME       MASK\nA          sk-p****z789\nLONG_NAME  -");
        assert_eq!(Table::new(["NAME"]).render(), "");
    }

    #[test]
    fn cells_are_cleaned_and_absent_fields_left_out() {
        let text =
            fields([("name", Some("a\u{1b}[1mb".to_owned())), ("note", None), ("version", Some("3".to_owned()))]);
        assert_eq!(text, "name     a\\u{1b}[1mb\nversion  3");
    }
}
