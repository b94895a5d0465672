"""A small client of Home Assistant's own API, independent of the gateway, for set-up and for checking what really happened.

    client = Client("http://127.0.0.1:8123", token)
    client.ws_command({"type": "lovelace/dashboards/list"})
    client.rest("GET", "/api/states/light.bed_light")          -> (200, {...})
    with client.socket() as socket:
        subscription = socket.subscribe({"type": "subscribe_events", "event_type": "state_changed"})
        event = socket.next_event(subscription)

Blocking; one thread at a time for each socket. Every wait is bounded by `timeout` seconds.
"""
import http.client
import json
import urllib.parse
from collections import deque

from websockets.sync.client import connect


class HomeAssistantError(Exception):
    """Home Assistant answered a command with an error; `code` is its own word, such as not_found."""

    def __init__(self, code: str, message: str):
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class Socket:
    """One authenticated WebSocket session."""

    def __init__(self, url: str, token: str, timeout: float = 10.0):
        self.timeout = timeout
        self._next_id = 0
        self._events: dict[int, deque] = {}
        self._connection = connect(url.replace("http", "ws", 1) + "/api/websocket", max_size=64 * 1024 * 1024,
                                   compression=None, open_timeout=timeout, close_timeout=2, proxy=None)
        greeting = json.loads(self._connection.recv(timeout))
        self.version = greeting["ha_version"]
        self._connection.send(json.dumps({"type": "auth", "access_token": token}))
        answer = json.loads(self._connection.recv(timeout))
        if answer["type"] != "auth_ok":
            self._connection.close()
            raise HomeAssistantError(answer["type"], answer.get("message", ""))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self) -> None:
        self._connection.close()

    def _send(self, command: dict) -> int:
        self._next_id += 1
        self._connection.send(json.dumps({"id": self._next_id, **command}))
        return self._next_id

    def _receive(self, timeout: float | None) -> dict:
        message = json.loads(self._connection.recv(self.timeout if timeout is None else timeout))
        if message["type"] == "event":
            self._events.setdefault(message["id"], deque()).append(message["event"])
        return message

    def _result(self, number: int):
        while True:
            message = self._receive(None)
            if message["id"] != number or message["type"] == "event":
                continue
            if message["type"] == "pong":
                return None
            if not message["success"]:
                raise HomeAssistantError(message["error"]["code"], message["error"]["message"])
            return message["result"]

    def command(self, command: dict):
        """The result of one command; events that arrive meanwhile are kept for next_event."""
        return self._result(self._send(command))

    def subscribe(self, command: dict) -> int:
        """Send a command that is followed by events; gives the number that next_event takes."""
        number = self._send(command)
        self._result(number)
        return number

    def next_event(self, subscription: int, timeout: float | None = None) -> dict:
        """The next event of a subscription; TimeoutError when none comes in time."""
        waiting = self._events.setdefault(subscription, deque())
        while not waiting:
            self._receive(timeout)
        return waiting.popleft()


class Client:
    """Home Assistant at `url` as the user of `token`."""

    def __init__(self, url: str, token: str, timeout: float = 10.0):
        self.url = url.rstrip("/")
        self.token = token
        self.timeout = timeout

    def socket(self) -> Socket:
        return Socket(self.url, self.token, self.timeout)

    def ws_command(self, command: dict):
        """One command on a session of its own; raises HomeAssistantError."""
        with self.socket() as socket:
            return socket.command(command)

    def rest(self, method: str, path: str, body=None) -> tuple[int, object]:
        """(status, parsed JSON or text) of one request to the REST API."""
        return request(self.url, method, path, body, token=self.token, timeout=self.timeout)

    def state(self, entity_id: str) -> dict:
        status, body = self.rest("GET", f"/api/states/{entity_id}")
        if status != 200:
            raise HomeAssistantError("not_found", f"no state of {entity_id}")
        return body

    def call_service(self, domain: str, service: str, data: dict | None = None, target: dict | None = None):
        return self.ws_command({"type": "call_service", "domain": domain, "service": service,
                                "service_data": data or {}, **({"target": target} if target else {})})


def request(url: str, method: str, path: str, body=None, *, token: str | None = None, form: dict | None = None,
            timeout: float = 10.0) -> tuple[int, object]:
    """One HTTP request on a connection of its own, past any proxy that the environment names."""
    parts = urllib.parse.urlsplit(url)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    payload = None
    if form is not None:
        payload = urllib.parse.urlencode(form)
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    elif body is not None:
        payload = json.dumps(body)
        headers["Content-Type"] = "application/json"
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=timeout)
    try:
        connection.request(method, path, payload, headers)
        response = connection.getresponse()
        text = response.read().decode("utf-8", "replace")
    finally:
        connection.close()
    if "application/json" in response.headers.get("Content-Type", ""):
        return response.status, json.loads(text)
    return response.status, text
