/**
 * Loads the OpenTelemetry SDK when OTEL_* asks for it, before any part makes its instruments. Not asked for, nothing
 * is loaded and nothing sent. Telemetry is of the process: the API keeps it, and so does this.
 */
import { serviceNameOf, signalsOf, type Environment } from './config.ts';
import { noContext } from './no-context.ts';

let stop: (() => Promise<void>) | undefined;

/** @param part what the process is, for its service's name. */
export async function startTelemetry(env: Environment, part: string): Promise<void> {
  const { traces, metrics } = signalsOf(env);
  if (!traces && !metrics) return;
  const { NodeSDK } = await import('@opentelemetry/sdk-node');
  const serviceName = serviceNameOf(env, part);
  const sdk = new NodeSDK({
    ...(serviceName === undefined ? {} : { serviceName }),
    ...(traces ? {} : { spanProcessors: [] }),
    ...(metrics ? {} : { metricReaders: [] }),
    logRecordProcessors: [],
    instrumentations: [],
    contextManager: noContext,
  });
  sdk.start();
  stop = () => sdk.shutdown();
}

/** Sends what has not been sent. */
export async function stopTelemetry(): Promise<void> {
  await stop?.();
  stop = undefined;
}
