# SPDX-License-Identifier: Apache-2.0
"""Arriving objects: every client reads from the beginning, ranges included, and the end only when it
has passed its checks."""

import threading

import pytest
from client import Cut
from content import Seeded
from origin import Act, Gate

PATH = "/tfjs-models/arriving.bin"
SIZE = 1_000_000
HALF = 500_000
A_LOOK = 0.3  # seconds: how long we watch for bytes that must not come


@pytest.fixture
def content(origin):
    return origin.add(PATH, Seeded("arriving", SIZE))


@pytest.fixture
def held(origin, content):
    """The origin stops half-way, until the gate is released."""
    gate = Gate()
    origin.script(PATH, Act(gates={HALF: gate}))
    return gate


def test_bytes_come_while_they_arrive(server, content, held):
    with server.ask(PATH) as client:
        head = client.read_head()
        assert (head.status, head.header("Content-Length")) == (200, str(SIZE))
        assert head.header("X-Cache") == "MISS"
        assert client.read_exactly(HALF) == content.read(0, HALF)
        held.release()
        assert client.read_exactly(SIZE - HALF) == content.read(HALF, SIZE - HALF)


def test_a_second_client_reads_from_the_beginning(server, origin, content, held):
    with server.ask(PATH) as first:
        first.read_head()
        first.read_exactly(HALF)
        with server.ask(PATH) as second:
            head = second.read_head()
            assert (head.status, head.header("X-Cache")) == (200, "MISS")
            assert second.read_exactly(HALF) == content.read(0, HALF)
            held.release()
            assert second.read_exactly(SIZE - HALF) == content.read(HALF, SIZE - HALF)
    assert origin.journal.count() == 1


@pytest.mark.parametrize(
    "field, first, end",
    [("bytes=0-999", 0, 1000), ("bytes=1000-1999", 1000, 2000), ("bytes=600000-600009", 600_000, 600_010),
     ("bytes=-10", SIZE - 10, SIZE), ("bytes=999999-", SIZE - 1, SIZE), ("bytes=10-10", 10, 11)],
)
def test_a_range_of_an_arriving_object(server, content, held, field, first, end):
    with server.ask(PATH, headers={"Range": field}) as client:
        held.wait_arrived()
        held.release()
        reply = client.read_reply()
    assert (reply.status, reply.is_complete, reply.body) == (206, True, content.read(first, end - first))
    assert reply.header("Content-Range") == f"bytes {first}-{end - 1}/{SIZE}"


def test_a_range_completes_with_its_object(server, content, held):
    """What has arrived comes at once, less the last byte of the answer."""
    with server.ask(PATH, headers={"Range": "bytes=1000-1999"}) as client:
        assert client.read_head().status == 206
        assert client.read_exactly(999) == content.read(1000, 999)
        assert client.is_silent_for(A_LOOK)
        held.release()
        assert client.read_exactly(1) == content.read(1999, 1)


def test_a_range_that_cannot_be_of_an_arriving_object(server, content, held):
    with server.ask(PATH, headers={"Range": "bytes=2000000-"}) as client:
        reply = client.read_reply()
        assert (reply.status, reply.header("Content-Range")) == (416, f"bytes */{SIZE}")
    held.release()


def test_the_head_waits_for_what_can_be_sniffed(server, origin, content):
    gate = Gate()
    origin.script(PATH, Act(gates={511: gate}))
    with server.ask(PATH) as client:
        gate.wait_arrived()
        assert client.is_silent_for(A_LOOK)
        gate.release()
        assert client.read_reply().body == content.all()


def test_the_head_of_a_manifest_waits_for_all_of_it(server, origin, make_model):
    model = make_model({f"shard-with-a-long-name-{n}.bin": 100 for n in range(100)})
    size = model.contents[model.path].size
    gate = Gate()
    origin.script(model.path, Act(gates={size - 1: gate}))
    with server.ask(model.path) as client:
        gate.wait_arrived()
        assert client.is_silent_for(A_LOOK)
        gate.release()
        assert client.read_reply().body == model.contents[model.path].all()


def test_the_last_byte_waits_for_the_checks(server, origin, content):
    """All bytes are here, but not yet the end that says so."""
    gate = Gate()
    origin.script(PATH, Act(framing="chunked", gates={SIZE: gate}))
    with server.ask(PATH) as client:
        head = client.read_head()
        got = bytearray()

        def read():
            for piece in client.body_pieces(head):
                got.extend(piece)

        reader = threading.Thread(target=read)
        reader.start()
        gate.wait_arrived()
        reader.join(A_LOOK)
        assert reader.is_alive() and len(got) < SIZE
        gate.release()
        reader.join(20)
        assert bytes(got) == content.all()


def test_a_failed_check_cuts_before_the_last_byte(server, origin, content):
    """The upstream's own hash does not hold: nobody gets a whole body."""
    gate = Gate()
    origin.script(PATH, Act(flip=SIZE - 10, gates={HALF: gate}))
    server.allow_stderr("arriving.bin")
    with server.ask(PATH) as client:
        head = client.read_head()
        gate.release()
        reply = client.read_body(head)
    assert reply.status == 200 and not reply.is_complete and len(reply.body) < SIZE
    assert server.cached_files() == []


def test_unknown_length_is_chunked(server, origin, content):
    gate = Gate()
    origin.script(PATH, Act(framing="chunked", gates={HALF: gate}))
    with server.ask(PATH) as client:
        head = client.read_head()
        assert head.header("Transfer-Encoding") == "chunked" and head.header("Content-Length") is None
        gate.release()
        reply = client.read_body(head)
        assert (reply.status, reply.is_complete, reply.body) == (200, True, content.all())
    again = server.wait_idle().get(PATH)
    assert (again.header("Content-Length"), again.body) == (str(SIZE), content.all())


def test_a_body_that_ends_with_its_connection(server, origin, content):
    origin.script(PATH, Act(framing="close"))
    assert server.get(PATH).body == content.all()
    assert server.wait_idle().get(PATH).header("X-Cache") == "HIT"


def test_a_range_is_ignored_while_the_length_is_unknown(server, origin, content):
    gate = Gate()
    origin.script(PATH, Act(framing="chunked", gates={HALF: gate}))
    with server.ask(PATH, headers={"Range": "bytes=5-9"}) as client:
        gate.wait_arrived()
        assert client.read_head().status == 200
        gate.release()


def test_a_chunked_body_without_its_end_is_cut(server, origin, content):
    origin.script(PATH, Act(framing="chunked", end_chunks=False))
    server.allow_stderr("arriving.bin")
    reply = server.get(PATH)
    assert not (reply.status == 200 and reply.is_complete)
    assert server.cached_files() == []


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_a_client_of_http_1_0(server, origin, content, framing):
    origin.script(PATH, Act(framing=framing))
    for _ in range(2):
        with server.connect() as client:
            client.request(PATH, version="HTTP/1.0")
            reply = client.read_reply()
            assert reply.status == 200 and reply.body == content.all()
            assert reply.header("Transfer-Encoding") is None
            assert reply.header("Content-Length") == str(SIZE)


def test_a_client_of_http_1_0_never_takes_a_cut_body_for_whole(server, origin, content):
    origin.script(PATH, Act(framing="chunked", cut_at=HALF))
    server.allow_stderr("arriving.bin")
    with server.connect() as client:
        reply = client.request(PATH, version="HTTP/1.0").read_reply()
    assert reply.status >= 500 or not reply.is_complete


def test_a_client_that_leaves_does_not_end_the_transfer(server, origin, content, held):
    with server.ask(PATH) as client:
        client.read_head()
    held.release()
    server.wait_complete(PATH)
    assert server.object_file(PATH).read_bytes() == content.all()
    assert origin.journal.count() == 1


def test_a_client_that_leaves_before_the_head(server, origin, content):
    gate = Gate()
    origin.script(PATH, Act(gates={"request": gate}))
    with server.ask(PATH):
        gate.wait_arrived()
    gate.release()
    server.wait_complete(PATH)
    assert origin.journal.count() == 1


def test_a_slow_client_holds_up_nobody(server, origin):
    """It reads nothing of 24 MiB; the transfer ends, and another client gets all."""
    content = origin.add(PATH, Seeded("large", 24 << 20))
    with server.connect(receive_buffer=4096) as slow:
        slow.request(PATH).read_head()
        origin.journal.wait(PATH, done=True)
        assert server.get(PATH).body == content.all()
        assert slow.read_exactly(content.size) == content.all()
    assert origin.journal.count() == 1


def test_many_clients_at_different_places(server, origin, content, at_once):
    origin.script(PATH, Act(piece=20_000, pace=0.002))
    fields = [None, *(f"bytes={first}-{first + 49_999}" for first in range(0, SIZE, 50_000))]
    calls = [lambda field=field: server.get(PATH, headers={"Range": field} if field else {}) for field in fields]
    replies = at_once(calls)
    assert replies[0].body == content.all()
    assert b"".join(reply.body for reply in replies[1:]) == content.all()
    assert origin.journal.count() == 1


def test_head_while_it_arrives_says_what_get_says(server, content, held):
    with server.ask(PATH) as client:
        got = client.read_head()
        told = server.fetch(PATH, "HEAD")
        held.release()
        client.read_body(got)
    changing = {"date"}
    assert told.status == 200
    assert {n: told.header(n) for n in told.names() - changing} == {n: got.header(n) for n in got.names() - changing}


def test_no_304_for_what_has_not_passed_its_checks(server, content, held):
    etag = f'"{content.sha256.hexdigest()}"'
    with server.ask(PATH, headers={"If-None-Match": etag}) as client:
        assert client.read_head().status == 200
        held.release()


def test_keep_alive_after_an_arriving_body(server, content):
    with server.connect() as client:
        assert client.request(PATH).read_reply().body == content.all()
        assert client.request(PATH).read_reply().body == content.all()


@pytest.fixture
def cut(server, origin, content):
    """The first transfer breaks off half-way, when the gate is released."""
    gate = Gate()
    origin.script(PATH, Act(gates={HALF: gate}, cut_at=HALF), Act())
    server.allow_stderr("arriving.bin")
    return gate


def test_keep_alive_ends_with_a_cut_body(server, cut):
    with server.ask(PATH) as client:
        head = client.read_head()
        cut.release()
        assert head.status == 200 and not client.read_body(head).is_complete
        assert client.is_at_end


def test_every_later_answer_is_whole_after_one_was_cut(server, content, cut):
    with server.ask(PATH) as client:
        head = client.read_head()
        cut.release()
        assert not client.read_body(head).is_complete
    server.wait_idle()
    for _ in range(3):
        reply = server.get(PATH)
        assert reply.is_complete and reply.body == content.all()


def test_a_cut_range_is_seen_as_cut(server, cut):
    with server.ask(PATH, headers={"Range": "bytes=0-99"}) as client:
        assert client.read_head().status == 206
        cut.release()
        with pytest.raises(Cut):
            client.read_exactly(100)
