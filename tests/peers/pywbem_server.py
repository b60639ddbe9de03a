"""What pywbem finds out about a server, as JSON. The first argument names the look; a warning of pywbem is an error.

facts              What WBEMServer tells, with each default namespace.
associations       The associations of the object manager, walked in every way that a client can.
schema NS=FILE...  The classes of each namespace against the same MOF files as pywbem's own compiler reads them.
settings           The settings of the indication service, written in every form that clients write.
instances CLASS... The instances of these classes in root/cimv2, enumerated and got.
"""

import json
import os
import sys
import warnings

import pywbem
import pywbem_mock
from connected import connect as connection

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../it/mof"))
import dump  # noqa: E402

warnings.simplefilter("error")
INTEROP = "interop"


def bare(path):
    """A path without its host, as text."""
    path = path.copy()
    path.host = None
    return path.to_wbem_uri(format="canonical").lstrip("/")


def facts(namespace):
    client = connection(namespace)
    server = pywbem.WBEMServer(client)
    assert server.interop_ns.lower() in [name.lower() for name in server.namespaces]
    for path in server.namespace_paths:
        assert path.namespace.lower() == server.interop_ns.lower(), path
        assert client.GetInstance(path)["Name"] == path["Name"], path
    assert client.GetInstance(server.cimom_inst.path) == server.cimom_inst
    organizations = pywbem.ValueMapping.for_property(
        server, server.interop_ns, "CIM_RegisteredProfile", "RegisteredOrganization"
    )
    profiles = {}
    for profile in server.profiles:
        assert client.GetInstance(profile.path) == profile
        organization = organizations.tovalues(profile["RegisteredOrganization"])
        title = f"{organization} {profile['RegisteredName']} {profile['RegisteredVersion']}"
        found = server.get_selected_profiles(
            organization, profile["RegisteredName"], profile["RegisteredVersion"]
        )
        assert found == [profile], found
        central = [
            server.get_central_instances(profile.path, reference_direction=direction, try_gci_method=method)
            for direction in ("dmtf", "snia")
            for method in (False, True)
        ]
        assert all(one == central[0] for one in central), central
        profiles[title] = sorted({path.classname for path in central[0]})
    return {
        "interop": server.interop_ns,
        "namespaces": sorted(server.namespaces),
        "class": server.namespace_classname,
        "brand": server.brand,
        "version": server.version,
        "profiles": profiles,
    }


def members(client, class_name):
    """The paths of all instances of a class: what belongs to it, subclasses included."""
    return {bare(path) for path in client.EnumerateInstanceNames(class_name, namespace=INTEROP)}


def check_walk(client, source, role, association, far_role, far_class):
    """Walks from `source`; every way must lead to the same associations and the same far ends."""
    far_members = members(client, far_class)

    def fits(path):
        return far_role in path.keybindings and bare(path.keybindings[far_role]) in far_members

    def starts_here(path):
        return role in path.keybindings and bare(path.keybindings[role]) == bare(source)

    references = client.References(source, ResultClass=association, Role=role)
    reference_names = client.ReferenceNames(source, ResultClass=association, Role=role)
    enumerated = client.EnumerateInstances(association, namespace=INTEROP)
    enumerated_names = client.EnumerateInstanceNames(association, namespace=INTEROP)
    links = [
        [one.path for one in references if fits(one.path)],
        [path for path in reference_names if fits(path)],
        [one.path for one in enumerated if starts_here(one.path) and fits(one.path)],
        [path for path in enumerated_names if starts_here(path) and fits(path)],
    ]
    expected = sorted(bare(path) for path in links[0])
    for way in links:
        assert sorted(bare(path) for path in way) == expected, (association, way, expected)
    exact = {"AssocClass": association, "ResultClass": far_class, "Role": role, "ResultRole": far_role}
    loose = {"AssocClass": association, "Role": role}
    ends = [
        [one.path for one in client.Associators(source, **exact)],
        [one.path for one in client.Associators(source, **loose) if bare(one.path) in far_members],
        client.AssociatorNames(source, **exact),
        [path for path in client.AssociatorNames(source, **loose) if bare(path) in far_members],
        [path.keybindings[far_role] for path in links[0]],
    ]
    far_ends = sorted(bare(path) for path in ends[0])
    for way in ends:
        assert sorted(bare(path) for path in way) == far_ends, (association, way, far_ends)
    for one in references + client.Associators(source, **exact):
        got = client.GetInstance(one.path)
        assert bare(got.path) == bare(one.path) and got.properties == one.properties, (got, one)
        for key, value in one.path.keybindings.items():
            same = bare(one[key]) == bare(value) if isinstance(value, pywbem.CIMInstanceName) else one[key] == value
            assert same, (key, one)
    return [client.GetInstance(path) for path in ends[0]]


def check_set(instance, *names):
    for name in names:
        assert instance[name] is not None, (instance.classname, name)


def associations():
    client = connection(INTEROP)
    server = pywbem.WBEMServer(client)
    (profile,) = server.get_selected_profiles("SNIA", "Server", "1.2.0")
    (manager,) = server.get_central_instances(profile.path, reference_direction="snia")
    keys = ("SystemCreationClassName", "SystemName", "CreationClassName", "Name")
    check_set(client.GetInstance(manager), *keys, "ElementName", "Description", "OperationalStatus", "Started")
    assert bare(manager) in members(client, "CIM_ObjectManager")

    namespaces = check_walk(
        client, manager, "Antecedent", "CIM_NamespaceInManager", "Dependent", "CIM_Namespace"
    )
    for namespace in namespaces:
        check_set(namespace, *keys, "ObjectManagerCreationClassName", "ObjectManagerName", "ClassType")
    assert {one["Name"] for one in namespaces} == set(server.namespaces)

    mechanisms = check_walk(
        client,
        manager,
        "Antecedent",
        "CIM_CommMechanismForManager",
        "Dependent",
        "CIM_ObjectManagerCommunicationMechanism",
    )
    for mechanism in mechanisms:
        check_set(mechanism, *keys, "ElementName", "CommunicationMechanism", "FunctionalProfilesSupported")
        check_set(mechanism, "MultipleOperationsSupported", "AuthenticationMechanismsSupported")
        assert mechanism["CommunicationMechanism"] in (2, 4)

    (system,) = check_walk(client, manager, "Dependent", "CIM_HostedService", "Antecedent", "CIM_System")
    check_set(system, "CreationClassName", "Name", "NameFormat", "Description", "ElementName", "OperationalStatus")
    assert system["NameFormat"] in ("IP", "WWN", "Other")

    back = [
        (namespaces[0], "Dependent", "CIM_NamespaceInManager", "Antecedent"),
        (mechanisms[0], "Dependent", "CIM_CommMechanismForManager", "Antecedent"),
        (system, "Antecedent", "CIM_HostedService", "Dependent"),
    ]
    for source, role, association, far_role in back:
        found = check_walk(client, source.path, role, association, far_role, "CIM_ObjectManager")
        assert [bare(one.path) for one in found] == [bare(manager)], association

    (service,) = client.EnumerateInstances("CIM_IndicationService")
    affected = check_walk(
        client,
        service.path,
        "AffectingElement",
        "CIM_ServiceAffectsElement",
        "AffectedElement",
        "CIM_IndicationFilter",
    )
    for association, far_role, far_class in (
        ("CIM_ElementSettingData", "SettingData", "CIM_IndicationServiceSettingData"),
        ("CIM_ElementCapabilities", "Capabilities", "CIM_IndicationServiceCapabilities"),
    ):
        (one,) = check_walk(client, service.path, "ManagedElement", association, far_role, far_class)
        assert bare(one.path) in members(client, far_class)
    return {"namespaces": len(namespaces), "mechanisms": len(mechanisms), "filters": len(affected)}


def every_qualifier(element):
    return {it.name.lower(): [it.type, dump.text(it.value)] for it in element.qualifiers.values()}


def local(of_class):
    """What a class declares itself, with every qualifier."""
    elements = list(of_class.properties.values()) + list(of_class.methods.values())
    return {"": every_qualifier(of_class), **{it.name: every_qualifier(it) for it in elements}}


def check_same(name, ours, theirs):
    for key in sorted(ours.keys() | theirs.keys()):
        assert ours.get(key) == theirs.get(key), (name, key, ours.get(key), theirs.get(key))


def qualifier_types(client, namespace):
    """The declared qualifiers; a scope of any is that of every element."""

    def scopes(declared):
        elements = {scope.upper() for scope, there in declared.scopes.items() if there}
        return elements - {"ANY"} if elements != {"ANY"} else {scope.upper() for scope in declared.scopes} - {"ANY"}

    return {it.name: (it.type, it.is_array, scopes(it), it.value) for it in client.EnumerateQualifiers(namespace)}


def schema(parts):
    client = connection("root")
    compiler = pywbem_mock.FakedWBEMConnection(default_namespace="root")
    files = dict(part.split("=", 1) for part in parts)
    for namespace in files:
        if namespace not in compiler.namespaces:
            compiler.add_namespace(namespace)
    compared = {}
    for namespace, file in files.items():
        compiler.compile_mof_file(file, namespace=namespace)
        names = sorted(compiler.EnumerateClassNames(namespace, DeepInheritance=True))
        served = sorted(client.EnumerateClassNames(namespace, DeepInheritance=True))
        assert served == names, (namespace, served, names)
        all_served = {one.classname: one for one in client.EnumerateClasses(
            namespace, DeepInheritance=True, LocalOnly=False, IncludeQualifiers=True, IncludeClassOrigin=True
        )}
        for name in names:
            full = {"LocalOnly": False, "IncludeQualifiers": True, "IncludeClassOrigin": True}
            ours = client.GetClass(name, namespace, **full)
            assert ours == all_served[name], name
            theirs = compiler.GetClass(name, namespace, **full)
            assert dump.described(ours) == dump.described(theirs), (name, ours.tomof(), theirs.tomof())
            only = {**full, "LocalOnly": True}
            ours, theirs = client.GetClass(name, namespace, **only), compiler.GetClass(name, namespace, **only)
            ours, theirs = local(ours), local(theirs)
            # pywbem's server leaves out what overrides something.
            check_same(name, {key: ours.get(key) for key in theirs}, theirs)
        types = qualifier_types(client, namespace)
        expected = qualifier_types(compiler, namespace)
        check_same(namespace, types, expected)
        compared[namespace] = len(names)
    return compared


SETTINGS = (
    "FilterCreationEnabled",
    "DeliveryRetryAttempts",
    "DeliveryRetryInterval",
    "SubscriptionRemovalAction",
    "SubscriptionRemovalTimeInterval",
)


def settings():
    client = connection(INTEROP)

    def read(class_name="CIM_IndicationService"):
        (one,) = client.EnumerateInstances(class_name)
        return one

    def values():
        both = [
            [read(name)[setting] for setting in SETTINGS]
            for name in ("CIM_IndicationService", "CIM_IndicationServiceSettingData")
        ]
        assert both[0] == both[1], both
        return both[0]

    def refused(change, code):
        try:
            change()
        except pywbem.CIMError as error:
            assert error.status_code == code, error
            return
        raise AssertionError("it was taken")

    seen = [values()]
    whole = read()
    whole["DeliveryRetryAttempts"] = pywbem.Uint16(9)
    client.ModifyInstance(whole)
    seen.append(values())
    setting = read("CIM_IndicationServiceSettingData")
    setting["SubscriptionRemovalAction"] = pywbem.Uint16(3)
    setting["DeliveryRetryInterval"] = pywbem.Uint32(7)
    client.ModifyInstance(setting, PropertyList=["SubscriptionRemovalAction"])
    seen.append(values())
    one = pywbem.CIMInstance(
        whole.classname,
        {"FilterCreationEnabled": False, "SubscriptionRemovalTimeInterval": pywbem.Uint32(4000)},
        path=whole.path,
    )
    client.ModifyInstance(one)
    seen.append(values())
    wanted = pywbem.CIMInstance("CIM_IndicationFilter", {"Name": "f", "Query": "SELECT * FROM CIM_Indication"})
    wanted["QueryLanguage"] = "WQL"
    refused(lambda: client.CreateInstance(wanted, INTEROP), pywbem.CIM_ERR_NOT_SUPPORTED)
    setting["SubscriptionRemovalAction"] = pywbem.Uint16(7)
    refused(lambda: client.ModifyInstance(setting), pywbem.CIM_ERR_INVALID_PARAMETER)
    refused(lambda: client.DeleteInstance(whole.path), pywbem.CIM_ERR_NOT_SUPPORTED)
    client.DeleteInstance(setting.path)
    seen.append(values())
    client.DeleteInstance(client.CreateInstance(wanted, INTEROP))
    return seen


def shown(value):
    if isinstance(value, list):
        return [shown(item) for item in value]
    if isinstance(value, pywbem.CIMInstanceName):
        return bare(value)
    return value if isinstance(value, (bool, int, float)) or value is None else str(value)


def instances(classes):
    client = connection("root/cimv2")
    result = {}
    for name in classes:
        found = client.EnumerateInstances(name, LocalOnly=False, DeepInheritance=True)
        for one in found:
            assert client.GetInstance(one.path, LocalOnly=False) == one, one.path
        names = sorted(bare(path) for path in client.EnumerateInstanceNames(name))
        assert names == sorted(bare(one.path) for one in found), names
        result[name] = [{key: shown(it.value) for key, it in one.properties.items()} for one in found]
    return result


def main(look, arguments):
    if look == "facts":
        return [facts(namespace) for namespace in (None, "root/cimv2", "interop", "root/interop")]
    if look == "associations":
        return associations()
    if look == "settings":
        return settings()
    if look == "schema":
        return schema(arguments)
    return instances(arguments)


json.dump(main(sys.argv[1], sys.argv[2:]), sys.stdout)
