//! CIM-XML messages in both directions: requests as real clients put them on the wire, the reply of every
//! operation as our server writes it and our client reads it, and exports. All that we write is held against the
//! element rules.

mod replies;

use std::collections::BTreeMap;
use std::path::Path;

use esm::cim::{CimError, CimStatus, CimType, Class, Instance, InstancePath, Name, Namespace};
use esm::cimxml::export::{ExportMessage, ExportResponse};
use esm::cimxml::instance::Shown;
use esm::cimxml::{
    InstanceView, Item, MethodCall, ObjectName, Operation, Request, RequestMessage, Response,
    ResponseMessage, ResponseWriter, Returned, class,
};
use esm::xml::{Limits, Reader};

use crate::dsp0203::{check_reply, check_request};

/// Requests of `wbemcli` 1.6.3 and pywbem 1.9.1, by the name of the file.
fn recorded() -> BTreeMap<String, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/cim_request");
    let files = std::fs::read_dir(folder)
        .unwrap()
        .map(|file| file.unwrap().path());
    // What no client of these sends stands beside it, for the fuzz target.
    files
        .filter(|file| {
            !file
                .file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with("made-"))
        })
        .map(|file| {
            let name = file.file_stem().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read_to_string(&file).unwrap())
        })
        .collect()
}

#[test]
fn requests_of_real_clients_are_read() {
    let mut lines = Vec::new();
    for (name, text) in recorded() {
        let message = RequestMessage::decode(&text, Limits::default())
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let [request] = message.requests.as_slice() else {
            panic!("{name} is one request");
        };
        assert_eq!(request.namespace.as_str(), "root/ESMPRO/AS", "{name}");
        lines.push(match &request.operation {
            Ok(operation) => format!("{name}: {operation:?}"),
            Err(error) => format!("{name}: {error}"),
        });
        if request.operation.is_ok() {
            let again = message.encode();
            check_request(&again);
            assert_eq!(
                RequestMessage::decode(&again, Limits::default()),
                Ok(message),
                "{name}"
            );
        }
    }
    insta::assert_snapshot!(lines.join("\n"), @r#"
    pywbem-AssociatorNames: AssociatorNames { object: Instance(InstancePath { namespace: None, class_name: "C_Thing", keys: [KeyBinding { name: "Name", value: String("a") }, KeyBinding { name: "Index", value: Uint32(1) }] }), filter: AssociationFilter { association_class: None, result_class: None, role: None, result_role: None } }
    pywbem-Associators: Associators { object: Instance(InstancePath { namespace: None, class_name: "C_Thing", keys: [KeyBinding { name: "Name", value: String("a") }, KeyBinding { name: "Index", value: Uint32(1) }] }), filter: AssociationFilter { association_class: Some("C_Assoc"), result_class: Some("C_Thing"), role: Some("A"), result_role: Some("B") }, view: InstanceView { local_only: false, include_qualifiers: false, include_class_origin: false, property_list: Some(["Name"]) } }
    pywbem-Associators-2: Associators { object: Class("C_Thing"), filter: AssociationFilter { association_class: None, result_class: None, role: None, result_role: None }, view: InstanceView { local_only: false, include_qualifiers: false, include_class_origin: false, property_list: None } }
    pywbem-CloseEnumeration: CloseEnumeration { context: "ctx-1" }
    pywbem-CreateClass: CIM_ERR_NOT_SUPPORTED: CreateClass: the schema of this server comes from its MOF files and is not changed by clients
    pywbem-CreateInstance: CreateInstance { instance: Instance { class_name: "C_Thing", properties: [Property { name: "Name", cim_type: String, is_array: false, value: Some(String("aé<&")) }, Property { name: "Index", cim_type: Uint32, is_array: false, value: Some(Uint32(1)) }, Property { name: "Load", cim_type: Uint16, is_array: false, value: None }, Property { name: "Levels", cim_type: Uint8, is_array: true, value: Some(Array([Uint8(1), Uint8(2)])) }, Property { name: "Target", cim_type: Reference, is_array: false, value: Some(Reference(InstancePath { namespace: Some("root/ESMPRO/AS"), class_name: "C_Thing", keys: [KeyBinding { name: "Name", value: String("a") }, KeyBinding { name: "Index", value: Uint32(1) }] })) }, Property { name: "When", cim_type: DateTime, is_array: false, value: Some(DateTime(Timestamp(Timestamp { year: 2026, month: 1, day: 1, hour: 0, minute: 0, second: 0, micros: 0, offset_minutes: 0, significant: 20 }))) }, Property { name: "Inner", cim_type: String, is_array: false, value: Some(Instance(Instance { class_name: "C_Inner", properties: [Property { name: "X", cim_type: String, is_array: false, value: Some(String("1")) }] })) }, Property { name: "Obj", cim_type: String, is_array: false, value: Some(Instance(Instance { class_name: "C_Inner", properties: [Property { name: "X", cim_type: String, is_array: false, value: Some(String("1")) }] })) }, Property { name: "Objs", cim_type: String, is_array: true, value: Some(Array([Instance(Instance { class_name: "C_Inner", properties: [Property { name: "X", cim_type: String, is_array: false, value: Some(String("1")) }] })])) }, Property { name: "R", cim_type: Real64, is_array: false, value: Some(Real64(1.5)) }, Property { name: "Ch", cim_type: Char16, is_array: false, value: Some(Char16(120)) }] } }
    pywbem-CreateInstance-2: CIM_ERR_INVALID_PARAMETER: the parameter NewInstance: the property `None`: item 1 of the array is NULL; only whole arrays may be NULL here
    pywbem-DeleteClass: CIM_ERR_NOT_SUPPORTED: DeleteClass: the schema of this server comes from its MOF files and is not changed by clients
    pywbem-DeleteInstance: DeleteInstance { path: InstancePath { namespace: None, class_name: "C_Thing", keys: [KeyBinding { name: "Name", value: String("a") }, KeyBinding { name: "Index", value: Uint32(1) }] } }
    pywbem-DeleteQualifier: CIM_ERR_NOT_SUPPORTED: DeleteQualifier: the schema of this server comes from its MOF files and is not changed by clients
    pywbem-EnumerateClassNames: EnumerateClassNames { class: Some("C_Thing"), deep_inheritance: false }
    pywbem-EnumerateClasses: EnumerateClasses { class: None, deep_inheritance: true, view: ClassView { local_only: true, include_qualifiers: true, include_class_origin: false, property_list: None } }
    pywbem-EnumerateInstanceNames: EnumerateInstanceNames { class: "C_Thing" }
    pywbem-EnumerateInstances: EnumerateInstances { class: "C_Thing", deep_inheritance: false, view: InstanceView { local_only: true, include_qualifiers: false, include_class_origin: true, property_list: None } }
    pywbem-EnumerateQualifiers: EnumerateQualifiers
    pywbem-ExecQuery: ExecQuery(Query { language: "WQL", text: "SELECT * FROM C_Thing WHERE Load > 5" })
    pywbem-GetClass: GetClass { class: "C_Thing", view: ClassView { local_only: false, include_qualifiers: true, include_class_origin: false, property_list: Some(["Name"]) } }
    pywbem-GetClass-2: GetClass { class: "C_Thing", view: ClassView { local_only: true, include_qualifiers: true, include_class_origin: false, property_list: None } }
    pywbem-GetInstance: GetInstance { path: InstancePath { namespace: None, class_name: "C_Thing", keys: [KeyBinding { name: "Name", value: String("a") }, KeyBinding { name: "Index", value: Uint32(1) }] }, view: InstanceView { local_only: false, include_qualifiers: false, include_class_origin: false, property_list: Some(["Name", "Load"]) } }
    pywbem-GetInstance-2: GetInstance { path: InstancePath { namespace: None, class_name: "C_Link", keys: [KeyBinding { name: "A", value: Reference(InstancePath { namespace: Some("root/ESMPRO/AS"), class_name: "C_Thing", keys: [KeyBinding { name: "Name", value: String("a") }, KeyBinding { name: "Index", value: Uint32(1) }] }) }, KeyBinding { name: "B", value: DateTime(Timestamp(Timestamp { year: 2026, month: 1, day: 1, hour: 0, minute: 0, second: 0, micros: 0, offset_minutes: 0, significant: 20 })) }, KeyBinding { name: "C", value: Boolean(true) }, KeyBinding { name: "D", value: Real64(1.5) }] }, view: InstanceView { local_only: true, include_qualifiers: false, include_class_origin: false, property_list: None } }
    pywbem-GetQualifier: GetQualifier { qualifier: "Key" }
    pywbem-ModifyClass: CIM_ERR_NOT_SUPPORTED: ModifyClass: the schema of this server comes from its MOF files and is not changed by clients
    pywbem-ModifyInstance: ModifyInstance { path: InstancePath { namespace: None, class_name: "C_Thing", keys: [KeyBinding { name: "Name", value: String("aé<&") }, KeyBinding { name: "Index", value: Uint32(1) }] }, instance: Instance { class_name: "C_Thing", properties: [Property { name: "Name", cim_type: String, is_array: false, value: Some(String("aé<&")) }, Property { name: "Index", cim_type: Uint32, is_array: false, value: Some(Uint32(1)) }, Property { name: "Load", cim_type: Uint16, is_array: false, value: None }, Property { name: "Levels", cim_type: Uint8, is_array: true, value: Some(Array([Uint8(1), Uint8(2)])) }, Property { name: "Target", cim_type: Reference, is_array: false, value: Some(Reference(InstancePath { namespace: Some("root/ESMPRO/AS"), class_name: "C_Thing", keys: [KeyBinding { name: "Name", value: String("a") }, KeyBinding { name: "Index", value: Uint32(1) }] })) }, Property { name: "When", cim_type: DateTime, is_array: false, value: Some(DateTime(Timestamp(Timestamp { year: 2026, month: 1, day: 1, hour: 0, minute: 0, second: 0, micros: 0, offset_minutes: 0, significant: 20 }))) }, Property { name: "Inner", cim_type: String, is_array: false, value: Some(Instance(Instance { class_name: "C_Inner", properties: [Property { name: "X", cim_type: String, is_array: false, value: Some(String("1")) }] })) }, Property { name: "Obj", cim_type: String, is_array: false, value: Some(Instance(Instance { class_name: "C_Inner", properties: [Property { name: "X", cim_type: String, is_array: false, value: Some(String("1")) }] })) }, Property { name: "Objs", cim_type: String, is_array: true, value: Some(Array([Instance(Instance { class_name: "C_Inner", properties: [Property { name: "X", cim_type: String, is_array: false, value: Some(String("1")) }] })])) }, Property { name: "R", cim_type: Real64, is_array: false, value: Some(Real64(1.5)) }, Property { name: "Ch", cim_type: Char16, is_array: false, value: Some(Char16(120)) }] }, property_list: Some(["Load"]) }
    pywbem-OpenAssociatorInstancePaths: Open { source: AssociatorInstancePaths { path: InstancePath { namespace: None, class_name: "C_Thing", keys: [KeyBinding { name: "Name", value: String("a") }, KeyBinding { name: "Index", value: Uint32(1) }] }, filter: AssociationFilter { association_class: None, result_class: None, role: Some("A"), result_role: None } }, options: OpenOptions { filter: None, operation_timeout: None, continue_on_error: false, max_object_count: 0 } }
    pywbem-OpenAssociatorInstances: Open { source: AssociatorInstances { path: InstancePath { namespace: None, class_name: "C_Thing", keys: [KeyBinding { name: "Name", value: String("a") }, KeyBinding { name: "Index", value: Uint32(1) }] }, filter: AssociationFilter { association_class: Some("C_Assoc"), result_class: None, role: None, result_role: None }, view: InstanceView { local_only: false, include_qualifiers: false, include_class_origin: false, property_list: None } }, options: OpenOptions { filter: None, operation_timeout: None, continue_on_error: false, max_object_count: 5 } }
    pywbem-OpenEnumerateInstancePaths: Open { source: InstancePaths { class: "C_Thing" }, options: OpenOptions { filter: None, operation_timeout: None, continue_on_error: false, max_object_count: 5 } }
    pywbem-OpenEnumerateInstances: Open { source: Instances { class: "C_Thing", deep_inheritance: true, view: InstanceView { local_only: false, include_qualifiers: false, include_class_origin: false, property_list: None } }, options: OpenOptions { filter: None, operation_timeout: None, continue_on_error: false, max_object_count: 0 } }
    pywbem-OpenEnumerateInstances-2: Open { source: Instances { class: "C_Thing", deep_inheritance: true, view: InstanceView { local_only: false, include_qualifiers: false, include_class_origin: false, property_list: Some(["Load"]) } }, options: OpenOptions { filter: Some(Query { language: "DMTF:FQL", text: "Load > 5" }), operation_timeout: Some(30), continue_on_error: false, max_object_count: 5 } }
    pywbem-OpenQueryInstances: Open { source: Query { query: Query { language: "WQL", text: "SELECT * FROM C_Thing" }, return_query_result_class: false }, options: OpenOptions { filter: None, operation_timeout: None, continue_on_error: false, max_object_count: 1 } }
    pywbem-OpenReferenceInstancePaths: Open { source: ReferenceInstancePaths { path: InstancePath { namespace: None, class_name: "C_Thing", keys: [KeyBinding { name: "Name", value: String("a") }, KeyBinding { name: "Index", value: Uint32(1) }] }, filter: AssociationFilter { association_class: None, result_class: None, role: None, result_role: None } }, options: OpenOptions { filter: None, operation_timeout: None, continue_on_error: false, max_object_count: 0 } }
    pywbem-OpenReferenceInstances: Open { source: ReferenceInstances { path: InstancePath { namespace: None, class_name: "C_Thing", keys: [KeyBinding { name: "Name", value: String("a") }, KeyBinding { name: "Index", value: Uint32(1) }] }, filter: AssociationFilter { association_class: None, result_class: Some("C_Assoc"), role: None, result_role: None }, view: InstanceView { local_only: false, include_qualifiers: false, include_class_origin: false, property_list: None } }, options: OpenOptions { filter: None, operation_timeout: None, continue_on_error: false, max_object_count: 0 } }
    pywbem-PullInstancePaths: Pull { kind: InstancePaths, context: "ctx-1", max_object_count: 10 }
    pywbem-PullInstances: Pull { kind: Instances, context: "ctx-1", max_object_count: 10 }
    pywbem-PullInstancesWithPath: Pull { kind: InstancesWithPath, context: "ctx-1", max_object_count: 10 }
    pywbem-ReferenceNames: ReferenceNames { object: Instance(InstancePath { namespace: None, class_name: "C_Thing", keys: [KeyBinding { name: "Name", value: String("a") }, KeyBinding { name: "Index", value: Uint32(1) }] }), filter: AssociationFilter { association_class: None, result_class: Some("C_Assoc"), role: None, result_role: None } }
    pywbem-References: References { object: Instance(InstancePath { namespace: None, class_name: "C_Thing", keys: [KeyBinding { name: "Name", value: String("a") }, KeyBinding { name: "Index", value: Uint32(1) }] }), filter: AssociationFilter { association_class: None, result_class: None, role: Some("A"), result_role: None }, view: InstanceView { local_only: false, include_qualifiers: false, include_class_origin: false, property_list: None } }
    pywbem-Reset: Invoke(MethodCall { object: Instance(InstancePath { namespace: Some("root/ESMPRO/AS"), class_name: "C_Thing", keys: [KeyBinding { name: "Name", value: String("a") }, KeyBinding { name: "Index", value: Uint32(1) }] }), method: "Reset", arguments: [Argument { name: "Delay", cim_type: Some(Uint32), is_array: false, value: Some(Uint32(5)) }, Argument { name: "Names", cim_type: Some(String), is_array: true, value: Some(Array([String("a"), String("b")])) }, Argument { name: "Target", cim_type: Some(Reference), is_array: false, value: Some(Reference(InstancePath { namespace: Some("root/ESMPRO/AS"), class_name: "C_Thing", keys: [KeyBinding { name: "Name", value: String("a") }, KeyBinding { name: "Index", value: Uint32(1) }] })) }, Argument { name: "Obj", cim_type: Some(String), is_array: false, value: Some(Instance(Instance { class_name: "C_Inner", properties: [Property { name: "X", cim_type: String, is_array: false, value: Some(String("1")) }] })) }, Argument { name: "Nul", cim_type: None, is_array: false, value: None }, Argument { name: "Targets", cim_type: Some(Reference), is_array: true, value: Some(Array([Reference(InstancePath { namespace: Some("root/ESMPRO/AS"), class_name: "C_Thing", keys: [KeyBinding { name: "Name", value: String("a") }, KeyBinding { name: "Index", value: Uint32(1) }] })])) }, Argument { name: "B", cim_type: Some(Boolean), is_array: false, value: Some(Boolean(true)) }] })
    pywbem-Reset-2: Invoke(MethodCall { object: Class("C_Thing"), method: "Reset", arguments: [] })
    pywbem-SetQualifier: CIM_ERR_NOT_SUPPORTED: SetQualifier: the schema of this server comes from its MOF files and is not changed by clients
    wbemcli-AssociatorNames: AssociatorNames { object: Instance(InstancePath { namespace: None, class_name: "C_Thing", keys: [KeyBinding { name: "Name", value: String("a") }, KeyBinding { name: "Index", value: Uint64(1) }] }), filter: AssociationFilter { association_class: None, result_class: None, role: None, result_role: None } }
    wbemcli-AssociatorNames-2: AssociatorNames { object: Class("C_Thing"), filter: AssociationFilter { association_class: None, result_class: None, role: None, result_role: None } }
    wbemcli-Associators: Associators { object: Instance(InstancePath { namespace: None, class_name: "C_Thing", keys: [KeyBinding { name: "Name", value: String("a") }, KeyBinding { name: "Index", value: Uint64(1) }] }), filter: AssociationFilter { association_class: None, result_class: None, role: None, result_role: None }, view: InstanceView { local_only: false, include_qualifiers: false, include_class_origin: true, property_list: None } }
    wbemcli-Associators-2: Associators { object: Instance(InstancePath { namespace: None, class_name: "C_Thing", keys: [KeyBinding { name: "Name", value: String("a") }, KeyBinding { name: "Index", value: Uint64(1) }] }), filter: AssociationFilter { association_class: Some("C_Assoc"), result_class: Some("C_Thing"), role: Some("Source"), result_role: Some("Target") }, view: InstanceView { local_only: false, include_qualifiers: false, include_class_origin: true, property_list: None } }
    wbemcli-CreateInstance: CreateInstance { instance: Instance { class_name: "C_Thing", properties: [Property { name: "Name", cim_type: String, is_array: false, value: Some(String("a")) }, Property { name: "Index", cim_type: Uint32, is_array: false, value: Some(Uint32(1)) }, Property { name: "Load", cim_type: Uint16, is_array: false, value: Some(Uint16(7)) }, Property { name: "Levels", cim_type: Uint8, is_array: true, value: Some(Array([Uint8(1)])) }] } }
    wbemcli-DeleteClass: CIM_ERR_NOT_SUPPORTED: DeleteClass: the schema of this server comes from its MOF files and is not changed by clients
    wbemcli-DeleteInstance: DeleteInstance { path: InstancePath { namespace: None, class_name: "C_Thing", keys: [KeyBinding { name: "Name", value: String("a") }, KeyBinding { name: "Index", value: Uint64(1) }] } }
    wbemcli-EnumerateClassNames: EnumerateClassNames { class: None, deep_inheritance: true }
    wbemcli-EnumerateClassNames-2: EnumerateClassNames { class: Some("C_Thing"), deep_inheritance: true }
    wbemcli-EnumerateClasses: EnumerateClasses { class: None, deep_inheritance: true, view: ClassView { local_only: false, include_qualifiers: false, include_class_origin: true, property_list: None } }
    wbemcli-EnumerateClasses-2: EnumerateClasses { class: Some("C_Thing"), deep_inheritance: true, view: ClassView { local_only: false, include_qualifiers: false, include_class_origin: true, property_list: None } }
    wbemcli-EnumerateInstanceNames: EnumerateInstanceNames { class: "C_Thing" }
    wbemcli-EnumerateInstances: EnumerateInstances { class: "C_Thing", deep_inheritance: true, view: InstanceView { local_only: false, include_qualifiers: false, include_class_origin: true, property_list: None } }
    wbemcli-GetClass: GetClass { class: "C_Thing", view: ClassView { local_only: false, include_qualifiers: true, include_class_origin: true, property_list: None } }
    wbemcli-GetClass-2: GetClass { class: "C_Thing", view: ClassView { local_only: false, include_qualifiers: false, include_class_origin: false, property_list: None } }
    wbemcli-GetClass-3: GetClass { class: "C_Thing", view: ClassView { local_only: false, include_qualifiers: true, include_class_origin: true, property_list: Some(["Name", "Load"]) } }
    wbemcli-GetInstance: GetInstance { path: InstancePath { namespace: None, class_name: "C_Thing", keys: [KeyBinding { name: "Name", value: String("a") }, KeyBinding { name: "Index", value: Uint64(1) }] }, view: InstanceView { local_only: false, include_qualifiers: false, include_class_origin: true, property_list: None } }
    wbemcli-GetInstance-2: GetInstance { path: InstancePath { namespace: None, class_name: "C_Thing", keys: [KeyBinding { name: "Name", value: String("a") }, KeyBinding { name: "Index", value: Uint64(1) }] }, view: InstanceView { local_only: false, include_qualifiers: false, include_class_origin: true, property_list: Some(["Name", "Load"]) } }
    wbemcli-GetProperty: GetProperty { path: InstancePath { namespace: None, class_name: "C_Thing", keys: [KeyBinding { name: "Name", value: String("a") }, KeyBinding { name: "Index", value: Uint64(1) }] }, property: "Load" }
    wbemcli-ModifyInstance: ModifyInstance { path: InstancePath { namespace: None, class_name: "C_Thing", keys: [KeyBinding { name: "Name", value: String("a") }, KeyBinding { name: "Index", value: Uint64(1) }] }, instance: Instance { class_name: "C_Thing", properties: [Property { name: "Name", cim_type: String, is_array: false, value: Some(String("a")) }, Property { name: "Index", cim_type: Uint32, is_array: false, value: Some(Uint32(1)) }, Property { name: "Load", cim_type: Uint16, is_array: false, value: Some(Uint16(7)) }, Property { name: "Levels", cim_type: Uint8, is_array: true, value: Some(Array([Uint8(1), Uint8(2)])) }, Property { name: "Target", cim_type: Reference, is_array: false, value: Some(Reference(InstancePath { namespace: Some("root"), class_name: "C_Thing", keys: [KeyBinding { name: "Name", value: String("a") }, KeyBinding { name: "Index", value: Uint64(1) }] })) }] }, property_list: None }
    wbemcli-ReferenceNames: ReferenceNames { object: Instance(InstancePath { namespace: None, class_name: "C_Thing", keys: [KeyBinding { name: "Name", value: String("a") }, KeyBinding { name: "Index", value: Uint64(1) }] }), filter: AssociationFilter { association_class: None, result_class: None, role: None, result_role: None } }
    wbemcli-References: References { object: Instance(InstancePath { namespace: None, class_name: "C_Thing", keys: [KeyBinding { name: "Name", value: String("a") }, KeyBinding { name: "Index", value: Uint64(1) }] }), filter: AssociationFilter { association_class: None, result_class: None, role: None, result_role: None }, view: InstanceView { local_only: false, include_qualifiers: false, include_class_origin: true, property_list: None } }
    wbemcli-Reset: Invoke(MethodCall { object: Instance(InstancePath { namespace: Some("root/ESMPRO/AS"), class_name: "C_Thing", keys: [KeyBinding { name: "Name", value: String("a") }, KeyBinding { name: "Index", value: Uint64(1) }] }), method: "Reset", arguments: [Argument { name: "Delay", cim_type: None, is_array: false, value: Some(String("5")) }] })
    wbemcli-Reset-2: Invoke(MethodCall { object: Class("C_Thing"), method: "Reset", arguments: [] })
    wbemcli-SetProperty: SetProperty { path: InstancePath { namespace: None, class_name: "C_Thing", keys: [KeyBinding { name: "Name", value: String("a") }, KeyBinding { name: "Index", value: Uint64(1) }] }, property: "Load", value: Some(String("9")) }
    wbemcli-SetProperty-2: SetProperty { path: InstancePath { namespace: None, class_name: "C_Thing", keys: [KeyBinding { name: "Name", value: String("a") }, KeyBinding { name: "Index", value: Uint64(1) }] }, property: "Levels", value: Some(Array([String("1")])) }
    "#);
}

/// `C_Thing`: a class with a member of every kind.
fn thing_class() -> Class {
    let text = "<CLASS NAME=\"C_Thing\" SUPERCLASS=\"C_Base\">\
        <QUALIFIER NAME=\"Description\" TYPE=\"string\" TRANSLATABLE=\"true\"><VALUE>A &lt;thing&gt;</VALUE></QUALIFIER>\
        <PROPERTY NAME=\"Name\" TYPE=\"string\" CLASSORIGIN=\"C_Base\" PROPAGATED=\"true\"><QUALIFIER NAME=\"Key\" TYPE=\"boolean\" PROPAGATED=\"true\" OVERRIDABLE=\"false\"><VALUE>TRUE</VALUE></QUALIFIER></PROPERTY>\
        <PROPERTY NAME=\"Load\" TYPE=\"uint16\" CLASSORIGIN=\"C_Thing\"><QUALIFIER NAME=\"ValueMap\" TYPE=\"string\"><VALUE.ARRAY><VALUE>0</VALUE><VALUE>1</VALUE></VALUE.ARRAY></QUALIFIER><VALUE>0</VALUE></PROPERTY>\
        <PROPERTY.ARRAY NAME=\"Levels\" TYPE=\"uint8\" ARRAYSIZE=\"2\" CLASSORIGIN=\"C_Thing\"></PROPERTY.ARRAY>\
        <PROPERTY.REFERENCE NAME=\"Next\" REFERENCECLASS=\"C_Thing\" CLASSORIGIN=\"C_Thing\"></PROPERTY.REFERENCE>\
        <PROPERTY NAME=\"Inner\" TYPE=\"string\" CLASSORIGIN=\"C_Thing\"><QUALIFIER NAME=\"EmbeddedInstance\" TYPE=\"string\"><VALUE>C_Inner</VALUE></QUALIFIER></PROPERTY>\
        <METHOD NAME=\"Reset\" TYPE=\"uint32\" CLASSORIGIN=\"C_Thing\"><PARAMETER NAME=\"Delay\" TYPE=\"uint32\"></PARAMETER><PARAMETER.ARRAY NAME=\"Names\" TYPE=\"string\"></PARAMETER.ARRAY><PARAMETER.REFERENCE NAME=\"To\" REFERENCECLASS=\"C_Thing\"></PARAMETER.REFERENCE><PARAMETER.REFARRAY NAME=\"All\" REFERENCECLASS=\"C_Thing\"></PARAMETER.REFARRAY></METHOD></CLASS>";
    let mut reader = Reader::new(text, Limits::default()).unwrap();
    let root = reader.root().unwrap();
    let thing = class::decode(&mut reader, &root).unwrap();
    assert_eq!(class::to_string(&thing), text, "a class reads back");
    thing
}

fn path() -> InstancePath {
    InstancePath::new("C_Thing".into()).with_key("Name", "a")
}

/// An instance with a value of every kind.
fn thing() -> Instance {
    let mut thing = Instance::new("C_Thing".into());
    thing.set("Name", "a");
    thing.set_or_null("Load", CimType::Uint16, None::<u16>);
    thing.set("Levels", vec![1_u8, 2]);
    thing.set("Next", path().in_namespace("root/x".into()));
    let mut inner = Instance::new("C_Inner".into());
    inner.set("Text", "<\u{1}>");
    thing.set("Inner", inner);
    thing
}

fn name() -> Name {
    "C_Thing".into()
}

fn request(operation: Operation) -> RequestMessage {
    RequestMessage::single("7", "ROOT/x".into(), operation)
}

/// The reply that `write` writes to a request for `operation`: its answer, and what our client reads in it.
#[track_caller]
fn reply(operation: Operation, write: impl FnOnce(&mut ResponseWriter, &Request)) -> (String, Returned) {
    let message = request(operation);
    let [asked] = message.requests.as_slice() else {
        panic!("one request");
    };
    let mut writer = ResponseWriter::new(&message, "server.example");
    write(&mut writer, asked);
    let text = writer.finish();
    check_reply(&text);
    let read = ResponseMessage::decode(&text, Limits::default()).unwrap();
    assert_eq!(read.message_id, "7");
    let [
        Response {
            name,
            result: Ok(returned),
        },
    ] = read.responses.as_slice()
    else {
        panic!("{read:?}");
    };
    assert_eq!(*name, asked.name);
    let answer = text.split_once("<SIMPLERSP>").unwrap().1;
    let answer = answer.split_once("</SIMPLERSP>").unwrap().0;
    (short(answer), returned.clone())
}

/// Namespaces shortened, so that what matters is seen.
fn short(answer: &str) -> String {
    let namespace =
        "<LOCALNAMESPACEPATH><NAMESPACE NAME=\"ROOT\"/><NAMESPACE NAME=\"x\"/></LOCALNAMESPACEPATH>";
    let located = format!("<NAMESPACEPATH><HOST>server.example</HOST>{namespace}</NAMESPACEPATH>");
    answer.replace(&located, "…host…").replace(namespace, "…")
}

/// A reply whose one item is `item`.
#[track_caller]
fn one(operation: Operation, item: Item, write: impl FnOnce(&mut ResponseWriter)) -> String {
    let (text, returned) = reply(operation, |writer, request| {
        writer.begin(request);
        write(writer);
        writer.end();
    });
    assert_eq!(returned.items, [item]);
    text
}

/// The same of an operation that is pulled, going on with a context or not.
#[track_caller]
fn pulled(
    operation: Operation,
    item: Item,
    context: Option<&str>,
    write: impl FnOnce(&mut ResponseWriter),
) -> String {
    let (text, returned) = reply(operation, |writer, request| {
        writer.begin(request);
        write(writer);
        writer.end_open(context);
    });
    assert_eq!(returned.items, [item]);
    assert_eq!(returned.enumeration_context(), Ok(context));
    text
}

/// What is written of an instance with all its properties.
fn write_thing(writer: &mut ResponseWriter) {
    writer.instance(&path(), &thing(), Shown::all());
}

/// What is read of it: a control character has no place in XML.
fn thing_as_read() -> Instance {
    let mut thing = thing();
    let mut inner = Instance::new("C_Inner".into());
    inner.set("Text", "<\u{FFFD}>");
    thing.set("Inner", inner);
    thing
}

fn instance_item(with_path: bool) -> Item {
    Item::Instance {
        path: with_path.then(path),
        instance: thing_as_read(),
    }
}

fn object() -> ObjectName {
    ObjectName::Instance(path())
}

fn call(object: ObjectName) -> Operation {
    Operation::Invoke(MethodCall {
        object,
        method: "reset".into(),
        arguments: Vec::new(),
    })
}

#[test]
fn several_requests_are_answered_one_by_one() {
    let mut message = request(Operation::EnumerateInstanceNames { class: name() });
    message.is_multiple = true;
    message.requests.extend(request(call(object())).requests);
    message
        .requests
        .extend(request(Operation::DeleteInstance { path: path() }).requests);
    check_request(&message.encode());
    let mut writer = ResponseWriter::new(&message, "h");
    let [names, method, delete] = message.requests.as_slice() else {
        panic!("three");
    };
    writer.begin(names);
    writer.path(&path());
    writer.end();
    writer.error(method, &CimError::new(CimStatus::MethodNotFound, "no \"reset\""));
    writer.begin(delete);
    // An error that comes late takes the place of the answer while none of it has left.
    assert!(writer.replace_with_error(&CimError::not_found("gone")));
    let text = writer.finish();
    check_reply(&text);
    insta::assert_snapshot!(text, @r#"
    <?xml version="1.0" encoding="utf-8"?>
    <CIM CIMVERSION="2.0" DTDVERSION="2.0"><MESSAGE ID="7" PROTOCOLVERSION="1.0"><MULTIRSP><SIMPLERSP><IMETHODRESPONSE NAME="EnumerateInstanceNames"><IRETURNVALUE><INSTANCENAME CLASSNAME="C_Thing"><KEYBINDING NAME="Name"><KEYVALUE VALUETYPE="string">a</KEYVALUE></KEYBINDING></INSTANCENAME></IRETURNVALUE></IMETHODRESPONSE></SIMPLERSP><SIMPLERSP><METHODRESPONSE NAME="reset"><ERROR CODE="17" DESCRIPTION="no &quot;reset&quot;"/></METHODRESPONSE></SIMPLERSP><SIMPLERSP><IMETHODRESPONSE NAME="DeleteInstance"><ERROR CODE="6" DESCRIPTION="gone"/></IMETHODRESPONSE></SIMPLERSP></MULTIRSP></MESSAGE></CIM>
    "#);
    let read = ResponseMessage::decode(&text, Limits::default()).unwrap();
    let results: Vec<String> = read
        .responses
        .iter()
        .map(|response| match &response.result {
            Ok(returned) => format!("{}: {:?}", response.name, returned.items),
            Err(error) => format!("{}: {error}", response.name),
        })
        .collect();
    insta::assert_snapshot!(results.join("\n"), @r#"
    EnumerateInstanceNames: [InstancePath(InstancePath { namespace: None, class_name: "C_Thing", keys: [KeyBinding { name: "Name", value: String("a") }] })]
    reset: CIM_ERR_METHOD_NOT_FOUND: no "reset"
    DeleteInstance: CIM_ERR_NOT_FOUND: gone
    "#);
}

#[test]
fn a_large_reply_leaves_in_pieces() {
    let message = request(Operation::EnumerateInstances {
        class: name(),
        deep_inheritance: true,
        view: InstanceView::default(),
    });
    let mut writer = ResponseWriter::new(&message, "h");
    let [asked] = message.requests.as_slice() else {
        panic!("one");
    };
    writer.begin(asked);
    let mut sent = String::new();
    let mut largest = 0;
    for _ in 0..1000 {
        write_thing(&mut writer);
        largest = largest.max(writer.len());
        if writer.len() > 4096 {
            sent.push_str(&writer.take());
            assert!(writer.is_empty());
        }
    }
    assert!(largest < 8192, "{largest}");
    assert!(!writer.replace_with_error(&CimError::failed("too late")));
    writer.end();
    sent.push_str(&writer.finish());
    check_reply(&sent);
    let read = ResponseMessage::decode(&sent, Limits::default()).unwrap();
    let [
        Response {
            result: Ok(returned), ..
        },
    ] = read.responses.as_slice()
    else {
        panic!("one answer");
    };
    assert_eq!(returned.items, vec![instance_item(true); 1000]);
}

#[test]
fn an_error_that_nobody_knows_is_told() {
    let text = request(Operation::EnumerateQualifiers).encode();
    let text = text
        .replace("IMETHODCALL", "IMETHODRESPONSE")
        .replace("SIMPLEREQ", "SIMPLERSP");
    let namespace =
        "<LOCALNAMESPACEPATH><NAMESPACE NAME=\"ROOT\"/><NAMESPACE NAME=\"x\"/></LOCALNAMESPACEPATH>";
    let text = text.replace(
        namespace,
        "<ERROR CODE=\" 77 \"><INSTANCE CLASSNAME=\"CIM_Error\"/></ERROR>",
    );
    let read = ResponseMessage::decode(&text, Limits::default()).unwrap();
    let error = read.responses.first().unwrap().result.clone().unwrap_err();
    assert_eq!(
        (error.status(), error.to_string().as_str()),
        (None, "CIM error 77")
    );
}

#[test]
fn an_export_is_written_as_the_strictest_listener_reads_it() {
    let text = ExportMessage::encode("9", &thing());
    check_request(&text);
    insta::assert_snapshot!(text, @r#"
    <?xml version="1.0" encoding="utf-8"?>
    <CIM CIMVERSION="2.0" DTDVERSION="2.0"><MESSAGE ID="9" PROTOCOLVERSION="1.0"><SIMPLEEXPREQ><EXPMETHODCALL NAME="ExportIndication"><EXPPARAMVALUE NAME="NewIndication"><INSTANCE CLASSNAME="C_Thing"><PROPERTY NAME="Name" TYPE="string"><VALUE>a</VALUE></PROPERTY><PROPERTY NAME="Load" TYPE="uint16"></PROPERTY><PROPERTY.ARRAY NAME="Levels" TYPE="uint8"><VALUE.ARRAY><VALUE>1</VALUE><VALUE>2</VALUE></VALUE.ARRAY></PROPERTY.ARRAY><PROPERTY.REFERENCE NAME="Next"><VALUE.REFERENCE><LOCALINSTANCEPATH><LOCALNAMESPACEPATH><NAMESPACE NAME="root"/><NAMESPACE NAME="x"/></LOCALNAMESPACEPATH><INSTANCENAME CLASSNAME="C_Thing"><KEYBINDING NAME="Name"><KEYVALUE VALUETYPE="string">a</KEYVALUE></KEYBINDING></INSTANCENAME></LOCALINSTANCEPATH></VALUE.REFERENCE></PROPERTY.REFERENCE><PROPERTY NAME="Inner" TYPE="string" EmbeddedObject="instance"><VALUE>&lt;INSTANCE CLASSNAME=&quot;C_Inner&quot;&gt;&lt;PROPERTY NAME=&quot;Text&quot; TYPE=&quot;string&quot;&gt;&lt;VALUE&gt;&amp;lt;�&amp;gt;&lt;/VALUE&gt;&lt;/PROPERTY&gt;&lt;/INSTANCE&gt;</VALUE></PROPERTY></INSTANCE></EXPPARAMVALUE></EXPMETHODCALL></SIMPLEEXPREQ></MESSAGE></CIM>
    "#);
    let mut read = ExportMessage::decode(&text, Limits::default()).unwrap();
    let indication = read.exports.first().unwrap().indication.as_ref().unwrap();
    assert_eq!(indication.instance, thing_as_read());
    let refused = read.encode_response(&[Err(CimError::failed("later"))]);
    check_reply(&refused);
    let answer = ExportResponse::decode(&refused, Limits::default()).unwrap();
    assert_eq!(answer.result.map_err(|error| error.code), Err(1));
    let taken = read.encode_response(&[Ok(())]);
    check_reply(&taken);
    let answer = ExportResponse::decode(&taken, Limits::default()).unwrap();
    assert_eq!((answer.message_id.as_str(), answer.result.is_ok()), ("9", true));
    // Several in one message.
    read.is_multiple = true;
    read.exports.extend(read.exports.clone());
    check_reply(&read.encode_response(&[Ok(()), Err(CimError::failed("later"))]));
}

#[test]
fn namespaces_are_spelled_as_the_client_spelled_them() {
    let message = request(Operation::EnumerateInstanceNames { class: name() });
    assert_eq!(
        message.requests.first().map(|request| request.namespace.as_str()),
        Some("ROOT/x")
    );
    let next = path().in_namespace(Namespace::new("root/X"));
    let link = InstancePath::new("C_Link".into()).with_key("From", next);
    let operation = Operation::EnumerateInstanceNames {
        class: "C_Link".into(),
    };
    insta::assert_snapshot!(one(operation, Item::InstancePath(link.clone()), |writer| writer.path(&link)), @r#"<IMETHODRESPONSE NAME="EnumerateInstanceNames"><IRETURNVALUE><INSTANCENAME CLASSNAME="C_Link"><KEYBINDING NAME="From"><VALUE.REFERENCE><LOCALINSTANCEPATH>…<INSTANCENAME CLASSNAME="C_Thing"><KEYBINDING NAME="Name"><KEYVALUE VALUETYPE="string">a</KEYVALUE></KEYBINDING></INSTANCENAME></LOCALINSTANCEPATH></VALUE.REFERENCE></KEYBINDING></INSTANCENAME></IRETURNVALUE></IMETHODRESPONSE>"#);
}
