#include "controllers/workload/guard.h"

#include <gtest/gtest.h>

#include "base/manual_loop.h"
#include "object/object.h"

namespace controllers {
namespace {

constexpr const char* kState = "state.workload.kcp.io/k";
constexpr const char* kReported = "diff.syncer.internal.kcp.io/k";

json::Value written_by(const char* name, const char* group, json::Value object,
                       const json::Value& before) {
  ManualLoop loop;
  auto user = std::make_shared<auth::User>();
  user->name = name;
  user->groups = {group};
  registry::Call call;
  call.user = user;
  run(loop, make_workload_guard()->mutate(call, object, before));
  return object;
}

json::Value scheduled() {
  json::Value object = object::make("v1", "ConfigMap", "a", "default");
  object::set_label(object, "app", "a");
  object::set_label(object, kState, "Sync");
  object::set_annotation(object, kReported, "{}");
  return object;
}

TEST(WorkloadGuard, AUserCannotChooseACluster) {
  json::Value object = written_by("jane", "team", scheduled(), {});

  EXPECT_FALSE(object::has_label(object, kState));
  EXPECT_FALSE(object::has_annotation(object, kReported));
  EXPECT_EQ(object::label(object, "app"), "a");
}

TEST(WorkloadGuard, AWholeObjectWrittenByAUserKeepsItsState) {
  json::Value bare = object::make("v1", "ConfigMap", "a", "default");

  json::Value object = written_by("jane", "team", bare, scheduled());

  EXPECT_EQ(object::label(object, kState), "Sync");
  EXPECT_EQ(object::annotation(object, kReported), "{}");
  EXPECT_FALSE(object::has_label(object, "app"));
}

TEST(WorkloadGuard, TheSystemIsNotHeldBackButProvidersAre) {
  json::Value by_system = written_by("system:controllers", "system:masters", scheduled(), {});
  json::Value by_provider = written_by("system:apiexport", "system:masters", scheduled(), {});

  EXPECT_TRUE(object::has_label(by_system, kState));
  EXPECT_FALSE(object::has_label(by_provider, kState));
}

}  // namespace
}  // namespace controllers
