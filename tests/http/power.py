# SPDX-License-Identifier: Apache-2.0
"""What a power loss leaves of a directory, at any moment of a recording (tests/torture/record.c).

A Disk holds two truths: what the program sees, and what is sure to be on the disk. Contents become
sure by a sync of the file, names by a sync of their directory. A name that is sure takes with it all
that was done before it in its directory (a journal of a file system keeps its order), and a rename is
one step, in both its directories.

Three ways to lose power, of which the first two are the least and the most that a file system may
have written:

    names-lost   only what was synced: names and contents
    cut          all names, but contents only as they were synced: files are empty or short
    zeros        all names and lengths, but zeros where nothing was synced
"""

import copy
import os
import struct
from pathlib import Path

WAYS = ("names-lost", "cut", "zeros")
HEAD = struct.Struct("=IIIIQQq")
OPEN, WRITE, LENGTH, GROW, RENAME, UNLINK, RMDIR, MKDIR, SYNC_FILE, SYNC_DIRECTORY = range(1, 11)


class Step:
    """One call of the recording."""

    def __init__(self, operation, path, other, data, inode, number, mtime_ns):
        self.operation, self.path, self.other, self.data = operation, path, other, data
        self.inode, self.number, self.mtime_ns = inode, number, mtime_ns


def read_log(path):
    """All steps of a recording. A half of one, at the end of a killed program's log, is none."""
    raw = Path(path).read_bytes()
    steps, at = [], 0
    while at + HEAD.size <= len(raw):
        operation, path_n, other_n, data_n, inode, number, mtime_ns = HEAD.unpack_from(raw, at)
        ends = [at + HEAD.size]
        for n in (path_n, other_n, data_n):
            ends.append(ends[-1] + n)
        if ends[-1] > len(raw):
            break
        first, second, data = (raw[a:b] for a, b in zip(ends, ends[1:]))
        steps.append(Step(operation, first.decode(), second.decode(), data, inode, number, mtime_ns))
        at = ends[-1]
    return steps


class File:
    """Contents: as they are, and as they were at the last sync."""

    def __init__(self, data=b"", mtime_ns=None):
        self.data = bytearray(data)
        self.sure, self.sure_mtime_ns = bytes(data), mtime_ns
        self.changes = 0  # tells one state from another without a look at the bytes
        self.sure_changes = 0

    def write(self, offset, data):
        self.data.extend(bytes(max(0, offset - len(self.data))))
        self.data[offset : offset + len(data)] = data
        self.changes += 1

    def resize(self, length):
        del self.data[length:]
        self.data.extend(bytes(length - len(self.data)))
        self.changes += 1

    def sync(self, mtime_ns):
        self.sure, self.sure_mtime_ns, self.sure_changes = bytes(self.data), mtime_ns, self.changes

    def left(self, way):
        """(bytes, how many zeros behind them, mtime or None, a tag that is equal where these are)."""
        if way != "zeros" or self.changes == self.sure_changes:
            return self.sure, 0, self.sure_mtime_ns, (id(self), self.sure_changes)
        zeros = max(0, len(self.data) - len(self.sure))
        return self.sure[: len(self.data)], zeros, None, (id(self), self.sure_changes, len(self.data))


class Folder:
    """Names: as they are, and as they are sure to be; and what was done and is not sure."""

    def __init__(self):
        self.names, self.sure = {}, {}
        self.unsure = []  # (number, [(folder, name, node or None)])


class Disk:
    """A directory, one step after another."""

    def __init__(self, root=None):
        self.root = Folder()
        self._inodes = {}
        self._count = 0
        if root:
            self._load(Path(root), self.root)

    def _load(self, path, folder):
        for entry in os.scandir(path):
            if entry.is_dir(follow_symlinks=False):
                node = Folder()
                self._load(Path(entry.path), node)
            elif entry.is_file(follow_symlinks=False):
                stat = entry.stat()
                node = File(Path(entry.path).read_bytes(), stat.st_mtime_ns)
                self._inodes[stat.st_ino] = node
            else:
                continue  # a socket
            folder.names[entry.name] = folder.sure[entry.name] = node

    def _find(self, path):
        """(the folder of a path, its last name)."""
        *above, last = path.split("/")
        folder = self.root
        for name in above:
            folder = folder.names[name]
        return folder, last

    def _folder(self, path):
        folder, last = self._find(path)
        return folder if last == "." else folder.names[last]

    def _name(self, *changes):
        """One step of names: each (folder, name, node or None)."""
        self._count += 1
        entry = (self._count, changes)
        for folder, name, node in changes:
            if node is None:
                folder.names.pop(name, None)
            else:
                folder.names[name] = node
        for folder in {id(folder): folder for folder, _, _ in changes}.values():
            folder.unsure.append(entry)

    def _sync_folder(self, folder):
        """Its names are sure, and whatever came before them in the folders that they share."""
        limits = {id(folder): (folder, self._count)}
        left = [folder]
        sure = {}
        while left:
            folder = left.pop()
            limit = limits[id(folder)][1]
            for number, changes in folder.unsure:
                if number > limit or number in sure:
                    continue
                sure[number] = changes
                for other, _, _ in changes:
                    if limits.get(id(other), (other, 0))[1] < number:
                        limits[id(other)] = (other, number)
                        left.append(other)
        for _, changes in sorted(sure.items(), key=lambda item: item[0]):
            for other, name, node in changes:
                if node is None:
                    other.sure.pop(name, None)
                else:
                    other.sure[name] = node
        for other, _ in limits.values():
            other.unsure = [entry for entry in other.unsure if entry[0] not in sure]

    def apply(self, step):
        operation = step.operation
        if operation == SYNC_DIRECTORY:
            self._sync_folder(self._folder(step.path))
        elif operation == OPEN:
            self._open(step)
        elif operation == MKDIR:
            self._name((*self._find(step.path), Folder()))
        elif operation in (UNLINK, RMDIR):
            folder, name = self._find(step.path)
            if name in folder.names:  # not so a socket
                self._name((folder, name, None))
        elif operation == RENAME:
            folder, name = self._find(step.path)
            if name in folder.names:
                self._name((folder, name, None), (*self._find(step.other), folder.names[name]))
        else:
            self._change(step, self._inodes[step.inode])

    def _open(self, step):
        folder, name = self._find(step.path)
        if name not in folder.names:
            self._inodes[step.inode] = File()
            self._name((folder, name, self._inodes[step.inode]))
        elif step.number:
            folder.names[name].resize(0)

    def _change(self, step, file):
        if step.operation == WRITE:
            file.write(step.number, step.data)
        elif step.operation == LENGTH:
            file.resize(step.number)
        elif step.operation == GROW:
            file.resize(max(step.number, len(file.data)))
        elif step.operation == SYNC_FILE:
            file.sync(step.mtime_ns)
        else:
            raise ValueError(f"no such operation: {step.operation}")

    # --- looking ---

    def left(self, way):
        """{path: what File.left() gives, or None for a folder}, if power is lost now in this way."""
        found = {}

        def walk(folder, prefix):
            for name, node in (folder.sure if way == "names-lost" else folder.names).items():
                if isinstance(node, Folder):
                    found[prefix + name] = None
                    walk(node, prefix + name + "/")
                else:
                    found[prefix + name] = node.left(way)

        walk(self.root, "")
        return found

    def now(self):
        """{path: bytes} of all files, as the program sees them."""
        found = {}

        def walk(folder, prefix):
            for name, node in folder.names.items():
                if isinstance(node, Folder):
                    walk(node, prefix + name + "/")
                else:
                    found[prefix + name] = bytes(node.data)

        walk(self.root, "")
        return found


def states(before, steps):
    """From a disk, which is left as it is, by all steps of a recording: every state that differs from
    those before it, as (number of steps, way, what left() gives).

    In the middle of a run of writes to one file nothing differs but a length: its end stands for it."""
    disk = copy.deepcopy(before)
    seen = set()
    for number, step in enumerate(steps, 1):
        disk.apply(step)
        is_run = number < len(steps) and step.operation == steps[number].operation == WRITE
        if is_run and step.inode == steps[number].inode:
            continue
        for way in WAYS:
            left = disk.left(way)
            tag = frozenset((path, found and found[3]) for path, found in left.items())
            if tag not in seen:
                seen.add(tag)
                yield number, way, left


def build(left, root):
    """Make a state of states() or left() a real directory."""
    for path, found in sorted(left.items()):
        at = Path(root, path)
        if found is None:
            at.mkdir(parents=True, exist_ok=True)
            continue
        at.parent.mkdir(parents=True, exist_ok=True)
        data, zeros, mtime_ns, _ = found
        with open(at, "wb") as file:
            file.write(data)
            file.truncate(len(data) + zeros)
        if mtime_ns is not None:
            os.utime(at, ns=(mtime_ns, mtime_ns))
