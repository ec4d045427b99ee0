#!/bin/sh
# Another Debian release's clients for the tests, in a directory of its own. As root; needs debootstrap.
#
#   clients-from.sh make RELEASE DIR     such as: make trixie /var/tmp/trixie
#   clients-from.sh remove DIR
#
# Then: CLIENTS_FROM=DIR npm run test:clients
#
# DIR/root is the system, where this machine's temporary files, this checkout, /proc and /dev are seen
# at their own places. DIR/bin starts its programs from there.
set -eu

packages="openssh-client openssh-sftp-server sshpass rclone lftp curl putty-tools python3
  python3-paramiko python3-asyncssh sshfs fuse3 ca-certificates"
programs="bash ssh sftp scp sshpass rclone lftp curl psftp pscp puttygen sshfs fusermount3 python3"
mirror=${MIRROR:-http://deb.debian.org/debian}
checkout=$(cd "$(dirname "$0")/.." && pwd -P)
temporary=$(cd "${TMPDIR:-/tmp}" && pwd -P)

usage() {
  sed -n '2,6s/^# \{0,1\}//p' "$0" >&2
  exit 2
}

# What is seen within the root, in the order of mounting.
places() {
  printf '%s\n' /proc /dev "$temporary" "$checkout"
}

make_root() {
  release=$1
  root=$2/root
  mkdir -p "$root"
  debootstrap --variant=minbase "$release" "$root" "$mirror"
  # apt resolves what depends on virtual packages, which debootstrap doesn't.
  # shellcheck disable=SC2086 # a list of words
  DEBIAN_FRONTEND=noninteractive chroot "$root" sh -c \
    'apt-get -qq update && apt-get -qq -y --no-install-recommends install "$@"' sh $packages
}

mount_places() {
  root=$1/root
  places | while read -r place; do
    mkdir -p "$root$place"
    # Of /dev with its terminals, of the rest without what is mounted in it: another such root, too.
    [ "$place" = /dev ] && how=rbind || how=bind
    mountpoint -q "$root$place" || mount "--$how" --make-rslave "$place" "$root$place"
  done
}

write_programs() {
  for program in $programs; do
    cat >"$1/bin/$program" <<END
#!/bin/sh
exec chroot '$1/root' /usr/bin/env --chdir="\$PWD" PATH=/usr/sbin:/usr/bin:/sbin:/bin $program "\$@"
END
    chmod 755 "$1/bin/$program"
  done
}

[ $# -ge 2 ] || usage
case $1 in
  make)
    [ $# -eq 3 ] || usage
    mkdir -p "$3/bin"
    directory=$(cd "$3" && pwd -P)
    [ -x "$directory/root/usr/bin/sftp" ] || make_root "$2" "$directory"
    mount_places "$directory"
    write_programs "$directory"
    echo "Now: CLIENTS_FROM=$directory npm run test:clients"
    ;;
  remove)
    [ $# -eq 2 ] || usage
    directory=$(cd "$2" && pwd -P)
    places | tac | while read -r place; do
      ! mountpoint -q "$directory/root$place" || umount --recursive "$directory/root$place"
    done
    # Nothing may be removed through a mount.
    if grep -qF " $directory/root/" /proc/self/mountinfo; then
      echo "still mounted below $directory/root: see findmnt" >&2
      exit 1
    fi
    rm -rf --one-file-system "$directory/root" "$directory/bin"
    rmdir "$directory" 2>/dev/null || echo "kept, for it holds more: $directory"
    ;;
  *) usage ;;
esac
