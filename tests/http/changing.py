# SPDX-License-Identifier: Apache-2.0
"""An upstream whose models change, and that misbehaves: the truth that random tests compare with.

A Family is a folder as the real bucket has them: two manifests that share shards. Every state that
it was ever in is remembered, so that any body can be asked which versions of the folder it belongs
to. What a fault sends was never the upstream's own, and belongs to none.
"""

import hashlib
import random
import threading
import time
from email.utils import formatdate

from content import Bytes, manifest_json
from origin import Act, Gate

MANIFESTS = ("model-stride16.json", "model-stride8.json")
GROUPS = {"model-stride16.json": (("a.bin", "b.bin"), ("c.bin",)), "model-stride8.json": (("a.bin", "b.bin"),)}
SHARDS = ("a.bin", "b.bin", "c.bin")
HELD_MAX = 4  # answers that stall at one time


class Stamped(Bytes):
    """Bytes with the validators that the bucket gives them: a change is newer than what was before."""

    def __init__(self, data):
        super().__init__(data)
        now = time.time()
        self.stamp = {
            "Last-Modified": formatdate(now, usegmt=True),
            "x-goog-generation": str(int(now * 1e6)),
        }

    def hash_headers(self):
        return {**super().hash_headers(), **self.stamp}


class Family:
    """A folder, and all that it has ever been."""

    def __init__(self, origin, folder, rng, largest):
        self.origin, self.folder, self.largest = origin, folder, largest
        self._lock = threading.Lock()
        self._changing = threading.Lock()
        self._of = {}  # path -> digest -> versions
        self._ever = {}  # path -> bodies
        self._shapes = 0
        self._sizes = {}
        self.versions = []
        self.missing = set()
        self.change(rng, "sizes")

    @property
    def paths(self):
        return [self.folder + name for name in (*MANIFESTS, *SHARDS)]

    def shards_of(self, manifest):
        return [self.folder + name for group in GROUPS[manifest.rsplit("/", 1)[1]] for name in group]

    def _new_sizes(self, rng):
        """No mixture of two of these has the sum that either wants: sizes carry their number."""
        self._shapes += 1
        for name in SHARDS:
            top = self.largest if name == "a.bin" else 40
            self._sizes[name] = 1024 * rng.randrange(1, top) + self._shapes

    def _make(self, rng, kind):
        number = len(self.versions)
        state = dict(self.versions[-1]) if self.versions else {}
        changed = [rng.choice(SHARDS)] if kind == "one" else SHARDS
        if kind in ("sizes", "rolling"):
            self._new_sizes(rng)
        for name in changed:
            noise = random.Random(f"{self.folder}{name} {number}").randbytes(self._sizes[name])
            state[self.folder + name] = Stamped(noise)
        for name in MANIFESTS:
            groups = [{shard: self._sizes[shard] for shard in group} for group in GROUPS[name]]
            text = manifest_json(*groups, userDefinedMetadata={"folder": self.folder, "version": number})
            state[self.folder + name] = Stamped(text)
        return state

    def change(self, rng, kind, between=None):
        """Another version: "sizes" of everything, "bytes" alone, of "one" shard, all at once; or
        "rolling": one file after another, with a call in between."""
        with self._changing:
            with self._lock:
                state = self._make(rng, kind)
                for path, content in state.items():
                    self._of.setdefault(path, {}).setdefault(content.sha256.digest(), set()).add(len(self.versions))
                    self._ever.setdefault(path, []).append(content.data)
                self.versions.append(state)
                self.missing.clear()
                if kind != "rolling":
                    self.origin.add_all(state)
            paths = rng.sample(list(state), len(state)) if kind == "rolling" else []
            for path in paths:
                self.origin.add(path, state[path])
                between()

    def lose(self, path):
        """The upstream has it no more, until the next change."""
        with self._lock:
            if path not in self.missing:
                self.missing.add(path)
                self.origin.remove(path)

    def versions_of(self, path, body):
        with self._lock:
            return set(self._of[path].get(hashlib.sha256(body).digest(), ()))

    def has_stretch(self, path, start, end, body, total):
        with self._lock:
            return any(total == len(data) and data[start:end] == body for data in self._ever[path])


class Faults:
    """Misbehaviour, by name. `held` keeps those that stall until others take their place."""

    def __init__(self):
        self._held = []
        self._lock = threading.Lock()

    def release_all(self):
        with self._lock:
            held, self._held = self._held, []
        for gate in held:
            gate.release()

    def gate(self):
        """One that is released in any case, later."""
        gate = Gate("stall")
        with self._lock:
            self._held.append(gate)
            old = self._held[:-HELD_MAX]
            self._held = self._held[-HELD_MAX:]
        for one in old:
            one.release()
        return gate

    def make(self, rng):
        """(name, Act) of a random fault."""
        at = rng.choice([0, 1, 100, 511, 512, 513, 700, 5000, 20000])
        # Times stay: without any, nobody could tell a mixture whose lengths are right.
        none = {"ETag": None, "x-goog-hash": None}
        unnamed = {"x-goog-hash": None, "ETag": f'"{rng.randrange(10**9)}"'}
        rows = {
            "status": lambda: Act(status=rng.choice([401, 403, 404, 410, 416, 429, 500, 502, 503, 504])),
            "retry after": lambda: Act(status=503, headers={"Retry-After": "1"}),
            "flip": lambda: Act(flip=at),
            "cut": lambda: Act(cut_at=at),
            "reset": lambda: Act(reset_at=at),
            "too long": lambda: Act(append=b"x" * rng.choice([1, 1000])),
            "claims more": lambda: Act(content_length=10**6, close=True),
            "claims less": lambda: Act(content_length=at, close=True),
            "chunked": lambda: Act(framing="chunked", headers=rng.choice([{}, none])),
            "no end": lambda: Act(framing="chunked", end_chunks=False),
            "closes": lambda: Act(framing="close"),
            "closes early": lambda: Act(framing="close", cut_at=at),
            "no ranges": lambda: Act(ignore_range=True),
            "no conditions": lambda: Act(ignore_conditions=True),
            "odd range": lambda: Act(content_range=rng.choice(["bytes 5-9/10", "bytes 0-9/*", "junk"])),
            "other etag": lambda: Act(headers=unnamed),
            "no validators": lambda: Act(headers=none),
            "gzip": lambda: Act(gzip=True),
            "html": lambda: Act(body="<!DOCTYPE html><title>sign in</title>" + " " * at),
            "slow": lambda: Act(piece=3000, pace=0.003),
            "early hints": lambda: Act(interim=(103,)),
            "garbage": lambda: Act(raw=b"\x00\x01 no HTTP\r\n\r\n"),
            "no answer": lambda: Act(raw=b""),
            "stall": lambda: Act(gates={rng.choice(["request", "head", at]): self.gate()}),
        }
        name = rng.choice(list(rows))
        return name, rows[name]()
