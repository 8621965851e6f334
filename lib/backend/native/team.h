// What the project's C++ has in common: memory, and threads that share phases of work.

#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <thread>
#include <vector>

// Each source is a library of its own; nothing here is seen from outside.
namespace {

struct Release {
  void operator()(void* memory) const { std::free(memory); }
};
template <class T>
using Buffer = std::unique_ptr<T[], Release>;

template <class T>
Buffer<T> allocate(size_t count) {
  return Buffer<T>(static_cast<T*>(std::aligned_alloc(64, (count * sizeof(T) + 63) / 64 * 64)));
}

inline int parts(int n, int size) { return (n + size - 1) / size; }
inline int roundUp(int n, int step) { return parts(n, step) * step; }

// Phases of work whose items threads take in turn; a phase begins when all threads have ended the one before.
class Phases {
 public:
  explicit Phases(int threads) : threads_(threads) {}

  template <class Work>
  void each(int items, const Work& work) {
    for (int item; (item = next_++) < items;) work(item);
    const int turn = turn_;
    if (++waiting_ == threads_) {
      next_ = waiting_ = 0;
      turn_++;
    } else {
      while (turn_ == turn) std::this_thread::yield();
    }
  }

 private:
  const int threads_;
  std::atomic<int> next_{0}, waiting_{0}, turn_{0};
};

// Runs `work` in this thread and in as many others as make up `threads`, until all have ended.
template <class Work>
void together(int threads, const Work& work) {
  std::vector<std::thread> team;
  for (int i = 1; i < threads; i++) team.emplace_back(work);
  work();
  for (std::thread& thread : team) thread.join();
}

}  // namespace
