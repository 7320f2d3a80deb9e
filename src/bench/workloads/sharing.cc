// API sharing: one workspace exports many APIs, many others bind some of them and use them.
#include <fmt/format.h>

#include "base/error.h"
#include "bench/scanner.h"
#include "bench/workload.h"

namespace bench::workloads {
namespace {

constexpr std::size_t kBindingsEach = 9;  // of a consumer

struct Sizing {
  std::size_t exports, consumers;
};

std::string plural(std::size_t n) { return "things" + std::to_string(n); }

std::string schema_body(std::size_t n) {
  return fmt::format(
      R"({{"apiVersion":"apis.kcp.io/v1alpha1","kind":"APIResourceSchema",)"
      R"("metadata":{{"name":"v1.{0}.share.example.com"}},"spec":{{"group":"share.example.com",)"
      R"("names":{{"plural":"{0}","singular":"thing{1}","kind":"Thing{1}",)"
      R"("listKind":"Thing{1}List"}},"scope":"Namespaced","versions":[{{"name":"v1",)"
      R"("served":true,"storage":true,"schema":{{"type":"object","properties":{{"spec":)"
      R"({{"type":"object","properties":{{"size{1}":{{"type":"integer"}}}}}}}}}}}}]}}}})",
      plural(n), n);
}

std::string export_body(std::size_t n) {
  return fmt::format(
      R"({{"apiVersion":"apis.kcp.io/v1alpha2","kind":"APIExport","metadata":{{"name":"{0}"}},)"
      R"("spec":{{"resources":[{{"group":"share.example.com","name":"{0}",)"
      R"("schema":"v1.{0}.share.example.com","storage":{{"crd":{{}}}}}}]}}}})",
      plural(n));
}

std::string binding_body(const std::string& provider, std::size_t n) {
  return fmt::format(
      R"({{"apiVersion":"apis.kcp.io/v1alpha2","kind":"APIBinding","metadata":{{"name":"{0}"}},)"
      R"("spec":{{"reference":{{"export":{{"path":"root:{1}","name":"{0}"}}}}}}}})",
      plural(n), provider);
}

// Which export a consumer's binding is to: a run of them, each consumer's beginning where it may.
std::size_t export_of(const Sizing& sizing, std::size_t consumer, std::size_t binding) {
  return (consumer * kBindingsEach + binding) % sizing.exports;
}

Task<> post(Run& run, const char* what, std::size_t count,
            std::function<void(std::size_t, std::string&, std::string&)> make) {
  Load load{.method = "POST", .operations = count, .in_flight = 32, .expected_status = 201};
  load.make = std::move(make);
  co_await run.measure({.name = run.name + " " + what, .unit = what}, std::move(load));
}

Task<> provide(Run& run, std::string base, std::size_t exports) {
  co_await post(run, "schemas", exports,
                [base](std::size_t n, std::string& path, std::string& body) {
                  path = base + "/apis/apis.kcp.io/v1alpha1/apiresourceschemas";
                  body = schema_body(n);
                });
  co_await post(run, "exports", exports,
                [base](std::size_t n, std::string& path, std::string& body) {
                  path = base + "/apis/apis.kcp.io/v1alpha2/apiexports";
                  body = export_body(n);
                });
}

// Every binding must get Bound; one that is not yet is asked for again.
Task<> await_bound(Run& run, std::function<std::string(std::size_t)> path_of, std::size_t count) {
  constexpr int kTries = 3'000;
  for (std::size_t n = 0; n < count; ++n) {
    for (int i = 0;; ++i) {
      Answer answer = co_await run.must(200, "GET", path_of(n));
      if (answer.body.find(R"("phase":"Bound")") != std::string::npos) break;
      if (i == kTries) throw Error(Reason::Timeout, path_of(n) + " is not bound in time");
      co_await sleep_for(20ms);
    }
  }
}

// Workspace 0 provides, the others consume.
Task<> share(Run& run, Sizing base) {
  Sizing sizing{run.scaled(base.exports, kBindingsEach), run.scaled(base.consumers, 3)};
  std::size_t bindings = sizing.consumers * kBindingsEach;
  co_await run.make_workspaces(sizing.consumers + 1);
  co_await provide(run, run.workspace_base(0), sizing.exports);
  Memory before = run.server_memory();
  auto consumer_base = [&run](std::size_t n) { return run.workspace_base(1 + n / kBindingsEach); };
  auto export_number = [sizing](std::size_t n) {
    return export_of(sizing, n / kBindingsEach, n % kBindingsEach);
  };
  std::string provider = run.workspace_name(0);
  std::int64_t start = now_ns();
  co_await post(run, "bindings", bindings,
                [=](std::size_t n, std::string& path, std::string& body) {
                  path = consumer_base(n) + "/apis/apis.kcp.io/v1alpha2/apibindings";
                  body = binding_body(provider, export_number(n));
                });
  co_await await_bound(
      run,
      [=](std::size_t n) {
        return consumer_base(n) + "/apis/apis.kcp.io/v1alpha2/apibindings/" +
               plural(export_number(n));
      },
      bindings);
  Row row{.name = run.name + " all bound", .unit = "binding"};
  row.operations = static_cast<double>(bindings);
  row.seconds = static_cast<double>(now_ns() - start) / 1e9;
  if (run.target.process() > 0) {
    double grown = run.server_memory().proportional - before.proportional;
    row.extra = {{"KiB/binding", grown / 1024 / row.operations}};
  }
  run.report.add(std::move(row));
  co_await post(run, "objects", bindings, [=](std::size_t n, std::string& path, std::string& body) {
    std::size_t number = export_number(n);
    path = consumer_base(n) + "/apis/share.example.com/v1/namespaces/default/" + plural(number);
    body = fmt::format(R"({{"apiVersion":"share.example.com/v1","kind":"Thing{0}",)"
                       R"("metadata":{{"name":"a"}},"spec":{{"size{0}":{1}}}}})",
                       number, n);
  });
}

}  // namespace

void add_sharing(Workloads& all) {
  const char* bound = "the server's CPU";
  all.push_back({"sharing.bindings", "20 exports, 20 consumers with nine bindings each", bound,
                 Workload::Weight::Light, Workload::kWorkspaces,
                 [](Run& run) { return share(run, {20, 20}); }});
  all.push_back({"sharing.bindings-9k", "1,000 exports, 1,000 consumers with nine bindings each",
                 bound, Workload::Weight::Heavy, Workload::kWorkspaces,
                 [](Run& run) { return share(run, {1'000, 1'000}); }});
}

}  // namespace bench::workloads
