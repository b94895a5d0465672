"""The listener with TLS: pages and calls by https, the hub by wss, certificates renewed under open connections."""
import asyncio
import contextlib
import json
import shutil
import signal
import ssl
import time

import httpx
import pytest
from websockets.asyncio.client import connect

from support.gateway import Gateway


@pytest.fixture
def files(tmp_path, certificates):
    """Certificate and key where the gateway reads them."""
    chain, key = certificates.issue("localhost", "127.0.0.1")
    shutil.copy(chain, tmp_path / "chain.pem")
    shutil.copy(key, tmp_path / "key.pem")
    return tmp_path / "chain.pem", tmp_path / "key.pem"


@pytest.fixture
def trust(certificates):
    return ssl.create_default_context(cafile=str(certificates.ca))


@pytest.fixture
def secure(make_gateway, files, trust):
    return make_gateway(config={"server": {"tls": {"certificate": str(files[0]), "key": str(files[1])}}}, verify=trust)


def serial(port: int, trust: ssl.SSLContext) -> str:
    import socket
    with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
        with trust.wrap_socket(plain, server_hostname="localhost") as wrapped:
            return wrapped.getpeercert()["serialNumber"]


class Connection:
    """A hub connection by wss, driven by one thread. The library's `sync` client reads in one thread and writes in another
    on one OpenSSL object, which is not made for that: now and then a request written while the session tickets of
    TLS 1.3 arrive is lost in the client."""

    def __init__(self, loop, socket):
        self._loop, self._socket = loop, socket

    def send(self, message: dict):
        self._loop.run_until_complete(self._socket.send(json.dumps(message)))

    def receive(self) -> dict:
        return json.loads(self._loop.run_until_complete(asyncio.wait_for(self._socket.recv(), 10)))


@contextlib.contextmanager
def connected(gateway: Gateway, trust: ssl.SSLContext):
    url = gateway.url.replace("https", "wss") + "/ws/connect"
    with asyncio.Runner() as runner:
        loop = runner.get_loop()

        async def opened():
            return await connect(url, ssl=trust, compression=None, proxy=None)

        socket = loop.run_until_complete(opened())
        yield Connection(loop, socket)
        loop.run_until_complete(socket.close())


def test_calls_and_pages(secure, certificates):
    assert secure.url.startswith("https://")
    assert secure.call("system_health")["status"] == "ok"
    assert secure.get("/openapi.json").status_code == 200
    assert secure.call("echo_say", text="x" * 60_000)["text"] == "x" * 60_000
    with secure.stream("echo_count", count=3) as events:
        assert [event.event for event in events][-1] == "end"
    answer = secure.command("call", "system_health", env={"PATCHBAY_CA": str(certificates.ca)})
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout)["status"] == "ok"
    refused = secure.command("call", "system_health")
    assert refused.returncode != 0 and "PATCHBAY_CA" in refused.stderr


def test_own_pages_are_same_origin(secure):
    origin = secure.url
    assert secure.reply("echo_say", {"text": "hi"}, headers={"origin": origin}).status == 200
    assert secure.reply("echo_say", {"text": "hi"}, headers={"origin": "https://elsewhere.example"}).status == 403


def test_hub(secure, trust):
    with connected(secure, trust) as socket:
        assert socket.receive()["type"] == "connected"
        socket.send({"type": "subscribe", "channel": "news"})
        assert socket.receive()["type"] == "subscribed"
        big = "y" * 200_000
        assert secure.call("hub_publish", channel="news", data=big)["subscribers"] == 1
        assert socket.receive()["data"] == big


def test_a_plain_client_is_refused(secure):
    with pytest.raises(httpx.TransportError):
        httpx.get(f"http://127.0.0.1:{secure.port}/health/live", timeout=10, trust_env=False)
    assert secure.call("system_health")["status"] == "ok"


def test_renewal_keeps_open_connections(secure, certificates, files, trust):
    first = serial(secure.port, trust)
    with connected(secure, trust) as socket:
        assert socket.receive()["type"] == "connected"
        chain, key = certificates.issue("localhost", "127.0.0.1")
        shutil.copy(chain, files[0])
        shutil.copy(key, files[1])
        secure.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 10
        while serial(secure.port, trust) == first:
            assert time.monotonic() < deadline, "the old certificate is still shown"
        socket.send({"type": "subscribe", "channel": "still.here"})
        assert socket.receive()["type"] == "subscribed"


def test_a_wrong_renewal_changes_nothing(secure, files, trust):
    first = serial(secure.port, trust)
    files[0].write_text("this is no certificate\n")
    secure.process.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + 10
    while "server.tls.certificate" not in secure.stderr:
        assert time.monotonic() < deadline, secure.stderr[-2000:]
    assert serial(secure.port, trust) == first


def test_wrong_files_stop_the_start(tmp_path, certificates):
    chain, _ = certificates.issue("localhost")
    _, other = certificates.issue("localhost")
    gateway = Gateway(config={"server": {"tls": {"certificate": str(chain), "key": str(other)}}})
    with pytest.raises(AssertionError, match="does not belong to the certificate"):
        gateway.start()
    gateway.close()


def test_client_certificates(make_gateway, files, certificates, trust):
    gateway = make_gateway(config={"server": {"tls": {"certificate": str(files[0]), "key": str(files[1]),
                                                      "client_ca": str(certificates.ca)}}}, verify=trust)
    with pytest.raises(httpx.TransportError):
        gateway.get("/health/live")
    chain, key = certificates.issue("a.client", client=True)
    known = ssl.create_default_context(cafile=str(certificates.ca))
    known.load_cert_chain(str(chain), str(key))
    assert httpx.get(f"{gateway.url}/health/live", verify=known, timeout=10, trust_env=False).status_code == 200
