"""pywbem's connection to the agent that the environment names, for all scripts here.

Every reply that it gets is written down, as a line of JSON, in the file that ESM_REPLIES names: the test checks them.
"""

import json
import os

import pywbem

# The library behind pywbem prefers these to the certificate that it is told.
for variable in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
    os.environ.pop(variable, None)


class Replies(pywbem.BaseOperationRecorder):
    """What the server answered, whatever pywbem makes of it; errors of HTTP are texts for people."""

    def stage_http_response1(self, conn_id, version, status, reason, headers):
        self.status = status

    def stage_http_response2(self, payload):
        if self.status == 200:
            text = payload.decode("utf-8") if isinstance(payload, bytes) else payload
            with open(os.environ["ESM_REPLIES"], "a", encoding="utf-8") as file:
                file.write(json.dumps(text) + "\n")

    def record(self, pywbem_args, pywbem_result, http_request, http_response):
        pass


def connect(namespace=None, **more):
    connection = pywbem.WBEMConnection(
        os.environ["ESM_URL"],
        (os.environ["ESM_USER"], os.environ["ESM_PASSWORD"]),
        default_namespace=namespace,
        ca_certs=os.environ["ESM_CA"],
        timeout=120,
        **more,
    )
    connection.add_operation_recorder(Replies())
    return connection
