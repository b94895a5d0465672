"""The page /static/websocket_test.html in a real browser."""
import hashlib
import re

import pytest

from support.browser import run_page

TOKEN = "token-of-the-websocket-page"
WITH_TOKEN = {"security": {"tokens": [{"id": "page", "sha256": hashlib.sha256(TOKEN.encode()).hexdigest(), "scopes": ["admin"]}]}}


def check_round(answer, channel):
    result = answer.result
    assert result["before"] is True
    assert result["chips"] == [channel] and result["chipsLeft"] == 0
    assert "This is not JSON" in result["problem"]
    assert re.fullmatch(r"last [\d.]+ m?s, median [\d.]+ m?s", result["facts"])
    assert result["cancelled"] is True
    by_kind = {(row["way"], row["kind"]): row for row in result["all"]}
    greeting = by_kind["in", "greeting"]
    assert greeting["where"] == channel and "hello page" in greeting["text"]
    assert "there and back" in by_kind["in", "published"]["took"]
    assert ("in bad", "error") in by_kind
    assert [row["kind"] for row in result["filtered"]] == ["greeting"]
    assert [row["kind"] for row in result["events"]] == ["greeting"]
    assert result["whilePaused"] == 0
    assert sorted(result["afterwards"]) == ["greeting", "publish", "published"]
    assert result["opened"]["data"] == {"text": "hello page"}
    assert result["last"] == "closed: 1000 normal"
    assert result["leaks"] is False


def test_round(gateway, tmp_path):
    answer = run_page("pages/websocket_page.mjs", gateway.url, tmp_path, channel="page.test")
    check_round(answer, "page.test")
    assert answer.problems == []


@pytest.mark.parametrize("way", ["subprotocol", "query", "message"])
def test_token(make_gateway, tmp_path, way):
    gateway = make_gateway(config=WITH_TOKEN)
    answer = run_page("pages/websocket_page.mjs", gateway.url, tmp_path, channel="page.test", token=TOKEN, way=way)
    check_round(answer, "page.test")
    assert TOKEN not in gateway.stderr


def test_pongs_can_be_switched_off(make_gateway, tmp_path):
    gateway = make_gateway(config={"websocket_server": {"heartbeat_interval": 1}})
    answer = run_page("pages/websocket_pong.mjs", gateway.url, tmp_path)
    assert answer.result["hidden"] == 0
    assert answer.result["last"].startswith("closed: 3008")


def test_phone_and_dark(gateway, tmp_path):
    answer = run_page("pages/websocket_phone.mjs", gateway.url, tmp_path, endpoint="/ws/connect")
    assert max(answer.result["widths"]) <= 360
    assert answer.result["theme"] == "dark" and answer.result["background"] == "rgb(14, 20, 27)"
    assert answer.problems == []


def test_the_page_needs_no_exception_from_its_policy(gateway):
    page = gateway.get("/static/websocket_test.html")
    assert page.status_code == 200
    assert page.headers["content-security-policy"] == "default-src 'self'; frame-ancestors 'none'"
    assert not re.search(r"<script(?![^>]*\bsrc=)|\bon\w+=|\bstyle=|<style", page.text)
    for path in re.findall(r'(?:src|href)="(/[^"]+)"', page.text):
        assert gateway.get(path).status_code == 200, path
