// The snapshot of engines that have none of their own: pages of one revision.
#include "storage/store.h"

namespace storage {
namespace {

constexpr std::size_t kPage = 500;

class PagedSnapshot final : public Snapshot {
 public:
  PagedSnapshot(Store& store, Revision revision) : store_(store), revision_(revision) {}
  Revision revision() const override { return revision_; }

  Task<std::vector<Record>> next(std::size_t bytes) override {
    std::vector<Record> records;
    for (std::size_t taken = 0; more_ && taken < bytes;) {
      auto page = co_await store_.range({start_, "", revision_, kPage});
      more_ = page.more;
      if (!page.records.empty()) start_ = page.records.back().key + '\0';
      for (Record& record : page.records) {
        taken += record.key.size() + record.value.size();
        records.push_back(std::move(record));
      }
    }
    co_return records;
  }

 private:
  Store& store_;
  Revision revision_;
  std::string start_;
  bool more_ = true;
};

}  // namespace

Task<std::unique_ptr<Snapshot>> Store::snapshot() {
  co_return std::make_unique<PagedSnapshot>(*this, newest());
}

}  // namespace storage
