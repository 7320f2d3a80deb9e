#include "bench/target.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "base/error.h"
#include "base/random.h"
#include "base/strings.h"
#include "http/client.h"

namespace bench {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr auto kReadyLimit = std::chrono::minutes(10);  // a million objects are read at the start

std::uint16_t free_port() {
  int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  bool bound =
      ::bind(descriptor, generic, length) == 0 && ::getsockname(descriptor, generic, &length) == 0;
  ::close(descriptor);
  if (!bound) throw Error(Reason::ServiceUnavailable, "no free port on 127.0.0.1");
  return ntohs(address.sin_port);
}

// The end of a log, for an error message.
std::string last_lines(const std::string& path) {
  std::ifstream file(path);
  std::string text((std::istreambuf_iterator<char>(file)), {});
  return text.size() > 600 ? text.substr(text.size() - 600) : text;
}

}  // namespace

Target::Target(const TargetOptions& options) : options_(options), process_(options.process) {
  if (!is_own()) {
    address_ = options_.read_kubeconfig(options_.kubeconfig);
    http::Url url = http::parse_url(options_.url);
    address_.host = url.host;
    address_.port = url.port;
    return;
  }
  id_ = "kcp-bench-" + random_name_suffix(8);
  directory_ = std::filesystem::temp_directory_path() / id_;
  std::filesystem::create_directories(directory_);
  port_ = free_port();
  start();
}

Target::~Target() {
  if (!is_own()) return;
  stop();
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

// In the child: becomes the server. It goes when this process goes.
void Target::launch(int output) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::string log = directory_ + "/server.log";
  int errors = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  ::dup2(output, STDOUT_FILENO);
  ::dup2(errors, STDERR_FILENO);
  std::string port = std::to_string(port_);
  std::vector<std::string> words = {options_.executable,  "start",         "--root-directory",
                                    directory_ + "/root", "--secure-port", port};
  for (std::string flag : options_.server_flags) {
    std::size_t place = flag.find("{id}");
    if (place != std::string::npos) flag.replace(place, 4, id_);
    words.push_back(std::move(flag));
  }
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  pointers.push_back(nullptr);
  ::execv(pointers[0], pointers.data());
  ::_exit(127);
}

void Target::start() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw Error::internal("no pipe");
  auto began = SteadyClock::now();
  process_ = ::fork();
  if (process_ == 0) launch(ends[1]);
  ::close(ends[1]);
  output_ = ends[0];
  if (process_ < 0) throw Error::internal("no process for the server");
  await_ready(output_);
  ready_seconds_ = std::chrono::duration<double>(SteadyClock::now() - began).count();
  address_ = options_.read_kubeconfig(directory_ + "/root/admin.kubeconfig");
  address_.host = "127.0.0.1";
  address_.port = port_;
}

// It prints one line once it is ready.
void Target::await_ready(int output) {
  auto limit = SteadyClock::now() + kReadyLimit;
  std::string text;
  while (text.find("kcp is ready") == std::string::npos) {
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(limit - SteadyClock::now());
    pollfd waiting{output, POLLIN, 0};
    char bytes[512];
    ssize_t got = 0;
    if (left.count() > 0 && ::poll(&waiting, 1, static_cast<int>(left.count())) > 0) {
      got = ::read(output, bytes, sizeof bytes);
    }
    if (got <= 0) {
      end(SIGKILL);
      throw Error(Reason::ServiceUnavailable,
                  "the server under test did not start: " + last_lines(directory_ + "/server.log"));
    }
    text.append(bytes, static_cast<std::size_t>(got));
  }
}

void Target::end(int signal) {
  if (process_ > 0) {
    ::kill(process_, signal);
    ::waitpid(process_, nullptr, 0);
    process_ = 0;
  }
  if (output_ >= 0) ::close(std::exchange(output_, -1));
}

void Target::kill() { end(SIGKILL); }
void Target::stop() { end(SIGTERM); }

double Target::disk_bytes() const {
  double sum = 0;
  std::error_code none;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory_, none)) {
    if (entry.is_regular_file(none)) sum += static_cast<double>(entry.file_size(none));
  }
  return sum;
}

}  // namespace bench
