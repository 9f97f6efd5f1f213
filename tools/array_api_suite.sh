#!/usr/bin/env bash
# Runs the official conformance suite of the Array API standard against farptr, at 1, 2 and 3 hops, and prints the counts.
# tools/array_api_suite.sh PATH [HOPS…]: PATH is a clone of data-apis/array-api-tests with its submodule array-api.
set -uo pipefail
suite=${1:?the path of a clone of data-apis/array-api-tests, with its submodule}
shift
here=$(cd "$(dirname "$0")/.." && pwd)
cd "$suite" || exit 2
worst=0
for hops in "${@:-1 2 3}"; do
  for n in $hops; do
    echo "hops: $n"
    PYTHONPATH="$here" ARRAY_API_TESTS_VERSION=2024.12 ARRAY_API_TESTS_MODULE="tests.array_api.hops$n" \
      python -m pytest array_api_tests -q --tb=line -p no:cacheprovider -p no:farptr -n "${WORKERS:-2}" \
      --max-examples "${EXAMPLES:-20}" --hypothesis-disable-deadline || worst=$?
  done
done
exit "$worst"
