//! The items of an enumeration, written as they come.

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use serde_json::{Map, Value as Json};

use super::read::unknown_property;
use crate::cim::{Instance, Name};
use crate::cli::exit::Failure;
use crate::cli::output::{Format, Output, printable};
use crate::cli::show::json::instance_json;
use crate::cli::show::layout::{Layout, line_width};
use crate::client::classes::Classes;
use crate::client::instance_name::show_reference;
use crate::client::wsman::{Batch, WsmanError, items};
use crate::wsman::enumeration::Item;

/// So many instances are looked at before the columns of a table are settled.
const LAYOUT_SAMPLE: usize = 1000;

/// Writes items in the form that was asked for.
pub struct Printer<'p> {
    format: Format,
    select: Option<Vec<Name>>,
    classes: &'p Classes,
    out: &'p mut Output,
    layout: Option<Layout>,
    /// Instances that wait for the layout to be settled.
    waiting: Vec<Instance>,
    written: u64,
}

impl<'p> Printer<'p> {
    /// With `select`, only these properties are shown; with `list`, all, one on each line.
    pub fn new(
        format: Format,
        select: Option<Vec<Name>>,
        list: bool,
        classes: &'p Classes,
        out: &'p mut Output,
    ) -> Self {
        Self {
            format,
            select,
            classes,
            out,
            layout: list.then_some(Layout::List),
            waiting: Vec::new(),
            written: 0,
        }
    }

    /// Writes the items of one reply.
    ///
    /// # Errors
    /// If the output cannot be written or the items cannot be read.
    pub fn take(&mut self, batch: Batch) -> Result<(), Failure> {
        if self.format == Format::Xml {
            let xml = items::items_xml(&batch.envelope)
                .map_err(|error| WsmanError::Malformed(error.to_string()))?;
            for item in xml.into_iter().take(batch.items.len()) {
                self.out.line(&item)?;
            }
            return Ok(());
        }
        self.check_select(&batch.items)?;
        for item in batch.items {
            if self.format == Format::Json {
                self.take_for_json(item)?;
            } else {
                self.take_for_people(item)?;
            }
        }
        Ok(())
    }

    /// Writes what is left.
    ///
    /// # Errors
    /// If the output cannot be written.
    pub fn finish(mut self) -> Result<(), Failure> {
        match self.format {
            Format::Xml => {}
            Format::Json => self.out.text(if self.written == 0 { "[]\n" } else { "\n]\n" })?,
            Format::Table => self.settle()?,
        }
        Ok(())
    }

    /// Makes sure that what is to be shown is there, and spells it as the agent does.
    fn check_select(&mut self, items: &[Item]) -> Result<(), Failure> {
        let instances = || items.iter().filter_map(|item| item.instance.as_ref());
        let Some(first) = instances().next() else {
            return Ok(());
        };
        for name in self.select.iter_mut().flatten() {
            let spelled = instances()
                .flat_map(|instance| &instance.properties)
                .find(|(known, _)| *name == **known);
            match spelled {
                Some((spelled, _)) => *name = Name::new(spelled),
                // In a later reply it may be an array without items.
                None if self.written > 0 => {}
                None => {
                    let known = first.properties.iter().map(|(name, _)| name.as_str());
                    return Err(unknown_property(name, known));
                }
            }
        }
        Ok(())
    }

    fn take_for_json(&mut self, item: Item) -> Result<(), Failure> {
        let mut object = match &item.instance {
            Some(raw) => instance_json(&self.classes.typed(raw), self.select.as_deref()),
            None => Map::new(),
        };
        if let Some(epr) = &item.epr {
            object.insert("__path".to_owned(), show_reference(epr).into());
        }
        self.out.text(if self.written == 0 { "[\n  " } else { ",\n  " })?;
        self.out.text(&Json::from(object).to_string())?;
        self.written += 1;
        Ok(())
    }

    fn take_for_people(&mut self, item: Item) -> Result<(), Failure> {
        if let Some(epr) = &item.epr {
            self.out.line(&printable(&show_reference(epr)))?;
            // Beside its reference an instance is shown whole.
            self.layout.get_or_insert(Layout::List);
        }
        let Some(raw) = &item.instance else {
            return Ok(());
        };
        self.waiting.push(self.classes.typed(raw));
        if self.layout.is_some() || self.waiting.len() >= LAYOUT_SAMPLE {
            self.settle()?;
        }
        Ok(())
    }

    /// Settles the layout, if it is not, and writes what waited for it.
    fn settle(&mut self) -> Result<(), Failure> {
        let waiting = std::mem::take(&mut self.waiting);
        if waiting.is_empty() {
            return Ok(());
        }
        let is_first = self.written == 0;
        let layout = match self.layout.take() {
            Some(layout) => layout,
            None => {
                let layout = match &self.select {
                    Some(names) => Layout::of_properties(names, &waiting, self.classes),
                    None => Layout::suiting(&waiting, self.classes, line_width()),
                };
                layout.write_head(self.out)?;
                hint_at_more(&layout, self.select.is_some(), &waiting);
                layout
            }
        };
        for (at, instance) in waiting.iter().enumerate() {
            if matches!(layout, Layout::List) && !(is_first && at == 0) {
                self.out.line("")?;
            }
            layout.write(self.out, instance, self.classes)?;
            self.written += 1;
        }
        self.layout = Some(layout);
        Ok(())
    }
}

/// Tells people that a table leaves something out.
fn hint_at_more(layout: &Layout, is_selected: bool, instances: &[Instance]) {
    if !is_selected && std::io::stdout().is_terminal() && !layout.shows_all(instances) {
        eprintln!("esm: not all properties are shown: see --list, --properties, --output json");
    }
}

/// Says on a terminal how far a long enumeration has come.
pub struct Progress {
    begun: Instant,
    is_wanted: bool,
    is_shown: bool,
}

/// What takes no longer needs no word about it.
const PATIENCE: Duration = Duration::from_secs(1);

impl Progress {
    /// Only standard error tells, and only where it is a terminal that the answer is not written to.
    pub fn new() -> Self {
        Self {
            begun: Instant::now(),
            is_wanted: std::io::stderr().is_terminal() && !std::io::stdout().is_terminal(),
            is_shown: false,
        }
    }

    /// Tells how many instances there are so far.
    pub fn show(&mut self, count: u64) {
        if self.is_wanted && self.begun.elapsed() > PATIENCE {
            self.is_shown = true;
            // Whether it is seen does not matter to the command.
            let _ = write!(std::io::stderr(), "\r{count} instances ");
        }
    }

    /// Takes the line away.
    pub fn clear(&self) {
        if self.is_shown {
            let _ = write!(std::io::stderr(), "\r\u{1b}[K");
        }
    }
}
