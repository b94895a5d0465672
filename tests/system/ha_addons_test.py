"""Add-ons over the Supervisor's API, played by a local server with its documented paths and answers."""
import re

import pytest

from support.gateway import Gateway
from support.json_server import JsonServer

TOKEN = "supervisor-token"


class Supervisor:
    """Keeps add-ons as the Supervisor does: /addons for what is installed, /store/addons for what could be."""

    def __init__(self):
        self.store = {"core_mosquitto": "6.4.1", "core_ssh": "9.0.0", "local_patchbay": "1.0.0", "core_samba": "12.0"}
        self.installed = {"core_mosquitto": {"version": "6.4.0", "state": "stopped"}, "local_patchbay": {"version": "1.0.0", "state": "started"}}

    def describe(self, slug):
        one = self.installed.get(slug)
        out = {"slug": slug, "name": slug.split("_")[1].title(), "version_latest": self.store[slug], "repository": "core",
               "description": "About it", "version": one["version"] if one else None}
        if one:
            out |= {"state": one["state"], "update_available": one["version"] != self.store[slug]}
        return out

    def __call__(self, method, path, body):
        ok = lambda data=None: (200, {"result": "ok", "data": data or {}})
        error = lambda status, words: (status, {"result": "error", "message": words})
        if path == "/addons" and method == "GET":
            return ok({"addons": [self.describe(slug) for slug in self.installed]})
        if path == "/store/addons" and method == "GET":
            return ok({"addons": [self.describe(slug) for slug in self.store]})
        if match := re.fullmatch(r"/store/addons/(\w+)/(install|update)(?:/([\w.]+))?", path):
            slug, verb, version = match.groups()
            if slug not in self.store:
                return error(404, f"Addon {slug} does not exist in the store")
            if (verb == "install") == (slug in self.installed):
                return error(400, f"Addon {slug} is already installed" if verb == "install" else f"Addon {slug} is not installed")
            self.installed.setdefault(slug, {"state": "stopped"})["version"] = version or self.store[slug]
            return ok()
        if match := re.fullmatch(r"/addons/(\w+)/(\w+)", path):
            slug, verb = match.groups()
            slug = "local_patchbay" if slug == "self" else slug
            if slug not in self.installed:
                return error(404, f"Addon {slug} does not exist")
            if verb == "info":
                return ok(self.describe(slug) | {"options": {"logins": [{"username": "a", "password": "hunter2"}], "api_key": "k", "port": 1883, "require_certificate": False},
                                                 "network": {"1883/tcp": 1883}, "boot": "auto", "auto_update": True, "long_description": "x" * 5000})
            if verb == "stats":
                return ok({"cpu_percent": 1.5, "memory_usage": 1234})
            if verb == "logs":
                return 200, "".join(f"\x1b[32mline {i}\x1b[0m\n" for i in range(250))
            if verb in ("start", "restart", "stop"):
                self.installed[slug]["state"] = "stopped" if verb == "stop" else "started"
                return ok()
            if verb == "uninstall":
                del self.installed[slug]
                return ok()
        return error(404, "Not found")


@pytest.fixture
def supervisor():
    return Supervisor()


@pytest.fixture(scope="module")
def server():
    with JsonServer(None) as started:
        yield started


@pytest.fixture(scope="module")
def running(server):
    with Gateway(config={"plugins": {"home_assistant": {"supervisor": {"url": server.url}}}}, env={"SUPERVISOR_TOKEN": TOKEN}) as started:
        yield started


@pytest.fixture
def tool(running, server, supervisor):
    server.answer = supervisor
    server.requests.clear()
    return running.admin


EVERY = [("ha_list_addons", {}), ("ha_get_addon_info", {"addon_slug": "core_mosquitto"}), ("ha_get_addon_logs", {"addon_slug": "core_mosquitto"}),
         ("ha_start_addon", {"addon_slug": "core_mosquitto"}), ("ha_stop_addon", {"addon_slug": "core_mosquitto"}), ("ha_restart_addon", {"addon_slug": "core_mosquitto"}),
         ("ha_install_addon", {"addon_slug": "core_ssh"}), ("ha_update_addon", {"addon_slug": "core_mosquitto"}), ("ha_uninstall_addon", {"addon_slug": "core_mosquitto", "confirm": True})]


@pytest.mark.parametrize(("name", "arguments"), EVERY)
def test_without_a_supervisor_they_say_so(gateway_with_ha, gateway, name, arguments):
    """gateway_with_ha has a real Home Assistant, which has no Supervisor; gateway has none at all."""
    for caller in (gateway_with_ha.admin, gateway.admin):
        error = caller.error(name, **arguments)
        assert (error.status, error.code) == (503, "unavailable") and "Supervisor" in error.message, error


def test_a_token_that_is_refused(tool, server):
    server.answer = lambda *_: (401, {"result": "error", "message": "no"})
    error = tool.error("ha_list_addons")
    assert error.code == "auth_failed" and TOKEN not in error.message


def test_list(tool, server):
    data = tool.call("ha_list_addons")
    assert [(one["slug"], one["state"], one["version"], one["version_latest"], one["update_available"]) for one in data["addons"]] == \
        [("core_mosquitto", "stopped", "6.4.0", "6.4.1", True), ("local_patchbay", "started", "1.0.0", "1.0.0", False)]
    assert server.requests[-1].headers["authorization"] == f"Bearer {TOKEN}" and data["count"] == 2
    assert tool.call("ha_list_addons", available=True)["count"] == 4
    assert tool.error("ha_list_addons", x=1).status == 400


def test_info_masks_secrets(tool):
    data = tool.call("ha_get_addon_info", addon_slug="core_mosquitto", stats=True)
    assert data["options"] == {"logins": [{"username": "a", "password": "***"}], "api_key": "***", "port": 1883, "require_certificate": False}
    assert data["network"] == {"1883/tcp": 1883} and data["stats"]["memory_usage"] == 1234 and "long_description" not in data
    assert tool.error("ha_get_addon_info", addon_slug="core_nothing").code == "not_found"


@pytest.mark.parametrize("slug", ["../core", "a/b", "a b", "", ".hidden", "a?b=c", "a%2fb"])
def test_a_slug_cannot_leave_its_place(tool, server, slug):
    for name, arguments in EVERY[1:]:
        assert tool.error(name, **{**arguments, "addon_slug": slug}).status == 400
    assert server.requests == []


def test_start_stop_restart(tool, supervisor):
    data = tool.call("ha_start_addon", addon_slug="core_mosquitto")
    assert (data["slug"], data["previous_state"], data["state"], data["changed"]) == ("core_mosquitto", "stopped", "started", True)
    assert supervisor.installed["core_mosquitto"]["state"] == "started"
    assert tool.call("ha_restart_addon", addon_slug="core_mosquitto")["state"] == "started"
    assert tool.call("ha_stop_addon", addon_slug="core_mosquitto")["state"] == "stopped"
    assert supervisor.installed["core_mosquitto"]["state"] == "stopped"
    for name in ("ha_stop_addon", "ha_restart_addon"):
        error = tool.error(name, addon_slug="local_patchbay")
        assert error.code == "conflict" and supervisor.installed["local_patchbay"]["state"] == "started"
    assert tool.error("ha_start_addon", addon_slug="core_nothing").code == "not_found"


def test_install_update_uninstall(tool, supervisor, server):
    assert tool.call("ha_install_addon", addon_slug="core_ssh")["version"] == "9.0.0" and "core_ssh" in supervisor.installed
    assert tool.call("ha_install_addon", addon_slug="core_samba", version="11.0")["version"] == "11.0"
    assert tool.error("ha_install_addon", addon_slug="core_ssh").code == "invalid_argument"
    assert tool.error("ha_install_addon", addon_slug="core_x").code == "not_found"
    assert tool.error("ha_install_addon", addon_slug="core_ssh", version="../x").pointer == "/version"
    updated = tool.call("ha_update_addon", addon_slug="core_mosquitto", backup=True)
    assert (updated["old_version"], updated["new_version"], updated["changed"]) == ("6.4.0", "6.4.1", True)
    assert next(one for one in server.requests if one.path.endswith("/update")).body == {"backup": True}
    assert tool.call("ha_update_addon", addon_slug="core_mosquitto")["changed"] is False
    assert tool.error("ha_update_addon", addon_slug="core_nothing").code == "not_found"
    assert tool.error("ha_uninstall_addon", addon_slug="core_ssh").pointer == "/confirm" and "core_ssh" in supervisor.installed
    assert tool.call("ha_uninstall_addon", addon_slug="core_ssh", confirm=True, remove_config=True)["removed"] and "core_ssh" not in supervisor.installed
    assert tool.error("ha_uninstall_addon", addon_slug="local_patchbay", confirm=True).code == "conflict"


def test_logs(tool):
    data = tool.call("ha_get_addon_logs", addon_slug="core_mosquitto", lines=3)
    assert data["logs"] == "line 247\nline 248\nline 249\n" and data["lines"] == 3 and data["truncated"]
    assert tool.call("ha_get_addon_logs", addon_slug="core_mosquitto", lines=5000)["truncated"] is False
    assert tool.error("ha_get_addon_logs", addon_slug="core_nothing").code == "not_found"
