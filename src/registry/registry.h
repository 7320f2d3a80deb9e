// The one read and write pipeline for all kinds: decode, default, admit, validate, commit. Callers
// are the verb handlers of server/ and, through them, everybody else. Authorization has happened.
// Thread-safe: any method from any loop. Source: reference kube-apiserver.md sections 2 to 4.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/user.h"
#include "base/clock.h"
#include "base/result.h"
#include "base/task.h"
#include "cache/cache.h"
#include "registry/kind.h"
#include "storage/store.h"

namespace registry {

enum class FieldValidation { Ignore, Warn, Strict };

// What a request is about, after routing and authorization.
struct Call {
  std::string cluster;  // a logical cluster name; never a path, "*" only for list and watch
  KindPtr kind;
  const Version* version = nullptr;  // of `kind`: the version that the client speaks
  std::string ns;
  std::string name;
  std::string subresource;  // "", "status", "scale", "token"
  std::string verb;         // "create", "update", "patch", "delete", "deletecollection"
  auth::UserPtr user;
  bool dry_run = false;
  // Who owns the fields that the write sets, at most 128 bytes. The system's own components leave
  // it empty: they own nothing of what they create, and are "kcp" where they change something.
  std::string field_manager;
  FieldValidation field_validation = FieldValidation::Warn;
};

struct Written {
  cache::ItemPtr item;  // as stored (or as it would be, with dry_run)
  bool created = false;
  std::vector<std::string> warnings;
};

struct ApplyOptions {
  bool force = false;  // takes from other managers what conflicts
  // Asked before an absent object is made; throws Forbidden if the caller may not create. May be
  // empty.
  std::function<Task<>()> may_create;
};

struct DeleteOptions {
  std::optional<std::int64_t> grace_period_seconds;
  std::string propagation_policy;  // "", "Foreground", "Background", "Orphan"
  std::string precondition_uid;
  std::string precondition_resource_version;
};

struct Deleted {
  cache::ItemPtr item;      // the last state
  bool finalizing = false;  // finalizers remain: the object is still there, marked as deleting
};

// Judges and changes objects before they are stored. Plugins run in the order of registration: all
// mutate(), then schema validation, then all validate(). Throw Error(Forbidden or Invalid) to
// refuse.
class Admission {
 public:
  virtual ~Admission() = default;
  virtual std::string_view name() const = 0;
  // `object` is null for deletes; `before` is null for creates.
  virtual Task<> mutate(const Call&, json::Value& object, const json::Value& before) {
    (void)object, (void)before;
    co_return;
  }
  virtual Task<> validate(const Call&, const json::Value& object, const json::Value& before) {
    (void)object, (void)before;
    co_return;
  }
};

// What data cannot say about a kind. One class per kind, stateless or thread-safe.
class Rules {
 public:
  virtual ~Rules() = default;
  // After defaulting and before admission: fill and clear fields (e.g. drop status).
  virtual void on_create(const Call&, json::Value& object) const { (void)object; }
  virtual void on_update(const Call&, json::Value& object, const json::Value& before) const {
    (void)object, (void)before;
  }
  // Before an object is removed or marked: may add finalizers or change its status.
  virtual void on_delete(const Call&, json::Value& object) const { (void)object; }
  virtual std::vector<Cause> validate(const Call&, const json::Value& object,
                                      const json::Value& before) const {
    (void)object, (void)before;
    return {};
  }
  // Further objects to be written in the same transaction as `object` (a workspace with its logical
  // cluster and content). Called last, when `object` is final; may still change object's status.
  virtual std::vector<storage::Write> also_write(const Call&, json::Value& object,
                                                 std::vector<storage::Compare>& compares) const {
    (void)object, (void)compares;
    return {};
  }
  // Further objects to be removed in the same transaction as `object`, which is being removed for
  // good (a custom resource definition with its instances).
  virtual std::vector<storage::Write> also_remove(const Call&, const json::Value& object) const {
    (void)object;
    return {};
  }
  // Answers a create of a kind that is not stored (SubjectAccessReview).
  virtual Task<json::Value> review(const Call&, json::Value object) const { co_return object; }
  // Answers a create of a sub-resource, of which nothing is stored (a token of a service account).
  // `body` is as sent.
  struct Answer {
    json::Value object;
    std::vector<std::string> warnings;
  };
  virtual Task<Answer> create_subresource(const Call& call, json::Value body) const {
    (void)body;
    throw Error::not_found(call.kind->group, call.kind->plural, call.name);
  }
};

class Registry {
 public:
  virtual ~Registry() = default;

  virtual KindTable& kinds() = 0;
  virtual cache::Cache& objects() = 0;
  virtual storage::Store& store() = 0;
  virtual const Clock& clock() const = 0;
  virtual void add_admission(std::shared_ptr<Admission> plugin) = 0;  // start-up only
  virtual void add_rules(object::GroupResource kind, std::shared_ptr<Rules> rules) = 0;  // start-up

  // NotFound if absent.
  virtual cache::ItemPtr get(const Call& call) = 0;

  // POST. `object` is as decoded, in the call's version.
  virtual Task<Written> create(const Call& call, json::Value object) = 0;

  // PUT and PATCH of the object or a sub-resource. `change` turns the present object (in the call's
  // version) into the wanted one; it is called again when another write came first, up to 30 times.
  // Conflict if the wanted object carries another resourceVersion than the present one.
  // An update that changes nothing is not written. With `allow_create`, an absent object is made.
  using Change = std::function<Result<json::Value>(const json::Value& present)>;
  virtual Task<Written> update(const Call& call, Change change, bool allow_create = false) = 0;

  // Server-side apply of `config`, in the call's version, to the object or a sub-resource. An
  // absent object is made. Conflict, with a cause for each field, if others own what would change.
  virtual Task<Written> apply(const Call& call, json::Value config, ApplyOptions options) = 0;

  virtual Task<Deleted> remove(const Call& call, const DeleteOptions& options) = 0;

  // Commits objects as they are, past admission and validation, in one transaction; for the
  // system's own content. AlreadyExists/Conflict come back as committed = false.
  virtual Task<storage::CommitResult> commit_raw(storage::Transaction transaction) = 0;

  // The JSON bytes to store for an object: metadata first, resourceVersion left out.
  virtual Bytes encode(const json::Value& object) const = 0;
  // The tree of an item in the call's version (apiVersion rewritten when it differs).
  virtual json::Value decode(const cache::Item& item, const Call& call) const = 0;
};

}  // namespace registry
