//! Instances for people: a table of the properties that tell most, or a list of all.

use std::collections::BTreeSet;
use std::io::{self, IsTerminal as _};
use std::sync::Arc;

use super::{heading, is_constant_key, value_text};
use crate::cim::{Class, Instance, Name};
use crate::cli::output::{Output, printable};
use crate::client::classes::Classes;

/// How wide lines may be where no terminal says it.
const DEFAULT_WIDTH: usize = 120;
/// A column that would be wider is for the list.
const WIDEST_CELL: usize = 40;
/// What a table of these classes shows behind the keys before all else, also while its value is not known.
const WANTED: [(&str, &[&str]); 2] = [
    (
        "ESM_MonitorSetting",
        &["State", "LastValue", "Warning", "Critical", "Source"],
    ),
    ("ESM_Processor", &["LoadPercentage"]),
];
/// Between two columns.
const GAP: usize = 2;

/// How instances are laid out.
pub enum Layout {
    /// One line each.
    Table(Vec<Column>),
    /// One line for each property.
    List,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    name: Name,
    width: usize,
}

/// How wide the lines on standard output may be: as wide as its terminal, or what `COLUMNS` says.
pub fn line_width() -> usize {
    let output = io::stdout();
    if output.is_terminal()
        && let Ok(size) = rustix::termios::tcgetwinsize(&output)
        && size.ws_col > 0
    {
        return size.ws_col.into();
    }
    let said = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    said.unwrap_or(DEFAULT_WIDTH)
}

impl Layout {
    /// A table of these properties, as wide as `instances` are.
    pub fn of_properties(names: &[Name], instances: &[Instance], classes: &Classes) -> Self {
        let column = |name: &Name| Column {
            name: name.clone(),
            width: widest(name, &cells(name, instances, classes)),
        };
        Self::Table(names.iter().map(column).collect())
    }

    /// What suits these instances: a list for a single one, a table where its keys and something else fit into
    /// `width_limit`. The columns are the keys in which the instances differ, what is most wanted of their class, what
    /// is measured and what their own class declares, then what else differs, as far as there is room.
    pub fn suiting(instances: &[Instance], classes: &Classes, width_limit: usize) -> Self {
        let [first, _, ..] = instances else {
            return Self::List;
        };
        let class = classes.find(&first.class_name);
        let mut columns: Vec<Column> = Vec::new();
        let mut shown: Vec<Vec<String>> = Vec::new();
        let mut used = 0;
        for Candidate {
            name,
            is_key,
            is_wanted,
        } in candidates(instances, class.as_deref())
        {
            let cells = cells(name, instances, classes);
            let width = widest(name, &cells);
            // Many a property says the same as another one.
            if (shown.contains(&cells) && !is_wanted) || (width > WIDEST_CELL && !is_key) {
                continue;
            }
            if used + width <= width_limit {
                used += width + GAP;
                columns.push(Column {
                    name: name.clone(),
                    width,
                });
                shown.push(cells);
            } else if is_key {
                return Self::List;
            }
        }
        match columns.as_slice() {
            [] | [_] => Self::List,
            _ => Self::Table(columns),
        }
    }

    /// Whether every property is shown.
    pub fn shows_all(&self, instances: &[Instance]) -> bool {
        match self {
            Self::List => true,
            Self::Table(columns) => instances.iter().all(|instance| {
                instance
                    .properties()
                    .iter()
                    .all(|property| columns.iter().any(|column| column.name == property.name))
            }),
        }
    }

    /// Writes the heads of the columns.
    ///
    /// # Errors
    /// What the output says.
    pub fn write_head(&self, out: &mut Output) -> io::Result<()> {
        match self {
            Self::List => Ok(()),
            Self::Table(columns) => write_row(out, columns, |column| column.name.as_str().to_owned()),
        }
    }

    /// Writes one instance. NULLs are left out of a list and empty in a table.
    ///
    /// # Errors
    /// What the output says.
    pub fn write(&self, out: &mut Output, instance: &Instance, classes: &Classes) -> io::Result<()> {
        let class = classes.find(&instance.class_name);
        match self {
            Self::Table(columns) => write_row(out, columns, |column| {
                cell(instance, class.as_ref(), &column.name)
            }),
            Self::List => write_list(out, instance, class.as_ref()),
        }
    }
}

/// A property that may become a column.
struct Candidate<'i> {
    name: &'i Name,
    is_key: bool,
    /// It is one of [`WANTED`].
    is_wanted: bool,
}

/// The properties that may become columns, best first.
fn candidates<'i>(instances: &'i [Instance], class: Option<&Class>) -> Vec<Candidate<'i>> {
    let wanted = class.and_then(|class| WANTED.iter().find(|(name, _)| class.name == **name));
    let wanted = wanted.map_or(&[][..], |(_, names)| names);
    let mut seen = BTreeSet::new();
    let mut ranked = Vec::new();
    for property in instances.iter().flat_map(Instance::properties) {
        if !seen.insert(&property.name) || is_constant_key(property.name.as_str()) {
            continue;
        }
        let name = property.name.as_str();
        let is_null = instances.iter().all(|instance| instance.get(name).is_none());
        let wanted_at = wanted.iter().position(|wanted| property.name == **wanted);
        if is_null && wanted_at.is_none() {
            continue;
        }
        let first = instances.first().and_then(|instance| instance.get(name));
        let differs = instances.iter().any(|instance| instance.get(name) != first);
        let declared = class.and_then(|class| Some((class, class.property(name)?)));
        let is_key = declared.is_some_and(|(_, declared)| declared.is_key());
        let is_own = declared.is_some_and(|(class, declared)| declared.class_origin == class.name);
        // What is measured tells something even where it is the same everywhere.
        let is_measured = declared.is_some_and(|(_, declared)| declared.qualifier("Gauge").is_some());
        let rank = match (is_key, differs, is_own) {
            (true, true, _) => 0,
            _ if wanted_at.is_some() => 1,
            _ if is_measured => 2,
            (_, true, true) => 2,
            (_, true, false) => 3,
            (_, false, true) => 4,
            (_, false, false) => continue,
        };
        let candidate = Candidate {
            name: &property.name,
            is_key,
            is_wanted: wanted_at.is_some(),
        };
        ranked.push((rank, wanted_at, candidate));
    }
    ranked.sort_by_key(|(rank, wanted_at, _)| (*rank, *wanted_at));
    ranked.into_iter().map(|(.., candidate)| candidate).collect()
}

fn cells(name: &Name, instances: &[Instance], classes: &Classes) -> Vec<String> {
    let cell = |instance: &Instance| {
        let class = classes.find(&instance.class_name);
        cell(instance, class.as_ref(), name)
    };
    instances.iter().map(cell).collect()
}

fn widest(name: &Name, cells: &[String]) -> usize {
    let widths = cells.iter().map(|cell| cell.chars().count());
    widths.fold(name.as_str().len(), usize::max)
}

fn cell(instance: &Instance, class: Option<&Arc<Class>>, name: &Name) -> String {
    let declared = class.and_then(|class| class.property(name.as_str()));
    let text = instance
        .get(name.as_str())
        .map(|value| value_text(value, declared));
    printable(&text.unwrap_or_default())
}

fn write_row(out: &mut Output, columns: &[Column], text: impl Fn(&Column) -> String) -> io::Result<()> {
    let mut line = String::new();
    for column in columns {
        let (text, width) = (text(column), column.width);
        line.push_str(&format!("{text:width$}"));
        line.push_str("  ");
    }
    out.line(line.trim_end())
}

/// A heading and the properties that are not NULL, their values below one another.
fn write_list(out: &mut Output, instance: &Instance, class: Option<&Arc<Class>>) -> io::Result<()> {
    out.line(&printable(&heading(instance, class.map(Arc::as_ref))))?;
    let named = instance
        .properties()
        .iter()
        .filter(|property| property.value.is_some());
    let width = named
        .clone()
        .map(|property| property.name.as_str().len())
        .max()
        .unwrap_or_default();
    for property in named {
        let name = property.name.as_str();
        out.line(format!("  {name:width$}  {}", cell(instance, class, &property.name)).trim_end())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cim::CimType;

    fn instances(count: usize, properties: &[(&str, usize)]) -> Vec<Instance> {
        (0..count)
            .map(|at| {
                let mut instance = Instance::new(Name::new("C_X"));
                for (name, width) in properties {
                    instance.set(
                        *name,
                        format!("{name:.<width$}").replacen('.', &at.to_string(), 1),
                    );
                }
                instance
            })
            .collect()
    }

    #[track_caller]
    fn check(instances: &[Instance], width: usize, expect: Option<&[&str]>) {
        let names = match Layout::suiting(instances, &Classes::default(), width) {
            Layout::List => None,
            Layout::Table(columns) => Some(columns),
        };
        let names = names.as_ref().map(|columns| {
            let names = columns.iter().map(|column| column.name.as_str());
            names.collect::<Vec<_>>()
        });
        assert_eq!(names.as_deref(), expect);
    }

    #[test]
    fn a_table_is_for_several_that_fit() {
        let narrow = [("A", 3), ("B", 3), ("C", 3)];
        check(&instances(1, &narrow), 80, None);
        check(&instances(2, &narrow), 80, Some(&["A", "B", "C"]));
        check(&instances(2, &narrow), 9, Some(&["A", "B"]));
        check(&instances(2, &narrow), 5, None);
        check(
            &instances(2, &[("A", 3), ("B", 41), ("C", 3)]),
            80,
            Some(&["A", "C"]),
        );
    }

    #[test]
    fn what_is_most_wanted_of_a_class_comes_first() {
        let monitor = |id: &str| {
            let mut monitor = Instance::new(Name::new("ESM_MonitorSetting"));
            monitor.set("Rule", id);
            monitor.set("Warning", 85.0);
            monitor.set_or_null("Critical", CimType::Real64, None::<f64>);
            monitor.set("State", "normal");
            monitor.set("InstanceID", id);
            monitor
        };
        check(
            &[monitor("cpu"), monitor("memory")],
            80,
            Some(&["InstanceID", "State", "Warning", "Critical"]),
        );
        let processor = |id: &str| {
            let mut processor = Instance::new(Name::new("ESM_Processor"));
            processor.set("DeviceID", id);
            processor.set_or_null("LoadPercentage", CimType::Uint16, None::<u16>);
            processor
        };
        check(
            &[processor("cpu0"), processor("cpu1")],
            80,
            Some(&["DeviceID", "LoadPercentage"]),
        );
    }

    #[test]
    fn own_properties_and_differing_keys_come_first() {
        let mut several = Vec::new();
        for device in ["cpu0", "cpu1"] {
            let mut instance = Instance::new(Name::new("ESM_Processor"));
            instance.set("ElementName", format!("the {device}"));
            instance.set("Name", device);
            instance.set("Family", 2_u16);
            instance.set("LoadPercentage", 100_u16);
            instance.set("SystemName", "host");
            instance.set("DeviceID", device);
            instance.set("Socket", 0_u32);
            instance.set("UserPercent", f64::from(u8::from(device == "cpu1")));
            several.push(instance);
        }
        check(
            &several,
            80,
            Some(&[
                "DeviceID",
                "LoadPercentage",
                "UserPercent",
                "ElementName",
                "Socket",
            ]),
        );
    }
}
