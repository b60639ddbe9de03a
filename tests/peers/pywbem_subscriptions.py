"""Joins pywbem's WBEMSubscriptionManager to a pipe: one call per line in, its outcome out, both JSON.

A call names a method of the manager, or of the connection if it begins with a capital letter, and its arguments. Paths
that were shown stand as {"path": NUMBER}; a path is shown as its number and its text, with names in lower case. `new`
makes a manager anew, as after a restart of its program. The outcome is what the method returned, or the code and text
of the CIMError.
"""

import json
import os
import sys

import pywbem
from connected import connect as connection

paths = []


def argument(value):
    if isinstance(value, dict) and "path" in value:
        return paths[value["path"]]
    if isinstance(value, dict) and "instance" in value:
        of = value["of"] and paths[value["of"]["path"]]
        properties = [
            pywbem.CIMProperty(name, given["value"], type=given["type"])
            if "type" in given
            else pywbem.CIMProperty(name, argument(given), type="reference")
            for name, given in value["properties"].items()
        ]
        return pywbem.CIMInstance(value["instance"], properties=properties, path=of)
    if isinstance(value, list):
        return [argument(item) for item in value]
    return value


def shown(value):
    if isinstance(value, pywbem.CIMInstance):
        properties = {name: shown(value.properties[name].value) for name in value.properties}
        return {"class": value.classname, "properties": properties, **shown(value.path)}
    if isinstance(value, pywbem.CIMInstanceName):
        paths.append(value)
        text = value.copy()
        text.host = None
        return {"path": len(paths) - 1, "text": text.to_wbem_uri(format="canonical").lstrip("/")}
    if isinstance(value, pywbem.CIMDateTime):
        return str(value)
    if isinstance(value, (list, tuple)):
        return [shown(item) for item in value]
    return value


def main():
    server = pywbem.WBEMServer(connection())
    manager = pywbem.WBEMSubscriptionManager(subscription_manager_id="esm")
    server_id = manager.add_server(server)
    for line in sys.stdin:
        asked = json.loads(line)
        call = asked["call"]
        arguments = [argument(value) for value in asked.get("arguments", [])]
        named = {name: argument(value) for name, value in asked.get("named", {}).items()}
        try:
            if call == "new":
                manager = pywbem.WBEMSubscriptionManager(subscription_manager_id="esm")
                result = manager.add_server(pywbem.WBEMServer(connection())) == server_id
            elif call[0].isupper():
                result = shown(getattr(server.conn, call)(*arguments, **named))
            else:
                result = shown(getattr(manager, call)(server_id, *arguments, **named))
            outcome = {"result": result}
        except pywbem.CIMError as error:
            outcome = {"code": error.status_code, "text": error.status_description}
        print(json.dumps(outcome), flush=True)


main()
