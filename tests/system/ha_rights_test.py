"""A token that is limited to some entities learns nothing about others by any tool, and hears of its own on the hub."""
import json
import uuid

import pytest

from ha_events_test import wait_for
from support.hub_client import HubClient, static_token

ALLOWED = "light.bed_light"
OTHER = "lock.front_door"
EVERYTHING = ["ha.read", "ha.control", "ha.write", "ha.admin", "ha.files", "ha.code", "hub.read", "hub.subscribe"]

# Tools that such a caller may use, with arguments for his own entity and, where they name one, for another's.
WITHIN = {
    "ha_get_entity_state": ({"entity_id": ALLOWED}, {"entity_id": OTHER}),
    "ha_get_device_state": ({"entity_id": [ALLOWED]}, {"entity_id": [ALLOWED, OTHER]}),
    "ha_list_entities": ({}, None),
    "ha_get_states": ({}, None),
    "ha_discover_devices": ({}, None),
    "ha_list_areas": ({}, None),
    "ha_list_devices": ({}, None),
    "ha_get_entity": ({}, {"entity_id": OTHER}),
    "ha_get_entity_history": ({"entity_id": ALLOWED}, {"entity_id": [ALLOWED, OTHER]}),
    "ha_plot_sensor_history": ({"entity_ids": [ALLOWED]}, {"entity_ids": [ALLOWED, OTHER]}),
    "ha_analyze_states_dataframe": ({}, None),
    "ha_control_light": ({"entity_id": ALLOWED, "action": "turn_on"}, {"entity_id": "light.a," + OTHER, "action": "turn_on"}),
    "ha_call_service": ({"domain": "light", "service": "turn_on", "entity_id": ALLOWED}, {"domain": "lock", "service": "unlock", "entity_id": OTHER}),
}
# What names an area or entity of which he has none, or only entities of another domain.
NEEDS_ANOTHER = {"ha_get_area_devices", "ha_get_binary_sensor", "ha_control_switch", "ha_control_climate", "ha_control_cover",
                 "ha_vacuum_control", "ha_fan_control", "ha_media_player_control", "ha_get_statistics", "ha_camera_snapshot",
                 "ha_analyze_camera_vlm", "ha_object_detection", "ha_facial_recognition"}


def limited(name, entities, scopes=EVERYTHING):
    return static_token(name, *scopes, entities=entities)


@pytest.fixture(scope="module")
def gateway(home_assistant, tmp_path_factory):
    from support.gateway import Gateway
    tokens = [limited("lights", {"allow": ["light.*"]}), limited("one", {"allow": [ALLOWED]}),
              limited("denied", {"deny": ["lock.*"]}), limited("area", {"allow": ["area:Lab Rights"]}),
              limited("all", {"allow": ["light.*"]}, ["admin"]),
              limited("nothing", {"allow": [], "deny": []}), static_token("free", *EVERYTHING)]
    with Gateway(config={"security": {"tokens": tokens}, "plugins": {"home_assistant": {"config_root": str(home_assistant.config_dir)}}},
                 env={"HA_URL": home_assistant.url, "HA_TOKEN": home_assistant.token}) as started:
        yield started


@pytest.fixture(scope="module")
def foreign(home_assistant):
    """The ids of all entities that the token may not know of."""
    return {one["entity_id"] for one in home_assistant.ws_command({"type": "get_states"}) if not one["entity_id"].startswith("light.")}


def tools(gateway):
    document = gateway.caller("free").get("/openapi.json").json()
    out = {}
    for path, item in document["paths"].items():
        operation = item.get("post") or {}
        if path.startswith("/ha_"):
            content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            example = content.get("example")
            if example is None:
                examples = content.get("examples", {})
                example = next(iter(examples.values()))["value"] if examples else {}
            out[path[1:]] = example
    return out


def test_every_tool_is_within_reach_or_forbidden(gateway, foreign):
    """Over all tools, with the arguments of their own examples: an answer without a word of others, or forbidden."""
    all_tools = tools(gateway)
    assert len(all_tools) > 90 and set(WITHIN) <= set(all_tools)
    caller = gateway.caller("lights")
    wrong = []
    for name, example in sorted(all_tools.items()):
        reply = caller.reply(name, example)
        text = json.dumps(reply.body)
        named = json.dumps(example)
        told = {one for one in foreign if f'"{one}"' in text or f" {one}" in text} - {one for one in foreign if one in named}
        if told:
            wrong.append(f"{name} tells of {sorted(told)[:3]}")
        if name in WITHIN or name in NEEDS_ANOTHER:
            if reply.status not in (200, 400, 403, 404):
                wrong.append(f"{name}: {reply.status} {text[:200]}")
        elif reply.status != 403:
            wrong.append(f"{name} with {named[:80]}: {reply.status} {text[:160]}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("name", sorted(WITHIN))
def test_his_own_are_within_reach(gateway, foreign, name):
    own, other = WITHIN[name]
    caller = gateway.caller("lights")
    reply = caller.reply(name, own)
    assert reply.status == 200, reply.body
    text = json.dumps(reply.body)
    assert not [one for one in foreign if f'"{one}"' in text]
    if other is not None:
        error = caller.error(name, **other)
        assert (error.status, error.code) == (403, "forbidden"), error


def test_reads_are_cut_to_his_own(gateway, home_assistant):
    lights = {one["entity_id"] for one in home_assistant.ws_command({"type": "get_states"}) if one["entity_id"].startswith("light.")}
    caller = gateway.caller("lights")
    assert {one["entity_id"] for one in caller.call("ha_list_entities")["entities"]} == lights
    assert set(caller.call("ha_list_entities", summary=True)["domains"]) == {"light"}
    assert caller.call("ha_list_entities", domain="lock")["total"] == 0
    assert {one["entity_id"] for one in caller.call("ha_get_states")["states"]} == lights
    assert {one["entity_id"] for one in caller.call("ha_discover_devices")["devices"]} == lights
    assert all(one["entity_id"].startswith("light.") for one in caller.call("ha_get_entity")["entities"])
    one = gateway.caller("one")
    assert [line["entity_id"] for line in one.call("ha_list_entities")["entities"]] == [ALLOWED]
    denied = {line["entity_id"] for line in gateway.caller("denied").call("ha_list_entities", limit=10_000)["entities"]}
    assert lights <= denied and not [line for line in denied if line.startswith("lock.")]


def test_whether_it_exists_makes_no_difference(gateway):
    caller = gateway.caller("lights")
    there, gone = caller.error("ha_get_entity_state", entity_id=OTHER), caller.error("ha_get_entity_state", entity_id="lock.no_such")
    assert (there.status, there.code, there.pointer) == (gone.status, gone.code, gone.pointer) == (403, "forbidden", "/entity_id")
    assert there.message.replace(OTHER, "X") == gone.message.replace("lock.no_such", "X")
    near = gateway.caller("one").error("ha_get_entity_state", entity_id="light.bed_ligh")
    assert near.status == 403
    assert "light.ceiling_lights" not in near.message
    unknown = gateway.caller("lights").error("ha_get_entity_state", entity_id="light.front_door")
    assert unknown.status == 404 and "lock." not in unknown.message


@pytest.mark.parametrize("arguments", [
    {"domain": "light", "service": "turn_on"},
    {"domain": "light", "service": "turn_on", "entity_id": "all"},
    {"domain": "light", "service": "turn_on", "target": {"area_id": "kitchen"}},
    {"domain": "light", "service": "turn_on", "entity_id": ALLOWED, "target": {"device_id": "x"}},
    {"domain": "light", "service": "turn_on", "entity_id": [ALLOWED, OTHER]},
    {"domain": "light", "service": "turn_on", "service_data": {"entity_id": OTHER}},
    {"domain": "light", "service": "turn_on", "entity_id": ALLOWED, "service_data": {"profile": OTHER}},
    {"domain": "homeassistant", "service": "update_entity", "entity_id": OTHER},
    {"domain": "homeassistant", "service": "reload_all"},
    {"domain": "lock", "service": "unlock", "entity_id": ALLOWED},
    {"domain": "script", "service": "turn_on", "entity_id": ALLOWED},
    {"domain": "scene", "service": "apply", "service_data": {"entities": {OTHER: "unlocked"}}},
    {"domain": "scene", "service": "create", "service_data": {"scene_id": "x", "snapshot_entities": [OTHER]}},
])
def test_services_reach_no_further_than_the_list(gateway, home_assistant, arguments):
    before = home_assistant.state(OTHER)
    error = gateway.caller("lights").error("ha_call_service", **arguments)
    assert (error.status, error.code) == (403, "forbidden"), error
    assert home_assistant.state(OTHER) == before


@pytest.mark.parametrize(("name", "arguments"), [
    ("ha_render_template", {"template": "{{ states('lock.front_door') }}"}),
    ("ha_subscribe_template", {"template": "{{ states('lock.front_door') }}"}),
    ("ha_subscribe_trigger", {"trigger": {"platform": "state", "entity_id": OTHER}}),
    ("ha_subscribe_events", {"event_type": "state_changed"}),
    ("ha_subscribe_events", {"event_type": "state_changed", "entity_id": OTHER}),
    ("ha_process_intent", {"text": "unlock the front door"}),
    ("ha_get_config", {}), ("ha_get_panels", {}), ("ha_get_services", {}), ("ha_list_dashboards", {}),
    ("ha_fire_event", {"event_type": "x"}),
])
def test_what_reaches_beyond_entities_is_forbidden(gateway, name, arguments):
    for token in ("lights", "one", "denied"):
        error = gateway.caller(token).error(name, **arguments)
        assert (error.status, error.code) == (403, "forbidden"), (token, error)


def test_empty_lists_limit_nothing(gateway, home_assistant):
    assert gateway.caller("nothing").call("ha_get_entity_state", entity_id=OTHER)["entity_id"] == OTHER
    assert gateway.caller("free").call("ha_get_config")["version"] == home_assistant.version


def test_an_administrator_with_a_list_is_none(gateway):
    caller = gateway.caller("all")
    assert {one["entity_id"].split(".")[0] for one in caller.call("ha_list_entities")["entities"]} == {"light"}
    for name in ("config_get_category", "websocket_list", "system_logs", "plugins_list", "hub_connections"):
        assert caller.error(name, **({"prefix": "security"} if name == "config_get_category" else {})).status == 403


def test_an_area_is_what_the_registries_say(gateway, home_assistant):
    caller = gateway.caller("area")
    area = home_assistant.ws_command({"type": "config/area_registry/create", "name": "Lab Rights"})
    entity = "input_boolean.lab_second"  # without a device, whose area it would have
    try:
        assert caller.error("ha_get_entity_state", entity_id=entity).status == 403
        home_assistant.ws_command({"type": "config/entity_registry/update", "entity_id": entity, "area_id": area["area_id"]})
        wait_for(lambda: caller.reply("ha_get_entity_state", {"entity_id": entity}).status == 200)
        assert [one["entity_id"] for one in caller.call("ha_list_entities")["entities"]] == [entity]
        assert [one["area_id"] for one in caller.call("ha_list_areas")["areas"]] == [area["area_id"]]
        assert [one["entity_id"] for one in caller.call("ha_get_area_devices", area_name="lab_rights")["devices"]] == [entity]
        # On the hub as well, once the plugin has told it.
        wait_for(lambda: may_subscribe(gateway, "area", f"ha.state.{entity}"))
        assert not may_subscribe(gateway, "area", "ha.state.cover.garage_door")
        home_assistant.ws_command({"type": "config/entity_registry/update", "entity_id": entity, "area_id": None})
        wait_for(lambda: caller.reply("ha_get_entity_state", {"entity_id": entity}).status == 403)
        wait_for(lambda: not may_subscribe(gateway, "area", f"ha.state.{entity}"))
    finally:
        home_assistant.ws_command({"type": "config/area_registry/delete", "area_id": area["area_id"]})


def may_subscribe(gateway, token, channel):
    with HubClient(gateway, "/ws/connect", token=token) as client:
        client.send(type="subscribe", channel=channel)
        answer = client.next()
        assert answer["type"] == "subscribed" or answer["code"] == "forbidden", answer
        return answer["type"] == "subscribed"


@pytest.mark.parametrize(("token", "channel", "may"), [
    ("lights", f"ha.state.{ALLOWED}", True), ("lights", "ha.state.light.*", True), ("lights", "ha.state.light.no_such", True),
    ("lights", "ha.states", False), ("lights", "ha.state.*", False), ("lights", "ha.*", False), ("lights", f"ha.state.{OTHER}", False),
    ("lights", "ha.state.l.*", False), ("lights", "ha.events.state_changed", False), ("lights", "ha.events.*", False), ("lights", "system", True),
    ("one", f"ha.state.{ALLOWED}", True), ("one", "ha.state.light.*", False), ("one", "ha.state.light.ceiling_lights", False),
    ("denied", "ha.state.light.*", True), ("denied", f"ha.state.{OTHER}", False), ("denied", "ha.state.*", False), ("denied", "ha.states", False),
    ("free", "ha.states", True), ("free", "ha.state.*", True), ("nothing", "ha.states", True),
])
def test_hub_channels(gateway, token, channel, may):
    assert may_subscribe(gateway, token, channel) == may
    reply = gateway.caller(token).reply("hub_channel", {"channel": channel})
    assert reply.status == (200 if may else 403), reply.body
    if not channel.endswith("*"):
        assert gateway.caller(token).reply("hub_history", {"channel": channel}).status == (200 if may else 403)


def test_listings_of_the_hub_name_no_others(gateway):
    with HubClient(gateway, "/ws/connect", token="free") as client:
        for channel in ("ha.states", f"ha.state.{OTHER}", f"ha.state.{ALLOWED}"):
            client.subscribe(channel)
        for token, names in (("lights", {f"ha.state.{ALLOWED}"}), ("free", {"ha.states", f"ha.state.{OTHER}", f"ha.state.{ALLOWED}"})):
            caller = gateway.caller(token)
            assert {one["channel"] for one in caller.call("hub_channels")["channels"] if one["channel"].startswith("ha.")} == names
            stats = caller.call("hub_stats")
            assert {name for name in stats["channels"] if name.startswith("ha.")} == names


def test_only_a_plugin_tells_what_is_in_its_areas(gateway):
    areas = {"prefix": f"lab{uuid.uuid4().hex[:6]}", "areas": {"Kitchen": ["light.a", "light.b"], "hall": []}}
    assert gateway.admin.call("hub_set_entity_areas", **areas) == {"areas": 2, "entities": 2}
    assert gateway.caller("free").error("hub_set_entity_areas", **areas).status == 403
    assert gateway.admin.error("hub_set_entity_areas", prefix="x", areas={"a": "b"}).pointer == "/areas/a"
