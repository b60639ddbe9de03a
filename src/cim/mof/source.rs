//! Sources and how includes become sources. The files themselves are somebody else's: a [`Loader`] has them.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use super::ast::{At, Item};
use super::error::{MofError, MofErrors, Place, Problem};
use super::limits;
use super::parser::{Names, parse};

/// Finds and reads MOF files. Errors are sentences for the user.
pub trait Loader {
    /// The one name of the file that is called `name` in the file `from`, or by the caller where `from` is
    /// `None`. A file that is included twice under the same resolved name is compiled once.
    fn resolve(&self, name: &str, from: Option<&str>) -> Result<String, String>;

    /// The text of the file of that resolved name.
    fn read(&self, file: &str) -> Result<Cow<'static, str>, String>;
}

/// One loaded file.
struct Source {
    name: Arc<str>,
    text: Cow<'static, str>,
}

/// All files of a compilation with what stands in them, and the faults that were found so far.
#[derive(Default)]
pub(super) struct Sources {
    sources: Vec<Source>,
    items: Vec<Vec<Item>>,
    by_name: HashMap<String, u32>,
    names: Names,
    bytes: usize,
    faults: Vec<(At, Problem)>,
    /// Faults of the files that the caller names: there is no place for them but the file.
    unplaced: Vec<MofError>,
}

impl Sources {
    /// Loads a file that the caller names, with everything that it includes.
    pub(super) fn load(&mut self, name: &str, loader: &dyn Loader) -> Option<u32> {
        match self.include(name, &[], loader) {
            Ok(file) => Some(file),
            Err(problem) => {
                self.unplaced.push(MofError {
                    place: Place {
                        file: Arc::from(name),
                        line: 1,
                        column: 1,
                    },
                    problem,
                });
                None
            }
        }
    }

    /// Loads `name` as the last of the `open` files calls it.
    fn include(&mut self, name: &str, open: &[u32], loader: &dyn Loader) -> Result<u32, Problem> {
        let cannot = |reason| Problem::CannotLoad {
            name: name.to_owned(),
            reason,
        };
        let from = open
            .last()
            .and_then(|file| self.source(*file))
            .map(|source| Arc::clone(&source.name));
        let resolved = loader.resolve(name, from.as_deref()).map_err(cannot)?;
        if let Some(known) = self.by_name.get(&resolved) {
            if open.contains(known) {
                return Err(Problem::IncludeCycle(name.to_owned()));
            }
            return Ok(*known);
        }
        if open.len() >= limits::INCLUDE_DEPTH {
            return Err(Problem::IncludesTooDeep(limits::INCLUDE_DEPTH));
        }
        let text = loader.read(&resolved).map_err(cannot)?;
        self.bytes += text.len();
        check_limit("bytes in one file", text.len(), limits::MAX_SOURCE_BYTES)?;
        check_limit("bytes in all files", self.bytes, limits::TOTAL_BYTES)?;
        check_limit("files", self.sources.len() + 1, limits::SOURCES)?;
        let file = u32::try_from(self.sources.len()).unwrap_or(u32::MAX);
        let parsed = parse(&text, file, &mut self.names);
        self.sources.push(Source {
            name: Arc::from(resolved.as_str()),
            text,
        });
        self.by_name.insert(resolved, file);
        self.items.push(Vec::new());
        self.faults.extend(parsed.faults);
        let mut items = parsed.items;
        let open = [open, &[file]].concat();
        for item in &mut items {
            if let Item::Include(include) = item {
                match self.include(&include.name, &open, loader) {
                    Ok(included) => include.file = Some(included),
                    Err(problem) => self.faults.push((include.at, problem)),
                }
            }
        }
        if let Some(place) = self.items.get_mut(usize::try_from(file).unwrap_or(usize::MAX)) {
            *place = items;
        }
        Ok(file)
    }

    fn source(&self, file: u32) -> Option<&Source> {
        self.sources.get(usize::try_from(file).ok()?)
    }

    /// How many files there are.
    pub(super) fn count(&self) -> usize {
        self.sources.len()
    }

    /// What stands in a file.
    pub(super) fn items(&self, file: u32) -> &[Item] {
        let items = usize::try_from(file).ok().and_then(|file| self.items.get(file));
        items.map(Vec::as_slice).unwrap_or_default()
    }

    /// The place as people count.
    pub(super) fn place(&self, at: At) -> Place {
        let (file, text) = match self.source(at.file) {
            Some(source) => (Arc::clone(&source.name), source.text.as_ref()),
            None => (Arc::from(""), ""),
        };
        let offset = usize::try_from(at.offset).unwrap_or(usize::MAX);
        let before = text.get(..offset).unwrap_or(text);
        let before = before.strip_prefix('\u{feff}').unwrap_or(before);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let count = |n: usize| u32::try_from(n + 1).unwrap_or(u32::MAX);
        Place {
            file,
            line: count(before.bytes().filter(|byte| *byte == b'\n').count()),
            column: count(before.get(line_start..).unwrap_or_default().chars().count()),
        }
    }

    /// The faults of all sources together with those that the compiler found later: by file and place.
    pub(super) fn errors(&self, later: Vec<(At, Problem)>) -> Result<(), MofErrors> {
        let mut faults: Vec<(At, Problem)> = self.faults.iter().cloned().chain(later).collect();
        faults.sort_by_key(|(at, _)| *at);
        // A file in several namespaces has its faults in each.
        faults.dedup();
        faults.truncate(limits::FAULTS);
        let mut errors = self.unplaced.clone();
        errors.extend(faults.into_iter().map(|(at, problem)| MofError {
            place: self.place(at),
            problem,
        }));
        if errors.is_empty() {
            Ok(())
        } else {
            Err(MofErrors(errors))
        }
    }
}

/// An error where there is more than is allowed.
pub(super) fn check_limit(what: &'static str, count: usize, limit: usize) -> Result<(), Problem> {
    if count > limit {
        return Err(Problem::TooMany { what, limit });
    }
    Ok(())
}
