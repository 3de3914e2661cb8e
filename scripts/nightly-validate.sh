#!/bin/sh
# Judge the best policy of a run, unwatched: for cron, systemd timers and the like.
#
#   nightly-validate.sh RUN [OPTION...]     options go to `vtrain validate`
#
# Does nothing when the policy was judged before, prints nothing unless something failed, and ends
# with the exit code of `vtrain validate`: 0 done or nothing new, 1 out of time or a fault, 2 usage,
# 3 a figure was not reached or the policy got worse, 4 data, 5 another validation is going on,
# 6 checkpoint.
#
# VTRAIN     the program (vtrain)
# TIMEOUT    time that it may take (55m)
# ON_FAIL    a shell command that gets the result as JSON on its standard input when it fails
set -eu

if [ $# -lt 1 ]; then
    echo "Usage: $0 RUN [OPTION...]" >&2
    exit 2
fi
run=$1
shift
if [ -n "${ON_FAIL:-}" ]; then
    set -- --on-fail "$ON_FAIL" "$@"
fi
exec "${VTRAIN:-vtrain}" validate --run "$run" --if-new-checkpoint --fail-on-regression \
    --timeout "${TIMEOUT:-55m}" --quiet "$@"
