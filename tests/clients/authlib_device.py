"""A device's login, as the PyPI package Authlib drives it.

Discovery, device authorization, a poll before the person has typed the code and one after, ID token
validation, userinfo, refresh where there is a refresh token. One JSON line out.

ISSUER CLIENT_ID CLIENT_SECRET (empty: public) LOGIN PASSWORD  optional: SCOPE  CONNECTOR  HOSTS
"""

import json
import os
import sys
import time

import requests
from authlib.integrations.base_client import BaseApp, OAuth2Mixin, OAuthError, OpenIDMixin
from authlib.integrations.requests_client import OAuth2Session
from person import TIME_OUT, lead_localhost_to_loopback, log_in

DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"


class RelyingParty(OAuth2Mixin, OpenIDMixin, BaseApp):
    """Authlib's client without one of its web frameworks."""

    client_cls = OAuth2Session


def run():
    lead_localhost_to_loopback()
    client_id = os.environ["CLIENT_ID"]
    secret = os.environ.get("CLIENT_SECRET") or None
    scope = os.environ.get("SCOPE", "openid profile email offline_access")
    device = RelyingParty(
        None,
        "insula",
        client_id=client_id,
        client_secret=secret,
        server_metadata_url=os.environ["ISSUER"].rstrip("/") + "/.well-known/openid-configuration",
        client_kwargs={"token_endpoint_auth_method": "client_secret_basic" if secret else "none"},
    )
    metadata = device.load_server_metadata()

    # Authlib has the token request of this grant, but not the request before it.
    asked = requests.post(
        metadata["device_authorization_endpoint"],
        data={"client_id": client_id, "scope": scope},
        auth=(client_id, secret) if secret else None,
        timeout=TIME_OUT,
    )
    asked.raise_for_status()
    codes = asked.json()

    with device._get_oauth_client(**metadata) as session:
        session.update_token = None

        def poll():
            return session.fetch_token(
                metadata["token_endpoint"],
                grant_type=DEVICE_CODE,
                device_code=codes["device_code"],
            )

        try:
            poll()
            raise RuntimeError("there are tokens before anybody typed the code")
        except OAuthError as error:
            before = error.error
        _, steps = log_in(codes["verification_uri_complete"], done="device-answer")
        time.sleep(codes["interval"])
        token = poll()
        claims = device.parse_id_token(token, nonce=None)
        userinfo = device.userinfo(token=token)
        refreshed = None
        if token.get("refresh_token"):
            again = session.refresh_token(metadata["token_endpoint"], token["refresh_token"])
            refreshed = device.parse_id_token(dict(again), nonce=None)
        try:
            poll()
            after = None
        except OAuthError as error:
            after = error.error
    return {
        "issuer": metadata["issuer"],
        "codes": {**codes, "device_code": None},
        "before": before,
        "claims": claims,
        "userinfo": userinfo,
        "refreshed": refreshed,
        "after": after,
        "steps": steps,
    }


def main():
    try:
        print(json.dumps({"client": "authlib", "ok": True, **run()}))
    except Exception as error:
        print(
            json.dumps(
                {
                    "client": "authlib",
                    "ok": False,
                    "error": getattr(error, "error", type(error).__name__),
                    "message": getattr(error, "description", None) or str(error),
                }
            )
        )
        sys.exit(1)


if __name__ == "__main__":
    main()
