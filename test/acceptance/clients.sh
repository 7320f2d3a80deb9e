#!/usr/bin/env bash
# A workspace is a normal cluster to unchanged clients: client-go and controller-runtime (Go), the
# package kubernetes (Python), kubectl. Run from the project's root after `make build`; KCP names
# another program than bin/kcp. Closes with 'N passed, N failed'.
set -u
shopt -s lastpipe  # a check at the end of a pipe counts too
ROOT=${ROOT:-$PWD}
export PATH=$ROOT/bin:$PATH
export KCP=${KCP:-$ROOT/bin/kcp}
DIR=$(mktemp -d)
PORT=${PORT:-19743}
export KUBECONFIG=$DIR/kcp/admin.kubeconfig KUBECACHEDIR=$DIR/cache
passed=0 failed=0 pid= complete=
. "$(dirname "$0")/lib/checks.sh"
prints() {
  local name=$1 text=$2 out; shift 2
  out=$("$@" 2>&1)
  if [[ $out == *"$text"* ]]; then ok "$name"; else bad "$name" "$out"; fi
}
finish() {
  [ -n "$complete" ] || bad "the script runs to its end"
  [ -n "$pid" ] && kill -KILL "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
  rm -rf "$DIR"
  echo "$passed passed, $failed failed"
  [ "$failed" -eq 0 ]; exit $?
}
trap finish EXIT
trap 'exit 1' INT TERM HUP

# Go: one line per test. Its server is its own, because a test kills it.
if ! command -v go >/dev/null; then
  bad "there is a Go toolchain" "install golang-go, then run this again"
else
  # Server-side apply is a module of its own: its libraries are newer.
  for module in go go/apply; do
    (cd "$ROOT/test/clients/$module" && go mod download && go test -vet=off -count=1 -v ./... )
    echo "$module ends with $?"
  done >"$DIR/go.log" 2>&1
  while read -r verdict name; do
    if [ "$verdict" = PASS: ]; then ok "go $name"; else bad "go $name" "$(grep -A12 -F "$name" "$DIR/go.log" | tail -12)"; fi
  done < <(sed -n 's/^ *--- \(PASS:\|FAIL:\|SKIP:\) \([^ ]*\).*/\1 \2/p' "$DIR/go.log")
  for module in go go/apply; do
    grep -qx "$module ends with 0" "$DIR/go.log" && ok "$module ends well" || bad "$module ends well" "$(tail -20 "$DIR/go.log")"
  done
fi

"$KCP" start --root-directory "$DIR/kcp" --secure-port "$PORT" >"$DIR/log" 2>&1 & pid=$!
until_true 30 kubectl --context root get --raw /readyz && ok "ready" || { bad "ready" "$(tail -5 "$DIR/log")"; exit; }
printf 'apiVersion: tenancy.kcp.io/v1alpha1\nkind: Workspace\nmetadata: {name: clients}\n' | kubectl --context root create -f - >/dev/null
SERVER=https://127.0.0.1:$PORT/clusters/root:clients
# Everything below is said to the workspace alone, as to any cluster.
kubectl --context root config view --raw --minify | sed "s#server: .*#server: $SERVER#" >"$DIR/kubeconfig"
export KUBECONFIG=$DIR/kubeconfig
until_true 30 kubectl get namespaces
kubectl apply -f - >/dev/null <<'YAML'
apiVersion: apis.kcp.io/v1alpha2
kind: APIBinding
metadata: {name: kubernetes}
spec: {reference: {export: {path: "root:compute", name: kubernetes}}}
YAML
check "the compute API is bound" kubectl wait apibinding/kubernetes --for=jsonpath='{.status.phase}'=Bound --timeout=30s

# Python, in an environment of its own.
VENV=$ROOT/build/clients/venv
WANTED=$ROOT/test/clients/python/requirements.txt
if ! cmp -s "$WANTED" "$VENV/installed.txt"; then
  python3 -m venv "$VENV" >"$DIR/pip.log" 2>&1 && "$VENV/bin/pip" install -q -r "$WANTED" >>"$DIR/pip.log" 2>&1 && cp "$WANTED" "$VENV/installed.txt"
fi
if cmp -s "$WANTED" "$VENV/installed.txt"; then
  "$VENV/bin/python" "$ROOT/test/clients/python/clients_test.py" "$DIR/kubeconfig" >"$DIR/python.log" 2>&1
  status=$?
  while read -r name verdict; do
    if [ "$verdict" = ok ]; then ok "python $name"; else bad "python $name" "$(tail -30 "$DIR/python.log")"; fi
  done < <(sed -n 's/^\(test_[a-z_]*\) .*\.\.\. \(.*\)$/\1 \2/p' "$DIR/python.log")
  [ $status -eq 0 ] && ok "python ends well" || bad "python ends well" "$(tail -20 "$DIR/python.log")"
else
  bad "the Python client can be installed" "$(tail -5 "$DIR/pip.log")"
fi

# kubectl, with its validation switched on.
cat >"$DIR/many.yaml" <<'YAML'
# a document without content
---
apiVersion: v1
kind: Namespace
metadata: {name: app}
---
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: ConfigMap
  metadata: {name: conf, namespace: app, labels: {part: shop}}
  data: {text: "käse 漢字 🎉"}
- apiVersion: apps/v1
  kind: Deployment
  metadata: {name: web, namespace: app, labels: {part: shop}}
  spec:
    selector: {matchLabels: {app: web}}
    template:
      metadata: {labels: {app: web}}
      spec: {containers: [{name: c, image: nginx, ports: [{containerPort: 80}]}]}
- apiVersion: v1
  kind: Service
  metadata: {name: web, namespace: app, labels: {part: shop}}
  spec: {selector: {app: web}, ports: [{port: 80, targetPort: 80}]}
YAML
review() { printf 'apiVersion: %s\nkind: %s\n%s\n' "$1" "$2" "$3" | kubectl create --validate=true -o yaml -f -; }
pruned() { kubectl apply --prune -l set=pruned --prune-allowlist=core/v1/ConfigMap -f - ; }
check "apply of documents and a List" kubectl apply -f "$DIR/many.yaml"
prints "again it changes nothing" "deployment.apps/web unchanged" kubectl apply -f "$DIR/many.yaml"
check "diff finds no difference" kubectl diff -f "$DIR/many.yaml"
prints "unicode comes back" "käse 漢字 🎉" kubectl -n app get cm conf -o jsonpath='{.data.text}'
prints "diff finds one" "+      - image: nginx:2" bash -c 'sed s/nginx/nginx:2/ "$0" | kubectl diff -f -' "$DIR/many.yaml"
prints "a wrong field is refused" 'unknown field "replica"' bash -c 'sed "s/spec:$/spec:\n    replica: 1/" "$0" | kubectl apply -f -' "$DIR/many.yaml"
prints "TokenReview is validated" "error: Unauthorized" review authentication.k8s.io/v1 TokenReview 'spec: {token: a}'
prints "and a wrong field of it refused" 'unknown field "tokn"' review authentication.k8s.io/v1 TokenReview 'spec: {tokn: a}'
prints "SubjectAccessReview is validated" "allowed: false" review authorization.k8s.io/v1 SubjectAccessReview 'spec: {user: a, resourceAttributes: {verb: get, resource: secrets}}'
prints "generateName" "configmap/gen-" bash -c 'echo "{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\",\"metadata\":{\"generateName\":\"gen-\"}}" | kubectl create -f -'
printf '#!/bin/sh\nsed -i "s/part: shop/part: edited/" "$1"\n' >"$DIR/editor"; chmod +x "$DIR/editor"
prints "edit" "configmap/conf edited" env EDITOR="$DIR/editor" kubectl -n app edit cm conf
prints "replace" "service/web replaced" kubectl replace -f "$DIR/many.yaml"
prints "label" "labeled" kubectl -n app label cm conf a=b
prints "label again" "already has a value" kubectl -n app label cm conf a=c
prints "annotate" "annotated" kubectl -n app annotate cm conf a=b
prints "set image" "image updated" kubectl -n app set image deployment/web c=nginx:3
prints "scale" "scaled" kubectl -n app scale deployment/web --replicas=2
prints "rollout restart" "restarted" kubectl -n app rollout restart deployment/web
prints "explain" "rollingUpdate" kubectl explain deployment.spec.strategy
prints "can-i --list" "*.*" kubectl auth can-i --list
prints "get -o wide" "nginx:3" kubectl -n app get deployment -o wide
prints "get --watch" "web" timeout 20 bash -c 'kubectl -n app get deployment --watch | head -2'
check "wait for a field" kubectl -n app wait cm/conf --for=jsonpath='{.data.text}' --timeout=5s
check "wait for the end" bash -c 'kubectl -n app delete cm conf --wait=false && kubectl -n app wait cm/conf --for=delete --timeout=10s'
kubectl create serviceaccount robot >/dev/null
prints "create token" "." kubectl create token robot
printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: p1, labels: {set: pruned}}\n' | check "apply --prune" pruned
printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: p2, labels: {set: pruned}}\n' | prints "removes what is no longer named" "configmap/p1 pruned" pruned
prints "describe" "2 desired" kubectl -n app describe deployment web
check "delete -f" kubectl delete -f "$DIR/many.yaml" --ignore-not-found --timeout=30s
complete=1
