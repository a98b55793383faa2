# SPDX-License-Identifier: Apache-2.0
"""The servers that are measured: how each is configured, started and stopped.

A peer serves one folder of plain files on one core. Each is given what its own manual recommends for
static files, and logging off. What is not installed is left out."""

import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess

SERVER_CORE = "0"
CONNECTIONS = 16000  # that each is set up for


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_port(port, process, seconds=10):
    """Until the port accepts. The peers have no other way to say that they are ready."""
    import time

    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"it ended with status {process.returncode}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise RuntimeError(f"it does not listen on {port}")


class Peer:
    """One server, started once and stopped at the end. `prefix` stands before every path.

    files   the folder that it serves
    work    where its own folder is made
    pair    (certificate, key), to serve with TLS on its port; None: in the clear"""

    name = ""
    command = ""
    prefix = "/"
    has_tls = False  # can it be given a pair?

    def __init__(self, files, work, pair=None):
        self.files, self.pair = files, pair
        self.work = work / self.name.replace(" ", "-")
        self.work.mkdir()
        self.port = free_port()

    @classmethod
    def is_installed(cls):
        return shutil.which(cls.command) is not None

    @classmethod
    def version(cls):
        return ""

    def arguments(self):
        raise NotImplementedError

    def start(self):
        log = open(self.work / "log", "wb")
        self.process = subprocess.Popen(
            ["taskset", "-c", SERVER_CORE, *self.arguments()],
            stdout=log, stderr=log, stdin=subprocess.DEVNULL, start_new_session=True,
        )
        try:
            wait_for_port(self.port, self.process)
        except RuntimeError as problem:
            self.stop()
            said = (self.work / "log").read_text(errors="replace").strip()
            raise RuntimeError(f"{self.name}: {problem}: {said}") from None
        return self

    def stop(self):
        if self.process.poll() is not None:
            return
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)

    def processes(self):
        """Its process and all below it."""
        children = {}
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            except OSError:
                continue
            children.setdefault(int(fields[1]), []).append(int(entry.name))
        found = [self.process.pid]
        for pid in found:
            found += children.get(pid, [])
        return found

    def cpu_seconds(self):
        """Of all threads that live, to the nanosecond; none of these servers ends threads under load."""
        total = 0
        for pid in self.processes():
            for task in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"):
                try:
                    total += int(task.read_text().split()[0])
                except OSError:
                    continue
        return total / 1e9

    def resident_kib(self):
        total = 0
        for pid in self.processes():
            try:
                status = pathlib.Path(f"/proc/{pid}/status").read_text()
            except OSError:
                continue
            total += sum(int(n) for n in re.findall(r"^Rss(?:Anon|Shmem):\s+(\d+)", status, re.M))
        return total


def first_line(*command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return ((done.stdout + done.stderr).strip().splitlines() or [""])[0]


class Modelhost(Peer):
    name = "modelhost (root)"
    command = ""  # set by run
    has_tls = True

    @classmethod
    def version(cls):
        return first_line(cls.command, "--version")

    def settings(self):
        return []

    def arguments(self):
        tls = ["--tls-cert", self.pair[0], "--tls-key", self.pair[1]] if self.pair else []
        return [self.command, "serve", "--root", str(self.files), "-q", "-l", f"127.0.0.1:{self.port}",
                "--cache-dir", str(self.work / "cache"), "--set", "server.threads=1",
                "--set", f"server.max_connections={CONNECTIONS}", "--set", "server.idle_timeout=600s", *tls, *self.settings()]


class ModelhostMirror(Modelhost):
    """The same files as cached objects of a mirror, pulled from the bare server first."""

    name = "modelhost (mirror)"
    prefix = "/bench/"
    upstream = ""  # set by run

    def settings(self):
        return ["--mirror", f"bench={self.upstream}"]


class ModelhostSmallHeaders(ModelhostMirror):
    """With what a request's headers may take set as low as it goes in practice."""

    name = "modelhost (header_size 3.5 KiB)"

    def settings(self):
        return [*super().settings(), "--set", "server.header_size=3584B"]


class Bare(Peer):
    command = ""  # set by run
    mode = ""

    def arguments(self):
        return [self.command, self.mode, str(self.files)]

    def start(self):
        self.process = subprocess.Popen(
            ["taskset", "-c", SERVER_CORE, *self.arguments()],
            stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, start_new_session=True, text=True,
        )
        self.port = int(re.search(r":(\d+)/", self.process.stdout.readline())[1])
        return self


class BareMemory(Bare):
    name, mode = "bare memory", "memory"


class BareSendfile(Bare):
    name, mode = "bare sendfile", "sendfile"


class Nginx(Peer):
    name = command = "nginx"
    has_tls = True

    @classmethod
    def version(cls):
        return first_line("nginx", "-v")

    def arguments(self):
        config = self.work / "nginx.conf"
        tls = (f"ssl_certificate {self.pair[0]}; ssl_certificate_key {self.pair[1]}; ssl_protocols TLSv1.3;"
               if self.pair else "")
        config.write_text(f"""
            daemon off; worker_processes 1; pid {self.work}/pid; error_log {self.work}/error.log;
            {"user root;" if os.geteuid() == 0 else ""}
            events {{ worker_connections {CONNECTIONS}; }}
            http {{
                access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000;
                keepalive_timeout 600s;
                open_file_cache max=10000 inactive=60s; open_file_cache_valid 60s;
                open_file_cache_min_uses 1; default_type application/octet-stream;
                client_body_temp_path {self.work}/1; proxy_temp_path {self.work}/2;
                fastcgi_temp_path {self.work}/3; uwsgi_temp_path {self.work}/4; scgi_temp_path {self.work}/5;
                server {{
                    listen 127.0.0.1:{self.port} backlog=4096 {"ssl" if self.pair else ""};
                    root {self.files}; {tls}
                }}
            }}
        """)
        return ["nginx", "-c", str(config)]


class Lighttpd(Peer):
    name = command = "lighttpd"
    has_tls = any(pathlib.Path("/usr/lib").glob("**/lighttpd/mod_openssl.so"))

    @classmethod
    def version(cls):
        return first_line("lighttpd", "-v")

    def arguments(self):
        config = self.work / "lighttpd.conf"
        config.write_text(f"""
            server.document-root = "{self.files}"
            server.port = {self.port}
            server.bind = "127.0.0.1"
            server.max-keep-alive-requests = 1000000
            server.max-keep-alive-idle = 600
            server.max-fds = 20000
            server.max-connections = {CONNECTIONS}
            server.stat-cache-engine = "simple"
            mimetype.assign = ("" => "application/octet-stream")
        """ + (f"""
            server.modules = ("mod_openssl")
            ssl.engine = "enable"
            ssl.pemfile = "{self.pair[0]}"
            ssl.privkey = "{self.pair[1]}"
        """ if self.pair else ""))
        return ["lighttpd", "-D", "-f", str(config)]


class H2o(Peer):
    name = command = "h2o"
    has_tls = True

    @classmethod
    def version(cls):
        return first_line("h2o", "--version")

    def arguments(self):
        config = self.work / "h2o.conf"
        tls = f", ssl: {{ certificate-file: {self.pair[0]}, key-file: {self.pair[1]} }}" if self.pair else ""
        config.write_text(f"""
num-threads: 1
max-connections: {CONNECTIONS}
listen: {{ host: 127.0.0.1, port: {self.port}{tls} }}
hosts: {{ default: {{ paths: {{ "/": {{ file.dir: "{self.files}" }} }} }} }}
{"user: root" if os.geteuid() == 0 else ""}
""")
        return ["h2o", "-c", str(config)]


class Caddy(Peer):
    name = command = "caddy"
    has_tls = True

    @classmethod
    def version(cls):
        return first_line("caddy", "version")

    def arguments(self):
        config = self.work / "Caddyfile"
        config.write_text(f"""
{{
    admin off
    auto_https off
}}
{"https" if self.pair else "http"}://127.0.0.1:{self.port} {{
    {f"tls {self.pair[0]} {self.pair[1]}" if self.pair else ""}
    root * {self.files}
    file_server
}}
""")
        return ["env", f"HOME={self.work}", "GOMAXPROCS=1", "caddy", "run", "--config", str(config)]


class Varnish(Peer):
    """A cache in memory before the bare server, whose answers it keeps for as long as the run takes."""

    name = "Varnish"
    command = "varnishd"
    upstream_port = 0  # set by run

    @classmethod
    def version(cls):
        return first_line("varnishd", "-V")

    def arguments(self):
        return ["varnishd", "-F", "-n", str(self.work / "v"), "-a", f"127.0.0.1:{self.port}", "-s", "malloc,400m",
                "-b", f"127.0.0.1:{self.upstream_port}", "-p", "default_ttl=86400",
                "-p", "thread_pool_max=2000", "-p", "thread_pools=1"]


class Sirv(Peer):
    """Node's static server of the TF.js demos' kind; `npm ci` in bench/sirv installs it."""

    name = "sirv"
    script = pathlib.Path(__file__).parent / "sirv" / "node_modules" / "sirv-cli" / "bin.js"
    command = "node"

    @classmethod
    def is_installed(cls):
        return shutil.which("node") is not None and cls.script.exists()

    @classmethod
    def version(cls):
        return first_line("node", str(cls.script), "--version") + ", node " + first_line("node", "--version")

    def arguments(self):
        return ["node", str(self.script), str(self.files), "--quiet", "--etag", "--host", "127.0.0.1",
                "--port", str(self.port)]


ALL = [Modelhost, ModelhostMirror, Nginx, Lighttpd, H2o, Varnish, Caddy, Sirv, BareMemory, BareSendfile]
