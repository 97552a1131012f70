package org.graniteffm.runtime.chat.jinja;

import java.util.HashMap;
import java.util.Map;

/** Variables, and those around them. What is set in a loop or macro stays in there. */
final class Scope {
  private final Scope parent;
  private final Map<String, Value> variables = new HashMap<>();

  Scope(Scope parent) {
    this.parent = parent;
  }

  void set(String name, Value value) {
    variables.put(name, value);
  }

  /** The value, or null. */
  Value get(String name) {
    for (Scope scope = this; scope != null; scope = scope.parent) {
      Value value = scope.variables.get(name);
      if (value != null) {
        return value;
      }
    }
    return null;
  }
}
