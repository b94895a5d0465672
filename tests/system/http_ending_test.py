"""SIGTERM under load: every accepted call is answered, and the program leaves with 0 in time."""
import http.client
import signal
import threading
import time


class Worker(threading.Thread):
    """Calls one operation over and over on kept connections; notes what was sent and never answered."""

    def __init__(self, port: int):
        super().__init__(daemon=True)
        self.port = port
        self.answered = 0
        self.broken: list[str] = []
        self.statuses: set[int] = set()

    def run(self):
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
            try:
                connection.connect()
            except OSError:
                return  # nothing new is accepted: the end
            try:
                closing = False
                while not closing:
                    connection.request("POST", "/system_info", "{}", {"content-type": "application/json"})
                    response = connection.getresponse()
                    response.read()
                    self.answered += 1
                    self.statuses.add(response.status)
                    closing = response.getheader("connection") == "close"
            except (OSError, http.client.HTTPException) as error:
                self.broken.append(repr(error))
                return
            finally:
                connection.close()


def test_sigterm_under_load(make_gateway):
    gateway = make_gateway()
    workers = [Worker(gateway.port) for _ in range(16)]
    for worker in workers:
        worker.start()
    deadline = time.monotonic() + 10
    while sum(worker.answered for worker in workers) < 1000 and time.monotonic() < deadline:
        time.sleep(0.01)
    begun = time.monotonic()
    gateway.process.send_signal(signal.SIGTERM)
    assert gateway.wait(10) == 0
    assert time.monotonic() - begun < 10
    for worker in workers:
        worker.join(10)
    # A connection that the kernel completed but the program never accepted is reset unread: it was not accepted.
    assert [worker.broken for worker in workers if worker.broken] == []
    assert set.union(*(worker.statuses for worker in workers)) == {200}


def test_an_idle_keep_alive_connection_does_not_hold_it_up(make_gateway):
    gateway = make_gateway()
    idle = [http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=10) for _ in range(20)]
    for connection in idle:
        connection.request("GET", "/health/live")
        assert connection.getresponse().read()
    begun = time.monotonic()
    gateway.process.send_signal(signal.SIGTERM)
    assert gateway.wait(10) == 0
    assert time.monotonic() - begun < 5
    for connection in idle:
        connection.close()
