package org.graniteffm.runtime.cli;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.concurrent.Callable;
import org.graniteffm.bindings.NativeLibraries;
import org.graniteffm.bindings.NativeLibraryException;
import org.graniteffm.bindings.UnsupportedIsaException;
import org.graniteffm.runtime.ops.Topology;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code granite doctor}: what this machine offers, what is used of it, and what is slow. */
@Command(
    name = "doctor",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Version.class,
    sortOptions = false,
    header = "Says what this machine offers, what is slow and how to mend it.",
    customSynopsis = "granite doctor [OPTION...]",
    description = {
      "Says what this machine offers and what of it is used, what is slow and how to mend it. Exit"
          + " code 1 means that models cannot run here.",
      ""
    },
    footer = {"", "Examples:", "  granite doctor", "  granite doctor --json > report.json"})
final class DoctorCommand implements Callable<Integer> {
  /** What the tiers of the kernels are made of, and what their successors may be. */
  private static final List<String> FLAGS =
      List.of(
          "avx2",
          "fma",
          "f16c",
          "avx512f",
          "avx512bw",
          "avx512vl",
          "avx512_bf16",
          "avx_vnni",
          "amx_tile",
          "amx_bf16",
          "amx_int8");

  @Option(names = "--json", description = "Print JSON.")
  private boolean json;

  @Spec private CommandSpec spec;

  private final Map<String, Object> facts = new LinkedHashMap<>();
  private final List<String> advice = new ArrayList<>();
  private boolean works = true;

  @Override
  public Integer call() {
    facts.put("granite", Main.Version.version());
    java();
    cpu();
    kernels();
    cores();
    openblas();
    memory();
    facts.put("works", works);
    facts.put("advice", advice.isEmpty() && !json ? List.of("nothing to mend") : advice);
    PrintWriter out = spec.commandLine().getOut();
    if (json) {
      out.println(Json.pretty(facts));
    } else {
      Facts.print(out, facts);
    }
    return works ? Main.DONE : Main.FAILED;
  }

  private void java() {
    Map<String, Object> java = new LinkedHashMap<>();
    java.put("version", Runtime.version().toString());
    java.put("vendor", System.getProperty("java.vendor"));
    java.put("home", System.getProperty("java.home"));
    java.put("vm", System.getProperty("java.vm.name") + ", " + System.getProperty("java.vm.info"));
    java.put("max_heap_bytes", Runtime.getRuntime().maxMemory());
    facts.put("java", java);
    String mode = Objects.toString(System.getProperty("java.vm.info"), "");
    if (mode.contains("interpreted")) {
      advice.add("The JVM only interprets: start it without -Xint.");
    }
  }

  private void cpu() {
    Map<String, Object> cpu = new LinkedHashMap<>();
    List<String> flags = Machine.cpuFlags();
    cpu.put("name", Machine.cpu().orElse("unknown"));
    cpu.put("architecture", System.getProperty("os.arch"));
    cpu.put("flags", String.join(" ", FLAGS.stream().filter(flags::contains).toList()));
    facts.put("cpu", cpu);
  }

  private void kernels() {
    Map<String, Object> kernels = new LinkedHashMap<>();
    try {
      kernels.put("library", NativeLibraries.kernelsSource());
      String active = NativeLibraries.activeIsa();
      String best = NativeLibraries.bestIsa();
      kernels.put("isa", active);
      kernels.put("best_isa", best);
      kernels.put("why", why(active, best));
      String amx = NativeLibraries.amxStatus();
      kernels.put("amx", amx);
      amxAdvice(amx, Machine.cpu().orElse(""), Machine.cpuFlags()).ifPresent(advice::add);
      if (!active.equals(best)) {
        advice.add(
            "The kernels use %s although this CPU has %s: unset %s."
                .formatted(
                    active,
                    best,
                    System.getProperty("granite.isa") != null ? "granite.isa" : "GK_MAX_ISA"));
      } else if (best.equals("scalar")) {
        advice.add(
            "The kernels use no vector instructions: on x86 they need AVX2, FMA and F16C, which"
                + " some virtual machines hide.");
      }
    } catch (NativeLibraryException | UnsupportedIsaException e) {
      works = false;
      kernels.put("error", e.getMessage());
      advice.add("Models cannot run, since the kernels cannot be loaded.");
    }
    facts.put("kernels", kernels);
  }

  /**
   * How to mend it that the tile unit cannot be used. That the CPU has none is no reason for
   * advice, unless it is one that should.
   *
   * @param status of {@link NativeLibraries#amxStatus}
   * @param cpu its name
   * @param flags as the kernel names them
   */
  static Optional<String> amxAdvice(String status, String cpu, List<String> flags) {
    if (status.equals("usable")) {
      return Optional.empty();
    }
    if (status.startsWith("switched off")) {
      return Optional.of(
          "The tile unit (AMX) of this CPU is switched off, which makes long bf16 prompts several"
              + " times slower: it needs Linux 5.16 or later, started without clearcpuid= or"
              + " noxsave, and in a virtual machine a hypervisor that passes on the state of the"
              + " tiles (QEMU: -cpu host).");
    }
    if (status.startsWith("refused")) {
      return Optional.of(
          "The operating system refuses this program the tile unit (AMX), which makes long bf16"
              + " prompts several times slower: Linux grants it from 5.16 on, unless a sandbox"
              + " such as seccomp or gVisor forbids arch_prctl.");
    }
    // Intel's server CPUs got both at once
    boolean hidden = cpu.contains("Intel") && flags.contains("avx512_fp16");
    return hidden && flags.contains("hypervisor")
        ? Optional.of(
            "This CPU has a tile unit (AMX), but the hypervisor hides it, which makes long bf16"
                + " prompts several times slower: give the virtual machine amx-tile and amx-bf16"
                + " (QEMU: -cpu host).")
        : Optional.empty();
  }

  private static String why(String active, String best) {
    String property = System.getProperty("granite.isa");
    String cap = System.getenv("GK_MAX_ISA");
    if (property != null) {
      return "granite.isa=" + property;
    }
    if (cap != null) {
      return "GK_MAX_ISA=" + cap;
    }
    return active.equals(best) ? "the best of this CPU" : "chosen by the program";
  }

  private void cores() {
    Map<String, Object> cores = new LinkedHashMap<>();
    int processors = Runtime.getRuntime().availableProcessors();
    int physical = Topology.physicalCores();
    cores.put("threads", Topology.usableCores());
    cores.put("physical_cores", physical == 0 ? "unknown" : physical);
    cores.put("available_processors", processors);
    cores.put("affinity", Machine.affinity().orElse("unknown"));
    OptionalDouble quota = Machine.quota();
    cores.put("quota", quota.isPresent() ? (Object) quota.getAsDouble() : "none");
    OptionalDouble load = Machine.load();
    cores.put("load", load.isPresent() ? (Object) load.getAsDouble() : "unknown");
    facts.put("cores", cores);
    if (quota.isPresent() && physical > 0 && quota.getAsDouble() < physical) {
      advice.add(
          "The container may use %s of %d cores: raise its CPU limit."
              .formatted(Units.three(quota.getAsDouble()), physical));
    }
    if (load.isPresent() && load.getAsDouble() > processors * 0.5 + 0.5) {
      advice.add(
          "Other programs are busy (load %s on %d processors): everything is slower, and"
                  .formatted(Units.three(load.getAsDouble()), processors)
              + " measurements are worth little.");
    }
  }

  private void openblas() {
    Map<String, Object> openblas = new LinkedHashMap<>();
    try {
      openblas.put("library", NativeLibraries.openblasSource());
      openblas.put("version", NativeLibraries.openblasConfig());
      openblas.put("core", NativeLibraries.openblasCore());
      String core = NativeLibraries.openblasCore();
      if (core.equalsIgnoreCase("Prescott") || core.equalsIgnoreCase("generic")) {
        advice.add(
            "OpenBLAS did not recognise this CPU and uses its slowest kernels ("
                + core
                + "), which makes long prompts slow: set OPENBLAS_CORETYPE, for instance to"
                + " Haswell for AVX2.");
      }
    } catch (NativeLibraryException e) {
      works = false;
      openblas.put("error", e.getMessage());
      advice.add(
          "OpenBLAS cannot be loaded: prompts of more than a few tokens cannot run with f32"
              + " weights, nor with any if the kernels are of the scalar tier.");
    }
    facts.put("openblas", openblas);
  }

  private void memory() {
    Map<String, Object> memory = new LinkedHashMap<>();
    OptionalLong total = Machine.totalBytes();
    OptionalLong available = Machine.availableBytes();
    total.ifPresent(bytes -> memory.put("total_bytes", bytes));
    available.ifPresent(bytes -> memory.put("available_bytes", bytes));
    String hugePages = Machine.hugePages().orElse("unknown");
    memory.put("huge_pages", hugePages);
    facts.put("memory", memory);
    if (available.isPresent() && available.getAsLong() < 1L << 30) {
      advice.add(
          "Only %s of memory are available: weights that are mapped but do not fit are read from"
                  .formatted(Units.bytes(available.getAsLong()))
              + " the disk again for each token.");
    }
  }
}
