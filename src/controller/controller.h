// The controller runtime. A controller is a name, its watches and one pure function from the world
// to a Plan; the runtime lists, watches, queues, commits the plan, retries and reports. Level
// triggered: reconcile never learns which event woke it. One queue per controller, one loop.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/task.h"
#include "client/client.h"
#include "json/value.h"
#include "object/object.h"
#include "object/selector.h"

namespace controller {

// Where an object is: which of the controller's sources, which logical cluster, which name.
// `source` is the name under which the source was declared.
struct Key {
  std::string source;
  std::string cluster;  // "" where the source has no logical clusters
  std::string ns;
  std::string name;
  friend auto operator<=>(const Key&, const Key&) = default;
};
// The key of `object` in `source`; its cluster is the kcp.io/cluster annotation.
Key key_of(std::string_view source, const json::Value& object);

// A read-only snapshot of everything that the controller watches, with a clock.
class World {
 public:
  virtual ~World() = default;
  virtual TimePoint now() const = 0;
  // The object at `key`, or nothing.
  virtual std::optional<json::Value> find(const Key& key) const = 0;
  // All objects of a source, in one cluster ("" = all) and namespace ("" = all), that match.
  virtual std::vector<json::Value> list(std::string_view source, std::string_view cluster,
                                        std::string_view ns,
                                        const object::LabelSelector& selector = {}) const = 0;
};

// What a reconcile wants. Writes are done in order; each carries the resourceVersion it was decided
// on, so a stale decision fails and is made again. An unchanged object is not written.
struct Plan {
  struct Write {
    enum class Kind { Create, Update, UpdateStatus, Patch, Delete } kind = Kind::Create;
    std::string source;
    std::string cluster;
    json::Value object;      // Delete, Patch: at least name, namespace and uid
    json::Value patch = {};  // Patch: a JSON merge patch
  };
  std::vector<Write> writes;
  std::optional<TimePoint> look_again_at;
  // Work outside the API (a DNS record, a listener), done after the writes; it may fail and is then
  // tried again by the next reconcile.
  std::vector<std::function<Task<>()>> effects;

  void create(std::string_view source, std::string_view cluster, json::Value object);
  void update(std::string_view source, std::string_view cluster, json::Value object);
  void update_status(std::string_view source, std::string_view cluster, json::Value object);
  // A JSON merge patch of `object`, which names it.
  void patch(std::string_view source, std::string_view cluster, const json::Value& object,
             json::Value patch);
  void remove(std::string_view source, std::string_view cluster, const json::Value& object);
  void look_again(TimePoint when);  // keeps the earliest
};

// Maps an object of a watched source to keys of the primary source that must be looked at.
using Mapper = std::function<std::vector<Key>(const World&, const json::Value& object)>;

class Feed;
struct Source;

// One change that a Feed reports: the object that appeared, changed or went (its last state).
struct Change {
  const Key& key;
  const object::Labels& labels;
  std::function<const json::Value&()> object;  // the tree, made when it is asked for
};
using OnChange = std::function<void(const Change&)>;

struct Source {
  std::string name;  // "namespaces"
  client::Resource resource;
  std::string label_selector;
  // The client to list and watch with, and where to write: for logical clusters the wildcard base
  // path to read from, and a prefix such as "/clusters/" that the object's cluster is put behind
  // for writes. For plain clusters both are the client's own base path.
  std::string read_base;     // "/clusters/*", "" ...
  std::string write_prefix;  // "/clusters/"; "" = write at read_base
  std::string write_suffix;  // behind the cluster in the write path; mostly ""
  std::shared_ptr<client::Client> client;
  // Where the objects are read from instead of a list and a watch by `client`; null = those.
  std::function<std::unique_ptr<Feed>(const Source&, OnChange)> make_feed = nullptr;
};

// One source's objects, kept current: a list and a watch (informer.h), or the cache of the server
// that the controller runs in. Loop-bound.
class Feed {
 public:
  virtual ~Feed() = default;
  virtual Task<> run() = 0;         // until cancelled
  virtual bool synced() const = 0;  // everything that was there at the start has been reported
  virtual std::optional<json::Value> find(const Key& key) const = 0;
  virtual std::vector<json::Value> list(std::string_view cluster, std::string_view ns,
                                        const object::LabelSelector& selector) const = 0;
};

// What a controller says about itself before it runs.
struct Declaration {
  std::vector<Source> sources;          // the first is the primary one
  std::map<std::string, Mapper> wakes;  // by source name: whom an event of that source wakes
  // Whether an event of the primary source is worth a reconcile of its object; null = always. Keeps
  // the queue small where most objects are of no concern.
  std::function<bool(const World&, const Key&, const object::Labels&)> concerns = nullptr;
};

class Controller {
 public:
  virtual ~Controller() = default;
  virtual std::string_view name() const = 0;
  virtual Declaration declare() const = 0;
  // Called for each key of the primary source whose object exists (also while it is being deleted),
  // and once with nothing after it has gone.
  virtual Plan reconcile(const World& world, const Key& key,
                         const std::optional<json::Value>& object) const = 0;
};

struct Options {
  int workers = 4;             // reconciles of different keys in flight
  Duration first_retry = 5ms;  // doubles up to last_retry
  Duration last_retry = 30s;
};

// Runs a controller until cancelled: lists and watches its sources, then works the queue.
Task<> run(std::shared_ptr<Controller> controller, const Clock& clock, Options options = {});

}  // namespace controller
