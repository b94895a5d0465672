"""What the tools of the categories intelligence and security conclude, from states, history and statistics that these tests put there."""
import time
import uuid
from datetime import datetime, timedelta, timezone

import pytest


@pytest.fixture
def tool(gateway_with_ha):
    return gateway_with_ha.admin


def states(home_assistant):
    return {one["entity_id"]: one for one in home_assistant.rest("GET", "/api/states")[1]}


def put(home_assistant, entity_id, state, **attributes):
    status, body = home_assistant.rest("POST", f"/api/states/{entity_id}", {"state": state, "attributes": attributes})
    assert status in (200, 201), body


@pytest.fixture
def made(home_assistant):
    """Puts states of entities that are gone at the end."""
    names = []

    def make(entity_id, state, **attributes):
        names.append(entity_id)
        put(home_assistant, entity_id, state, **attributes)
        return entity_id

    yield make
    for name in set(names):
        home_assistant.rest("DELETE", f"/api/states/{name}")


@pytest.fixture
def sensor(home_assistant):
    """A sensor of this test's own with statistics; gone at the end."""
    name = f"sensor.t_{uuid.uuid4().hex[:8]}"
    yield name
    home_assistant.rest("DELETE", f"/api/states/{name}")
    home_assistant.ws_command({"type": "recorder/clear_statistics", "statistic_ids": [name]})


@pytest.fixture
def person(home_assistant):
    """Puts everybody where a test wants them; back afterwards."""
    before = {one: state for one, state in states(home_assistant).items() if one.startswith("person.")}
    assert before

    def at(where):
        for one, state in before.items():
            put(home_assistant, one, where, **state["attributes"])

    yield at
    for one, state in before.items():
        put(home_assistant, one, state["state"], **state["attributes"])


@pytest.fixture
def kitchen_only(home_assistant):
    """Puts the devices of entities into the kitchen through the registry; back afterwards."""
    moved = []

    def move(entity_id):
        device_id = home_assistant.ws_command({"type": "config/entity_registry/get", "entity_id": entity_id})["device_id"]
        home_assistant.ws_command({"type": "config/device_registry/update", "device_id": device_id, "area_id": "kitchen"})
        moved.append(device_id)

    yield move
    for one in moved:
        home_assistant.ws_command({"type": "config/device_registry/update", "device_id": one, "area_id": None})


def this_hour():
    return datetime.now(timezone.utc).replace(minute=0, second=0, microsecond=0)


def import_statistics(home_assistant, statistic_id, rows, unit, has_sum):
    home_assistant.ws_command({"type": "recorder/import_statistics",
                               "metadata": {"has_mean": not has_sum, "has_sum": has_sum, "name": None, "source": "recorder", "statistic_id": statistic_id, "unit_of_measurement": unit},
                               "stats": rows})
    begin = rows[0]["start"]
    for _ in range(200):
        found = home_assistant.ws_command({"type": "recorder/statistics_during_period", "start_time": begin, "statistic_ids": [statistic_id], "period": "hour"})
        if len(found.get(statistic_id, [])) == len(rows):
            return
        time.sleep(0.05)
    raise AssertionError("the statistics were not imported")


def eventually(check, seconds=15):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = check()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError("it did not come")


# --- the home as it is


def test_the_home_is_summed_up_from_its_states(tool, home_assistant, made, person):
    person("home")
    made("sensor.t_power", "1.5", device_class="power", unit_of_measurement="kW")
    made("sensor.t_battery", "7", device_class="battery", unit_of_measurement="%")
    made("binary_sensor.t_window", "on", device_class="window", friendly_name="A window")
    made("light.t_gone", "unavailable")
    home_assistant.call_service("light", "turn_on", target={"entity_id": "light.bed_light"})
    data = eventually(lambda: (lambda d: d if "light.t_gone" in d["unavailable"] else None)(tool.call("ha_analyze_home_context")))
    theirs = states(home_assistant)
    assert data["occupancy"]["home"] == data["occupancy"]["total_people"] == len([one for one in theirs if one.startswith("person.")])
    on = {one for one, state in theirs.items() if one.startswith("light.") and state["state"] == "on"}
    assert set(data["active_devices"]["lights"]) == on and data["active_devices"]["light_count"] == len(on)
    power = sum(float(state["state"]) * {"W": 1, "kW": 1000}[state["attributes"]["unit_of_measurement"]] for state in theirs.values() if state["attributes"].get("device_class") == "power")
    assert data["power_w"] == pytest.approx(power) and power >= 1500
    assert {"entity_id": "sensor.t_battery", "name": "sensor.t_battery", "level": "7 %"} in data["low_batteries"]
    assert [one["name"] for one in data["open"] if one["entity_id"] == "binary_sensor.t_window"] == ["A window"]
    assert data["time_context"]["hour"] == datetime.fromisoformat(data["time_context"]["local_time"]).hour
    assert data["time_context"]["sun_up"] is (theirs["sun.sun"]["state"] == "above_horizon")
    weather = theirs[data["weather"]["entity_id"]]
    assert data["weather"]["condition"] == weather["state"]
    assert tool.error("ha_analyze_home_context", room="x").pointer == "/room"


def test_activity_needs_evidence(tool, home_assistant, person):
    person("not_home")
    players = [one for one in states(home_assistant) if one.startswith("media_player.")]
    data = eventually(lambda: (lambda d: d if d["activity"] == "away" else None)(tool.call("ha_activity_recognition")))
    assert data["status"] == "ok" and any(one["why"] == "all persons are away" for one in data["evidence"])
    assert sum(one["share"] for one in data["scores"]) == pytest.approx(1, abs=0.05) and data["confidence"] == data["scores"][0]["share"]
    empty = tool.call("ha_activity_recognition", rooms=["Bedroom"])
    assert empty["rooms"] == ["Bedroom"]
    person("home")
    home_assistant.call_service("media_player", "media_play", target={"entity_id": "media_player.living_room"})
    data = eventually(lambda: (lambda d: d if d["occupancy"]["home"] else None)(tool.call("ha_activity_recognition")))
    assert data["activity"] in ("watching_media", "listening") and {one["entity_id"] for one in data["evidence"]} & set(players)
    thin = eventually(lambda: (lambda d: d if d["status"] == "insufficient_data" else None)(tool.call("ha_activity_recognition", rooms=["Bedroom"])))
    assert thin["activity"] == "unknown" and thin["confidence"] == 0
    error = tool.error("ha_activity_recognition", rooms=["Bedrom"])
    assert (error.status, error.pointer) == (404, "/rooms/0") and "Bedroom" in error.message


# --- comfort


def test_comfort_is_judged_and_put_right_when_asked(tool, home_assistant, kitchen_only):
    kitchen_only("climate.heatpump")
    kitchen_only("light.kitchen_lights")
    home_assistant.call_service("climate", "set_hvac_mode", {"hvac_mode": "heat"}, target={"entity_id": "climate.heatpump"})
    home_assistant.call_service("climate", "set_temperature", {"temperature": 20}, target={"entity_id": "climate.heatpump"})
    now = states(home_assistant)["climate.heatpump"]["attributes"]["current_temperature"]
    wanted = round(now) - 5 + 10
    data = eventually(lambda: (lambda d: d if "light" in d["devices_found"] and "climate" in d["devices_found"] else None)(
        tool.call("ha_comfort_optimization", room="kitchen", preferences={"target_temp": wanted, "brightness": 40})))
    assert data["room"] == "Kitchen" and data["readings"]["temperature"][0]["value"] == now and data["season"] == "heating"
    warm = next(one for one in data["recommendations"] if one["type"] == "temperature")
    assert warm["current"] == now and warm["call"] == {"domain": "climate", "service": "set_temperature", "entity_id": "climate.heatpump", "data": {"temperature": wanted}}
    light = next(one for one in data["recommendations"] if one["type"] == "light")
    assert light["call"]["data"] == {"brightness_pct": 40} and data["comfortable"] is False and data["applied"] is False
    assert states(home_assistant)["climate.heatpump"]["attributes"]["temperature"] == 20

    data = tool.call("ha_comfort_optimization", room="Kitchen", preferences={"target_temp": wanted, "brightness": 40}, apply=True)
    assert data["applied"] is True and all(one["applied"] for one in data["recommendations"] if "call" in one)
    theirs = states(home_assistant)
    assert theirs["climate.heatpump"]["attributes"]["temperature"] == wanted
    assert theirs["light.kitchen_lights"]["attributes"]["brightness"] == pytest.approx(102, abs=2)
    home_assistant.call_service("climate", "set_temperature", {"temperature": 20}, target={"entity_id": "climate.heatpump"})


@pytest.mark.parametrize(("arguments", "status", "pointer"), [
    ({"room": "Nowhere"}, 404, "/room"),
    ({}, 400, "/room"),
    ({"room": "Kitchen", "preferences": {"colour": "red"}}, 400, "/preferences/colour"),
    ({"room": "Kitchen", "preferences": {"target_temp": "warm"}}, 400, "/preferences/target_temp"),
    ({"room": "Kitchen", "preferences": {"brightness": 200}}, 400, "/preferences/brightness"),
])
def test_comfort_that_cannot_be_judged(tool, arguments, status, pointer):
    error = tool.error("ha_comfort_optimization", **arguments)
    assert (error.status, error.pointer) == (status, pointer)


def test_a_room_without_sensors_says_so(tool, home_assistant):
    area = home_assistant.ws_command({"type": "config/area_registry/create", "name": "Bare room"})
    try:
        data = eventually(lambda: (lambda r: r.data if r.status == 200 else None)(tool.reply("ha_comfort_optimization", {"room": "Bare room"})))
        assert data["status"] == "insufficient_data" and data["recommendations"] == [] and data["comfortable"] is False and data["insufficient_data"]
    finally:
        home_assistant.ws_command({"type": "config/area_registry/delete", "area_id": area["area_id"]})


# --- energy


def test_energy_is_counted_from_statistics(tool, home_assistant, sensor):
    put(home_assistant, sensor, "100", device_class="energy", state_class="total_increasing", unit_of_measurement="kWh", friendly_name="Freezer")
    begin = this_hour() - timedelta(hours=48)
    rows, total = [], 0.0
    for i in range(48):  # 0.1 kWh an hour yesterday, 0.2 today
        total += 0.1 if i < 24 else 0.2
        rows.append({"start": (begin + timedelta(hours=i)).isoformat(), "state": total, "sum": total})
    import_statistics(home_assistant, sensor, rows, "kWh", has_sum=True)
    data = tool.call("ha_energy_intelligence", period="day")
    mine = next(one for one in data["top_consumers"] if one["statistic_id"] == sensor)
    assert mine["name"] == "Freezer" and mine["kwh"] == pytest.approx(4.6, abs=0.21) and mine["previous_kwh"] == pytest.approx(2.5, abs=0.21)
    assert data["status"] == "ok" and data["source"] == "energy_sensors"
    assert any(one["kind"] == "growth" and "Freezer" in one["message"] for one in data["suggestions"])
    assert "suggestions" in data and tool.call("ha_energy_intelligence", period="day", suggest_savings=False)["suggestions"] == []
    assert "standby" not in data and any(one.startswith("standby") for one in data["insufficient_data"])
    error = tool.error("ha_energy_intelligence", period="year")
    assert (error.status, error.pointer) == (400, "/period")


# --- anomalies


def test_a_reading_is_judged_against_what_was_recorded(tool, home_assistant, sensor):
    for i in range(40):
        put(home_assistant, sensor, str(20 + (i % 5) * 0.1), unit_of_measurement="°C", device_class="temperature")
    data = eventually(lambda: (lambda d: d if d["status"] == "ok" and d["baseline"]["recorded"] >= 40 else None)(tool.call("ha_anomaly_detection", entity_id=sensor)))
    assert data["is_anomaly"] is False and data["baseline"]["median"] == pytest.approx(20.2, abs=0.1) and data["unit"] == "°C" and data["threshold"] == 3.5
    put(home_assistant, sensor, "35", unit_of_measurement="°C", device_class="temperature")
    data = eventually(lambda: (lambda d: d if d["current_value"] == 35 else None)(tool.call("ha_anomaly_detection", entity_id=sensor, sensitivity="high", baseline_days=1)))
    assert data["is_anomaly"] is True and data["anomalies"][0]["kind"] == "value" and data["score"] > 2.5 and "above" in data["anomalies"][0]["message"]
    assert (data["sensitivity"], data["threshold"], data["baseline_period_days"]) == ("high", 2.5, 1)


def test_statistics_reach_where_history_does_not(tool, home_assistant, sensor):
    put(home_assistant, sensor, "21", unit_of_measurement="°C", device_class="temperature", state_class="measurement")
    begin = this_hour() - timedelta(hours=6 * 24)
    rows = [{"start": (begin + timedelta(hours=i)).isoformat(), "mean": 21 + (i % 2) * 0.2, "min": 20, "max": 22} for i in range(6 * 24 - 2)]
    import_statistics(home_assistant, sensor, rows, "°C", has_sum=False)
    data = tool.call("ha_anomaly_detection", entity_id=sensor)
    assert data["status"] == "ok" and "statistics" in data["baseline"]["source"] and data["baseline"]["basis"].startswith("same hour of ")
    assert data["is_anomaly"] is False


def test_too_little_is_said_to_be_too_little(tool, home_assistant, sensor, made):
    put(home_assistant, sensor, "20", unit_of_measurement="°C")
    data = eventually(lambda: (lambda r: r.data if r.status == 200 else None)(tool.reply("ha_anomaly_detection", {"entity_id": sensor})))
    assert data["status"] == "insufficient_data" and data["is_anomaly"] is False and data["score"] is None and "20 are needed" in data["reason"] and "baseline" not in data
    made("sensor.t_none", "unavailable")
    data = eventually(lambda: (lambda r: r.data if r.status == 200 else None)(tool.reply("ha_anomaly_detection", {"entity_id": "sensor.t_none"})))
    assert data["status"] == "insufficient_data" and data["current_value"] is None
    assert tool.error("ha_anomaly_detection", entity_id="sensor.no_such").pointer == "/entity_id"
    assert tool.error("ha_anomaly_detection", entity_id="light.bed_light").status == 400
    assert tool.error("ha_anomaly_detection", entity_id=sensor, sensitivity="extreme").pointer == "/sensitivity"


# --- security


def test_an_open_door_is_told_when_nobody_is_home(tool, home_assistant, made, person):
    door, motion = made("binary_sensor.t_door", "off", device_class="door", friendly_name="Front door"), made("binary_sensor.t_motion", "off", device_class="motion")
    person("home")
    quiet = eventually(lambda: (lambda r: r.data if r.status == 200 and r.data["sensors_monitored"] == 2 and r.data["occupancy"]["home"] else None)(
        tool.reply("ha_intelligent_security_monitor", {"sensor_entities": [door, motion, "binary_sensor.no_such"]})))
    assert quiet["alerts"] == [] and quiet["risk_score"] == 0 and quiet["missing"] == ["binary_sensor.no_such"]
    assert [(one["state"], one["meaning"]) for one in quiet["sensors_status"]] == [("off", "closed"), ("off", "clear")]
    assert len(quiet["insufficient_data"]) == 2 and quiet["sensors_status"][0]["baseline"]["status"] == "insufficient_data"
    person("not_home")
    put(home_assistant, door, "on", device_class="door", friendly_name="Front door")
    data = eventually(lambda: (lambda d: d if d["alerts"] and d["occupancy"]["away"] else None)(
        tool.call("ha_intelligent_security_monitor", sensor_entities=[door, motion], alert_entity="notify.persistent_notification")))
    assert [(one["severity"], one["sensor"]) for one in data["alerts"]] == [("high", door)] and "nobody is home" in data["alerts"][0]["message"]
    assert data["risk_score"] == 50 and data["notified"] == "notify.persistent_notification"
    notes = home_assistant.ws_command({"type": "persistent_notification/get"})
    mine = next(one for one in notes if "Front door" in one["message"])
    home_assistant.call_service("persistent_notification", "dismiss", {"notification_id": mine["notification_id"]})


def test_a_door_that_stands_open_longer_than_ever(tool, home_assistant, made, person):
    person("home")
    door = "binary_sensor.t_short_door"
    for _ in range(6):
        made(door, "on", device_class="door")
        made(door, "off", device_class="door")
    data = eventually(lambda: (lambda r: r.data if r.status == 200 and r.data["sensors_status"][0]["baseline"]["openings"] >= 6 else None)(
        tool.reply("ha_intelligent_security_monitor", {"sensor_entities": [door]})))
    usual = data["sensors_status"][0]["baseline"]
    assert usual["status"] == "ok" and usual["usual_open_s"] < 5 and data["alerts"] == []


@pytest.mark.parametrize(("arguments", "status", "pointer"), [
    ({"sensor_entities": ["binary_sensor.no_such"]}, 404, "/sensor_entities/0"),
    ({"sensor_entities": []}, 400, "/sensor_entities"),
    ({}, 400, "/sensor_entities"),
    ({"sensor_entities": ["lock.front_door"], "baseline_hours": 0}, 400, "/baseline_hours"),
])
def test_a_watch_that_cannot_be(tool, arguments, status, pointer):
    error = tool.error("ha_intelligent_security_monitor", **arguments)
    assert (error.status, error.pointer) == (status, pointer)


# --- vacation


def plan_automations(home_assistant):
    return {one["attributes"]["id"]: one for one in states(home_assistant).values() if str(one["attributes"].get("id", "")).startswith("patchbay_vacation_")}


@pytest.fixture
def heated(home_assistant):
    home_assistant.call_service("climate", "set_hvac_mode", {"hvac_mode": "heat"}, target={"entity_id": "climate.heatpump"})
    home_assistant.call_service("climate", "set_temperature", {"temperature": 20}, target={"entity_id": "climate.heatpump"})
    yield
    for key in plan_automations(home_assistant):
        home_assistant.rest("DELETE", f"/api/config/automation/config/{key}")


def date_in(days):
    return (datetime.now() + timedelta(days=days)).strftime("%Y-%m-%d")


def test_a_vacation_is_only_planned_at_first(tool, home_assistant, heated):
    data = tool.call("ha_vacation_mode", start_date=date_in(10), end_date=date_in(19))
    assert data["duration_days"] == 10 and data["dry_run"] is True and data["automations"] == []
    lower = next(one for one in data["actions"] if one["what"] == "temperature" and one["entity_id"] == "climate.heatpump")
    assert lower["status"] == "planned" and "to 16" in lower["detail"]
    assert {one["what"] for one in data["actions"]} >= {"temperature", "restore"}
    assert plan_automations(home_assistant) == {} and states(home_assistant)["climate.heatpump"]["attributes"]["temperature"] == 20


def test_a_vacation_stands_and_is_cancelled(tool, home_assistant, heated, made):
    made("binary_sensor.t_back_door", "off", device_class="door")
    eventually(lambda: tool.reply("ha_diagnose_entity", {"entity_id": "binary_sensor.t_back_door"}).status == 200)
    data = tool.call("ha_vacation_mode", start_date=date_in(10), end_date=date_in(12), dry_run=False, target_temp=15, security_mode="low", simulate_presence=False)
    mine = plan_automations(home_assistant)
    assert {one["entity_id"] for one in mine.values()} == set(data["automations"]) and len(mine) == 3 and data["plans"] == [data["plan_id"]]
    assert all(one["state"] == "on" for one in mine.values())
    assert {"what": "watch", "entity_id": "binary_sensor.t_back_door", "status": "planned", "detail": "a notification in Home Assistant when it opens or fires"} in data["actions"]
    assert states(home_assistant)["climate.heatpump"]["attributes"]["temperature"] == 20
    assert tool.error("ha_vacation_mode", start_date=date_in(10), end_date=date_in(12)).code == "conflict"
    asked = tool.call("ha_vacation_mode", cancel=True)
    assert asked["cancelled"] is False and len(plan_automations(home_assistant)) == 3
    done = tool.call("ha_vacation_mode", cancel=True, dry_run=False)
    assert done["cancelled"] is True and done["plan_id"] == data["plan_id"] and plan_automations(home_assistant) == {} and done["plans"] == []
    assert tool.error("ha_vacation_mode", cancel=True, dry_run=False).code == "not_found"


def test_a_vacation_that_begins_today_begins_at_once(tool, home_assistant, heated):
    data = tool.call("ha_vacation_mode", start_date=date_in(0), end_date=date_in(5), dry_run=False, target_temp=12, simulate_presence=False)
    assert states(home_assistant)["climate.heatpump"]["attributes"]["temperature"] == 12
    assert next(one for one in data["actions"] if one["what"] == "temperature" and one["entity_id"] == "climate.heatpump")["status"] == "done"
    done = tool.call("ha_vacation_mode", cancel=True, plan_id=data["plan_id"], dry_run=False)
    assert states(home_assistant)["climate.heatpump"]["attributes"]["temperature"] == 20
    assert any(one["what"] == "restore" and one["status"] == "done" and one["entity_id"] == "climate.heatpump" for one in done["actions"])


@pytest.mark.parametrize(("arguments", "pointer"), [
    ({"end_date": "2030-01-01"}, "/start_date"),
    ({"start_date": "2030-01-01"}, "/end_date"),
    ({"start_date": "2030-01-02", "end_date": "2030-01-01"}, "/end_date"),
    ({"start_date": "2020-01-02", "end_date": "2020-01-03"}, "/end_date"),
    ({"start_date": "1.1.2030", "end_date": "2030-01-01"}, "/start_date"),
    ({"start_date": "2030-01-01", "end_date": "2030-01-02", "security_mode": "paranoid"}, "/security_mode"),
])
def test_dates_that_cannot_be(tool, arguments, pointer):
    error = tool.error("ha_vacation_mode", **arguments)
    assert (error.status, error.pointer) == (400, pointer)
