package org.graniteffm.langchain4j;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.langchain4j.data.embedding.Embedding;
import dev.langchain4j.data.message.ImageContent;
import dev.langchain4j.data.segment.TextSegment;
import dev.langchain4j.exception.InvalidRequestException;
import dev.langchain4j.exception.UnsupportedFeatureException;
import dev.langchain4j.model.embedding.EmbeddingModel;
import dev.langchain4j.model.embedding.listener.EmbeddingModelListener;
import dev.langchain4j.model.embedding.listener.EmbeddingModelResponseContext;
import dev.langchain4j.model.embedding.request.EmbeddingInput;
import dev.langchain4j.model.embedding.request.EmbeddingInputType;
import dev.langchain4j.model.embedding.request.EmbeddingRequest;
import dev.langchain4j.model.output.Response;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.graniteffm.runtime.embed.Embedder;
import org.graniteffm.runtime.embed.Pooling;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

class GraniteEmbeddingModelTest {
  private static GraniteCheckpoint demo;

  @BeforeAll
  static void open() throws IOException {
    demo = Checkpoints.demo();
  }

  @AfterAll
  static void close() {
    demo.close();
  }

  private static EmbeddingModel model() {
    return GraniteEmbeddingModel.builder().checkpoint(demo).build();
  }

  @Test
  void vectorsAreThoseOfTheEmbedder() {
    List<String> texts = List.of("The golden bird", "A king had three sons.");
    List<int[]> ids = texts.stream().map(demo.tokenizer()::encode).toList();
    List<float[]> expected = new Embedder(demo.model().model()).embed(ids);
    Response<List<Embedding>> response =
        model().embedAll(texts.stream().map(TextSegment::from).toList());
    assertEquals(2, response.content().size());
    for (int i = 0; i < 2; i++) {
      assertArrayEquals(expected.get(i), response.content().get(i).vector());
    }
    assertEquals(
        ids.getFirst().length + ids.getLast().length, response.tokenUsage().inputTokenCount());
    assertEquals(demo.model().config().hiddenSize(), model().dimension());
  }

  @Test
  void poolingAndLengthAreHonoured() {
    float[] expected =
        new Embedder(demo.model().model(), Pooling.LAST_TOKEN, false)
            .embed(demo.tokenizer().encode("The golden bird"));
    EmbeddingModel model =
        GraniteEmbeddingModel.builder()
            .checkpoint(demo)
            .pooling(Pooling.LAST_TOKEN)
            .normalize(false)
            .build();
    assertArrayEquals(expected, model.embed("The golden bird").content().vector());
  }

  @Test
  void modelNameIsChecked() {
    EmbeddingModel model =
        GraniteEmbeddingModel.builder().checkpoint(demo).modelName("fairy").build();
    assertEquals("fairy", model.modelName());
    EmbeddingRequest request = EmbeddingRequest.builder().input("x").modelName("fairy").build();
    assertEquals("fairy", model.embed(request).metadata().modelName());
    EmbeddingRequest other = EmbeddingRequest.builder().input("x").modelName("other").build();
    var e = assertThrows(UnsupportedFeatureException.class, () -> model.embed(other));
    assertTrue(e.getMessage().startsWith("modelName: "), e.getMessage());
  }

  @Test
  void otherParametersAreRefused() {
    EmbeddingRequest dimensions = EmbeddingRequest.builder().input("x").dimensions(8).build();
    var e = assertThrows(UnsupportedFeatureException.class, () -> model().embed(dimensions));
    assertTrue(e.getMessage().contains("dimensions"), e.getMessage());
    EmbeddingRequest type =
        EmbeddingRequest.builder().input("x").inputType(EmbeddingInputType.QUERY).build();
    e = assertThrows(UnsupportedFeatureException.class, () -> model().embed(type));
    assertTrue(e.getMessage().contains("inputType"), e.getMessage());
    EmbeddingRequest image =
        EmbeddingRequest.builder()
            .input(EmbeddingInput.from(ImageContent.from("AAAA", "image/png")))
            .build();
    e = assertThrows(UnsupportedFeatureException.class, () -> model().embed(image));
    assertTrue(e.getMessage().contains("IMAGE"), e.getMessage());
  }

  @Test
  void textsThatAreTooLongOrNoneAreRefused() {
    var e = assertThrows(InvalidRequestException.class, () -> model().embed("word ".repeat(3000)));
    assertTrue(e.getMessage().startsWith("inputs: text 0 "), e.getMessage());
    e = assertThrows(InvalidRequestException.class, () -> model().embed("\ud800"));
    assertTrue(e.getMessage().startsWith("inputs: text 0: "), e.getMessage());
  }

  @Test
  void listenersHear() {
    List<Integer> heard = new ArrayList<>();
    EmbeddingModelListener listener =
        new EmbeddingModelListener() {
          @Override
          public void onResponse(EmbeddingModelResponseContext context) {
            heard.add(context.response().content().size());
          }
        };
    GraniteEmbeddingModel.builder()
        .checkpoint(demo)
        .listeners(List.of(listener))
        .build()
        .embed("The golden bird");
    assertEquals(List.of(1), heard);
  }
}
