"""Reads from the mirror: they are what Home Assistant says, cost it nothing, follow its changes, and say how old they are."""
import json
import os
import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from ha_events_test import wait_for


@pytest.fixture(scope="module")
def tool(gateway_with_ha):
    return gateway_with_ha


@pytest.fixture
def lab(private_home_assistant, make_gateway):
    return make_gateway(env={"HA_URL": private_home_assistant.url, "HA_TOKEN": private_home_assistant.token})


@pytest.fixture
def area(home_assistant):
    made = home_assistant.ws_command({"type": "config/area_registry/create", "name": f"Lab {uuid.uuid4().hex[:6]}"})
    yield made
    home_assistant.ws_command({"type": "config/area_registry/delete", "area_id": made["area_id"]})


def counted(gateway, operation):
    """How often an operation was called, all outcomes together."""
    label = f'operation="{operation}"'
    lines = gateway.admin.get("/metrics").text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith("patchbay_operations_total") and label in line)


def test_reads_ask_home_assistant_nothing(tool):
    tool.call("ha_list_entities")  # the mirror is there
    asked = counted(tool, "request"), counted(tool, "get"), counted(tool, "subscribe")
    begun = time.monotonic()
    for _ in range(20):
        tool.call("ha_list_entities", domain="light")
        tool.call("ha_get_states", domain="light")
        tool.call("ha_get_entity_state", entity_id="light.bed_light")
        tool.call("ha_get_device_state", entity_id="sun.sun")
        tool.call("ha_discover_devices", domain="cover")
        tool.call("ha_list_areas")
        tool.call("ha_list_devices", limit=5)
        tool.call("ha_get_entity", entity_id="light.bed_light")
        tool.call("ha_get_binary_sensor", entity_id="binary_sensor.movement_backyard")
    pulses = (time.monotonic() - begun) / 2 + 1
    now = counted(tool, "request"), counted(tool, "get"), counted(tool, "subscribe")
    assert now[0] - asked[0] <= pulses and now[1:] == asked[1:]


def test_what_changes_there_is_read_here(tool, home_assistant):
    for value in (11, 12, 13):
        home_assistant.call_service("input_number", "set_value", {"value": value}, {"entity_id": "input_number.lab_level"})
        wait_for(lambda: float(tool.call("ha_get_entity_state", entity_id="input_number.lab_level")["state"]) == value)
    entity = f"sensor.lab_{uuid.uuid4().hex[:8]}"
    home_assistant.rest("POST", f"/api/states/{entity}", {"state": "5", "attributes": {"friendly_name": "Löb \"x\"", "n": [1, 2]}})
    wait_for(lambda: tool.reply("ha_get_entity_state", {"entity_id": entity}).status == 200)
    assert tool.call("ha_get_entity_state", entity_id=entity) == {key: value for key, value in home_assistant.state(entity).items()}
    assert [one["friendly_name"] for one in tool.call("ha_list_entities", search=entity)["entities"]] == ['Löb "x"']
    home_assistant.rest("DELETE", f"/api/states/{entity}")
    wait_for(lambda: tool.reply("ha_get_entity_state", {"entity_id": entity}).status == 404)


def test_several_states_at_once(tool, home_assistant):
    ids = ["light.bed_light", "sun.sun", "light.ceiling_lights"]
    data = tool.call("ha_get_entity_state", entity_id=ids, fields=["entity_id", "state", "attributes.friendly_name"])
    assert data["count"] == 3 and [one["entity_id"] for one in data["states"]] == ids
    assert data["states"][0] == {"entity_id": ids[0], "state": home_assistant.state(ids[0])["state"], "attributes": {"friendly_name": "Bed Light"}}
    error = tool.error("ha_get_device_state", entity_id=["sun.sun", "sun.moon"])
    assert (error.status, error.pointer) == (404, "/entity_id/1") and "sun.sun" in error.message
    for wrong in ([], 5, [5], ["sun"], "x" * 5):
        assert tool.error("ha_get_entity_state", entity_id=wrong).pointer == "/entity_id"


def test_summary_and_fields(tool, home_assistant):
    states = home_assistant.ws_command({"type": "get_states"})
    data = tool.call("ha_list_entities", summary=True)
    domains = {}
    for one in states:
        domain = one["entity_id"].split(".")[0]
        domains[domain] = domains.get(domain, 0) + 1
    assert data["domains"] == domains and data["total"] == len(states) and "entities" not in data
    assert tool.call("ha_get_states", summary=True)["domains"] == domains
    lines = tool.call("ha_list_entities", domain="light,cover", fields=["entity_id", "area", "domain"])["entities"]
    assert {one["domain"] for one in lines} == {"light", "cover"} and all(set(one) == {"entity_id", "area", "domain"} for one in lines)
    assert tool.error("ha_list_entities", fields=["colour"]).pointer == "/fields"


def test_areas_come_from_the_registries(tool, home_assistant, area):
    """By the entity's own area and by that of its device, never by the name."""
    device = next(one for one in home_assistant.ws_command({"type": "config/device_registry/list"}) if not one["area_id"])
    entries = home_assistant.ws_command({"type": "config/entity_registry/list"})
    of_device = {one["entity_id"] for one in entries if one["device_id"] == device["id"] and not one["area_id"]}
    own = next(one["entity_id"] for one in entries if one["device_id"] != device["id"] and not one["area_id"] and not one["disabled_by"])
    assert of_device
    home_assistant.ws_command({"type": "config/device_registry/update", "device_id": device["id"], "area_id": area["area_id"]})
    home_assistant.ws_command({"type": "config/entity_registry/update", "entity_id": own, "area_id": area["area_id"]})
    there = {one["entity_id"] for one in home_assistant.ws_command({"type": "get_states"})}
    expected = (of_device | {own}) & there
    try:
        wait_for(lambda: {one["entity_id"] for one in tool.call("ha_discover_devices", area=area["name"])["devices"]} == expected)
        data = tool.call("ha_get_area_devices", area_name=area["name"].upper())
        assert data["area"] == {"area_id": area["area_id"], "name": area["name"]}
        assert {one["entity_id"] for one in data["devices"]} == expected and data["count"] == len(expected)
        line = next(one for one in tool.call("ha_list_areas")["areas"] if one["area_id"] == area["area_id"])
        assert line["devices"] == 1 and line["entities"] == len(of_device) + 1
        devices = tool.call("ha_list_devices", area=area["area_id"])
        assert [one["id"] for one in devices["devices"]] == [device["id"]] and devices["devices"][0]["area"] == area["name"]
        assert {one["entity_id"] for one in tool.call("ha_list_entities", area=area["name"])["entities"]} == expected
        assert {one["entity_id"] for one in tool.call("ha_get_states", area=area["name"])["states"]} == expected
    finally:
        home_assistant.ws_command({"type": "config/device_registry/update", "device_id": device["id"], "area_id": None})
        home_assistant.ws_command({"type": "config/entity_registry/update", "entity_id": own, "area_id": None})


def test_unknown_areas_are_not_found_with_those_there_are(tool, area):
    wait_for(lambda: area["name"] in tool.error("ha_get_area_devices", area_name="no such room").message)
    for name, argument in (("ha_discover_devices", "area"), ("ha_get_area_devices", "area_name"), ("ha_list_devices", "area"), ("ha_list_entities", "area"), ("ha_get_states", "area")):
        error = tool.error(name, **{argument: "no such room"})
        assert (error.status, error.code, error.pointer) == (404, "not_found", f"/{argument}")


def test_the_entity_registry(tool, home_assistant):
    entries = {one["entity_id"]: one for one in home_assistant.ws_command({"type": "config/entity_registry/list"})}
    assert tool.call("ha_get_entity", entity_id="light.bed_light")["entity"] == entries["light.bed_light"]
    lights = tool.call("ha_get_entity", domain="light", limit=1000)
    assert {one["entity_id"] for one in lights["entities"]} == {name for name in entries if name.startswith("light.")}
    assert tool.call("ha_get_entity", entity_id=["light.bed_light"], fields=["platform"])["entities"] == [{"platform": entries["light.bed_light"]["platform"]}]
    assert tool.error("ha_get_entity", entity_id="light.bed_ligt").status == 404
    assert "no registry record" in tool.error("ha_get_entity", entity_id="sun.sun").message or "sun.sun" in entries
    devices = home_assistant.ws_command({"type": "config/device_registry/list"})
    seen, cursor = [], None
    while True:
        page = tool.call("ha_list_devices", limit=20, cursor=cursor, disabled=True)
        seen += [one["id"] for one in page["devices"]]
        cursor = page.get("next_cursor")
        if cursor is None:
            break
    assert sorted(seen) == sorted(one["id"] for one in devices)
    assert tool.error("ha_list_devices", limit=0).pointer == "/limit"
    assert tool.error("ha_list_areas", x=1).status == 400


def test_a_binary_sensor_in_words(tool, home_assistant):
    theirs = home_assistant.state("binary_sensor.movement_backyard")
    data = tool.call("ha_get_binary_sensor", entity_id="binary_sensor.movement_backyard")
    assert (data["state"], data["device_class"], data["last_changed"]) == (theirs["state"], "motion", theirs["last_changed"])
    assert data["meaning"] == {"on": "motion detected", "off": "clear"}[theirs["state"]]
    assert tool.error("ha_get_binary_sensor", entity_id="light.bed_light").pointer == "/entity_id"
    assert tool.error("ha_get_binary_sensor", entity_id="binary_sensor.gone").status == 404


def test_three_thousand_entities_in_forty_kilobytes(private_home_assistant, make_gateway):
    with ThreadPoolExecutor(8) as pool:
        done = pool.map(lambda n: private_home_assistant.rest("POST", f"/api/states/sensor.lab_many_entities_{n:04}", {
            "state": str(n), "attributes": {"friendly_name": f"One of many entities {n}", "unit_of_measurement": "°C", "device_class": "temperature",
                                            "padding": "x" * 200}})[0], range(3000))
        assert all(status in (200, 201) for status in done)
    gateway = make_gateway(env={"HA_URL": private_home_assistant.url, "HA_TOKEN": private_home_assistant.token})
    reply = gateway.reply("ha_list_entities", {})
    assert len(json.dumps(reply.body)) < 40_000 and reply.data["total"] > 3000 and reply.data["next_cursor"]
    total, cursor = 0, None
    while True:
        page = gateway.call("ha_list_entities", cursor=cursor, limit=1000)
        total += page["count"]
        cursor = page.get("next_cursor")
        if cursor is None:
            break
    assert total == reply.data["total"]
    assert len(json.dumps(gateway.reply("ha_get_states", {}).body)) < 400_000
    with open(f"/proc/{gateway.pid}/status") as status:
        resident = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
    print(f"resident memory with {total} entities: {resident} KiB")


def test_while_home_assistant_is_frozen_reads_say_how_old_they_are(lab, private_home_assistant):
    assert "mirror_age_ms" not in lab.call("ha_get_entity_state", entity_id="sun.sun")
    private_home_assistant.sigstop()
    try:
        wait_for(lambda: "mirror_age_ms" in lab.call("ha_list_entities", limit=1), 15)
        first = lab.call("ha_get_entity_state", entity_id="sun.sun")["mirror_age_ms"]
        reply = lab.reply("ha_get_states", {"domain": "light"})
        assert reply.data["mirror_age_ms"] >= first and "does not answer" in reply.message
        assert reply.data["states"] and lab.call("ha_list_areas")["mirror_age_ms"] >= first
    finally:
        private_home_assistant.sigcont()
    wait_for(lambda: "mirror_age_ms" not in lab.call("ha_list_entities", limit=1), 15)


def test_a_restart_is_followed(lab, private_home_assistant):
    private_home_assistant.rest("POST", "/api/states/sensor.lab_gone_after_restart", {"state": "1"})
    wait_for(lambda: lab.reply("ha_get_entity_state", {"entity_id": "sensor.lab_gone_after_restart"}).status == 200)
    private_home_assistant.stop()
    wait_for(lambda: "mirror_age_ms" in lab.call("ha_get_entity_state", entity_id="light.bed_light"))
    assert lab.call("ha_get_entity_state", entity_id="sensor.lab_gone_after_restart")["state"] == "1"
    private_home_assistant.start()

    def same():
        theirs = {one["entity_id"]: one for one in private_home_assistant.ws_command({"type": "get_states"})}
        ours = lab.call("ha_get_states")
        return "mirror_age_ms" not in ours and {one["entity_id"]: one for one in ours["states"]} == theirs
    wait_for(same, 20)
    assert lab.error("ha_get_entity_state", entity_id="sensor.lab_gone_after_restart").status == 404


def test_a_token_without_administration_has_a_mirror_too(home_assistant, make_gateway):
    resident = make_gateway(env={"HA_URL": home_assistant.url, "HA_TOKEN": home_assistant.user_token})
    assert resident.call("ha_get_entity_state", entity_id="light.bed_light")["entity_id"] == "light.bed_light"
    value = str(os.getpid() % 90)
    home_assistant.call_service("input_text", "set_value", {"value": value}, {"entity_id": "input_text.lab_text"})
    wait_for(lambda: resident.call("ha_get_entity_state", entity_id="input_text.lab_text")["state"] == value)
