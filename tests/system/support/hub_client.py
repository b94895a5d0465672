"""A client of the hub by the `websockets` library: JSON messages in both directions.

    with HubClient(gateway, "/ws/connect") as client:
        client.welcome                                     the first message that came
        client.send(type="subscribe", channel="c")         client.send_text("{") sends anything
        client.next()                                      the next message; pings of the channel dialect are passed over
        client.until("published")                          the next message of a type, others before it are kept
        client.closed() -> (code, reason)                  waits until the server has closed

Tokens: token= in the header, subprotocol= as bearer subprotocol, query= in the address; auth= as the first message.
"""
import hashlib
import json
import socket
from collections import deque

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

TIMEOUT = 20


def address(gateway, path: str) -> str:
    return gateway.url.replace("http", "ws", 1) + path


def static_token(token: str, *scopes: str, **more) -> dict:
    """An entry of security.tokens."""
    return {"id": more.pop("id", token), "sha256": hashlib.sha256(token.encode()).hexdigest(), "scopes": list(scopes), **more}


class Refused(Exception):
    """The handshake was answered with an HTTP status; body is the error object, where there is one."""

    def __init__(self, response):
        super().__init__(f"{response.status_code} {response.body[:200]!r}")
        self.status = response.status_code
        self.headers = response.headers
        try:
            self.error = json.loads(response.body)["error"]
        except (ValueError, KeyError, TypeError):
            self.error = None


class HubClient:
    def __init__(self, gateway, path="/ws/connect", token=None, subprotocol=None, query=None, auth=None, pong=True,
                 welcome=True, headers=None):
        self.pong = pong
        self.kept = deque()
        options = {"additional_headers": dict(headers or {}), "open_timeout": TIMEOUT, "close_timeout": TIMEOUT,
                   "ping_interval": None, "max_size": 32 << 20, "proxy": None}
        if token:
            options["additional_headers"]["Authorization"] = f"Bearer {token}"
        if subprotocol:
            options["subprotocols"] = ["patchbay", f"bearer.{subprotocol}"]
        if query:
            path += f"{'&' if '?' in path else '?'}token={query}"
        try:
            self.socket = connect(address(gateway, path), **options)
        except InvalidStatus as refused:
            raise Refused(refused.response) from None
        if auth:
            self.send(type="auth", token=auth)
            self.authenticated = self.next()
            assert self.authenticated["type"] == "authenticated", self.authenticated
        if welcome:
            self.welcome = self.next()
            assert self.welcome["type"] in ("connected", "connection_ack"), self.welcome
            self.id = self.welcome.get("connection_id") or self.welcome["data"]["connection_id"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self) -> None:
        self.socket.close()

    def cut(self) -> None:
        """Gone without a word, as a phone in a tunnel."""
        self.socket.socket.shutdown(socket.SHUT_RDWR)

    def send(self, **message) -> None:
        self.send_text(json.dumps(message))

    def send_text(self, text) -> None:
        self.socket.send(text)

    def _receive(self, timeout):
        while True:
            message = json.loads(self.socket.recv(timeout=timeout))
            if message["type"] != "ping":
                return message
            if self.pong:
                self.send(type="pong")

    def next(self, timeout=TIMEOUT) -> dict:
        return self.kept.popleft() if self.kept else self._receive(timeout)

    def until(self, kind: str, timeout=TIMEOUT) -> dict:
        for message in list(self.kept):
            if message["type"] == kind:
                self.kept.remove(message)
                return message
        while True:
            message = self._receive(timeout)
            if message["type"] == kind:
                return message
            self.kept.append(message)

    def raw(self, timeout=TIMEOUT) -> dict:
        """The next message, a ping too; nothing is answered."""
        return json.loads(self.socket.recv(timeout=timeout))

    def request(self, **message) -> dict:
        """Sends it and gives what comes next."""
        self.send(**message)
        return self.next()

    def subscribe(self, channel: str, **more) -> dict:
        self.send(type="subscribe", channel=channel, **more)
        answer = self.until("subscribed")
        assert answer["channel"] == channel
        return answer

    def nothing_before(self, **request) -> None:
        """That nothing came: a question is asked, and its answer is the next message."""
        answer = self.request(**(request or {"type": "ping"}))
        assert answer["type"] in ("pong",), answer

    def closed(self, timeout=TIMEOUT) -> tuple[int, str]:
        try:
            while True:
                self.kept.append(json.loads(self.socket.recv(timeout=timeout)))
        except ConnectionClosed as end:
            assert end.rcvd is not None, "the server went without a close frame"
            return end.rcvd.code, end.rcvd.reason
