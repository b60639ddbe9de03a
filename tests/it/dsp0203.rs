//! A checker of CIM-XML messages: the element rules of DSP0203, narrowed to what the strictest parsers in use read.
//!
//! Beside the rules of the DTD it holds: an XML declaration comes first; every element has an end tag, but for
//! `CLASSNAME`, `NAMESPACE` and `ERROR`; there is no comment, CDATA section, numeric character reference (but that of
//! a carriage return, which nothing else carries) or `VALUE.NULL`; attributes are those of version 2.0 of the DTD and the few that later ones need; values are written
//! as their types want; a reply holds the elements of its operation.

mod operations;
mod table;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use table::{Content, Rule};

/// An element with everything in it.
#[derive(Clone, Debug, Default)]
struct Node {
    name: String,
    attributes: Vec<(String, String)>,
    text: String,
    children: Vec<Node>,
    /// Whether it closed itself.
    is_closed: bool,
}

/// Checks a reply, of a server or a listener.
///
/// # Panics
/// If it breaks a rule; the message says which, and where.
#[track_caller]
pub fn check_reply(text: &str) {
    let root = check(text, &["SIMPLERSP", "MULTIRSP", "SIMPLEEXPRSP", "MULTIEXPRSP"]);
    if let Err(fault) = operations::check(&root) {
        panic!("{fault}:\n{text}");
    }
}

/// Checks an answer to `EnumerateInstances` that broke off: what came of it is the beginning of one that is right.
///
/// # Panics
/// If it breaks a rule; the message says which, and where.
#[track_caller]
pub fn check_broken_off(text: &str) {
    assert!(text.ends_with("</VALUE.NAMEDINSTANCE>"), "it ends within an item");
    check_reply(&format!(
        "{text}</IRETURNVALUE></IMETHODRESPONSE></SIMPLERSP></MESSAGE></CIM>"
    ));
}

/// Checks a request, of a client or a delivery.
///
/// # Panics
/// If it breaks a rule; the message says which, and where.
#[track_caller]
pub fn check_request(text: &str) {
    check(text, &["SIMPLEREQ", "MULTIREQ", "SIMPLEEXPREQ", "MULTIEXPREQ"]);
}

#[track_caller]
fn check(text: &str, kinds: &[&str]) -> Node {
    let checked = parse(text).and_then(|root| {
        let kind = root
            .path(&["MESSAGE"])
            .and_then(|message| message.children.first());
        let kind = kind.map_or("nothing", |kind| kind.name.as_str());
        if !kinds.contains(&kind) {
            return Err(format!("{kind} is none of {kinds:?}"));
        }
        root.check("")?;
        Ok(root)
    });
    checked.unwrap_or_else(|fault| panic!("{fault}:\n{text}"))
}

/// Reads a message as a tree; what may not stand in one is refused here.
fn parse(text: &str) -> Result<Node, String> {
    if !text.starts_with("<?xml version=\"1.0\"") {
        return Err("it does not begin with an XML declaration".to_owned());
    }
    let mut reader = Reader::from_str(text);
    let mut open = vec![Node::default()];
    loop {
        let event = reader.read_event().map_err(|error| error.to_string())?;
        let innermost = open.last_mut().ok_or("nothing is open")?;
        match event {
            Event::Decl(_) => {}
            Event::Start(start) => open.push(Node::begin(&start, false)?),
            Event::Empty(start) => innermost.take(Node::begin(&start, true)?)?,
            Event::End(_) => {
                let ended = open.pop().ok_or("nothing is open")?;
                open.last_mut().ok_or("nothing is open")?.take(ended)?;
            }
            Event::Text(text) => innermost.text.push_str(&text),
            Event::GeneralRef(name) => {
                let character = match &*name {
                    "lt" => '<',
                    "gt" => '>',
                    "amp" => '&',
                    "quot" => '"',
                    "apos" => '\'',
                    "#13" => '\r',
                    other => return Err(format!("the reference &{other};")),
                };
                innermost.text.push(character);
            }
            Event::Eof => break,
            Event::Comment(_) | Event::CData(_) | Event::PI(_) | Event::DocType(_) => {
                return Err("a comment, CDATA section, processing instruction or DOCTYPE".to_owned());
            }
        }
    }
    match open.as_slice() {
        [document] if document.children.len() == 1 => {
            Ok(document.children.first().cloned().unwrap_or_default())
        }
        _ => Err("it has not one root".to_owned()),
    }
}

impl Node {
    fn begin(start: &BytesStart<'_>, is_closed: bool) -> Result<Self, String> {
        let mut node = Self {
            name: start.name().0.to_owned(),
            is_closed,
            ..Self::default()
        };
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|error| error.to_string())?;
            if attribute.value.contains("&#") {
                return Err(format!("a numeric reference in an attribute of {}", node.name));
            }
            let value = quick_xml::escape::unescape(&attribute.value).map_err(|error| error.to_string())?;
            node.attributes
                .push((attribute.key.0.to_owned(), value.into_owned()));
        }
        Ok(node)
    }

    /// Takes an element that has ended. The items of an answer, of which there may be very many, are checked at once,
    /// and of those of one kind two are kept: they say as much as all of them.
    fn take(&mut self, ended: Self) -> Result<(), String> {
        if self.name == "IRETURNVALUE" {
            ended.check("IRETURNVALUE")?;
            if let [.., first, second] = self.children.as_slice()
                && first.name == ended.name
                && second.name == ended.name
            {
                return Ok(());
            }
        }
        self.children.push(ended);
        Ok(())
    }

    fn attribute(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    fn path(&self, names: &[&str]) -> Option<&Self> {
        names.iter().try_fold(self, |node, name| {
            node.children.iter().find(|child| child.name == *name)
        })
    }

    fn check(&self, above: &str) -> Result<(), String> {
        let place = format!("{above}/{}", self.name);
        let rule = Rule::of(&self.name).ok_or_else(|| format!("{place} is no element to be sent"))?;
        if self.is_closed && !matches!(self.name.as_str(), "CLASSNAME" | "NAMESPACE" | "ERROR") {
            return Err(format!("{place} closes itself"));
        }
        self.check_attributes(&rule)
            .map_err(|fault| format!("{place}: {fault}"))?;
        self.check_content(&rule)
            .map_err(|fault| format!("{place}: {fault}"))?;
        self.check_values().map_err(|fault| format!("{place}: {fault}"))?;
        self.children.iter().try_for_each(|child| child.check(&place))
    }

    fn check_attributes(&self, rule: &Rule) -> Result<(), String> {
        for (name, value) in &self.attributes {
            let known = rule.attributes.iter().find(|attribute| attribute.name == name);
            let known = known.ok_or_else(|| format!("the attribute {name}"))?;
            if !known.values.is_empty() && !known.values.contains(&value.as_str()) {
                return Err(format!("{name} is `{value}` and none of {:?}", known.values));
            }
        }
        let missing = rule
            .attributes
            .iter()
            .find(|attribute| attribute.is_required && self.attribute(attribute.name).is_none());
        missing.map_or(Ok(()), |missing| Err(format!("it lacks {}", missing.name)))
    }

    fn check_content(&self, rule: &Rule) -> Result<(), String> {
        let names: Vec<&str> = self.children.iter().map(|child| child.name.as_str()).collect();
        if rule.content != Content::Text && !self.text.trim().is_empty() {
            return Err(format!("the text `{}`", self.text.trim()));
        }
        match rule.content {
            Content::Text | Content::Empty if !names.is_empty() => Err(format!("it holds {names:?}")),
            Content::Text | Content::Empty => Ok(()),
            Content::Sequence(parts) => sequence(&names, parts),
            Content::OneOf(sequences) => {
                let faults = sequences.iter().map(|parts| sequence(&names, parts));
                let faults: Result<Vec<String>, ()> = faults.map(|result| result.err().ok_or(())).collect();
                faults.map_or(Ok(()), |faults| Err(faults.join("; or ")))
            }
            Content::AllOfOne(kinds) => match names.first() {
                Some(first) if !kinds.contains(first) => Err(format!("it holds {first}")),
                Some(first) if names.iter().any(|name| name != first) => {
                    Err(format!("it holds elements of several kinds: {names:?}"))
                }
                _ => Ok(()),
            },
        }
    }

    /// That the texts of a typed element are written as their type wants them.
    fn check_values(&self) -> Result<(), String> {
        if self.name == "KEYVALUE" {
            return match self.attribute("VALUETYPE") {
                Some("numeric") => check_text("real64", &self.text),
                Some("boolean") => check_text("boolean", &self.text),
                _ => Ok(()),
            };
        }
        let said = self.attribute("TYPE").or_else(|| self.attribute("PARAMTYPE"));
        let Some(cim_type) = said else { return Ok(()) };
        for child in &self.children {
            match child.name.as_str() {
                "VALUE" => check_text(cim_type, &child.text)?,
                "VALUE.ARRAY" => {
                    let mut items = child.children.iter();
                    items.try_for_each(|item| check_text(cim_type, &item.text))?;
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Whether the children are those of a sequence, each part as often as it may stand there.
fn sequence(names: &[&str], parts: &[table::Part]) -> Result<(), String> {
    let mut rest = names;
    for part in parts {
        let mut count = 0;
        while let Some((first, after)) = rest.split_first() {
            if count == part.at_most || !part.names.contains(first) {
                break;
            }
            count += 1;
            rest = after;
        }
        if count < part.at_least {
            return Err(format!(
                "of {:?} there are {count}, not {}",
                part.names, part.at_least
            ));
        }
    }
    match rest.first() {
        Some(extra) => Err(format!("{extra} stands where it may not: {names:?}")),
        None => Ok(()),
    }
}

/// Whether a text is written as values of a type are (DSP0201, 5.2.3).
fn check_text(cim_type: &str, text: &str) -> Result<(), String> {
    let is_right = match cim_type {
        "boolean" => matches!(text, "TRUE" | "FALSE"),
        "uint8" => text.parse::<u8>().is_ok(),
        "uint16" => text.parse::<u16>().is_ok(),
        "uint32" => text.parse::<u32>().is_ok(),
        "uint64" => text.parse::<u64>().is_ok(),
        "sint8" => text.parse::<i8>().is_ok(),
        "sint16" => text.parse::<i16>().is_ok(),
        "sint32" => text.parse::<i32>().is_ok(),
        "sint64" => text.parse::<i64>().is_ok(),
        "real32" | "real64" => matches!(text, "NaN" | "INF" | "-INF") || text.parse::<f64>().is_ok(),
        "char16" => text.chars().count() == 1,
        "datetime" => {
            text.len() == 25
                && text.as_bytes().get(14) == Some(&b'.')
                && matches!(text.as_bytes().get(21), Some(b'+' | b'-' | b':'))
        }
        _ => true,
    };
    if is_right {
        Ok(())
    } else {
        Err(format!("`{text}` is not how a {cim_type} is written"))
    }
}

fn reply(answer: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<CIM CIMVERSION=\"2.0\" DTDVERSION=\"2.0\"><MESSAGE ID=\"1\" PROTOCOLVERSION=\"1.0\">\
         <SIMPLERSP>{answer}</SIMPLERSP></MESSAGE></CIM>"
    )
}

#[track_caller]
fn check_fault(answer: &str, expect: &str) {
    let text = reply(answer);
    let fault = parse(&text)
        .and_then(|root| root.check("").and_then(|()| operations::check(&root)))
        .expect_err("a fault");
    assert!(fault.contains(expect), "{fault}");
}

#[test]
fn the_checker_sees_faults() {
    check_reply(&reply(
        "<IMETHODRESPONSE NAME=\"GetClass\"><ERROR CODE=\"6\" DESCRIPTION=\"no\"/></IMETHODRESPONSE>",
    ));
    let instance = |property: &str| {
        format!(
            "<IMETHODRESPONSE NAME=\"GetInstance\"><IRETURNVALUE><INSTANCE CLASSNAME=\"C\">{property}</INSTANCE></IRETURNVALUE></IMETHODRESPONSE>"
        )
    };
    check_reply(&reply(&instance(
        "<PROPERTY NAME=\"A\" TYPE=\"uint8\"><VALUE>1</VALUE></PROPERTY>",
    )));
    check_fault(
        &instance("<PROPERTY NAME=\"A\" TYPE=\"uint8\"/>"),
        "closes itself",
    );
    check_fault(
        &instance("<PROPERTY NAME=\"A\" TYPE=\"uint8\"><VALUE>256</VALUE></PROPERTY>"),
        "`256` is not how a uint8 is written",
    );
    check_fault(&instance("<PROPERTY NAME=\"A\"></PROPERTY>"), "it lacks TYPE");
    check_fault(
        &instance("<PROPERTY NAME=\"A\" TYPE=\"uint7\"></PROPERTY>"),
        "TYPE is `uint7` and none of",
    );
    check_fault(
        &instance("<PROPERTY NAME=\"A\" X=\"\" TYPE=\"uint8\"></PROPERTY>"),
        "the attribute X",
    );
    check_fault(&instance("<!-- -->"), "a comment");
    check_fault(
        &instance("<PROPERTY NAME=\"A\" TYPE=\"string\"><VALUE>&#10;</VALUE></PROPERTY>"),
        "&#10;",
    );
    check_fault(
        &instance(
            "<PROPERTY.ARRAY NAME=\"A\" TYPE=\"string\"><VALUE.ARRAY><VALUE.NULL></VALUE.NULL></VALUE.ARRAY></PROPERTY.ARRAY>",
        ),
        "VALUE.NULL",
    );
    check_fault(
        &instance("<METHOD NAME=\"A\"></METHOD>"),
        "METHOD stands where it may not",
    );
    check_fault(&instance("text"), "the text `text`");
    let many = "<INSTANCENAME CLASSNAME=\"C\"></INSTANCENAME>".repeat(5);
    check_fault(
        &format!(
            "<IMETHODRESPONSE NAME=\"EnumerateInstanceNames\"><IRETURNVALUE>{many}<INSTANCENAME></INSTANCENAME></IRETURNVALUE></IMETHODRESPONSE>"
        ),
        "it lacks CLASSNAME",
    );
    check_fault(
        "<IMETHODRESPONSE NAME=\"enumerateINSTANCES\"><IRETURNVALUE><INSTANCE CLASSNAME=\"C\"></INSTANCE></IRETURNVALUE></IMETHODRESPONSE>",
        "enumerateINSTANCES returns VALUE.NAMEDINSTANCE, not INSTANCE",
    );
    check_fault(
        "<IMETHODRESPONSE NAME=\"DeleteInstance\"><IRETURNVALUE></IRETURNVALUE></IMETHODRESPONSE>",
        "DeleteInstance returns nothing",
    );
    check_fault(
        "<IMETHODRESPONSE NAME=\"PullInstances\"><IRETURNVALUE></IRETURNVALUE></IMETHODRESPONSE>",
        "PullInstances lacks EndOfSequence",
    );
    check_fault(
        "<IMETHODRESPONSE NAME=\"GetClass\"></IMETHODRESPONSE>",
        "GetClass lacks its IRETURNVALUE",
    );
}
