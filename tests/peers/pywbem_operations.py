"""Joins pywbem's client to a pipe: one operation per line in, its outcome out, both JSON.

An operation names a method of pywbem.WBEMConnection and its arguments; `pull` says whether its Iter methods use the
pulled operations. A path among the arguments stands as {"path": URI}. The outcome is what the method returned, or the
code of the CIMError that it raised.
"""

import json
import os
import sys

import pywbem
from connected import connect


def argument(value):
    if isinstance(value, dict) and "path" in value:
        return pywbem.CIMInstanceName.from_wbem_uri(value["path"])
    if isinstance(value, dict) and "instance" in value:
        path = value["at"] and pywbem.CIMInstanceName.from_wbem_uri(value["at"])
        properties = [typed(name, item) for name, item in value["properties"].items()]
        return pywbem.CIMInstance(value["instance"], properties=properties, path=path)
    if isinstance(value, dict) and "class" in value:
        return pywbem.CIMClass(value["class"])
    if isinstance(value, dict) and "context" in value:
        return tuple(value["context"])
    return value


def typed(name, value):
    """A property: a text, or a value with its type."""
    if isinstance(value, dict):
        return pywbem.CIMProperty(name, value["value"], type=value["type"], is_array=isinstance(value["value"], list))
    return pywbem.CIMProperty(name, value, type="string")


def shown(value):
    if isinstance(value, pywbem.CIMInstance):
        path = value.path.copy() if value.path else None
        properties = {name: shown(value.properties[name].value) for name in value.properties}
        return {"class": value.classname, "path": shown(path), "properties": properties}
    if isinstance(value, pywbem.CIMInstanceName):
        path = value.copy()
        path.host = None
        return path.to_wbem_uri(format="canonical").lstrip("/")
    if isinstance(value, pywbem.CIMClassName):
        return value.classname
    if isinstance(value, pywbem.CIMClass):
        return {
            "class": value.classname,
            "properties": list(value.properties),
            "qualifiers": list(value.qualifiers),
            "origins": sorted({p.class_origin for p in value.properties.values() if p.class_origin}),
        }
    if isinstance(value, pywbem.CIMQualifierDeclaration):
        return value.name
    if isinstance(value, pywbem.CIMDateTime):
        return str(value)
    if hasattr(value, "items"):
        return {name: shown(item) for name, item in value.items()}
    if hasattr(value, "_asdict"):
        return shown(value._asdict())
    if hasattr(value, "generator"):
        return [shown(item) for item in value.generator]
    if isinstance(value, (list, tuple)) or hasattr(value, "__next__"):
        return [shown(item) for item in value]
    return value


def main():
    namespace = os.environ["ESM_NAMESPACE"]
    connections = {pull: connect(namespace, use_pull_operations=pull) for pull in (None, True, False)}
    for line in sys.stdin:
        operation = json.loads(line)
        client = connections[operation.get("pull")]
        positional = [argument(value) for value in operation.get("arguments", [])]
        named = {name: argument(value) for name, value in operation.get("named", {}).items()}
        try:
            outcome = {"result": shown(getattr(client, operation["call"])(*positional, **named))}
        except pywbem.CIMError as error:
            outcome = {"code": error.status_code, "text": error.status_description}
        except pywbem.Error as error:
            outcome = {"broken": f"{type(error).__name__}: {error}"}
        print(json.dumps(outcome), flush=True)


main()
