#!/bin/bash
# What every guest must offer the tests; run by `cargo xtask vm --kernel all -- tests/guest/selftest.sh`.
set -euo pipefail
fail() { echo "FAILED: $*"; exit 1; }

for at in /proc /sys /dev/pts /dev/shm /run /sys/fs/cgroup /sys/fs/bpf /sys/kernel/tracing /sys/kernel/debug \
  /sys/kernel/security; do
  grep -q " $at " /proc/mounts || fail "nothing is mounted at $at"
done
[ -r /sys/kernel/btf/vmlinux ] || fail "the kernel has no BTF"
grep -qw bpf /sys/kernel/security/lsm || fail "the BPF LSM is off"
mkdir /sys/fs/cgroup/selftest && echo $$ >/sys/fs/cgroup/selftest/cgroup.procs || fail "no cgroup v2"
id nobody >/dev/null && id www-data >/dev/null || fail "no nobody or www-data"

ip netns add a && ip netns add b
ip -n a link add veth0 type veth peer name veth0 netns b
ip -n a addr add 192.0.2.1/24 dev veth0 && ip -n a link set veth0 up
ip -n b addr add 192.0.2.2/24 dev veth0 && ip -n b link set veth0 up
ip netns exec a tc qdisc add dev veth0 root fq || fail "no fq"
ip netns exec a tc qdisc replace dev veth0 root netem delay 50ms || fail "no netem"
ip netns exec a tc qdisc add dev veth0 clsact || fail "no clsact"
ip -n a link add ifb0 type ifb && ip -n a link set ifb0 up || fail "no ifb"
ip netns exec a tc filter add dev veth0 ingress matchall action mirred egress redirect dev ifb0 || fail "no mirred"
ip netns exec a tc filter del dev veth0 ingress
for kind in prio htb tbf fq_codel; do
  ip netns exec b tc qdisc replace dev veth0 root $kind $([ $kind = tbf ] && echo rate 1gbit burst 32k latency 5ms) \
    || fail "no $kind"
done
for kind in dummy bridge 'vlan id 5' 'vxlan id 5 dstport 4789'; do
  # shellcheck disable=SC2086 # a kind has options of its own
  ip -n b link add "${kind%% *}0" $([[ $kind = vlan* ]] && echo link veth0) type $kind || fail "no $kind"
done
ip netns exec a ping -q -c 5 -i 0.2 192.0.2.2 | tail -1
least=$(ip netns exec a ping -c 5 -i 0.2 192.0.2.2 | sed -n 's|.*= \([0-9]*\)\..*/.*/.*|\1|p')
[ "$least" -ge 50 ] && [ "$least" -lt 60 ] || fail "netem's 50 ms came out as $least"

ip netns exec b iperf3 -s -1 -D
ip netns exec a tc qdisc del dev veth0 root
sleep 0.3
ip netns exec a iperf3 -c 192.0.2.2 -t 1 >/tmp/iperf || fail "iperf3: $(cat /tmp/iperf)"
ip netns exec a ss -ti >/dev/null || fail "ss"
printf "events{} http{server{listen 80; location / {return 200 ok;}}}" >/tmp/nginx.conf
nginx -c /tmp/nginx.conf && wrk -t1 -c2 -d1 http://127.0.0.1/ >/tmp/wrk && grep -q Requests/sec /tmp/wrk || fail "nginx and wrk"
curl --version >/dev/null 2>&1 || echo "no curl in this guest"
echo "uname $(uname -r): all there"
