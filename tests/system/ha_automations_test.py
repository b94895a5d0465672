"""Automations and scenes through the gateway, written by Home Assistant's own editor and read back by an independent client."""
import time
import uuid

import pytest


@pytest.fixture
def tool(gateway_with_ha):
    return gateway_with_ha


def part(config, word):
    """A part of a configuration by either of its names: trigger until 2024.9, triggers since."""
    return config.get(word + "s", config.get(word))


def items(home_assistant, domain):
    return {one["entity_id"]: one for one in home_assistant.rest("GET", "/api/states")[1] if one["entity_id"].startswith(domain + ".")}


def stored(home_assistant, kind, key):
    status, config = home_assistant.rest("GET", f"/api/config/{kind}/config/{key}")
    return config if status == 200 else None


def await_state(home_assistant, entity_id, state):
    for _ in range(100):
        if home_assistant.state(entity_id)["state"] == state:
            return
        time.sleep(0.02)
    raise AssertionError(f"{entity_id} did not become {state}")


@pytest.fixture
def alias(home_assistant):
    """A name of this test's own; automations with it are gone at the end."""
    name = f"Test {uuid.uuid4().hex[:8]}: x!"
    yield name
    for one in items(home_assistant, "automation").values():
        if one["attributes"].get("friendly_name", "").startswith(name[:13]):
            home_assistant.rest("DELETE", f"/api/config/automation/config/{one['attributes']['id']}")


@pytest.fixture
def automation(tool, alias):
    """Turns lab_second on when lab_switch goes on."""
    return tool.call("ha_create_automation", alias=alias,
                     trigger=[{"platform": "state", "entity_id": "input_boolean.lab_switch", "to": "on"}],
                     action=[{"service": "input_boolean.turn_on", "target": {"entity_id": "input_boolean.lab_second"}}])


@pytest.fixture
def scene_id(home_assistant):
    name = f"t_{uuid.uuid4().hex[:8]}"
    yield name
    home_assistant.rest("DELETE", f"/api/config/scene/config/{name}")


def test_a_created_automation_works_at_once(tool, home_assistant, automation, alias):
    assert automation["previous_hash"] is None and "previous_version" not in automation
    theirs = stored(home_assistant, "automation", automation["id"])
    assert theirs["alias"] == alias and theirs["mode"] == "single" and theirs == automation["configuration"]
    assert items(home_assistant, "automation")[automation["entity_id"]]["state"] == "on"
    home_assistant.call_service("input_boolean", "turn_off", target={"entity_id": ["input_boolean.lab_second", "input_boolean.lab_switch"]})
    await_state(home_assistant, "input_boolean.lab_second", "off")
    home_assistant.call_service("input_boolean", "turn_on", target={"entity_id": "input_boolean.lab_switch"})
    await_state(home_assistant, "input_boolean.lab_second", "on")


def test_the_words_of_either_generation_are_taken(tool, home_assistant, alias):
    data = tool.call("ha_create_automation", alias=alias, mode="parallel", description="why", max=3, variables={"a": 1},
                     triggers=[{"trigger": "state", "entity_id": "input_boolean.lab_switch"}],
                     conditions=[{"condition": "state", "entity_id": "input_boolean.lab_switch", "state": "on"}],
                     actions=[{"if": [{"condition": "state", "entity_id": "input_boolean.lab_switch", "state": "on"}],
                               "then": [{"action": "input_boolean.toggle", "target": {"entity_id": "input_boolean.lab_second"}}]}])
    theirs = stored(home_assistant, "automation", data["id"])
    assert (theirs["mode"], theirs["description"], theirs["max"], theirs["variables"]) == ("parallel", "why", 3, {"a": 1})
    assert len(part(theirs, "condition")) == 1 and len(part(theirs, "trigger")) == 1
    inner = part(theirs, "action")[0]["then"][0]
    assert inner.get("action", inner.get("service")) == "input_boolean.toggle"
    assert items(home_assistant, "automation")[data["entity_id"]]["state"] == "on"


@pytest.mark.parametrize(("arguments", "pointer", "text"), [
    ({"trigger": [{"platform": "time", "at": "12:00:00"}], "action": [{"delay": 1}]}, "/alias", ""),
    ({"alias": "x", "action": [{"delay": 1}]}, "/trigger", ""),
    ({"alias": "x", "trigger": [{"platform": "time", "at": "12:00:00"}]}, "/action", ""),
    ({"alias": "x", "trigger": [], "action": [{"delay": 1}]}, "/trigger", "empty"),
    ({"alias": "x", "trigger": [{"platform": "time", "at": "12:00:00"}], "action": [{"delay": 1}], "mode": "sometimes"}, "/mode", "single"),
    ({"alias": "x", "trigger": [{"platform": "no_such_thing"}], "action": [{"delay": 1}]}, "", "refuses"),
    ({"alias": "x", "trigger": [{"platform": "time", "at": "12:00:00"}], "action": [{"delay": 1}], "when": 1}, "/when", ""),
])
def test_what_home_assistant_would_not_take_is_refused(tool, home_assistant, arguments, pointer, text):
    before = items(home_assistant, "automation")
    error = tool.error("ha_create_automation", **arguments)
    assert (error.status, error.code, error.pointer) == (400, "invalid_argument", pointer)
    assert text in error.message
    assert items(home_assistant, "automation").keys() == before.keys()


def test_an_id_in_use_is_a_conflict(tool, automation):
    error = tool.error("ha_create_automation", alias="other", id=automation["id"], trigger=[{"platform": "time", "at": "12:00:00"}], action=[{"delay": 1}])
    assert (error.status, error.code, error.pointer) == (409, "conflict", "/id")


def test_list_tells_state_id_and_last_run(tool, home_assistant, automation, alias):
    data = tool.call("ha_list_automations")
    assert data["total"] == len(items(home_assistant, "automation"))
    line = next(one for one in data["automations"] if one["entity_id"] == automation["entity_id"])
    assert line == {"entity_id": automation["entity_id"], "friendly_name": alias, "state": "on", "last_triggered": None, "id": automation["id"], "mode": "single"}
    tool.call("ha_enable_disable_automation", automation_id=automation["entity_id"], action="disable")
    assert automation["entity_id"] not in [one["entity_id"] for one in tool.call("ha_list_automations", enabled_only=True)["automations"]]
    assert tool.call("ha_list_automations", limit=1)["count"] == 1
    assert tool.error("ha_list_automations", limit=0).pointer == "/limit"


def test_pages_of_the_list_join_to_all(tool, home_assistant, automation, alias):
    tool.call("ha_create_automation", alias=alias + " two", trigger=[{"platform": "time", "at": "12:00:00"}], action=[{"delay": 1}])
    seen, cursor = [], None
    while True:
        page = tool.call("ha_list_automations", limit=1, **({"cursor": cursor} if cursor else {}))
        seen += [one["entity_id"] for one in page["automations"]]
        cursor = page.get("next_cursor")
        if not cursor:
            break
    assert seen == sorted(items(home_assistant, "automation"))


def test_trigger_runs_it_and_names_the_run(tool, home_assistant, automation):
    home_assistant.call_service("input_boolean", "turn_off", target={"entity_id": "input_boolean.lab_second"})
    await_state(home_assistant, "input_boolean.lab_second", "off")
    data = tool.call("ha_trigger_automation", automation_id=automation["entity_id"])
    assert data["finished"] is True and data["script_execution"] == "finished"
    assert home_assistant.state("input_boolean.lab_second")["state"] == "on"
    assert "input_boolean.lab_second" in [one["entity_id"] for one in data["changed_states"]]
    runs = home_assistant.ws_command({"type": "trace/list", "domain": "automation", "item_id": automation["id"]})
    assert data["run_id"] in [one["run_id"] for one in runs]


def test_trigger_does_not_wait_for_a_long_one(tool, home_assistant, alias):
    made = tool.call("ha_create_automation", alias=alias, trigger=[{"platform": "time", "at": "12:00:00"}], action=[{"delay": {"seconds": 60}}])
    begin = time.monotonic()
    data = tool.call("ha_trigger_automation", automation_id=made["entity_id"], wait_ms=300)
    assert data["finished"] is False and time.monotonic() - begin < 5
    assert home_assistant.state(made["entity_id"])["attributes"]["current"] == 1


def test_conditions_are_checked_unless_skipped(tool, home_assistant, alias):
    made = tool.call("ha_create_automation", alias=alias, trigger=[{"platform": "time", "at": "12:00:00"}],
                     condition=[{"condition": "template", "value_template": "{{ false }}"}],
                     action=[{"service": "input_boolean.toggle", "target": {"entity_id": "input_boolean.lab_second"}}])
    before = home_assistant.state("input_boolean.lab_second")["state"]
    data = tool.call("ha_trigger_automation", automation_id=made["entity_id"])
    assert data["script_execution"] == "failed_conditions" and home_assistant.state("input_boolean.lab_second")["state"] == before
    data = tool.call("ha_trigger_automation", automation_id=made["entity_id"], skip_condition=True)
    assert data["script_execution"] == "finished" and home_assistant.state("input_boolean.lab_second")["state"] != before


@pytest.mark.parametrize("name", ["ha_trigger_automation", "ha_get_automation_details", "ha_update_automation"])
def test_an_unknown_automation_is_not_found_and_names_the_nearest(tool, automation, name):
    error = tool.error(name, automation_id=automation["entity_id"] + "x")
    assert (error.status, error.code, error.pointer) == (404, "not_found", "/automation_id")
    assert automation["entity_id"] in error.message


def test_it_is_found_by_id_and_by_name(tool, automation, alias):
    for name in (automation["id"], alias, automation["entity_id"].split(".")[1]):
        assert tool.call("ha_get_automation_details", automation_id=name)["entity_id"] == automation["entity_id"]


def test_details_have_configuration_hash_and_runs(tool, home_assistant, automation):
    run = tool.call("ha_trigger_automation", automation_id=automation["entity_id"])["run_id"]
    data = tool.call("ha_get_automation_details", automation_id=automation["entity_id"])
    theirs = home_assistant.ws_command({"type": "automation/config", "entity_id": automation["entity_id"]})["config"]
    assert data["configuration"] == theirs and data["hash"] == automation["hash"] and data["editable"] is True
    assert [one["run_id"] for one in data["traces"]] == [run] and data["last_triggered"] is not None
    assert data["attributes"]["id"] == automation["id"]


def test_enable_and_disable(tool, home_assistant, automation):
    data = tool.call("ha_enable_disable_automation", automation_id=automation["entity_id"], action="disable")
    assert (data["previous"], data["state"], data["changed"]) == ("on", "off", True)
    assert home_assistant.state(automation["entity_id"])["state"] == "off"
    data = tool.call("ha_toggle_automation", automation_id=automation["entity_id"], enable=True)
    assert (data["previous"], data["state"]) == ("off", "on") and home_assistant.state(automation["entity_id"])["state"] == "on"
    assert tool.call("ha_enable_disable_automation", automation_id=automation["entity_id"], action="enable")["changed"] is False
    assert tool.error("ha_enable_disable_automation", automation_id=automation["entity_id"], action="toggle").pointer == "/action"
    assert tool.error("ha_enable_disable_automation", automation_id=automation["entity_id"]).status == 400


def test_update_merges_and_refuses_a_stale_hash(tool, home_assistant, automation):
    data = tool.call("ha_update_automation", automation_id=automation["entity_id"], alias="Renamed in a test", mode="restart",
                     conditions=[{"condition": "state", "entity_id": "input_boolean.lab_switch", "state": "on"}], expected_hash=automation["hash"])
    theirs = stored(home_assistant, "automation", automation["id"])
    assert (theirs["alias"], theirs["mode"]) == ("Renamed in a test", "restart")
    assert len(part(theirs, "trigger")) == 1 and len(part(theirs, "condition")) == 1 and len(part(theirs, "action")) == 1
    assert data["previous_hash"] == automation["hash"] and data["configuration"] == theirs
    assert home_assistant.state(automation["entity_id"])["attributes"]["friendly_name"] == "Renamed in a test"
    error = tool.error("ha_update_automation", automation_id=automation["entity_id"], mode="single", expected_hash=automation["hash"])
    assert (error.status, error.code, error.pointer) == (409, "conflict", "/expected_hash") and data["hash"] in error.message
    assert stored(home_assistant, "automation", automation["id"]) == theirs
    tool.call("ha_update_automation", automation_id=automation["id"], condition=[], alias=automation["configuration"]["alias"])
    assert part(stored(home_assistant, "automation", automation["id"]), "condition") == []


def test_a_bad_update_changes_nothing(tool, home_assistant, automation):
    error = tool.error("ha_update_automation", automation_id=automation["entity_id"], trigger=[{"platform": "no_such_thing"}])
    assert error.status == 400 and "refuses" in error.message
    assert stored(home_assistant, "automation", automation["id"]) == automation["configuration"]
    assert tool.error("ha_update_automation", automation_id=automation["entity_id"], action=[]).pointer == "/action"


def test_delete_takes_a_confirmation_and_returns_what_was_there(tool, home_assistant, automation):
    error = tool.error("ha_delete_automation", automation_id=automation["entity_id"], confirm=False)
    assert (error.status, error.pointer) == (400, "/confirm")
    assert tool.error("ha_delete_automation", automation_id=automation["entity_id"]).pointer == "/confirm"
    data = tool.call("ha_delete_automation", automation_id=automation["entity_id"], confirm=True)
    assert data["configuration"] == automation["configuration"] and data["deleted"] is True
    assert automation["entity_id"] not in items(home_assistant, "automation") and stored(home_assistant, "automation", automation["id"]) is None
    assert tool.error("ha_delete_automation", automation_id=automation["entity_id"], confirm=True).code == "not_found"


def test_reload_and_check(tool, home_assistant, automation):
    data = tool.call("ha_reload_automations", validate_only=True)
    assert data["valid"] is True and data["reloaded"] is False and data["automation_count"] == len(items(home_assistant, "automation"))
    data = tool.call("ha_reload_automations")
    assert data["reloaded"] is True
    assert {one["entity_id"] for one in data["automations"]} == set(items(home_assistant, "automation"))
    assert tool.error("ha_reload_automations", validate_only="perhaps").pointer == "/validate_only"


def test_traces_by_entity_and_one_in_full(tool, home_assistant, automation):
    for _ in range(2):
        tool.call("ha_trigger_automation", automation_id=automation["entity_id"])
    data = tool.call("ha_get_automation_traces", automation_id=automation["entity_id"])
    theirs = home_assistant.ws_command({"type": "trace/list", "domain": "automation", "item_id": automation["id"]})
    assert {one["run_id"] for one in data["traces"]} == {one["run_id"] for one in theirs} and data["total"] == 2
    assert data["traces"][0]["started"] >= data["traces"][1]["started"] and data["traces"][0]["entity_id"] == automation["entity_id"]
    assert tool.call("ha_get_automation_traces", automation_id=automation["entity_id"], limit=1)["count"] == 1
    run = data["traces"][1]["run_id"]
    whole = tool.call("ha_get_automation_traces", trace_id=run)
    assert whole["trace"]["run_id"] == run and any(step.startswith("action/") for step in whole["trace"]["trace"])
    assert tool.error("ha_get_automation_traces", trace_id="0" * 32).code == "not_found"
    assert tool.error("ha_get_automation_traces", domain="scene").pointer == "/domain"


def test_a_user_without_rights_is_told_so_and_can_go_on(home_assistant, make_gateway):
    gateway = make_gateway(env={"HA_URL": home_assistant.url, "HA_TOKEN": home_assistant.user_token})
    before = items(home_assistant, "automation")
    for name, arguments in (("ha_create_automation", {"alias": "x", "trigger": [{"platform": "time", "at": "12:00:00"}], "action": [{"delay": 1}]}),
                            ("ha_config_set_script", {"script_id": "t_x", "sequence": [{"delay": 1}]}), ("ha_get_automation_traces", {})):
        error = gateway.error(name, **arguments)
        assert (error.status, error.code) == (403, "forbidden") and "administrator" in error.message
    assert items(home_assistant, "automation").keys() == before.keys()
    assert gateway.call("ha_list_automations")["total"] == len(before)
    assert gateway.call("ha_activate_scene", scene_id=made_by_hand(home_assistant))["finished"] is True


def made_by_hand(home_assistant):
    home_assistant.call_service("scene", "create", {"scene_id": "t_by_hand", "entities": {"light.bed_light": "on"}})
    return "scene.t_by_hand"


# --- scenes


def test_a_scene_until_the_next_restart(tool, home_assistant, scene_id):
    data = tool.call("ha_create_scene", scene_id="scene." + scene_id, entities={"light.bed_light": {"state": "on", "brightness": 77}, "input_boolean.lab_switch": "on"})
    assert data["entity_id"] == "scene." + scene_id and data["persistent"] is False
    home_assistant.call_service("light", "turn_off", target={"entity_id": "light.bed_light"})
    await_state(home_assistant, "light.bed_light", "off")
    applied = tool.call("ha_activate_scene", scene_id="scene." + scene_id)
    light = home_assistant.state("light.bed_light")
    assert (light["state"], light["attributes"]["brightness"]) == ("on", 77)
    assert "light.bed_light" in [one["entity_id"] for one in applied["changed_states"]] and applied["finished"] is True
    assert sorted(applied["entities"]) == ["input_boolean.lab_switch", "light.bed_light"]
    home_assistant.call_service("scene", "delete", target={"entity_id": "scene." + scene_id}) if home_assistant.state("scene." + scene_id) else None


def test_a_scene_that_stays_is_in_the_editor(tool, home_assistant, scene_id):
    home_assistant.call_service("light", "turn_off", target={"entity_id": "light.ceiling_lights"})
    await_state(home_assistant, "light.ceiling_lights", "off")
    data = tool.call("ha_create_scene", scene_id=scene_id, entities={"light.bed_light": "off"}, snapshot_entities=["light.ceiling_lights"],
                     persistent=True, name="Test scene " + scene_id, icon="mdi:movie")
    assert data["entity_id"] == "scene." + scene_id
    theirs = stored(home_assistant, "scene", data["id"])
    assert theirs["entities"]["light.bed_light"] == "off" and theirs["entities"]["light.ceiling_lights"]["state"] == "off"
    assert (theirs["name"], theirs["icon"]) == ("Test scene " + scene_id, "mdi:movie")
    again = tool.call("ha_create_scene", scene_id=scene_id, entities={"light.bed_light": "on"}, persistent=True, expected_hash=data["hash"])
    assert again["replaced"] is True and again["id"] == data["id"] and "previous_version" in again
    assert stored(home_assistant, "scene", data["id"])["entities"] == {"light.bed_light": "on"}
    error = tool.error("ha_create_scene", scene_id=scene_id, entities={"light.bed_light": "off"}, persistent=True, expected_hash=data["hash"])
    assert (error.status, error.pointer) == (409, "/expected_hash")
    line = next(one for one in tool.call("ha_list_scenes")["scenes"] if one["entity_id"] == data["entity_id"])
    assert line["id"] == data["id"] and line["entity_count"] == 1


@pytest.mark.parametrize(("arguments", "status", "pointer"), [
    ({"scene_id": "x", "entities": {"light.no_such": "on"}}, 404, "/entities"),
    ({"scene_id": "x", "entities": {"nonsense": "on"}}, 400, "/entities/nonsense"),
    ({"scene_id": "x", "entities": {"light.bed_light": {"brightness": 1}}}, 400, "/entities/light.bed_light/state"),
    ({"scene_id": "x", "entities": {}}, 400, "/entities"),
    ({"scene_id": "Not A Slug", "entities": {"light.bed_light": "on"}}, 400, "/scene_id"),
    ({"scene_id": "x", "entities": {"light.bed_light": "on"}, "snapshot_entities": ["light.bed_light"]}, 400, "/snapshot_entities"),
    ({"scene_id": "x", "entities": {"light.bed_light": "on"}, "name": "only kept ones"}, 400, "/name"),
    ({"scene_id": "x"}, 400, "/entities"),
])
def test_scenes_that_cannot_be(tool, home_assistant, arguments, status, pointer):
    error = tool.error("ha_create_scene", **arguments)
    assert (error.status, error.pointer) == (status, pointer)
    assert "scene.x" not in items(home_assistant, "scene")


def test_an_unknown_scene_and_the_list(tool, home_assistant):
    error = tool.error("ha_activate_scene", scene_id="scene.no_such_scene")
    assert (error.status, error.code, error.pointer) == (404, "not_found", "/scene_id")
    assert tool.call("ha_list_scenes")["total"] == len(items(home_assistant, "scene"))
    assert tool.error("ha_list_scenes", all=True).pointer == "/all"
