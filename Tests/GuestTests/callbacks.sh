# SPDX-License-Identifier: MIT
# Callbacks on the live kernel: every example of them, and what goes wrong.
. /root/lib.sh
cd /root/examples || exit 1

check "sort" 0 '^-3 0 1 2 4 5 6 7 8 9 true' ktap --allow call=sort --allow callback sort.kp
check "sort: needs a grant" 1 '--allow callback' ktap --allow call=sort sort.kp
devices=$(ls /sys/bus/platform/devices | wc -l)
check "devices" 0 "^$devices platform devices
network: lo
ended with 42" ktap --allow call=bus_for_each_dev,class_for_each_device --allow callback devices.kp
check "each_cpu" 0 '^2 processors, 200 calls, 100 rounds complete' \
  ktap --allow call=on_each_cpu_cond_mask --allow callback each_cpu.kp
# Nothing else is said: no allocation of a callback has failed since garbage was not collected in time.
storm() {
  ktap --memory 1M --allow call=kthread_create_on_node,wake_up_process,on_each_cpu_cond_mask,msleep --allow callback \
    storm.kp >/tmp/storm 2>&1 || return 1
  cat /tmp/storm
  [ "$(wc -l </tmp/storm)" = 1 ]
}
check "storm" 0 '^200000	true	true' storm
check "timer" 0 'tick 1
tick 2
tick 3
tick 4
tick 5
5
' ktap --allow call=init_timer_key,mod_timer,timer_delete_sync,msleep --allow callback timer.kp
check "kallsyms" 0 '^1	20000	true' ktap --allow call=kallsyms_on_each_symbol --allow callback kallsyms.kp
check "notifier" 0 '^0
0
true' ktap --allow call=register_netdevice_notifier,unregister_netdevice_notifier --allow callback notifier.kp
check "notifier: needs a grant" 1 '--allow callback' \
  ktap --allow call=register_netdevice_notifier,unregister_netdevice_notifier notifier.kp

ktap --allow call=proc_create_single_data,proc_remove,seq_write,msleep --allow callback proc_file.kp >/tmp/proc 2>&1 &
waited=0
while [ ! -e /proc/ktap-hello ] && [ "$waited" -lt 300 ]; do waited=$((waited + 1)); sleep 0.2; done
check "proc_file: first reader" 0 '^hello from the script, reader 1
' cat /proc/ktap-hello
check "proc_file: second reader" 0 '^hello from the script, reader 2
' cat /proc/ktap-hello
wait
check "proc_file: the script ended" 0 '^2
' cat /tmp/proc
[ ! -e /proc/ktap-hello ] && ok "proc_file: the file is gone" || not_ok "proc_file: the file is gone"

# What the context forbids, and the budget there.
cat >atomic.kp <<'END'
ffi.cdef([[ extern struct cpumask __cpu_online_mask; ]])
var forbidden = ffi.callback("void (*)(void *)", function (info) { ffi.C.msleep(1) })
ffi.C.on_each_cpu_cond_mask(nil, forbidden, nil, true, ffi.addressof(`__cpu_online_mask`))
END
check "sleeping in an interrupt" 1 "'msleep' may sleep, which is forbidden where this callback was called" \
  ktap --allow call=on_each_cpu_cond_mask,msleep --allow callback atomic.kp
cat >budget.kp <<'END'
ffi.cdef([[ extern struct cpumask __cpu_online_mask; ]])
ffi.C.on_each_cpu_cond_mask(nil, function (info) { while (true) { } }, nil, true, ffi.addressof(`__cpu_online_mask`))
END
check "an endless loop in an interrupt" 1 'exceed max limit' \
  ktap --allow call=on_each_cpu_cond_mask --allow callback budget.kp
check_kernel "interrupts"

# One that was not freed: what the kernel may still refer to is kept until somebody says otherwise.
cat >unfreed.kp <<'END'
var kept = ffi.callback("void (*)(struct timer_list *)", function (t) { })
var freed = ffi.callback("void (*)(struct timer_list *)", function (t) { })
freed.free(freed)
END
check "not freed: said" 0 '1 callbacks were not freed' ktap --allow callback unfreed.kp
check "not freed: kept" 1 'in use|busy|unavailable' rmmod ktap
check "not freed: reaped (with the one above)" 0 '^2 freed, 0 kept, 0 KiB held' ktap-load --reap
# An armed timer whose callback died with its script: the call returns zero, and is counted.
cat >armed.kp <<'END'
ffi.cdef([[ extern unsigned long volatile jiffies; ]])
var timer = ffi.new("struct timer_list")
var late = ffi.callback("void (*)(struct timer_list *)", function (t) { print("too late") })
ffi.C.init_timer_key(timer, late, 0, nil, nil)
ffi.C.mod_timer(timer, `jiffies` + 250)
END
before=$(cat /sys/module/ktap/parameters/dead_callback_calls)
check "armed at the end" 0 'were not freed' ktap --allow call=init_timer_key,mod_timer --allow callback armed.kp
sleep 3
after=$(cat /sys/module/ktap/parameters/dead_callback_calls)
[ "$after" -gt "$before" ] && ok "a dead callback is counted" || not_ok "a dead callback is counted" "$before, then $after"
check "armed at the end: reaped" 0 '^1 freed, 0 kept, 0 KiB held' ktap-load --reap
# Finalisers of the kernel's memory, run by a collection while the script goes on.
allocate=__kmalloc
grep -q ' __kmalloc$' /proc/kallsyms || allocate=__kmalloc_noprof
cat >finalisers.kp <<END
var freed = 0
function use(n) {
    for (i = 1, n) {
        ffi.gc(ffi.C.$allocate(64, 0xcc0), function (p) { ffi.C.kfree(p) freed += 1 })
    }
}
use(100)
use(1)
for (i = 1, 300000) { var _t = {i} }
print(freed >= 100)
END
check "finalisers" 0 '^true' ktap --allow call=$allocate,kfree finalisers.kp
# Errors inside. Last, since a fault has all further calls refused.
cat >error.kp <<'END'
var a = ffi.new("int[3]", {3, 2, 1})
print(pcall(function () { ffi.C.sort(a, 3, 4, function (x, y) { error("not today") }, nil) }))
print(pcall(function () { ffi.C.sort(a, 3, 4, function (x, y) { return ffi.cast("int *", 64)[0] }, nil) }))
print(pcall(function () { ffi.C.sort(a, 3, 4, function (x, y) { return ffi.C.strlen(nil) }, nil) }))
END
check "errors in callbacks" 0 'false	error.kp:2: not today
false	error.kp:3: cannot read 4 bytes at 0x40.*
false	error.kp:4: .*strlen' ktap --keep-going --allow call=sort,strlen --allow callback error.kp
check_kernel "the end"
check "the module unloads" 0 '^$' rmmod ktap
finish
