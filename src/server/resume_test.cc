// A watch that is cut off goes on behind the last event it got, also in the middle of what was
// written at once.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "object/object.h"
#include "server/testing.h"

namespace server {
namespace {

using json::Value;

// A server in memory, whose cluster "a" has a namespace "gone" with ConfigMaps; every other one is
// red.
class ResumeTest : public testing::Test, protected InMemoryServer {
 protected:
  static constexpr int kMaps = 20;

  ResumeTest() {
    server_.ready();
    post("/clusters/a/api/v1/namespaces", object::make("v1", "Namespace", "gone"));
    for (int i = 0; i < kMaps; ++i) {
      Value map = object::make("v1", "ConfigMap", fmt::format("m{:02}", i));
      object::set_label(map, "color", i % 2 == 0 ? "red" : "green");
      post("/clusters/a/api/v1/namespaces/gone/configmaps", std::move(map));
    }
  }

  void remove_namespace() {
    auto before = cache_->revision();
    auto response = open("DELETE", "/clusters/a/api/v1/namespaces/gone", {});
    ASSERT_EQ(response.status, 200);
    // The namespace and what is in it, each with a revision of its own.
    ASSERT_EQ(cache_->revision(), before + kMaps + 1);
  }

  // The next event of a watch from `revision`, which is then cut off.
  Value first_event(const std::string& target, const std::string& revision) {
    std::string separator = target.contains('?') ? "&" : "?";
    auto response = open("GET", target + separator + "watch=true&resourceVersion=" + revision, {});
    EXPECT_EQ(response.status, 200);
    std::string text;
    while (!text.contains('\n')) {
      auto more = run(loop_, read_some(*response.body));
      if (!more) return {};
      text += more->view();
    }
    return *json::parse(text.substr(0, text.find('\n')));
  }

  // The names of the ConfigMaps that one watch after another tells to be deleted.
  std::vector<std::string> deletions(const std::string& target, std::string revision,
                                     std::size_t count) {
    std::vector<std::string> names;
    while (names.size() < count) {
      Value event = first_event(target, revision);
      EXPECT_EQ(event["type"].str(), "DELETED");
      revision = object::resource_version(event["object"]);
      names.push_back(object::name(event["object"]));
    }
    return names;
  }

  std::string newest() const { return std::to_string(cache_->revision()); }

 private:
  void post(std::string target, Value body) {
    auto response = open("POST", std::move(target), std::move(body));
    ASSERT_EQ(response.status, 201);
  }
  static Task<std::optional<Bytes>> read_some(http::BodyReader& body) {
    co_return co_await body.read();
  }
};

TEST_F(ResumeTest, AWatchThatIsCutAfterEachEventOfARemovalSeesEachDeletionOnce) {
  std::vector<std::string> all, red;
  for (int i = 0; i < kMaps; ++i) {
    all.push_back(fmt::format("m{:02}", i));
    if (i % 2 == 0) red.push_back(all.back());
  }
  std::string before = newest();

  remove_namespace();

  EXPECT_EQ(deletions("/clusters/a/api/v1/namespaces/gone/configmaps", before, all.size()), all);
  EXPECT_EQ(deletions("/clusters/*/api/v1/configmaps", before, all.size()), all);
  EXPECT_EQ(
      deletions("/clusters/a/api/v1/configmaps?labelSelector=color%3Dred", before, red.size()),
      red);
}

}  // namespace
}  // namespace server
