"""A real Home Assistant with demo devices, on a free loopback port, onboarded, with tokens.

From a test: the fixtures `home_assistant` (shared, leave it running) and `private_home_assistant` (stop it, freeze it).
From a shell, in tests/system:

    python3 -m support.home_assistant --serve [--file ha.json]

prints {"url", "token", "user_token", "version", "config_dir", "pid"} as one line of JSON when it answers, and runs
until SIGTERM. The first start installs it (minutes, with a line that says so); later ones take about ten seconds.
`kill -USR1 <pid>` restarts the Home Assistant behind it on the same port.
"""
import argparse
import contextlib
import http.client
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from . import cache
from . import home_assistant_install as install
from . import home_assistant_newest as newest

RESTART_EXIT_CODE = 100  # hass leaves with it when homeassistant.restart was called, and expects to be started again


class HomeAssistant:
    """One instance: its process, its configuration folder, and a client of its API.

        with HomeAssistant() as ha:
            ha.ws_command({"type": "get_config"})
            ha.restart()

    `token` is the owner's, `user_token` belongs to a user without administration rights. Methods block until what they
    say is done; use it from one thread. Everything it started is gone after stop().
    """

    def __init__(self, folder: Path | None = None, start_timeout: float = 120.0):
        self._own_folder = folder is None
        self.config_dir = Path(folder or tempfile.mkdtemp(prefix="patchbay-ha-"))
        self._start_timeout = start_timeout
        self._here = prepare()
        with cache.lock("home-assistant"):  # so that nobody replaces the template meanwhile
            self._here.copy_template(self.config_dir)
        tokens = json.loads((self.config_dir / "tokens.json").read_text())
        self.token = tokens["token"]
        self.user_token = tokens["user_token"]
        self.version = self._here.version
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._here.set_port(self.config_dir, self.port)
        self._process = _Process(self._here, self.config_dir)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.close()

    # --- the process

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.running

    @property
    def log(self) -> str:
        return self._process.log.read_text(errors="replace")

    def start(self) -> None:
        """Start it and wait until it says RUNNING."""
        self._process.start()
        self.wait_running()

    def stop(self) -> None:
        """Stop it in good order; it can be started again, with everything it had stored."""
        self._process.stop()

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        self._process.stop(signal.SIGKILL)

    def restart(self) -> None:
        """Stop and start on the same port; every session is lost."""
        self.stop()
        self.start()

    def restart_by_service(self) -> None:
        """Have it restart itself, as its own page does; the command that asks often gets no answer."""
        from websockets.exceptions import ConnectionClosed
        before = self.pid
        with contextlib.suppress(ConnectionClosed):
            self.call_service("homeassistant", "restart")
        _wait(lambda: self.pid != before, 60, self._process)
        self.wait_running()

    def sigstop(self) -> None:
        """Freeze it: connections stay open and nothing answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def sigcont(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def close(self) -> None:
        """Stop it and remove its folder."""
        self._process.stop()
        if self._own_folder:
            shutil.rmtree(self.config_dir, ignore_errors=True)

    def wait_running(self) -> None:
        def running() -> bool:
            status, body = self.client.rest("GET", "/api/config")
            return status == 200 and body["state"] == "RUNNING"
        _wait(running, self._start_timeout, self._process)

    # --- its API

    @property
    def client(self):
        from .home_assistant_client import Client
        return Client(self.url, self.token)

    def as_user(self):
        """A client with the rights of a normal user."""
        from .home_assistant_client import Client
        return Client(self.url, self.user_token)

    def ws_command(self, command: dict):
        return self.client.ws_command(command)

    def rest(self, method: str, path: str, body=None):
        return self.client.rest(method, path, body)

    def socket(self):
        return self.client.socket()

    def state(self, entity_id: str) -> dict:
        return self.client.state(entity_id)

    def call_service(self, domain: str, service: str, data: dict | None = None, target: dict | None = None):
        return self.client.call_service(domain, service, data, target)

    def description(self) -> dict:
        return {"url": self.url, "token": self.token, "user_token": self.user_token, "version": self.version,
                "config_dir": str(self.config_dir), "pid": os.getpid()}


class SharedHomeAssistant:
    """An instance that somebody else runs for the whole test run, read from its description.

    The same API calls as HomeAssistant, but it cannot be stopped: other tests use it.
    """

    def __init__(self, file: Path):
        described = json.loads(Path(file).read_text())
        self.url = described["url"]
        self.token = described["token"]
        self.user_token = described["user_token"]
        self.version = described["version"]
        self.config_dir = Path(described["config_dir"])

    client = HomeAssistant.client
    as_user = HomeAssistant.as_user
    ws_command = HomeAssistant.ws_command
    rest = HomeAssistant.rest
    socket = HomeAssistant.socket
    state = HomeAssistant.state
    call_service = HomeAssistant.call_service


class _Process:
    """hass itself, started again when it leaves in order to restart."""

    def __init__(self, here: install.Installation, folder: Path, skip_pip: bool = True):
        self.log = folder / "process.log"
        self._command = [here.python, "-m", "homeassistant", "--config", folder, "--ignore-os-check",
                         *(["--skip-pip"] if skip_pip else [])]
        self._child: subprocess.Popen | None = None
        self._stopping = False
        self._keeper: threading.Thread | None = None
        self._started = threading.Event()
        self.gone = threading.Event()

    @property
    def pid(self) -> int:
        if self._child is None:
            raise RuntimeError("this Home Assistant is not started")
        return self._child.pid

    @property
    def running(self) -> bool:
        return self._keeper is not None and self._keeper.is_alive()

    def start(self) -> None:
        if self.running:
            return
        self._stopping = False
        self._started.clear()
        self.gone.clear()
        self._keeper = threading.Thread(target=self._keep, daemon=True)
        self._keeper.start()
        self._started.wait(10)

    def _keep(self) -> None:
        """Runs in a thread that lives as long as the process, since the process dies with the thread that made it."""
        env = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "VIRTUAL_ENV"))}
        while not self._stopping:
            with open(self.log, "ab") as log:
                self._child = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=log,
                                               stderr=subprocess.STDOUT, env=env, preexec_fn=_die_with_parent,
                                               cwd=self.log.parent, start_new_session=True)
            self._started.set()
            if self._child.wait() != RESTART_EXIT_CODE:
                break
        self.gone.set()

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        self._stopping = True
        if not self.running:
            return
        self._child.send_signal(signal.SIGCONT)
        self._child.send_signal(how)
        self._keeper.join(30)
        if self._keeper.is_alive():
            self._child.kill()
            self._keeper.join(10)


def _die_with_parent() -> None:
    import ctypes
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def free_port() -> int:
    """A port nobody listens on, below those the kernel gives to outgoing connections, so that it stays free meanwhile."""
    for _ in range(100):
        port = random.randrange(12000, 32000)
        with contextlib.closing(socket.socket()) as probe:
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return port
    raise RuntimeError("found no free port between 12000 and 32000 in 100 tries")


def _wait(ready, seconds: float, process: _Process) -> None:
    """Ask until `ready` says yes; connection errors mean not yet."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not process.running:
            break
        with contextlib.suppress(OSError, http.client.HTTPException):
            if ready():
                return
        process.gone.wait(0.1)
    reason = "did not answer in time" if process.running else "stopped by itself"
    tail = "\n".join(process.log.read_text(errors="replace").splitlines()[-25:])
    raise RuntimeError(f"Home Assistant {reason}; the end of its log:\n{tail}")


# --- the template

def prepare() -> install.Installation:
    """The installation, complete with an onboarded template; made under a lock when it is not there yet."""
    here = newest.installation() if newest.wanted() else install.installation()
    if (here.template / "tokens.json").exists() and (here.venv / ".complete").exists():
        return here
    with cache.lock("home-assistant-newest" if newest.wanted() else "home-assistant"):
        install.ensure_venv(here)
        if not (here.template / "tokens.json").exists():
            _make_template(here)
    return here


def _make_template(here: install.Installation) -> None:
    cache.say(f"Home Assistant {here.version}: first start and onboarding (once, about a minute)")
    building = here.template.with_suffix(".building")
    shutil.rmtree(building, ignore_errors=True)
    here.write_configuration(building)
    port = free_port()
    here.set_port(building, port)
    process = _Process(here, building, skip_pip=False)  # this start installs what the integrations need
    url = f"http://127.0.0.1:{port}"
    process.start()
    try:
        from .home_assistant_onboarding import onboard
        from .home_assistant_client import request
        _wait(lambda: request(url, "GET", "/api/onboarding")[0] == 200, 600, process)
        tokens = onboard(url, lambda condition: _wait(condition, 600, process))
    finally:
        process.stop()
    for leftover in ("process.log", "home-assistant.log", "home-assistant.log.1", "home-assistant.log.fault"):
        (building / leftover).unlink(missing_ok=True)
    (building / "tokens.json").write_text(json.dumps(tokens))
    for old in here.template.parent.glob("template-*"):
        if old != building:
            shutil.rmtree(old, ignore_errors=True)
    building.rename(here.template)


# --- the command

def main() -> int:
    parser = argparse.ArgumentParser(prog="support.home_assistant", description="A real Home Assistant for tests and demonstrations.")
    parser.add_argument("--serve", action="store_true", help="start one and run until SIGTERM")
    parser.add_argument("--prepare", action="store_true", help="only install and onboard into the cache")
    parser.add_argument("--start", action="store_true", help="leave one running; ends with the process that asked for it, or by --stop")
    parser.add_argument("--stop", action="store_true", help="end the one that --file describes")
    parser.add_argument("--until-gone", type=int, metavar="PID", help="with --serve: end when that process is gone")
    parser.add_argument("--file", type=Path, help="also write the description there (mode 0600, removed at the end)")
    arguments = parser.parse_args()
    if arguments.file:
        arguments.file = arguments.file.absolute()
    elif arguments.start or arguments.stop:
        parser.error("--start and --stop need --file")
    if arguments.stop:
        return _stop(arguments.file)
    if not (arguments.serve or arguments.prepare or arguments.start):
        parser.error("say --serve, --prepare, --start or --stop")
    _become_the_installed_python()
    if arguments.prepare:
        prepare()
        return 0
    if arguments.start:
        return _start(arguments.file)
    return _serve(arguments.file, arguments.until_gone)


def _start(file: Path) -> int:
    """Run --serve detached, and leave once it answers. It watches the process that ran us, so it cannot be forgotten."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)
    prepare()
    log = file.with_suffix(".log")
    with open(log, "wb") as out:
        server = subprocess.Popen([sys.executable, "-m", "support.home_assistant", "--serve", "--file", file,
                                   "--until-gone", str(os.getppid())],
                                  stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True)
    ready = threading.Event()
    while not file.exists():
        if server.poll() is not None:
            cache.say(log.read_text(errors="replace")[-3000:])
            return 1
        ready.wait(0.05)
    return 0


def _stop(file: Path) -> int:
    if not file.exists():
        return 0
    os.kill(json.loads(file.read_text())["pid"], signal.SIGTERM)
    removed = threading.Event()
    for _ in range(600):
        if not file.exists():
            return 0
        removed.wait(0.05)
    cache.say(f"the Home Assistant of {file} does not stop")
    return 1


def _become_the_installed_python() -> None:
    """Home Assistant's own environment has the client library that the bare system Python lacks."""
    if newest.wanted():
        return  # it lives in a folder of its own; scripts/home-assistant-newest runs us with the tests' environment
    here = install.installation()
    with cache.lock("home-assistant"):
        install.ensure_venv(here)
    if Path(sys.prefix).resolve() == here.venv.resolve():
        return
    os.chdir(Path(__file__).parent.parent)
    os.execv(here.python, [str(here.python), "-m", "support.home_assistant", *sys.argv[1:]])


def _write_private(file: Path, text: str) -> None:
    """Whole or not at all, and readable by its owner only: it holds tokens."""
    part = file.with_suffix(".part")
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
        out.write(text)
    part.rename(file)


def _gone(pid: int | None) -> bool:
    if pid is None:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def _serve(file: Path | None, until_gone: int | None = None) -> int:
    wanted = threading.Event()
    again = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: wanted.set())
    signal.signal(signal.SIGUSR1, lambda *_: again.set())
    with contextlib.ExitStack() as at_end:
        if file:
            at_end.callback(file.unlink, missing_ok=True)  # the last thing: who waits for it knows that all is gone
        ha = at_end.enter_context(HomeAssistant())
        line = json.dumps(ha.description())
        if file:
            _write_private(file, line + "\n")
        print(line, flush=True)
        while not wanted.wait(0.2) and not _gone(until_gone):
            if again.is_set():
                again.clear()
                ha.restart()
            if not ha.running:
                cache.say("Home Assistant stopped by itself; the end of its log:\n" + ha.log[-3000:])
                return 1
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (RuntimeError, OSError) as problem:
        cache.say(f"Home Assistant cannot be started: {problem}")
        sys.exit(1)
