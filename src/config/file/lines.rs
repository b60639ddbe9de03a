//! The lines of a text, by their places in it.

use std::ops::Range;

/// Where each line of a text begins.
#[derive(Debug)]
pub(super) struct Lines {
    starts: Vec<usize>,
    /// Where the text ends.
    end: usize,
}

impl Lines {
    /// Looks for the lines of `text`.
    pub(super) fn of(text: &str) -> Self {
        let behind = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let starts = std::iter::once(0).chain(behind.map(|(at, _)| at + 1));
        Self {
            starts: starts.collect(),
            end: text.len(),
        }
    }

    /// The number of the line that the place is in, counted from 1.
    pub(super) fn number(&self, at: usize) -> usize {
        self.starts.partition_point(|start| *start <= at)
    }

    /// The whole lines that a part of the text touches, line ends included.
    pub(super) fn around(&self, part: Range<usize>) -> Range<usize> {
        let start = self.starts.get(self.number(part.start) - 1);
        let end = self.starts.get(self.number(part.end));
        start.copied().unwrap_or_default()..end.copied().unwrap_or(self.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(part: Range<usize>, number: usize, around: Range<usize>) {
        let lines = Lines::of("ab\n\ncd");
        let found = (lines.number(part.start), lines.around(part.clone()));
        assert_eq!(found, (number, around), "{part:?}");
    }

    #[test]
    fn places_are_in_lines() {
        check(0..0, 1, 0..3);
        check(2..2, 1, 0..3);
        check(3..3, 2, 3..4);
        check(1..3, 1, 0..4);
        check(4..5, 3, 4..6);
        check(6..6, 3, 4..6);
        check(0..6, 1, 0..6);
    }
}
