#include "cache/objects.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

namespace cache {
namespace {

ItemPtr item(KeyView key, std::uint64_t revision = 1) {
  return Item::make(key,
                    R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":")" +
                        std::string(key.name) + R"("}})",
                    revision);
}

std::string names(const Range& range) {
  std::string text;
  range.for_each([&](const ItemPtr& one) {
    text += std::string(one->ns()) + "/" + std::string(one->name()) + " ";
    return true;
  });
  return text;
}

TEST(Item, TellsWhatItsTextSays) {
  auto one = Item::make(
      {"root", "n", "a"},
      R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","namespace":"n","uid":"u1",)"
      R"("labels":{"z":"2","a":"1"},"ownerReferences":[{"uid":"o\"1"},{"uid":"o2"}],)"
      R"("deletionTimestamp":"now","finalizers":["x"]},"spec":{}})",
      42);

  ASSERT_TRUE(one);
  EXPECT_EQ(one->key(), (KeyView{"root", "n", "a"}));
  EXPECT_EQ(one->api_version(), "v1");
  EXPECT_EQ(one->kind(), "Pod");
  EXPECT_EQ(one->uid(), "u1");
  EXPECT_EQ(one->labels(), (object::Labels{{"a", "1"}, {"z", "2"}}));
  EXPECT_EQ(one->labels().find("z"), "2");
  EXPECT_FALSE(one->labels().find("b"));
  ASSERT_EQ(one->owner_count(), 2u);
  EXPECT_EQ(one->owner_uid(0), "o\"1");
  EXPECT_TRUE(one->deleting());
  EXPECT_TRUE(one->has_finalizers());
  EXPECT_TRUE(one->json().view().contains(R"("metadata":{"resourceVersion":"42","name":"a")"));
}

TEST(Item, AtAnotherRevisionOnlyTheResourceVersionChanges) {
  auto one = item({"c", "", "a"}, 7);
  auto later = Item::at_revision(*one, 1234);

  EXPECT_EQ(later->revision(), 1234u);
  EXPECT_EQ(later->key(), one->key());
  EXPECT_TRUE(later->json().view().contains(R"("resourceVersion":"1234")"));
  EXPECT_EQ(Item::at_revision(*later, 7)->json(), one->json());
}

TEST(Item, WithoutMetadataThereIsNone) {
  EXPECT_FALSE(Item::make({"c", "", "a"}, R"({"kind":"X"})", 1));
  EXPECT_FALSE(Item::make({"c", "", "a"}, "not json", 1));
}

// As storage keys: what ends is followed by '/', which stands behind '-' and '.'.
TEST(KeyOrder, IsThatOfStorageKeys) {
  std::vector<Key> keys{{"a", "", "x"},      {"a-b", "", "x"}, {"a", "n", "x"}, {"a", "n-1", "x"},
                        {"a", "n.1", "y"},   {"a", "n1", "x"}, {"b", "", ""},   {"a0", "n", "x"},
                        {"a:b", "n", "a-b"}, {"a", "n", "x-1"}};
  auto text = [](const Key& key) { return key.cluster + "/" + key.ns + "/" + key.name; };
  for (const Key& a : keys) {
    for (const Key& b : keys) {
      EXPECT_EQ(KeyView(a) < KeyView(b), text(a) < text(b)) << text(a) << " " << text(b);
      EXPECT_EQ(KeyView(a) == KeyView(b), text(a) == text(b));
    }
    // The end of a cluster's keys: behind all of them, before those of any other that is behind.
    Key end{"a/", "", ""};
    EXPECT_EQ(KeyView(a) < KeyView(end), text(a) < "a/~") << text(a);
  }
}

TEST(Objects, AreTheSameAsAMapAfterAnyChanges) {
  std::mt19937 random(1);
  Objects objects;
  std::map<Key, std::uint64_t> expected;
  for (std::uint64_t step = 1; step < 30'000; ++step) {
    Key key{"c" + std::to_string(random() % 7), "n", std::to_string(random() % 900)};
    if (random() % 3 == 0 || (step > 20'000 && random() % 2 == 0)) {
      EXPECT_EQ(objects.take(key) != nullptr, expected.erase(key) == 1);
    } else {
      EXPECT_EQ(objects.put(item(key, step)) != nullptr, expected.contains(key));
      expected[key] = step;
    }
  }

  ASSERT_EQ(objects.size(), expected.size());
  auto it = expected.begin();
  objects.range({}, nullptr).for_each([&](const ItemPtr& one) {
    EXPECT_EQ(one->key(), KeyView(it->first));
    EXPECT_EQ(one->revision(), it->second);
    ++it;
    return true;
  });
  EXPECT_EQ(it, expected.end());
  for (const auto& [key, revision] : expected) EXPECT_TRUE(objects.find(key));
  KeyView last{"c3/", "", ""};
  auto in_c3 = std::ranges::count_if(expected,
                                     [](const auto& entry) { return entry.first.cluster == "c3"; });
  EXPECT_EQ(objects.range({"c3", "", ""}, &last).size(), static_cast<std::size_t>(in_c3));
}

TEST(Objects, FillInDescendingOrderToo) {
  Objects objects;
  for (int i = 999; i >= 0; --i) objects.put(item({"c", "n", std::to_string(1000 + i)}));
  EXPECT_EQ(objects.size(), 1000u);
  EXPECT_TRUE(objects.find({"c", "n", "1500"}));
  EXPECT_FALSE(objects.find({"c", "n", "2000"}));
}

TEST(Objects, ARangeStaysAsItWasTaken) {
  Objects objects;
  for (const char* name : {"a", "b", "c"}) objects.append(item({"x", "n", name}));
  KeyView last{"x", "n/", ""};

  Range range = objects.range({"x", "n", "b"}, &last);
  objects.put(item({"x", "n", "b2"}));
  objects.take({"x", "n", "c"});

  EXPECT_EQ(names(range), "n/b n/c ");
  EXPECT_EQ(range.size(), 2u);
  EXPECT_EQ(names(objects.range({}, nullptr)), "n/a n/b n/b2 ");
}

// Chunks are passed over by their summaries; nothing that matches is.
TEST(Objects, ASelectorFindsWhatItMatchesAfterAnyChanges) {
  std::mt19937 random(2);
  Objects objects;
  std::map<std::string, std::string> colors;
  for (int step = 0; step < 20'000; ++step) {
    std::string name = std::to_string(random() % 3000), color = std::to_string(random() % 500);
    if (random() % 4 == 0) {
      objects.take({"c", "n", name});
      colors.erase(name);
    } else {
      objects.put(Item::make({"c", "n", name},
                             R"({"apiVersion":"v1","kind":"A","metadata":{"name":")" + name +
                                 R"(","labels":{"color":")" + color + R"("}}})",
                             1));
      colors[name] = color;
    }
  }
  auto found = [&](const char* text) {
    auto selector = *object::LabelSelector::parse(text);
    LabelQuery query(selector);
    std::size_t matching = 0, visited = 0;
    objects.range({}, nullptr)
        .for_each(
            [&](const ItemPtr& one) {
              ++visited;
              matching += selector.matches(one->labels()) ? 1 : 0;
              return true;
            },
            &query);
    return std::pair(matching, visited);
  };
  for (const char* color : {"7", "77", "499"}) {
    auto expected = static_cast<std::size_t>(
        std::ranges::count_if(colors, [&](const auto& one) { return one.second == color; }));
    auto [matching, visited] = found(("color=" + std::string(color)).c_str());
    EXPECT_EQ(matching, expected);
    EXPECT_LT(visited, colors.size());
  }
  EXPECT_EQ(found("color=none").first, 0u);
  EXPECT_LT(found("color=none").second, colors.size() / 2);
  EXPECT_EQ(found("shape").second, 0u);
  EXPECT_EQ(found("!shape").first, colors.size());
  EXPECT_EQ(found("color notin (7)").second, colors.size());
}

TEST(Objects, NothingIsInAnEmptyRange) {
  Objects objects;
  objects.append(item({"b", "n", "a"}));
  KeyView before{"a/", "", ""}, behind{"c/", "", ""};
  EXPECT_EQ(objects.range({"a", "", ""}, &before).size(), 0u);
  EXPECT_EQ(objects.range({"c", "", ""}, &behind).size(), 0u);
  EXPECT_EQ(Objects().range({}, nullptr).size(), 0u);
}

TEST(Objects, ARangeOfEnoughObjectsBeginsLikeTheWholeOne) {
  Objects objects;
  for (int i = 0; i < 1000; ++i) {
    objects.put(item({"c", "", "n" + std::to_string(1000 + i)}));
  }
  for (const char* start : {"", "n1000", "n1127", "n1128", "n1999", "n2"}) {
    for (const char* stop : {"n1128", "n1129", "n1500", "z"}) {
      KeyView first{"c", "", start}, last{"c", "", stop};
      std::size_t count = objects.count(first, &last);
      std::string all = names(objects.range(first, &last));
      EXPECT_EQ(objects.range(first, &last).size(), count) << start << stop;
      for (std::size_t enough : {1, 128, 129, 2000}) {
        Range some = objects.range(first, &last, enough);
        EXPECT_GE(some.size(), std::min(enough, count)) << start << stop << enough;
        EXPECT_TRUE(all.starts_with(names(some))) << start << stop << enough;
      }
    }
  }
  KeyView first{"c", "", "n1990"};
  EXPECT_EQ(objects.count(first, nullptr), 10u);
  EXPECT_LE(objects.range({"c", "", ""}, nullptr, 1).size(), 128u);
}

}  // namespace
}  // namespace cache
