// What the DNS server answers: the hosts of all control DNSRecords as one zone, made anew when one
// of them changes. Changes that come together are published together. Belongs to one loop. Source:
// reference glbc.md 4.2, 4.3.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/task.h"
#include "gslb/zone.h"

namespace glbc {

class Table {
 public:
  using Publish = std::function<void(std::shared_ptr<const gslb::Zones>)>;
  // Throws Error(BadRequest) if the zone's options are malformed.
  Table(gslb::ZoneOptions zone, const Clock& clock, Publish publish);

  // Publishes what set() and erase() change, until cancelled. The first publication is made at
  // once, so everything that exists must have been set before.
  Task<> run();

  // What `record` contributes. An error if it can not be part of the zone; then nothing changes.
  Result<void> set(const std::string& record, std::vector<gslb::HostRecord> hosts);
  void erase(const std::string& record);
  // Returns once everything set so far is answered.
  Task<> published();
  // Whether exactly these hosts are answered for `record` at this moment.
  bool answers(const std::string& record, const std::vector<gslb::HostRecord>& hosts) const;

  std::uint32_t serial() const { return serial_; }  // of the last publication
  void raise_serial(std::uint32_t at_least) { serial_ = std::max(serial_, at_least); }
  const std::string& origin() const { return zone_.origin; }

 private:
  struct Entry {
    std::vector<gslb::HostRecord> hosts;
    std::uint64_t version = 0;
  };
  void changed();
  void publish();

  gslb::ZoneOptions zone_;
  const Clock& clock_;
  Publish publish_;
  std::map<std::string, Entry> entries_;
  std::uint64_t version_ = 1;            // of the entries
  std::uint64_t published_version_ = 0;  // that is answered
  std::uint32_t serial_ = 0;
  std::function<void()> wake_;  // whoever waits for a change
  std::vector<Resolver<Done>> waiting_;
};

}  // namespace glbc
