"""Mounts a home by sshfs, does operations in it as its users would, with programs of the machine,
and unmounts it. They come as JSON on standard input."""

import ctypes
import json
import os
import signal
import subprocess
import sys
import tempfile
import time

SSH = (
    "ssh -F /dev/null -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null "
    "-o GlobalKnownHostsFile=/dev/null -o IdentityAgent=none -o LogLevel=ERROR "
    "-o NumberOfPasswordPrompts=1"
)
PR_SET_PDEATHSIG = 1


def end_with_parent():
    """So that no mount outlives this program, however it ends."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def is_mounted(path):
    with open("/proc/self/mountinfo", encoding="utf8") as mounts:
        return any(line.split(" ")[4] == path for line in mounts)


def mount(login, path):
    if not os.path.exists("/dev/fuse"):
        sys.exit("/dev/fuse is missing: sshfs needs FUSE of the kernel (modprobe fuse)")
    command = SSH
    # Without direct_io the kernel's cache holds zeros for what a broken connection did not bring.
    options = ["idmap=user", "auto_unmount", "direct_io"]
    if "password" in login:
        options.append("password_stdin")
    else:
        command += f" -o IdentitiesOnly=yes -i {login['key']['openssh']}"
    options.append(f"ssh_command={command}")
    arguments = [word for option in options for word in ("-o", option)]
    place = f"{login['user']}@127.0.0.1:{login['prefix']}"
    try:
        sshfs = subprocess.Popen(
            ["sshfs", "-f", "-p", str(login["port"]), *arguments, place, path],
            stdin=subprocess.PIPE,
            preexec_fn=end_with_parent,
        )
    except FileNotFoundError:
        sys.exit("sshfs is missing: install the package sshfs")
    try:
        sshfs.communicate(f"{login.get('password', '')}\n".encode(), timeout=0.01)
    except subprocess.TimeoutExpired:
        pass
    while not serves(path):
        if sshfs.poll() is not None:
            sys.exit(1)
        time.sleep(0.01)
    return sshfs


def serves(path):
    """It is mounted before sshfs has logged in."""
    try:
        return os.stat(path).st_dev != os.stat(os.path.dirname(path)).st_dev
    except OSError:
        return False


def unmount(path, sshfs):
    for flags in (["-u"], ["-u", "-z"]):
        if is_mounted(path):
            subprocess.run(["fusermount3", *flags, path], check=False)
    sshfs.wait(60)


def run(*command):
    subprocess.run(command, check=True)


def append_rest(source, target):
    with open(source, "rb") as rest, open(target, "ab") as file:
        rest.seek(os.stat(target).st_size)
        while chunk := rest.read(1 << 20):
            file.write(chunk)


def perform(op, top):
    kind = op["do"]
    there, path = (top + op.get(key, "/") for key in ("there", "path"))
    source, target = (top + op.get(key, "/") for key in ("from", "to"))
    here = op.get("here")
    if kind == "list":
        print(json.dumps({"names": os.listdir(path)}))
    elif kind in ("put", "putTree", "putKept"):
        run("cp", {"put": "-f", "putTree": "-r", "putKept": "-p"}[kind], here, there)
    elif kind in ("get", "getTree", "getKept"):
        run("cp", {"get": "-f", "getTree": "-r", "getKept": "-p"}[kind], there, here)
    elif kind == "resumePut":
        append_rest(here, there)
    elif kind == "resumeGet":
        append_rest(there, here)
    elif kind == "rename":
        run("mv", "-n", source, target)
    elif kind == "replace":
        run("mv", "-f", source, target)
    elif kind == "symlink":
        os.symlink(op["from"].lstrip("/"), target)
    elif kind == "hardlink":
        run("ln", source, target)
    elif kind in ("remove", "mkdir", "rmdir"):
        run({"remove": "rm"}.get(kind, kind), path)
    elif kind == "chmod":
        run("chmod", f"{op['mode']:o}", path)
    elif kind == "df":
        space = os.statvfs(path)
        used = (space.f_blocks - space.f_bfree) * space.f_frsize
        print(json.dumps({"total": space.f_blocks * space.f_frsize, "used": used}))
    else:
        raise NotImplementedError(kind)


def main():
    order = json.load(sys.stdin)
    path = tempfile.mkdtemp(prefix="mount-", dir=order["login"]["desk"])
    sshfs = mount(order["login"], path)
    failed = False
    try:
        for op in order["ops"]:
            try:
                perform(op, path)
            except Exception as error:
                failed = True
                print(f"{op['do']}: {error}", file=sys.stderr)
                if not order["goOn"]:
                    break
    finally:
        unmount(path, sshfs)
    return 1 if failed else 0


sys.exit(main())
