#include "storage/etcd/messages.h"

#include "storage/etcd/protobuf.h"

namespace storage::etcd {
namespace {

// The revision in an answer's header.
EtcdRevision parse_header(std::string_view message) {
  EtcdRevision revision{};
  for (MessageReader reader(message); auto field = reader.next();) {
    if (field->number == 3) revision = EtcdRevision{field->value};
  }
  return revision;
}

KeyValue parse_key_value(std::string_view message) {
  KeyValue one;
  for (MessageReader reader(message); auto field = reader.next();) {
    switch (field->number) {
      case 1: one.key = field->bytes; break;
      case 2: one.created = EtcdRevision{field->value}; break;
      case 3: one.modified = EtcdRevision{field->value}; break;
      case 5: one.value = field->bytes; break;
    }
  }
  return one;
}

MessageWriter range_message(const RangeRequest& request) {
  MessageWriter out;
  out.bytes(1, request.key);
  out.bytes(2, request.end);
  out.number(3, request.limit);
  out.number(4, number(request.revision));
  out.number(7, request.serializable ? 1 : 0);
  out.number(8, request.keys_only ? 1 : 0);
  return out;
}

MessageWriter compare_message(const TxnRequest::Compare& compare) {
  constexpr std::uint64_t kModRevision = 2;  // the target; the result EQUAL is 0 and left out
  MessageWriter out;
  out.number(2, kModRevision);
  out.bytes(3, compare.key);
  out.present_number(6, number(compare.expected));
  return out;
}

MessageWriter operation(int which, const MessageWriter& request) {
  MessageWriter out;
  out.message(which, request);
  return out;
}

constexpr int kCompare = 1, kThen = 2, kElse = 3;  // of a transaction
constexpr int kRangeOperation = 1, kPutOperation = 2, kDeleteOperation = 3, kTxnOperation = 4;

MessageWriter txn_message(const TxnRequest& request) {
  MessageWriter out;
  for (const auto& compare : request.compares) out.message(kCompare, compare_message(compare));
  for (const auto& change : request.changes) {
    MessageWriter body;
    body.bytes(1, change.key);
    if (change.value && change.mark.empty()) body.bytes(2, *change.value);
    if (change.value && !change.mark.empty())
      body.bytes(2, change.mark + std::string(*change.value));
    body.number(3, static_cast<std::uint64_t>(change.lease));
    out.message(kThen, operation(change.value ? kPutOperation : kDeleteOperation, body));
  }
  for (const auto& compare : request.compares) {
    auto body = range_message({.key = compare.key, .keys_only = true});
    out.message(kElse, operation(kRangeOperation, body));
  }
  return out;
}

// Adds one answer of a transaction's operation.
void take_operation(std::string_view message, TxnAnswer& answer) {
  for (MessageReader reader(message); auto field = reader.next();) {
    if (field->number == kPutOperation) answer.changed = true;
    if (field->number == kRangeOperation) {
      auto range = parse_range(field->bytes);
      answer.compared.push_back(range.records.empty() ? EtcdRevision{} : range.records[0].modified);
    }
    if (field->number == kDeleteOperation) {
      for (MessageReader inner(field->bytes); auto part = inner.next();) {
        if (part->number == 2 && part->value > 0) answer.changed = true;
      }
    }
  }
}

WatchEvent parse_event(std::string_view message) {
  WatchEvent event;
  for (MessageReader reader(message); auto field = reader.next();) {
    switch (field->number) {
      case 1: event.deleted = field->value == 1; break;
      case 2: event.current = parse_key_value(field->bytes); break;
      case 3:
        event.previous = parse_key_value(field->bytes);
        event.has_previous = true;
        break;
    }
  }
  return event;
}

LeaseAnswer parse_lease(std::string_view message) {
  LeaseAnswer answer;
  for (MessageReader reader(message); auto field = reader.next();) {
    if (field->number == 2) answer.id = field->signed_value();
    if (field->number == 3) answer.seconds = field->signed_value();
  }
  return answer;
}

}  // namespace

std::string encode(const RangeRequest& request) { return range_message(request).take(); }

RangeAnswer parse_range(std::string_view message) {
  RangeAnswer answer;
  for (MessageReader reader(message); auto field = reader.next();) {
    switch (field->number) {
      case 1: answer.revision = parse_header(field->bytes); break;
      case 2: answer.records.push_back(parse_key_value(field->bytes)); break;
      case 3: answer.more = field->value != 0; break;
    }
  }
  return answer;
}

std::string encode(const TxnRequest& request) { return txn_message(request).take(); }

std::size_t bytes_of(const TxnRequest& request) {
  constexpr std::size_t kFraming = 32;
  std::size_t bytes = 0;
  for (const auto& one : request.compares) bytes += 2 * (one.key.size() + kFraming);
  for (const auto& one : request.changes) {
    bytes += one.key.size() + one.value.value_or("").size() + kFraming;
  }
  return bytes;
}

std::string encode_group(std::span<const TxnRequest> requests) {
  MessageWriter out;
  for (const auto& request : requests) {
    out.message(kThen, operation(kTxnOperation, txn_message(request)));
  }
  return out.take();
}

TxnAnswer parse_txn(std::string_view message) {
  TxnAnswer answer;
  for (MessageReader reader(message); auto field = reader.next();) {
    switch (field->number) {
      case 1: answer.revision = parse_header(field->bytes); break;
      case 2: answer.succeeded = field->value != 0; break;
      case 3: take_operation(field->bytes, answer); break;
    }
  }
  return answer;
}

std::vector<TxnAnswer> parse_group(std::string_view message) {
  std::vector<TxnAnswer> answers;
  EtcdRevision revision{};
  for (MessageReader reader(message); auto field = reader.next();) {
    if (field->number == 1) revision = parse_header(field->bytes);
    if (field->number != 3) continue;
    for (MessageReader inner(field->bytes); auto operation = inner.next();) {
      if (operation->number == kTxnOperation) answers.push_back(parse_txn(operation->bytes));
    }
  }
  for (TxnAnswer& answer : answers) answer.revision = revision;
  return answers;
}

std::string encode(const WatchRequest& request) {
  MessageWriter create;
  create.bytes(1, request.key);
  create.bytes(2, request.end);
  create.number(3, number(request.start));
  create.number(4, 1);  // a sign of life, also without events
  create.number(6, request.previous ? 1 : 0);
  create.number(8, 1);  // large revisions come in fragments
  MessageWriter out;
  out.message(1, create);
  return out.take();
}

WatchAnswer parse_watch(std::string_view message) {
  WatchAnswer answer;
  for (MessageReader reader(message); auto field = reader.next();) {
    switch (field->number) {
      case 1: answer.revision = parse_header(field->bytes); break;
      case 3: answer.created = field->value != 0; break;
      case 4: answer.canceled = field->value != 0; break;
      case 5: answer.compacted = EtcdRevision{field->value}; break;
      case 6: answer.reason = field->bytes; break;
      case 7: answer.fragment = field->value != 0; break;
      case 11: answer.events.push_back(parse_event(field->bytes)); break;
    }
  }
  return answer;
}

std::string encode_compact(EtcdRevision revision) {
  MessageWriter out;
  out.number(1, number(revision));
  return out.take();
}

std::string encode_lease_grant(std::int64_t seconds) {
  MessageWriter out;
  out.number(1, static_cast<std::uint64_t>(seconds));
  return out.take();
}

std::string encode_lease_id(std::int64_t id) {
  MessageWriter out;
  out.number(1, static_cast<std::uint64_t>(id));
  return out.take();
}

LeaseAnswer parse_lease_grant(std::string_view message) { return parse_lease(message); }
LeaseAnswer parse_keep_alive(std::string_view message) { return parse_lease(message); }

std::string encode_alarm_query() { return {}; }  // GET, of all members, of all kinds: all zero

std::string parse_alarms(std::string_view message) {
  constexpr std::uint64_t kNoSpace = 1, kCorrupt = 2;
  bool no_space = false, corrupt = false;
  for (MessageReader reader(message); auto field = reader.next();) {
    if (field->number != 2) continue;
    for (MessageReader member(field->bytes); auto part = member.next();) {
      no_space = no_space || (part->number == 2 && part->value == kNoSpace);
      corrupt = corrupt || (part->number == 2 && part->value == kCorrupt);
    }
  }
  return corrupt ? "CORRUPT" : no_space ? "NOSPACE" : "";
}

std::string encode_authenticate(const std::string& user, const std::string& password) {
  MessageWriter out;
  out.bytes(1, user);
  out.bytes(2, password);
  return out.take();
}

std::string parse_token(std::string_view message) {
  std::string token;
  for (MessageReader reader(message); auto field = reader.next();) {
    if (field->number == 2) token = field->bytes;
  }
  return token;
}

}  // namespace storage::etcd
