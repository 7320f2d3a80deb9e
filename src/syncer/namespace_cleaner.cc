#include "syncer/namespace_cleaner.h"

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "controller/informer.h"

namespace syncer {
namespace {

constexpr Duration kPeriod = 1s;
const client::Resource kNamespace{"", "v1", "namespaces", false};
const client::Resource kIngress{"networking.k8s.io", "v1", "ingresses", true};

placement::Locator locator_on(const json::Value& ns) {
  return placement::parse_locator(object::annotation(ns, placement::kLocator));
}

// Of our SyncTarget, or of an earlier one of the same name.
bool is_of_our_name(const json::Value& ns, const placement::Locator& locator,
                    const Target& target) {
  return object::label(ns, placement::kClusterLabel) == target.key &&
         locator.target_cluster == target.cluster && locator.target_name == target.name &&
         locator.downstream_namespace() == object::name(ns);
}

}  // namespace

// An informer that the cleaner knows as long as it lives.
class WatchedFeed final : public controller::Feed {
 public:
  WatchedFeed(const controller::Source& source, controller::OnChange on_change,
              std::shared_ptr<NamespaceCleaner> cleaner, Side side)
      : informer_(source, std::move(on_change)), cleaner_(std::move(cleaner)) {
    cleaner_->feeds_[this] = side;
  }
  ~WatchedFeed() override { cleaner_->feeds_.erase(this); }

  Task<> run() override { return informer_.run(); }
  bool synced() const override { return informer_.synced(); }
  std::optional<json::Value> find(const controller::Key& key) const override {
    return informer_.find(key);
  }
  std::vector<json::Value> list(std::string_view cluster, std::string_view ns,
                                const object::LabelSelector& selector) const override {
    return informer_.list(cluster, ns, selector);
  }

 private:
  controller::Informer informer_;
  std::shared_ptr<NamespaceCleaner> cleaner_;
};

NamespaceCleaner::NamespaceCleaner(Target target, Duration delay, const Clock& clock,
                                   std::shared_ptr<client::Client> downstream)
    : target_(std::move(target)),
      delay_(delay),
      clock_(clock),
      downstream_(std::move(downstream)) {}

void NamespaceCleaner::consider(const std::string& ns) { due_[ns] = clock_.now() + delay_; }

void NamespaceCleaner::consider_live(const json::Value& ns) {
  auto locator = locator_on(ns);
  bool outlived = is_of_our_name(ns, locator, target_) && locator.target_uid != target_.uid;
  if (outlived) outlived_.insert(object::name(ns));
  consider(object::name(ns));
}

controller::Source NamespaceCleaner::watched(controller::Source source, Side side) {
  source.make_feed = [self = shared_from_this(), side](const controller::Source& from,
                                                       controller::OnChange on_change) {
    return std::make_unique<WatchedFeed>(from, std::move(on_change), self, side);
  };
  return source;
}

bool NamespaceCleaner::knows_all() const {
  return allowed_ && !feeds_.empty() &&
         std::ranges::all_of(feeds_, [](const auto& one) { return one.first->synced(); });
}

std::set<std::string> NamespaceCleaner::used() const {
  std::set<std::string> names;
  std::set<std::pair<std::string, std::string>> wanted;
  for (const auto& [feed, side] : feeds_) {
    for (const json::Value& object : feed->list("", "", {})) {
      if (side == Side::Downstream) {
        names.insert(object::ns(object));
      } else if (!is_never_synced(object)) {
        wanted.emplace(object::annotation(object, placement::kClusterAnnotation),
                       object::ns(object));
      }
    }
  }
  for (const auto& [cluster, ns] : wanted) {
    names.insert(target_.locator(cluster, ns).downstream_namespace());
  }
  return names;
}

std::vector<std::string> NamespaceCleaner::take_unused(TimePoint now) {
  std::vector<std::string> unused;
  bool any = std::ranges::any_of(due_, [&](const auto& one) { return one.second <= now; });
  if (!any || !knows_all()) return unused;
  std::set<std::string> names = used();
  std::erase_if(due_, [&](const auto& one) {
    if (one.second > now) return false;
    bool outlived = outlived_.contains(one.first);
    if (outlived || !names.contains(one.first)) unused.push_back(one.first);
    return true;
  });
  return unused;
}

// Whether there were any.
Task<bool> NamespaceCleaner::remove_ingresses(std::string ns) {
  client::List ingresses;
  try {
    ingresses = co_await downstream_->list(kIngress, ns, {});
  } catch (const Error& error) {
    // A cluster without Ingresses, or where they are not synced.
    if (error.reason() != Reason::NotFound && error.reason() != Reason::Forbidden) throw;
  }
  for (const json::Value& ingress : ingresses.items) {
    co_await downstream_->remove(kIngress, ns, object::name(ingress), object::uid(ingress));
  }
  co_return !ingresses.items.empty();
}

// Whether that is done; otherwise it is to be tried again after the delay.
Task<bool> NamespaceCleaner::remove(std::string ns) {
  auto live = co_await downstream_->find(kNamespace, "", ns);
  if (!live || object::is_deleting(*live)) co_return true;
  auto locator = locator_on(*live);
  if (!is_of_our_name(*live, locator, target_)) co_return true;
  if (outlived_.contains(ns) && co_await remove_ingresses(ns)) co_return false;
  log(LogLevel::Info, "syncer", "removing an unused namespace",
      {{"downstream", ns}, {"cluster", locator.cluster}, {"namespace", locator.ns}});
  co_await downstream_->remove(kNamespace, "", ns, object::uid(*live));
  co_return true;
}

Task<> NamespaceCleaner::run() {
  while (true) {
    co_await sleep_for(std::min(kPeriod, std::max(delay_, Duration(10ms))));
    for (const std::string& ns : take_unused(clock_.now())) {
      bool done = false;
      try {
        done = co_await remove(ns);
      } catch (const Error& error) {
        log(LogLevel::Warning, "syncer", "a namespace cannot be removed",
            {{"downstream", ns}, {"why", error.message()}});
      }
      if (done) {
        outlived_.erase(ns);
      } else {
        consider(ns);
      }
    }
  }
}

}  // namespace syncer
