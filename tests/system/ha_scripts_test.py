"""Scripts through the gateway, written by Home Assistant's own editor and read back by an independent client."""
import uuid

import pytest


@pytest.fixture
def tool(gateway_with_ha):
    return gateway_with_ha


@pytest.fixture
def script_id(home_assistant):
    name = f"t_{uuid.uuid4().hex[:8]}"
    yield name
    home_assistant.rest("DELETE", f"/api/config/script/config/{name}")


@pytest.fixture
def script(tool, script_id):
    return tool.call("ha_config_set_script", script_id=script_id, alias="Script of a test", icon="mdi:script", description="why",
                     fields={"who": {"description": "whom", "example": "me"}},
                     sequence=[{"action": "input_boolean.turn_on", "target": {"entity_id": "input_boolean.lab_second"}}])


def stored(home_assistant, key):
    status, config = home_assistant.rest("GET", f"/api/config/script/config/{key}")
    return config if status == 200 else None


def test_a_new_script_runs(tool, home_assistant, script, script_id):
    assert script["created"] is True and script["entity_id"] == "script." + script_id and script["previous_hash"] is None
    theirs = stored(home_assistant, script_id)
    assert (theirs["alias"], theirs["icon"], theirs["description"], theirs["mode"]) == ("Script of a test", "mdi:script", "why", "single")
    assert theirs == script["configuration"] and "who" in theirs["fields"]
    home_assistant.call_service("input_boolean", "turn_off", target={"entity_id": "input_boolean.lab_second"})
    home_assistant.call_service("script", script_id)
    assert home_assistant.state("input_boolean.lab_second")["state"] == "on"


def test_what_is_not_given_stays(tool, home_assistant, script, script_id):
    data = tool.call("ha_config_set_script", script_id="script." + script_id, mode="restart", expected_hash=script["hash"])
    theirs = stored(home_assistant, script_id)
    assert theirs == {**script["configuration"], "mode": "restart"} and data["created"] is False and "previous_version" in data
    error = tool.error("ha_config_set_script", script_id=script_id, mode="single", expected_hash=script["hash"])
    assert (error.status, error.code, error.pointer) == (409, "conflict", "/expected_hash")


def test_get_shows_configuration_and_hash(tool, home_assistant, script, script_id):
    data = tool.call("ha_config_get_script", script_id=script_id)
    assert data["configuration"] == stored(home_assistant, script_id) and data["hash"] == script["hash"]
    assert data["editable"] is True and data["state"] == "off" and data["entity_id"] == "script." + script_id
    assert tool.call("ha_config_get_script", script_id="script." + script_id) == data


def test_a_renamed_script_is_found_by_both_names(tool, home_assistant, script, script_id):
    home_assistant.ws_command({"type": "config/entity_registry/update", "entity_id": "script." + script_id, "new_entity_id": f"script.{script_id}_new"})
    for name in (script_id, f"script.{script_id}_new"):
        data = tool.call("ha_config_get_script", script_id=name)
        assert (data["script_id"], data["entity_id"]) == (script_id, f"script.{script_id}_new")
    assert tool.call("ha_config_remove_script", script_id=f"{script_id}_new", confirm=True)["script_id"] == script_id
    assert stored(home_assistant, script_id) is None


@pytest.mark.parametrize(("arguments", "status", "pointer"), [
    ({"script_id": "t_new_without_actions"}, 400, "/sequence"),
    ({"script_id": "Not a slug", "sequence": []}, 400, "/script_id"),
    ({"script_id": "t_x", "sequence": [{"delay": 1}], "mode": "often"}, 400, "/mode"),
    ({"script_id": "t_x", "sequence": [{"no_such_action": 1}]}, 400, ""),
    ({"sequence": [{"delay": 1}]}, 400, "/script_id"),
])
def test_scripts_that_cannot_be(tool, home_assistant, arguments, status, pointer):
    error = tool.error("ha_config_set_script", **arguments)
    assert (error.status, error.pointer) == (status, pointer)
    assert stored(home_assistant, "t_x") is None


def test_remove_takes_a_confirmation(tool, home_assistant, script, script_id):
    assert tool.error("ha_config_remove_script", script_id=script_id).pointer == "/confirm"
    assert stored(home_assistant, script_id) is not None
    data = tool.call("ha_config_remove_script", script_id=script_id, confirm=True)
    assert data["configuration"] == script["configuration"] and stored(home_assistant, script_id) is None
    for name in ("ha_config_remove_script", "ha_config_get_script"):
        error = tool.error(name, script_id=script_id, **({"confirm": True} if "remove" in name else {}))
        assert (error.status, error.code, error.pointer) == (404, "not_found", "/script_id")


def test_runs_of_scripts_are_traced(tool, home_assistant, script, script_id):
    home_assistant.call_service("script", script_id)
    data = tool.call("ha_get_automation_traces", automation_id="script." + script_id, domain="script")
    assert data["total"] == 1 and data["traces"][0]["script_execution"] == "finished"
    whole = tool.call("ha_get_automation_traces", domain="script", trace_id=data["traces"][0]["run_id"])
    assert whole["trace"]["domain"] == "script"
