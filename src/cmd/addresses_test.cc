#include "cmd/addresses.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace cmd {
namespace {

TEST(Addresses, WithoutAnExternalUrlItIsWhereTheServerListens) {
  EXPECT_EQ(url_of({}, "127.0.0.1", 6443), "https://127.0.0.1:6443");
  EXPECT_EQ(url_of({}, "0.0.0.0", 6443), "https://127.0.0.1:6443");
  EXPECT_EQ(url_of({}, "::1", 6443), "https://[::1]:6443");
  EXPECT_EQ(hosts_of({}, "0.0.0.0"), (std::vector<std::string>{"localhost", "127.0.0.1"}));
}

TEST(Addresses, TheExternalUrlIsTheSameWhereverAServerListens) {
  auto addresses = parse_addresses("https://kcp.example:6443/", "");
  ASSERT_TRUE(addresses);
  EXPECT_EQ(url_of(*addresses, "10.0.0.1", 1), "https://kcp.example:6443");
  EXPECT_EQ(url_of(*addresses, "10.0.0.2", 2), "https://kcp.example:6443");
  EXPECT_EQ(parse_addresses("https://kcp.example:443", "")->external_url, "https://kcp.example");
  EXPECT_EQ(parse_addresses("https://[::1]:6443", "")->external_url, "https://[::1]:6443");
}

TEST(Addresses, TheCertificateIsGoodForEveryNameOnce) {
  auto addresses =
      parse_addresses("https://kcp.example", "a.example, *.b.example,10.0.0.9,kcp.example");
  ASSERT_TRUE(addresses);
  EXPECT_EQ(hosts_of(*addresses, "10.0.0.1"),
            (std::vector<std::string>{"localhost", "127.0.0.1", "10.0.0.1", "kcp.example",
                                      "a.example", "*.b.example", "10.0.0.9"}));
}

TEST(Addresses, WhatIsNoUrlOfAServerIsRefusedWithTheFlag) {
  for (const char* url :
       {"kcp.example", "http://kcp.example", "https://kcp.example/clusters", "https://",
        "https://*.example", "https://user@kcp.example", "https://KCP.example",
        "https://kcp.example:0", "https://kcp example", "https://kcp.example?x=1"}) {
    auto addresses = parse_addresses(url, "");
    ASSERT_FALSE(addresses) << url;
    EXPECT_TRUE(addresses.error().message().contains("--shard-external-url must be")) << url;
  }
}

TEST(Addresses, WhatIsNoHostIsRefusedWithTheFlag) {
  for (const char* hosts : {"a_b", "good.example,DNS:evil", "10.0.0.1/8", "*.*.example", "a:1"}) {
    auto addresses = parse_addresses("", hosts);
    ASSERT_FALSE(addresses) << hosts;
    EXPECT_TRUE(addresses.error().message().contains("--tls-san must be")) << hosts;
  }
}

}  // namespace
}  // namespace cmd
