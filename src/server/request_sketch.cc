#include "server/request_sketch.h"

#include <algorithm>
#include <cmath>

namespace server {
namespace {

constexpr double kRescale = 1e9;  // by how much weights may have grown

double in_memories(Duration time) {
  return std::chrono::duration<double>(time) /
         std::chrono::duration<double>(RequestSketch::kMemory);
}

}  // namespace

double RequestSketch::grown(TimePoint now) const {
  return std::exp(std::max(0.0, in_memories(now - origin_)));
}

void RequestSketch::rescale(TimePoint now) {
  double by = grown(now);
  for (Entry& entry : all_) {
    entry.weight /= by;
    entry.inherited /= by;
  }
  origin_ = now;
}

void RequestSketch::note(std::string_view cluster, TimePoint now) {
  if (all_.empty()) origin_ = now;
  if (grown(now) > kRescale) rescale(now);
  double unit = grown(now);
  if (auto known = index_.find(cluster); known != index_.end()) {
    Entry& entry = all_[known->second];
    entry.weight += unit;
    ++entry.count;
    return sink(entry.at);
  }
  if (all_.size() < entries_) {
    all_.push_back({std::string(cluster), unit, 0, 1, now, heap_.size()});
    heap_.push_back(all_.size() - 1);
    index_.emplace(cluster, all_.size() - 1);
    return rise(heap_.size() - 1);
  }
  Entry& least = all_[heap_.front()];
  auto node = index_.extract(least.cluster);
  node.key() = std::string(cluster);
  index_.insert(std::move(node));
  least = {std::string(cluster), least.weight + unit, least.weight, 1, now, 0};
  sink(0);
}

bool RequestSketch::is_lighter(std::size_t a, std::size_t b) const {
  return all_[heap_[a]].weight < all_[heap_[b]].weight;
}

void RequestSketch::swap(std::size_t a, std::size_t b) {
  std::swap(heap_[a], heap_[b]);
  all_[heap_[a]].at = a;
  all_[heap_[b]].at = b;
}

void RequestSketch::sink(std::size_t at) {
  while (true) {
    std::size_t least = at;
    for (std::size_t child : {2 * at + 1, 2 * at + 2}) {
      if (child < heap_.size() && is_lighter(child, least)) least = child;
    }
    if (least == at) return;
    swap(at, least);
    at = least;
  }
}

void RequestSketch::rise(std::size_t at) {
  for (; at > 0 && is_lighter(at, (at - 1) / 2); at = (at - 1) / 2) swap(at, (at - 1) / 2);
}

RequestSketch::Figure RequestSketch::figure_of(const Entry& entry, double unit) const {
  double recent = (entry.weight - entry.inherited) / unit;
  return {entry.cluster, entry.count, entry.since,
          recent / std::chrono::duration<double>(kMemory).count()};
}

std::optional<RequestSketch::Figure> RequestSketch::find(std::string_view cluster,
                                                         TimePoint now) const {
  auto known = index_.find(cluster);
  if (known == index_.end()) return {};
  return figure_of(all_[known->second], grown(now));
}

std::vector<RequestSketch::Figure> RequestSketch::top(std::size_t count, TimePoint now) const {
  std::vector<Figure> figures;
  double unit = grown(now);
  for (const Entry& entry : all_) figures.push_back(figure_of(entry, unit));
  std::ranges::sort(figures, std::ranges::greater(), &Figure::per_second);
  figures.resize(std::min(figures.size(), count));
  return figures;
}

}  // namespace server
