// JPEG to a small RGB picture in one go, with libjpeg's and Pillow's bytes: a few rows are decoded at a time, and resized while they are
// in the cache. Of JPEGs, those are read that nearly all files are: baseline, whole, grey or YCbCr; others are left to sharp.

#include <memory>

#include "jpeg_bits.h"
#include "jpeg_colour.h"
#include "jpeg_idct.h"
#include "resize.h"

using resizing::CHANNELS;
using resizing::PADDING;
using resizing::Resizer;
using resizing::STRIP;

namespace jpeg {

struct Component {
  int id, across, down, table;  // samples of a unit, and which quantisation
  const Huffman *dc, *ac;
};

// What stands before the picture's data.
struct Header {
  int width = 0, height = 0, count = 0, interval = 0;
  Component components[3];
  bool has_table[4] = {}, is_jfif = false, is_adobe = false;
  alignas(32) uint16_t tables[4][64];  // in natural order
  Huffman dc[4], ac[4];
  const uint8_t* data = nullptr;

  // False for what is not read here.
  bool read(const uint8_t* bytes, const uint8_t* end);

 private:
  bool take_table(const uint8_t* body, const uint8_t* end);
  bool take_codes(const uint8_t* body, const uint8_t* end);
  bool take_frame(const uint8_t* body, const uint8_t* end);
  bool take_scan(const uint8_t* body, const uint8_t* end);
  bool is_ycc() const;
};

bool Header::read(const uint8_t* bytes, const uint8_t* end) {
  if (end - bytes < 2 || bytes[0] != 0xff || bytes[1] != 0xd8) return false;
  for (const uint8_t* at = bytes + 2; end - at >= 4 && at[0] == 0xff;) {
    const int marker = at[1], length = at[2] << 8 | at[3];
    const uint8_t *body = at + 4, *next = at + 2 + length;
    if (length < 2 || next > end) return false;
    if (marker == 0xda) {
      data = next;
      return take_scan(body, next) && is_ycc();
    }
    bool taken = marker >= 0xe0 && marker <= 0xef || marker == 0xfe;
    if (marker == 0xe0 && length >= 16 && std::memcmp(body, "JFIF", 5) == 0) is_jfif = true;
    if (marker == 0xee && length >= 14 && std::memcmp(body, "Adobe", 5) == 0) {
      is_adobe = true;
      taken = body[11] == 1;  // YCbCr
    }
    if (marker == 0xdb) taken = take_table(body, next);
    if (marker == 0xc4) taken = take_codes(body, next);
    if (marker == 0xc0 || marker == 0xc1) taken = take_frame(body, next);
    if (marker == 0xdd) {
      taken = length == 4;
      if (taken) interval = body[0] << 8 | body[1];
    }
    if (!taken) return false;
    at = next;
  }
  return false;
}

bool Header::take_table(const uint8_t* body, const uint8_t* end) {
  for (; end - body >= 65; body += 65) {
    if (body[0] > 3) return false;  // of 16 bits too
    for (int i = 0; i < 64; i++) tables[body[0]][NATURAL[i]] = body[1 + i];
    has_table[body[0]] = true;
  }
  return body == end;
}

bool Header::take_codes(const uint8_t* body, const uint8_t* end) {
  while (end - body >= 17) {
    const int kind = body[0];
    int count = 0;
    for (int i = 1; i <= 16; i++) count += body[i];
    if ((kind & 0xef) > 3 || count > 256 || end - body < 17 + count) return false;
    if (!(kind >> 4 ? ac : dc)[kind & 3].set(body + 1, body + 17, !(kind >> 4))) return false;
    body += 17 + count;
  }
  return body == end;
}

bool Header::take_frame(const uint8_t* body, const uint8_t* end) {
  if (count || end - body < 6 || body[0] != 8 || body[5] != 1 && body[5] != 3 || end - body != 6 + 3 * body[5]) return false;
  height = body[1] << 8 | body[2];
  width = body[3] << 8 | body[4];
  count = body[5];
  for (int i = 0; i < count; i++) {
    const uint8_t* one = body + 6 + 3 * i;
    components[i] = {one[0], one[1] >> 4, one[1] & 15, one[2], nullptr, nullptr};
    if (components[i].across < 1 || components[i].across > 2 || components[i].down < 1 || components[i].down > 2) return false;
  }
  if (count == 1) components[0].across = components[0].down = 1;  // as there is nothing that has more
  const Component &first = components[0], &last = components[count - 1];
  if (count == 3 && (components[1].across != 1 || components[1].down != 1 || last.across != 1 || last.down != 1)) return false;
  return first.across >= first.down;  // rows alone are not halved here
}

bool Header::take_scan(const uint8_t* body, const uint8_t* end) {
  if (!count || end - body != 4 + 2 * count || body[0] != count) return false;
  const uint8_t* rest = body + 1 + 2 * count;
  if (rest[0] != 0 || rest[1] != 63 || rest[2] != 0) return false;  // a part of the coefficients only
  for (int i = 0; i < count; i++) {
    const uint8_t *one = body + 1 + 2 * i, codes = one[1];
    Component& component = components[i];
    if (one[0] != component.id || codes >> 4 > 3 || (codes & 15) > 3 || component.table > 3) return false;
    component.dc = dc + (codes >> 4);
    component.ac = ac + (codes & 15);
    if (!has_table[component.table] || !component.dc->ready() || !component.ac->ready()) return false;
  }
  return true;
}

// As libjpeg guesses it.
bool Header::is_ycc() const {
  if (count == 1 || is_jfif || is_adobe) return true;
  return components[0].id == 1 && components[1].id == 2 && components[2].id == 3;
}

// A few rows of a component's samples: of those before, which smoothing asks for, and of a row of units.
struct Plane {
  size_t stride = 0;
  int kept = 0, fresh = 0;
  std::vector<uint8_t> samples;

  void open(size_t width, int kept_rows, int rows) {
    stride = width;
    kept = kept_rows;
    fresh = rows;
    samples.resize(stride * (kept + fresh) + 2 * AT_A_TIME);
  }
  uint8_t* row(int y) { return samples.data() + y * stride; }
  void keep() { std::memcpy(row(0), row(fresh), kept * stride); }
};

// Pixels of whole rows, which go on to a Resizer.
class Rows {
 public:
  Rows(int width, Resizer& resizer)
      : length_(static_cast<size_t>(width) * CHANNELS), resizer_(resizer),
        pixels_(STRIP * length_ + AT_A_TIME * CHANNELS + PADDING) {}

  uint8_t* next() { return pixels_.data() + count_ * length_; }
  void done() {
    if (++count_ == STRIP) flush();
  }
  void flush() {
    if (count_) resizer_.take(pixels_.data(), count_);
    count_ = 0;
  }

 private:
  const size_t length_;
  Resizer& resizer_;
  std::vector<uint8_t> pixels_;
  int count_ = 0;
};

class Decoder {
 public:
  Decoder(const Header& header, const uint8_t* end, Resizer& resizer)
      : header_(header), bits_{header.data, end}, rows_(header.width, resizer), across_(header.components[0].across),
        down_(header.components[0].down), units_((header.width + 8 * across_ - 1) / (8 * across_)),
        chroma_((header.width + across_ - 1) / across_), lumas_(across_ * down_),
        blocks_(header.count == 1 ? 1 : lumas_ + 2), left_(header.interval) {
    for (int i = 0; i < header.count; i++) {
      const int wide = i == 0 ? across_ : 1, high = i == 0 ? down_ : 1;
      planes_[i].open(static_cast<size_t>(units_) * 8 * wide, down_ == 2 ? 2 : 0, 8 * high);
    }
    for (auto& sums : sums_) sums.resize(chroma_ + 4 * AT_A_TIME);
    for (int block = 0; block < blocks_; block++) {
      const uint16_t* table = header.tables[header.components[component_of(block)].table];
      for (int i = 0; i < 64; i++) {
        tables_[block / 2][i / 8][block % 2 * 8 + i % 8] = table[i];
        limits_[block / 2][i / 8][block % 2 * 8 + i % 8] = limit_of(table[i]);
      }
    }
  }

  // False where the data are not as they should be.
  bool run() {
    const int unit_rows = (header_.height + 8 * down_ - 1) / (8 * down_);
    for (int y = 0; y < unit_rows; y++) {
      if (!read_units()) return false;
      if (down_ == 2) put_smoothed(y, y == unit_rows - 1);
      else put(y);
    }
    rows_.flush();
    return bits_.ends_with(0xd9);
  }

 private:
  int component_of(int block) const { return block < lumas_ ? 0 : block - lumas_ + 1; }

  uint8_t* place_of(int block, int unit) {
    if (block >= blocks_) return spare_;
    Plane& plane = planes_[component_of(block)];
    const int x = block < lumas_ ? unit * across_ + block % across_ : unit, y = block < lumas_ ? block / across_ : 0;
    return plane.row(plane.kept + 8 * y) + 8 * x;
  }

  // A row of units to the planes' fresh rows.
  bool read_units() {
    alignas(64) int16_t blocks[6][64];
    bool sane = true;
    for (int unit = 0; unit < units_; unit++) {
      if (header_.interval && left_-- == 0) {
        if (!bits_.ends_with(0xd0 + restarts_++ % 8)) return false;
        left_ = header_.interval - 1;
        last_[0] = last_[1] = last_[2] = 0;
      }
      std::memset(blocks, 0, (blocks_ + 1) / 2 * 2 * sizeof(blocks[0]));
      for (int block = 0; block < blocks_; block++) {
        const int i = component_of(block);
        const Component& component = header_.components[i];
        if (!read_block(bits_, *component.dc, *component.ac, last_[i], blocks[block])) return false;
      }
      for (int block = 0; block < blocks_; block += 2) {
        const int other = block + 1;
        const auto* table = reinterpret_cast<const __m256i*>(tables_[block / 2]);
        const auto* limits = reinterpret_cast<const __m256i*>(limits_[block / 2]);
        sane &= inverse_dct(blocks[block], table, limits, place_of(block, unit), stride_of(block), place_of(other, unit),
                            stride_of(other));
      }
    }
    return sane && !bits_.overrun();
  }

  size_t stride_of(int block) const { return block < blocks_ ? planes_[component_of(block)].stride : 8; }

  void put(int unit_row) {
    const int count = std::min(8, header_.height - unit_row * 8);
    for (int y = 0; y < count; y++, rows_.done()) {
      const uint8_t* luma = planes_[0].row(y);
      if (header_.count == 1) {
        row_of_grey(luma, header_.width, rows_.next());
      } else if (across_ == 1) {
        row_of_whole(luma, planes_[1].row(y), planes_[2].row(y), header_.width, rows_.next());
      } else {
        for (int i = 0; i < 2; i++) sum_rows(planes_[1 + i].row(y), nullptr, chroma_, sums(i));
        row_of_half<2>(luma, sums(0), sums(1), header_.width, rows_.next());
      }
    }
  }

  // Rows of luma between two of chroma: the last one waits until the one below it is there.
  void put_smoothed(int unit_row, bool is_last) {
    const int base = unit_row * 8 - 2, all = (header_.height + 1) / 2;
    const int to = is_last ? all : base + 9;
    for (int y = std::max(base + 1, 0); y < to; y++) {
      for (int lower = 0; lower < 2 && 2 * y + lower < header_.height; lower++, rows_.done()) {
        const int other = lower ? std::min(y + 1, all - 1) : std::max(y - 1, 0);
        for (int i = 0; i < 2; i++) {
          sum_rows(planes_[1 + i].row(y - base), planes_[1 + i].row(other - base), chroma_, sums(i));
        }
        row_of_half<4>(planes_[0].row(2 * (y - base) - 2 + lower), sums(0), sums(1), header_.width, rows_.next());
      }
    }
    for (auto& plane : planes_) plane.keep();
  }

  int16_t* sums(int i) { return sums_[i].data() + AT_A_TIME; }

  const Header& header_;
  Bits bits_;
  Rows rows_;
  const int across_, down_, units_, chroma_, lumas_, blocks_;
  int left_, restarts_ = 0, last_[3] = {};
  Plane planes_[3];
  std::vector<int16_t> sums_[2];
  alignas(32) uint16_t tables_[3][8][16] = {}, limits_[3][8][16] = {};
  uint8_t spare_[64];
};

}  // namespace jpeg

extern "C" {

int jpeg_supported() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2"); }

// A JPEG's bytes to what the filters make of its picture; 0 where it is none that is read here, is of another size than `sizes` (height
// and width) say, or is damaged.
int jpeg_resized(const uint8_t* bytes, size_t length, const int32_t* sizes, const int32_t* across, const int32_t* down,
                 uint8_t* target) {
  const std::unique_ptr<jpeg::Header> header(new jpeg::Header);  // not filled with zeros
  if (!header->read(bytes, bytes + length) || header->height != sizes[0] || header->width != sizes[1]) return 0;
  if (header->width < 8 || header->height < 1) return 0;  // too narrow to be smoothed
  Resizer resizer(header->width, across, down, target);
  const auto decoder = std::make_unique<jpeg::Decoder>(*header, bytes + length, resizer);
  return decoder->run();
}
}
