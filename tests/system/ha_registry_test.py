"""Entities, devices and what assistants may use, through the gateway and read back by an independent client; repairs; views of dashboards."""
import uuid

import pytest


@pytest.fixture
def tool(gateway_with_ha):
    return gateway_with_ha


LAMP = "light.kitchen_lights"


def entry(home_assistant, entity_id=LAMP):
    return home_assistant.ws_command({"type": "config/entity_registry/get", "entity_id": entity_id})


@pytest.fixture
def lamp(home_assistant):
    before = entry(home_assistant)
    yield before
    for name in (LAMP, LAMP + "_new"):
        found = home_assistant.ws_command({"type": "config/entity_registry/get_entries", "entity_ids": [name]})[name]
        if found:
            home_assistant.ws_command({"type": "config/entity_registry/update", "entity_id": name, "new_entity_id": LAMP, "disabled_by": None,
                                       **{key: before[key] for key in ("name", "icon", "area_id", "hidden_by", "aliases")}})


@pytest.fixture
def device(home_assistant):
    before = home_assistant.ws_command({"type": "config/device_registry/list"})[0]
    yield before
    home_assistant.ws_command({"type": "config/device_registry/update", "device_id": before["id"], "name_by_user": before["name_by_user"], "area_id": before["area_id"]})


def test_name_icon_area_and_aliases_are_set_and_cleared(tool, home_assistant, lamp):
    data = tool.call("ha_set_entity", entity_id=LAMP, name="Worktop", icon="mdi:lamp", area_id="Kitchen", aliases=["counter light"])
    theirs = entry(home_assistant)
    assert (theirs["name"], theirs["icon"], theirs["area_id"], theirs["aliases"]) == ("Worktop", "mdi:lamp", "kitchen", ["counter light"])
    assert data["previous"]["name"] == lamp["name"] and "name" in data["changed"] and data["entity"]["name"] == "Worktop"
    assert tool.call("ha_set_entity", entity_id=LAMP, name="Worktop")["changed"] == []
    tool.call("ha_set_entity", entity_id=LAMP, name=None, icon=None, area_id=None, aliases=[])
    theirs = entry(home_assistant)
    assert (theirs["name"], theirs["icon"], theirs["area_id"], theirs["aliases"]) == (None, None, None, [])


def test_hiding_disabling_and_a_new_id(tool, home_assistant, lamp):
    tool.call("ha_set_entity", entity_id=LAMP, hidden_by="user")
    assert entry(home_assistant)["hidden_by"] == "user"
    tool.call("ha_set_entity", entity_id=LAMP, hidden_by=None, disabled_by="user")
    theirs = entry(home_assistant)
    assert (theirs["hidden_by"], theirs["disabled_by"]) == (None, "user")
    data = tool.call("ha_set_entity", entity_id=LAMP, disabled_by=None)
    assert entry(home_assistant)["disabled_by"] is None and data["reload_delay"] > 0
    data = tool.call("ha_set_entity", entity_id=LAMP, new_entity_id=LAMP + "_new")
    assert data["entity_id"] == LAMP + "_new" and entry(home_assistant, LAMP + "_new")["id"] == lamp["id"]


@pytest.mark.parametrize(("arguments", "status", "pointer"), [
    ({"entity_id": LAMP}, 400, ""),
    ({"entity_id": "light.no_such", "name": "x"}, 404, "/entity_id"),
    ({"entity_id": "nonsense", "name": "x"}, 400, "/entity_id"),
    ({"entity_id": "sun.sun", "name": "x"}, 501, "/entity_id"),
    ({"entity_id": LAMP, "area_id": "Nowhere"}, 404, "/area_id"),
    ({"entity_id": LAMP, "disabled_by": "integration"}, 400, "/disabled_by"),
    ({"entity_id": LAMP, "new_entity_id": "switch.kitchen_lights"}, 400, "/new_entity_id"),
    ({"entity_id": LAMP, "enabled": True}, 400, "/enabled"),
])
def test_what_cannot_be_set(tool, home_assistant, arguments, status, pointer):
    before = entry(home_assistant)
    error = tool.error("ha_set_entity", **arguments)
    assert (error.status, error.pointer) == (status, pointer), error
    assert {**entry(home_assistant), "modified_at": 0} == {**before, "modified_at": 0}


def test_an_entity_is_removed(tool, home_assistant):
    key = f"t_{uuid.uuid4().hex[:8]}"
    made = tool.call("ha_config_set_script", script_id=key, alias="Goes", sequence=[{"delay": 1}])
    data = tool.call("ha_remove_entity", entity_id=made["entity_id"])
    assert data["removed"] is True and data["entity"]["unique_id"] == key
    assert home_assistant.ws_command({"type": "config/entity_registry/get_entries", "entity_ids": [made["entity_id"]]})[made["entity_id"]] is None
    home_assistant.rest("DELETE", f"/api/config/script/config/{key}")
    error = tool.error("ha_remove_entity", entity_id=made["entity_id"])
    assert (error.code, error.pointer) in {("not_found", "/entity_id"), ("unsupported", "/entity_id")}
    assert tool.error("ha_remove_entity", entity_id="light.never_was").status == 404


def exposed(home_assistant, entity_id):
    return home_assistant.ws_command({"type": "homeassistant/expose_entity/list"})["exposed_entities"].get(entity_id, {})


def test_exposure_is_shown_and_changed(tool, home_assistant):
    before = exposed(home_assistant, LAMP).get("conversation", False)
    data = tool.call("ha_get_entity_exposure", entity_id=[LAMP, "light.bed_light"])
    assert data["count"] == 2
    assert next(one for one in data["entities"] if one["entity_id"] == LAMP)["assistants"] == exposed(home_assistant, LAMP)
    changed = tool.call("ha_expose_entity", entity_id=LAMP, expose=not before)
    assert exposed(home_assistant, LAMP).get("conversation", False) is not before and changed["changed"] == [LAMP]
    assert tool.call("ha_expose_entity", entity_id=[LAMP], expose=before)["entities"][0]["assistants"].get("conversation", False) is before
    assert exposed(home_assistant, LAMP).get("conversation", False) is before
    some = tool.call("ha_get_entity_exposure", assistant="conversation", limit=2)
    assert some["count"] <= 2 and all(one["assistants"]["conversation"] for one in some["entities"])
    for name in ("ha_get_entity_exposure", "ha_expose_entity"):
        assert tool.error(name, entity_id="light.no_such").code == "not_found"


def test_a_device_is_renamed_and_moved(tool, home_assistant, device):
    data = tool.call("ha_update_device", device_id=device["id"], name_by_user="Thing of a test", area_id="Living Room")
    theirs = next(one for one in home_assistant.ws_command({"type": "config/device_registry/list"}) if one["id"] == device["id"])
    assert (theirs["name_by_user"], theirs["area_id"]) == ("Thing of a test", "living_room") and sorted(data["changed"]) == ["area_id", "name_by_user"]
    tool.call("ha_update_device", device_id=device["id"], name_by_user=None, area_id=None)
    theirs = next(one for one in home_assistant.ws_command({"type": "config/device_registry/list"}) if one["id"] == device["id"])
    assert (theirs["name_by_user"], theirs["area_id"]) == (None, None)
    assert tool.error("ha_update_device", device_id="0" * 32, name_by_user="x").code == "not_found"
    assert tool.error("ha_update_device", device_id=device["id"], area_id="Nowhere").pointer == "/area_id"


def test_repairs_are_told_with_and_without_ignored_ones(tool, home_assistant):
    theirs = home_assistant.ws_command({"type": "repairs/list_issues"})["issues"]
    data = tool.call("ha_get_repairs", active_only=False)
    assert {(one["domain"], one["issue_id"]) for one in data["issues"]} == {(one["domain"], one["issue_id"]) for one in theirs}
    one = theirs[0]
    home_assistant.ws_command({"type": "repairs/ignore_issue", "domain": one["domain"], "issue_id": one["issue_id"], "ignore": True})
    active = tool.call("ha_get_repairs")
    assert active["total"] == len(theirs) - 1 and active["ignored"] == 1
    assert one["issue_id"] not in [issue["issue_id"] for issue in active["issues"]]
    home_assistant.ws_command({"type": "repairs/ignore_issue", "domain": one["domain"], "issue_id": one["issue_id"], "ignore": False})
    assert tool.call("ha_get_repairs", limit=1)["count"] == 1
    assert tool.error("ha_get_repairs", limit=0).pointer == "/limit"


def test_views_are_counted_with_the_cards_of_sections(tool, home_assistant):
    url_path = f"t-{uuid.uuid4().hex[:8]}"
    card = {"type": "markdown", "content": "x"}
    config = {"views": [{"title": "One", "path": "one", "icon": "mdi:home", "cards": [card, card]},
                        {"title": "Two", "type": "sections", "sections": [{"type": "grid", "cards": [card]}, {"type": "grid", "cards": [card, card]}]}]}
    tool.call("ha_create_dashboard", url_path=url_path, title="T", config=config)
    data = tool.call("ha_list_dashboard_views", dashboard_id=url_path)
    assert data["views"] == [{"index": 0, "title": "One", "path": "one", "icon": "mdi:home", "cards": 2},
                             {"index": 1, "title": "Two", "type": "sections", "cards": 3, "sections": 2}]
    preview = tool.call("ha_preview_card", dashboard_id=url_path, view_index=0, card_yaml="type: button\nentity: sun.sun", position=0)
    assert [one["type"] for one in preview["view"]["cards"]] == ["button", "markdown", "markdown"]
    assert (preview["card_index"], preview["total_cards_in_view"], preview["saved"]) == (0, 3, False) and preview["hash"] == data["hash"]
    assert home_assistant.ws_command({"type": "lovelace/config", "url_path": url_path}) == config
    assert tool.error("ha_preview_card", dashboard_id=url_path, view_index=7, card_yaml="type: button").code == "not_found"
    assert tool.error("ha_preview_card", dashboard_id=url_path, view_index=0, card_yaml="{").pointer == "/card_yaml"
    tool.call("ha_delete_dashboard", url_path=url_path)
    assert tool.error("ha_list_dashboard_views", dashboard_id=url_path).code == "not_found"
