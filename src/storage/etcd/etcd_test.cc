#include "storage/etcd/etcd.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "base/child_task.h"
#include "base/error.h"
#include "base/random.h"
#include "base/scope.h"
#include "base/strings.h"
#include "storage/etcd/messages.h"
#include "storage/etcd/protobuf.h"
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
      ::execvp("etcd", raw.data());
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
  std::vector<std::string> keys;  // guarded by mutex
  void on_commit(std::span<const Event> events, Revision) override {
    std::lock_guard lock(mutex);
    for (const Event& event : events) keys.push_back(event.key);
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
