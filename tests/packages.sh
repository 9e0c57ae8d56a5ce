# Sourced by check.sh, demo.sh and the target packages: the Debian packages they need, and how to get them.

build_packages=(cmake g++ ninja-build pkg-config libnvme-dev libjson-c-dev libcli11-dev
  libspdlog-dev libfmt-dev nlohmann-json3-dev libxxhash-dev libssl-dev libunistring-dev libsystemd-dev libfuse3-dev)
check_packages=(git clang clang-tidy clang-format libclang-rt-14-dev libgtest-dev libgmock-dev
  qemu-system-x86 busybox-static cpio kmod jq nvme-cli xz-utils zstd python3 python3-jsonschema man-db mandoc util-linux
  bash-completion zsh fish openssh-client openssh-server libvirt0 libxml2-utils shellcheck ansible-core systemd udev)
package_packages=(lintian rpm fakeroot dpkg-dev debootstrap)

# Prints those of the given packages that are not installed.
missing_packages() {
  local package
  for package in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
      printf '%s\n' "$package"
  done
}

# Installs what is missing of the given packages; without root it says what is missing and fails.
need_packages() {
  local missing
  mapfile -t missing < <(missing_packages "$@")
  if [ "${#missing[@]}" -eq 0 ]; then
    echo "  all $# packages are installed"
    return 0
  fi
  if [ "$(id -u)" -ne 0 ]; then
    echo "  missing, and only root can install them: apt-get install ${missing[*]}" >&2
    return 1
  fi
  echo "  installing: ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt_log=$(mktemp)
  if ! { apt-get -o DPkg::Lock::Timeout=300 update &&
    apt-get -o DPkg::Lock::Timeout=300 install -y --no-install-recommends "${missing[@]}"; } \
    >"$apt_log" 2>&1; then
    tail -n 20 "$apt_log" >&2
    return 1
  fi
  rm -f "$apt_log"
}
