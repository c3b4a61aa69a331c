/** Takes what processes send over OTLP/HTTP in JSON, as a collector does. */
import type { IncomingMessage } from 'node:http';
import { startOtlpEndpoint } from './otlp-endpoint.ts';

export interface ReceivedSpan {
  readonly name: string;
  readonly service: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  /** 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
  readonly kind: number;
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Readonly<Record<string, string>>;
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
}

/** One time series, as last sent. */
export interface ReceivedSeries {
  readonly metric: string;
  readonly unit: string;
  readonly service: string;
  readonly attributes: Readonly<Record<string, string>>;
  /** Of a histogram, the number of values; else the value. */
  readonly count: number;
  /** Of a histogram. */
  readonly sum: number;
}

export interface OtlpReceiver extends AsyncDisposable {
  /** What makes a process send here, soon. */
  readonly env: Readonly<Record<string, string>>;
  readonly spans: readonly ReceivedSpan[];
  /** Bodies as they came. */
  readonly bodies: readonly string[];
  /** The newest of each time series. */
  series(): readonly ReceivedSeries[];
}

export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = [];
  const series = new Map<string, ReceivedSeries>();
  const bodies: string[] = [];
  const take = async (request: IncomingMessage): Promise<void> => {
    const body = await textOf(request);
    bodies.push(body);
    if (request.url === '/v1/traces') spans.push(...spansOf(JSON.parse(body) as TracesBody));
    if (request.url !== '/v1/metrics') return;
    for (const one of seriesOf(JSON.parse(body) as MetricsBody)) {
      series.set(JSON.stringify([one.service, one.metric, one.attributes]), one);
    }
  };
  const endpoint = await startOtlpEndpoint(take);
  return {
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: endpoint.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_BSP_SCHEDULE_DELAY: '100',
      OTEL_METRIC_EXPORT_INTERVAL: '300',
      OTEL_METRIC_EXPORT_TIMEOUT: '300',
    },
    spans,
    bodies,
    series: () => [...series.values()],
    [Symbol.asyncDispose]: () => endpoint[Symbol.asyncDispose](),
  };
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

interface Attribute {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}

interface Resource {
  readonly resource: { readonly attributes: readonly Attribute[] };
}

interface WireSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly Attribute[];
  readonly links?: readonly { readonly traceId: string; readonly spanId: string }[];
}

interface TracesBody {
  readonly resourceSpans: readonly (Resource & {
    readonly scopeSpans: readonly { readonly spans: readonly WireSpan[] }[];
  })[];
}

interface WirePoint {
  readonly attributes: readonly Attribute[];
  readonly asInt?: number | string;
  readonly asDouble?: number;
  readonly count?: number | string;
  readonly sum?: number;
}

interface Points {
  readonly dataPoints: readonly WirePoint[];
}

interface WireMetric {
  readonly name: string;
  readonly unit: string;
  readonly sum?: Points;
  readonly gauge?: Points;
  readonly histogram?: Points;
}

interface MetricsBody {
  readonly resourceMetrics: readonly (Resource & {
    readonly scopeMetrics: readonly { readonly metrics: readonly WireMetric[] }[];
  })[];
}

function spansOf({ resourceSpans }: TracesBody): ReceivedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) => spans.map((span) => toSpan(span, serviceOf(resource)))),
  );
}

function toSpan(span: WireSpan, service: string): ReceivedSpan {
  const { name, traceId, spanId, parentSpanId, kind, links = [] } = span;
  return {
    ...{ name, service, traceId, spanId, kind, links },
    parentSpanId: parentSpanId === '' ? undefined : parentSpanId,
    startMs: milliseconds(span.startTimeUnixNano),
    endMs: milliseconds(span.endTimeUnixNano),
    attributes: recordOf(span.attributes),
  };
}

function seriesOf({ resourceMetrics }: MetricsBody): ReceivedSeries[] {
  return resourceMetrics.flatMap(({ resource, scopeMetrics }) =>
    scopeMetrics.flatMap(({ metrics }) =>
      metrics.flatMap((metric) =>
        pointsOf(metric).map((point) => toSeries(metric, point, serviceOf(resource))),
      ),
    ),
  );
}

const pointsOf = ({ sum, gauge, histogram }: WireMetric): readonly WirePoint[] =>
  (sum ?? gauge ?? histogram)?.dataPoints ?? [];

function toSeries({ name, unit }: WireMetric, point: WirePoint, service: string): ReceivedSeries {
  const count = Number(point.count ?? point.asInt ?? point.asDouble);
  const attributes = recordOf(point.attributes);
  return { metric: name, unit, service, attributes, count, sum: point.sum ?? 0 };
}

/** Nanoseconds since the epoch do not fit a number: whole milliseconds do, and then the rest. */
function milliseconds(nanos: string): number {
  const value = BigInt(nanos);
  return Number(value / 1_000_000n) + Number(value % 1_000_000n) / 1e6;
}

const serviceOf = ({ attributes }: Resource['resource']): string =>
  recordOf(attributes)['service.name'] ?? '';

function recordOf(attributes: readonly Attribute[]): Record<string, string> {
  return Object.fromEntries(
    attributes.map(({ key, value }) => [key, String(Object.values(value)[0])]),
  );
}
