package org.graniteffm.runtime.cli;

import java.lang.reflect.Proxy;

/**
 * Ctrl-C as an event rather than the end of the program. Until it is closed an action is run each
 * time, on a thread of the JVM's.
 */
final class Interrupts implements AutoCloseable {
  // By reflection, as compilers warn of this class in a way that nothing turns off; it is the only
  // way to hear of signals, and supported.
  private static final String SIGNAL = "sun.misc.Signal";
  private static final String HANDLER = "sun.misc.SignalHandler";

  private final Object before;

  private Interrupts(Object before) {
    this.before = before;
  }

  /** Runs an action at each Ctrl-C; where the JVM leaves signals alone (-Xrs), never. */
  @SuppressWarnings("ReferenceEquality") // a proxy has no other equality
  static Interrupts handle(Runnable action) {
    try {
      Class<?> handler = Class.forName(HANDLER);
      Object proxy =
          Proxy.newProxyInstance(
              handler.getClassLoader(),
              new Class<?>[] {handler},
              (self, method, arguments) ->
                  switch (method.getName()) {
                    case "equals" -> self == arguments[0];
                    case "hashCode" -> System.identityHashCode(self);
                    case "toString" -> "Ctrl-C";
                    default -> {
                      action.run();
                      yield null;
                    }
                  });
      return new Interrupts(set(proxy));
    } catch (ReflectiveOperationException e) {
      return new Interrupts(null);
    }
  }

  /** Sets the handler, and returns the one that was there. */
  private static Object set(Object handler) throws ReflectiveOperationException {
    Class<?> signal = Class.forName(SIGNAL);
    Object interrupt = signal.getConstructor(String.class).newInstance("INT");
    return signal
        .getMethod("handle", signal, Class.forName(HANDLER))
        .invoke(null, interrupt, handler);
  }

  @Override
  public void close() {
    if (before != null) {
      try {
        set(before);
      } catch (ReflectiveOperationException e) {
        throw new IllegalStateException("cannot restore what Ctrl-C does", e);
      }
    }
  }
}
