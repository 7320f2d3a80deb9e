// What the server tells about itself at /metrics: names and labels are those of kube-apiserver
// where it has such a metric, else kcp_*. The number of series depends on the built-in kinds only:
// what workspaces define themselves is counted together as resource="custom". Thread-safe. Source:
// reference kube-apiserver.md section 13.
#pragma once

#include <string>
#include <utility>

#include "base/metrics.h"
#include "http/message.h"
#include "registry/registry.h"
#include "server/request_info.h"

namespace server {

// Those without labels, found once.
struct Figures {
  metrics::Gauge& reading;
  metrics::Gauge& mutating;
  metrics::Counter& dropped_reading;
  metrics::Counter& dropped_mutating;
  metrics::Counter& aborted;
  metrics::Gauge& watches;
  metrics::Counter& watch_events;
  metrics::Counter& watches_expired;
};
Figures& figures();

// One request and its answer, while the answer is written through this: in flight until it is
// destroyed, then counted by what it was about and by its status.
class RequestRecord final : public http::ResponseWriter {
 public:
  explicit RequestRecord(http::ResponseWriter& response) : response_(response) {}
  ~RequestRecord() override;
  RequestRecord(const RequestRecord&) = delete;
  RequestRecord& operator=(const RequestRecord&) = delete;

  void is_about(const RequestInfo& info);  // once
  void is_counted_elsewhere() { counts_ = false; }

  Task<> start(int status, http::Headers headers) override {
    status_ = status;
    return response_.start(status, std::move(headers));
  }
  Task<> write(Bytes piece) override { return response_.write(std::move(piece)); }
  Task<> finish() override { return response_.finish(); }
  bool started() const override { return response_.started(); }
  std::size_t queued() const override { return response_.queued(); }

 private:
  http::ResponseWriter& response_;
  const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  std::size_t verb_ = 0, resource_ = 0;  // in the tables of labels
  metrics::Gauge* in_flight_ = nullptr;
  int status_ = 0;
  bool counts_ = true;
};

// An open watch, while it is open.
class LongRunning {
 public:
  LongRunning() { figures().watches.add(1); }
  ~LongRunning() { figures().watches.add(-1); }
  LongRunning(const LongRunning&) = delete;
  LongRunning& operator=(const LongRunning&) = delete;
};

// Everything as Prometheus text: what is counted, and what is found by looking now.
std::string metrics_page(registry::Registry& registry);

}  // namespace server
