# SPDX-License-Identifier: Apache-2.0
"""The shaped link: bench-link started, its two ends configured, and what it does checked.

50 ms there and back, 200 Mbit/s each way, and a queue of one such product (1250 kB) that drops at its
tail. The client's end is 10.99.0.1, the origin's 10.99.0.2, each in a network namespace without any
other way out. Connections begin from nothing each time: neither end remembers metrics."""

import json
import select
import shutil
import socket
import statistics
import struct
import subprocess
import sys
import time

DELAY_MS, MBIT, QUEUE_KB = 25, 200, 1250
ROUND_TRIP = 2 * DELAY_MS / 1000
ADDRESSES = ("10.99.0.1", "10.99.0.2")
CLIENT, ORIGIN = 0, 1
MTU, SEGMENT = 1500, 1448  # with TCP's timestamps
PROBE_BYTES = 25_000_000


class NoLink(Exception):
    """The link cannot be had here, and why."""


def wire_seconds(payload):
    """What so many bytes take on the link at the least, packet headers included, but no round trips."""
    return payload * MTU / SEGMENT * 8 / (MBIT * 1e6)


class Link:
    def __init__(self, command, congestion):
        self.congestion = congestion
        missing = [tool for tool in ("nsenter", "ip") if not shutil.which(tool)]
        if missing:
            raise NoLink(f"{' and '.join(missing)} not found")
        self.process = subprocess.Popen(
            [command, "-d", str(DELAY_MS), "-r", str(MBIT), "-q", str(QUEUE_KB)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        words = self.process.stdout.readline().split()
        if words[:1] != ["ready"]:
            raise NoLink(self.process.communicate()[1].strip() or "bench-link does not start")
        self.ends = [["nsenter", f"--net=/proc/{words[1]}/fd/{fd}", "--"] for fd in words[2:4]]
        try:
            for end in (CLIENT, ORIGIN):
                self._configure(end)
            self.checked = self._check()
        except (subprocess.CalledProcessError, OSError, ValueError) as problem:
            self.close()
            said = getattr(problem, "stderr", "") or str(problem)
            raise NoLink(f"it could not be set up: {said.strip()}") from None
        except NoLink:
            self.close()
            raise

    def _configure(self, end):
        for command in (["ip", "link", "set", "dev", "lo", "up"],
                        ["ip", "addr", "add", f"{ADDRESSES[end]}/30", "dev", "slow0"],
                        ["ip", "link", "set", "dev", "slow0", "txqueuelen", "5000", "mtu", str(MTU)],
                        ["ip", "link", "set", "dev", "slow0", "up"]):
            self.run(end, *command)
        self.run(end, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/tcp_no_metrics_save; "
                 f"echo {self.congestion} > /proc/sys/net/ipv4/tcp_congestion_control")

    def run(self, end, *command):
        """A command at one end, to its end; its output."""
        return subprocess.run([*self.ends[end], *command], check=True, capture_output=True, text=True,
                              timeout=60).stdout

    def counters(self):
        """What was carried since the last call: {"up": {...}, "down": {packets, bytes, dropped}}."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def _check(self):
        """Is it the link that was asked for? Its round trip by ping, its rate by a bare transfer."""
        program = [sys.executable, __file__]
        server = subprocess.Popen([*self.ends[ORIGIN], *program, "serve"], stdout=subprocess.PIPE, text=True)
        try:
            port = server.stdout.readline().strip()
            round_trip = float(self.run(CLIENT, *program, "ping"))
            # The best of three: it is the link that is checked, not how quiet the machine is.
            seconds = min(float(self.run(CLIENT, *program, "fetch", port)) for _ in range(3))
        finally:
            server.kill()
            server.wait(10)
        rate = PROBE_BYTES * MTU / SEGMENT * 8 / 1e6 / (seconds - 2 * round_trip)
        if not 0.98 * ROUND_TRIP <= round_trip <= 1.1 * ROUND_TRIP:
            raise NoLink(f"a ping takes {round_trip * 1e3:.1f} ms in place of {ROUND_TRIP * 1e3:.0f}")
        if not 0.6 * MBIT <= rate <= 1.02 * MBIT:
            raise NoLink(f"a bare transfer has {rate:.0f} Mbit/s in place of {MBIT}")
        self.counters()
        return f"ping {round_trip * 1e3:.1f} ms, a bare transfer of 25 MB {rate:.0f} Mbit/s, slow start included"

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)


# --- what runs at the ends for the check ---

def ping():
    """The median of five echoes, in seconds."""
    taken = []
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as raw:
        for number in range(5):
            words = struct.pack("!BBHHH", 8, 0, 0, 0x6d68, number)
            total = sum(struct.unpack("!4H", words))
            packet = words[:2] + struct.pack("!H", ~((total >> 16) + total) & 0xFFFF) + words[4:]
            began = time.monotonic()
            raw.sendto(packet, (ADDRESSES[ORIGIN], 0))
            while time.monotonic() - began < 1:
                if not select.select([raw], [], [], 1)[0]:
                    break
                if raw.recv(2048)[20:28] == b"\0\0" + raw_checksum(number) + struct.pack("!HH", 0x6d68, number):
                    taken.append(time.monotonic() - began)
                    break
    if not taken:
        sys.exit("no echo came back")
    print(statistics.median(taken))


def raw_checksum(number):
    total = 0x6d68 + number
    return struct.pack("!H", ~((total >> 16) + total) & 0xFFFF)


def serve():
    """Send PROBE_BYTES to whoever connects."""
    with socket.create_server((ADDRESSES[ORIGIN], 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            peer, _ = listener.accept()
            with peer:
                peer.sendall(bytes(PROBE_BYTES))


def fetch(port):
    """The seconds from connecting to the last byte."""
    began = time.monotonic()
    left = PROBE_BYTES
    with socket.create_connection((ADDRESSES[ORIGIN], int(port)), timeout=30) as peer:
        while left > 0:
            data = peer.recv(1 << 18)
            if not data:
                sys.exit("the bare transfer ended early")
            left -= len(data)
    print(time.monotonic() - began)


def wait(address, port):
    """Until somebody listens there, ten seconds at most."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        with socket.socket() as probe:
            if probe.connect_ex((address, int(port))) == 0:
                return
        time.sleep(0.02)
    sys.exit(f"nobody listens on {address}:{port}")


if __name__ == "__main__":
    {"ping": ping, "serve": serve, "fetch": fetch, "wait": wait}[sys.argv[1]](*sys.argv[2:])
