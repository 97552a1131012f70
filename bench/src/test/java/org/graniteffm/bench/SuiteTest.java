package org.graniteffm.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InputStream;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassModel;
import java.lang.classfile.constantpool.MethodRefEntry;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.StreamSupport;
import org.graniteffm.bindings.Kernels;
import org.graniteffm.bindings.NativeLibraries;
import org.junit.jupiter.api.Test;
import org.openjdk.jmh.runner.BenchmarkListEntry;
import org.openjdk.jmh.runner.options.Options;

class SuiteTest {
  @Test
  void everyKernelHasABenchmark() throws IOException {
    Set<String> kernels =
        Arrays.stream(Kernels.class.getMethods())
            .filter(method -> Modifier.isStatic(method.getModifiers()))
            .map(Method::getName)
            .filter(name -> !name.equals("packedBytes")) // which computes a size
            .collect(Collectors.toCollection(TreeSet::new));
    assertTrue(kernels.contains("gemv"), kernels.toString());
    for (String benchmark : classes()) {
      kernels.removeAll(callsOfKernels(benchmark));
    }
    assertEquals(Set.of(), kernels, "without a benchmark");
  }

  private static Set<String> classes() {
    return Suite.benchmarks().stream()
        .map(BenchmarkListEntry::getUserClassQName)
        .collect(Collectors.toCollection(TreeSet::new));
  }

  /** Those of the class and the ones it extends. */
  private static Set<String> callsOfKernels(String className) throws IOException {
    Set<String> calls = new TreeSet<>();
    String kernels = Kernels.class.getName().replace('.', '/');
    String type = className.replace('.', '/');
    while (!type.startsWith("java/")) {
      try (InputStream in = SuiteTest.class.getResourceAsStream("/" + type + ".class")) {
        ClassModel model = ClassFile.of().parse(in.readAllBytes());
        StreamSupport.stream(model.constantPool().spliterator(), false)
            .filter(MethodRefEntry.class::isInstance)
            .map(MethodRefEntry.class::cast)
            .filter(method -> method.owner().asInternalName().equals(kernels))
            .forEach(method -> calls.add(method.name().stringValue()));
        type = model.superclass().orElseThrow().asInternalName();
      }
    }
    return calls;
  }

  @Test
  void quickModeTakesFirstValuesButAllResidenciesAndTiers() {
    Options quick = Suite.options(entry("GemvBenchmark.kernel"), Suite.Mode.QUICK);
    assertEquals(List.of("BF16"), values(quick, "dtype"));
    assertEquals(List.of("1"), values(quick, "rows"));
    assertFalse(quick.getParameter("residency").hasValue());
    assertEquals(NativeLibraries.availableIsas(), values(quick, "tier"));
    assertEquals(1, quick.getForkCount().get());
  }

  @Test
  void fullModeTakesAllValues() {
    Options full = Suite.options(entry("GemvBenchmark.kernel"), Suite.Mode.FULL);
    for (String name : Set.of("dtype", "rows", "residency", "shape")) {
      assertFalse(full.getParameter(name).hasValue(), name);
    }
    assertEquals(NativeLibraries.availableIsas(), values(full, "tier"));
    assertFalse(full.getForkCount().hasValue());
  }

  private static List<String> values(Options options, String parameter) {
    return List.copyOf(options.getParameter(parameter).get());
  }

  private static BenchmarkListEntry entry(String end) {
    return Suite.benchmarks().stream()
        .filter(benchmark -> benchmark.getUsername().endsWith(end))
        .findFirst()
        .orElseThrow();
  }

  @Test
  void factsNameWhatResultsAreQuotedWith() {
    Map<String, String> facts = Facts.ofThisMachine();
    for (String name : List.of("cpu", "tiers", "threads", "jdk", "commit")) {
      assertFalse(facts.get(name).isBlank(), name);
    }
    assertTrue(facts.get("tiers").startsWith("scalar"), facts.toString());
  }
}
