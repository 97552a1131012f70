# Toolchain file: Linux on ARM64 with Debian's cross compiler (gcc-aarch64-linux-gnu). With QEMU's
# user mode emulation (qemu-user or qemu-user-static) ctest runs the tests here.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)

find_program(GRANITE_QEMU NAMES qemu-aarch64 qemu-aarch64-static)
if(GRANITE_QEMU)
  # Debian's C library for ARM64 is there, dynamic loader included.
  set(CMAKE_CROSSCOMPILING_EMULATOR ${GRANITE_QEMU} -L /usr/aarch64-linux-gnu)
endif()

set(CMAKE_FIND_ROOT_PATH /usr/aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
