//! Writing requests. Every parameter that has a default is written, so that what a server takes for the default
//! does not matter.

use super::{Request, RequestMessage};
use crate::cim::{CimType, Instance, InstancePath, Name, Namespace, Value};
use crate::cimxml::instance::{self, Shown};
use crate::cimxml::{
    AssociationFilter, ClassView, InstanceView, MethodCall, ObjectName, OpenOptions, OpenSource, Operation,
    Query, argument, message, name, path, value,
};
use crate::xml::Writer;

/// Writes a whole message (DSP0201, 5.1).
pub fn message(message: &RequestMessage) -> String {
    let mut w = Writer::with_capacity(2048).keeping_end_tags();
    message::begin(&mut w, &message.message_id);
    if message.is_multiple {
        w.start(name("MULTIREQ"));
    }
    for request in &message.requests {
        w.start(name("SIMPLEREQ"));
        match &request.operation {
            Ok(Operation::Invoke(call)) => method_call(&mut w, request, call),
            Ok(operation) => intrinsic(&mut w, request, Some(operation)),
            Err(_) => intrinsic(&mut w, request, None),
        }
        w.end(name("SIMPLEREQ"));
    }
    if message.is_multiple {
        w.end(name("MULTIREQ"));
    }
    message::end(&mut w);
    w.finish()
}

fn method_call(w: &mut Writer, request: &Request, call: &MethodCall) {
    w.start(name("METHODCALL"));
    w.attr(name("NAME"), &request.name);
    match &call.object {
        ObjectName::Class(class) => path::encode_local_class_path(w, class, &request.namespace),
        ObjectName::Instance(path) => path::encode_local_instance_path(w, path, &request.namespace),
    }
    for argument in &call.arguments {
        argument::encode(
            w,
            &argument.name,
            argument.cim_type,
            argument.value.as_ref(),
            Some(&request.namespace),
        );
    }
    w.end(name("METHODCALL"));
}

fn intrinsic(w: &mut Writer, request: &Request, operation: Option<&Operation>) {
    w.start(name("IMETHODCALL"));
    w.attr(name("NAME"), &request.name);
    path::encode_namespace(w, &request.namespace);
    if let Some(operation) = operation {
        let home = &request.namespace;
        Parameters { w, home }.operation(operation);
    }
    w.end(name("IMETHODCALL"));
}

/// Writes parameters, each by its name.
struct Parameters<'w> {
    w: &'w mut Writer,
    /// The namespace of the request: references that name none are in it.
    home: &'w Namespace,
}

impl Parameters<'_> {
    fn operation(&mut self, operation: &Operation) {
        match operation {
            Operation::GetClass { class, view } => {
                self.class("ClassName", class);
                self.class_view(view);
                self.names("PropertyList", view.property_list.as_deref());
            }
            Operation::EnumerateClasses {
                class,
                deep_inheritance,
                view,
            } => {
                self.optional_class("ClassName", class.as_ref());
                self.boolean("DeepInheritance", *deep_inheritance);
                self.class_view(view);
            }
            Operation::EnumerateClassNames {
                class,
                deep_inheritance,
            } => {
                self.optional_class("ClassName", class.as_ref());
                self.boolean("DeepInheritance", *deep_inheritance);
            }
            Operation::GetQualifier { qualifier } => self.text("QualifierName", qualifier.as_str()),
            Operation::EnumerateQualifiers => {}
            Operation::GetInstance { path, view } => {
                self.instance_name("InstanceName", path);
                self.boolean("LocalOnly", view.local_only);
                self.view(view);
            }
            Operation::EnumerateInstances {
                class,
                deep_inheritance,
                view,
            } => {
                self.class("ClassName", class);
                self.boolean("LocalOnly", view.local_only);
                self.boolean("DeepInheritance", *deep_inheritance);
                self.view(view);
            }
            Operation::EnumerateInstanceNames { class } => self.class("ClassName", class),
            Operation::CreateInstance { instance } => {
                let home = Some(self.home);
                self.parameter("NewInstance", |w| {
                    instance::encode(w, instance, home, Shown::all());
                });
            }
            Operation::ModifyInstance {
                path,
                instance,
                property_list,
            } => {
                self.named_instance("ModifiedInstance", path, instance);
                self.boolean("IncludeQualifiers", false);
                self.names("PropertyList", property_list.as_deref());
            }
            Operation::DeleteInstance { path } => self.instance_name("InstanceName", path),
            Operation::GetProperty { path, property } => {
                self.instance_name("InstanceName", path);
                self.text("PropertyName", property.as_str());
            }
            Operation::SetProperty {
                path,
                property,
                value,
            } => {
                self.instance_name("InstanceName", path);
                self.text("PropertyName", property.as_str());
                if let Some(value) = value {
                    self.value("NewValue", value);
                }
            }
            Operation::ExecQuery(query) => {
                self.text("QueryLanguage", &query.language);
                self.text("Query", &query.text);
            }
            Operation::Associators { object, filter, view }
            | Operation::References { object, filter, view } => {
                self.object("ObjectName", object);
                self.association_filter(filter);
                self.view(view);
            }
            Operation::AssociatorNames { object, filter } | Operation::ReferenceNames { object, filter } => {
                self.object("ObjectName", object);
                self.association_filter(filter);
            }
            Operation::Open { source, options } => {
                self.source(source);
                self.options(options);
            }
            Operation::Pull {
                context,
                max_object_count,
                ..
            } => {
                self.text("EnumerationContext", context);
                self.number("MaxObjectCount", *max_object_count);
            }
            Operation::CloseEnumeration { context } | Operation::EnumerationCount { context } => {
                self.text("EnumerationContext", context);
            }
            // It is no operation of DSP0200 itself, and has arguments in place of parameters.
            Operation::Invoke(_) => {}
        }
    }

    fn source(&mut self, source: &OpenSource) {
        match source {
            OpenSource::Instances {
                class,
                deep_inheritance,
                view,
            } => {
                self.class("ClassName", class);
                self.boolean("DeepInheritance", *deep_inheritance);
                self.pulled_view(view);
            }
            OpenSource::InstancePaths { class } => self.class("ClassName", class),
            OpenSource::AssociatorInstances { path, filter, view }
            | OpenSource::ReferenceInstances { path, filter, view } => {
                self.instance_name("InstanceName", path);
                self.association_filter(filter);
                self.pulled_view(view);
            }
            OpenSource::AssociatorInstancePaths { path, filter }
            | OpenSource::ReferenceInstancePaths { path, filter } => {
                self.instance_name("InstanceName", path);
                self.association_filter(filter);
            }
            OpenSource::Query {
                query,
                return_query_result_class,
            } => {
                self.filter_query(query);
                self.boolean("ReturnQueryResultClass", *return_query_result_class);
            }
        }
    }

    fn options(&mut self, options: &OpenOptions) {
        if let Some(query) = &options.filter {
            self.filter_query(query);
        }
        if let Some(secs) = options.operation_timeout {
            self.number("OperationTimeout", secs);
        }
        // Few servers know it: what is the default everywhere goes without saying.
        if options.continue_on_error {
            self.boolean("ContinueOnError", true);
        }
        self.number("MaxObjectCount", options.max_object_count);
    }

    fn filter_query(&mut self, query: &Query) {
        self.text("FilterQueryLanguage", &query.language);
        self.text("FilterQuery", &query.text);
    }

    fn class_view(&mut self, view: &ClassView) {
        self.boolean("LocalOnly", view.local_only);
        self.boolean("IncludeQualifiers", view.include_qualifiers);
        self.boolean("IncludeClassOrigin", view.include_class_origin);
    }

    fn view(&mut self, view: &InstanceView) {
        self.boolean("IncludeQualifiers", view.include_qualifiers);
        self.pulled_view(view);
    }

    fn pulled_view(&mut self, view: &InstanceView) {
        self.boolean("IncludeClassOrigin", view.include_class_origin);
        self.names("PropertyList", view.property_list.as_deref());
    }

    fn association_filter(&mut self, filter: &AssociationFilter) {
        self.optional_class("AssocClass", filter.association_class.as_ref());
        self.optional_class("ResultClass", filter.result_class.as_ref());
        self.optional_text("Role", filter.role.as_ref().map(Name::as_str));
        self.optional_text("ResultRole", filter.result_role.as_ref().map(Name::as_str));
    }

    fn parameter(&mut self, parameter: &str, content: impl FnOnce(&mut Writer)) {
        self.w.start(name("IPARAMVALUE"));
        self.w.attr(name("NAME"), parameter);
        content(self.w);
        self.w.end(name("IPARAMVALUE"));
    }

    fn text(&mut self, parameter: &str, text: &str) {
        self.parameter(parameter, |w| w.leaf(name("VALUE"), text));
    }

    fn optional_text(&mut self, parameter: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(parameter, text);
        }
    }

    fn boolean(&mut self, parameter: &str, value: bool) {
        self.text(parameter, if value { "TRUE" } else { "FALSE" });
    }

    fn number(&mut self, parameter: &str, number: u32) {
        self.parameter(parameter, |w| {
            w.element(name("VALUE"), |w| w.number(u64::from(number)));
        });
    }

    fn names(&mut self, parameter: &str, names: Option<&[Name]>) {
        let Some(names) = names else { return };
        self.parameter(parameter, |w| {
            w.element(name("VALUE.ARRAY"), |w| {
                for item in names {
                    w.leaf(name("VALUE"), item.as_str());
                }
            });
        });
    }

    fn class(&mut self, parameter: &str, class: &Name) {
        self.parameter(parameter, |w| path::encode_class_name(w, class));
    }

    fn optional_class(&mut self, parameter: &str, class: Option<&Name>) {
        if let Some(class) = class {
            self.class(parameter, class);
        }
    }

    fn instance_name(&mut self, parameter: &str, path: &InstancePath) {
        let home = Some(self.home);
        self.parameter(parameter, |w| path::encode_instance_name(w, path, home));
    }

    fn object(&mut self, parameter: &str, object: &ObjectName) {
        match object {
            ObjectName::Class(class) => self.class(parameter, class),
            ObjectName::Instance(path) => self.instance_name(parameter, path),
        }
    }

    fn named_instance(&mut self, parameter: &str, path: &InstancePath, instance: &Instance) {
        let home = Some(self.home);
        self.parameter(parameter, |w| {
            w.element(name("VALUE.NAMEDINSTANCE"), |w| {
                path::encode_instance_name(w, path, home);
                instance::encode(w, instance, home, Shown::all());
            });
        });
    }

    fn value(&mut self, parameter: &str, value: &Value) {
        let cim_type = value.cim_type().unwrap_or(CimType::String);
        let home = Some(self.home);
        self.parameter(parameter, |w| value::encode(w, cim_type, value, home));
    }
}
