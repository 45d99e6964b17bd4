"""A token of a client itself, as the PyPI package Authlib asks for it. One JSON line out.

ISSUER CLIENT_ID CLIENT_SECRET
optional: SCOPE  RESOURCE
"""

import json
import os
import sys

import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from person import TIME_OUT, lead_localhost_to_loopback


def run():
    lead_localhost_to_loopback()
    issuer = os.environ["ISSUER"].rstrip("/")
    metadata = requests.get(f"{issuer}/.well-known/openid-configuration", timeout=TIME_OUT).json()
    session = OAuth2Session(
        os.environ["CLIENT_ID"],
        os.environ["CLIENT_SECRET"],
        scope=os.environ.get("SCOPE"),
        token_endpoint_auth_method="client_secret_basic",
    )
    more = {"resource": os.environ["RESOURCE"]} if os.environ.get("RESOURCE") else {}
    token = session.fetch_token(metadata["token_endpoint"], grant_type="client_credentials", **more)
    refused = None
    try:
        session.fetch_token(
            metadata["token_endpoint"],
            grant_type="client_credentials",
            resource="https://elsewhere.example",
        )
    except OAuthError as error:
        refused = error.error
    return {"token": token, "refused": refused}


def main():
    try:
        print(json.dumps({"client": "authlib", "ok": True, **run()}))
    except Exception as error:
        print(json.dumps({"client": "authlib", "ok": False, "message": str(error)}))
        sys.exit(1)


if __name__ == "__main__":
    main()
