"""Plugins in the running program: the guide followed word by word, dropping in, replacing under load, broken ones."""
import os
import re
import shutil
import subprocess
import threading
import time
from pathlib import Path

import pytest

from support.gateway import ROOT, Gateway

BUILD = Path(os.environ.get("PATCHBAY_BUILD") or ROOT / "build" / "release")
FIXTURES = BUILD / "bin" / "fixtures"
SHIPPED = BUILD / "bin" / "plugins"


def drop(source: Path, folder: Path, name: str | None = None) -> Path:
    """Puts a file into a plugin folder as a careful installer does: beside it first, then renamed."""
    target = folder / (name or source.name)
    beside = folder.parent / f"{target.name}.new"
    shutil.copyfile(source, beside)
    beside.chmod(0o755)
    beside.rename(target)
    return target


def eventually(holds, limit: float = 20.0):
    """What holds() gives as soon as it is true; the gateway follows its folder by itself."""
    end = time.monotonic() + limit
    while time.monotonic() < end:
        result = holds()
        if result:
            return result
        time.sleep(0.02)
    raise AssertionError(f"did not come true within {limit} s")


@pytest.fixture
def folder(tmp_path):
    out = tmp_path / "plugins"
    out.mkdir()
    out.chmod(0o755)
    return out


def plugins_of(gateway: Gateway) -> dict:
    return {one["name"]: one for one in gateway.admin.call("plugins_list")["plugins"]}


def test_a_plugin_dropped_in_is_on_every_face(make_gateway, folder):
    gateway = make_gateway(arguments=("--plugins", str(folder)))
    assert gateway.reply("echo_say", {"text": "x"}).status == 404
    drop(SHIPPED / "libpatchbay_echo.so", folder)
    drop(FIXTURES / "libpatchbay_cplugin.so", folder)
    eventually(lambda: {"echo", "cplugin"} <= plugins_of(gateway).keys())
    assert gateway.call("echo_say", text="hello") == {"text": "hello"}
    added = gateway.admin.reply("cplugin_add", {"a": 2, "second": 3})
    assert (added.data, added.message) == ({"sum": 5}, "Added two numbers")
    entry = gateway.get("/openapi.json").json()["paths"]["/echo_say"]["post"]
    assert entry["operationId"] == "echo_say"
    metrics = gateway.get("/metrics").text
    assert 'patchbay_plugin_info{name="echo",version="1.0.0"} 1' in metrics
    assert 'patchbay_operations_total{interface="ECHO",operation="say",code="ok"} 1' in metrics
    assert "echo_say" in gateway.command("operations", "ECHO").stdout
    with gateway.stream("echo_count", count=3) as events:
        seen = [event for event in events]
    assert [event.json() for event in seen if event.event == "number"] == [{"number": 1}, {"number": 2}, {"number": 3}]


def test_replaced_twice_under_load_without_a_failed_call(make_gateway, folder):
    name = "libpatchbay_versioned.so"
    drop(FIXTURES / "libpatchbay_versioned_1.so", folder, name)
    gateway = make_gateway(arguments=("--plugins", str(folder)))
    stop = threading.Event()
    answers: list[tuple[int, int | None]] = []  # status, version
    problems: list[str] = []
    lock = threading.Lock()

    def load(worker: int) -> None:
        # Ten workers of twenty calls a second each, on connections of their own.
        caller = gateway.caller(None)
        due = time.monotonic() + worker * 0.005
        while not stop.is_set():
            time.sleep(max(0.0, due - time.monotonic()))
            due += 0.05
            try:
                reply = caller.reply("versioned_later", {"ms": 20})
                with lock:
                    answers.append((reply.status, reply.body.get("data", {}).get("version")))
            except Exception as error:  # a closed connection is what must not happen
                with lock:
                    problems.append(repr(error))
                return

    def answered_by(version: int) -> int:
        with lock:
            return sum(1 for _, one in answers if one == version)

    workers = [threading.Thread(target=load, args=(i,)) for i in range(10)]
    for worker in workers:
        worker.start()
    try:
        for version in (1, 2, 3):
            if version > 1:
                drop(FIXTURES / f"libpatchbay_versioned_{version}.so", folder, name)
            eventually(lambda: problems or answered_by(version) >= 100)
    finally:
        stop.set()
        for worker in workers:
            worker.join()
    assert problems == []
    assert {status for status, _ in answers} == {200}
    assert plugins_of(gateway)["versioned"]["version"] == "3.0"


BROKEN = {
    "wrong_abi": "built for version 99 of the plugin contract",
    "missing_symbol": "does not export pb_plugin_v1",
    "duplicate_operation": "the operation work is declared twice",
    "bad_schema": "argument schema at \"/properties/n/multipleOf\"",
    "throwing": "create threw an exception",
    "refusing": 'the key "url" is required',
}


def test_broken_plugins_are_refused_with_the_reason_and_the_gateway_runs_on(make_gateway, folder):
    for name in BROKEN:
        drop(FIXTURES / f"libpatchbay_{name}.so", folder)
    whole = (SHIPPED / "libpatchbay_echo.so").read_bytes()
    (folder / "libpatchbay_half.so").write_bytes(whole[: len(whole) // 2])
    drop(SHIPPED / "libpatchbay_echo.so", folder)
    gateway = make_gateway(arguments=("--plugins", str(folder)))
    refused = {one["file"]: one["reason"] for one in gateway.admin.call("plugins_list")["refused"]}
    for name, reason in BROKEN.items():
        assert reason in refused.pop(f"libpatchbay_{name}.so")
    assert "cut off" in refused.pop("libpatchbay_half.so")
    assert refused == {}
    assert gateway.call("echo_say", text="on") == {"text": "on"}
    assert gateway.call("system_health")["status"] == "degraded"


def test_misbehaving_plugins_harm_nobody_else(make_gateway, folder):
    for name in ("never_completing", "blocking", "double_completion", "bad_result", "throwing_invoke"):
        drop(FIXTURES / f"libpatchbay_{name}.so", folder)
    drop(SHIPPED / "libpatchbay_echo.so", folder)
    gateway = make_gateway(arguments=("--plugins", str(folder)))
    admin = gateway.admin
    assert admin.error("never_work").code == "deadline_exceeded"
    assert admin.error("blocking_block", ms=3000).code == "deadline_exceeded"
    assert gateway.call("echo_say_later", text="meanwhile") == {"text": "meanwhile"}
    # Its queue has stalled for more than a second: seen in health and metrics, gone when it has passed.
    part = eventually(lambda: [one for one in gateway.call("system_health")["parts"]
                               if one["name"] == "BLOCKING" and one["status"] == "degraded"])
    assert "blocks its thread" in part[0]["message"]
    assert re.search(r'patchbay_plugin_queue_seconds\{name="blocking"\} [1-9]', gateway.get("/metrics").text)
    eventually(lambda: [one for one in gateway.call("system_health")["parts"]
                        if one["name"] == "BLOCKING" and one["status"] == "ok"])
    assert admin.call("doublecompletion_work") == {"second": "none"}
    assert admin.call("doublecompletion_work") == {"second": "gone"}
    assert admin.error("badresult_work").code == "internal"
    assert admin.error("throwinginvoke_work").code == "internal"
    assert admin.call("plugins_stats")["late_answers"] >= 2
    # One that owes answers for ever keeps nobody from stopping.
    gateway.stop()


@pytest.mark.parametrize("name", ["echo", "home_assistant"])
def test_exactly_one_symbol_leaves_a_plugin(name):
    library = SHIPPED / f"libpatchbay_{name}.so"
    listed = subprocess.run(["nm", "-D", "--defined-only", str(library)], capture_output=True, text=True, check=True)
    assert [line.split()[-1] for line in listed.stdout.splitlines()] == ["pb_plugin_v1"]
    assert library.stat().st_mode & 0o022 == 0


class Guide:
    """docs/plugin-guide.md: its code blocks by section, in order."""

    def __init__(self):
        text = (ROOT / "docs" / "plugin-guide.md").read_text()
        self.sections: dict[str, list[tuple[str, str]]] = {}
        for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
            title = section.splitlines()[0]
            self.sections[title[0]] = re.findall(r"^```(\w+)\n(.*?)^```$", section, flags=re.MULTILINE | re.DOTALL)

    def blocks(self, number: int, language: str) -> list[str]:
        return [code for kind, code in self.sections[str(number)] if kind == language]

    def only(self, number: int, language: str) -> str:
        (code,) = self.blocks(number, language)
        return code


@pytest.mark.timeout(600)
def test_the_guide_works_as_it_says(make_gateway, tmp_path):
    guide = Guide()
    home = tmp_path / "home"
    work = tmp_path / "greeter"
    home.mkdir()
    work.mkdir()
    environment = {"HOME": str(home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}

    def run(script: str, where: Path = work) -> str:
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=where, env=environment,
                              capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    # 1. The build has been made already, perhaps in another folder than the guide's.
    install = guide.only(1, "sh").splitlines()
    assert install[0] == "scripts/run --build-only"
    run("\n".join(install[1:]).replace("build/release", f"'{BUILD}'"), where=ROOT)
    environment["PATH"] = f"{home}/.local/bin:{environment['PATH']}"
    assert shutil.which("patchbay", path=environment["PATH"]) == f"{home}/.local/bin/patchbay"

    # 2, 3. Write and build.
    (work / "CMakeLists.txt").write_text(guide.only(2, "cmake"))
    (work / "greeter.cpp").write_text(guide.only(2, "cpp"))
    run(guide.only(3, "sh"))
    symbols = run("nm -D --defined-only build/libpatchbay_greeter.so").split("\n")
    assert [line.split()[-1] for line in symbols if line] == ["pb_plugin_v1"]

    # 4. The gateway, on a port that is free.
    serve, drop_in = guide.blocks(4, "sh")
    *prepare, command = serve.strip().splitlines()
    run("\n".join(prepare))
    assert command == "patchbay serve --plugins plugins"
    granted = guide.only(6, "yaml")
    runtime = tmp_path / "runtime"  # where the program leaves the token that its command line finds
    runtime.mkdir(mode=0o700)
    gateway = make_gateway(arguments=("--plugins", str(work / "plugins")), env={"XDG_RUNTIME_DIR": str(runtime)})
    environment |= {"PATCHBAY_URL": gateway.url, "XDG_RUNTIME_DIR": str(runtime)}
    copy, ask = drop_in.strip().splitlines()
    run(copy)
    eventually(lambda: "greeter" in plugins_of(gateway))
    assert "greeter_greet" in run(ask)

    # 5. Call it.
    call, wrong = guide.blocks(5, "sh")
    answers = run(call)
    assert "Hello, Anna!" in answers and "Hello, Bert! Hello, Bert!" in answers
    assert "Greet somebody." in answers
    assert "did you mean" in run(wrong) and "times" in run(wrong)

    # 6. A new version over the running one.
    (work / "greeter.cpp").write_text(guide.only(6, "cpp"))
    build, copy, wave = guide.only(6, "sh").strip().splitlines()
    run(f"{build}\n{copy}")
    eventually(lambda: plugins_of(gateway)["greeter"]["version"] == "1.1.0")
    assert re.search(r'"wave": ?2', run(wave))
    assert gateway.admin.error("greeter_echo", name="Anna").code in ("not_found", "forbidden")

    # With its grants and configuration, beside the echo plugin.
    drop(SHIPPED / "libpatchbay_echo.so", work / "plugins")
    (tmp_path / "with.yaml").write_text(granted)
    configured = make_gateway(config=tmp_path / "with.yaml", arguments=("--plugins", str(work / "plugins")))
    assert configured.admin.call("greeter_echo", name="Anna") == {"text": "Good day, Anna!"}


def test_a_plugin_publishes_below_its_prefix_and_further_by_configuration(make_gateway, folder):
    drop(FIXTURES / "libpatchbay_caller.so", folder)
    say = {"type": "note", "data": {}}

    def outcomes(grants: list[str]) -> list:
        gateway = make_gateway(arguments=("--plugins", str(folder)), config={"plugins": {"grants": {"caller": grants}}})

        def relayed(tool, **arguments):
            reply = gateway.admin.reply("caller_relay", {"operation": tool, "arguments": arguments})
            return reply.status if reply.status == 200 else reply.error["code"]

        return [relayed("hub_publish", channel="caller.news", data=1), relayed("hub_publish", channel="missions", data=1),
                relayed("hub_emit", channel="ha.states", event_type="note", data=1), relayed("hub_broadcast", message=say),
                relayed("hub_send_to_user", user_id="anna", message=say),
                relayed("hub_send_to_chat", workflow="w", app_id="a", chat_id="c", message=say)]

    no = "forbidden"
    assert outcomes([]) == [no] * 6
    assert outcomes(["hub.publish:own"]) == [200, no, no, no, 200, 200]
    assert outcomes(["hub.publish"]) == [200, 200, no, 200, 200, 200]


def test_a_plugin_is_the_broker_of_the_hub(make_gateway, folder):
    from support.hub_client import HubClient
    drop(FIXTURES / "libpatchbay_broker.so", folder)
    gateway = make_gateway(arguments=("--plugins", str(folder)),
                           config={"server": {"shards": 2},
                                   "hub": {"broker": "broker", "namespaces": [{"pattern": "kept.*", "subscribe": "hub.subscribe", "publish": "hub.publish",
                                                                               "presence": "hub.subscribe", "history": {"size": 10, "ttl_s": 60}}]}})

    def broker():
        return next(part for part in gateway.call("system_health")["parts"] if part["name"] == "BROKER")

    eventually(lambda: broker()["status"] == "ok")
    with HubClient(gateway) as client:
        for name in "abcdef":  # at home on both shards
            client.subscribe(f"kept.{name}")
        published = gateway.call("hub_publish", channel="kept.a", data="first", event="note")
        assert (published["subscribers"], published["offset"]) == (1, 1) and published["epoch"].startswith("epoch-")
        assert client.next()["data"] == "first"
        for name in "abcdef":
            gateway.admin.call("broker_elsewhere", channel=f"kept.{name}", data=name, keep=10)  # as from another gateway
        assert {client.next()["data"] for _ in range(6)} == set("abcdef")
        assert [one["data"] for one in gateway.call("hub_history", channel="kept.a")["messages"]] == ["first", "a"]
        assert gateway.call("hub_presence", channel="kept.a")["connections"] == 1

        gateway.admin.call("broker_away", away=True)
        eventually(lambda: broker()["status"] == "degraded")
        assert "the server of the test is away" in broker()["message"]
        assert gateway.get("/health/ready").status_code == 200
        gateway.admin.call("broker_elsewhere", channel="kept.a", data="missed", keep=10)
        assert gateway.call("hub_publish", channel="kept.a", data="here", event="note")["subscribers"] == 1
        assert client.next()["data"] == "here"  # goes on locally
        assert gateway.error("hub_history", channel="kept.a").code == "unavailable"
        gateway.admin.call("broker_away", away=False)
        assert client.next()["data"] == "missed"
        eventually(lambda: broker()["status"] == "ok")
    gateway.stop()
    assert "left behind" not in gateway.stderr


def test_a_broker_plugin_that_is_not_there(make_gateway, folder):
    gateway = make_gateway(arguments=("--plugins", str(folder)), config={"hub": {"broker": "nobody"}})
    assert gateway.get("/health/ready").status_code == 503
    assert gateway.call("hub_publish", channel="missions", data=1) == {"subscribers": 0}
    assert "the broker plugin nobody is away (not loaded)" in gateway.get("/health").text
