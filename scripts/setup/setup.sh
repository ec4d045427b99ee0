#!/bin/sh
# Makes sure of the system packages that a task needs. Silent when all are there. Missing ones are
# installed when that is possible (root on Debian or Ubuntu); otherwise it names the one line to run.
#
#   setup.sh build    the compilers for the native parts of the npm packages, on Node.js 20: newer
#                     ones get them ready-made, or do without (see node-gyp.js)
#   setup.sh test     the clients that the tests drive
#   setup.sh all-clients   those, and the clients of "npm run test:clients -- --all"
#   setup.sh machines   the PostgreSQL server of "npm run test:machines"
#   setup.sh bench    OpenSSH's server, the peer of the benchmark (not installed without asking)
#
# OpenSSH's server and PostgreSQL, where they are installed for the tests, are kept from starting as
# services.
set -u

task=${1:-}
missing=
hint=

# need PACKAGE PROGRAM...: PACKAGE is missing when one of its programs is
need() {
  package=$1
  shift
  for program in "$@"; do
    command -v "$program" >/dev/null 2>&1 && continue
    missing="$missing $package"
    return
  done
}

# need_module PACKAGE MODULE: PACKAGE is missing when the system's Python does not find MODULE
need_module() {
  find='import importlib.util, sys; sys.exit(importlib.util.find_spec(sys.argv[1]) is None)'
  /usr/bin/python3 -c "$find" "$2" 2>/dev/null || missing="$missing $1"
}

# need_file PACKAGE PATTERN: PACKAGE is missing when it put no file there
need_file() {
  # shellcheck disable=SC2086 # a pattern
  for file in $2; do
    [ -e "$file" ] && return
  done
  missing="$missing $1"
}

# need_perl PACKAGE MODULE: PACKAGE is missing when Perl does not find MODULE
need_perl() {
  perl "-M$2" -e 1 >/dev/null 2>&1 || missing="$missing $1"
}

need_all_clients() {
  need_perl libnet-sftp-foreign-perl Net::SFTP::Foreign
  need_perl libio-pty-perl IO::Pty
  need_perl libnet-ssh2-perl Net::SSH2
  need gcc cc
  need_file libc6-dev /usr/include/stdio.h
  need php-cli php
  need_file php-ssh2 "/usr/lib/php/*/ssh2.so"
  need_file php-phpseclib /usr/share/php/phpseclib/autoload.php
  need ruby ruby
  need_file ruby-net-sftp /usr/share/rubygems-integration/all/specifications/net-sftp-*.gemspec
  need_file ruby-net-scp /usr/share/rubygems-integration/all/specifications/net-scp-*.gemspec
  need_file ruby-ed25519 "/usr/lib/*/rubygems-integration/*/extensions/*/*/ed25519-*"
  need_file ruby-bcrypt-pbkdf "/usr/lib/*/rubygems-integration/*/extensions/*/*/bcrypt_pbkdf-*"
  need golang-go go
  need_file golang-github-pkg-sftp-dev /usr/share/gocode/src/github.com/pkg/sftp/client.go
  need default-jdk-headless javac java
  need_file libjsch-java /usr/share/java/jsch.jar
  need aria2 aria2c
  need restic restic
  need borgbackup borg
  need duplicity duplicity
  need git-annex git-annex
}

# Debian keeps some programs out of an ordinary user's PATH.
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

case $task in
  build)
    node -e 'process.exit(process.versions.node.startsWith("20.") ? 0 : 1)' || exit 0
    need python3 python3
    need make make
    need g++ "${CXX:-g++}"
    hint=" (or use Node.js 22 or newer, which needs no compiler)"
    ;;
  test | all-clients)
    need openssh-client ssh sftp scp ssh-keygen
    PATH=$PATH:/usr/lib/openssh:/usr/libexec/openssh:/usr/lib/ssh:/usr/libexec
    need openssh-sftp-server sftp-server
    need openssh-server sshd
    need sshpass sshpass
    need ssh-audit ssh-audit
    need rclone rclone
    need lftp lftp
    need curl curl
    need putty-tools psftp pscp puttygen
    need_module python3-paramiko paramiko
    need_module python3-asyncssh asyncssh
    need sshfs sshfs
    need fuse3 fusermount3
    need fio fio
    need git git
    need tmux tmux
    # The tests do without it where no compiler is.
    ! command -v cc >/dev/null 2>&1 && [ -z "${MOORAGE_ALL_CLIENTS:-}" ] ||
      need_file libssh-dev /usr/include/libssh/sftp.h
    # Asked for by a variable they are part of every run of the tests.
    [ "$task" = test ] && [ -z "${MOORAGE_ALL_CLIENTS:-}" ] || need_all_clients
    ;;
  machines)
    # Debian keeps it out of the PATH.
    command -v initdb >/dev/null 2>&1 || need_file postgresql "/usr/lib/postgresql/*/bin/initdb"
    ;;
  bench)
    need openssh-client ssh sftp ssh-keygen
    need openssh-server sshd
    ;;
  *)
    echo "usage: setup.sh build|test|all-clients|machines|bench" >&2
    exit 2
    ;;
esac

[ -n "$missing" ] || exit 0

stop() {
  if command -v apt-get >/dev/null 2>&1; then
    line="apt-get update && apt-get install -y --no-install-recommends$missing"
    [ "$(id -u)" -eq 0 ] || line="sudo sh -c '$line'"
    echo "moorage: system packages are missing. Run: $line$hint" >&2
  else
    echo "moorage: install these with your system's package manager:$missing$hint" >&2
  fi
  exit 1
}

[ "$task" != bench ] && [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1 || stop

echo "moorage: installing$missing" >&2
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp) || exit 1
policy=
trap 'rm -f "$log" $policy' EXIT
trap 'exit 1' HUP INT TERM
# invoke-rc.d(8) asks this program whether a service may be started: no, while it is there.
if [ ! -e /usr/sbin/policy-rc.d ]; then
  policy=/usr/sbin/policy-rc.d
  printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod 755 "$policy"
fi
options="-qq -o DPkg::Lock::Timeout=120 -o Dpkg::Use-Pty=0"
# shellcheck disable=SC2086 # both are lists of words
if apt-get $options update >"$log" 2>&1 &&
  apt-get $options install -y --no-install-recommends $missing >>"$log" 2>&1; then
  case $missing in
    *openssh-server*) systemctl disable ssh.service ssh.socket >/dev/null 2>&1 ;;
    *postgresql*) systemctl disable postgresql.service >/dev/null 2>&1 ;;
  esac
  exit 0
fi
tail -n 15 "$log" >&2
stop
