"""Does operations, given as JSON on standard input, with paramiko as its users would."""

import json
import os
import stat
import sys

import paramiko


def put_tree(sftp, here, there):
    sftp.mkdir(there)
    for entry in os.scandir(here):
        path = there + "/" + entry.name
        if entry.is_dir():
            put_tree(sftp, entry.path, path)
        else:
            sftp.put(entry.path, path)


def get_tree(sftp, there, here):
    os.mkdir(here)
    for entry in sftp.listdir_attr(there):
        path = os.path.join(here, entry.filename)
        if stat.S_ISDIR(entry.st_mode):
            get_tree(sftp, there + "/" + entry.filename, path)
        else:
            sftp.get(there + "/" + entry.filename, path)


def resume_put(sftp, here, there):
    done = sftp.stat(there).st_size
    with open(here, "rb") as source, sftp.open(there, "r+b") as target:
        source.seek(done)
        target.seek(done)
        target.set_pipelined(True)
        while chunk := source.read(1 << 20):
            target.write(chunk)


def resume_get(sftp, there, here):
    done = os.path.getsize(here)
    with sftp.open(there, "rb") as source, open(here, "ab") as target:
        source.seek(done)
        # No prefetch: paramiko thinks it is complete whenever the answers catch up with the thread
        # that asks, and then asks for all that is left a second time.
        while chunk := source.read(1 << 20):
            target.write(chunk)


def checksum(sftp, there, here):
    import hashlib

    with sftp.open(there, "rb") as file:
        remote = file.check("sha256")
    with open(here, "rb") as file:
        local = hashlib.sha256(file.read()).digest()
    if remote != local:
        raise ValueError("checksums differ")


def perform(sftp, op):
    kind = op["do"]
    if kind == "list":
        print(json.dumps({"names": sftp.listdir(op["path"])}))
    elif kind == "put":
        sftp.put(op["here"], op["there"])
    elif kind == "get":
        sftp.get(op["there"], op["here"])
    elif kind == "putTree":
        put_tree(sftp, op["here"], op["there"])
    elif kind == "getTree":
        get_tree(sftp, op["there"], op["here"])
    elif kind == "resumePut":
        resume_put(sftp, op["here"], op["there"])
    elif kind == "resumeGet":
        resume_get(sftp, op["there"], op["here"])
    elif kind == "rename":
        sftp.rename(op["from"], op["to"])
    elif kind == "replace":
        sftp.posix_rename(op["from"], op["to"])
    elif kind == "symlink":
        sftp.symlink(op["from"], op["to"])
    elif kind == "remove":
        sftp.remove(op["path"])
    elif kind == "mkdir":
        sftp.mkdir(op["path"])
    elif kind == "rmdir":
        sftp.rmdir(op["path"])
    elif kind == "chmod":
        sftp.chmod(op["path"], op["mode"])
    elif kind == "checksum":
        checksum(sftp, op["there"], op["here"])
    else:
        raise NotImplementedError(kind)


def main():
    order = json.load(sys.stdin)
    login = order["login"]
    client = paramiko.SSHClient()
    client.set_missing_host_key_policy(paramiko.WarningPolicy())
    client.connect(
        "127.0.0.1",
        port=login["port"],
        username=login["user"],
        password=login.get("password"),
        key_filename=None if "password" in login else login["key"]["openssh"],
        look_for_keys=False,
        allow_agent=False,
        banner_timeout=60,
        auth_timeout=60,
    )
    failed = False
    sftp = client.open_sftp()
    for op in order["ops"]:
        try:
            perform(sftp, op)
        except Exception as error:
            failed = True
            print(f"{op['do']}: {type(error).__name__}: {error}", file=sys.stderr)
            if not order["goOn"]:
                break
    client.close()
    return 1 if failed else 0


sys.exit(main())
