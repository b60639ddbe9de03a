//! The schema as clients browse it: classes, qualifier types, and associations among classes (DSP0200, 5.3.2).

use std::sync::Arc;

use super::{AssociationQuery, Broker};
use crate::cim::schema::{NamespaceSchema, QualifierType};
use crate::cim::{CimError, CimStatus, CimType, Class, Name, Namespace, PropertyDecl};

impl Broker {
    /// The subclasses of `class`, or the classes that derive from none; with `deep` indirect subclasses too.
    pub fn subclasses(
        &self,
        namespace: &Namespace,
        class: Option<&Name>,
        deep: bool,
    ) -> Result<impl Iterator<Item = &Arc<Class>>, CimError> {
        if let Some(class) = class {
            self.class(namespace, class)?;
        }
        Ok(self.namespace(namespace)?.subclasses(class, deep))
    }

    /// A qualifier type, or `NOT_FOUND`.
    pub fn qualifier_type(
        &self,
        namespace: &Namespace,
        qualifier: &Name,
    ) -> Result<&QualifierType, CimError> {
        self.namespace(namespace)?
            .qualifier_type(qualifier)
            .ok_or_else(|| {
                CimError::not_found(format!("namespace `{namespace}` has no qualifier `{qualifier}`"))
            })
    }

    /// The association classes that can refer to instances of `class`.
    pub fn class_references(
        &self,
        namespace: &Namespace,
        class: &Name,
        query: &AssociationQuery,
    ) -> Result<Vec<&Arc<Class>>, CimError> {
        let schema = self.namespace(namespace)?;
        self.class(namespace, class)?;
        let association_class = query.result_class.as_ref().or(query.association_class.as_ref());
        let associations = self.association_classes(namespace, association_class)?;
        Ok(associations
            .filter(|association| {
                references(association).any(|own| is_own_end(schema, own, class, query.role.as_ref()))
            })
            .collect())
    }

    /// The classes whose instances can be associated with instances of `class`, in the order of the schema.
    pub fn class_associators(
        &self,
        namespace: &Namespace,
        class: &Name,
        query: &AssociationQuery,
    ) -> Result<Vec<&Arc<Class>>, CimError> {
        let schema = self.namespace(namespace)?;
        self.class(namespace, class)?;
        if let Some(result_class) = &query.result_class {
            self.class(namespace, result_class)?;
        }
        let mut found: Vec<&Name> = Vec::new();
        for association in self.association_classes(namespace, query.association_class.as_ref())? {
            for own in references(association) {
                if is_own_end(schema, own, class, query.role.as_ref()) {
                    found.extend(other_ends(schema, association, own, query));
                }
            }
        }
        let in_order = schema.classes();
        Ok(in_order.filter(|class| found.contains(&&class.name)).collect())
    }

    /// The association class of that name and those below it, or all there are.
    fn association_classes(
        &self,
        namespace: &Namespace,
        class: Option<&Name>,
    ) -> Result<impl Iterator<Item = &Arc<Class>>, CimError> {
        let schema = self.namespace(namespace)?;
        let root = class.map(|class| self.class(namespace, class)).transpose()?;
        if let Some(root) = root
            && !root.is_association()
        {
            return Err(CimError::new(
                CimStatus::InvalidParameter,
                format!("{} is no association", root.name),
            ));
        }
        let below = schema.subclasses(root.map(|root| &root.name), true);
        Ok(root
            .into_iter()
            .chain(below)
            .filter(|class| class.is_association()))
    }
}

/// The references that an association class declares or inherits.
fn references(association: &Class) -> impl Iterator<Item = &PropertyDecl> {
    association
        .properties
        .iter()
        .map(Arc::as_ref)
        .filter(|property| property.ty.cim_type == CimType::Reference)
}

/// Whether `reference` can refer to instances of `class`, in `role` where that is given.
fn is_own_end(schema: &NamespaceSchema, reference: &PropertyDecl, class: &Name, role: Option<&Name>) -> bool {
    role.is_none_or(|role| *role == reference.name)
        && reference
            .ty
            .reference_class
            .as_ref()
            .is_some_and(|target| schema.is_a(class, target))
}

/// The classes that the other references of an association refer to.
fn other_ends<'a>(
    schema: &'a NamespaceSchema,
    association: &'a Class,
    own: &'a PropertyDecl,
    query: &'a AssociationQuery,
) -> impl Iterator<Item = &'a Name> {
    references(association)
        .filter(|other| other.name != own.name)
        .filter(|other| query.result_role.as_ref().is_none_or(|role| *role == other.name))
        .filter_map(|other| other.ty.reference_class.as_ref())
        .filter(|target| {
            query
                .result_class
                .as_ref()
                .is_none_or(|wanted| schema.is_a(target, wanted))
        })
}
