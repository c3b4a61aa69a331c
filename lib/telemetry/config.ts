/** OTEL_* settings, those that the SDK does not read by itself: whether it is wanted at all. */

export type Environment = Readonly<Record<string, string | undefined>>;

export const telemetryEnvironment: Environment = process.env;

/** Of each kind of telemetry, whether it is asked for. */
export interface Signals {
  readonly traces: boolean;
  readonly metrics: boolean;
}

/**
 * A kind is asked for by its exporter or by an address to send to. The SDK alone would send everything to
 * localhost:4318 whenever it runs.
 */
export function signalsOf(env: Environment): Signals {
  if (env['OTEL_SDK_DISABLED']?.toLowerCase() === 'true') return { traces: false, metrics: false };
  return { traces: isAsked(env, 'TRACES'), metrics: isAsked(env, 'METRICS') };
}

function isAsked(env: Environment, signal: 'TRACES' | 'METRICS'): boolean {
  const exporter = env[`OTEL_${signal}_EXPORTER`];
  if (exporter) return exporter !== 'none';
  const endpoint =
    env[`OTEL_EXPORTER_OTLP_${signal}_ENDPOINT`] ?? env['OTEL_EXPORTER_OTLP_ENDPOINT'];
  return Boolean(endpoint);
}

/** The service's name, unless OTEL_* gives one. */
export function serviceNameOf(env: Environment, part: string): string | undefined {
  const isGiven =
    Boolean(env['OTEL_SERVICE_NAME']) ||
    /(^|,)\s*service\.name=/.test(env['OTEL_RESOURCE_ATTRIBUTES'] ?? '');
  return isGiven ? undefined : `mesh-${part}`;
}
