//! Aligned columns.

use super::text::plain;

/// A table with a heading; numbers stand on the right.
#[derive(Debug)]
pub(super) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these columns.
    pub(super) fn new(columns: &[&str]) -> Self {
        Self { rows: vec![columns.iter().map(|&column| column.to_owned()).collect()] }
    }

    /// Adds a row; its cells are made one line each, and no letter of other people's names does anything to the terminal.
    pub(super) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.map(|cell| plain(&cell)).into());
    }

    /// Whether it has no row but the heading.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.len() < 2
    }

    /// Its lines.
    pub(super) fn lines(&self) -> Vec<String> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let cell =
            |row: &Vec<String>, column| row.get(column).map_or(0, |cell: &String| cell.chars().count());
        let widths: Vec<usize> = (0..columns)
            .map(|column| self.rows.iter().map(|row| cell(row, column)).max().unwrap_or(0))
            .collect();
        let right: Vec<bool> = (0..columns).map(|column| self.is_numeric(column)).collect();
        let line = |row: &Vec<String>| {
            let cells = row.iter().zip(&widths).zip(&right).map(|((cell, &width), right)| match right {
                true => format!("{cell:>width$}"),
                false => format!("{cell:<width$}"),
            });
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        self.rows.iter().map(line).collect()
    }

    fn is_numeric(&self, column: usize) -> bool {
        let numeric = |cell: &String| cell == "-" || cell.starts_with(|first: char| first.is_ascii_digit());
        !self.is_empty() && self.rows.iter().skip(1).filter_map(|row| row.get(column)).all(numeric)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_below_each_other() {
        let mut table = Table::new(&["ID", "ACTED"]);
        table.row(["drop-7k3".into(), "5".into()]);
        table.row(["x".into(), "1,000".into()]);
        assert_eq!(table.lines(), ["ID        ACTED", "drop-7k3      5", "x         1,000"]);
    }

    #[test]
    fn nobody_elses_name_controls_the_terminal() {
        let mut table = Table::new(&["CGROUP"]);
        table.row(["/a\u{1b}[2J\u{9b}b\nc\u{202e}d".into()]);
        assert_eq!(table.lines(), ["CGROUP", "/a?[2J?b?c?d"]);
    }
}
