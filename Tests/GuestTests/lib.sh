# SPDX-License-Identifier: MIT
# For the scripts beside it, which run in the guest under busybox sh. Each check prints one line,
# "ok NAME" or "not ok NAME" with what was seen; `finish` prints the token without which the driver
# counts the whole script as failed.
failed=0

ok() { echo "ok $1"; }

not_ok() {
  echo "not ok $1"
  shift
  printf '%s\n' "$@" | sed 's/^/    /'
  failed=$((failed + 1))
}

# check NAME EXPECTED-STATUS PATTERN COMMAND...: the status is as expected and standard output and error
# together match the extended regular expression.
check() {
  name=$1 want=$2 pattern=$3
  shift 3
  seen=$("$@" 2>&1)
  status=$?
  if [ "$status" = "$want" ] && printf '%s\n' "$seen" | grep -Eqz -- "$pattern"; then
    ok "$name"
  else
    not_ok "$name" "status $status, expected $want; expected to match: $pattern" "$seen"
  fi
}

# The kernel is unharmed: no oops in its log, no D (died) bit (128) in its taint.
check_kernel() {
  if dmesg | grep -E 'BUG:|Oops|general protection|stack-protector|scheduling while atomic|KASAN|WARNING:'; then
    not_ok "$1: kernel log" "$(dmesg | tail -n 40)"
  elif [ $(($(cat /proc/sys/kernel/tainted) & 128)) != 0 ]; then
    not_ok "$1: taint" "$(cat /proc/sys/kernel/tainted)"
  else
    ok "$1"
  fi
}

finish() {
  echo "guest-test-finished $failed"
  [ "$failed" = 0 ]
}
