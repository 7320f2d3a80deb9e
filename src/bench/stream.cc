#include "bench/stream.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/strings.h"

namespace bench {
namespace {

constexpr std::uint32_t kGoWindow = 4U << 20;  // what Go's clients open

struct ListExchange final : Exchange {
  explicit ListExchange(const ListQuestion& question) : scanner(question.shape, question.on_item) {
    window = kGoWindow;
  }

  Scanner scanner;
  int status = 0;
  std::uint64_t bytes = 0;
  bool ended = false, complete = false;
  std::string failure;
  std::optional<Resolver<Done>> waiter;

  void on_head(int code) override { status = code; }
  void on_data(std::string_view piece) override {
    bytes += piece.size();
    if (status == 200) {
      scanner.feed(piece);
    } else if (failure.size() < 400) {
      failure += piece;
    }
  }
  void on_end(bool whole) override {
    ended = true;
    complete = whole && scanner.complete();
    if (waiter) waiter->resolve(Done{});
  }
};

struct CancelUnlessEnded {
  std::shared_ptr<Connection> connection;
  std::uint32_t stream;
  const bool& ended;
  ~CancelUnlessEnded() {
    if (!ended) connection->cancel(stream);
  }
};

}  // namespace

Task<ListRead> read_list(Squad* squad, ListQuestion question) {
  co_await Squad::reserve(squad, 1, 1);
  ListExchange exchange(question);
  std::string block;
  make_head(squad->address(), "GET", "", question.accept).print(question.path, block);
  auto connection = squad->pick()->shared_from_this();
  std::int64_t start = now_ns();
  CancelUnlessEnded sent{connection, connection->send(block, "", exchange), exchange.ended};
  co_await wait_for([&](Resolver<Done> done) { exchange.waiter = done; });
  if (exchange.status != 200 || !exchange.complete) {
    throw Error(Reason::InternalError,
                fmt::format("GET {} was answered with {}{}: {}", question.path, exchange.status,
                            exchange.complete ? "" : " and broke off", exchange.failure));
  }
  ListRead read{exchange.scanner.items(),
                exchange.bytes,
                exchange.scanner.list_revision(),
                exchange.scanner.continue_token(),
                {}};
  read.latency.record(now_ns() - start);
  co_return read;
}

Task<> verify_maps(Squad* squad, std::string path, std::string prefix, std::size_t count,
                   std::string version, std::size_t payload) {
  std::vector<bool> seen(count, false);
  std::size_t wrong = 0, found = 0;
  std::string example;
  auto judge = [&](const ScannedItem& item) {
    if (!item.name.starts_with(prefix)) return;
    auto number = parse_u64(std::string_view(item.name).substr(prefix.size()));
    bool right = number && *number < count && !seen[*number] && item.version == version &&
                 item.payload_bytes == payload;
    if (right) {
      seen[*number] = true;
      ++found;
    } else if (wrong++ == 0) {
      example = item.name;
    }
  };
  co_await read_list(squad, {.path = std::move(path), .on_item = judge});
  if (found == count && wrong == 0) co_return;
  throw Error(Reason::InternalError,
              fmt::format("{} of {} objects are as they were written, {} are not{}", found, count,
                          wrong, example.empty() ? "" : ", the first is " + example));
}

std::size_t EventBook::enter(const ScannedItem& event) {
  auto refuse = [&](const char* why) {
    return Error(Reason::InternalError, fmt::format("a watch told {} {} at {}: {}", event.type,
                                                    event.name, event.revision, why));
  };
  auto revision = parse_u64(event.revision);
  if (!revision || *revision <= last_revision_) throw refuse("the order of revisions is broken");
  last_revision_ = *revision;
  if (!event.name.starts_with(prefix_)) throw refuse("that was not written");
  auto number = parse_u64(std::string_view(event.name).substr(prefix_.size()));
  if (!number || *number >= seen_.size()) throw refuse("that was not written");
  if (seen_[*number]) throw refuse("it was told before");
  seen_[*number] = true;
  ++count_;
  return *number;
}

}  // namespace bench
