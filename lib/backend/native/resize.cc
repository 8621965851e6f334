// Pillow's resize, to the byte, in a thread beside JavaScript's: what resizeBy() in lib/images/resize.ts does.

#include "resize.h"

using resizing::CHANNELS;
using resizing::PADDING;
using resizing::Resizer;
using resizing::STRIP;

namespace {

void resize_whole(const uint8_t* source, const int32_t* sizes, Resizer& resizer) {
  const int height = sizes[0];
  const size_t length = static_cast<size_t>(sizes[1]) * CHANNELS;
  int left = height;
  // Nothing can be read after the source's end.
  for (; left > STRIP && (left - STRIP) * length >= PADDING; left -= STRIP, source += STRIP * length) resizer.take(source, STRIP);
  std::vector<uint8_t> last(left * length + PADDING);
  std::memcpy(last.data(), source, left * length);
  for (int y = 0; y < left; y += STRIP) resizer.take(last.data() + y * length, std::min(STRIP, left - y));
}

}  // namespace

extern "C" {

int resize_supported() { return __builtin_cpu_supports("avx2"); }

// sizes: height and width of the source; a null filter leaves that axis as it is.
void resize(const uint8_t* source, const int32_t* sizes, const int32_t* across, const int32_t* down, uint8_t* target) {
  Resizer resizer(sizes[1], across, down, target);
  resize_whole(source, sizes, resizer);
}

// The same by what all machines have that this runs on, to be tried where there is more.
void resize_by_avx2(const uint8_t* source, const int32_t* sizes, const int32_t* across, const int32_t* down, uint8_t* target) {
  Resizer resizer(sizes[1], across, down, target, false);
  resize_whole(source, sizes, resizer);
}
}
