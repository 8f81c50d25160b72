//! Columns under a head.

use std::io::{self, Write};

/// Writes `rows` under `head`, indented, every column as wide as its widest cell; the first is of numbers.
pub(super) fn table<const N: usize>(out: &mut impl Write, head: [&str; N], rows: &[[String; N]]) -> io::Result<()> {
    let mut widths = head.map(width);
    for row in rows {
        for (most, cell) in widths.iter_mut().zip(row) {
            *most = (*most).max(width(cell));
        }
    }
    let head = head.map(str::to_owned);
    for row in std::iter::once(&head).chain(rows) {
        let mut line = String::new();
        for (at, (cell, most)) in row.iter().zip(widths).enumerate() {
            let fill = " ".repeat(most.saturating_sub(width(cell)));
            line.push_str("  ");
            if at == 0 {
                line.push_str(&fill);
            }
            line.push_str(cell);
            if at > 0 {
                line.push_str(&fill);
            }
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

fn width(cell: &str) -> usize {
    cell.chars().count()
}
