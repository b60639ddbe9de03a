//! Results on standard output: in wbemcli's form, as a table, JSON, or the XML as it came.

use serde_json::{Map, Value as Json, json};

use super::text::Style;
use super::trouble::Trouble;
use crate::cim::{Class, Instance, InstancePath, Name, Value};
use crate::cimxml::Argument;
use crate::cli::output::{Format, Output, printable};
use crate::cli::show::json::{instance_json, value_json};
use crate::cli::show::layout::{Layout, line_width};
use crate::cli::show::value_text;
use crate::client::classes::Classes;

/// So many instances are looked at before the columns of a table are settled.
const LAYOUT_SAMPLE: usize = 1000;

/// Writes results in the form that was asked for.
pub struct Printer<'p> {
    /// `None` for wbemcli's form.
    format: Option<Format>,
    style: Style,
    classes: &'p Classes,
    out: &'p mut Output,
    layout: Option<Layout>,
    /// Instances that wait for the layout to be settled.
    waiting: Vec<Instance>,
    written: u64,
}

/// An instance, and what it is called in front of its class.
pub struct Shown<'s> {
    /// What stands in front of the class; `None` where the instance has no path.
    pub prefix: &'s str,
    /// Its path.
    pub path: Option<&'s InstancePath>,
}

impl<'p> Printer<'p> {
    /// A printer of that form.
    pub fn new(format: Option<Format>, style: Style, classes: &'p Classes, out: &'p mut Output) -> Self {
        Self {
            format,
            style,
            classes,
            out,
            layout: None,
            waiting: Vec::new(),
            written: 0,
        }
    }

    /// Whether the XML is written, and nothing else.
    pub fn wants_xml(&self) -> bool {
        self.format == Some(Format::Xml)
    }

    /// The XML that a reply holds.
    ///
    /// # Errors
    /// If the output cannot be written.
    pub fn xml(&mut self, xml: &str) -> Result<(), Trouble> {
        Ok(self.out.line(xml)?)
    }

    /// One instance of several.
    ///
    /// # Errors
    /// If the output cannot be written.
    pub fn instance(&mut self, shown: Shown<'_>, instance: Instance) -> Result<(), Trouble> {
        match self.format {
            None => {
                let heading = self.heading(&shown, &instance.class_name);
                let is_key = |name: &Name| shown.path.is_some_and(|path| path.key(name.as_str()).is_some());
                self.out.text(&self.style.instance(&heading, &instance, is_key))?;
            }
            Some(Format::Json) => {
                let mut object = instance_json(&instance, None);
                if shown.path.is_some() {
                    let path = self.heading(&shown, &instance.class_name);
                    object.insert("__path".to_owned(), path.into());
                }
                self.json_item(object.into())?;
            }
            Some(Format::Table) => {
                self.waiting.push(instance);
                if self.layout.is_some() || self.waiting.len() >= LAYOUT_SAMPLE {
                    self.settle()?;
                }
            }
            Some(Format::Xml) => {}
        }
        Ok(())
    }

    /// The only instance that was asked for. `heading` is wbemcli's.
    ///
    /// # Errors
    /// If the output cannot be written.
    pub fn only_instance(
        &mut self,
        heading: &str,
        is_key: impl Fn(&Name) -> bool,
        instance: &Instance,
    ) -> Result<(), Trouble> {
        match self.format {
            None => self.out.text(&self.style.instance(heading, instance, is_key))?,
            Some(Format::Json) => {
                let mut object = instance_json(instance, None);
                object.insert("__path".to_owned(), heading.into());
                self.out.json(&object.into())?;
            }
            Some(Format::Table) => Layout::List.write(self.out, instance, self.classes)?,
            Some(Format::Xml) => {}
        }
        Ok(())
    }

    /// The path of an instance, one of several.
    ///
    /// # Errors
    /// If the output cannot be written.
    pub fn path(&mut self, prefix: &str, path: &InstancePath) -> Result<(), Trouble> {
        let mut line = format!("{prefix}:");
        self.style.push_path(&mut line, path);
        self.name(&line)
    }

    /// The name of an instance or a class, one of several.
    ///
    /// # Errors
    /// If the output cannot be written.
    pub fn name(&mut self, name: &str) -> Result<(), Trouble> {
        match self.format {
            None => self.out.line(name)?,
            Some(Format::Table) => self.out.line(&printable(name))?,
            Some(Format::Json) => self.json_item(name.into())?,
            Some(Format::Xml) => {}
        }
        Ok(())
    }

    /// Writes what is left of several results.
    ///
    /// # Errors
    /// If the output cannot be written.
    pub fn finish(mut self) -> Result<(), Trouble> {
        match self.format {
            Some(Format::Json) => self.out.text(if self.written == 0 { "[]\n" } else { "\n]\n" })?,
            Some(Format::Table) => self.settle()?,
            None | Some(Format::Xml) => {}
        }
        Ok(())
    }

    /// The only class that was asked for.
    ///
    /// # Errors
    /// If the output cannot be written.
    pub fn only_class(&mut self, heading: &str, class: &Class) -> Result<(), Trouble> {
        match self.format {
            None => self.out.text(&self.style.class(heading, class))?,
            Some(Format::Json) => self.out.json(&class_json(class))?,
            Some(Format::Table) => self.class_table(class)?,
            Some(Format::Xml) => {}
        }
        Ok(())
    }

    /// One class of several.
    ///
    /// # Errors
    /// If the output cannot be written.
    pub fn class(&mut self, prefix: &str, class: &Class) -> Result<(), Trouble> {
        match self.format {
            None => self.out.text(&self.style.class_in_list(prefix, class))?,
            Some(Format::Json) => self.json_item(class_json(class))?,
            Some(Format::Table) => {
                let superclass = class.superclass.as_ref();
                let superclass = superclass.map_or(String::new(), |name| format!(" : {name}"));
                self.out
                    .line(&printable(&format!("{}{superclass}", class.name)))?;
            }
            Some(Format::Xml) => {}
        }
        Ok(())
    }

    /// The value of a property; NULL is nothing at all, but in JSON.
    ///
    /// # Errors
    /// If the output cannot be written.
    pub fn value(&mut self, value: Option<&Value>) -> Result<(), Trouble> {
        match (self.format, value) {
            (Some(Format::Json), value) => self.out.json(&value_json(value))?,
            (None, Some(value)) => self.out.text(&self.style.value(value))?,
            (Some(Format::Table), Some(value)) => self.out.line(&printable(&value_text(value, None)))?,
            (Some(Format::Xml), _) | (_, None) => {}
        }
        Ok(())
    }

    /// What a method returned. wbemcli says nothing where there is no return value.
    ///
    /// # Errors
    /// If the output cannot be written.
    pub fn method(
        &mut self,
        heading: &str,
        method: &str,
        value: Option<&Value>,
        out: &[Argument],
    ) -> Result<(), Trouble> {
        match self.format {
            None => {
                if let Some(value) = value {
                    self.out.text(&self.style.method(heading, method, value, out))?;
                }
            }
            Some(Format::Json) => {
                let mut object = Map::new();
                object.insert("ReturnValue".to_owned(), value_json(value));
                for argument in out {
                    object.insert(
                        argument.name.as_str().to_owned(),
                        value_json(argument.value.as_ref()),
                    );
                }
                self.out.json(&object.into())?;
            }
            Some(Format::Table) => {
                let shown =
                    |value: Option<&Value>| value.map_or(String::new(), |value| value_text(value, None));
                let mut rows = vec![["ReturnValue".to_owned(), shown(value)]];
                rows.extend(
                    out.iter()
                        .map(|out| [out.name.to_string(), shown(out.value.as_ref())]),
                );
                self.out.table(["NAME", "VALUE"], &rows)?;
            }
            Some(Format::Xml) => {}
        }
        Ok(())
    }

    /// Writes out what is buffered, so that people and programs see results as they come.
    ///
    /// # Errors
    /// If the output cannot be written.
    pub fn flush(&mut self) -> Result<(), Trouble> {
        Ok(self.out.flush()?)
    }

    /// The path behind its prefix; where there is none, the class.
    fn heading(&self, shown: &Shown<'_>, class: &Name) -> String {
        let mut line = format!("{}:", shown.prefix);
        match shown.path {
            Some(path) => self.style.push_path(&mut line, path),
            None => line.push_str(class.as_str()),
        }
        line
    }

    fn json_item(&mut self, item: Json) -> Result<(), Trouble> {
        self.out.text(if self.written == 0 { "[\n  " } else { ",\n  " })?;
        self.out.text(&item.to_string())?;
        self.written += 1;
        Ok(())
    }

    fn class_table(&mut self, class: &Class) -> Result<(), Trouble> {
        let rows: Vec<_> = class
            .properties
            .iter()
            .map(|property| {
                let brackets = if property.ty.is_array() { "[]" } else { "" };
                [
                    property.name.to_string(),
                    format!("{}{brackets}", property.ty.cim_type),
                    if property.is_key() { "key" } else { "" }.to_owned(),
                    property.class_origin.to_string(),
                ]
            })
            .collect();
        Ok(self
            .out
            .table(["PROPERTY", "TYPE", "KEY", "DECLARED BY"], &rows)?)
    }

    /// Settles the layout, if it is not, and writes what waited for it.
    fn settle(&mut self) -> Result<(), Trouble> {
        let waiting = std::mem::take(&mut self.waiting);
        if waiting.is_empty() {
            return Ok(());
        }
        let layout = match self.layout.take() {
            Some(layout) => layout,
            None => {
                let layout = Layout::suiting(&waiting, self.classes, line_width());
                layout.write_head(self.out)?;
                layout
            }
        };
        for instance in &waiting {
            if matches!(layout, Layout::List) && self.written > 0 {
                self.out.line("")?;
            }
            layout.write(self.out, instance, self.classes)?;
            self.written += 1;
        }
        self.layout = Some(layout);
        Ok(())
    }
}

/// A class as JSON: its name, superclass, properties and methods, with their types.
fn class_json(class: &Class) -> Json {
    let properties = class.properties.iter().map(|property| {
        json!({
            "name": property.name.as_str(),
            "type": property.ty.cim_type.as_str(),
            "array": property.ty.is_array(),
            "key": property.is_key(),
            "origin": property.class_origin.as_str(),
        })
    });
    let methods = class.methods.iter().map(|method| {
        let parameters = method.parameters.iter().map(|parameter| {
            json!({
                "name": parameter.name.as_str(),
                "type": parameter.ty.cim_type.as_str(),
                "array": parameter.ty.is_array(),
            })
        });
        json!({
            "name": method.name.as_str(),
            "type": method.return_type.as_str(),
            "parameters": parameters.collect::<Vec<_>>(),
        })
    });
    json!({
        "name": class.name.as_str(),
        "superclass": class.superclass.as_ref().map(Name::as_str),
        "properties": properties.collect::<Vec<_>>(),
        "methods": methods.collect::<Vec<_>>(),
    })
}
