#include <algorithm>
#include <queue>

#include "server/usage.h"

namespace server {
namespace {

constexpr std::size_t kPage = 1024;       // objects of one table at a time
constexpr std::size_t kStep = 16 * 1024;  // work between two turns of the loop

// Objects looked at, and tables, which cost about as much as several.
class Steps {
 public:
  // Whether the loop should have its turn now.
  bool took(std::size_t work) {
    done_ += work;
    if (done_ < kStep) return false;
    done_ = 0;
    return true;
  }

 private:
  std::size_t done_ = 0;
};

constexpr std::size_t kTableWork = 16;

// A place in one table, on the way through all of it.
struct Cursor {
  cache::Table* table = nullptr;
  cache::Snapshot page;
  std::size_t at = 0;

  // Reads on when the page is used up; false at the end.
  bool load() {
    if (at < page.items.size()) return true;
    if (table && page.items.empty()) {
      page = table->list({}, kPage);
    } else if (page.next) {
      page = table->list({}, kPage, std::move(page.next));
    } else {
      page.items.clear();
      return false;
    }
    at = 0;
    return !page.items.empty();
  }
  const cache::Item& item() const { return *page.items[at]; }
};

bool is_before(std::string_view a, std::string_view b) {  // in the order of the tables
  return cache::KeyView{a, "", ""} < cache::KeyView{b, "", ""};
}

std::size_t size_of(const Content& content, UsageBy by) {
  return by == UsageBy::Bytes ? content.bytes : content.objects;
}

// Keeps the largest of what it is given.
class Largest {
  auto order() const {
    return [this](const Measured& a, const Measured& b) { return is_larger(a, b); };
  }

 public:
  Largest(UsageBy by, std::size_t count) : by_(by), count_(count) {}
  void add(std::string cluster, Content content) {
    if (kept_.size() == count_ && !is_larger({cluster, content}, kept_.front())) return;
    kept_.emplace_back(std::move(cluster), content);
    std::ranges::push_heap(kept_, order());
    if (kept_.size() <= count_) return;
    std::ranges::pop_heap(kept_, order());
    kept_.pop_back();
  }
  std::vector<Measured> take() {
    std::ranges::sort(kept_, order());
    return std::move(kept_);
  }

 private:
  bool is_larger(const Measured& a, const Measured& b) const {
    std::size_t left = size_of(a.second, by_), right = size_of(b.second, by_);
    return left != right ? left > right : a.first < b.first;
  }

  const UsageBy by_;
  const std::size_t count_;
  std::vector<Measured> kept_;  // a heap with the least in front
};

}  // namespace

Task<Content> measure(cache::Cache& cache, std::string cluster) {
  Content content;
  Steps steps;
  const cache::Filter filter{.cluster = cluster};
  for (const cache::TableId& id : cache.tables()) {
    cache::Table& table = cache.table(id);
    cache::Snapshot page;
    do {
      page = table.list(filter, kPage, std::move(page.next));
      content.objects += page.items.size();
      for (const auto& item : page.items) content.bytes += item->size();
      if (steps.took(kTableWork + page.items.size())) co_await yield_to_loop();
    } while (page.next);
  }
  co_return content;
}

Task<std::vector<Measured>> find_largest(cache::Cache& cache, UsageBy by, std::size_t count) {
  Steps steps;
  std::vector<std::unique_ptr<Cursor>> cursors;
  for (const cache::TableId& id : cache.tables()) {
    auto cursor = std::make_unique<Cursor>(&cache.table(id));
    if (cursor->load()) cursors.push_back(std::move(cursor));
    if (steps.took(kTableWork)) co_await yield_to_loop();
  }
  // All tables lie in the order of clusters, so one pass meets all objects of one together.
  auto is_after = [](const auto& a, const auto& b) {
    return is_before(b->item().cluster(), a->item().cluster());
  };
  std::ranges::make_heap(cursors, is_after);
  Largest largest(by, count);
  while (!cursors.empty()) {
    std::string cluster(cursors.front()->item().cluster());
    Content content;
    while (!cursors.empty() && cursors.front()->item().cluster() == cluster) {
      std::ranges::pop_heap(cursors, is_after);
      Cursor& cursor = *cursors.back();
      std::size_t before = content.objects;
      bool more = true;
      for (; more && cursor.item().cluster() == cluster; more = cursor.load()) {
        ++content.objects;
        content.bytes += cursor.item().size();
        ++cursor.at;
        bool pause = content.objects % kPage == 0 && steps.took(kPage);
        if (pause) co_await yield_to_loop();
      }
      if (steps.took((content.objects - before) % kPage + 1)) co_await yield_to_loop();
      if (more) {
        std::ranges::push_heap(cursors, is_after);
      } else {
        cursors.pop_back();
      }
    }
    largest.add(std::move(cluster), content);
  }
  co_return largest.take();
}

}  // namespace server
