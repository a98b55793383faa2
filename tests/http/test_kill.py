# SPDX-License-Identifier: Apache-2.0
"""kill -9 at random moments of pulls and refreshes of a model of 23 shards.

Half of the ends are a SIGKILL at a random time, half come at a random call that changes the disk
(tests/torture/crash.c), which finds the short moments too. After each: what is served is wholly old
or wholly new, it verifies, and a pull goes on without fetching again what was on disk.
MODELHOST_TEST_SEED and MODELHOST_TEST_LONG are as in test_random.py.
"""

import collections
import json
import os
import random
import shutil
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from client import Cut
from content import Seeded, manifest_json
from origin import Act
from program import binary, wait_until

KILLS = 500 if os.environ.get("MODELHOST_TEST_LONG") else 50
SEED = int(os.environ.get("MODELHOST_TEST_SEED") or random.SystemRandom().randrange(10**6))
LANES = 3
LARGE, SMALL = 3, 20  # shards that are worth resuming, and others
SETTINGS = {"cache.settle": "1ms", "cache.min_free": "0"}
LONGEST_S = {"pull": 0.35, "refresh": 1.6}  # a switch comes with the tick of a second
CALLS = {"pull": 450, "refresh": 700}
CRASHED = 99


class Lane:
    """A model, a cache, and one server after another on it."""

    def __init__(self, modelhost, origin, number, crash_lib):
        self.modelhost, self.origin, self.crash_lib = modelhost, origin, crash_lib
        self.rng = random.Random(f"{SEED} {number}")
        self.folder = f"/tfjs-models/lane{number}/"
        self.cache = modelhost.home / f"lane{number}"
        self.version = 0
        self.counts = collections.Counter()
        self.log = []
        self.change()

    def change(self):
        """Another version of all files, of other lengths: no mixture has the right sums."""
        self.version += 1
        sizes = {f"group1-shard{i + 1}of23.bin": (1_200_000 if i < LARGE else 6_000) + 100 * i + self.version
                 for i in range(LARGE + SMALL)}
        made = {self.folder + name: Seeded(f"{self.folder}{name} {self.version}", size) for name, size in sizes.items()}
        self.manifest = self.folder + "model.json"
        text = manifest_json(sizes, userDefinedMetadata={"version": self.version})
        self.old = getattr(self, "new", None)
        self.new = {self.manifest: text, **{path: content.all() for path, content in made.items()}}
        self.origin.add(self.manifest, text)
        for path, content in made.items():
            self.origin.add(path, content)
            if content.size > 10**6:  # a link that takes a moment
                self.origin.script(path, Act(piece=40_000, pace=0.002))

    def start(self, victim=None, **settings):
        """A server; with `victim`, one that may end at a call."""
        env = {"LD_PRELOAD": str(self.crash_lib), "MODELHOST_CRASH_AT": str(victim)} if victim else {}
        server = self.modelhost.start(origin=self.origin, cache=self.cache, wait=False, env=env,
                                      settings={**SETTINGS, **settings})
        server.allow_stderr("")
        return server

    def end(self, kind):
        """Begin a pull or a refresh, and end the process in the middle of it."""
        by_call = self.crash_lib and self.rng.random() < 0.5
        at = self.rng.randrange(1, CALLS[kind]) if by_call else None
        seconds = self.rng.uniform(0, LONGEST_S[kind])
        self.log.append(f"{kind} of version {self.version}, killed at {f'call {at}' if at else f'{seconds:.3f} s'}")
        server = self.start(at, **{"mirror tfjs-models.revalidate": "always"})
        try:
            server.wait_ready()
            server.get(self.manifest)
        except (AssertionError, Cut, OSError):
            assert at, "it ended by itself"
        try:
            server.process.wait(2 * LONGEST_S[kind] if at else seconds)
            assert server.process.returncode == CRASHED, f"it ended with {server.process.returncode}"
            self.counts[f"{kind}: ended by a call"] += 1
        except subprocess.TimeoutExpired:
            pass
        server.kill()

    def resumable(self):
        """{path: bytes on disk} of the transfers that were noted so that they can be gone on with."""
        found = {}
        for note in (self.cache / "partial").glob("*.json"):
            part = note.with_suffix(".part")
            size = part.stat().st_size if part.exists() else 0
            if size:
                found["/" + json.loads(note.read_text())["url"].split("/", 3)[3]] = size
        return found

    def verify(self, server):
        reply = server.fetch("/-/api/verify", "POST", {"Content-Type": "application/json"}, body=b'{"what": []}')
        assert reply.status == 200, reply.body
        return [model for model in reply.json()["models"] if "failure" in model]

    def kill_a_pull(self):
        shutil.rmtree(self.cache, ignore_errors=True)
        self.end("pull")
        resumable = self.resumable() if (self.cache / "partial").is_dir() else {}
        before = self.origin.journal.entries()
        server = self.start(**{"mirror tfjs-models.revalidate": "never"}).wait_ready()
        published = server.cached_files()
        assert {model["failure"]["code"] for model in self.verify(server)} <= {"not-found"}
        self.check_served(server, self.new)
        server.wait_idle()
        asked = [entry for entry in self.origin.journal.entries()[len(before) :] if entry.path.startswith(self.folder)]
        self.check_asked(asked, published, resumable)
        assert not self.verify(server)
        server.stop()

    def check_asked(self, asked, published, resumable):
        again = [entry.path for entry in asked if entry.path in published]
        assert not again, f"fetched again though published: {again}"
        for entry in asked:
            kept = resumable.get(entry.path, 0)
            if kept:
                last = len(self.new[entry.path]) - 1
                assert entry.header("Range") == f"bytes={min(kept, last)}-", f"{entry.path} with {kept} bytes on disk"
                assert entry.sent <= len(self.new[entry.path]) - min(kept, last)
                self.counts["resumed"] += 1
        self.counts["published before the end"] += len(published)

    def kill_a_refresh(self):
        self.change()
        self.end("refresh")
        server = self.start(**{"mirror tfjs-models.revalidate": "never"}).wait_ready()
        is_new = server.get(self.manifest).body == self.new[self.manifest]
        self.check_served(server, self.new if is_new else self.old)
        assert not self.verify(server)
        server.stop()
        self.counts["new" if is_new else "old"] += 1
        if not is_new:  # the next round changes what is cached now
            self.settle_on_new()

    def settle_on_new(self):
        server = self.start(**{"mirror tfjs-models.revalidate": "always"}).wait_ready()
        manifest = server.cache / "objects" / self.manifest.lstrip("/")

        def is_new():
            if not server.flights() and manifest.exists() and manifest.read_bytes() != self.new[self.manifest]:
                server.get(self.manifest)
            return manifest.exists() and manifest.read_bytes() == self.new[self.manifest]

        wait_until(is_new, "the new version", 20 * server.patience)
        server.stop()

    def check_served(self, server, wanted):
        got = {path: server.get(path) for path in wanted}
        wrong = [path for path, reply in got.items() if (reply.status, reply.body) != (200, wanted[path])]
        assert not wrong, f"not of the one version: {wrong[:3]} and {len(wrong) - 1} more, {got[wrong[0]].status}"


@pytest.fixture
def crash_lib(modelhost):
    """The library that ends a program at a call; None where the program cannot be run with it."""
    path = Path(binary()).parent / "tests" / "torture" / "libcrash.so"
    return path if path.exists() and not modelhost.sanitizer else None


def test_kill_at_random_moments(modelhost, origin, crash_lib):
    print(f"\nMODELHOST_TEST_SEED={SEED}, {KILLS} kills")
    lanes = [Lane(modelhost, origin, number, crash_lib) for number in range(LANES)]
    left = iter(range(KILLS))
    lock = threading.Lock()
    failures = []

    def run(lane):
        kinds = iter(["pull"] + ["refresh", "pull", "refresh", "refresh"] * KILLS)
        while not failures:
            with lock:
                if next(left, None) is None:
                    return
            try:
                lane.kill_a_pull() if next(kinds) == "pull" else lane.kill_a_refresh()
            except BaseException as error:
                print("\n".join(lane.log[-5:]), *modelhost_stderr(modelhost, lane), sep="\n")
                failures.append(error)

    with ThreadPoolExecutor(LANES) as pool:
        list(pool.map(run, lanes))
    counts = sum((lane.counts for lane in lanes), collections.Counter())
    print(dict(counts))
    if failures:
        raise failures[0]
    # Kills that all come too early or too late would find nothing.
    assert counts["old"] and counts["new"], counts
    assert counts["published before the end"] and counts["resumed"], counts


def modelhost_stderr(modelhost, lane):
    """What the lane's last servers said."""
    return [line for server in modelhost.servers()[-6:] if server.cache == lane.cache for line in server.stderr.all()]
