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
  int y = 0;
  for (; y + STRIP < height; y += STRIP, source += STRIP * length) {
    resizer.take(source, STRIP);
  }
  std::vector<uint8_t> last((height - y) * length + PADDING);  // nothing can be read after the source's end
  std::memcpy(last.data(), source, (height - y) * length);
  resizer.take(last.data(), height - y);
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
