# SPDX-License-Identifier: Apache-2.0
"""Anonymous memory stays under 32 MiB while a 1 GiB object goes through, cold and warm."""

import hashlib
import shutil

import pytest
from content import Seeded

PATH = "/tfjs-models/huge.bin"
SIZE = 1 << 30
CEILING_KIB = 32 << 10


@pytest.fixture
def huge(modelhost, origin, tmp_path):
    if modelhost.sanitizer:
        pytest.skip("a sanitizer's own memory is counted too")
    if shutil.disk_usage(tmp_path).free < 3 * SIZE:
        pytest.skip("less than 3 GiB of disk are free")
    content = origin.add(PATH, Seeded("huge", SIZE))
    yield content
    shutil.rmtree(modelhost.cache / "objects", ignore_errors=True)


def test_a_gigabyte_goes_through(modelhost, origin, huge):
    server = modelhost.start(origin=origin)
    idle = server.memory_kib()
    wanted = huge.sha256.hexdigest()
    for state in ("MISS", "HIT"):
        digest, peak, count = hashlib.sha256(), 0, 0
        with server.wait_idle(60).ask(PATH) as client:
            head = client.read_head()
            assert head.header("X-Cache") == state
            for number, piece in enumerate(client.body_pieces(head)):
                digest.update(piece)
                count += len(piece)
                if number % 64 == 0:
                    peak = max(peak, server.memory_kib() + server.memory_kib("RssShmem"))
        assert (count, digest.hexdigest()) == (SIZE, wanted)
        assert peak < CEILING_KIB, f"{state}: {peak} KiB, {idle} when idle"
    assert origin.journal.count() == 1
