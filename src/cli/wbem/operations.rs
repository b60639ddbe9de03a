//! The operations, each from its request to its result.

use super::assignment;
use super::command_line::Request;
use super::object::Object;
use super::printer::{Printer, Shown};
use super::session::Session;
use super::text;
use super::trouble::Trouble;
use super::verb::Verb;
use crate::cim::{ArraySize, Class, Instance, InstancePath, Name, Namespace, Property, TypeDecl, Value};
use crate::cimxml::{
    Argument, AssociationFilter, ClassView, InstanceView, MethodCall, ObjectName, Query, typed,
};
use crate::client::cimxml::{CimxmlClient, Entry, Source};
use crate::client::classes::Classes;

/// The query language where none is named.
const DEFAULT_LANGUAGE: &str = "WQL";

/// What every operation works with.
struct Work<'w> {
    client: CimxmlClient,
    object: &'w Object,
    namespace: Namespace,
    /// What stands in front of a class in results.
    prefix: String,
    /// Whether the server was named, and not the agent of this machine asked.
    is_remote: bool,
    extra: Option<&'w str>,
    walk: &'w AssociationFilter,
    language: &'w str,
    classes: &'w Classes,
    printer: Printer<'w>,
}

/// Does what was asked for.
///
/// # Errors
/// What went wrong.
pub async fn perform(
    request: &Request,
    object: &Object,
    session: Session,
    classes: &Classes,
    printer: Printer<'_>,
) -> Result<(), Trouble> {
    let options = &request.options;
    let namespace = object.namespace(options.namespace.as_deref());
    let work = Work {
        client: session.client,
        object,
        prefix: text::prefix(session.server.as_deref(), &namespace),
        namespace,
        is_remote: session.server.is_some(),
        extra: request.extra.as_deref(),
        walk: &options.walk,
        language: options.language.as_deref().unwrap_or(DEFAULT_LANGUAGE),
        classes,
        printer,
    };
    match request.verb {
        Verb::GetClass => work.get_class().await,
        Verb::GetClassDefinition => work.get_class_definition().await,
        Verb::DeleteClass => work.delete_class().await,
        Verb::EnumerateClasses => work.enumerate_classes().await,
        Verb::EnumerateClassNames => work.enumerate_class_names().await,
        Verb::GetInstance => work.get_instance().await,
        Verb::CreateInstance => work.create_instance().await,
        Verb::ModifyInstance => work.modify_instance().await,
        Verb::DeleteInstance => work.delete_instance().await,
        Verb::GetProperty => work.get_property().await,
        Verb::SetProperty => work.set_property().await,
        Verb::InvokeMethod | Verb::InvokeMethodRaw => work.invoke(request.verb).await,
        Verb::EnumerateInstances
        | Verb::EnumerateInstanceNames
        | Verb::Associators
        | Verb::AssociatorNames
        | Verb::References
        | Verb::ReferenceNames
        | Verb::ExecQuery => work.enumerate(request.verb).await,
    }
}

impl Work<'_> {
    async fn get_class(mut self) -> Result<(), Trouble> {
        let view = ClassView {
            local_only: false,
            include_class_origin: true,
            property_list: self.property_list()?,
            ..ClassView::default()
        };
        let class = self.class()?;
        let received = self.client.get_class(&self.namespace, class, view).await?;
        if self.printer.wants_xml() {
            return self.printer.xml(received.result_xml());
        }
        let heading = text::heading_of_object(&self.prefix, self.object);
        self.printer.only_class(&heading, &received.content)
    }

    async fn get_class_definition(mut self) -> Result<(), Trouble> {
        let view = ClassView {
            local_only: false,
            include_qualifiers: false,
            ..ClassView::default()
        };
        let class = self.class()?;
        let received = self.client.get_class(&self.namespace, class, view).await?;
        self.printer.xml(received.result_xml())
    }

    async fn delete_class(mut self) -> Result<(), Trouble> {
        let class = self.class()?;
        Ok(self.client.delete_class(&self.namespace, &class).await?)
    }

    async fn enumerate_classes(mut self) -> Result<(), Trouble> {
        let view = ClassView {
            local_only: false,
            include_qualifiers: false,
            include_class_origin: true,
            ..ClassView::default()
        };
        let class = self.object.class.clone();
        let received = self
            .client
            .enumerate_classes(&self.namespace, class, view)
            .await?;
        if self.printer.wants_xml() {
            return self.printer.xml(received.result_xml());
        }
        for class in &received.content {
            self.printer.class(&self.prefix, class)?;
        }
        self.printer.finish()
    }

    async fn enumerate_class_names(mut self) -> Result<(), Trouble> {
        let class = self.object.class.clone();
        let received = self.client.enumerate_class_names(&self.namespace, class).await?;
        if self.printer.wants_xml() {
            return self.printer.xml(received.result_xml());
        }
        for class in &received.content {
            self.printer.name(&format!("{}:{class}", self.prefix))?;
        }
        self.printer.finish()
    }

    async fn get_instance(mut self) -> Result<(), Trouble> {
        let path = self.path()?;
        let view = self.view()?;
        let received = self.client.get_instance(&self.namespace, path, view).await?;
        if self.printer.wants_xml() {
            return self.printer.xml(received.result_xml());
        }
        let heading = text::heading_as_asked(&self.prefix, self.object);
        let keys = &self.object.keys;
        let is_key = |name: &Name| keys.iter().any(|key| key.name == *name);
        self.printer.only_instance(&heading, is_key, &received.content)
    }

    /// The keys in the object path are properties of the new instance, unless the values name them too.
    async fn create_instance(mut self) -> Result<(), Trouble> {
        let class = self.declared_class().await?;
        let values = assignment::parse(self.extra(), types_of(&class), self.classes)?;
        let mut instance = Instance::new(class.name.clone());
        for key in self.path()?.keys {
            let declared = class
                .property(key.name.as_str())
                .filter(|property| property.is_key());
            let declared = declared.ok_or_else(|| {
                Trouble::Command(format!(
                    "Bad key specification: {} has no key `{}`",
                    class.name, key.name
                ))
            })?;
            let value =
                typed::value(Some(&key.value), declared).map_err(|error| Trouble::command(error.detail))?;
            instance.set_property(declared.with_value(value));
        }
        for (name, ty, value) in values {
            instance.set_property(property(name, &ty, value));
        }
        let received = self.client.create_instance(&self.namespace, instance).await?;
        if self.printer.wants_xml() {
            return self.printer.xml(received.result_xml());
        }
        self.printer.path(&self.prefix, &received.content)?;
        self.printer.finish()
    }

    /// Only what was named is sent: wbemcli sends everything back, and so undoes what changed meanwhile.
    async fn modify_instance(mut self) -> Result<(), Trouble> {
        let path = self.path()?;
        let view = InstanceView::default();
        let old = self
            .client
            .get_instance(&self.namespace, path.clone(), view)
            .await?
            .content;
        let declared = |name: &Name| {
            let property = old.property(name.as_str())?;
            Some(type_decl(property))
        };
        let values = assignment::parse(self.extra(), declared, self.classes)?;
        let mut instance = Instance::new(path.class_name.clone());
        let mut list = Vec::new();
        for (name, ty, value) in values {
            list.push(name.clone());
            instance.set_property(property(name, &ty, value));
        }
        Ok(self
            .client
            .modify_instance(&self.namespace, path, instance, Some(list))
            .await?)
    }

    async fn delete_instance(mut self) -> Result<(), Trouble> {
        let path = self.path()?;
        Ok(self.client.delete_instance(&self.namespace, path).await?)
    }

    async fn get_property(mut self) -> Result<(), Trouble> {
        let path = self.path()?;
        let property = name_of(self.extra())?;
        let received = self.client.get_property(&self.namespace, path, property).await?;
        if self.printer.wants_xml() {
            return self.printer.xml(received.result_xml());
        }
        self.printer.value(received.content.as_ref())
    }

    async fn set_property(mut self) -> Result<(), Trouble> {
        let path = self.path()?;
        let class = self.declared_class().await?;
        let values = assignment::parse(self.extra(), types_of(&class), self.classes)?;
        let mut values = values.into_iter();
        let (Some((name, _, value)), None) = (values.next(), values.next()) else {
            return Err(Trouble::command(
                "Invalid or missing prop-value specification: sp changes one property, mi several",
            ));
        };
        Ok(self
            .client
            .set_property(&self.namespace, path, name, value)
            .await?)
    }

    async fn invoke(mut self, verb: Verb) -> Result<(), Trouble> {
        let class = self.declared_class().await?;
        let (method, values) = match self.extra().split_once('.') {
            Some((method, values)) => (name_of(method)?, values),
            None => (name_of(self.extra())?, ""),
        };
        let arguments = match class.method(method.as_str()) {
            Some(declared) if !values.is_empty() => {
                let types = |name: &Name| Some(declared.parameter(name.as_str())?.ty.clone());
                assignment::parse(values, types, self.classes)?
            }
            // The server knows best whether it has the method.
            _ => Vec::new(),
        };
        let arguments = arguments.into_iter().map(|(name, ty, value)| Argument {
            name,
            cim_type: Some(ty.cim_type),
            is_array: ty.is_array(),
            value,
        });
        let call = MethodCall {
            object: self.object_name()?,
            method,
            arguments: arguments.collect(),
        };
        if verb == Verb::InvokeMethodRaw {
            // An error in it is for the reader to see, as with wbemcli.
            let received = self.client.invoke_unread(&self.namespace, call).await?;
            return self.printer.xml(received.answer_xml());
        }
        let received = self.client.invoke(&self.namespace, call).await?;
        if self.printer.wants_xml() {
            return self.printer.xml(received.answer_xml());
        }
        let heading = text::heading_of_object(&self.prefix, self.object);
        let answer = &received.content;
        self.printer
            .method(&heading, &answer.method, answer.value.as_ref(), &answer.out)
    }

    /// Everything that comes as several instances or paths; each reply is written as it comes.
    async fn enumerate(mut self, verb: Verb) -> Result<(), Trouble> {
        let source = self.source(verb)?;
        // wbemcli takes the prefix from the reply where paths come with a namespace of their own.
        let is_walk = verb.walks();
        let mut enumeration = self.client.enumerate(self.namespace.clone(), source);
        while let Some(batch) = enumeration.next_batch().await? {
            if self.printer.wants_xml() {
                self.printer.xml(batch.result_xml())?;
                continue;
            }
            let host = batch
                .host()
                .filter(|_| is_walk && self.is_remote)
                .map(str::to_owned);
            for entry in batch.content {
                let path = entry.path();
                let namespace = path.and_then(|path| path.namespace.as_ref());
                let own_prefix = namespace
                    .filter(|_| is_walk)
                    .map(|own| text::prefix(host.as_deref(), own));
                let prefix = own_prefix.as_deref().unwrap_or(&self.prefix);
                match &entry {
                    Entry::Instance(path, instance) => {
                        let path = path.as_ref();
                        self.printer.instance(Shown { prefix, path }, instance.clone())?;
                    }
                    Entry::Path(path) => self.printer.path(prefix, path)?,
                    Entry::Class(class) => self.printer.class(prefix, class)?,
                }
            }
            self.printer.flush()?;
        }
        self.printer.finish()
    }

    fn source(&self, verb: Verb) -> Result<Source, Trouble> {
        let filter = self.walk.clone();
        Ok(match verb {
            Verb::EnumerateInstances => Source::Instances {
                class: self.class()?,
                view: self.view()?,
            },
            Verb::EnumerateInstanceNames => Source::InstancePaths { class: self.class()? },
            Verb::Associators => Source::Associators {
                object: self.object_name()?,
                filter,
                view: self.view()?,
            },
            Verb::AssociatorNames => Source::AssociatorPaths {
                object: self.object_name()?,
                filter,
            },
            Verb::References => Source::References {
                object: self.object_name()?,
                filter,
                view: self.view()?,
            },
            Verb::ReferenceNames => Source::ReferencePaths {
                object: self.object_name()?,
                filter,
            },
            _ => Source::Query(Query {
                language: self.language.to_owned(),
                text: self.extra().to_owned(),
            }),
        })
    }

    /// The class as the server declares it, for the types of values.
    async fn declared_class(&mut self) -> Result<Class, Trouble> {
        let view = ClassView {
            local_only: false,
            ..ClassView::default()
        };
        let class = self.class()?;
        Ok(self.client.get_class(&self.namespace, class, view).await?.content)
    }

    fn class(&self) -> Result<Name, Trouble> {
        let class = self.object.class.clone();
        class.ok_or_else(|| Trouble::command("Class name not specified"))
    }

    fn path(&self) -> Result<InstancePath, Trouble> {
        self.object.path(self.class()?, self.classes)
    }

    /// The instance, or the class where there are no keys.
    fn object_name(&self) -> Result<ObjectName, Trouble> {
        Ok(if self.object.keys.is_empty() {
            ObjectName::Class(self.class()?)
        } else {
            ObjectName::Instance(self.path()?)
        })
    }

    fn extra(&self) -> &str {
        self.extra.unwrap_or_default()
    }

    fn view(&self) -> Result<InstanceView, Trouble> {
        Ok(InstanceView {
            property_list: self.property_list()?,
            ..InstanceView::default()
        })
    }

    fn property_list(&self) -> Result<Option<Vec<Name>>, Trouble> {
        let names = self.extra.map(|extra| extra.split(',').map(name_of).collect());
        names.transpose()
    }
}

fn name_of(text: &str) -> Result<Name, Trouble> {
    let text = text.trim();
    Name::parse(text).map_err(|_| Trouble::Command(format!("`{text}` is no name")))
}

fn types_of(class: &Class) -> impl Fn(&Name) -> Option<TypeDecl> {
    |name| Some(class.property(name.as_str())?.ty.clone())
}

/// The type that a property of an instance shows.
fn type_decl(property: &Property) -> TypeDecl {
    TypeDecl {
        array: if property.is_array {
            ArraySize::Variable
        } else {
            ArraySize::Scalar
        },
        ..TypeDecl::scalar(property.cim_type)
    }
}

fn property(name: Name, ty: &TypeDecl, value: Option<Value>) -> Property {
    Property {
        name,
        cim_type: ty.cim_type,
        is_array: ty.is_array(),
        value,
    }
}
