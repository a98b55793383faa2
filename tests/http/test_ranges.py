# SPDX-License-Identifier: Apache-2.0
"""Several ranges in one request (RFC 9110 §14.6), cached, arriving, and of the app's files."""

import re

import pytest
from client import Cut
from content import Seeded
from origin import Act, Gate

PATH = "/tfjs-models/a/thing.bin"
SIZE = 400_000


def parts_of(reply):
    """[(first, last, length, type, bytes)] of a multipart/byteranges body, which is taken apart to the byte."""
    boundary = re.fullmatch(r"multipart/byteranges; boundary=([0-9a-f]{32})", reply.header("Content-Type"))[1]
    delimiter = b"--" + boundary.encode()
    assert reply.body.startswith(delimiter + b"\r\n") and reply.body.endswith(b"\r\n" + delimiter + b"--\r\n")
    found = []
    for part in reply.body[len(delimiter):-len(delimiter) - 6].split(b"\r\n" + delimiter):
        head, data = part.split(b"\r\n\r\n", 1)
        names = dict(line.split(": ", 1) for line in head.decode().strip().split("\r\n"))
        first, last, length = map(int, re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", names["Content-Range"]).groups())
        found.append((first, last, length, names["Content-Type"], data))
    return found


def check(reply, content, spans, kind="application/octet-stream"):
    whole = content if isinstance(content, bytes) else content.all()
    assert (reply.status, reply.is_complete) == (206, True)
    assert int(reply.header("Content-Length")) == len(reply.body)
    assert reply.header("Content-Range") is None
    wanted = [(first, last, len(whole), kind, whole[first:last + 1]) for first, last in spans]
    assert parts_of(reply) == wanted


@pytest.fixture
def content(origin):
    return origin.add(PATH, Seeded("thing", SIZE))


CASES = [
    ("bytes=0-0,10-19", [(0, 0), (10, 19)]),
    ("bytes=-5, 100-100000", [(SIZE - 5, SIZE - 1), (100, 100_000)]),
    ("bytes=0-9,5-30,300-301", [(0, 30), (300, 301)]),
    ("bytes=0-1,999999999-,7-8", [(0, 1), (7, 8)]),
]


@pytest.mark.parametrize("field, spans", CASES)
def test_several_ranges_of_a_cached_object(server, content, field, spans):
    server.get(PATH)
    server.wait_idle()
    with server.connect() as connection:
        for _ in range(2):  # on one connection: the length is right to the byte
            connection.request(PATH, headers={"Range": field})
            check(connection.read_reply(), content, spans)


@pytest.mark.parametrize("field, spans", CASES)
def test_several_ranges_of_an_app_file(modelhost, tmp_path, field, spans):
    data = Seeded("app", SIZE).all()
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "data.bin").write_bytes(data)
    server = modelhost.start(tmp_path / "app")
    check(server.get("/data.bin", headers={"Range": field}), data, spans)


def test_several_ranges_of_an_arriving_object_end_with_its_checks(server, origin, content):
    gate = Gate()
    origin.script(PATH, Act(gates={SIZE - 1000: gate}))
    with server.ask(PATH, headers={"Range": "bytes=0-9,200000-200009,100-109"}) as connection:
        gate.wait_arrived()
        head = connection.read_head()
        assert head.status == 206
        assert connection.wait_for(f"bytes 100-109/{SIZE}\r\n\r\n".encode(), 9) == 9
        assert connection.is_silent_for(0.3)
        gate.release()
        check(connection.read_body(head, "GET"), content, [(0, 9), (200_000, 200_009), (100, 109)])


def test_a_failed_download_cuts_several_ranges(server, origin, content):
    origin.script(PATH, Act(cut_at=SIZE - 1000))
    server.allow_stderr("thing.bin")
    with server.ask(PATH, headers={"Range": "bytes=0-9,20-29"}) as connection:
        try:
            reply = connection.read_reply()
            assert (reply.status == 206 and not reply.is_complete) or reply.status == 502
        except Cut:
            pass


def test_what_touches_becomes_one_range(server, content):
    server.get(PATH)
    server.wait_idle()
    reply = server.get(PATH, headers={"Range": "bytes=0-9,10-19"})
    assert (reply.status, reply.header("Content-Range")) == (206, f"bytes 0-19/{SIZE}")
    assert reply.body == content.all()[:20]


def test_too_many_ranges_get_the_whole(server, content):
    server.get(PATH)
    server.wait_idle()
    field = "bytes=" + ",".join(f"{n * 10}-{n * 10}" for n in range(65))
    assert server.get(PATH, headers={"Range": field}).status == 200
    assert server.get(PATH, headers={"Range": "bytes=500000-,600000-"}).status == 416
    assert server.fetch(PATH, "HEAD", headers={"Range": "bytes=0-1,5-6"}).status == 200
