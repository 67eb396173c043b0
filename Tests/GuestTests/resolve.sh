# SPDX-License-Identifier: MIT
# ksym-resolve asks the live kernel: names drawn at random, of the kernel and of modules of Debian's. Each
# address is the one that /proc/kallsyms has, each type has the size that bpftool reads.
. /root/lib.sh
mkdir /tmp/resolve && cd /tmp/resolve && tar -xf /root/resolve.tar || exit 1
seed=$(cat seed)
echo "seed $seed: Tests/GuestTests/run resolve, with SEED=$seed, draws the same"

while read -r module; do
  insmod "$module.ko" || not_ok "insmod $module"
done <modules
check "modules are loaded" 0 "nf_conntrack" lsmod
check "a module's BTF is there" 0 "." ls -l /sys/kernel/btf/nf_conntrack

# ADDRESS LETTER NAME of the names that are there once, with "MODULE:" in front of a module's; C's names only,
# and nothing that ktap.ko refuses to bind: what was freed when the kernel had started, and itself. (Hexadecimal numbers of
# the same length compare as text.)
tr -d '[]' </proc/kallsyms | awk -v from="$(awk '$3 == "__init_begin" { print $1 }' /proc/kallsyms)" \
  -v to="$(awk '$3 == "__init_end" { print $1 }' /proc/kallsyms)" '
  ("x" $1) >= ("x" from) && ("x" $1) < ("x" to) { next }
  $3 !~ /^[A-Za-z_][A-Za-z0-9_]*$/ || $4 == "bpf" || $4 ~ /^__builtin/ || $4 == "ktap" { next }
  { name = NF == 4 ? $4 ":" $3 : $3; n[name]++; line[name] = $1 " " $2 " " name }
  END { for (name in n) if (n[name] == 1) print line[name] }' | sort >symbols
[ "$(wc -l <symbols)" -gt 50000 ] && ok "kallsyms" || not_ok "kallsyms" "$(wc -l <symbols) names"

# draw COUNT: so many lines of the input.
draw() { awk -v seed="$seed" 'BEGIN { srand(seed) } { printf "%.9f %s\n", rand(), $0 }' | sort | head -n "$1" | cut -d' ' -f2-; }
# symbols_of KIND LIST: the symbols that the list has as KIND.
symbols_of() { awk -v kind="$1" 'NR == FNR { if ($1 == kind) known[$2] = 1; next } $3 in known' "$2" symbols; }

symbols_of FUNC kernel.list | grep -i ' t ' | draw 70 >functions
symbols_of FUNC modules.list | grep -i ' t ' | draw 40 >module_functions
grep -E '^ffff[0-9a-f]* [bBdDrR] [^:]*$' symbols | draw 60 >variables
grep -E '^ffff[0-9a-f]* [bBdDrR] [a-z_0-9]*:' symbols | draw 20 >module_variables
symbols_of VAR kernel.list | grep '^00000000' | draw 10 >percpu_variables
grep -E '^(STRUCT|UNION) ' kernel.list | draw 50 >types
cat functions module_functions variables module_variables percpu_variables types >drawn
[ "$(wc -l <drawn)" = 250 ] && ok "250 names" || not_ok "250 names" "$(wc -l functions module_functions variables module_variables percpu_variables types)"

# declarations: what has no type in BTF is declared, since it is the address that counts.
declarations() {
  echo 'ffi.cdef([['
  while read -r _ _ name; do echo "extern char $name[];"; done <variables
  while read -r _ _ name; do echo "extern char ${name#*:}_of_${name%%:*}[] __asm__(\"$name\");"; done <module_variables
  echo ']])'
}

# print_address NAME EXPRESSION: a line of a script that prints "NAME NUMBER".
print_address() { echo "print(\"$1\", ffi.cast(\"unsigned long\", $2))"; }

# The kernel's functions are resolved, not bound: some of them must not be called, and ktap.ko refuses those.
while read -r _ _ name; do print_address "$name" "\`$name\`"; done <functions >functions.kp
ktapc --externs functions.kp | cdef-parse | ksym-resolve -o functions.json && ok "functions resolve" || not_ok "functions resolve"

# All others go through the whole chain, and the script says where the kernel found them.
{
  declarations
  while read -r _ _ name; do print_address "$name" "\`$name\`"; done <module_functions
  while read -r _ _ name; do print_address "$name" "ffi.addressof(\`$name\`)"; done <variables
  while read -r _ _ name; do
    print_address "$name" "ffi.addressof(\`${name#*:}_of_${name%%:*}\`)"
  done <module_variables
  while read -r kind name _; do
    keyword=$(echo "$kind" | tr A-Z a-z)
    echo "print(\"$keyword-$name\", ffi.sizeof(\"$keyword $name\"))"
  done <types
} >drawn.kp
ktap --keep steps drawn.kp >output 2>errors && ok "the script runs" || not_ok "the script runs" "$(head -n 20 errors)"

# number NAME: what the script printed for it.
number() { awk -v name="$1" '$1 == name { n = $2 } END { print n == "" ? 0 : n }' output; }

# compare WHAT FILE
compare() {
  right=0 wrong=
  while read -r address _ name; do
    if [ "$(printf '%x' "$(number "$name")")" = "$address" ]; then
      right=$((right + 1))
    else
      wrong="$wrong $name:$address:$(number "$name")"
    fi
  done <"$2"
  [ -z "$wrong" ] && [ "$right" = "$(wc -l <"$2")" ] && ok "$1: $right addresses" || not_ok "$1" "$wrong"
}
compare "functions of modules" module_functions
compare "variables" variables
compare "variables of modules" module_variables

right=0 wrong=
while read -r kind name size; do
  keyword=$(echo "$kind" | tr A-Z a-z)
  if [ "$(number "$keyword-$name")" = "$size" ]; then right=$((right + 1)); else wrong="$wrong $name:$size"; fi
done <types
[ -z "$wrong" ] && [ "$right" = 50 ] && ok "types: $right sizes" || not_ok "types" "$wrong"

# What ksym-resolve itself said: offsets from _stext, and of per-CPU variables from their area's start.
wanted=$(cut -d' ' -f3 percpu_variables | tr '\n' ',')
ksym-resolve --want "${wanted%,}" -o percpu.json || not_ok "per-CPU variables resolve"
stext=$(awk '$3 == "_stext" { print $1 }' symbols)
area=$(awk '$3 == "__per_cpu_start" { print $1 }' symbols)
cat functions.json steps/drawn.resolved.json percpu.json |
  sed -n 's/.*"address":{"base":"\([^"]*\)","offset":"\{0,1\}\([0-9]*\)"\{0,1\}}.*"name":"\([^"]*\)".*/\3 \1 \2/p' >resolved
right=0 wrong=
while read -r address _ name; do
  case $(awk -v name="$name" '$1 == name { print $2; exit }' resolved) in
    _stext) from=$stext ;;
    percpu) from=$area ;;
    *) from= ;;
  esac
  offset=$(awk -v name="$name" '$1 == name { print $3; exit }' resolved)
  if [ -n "$from" ] && [ $((0x$from + offset)) = $((0x$address)) ]; then
    right=$((right + 1))
  else
    wrong="$wrong $name:$address:$from:$offset"
  fi
done <<END
$(cat functions variables percpu_variables)
END
[ -z "$wrong" ] && [ "$right" = 140 ] && ok "resolved: $right offsets" || not_ok "resolved" "$wrong"

# A module's types come from its own BTF, declarations are held against it.
check "a module's prototype" 0 'nf_ct_get_tuplepr\(const struct sk_buff \*skb.*__asm__\("nf_conntrack:nf_ct_get_tuplepr"\)' \
  ksym-resolve --want nf_conntrack:nf_ct_get_tuplepr --print=c
check "a declaration that the module contradicts" 1 'parameter-count-differs' ktap -e \
  'ffi.cdef([[ int mine(void) __asm__("nf_conntrack:nf_ct_get_tuplepr"); ]]) ffi.C.mine()'
check "a module that is not loaded" 1 'module-not-loaded' ksym-resolve --want nf_nat:nf_nat_setup_info
rmmod dummy
check "a module that was unloaded" 1 'module-not-loaded' ksym-resolve --want dummy:dummy_setup
su_kernel=$(cat /proc/sys/kernel/kptr_restrict)
echo 2 >/proc/sys/kernel/kptr_restrict
check "addresses are hidden" 3 'kallsyms-hidden.*sysctl|sysctl.*kallsyms-hidden|kptr_restrict' ksym-resolve --want vfs_read
echo "$su_kernel" >/proc/sys/kernel/kptr_restrict
check "addresses are shown again" 0 'vfs_read' ksym-resolve --want vfs_read

# KASLR: were it off, everything above would say little.
[ "$stext" != ffffffff81000000 ] && ok "KASLR: _stext at $stext" || not_ok "KASLR" "_stext is where it was linked"
check_kernel "the end"
finish
