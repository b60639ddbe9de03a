"""A manager that is told: an HTTP(S) server of Python's own, which prints each delivery as a line of JSON.

listener.py [--host ADDRESS] [--port N] [--cert FILE --key FILE] [--user NAME --password WORD] [--status N] [--no-ack] [--ack ACTION]

The first line says where it listens: {"port": N}. A delivery that wants an acknowledgement gets one.
"""

import argparse
import base64
import http.server
import json
import socket
import ssl
import sys
import threading
import time
import xml.etree.ElementTree as ET

SOAP = "{http://www.w3.org/2003/05/soap-envelope}"
WSMAN = "{http://schemas.dmtf.org/wbem/wsman/1/wsman.xsd}"
ADDRESSING = (
    "{http://schemas.xmlsoap.org/ws/2004/08/addressing}",
    "{http://www.w3.org/2005/08/addressing}",
)
ACK = "http://schemas.dmtf.org/wbem/wsman/1/wsman/Ack"

parser = argparse.ArgumentParser()
parser.add_argument("--host", default="127.0.0.1")
parser.add_argument("--port", type=int, default=0)
parser.add_argument("--cert")
parser.add_argument("--key")
parser.add_argument("--user")
parser.add_argument("--password")
parser.add_argument("--status", type=int, default=200)
parser.add_argument("--no-ack", action="store_true")
parser.add_argument("--ack", default=ACK)
options = parser.parse_args()
output = threading.Lock()


def say(value):
    with output:
        sys.stdout.write(json.dumps(value) + "\n")
        sys.stdout.flush()


def local(element):
    return element.tag.rsplit("}", 1)[-1]


def addressed(header, name):
    for namespace in ADDRESSING:
        found = header.find(namespace + name)
        if found is not None:
            return namespace, (found.text or "").strip()
    return ADDRESSING[0], None


def properties(instance):
    result = {}
    for child in instance:
        text = None if child.get("{http://www.w3.org/2001/XMLSchema-instance}nil") == "true" else child.text
        result.setdefault(local(child), text)
    return result


def events_of(body):
    """The instances of a delivery: one in the body, or a batch of events."""
    batch = body.find(WSMAN + "Events")
    if batch is None:
        return [(local(child), properties(child)) for child in body]
    return [(local(instance), properties(instance)) for event in batch for instance in event]


class Listener(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if options.user is not None:
            expected = base64.b64encode(f"{options.user}:{options.password}".encode()).decode()
            if self.headers.get("Authorization") != "Basic " + expected:
                say({"refused": self.headers.get("Authorization")})
                return self.answer(401, b"", {"WWW-Authenticate": 'Basic realm="manager"'})
        if options.status != 200:
            say({"answered": options.status})
            return self.answer(options.status, b"")
        encoding = "utf-16" if "utf-16" in self.headers.get("Content-Type", "").lower() else "utf-8"
        envelope = ET.fromstring(body.decode(encoding))
        header = envelope.find(SOAP + "Header")
        namespace, action = addressed(header, "Action")
        _, message_id = addressed(header, "MessageID")
        wants_ack = header.find(WSMAN + "AckRequested") is not None
        bookmark = header.find(WSMAN + "Bookmark")
        told = {
            "at": time.time(),
            "path": self.path,
            "action": action,
            "message_id": message_id,
            "wants_ack": wants_ack,
            "bookmark": None if bookmark is None else bookmark.text,
            "headers": {local(child): (child.text or "").strip() for child in header},
            "events": events_of(envelope.find(SOAP + "Body")),
        }
        # It is told of once it is answered: whoever stops the listener then loses no answer.
        acknowledged = wants_ack and not options.no_ack
        self.answer(200, self.acknowledgement(namespace, message_id) if acknowledged else b"")
        say(told)

    def acknowledgement(self, namespace, message_id):
        uri = namespace.strip("{}")
        return (
            f'<s:Envelope xmlns:s="{SOAP.strip("{}")}" xmlns:a="{uri}"><s:Header><a:Action>{options.ack}</a:Action>'
            f"<a:RelatesTo>{message_id}</a:RelatesTo></s:Header><s:Body/></s:Envelope>"
        ).encode()

    def answer(self, status, body, headers=None):
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if body:
            self.send_header("Content-Type", "application/soap+xml;charset=UTF-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    allow_reuse_address = True
    daemon_threads = True
    address_family = socket.AF_INET6 if ":" in options.host else socket.AF_INET

    def handle_error(self, request, client_address):
        # Whoever hangs up before the answer is not told; that is no fault to report here.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


server = Server((options.host, options.port), Listener)
if options.cert:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(options.cert, options.key)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
say({"port": server.server_address[1]})
server.serve_forever()
