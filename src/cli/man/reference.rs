//! The pages `docs/model.md` and `docs/alerts.md`, made of the schema and of the catalog of alerts.

use crate::alert::catalog::{Entry, table};
use crate::alert::{EventId, Severity};
use crate::cim::mof::MofErrors;
use crate::cim::schema::{Schema, house};
use crate::cim::{Class, Method, Namespace, Parameter, PropertyDecl, Qualifier, TypeDecl, Value};
use crate::cli::exit::{Exit, Failure};

/// What stands over the first table of the page about classes.
const MODEL: &str = "\
# The model

The classes of `root/ESMPRO/AS`: what one instance is, and the properties that the class adds to its superclass or says
more of. *Key* properties name an instance; what is *written* can be set by a manager. What a class inherits is shown
with its values by the client at hand:

```sh
esm wsman enumerate ESM_Processor --output json     # every property that has a value
esm wbem gc root/ESMPRO/AS:ESM_Processor            # the class as it is declared, with what it inherits
esm wbem ecn root/ESMPRO/AS                         # the names of all classes
```

Classes of other names in that namespace are the standard's: parents of these, alerts, and subscriptions
([subscriptions.md](subscriptions.md)). `root/cimv2` has the standard's names for clients that know no others:
CIM_ComputerSystem, CIM_OperatingSystem, CIM_Processor, CIM_FileSystem and what their instances need. `root/interop`
tells clients what the agent is ([interop.md](interop.md)).

This page is made of `schemas/*.mof` by `esm man --reference docs`.
";

/// What stands over the table of alerts.
const ALERTS: &str = "\
# The alerts

Each alert has a source and a number `x0000yyy`: *x* tells how bad it is (4 information, 8 warning, C critical), *yyy*
what it is. It reaches subscribers as an indication of a class in [model.md](model.md), `ESM_ThresholdIndication` where
it comes from a monitored value and `ESM_AlertIndication` where not, and the system log as one line of the facility
`user`:

```text
SRC:ESMFSSERVICE, ID:80000301, MSG:…
```

`esm config default` shows the levels of each monitor, and [operations.md](operations.md#monitors) how they are set.
A level is crossed when `HoldSamples` samples in a row lie beyond it, and left when the reset level is reached.
What stands in braces is filled in; the values alone are the alert's `MessageArguments`. Numbers 501, 502 and 608 are
kept for what is not watched yet.

`esm wsman invoke ESM_Alive SendTestAlert` raises the test alert. This page is made of the agent's own catalog by
`esm man --reference docs`.
";

/// File name and text of each page.
pub(super) fn pages() -> Result<[(&'static str, String); 2], Failure> {
    let schema = house().map_err(|errors: MofErrors| Failure::new(Exit::Local, errors))?;
    Ok([("model.md", model(&schema)), ("alerts.md", alerts())])
}

fn model(schema: &Schema) -> String {
    let mut page = MODEL.to_owned();
    let namespace = schema.namespace(&Namespace::new("root/ESMPRO/AS"));
    let mut classes: Vec<&Class> = namespace
        .iter()
        .flat_map(|namespace| namespace.classes())
        .map(|class| &**class)
        .filter(|class| class.name.as_str().starts_with("ESM_") && !class.is_abstract())
        .collect();
    classes.sort_by(|a, b| a.name.as_str().cmp(b.name.as_str()));
    for class in classes {
        add_class(&mut page, class);
    }
    page
}

fn add_class(page: &mut String, class: &Class) {
    let parent = match &class.superclass {
        Some(parent) if class.is_association() => format!("Association, a kind of {parent}. "),
        Some(parent) => format!("A kind of {parent}. "),
        None => String::new(),
    };
    let description = text(&class.qualifiers, "Description").unwrap_or_default();
    page.push_str(&format!("\n## {}\n\n{description} {parent}\n", class.name).replace(" \n", "\n"));
    let shown: Vec<&PropertyDecl> = class
        .properties
        .iter()
        .map(|property| &**property)
        .filter(|property| property.is_key() || !property.propagated)
        .collect();
    if !shown.is_empty() {
        page.push_str("\n| Property | Type | |\n|---|---|---|\n");
    }
    for property in shown {
        let marks = [
            (property.is_key(), "*Key.* "),
            (property.is_writable(), "*Written.* "),
        ];
        let marks: String = marks
            .iter()
            .filter(|(is, _)| *is)
            .map(|(_, mark)| *mark)
            .collect();
        let meaning = meaning(&property.qualifiers);
        row(
            page,
            &format!("`{}`", property.name),
            &type_text(&property.ty),
            &format!("{marks}{meaning}"),
        );
    }
    for method in class.methods.iter().filter(|method| !method.propagated) {
        add_method(page, method);
    }
}

fn add_method(page: &mut String, method: &Method) {
    let parameter = |parameter: &Parameter| format!("{} {}", type_text(&parameter.ty), parameter.name);
    let parameters: Vec<String> = method.parameters.iter().map(parameter).collect();
    let description = text(&method.qualifiers, "Description").unwrap_or_default();
    page.push_str(&format!(
        "\n`{} {}({})`: {description}\n",
        method.return_type,
        method.name,
        parameters.join(", ")
    ));
}

fn row(page: &mut String, first: &str, second: &str, third: &str) {
    // A bar would end the cell.
    page.push_str(&format!(
        "| {first} | {second} | {} |\n",
        third.trim().replace('|', "\\|")
    ));
}

fn type_text(ty: &TypeDecl) -> String {
    let array = if ty.is_array() { "[]" } else { "" };
    match &ty.reference_class {
        Some(class) => format!("{class} ref{array}"),
        None => format!("{}{array}", ty.cim_type),
    }
}

/// The description, the unit and the values with their names.
fn meaning(qualifiers: &[Qualifier]) -> String {
    let mut meaning = text(qualifiers, "Description").unwrap_or_default();
    if let Some(unit) = text(qualifiers, "PUnit") {
        meaning.push_str(&format!(" Unit: {unit}."));
    }
    let (codes, names) = (list(qualifiers, "ValueMap"), list(qualifiers, "Values"));
    if !codes.is_empty() && codes.len() == names.len() {
        let named = |(code, name): (&String, &String)| match code.eq_ignore_ascii_case(name) {
            true => format!("`{code}`"),
            false => format!("`{code}` {name}"),
        };
        let named: Vec<String> = codes.iter().zip(&names).map(named).collect();
        meaning.push_str(&format!(" Values: {}.", named.join(", ")));
    }
    meaning
}

fn value<'a>(qualifiers: &'a [Qualifier], name: &str) -> Option<&'a Value> {
    qualifiers
        .iter()
        .find(|qualifier| qualifier.name == *name)?
        .value
        .as_deref()
}

fn text(qualifiers: &[Qualifier], name: &str) -> Option<String> {
    match value(qualifiers, name)? {
        Value::String(text) => Some(text.to_string()),
        _ => None,
    }
}

fn list(qualifiers: &[Qualifier], name: &str) -> Vec<String> {
    match value(qualifiers, name) {
        Some(Value::Array(items)) => items
            .iter()
            .filter_map(|item| match item {
                Value::String(text) => Some(text.to_string()),
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    }
}

fn alerts() -> String {
    let mut page = ALERTS.to_owned();
    for entries in table::ALL {
        let Some(first) = entries.first() else { continue };
        let rule = table::RULE_BLOCKS
            .iter()
            .find(|(_, block)| first.number & 0xFF0 == *block);
        match rule {
            Some((rule, _)) => page.push_str(&format!("\n## {}: monitor `{rule}`\n\n", first.source.name())),
            None => page.push_str(&format!("\n## {}\n\n", first.source.name())),
        }
        page.push_str("| Number | Severity | Message | What to do |\n|---|---|---|---|\n");
        for entry in *entries {
            add_alert(&mut page, entry);
        }
    }
    page
}

fn add_alert(page: &mut String, entry: &Entry) {
    let number: EventId = entry.event_id();
    let severity = match entry.severity {
        Severity::Information => "information",
        Severity::Warning => "warning",
        Severity::Critical => "critical",
    };
    let first = format!("{number} | {severity}");
    row(
        page,
        &first,
        &entry.message.en.replace('|', "\\|"),
        entry.remedy.en,
    );
}
