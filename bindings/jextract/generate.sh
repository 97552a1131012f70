#!/bin/sh
# Writes the bindings of granite_kernels.h and of OpenBLAS's cblas.h, and the stamp that the build checks.
#
#   bindings/jextract/generate.sh [cblas.h]
#
# Run it after a change to native/include/granite or to an include list here, and commit what it writes on its own.
# Building needs none of this. It takes
#   jextract   $JEXTRACT, else the PATH; get it from https://jdk.java.net/jextract/
#   java       $JAVA_HOME/bin/java, else the PATH; 17 or later
#   cblas.h    the argument, else from org.bytedeco:openblas (classifier jar) in the local Maven repository,
#              $MAVEN_REPOSITORY or ~/.m2/repository; the newest version there
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
cd "$root"

die() {
  echo "generate.sh: $*" >&2
  exit 1
}

jextract=${JEXTRACT:-jextract}
command -v "$jextract" >/dev/null || die "no jextract: set JEXTRACT or PATH; get it from https://jdk.java.net/jextract/"
java=${JAVA_HOME:+$JAVA_HOME/bin/}java
command -v "$java" >/dev/null || die "no java: set JAVA_HOME or PATH"

temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT

if [ $# -gt 0 ]; then
  cblas=$1
  [ -f "$cblas" ] || die "$cblas: no such file"
else
  jar=$(find "${MAVEN_REPOSITORY:-$HOME/.m2/repository}/org/bytedeco/openblas" -name 'openblas-*-linux-x86_64.jar' |
    sort -V | tail -n 1)
  [ -n "$jar" ] || die "no openblas-*-linux-x86_64.jar in the local Maven repository: give the path of cblas.h"
  unzip -q "$jar" 'org/bytedeco/openblas/*/include/*' -d "$temporary/jar"
  cblas=$temporary/jar/org/bytedeco/openblas/linux-x86_64/include/cblas.h
fi

package=org.graniteffm.bindings.generated
"$jextract" --output "$temporary/out" --target-package "$package" --include-dir native/include \
  @bindings/jextract/granite.includes native/include/granite/granite_kernels.h
"$jextract" --output "$temporary/out" --target-package "$package" --header-class-name openblas_h \
  @bindings/jextract/openblas.includes "$cblas"

target=bindings/src/main/java/org/graniteffm/bindings/generated
rm -rf "$target"
mkdir -p "$target"
cp "$temporary/out/org/graniteffm/bindings/generated/"* "$target/"
"$java" bindings/jextract/Stamp.java write "$("$jextract" --version 2>&1 | head -n 1)"
