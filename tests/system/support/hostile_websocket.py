"""WebSocket servers that say exactly the bytes they are told to, and a proxy that can be watched.

    with HostileServer(lambda link: link.frame(0x1, b"hello")) as server:
        client.call("websocket_connect", url=server.url())

The script gets a Link once the handshake is done; with handshake=False it gets the bare connection right after accept.
A script may end, raise OSError or read until the client goes; the connection is closed after it.
"""
import base64
import hashlib
import socket
import ssl
import struct
import threading

MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Link:
    """One accepted connection; frames are written as asked, right or wrong."""

    def __init__(self, connection):
        self.connection = connection

    def read_head(self) -> bytes:
        data = b""
        while not data.endswith(b"\r\n\r\n"):
            byte = self.connection.recv(1)
            if not byte:
                raise OSError("the client has gone")
            data += byte
        return data

    def shake_hands(self) -> None:
        head = self.read_head()
        key = next(line.split(b":", 1)[1].strip() for line in head.split(b"\r\n")
                   if line.lower().startswith(b"sec-websocket-key:"))
        accept = base64.b64encode(hashlib.sha1(key + MAGIC).digest())
        self.raw(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")

    def raw(self, data: bytes) -> None:
        self.connection.sendall(data)

    def frame(self, opcode: int, payload: bytes = b"", final: bool = True, mask: bytes = b"") -> None:
        size = len(payload)
        head = bytes([(0x80 if final else 0) | opcode])
        flag = 0x80 if mask else 0
        if size < 126:
            head += bytes([flag | size])
        elif size < 65536:
            head += bytes([flag | 126]) + struct.pack("!H", size)
        else:
            head += bytes([flag | 127]) + struct.pack("!Q", size)
        if mask:
            payload = bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
        self.raw(head + mask + payload)

    def text(self, text: str) -> None:
        self.frame(0x1, text.encode())

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            piece = self.connection.recv(count - len(data))
            if not piece:
                raise OSError("the client has gone")
            data += piece
        return data

    def read_frame(self) -> tuple[int, bytes]:
        """(opcode, payload) of the next frame of the client."""
        first, second = self._exactly(2)
        assert second & 0x80, "a client masks its frames"
        size = second & 0x7F
        if size == 126:
            size = struct.unpack("!H", self._exactly(2))[0]
        elif size == 127:
            size = struct.unpack("!Q", self._exactly(8))[0]
        mask = self._exactly(4)
        payload = self._exactly(size)
        return first & 0x0F, bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))

    def read_text(self) -> str:
        """The next text message; control frames in front of it are passed over."""
        while True:
            opcode, payload = self.read_frame()
            if opcode == 0x1:
                return payload.decode()
            if opcode == 0x8:
                raise OSError("the client has closed")

    def read_until_gone(self) -> None:
        while self.connection.recv(65536):
            pass


class RawServer:
    """Runs script(connection) on a thread of its own for each connection."""

    def __init__(self, script, certificate=None, port: int = 0):
        self._script = script
        self._context = None
        if certificate:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(*certificate)
        self._socket = socket.create_server(("127.0.0.1", port))
        self.port = self._socket.getsockname()[1]
        self.accepted = 0
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"{'wss' if self._context else 'ws'}://{host}:{self.port}{path}"

    def break_all(self) -> None:
        """Every connection is lost, without a farewell."""
        with self._lock:
            for connection in self._open:
                _hang_up(connection)

    def close(self) -> None:
        _hang_up(self._socket)
        self._socket.close()
        self._acceptor.join()
        self.break_all()
        for thread in self._threads:
            thread.join()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.accepted += 1
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            with self._lock:
                self._open.append(connection)
            self._threads.append(thread)
            thread.start()

    def _serve(self, plain):
        plain.settimeout(60)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = plain
        try:
            if self._context:
                connection = self._context.wrap_socket(plain, server_side=True)
                with self._lock:
                    self._open.append(connection)
            self._script(connection)
        except OSError:
            pass  # the client went, as it may
        finally:
            with self._lock:
                self._open = [one for one in self._open if one not in (plain, connection)]
            _hang_up(connection)
            connection.close()


class HostileServer(RawServer):
    def __init__(self, script, certificate=None, handshake: bool = True):
        def run(connection):
            link = Link(connection)
            if handshake:
                link.shake_hands()
            script(link)

        super().__init__(run, certificate)


class Proxy(RawServer):
    """An HTTP proxy that only knows CONNECT; `asked` has the head of each request."""

    def __init__(self, refuse: bytes = b""):
        self.asked: list[bytes] = []
        self._refuse = refuse
        super().__init__(self._tunnel)

    def address(self, credentials: str = "") -> str:
        return f"http://{credentials + '@' if credentials else ''}127.0.0.1:{self.port}"

    def _tunnel(self, connection):
        head = Link(connection).read_head()
        self.asked.append(head)
        if self._refuse:
            connection.sendall(self._refuse)
            return
        host, port = head.split(b" ")[1].rsplit(b":", 1)
        with socket.create_connection((host.decode().strip("[]"), int(port)), timeout=60) as upstream:
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = threading.Thread(target=_copy, args=(upstream, connection), daemon=True)
            back.start()
            _copy(connection, upstream)
            back.join()


def _copy(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:
        pass
    finally:
        _hang_up(source)
        _hang_up(target)


def _hang_up(connection):
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
