#!/usr/bin/env bash
# Server-side apply and the managers of fields as a user sees them, with unchanged kubectl, and curl for
# what kubectl cannot say: conflicts, lists that several own, subresources, moving over from client-side
# apply, bound APIs, permissions, other workspaces, a crash. Run from the project's root after
# `make build`; KCP names another program than bin/kcp. Closes with 'N passed, N failed'.
# shellcheck disable=SC2016  # what stands in single quotes is for jq, sed and sh
set -u
shopt -s lastpipe  # a check at the end of a pipe counts too
ROOT=${ROOT:-$PWD}
KCP=${KCP:-$ROOT/bin/kcp}
DIR=$(mktemp -d)
PORT=${PORT:-19343}
export PATH=$ROOT/bin:$PATH KUBECACHEDIR=$DIR/cache KUBECONFIG=$DIR/kcp/admin.kubeconfig
passed=0 failed=0 pid=
# shellcheck source=test/acceptance/lib/checks.sh
. "$(dirname "$0")/lib/checks.sh"
finish() {
  [ -n "$pid" ] && kill -KILL "$pid" 2>/dev/null && wait "$pid" 2>/dev/null
  rm -rf "$DIR"
  echo "$passed passed, $failed failed"
  [ "$failed" -eq 0 ]; exit $?
}
trap finish EXIT
# says NAME TEXT COMMAND...: passes if the command succeeds and prints TEXT, no more and no less
says() {
  local name=$1 text=$2 out; shift 2
  if out=$("$@" 2>&1) && [ "$out" = "$text" ]; then ok "$name"; else bad "$name" "wanted: $text; got: $out"; fi
}
# conflicts NAME TEXT COMMAND...: passes if kubectl tells of this conflict, and what to do about it, and ends with 1
conflicts() {
  local name=$1 text=$2 out status; shift 2
  out=$("$@" 2>&1); status=$?
  if [ $status = 1 ] && [[ $out == *"error: Apply failed with $text"$'\n'"Please review the fields above--they currently have other managers."* ]]; then
    ok "$name"
  else
    bad "$name" "wanted: $text; status $status: $out"
  fi
}
# in_ws WORKSPACE COMMAND...
in_ws() { local -x KUBECONFIG=$DIR/config-$1; shift; "$@"; }
# ssa MANAGER [FLAGS]: applies what comes in
ssa() { kubectl apply --server-side --field-manager "$@" -f -; }
# see KIND/NAME FILTER: what jq makes of the whole object
see() { kubectl get "$1" -o json --show-managed-fields | jq -Src "$2"; }
keys() { see "$1" '.data // {} | keys | join(",")'; }
revision() { see "$1" .metadata.resourceVersion; }
# untouched NAME KIND/NAME REVISION: passes if the object is there and still of this revision
untouched() {
  local got; got=$(revision "$2")
  if [ -n "$got" ] && [ "$got" = "$3" ]; then ok "$1"; else bad "$1" "revision $3, now $got"; fi
}
managers() { see "$1" '[.metadata.managedFields[]? | "\(.manager) \(.operation)\(if .subresource then "/" + .subresource else "" end)"] | sort | join(", ")'; }
# owns KIND/NAME MANAGER: its fields
owns() { see "$1" ".metadata.managedFields[]? | select(.manager == \"$2\") | .fieldsV1"; }
# raw METHOD PATH [BODY [FLAGS]]: the answer; its status goes to $DIR/status
raw() {
  local method=$1 path=$2 body=${3:-} flags=(); shift 2; [ $# -gt 0 ] && shift
  [ -n "$body" ] && flags+=(--data-binary "$body")
  [[ "$*" == *Content-Type* ]] || flags+=(-H "Content-Type: application/$([ "$method" = PATCH ] && echo apply-patch+yaml || echo json)")
  curl -sSg --max-time 20 --cacert "$DIR/kcp/pki/ca.crt" --cert "$DIR/kcp/pki/admin.crt" --key "$DIR/kcp/pki/admin.key" \
    -X "$method" "${flags[@]}" -w '%{stderr}%{http_code}' "$@" "https://127.0.0.1:$PORT$path" 2>"$DIR/status"
}
# answers NAME STATUS TEXT METHOD PATH [BODY [FLAGS]]: passes if the answer has this status and, somewhere, TEXT
answers() {
  local name=$1 status=$2 text=$3 out; shift 3
  out=$(raw "$@")
  if [ "$(cat "$DIR/status")" = "$status" ] && [[ $(jq -r '.message // "an object"' <<<"$out" 2>/dev/null) == *"$text"* ]]; then
    ok "$name"
  else
    bad "$name" "wanted: $status $text; got: $(cat "$DIR/status") $out"
  fi
}
workspace() { printf 'apiVersion: tenancy.kcp.io/v1alpha1\nkind: Workspace\nmetadata: {name: %s}\n' "$1"; }
# map NAME DATA [METADATA]
map() { printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: %s, namespace: default%s}\n%s\n' "$1" "${3:+, $3}" "${2:+data: {$2\}}"; }
deployment() { printf 'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: %s, namespace: default}\nspec: {%s}\n' "$1" "$2"; }
pods() { printf 'selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {containers: [%s]}}' "$1"; }
containers() { printf 'template: {spec: {containers: [%s]}}' "$1"; }
service() { printf 'apiVersion: v1\nkind: Service\nmetadata: {name: %s, namespace: default}\nspec: {%s}\n' "$1" "$2"; }
gadget() { printf 'apiVersion: example.org/v1\nkind: Gadget\nmetadata: {name: %s, namespace: default}\n%s\n' "$1" "$2"; }
SCHEMA='{type: object, properties: {spec: {type: object, properties: {size: {type: integer, maximum: 10}, color: {type: string, default: blue},
  parts: {type: array, x-kubernetes-list-type: map, x-kubernetes-list-map-keys: [name], items: {type: object, required: [name], properties: {name: {type: string}, weight: {type: integer}}}},
  tags: {type: array, x-kubernetes-list-type: set, items: {type: string}}, steps: {type: array, items: {type: string}}}},
  status: {type: object, properties: {phase: {type: string}, seen: {type: integer}}}}}'
MAPS=/clusters/root:apply/api/v1/namespaces/default/configmaps
MERGE='Content-Type: application/merge-patch+json'
printf 'jane-token,jane,1\n' >"$DIR/tokens"
start() { "$KCP" start --root-directory "$DIR/kcp" --secure-port "$PORT" --token-auth-file "$DIR/tokens" >"$DIR/log" 2>&1 & pid=$!; }
ready() { curl -sk "https://127.0.0.1:$PORT/readyz" | grep -qx ok; }

start
check "ready" until_true 30 ready
[ $failed = 0 ] || { tail -5 "$DIR/log"; exit; }
for ws in apply other provider; do
  workspace $ws | kubectl create -f - >/dev/null || bad "workspace $ws"
  kubectl config view --raw --minify | sed "s#server: .*#server: https://127.0.0.1:$PORT/clusters/root:$ws#" >"$DIR/config-$ws"
done
workspace applied | check "a workspace is made by apply" ssa alpha
check "and becomes ready" kubectl wait workspace/applied --for=jsonpath='{.status.phase}'=Ready --timeout=10s
export KUBECONFIG=$DIR/config-apply
check "the compute API is bound" kubectl create -f - <<'YAML'
apiVersion: apis.kcp.io/v1alpha2
kind: APIBinding
metadata: {name: kubernetes}
spec: {reference: {export: {path: "root:compute", name: kubernetes}}}
YAML
kubectl wait apibinding/kubernetes --for=jsonpath='{.status.phase}'=Bound --timeout=30s >/dev/null || bad "bound"

# Applied once and again.
printf 'apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {team: web}}\n---\n' >"$DIR/all.yaml"
{ map settings 'a: one'; echo ---; deployment first "$(pods '{name: web, image: nginx}')"; echo ---; service first 'ports: [{port: 80}], selector: {app: web}'; } >>"$DIR/all.yaml"
printf 'apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: gadgets.example.org}\nspec:
  group: example.org\n  scope: Namespaced\n  names: {plural: gadgets, singular: gadget, kind: Gadget, listKind: GadgetList}
  versions: [{name: v1, served: true, storage: true, subresources: {status: {}}, schema: {openAPIV3Schema: %s}}]\n' "$SCHEMA" >"$DIR/crd.yaml"
gadget first 'spec: {size: 3}' >"$DIR/first.yaml"
apply() { kubectl apply --server-side "$@"; }
says "a namespace, a config map, a deployment, a service" "$(printf '%s serverside-applied\n' namespace/shop configmap/settings deployment.apps/first service/first)" apply -f "$DIR/all.yaml"
says "a definition" "customresourcedefinition.apiextensions.k8s.io/gadgets.example.org serverside-applied" apply -f "$DIR/crd.yaml"
check "which is established" kubectl wait --for=condition=Established crd/gadgets.example.org --timeout=10s
says "and its custom resource" "gadget.example.org/first serverside-applied" apply -f "$DIR/first.yaml"
revisions() { kubectl get -f "$DIR/all.yaml" -f "$DIR/crd.yaml" -f "$DIR/first.yaml" -o json | jq -r '[.items[].metadata.resourceVersion] | join(" ")'; }
before=$(revisions)
sleep 1.1  # the managers' times are of another second
check "all of it again" apply -f "$DIR/all.yaml" -f "$DIR/crd.yaml" -f "$DIR/first.yaml"
is "writes nothing" "6 as before" "$(wc -w <<<"$before") $([ "$(revisions)" = "$before" ] && echo as before)"
is "it owns what it said of the map" '{"f:data":{"f:a":{}}}' "$(owns configmap/settings kubectl)"
is "of the deployment, not its defaults" '{"f:spec":{"f:selector":{},"f:template":{"f:metadata":{"f:labels":{"f:app":{}}},"f:spec":{"f:containers":{"k:{\"name\":\"web\"}":{".":{},"f:image":{},"f:name":{}}}}}}}' "$(owns deployment/first kubectl)"
is "of the service" '{"f:spec":{"f:ports":{"k:{\"port\":80,\"protocol\":\"TCP\"}":{".":{},"f:port":{}}},"f:selector":{}}}' "$(owns service/first kubectl)"
is "of the namespace" '{"f:metadata":{"f:labels":{"f:team":{}}}}' "$(owns namespace/shop kubectl)"
is "of the custom resource" '{"f:spec":{"f:size":{}}}' "$(owns gadget/first kubectl)"
is "which has its default all the same" blue "$(see gadget/first .spec.color)"
kubectl get gadget first -o yaml >"$DIR/copy.yaml"
sed -i 's/size: 3/size: 4/' "$DIR/copy.yaml"
check "what get shows is edited and applied" apply -f "$DIR/copy.yaml"
is "and is so" 4 "$(see gadget/first .spec.size)"
refused "but no second time, as it names a revision" "the object has been modified" apply -f "$DIR/copy.yaml"

# Two managers and one field.
map fought 'a: one, b: two' | says "alpha applies" "configmap/fought serverside-applied" ssa alpha
map fought 'a: uno' | conflicts "beta conflicts" '1 conflict: conflict with "alpha": .data.a' ssa beta
map fought 'a: uno, b: due, c: tre' | conflicts "over two fields" '2 conflicts: conflicts with "alpha":
- .data.a
- .data.b' ssa beta
is "and changes nothing" '{"a":"one","b":"two"}' "$(see configmap/fought .data)"
check "gamma patches" kubectl patch configmap fought --field-manager gamma --type merge -p '{"data":{"d":"four"}}'
map fought 'a: uno, d: quattro' | conflicts "beta conflicts with two managers" '2 conflicts: conflicts with "alpha":
- .data.a
conflicts with "gamma" using v1:
- .data.d' ssa beta
is "the causes are told to programs" '["Conflict",["FieldManagerConflict","conflict with \"alpha\"",".data.a"]]' \
  "$(raw PATCH "$MAPS/fought?fieldManager=beta" "$(map fought 'a: uno')" | jq -c '[.reason, (.details.causes[]? | [.reason, .message, .field])]')"
map fought 'b: two' | check "the same value is no conflict" ssa beta
is "and has two owners" '{"f:data":{"f:b":{}}} {"f:data":{"f:a":{},"f:b":{}}}' "$(owns configmap/fought beta) $(owns configmap/fought alpha)"
map fought 'a: uno' | says "beta forces it" "configmap/fought serverside-applied" ssa beta --force-conflicts
is "the value is beta's" '{"a":"uno","b":"two","d":"four"}' "$(see configmap/fought .data)"
is "and alpha's no longer" '{"f:data":{"f:a":{}}} {"f:data":{"f:b":{}}}' "$(owns configmap/fought beta) $(owns configmap/fought alpha)"
map fought 'a: one, b: two' | conflicts "now alpha conflicts" '1 conflict: conflict with "beta": .data.a' ssa alpha
check "a patch never conflicts" kubectl patch configmap fought --field-manager gamma --type merge -p '{"data":{"a":"ein"}}'
is "and takes the field" "alpha Apply, gamma Update" "$(managers configmap/fought)"

# What a manifest no longer says is gone, unless somebody else says it.
map dropped 'a: x, b: x, c: x' | check "alpha applies three keys" ssa alpha
map dropped 'c: x, d: x' | check "beta one of them and another" ssa beta
is "which makes four" a,b,c,d "$(keys configmap/dropped)"
map dropped 'a: x' | check "alpha drops two" ssa alpha
is "beta's is kept" a,c,d "$(keys configmap/dropped)"
map dropped 'd: x' | check "beta drops it too" ssa beta
is "now it is gone" a,d "$(keys configmap/dropped)"
map dropped '' | check "alpha drops all its data" ssa alpha
is "beta's stays" d "$(keys configmap/dropped)"
is "and alpha manages nothing" "beta Apply" "$(managers configmap/dropped)"

# Labels and annotations.
map labelled 'a: x' 'labels: {part: shop, tier: web}, annotations: {note: alpha}' | check "labels and annotations of alpha" ssa alpha
check "kubectl label" kubectl label configmap labelled color=red
check "kubectl annotate" kubectl annotate configmap labelled why=because
map labelled '' 'labels: {beta: yes-it-is}, annotations: {note: alpha}' | check "labels and annotations of beta" ssa beta
is "all are there" '{"beta":"yes-it-is","color":"red","part":"shop","tier":"web"} {"note":"alpha","why":"because"}' "$(see configmap/labelled .metadata.labels) $(see configmap/labelled '.metadata.annotations | del(.["kcp.io/cluster"])')"
map labelled 'a: x' 'labels: {part: shop}' | check "alpha drops some" ssa alpha
is "its own go" '{"beta":"yes-it-is","color":"red","part":"shop"} {"note":"alpha","why":"because"}' "$(see configmap/labelled .metadata.labels) $(see configmap/labelled '.metadata.annotations | del(.["kcp.io/cluster"])')"
map labelled 'a: x' 'labels: {color: blue}' | conflicts "a label of kubectl label's" '1 conflict: conflict with "kubectl-label" using v1: .metadata.labels.color' ssa alpha

# Lists whose items have owners of their own.
names() { see deployment/shared '[.spec.template.spec.containers[].name] | join(",")'; }
deployment shared "$(pods '{name: web, image: nginx}, {name: helper, image: busybox}')" | check "alpha's containers" ssa alpha
deployment shared "$(containers '{name: sidecar, image: envoy}')" | check "beta's container" ssa beta
is "are three" web,helper,sidecar "$(names)"
is "beta owns its own" '{"f:spec":{"f:template":{"f:spec":{"f:containers":{"k:{\"name\":\"sidecar\"}":{".":{},"f:image":{},"f:name":{}}}}}}}' "$(owns deployment/shared beta)"
deployment shared "$(containers '{name: sidecar, image: envoy}, {name: web, image: apache}')" | conflicts "alpha's image is alpha's" '1 conflict: conflict with "alpha": .spec.template.spec.containers[name="web"].image' ssa beta
deployment shared "$(containers '{name: sidecar, image: envoy}, {name: web, env: [{name: DEBUG, value: "1"}]}')" | check "beta adds to alpha's container" ssa beta
is "alpha's image stays" 'nginx [{"name":"DEBUG","value":"1"}]' "$(see deployment/shared '.spec.template.spec.containers[] | select(.name == "web") | "\(.image) \(.env)"')"
deployment shared "$(containers '{name: sidecar, image: envoy}')" | check "beta takes it back" ssa beta
is "the container stays, without it" 'nginx null' "$(see deployment/shared '.spec.template.spec.containers[] | select(.name == "web") | "\(.image) \(.env)"')"
deployment shared "$(pods '{name: web, image: nginx}')" | check "alpha removes one" ssa alpha
is "of its own; the order is the one that beta gave last" sidecar,web "$(names)"
deployment shared 'paused: true' | check "beta removes its own" ssa beta
is "and alpha's is left" web "$(names)"
ports() { see service/shared '[.spec.ports[] | "\(.name)=\(.port)/\(.protocol)"] | join(",")'; }
service shared 'selector: {app: web}, ports: [{name: dns, port: 53, protocol: UDP}, {name: http, port: 80}]' | check "alpha's ports" ssa alpha
service shared 'ports: [{name: dns-tcp, port: 53, protocol: TCP}, {name: https, port: 443}]' | check "beta's ports, one the same over TCP" ssa beta
is "are four" dns=53/UDP,http=80/TCP,dns-tcp=53/TCP,https=443/TCP "$(ports)"
service shared 'ports: [{port: 80, name: web}]' | conflicts "the key has a default" '1 conflict: conflict with "alpha": .spec.ports[port=80,protocol="TCP"].name' ssa beta
service shared 'selector: {tier: front}' | conflicts "an atomic map is one field" '1 conflict: conflict with "alpha": .spec.selector' ssa beta
service shared 'selector: {app: web}, ports: [{name: dns, port: 53, protocol: UDP}]' | check "alpha removes one" ssa alpha
is "of its own" dns=53/UDP,dns-tcp=53/TCP,https=443/TCP "$(ports)"
service shared 'ports: [{name: https, port: 443}]' | check "beta as well" ssa beta
is "of its own" dns=53/UDP,https=443/TCP "$(ports)"
finalizers() { see configmap/final '.metadata.finalizers // [] | join(",")'; }
map final 'a: x' 'finalizers: [example.org/alpha]' | check "alpha's finalizer" ssa alpha
map final 'b: x' 'finalizers: [example.org/beta]' | check "beta's finalizer" ssa beta
is "both hold" example.org/alpha,example.org/beta "$(finalizers)"
is "each its own" '{"f:data":{"f:b":{}},"f:metadata":{"f:finalizers":{"v:\"example.org/beta\"":{}}}}' "$(owns configmap/final beta)"
map final 'a: x' | check "alpha drops its own" ssa alpha
is "beta's holds" example.org/beta "$(finalizers)"
map final 'b: x' | check "beta too" ssa beta
is "none is left" 'a,b none' "$(keys configmap/final) $(see configmap/final '.metadata.finalizers // "none"')"
gadget lists 'spec: {parts: [{name: wheel, weight: 1}], tags: [new, red], steps: [cut, bend]}' | check "alpha's lists in a custom resource" ssa alpha
gadget lists 'spec: {parts: [{name: axle, weight: 2}], tags: [red, heavy]}' | check "beta's" ssa beta
is "are merged as its schema says" '{"color":"blue","parts":[{"name":"wheel","weight":1},{"name":"axle","weight":2}],"steps":["cut","bend"],"tags":["new","red","heavy"]}' "$(see gadget/lists .spec)"
gadget lists 'spec: {parts: [{name: wheel, weight: 3}], steps: [cut]}' | conflicts "an atomic list is one field" '2 conflicts: conflicts with "alpha":
- .spec.steps
- .spec.parts[name="wheel"].weight' ssa beta
gadget lists 'spec: {tags: [red]}' | check "alpha drops its part, its steps and a tag" ssa alpha
is "beta's stay" '{"color":"blue","parts":[{"name":"axle","weight":2}],"tags":["red","heavy"]}' "$(see gadget/lists .spec)"

# From client-side apply to server-side apply and back.
client() { kubectl apply -f -; }
map moved 'a: x, b: x, c: x' 'labels: {old: label}' | says "client-side apply" "configmap/moved created" client
is "has its manager" "kubectl-client-side-apply Update" "$(managers configmap/moved)"
map moved 'a: z' | conflicts "with whom others conflict" '1 conflict: conflict with "kubectl-client-side-apply" using v1: .data.a' ssa beta
map moved 'a: z, b: x' | says "server-side apply takes over, and drops" "configmap/moved serverside-applied" apply -f -
is "a key and a label at once" '{"a":"z","b":"x"} null' "$(see configmap/moved .data) $(see configmap/moved .metadata.labels)"
is "the old manager is no more" "kubectl Apply, kubectl-last-applied Apply" "$(managers configmap/moved)"
view() { kubectl apply view-last-applied "$@" -o json | jq -Sc .data; }
is "view-last-applied shows the new" '{"a":"z","b":"x"}' "$(view configmap moved)"
map moved 'b: x' | check "it drops another" apply -f -
is "which is gone" b "$(keys configmap/moved)"
is "as view-last-applied says" '{"b":"x"}' "$(view configmap moved)"
map moved 'd: x' | says "client-side apply once more" "configmap/moved configured" client
is "knows what to remove" d "$(keys configmap/moved)"

# Scale.
size() { see deployment/sized .spec.replicas; }
deployment sized "replicas: 1, $(pods '{name: web, image: nginx}')" | check "with replicas" apply -f -
check "kubectl scale" kubectl scale deployment sized --replicas 3
is "is a manager of the subresource" "kubectl Apply, kubectl Update/scale" "$(managers deployment/sized)"
is "of the replicas alone" '{"f:spec":{"f:replicas":{}}}' "$(see deployment/sized '.metadata.managedFields[] | select(.subresource == "scale") | .fieldsV1')"
deployment sized "$(pods '{name: web, image: nginx}')" | check "without replicas" apply -f -
is "they stay as scaled" 3 "$(size)"
deployment sized "replicas: 1, $(pods '{name: web, image: nginx}')" | conflicts "with replicas it conflicts" '1 conflict: conflict with "kubectl" with subresource "scale" using apps/v1: .spec.replicas' apply -f -
is "and they stay" 3 "$(size)"
deployment sized "replicas: 1, $(pods '{name: web, image: nginx}')" | check "unless it is forced" apply --force-conflicts -f -
is "then it has them" "1 kubectl Apply" "$(size) $(managers deployment/sized)"
scale() { printf '{"apiVersion":"autoscaling/v1","kind":"Scale","metadata":{"name":"sized","namespace":"default"},"spec":{"replicas":%s}}' "$1"; }
SCALE=/clusters/root:apply/apis/apps/v1/namespaces/default/deployments/sized/scale
answers "an autoscaler's apply conflicts" 409 'conflict with "kubectl": .spec.replicas' PATCH "$SCALE?fieldManager=hpa" "$(scale 5)"
answers "and may be forced" 200 "an object" PATCH "$SCALE?fieldManager=hpa&force=true" "$(scale 5)"
is "then it has them" "5 hpa Apply/scale, kubectl Apply" "$(size) $(managers deployment/sized)"

# What would be.
map dry 'a: x' | says "a dry run" "configmap/dry serverside-applied (server dry run)" ssa alpha --dry-run=server
refused "makes nothing" "not found" kubectl get configmap dry
map dry 'a: x' >"$DIR/dry.yaml"
check "then it is made" ssa alpha <"$DIR/dry.yaml"
before=$(revision configmap/dry)
map dry 'a: z, b: x' | says "a dry run over it" z,x ssa alpha --dry-run=server -o go-template='{{.data.a}},{{.data.b}}'
is "changes nothing" "a $before" "$(keys configmap/dry) $(revision configmap/dry)"
map dry 'a: z' | conflicts "it shows conflicts" '1 conflict: conflict with "alpha": .data.a' ssa beta --dry-run=server
diff_of() { kubectl diff --server-side --field-manager "$@"; }
says "diff finds nothing" "" diff_of alpha -f "$DIR/dry.yaml"
difference=$(map dry 'b: new' | diff_of alpha -f -); status=$?
is "or what is new and what goes" "1 -  a: x +  b: new" "$status $(grep -E '^[-+] ' <<<"$difference" | paste -sd' ')"
map dry 'a: z' | refused "or a conflict" 'conflict with "alpha": .data.a' diff_of beta -f -
is "unless forced" "+  a: z" "$(map dry 'a: z' | diff_of beta --force-conflicts -f - 2>&1 | grep -E '^\+ ')"
is "and changes nothing" "a $before" "$(keys configmap/dry) $(revision configmap/dry)"

# Status and the rest.
gadget split 'spec: {size: 1}
status: {phase: Wished}' | check "spec, with a status" ssa alpha
is "which is not heard" '1 {"f:spec":{"f:size":{}}} null' "$(see gadget/split .spec.size) $(owns gadget/split alpha) $(see gadget/split .status)"
gadget split 'spec: {size: 9}
status: {phase: Ready}' | says "status, with a spec" "gadget.example.org/split serverside-applied" ssa controller --subresource=status
is "which is not heard" "1 Ready" "$(see gadget/split '"\(.spec.size) \(.status.phase)"')"
is "the status has its manager" 'alpha Apply, controller Apply/status {"f:status":{"f:phase":{}}}' "$(managers gadget/split) $(owns gadget/split controller)"
is "and no generation" 1 "$(see gadget/split .metadata.generation)"
gadget split 'status: {phase: Broken, seen: 3}' | conflicts "another's status" '1 conflict: conflict with "controller" with subresource "status": .status.phase' ssa watcher --subresource=status
gadget split 'status: {seen: 3}' | check "beside it" ssa watcher --subresource=status
gadget split 'spec: {color: red}' | check "another spec" ssa alpha
is "leaves the status" '{"color":"red"} {"phase":"Ready","seen":3}' "$(see gadget/split .spec) $(see gadget/split .status)"
gadget split '' | check "a status without content" ssa controller --subresource=status
is "is the other's only" '{"seen":3}' "$(see gadget/split .status)"
before=$(revision gadget/split)
gadget split 'status: {seen: 3}' | check "the same again" ssa watcher --subresource=status
untouched "writes nothing" gadget/split "$before"

# The managers that kubectl's commands are.
printf '#!/bin/sh\nsed -i "s/before/after/" "$1"\n' >"$DIR/editor"; chmod +x "$DIR/editor"
export KUBE_EDITOR=$DIR/editor
check "create" kubectl create configmap many --from-literal=a=x --from-literal=edit=before
check "label" kubectl label configmap many l=x
check "annotate" kubectl annotate configmap many n=x
check "patch" kubectl patch configmap many --type merge -p '{"data":{"p":"x"}}'
check "edit" kubectl edit configmap many
check "a name of one's own" kubectl patch configmap many --field-manager mine --type json -p '[{"op":"add","path":"/data/m","value":"x"}]'
map many 's: x' | check "apply" ssa alpha
is "each is a manager" "alpha Apply, kubectl-annotate Update, kubectl-create Update, kubectl-edit Update, kubectl-label Update, kubectl-patch Update, mine Update" "$(managers configmap/many)"
is "create owns the rest" '{"f:data":{".":{},"f:a":{}}}' "$(owns configmap/many kubectl-create)"
is "label its label" '{"f:metadata":{"f:labels":{".":{},"f:l":{}}}}' "$(owns configmap/many kubectl-label)"
is "edit what was edited" '{"f:data":{"f:edit":{}}}' "$(owns configmap/many kubectl-edit)"
is "with version, form and time" 'v1 FieldsV1 true' "$(see configmap/many '[.metadata.managedFields[] | "\(.apiVersion) \(.fieldsType) \((.time | fromdateiso8601) as $t | $t <= now and $t > now - 60)"] | unique | join(";")')"
is "applied ones come first" Apply "$(see configmap/many '.metadata.managedFields[0].operation')"
shown=$(kubectl get configmap many -o yaml --show-managed-fields)
is "yaml shows them" "managedFields: manager: kubectl-label operation: Update" "$(grep -oE 'managedFields:|manager: kubectl-label|operation: Update' <<<"$shown" | sort -u | paste -sd' ')"
is "a subresource too" "subresource: scale" "$(kubectl get deployment sized -o yaml --show-managed-fields | grep -o 'subresource: scale' | head -1)"
for form in yaml json; do is "plain $form hides them" many "$(kubectl get configmap many -o $form | grep -oE 'managedFields|\bmany\b' | paste -sd' ')"; done
is "so do lists" many "$(kubectl get configmaps -o yaml | grep -oE 'managedFields|\bmany\b' | paste -sd' ')"
raw POST "$MAPS" '{"metadata":{"name":"by-robot"},"data":{"a":"x"}}' -A 'robot/2.1 (linux)' >/dev/null
is "who gives no name has the client's" "robot Update" "$(managers configmap/by-robot)"
check "set image" kubectl set image deployment/shared web=nginx:2
is "is a manager" '{"f:spec":{"f:template":{"f:spec":{"f:containers":{"k:{\"name\":\"web\"}":{"f:image":{}}}}}}}' "$(owns deployment/shared kubectl-set)"
kubectl get configmap many -o json | jq '.data.r = "x"' | check "replace without managers" kubectl replace -f -
is "keeps them" 8 "$(see configmap/many '[.metadata.managedFields[]?] | length')"
for i in $(seq 12); do raw PATCH "$MAPS/by-robot?fieldManager=m$i" "{\"data\":{\"m$i\":\"x\"}}" -H "$MERGE" >/dev/null; done
is "the oldest of many become one" "10 ancient-changes" "$(see configmap/by-robot '[.metadata.managedFields[]?.manager] | "\(length) \(.[] | select(. == "ancient-changes"))"')"
raw PATCH "$MAPS/by-robot" '{"metadata":{"managedFields":[{}]}}' -H "$MERGE" >/dev/null
is "they can be given up" "x " "$(see configmap/by-robot .data.m1) $(managers configmap/by-robot)"
map by-robot 'a: z' | conflicts "then what was before has one" '1 conflict: conflict with "before-first-apply" using v1: .data.a' ssa alpha

# The record of client-side apply.
map recorded 'a: x' | client >/dev/null
is "view-last-applied" '{"a":"x"}' "$(view configmap recorded)"
map recorded 'a: before' | check "set-last-applied" kubectl apply set-last-applied -f -
check "edit-last-applied" kubectl apply edit-last-applied configmap recorded
is "they work" '{"a":"after"}' "$(view configmap recorded)"
map settings 'a: one' | check "set-last-applied makes one" kubectl apply set-last-applied --create-annotation -f -
is "where it was applied by the server" '{"a":"one"}' "$(view configmap settings)"

# Whose configuration is wrong is told so.
map wrong '' | sed '$adta: {a: x}' | refused "an unknown field" "failed to create typed patch object (default/wrong; /v1, Kind=ConfigMap): .dta: field not declared in schema" ssa alpha
deployment wrong "replica: 1, $(pods '{name: web, image: nginx}')" | refused "of a deployment" ".spec.replica: field not declared in schema" ssa alpha
deployment wrong "replicas: many, $(pods '{name: web, image: nginx}')" | refused "a text for a number" ".spec.replicas: expected numeric (int or float), got string" ssa alpha
gadget wrong 'spec: {parts: [{weight: 1}]}' | refused "an item without its key" '.spec.parts: element 0: associative list with keys has an element that omits all key fields ["name"] (and doesn'"'"'t have default values for any key fields)' ssa alpha
service wrong 'ports: [{name: a, port: 80}, {name: b, port: 80}]' | refused "a port twice" '.spec.ports: duplicate entries for key [port=80,protocol="TCP"]' ssa alpha
gadget wrong 'spec: {sise: 1}' | refused "an unknown field of a custom resource" ".spec.sise: field not declared in schema" ssa alpha
gadget wrong 'spec: {tags: [a, a]}' | refused "a tag twice" '.spec.tags: duplicate entries for key [="a"]' ssa alpha
gadget wrong 'spec: {size: 11}' | refused "a size too large" "spec.size in body should be less than or equal to 10" ssa alpha
map wrong 'a: x' | sed 's/namespace: default/namespace: nowhere/' | refused "an unknown namespace" 'namespaces "nowhere" not found' ssa alpha
is "nothing of it was made" "[true,null]" "$(kubectl get configmaps,deployments,services,gadgets -o json | jq -c '[.items[].metadata.name] | [length > 3, index("wrong")]')"

# What kubectl would not say.
body=$(map raw 'a: x')
answers "without a manager" 422 "fieldManager: Required value: is required for apply patch" PATCH "$MAPS/raw" "$body"
answers "made" 201 "an object" PATCH "$MAPS/raw?fieldManager=alpha" "$body"
answers "and again" 200 "an object" PATCH "$MAPS/raw?fieldManager=alpha" "$body"
answers "as JSON" 200 "an object" PATCH "$MAPS/raw?fieldManager=alpha" '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"raw"},"data":{"a":"x"}}'
answers "with no managers in the body" 400 "metadata.managedFields must be nil" PATCH "$MAPS/raw?fieldManager=alpha" "$(map raw 'a: x' 'managedFields: []')"
answers "or some" 400 "metadata.managedFields must be nil" PATCH "$MAPS/raw?fieldManager=alpha" "$(map raw 'a: x' 'managedFields: [{manager: beta, operation: Apply, apiVersion: v1, fieldsType: FieldsV1, fieldsV1: {}}]')"
map raw 'a: x' 'managedFields: [{manager: beta, operation: Apply, apiVersion: v1}]' | refused "which kubectl tells too" "metadata.managedFields must be nil" ssa alpha
answers "a name that is too long" 422 "fieldManager: Too long: may not be more than 128 bytes" PATCH "$MAPS/raw?fieldManager=$(printf 'a%.0s' $(seq 129))" "$body"
answers "force on another patch" 422 "force: Forbidden: may not be specified for non-apply patch" PATCH "$MAPS/raw?force=true" '{"data":{"a":"z"}}' -H "$MERGE"
answers "another object's name" 400 "the name of the object (raw) does not match the name on the URL (other)" PATCH "$MAPS/other?fieldManager=alpha" "$body"
answers "another version" 400 "invalid object type: /v2, Kind=ConfigMap" PATCH "$MAPS/raw?fieldManager=alpha" "${body/v1/v2}"
answers "another kind" 400 "invalid object type: /v1, Kind=Secret" PATCH "$MAPS/raw?fieldManager=alpha" "${body/ConfigMap/Secret}"
answers "another namespace" 400 "the namespace of the provided object does not match the namespace sent on the request" PATCH "$MAPS/raw?fieldManager=alpha" "${body/default/shop}"
answers "another version of a custom resource" 400 "invalid object type: example.org/v2, Kind=Gadget" PATCH "/clusters/root:apply/apis/example.org/v1/namespaces/default/gadgets/first?fieldManager=alpha" "$(gadget first 'spec: {size: 1}' | sed s,/v1,/v2,)"
answers "without its name" 200 "an object" PATCH "$MAPS/raw?fieldManager=alpha" '{apiVersion: v1, kind: ConfigMap, data: {a: x}}'
answers "no object" 400 "error decoding patch" PATCH "$MAPS/raw?fieldManager=alpha" '[1]'
answers "no YAML" 400 "error decoding patch" PATCH "$MAPS/raw?fieldManager=alpha" '{a: [b'
answers "a key twice" 400 "error strict decoding patch" PATCH "$MAPS/raw?fieldManager=alpha&fieldValidation=Strict" "$(map raw 'a: x, a: z')"
answers "an old revision" 409 "the object has been modified" PATCH "$MAPS/raw?fieldManager=alpha" "$(map raw 'a: z' 'resourceVersion: "1"')"
answers "a uid of what is not there" 409 "uid mismatch: the provided object specified uid gone, and no existing object was found" PATCH "$MAPS/absent?fieldManager=alpha" "$(map absent 'a: z' 'uid: gone')"
answers "a dry run" 201 "an object" PATCH "$MAPS/absent?fieldManager=alpha&dryRun=All" "$(map absent 'a: z')"
answers "makes nothing" 404 "not found" GET "$MAPS/absent"
is "what was refused changed nothing" '{"a":"x"} alpha Apply' "$(see configmap/raw .data) $(managers configmap/raw)"

# Permission: to patch is not to create.
as_jane() { kubectl --kubeconfig /dev/null --insecure-skip-tls-verify --token jane-token --server "https://127.0.0.1:$PORT/clusters/root:apply" "$@"; }
by_jane() { as_jane apply --server-side --field-manager jane "$@" -f -; }
check "jane is let in" kubectl create clusterrolebinding jane --clusterrole=system:kcp:workspace:access --user=jane
kubectl create role reader --verb=get --resource=configmaps >/dev/null
kubectl create rolebinding reader --role=reader --user=jane >/dev/null
map settings 'jane: x' | refused "who reads may not apply" 'User "jane" cannot patch resource "configmaps"' by_jane
kubectl create role patcher --verb=patch --resource=configmaps >/dev/null
kubectl create rolebinding patcher --role=patcher --user=jane >/dev/null
map settings 'jane: x' | says "who patches applies to what is there" "configmap/settings serverside-applied" by_jane
is "as its manager" '{"f:data":{"f:jane":{}}}' "$(owns configmap/settings jane)"
map settings 'a: jane' | refused "conflicts like everybody" 'conflict with "kubectl": .data.a' by_jane
map by-jane 'a: x' | refused "and makes nothing" 'User "jane" cannot create resource "configmaps"' by_jane
refused "neither by a dry run" 'User "jane" cannot create resource "configmaps"' by_jane --dry-run=server < <(map by-jane 'a: x')
refused "it is not there" "not found" kubectl get configmap by-jane
kubectl create role creator --verb=create --resource=configmaps >/dev/null
kubectl create rolebinding creator --role=creator --user=jane >/dev/null
map by-jane 'a: x' | says "who creates as well makes it" "configmap/by-jane serverside-applied" by_jane

# Another workspace has objects and managers of its own.
before=$(revision configmap/fought)
map fought 'a: other, b: other' | in_ws other says "the same name elsewhere" "configmap/fought serverside-applied" ssa omega
is "has one manager" '{"a":"other","b":"other"} omega Apply' "$(in_ws other see configmap/fought .data) $(in_ws other managers configmap/fought)"
map fought 'c: x' | in_ws other check "and is dropped from" ssa omega
is "there alone" 'c a,b,d alpha Apply, gamma Update' "$(in_ws other keys configmap/fought) $(keys configmap/fought) $(managers configmap/fought)"
untouched "here nothing was written" configmap/fought "$before"
refused "what was applied here is not there" "not found" in_ws other kubectl get configmap settings

# An API of another workspace, bound.
{
  printf 'apiVersion: apis.kcp.io/v1alpha1\nkind: APIResourceSchema\nmetadata: {name: v1.cowboys.wildwest.dev}\nspec:
  group: wildwest.dev\n  scope: Namespaced\n  names: {plural: cowboys, singular: cowboy, kind: Cowboy, listKind: CowboyList}
  versions: [{name: v1, served: true, storage: true, subresources: {status: {}}, schema: %s}]\n---\n' "$SCHEMA"
  printf 'apiVersion: apis.kcp.io/v1alpha2\nkind: APIExport\nmetadata: {name: wildwest}
spec: {resources: [{name: cowboys, group: wildwest.dev, schema: v1.cowboys.wildwest.dev, storage: {crd: {}}}]}\n'
} >"$DIR/export.yaml"
check "the provider applies its export" in_ws provider apply -f "$DIR/export.yaml"
identity() { [ -n "$(in_ws provider see apiexport/wildwest '.status.identityHash // ""')" ]; }
check "which has an identity" until_true 10 identity
check "and again" in_ws provider apply -f "$DIR/export.yaml"
printf 'apiVersion: apis.kcp.io/v1alpha2\nkind: APIBinding\nmetadata: {name: wildwest}\nspec: {reference: {export: {path: root:provider, name: wildwest}}}\n' |
  says "the consumer applies its binding" "apibinding.apis.kcp.io/wildwest serverside-applied" apply -f -
check "and is bound" kubectl wait apibinding/wildwest --for=jsonpath='{.status.phase}'=Bound --timeout=10s
cowboy() { printf 'apiVersion: wildwest.dev/v1\nkind: Cowboy\nmetadata: {name: %s, namespace: default}\n%s\n' "$1" "$2"; }
cowboy billy 'spec: {size: 2, parts: [{name: hat}]}' | says "it applies a bound kind" "cowboy.wildwest.dev/billy serverside-applied" ssa alpha
before=$(revision cowboy/billy)
cowboy billy 'spec: {size: 2, parts: [{name: hat}]}' | check "again" ssa alpha
untouched "without a write" cowboy/billy "$before"
cowboy billy 'spec: {size: 3}' | conflicts "others conflict" '1 conflict: conflict with "alpha": .spec.size' ssa beta
cowboy billy 'spec: {parts: [{name: boots}]}' | check "and add" ssa beta
is "by the provider's schema" hat,boots "$(see cowboy/billy '[.spec.parts[].name] | join(",")')"
cowboy billy 'spec: {horse: x}' | refused "whose unknown fields are unknown" ".spec.horse: field not declared in schema" ssa beta
home=$(kubectl get logicalcluster cluster -o jsonpath='{.metadata.annotations.kcp\.io/cluster}')
view=$(in_ws provider kubectl get apiexportendpointslice wildwest -o jsonpath='{.status.endpoints[0].url}')
at=/services${view#*/services}/clusters/$home/apis/wildwest.dev/v1/namespaces/default/cowboys/billy
answers "the provider applies a status through its view" 200 "an object" PATCH "$at/status?fieldManager=sheriff" "$(cowboy billy 'status: {phase: Wanted}')"
is "as its manager" 'Wanted alpha Apply, beta Apply, sheriff Apply/status' "$(see cowboy/billy .status.phase) $(managers cowboy/billy)"
answers "and conflicts like everybody" 409 'conflict with "alpha": .spec.size' PATCH "$at?fieldManager=sheriff" "$(cowboy billy 'spec: {size: 4}')"

# A crash forgets no manager.
everybody() { for one in configmap/many deployment/sized gadget/split cowboy/billy; do managers $one; done | sort; }
everybody >"$DIR/before"
was=$(revision service/first)
kill -KILL $pid; wait $pid 2>/dev/null
start
check "ready after a crash" until_true 30 ready
everybody >"$DIR/after"
is "the managers are there" 4 "$(comm -12 "$DIR/before" "$DIR/after" | grep -c Apply)"
service first 'ports: [{port: 80}], selector: {app: web}' | check "the same is applied" apply -f -
untouched "writes nothing" service/first "$was"
map fought 'b: zwei' | conflicts "conflicts are as before" '1 conflict: conflict with "alpha": .data.b' ssa beta

kill -TERM $pid; if wait $pid; then ok "stops cleanly"; else bad "stops cleanly" "$(tail -5 "$DIR/log")"; fi
pid=
