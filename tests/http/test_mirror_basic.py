# SPDX-License-Identifier: Apache-2.0
"""The main job: from the upstream on the first request, ever after from disk, in the upstream's layout."""

import functools
import hashlib
import json
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from client import fetch
from content import Seeded, manifest_json
from origin import Act, Gate


def test_an_object_comes_from_the_upstream_and_then_from_disk(server, origin):
    content = origin.add("/tfjs-models/a/thing.bin", Seeded("thing", 300_000))
    first = server.get("/tfjs-models/a/thing.bin")
    second = server.wait_idle().get("/tfjs-models/a/thing.bin")
    assert (first.status, first.body, first.is_complete) == (200, content.all(), True)
    assert (second.status, second.body, second.is_complete) == (200, content.all(), True)
    assert (first.header("X-Cache"), second.header("X-Cache")) == ("MISS", "HIT")
    assert origin.journal.count() == 1


def test_a_manifest_makes_its_shard_local_unasked(server, origin, make_model):
    model = make_model()
    reply = server.get(model.path)
    assert reply.body == model.contents[model.path].all()
    told = server.wait_complete(model.path)
    assert (told["files"], told["files_present"]) == (2, 2)
    assert server.object_file(model.shards[0]).read_bytes() == model.contents[model.shards[0]].all()
    assert sorted(origin.journal.targets()) == sorted(model.paths)
    assert server.get(model.shards[0]).header("X-Cache") == "HIT"
    assert origin.journal.count() == 2


def test_50_clients_at_once_cost_one_request_per_file(server, origin, make_model, at_once):
    model = make_model()
    gate = Gate()
    for path in model.paths:
        origin.script(path, Act(gates={"request": gate}))
    replies = []
    clients = [threading.Thread(target=lambda: replies.append(server.get(model.path))) for _ in range(50)]
    for client in clients:
        client.start()
    gate.wait_arrived()
    server.wait_clients(model.path, 50)
    gate.release()
    for client in clients:
        client.join()
    assert [reply.body for reply in replies] == [model.contents[model.path].all()] * 50
    shards = at_once([lambda: server.get(model.shards[0])] * 50)
    assert {reply.body for reply in shards} == {model.contents[model.shards[0]].all()}
    assert sorted(origin.journal.targets()) == sorted(model.paths)


def test_all_shards_are_asked_for_at_once(server, origin, make_model):
    """None of the six is answered before all have been asked for."""
    model = make_model({f"shard{n}.bin": 1000 for n in range(6)})
    gate = Gate()
    for path in model.shards:
        origin.script(path, Act(gates={"request": gate}))
    assert server.get(model.path).status == 200
    gate.wait_arrived(6)
    gate.release()
    server.wait_complete(model.path)
    assert sorted(origin.journal.targets()) == sorted(model.paths)


def test_a_clients_own_requests_join_the_queued_ones(server, origin, make_model, at_once):
    model = make_model({"a.bin": 50_000, "b.bin": 50_001}, {"deeper/c.bin": 7})
    assert server.get(model.path).status == 200
    replies = at_once([functools.partial(server.get, path) for path in model.shards * 3])
    for path, reply in zip(model.shards * 3, replies):
        assert reply.is_complete and reply.body == model.contents[path].all()
    assert sorted(origin.journal.targets()) == sorted(model.paths)


def test_two_manifests_share_their_shard(server, origin, make_model):
    model = make_model()
    other = model.folder + "model-stride8.json"
    origin.add(other, origin.content(model.path))
    for path in (model.path, other):
        assert server.get(path).status == 200
        server.wait_complete(path)
    assert origin.journal.count(model.shards[0]) == 1


def test_a_second_start_serves_everything_with_the_origin_gone(modelhost, origin, make_model):
    model = make_model()
    first = modelhost.start(origin=origin)
    first.get(model.path)
    first.wait_complete(model.path)
    first.stop()
    origin.stop()
    second = modelhost.start(origin=origin)
    for path in model.paths:
        reply = second.get(path)
        assert (reply.status, reply.body) == (200, model.contents[path].all())
        assert reply.header("X-Cache") == "HIT"


def test_the_layout_of_the_cache(server, origin, make_model):
    model = make_model()
    server.get(model.path)
    server.wait_complete(model.path)
    assert server.cached_files() == sorted(model.paths)
    for path in model.paths:
        content = model.contents[path]
        assert server.object_file(path).read_bytes() == content.all()
        meta = json.loads(server.meta_file(path).read_text())
        assert meta["sha256"] == content.sha256.hexdigest()
        assert meta["url"] == origin.url.rstrip("/") + path
    assert {"FORMAT", "LOCK", "control"} <= {entry.name for entry in server.cache.iterdir()}
    assert not list((server.cache / "partial").iterdir())
    assert not [entry for entry in (server.cache / "journal").iterdir() if entry.name != "LOCK"]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def test_any_static_server_serves_the_objects(server, make_model):
    model = make_model({"a.bin": 50_000, "deeper/b.bin": 3})
    server.get(model.path)
    server.wait_complete(model.path)
    handler = functools.partial(Quiet, directory=str(server.cache / "objects"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as other:
        thread = threading.Thread(target=other.serve_forever)
        thread.start()
        try:
            for path in model.paths:
                assert fetch(other.server_port, path).body == model.contents[path].all()
        finally:
            other.shutdown()
            thread.join()


def test_a_query_is_part_of_the_identity(server, origin):
    origin.add("/tfjs-models/q.bin?v=1", b"one" * 300)
    origin.add("/tfjs-models/q.bin?v=2", b"two" * 300)
    for _ in range(2):
        assert server.get("/tfjs-models/q.bin?v=1").body == b"one" * 300
        assert server.get("/tfjs-models/q.bin?v=2").body == b"two" * 300
        server.wait_idle()
    assert origin.journal.targets() == ["/tfjs-models/q.bin?v=1", "/tfjs-models/q.bin?v=2"]
    assert len(server.cached_files()) == 2


def test_an_ignored_parameter_is_sent_upstream_and_forgotten(modelhost, origin, make_model):
    model = make_model(folder="/tfhub/m/1/")
    server = modelhost.start(*modelhost.mirror(origin, "tfhub"))
    assert server.get(model.path + "?tfjs-format=file").status == 200
    server.wait_complete(model.path)
    assert sorted(origin.journal.targets()) == sorted(path + "?tfjs-format=file" for path in model.paths)
    assert server.get(model.path).header("X-Cache") == "HIT"
    assert server.get(model.shards[0] + "?tfjs-format=file").header("X-Cache") == "HIT"
    assert server.cached_files() == sorted(model.paths)


def test_shards_carry_the_query_of_their_manifest(server, origin, make_model):
    model = make_model()
    server.get(model.path + "?v=7")
    server.wait_complete(model.path + "?v=7")
    assert sorted(origin.journal.targets()) == sorted(path + "?v=7" for path in model.paths)
    assert server.get(model.shards[0] + "?v=7").header("X-Cache") == "HIT"


@pytest.mark.parametrize("name", ["with%20space.bin", "%C3%A9t%C3%A9.bin", "a%2Fb.bin", "100%25.bin", "p+q@(1).bin"])
def test_names_that_need_escapes(server, origin, name):
    target = "/tfjs-models/names/" + name
    content = origin.add(target, Seeded(name, 2000))
    assert server.get(target).body == content.all()
    assert server.wait_idle().get(target).header("X-Cache") == "HIT"
    assert len(server.cached_files()) == 1
    assert origin.journal.count() == 1


def test_an_escaped_slash_stays_escaped(server, origin):
    origin.add("/tfjs-models/a%2Fb.bin", b"escaped" * 100)
    assert server.get("/tfjs-models/a%2Fb.bin").body == b"escaped" * 100
    assert origin.journal.targets() == ["/tfjs-models/a%2Fb.bin"]


def test_a_name_too_long_for_a_file_system(server, origin):
    target = "/tfjs-models/" + "n" * 300 + ".bin"
    content = origin.add(target, Seeded("long", 2000))
    for _ in range(2):
        assert server.get(target).body == content.all()
    assert origin.journal.count() == 1


def test_a_name_that_collides_with_a_directory(server, origin):
    inner = origin.add("/tfjs-models/x/y.bin", Seeded("inner", 1000))
    outer = origin.add("/tfjs-models/x", Seeded("outer", 1000))
    for _ in range(2):
        assert server.get("/tfjs-models/x/y.bin").body == inner.all()
        assert server.get("/tfjs-models/x").body == outer.all()
    assert origin.journal.count() == 2


@pytest.mark.parametrize("size", [0, 1, 2, 511, 512, 513, 65_536])
def test_objects_of_every_small_size(server, origin, size):
    content = origin.add("/tfjs-models/sized.data", Seeded("sized", size))
    for state in ("MISS", "HIT"):
        reply = server.wait_idle().get("/tfjs-models/sized.data")
        assert (reply.status, reply.body, reply.is_complete) == (200, content.all(), True)
        assert reply.header("Content-Length") == str(size)
        assert reply.header("X-Cache") == state


def test_a_plain_json_object_is_a_model_of_one(server, origin):
    origin.add("/tfjs-models/vocab.json", b'{"a": 1}')
    assert server.get("/tfjs-models/vocab.json").body == b'{"a": 1}'
    assert server.wait_complete("/tfjs-models/vocab.json")["files"] == 1


def test_a_manifest_of_any_name_is_one(server, origin):
    origin.add("/tfjs-models/odd.json", manifest_json({"odd.bin": 100}))
    origin.add("/tfjs-models/odd.bin", Seeded("odd", 100))
    server.get("/tfjs-models/odd.json")
    server.wait_complete("/tfjs-models/odd.json")
    assert origin.journal.count("/tfjs-models/odd.bin") == 1


def test_a_byte_order_mark_is_passed_over(server, origin):
    body = b"\xef\xbb\xbf" + manifest_json({"s.bin": 100})
    origin.add("/tfjs-models/bom/model.json", body)
    origin.add("/tfjs-models/bom/s.bin", Seeded("s", 100))
    assert server.get("/tfjs-models/bom/model.json").body == body


def test_a_mirror_from_the_command_line(modelhost, origin):
    content = origin.add("/elsewhere/x.bin", Seeded("x", 1000))
    server = modelhost.start("--mirror", f"mine={origin.url}elsewhere/")
    assert server.get("/mine/x.bin").body == content.all()


def test_head_starts_the_flight(server, origin):
    content = origin.add("/tfjs-models/h.bin", Seeded("h", 5000))
    head = server.fetch("/tfjs-models/h.bin", "HEAD")
    assert (head.status, head.header("Content-Length"), head.body) == (200, "5000", b"")
    server.wait_complete("/tfjs-models/h.bin")
    assert server.object_file("/tfjs-models/h.bin").read_bytes() == content.all()
    assert [entry.method for entry in origin.journal.entries()] == ["GET"]


def test_what_a_client_says_about_itself_stays_here(server, origin):
    origin.add("/tfjs-models/p.bin", Seeded("p", 1000))
    private = {"Cookie": "a=b", "Authorization": "Bearer secret", "Origin": "http://page.example",
               "Referer": "http://page.example/x", "Range": "bytes=1-2", "X-Secret": "s"}
    server.get("/tfjs-models/p.bin", headers=private)
    entry = origin.journal.entries()[0]
    for name in private:
        assert entry.header(name) is None, name
    assert entry.header("Host") == f"127.0.0.1:{origin.port}"
    assert entry.header("User-Agent").startswith("modelhost/")


def test_what_the_upstream_says_of_itself_stays_there(server, origin):
    origin.add("/tfjs-models/p.bin", Seeded("p", 1000))
    theirs = {"Access-Control-Allow-Origin": "https://theirs.example", "Set-Cookie": "a=b", "X-Theirs": "1",
              "Strict-Transport-Security": "max-age=1", "Content-Security-Policy": "default-src 'none'"}
    origin.script("/tfjs-models/p.bin", Act(headers=theirs))
    for _ in range(2):
        reply = server.get("/tfjs-models/p.bin")
        assert reply.header("Access-Control-Allow-Origin") == "*"
        for name in [*list(theirs)[1:], "x-goog-hash", "x-goog-generation"]:
            assert reply.header(name) is None, name


def test_validators(server, origin):
    content = origin.add("/tfjs-models/v.bin", Seeded("v", 1000))
    server.get("/tfjs-models/v.bin")
    reply = server.get("/tfjs-models/v.bin")
    assert content.sha256.hexdigest()[:16] in reply.header("ETag") and reply.header("ETag").startswith('"')
    assert reply.header("Last-Modified") == "Fri, 01 Nov 2019 17:00:00 GMT"


REAL = ["bodypix/mobilenet/float/050/model-stride16.json", "bodypix/mobilenet/quant2/050/model-stride8.json",
        "bodypix/mobilenet/quant1/075/model-stride16.json", "posenet/mobilenet/quant2/075/model-stride16.json",
        "bodypix/mobilenet/float/075/model-stride16.json", "bodypix/mobilenet/quant2/100/model-stride8.json"]


@pytest.mark.parametrize("name", REAL)
def test_real_models(modelhost, models_origin, name):
    server = modelhost.start(origin=models_origin)
    path = "/tfjs-models/savedmodel/" + name
    manifest = server.get(path)
    told = server.wait_complete(path)
    shards = [path.rsplit("/", 1)[0] + "/" + shard for shard in manifest.json()["weightsManifest"][0]["paths"]]
    for one in [path, *shards]:
        wanted = hashlib.sha256(models_origin.content(one).all()).hexdigest()
        assert hashlib.sha256(server.get(one).body).hexdigest() == wanted
    assert told["files"] == 1 + len(shards) == models_origin.journal.count()
