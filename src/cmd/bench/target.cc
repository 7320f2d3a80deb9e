#include "cmd/bench/target.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "base/error.h"
#include "base/random.h"
#include "base/strings.h"
#include "cmd/files.h"
#include "http/client.h"

namespace cmd::bench {

using Clock = std::chrono::steady_clock;

Target::Target(std::string executable)
    : executable_(std::move(executable)),
      directory_(std::filesystem::temp_directory_path() /
                 ("kcp-bench-" + hex_encode(random_bytes(6)))) {
  start();
}

Target::~Target() {
  stop(SIGTERM);
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

void Target::start() {
  int output[2];
  if (::pipe2(output, O_CLOEXEC) != 0) throw Error::internal("no pipe");
  auto began = Clock::now();
  process_ = ::fork();
  if (process_ == 0) {
    ::dup2(output[1], STDOUT_FILENO);
    ::execl(executable_.c_str(), executable_.c_str(), "start", "--root-directory",
            directory_.c_str(), "--secure-port", "16444", nullptr);
    ::_exit(127);
  }
  ::close(output[1]);
  char line[256];
  ssize_t got = ::read(output[0], line, sizeof line);  // it prints one line once it is ready
  ::close(output[0]);
  if (got <= 0) throw Error(Reason::ServiceUnavailable, "the server under test did not start");
  ready_seconds_ = std::chrono::duration<double>(Clock::now() - began).count();
}

void Target::stop(int signal) {
  if (process_ < 0) return;
  ::kill(process_, signal);
  ::waitpid(process_, nullptr, 0);
  process_ = -1;
}

void Target::restart() {
  stop(SIGKILL);
  start();
}

client::Client Target::connect(net::IoLoop& loop, const std::string& path) const {
  net::TlsClientOptions tls;
  tls.ca_pem = read_file(directory_ + "/pki/ca.crt").value_or("");
  tls.server_name = "127.0.0.1";
  tls.identity =
      std::make_shared<net::TlsIdentity>(read_file(directory_ + "/pki/admin.crt").value_or(""),
                                         read_file(directory_ + "/pki/admin.key").value_or(""));
  http::ClientOptions options;
  options.host = "127.0.0.1";
  options.port = 16444;
  options.tls = net::TlsContext::client(std::move(tls));
  return client::Client(std::make_shared<http::Client>(loop, std::move(options)),
                        "/clusters/" + path);
}

double Target::cpu_seconds() const {
  std::ifstream file("/proc/" + std::to_string(process_) + "/stat");
  std::string text((std::istreambuf_iterator<char>(file)), {});
  std::istringstream fields(text.substr(text.rfind(')') + 2));
  std::string word;
  double ticks = 0;
  for (int i = 3; i <= 15 && fields >> word; ++i) {
    if (i == 14 || i == 15) ticks += std::stod(word);
  }
  return ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

double Target::memory_bytes() const {
  std::ifstream file("/proc/" + std::to_string(process_) + "/statm");
  double total = 0, resident = 0;
  file >> total >> resident;
  return resident * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

}  // namespace cmd::bench
