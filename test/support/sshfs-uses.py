"""What programs do with files, done in the directory that is given. Says what is wrong and ends
with 1, or says nothing."""

import errno
import fcntl
import mmap
import os
import sqlite3
import sys
import threading
import time


def write(path, data, flags=os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode=0o644, sync=True):
    fd = os.open(path, flags, mode)
    with os.fdopen(fd, "wb") as file:
        file.write(data)
        if sync:
            file.flush()
            os.fsync(file.fileno())


def read(path):
    with open(path, "rb") as file:
        return file.read()


def expect(condition, text):
    if not condition:
        raise AssertionError(text)


def becomes(top, names):
    """The kernel says close(2) is done before sshfs knows of it: only then it removes what it hid."""
    patience = time.monotonic() + 20
    while os.listdir(top) != names and time.monotonic() < patience:
        time.sleep(0.02)
    expect(os.listdir(top) == names, f"left over: {os.listdir(top)}")


def refused(act, *codes):
    try:
        act()
    except OSError as error:
        expect(error.errno in codes, f"{errno.errorcode[error.errno]} is not what it should be")
        return
    raise AssertionError("it should have been refused")


class Editors:
    """The ways in which editors save a file: afterwards it is whole, and nothing else is left."""

    def atomic(self, path, data):
        """Most of them: a new file beside it, renamed over it."""
        temporary = path + ".tmp"
        write(temporary, data, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        os.chmod(temporary, os.stat(path).st_mode & 0o777)
        os.rename(temporary, path)
        directory = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY)
        os.fsync(directory)
        os.close(directory)

    def vim(self, path, data):
        """backupcopy=no: tries whether it may make files, a swap file, the old one moved aside."""
        directory, name = os.path.split(path)
        swap = os.path.join(directory, f".{name}.swp")
        write(swap, b"b0VIM 9.0" + bytes(4087), os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        trial = os.path.join(directory, "4913")
        os.close(os.open(trial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o100644))
        os.chmod(trial, 0o644)
        os.unlink(trial)
        backup = path + "~"
        if os.path.lexists(backup):
            os.unlink(backup)
        mode = os.stat(path).st_mode & 0o777
        os.rename(path, backup)
        write(path, data)
        os.chmod(path, mode)
        os.unlink(backup)
        os.unlink(swap)

    def vim_copy(self, path, data):
        """backupcopy=yes: the old content is copied aside, the file itself written again."""
        backup = path + "~"
        write(backup, read(path), os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW)
        stat = os.stat(path)
        os.utime(backup, (stat.st_atime, stat.st_mtime))
        write(path, data)
        os.unlink(backup)

    def nano(self, path, data):
        """Writes over it, after a lock file that names its process."""
        directory, name = os.path.split(path)
        lock = os.path.join(directory, f".{name}.swp")
        write(lock, b"nano" + bytes(1020), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, sync=False)
        write(path, data, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.unlink(lock)

    def emacs(self, path, data):
        """A lock that is a link to nothing, the old file moved aside for good, then a new one."""
        directory, name = os.path.split(path)
        lock = os.path.join(directory, f".#{name}")
        os.symlink("ann@desk.1234:1700000000", lock)
        write(os.path.join(directory, f"#{name}#"), data)
        backup = path + "~"
        os.rename(path, backup)
        write(path, data)
        os.chmod(path, os.stat(backup).st_mode & 0o777)
        os.unlink(os.path.join(directory, f"#{name}#"))
        expect(os.readlink(lock).startswith("ann@desk"), "the lock's text")
        os.unlink(lock)
        os.unlink(backup)

    def office(self, path, data):
        """Locked, truncated and written in place, through one descriptor that stays open."""
        lock = os.path.join(os.path.dirname(path), f".~lock.{os.path.basename(path)}#")
        write(lock, b",ann,desk,;", os.O_RDWR | os.O_CREAT | os.O_EXCL)
        fd = os.open(path, os.O_RDWR)
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(fd, 0)
        os.pwrite(fd, data, 0)
        os.fsync(fd)
        fcntl.lockf(fd, fcntl.LOCK_UN)
        os.close(fd)
        os.unlink(lock)

    def appending(self, path, data):
        """Two that append to the file take turns."""
        os.truncate(path, 0)
        half = len(data) // 2
        for part in (data[:half], data[half:]):
            write(path, part, os.O_WRONLY | os.O_APPEND)


def editors(top):
    saves = Editors()
    path = os.path.join(top, "letter with ä and spaces.txt")
    write(path, b"first\n", mode=0o640)
    for number, name in enumerate(n for n in dir(Editors) if not n.startswith("_")):
        for size in (0, 1, 70_000, 300_001, 5_000):
            data = bytes((number * 7 + size + at) % 251 for at in range(size))
            getattr(saves, name)(path, data)
            expect(read(path) == data, f"{name}: other content after saving {size} bytes")
            expect(os.stat(path).st_size == size, f"{name}: another size than {size}")
            expect(os.listdir(top) == [os.path.basename(path)], f"{name}: {os.listdir(top)}")
    expect(os.stat(path).st_mode & 0o777 == 0o640, "the mode did not survive")


def database(top):
    """Rows by several writers, in all kinds of journal, checked by another connection."""
    path = os.path.join(top, "books.sqlite")
    for number, journal in enumerate(("delete", "truncate", "persist", "wal")):
        connection = sqlite3.connect(path, timeout=60)
        kept = connection.execute(f"PRAGMA journal_mode={journal}").fetchone()[0]
        expect(kept == journal, f"journal_mode is {kept}")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("CREATE TABLE IF NOT EXISTS t (n INTEGER PRIMARY KEY, b BLOB)")
        connection.commit()
        before = connection.execute("SELECT count(*) FROM t").fetchone()[0]

        def insert():
            mine = sqlite3.connect(path, timeout=60)
            for row in range(15):
                with mine:
                    mine.execute("INSERT INTO t (b) VALUES (?)", (os.urandom(3_000 + row),))
            mine.close()

        writers = [threading.Thread(target=insert) for _ in range(2)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        connection.execute("BEGIN")
        connection.execute("DELETE FROM t")
        connection.rollback()
        after = connection.execute("SELECT count(*) FROM t").fetchone()[0]
        expect(after == before + 30, f"{journal}: {after - before} rows of 30")
        connection.close()
        other = sqlite3.connect(path)
        found = other.execute("PRAGMA integrity_check").fetchall()
        expect(found == [("ok",)], f"{journal}: {found}")
        if number % 2 == 1:
            other.execute("DELETE FROM t WHERE n % 3 = 0")
            other.commit()
            other.execute("VACUUM")
        other.close()


def open_files(top):
    """Files whose name goes, or gets another file, while they are open."""
    def at(name):
        return os.path.join(top, name)

    write(at("gone"), b"x" * 100_000)
    with open(at("gone"), "r+b") as file:
        os.unlink(at("gone"))
        refused(lambda: os.stat(at("gone")), errno.ENOENT)
        file.seek(99_990)
        expect(file.read() == b"x" * 10, "what was removed can't be read any more")
        file.write(b"more")
        file.flush()
        file.seek(100_000)
        expect(file.read() == b"more", "what was removed can't be written any more")
    becomes(top, [])

    write(at("old"), b"o" * 50_000)
    write(at("new"), b"n" * 10)
    with open(at("old"), "rb") as file:
        os.rename(at("new"), at("old"))
        expect(read(at("old")) == b"n" * 10, "the new file is not there")
        expect(file.read() == b"o" * 50_000, "the old file, still open, is another")
    with open(at("old"), "r+b") as file:
        os.rename(at("old"), at("moved"))
        file.write(b"N")
        file.flush()
        os.fsync(file.fileno())
        expect(read(at("moved")) == b"N" + b"n" * 9, "a write after the rename is lost")
    becomes(top, ["moved"])
    os.unlink(at("moved"))


def holes(top):
    """Truncation, appending, holes, mapped memory."""
    path = os.path.join(top, "file")
    write(path, b"0123456789")
    os.truncate(path, 4)
    expect(read(path) == b"0123", "cut off")
    os.truncate(path, 8)
    expect(read(path) == b"0123\0\0\0\0", "lengthened with zeros")
    write(path, b"AB", os.O_WRONLY | os.O_APPEND)
    expect(read(path) == b"0123\0\0\0\0AB", "appended")
    fd = os.open(path, os.O_RDWR)
    os.pwrite(fd, b"end", 1_000_000)
    expect(os.fstat(fd).st_size == 1_000_003, "a hole's size")
    expect(os.pread(fd, 100, 500_000) == bytes(100), "a hole has zeros")
    os.ftruncate(fd, 600_000)
    os.pwrite(fd, b"tail", 700_000)
    expect(os.pread(fd, 100_010, 600_000) == bytes(100_000) + b"tail", "cut off and written behind")
    os.close(fd)
    with open(path, "r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
        memory[100:104] = b"mmap"
        memory.flush()
    expect(read(path)[100:104] == b"mmap", "written through mapped memory")
    for size in (0, 4_095, 4_096, 4_097, 131_072, 131_073):
        os.truncate(path, size)
        expect(os.stat(path).st_size == size and len(read(path)) == size, f"truncated to {size}")
    refused(lambda: os.mkdir(path), errno.EEXIST, errno.EPERM)
    os.unlink(path)


def tree(top):
    """Directories, links, modes, times and odd names, as the kernel asks for them."""
    os.makedirs(os.path.join(top, "a/b/c"))
    names = ["ü", "a b", "-x", "it's", 'say "hi"', "new\nline", "\\back", "n" * 255, "日本語"]
    for name in names:
        write(os.path.join(top, "a", name), name.encode(), sync=False)
    raw = os.path.join(os.fsencode(top), b"a", b"\xff\xfe")
    write(raw, b"raw", sync=False)
    expect(read(raw) == b"raw", "a name that is not UTF-8")
    expect(set(os.listdir(os.path.join(top, "a"))) >= {"b", *names}, "a name is missing")
    for name in names:
        path = os.path.join(top, "a", name)
        expect(read(path) == name.encode(), f"content of {name}")
        os.rename(path, os.path.join(top, "a/b", name))
    os.chdir(top)
    os.symlink("a/b/ü", "relative")
    os.symlink("missing", "dangling")
    os.link("a/b/ü", "hard")
    expect(read("relative") == "ü".encode() and read("hard") == "ü".encode(), "links")
    expect(os.readlink("dangling") == "missing", "a link's text")
    refused(lambda: open("dangling"), errno.ENOENT)
    os.chmod("hard", 0o604)
    os.utime("hard", (1_000_000_000, 1_234_567_890))
    stat = os.stat("hard")
    expect((stat.st_mode & 0o777, stat.st_mtime) == (0o604, 1_234_567_890), "mode or time")
    refused(lambda: os.rmdir("a"), errno.ENOTEMPTY, errno.EPERM)
    refused(lambda: os.unlink("a"), errno.EISDIR, errno.EPERM)
    refused(lambda: os.open("a/b/missing/x", os.O_CREAT | os.O_WRONLY), errno.ENOENT)
    refused(lambda: open("hard/x"), errno.ENOTDIR, errno.ENOENT)
    refused(lambda: os.open("hard", os.O_CREAT | os.O_EXCL | os.O_WRONLY), errno.EEXIST)
    refused(lambda: os.mkdir("m" * 256), errno.ENAMETOOLONG, errno.EBADMSG)
    many = [f"many/{number:04}" for number in range(400)]
    os.mkdir("many")
    for name in many:
        os.close(os.open(name, os.O_CREAT | os.O_WRONLY, 0o644))
    expect(sorted(os.listdir("many")) == [name[5:] for name in many], "400 entries")


USES = {use.__name__: use for use in (editors, database, open_files, holes, tree)}

try:
    USES[sys.argv[1]](sys.argv[2])
except AssertionError as wrong:
    sys.exit(f"{sys.argv[1]}: {wrong}")
