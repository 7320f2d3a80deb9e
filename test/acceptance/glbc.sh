#!/usr/bin/env bash
# The global load balancer as a tenant and its clients see it: host, certificate, DNS, health, a move, a forged
# Ingress, restarts, deletion. The clusters are TLS servers of openssl; the test plays the scheduler and the
# syncer. Run from the project's root after `make build`. Closes with 'N passed, N failed'.
set -u
ROOT=${ROOT:-$PWD}
KCP=${KCP:-$ROOT/bin/kcp}
DIR=$(mktemp -d)
export PORT=19643 DNS_PORT=19053 PROBE_PORT=19843
export PATH=$ROOT/bin:$PATH
export KUBECONFIG=$DIR/kcp/admin.kubeconfig
export KUBECACHEDIR=$DIR/cache
EAST=127.0.21.1 WEST=127.0.22.1
passed=0 failed=0 kcp= glbc= east= west=
. "$(dirname "$0")/lib/checks.sh"
finish() {
  for pid in $glbc $east $west $kcp; do kill -KILL "$pid" 2>/dev/null; done
  if [ -n "${KEEP:-}" ]; then echo "kept: $DIR"; else rm -rf "$DIR"; fi
  echo "$passed passed, $failed failed"
  [ "$failed" -eq 0 ]; exit $?
}
trap finish EXIT
eventually() { local name=$1 seconds=$2; shift 2; if until_true "$seconds" "$@"; then ok "$name"; else bad "$name" "$("$@" 2>&1; tail -3 "$DIR/glbc.log")"; fi; }
in_ws() { local ws=$1; shift; kubectl --server "https://127.0.0.1:$PORT/clusters/root:$ws" "$@"; }

mkfifo "$DIR/silence" && exec 9<>"$DIR/silence"  # an input that never ends
printf 'glbc-token,system:kcp:glbc,1\njane-token,jane,2\n' >"$DIR/tokens"
start_kcp() { "$KCP" start --root-directory "$DIR/kcp" --secure-port $PORT --token-auth-file "$DIR/tokens" >>"$DIR/kcp.log" 2>&1 & kcp=$!; }
start_glbc() {
  "$KCP" glbc --kubeconfig "$DIR/glbc.kubeconfig" --domain glbc.test --dns-port $DNS_PORT --ttl 2 --probe-port $PROBE_PORT \
    --ca-file "$DIR/ca.crt" >>"$DIR/glbc.log" 2>&1 & glbc=$!
}
# A cluster: an HTTPS server with the certificate of the tenant's Secret. $1 address
cluster() {
  in_ws tenant get secret hcg-tls-web -o json | jq -r '.data["tls.crt"]' | base64 -d >"$DIR/web.crt"
  in_ws tenant get secret hcg-tls-web -o json | jq -r '.data["tls.key"]' | base64 -d >"$DIR/web.key"
  openssl s_server -quiet -www -accept "$1:$PROBE_PORT" -cert "$DIR/web.crt" -key "$DIR/web.key" >/dev/null 2>&1 <&9 &
}
ask() { dig +time=1 +tries=1 @127.0.0.1 -p $DNS_PORT "$@"; }
answer() { ask +short "$1" A | sort | xargs; }
is_answer() { [ "$(answer "$H")" = "$1" ]; }
rcode() { ask "$1" A | grep -o 'status: [A-Z]*' | cut -d' ' -f2; }
is_rcode() { [ "$(rcode "$1")" = "$2" ]; }
ingress() { in_ws "${2:-tenant}" get ingress web -o jsonpath="$1"; }
has_host() { [ -n "$(ingress '{.spec.rules[0].host}')" ] && [[ $(ingress '{.spec.rules[0].host}') == *.glbc.test ]]; }
place() { in_ws tenant label ingress web "state.workload.kcp.io/$1=Sync" --overwrite; in_ws tenant annotate ingress web --overwrite \
  "diff.syncer.internal.kcp.io/$1={\"status\":{\"loadBalancer\":{\"ingress\":[{\"ip\":\"$2\"}]}}}"; }
sample() { printf 'apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: web, namespace: default, annotations: {kuadrant.dev/host.generated: "%s"}}\nspec: {rules: [{host: "%s", http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]}\n' "$1" "$1"; }
bind() { # workspace, export's workspace, export
  local claims=$(in_ws "$2" get apiexport "$3" -o json | jq -c '[.spec.permissionClaims[]? | .selector = (.defaultSelector // {matchAll: true}) | .state = "Accepted" | del(.defaultSelector)]')
  printf '{"apiVersion":"apis.kcp.io/v1alpha2","kind":"APIBinding","metadata":{"name":"%s"},"spec":{"reference":{"export":{"path":"root:%s","name":"%s"}},"permissionClaims":%s}}' "$3" "$2" "$3" "$claims" | in_ws "$1" apply -f -
}

# The control plane, the load balancer's workspace, two tenants.
start_kcp
until_true 30 kubectl --context root get --raw /readyz && ok "ready" || { bad "ready" "$(tail -5 "$DIR/kcp.log")"; exit; }
printf 'apiVersion: v1\nkind: Config\ncurrent-context: glbc\nclusters: [{name: glbc, cluster: {server: "https://127.0.0.1:%s", certificate-authority: "%s"}}]\nusers: [{name: glbc, user: {token: glbc-token}}]\ncontexts: [{name: glbc, context: {cluster: glbc, user: glbc}}]\n' $PORT "$DIR/kcp/pki/ca.crt" >"$DIR/glbc.kubeconfig"
start_glbc
for ws in glbc tenant evil; do kubectl --server "https://127.0.0.1:$PORT/clusters/root" create -f - >/dev/null <<<"{\"apiVersion\":\"tenancy.kcp.io/v1alpha1\",\"kind\":\"Workspace\",\"metadata\":{\"name\":\"$ws\"}}" || bad "workspace $ws"; done
identity=$(in_ws compute get apiexport kubernetes -o jsonpath='{.status.identityHash}')
sed "s/    resource: ingresses/    resource: ingresses\n    identityHash: $identity/" "$ROOT/apis/bootstrap/glbc.yaml" >"$DIR/glbc.yaml"
check "its workspace is set up" in_ws glbc apply -f "$DIR/glbc.yaml"
check "it binds its own export" bind glbc glbc glbc
for ws in tenant evil; do
  check "$ws binds kubernetes" bind $ws compute kubernetes
  check "$ws binds glbc" bind $ws glbc glbc
done
eventually "GLBC answers DNS" 20 grep -q "answers DNS" "$DIR/glbc.log"
[ "$(rcode nobody.glbc.test)" = NXDOMAIN ] && ok "a name that nobody has does not exist" || bad "a name that nobody has does not exist" "$(ask nobody.glbc.test)"
[ -n "$(ask +short glbc.test SOA)" ] && [ "$(ask +short glbc.test NS)" = ns1.glbc.test. ] && [ "$(answer ns1.glbc.test)" = 127.0.0.1 ] && ok "SOA, NS and glue" || bad "SOA, NS and glue"

# Host and certificate.
sample custom.example.org | check "an Ingress" in_ws tenant apply -f -
eventually "it gets a managed host" 20 has_host
export H=$(ingress '{.spec.rules[0].host}')
[[ $(ingress '{.metadata.annotations.kuadrant\.dev/custom-hosts\.replaced}') == *custom.example.org* ]] && ok "the custom host is noted" || bad "the custom host is noted"
eventually "its certificate is ready" 20 bash -c "[ \"\$(kubectl --server https://127.0.0.1:$PORT/clusters/root:tenant get ingress web -o jsonpath='{.spec.tls[0].secretName} {.metadata.annotations.kuadrant\.dev/certificate-status}')\" = 'hcg-tls-web ready' ]"
check "and verifies against the CA file" bash -c "kubectl --server https://127.0.0.1:$PORT/clusters/root:tenant get secret hcg-tls-web -o json | jq -r '.data[\"tls.crt\"]' | base64 -d | openssl verify -CAfile $DIR/ca.crt -verify_hostname $H"
eventually "the host exists without addresses" 5 bash -c "[ \"\$(dig +time=1 @127.0.0.1 -p $DNS_PORT $H A | grep -c 'status: NOERROR')\" = 1 ]"
check "a deleted copy" in_ws tenant delete secret hcg-tls-web
eventually "is made again" 10 in_ws tenant get secret hcg-tls-web

# Addresses: only once they serve the host.
place east $EAST >/dev/null
sleep 2
is_answer "" && ok "an address that does not answer is not published" || bad "an address that does not answer is not published" "$(answer "$H")"
cluster $EAST; east=$!
eventually "it is, once it serves the host" 20 is_answer $EAST
eventually "the tenant sees it" 5 bash -c "[ \"\$(kubectl --server https://127.0.0.1:$PORT/clusters/root:tenant get dnsrecord web -o jsonpath='{.spec.endpoints[0].targets[0]}')\" = $EAST ]"
eventually "and that DNS answers it" 5 bash -c "kubectl --server https://127.0.0.1:$PORT/clusters/root:tenant get dnsrecord web -o jsonpath='{.status.zones[0].conditions[0].reason}' | grep -q ProviderSuccess"
check "what the tenant writes there" in_ws tenant patch dnsrecord web --type=merge -p '{"spec":{"endpoints":[]}}'
eventually "is overwritten" 5 bash -c "[ \"\$(kubectl --server https://127.0.0.1:$PORT/clusters/root:tenant get dnsrecord web -o jsonpath='{.spec.endpoints[0].targets[0]}')\" = $EAST ]"
is_answer $EAST && ok "and never reached DNS" || bad "and never reached DNS"

# A forged Ingress of another tenant.
sample "$H" | check "evil claims the tenant's host" in_ws evil apply -f -
eventually "and gets its own" 20 bash -c "h=\$(kubectl --server https://127.0.0.1:$PORT/clusters/root:evil get ingress web -o jsonpath='{.spec.rules[0].host}'); [ \"\$h\" != $H ] && [[ \$h == *.glbc.test ]]"
is_answer $EAST && ok "the tenant's host is undisturbed" || bad "the tenant's host is undisturbed"
[ "$(ingress '{.spec.rules[0].host}')" = "$H" ] && ok "and its Ingress too" || bad "and its Ingress too"
if out=$(kubectl --kubeconfig /dev/null --insecure-skip-tls-verify --token jane-token --server "https://127.0.0.1:$PORT/clusters/root:glbc" get secrets -n glbc 2>&1); then bad "nobody else reads its Secrets" "$out"; else ok "nobody else reads its Secrets"; fi

# A restart never says that a host does not exist.
kill -KILL $glbc; wait $glbc 2>/dev/null
start_glbc
seen=; for _ in $(seq 60); do r=$(rcode "$H"); seen="$seen $r"; [ "$r" = NOERROR ] && break; sleep 0.05; done
[[ $seen != *NXDOMAIN* && $seen == *NOERROR ]] && ok "no NXDOMAIN over a restart" || bad "no NXDOMAIN over a restart" "$seen"
is_answer $EAST && ok "and the address is answered at once" || bad "and the address is answered at once" "$(answer "$H")"

# A move: east is left, west takes over.
held() { ingress "{.metadata.annotations.finalizers\.workload\.kcp\.io/$1}"; }
eventually "east is held" 5 bash -c "kubectl --server https://127.0.0.1:$PORT/clusters/root:tenant get ingress web -o json | jq -e '.metadata.annotations[\"finalizers.workload.kcp.io/east\"] == \"kuadrant.dev/glbc-migration\"'"
place west $WEST >/dev/null
in_ws tenant annotate ingress web deletion.internal.workload.kcp.io/east=2026-01-01T00:00:00Z >/dev/null
sleep 3
is_answer $EAST && [ -n "$(held east)" ] && ok "while west does not answer east stays" || bad "while west does not answer east stays" "$(answer "$H")"
cluster $WEST; west=$!
eventually "then DNS moves to west" 20 is_answer $WEST
[ -n "$(held east)" ] && ok "east is held until no resolver can remember it" || bad "east is held until no resolver can remember it"
moved=$SECONDS
eventually "then it is released" 20 bash -c "kubectl --server https://127.0.0.1:$PORT/clusters/root:tenant get ingress web -o json | jq -e '.metadata.annotations | has(\"finalizers.workload.kcp.io/east\") | not'"
[ $((SECONDS - moved)) -ge 3 ] && ok "not before twice the TTL" || bad "not before twice the TTL" "$((SECONDS - moved))"

# Health: with both published, the failing one leaves the answer; the last one never does.
in_ws tenant annotate ingress web deletion.internal.workload.kcp.io/east- >/dev/null
eventually "east comes back" 20 is_answer "$EAST $WEST"
kill -KILL $west; wait $west 2>/dev/null; west=
eventually "a failing address leaves the answer" 40 is_answer $EAST
kill -KILL $east; wait $east 2>/dev/null; east=
sleep 20
[ -n "$(answer "$H")" ] && ok "the last one never does" || bad "the last one never does"

check "the Ingress is deleted" in_ws tenant delete ingress web --timeout=20s
eventually "its host is gone" 10 is_rcode "$H" NXDOMAIN
eventually "and its Secret" 10 bash -c "! kubectl --server https://127.0.0.1:$PORT/clusters/root:tenant get secret hcg-tls-web"
[ "$(in_ws glbc get dnsrecords -n glbc -o name | wc -l)" = 1 ] && ok "only evil's record is left" || bad "only evil's record is left" "$(in_ws glbc get dnsrecords -n glbc)"
kill -TERM $glbc; if wait $glbc; then ok "stops cleanly"; else bad "stops cleanly" "$(tail -3 "$DIR/glbc.log")"; fi
glbc=
