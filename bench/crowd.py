# SPDX-License-Identifier: Apache-2.0
"""What clients that want little cost: memory of idle connections and slow downloads, and what others
notice of them, as a client that paces its requests sees it."""

import json
import statistics
import subprocess
import sys

import peers
import throughput

IDLE, SLOW = 10_000, 1_000
PACED = ["-r", "1000", "-c", "16"]


class Crowd:
    """bench-crowd, from when all of its clients are there until the end of the block."""

    def __init__(self, bench, peer, kind, count, paths):
        self.process = subprocess.Popen(
            ["taskset", "-c", throughput.CLIENT_CORE, bench.tool("crowd"), kind, str(count), str(peer.port),
             *[peer.prefix + path for path in paths]],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.what = f"{count} {kind} clients of {peer.name}"

    def __enter__(self):
        if self.process.stdout.readline().strip() != "ready":
            raise RuntimeError(f"{self.what}: {self.process.communicate()[1].strip()}")
        return self

    def __exit__(self, kind, *_):
        out, _ = self.process.communicate()
        if kind is None and json.loads(out)["gone"]:
            raise RuntimeError(f"{self.what}: {json.loads(out)['gone']} were hung up on")


def servers(bench, kinds):
    """Each of the installed, fresh, alone, warmed."""
    for kind in kinds:
        if not (issubclass(kind, peers.Modelhost) or kind.is_installed()):
            continue
        upstream = peers.BareMemory(bench.files, bench.new_folder()).start()
        try:
            peers.ModelhostMirror.upstream = f"http://127.0.0.1:{upstream.port}/"
            peers.Varnish.upstream_port = upstream.port
            peer = kind(bench.files, bench.new_folder()).start()
            try:
                throughput.warm(peer)
                yield peer
            finally:
                peer.stop()
        finally:
            upstream.stop()


def memory(bench):
    """{name: {"idle": KiB each, "slow": KiB each}}, over what the server took with its files warm."""
    found = {}
    for what, kind, count, paths in [("idle", "idle", IDLE, ["small.bin"]), ("slow", "slow", SLOW, throughput.SHARDS)]:
        for peer in servers(bench, [peers.ModelhostMirror, peers.ModelhostSmallHeaders, peers.Nginx, peers.Lighttpd,
                                    peers.H2o, peers.Varnish, peers.Caddy]):
            before = peer.resident_kib()
            try:
                with Crowd(bench, peer, kind, count, paths):
                    # Slow ones take from the server for a while: what they cost is what it comes to.
                    if kind == "slow":
                        throughput.run_load(bench.tool("load"), peer, ["small.bin"], *PACED, seconds=3)
                    found.setdefault(peer.name, {})[what] = (peer.resident_kib() - before) / count
            except RuntimeError as problem:
                print(f"not measured: {problem}", file=sys.stderr)
            print(f"memory: {count} {kind} clients of {peer.name}", file=sys.stderr)
    return found


def latency(bench):
    """{name: [{"alone": p99 in us, "crowded": p99}, one per round]} of a client of 1,000 requests a second."""
    found = {}
    together = [servers(bench, [kind]) for kind in (peers.ModelhostMirror, peers.Nginx)]
    started = [next(one) for one in together]
    try:
        for number in range(bench.rounds):
            for peer in started if number % 2 == 0 else reversed(started):
                found.setdefault(peer.name, []).append(latency_of(bench, peer))
            print(f"latency: round {number + 1} of {bench.rounds}", file=sys.stderr)
    finally:
        for one in together:
            one.close()
    return found


def latency_of(bench, peer):
    load = bench.tool("load")
    alone = throughput.run_load(load, peer, ["small.bin"], *PACED, seconds=2)
    with Crowd(bench, peer, "idle", IDLE - SLOW, ["small.bin"]), Crowd(bench, peer, "slow", SLOW, throughput.SHARDS):
        crowded = throughput.run_load(load, peer, ["small.bin"], *PACED, seconds=2)
    return {"alone": alone["p99_us"], "crowded": crowded["p99_us"]}


def memory_table(found):
    lines = [f"| KiB resident, anonymous and shared | {IDLE:,} idle, each | {SLOW:,} slow downloads, each |", "|---|---|---|"]
    for name, cost in found.items():
        cells = [f"{cost[what]:.1f}" if what in cost else "not measured" for what in ("idle", "slow")]
        lines.append(f"| {name} | {cells[0]} | {cells[1]} |")
    return "\n".join(lines)


def latency_table(found):
    lines = [f"| 99th percentile of 1,000 paced requests a second | with {IDLE - SLOW:,} idle and {SLOW:,} slow clients, "
             "x without | without, x nginx | with, x nginx |", "|---|---|---|---|"]
    for name, rounds in found.items():
        own = statistics.median(r["crowded"] / r["alone"] for r in rounds)
        others = [statistics.median(r[when] for r in rounds) / statistics.median(r[when] for r in found["nginx"])
                  for when in ("alone", "crowded")]
        lines.append(f"| {name} | {own:.2f} | {others[0]:.2f} | {others[1]:.2f} |")
    return "\n".join(lines)
