#include "core/runtime/stream.hpp"

#include <poll.h>

namespace patchbay {

bool Stream::is_quiet() {
  if (!socket_.is_open()) return false;
  if (tls_ && SSL_pending(tls_->native_handle()) > 0) return false;
  pollfd poll{socket_.native_handle(), POLLIN | POLLRDHUP, 0};
  return ::poll(&poll, 1, 0) == 0;
}

}  // namespace patchbay
