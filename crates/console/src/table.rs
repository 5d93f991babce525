//! Tables and figures for the terminal.

use std::fmt::Write as _;

/// A table; columns whose title begins with `>` are set to the right.
pub(crate) fn table(titles: &[&str], rows: &[Vec<String>]) -> String {
    let head: Vec<String> = titles.iter().map(|title| title.trim_start_matches('>').to_owned()).collect();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).chain(head.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<_> = (0..titles.len()).map(width).collect();
    let mut text = String::new();
    for row in std::iter::once(&head).chain(rows) {
        let mut line = String::new();
        for ((cell, width), title) in row.iter().zip(&widths).zip(titles) {
            let width = *width;
            let _written = match title.starts_with('>') {
                true => write!(line, "{cell:>width$}  "),
                false => write!(line, "{cell:<width$}  "),
            };
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// A time, in the unit that suits it.
pub(crate) fn time(us: u64) -> String {
    match us {
        0..1_000 => format!("{us} µs"),
        1_000..1_000_000 => format!("{:.1} ms", us as f64 / 1e3),
        1_000_000..120_000_000 => format!("{:.1} s", us as f64 / 1e6),
        120_000_000..7_200_000_000 => format!("{} min", us / 60_000_000),
        7_200_000_000..172_800_000_000 => format!("{} h", us / 3_600_000_000),
        _ => format!("{} d", us / 86_400_000_000),
    }
}

/// A size.
pub(crate) fn size(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} B"),
        10_000..10_000_000 => format!("{} KB", bytes / 1_000),
        10_000_000..10_000_000_000 => format!("{} MB", bytes / 1_000_000),
        _ => format!("{} GB", bytes / 1_000_000_000),
    }
}

/// A share of a time.
pub(crate) fn share(us: u64, of_us: u64) -> String {
    format!("{:.1} %", us as f64 * 100.0 / of_us.max(1) as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_what_is_in_them() {
        let rows = [vec!["guild".to_owned(), "7".to_owned()], vec!["µ".to_owned(), "1234".to_owned()]];
        assert_eq!(table(&["KIND", ">QUEUE"], &rows), "KIND   QUEUE\nguild      7\nµ       1234\n");
    }

    #[test]
    fn figures_are_read_at_a_glance() {
        assert_eq!(
            [time(12), time(3_400), time(12_300_000), time(3_600_000_000)],
            ["12 µs", "3.4 ms", "12.3 s", "60 min"]
        );
        assert_eq!([size(17), size(120_000), size(50_000_000)], ["17 B", "120 KB", "50 MB"]);
        assert_eq!(share(250, 1_000), "25.0 %");
    }
}
