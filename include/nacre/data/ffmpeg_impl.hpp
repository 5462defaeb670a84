// Definitions of data/ffmpeg.hpp: the only header of the library that includes FFmpeg's.
#pragma once

#include <nacre/core/parallel.hpp>
#include <nacre/data/ffmpeg.hpp>
#include <nacre/data/gzip.hpp>
#include <nacre/io/file.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/log.h>
#include <libswscale/swscale.h>
}

namespace nacre::data {
namespace detail {

// FFmpeg writes what it thinks of a file to stderr; the errors below say it once.
struct FfmpegQuiet {
  int before = av_log_get_level();
  FfmpegQuiet() { av_log_set_level(AV_LOG_QUIET); }
  ~FfmpegQuiet() { av_log_set_level(before); }
};

// One stream of a file, frame by frame.
class FfmpegStream {
 public:
  FfmpegStream(const std::string& path, AVMediaType type, const char* op)
      : op_(op), path_(path),
        source_(gzip_name(path) ? io::Source::memory(read_unpacked(path), path) : io::Source::open(path)) {
    try {
      open(type);
    } catch (...) {
      close();
      throw;
    }
  }
  FfmpegStream(const FfmpegStream&) = delete;
  ~FfmpegStream() { close(); }

  const AVStream& stream() const { return *format_->streams[index_]; }
  const AVCodecContext& codec() const { return *codec_; }

  // The next frame, or nullptr at the end.
  const AVFrame* next() {
    for (;;) {
      int r = avcodec_receive_frame(codec_, frame_);
      if (r == 0) {
        expect(frame_->decode_error_flags == 0 && !(frame_->flags & AV_FRAME_FLAG_CORRUPT), "a frame is corrupt");
        ++frames_;
        return frame_;
      }
      if (r == AVERROR_EOF) return nullptr;
      if (r != AVERROR(EAGAIN)) expect(r, "decoding");
      read_packet();
    }
  }

  void expect(int code, const char* what) const {
    if (code >= 0) return;
    char text[AV_ERROR_MAX_STRING_SIZE] = "";
    av_strerror(code, text, sizeof text);
    expect(false, (std::string(what) + ": " + text).c_str());
  }
  void expect(bool ok, const char* what) const {
    check<DataError>(ok, op_, [&] {
      return path_ + " cannot be read (" + what + ", after " + std::to_string(frames_) + " frames)";
    });
  }

 private:
  void open(AVMediaType type) {
    constexpr int buffer_size = 1 << 16;
    auto* buffer = static_cast<unsigned char*>(av_malloc(buffer_size));
    io_ = avio_alloc_context(buffer, buffer_size, 0, this, on_read, nullptr, on_seek);
    if (!io_) av_free(buffer);
    format_ = avformat_alloc_context();
    packet_ = av_packet_alloc();
    frame_ = av_frame_alloc();
    if (!io_ || !format_ || !packet_ || !frame_) throw std::bad_alloc();
    format_->pb = io_;
    format_->flags |= AVFMT_FLAG_CUSTOM_IO;
    format_->protocol_whitelist = av_strdup("none");  // a play list does not open other files
    expect(avformat_open_input(&format_, nullptr, nullptr, nullptr), "its container");
    expect(avformat_find_stream_info(format_, nullptr), "its streams");
    const AVCodec* decoder = nullptr;
    index_ = av_find_best_stream(format_, type, -1, -1, &decoder, 0);
    expect(index_, type == AVMEDIA_TYPE_VIDEO ? "it has no video" : "it has no sound");
    for (unsigned i = 0; i < format_->nb_streams; ++i)
      if (static_cast<int>(i) != index_) format_->streams[i]->discard = AVDISCARD_ALL;
    codec_ = avcodec_alloc_context3(decoder);
    if (!codec_) throw std::bad_alloc();
    expect(avcodec_parameters_to_context(codec_, stream().codecpar), "its codec");
    codec_->thread_count = threads();
    codec_->max_pixels = 100'000'000;
    codec_->err_recognition = AV_EF_EXPLODE;
    expect(avcodec_open2(codec_, decoder, nullptr), "its codec");
  }

  void close() {
    avcodec_free_context(&codec_);
    avformat_close_input(&format_);
    av_frame_free(&frame_);
    av_packet_free(&packet_);
    if (io_) av_freep(&io_->buffer);
    avio_context_free(&io_);
  }

  // Hands the decoder the next packet of the stream, or the end.
  void read_packet() {
    for (;;) {
      int r = av_read_frame(format_, packet_);
      if (error_) std::rethrow_exception(error_);
      if (r == AVERROR_EOF) {
        expect(avcodec_send_packet(codec_, nullptr), "decoding");
        return;
      }
      expect(r, "reading");
      bool ours = packet_->stream_index == index_, corrupt = packet_->flags & AV_PKT_FLAG_CORRUPT;
      if (ours && !corrupt) r = avcodec_send_packet(codec_, packet_);
      av_packet_unref(packet_);
      if (!ours) continue;
      expect(!corrupt, "a packet is truncated");
      expect(r, "decoding");
      return;
    }
  }

  static int on_read(void* self, u8* into, int size) {  // C code lies between here and whoever catches
    auto* s = static_cast<FfmpegStream*>(self);
    try {
      u64 n = std::min(static_cast<u64>(size), s->source_.size() - s->at_);
      if (n == 0) return AVERROR_EOF;
      s->source_.read(s->at_, into, n);
      s->at_ += n;
      return static_cast<int>(n);
    } catch (...) {
      s->error_ = std::current_exception();
      return AVERROR(EIO);
    }
  }
  static i64 on_seek(void* self, i64 offset, int whence) {
    auto* s = static_cast<FfmpegStream*>(self);
    i64 size = static_cast<i64>(s->source_.size());
    whence &= ~AVSEEK_FORCE;
    if (whence == AVSEEK_SIZE) return size;
    i64 to = offset + (whence == SEEK_CUR ? static_cast<i64>(s->at_) : whence == SEEK_END ? size : 0);
    if (to < 0 || to > size) return AVERROR(EINVAL);
    s->at_ = static_cast<u64>(to);
    return to;
  }

  FfmpegQuiet quiet_;
  const char* op_;
  std::string path_;
  io::Source source_;
  u64 at_ = 0;
  std::exception_ptr error_;
  AVIOContext* io_ = nullptr;
  AVFormatContext* format_ = nullptr;
  AVCodecContext* codec_ = nullptr;
  AVPacket* packet_ = nullptr;
  AVFrame* frame_ = nullptr;
  int index_ = -1;
  i64 frames_ = 0;
};

// Sample i of a channel, full scale 1.
inline float ffmpeg_sample(const AVFrame& f, AVSampleFormat format, int channel, int channels, int i) {
  int bytes = av_get_bytes_per_sample(format);
  const u8* p = av_sample_fmt_is_planar(format) ? f.extended_data[channel] + i64{i} * bytes
                                                : f.extended_data[0] + (i64{i} * channels + channel) * bytes;
  auto as = [&](auto x) {
    std::memcpy(&x, p, sizeof x);
    return static_cast<double>(x);
  };
  switch (av_get_packed_sample_fmt(format)) {
    case AV_SAMPLE_FMT_U8: return static_cast<float>((as(u8{}) - 128) / 128);
    case AV_SAMPLE_FMT_S16: return static_cast<float>(as(std::int16_t{}) / 0x1p15);
    case AV_SAMPLE_FMT_S32: return static_cast<float>(as(std::int32_t{}) / 0x1p31);
    case AV_SAMPLE_FMT_S64: return static_cast<float>(as(i64{}) / 0x1p63);
    case AV_SAMPLE_FMT_FLT: return static_cast<float>(as(float{}));
    case AV_SAMPLE_FMT_DBL: return static_cast<float>(as(double{}));
    default: return 0;
  }
}

}  // namespace detail

NACRE_INLINE Video read_video(const std::string& path, const VideoOptions& o) {
  check(o.every >= 1 && o.side >= 0 && o.frames >= 0, "read_video", [&] {
    return "every " + std::to_string(o.every) + ", side " + std::to_string(o.side) + ", frames " +
           std::to_string(o.frames) + ": every must be at least 1, the others 0 (no limit) or more";
  });
  detail::FfmpegStream in(path, AVMEDIA_TYPE_VIDEO, "read_video");
  struct Scaler {
    SwsContext* context = nullptr;
    ~Scaler() { sws_freeContext(context); }
  } scaler;
  Video out{{}, path, 0};
  AVRational rate = in.stream().avg_frame_rate;
  if (rate.num > 0 && rate.den > 0) out.fps = av_q2d(rate) / static_cast<double>(o.every);
  std::vector<u8> bytes;
  i64 height = 0, width = 0, n = 0, seen = 0;
  while (o.frames == 0 || n < o.frames) {
    const AVFrame* f = in.next();
    if (!f) break;
    if (seen++ % o.every != 0) continue;
    if (n == 0) {
      Shape to = fitted(f->height, f->width, o.side);
      height = to[0];
      width = to[1];
    }
    std::size_t at = bytes.size(), picture = static_cast<std::size_t>(3 * height * width);
    check<DataError>(static_cast<i64>(at + picture) <= o.budget, "read_video", [&] {
      return path + " needs more than " + std::to_string(o.budget) +
             " bytes decoded; keep fewer frames (every, frames) or smaller ones (side)";
    });
    scaler.context = sws_getCachedContext(
        scaler.context, f->width, f->height, static_cast<AVPixelFormat>(f->format), static_cast<int>(width),
        static_cast<int>(height), AV_PIX_FMT_RGB24, SWS_AREA | SWS_ACCURATE_RND | SWS_BITEXACT | SWS_FULL_CHR_H_INT,
        nullptr, nullptr, nullptr);
    in.expect(scaler.context != nullptr, "its pixel format");
    bytes.resize(at + picture + 64);  // swscale writes whole vectors
    u8* planes[4] = {bytes.data() + at, nullptr, nullptr, nullptr};
    int pitch[4] = {static_cast<int>(3 * width), 0, 0, 0};
    int lines = sws_scale(scaler.context, f->data, f->linesize, 0, f->height, planes, pitch);
    in.expect(lines == height, "scaling");
    bytes.resize(at + picture);
    ++n;
  }
  in.expect(n > 0, "it has no frames");
  out.frames = Tensor<u8>({n, height, width, 3});
  std::memcpy(out.frames.data(), bytes.data(), bytes.size());
  return out;
}

NACRE_INLINE DecodedSound decode_sound(const std::string& path, double seconds) {
  check(seconds > 0 && seconds <= 1e6, "decode_sound",
        [&] { return "seconds is " + std::to_string(seconds) + "; it must lie in (0, 1e6]"; });
  detail::FfmpegStream in(path, AVMEDIA_TYPE_AUDIO, "decode_sound");
  std::vector<float> samples;
  i64 rate = 0, most = 0;
  while (const AVFrame* f = in.next()) {
    int channels = in.codec().ch_layout.nb_channels;
    auto format = static_cast<AVSampleFormat>(f->format);
    if (rate == 0) {
      rate = f->sample_rate;
      most = std::llround(seconds * static_cast<double>(rate));
    }
    in.expect(f->sample_rate == rate && rate > 0 && channels >= 1 && f->ch_layout.nb_channels == channels &&
                  format > AV_SAMPLE_FMT_NONE && format < AV_SAMPLE_FMT_NB,
              "its rate or channels change");
    for (int i = 0; i < f->nb_samples && static_cast<i64>(samples.size()) < most; ++i) {
      float sum = 0;
      for (int c = 0; c < channels; ++c) sum += detail::ffmpeg_sample(*f, format, c, channels, i);
      samples.push_back(sum / static_cast<float>(channels));
    }
    if (static_cast<i64>(samples.size()) == most) break;
  }
  in.expect(!samples.empty(), "it has no samples");
  DecodedSound out{Tensor<float>({static_cast<i64>(samples.size())}), rate};
  std::copy(samples.begin(), samples.end(), out.samples.data());
  return out;
}

}  // namespace nacre::data
