# FFmpeg's libraries, 5.1 or newer (AVChannelLayout), and zlib for packed files: target FFMPEG::FFMPEG.
#
# A program that links them and calls nothing of them does not load them: they are linked as needed.
find_package(ZLIB QUIET)
find_path(FFMPEG_INCLUDE_DIR libavformat/avformat.h)
set(_ffmpeg_libraries "")
foreach(_name avformat avcodec swscale avutil)
  find_library(FFMPEG_${_name}_LIBRARY ${_name})
  list(APPEND _ffmpeg_libraries FFMPEG_${_name}_LIBRARY)
endforeach()
set(FFMPEG_LAYOUT "")
if(FFMPEG_INCLUDE_DIR AND EXISTS ${FFMPEG_INCLUDE_DIR}/libavutil/channel_layout.h)
  file(STRINGS ${FFMPEG_INCLUDE_DIR}/libavutil/channel_layout.h FFMPEG_LAYOUT REGEX "struct AVChannelLayout {")
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(FFMPEG REQUIRED_VARS FFMPEG_avformat_LIBRARY FFMPEG_INCLUDE_DIR FFMPEG_LAYOUT
                                  ${_ffmpeg_libraries} ZLIB_FOUND)
if(FFMPEG_FOUND AND NOT TARGET FFMPEG::FFMPEG)
  set(_ffmpeg_link "-Wl,--push-state,--as-needed")
  foreach(_library IN LISTS _ffmpeg_libraries)
    string(APPEND _ffmpeg_link ",${${_library}}")
  endforeach()
  add_library(FFMPEG::FFMPEG INTERFACE IMPORTED)
  set_target_properties(FFMPEG::FFMPEG PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${FFMPEG_INCLUDE_DIR}"
                        INTERFACE_LINK_LIBRARIES "${_ffmpeg_link},--pop-state;ZLIB::ZLIB")
endif()
mark_as_advanced(FFMPEG_INCLUDE_DIR ${_ffmpeg_libraries})
