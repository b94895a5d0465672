"""Undo: what tools overwrite is kept, listed, compared and put in force again."""
import uuid

import pytest


@pytest.fixture
def tool(gateway_with_ha):
    return gateway_with_ha


@pytest.fixture
def key(home_assistant):
    name = f"t_{uuid.uuid4().hex[:8]}"
    yield name
    for kind in ("automation", "script", "scene"):
        home_assistant.rest("DELETE", f"/api/config/{kind}/config/{name}")


def stored(home_assistant, kind, key):
    status, config = home_assistant.rest("GET", f"/api/config/{kind}/config/{key}")
    return config if status == 200 else None


def test_an_automation_is_restored_after_a_change_and_after_its_end(tool, home_assistant, key):
    made = tool.call("ha_create_automation", alias="Kept " + key, id=key, trigger=[{"platform": "time", "at": "12:00:00"}], action=[{"delay": 1}])
    assert tool.call("ha_list_versions", kind="automation", name=made["entity_id"])["count"] == 0
    changed = tool.call("ha_update_automation", automation_id=made["entity_id"], mode="restart")
    listed = tool.call("ha_list_versions", kind="automation", name=made["entity_id"])
    assert [one["version"] for one in listed["versions"]] == [changed["previous_version"]] and listed["name"] == key
    assert listed["versions"][0]["hash"] == made["hash"] and listed["versions"][0]["reason"] == "ha_update_automation"
    version = changed["previous_version"]

    diff = tool.call("ha_diff_version", kind="automation", name=key, version=version)
    assert diff["same"] is False and diff["changes"] == [{"path": "/mode", "change": "changed", "before": "single", "after": "restart"}]

    error = tool.error("ha_restore_version", kind="automation", name=key, version=version, expected_hash=made["hash"])
    assert (error.status, error.pointer) == (409, "/expected_hash")
    restored = tool.call("ha_restore_version", kind="automation", name=key, version=version, expected_hash=changed["hash"])
    assert stored(home_assistant, "automation", key) == made["configuration"]
    assert (restored["hash"], restored["previous_hash"], restored["created"]) == (made["hash"], changed["hash"], False)

    gone = tool.call("ha_delete_automation", automation_id=made["entity_id"], confirm=True)
    assert stored(home_assistant, "automation", key) is None
    assert key in tool.call("ha_list_versions", kind="automation")["kept_for"]
    diff = tool.call("ha_diff_version", kind="automation", name=made["entity_id"], version=gone["previous_version"])
    assert diff["changes"][0]["path"] == "" and diff["changes"][0]["after"] is None
    back = tool.call("ha_restore_version", kind="automation", name=made["entity_id"], version=gone["previous_version"])
    assert back["created"] is True and back["entity_id"] == made["entity_id"]
    assert stored(home_assistant, "automation", key) == made["configuration"]
    assert home_assistant.state(made["entity_id"])["state"] == "on"


def test_a_script_and_a_scene_are_restored(tool, home_assistant, key):
    made = tool.call("ha_config_set_script", script_id=key, alias="One", sequence=[{"delay": 1}])
    changed = tool.call("ha_config_set_script", script_id=key, alias="Two")
    tool.call("ha_restore_version", kind="script", entity_id="script." + key, version=changed["previous_version"])
    assert stored(home_assistant, "script", key) == made["configuration"]
    gone = tool.call("ha_config_remove_script", script_id=key, confirm=True)
    back = tool.call("ha_restore_version", kind="script", name=key, version=gone["previous_version"])
    assert back["entity_id"] == "script." + key and stored(home_assistant, "script", key) == made["configuration"]

    scene = tool.call("ha_create_scene", scene_id=key, entities={"light.bed_light": "on"}, persistent=True)
    before = stored(home_assistant, "scene", scene["id"])
    changed = tool.call("ha_create_scene", scene_id=key, entities={"light.bed_light": "off"}, persistent=True)
    diff = tool.call("ha_diff_version", kind="scene", name=key, version=changed["previous_version"])
    assert [(one["path"], one["before"], one["after"]) for one in diff["changes"]] == [("/entities/light.bed_light", "on", "off")]
    tool.call("ha_restore_version", kind="scene", name=scene["entity_id"], version=changed["previous_version"])
    assert stored(home_assistant, "scene", scene["id"]) == before


def test_two_versions_of_a_dashboard_are_compared(tool, home_assistant):
    url_path = f"t-{uuid.uuid4().hex[:8]}"
    tool.call("ha_create_dashboard", url_path=url_path, title="T", config={"views": [{"title": "A"}, {"title": "B"}]})
    for title in ("C", "D"):
        tool.call("ha_update_dashboard_config", url_path=url_path, config={"views": [{"title": "A"}, {"title": title}]})
    newer, older = (one["version"] for one in tool.call("ha_list_versions", url_path=url_path)["versions"])
    data = tool.call("ha_diff_version", url_path=url_path, version=older, against=newer)
    assert data["changes"] == [{"path": "/views/1/title", "change": "changed", "before": "B", "after": "C"}]
    assert tool.call("ha_diff_version", url_path=url_path, version=older)["changes"][0]["after"] == "D"
    assert tool.call("ha_diff_version", url_path=url_path, version=older, against=older)["same"] is True
    tool.call("ha_delete_dashboard", url_path=url_path)


@pytest.mark.parametrize(("name", "arguments", "status", "pointer"), [
    ("ha_list_versions", {"kind": "helper"}, 400, "/kind"),
    ("ha_list_versions", {"kind": "automation", "name": "automation.never_was"}, 404, "/name"),
    ("ha_diff_version", {"kind": "dashboard"}, 400, "/version"),
    ("ha_diff_version", {"version": "20260101T000000.000000Z"}, 404, "/version"),
    ("ha_diff_version", {"kind": "script", "version": "20260101T000000.000000Z"}, 400, "/name"),
    ("ha_restore_version", {"kind": "automation", "name": "automation.never_was", "version": "x"}, 404, "/name"),
])
def test_versions_that_are_not_there(tool, name, arguments, status, pointer):
    error = tool.error(name, **arguments)
    assert (error.status, error.pointer) == (status, pointer)


def test_versions_of_files_take_the_scope_of_files(tool):
    error = tool.error("ha_list_versions", kind="file")
    assert (error.status, error.code, error.pointer) == (403, "forbidden", "/kind")
