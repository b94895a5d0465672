"""A WebSocket client that says exactly the bytes it is told, on a plain socket.

    with RawWebSocket(gateway, "/ws/connect") as client:      # the handshake is done and was answered by 101
        client.send_text("hi"); client.send_frame(0x89, b"ping")
        client.read()          -> Frame(opcode, payload), or None at the end of the connection
        client.read_close()    -> the code of the close frame, whatever comes before it
    status, fields, body = handshake(gateway, "/ws/connect", fields={"Origin": "http://evil"})
"""
import os
import socket
import struct
from dataclasses import dataclass

KEY = "dGhlIHNhbXBsZSBub25jZQ=="


def frame(first: int, payload: bytes = b"", masked: bool = True, length: int | None = None) -> bytes:
    """One frame of a client; `length` lies about the payload's."""
    size = len(payload) if length is None else length
    mark = 0x80 if masked else 0
    if size < 126:
        head = struct.pack("!BB", first, mark | size)
    elif size < 65536:
        head = struct.pack("!BBH", first, mark | 126, size)
    else:
        head = struct.pack("!BBQ", first, mark | 127, size)
    if not masked:
        return head + payload
    key = os.urandom(4)
    pattern = (key * (len(payload) // 4 + 1))[: len(payload)]
    body = (int.from_bytes(payload, "big") ^ int.from_bytes(pattern, "big")).to_bytes(len(payload), "big") if payload else b""
    return head + key + body


@dataclass
class Frame:
    first: int
    payload: bytes

    @property
    def opcode(self) -> int:
        return self.first & 0x0F

    @property
    def code(self) -> int:
        return struct.unpack("!H", self.payload[:2])[0] if len(self.payload) >= 2 else 1005

    @property
    def text(self) -> str:
        return self.payload.decode()


class RawWebSocket:
    def __init__(self, gateway, path: str, fields: dict | None = None, host: str = "127.0.0.1", receive_buffer: int = 0):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(20)
        self.socket.connect((host, gateway.port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest = b""
        self.send(request(gateway, path, fields))
        self.status, self.fields, self.body = self._read_answer()

    def __enter__(self):
        assert self.status == 101, (self.status, self.body)
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def send_what_is_taken(self, data: bytes) -> None:
        """A server that has refused need not read the rest."""
        try:
            self.socket.sendall(data)
        except OSError:
            pass

    def send_text(self, text: str | bytes) -> None:
        self.send(frame(0x81, text if isinstance(text, bytes) else text.encode()))

    def send_frame(self, first: int, payload: bytes = b"", **how) -> None:
        self.send(frame(first, payload, **how))

    def _more(self) -> bool:
        try:
            data = self.socket.recv(1 << 18)
        except ConnectionError:
            return False
        self._rest += data
        return bool(data)

    def _read_answer(self):
        while b"\r\n\r\n" not in self._rest:
            if not self._more():
                return 0, {}, b""
        head, self._rest = self._rest.split(b"\r\n\r\n", 1)
        lines = head.decode().split("\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        status = int(lines[0].split()[1])
        size = int(fields.get("content-length", 0)) if status != 101 else 0
        while len(self._rest) < size and self._more():
            pass
        body, self._rest = self._rest[:size], self._rest[size:]
        return status, fields, body

    def read(self) -> Frame | None:
        head = 2
        while True:
            if len(self._rest) >= 2:
                second = self._rest[1]
                head = 2 if second < 126 else 4 if second == 126 else 10
                if len(self._rest) >= head:
                    size = second if second < 126 else int.from_bytes(self._rest[2:head], "big")
                    if len(self._rest) >= head + size:
                        break
            if not self._more():
                return None
        out = Frame(self._rest[0], self._rest[head : head + size])
        self._rest = self._rest[head + size :]
        return out

    def read_close(self) -> int | None:
        """The close code; None when the connection ends without one."""
        while True:
            got = self.read()
            if got is None or got.opcode == 8:
                return got.code if got else None

    def has_ended(self) -> bool:
        return not self._rest and not self._more()


def request(gateway, path: str, fields: dict | None = None) -> bytes:
    """The bytes of a handshake; a field of None is left out."""
    lines = {"Host": f"127.0.0.1:{gateway.port}", "Upgrade": "websocket", "Connection": "Upgrade",
             "Sec-WebSocket-Key": KEY, "Sec-WebSocket-Version": "13", **(fields or {})}
    text = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value is not None)
    return f"GET {path} HTTP/1.1\r\n{text}\r\n".encode()


def handshake(gateway, path: str, fields: dict | None = None):
    client = RawWebSocket(gateway, path, fields)
    client.socket.close()
    return client.status, client.fields, client.body
