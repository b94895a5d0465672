"""Areas, floors, labels and helpers through the gateway, read back by an independent client."""
import uuid

import pytest


@pytest.fixture
def tool(gateway_with_ha):
    return gateway_with_ha


@pytest.fixture
def name(home_assistant):
    text = f"T {uuid.uuid4().hex[:8]}"
    yield text
    for kind in ("area", "floor", "label"):
        for one in home_assistant.ws_command({"type": f"config/{kind}_registry/list"}):
            if one["name"].startswith(text):
                home_assistant.ws_command({"type": f"config/{kind}_registry/delete", f"{kind}_id": one[f"{kind}_id"]})
    for kind in ("input_number", "timer", "input_select"):
        for one in home_assistant.ws_command({"type": f"{kind}/list"}):
            if one["name"].startswith(text):
                home_assistant.ws_command({"type": f"{kind}/delete", f"{kind}_id": one["id"]})


def registry(home_assistant, kind):
    return {one[f"{kind}_id"]: one for one in home_assistant.ws_command({"type": f"config/{kind}_registry/list"})}


@pytest.mark.parametrize(("kind", "extra", "change"), [
    ("area", {"icon": "mdi:home", "aliases": ["there"]}, {"icon": None}),
    ("floor", {"level": 2, "icon": "mdi:home"}, {"icon": None}),
    ("label", {"color": "#ff0000", "description": "why"}, {"description": None}),
])
def test_making_changing_and_removing(tool, home_assistant, name, kind, extra, change):
    made = tool.call(f"ha_set_{kind}", name=name, **extra)
    theirs = registry(home_assistant, kind)[made["id"]]
    assert made["created"] is True and made["record"] == theirs and theirs["name"] == name and all(theirs[key] == value for key, value in extra.items())
    changed = tool.call(f"ha_set_{kind}", **{f"{kind}_id": name}, name=name + " new", **change)
    theirs = registry(home_assistant, kind)[made["id"]]
    assert theirs["name"] == name + " new" and all(theirs[key] == value for key, value in change.items())
    assert changed["previous"] == made["record"] and changed["created"] is False
    unchanged = set(extra) - set(change)
    assert all(theirs[key] == extra[key] for key in unchanged)
    assert tool.error(f"ha_set_{kind}", **{f"{kind}_id": made["id"]}).status == 400
    removed = tool.call(f"ha_remove_{kind}", id=made["id"])
    assert removed["record"] == theirs and made["id"] not in registry(home_assistant, kind)
    for call in (tool.error(f"ha_remove_{kind}", id=made["id"]), tool.error(f"ha_set_{kind}", **{f"{kind}_id": made["id"]}, name="x")):
        assert (call.status, call.code) == (404, "not_found")
    assert tool.error(f"ha_set_{kind}").status == 400


@pytest.mark.parametrize("kind", ["floor", "label"])
def test_lists(tool, home_assistant, name, kind):
    made = tool.call(f"ha_set_{kind}", name=name)
    data = tool.call(f"ha_list_{kind}s")
    assert {one[f"{kind}_id"] for one in data["items"]} == set(registry(home_assistant, kind)) and made["id"] in registry(home_assistant, kind)
    assert tool.error(f"ha_list_{kind}s", all=True).pointer == "/all"


def test_a_name_in_use_is_refused(tool, home_assistant, name):
    tool.call("ha_set_area", name=name)
    assert tool.error("ha_set_area", name=name).status == 400
    assert [one["name"] for one in registry(home_assistant, "area").values()].count(name) == 1


def helpers(home_assistant, kind):
    return {one["id"]: one for one in home_assistant.ws_command({"type": f"{kind}/list"})}


def test_a_helper_keeps_the_settings_that_are_not_given(tool, home_assistant, name):
    made = tool.call("ha_set_helper", type="input_number", name=name, config={"min": 1, "max": 9, "step": 0.5, "icon": "mdi:gauge"})
    assert helpers(home_assistant, "input_number")[made["id"]] == made["config"] and home_assistant.state(made["entity_id"])["attributes"]["max"] == 9
    changed = tool.call("ha_set_helper", type="input_number", id=made["entity_id"], config={"max": 20})
    theirs = helpers(home_assistant, "input_number")[made["id"]]
    assert (theirs["max"], theirs["min"], theirs["step"], theirs["icon"], theirs["name"]) == (20, 1, 0.5, "mdi:gauge", name)
    assert changed["previous"] == made["config"]
    timer = tool.call("ha_set_helper", type="timer", name=name, config={"duration": "0:05:00"})
    tool.call("ha_set_helper", type="timer", id=timer["id"], name=name + " new")
    assert helpers(home_assistant, "timer")[timer["id"]]["duration"] == "0:05:00"
    listed = tool.call("ha_list_helpers")
    assert {made["id"], timer["id"]} <= {one["id"] for one in listed["helpers"]}
    assert [one["entity_id"] for one in tool.call("ha_list_helpers", type="input_number")["helpers"] if one["id"] == made["id"]] == [made["entity_id"]]

    assert tool.error("ha_remove_helper", type="timer", id=timer["id"]).pointer == "/confirm"
    removed = tool.call("ha_remove_helper", type="timer", id=timer["id"], confirm=True)
    assert removed["config"]["name"] == name + " new" and timer["id"] not in helpers(home_assistant, "timer")


@pytest.mark.parametrize(("tool_name", "arguments", "status", "pointer"), [
    ("ha_set_helper", {"type": "input_number", "name": "T bad", "config": {"min": 5}}, 400, "/config"),
    ("ha_set_helper", {"type": "input_number", "name": "T bad", "config": {"min": 5, "max": 1}}, 400, "/config"),
    ("ha_set_helper", {"type": "lamp", "name": "x"}, 400, "/type"),
    ("ha_set_helper", {"type": "timer"}, 400, ""),
    ("ha_set_helper", {"type": "timer", "id": "no_such", "name": "x"}, 404, "/id"),
    ("ha_set_helper", {"type": "input_boolean", "id": "input_boolean.lab_switch", "name": "x"}, 501, "/id"),
    ("ha_remove_helper", {"type": "timer", "id": "no_such", "confirm": True}, 404, "/id"),
    ("ha_list_helpers", {"type": "lamp"}, 400, "/type"),
])
def test_helpers_that_cannot_be(tool, home_assistant, tool_name, arguments, status, pointer):
    error = tool.error(tool_name, **arguments)
    assert (error.status, error.pointer) == (status, pointer), error
    assert not [one for one in helpers(home_assistant, "input_number").values() if one["name"] == "T bad"]
