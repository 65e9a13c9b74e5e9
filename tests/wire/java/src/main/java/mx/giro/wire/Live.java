// Starts a payout for real, as a Java service does: a protobuf message, a signal, an update, and the result.
package mx.giro.wire;

import io.temporal.api.common.v1.WorkflowExecution;
import io.temporal.client.WorkflowClient;
import io.temporal.client.WorkflowOptions;
import io.temporal.client.WorkflowStub;
import io.temporal.serviceclient.WorkflowServiceStubs;
import io.temporal.serviceclient.WorkflowServiceStubsOptions;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import mx.giro.v1.Beneficiary;
import mx.giro.v1.CreatePayoutRequest;
import mx.giro.v1.DirectStart;

public final class Live {
  private Live() {}

  // Arguments: Temporal's address, giro's queue, an account with money.
  public static void main(String[] arguments) throws TimeoutException {
    String payout = "po_" + uuidV7().toString().replace("-", "");
    DirectStart start =
        DirectStart.newBuilder()
            .setPayout(payout)
            .setRequest(
                CreatePayoutRequest.newBuilder()
                    .setAccount(arguments[2])
                    .setAmount(12_300)
                    .setCurrency("MXN")
                    .setBeneficiary(
                        Beneficiary.newBuilder().setClabe("012180004643051249").setName("María Beltrán Soto"))
                    .setConcept("Pago de prueba")
                    .setReference(1_234_567))
            .build();
    WorkflowServiceStubs service =
        WorkflowServiceStubs.newServiceStubs(
            WorkflowServiceStubsOptions.newBuilder().setTarget(arguments[0]).build());
    try {
      WorkflowOptions options =
          WorkflowOptions.newBuilder().setTaskQueue(arguments[1]).setWorkflowId("payout-" + payout).build();
      WorkflowStub run = WorkflowClient.newInstance(service).newUntypedWorkflowStub("payout", options);
      WorkflowExecution execution = run.start(start);
      System.out.println("started " + execution.getWorkflowId());
      run.signal("look", start);
      run.signal("look");
      System.out.println("retry: " + run.update("retry", Map.class, start));
      System.out.println("result: " + run.getResult(60, TimeUnit.SECONDS, Map.class));
    } finally {
      service.shutdownNow();
    }
  }

  // A UUIDv7, which Java has none of: milliseconds, then chance.
  private static UUID uuidV7() {
    ThreadLocalRandom chance = ThreadLocalRandom.current();
    long high = System.currentTimeMillis() << 16 | 0x7000 | chance.nextInt(0x1000);
    long low = 0x8000_0000_0000_0000L | chance.nextLong() >>> 2;
    return new UUID(high, low);
  }
}
