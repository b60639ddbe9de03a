//! The reply of every operation.

use esm::cim::schema::{QualifierType, Scopes};
use esm::cim::{ArraySize, CimType, Class, Flavor, Instance, InstancePath, Property, Value};
use esm::cimxml::instance::Shown;
use esm::cimxml::{
    AssociationFilter, ClassView, InstanceView, Item, ObjectName, OpenOptions, OpenSource, Operation,
    PullKind, Query, Returned, class,
};

use super::{call, instance_item, name, object, one, path, pulled, reply, thing, thing_class, write_thing};

#[test]
fn replies_about_classes() {
    let thing = thing_class();
    let get = || Operation::GetClass {
        class: name(),
        view: ClassView {
            local_only: false,
            include_class_origin: true,
            ..ClassView::default()
        },
    };
    let item = |class: Class| Item::Class { path: None, class };
    insta::assert_snapshot!(one(get(), item(thing.clone()), |writer| writer.class(&thing)), @r#"<IMETHODRESPONSE NAME="GetClass"><IRETURNVALUE><CLASS NAME="C_Thing" SUPERCLASS="C_Base"><QUALIFIER NAME="Description" TYPE="string" TRANSLATABLE="true"><VALUE>A &lt;thing&gt;</VALUE></QUALIFIER><PROPERTY NAME="Name" TYPE="string" CLASSORIGIN="C_Base" PROPAGATED="true"><QUALIFIER NAME="Key" TYPE="boolean" PROPAGATED="true" OVERRIDABLE="false"><VALUE>TRUE</VALUE></QUALIFIER></PROPERTY><PROPERTY NAME="Load" TYPE="uint16" CLASSORIGIN="C_Thing"><QUALIFIER NAME="ValueMap" TYPE="string"><VALUE.ARRAY><VALUE>0</VALUE><VALUE>1</VALUE></VALUE.ARRAY></QUALIFIER><VALUE>0</VALUE></PROPERTY><PROPERTY.ARRAY NAME="Levels" TYPE="uint8" ARRAYSIZE="2" CLASSORIGIN="C_Thing"></PROPERTY.ARRAY><PROPERTY.REFERENCE NAME="Next" REFERENCECLASS="C_Thing" CLASSORIGIN="C_Thing"></PROPERTY.REFERENCE><PROPERTY NAME="Inner" TYPE="string" CLASSORIGIN="C_Thing"><QUALIFIER NAME="EmbeddedInstance" TYPE="string"><VALUE>C_Inner</VALUE></QUALIFIER></PROPERTY><METHOD NAME="Reset" TYPE="uint32" CLASSORIGIN="C_Thing"><PARAMETER NAME="Delay" TYPE="uint32"></PARAMETER><PARAMETER.ARRAY NAME="Names" TYPE="string"></PARAMETER.ARRAY><PARAMETER.REFERENCE NAME="To" REFERENCECLASS="C_Thing"></PARAMETER.REFERENCE><PARAMETER.REFARRAY NAME="All" REFERENCECLASS="C_Thing"></PARAMETER.REFARRAY></METHOD></CLASS></IRETURNVALUE></IMETHODRESPONSE>"#);
    let local = class::view(
        &thing,
        &ClassView {
            include_qualifiers: false,
            ..ClassView::default()
        },
    );
    insta::assert_snapshot!(one(get(), item(local.clone()), |writer| writer.class(&local)), @r#"<IMETHODRESPONSE NAME="GetClass"><IRETURNVALUE><CLASS NAME="C_Thing" SUPERCLASS="C_Base"><PROPERTY NAME="Load" TYPE="uint16"><VALUE>0</VALUE></PROPERTY><PROPERTY.ARRAY NAME="Levels" TYPE="uint8" ARRAYSIZE="2"></PROPERTY.ARRAY><PROPERTY.REFERENCE NAME="Next" REFERENCECLASS="C_Thing"></PROPERTY.REFERENCE><PROPERTY NAME="Inner" TYPE="string"></PROPERTY><METHOD NAME="Reset" TYPE="uint32"><PARAMETER NAME="Delay" TYPE="uint32"></PARAMETER><PARAMETER.ARRAY NAME="Names" TYPE="string"></PARAMETER.ARRAY><PARAMETER.REFERENCE NAME="To" REFERENCECLASS="C_Thing"></PARAMETER.REFERENCE><PARAMETER.REFARRAY NAME="All" REFERENCECLASS="C_Thing"></PARAMETER.REFARRAY></METHOD></CLASS></IRETURNVALUE></IMETHODRESPONSE>"#);
    let bare = class::view(
        &thing,
        &ClassView {
            property_list: Some(vec!["LOAD".into()]),
            local_only: false,
            ..ClassView::default()
        },
    );
    let all = Operation::EnumerateClasses {
        class: None,
        deep_inheritance: true,
        view: ClassView::default(),
    };
    insta::assert_snapshot!(one(all, item(bare.clone()), |writer| writer.class(&bare)), @r#"<IMETHODRESPONSE NAME="EnumerateClasses"><IRETURNVALUE><CLASS NAME="C_Thing" SUPERCLASS="C_Base"><QUALIFIER NAME="Description" TYPE="string" TRANSLATABLE="true"><VALUE>A &lt;thing&gt;</VALUE></QUALIFIER><PROPERTY NAME="Load" TYPE="uint16"><QUALIFIER NAME="ValueMap" TYPE="string"><VALUE.ARRAY><VALUE>0</VALUE><VALUE>1</VALUE></VALUE.ARRAY></QUALIFIER><VALUE>0</VALUE></PROPERTY><METHOD NAME="Reset" TYPE="uint32"><PARAMETER NAME="Delay" TYPE="uint32"></PARAMETER><PARAMETER.ARRAY NAME="Names" TYPE="string"></PARAMETER.ARRAY><PARAMETER.REFERENCE NAME="To" REFERENCECLASS="C_Thing"></PARAMETER.REFERENCE><PARAMETER.REFARRAY NAME="All" REFERENCECLASS="C_Thing"></PARAMETER.REFARRAY></METHOD></CLASS></IRETURNVALUE></IMETHODRESPONSE>"#);
    let names = Operation::EnumerateClassNames {
        class: None,
        deep_inheritance: false,
    };
    let item = Item::ClassPath(InstancePath::new(name()));
    insta::assert_snapshot!(one(names, item, |writer| writer.class_name(&name())), @r#"<IMETHODRESPONSE NAME="EnumerateClassNames"><IRETURNVALUE><CLASSNAME NAME="C_Thing"/></IRETURNVALUE></IMETHODRESPONSE>"#);
}

#[test]
fn replies_about_qualifiers() {
    let key = QualifierType {
        name: "Key".into(),
        cim_type: CimType::Boolean,
        array: ArraySize::Scalar,
        default: Some(Value::Boolean(false)),
        scopes: Scopes::PROPERTY.with(Scopes::REFERENCE),
        flavor: Flavor {
            overridable: false,
            ..Flavor::default()
        },
    };
    let get = Operation::GetQualifier {
        qualifier: "Key".into(),
    };
    insta::assert_snapshot!(one(get, Item::Qualifier(key.clone()), |writer| writer.qualifier(&key)), @r#"<IMETHODRESPONSE NAME="GetQualifier"><IRETURNVALUE><QUALIFIER.DECLARATION NAME="Key" TYPE="boolean" ISARRAY="false" OVERRIDABLE="false"><SCOPE REFERENCE="true" PROPERTY="true"></SCOPE><VALUE>FALSE</VALUE></QUALIFIER.DECLARATION></IRETURNVALUE></IMETHODRESPONSE>"#);
    let values = QualifierType {
        name: "Values".into(),
        cim_type: CimType::String,
        array: ArraySize::Variable,
        default: None,
        flavor: Flavor {
            translatable: true,
            ..Flavor::default()
        },
        ..key
    };
    insta::assert_snapshot!(one(Operation::EnumerateQualifiers, Item::Qualifier(values.clone()), |writer| writer.qualifier(&values)), @r#"<IMETHODRESPONSE NAME="EnumerateQualifiers"><IRETURNVALUE><QUALIFIER.DECLARATION NAME="Values" TYPE="string" ISARRAY="true" TRANSLATABLE="true"><SCOPE REFERENCE="true" PROPERTY="true"></SCOPE></QUALIFIER.DECLARATION></IRETURNVALUE></IMETHODRESPONSE>"#);
}

#[test]
fn replies_about_instances() {
    let get = || Operation::GetInstance {
        path: path(),
        view: InstanceView::default(),
    };
    insta::assert_snapshot!(one(get(), instance_item(false), write_thing), @r#"<IMETHODRESPONSE NAME="GetInstance"><IRETURNVALUE><INSTANCE CLASSNAME="C_Thing"><PROPERTY NAME="Name" TYPE="string"><VALUE>a</VALUE></PROPERTY><PROPERTY NAME="Load" TYPE="uint16"></PROPERTY><PROPERTY.ARRAY NAME="Levels" TYPE="uint8"><VALUE.ARRAY><VALUE>1</VALUE><VALUE>2</VALUE></VALUE.ARRAY></PROPERTY.ARRAY><PROPERTY.REFERENCE NAME="Next"><VALUE.REFERENCE><LOCALINSTANCEPATH>…<INSTANCENAME CLASSNAME="C_Thing"><KEYBINDING NAME="Name"><KEYVALUE VALUETYPE="string">a</KEYVALUE></KEYBINDING></INSTANCENAME></LOCALINSTANCEPATH></VALUE.REFERENCE></PROPERTY.REFERENCE><PROPERTY NAME="Inner" TYPE="string" EmbeddedObject="instance"><VALUE>&lt;INSTANCE CLASSNAME=&quot;C_Inner&quot;&gt;&lt;PROPERTY NAME=&quot;Text&quot; TYPE=&quot;string&quot;&gt;&lt;VALUE&gt;&amp;lt;�&amp;gt;&lt;/VALUE&gt;&lt;/PROPERTY&gt;&lt;/INSTANCE&gt;</VALUE></PROPERTY></INSTANCE></IRETURNVALUE></IMETHODRESPONSE>"#);
    // What the class alone knows, and what the client wants to see.
    let class = thing_class();
    let view = InstanceView {
        include_class_origin: true,
        property_list: Some(vec!["load".into(), "NEXT".into(), "Inner".into()]),
        ..InstanceView::default()
    };
    let mut unknown = thing();
    unknown.set_or_null("Inner", CimType::String, None::<&str>);
    let mut seen = unknown.clone();
    seen.retain(|property| view.shows(&property.name));
    let item = Item::Instance {
        path: None,
        instance: seen,
    };
    insta::assert_snapshot!(one(get(), item, |writer| {
        writer.instance(&path(), &unknown, Shown::new(&view, Some(&class)));
    }), @r#"<IMETHODRESPONSE NAME="GetInstance"><IRETURNVALUE><INSTANCE CLASSNAME="C_Thing"><PROPERTY NAME="Load" TYPE="uint16" CLASSORIGIN="C_Thing"></PROPERTY><PROPERTY.REFERENCE NAME="Next" REFERENCECLASS="C_Thing" CLASSORIGIN="C_Thing"><VALUE.REFERENCE><LOCALINSTANCEPATH>…<INSTANCENAME CLASSNAME="C_Thing"><KEYBINDING NAME="Name"><KEYVALUE VALUETYPE="string">a</KEYVALUE></KEYBINDING></INSTANCENAME></LOCALINSTANCEPATH></VALUE.REFERENCE></PROPERTY.REFERENCE><PROPERTY NAME="Inner" TYPE="string" CLASSORIGIN="C_Thing" EmbeddedObject="instance"></PROPERTY></INSTANCE></IRETURNVALUE></IMETHODRESPONSE>"#);
    let view = InstanceView {
        include_qualifiers: true,
        property_list: Some(vec!["Load".into()]),
        ..InstanceView::default()
    };
    let mut seen = thing();
    seen.retain(|property| property.name == *"Load");
    let item = Item::Instance {
        path: None,
        instance: seen,
    };
    insta::assert_snapshot!(one(get(), item, |writer| {
        writer.instance(&path(), &thing(), Shown::new(&view, Some(&class)));
    }), @r#"<IMETHODRESPONSE NAME="GetInstance"><IRETURNVALUE><INSTANCE CLASSNAME="C_Thing"><QUALIFIER NAME="Description" TYPE="string" TRANSLATABLE="true"><VALUE>A &lt;thing&gt;</VALUE></QUALIFIER><PROPERTY NAME="Load" TYPE="uint16"><QUALIFIER NAME="ValueMap" TYPE="string"><VALUE.ARRAY><VALUE>0</VALUE><VALUE>1</VALUE></VALUE.ARRAY></QUALIFIER></PROPERTY></INSTANCE></IRETURNVALUE></IMETHODRESPONSE>"#);
    let all = Operation::EnumerateInstances {
        class: name(),
        deep_inheritance: true,
        view: InstanceView::default(),
    };
    insta::assert_snapshot!(one(all, instance_item(true), write_thing), @r#"<IMETHODRESPONSE NAME="EnumerateInstances"><IRETURNVALUE><VALUE.NAMEDINSTANCE><INSTANCENAME CLASSNAME="C_Thing"><KEYBINDING NAME="Name"><KEYVALUE VALUETYPE="string">a</KEYVALUE></KEYBINDING></INSTANCENAME><INSTANCE CLASSNAME="C_Thing"><PROPERTY NAME="Name" TYPE="string"><VALUE>a</VALUE></PROPERTY><PROPERTY NAME="Load" TYPE="uint16"></PROPERTY><PROPERTY.ARRAY NAME="Levels" TYPE="uint8"><VALUE.ARRAY><VALUE>1</VALUE><VALUE>2</VALUE></VALUE.ARRAY></PROPERTY.ARRAY><PROPERTY.REFERENCE NAME="Next"><VALUE.REFERENCE><LOCALINSTANCEPATH>…<INSTANCENAME CLASSNAME="C_Thing"><KEYBINDING NAME="Name"><KEYVALUE VALUETYPE="string">a</KEYVALUE></KEYBINDING></INSTANCENAME></LOCALINSTANCEPATH></VALUE.REFERENCE></PROPERTY.REFERENCE><PROPERTY NAME="Inner" TYPE="string" EmbeddedObject="instance"><VALUE>&lt;INSTANCE CLASSNAME=&quot;C_Inner&quot;&gt;&lt;PROPERTY NAME=&quot;Text&quot; TYPE=&quot;string&quot;&gt;&lt;VALUE&gt;&amp;lt;�&amp;gt;&lt;/VALUE&gt;&lt;/PROPERTY&gt;&lt;/INSTANCE&gt;</VALUE></PROPERTY></INSTANCE></VALUE.NAMEDINSTANCE></IRETURNVALUE></IMETHODRESPONSE>"#);
    let names = Operation::EnumerateInstanceNames { class: name() };
    insta::assert_snapshot!(one(names, Item::InstancePath(path()), |writer| writer.path(&path())), @r#"<IMETHODRESPONSE NAME="EnumerateInstanceNames"><IRETURNVALUE><INSTANCENAME CLASSNAME="C_Thing"><KEYBINDING NAME="Name"><KEYVALUE VALUETYPE="string">a</KEYVALUE></KEYBINDING></INSTANCENAME></IRETURNVALUE></IMETHODRESPONSE>"#);
    let create = Operation::CreateInstance { instance: thing() };
    insta::assert_snapshot!(one(create, Item::InstancePath(path()), |writer| writer.path(&path())), @r#"<IMETHODRESPONSE NAME="CreateInstance"><IRETURNVALUE><INSTANCENAME CLASSNAME="C_Thing"><KEYBINDING NAME="Name"><KEYVALUE VALUETYPE="string">a</KEYVALUE></KEYBINDING></INSTANCENAME></IRETURNVALUE></IMETHODRESPONSE>"#);
    let query = Operation::ExecQuery(Query {
        language: "WQL".to_owned(),
        text: "SELECT * FROM C_Thing".to_owned(),
    });
    insta::assert_snapshot!(one(query, instance_item(false), write_thing), @r#"<IMETHODRESPONSE NAME="ExecQuery"><IRETURNVALUE><VALUE.OBJECT><INSTANCE CLASSNAME="C_Thing"><PROPERTY NAME="Name" TYPE="string"><VALUE>a</VALUE></PROPERTY><PROPERTY NAME="Load" TYPE="uint16"></PROPERTY><PROPERTY.ARRAY NAME="Levels" TYPE="uint8"><VALUE.ARRAY><VALUE>1</VALUE><VALUE>2</VALUE></VALUE.ARRAY></PROPERTY.ARRAY><PROPERTY.REFERENCE NAME="Next"><VALUE.REFERENCE><LOCALINSTANCEPATH>…<INSTANCENAME CLASSNAME="C_Thing"><KEYBINDING NAME="Name"><KEYVALUE VALUETYPE="string">a</KEYVALUE></KEYBINDING></INSTANCENAME></LOCALINSTANCEPATH></VALUE.REFERENCE></PROPERTY.REFERENCE><PROPERTY NAME="Inner" TYPE="string" EmbeddedObject="instance"><VALUE>&lt;INSTANCE CLASSNAME=&quot;C_Inner&quot;&gt;&lt;PROPERTY NAME=&quot;Text&quot; TYPE=&quot;string&quot;&gt;&lt;VALUE&gt;&amp;lt;�&amp;gt;&lt;/VALUE&gt;&lt;/PROPERTY&gt;&lt;/INSTANCE&gt;</VALUE></PROPERTY></INSTANCE></VALUE.OBJECT></IRETURNVALUE></IMETHODRESPONSE>"#);
    let property = Operation::GetProperty {
        path: path(),
        property: "Load".into(),
    };
    insta::assert_snapshot!(one(property, Item::Value(Value::string("5")), |writer| {
        writer.value(CimType::Uint16, Some(&Value::Uint16(5)));
    }), @r#"<IMETHODRESPONSE NAME="GetProperty"><IRETURNVALUE><VALUE>5</VALUE></IRETURNVALUE></IMETHODRESPONSE>"#);
}

#[test]
fn replies_without_a_value() {
    let void = |operation| {
        let (text, returned) = reply(operation, |writer, request| {
            writer.begin(request);
            writer.end();
        });
        assert_eq!(returned, Returned::default());
        text
    };
    let replies = [
        Operation::ModifyInstance {
            path: path(),
            instance: thing(),
            property_list: None,
        },
        Operation::DeleteInstance { path: path() },
        Operation::SetProperty {
            path: path(),
            property: "Load".into(),
            value: None,
        },
        Operation::CloseEnumeration {
            context: "1".to_owned(),
        },
        Operation::GetProperty {
            path: path(),
            property: "Load".into(),
        },
        Operation::EnumerateInstances {
            class: name(),
            deep_inheritance: true,
            view: InstanceView::default(),
        },
    ];
    insta::assert_snapshot!(replies.map(void).join("\n"), @r#"
    <IMETHODRESPONSE NAME="ModifyInstance"></IMETHODRESPONSE>
    <IMETHODRESPONSE NAME="DeleteInstance"></IMETHODRESPONSE>
    <IMETHODRESPONSE NAME="SetProperty"></IMETHODRESPONSE>
    <IMETHODRESPONSE NAME="CloseEnumeration"></IMETHODRESPONSE>
    <IMETHODRESPONSE NAME="GetProperty"><IRETURNVALUE></IRETURNVALUE></IMETHODRESPONSE>
    <IMETHODRESPONSE NAME="EnumerateInstances"><IRETURNVALUE></IRETURNVALUE></IMETHODRESPONSE>
    "#);
}

#[test]
fn replies_about_associations() {
    let filter = AssociationFilter::default;
    let view = InstanceView::default;
    let associators = |object| Operation::Associators {
        object,
        filter: filter(),
        view: view(),
    };
    insta::assert_snapshot!(one(associators(object()), instance_item(true), write_thing), @r#"<IMETHODRESPONSE NAME="Associators"><IRETURNVALUE><VALUE.OBJECTWITHPATH><INSTANCEPATH>…host…<INSTANCENAME CLASSNAME="C_Thing"><KEYBINDING NAME="Name"><KEYVALUE VALUETYPE="string">a</KEYVALUE></KEYBINDING></INSTANCENAME></INSTANCEPATH><INSTANCE CLASSNAME="C_Thing"><PROPERTY NAME="Name" TYPE="string"><VALUE>a</VALUE></PROPERTY><PROPERTY NAME="Load" TYPE="uint16"></PROPERTY><PROPERTY.ARRAY NAME="Levels" TYPE="uint8"><VALUE.ARRAY><VALUE>1</VALUE><VALUE>2</VALUE></VALUE.ARRAY></PROPERTY.ARRAY><PROPERTY.REFERENCE NAME="Next"><VALUE.REFERENCE><LOCALINSTANCEPATH>…<INSTANCENAME CLASSNAME="C_Thing"><KEYBINDING NAME="Name"><KEYVALUE VALUETYPE="string">a</KEYVALUE></KEYBINDING></INSTANCENAME></LOCALINSTANCEPATH></VALUE.REFERENCE></PROPERTY.REFERENCE><PROPERTY NAME="Inner" TYPE="string" EmbeddedObject="instance"><VALUE>&lt;INSTANCE CLASSNAME=&quot;C_Inner&quot;&gt;&lt;PROPERTY NAME=&quot;Text&quot; TYPE=&quot;string&quot;&gt;&lt;VALUE&gt;&amp;lt;�&amp;gt;&lt;/VALUE&gt;&lt;/PROPERTY&gt;&lt;/INSTANCE&gt;</VALUE></PROPERTY></INSTANCE></VALUE.OBJECTWITHPATH></IRETURNVALUE></IMETHODRESPONSE>"#);
    let bare = class::view(
        &thing_class(),
        &ClassView {
            include_qualifiers: false,
            property_list: Some(Vec::new()),
            ..ClassView::default()
        },
    );
    let in_x = || InstancePath::new(name()).in_namespace("root/x".into());
    let item = Item::Class {
        path: Some(in_x()),
        class: bare.clone(),
    };
    insta::assert_snapshot!(one(associators(ObjectName::Class(name())), item, |writer| writer.class(&bare)), @r#"<IMETHODRESPONSE NAME="Associators"><IRETURNVALUE><VALUE.OBJECTWITHPATH><CLASSPATH>…host…<CLASSNAME NAME="C_Thing"/></CLASSPATH><CLASS NAME="C_Thing" SUPERCLASS="C_Base"><METHOD NAME="Reset" TYPE="uint32"><PARAMETER NAME="Delay" TYPE="uint32"></PARAMETER><PARAMETER.ARRAY NAME="Names" TYPE="string"></PARAMETER.ARRAY><PARAMETER.REFERENCE NAME="To" REFERENCECLASS="C_Thing"></PARAMETER.REFERENCE><PARAMETER.REFARRAY NAME="All" REFERENCECLASS="C_Thing"></PARAMETER.REFARRAY></METHOD></CLASS></VALUE.OBJECTWITHPATH></IRETURNVALUE></IMETHODRESPONSE>"#);
    let references = Operation::References {
        object: object(),
        filter: filter(),
        view: view(),
    };
    insta::assert_snapshot!(one(references, instance_item(true), write_thing), @r#"<IMETHODRESPONSE NAME="References"><IRETURNVALUE><VALUE.OBJECTWITHPATH><INSTANCEPATH>…host…<INSTANCENAME CLASSNAME="C_Thing"><KEYBINDING NAME="Name"><KEYVALUE VALUETYPE="string">a</KEYVALUE></KEYBINDING></INSTANCENAME></INSTANCEPATH><INSTANCE CLASSNAME="C_Thing"><PROPERTY NAME="Name" TYPE="string"><VALUE>a</VALUE></PROPERTY><PROPERTY NAME="Load" TYPE="uint16"></PROPERTY><PROPERTY.ARRAY NAME="Levels" TYPE="uint8"><VALUE.ARRAY><VALUE>1</VALUE><VALUE>2</VALUE></VALUE.ARRAY></PROPERTY.ARRAY><PROPERTY.REFERENCE NAME="Next"><VALUE.REFERENCE><LOCALINSTANCEPATH>…<INSTANCENAME CLASSNAME="C_Thing"><KEYBINDING NAME="Name"><KEYVALUE VALUETYPE="string">a</KEYVALUE></KEYBINDING></INSTANCENAME></LOCALINSTANCEPATH></VALUE.REFERENCE></PROPERTY.REFERENCE><PROPERTY NAME="Inner" TYPE="string" EmbeddedObject="instance"><VALUE>&lt;INSTANCE CLASSNAME=&quot;C_Inner&quot;&gt;&lt;PROPERTY NAME=&quot;Text&quot; TYPE=&quot;string&quot;&gt;&lt;VALUE&gt;&amp;lt;�&amp;gt;&lt;/VALUE&gt;&lt;/PROPERTY&gt;&lt;/INSTANCE&gt;</VALUE></PROPERTY></INSTANCE></VALUE.OBJECTWITHPATH></IRETURNVALUE></IMETHODRESPONSE>"#);
    let names = Operation::AssociatorNames {
        object: object(),
        filter: filter(),
    };
    // A path in another namespace says so.
    let elsewhere = path().in_namespace("root/interop".into());
    insta::assert_snapshot!(one(names, Item::InstancePath(elsewhere.clone()), |writer| writer.path(&elsewhere)), @r#"<IMETHODRESPONSE NAME="AssociatorNames"><IRETURNVALUE><OBJECTPATH><INSTANCEPATH><NAMESPACEPATH><HOST>server.example</HOST><LOCALNAMESPACEPATH><NAMESPACE NAME="root"/><NAMESPACE NAME="interop"/></LOCALNAMESPACEPATH></NAMESPACEPATH><INSTANCENAME CLASSNAME="C_Thing"><KEYBINDING NAME="Name"><KEYVALUE VALUETYPE="string">a</KEYVALUE></KEYBINDING></INSTANCENAME></INSTANCEPATH></OBJECTPATH></IRETURNVALUE></IMETHODRESPONSE>"#);
    let names = Operation::ReferenceNames {
        object: ObjectName::Class(name()),
        filter: filter(),
    };
    insta::assert_snapshot!(one(names, Item::ClassPath(in_x()), |writer| writer.class_name(&name())), @r#"<IMETHODRESPONSE NAME="ReferenceNames"><IRETURNVALUE><OBJECTPATH><CLASSPATH>…host…<CLASSNAME NAME="C_Thing"/></CLASSPATH></OBJECTPATH></IRETURNVALUE></IMETHODRESPONSE>"#);
}

#[test]
fn replies_to_what_is_pulled() {
    let open = |source| Operation::Open {
        source,
        options: OpenOptions::default(),
    };
    let pull = |kind| Operation::Pull {
        kind,
        context: "1".to_owned(),
        max_object_count: 1,
    };
    let instances = OpenSource::Instances {
        class: name(),
        deep_inheritance: true,
        view: InstanceView::default(),
    };
    insta::assert_snapshot!(pulled(open(instances), instance_item(true), Some("ctx<1>"), write_thing), @r#"<IMETHODRESPONSE NAME="OpenEnumerateInstances"><IRETURNVALUE><VALUE.INSTANCEWITHPATH><INSTANCEPATH>…host…<INSTANCENAME CLASSNAME="C_Thing"><KEYBINDING NAME="Name"><KEYVALUE VALUETYPE="string">a</KEYVALUE></KEYBINDING></INSTANCENAME></INSTANCEPATH><INSTANCE CLASSNAME="C_Thing"><PROPERTY NAME="Name" TYPE="string"><VALUE>a</VALUE></PROPERTY><PROPERTY NAME="Load" TYPE="uint16"></PROPERTY><PROPERTY.ARRAY NAME="Levels" TYPE="uint8"><VALUE.ARRAY><VALUE>1</VALUE><VALUE>2</VALUE></VALUE.ARRAY></PROPERTY.ARRAY><PROPERTY.REFERENCE NAME="Next"><VALUE.REFERENCE><LOCALINSTANCEPATH>…<INSTANCENAME CLASSNAME="C_Thing"><KEYBINDING NAME="Name"><KEYVALUE VALUETYPE="string">a</KEYVALUE></KEYBINDING></INSTANCENAME></LOCALINSTANCEPATH></VALUE.REFERENCE></PROPERTY.REFERENCE><PROPERTY NAME="Inner" TYPE="string" EmbeddedObject="instance"><VALUE>&lt;INSTANCE CLASSNAME=&quot;C_Inner&quot;&gt;&lt;PROPERTY NAME=&quot;Text&quot; TYPE=&quot;string&quot;&gt;&lt;VALUE&gt;&amp;lt;�&amp;gt;&lt;/VALUE&gt;&lt;/PROPERTY&gt;&lt;/INSTANCE&gt;</VALUE></PROPERTY></INSTANCE></VALUE.INSTANCEWITHPATH></IRETURNVALUE><PARAMVALUE NAME="EndOfSequence" PARAMTYPE="boolean"><VALUE>FALSE</VALUE></PARAMVALUE><PARAMVALUE NAME="EnumerationContext" PARAMTYPE="string"><VALUE>ctx&lt;1&gt;</VALUE></PARAMVALUE></IMETHODRESPONSE>"#);
    insta::assert_snapshot!(pulled(pull(PullKind::InstancesWithPath), instance_item(true), None, write_thing), @r#"<IMETHODRESPONSE NAME="PullInstancesWithPath"><IRETURNVALUE><VALUE.INSTANCEWITHPATH><INSTANCEPATH>…host…<INSTANCENAME CLASSNAME="C_Thing"><KEYBINDING NAME="Name"><KEYVALUE VALUETYPE="string">a</KEYVALUE></KEYBINDING></INSTANCENAME></INSTANCEPATH><INSTANCE CLASSNAME="C_Thing"><PROPERTY NAME="Name" TYPE="string"><VALUE>a</VALUE></PROPERTY><PROPERTY NAME="Load" TYPE="uint16"></PROPERTY><PROPERTY.ARRAY NAME="Levels" TYPE="uint8"><VALUE.ARRAY><VALUE>1</VALUE><VALUE>2</VALUE></VALUE.ARRAY></PROPERTY.ARRAY><PROPERTY.REFERENCE NAME="Next"><VALUE.REFERENCE><LOCALINSTANCEPATH>…<INSTANCENAME CLASSNAME="C_Thing"><KEYBINDING NAME="Name"><KEYVALUE VALUETYPE="string">a</KEYVALUE></KEYBINDING></INSTANCENAME></LOCALINSTANCEPATH></VALUE.REFERENCE></PROPERTY.REFERENCE><PROPERTY NAME="Inner" TYPE="string" EmbeddedObject="instance"><VALUE>&lt;INSTANCE CLASSNAME=&quot;C_Inner&quot;&gt;&lt;PROPERTY NAME=&quot;Text&quot; TYPE=&quot;string&quot;&gt;&lt;VALUE&gt;&amp;lt;�&amp;gt;&lt;/VALUE&gt;&lt;/PROPERTY&gt;&lt;/INSTANCE&gt;</VALUE></PROPERTY></INSTANCE></VALUE.INSTANCEWITHPATH></IRETURNVALUE><PARAMVALUE NAME="EndOfSequence" PARAMTYPE="boolean"><VALUE>TRUE</VALUE></PARAMVALUE><PARAMVALUE NAME="EnumerationContext" PARAMTYPE="string"><VALUE></VALUE></PARAMVALUE></IMETHODRESPONSE>"#);
    let item = || Item::InstancePath(path());
    let paths = OpenSource::InstancePaths { class: name() };
    insta::assert_snapshot!(pulled(open(paths), item(), Some("2"), |writer| writer.path(&path())), @r#"<IMETHODRESPONSE NAME="OpenEnumerateInstancePaths"><IRETURNVALUE><INSTANCEPATH>…host…<INSTANCENAME CLASSNAME="C_Thing"><KEYBINDING NAME="Name"><KEYVALUE VALUETYPE="string">a</KEYVALUE></KEYBINDING></INSTANCENAME></INSTANCEPATH></IRETURNVALUE><PARAMVALUE NAME="EndOfSequence" PARAMTYPE="boolean"><VALUE>FALSE</VALUE></PARAMVALUE><PARAMVALUE NAME="EnumerationContext" PARAMTYPE="string"><VALUE>2</VALUE></PARAMVALUE></IMETHODRESPONSE>"#);
    for source in [
        OpenSource::AssociatorInstancePaths {
            path: path(),
            filter: AssociationFilter::default(),
        },
        OpenSource::ReferenceInstancePaths {
            path: path(),
            filter: AssociationFilter::default(),
        },
    ] {
        pulled(open(source), item(), Some("2"), |writer| writer.path(&path()));
    }
    for source in [
        OpenSource::AssociatorInstances {
            path: path(),
            filter: AssociationFilter::default(),
            view: InstanceView::default(),
        },
        OpenSource::ReferenceInstances {
            path: path(),
            filter: AssociationFilter::default(),
            view: InstanceView::default(),
        },
    ] {
        pulled(open(source), instance_item(true), Some("2"), write_thing);
    }
    insta::assert_snapshot!(pulled(pull(PullKind::InstancePaths), item(), None, |writer| writer.path(&path())), @r#"<IMETHODRESPONSE NAME="PullInstancePaths"><IRETURNVALUE><INSTANCEPATH>…host…<INSTANCENAME CLASSNAME="C_Thing"><KEYBINDING NAME="Name"><KEYVALUE VALUETYPE="string">a</KEYVALUE></KEYBINDING></INSTANCENAME></INSTANCEPATH></IRETURNVALUE><PARAMVALUE NAME="EndOfSequence" PARAMTYPE="boolean"><VALUE>TRUE</VALUE></PARAMVALUE><PARAMVALUE NAME="EnumerationContext" PARAMTYPE="string"><VALUE></VALUE></PARAMVALUE></IMETHODRESPONSE>"#);
    insta::assert_snapshot!(pulled(pull(PullKind::Instances), instance_item(false), None, write_thing), @r#"<IMETHODRESPONSE NAME="PullInstances"><IRETURNVALUE><INSTANCE CLASSNAME="C_Thing"><PROPERTY NAME="Name" TYPE="string"><VALUE>a</VALUE></PROPERTY><PROPERTY NAME="Load" TYPE="uint16"></PROPERTY><PROPERTY.ARRAY NAME="Levels" TYPE="uint8"><VALUE.ARRAY><VALUE>1</VALUE><VALUE>2</VALUE></VALUE.ARRAY></PROPERTY.ARRAY><PROPERTY.REFERENCE NAME="Next"><VALUE.REFERENCE><LOCALINSTANCEPATH>…<INSTANCENAME CLASSNAME="C_Thing"><KEYBINDING NAME="Name"><KEYVALUE VALUETYPE="string">a</KEYVALUE></KEYBINDING></INSTANCENAME></LOCALINSTANCEPATH></VALUE.REFERENCE></PROPERTY.REFERENCE><PROPERTY NAME="Inner" TYPE="string" EmbeddedObject="instance"><VALUE>&lt;INSTANCE CLASSNAME=&quot;C_Inner&quot;&gt;&lt;PROPERTY NAME=&quot;Text&quot; TYPE=&quot;string&quot;&gt;&lt;VALUE&gt;&amp;lt;�&amp;gt;&lt;/VALUE&gt;&lt;/PROPERTY&gt;&lt;/INSTANCE&gt;</VALUE></PROPERTY></INSTANCE></IRETURNVALUE><PARAMVALUE NAME="EndOfSequence" PARAMTYPE="boolean"><VALUE>TRUE</VALUE></PARAMVALUE><PARAMVALUE NAME="EnumerationContext" PARAMTYPE="string"><VALUE></VALUE></PARAMVALUE></IMETHODRESPONSE>"#);
    let query = open(OpenSource::Query {
        query: Query {
            language: "WQL".to_owned(),
            text: "SELECT Load FROM C_Thing".to_owned(),
        },
        return_query_result_class: true,
    });
    let bare = class::view(
        &thing_class(),
        &ClassView {
            include_qualifiers: false,
            property_list: Some(Vec::new()),
            ..ClassView::default()
        },
    );
    let (text, returned) = reply(query, |writer, request| {
        writer.begin(request);
        write_thing(writer);
        writer.end_open_query(&bare, None);
    });
    let result_class = returned
        .parameter("QueryResultClass")
        .and_then(|parameter| parameter.value.clone());
    assert_eq!(result_class, Some(Value::Class(std::sync::Arc::new(bare))));
    insta::assert_snapshot!(text, @r#"<IMETHODRESPONSE NAME="OpenQueryInstances"><IRETURNVALUE><INSTANCE CLASSNAME="C_Thing"><PROPERTY NAME="Name" TYPE="string"><VALUE>a</VALUE></PROPERTY><PROPERTY NAME="Load" TYPE="uint16"></PROPERTY><PROPERTY.ARRAY NAME="Levels" TYPE="uint8"><VALUE.ARRAY><VALUE>1</VALUE><VALUE>2</VALUE></VALUE.ARRAY></PROPERTY.ARRAY><PROPERTY.REFERENCE NAME="Next"><VALUE.REFERENCE><LOCALINSTANCEPATH>…<INSTANCENAME CLASSNAME="C_Thing"><KEYBINDING NAME="Name"><KEYVALUE VALUETYPE="string">a</KEYVALUE></KEYBINDING></INSTANCENAME></LOCALINSTANCEPATH></VALUE.REFERENCE></PROPERTY.REFERENCE><PROPERTY NAME="Inner" TYPE="string" EmbeddedObject="instance"><VALUE>&lt;INSTANCE CLASSNAME=&quot;C_Inner&quot;&gt;&lt;PROPERTY NAME=&quot;Text&quot; TYPE=&quot;string&quot;&gt;&lt;VALUE&gt;&amp;lt;�&amp;gt;&lt;/VALUE&gt;&lt;/PROPERTY&gt;&lt;/INSTANCE&gt;</VALUE></PROPERTY></INSTANCE></IRETURNVALUE><PARAMVALUE NAME="QueryResultClass"><CLASS NAME="C_Thing" SUPERCLASS="C_Base"><METHOD NAME="Reset" TYPE="uint32"><PARAMETER NAME="Delay" TYPE="uint32"></PARAMETER><PARAMETER.ARRAY NAME="Names" TYPE="string"></PARAMETER.ARRAY><PARAMETER.REFERENCE NAME="To" REFERENCECLASS="C_Thing"></PARAMETER.REFERENCE><PARAMETER.REFARRAY NAME="All" REFERENCECLASS="C_Thing"></PARAMETER.REFARRAY></METHOD></CLASS></PARAMVALUE><PARAMVALUE NAME="EndOfSequence" PARAMTYPE="boolean"><VALUE>TRUE</VALUE></PARAMVALUE><PARAMVALUE NAME="EnumerationContext" PARAMTYPE="string"><VALUE></VALUE></PARAMVALUE></IMETHODRESPONSE>"#);
    let count = Operation::EnumerationCount {
        context: "1".to_owned(),
    };
    insta::assert_snapshot!(one(count, Item::Value(Value::string("7")), |writer| {
        writer.value(CimType::Uint64, Some(&Value::Uint64(7)));
    }), @r#"<IMETHODRESPONSE NAME="EnumerationCount"><IRETURNVALUE><VALUE>7</VALUE></IRETURNVALUE></IMETHODRESPONSE>"#);
}

#[test]
fn replies_to_methods() {
    let property = |name: &str, value: Value| Property {
        name: name.into(),
        cim_type: value.cim_type().unwrap(),
        is_array: value.is_array(),
        value: Some(value),
    };
    let mut inner = Instance::new("C_Inner".into());
    inner.set("X", 1_u8);
    let out = [
        property("Count", Value::Uint64(3)),
        property("Names", vec!["a", "b"].into()),
        property("To", path().into()),
        property("All", Value::Array(vec![path().into()])),
        property("Inner", inner.into()),
        Property {
            value: None,
            ..property("Nothing", Value::Boolean(true))
        },
    ];
    let (text, returned) = reply(call(object()), |writer, request| {
        writer.method(request, CimType::Uint32, Some(&Value::Uint32(0)), &out);
    });
    assert_eq!(returned.items, [Item::Value(Value::Uint32(0))]);
    assert_eq!(returned.return_type, Some(CimType::Uint32));
    let read: Vec<_> = returned
        .parameters
        .iter()
        .map(|read| (read.name.clone(), read.value.clone()))
        .collect();
    let written: Vec<_> = out
        .iter()
        .map(|property| (property.name.clone(), property.value.clone()))
        .collect();
    assert_eq!(read, written);
    insta::assert_snapshot!(text, @r#"<METHODRESPONSE NAME="reset"><RETURNVALUE PARAMTYPE="uint32"><VALUE>0</VALUE></RETURNVALUE><PARAMVALUE NAME="Count" PARAMTYPE="uint64"><VALUE>3</VALUE></PARAMVALUE><PARAMVALUE NAME="Names" PARAMTYPE="string"><VALUE.ARRAY><VALUE>a</VALUE><VALUE>b</VALUE></VALUE.ARRAY></PARAMVALUE><PARAMVALUE NAME="To" PARAMTYPE="reference"><VALUE.REFERENCE><LOCALINSTANCEPATH>…<INSTANCENAME CLASSNAME="C_Thing"><KEYBINDING NAME="Name"><KEYVALUE VALUETYPE="string">a</KEYVALUE></KEYBINDING></INSTANCENAME></LOCALINSTANCEPATH></VALUE.REFERENCE></PARAMVALUE><PARAMVALUE NAME="All" PARAMTYPE="reference"><VALUE.REFARRAY><VALUE.REFERENCE><LOCALINSTANCEPATH>…<INSTANCENAME CLASSNAME="C_Thing"><KEYBINDING NAME="Name"><KEYVALUE VALUETYPE="string">a</KEYVALUE></KEYBINDING></INSTANCENAME></LOCALINSTANCEPATH></VALUE.REFERENCE></VALUE.REFARRAY></PARAMVALUE><PARAMVALUE NAME="Inner" PARAMTYPE="string" EmbeddedObject="instance"><VALUE>&lt;INSTANCE CLASSNAME=&quot;C_Inner&quot;&gt;&lt;PROPERTY NAME=&quot;X&quot; TYPE=&quot;uint8&quot;&gt;&lt;VALUE&gt;1&lt;/VALUE&gt;&lt;/PROPERTY&gt;&lt;/INSTANCE&gt;</VALUE></PARAMVALUE><PARAMVALUE NAME="Nothing" PARAMTYPE="boolean"></PARAMVALUE></METHODRESPONSE>"#);
    let (text, returned) = reply(call(ObjectName::Class(name())), |writer, request| {
        writer.method(request, CimType::String, None, &[]);
    });
    assert_eq!(returned.items, []);
    insta::assert_snapshot!(text, @r#"<METHODRESPONSE NAME="reset"><RETURNVALUE PARAMTYPE="string"></RETURNVALUE></METHODRESPONSE>"#);
}
