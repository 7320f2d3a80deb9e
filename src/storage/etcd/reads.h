// Reading etcd: pages at one revision, what is compacted, and failures as Errors. Loop-bound.
#pragma once

#include <functional>

#include "base/error.h"
#include "storage/etcd/feed.h"
#include "storage/etcd/members.h"
#include "storage/etcd/messages.h"

namespace storage::etcd {

// What a failed call means to those who use the store. `doing`: "reading", "writing".
Error to_error(const Answer& answer, std::string_view doing);
bool is_compacted(const Answer& answer);

// A linearizable read of one key; throws Error.
Task<Answer> read_key(Members& members, std::string key, bool keys_only);
// The newest revision, linearizable; throws Error.
Task<EtcdRevision> read_newest(Members& members, const Keys& keys);

// All records of [start, end) at one revision (0 = the newest), page by page; at most `limit` (0 =
// all). `take` gets each page with its message's bytes. Returns the revision, and whether there
// were more than `limit`. Throws Error(Expired) if the revision is compacted.
struct Pages {
  EtcdRevision revision{};
  bool more = false;
};
using TakePage =
    std::function<void(const RangeAnswer& page, const std::shared_ptr<const std::string>& message)>;
Task<Pages> read_pages(Members& members, RangeRequest range, std::size_t limit, TakePage take);

// All records of the store, in key order; returns the revision. Throws Error.
Task<EtcdRevision> read_objects(Members& members, const Keys& keys,
                                std::function<void(const RecordView& record)> take);

// The oldest revision that can still be read, at most `newest`.
Task<EtcdRevision> find_oldest(Members& members, const Keys& keys, EtcdRevision newest);

}  // namespace storage::etcd
