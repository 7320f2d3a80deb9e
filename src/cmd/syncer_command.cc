// kcp syncer: copies what is placed on a SyncTarget to a physical cluster.
#include <fmt/format.h>

#include <charconv>

#include "base/error.h"
#include "cmd/flags.h"
#include "cmd/kubeconfig_client.h"
#include "cmd/program.h"
#include "http/client.h"
#include "syncer/syncer.h"

namespace cmd {
namespace {

struct SyncerFlags {
  std::string from_kubeconfig, from_context, from_cluster;
  std::string to_kubeconfig, to_context;
  std::string target, uid;
  std::string clean_delay = "30s";
  // Of manifests that were made for other syncers; they change nothing here.
  std::string qps, burst, resources, dns_image, import_interval, feature_gates;
};

// "30s", "2m", "1h"; nothing if it is none of these.
std::optional<Duration> parse_duration(std::string_view text) {
  int number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  if (error != std::errc() || number < 0) return std::nullopt;
  if (unit == "s") return std::chrono::seconds(number);
  if (unit == "m") return std::chrono::minutes(number);
  if (unit == "h") return std::chrono::hours(number);
  return std::nullopt;
}

Access downstream_access(const SyncerFlags& flags) {
  if (flags.to_kubeconfig.empty()) return in_cluster_access();
  return load_access(flags.to_kubeconfig, flags.to_context);
}

int serve(const SyncerFlags& flags, Duration clean_delay) {
  net::LoopPool pool(1);
  int status = 1;
  try {
    syncer::Options options;
    Access from = load_access(flags.from_kubeconfig, flags.from_context);
    Access to = downstream_access(flags);
    options.upstream = std::make_shared<client::Client>(connect(pool.at(0), from, ""));
    options.downstream =
        std::make_shared<client::Client>(connect(pool.at(0), to, http::parse_url(to.url()).path));
    options.cluster = flags.from_cluster;
    options.target = flags.target;
    options.uid = flags.uid;
    options.clean_delay = clean_delay;
    status = run_until_stopped(pool, syncer::run(std::move(options)));
  } catch (const Error& error) {
    fmt::print(stderr, "kcp: {}\n", error.message());
  }
  pool.stop();
  return status;
}

}  // namespace

int syncer_command(const std::vector<std::string>& arguments) {
  SyncerFlags values;
  Flags flags("kcp syncer [flags]",
              "Copies what is placed on a SyncTarget to a physical cluster, and its status back.",
              "kcp syncer --from-kubeconfig .kcp/admin.kubeconfig --from-cluster root:compute "
              "--sync-target-name east --sync-target-uid UID --to-kubeconfig east.kubeconfig");
  flags.add("from-kubeconfig", &values.from_kubeconfig, "kubeconfig of the control plane");
  flags.add("from-context", &values.from_context, "its context; the current one if empty");
  flags.add("from-cluster", &values.from_cluster, "workspace of the SyncTarget");
  flags.add("to-kubeconfig", &values.to_kubeconfig,
            "kubeconfig of the physical cluster; the one this runs in if empty");
  flags.add("to-context", &values.to_context, "its context; the current one if empty");
  flags.add("sync-target-name", &values.target, "name of the SyncTarget");
  flags.add("sync-target-uid", &values.uid, "uid of the SyncTarget; another is refused");
  flags.add("downstream-namespace-clean-delay", &values.clean_delay,
            "how long an unused namespace stays in the physical cluster");
  for (auto [name, value] : {std::pair{"qps", &values.qps},
                             {"burst", &values.burst},
                             {"resources", &values.resources},
                             {"dns-image", &values.dns_image},
                             {"api-import-poll-interval", &values.import_interval},
                             {"feature-gates", &values.feature_gates}}) {
    flags.add(name, value, "taken from manifests as they are; not used");
  }
  auto outcome = flags.parse(arguments);
  if (outcome != Flags::Outcome::Run) return outcome == Flags::Outcome::Help ? 0 : 2;
  for (auto [name, value] : {std::pair{"from-kubeconfig", &values.from_kubeconfig},
                             {"from-cluster", &values.from_cluster},
                             {"sync-target-name", &values.target},
                             {"sync-target-uid", &values.uid}}) {
    if (!value->empty()) continue;
    fmt::print(stderr, "kcp: --{} is required; see kcp syncer --help\n", name);
    return 2;
  }
  auto clean_delay = parse_duration(values.clean_delay);
  if (!clean_delay) {
    fmt::print(stderr, "kcp: --downstream-namespace-clean-delay must be like 30s or 2m, not {}\n",
               values.clean_delay);
    return 2;
  }
  return serve(values, *clean_delay);
}

}  // namespace cmd
