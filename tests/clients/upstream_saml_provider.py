"""An identity provider that nobody here wrote, as an upstream: the IdP of the PyPI package pysaml2, which signs
and encrypts with xmlsec1. Whoever comes is Jane.

PORT  ENTITY_ID  FOLDER (holds idp.pem and idp.crt)  XMLSEC  METADATA (addresses of service providers)

What it signs stands in the path that it is asked at: /response, /assertion, /both; at /sealed it signs both
and encrypts the assertion, with 3DES: it has nothing else.
"""

import os
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlsplit

from person import lead_localhost_to_loopback
from saml2 import BINDING_HTTP_POST
from saml2.config import IdPConfig
from saml2.saml import NAMEID_FORMAT_PERSISTENT, NameID
from saml2.server import Server

PORT = int(os.environ["PORT"])
FOLDER = os.environ["FOLDER"]
PASSWORD = "urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"
JANE = {"name": ["Jane Doe"], "mail": ["jane@acme.test"], "groups": ["staff", "night"]}


def metadata():
    """What the service providers say of themselves, as they serve it."""
    documents = []
    for address in os.environ["METADATA"].split():
        with urllib.request.urlopen(address) as answer:
            documents.append(answer.read().decode())
    return documents


def provider():
    config = IdPConfig()
    config.load({
        "entityid": os.environ["ENTITY_ID"],
        "key_file": f"{FOLDER}/idp.pem",
        "cert_file": f"{FOLDER}/idp.crt",
        "xmlsec_binary": os.environ["XMLSEC"],
        "metadata": {"inline": metadata()},
        "service": {
            "idp": {
                "endpoints": {
                    "single_sign_on_service": [
                        (f"http://127.0.0.1:{PORT}/{path}", BINDING_HTTP_POST)
                        for path in ("response", "assertion", "both", "sealed")
                    ]
                },
                "policy": {
                    "default": {
                        "lifetime": {"minutes": 5},
                        "attribute_restrictions": None,
                        "name_form": "urn:oasis:names:tc:SAML:2.0:attrname-format:basic",
                    }
                },
                "name_id_format": [NAMEID_FORMAT_PERSISTENT],
                "signing_algorithm": "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
                "digest_algorithm": "http://www.w3.org/2001/04/xmlenc#sha256",
            }
        },
    })
    return Server(config=config)


class Answers(BaseHTTPRequestHandler):
    def do_POST(self):
        length = int(self.headers["content-length"])
        form = {name: values[0] for name, values in parse_qs(self.rfile.read(length).decode()).items()}
        what = urlsplit(self.path).path.lstrip("/")
        request = idp.parse_authn_request(form["SAMLRequest"], BINDING_HTTP_POST).message
        subject = NameID(format=NAMEID_FORMAT_PERSISTENT, text="jane")
        response = idp.create_authn_response(
            JANE,
            in_response_to=request.id,
            destination=request.assertion_consumer_service_url,
            sp_entity_id=request.issuer.text,
            name_id=subject,
            authn={"class_ref": PASSWORD, "authn_auth": os.environ["ENTITY_ID"]},
            sign_response=what in ("response", "both", "sealed"),
            sign_assertion=what in ("assertion", "both", "sealed"),
            encrypt_assertion=what == "sealed",
            encrypted_advice_attributes=False,
        )
        arguments = idp.apply_binding(
            BINDING_HTTP_POST,
            str(response),
            request.assertion_consumer_service_url,
            form["RelayState"],
            response=True,
        )
        body = arguments["data"].encode() if isinstance(arguments["data"], str) else arguments["data"]
        self.send_response(200)
        self.send_header("content-type", "text/html; charset=utf-8")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


lead_localhost_to_loopback()
idp = provider()
server = HTTPServer(("127.0.0.1", PORT), Answers)
print("listening", flush=True)
server.serve_forever()
