"""A project outside of the tree: README's host program, built against the installed package and run at a real Home Assistant."""
import os
import re
import subprocess
from pathlib import Path

from support.gateway import ROOT, binary


def code_blocks(file: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", file.read_text(), re.MULTILINE | re.DOTALL)


def run(*command, **options) -> subprocess.CompletedProcess:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
    return done


def test_the_readme_host_program(home_assistant, tmp_path):
    build = Path(os.environ.get("PATCHBAY_BUILD") or binary().parents[1])
    prefix = tmp_path / "installed"
    run("cmake", "--install", build, "--prefix", prefix)
    project = tmp_path / "host"
    project.mkdir()
    program = next(block for block in code_blocks(ROOT / "README.md", "cpp") if "// host.cpp" in block)
    (project / "host.cpp").write_text(program)
    (project / "CMakeLists.txt").write_text(next(block for block in code_blocks(ROOT / "README.md", "cmake") if "patchbay::gateway" in block))
    flags = []
    cache = (build / "CMakeCache.txt").read_text()
    sanitizers = re.search(r"^PATCHBAY_SANITIZE:STRING=(.+)$", cache, re.MULTILINE)
    if sanitizers:
        flags = [f"-DCMAKE_CXX_FLAGS=-fsanitize={sanitizers[1]}"]
    run("cmake", "-G", "Ninja", "-S", project, "-B", project / "build", f"-DCMAKE_PREFIX_PATH={prefix}", *flags)
    run("cmake", "--build", project / "build")
    env = {**os.environ, "HA_WEBSOCKET": home_assistant.url.replace("http", "ws", 1) + "/api/websocket", "HA_TOKEN": home_assistant.token,
           "XDG_STATE_HOME": str(tmp_path / "state")}
    said = run(project / "build" / "host", env=env, timeout=60).stdout
    assert '"type":"result"' in said.replace(" ", "") and '"success":true' in said.replace(" ", ""), said
    assert (prefix / "bin" / "patchbay").exists()
    assert "ha_list_dashboards" in run(prefix / "bin" / "patchbay", "operations", "--local", "--json", env=env).stdout, "the installed program finds its plugins"
