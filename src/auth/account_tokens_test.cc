#include "auth/account_tokens.h"

#include <gtest/gtest.h>

#include "auth/accounts.h"
#include "auth/authenticator.h"
#include "base/manual_loop.h"
#include "base/strings.h"
#include "json/text.h"
#include "object/object.h"
#include "storage/memory.h"

namespace auth {
namespace {

using json::Value;

constexpr const char* kIssuer = "https://kcp.default.svc";

// Two logical clusters, "a" and "b", each with an account default/bot of its own.
class AccountTokensTest : public testing::Test {
 protected:
  AccountTokensTest() {
    put("serviceaccounts", "a", account("uid-a"));
    put("serviceaccounts", "b", account("uid-b"));
  }
  ~AccountTokensTest() override { store_.reset(); }

  static Value account(const char* uid) {
    Value object = object::make("v1", "ServiceAccount", "bot", "default");
    object.edit("metadata").set("uid", uid);
    return object;
  }
  static Value secret(const std::string& token) {
    Value object = object::make("v1", "Secret", "bot-token", "default");
    object.edit("metadata").set("uid", "uid-s");
    object.edit("data").set("token", base64_encode(token));
    return object;
  }

  void put(const char* resource, const char* cluster, const Value& object) {
    cache::Key key{cluster, object::ns(object), object::name(object)};
    storage::Transaction transaction;
    transaction.writes.push_back(
        {cache::storage_key({"", resource, ""}, key), Bytes(json::print(object))});
    run(loop_, store_->commit(std::move(transaction)));
  }
  void remove(const char* resource, const char* cluster, const char* name) {
    storage::Transaction transaction;
    transaction.writes.push_back(
        {cache::storage_key({"", resource, ""}, {cluster, "default", name}), std::nullopt});
    run(loop_, store_->commit(std::move(transaction)));
  }
  std::string issue(const AccountTokens::Bound& bound = {}) {
    return tokens_.issue(kBot, {kIssuer}, clock_.now() + 1h, bound);
  }
  std::string why_not(std::string_view token) {
    auto verified = tokens_.verify(token);
    return verified ? "good" : verified.error().message();
  }

  const AccountTokens::Account kBot{"a", "default", "bot", "uid-a"};
  ManualLoop loop_;
  FakeClock clock_;
  std::unique_ptr<storage::Store> store_ = std::make_unique<storage::MemoryStore>();
  std::unique_ptr<cache::Cache> cache_ = cache::make_cache(*store_);
  pki::SigningKey key_ = *pki::SigningKey::parse(pki::make_signing_key());
  AccountTokens tokens_{key_, {kIssuer, ""}, *cache_, clock_};
};

TEST_F(AccountTokensTest, ATokenNamesItsAccountAndTheCluster) {
  auto verified = tokens_.verify(issue());

  ASSERT_TRUE(verified);
  EXPECT_EQ(verified->user->name, "system:serviceaccount:default:bot");
  EXPECT_EQ(verified->user->uid, "uid-a");
  EXPECT_TRUE(verified->user->in_group("system:serviceaccounts"));
  EXPECT_TRUE(verified->user->in_group("system:serviceaccounts:default"));
  EXPECT_TRUE(verified->user->in_group(kAuthenticated));
  EXPECT_EQ(home_cluster(*verified->user), "a");
}

TEST_F(AccountTokensTest, ItEndsWithItsTime) {
  std::string token = issue();
  clock_.advance(1h - 1s);
  EXPECT_EQ(why_not(token), "good");
  clock_.advance(1s);
  EXPECT_EQ(why_not(token), "token has expired");
}

TEST_F(AccountTokensTest, ItEndsWithItsAccountAlthoughItIsRemembered) {
  std::string token = issue();
  ASSERT_EQ(why_not(token), "good");
  put("serviceaccounts", "a", account("uid-of-a-later-one"));
  EXPECT_EQ(why_not(token), "service account token has been invalidated");
  remove("serviceaccounts", "a", "bot");
  EXPECT_EQ(why_not(token), "service account token has been invalidated");
}

TEST_F(AccountTokensTest, ItEndsWithWhatItIsBoundTo) {
  put("secrets", "a", secret(""));
  std::string token = issue({"Secret", "bot-token", "uid-s"});
  EXPECT_EQ(why_not(token), "good");
  EXPECT_NE(why_not(issue({"Secret", "bot-token", "uid-other"})), "good");
  remove("secrets", "a", "bot-token");
  EXPECT_EQ(why_not(token), "service account token has been invalidated");
}

TEST_F(AccountTokensTest, ALegacyTokenIsGoodWhileItsSecretHoldsIt) {
  std::string token = tokens_.issue_legacy(kBot, "bot-token");
  EXPECT_NE(why_not(token), "good") << "no secret yet";
  put("secrets", "a", secret(token));
  clock_.advance(10'000h);
  EXPECT_EQ(why_not(token), "good");
  EXPECT_EQ(why_not(token), "good") << "remembered";
  put("secrets", "a", secret("another"));
  EXPECT_NE(why_not(token), "good");
  put("secrets", "a", secret(token));
  remove("secrets", "a", "bot-token");
  EXPECT_NE(why_not(token), "good");
}

TEST_F(AccountTokensTest, AccountsOfOneNameInTwoClustersAreTwo) {
  AccountTokens::Account wrong = kBot;
  wrong.cluster = "b";  // the uid is still that of the account in "a"
  EXPECT_NE(why_not(tokens_.issue(wrong, {kIssuer}, clock_.now() + 1h, {})), "good");
}

TEST_F(AccountTokensTest, TokensOfAnotherKeyIssuerOrKindOfClusterAreRefused) {
  AccountTokens other_key(*pki::SigningKey::parse(pki::make_signing_key()), {kIssuer, ""}, *cache_,
                          clock_);
  AccountTokens other_issuer(key_, {"https://elsewhere", ""}, *cache_, clock_);
  AccountTokens plain(key_, {kIssuer, "a"}, *cache_, clock_);
  for (const AccountTokens* one : {&other_key, &other_issuer, &plain}) {
    EXPECT_NE(why_not(one->issue(kBot, {kIssuer}, clock_.now() + 1h, {})), "good");
    EXPECT_FALSE(one->verify(issue()));
  }
  EXPECT_TRUE(plain.verify(plain.issue(kBot, {kIssuer}, clock_.now() + 1h, {})));
}

TEST_F(AccountTokensTest, TheApiTakesOnlyTokensThatAreMeantForIt) {
  Authenticator authenticator({}, &tokens_);
  std::string vault = tokens_.issue(kBot, {"vault"}, clock_.now() + 1h, {});
  auto status = [&](const std::string& token) {
    http::Request request;
    request.headers.set("authorization", "Bearer " + token);
    auto user = authenticator.authenticate(request);
    return user ? (*user)->name : std::string(to_string(user.error().reason()));
  };

  EXPECT_EQ(status(issue()), "system:serviceaccount:default:bot");
  EXPECT_EQ(status(vault), "Unauthorized");
  EXPECT_TRUE(authenticator.review(vault, {"other", "vault"}));
  EXPECT_FALSE(authenticator.review(vault, {"other"}));
  EXPECT_FALSE(authenticator.review(issue(), {"vault"}));
}

TEST(Accounts, ElsewhereAnAccountIsAnotherUser) {
  User bot;
  bot.name = "system:serviceaccount:default:bot";
  bot.groups = {"system:serviceaccounts", std::string(kAuthenticated)};
  bot.extra[kClusterExtra] = {"a"};
  EXPECT_EQ(foreign_identity(bot, "a"), nullptr);
  auto foreign = foreign_identity(bot, "b");
  ASSERT_TRUE(foreign);
  EXPECT_EQ(foreign->name, "system:kcp:serviceaccount:a:default:bot");
  EXPECT_EQ(foreign->groups,
            (std::vector<std::string>{"system:authenticated", "system:cluster:a"}));
  EXPECT_EQ(global_name(bot), foreign->name);
  User jane;
  jane.name = "jane";
  jane.extra[kClusterExtra] = {"a"};
  EXPECT_EQ(foreign_identity(jane, "b"), nullptr);
  EXPECT_EQ(global_name(jane), "jane");
}

}  // namespace
}  // namespace auth
