# SPDX-License-Identifier: Apache-2.0
"""Power lost at any moment of a first pull and of a refresh: what a start then makes of the cache.

The program runs once with tests/torture/record.c before libc; power.py makes from the recording what
a power loss could have left, and the program is started on that. A sample of the moments is tried,
from a seed that is printed (MODELHOST_TEST_SEED); all of them with MODELHOST_TEST_LONG.
"""

import copy
import gzip
import itertools
import os
import random
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import power
import pytest
from content import Bytes, Seeded, manifest_json
from origin import Act
from program import binary, wait_until

SAMPLE = None if os.environ.get("MODELHOST_TEST_LONG") else 15  # moments of each kind
SEED = int(os.environ.get("MODELHOST_TEST_SEED") or random.SystemRandom().randrange(10**6))
LANES = 3
FOLDER = "/tfjs-models/power/deep/"
MANIFEST = FOLDER + "model.json"
LARGE = 17 << 20  # the note of a transfer says what is sure every 16 MiB
SETTINGS = {"cache.settle": "1ms", "cache.min_free": "0"}
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@pytest.fixture
def record_lib(modelhost):
    if modelhost.sanitizer:
        pytest.skip("a sanitizer wants to stand first before libc: run the power tests without")
    path = Path(binary()).parent / "tests" / "torture" / "librecord.so"
    if not path.exists():
        pytest.skip(f"'{path}' is not built: configure with -Dtests=true")
    return path


def add_version(origin, number, *sizes):
    """{path: bytes}: a version of the model, at the origin. The last shard has a folder of its own."""
    names = [f"shard{i + 1}.bin" for i in range(len(sizes) - 1)] + [f"only{number}/last.bin"]
    shards = {name: size + number for name, size in zip(names, sizes)}
    files = {FOLDER + name: Seeded(f"{name} {number}", size) for name, size in shards.items()}
    text = manifest_json(shards, userDefinedMetadata={"version": number, "padding": "model " * 1000})
    origin.add_all({**files, MANIFEST: Bytes(text)})
    return {MANIFEST: text, **{path: content.all() for path, content in files.items()}}


class Recording:
    """One run of the program on its cache: what was there before, and all that was done."""

    def __init__(self, modelhost, origin, record_lib, work):
        self.cache = modelhost.cache
        log = modelhost.home / "record.log"
        self.cache.mkdir(exist_ok=True)
        self.before = power.Disk(self.cache)
        env = {
            "LD_PRELOAD": str(record_lib),
            "MODELHOST_RECORD_ROOT": str(self.cache.resolve()),
            "MODELHOST_RECORD_LOG": str(log),
        }
        settings = {**SETTINGS, "mirror tfjs-models.revalidate": "always"}
        server = modelhost.start(origin=origin, env=env, settings=settings)
        work(server)
        server.wait_idle()
        server.stop()
        self.steps = power.read_log(log)
        self.check_whole()
        self.change_boot()

    def check_whole(self):
        """All that was done was written down: the last state is what is really there."""
        disk = copy.deepcopy(self.before)
        for step in self.steps:
            disk.apply(step)
        real = {str(path.relative_to(self.cache)): path.read_bytes() for path in self.cache.rglob("*") if path.is_file()}
        assert disk.now() == real
        assert any(step.operation == power.SYNC_FILE for step in self.steps)
        assert any(step.operation == power.SYNC_DIRECTORY for step in self.steps)

    def change_boot(self):
        """Power comes back with another boot."""
        boot = BOOT_ID.read_bytes().strip()
        other = boot.translate(bytes.maketrans(b"0123456789abcdef", b"123456789abcdef0"))
        for step in self.steps:
            step.data = step.data.replace(boot, other)


class Trial:
    """Starts the program on states, side by side, and counts what it met."""

    def __init__(self, modelhost, before, steps):
        self.modelhost = modelhost
        self.states = list(power.states(before, steps))
        self.counts = {}
        self.lock = threading.Lock()

    def chosen(self, rng):
        """A sample: the end of each way, publishes under way, and others."""
        if SAMPLE is None:
            return self.states
        ends = {way: state for state in self.states for way in [state[1]]}
        halves = [state for state in self.states if is_publishing(state[2]) and state not in ends.values()]
        others = [state for state in self.states if not is_publishing(state[2]) and state not in ends.values()]
        names = [state for state in halves if state[1] == "names-lost"]
        halves = [state for state in halves if state[1] != "names-lost"]
        return [
            *ends.values(),
            *rng.sample(names, min(len(names), SAMPLE)),
            *rng.sample(halves, min(len(halves), SAMPLE)),
            *rng.sample(others, min(len(others), SAMPLE)),
        ]

    def run(self, check):
        print(f"\nMODELHOST_TEST_SEED={SEED}, {len(self.states)} moments")
        numbers = itertools.count()
        failures = []

        def one(state):
            number, way, left = state
            if failures:
                return
            cache = self.modelhost.home / f"lost{next(numbers)}"
            cache.mkdir()
            power.build(left, cache)
            try:
                found = check(cache)
                with self.lock:
                    self.counts[found] = self.counts.get(found, 0) + 1
            except BaseException as error:
                said = [line for server in self.modelhost.servers() if server.cache == cache for line in server.stderr.all()]
                print(f"after step {number}, {way}, in '{cache}'", *sorted(left), *said, sep="\n")
                failures.append(error)
            else:
                shutil.rmtree(cache)

        with ThreadPoolExecutor(LANES) as pool:
            list(pool.map(one, self.chosen(random.Random(SEED))))
        print(self.counts)
        if failures:
            raise failures[0]
        return self.counts


def start(modelhost, origin, cache, **settings):
    server = modelhost.start(origin=origin, cache=cache, settings={**SETTINGS, **settings})
    server.allow_stderr("")
    return server


def is_publishing(left):
    """Is a publish begun, as far as the disk knows, and maybe not done?"""
    return any(path.startswith("journal/") and path.endswith(".json") for path in left)


def failed(server):
    """{code} of what verify finds wrong."""
    reply = server.fetch("/-/api/verify", "POST", {"Content-Type": "application/json"}, body=b'{"what": []}')
    assert reply.status == 200, reply.body
    return {model["failure"]["code"] for model in reply.json()["models"] if "failure" in model}


def check_get(server, wanted, may_be_absent=False):
    """Every file is the one that is wanted, or is not there. Returns how many are."""
    found = 0
    for path, body in wanted.items():
        reply = server.get(path)
        if may_be_absent and reply.status == 504:
            continue
        assert (reply.status, reply.body == body) == (200, True), f"{path}: {reply.status}, {len(reply.body)} bytes"
        found += 1
    zipped = server.get(MANIFEST, headers={"Accept-Encoding": "gzip"})
    assert zipped.status == 504 or unzip(zipped) == wanted[MANIFEST]
    return found


def unzip(reply):
    return gzip.decompress(reply.body) if reply.header("Content-Encoding") == "gzip" else reply.body


def test_power_loss_in_a_pull(modelhost, origin, record_lib):
    """Whatever is there is right, and a pull makes the rest of it."""
    files = add_version(origin, 1, LARGE, 5000, 300, 70_000)
    origin.script(FOLDER + "shard1.bin", Act(piece=1 << 20))

    def pull(server):
        check_get(server, files)
        server.wait_complete(MANIFEST)

    recording = Recording(modelhost, origin, record_lib, pull)

    def check(cache):
        server = start(modelhost, origin, cache, **{"cache.offline": "on"})
        assert failed(server) <= {"not-found"}
        found = check_get(server, files, may_be_absent=True)
        is_whole = found == len(files)
        assert is_whole == (not failed(server) and found > 0)
        server.stop()
        if not is_whole:
            server = start(modelhost, origin, cache, **{"mirror tfjs-models.revalidate": "never"})
            check_get(server, files)
            server.wait_complete(MANIFEST)
            server.wait_idle()
            assert not failed(server)
            server.stop()
        return "whole" if is_whole else "part" if found else "nothing"

    counts = Trial(modelhost, recording.before, recording.steps).run(check)
    assert counts.get("whole") and counts.get("nothing"), counts


@pytest.fixture
def refresh(modelhost, origin, record_lib):
    """(the recording of a refresh, a check that gives "old" or "new", whatever is there is whole)."""
    old = add_version(origin, 1, 90_000, 5000, 300, 70_000)
    server = modelhost.start(origin=origin, settings=SETTINGS)
    check_get(server, old)
    server.wait_complete(MANIFEST)
    server.stop()
    new = add_version(origin, 2, 90_000, 5000, 300, 50_000)

    def work(server):
        def is_new():
            if server.object_bytes(MANIFEST) == new[MANIFEST]:
                return True
            if not server.flights():
                server.get(MANIFEST)
            return False

        wait_until(is_new, "the new version", 20 * server.patience)

    def check(cache):
        server = start(modelhost, origin, cache, **{"cache.offline": "on"})
        assert not failed(server)
        is_new = server.get(MANIFEST).body == new[MANIFEST]
        check_get(server, new if is_new else old)
        server.stop()
        return "new" if is_new else "old"

    return Recording(modelhost, origin, record_lib, work), check


def test_power_loss_in_a_refresh(modelhost, refresh):
    """The old model or the new one, whole; both are met."""
    recording, check = refresh
    counts = Trial(modelhost, recording.before, recording.steps).run(check)
    assert counts.get("old") and counts.get("new"), counts


@pytest.mark.parametrize("folder", ["partial/", "journal/"])
def test_a_sync_that_lacks_is_found(modelhost, refresh, folder):
    """Without those of files in the recording, some start finds what must not be: the test above can fail."""
    recording, check = refresh
    steps = [step for step in recording.steps
             if step.operation != power.SYNC_FILE or not step.path.startswith(folder)]
    assert len(steps) < len(recording.steps)
    with pytest.raises(AssertionError):
        Trial(modelhost, recording.before, steps).run(check)
    for server in modelhost.servers():
        server.kill()
