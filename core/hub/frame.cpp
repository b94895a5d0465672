#include "core/hub/frame.hpp"

#include <zlib.h>

#include <array>

namespace patchbay::hub {

void append_frame(std::string& out, Opcode opcode, std::string_view payload, bool compressed) {
  constexpr unsigned fin = 0x80, rsv1 = 0x40;
  std::array<char, 10> head{};
  head[0] = static_cast<char>(fin | (compressed ? rsv1 : 0U) | static_cast<unsigned>(opcode));
  std::size_t size = 2;
  auto const put = [&](unsigned char mark, unsigned bytes) {
    head[1] = static_cast<char>(mark);
    for (unsigned i = 0; i < bytes; ++i)
      head[2 + i] = static_cast<char>(static_cast<std::uint64_t>(payload.size()) >> (8 * (bytes - 1 - i)));
    size = 2 + bytes;
  };
  if (payload.size() < 126)
    head[1] = static_cast<char>(payload.size());
  else if (payload.size() < 65536)
    put(126, 2);
  else
    put(127, 8);
  out.reserve(out.size() + size + payload.size());
  out.append(head.data(), size);
  out.append(payload);
}

namespace {

FramePtr frame_of(Opcode opcode, std::string_view payload) {
  auto frame = std::make_shared<Frame>();
  append_frame(frame->bytes, opcode, payload);
  return frame;
}

}  // namespace

FramePtr text_frame(std::string_view payload) { return frame_of(Opcode::text, payload); }
FramePtr binary_frame(std::string_view payload) { return frame_of(Opcode::binary, payload); }

FramePtr close_frame(std::uint16_t code, std::string_view reason) {
  std::string payload;
  if (code != 0) {
    payload += static_cast<char>(code >> 8);
    payload += static_cast<char>(code & 0xFF);
    auto size = std::min<std::size_t>(reason.size(), 123);
    while (size < reason.size() && size > 0 && (static_cast<unsigned char>(reason[size]) & 0xC0U) == 0x80) --size;
    payload += reason.substr(0, size);
  }
  return frame_of(static_cast<Opcode>(8), payload);
}

FramePtr ping_frame() {
  static FramePtr const frame = frame_of(static_cast<Opcode>(9), {});
  return frame;
}

std::string deflated_payload(std::string_view payload, int window_bits) {
  // The stream is kept by the thread and begun anew for each message: making one costs more than most messages.
  struct Deflater {
    explicit Deflater(int bits_) : bits(bits_) {
      ready = deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -bits, 8, Z_DEFAULT_STRATEGY) == Z_OK;
    }
    ~Deflater() {
      if (ready) deflateEnd(&stream);
    }
    z_stream stream{};
    int bits;
    bool ready = false;
  };
  thread_local std::unique_ptr<Deflater> deflater;
  if (!deflater || deflater->bits != window_bits) deflater = std::make_unique<Deflater>(window_bits);
  if (!deflater->ready || payload.size() > (std::size_t{1} << 30)) return {};
  auto& stream = deflater->stream;
  deflateReset(&stream);
  std::string out(deflateBound(&stream, static_cast<uLong>(payload.size())) + 16, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(payload.data()));
  stream.avail_in = static_cast<uInt>(payload.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  if (deflate(&stream, Z_SYNC_FLUSH) != Z_OK || stream.avail_in != 0) return {};
  out.erase(out.size() - stream.avail_out);  // not resize(): g++ 12 sees it grow without end
  constexpr std::string_view tail{"\x00\x00\xff\xff", 4};
  if (!out.ends_with(tail)) return {};
  out.resize(out.size() - tail.size());
  if (out.size() >= payload.size()) return {};
  out.shrink_to_fit();
  return out;
}

}  // namespace patchbay::hub
