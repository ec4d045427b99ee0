"""Does the same random operations in two directories and compares what comes of them.

Arguments: a directory, one to compare with, the number of operations, the seed, and "links" when
files may get several names: what caches know of one is then not true of the other."""

import os
import random
import stat
import sys

SIDES = [os.fsencode(path) for path in sys.argv[1:3]]
COUNT, SEED = int(sys.argv[3]), int(sys.argv[4])
LINKS = sys.argv[5:] == ["links"]
chance = random.Random(SEED)

NAMES = [b"a", b"b", b"c", b"d", b"two words", "ü".encode(), b"x.txt"]
DONE = []


def path():
    return b"/".join(chance.choice(NAMES) for _ in range(chance.choice((1, 1, 2, 2, 3))))


def data():
    size = chance.choice((0, 1, 10, 4_096, 4_097, 32_768, 70_000, 140_001))
    return bytes([chance.randrange(256)]) * size


def write(target, content, flags, at):
    fd = os.open(target, flags, 0o644)
    try:
        if at is None:
            os.write(fd, content)
        else:
            os.pwrite(fd, content, at)
    finally:
        os.close(fd)


def read(target, at, size):
    fd = os.open(target, os.O_RDONLY)
    try:
        return os.pread(fd, size, at)
    finally:
        os.close(fd)


def patch(target, pieces, size):
    """Several writes, a truncation and a read through one descriptor."""
    fd = os.open(target, os.O_RDWR)
    try:
        for at, content in pieces:
            os.pwrite(fd, content, at)
        os.ftruncate(fd, size)
        return os.pread(fd, 300_000, 0)
    finally:
        os.close(fd)


def show(target):
    found = os.lstat(target)
    size = found.st_size if stat.S_ISREG(found.st_mode) else None
    return stat.S_IFMT(found.st_mode), size


def modes(target, mode):
    # Directories stay usable; without root's rights a file could not be opened, either.
    os.chmod(target, mode | (0o700 if os.path.isdir(target) else 0o600))
    return stat.S_IMODE(os.stat(target).st_mode)


def times(target, when):
    os.utime(target, (when, when))
    return os.stat(target).st_mtime


def step():
    """One operation: its name, and what does it in the directory it is given."""
    one, other, content = path(), path(), data()
    at, size = chance.randrange(100_000), chance.randrange(200_000)
    mode, when = chance.randrange(0o1000), chance.randrange(2_000_000_000)
    flags = os.O_WRONLY | chance.choice((0, os.O_CREAT)) | chance.choice((0, 0, os.O_TRUNC))
    exclusive = os.O_WRONLY | os.O_CREAT | os.O_EXCL
    pieces = [(chance.randrange(100_000), data()) for _ in range(3)]

    def in_both(act, *paths):
        return lambda top: act(*(os.path.join(top, name) for name in paths))

    return chance.choice((
        ("write", (one, len(content), at, flags), in_both(lambda p: write(p, content, flags, at), one)),
        ("create", (one, len(content)), in_both(
            lambda p: write(p, content, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0), one)),
        ("create", (one, len(content)), in_both(
            lambda p: write(p, content, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0), one)),
        ("exclusive", (one,), in_both(lambda p: write(p, content, exclusive, 0), one)),
        ("append", (one, len(content)), in_both(
            lambda p: write(p, content, os.O_WRONLY | os.O_APPEND, None), one)),
        ("patch", (one, size), in_both(lambda p: patch(p, pieces, size), one)),
        ("read", (one, at, size), in_both(lambda p: read(p, at, size), one)),
        ("truncate", (one, size), in_both(lambda p: os.truncate(p, size), one)),
        ("mkdir", (one,), in_both(os.mkdir, one)),
        ("mkdir", (one,), in_both(os.mkdir, one)),
        ("rmdir", (one,), in_both(os.rmdir, one)),
        ("unlink", (one,), in_both(os.unlink, one)),
        ("rename", (one, other), in_both(os.rename, one, other)),
        ("rename", (one, other), in_both(os.rename, one, other)),
        ("link", (one, other), in_both(lambda p, q: os.link(p, q, follow_symlinks=False), one, other)),
        ("symlink", (other, one), in_both(lambda p: os.symlink(other, p), one)),
        ("readlink", (one,), in_both(os.readlink, one)),
        ("stat", (one,), in_both(show, one)),
        ("list", (one,), in_both(lambda p: sorted(os.listdir(p)), one)),
        ("chmod", (one, mode), in_both(lambda p: modes(p, mode), one)),
        ("utime", (one, when), in_both(lambda p: times(p, when), one)),
    ))


def outcome(act, top):
    try:
        return act(top)
    except OSError as error:
        # SFTP has fewer errors than POSIX: what counts is that it was refused.
        return "refused, missing" if error.errno == 2 else "refused"


def alike(left, right):
    if left == right:
        return True
    # A missing directory on the way, or a file in its place, is the same to SFTP.
    return str(left).startswith("refused") and str(right).startswith("refused")


def tree(top):
    found = {}
    for directory, directories, files in os.walk(top):
        for name in directories + files:
            full = os.path.join(directory, name)
            kind, size = show(full)
            content = None
            if stat.S_ISLNK(kind):
                content = os.readlink(full)
            elif stat.S_ISREG(kind):
                content = read(full, 0, 1_000_000)
            mode = None if stat.S_ISLNK(kind) else stat.S_IMODE(os.lstat(full).st_mode)
            found[os.path.relpath(full, top)] = (kind, size, mode, content)
    return found


def fail(text):
    last = "\n".join(DONE[-25:])
    sys.exit(f"seed {SEED}, operation {len(DONE)}: {text}\n{last}")


for number in range(COUNT):
    name, arguments, act = step()
    DONE.append(f"{name} {arguments}")
    if name == "link" and not LINKS:
        continue
    results = [outcome(act, top) for top in SIDES]
    if not alike(*results):
        fail(" / ".join(repr(result)[:200] for result in results))
    if number % 1_000 == 999 or number == COUNT - 1:
        left, right = (tree(top) for top in SIDES)
        for entry in sorted(left.keys() | right.keys()):
            if left.get(entry) != right.get(entry):
                fail(f"{entry}: {repr(left.get(entry))[:200]} / {repr(right.get(entry))[:200]}")
