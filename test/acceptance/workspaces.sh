#!/usr/bin/env bash
# Drives workspaces as a user would, with unchanged kubectl: isolation, a custom API, a crash, a clean
# stop. Run from the project's root after `make build`. Closes with 'N passed, N failed'.
set -u
shopt -s lastpipe  # a check at the end of a pipe counts too
ROOT=${ROOT:-$PWD}
DIR=$(mktemp -d)
PORT=${PORT:-16443}
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
printf 'jane-token,jane,1,"team"\n' >"$DIR/tokens"
start() { "$ROOT/bin/kcp" playground --root-directory "$DIR/kcp" --secure-port "$PORT" --token-auth-file "$DIR/tokens" >"$DIR/log" 2>&1 & pid=$!; }
ready() { kubectl --context root get --raw /readyz; }
in_ws() { local ws=$1; shift; kubectl --server "https://127.0.0.1:$PORT/clusters/root:$ws" "$@"; }
export -f in_ws; export PORT
workspace() { printf 'apiVersion: tenancy.kcp.io/v1alpha1\nkind: Workspace\nmetadata: {name: %s}\n' "$1"; }
widget() { printf 'apiVersion: example.org/v1\nkind: Widget\nmetadata: {name: %s, namespace: default}\nspec: {size: %s%s}\n' "$1" "$2" "${3:-}"; }

start
until_true 60 ready && ok "ready" || { bad "ready" "$(tail -5 "$DIR/log")"; exit; }
check "version" kubectl version
check "discovery lists workspaces" bash -c 'kubectl api-resources | grep -q "workspaces.*tenancy.kcp.io"'
# OpenSSL's clients ask for 256 bits first; the server decides, unless they want ChaCha20 most.
cipher() { curl -skv "$@" "https://127.0.0.1:$PORT/livez" 2>&1 | grep -o 'TLS_[A-Z0-9_]*' | head -1; }
check "128 bits are preferred" test "$(cipher)" = TLS_AES_128_GCM_SHA256
check "ChaCha20 by who prefers it" test "$(cipher --tls13-ciphers TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256)" = TLS_CHACHA20_POLY1305_SHA256
check "256 bits by who insists" test "$(cipher --tls13-ciphers TLS_AES_256_GCM_SHA384)" = TLS_AES_256_GCM_SHA384

# Workspaces are isolated.
workspace team-a | check "create team-a" kubectl create -f -
workspace team-b | check "create team-b" kubectl create -f -
check "it is ready in the reply" bash -c '[ "$(kubectl get workspace team-a -o jsonpath={.status.phase})" = Ready ]'
workspace team-a | refused "a second one of the name" "already exists" kubectl create -f -
check "a CRD in team-a" in_ws team-a apply -f "$ROOT/examples/widgets.yaml"
check "is established" in_ws team-a wait --for=condition=Established crd/widgets.example.org --timeout=10s
widget one 3 ', extra: 1' | check "a custom object" in_ws team-a apply --validate=warn -f -
check "has its default" bash -c '[ "$(in_ws team-a get wd one -o jsonpath={.spec.color})" = blue ]'
check "is pruned" bash -c '[ -z "$(in_ws team-a get wd one -o jsonpath={.spec.extra})" ]'
check "shows its column" bash -c 'in_ws team-a get wd | grep -q "^NAME *SIZE"'
widget two 11 | refused "an invalid one" "spec.size in body should be less than or equal to 10" in_ws team-a apply --validate=false -f -
widget two 3 ', extra: 1' | refused "an unknown field, strictly" 'unknown field "spec.extra"' in_ws team-a apply -f -
check "explain" bash -c 'in_ws team-a explain widget.spec | grep -q color'
refused "team-b has no such API" "the server doesn't have a resource type" in_ws team-b get widgets
check "edit by patch" in_ws team-a patch wd one --type=merge -p '{"spec":{"size":4}}'
in_ws team-a get widgets -w --no-headers >"$DIR/watch" 2>&1 & watcher=$!
until_true 10 grep -q one "$DIR/watch"
in_ws team-a patch wd one --type=json -p '[{"op":"replace","path":"/spec/size","value":5}]' >/dev/null
until_true 10 grep -q 'one *5' "$DIR/watch" && ok "a watch sees the change" || bad "a watch sees the change" "$(cat "$DIR/watch")"
kill $watcher 2>/dev/null; wait $watcher 2>/dev/null

# The plugin moves between workspaces.
check "ws ." bash -c 'kubectl ws . | grep -q "Current workspace is .root. (type root:root)"'
refused "an unknown type" "does not exist" kubectl create-workspace team-c --type team-x
check "create-workspace of a type" kubectl create-workspace org --type organization --enter
check "is the current one" bash -c 'kubectl ws . --short | grep -qx root:org'
refused "a type that may not be here" "is not allowed in a workspace of type" kubectl create-workspace org2 --type organization
check "ws .." kubectl ws ..
check "ws -" bash -c 'kubectl ws - | grep -q root:org'
check "ws absolute" kubectl ws :root:team-a
refused "ws to nowhere" 'workspace "root:nowhere" not found' kubectl ws :root:nowhere
check "ws tree" bash -c 'kubectl ws :root >/dev/null && kubectl ws tree | grep -q team-a'
kubectl config use-context root >/dev/null

# Built-ins behave as on a cluster.
check "a namespace" in_ws team-a create namespace apps
check "a config map" in_ws team-a -n apps create configmap settings --from-literal=a=b
check "strategic merge" in_ws team-a -n apps label configmap settings tier=web
check "label selector" bash -c '[ "$(in_ws team-a get configmaps -A -l tier=web -o name)" = configmap/settings ]'
check "auth can-i" bash -c '[ "$(in_ws team-a auth can-i create configmaps)" = yes ]'
check "describe" in_ws team-a -n apps describe configmap settings
check "delete a namespace with its content" in_ws team-a delete namespace apps --timeout=20s
refused "its content is gone" "not found" in_ws team-a -n apps get configmap settings

# Whoever has no access sees nothing.
curl -sk "https://127.0.0.1:$PORT/clusters/root:team-a/api" | grep -q '"reason":"Forbidden"' && ok "anonymous is refused" || bad "anonymous is refused"
as_jane() { kubectl --kubeconfig /dev/null --insecure-skip-tls-verify --token jane-token --server "https://127.0.0.1:$PORT/clusters/root:$1" "${@:2}"; }
refused "jane has no access yet" "forbidden" as_jane team-b get configmaps
check "she is let in as a reader" bash -c 'in_ws team-b create clusterrolebinding jane --clusterrole=system:kcp:workspace:access --user=jane && in_ws team-b create rolebinding jane --clusterrole=view --user=jane'
check "jane reads" as_jane team-b get configmaps
refused "jane may not write" "forbidden" as_jane team-b create configmap x
refused "nor read team-a" "forbidden" as_jane team-a get configmaps
[ "$(curl -sk -o /dev/null -w '%{http_code}' -H 'Authorization: Bearer wrong' "https://127.0.0.1:$PORT/clusters/root:team-b/api")" = 401 ] && ok "a wrong token is a 401" || bad "a wrong token is a 401"
refused "an unknown workspace" "could not find the requested resource" in_ws nowhere get namespaces

# A crash loses nothing.
kill -KILL $pid; wait $pid 2>/dev/null
start
until_true 60 ready && ok "ready after a crash" || bad "ready after a crash" "$(tail -5 "$DIR/log")"
check "objects are there" bash -c '[ "$(in_ws team-a get wd one -o jsonpath={.spec.size})" = 5 ]'
"$ROOT/bin/kcp" start --root-directory "$DIR/kcp" --secure-port $((PORT + 1)) >"$DIR/second" 2>&1
grep -q "in use by another process" "$DIR/second" && ok "a second process is told" || bad "a second process is told" "$(cat "$DIR/second")"

# Finalizers of instances hold back their definition.
widget held 2 | check "an instance" in_ws team-a apply -f -
check "with a finalizer" in_ws team-a patch widget held --type=merge -p '{"metadata":{"finalizers":["example.org/hold"]}}'
check "its definition is deleted" in_ws team-a delete crd widgets.example.org --wait=false
check "but waits for it" bash -c 'in_ws team-a get crd widgets.example.org -o jsonpath={.status.conditions[*].type} | grep -q Terminating'
widget late 2 | refused "nothing new comes in" "does not allow this method" in_ws team-a create -f -
check "the finalizer goes" in_ws team-a patch widget held --type=merge -p '{"metadata":{"finalizers":null}}'
check "and the definition with it" in_ws team-a wait --for=delete crd/widgets.example.org --timeout=20s

# Deleting a workspace removes it and hides it.
check "delete team-a" kubectl delete workspace team-a --timeout=20s
refused "it is gone" "not found" in_ws team-a get wd
check "team-b is untouched" in_ws team-b get namespace default

kill -TERM $pid; s=$SECONDS
if wait $pid && [ $((SECONDS - s)) -le 5 ]; then ok "stops cleanly within 5 s"; else bad "stops cleanly within 5 s" "$(tail -5 "$DIR/log")"; fi
pid=
