//! The classes of one namespace.

use std::collections::HashMap;
use std::sync::Arc;

use super::{QualifierType, QualifierTypes};
use crate::cim::query::ClassLookup;
use crate::cim::{Class, Name, Namespace};

/// The classes and qualifier types of a namespace.
///
/// The classes stand in one list, each directly before everything that derives from it, siblings in the order
/// of their names. So the subclasses of a class are a run of that list, and whether a class derives from
/// another is a comparison of two positions.
#[derive(Clone, Debug)]
pub struct NamespaceSchema {
    name: Namespace,
    nodes: Vec<Node>,
    by_name: HashMap<Name, usize>,
    qualifier_types: Arc<QualifierTypes>,
}

#[derive(Clone, Debug)]
struct Node {
    class: Arc<Class>,
    superclass: Option<usize>,
    /// Where the run of the subclasses ends.
    end: usize,
}

impl NamespaceSchema {
    /// The namespace of these resolved classes, in whatever order. A class whose superclass is not among them
    /// counts as one without a superclass; of two with the same name the last is taken. Classes that derive
    /// from themselves are left out.
    pub fn new(
        name: Namespace,
        classes: impl IntoIterator<Item = Arc<Class>>,
        qualifier_types: Arc<QualifierTypes>,
    ) -> Self {
        let mut classes: Vec<Arc<Class>> = classes.into_iter().collect();
        classes.sort_by(|a, b| a.name.cmp(&b.name));
        let known: HashMap<Name, usize> = (0..)
            .zip(&classes)
            .map(|(at, class)| (class.name.clone(), at))
            .collect();
        let mut namespace = Self {
            name,
            nodes: Vec::with_capacity(known.len()),
            by_name: HashMap::with_capacity(known.len()),
            qualifier_types,
        };
        let mut children: HashMap<Option<usize>, Vec<usize>> = HashMap::new();
        for (at, class) in classes.iter().enumerate() {
            if known.get(&class.name) == Some(&at) {
                let superclass = class
                    .superclass
                    .as_ref()
                    .and_then(|name| known.get(name))
                    .copied();
                children.entry(superclass).or_default().push(at);
            }
        }
        namespace.place(&classes, &children);
        namespace
    }

    /// Puts the classes into their order, depth first. The open classes are kept on a list of our own: a
    /// deep inheritance must not be a deep recursion.
    fn place(&mut self, classes: &[Arc<Class>], children: &HashMap<Option<usize>, Vec<usize>>) {
        let below = |at| children.get(&at).map(Vec::as_slice).unwrap_or_default().iter();
        let mut open = vec![(None, below(None))];
        while let Some((node, siblings)) = open.last_mut() {
            let (node, next) = (*node, siblings.next());
            let Some(&at) = next else {
                let end = self.nodes.len();
                if let Some(done) = node.and_then(|node: usize| self.nodes.get_mut(node)) {
                    done.end = end;
                }
                open.pop();
                continue;
            };
            let Some(class) = classes.get(at) else { continue };
            let position = self.nodes.len();
            self.nodes.push(Node {
                class: Arc::clone(class),
                superclass: node,
                end: position + 1,
            });
            self.by_name.insert(class.name.clone(), position);
            open.push((Some(position), below(Some(at))));
        }
    }

    /// The name of the namespace.
    pub const fn name(&self) -> &Namespace {
        &self.name
    }

    fn node(&self, name: &Name) -> Option<(usize, &Node)> {
        let at = *self.by_name.get(name)?;
        Some((at, self.nodes.get(at)?))
    }

    /// The class of that name, with everything that it inherits.
    pub fn class(&self, name: &Name) -> Option<&Arc<Class>> {
        self.node(name).map(|(_, node)| &node.class)
    }

    /// All classes, each before its subclasses, siblings in the order of their names.
    pub fn classes(&self) -> impl Iterator<Item = &Arc<Class>> {
        self.nodes.iter().map(|node| &node.class)
    }

    /// The class that `name` derives from directly.
    pub fn superclass(&self, name: &Name) -> Option<&Arc<Class>> {
        let (_, node) = self.node(name)?;
        node.superclass
            .and_then(|at| self.nodes.get(at))
            .map(|node| &node.class)
    }

    /// The classes that `name` derives from, nearest first.
    pub fn ancestors(&self, name: &Name) -> impl Iterator<Item = &Arc<Class>> {
        let up = |node: &Node| node.superclass.and_then(|at| self.nodes.get(at));
        let first = self.node(name).and_then(|(_, node)| up(node));
        std::iter::successors(first, move |node| up(node)).map(|node| &node.class)
    }

    /// Whether `sub` is `sup` or derives from it. `false` where either is not known.
    pub fn is_a(&self, sub: &Name, sup: &Name) -> bool {
        match (self.by_name.get(sub), self.node(sup)) {
            (Some(sub), Some((sup, node))) => (sup..node.end).contains(sub),
            _ => false,
        }
    }

    /// The classes that derive from `name`: directly, or with `deep` all of them. Without `name` those that
    /// derive from none, or all classes.
    pub fn subclasses(&self, name: Option<&Name>, deep: bool) -> impl Iterator<Item = &Arc<Class>> {
        let (parent, run) = match name.map(|name| self.node(name)) {
            None => (None, 0..self.nodes.len()),
            Some(Some((at, node))) => (Some(at), at + 1..node.end),
            Some(None) => (None, 0..0),
        };
        self.nodes
            .get(run)
            .unwrap_or_default()
            .iter()
            .filter(move |node| deep || node.superclass == parent)
            .map(|node| &node.class)
    }

    /// The qualifier types by name.
    pub fn qualifier_types(&self) -> &Arc<QualifierTypes> {
        &self.qualifier_types
    }

    /// The qualifier type of that name.
    pub fn qualifier_type(&self, name: &Name) -> Option<&QualifierType> {
        self.qualifier_types.get(name)
    }
}

impl ClassLookup for NamespaceSchema {
    fn class(&self, name: &Name) -> Option<&Class> {
        self.class(name).map(Arc::as_ref)
    }

    fn is_a(&self, class: &Name, ancestor: &Name) -> bool {
        self.is_a(class, ancestor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `Name:Superclass` for each class, in an order that helps nobody.
    fn namespace(classes: &str) -> NamespaceSchema {
        let classes = classes.split_whitespace().map(|text| {
            let (name, superclass) = text.split_once(':').unwrap_or((text, ""));
            Arc::new(Class {
                name: Name::new(name),
                superclass: (!superclass.is_empty()).then(|| Name::new(superclass)),
                qualifiers: Vec::new(),
                properties: Vec::new(),
                methods: Vec::new(),
            })
        });
        NamespaceSchema::new(Namespace::from_static("root"), classes, Arc::default())
    }

    fn names<'a>(classes: impl Iterator<Item = &'a Arc<Class>>) -> String {
        classes
            .map(|class| class.name.as_str())
            .collect::<Vec<_>>()
            .join(" ")
    }

    fn sample() -> NamespaceSchema {
        namespace("e:d d:b C:a b:A A X y:x Z:missing")
    }

    #[test]
    fn classes_stand_before_their_subclasses() {
        assert_eq!(names(sample().classes()), "A b d e C X y Z");
        assert_eq!(names(namespace("").classes()), "");
    }

    #[test]
    fn subclasses_are_found() {
        let schema = sample();
        let name = |name: &str| Some(Name::new(name));
        for (of, deep, expect) in [
            (name("a"), false, "b C"),
            (name("A"), true, "b d e C"),
            (name("B"), true, "d e"),
            (name("e"), true, ""),
            (name("z"), false, ""),
            (name("nope"), true, ""),
            (None, false, "A X Z"),
            (None, true, "A b d e C X y Z"),
        ] {
            assert_eq!(
                names(schema.subclasses(of.as_ref(), deep)),
                expect,
                "{of:?} {deep}"
            );
        }
    }

    #[test]
    fn superclasses_are_found() {
        let schema = sample();
        assert_eq!(names(schema.ancestors(&Name::new("E"))), "d b A");
        assert_eq!(names(schema.ancestors(&Name::new("A"))), "");
        assert_eq!(names(schema.ancestors(&Name::new("nope"))), "");
        assert_eq!(names(schema.superclass(&Name::new("c")).into_iter()), "A");
        assert_eq!(schema.superclass(&Name::new("Z")), None);
    }

    #[test]
    fn a_class_is_what_it_derives_from() {
        let schema = sample();
        let classes: Vec<Name> = schema.classes().map(|class| class.name.clone()).collect();
        for sub in &classes {
            for sup in &classes {
                let expect = sub == sup || schema.ancestors(sub).any(|class| class.name == *sup);
                assert_eq!(schema.is_a(sub, sup), expect, "{sub} {sup}");
            }
            assert!(!schema.is_a(sub, &Name::new("nope")) && !schema.is_a(&Name::new("nope"), sub));
        }
    }

    #[test]
    fn the_last_of_a_name_counts() {
        let schema = namespace("A B a:B");
        assert_eq!(names(schema.classes()), "B a");
        assert_eq!(names(schema.superclass(&Name::new("A")).into_iter()), "B");
    }

    #[test]
    fn classes_that_derive_from_themselves_are_left_out() {
        assert_eq!(names(namespace("A:B B:A C").classes()), "C");
    }
}
