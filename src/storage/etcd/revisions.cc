#include "storage/etcd/revisions.h"

#include <algorithm>
#include <limits>

namespace storage::etcd {
namespace {

constexpr std::uint64_t kLast = kMaxOperations - 1;
constexpr unsigned kMark = 0x80;

bool looks_marked(std::string_view stored) {
  return !stored.empty() && static_cast<unsigned char>(stored.front()) >= kMark;
}

}  // namespace

Revision revision_of(EtcdRevision revision, std::size_t index) {
  return Revision{number(revision) * kMaxOperations + std::min<std::uint64_t>(index, kLast)};
}

Revision end_of(EtcdRevision revision) { return revision_of(revision, kLast); }

EtcdRevision transaction_of(Revision revision) {
  return EtcdRevision{storage::number(revision) / kMaxOperations};
}

EtcdRevision expected_of(Revision expected) {
  constexpr EtcdRevision kNever{std::numeric_limits<std::int64_t>::max()};
  EtcdRevision transaction = transaction_of(expected);
  bool before_all = expected != Revision{} && transaction == EtcdRevision{};
  return before_all ? kNever : transaction;  // etcd takes 0 for an absent key
}

bool is_end(Revision revision) { return storage::number(revision) % kMaxOperations == kLast; }

std::string mark_of(std::size_t index, std::string_view text) {
  if (index == 0 && !looks_marked(text)) return {};
  return {static_cast<char>(kMark + index)};
}

StoredValue parse_value(std::string_view stored) {
  if (!looks_marked(stored)) return {0, stored};
  return {static_cast<unsigned char>(stored.front()) - kMark, stored.substr(1)};
}

}  // namespace storage::etcd
