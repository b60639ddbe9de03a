//! Every operation as our client writes it and our server reads it, what servers fill in, and what they refuse.

use super::*;
use crate::cim::{CimType, Instance, InstancePath, Name, Property, Value};
use crate::cimxml::{
    Argument, AssociationFilter, ClassView, InstanceView, MethodCall, ObjectName, OpenOptions, OpenSource,
    PullKind, Query,
};

fn message(calls: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<CIM CIMVERSION=\"2.0\" DTDVERSION=\"2.0\">\
         <MESSAGE ID=\"7\" PROTOCOLVERSION=\"1.0\">{calls}</MESSAGE></CIM>"
    )
}

fn namespace() -> Namespace {
    Namespace::from_static("root/x")
}

fn path() -> InstancePath {
    InstancePath::new(Name::from_static("C_Thing"))
        .with_key("Name", "a<b")
        .with_key("Index", 7_u64)
}

fn instance() -> Instance {
    let mut instance = Instance::new(Name::from_static("C_Thing"));
    instance.set("Name", "a<b");
    instance.set("Levels", vec![1_u8, 2]);
    instance.set_or_null("Load", CimType::Uint16, None::<u16>);
    instance
}

fn class() -> Name {
    Name::from_static("C_Thing")
}

fn view() -> InstanceView {
    InstanceView {
        property_list: Some(vec!["Name".into(), "Load".into()]),
        ..InstanceView::default()
    }
}

fn filter() -> AssociationFilter {
    AssociationFilter {
        association_class: Some("C_Link".into()),
        result_class: Some("C_Other".into()),
        role: Some("From".into()),
        result_role: Some("To".into()),
    }
}

fn reference_filter() -> AssociationFilter {
    AssociationFilter {
        association_class: None,
        result_role: None,
        ..filter()
    }
}

fn object() -> ObjectName {
    ObjectName::Instance(path())
}

fn options() -> OpenOptions {
    OpenOptions {
        filter: Some(Query {
            language: "DMTF:FQL".to_owned(),
            text: "Load > 5".to_owned(),
        }),
        operation_timeout: Some(30),
        continue_on_error: true,
        max_object_count: 100,
    }
}

fn open(source: OpenSource) -> Operation {
    Operation::Open {
        source,
        options: OpenOptions::default(),
    }
}

/// The call of an operation, which reads back to the same operation.
#[track_caller]
fn call(operation: Operation) -> String {
    let message = RequestMessage::single("7", namespace(), operation);
    let text = message.encode();
    assert_eq!(
        RequestMessage::decode(&text, Limits::default()).as_ref(),
        Ok(&message),
        "{text}"
    );
    let call = text.split_once("<SIMPLEREQ>").map(|(_, rest)| rest);
    let call = call.and_then(|rest| rest.split_once("</SIMPLEREQ>"));
    let namespace =
        "<LOCALNAMESPACEPATH><NAMESPACE NAME=\"root\"/><NAMESPACE NAME=\"x\"/></LOCALNAMESPACEPATH>";
    call.unwrap().0.replace(namespace, "…")
}

#[test]
fn a_message_has_a_declaration_and_versions() {
    let message = RequestMessage::single("7", namespace(), Operation::EnumerateQualifiers);
    insta::assert_snapshot!(message.encode(), @r#"
    <?xml version="1.0" encoding="utf-8"?>
    <CIM CIMVERSION="2.0" DTDVERSION="2.0"><MESSAGE ID="7" PROTOCOLVERSION="1.0"><SIMPLEREQ><IMETHODCALL NAME="EnumerateQualifiers"><LOCALNAMESPACEPATH><NAMESPACE NAME="root"/><NAMESPACE NAME="x"/></LOCALNAMESPACEPATH></IMETHODCALL></SIMPLEREQ></MESSAGE></CIM>
    "#);
}

#[test]
fn operations_on_classes() {
    insta::assert_snapshot!(call(Operation::GetClass {
        class: class(),
        view: ClassView { local_only: false, property_list: Some(vec!["Name".into()]), ..ClassView::default() },
    }), @r#"<IMETHODCALL NAME="GetClass">…<IPARAMVALUE NAME="ClassName"><CLASSNAME NAME="C_Thing"/></IPARAMVALUE><IPARAMVALUE NAME="LocalOnly"><VALUE>FALSE</VALUE></IPARAMVALUE><IPARAMVALUE NAME="IncludeQualifiers"><VALUE>TRUE</VALUE></IPARAMVALUE><IPARAMVALUE NAME="IncludeClassOrigin"><VALUE>FALSE</VALUE></IPARAMVALUE><IPARAMVALUE NAME="PropertyList"><VALUE.ARRAY><VALUE>Name</VALUE></VALUE.ARRAY></IPARAMVALUE></IMETHODCALL>"#);
    insta::assert_snapshot!(call(Operation::EnumerateClasses {
        class: Some(class()),
        deep_inheritance: true,
        view: ClassView { include_qualifiers: false, include_class_origin: true, ..ClassView::default() },
    }), @r#"<IMETHODCALL NAME="EnumerateClasses">…<IPARAMVALUE NAME="ClassName"><CLASSNAME NAME="C_Thing"/></IPARAMVALUE><IPARAMVALUE NAME="DeepInheritance"><VALUE>TRUE</VALUE></IPARAMVALUE><IPARAMVALUE NAME="LocalOnly"><VALUE>TRUE</VALUE></IPARAMVALUE><IPARAMVALUE NAME="IncludeQualifiers"><VALUE>FALSE</VALUE></IPARAMVALUE><IPARAMVALUE NAME="IncludeClassOrigin"><VALUE>TRUE</VALUE></IPARAMVALUE></IMETHODCALL>"#);
    insta::assert_snapshot!(call(Operation::EnumerateClassNames { class: None, deep_inheritance: false }), @r#"<IMETHODCALL NAME="EnumerateClassNames">…<IPARAMVALUE NAME="DeepInheritance"><VALUE>FALSE</VALUE></IPARAMVALUE></IMETHODCALL>"#);
    insta::assert_snapshot!(call(Operation::GetQualifier { qualifier: "Key".into() }), @r#"<IMETHODCALL NAME="GetQualifier">…<IPARAMVALUE NAME="QualifierName"><VALUE>Key</VALUE></IPARAMVALUE></IMETHODCALL>"#);
    insta::assert_snapshot!(call(Operation::EnumerateQualifiers), @r#"<IMETHODCALL NAME="EnumerateQualifiers">…</IMETHODCALL>"#);
}

#[test]
fn operations_on_instances() {
    insta::assert_snapshot!(call(Operation::GetInstance { path: path(), view: view() }), @r#"<IMETHODCALL NAME="GetInstance">…<IPARAMVALUE NAME="InstanceName"><INSTANCENAME CLASSNAME="C_Thing"><KEYBINDING NAME="Name"><KEYVALUE VALUETYPE="string">a&lt;b</KEYVALUE></KEYBINDING><KEYBINDING NAME="Index"><KEYVALUE VALUETYPE="numeric">7</KEYVALUE></KEYBINDING></INSTANCENAME></IPARAMVALUE><IPARAMVALUE NAME="LocalOnly"><VALUE>FALSE</VALUE></IPARAMVALUE><IPARAMVALUE NAME="IncludeQualifiers"><VALUE>FALSE</VALUE></IPARAMVALUE><IPARAMVALUE NAME="IncludeClassOrigin"><VALUE>FALSE</VALUE></IPARAMVALUE><IPARAMVALUE NAME="PropertyList"><VALUE.ARRAY><VALUE>Name</VALUE><VALUE>Load</VALUE></VALUE.ARRAY></IPARAMVALUE></IMETHODCALL>"#);
    insta::assert_snapshot!(call(Operation::EnumerateInstances {
        class: class(),
        deep_inheritance: true,
        view: InstanceView { local_only: true, include_class_origin: true, ..InstanceView::default() },
    }), @r#"<IMETHODCALL NAME="EnumerateInstances">…<IPARAMVALUE NAME="ClassName"><CLASSNAME NAME="C_Thing"/></IPARAMVALUE><IPARAMVALUE NAME="LocalOnly"><VALUE>TRUE</VALUE></IPARAMVALUE><IPARAMVALUE NAME="DeepInheritance"><VALUE>TRUE</VALUE></IPARAMVALUE><IPARAMVALUE NAME="IncludeQualifiers"><VALUE>FALSE</VALUE></IPARAMVALUE><IPARAMVALUE NAME="IncludeClassOrigin"><VALUE>TRUE</VALUE></IPARAMVALUE></IMETHODCALL>"#);
    insta::assert_snapshot!(call(Operation::EnumerateInstanceNames { class: class() }), @r#"<IMETHODCALL NAME="EnumerateInstanceNames">…<IPARAMVALUE NAME="ClassName"><CLASSNAME NAME="C_Thing"/></IPARAMVALUE></IMETHODCALL>"#);
    insta::assert_snapshot!(call(Operation::CreateInstance { instance: instance() }), @r#"<IMETHODCALL NAME="CreateInstance">…<IPARAMVALUE NAME="NewInstance"><INSTANCE CLASSNAME="C_Thing"><PROPERTY NAME="Name" TYPE="string"><VALUE>a&lt;b</VALUE></PROPERTY><PROPERTY.ARRAY NAME="Levels" TYPE="uint8"><VALUE.ARRAY><VALUE>1</VALUE><VALUE>2</VALUE></VALUE.ARRAY></PROPERTY.ARRAY><PROPERTY NAME="Load" TYPE="uint16"></PROPERTY></INSTANCE></IPARAMVALUE></IMETHODCALL>"#);
    insta::assert_snapshot!(call(Operation::ModifyInstance {
        path: path(),
        instance: instance(),
        property_list: Some(vec!["Load".into()]),
    }), @r#"<IMETHODCALL NAME="ModifyInstance">…<IPARAMVALUE NAME="ModifiedInstance"><VALUE.NAMEDINSTANCE><INSTANCENAME CLASSNAME="C_Thing"><KEYBINDING NAME="Name"><KEYVALUE VALUETYPE="string">a&lt;b</KEYVALUE></KEYBINDING><KEYBINDING NAME="Index"><KEYVALUE VALUETYPE="numeric">7</KEYVALUE></KEYBINDING></INSTANCENAME><INSTANCE CLASSNAME="C_Thing"><PROPERTY NAME="Name" TYPE="string"><VALUE>a&lt;b</VALUE></PROPERTY><PROPERTY.ARRAY NAME="Levels" TYPE="uint8"><VALUE.ARRAY><VALUE>1</VALUE><VALUE>2</VALUE></VALUE.ARRAY></PROPERTY.ARRAY><PROPERTY NAME="Load" TYPE="uint16"></PROPERTY></INSTANCE></VALUE.NAMEDINSTANCE></IPARAMVALUE><IPARAMVALUE NAME="IncludeQualifiers"><VALUE>FALSE</VALUE></IPARAMVALUE><IPARAMVALUE NAME="PropertyList"><VALUE.ARRAY><VALUE>Load</VALUE></VALUE.ARRAY></IPARAMVALUE></IMETHODCALL>"#);
    insta::assert_snapshot!(call(Operation::DeleteInstance { path: path() }), @r#"<IMETHODCALL NAME="DeleteInstance">…<IPARAMVALUE NAME="InstanceName"><INSTANCENAME CLASSNAME="C_Thing"><KEYBINDING NAME="Name"><KEYVALUE VALUETYPE="string">a&lt;b</KEYVALUE></KEYBINDING><KEYBINDING NAME="Index"><KEYVALUE VALUETYPE="numeric">7</KEYVALUE></KEYBINDING></INSTANCENAME></IPARAMVALUE></IMETHODCALL>"#);
    insta::assert_snapshot!(call(Operation::GetProperty { path: path(), property: "Load".into() }), @r#"<IMETHODCALL NAME="GetProperty">…<IPARAMVALUE NAME="InstanceName"><INSTANCENAME CLASSNAME="C_Thing"><KEYBINDING NAME="Name"><KEYVALUE VALUETYPE="string">a&lt;b</KEYVALUE></KEYBINDING><KEYBINDING NAME="Index"><KEYVALUE VALUETYPE="numeric">7</KEYVALUE></KEYBINDING></INSTANCENAME></IPARAMVALUE><IPARAMVALUE NAME="PropertyName"><VALUE>Load</VALUE></IPARAMVALUE></IMETHODCALL>"#);
    insta::assert_snapshot!(call(Operation::SetProperty {
        path: path(),
        property: "Load".into(),
        value: Some(Value::string("5")),
    }), @r#"<IMETHODCALL NAME="SetProperty">…<IPARAMVALUE NAME="InstanceName"><INSTANCENAME CLASSNAME="C_Thing"><KEYBINDING NAME="Name"><KEYVALUE VALUETYPE="string">a&lt;b</KEYVALUE></KEYBINDING><KEYBINDING NAME="Index"><KEYVALUE VALUETYPE="numeric">7</KEYVALUE></KEYBINDING></INSTANCENAME></IPARAMVALUE><IPARAMVALUE NAME="PropertyName"><VALUE>Load</VALUE></IPARAMVALUE><IPARAMVALUE NAME="NewValue"><VALUE>5</VALUE></IPARAMVALUE></IMETHODCALL>"#);
    insta::assert_snapshot!(call(Operation::SetProperty { path: path(), property: "Load".into(), value: None }), @r#"<IMETHODCALL NAME="SetProperty">…<IPARAMVALUE NAME="InstanceName"><INSTANCENAME CLASSNAME="C_Thing"><KEYBINDING NAME="Name"><KEYVALUE VALUETYPE="string">a&lt;b</KEYVALUE></KEYBINDING><KEYBINDING NAME="Index"><KEYVALUE VALUETYPE="numeric">7</KEYVALUE></KEYBINDING></INSTANCENAME></IPARAMVALUE><IPARAMVALUE NAME="PropertyName"><VALUE>Load</VALUE></IPARAMVALUE></IMETHODCALL>"#);
    insta::assert_snapshot!(call(Operation::ExecQuery(Query {
        language: "WQL".to_owned(),
        text: "SELECT * FROM C_Thing WHERE Load < 5".to_owned(),
    })), @r#"<IMETHODCALL NAME="ExecQuery">…<IPARAMVALUE NAME="QueryLanguage"><VALUE>WQL</VALUE></IPARAMVALUE><IPARAMVALUE NAME="Query"><VALUE>SELECT * FROM C_Thing WHERE Load &lt; 5</VALUE></IPARAMVALUE></IMETHODCALL>"#);
}

#[test]
fn operations_along_associations() {
    insta::assert_snapshot!(call(Operation::Associators { object: object(), filter: filter(), view: view() }), @r#"<IMETHODCALL NAME="Associators">…<IPARAMVALUE NAME="ObjectName"><INSTANCENAME CLASSNAME="C_Thing"><KEYBINDING NAME="Name"><KEYVALUE VALUETYPE="string">a&lt;b</KEYVALUE></KEYBINDING><KEYBINDING NAME="Index"><KEYVALUE VALUETYPE="numeric">7</KEYVALUE></KEYBINDING></INSTANCENAME></IPARAMVALUE><IPARAMVALUE NAME="AssocClass"><CLASSNAME NAME="C_Link"/></IPARAMVALUE><IPARAMVALUE NAME="ResultClass"><CLASSNAME NAME="C_Other"/></IPARAMVALUE><IPARAMVALUE NAME="Role"><VALUE>From</VALUE></IPARAMVALUE><IPARAMVALUE NAME="ResultRole"><VALUE>To</VALUE></IPARAMVALUE><IPARAMVALUE NAME="IncludeQualifiers"><VALUE>FALSE</VALUE></IPARAMVALUE><IPARAMVALUE NAME="IncludeClassOrigin"><VALUE>FALSE</VALUE></IPARAMVALUE><IPARAMVALUE NAME="PropertyList"><VALUE.ARRAY><VALUE>Name</VALUE><VALUE>Load</VALUE></VALUE.ARRAY></IPARAMVALUE></IMETHODCALL>"#);
    insta::assert_snapshot!(call(Operation::AssociatorNames {
        object: ObjectName::Class(class()),
        filter: AssociationFilter::default(),
    }), @r#"<IMETHODCALL NAME="AssociatorNames">…<IPARAMVALUE NAME="ObjectName"><CLASSNAME NAME="C_Thing"/></IPARAMVALUE></IMETHODCALL>"#);
    insta::assert_snapshot!(call(Operation::References {
        object: object(),
        filter: reference_filter(),
        view: InstanceView::default(),
    }), @r#"<IMETHODCALL NAME="References">…<IPARAMVALUE NAME="ObjectName"><INSTANCENAME CLASSNAME="C_Thing"><KEYBINDING NAME="Name"><KEYVALUE VALUETYPE="string">a&lt;b</KEYVALUE></KEYBINDING><KEYBINDING NAME="Index"><KEYVALUE VALUETYPE="numeric">7</KEYVALUE></KEYBINDING></INSTANCENAME></IPARAMVALUE><IPARAMVALUE NAME="ResultClass"><CLASSNAME NAME="C_Other"/></IPARAMVALUE><IPARAMVALUE NAME="Role"><VALUE>From</VALUE></IPARAMVALUE><IPARAMVALUE NAME="IncludeQualifiers"><VALUE>FALSE</VALUE></IPARAMVALUE><IPARAMVALUE NAME="IncludeClassOrigin"><VALUE>FALSE</VALUE></IPARAMVALUE></IMETHODCALL>"#);
    insta::assert_snapshot!(call(Operation::ReferenceNames {
        object: object(),
        filter: reference_filter(),
    }), @r#"<IMETHODCALL NAME="ReferenceNames">…<IPARAMVALUE NAME="ObjectName"><INSTANCENAME CLASSNAME="C_Thing"><KEYBINDING NAME="Name"><KEYVALUE VALUETYPE="string">a&lt;b</KEYVALUE></KEYBINDING><KEYBINDING NAME="Index"><KEYVALUE VALUETYPE="numeric">7</KEYVALUE></KEYBINDING></INSTANCENAME></IPARAMVALUE><IPARAMVALUE NAME="ResultClass"><CLASSNAME NAME="C_Other"/></IPARAMVALUE><IPARAMVALUE NAME="Role"><VALUE>From</VALUE></IPARAMVALUE></IMETHODCALL>"#);
}

#[test]
fn operations_that_are_pulled() {
    insta::assert_snapshot!(call(Operation::Open {
        source: OpenSource::Instances { class: class(), deep_inheritance: true, view: view() },
        options: options(),
    }), @r#"<IMETHODCALL NAME="OpenEnumerateInstances">…<IPARAMVALUE NAME="ClassName"><CLASSNAME NAME="C_Thing"/></IPARAMVALUE><IPARAMVALUE NAME="DeepInheritance"><VALUE>TRUE</VALUE></IPARAMVALUE><IPARAMVALUE NAME="IncludeClassOrigin"><VALUE>FALSE</VALUE></IPARAMVALUE><IPARAMVALUE NAME="PropertyList"><VALUE.ARRAY><VALUE>Name</VALUE><VALUE>Load</VALUE></VALUE.ARRAY></IPARAMVALUE><IPARAMVALUE NAME="FilterQueryLanguage"><VALUE>DMTF:FQL</VALUE></IPARAMVALUE><IPARAMVALUE NAME="FilterQuery"><VALUE>Load &gt; 5</VALUE></IPARAMVALUE><IPARAMVALUE NAME="OperationTimeout"><VALUE>30</VALUE></IPARAMVALUE><IPARAMVALUE NAME="ContinueOnError"><VALUE>TRUE</VALUE></IPARAMVALUE><IPARAMVALUE NAME="MaxObjectCount"><VALUE>100</VALUE></IPARAMVALUE></IMETHODCALL>"#);
    insta::assert_snapshot!(call(open(OpenSource::InstancePaths { class: class() })), @r#"<IMETHODCALL NAME="OpenEnumerateInstancePaths">…<IPARAMVALUE NAME="ClassName"><CLASSNAME NAME="C_Thing"/></IPARAMVALUE><IPARAMVALUE NAME="MaxObjectCount"><VALUE>0</VALUE></IPARAMVALUE></IMETHODCALL>"#);
    insta::assert_snapshot!(call(open(OpenSource::AssociatorInstances {
        path: path(),
        filter: filter(),
        view: InstanceView::default(),
    })), @r#"<IMETHODCALL NAME="OpenAssociatorInstances">…<IPARAMVALUE NAME="InstanceName"><INSTANCENAME CLASSNAME="C_Thing"><KEYBINDING NAME="Name"><KEYVALUE VALUETYPE="string">a&lt;b</KEYVALUE></KEYBINDING><KEYBINDING NAME="Index"><KEYVALUE VALUETYPE="numeric">7</KEYVALUE></KEYBINDING></INSTANCENAME></IPARAMVALUE><IPARAMVALUE NAME="AssocClass"><CLASSNAME NAME="C_Link"/></IPARAMVALUE><IPARAMVALUE NAME="ResultClass"><CLASSNAME NAME="C_Other"/></IPARAMVALUE><IPARAMVALUE NAME="Role"><VALUE>From</VALUE></IPARAMVALUE><IPARAMVALUE NAME="ResultRole"><VALUE>To</VALUE></IPARAMVALUE><IPARAMVALUE NAME="IncludeClassOrigin"><VALUE>FALSE</VALUE></IPARAMVALUE><IPARAMVALUE NAME="MaxObjectCount"><VALUE>0</VALUE></IPARAMVALUE></IMETHODCALL>"#);
    insta::assert_snapshot!(call(open(OpenSource::AssociatorInstancePaths {
        path: path(),
        filter: AssociationFilter::default(),
    })), @r#"<IMETHODCALL NAME="OpenAssociatorInstancePaths">…<IPARAMVALUE NAME="InstanceName"><INSTANCENAME CLASSNAME="C_Thing"><KEYBINDING NAME="Name"><KEYVALUE VALUETYPE="string">a&lt;b</KEYVALUE></KEYBINDING><KEYBINDING NAME="Index"><KEYVALUE VALUETYPE="numeric">7</KEYVALUE></KEYBINDING></INSTANCENAME></IPARAMVALUE><IPARAMVALUE NAME="MaxObjectCount"><VALUE>0</VALUE></IPARAMVALUE></IMETHODCALL>"#);
    insta::assert_snapshot!(call(open(OpenSource::ReferenceInstances {
        path: path(),
        filter: reference_filter(),
        view: InstanceView::default(),
    })), @r#"<IMETHODCALL NAME="OpenReferenceInstances">…<IPARAMVALUE NAME="InstanceName"><INSTANCENAME CLASSNAME="C_Thing"><KEYBINDING NAME="Name"><KEYVALUE VALUETYPE="string">a&lt;b</KEYVALUE></KEYBINDING><KEYBINDING NAME="Index"><KEYVALUE VALUETYPE="numeric">7</KEYVALUE></KEYBINDING></INSTANCENAME></IPARAMVALUE><IPARAMVALUE NAME="ResultClass"><CLASSNAME NAME="C_Other"/></IPARAMVALUE><IPARAMVALUE NAME="Role"><VALUE>From</VALUE></IPARAMVALUE><IPARAMVALUE NAME="IncludeClassOrigin"><VALUE>FALSE</VALUE></IPARAMVALUE><IPARAMVALUE NAME="MaxObjectCount"><VALUE>0</VALUE></IPARAMVALUE></IMETHODCALL>"#);
    insta::assert_snapshot!(call(open(OpenSource::ReferenceInstancePaths {
        path: path(),
        filter: AssociationFilter::default(),
    })), @r#"<IMETHODCALL NAME="OpenReferenceInstancePaths">…<IPARAMVALUE NAME="InstanceName"><INSTANCENAME CLASSNAME="C_Thing"><KEYBINDING NAME="Name"><KEYVALUE VALUETYPE="string">a&lt;b</KEYVALUE></KEYBINDING><KEYBINDING NAME="Index"><KEYVALUE VALUETYPE="numeric">7</KEYVALUE></KEYBINDING></INSTANCENAME></IPARAMVALUE><IPARAMVALUE NAME="MaxObjectCount"><VALUE>0</VALUE></IPARAMVALUE></IMETHODCALL>"#);
    insta::assert_snapshot!(call(open(OpenSource::Query {
        query: Query { language: "WQL".to_owned(), text: "SELECT * FROM C_Thing".to_owned() },
        return_query_result_class: true,
    })), @r#"<IMETHODCALL NAME="OpenQueryInstances">…<IPARAMVALUE NAME="FilterQueryLanguage"><VALUE>WQL</VALUE></IPARAMVALUE><IPARAMVALUE NAME="FilterQuery"><VALUE>SELECT * FROM C_Thing</VALUE></IPARAMVALUE><IPARAMVALUE NAME="ReturnQueryResultClass"><VALUE>TRUE</VALUE></IPARAMVALUE><IPARAMVALUE NAME="MaxObjectCount"><VALUE>0</VALUE></IPARAMVALUE></IMETHODCALL>"#);
    let context = || "ctx 1".to_owned();
    let pull = |kind| Operation::Pull {
        kind,
        context: context(),
        max_object_count: 10,
    };
    insta::assert_snapshot!(call(pull(PullKind::InstancesWithPath)), @r#"<IMETHODCALL NAME="PullInstancesWithPath">…<IPARAMVALUE NAME="EnumerationContext"><VALUE>ctx 1</VALUE></IPARAMVALUE><IPARAMVALUE NAME="MaxObjectCount"><VALUE>10</VALUE></IPARAMVALUE></IMETHODCALL>"#);
    insta::assert_snapshot!(call(pull(PullKind::InstancePaths)), @r#"<IMETHODCALL NAME="PullInstancePaths">…<IPARAMVALUE NAME="EnumerationContext"><VALUE>ctx 1</VALUE></IPARAMVALUE><IPARAMVALUE NAME="MaxObjectCount"><VALUE>10</VALUE></IPARAMVALUE></IMETHODCALL>"#);
    insta::assert_snapshot!(call(pull(PullKind::Instances)), @r#"<IMETHODCALL NAME="PullInstances">…<IPARAMVALUE NAME="EnumerationContext"><VALUE>ctx 1</VALUE></IPARAMVALUE><IPARAMVALUE NAME="MaxObjectCount"><VALUE>10</VALUE></IPARAMVALUE></IMETHODCALL>"#);
    insta::assert_snapshot!(call(Operation::CloseEnumeration { context: context() }), @r#"<IMETHODCALL NAME="CloseEnumeration">…<IPARAMVALUE NAME="EnumerationContext"><VALUE>ctx 1</VALUE></IPARAMVALUE></IMETHODCALL>"#);
    insta::assert_snapshot!(call(Operation::EnumerationCount { context: context() }), @r#"<IMETHODCALL NAME="EnumerationCount">…<IPARAMVALUE NAME="EnumerationContext"><VALUE>ctx 1</VALUE></IPARAMVALUE></IMETHODCALL>"#);
}

#[test]
fn methods() {
    let argument = |name: &str, cim_type, value: Option<Value>| Argument {
        name: name.into(),
        cim_type,
        is_array: value.as_ref().is_some_and(Value::is_array),
        value,
    };
    let mut inner = Instance::new(Name::from_static("C_Inner"));
    inner.set("X", 1_u8);
    let target = path().in_namespace(namespace());
    insta::assert_snapshot!(call(Operation::Invoke(MethodCall {
        object: ObjectName::Instance(path().in_namespace(namespace())),
        method: "Reset".into(),
        arguments: vec![
            argument("Delay", Some(CimType::Uint32), Some(Value::Uint32(5))),
            argument("Names", None, Some(vec!["a", "b"].into())),
            argument("To", Some(CimType::Reference), Some(target.clone().into())),
            argument("All", Some(CimType::Reference), Some(Value::Array(vec![target.into()]))),
            argument("Inner", Some(CimType::String), Some(inner.into())),
            argument("Nothing", None, None),
        ],
    })), @r#"<METHODCALL NAME="Reset"><LOCALINSTANCEPATH>…<INSTANCENAME CLASSNAME="C_Thing"><KEYBINDING NAME="Name"><KEYVALUE VALUETYPE="string">a&lt;b</KEYVALUE></KEYBINDING><KEYBINDING NAME="Index"><KEYVALUE VALUETYPE="numeric">7</KEYVALUE></KEYBINDING></INSTANCENAME></LOCALINSTANCEPATH><PARAMVALUE NAME="Delay" PARAMTYPE="uint32"><VALUE>5</VALUE></PARAMVALUE><PARAMVALUE NAME="Names"><VALUE.ARRAY><VALUE>a</VALUE><VALUE>b</VALUE></VALUE.ARRAY></PARAMVALUE><PARAMVALUE NAME="To" PARAMTYPE="reference"><VALUE.REFERENCE><LOCALINSTANCEPATH>…<INSTANCENAME CLASSNAME="C_Thing"><KEYBINDING NAME="Name"><KEYVALUE VALUETYPE="string">a&lt;b</KEYVALUE></KEYBINDING><KEYBINDING NAME="Index"><KEYVALUE VALUETYPE="numeric">7</KEYVALUE></KEYBINDING></INSTANCENAME></LOCALINSTANCEPATH></VALUE.REFERENCE></PARAMVALUE><PARAMVALUE NAME="All" PARAMTYPE="reference"><VALUE.REFARRAY><VALUE.REFERENCE><LOCALINSTANCEPATH>…<INSTANCENAME CLASSNAME="C_Thing"><KEYBINDING NAME="Name"><KEYVALUE VALUETYPE="string">a&lt;b</KEYVALUE></KEYBINDING><KEYBINDING NAME="Index"><KEYVALUE VALUETYPE="numeric">7</KEYVALUE></KEYBINDING></INSTANCENAME></LOCALINSTANCEPATH></VALUE.REFERENCE></VALUE.REFARRAY></PARAMVALUE><PARAMVALUE NAME="Inner" PARAMTYPE="string" EmbeddedObject="instance"><VALUE>&lt;INSTANCE CLASSNAME=&quot;C_Inner&quot;&gt;&lt;PROPERTY NAME=&quot;X&quot; TYPE=&quot;uint8&quot;&gt;&lt;VALUE&gt;1&lt;/VALUE&gt;&lt;/PROPERTY&gt;&lt;/INSTANCE&gt;</VALUE></PARAMVALUE><PARAMVALUE NAME="Nothing"></PARAMVALUE></METHODCALL>"#);
    insta::assert_snapshot!(call(Operation::Invoke(MethodCall {
        object: ObjectName::Class(class()),
        method: "Count".into(),
        arguments: Vec::new(),
    })), @r#"<METHODCALL NAME="Count"><LOCALCLASSPATH>…<CLASSNAME NAME="C_Thing"/></LOCALCLASSPATH></METHODCALL>"#);
}

fn read_call(name: &str, parameters: &str) -> Result<Operation, CimError> {
    let text = message(&format!(
        "<SIMPLEREQ><IMETHODCALL NAME=\"{name}\"><LOCALNAMESPACEPATH><NAMESPACE NAME=\"root\"/></LOCALNAMESPACEPATH>{parameters}</IMETHODCALL></SIMPLEREQ>"
    ));
    let mut message = RequestMessage::decode(&text, Limits::default()).unwrap();
    assert_eq!(message.requests.len(), 1);
    message.requests.remove(0).operation
}

fn parameter(name: &str, content: &str) -> String {
    format!("<IPARAMVALUE NAME=\"{name}\">{content}</IPARAMVALUE>")
}

const CLASS_NAME: &str = "<CLASSNAME NAME=\"C_Thing\"/>";

#[test]
fn what_is_left_out_is_the_default_of_the_standard() {
    let of_class = parameter("ClassName", CLASS_NAME);
    assert_eq!(
        read_call("GetClass", &of_class),
        Ok(Operation::GetClass {
            class: class(),
            view: ClassView {
                local_only: true,
                include_qualifiers: true,
                include_class_origin: false,
                property_list: None,
            },
        })
    );
    assert_eq!(
        read_call("enumerateclasses", &parameter("classname", "")),
        Ok(Operation::EnumerateClasses {
            class: None,
            deep_inheritance: false,
            view: ClassView::default(),
        })
    );
    let view = InstanceView {
        local_only: true,
        include_qualifiers: false,
        include_class_origin: false,
        property_list: None,
    };
    assert_eq!(
        read_call("EnumerateInstances", &of_class),
        Ok(Operation::EnumerateInstances {
            class: class(),
            deep_inheritance: true,
            view,
        })
    );
    assert_eq!(
        read_call("OpenEnumerateInstances", &of_class),
        Ok(Operation::Open {
            source: OpenSource::Instances {
                class: class(),
                deep_inheritance: true,
                view: InstanceView::default(),
            },
            options: OpenOptions {
                filter: None,
                operation_timeout: None,
                continue_on_error: false,
                max_object_count: 0,
            },
        })
    );
}

#[test]
fn what_peers_write_otherwise_is_read() {
    // Names in any case, values of booleans in any case, a property list of one that is no list.
    let parameters = parameter("CLASSNAME", "<VALUE>C_Thing</VALUE>")
        + &parameter("LOCALONLY", "<VALUE>false</VALUE>")
        + &parameter("propertylist", "<VALUE> Name </VALUE>");
    assert_eq!(
        read_call("GETCLASS", &parameters),
        Ok(Operation::GetClass {
            class: class(),
            view: ClassView {
                local_only: false,
                property_list: Some(vec!["Name".into()]),
                ..ClassView::default()
            },
        })
    );
    // A class as an instance without keys, roles and classes that are empty.
    let parameters = parameter("ObjectName", "<INSTANCENAME CLASSNAME=\"C_Thing\"/>")
        + &parameter("AssocClass", "<CLASSNAME NAME=\"\"/>")
        + &parameter("Role", "<VALUE/>");
    assert_eq!(
        read_call("AssociatorNames", &parameters),
        Ok(Operation::AssociatorNames {
            object: ObjectName::Class(class()),
            filter: AssociationFilter::default(),
        })
    );
    // Keys with their types, without them, and the one key of a class without its name.
    let key = |inner: &str| {
        let name = format!("<INSTANCENAME CLASSNAME=\"C_Thing\">{inner}</INSTANCENAME>");
        match read_call("DeleteInstance", &parameter("InstanceName", &name)) {
            Ok(Operation::DeleteInstance { path }) => format!("{:?}", path.keys[0]),
            other => panic!("{other:?}"),
        }
    };
    let keys = [
        "<KEYBINDING NAME=\"K\"><KEYVALUE VALUETYPE=\"numeric\" TYPE=\"uint8\">7</KEYVALUE></KEYBINDING>",
        "<KEYBINDING NAME=\"K\"><KEYVALUE VALUETYPE=\"numeric\">-7</KEYVALUE></KEYBINDING>",
        "<KEYBINDING NAME=\"K\"><KEYVALUE VALUETYPE=\"numeric\">007</KEYVALUE></KEYBINDING>",
        "<KEYBINDING NAME=\"K\"><KEYVALUE VALUETYPE=\"boolean\">true</KEYVALUE></KEYBINDING>",
        "<KEYVALUE>a</KEYVALUE>",
    ];
    insta::assert_snapshot!(keys.map(key).join("\n"), @r#"
    KeyBinding { name: "K", value: Uint8(7) }
    KeyBinding { name: "K", value: Sint64(-7) }
    KeyBinding { name: "K", value: String("007") }
    KeyBinding { name: "K", value: Boolean(true) }
    KeyBinding { name: "", value: String("a") }
    "#);
}

#[track_caller]
fn check_refused(name: &str, parameters: &str, status: u32, detail: &str) {
    let error = read_call(name, parameters).unwrap_err();
    assert_eq!((error.status.code(), error.detail.as_str()), (status, detail));
}

#[test]
fn a_request_that_is_refused_says_why() {
    let of_class = parameter("ClassName", CLASS_NAME);
    check_refused("GetClass", "", 4, "GetClass lacks its parameter ClassName");
    check_refused(
        "GetClass",
        &(of_class.clone() + &of_class),
        4,
        "the parameter ClassName stands twice",
    );
    check_refused(
        "getclass",
        &(of_class.clone() + &parameter("Deep", "<VALUE>TRUE</VALUE>")),
        4,
        "getclass has no parameter Deep",
    );
    check_refused(
        "GetClass",
        &(of_class.clone() + &parameter("LocalOnly", "<VALUE>yes</VALUE>")),
        4,
        "the parameter LocalOnly of GetClass is to be TRUE or FALSE",
    );
    check_refused(
        "GetInstance",
        &parameter("InstanceName", CLASS_NAME),
        4,
        "the parameter InstanceName of GetInstance is to be an INSTANCENAME",
    );
    check_refused(
        "GetClass",
        &parameter("ClassName", "<VALUE>a b</VALUE>"),
        4,
        "the parameter ClassName: `a b` is not a CIM name: a letter or `_` first, then letters, digits and `_`",
    );
    check_refused(
        "PullInstances",
        &parameter("EnumerationContext", "<VALUE>1</VALUE>"),
        4,
        "PullInstances lacks its parameter MaxObjectCount",
    );
    check_refused(
        "PullInstances",
        &(parameter("EnumerationContext", "<VALUE>1</VALUE>")
            + &parameter("MaxObjectCount", "<VALUE>-1</VALUE>")),
        4,
        "the parameter MaxObjectCount of PullInstances is to be a number from 0 to 4294967295",
    );
    check_refused(
        "OpenEnumerateInstances",
        &(of_class.clone() + &parameter("FilterQuery", "<VALUE>a = 1</VALUE>")),
        14,
        "FilterQuery needs its FilterQueryLanguage, as DMTF:FQL or WQL",
    );
    check_refused(
        "CreateInstance",
        &parameter(
            "NewInstance",
            "<INSTANCE CLASSNAME=\"C\"><PROPERTY NAME=\"A\" TYPE=\"uint8\"><VALUE>x</VALUE></PROPERTY></INSTANCE>",
        ),
        4,
        "the parameter NewInstance: the property `A`: `x` is no uint8 (0 to 255)",
    );
    for name in [
        "CreateClass",
        "ModifyClass",
        "DeleteClass",
        "SetQualifier",
        "DeleteQualifier",
    ] {
        let detail = format!(
            "{name}: the schema of this server comes from its MOF files and is not changed by clients"
        );
        check_refused(name, &of_class, 7, &detail);
    }
    check_refused("Reboot", "", 7, "there is no operation `Reboot` here");
}

#[test]
fn each_request_of_a_message_stands_for_itself() {
    let place = "<LOCALNAMESPACEPATH><NAMESPACE NAME=\"ROOT\"/><NAMESPACE NAME=\"x\"/></LOCALNAMESPACEPATH>";
    let good =
        format!("<SIMPLEREQ><IMETHODCALL NAME=\"EnumerateQualifiers\">{place}</IMETHODCALL></SIMPLEREQ>");
    let bad = format!(
        "<SIMPLEREQ><CORRELATOR NAME=\"c\" TYPE=\"string\"><VALUE/></CORRELATOR><IMETHODCALL NAME=\"getInstance\">{place}\
         <IPARAMVALUE NAME=\"InstanceName\"><INSTANCENAME CLASSNAME=\"C\"><KEYBINDING NAME=\"K\"/></INSTANCENAME></IPARAMVALUE>\
         <IPARAMVALUE NAME=\"LocalOnly\"><VALUE>TRUE</VALUE></IPARAMVALUE></IMETHODCALL></SIMPLEREQ>"
    );
    let call = format!(
        "<SIMPLEREQ><METHODCALL NAME=\"Reset\"><LOCALCLASSPATH>{place}{CLASS_NAME}</LOCALCLASSPATH><PARAMVALUE NAME=\"A\" PARAMTYPE=\"uint8\"><VALUE>x</VALUE></PARAMVALUE></METHODCALL></SIMPLEREQ>"
    );
    let text = message(&format!("<MULTIREQ>{good}{bad}{good}{call}</MULTIREQ>"));
    let message = RequestMessage::decode(&text, Limits::default()).unwrap();
    assert!(message.is_multiple);
    let lines: Vec<String> = message
        .requests
        .iter()
        .map(|request| match &request.operation {
            Ok(operation) => format!("{} {} {operation:?}", request.namespace, request.name),
            Err(error) => format!("{} {} {error}", request.namespace, request.name),
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r#"
    ROOT/x EnumerateQualifiers EnumerateQualifiers
    ROOT/x getInstance CIM_ERR_INVALID_PARAMETER: the parameter InstanceName: the key `K` has no value
    ROOT/x EnumerateQualifiers EnumerateQualifiers
    ROOT/x Reset CIM_ERR_INVALID_PARAMETER: the argument A: `x` is no uint8 (0 to 255)
    "#);
}

#[track_caller]
fn check_unreadable(text: &str, header: &str, expect: &str) {
    let error = RequestMessage::decode(text, Limits::default()).unwrap_err();
    assert_eq!(
        (error.cim_error_header(), error.to_string().as_str()),
        (header, expect)
    );
}

#[test]
fn a_message_that_cannot_be_read_says_why() {
    check_unreadable(
        "<CIM CIMVERSION=\"2.0\" DTDVERSION=\"2.0\">",
        "request-not-well-formed",
        "the document ends before its root element does (byte 39)",
    );
    check_unreadable(
        "<CIM CIMVERSION=\"1.0\" DTDVERSION=\"2.0\"/>",
        "unsupported-cim-version",
        "the CIM version `1.0` is not served: send 2.0",
    );
    check_unreadable(&message(""), "request-not-valid", "MESSAGE is empty");
    check_unreadable(
        &message("<SIMPLERSP/>"),
        "request-not-valid",
        "there is SIMPLERSP where SIMPLEREQ belongs",
    );
    check_unreadable(
        &message("<SIMPLEREQ><IMETHODCALL NAME=\"GetClass\"/></SIMPLEREQ>"),
        "request-not-valid",
        "IMETHODCALL is empty",
    );
    check_unreadable(
        &message("<SIMPLEREQ><IMETHODCALL><LOCALNAMESPACEPATH/></IMETHODCALL></SIMPLEREQ>"),
        "request-not-valid",
        "IMETHODCALL lacks its NAME",
    );
    check_unreadable(
        &message("<SIMPLEREQ><METHODCALL NAME=\"A\"><CLASSNAME NAME=\"B\"/></METHODCALL></SIMPLEREQ>"),
        "request-not-valid",
        "there is CLASSNAME where LOCALCLASSPATH or LOCALINSTANCEPATH belongs",
    );
    check_unreadable(&message("<MULTIREQ/>"), "request-not-valid", "MULTIREQ is empty");
    let many =
        "<SIMPLEREQ><IMETHODCALL NAME=\"A\"><LOCALNAMESPACEPATH/></IMETHODCALL></SIMPLEREQ>".repeat(1001);
    check_unreadable(
        &message(&format!("<MULTIREQ>{many}</MULTIREQ>")),
        "request-not-valid",
        "there are more than 1000 requests in one message",
    );
}

#[test]
fn arguments_of_known_properties_keep_their_types() {
    let property = Property {
        name: "A".into(),
        cim_type: CimType::Uint8,
        is_array: false,
        value: Some(Value::Uint8(1)),
    };
    let argument = Argument::from(property);
    assert_eq!(
        (argument.cim_type, argument.value),
        (Some(CimType::Uint8), Some(Value::Uint8(1)))
    );
}
