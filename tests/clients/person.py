"""A person without a browser: follows redirects, keeps cookies, fills in the forms it meets.

What the Python scripts of this folder share. LOGIN  PASSWORD
optional: CONNECTOR  HOSTS
"""

import os
import socket
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import requests

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


def log_in(start, redirect_uri=None, done=None):
    """Logs in, starting at `start`; answers the URL that leads back to the client, or that of the page
    that has an element of the id `done`."""
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
            if redirect_uri and url.split("?")[0].split("#")[0] == redirect_uri:
                return url, steps
            method, values = "GET", None
            continue
        if done and f'id="{done}"' in response.text:
            return url, steps
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
