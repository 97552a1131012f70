package org.graniteffm.runtime.chat.jinja;

/** Something is wrong in a template; leaves this package with file and line added. */
final class TemplateException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /** What is wrong. */
  enum Kind {
    /** The template makes no sense, or goes over its budget. */
    MALFORMED,
    /** It asks for something outside the subset. */
    UNSUPPORTED,
    /** It called {@code raise_exception}: the caller's data does not suit it. */
    REFUSED
  }

  private final Kind kind;

  TemplateException(String message) {
    this(Kind.MALFORMED, message);
  }

  TemplateException(Kind kind, String message) {
    super(message, null, false, false); // Java's stack says nothing about the template
    this.kind = kind;
  }

  static TemplateException unsupported(String message) {
    return new TemplateException(Kind.UNSUPPORTED, message);
  }

  Kind kind() {
    return kind;
  }
}
