"""The echo endpoint, frame by frame: what RFC 6455 and RFC 7692 ask of a server."""
import zlib

import pytest

from support.raw_websocket import RawWebSocket, frame

TEXT, BINARY, CLOSE, PING, PONG = 0x81, 0x82, 0x88, 0x89, 0x8A


@pytest.fixture(scope="module")
def echo(request):
    from support.gateway import Gateway

    with Gateway(config={"hub": {"echo": True}}) as gateway:
        yield gateway


@pytest.fixture
def client(echo):
    with RawWebSocket(echo, "/ws/echo") as client:
        yield client


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 128, 255, 256, 257, 65535, 65536, 1 << 20, 16 << 20])
@pytest.mark.parametrize("first", [TEXT, BINARY], ids=["text", "binary"])
def test_messages_come_back(client, first, size):
    payload = b"*" * size if first == TEXT else bytes(range(256)) * (size // 256) + bytes(size % 256)
    client.send_frame(first, payload)
    got = client.read()
    assert got.first == first
    assert got.payload == payload


def test_a_message_byte_by_byte(client):
    for byte in frame(TEXT, "grüße".encode()):
        client.send(bytes([byte]))
    assert client.read().text == "grüße"


@pytest.mark.parametrize("pieces", [1, 3, 64, 997])
def test_fragments_are_put_together(client, pieces):
    text = ("Hällo, wörld! " * 500).encode()
    parts = [text[i : i + pieces] for i in range(0, len(text), pieces)]
    client.send(frame(0x01, parts[0]) + b"".join(frame(0x00, part) for part in parts[1:]) + frame(0x80))
    assert client.read().payload == text


def test_pings_between_fragments_are_answered_at_once(client):
    client.send(frame(0x01, b"a") + frame(PING, b"first"))
    got = client.read()
    assert (got.first, got.payload) == (PONG, b"first")
    client.send(frame(0x00, b"b") + frame(PING, b"") + frame(0x80, b"c"))
    assert client.read().first == PONG
    assert client.read().payload == b"abc"


@pytest.mark.parametrize("payload", [b"", b"x", b"\x00\xff", bytes(125)])
def test_pings_come_back_with_their_payload(client, payload):
    client.send_frame(PING, payload)
    got = client.read()
    assert (got.first, got.payload) == (PONG, payload)


def test_ten_pings_in_a_row_are_all_answered(client):
    client.send(b"".join(frame(PING, str(i).encode()) for i in range(10)))
    assert [client.read().payload for _ in range(10)] == [str(i).encode() for i in range(10)]


def test_an_unasked_pong_is_ignored(client):
    client.send(frame(PONG, b"unasked") + frame(TEXT, b"next"))
    assert client.read().payload == b"next"


BAD_FRAMES = {
    "rsv1_without_compression": (frame(0xC1, b"x"), 1002),
    "rsv2": (frame(0xA1, b"x"), 1002),
    "rsv3": (frame(0x91, b"x"), 1002),
    "opcode_3": (frame(0x83, b"x"), 1002),
    "opcode_7": (frame(0x87, b"x"), 1002),
    "opcode_11": (frame(0x8B), 1002),
    "opcode_15": (frame(0x8F), 1002),
    "not_masked": (frame(TEXT, b"x", masked=False), 1002),
    "ping_of_126_bytes": (frame(PING, bytes(126)), 1002),
    "ping_in_fragments": (frame(0x09, b"x"), 1002),
    "close_in_fragments": (frame(0x08), 1002),
    "close_of_126_bytes": (frame(CLOSE, b"\x03\xe8" + bytes(124)), 1002),
    "continuation_of_nothing": (frame(0x80, b"x"), 1002),
    "text_within_a_message": (frame(0x01, b"a") + frame(TEXT, b"b"), 1002),
    "length_not_minimal_16": (b"\x81\xfe\x00\x05maskhello", 1002),
    "length_not_minimal_64": (b"\x81\xff" + (5).to_bytes(8, "big") + b"maskhello", 1002),
    "length_with_the_top_bit": (b"\x82\xff" + (1 << 63).to_bytes(8, "big") + b"mask", 1009),
    "length_beyond_the_limit": (b"\x82\xff" + (1 << 40).to_bytes(8, "big") + b"mask", 1009),
    "utf8_overlong": (frame(TEXT, b"\xc0\xaf"), 1007),
    "utf8_surrogate": (frame(TEXT, b"\xed\xa0\x80"), 1007),
    "utf8_beyond_unicode": (frame(TEXT, b"\xf4\x90\x80\x80"), 1007),
    "utf8_cut_at_the_end": (frame(TEXT, b"ok\xce"), 1007),
    "utf8_bad_across_fragments": (frame(0x01, b"\xce") + frame(0x80, b"\xce"), 1007),
    "utf8_bad_before_the_end": (frame(0x01, b"\xf4\x90"), 1007),
}


@pytest.mark.parametrize("name", BAD_FRAMES)
def test_malformed_frames_end_the_connection(client, name):
    data, code = BAD_FRAMES[name]
    client.send(data)
    assert client.read_close() == code
    assert client.has_ended()


def test_utf8_may_be_cut_between_fragments(client):
    client.send(frame(0x01, b"\xce") + frame(0x80, b"\xba"))
    assert client.read().text == "κ"


@pytest.mark.parametrize("code", [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999])
def test_close_codes_are_answered_by_themselves(client, code):
    client.send_frame(CLOSE, code.to_bytes(2, "big") + "farewell ü".encode())
    assert client.read_close() == code
    assert client.has_ended()


def test_a_close_without_a_code_is_answered(client):
    client.send_frame(CLOSE)
    got = client.read()
    assert got.opcode == 8
    assert got.payload in (b"", b"\x03\xe8")
    assert client.has_ended()


BAD_CLOSES = {"one_byte": b"\x03", "bad_reason": b"\x03\xe8\xff\xfe"} | {
    f"code_{code}": code.to_bytes(2, "big") for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999)
}


@pytest.mark.parametrize("name", BAD_CLOSES)
def test_malformed_closes(client, name):
    client.send_frame(CLOSE, BAD_CLOSES[name])
    assert client.read_close() in (1002, 1007)
    assert client.has_ended()


def test_nothing_is_answered_behind_a_close(client):
    client.send(frame(TEXT, b"before") + frame(CLOSE, b"\x03\xe8") + frame(TEXT, b"late") + frame(PING, b"late"))
    assert client.read().payload == b"before"
    assert client.read().opcode == 8
    assert client.has_ended()


# --- compression


def deflated(data: bytes, bits: int = 15, final: bool = False) -> bytes:
    made = zlib.compressobj(wbits=-bits)
    out = made.compress(data) + made.flush(zlib.Z_FULL_FLUSH if not final else zlib.Z_FINISH)
    return out[:-4] if out.endswith(b"\x00\x00\xff\xff") else out + b"\x00"


def inflated(data: bytes, bits: int) -> bytes:
    return zlib.decompressobj(wbits=-bits).decompress(data + b"\x00\x00\xff\xff")


@pytest.mark.parametrize("bits", range(9, 16))
@pytest.mark.parametrize("takeover", ["", "; server_no_context_takeover", "; client_no_context_takeover"])
def test_compressed_messages_with_every_window(echo, bits, takeover):
    offer = f"permessage-deflate; server_max_window_bits={bits}; client_max_window_bits={bits}{takeover}"
    with RawWebSocket(echo, "/ws/echo", {"Sec-WebSocket-Extensions": offer}) as client:
        answer = client.fields["sec-websocket-extensions"]
        assert "server_no_context_takeover" in answer
        for message in (b"", b"short", b"a" * 100_000, b"line of many\n" * 3000):
            client.send_frame(0xC1, deflated(message, bits))
            got = client.read()
            assert (inflated(got.payload, bits) if got.first & 0x40 else got.payload) == message


def test_extensions_in_several_lines_are_one_list(echo):
    offers = "x-unknown; a=1\r\nSec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=10\r\nSec-WebSocket-Extensions: more"
    with RawWebSocket(echo, "/ws/echo", {"Sec-WebSocket-Extensions": offers}) as client:
        assert client.fields["sec-websocket-extensions"].startswith("permessage-deflate")
        client.send_frame(0xC1, deflated(b"a" * 5000))
        got = client.read()
        assert (inflated(got.payload, 15) if got.first & 0x40 else got.payload) == b"a" * 5000


def test_a_plain_message_on_a_compressed_connection(echo):
    with RawWebSocket(echo, "/ws/echo", {"Sec-WebSocket-Extensions": "permessage-deflate"}) as client:
        client.send_text("plain")
        got = client.read()
        assert (inflated(got.payload, 15) if got.first & 0x40 else got.payload) == b"plain"


def test_compressed_fragments_with_a_ping_between(echo):
    with RawWebSocket(echo, "/ws/echo", {"Sec-WebSocket-Extensions": "permessage-deflate"}) as client:
        data = deflated(b"hello " * 1000)
        client.send(frame(0x41, data[:5]) + frame(PING, b"p") + frame(0x00, data[5:9]) + frame(0x80, data[9:]))
        assert client.read().first == PONG
        got = client.read()
        assert inflated(got.payload, 15) == b"hello " * 1000


def test_what_is_no_deflate_stream_ends_the_connection(echo):
    with RawWebSocket(echo, "/ws/echo", {"Sec-WebSocket-Extensions": "permessage-deflate"}) as client:
        client.send_frame(0xC1, b"\xff\xff\xff\xff\xff")
        assert client.read_close() in (1002, 1007, None)
        assert client.has_ended()


def test_an_inflated_message_has_the_limit_too(echo):
    with RawWebSocket(echo, "/ws/echo", {"Sec-WebSocket-Extensions": "permessage-deflate"}) as client:
        client.send_frame(0xC2, deflated(bytes(64 << 20)))
        assert client.read_close() == 1009
