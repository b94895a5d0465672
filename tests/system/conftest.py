"""Fixtures of the system tests. Every test gets real programs; what they share is started once.

home_assistant           shared for the run (PATCHBAY_HA_FILE names one that somebody started); leave it running.
                         PATCHBAY_HA=newest: the newest one, in a Debian folder (support/home_assistant_newest.py)
private_home_assistant   this module's own: it may be stopped, frozen and restarted
gateway                  the program with an empty configuration, one for each module
gateway_with_ha          the same, connected to home_assistant
make_gateway             a function that starts one as asked, stopped after the test
certificates             a certificate authority that issues what TLS tests need
"""
import os
from pathlib import Path

import pytest

from support.gateway import Gateway
from support.home_assistant import HomeAssistant, SharedHomeAssistant
from support.tls import Authority
from support.tool_table import pytest_runtest_logreport, pytest_sessionfinish  # noqa: F401 (hooks)


@pytest.fixture(scope="session")
def home_assistant():
    file = os.environ.get("PATCHBAY_HA_FILE")
    if file:
        yield SharedHomeAssistant(Path(file))
        return
    with HomeAssistant() as started:
        yield started


@pytest.fixture(scope="module")
def private_home_assistant():
    with HomeAssistant() as started:
        yield started


@pytest.fixture(scope="module")
def gateway():
    with Gateway() as started:
        yield started


@pytest.fixture(scope="module")
def gateway_with_ha(home_assistant):
    with Gateway(env={"HA_URL": home_assistant.url, "HA_TOKEN": home_assistant.token}) as started:
        yield started


@pytest.fixture
def make_gateway():
    started: list[Gateway] = []

    def make(**options) -> Gateway:
        gateway = Gateway(**options)
        started.append(gateway)
        return gateway.start()

    yield make
    for gateway in started:
        gateway.close()


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("certificates"))
