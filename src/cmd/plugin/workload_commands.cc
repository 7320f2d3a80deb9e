// kubectl kcp workload: connecting physical clusters and taking them out of service.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "base/error.h"
#include "base/strings.h"
#include "cmd/files.h"
#include "cmd/plugin/commands.h"
#include "cmd/plugin/session.h"
#include "cmd/plugin/syncer_manifest.h"
#include "cmd/plugin/upstream_sync.h"
#include "http/client.h"
#include "placement/keys.h"

namespace plugin {
namespace {

using json::Value;

constexpr std::size_t kMaxName = 254 - 8 - 8 - 8 - 2;  // kcp-dns-<name>-<hash>-<hash> is a name too

struct SyncFlags {
  std::string target, image, output, workspace, replicas = "1", ns;
  std::vector<std::string> resources, exports{"root:compute:kubernetes"}, labels;
  SyncerManifest manifest;  // what goes there as it is
  SyncRequest request;
};

bool parse_sync(SyncFlags& flags, const Arguments& arguments) {
  using Commas = Options::Commas;
  SyncerManifest& manifest = flags.manifest;
  Options options(
      "kubectl kcp workload sync NAME --syncer-image IMAGE -o FILE [flags]",
      "Makes a SyncTarget for a physical cluster in the current workspace, and writes the manifest "
      "that\nruns its syncer there.",
      "kubectl kcp workload sync east --syncer-image ghcr.io/kcp-dev/kcp/syncer:v0.11 -o "
      "east.yaml\n"
      "  kubectl --kubeconfig east.kubeconfig apply -f east.yaml");
  options.positional("the SyncTarget's name", &flags.target);
  options.add("syncer-image", 0, &flags.image, "image of the syncer; required");
  options.add("output-file", 'o', &flags.output,
              "where to write the manifest, - is stdout; required");
  options.add_list("apiexports", &flags.exports, Commas::Separate, "APIExports it supports");
  options.add_list("resources", &flags.resources, Commas::Separate,
                   "resources to sync besides, like services or deployments.apps");
  options.add_list("labels", &flags.labels, Commas::Separate,
                   "labels of the SyncTarget, key=value");
  options.add("kcp-namespace", 0, &flags.request.kcp_namespace,
              "namespace of the syncer's service account in this workspace");
  options.add("namespace", 'n', &flags.ns,
              "namespace of the syncer in the physical cluster (default: made from the name)");
  options.add("replicas", 0, &flags.replicas, "replicas of the syncer, 0 or 1");
  options.add("qps", 0, &manifest.qps, "requests a second of the syncer");
  options.add("burst", 0, &manifest.burst, "requests in a burst of the syncer");
  options.add("feature-gates", 0, &manifest.feature_gates, "feature gates of the syncer");
  options.add("api-import-poll-interval", 0, &manifest.api_import_poll_interval,
              "how often the syncer looks for new APIs");
  options.add("downstream-namespace-clean-delay", 0, &manifest.namespace_clean_delay,
              "how long an empty namespace stays in the physical cluster");
  options.add("workspace", 'w', &flags.workspace, "workspace to work in, instead of the current");
  return options.parse(arguments);
}

void check_number(const char* flag, const std::string& text) {
  if (auto number = parse_u64(text); number && *number > 0) return;
  throw Error(Reason::BadRequest,
              fmt::format("--{} must be a number above 0, not {}", flag, quote(text)));
}

void settle_sync(SyncFlags& flags) {
  auto refuse = [](std::string why) { throw Error(Reason::BadRequest, std::move(why)); };
  if (flags.image.empty()) refuse("--syncer-image is required; see --help");
  if (flags.output.empty()) refuse("--output-file is required, - is stdout; see --help");
  if (flags.target.size() > kMaxName) {
    refuse(fmt::format("the SyncTarget's name may have at most {} characters", kMaxName));
  }
  if (flags.replicas != "0" && flags.replicas != "1") {
    refuse("only 0 and 1 are valid values for --replicas");
  }
  check_number("qps", flags.manifest.qps);
  check_number("burst", flags.manifest.burst);
  for (const auto& [flag, text] :
       {std::pair{"api-import-poll-interval", flags.manifest.api_import_poll_interval},
        std::pair{"downstream-namespace-clean-delay", flags.manifest.namespace_clean_delay}}) {
    value_or_throw(parse_duration(flag, text));
  }
  SyncRequest& request = flags.request;
  request.target = flags.target;
  for (const std::string& one : flags.exports) {
    request.exports.push_back(value_or_throw(parse_export_name(one)));
    if (request.exports.back().name == kImportedApis) {
      refuse(std::string(kImportedApis) + " is a reserved APIExport name; use --resources");
    }
  }
  for (const std::string& one : flags.resources) {
    request.resources.push_back(value_or_throw(parse_group_resource(one)));
  }
  for (const std::string& one : flags.labels) {
    request.labels.push_back(value_or_throw(parse_pair("labels", one)));
  }
}

// The server's address alone, its port always told.
std::string server_of(const std::string& base) {
  http::Url url = http::parse_url(base);
  return fmt::format("{}://{}:{}", url.tls ? "https" : "http",
                     url.host.contains(':') ? "[" + url.host + "]" : url.host, url.port);
}

std::string ca_of(const Value& cluster) {
  std::string data = cluster["certificate-authority-data"].str();
  if (!data.empty()) return base64_decode(data).value_or("");
  std::string path = cluster["certificate-authority"].str();
  if (path.empty()) return {};
  auto text = cmd::read_file(path);
  if (!text) throw Error(Reason::NotFound, "kubeconfig: cannot read " + path);
  return *text;
}

void write_manifest(const SyncFlags& flags) {
  const SyncerManifest& manifest = flags.manifest;
  std::string text = manifest_text(manifest);
  if (flags.output == "-") {
    fmt::print("{}", text);
    return;
  }
  cmd::write_file(flags.output, text);
  fmt::print(stderr,
             "\nWrote physical cluster manifest to {0} for namespace {1}. Use\n\n"
             "  KUBECONFIG=<pcluster-config> kubectl apply -f {0}\n\n"
             "to apply it. Use\n\n"
             "  KUBECONFIG=<pcluster-config> kubectl get deployment -n {2} {3}\n\n"
             "to verify the syncer pod is running.\n",
             quote(flags.output), quote(manifest.ns), quote(manifest.ns), manifest.syncer_id);
}

Task<int> sync(net::IoLoop& loop, Arguments arguments) {
  SyncFlags flags;
  if (!parse_sync(flags, arguments)) co_return 0;
  settle_sync(flags);
  Session session = open_session(loop, flags.workspace);
  const SyncRequest& request = flags.request;
  if (!request.resources.empty()) co_await ensure_imported_apis(session.client, request);
  Value target = co_await ensure_sync_target(session.client, request);

  SyncerManifest& manifest = flags.manifest;
  manifest.target_name = request.target;
  manifest.target_uid = object::uid(target);
  manifest.target_cluster = object::annotation(target, placement::kClusterAnnotation);
  manifest.syncer_id = placement::syncer_id(manifest.target_name, manifest.target_uid);
  manifest.ns = flags.ns.empty() ? manifest.syncer_id : flags.ns;
  manifest.kcp_namespace = request.kcp_namespace;
  manifest.token =
      co_await ensure_syncer_identity(session.client, request, target, manifest.syncer_id);
  manifest.synced = co_await synced_resources(session.client, request);
  manifest.server = server_of(session.workspace.base);
  manifest.ca_pem = ca_of(session.config.cluster());
  manifest.insecure = session.config.cluster()["insecure-skip-tls-verify"].as_bool();
  manifest.image = flags.image;
  manifest.replicas = flags.replicas == "1" ? 1 : 0;
  manifest.resources = flags.resources;
  write_manifest(flags);
  co_return 0;
}

// cordon, uncordon, drain -----------------------------------------------------------------------

// The SyncTarget named on the command line; nothing if the user asked for help.
struct Target {
  Session session;
  Value object;
};
Task<std::optional<Target>> find_target(net::IoLoop& loop, std::string verb, std::string about,
                                        Arguments arguments) {
  std::string name, workspace;
  Options options("kubectl kcp workload " + verb + " NAME", std::move(about),
                  "kubectl kcp workload " + verb + " east");
  options.positional("the SyncTarget's name", &name);
  options.add("workspace", 'w', &workspace, "workspace to work in, instead of the current");
  if (!options.parse(arguments)) co_return std::nullopt;
  Session session = open_session(loop, workspace);
  Value object = co_await get_object(
      session.client, kSyncTargets, name,
      "kubectl get synctargets shows those of workspace " + session.workspace.path);
  co_return Target{std::move(session), std::move(object)};
}

Value operation(const char* op, const char* path) {
  return Value::object({{"op", op}, {"path", path}});
}

Value unschedulable(bool value) {
  return operation("add", "/spec/unschedulable").set("value", value);
}

// Patches the SyncTarget, which must still be the one that was looked at.
Task<> patch_target(Target& target, Value operations) {
  std::string name = object::name(target.object);
  operations.insert(0, operation("test", "/metadata/uid").set("value", object::uid(target.object)));
  co_await target.session.client.patch(kSyncTargets, "", name, client::PatchType::Json,
                                       std::move(operations));
}

Task<int> cordon(net::IoLoop& loop, Arguments arguments) {
  auto target = co_await find_target(
      loop, "cordon", "No new workload goes to the cluster; what is there stays.", arguments);
  if (!target) co_return 0;
  std::string name = object::name(target->object);
  if (target->object.at("spec", "unschedulable").as_bool()) {
    fmt::print("{} already cordoned\n", name);
    co_return 0;
  }
  co_await patch_target(*target, Value::array({unschedulable(true)}));
  fmt::print("{} cordoned\n", name);
  co_return 0;
}

Task<int> uncordon(net::IoLoop& loop, Arguments arguments) {
  auto target = co_await find_target(
      loop, "uncordon", "Workload may go to the cluster again, also after drain.", arguments);
  if (!target) co_return 0;
  std::string name = object::name(target->object);
  const Value& spec = target->object["spec"];
  bool evicting = spec.contains("evictAfter");
  if (!spec["unschedulable"].as_bool() && !evicting) {
    fmt::print("{} already uncordoned\n", name);
    co_return 0;
  }
  Value operations = Value::array({unschedulable(false)});
  if (evicting) operations.push_back(operation("remove", "/spec/evictAfter"));
  co_await patch_target(*target, std::move(operations));
  fmt::print("{} uncordoned\n", name);
  co_return 0;
}

// Whether some other SyncTarget of the workspace could take workload over.
Task<bool> has_alternative(client::Client& client, std::string name) {
  auto all = co_await client.list(kSyncTargets, "", {});
  co_return std::ranges::any_of(all.items, [&](const Value& one) {
    return object::name(one) != name && object::is_true(one, "Ready") &&
           !one.at("spec", "unschedulable").as_bool() && !one["spec"].contains("evictAfter");
  });
}

Task<int> drain(net::IoLoop& loop, Arguments arguments) {
  auto target = co_await find_target(
      loop, "drain", "All workload leaves the cluster for others, and no new workload goes there.",
      arguments);
  if (!target) co_return 0;
  std::string name = object::name(target->object);
  const Value& spec = target->object["spec"];
  if (spec["unschedulable"].as_bool() && spec.contains("evictAfter")) {
    fmt::print("{} already draining\n", name);
    co_return 0;
  }
  if (!co_await has_alternative(target->session.client, name)) {
    fmt::print(stderr,
               "warning: no other SyncTarget of workspace {} is Ready and schedulable; what runs "
               "on {} has nowhere to go until one is\n",
               target->session.workspace.path, name);
  }
  Value evict =
      operation("add", "/spec/evictAfter").set("value", format_time(system_clock().now()));
  co_await patch_target(*target, Value::array({unschedulable(true), std::move(evict)}));
  fmt::print("{} draining\n", name);
  co_return 0;
}

}  // namespace

Task<int> workload_command(net::IoLoop& loop, Arguments arguments) {
  std::string verb = take_verb(arguments);
  if (verb == "sync") co_return co_await sync(loop, std::move(arguments));
  if (verb == "cordon") co_return co_await cordon(loop, std::move(arguments));
  if (verb == "uncordon") co_return co_await uncordon(loop, std::move(arguments));
  if (verb == "drain") co_return co_await drain(loop, std::move(arguments));
  co_return answer_without_verb(
      verb, arguments, "workload",
      "Physical clusters that run workload of other workspaces.\n\nUsage:\n"
      "  kubectl kcp workload sync NAME       connects a cluster\n"
      "  kubectl kcp workload cordon NAME     no new workload\n"
      "  kubectl kcp workload uncordon NAME   workload is welcome again\n"
      "  kubectl kcp workload drain NAME      workload moves to other clusters\n\n"
      "Example:\n  kubectl kcp workload drain east\n");
}

}  // namespace plugin
