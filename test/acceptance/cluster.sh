#!/usr/bin/env bash
# Drives the stand-in physical cluster with unchanged kubectl: a rollout, traffic through the ingress, a
# rolling update that loses no request, TLS by the ingress's secret, a restart. Run from the project's
# root after `make build`. Closes with 'N passed, N failed'.
set -u
ROOT=${ROOT:-$PWD}
DIR=$(mktemp -d)
ADDRESS=127.0.9.1
export PATH=$ROOT/bin:$PATH
export KUBECONFIG=$DIR/east/admin.kubeconfig
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
start() {
  "$ROOT/bin/kcp" cluster --name east --root-directory "$DIR/east" --bind-address $ADDRESS --secure-port 17443 >"$DIR/log" 2>&1 &
  pid=$!
}
fetch() { curl -sS --max-time 3 -H 'Host: echo.example.org' "http://$ADDRESS:8080/"; }
served() { fetch | jq -e '.cluster == "east"'; }

start
until_true 30 kubectl get --raw /readyz && ok "ready" || { bad "ready" "$(tail -5 "$DIR/log")"; exit; }
check "a node is ready" bash -c 'kubectl get nodes | grep -q "node-1 *Ready"'
check "the sample is accepted" kubectl apply -f "$ROOT/examples/echo.yaml"
check "it rolls out" kubectl rollout status deployment/echo --timeout=30s
until_true 10 served && ok "the ingress serves it" || bad "the ingress serves it" "$(fetch 2>&1)"
check "the ingress tells its address" bash -c "[ \$(kubectl get ingress echo -o jsonpath={.status.loadBalancer.ingress[0].ip}) = $ADDRESS ]"
check "scale up" kubectl scale deployment echo --replicas=4
check "and rolled out" kubectl rollout status deployment/echo --timeout=30s
check "get all" bash -c 'kubectl get all | grep -q "deployment.apps/echo *4/4"'

# A rolling update under traffic.
traffic() { while [ ! -e "$DIR/stop" ]; do if fetch 2>/dev/null | jq -e .pod >/dev/null 2>&1; then echo y; else echo lost; fi; done >"$DIR/traffic"; }
traffic & client=$!
check "a new image" kubectl set image deployment/echo echo=example.org/echo:2
check "rolls out" kubectl rollout status deployment/echo --timeout=60s
sleep 1; touch "$DIR/stop"; wait $client
sent=$(wc -l <"$DIR/traffic") lost=$(grep -c lost "$DIR/traffic")
[ "$sent" -gt 10 ] && [ "$lost" -eq 0 ] && ok "no request lost ($sent sent)" || bad "no request lost" "$lost of $sent"

# TLS with the ingress's own secret.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=echo.example.org \
  -addext subjectAltName=DNS:echo.example.org -keyout "$DIR/key" -out "$DIR/crt" 2>/dev/null
check "a TLS secret" kubectl create secret tls echo-tls --cert="$DIR/crt" --key="$DIR/key"
check "named by the ingress" kubectl patch ingress echo --type=merge -p '{"spec":{"tls":[{"hosts":["echo.example.org"],"secretName":"echo-tls"}]}}'
secure() { curl -sS --max-time 3 --cacert "$DIR/crt" --resolve "echo.example.org:8443:$ADDRESS" https://echo.example.org:8443/ | jq -e .pod; }
until_true 10 secure && ok "HTTPS with a verified certificate" || bad "HTTPS with a verified certificate" "$(secure 2>&1)"

# A crash, then a restart.
kill -KILL $pid; wait $pid 2>/dev/null
start
until_true 30 served && ok "serves again after a crash" || bad "serves again after a crash" "$(tail -5 "$DIR/log")"
check "deleting the workload" kubectl delete -f "$ROOT/examples/echo.yaml" --timeout=30s
nothing() { [ -z "$(kubectl get pods,replicasets -o name)" ]; }
until_true 15 nothing && ok "its pods are gone" || bad "its pods are gone" "$(kubectl get pods,rs 2>&1)"

kill -TERM $pid; s=$SECONDS
if wait $pid && [ $((SECONDS - s)) -le 5 ]; then ok "stops cleanly within 5 s"; else bad "stops cleanly within 5 s" "$(tail -5 "$DIR/log")"; fi
pid=
