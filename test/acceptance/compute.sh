#!/usr/bin/env bash
# Service accounts and the compute commands as a user sees them, with unchanged kubectl and curl: tokens
# at home, elsewhere and after their end; roles that grant too much; connecting a physical cluster;
# cordon, uncordon, drain; bind compute, bind apiexport, claims. Run from the project's root after
# `make build`. Closes with 'N passed, N failed'.
set -u
shopt -s lastpipe  # a check at the end of a pipe counts too
ROOT=${ROOT:-$PWD}
BIN=${BIN:-$ROOT/bin}
DIR=$(mktemp -d)
export PORT=${PORT:-19543} DIR
export PATH=$BIN:$PATH
export KUBECONFIG=$DIR/kcp/admin.kubeconfig
export KUBECACHEDIR=$DIR/cache
passed=0 failed=0 pid= cluster=
. "$(dirname "$0")/lib/checks.sh"
prints() {
  local name=$1 text=$2 out; shift 2
  out=$("$@" 2>"$DIR/stderr") || out="$out $(cat "$DIR/stderr")"
  if [[ $out == "$text" ]]; then ok "$name"; else bad "$name" "$out"; fi
}
# The same for a text with a part that is not known; it stands as ... in `text`.
prints_like() {
  local name=$1 text=$2 out; shift 2
  out=$("$@" 2>"$DIR/stderr") || out="$out $(cat "$DIR/stderr")"
  if [[ $out == "${text%%...*}"*"${text##*...}" ]]; then ok "$name"; else bad "$name" "$out"; fi
}
finish() {
  for one in $pid $cluster; do kill -KILL "$one" 2>/dev/null; done
  rm -rf "$DIR"
  echo "$passed passed, $failed failed"
  [ "$failed" -eq 0 ]; exit $?
}
trap finish EXIT
start() { kcp start --root-directory "$DIR/kcp" --secure-port "$PORT" >"$DIR/log" 2>&1 & pid=$!; }
in_ws() { local ws=$1; shift; kubectl --server "https://127.0.0.1:$PORT/clusters/root:$ws" "$@"; }
# with_token TOKEN PATH [curl flags]: the status code and, in a second line, the body
with_token() { curl -sS --cacert "$DIR/kcp/pki/ca.crt" -H "Authorization: Bearer $1" -w '%{http_code}' -o "$DIR/body" "https://127.0.0.1:$PORT$2" "${@:3}"; }
code() { local name=$1 want=$2 got; shift 2; got=$(with_token "$@"); if [ "$got" = "$want" ]; then ok "$name"; else bad "$name" "$got $(cat "$DIR/body")"; fi; }
secret_token() { in_ws "$1" get secret "$2" -o jsonpath='{.data.token}' | base64 -d; }
token_secret() { printf 'apiVersion: v1\nkind: Secret\ntype: kubernetes.io/service-account-token\nmetadata: {name: %s, namespace: default, annotations: {kubernetes.io/service-account.name: %s}}\n' "$1" "$2"; }
export -f in_ws secret_token

start
until_true 30 kubectl --context root get --raw /readyz && ok "ready" || { bad "ready" "$(tail -5 "$DIR/log")"; exit; }
for ws in a b; do kubectl create-workspace $ws >/dev/null 2>&1 || bad "workspace $ws"; done
SECRETS=/api/v1/namespaces/default/secrets

# Tokens: both workspaces have an account default/bot, which may do everything there.
for ws in a b; do
  in_ws $ws create serviceaccount bot >/dev/null || bad "account in $ws"
  in_ws $ws create clusterrolebinding bot --clusterrole=cluster-admin --serviceaccount=default:bot >/dev/null
done
token=$(in_ws a create token bot)
[ -n "$token" ] && ok "kubectl create token" || bad "kubectl create token"
code "the token works at home" 200 "$token" "/clusters/root:a$SECRETS"
code "and without saying where that is" 200 "$token" "/api/v1/namespaces/default/serviceaccounts/bot"
[ "$(jq -r .metadata.uid "$DIR/body")" = "$(in_ws a get sa bot -o jsonpath='{.metadata.uid}')" ] && ok "which is its own workspace" || bad "which is its own workspace"
code "it is not the account of that name in the other workspace" 403 "$token" "/clusters/root:b$SECRETS"
code "nor anybody in the parent" 403 "$token" "/clusters/root$SECRETS"
code "nor over all workspaces" 403 "$token" "/clusters/*/api/v1/secrets"
code "half a token is none" 401 "${token%????}" "/clusters/root:a$SECRETS"
check "kubectl takes it" kubectl --kubeconfig /dev/null --certificate-authority "$DIR/kcp/pki/ca.crt" --token "$token" --server "https://127.0.0.1:$PORT" get secrets
prints "it is who it says" system:serviceaccount:default:bot kubectl --kubeconfig /dev/null --certificate-authority "$DIR/kcp/pki/ca.crt" --token "$token" --server "https://127.0.0.1:$PORT" auth whoami -o 'jsonpath={.status.userInfo.username}'
review() { printf '{"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","spec":{"token":"%s"}}' "$2" | in_ws "$1" create --validate=false -o jsonpath='{.status.user.username}' -f -; }
prints "TokenReview knows it at home" system:serviceaccount:default:bot review a "$token"
prints_like "and elsewhere by its full name" "system:kcp:serviceaccount:...:default:bot" review b "$token"
in_ws b create clusterrolebinding guests --clusterrole=cluster-admin --group="system:cluster:$(in_ws a get logicalcluster cluster -o jsonpath='{.metadata.annotations.kcp\.io/cluster}')" >/dev/null
code "the other workspace may let all of this one in" 200 "$token" "/clusters/root:b$SECRETS"
in_ws b delete clusterrolebinding guests >/dev/null
code "and turn them away again" 403 "$token" "/clusters/root:b$SECRETS"
token_secret bot-token bot | check "a token Secret" in_ws a create -f -
legacy=$(secret_token a bot-token)
code "its token works at home" 200 "$legacy" "/clusters/root:a$SECRETS"
code "and not elsewhere" 403 "$legacy" "/clusters/root:b$SECRETS"
in_ws a delete secret bot-token >/dev/null
code "it ends with the Secret" 401 "$legacy" "/clusters/root:a$SECRETS"
token_secret x nobody | refused "a token Secret for nobody" "make the ServiceAccount first" in_ws a create -f -
workspace() { printf 'apiVersion: tenancy.kcp.io/v1alpha1\nkind: Workspace\nmetadata: {name: %s}\n' "$1"; }
as_bot() { kubectl --kubeconfig /dev/null --certificate-authority "$DIR/kcp/pki/ca.crt" --token "$token" --server "https://127.0.0.1:$PORT/clusters/root:$1" "${@:2}"; }
workspace child | check "an account makes a workspace" as_bot a create -f -
until_true 20 in_ws a:child get namespaces
check "and is at home in it under its full name" as_bot a:child get secrets
in_ws a:child create serviceaccount bot >/dev/null
code "where an account of its short name is nobody" 403 "$(in_ws a:child create token bot)" "/clusters/root:a:child$SECRETS"

# Nobody grants what he does not have.
in_ws a create serviceaccount clerk >/dev/null
in_ws a create role clerk --verb=create,update --resource=roles,rolebindings >/dev/null
in_ws a create rolebinding clerk --role=clerk --serviceaccount=default:clerk >/dev/null
clerk=$(in_ws a create token clerk)
as_clerk() { kubectl --kubeconfig /dev/null --certificate-authority "$DIR/kcp/pki/ca.crt" --token "$clerk" --server "https://127.0.0.1:$PORT" "$@"; }
refused "a role with more than its writer has" 'is attempting to grant RBAC permissions not currently held' as_clerk create role thief --verb=get --resource=secrets
refused "a binding to one" 'is attempting to grant RBAC permissions not currently held' as_clerk create rolebinding thief --clusterrole=cluster-admin --serviceaccount=default:clerk
check "a role with less" as_clerk create role helper --verb=create --resource=roles
check "who has everything grants everything" as_bot a create clusterrolebinding other --clusterrole=cluster-admin --user=jane
code "the server's metrics are no workspace's" 404 "$token" /clusters/root:a/metrics
code "nor an account's" 403 "$token" /metrics

# A physical cluster is connected.
kubectl create-workspace clusters --enter >/dev/null 2>&1
sync() { kubectl kcp workload sync "$@"; }
refused "sync without an image" "--syncer-image is required" sync east -o -
refused "sync with a reserved export" "reserved APIExport name" sync east --syncer-image image -o - --apiexports root:a:imported-apis
if sync east --syncer-image image -o "$DIR/east.yaml" --labels region=eu,tier=gold 2>"$DIR/stderr"; then ok "sync"; else bad "sync" "$(cat "$DIR/stderr")"; fi
prints "the manifest" "Namespace ServiceAccount Secret ClusterRole ClusterRoleBinding Role RoleBinding Secret Deployment" bash -c 'grep ^kind: "$DIR/east.yaml" | cut -d" " -f2 | tr "\n" " " | sed "s/ $//"'
check "names what is synced" grep -q -- '- deployments' "$DIR/east.yaml"
kubectl create --dry-run=client --validate=false -o json -f "$DIR/east.yaml" 2>/dev/null | jq -r 'if .kind == "List" then .items[] else . end | select(.kind=="Secret" and .stringData.kubeconfig) | .stringData.kubeconfig' >"$DIR/syncer.kubeconfig"
as_syncer() { kubectl --kubeconfig "$DIR/syncer.kubeconfig" "$@"; }
check "its kubeconfig reads the SyncTarget" as_syncer get synctarget east
syncer=$(as_syncer config view --raw -o jsonpath='{.users[0].user.token}')
code "and writes its status" 200 "$syncer" /apis/workload.kcp.io/v1alpha1/synctargets/east/status -X PATCH -H 'Content-Type: application/merge-patch+json' -d '{"status":{"lastSyncerHeartbeatTime":"2026-01-02T03:04:05Z"}}'
code "but of no other SyncTarget" 403 "$syncer" /apis/workload.kcp.io/v1alpha1/synctargets/west/status -X PATCH -H 'Content-Type: application/merge-patch+json' -d '{}'
code "it sees its virtual workspace" 200 "$syncer" "/services/syncer/$(kubectl get logicalcluster cluster -o jsonpath='{.metadata.annotations.kcp\.io/cluster}')/east/$(kubectl get synctarget east -o jsonpath='{.metadata.uid}')/clusters/*/api/v1/namespaces"
code "and only with its token" 403 "$token" "/services/syncer/$(kubectl get logicalcluster cluster -o jsonpath='{.metadata.annotations.kcp\.io/cluster}')/east/$(kubectl get synctarget east -o jsonpath='{.metadata.uid}')/clusters/*/api/v1/namespaces"
check "it may sync" as_syncer auth can-i sync synctargets/east
refused "and no other" no as_syncer auth can-i sync synctargets/west
refused "it reads no secrets" Forbidden as_syncer get secrets
before=$(kubectl get synctarget east -o jsonpath='{.metadata.generation}')
check "sync again" sync east --syncer-image image -o "$DIR/again.yaml" --labels zone=1
prints "changes nothing but labels" "$before eu gold 1" kubectl get synctarget east -o jsonpath='{.metadata.generation} {.metadata.labels.region} {.metadata.labels.tier} {.metadata.labels.zone}'
check "and prints the same manifest" diff "$DIR/east.yaml" "$DIR/again.yaml"
prints "the manifest is its owner's only" 600 stat -c %a "$DIR/east.yaml"
check "with further resources" bash -c 'kubectl kcp workload sync extra --syncer-image image --apiexports= --resources configmaps,widgets.example.org -o - | grep -q -- --resources=widgets.example.org'
prints "which are in an export" "rev-0.configmaps.core rev-0.widgets.example.org" kubectl get apiexport imported-apis -o jsonpath='{.spec.resources[*].schema}'

# The manifest is applied to a physical cluster, whose own service accounts work the same way.
kcp cluster --name east --root-directory "$DIR/east" --bind-address 127.0.1.43 --secure-port 19643 --http-port 19680 --https-port 19681 >"$DIR/east.log" 2>&1 & cluster=$!
in_east() { kubectl --kubeconfig "$DIR/east/admin.kubeconfig" "$@"; }
until_true 30 in_east get --raw /readyz
check "the manifest is applied" in_east apply -f "$DIR/east.yaml"
check "and once more" in_east apply -f "$DIR/east.yaml"
id=$(grep -m1 '^  name: kcp-syncer-east' "$DIR/east.yaml" | cut -d' ' -f4)
local_token=$(in_east -n "$id" get secret "$id-token" -o jsonpath='{.data.token}' | base64 -d)
as_local() { kubectl --kubeconfig /dev/null --certificate-authority "$DIR/east/pki/ca.crt" --token "$1" --server https://127.0.1.43:19643 "${@:2}"; }
prints "its account is there" "system:serviceaccount:$id:$id" as_local "$local_token" auth whoami -o 'jsonpath={.status.userInfo.username}'
check "and may write what is synced" as_local "$local_token" auth can-i create deployments.apps -n other
refused "and no more" no as_local "$local_token" auth can-i create roles.rbac.authorization.k8s.io -n other
refused "a token of a workspace is nothing there" "(Unauthorized)" as_local "$token" get namespaces
code "nor one of there in a workspace" 401 "$local_token" "/clusters/root:a$SECRETS"
kill -TERM $cluster; wait $cluster 2>/dev/null; cluster=

# Out of service and back.
prints "cordon" "east cordoned" kubectl kcp workload cordon east
prints "again" "east already cordoned" kubectl kcp workload cordon east
prints "uncordon" "east uncordoned" kubectl kcp workload uncordon east
prints "again" "east already uncordoned" kubectl kcp workload uncordon east
prints "drain" "east draining" kubectl kcp workload drain east
grep -q "no other SyncTarget" "$DIR/stderr" && ok "with a warning that there is no other" || bad "with a warning that there is no other" "$(cat "$DIR/stderr")"
prints "again" "east already draining" kubectl kcp workload drain east
prints_like "the fields are set" "true 20...Z" kubectl get synctarget east -o jsonpath='{.spec.unschedulable} {.spec.evictAfter}'
prints "uncordon ends it" "east uncordoned" kubectl kcp workload uncordon east
prints "for good" "false " kubectl get synctarget east -o jsonpath='{.spec.unschedulable} {.spec.evictAfter}'
refused "a SyncTarget that is not there" 'synctargets.workload.kcp.io "west" not found; kubectl get synctargets shows' kubectl kcp workload cordon west

# A workspace uses it.
until_true 20 kubectl get location default
kubectl ws :root:a >/dev/null 2>&1
out=$(kubectl kcp bind compute ..:clusters --timeout 5s 2>&1); status=$?
[[ $out == *'Binding APIExport "root:compute:kubernetes".'* ]] && ok "bind compute binds the export" || bad "bind compute binds the export" "$out"
[[ $out == *"placement placement-"*" created."* ]] && ok "and makes a placement" || bad "and makes a placement" "$out"
[[ $status -eq 0 || $out == *"is not ready after 5s: "* ]] && ok "it says whether it is ready, or why not" || bad "it says whether it is ready, or why not" "$out"
prints "the placement means that workspace" "root:clusters" kubectl get placements -o jsonpath='{.items[0].spec.locationWorkspace}'
prints "and all namespaces" "{}" kubectl get placements -o jsonpath='{.items[0].spec.namespaceSelector}'
check "the workspace has deployments" kubectl get deployments
out=$(kubectl kcp bind compute :root:clusters --timeout 1s 2>&1)
[[ $out != *Binding* && $out == *"already exists."* ]] && ok "again it finds both" || bad "again it finds both" "$out"
kubectl kcp bind compute :root:clusters --name eu --location-selectors region=eu --namespace-selector 'team in (a,b)' --timeout 0s >/dev/null 2>&1
prints "selectors are told apart" '[{"matchLabels":{"region":"eu"}}] {"matchExpressions":[{"key":"team","operator":"In","values":["a","b"]}]}' kubectl get placement eu -o jsonpath='{.spec.locationSelectors} {.spec.namespaceSelector}'

# APIs of others, and what their providers may do.
in_ws b apply -f "$ROOT/examples/sharing.yaml" >/dev/null
in_ws b patch apiexport wildwest --type=merge -p '{"spec":{"permissionClaims":[{"resource":"configmaps","verbs":["get","list"]},{"resource":"secrets","verbs":["*"]}]}}' >/dev/null
refused "bind apiexport of no path" "fully qualified reference" kubectl kcp bind apiexport wildwest
refused "a claim that is not asked for" "does not ask for namespaces; it asks for configmaps, secrets" kubectl kcp bind apiexport root:b:wildwest --accept-permission-claim namespaces
prints "bind apiexport" $'apibinding wildwest created. Waiting to successfully bind ...\nwildwest created and bound.' kubectl kcp bind apiexport root:b:wildwest --accept-permission-claim configmaps
prints "the claim has the export's verbs" '["get","list"] {"matchAll":true} Accepted' kubectl get apibinding wildwest -o jsonpath='{.spec.permissionClaims[0].verbs} {.spec.permissionClaims[0].selector} {.spec.permissionClaims[0].state}'
prints "claims get" $'APIBINDING   GROUP-RESOURCE   VERBS      STATUS\nwildwest     configmaps       get,list   Accepted\nwildwest     secrets          *          Pending' kubectl kcp claims get apibinding wildwest
refused "claims accept of nothing" "say which claims" kubectl kcp claims accept wildwest
prints "claims reject" 'claim "configmaps" on APIBinding "wildwest" is rejected' kubectl kcp claims reject wildwest --resource configmaps
refused "claims of no such resource" "has no such claim" kubectl kcp claims accept wildwest --resource events
for command in "workload sync" "workload drain" "bind compute" "bind apiexport" "claims accept" "claims get"; do
  check "help for $command has an example" bash -c "kubectl kcp $command --help | grep -A1 Example: | grep -q 'kubectl kcp'"
done

# Keys and identities outlive the process.
kill -KILL $pid; wait $pid 2>/dev/null
start
until_true 30 kubectl --context root get --raw /readyz && ok "ready after a crash" || bad "ready after a crash" "$(tail -5 "$DIR/log")"
code "tokens still work" 200 "$token" "/clusters/root:a$SECRETS"
in_ws a delete serviceaccount bot >/dev/null
code "a token ends with its account" 401 "$token" "/clusters/root:a$SECRETS"
in_ws a create serviceaccount bot >/dev/null
code "and is not another account's" 401 "$token" "/clusters/root:a$SECRETS"
prints "the signing key is the server's only" 600 stat -c %a "$DIR/kcp/pki/service-account.key"
kill -TERM $pid; if wait $pid; then ok "stops cleanly"; else bad "stops cleanly"; fi
pid=
