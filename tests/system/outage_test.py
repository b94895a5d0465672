"""Home Assistant goes away under load: every call is answered, the breaker is seen, and service returns by itself."""
import threading
import time

from support.gateway import Gateway


def test_calls_are_answered_while_home_assistant_is_down(private_home_assistant):
    home = private_home_assistant
    with Gateway(env={"HA_URL": home.url, "HA_TOKEN": home.token}) as gateway:
        assert gateway.call("ha_list_dashboards")["count"] >= 1
        outcomes: list[tuple[int, str, float]] = []
        stop = threading.Event()

        def load():
            caller = gateway.caller(None)
            while not stop.is_set():
                began = time.monotonic()
                reply = caller.reply("ha_list_dashboards", headers={"patchbay-timeout-ms": "3000"})
                code = "" if reply.status == 200 else reply.error["code"]
                outcomes.append((reply.status, code, time.monotonic() - began))
                if code:
                    time.sleep(0.05)  # the pace of a client that has been told to wait

        threads = [threading.Thread(target=load) for _ in range(4)]
        for thread in threads:
            thread.start()
        home.stop()
        down_at = time.monotonic()
        seen_open = False
        while time.monotonic() - down_at < 20:
            metrics = gateway.get("/metrics").text
            seen_open = seen_open or any(line.startswith("patchbay_circuit_breaker_state") and 'rule="ws:' in line
                                         and 'state="open"' in line and not line.endswith(" 0") for line in metrics.splitlines())
            time.sleep(0.2)
        home.start()
        up_at = time.monotonic()
        while gateway.reply("ha_list_dashboards").status != 200:
            assert time.monotonic() - up_at < 30, "no good answer within 30 s"
            time.sleep(0.05)
        back_after = time.monotonic() - up_at
        stop.set()
        for thread in threads:
            thread.join(20)
            assert not thread.is_alive()
        print(f"{len(outcomes)} calls, first good answer {back_after:.2f} s after Home Assistant was up")
        allowed = {"", "connection_lost", "connect_failed", "circuit_open", "deadline_exceeded", "unavailable", "backpressure"}
        assert {code for _, code, _ in outcomes} <= allowed, {code for _, code, _ in outcomes}
        assert max(took for _, _, took in outcomes) < 4.5, "an answer came after its deadline"
        assert seen_open
        assert back_after <= 5
