#include "cluster/ingresses.h"

#include <gtest/gtest.h>

#include "controller/testing.h"

namespace cluster {
namespace {

using json::Value;

Value ingress(const char* ns, const char* host, const char* created, const char* service) {
  Value object = object::make("networking.k8s.io/v1", "Ingress", "web", ns);
  object.edit("metadata").set("creationTimestamp", created);
  Value path = Value::object({{"path", std::string("/") + ns}, {"pathType", "Prefix"}});
  path.edit("backend", "service").set("name", service);
  Value rule = Value::object({{"host", host}});
  rule.edit("http").set("paths", Value::array({std::move(path)}));
  object.edit("spec").set("rules", Value::array({std::move(rule)}));
  return object;
}

TEST(Ingresses, AHostBelongsToTheNamespaceThatHadItFirst) {
  controller::FakeWorld world{TimePoint()};
  world.add("ingresses", ingress("a-late", "x.test", "2026-01-02T00:00:00Z", "s"));
  world.add("ingresses", ingress("owner", "X.test", "2026-01-01T00:00:00Z", "s"));

  auto routes = routes_of(world);

  ASSERT_EQ(routes->hosts.at("x.test").size(), 1u);
  EXPECT_EQ(routes->hosts.at("x.test")[0].path, "/owner");
}

TEST(Ingresses, OneNamespaceMayServeAHostWithSeveralIngresses) {
  controller::FakeWorld world{TimePoint()};
  world.add("ingresses", ingress("owner", "x.test", "2026-01-01T00:00:00Z", "s"));
  Value second = ingress("owner", "x.test", "2026-01-03T00:00:00Z", "s");
  second.edit("metadata").set("name", "more");
  world.add("ingresses", second);

  EXPECT_EQ(routes_of(world)->hosts.at("x.test").size(), 2u);
}

TEST(Ingresses, TheDefaultHostIsEverybodys) {
  controller::FakeWorld world{TimePoint()};
  world.add("ingresses", ingress("a", "", "2026-01-01T00:00:00Z", "s"));
  world.add("ingresses", ingress("b", "", "2026-01-02T00:00:00Z", "s"));

  EXPECT_EQ(routes_of(world)->hosts.at("").size(), 2u);
}

}  // namespace
}  // namespace cluster
