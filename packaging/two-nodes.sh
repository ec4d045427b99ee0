#!/bin/sh
# Several machines, tried on one: PostgreSQL and two servers of one instance, with a directory that they
# share and a port each. PostgreSQL is installed when it is missing and that can be done (root on Debian
# or Ubuntu). It runs from a temporary directory; Ctrl-C ends all of it and leaves nothing.
#
#   sh packaging/two-nodes.sh [--ports 2022,2023] [--workers N]
set -eu

cd "$(dirname "$0")/.."
if [ ! -f test/trial/main.ts ]; then
  echo "two-nodes.sh: run it in a clone of the repository: the package doesn't have all it needs" >&2
  exit 1
fi
[ -d node_modules ] || npm ci
sh scripts/setup/setup.sh machines
npm run --silent build

# In a session of its own: Ctrl-C is for this script, which ends the servers before their database.
setsid node dist/test/trial/main.js "$@" &
trial=$!
trap 'kill -TERM "$trial" 2>/dev/null || :' INT TERM HUP
status=0
wait "$trial" || status=$?
# The signal has ended the wait, and not yet the trial.
while kill -0 "$trial" 2>/dev/null; do
  status=0
  wait "$trial" || status=$?
done
exit "$status"
