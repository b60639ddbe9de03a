"""Subscribes with pywbem as an administrator's script does: one wish per line in, what was made out, both JSON.

A wish has `url` (of the listener), `query`, and where they are not pywbem's own: `language`, `namespace` of the filter's
query, and `properties` of the subscription.
"""

import json
import os
import sys

import pywbem
from connected import connect

connection = connect()
server = pywbem.WBEMServer(connection)
manager = pywbem.WBEMSubscriptionManager("tests")
server_id = manager.add_server(server)
made = 0

for line in sys.stdin:
    wish = json.loads(line)
    made += 1
    destination = manager.add_destination(server_id, wish["url"], owned=False, name=f"tests-destination-{made}")
    chosen = manager.add_filter(
        server_id,
        wish.get("namespace", "root/ESMPRO/AS"),
        wish["query"],
        query_language=wish.get("language", "WQL"),
        owned=False,
        name=f"tests-filter-{made}",
    )
    types = {"SubscriptionDuration": "uint64", "RepeatNotificationPolicy": "uint16"}
    types |= {"RepeatNotificationCount": "uint16", "RepeatNotificationInterval": "uint64"}
    subscription = pywbem.CIMInstance("CIM_IndicationSubscription")
    subscription["Filter"] = chosen.path
    subscription["Handler"] = destination.path
    for name, value in wish.get("properties", {}).items():
        subscription[name] = pywbem.CIMProperty(name, value, type=types[name])
    path = connection.CreateInstance(subscription, namespace=server.interop_ns)
    print(json.dumps({"subscription": str(path)}), flush=True)
