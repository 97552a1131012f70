package org.graniteffm.runtime.cli;

import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.function.UnaryOperator;
import org.graniteffm.runtime.Names;
import org.graniteffm.runtime.hub.HubClient;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code granite pull}: fetches a checkpoint from the hub. */
@Command(
    name = "pull",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Version.class,
    sortOptions = false,
    header = "Fetches a model from the Hugging Face hub.",
    customSynopsis = "granite pull MODEL [OPTION...]",
    description = {
      "Fetches a model from the Hugging Face hub, or what is new of it, and prints its folder.",
      "",
      "The folder is in the cache of Python's huggingface_hub, and so are its settings: HF_HOME,"
          + " HF_HUB_CACHE, HF_TOKEN, HF_ENDPOINT and others. Only safetensors, config, tokenizer"
          + " and chat template are fetched. Called again, it continues where it was cut short.",
      ""
    },
    footer = {
      "",
      "Examples:",
      "  granite pull ibm-granite/granite-3.3-2b-instruct",
      "  granite pull ibm-granite/granite-3.3-2b-instruct --revision v1.0",
      "  HF_TOKEN=hf_... granite pull my-company/private-model"
    })
final class PullCommand implements Callable<Integer> {
  @Parameters(
      paramLabel = "MODEL",
      description = "Hub id such as ibm-granite/granite-3.3-2b-instruct.")
  private String id;

  @Option(
      names = "--revision",
      paramLabel = "REVISION",
      description = "A branch, a tag or a commit (default: main).")
  private String revision;

  @Option(names = "--force", description = "Fetch also what is in the cache, to mend it.")
  private boolean force;

  @Spec private CommandSpec spec;

  private final UnaryOperator<String> environment;

  PullCommand() {
    this(System::getenv);
  }

  PullCommand(UnaryOperator<String> environment) {
    this.environment = environment;
  }

  @Override
  public Integer call() throws IOException {
    if (!HubClient.isModelId(id)) {
      throw new ParameterException(
          spec.commandLine(), "MODEL: expected a hub id OWNER/NAME, found " + Names.quote(id));
    }
    Path folder;
    try (DownloadBar bar = new DownloadBar(spec.commandLine().getErr(), environment)) {
      HubClient hub = HubClient.builder(environment).forceDownload(force).listener(bar).build();
      folder = hub.pull(id, revision);
    }
    spec.commandLine().getOut().println(folder);
    return Main.DONE;
  }
}
