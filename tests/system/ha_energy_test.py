"""Energy from the preferences of the energy dashboard, in a Home Assistant of its own that has it."""
import uuid
from datetime import timedelta

import pytest

from ha_intelligence_test import import_statistics, put, this_hour
from support.gateway import Gateway
from support.home_assistant_client import HomeAssistantError


@pytest.fixture(scope="module")
def home_assistant(private_home_assistant):
    file = private_home_assistant.config_dir / "configuration.yaml"
    file.write_text(file.read_text() + "\nenergy:\n")
    private_home_assistant.restart()
    return private_home_assistant


@pytest.fixture(scope="module")
def tool(home_assistant):
    with Gateway(env={"HA_URL": home_assistant.url, "HA_TOKEN": home_assistant.token}) as started:
        yield started


@pytest.fixture
def sensor():
    return f"sensor.t_{uuid.uuid4().hex[:8]}"


def test_standby_and_cost_follow_from_a_week(tool, home_assistant, sensor):
    put(home_assistant, sensor, "100", device_class="energy", state_class="total_increasing", unit_of_measurement="kWh", friendly_name="Meter")
    begin = this_hour() - timedelta(hours=14 * 24)
    rows = [{"start": (begin + timedelta(hours=i)).isoformat(), "state": i * 0.25, "sum": i * 0.25} for i in range(14 * 24)]
    import_statistics(home_assistant, sensor, rows, "kWh", has_sum=True)
    old = {"type": "grid", "flow_from": [{"stat_energy_from": sensor, "stat_cost": None, "entity_energy_price": None, "number_energy_price": 0.4}], "flow_to": [], "cost_adjustment_day": 0}
    new = {"type": "grid", "stat_energy_from": sensor, "stat_energy_to": None, "stat_cost": None, "entity_energy_price": None, "number_energy_price": 0.4,
           "stat_compensation": None, "entity_energy_price_export": None, "number_energy_price_export": None, "cost_adjustment_day": 0}
    try:
        home_assistant.ws_command({"type": "energy/save_prefs", "energy_sources": [old]})
    except HomeAssistantError:  # 2026 takes the newer form only
        home_assistant.ws_command({"type": "energy/save_prefs", "energy_sources": [new]})
    try:
        data = tool.call("ha_energy_intelligence", period="week")
        assert data["source"] == "energy_dashboard" and data["grid_import"]["kwh"] == pytest.approx(42, abs=0.6)
        assert data["cost"] == pytest.approx(data["grid_import"]["kwh"] * 0.4, abs=0.01)
        assert data["standby"]["watts"] == pytest.approx(250, abs=1) and data["standby"]["nights"] >= 6 and data["standby"]["share_of_consumption"] == pytest.approx(1, abs=0.02)
        assert any(one["kind"] == "standby" for one in data["suggestions"])
    finally:
        home_assistant.ws_command({"type": "energy/save_prefs", "energy_sources": []})
