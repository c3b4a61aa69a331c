import { trace } from '@opentelemetry/api';
import { describe, expect, test } from '@jest/globals';
import { serviceNameOf, signalsOf } from '../../lib/telemetry/config.ts';
import { METRICS, ATTRIBUTES, SPANS } from '../../lib/telemetry/names.ts';
import { beginStep, beginTrace, traceparentFrom } from '../../lib/telemetry/spans.ts';
import { startTelemetry, stopTelemetry } from '../../lib/telemetry/start.ts';
import { formatTraceparent, isSampled, parseTraceparent } from '../../lib/telemetry/traceparent.ts';

const traceparent = (flags: string): string =>
  `00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-${flags}`;

test.each([
  [{}, false, false],
  [{ OTEL_SERVICE_NAME: 'x', OTEL_TRACES_SAMPLER: 'always_on' }, false, false],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318' }, true, true],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318', OTEL_METRICS_EXPORTER: 'none' }, true, false],
  [{ OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: 'http://c:4318/v1/metrics' }, false, true],
  [{ OTEL_TRACES_EXPORTER: 'console' }, true, false],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4318', OTEL_SDK_DISABLED: 'true' }, false, false],
])('%j asks for traces %p, metrics %p', (env, traces, metrics) => {
  expect(signalsOf(env)).toEqual({ traces, metrics });
});

test('a service is named after its part, unless it is named', () => {
  expect(serviceNameOf({}, 'fanout')).toBe('mesh-fanout');
  expect(serviceNameOf({ OTEL_SERVICE_NAME: 'x' }, 'fanout')).toBeUndefined();
  const attributes = 'a=b,service.name=x';
  expect(serviceNameOf({ OTEL_RESOURCE_ATTRIBUTES: attributes }, 'fanout')).toBeUndefined();
});

test('not asked for, nothing is started', async () => {
  await startTelemetry({}, 'up');
  expect(trace.getTracer('t').startSpan('s').isRecording()).toBe(false);
  await stopTelemetry();
});

describe('traceparents', () => {
  test('say in their last digit whether they are sampled', () => {
    for (let flags = 0; flags < 256; flags++) {
      const text = traceparent(flags.toString(16).padStart(2, '0'));
      expect(isSampled(text)).toBe(flags % 2 === 1);
      expect(parseTraceparent(text).traceFlags).toBe(flags % 2);
    }
    expect(isSampled('')).toBe(false);
    expect(isSampled('nonsense')).toBe(false);
  });

  test('are written as they are read', () => {
    expect(formatTraceparent(parseTraceparent(traceparent('01')))).toBe(traceparent('01'));
  });

  test('of strangers are checked', () => {
    expect(traceparentFrom(traceparent('00'))).toBe(traceparent('00'));
    const bad = ['', 'nonsense', traceparent('0'), traceparent('01').replace('00-', 'ff-')];
    expect([...bad, undefined, Buffer.from('x')].map(traceparentFrom).join('')).toBe('');
  });

  test('go through steps that nobody records', () => {
    expect(beginStep(SPANS.settle, traceparent('00')).traceparent).toBe(traceparent('00'));
    expect(beginStep(SPANS.settle, traceparent('01')).traceparent).toBe(traceparent('01'));
    expect(beginTrace(SPANS.settle, '')).toMatchObject({ traceparent: '', isRecording: false });
  });
});

test('no metric has an attribute of which there are as many values as users', () => {
  const personal: readonly string[] = [ATTRIBUTES.user, ATTRIBUTES.session, ATTRIBUTES.version];
  const used = Object.values(METRICS).flatMap(({ attributes }): readonly string[] => attributes);
  expect(used.filter((name) => personal.includes(name))).toEqual([]);
});
