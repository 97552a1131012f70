package org.graniteffm.runtime.chat.jinja;

import java.util.Map;
import org.graniteffm.runtime.ModelFormatException;

/** Short ways to render. */
final class Templates {
  private Templates() {}

  static String render(String template) throws ModelFormatException {
    return render(template, Map.of());
  }

  static String render(String template, Map<String, ?> variables) throws ModelFormatException {
    return Template.parse(template, "t.jinja").render(variables, RenderingCases.CLOCK);
  }
}
