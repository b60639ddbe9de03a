//! Object paths as wbemcli takes them: `http://user:password@host:5988/root/cimv2:Class.Key="value",Key2=7`, and
//! the same without a server, for the agent of this machine.

mod server;

pub use server::Server;

use super::trouble::Trouble;
use crate::cim::{CimType, InstancePath, Name, Namespace, Value};
use crate::client::classes::Classes;

/// The namespace where a URL names none.
const DEFAULT_NAMESPACE: &str = "root/cimv2";
/// The namespace of the agent's own classes.
const OWN_NAMESPACE: &str = "root/ESMPRO/AS";
/// What the names of the agent's own classes begin with.
const OWN_PREFIX: &str = "ESM_";
/// The namespaces that all others are in.
const TOPS: [&str; 2] = ["root", "interop"];

/// An object path in its parts.
#[derive(Debug, PartialEq)]
pub struct Object {
    /// The server; `None` where the path names none.
    pub server: Option<Server>,
    /// The namespace as it was written; `None` where the path names none.
    pub namespace: Option<String>,
    /// The class.
    pub class: Option<Name>,
    /// The keys.
    pub keys: Vec<Key>,
}

/// One key of an object path.
#[derive(Clone, Debug, PartialEq)]
pub struct Key {
    /// Its name.
    pub name: Name,
    /// Its value.
    pub value: KeyText,
}

/// The value of a key, as it was written.
#[derive(Clone, Debug, PartialEq)]
pub enum KeyText {
    /// What stands between two quotation marks.
    Quoted(String),
    /// What stands without them: a number, a boolean, a word.
    Bare(String),
    /// A path without quotation marks.
    Reference(Reference),
}

/// An instance that a key or a property refers to.
#[derive(Clone, Debug, PartialEq)]
pub struct Reference {
    /// The path up to the class, as it was written.
    pub head: String,
    /// The namespace, where it says one.
    pub namespace: Option<Namespace>,
    /// The class.
    pub class: Name,
    /// The keys.
    pub keys: Vec<Key>,
}

impl Object {
    /// Reads an object path.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, Trouble> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return Self::parse_local(text.strip_prefix('/').unwrap_or(text), None);
        };
        let tls = match scheme {
            scheme if scheme.eq_ignore_ascii_case("https") => true,
            scheme if scheme.eq_ignore_ascii_case("http") => false,
            _ => return Err(Trouble::url("Only supporting http or https protocols")),
        };
        let (server, local) = Server::parse(tls, rest)?;
        Self::parse_local(local, Some(server))
    }

    /// Reads what stands behind the server.
    fn parse_local(text: &str, server: Option<Server>) -> Result<Self, Trouble> {
        // Quotation marks and equals signs are in keys, and what is behind them as well.
        let model_end = text.find(['"', '=']).unwrap_or(text.len());
        let (namespace, model) = match text.get(..model_end).and_then(|head| head.split_once(':')) {
            Some((namespace, _)) => (
                Some(namespace),
                text.get(namespace.len() + 1..).unwrap_or_default(),
            ),
            None if server.is_some() || is_namespace(text) => (Some(text), ""),
            None => (None, text),
        };
        let namespace = match namespace {
            Some("") | None if server.is_some() => Some(DEFAULT_NAMESPACE.to_owned()),
            Some("") | None => None,
            Some(namespace) if namespace.split('/').any(str::is_empty) => {
                return Err(Trouble::Url(format!(
                    "Invalid namespace specification: `{namespace}`"
                )));
            }
            Some(namespace) => Some(namespace.to_owned()),
        };
        let (class, keys) = match model.split_once('.') {
            Some((class, keys)) => (class, parse_keys(keys)?),
            None => (model, Vec::new()),
        };
        let class = match class {
            "" if keys.is_empty() => None,
            class => Some(class_name(class)?),
        };
        Ok(Self {
            server,
            namespace,
            class,
            keys,
        })
    }

    /// The namespace that requests go to; `given` stands where the path names none.
    pub fn namespace(&self, given: Option<&str>) -> Namespace {
        let is_own = || {
            let name = self.class.as_ref().map(Name::as_str).unwrap_or_default();
            let prefix = name.get(..OWN_PREFIX.len());
            prefix.is_some_and(|prefix| prefix.eq_ignore_ascii_case(OWN_PREFIX))
        };
        let text = match (self.namespace.as_deref(), given) {
            (Some(namespace), _) | (None, Some(namespace)) => namespace,
            (None, None) if is_own() => OWN_NAMESPACE,
            (None, None) => DEFAULT_NAMESPACE,
        };
        Namespace::new(text)
    }

    /// The path of the instance, for requests. What is between quotation marks is a reference where the class, as
    /// far as it is known here, declares one.
    ///
    /// # Errors
    /// If a reference is none.
    pub fn path(&self, class: Name, classes: &Classes) -> Result<InstancePath, Trouble> {
        path_of(class, None, &self.keys, classes)
    }
}

/// Whether a text that holds no colon names a namespace, and not a class.
fn is_namespace(text: &str) -> bool {
    !text.contains(['.', '=', '"'])
        && (text.contains('/') || TOPS.iter().any(|top| top.eq_ignore_ascii_case(text)))
}

fn class_name(text: &str) -> Result<Name, Trouble> {
    Name::parse(text).map_err(|_| Trouble::Url(format!("`{text}` is no class name")))
}

fn path_of(
    class: Name,
    namespace: Option<Namespace>,
    keys: &[Key],
    classes: &Classes,
) -> Result<InstancePath, Trouble> {
    let declared = if keys.iter().any(|key| matches!(key.value, KeyText::Quoted(_))) {
        classes.find(&class)
    } else {
        None
    };
    let mut path = InstancePath::new(class);
    path.namespace = namespace;
    for key in keys {
        let is_reference = || {
            let property = declared.as_ref()?.property(key.name.as_str())?;
            (property.ty.cim_type == CimType::Reference).then_some(())
        };
        let value = match &key.value {
            KeyText::Reference(reference) => Value::Reference(Box::new(reference.path(classes)?)),
            KeyText::Quoted(text) if is_reference().is_some() => {
                let reference = Reference::parse(&unescape(text))?;
                Value::Reference(Box::new(reference.path(classes)?))
            }
            KeyText::Quoted(text) => Value::String(unescape(text)),
            KeyText::Bare(text) => bare_value(text),
        };
        path = path.with_key(key.name.clone(), value);
    }
    Ok(path)
}

/// A key without quotation marks: a boolean, an integer, or else a text.
fn bare_value(text: &str) -> Value {
    let is_number = text.starts_with(['+', '-']) || text.starts_with(|c: char| c.is_ascii_digit());
    let types: &[CimType] = if is_number {
        &[CimType::Uint64, CimType::Sint64]
    } else {
        &[CimType::Boolean]
    };
    let value = types.iter().find_map(|ty| Value::from_text(*ty, text).ok());
    value.unwrap_or_else(|| Value::string(text))
}

impl Reference {
    /// Reads the path of an instance that is referred to: `Class.Key="value"`, with a namespace or with a host and
    /// a namespace in front of it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, Trouble> {
        let refuse = || {
            Trouble::Url(format!(
                "`{text}` names no instance, as root/cimv2:CIM_X.Name=\"a\" does"
            ))
        };
        let (head, keys) = split_reference(text).ok_or_else(refuse)?;
        Self::of_parts(head, parse_keys(keys)?)
    }

    fn of_parts(head: &str, keys: Vec<Key>) -> Result<Self, Trouble> {
        let (namespace, class) = match head.rsplit_once(':') {
            Some((namespace, class)) => (Some(without_host(namespace)), class),
            None => (None, head),
        };
        Ok(Self {
            head: head.to_owned(),
            namespace: namespace.map(Namespace::new),
            class: class_name(class)?,
            keys,
        })
    }

    /// The path, for requests.
    ///
    /// # Errors
    /// If a reference among its keys is none.
    pub fn path(&self, classes: &Classes) -> Result<InstancePath, Trouble> {
        path_of(self.class.clone(), self.namespace.clone(), &self.keys, classes)
    }
}

/// The namespace without the host that may stand before it: `host:5988/root/cimv2`, `//host/root/cimv2`.
fn without_host(text: &str) -> &str {
    if let Some((_scheme, rest)) = text.split_once("//") {
        return rest.split_once('/').map_or("", |(_, namespace)| namespace);
    }
    let text = text.trim_start_matches('/');
    let Some((first, rest)) = text.split_once('/') else {
        return text;
    };
    let is_top = |part: &str| TOPS.iter().any(|top| top.eq_ignore_ascii_case(part));
    let second = rest.split('/').next().unwrap_or_default();
    if !is_top(first) && (is_top(second) || first.contains([':', '.'])) {
        rest
    } else {
        text
    }
}

/// Divides `host/ns:Class.Key=…` before its first key, if that is how the text begins.
fn split_reference(text: &str) -> Option<(&str, &str)> {
    let model_end = text.find(['"', '='])?;
    let (model, rest) = text.split_at(model_end);
    if model.contains(',') || !rest.starts_with('=') {
        return None;
    }
    let (head, key) = model.rsplit_once('.')?;
    let class = head.rsplit(':').next()?;
    Name::parse(class).ok()?;
    Name::parse(key).ok()?;
    Some((head, text.get(head.len() + 1..)?))
}

/// Reads keys. The keys of a reference end where the next reference begins: `From=C_X.K="a",N=1,To=C_Y.K="b"`.
fn parse_keys(text: &str) -> Result<Vec<Key>, Trouble> {
    let mut keys: Vec<Key> = Vec::new();
    // The reference that keys belong to, and its name.
    let mut open: Option<(Name, String, Vec<Key>)> = None;
    let mut rest = text;
    loop {
        let (name, value) = rest.split_once('=').ok_or_else(|| {
            Trouble::Url(format!(
                "`{rest}` is no key: a key is Name=\"value\" or Name=number"
            ))
        })?;
        let name = Name::parse(name).map_err(|_| Trouble::Url(format!("`{name}` is no name of a key")))?;
        let after;
        if let Some((head, inner)) = split_reference(value) {
            close(&mut keys, open.take())?;
            open = Some((name, head.to_owned(), Vec::new()));
            rest = inner;
            continue;
        } else if let Some(quoted) = value.strip_prefix('"') {
            let (inside, behind) = quoted_text(quoted)?;
            add(
                open.as_mut().map_or(&mut keys, |(_, _, inner)| inner),
                name,
                KeyText::Quoted(inside.to_owned()),
            )?;
            after = behind;
        } else {
            let (bare, behind) = value.split_at(value.find(',').unwrap_or(value.len()));
            if bare.contains(['=', '"']) {
                return Err(Trouble::Url(format!(
                    "Incorrect value assigned: `{bare}` must stand in quotation marks"
                )));
            }
            add(
                open.as_mut().map_or(&mut keys, |(_, _, inner)| inner),
                name,
                KeyText::Bare(bare.to_owned()),
            )?;
            after = behind;
        }
        if after.is_empty() {
            close(&mut keys, open)?;
            return Ok(keys);
        }
        rest = after.strip_prefix(',').ok_or_else(|| {
            Trouble::Url(format!(
                "Incorrectly quoted string: `{after}` stands behind a quotation mark; one inside a value is \\\""
            ))
        })?;
    }
}

fn close(keys: &mut Vec<Key>, open: Option<(Name, String, Vec<Key>)>) -> Result<(), Trouble> {
    match open {
        Some((name, head, inner)) => {
            let reference = Reference::of_parts(&head, inner)?;
            add(keys, name, KeyText::Reference(reference))
        }
        None => Ok(()),
    }
}

fn add(keys: &mut Vec<Key>, name: Name, value: KeyText) -> Result<(), Trouble> {
    if keys.iter().any(|key| key.name == name) {
        return Err(Trouble::Url(format!("the key `{name}` stands twice")));
    }
    keys.push(Key { name, value });
    Ok(())
}

/// What stands before the closing quotation mark, as it was written, and what stands behind it.
pub fn quoted_text(text: &str) -> Result<(&str, &str), Trouble> {
    let mut is_escaped = false;
    for (at, character) in text.char_indices() {
        match character {
            '"' if !is_escaped => {
                let inside = text.get(..at).unwrap_or_default();
                return Ok((inside, text.get(at + 1..).unwrap_or_default()));
            }
            '\\' => is_escaped = !is_escaped,
            _ => is_escaped = false,
        }
    }
    Err(Trouble::url("Unbalanced quoted string"))
}

/// The text with `\"` for a quotation mark and `\\` for a backslash, as values are printed. Any other backslash
/// stands for itself.
pub fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let next = characters.peek().copied();
        match (character, next) {
            ('\\', Some(escaped @ ('"' | '\\'))) => {
                out.push(escaped);
                characters.next();
            }
            _ => out.push(character),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Object, String> {
        Object::parse(text).map_err(|trouble| trouble.told_by("w").text().to_owned())
    }

    /// Server, namespace, class and keys of a path, in one line.
    fn shown(object: &Object) -> String {
        let server = object.server.as_ref().map_or_else(
            || "-".to_owned(),
            |server| {
                let password = server.password.as_ref().map(|password| password.as_str());
                format!("{} {:?} {password:?}", server.url(), server.user.as_deref())
            },
        );
        let namespace = object.namespace.as_deref().unwrap_or("-");
        let class = object.class.as_ref().map_or("-", Name::as_str);
        let path = object.path(Name::new("C"), &Classes::default()).unwrap();
        format!("{server} | {namespace} | {class} | {path}")
    }

    #[track_caller]
    fn check(text: &str, expect: &str) {
        let object = read(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(shown(&object), expect, "{text}");
    }

    #[test]
    fn urls_are_those_of_wbemcli() {
        check(
            "http://localhost:5988/root/cimv2:C_X",
            "http://localhost:5988/cimom None None | root/cimv2 | C_X | C",
        );
        check(
            "https://root:secret@h/root/ESMPRO/AS:C_X.K=\"a\",N=7,B=true,W=word",
            "https://h:5989/cimom Some(\"root\") Some(\"secret\") | root/ESMPRO/AS | C_X | C.B=TRUE,K=\"a\",N=7,W=\"word\"",
        );
        check("http://h", "http://h:5988/cimom None None | root/cimv2 | - | C");
        check("HTTP://h/", "http://h:5988/cimom None None | root/cimv2 | - | C");
        check(
            "http://h/root/x:",
            "http://h:5988/cimom None None | root/x | - | C",
        );
        check("http://h/root", "http://h:5988/cimom None None | root | - | C");
        check(
            "http://[::1]:1/root:C_X",
            "http://[::1]:1/cimom None None | root | C_X | C",
        );
        check(
            "http://[::1]/root:C_X",
            "http://[::1]:5988/cimom None None | root | C_X | C",
        );
    }

    #[test]
    fn without_a_server_it_is_this_machine() {
        check(
            "root/interop:CIM_Namespace",
            "- | root/interop | CIM_Namespace | C",
        );
        check(
            "/root/interop:CIM_Namespace",
            "- | root/interop | CIM_Namespace | C",
        );
        check("root/interop", "- | root/interop | - | C");
        check("root", "- | root | - | C");
        check("Interop", "- | Interop | - | C");
        check("ESM_Processor", "- | - | ESM_Processor | C");
        check("C_X.K=\"a:b/c.d\"", "- | - | C_X | C.K=\"a:b/c.d\"");
        let namespace = |text: &str, given| read(text).unwrap().namespace(given).to_string();
        assert_eq!(namespace("esm_Processor", None), "root/ESMPRO/AS");
        assert_eq!(namespace("CIM_Processor", None), "root/cimv2");
        assert_eq!(namespace("CIM_Processor", Some("root/x")), "root/x");
        assert_eq!(namespace("root/y:CIM_Processor", Some("root/x")), "root/y");
    }

    #[test]
    fn values_of_keys_may_hold_anything() {
        check(r#"C_X.K="a,b=c""#, r#"- | - | C_X | C.K="a,b=c""#);
        check(r#"C_X.K="a\"b\\c\d""#, r#"- | - | C_X | C.K="a\"b\\c\\d""#);
        check("C_X.N=-5,M=+3,V=1.5", r#"- | - | C_X | C.M=3,N=-5,V="1.5""#);
        check(
            "C_X.N=99999999999999999999",
            r#"- | - | C_X | C.N="99999999999999999999""#,
        );
        check("C_X.K=", r#"- | - | C_X | C.K="""#);
    }

    #[test]
    fn references_are_paths_with_and_without_quotation_marks() {
        check(
            r#"C_A.From=root/x:C_X.K="v",N=3,To=C_Y.K="z""#,
            r#"- | - | C_A | C.From="root/x:C_X.K=\"v\",N=3",To="C_Y.K=\"z\"""#,
        );
        check(
            r#"C_A.From=h.example:5988/root/x:C_X.K="v",To=host/root/y:C_Y.K="z""#,
            r#"- | - | C_A | C.From="root/x:C_X.K=\"v\"",To="root/y:C_Y.K=\"z\"""#,
        );
        // Only a class that is known makes a reference of what is quoted.
        let text = r#"CIM_HostedService.Antecedent="root/interop:CIM_X.N=\"a\"",Dependent="CIM_Y.M=1""#;
        let object = read(text).unwrap();
        let class = object.class.clone().unwrap();
        let path = object.path(class, &Classes::default()).unwrap();
        assert!(
            path.keys
                .iter()
                .all(|key| matches!(key.value, Value::Reference(_))),
            "{path:?}"
        );
        check(r#"C_A.From="C_X.K=1""#, r#"- | - | C_A | C.From="C_X.K=1""#);
    }

    #[track_caller]
    fn refused(text: &str, expect: &str) {
        let error = read(text).unwrap_err();
        assert!(error.contains(expect), "{text}: {error}");
    }

    #[test]
    fn what_is_wrong_is_told() {
        refused(
            "ftp://x/y",
            "Url Exception: Only supporting http or https protocols",
        );
        refused("http://", "Could not locate hostname");
        refused("http://h:xx/root:C", "Invalid port number: `xx`");
        refused("http://h:0/root:C", "Invalid port number: `0`");
        refused("http://h:5988:C_X", "Invalid port number");
        refused("http://h/root//x:C", "Invalid namespace specification: `root//x`");
        refused("root:9C", "`9C` is no class name");
        refused("C_X.K=\"a\"b", "Incorrectly quoted string: `b`");
        refused("C_X.K=\"a", "Unbalanced quoted string");
        refused("C_X.K=a=b", "Incorrect value assigned: `a=b`");
        refused("C_X.K", "`K` is no key");
        refused("C_X.", "`` is no key");
        refused("C_X.K=1,", "`` is no key");
        refused("C_X.K=1,k=2", "the key `k` stands twice");
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(https?://)?[a-z:@/.\\[\\]]{0,12}[a-zA-Z_.=\",\\\\:/0-9é]{0,40}") {
            let _ = Object::parse(&text);
        }
    }
}
