"""patchbay listen: a channel on the command line."""
import json
import subprocess
import threading
from contextlib import contextmanager

import pytest

from support.gateway import binary

HISTORY = {"hub": {"namespaces": [{"pattern": "kept", "subscribe": "hub.subscribe", "publish": "hub.publish",
                                   "history": {"size": 100, "ttl_s": 60}}]}}


@contextmanager
def listening(gateway, *arguments):
    """The running command, once it has said that it listens; and what it said."""
    process = subprocess.Popen([binary(), "listen", *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, env={**gateway._env, "PATCHBAY_URL": gateway.url})
    guard = threading.Timer(30, process.kill)
    guard.start()
    try:
        yield process, process.stderr.readline()
    finally:
        guard.cancel()
        process.kill()
        process.communicate()


def test_one_line_an_event(gateway):
    with listening(gateway, "listen.test", "--count", "2") as (process, said):
        assert said == "listen.test: listening\n"
        for number in (1, 2):
            assert gateway.call("hub_publish", channel="listen.test", event="note", data={"number": number})["subscribers"] == 1
        lines = [json.loads(line) for line in process.stdout]
        assert process.wait(10) == 0
    assert [(line["type"], line["channel"], line["data"]) for line in lines] == [
        ("note", "listen.test", {"number": 1}), ("note", "listen.test", {"number": 2})]


def test_prefix(gateway):
    with listening(gateway, "listen.*", "--count", "1") as (process, _):
        gateway.call("hub_publish", channel="listen.below", data="x")
        assert json.loads(process.stdout.readline())["channel"] == "listen.below"
        assert process.wait(10) == 0


def test_a_prefix_begins_with_the_last_values(make_gateway):
    gateway = make_gateway(config={"hub": {"namespaces": [{"pattern": "last.*", "history": {"size": 3, "ttl_s": 60}, "last_value": True}]}})
    for name in ("last.a", "last.b", "last.a"):
        gateway.call("hub_publish", channel=name, data=name)
    with listening(gateway, "last.*", "--count", "3") as (process, said):
        assert said == "last.*: listening\n"
        gateway.call("hub_publish", channel="last.c", data="new")
        lines = [json.loads(line) for line in process.stdout]
        assert process.wait(10) == 0
    assert [(line["channel"], line["data"]) for line in lines] == [("last.b", "last.b"), ("last.a", "last.a"), ("last.c", "new")]


def test_what_was_missed_comes_first(make_gateway):
    gateway = make_gateway(config=HISTORY)
    with listening(gateway, "kept", "--count", "1") as (process, said):
        gateway.call("hub_publish", channel="kept", data=1)
        first = json.loads(process.stdout.readline())
    assert said.startswith("kept: listening, now at ")
    epoch = said.split()[-1].rsplit(":", 1)[0]
    for number in (2, 3):
        gateway.call("hub_publish", channel="kept", data=number)
    with listening(gateway, "kept", "--count", "3", "--recover", f"{epoch}:{first['offset']}") as (process, said):
        assert said.endswith("; what was missed follows\n")
        gateway.call("hub_publish", channel="kept", data=4)
        assert [json.loads(line)["data"] for line in process.stdout] == [2, 3, 4]
        assert process.wait(10) == 0
    with listening(gateway, "kept", "--recover", "nonsense:1") as (process, said):
        assert said.endswith("; what was missed is gone\n")


def test_the_end_of_the_gateway_is_told(make_gateway):
    gateway = make_gateway()
    with listening(gateway, "listen.test") as (process, _):
        gateway.stop()
        assert process.wait(10) == 9
        assert "the gateway is stopping" in process.stderr.read()


@pytest.mark.parametrize("arguments, code, message", [
    ([], 2, "CHANNEL"),
    (["kept", "--recover", "7"], 2, "--recover takes EPOCH:OFFSET"),
    (["kept", "--recover", "a:"], 2, "--recover takes EPOCH:OFFSET"),
    (["kept", "--recover", "a:1x"], 2, "--recover takes EPOCH:OFFSET"),
    (["kept", "--count", "0"], 2, "--count"),
    (["no channel"], 3, "channel"),
    (["audit", "--url", "http://127.0.0.1:1"], 9, "no gateway at"),
])
def test_wrong_use(gateway, arguments, code, message):
    done = gateway.command("listen", *arguments)
    assert done.returncode == code, done.stderr
    assert message in done.stderr


def test_rights(gateway):
    done = gateway.command("listen", "audit", env={"PATCHBAY_TOKEN": "no-such-token"})
    assert done.returncode == 4 and "unauthenticated" in done.stderr


def test_help_and_completion(gateway):
    shown = gateway.command("listen", "--help").stdout
    for word in ("CHANNEL", "--count", "--recover", "--url"):
        assert word in shown
    assert " listen " in gateway.command("completion", "bash").stdout
