"""Takes a Home Assistant that was never used through its first-run questions, over its API, as its web page would.

`onboard(url, wait)` makes the owner and a normal user, and gives a long-lived token for each; `wait` is called with a
condition that must hold before it goes on. The integrations that onboarding adds and that ask the outside world are
taken out again: tests run without a network.
"""
from functools import partial

from . import home_assistant_client
from .home_assistant_client import Client

PASSWORD = "patchbay-lab"  # guards an instance that listens on loopback and lives as long as a test run
LIFESPAN_DAYS = 3650
PATIENCE = 300.0  # some steps install packages before they answer
request = partial(home_assistant_client.request, timeout=PATIENCE)
REACH_OUTSIDE = {"met", "google_translate", "radio_browser"}


def onboard(url: str, wait) -> dict:
    client_id = url + "/"
    code = _ok(request(url, "POST", "/api/onboarding/users", {
        "client_id": client_id, "name": "Owner", "username": "owner", "password": PASSWORD, "language": "en"}))["auth_code"]
    access = _exchange(url, client_id, code)
    owner = Client(url, access, PATIENCE)
    wait(lambda: owner.rest("GET", "/api/config")[1]["state"] == "RUNNING")  # else what the next step loads is not installed
    _ok(request(url, "POST", "/api/onboarding/core_config", {}, token=access))
    _ok(request(url, "POST", "/api/onboarding/analytics", {}, token=access))
    _ok(request(url, "POST", "/api/onboarding/integration", {"client_id": client_id, "redirect_uri": client_id}, token=access))
    for entry in owner.ws_command({"type": "config_entries/get"}):
        if entry["domain"] in REACH_OUTSIDE:
            _ok(owner.rest("DELETE", f"/api/config/config_entries/entry/{entry['entry_id']}"))
    user = owner.ws_command({"type": "config/auth/create", "name": "Resident", "group_ids": ["system-users"]})["user"]
    owner.ws_command({"type": "config/auth_provider/homeassistant/create", "user_id": user["id"],
                      "username": "resident", "password": PASSWORD})
    resident = Client(url, _log_in(url, client_id, "resident"), PATIENCE)
    return {"token": _long_lived(owner), "user_token": _long_lived(resident)}


def _ok(answer: tuple[int, object]):
    status, body = answer
    if status not in (200, 201):
        raise RuntimeError(f"onboarding was refused with {status}: {body}")
    return body


def _exchange(url: str, client_id: str, code: str) -> str:
    form = {"grant_type": "authorization_code", "code": code, "client_id": client_id}
    return _ok(request(url, "POST", "/auth/token", form=form))["access_token"]


def _log_in(url: str, client_id: str, username: str) -> str:
    flow = _ok(request(url, "POST", "/auth/login_flow", {
        "client_id": client_id, "handler": ["homeassistant", None], "redirect_uri": client_id}))
    done = _ok(request(url, "POST", f"/auth/login_flow/{flow['flow_id']}", {
        "client_id": client_id, "username": username, "password": PASSWORD}))
    return _exchange(url, client_id, done["result"])


def _long_lived(client: Client) -> str:
    return client.ws_command({"type": "auth/long_lived_access_token", "client_name": "tests", "lifespan": LIFESPAN_DAYS})
