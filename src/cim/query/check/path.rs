//! Paths: finding the way from the class of a query to a property.

use super::super::ast::{Path, Step};
use super::super::eval::{Hop, Route};
use super::super::{Language, Reason};
use super::nearest::unknown_property;
use super::{Checker, Fault};
use crate::cim::{Class, Embedded, Name, PropertyDecl};

/// What stands at the end of a path.
pub enum Found<'a> {
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
    /// Finds the way to what a path names.
    pub fn resolve(&self, path: &Path) -> Result<(Route, Found<'a>), Fault> {
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

/// That a path goes on behind a property that holds no instance.
pub fn not_an_object(property: &PropertyDecl) -> Reason {
    Reason::NotAnObject {
        property: property.name.clone(),
        cim_type: property.ty.cim_type,
    }
}
