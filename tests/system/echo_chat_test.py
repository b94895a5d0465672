"""echo_chat: a message comes back word by word, for the hub's chats and for whoever calls it."""
import json

import pytest


@pytest.mark.parametrize("message, words", [
    ("Good morning", ["Good ", "morning"]),
    ("one", ["one"]),
    ("  a  b\tc\n", ["  a  ", "b\t", "c\n"]),
    ("Grüße 👋", ["Grüße ", "👋"]),
    ("   ", ["   "]),
    ("", []),
])
def test_words_joined_are_the_message(gateway, message, words):
    asked = {"workflow": "assistant", "app_id": "app", "chat_id": "7", "user_id": "anna", "message": message}
    with gateway.stream("echo_chat", **asked) as events:
        *tokens, end = list(events)
    assert [(token.event, token.json()) for token in tokens] == [("token", {"content": word}) for word in words]
    assert end.event == "end"
    assert end.json()["data"] == {"content": message, "agent": "echo"}


def test_only_the_message_is_needed(gateway):
    done = gateway.command("call", "echo_chat", "--message", "hello you")
    assert [json.loads(line)["data"] for line in done.stdout.splitlines()] == [{"content": "hello "}, {"content": "you"}]
    refused = gateway.error("echo_chat", chat_id="7")
    assert (refused.status, refused.pointer) == (400, "/message")
