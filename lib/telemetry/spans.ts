/** Spans as declared in names.ts, for work that goes on elsewhere: what comes of one is told by its traceparent. */
import {
  isSpanContextValid,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  trace,
  type Span,
} from '@opentelemetry/api';
import type { AttributeName, SpanName } from './names.ts';
import { formatTraceparent, isSampled, isTraceparent, parseTraceparent } from './traceparent.ts';

const SCOPE = 'presence-mesh';

export type SpanAttributes = Readonly<Partial<Record<AttributeName, string | number>>>;

export interface Step {
  /** For what comes of it; '' when it is in no trace. */
  readonly traceparent: string;
  /** False: nothing that is told of it is kept, so that it need not be gathered. */
  readonly isRecording: boolean;
  set(attributes: SpanAttributes): void;
  /** The first call counts. */
  end(): void;
  fail(error: unknown): void;
}

export interface StepOptions {
  readonly kind?: keyof typeof SpanKind;
  /** When it began, ms since the epoch; now when absent. */
  readonly startMs?: number;
  readonly attributes?: SpanAttributes;
  /** Traceparent of something it has to do with, though it does not come of it. */
  readonly link?: string;
}

/** Where a trace may begin, and the sampler is asked: `parent` is a traceparent, or '' when it comes of nothing. */
export function beginTrace(name: SpanName, parent: string, options: StepOptions = {}): Step {
  const { kind = 'INTERNAL', startMs, attributes, link = '' } = options;
  const context =
    parent === '' ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, parseTraceparent(parent));
  const span = trace.getTracer(SCOPE).startSpan(
    name,
    {
      kind: SpanKind[kind],
      ...(startMs === undefined ? {} : { startTime: startMs }),
      ...(attributes ? { attributes } : {}),
      ...(link === '' ? {} : { links: [{ context: parseTraceparent(link) }] }),
    },
    context,
  );
  const spanContext = span.spanContext();
  if (!isSpanContextValid(spanContext)) return unrecorded('');
  const traceparent = formatTraceparent(spanContext);
  return span.isRecording() ? recorded(span, traceparent) : unrecorded(traceparent);
}

/** A step of a trace that has begun elsewhere: costs nothing unless that is sampled. */
export function beginStep(name: SpanName, parent: string, options?: StepOptions): Step {
  return isSampled(parent) ? beginTrace(name, parent, options) : unrecorded(parent);
}

/** The step is how long the task takes, and fails with it. */
export async function during<T>(step: Step, task: () => Promise<T>): Promise<T> {
  try {
    const result = await task();
    step.end();
    return result;
  } catch (error) {
    step.fail(error);
    throw error;
  }
}

/** What somebody sent as a traceparent; '' when it is none. */
export function traceparentFrom(given: unknown): string {
  return typeof given === 'string' && isTraceparent(given) ? given : '';
}

function recorded(span: Span, traceparent: string): Step {
  return {
    traceparent,
    isRecording: true,
    set: (attributes) => span.setAttributes(attributes),
    end: () => {
      if (span.isRecording()) span.end();
    },
    fail: (error) => {
      if (!span.isRecording()) return;
      const message = error instanceof Error ? error.message : String(error);
      span.setStatus({ code: SpanStatusCode.ERROR, message });
      span.end();
    },
  };
}

const nothing = (): void => undefined;

function unrecorded(traceparent: string): Step {
  return { traceparent, isRecording: false, set: nothing, end: nothing, fail: nothing };
}
