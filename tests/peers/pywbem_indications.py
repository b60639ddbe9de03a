"""Subscribes pywbem's listener to the indications of the test provider, and asks for them.

For each number on standard input that many are asked for; what came is told in a line of JSON.
"""

import json
import os
import socket
import sys
import threading
import time

import pywbem
from connected import connect

NAMESPACE = "test/TestProvider"
CLASS = "Test_IndicationProviderClass"
# How long nothing may come before the rest is given up.
PATIENCE = 60


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def main():
    heard, news = [], threading.Condition()

    def note(indication, host):
        with news:
            heard.append(
                (str(indication["SequenceContext"]), int(indication["SequenceNumber"]), int(indication["Number"]))
            )
            news.notify()

    port = free_port()
    listener = pywbem.WBEMListener("127.0.0.1", http_port=port)
    listener.add_callback(note)
    listener.start()
    client = connect()
    manager = pywbem.WBEMSubscriptionManager("esm-test")
    server = manager.add_server(pywbem.WBEMServer(client))
    destination = manager.add_destination(
        server, f"http://127.0.0.1:{port}", owned=True, destination_id="tests"
    )
    query = f"SELECT * FROM {CLASS}"
    filter_ = manager.add_filter(server, [NAMESPACE], query, "WQL", owned=True, filter_id="tests")
    manager.add_subscriptions(server, filter_.path, destination.path, owned=True)

    for line in sys.stdin:
        count = int(line)
        del heard[:]
        began = time.monotonic()
        where = pywbem.CIMClassName(CLASS, namespace=NAMESPACE)
        returned, _ = client.InvokeMethod(
            "SendTestIndicationsCount", where, [("indicationSendCount", pywbem.Uint32(count))]
        )
        with news:
            while len(heard) < count and news.wait(PATIENCE):
                pass
            came = list(heard)
        numbers = [number for _, number, _ in came]
        told = {
            "returned": returned,
            "came": len(came),
            "contexts": len({context for context, _, _ in came}),
            "in_order": [own for _, _, own in came] == list(range(1, count + 1)),
            "rising_by_one": numbers == list(range(numbers[0], numbers[0] + len(numbers))) if numbers else False,
            "seconds": round(time.monotonic() - began, 3),
        }
        print(json.dumps(told), flush=True)
    manager.remove_all_servers()
    listener.stop()


main()
