# SPDX-License-Identifier: MIT
# Every example, in the kernel.
. /root/lib.sh
cd /root/examples || exit 1

seconds=$(ktap gettimeofday.kp | cut -f 1)
now=$(date +%s)
if [ -n "$seconds" ] && [ $((now - seconds)) -ge -2 ] && [ $((now - seconds)) -le 2 ]; then
  ok "gettimeofday: $seconds, date says $now"
else
  not_ok "gettimeofday" "$seconds against $now"
fi

seconds=$(ktap first_call.kp)
now=$(date +%s)
if [ -n "$seconds" ] && [ $((now - seconds)) -ge -2 ] && [ $((now - seconds)) -le 2 ]; then
  ok "first_call"
else
  not_ok "first_call" "$seconds against $now"
fi

check "do_gettimeofday: not in this kernel" 1 'unknown-symbol' ktap --allow call=do_gettimeofday do_gettimeofday.kp
check "do_gettimeofday: near names" 1 'did you mean' ktap --allow call=do_gettimeofday do_gettimeofday.kp
insmod /lib/ktap/ktap_test.ko
check "do_gettimeofday: from the test module" 0 '[0-9]+	[0-9]+' ktap --allow call=do_gettimeofday do_gettimeofday.kp
rmmod ktap_test

check "printk" 0 'see dmesg' ktap printk.kp
check "printk: in the log" 0 'ktap: the answer is 42, 2a in hexadecimal' dmesg

check "sched_clock" 0 'up for [0-9]+ ms; [0-9]+ ns between' ktap sched_clock.kp
check "read_symbol" 0 'true
swapper/0	0' ktap read_symbol.kp

sleep 1000 &
ktap tasks.kp >/tmp/tasks 2>/tmp/errors
check "tasks: no error" 0 '^$' cat /tmp/errors
check "tasks: kthreadd" 0 '(^|
)2 2 kthreadd
' cat /tmp/tasks
# Everything that /proc had before and has afterwards must be in the list.
missing=
for directory in /proc/[0-9]*; do
  pid=${directory#/proc/}
  name=$(cat "$directory/comm" 2>/dev/null) || continue
  # For kernel threads /proc shows more than the task's comm: all of a long name, a worker's work.
  # (A rescuer, kworker/R-NAME, is called so.)
  case $name in kworker/R-*) ;; kworker/*) name=${name%%[-+]*} ;; esac
  name=$(printf %.15s "$name")
  grep -qx "$pid $pid $name" /tmp/tasks || missing="$missing $pid($name)"
done
if [ "$(wc -l </tmp/tasks)" -gt 30 ] && [ -z "$missing" ]; then
  ok "tasks: all of /proc"
else
  not_ok "tasks: all of /proc" "missing:$missing" "$(cat /tmp/tasks)"
fi

# The comment in the example says what its function is called on newer kernels.
kmalloc=__kmalloc
grep -q ' __kmalloc_noprof$' /proc/kallsyms && kmalloc=__kmalloc_noprof
sed "s/__kmalloc(/$kmalloc(/" kmalloc.kp >/tmp/kmalloc.kp
check "kmalloc: call needs a grant" 1 "--allow call=$kmalloc" ktap /tmp/kmalloc.kp
check "kmalloc: write needs a grant" 1 '--allow write' ktap --allow call=$kmalloc,kfree /tmp/kmalloc.kp
check "kmalloc" 0 '^285' ktap --allow call=$kmalloc,kfree --allow write /tmp/kmalloc.kp

check "oops: needs a grant" 0 'false	.*--allow call=strlen' ktap oops.kp
check "oops" 0 'false	.*strlen' ktap --allow call=strlen oops.kp
check_kernel "oops: kernel unharmed"
check "oops: calls are refused now" 3 'calls-refused' ktap first_call.kp
check "oops: reading goes on" 0 'swapper/0' ktap read_symbol.kp
check "oops: a fresh module calls again" 0 '^[0-9]+' sh -c 'rmmod ktap && insmod /lib/ktap/ktap.ko && ktap first_call.kp'
rmmod ktap || not_ok "module unloads"
check_kernel "the end"
finish
