"""A pywbem listener that says what it is sent: first {"port": N}, then one line of JSON for each export.

Usage: wbem_listener.py [--cert FILE --key FILE] [--port N] [--keep-alive] [--no-length]
       [--user NAME --password WORD] [--answer NUMBER:CODE[,CODE...]]...

As pywbem has it, it answers in HTTP/1.0 and closes after each request; with --keep-alive it keeps the connection, with
--no-length its answers end with the connection. --answer says what an indication with that SequenceNumber is answered
with, time after time; 0 is success, which is what comes after the last code, too. -1 as NUMBER means all. With --user it answers 401 to whoever does not log in so, and prints
{"refused": AUTHORIZATION}.
"""

import argparse
import base64
import json
import socket
import threading

import pywbem
from pywbem import _listener


def parse(answer):
    number, codes = answer.split(":")
    return int(number), [int(code) for code in codes.split(",")]


options = argparse.ArgumentParser()
options.add_argument("--cert")
options.add_argument("--key")
options.add_argument("--port", type=int, default=0)
options.add_argument("--keep-alive", action="store_true")
options.add_argument("--no-length", action="store_true")
options.add_argument("--user")
options.add_argument("--password")
options.add_argument("--answer", action="append", default=[], type=parse)
options = options.parse_args()
answers = dict(options.answer)
output = threading.Lock()


def say(what):
    with output:
        print(json.dumps(what), flush=True)


def plain(value):
    if isinstance(value, pywbem.CIMInstance):
        return {"class": value.classname, "properties": properties(value)}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, (str, bool)) or value is None:
        return value
    if isinstance(value, (int, float)):
        return value + 0
    return str(value)


def properties(instance):
    return {name: plain(prop.value) for name, prop in instance.properties.items()}


class Handler(_listener.ListenerRequestHandler):
    """pywbem's handler, with the answers that a test wants."""

    if options.keep_alive:
        protocol_version = "HTTP/1.1"

    def do_POST(self):
        if options.user is not None:
            login = base64.b64encode(f"{options.user}:{options.password}".encode()).decode()
            given = self.headers.get("Authorization")
            if given != "Basic " + login:
                say({"refused": given})
                self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="manager"')
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
        super().do_POST()

    def send_success_response(self, msgid, methodname, instance):
        number = int(instance["SequenceNumber"])
        codes = answers.get(number, answers.get(-1, []))
        code = codes.pop(0) if codes else 0
        say(
            {
                "number": number,
                "context": instance["SequenceContext"],
                "identifier": instance["IndicationIdentifier"],
                "class": instance.classname,
                "properties": properties(instance),
                "headers": {name.lower(): value for name, value in self.headers.items()},
                "path": self.path,
                "message": msgid,
                "answer": code,
                "peer": self.client_address[1],
            }
        )
        if code:
            self.send_error_response(msgid, methodname, code, "as the test says")
        else:
            super().send_success_response(msgid, methodname, instance)

    def send_header(self, keyword, value):
        if not (options.no_length and keyword == "Content-Length"):
            super().send_header(keyword, value)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start():
    """Another program may take the port that was free a moment ago."""
    while True:
        port = options.port or free_port()
        scheme = "https_port" if options.cert else "http_port"
        listener = pywbem.WBEMListener(
            "127.0.0.1", certfile=options.cert, keyfile=options.key, **{scheme: port}
        )
        try:
            listener.start()
        except pywbem.ListenerPortError:
            if options.port:
                raise
            continue
        return port


_listener.ListenerRequestHandler = Handler
port = start()
say({"port": port})
threading.Event().wait()
