# Installs the library for others: archive, headers, CMake package and pkg-config file.
include(CMakePackageConfigHelpers)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/nvmigrate")

install(TARGETS libnvmigrate EXPORT nvmigrateTargets
  LIBRARY COMPONENT library NAMELINK_COMPONENT development)

# What other programs may include; all other headers, and all that is not NVMIGRATE_API, are private.
set(public_headers
  lib/nvmigrate/base/error.h
  lib/nvmigrate/base/finding.h
  lib/nvmigrate/nvme/identity.h
  lib/nvmigrate/nvme/status.h
  lib/nvmigrate/ports/pci_function.h
  lib/nvmigrate/store/records.h
  lib/nvmigrate/state/state.h
  lib/nvmigrate/session/topology.h
  lib/nvmigrate/session/session.h
  lib/nvmigrate/conditions/conditions.h
  lib/nvmigrate/host/provision.h
  lib/nvmigrate/host/functions.h
  lib/nvmigrate/profile/profile.h
  lib/nvmigrate/migrate/migrate.h
  lib/nvmigrate/remote/peer.h
  lib/nvmigrate/account/account.h
  plugins/nvmigrate/plugins.h)
foreach(header IN LISTS public_headers)
  string(REGEX REPLACE "^(lib|plugins)/(.*)/[^/]*$" "\\2" folder "${header}")
  install(FILES "${PROJECT_SOURCE_DIR}/${header}"
    DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/${folder}")
endforeach()
install(FILES "${PROJECT_BINARY_DIR}/generated/nvmigrate/version.h"
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/nvmigrate)

install(EXPORT nvmigrateTargets NAMESPACE nvmigrate:: DESTINATION ${package_dir})
configure_package_config_file(package/nvmigrateConfig.cmake.in
  "${CMAKE_CURRENT_BINARY_DIR}/nvmigrateConfig.cmake" INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file("${CMAKE_CURRENT_BINARY_DIR}/nvmigrateConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/nvmigrateConfig.cmake"
  "${CMAKE_CURRENT_BINARY_DIR}/nvmigrateConfigVersion.cmake" DESTINATION ${package_dir})

# A static library passes its own needs on to whoever links it, a shared one brings them.
if(BUILD_SHARED_LIBS)
  set(pc_requires "")
  set(pc_libs "")
else()
  set(pc_requires "${NVMIGRATE_LIBNVME_MODULE}, libxxhash, libcrypto, fmt")
  set(pc_libs " -pthread")
endif()
cmake_path(RELATIVE_PATH CMAKE_INSTALL_PREFIX
  BASE_DIRECTORY "${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig" OUTPUT_VARIABLE pc_prefix)
configure_file(package/nvmigrate.pc.in "${CMAKE_CURRENT_BINARY_DIR}/nvmigrate.pc" @ONLY)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/nvmigrate.pc"
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
