# SPDX-License-Identifier: Apache-2.0
"""`export` and `import`: models over an air gap, whole, or not at all."""

import copy
import functools
import gzip
import hashlib
import http.server
import io
import json
import os
import shutil
import signal
import subprocess
import tarfile
import threading

import pytest
from client import fetch
from content import Seeded, manifest_json
from origin import Act
from program import clean_environment, wait_until

FOLDER = "/tfjs-models/tiny/"
PATH = FOLDER + "model.json"
SIZES = {"group1-shard1of2.bin": 70_000, "group1-shard2of2.bin": 30_000}
MANIFEST = "MODELHOST.json"


class Carrier:
    """Caches by name, all with tfjs-models at the test's origin, and archives."""

    def __init__(self, modelhost, origin):
        self.modelhost, self.origin = modelhost, origin
        self.home = modelhost.home

    def run(self, *arguments, cache, **options):
        return self.modelhost.run(
            *arguments, "--cache-dir", self.home / cache, *self.modelhost.mirror(self.origin), **options)

    def pull(self, *paths, cache="source"):
        done = self.run("pull", *paths, cache=cache)
        assert done.returncode == 0, done.stderr

    def export(self, *paths, cache="source", to="models.tar"):
        done = self.run("export", *paths, "-o", self.home / to, cache=cache)
        assert (done.returncode, done.stderr) == (0, "")
        return self.home / to

    def import_(self, archive, cache="target", status=0, **options):
        done = self.run("import", archive, cache=cache, **options)
        assert done.returncode == status, done.stderr
        return done

    def serve(self, cache, **settings):
        return self.modelhost.start(origin=self.origin, cache=self.home / cache, settings=settings)

    def objects(self, cache):
        return tree(self.home / cache / "objects")

    def staged(self, cache):
        return sorted(path.name for path in (self.home / cache / "partial").iterdir())

    def listed(self, cache):
        return {model["path"]: model["state"]
                for model in json.loads(self.run("list", "--json", cache=cache).stdout)["models"]}


def tree(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def carrier(modelhost, origin):
    return Carrier(modelhost, origin)


@pytest.fixture
def model(make_model):
    return make_model(SIZES)


@pytest.fixture
def archive(carrier, model):
    """The small model in an archive; its cache is "source"."""
    carrier.pull(PATH)
    return carrier.export(PATH)


def share_a_shard(origin, seed="one"):
    folder = "/tfjs-models/shared/"
    origin.add(folder + "w.bin", Seeded(seed, 1000))
    for name in ("model-stride8.json", "model-stride16.json"):
        origin.add(folder + name, manifest_json({"w.bin": 1000}, userDefinedMetadata={"name": name}))
    return [folder + "model-stride8.json", folder + "model-stride16.json"]


# --- there and back ---


@pytest.mark.parametrize("source", ["alone", "by a server"])
@pytest.mark.parametrize("target", ["alone", "by a server"])
def test_there_and_back(carrier, model, origin, source, target):
    carrier.pull(PATH)
    if source == "by a server":
        carrier.serve("source").wait_complete(PATH)
    archive = carrier.export(PATH)
    server = carrier.serve("target") if target == "by a server" else None
    origin.journal.clear()
    done = carrier.import_(archive)
    assert done.stdout == f"imported {PATH} (3 files, 98.0 KiB)\n"
    assert carrier.objects("target") == carrier.objects("source")
    assert carrier.staged("target") == []
    server = server or carrier.serve("target", **{"cache.offline": "on"})
    for path in model.paths:
        got = server.get(path)
        assert (got.status, got.body) == (200, model.contents[path].all())
        assert got.header("X-Cache") in ("HIT", "OFFLINE")
    assert origin.journal.entries() == []
    assert carrier.run("verify", cache="target").returncode == 0


def test_json(carrier, model, archive):
    done = carrier.run("export", PATH, "-o", "again.tar", "--json", cache="source", cwd=carrier.home)
    assert json.loads(done.stdout) == {
        "archive": "again.tar", "bytes": sum(model.contents[path].size for path in model.paths),
        "files": sorted(path[1:] for path in model.paths)}
    done = carrier.run("import", archive, "--json", cache="target")
    assert [(row["path"], row["files"]) for row in json.loads(done.stdout)["models"]] == [(PATH, 3)]


def test_the_same_models_give_the_same_bytes(carrier, origin, make_model):
    paths = [make_model(SIZES, folder=f"/tfjs-models/{name}/").path for name in "ab"]
    carrier.pull(*paths)
    carrier.pull(*reversed(paths), cache="elsewhere")
    first = carrier.export(*paths)
    again = carrier.export(*reversed(paths), cache="elsewhere", to="again.tar")
    assert again.read_bytes() == first.read_bytes()
    carrier.import_(first)
    assert carrier.export(*paths, cache="target", to="third.tar").read_bytes() == first.read_bytes()


def test_a_shared_shard_is_there_once(carrier, origin):
    paths = share_a_shard(origin)
    carrier.pull(*paths)
    with tarfile.open(carrier.export(*paths)) as tar:
        assert tar.getnames() == [MANIFEST, *(f"tfjs-models/shared/{name}" for name in (
            "model-stride16.json", "model-stride8.json", "w.bin"))]
    carrier.import_(carrier.home / "models.tar")
    assert carrier.listed("target") == dict.fromkeys(paths, "complete")


def test_names_that_are_long_odd_or_asked_for_with_a_query(carrier, origin):
    folder = "/tfjs-models/" + "/".join(letter * 120 for letter in "abc") + "/%C3%A9t%C3%A9%20%25/"
    origin.add(folder + "w.bin?v=1", b"\x01" * 1000)
    origin.add(folder + "model.json?v=1", manifest_json({"w.bin": 1000}))
    carrier.pull(folder + "model.json?v=1")
    archive = carrier.export(folder + "model.json?v=1")
    carrier.import_(archive)
    assert carrier.objects("target") == carrier.objects("source")
    assert carrier.listed("target") == {folder + "model.json?v=1": "complete"}
    unpacked = carrier.home / "unpacked"
    unpacked.mkdir()
    subprocess.run(["tar", "xf", archive, "-C", unpacked], check=True, env={"PATH": os.environ["PATH"]})
    (unpacked / MANIFEST).unlink()
    assert tree(unpacked) == carrier.objects("source")


def test_a_name_too_long_for_a_file(carrier, origin):
    path = "/tfjs-models/" + "x" * 250 + "/weights.bin"
    origin.add(path, b"\x02" * 1000)
    carrier.pull(path)
    carrier.import_(carrier.export(path))
    assert carrier.objects("target") == carrier.objects("source")
    assert carrier.serve("target", **{"cache.offline": "on"}).get(path).body == b"\x02" * 1000


def test_standard_output_and_input(carrier, archive):
    program = str(carrier.modelhost.program)
    where = ["--cache-dir", str(carrier.home / "source"), *carrier.modelhost.mirror(carrier.origin)]
    done = subprocess.run([program, "export", PATH, "-o", "-", *where], capture_output=True, check=True,
                          env=clean_environment(carrier.home), timeout=60)
    assert (done.stdout, done.stderr) == (archive.read_bytes(), b"")
    where[1] = str(carrier.home / "target")
    done = subprocess.run([program, "import", "-", *where], input=archive.read_bytes(), check=False,
                          env=clean_environment(carrier.home), capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
    assert carrier.listed("target") == {PATH: "complete"}
    refused = carrier.run("export", PATH, "-o", "-", "--json", cache="source")
    assert refused.returncode == 2 and "both" not in refused.stdout and "report" in refused.stderr


@pytest.mark.parametrize("name", ["/dev/stdout", "/proc/self/fd/1"])
def test_standard_output_by_another_name(carrier, archive, name):
    """Written to and not replaced, pipe or file, and nothing but the archive goes there."""
    command = [str(carrier.modelhost.program), "export", PATH, "-o", name, "--cache-dir", str(carrier.home / "source"),
               *carrier.modelhost.mirror(carrier.origin)]
    done = subprocess.run(command, capture_output=True, check=True, env=clean_environment(carrier.home), timeout=60)
    assert done.stdout == archive.read_bytes()
    if name != "/dev/stdout":  # that would be replaced on the machine of who sees this fail
        with open(carrier.home / "redirected.tar", "wb") as file:
            subprocess.run(command, stdout=file, check=True, env=clean_environment(carrier.home), timeout=60)
        assert (carrier.home / "redirected.tar").read_bytes() == archive.read_bytes()


def test_what_is_no_file_is_written_to(carrier, archive):
    pipe = carrier.home / "pipe"
    os.mkfifo(pipe)
    got = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()), daemon=True)
    reader.start()
    assert carrier.run("export", PATH, "-o", pipe, cache="source").returncode == 0
    reader.join(60)
    assert got == [archive.read_bytes()] and pipe.is_fifo()


def test_a_catalog_name(modelhost, models_origin):
    carrier = Carrier(modelhost, models_origin)
    words = ("bodypix", "--architecture", "MobileNetV1", "--multiplier", "0.5", "--quant-bytes", "2",
             "--output-stride", "16")
    carrier.pull(*words)
    with tarfile.open(carrier.export(*words)) as tar:
        assert len(tar.getnames()) == 3


# --- any static server ---


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def test_unpacked_any_static_server_serves_it(carrier, model, archive, tmp_path):
    site = tmp_path / "site"
    site.mkdir()
    subprocess.run(["tar", "xf", archive, "-C", site], check=True)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=site)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for path in model.paths:
            got = fetch(server.server_address[1], path, "GET", (), 20.0)
            assert (got.status, got.body) == (200, model.contents[path].all())
        server.shutdown()


def test_entries_tell_nothing_of_who_packed_them(archive):
    with tarfile.open(archive) as tar:
        members = tar.getmembers()
    assert {(m.uid, m.gid, m.uname, m.gname, m.mode) for m in members} == {(0, 0, "", "", 0o644)}
    assert members[0].name == MANIFEST


def test_new_content_of_the_same_length_bears_another_time(carrier, origin):
    times = []
    for seed in ("one", "two"):
        origin.add("/tfjs-models/w.bin", Seeded(seed, 1000))
        origin.script("/tfjs-models/w.bin", Act(headers={"Last-Modified": None}))
        carrier.pull("/tfjs-models/w.bin", cache=seed)
        with tarfile.open(carrier.export("/tfjs-models/w.bin", cache=seed)) as tar:
            times.append(tar.getmember("tfjs-models/w.bin").mtime)
    assert times[0] != times[1]


# --- what is not exported ---


def test_an_incomplete_model_is_refused_by_what_it_lacks(carrier, archive):
    before = archive.read_bytes()
    for folder, suffix in (("objects", ""), ("meta", ".json")):
        (carrier.home / "source" / folder / f"tfjs-models/tiny/group1-shard2of2.bin{suffix}").unlink()
    done = carrier.run("export", PATH, "-o", archive, cache="source")
    assert done.returncode == 3
    assert f"'{PATH}' is incomplete: 1 of its 3 files is missing ('{FOLDER}group1-shard2of2.bin')" in done.stderr
    assert archive.read_bytes() == before
    assert list(carrier.home.glob("*.part-*")) == []


def test_damaged_bytes_are_not_exported(carrier, archive):
    before = archive.read_bytes()
    file = carrier.home / "source/objects/tfjs-models/tiny/group1-shard1of2.bin"
    stat = file.stat()
    file.write_bytes(b"!" + file.read_bytes()[1:])
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    done = carrier.run("export", PATH, "-o", archive, cache="source")
    assert done.returncode == 5
    assert "group1-shard1of2.bin' is damaged" in done.stderr and "expected sha256" in done.stderr
    assert archive.read_bytes() == before and list(carrier.home.glob("*.part-*")) == []


def test_a_file_changed_from_outside_is_not_exported(carrier, archive):
    (carrier.home / "source/objects/tfjs-models/tiny/group1-shard1of2.bin").write_bytes(b"short")
    done = carrier.run("export", PATH, "-o", archive, cache="source")
    assert done.returncode == 5 and "changed from outside" in done.stderr


@pytest.mark.parametrize("path, status, said", [
    ("/tfjs-models/none/model.json", 3, "is not in the cache"),
    (FOLDER + "group1-shard1of2.bin", 2, f"is a file of the model '{PATH}'"),
    ("/elsewhere/model.json", 3, "no mirror leads to"),
])
def test_what_cannot_be_exported(carrier, archive, path, status, said):
    done = carrier.run("export", path, "-o", "x.tar", cache="source", cwd=carrier.home)
    assert done.returncode == status and said in done.stderr
    assert not (carrier.home / "x.tar").exists()


def test_where_to_must_be_said(carrier):
    done = carrier.run("export", PATH, cache="source")
    assert done.returncode == 2 and "-o FILE.tar" in done.stderr


# --- hostile archives ---


class Archive:
    """An archive taken apart, to be put together again wrongly."""

    def __init__(self, file):
        with tarfile.open(file) as tar:
            self.entries = [[copy.copy(m), tar.extractfile(m).read()] for m in tar.getmembers()]
        self.cargo = json.loads(self.entries[0][1])

    def entry(self, end):
        return next(entry for entry in self.entries if entry[0].name.endswith(end))

    def row(self, end):
        return next(row for row in self.cargo["files"] if row["path"].endswith(end))

    def put(self, end, data):
        """Other bytes, with a manifest that is right about them."""
        self.entry(end)[1] = data
        self.row(end).update(bytes=len(data), sha256=hashlib.sha256(data).hexdigest())

    def add(self, name, data=b"", **members):
        info = tarfile.TarInfo(name)
        for key, value in members.items():
            setattr(info, key, value)
        self.entries.append([info, data])

    def bytes(self):
        self.entry(MANIFEST)[1] = json.dumps(self.cargo).encode()
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for info, data in self.entries:
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data) if info.isreg() else None)
        return out.getvalue()


SHARD = "shard2of2.bin"


def rename(archive, name):
    archive.entry(SHARD)[0].name = name


def as_link(kind):
    def change(archive):
        info = archive.entry(SHARD)[0]
        info.type, info.linkname = kind, "/etc/passwd"
        archive.entry(SHARD)[1] = b""
    return change


def flip(archive):
    entry = archive.entry(SHARD)
    entry[1] = entry[1][:-1] + bytes([entry[1][-1] ^ 1])


def drop(archive):
    archive.entries.remove(archive.entry(SHARD))


def drop_from_both(archive):
    drop(archive)
    archive.cargo["files"].remove(archive.row(SHARD))


def twice(archive):
    archive.entries.append(archive.entry(SHARD))


def row_twice(archive):
    archive.cargo["files"].append({**archive.row(SHARD), "path": "tfjs-models/%/" + "0" * 64})
    archive.add("tfjs-models/%/" + "0" * 64, archive.entry(SHARD)[1])


def shorter(archive):
    archive.put(SHARD, archive.entry(SHARD)[1][:-1])


def set_row(**members):
    return lambda archive: archive.row(SHARD).update(members)


def set_cargo(**members):
    return lambda archive: archive.cargo.update(members)


def move_both(path):
    def change(archive):
        rename(archive, path)
        archive.row(SHARD)["path"] = path
    return change


HOSTILE = {
    "an absolute path": (lambda a: rename(a, "/tmp/evil"), 5, "none that its MODELHOST.json names"),
    "a path that climbs": (lambda a: rename(a, "tfjs-models/../../evil"), 5, "none that its"),
    "a climbing path in the manifest": (move_both("tfjs-models/../../evil"), 5, "not plainly below"),
    "an absolute path in the manifest": (move_both("/tmp/evil"), 5, "not plainly below"),
    "a NUL in the manifest": (move_both("tfjs-models/a\0b"), 5, "MODELHOST.json"),
    "a file of another name": (move_both("tfjs-models/tiny/other.bin"), 5, "claims to be"),
    "a target that climbs": (set_row(target="tiny/../../etc/passwd"), 5, "target that no file can have"),
    "a symbolic link": (as_link(tarfile.SYMTYPE), 5, "is a link or a device"),
    "a hard link": (as_link(tarfile.LNKTYPE), 5, "is a link or a device"),
    "a device": (as_link(tarfile.CHRTYPE), 5, "is a link or a device"),
    "a pipe": (as_link(tarfile.FIFOTYPE), 5, "is a link or a device"),
    "an entry twice": (twice, 5, "is there twice"),
    "an object twice": (row_twice, 5, "twice"),
    "a file too many": (lambda a: a.add("tfjs-models/tiny/more.bin", b"x"), 5, "none that its"),
    "a file too few": (drop, 5, "ends without the file 'tfjs-models/tiny/group1-shard2of2.bin'"),
    "half a model": (drop_from_both, 5, "lacks the file 'tiny/group1-shard2of2.bin'"),
    "a flipped bit": (flip, 5, "is damaged"),
    "a wrong length": (set_row(bytes=29_999), 5, "wrong length"),
    "a wrong sum": (shorter, 5, "wrong length together"),
    "a page in place of a shard": (
        lambda a: a.put(SHARD, b"<!doctype html><html>".ljust(30_000)), 5, "an HTML page in place of"),
    "a page in place of a manifest": (lambda a: a.put("model.json", b"<html></html>"), 5, "in place of"),
    "a manifest that is none": (lambda a: a.put("model.json", b"{}"), 5, "not what it should be"),
    "a manifest that climbs": (
        lambda a: a.put("model.json", manifest_json({"../../../x.bin": 100_000})), 5, "not what it should be"),
    "a manifest that comes second": (lambda a: a.entries.append(a.entries.pop(0)), 5, "does not begin with"),
    "another JSON": (set_cargo(format="other"), 5, "is not one that"),
    "a newer version": (set_cargo(version=2), 1, "newer modelhost"),
    "an unknown mirror": (
        lambda a: [row.update(path=row["path"].replace("tfjs-models/", "mine/"))
                   for row in a.cargo["files"]] and [
            setattr(entry[0], "name", entry[0].name.replace("tfjs-models/", "mine/")) for entry in a.entries],
        2, "add `--mirror mine=http://127.0.0.1:"),
    "more than any disk holds": (set_row(bytes=1 << 52), 1, "free"),
    "a header in a validator": (set_row(etag='"x"\r\nX-Evil: 1'), 5, "control byte"),
}


@pytest.mark.parametrize("where", ["alone", "by a server"])
def test_hostile_archives(carrier, archive, where):
    """None brings anything in, and each is refused with a sentence of its own."""
    if where == "by a server":
        carrier.serve("target")
    else:
        carrier.run("list", cache="target")
    evil = carrier.home / "evil.tar"
    for name, (change, status, said) in HOSTILE.items():
        taken = Archive(archive)
        change(taken)
        evil.write_bytes(taken.bytes())
        done = carrier.run("import", evil, cache="target")
        assert (done.returncode, said in done.stderr) == (status, True), f"{name}: {done.stderr}"
        assert (carrier.objects("target"), carrier.staged("target")) == ({}, []), name


@pytest.mark.parametrize("size", [0, 1, 511, 512, 1536, 5000, 60_000])
def test_cut_archives(carrier, archive, size):
    archive.write_bytes(archive.read_bytes()[:size])
    done = carrier.import_(archive, status=5)
    assert "import '" in done.stderr
    assert (carrier.objects("target"), carrier.staged("target")) == ({}, [])


def test_what_is_no_archive(carrier, tmp_path):
    (tmp_path / "noise.tar").write_bytes(os.urandom(100_000))
    assert "no whole tar archive" in carrier.import_(tmp_path / "noise.tar", status=5).stderr
    assert "No such file" in carrier.import_(tmp_path / "none.tar", status=3).stderr
    carrier.import_(tmp_path, status=1)


def test_gzip_and_packed_again(carrier, archive, tmp_path):
    """What people do to archives on their way: compress them, unpack and pack them again."""
    packed = tmp_path / "models.tar.gz"
    packed.write_bytes(gzip.compress(archive.read_bytes()))
    carrier.import_(packed, cache="first")
    site = tmp_path / "site"
    site.mkdir()
    subprocess.run(["tar", "xf", archive, "-C", site], check=True)
    again = tmp_path / "again.tar"
    subprocess.run(["tar", "cf", again, "-C", site, f"./{MANIFEST}", "./tfjs-models"], check=True)
    carrier.import_(again, cache="second")
    assert carrier.objects("first") == carrier.objects("second") == carrier.objects("source")


def test_an_archive_larger_than_the_cache_may_be(carrier, archive):
    done = carrier.run("import", archive, "--set", "cache.max_size=64KiB", cache="target")
    assert done.returncode == 1 and "max_size" in done.stderr
    assert carrier.objects("target") == {}


def test_what_came_in_is_not_the_first_to_go(carrier, origin, archive, make_model):
    """Where there is not room for both, what was there before makes room."""
    old = make_model({"w.bin": 120_000}, folder="/tfjs-models/old/")
    carrier.pull(old.path, cache="target")
    done = carrier.run("import", archive, "--set", "cache.max_size=150KiB", "--set", "cache.settle=0s",
                       cache="target")
    assert (done.returncode, done.stderr) == (0, "")
    assert carrier.listed("target") == {PATH: "complete"}


# --- what is there already ---


def change(origin, seed, sizes):
    """Another version of the small model at the origin."""
    for name, size in sizes.items():
        origin.add(FOLDER + name, Seeded(seed + name, size))
    origin.add(PATH, manifest_json(sizes, userDefinedMetadata={"version": seed}))


@pytest.fixture
def newer(carrier, origin, archive):
    """The cache "target" has the archive's version; this is an archive with a newer one."""
    carrier.import_(archive)
    change(origin, "new", {"other.bin": 50_000})
    carrier.pull(PATH, cache="newer")
    return carrier.export(PATH, cache="newer", to="newer.tar")


def test_the_same_files_stay(carrier, archive):
    carrier.import_(archive)
    before = {path: path.stat().st_mtime_ns for path in (carrier.home / "target").rglob("*.bin")}
    assert len(before) == 2
    assert carrier.import_(archive).stdout.startswith(f"imported {PATH}")
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert carrier.staged("target") == []


@pytest.mark.parametrize("where", ["alone", "by a server"])
def test_other_versions_are_replaced_as_a_set(carrier, newer, where):
    """What only the old version named goes with it."""
    server = carrier.serve("target", **{"cache.settle": "10ms"}) if where == "by a server" else None
    carrier.import_(newer)
    assert carrier.objects("target") == carrier.objects("newer")
    assert carrier.run("verify", cache="target").returncode == 0
    if server:
        assert server.get(PATH).body == carrier.objects("newer")[PATH[1:]]


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_nothing_is_switched_under_a_client_that_is_loading(carrier, model, newer, end):
    """It has the manifest, and gets that version's shards; the import waits, and the server's end, of
    either kind, is its end: the old version is there, whole, and nothing is left of the new one."""
    server = carrier.serve("target", **{"cache.settle": "1h", "cache.settle_max": "1h"})
    assert server.get(PATH).body == model.contents[PATH].all()
    process = subprocess.Popen(
        [str(carrier.modelhost.program), "import", str(newer), "--cache-dir", str(server.cache),
         *carrier.modelhost.mirror(carrier.origin)],
        env=clean_environment(carrier.home), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: sum(name.endswith(".part") for name in carrier.staged("target")) == 2,
               "the new version is staged")
    for path in model.paths:
        assert server.get(path).body == model.contents[path].all()
    server.stop() if end == "stop" else server.kill()
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 1, said
    assert carrier.objects("target") == carrier.objects("source")
    assert carrier.run("verify", cache="target").returncode == 0
    assert carrier.staged("target") == []


def test_a_cached_model_that_shares_a_changed_file_is_in_the_way(carrier, origin):
    eight, sixteen = share_a_shard(origin)
    carrier.pull(eight, cache="target")
    before = carrier.objects("target")
    share_a_shard(origin, "two")
    carrier.pull(sixteen)
    done = carrier.import_(carrier.export(sixteen), status=1)
    assert f"the cached model '{eight}' shares '/tfjs-models/shared/w.bin'" in done.stderr
    assert (carrier.objects("target"), carrier.staged("target")) == (before, [])


def test_a_cached_model_that_shares_the_same_file_is_not(carrier, origin):
    eight, sixteen = share_a_shard(origin)
    carrier.pull(eight, cache="target")
    carrier.pull(sixteen)
    carrier.import_(carrier.export(sixteen))
    assert carrier.listed("target") == {eight: "complete", sixteen: "complete"}


def test_a_remembered_404_does_not_hide_it(carrier, origin, archive, model):
    server = carrier.serve("target")
    for path in model.paths:
        origin.remove(path)
        assert server.get(path).status == 404
    carrier.import_(archive)
    for path in model.paths:
        assert server.get(path).status == 200


# --- ends that come early ---


def test_a_killed_import_leaves_nothing_that_counts(carrier, archive):
    text = archive.read_bytes()
    process = subprocess.Popen(
        [str(carrier.modelhost.program), "import", "-", "--cache-dir", str(carrier.home / "target"),
         *carrier.modelhost.mirror(carrier.origin)],
        env=clean_environment(carrier.home), stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    process.stdin.write(text[: len(text) // 2])
    process.stdin.flush()
    partial = carrier.home / "target/partial"
    wait_until(lambda: partial.is_dir() and list(partial.glob("import-*/0")), "the archive is being unpacked")
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    assert carrier.objects("target") == {}
    left = carrier.staged("target")
    assert len(left) == 1
    shutil.copytree(partial / left[0], partial / ("import-" + "0" * 32))
    assert carrier.listed("target") == {}
    assert carrier.staged("target") == []
    carrier.import_(archive)
    assert carrier.objects("target") == carrier.objects("source")


def test_an_interrupted_export_leaves_no_file(carrier, archive):
    """A pipe that nobody reads to the end: the archive cannot be written."""
    pipe = carrier.home / "pipe"
    os.mkfifo(pipe)
    process = subprocess.Popen(
        [str(carrier.modelhost.program), "export", PATH, "-o", str(pipe), "--cache-dir",
         str(carrier.home / "source"), *carrier.modelhost.mirror(carrier.origin)],
        env=clean_environment(carrier.home), stderr=subprocess.PIPE, text=True)
    with open(pipe, "rb") as reader:
        reader.read(1024)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 1 and "Broken pipe" in said


# --- who may ---


@pytest.mark.parametrize("action", ["export", "import"])
def test_only_over_the_control_socket(server, action):
    got = server.fetch(f"/-/api/{action}", "POST", {"Content-Type": "application/json"}, body=b"{}")
    assert got.status == 404


@pytest.mark.parametrize("stage", ["../objects", "import-x", "import-" + "0" * 32, 7])
def test_a_stage_that_is_none(carrier, stage):
    server = carrier.serve("target")
    done = subprocess.run(
        ["curl", "-s", "--unix-socket", server.cache / "control", "http://x/-/api/import",
         "-d", json.dumps({"stage": stage})], capture_output=True, text=True, check=True)
    answer = json.loads(done.stdout)
    code = answer["failure"]["code"] if "failure" in answer else answer["status"]
    assert code in ("bad-input", "not-found", 400)


@pytest.mark.parametrize("command", ["export", "import"])
def test_help_has_examples(modelhost, command):
    assert f"modelhost {command} " in modelhost.run(command, "--help").stdout
