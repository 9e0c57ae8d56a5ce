# What CPack makes of an installed tree: the packages nvmigrate, libnvmigrateX.Y (of a shared library)
# and libnvmigrate-dev of Debian, and an RPM of each. tests/package/build.sh calls it.
set(CPACK_PACKAGE_NAME nvmigrate)
set(CPACK_PACKAGE_VENDOR "The nvmigrate authors")
# The project has neither an address nor a home page of its own. Who builds packages for others gives
# theirs, as Debian's tools take it from the environment; RFC 2606 keeps .invalid from being one.
if(DEFINED ENV{DEBEMAIL})
  set(contact "$ENV{DEBFULLNAME} <$ENV{DEBEMAIL}>")
else()
  set(contact "The nvmigrate authors <packages@nvmigrate.invalid>")
endif()
string(STRIP "${contact}" contact)
set(NVMIGRATE_PACKAGE_CONTACT "${contact}" CACHE STRING "Maintainer of the packages, NAME <ADDRESS>")
set(NVMIGRATE_HOMEPAGE_URL "" CACHE STRING "Home page that the packages name, https://")
set(CPACK_PACKAGE_CONTACT "${NVMIGRATE_PACKAGE_CONTACT}")
if(NVMIGRATE_HOMEPAGE_URL)
  if(NOT NVMIGRATE_HOMEPAGE_URL MATCHES "^https://")
    message(FATAL_ERROR "NVMIGRATE_HOMEPAGE_URL must begin with https://")
  endif()
  set(CPACK_PACKAGE_HOMEPAGE_URL "${NVMIGRATE_HOMEPAGE_URL}")
endif()
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "NVMe live migration through the controlling function")
# Units and configuration are below /lib and /etc, not below the prefix.
set(CPACK_SET_DESTDIR ON)
set(CPACK_STRIP_FILES ON)
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS
  OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_COMPONENTS_ALL tool development)
if(BUILD_SHARED_LIBS)
  list(APPEND CPACK_COMPONENTS_ALL library)
endif()

set(CPACK_COMPONENT_TOOL_DESCRIPTION
  "Takes an NVMe subsystem from a bare controlling function to functions that
virtual machines have, and moves the state of a function through files and
pipes and between hosts. Profiles say what a host should look like, and are
applied at boot.")
set(CPACK_COMPONENT_LIBRARY_DESCRIPTION
  "Provisions, binds, suspends, exports and imports controlled functions of NVMe
subsystems, with the checks and records of the tool nvmigrate.")
set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION
  "Headers, CMake package, pkg-config file and examples of the library that
provisions, binds, suspends, exports and imports controlled functions of NVMe
subsystems.")

set(library_package libnvmigrate${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
foreach(kind IN ITEMS DEBIAN RPM)
  set(CPACK_${kind}_PACKAGE_RELEASE 1)
  set(CPACK_${kind}_TOOL_PACKAGE_NAME nvmigrate)
  set(CPACK_${kind}_LIBRARY_PACKAGE_NAME ${library_package})
endforeach()

set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libnvmigrate-dev)
set(CPACK_DEBIAN_TOOL_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_MULTIARCH same)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_MULTIARCH same)
# Loads vfio drivers; shows the same drives; transfers between hosts.
set(CPACK_DEBIAN_TOOL_PACKAGE_RECOMMENDS kmod)
set(CPACK_DEBIAN_TOOL_PACKAGE_SUGGESTS "nvme-cli, openssh-client")
if(BUILD_SHARED_LIBS)
  set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS "${library_package} (= ${PROJECT_VERSION}-1)")
else()
  set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS
    "libnvme-dev, libxxhash-dev, libssl-dev, libfmt-dev, pkgconf")
endif()
set(debian "${PROJECT_SOURCE_DIR}/cli/package/debian")
set(CPACK_DEBIAN_TOOL_PACKAGE_CONTROL_EXTRA
  "${debian}/conffiles;${debian}/postinst;${debian}/prerm;${debian}/postrm")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_LIBRARY_PACKAGE_CONTROL_EXTRA "${PROJECT_SOURCE_DIR}/lib/package/debian/triggers")
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS_POLICY ">=")
set(CPACK_NVMIGRATE_DEBIAN_FILES "${debian}")
set(CPACK_PRE_BUILD_SCRIPTS "${PROJECT_SOURCE_DIR}/cli/package/debian/finish.cmake")

set(CPACK_RPM_COMPONENT_INSTALL ON)
set(CPACK_RPM_MAIN_COMPONENT tool)
set(CPACK_RPM_FILE_NAME RPM-DEFAULT)
set(CPACK_RPM_DEVELOPMENT_PACKAGE_NAME libnvmigrate-devel)
set(CPACK_RPM_PACKAGE_LICENSE "LGPL-2.1-or-later")
set(CPACK_RPM_PACKAGE_GROUP "System Environment/Base")
set(CPACK_RPM_SPEC_MORE_DEFINE "%define _build_id_links none")
set(CPACK_RPM_DEVELOPMENT_PACKAGE_REQUIRES "${library_package} = ${PROJECT_VERSION}")
set(CPACK_RPM_TOOL_USER_FILELIST "%config(noreplace) /etc/nvmigrate/nvmigrate.conf")
foreach(when IN ITEMS POST_INSTALL PRE_UNINSTALL POST_UNINSTALL)
  string(TOLOWER "${when}" script)
  set(CPACK_RPM_TOOL_${when}_SCRIPT_FILE "${PROJECT_SOURCE_DIR}/cli/package/rpm/${script}")
endforeach()
set(CPACK_RPM_EXCLUDE_FROM_AUTO_FILELIST_ADDITION
  /lib /lib/systemd /lib/systemd/system /lib/systemd/system-preset /lib/udev /lib/udev/rules.d
  /usr/lib/systemd /usr/lib/systemd/system /usr/lib/systemd/system-preset /usr/lib/udev /usr/lib/udev/rules.d
  /etc "/usr/${CMAKE_INSTALL_LIBDIR}" "/usr/${CMAKE_INSTALL_LIBDIR}/cmake"
  "/usr/${CMAKE_INSTALL_LIBDIR}/pkgconfig" /usr/share/bash-completion
  /usr/share/bash-completion/completions /usr/share/fish /usr/share/fish/vendor_completions.d
  /usr/share/zsh /usr/share/zsh/vendor-completions /usr/share/man /usr/share/man/man1 /usr/share/man/man5
  /usr/share/man/man7 /usr/share/doc /usr/include /usr/bin /usr/lib /usr/share /usr)

include(CPack)
