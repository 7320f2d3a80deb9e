#include "glbc/table.h"

namespace glbc {
namespace {

constexpr int kRest = 10;  // making zones takes at most a tenth of the loop's time

}  // namespace

Table::Table(gslb::ZoneOptions zone, const Clock& clock, Publish publish)
    : zone_(std::move(zone)), clock_(clock), publish_(std::move(publish)) {
  value_or_throw(gslb::Zone::make(zone_, 1, {}));
}

Result<void> Table::set(const std::string& record, std::vector<gslb::HostRecord> hosts) {
  auto judged = gslb::Zone::make({zone_.origin, {}, {}}, 1, hosts);
  if (!judged) return std::unexpected(judged.error());
  auto found = entries_.find(record);
  if (found != entries_.end() && found->second.hosts == hosts) return {};
  entries_[record] = {std::move(hosts), version_ + 1};
  changed();
  return {};
}

void Table::erase(const std::string& record) {
  if (entries_.erase(record) > 0) changed();
}

void Table::changed() {
  ++version_;
  if (wake_) std::exchange(wake_, nullptr)();
}

Task<> Table::published() {
  if (published_version_ >= version_) co_return;
  co_await wait_for([this](Resolver<Done> done) { waiting_.push_back(done); });
}

bool Table::answers(const std::string& record, const std::vector<gslb::HostRecord>& hosts) const {
  auto found = entries_.find(record);
  return found != entries_.end() && found->second.version <= published_version_ &&
         found->second.hosts == hosts;
}

void Table::publish() {
  std::vector<gslb::HostRecord> all;
  for (const auto& [name, entry] : entries_) {
    all.insert(all.end(), entry.hosts.begin(), entry.hosts.end());
  }
  auto now = std::chrono::floor<std::chrono::seconds>(clock_.now()).time_since_epoch().count();
  serial_ = std::max(serial_ + 1, static_cast<std::uint32_t>(now));
  auto zone = value_or_throw(gslb::Zone::make(zone_, serial_, all));
  publish_(std::make_shared<const gslb::Zones>(std::vector{std::move(zone)}));
  published_version_ = version_;
  for (auto& one : std::exchange(waiting_, {})) one.resolve(Done{});
}

Task<> Table::run() {
  while (true) {
    auto begin = std::chrono::steady_clock::now();
    publish();
    Duration took = std::chrono::steady_clock::now() - begin;
    co_await sleep_for(kRest * took);
    if (published_version_ < version_) continue;
    co_await wait_for([this](Resolver<Done> done) { wake_ = [done] { done.resolve(Done{}); }; });
  }
}

}  // namespace glbc
