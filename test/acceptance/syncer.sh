#!/usr/bin/env bash
# Two physical clusters behind one control plane, each with its syncer as a process of its own: spec down,
# status up, drift, deletion, a crash of the syncer, two clusters at once, isolation of workspaces. Run
# from the project's root after `make build`. Closes with 'N passed, N failed'.
set -u
shopt -s lastpipe  # a check at the end of a pipe counts too
ROOT=${ROOT:-$PWD}
DIR=$(mktemp -d)
export DIR PORT=18443 PATH=$ROOT/bin:$PATH
export KUBECONFIG=$DIR/kcp/admin.kubeconfig KUBECACHEDIR=$DIR/cache
passed=0 failed=0
declare -A pids uids
. "$(dirname "$0")/lib/checks.sh"
eventually() { local name=$1; shift; if until_true 20 "$@"; then ok "$name"; else bad "$name" "$("$@" 2>&1; tail -q -n 3 "$DIR"/syncer-*.log)"; fi; }
finish() {
  for name in "${!pids[@]}"; do kill -KILL "${pids[$name]}" && wait "${pids[$name]}"; done 2>/dev/null
  rm -rf "$DIR"
  echo "$passed passed, $failed failed"
  [ "$failed" -eq 0 ]; exit $?
}
trap finish EXIT
in_ws() { kubectl --server "https://127.0.0.1:$PORT/clusters/root:$1" "${@:2}"; }
below() { kubectl --kubeconfig "$DIR/$1/admin.kubeconfig" "${@:2}"; }
raw() { curl -sS --cacert "$DIR/kcp/pki/ca.crt" --cert "$DIR/kcp/pki/admin.crt" --key "$DIR/kcp/pki/admin.key" "${@:2}" "https://127.0.0.1:$PORT$1"; }
# is WORKSPACE OBJECT JSONPATH VALUE
is() { [ "$(in_ws "$1" get $2 -o jsonpath="{$3}")" = "$4" ]; }
is_below() { [ "$(below "$1" get $2 -n "$NS" -o jsonpath="{$3}")" = "$4" ]; }
none_below() { [ -z "$(below "$1" get $2 -n "$NS" -o name 2>/dev/null)" ]; }
export -f in_ws below raw
start_cluster() {
  kcp cluster --name "$1" --root-directory "$DIR/$1" --bind-address "$2" --secure-port 18444 --http-port 18080 --https-port 18445 >"$DIR/$1.log" 2>&1 &
  pids[$1]=$!
  until_true 30 below "$1" get --raw /readyz || bad "cluster $1 is ready" "$(tail -3 "$DIR/$1.log")"
}
start_syncer() {
  kcp syncer --from-kubeconfig "$KUBECONFIG" --from-cluster root:compute --sync-target-name "$1" --sync-target-uid "${uids[$1]}" \
    --to-kubeconfig "$DIR/$1/admin.kubeconfig" --downstream-namespace-clean-delay 2s >>"$DIR/syncer-$1.log" 2>&1 &
  pids[syncer-$1]=$!
}
target() { printf 'apiVersion: workload.kcp.io/v1alpha1\nkind: SyncTarget\nmetadata: {name: %s, labels: {region: %s}}\nspec: {supportedAPIExports: [{path: root:compute, export: kubernetes}]}\n' "$1" "$1"; }
location() { printf 'apiVersion: scheduling.kcp.io/v1alpha1\nkind: Location\nmetadata: {name: %s, labels: {region: %s}}\nspec:\n  resource: {group: workload.kcp.io, version: v1alpha1, resource: synctargets}\n  instanceSelector: {matchLabels: {region: %s}}\n' "$1" "$1" "$1"; }
placement() { printf 'apiVersion: scheduling.kcp.io/v1alpha1\nkind: Placement\nmetadata: {name: %s}\nspec:\n  locationResource: {group: workload.kcp.io, version: v1alpha1, resource: synctargets}\n  locationSelectors: [{matchLabels: {region: %s}}]\n  namespaceSelector: {}\n  locationWorkspace: root:compute\n' "$1" "$1"; }
binding() { printf 'apiVersion: apis.kcp.io/v1alpha2\nkind: APIBinding\nmetadata: {name: kubernetes}\nspec: {reference: {export: {path: root:compute, name: kubernetes}}}\n'; }
states() { [ "$(in_ws compute get synctarget "$1" -o jsonpath='{.status.syncedResources[*].state}')" = "Accepted Accepted Accepted" ]; }

kcp start --root-directory "$DIR/kcp" --secure-port $PORT >"$DIR/log" 2>&1 & pids[kcp]=$!
start_cluster east 127.0.12.1
start_cluster west 127.0.12.2
until_true 30 kubectl --context root get --raw /readyz && ok "ready" || { bad "ready" "$(tail -5 "$DIR/log")"; exit; }
for name in east west; do
  { target $name; echo ---; location $name; } | in_ws compute apply -f - >/dev/null || bad "SyncTarget $name"
  uids[$name]=$(in_ws compute get synctarget $name -o jsonpath='{.metadata.uid}')
  start_syncer $name
done
eventually "the syncer accepts what the cluster offers" states east
eventually "and is heard" is compute synctarget/east '.status.conditions[?(@.type=="Ready")].status' True

for ws in team-a team-b; do
  kubectl create-workspace $ws >/dev/null 2>&1 || { bad "workspace $ws"; exit; }
  { binding; echo ---; placement east; } | in_ws $ws apply -f - >/dev/null || bad "placement of $ws"
done
eventually "the namespace is placed" bash -c 'in_ws team-a get ns default --show-labels | grep -q =Sync'
check "the sample is accepted" in_ws team-a apply -f "$ROOT/examples/echo.yaml"
check "it rolls out" in_ws team-a rollout status deployment/echo --timeout=30s
NS=$(below east get deploy -A -o jsonpath='{.items[0].metadata.namespace}'); export NS
[[ $NS == kcp-???????????? ]] && ok "in a namespace of its own" || bad "in a namespace of its own" "$NS"
eventually "the ingress tells its address" is team-a ingress/echo '.status.loadBalancer.ingress[0].ip' 127.0.12.1
check "scale" in_ws team-a scale deployment echo --replicas=3
check "and rolled out" in_ws team-a rollout status deployment/echo --timeout=30s
eventually "the status counts them" is team-a deploy/echo .status.readyReplicas 3
check "a new image" in_ws team-a set image deployment/echo echo=example.org/echo:2
check "rolls out too" in_ws team-a rollout status deployment/echo --timeout=30s
check "downstream as well" is_below east deploy/echo '.spec.template.spec.containers[0].image' example.org/echo:2

# Config, a field given up, drift.
check "a config" in_ws team-a create configmap conf --from-literal=a=1 --from-literal=b=2
check "a secret" in_ws team-a create secret generic pass --from-literal=word=x
eventually "are copied" is_below east secret/pass .data.word eA==
check "a key is given up" in_ws team-a patch configmap conf --type=json -p '[{"op":"remove","path":"/data/b"}]'
eventually "and goes downstream" is_below east cm/conf .data '{"a":"1"}'
below east patch cm conf -n "$NS" --type=merge -p '{"data":{"a":"9","theirs":"1"}}' >/dev/null
eventually "drift is corrected, others' fields stay" is_below east cm/conf .data '{"a":"1","theirs":"1"}'
below east delete cm conf -n "$NS" >/dev/null
eventually "a deletion downstream is undone" is_below east cm/conf .data '{"a":"1"}'
writes() {
  below east get deploy,svc,ingress,cm,secret -n "$NS" -o jsonpath='{.items[*].metadata.resourceVersion}'
  in_ws team-a get deploy,svc,ingress,cm,secret,ns -o jsonpath='{.items[*].metadata.resourceVersion}'
}
sleep 2; before=$(writes); sleep 2
[ "$before" = "$(writes)" ] && ok "at rest nothing is written" || bad "at rest nothing is written" "$before / $(writes)"

# Two workspaces with the same names.
in_ws team-b create configmap conf --from-literal=b=other >/dev/null
eventually "another workspace has a namespace of its own" bash -c '[ $(below east get cm -A -o name | grep -c /conf) = 2 ]'
check "and does not touch the first" is_below east cm/conf .data '{"a":"1"}'

# The view: only what is placed on the target, no other verbs.
view=/services/syncer/$(in_ws compute get synctarget east -o jsonpath='{.metadata.annotations.kcp\.io/cluster}')/east
here=$view/${uids[east]}/clusters
in_ws compute create configmap unplaced --from-literal=a=1 >/dev/null
names=$(raw "$here/*/api/v1/configmaps" | jq -r '[.items[].metadata.name] | sort | join(",")')
[[ $names == *conf* && $names != *unplaced* ]] && ok "the view has what is placed" || bad "the view has what is placed" "$names"
raw "$here/*/api/v1/configmaps" | grep -q 'diff.syncer' && bad "and hides what targets report" || ok "and hides what targets report"
[ "$(raw "$here/*/api/v1/configmaps" -X DELETE | jq -r .code)" = 405 ] && ok "nothing is deleted through it" || bad "nothing is deleted through it"
[ "$(raw "$view/other/clusters/*/api/v1/configmaps" | jq -r .code)" = 404 ] && ok "another uid finds nothing" || bad "another uid finds nothing"
[ "$(raw "$here/*/apis/rbac.authorization.k8s.io/v1/roles" | jq -r .code)" = 404 ] && ok "nor other kinds" || bad "nor other kinds"

# Two clusters at once, then one again.
placement west | check "a second placement" in_ws team-a apply -f -
eventually "runs it on the second cluster too" bash -c '[ "$(below west get deploy echo -n "$(below west get ns -l kcp.io/tenant-id -o jsonpath={.items[0].metadata.name})" -o jsonpath={.status.readyReplicas})" = 3 ]'
eventually "the status is the sum" is team-a deploy/echo .status.readyReplicas 6
eventually "the addresses are the union" is team-a ingress/echo '.status.loadBalancer.ingress[*].ip' '127.0.12.1 127.0.12.2'
check "the second placement goes" in_ws team-a delete placement west
eventually "its copies go" bash -c '[ -z "$(below west get deploy,svc,ingress -A -l internal.workload.kcp.io/cluster -o name)" ]'
eventually "and its namespace" bash -c '[ -z "$(below west get ns -l kcp.io/tenant-id -o name)" ]'
eventually "the status is the first one's again" is team-a deploy/echo .status.readyReplicas 3
check "nothing of the second is left" bash -c '[ "$(in_ws team-a get deploy echo -o json | jq "[.metadata.finalizers[], (.metadata.labels, .metadata.annotations | keys[])] | map(select(test(\"workload|syncer\"))) | length")" = 3 ]'

# A crash, with changes while the syncer is away.
kill -KILL "${pids[syncer-east]}"; wait "${pids[syncer-east]}" 2>/dev/null
in_ws team-a delete configmap conf --wait=false >/dev/null
in_ws team-a scale deployment echo --replicas=1 >/dev/null
check "a deleted object waits for its syncer" in_ws team-a get configmap conf
start_syncer east
eventually "which removes the copy" none_below east cm/conf
eventually "and lets it go" bash -c '! in_ws team-a get configmap conf'
eventually "and has caught up" is_below east deploy/echo .spec.replicas 1
check "rollout status tells the truth" in_ws team-a rollout status deployment/echo --timeout=30s

check "deleting the workload" in_ws team-a delete -f "$ROOT/examples/echo.yaml" --timeout=30s
in_ws team-a delete secret pass --timeout=30s >/dev/null
eventually "the unused namespace goes" bash -c '! below east get ns "$NS"'
check "the other workspace's stays" bash -c '[ $(below east get ns -l kcp.io/tenant-id -o name | wc -l) = 1 ]'

# A dead cluster is not vouched for.
kill -KILL "${pids[west]}"; wait "${pids[west]}" 2>/dev/null; unset 'pids[west]'
if until_true 30 grep -q "the physical cluster does not answer" "$DIR/syncer-west.log"; then ok "no heartbeat for a dead cluster"; else bad "no heartbeat for a dead cluster" "$(tail -n 3 "$DIR/syncer-west.log")"; fi

# A SyncTarget that was made anew is refused.
out=$(timeout 20 kcp syncer --from-kubeconfig "$KUBECONFIG" --from-cluster root:compute --sync-target-name east --sync-target-uid other --to-kubeconfig "$DIR/east/admin.kubeconfig" 2>&1)
[ $? = 1 ] && [[ $out == *"made anew"* ]] && ok "another uid is refused" || bad "another uid is refused" "$out"
kill -TERM "${pids[syncer-east]}"; if wait "${pids[syncer-east]}"; then ok "stops cleanly"; else bad "stops cleanly"; fi
unset 'pids[syncer-east]'
