# SPDX-License-Identifier: Apache-2.0
"""The scripted origin does what its acts say: tests that lean on it may believe it."""

import base64
import gzip
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from client import connect, fetch
from content import SHARD, Bytes, Seeded, manifest_json, shard_sizes
from origin import Act, Gate, Origin

HERE = Path(__file__).resolve().parent
DATA = bytes(range(256)) * 40


@pytest.fixture
def origin():
    with Origin() as server:
        server.add("/thing.bin", DATA)
        yield server


def test_seeded_content_is_the_same_however_it_is_read():
    content = Seeded("s", (5 << 20) + 123)
    whole = content.all()
    assert len(whole) == content.size and whole == Seeded("s", content.size).all()
    assert content.read((1 << 20) - 5, 20) == whole[(1 << 20) - 5 : (1 << 20) + 15]
    assert content.read(content.size - 3, 100) == whole[-3:]
    assert whole[: 1 << 20] != whole[1 << 20 : 2 << 20] and Seeded("t", 100).all() != whole[:100]


def test_an_object_comes_whole_with_the_headers_of_the_bucket(origin):
    reply = fetch(origin.port, "/thing.bin")
    assert (reply.status, reply.body, reply.is_complete) == (200, DATA, True)
    assert reply.header("ETag") == f'"{hashlib.md5(DATA).hexdigest()}"'
    assert reply.header("x-goog-hash") == "md5=" + base64.b64encode(hashlib.md5(DATA).digest()).decode()
    assert reply.header("x-goog-generation") and reply.header("Last-Modified")
    assert reply.header("Accept-Ranges") == "bytes"


def test_what_is_not_there_is_the_buckets_404(origin):
    reply = fetch(origin.port, "/nothing.bin")
    assert reply.status == 404 and b"<Code>NoSuchKey</Code>" in reply.body
    assert reply.header("Content-Type") == "application/xml"


def test_keep_alive_and_the_journal(origin):
    with connect(origin.port) as connection:
        for _ in range(2):
            assert connection.request("/thing.bin?x=1").read_reply().body == DATA
    fetch(origin.port, "/thing.bin", "HEAD")
    journal = origin.journal.wait("/thing.bin", count=3, done=True)
    assert [entry.method for entry in journal] == ["GET", "GET", "HEAD"]
    assert journal[0].connection == journal[1].connection != journal[2].connection
    assert journal[0].target == "/thing.bin?x=1" and journal[0].header("host") == "localhost"
    assert [entry.sent for entry in journal] == [len(DATA), len(DATA), 0]


@pytest.mark.parametrize(
    "headers, status, body",
    [
        ({"Range": "bytes=10-19"}, 206, DATA[10:20]),
        ({"Range": "bytes=100-"}, 206, DATA[100:]),
        ({"Range": "bytes=999999-"}, 416, b""),
        ({"Range": "bytes=10-19", "If-Range": '"other"'}, 200, DATA),
        ({"Range": "bytes=0-0", "If-Range": f'"{hashlib.md5(DATA).hexdigest()}"'}, 206, DATA[:1]),
        ({"If-None-Match": f'"{hashlib.md5(DATA).hexdigest()}"'}, 304, b""),
    ],
)
def test_ranges_and_conditions(origin, headers, status, body):
    reply = fetch(origin.port, "/thing.bin", headers=headers)
    assert (reply.status, reply.body, reply.is_complete) == (status, body, True)


def test_a_range_is_ignored_or_mislabelled_on_demand(origin):
    origin.script("/thing.bin", Act(ignore_range=True), Act(content_range="bytes 5-6/7"))
    assert fetch(origin.port, "/thing.bin", headers={"Range": "bytes=1-2"}).status == 200
    reply = fetch(origin.port, "/thing.bin", headers={"Range": "bytes=1-2"})
    assert reply.header("Content-Range") == "bytes 5-6/7"


@pytest.mark.parametrize(
    "act, status, body, is_complete",
    [
        (Act(status=503, headers={"Retry-After": "7"}), 503, b"503\n", True),
        (Act(cut_at=100), 200, DATA[:100], False),
        (Act(cut_at=0), 200, b"", False),
        (Act(content_length=len(DATA) + 1, close=True), 200, DATA, False),
        (Act(append=b"more"), 200, DATA + b"more", True),
        (Act(flip=3), 200, DATA[:3] + b"\xfc" + DATA[4:], True),
        (Act(body="<html>log in</html>"), 200, b"<html>log in</html>", True),
        (Act(framing="chunked", piece=1000), 200, DATA, True),
        (Act(framing="chunked", end_chunks=False), 200, DATA, False),
        (Act(framing="chunked", cut_at=5), 200, DATA[:5], False),
        (Act(framing="close"), 200, DATA, True),
        (Act(interim=(100, 103)), 200, DATA, True),
        (Act(interim=((103, {"Content-Length": "5"}), 100)), 200, DATA, True),
        (Act(goaway=5), 200, DATA, True),
        (Act(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"), 200, b"abc", False),
        (Act(piece=4000, pace=0.001), 200, DATA, True),
    ],
)
def test_an_act_on_the_wire(origin, act, status, body, is_complete):
    origin.script("/thing.bin", act)
    reply = fetch(origin.port, "/thing.bin")
    assert (reply.status, reply.body, reply.is_complete) == (status, body, is_complete)
    for name, value in act.headers.items():
        assert reply.header(name) == value


def test_a_reset_is_not_an_end(origin):
    origin.script("/thing.bin", Act(framing="close", reset_at=50))
    reply = fetch(origin.port, "/thing.bin")
    assert not reply.is_complete and len(reply.body) <= 50


def test_gzip_is_real_gzip(origin):
    origin.script("/thing.bin", Act(gzip=True))
    reply = fetch(origin.port, "/thing.bin")
    assert reply.header("Content-Encoding") == "gzip" and gzip.decompress(reply.body) == DATA


def test_an_etag_that_rotates(origin):
    origin.script("/thing.bin", Act(rotate_etag=True))
    tags = {fetch(origin.port, "/thing.bin").header("ETag") for _ in range(3)}
    assert len(tags) == 3


def test_an_object_that_is_stored_as_gzip(origin):
    """The bucket decodes it for who does not take gzip, and declares the hash of what is stored."""
    origin.script("/thing.bin", Act(stored_gzip=True))
    plain = fetch(origin.port, "/thing.bin", headers={"Accept-Encoding": "identity"})
    stored = fetch(origin.port, "/thing.bin", headers={"Accept-Encoding": "gzip"})
    assert plain.body == DATA and plain.header("Content-Encoding") is None
    assert stored.header("Content-Encoding") == "gzip" and gzip.decompress(stored.body) == DATA
    for reply in (plain, stored):
        assert reply.header("x-goog-stored-content-encoding") == "gzip"
        assert reply.header("ETag") == f'"{hashlib.md5(stored.body).hexdigest()}"'


def test_headers_are_changed_taken_away_and_sent_twice(origin):
    origin.script("/thing.bin", Act(headers={"ETag": '"new"', "Last-Modified": None, "X-Two": ["a", "b"]}))
    reply = fetch(origin.port, "/thing.bin")
    assert reply.header("ETag") == '"new"' and reply.header("Last-Modified") is None
    assert reply.header("X-Two") == "a, b"


def test_a_redirect(origin):
    origin.script("/thing.bin", Act(status=302, headers={"Location": "/elsewhere"}))
    reply = fetch(origin.port, "/thing.bin")
    assert (reply.status, reply.header("Location")) == (302, "/elsewhere")


def test_acts_are_taken_one_by_one_and_the_last_stays(origin):
    origin.script("/thing.bin", Act(status=500), Act(status=503))
    assert [fetch(origin.port, "/thing.bin").status for _ in range(3)] == [500, 503, 503]
    origin.script("/thing.bin")
    assert fetch(origin.port, "/thing.bin").status == 200


def test_a_script_for_everything_gives_way_to_a_paths_own(origin):
    origin.script(None, Act(status=500))
    origin.script("/thing.bin", Act())
    assert fetch(origin.port, "/thing.bin").status == 200
    assert fetch(origin.port, "/other.bin").status == 500


@pytest.mark.parametrize("at, comes_first", [("request", b""), ("head", b""), (100, DATA[:100])])
def test_a_gate_holds_an_answer_until_it_is_released(origin, at, comes_first):
    gate = Gate("here")
    origin.script("/thing.bin", Act(gates={at: gate}))
    with connect(origin.port) as connection:
        connection.request("/thing.bin")
        gate.wait_arrived()
        if at != "request":
            head = connection.read_head()
            assert connection.read_exactly(len(comes_first)) == comes_first
        assert not connection.buffer and not origin.journal.entries()[0].is_done
        gate.release()
        head = head if at != "request" else connection.read_head()
        assert comes_first + connection.read_exactly(len(DATA) - len(comes_first)) == DATA
        assert head.status == 200


def test_a_gate_counts_who_has_arrived(origin):
    gate = Gate()
    origin.script("/thing.bin", Act(gates={"request": gate}))
    threads = [threading.Thread(target=fetch, args=(origin.port, "/thing.bin")) for _ in range(3)]
    for thread in threads:
        thread.start()
    gate.wait_arrived(3)
    with pytest.raises(TimeoutError):
        gate.wait_arrived(4, timeout=0.01)
    gate.release()
    for thread in threads:
        thread.join()


def test_a_stopped_origin_cuts_and_refuses(origin):
    origin.script("/thing.bin", Act(gates={100: Gate()}, cut_at=200))
    with connect(origin.port) as connection:
        connection.request("/thing.bin").read_head()
        connection.read_exactly(100)
        origin.stop()
        assert connection.reads_end() or len(connection.buffer) <= 100
    with pytest.raises(ConnectionRefusedError):
        connect(origin.port)


def test_a_tree_is_served_and_its_missing_shards_are_made(tmp_path):
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    (folder / "model.json").write_bytes(manifest_json({"one.bin": SHARD, "two.bin": 77}))
    (tmp_path / "secret").write_text("outside")
    with Origin(tmp_path / "a") as origin:
        manifest = fetch(origin.port, "/b/model.json")
        assert shard_sizes(manifest.json()) == {"one.bin": SHARD, "two.bin": 77}
        assert len(fetch(origin.port, "/b/one.bin").body) == SHARD
        assert len(fetch(origin.port, "/b/two.bin").body) == 77
        assert fetch(origin.port, "/../secret").status == 404


def test_the_arithmetic_of_resnet50(models_dir):
    path = models_dir / "tfjs-models/savedmodel/bodypix/resnet50/float/model-stride16.json"
    sizes = list(shard_sizes(json.loads(path.read_text())).values())
    assert len(sizes) == 23 and sum(sizes) == 95_745_472 and set(sizes[:-1]) == {SHARD}


@pytest.fixture
def models_dir():
    if "MODELHOST_TEST_MODELS" not in os.environ:
        pytest.skip("MODELHOST_TEST_MODELS is not set: the folder with real models")
    return Path(os.environ["MODELHOST_TEST_MODELS"])


def test_as_a_program_it_is_scripted_over_http(tmp_path):
    (tmp_path / "x.bin").write_bytes(DATA)
    process = subprocess.Popen(
        [sys.executable, HERE / "origin.py", tmp_path], stdout=subprocess.PIPE, text=True
    )
    try:
        port = int(process.stdout.readline().rstrip("/\n").rsplit(":", 1)[1])
        script = json.dumps({"path": "/x.bin", "acts": [{"status": 503}, {"gates": {"10": "g"}}]}).encode()
        assert fetch(port, "/_origin/script", "POST", body=script).status == 200
        assert fetch(port, "/x.bin").status == 503
        with connect(port) as connection:
            connection.request("/x.bin").read_head()
            assert fetch(port, "/_origin/wait", "POST", body=b'{"gate": "g"}').status == 200
            assert connection.read_exactly(10) == DATA[:10]
            assert fetch(port, "/_origin/release", "POST", body=b'{"gate": "g"}').status == 200
            assert connection.read_exactly(len(DATA) - 10) == DATA[10:]
        assert [entry["status"] for entry in fetch(port, "/_origin/journal").json()] == [503, 200]
        assert fetch(port, "/_origin/script", "POST", body=b'{"path": "/", "acts": [{"x": 1}]}').status == 400
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        process.stdout.close()


def test_a_large_object_is_never_held():
    content = Seeded("large", 1 << 30)
    assert content.md5 is None and content.hash_headers() == {"ETag": f'"size-{1 << 30}"'}
    with Origin() as origin:
        origin.add("/large.bin", content)
        reply = fetch(origin.port, "/large.bin", headers={"Range": f"bytes={(1 << 30) - 10}-"})
        assert reply.body == content.read((1 << 30) - 10, 10) and len(reply.body) == 10


def test_a_changed_object_has_another_validator(origin):
    before = fetch(origin.port, "/thing.bin").header("ETag")
    origin.add("/thing.bin", Bytes(b"new"))
    after = fetch(origin.port, "/thing.bin", headers={"If-None-Match": before})
    assert after.status == 200 and after.body == b"new"
