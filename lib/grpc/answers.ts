/** The serving side of a stream of requests. */
import {
  Metadata,
  status,
  type handleBidiStreamingCall,
  type ServerDuplexStream,
} from '@grpc/grpc-js';
import { invalidArgument, messageOf, RpcError } from '../errors.ts';
import type { Logger } from '../logger.ts';
import { failureOf, signalOf, type CallContext } from './handlers.ts';
import type { Answer, Question } from './questions.ts';

export interface AnsweringOptions {
  readonly logger: Logger;
  /** Ends the streams: callers are to ask another process. */
  readonly stopping: AbortSignal;
}

/** Answers that the caller has not taken; with more, nothing is read from it until it has taken them all. */
const MAX_UNREAD = 1000;
/** Requests of a stream that are not answered; with so many, nothing is read until half of them are. */
const MAX_IN_WORK = 1000;

/**
 * Answers what comes over a stream, side by side. When the caller has no more, or `stopping` aborts, what has come is
 * answered before the stream ends. An answer that fails ends it at once. A caller who does not read is not heard, nor one
 * who asks more than can be answered: what they ask then waits with them.
 */
export function answerEach<Request, Response>(
  call: ServerDuplexStream<Request, Response>,
  { logger, stopping }: AnsweringOptions,
  answer: (request: Request) => Promise<Response>,
): void {
  const running = new Set<Promise<unknown>>();
  const end = (): void => void Promise.all(running).then(() => call.end());
  const stop = (): void => stopping.removeEventListener('abort', end);
  const resume = (): void => {
    if (running.size <= MAX_IN_WORK / 2 && !call.writableNeedDrain) call.resume();
  };
  call.on('data', (request: Request) => {
    const answered = answer(request).then(
      (response) => {
        call.write(response);
        if (call.writableLength > MAX_UNREAD) call.pause();
      },
      (error: unknown) => call.emit('error', failureOf(error, logger)),
    );
    running.add(answered);
    if (running.size >= MAX_IN_WORK) call.pause();
    void answered.then(() => {
      running.delete(answered);
      if (call.isPaused()) resume();
    });
  });
  call.on('drain', resume);
  stopping.addEventListener('abort', end);
  if (stopping.aborted) end();
  call.on('end', end);
  call.on('close', stop);
  call.on('cancelled', stop);
  call.on('error', stop);
}

/** Serves a stream of requests by the handler of the call that asks for one. */
export function answering<Request, Response>(
  options: AnsweringOptions,
  handle: (request: Request, context: CallContext) => Promise<Response>,
): handleBidiStreamingCall<Question<Request>, Answer<Response>> {
  return (call) => {
    const signal = signalOf(call);
    const outcomeOf = async (question: Question<Request>): Promise<Answer<Response>['outcome']> => {
      try {
        if (question.request === undefined) throw missingRequest();
        const context = { metadata: toMetadata(question.metadata), signal };
        return { $case: 'response', value: await handle(question.request, context) };
      } catch (error) {
        const { code, details: message } = failureOf(error, options.logger);
        return { $case: 'failure', value: { code, message } };
      }
    };
    answerEach(call, options, async (question) => ({
      requestId: question.requestId,
      outcome: await outcomeOf(question),
    }));
  };
}

function missingRequest(): RpcError {
  return new RpcError(status.INVALID_ARGUMENT, 'request: is missing; give what a call would take');
}

function toMetadata(names: Readonly<Record<string, string>>): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(names)) setName(metadata, name, value);
  return metadata;
}

function setName(metadata: Metadata, name: string, value: string): void {
  try {
    metadata.set(name, value);
  } catch (error) {
    throw invalidArgument('metadata', messageOf(error));
  }
}
