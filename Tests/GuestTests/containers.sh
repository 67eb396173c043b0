# SPDX-License-Identifier: MIT
# Iteration over the kernel's containers, per-CPU data, user memory and RCU, against what /proc and /sys say.
. /root/lib.sh
cd /root/examples || exit 1

insmod /lib/ktap/ktap_test.ko
ktap containers.kp >/tmp/found 2>/tmp/errors
check "containers: no error" 0 '^$' cat /tmp/errors

# same WHAT EXPECTED-FILE: the lines of one kind are those that the kernel shows elsewhere.
same() {
  sed -n "s/^$1 //p" /tmp/found | sort >/tmp/have
  sort "$2" >/tmp/want
  [ -s /tmp/want ] && cmp -s /tmp/have /tmp/want && ok "containers: $1, $(wc -l </tmp/want)" ||
    not_ok "containers: $1" "$(cat /tmp/have)" "expected:" "$(cat /tmp/want)"
}
cut -d' ' -f1 /proc/modules >/tmp/list; same module /tmp/list
ls /sys/class/net >/tmp/list; same network /tmp/list
ls /sys >/tmp/list; same sysfs /tmp/list
printf '0 0\n1 1\n' >/tmp/list; same cpu /tmp/list
# Of the ids, all that are there before and afterwards: processes and threads, and nothing but ids.
missing=
for directory in /proc/[0-9]*; do
  id=${directory#/proc/}
  grep -qx "pid $id" /tmp/found || [ ! -d "/proc/$id" ] || [ "$id" -gt "$$" ] || missing="$missing $id"
done
[ -z "$missing" ] && grep -qx 'pid 1' /tmp/found && ok "containers: process ids" ||
  not_ok "containers: process ids" "missing:$missing"
check "containers: in order" 0 '^$' sh -c "sed -n 's/^pid //p' /tmp/found | sort -n -c 2>&1"

cat >walk.kp <<'END'
ffi.cdef([[ extern struct task_struct init_task; ]])
for (task in ffi.list("struct task_struct", `init_task`.tasks, "tasks")) {
    if (ffi.string(task.comm) == "ktap-load") { print(user_string(task.mm.arg_start)) }
}
print(pcall(user_string, 16))
print(pcall(function () { return per_cpu(`runqueues`, 4095) }))
print(rcu(function () { return pcall(function () { ffi.C.msleep(1) }) }))
print(pcall(function () { rcu(function () { error("left") }) }))
ffi.C.msleep(1)
print("can sleep again")
END
check "user_string, rcu" 0 '^(/[a-z/]*)?ktap-load
false	walk.kp:5: cannot read 240 bytes of the process at 0x10
false	walk.kp:6: bad argument #2 to .per_cpu. \(there is no processor 4095\)
false
false	walk.kp:8: left
can sleep again' ktap --allow call=msleep walk.kp
check "sleeping in rcu" 1 "'msleep' may sleep, which is forbidden in rcu\(\)" \
  ktap --allow call=msleep -e 'rcu(function () { ffi.C.msleep(1) })'
check "an endless loop in rcu" 1 'exceed max limit' ktap -e 'rcu(function () { while (true) { } })'
check "not per-CPU" 1 '\[not-per-cpu\]' ktap -e 'ffi.cdef([[ extern unsigned long volatile jiffies; ]]) print(per_cpu(`jiffies`, 0))'
# A list that leads into itself, in the kernel's memory: the end of a list head that is its own next.
check "an empty list" 0 '^0' ktap -e 'ffi.cdef([[ struct list_head { struct list_head *next, *prev; }; struct e { struct list_head l; }; ]])
var head = ffi.new("struct list_head")
head.next = head
var n = 0
for (e in ffi.list("struct e", head, "l")) { n++ }
print(n)'
check_kernel "the end"
check "the module unloads" 0 '^$' rmmod ktap
finish
