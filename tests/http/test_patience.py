# SPDX-License-Identifier: Apache-2.0
"""How long a client waits for an upstream that sends nothing: first_byte_timeout, retries included.

The flight goes on without it."""

import time

import pytest
from content import Seeded, manifest_json
from origin import Act, Gate
from program import wait_until

PLAIN = "/tfjs-models/plain.bin"
SCRIPT = {"Accept": "*/*", "User-Agent": "Mozilla/5.0 (X11; Linux x86_64)"}
MANY = {"upstream.retries": 100}


@pytest.fixture
def start(modelhost, origin):
    def run(timeout, **settings):
        server = modelhost.start(origin=origin, settings={"upstream.first_byte_timeout": timeout, **settings})
        server.allow_stderr("/tfjs-models/")
        return server

    return run


@pytest.fixture
def plain(origin):
    return origin.add(PLAIN, Seeded("plain", 100_000))


def assert_late(server, path=PLAIN, limit="1s"):
    reply = server.get(path, headers=SCRIPT)
    assert reply.status == 504
    assert limit in reply.json()["detail"] and reply.json()["upstream"]


def test_a_client_is_told_and_the_flight_goes_on(start, origin, plain):
    last = Gate()
    origin.script(PLAIN, Act(gates={"request": Gate()}), Act(status=503), Act(gates={"request": last}))
    server = start("2s", **MANY)
    assert_late(server, limit="2s")
    assert PLAIN in server.flights()
    last.release()
    wait_until(lambda: server.object_bytes(PLAIN) == plain.all(), "the flight ended well", 30)
    assert server.wait_idle().get(PLAIN).header("X-Cache") == "HIT"


def test_an_upstream_that_refuses_and_refuses(start, origin, plain):
    server = start("1s", **MANY)
    origin.stop()
    assert_late(server)
    assert_late(server)  # each client waits for itself
    assert PLAIN in server.flights()


def test_a_fallback_is_no_longer_wait(start, modelhost, origin, plain):
    server = start("1s", **MANY, **{"mirror tfjs-models.fallback": origin.url + "other/"})
    origin.script(None, Act(gates={"request": Gate()}))
    begun = time.monotonic()
    assert_late(server)
    assert time.monotonic() - begun < 15 * modelhost.patience


def test_a_manifest_that_comes_slowly_is_waited_for(start, origin):
    """Its head waits for all of it: what counts is that bytes come."""
    path = "/tfjs-models/slow/model.json"
    content = origin.add(path, manifest_json({"a.bin": 10}, padding="x" * 4000))
    origin.add("/tfjs-models/slow/a.bin", Seeded("a", 10))
    origin.script(path, Act(piece=600, pace=0.6))
    server = start("3s")
    assert server.get(path).body == content.all()


def test_a_turn_that_has_not_come_is_no_delay_of_the_upstream(start, origin):
    """Six downloads hold all connections for longer than a client waits for a first byte."""
    gate = Gate()
    for n in range(7):
        origin.add(f"/tfjs-models/{n}.bin", Seeded(str(n), 10_000))
        origin.script(f"/tfjs-models/{n}.bin", Act(gates={5_000: gate}))
    server = start("1s")
    six = [server.ask(f"/tfjs-models/{n}.bin") for n in range(6)]
    gate.wait_arrived(6)
    with server.ask("/tfjs-models/6.bin") as client:
        server.wait_clients("/tfjs-models/6.bin", 1)
        assert client.is_silent_for(3)
        gate.release()
        assert client.read_reply().body == origin.content("/tfjs-models/6.bin").all()
    for other in six:
        assert other.read_reply().is_complete
        other.close()
