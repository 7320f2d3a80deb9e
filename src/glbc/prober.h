// Whether published addresses serve their host: asks each over HTTPS with the managed host as
// server name, verifies the certificate, and notes verdicts in the control DNSRecord's status,
// where they survive a restart and wake whoever decides. Belongs to one loop. Source: reference
// glbc.md 1.18, 7.2.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "base/clock.h"
#include "base/scope.h"
#include "client/client.h"
#include "net/loop.h"

namespace glbc {

// What to watch for one DNSRecord.
struct ProbeOrder {
  std::string record;  // its name in the control workspace
  std::string host;
  std::map<std::string, std::optional<bool>> addresses;  // with the verdict noted last
  std::set<std::string> outdated;  // addresses with a noted verdict that are watched no more
};

class Probes {
 public:
  virtual ~Probes() = default;
  // Replaces what is watched for the record; what stays goes on undisturbed.
  virtual void follow(const ProbeOrder& order) = 0;
  virtual void forget(const std::string& record) = 0;
};

struct ProbeOptions {
  std::uint16_t port = 443;
  Duration first_pause = 1s;  // until an address has answered once
  Duration pause = 5s;
  Duration limit = 3s;           // for one answer
  int failures = 3;              // in a row make it unhealthy
  std::size_t concurrency = 64;  // probes in flight
};

// Asks once. Empty if `address` is healthy: the certificate is for `host` and signed by `ca_pem`,
// and the HTTP status is below 500. Otherwise why not.
Task<std::string> probe(net::IoLoop& loop, std::string address, std::string host,
                        std::string ca_pem, ProbeOptions options);

class Prober final : public Probes {
 public:
  // `control` speaks to the control workspace.
  Prober(net::IoLoop& loop, client::Client control, const Clock& clock, ProbeOptions options);
  ~Prober() override;

  Task<> run();  // until cancelled; follow() counts before, too
  // What probes trust from now on; before the first call none is made.
  void trust(std::string ca_pem);
  void follow(const ProbeOrder& order) override;
  void forget(const std::string& record) override;

 private:
  struct Watched;
  using WatchedPtr = std::shared_ptr<Watched>;

  Task<> watch(WatchedPtr one);
  Task<> note(WatchedPtr one);
  Task<> clear(std::string record, std::set<std::string> addresses);
  void start(const WatchedPtr& one);

  net::IoLoop& loop_;
  client::Client control_;
  const Clock& clock_;
  ProbeOptions options_;
  std::string ca_pem_;
  std::map<std::string, std::map<std::string, WatchedPtr>> watched_;  // by record and address
  Scope* scope_ = nullptr;                                            // while it runs
  std::size_t in_flight_ = 0;
};

}  // namespace glbc
