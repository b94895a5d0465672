"""ha_call_service: what it changes, what it returns, and whom it refuses."""
import pytest


@pytest.fixture(scope="module")
def tool(gateway_with_ha):
    return gateway_with_ha


def test_a_service_changes_a_state(tool, home_assistant):
    home_assistant.call_service("input_boolean", "turn_off", target={"entity_id": "input_boolean.lab_switch"})
    reply = tool.reply("ha_call_service", {"domain": "input_boolean", "service": "turn_on", "entity_id": "input_boolean.lab_switch"})
    assert reply.status == 200, reply.body
    assert home_assistant.state("input_boolean.lab_switch")["state"] == "on"
    assert [(one["entity_id"], one["state"]) for one in reply.data["changed_states"]] == [("input_boolean.lab_switch", "on")]
    assert reply.data["count"] == 1 and reply.message == "Called input_boolean.turn_on; 1 state changed"
    again = tool.call("ha_call_service", domain="input_boolean", service="turn_on", entity_id="input_boolean.lab_switch")
    assert again["changed_states"] == []


@pytest.mark.parametrize("arguments", [
    {"entity_id": ["input_number.lab_level"], "service_data": {"value": 7}},
    {"target": {"entity_id": "input_number.lab_level"}, "service_data": {"value": 8}},
    {"service_data": {"entity_id": "input_number.lab_level", "value": 9}},
    {"entity_id": "input_number.lab_level", "data": {"entity_id": "input_number.lab_level", "value": 6}},
])
def test_a_target_may_be_named_in_any_place(tool, home_assistant, arguments):
    tool.call("ha_call_service", domain="input_number", service="set_value", **arguments)
    value = (arguments.get("service_data") or arguments["data"])["value"]
    assert float(home_assistant.state("input_number.lab_level")["state"]) == value


def test_a_service_that_returns_data(tool):
    data = tool.call("ha_call_service", domain="weather", service="get_forecasts", entity_id="weather.demo_weather_south", service_data={"type": "daily"})
    assert data["service_response"]["weather.demo_weather_south"]["forecast"]
    error = tool.error("ha_call_service", domain="weather", service="get_forecasts", entity_id="weather.demo_weather_south",
                       service_data={"type": "daily"}, return_response=False)
    assert (error.status, error.pointer) == (400, "/return_response")
    error = tool.error("ha_call_service", domain="light", service="turn_on", entity_id="light.bed_light", return_response=True)
    assert (error.status, error.pointer) == (400, "/return_response")


@pytest.mark.parametrize(("arguments", "status", "code", "pointer"), [
    ({"domain": "light", "service": "turn_onn", "entity_id": "light.bed_light"}, 404, "not_found", "/service"),
    ({"domain": "no_such", "service": "turn_on"}, 404, "not_found", "/service"),
    ({"domain": "light", "service": "turn_on", "entity_id": "light.bed_ligt"}, 404, "not_found", "/entity_id"),
    ({"domain": "light", "service": "turn_on", "entity_id": ["light.bed_light", "light.gone"]}, 404, "not_found", "/entity_id"),
    ({"domain": "light", "service": "turn_on", "entity_id": "bed light"}, 400, "invalid_argument", "/entity_id"),
    ({"domain": "light", "service": "turn_on", "entity_id": 5}, 400, "invalid_argument", "/entity_id"),
    ({"domain": "light", "service": "turn_on", "entity_id": "light.bed_light", "service_data": {"brightness": "much"}}, 400, "invalid_argument", ""),
    ({"domain": "light", "service": "turn_on", "entity_id": "light.bed_light", "service_data": {"no_such_field": 1}}, 400, "invalid_argument", ""),
    ({"domain": "light", "service": "turn_on", "entity_id": "light.bed_light", "service_data": {"entity_id": "light.ceiling_lights"}}, 400, "invalid_argument", "/service_data/entity_id"),
    ({"domain": "light", "service": "turn_on", "target": {"room": "x"}}, 400, "invalid_argument", "/target/room"),
    ({"domain": "Light!", "service": "turn_on"}, 400, "invalid_argument", "/domain"),
    ({"domain": "light", "service": "turn/on"}, 400, "invalid_argument", "/service"),
    ({"service": "turn_on"}, 400, "invalid_argument", "/domain"),
])
def test_refused(tool, home_assistant, arguments, status, code, pointer):
    before = home_assistant.state("light.bed_light")["last_updated"]
    error = tool.error("ha_call_service", **arguments)
    assert (error.status, error.code, error.pointer) == (status, code, pointer), error
    assert home_assistant.state("light.bed_light")["last_updated"] == before


@pytest.mark.parametrize(("domain", "service"), [("homeassistant", "stop"), ("homeassistant", "restart"), ("hassio", "host_shutdown")])
def test_what_stops_the_system_takes_an_administrator(tool, domain, service):
    error = tool.error("ha_call_service", domain=domain, service=service)
    assert (error.status, error.code) == (403, "forbidden") and "ha.admin" in error.message


def test_a_service_without_a_target(tool, home_assistant):
    tool.call("ha_call_service", domain="persistent_notification", service="create", service_data={"message": "lab", "notification_id": "lab_note"})
    notes = home_assistant.ws_command({"type": "persistent_notification/get"})
    assert "lab_note" in [one["notification_id"] for one in notes]
    tool.call("ha_call_service", domain="persistent_notification", service="dismiss", service_data={"notification_id": "lab_note"})


def test_a_user_without_rights_is_told_so(home_assistant, make_gateway):
    resident = make_gateway(env={"HA_URL": home_assistant.url, "HA_TOKEN": home_assistant.user_token})
    assert resident.call("ha_list_dashboards")["count"] >= 1
    error = resident.error("ha_create_dashboard", url_path="t-not-allowed", title="x")
    assert (error.status, error.code) == (403, "forbidden") and "administrator" in error.message
    assert resident.call("ha_call_service", domain="input_boolean", service="toggle", entity_id="input_boolean.lab_second")["count"] == 1
    assert resident.error("ha_validate_config").status in (401, 403, 502)


def test_read_only_refuses_all_writes(home_assistant, make_gateway):
    reader = make_gateway(config={"plugins": {"home_assistant": {"url": home_assistant.url, "token": home_assistant.token, "read_only": True}}})
    assert reader.call("ha_list_dashboards")["count"] >= 1
    for name, arguments in (("ha_call_service", {"domain": "light", "service": "turn_on"}), ("ha_create_dashboard", {"url_path": "a-b", "title": "x"}),
                            ("ha_process_intent", {"text": "turn on Bed Light"}), ("ha_restore_version", {"version": "x"})):
        error = reader.error(name, **arguments)
        assert (error.status, error.code) == (403, "forbidden") and "read_only" in error.message
