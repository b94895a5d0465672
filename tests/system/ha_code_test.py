"""Python in a child process, states as a table, and charts of the real history."""
import base64
import os
import time
import xml.etree.ElementTree as ElementTree
from datetime import datetime, timedelta, timezone

import pytest

from support.gateway import Gateway


@pytest.fixture(scope="module")
def tool(home_assistant):
    with Gateway(config={"plugins": {"home_assistant": {"url": home_assistant.url, "token": home_assistant.token, "allow_code": True}}},
                 env={"A_SECRET_OF_THE_GATEWAY": "do-not-tell"}) as started:
        yield started.admin


def run(tool, code, **more):
    return tool.call("ha_execute_python", code=code, **more)


def test_python_is_off_by_default(gateway_with_ha):
    error = gateway_with_ha.admin.error("ha_execute_python", code="print(1)")
    assert (error.status, error.code) == (403, "forbidden") and "allow_code" in error.message


def test_python_prints_and_fails(tool):
    data = run(tool, "import sys\nprint('Grüße', 6 * 7)\nprint('oh', file=sys.stderr)")
    assert (data["stdout"], data["stderr"], data["exit_code"], data["timed_out"]) == ("Grüße 42\n", "oh\n", 0, False)
    wrong = run(tool, "x = 1\nraise ValueError('no')")
    assert wrong["exit_code"] == 1 and "ValueError: no" in wrong["stderr"] and "line 2" in wrong["stderr"]
    assert "stdout" not in run(tool, "print(1)", return_stdout=False)
    assert tool.error("ha_execute_python", code="").pointer == "/code"


def test_python_sees_neither_environment_nor_files_of_the_gateway(tool):
    data = run(tool, """
import glob, os
print(sorted(os.environ))
for path in glob.glob('/proc/[0-9]*/environ') + ['/root', '/etc/shadow', '/home']:
    try:
        text = open(path, 'rb').read() if os.path.isfile(path) else os.listdir(path)
        if b'do-not-tell' in bytes(str(text), 'utf8'): print('LEAK', path)
    except OSError: pass
try:
    open('/tmp/pb_outside', 'w'); print('WROTE')
except OSError as error: print('refused', error.errno)
open('inside', 'w').write('x'); print(os.getcwd() == os.environ['HOME'], os.listdir('.'))
""")
    assert data["exit_code"] == 0, data["stderr"]
    assert "do-not-tell" not in data["stdout"] and "SECRET" not in data["stdout"] and "TOKEN" not in data["stdout"] and "LEAK" not in data["stdout"]
    if "landlock" in data["fences"]:
        assert "refused" in data["stdout"] and not os.path.exists("/tmp/pb_outside")
    assert "True" in data["stdout"]


@pytest.mark.parametrize(("code", "sign"), [
    ("x = bytearray(4 << 30)", "MemoryError"),
    ("f = open('big', 'wb')\nfor _ in range(64): f.write(b'x' * (1 << 20))", "File too large"),
    ("files = [open('main.py') for _ in range(500)]", "Too many open files"),
])
def test_python_is_held_within_its_limits(tool, code, sign):
    data = run(tool, code)
    assert data["exit_code"] != 0 and (sign in data["stderr"] or data["exit_code"] > 128), data


def test_python_that_does_not_end_is_ended_with_all_it_started(tool):
    mark = f"pb-sleeper-{os.getpid()}"
    begun = time.monotonic()
    data = run(tool, f"""
import os, subprocess, sys
print('begun', flush=True)
subprocess.Popen([sys.executable, '-I', '-c', 'import os, time; os.setsid(); time.sleep(60) # {mark}'], start_new_session=True)
while True: pass
""", timeout_s=2)
    assert data["timed_out"] and data["exit_code"] == 137 and data["stdout"] == "begun\n" and time.monotonic() - begun < 10
    left = [pid for pid in os.listdir("/proc") if pid.isdigit() and mark in _command_line(pid)]
    assert left == [] or "pid_namespace" not in data["fences"], left


def _command_line(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().decode(errors="replace")
    except OSError:
        return ""


def test_python_that_forks_without_end_stops_at_its_limit(tool):
    data = run(tool, """
import os, time
made = 0
try:
    while True:
        if os.fork() == 0: time.sleep(60)
        made += 1
except OSError as error: print('stopped at', made)
""", timeout_s=5)
    made = int(data["stdout"].split()[-1])
    assert 0 < made < 100


def test_the_gateway_answers_while_python_runs(tool):
    import threading
    done = []
    worker = threading.Thread(target=lambda: done.append(run(tool, "import time\ntime.sleep(2)")))
    worker.start()
    begun = time.monotonic()
    assert tool.call("ha_list_entities", domain="light")["entities"]
    assert time.monotonic() - begun < 1.5 and not done
    worker.join()
    assert done[0]["exit_code"] == 0


def test_pictures_that_python_writes(tool):
    png = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()
    data = run(tool, f"import base64, os\nopen('a.png', 'wb').write(base64.b64decode('{png}'))\nos.symlink('/etc/hostname', 'b.png')\nopen('c.svg', 'w').write('<svg/>')")
    assert [(one["name"], one["format"], base64.b64decode(one["image"])) for one in data["plots"]] == [("a.png", "png", b"\x89PNG\r\n\x1a\n"), ("c.svg", "svg", b"<svg/>")]
    assert run(tool, "open('a.png', 'wb').write(b'x')", return_plots=False)["plots"] == []


def test_states_as_a_table(tool, home_assistant):
    states = {one["entity_id"]: one for one in home_assistant.ws_command({"type": "get_states"})}
    lights = {name for name, one in states.items() if name.startswith("light.") and one["state"] == "on"}
    data = tool.call("ha_analyze_states_dataframe", domain="light", query="state == 'on'")
    assert {row["entity_id"] for row in data["rows"]} == lights and data["shape"]["rows"] == len(lights)
    for row in data["rows"]:
        assert row["attr_friendly_name"] == states[row["entity_id"]]["attributes"]["friendly_name"]
    assert data["dtypes"]["state"] == "text" and data["summary"]["state"]["distinct"] == 1
    numbers = {name: float(one["state"]) for name, one in states.items() if name.startswith("sensor.") and _is_number(one["state"]) and float(one["state"]) > 20}
    warm = tool.call("ha_analyze_states_dataframe", domain="sensor", query="state > 20", fields=["entity_id", "state"], limit=1000)
    assert {row["entity_id"] for row in warm["rows"]} == set(numbers) and warm["columns"] == ["entity_id", "state"]
    assert warm["summary"]["state"]["max"] == max(numbers.values())
    page = tool.call("ha_analyze_states_dataframe", limit=5, fields=["entity_id"])
    more = tool.call("ha_analyze_states_dataframe", limit=5, fields=["entity_id"], cursor=page["next_cursor"])
    assert [row["entity_id"] for row in page["rows"] + more["rows"]] == sorted(states)[:10] and page["shape"]["rows"] == len(states)
    assert tool.call("ha_analyze_states_dataframe", summary=True)["rows"] == []
    assert "attr_friendly_name" not in tool.call("ha_analyze_states_dataframe", include_attributes=False)["columns"]


def _is_number(text):
    try:
        return float(text) == float(text)
    except ValueError:
        return False


@pytest.mark.parametrize("arguments", [{"query": "state =="}, {"query": "attr_frendly_name == 'x'"}, {"query": "__import__('os')"}, {"fields": ["stat"]}])
def test_a_table_that_cannot_be(tool, arguments):
    error = tool.error("ha_analyze_states_dataframe", **arguments)
    assert error.code == "invalid_argument" and error.pointer in ("/query", "/fields")


def test_a_chart_of_the_real_history(tool, home_assistant):
    for level in (5, 80, 20):
        home_assistant.call_service("input_number", "set_value", {"value": level}, {"entity_id": "input_number.lab_level"})
    home_assistant.call_service("input_boolean", "toggle", {}, {"entity_id": "input_boolean.lab_switch"})
    entities = ["input_number.lab_level", "input_boolean.lab_switch", "sensor.outside_temperature"]

    def recorded():
        data = tool.call("ha_plot_sensor_history", entity_ids=entities, hours=1, title="Lab <&>", include_series=True)
        return data if data["entities"][0].get("last") == 20 else None

    data = _eventually(recorded)
    svg = ElementTree.fromstring(base64.b64decode(data["image"]))
    texts = [element.text for element in svg.iter("{http://www.w3.org/2000/svg}text")]
    assert svg.tag.endswith("svg") and texts[0] == "Lab <&>" and "Lab level" in texts and "Lab switch" in texts
    assert (data["format"], data["entity_count"], data["time_range_hours"]) == ("svg", 3, 1)
    level = data["entities"][0]
    begin = (datetime.now(timezone.utc) - timedelta(hours=1)).isoformat()
    rows = home_assistant.ws_command({"type": "history/history_during_period", "start_time": begin, "entity_ids": entities[:1], "no_attributes": True})[entities[0]]
    assert level["max"] == max(float(row["s"]) for row in rows) and {5.0, 80.0, 20.0} <= {point["value"] for point in level["series"]} and level["points"] >= 3
    for kind in ("bar", "scatter"):
        assert tool.call("ha_plot_sensor_history", entity_ids="input_number.lab_level", chart_type=kind)["entity_count"] == 1


def test_a_chart_that_cannot_be(tool):
    error = tool.error("ha_plot_sensor_history", entity_ids=["sensor.outside_temperatur"])
    assert error.code == "not_found" and "sensor.outside_temperature" in error.message
    assert tool.error("ha_plot_sensor_history", entity_ids=[]).pointer == "/entity_ids"
    assert tool.error("ha_plot_sensor_history", entity_ids=["sun.sun"], chart_type="pie").pointer == "/chart_type"
    assert tool.error("ha_plot_sensor_history", entity_ids=["sun.sun"], hours=0).pointer == "/hours"


def _eventually(ask, seconds=15):
    """The recorder writes once a second: ask until it has."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        answer = ask()
        if answer:
            return answer
        time.sleep(0.2)
    raise AssertionError("Home Assistant has not recorded it in time")
