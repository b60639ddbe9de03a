//! Holding a query against the schema: names are looked up, types compared, constants brought to the type of
//! the property beside them, patterns compiled.

use super::ast::{At, CompareOp, Condition, From, Literal, Operand, Path, Select, Step};
use super::eval::{CheckedQuery, Hop, Route, Source, Test};
use super::pattern::Pattern;
use super::{Language, Query, QueryError, Reason};
use crate::cim::{CimType, Class, Embedded, InstancePath, Name, PropertyDecl, Value};

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

    /// The same for a query whose class is said elsewhere, as with the filter of an enumeration: that class
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

/// What stands at the end of a path.
enum Found<'a> {
    /// A property that a class declares; `item` where an index picks one item of it.
    Declared { property: &'a PropertyDecl, item: bool },
    /// The instance itself, or one embedded in it.
    Object,
    /// The name of a class.
    ClassName,
    /// A property of an object whose class only the instance tells.
    Unknown,
}

/// The object in which the next step is looked for.
#[derive(Clone, Copy)]
enum Within<'a> {
    Class(&'a Class),
    Unknown,
}

impl<'a> Checker<'a> {
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
        let (source, ty) = self.source(operand)?;
        if let Some(ty) = ty
            && !matches!(ty, CimType::String | CimType::Char16)
        {
            return Err((Reason::NotText(ty), operand.at()));
        }
        let compiled = match self.language {
            Language::Wql => Pattern::wql(pattern),
            Language::Cql | Language::Fql => Pattern::regular(pattern),
        };
        Ok(Test::Like {
            text: source,
            pattern: compiled.map_err(|reason| (Reason::BadPattern(reason), at))?,
        })
    }

    fn compare(&self, left: &Operand, op: CompareOp, right: &Operand, at: At) -> Result<Test, Fault> {
        let (mut left_source, mut left_type) = self.source(left)?;
        let (mut right_source, mut right_type) = self.source(right)?;
        if let Some(ty) = right_type {
            self.fit(left, &mut left_source, &mut left_type, ty)?;
        }
        if let Some(ty) = left_type {
            self.fit(right, &mut right_source, &mut right_type, ty)?;
        }
        if let (Some(left), Some(right)) = (left_type, right_type)
            && !comparable(left, right)
        {
            return Err((Reason::TypeMismatch { left, right }, at));
        }
        let unordered = |ty: &CimType| matches!(ty, CimType::Boolean | CimType::Reference);
        if let Some(ty) = [left_type, right_type].into_iter().flatten().find(unordered)
            && !matches!(op, CompareOp::Eq | CompareOp::Ne)
        {
            return Err((Reason::NoOrder(ty), at));
        }
        Ok(Test::Compare {
            left: left_source,
            op,
            right: right_source,
        })
    }

    /// Brings a text that stands in the query to the type of the other side: datetimes and references always,
    /// numbers and booleans in WQL, whose users quote them.
    fn fit(
        &self,
        operand: &Operand,
        source: &mut Source,
        ty: &mut Option<CimType>,
        wanted: CimType,
    ) -> Result<(), Fault> {
        let Operand::Literal(Literal::Text(text), at) = operand else {
            return Ok(());
        };
        let bad_value = || {
            let reason = Reason::BadValue {
                text: text.chars().take(40).collect(),
                expected: wanted,
            };
            (reason, *at)
        };
        let value = match wanted {
            CimType::String | CimType::Char16 => return Ok(()),
            CimType::DateTime => {
                let value = text.trim().parse();
                Value::DateTime(value.map_err(|bad| (Reason::BadDateTime(bad), *at))?)
            }
            CimType::Reference => Value::from(text.parse::<InstancePath>().map_err(|_| bad_value())?),
            _ if self.language == Language::Wql => Value::from_text(wanted, text).map_err(|_| bad_value())?,
            _ => return Ok(()),
        };
        *source = Source::Constant(value);
        *ty = Some(wanted);
        Ok(())
    }

    /// Where a value comes from, and its type where that is known.
    fn source(&self, operand: &Operand) -> Result<(Source, Option<CimType>), Fault> {
        match operand {
            Operand::Literal(literal, _) => {
                let value = constant(literal);
                let ty = value.cim_type();
                Ok((Source::Constant(value), ty))
            }
            Operand::Symbol(path, symbol) => {
                let value = self.symbol(path, symbol)?;
                let ty = value.cim_type();
                Ok((Source::Constant(value), ty))
            }
            Operand::Path(path) => {
                let (route, found) = self.resolve(path)?;
                Ok((Source::One(route), single_type(&found, path)?))
            }
            Operand::Any(path) => {
                let (route, found) = self.resolve(path)?;
                Ok((Source::Any(route), item_type(&found, path)?))
            }
            Operand::Every(path) => {
                let (route, found) = self.resolve(path)?;
                Ok((Source::Every(route), item_type(&found, path)?))
            }
        }
    }

    /// The value that a property's value map gives a name (DSP0004, `ValueMap` and `Values`).
    fn symbol(&self, path: &Path, symbol: &str) -> Result<Value, Fault> {
        let last = path
            .steps
            .last()
            .map_or_else(|| Name::new(""), |step| step.name.clone());
        let unknown = || {
            let reason = Reason::UnknownSymbol {
                property: last.clone(),
                symbol: symbol.to_owned(),
            };
            (reason, path.at())
        };
        let (_, Found::Declared { property, .. }) = self.resolve(path)? else {
            return Err(unknown());
        };
        let texts = |qualifier: &str| {
            property
                .qualifier(qualifier)
                .and_then(|found| found.value.as_ref())
        };
        let named = |value: &Value| value.as_str() == Some(symbol);
        let at = texts("Values")
            .and_then(|names| names.items().iter().position(named))
            .ok_or_else(unknown)?;
        let text = match texts("ValueMap") {
            Some(map) => map
                .items()
                .get(at)
                .and_then(Value::as_str)
                .unwrap_or("")
                .to_owned(),
            None => at.to_string(),
        };
        Value::from_text(property.ty.cim_type, &text).map_err(|_| unknown())
    }

    /// Finds the way to what a path names.
    fn resolve(&self, path: &Path) -> Result<(Route, Found<'a>), Fault> {
        let mut within = Within::Class(self.class);
        let mut found = Found::Object;
        let mut route = Route::default();
        let mut steps = path.steps.iter().peekable();
        steps.next_if(|step| self.names_the_class(step));
        while let Some(step) = steps.next() {
            let last = steps.peek().is_none();
            if step.name == *"__CLASS" && last && step.scope.is_none() && step.index.is_none() {
                route.class_name = true;
                return Ok((route, Found::ClassName));
            }
            let step = self.translate(step, within);
            found = self.step(&step, within)?;
            if !last {
                within = self.inside(&found, &step)?;
            }
            route.hops.push(Hop {
                scope: step.scope,
                name: step.name,
                index: step.index,
            });
        }
        Ok((route, found))
    }

    /// Whether a first step is the class or its alias, and not a property.
    fn names_the_class(&self, step: &Step) -> bool {
        let alias = self.from.and_then(|from| from.alias.as_ref());
        let own = self.from.is_some_and(|from| from.class == step.name)
            || alias == Some(&step.name)
            || self.class.name == step.name;
        own && step.scope.is_none()
            && step.index.is_none()
            && self.class.property(step.name.as_str()).is_none()
    }

    /// The one property of indications that WMI calls by another name.
    fn translate(&self, step: &Step, within: Within<'_>) -> Step {
        let mut step = step.clone();
        if let Within::Class(class) = within
            && self.language == Language::Wql
            && step.name == *"TargetInstance"
            && class.property("TargetInstance").is_none()
            && class.property("SourceInstance").is_some()
        {
            step.name = Name::from_static("SourceInstance");
        }
        step
    }

    fn step(&self, step: &Step, within: Within<'a>) -> Result<Found<'a>, Fault> {
        let class = match (&step.scope, within) {
            (None, Within::Unknown) => return Ok(Found::Unknown),
            (None, Within::Class(class)) => class,
            (Some(scope), within) => {
                let scoped = self
                    .schema
                    .class(scope)
                    .ok_or_else(|| (Reason::UnknownClass(scope.clone()), step.at))?;
                if let Within::Class(class) = within
                    && !self.schema.is_a(scope, &class.name)
                    && !self.schema.is_a(&class.name, scope)
                {
                    let reason = Reason::UnrelatedClass {
                        scope: scope.clone(),
                        class: class.name.clone(),
                    };
                    return Err((reason, step.at));
                }
                scoped
            }
        };
        let property = class
            .property(step.name.as_str())
            .ok_or_else(|| (unknown_property(class, &step.name), step.at))?;
        if step.index.is_some() && !property.ty.is_array() {
            return Err((Reason::NotAnArray(property.name.clone()), step.at));
        }
        Ok(Found::Declared {
            property,
            item: step.index.is_some(),
        })
    }

    /// The object that a step which is not the last leads into.
    fn inside(&self, found: &Found<'a>, step: &Step) -> Result<Within<'a>, Fault> {
        let Found::Declared { property, item } = found else {
            return Ok(Within::Unknown);
        };
        if property.ty.is_array() && !item {
            return Err((Reason::IsAnArray(property.name.clone()), step.at));
        }
        match property.embedded() {
            None => Err((not_an_object(property), step.at)),
            Some(Embedded::Object) => Ok(Within::Unknown),
            Some(Embedded::Instance(class)) => {
                Ok(self.schema.class(&class).map_or(Within::Unknown, Within::Class))
            }
        }
    }
}

fn constant(literal: &Literal) -> Value {
    match literal {
        Literal::Integer(value) => match (i64::try_from(*value), u64::try_from(*value)) {
            (Ok(value), _) => Value::Sint64(value),
            (_, Ok(value)) => Value::Uint64(value),
            _ => Value::Real64(*value as f64),
        },
        Literal::Real(value) => Value::Real64(*value),
        Literal::Text(text) => Value::String(text.clone()),
        Literal::Boolean(value) => Value::Boolean(*value),
        Literal::DateTime(value) => Value::DateTime(*value),
    }
}

/// The type of a path that stands for one value.
fn single_type(found: &Found<'_>, path: &Path) -> Result<Option<CimType>, Fault> {
    match found {
        Found::Declared { property, item } if property.ty.is_array() && !item => {
            Err((Reason::IsAnArray(property.name.clone()), path.at()))
        }
        _ => value_type(found, path),
    }
}

/// The type of the items of an array.
fn item_type(found: &Found<'_>, path: &Path) -> Result<Option<CimType>, Fault> {
    match found {
        Found::Declared { property, item } if *item || !property.ty.is_array() => {
            Err((Reason::NotAnArray(property.name.clone()), path.at()))
        }
        _ => value_type(found, path),
    }
}

fn value_type(found: &Found<'_>, path: &Path) -> Result<Option<CimType>, Fault> {
    match found {
        Found::Object => Err((Reason::IsAnObject, path.at())),
        Found::Declared { property, .. } if property.embedded().is_some() => {
            Err((Reason::IsAnObject, path.at()))
        }
        Found::Declared { property, .. } => Ok(Some(property.ty.cim_type)),
        Found::ClassName => Ok(Some(CimType::String)),
        Found::Unknown => Ok(None),
    }
}

/// Numbers compare with numbers, texts with characters, else only what is of one type.
fn comparable(a: CimType, b: CimType) -> bool {
    let text = |ty| matches!(ty, CimType::String | CimType::Char16);
    a == b || a.is_numeric() && b.is_numeric() || text(a) && text(b)
}

fn not_an_object(property: &PropertyDecl) -> Reason {
    Reason::NotAnObject {
        property: property.name.clone(),
        cim_type: property.ty.cim_type,
    }
}

fn unknown_property(class: &Class, name: &Name) -> Reason {
    let nearest = class
        .properties
        .iter()
        .map(|property| (distance(name.as_str(), property.name.as_str()), &property.name))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, _)| *distance <= name.as_str().len() / 3)
        .map(|(_, name)| name.clone());
    Reason::UnknownProperty {
        class: class.name.clone(),
        property: name.clone(),
        nearest,
    }
}

/// How many characters must be put in, taken out or changed to make one name of the other, case aside
/// (Levenshtein). Names longer than any that a schema has are unlike everything.
fn distance(a: &str, b: &str) -> usize {
    const LONGEST: usize = 128;
    if a.len() > LONGEST || b.len() > LONGEST {
        return usize::MAX;
    }
    let b: Vec<u8> = b.bytes().map(|byte| byte.to_ascii_lowercase()).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (line, from) in a.bytes().map(|byte| byte.to_ascii_lowercase()).enumerate() {
        let mut diagonal = line;
        let mut left = line + 1;
        for (slot, to) in row.iter_mut().skip(1).zip(&b) {
            let changed = diagonal + usize::from(from != *to);
            diagonal = *slot;
            left = changed.min(left + 1).min(diagonal + 1);
            *slot = left;
        }
        if let Some(first) = row.first_mut() {
            *first = line + 1;
        }
    }
    row.last().copied().unwrap_or(usize::MAX)
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

    #[test]
    fn distances() {
        for (a, b, expect) in [
            ("Name", "name", 0),
            ("Nam", "Name", 1),
            ("Nmae", "Name", 2),
            ("", "abc", 3),
            ("Size", "Sise", 1),
        ] {
            assert_eq!(distance(a, b), expect, "{a} {b}");
            assert_eq!(distance(b, a), expect, "{b} {a}");
        }
    }
}
