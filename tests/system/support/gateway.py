"""The built program as a real process on a free port, and callers of it.

    with Gateway(config={"logging": {"level": "debug"}}) as gateway:
        gateway.call("system_health")                          -> the data of the reply, or ToolError
        gateway.admin.call("logging_get_levels")               with the admin token of this run
        gateway.caller(token).reply("echo_say", {"text": 1})   -> Reply, whatever its status
        gateway.post("/echo_say", b"{", {"content-type": "application/json"})   -> httpx.Response, nothing checked
        with gateway.stream("ha_subscribe_events", event_type="x") as events: next(events)

PATCHBAY_BIN names the program (default: build/release/bin/patchbay). Each instance has configuration, state and runtime
folders of its own and sees no HA_URL or HA_TOKEN but those given. stop() sends SIGTERM and expects exit code 0. Every
JSON answer is held against /openapi.json and noted for the contract test (see record.py).
"""
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Queue

import httpx
import yaml

from .contract import Contract
from .record import record

ROOT = Path(__file__).resolve().parents[3]
SANITIZER_REPORT = re.compile(r"^(==\d+==ERROR: |WARNING: ThreadSanitizer|.*: runtime error: )", re.MULTILINE)


def binary() -> Path:
    path = Path(os.environ.get("PATCHBAY_BIN") or ROOT / "build" / "release" / "bin" / "patchbay")
    assert path.exists(), f"{path} is not built; scripts/run --build-only builds it, PATCHBAY_BIN names another"
    return path


class ToolError(Exception):
    """An operation answered with an error; the fields are those of the reply."""

    def __init__(self, reply: "Reply"):
        error = reply.body["error"]
        super().__init__(f"{reply.status} {error['code']}: {error['message']}")
        self.reply = reply
        self.status = reply.status
        self.code = error["code"]
        self.message = error["message"]
        self.pointer = error.get("pointer", "")
        self.retryable = error.get("retryable")


@dataclass
class Reply:
    status: int
    body: dict
    headers: httpx.Headers

    @property
    def data(self):
        return self.body["data"]

    @property
    def message(self) -> str:
        return self.body.get("message", "")

    @property
    def error(self) -> dict:
        return self.body["error"]


@dataclass
class Event:
    """One server-sent event."""

    id: str
    event: str
    data: str

    def json(self):
        return json.loads(self.data)


class Caller:
    """Calls operations of a running gateway over HTTP, with one token or none. Connections are kept alive."""

    def __init__(self, url: str, token: str | None = None, contract=None, timeout: float = 30.0, verify=True):
        self.url = url
        self.token = token
        headers = {"authorization": f"Bearer {token}"} if token else {}
        self.http = httpx.Client(base_url=url, headers=headers, timeout=timeout, trust_env=False, verify=verify)
        self._contract = contract or (lambda: None)

    def close(self) -> None:
        self.http.close()

    def reply(self, tool: str, arguments=None, headers: dict | None = None) -> Reply:
        """The reply of one operation, whatever its status."""
        begun = time.perf_counter()
        response = self.http.post(f"/{tool}", json={} if arguments is None else arguments, headers=headers)
        record(tool, response.status_code, milliseconds=(time.perf_counter() - begun) * 1000)
        reply = Reply(response.status_code, response.json(), response.headers)
        contract = self._contract()
        if contract:
            contract.check(tool, reply.status, reply.body)
        return reply

    def call(self, tool: str, /, **arguments):
        """The data of a successful reply; ToolError otherwise."""
        reply = self.reply(tool, arguments)
        if reply.status != 200:
            raise ToolError(reply)
        assert reply.body["status"] == "success", reply.body
        return reply.data

    def error(self, tool: str, /, **arguments) -> ToolError:
        """The error that a call must end with."""
        try:
            data = self.call(tool, **arguments)
        except ToolError as error:
            return error
        raise AssertionError(f"{tool} succeeded: {str(data)[:300]}")

    def get(self, path: str, headers: dict | None = None) -> httpx.Response:
        return self.http.get(path, headers=headers)

    def post(self, path: str, content: bytes = b"", headers: dict | None = None) -> httpx.Response:
        return self.http.post(path, content=content, headers=headers)

    @contextmanager
    def stream(self, tool: str, /, _headers: dict | None = None, **arguments):
        """An iterator over the events of a streaming operation; leaving the block hangs up."""
        headers = {"accept": "text/event-stream", **(_headers or {})}
        with self.http.stream("POST", f"/{tool}", json=arguments, headers=headers) as response:
            record(tool, response.status_code, streamed=True)
            if response.status_code != 200:
                response.read()
                raise ToolError(Reply(response.status_code, response.json(), response.headers))
            assert response.headers["content-type"].split(";")[0] == "text/event-stream"
            yield server_sent_events(response.iter_lines())


def server_sent_events(lines):
    """Events out of the lines of a text/event-stream; comments are left out."""
    fields: dict[str, list[str]] = {}
    for line in lines:
        if line == "":
            if fields:
                yield Event("".join(fields.get("id", [""])[-1:]), "".join(fields.get("event", ["message"])[-1:]),
                            "\n".join(fields.get("data", [])))
            fields = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(":")
            fields.setdefault(name, []).append(value.removeprefix(" "))


class Gateway(Caller):
    """One running program; see the module's text. `config` is a mapping, YAML text, or the path of a file."""

    def __init__(self, config=None, env: dict | None = None, arguments: tuple = (), listen: str = "127.0.0.1:0",
                 start_timeout: float = 30.0, verify=True):
        self._verify = verify  # an ssl.SSLContext where it listens with TLS
        self.folder = Path(tempfile.mkdtemp(prefix="patchbay-test-"))
        self.config_file = config if isinstance(config, Path) else self._write_config(config)
        self._arguments = ["serve", "--config", str(self.config_file), "--listen", listen, *arguments]
        self._env = self._environment(env or {})
        self._start_timeout = start_timeout
        self._document: Contract | None = None
        self._callers: list[Caller] = []
        self.process: subprocess.Popen | None = None

    def _write_config(self, config) -> Path:
        path = self.folder / "patchbay.yaml"
        path.write_text(config if isinstance(config, str) else yaml.safe_dump(config or {}))
        return path

    def _environment(self, extra: dict) -> dict:
        env = {key: value for key, value in os.environ.items() if not key.startswith(("HA_", "PATCHBAY_URL", "PATCHBAY_TOKEN"))}
        for name, folder in (("XDG_RUNTIME_DIR", "runtime"), ("XDG_STATE_HOME", "state"), ("XDG_CONFIG_HOME", "config")):
            path = self.folder / folder
            path.mkdir(mode=0o700)
            env[name] = str(path)
        return {**env, **extra}

    # --- the process

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, kind, *_):
        self.close(check=kind is None)

    def start(self) -> "Gateway":
        """Start it and wait for its line `listening on http://...`."""
        self._lines: Queue = Queue()
        self.stdout: list[str] = []
        with open(self.folder / "stderr.log", "ab") as stderr:
            self.process = subprocess.Popen([binary(), *self._arguments], stdin=subprocess.DEVNULL,
                                            stdout=subprocess.PIPE, stderr=stderr, env=self._env, text=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            line = self._lines.get(timeout=self._start_timeout)
        except Empty:
            line = f"nothing within {self._start_timeout} s"
        match = re.fullmatch(r"listening on (https?://\S+:(\d+))", line or "an end")
        if not match:
            code = self._end()
            raise AssertionError(f"the program said {line!r} instead of 'listening on ...' (exit code {code}); "
                                 f"its log ends with:\n{self.stderr[-3000:]}")
        self.port = int(match[2])
        super().__init__(match[1], contract=self._contract_of_run, verify=self._verify)
        return self

    def _read(self) -> None:
        for line in self.process.stdout:
            self.stdout.append(line.rstrip("\n"))
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def stderr(self) -> str:
        return (self.folder / "stderr.log").read_text(errors="replace")

    def wait(self, timeout: float = 10.0) -> int:
        """The exit code, once it has ended by itself."""
        code = self.process.wait(timeout)
        self._reader.join(5)
        return code

    def stop(self, timeout: float = 10.0) -> None:
        """SIGTERM; it must leave with 0 in time."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.wait(timeout)
        except subprocess.TimeoutExpired:
            self._end()
            raise AssertionError(f"the program did not stop within {timeout} s of SIGTERM; its log ends with:\n{self.stderr[-3000:]}") from None
        assert code == 0, f"the program left with {code} after SIGTERM; its log ends with:\n{self.stderr[-3000:]}"

    def _end(self) -> int:
        self.process.kill()
        return self.wait()

    def restart(self) -> None:
        """Stop it in good order and start it again; the port may change."""
        self.stop()
        self._close_callers()
        self.start()

    def close(self, check: bool = True) -> None:
        """Stop it, and say what a sanitizer reported; the folder stays when something was wrong."""
        self._close_callers()
        try:
            self.stop()
        finally:
            if self.process is not None and self.process.poll() is None:
                self._end()
        if check:
            report = SANITIZER_REPORT.search(self.stderr)
            assert report is None, f"a sanitizer reported:\n{self.stderr[report.start():report.start() + 6000]}"
            shutil.rmtree(self.folder, ignore_errors=True)

    def _close_callers(self) -> None:
        for caller in self._callers:
            caller.close()
        self._callers.clear()
        if hasattr(self, "http"):
            self.http.close()

    # --- further callers

    def caller(self, token: str | None) -> Caller:
        """A caller with this token, closed together with the gateway."""
        caller = Caller(self.url, token, self._contract_of_run, verify=self._verify)
        self._callers.append(caller)
        return caller

    @property
    def admin_token(self) -> str:
        """The token that the program wrote for this run."""
        return (Path(self._env["XDG_RUNTIME_DIR"]) / "patchbay" / f"{self.port}.token").read_text().strip()

    @property
    def admin(self) -> Caller:
        if not any(caller.token == self.admin_token and caller.url == self.url for caller in self._callers):
            self.caller(self.admin_token)
        return next(caller for caller in self._callers if caller.token == self.admin_token)

    def _contract_of_run(self) -> Contract | None:
        if self._document is None:
            response = httpx.get(f"{self.url}/openapi.json", headers={"authorization": f"Bearer {self.admin_token}"},
                                 timeout=30, trust_env=False, verify=self._verify)
            assert response.status_code == 200, f"/openapi.json answered {response.status_code}: {response.text[:300]}"
            self._document = Contract(response.json())
        return self._document

    # --- the command line against it

    def command(self, *arguments: str, stdin: str | None = None, env: dict | None = None, timeout: float = 30.0):
        """Run `patchbay ARGUMENTS` against this gateway; gives the finished process with text output."""
        full = {**self._env, "PATCHBAY_URL": self.url, **(env or {})}
        return subprocess.run([binary(), *arguments], input=stdin if stdin is not None else "", capture_output=True,
                              text=True, env=full, timeout=timeout, check=False)
