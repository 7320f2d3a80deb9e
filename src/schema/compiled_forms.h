// The compiled forms of all schemas that are in use: those used last, within a bound. A form that
// is given up here is gone when its last user is done, and is compiled again when it is needed.
// Thread-safe; internal to schema/.
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "schema/node.h"

namespace schema {

using Form = std::shared_ptr<const Node>;

class CompiledForms {
 public:
  explicit CompiledForms(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  // The form of what `owner` stands for; null if it is not compiled.
  Form find(const void* owner);
  // Keeps `form`, which takes about `bytes`. If there is one already, that one is returned.
  Form add(const void* owner, Form form, std::size_t bytes);
  void forget(const void* owner);

  std::size_t count() const;
  std::size_t bytes() const;

 private:
  struct Entry {
    const void* owner;
    Form form;
    std::size_t bytes;
  };
  using Order = std::list<Entry>;

  const std::size_t max_bytes_;
  mutable std::mutex mutex_;
  Order order_;  // used last comes first; guarded by mutex_, like all below
  std::unordered_map<const void*, Order::iterator> places_;
  std::size_t bytes_ = 0;
};

}  // namespace schema
