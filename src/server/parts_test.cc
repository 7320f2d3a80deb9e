#include <gtest/gtest.h>

#include "server/accept.h"
#include "server/age.h"
#include "server/continue_token.h"
#include "server/request_info.h"

namespace server {
namespace {

std::string described(std::string_view method, std::string_view path, std::string_view query = "") {
  auto info = parse_request(method, path, query);
  if (!info.resource_request) return info.verb + " " + info.path;
  return info.verb + " " + info.group + "/" + info.version + " " + info.resource +
         " ns=" + info.ns + " name=" + info.name + " sub=" + info.subresource;
}

TEST(RequestInfo, ClassifiesPaths) {
  EXPECT_EQ(described("GET", "/api/v1/namespaces/n/pods"), "list /v1 pods ns=n name= sub=");
  EXPECT_EQ(described("GET", "/api/v1/pods", "watch=true"), "watch /v1 pods ns= name= sub=");
  EXPECT_EQ(described("PUT", "/apis/apps/v1/namespaces/n/deployments/d/status"),
            "update apps/v1 deployments ns=n name=d sub=status");
  EXPECT_EQ(described("GET", "/api/v1/namespaces/n"), "get /v1 namespaces ns=n name=n sub=");
  EXPECT_EQ(described("PUT", "/api/v1/namespaces/n/finalize"),
            "update /v1 namespaces ns=n name=n sub=finalize");
  EXPECT_EQ(described("DELETE", "/apis/g/v1/things"),
            "deletecollection g/v1 things ns= name= sub=");
  EXPECT_EQ(described("GET", "/apis/g/v1/things", "fieldSelector=metadata.name%3Dx"),
            "list g/v1 things ns= name=x sub=");
  EXPECT_EQ(described("GET", "/healthz"), "get /healthz");
  EXPECT_EQ(described("GET", "/apis/apps/v1"), "get /apis/apps/v1");
}

TEST(RequestInfo, ClusterPrefixIsSplitOff) {
  auto prefix = split_cluster("/clusters/root:a/api/v1/pods");
  ASSERT_TRUE(prefix);
  EXPECT_EQ(prefix->cluster, "root:a");
  EXPECT_EQ(prefix->rest, "/api/v1/pods");
  EXPECT_EQ(split_cluster("/clusters/x")->rest, "/");
  EXPECT_FALSE(split_cluster("/api/v1"));
}

TEST(Accept, TheFirstFormThatIsSpokenWins) {
  EXPECT_EQ(negotiate("application/json;as=Table;v=v1;g=meta.k8s.io,application/json")->kind,
            Form::Kind::Table);
  EXPECT_EQ(negotiate("application/vnd.kubernetes.protobuf,application/json")->kind,
            Form::Kind::Object);
  EXPECT_EQ(negotiate("application/json;as=Table;v=v1beta1;g=meta.k8s.io, application/json")->kind,
            Form::Kind::Object);
  EXPECT_TRUE(negotiate("application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList")
                  ->aggregated_discovery);
  EXPECT_EQ(negotiate("text/html").error().reason(), Reason::NotAcceptable);
}

TEST(Age, IsShownAsKubectlShowsIt) {
  EXPECT_EQ(human_duration(119s), "119s");
  EXPECT_EQ(human_duration(121s), "2m1s");
  EXPECT_EQ(human_duration(10min), "10m");
  EXPECT_EQ(human_duration(3h), "3h");
  EXPECT_EQ(human_duration(3h + 5min), "3h5m");
  EXPECT_EQ(human_duration(49h), "2d1h");
  EXPECT_EQ(human_duration(24h * 400), "400d");
  EXPECT_EQ(human_duration(24h * 800), "2y70d");
  EXPECT_EQ(human_duration(-5s), "<invalid>");
  EXPECT_EQ(age_of("", TimePoint()), "<unknown>");
}

TEST(ContinueToken, RoundTripsAndRefusesOthers) {
  auto token = parse_continue_token(print_continue_token({7, {"c", "n", "x"}}));
  ASSERT_TRUE(token);
  EXPECT_EQ(token->revision, 7u);
  EXPECT_EQ(token->next, (cache::Key{"c", "n", "x"}));
  for (auto text : {"", "nonsense", "e30"}) EXPECT_FALSE(parse_continue_token(text)) << text;
}

}  // namespace
}  // namespace server
