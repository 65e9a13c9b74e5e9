// Writes tests/wire/recorded: what the Java SDK's own data converter makes of what a service passes to giro.
package mx.giro.wire;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.google.protobuf.ByteString;
import io.temporal.api.common.v1.Payload;
import io.temporal.api.common.v1.Payloads;
import io.temporal.common.converter.DefaultDataConverter;
import io.temporal.common.converter.JacksonJsonPayloadConverter;
import io.temporal.common.converter.ProtobufPayloadConverter;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import mx.giro.v1.Beneficiary;
import mx.giro.v1.CreatePayoutRequest;
import mx.giro.v1.DirectStart;

public final class Record {
  private static final String PAYOUT = "po_0199d3f0a1b27c3d8e4f5a6b7c8d9e0f";
  private static final String ACCOUNT = "acc_0199d3f0a1b27c3d8e4f5a6b7c8d9e0f";
  private static final String CLABE = "012180004643051249";
  private static final String NAME = "María Beltrán Soto";
  private static final String TAX_ID = "GODE561231GR8";
  private static final String CONCEPT = "Pago de prueba";
  private static final DefaultDataConverter SDK = DefaultDataConverter.newDefaultInstance();

  // Classes as services write them: getters by field, Jackson's own names.
  public record Start<R>(String payout, R request) {}

  public record StartById<R>(String payoutId, R request) {}

  public record StartWithMore<R>(String payout, R request, String client) {}

  public record Request<A, N, B>(
      String account, A amount, String currency, B beneficiary, String concept, N reference) {}

  public record Camel(String clabe, String name, String taxId) {}

  public record Snake(String clabe, String name, @JsonProperty("tax_id") String taxId) {}

  private Record() {}

  public static void main(String[] arguments) throws IOException {
    Path recorded = Path.of(arguments[0]);
    for (Map.Entry<String, List<Payload>> file : starts().entrySet()) {
      write(recorded, file.getKey(), file.getValue());
    }
    for (String message : List.of("look", "retry")) {
      write(recorded, message + "-nothing", sdk());
      write(recorded, message + "-null", sdk((Object) null));
      write(recorded, message + "-text", sdk("please"));
      write(recorded, message + "-two", sdk("please", 2));
      write(recorded, message + "-map", sdk(Map.of("reason", "please")));
      write(recorded, message + "-bytes", sdk((Object) new byte[] {(byte) 0xff, 0, 1}));
      write(recorded, message + "-protobuf", sdk(message()));
      write(recorded, message + "-binary-protobuf", one(new ProtobufPayloadConverter().toData(message())));
    }
  }

  private static Map<String, List<Payload>> starts() {
    CreatePayoutRequest.Builder unnamed = message().getRequest().toBuilder();
    unnamed.getBeneficiaryBuilder().clearTaxId();
    Map<String, List<Payload>> starts = new TreeMap<>();
    // With tax id: all of these are one order.
    starts.put("start-protobuf", sdk(message()));
    starts.put("start-camel", sdk(new Start<>(PAYOUT, request(12_300L, 1_234_567, camel(TAX_ID)))));
    starts.put("start-snake", sdk(new Start<>(PAYOUT, request(12_300L, 1_234_567, snake(TAX_ID)))));
    starts.put("start-map", sdk(map(TAX_ID)));
    starts.put("start-payout-id", sdk(new StartById<>(PAYOUT, request(12_300L, 1_234_567, camel(TAX_ID)))));
    starts.put("start-text-amount", sdk(new Start<>(PAYOUT, request("12300", "1234567", camel(TAX_ID)))));
    // Without: absent, null and empty are the same.
    starts.put("bare-protobuf", sdk(message().toBuilder().setRequest(unnamed).build()));
    starts.put("bare-camel-null", sdk(new Start<>(PAYOUT, request(12_300L, 1_234_567, camel(null)))));
    starts.put("bare-camel-empty", sdk(new Start<>(PAYOUT, request(12_300L, 1_234_567, camel("")))));
    starts.put("bare-snake-null", sdk(new Start<>(PAYOUT, request(12_300L, 1_234_567, snake(null)))));
    starts.put("bare-map-absent", sdk(map(null)));
    // What services get wrong.
    starts.put("refused-nothing", sdk());
    starts.put("refused-two", sdk(PAYOUT, message().getRequest()));
    starts.put("refused-null", sdk((Object) null));
    starts.put("refused-json-null", one(new JacksonJsonPayloadConverter().toData(null)));
    starts.put("refused-json-as-text", sdk("{\"payout\":\"" + PAYOUT + "\"}"));
    starts.put("refused-protobuf-defaults", sdk(DirectStart.getDefaultInstance()));
    starts.put("refused-protobuf-only-request", sdk(message().getRequest()));
    starts.put("refused-camel-more", sdk(new StartWithMore<>(PAYOUT, request(12_300L, 7, camel(null)), "web")));
    // They read as a request, whose fields are wrong.
    DirectStart.Builder empty = DirectStart.newBuilder().setPayout(PAYOUT);
    starts.put("wrong-protobuf-request-defaults", sdk(empty.setRequest(CreatePayoutRequest.getDefaultInstance()).build()));
    starts.put("wrong-camel-nulls", sdk(new Start<>(PAYOUT, new Request<>(null, null, null, null, null, null))));
    starts.put("wrong-pesos-decimal", sdk(new Start<>(PAYOUT, request(new BigDecimal("123.00"), 7, camel(null)))));
    starts.put("wrong-pesos-double", sdk(new Start<>(PAYOUT, request(12_300.0, 7, camel(null)))));
    // Encodings that the worker does not know.
    starts.put("waits-binary-protobuf", one(new ProtobufPayloadConverter().toData(message())));
    starts.put("waits-bytes", sdk((Object) message().toByteArray()));
    return starts;
  }

  private static DirectStart message() {
    Beneficiary beneficiary = Beneficiary.newBuilder().setClabe(CLABE).setName(NAME).setTaxId(TAX_ID).build();
    CreatePayoutRequest request =
        CreatePayoutRequest.newBuilder()
            .setAccount(ACCOUNT)
            .setAmount(12_300)
            .setCurrency("MXN")
            .setBeneficiary(beneficiary)
            .setConcept(CONCEPT)
            .setReference(1_234_567)
            .build();
    return DirectStart.newBuilder().setPayout(PAYOUT).setRequest(request).build();
  }

  private static <A, N, B> Request<A, N, B> request(A amount, N reference, B beneficiary) {
    return new Request<>(ACCOUNT, amount, "MXN", beneficiary, CONCEPT, reference);
  }

  private static Camel camel(String taxId) {
    return new Camel(CLABE, NAME, taxId);
  }

  private static Snake snake(String taxId) {
    return new Snake(CLABE, NAME, taxId);
  }

  private static Map<String, Object> map(String taxId) {
    Map<String, Object> beneficiary = new LinkedHashMap<>(Map.of("clabe", CLABE));
    beneficiary.put("name", NAME);
    if (taxId != null) {
      beneficiary.put("tax_id", taxId);
    }
    Map<String, Object> request = new LinkedHashMap<>();
    request.put("account", ACCOUNT);
    request.put("amount", 12_300);
    request.put("currency", "MXN");
    request.put("beneficiary", beneficiary);
    request.put("concept", CONCEPT);
    request.put("reference", 1_234_567);
    Map<String, Object> start = new LinkedHashMap<>(Map.of("payout", PAYOUT));
    start.put("request", request);
    return start;
  }

  private static List<Payload> sdk(Object... values) {
    return SDK.toPayloads(values).map(Payloads::getPayloadsList).orElse(List.of());
  }

  private static List<Payload> one(java.util.Optional<Payload> payload) {
    return List.of(payload.orElseThrow());
  }

  // One file: each payload's metadata, and its data as text where it is text.
  private static void write(Path directory, String name, List<Payload> payloads) throws IOException {
    List<Object> shown = new ArrayList<>();
    for (Payload payload : payloads) {
      Map<String, String> metadata = new TreeMap<>();
      payload.getMetadataMap().forEach((key, value) -> metadata.put(key, value.toStringUtf8()));
      Map<String, Object> one = new LinkedHashMap<>();
      one.put("metadata", metadata);
      if (metadata.getOrDefault("encoding", "").startsWith("json/")) {
        one.put("text", text(payload.getData()));
      } else {
        one.put("base64", Base64.getEncoder().encodeToString(payload.getData().toByteArray()));
      }
      shown.add(one);
    }
    byte[] json = new ObjectMapper().enable(SerializationFeature.INDENT_OUTPUT).writeValueAsBytes(shown);
    Files.write(directory.resolve(name + ".json"), (new String(json, StandardCharsets.UTF_8) + "\n").getBytes(StandardCharsets.UTF_8));
  }

  private static String text(ByteString data) throws CharacterCodingException {
    return StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(data.toByteArray())).toString();
  }
}
