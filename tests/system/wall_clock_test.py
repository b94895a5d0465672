"""The wall clock jumps by a day and back: timestamps follow it, nothing else does. What was begun goes on, limits of time
keep their length, and what has an end by the calendar (a token) is judged by it when it is shown."""
import mmap
import os
import re
import struct
import subprocess
import time
from pathlib import Path

import pytest
from jwt_test import SECRET, token

from support.gateway import Gateway, binary
from support.hub_client import HubClient, Refused

DAY = 24 * 3600


def shim() -> Path:
    build = os.environ.get("PATCHBAY_BUILD") or Path(__file__).resolve().parents[2] / "build" / "release"
    return Path(build) / "bin" / "fixtures" / "libwall_clock.so"


def preloaded() -> str:
    """The shim, behind the sanitizer's library where the program has one: that one wants to be first."""
    libraries = subprocess.run(["ldd", str(binary())], capture_output=True, text=True, check=True).stdout
    first = re.findall(r"=> (\S*/lib[at]san\.so\S*)", libraries)
    return ":".join([*first, str(shim())])


class WallClock:
    """The wall clock of one program, moved by so many seconds."""

    def __init__(self, file: Path):
        file.write_bytes(bytes(8))
        with open(file, "r+b") as opened:
            self._memory = mmap.mmap(opened.fileno(), 8)
        self.seconds = 0

    def jump(self, seconds: int) -> None:
        self.seconds = seconds
        self._memory[:8] = struct.pack("=q", seconds)

    def now(self) -> float:
        return time.time() + self.seconds


@pytest.fixture
def clock(tmp_path):
    return WallClock(tmp_path / "clock")


@pytest.fixture
def gateway(make_gateway, clock, tmp_path) -> Gateway:
    return make_gateway(
        config={"security": {"jwt": {"algorithms": ["HS256"], "key": SECRET}},
                "hub": {"namespaces": [{"pattern": "kept.*", "subscribe": "hub.subscribe", "publish": "hub.publish",
                                        "history": {"size": 10, "ttl_s": 3600}}]}},
        env={"LD_PRELOAD": preloaded(), "WALL_CLOCK_FILE": str(tmp_path / "clock")})


@pytest.mark.parametrize("jump", [DAY, -DAY], ids=["forward", "back"])
def test_only_timestamps_follow(gateway, clock, jump):
    admin = gateway.admin
    admin.call("circuit_breaker_configure", name="payments", consecutive_failures=1)
    permit = admin.call("circuit_breaker_acquire", name="payments")["permit"]
    admin.call("circuit_breaker_record", permit=permit, success=False)
    refused = admin.error("circuit_breaker_acquire", name="payments")
    first = admin.call("hub_publish", channel="kept.a", data=1, idempotency_key="one")

    shown = token("HS256", SECRET, exp=int(time.time()) + 600, scopes=["hub.subscribe"])
    with HubClient(gateway, token=shown) as client:
        client.send(type="subscribe", channel="kept.a")
        client.until("subscribed")
        clock.jump(jump)

        admin.call("hub_publish", channel="kept.a", data=2)
        event = client.until("message")
        assert event["data"] == 2
        assert abs(event["timestamp"] - clock.now()) < 60

        # What was kept, remembered, opened or put off before is as it was.
        assert [message["data"] for message in admin.call("hub_history", channel="kept.a")["messages"]] == [1, 2]
        again = admin.call("hub_publish", channel="kept.a", data=1, idempotency_key="one")
        assert again["offset"] == first["offset"]
        still = admin.error("circuit_breaker_acquire", name="payments")
        assert still.code == "circuit_open"
        assert 0 < still.reply.error["retry_after_ms"] <= refused.reply.error["retry_after_ms"]

        # Limits of time are as long as they were.
        admin.call("logging_set_level", logger="hub", level="debug", expires_ms=300)
        began = time.monotonic()
        with admin.stream("echo_count", count=4, interval_ms=100) as events:
            assert [event.event for event in events][-1] == "end"
        assert 0.3 <= time.monotonic() - began < 60
        until = time.monotonic() + 60
        while admin.call("logging_set_level", logger="hub", level="info")["previous"] != "info":
            assert time.monotonic() < until, "the level did not go back"

        # The connection outlives it: its token's time runs by the steady clock.
        assert client.request(type="ping")["type"] == "pong"
    assert admin.call("system_health")["status"] == "ok"


def test_a_token_is_judged_by_the_calendar(gateway, clock):
    shown = token("HS256", SECRET, exp=int(time.time()) + 600, scopes=["hub.subscribe"])
    with HubClient(gateway, token=shown):
        pass
    clock.jump(DAY)
    with pytest.raises(Refused) as refused:
        HubClient(gateway, token=shown)
    assert refused.value.status == 401
    clock.jump(0)
    with HubClient(gateway, token=shown):
        pass
