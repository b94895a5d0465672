"""Card tools: where a card goes, what it looks like, and what is refused without any change."""
import uuid

import pytest

CONFIG = {"views": [
    {"title": "Classic", "cards": [{"type": "markdown", "content": "a"}, {"type": "markdown", "content": "b"}]},
    {"title": "Sections", "type": "sections", "sections": [{"type": "grid", "cards": [{"type": "markdown", "content": "s"}]}, {"type": "grid"}]},
    {"title": "Made", "strategy": {"type": "original-states"}},
]}


@pytest.fixture(scope="module")
def tool(gateway_with_ha):
    return gateway_with_ha


@pytest.fixture
def board(tool, home_assistant):
    """A dashboard of the test's own with the views above."""
    name = f"t-{uuid.uuid4().hex[:10]}"
    tool.call("ha_create_dashboard", url_path=name, title="Cards", config=CONFIG)
    yield name
    tool.call("ha_delete_dashboard", url_path=name)


def views(home_assistant, board):
    return home_assistant.ws_command({"type": "lovelace/config", "url_path": board})["views"]


def test_button_card(tool, home_assistant, board):
    data = tool.call("ha_create_button_card", dashboard_id=board, entity_id="light.bed_light")
    card = {"type": "custom:button-card", "entity": "light.bed_light", "name": "light.bed_light", "icon": "mdi:lightbulb",
            "tap_action": {"action": "toggle"}}
    assert views(home_assistant, board)[0]["cards"][2] == card == data["card"]
    assert (data["card_index"], data["total_cards_in_view"], data["view_index"]) == (2, 3, 0)
    assert data["created"] is True and data["url_path"] == data["dashboard_id"] == board and data["source"] == "WebSocket API"
    assert data["hash"] == tool.call("ha_get_dashboard_config", url_path=board)["hash"] != data["previous_hash"]
    assert "custom:button-card" in data["warnings"][0]


def test_a_warning_goes_when_the_resource_is_there(tool, home_assistant, board):
    resource = home_assistant.ws_command({"type": "lovelace/resources/create", "url": "/hacsfiles/button-card/button-card.js?hacstag=1", "res_type": "module"})
    try:
        assert tool.call("ha_create_button_card", dashboard_id=board, entity_id="light.bed_light", name="Bed", icon="mdi:bed")["warnings"] == []
        assert views(home_assistant, board)[0]["cards"][2]["name"] == "Bed"
        listed = tool.reply("ha_list_hacs_cards")
        card = next(one for one in listed.data["cards"] if one["id"] == resource["id"])
        assert card == {"name": "button-card", "url": resource["url"], "type": "module", "id": resource["id"], "origin": "hacs", "from_hacs": True,
                        "repository": "button-card"}
        assert listed.data["count"] == len(listed.data["cards"]) and listed.data["source"] == "WebSocket API"
        assert resource in listed.data["installed_resources"]
    finally:
        home_assistant.ws_command({"type": "lovelace/resources/delete", "resource_id": resource["id"]})
    listed = tool.call("ha_list_hacs_cards")
    assert resource["id"] not in [one["id"] for one in listed["cards"]]
    assert tool.error("ha_list_hacs_cards", x=1).pointer == "/x"


def test_mushroom_card(tool, home_assistant, board):
    data = tool.call("ha_create_mushroom_card", url_path=board, card_type="media_player", entity_id="media_player.bedroom", name="TV")
    assert views(home_assistant, board)[0]["cards"][2] == {"type": "custom:mushroom-media-player-card", "entity": "media_player.bedroom", "name": "TV"} == data["card"]


def test_mini_graph_card(tool, home_assistant, board):
    data = tool.call("ha_create_mini_graph_card", dashboard_id=board, entities=["sensor.outside_temperature", "sensor.outside_humidity"])
    assert views(home_assistant, board)[0]["cards"][2] == data["card"]
    assert data["card"]["entities"] == ["sensor.outside_temperature", "sensor.outside_humidity"] and data["card"]["hours_to_show"] == 25


def test_custom_card_in_a_section(tool, home_assistant, board):
    card = {"type": "tile", "entity": "light.bed_light", "features": [{"type": "light-brightness"}]}
    data = tool.call("ha_create_custom_card", dashboard_id=board, view_index=1, section_index=1, card_config=card)
    assert views(home_assistant, board)[1]["sections"][1]["cards"] == [card]
    assert (data["section_index"], data["card_index"], data["total_cards_in_view"]) == (1, 0, 2)
    assert data["warnings"] == []
    data = tool.call("ha_create_custom_card", dashboard_id=board, view_index=1, card_config=card)
    assert views(home_assistant, board)[1]["sections"][0]["cards"][1] == card
    assert "cards" not in views(home_assistant, board)[1]


def test_yaml_card_at_a_place(tool, home_assistant, board):
    yaml = "type: entities\ntitle: \"12\"\nshow_header_toggle: off\nentities:\n  - light.bed_light\n  - entity: sun.sun\n    name: The sun\n"
    data = tool.call("ha_manual_create_custom_card", dashboard_id=board, view_index=0, card_yaml=yaml, position=1)
    card = {"type": "entities", "title": "12", "show_header_toggle": False, "entities": ["light.bed_light", {"entity": "sun.sun", "name": "The sun"}]}
    assert views(home_assistant, board)[0]["cards"][1] == card == data["card_config"]
    assert (data["dashboard_id"], data["view_index"], data["card_index"], data["total_cards_in_view"]) == (board, 0, 1, 3)


def test_yaml_card_replaces_another(tool, home_assistant, board):
    data = tool.call("ha_manual_edit_custom_card", dashboard_id=board, view_index=0, card_index=1, card_yaml="type: markdown\ncontent: new")
    assert data["old_card"] == {"type": "markdown", "content": "b"} and data["new_card"] == {"type": "markdown", "content": "new"}
    assert views(home_assistant, board)[0]["cards"] == [{"type": "markdown", "content": "a"}, {"type": "markdown", "content": "new"}]
    assert data["updated"] is True and data["total_cards_in_view"] == 2
    data = tool.call("ha_manual_edit_custom_card", dashboard_id=board, view_index=1, section_index=0, card_index=0, card_yaml="type: markdown")
    assert data["old_card"] == {"type": "markdown", "content": "s"}


def test_the_first_card_makes_the_first_view(tool, home_assistant, board):
    tool.call("ha_update_dashboard_config", url_path=board, config={"views": []})
    tool.call("ha_create_custom_card", dashboard_id=board, card_config={"type": "markdown"})
    assert views(home_assistant, board) == [{"cards": [{"type": "markdown"}]}]


MARKDOWN = {"card_config": {"type": "markdown"}}
YAML = {"card_yaml": "type: markdown"}


@pytest.mark.parametrize(("name", "arguments", "status", "pointer"), [
    ("ha_create_custom_card", {"view_index": -1, **MARKDOWN}, 400, "/view_index"),
    ("ha_create_custom_card", {"view_index": 3, **MARKDOWN}, 404, "/view_index"),
    ("ha_create_custom_card", {"view_index": 1.5, **MARKDOWN}, 400, "/view_index"),
    ("ha_create_custom_card", {"view_index": 2, **MARKDOWN}, 501, "/view_index"),
    ("ha_create_custom_card", {"view_index": 1, "section_index": 2, **MARKDOWN}, 404, "/section_index"),
    ("ha_create_custom_card", {"view_index": 0, "section_index": 1, **MARKDOWN}, 400, "/section_index"),
    ("ha_create_custom_card", {"card_config": {"entity": "light.bed_light"}}, 400, "/card_config"),
    ("ha_create_custom_card", {"card_config": "markdown"}, 400, "/card_config"),
    ("ha_create_custom_card", {}, 400, "/card_config"),
    ("ha_create_custom_card", {"expected_hash": "old", **MARKDOWN}, 409, "/expected_hash"),
    ("ha_create_button_card", {}, 400, "/entity_id"),
    ("ha_create_button_card", {"entity_id": "bed light"}, 400, "/entity_id"),
    ("ha_create_button_card", {"entity_id": "light.bed_light", "view_index": 9}, 404, "/view_index"),
    ("ha_create_mushroom_card", {"entity_id": "light.bed_light"}, 400, "/card_type"),
    ("ha_create_mushroom_card", {"entity_id": "light.bed_light", "card_type": "li ght"}, 400, "/card_type"),
    ("ha_create_mushroom_card", {"entity_id": "light", "card_type": "light"}, 400, "/entity_id"),
    ("ha_create_mini_graph_card", {"entities": []}, 400, "/entities"),
    ("ha_create_mini_graph_card", {"entities": ["sensor.a", "nonsense"]}, 400, "/entities/1"),
    ("ha_create_mini_graph_card", {"entities": ["sensor.a"], "hours_to_show": 0}, 400, "/hours_to_show"),
    ("ha_manual_create_custom_card", YAML, 400, "/view_index"),
    ("ha_manual_create_custom_card", {"view_index": 0}, 400, "/card_yaml"),
    ("ha_manual_create_custom_card", {"view_index": 0, "card_yaml": "just words"}, 400, "/card_yaml"),
    ("ha_manual_create_custom_card", {"view_index": 0, "card_yaml": "type: [broken"}, 400, "/card_yaml"),
    ("ha_manual_create_custom_card", {"view_index": 0, "card_yaml": "entity: sun.sun"}, 400, "/card_yaml"),
    ("ha_manual_create_custom_card", {"view_index": 0, "card_yaml": "type: x\na: !secret b"}, 400, "/card_yaml"),
    ("ha_manual_create_custom_card", {"view_index": 0, "position": 3, **YAML}, 400, "/position"),
    ("ha_manual_create_custom_card", {"view_index": 0, "position": -1, **YAML}, 400, "/position"),
    ("ha_manual_edit_custom_card", {"view_index": 0, **YAML}, 400, "/card_index"),
    ("ha_manual_edit_custom_card", {"view_index": 0, "card_index": 2, **YAML}, 404, "/card_index"),
    ("ha_manual_edit_custom_card", {"view_index": 0, "card_index": -1, **YAML}, 400, "/card_index"),
    ("ha_manual_edit_custom_card", {"view_index": 7, "card_index": 0, **YAML}, 404, "/view_index"),
])
def test_refused_without_a_change(tool, home_assistant, board, name, arguments, status, pointer):
    error = tool.error(name, dashboard_id=board, **arguments)
    assert (error.status, error.pointer) == (status, pointer), error
    assert views(home_assistant, board) == CONFIG["views"]


def test_an_unknown_dashboard_is_not_found(tool):
    error = tool.error("ha_create_button_card", dashboard_id="no-such-dashboard", entity_id="light.bed_light")
    assert (error.status, error.code) == (404, "not_found")


def test_a_strategy_dashboard_has_no_cards(tool, board):
    tool.call("ha_update_dashboard_config", url_path=board, config={"strategy": {"type": "original-states"}})
    error = tool.error("ha_create_button_card", dashboard_id=board, entity_id="light.bed_light")
    assert (error.status, error.code) == (501, "unsupported") and "strategy" in error.message
