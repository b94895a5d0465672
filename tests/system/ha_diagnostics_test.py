"""Health, logs, integrations, diagnostics and restarts, against a Home Assistant of its own with an integration that offers diagnostics."""
import time

import pytest

from support.gateway import Gateway
from support.lab_integration import DOMAIN, add_entry, install


@pytest.fixture(scope="module")
def home(private_home_assistant):
    install(private_home_assistant.config_dir)
    private_home_assistant.restart()
    return private_home_assistant


@pytest.fixture(scope="module")
def gateway_with_home(home):
    with Gateway(env={"HA_URL": home.url, "HA_TOKEN": home.token}) as started:
        yield started


@pytest.fixture
def tool(gateway_with_home):
    return gateway_with_home.admin


@pytest.fixture(scope="module")
def entries(home):
    return {"good": add_entry(home, fail=False), "bad": add_entry(home, fail=True)}


def states(home):
    return {one["entity_id"]: one for one in home.rest("GET", "/api/states")[1]}


def eventually(check, seconds=10):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = check()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError("it did not come")


def test_health_is_collected_to_the_end(tool, home):
    data = tool.call("ha_system_health")
    assert data["complete"] is True and data["version"] == home.ws_command({"type": "get_config"})["version"]
    assert data["health"]["homeassistant"]["info"]["version"].endswith(data["version"])
    assert data["recorder"]["recording"] is True and data["entities_count"] == len(states(home))
    issues = home.ws_command({"type": "repairs/list_issues"})["issues"]
    assert data["open_repairs"] == len([one for one in issues if not one["ignored"]])
    assert tool.error("ha_system_health", domain="recorder").pointer == "/domain"


def test_notifications(tool, home):
    home.call_service("persistent_notification", "create", {"notification_id": "of_a_test", "title": "T", "message": "Hello"})
    data = tool.call("ha_get_persistent_notifications")
    mine = next(one for one in data["notifications"] if one["notification_id"] == "of_a_test")
    assert (mine["title"], mine["message"]) == ("T", "Hello") and data["count"] == len(home.ws_command({"type": "persistent_notification/get"}))
    home.call_service("persistent_notification", "dismiss", {"notification_id": "of_a_test"})
    assert "of_a_test" not in [one["notification_id"] for one in tool.call("ha_get_persistent_notifications")["notifications"]]
    assert tool.error("ha_get_persistent_notifications", id="x").pointer == "/id"


def test_integrations_that_work_and_that_do_not(tool, home, entries):
    data = tool.call("ha_get_integration_status", integration="demo")
    demo = next(one for one in data["integrations"] if one["integration"] == "demo")
    assert demo["loaded"] is True and demo["problem"] is False and demo["entries"][0]["state"] == "loaded"
    registry = home.ws_command({"type": "config/entity_registry/list"})
    assert demo["entity_count"] == len([one for one in registry if one["platform"] == "demo"])
    bad = next(one for one in tool.call("ha_get_integration_status", integration=DOMAIN)["integrations"] if one["integration"] == DOMAIN)
    failed = next(one for one in bad["entries"] if one["entry_id"] == entries["bad"])
    assert bad["problem"] is True and failed["state"] == "setup_retry" and "does not answer" in failed["reason"]
    all_of_them = tool.call("ha_get_integration_status", limit=1)
    assert all_of_them["count"] == 1 and all_of_them["problems"] == 1 and "automation" in all_of_them["components"]
    error = tool.error("ha_get_integration_status", integration="dmeo")
    assert (error.status, error.pointer) == (404, "/integration") and "demo" in error.message


def test_the_configuration_is_checked_under_both_names(tool, home):
    for name in ("ha_check_config", "ha_validate_config"):
        assert tool.call(name)["valid"] is True
    file = home.config_dir / "configuration.yaml"
    before = file.read_text()
    file.write_text(before + "\ninput_boolean_typo_of_a_test:\n  x: [\n")
    try:
        for name in ("ha_check_config", "ha_validate_config"):
            data = tool.call(name)
            assert data["valid"] is False and data["errors"]
        error = tool.error("ha_restart_homeassistant", confirm=True)
        assert (error.status, error.code) == (409, "conflict") and "nothing was restarted" in error.message
    finally:
        file.write_text(before)
    assert tool.error("ha_check_config", deep=True).pointer == "/deep"


def test_log_entries_come_newest_first(tool, home, entries):
    for i in range(3):
        home.call_service("system_log", "write", {"message": f"entry {i} of a test", "level": "warning", "logger": f"lab.test{i}"})
        time.sleep(0.01)
    eventually(lambda: [one for one in home.ws_command({"type": "system_log/list"}) if one["name"] == "lab.test2"])
    data = tool.call("ha_get_system_logs", component="lab.test")
    assert [one["message"] for one in data["logs"]] == [f"entry {i} of a test" for i in (2, 1, 0)]
    assert data["total_lines"] == 3 and data["source"] == "system_log" and data["logs"][0]["level"] == "WARNING"
    assert tool.call("ha_get_system_logs", component="lab.test", limit=1)["logs"][0]["message"] == "entry 2 of a test"
    assert tool.call("ha_get_system_logs", component="lab.test", severity="error")["logs"] == []
    assert tool.call("ha_get_system_logs", component="a part is broken", severity="error")["count"] == 1
    assert tool.error("ha_get_system_logs", severity="loud").pointer == "/severity"


def test_errors_by_severity(tool, home, entries):
    home.call_service("system_log", "write", {"message": "grave thing of a test", "level": "critical", "logger": "lab.grave"})
    eventually(lambda: [one for one in home.ws_command({"type": "system_log/list"}) if one["name"] == "lab.grave"])
    data = tool.call("ha_get_error_log", limit=500)
    theirs = home.ws_command({"type": "system_log/list"})
    assert [one["message"] for one in data["critical"]] == ["grave thing of a test"]
    assert {one["message"] for one in data["errors"]} == {"\n".join(one["message"]) for one in theirs if one["level"] == "ERROR"}
    assert data["warning_count"] == len([one for one in theirs if one["level"] == "WARNING"])
    assert sum(len(data[key]) for key in ("critical", "errors", "warnings")) == len(theirs)
    few = tool.call("ha_get_error_log", limit=1)
    assert sum(len(few[key]) for key in ("critical", "errors", "warnings")) == 1 and few["warning_count"] == data["warning_count"]
    assert tool.error("ha_get_error_log", limit="all").pointer == "/limit"


def test_log_lines(tool, home):
    home.call_service("system_log", "write", {"message": "line of a test", "level": "error", "logger": "lab.line"})
    eventually(lambda: [one for one in home.ws_command({"type": "system_log/list"}) if one["name"] == "lab.line"])
    data = tool.call("ha_get_system_logs_diagnostics", lines=5, level="ERROR")
    assert data["count"] <= 5 and data["level_filter"] == "ERROR" and any("ERROR [lab.line] line of a test" in line for line in data["log_lines"])
    assert not [line for line in data["log_lines"] if " WARNING " in line]
    assert tool.error("ha_get_system_logs_diagnostics", lines=0).pointer == "/lines"


def test_logs_take_the_scope_of_administrators(gateway_with_home):
    for name in ("ha_get_system_logs", "ha_get_error_log", "ha_get_system_logs_diagnostics", "ha_get_startup_errors", "ha_list_available_diagnostics"):
        assert gateway_with_home.error(name).status in (401, 403)


def test_startup_errors(tool, home, entries):
    data = tool.call("ha_get_startup_errors")
    assert [one["entry_id"] for one in data["failed_entries"]] == [entries["bad"]] and "does not answer" in data["failed_entries"][0]["reason"]
    assert data["notification_count"] == len(home.ws_command({"type": "persistent_notification/get"}))
    assert len(data["slowest_setups"]) == 10 and data["slowest_setups"][0]["seconds"] >= data["slowest_setups"][9]["seconds"]
    assert any("a part is broken" in one["message"] for one in data["errors"])
    assert tool.error("ha_get_startup_errors", since="1h").pointer == "/since"


def test_diagnostics_of_an_entry_and_a_device(tool, home, entries):
    listed = tool.call("ha_list_available_diagnostics", integration_filter=DOMAIN)
    assert {one["entry_id"] for one in listed["integrations"]} == set(entries.values()) and listed["supported_count"] == 2
    assert all(one["supports_diagnostics"] and one["supports_device_diagnostics"] for one in listed["integrations"])
    device = next(one for one in listed["devices"] if one["name"] == "Part")
    assert device["supports_diagnostics"] is True and device["config_entries"] == [entries["good"]]
    demo = tool.call("ha_list_available_diagnostics", integration_filter="demo")
    assert demo["supported_count"] == 0 and demo["device_count"] > 5

    data = tool.call("ha_get_config_entry_diagnostics", entry_id=entries["good"], integration=DOMAIN)
    assert data["diagnostics"]["data"] == {"kind": "entry", "fail": False} and data["integration"] == DOMAIN
    data = tool.call("ha_get_device_diagnostics", device_id=device["device_id"])
    assert data["diagnostics"]["data"] == {"kind": "device", "model": "P1"} and data["entry_id"] == entries["good"]

    demo_entry = next(one["entry_id"] for one in home.ws_command({"type": "config_entries/get"}) if one["domain"] == "demo")
    assert tool.error("ha_get_config_entry_diagnostics", entry_id=demo_entry).code == "unsupported"
    assert tool.error("ha_get_device_diagnostics", device_id=demo["devices"][0]["device_id"]).code == "unsupported"
    for name, arguments, pointer in (("ha_get_config_entry_diagnostics", {"entry_id": "0" * 32}, "/entry_id"), ("ha_get_device_diagnostics", {"device_id": "0" * 32}, "/device_id"),
                                     ("ha_list_available_diagnostics", {"integration_filter": "no_such"}, "/integration_filter")):
        error = tool.error(name, **arguments)
        assert (error.status, error.pointer) == (404, pointer)
    assert tool.error("ha_get_config_entry_diagnostics", entry_id=entries["good"], integration="demo").pointer == "/integration"


def test_an_entity_is_diagnosed(tool, home):
    tool.call("ha_create_scene", scene_id="of_a_diagnosis", entities={"light.bed_light": "on"}, persistent=True)
    data = tool.call("ha_diagnose_entity", entity_id="light.bed_light")
    theirs = home.state("light.bed_light")
    assert data["current_state"] == theirs["state"] and data["attributes"] == theirs["attributes"]
    assert data["diagnostics"]["available"] is True and data["diagnostics"]["integration"] == "demo" and data["diagnostics"]["config_entry_state"] == "loaded"
    assert data["related_scenes"] == ["scene.of_a_diagnosis"] and data["findings"] == []
    home.rest("POST", "/api/states/light.bed_light", {"state": "unavailable"})
    try:
        gone = lambda d: d if d["current_state"] == "unavailable" else None  # as soon as the event has come
        data = eventually(lambda: gone(tool.call("ha_diagnose_entity", entity_id="light.bed_light", include_history=False)))
        assert data["diagnostics"]["available"] is False and "unavailable" in data["findings"][0] and "history" not in data
    finally:
        home.call_service("homeassistant", "update_entity", {"entity_id": "light.bed_light"})
        home.call_service("light", "turn_on", target={"entity_id": "light.bed_light"})
    home.ws_command({"type": "config/entity_registry/update", "entity_id": "button.push", "disabled_by": "user"})
    eventually(lambda: "button.push" not in states(home))
    data = eventually(lambda: (lambda d: d if d["diagnostics"].get("disabled_by") else None)(tool.call("ha_diagnose_entity", entity_id="button.push")))
    assert data["current_state"] is None and any("disabled by user" in one for one in data["findings"])
    home.ws_command({"type": "config/entity_registry/update", "entity_id": "button.push", "disabled_by": None})
    error = tool.error("ha_diagnose_entity", entity_id="light.bed_lihgt")
    assert (error.status, error.pointer) == (404, "/entity_id") and "light.bed_light" in error.message


def test_a_restart_takes_a_confirmation_and_is_waited_for(tool, home):
    for name in ("ha_restart_homeassistant", "ha_restart"):
        error = tool.error(name, confirm=False)
        assert (error.status, error.pointer) == (400, "/confirm")
    before = home.rest("GET", "/api/states/sun.sun")[1]["last_changed"]
    data = tool.call("ha_restart_homeassistant", confirm=True)
    assert data["restarting"] is True and data["running_again"] is True and data["version"] == home.ws_command({"type": "get_config"})["version"]
    assert home.rest("GET", "/api/states/sun.sun")[1]["last_changed"] != before
    assert tool.call("ha_diagnose_entity", entity_id="light.bed_light")["current_state"] == home.state("light.bed_light")["state"]
    data = tool.call("ha_restart", confirm=True, wait_ms=0)
    assert data["restarting"] is True and data["running_again"] is False
    eventually(lambda: tool.reply("ha_get_config").status != 200 or tool.call("ha_get_config")["state"] != "RUNNING", 20)
    home.wait_running()
