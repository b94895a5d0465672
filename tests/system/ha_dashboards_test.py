"""Dashboards through the gateway, read back by an independent client over Home Assistant's own API."""
import uuid

import pytest

from support.home_assistant_client import HomeAssistantError


@pytest.fixture
def tool(gateway_with_ha):
    return gateway_with_ha


@pytest.fixture
def url_path(home_assistant):
    """A url_path of this test's own; whatever is there at the end is deleted."""
    name = f"t-{uuid.uuid4().hex[:10]}"
    yield name
    for one in home_assistant.ws_command({"type": "lovelace/dashboards/list"}):
        if one["url_path"] == name:
            home_assistant.ws_command({"type": "lovelace/dashboards/delete", "dashboard_id": one["id"]})


@pytest.fixture
def dashboard(tool, url_path):
    tool.call("ha_create_dashboard", url_path=url_path, title="Test",
              config={"views": [{"title": "First", "cards": [{"type": "markdown", "content": "one"}]}, {"title": "Second"}]})
    return url_path


def config_of(home_assistant, url_path):
    return home_assistant.ws_command({"type": "lovelace/config", "url_path": url_path})


def records(home_assistant):
    return {one["url_path"]: one for one in home_assistant.ws_command({"type": "lovelace/dashboards/list"})}


def test_list_names_all_dashboards_and_the_default_one(tool, home_assistant, dashboard):
    reply = tool.reply("ha_list_dashboards")
    assert reply.status == 200 and reply.body["status"] == "success"
    data = reply.data
    theirs = records(home_assistant)
    assert {one["url_path"] for one in data["dashboards"]} == {None, *theirs}
    assert data["count"] == len(data["dashboards"]) == len(theirs) + 1
    assert reply.message == f"Found {data['count']} dashboards"
    assert data["source"] == "WebSocket API"
    default = data["dashboards"][0]
    assert default["is_default"] and default["url_path"] is None and default["mode"] == "storage"
    ours = next(one for one in data["dashboards"] if one["url_path"] == dashboard)
    assert (ours["id"], ours["title"], ours["mode"]) == (theirs[dashboard]["id"], "Test", "storage")


def test_list_takes_an_empty_body_and_no_arguments(tool):
    assert tool.post("/ha_list_dashboards", b"", {"content-type": "application/json"}).status_code == 200
    error = tool.error("ha_list_dashboards", something=1)
    assert (error.status, error.code, error.pointer) == (400, "invalid_argument", "/something")


def test_create_has_the_defaults_of_a_dashboard(tool, home_assistant, url_path):
    reply = tool.reply("ha_create_dashboard", {"url_path": url_path, "title": "Plain"})
    assert reply.status == 200, reply.body
    record = records(home_assistant)[url_path]
    assert record["icon"] == "mdi:view-dashboard"
    assert record["show_in_sidebar"] is True and record["require_admin"] is False
    assert config_of(home_assistant, url_path) == {"views": []}
    data = reply.data
    assert data["created"] is True and data["url_path"] == url_path and data["source"] == "WebSocket API"
    assert data["dashboard"]["id"] == record["id"]
    assert url_path in reply.message


def test_create_keeps_what_is_given(tool, home_assistant, url_path):
    config = {"title": "Grün", "views": [{"title": "V", "path": "v", "cards": [{"type": "markdown", "content": "Ünïcode 🏠"}]}]}
    tool.call("ha_create_dashboard", dashboard_id=url_path, title="Grün", icon="mdi:home", config=config, show_in_sidebar=False, require_admin=True)
    record = records(home_assistant)[url_path]
    assert (record["title"], record["icon"], record["show_in_sidebar"], record["require_admin"]) == ("Grün", "mdi:home", False, True)
    assert config_of(home_assistant, url_path) == config


@pytest.mark.parametrize(("arguments", "status", "pointer"), [
    ({"title": "x"}, 400, "/url_path"),
    ({"url_path": "a-b"}, 400, "/title"),
    ({"url_path": "a-b", "title": ""}, 400, "/title"),
    ({"url_path": None, "title": "x"}, 400, "/url_path"),
    ({"url_path": "", "title": "x"}, 400, "/url_path"),
    ({"url_path": "Upper-Case", "title": "x"}, 400, "/url_path"),
    ({"url_path": "with blank-x", "title": "x"}, 400, "/url_path"),
    ({"url_path": "a-b/../c", "title": "x"}, 400, "/url_path"),
    ({"url_path": "lovelace", "title": "x"}, 409, "/url_path"),
    ({"url_path": "kept-in-yaml", "title": "x"}, 409, "/url_path"),
    ({"url_path": "a-b", "title": "x", "config": []}, 400, "/config"),
    ({"url_path": "a-b", "title": "x", "config": {}}, 400, "/config"),
    ({"url_path": "a-b", "title": "x", "config": {"views": "none"}}, 400, "/config/views"),
    ({"url_path": "a-b", "title": "x", "config": {"views": [7]}}, 400, "/config/views/0"),
    ({"url_path": "a-b", "title": "x", "show_in_sidebar": "yes"}, 400, "/show_in_sidebar"),
    ({"url_path": "a-b", "title": "x", "colour": "red"}, 400, "/colour"),
])
def test_create_refuses(tool, home_assistant, arguments, status, pointer):
    before = records(home_assistant)
    error = tool.error("ha_create_dashboard", **arguments)
    assert (error.status, error.pointer) == (status, pointer), error
    assert records(home_assistant) == before


def test_create_refuses_the_name_of_a_panel(tool, home_assistant):
    panels = [one["url_path"] for one in home_assistant.ws_command({"type": "get_panels"}).values()]
    taken = [name for name in panels if "-" in name]
    for name in taken or ["lovelace"]:
        error = tool.error("ha_create_dashboard", url_path=name, title="x")
        assert (error.status, error.pointer) == (409, "/url_path"), error


def test_a_single_word_is_taken_as_this_version_does(tool, home_assistant):
    if home_assistant.version.startswith("2024.3"):
        error = tool.error("ha_create_dashboard", url_path="garden", title="x")
        assert (error.status, error.pointer) == (400, "/url_path") and "hyphen" in error.message
        return
    assert tool.call("ha_create_dashboard", url_path="garden", title="x")["url_path"] == "garden"
    assert "garden" in records(home_assistant)
    tool.call("ha_delete_dashboard", url_path="garden")
    assert "garden" not in records(home_assistant)


def test_create_refuses_a_url_path_in_use(tool, dashboard):
    error = tool.error("ha_create_dashboard", url_path=dashboard, title="Again")
    assert (error.status, error.code, error.pointer) == (409, "conflict", "/url_path")


def test_a_bad_icon_leaves_no_dashboard(tool, home_assistant, url_path):
    error = tool.error("ha_create_dashboard", url_path=url_path, title="x", icon="no icon")
    assert error.code == "invalid_argument"
    assert url_path not in records(home_assistant)


def test_get_gives_the_whole_configuration(tool, home_assistant, dashboard):
    for arguments in ({"url_path": dashboard}, {"dashboard_id": dashboard}, {"dashboard_id": dashboard.replace("-", "_")}):
        data = tool.call("ha_get_dashboard_config", **arguments)
        assert data["config"] == config_of(home_assistant, dashboard)
        assert (data["url_path"], data["views_count"], data["mode"], data["source"]) == (dashboard, 2, "storage", "WebSocket API")
        assert len(data["hash"]) == 64


def test_get_names_the_nearest_of_an_unknown_dashboard(tool, dashboard):
    error = tool.error("ha_get_dashboard_config", url_path=dashboard + "x")
    assert (error.status, error.code) == (404, "not_found") and dashboard in error.message


def test_get_reads_a_yaml_dashboard(tool):
    data = tool.call("ha_get_dashboard_config", url_path="kept-in-yaml")
    assert data["mode"] == "yaml" and data["views_count"] == 1


def test_update_replaces_and_names_the_hashes(tool, home_assistant, dashboard):
    before = tool.call("ha_get_dashboard_config", url_path=dashboard)["hash"]
    new = {"views": [{"title": "Only", "type": "sections", "sections": [{"type": "grid", "cards": []}]}]}
    data = tool.call("ha_update_dashboard_config", url_path=dashboard, config=new)
    assert config_of(home_assistant, dashboard) == new
    assert data["updated"] is True and data["previous_hash"] == before and data["hash"] != before and data["views_count"] == 1
    assert tool.call("ha_get_dashboard_config", url_path=dashboard)["hash"] == data["hash"]


def test_update_takes_a_strategy(tool, home_assistant, dashboard):
    new = {"strategy": {"type": "original-states"}}
    tool.call("ha_update_dashboard_config", url_path=dashboard, config=new)
    assert config_of(home_assistant, dashboard) == new
    assert tool.call("ha_get_dashboard_config", url_path=dashboard)["views_count"] == 0


def test_update_with_an_expected_hash_loses_no_change(tool, home_assistant, dashboard):
    seen = tool.call("ha_get_dashboard_config", url_path=dashboard)["hash"]
    home_assistant.ws_command({"type": "lovelace/config/save", "url_path": dashboard, "config": {"views": [{"title": "Somebody else"}]}})
    error = tool.error("ha_update_dashboard_config", url_path=dashboard, config={"views": []}, expected_hash=seen)
    assert (error.status, error.code, error.pointer) == (409, "conflict", "/expected_hash")
    assert config_of(home_assistant, dashboard) == {"views": [{"title": "Somebody else"}]}
    now = tool.call("ha_get_dashboard_config", url_path=dashboard)["hash"]
    tool.call("ha_update_dashboard_config", url_path=dashboard, config={"views": []}, expected_hash=now)
    assert config_of(home_assistant, dashboard) == {"views": []}
    assert tool.error("ha_update_dashboard_config", url_path=dashboard, config={"views": []}, expected_hash="anything").status == 409


@pytest.mark.parametrize(("arguments", "status", "pointer"), [
    ({}, 400, "/config"),
    ({"config": None}, 400, "/config"),
    ({"config": {"cards": []}}, 400, "/config"),
    ({"config": {"views": {}}}, 400, "/config/views"),
    ({"config": {"views": []}, "expected_hash": 5}, 400, "/expected_hash"),
    ({"url_path": "no-such-dashboard", "config": {"views": []}}, 404, "/url_path"),
    ({"url_path": 7, "config": {"views": []}}, 400, "/url_path"),
])
def test_update_refuses(tool, arguments, status, pointer):
    error = tool.error("ha_update_dashboard_config", **arguments)
    assert (error.status, error.pointer) == (status, pointer), error


def test_yaml_dashboards_are_not_changed(tool):
    for name, arguments in (("ha_update_dashboard_config", {"config": {"views": []}}), ("ha_delete_dashboard", {}),
                            ("ha_create_custom_card", {"card_config": {"type": "markdown"}})):
        error = tool.error(name, url_path="kept-in-yaml", **arguments)
        assert (error.status, error.code) == (501, "unsupported") and "YAML" in error.message


def test_delete_by_url_path_and_by_id(tool, home_assistant, dashboard):
    stored = config_of(home_assistant, dashboard)
    data = tool.call("ha_delete_dashboard", url_path=dashboard)
    assert dashboard not in records(home_assistant)
    assert data["deleted"] is True and data["url_path"] == dashboard and data["config"] == stored and data["dashboard"]["title"] == "Test"
    tool.call("ha_create_dashboard", url_path=dashboard, title="Once more")
    tool.call("ha_delete_dashboard", dashboard_id=dashboard.replace("-", "_"), confirm=True)
    assert dashboard not in records(home_assistant)
    assert tool.error("ha_delete_dashboard", url_path=dashboard).status == 404


def test_delete_refuses_only_an_explicit_false(tool, home_assistant, dashboard):
    error = tool.error("ha_delete_dashboard", url_path=dashboard, confirm=False)
    assert (error.status, error.pointer) == (400, "/confirm")
    assert dashboard in records(home_assistant)
    tool.call("ha_delete_dashboard", url_path=dashboard, confirm=None)
    assert dashboard not in records(home_assistant)


def test_delete_refuses_the_default_one_and_another_hash(tool, home_assistant, dashboard):
    assert tool.error("ha_delete_dashboard", url_path="lovelace").status == 400
    assert tool.error("ha_delete_dashboard", url_path="").status == 400
    assert tool.error("ha_delete_dashboard").pointer == "/url_path"
    assert tool.error("ha_delete_dashboard", url_path=dashboard, expected_hash="x").status == 409
    assert dashboard in records(home_assistant)


def test_the_default_dashboard_under_all_its_names(private_home_assistant, make_gateway):
    """Needs a Home Assistant of its own: it changes the default dashboard, which all tests would share."""
    tool = make_gateway(env={"HA_URL": private_home_assistant.url, "HA_TOKEN": private_home_assistant.token})
    for arguments in ({}, {"url_path": None}, {"url_path": ""}, {"url_path": "lovelace"}, {"dashboard_id": "lovelace"}):
        data = tool.call("ha_get_dashboard_config", **arguments)
        assert data["config"] is None and data["mode"] == "auto-gen" and data["hash"] is None and data["url_path"] == "lovelace"
    error = tool.error("ha_create_custom_card", card_config={"type": "markdown"})
    assert error.code == "unsupported" and "ha_update_dashboard_config" in error.message
    assert tool.error("ha_update_dashboard_config", config={"views": []}, expected_hash="x").status == 409
    for number, arguments in enumerate(({}, {"url_path": None}, {"url_path": ""}, {"url_path": "lovelace"})):
        config = {"views": [{"title": f"View {number}"}]}
        data = tool.call("ha_update_dashboard_config", config=config, **arguments)
        assert data["url_path"] == "lovelace" and (data["previous_hash"] is None) == (number == 0)
        assert private_home_assistant.ws_command({"type": "lovelace/config"}) == config
    assert tool.call("ha_get_dashboard_config")["mode"] == "storage"
    assert tool.call("ha_list_versions")["count"] == 3


def test_versions_are_kept_and_restored(tool, home_assistant, dashboard):
    first = config_of(home_assistant, dashboard)
    assert tool.call("ha_list_versions", url_path=dashboard)["count"] == 0
    tool.call("ha_update_dashboard_config", url_path=dashboard, config={"views": [{"title": "Two"}]})
    tool.call("ha_update_dashboard_config", url_path=dashboard, config={"views": [{"title": "Three"}]})
    listed = tool.call("ha_list_versions", kind="dashboard", url_path=dashboard)
    assert listed["count"] == 2 and dashboard in listed["kept_for"]
    newest, oldest = listed["versions"]
    assert newest["version"] > oldest["version"] and newest["reason"] == "ha_update_dashboard_config"
    data = tool.call("ha_restore_version", url_path=dashboard, version=oldest["version"])
    assert data["restored"] is True and data["created"] is False and data["hash"] == oldest["hash"]
    assert config_of(home_assistant, dashboard) == first
    assert tool.call("ha_list_versions", url_path=dashboard)["count"] == 3
    tool.call("ha_restore_version", url_path=dashboard, version=data["previous_version"])
    assert config_of(home_assistant, dashboard) == {"views": [{"title": "Three"}]}


def test_only_twenty_versions_are_kept(tool, dashboard):
    for number in range(23):
        tool.call("ha_update_dashboard_config", url_path=dashboard, config={"views": [{"title": str(number)}]})
    assert tool.call("ha_list_versions", url_path=dashboard)["count"] == 20


def test_a_deleted_dashboard_comes_back(tool, home_assistant, dashboard):
    stored = config_of(home_assistant, dashboard)
    version = tool.call("ha_delete_dashboard", url_path=dashboard)["previous_version"]
    data = tool.call("ha_restore_version", url_path=dashboard, version=version)
    assert data["created"] is True
    assert records(home_assistant)[dashboard]["title"] == "Test"
    assert config_of(home_assistant, dashboard) == stored


def test_restore_refuses(tool, dashboard):
    assert tool.error("ha_restore_version", url_path=dashboard, version="20260101T000000.000000Z").status == 404
    assert tool.error("ha_restore_version", url_path=dashboard).pointer == "/version"
    assert tool.error("ha_restore_version", url_path=dashboard, version="x", kind="light").pointer == "/kind"
    tool.call("ha_update_dashboard_config", url_path=dashboard, config={"views": []})
    version = tool.call("ha_list_versions", url_path=dashboard)["versions"][0]["version"]
    assert tool.error("ha_restore_version", url_path=dashboard, version=version, expected_hash="x").status == 409
    assert tool.error("ha_list_versions", kind="light").pointer == "/kind"


def test_versions_survive_a_restart(home_assistant, make_gateway, url_path):
    gateway = make_gateway(env={"HA_URL": home_assistant.url, "HA_TOKEN": home_assistant.token})
    gateway.call("ha_create_dashboard", url_path=url_path, title="Kept")
    gateway.call("ha_update_dashboard_config", url_path=url_path, config={"views": [{"title": "Now"}]})
    gateway.restart()
    version = gateway.call("ha_list_versions", url_path=url_path)["versions"][0]["version"]
    gateway.call("ha_restore_version", url_path=url_path, version=version)
    assert config_of(home_assistant, url_path) == {"views": []}


def test_writes_at_the_same_time_lose_nothing(tool, home_assistant, dashboard):
    from concurrent.futures import ThreadPoolExecutor
    callers = [tool.caller(None) for _ in range(8)]

    def add(number):
        return callers[number % 8].call("ha_create_custom_card", dashboard_id=dashboard, view_index=1, card_config={"type": "markdown", "content": str(number)})

    with ThreadPoolExecutor(8) as pool:
        places = sorted(data["card_index"] for data in pool.map(add, range(24)))
    cards = config_of(home_assistant, dashboard)["views"][1]["cards"]
    assert sorted(int(card["content"]) for card in cards) == list(range(24)) and places == list(range(24))


def test_a_large_configuration_goes_through_whole(tool, home_assistant, dashboard):
    config = {"views": [{"title": "Large", "cards": [{"type": "markdown", "content": "x" * 900} for _ in range(900)]}]}
    tool.call("ha_update_dashboard_config", url_path=dashboard, config=config)
    assert config_of(home_assistant, dashboard) == config
    assert tool.call("ha_get_dashboard_config", url_path=dashboard)["config"] == config


def test_our_client_sees_what_home_assistant_refuses(home_assistant):
    with pytest.raises(HomeAssistantError, match="config_not_found"):
        home_assistant.ws_command({"type": "lovelace/config", "url_path": "lovelace"})
