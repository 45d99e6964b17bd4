"""The whole life of a login, as the PyPI package Authlib sees it.

Discovery, code flow with PKCE, state and nonce, ID token validation, userinfo, refresh,
revocation. One JSON line out.

ISSUER CLIENT_ID CLIENT_SECRET (empty: public) REDIRECT_URI LOGIN PASSWORD
optional: CLIENT_AUTH=basic|post|none  SCOPE  CONNECTOR  HOSTS
"""

import json
import os
import sys
from urllib.parse import parse_qs, urlsplit

from authlib.integrations.base_client import BaseApp, OAuth2Mixin, OAuthError, OpenIDMixin
from authlib.integrations.requests_client import OAuth2Session
from person import lead_localhost_to_loopback, log_in


class RelyingParty(OAuth2Mixin, OpenIDMixin, BaseApp):
    """Authlib's client without one of its web frameworks."""

    client_cls = OAuth2Session


def refusal(work):
    """The OAuth error code that `work` is refused with, or None."""
    try:
        work()
    except OAuthError as error:
        return error.error
    return None


def run():
    lead_localhost_to_loopback()
    issuer = os.environ["ISSUER"]
    redirect_uri = os.environ["REDIRECT_URI"]
    secret = os.environ.get("CLIENT_SECRET") or None
    authentication = os.environ.get("CLIENT_AUTH", "basic" if secret else "none")
    relying_party = RelyingParty(
        None,
        "insula",
        client_id=os.environ["CLIENT_ID"],
        client_secret=secret,
        server_metadata_url=issuer.rstrip("/") + "/.well-known/openid-configuration",
        client_kwargs={
            "scope": os.environ.get("SCOPE", "openid profile email offline_access"),
            "code_challenge_method": "S256",
            "token_endpoint_auth_method": {
                "basic": "client_secret_basic",
                "post": "client_secret_post",
            }.get(authentication, "none"),
        },
    )
    metadata = relying_party.load_server_metadata()
    if metadata["issuer"] != issuer:
        raise RuntimeError(f"the metadata of {issuer} names {metadata['issuer']}")

    begun = relying_party.create_authorization_url(redirect_uri)
    back, steps = log_in(begun["url"], redirect_uri)
    answer = {name: values[0] for name, values in parse_qs(urlsplit(back).query).items()}
    if "error" in answer:
        raise OAuthError(answer["error"], answer.get("error_description"))
    if answer.get("state") != begun["state"]:
        raise RuntimeError("state is not the one this login was begun with")

    token = relying_party.fetch_access_token(
        redirect_uri, code=answer["code"], code_verifier=begun["code_verifier"]
    )
    claims = relying_party.parse_id_token(token, nonce=begun["nonce"])
    userinfo = relying_party.userinfo(token=token)
    if userinfo["sub"] != claims["sub"]:
        raise RuntimeError("userinfo speaks of somebody else than the ID token")

    result = {
        "issuer": metadata["issuer"],
        "claims": claims,
        "token_type": token["token_type"],
        "scope": token.get("scope"),
        "expires_in": token.get("expires_in"),
        "iss_in_response": answer.get("iss"),
        "userinfo": userinfo,
        "refreshed": False,
        "revoked": False,
        "steps": steps,
    }

    with relying_party._get_oauth_client(**metadata) as session:
        session.update_token = None
        last = token
        if token.get("refresh_token"):
            last = session.refresh_token(metadata["token_endpoint"], token["refresh_token"])
            result["refreshed"] = True
            result["rotated"] = last.get("refresh_token") != token["refresh_token"]
            same = True
            if last.get("id_token"):
                # A refreshed ID token need not repeat the nonce (OIDC Core §12.2).
                same = relying_party.parse_id_token(dict(last), nonce=None)["sub"] == claims["sub"]
            result["same_subject"] = same
            relying_party.userinfo(token=last)
        if metadata.get("revocation_endpoint"):
            value = last.get("refresh_token") or last["access_token"]
            answered = session.revoke_token(metadata["revocation_endpoint"], token=value)
            answered.raise_for_status()
            result["revoked"] = True
            if token.get("refresh_token"):
                result["refresh_after_revocation"] = refusal(
                    lambda: session.refresh_token(metadata["token_endpoint"], value)
                )
    return result


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
