"""State changes and statistics, held against what Home Assistant's own API says."""
import time
from datetime import datetime, timedelta, timezone

import pytest


@pytest.fixture(scope="module")
def tool(gateway_with_ha):
    return gateway_with_ha


@pytest.fixture(scope="module")
def changes(home_assistant):
    """Known changes of two helpers, recorded; gives the time before them."""
    begun = datetime.now(timezone.utc) - timedelta(milliseconds=50)
    values = [11, 33, 22, 44]
    for value in values:
        home_assistant.call_service("input_number", "set_value", {"value": value}, {"entity_id": "input_number.lab_level"})
        home_assistant.call_service("input_text", "set_value", {"value": f"t{value}"}, {"entity_id": "input_text.lab_text"})
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        history = home_assistant.ws_command({"type": "history/history_during_period", "start_time": begun.isoformat(),
                                             "entity_ids": ["input_text.lab_text"], "no_attributes": True})
        if history.get("input_text.lab_text", [{}])[-1].get("s") == "t44":
            return begun
        time.sleep(0.2)
    raise AssertionError("Home Assistant has not recorded the changes in time")


def test_history_of_an_entity(tool, changes):
    data = tool.call("ha_get_entity_history", entity_id="input_number.lab_level", start_time=changes.isoformat())
    assert [float(row["state"]) for row in data["history"]][-4:] == [11, 33, 22, 44]
    assert data["entity_id"] == "input_number.lab_level" and data["state_changes"] == len(data["history"])
    assert "attributes" not in data["history"][-1] and "next_cursor" not in data
    full = tool.call("ha_get_entity_history", entity_id="input_number.lab_level", start_time="-1h", minimal=False)
    assert full["history"][-1]["attributes"]["friendly_name"] == "Lab level"
    assert all(row["last_changed"] <= after["last_changed"] for row, after in zip(full["history"], full["history"][1:]))


@pytest.mark.parametrize("start", ["-1h", "1h", "60m", "3600s", "0.5d", "1 hour ago", "-1w"])
def test_relative_times(tool, changes, start):
    data = tool.call("ha_get_entity_history", entity_id="input_number.lab_level", start_time=start)
    assert [float(row["state"]) for row in data["history"]][-4:] == [11, 33, 22, 44]
    seconds = {"-1h": 3600, "1h": 3600, "60m": 3600, "3600s": 3600, "0.5d": 43200, "1 hour ago": 3600, "-1w": 604800}[start]
    begin = datetime.fromisoformat(data["start_time"])
    assert abs((datetime.now(timezone.utc) - begin).total_seconds() - seconds) < 30


def test_a_time_without_a_zone_is_home_assistants_own(tool, home_assistant, changes):
    zone = home_assistant.ws_command({"type": "get_config"})["time_zone"]
    from zoneinfo import ZoneInfo
    local = changes.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    data = tool.call("ha_get_entity_history", entity_id="input_number.lab_level", start_time=local.isoformat())
    assert abs((datetime.fromisoformat(data["start_time"]) - changes).total_seconds()) < 1


def test_history_of_several_in_pages(tool, changes):
    ids = ["input_number.lab_level", "input_text.lab_text"]
    whole = tool.call("ha_get_entity_history", entity_ids=ids, start_time=changes.isoformat(), end_time="now")
    end = whole["end_time"]
    assert {row["entity_id"] for row in whole["history"]} == set(ids) and whole["entity_id"] == ids
    rows, cursor, pages = [], None, 0
    while True:
        page = tool.call("ha_get_entity_history", entity_id=ids, start_time=changes.isoformat(), end_time=end, limit=3, cursor=cursor)
        rows += page["history"]
        pages += 1
        cursor = page.get("next_cursor")
        if cursor is None:
            break
    assert rows == whole["history"] and pages >= 3
    summary = tool.call("ha_get_entity_history", entity_id=ids, start_time=changes.isoformat(), end_time=end, summary=True)
    assert summary["history"] == [] and summary["summary"]["input_text.lab_text"]["last"] == "t44"
    assert sum(one["changes"] for one in summary["summary"].values()) == len(rows)


@pytest.mark.parametrize(("arguments", "code", "pointer"), [
    ({"entity_id": "input_number.lab_levl"}, "not_found", "/entity_id"),
    ({"entity_id": "nonsense"}, "invalid_argument", "/entity_id"),
    ({"entity_id": []}, "invalid_argument", "/entity_id"),
    ({"entity_id": [f"sensor.a{i}" for i in range(51)]}, "invalid_argument", "/entity_id"),
    ({"entity_id": "sun.sun", "start_time": "yesterday"}, "invalid_argument", "/start_time"),
    ({"entity_id": "sun.sun", "start_time": "-500d"}, "invalid_argument", "/start_time"),
    ({"entity_id": "sun.sun", "start_time": "-1h", "end_time": "-2h"}, "invalid_argument", "/end_time"),
    ({"entity_id": "sun.sun", "cursor": "x"}, "invalid_argument", "/cursor"),
])
def test_history_that_cannot_be(tool, arguments, code, pointer):
    error = tool.error("ha_get_entity_history", **arguments)
    assert (error.code, error.pointer) == (code, pointer)


def test_statistics_from_the_states(tool, home_assistant, changes):
    data = tool.call("ha_get_statistics", entity_id="input_number.lab_level", period="hour", start_time=changes.isoformat())
    figures = data["statistics"]
    # The last value has held for most of the time, so the weighted mean is near it and the median is it.
    rows = home_assistant.ws_command({"type": "history/history_during_period", "start_time": changes.isoformat(), "entity_ids": ["input_number.lab_level"], "no_attributes": True})["input_number.lab_level"]
    values = [float(row["s"]) for row in rows]  # what it was at the start is the first of them
    assert (figures["min"], figures["max"], data["source"]) == (min(values), max(values), "history") and figures["count"] >= 4
    assert {11, 44} <= set(values)
    end = datetime.fromisoformat(data["end_time"]).timestamp()
    begin = changes.timestamp()
    times = [max(begin, row["lu"]) for row in rows] + [end]
    mean = sum(float(row["s"]) * (after - at) for row, at, after in zip(rows, times, times[1:])) / (end - times[0])
    assert figures["mean"] == pytest.approx(mean, abs=0.5)
    assert figures["median"] == 44 or times[-1] - times[-2] < (end - begin) / 2
    assert 0 < data["known_share"] <= 1.001 and data["period"] == "hour"


def test_statistics_from_home_assistants_own(tool, home_assistant):
    """Rows put there by the recorder's own import, under the id of a sensor that exists."""
    now = datetime.now(timezone.utc).replace(minute=0, second=0, microsecond=0)
    rows = [{"start": (now - timedelta(hours=i)).isoformat(), "mean": 10.0 + i, "min": float(i), "max": 20.0 + i} for i in range(160, 0, -1)]
    home_assistant.ws_command({"type": "recorder/import_statistics", "stats": rows, "metadata": {
        "has_mean": True, "mean_type": 1, "has_sum": False, "name": None, "source": "recorder", "statistic_id": "sensor.outside_temperature", "unit_of_measurement": "°C", "unit_class": "temperature"}}
        if home_assistant.version >= "2025" else
        {"type": "recorder/import_statistics", "stats": rows, "metadata": {
            "has_mean": True, "has_sum": False, "name": None, "source": "recorder", "statistic_id": "sensor.outside_temperature", "unit_of_measurement": "°C"}})
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        data = tool.call("ha_get_statistics", entity_id="sensor.outside_temperature", period="week")
        if data["source"] == "statistics":
            break
        time.sleep(0.3)
    theirs = home_assistant.ws_command({"type": "recorder/statistics_during_period", "start_time": data["start_time"], "end_time": data["end_time"],
                                        "statistic_ids": ["sensor.outside_temperature"], "period": "hour", "types": ["mean", "min", "max"]})["sensor.outside_temperature"]
    figures = data["statistics"]
    assert data["unit"] == "°C" and figures["count"] == len(theirs)
    assert figures["min"] == pytest.approx(min(row["min"] for row in theirs)) and figures["max"] == pytest.approx(max(row["max"] for row in theirs))
    assert figures["mean"] == pytest.approx(sum(row["mean"] for row in theirs) / len(theirs))
    assert "sum" not in figures


def test_statistics_of_several(tool):
    data = tool.call("ha_get_statistics", entity_id=["input_number.lab_level", "sensor.outside_temperature"], period="day")
    assert [one["entity_id"] for one in data["entities"]] == ["input_number.lab_level", "sensor.outside_temperature"]


@pytest.mark.parametrize(("arguments", "code", "pointer"), [
    ({"entity_id": "sensor.outside_temperatur", "period": "day"}, "not_found", "/entity_id"),
    ({"entity_id": "sensor.outside_temperature"}, "invalid_argument", "/period"),
    ({"entity_id": "sensor.outside_temperature", "period": "year"}, "invalid_argument", "/period"),
    ({"entity_id": "light.bed_light", "period": "day"}, "invalid_argument", "/entity_id"),
    ({"entity_id": "sensor.outside_temperature", "period": "day", "start_time": "2100-01-01T00:00:00Z"}, "invalid_argument", "/start_time"),
])
def test_statistics_that_cannot_be(tool, arguments, code, pointer):
    error = tool.error("ha_get_statistics", **arguments)
    assert (error.code, error.pointer) == (code, pointer)
