# SPDX-License-Identifier: Apache-2.0
"""Random operations, side by side, on an upstream that changes and misbehaves; then the promises.

The schedule comes from a seed, which is printed: MODELHOST_TEST_SEED runs the same one again. What
its operations meet depends on the machine, so the same seed need not fail twice; the log of a
failure says what happened. MODELHOST_TEST_LONG makes it ten times as long.

What must hold: every byte that was delivered in a whole 200 or 206 belongs to a version that the
upstream really had; a client that loads a manifest and promptly its shards gets one version; in the
end the cache holds what the upstream has, verifies, and nothing is left over.
"""

import collections
import itertools
import json
import os
import random
import re
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from changing import MANIFESTS, Family, Faults
from client import Cut, connect
from origin import Act
from program import wait_until

OPERATIONS = 10_000 if os.environ.get("MODELHOST_TEST_LONG") else 1_000
SEED = int(os.environ.get("MODELHOST_TEST_SEED") or random.SystemRandom().randrange(10**6))
WORKERS = 6
FAMILIES = 8
FOCUS = 40  # so many operations stay with two families, so that the others have quiet
SETTLE_S = 0.4
ASK_EVERY_S = 2
SETTINGS = {
    "cache.settle": f"{int(SETTLE_S * 1000)}ms", "cache.min_free": "0", "upstream.retries": 1,
    "upstream.connect_timeout": "2s", "upstream.first_byte_timeout": "1s", "upstream.stall_timeout": "1s",
    "upstream.negative_ttl": "1s",
}
LIVES = {  # what a restart may choose
    "mirror tfjs-models.revalidate": ["always", "always", "1s", "never"],
    "cache.max_size": ["0", "300KB", "1MB"],
    "cache.settle_max": ["2s", "5m"],
}
FINE = {200, 206, 304, 404, 416, 502, 503, 504}
NEVER_SAID = re.compile(r"changed from outside|passed over|damaged|out of memory|Assertion|cannot (?!be decoded|be told)")

pytestmark = pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")


class Broken(AssertionError):
    """A promise."""


class Run:
    """One run: the server of the moment, the upstream's truth, and the log."""

    def __init__(self, modelhost, origin, seed):
        self.modelhost, self.origin = modelhost, origin
        rng = random.Random(seed)
        self.faults = Faults()
        self.families = [
            Family(origin, f"/tfjs-models/f{n}/", rng, largest=1500 if n == 0 else 60) for n in range(FAMILIES)
        ]
        self.log = collections.deque(maxlen=300)
        self.counts = collections.Counter()
        self.broken = []
        self._turn = threading.Condition()
        self._users, self.life, self._is_ending = 0, 0, False
        self.server = None
        self.start(rng)

    def note(self, text):
        self.log.append(f"{time.monotonic():.3f} {text}")

    # --- the server's lives ---

    def start(self, rng, **settings):
        chosen = {**{key: rng.choice(values) for key, values in LIVES.items()}, **settings}
        self.server = self.modelhost.start(origin=self.origin, settings={**SETTINGS, **chosen})
        self.server.allow_stderr("")
        self.life += 1
        self.note(f"life {self.life} is pid {self.server.pid} with {chosen}")

    def end(self, how):
        self.note(f"{how}")
        server = self.server
        server.kill() if how == "kill" else server.stop()
        odd = [line for line in server.stderr.all() if NEVER_SAID.search(line)]
        if odd:
            raise Broken(f"it said {odd}")

    # --- checks ---

    def check_body(self, family, path, reply, fields):
        """A whole answer's bytes are the upstream's own. Returns the versions that have them."""
        if reply.status == 206:
            self.check_stretch(family, path, reply)
        elif reply.status == 200:
            versions = family.versions_of(path, reply.body)
            if not versions:
                raise Broken(f"{path} {fields}: {len(reply.body)} bytes that were never the upstream's: "
                             f"{reply.body[:60]!r}")
            return versions
        return None

    @staticmethod
    def check_stretch(family, path, reply):
        first, last, total = map(int, re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", reply.header("Content-Range")).groups())
        if not family.has_stretch(path, first, last + 1, reply.body, total):
            raise Broken(f"{path}: {reply.header('Content-Range')} was never the upstream's")

    def ask(self, family, path, method="GET", connection=None, **fields):
        """One request and its answer, checked. Raises Cut for one that was not whole."""
        own = connection or connect(self.server.port, 30.0 * self.server.patience)
        try:
            reply = own.request(path, method, fields).read_reply(method)
        finally:
            if not connection:
                own.close()
        return self.judge(family, path, method, reply, fields)

    def judge(self, family, path, method, reply, fields=()):
        self.counts[reply.status] += 1
        if reply.status not in FINE:
            raise Broken(f"{method} {path} {fields}: status {reply.status}: {reply.header('Modelhost-Error')}")
        if not reply.is_complete:
            self.counts["cut"] += 1
            raise Cut(f"{method} {path} after {len(reply.body)} bytes")
        if method == "GET":
            reply.versions = self.check_body(family, path, reply, fields)
        return reply

    def check_set(self, family, what, replies, seconds):
        """Loaded by one client: of one version, if all came and it did not dawdle."""
        if any(reply is None or reply.status != 200 for reply in replies.values()):
            self.counts["not loaded"] += 1
            return
        if seconds >= SETTLE_S / 2:
            self.counts["loaded slowly"] += 1
            return
        self.counts["loaded"] += 1
        if not set.intersection(*[reply.versions for reply in replies.values()]):
            mixed = {path: (sorted(reply.versions), reply.header("X-Cache")) for path, reply in replies.items()}
            raise Broken(f"{what} gave a mixture: {mixed}")

    def tell_flights(self):
        try:
            return self.server.fetch("/-/api/flights").json()
        except (OSError, Cut) as error:
            return repr(error)

    # --- operations: what they are called in the schedule ---

    def op_load(self, family, rng):
        """As TF.js does: the manifest, then all shards at once."""
        manifest = family.folder + rng.choice(MANIFESTS)
        began = time.monotonic()
        replies = {manifest: self.ask(family, manifest)}
        if replies[manifest].status != 200:
            return
        connections = {path: connect(self.server.port, 30.0 * self.server.patience) for path in family.shards_of(manifest)}
        try:
            for path, connection in connections.items():
                connection.request(path)
            seconds = time.monotonic() - began
            for path, connection in connections.items():
                replies[path] = None
                try:
                    replies[path] = self.judge(family, path, "GET", connection.read_reply())
                except Cut:
                    pass
        finally:
            for connection in connections.values():
                connection.close()
        self.check_set(family, "loading at once", replies, seconds)

    def op_load_slowly(self, family, rng):
        """One file after another, on one connection."""
        manifest = family.folder + rng.choice(MANIFESTS)
        with connect(self.server.port, 30.0 * self.server.patience) as connection:
            began = time.monotonic()
            longest, replies = 0.0, {}
            for path in [manifest, *family.shards_of(manifest)]:
                longest, began = max(longest, time.monotonic() - began), time.monotonic()
                replies[path] = self.ask(family, path, connection=connection)
                if replies[path].status != 200:
                    return
        self.check_set(family, "loading in turn", replies, longest)

    def op_get(self, family, rng):
        self.ask(family, rng.choice(family.paths))

    def op_head(self, family, rng):
        self.ask(family, rng.choice(family.paths), "HEAD")

    def op_range(self, family, rng):
        first = rng.choice([0, 0, 1, 511, 1000, 30000])
        field = rng.choice([f"bytes={first}-{first + rng.choice([0, 99, 20000])}", f"bytes={first}-", "bytes=-100"])
        self.ask(family, rng.choice(family.paths), Range=field)

    def op_go_on(self, family, rng):
        """Half of it, then the rest if it is still the same: put together it is one version."""
        path = rng.choice(family.paths)
        head = self.ask(family, path, Range="bytes=0-999")
        etag = head.header("ETag")
        if head.status != 206 or not etag:
            return
        rest = self.ask(family, path, **{"Range": "bytes=1000-", "If-Range": etag})
        if rest.status == 206 and not family.versions_of(path, head.body + rest.body):
            raise Broken(f"{path}: two ranges under {etag} are of no one version")

    def op_conditional(self, family, rng):
        path = rng.choice(family.paths)
        etag = self.ask(family, path).header("ETag")
        if etag:
            self.ask(family, path, **{"If-None-Match": etag})

    def op_hang_up(self, family, rng):
        """Ask, read some or nothing, and leave."""
        path = rng.choice(family.paths)
        self.note(f"  {path} hang up")
        with connect(self.server.port, 30.0 * self.server.patience) as connection:
            connection.request(path, headers={"Connection": "close"})
            if rng.random() < 0.7:
                connection.read_exactly(rng.choice([1, 200, 900, 5000]))

    def op_stop_reading(self, family, rng):
        """A client that reads nothing while another one gets the same."""
        path = rng.choice(family.paths)
        with connect(self.server.port, 30.0 * self.server.patience, receive_buffer=4096) as connection:
            connection.request(path)
            self.ask(family, path)
            self.judge(family, path, "GET", connection.read_reply())

    def op_fault(self, family, rng):
        path = rng.choice(family.paths)
        made = [self.faults.make(rng) for _ in range(rng.choice([1, 1, 2, 4]))]
        self.note(f"  {path} will meet {[name for name, _ in made]}")
        self.origin.script(path, *[act for _, act in made], Act())

    def op_change(self, family, rng):
        kind = rng.choice(["sizes", "bytes", "one"])
        family.change(rng, kind)
        self.note(f"  {family.folder} is version {len(family.versions) - 1} ({kind})")

    def op_change_rolling(self, family, rng):
        def look():
            try:
                self.ask(family, rng.choice(family.paths))
            except (Cut, OSError):
                pass

        family.change(rng, "rolling", look)
        self.note(f"  {family.folder} is version {len(family.versions) - 1} (rolling)")

    def op_change_meanwhile(self, family, rng):
        """While an answer is half out: the transfer goes on with what it began with."""
        path = rng.choice(family.paths)
        gate = self.faults.gate()
        self.origin.script(path, Act(gates={rng.choice([0, 600, 3000]): gate}), Act())
        with connect(self.server.port, 30.0 * self.server.patience) as connection:
            connection.request(path)
            try:
                gate.wait_arrived(timeout=0.2)
            except TimeoutError:
                pass  # it is cached
            self.op_change(family, rng)
            gate.release()
            self.judge(family, path, "GET", connection.read_reply())

    def op_lose(self, family, rng):
        family.lose(rng.choice(family.paths))

    def act(self, action, paths):
        body = json.dumps({"what": paths}).encode()
        reply = self.server.fetch(f"/-/api/{action}", "POST", {"Content-Type": "application/json"}, body=body,
                                  timeout=30.0 * self.server.patience)
        self.counts[f"{action} {reply.status}"] += 1
        if reply.status not in (200, 202, 400, 404, 409, 503):
            raise Broken(f"{action} {paths}: status {reply.status}: {reply.body!r}")
        return reply

    def op_pull(self, family, rng):
        self.act("pull", [family.folder + rng.choice(MANIFESTS)])

    def op_pin(self, family, rng):
        self.act(rng.choice(["pin", "unpin", "unpin"]), [family.folder + rng.choice(MANIFESTS)])

    def op_rm(self, family, rng):
        self.act("rm", [family.folder + rng.choice(MANIFESTS)])

    def op_gc(self, family, rng):
        self.act("gc", [])

    def op_verify(self, family, rng):
        reply = self.act("verify", rng.choice([[], [family.folder + rng.choice(MANIFESTS)]]))
        for model in reply.json()["models"] if reply.status == 200 else ():
            failure = model.get("failure")
            if failure and failure["code"] != "not-found":
                raise Broken(f"verify: {model}")

    def op_look(self, family, rng):
        for path in ("/-/api/models", "/-/api/flights", "/-/api/status"):
            assert self.server.fetch(path).status == 200

    def op_restart(self, family, rng):
        raise NotImplementedError  # run() does it: nobody else may begin anything meanwhile

    op_kill = op_restart

    # --- running them ---

    def run(self, number, name, family, seed):
        """One operation. What breaks because the server ended under it is no failure."""
        rng = random.Random(seed)
        self.note(f"{number} {name} {family.folder}")
        if name in ("restart", "kill"):
            self.restart(name, rng)
            return
        with self._turn:
            self._turn.wait_for(lambda: not self._is_ending)
            life, self._users = self.life, self._users + 1
        try:
            getattr(self, "op_" + name)(family, rng)
        except Cut as cut:
            self.note(f"{number} cut: {cut}")
        except (OSError, socket.timeout) as error:
            with self._turn:
                is_excused = self._is_ending or self.life != life
            if not is_excused:
                raise Broken(f"{name} {family.folder}: {error!r}") from error
        finally:
            with self._turn:
                self._users -= 1
                self._turn.notify_all()

    def restart(self, how, rng):
        """End it while the others are in the middle of something, and start it when they have seen so."""
        with self._turn:
            if self._is_ending:
                return
            self._is_ending = True
        try:
            self.end("kill" if how == "kill" else "stop")
            with self._turn:
                assert self._turn.wait_for(lambda: self._users == 0, 60 * self.server.patience), "somebody hangs"
            self.start(rng)
        finally:
            with self._turn:
                self._is_ending = False
                self._turn.notify_all()


WEIGHTS = {
    "load": 22, "load_slowly": 8, "get": 12, "head": 3, "range": 10, "go_on": 4, "conditional": 4, "hang_up": 10,
    "stop_reading": 3, "fault": 10, "change": 3, "change_rolling": 1, "change_meanwhile": 2, "lose": 1, "pull": 3,
    "pin": 2, "rm": 2, "gc": 1, "verify": 1, "look": 1, "restart": 0.7, "kill": 0.7,
}


def schedule(seed, families, count):
    rng = random.Random(f"schedule {seed}")
    names = rng.choices(list(WEIGHTS), list(WEIGHTS.values()), k=count)
    focus = []
    for number, name in enumerate(names):
        if number % FOCUS == 0:
            focus = rng.sample(families, 2)
        yield number, name, rng.choice(focus), rng.randrange(10**9)


def carry_out(run, operations):
    """All of them by a few threads, each taking the next. Returns the first failure, or None."""
    failures = []
    lock = threading.Lock()

    def work():
        while not failures:
            with lock:
                operation = next(operations, None)
            if operation is None:
                return
            try:
                run.run(*operation)
            except BaseException as error:
                failures.append((operation, error))

    with ThreadPoolExecutor(WORKERS) as pool:
        for future in [pool.submit(work) for _ in range(WORKERS)]:
            future.result()
    return failures[0] if failures else None


def descriptors(server):
    """What it has open, without kept connections to the upstream, which are bounded elsewhere."""
    found = []
    for name in os.listdir(f"/proc/{server.pid}/fd"):
        try:
            found.append(os.readlink(f"/proc/{server.pid}/fd/{name}"))
        except FileNotFoundError:
            pass
    return found


def upstream_sockets(server, origin):
    """Inodes of its connections to the origin."""
    rows = open(f"/proc/{server.pid}/net/tcp").read().splitlines()[1:]
    port = f":{origin.port:04X}"
    return {f"socket:[{row.split()[9]}]" for row in rows if row.split()[2].endswith(port)}


def open_now(server, origin):
    known = upstream_sockets(server, origin)
    return sorted(re.sub(r"\[\d+\]", "", one) for one in descriptors(server) if one not in known)


def check_nothing_left(run, at_start):
    """No flight, no descriptor, no byte of accounting."""
    server = run.server
    server.wait_idle(60)
    run.note("idle")
    asked = itertools.count()

    def is_as_at_start():
        # libcurl drops a pooled connection that the upstream reset when it looks for another one.
        server.get(f"/tfjs-models/none/{next(asked)}.bin")
        return open_now(server, run.origin) == at_start

    try:
        wait_until(is_as_at_start, "the descriptors of the start", 20 * server.patience)
    except AssertionError as error:
        raise Broken(f"at the start {at_start}, now {open_now(server, run.origin)}") from error

    def accounts():
        status = server.fetch("/-/api/status").json()
        sizes = [os.path.getsize(server.cache / "objects" / path.lstrip("/")) for path in server.cached_files()]
        metas = sum(len(names) for _, _, names in os.walk(server.cache / "meta"))
        return (status["objects"], status["object_bytes"], metas) == (len(sizes), sum(sizes), len(sizes))

    wait_until(accounts, "the accounts are those of the disk", 10 * server.patience)


def current(run):
    return {path: content.data for family in run.families for path, content in family.versions[-1].items()}


def check_end(run, rng):
    """The upstream behaves again: the cache comes to hold what it has, and keeps to it."""
    run.faults.release_all()
    for family in run.families:
        for path in family.paths:
            run.origin.script(path)
        if family.missing:
            family.change(rng, "bytes")
    run.end("stop")
    run.start(rng, **{"mirror tfjs-models.revalidate": "always", "cache.max_size": "0", "cache.settle": "50ms"})
    server = run.server
    wanted = current(run)
    manifests = [family.folder + name for family in run.families for name in MANIFESTS]

    asked_at = [0.0]

    def is_current():
        """Asked again now and then, as a failure of before may still be waited out; not all the
        time, as a switch waits for quiet."""
        stale = [path for path in wanted if server.object_bytes(path) != wanted[path]]
        run.stale = stale
        if stale and time.monotonic() > asked_at[0] + ASK_EVERY_S:
            for path in manifests:
                server.get(path)
            asked_at[0] = time.monotonic()
        return not stale

    wait_until(is_current, "the cache holds what the upstream has", 60 * server.patience)
    run.note("current")
    server.wait_idle(60)
    assert sorted(server.cached_files()) == sorted(wanted)

    def states():
        return {model["path"]: model["state"] for model in server.fetch("/-/api/models").json()["models"]}

    wait_until(lambda: states() == dict.fromkeys(manifests, "complete"), f"all models are complete: {states()}")
    verified = wait_until(lambda: (reply := run.act("verify", [])).status == 200 and reply, "nothing is revalidated")
    assert not [model for model in verified.json()["models"] if "failure" in model]
    run.end("stop")
    run.start(rng, **{"cache.offline": "on", "cache.max_size": "0"})
    assert {path: run.server.get(path).body for path in wanted} == wanted


def test_random_operations_keep_the_promises(modelhost, origin):
    print(f"\nMODELHOST_TEST_SEED={SEED}, {OPERATIONS} operations")
    count = OPERATIONS // (1 if not modelhost.sanitizer else 4)
    run = Run(modelhost, origin, SEED)
    at_start = open_now(run.server, origin)
    try:
        failure = carry_out(run, schedule(SEED, run.families, count))
        if failure:
            raise Broken(f"operation {failure[0]}: {failure[1]!r}") from failure[1]
        run.note("all done")
        run.faults.release_all()
        check_nothing_left(run, at_start)
        run.note("nothing left")
        check_end(run, random.Random(SEED))
        run.note("end")
        # A test whose clients get nothing would find nothing.
        # Under a sanitizer most loads take longer than a promise covers.
        assert run.counts["loaded"] > count / 50 or modelhost.sanitizer, run.counts
        assert run.counts["cut"] > 0 and run.counts[502] > 0 and run.counts[206] > 0, run.counts
    except BaseException:
        print("\n".join(run.log))
        print("stale:", getattr(run, "stale", None))
        print("flights:", run.tell_flights())
        print("\n".join(f"stderr: {line}" for line in run.server.stderr.all()[-60:]))
        raise
    finally:
        print(dict(run.counts))
        run.faults.release_all()
