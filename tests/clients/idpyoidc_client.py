"""A login as the PyPI package idpyoidc sees it, by the three calls of its relying party.

Discovery, code flow with PKCE, state and nonce, ID token validation, userinfo, refresh. One JSON
line out.

ISSUER CLIENT_ID CLIENT_SECRET (empty: public) REDIRECT_URI LOGIN PASSWORD
optional: CLIENT_AUTH=basic|post|none  SCOPE  CONNECTOR  HOSTS
"""

import json
import os
import sys
from urllib.parse import parse_qs, urlsplit

from cryptojwt import KeyJar
from idpyoidc.client.rp_handler import RPHandler
from person import lead_localhost_to_loopback, log_in

AUTHENTICATION = {"basic": "client_secret_basic", "post": "client_secret_post", "none": "none"}


def described(issuer, redirect_uri):
    """The client as idpyoidc wants it described."""
    secret = os.environ.get("CLIENT_SECRET")
    authentication = AUTHENTICATION[os.environ.get("CLIENT_AUTH", "basic" if secret else "none")]
    client = {
        "issuer": issuer,
        "client_type": "oidc",
        "client_id": os.environ["CLIENT_ID"],
        "redirect_uris": [redirect_uri],
        "response_types_supported": ["code"],
        "scopes_supported": os.environ.get("SCOPE", "openid profile email offline_access").split(),
        "token_endpoint_auth_methods_supported": [authentication],
        "token_endpoint_auth_method": authentication,
        "client_authn_methods": [authentication, "bearer_header"],
        "add_ons": {
            "pkce": {
                "function": "idpyoidc.client.oauth2.add_on.pkce.add_support",
                "kwargs": {"code_challenge_length": 64, "code_challenge_method": "S256"},
            }
        },
    }
    if secret:
        client["client_secret"] = secret
    return client


def run():
    lead_localhost_to_loopback()
    issuer = os.environ["ISSUER"]
    redirect_uri = os.environ["REDIRECT_URI"]
    client = described(issuer, redirect_uri)
    # Without a key jar it makes keys of its own, and writes them into the current folder.
    relying_party = RPHandler(
        base_url=redirect_uri, client_configs={issuer: client}, keyjar=KeyJar()
    )

    start = relying_party.begin(issuer, req_args={"scope": client["scopes_supported"]})
    back, steps = log_in(start, redirect_uri)
    answer = {name: values[0] for name, values in parse_qs(urlsplit(back).query).items()}
    done = relying_party.finalize(issuer, answer)
    if "error" in done:
        raise RuntimeError(f"{done['error']}: {done.get('error_description')}")

    state = done["state"]
    refreshed = relying_party.refresh_access_token(state)
    if "error" in refreshed:
        raise RuntimeError(f"{refreshed['error']}: {refreshed.get('error_description')}")
    again = relying_party.get_user_info(state, access_token=refreshed["access_token"])
    return {
        "issuer": done["issuer"],
        "claims": done["id_token"].to_dict(),
        "userinfo": done["userinfo"].to_dict(),
        "iss_in_response": answer.get("iss"),
        "refreshed_claims": refreshed["__verified_id_token"].to_dict(),
        "refreshed_userinfo": again.to_dict(),
        "rotated": refreshed["access_token"] != done["token"],
        "steps": steps,
    }


def main():
    try:
        print(json.dumps({"client": "idpyoidc", "ok": True, **run()}))
    except Exception as error:
        print(
            json.dumps(
                {
                    "client": "idpyoidc",
                    "ok": False,
                    "error": type(error).__name__,
                    "message": str(error),
                }
            )
        )
        sys.exit(1)


if __name__ == "__main__":
    main()
