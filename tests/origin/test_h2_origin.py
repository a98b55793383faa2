# SPDX-License-Identifier: Apache-2.0
"""The HTTP/2 origin, looked at with a client of its own: the same site over one connection."""

import socket
import ssl

import h2.connection
import h2.events
import pytest
from content import Seeded
from h2_origin import Authority, H2Origin
from origin import Act, Gate


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def origin(authority):
    with H2Origin(authority) as server:
        yield server


class Client:
    """Enough HTTP/2 to ask for several paths at once."""

    def __init__(self, origin):
        context = ssl.create_default_context(cafile=origin.authority.certificate)
        context.set_alpn_protocols(["h2"])
        raw = socket.create_connection((origin.host, origin.port), timeout=20)
        self.sock = context.wrap_socket(raw, server_hostname=origin.host)
        assert self.sock.selected_alpn_protocol() == "h2"
        self.h2 = h2.connection.H2Connection()
        self.h2.initiate_connection()
        self.streams = {}

    def ask(self, path):
        stream = self.h2.get_next_available_stream_id()
        fields = [(":method", "GET"), (":scheme", "https"), (":authority", "localhost"), (":path", path)]
        self.h2.send_headers(stream, fields, end_stream=True)
        self.sock.sendall(self.h2.data_to_send())
        self.streams[stream] = {"status": 0, "body": b"", "end": None}
        return stream

    def read_all(self):
        while any(stream["end"] is None for stream in self.streams.values()):
            for event in self.h2.receive_data(self.sock.recv(65536)):
                self._take(event)
            self.sock.sendall(self.h2.data_to_send())
        return self.streams

    def _take(self, event):
        stream = self.streams.get(getattr(event, "stream_id", None))
        if isinstance(event, h2.events.ResponseReceived):
            stream["status"] = int(dict(event.headers).get(b":status") or dict(event.headers)[":status"])
        elif isinstance(event, h2.events.DataReceived):
            stream["body"] += event.data
            self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.StreamEnded):
            stream["end"] = "end"
        elif isinstance(event, h2.events.StreamReset):
            stream["end"] = "reset"

    def close(self):
        self.sock.close()


@pytest.fixture
def client(origin):
    made = Client(origin)
    yield made
    made.close()


def test_several_objects_over_one_connection(origin, client):
    contents = {f"/{name}": origin.add(f"/{name}", Seeded(name, 300_000)) for name in "abc"}
    asked = {client.ask(path): path for path in contents}
    for stream, got in client.read_all().items():
        assert got == {"status": 200, "body": contents[asked[stream]].all(), "end": "end"}
    assert len({entry.connection for entry in origin.journal.entries()}) == 1
    assert {entry.version for entry in origin.journal.entries()} == {"HTTP/2"}


def test_a_stream_is_cut_and_the_others_go_on(origin, client):
    origin.add("/cut", Seeded("cut", 1000))
    origin.add("/whole", b"whole")
    origin.script("/cut", Act(cut_at=10))
    cut, whole = client.ask("/cut"), client.ask("/whole")
    streams = client.read_all()
    assert streams[cut]["end"] == "reset" and streams[whole]["body"] == b"whole"


def test_a_held_stream_does_not_hold_the_others(origin, client):
    gate = Gate()
    origin.add("/held", b"held")
    origin.script("/held", Act(gates={"request": gate}))
    held, missing = client.ask("/held"), client.ask("/missing")
    gate.wait_arrived()
    origin.journal.wait("/missing", done=True)
    gate.release()
    streams = client.read_all()
    assert streams[held]["body"] == b"held" and streams[missing]["status"] == 404


def test_the_connections_end_is_announced(origin, client):
    origin.script("/a.bin", Act(goaway=10, close=True))
    stream = client.ask("/a.bin")
    events = []
    while data := client.sock.recv(65536):
        events += client.h2.receive_data(data)
    body = b"".join(event.data for event in events if isinstance(event, h2.events.DataReceived))
    assert (stream, len(body)) == (1, 10)
    assert isinstance(events[-1], h2.events.ConnectionTerminated) and events[-1].last_stream_id == 1
