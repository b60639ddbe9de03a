//! Holding a query against the schema: names are looked up, types compared, constants brought to the type of
//! the property beside them, patterns compiled.

pub(super) mod nearest;
mod operand;
mod path;

use super::ast::{At, CompareOp, Condition, From, Operand, Path, Select};
use super::eval::{CheckedQuery, Test};
use super::pattern::Pattern;
use super::{Language, Query, QueryError, Reason};
use crate::cim::{CimType, Class, Name};
use path::{Found, not_an_object};

/// What queries need to know of the classes of a namespace.
pub trait ClassLookup {
    /// The class of that name, with everything that it inherits.
    fn class(&self, name: &Name) -> Option<&Class>;

    /// Whether `class` is `ancestor` or derives from it.
    fn is_a(&self, class: &Name, ancestor: &Name) -> bool;
}

impl Query {
    /// Holds the query against the schema of a namespace. The error says where in the text a class or property
    /// stands that there is not, or what does not compare.
    pub fn check(&self, schema: &dyn ClassLookup) -> Result<CheckedQuery, QueryError> {
        let from = self
            .from
            .as_ref()
            .ok_or_else(|| Reason::NoClass.at(&self.text, 0))?;
        let class = find_class(self.language, schema, &from.class)
            .ok_or_else(|| Reason::UnknownClass(from.class.clone()).at(&self.text, from.at.0))?;
        self.check_class(class, schema)
    }

    /// The class that FROM means, which WMI's names of events say by another name; `None` if there is none.
    pub fn class_meant<'a>(&self, schema: &'a dyn ClassLookup) -> Option<&'a Class> {
        find_class(self.language, schema, self.from_class()?)
    }

    /// As [`Query::check`], for a query whose class is said elsewhere, as with the filter of an enumeration: that class
    /// takes the place of the one after FROM.
    ///
    /// # Errors
    /// As [`Query::check`]; an unknown `class` is an error at the start of the text.
    pub fn check_for(&self, class: &Name, schema: &dyn ClassLookup) -> Result<CheckedQuery, QueryError> {
        let class = schema
            .class(class)
            .ok_or_else(|| Reason::UnknownClass(class.clone()).at(&self.text, 0))?;
        self.check_class(class, schema)
    }

    fn check_class(&self, class: &Class, schema: &dyn ClassLookup) -> Result<CheckedQuery, QueryError> {
        let checker = Checker {
            language: self.language,
            from: self.from.as_ref(),
            class,
            schema,
        };
        let place = |(reason, at): Fault| reason.at(&self.text, at.0);
        let properties = match &self.select {
            Select::All => None,
            Select::Paths(paths) => Some(checker.selected(paths).map_err(place)?),
        };
        let test = self
            .condition
            .as_ref()
            .map(|condition| checker.test(condition))
            .transpose()
            .map_err(place)?;
        Ok(CheckedQuery {
            class: class.name.clone(),
            properties,
            test,
            ignore_case: self.language == Language::Wql,
        })
    }
}

/// A fault and its place.
type Fault = (Reason, At);

/// WMI's names of the indications on instances. WQL written for WMI means these classes of CIM.
fn find_class<'a>(language: Language, schema: &'a dyn ClassLookup, name: &Name) -> Option<&'a Class> {
    const WMI: [(&str, Name); 4] = [
        ("__InstanceCreationEvent", Name::from_static("CIM_InstCreation")),
        (
            "__InstanceModificationEvent",
            Name::from_static("CIM_InstModification"),
        ),
        ("__InstanceDeletionEvent", Name::from_static("CIM_InstDeletion")),
        (
            "__InstanceOperationEvent",
            Name::from_static("CIM_InstIndication"),
        ),
    ];
    schema.class(name).or_else(|| {
        let (_, cim) = WMI
            .into_iter()
            .find(|(wmi, _)| language == Language::Wql && *name == **wmi)?;
        schema.class(&cim)
    })
}

struct Checker<'a> {
    language: Language,
    from: Option<&'a From>,
    class: &'a Class,
    schema: &'a dyn ClassLookup,
}

impl Checker<'_> {
    fn selected(&self, paths: &[Path]) -> Result<Vec<Name>, Fault> {
        let mut names: Vec<Name> = Vec::with_capacity(paths.len());
        for path in paths {
            let (route, _) = self.resolve(path)?;
            let Some(hop) = route.hops.first() else {
                return Err((Reason::IsAnObject, path.at()));
            };
            if !names.contains(&hop.name) {
                names.push(hop.name.clone());
            }
        }
        Ok(names)
    }

    fn test(&self, condition: &Condition) -> Result<Test, Fault> {
        let all = |parts: &[Condition]| parts.iter().map(|part| self.test(part)).collect::<Result<_, _>>();
        match condition {
            Condition::And(parts) => Ok(Test::All(all(parts)?)),
            Condition::Or(parts) => Ok(Test::Any(all(parts)?)),
            Condition::Not(inner) => Ok(Test::Not(Box::new(self.test(inner)?))),
            Condition::IsNull(path) => Ok(Test::IsNull(self.resolve(path)?.0)),
            Condition::Isa { path, class, at } => self.isa(path, class, *at),
            Condition::Like { operand, pattern, at } => self.like(operand, pattern, *at),
            Condition::Compare { left, op, right, at } => self.compare(left, *op, right, *at),
        }
    }

    fn isa(&self, path: &Path, class: &Name, at: At) -> Result<Test, Fault> {
        let (route, found) = self.resolve(path)?;
        if let Found::Declared { property, item } = found {
            let object = property.embedded().is_some() || property.ty.cim_type == CimType::Reference;
            if property.ty.is_array() && !item {
                return Err((Reason::IsAnArray(property.name.clone()), path.at()));
            }
            if !object {
                return Err((not_an_object(property), path.at()));
            }
        }
        let class = find_class(self.language, self.schema, class)
            .ok_or_else(|| (Reason::UnknownClass(class.clone()), at))?;
        Ok(Test::Isa {
            object: route,
            class: class.name.clone(),
        })
    }

    fn like(&self, operand: &Operand, pattern: &str, at: At) -> Result<Test, Fault> {
        let text = self.side(operand)?;
        text.must_be_single()?;
        if let Some(ty) = text.cim_type
            && !matches!(ty, CimType::String | CimType::Char16)
        {
            return Err((Reason::NotText(ty), operand.at()));
        }
        let compiled = match self.language {
            Language::Wql => Pattern::wql(pattern),
            Language::Cql | Language::Fql => Pattern::regular(pattern),
        };
        Ok(Test::Like {
            text: text.source,
            pattern: compiled.map_err(|reason| (Reason::BadPattern(reason), at))?,
        })
    }

    fn compare(&self, left: &Operand, op: CompareOp, right: &Operand, at: At) -> Result<Test, Fault> {
        let mut left_side = self.side(left)?;
        let mut right_side = self.side(right)?;
        let equality = matches!(op, CompareOp::Eq | CompareOp::Ne);
        if !(equality && left_side.may_be_array() && right_side.may_be_array()) {
            left_side.must_be_single()?;
            right_side.must_be_single()?;
        }
        if let Some(ty) = right_side.cim_type {
            self.fit(left, &mut left_side, ty)?;
        }
        if let Some(ty) = left_side.cim_type {
            self.fit(right, &mut right_side, ty)?;
        }
        let types = [left_side.cim_type, right_side.cim_type];
        if let [Some(left), Some(right)] = types
            && !comparable(left, right)
        {
            return Err((Reason::TypeMismatch { left, right }, at));
        }
        let unordered = |ty: &CimType| matches!(ty, CimType::Boolean | CimType::Reference);
        if let Some(ty) = types.into_iter().flatten().find(unordered)
            && !equality
        {
            return Err((Reason::NoOrder(ty), at));
        }
        Ok(Test::Compare {
            left: left_side.source,
            op,
            right: right_side.source,
        })
    }
}

/// Numbers compare with numbers, texts with characters, else only what is of one type.
fn comparable(a: CimType, b: CimType) -> bool {
    let text = |ty| matches!(ty, CimType::String | CimType::Char16);
    a == b || a.is_numeric() && b.is_numeric() || text(a) && text(b)
}

#[cfg(test)]
mod tests {
    use super::super::fixture::classes;
    use super::*;

    #[track_caller]
    fn bad(language: Language, text: &str, expect: &str) {
        let query = Query::parse(language, text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let error = query.check(&classes()).expect_err(text);
        assert_eq!(error.to_string(), expect, "{text}");
    }

    /// Checks a condition that is as wrong in WQL as in CQL; the column counts from the condition.
    #[track_caller]
    fn condition(text: &str, column: usize, expect: &str) {
        const SELECT: &str = "SELECT * FROM CIM_Item\nWHERE ";
        let expect = format!("line 2, column {}: {expect}", column + 6);
        bad(Language::Wql, &format!("{SELECT}{text}"), &expect);
        bad(Language::Cql, &format!("{SELECT}{text}"), &expect);
    }

    #[test]
    fn unknown_names() {
        condition("Nmae = 'x'", 1, "class `CIM_Item` has no property `Nmae`");
        condition(
            "Id = 1 AND Sise = 2",
            12,
            "class `CIM_Item` has no property `Sise`; did you mean `Size`?",
        );
        condition("Extra = 'x'", 1, "class `CIM_Item` has no property `Extra`");
        condition(
            "Id ISA CIM_Item",
            1,
            "`Id` is a uint32 and has no properties of its own",
        );
        condition(
            "Parent ISA CIM_Nothing",
            12,
            "there is no class `CIM_Nothing` in the namespace",
        );
        condition(
            "Name.Length = 3",
            1,
            "`Name` is a string and has no properties of its own",
        );
        bad(
            Language::Wql,
            "SELECT * FROM CIM_Itm",
            "line 1, column 15: there is no class `CIM_Itm` in the namespace",
        );
        bad(
            Language::Wql,
            "SELECT Nam FROM CIM_Item",
            "line 1, column 8: class `CIM_Item` has no property `Nam`; did you mean `Name`?",
        );
        bad(
            Language::Wql,
            "SELECT Inner.Nam FROM CIM_Holder",
            "line 1, column 14: class `CIM_Item` has no property `Nam`; did you mean `Name`?",
        );
        bad(
            Language::Cql,
            "SELECT CIM_Other::Id FROM CIM_Item",
            "line 1, column 8: `CIM_Other` neither derives from `CIM_Item` nor is one of its parents",
        );
        bad(
            Language::Cql,
            "SELECT CIM_None::Id FROM CIM_Item",
            "line 1, column 8: there is no class `CIM_None` in the namespace",
        );
        bad(
            Language::Cql,
            "SELECT * FROM __InstanceModificationEvent",
            "line 1, column 15: there is no class `__InstanceModificationEvent` in the namespace",
        );
        bad(
            Language::Cql,
            "SELECT * FROM CIM_Item WHERE Health = Health#'Fine'",
            "line 1, column 39: `Health` has no value with the name `Fine`",
        );
        bad(
            Language::Cql,
            "SELECT * FROM CIM_Item WHERE Health = Health#'Vendor Reserved'",
            "line 1, column 39: `Health` has no value with the name `Vendor Reserved`",
        );
    }

    #[test]
    fn types_that_do_not_compare() {
        condition("Id = TRUE", 4, "a uint32 does not compare with a boolean");
        condition("Name = 5", 6, "a string does not compare with a sint64");
        condition("Name = Id", 6, "a string does not compare with a uint32");
        condition("InstallDate > 5", 13, "a datetime does not compare with a sint64");
        condition(
            "Enabled > FALSE",
            9,
            "values of type boolean have no order: only `=` and `<>` compare them",
        );
        condition("Parent = 'a b'", 10, "`a b` is no reference");
        condition("Parent = Name", 8, "a reference does not compare with a string");
        condition(
            "Parent < 'x'",
            8,
            "values of type reference have no order: only `=` and `<>` compare them",
        );
        condition("Id", 3, "a uint32 does not compare with a boolean");
        condition("Id LIKE 'x'", 1, "LIKE compares texts, and this is a uint32");
        condition(
            "InstallDate = '2026'",
            15,
            "`2026` is no datetime: it must have exactly 25 characters",
        );
        bad(
            Language::Cql,
            "SELECT * FROM CIM_Item WHERE Id = '3'",
            "line 1, column 33: a uint32 does not compare with a string",
        );
        bad(
            Language::Wql,
            "SELECT * FROM CIM_Item WHERE Id = 'x'",
            "line 1, column 35: `x` is no uint32",
        );
        bad(
            Language::Wql,
            "SELECT * FROM CIM_Item WHERE Name LIKE 'a[b'",
            "line 1, column 40: the pattern is wrong: `[` without `]`",
        );
        bad(
            Language::Cql,
            "SELECT * FROM CIM_Item WHERE Name LIKE '*'",
            "line 1, column 40: the pattern is wrong: there is nothing to repeat; write `\\` before the character",
        );
    }

    #[test]
    fn arrays_and_objects() {
        let array = "`Status` is an array: put ANY or EVERY before it, or an index like [0] after it";
        condition("Status = 5", 1, array);
        condition("5 = Status", 5, array);
        condition("Status < Status", 1, array);
        condition("Status = Notes", 8, "a uint16 does not compare with a string");
        condition("Id = Status", 6, array);
        condition("Notes LIKE 'x'", 1, &array.replace("Status", "Notes"));
        condition("ANY Id = 5", 5, "`Id` is no array");
        condition("Id[0] = 5", 1, "`Id` is no array");
        condition("ANY Status[0] = 5", 5, "`Status` is no array");
        let object = "an object has no value of its own: name one of its properties, or use ISA or IS NULL";
        condition("CIM_Item = 5", 1, object);
        bad(
            Language::Wql,
            "SELECT * FROM CIM_Holder WHERE Inner = 'x'",
            &format!("line 1, column 32: {object}"),
        );
        bad(
            Language::Wql,
            "SELECT * FROM CIM_Holder WHERE All.Name = 'x'",
            "line 1, column 32: `All` is an array: put ANY or EVERY before it, or an index like [0] after it",
        );
        bad(
            Language::Cql,
            "SELECT i FROM CIM_Item i",
            &format!("line 1, column 8: {object}"),
        );
    }

    #[test]
    fn a_filter_needs_a_class() {
        bad(
            Language::Fql,
            "Id = 3",
            "line 1, column 1: an FQL filter needs a class to be checked against",
        );
        let filter = Query::parse(Language::Fql, "Id = 3").unwrap();
        let error = filter.check_for(&Name::new("CIM_None"), &classes()).unwrap_err();
        assert_eq!(error.reason, Reason::UnknownClass(Name::new("CIM_None")));
    }

    #[test]
    fn queries_on_the_schema_of_the_house() {
        let house = crate::cim::schema::house().unwrap();
        for (language, namespace, text) in [
            (
                Language::Cql,
                "root/ESMPRO/AS",
                "SELECT * FROM ESM_ThresholdIndication WHERE PerceivedSeverity = PerceivedSeverity#'Critical'",
            ),
            (
                Language::Wql,
                "root/ESMPRO/AS",
                "SELECT * FROM CIM_Indication WHERE CIM_Indication ISA \"CIM_AlertIndication\"",
            ),
            (
                Language::Wql,
                "root/cimv2",
                "SELECT Name, LoadPercentage FROM CIM_Processor WHERE LoadPercentage > 90 AND ANY OperationalStatus = 2",
            ),
            (
                Language::Wql,
                "root/interop",
                "SELECT * FROM CIM_IndicationSubscription WHERE Filter = 'CIM_IndicationFilter.Name=\"x\"'",
            ),
        ] {
            let namespace = house.namespace(&namespace.into()).unwrap();
            let query = Query::parse(language, text).unwrap();
            query
                .check(namespace)
                .unwrap_or_else(|error| panic!("{text}: {error}"));
        }
    }
}
