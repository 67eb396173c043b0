# SPDX-License-Identifier: MIT
# Calls that do not return: broken off where that is safe, reported where it is not, asleep with their stack;
# and modules, timers and locks that calls leave behind.
. /root/lib.sh
cd /root || exit 1
insmod /lib/ktap/ktap_test.ko
echo 2000 >/sys/module/ktap/parameters/call_limit_ms

# script FILE: standard input behind declarations of the test module's functions, on one line.
# (They carry no types, so ktap warns that it takes them at their word.)
script() {
  { printf '%s ' "$declarations"; cat; } >"$1"
}
declarations='ffi.cdef([[ void ktap_test_loop(void) __asm__("ktap_test:ktap_test_loop"); void ktap_test_loop_locked(void) __asm__("ktap_test:ktap_test_loop_locked"); void ktap_test_stop_loops(long stop) __asm__("ktap_test:ktap_test_stop_loops"); long ktap_test_leftovers(void) __asm__("ktap_test:ktap_test_leftovers"); long ktap_test_long(long value) __asm__("ktap_test:ktap_test_long"); long ktap_test_fault_spinlock(void) __asm__("ktap_test:ktap_test_fault_spinlock"); long ktap_test_is_locked(void) __asm__("ktap_test:ktap_test_is_locked"); ]])'

# --- What loops ---
script loop.kp <<'END'
print(pcall(function () { ffi.C.ktap_test_loop() }))
print(ffi.C.ktap_test_leftovers())
END
check "a loop is broken off" 0 "false	loop.kp:1: 'ktap_test_loop' did not return: broken off in ktap_test_loop\+0x.*
0
" ktap --keep-going --allow call loop.kp
check "and nothing more is called" 3 "calls are refused since 'ktap_test_loop' faulted" ktap --allow call loop.kp

script locked.kp <<'END'
print(pcall(function () { ffi.C.ktap_test_loop_locked() }))
END
ktap --keep-going --allow call locked.kp >/tmp/locked 2>&1 &
sleep 8
grep -q "'ktap_test_loop_locked' has not returned for [0-9]* s and is not broken off" /tmp/locked &&
  ok "a loop under RCU is reported" || not_ok "a loop under RCU is reported" "$(cat /tmp/locked)"
echo 'ffi.C.ktap_test_stop_loops(1)' | script stop.kp
ktap --keep-going --allow call stop.kp
wait
check "a loop under RCU is left alone" 0 'true' cat /tmp/locked
echo 'ffi.C.ktap_test_stop_loops(0)' | script go.kp
ktap --keep-going --allow call go.kp
check "--force-break" 0 "false	locked.kp:1: 'ktap_test_loop_locked' did not return: broken off" \
  ktap --keep-going --force-break --allow call locked.kp

# --- What sleeps ---
check "a sleep is reported with its stack" 0 "'msleep' has been asleep for [0-9]* s, in .*msleep" \
  ktap --keep-going --allow call=msleep -e 'ffi.C.msleep(6000)'
echo 0 >/sys/module/ktap/parameters/call_limit_ms
check "no limit" 0 '^true' ktap --keep-going --allow call=msleep -e 'print(pcall(function () { ffi.C.msleep(3000) }))'
echo 2000 >/sys/module/ktap/parameters/call_limit_ms

# --- The same within a callback: the call that loops is broken off, not the one that called back ---
script within.kp <<'END'
ffi.cdef("void sort(void *base, size_t count, size_t size, int (*compare)(const void *, const void *), void (*swap)(void *, void *, int));")
var a = ffi.new("int[2]", {2, 1})
var calls = 0
print(pcall(function () { ffi.C.sort(a, 2, 4, function (x, y) { calls += 1 ffi.C.ktap_test_loop() return 0 }, nil) }))
print(calls, ffi.C.ktap_test_leftovers())
END
check "a loop within a callback is broken off" 0 "false	within.kp:[0-9]*: 'ktap_test_loop' did not return: broken off in ktap_test_loop\+0x.*
1	0
" ktap --keep-going --allow call --allow callback within.kp
check "a sleep within a callback is reported" 0 "'msleep' has been asleep for [0-9]* s, in .*msleep" \
  ktap --keep-going --allow call=sort,msleep --allow callback -e '
ffi.C.sort(ffi.new("int[2]", {2, 1}), 2, 4, function (x, y) { ffi.C.msleep(6000) return 0 }, nil)'

# --- A callback that never returns: the person ends it ---
cat >endless.kp <<'END'
var a = ffi.new("int[2]", {2, 1})
ffi.C.sort(a, 2, 4, function (x, y) { while (true) { } }, nil)
END
ktapc --externs endless.kp | cdef-parse | ksym-resolve | ktapc --types - endless.kp -o endless.ktbc
ktap-load --keep-going --allow call=sort --allow callback endless.ktbc >/tmp/endless 2>&1 &
sleep 3
kill -INT $!
wait $!
status=$?
[ $status = 130 ] && ok "an endless callback is interrupted" ||
  not_ok "an endless callback is interrupted" "status $status" "$(cat /tmp/endless)"

# --- What a fault leaves locked ---
script spinlock.kp <<'END'
print(pcall(function () { ffi.C.ktap_test_fault_spinlock() }))
print(ffi.C.ktap_test_is_locked() != 0, ffi.C.ktap_test_leftovers())
END
check "a lock held at a fault" 0 "false	spinlock.kp:1: NULL pointer access at 0x0 in ktap_test_fault_spinlock
?.*
true	0
.*locks that it held stay held" ktap --keep-going --allow call spinlock.kp

# --- A module in use ---
script using.kp <<'END'
for (i = 1, 200) { ffi.C.ktap_test_long(1) ffi.C.msleep(20) }
END
ktap --keep-going --allow call using.kp &
sleep 3
check "a module in use is not unloaded" 1 'in use|busy|unavailable' rmmod ktap_test
wait
check "a module not in use is" 0 '^$' rmmod ktap_test

# --- Pointers that lead nowhere, called ---
check "a NULL pointer is not called" 1 'attempt to call a NULL pointer' \
  ktap --keep-going --allow call -e 'ffi.cast("void (*)(void)", 0)()'
check "a wild pointer is not called" 1 '0x1234 may not be called' \
  ktap --keep-going --allow call -e 'ffi.cast("void (*)(void)", 0x1234)()'
check "a wild pointer is not written" 1 'write' \
  ktap --keep-going --allow write -e 'ffi.cast("int *", 0x1234)[0] = 1'
check "beyond an array of the script's own" 1 'index 4 is out of bounds' ktap -e 'print(ffi.new("int[4]")[4])'
check "behind its end by a pointer" 1 'out of bounds|cannot read' ktap -e 'print((ffi.cast("int *", ffi.new("int[4]")) + 4)[0])'
check "a freed callback is not passed" 1 'the callback is freed' ktap --keep-going --allow call=sort --allow callback -e '
var c = ffi.callback("int (*)(const void *, const void *)", function (a, b) { return 0 })
c.free(c)
ffi.C.sort(ffi.new("int[2]"), 2, 4, c, nil)'
check_kernel "the end"
check "the module unloads" 0 '^$' rmmod ktap

# --- A kernel that is locked down: from here on nothing can be loaded into it any more ---
mount -t securityfs securityfs /sys/kernel/security 2>/dev/null
insmod /lib/ktap/ktap.ko
if [ -w /sys/kernel/security/lockdown ]; then
  echo integrity >/sys/kernel/security/lockdown
  check "lockdown: integrity: calls" 3 'this kernel is locked down: nothing may be called or written' \
    ktap --allow call=msleep -e 'ffi.C.msleep(1)'
  check "lockdown: integrity: reads" 0 '^[0-9]' ktap -e 'print(per_cpu(`runqueues`, 0).cpu)'
  echo confidentiality >/sys/kernel/security/lockdown
  check "lockdown: confidentiality: reads" 3 'this kernel is locked down: its memory must not be read' \
    ktap -e 'print(per_cpu(`runqueues`, 0).cpu)'
else
  not_ok "lockdown" "this kernel has no lockdown: $(ls /sys/kernel/security)"
fi
finish
