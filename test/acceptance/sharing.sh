#!/usr/bin/env bash
# API sharing as a provider and two consumers see it, with unchanged kubectl: export, bind, isolation,
# the wildcard view, the provider's view with permission claims, permission to bind, a restart,
# unbinding. Run from the project's root after
# `make build`. Closes with 'N passed, N failed'.
set -u
shopt -s lastpipe  # a check at the end of a pipe counts too
ROOT=${ROOT:-$PWD}
DIR=$(mktemp -d)
export PORT=19443
export PATH=$ROOT/bin:$PATH
export KUBECONFIG=$DIR/kcp/admin.kubeconfig
export KUBECACHEDIR=$DIR/cache
passed=0 failed=0 pid=
. "$(dirname "$0")/lib/checks.sh"
finish() {
  [ -n "$pid" ] && kill -KILL "$pid" 2>/dev/null
  rm -rf "$DIR"
  echo "$passed passed, $failed failed"
  [ "$failed" -eq 0 ]; exit $?
}
trap finish EXIT
printf 'jane-token,jane,1\n' >"$DIR/tokens"
start() { "$ROOT/bin/kcp" start --root-directory "$DIR/kcp" --secure-port "$PORT" --token-auth-file "$DIR/tokens" >"$DIR/log" 2>&1 & pid=$!; }
in_ws() { local ws=$1; shift; kubectl --server "https://127.0.0.1:$PORT/clusters/root:$ws" "$@"; }
export -f in_ws
as_jane() { kubectl --kubeconfig /dev/null --insecure-skip-tls-verify --token jane-token --server "https://127.0.0.1:$PORT/clusters/root:$1" "${@:2}"; }
raw() { curl -sS --cacert "$DIR/kcp/pki/ca.crt" --cert "$DIR/kcp/pki/admin.crt" --key "$DIR/kcp/pki/admin.key" "https://127.0.0.1:$PORT$1" "${@:2}"; }
binding() { printf 'apiVersion: apis.kcp.io/v1alpha2\nkind: APIBinding\nmetadata: {name: wildwest}\nspec: {reference: {export: {path: root:%s, name: wildwest}}}\n' "$1"; }
cowboy() { printf 'apiVersion: wildwest.dev/v1alpha1\nkind: Cowboy\nmetadata: {name: %s, namespace: default}\nspec: {intent: %s}\n' "$1" "$2"; }

start
until_true 30 kubectl --context root get --raw /readyz && ok "ready" || { bad "ready" "$(tail -5 "$DIR/log")"; exit; }
for ws in provider consumer-a consumer-b; do kubectl create-workspace $ws >/dev/null 2>&1 || bad "workspace $ws"; done
check "the provider exports an API" in_ws provider apply -f "$ROOT/examples/sharing.yaml"
check "the export has an identity" bash -c '[ -n "$(in_ws provider get apiexport wildwest -o jsonpath={.status.identityHash})" ]'
refused "the provider does not serve it itself" "doesn't have a resource type" in_ws provider get cowboys
binding provider | check "consumer-a binds it" in_ws consumer-a create -f -
check "and is bound in the reply" bash -c '[ "$(in_ws consumer-a get apibinding wildwest -o jsonpath={.status.phase})" = Bound ]'
cowboy billy ride | check "its objects are made" in_ws consumer-a apply -f -
cowboy long "far-too-long-an-intent-for-this" | refused "and judged by the provider's schema" "may not be more than 20 bytes" in_ws consumer-a apply -f -
refused "consumer-b has no such API" "doesn't have a resource type" in_ws consumer-b get cowboys
binding provider | check "until it binds too" in_ws consumer-b create -f -
check "and sees nothing of consumer-a" bash -c '[ -z "$(in_ws consumer-b get cowboys -o name)" ]'
cowboy jim rest | check "its own object" in_ws consumer-b apply -f -
identity=$(in_ws provider get apiexport wildwest -o jsonpath='{.status.identityHash}')
names=$(raw "/clusters/*/apis/wildwest.dev/v1alpha1/cowboys:$identity" | jq -r '[.items[].metadata.name] | sort | join(",")')
[ "$names" = billy,jim ] && ok "the wildcard view by identity has both" || bad "the wildcard view by identity has both" "$names"
[ "$(raw "/clusters/*/apis/wildwest.dev/v1alpha1/cowboys" | jq -r .code)" = 404 ] && ok "and none without an identity" || bad "and none without an identity"
[ "$(raw "/clusters/root:consumer-a/apis/wildwest.dev/v1alpha1/cowboys:0000" | jq -r .code)" = 404 ] && ok "another identity finds nothing" || bad "another identity finds nothing"

# The provider's own view: its API everywhere, and what each consumer grants.
view=$(in_ws provider get apiexportendpointslice wildwest -o jsonpath='{.status.endpoints[0].url}')
view=/services${view#*/services}
[ "$view" = "/services${view#/services}" ] && [[ $view == /services/apiexport/*/wildwest ]] && ok "the endpoint slice tells where" || bad "the endpoint slice tells where" "$view"
cluster_of() { in_ws "$1" get logicalcluster cluster -o jsonpath='{.metadata.annotations.kcp\.io/cluster}'; }
a=$(cluster_of consumer-a) b=$(cluster_of consumer-b)
names_at() { raw "$view/clusters/$1" | jq -r '[.items[].metadata.name] | sort | join(",")'; }
is "it shows both consumers' objects" billy,jim "$(names_at '*/apis/wildwest.dev/v1alpha1/cowboys')"
is "or one consumer's" billy "$(names_at "$a/apis/wildwest.dev/v1alpha1/cowboys")"
is "discovery tells exported and claimed resources" apibindings,configmaps,cowboys \
  "$(for at in api/v1 apis/wildwest.dev/v1alpha1 apis/apis.kcp.io/v1alpha2; do raw "$view/clusters/*/$at"; done | jq -rs '[.[].resources[].name | select(contains("/") | not)] | sort | join(",")')"
for ws in consumer-a consumer-b; do in_ws $ws create configmap "map-of-$ws" --from-literal=a=b >/dev/null || bad "configmap in $ws"; done
is "an unanswered claim grants nothing" "" "$(names_at '*/api/v1/configmaps')"
answer() { printf '{"spec":{"permissionClaims":[{"group":"","resource":"configmaps","verbs":["*"],"state":"%s","selector":{"matchAll":true}}]}}' "$1"; }
check "consumer-a accepts it" in_ws consumer-a patch apibinding wildwest --type merge -p "$(answer Accepted)"
check "consumer-b rejects it" in_ws consumer-b patch apibinding wildwest --type merge -p "$(answer Rejected)"
check "the claim is applied" in_ws consumer-a wait apibinding/wildwest --for=condition=PermissionClaimsApplied --timeout=10s
is "the provider sees consumer-a's only" map-of-consumer-a "$(names_at '*/api/v1/configmaps')"
is "and is refused at consumer-b" 403 "$(raw "$view/clusters/$b/api/v1/configmaps" | jq -r .code)"
is "the bindings show who the consumers are" 2 "$(raw "$view/clusters/*/apis/apis.kcp.io/v1alpha2/apibindings" | jq '.items | length')"
is "writes to them are refused" 403 "$(raw "$view/clusters/$a/apis/apis.kcp.io/v1alpha2/apibindings/wildwest" -X DELETE | jq -r .code)"
raw "$view/clusters/$a/api/v1/namespaces/default/configmaps" -X POST -H 'content-type: application/json' -d '{"metadata":{"name":"from-provider"}}' >/dev/null
check "the provider writes to consumer-a" in_ws consumer-a get configmap from-provider
timeout 5 curl -sSN --cacert "$DIR/kcp/pki/ca.crt" --cert "$DIR/kcp/pki/admin.crt" --key "$DIR/kcp/pki/admin.key" "https://127.0.0.1:$PORT$view/clusters/*/api/v1/configmaps?watch=true" >"$DIR/watch" 2>/dev/null & watcher=$!
until_true 5 grep -q from-provider "$DIR/watch"
in_ws consumer-a create configmap watched >/dev/null; in_ws consumer-b create configmap unseen >/dev/null
until_true 5 grep -q '"watched"' "$DIR/watch" && ok "its watch tells of new ones" || bad "its watch tells of new ones"
grep -q unseen "$DIR/watch" && bad "and nothing of consumer-b" || ok "and nothing of consumer-b"
kill $watcher 2>/dev/null; wait $watcher 2>/dev/null
in_ws consumer-a get configmap watched -o json | jq '.metadata = {name: "forged", labels: .metadata.labels}' | refused "nobody forges the label" "must not be set" in_ws consumer-b create -f -
is "jane has no permission on the view" 403 "$(curl -sS --cacert "$DIR/kcp/pki/ca.crt" -H 'authorization: Bearer jane-token' "https://127.0.0.1:$PORT$view/clusters/*/apis/wildwest.dev/v1alpha1/cowboys" | jq -r .code)"
check "consumer-a takes its answer back" in_ws consumer-a patch apibinding wildwest --type merge -p "$(answer Rejected)"
nothing_left() { [ -z "$(names_at '*/api/v1/configmaps')" ]; }
until_true 5 nothing_left && ok "and the view is empty again" || bad "and the view is empty again"

# Binding needs the provider's permission; an export that does not exist looks the same.
check "jane is admin of consumer-b" in_ws consumer-b create clusterrolebinding jane --clusterrole=cluster-admin --user=jane
in_ws consumer-b delete apibinding wildwest >/dev/null 2>&1
binding provider | refused "she may not bind" "no permission to bind to export root:provider:wildwest" as_jane consumer-b create -f -
binding nowhere | refused "nor learn what exists" "no permission to bind to export root:nowhere:wildwest" as_jane consumer-b create -f -
role() { printf 'apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: binder}\nrules: [{apiGroups: [apis.kcp.io], resources: [apiexports], verbs: [bind]}]\n'; }
role | check "a role to bind" in_ws provider apply -f -
in_ws provider create clusterrolebinding access --clusterrole=system:kcp:workspace:access --user=jane >/dev/null 2>&1
check "the provider permits it" in_ws provider create clusterrolebinding binder --clusterrole=binder --user=jane
binding provider | check "now she may" as_jane consumer-b create -f -
check "the objects went with the old binding" bash -c '[ -z "$(in_ws consumer-b get cowboys -o name)" ]'

kill -KILL $pid; wait $pid 2>/dev/null
start
until_true 30 kubectl --context root get --raw /readyz && ok "ready after a crash" || bad "ready after a crash" "$(tail -5 "$DIR/log")"
check "bound APIs are served again" bash -c '[ "$(in_ws consumer-a get cowboy billy -o jsonpath={.spec.intent})" = ride ]'
kill -TERM $pid; if wait $pid; then ok "stops cleanly"; else bad "stops cleanly"; fi
pid=
