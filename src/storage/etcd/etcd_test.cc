#include "storage/etcd/etcd.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <map>

#include "base/child_task.h"
#include "base/error.h"
#include "base/random.h"
#include "base/scope.h"
#include "base/strings.h"
#include "storage/etcd/messages.h"
#include "storage/etcd/protobuf.h"
#include "storage/etcd/revisions.h"
#include "storage/store_contract.h"

namespace storage {
namespace {

int free_port() {
  int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{.sin_family = AF_INET};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  ::bind(fd, reinterpret_cast<sockaddr*>(&address), length);
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
  ::close(fd);
  return ntohs(address.sin_port);
}

// A real etcd of one member on loopback (tools/setup.sh installs it), stopped at the end.
class EtcdServer {
 public:
  explicit EtcdServer(std::vector<std::string> more = {})
      : directory_(std::filesystem::temp_directory_path() /
                   ("etcd-" + hex_encode(random_bytes(8)))),
        url_("http://127.0.0.1:" + std::to_string(free_port())) {
    std::string peer = "http://127.0.0.1:" + std::to_string(free_port());
    arguments_ = {"etcd",
                  "--data-dir",
                  directory_,
                  "--listen-client-urls",
                  url_,
                  "--advertise-client-urls",
                  url_,
                  "--listen-peer-urls",
                  peer,
                  "--initial-advertise-peer-urls",
                  peer,
                  "--initial-cluster",
                  "default=" + peer,
                  "--logger",
                  "zap",
                  "--log-level",
                  "error"};
    arguments_.insert(arguments_.end(), more.begin(), more.end());
    start();
  }
  ~EtcdServer() {
    stop();
    std::filesystem::remove_all(directory_);
  }
  EtcdServer(const EtcdServer&) = delete;
  EtcdServer& operator=(const EtcdServer&) = delete;

  void start() {
    std::vector<char*> raw;
    for (std::string& one : arguments_) raw.push_back(one.data());
    raw.push_back(nullptr);
    process_ = ::fork();
    if (process_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      int null = ::open("/dev/null", O_WRONLY);
      ::dup2(null, 1);
      ::dup2(null, 2);
      const char* program = std::getenv("ETCD");
      ::execvp(program ? program : "etcd", raw.data());
      ::_exit(127);
    }
  }
  void signal(int number) { ::kill(process_, number); }
  void stop() {
    if (process_ <= 0) return;
    signal(SIGKILL);
    int status = 0;
    ::waitpid(std::exchange(process_, -1), &status, 0);
  }
  const std::string& url() const { return url_; }
  // From the next start on; nobody who knows the old URL finds it then.
  void move_to(const std::string& url) {
    std::ranges::replace(arguments_, url_, url);
    url_ = url;
  }

 private:
  std::string directory_, url_;
  std::vector<std::string> arguments_;
  pid_t process_ = -1;
};

EtcdOptions options_for(const EtcdServer& server, std::string prefix) {
  EtcdOptions options;
  options.members.urls = {server.url()};
  options.prefix = std::move(prefix);
  return options;
}

// One server for all contract tests; each has a prefix of its own.
Engine etcd_engine() {
  return {"etcd", [](const std::string& directory) {
            static EtcdServer server;
            auto name = std::filesystem::path(directory).filename().string();
            return open_etcd(options_for(server, "/" + name));
          }};
}

std::string engine_name(const testing::TestParamInfo<Engine>& engine) { return engine.param.name; }

INSTANTIATE_TEST_SUITE_P(Etcd, StoreContract, testing::Values(etcd_engine()), engine_name);
INSTANTIATE_TEST_SUITE_P(Etcd, DurableContract, testing::Values(etcd_engine()), engine_name);

Transaction put(std::string key, std::string value) {
  return {{}, {{std::move(key), Bytes(std::move(value))}}};
}

struct Recorder final : Observer {
  std::mutex mutex;
  std::vector<std::string> keys;    // guarded by mutex
  std::vector<Revision> revisions;  // guarded by mutex
  std::string reloaded;             // keys and values; guarded by mutex
  std::unique_ptr<Reload> reload() override {
    struct Anew final : Reload {
      Recorder& recorder;
      std::string text;
      explicit Anew(Recorder& owner) : recorder(owner) {}
      void add(const RecordView& record) override {
        text += std::string(record.key) + "=" + std::string(record.value) + " ";
      }
      void finish(Revision) override {
        std::lock_guard lock(recorder.mutex);
        recorder.reloaded = text;
      }
    };
    return std::make_unique<Anew>(*this);
  }
  void on_commit(std::span<const Event> events, Revision) override {
    std::lock_guard lock(mutex);
    for (const Event& event : events) {
      keys.push_back(event.key);
      revisions.push_back(event.revision);
    }
  }
  std::size_t count() {
    std::lock_guard lock(mutex);
    return keys.size();
  }
};

void load_nothing(std::size_t, const RecordView&) {}

TEST(Etcd, AWriteThroughOneStoreIsSeenThroughAnotherThatHasCaughtUp) {
  EtcdServer server;
  auto a = open_etcd(options_for(server, "/kcp")), b = open_etcd(options_for(server, "/kcp"));
  ManualLoop loop;
  Recorder recorder;
  b->attach(load_nothing, recorder);

  for (std::size_t i = 1; i <= 50; ++i) {
    run(loop, a->commit(put("/k" + std::to_string(i), "x")));
    run(loop, b->catch_up());
    ASSERT_EQ(recorder.count(), i);
  }
  b.reset();
}

TEST(Etcd, StoresWithPrefixesOfTheirOwnSeeNothingOfEachOtherAndStillCatchUp) {
  EtcdServer server;
  auto a = open_etcd(options_for(server, "/kcp")), b = open_etcd(options_for(server, "/kcp2"));
  ManualLoop loop;
  Recorder recorder;
  b->attach(load_nothing, recorder);

  run(loop, a->commit(put("/secret", "x")));

  run(loop, b->catch_up());
  EXPECT_EQ(recorder.count(), 0u);
  EXPECT_FALSE(run(loop, b->find("/secret")));
  EXPECT_TRUE(run(loop, b->range({"", "", {}, 0})).records.empty());
  b.reset();
}

TEST(Etcd, ATransactionOverTheLimitsOfEtcdIsRefusedWithAReason) {
  EtcdServer server;
  auto store = open_etcd(options_for(server, "/kcp"));
  ManualLoop loop;
  Transaction many;
  for (int i = 0; i < 129; ++i) many.writes.push_back({"/" + std::to_string(i), Bytes("x")});

  EXPECT_THROW(run(loop, store->commit(many)), Error);
  EXPECT_THROW(run(loop, store->commit(put("/a", std::string(2 * 1024 * 1024, 'x')))), Error);
  many.writes.pop_back();
  EXPECT_TRUE(run(loop, store->commit(many)).committed);
  EXPECT_EQ(run(loop, store->range({"", "", {}, 0})).records.size(), 128u);
}

TEST(Etcd, WritesThatNeedNotHappenTogetherGoInStepsThatFit) {
  EtcdServer server;
  auto store = open_etcd(options_for(server, "/kcp"));
  ManualLoop loop;
  Transaction many, again;
  for (int i = 0; i < 300; ++i) many.writes.push_back({"/" + std::to_string(i), Bytes("x")});
  again.compares.push_back({"/7", {}});
  again.writes.push_back({"/7", Bytes("y")});

  EXPECT_TRUE(run(loop, commit_in_steps(*store, many)));
  EXPECT_FALSE(run(loop, commit_in_steps(*store, again)));

  EXPECT_EQ(run(loop, store->range({"", "", {}, 0})).records.size(), 300u);
}

TEST(Etcd, WhoLosesACompareHasSeenWhatBeatHim) {
  EtcdServer server;
  auto a = open_etcd(options_for(server, "/kcp")), b = open_etcd(options_for(server, "/kcp"));
  ManualLoop loop;
  Recorder recorder;
  b->attach(load_nothing, recorder);

  for (std::size_t i = 1; i <= 50; ++i) {
    std::string key = "/k" + std::to_string(i);
    run(loop, a->commit(put(key, "x")));
    ASSERT_FALSE(run(loop, b->commit({{{key, {}}}, {{key, Bytes("y")}}})).committed);
    ASSERT_EQ(recorder.count(), i);
  }
  b.reset();
}

TEST(Etcd, OneCompactsHistoryAndAllKnowHowFarItReachesThen) {
  EtcdServer server;
  EtcdOptions options = options_for(server, "/kcp");
  options.history = 300ms;
  auto a = open_etcd(options), b = open_etcd(options);
  ManualLoop loop;
  Recorder of_a, of_b;
  a->attach(load_nothing, of_a);
  b->attach(load_nothing, of_b);
  Revision first = run(loop, a->commit(put("/a", "1"))).revision;

  EXPECT_TRUE(loop.run_until([&] { return a->oldest() > first && b->oldest() > first; }));

  EXPECT_THROW(run(loop, b->range({"/", "", first, 0})), Error);
  EXPECT_EQ(run(loop, b->find("/a"))->value.view(), "1");
  a.reset();
  b.reset();
}

TEST(Etcd, AServerThatComesBackIsGoneOnWithFromWhereItWas) {
  EtcdServer server;
  auto store = open_etcd(options_for(server, "/kcp"));
  ManualLoop loop;
  Recorder recorder;
  store->attach(load_nothing, recorder);
  run(loop, store->commit(put("/a", "1")));

  server.stop();
  server.start();

  // What was on its way when the connection broke may have an unknown outcome: it is written again.
  bool committed = false;
  for (int attempt = 0; attempt < 20 && !committed; ++attempt) {
    try {
      committed = run(loop, store->commit(put("/b", "1"))).committed;
    } catch (const Error& error) {
      EXPECT_EQ(error.reason(), Reason::Timeout);
    }
  }
  EXPECT_TRUE(committed);
  store.reset();
  ASSERT_GE(recorder.keys.size(), 2u);
  EXPECT_EQ(recorder.keys.front(), "/a");
  for (std::size_t i = 1; i < recorder.keys.size(); ++i) EXPECT_EQ(recorder.keys[i], "/b");
}

TEST(Etcd, WithoutASpaceToWriteToTheStoreSaysSo) {
  EtcdServer server({"--quota-backend-bytes", "2000000"});
  auto store = open_etcd(options_for(server, "/kcp"));
  ManualLoop loop;
  std::optional<Reason> reason;
  for (int i = 0; i < 100 && !reason; ++i) {
    try {
      run(loop, store->commit(put("/" + std::to_string(i), std::string(100'000, 'x'))));
    } catch (const Error& error) {
      reason = error.reason();
    }
  }

  EXPECT_EQ(reason, Reason::InsufficientStorage);
  EXPECT_FALSE(store->health().writable);
  EXPECT_TRUE(run(loop, store->find("/0")));
}

TEST(Etcd, TwoStoresGiveEachWriteTheSameRevisionHoweverTheyLearnOfIt) {
  EtcdServer server;
  auto a = open_etcd(options_for(server, "/kcp")), b = open_etcd(options_for(server, "/kcp"));
  ManualLoop loop;
  Recorder recorder;
  b->attach(load_nothing, recorder);
  Transaction many;
  for (int i = 0; i < 128; ++i) many.writes.push_back({fmt::format("/{:03}", i), Bytes("x")});

  auto made = run(loop, a->commit(many));
  run(loop, b->catch_up());

  auto records = run(loop, a->range({"", "", {}, 0})).records;
  auto past = run(loop, b->history(Revision{number(made.first) - 1}, 1000));
  auto c = open_etcd(options_for(server, "/kcp"));
  Recorder nobody;
  std::vector<Revision> of_load;
  c->attach([&](std::size_t, const RecordView& one) { of_load.push_back(one.modified); }, nobody);
  b.reset();
  c.reset();
  ASSERT_EQ(recorder.revisions.size(), 128u);
  ASSERT_EQ(records.size(), 128u);
  ASSERT_EQ(past.size(), 128u);
  ASSERT_EQ(of_load.size(), 128u);
  for (std::size_t i = 0; i < 128; ++i) {
    EXPECT_EQ(recorder.revisions[i], made.of(i));
    EXPECT_EQ(records[i].modified, made.of(i));
    EXPECT_EQ(records[i].created, made.of(i));
    EXPECT_EQ(past[i].revision, made.of(i));
    EXPECT_EQ(of_load[i], made.of(i));
  }
  EXPECT_EQ(made.of(127), made.revision);
}

TEST(Etcd, AStoreThatWasCutOffForLongerThanHistoryLoadsAnewAndGoesOn) {
  EtcdServer server;
  const std::string url = server.url();
  auto store = open_etcd(options_for(server, "/kcp"));
  ManualLoop loop;
  Recorder recorder;
  store->attach(load_nothing, recorder);
  run(loop, store->commit(put("/changes", "1")));
  run(loop, store->commit(put("/goes", "1")));

  server.stop();
  server.move_to("http://127.0.0.1:" + std::to_string(free_port()));
  server.start();
  auto other = open_etcd(options_for(server, "/kcp"));
  run(loop, other->commit(put("/changes", "2")));
  run(loop, other->commit({{}, {{"/goes", std::nullopt}}}));
  run(loop, other->commit(put("/new", "1")));
  run(loop, other->compact(other->newest()));
  other.reset();
  server.stop();
  server.move_to(url);
  server.start();

  EXPECT_TRUE(loop.run_until([&] {
    std::lock_guard lock(recorder.mutex);
    return recorder.reloaded == "/changes=2 /new=1 ";
  }));
  std::size_t before = recorder.count();
  EXPECT_TRUE(run(loop, store->commit(put("/after", "1"))).committed);
  EXPECT_EQ(recorder.count(), before + 1);
  store.reset();
}

// Commits all of them at the same time; what became of each.
std::vector<CommitResult> commit_at_once(ManualLoop& loop, Store& store,
                                         std::vector<Transaction> transactions) {
  std::vector<CommitResult> results(transactions.size());
  struct One {
    static Task<> run(Store& store, Transaction transaction, CommitResult* result) {
      *result = co_await store.commit(std::move(transaction));
    }
  };
  Scope scope(loop);
  for (std::size_t i = 0; i < transactions.size(); ++i) {
    scope.spawn("commit", One::run(store, std::move(transactions[i]), &results[i]));
  }
  EXPECT_TRUE(loop.run_until([&] { return scope.size() == 0; }));
  run(loop, scope.join());
  return results;
}

TEST(Etcd, CommitsThatComeAtOnceAreJudgedEachByItsOwnCompares) {
  EtcdServer server;
  auto store = open_etcd(options_for(server, "/kcp")),
       other = open_etcd(options_for(server, "/kcp"));
  ManualLoop loop;
  Recorder recorder;
  other->attach(load_nothing, recorder);
  constexpr std::size_t kCommits = 300;
  auto name = [](std::size_t i) { return fmt::format("/{:03}", i); };
  std::vector<Transaction> commits;
  for (std::size_t i = 0; i < kCommits; ++i) {
    if (i % 3 == 0) run(loop, store->commit(put(name(i), "before")));
    commits.push_back({{{"/absent", {}}, {name(i), {}}},
                       {{name(i), Bytes("mine")}, {name(i) + "/more", Bytes("{}")}}});
  }
  std::size_t before = recorder.count();

  auto results = commit_at_once(loop, *store, commits);

  run(loop, other->catch_up());
  std::map<std::string, Revision> of_events;
  for (std::size_t i = before; i < recorder.keys.size(); ++i) {
    of_events[recorder.keys[i]] = recorder.revisions[i];
    if (i > before) {
      EXPECT_LT(recorder.revisions[i - 1], recorder.revisions[i]);
    }
  }
  for (std::size_t i = 0; i < kCommits; ++i) {
    bool wins = i % 3 != 0;
    ASSERT_EQ(results[i].committed, wins) << i;
    auto record = run(loop, store->find(name(i)));
    ASSERT_EQ(record->value.view(), wins ? "mine" : "before");
    EXPECT_EQ(run(loop, store->find(name(i) + "/more")).has_value(), wins);
    EXPECT_EQ(of_events.contains(name(i)), wins);
    if (wins) {
      EXPECT_EQ(results[i].of(0), record->modified);
      EXPECT_EQ(results[i].of(0), of_events[name(i)]);
      EXPECT_EQ(results[i].of(1), of_events[name(i) + "/more"]);
      EXPECT_LE(results[i].of(1), results[i].revision);
    } else {
      EXPECT_EQ(results[i].failed_compare, 1u);
    }
  }
  other.reset();
}

TEST(Etcd, OfCommitsThatComeAtOnceOnlyOneBeatsTheOthersToAKey) {
  EtcdServer server;
  auto store = open_etcd(options_for(server, "/kcp"));
  ManualLoop loop;
  Revision first = run(loop, store->commit(put("/a", "0"))).revision;
  std::vector<Transaction> commits;
  for (int i = 0; i < 50; ++i) commits.push_back({{{"/a", first}}, {{"/a", Bytes("mine")}}});

  auto results = commit_at_once(loop, *store, commits);

  EXPECT_EQ(std::ranges::count_if(results, &CommitResult::committed), 1);
}

TEST(Etcd, OfCommitsThatComeAtOnceNoneIsJudgedByWhatAnotherReplaces) {
  EtcdServer server;
  auto store = open_etcd(options_for(server, "/kcp"));
  ManualLoop loop;
  for (int round = 0; round < 20; ++round) {
    Revision a = run(loop, store->commit(put("/a", "0"))).revision;
    Revision b = run(loop, store->commit(put("/b", "0"))).revision;
    // Each writes one and wants the other as it was: they cannot both.
    std::vector<Transaction> commits;
    for (int i = 0; i < 5; ++i) commits.push_back(put(fmt::format("/{}-{}", round, i), "x"));
    commits.push_back({{{"/a", a}}, {{"/b", Bytes("1")}}});
    commits.push_back({{{"/b", b}}, {{"/a", Bytes("1")}}});

    auto results = commit_at_once(loop, *store, commits);

    ASSERT_EQ(std::ranges::count_if(results, &CommitResult::committed), 6) << round;
  }
}

TEST(Etcd, OneOfTwoLeadsAndTheOtherFollowsWhenItGoes) {
  EtcdServer server;
  auto a = open_etcd(options_for(server, "/kcp")), b = open_etcd(options_for(server, "/kcp"));
  ManualLoop loop;
  Scope of_a(loop), of_b(loop);
  int leads_a = 0, leads_b = 0;
  struct Work {  // counts while it runs
    static Task<> run(int* running) {
      struct Count {
        int& value;
        ~Count() { --value; }
      } count{++*running};
      co_await sleep_for(1h);
    }
  };
  of_a.spawn("a", a->while_leading([&] { return Work::run(&leads_a); }));
  ASSERT_TRUE(loop.run_until([&] { return leads_a == 1; }));
  of_b.spawn("b", b->while_leading([&] { return Work::run(&leads_b); }));
  run(loop, b->catch_up());
  EXPECT_EQ(leads_b, 0);

  of_a.cancel();
  ASSERT_TRUE(loop.run_until([&] { return of_a.size() == 0; }));
  a.reset();

  EXPECT_TRUE(loop.run_until([&] { return leads_b == 1; }));
  EXPECT_EQ(leads_a, 0);
  of_b.cancel();
  loop.run_until([&] { return of_b.size() == 0; });
}

TEST(Etcd, AnAddressWithoutAServerIsAnErrorThatNamesIt) {
  EtcdOptions options;
  options.members.urls = {"https://127.0.0.1:1"};

  EXPECT_THROW(open_etcd(options), Error);
}

TEST(EtcdRevisions, AreTimes128AndTheIndexOfTheWrite) {
  using namespace etcd;
  EXPECT_EQ(revision_of(EtcdRevision{5}, 0), Revision{640});
  EXPECT_EQ(revision_of(EtcdRevision{5}, 3), Revision{643});
  EXPECT_EQ(revision_of(EtcdRevision{5}, 500), end_of(EtcdRevision{5}));
  EXPECT_LT(end_of(EtcdRevision{5}), revision_of(EtcdRevision{6}, 0));
  EXPECT_EQ(transaction_of(end_of(EtcdRevision{5})), EtcdRevision{5});
  EXPECT_TRUE(is_end(end_of(EtcdRevision{5})));
  EXPECT_FALSE(is_end(Revision{640}));
  EXPECT_EQ(expected_of(Revision{}), EtcdRevision{});
  EXPECT_NE(expected_of(Revision{7}), EtcdRevision{});
}

TEST(EtcdRevisions, OneWriteAloneIsStoredAsItIs) {
  using namespace etcd;
  EXPECT_EQ(mark_of(0, "{}"), "");
  EXPECT_EQ(mark_of(3, "{}"), "\x83");
  for (std::size_t index : {0u, 1u, 127u}) {
    for (std::string text : {"{}", "", "\x80", "\xff{}"}) {
      std::string stored = mark_of(index, text) + text;
      auto value = parse_value(stored);
      EXPECT_EQ(value.index, index);
      EXPECT_EQ(value.text, text);
    }
  }
}

TEST(EtcdMessages, WhatIsWrittenIsRead) {
  etcd::MessageWriter inner, outer;
  inner.bytes(1, "key");
  inner.number(3, 300);
  outer.message(2, inner);
  outer.number(4, 0);
  outer.present_number(5, 0);

  etcd::MessageReader reader(outer.text());
  auto field = reader.next();
  etcd::MessageReader nested(field->bytes);
  EXPECT_EQ(nested.next()->bytes, "key");
  EXPECT_EQ(nested.next()->value, 300u);
  EXPECT_EQ(reader.next()->number, 5);
  EXPECT_FALSE(reader.next());
}

TEST(EtcdMessages, DamagedMessagesAreRefused) {
  for (std::string_view text :
       {"\x0a", "\x0a\x05xy", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "\x03", "\x0c"}) {
    EXPECT_THROW(etcd::parse_range(text), Error);
  }
}

}  // namespace
}  // namespace storage
