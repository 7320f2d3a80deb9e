#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/scope.h"
#include "http/testing.h"
#include "net/stream.h"

namespace http {
namespace {

// Text of which no two parts are alike.
std::string make_long_text() {
  std::string text;
  for (int i = 0; text.size() < 24'000'000; ++i) text += fmt::format("{:07}\n", i);
  return text;
}

Task<> write_to_next(net::TcpListener& listener, net::IoLoop& loop,
                     std::shared_ptr<const net::TlsContext> context, std::string_view text) {
  auto accepted = co_await listener.accept();
  auto stream = co_await net::tls_stream(std::make_unique<net::Descriptor>(loop, accepted.fd),
                                         std::move(context));
  co_await stream->write(text.substr(0, 5));
  co_await stream->write(text.substr(5));
  stream->close();
}

// What a client reads that lets the writer fill everything between them first.
Task<std::string> read_slowly(net::IoLoop& loop, std::shared_ptr<const net::TlsContext> server,
                              std::shared_ptr<const net::TlsContext> client,
                              std::string_view text) {
  net::TcpListener listener(loop, {"127.0.0.1", 0});
  Scope scope(loop);
  scope.spawn("write", write_to_next(listener, loop, server, text));
  auto stream =
      co_await net::tls_stream(co_await net::connect_tcp(loop, listener.endpoint()), client);
  co_await sleep_for(50ms);
  std::string read;
  for (bool ended = false; !ended;) {
    auto scratch = loop.scratch();
    auto got = stream->try_read(scratch);
    read.append(scratch.data(), got.bytes);
    ended = got.ended;
    if (got.bytes == 0 && !ended) co_await stream->readable();
  }
  co_await scope.join();
  co_return read;
}

TEST(TlsStream, ALongWriteWaitsForASlowReaderAndArrivesWhole) {
  auto made = make_test_certificate();
  auto identity = std::make_shared<net::TlsIdentity>(made.certificate_pem, made.key_pem);
  net::TlsServerOptions server;
  server.identity = [identity](std::string_view) { return identity; };
  net::TlsClientOptions client{.ca_pem = made.certificate_pem, .server_name = "127.0.0.1"};
  const std::string text = make_long_text();
  net::LoopPool pool(1);

  std::string read =
      run_on_loop(pool.at(0), read_slowly(pool.at(0), net::TlsContext::server(std::move(server)),
                                          net::TlsContext::client(std::move(client)), text));

  EXPECT_TRUE(read == text);
}

}  // namespace
}  // namespace http
