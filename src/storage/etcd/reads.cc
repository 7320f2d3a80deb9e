#include "storage/etcd/reads.h"

#include <fmt/format.h>

namespace storage::etcd {
namespace {

constexpr std::size_t kFirstPage = 100;  // records; at most 150 MiB by etcd's limits
constexpr std::size_t kLargestPage = 20'000;
constexpr std::size_t kPageBytes = 8 * 1024 * 1024;  // what later pages aim at

std::size_t next_page_size(std::size_t records, std::size_t bytes) {
  std::size_t each = std::max<std::size_t>(bytes / std::max<std::size_t>(records, 1), 1);
  return std::clamp<std::size_t>(kPageBytes / each, 1, kLargestPage);
}

}  // namespace

bool is_compacted(const Answer& answer) {
  return answer.code == Code::OutOfRange && answer.says("compacted");
}

Error to_error(const Answer& answer, std::string_view doing) {
  std::string text = fmt::format("etcd failed at {}: {}", doing, answer.text);
  Error::Details later{.retry_after_seconds = 1};
  if (is_compacted(answer)) return {Reason::Expired, text};
  if (answer.says("space exceeded")) {
    return {Reason::InsufficientStorage,
            "etcd's space quota is exhausted: compact and defragment it or raise "
            "--quota-backend-bytes, then disarm its alarm"};
  }
  if (answer.says("too many requests")) return {Reason::TooManyRequests, text, later};
  if (answer.says("too large") || answer.says("larger than max") || answer.says("too many op")) {
    return {Reason::RequestEntityTooLarge, text};
  }
  return {Reason::ServiceUnavailable, text, later};
}

Task<Answer> read_key(Members& members, std::string key, bool keys_only) {
  Answer answer = co_await members.call(
      kRange, encode(RangeRequest{.key = std::move(key), .keys_only = keys_only}),
      Repeat::Harmless);
  if (!answer.ok()) throw to_error(answer, "reading");
  co_return answer;
}

Task<EtcdRevision> read_newest(Members& members, const Keys& keys) {
  Answer answer = co_await read_key(members, keys.control("barrier"), true);
  co_return parse_range(answer.text).revision;
}

Task<Pages> read_pages(Members& members, RangeRequest range, std::size_t limit, TakePage take) {
  Pages pages{range.revision, false};
  std::size_t page_size = kFirstPage, taken = 0;
  bool first = true;
  while (true) {
    range.limit = limit == 0 ? page_size : std::min(page_size, limit - taken);
    Answer answer = co_await members.call(kRange, encode(range), Repeat::Harmless);
    if (!answer.ok()) throw to_error(answer, "reading");
    auto message = std::make_shared<const std::string>(std::move(answer.text));
    RangeAnswer page = parse_range(*message);
    if (std::exchange(first, false) && range.revision == EtcdRevision{}) {
      pages.revision = range.revision = page.revision;
    }
    take(page, message);
    taken += page.records.size();
    if (!page.more || page.records.empty()) co_return pages;
    if (limit != 0 && taken >= limit) {
      pages.more = true;
      co_return pages;
    }
    range.key = std::string(page.records.back().key) + '\0';
    page_size = next_page_size(page.records.size(), message->size());
  }
}

Task<EtcdRevision> read_objects(Members& members, const Keys& keys,
                                std::function<void(const RecordView& record)> take) {
  auto pages =
      co_await read_pages(members, {.key = keys.objects(), .end = prefix_end(keys.objects())}, 0,
                          [&](const RangeAnswer& page, const std::shared_ptr<const std::string>&) {
                            for (const KeyValue& one : page.records) {
                              take(view_of(one, *keys.parse(one.key)));
                            }
                          });
  co_return pages.revision;
}

Task<EtcdRevision> find_oldest(Members& members, const Keys& keys, EtcdRevision newest) {
  std::uint64_t low = 1, high = number(newest);
  while (low < high) {
    std::uint64_t middle = low + (high - low) / 2;
    RangeRequest probe{
        .key = keys.control("barrier"), .revision = EtcdRevision{middle}, .keys_only = true};
    Answer answer = co_await members.call(kRange, encode(probe), Repeat::Harmless);
    if (!answer.ok() && !is_compacted(answer)) throw to_error(answer, "reading");
    if (answer.ok()) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  co_return EtcdRevision{high};
}

}  // namespace storage::etcd
