"""Compiles MOF files with pywbem and prints, as JSON, the classes of each namespace.

Arguments: NAMESPACE=FILE for each namespace.
"""

import json
import sys

import pywbem_mock


def text(value):
    if value is None:
        return None
    if isinstance(value, list):
        return [text(item) for item in value]
    return str(value).lower() if isinstance(value, bool) else str(value)


def qualifiers(element):
    """The qualifiers that subclasses inherit; pywbem hands down the others too, now and then."""
    return {
        it.name.lower(): [it.type, text(it.value)]
        for it in element.qualifiers.values()
        if it.tosubclass is not False
    }


def typed(element):
    return {
        "name": element.name,
        "type": element.type,
        "array": bool(element.is_array),
        "size": element.array_size,
        "reference": element.reference_class,
        "qualifiers": qualifiers(element),
    }


def described(of_class):
    properties = [
        {**typed(it), "default": text(it.value), "origin": it.class_origin}
        for it in of_class.properties.values()
    ]
    methods = [
        {
            "name": it.name,
            "type": it.return_type,
            "parameters": [typed(parameter) for parameter in it.parameters.values()],
            "qualifiers": qualifiers(it),
            "origin": it.class_origin,
        }
        for it in of_class.methods.values()
    ]
    return {
        "superclass": of_class.superclass,
        "qualifiers": qualifiers(of_class),
        "properties": sorted(properties, key=lambda it: it["name"]),
        "methods": sorted(methods, key=lambda it: it["name"]),
    }


def main(parts):
    connection = pywbem_mock.FakedWBEMConnection(default_namespace="root")
    files = dict(part.split("=", 1) for part in parts)
    for namespace in files:
        if namespace not in connection.namespaces:
            connection.add_namespace(namespace)
    result = {}
    for namespace, file in files.items():
        connection.compile_mof_file(file, namespace=namespace)
        names = connection.EnumerateClassNames(namespace, DeepInheritance=True)
        result[namespace] = {
            name: described(connection.GetClass(name, namespace, LocalOnly=False, IncludeClassOrigin=True))
            for name in names
        }
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    main(sys.argv[1:])
