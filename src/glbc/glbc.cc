#include "glbc/glbc.h"

#include "base/error.h"
#include "base/log.h"
#include "base/scope.h"
#include "dns/server.h"
#include "glbc/authority.h"
#include "glbc/hosts.h"
#include "glbc/ingress_controller.h"
#include "glbc/prober.h"
#include "glbc/record_controller.h"
#include "glbc/table.h"
#include "object/object.h"

namespace glbc {
namespace {

using client::Client;
using controller::Source;
using json::Value;

constexpr Duration kRetry = 500ms;
constexpr std::uint32_t kNegativeTtl = 5;

// What stands at the start: the control workspace's logical cluster, the authority and all records.
struct Start {
  std::string cluster;
  std::string bundle;
  std::vector<Value> records;
};

Task<Start> read_start(Client control, const Clock* clock) {
  Start start;
  Value wanted = object::make("v1", "Namespace", kControlNamespace);
  Value space = co_await control.ensure({"", "v1", "namespaces", false}, std::move(wanted));
  start.cluster = object::annotation(space, "kcp.io/cluster");
  if (start.cluster.empty()) {
    throw Error(Reason::BadRequest, "the control workspace is not a workspace of kcp");
  }
  auto authority = co_await control.find(kSecrets, kControlNamespace, kAuthority);
  if (!authority) {
    authority = co_await control.create(kSecrets, kept_authority(std::nullopt, clock->now()));
  }
  start.bundle = bundle_of(*authority);
  start.records = (co_await control.list(kDnsRecords, kControlNamespace, {})).items;
  co_return start;
}

// The control plane may come up later than GLBC, and so may the workspace and its APIs.
Task<Start> wait_for_start(Client control, const Clock* clock) {
  std::string told;
  while (true) {
    std::string why;
    try {
      co_return co_await read_start(control, clock);
    } catch (const Error& error) {
      why = error.message();
    }
    if (why != told)
      log(LogLevel::Warning, "glbc", "waiting for the control workspace", {{"why", why}});
    told = why;
    co_await sleep_for(kRetry);
  }
}

gslb::ZoneOptions zone_options(const Options& options) {
  gslb::ZoneOptions zone;
  zone.origin = options.domain;
  auto servers = options.name_servers;
  if (servers.empty()) servers.push_back({"ns1." + options.domain, options.dns.address});
  for (const NameServer& one : servers) {
    zone.name_servers.push_back(one.name);
    zone.server_addresses.push_back(one.address);
  }
  zone.negative_ttl = kNegativeTtl;
  return zone;
}

// All that runs; made when the start is known.
class Parts {
 public:
  Parts(const Options& options, dns::Server& server)
      : options_(options),
        control_(options.shard->at("/clusters/" + options.workspace)),
        prober_(std::make_shared<Prober>(*options.loop, control_, *options.clock,
                                         probe_options(options))),
        table_(std::make_shared<Table>(zone_options(options), *options.clock,
                                       [&server](std::shared_ptr<const gslb::Zones> zones) {
                                         server.publish(std::move(zones));
                                       })) {}

  Task<> run(Scope& scope, Start start) {
    RecordSettings settings{options_.probing, options_.ttl};
    for (const Value& record : start.records) {
      auto loaded = load_record(*table_, record, settings);
      if (loaded) continue;
      log(LogLevel::Warning, "glbc", "a DNSRecord can not be served",
          {{"name", object::name(record)}, {"why", loaded.error().message()}});
    }
    tell(start.bundle);
    cluster_ = start.cluster;
    scope.spawn("glbc-table", table_->run());
    scope.spawn("glbc-prober", prober_->run());
    spawn(scope,
          std::make_shared<AuthorityController>(
              control_source(kLeafSource, kSecrets, std::string(kIssuerLabel) + "=" + kAuthority),
              [this](const std::string& bundle) { tell(bundle); }));
    spawn(scope, std::make_shared<RecordController>(control_source(kRecordSource, kDnsRecords, ""),
                                                    table_, settings));
    spawn(scope, std::make_shared<IngressController>(ingress_parts(), ingress_settings()));
    co_await table_->published();
    if (options_.on_ready) options_.on_ready(options_.dns);
  }

 private:
  static ProbeOptions probe_options(const Options& options) {
    ProbeOptions probes;
    probes.port = options.probe_port;
    return probes;
  }

  void tell(const std::string& bundle) {
    prober_->trust(bundle);
    if (options_.on_authority) options_.on_authority(bundle);
  }

  void spawn(Scope& scope, std::shared_ptr<controller::Controller> one) {
    std::string name(one->name());
    scope.spawn(std::move(name), controller::run(std::move(one), *options_.clock));
  }

  Source control_source(const char* name, const client::Resource& resource,
                        std::string selector) const {
    Source source;
    source.name = name;
    source.resource = resource;
    source.label_selector = std::move(selector);
    source.read_base = "/clusters/" + cluster_;
    source.client = options_.shard;
    return source;
  }

  Source tenant_source(const char* name, const client::Resource& resource,
                       std::string selector) const {
    Source source = control_source(name, resource, std::move(selector));
    std::string view = "/services/apiexport/" + cluster_ + "/" + options_.export_name;
    source.read_base = view + "/clusters/*";
    source.write_prefix = view + "/clusters/";
    return source;
  }

  IngressParts ingress_parts() const {
    std::string managed = std::string(kManagedLabel) + "=true";
    IngressParts parts;
    parts.sources = {tenant_source(kIngressSource, kIngresses, ""),
                     tenant_source(kProjectionSource, kDnsRecords, ""),
                     tenant_source(kCopySource, kSecrets, managed),
                     control_source(kRecordSource, kDnsRecords, ""),
                     control_source(kLeafSource, kSecrets, managed)};
    parts.issuer = std::make_shared<AuthorityIssuer>(cluster_);
    parts.xids = std::make_shared<XidSource>(XidSource::this_process());
    if (options_.probing) parts.probes = prober_;
    parts.on_removed = [table = table_](const std::string& record) { table->erase(record); };
    return parts;
  }

  IngressSettings ingress_settings() const {
    IngressSettings settings;
    settings.control_cluster = cluster_;
    settings.domain = options_.domain;
    settings.ttl = options_.ttl;
    return settings;
  }

  const Options& options_;
  Client control_;
  std::shared_ptr<Prober> prober_;
  std::shared_ptr<Table> table_;
  std::string cluster_;
};

Task<> start_parts(Scope& scope, const Options& options, Parts& parts) {
  Client control = options.shard->at("/clusters/" + options.workspace);
  Start start = co_await wait_for_start(std::move(control), options.clock);
  co_await parts.run(scope, std::move(start));
  co_await scope.join();
}

}  // namespace

Task<> run(Options options) {
  check_domain(options.domain);
  if (options.ttl == 0 || options.ttl > kMaxTtl) {
    throw Error::bad_request("the TTL must be from 1 to 86400 seconds");
  }
  dns::Options dns;
  dns.endpoint = options.dns;
  dns::Server server(*options.loop, dns);
  options.dns = server.endpoint();
  Parts parts(options, server);
  co_await with_scope([&](Scope& scope) -> Task<> {
    scope.spawn("glbc-dns-server", server.run());
    return start_parts(scope, options, parts);
  });
}

}  // namespace glbc
