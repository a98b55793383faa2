# SPDX-License-Identifier: Apache-2.0
"""The cold load: a model of 24 files and 91 MB that nobody has yet, over the shaped link (link.py).

Side by side, in rounds: clients straight at the origin, and mirrors on the client's side of the link,
started with an empty cache each time and asked by a client that fetches the manifest and then all
shards at once. The origin is nginx, over HTTP/2 and HTTP/1.1 with TLS, and HTTP/1.1 in the clear.

The bound is what the link needs for the bytes, headers of packets included, and three round trips: TCP,
TLS and the manifest. No program of one connection reaches it: the link is empty while TCP finds its rate."""

import json
import pathlib
import random
import shutil
import statistics
import subprocess
import sys
import time

import link
import peers

SHARD_BYTES, WEIGHT_BYTES = 4 << 20, 95_745_472
TLS_PORT, CLEAR_PORT, MIRROR_PORT = 8443, 8000, 8080
FOLDER = "models/resnet50/"
BARE_H2 = "bare libcurl, HTTP/2, one connection"
BARE_H1 = "bare libcurl, HTTP/1.1 in the clear, six connections"
CLIENT_CONNECTIONS = "24"  # of the client that asks a mirror: none of its own waits for another


def make_model(root):
    """The files of a model in the true sizes of BodyPix ResNet50. Returns (shard names, bytes of all)."""
    folder = root / FOLDER
    folder.mkdir(parents=True)
    source = random.Random(50)
    count = -(-WEIGHT_BYTES // SHARD_BYTES)
    shards = [f"group1-shard{n}of{count}.bin" for n in range(1, count + 1)]
    left = WEIGHT_BYTES
    for name in shards:
        (folder / name).write_bytes(source.randbytes(min(left, SHARD_BYTES)))
        left -= SHARD_BYTES
    floats = WEIGHT_BYTES // 4
    weights = [{"name": f"resnet_v1_50/block{n % 4}/unit_{n}/bottleneck_v1/conv/weights", "dtype": "float32",
                "shape": [1, 1, 1, floats // 400 + (floats % 400 if n == 0 else 0)]} for n in range(400)]
    manifest = {"format": "graph-model", "modelTopology": {"node": []},
                "weightsManifest": [{"paths": shards, "weights": weights}]}
    (folder / "model.json").write_text(json.dumps(manifest))
    return shards, WEIGHT_BYTES + (folder / "model.json").stat().st_size


class AtOneEnd(peers.Peer):
    """A server in one of the link's namespaces, where every port is free."""

    link = None  # set by run_cold
    end = None
    address = "127.0.0.1"
    upstream = ""
    port_number = MIRROR_PORT

    def __init__(self, files, work):
        self.files, self.work, self.port = files, work, self.port_number
        self.work.mkdir()

    def start(self):
        with open(self.work / "log", "wb") as log:
            self.process = subprocess.Popen([*self.link.ends[self.end], *self.arguments()], stdout=log, stderr=log,
                                            stdin=subprocess.DEVNULL, start_new_session=True)
        try:
            self.link.run(self.end, sys.executable, link.__file__, "wait", self.address, str(self.port))
        except subprocess.CalledProcessError:
            self.stop()
            said = (self.work / "log").read_text(errors="replace").strip()
            raise RuntimeError(f"{self.name} does not start: {said}") from None
        return self


NGINX_HEAD = """
daemon off; worker_processes 1; pid {work}/pid; error_log {work}/error.log warn; user root;
events {{ worker_connections 1024; }}
http {{
    access_log off; sendfile on; tcp_nopush on; default_type application/octet-stream;
    client_body_temp_path {work}/1; proxy_temp_path {work}/2;
    fastcgi_temp_path {work}/3; uwsgi_temp_path {work}/4; scgi_temp_path {work}/5;
"""


class Origin(AtOneEnd):
    name, end, address, port_number = "origin", link.ORIGIN, link.ADDRESSES[link.ORIGIN], TLS_PORT

    def arguments(self):
        tls = f"ssl_certificate {self.work.parent}/ca.pem; ssl_certificate_key {self.work.parent}/key.pem;"
        config = self.work / "nginx.conf"
        config.write_text(NGINX_HEAD.format(work=self.work) + f"""
    server {{ listen {self.address}:{TLS_PORT} ssl http2; root {self.files}; {tls} }}
    server {{ listen {self.address}:{CLEAR_PORT}; root {self.files}; }}
}}""")
        return ["nginx", "-c", str(config)]


class ColdModelhost(AtOneEnd):
    name, end, command = "modelhost", link.CLIENT, ""
    ca_file = ""

    def arguments(self):
        return [self.command, "serve", "-q", "-l", f"127.0.0.1:{self.port}", "--cache-dir", str(self.work / "cache"),
                "--mirror", f"models={self.upstream}models/", "--set", f"upstream.ca_file={self.ca_file}"]


class ColdNginx(AtOneEnd):
    name, end = "nginx proxy_cache", link.CLIENT

    def arguments(self):
        config = self.work / "nginx.conf"
        scheme, _, host = self.upstream.rstrip("/").partition("://")
        config.write_text(NGINX_HEAD.format(work=self.work) + f"""
    proxy_cache_path {self.work}/cache keys_zone=models:10m max_size=1g inactive=1d;
    upstream origin {{ server {host}; keepalive 24; }}
    server {{
        listen 127.0.0.1:{self.port};
        location / {{
            proxy_pass {scheme}://origin; proxy_http_version 1.1; proxy_set_header Connection "";
            proxy_cache models; proxy_cache_valid 200 1d; proxy_cache_lock on; proxy_ssl_session_reuse on;
        }}
    }}
}}""")
        return ["nginx", "-c", str(config)]


class ColdVarnish(AtOneEnd):
    name, end = "Varnish", link.CLIENT

    def arguments(self):
        return ["varnishd", "-F", "-n", str(self.work / "v"), "-a", f"127.0.0.1:{self.port}",
                "-b", f"{link.ADDRESSES[link.ORIGIN]}:{CLEAR_PORT}", "-s", "malloc,400m"]


class Cold:
    """One run of the comparison: its link, its origin, and how each contestant loads."""

    def __init__(self, work, build_dir, congestion):
        self.work = work / "cold"
        self.work.mkdir()
        self.fetch = str(build_dir / "bench" / "bench-fetch")
        self.ca_file = self.work / "ca.pem"
        self.link = link.Link(str(build_dir / "bench" / "bench-link"), congestion)
        try:
            make_authority(self.work)
            self.shards, self.payload = make_model(self.work / "files")
            AtOneEnd.link = self.link
            ColdModelhost.command, ColdModelhost.ca_file = str(build_dir / "modelhost"), str(self.ca_file)
            self.origin = Origin(self.work / "files", self.work / "origin").start()
        except BaseException:
            self.link.close()
            raise
        self.bound = link.wire_seconds(self.payload) + 3 * link.ROUND_TRIP

    def close(self):
        self.origin.stop()
        self.link.close()

    def contestants(self):
        address = link.ADDRESSES[link.ORIGIN]
        tls, clear = f"https://{address}:{TLS_PORT}/", f"http://{address}:{CLEAR_PORT}/"
        found = {
            BARE_H2: lambda: self.straight(tls, "-2", "-c", "1"),
            "modelhost, HTTP/2 origin": lambda: self.through(ColdModelhost, tls),
            BARE_H1: lambda: self.straight(clear, "-c", "6"),
            "modelhost, HTTP/1.1 origin in the clear": lambda: self.through(ColdModelhost, clear),
            "nginx proxy_cache, HTTP/1.1 origin in the clear": lambda: self.through(ColdNginx, clear),
            "nginx proxy_cache, HTTP/1.1 origin with TLS": lambda: self.through(ColdNginx, tls),
        }
        if shutil.which("varnishd"):
            found["Varnish, HTTP/1.1 origin in the clear"] = lambda: self.through(ColdVarnish, clear)
        if shutil.which("node"):
            found["six connections as a browser's, straight, TLS"] = lambda: self.browser(tls)
            found["six connections as a browser's, straight, in the clear"] = lambda: self.browser(clear)
        return found

    def ask(self, *command):
        said = self.link.run(link.CLIENT, *command)
        result = json.loads(said)
        if result["errors"] or result["bytes"] != self.payload:
            raise RuntimeError(f"{command[0]}: {result['errors']} failed, {result['bytes']} of {self.payload} bytes came")
        return result["seconds"]

    def straight(self, origin, *options):
        return self.ask(self.fetch, *options, "-a", str(self.ca_file), f"{origin}{FOLDER}model.json", *self.shards)

    def browser(self, origin):
        return self.ask("env", f"NODE_EXTRA_CA_CERTS={self.ca_file}", "node",
                        str(pathlib.Path(__file__).parent / "browser.mjs"), f"{origin}{FOLDER}model.json", *self.shards)

    def through(self, kind, origin):
        place = self.work / "mirror"
        kind.upstream = origin
        peer = kind(None, place).start()
        try:
            return self.ask(self.fetch, "-c", CLIENT_CONNECTIONS, f"http://127.0.0.1:{MIRROR_PORT}/{FOLDER}model.json",
                            *self.shards)
        finally:
            peer.stop()
            shutil.rmtree(place)


def make_authority(folder):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
         "-subj", "/CN=bench", "-addext", f"subjectAltName=IP:{link.ADDRESSES[link.ORIGIN]},IP:127.0.0.1",
         "-keyout", str(folder / "key.pem"), "-out", str(folder / "ca.pem")], check=True, capture_output=True)


def measure(work, build_dir, congestion, rounds):
    """{"bound": seconds, "checked": text, "seconds": {name: [one per round]}, "wire": ...}, or raises NoLink."""
    cold = Cold(work, build_dir, congestion)
    try:
        contestants = cold.contestants()
        seconds = {name: [] for name in contestants}
        down = {name: [] for name in contestants}
        for number in range(rounds):
            order = list(contestants)
            random.Random(number).shuffle(order)
            for name in order:
                cold.link.counters()
                seconds[name].append(contestants[name]())
                time.sleep(4 * link.ROUND_TRIP)  # what still travels, of connections being closed, arrives
                down[name].append(cold.link.counters()["down"])
            print(f"cold load: round {number + 1} of {rounds}", file=sys.stderr)
        return {"bound": cold.bound, "payload": cold.payload, "checked": cold.link.checked, "seconds": seconds,
                "down": down}
    finally:
        cold.close()


def table(result):
    """Markdown: medians over the rounds, as multiples of the bound."""
    bound, payload = result["bound"], result["payload"]
    lines = [f"| 24 files, {payload / 1e6:.1f} MB, 50 ms, {link.MBIT} Mbit/s | x bound | least | most "
             "| x bare libcurl | wire bytes / payload | lost |", "|---|---|---|---|---|---|---|"]
    for name, seconds in sorted(result["seconds"].items(), key=lambda entry: statistics.median(entry[1])):
        down = result["down"][name]
        wire = statistics.median(d["bytes"] for d in down) / payload
        lost = statistics.median(d["dropped"] for d in down)
        bare = statistics.median(result["seconds"][BARE_H2 if "HTTP/2" in name else BARE_H1])
        lines.append(f"| {name} | {statistics.median(seconds) / bound:.3f} | {min(seconds) / bound:.3f} "
                     f"| {max(seconds) / bound:.3f} | {statistics.median(seconds) / bare:.3f} | {wire:.3f} | {lost:.0f} |")
    return "\n".join(lines)
