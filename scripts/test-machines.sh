#!/bin/sh
# Usage: test-machines.sh [--short] [RESULTS RESULTS]
# Servers on several machines with PostgreSQL, then the store's own tests on that engine. --short leaves
# out the two that wait longest, and of the store's those that take long. The results of both go to the
# two files, as JSON.
set -u

long=''
engine=''
if [ "${1:-}" = --short ]; then
  shift
  long='^(?!.*(for longer than its lease|goes away and returns))'
  for name in calls changes intents leases nodes writes-locks; do
    engine="$engine test/unit/store/$name.test.ts"
  done
fi

# The arguments of vitest that write results to a file.
into() {
  [ -z "$1" ] || printf '%s\n' --reporter=default --reporter=json "--outputFile.json=$1"
}

failed=0
# shellcheck disable=SC2046,SC2086
MOORAGE_MACHINES=1 npx vitest run test/machines ${long:+-t "$long"} $(into "${1:-}") || failed=1
# shellcheck disable=SC2046,SC2086
MOORAGE_TEST_STORE=postgres npx vitest run $engine $(into "${2:-}") || failed=1
exit "$failed"
