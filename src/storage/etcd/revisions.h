// How the store's revisions and etcd's belong together. etcd gives one revision to a whole
// transaction, the store gives one to each write: etcd's, times 128, and the index of the write
// among those of its transaction. A state of the store is that behind a whole transaction: the
// index 127. Pure. Decision: docs/adr/0010-revisions.md.
//
// A record has the index before its value: a byte 0x80 + index, which begins no JSON text. Without
// one the index is 0, so that JSON that is written alone is stored as it is. A deletion has it by
// its place among the events of its transaction.
#pragma once

#include <string>
#include <string_view>

#include "storage/etcd/messages.h"
#include "storage/store.h"

namespace storage::etcd {

inline constexpr std::size_t kMaxOperations = 128;  // of a transaction

// Of a write. An index that no transaction of the store has counts as the last.
Revision revision_of(EtcdRevision revision, std::size_t index);
// Of the state behind the whole transaction.
Revision end_of(EtcdRevision revision);
// That of the transaction which a revision belongs to.
EtcdRevision transaction_of(Revision revision);
// What a compare asks etcd for. A key has one write in a transaction, so the index tells no more.
EtcdRevision expected_of(Revision expected);
bool is_end(Revision revision);

// What stands before the value `text` of the write at `index` of its transaction.
std::string mark_of(std::size_t index, std::string_view text);
struct StoredValue {
  std::size_t index = 0;
  std::string_view text;  // without the mark
};
StoredValue parse_value(std::string_view stored);

}  // namespace storage::etcd
