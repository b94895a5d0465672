"""The session with Home Assistant: wrong tokens, exchanged tokens, restarts, and no Home Assistant at all."""
import time

import pytest

from ha_events_test import Listening, fire, wait_for

REFUSED = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJub2JvZHkifQ.4GhrUh3m6p1P5ZDtVZo0WkmSMWLWUoCGoVq0o8tCc9w"


def test_without_a_home_assistant_the_tools_say_what_is_missing(gateway):
    for name, arguments in (("ha_list_dashboards", {}), ("ha_get_entity_state", {"entity_id": "sun.sun"}), ("ha_subscribe_events", {"event_type": "x"})):
        error = gateway.error(name, **arguments)
        assert (error.status, error.code) == (503, "unavailable")
        assert "plugins.home_assistant.url" in error.message and "HA_URL" in error.message


def test_a_wrong_token_is_reported_at_once_and_not_tried_again(home_assistant, make_gateway):
    gateway = make_gateway(env={"HA_URL": home_assistant.url, "HA_TOKEN": REFUSED})
    for name, arguments in (("ha_list_dashboards", {}), ("ha_get_states", {}), ("ha_get_entity_state", {"entity_id": "sun.sun"}), ("ha_list_dashboards", {})):
        begun = time.monotonic()
        error = gateway.error(name, **arguments)
        assert (error.status, error.code, error.retryable) == (502, "auth_failed", False), error
        assert time.monotonic() - begun < 2 and REFUSED not in error.message
    assert REFUSED not in gateway.stderr
    attempts = [line for line in gateway.admin.get("/metrics").text.splitlines() if line.startswith("patchbay_operations_total") and "connect" in line]
    assert gateway.admin.call("websocket_list")["connections"] == [], attempts


def test_a_token_in_a_file_is_read_again_when_it_is_refused(home_assistant, make_gateway, tmp_path):
    file = tmp_path / "token"
    file.write_text(REFUSED + "\n")
    file.chmod(0o600)
    gateway = make_gateway(config={"plugins": {"home_assistant": {"url": home_assistant.url, "token": f"file:{file}"}}})
    assert gateway.error("ha_list_dashboards").code == "auth_failed"
    assert gateway.error("ha_get_entity_state", entity_id="sun.sun").code == "auth_failed"
    file.write_text(home_assistant.token + "\n")
    assert gateway.call("ha_list_dashboards")["count"] >= 1
    assert gateway.call("ha_get_entity_state", entity_id="sun.sun")["entity_id"] == "sun.sun"
    file.unlink()
    assert gateway.call("ha_list_dashboards")["count"] >= 1  # the session is open


def test_an_address_where_nobody_is(make_gateway):
    gateway = make_gateway(env={"HA_URL": "http://127.0.0.1:9", "HA_TOKEN": "x"})
    error = gateway.error("ha_list_dashboards")
    assert (error.status, error.retryable) in ((502, True), (503, True)) and error.code in ("connect_failed", "circuit_open"), error


@pytest.fixture
def lab(private_home_assistant, make_gateway):
    return make_gateway(env={"HA_URL": private_home_assistant.url, "HA_TOKEN": private_home_assistant.token})


def answers(gateway):
    try:
        return gateway.call("ha_list_dashboards")["count"] >= 1
    except Exception as error:
        assert getattr(error, "retryable", False), error
        return False


def test_a_restart_is_survived_with_subscriptions(lab, private_home_assistant):
    with Listening(lab, event_type="lab_restart", limit=2, timeout_s=60) as listener:
        fire(private_home_assistant, "lab_restart", {"n": 1})
        wait_for(lambda: listener.of("lab_restart"))
        private_home_assistant.restart()
        begun = time.monotonic()
        wait_for(lambda: answers(lab), 10)
        assert time.monotonic() - begun < 5
        wait_for(lambda: any(event.event == "reconnected" for event in listener.events), 10)
        fire(private_home_assistant, "lab_restart", {"n": 2})
    assert [event["data"]["n"] for event in listener.of("lab_restart")] == [1, 2]


def test_an_administrator_restarts_it(lab, private_home_assistant):
    assert lab.error("ha_call_service", domain="homeassistant", service="restart").code == "forbidden"
    before = private_home_assistant.pid
    # It answers, or its socket dies first: both are the restart.
    reply = lab.admin.reply("ha_call_service", {"domain": "homeassistant", "service": "restart"})
    assert reply.status == 200 or reply.error["retryable"], reply.body
    wait_for(lambda: private_home_assistant.pid != before, 60)
    private_home_assistant.wait_running()
    wait_for(lambda: answers(lab), 30)


def test_while_it_is_away_every_call_is_answered(lab, private_home_assistant):
    assert answers(lab)
    private_home_assistant.stop()
    for _ in range(20):
        error = lab.error("ha_list_dashboards")
        assert error.retryable and error.code in ("connection_lost", "connect_failed", "circuit_open", "unavailable", "deadline_exceeded"), error
    private_home_assistant.start()
    begun = time.monotonic()
    wait_for(lambda: answers(lab), 10)
    assert time.monotonic() - begun < 5


def test_a_call_waits_for_the_session_that_is_being_opened(private_home_assistant, make_gateway):
    """The first calls come while the handshake runs: all are answered, over one connection."""
    from concurrent.futures import ThreadPoolExecutor
    gateway = make_gateway(env={"HA_URL": private_home_assistant.url, "HA_TOKEN": private_home_assistant.token})
    callers = [gateway.caller(None) for _ in range(10)]
    with ThreadPoolExecutor(10) as pool:
        assert all(count >= 1 for count in pool.map(lambda caller: caller.call("ha_list_dashboards")["count"], callers))
    assert len(gateway.admin.call("websocket_list")["connections"]) == 1


def home_part(gateway):
    health = gateway.get("/health").json()
    parts = (health.get("data") or health)["parts"]
    return next(part for part in parts if part["name"] == "HOME_ASSISTANT")


def test_health_tells_of_a_lost_home_assistant(lab, private_home_assistant):
    wait_for(lambda: home_part(lab)["status"] == "ok", 20)
    assert home_part(lab)["message"].startswith("connected to Home Assistant 20")
    private_home_assistant.stop()
    wait_for(lambda: home_part(lab)["status"] == "degraded", 20)
    assert "Home Assistant was lost" in home_part(lab)["message"]
    assert lab.get("/health").status_code == 200 and lab.get("/health/ready").status_code == 200  # degraded, not dead
    assert lab.call("system_health")["status"] == "degraded"
    listed = next(one for one in lab.admin.call("plugins_list")["plugins"] if one["name"] == "home_assistant")
    assert listed["status"] == "degraded" and "lost" in listed["message"]
    private_home_assistant.start()
    wait_for(lambda: home_part(lab)["status"] == "ok", 20)  # nobody has called a tool meanwhile
    assert lab.call("system_health")["status"] == "ok"


def test_health_tells_of_a_refused_token_and_of_nobody_there(home_assistant, make_gateway, gateway):
    refused = make_gateway(env={"HA_URL": home_assistant.url, "HA_TOKEN": REFUSED})
    wait_for(lambda: "refused the token" in home_part(refused)["message"], 20)
    assert home_part(refused)["status"] == "degraded" and REFUSED not in home_part(refused)["message"]
    nobody = make_gateway(env={"HA_URL": "http://127.0.0.1:9", "HA_TOKEN": "x"})
    wait_for(lambda: "cannot be reached" in home_part(nobody)["message"] or "left alone" in home_part(nobody)["message"], 20)
    assert home_part(nobody)["status"] == "degraded"
    assert home_part(gateway) == {"name": "HOME_ASSISTANT", "status": "ok", "message": "no Home Assistant is configured"}


def test_a_home_assistant_that_comes_later_is_connected_without_a_call(private_home_assistant, make_gateway):
    private_home_assistant.stop()
    gateway = make_gateway(env={"HA_URL": private_home_assistant.url, "HA_TOKEN": private_home_assistant.token})
    wait_for(lambda: home_part(gateway)["status"] == "degraded", 20)
    private_home_assistant.start()
    wait_for(lambda: home_part(gateway)["status"] == "ok", 20)
