//! Reading requests.

use super::parameters::Parameters;
use super::{Request, RequestMessage};
use crate::cim::{CimError, CimStatus, Name, Namespace};
use crate::cimxml::argument;
use crate::cimxml::message::{self, child, expect};
use crate::cimxml::path::{self, MAX_REFERENCES};
use crate::cimxml::{
    AssociationFilter, ClassView, DecodeError, InstanceView, MethodCall, ObjectName, OpenOptions, OpenSource,
    Operation, PullKind, Query, name_attribute,
};
use crate::xml::{Limits, Reader, Start};

/// Reads a whole message (DSP0201, 5.1): a request, or several of them.
///
/// # Errors
/// If it is no XML, no request, or beyond the limits.
pub fn message(text: &str, limits: Limits) -> Result<RequestMessage, DecodeError> {
    let mut reader = Reader::new(text, limits)?;
    let (message, message_id) = message::open(&mut reader)?;
    let (is_multiple, requests) = message::requests(&mut reader, &message, "MULTIREQ", simple_request)?;
    reader.finish()?;
    Ok(RequestMessage {
        message_id,
        is_multiple,
        requests,
    })
}

fn simple_request<'a>(reader: &mut Reader<'a>, element: &Start<'a>) -> Result<Request, DecodeError> {
    expect(element, "SIMPLEREQ")?;
    let call = message::call(reader, element)?;
    match call.local {
        "IMETHODCALL" => intrinsic(reader, &call),
        "METHODCALL" => extrinsic(reader, &call),
        _ => Err(DecodeError::misplaced(&call, "IMETHODCALL or METHODCALL")),
    }
}

/// An operation of DSP0200 itself.
fn intrinsic<'a>(reader: &mut Reader<'a>, call: &Start<'a>) -> Result<Request, DecodeError> {
    let name = call_name(call)?;
    let place = child(reader, call)?;
    expect(&place, "LOCALNAMESPACEPATH")?;
    let namespace = path::decode_namespace(reader, &place)?;
    let operation = match Parameters::decode(reader, call, &name) {
        Ok(parameters) => parameters.and_then(|parameters| operation(&name, parameters)),
        Err(DecodeError::Invalid(reason)) => Err(CimError::invalid_parameter(reason)),
        Err(error) => return Err(error),
    };
    Ok(Request {
        name,
        is_extrinsic: false,
        namespace,
        operation,
    })
}

/// A method of a class.
fn extrinsic<'a>(reader: &mut Reader<'a>, call: &Start<'a>) -> Result<Request, DecodeError> {
    let name = call_name(call)?;
    let place = child(reader, call)?;
    let is_class = match place.local {
        "LOCALCLASSPATH" | "CLASSPATH" => true,
        "LOCALINSTANCEPATH" | "INSTANCEPATH" => false,
        _ => {
            return Err(DecodeError::misplaced(
                &place,
                "LOCALCLASSPATH or LOCALINSTANCEPATH",
            ));
        }
    };
    let mut namespace = Namespace::from_static("");
    let invoke = (|| {
        let target = path::decode_any(reader, &place, MAX_REFERENCES)?
            .ok_or_else(|| DecodeError::unexpected(&place, call))?;
        if let Some(own) = &target.namespace {
            namespace = own.clone();
        }
        let object = if is_class {
            ObjectName::Class(target.class_name)
        } else {
            ObjectName::Instance(target)
        };
        let mut arguments = Vec::new();
        while let Some(element) = reader.child(call)? {
            expect(&element, "PARAMVALUE")?;
            arguments.push(argument::decode(reader, &element)?);
        }
        Ok(Operation::Invoke(MethodCall {
            object,
            method: Name::new(&name),
            arguments,
        }))
    })();
    let operation = match invoke {
        Ok(invoke) => Ok(invoke),
        Err(DecodeError::Invalid(reason)) => Err(CimError::invalid_parameter(reason)),
        Err(error) => return Err(error),
    };
    Ok(Request {
        name,
        is_extrinsic: true,
        namespace,
        operation,
    })
}

/// The name of what is called, as it was spelled.
fn call_name(call: &Start<'_>) -> Result<String, DecodeError> {
    name_attribute(call, "NAME").map(|name| name.as_str().to_owned())
}

/// The operation of that name with its parameters.
fn operation(name: &str, mut p: Parameters) -> Result<Operation, CimError> {
    let lower = name.to_ascii_lowercase();
    let operation = match lower.as_str() {
        "getclass" => Operation::GetClass {
            class: p.class("ClassName")?,
            view: ClassView {
                property_list: p.names("PropertyList")?,
                ..class_view(&mut p)?
            },
        },
        "enumerateclasses" => Operation::EnumerateClasses {
            class: p.optional_class("ClassName")?,
            deep_inheritance: p.boolean("DeepInheritance", false)?,
            view: class_view(&mut p)?,
        },
        "enumerateclassnames" => Operation::EnumerateClassNames {
            class: p.optional_class("ClassName")?,
            deep_inheritance: p.boolean("DeepInheritance", false)?,
        },
        "getqualifier" => Operation::GetQualifier {
            qualifier: p.name("QualifierName")?,
        },
        "enumeratequalifiers" => Operation::EnumerateQualifiers,
        "getinstance" => Operation::GetInstance {
            path: p.instance_name("InstanceName")?,
            view: local_view(&mut p)?,
        },
        "enumerateinstances" => Operation::EnumerateInstances {
            class: p.class("ClassName")?,
            deep_inheritance: p.boolean("DeepInheritance", true)?,
            view: local_view(&mut p)?,
        },
        "enumerateinstancenames" => Operation::EnumerateInstanceNames {
            class: p.class("ClassName")?,
        },
        "createinstance" => Operation::CreateInstance {
            instance: p.instance("NewInstance")?,
        },
        "modifyinstance" => {
            let (path, instance) = p.named_instance("ModifiedInstance")?;
            // Deprecated, and without effect where instances have no qualifiers of their own.
            p.boolean("IncludeQualifiers", true)?;
            Operation::ModifyInstance {
                path,
                instance,
                property_list: p.names("PropertyList")?,
            }
        }
        "deleteinstance" => Operation::DeleteInstance {
            path: p.instance_name("InstanceName")?,
        },
        "getproperty" => Operation::GetProperty {
            path: p.instance_name("InstanceName")?,
            property: p.name("PropertyName")?,
        },
        "setproperty" => Operation::SetProperty {
            path: p.instance_name("InstanceName")?,
            property: p.name("PropertyName")?,
            value: p.value("NewValue")?,
        },
        "execquery" => Operation::ExecQuery(Query {
            language: p.text("QueryLanguage")?,
            text: p.text("Query")?,
        }),
        "associators" => Operation::Associators {
            object: p.object("ObjectName")?,
            filter: association_filter(&mut p)?,
            view: view(&mut p)?,
        },
        "associatornames" => Operation::AssociatorNames {
            object: p.object("ObjectName")?,
            filter: association_filter(&mut p)?,
        },
        "references" => Operation::References {
            object: p.object("ObjectName")?,
            filter: reference_filter(&mut p)?,
            view: view(&mut p)?,
        },
        "referencenames" => Operation::ReferenceNames {
            object: p.object("ObjectName")?,
            filter: reference_filter(&mut p)?,
        },
        "pullinstanceswithpath" => pull(PullKind::InstancesWithPath, &mut p)?,
        "pullinstancepaths" => pull(PullKind::InstancePaths, &mut p)?,
        "pullinstances" => pull(PullKind::Instances, &mut p)?,
        "closeenumeration" => Operation::CloseEnumeration {
            context: p.text("EnumerationContext")?,
        },
        "enumerationcount" => Operation::EnumerationCount {
            context: p.text("EnumerationContext")?,
        },
        "createclass" | "modifyclass" | "deleteclass" | "setqualifier" | "deletequalifier" => {
            return Err(CimError::not_supported(format!(
                "{name}: the schema of this server comes from its MOF files and is not changed by clients"
            )));
        }
        _ => match open_source(&lower, &mut p)? {
            Some(source) => Operation::Open {
                options: open_options(&source, &mut p)?,
                source,
            },
            None => {
                return Err(CimError::not_supported(format!(
                    "there is no operation `{name}` here"
                )));
            }
        },
    };
    p.finish()?;
    Ok(operation)
}

/// What an open operation opens; `None` for the name of no such operation.
fn open_source(lower: &str, p: &mut Parameters) -> Result<Option<OpenSource>, CimError> {
    Ok(Some(match lower {
        "openenumerateinstances" => OpenSource::Instances {
            class: p.class("ClassName")?,
            deep_inheritance: p.boolean("DeepInheritance", true)?,
            view: pulled_view(p)?,
        },
        "openenumerateinstancepaths" => OpenSource::InstancePaths {
            class: p.class("ClassName")?,
        },
        "openassociatorinstances" => OpenSource::AssociatorInstances {
            path: p.instance_name("InstanceName")?,
            filter: association_filter(p)?,
            view: pulled_view(p)?,
        },
        "openassociatorinstancepaths" => OpenSource::AssociatorInstancePaths {
            path: p.instance_name("InstanceName")?,
            filter: association_filter(p)?,
        },
        "openreferenceinstances" => OpenSource::ReferenceInstances {
            path: p.instance_name("InstanceName")?,
            filter: reference_filter(p)?,
            view: pulled_view(p)?,
        },
        "openreferenceinstancepaths" => OpenSource::ReferenceInstancePaths {
            path: p.instance_name("InstanceName")?,
            filter: reference_filter(p)?,
        },
        "openqueryinstances" => OpenSource::Query {
            query: Query {
                language: p.text("FilterQueryLanguage")?,
                text: p.text("FilterQuery")?,
            },
            return_query_result_class: p.boolean("ReturnQueryResultClass", false)?,
        },
        _ => return Ok(None),
    }))
}

/// The parameters that all open operations have; those of the filter are the query's own where there is one.
fn open_options(source: &OpenSource, p: &mut Parameters) -> Result<OpenOptions, CimError> {
    let filter = match source {
        OpenSource::Query { .. } => None,
        _ => filter_query(p)?,
    };
    Ok(OpenOptions {
        filter,
        operation_timeout: p.number("OperationTimeout")?,
        continue_on_error: p.boolean("ContinueOnError", false)?,
        max_object_count: p.number("MaxObjectCount")?.unwrap_or(0),
    })
}

fn filter_query(p: &mut Parameters) -> Result<Option<Query>, CimError> {
    let language = p.optional_text("FilterQueryLanguage")?;
    match (language, p.optional_text("FilterQuery")?) {
        (Some(language), Some(text)) => Ok(Some(Query { language, text })),
        (None, None) => Ok(None),
        (Some(_), None) => Err(CimError::invalid_parameter(
            "FilterQueryLanguage is of no use without FilterQuery",
        )),
        (None, Some(_)) => Err(CimError::new(
            CimStatus::QueryLanguageNotSupported,
            "FilterQuery needs its FilterQueryLanguage, as DMTF:FQL or WQL",
        )),
    }
}

fn pull(kind: PullKind, p: &mut Parameters) -> Result<Operation, CimError> {
    Ok(Operation::Pull {
        kind,
        context: p.text("EnumerationContext")?,
        max_object_count: p
            .number("MaxObjectCount")?
            .ok_or_else(|| p.missing("MaxObjectCount"))?,
    })
}

fn class_view(p: &mut Parameters) -> Result<ClassView, CimError> {
    Ok(ClassView {
        local_only: p.boolean("LocalOnly", true)?,
        include_qualifiers: p.boolean("IncludeQualifiers", true)?,
        include_class_origin: p.boolean("IncludeClassOrigin", false)?,
        property_list: None,
    })
}

/// The view of `GetInstance` and `EnumerateInstances`.
fn local_view(p: &mut Parameters) -> Result<InstanceView, CimError> {
    Ok(InstanceView {
        local_only: p.boolean("LocalOnly", true)?,
        ..view(p)?
    })
}

/// The view of `Associators` and `References`.
fn view(p: &mut Parameters) -> Result<InstanceView, CimError> {
    Ok(InstanceView {
        include_qualifiers: p.boolean("IncludeQualifiers", false)?,
        ..pulled_view(p)?
    })
}

/// The view of the open operations.
fn pulled_view(p: &mut Parameters) -> Result<InstanceView, CimError> {
    Ok(InstanceView {
        local_only: false,
        include_qualifiers: false,
        include_class_origin: p.boolean("IncludeClassOrigin", false)?,
        property_list: p.names("PropertyList")?,
    })
}

fn association_filter(p: &mut Parameters) -> Result<AssociationFilter, CimError> {
    Ok(AssociationFilter {
        association_class: p.optional_class("AssocClass")?,
        result_role: p.optional_name("ResultRole")?,
        ..reference_filter(p)?
    })
}

fn reference_filter(p: &mut Parameters) -> Result<AssociationFilter, CimError> {
    Ok(AssociationFilter {
        association_class: None,
        result_class: p.optional_class("ResultClass")?,
        role: p.optional_name("Role")?,
        result_role: None,
    })
}
