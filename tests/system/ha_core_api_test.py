"""Reads of Home Assistant, its templates, history, logbook, sentences and checks, against its own API."""
import json
import time
import uuid
from datetime import datetime, timedelta, timezone

import pytest
from ha_events_test import wait_for


@pytest.fixture(scope="module")
def tool(gateway_with_ha):
    return gateway_with_ha


def test_entity_state(tool, home_assistant):
    data = tool.call("ha_get_entity_state", entity_id="light.bed_light")
    theirs = home_assistant.state("light.bed_light")
    assert {key: data[key] for key in ("entity_id", "state", "attributes", "last_changed", "context")} == {key: theirs[key] for key in ("entity_id", "state", "attributes", "last_changed", "context")}


def test_an_unknown_entity_is_not_found_with_the_nearest(tool):
    error = tool.error("ha_get_entity_state", entity_id="light.bed_ligt")
    assert (error.status, error.code, error.pointer) == (404, "not_found", "/entity_id") and "light.bed_light" in error.message
    for bad in ("bed light", "light.", "../config", "light.a/../b"):
        assert tool.error("ha_get_entity_state", entity_id=bad).status == 400
    assert tool.error("ha_get_entity_state").pointer == "/entity_id"


def test_list_entities(tool, home_assistant):
    states = {one["entity_id"]: one for one in home_assistant.ws_command({"type": "get_states"})}
    data = tool.call("ha_list_entities")
    assert [one["entity_id"] for one in data["entities"]] == sorted(states)
    assert data["count"] == data["total"] == len(states)
    lights = tool.call("ha_list_entities", domain="light")["entities"]
    assert {one["entity_id"] for one in lights} == {name for name in states if name.startswith("light.")}
    assert all(one["friendly_name"] == states[one["entity_id"]]["attributes"].get("friendly_name", one["entity_id"]) for one in lights)
    assert tool.call("ha_list_entities", domain="nothing")["entities"] == []


def test_list_entities_in_pages(tool):
    whole = [one["entity_id"] for one in tool.call("ha_list_entities")["entities"]]
    seen, cursor = [], None
    while True:
        page = tool.call("ha_list_entities", limit=30, cursor=cursor)
        assert page["count"] <= 30 and page["total"] == len(whole)
        seen += [one["entity_id"] for one in page["entities"]]
        cursor = page.get("next_cursor")
        if cursor is None:
            break
    assert seen == whole
    assert tool.error("ha_list_entities", limit=0).pointer == "/limit"


def test_get_states_is_what_home_assistant_says(tool, home_assistant):
    data = tool.call("ha_get_states")
    theirs = home_assistant.ws_command({"type": "get_states"})
    assert [one["entity_id"] for one in data["states"]] == sorted(one["entity_id"] for one in theirs)
    assert data["count"] == data["total"] == len(theirs)
    same = {one["entity_id"]: one for one in theirs}
    assert all(one["attributes"] == same[one["entity_id"]]["attributes"] for one in data["states"] if one["entity_id"].startswith("light."))


def test_get_states_cut_and_filtered(tool):
    lights = tool.call("ha_get_states", domain="light")
    assert lights["states"] and all(one["entity_id"].startswith("light.") for one in lights["states"])
    part = tool.call("ha_get_states", domain="light", limit=2, offset=1, fields=["entity_id", "state"])
    assert part["states"] == [{"entity_id": one["entity_id"], "state": one["state"]} for one in lights["states"][1:3]]
    assert (part["count"], part["total"]) == (2, lights["count"])
    assert tool.call("ha_get_states", limit=0)["states"] == []
    assert tool.error("ha_get_states", limit=-1).pointer == "/limit"
    assert tool.error("ha_get_states", fields=[]).pointer == "/fields"


def test_services(tool, home_assistant):
    theirs = home_assistant.ws_command({"type": "get_services"})
    whole = tool.call("ha_get_services")
    assert {one["domain"]: one["services"] for one in whole} == theirs
    names = tool.call("ha_get_services", domain="light", names_only=True)
    assert names == [{"domain": "light", "services": list(theirs["light"])}]
    error = tool.error("ha_get_services", domain="ligth")
    assert (error.status, error.pointer) == (404, "/domain") and "light" in error.message


def test_config(tool, home_assistant):
    reply = tool.reply("ha_get_config")
    assert reply.data == home_assistant.ws_command({"type": "get_config"})
    assert reply.message == f"Home Assistant {reply.data['version']} is RUNNING"
    assert tool.error("ha_get_config", x=1).status == 400


def test_panels(tool, home_assistant):
    theirs = home_assistant.ws_command({"type": "get_panels"})
    data = tool.call("ha_get_panels")
    assert [one["url_path"] for one in data["panels"]] == sorted(theirs)
    for one in data["panels"]:
        assert {key: one[key] for key in ("component_name", "title", "icon", "require_admin", "config")} == \
            {key: theirs[one["url_path"]][key] for key in ("component_name", "title", "icon", "require_admin", "config")}
    assert data["count"] == len(theirs)
    assert tool.error("ha_get_panels", x=1).status == 400


@pytest.mark.parametrize(("template", "result"), [
    ("{{ 1 + 1 }}", 2), ('"quoted"', '"quoted"'), ("plain", "plain"), ("{{ [1, 'a'] }}", [1, "a"]), ("", ""), ("{{ is_state('sun.sun', 'nowhere') }}", False)])
def test_template(tool, template, result):
    data = tool.call("ha_render_template", template=template)
    assert data["result"] == result and data["template"] == template


def test_template_with_variables(tool):
    assert tool.call("ha_render_template", template="{{ who }} {{ n * 2 }}", variables={"who": "Grün", "n": 4})["result"] == "Grün 8"


@pytest.mark.parametrize("arguments", [{"template": "{{ 1 / 0 }}"}, {"template": "{{ broken"}, {"template": "{{ unknown_thing + 1 }}"},
                                       {"template": "{{ nothing }}", "strict": True}])
def test_a_broken_template_says_why(tool, arguments):
    error = tool.error("ha_render_template", **arguments)
    assert (error.status, error.code) == (400, "invalid_argument") and len(error.message) > 30


def test_templates_leave_no_subscription_behind(tool):
    def subscriptions() -> int:
        ours = [one for one in tool.admin.call("websocket_status")["connections"] if one["owner"] == "plugin:home_assistant"]
        assert len(ours) == 1
        return ours[0]["subscriptions"]

    # One is the mirror's.
    tool.call("ha_render_template", template="{{ 1 }}")
    wait_for(lambda: subscriptions() == 1)
    for _ in range(30):
        tool.call("ha_render_template", template="{{ now() }}")
    wait_for(lambda: subscriptions() == 1)


def test_history(tool, home_assistant):
    for state in ("on", "off", "on", "off"):
        home_assistant.call_service("input_boolean", f"turn_{state}", target={"entity_id": "input_boolean.lab_second"})
    start = (datetime.now(timezone.utc) - timedelta(hours=1)).isoformat()
    deadline = time.monotonic() + 10  # the recorder writes once a second
    while True:
        data = tool.call("ha_get_history", entity_id="input_boolean.lab_second", start_time=start)
        if [one["state"] for one in data["history"]][-3:] == ["off", "on", "off"] or time.monotonic() > deadline:
            break
    assert [one["state"] for one in data["history"]][-3:] == ["off", "on", "off"]
    assert data["count"] == len(data["history"]) and data["entity_id"] == "input_boolean.lab_second"
    times = [datetime.fromisoformat(one["last_updated"]) for one in data["history"]]
    assert times == sorted(times)
    assert data["history"][-1]["attributes"]["friendly_name"]
    assert "attributes" not in tool.call("ha_get_history", entity_id="input_boolean.lab_second", no_attributes=True)["history"][-1]


def test_history_takes_a_zone_with_a_plus(tool):
    data = tool.call("ha_get_history", entity_id="sun.sun", start_time="2026-01-01T00:00:00+01:00", end_time="2026-01-02")
    assert data["history"] == [] and data["start_time"] == "2026-01-01T00:00:00+01:00"


@pytest.mark.parametrize("name", ["ha_get_history", "ha_get_logbook"])
@pytest.mark.parametrize(("arguments", "status", "pointer"), [
    ({"entity_id": "light.no_such_light"}, 404, "/entity_id"),
    ({"entity_id": "not an id"}, 400, "/entity_id"),
    ({"entity_id": "sun.sun", "start_time": "yesterday"}, 400, "/start_time"),
    ({"entity_id": "sun.sun", "end_time": "2026-02-30"}, 400, "/end_time"),
    ({"entity_id": "sun.sun", "start_time": "2026-01-02", "end_time": "2026-01-01"}, 400, "/end_time"),
])
def test_the_past_refuses(tool, name, arguments, status, pointer):
    error = tool.error(name, **arguments)
    assert (error.status, error.pointer) == (status, pointer), error


def test_logbook(tool, home_assistant):
    name = f"Lab entry {uuid.uuid4().hex[:8]}"
    home_assistant.call_service("logbook", "log", {"name": name, "message": "was here", "entity_id": "input_boolean.lab_switch"})
    deadline = time.monotonic() + 10
    while True:
        data = tool.call("ha_get_logbook", entity_id="input_boolean.lab_switch")
        found = [one for one in data["logbook"] if one.get("name") == name]
        if found or time.monotonic() > deadline:
            break
    assert found[0]["message"] == "was here"
    assert abs(datetime.fromisoformat(found[0]["when"]) - datetime.now(timezone.utc)) < timedelta(minutes=1)
    everything = tool.call("ha_get_logbook", start_time=(datetime.now(timezone.utc) - timedelta(minutes=5)).isoformat())
    assert name in [one.get("name") for one in everything["logbook"]] and everything["count"] == len(everything["logbook"])


def test_fire_event_takes_an_administrator(tool, home_assistant):
    kind = f"lab_{uuid.uuid4().hex[:8]}"
    assert tool.error("ha_fire_event", event_type=kind).status in (401, 403)
    with home_assistant.socket() as socket:
        subscription = socket.subscribe({"type": "subscribe_events", "event_type": kind})
        data = tool.admin.call("ha_fire_event", event_type=kind, event_data={"a": [1, "ü"]})
        event = socket.next_event(subscription)
    assert event["data"] == {"a": [1, "ü"]} and data["event_type"] == kind and data["event_data"] == {"a": [1, "ü"]}
    assert event["context"]["id"] == data["context_id"]
    assert tool.admin.error("ha_fire_event").pointer == "/event_type"


def test_a_sentence_acts(tool, home_assistant):
    home_assistant.call_service("light", "turn_on", target={"entity_id": "light.kitchen_lights"})
    data = tool.call("ha_process_intent", text="turn off Kitchen Lights")
    assert home_assistant.state("light.kitchen_lights")["state"] == "off"
    assert data["speech"] and data["language"] == "en" and data["result"]["response_type"] == "action_done"
    home_assistant.call_service("light", "turn_on", target={"entity_id": "light.kitchen_lights"})


def test_a_sentence_that_is_not_understood_is_an_error(tool):
    error = tool.error("ha_process_intent", text="xyzzy plugh")
    assert (error.status, error.pointer) == (400, "/text") and "no_intent_match" in error.message
    assert tool.error("ha_process_intent", text="").status == 400
    assert tool.call("ha_process_intent", text="turn on Kitchen Lights", agent_id="conversation.home_assistant")["speech"]


def test_the_configuration_is_checked(tool):
    data = tool.call("ha_validate_config")
    assert data["valid"] is True and data["result"] == "valid" and "errors" not in data
    assert tool.error("ha_validate_config", x=1).status == 400


TRIGGER = {"platform": "state", "entity_id": "light.bed_light"}
ACTION = {"service": "light.turn_off", "target": {"entity_id": "light.bed_light"}}


@pytest.mark.parametrize("arguments", [
    {"triggers": [TRIGGER]}, {"trigger": [TRIGGER], "action": [ACTION]}, {"automation": {"alias": "x", "trigger": TRIGGER, "actions": [ACTION]}},
    {"alias": "Lab", "id": "17", "mode": "single", "description": "", "triggers": [TRIGGER], "conditions": [], "actions": [ACTION]},
    {"conditions": [{"condition": "state", "entity_id": "light.bed_light", "state": "on"}]}])
def test_a_valid_automation(tool, arguments):
    data = tool.call("ha_validate_automation", **arguments)
    assert data["valid"] is True and data["errors"] and all(part == {"valid": True} for part in data["errors"].values())


def test_an_automation_that_is_not_valid(tool):
    data = tool.call("ha_validate_automation", automation={"triggers": [{"platform": "no_such"}], "actions": [ACTION]})
    assert data["valid"] is False and data["errors"]["actions"] == {"valid": True}
    assert data["errors"]["triggers"]["valid"] is False and "no_such" in data["errors"]["triggers"]["error"]


@pytest.mark.parametrize(("arguments", "status"), [({}, 400), ({"alias": "x"}, 400), ({"automation": {}}, 400), ({"automation": []}, 400),
                                                  ({"triggers": "x"}, 400), ({"automation": {"triggers": [TRIGGER], "trigger": [TRIGGER]}}, 400),
                                                  ({"automation": {"triggers": [TRIGGER]}, "triggers": [TRIGGER]}, 400),
                                                  ({"use_blueprint": {"path": "a.yaml"}}, 501)])
def test_nothing_to_check_is_refused(tool, arguments, status):
    assert tool.error("ha_validate_automation", **arguments).status == status


def test_answers_are_json_all_the_way(tool):
    response = tool.post("/ha_get_states", b'{"domain":"weather"}', {"content-type": "application/json"})
    assert json.loads(response.text)["status"] == "success"
