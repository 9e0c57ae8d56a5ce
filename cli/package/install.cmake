# Installs the units of systemd and the udev rule. Below /usr they go where systemd and udev of this
# system want them, below another prefix where systemd and udev also look.
function(nvmigrate_system_folder variable package pc_variable inside fallback what)
  set(folder "")
  if(CMAKE_INSTALL_PREFIX STREQUAL "/usr")
    pkg_get_variable(folder ${package} ${pc_variable})
    if(folder)
      string(APPEND folder "${inside}")
    endif()
  endif()
  if(NOT folder)
    set(folder "${fallback}")
  endif()
  set(${variable} "${folder}" CACHE PATH "${what}")
endfunction()

nvmigrate_system_folder(NVMIGRATE_UNIT_DIR systemd systemdsystemunitdir "" lib/systemd/system
  "Where the units of systemd are installed")
nvmigrate_system_folder(NVMIGRATE_PRESET_DIR systemd systemdsystempresetdir "" lib/systemd/system-preset
  "Where the preset of systemd is installed")
nvmigrate_system_folder(NVMIGRATE_UDEV_RULES_DIR udev udevdir /rules.d lib/udev/rules.d
  "Where the udev rule is installed")

# Both units have the same conditions, order and sandbox.
foreach(part IN ITEMS unit service)
  configure_file(package/${part}.in "${CMAKE_CURRENT_BINARY_DIR}/package/${part}" @ONLY)
  file(READ "${CMAKE_CURRENT_BINARY_DIR}/package/${part}" text)
  string(STRIP "${text}" text)
  string(TOUPPER "NVMIGRATE_${part}" name)
  set(${name} "${text}")
endforeach()
foreach(unit IN ITEMS nvmigrate-apply.service nvmigrate-apply@.service)
  configure_file(package/${unit}.in "${CMAKE_CURRENT_BINARY_DIR}/package/${unit}" @ONLY)
  install(FILES "${CMAKE_CURRENT_BINARY_DIR}/package/${unit}" DESTINATION "${NVMIGRATE_UNIT_DIR}")
endforeach()
install(FILES package/50-nvmigrate.preset DESTINATION "${NVMIGRATE_PRESET_DIR}")
install(FILES package/90-nvmigrate.rules DESTINATION "${NVMIGRATE_UDEV_RULES_DIR}")
