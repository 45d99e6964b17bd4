"""The whole life of a login, as the PyPI package Authlib sees it.

Discovery, code flow with PKCE, state and nonce, ID token validation, userinfo, refresh,
revocation. One JSON line out.

ISSUER CLIENT_ID CLIENT_SECRET (empty: public) REDIRECT_URI LOGIN PASSWORD
optional: CLIENT_AUTH=basic|post|none  SCOPE  CONNECTOR  HOSTS
"""

import json
import os
import socket
import sys
from html.parser import HTMLParser
from urllib.parse import parse_qs, urljoin, urlsplit

import requests
from authlib.integrations.base_client import BaseApp, OAuth2Mixin, OAuthError, OpenIDMixin
from authlib.integrations.requests_client import OAuth2Session

MOST_PAGES = 20
TIME_OUT = 20

# The ids of the button that agrees: ours, and a shorter one.
APPROVE = ("submit-approve", "approve")

HOSTS = dict(
    entry.strip().split("=", 1) for entry in os.environ.get("HOSTS", "").split(",") if "=" in entry
)


def lead_localhost_to_loopback():
    """Names under .localhost are loopback (RFC 6761); the system's resolver may not know."""
    system = socket.getaddrinfo

    def getaddrinfo(host, *arguments, **options):
        name = host.decode() if isinstance(host, bytes) else host
        if isinstance(name, str):
            name = name.lower().rstrip(".")
            name = HOSTS.get(name, "127.0.0.1" if name.endswith(".localhost") else host)
        return system(name, *arguments, **options)

    socket.getaddrinfo = getaddrinfo


class Forms(HTMLParser):
    """The forms and links of a page."""

    def __init__(self):
        super().__init__()
        self.forms = []
        self.links = []

    def handle_starttag(self, tag, attrs):
        attributes = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append({**attributes, "fields": [], "buttons": []})
        elif tag == "a":
            self.links.append(attributes.get("href", ""))
        elif tag in ("input", "button") and self.forms:
            kind = attributes.get("type", "submit" if tag == "button" else "text")
            form = self.forms[-1]
            if kind == "submit":
                form["buttons"].append(attributes)
            elif kind in ("checkbox", "radio"):
                if "checked" in attributes:
                    form["fields"].append({"value": "on", **attributes})
            elif kind != "button":
                form["fields"].append(attributes)


def has(form, ids):
    return any(part.get("id") in ids for part in form["fields"] + form["buttons"])


def choose(forms):
    for ids in (APPROVE, ("login",)):
        for form in forms:
            if has(form, ids):
                return form
    return forms[0] if forms else None


def filled_in(form):
    """The form as this person fills it in: who they are, that they agree, nothing else."""
    values = []
    for field in form["fields"]:
        name = field.get("name")
        if not name:
            continue
        known = (field.get("id"), name)
        if "login" in known and "readonly" not in field:
            values.append((name, os.environ.get("LOGIN", "")))
        elif "password" in known:
            values.append((name, os.environ.get("PASSWORD", "")))
        else:
            values.append((name, field.get("value", "")))
    buttons = form["buttons"]
    wanted = (*APPROVE, "submit-login")
    by_id = [button for name in wanted for button in buttons if button.get("id") == name]
    button = (by_id or buttons or [{}])[0]
    if button.get("name"):
        values.append((button["name"], button.get("value", "")))
    return values


def log_in(start, redirect_uri):
    """Logs in, starting at `start`; answers the URL that leads back to the client."""
    person = requests.Session()
    connector = os.environ.get("CONNECTOR")
    steps = []
    method, url, values = "GET", start, None
    for _ in range(MOST_PAGES):
        response = person.request(
            method,
            url,
            **({"data": values} if method == "POST" else {"params": values}),
            allow_redirects=False,
            timeout=TIME_OUT,
        )
        steps.append(f"{method} {urlsplit(url).path} {response.status_code}")
        if response.is_redirect:
            url = urljoin(url, response.headers["location"])
            if url.split("?")[0].split("#")[0] == redirect_uri:
                return url, steps
            method, values = "GET", None
            continue
        page = Forms()
        page.feed(response.text)
        link = next(
            (link for link in page.links if connector and link.split("?")[0].endswith(f"/{connector}")),
            None,
        )
        if link:
            method, url, values = "GET", urljoin(url, link), None
            continue
        form = choose(page.forms)
        if form is None or response.status_code >= 400:
            raise RuntimeError(
                f"stuck at {urlsplit(url).path} with {response.status_code} after {', '.join(steps)}"
            )
        url = urljoin(url, form.get("action") or url)
        method, values = form.get("method", "get").upper(), filled_in(form)
    raise RuntimeError(f"not back after {MOST_PAGES} pages: {', '.join(steps)}")


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
