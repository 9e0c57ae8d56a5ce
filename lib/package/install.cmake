# Installs the library for others: archive, headers, CMake package and pkg-config file.
include(CMakePackageConfigHelpers)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/nvmigrate")

install(TARGETS libnvmigrate EXPORT nvmigrateTargets)
install(DIRECTORY "${PROJECT_SOURCE_DIR}/lib/nvmigrate" DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  FILES_MATCHING PATTERN "*.h")
install(FILES "${PROJECT_BINARY_DIR}/generated/nvmigrate/version.h"
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/nvmigrate)

install(EXPORT nvmigrateTargets NAMESPACE nvmigrate:: DESTINATION ${package_dir})
configure_package_config_file(package/nvmigrateConfig.cmake.in
  "${CMAKE_CURRENT_BINARY_DIR}/nvmigrateConfig.cmake" INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file("${CMAKE_CURRENT_BINARY_DIR}/nvmigrateConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/nvmigrateConfig.cmake"
  "${CMAKE_CURRENT_BINARY_DIR}/nvmigrateConfigVersion.cmake" DESTINATION ${package_dir})

# A static library passes its own needs on to whoever links it, a shared one keeps them.
if(BUILD_SHARED_LIBS)
  set(pc_requires "Requires.private")
else()
  set(pc_requires "Requires")
endif()
cmake_path(RELATIVE_PATH CMAKE_INSTALL_PREFIX
  BASE_DIRECTORY "${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig" OUTPUT_VARIABLE pc_prefix)
configure_file(package/nvmigrate.pc.in "${CMAKE_CURRENT_BINARY_DIR}/nvmigrate.pc" @ONLY)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/nvmigrate.pc"
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
