package org.graniteffm.runtime.chat.jinja;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.graniteffm.runtime.ModelFormatException;
import org.graniteffm.runtime.UnsupportedModelException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SandboxTest {
  @ParameterizedTest
  @ValueSource(
      strings = {
        // Python's
        "{{ ''.__class__ }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ self.__init__.__globals__ }}",
        "{{ x.__init__.__globals__.__builtins__.open('/etc/passwd').read() }}",
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
        "{{ lipsum.__globals__['os'] }}{{ lipsum() }}",
        "{{ joiner(',') }}",
        "{{ cycler(1, 2) }}",
        "{{ ''|attr('__class__') }}",
        "{{ '{0.__class__}'.format(1) }}",
        "{{ '%c' | format(65) }}",
        "{{ x.format_map(x) }}",
        "{{ [1].append(2) }}",
        "{{ x.update({}) }}",
        "{{ x.mro() }}",
        // Java's
        "{{ x.getClass() }}",
        "{{ ''.getClass().forName('java.lang.Runtime') }}",
        "{{ x.getClass().getMethods()[6].invoke(null) }}",
        "{{ ____int3rpr3t3r____.getContext() }}",
        "{{ 'a'.getBytes() }}",
        "{{ [].stream() }}",
        "{{ x.wait() }}",
        // other files
        "{% include '/etc/passwd' %}",
        "{% import '/etc/passwd' as p %}",
        "{% from '/etc/passwd' import p %}",
        "{% extends '/etc/passwd' %}",
        "{% block b %}{% endblock %}",
        "{% do x.clear() %}",
        "{% call f() %}{% endcall %}",
        "{% filter upper %}{% endfilter %}",
        "{{ caller() }}",
        "{{ range(1)(2) }}",
        "{{ x[0]() }}",
        "{{ f(*x) }}",
        "{{ f(**x) }}",
      })
  void escapesAreRefusedWhenTheTemplateIsRead(String template) {
    assertThrows(UnsupportedModelException.class, () -> Template.parse(template, "t.jinja"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{{ x['__class__'] }}",
        "{{ x['class'] }}{{ x.class }}{{ 'a'.bytes }}{{ [].class }}{{ (1).class }}",
        "{{ [x] | map(attribute='__class__') | join }}",
        "{{ [x] | map(attribute='class.forName') | join }}",
        "{{ [''] | map(attribute='class') | join }}",
        "{{ loop }}{{ self }}{{ config }}{{ request }}{{ context }}",
      })
  void whatPlainDataLacksIsUndefined(String template) throws ModelFormatException {
    try {
      assertEquals("", Templates.render(template, Map.of("x", Map.of("k", "v"))));
    } catch (ModelFormatException e) {
      assertTrue(e.getMessage().contains("has no attribute"), e.getMessage());
    }
  }

  @Test
  void namesOfFiltersThatAreDataAreCheckedToo() {
    for (String template :
        List.of("{{ [x] | map('attr', '__class__') }}", "{{ [x] | select('x.y') }}")) {
      assertThrows(
          UnsupportedModelException.class, () -> Templates.render(template, Map.of("x", "y")));
    }
  }

  @Test
  void functionsAndMethodsShowNothingOfThemselves() {
    for (String template : List.of("{{ range }}", "{{ x.items }}", "{{ namespace() }}")) {
      ModelFormatException e =
          assertThrows(
              ModelFormatException.class, () -> Templates.render(template, Map.of("x", Map.of())));
      assertTrue(e.getMessage().contains("cannot print"), e.getMessage());
    }
  }

  @Test
  void javaObjectsDoNotGetIn() {
    for (Object object : List.of(new File("x"), new Object(), String.class, new int[1])) {
      IllegalArgumentException e =
          assertThrows(
              IllegalArgumentException.class,
              () -> Templates.render("{{ x }}", Map.of("x", List.of(object))));
      assertTrue(e.getMessage().startsWith("x[0]: "), e.getMessage());
    }
  }

  @Test
  void dataThatHoldsItselfIsRefused() {
    List<Object> list = new ArrayList<>();
    list.add(list);
    IllegalArgumentException e =
        assertThrows(IllegalArgumentException.class, () -> Templates.render("", Map.of("x", list)));
    assertTrue(e.getMessage().contains("nested more than 100 deep"), e.getMessage());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{{ range(10 ** 9) }}",
        "{{ range(1000000000) }}",
        "{{ range(-9223372036854775807, 9223372036854775807) }}",
        "{{ 'a' * 1000000000 }}",
        "{{ 'a' * 9223372036854775807 }}",
        "{{ 1000000000 * 'ab' }}",
        "{{ [0] * 1000000000 }}",
        "{{ [0] * 9223372036854775807 }}",
        "{{ 9223372036854775807 + 1 }}",
        "{{ 9223372036854775807 * 2 }}",
        "{{ -9223372036854775807 - 2 }}",
        "{{ 9999999999999999999 }}",
        "{{ 1e308 * 10 | int }}{{ (1e308 * 10) | int }}",
        // doubling
        "{% set ns = namespace(s='ab') %}{% for i in range(100) %}{% set ns.s = ns.s + ns.s %}"
            + "{% endfor %}",
        "{% set ns = namespace(s='ab') %}{% for i in range(100) %}{% set ns.s = ns.s ~ ns.s %}"
            + "{% endfor %}",
        "{% set ns = namespace(s='ab') %}{% for i in range(100) %}"
            + "{% set ns.s = ns.s | replace('a', ns.s) %}{% endfor %}",
        "{% set ns = namespace(s='ab') %}{% for i in range(100) %}"
            + "{% set ns.s = [ns.s, ns.s] | join %}{% endfor %}",
        "{% set ns = namespace(s='ab') %}{% for i in range(100) %}"
            + "{% set ns.s %}{{ ns.s }}{{ ns.s }}{% endset %}{% endfor %}",
        "{% set ns = namespace(l=[1]) %}{% for i in range(100) %}{% set ns.l = ns.l + ns.l %}"
            + "{% endfor %}",
        "{% set ns = namespace(l=[1]) %}{% for i in range(100) %}{% set ns.l = [ns.l, ns.l] %}"
            + "{% endfor %}{{ ns.l }}",
        "{% set ns = namespace(l=[1]) %}{% for i in range(100) %}{% set ns.l = [ns.l, ns.l] %}"
            + "{% endfor %}{{ ns.l | tojson }}",
        "{% set ns = namespace(l=[1], m=[1]) %}{% for i in range(100) %}"
            + "{% set ns.l = [ns.l, ns.l] %}{% set ns.m = [ns.m, ns.m] %}{% endfor %}"
            + "{{ ns.l == ns.m }}",
        // depth
        "{% set ns = namespace(l=1) %}{% for i in range(90000) %}{% set ns.l = [ns.l] %}"
            + "{% endfor %}{{ ns.l }}",
        "{% set ns = namespace(l=1) %}{% for i in range(90000) %}{% set ns.l = {'a': ns.l} %}"
            + "{% endfor %}{{ ns.l | tojson }}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{{ a() }}{% endmacro %}{{ a() }}",
        "{% macro m(x=m()) %}{% endmacro %}{{ m() }}",
        // time
        "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}",
        "{% set s = 'a' * 4000000 %}{% for i in range(99999) %}{% if 'b' in s %}{% endif %}"
            + "{% endfor %}",
        "{% set s = ' ' * 4000000 %}{% for i in range(99999) %}{% set x = s | trim %}{% endfor %}",
        "{% set s = 'a b ' * 100000 %}{% for i in range(99999) %}{% set x = s.split() %}"
            + "{% endfor %}",
        "{% set s = 'aA' * 2000000 %}{% for i in range(99999) %}{% if s == s %}{% endif %}"
            + "{% endfor %}",
        "{{ range(99999) | unique | list }}",
        "{{ 'x' | indent(1000000000) }}",
        "{{ [1] | tojson(indent=1000000000) }}",
        "{{ [[[[1]]]] | tojson(indent='x' * 4000000) }}",
        "{% for i in range(99999) %}{{ 'x' * 100 }}{% endfor %}",
      })
  void goingOverTheBudgetIsAnError(String template) {
    assertThrows(ModelFormatException.class, () -> Templates.render(template));
  }

  @Test
  void deepTemplatesAreRefused() {
    int depth = 20_000;
    for (String template :
        List.of(
            "{{ " + "(".repeat(depth) + "1" + ")".repeat(depth) + " }}",
            "{{ " + "[".repeat(depth) + "]".repeat(depth) + " }}",
            "{{ " + "{'a': ".repeat(depth) + "1" + "}".repeat(depth) + " }}",
            "{{ " + "-".repeat(depth) + "1 }}",
            "{{ " + "not ".repeat(depth) + "1 }}",
            "{{ 1" + " + 1".repeat(depth) + " }}",
            "{{ x" + ".x".repeat(depth) + " }}",
            "{{ x" + "|trim".repeat(depth) + " }}",
            "{{ 1" + " if 1 else 1".repeat(depth) + " }}",
            "{{ 1" + " if 1".repeat(depth) + " }}",
            "{% if 1 %}".repeat(depth / 4) + "{% endif %}".repeat(depth / 4),
            "{% for x in y %}".repeat(depth / 4) + "{% endfor %}".repeat(depth / 4),
            "{% set " + "(".repeat(depth) + "a" + ")".repeat(depth) + " = 1 %}")) {
      assertThrows(
          ModelFormatException.class,
          () -> Templates.render(template),
          () -> template.substring(0, 20));
    }
  }

  @Test
  void aTemplateMayBeAsLongAsTheLimit() throws ModelFormatException {
    String longest = "x".repeat(Template.LONGEST);
    assertEquals(longest, Templates.render(longest));
    assertThrows(ModelFormatException.class, () -> Templates.render(longest + "x"));
  }

  @Test
  void aLongConversationIsWithinTheBudget() throws ModelFormatException {
    List<Object> messages = new ArrayList<>();
    for (int i = 0; i < 2000; i++) {
      messages.add(Map.of("role", i % 2 == 0 ? "user" : "assistant", "content", "x".repeat(500)));
    }
    List<Object> tools = new ArrayList<>();
    for (int i = 0; i < 200; i++) {
      tools.add(Map.of("name", "tool" + i, "description", "y".repeat(500)));
    }
    String text =
        Templates.render(
            RenderingCases.text("templates/granite-4.0.jinja"),
            Map.of("messages", messages, "tools", tools));
    assertTrue(text.length() > 2000 * 500 + 200 * 500, () -> text.length() + " characters");
  }
}
