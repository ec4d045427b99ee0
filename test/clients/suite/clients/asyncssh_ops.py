"""Does operations, given as JSON on standard input, with asyncssh's client as its users would."""

import asyncio
import json
import os
import sys
import warnings

warnings.simplefilter("ignore")

import asyncssh  # noqa: E402


async def resume(source, target, done):
    await source.seek(done)
    await target.seek(done)
    while chunk := await source.read(1 << 20):
        await target.write(chunk)


class Local:
    """A file here with the methods of asyncssh's files."""

    def __init__(self, path, mode):
        self.file = open(path, mode)

    async def seek(self, offset):
        self.file.seek(offset)

    async def read(self, size):
        return self.file.read(size)

    async def write(self, data):
        self.file.write(data)


async def perform(sftp, op):
    kind = op["do"]
    if kind == "list":
        print(json.dumps({"names": await sftp.listdir(op["path"])}))
    elif kind in ("put", "putTree", "putKept"):
        await sftp.put(
            op["here"], op["there"], recurse=kind == "putTree", preserve=kind == "putKept"
        )
    elif kind in ("get", "getTree", "getKept"):
        await sftp.get(
            op["there"],
            op["here"],
            recurse=kind == "getTree",
            preserve=kind == "getKept",
            follow_symlinks=kind == "get",
        )
    elif kind == "resumePut":
        async with sftp.open(op["there"], "r+b") as target:
            await resume(Local(op["here"], "rb"), target, (await target.stat()).size)
    elif kind == "resumeGet":
        target = Local(op["here"], "r+b")
        async with sftp.open(op["there"], "rb") as source:
            await resume(source, target, os.path.getsize(op["here"]))
        target.file.close()
    elif kind == "rename":
        await sftp.rename(op["from"], op["to"])
    elif kind == "replace":
        await sftp.posix_rename(op["from"], op["to"])
    elif kind == "symlink":
        await sftp.symlink(op["from"], op["to"])
    elif kind == "hardlink":
        await sftp.link(op["from"], op["to"])
    elif kind == "remove":
        await sftp.remove(op["path"])
    elif kind == "mkdir":
        await sftp.mkdir(op["path"])
    elif kind == "rmdir":
        await sftp.rmdir(op["path"])
    elif kind == "chmod":
        await sftp.chmod(op["path"], op["mode"])
    elif kind == "df":
        space = await sftp.statvfs(op["path"])
        used = (space.blocks - space.bfree) * space.frsize
        print(json.dumps({"total": space.blocks * space.frsize, "used": used}))
    else:
        raise NotImplementedError(kind)


async def main():
    order = json.load(sys.stdin)
    login = order["login"]
    failed = False
    async with asyncssh.connect(
        "127.0.0.1",
        port=login["port"],
        username=login["user"],
        password=login.get("password"),
        client_keys=[] if "password" in login else [login["key"]["openssh"]],
        known_hosts=None,
        agent_path=None,
        config=None,
    ) as connection:
        async with connection.start_sftp_client() as sftp:
            for op in order["ops"]:
                try:
                    await perform(sftp, op)
                except (OSError, asyncssh.Error) as error:
                    failed = True
                    print(f"{op['do']}: {type(error).__name__}: {error}", file=sys.stderr)
                    if not order["goOn"]:
                        break
    return 1 if failed else 0


sys.exit(asyncio.run(main()))
