#!/usr/bin/env bash
# Moves between clusters under traffic that must not lose a request: drains, a drain that is taken back, cordons,
# two Placements, other Locations, changes and deletions half way, a SyncTarget made again; and beside it a tenant
# with the same names that nothing may disturb. Needs kubectl, dig, jq, python3. Run from the project's root after
# `make build`. Closes with 'N passed, N failed'.
set -u
ROOT=${ROOT:-$PWD}
KCP=${KCP:-$ROOT/bin/kcp}
HERE=$(cd "$(dirname "$0")" && pwd)
DIR=$(mktemp -d)
PORT=${PORT:-17643} DNS_PORT=${DNS_PORT:-17653}
EAST_IP=127.0.61.1 WEST_IP=127.0.62.1
export PATH=$ROOT/bin:$PATH KUBECONFIG=$DIR/kcp/admin.kubeconfig KUBECACHEDIR=$DIR/cache
passed=0 failed=0 pid= clients=()
. "$(dirname "$0")/lib/checks.sh"
finish() {
  for one in "${clients[@]}" $pid; do kill -KILL "$one" 2>/dev/null; done
  if [ -n "${KEEP:-}" ]; then echo "kept: $DIR"; else rm -rf "$DIR"; fi
  echo "$passed passed, $failed failed"
  [ "$failed" -eq 0 ]; exit $?
}
trap finish EXIT
eventually() { local name=$1 seconds=$2; shift 2; if until_true "$seconds" "$@"; then ok "$name"; else bad "$name" "$("$@" 2>&1; state)"; fi; }
# never NAME SECONDS COMMAND...: it fails all the time
never() { local name=$1 seconds=$2; shift 2; if until_true "$seconds" "$@"; then bad "$name" "$(state)"; else ok "$name"; fi; }
in_cluster() { local cluster=$1; shift; kubectl --kubeconfig "$DIR/kcp/clusters/$cluster.kubeconfig" "$@"; }
workload() { kubectl ws :root:compute >/dev/null && kubectl kcp workload "$@"; }
state() { in_ws demo get placements,ingress,dnsrecord -A; in_ws demo get placements -o json | jq -c '.items[]|[.metadata.name,.status]'; in_ws demo get ingress -A -o json | jq -c '.items[].metadata|[.namespace,.labels,.annotations]'; tail -3 "$DIR/log"; }
start() {
  "$KCP" playground --root-directory "$DIR/kcp" --secure-port $PORT --dns-port $DNS_PORT --ttl 2 \
    --cluster-addresses $EAST_IP,$WEST_IP >>"$DIR/log" 2>&1 & pid=$!
}

bind() { # workspace, export's workspace, export
  local claims
  claims=$(in_ws "$2" get apiexport "$3" -o json | jq -c '[.spec.permissionClaims[]? | .selector = (.defaultSelector // {matchAll: true}) | .state = "Accepted" | del(.defaultSelector)]')
  printf '{"apiVersion":"apis.kcp.io/v1alpha2","kind":"APIBinding","metadata":{"name":"%s"},"spec":{"reference":{"export":{"path":"root:%s","name":"%s"}},"permissionClaims":%s}}' "$3" "$2" "$3" "$claims" | in_ws "$1" apply -f -
}
placement() { # workspace, name, label selector of locations, label selector of namespaces
  printf '{"apiVersion":"scheduling.kcp.io/v1alpha1","kind":"Placement","metadata":{"name":"%s"},"spec":{"locationResource":{"group":"workload.kcp.io","version":"v1alpha1","resource":"synctargets"},"locationSelectors":[%s],"namespaceSelector":%s,"locationWorkspace":"root:compute"}}' "$2" "$3" "${4:-"{}"}" | in_ws "$1" apply -f -
}
at() { echo "{\"matchLabels\":{\"cluster\":\"$1\"}}"; }
tenant() { # a workspace with compute and the load balancer
  in_ws "" create -f - <<<"{\"apiVersion\":\"tenancy.kcp.io/v1alpha1\",\"kind\":\"Workspace\",\"metadata\":{\"name\":\"$1\"}}" && bind "$1" compute kubernetes && bind "$1" glbc glbc
}
tenants() { tenant pinned && placement pinned default "$(at west)" && tenant doomed && placement doomed default '{}'; }
in_ws() { local ws=root${1:+:$1}; shift; kubectl --server "https://127.0.0.1:$PORT/clusters/$ws" "$@"; }

# The sample in a workspace; `hosts` knows its host afterwards.
declare -A hosts
host() { in_ws "$1" -n "${2:-default}" get ingress echo -o jsonpath='{.spec.rules[0].host}'; }
has_host() { [[ $(host "$@") == *.glbc.test ]]; }
deploy() { # what is being checked, workspace, namespace
  local name=$1; shift
  in_ws "$1" -n "${2:-default}" apply -f "$ROOT/examples/echo.yaml" >/dev/null && until_true 20 has_host "$@" && ok "$name" || bad "$name"
  hosts[$1/${2:-default}]=$(host "$@")
}
answer() { dig +short +time=1 +tries=2 @127.0.0.1 -p $DNS_PORT "$1" A | sort | xargs; }
is_answer() { [ "$(answer "$1")" = "$2" ]; }
ip_of() { [ "$1" = east ] && echo $EAST_IP || echo $WEST_IP; }
other() { [ "$1" = east ] && echo west || echo east; }
cluster_of() { [ "$(answer "$1")" = $EAST_IP ] && echo east || echo west; }
# The locators of the namespaces of a physical cluster that hold something.
copies() {
  in_cluster "$1" get namespaces,deployments,services,ingresses -A -o json | jq -c '
    [.items[] | select(.kind != "Namespace") | .metadata.namespace] as $full | .items[] | select(.kind == "Namespace") |
    select(.metadata.name | IN($full[])) | .metadata.annotations["kcp.io/namespace-locator"] // empty | fromjson'
}
cluster_name() { in_ws "$1" get logicalcluster cluster -o jsonpath='{.metadata.annotations.kcp\.io/cluster}'; }
has_copy() { # workspace's cluster, namespace, physical cluster
  copies "$3" | jq -se --arg c "$1" --arg n "$2" 'any(.cluster == $c and .namespace == $n)'
}
no_copy() { ! has_copy "$@"; }
placed() { in_ws demo get placement "${1:-default}" -o json | jq -r '[.status.conditions[] | select(.type=="Scheduled")][0] | .status + " " + (.message // "")'; }

# Traffic of two clients: one asks DNS each time, one keeps answers for their TTL.
traffic() { # name, host
  python3 "$HERE/lib/traffic.py" "$2" $DNS_PORT "$DIR/kcp/glbc-ca.crt" 8443 0 "$DIR/$1.fresh" & clients+=($!)
  python3 "$HERE/lib/traffic.py" "$2" $DNS_PORT "$DIR/kcp/glbc-ca.crt" 8443 1 "$DIR/$1.cached" & clients+=($!)
  until_true 10 busy "$1"
}
busy() { [ "$(wc -l <"$DIR/$1.fresh")" -gt 5 ] && [ "$(wc -l <"$DIR/$1.cached")" -gt 5 ]; }
declare -A seen
unharmed() { # name, what happened: no request was lost since the last look
  local f lines lost
  for f in fresh cached; do
    lines=$(wc -l <"$DIR/$1.$f")
    lost=$(tail -n +$((${seen[$1.$f]:-0} + 1)) "$DIR/$1.$f" | grep -c failed)
    [ "$lost" -eq 0 ] && [ "$lines" -gt "${seen[$1.$f]:-0}" ] && ok "$2: no request lost by the $f client of $1" ||
      bad "$2: no request lost by the $f client of $1" "$lost of $((lines - ${seen[$1.$f]:-0})): $(tail -n +$((${seen[$1.$f]:-0} + 1)) "$DIR/$1.$f" | grep -m3 failed)"
    seen[$1.$f]=$lines
  done
}
# moved HOST-KEY CLUSTER STORY: DNS names only that cluster, the other has no copy, nothing was lost
moved() {
  local h=${hosts[$1]} to=$2
  eventually "$3: DNS has $to only" 40 is_answer "$h" "$(ip_of "$to")"
  eventually "$3: nothing is left on $(other "$to")" 40 no_copy "$demo" "${1#*/}" "$(other "$to")"
}

# The stage: root:demo may go anywhere, root:pinned only west, root:doomed will be deleted.
start
until_true 60 kubectl --context root get --raw /readyz && ok "the playground is ready" || { bad "the playground is ready" "$(tail -5 "$DIR/log")"; exit; }
until_true 30 grep -q "Ctrl-C stops it" "$DIR/log"
check "two more tenants" tenants
demo=$(cluster_name demo)
until_true 20 in_ws pinned get deployments; until_true 20 in_ws doomed get deployments
deploy "the sample in root:demo" demo
deploy "the same names in root:pinned" pinned
H=${hosts[demo/default]}
answers() { [ -n "$(answer "$1")" ]; }
eventually "DNS answers for demo" 30 answers "$H"
eventually "DNS answers for pinned" 30 is_answer "${hosts[pinned/default]}" $WEST_IP
traffic demo "$H"
traffic pinned "${hosts[pinned/default]}"

# 1. There and back.
FROM=$(cluster_of "$H") TO=$(other "$(cluster_of "$H")")
workload drain "$FROM" >/dev/null
moved demo/default "$TO" "drain of $FROM"
workload uncordon "$FROM" >/dev/null; workload drain "$TO" >/dev/null
moved demo/default "$FROM" "and back"
workload uncordon "$TO" >/dev/null
unharmed demo "there and back"

# 2. A drain that is taken back half way; with it a scaling and another image.
workload drain "$FROM" >/dev/null
until_true 10 has_copy "$demo" default "$TO"
workload uncordon "$FROM" >/dev/null
in_ws demo scale deployment echo --replicas 3 >/dev/null
in_ws demo set image deployment/echo echo=echo:v2 >/dev/null
one_place() { [ "$(in_ws demo get ingress echo -o json | jq '[.metadata.labels | keys[] | select(startswith("state."))] | length')" = 1 ]; }
eventually "a drain taken back ends in one place" 40 one_place
eventually "with 3 replicas of the new image" 20 bash -c "kubectl --server https://127.0.0.1:$PORT/clusters/root:demo get deployment echo -o json | jq -e '.status.readyReplicas == 3 and .status.updatedReplicas == 3'"
FROM=$(cluster_of "$H") TO=$(other "$(cluster_of "$H")")
moved demo/default "$FROM" "taken back"
unharmed demo "a drain taken back, with a scaling and an image"

# 3. Scaling and another image while a move is under way.
workload drain "$FROM" >/dev/null
in_ws demo scale deployment echo --replicas 4 >/dev/null
until_true 10 has_copy "$demo" default "$TO"
in_ws demo set image deployment/echo echo=echo:v3 >/dev/null
moved demo/default "$TO" "changes during a move"
eventually "the new image runs there, 4 times" 20 bash -c "kubectl --kubeconfig $DIR/kcp/clusters/$TO.kubeconfig get deployments -A -o json | jq -e '.items[] | select(.metadata.name == \"echo\" and .spec.template.spec.containers[0].image == \"echo:v3\" and .status.readyReplicas == 4)'"
workload uncordon "$FROM" >/dev/null
unharmed demo "changes during a move"

# 4. A cordon moves nothing; what is new goes elsewhere.
workload cordon "$TO" >/dev/null
in_ws demo create namespace second >/dev/null
placement demo second '{}' '{"matchLabels":{"kubernetes.io/metadata.name":"second"}}' >/dev/null
in_ws demo patch placement default --type=merge -p '{"spec":{"namespaceSelector":{"matchLabels":{"kubernetes.io/metadata.name":"default"}}}}' >/dev/null
deploy "the sample in another namespace" demo second
eventually "a new namespace goes past the cordoned cluster" 30 is_answer "${hosts[demo/second]}" "$(ip_of "$FROM")"
is_answer "$H" "$(ip_of "$TO")" && ok "a cordon moves nothing" || bad "a cordon moves nothing" "$(state)"
[ "$(in_ws demo get ingress echo -o jsonpath='{.metadata.name}')" ] && has_copy "$demo" default "$TO" >/dev/null && ok "its copies stay" || bad "its copies stay"
workload uncordon "$TO" >/dev/null

# 5. Deletions during a move: of an Ingress and its Deployment, then of the whole namespace.
traffic second "${hosts[demo/second]}"
workload drain "$FROM" >/dev/null
until_true 10 has_copy "$demo" second "$TO"
unharmed second "until it is deleted"
kill "${clients[@]: -2}"
check "the Deployment and the Ingress are deleted during a move" in_ws demo -n second delete deployment/echo ingress/echo --timeout=30s
eventually "DNS forgets the host" 10 is_answer "${hosts[demo/second]}" ""
workload uncordon "$FROM" >/dev/null
deploy "they are made again" demo second
S=${hosts[demo/second]}
eventually "with a host that answers" 30 answers "$S"
P=$(cluster_of "$S")
workload drain "$P" >/dev/null
until_true 10 has_copy "$demo" second "$(other "$P")"
check "the namespace is deleted during a move" in_ws demo delete namespace second --timeout=30s
eventually "DNS forgets its host" 10 is_answer "$S" ""
eventually "nothing of it is on east" 20 no_copy "$demo" second east
eventually "nothing of it is on west" 20 no_copy "$demo" second west
workload uncordon "$P" >/dev/null
in_ws demo delete placement second >/dev/null
in_ws demo patch placement default --type=merge -p '{"spec":{"namespaceSelector":{"matchLabels":null}}}' >/dev/null
unharmed demo "with all that beside it"

# 6. Both drained: the work stays where it is, and the Placement says why.
FROM=$(cluster_of "$H") TO=$(other "$(cluster_of "$H")")
workload drain "$TO" >/dev/null; workload drain "$FROM" >/dev/null
says_why() { [[ $(placed) == "False "*"stays on $FROM"* ]]; }
eventually "with both drained the Placement says why the work stays" 10 says_why
never "and there it is, for 3 s" 3 is_answer "$H" "$(ip_of "$TO")"
workload uncordon "$TO" >/dev/null
moved demo/default "$TO" "one comes back"
workload uncordon "$FROM" >/dev/null
unharmed demo "both drained"

# 7. Another Location.
placement demo default "$(at "$FROM")" >/dev/null 2>&1
moved demo/default "$FROM" "another Location selected"
unharmed demo "another Location selected"

# 8. Two Placements, two clusters, one host; then one again.
placement demo more "$(at "$TO")" >/dev/null
eventually "two Placements, two addresses" 40 is_answer "$H" "$(printf '%s\n' $EAST_IP $WEST_IP | xargs)"
summed() { in_ws demo get deployment echo -o json | jq -e '.status.readyReplicas == 2 * .spec.replicas'; }
eventually "the status is the sum" 20 summed
in_ws demo delete placement more >/dev/null
moved demo/default "$FROM" "one Placement deleted"
single() { in_ws demo get deployment echo -o json | jq -e '.status.readyReplicas == .spec.replicas'; }
eventually "the status is that of one" 20 single
unharmed demo "two Placements and back to one"

# 9. A workspace is deleted, in the middle of a move, with everything.
deploy "the sample in root:doomed" doomed
D=${hosts[doomed/default]} doomed=$(cluster_name doomed)
eventually "doomed is served" 30 answers "$D"
P=$(cluster_of "$D")
placement demo default '{}' >/dev/null
workload drain "$P" >/dev/null
until_true 10 has_copy "$doomed" default "$(other "$P")"
check "the workspace is deleted during a move" in_ws "" delete workspace doomed --timeout=60s
eventually "nothing of it is in DNS" 20 is_answer "$D" ""
for c in east west; do eventually "nothing of it is on $c" 30 no_copy "$doomed" default $c; done
workload uncordon "$P" >/dev/null
placement demo default "$(at east)" >/dev/null
moved demo/default east "to east"
unharmed demo "a workspace deleted beside it"

# 10. A SyncTarget is deleted and made again: its work leaves, and can come back.
placement demo default '{}' >/dev/null
check "SyncTarget east is deleted" in_ws compute delete synctarget east
eventually "its work goes to west" 30 is_answer "$H" $WEST_IP
check "it is made again" in_ws compute create -f - <<<'{"apiVersion":"workload.kcp.io/v1alpha1","kind":"SyncTarget","metadata":{"name":"east","labels":{"cluster":"east"}},"spec":{}}'
accepts() { [ "$(in_ws compute get location east -o jsonpath='{.status.availableInstances}')" = 1 ]; }
eventually "it is ready again" 20 accepts
workload drain west >/dev/null
eventually "its work comes back" 40 is_answer "$H" $EAST_IP
eventually "nothing is left on west" 40 no_copy "$demo" default west
eventually "and one copy on east" 60 bash -c "[ \"\$(kubectl --kubeconfig $DIR/kcp/clusters/east.kubeconfig get ingresses -A -o name | wc -l)\" = 1 ]"
workload uncordon west >/dev/null
unharmed demo "a SyncTarget deleted and made again"

# What must hold after all of it.
unharmed pinned "all of it"
grep -v " west$" "$DIR/pinned.fresh" | head -1 | grep -q . && bad "pinned was always on west" || ok "pinned was always on west"
[ "$(host demo)" = "$H" ] && [ "$(host pinned)" = "${hosts[pinned/default]}" ] && ok "no host has changed" || bad "no host has changed"
kill -TERM $pid; if wait $pid; then ok "it stops cleanly"; else bad "it stops cleanly" "$(tail -3 "$DIR/log")"; fi
pid=
