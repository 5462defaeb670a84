# libsndfile: target SNDFILE::SNDFILE.
find_path(SNDFILE_INCLUDE_DIR sndfile.h)
find_library(SNDFILE_LIBRARY sndfile)

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(SNDFILE REQUIRED_VARS SNDFILE_LIBRARY SNDFILE_INCLUDE_DIR)
if(SNDFILE_FOUND AND NOT TARGET SNDFILE::SNDFILE)
  add_library(SNDFILE::SNDFILE INTERFACE IMPORTED)
  set_target_properties(SNDFILE::SNDFILE PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${SNDFILE_INCLUDE_DIR}"
                        INTERFACE_LINK_LIBRARIES "-Wl,--push-state,--as-needed,${SNDFILE_LIBRARY},--pop-state")
endif()
mark_as_advanced(SNDFILE_INCLUDE_DIR SNDFILE_LIBRARY)
