#include <gtest/gtest.h>

#include "cmd/plugin/kubeconfig.h"
#include "cmd/plugin/workspace_path.h"
#include "json/text.h"

namespace plugin {
namespace {

std::string resolved(std::string_view current, std::string_view typed) {
  auto path = resolve_workspace(current, typed);
  return path ? *path : path.error().message();
}

TEST(WorkspacePath, WhatIsTypedMeansAnAbsolutePath) {
  EXPECT_EQ(resolved("root:a", "b"), "root:a:b");
  EXPECT_EQ(resolved("root:a", "b/c"), "root:a:b:c");
  EXPECT_EQ(resolved("root:a", ".."), "root");
  EXPECT_EQ(resolved("root:a", "..:b"), "root:b");
  EXPECT_EQ(resolved("root:a", ":root:x"), "root:x");
  EXPECT_EQ(resolved("root:a", "root:x"), "root:x");
  EXPECT_EQ(resolved("root:a:b", ":"), "root");
  EXPECT_EQ(resolved("root", ".."), "cannot go up from root");
  EXPECT_EQ(resolved("root", "A!"), "invalid workspace path: A!");
  EXPECT_EQ(resolved("root", "a::b"), "invalid workspace path: a::b");
}

TEST(WorkspaceUrl, IsTakenApart) {
  auto url = parse_workspace_url("https://h:6443/clusters/root:a");
  ASSERT_TRUE(url);
  EXPECT_EQ(url->base, "https://h:6443");
  EXPECT_EQ(url->path, "root:a");
  EXPECT_FALSE(parse_workspace_url("https://h:6443"));
}

TEST(Kubeconfig, SwitchingKeepsWhatIsNotOurs) {
  Kubeconfig config(*json::parse_yaml(R"(
current-context: root
clusters: [{name: root, cluster: {server: "https://h/clusters/root", certificate-authority-data: x}}, {name: other, cluster: {server: "https://o"}}]
contexts: [{name: root, context: {cluster: root, user: me, namespace: n}}, {name: other, context: {cluster: other, user: me}}]
users: [{name: me, user: {token: t}}]
)"));
  config.switch_to("https://h/clusters/root:a");
  EXPECT_EQ(config.server_url(), "https://h/clusters/root:a");
  EXPECT_EQ(config.user()["token"].as_string(), "t");
  EXPECT_EQ(config.cluster()["certificate-authority-data"].as_string(), "x");
  EXPECT_EQ(config.value()["clusters"].size(), 4u);
  config.switch_back();
  EXPECT_EQ(config.server_url(), "https://h/clusters/root");
  config.switch_back();
  EXPECT_EQ(config.server_url(), "https://h/clusters/root:a");
}

}  // namespace
}  // namespace plugin
