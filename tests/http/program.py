# SPDX-License-Identifier: Apache-2.0
"""The real binary: started on a free port, waited for by its own word, looked after when it ends.

Nothing here sleeps: readiness is the datagram on $NOTIFY_SOCKET, output is read by threads that tell
a condition, ends are waited for with deadlines.
"""

import os
import re
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

from client import connect, fetch

REPOSITORY = Path(__file__).resolve().parents[2]
SANITIZERS = {
    "ASAN_OPTIONS": "detect_leaks=1:exitcode=99",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    "TSAN_OPTIONS": "exitcode=99:second_deadlock_stack=1",
    "LSAN_OPTIONS": "",
}
REPORT = re.compile(r"AddressSanitizer|ThreadSanitizer|LeakSanitizer|UndefinedBehavior|runtime error:")


def binary():
    """$MODELHOST_BIN, or the normal build's."""
    path = Path(os.environ.get("MODELHOST_BIN", REPOSITORY / "build" / "modelhost")).resolve()
    if not path.is_file():
        raise FileNotFoundError(f"there is no program at '{path}'; build it, or set MODELHOST_BIN")
    return path


def sanitizer_of(path):
    """"address", "thread" or None: what the binary was built with."""
    text = path.read_bytes()
    for mark, name in ((b"__tsan_init", "thread"), (b"__asan_init", "address")):
        if mark in text:
            return name
    return None


def clean_environment(home):
    """Nothing of the caller's machine but PATH: no proxies, no settings, no caches."""
    env = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "LANG") if name in os.environ}
    env.update(HOME=str(home), XDG_CONFIG_HOME=str(home / "config"), XDG_CACHE_HOME=str(home / "cache"))
    for name, wanted in SANITIZERS.items():
        given = [os.environ[name]] if os.environ.get(name) else []
        env[name] = ":".join([wanted, *given, f"log_path={home}/sanitizer"]).lstrip(":")
    return env


class Lines:
    """A stream's lines, read by a thread of their own."""

    def __init__(self, stream):
        self._condition = threading.Condition()
        self._lines = []
        self._is_over = False
        self._thread = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self._thread.start()

    def _read(self, stream):
        for line in stream:
            with self._condition:
                self._lines.append(line.decode(errors="replace").rstrip("\n"))
                self._condition.notify_all()
        stream.close()
        with self._condition:
            self._is_over = True
            self._condition.notify_all()

    def all(self):
        with self._condition:
            return list(self._lines)

    def wait(self, pattern, timeout):
        """The first match of a pattern in a line."""
        found = []

        def look():
            found[:] = [match for match in map(re.compile(pattern).search, self._lines) if match]
            return found or self._is_over

        with self._condition:
            self._condition.wait_for(look, timeout)
            if not found:
                end = "the end of it" if self._is_over else f"{timeout} s"
                raise AssertionError(f"no line matched {pattern!r} before {end}; there were {self._lines}")
            return found[0]

    def join(self, timeout):
        self._thread.join(timeout)


class Server:
    """One running `modelhost serve`."""

    def __init__(self, program, arguments, home, cache, patience=1.0, prefix=(), env=()):
        self.cache = cache
        self.patience = patience  # factor on every deadline: sanitizers are slow
        self.port = 0
        self._allowed, self._expected = [], []
        self._is_over = False
        self._notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._notify.bind("\0" + f"modelhost-test-{os.getpid()}-{id(self)}-{time.monotonic_ns()}")
        env = {**clean_environment(home), "NOTIFY_SOCKET": "@" + self._notify.getsockname()[1:].decode(), **dict(env)}
        self.arguments = [*prefix, str(program), "serve", "--cache-dir", str(cache), *arguments]
        self.process = subprocess.Popen(
            self.arguments, env=env, cwd=home, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        self.stdout = Lines(self.process.stdout)
        self.stderr = Lines(self.process.stderr)
        self.home = home

    @property
    def pid(self):
        return self.process.pid

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/"

    def wait_ready(self, timeout=20.0):
        """Until the service manager would know, and the port is known."""
        match = self.stdout.wait(r"^modelhost: listening on https?://.*:(\d+)/$", timeout * self.patience)
        self.port = int(match[1])
        self._notify.settimeout(timeout * self.patience)
        told = self._notify.recv(4096).decode()
        assert "READY=1" in told.split("\n"), f"the service manager was told {told!r}"
        return self

    def wait_told(self, word, timeout=20.0):
        """Until the service manager is told something more."""
        self._notify.settimeout(timeout * self.patience)
        told = self._notify.recv(4096).decode()
        assert word in told.split("\n"), f"the service manager was told {told!r}"

    def reload(self):
        """SIGHUP, until it has been done."""
        self.process.send_signal(signal.SIGHUP)
        self.wait_told("RELOADING=1")
        self.wait_told("READY=1")
        return self

    # --- talking to it ---

    def get(self, target, **headers_and_options):
        return self.fetch(target, **headers_and_options)

    def fetch(self, target, method="GET", headers=(), timeout=None, **options):
        return fetch(self.port, target, method, headers, timeout or 20.0 * self.patience, **options)

    def connect(self, **options):
        options.setdefault("timeout", 20.0 * self.patience)
        return connect(self.port, **options)

    def ask(self, target, method="GET", headers=(), **options):
        """Send a request, leave the reply to the caller. Returns the connection."""
        return self.connect().request(target, method, headers, **options)

    # --- what it knows ---

    def model(self, path):
        """What it tells of a model, or None."""
        reply = self.fetch("/-/api/models" + path)
        return reply.json() if reply.status == 200 else None

    def wait_complete(self, path, timeout=20.0):
        """Until a model is whole in the cache, asking for none of its files."""

        def complete():
            model = self.model(path)
            return model if model and model["state"] == "complete" else None

        return wait_until(complete, f"'{path}' is complete: {self.model(path)}", timeout * self.patience)

    def flights(self):
        found = self.fetch("/-/api/flights").json()
        return {flight["path"]: flight for flight in found["flights"]}

    def wait_idle(self, timeout=20.0):
        """Until nothing is under way. What has been handed out whole is published a moment later, and
        who asks in the moment between a failure and its conclusion shares the failure."""
        wait_until(lambda: not self.flights(), "no flights", timeout * self.patience)
        return self

    def wait_clients(self, path, count, timeout=20.0):
        """Until so many clients wait for, or read, an arriving object."""

        def joined():
            return self.flights().get(path, {}).get("clients", 0) >= count

        wait_until(joined, f"{count} clients of '{path}'", timeout * self.patience)

    def cached_files(self):
        """All files of objects/, as paths of the mirror. Directories may go while one looks."""
        root = self.cache / "objects"
        return sorted(
            "/" + os.path.relpath(os.path.join(folder, name), root)
            for folder, _, names in os.walk(root)
            for name in names
        )

    # --- what it may say ---

    def allow_stderr(self, *patterns):
        """Lines that match may come."""
        self._allowed += patterns

    def expect_stderr(self, *patterns):
        """Lines that match must come, some time before the end."""
        self._expected += patterns

    # --- ending it ---

    def terminate(self):
        self.process.send_signal(signal.SIGTERM)

    def wait(self, timeout=10.0):
        """Its exit status, within a deadline. One that is wedged is killed, by its own pid."""
        try:
            status = self.process.wait(timeout * self.patience)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"it did not end within {timeout * self.patience} s of being told to") from None
        self._is_over = True
        self._notify.close()
        self.stdout.join(5)
        self.stderr.join(5)
        return status

    def kill(self):
        """End it as power loss would; nothing is asked of it afterwards. Idempotent."""
        self._is_over = True
        self._notify.close()
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGKILL)
            self.process.wait(10)

    def stop(self):
        """TERM, and everything that must hold afterwards. Idempotent."""
        if self._is_over:
            return
        is_early = self.process.poll() is not None
        if not is_early:
            self.terminate()
        status = self.wait()
        self.check_output()
        assert not is_early, f"it ended by itself with status {status}"
        assert status == 0, f"exit status {status} after TERM"

    def check_output(self):
        lines = self.stderr.all()
        reports = [line for line in lines if REPORT.search(line)]
        reports += [file.read_text() for file in sorted(self.home.glob("sanitizer.*"))]
        assert not reports, "a sanitizer reports:\n" + "\n".join(reports + lines)
        known = self._allowed + self._expected
        odd = [line for line in lines if not any(re.search(pattern, line) for pattern in known)]
        assert not odd, "unexpected on standard error:\n" + "\n".join(odd)
        missing = [want for want in self._expected if not any(re.search(want, line) for line in lines)]
        assert not missing, f"standard error lacks {missing}; it has {lines}"

    # --- looking into it ---

    def memory_kib(self, field="RssAnon"):
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(rf"^{field}:\s+(\d+) kB", status, re.MULTILINE)[1])

    def object_file(self, path):
        """Where an object of a mirror path lies, e.g. "/tfjs-models/a/b.bin"."""
        return self.cache / "objects" / path.lstrip("/")

    def object_bytes(self, path):
        """What lies there, or None: in the milliseconds of a switch a file may be between two names."""
        try:
            return self.object_file(path).read_bytes()
        except FileNotFoundError:
            return None

    def meta_file(self, path):
        return self.cache / "meta" / (path.lstrip("/") + ".json")


class Modelhost:
    """The factory behind the `modelhost` fixture."""

    def __init__(self, directory):
        self.program = binary()
        self.sanitizer = sanitizer_of(self.program)
        self.patience = {None: 1.0, "address": 3.0, "thread": 6.0}[self.sanitizer]
        self.home = directory
        self.cache = directory / "cache-dir"
        self._servers = []

    @staticmethod
    def mirror(origin, name="tfjs-models", path=None):
        """The --set that points a mirror at the origin."""
        return ["--set", f"mirror {name}.upstream={origin.url}{path or name + '/'}"]

    def servers(self):
        """All that were ever started."""
        return list(self._servers)

    def start(self, *arguments, origin=None, settings=None, cache=None, wait=True, listen=True, prefix=(), env=()):
        """Start `serve` with its port free, its own cache, no retries unless asked for.

        origin    serve its tree under /tfjs-models/
        settings  {"section.key": value} for --set
        prefix    words before the program's name: a command that becomes it (disk.py has some)
        env       more variables"""
        arguments = [str(argument) for argument in arguments]
        if listen:
            arguments = ["-l", "127.0.0.1:0", *arguments]
        for key, value in {"upstream.retries": 0, **(settings or {})}.items():
            arguments += ["--set", f"{key}={value}"]
        if origin:
            arguments += self.mirror(origin)
        server = Server(self.program, arguments, self.home, cache or self.cache, self.patience, prefix, env)
        self._servers.append(server)
        return server.wait_ready() if wait else server

    def run(self, *arguments, timeout=30.0, env=None, input=None, cwd=None):
        """A command to its end. Returns subprocess.CompletedProcess with text."""
        arguments = [str(argument) for argument in arguments]
        return subprocess.run(
            [str(self.program), *arguments], env={**clean_environment(self.home), **(env or {})},
            cwd=cwd or self.home, **({"input": input} if input else {"stdin": subprocess.DEVNULL}),
            capture_output=True, text=True, timeout=timeout * self.patience, check=False,
        )

    def finish(self):
        """Stop all that runs; the first failure is raised after the last was stopped."""
        failure = None
        for server in reversed(self._servers):
            try:
                server.stop()
            except AssertionError as error:
                failure = failure or error
            finally:
                server.kill()
        if failure:
            raise failure


def wait_until(claim, what, timeout=20.0):
    """Until a claim about the program holds for which it gives no event; its value. Bounded."""
    deadline = time.monotonic() + timeout
    pause = threading.Event()
    while not (value := claim()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout} s: {what}")
        pause.wait(0.02)
    return value
