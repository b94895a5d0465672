"""The command line as its user has it: against a running gateway and in process, piped and on a terminal."""
import json
import os
import pty
import re
import select
import subprocess

import pytest

from support.gateway import binary


def on_terminal(gateway, *arguments: str) -> str:
    """What the command shows on a terminal."""
    leader, follower = pty.openpty()
    env = {**gateway._env, "PATCHBAY_URL": gateway.url}
    with subprocess.Popen([binary(), *arguments], stdin=subprocess.DEVNULL, stdout=follower, stderr=follower, env=env) as process:
        os.close(follower)
        shown = b""
        while True:
            ready, _, _ = select.select([leader], [], [], 20)
            assert ready, "nothing on the terminal within 20 s"
            try:
                piece = os.read(leader, 65536)
            except OSError:  # the other side is closed
                break
            if not piece:
                break
            shown += piece
        process.wait(10)
    os.close(leader)
    return shown.decode().replace("\r\n", "\n")


def test_version_and_help(gateway):
    assert re.fullmatch(r"patchbay \d+\.\d+\.\d+\n", gateway.command("version").stdout)
    shown = gateway.command("--help").stdout
    for word in ("serve", "call", "operations", "describe", "plugins", "token", "check-config", "version"):
        assert word in shown


def test_call_with_words_json_file_and_standard_input(gateway, tmp_path):
    for arguments, stdin in ((["--text", "hi"], None), (["--text=hi"], None), (['{"text":"hi"}'], None), (["@-"], '{"text":"hi"}')):
        done = gateway.command("call", "echo_say", *arguments, stdin=stdin)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout) == {"text": "hi"}
    file = tmp_path / "args.json"
    file.write_text('{"text":"from a file"}')
    assert json.loads(gateway.command("call", "echo_say", f"@{file}").stdout) == {"text": "from a file"}
    assert json.loads(gateway.command("call", "system_operations", "--interface", "ECHO", "--names-only").stdout)["count"] == 4


def test_the_run_token_is_found(gateway):
    assert "echo" in gateway.command("plugins", "list").stdout
    denied = gateway.command("plugins", "list", env={"PATCHBAY_TOKEN": "wrong"})
    assert denied.returncode == 4 and "unauthenticated" in denied.stderr


@pytest.mark.parametrize("arguments, code, part", [
    (["call", "echo_sy", "--text", "x"], 5, "echo_say"),
    (["call", "echo_say", "--txt", "x"], 2, 'did you mean "text"'),
    (["call", "echo_say", "stray"], 2, "--key value"),
    (["call", "echo_say", '{"text":1}'], 3, "must be a string"),
    (["call"], 2, ""),
    (["frobnicate"], 2, ""),
])
def test_exit_codes(gateway, arguments, code, part):
    done = gateway.command(*arguments)
    assert done.returncode == code, done.stderr
    assert part in done.stderr
    assert done.stdout == "" or code == 2


def test_no_gateway_there(gateway):
    done = gateway.command("call", "system_info", env={"PATCHBAY_URL": "http://127.0.0.1:1"})
    assert done.returncode == 9 and "patchbay serve" in done.stderr


def test_in_process(gateway):
    done = gateway.command("call", "--local", "echo_say", "--text", "alone", env={"PATCHBAY_URL": "http://127.0.0.1:1"})
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"text": "alone"}


def test_a_stream_is_one_line_an_event(gateway):
    done = gateway.command("call", "echo_count", "--count", "3")
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) == 3 and all("event" in line for line in lines)
    local = gateway.command("call", "--local", "echo_count", "--count", "2")
    assert len(local.stdout.splitlines()) == 2


def test_arguments_are_explained(gateway):
    shown = gateway.command("call", "echo_say", "--help").stdout
    assert "--text" in shown and "required" in shown


def test_readable_on_a_terminal_json_when_piped(gateway):
    assert json.loads(gateway.command("operations").stdout)["operations"]
    shown = on_terminal(gateway, "operations", "SYSTEM")
    assert "system_health" in shown and "{" not in shown
    table = on_terminal(gateway, "plugins")
    assert re.search(r"^\s*name\s+version", table, re.MULTILINE), table
    assert json.loads(on_terminal(gateway, "call", "--json", "echo_say", "--text", "x").strip().splitlines()[-1]) == {"text": "x"}


def test_token_new_makes_what_the_configuration_takes(gateway, make_gateway):
    made = json.loads(gateway.command("token", "new", "--id", "reader", "--scope", "echo.say").stdout)
    other = make_gateway(config={"security": {"tokens": [{"id": "reader", "sha256": made["sha256"], "scopes": ["echo.say"]}]}})
    caller = other.caller(made["token"])
    assert caller.call("echo_say", text="x") == {"text": "x"}
    assert caller.error("plugins_list").code == "forbidden"
    assert other.error("echo_say", text="x").code == "unauthenticated", "anonymous rights end once a token is configured"


def test_check_config(gateway, tmp_path):
    good = tmp_path / "good.yaml"
    good.write_text("logging: {level: debug}\n")
    assert gateway.command("check-config", str(good)).returncode == 0
    bad = tmp_path / "bad.yaml"
    bad.write_text("server:\n  listn: ['127.0.0.1:1']\nlogging: {level: loud}\n")
    done = gateway.command("check-config", str(bad))
    assert done.returncode == 3
    assert "bad.yaml:2" in done.stderr and "listen" in done.stderr and "level" in done.stderr


def test_serve_refuses_in_words(gateway, tmp_path):
    port_taken = gateway.command("serve", "--listen", f"127.0.0.1:{gateway.port}")
    assert port_taken.returncode == 6 and "in use" in port_taken.stderr
    open_to_all = gateway.command("serve", "--listen", "0.0.0.0:0")
    assert open_to_all.returncode != 0 and "token" in open_to_all.stderr


def test_completion(gateway):
    script = gateway.command("completion", "bash").stdout
    probe = script + '\nCOMP_WORDS=(patchbay se) COMP_CWORD=1; _patchbay; printf "%s\\n" "${COMPREPLY[@]}"'
    done = subprocess.run(["bash", "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "serve"


def test_describe(gateway):
    assert json.loads(gateway.command("describe").stdout)["openapi"].startswith("3.1")
    assert gateway.command("describe", "markdown").stdout.startswith("#")
