# SPDX-License-Identifier: MIT
# What is wrong gives one clear message and the right status, and the kernel goes on.
. /root/lib.sh
cd /root || exit 1

cat >good.kp <<'END'
print(ffi.C.ktime_get_real_seconds())
END
ktap --keep steps good.kp >/dev/null || not_ok "the good script"
image=steps/good.ktbc
size=$(wc -c <$image)

# Cut off everywhere. The device itself is asked too: ktap-load alone would refuse already.
bad=0 length=0
while [ "$length" -lt "$size" ]; do
  head -c "$length" $image >cut.ktbc
  ktap-load cut.ktbc >out 2>&1
  [ $? = 1 ] && grep -q 'error: .*\[' out || { bad=$((bad + 1)); cat out; }
  length=$((length + 97))
done
[ "$bad" = 0 ] && [ "$length" -gt 0 ] && ok "cut off images" || not_ok "cut off images" "$bad accepted"

# A declaration that disagrees.
cat >bad.kp <<'END'
ffi.cdef([[ int ktime_get_real_ts64(long a, long b); ]])
ffi.C.ktime_get_real_ts64(1, 2)
END
check "declaration mismatch" 1 'bad.kp:1:17: error: .*\[parameter-count-differs\]' ktap bad.kp
cat >bad.kp <<'END'
ffi.cdef([[ struct timespec64 { int tv_sec; int tv_nsec; }; void ktime_get_real_ts64(struct timespec64 *); ]])
ffi.C.ktime_get_real_ts64(ffi.new("struct timespec64"))
END
check "layout mismatch" 1 'tv_sec.*\[struct-differs\]' ktap bad.kp
check "no such function" 1 '\[unknown-symbol\]' ktap -e 'ffi.C.no_such_function_at_all()'
check "no such type" 1 'error' ktap -e 'print(ffi.sizeof("struct no_such_struct"))'
check "wrong count" 1 '\[argument-count\]' ktap -e 'ffi.C.ktime_get_real_ts64()'
check "wrong type" 1 'ktime_get_real_ts64' ktap -e 'ffi.C.ktime_get_real_ts64("x")'
check "an init function" 1 'init' ktap -e 'ffi.C.start_kernel()'
check "reading a wild pointer" 1 '0x10' ktap -e 'print(ffi.cast("int *", 16)[0])'
check "reading a non-canonical pointer" 1 'read' ktap -e 'print(ffi.cast("int *", 0xdead000000000000)[0])'
check "must not be called" 1 '<command line>: error: .*panic.*\[not-callable\]' ktap --allow call -e 'ffi.C.panic("no")'

# Written in assembly: BTF says void __sw_hweight32(void) of it, so the declaration is taken at its word.
cat >assembly.kp <<'END'
ffi.cdef([[ unsigned int __sw_hweight32(unsigned int bits); ]])
print(ffi.C.__sw_hweight32(0xff))
END
check "assembly" 0 'warning: .*\[unverified\]' ktap --allow call=__sw_hweight32 assembly.kp
check "assembly: the result" 0 '(^|
)8
' ktap --allow call=__sw_hweight32 assembly.kp

# Unbalanced locking is put right and said; nothing sleeps while a lock is held.
cat >unbalanced.kp <<'END'
ffi.C._raw_spin_unlock(ffi.new("raw_spinlock_t"))
print(ffi.C.get_random_u32() >= 0)
END
check "an unlock too many" 0 'true.*gave back preemption|gave back preemption.*true' ktap --allow call unbalanced.kp
cat >atomic.kp <<'END'
var lock = ffi.new("raw_spinlock_t")
ffi.C._raw_spin_lock(lock)
print(pcall(function () { ffi.C.schedule_hrtimeout(nil, 0) }))
ffi.C._raw_spin_unlock(lock)
ffi.C.msleep(10)
print("fine")
END
check "sleeping with a lock held" 0 'may sleep.*fine' ktap --allow call atomic.kp

# Another kernel's image: its build id is changed, and the checksum with it.
cat steps/good.resolved.json | sed 's/"build_id":"[0-9a-f]*"/"build_id":"00112233445566778899aabbccddeeff00112233"/' >other.json
ktapc --types other.json good.kp -o other.ktbc
check "another kernel's image" 1 '\[other-kernel\]' ktap-load other.ktbc

# No permission.
adduser -D -H someone 2>/dev/null || { mkdir -p /etc; echo 'someone:x:1000:1000::/:/bin/sh' >>/etc/passwd; }
chmod 755 /root; chmod 644 $image
check "not root" 3 '\[no-permission\]' su someone -s /bin/sh -c "ktap-load /root/$image"

# Killed in the middle: the kernel ends the script and everything is freed.
before=$(lsmod | sed -n 's/^ktap  *[0-9]*  *\([0-9]*\).*/\1/p')
ktapc -e 'while (true) { var t = {} }' -o forever.ktbc
ktap-load forever.ktbc &
sleep 2
kill -9 $! || not_ok "killed: it was running"
wait $! 2>/dev/null
sleep 2
after=$(lsmod | sed -n 's/^ktap  *[0-9]*  *\([0-9]*\).*/\1/p')
[ "$before" = "$after" ] && ok "killed: nothing is left" || not_ok "killed: nothing is left" "$before, then $after" "$(ps)"
[ -z "$(ps | grep '[k]tap/')" ] && ok "killed: no thread is left" || not_ok "killed: no thread is left" "$(ps)"

# Interrupted: ends with 130.
ktap-load forever.ktbc &
sleep 2
kill -INT $! || not_ok "interrupted: it was running"
wait $!
[ $? = 130 ] && ok "interrupted" || not_ok "interrupted" "status $?"

check "the kernel goes on" 0 '^[0-9]+' ktap good.kp
check "rmmod" 0 '^$' rmmod ktap
check "no device" 3 '\[no-device\]' ktap-load $image
check_kernel "the end"
finish
