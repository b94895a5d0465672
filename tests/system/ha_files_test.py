"""File tools beneath Home Assistant's configuration folder; what they did is read back from the disk."""
import base64
import hashlib
import json
import os
import shutil

import pytest

from support.home_assistant_client import Client


@pytest.fixture(scope="module")
def root(home_assistant):
    """A folder of this test's own in the configuration of a real Home Assistant."""
    return home_assistant.config_dir


@pytest.fixture(scope="module")
def tool(home_assistant, root, tmp_path_factory):
    from support.gateway import Gateway
    with Gateway(config=config_of(home_assistant, root)) as started:
        yield started.admin
    for leftover in ("pb_test", "pb_copy", "pb_set.yaml", "pb_new.yaml"):
        path = root / leftover
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def config_of(home_assistant, root, **more):
    return {"plugins": {"home_assistant": {"url": home_assistant.url, "token": home_assistant.token, "config_root": str(root), **more}}}


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_without_a_root_they_say_what_is_missing(gateway):
    for name, arguments in (("ha_read_file", {"file_path": "a"}), ("ha_write_file", {"file_path": "a", "content": ""}), ("ha_list_files", {}),
                            ("ha_list_directory", {}), ("ha_get_directory_tree", {}), ("ha_search_files", {"pattern": "a"}),
                            ("ha_delete_file", {"file_path": "a"}), ("ha_create_directory", {"dir_path": "a"}),
                            ("ha_move_file", {"source": "a", "destination": "b"}), ("ha_copy_file", {"source": "a", "destination": "b"}),
                            ("ha_config_set_yaml", {"file_path": "a.yaml", "yaml_key": "a", "content": 1, "confirm": True})):
        error = gateway.admin.error(name, **arguments)
        assert (error.status, error.code) == (503, "unavailable") and "config_root" in error.message, name


def test_read_file(tool, root):
    text = (root / "configuration.yaml").read_text()
    data = tool.call("ha_read_file", file_path="configuration.yaml")
    assert (data["filepath"], data["content"], data["size"], data["hash"]) == ("configuration.yaml", text, len(text.encode()), sha(text.encode()))
    assert tool.call("ha_read_file", filepath="/config/configuration.yaml")["content"] == text
    lines = text.splitlines(keepends=True)
    part = tool.call("ha_read_file", file_path="configuration.yaml", start_line=3, max_lines=4)
    assert part["content"] == "".join(lines[2:6]) and part["next_line"] == 7 and part["total_lines"] == len(lines)
    assert tool.error("ha_read_file", file_path="nowhere.yaml").code == "not_found"
    assert tool.error("ha_read_file", file_path="configuration.yaml", start_line=100000).pointer == "/start_line"


def test_read_file_gives_what_is_no_text_as_base64(tool, root):
    (root / "pb_test").mkdir(exist_ok=True)
    (root / "pb_test" / "raw.bin").write_bytes(b"\xff\x00\xfe")
    data = tool.call("ha_read_file", file_path="pb_test/raw.bin")
    assert base64.b64decode(data["content_base64"]) == b"\xff\x00\xfe" and data["encoding"] == "base64" and "content" not in data


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../x", ".storage/auth", "secrets.yaml", "x/secrets.yaml", ".storage", "\x00", "x" * 300, "/" * 50 + "etc/passwd", "backups/x.tar"])
def test_no_tool_leaves_the_folder_or_opens_what_is_secret(tool, path):
    for name, arguments in (("ha_read_file", {"file_path": path}), ("ha_write_file", {"file_path": path, "content": "x"}), ("ha_delete_file", {"file_path": path}),
                            ("ha_move_file", {"source": path, "destination": "pb_x"}), ("ha_move_file", {"source": "automations.yaml", "destination": path}),
                            ("ha_copy_file", {"source": path, "destination": "pb_x"}), ("ha_copy_file", {"source": "automations.yaml", "destination": path}),
                            ("ha_list_directory", {"dir_path": path}), ("ha_create_directory", {"dir_path": path})):
        error = tool.error(name, **arguments)
        assert error.code in ("forbidden", "invalid_argument", "not_found", "conflict"), (name, error)


def test_links_pipes_and_huge_files(tool, root, tmp_path):
    folder = root / "pb_test" / "hostile"
    folder.mkdir(parents=True, exist_ok=True)
    (tmp_path / "secret").write_text("outside")
    os.symlink(tmp_path / "secret", folder / "link")
    os.symlink("../../.storage", folder / "store")
    os.symlink("/proc/self/root", folder / "magic")
    os.mkfifo(folder / "pipe")
    with open(folder / "huge", "wb") as huge:
        huge.truncate(1 << 33)
    for path, code in (("link", "forbidden"), ("store/auth", "forbidden"), ("magic/etc/passwd", "forbidden"), ("pipe", "unsupported"), ("huge", "too_large")):
        assert tool.error("ha_read_file", file_path=f"pb_test/hostile/{path}").code == code, path
    assert tool.error("ha_write_file", file_path="pb_test/hostile/link", content="x").status >= 400
    assert (tmp_path / "secret").read_text() == "outside"
    assert tool.error("ha_copy_file", source="pb_test/hostile", destination="pb_copy").code == "too_large"
    assert tool.error("ha_delete_file", file_path="pb_test/hostile/huge").pointer == "/confirm"
    assert tool.call("ha_delete_file", file_path="pb_test/hostile/huge", confirm=True)["deleted"] and not (folder / "huge").exists()
    listed = {one["name"]: one["type"] for one in tool.call("ha_list_directory", dir_path="pb_test/hostile")["items"]}
    assert listed == {"link": "link", "store": "link", "magic": "link", "pipe": "other"}
    assert tool.call("ha_search_files", pattern="outside|refresh_tokens", directory="pb_test/hostile")["count"] == 0
    shutil.rmtree(folder)


def test_write_file_and_its_versions(tool, root):
    reply = tool.reply("ha_write_file", {"file_path": "pb_test/deep/note.yaml", "content": "a: ü\n"})
    assert reply.status == 200 and reply.data["created"] and reply.data["bytes_written"] == len("a: ü\n".encode())
    file = root / "pb_test" / "deep" / "note.yaml"
    assert file.read_text() == "a: ü\n"
    again = tool.call("ha_write_file", filepath="pb_test/deep/note.yaml", content="a: 2\n", expected_hash=reply.data["hash"])
    assert not again["created"] and again["previous_hash"] == sha("a: ü\n".encode()) and again["previous_version"]
    assert file.read_text() == "a: 2\n"
    stale = tool.error("ha_write_file", file_path="pb_test/deep/note.yaml", content="a: 3\n", expected_hash=reply.data["hash"])
    assert (stale.status, stale.code, stale.pointer) == (409, "conflict", "/expected_hash")
    assert tool.error("ha_write_file", file_path="pb_test/deep/note.yaml", content="", create_only=True).code == "conflict"
    for name, content in (("x.yaml", "a: [1"), ("x.json", "{")):
        broken = tool.error("ha_write_file", file_path=f"pb_test/{name}", content=content)
        assert broken.pointer == "/content" and not (root / "pb_test" / name).exists()
    assert tool.call("ha_write_file", file_path="pb_test/x.json", content="{", check=False)["created"]
    assert tool.call("ha_write_file", file_path="pb_test/tags.yaml", content="a: !include b.yaml\nc: !secret d\n")["created"]
    for text in (",", "a: 1\n]", "}"):
        assert tool.error("ha_write_file", file_path="pb_test/endless.yaml", content=text).status == 400
    assert file.read_text() == "a: 2\n" and not list(file.parent.glob(".patchbay*"))


def test_a_version_is_shown_and_restored(tool, root):
    file = root / "pb_test" / "versions" / "a b.txt"
    for text in ("one\n", "two\n"):
        written = tool.call("ha_write_file", file_path="pb_test/versions/a b.txt", content=text)
    listed = tool.call("ha_list_versions", kind="file", name="pb_test/versions/a b.txt")
    assert [one["hash"] for one in listed["versions"]] == [sha(b"one\n")] and listed["versions"][0]["version"] == written["previous_version"]
    tool.call("ha_restore_version", kind="file", name="pb_test/versions/a b.txt", version=written["previous_version"], expected_hash=written["hash"])
    assert file.read_text() == "one\n"
    tool.call("ha_delete_file", file_path="pb_test/versions/a b.txt")
    newest = tool.call("ha_list_versions", kind="file", name="pb_test/versions/a b.txt")["versions"][0]
    tool.call("ha_restore_version", kind="file", name="pb_test/versions/a b.txt", version=newest["version"])
    assert file.read_text() == "one\n"


def test_lists_and_trees(tool, root):
    (root / "pb_test" / "list" / "inner").mkdir(parents=True, exist_ok=True)
    for name in ("b.yaml", "a.txt", "inner/c.yaml", "inner/d.YAML", "plain"):
        (root / "pb_test" / "list" / name).write_text(name)
    data = tool.call("ha_list_directory", dirpath="pb_test/list")
    assert [(one["name"], one["type"]) for one in data["items"]] == [("inner", "directory"), ("a.txt", "file"), ("b.yaml", "file"), ("plain", "file")]
    page = tool.call("ha_list_directory", dir_path="pb_test/list", limit=2)
    rest = tool.call("ha_list_directory", dir_path="pb_test/list", limit=2, cursor=page["next_cursor"])
    assert page["items"] + rest["items"] == data["items"] and "next_cursor" not in rest
    storage = next(one for one in tool.call("ha_list_directory")["items"] if one["name"] == ".storage")
    assert storage["protected"] is True
    files = tool.call("ha_list_files", directory="pb_test/list", extensions=["yaml"], recursive=True)
    assert [one["path"] for one in files["files"]] == ["pb_test/list/b.yaml", "pb_test/list/inner/c.yaml", "pb_test/list/inner/d.YAML"]
    assert tool.call("ha_list_files", directory="pb_test/list")["count"] == 3
    first = tool.call("ha_list_files", directory="pb_test/list", recursive=True, limit=2)
    second = tool.call("ha_list_files", directory="pb_test/list", recursive=True, limit=9, cursor=first["next_cursor"])
    assert first["total"] == 5 and len(second["files"]) == 3
    assert tool.error("ha_list_files", directory="pb_nowhere").code == "not_found"
    tree = tool.call("ha_get_directory_tree", dir_path="pb_test/list")
    inner = tree["children"][0]
    assert (tree["type"], inner["name"], [one["name"] for one in inner["children"]]) == ("directory", "inner", ["c.yaml", "d.YAML"]) and "truncated" not in tree
    flat = tool.call("ha_get_directory_tree", dir_path="pb_test/list", max_depth=1)
    assert flat["truncated"] and flat["children"][0]["truncated"] and "children" not in flat["children"][0]
    whole = tool.call("ha_get_directory_tree", max_depth=1)
    assert next(one for one in whole["children"] if one["name"] == ".storage")["protected"]
    assert tool.error("ha_get_directory_tree", dir_path="pb_nowhere").code == "not_found"
    assert tool.error("ha_list_directory", dir_path="pb_test/list/plain").status in (400, 404)


def test_search(tool, root):
    folder = root / "pb_test" / "search"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "one.yaml").write_text("first\n- platform: MQTT\nlast\n")
    (folder / "two.txt").write_text("platform:  template\n" * 3)
    (folder / "raw.bin").write_bytes(b"\x00platform: mqtt")
    data = tool.call("ha_search_files", pattern=r"platform:\s*(mqtt|template)", directory="pb_test/search", context_lines=1)
    assert [one["filepath"] for one in data["matches"]] == ["pb_test/search/one.yaml", "pb_test/search/two.txt"]
    assert data["matches"][0]["lines"] == [{"line": 2, "text": "- platform: MQTT", "before": ["first"], "after": ["last"]}]
    assert (data["count"], data["line_count"], data["skipped"], data["pattern_is"]) == (2, 4, 1, "expression")
    cut = tool.call("ha_search_files", pattern="platform", directory="pb_test/search", max_matches=2)
    assert cut["line_count"] == 2 and cut["truncated"]
    assert tool.call("ha_search_files", pattern="platform", directory="pb_test/search", extensions=["txt"])["count"] == 1
    text = tool.call("ha_search_files", pattern="(mqtt", directory="pb_test/search")
    assert text["pattern_is"] == "text" and text["count"] == 0
    names = tool.call("ha_search_files", pattern="*.yaml", directory="pb_test/search", match="name")
    assert [one["filepath"] for one in names["matches"]] == ["pb_test/search/one.yaml"]
    assert tool.error("ha_search_files", pattern="").pointer == "/pattern"
    everywhere = tool.call("ha_search_files", pattern="refresh_tokens")
    assert not any(".storage" in one["filepath"] for one in everywhere["matches"])


def test_make_move_copy_delete(tool, root):
    assert tool.call("ha_create_directory", dir_path="pb_test/made/inner") == {"path": "pb_test/made/inner", "created": True}
    assert tool.call("ha_create_directory", dirpath="pb_test/made")["created"] is False
    assert (root / "pb_test" / "made" / "inner").is_dir()
    (root / "pb_test" / "made" / "a.txt").write_text("a")
    (root / "pb_test" / "made" / "b.txt").write_text("b")
    taken = tool.error("ha_move_file", source="pb_test/made/a.txt", destination="pb_test/made/b.txt")
    assert (taken.status, taken.pointer) == (409, "/destination")
    moved = tool.call("ha_move_file", source_path="pb_test/made/a.txt", dest_path="pb_test/made/b.txt", overwrite=True, expected_hash=sha(b"a"))
    assert moved["overwritten"] and moved["previous_version"] and (root / "pb_test" / "made" / "b.txt").read_text() == "a"
    assert tool.error("ha_move_file", source="pb_test/none", destination="pb_test/x").code == "not_found"
    copied = tool.call("ha_copy_file", source="pb_test/made", destination="pb_copy")
    assert copied["files"] == 1 and (root / "pb_copy" / "b.txt").read_text() == "a" and (root / "pb_copy" / "inner").is_dir()
    assert tool.error("ha_copy_file", source="pb_test/made", destination="pb_copy").code == "conflict"
    assert tool.error("ha_copy_file", source="pb_test", destination="pb_test/made/inside").code == "invalid_argument"
    assert tool.call("ha_copy_file", source="pb_copy/b.txt", destination="pb_copy/c.txt")["bytes"] == 1
    gone = tool.call("ha_delete_file", file_path="pb_copy/c.txt", expected_hash=sha(b"a"))
    assert gone["deleted"] and gone["previous_hash"] == sha(b"a") and not (root / "pb_copy" / "c.txt").exists()
    assert tool.error("ha_delete_file", file_path="pb_copy/c.txt").code == "not_found"
    assert tool.error("ha_delete_file", file_path="pb_copy").code == "invalid_argument"
    assert tool.error("ha_delete_file", file_path="configuration.yaml").pointer == "/confirm"
    assert (root / "configuration.yaml").exists()
    assert tool.error("ha_create_directory", dir_path="configuration.yaml").code == "conflict"


def test_a_key_of_a_yaml_file(tool, root, home_assistant):
    text = "# mine\nlogger:\n  default: info  # quiet\nautomation: !include automations.yaml\npass: !secret door\n"
    (root / "pb_set.yaml").write_text(text)
    wanted = text.replace("info  # quiet", "warning  # quiet\n  logs:\n    x: debug")
    dry = tool.call("ha_config_set_yaml", file_path="pb_set.yaml", yaml_key="logger", content={"default": "warning", "logs": {"x": "debug"}}, dry_run=True)
    assert dry["preview"] == wanted and dry["changed"] and (root / "pb_set.yaml").read_text() == text
    assert tool.error("ha_config_set_yaml", file_path="pb_set.yaml", yaml_key="logger", content={"a": 1}).pointer == "/confirm"
    data = tool.call("ha_config_set_yaml", file_path="pb_set.yaml", yaml_key="logger", content={"default": "warning", "logs": {"x": "debug"}}, confirm=True)
    assert (root / "pb_set.yaml").read_text() == wanted and data["hash"] == sha(wanted.encode()) and data["previous_version"]
    assert data["config_check"]["result"] == Client(home_assistant.url, home_assistant.token).rest("POST", "/api/config/core/check_config")[1]["result"]
    kept = tool.error("ha_config_set_yaml", file_path="pb_set.yaml", yaml_key="automation", content={"a": 1}, confirm=True)
    assert kept.code == "conflict" and "automations.yaml" in kept.message
    tool.call("ha_config_set_yaml", file_path="pb_set.yaml", yaml_key="scene", content="!include scenes.yaml  # all", confirm=True, check_config=False)
    assert (root / "pb_set.yaml").read_text() == wanted + "scene: !include scenes.yaml  # all\n"
    tool.call("ha_config_set_yaml", file_path="pb_set.yaml", yaml_key="pass", action="remove", confirm=True, check_config=False)
    assert "secret" not in (root / "pb_set.yaml").read_text()
    assert tool.call("ha_config_set_yaml", file_path="pb_new.yaml", yaml_key="a", content=[1], confirm=True, check_config=False)["created"]
    assert (root / "pb_new.yaml").read_text() == "a:\n  - 1\n"
    assert tool.error("ha_config_set_yaml", file_path="pb_set.txt", yaml_key="a", content=1, confirm=True).pointer == "/file_path"
    assert tool.error("ha_config_set_yaml", file_path="pb_set.yaml", yaml_key="a", action="remove", confirm=True).code == "not_found"


def test_secrets_when_they_are_allowed(home_assistant, root, make_gateway):
    gateway = make_gateway(config=config_of(home_assistant, root, allow_secrets=True)).admin
    assert gateway.call("ha_read_file", file_path=".storage/onboarding")["content"] == (root / ".storage" / "onboarding").read_text()


def test_read_only_refuses_writes(home_assistant, root, make_gateway):
    gateway = make_gateway(config=config_of(home_assistant, root, read_only=True)).admin
    assert gateway.call("ha_list_files")["count"] > 0
    for name, arguments in (("ha_write_file", {"file_path": "pb_ro", "content": ""}), ("ha_delete_file", {"file_path": "pb_ro"}), ("ha_create_directory", {"dir_path": "pb_ro"}),
                            ("ha_move_file", {"source": "a", "destination": "b"}), ("ha_copy_file", {"source": "a", "destination": "b"}),
                            ("ha_config_set_yaml", {"file_path": "a.yaml", "yaml_key": "a", "content": 1})):
        assert gateway.error(name, **arguments).code == "forbidden", name
    assert not (root / "pb_ro").exists()


@pytest.mark.parametrize("inside", ["the gateway's configuration", "the plugin folder", "the state folder"])
def test_a_root_that_holds_the_gateway_itself_is_refused_at_start(tmp_path, inside):
    from support.gateway import Gateway
    folder = tmp_path / "root"
    folder.mkdir()
    settings, options = {"plugins": {"home_assistant": {"config_root": str(folder)}}}, {}
    if inside == "the plugin folder":
        settings["plugins"]["directory"] = str(folder / "plugins")
    elif inside == "the state folder":
        options["env"] = {"STATE_DIRECTORY": str(folder / "state")}
    else:
        (folder / "patchbay.yaml").write_text(json.dumps(settings))  # JSON is YAML
    gateway = Gateway(config=folder / "patchbay.yaml" if "configuration" in inside else settings, **options)
    with pytest.raises(AssertionError) as refused:
        gateway.start()
    assert "config_root" in str(refused.value) and inside in str(refused.value)
