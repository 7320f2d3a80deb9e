// Rendered documents, those used last within a bound. Thread-safe.
#pragma once

#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/bytes.h"

namespace server {

struct Document {
  Bytes body;
  std::string etag;  // with quotes; "" = there is no such document
};

class DocumentStore {
 public:
  struct Bounds {
    std::size_t documents = 4096;
    std::size_t bytes = std::size_t{64} << 20;
    std::size_t bytes_of_one = std::size_t{16} << 20;  // larger ones are made each time
  };
  explicit DocumentStore(Bounds bounds) : bounds_(bounds) {}

  std::optional<Document> find(const std::string& key);
  void add(const std::string& key, const Document& document);

 private:
  struct Entry {
    std::string key;
    Document document;
  };
  using Order = std::list<Entry>;

  std::size_t cost(const Entry& entry) const {
    return entry.key.size() + entry.document.body.size();
  }

  const Bounds bounds_;
  std::mutex mutex_;
  Order order_;  // used last comes first; guarded by mutex_, like all below
  std::unordered_map<std::string, Order::iterator> places_;
  std::size_t bytes_ = 0;
};

}  // namespace server
