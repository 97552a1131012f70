import java.io.IOException;
import java.io.InputStream;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassFile.ClassHierarchyResolverOption;
import java.lang.classfile.ClassFile.ConstantPoolSharingOption;
import java.lang.classfile.ClassFile.StackMapsOption;
import java.lang.classfile.ClassFileVersion;
import java.lang.classfile.ClassHierarchyResolver;
import java.lang.classfile.ClassModel;
import java.lang.classfile.ClassTransform;
import java.lang.classfile.CodeTransform;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/**
 * Gives old classes the version of this JVM, and the stack maps that go with it.
 *
 * <pre>
 *   java runtime/launcher/NewerClasses.java JAR OUT
 * </pre>
 *
 * <p>An ahead-of-time cache holds no classes from before Java 6, since they are verified otherwise;
 * picocli's are of Java 5, and take 100 ms to load without. Everything else in the jar is copied.
 */
final class NewerClasses {
  private static final int FIRST_WITH_STACK_MAPS = ClassFile.JAVA_6_VERSION;

  private NewerClasses() {}

  /**
   * Runs it.
   *
   * @param args the jar, and the one to write
   * @throws IOException if one cannot be read, or the other not be written
   */
  public static void main(String[] args) throws IOException {
    try (JarFile jar = new JarFile(args[0]);
        ZipOutputStream out = new ZipOutputStream(Files.newOutputStream(Path.of(args[1])))) {
      ClassFile classes =
          ClassFile.of(
              ConstantPoolSharingOption.NEW_POOL,
              StackMapsOption.GENERATE_STACK_MAPS,
              ClassHierarchyResolverOption.of(resolver(jar)));
      for (JarEntry entry : Collections.list(jar.entries())) {
        byte[] bytes = read(jar, entry);
        ZipEntry copy = new ZipEntry(entry.getName());
        copy.setTime(entry.getTime());
        out.putNextEntry(copy);
        out.write(entry.getName().endsWith(".class") ? newer(classes, bytes) : bytes);
        out.closeEntry();
      }
    }
  }

  private static byte[] newer(ClassFile classes, byte[] bytes) {
    ClassModel model = classes.parse(bytes);
    if (model.majorVersion() >= FIRST_WITH_STACK_MAPS) {
      return bytes;
    }
    ClassTransform version =
        (builder, element) -> {
          if (element instanceof ClassFileVersion) {
            builder.withVersion(ClassFile.latestMajorVersion(), 0);
          } else {
            builder.with(element);
          }
        };
    return classes.transformClass(
        model, ClassTransform.transformingMethodBodies(CodeTransform.ACCEPT_ALL).andThen(version));
  }

  /** Knows the classes of the jar and those of the JDK: a stack map names what two of them share. */
  private static ClassHierarchyResolver resolver(JarFile jar) {
    return ClassHierarchyResolver.ofResourceParsing(
            type -> {
              String name = type.descriptorString();
              JarEntry entry = jar.getJarEntry(name.substring(1, name.length() - 1) + ".class");
              try {
                return entry == null ? null : jar.getInputStream(entry);
              } catch (IOException e) {
                return null; // then it is not found, and this fails
              }
            })
        .orElse(ClassHierarchyResolver.defaultResolver());
  }

  private static byte[] read(JarFile jar, JarEntry entry) throws IOException {
    try (InputStream in = jar.getInputStream(entry)) {
      return in.readAllBytes();
    }
  }
}
