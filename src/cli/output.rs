//! Results on standard output, for people and for programs.

use std::io::{self, Write};

/// Where a command writes its results. Buffered; [`Output::flush`] before a wait.
pub struct Output {
    writer: Box<dyn Write + Send>,
}

/// The form of a result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// A table for people.
    #[default]
    Table,
    /// JSON.
    Json,
    /// The XML as it came from the peer.
    Xml,
}

/// The form of a result that never was XML.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum TableOrJson {
    /// For people.
    #[default]
    Table,
    /// For programs.
    Json,
}

impl Output {
    /// Standard output.
    pub fn standard() -> Self {
        Self::to(io::BufWriter::new(io::stdout()))
    }

    /// Any writer.
    pub fn to(writer: impl Write + Send + 'static) -> Self {
        Self {
            writer: Box::new(writer),
        }
    }

    /// Writes a text as it is.
    ///
    /// # Errors
    /// What the writer says.
    pub fn text(&mut self, text: &str) -> io::Result<()> {
        self.bytes(text.as_bytes())
    }

    /// Writes bytes as they are.
    ///
    /// # Errors
    /// What the writer says.
    pub fn bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.writer.write_all(bytes)
    }

    /// Writes one line.
    ///
    /// # Errors
    /// What the writer says.
    pub fn line(&mut self, line: &str) -> io::Result<()> {
        self.text(line)?;
        self.text("\n")
    }

    /// Writes one JSON value, indented, and a line end.
    ///
    /// # Errors
    /// What the writer says.
    pub fn json(&mut self, value: &serde_json::Value) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut self.writer, value)?;
        self.text("\n")
    }

    /// Writes a table: columns as wide as their widest cell, two spaces between them.
    ///
    /// # Errors
    /// What the writer says.
    pub fn table<const COLUMNS: usize>(
        &mut self,
        heads: [&str; COLUMNS],
        rows: &[[String; COLUMNS]],
    ) -> io::Result<()> {
        let mut widths = heads.map(|head| head.chars().count());
        for row in rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(printable(cell).chars().count());
            }
        }
        self.row(&widths, heads)?;
        for row in rows {
            self.row(&widths, row.each_ref().map(String::as_str))?;
        }
        Ok(())
    }

    fn row<const COLUMNS: usize>(
        &mut self,
        widths: &[usize; COLUMNS],
        cells: [&str; COLUMNS],
    ) -> io::Result<()> {
        let mut line = String::new();
        for (cell, &width) in cells.into_iter().zip(widths) {
            let cell = printable(cell);
            line.push_str(&format!("{cell:width$}  "));
        }
        self.line(line.trim_end())
    }

    /// Writes out what is buffered.
    ///
    /// # Errors
    /// What the writer says.
    pub fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// The text without control characters, which could move the cursor of the terminal: what a peer
/// says is shown, not obeyed.
pub fn printable(text: &str) -> String {
    text.chars()
        .map(|character| {
            if character.is_control() {
                '\u{fffd}'
            } else {
                character
            }
        })
        .collect()
}

/// The text, or its beginning and a sign that there is more, in at most `longest` characters.
pub fn shortened(text: &str, longest: usize) -> String {
    if text.chars().count() <= longest {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(longest.saturating_sub(1)).collect();
    short.push('\u{2026}');
    short
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn written(write: impl FnOnce(&mut Output) -> io::Result<()>) -> String {
        let shared = Shared::default();
        write(&mut Output::to(shared.clone())).unwrap();
        let bytes = shared.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_table_is_as_wide_as_its_cells() {
        let rows = [
            ["cpu".into(), "85".into()],
            ["file-system:/日".into(), "a\u{1b}[2Jb".into()],
        ];
        let table = written(|out| out.table(["RULE", "WARNING"], &rows));
        insta::assert_snapshot!(table, @r"
        RULE            WARNING
        cpu             85
        file-system:/日  a�[2Jb
        ");
    }

    #[test]
    fn a_long_text_is_cut_where_a_sign_says_so() {
        assert_eq!(shortened("größe", 5), "größe");
        assert_eq!(shortened("größer", 5), "größ…");
        assert_eq!(shortened("ab", 0), "…");
    }

    #[test]
    fn json_ends_its_line() {
        assert_eq!(
            written(|out| out.json(&serde_json::json!({ "a": 1 }))),
            "{\n  \"a\": 1\n}\n"
        );
    }
}
