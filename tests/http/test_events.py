# SPDX-License-Identifier: Apache-2.0
"""GET /-/events: a stream that tells what becomes of models, downloads and counters."""

import json
import os
import time

import pytest

from client import connect_unix
from origin import Act, Gate
from program import wait_until

STREAM = "/-/events"
TOPICS = {"status", "models", "flights"}
STREAMS_MAX = 64


class Stream:
    """A stream, read event by event."""

    def __init__(self, server):
        self.connection = server.ask(STREAM, headers={"Accept": "text/event-stream"})
        self.head = self.connection.read_head()
        self.text = b""
        self._pieces = self.connection.body_pieces(self.head)

    def next(self):
        """The next event as (name, data); comments and "retry" are passed over."""
        while True:
            while b"\n\n" not in self.text:
                self.text += next(self._pieces)
            block, self.text = self.text.split(b"\n\n", 1)
            fields = dict(line.split(": ", 1) for line in block.decode().split("\n") if ": " in line)
            if "data" in fields:
                return fields["event"], json.loads(fields["data"])

    def until(self, name, claim):
        """The first data of that event for which the claim holds."""
        deadline = time.monotonic() + self.connection.timeout
        told = []
        while time.monotonic() < deadline:
            event, data = self.next()
            if event == name and claim(data):
                return data
            told.append((event, data))
        raise AssertionError(f"no such '{name}' in time; the last were {told[-4:]}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()


def threads(server):
    return len(os.listdir(f"/proc/{server.pid}/task"))


def test_the_head(server):
    with Stream(server) as stream:
        assert stream.head.status == 200
        assert stream.head.header("Content-Type") == "text/event-stream"
        assert stream.head.header("Cache-Control") == "no-store"
        assert stream.head.header("Access-Control-Allow-Origin") is None


def test_every_topic_is_told_at_once(server):
    with Stream(server) as stream:
        told = dict(stream.next() for _ in TOPICS)
    assert set(told) == TOPICS
    assert told["models"] == {"models": []} and told["flights"] == {"flights": []}
    assert told["status"].keys() == server.get("/-/api/status").json().keys()


def test_a_model_is_followed_to_its_end(server, origin, make_model):
    model = make_model({"a.bin": 100_000})
    gate = Gate()
    origin.script(model.shards[0], Act(gates={50_000: gate}))
    with Stream(server) as stream:
        assert server.fetch("/-/api/pull", "POST", body=json.dumps({"what": [model.path]}).encode()).status == 202

        def halfway(data):
            return any(one["path"] == model.shards[0] and one["bytes"] == 50_000 for one in data["flights"])

        (flight,) = [one for one in stream.until("flights", halfway)["flights"] if one["path"] == model.shards[0]]
        assert flight["total"] == 100_000
        gate.release()
        stream.until("flights", lambda data: data == {"flights": []})  # told before the models are
        whole = stream.until("models", lambda data: [one["state"] for one in data["models"]] == ["complete"])
        assert whole == server.get("/-/api/models").json()


def test_counters_are_told(server, make_model):
    model = make_model({"a.bin": 1000})
    server.get(model.path)
    server.wait_complete(model.path)
    with Stream(server) as stream:
        before = stream.until("status", lambda data: True)
        server.get(model.path)
        stream.until("status", lambda data: data["hits"] == before["hits"] + 1)


def test_hits_and_misses(server, make_model):
    model = make_model({"a.bin": 1000})
    server.get(model.path)
    server.wait_complete(model.path)
    server.wait_idle()
    server.get(model.path)
    told = server.get("/-/api/status").json()
    assert (told["misses"], told["hits"]) == (1, 1)


def test_what_is_removed_is_told(server, make_model):
    model = make_model({"a.bin": 1000})
    server.get(model.path)
    server.wait_complete(model.path)
    server.wait_idle()
    with Stream(server) as stream:
        stream.until("models", lambda data: len(data["models"]) == 1)
        assert server.fetch("/-/api/rm", "POST", body=json.dumps({"what": [model.path]}).encode()).status == 200
        stream.until("models", lambda data: data["models"] == [])


def test_many_streams_cost_no_threads(server):
    before = threads(server)
    streams = [Stream(server) for _ in range(20)]
    for stream in streams:
        stream.until("status", lambda data: True)
    assert threads(server) == before
    for stream in streams:
        stream.connection.close()


def test_a_quiet_stream_shows_that_it_lives(server):
    """A status comes every second, and with each beat of five a comment at the latest."""
    with Stream(server) as stream:
        times = {stream.until("status", lambda data: True)["uptime_s"] for _ in range(3)}
    assert len(times) == 3


def test_a_client_that_hangs_up_gives_its_place_back(server):
    """And one too many is told to come again. Places come free within the beat of 5 s."""
    streams = [Stream(server) for _ in range(STREAMS_MAX)]
    assert {stream.head.status for stream in streams} == {200}
    refused = server.get(STREAM)
    assert refused.status == 503 and refused.header("Retry-After") and str(STREAMS_MAX) in refused.json()["detail"]
    for stream in streams:
        stream.connection.close()

    def is_let_in():
        with Stream(server) as stream:
            return stream.head.status == 200

    wait_until(is_let_in, "a place", 30)


def test_the_end_of_the_server_ends_the_stream(modelhost, origin):
    server = modelhost.start(origin=origin)
    with Stream(server) as stream:
        stream.until("status", lambda data: True)
        server.stop()
        with pytest.raises(StopIteration):  # the framing says that this was all: nothing was cut
            while True:
                stream.next()


def test_only_get(server):
    for method in ("POST", "PUT", "DELETE"):
        reply = server.fetch(STREAM, method)
        assert reply.status == 405 and "GET" in reply.header("Allow") and "POST" not in reply.header("Allow")
    head = server.fetch(STREAM, "HEAD")
    assert (head.status, head.header("Content-Type"), head.body) == (200, "text/event-stream", b"")


def test_a_head_takes_no_place(server):
    for _ in range(STREAMS_MAX + 1):
        assert server.fetch(STREAM, "HEAD").status == 200


@pytest.mark.parametrize("headers", [{"Origin": "http://page.example"}, {"Origin": "null"}, {"Host": "page.example"}])
def test_it_is_for_no_foreign_page(server, headers):
    reply = server.get(STREAM, headers=headers)
    assert reply.status == 403 and reply.header("Access-Control-Allow-Origin") is None


def test_over_the_control_socket(server):
    with connect_unix(server.cache / "control") as client:
        head = client.request(STREAM).read_head()
        assert (head.status, head.header("Content-Type")) == (200, "text/event-stream")
