#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""alone.py PROGRAM [ARGUMENT...]: the program in a network of its own, which has loopback alone.

What listens on all addresses in there is beyond loopback to itself, and out of everybody's reach.
"""

import ctypes
import fcntl
import os
import socket
import struct
import sys

CLONE_NEWNET = 0x40000000
SIOCSIFFLAGS = 0x8914
IFF_UP_RUNNING = 0x1 | 0x40


def main():
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
        sys.exit("alone.py: no network of its own: " + os.strerror(ctypes.get_errno()))
    with socket.socket() as probe:
        fcntl.ioctl(probe, SIOCSIFFLAGS, struct.pack("16sh", b"lo", IFF_UP_RUNNING))
    os.execvp(sys.argv[1], sys.argv[1:])


if __name__ == "__main__":
    main()
