# SPDX-License-Identifier: MIT
# The programs of the language's tests (Tests/Programs) in the kernel: each prints what stands behind its
# "#=" lines, as it does in a process.
. /root/lib.sh
mkdir /root/programs && tar -xf /root/programs.tar -C /root/programs && cd /root/programs || exit 1
run=0
for program in *.kp; do
  grep '^#=' "$program" | sed 's/^#= //; s/^#=//' >/tmp/expected
  ktapc "$program" -o /tmp/program.ktbc && ktap-load /tmp/program.ktbc >/tmp/seen 2>/tmp/errors
  status=$?
  run=$((run + 1))
  if [ "$status" = 0 ] && [ -s /tmp/expected ] && cmp -s /tmp/expected /tmp/seen; then
    ok "program $program"
  else
    not_ok "program $program" "status $status" "$(diff /tmp/expected /tmp/seen | head -n 20)" \
      "$(head -n 5 /tmp/errors)"
  fi
done
[ "$run" -ge 40 ] || not_ok "programs: there are only $run"
check_kernel "programs: kernel unharmed"
finish
