#!/usr/bin/env bash
# What tenants cannot do to each other, tried by tenants: workspaces of alice (a provider of an API),
# bob (her consumer) and mallory, who attacks. Then one who is slow or greedy, and what another one
# notices of it. Run from the project's root after `make build`. Closes with 'N passed, N failed'.
set -u
ROOT=${ROOT:-$PWD}
KCP=${KCP:-$ROOT/bin/kcp}
DIR=$(mktemp -d)
PORT=${PORT:-19743}
passed=0 failed=0 pid=
. "$(dirname "$0")/lib/checks.sh"
finish() {
  [ -n "$pid" ] && kill -KILL "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
  rm -rf "$DIR"
  echo "$passed passed, $failed failed"
  [ "$failed" -eq 0 ]; exit $?
}
trap finish EXIT
printf '%s\n' alice-token,alice,1 bob-token,bob,2 mallory-token,mallory,3 >"$DIR/tokens"
"$KCP" start --root-directory "$DIR/kcp" --secure-port "$PORT" --token-auth-file "$DIR/tokens" >"$DIR/log" 2>&1 & pid=$!
URL=https://127.0.0.1:$PORT
end=$((SECONDS + 30))
until curl -sk "$URL/readyz" >/dev/null; do [ $SECONDS -ge $end ] && { bad "ready" "$(tail -5 "$DIR/log")"; exit; }; sleep 0.2; done

# send <user> <method> <path> [body] [more of curl's]: the answer; the status goes to $DIR/status.
send() {
  local user=$1 method=$2 path=$3 body=${4:-} who
  shift 3; [ $# -gt 0 ] && shift
  who=(-H "Authorization: Bearer $user-token"); [ "$user" = nobody ] && who=()
  [ "$user" = admin ] && who=(--cert "$DIR/kcp/pki/admin.crt" --key "$DIR/kcp/pki/admin.key")
  [ -n "$body" ] && who+=(--data-binary "$body")
  [[ "$*" == *Content-Type* ]] || who+=(-H 'Content-Type: application/json')
  curl -sk --max-time 20 -g --path-as-is -X "$method" "${who[@]}" -w '%{stderr}%{http_code}' "$@" "$URL$path" 2>"$DIR/status"
}
status() { send "$@" >/dev/null; cat "$DIR/status"; }
RBAC=apis/rbac.authorization.k8s.io/v1 SHARE=apis/apis.kcp.io/v1alpha2 SCHEMAS=apis/apis.kcp.io/v1alpha1/apiresourceschemas
HOME_OF=/clusters/root:

grant() {  # grant <user of the policy> <workspace> <role> <rules> <subjects...>
  local by=$1 ws=$2 role=$3 rules=$4 subjects; shift 4
  subjects=$(printf '{"kind":"User","name":"%s"},' "$@")
  send "$by" POST "/clusters/$ws/$RBAC/clusterroles" "{\"metadata\":{\"name\":\"$role\"},\"rules\":$rules}" >/dev/null
  status "$by" POST "/clusters/$ws/$RBAC/clusterrolebindings" "{\"metadata\":{\"name\":\"$role\"},\"subjects\":[${subjects%,}],\"roleRef\":{\"apiGroup\":\"rbac.authorization.k8s.io\",\"kind\":\"ClusterRole\",\"name\":\"$role\"}}"
}
is "tenants may make workspaces" 201 "$(grant admin root tenant '[{"verbs":["access"],"nonResourceURLs":["/"]},{"verbs":["create","get"],"apiGroups":["tenancy.kcp.io"],"resources":["workspaces"]}]' alice bob mallory)"
for one in alice:alice bob:bob mallory:mallory mallory:lair; do
  is "the workspace ${one#*:}" 201 "$(status "${one%:*}" POST /clusters/root/apis/tenancy.kcp.io/v1alpha1/workspaces "{\"metadata\":{\"name\":\"${one#*:}\"}}")"
done
cluster_of() { send "$1" GET "$HOME_OF$2/apis/core.kcp.io/v1alpha1/logicalclusters/cluster" | jq -r '.metadata.annotations["kcp.io/cluster"]'; }
alice=$(cluster_of alice alice) bob=$(cluster_of bob bob) mallory=$(cluster_of mallory mallory) lair=$(cluster_of mallory lair)

# A provider and a consumer who have something to lose.
schema='{"metadata":{"name":"v1.widgets.example.io"},"spec":{"group":"example.io","scope":"Namespaced","names":{"plural":"widgets","singular":"widget","kind":"Widget","listKind":"WidgetList"},"versions":[{"name":"v1","served":true,"storage":true,"schema":{"type":"object","x-kubernetes-preserve-unknown-fields":true}}]}}'
export_of() { printf '{"metadata":{"name":"%s"},"spec":{"resources":%s,"permissionClaims":%s}}' "$1" "$2" "${3:-[]}"; }
WIDGETS='[{"group":"example.io","name":"widgets","schema":"v1.widgets.example.io","storage":{"crd":{}}}]'
binding_of() { printf '{"metadata":{"name":"%s"},"spec":{"reference":{"export":{"path":"root:%s","name":"%s"}},"permissionClaims":%s}}' "$2" "$1" "$2" "${3:-[]}"; }
is "alice's schema" 201 "$(status alice POST "${HOME_OF}alice/$SCHEMAS" "$schema")"
is "her export" 201 "$(status alice POST "${HOME_OF}alice/$SHARE/apiexports" "$(export_of widgets "$WIDGETS")")"
is "which bob may bind" 201 "$(grant alice root:alice binder '[{"verbs":["bind"],"apiGroups":["apis.kcp.io"],"resources":["apiexports"]}]' bob)"
is "and binds" 201 "$(status bob POST "${HOME_OF}bob/$SHARE/apibindings" "$(binding_of alice widgets)")"
is "he has a widget" 201 "$(status bob POST "${HOME_OF}bob/apis/example.io/v1/namespaces/default/widgets" '{"metadata":{"name":"treasure"}}')"
is "and a secret" 201 "$(status bob POST "${HOME_OF}bob/api/v1/namespaces/default/secrets" '{"metadata":{"name":"treasure"},"data":{"a":"eA=="}}')"
identity=$(send alice GET "${HOME_OF}alice/$SHARE/apiexports/widgets" | jq -r .status.identityHash)
view=/services/apiexport/$alice/widgets/clusters

# Ways in.
for path in "/clusters/*/api/v1/secrets" "/clusters/%2A/api/v1/secrets" "${HOME_OF}bob/api/v1/secrets" "/clusters/$bob/api/v1/secrets" \
    "/clusters/root%3Abob/api/v1/secrets" "/clusters/system:admin/api/v1/secrets" "/clusters/system:bound-crds/$SCHEMAS" \
    "$view/*/apis/example.io/v1/widgets" "$view/$bob/apis/example.io/v1/widgets" "$view/*/api" "/services/syncer/$bob/x/y/clusters/*/api/v1/secrets" \
    "/clusters/*/apis/example.io/v1/widgets:$identity" "/clusters/root:mallory/../root:bob/api/v1/secrets" "/clusters/$bob/openapi/v3" "/metrics" "/"; do
  code=$(status mallory GET "$path")
  [[ $code == 403 || $code == 404 ]] && ok "no way in by $path" || bad "no way in by $path" "$code"
done
is "nor with the identity of another's API at home" 404 "$(status mallory GET "${HOME_OF}mallory/apis/example.io/v1/widgets:$identity")"
is "nor as somebody else" 403 "$(status mallory GET "${HOME_OF}mallory/api/v1/secrets" '' -H 'Impersonate-User: bob' -H 'Impersonate-Group: system:masters')"
is "mallory may not bind" 403 "$(status mallory POST "${HOME_OF}mallory/$SHARE/apibindings" "$(binding_of alice widgets)")"

# What is told to strangers.
told() { send "$1" GET "$2" | jq -r .message; }
for user in mallory nobody; do
  is "$user cannot tell a workspace from none" "$(told $user "${HOME_OF}bob/api/v1/secrets")" "$(told $user "${HOME_OF}nosuch/api/v1/secrets")"
  is "$user cannot tell a logical cluster from none" "$(told $user "/clusters/$bob/apis")" "$(told $user /clusters/abcdefgh12345678/apis)"
done
is "nor an export from none" "$(told mallory "/services/apiexport/$alice/widgets/clusters/*/api")" "$(told mallory '/services/apiexport/abcdefgh12345678/widgets/clusters/*/api')"
is "nor by binding" "$(send mallory POST "${HOME_OF}mallory/$SHARE/apibindings" "$(binding_of alice none)" | jq -r .message)" \
  "$(send mallory POST "${HOME_OF}mallory/$SHARE/apibindings" "$(binding_of nosuch none)" | jq -r .message | sed s/nosuch/alice/)"

# A provider and a consumer in one hand: the system's name does not pass through their view.
claims='{"group":"apis.kcp.io","resource":"apiexports","verbs":["*"]},{"group":"apis.kcp.io","resource":"apibindings","verbs":["*"]},{"group":"core.kcp.io","resource":"logicalclusters","verbs":["*"]}'
accepted=$(printf '[%s]' "$claims" | jq -c 'map(. + {state: "Accepted", selector: {matchAll: true}})')
is "mallory's own export" 201 "$(status mallory POST "${HOME_OF}mallory/$SHARE/apiexports" "$(export_of trap '[]' "[$claims]")")"
is "her own binding to it" 201 "$(status mallory POST "${HOME_OF}lair/$SHARE/apibindings" "$(binding_of mallory trap "$accepted")")"
is "a schema like alice's" 201 "$(status mallory POST "${HOME_OF}lair/$SCHEMAS" "$schema")"
is "an export like alice's" 201 "$(status mallory POST "${HOME_OF}lair/$SHARE/apiexports" "$(export_of stolen "$WIDGETS")")"
trap_view=/services/apiexport/$mallory/trap/clusters/$lair
end=$((SECONDS + 10))
until [ "$(status mallory GET "$trap_view/$SHARE/apiexports/stolen")" = 200 ] || [ $SECONDS -ge $end ]; do sleep 0.2; done
patch() { status mallory PATCH "$1" "$2" -H 'Content-Type: application/merge-patch+json'; }
theft="{\"status\":{\"identityHash\":\"$identity\"}}"
is "the identity of another's API cannot be taken" 403 "$(patch "$trap_view/$SHARE/apiexports/stolen/status" "$theft")"
is "directly neither" 403 "$(patch "${HOME_OF}lair/$SHARE/apiexports/stolen/status" "$theft")"
is "so nothing of bob's is there" 0 "$(send mallory GET "/services/apiexport/$lair/stolen/clusters/*/apis/example.io/v1/widgets" | jq '.items | length')"
is "a binding cannot be pointed at another provider" 403 "$(patch "$trap_view/$SHARE/apibindings/trap/status" "{\"status\":{\"apiExportClusterName\":\"$alice\"}}")"
crd='{"metadata":{"name":"gizmos.example.io"},"spec":{"group":"example.io","scope":"Namespaced","names":{"plural":"gizmos","kind":"Gizmo"},"versions":[{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":{"type":"object","x-kubernetes-preserve-unknown-fields":true}}}]}}'
is "a definition of mallory's" 201 "$(status mallory POST "${HOME_OF}mallory/apis/apiextensions.k8s.io/v1/customresourcedefinitions" "$crd")"
patch "${HOME_OF}mallory/apis/apiextensions.k8s.io/v1/customresourcedefinitions/gizmos.example.io/status" "{\"status\":{\"acceptedNames\":{\"plural\":\"widgets:$identity\"}}}" >/dev/null
status mallory POST "${HOME_OF}mallory/apis/example.io/v1/namespaces/default/gizmos" '{"apiVersion":"example.io/v1","kind":"Gizmo","metadata":{"name":"injected"}}' >/dev/null
is "does not reach into alice's view" treasure "$(send alice GET "$view/*/apis/example.io/v1/widgets" | jq -r '[.items[].metadata.name] | join(",")')"

# What a workspace says of itself.
forged="{\"metadata\":{\"annotations\":{\"kcp.io/path\":\"root:alice\",\"internal.tenancy.kcp.io/type\":\"root:organization\",\"kcp.io/cluster\":\"$bob\"}},\"spec\":{\"directlyDeletable\":true},\"status\":{\"URL\":\"https://evil\"}}"
patch "${HOME_OF}lair/apis/core.kcp.io/v1alpha1/logicalclusters/cluster" "$forged" >/dev/null
patch "${HOME_OF}lair/apis/core.kcp.io/v1alpha1/logicalclusters/cluster/status" "$forged" >/dev/null
is "is not for its administrator to say" "root:lair root:universal $lair null" \
  "$(send mallory GET "${HOME_OF}lair/apis/core.kcp.io/v1alpha1/logicalclusters/cluster" | jq -r '[.metadata.annotations["kcp.io/path"], .metadata.annotations["internal.tenancy.kcp.io/type"], .metadata.annotations["kcp.io/cluster"], (.spec.directlyDeletable | tostring)] | join(" ")')"
is "a workspace around another's cluster" 201 "$(status mallory POST "${HOME_OF}mallory/apis/tenancy.kcp.io/v1alpha1/workspaces" "{\"metadata\":{\"name\":\"forged\",\"annotations\":{\"internal.tenancy.kcp.io/cluster\":\"$bob\"}},\"spec\":{\"cluster\":\"$bob\"}}")"
patch "${HOME_OF}mallory/apis/tenancy.kcp.io/v1alpha1/workspaces/forged" "{\"metadata\":{\"finalizers\":null},\"spec\":{\"cluster\":\"$bob\"}}" >/dev/null
is "has its own" false "$(send mallory GET "${HOME_OF}mallory/apis/tenancy.kcp.io/v1alpha1/workspaces/forged" | jq --arg bob "$bob" '.spec.cluster == $bob or (.metadata.finalizers | length) == 0')"
is "and is deleted" 200 "$(status mallory DELETE "${HOME_OF}mallory/apis/tenancy.kcp.io/v1alpha1/workspaces/forged")"
sleep 1
is "without taking anything with it" 200 "$(status bob GET "${HOME_OF}bob/api/v1/namespaces/default/secrets/treasure")"

# Service accounts mean something at home only.
send mallory POST "${HOME_OF}mallory/api/v1/namespaces/default/serviceaccounts" '{"metadata":{"name":"robot"}}' >/dev/null
token=$(send mallory POST "${HOME_OF}mallory/api/v1/namespaces/default/serviceaccounts/robot/token" '{}' | jq -r .status.token)
grant bob root:bob robots '[{"verbs":["*"],"apiGroups":["*"],"resources":["*"]}]' x >/dev/null
send bob POST "${HOME_OF}bob/$RBAC/clusterrolebindings" '{"metadata":{"name":"robot"},"subjects":[{"kind":"ServiceAccount","name":"robot","namespace":"default"}],"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"robots"}}' >/dev/null
is "an account is not one of the same name elsewhere" 403 "$(curl -sk -o /dev/null -w '%{http_code}' -H "Authorization: Bearer $token" "$URL${HOME_OF}bob/api/v1/secrets")"

# What a provider does not permit.
policy() { send alice PATCH "${HOME_OF}alice/$SHARE/apiexports/widgets" "{\"spec\":{\"maximalPermissionPolicy\":$1}}" -H 'Content-Type: application/merge-patch+json' >/dev/null; }
widgets=${HOME_OF}bob/apis/example.io/v1/namespaces/default/widgets
policy '{"local":{}}'
is "is denied to the consumer's administrator" 403 "$(status bob GET "$widgets")"
grant alice root:alice readers '[{"verbs":["get","list"],"apiGroups":["example.io"],"resources":["widgets"]}]' apis.kcp.io:binding:bob >/dev/null
is "what it permits is not" 200 "$(status bob GET "$widgets")"
is "and no more than that" 403 "$(status bob DELETE "$widgets/treasure")"
policy null
is "without a policy it is as before" 200 "$(status bob DELETE "$widgets/treasure")"

# Who is slow or greedy keeps nobody from working.
memory() { awk '/VmRSS/ {print int($2 / 1024)}' "/proc/$pid/status"; }
before=$(memory)
slow=()
for _ in $(seq 130); do
  (printf '{'; sleep 15) | curl -sk -o /dev/null --max-time 15 -X POST -H "Authorization: Bearer mallory-token" -H 'Content-Type: application/json' -T - "$URL${HOME_OF}mallory/api/v1/namespaces/default/configmaps" & slow+=($!)
done
maps=${HOME_OF}mallory/api/v1/namespaces/default/configmaps
end=$((SECONDS + 12))
until [ "$(status mallory GET "$maps")" = 429 ] || [ $SECONDS -ge $end ]; do sleep 0.2; done
is "slow senders are too many" 429 "$(status mallory GET "$maps")"
is "another is served" 200 "$(status bob GET "${HOME_OF}bob/api/v1/namespaces/default/configmaps")"
kill "${slow[@]}" 2>/dev/null
wait "${slow[@]}" 2>/dev/null
bomb=$(printf 'metadata: {name: b}\nspec:\n  a: &a "%s"\n  b: [%s]\n' "$(head -c 100000 /dev/zero | tr '\0' x)" "$(yes '*a' | head -3000 | paste -sd,)")
printf '%s' "$bomb" >"$DIR/bomb"
is "aliases that expand are refused" 413 "$(curl -sk -o /dev/null -w '%{http_code}' -X POST -H 'Authorization: Bearer mallory-token' -H 'Content-Type: application/yaml' --data-binary "@$DIR/bomb" "$URL${HOME_OF}mallory/apis/example.io/v1/namespaces/default/gizmos")"
printf '[{"op":"add","path":"/spec","value":[%s1]}%s]' "$(yes 1, | head -500000 | tr -d '\n')" "$(yes ',{"op":"add","path":"/spec/0","value":1}' | head -5000 | tr -d '\n')" >"$DIR/patch"
is "patches without end are refused" 413 "$(curl -sk -o /dev/null -w '%{http_code}' -X PATCH -H 'Authorization: Bearer mallory-token' -H 'Content-Type: application/json-patch+json' --data-binary "@$DIR/patch" "$URL${HOME_OF}mallory/apis/example.io/v1/namespaces/default/gizmos/injected")"
# Large objects are sent as they lie in memory, to however many watch them.
printf '{"metadata":{"name":"large"},"data":{"a":"%s"}}' "$(head -c 900000 /dev/zero | tr '\0' x)" >"$DIR/large"
is "a large object" 201 "$(curl -sk -o /dev/null -w '%{http_code}' -X POST -H 'Authorization: Bearer mallory-token' -H 'Content-Type: application/json' --data-binary "@$DIR/large" "$URL$maps")"
for version in --http1.1 --http2; do
  is "comes whole to a watch over ${version#--}" "ADDED 900000" \
    "$(send mallory GET "$maps?watch=true&timeoutSeconds=1&fieldSelector=metadata.name%3Dlarge" '' $version | jq -r '"\(.type) \(.object.data.a | length)"')"
done
watching=()
for _ in $(seq 60); do
  curl -sk -o /dev/null --limit-rate 1k --max-time 6 -H 'Authorization: Bearer mallory-token' "$URL$maps?watch=true" & watching+=($!)
done
sleep 4
after=$(memory)
kill "${watching[@]}" 2>/dev/null
wait "${watching[@]}" 2>/dev/null
[ $((after - before)) -lt 300 ] && ok "and memory is as before" || bad "and memory is as before" "$before MiB, then $after MiB"
