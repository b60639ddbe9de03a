//! The elements of CIM-XML messages: what each may hold, in which order, and its attributes.

/// What holds for an element.
pub struct Rule {
    pub content: Content,
    pub attributes: &'static [Attribute],
}

use Content::{AllOfOne, Empty, OneOf, Sequence, Text};

/// What an element may hold.
#[derive(Clone, Copy, PartialEq)]
pub enum Content {
    /// Text alone.
    Text,
    /// Nothing.
    Empty,
    /// Elements in an order.
    Sequence(&'static [Part]),
    /// Elements in one of several orders.
    OneOf(&'static [&'static [Part]]),
    /// Any number of elements, all of one kind.
    AllOfOne(&'static [&'static str]),
}

/// A part of a sequence: so many elements of any of these names.
#[derive(PartialEq)]
pub struct Part {
    pub names: &'static [&'static str],
    pub at_least: usize,
    pub at_most: usize,
}

/// An attribute; without values it may have any.
pub struct Attribute {
    pub name: &'static str,
    pub is_required: bool,
    pub values: &'static [&'static str],
}

const fn one(names: &'static [&'static str]) -> Part {
    part(names, 1, 1)
}

const fn maybe(names: &'static [&'static str]) -> Part {
    part(names, 0, 1)
}

const fn any(names: &'static [&'static str]) -> Part {
    part(names, 0, usize::MAX)
}

const fn many(names: &'static [&'static str], at_least: usize) -> Part {
    part(names, at_least, usize::MAX)
}

const fn part(names: &'static [&'static str], at_least: usize, at_most: usize) -> Part {
    Part {
        names,
        at_least,
        at_most,
    }
}

const fn required(name: &'static str, values: &'static [&'static str]) -> Attribute {
    Attribute {
        name,
        is_required: true,
        values,
    }
}

const fn optional(name: &'static str, values: &'static [&'static str]) -> Attribute {
    Attribute {
        name,
        is_required: false,
        values,
    }
}

const TYPES: &[&str] = &[
    "boolean", "string", "char16", "uint8", "sint8", "uint16", "sint16", "uint32", "sint32", "uint64",
    "sint64", "datetime", "real32", "real64",
];
const PARAMETER_TYPES: &[&str] = &[
    "boolean",
    "string",
    "char16",
    "uint8",
    "sint8",
    "uint16",
    "sint16",
    "uint32",
    "sint32",
    "uint64",
    "sint64",
    "datetime",
    "real32",
    "real64",
    "reference",
];
const BOOLEAN: &[&str] = &["true", "false"];
const OBJECTS: &[&str] = &["object", "instance"];
const VALUE_OR_ARRAY: &[&str] = &["VALUE", "VALUE.ARRAY"];
const PROPERTIES: &[&str] = &["PROPERTY", "PROPERTY.ARRAY", "PROPERTY.REFERENCE"];
const PARAMETERS: &[&str] = &[
    "PARAMETER",
    "PARAMETER.REFERENCE",
    "PARAMETER.ARRAY",
    "PARAMETER.REFARRAY",
];

const NAME: Attribute = required("NAME", &[]);
const TYPE: Attribute = required("TYPE", TYPES);
const ORIGIN: Attribute = optional("CLASSORIGIN", &[]);
const PROPAGATED: Attribute = optional("PROPAGATED", BOOLEAN);
const EMBEDDED: Attribute = optional("EmbeddedObject", OBJECTS);
const SIZE: Attribute = optional("ARRAYSIZE", &[]);
const REFERENCE_CLASS: Attribute = optional("REFERENCECLASS", &[]);
const PARAMTYPE: Attribute = optional("PARAMTYPE", PARAMETER_TYPES);
const OVERRIDABLE: Attribute = optional("OVERRIDABLE", BOOLEAN);
const TOSUBCLASS: Attribute = optional("TOSUBCLASS", BOOLEAN);
const TOINSTANCE: Attribute = optional("TOINSTANCE", BOOLEAN);
const TRANSLATABLE: Attribute = optional("TRANSLATABLE", BOOLEAN);

impl Rule {
    /// The rule of an element; `None` where it is none that we send.
    pub fn of(element: &str) -> Option<Self> {
        let tables = [MESSAGES, CALLS, VALUES, PATHS, DECLARATIONS];
        let row = tables.into_iter().flatten().find(|row| row.0 == element)?;
        Some(Self {
            content: row.1,
            attributes: row.2,
        })
    }
}

/// An element with what it may hold and its attributes.
type Row = (&'static str, Content, &'static [Attribute]);

/// The envelope of everything.
const MESSAGES: &[Row] = &[
    (
        "CIM",
        Sequence(&[one(&["MESSAGE"])]),
        &[required("CIMVERSION", &["2.0"]), required("DTDVERSION", &["2.0"])],
    ),
    (
        "MESSAGE",
        Sequence(&[one(&[
            "SIMPLEREQ",
            "MULTIREQ",
            "SIMPLERSP",
            "MULTIRSP",
            "SIMPLEEXPREQ",
            "SIMPLEEXPRSP",
            "MULTIEXPREQ",
            "MULTIEXPRSP",
        ])]),
        &[required("ID", &[]), required("PROTOCOLVERSION", &["1.0"])],
    ),
    ("MULTIREQ", Sequence(&[many(&["SIMPLEREQ"], 2)]), &[]),
    ("MULTIRSP", Sequence(&[many(&["SIMPLERSP"], 2)]), &[]),
    ("SIMPLEREQ", Sequence(&[one(&["METHODCALL", "IMETHODCALL"])]), &[]),
    (
        "SIMPLERSP",
        Sequence(&[one(&["METHODRESPONSE", "IMETHODRESPONSE"])]),
        &[],
    ),
    ("MULTIEXPREQ", Sequence(&[many(&["SIMPLEEXPREQ"], 2)]), &[]),
    ("MULTIEXPRSP", Sequence(&[many(&["SIMPLEEXPRSP"], 2)]), &[]),
    ("SIMPLEEXPREQ", Sequence(&[one(&["EXPMETHODCALL"])]), &[]),
    ("SIMPLEEXPRSP", Sequence(&[one(&["EXPMETHODRESPONSE"])]), &[]),
    (
        "EXPMETHODRESPONSE",
        OneOf(&[&[one(&["ERROR"])], &[maybe(&["IRETURNVALUE"])]]),
        &[NAME],
    ),
    (
        "ERROR",
        Sequence(&[any(&["INSTANCE"])]),
        &[required("CODE", &[]), optional("DESCRIPTION", &[])],
    ),
];

/// Calls and what they return.
const CALLS: &[Row] = &[
    (
        "METHODCALL",
        Sequence(&[
            one(&["LOCALCLASSPATH", "LOCALINSTANCEPATH"]),
            any(&["PARAMVALUE"]),
        ]),
        &[NAME],
    ),
    (
        "IMETHODCALL",
        Sequence(&[one(&["LOCALNAMESPACEPATH"]), any(&["IPARAMVALUE"])]),
        &[NAME],
    ),
    ("EXPMETHODCALL", Sequence(&[any(&["EXPPARAMVALUE"])]), &[NAME]),
    (
        "PARAMVALUE",
        Sequence(&[maybe(&[
            "VALUE",
            "VALUE.REFERENCE",
            "VALUE.ARRAY",
            "VALUE.REFARRAY",
            "CLASS",
        ])]),
        &[NAME, PARAMTYPE, EMBEDDED],
    ),
    (
        "IPARAMVALUE",
        Sequence(&[maybe(&[
            "VALUE",
            "VALUE.ARRAY",
            "VALUE.REFERENCE",
            "CLASSNAME",
            "INSTANCENAME",
            "INSTANCE",
            "VALUE.NAMEDINSTANCE",
        ])]),
        &[NAME],
    ),
    ("EXPPARAMVALUE", Sequence(&[maybe(&["INSTANCE"])]), &[NAME]),
    (
        "METHODRESPONSE",
        OneOf(&[
            &[one(&["ERROR"])],
            &[maybe(&["RETURNVALUE"]), any(&["PARAMVALUE"])],
        ]),
        &[NAME],
    ),
    (
        "IMETHODRESPONSE",
        OneOf(&[
            &[one(&["ERROR"])],
            &[maybe(&["IRETURNVALUE"]), any(&["PARAMVALUE"])],
        ]),
        &[NAME],
    ),
    (
        "RETURNVALUE",
        Sequence(&[maybe(&["VALUE", "VALUE.REFERENCE"])]),
        &[required("PARAMTYPE", PARAMETER_TYPES), EMBEDDED],
    ),
    (
        "IRETURNVALUE",
        AllOfOne(&[
            "CLASSNAME",
            "INSTANCENAME",
            "VALUE",
            "VALUE.OBJECTWITHPATH",
            "VALUE.OBJECT",
            "OBJECTPATH",
            "QUALIFIER.DECLARATION",
            "VALUE.ARRAY",
            "VALUE.REFERENCE",
            "CLASS",
            "INSTANCE",
            "INSTANCEPATH",
            "VALUE.NAMEDINSTANCE",
            "VALUE.INSTANCEWITHPATH",
        ]),
        &[],
    ),
];

/// Values. Items of arrays are never NULL.
const VALUES: &[Row] = &[
    ("VALUE", Text, &[]),
    ("VALUE.ARRAY", Sequence(&[any(&["VALUE"])]), &[]),
    // A path with the namespace, which is how clients know their own objects again.
    (
        "VALUE.REFERENCE",
        Sequence(&[one(&["LOCALCLASSPATH", "LOCALINSTANCEPATH"])]),
        &[],
    ),
    ("VALUE.REFARRAY", Sequence(&[any(&["VALUE.REFERENCE"])]), &[]),
    ("VALUE.OBJECT", Sequence(&[one(&["CLASS", "INSTANCE"])]), &[]),
    (
        "VALUE.NAMEDINSTANCE",
        Sequence(&[one(&["INSTANCENAME"]), one(&["INSTANCE"])]),
        &[],
    ),
    (
        "VALUE.INSTANCEWITHPATH",
        Sequence(&[one(&["INSTANCEPATH"]), one(&["INSTANCE"])]),
        &[],
    ),
    (
        "VALUE.OBJECTWITHPATH",
        OneOf(&[
            &[one(&["CLASSPATH"]), one(&["CLASS"])],
            &[one(&["INSTANCEPATH"]), one(&["INSTANCE"])],
        ]),
        &[],
    ),
];

/// Names and paths.
const PATHS: &[Row] = &[
    (
        "NAMESPACEPATH",
        Sequence(&[one(&["HOST"]), one(&["LOCALNAMESPACEPATH"])]),
        &[],
    ),
    ("LOCALNAMESPACEPATH", Sequence(&[many(&["NAMESPACE"], 1)]), &[]),
    ("HOST", Text, &[]),
    ("NAMESPACE", Empty, &[NAME]),
    ("CLASSNAME", Empty, &[NAME]),
    (
        "CLASSPATH",
        Sequence(&[one(&["NAMESPACEPATH"]), one(&["CLASSNAME"])]),
        &[],
    ),
    (
        "LOCALCLASSPATH",
        Sequence(&[one(&["LOCALNAMESPACEPATH"]), one(&["CLASSNAME"])]),
        &[],
    ),
    (
        "INSTANCEPATH",
        Sequence(&[one(&["NAMESPACEPATH"]), one(&["INSTANCENAME"])]),
        &[],
    ),
    (
        "LOCALINSTANCEPATH",
        Sequence(&[one(&["LOCALNAMESPACEPATH"]), one(&["INSTANCENAME"])]),
        &[],
    ),
    (
        "OBJECTPATH",
        Sequence(&[one(&["INSTANCEPATH", "CLASSPATH"])]),
        &[],
    ),
    (
        "INSTANCENAME",
        Sequence(&[any(&["KEYBINDING"])]),
        &[required("CLASSNAME", &[])],
    ),
    (
        "KEYBINDING",
        Sequence(&[one(&["KEYVALUE", "VALUE.REFERENCE"])]),
        &[NAME],
    ),
    // The TYPE of later versions is left out: parsers of version 2.0 refuse it.
    (
        "KEYVALUE",
        Text,
        &[required("VALUETYPE", &["string", "boolean", "numeric"])],
    ),
];

/// Classes, instances, qualifiers.
const DECLARATIONS: &[Row] = &[
    (
        "CLASS",
        Sequence(&[any(&["QUALIFIER"]), any(PROPERTIES), any(&["METHOD"])]),
        &[NAME, optional("SUPERCLASS", &[])],
    ),
    (
        "INSTANCE",
        Sequence(&[any(&["QUALIFIER"]), any(PROPERTIES)]),
        &[required("CLASSNAME", &[])],
    ),
    (
        "QUALIFIER",
        Sequence(&[maybe(VALUE_OR_ARRAY)]),
        &[
            NAME,
            TYPE,
            PROPAGATED,
            OVERRIDABLE,
            TOSUBCLASS,
            TOINSTANCE,
            TRANSLATABLE,
        ],
    ),
    (
        "PROPERTY",
        Sequence(&[any(&["QUALIFIER"]), maybe(&["VALUE"])]),
        &[NAME, TYPE, ORIGIN, PROPAGATED, EMBEDDED],
    ),
    (
        "PROPERTY.ARRAY",
        Sequence(&[any(&["QUALIFIER"]), maybe(&["VALUE.ARRAY"])]),
        &[NAME, TYPE, SIZE, ORIGIN, PROPAGATED, EMBEDDED],
    ),
    (
        "PROPERTY.REFERENCE",
        Sequence(&[any(&["QUALIFIER"]), maybe(&["VALUE.REFERENCE"])]),
        &[NAME, REFERENCE_CLASS, ORIGIN, PROPAGATED],
    ),
    (
        "METHOD",
        Sequence(&[any(&["QUALIFIER"]), any(PARAMETERS)]),
        &[NAME, TYPE, ORIGIN, PROPAGATED],
    ),
    ("PARAMETER", Sequence(&[any(&["QUALIFIER"])]), &[NAME, TYPE]),
    (
        "PARAMETER.ARRAY",
        Sequence(&[any(&["QUALIFIER"])]),
        &[NAME, TYPE, SIZE],
    ),
    (
        "PARAMETER.REFERENCE",
        Sequence(&[any(&["QUALIFIER"])]),
        &[NAME, REFERENCE_CLASS],
    ),
    (
        "PARAMETER.REFARRAY",
        Sequence(&[any(&["QUALIFIER"])]),
        &[NAME, REFERENCE_CLASS, SIZE],
    ),
    (
        "QUALIFIER.DECLARATION",
        Sequence(&[maybe(&["SCOPE"]), maybe(VALUE_OR_ARRAY)]),
        &[
            NAME,
            TYPE,
            optional("ISARRAY", BOOLEAN),
            SIZE,
            OVERRIDABLE,
            TOSUBCLASS,
            TOINSTANCE,
            TRANSLATABLE,
        ],
    ),
    (
        "SCOPE",
        Empty,
        &[
            optional("CLASS", BOOLEAN),
            optional("ASSOCIATION", BOOLEAN),
            optional("REFERENCE", BOOLEAN),
            optional("PROPERTY", BOOLEAN),
            optional("METHOD", BOOLEAN),
            optional("PARAMETER", BOOLEAN),
            optional("INDICATION", BOOLEAN),
        ],
    ),
];
