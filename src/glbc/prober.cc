#include "glbc/prober.h"

#include "base/error.h"
#include "base/log.h"
#include "base/metrics.h"
#include "base/random.h"
#include "glbc/keys.h"
#include "http/client.h"
#include "object/object.h"

namespace glbc {
namespace {

using json::Value;

constexpr Duration kWait = 20ms;  // between looks for a free place, or for something to trust

// At least three quarters of `pause`, so that probes spread.
Duration with_jitter(Duration pause) {
  auto quarter = static_cast<std::uint64_t>(pause.count() / 4 + 1);
  return pause * 3 / 4 + Duration(static_cast<std::int64_t>(random_below(quarter)));
}

Task<int> ask(http::Client& client, std::string host) {
  http::Request request;
  request.method = "GET";
  request.target = "/";
  request.authority = host;
  request.headers.set("user-agent", "kcp-glbc");
  http::Response response = co_await client.send(std::move(request));
  co_return response.status;
}

}  // namespace

Task<std::string> probe(net::IoLoop& loop, std::string address, std::string host,
                        std::string ca_pem, ProbeOptions options) {
  net::TlsClientOptions tls;
  tls.ca_pem = std::move(ca_pem);
  tls.server_name = host;
  tls.alpn = {"http/1.1"};
  http::ClientOptions to;
  to.host = address;
  to.port = options.port;
  to.connect_timeout = options.limit;
  try {
    to.tls = net::TlsContext::client(std::move(tls));
    http::Client client(loop, std::move(to));
    int status = co_await with_deadline(ask(client, host), options.limit, "no answer in time");
    if (status >= 500) co_return "HTTP status " + std::to_string(status);
  } catch (const Error& error) {
    co_return error.message().empty() ? "no connection" : error.message();
  }
  co_return std::string();
}

struct Prober::Watched {
  std::string record, host, address;
  bool answered = false;        // ever: decides how often it is asked
  std::optional<bool> verdict;  // as it is
  std::optional<bool> noted;    // as it was written last
  int failures = 0;             // in a row
  std::string why;              // of the last failure
  bool dropped = false;
  TaskRef task;
};

Prober::Prober(net::IoLoop& loop, client::Client control, const Clock& clock, ProbeOptions options)
    : loop_(loop), control_(std::move(control)), clock_(clock), options_(options) {}

Prober::~Prober() = default;

void Prober::trust(std::string ca_pem) { ca_pem_ = std::move(ca_pem); }

void Prober::start(const WatchedPtr& one) {
  if (scope_) one->task = scope_->spawn("probe", watch(one));
}

void Prober::follow(const ProbeOrder& order) {
  auto& present = watched_[order.record];
  std::erase_if(present, [&](const auto& entry) {
    bool stays = order.addresses.contains(entry.first) && entry.second->host == order.host;
    if (!stays) {
      entry.second->dropped = true;
      entry.second->task.cancel();
    }
    return !stays;
  });
  for (const auto& [address, verdict] : order.addresses) {
    if (auto known = present.find(address); known != present.end()) {
      known->second->noted = verdict;  // what got lost is noted again
      continue;
    }
    auto one = std::make_shared<Watched>();
    one->record = order.record;
    one->host = order.host;
    one->address = address;
    one->answered = verdict.value_or(false);
    one->verdict = one->noted = verdict;
    present[address] = one;
    start(one);
  }
  if (present.empty()) watched_.erase(order.record);
  if (scope_ && !order.outdated.empty()) {
    scope_->spawn("clear", clear(order.record, order.outdated));
  }
}

void Prober::forget(const std::string& record) { follow({record, "", {}, {}}); }

Task<> Prober::run() {
  co_await with_scope([this](Scope& scope) -> Task<> {
    return [](Prober& self, Scope& own) -> Task<> {
      struct Leave {
        Prober& prober;
        ~Leave() { prober.scope_ = nullptr; }
      } leave{self};
      self.scope_ = &own;
      for (auto& [record, addresses] : self.watched_) {
        for (auto& [address, one] : addresses) self.start(one);
      }
      while (true) co_await sleep_for(24h);  // the work is done by the scope's tasks
    }(*this, scope);
  });
}

Task<> Prober::watch(WatchedPtr one) {
  struct Place {
    std::size_t& in_flight;
    explicit Place(std::size_t& count) : in_flight(++count) {}
    ~Place() { --in_flight; }
  };
  static auto& good = metrics::counter("glbc_probes_total", "Probes by result.", "result=\"ok\"");
  static auto& bad =
      metrics::counter("glbc_probes_total", "Probes by result.", "result=\"failed\"");
  // After a restart not all at once.
  if (one->answered) co_await sleep_for(with_jitter(options_.first_pause));
  while (!one->dropped) {
    while (ca_pem_.empty() || in_flight_ >= options_.concurrency) co_await sleep_for(kWait);
    std::string why;
    {
      Place place(in_flight_);
      why = co_await probe(loop_, one->address, one->host, ca_pem_, options_);
    }
    (why.empty() ? good : bad).add();
    one->failures = why.empty() ? 0 : one->failures + 1;
    one->why = std::move(why);
    if (one->failures == 0) one->answered = true;
    if (one->failures == 0 || one->failures >= options_.failures) {
      one->verdict = one->failures == 0;
    }
    if (one->verdict != one->noted) co_await note(one);
    co_await sleep_for(with_jitter(one->answered ? options_.pause : options_.first_pause));
  }
}

// Writes the verdict; when that fails, the next round tries again.
Task<> Prober::note(WatchedPtr one) {
  bool healthy = one->verdict.value_or(false);
  Value entry = Value::object({{"healthy", healthy},
                               {"message", healthy ? "" : one->why.substr(0, 200)},
                               {"lastTransitionTime", format_time(clock_.now())}});
  Value patch = Value::object();
  patch.edit("status", "health").set(one->address, std::move(entry));
  log(LogLevel::Info, "glbc", healthy ? "an address serves its host" : "an address fails",
      {{"host", one->host}, {"address", one->address}, {"why", one->why}});
  try {
    co_await control_.patch(kDnsRecords, kControlNamespace, one->record, client::PatchType::Merge,
                            std::move(patch), "status");
    one->noted = healthy;
  } catch (const Error& error) {
    log(LogLevel::Debug, "glbc", "a verdict could not be noted",
        {{"record", one->record}, {"why", error.message()}});
  }
}

Task<> Prober::clear(std::string record, std::set<std::string> addresses) {
  Value patch = Value::object();
  for (const std::string& address : addresses) {
    patch.edit("status", "health").set(address, nullptr);
  }
  try {
    co_await control_.patch(kDnsRecords, kControlNamespace, record, client::PatchType::Merge,
                            std::move(patch), "status");
  } catch (const Error& error) {
    log(LogLevel::Debug, "glbc", "old verdicts could not be removed",
        {{"record", record}, {"why", error.message()}});
  }
}

}  // namespace glbc
