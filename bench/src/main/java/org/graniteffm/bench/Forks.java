package org.graniteffm.bench;

/** How the JVMs that JMH forks are started. */
public final class Forks {
  /**
   * The jar's manifest allows native access to the JVM that {@code -jar} starts; forks get the
   * class path alone, and so need this.
   */
  public static final String NATIVE_ACCESS = "--enable-native-access=ALL-UNNAMED";

  /** The Vector API incubates: it is there for those who ask for it. */
  public static final String VECTOR_API = "--add-modules=jdk.incubator.vector";

  private Forks() {}
}
