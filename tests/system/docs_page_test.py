"""The page /docs in a real browser."""
import re

import httpx

from support.browser import run_page


def test_search(gateway, tmp_path):
    answer = run_page("pages/docs_search.mjs", gateway.url, tmp_path, word="health")
    result = answer.result
    assert result["all"] == gateway.call("system_health")["endpoints"]
    assert {"SYSTEM", "LOGGING", "METRICS", "CIRCUIT BREAKER"} <= set(result["groups"])
    assert "system_health" in result["found"]
    assert len(result["found"]) < 20
    assert result["focused"] == "#/" + result["found"][0]
    assert result["title"] == result["found"][0]
    assert "Nothing is called" in result["none"]
    assert answer.problems == []


def test_run(gateway, tmp_path):
    answer = run_page("pages/docs_run.mjs", gateway.url, tmp_path, tool="echo_say", fields={"text": "Grüße 👋 'quoted'"})
    result = answer.result
    assert result["reply"]["data"]["text"] == "Grüße 👋 'quoted'"
    assert result["status"] == "200 OK"
    assert result["asJson"] == {"text": "Grüße 👋 'quoted'"}
    assert f"{gateway.url}/echo_say" in result["command"]
    assert "invalid_argument" in result["refused"] and "unknown_argument" in result["refused"]
    assert "text" in result["schema"] and "string" in result["schema"]
    # The refused call is the browser's only complaint.
    assert all("400" in problem for problem in answer.problems)


def test_token(gateway, tmp_path):
    answer = run_page("pages/docs_token.mjs", gateway.url, tmp_path, tool="logging_get_levels", token=gateway.admin_token)
    assert answer.result["refused"].startswith("401")
    assert answer.result["leaks"] is False


def test_phone_and_dark(gateway, tmp_path):
    answer = run_page("pages/docs_phone.mjs", gateway.url, tmp_path, tools=["system_health", "websocket_connect", "http_client_request"])
    assert max(answer.result["widths"]) <= 360
    assert answer.result["theme"] == "dark"
    assert answer.problems == []


def test_stream(gateway, tmp_path):
    answer = run_page("pages/docs_stream.mjs", gateway.url, tmp_path, tool="system_logs", token=gateway.admin_token, fields={},
                      call={"tool": "logging_log", "arguments": {"message": "hello from the page", "level": "error"}})
    assert answer.result["events"] >= 1
    assert answer.result["after"] == "Stopped"
    assert answer.problems == [] or all("ERR_ABORTED" in problem for problem in answer.problems)


def test_everything_is_the_gateways_own_and_has_its_policy(gateway):
    seen = set()
    queue = ["/docs"]
    while queue:
        path = queue.pop()
        if path in seen:
            continue
        seen.add(path)
        response = gateway.get(path)
        assert response.status_code == 200, path
        assert response.headers["content-security-policy"] == "default-src 'self'; frame-ancestors 'none'"
        assert response.headers["x-content-type-options"] == "nosniff"
        queue += re.findall(r'(?:href|src)="(/docs/[^"]+)"', response.text)
        queue += [f"/docs/{name}" for name in re.findall(r"from '\./([^']+)'", response.text)]
        assert not re.search(r'(?:src|href)="https?://', response.text)
        assert not re.search(r"<script>|<style|style=|\son\w+=\"", response.text) or path.endswith((".js", ".css"))
    assert {"/docs", "/docs/docs.js", "/docs/docs.css", "/docs/icon.svg", "/docs/run.js"} <= seen


def test_the_root_leads_to_it(gateway):
    response = httpx.get(f"{gateway.url}/", follow_redirects=False, trust_env=False)
    assert response.status_code == 307
    assert response.headers["location"] == "/docs"
