/**
 * The border between Java and native code: the kernels of Granite FFM and the matrix product of
 * OpenBLAS, behind methods that check every operand.
 *
 * <p>This is the only module that needs native access: {@code
 * --enable-native-access=org.graniteffm.bindings}. The libraries themselves are resources of other
 * jars, which must be found by this module's class loader: on the class path, or as modules that
 * are resolved, say with {@code --add-modules ALL-MODULE-PATH}.
 */
@SuppressWarnings("module") // the runtime is not there yet when this is compiled
module org.graniteffm.bindings {
  exports org.graniteffm.bindings;
  exports org.graniteffm.bindings.jni to
      org.graniteffm.runtime;
}
