package org.graniteffm.runtime.chat.jinja;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.stream.Stream;
import org.graniteffm.runtime.ModelFormatException;
import org.graniteffm.runtime.UnsupportedModelException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

class TemplateTest {
  static Stream<RenderingCases.Case> rendered() {
    return RenderingCases.all().stream().filter(c -> c.expected() != null);
  }

  static Stream<RenderingCases.Case> refused() {
    return RenderingCases.all().stream().filter(c -> c.expected() == null);
  }

  @ParameterizedTest
  @MethodSource("rendered")
  void rendersAsPythonDoes(RenderingCases.Case rendering) throws ModelFormatException {
    assertEquals(rendering.expected(), render(rendering));
  }

  @ParameterizedTest
  @MethodSource("refused")
  void refusesWhatPythonRefuses(RenderingCases.Case rendering) {
    Exception e = assertThrows(Exception.class, () -> render(rendering));
    assertTrue(
        e instanceof ModelFormatException || e instanceof IllegalArgumentException, e.toString());
    assertTrue(e.getMessage().matches("t\\.jinja: line \\d+: .+"), e.getMessage());
    assertFalse(e.getMessage().contains("\n"), e.getMessage());
  }

  @Test
  void casesAreMany() {
    List<RenderingCases.Case> all = RenderingCases.all();
    assertTrue(all.size() > 500, () -> all.size() + " cases");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '!',
      value = {
        "a\\n\\n{% include 'x' %} ! line 3 ! include",
        "{{ x\\n.\\nfrob() }} ! line 3 ! frob",
        "\\n{{ x | frob }} ! line 2 ! frob",
        "\\n{{ x is frob }} ! line 2 ! frob",
        "\\n{{ frob(1) }} ! line 2 ! frob",
        "\\n{{ x.__class__ }} ! line 2 ! __class__",
        "{% for x in y recursive %}{% endfor %} ! line 1 ! recursive",
        "{{ 'a' ** 2 }} ! line 1 ! **",
        "{{ [1] | map('frob') }} ! line 1 ! frob",
        "{{ strftime_now('%Q') }} ! line 1 ! %Q",
      })
  void whatIsNotSupportedIsNamedWithItsLine(String template, String line, String what) {
    UnsupportedModelException e =
        assertThrows(
            UnsupportedModelException.class, () -> Templates.render(template.replace("\\n", "\n")));
    assertTrue(e.getMessage().contains(line + ": "), e.getMessage());
    assertTrue(e.getMessage().contains(what), e.getMessage());
  }

  @Test
  void errorsOfRenderingHaveTheLine() {
    ModelFormatException e =
        assertThrows(
            ModelFormatException.class,
            () -> Templates.render("{% if true %}\n{% endif %}\n\n{{ gone.x }}"));
    assertEquals("t.jinja: line 4: \"gone\" is undefined", e.getMessage());
  }

  @Test
  void raisedExceptionsAreTheCallersFault() {
    IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class,
            () -> Templates.render("{{ raise_exception('roles\nmust alternate') }}"));
    assertEquals("t.jinja: line 1: \"roles\\u000amust alternate\"", e.getMessage());
  }

  private static String render(RenderingCases.Case rendering) throws ModelFormatException {
    return Template.parse(rendering.template(), "t.jinja")
        .render(rendering.variables(), RenderingCases.CLOCK);
  }
}
