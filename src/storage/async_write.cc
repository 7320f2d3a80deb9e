#include "storage/async_write.h"

#include <linux/aio_abi.h>
#include <linux/fs.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace storage {
namespace {

SharedDescriptor make_event() {
  int fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  return {new int(fd), [](const int* owned) {
            if (*owned >= 0) ::close(*owned);
            delete owned;
          }};
}

}  // namespace

AsyncWrite::AsyncWrite() : event_(make_event()) {
  if (*event_ < 0 || ::syscall(SYS_io_setup, 1, &context_) != 0) context_ = 0;
}

AsyncWrite::~AsyncWrite() { give_up(); }

void AsyncWrite::give_up() {
  if (context_ != 0) ::syscall(SYS_io_destroy, context_);
  context_ = 0;
}

bool AsyncWrite::begin(int fd, const char* data, std::size_t bytes, std::uint64_t offset) {
  if (context_ == 0) return false;
  iocb piece{};
  piece.aio_fildes = static_cast<std::uint32_t>(fd);
  piece.aio_lio_opcode = IOCB_CMD_PWRITE;
  piece.aio_buf = reinterpret_cast<std::uint64_t>(data);
  piece.aio_nbytes = bytes;
  piece.aio_offset = static_cast<std::int64_t>(offset);
  piece.aio_rw_flags = RWF_DSYNC | RWF_NOWAIT;
  piece.aio_flags = IOCB_FLAG_RESFD;
  piece.aio_resfd = static_cast<std::uint32_t>(*event_);
  iocb* pieces = &piece;
  bytes_ = bytes;
  if (::syscall(SYS_io_submit, context_, 1, &pieces) == 1) return true;
  if (errno != EAGAIN) give_up();
  return false;
}

int AsyncWrite::finish() {
  io_event event{};
  long count = 0;
  do {
    count = ::syscall(SYS_io_getevents, context_, 1, 1, &event, nullptr);
  } while (count < 0 && errno == EINTR);
  eventfd_t told = 0;
  ::eventfd_read(*event_, &told);
  if (count != 1) return errno;
  if (event.res < 0) return static_cast<int>(-event.res);
  // A short write has met something that the next would tell; it cannot be asked without blocking.
  return static_cast<std::size_t>(event.res) == bytes_ ? 0 : EIO;
}

}  // namespace storage
