#include "bench/wire.h"

#include <gtest/gtest.h>

namespace bench::wire {
namespace {

struct Collect final : FrameReader::Sink {
  std::string text;
  void on_frame(const FrameReader::Frame& frame, std::string_view payload) override {
    text += "[" + std::to_string(frame.type) + " " + std::to_string(frame.stream) + " " +
            std::string(payload) + "]";
  }
  void on_data(const FrameReader::Frame& frame, std::string_view piece, bool is_last) override {
    if (!piece.empty()) text += piece;
    if (is_last) text += (frame.flags & kEndStream) != 0 ? "|end|" : "|";
  }
};

std::string frames() {
  std::string bytes;
  append_frame_head(bytes, 4, kHeaders, kEndHeaders, 7);
  bytes += "head";
  append_frame_head(bytes, 5, kData, 0, 7);
  bytes += "hello";
  append_frame_head(bytes, 0, kData, kEndStream, 7);
  append_frame_head(bytes, 0, kSettings, kAck, 0);
  return bytes;
}

TEST(WireTest, FramesAreFoundHoweverTheStreamIsCut) {
  std::string bytes = frames();
  for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
    FrameReader reader;
    Collect sink;

    for (std::size_t at = 0; at < bytes.size(); at += piece) {
      EXPECT_TRUE(reader.feed(std::string_view(bytes).substr(at, piece), sink));
    }

    EXPECT_EQ(sink.text, "[1 7 head]hello||end|[4 0 ]") << piece;
  }
}

TEST(WireTest, PaddedDataComesAsAWholeFrame) {
  std::string bytes;
  append_frame_head(bytes, 4, kData, kPadded, 3);
  bytes += std::string("\1ab\0", 4);
  FrameReader reader;
  Collect sink;

  reader.feed(bytes, sink);

  EXPECT_EQ(sink.text, "[0 3 " + std::string("\1ab\0", 4) + "]");
}

TEST(WireTest, AStatusIsReadInEachFormItMayHave) {
  EXPECT_EQ(parse_status("\x88"), 200);
  EXPECT_EQ(parse_status("\x8d rest"), 404);
  EXPECT_EQ(parse_status("\x20\x88"), 200);          // behind a size update
  EXPECT_EQ(parse_status("\x3f\xe1\x1f\x88"), 200);  // behind a long one
  EXPECT_EQ(parse_status("\x48\x03"
                         "201"),
            201);  // to be indexed
  EXPECT_EQ(parse_status("\x08\x03"
                         "429"),
            429);  // not to be indexed
  EXPECT_EQ(parse_status("\x20\x0e\x03"
                         "201"),
            201);  // named by the last entry of that name
  EXPECT_EQ(parse_status("\x4e\x03"
                         "409"),
            409);
  EXPECT_EQ(parse_status("\x48\x82\x10\x03"), 201);      // Huffman: 00010 00000 00001 and a pad bit
  EXPECT_EQ(parse_status("\x08\x83\x69\x96\xff"), 435);  // Huffman: 011010 011001 011011 and pads
}

TEST(WireTest, WhatIsNoStatusIsRefused) {
  EXPECT_FALSE(parse_status(""));
  EXPECT_FALSE(parse_status("\x48"));
  EXPECT_FALSE(
      parse_status("\x48\x03"
                   "20"));
  EXPECT_FALSE(
      parse_status("\x48\x03"
                   "2x1"));
  EXPECT_FALSE(
      parse_status("\x40\x01"
                   "a"));
  EXPECT_FALSE(
      parse_status("\x0f\x03"
                   "201"));
  EXPECT_FALSE(
      parse_status("\x47\x03"
                   "201"));
}

TEST(WireTest, AHeadPutsThePathBeforePlainFields) {
  Head head("PATCH", "h", {{"a", "b"}});
  std::string block;

  head.print("/x", block);

  EXPECT_EQ(block, std::string("\x02\x05"
                               "PATCH\x87\x01\x01"
                               "h\x04\x02/x\0\x01"
                               "a\x01"
                               "b",
                               20));
}

TEST(WireTest, LongTextsHaveALengthOfSeveralBytes) {
  Head head("GET", "h", {});
  std::string block;

  head.print(std::string(300, 'p'), block);

  EXPECT_EQ(block.substr(5, 4), std::string("\x04\x7f\xad\x01", 4));  // 127 + 45 + 1 * 128
  EXPECT_EQ(block.size(), 9u + 300);
}

}  // namespace
}  // namespace bench::wire
