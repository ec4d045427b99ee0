#!/bin/sh
# The tests with real clients: npm run test:clients [-- [--all] ARGUMENTS OF VITEST]
#
#   --all   those of test/clients/all, too, whose packages are large or which take long; the same as
#           MOORAGE_ALL_CLIENTS=1, which "npm test" and .ci/run heed as well
set -eu

cd "$(dirname "$0")/.."
if [ "${1:-}" = --all ]; then
  shift
  export MOORAGE_ALL_CLIENTS=1
fi
sh scripts/setup/setup.sh test
npm run --silent build
files=test/clients
for argument; do
  case $argument in -*) ;; *) files= ;; esac
done
# shellcheck disable=SC2086 # a word or none
exec npx vitest run --maxWorkers=100% $files "$@"
