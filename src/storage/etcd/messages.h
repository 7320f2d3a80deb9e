// etcd's requests and answers, as far as the engine uses them. An answer's texts are views into the
// message it was parsed from. Pure. Source: etcd's published API, rpc.proto and kv.proto of v3.4.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "storage/store.h"

namespace storage::etcd {

// What etcd calls a revision: all writes of one transaction have the same. See revisions.h.
enum class EtcdRevision : std::uint64_t {};
inline std::uint64_t number(EtcdRevision revision) { return static_cast<std::uint64_t>(revision); }

// Where the calls go.
inline constexpr std::string_view kRange = "/etcdserverpb.KV/Range";
inline constexpr std::string_view kTxn = "/etcdserverpb.KV/Txn";
inline constexpr std::string_view kCompact = "/etcdserverpb.KV/Compact";
inline constexpr std::string_view kWatch = "/etcdserverpb.Watch/Watch";
inline constexpr std::string_view kLeaseGrant = "/etcdserverpb.Lease/LeaseGrant";
inline constexpr std::string_view kLeaseRevoke = "/etcdserverpb.Lease/LeaseRevoke";
inline constexpr std::string_view kLeaseKeepAlive = "/etcdserverpb.Lease/LeaseKeepAlive";
inline constexpr std::string_view kAlarm = "/etcdserverpb.Maintenance/Alarm";
inline constexpr std::string_view kAuthenticate = "/etcdserverpb.Auth/Authenticate";

// A key with its value, or without if it was asked for so.
struct KeyValue {
  std::string_view key;
  std::string_view value;
  EtcdRevision created{};
  EtcdRevision modified{};
};

struct RangeRequest {
  std::string key;
  std::string end;  // "": `key` only
  std::uint64_t limit = 0;
  EtcdRevision revision{};  // 0: newest
  bool serializable = false;
  bool keys_only = false;
};
std::string encode(const RangeRequest& request);

struct RangeAnswer {
  EtcdRevision revision{};  // of the store when it was read
  std::vector<KeyValue> records;
  bool more = false;
};
RangeAnswer parse_range(std::string_view message);

// One transaction: compares of modification revisions, puts and deletions of single keys. If a
// compare fails, the revisions of all compared keys are read instead.
struct TxnRequest {
  struct Compare {
    std::string key;
    EtcdRevision expected{};  // 0: the key is absent
  };
  struct Change {
    std::string key;
    std::optional<std::string_view> value;  // nothing: delete
    std::int64_t lease = 0;
    std::string mark = {};  // stands before the value
  };
  std::vector<Compare> compares;
  std::vector<Change> changes;  // carried out in this order
};
std::string encode(const TxnRequest& request);
std::size_t bytes_of(const TxnRequest& request);  // of its text, roughly: a little more

struct TxnAnswer {
  EtcdRevision revision{};
  bool succeeded = false;
  bool changed = false;                // something was put, or deleted that was there
  std::vector<EtcdRevision> compared;  // if it failed: what the compared keys' revisions are
};
TxnAnswer parse_txn(std::string_view message);

// One transaction that carries out each of these in turn, nested, whatever becomes of the others.
// Needs two or more, none of which writes what another compares or writes: etcd judges all compares
// before it carries out anything.
std::string encode_group(std::span<const TxnRequest> requests);
// What has become of each; all have the revision of the whole.
std::vector<TxnAnswer> parse_group(std::string_view message);

struct WatchRequest {
  std::string key, end;
  EtcdRevision start{};
  bool previous = false;  // whether events tell what was there before
};
std::string encode(const WatchRequest& request);

struct WatchEvent {
  bool deleted = false;
  KeyValue current;  // of a deletion: key and revision only
  KeyValue previous;
  bool has_previous = false;  // it was there, and asked for
};
struct WatchAnswer {
  EtcdRevision revision{};
  bool created = false;
  bool canceled = false;
  EtcdRevision compacted{};  // set if the watch began before what etcd still has
  std::string_view reason;
  bool fragment = false;  // more of the same revision follows
  std::vector<WatchEvent> events;
};
WatchAnswer parse_watch(std::string_view message);

std::string encode_compact(EtcdRevision revision);
std::string encode_lease_grant(std::int64_t seconds);
std::string encode_lease_id(std::int64_t id);  // of revocations and of keep-alives
struct LeaseAnswer {
  std::int64_t id = 0;
  std::int64_t seconds = 0;  // 0 or less: it has expired
};
LeaseAnswer parse_lease_grant(std::string_view message);
LeaseAnswer parse_keep_alive(std::string_view message);

std::string encode_alarm_query();
// The alarms that are raised, as text: "NOSPACE", "CORRUPT"; the worst first, "" if none.
std::string parse_alarms(std::string_view message);

std::string encode_authenticate(const std::string& user, const std::string& password);
std::string parse_token(std::string_view message);

}  // namespace storage::etcd
