#include "bench/fleet.h"

#include <algorithm>
#include <chrono>

#include "base/child_task.h"
#include "base/error.h"

namespace bench {
namespace {

struct WholeAnswer final : Exchange {
  Answer answer;
  bool ended = false, complete = false;
  std::optional<Resolver<Done>> waiter;

  void on_head(int status) override { answer.status = status; }
  void on_data(std::string_view piece) override { answer.body += piece; }
  void on_end(bool whole) override {
    ended = true;
    complete = whole;
    if (waiter) waiter->resolve(Done{});
  }
};

Task<> close_squad(Squad* squad) {
  squad->close_all();
  co_return;
}

}  // namespace

std::int64_t now_ns() {
  return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1);
}

Squad::~Squad() { close_all(); }

void Squad::close_all() {
  for (auto& connection : connections_) connection->close();
  connections_.clear();
}

std::size_t Squad::room() const {
  std::size_t sum = 0;
  for (const auto& connection : connections_) sum += connection->room();
  return sum;
}

Task<> Squad::reserve(Squad* squad, std::size_t connections, std::size_t streams) {
  std::erase_if(squad->connections_, [](const auto& one) { return !one->usable(); });
  while (squad->connections_.size() < connections || squad->room() < streams) {
    auto opened = co_await Connection::open(squad->loop_, squad->address_);
    if (opened->room() == 0) {
      opened->close();
      throw Error(Reason::ServiceUnavailable, "the server lets no requests onto a connection");
    }
    squad->connections_.push_back(std::move(opened));
  }
}

Connection* Squad::pick() {
  for (std::size_t i = 0; i < connections_.size(); ++i) {
    Connection* connection = connections_[turn_++ % connections_.size()].get();
    if (connection->room() > 0) return connection;
  }
  return nullptr;
}

bool Squad::is_usable() const {
  return std::ranges::any_of(connections_, [](const auto& one) { return one->usable(); });
}

std::uint64_t Squad::bytes_received() const {
  std::uint64_t sum = 0;
  for (const auto& connection : connections_) sum += connection->bytes_received();
  return sum;
}

Fleet::Fleet(net::LoopPool& pool, std::size_t threads, const Address& address) {
  for (std::size_t i = 0; i < threads; ++i) {
    squads_.push_back(std::make_unique<Squad>(pool.at(i), address));
  }
}

Fleet::~Fleet() {
  for (auto& squad : squads_) {
    net::IoLoop& loop = squad->loop();
    loop.post([squad = std::move(squad)] { squad->close_all(); });
  }
}

Task<> Fleet::close(Fleet* fleet) {
  for (auto& squad : fleet->squads_) co_await on_loop(squad->loop(), close_squad(squad.get()));
}

wire::Head make_head(const Address& address, std::string_view method, std::string_view content_type,
                     std::string_view accept) {
  std::vector<wire::Field> fields;
  if (!address.authorization.empty()) fields.push_back({"authorization", address.authorization});
  fields.push_back({"user-agent", "kcp-bench"});  // owns the fields of what it writes
  fields.push_back({"accept", std::string(accept.empty() ? "application/json" : accept)});
  if (!content_type.empty()) fields.push_back({"content-type", std::string(content_type)});
  return {method, address.authority(), fields};
}

Task<Answer> ask(Squad& squad, Question question) {
  co_await Squad::reserve(&squad, 1, 1);
  Connection* connection = squad.pick();
  std::string block;
  make_head(squad.address(), question.method, question.body.empty() ? "" : question.content_type,
            question.accept)
      .print(question.path, block);
  WholeAnswer exchange;
  struct Sent {
    std::shared_ptr<Connection> connection;
    std::uint32_t stream;
    const bool& ended;
    ~Sent() {
      if (!ended) connection->cancel(stream);
    }
  } sent{connection->shared_from_this(), connection->send(block, question.body, exchange),
         exchange.ended};
  co_await wait_for([&](Resolver<Done> done) { exchange.waiter = done; });
  if (!exchange.complete) {
    throw Error(Reason::ServiceUnavailable, "the connection broke: " + question.path);
  }
  co_return std::move(exchange.answer);
}

}  // namespace bench
