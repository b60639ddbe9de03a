"""Joins pypsrp's WSMan client to a pipe: one operation per line in, its outcome out, both JSON.

An operation names a method of pypsrp.wsman.WSMan and its arguments, or `change`. The outcome is the XML that the method
returned, or the fault that it raised, with what it read from it.
"""

import json
import os
import sys
import xml.etree.ElementTree as ET

from pypsrp.exceptions import AuthenticationError, WinRMTransportError, WSManFaultError
from pypsrp.wsman import OptionSet, SelectorSet, WSMan


def pairs(kind, values):
    if values is None:
        return None
    made = kind()
    for name, value in values:
        made.add_option(name, value)
    return made


def client(operation):
    return WSMan(
        os.environ["ESM_HOST"],
        port=int(os.environ["ESM_PORT"]),
        username=os.environ["ESM_USER"],
        password=operation.get("password", os.environ["ESM_PASSWORD"]),
        ssl=True,
        auth="basic",
        cert_validation=os.environ["ESM_CA"],
        no_proxy=True,
        max_envelope_size=operation.get("max_envelope_size", 153600),
    )


def change(wsman, resource, arguments, properties):
    """Reads an instance, changes properties of it, and writes the whole of it back."""
    instance = wsman.get(resource, **arguments)[0]
    for child in instance:
        name = child.tag.rsplit("}", 1)[-1]
        if name in properties:
            child.attrib.clear()
            child.text = properties[name]
    return wsman.put(resource, **{**arguments, "resource": instance})


def perform(wsman, operation):
    body = operation.get("body")
    arguments = dict(
        resource=None if body is None else ET.fromstring(body),
        option_set=pairs(OptionSet, operation.get("options")),
        selector_set=pairs(SelectorSet, operation.get("selectors")),
        timeout=operation.get("timeout"),
    )
    try:
        if operation["call"] == "invoke":
            found = wsman.invoke(operation["action"], operation["resource"], **arguments)
        elif operation["call"] == "change":
            found = change(wsman, operation["resource"], arguments, operation["properties"])
        else:
            found = getattr(wsman, operation["call"])(operation["resource"], **arguments)
    except WSManFaultError as fault:
        return {"fault": {"code": fault.code, "reason": fault.reason}}
    except AuthenticationError as error:
        return {"unauthenticated": str(error)}
    except WinRMTransportError as error:
        return {"transport": error.code, "text": error.response_text}
    return {"xml": ET.tostring(found, encoding="unicode")}


kept = None
for line in sys.stdin:
    operation = json.loads(line)
    # One connection for all operations, but for those that need a client of their own.
    own = "password" in operation or "max_envelope_size" in operation
    if own or kept is None:
        wsman = client(operation)
        kept = kept if own else wsman
    else:
        wsman = kept
    print(json.dumps(perform(wsman, operation)), flush=True)
